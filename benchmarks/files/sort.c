// Sorts the 16-byte records of the file `in` into `sorted`, by their first 8 bytes, with little memory: pieces are
// sorted into temporary files, which are then merged.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct {
    uint64_t key, value;
} Record;

enum { PIECE = 1 << 20, BUFFER = 4096, PIECES = 64 };

static Record piece[PIECE], spare[PIECE], buffers[PIECES][BUFFER], merged[BUFFER];
static int files[PIECES];
static int at[PIECES], end[PIECES];

// A radix sort, so that what the C library brings does not count.
static void sort(Record *from, Record *to, size_t count) {
    for (int shift = 0; shift < 64; shift += 8) {
        size_t starts[256] = {0}, start = 0;
        for (size_t k = 0; k < count; k++) starts[from[k].key >> shift & 255]++;
        for (int digit = 0; digit < 256; digit++) {
            size_t size = starts[digit];
            starts[digit] = start;
            start += size;
        }
        for (size_t k = 0; k < count; k++) to[starts[from[k].key >> shift & 255]++] = from[k];
        Record *other = from;
        from = to;
        to = other;
    }
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static size_t read_all(int file, void *to, size_t size) {
    size_t done = 0;
    while (done < size) {
        ssize_t count = read(file, (char *)to + done, size - done);
        if (count < 0) fail("read");
        if (count == 0) break;
        done += (size_t)count;
    }
    return done;
}

static void write_all(int file, const void *from, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t count = write(file, (const char *)from + done, size - done);
        if (count < 0) fail("write");
        done += (size_t)count;
    }
}

static int fill(int k) {
    at[k] = 0;
    end[k] = (int)(read_all(files[k], buffers[k], sizeof buffers[k]) / sizeof(Record));
    return end[k] > 0;
}

int main(void) {
    int in = open("/in", O_RDONLY);
    if (in < 0) fail("in");
    int pieces = 0;
    size_t size;
    char name[32];
    while ((size = read_all(in, piece, sizeof piece)) > 0) {
        sort(piece, spare, size / sizeof(Record));
        snprintf(name, sizeof name, "/piece%d", pieces);
        int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0666);
        if (file < 0) fail(name);
        write_all(file, piece, size);
        if (lseek(file, 0, SEEK_SET) < 0) fail("lseek");
        files[pieces++] = file;
    }
    int out = open("/sorted", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (out < 0) fail("sorted");
    int heap[PIECES], count = 0, filled = 0;
    uint64_t sum = 0, last = 0, place = 0;
    for (int k = 0; k < pieces; k++)
        if (fill(k)) heap[count++] = k;
    while (count > 0) {
        int least = 0;
        for (int k = 1; k < count; k++)
            if (buffers[heap[k]][at[heap[k]]].key < buffers[heap[least]][at[heap[least]]].key) least = k;
        int k = heap[least];
        Record record = buffers[k][at[k]++];
        if (record.key < last) return 2;
        last = record.key;
        sum += record.value * ++place;
        merged[filled++] = record;
        if (filled == BUFFER) {
            write_all(out, merged, sizeof merged);
            filled = 0;
        }
        if (at[k] == end[k] && !fill(k)) heap[least] = heap[--count];
    }
    write_all(out, merged, (size_t)filled * sizeof(Record));
    for (int k = 0; k < pieces; k++) {
        snprintf(name, sizeof name, "/piece%d", k);
        close(files[k]);
        if (unlink(name) < 0) fail(name);
    }
    printf("%llu records, %llu\n", (unsigned long long)place, (unsigned long long)sum);
    return 0;
}
