// Block moves of all sizes: a gap buffer being edited, a deque of records, string building, buffer reversal.
//
// Stresses: memcpy, memmove, memset, memcmp (bulk-memory instructions) and byte loops.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 1 << 18, EDITS = 90000, BLOCKS = 1 << 22, COPIES = 6000000 };

typedef struct {
    char *bytes;
    size_t gap_start, gap_end;   // text is bytes[0..gap_start) and bytes[gap_end..CAPACITY)
} buffer;

static uint32_t random_state = 55555;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static size_t length_of(const buffer *b) { return CAPACITY - (b->gap_end - b->gap_start); }

static void move_gap(buffer *b, size_t position) {
    if (position < b->gap_start) {
        size_t count = b->gap_start - position;
        b->gap_start -= count;
        b->gap_end -= count;
        memmove(b->bytes + b->gap_end, b->bytes + position, count);
    } else {
        size_t count = position - b->gap_start;
        memmove(b->bytes + b->gap_start, b->bytes + b->gap_end, count);
        b->gap_start += count;
        b->gap_end += count;
    }
}

static void insert(buffer *b, const char *text, size_t size) {
    if (size > b->gap_end - b->gap_start) return;
    memcpy(b->bytes + b->gap_start, text, size);
    b->gap_start += size;
}

static void edit(buffer *b) {
    char text[64];
    for (int i = 0; i < EDITS; i++) {
        size_t size = 1 + next_random() % 60;
        move_gap(b, next_random() % (length_of(b) + 1));
        if (next_random() % 8 < 5) {
            memset(text, 'a' + (int)(next_random() % 26), size);
            insert(b, text, size);
        } else if (size <= b->gap_start) {
            b->gap_start -= size;
        }
    }
    move_gap(b, length_of(b));
}

// Copies of small, varying sizes between two areas: the cost of a call counts.
static uint64_t copy_small_blocks(uint8_t *to, const uint8_t *from) {
    uint64_t total = 0;
    for (int i = 0; i < COPIES; i++) {
        uint32_t random = next_random();
        size_t size = random % 100, source = (random >> 7) % 60000, target = (random >> 13) % 60000;
        memcpy(to + target, from + source, size);
        total += to[target] + (memcmp(to + target, from + source / 2, size) == 0);
    }
    return total;
}

static void reverse(uint8_t *bytes, size_t size) {
    for (size_t i = 0, j = size - 1; i < j; i++, j--) {
        uint8_t held = bytes[i];
        bytes[i] = bytes[j];
        bytes[j] = held;
    }
}

// Rotation by three reversals, checked against rotation by block moves.
static int rotations_agree(uint8_t *a, uint8_t *b, size_t by) {
    memcpy(b, a + by, BLOCKS - by);
    memcpy(b + BLOCKS - by, a, by);
    reverse(a, by);
    reverse(a + by, BLOCKS - by);
    reverse(a, BLOCKS);
    return memcmp(a, b, BLOCKS) == 0;
}

int main(void) {
    buffer b = {malloc(CAPACITY), 0, CAPACITY};
    uint8_t *first = malloc(BLOCKS), *second = malloc(BLOCKS);
    if (b.bytes == NULL || first == NULL || second == NULL) return 1;
    edit(&b);
    uint32_t hash = 0;
    for (size_t i = 0; i < length_of(&b); i++) hash = hash * 31 + (uint8_t)b.bytes[i];
    for (int i = 0; i < BLOCKS; i++) first[i] = (uint8_t)(next_random() >> 9);
    memset(second, 7, BLOCKS);
    uint64_t total = copy_small_blocks(second, first);
    int agreed = 0;
    for (int i = 0; i < 25; i++) {
        agreed += rotations_agree(first, second, 1 + next_random() % (BLOCKS - 2));
        memmove(first + i, first, BLOCKS / 2);
        memset(second + i * 1000, i, BLOCKS / 4);
    }
    for (int i = 0; i < BLOCKS; i += 61) hash = hash * 31 + first[i] + second[i];
    printf("memmove length %u hash %08x total %llu agreed %d\n", (unsigned)length_of(&b), (unsigned)hash,
           (unsigned long long)total, agreed);
    free(b.bytes);
    free(first);
    free(second);
    return 0;
}
