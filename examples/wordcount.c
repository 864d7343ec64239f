// Counts lines, words and bytes of files, or of standard input when no file is named.

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    long lines, words, bytes;
} counts;

static counts count(FILE *file) {
    counts found = {0, 0, 0};
    char buffer[65536];
    size_t size;
    int in_word = 0;
    while ((size = fread(buffer, 1, sizeof buffer, file)) > 0) {
        found.bytes += (long)size;
        for (size_t i = 0; i < size; i++) {
            int is_space = isspace((unsigned char)buffer[i]) != 0;
            found.lines += buffer[i] == '\n';
            found.words += in_word && is_space;
            in_word = !is_space;
        }
    }
    found.words += in_word;
    return found;
}

static void report(counts c, const char *name) {
    printf("%8ld %8ld %8ld  %s\n", c.lines, c.words, c.bytes, name);
}

int main(int argc, char **argv) {
    counts total = {0, 0, 0};
    int status = 0;
    if (argc < 2) report(count(stdin), "");
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            fprintf(stderr, "wordcount: %s: %s\n", argv[i], strerror(errno));
            status = 1;
            continue;
        }
        counts c = count(file);
        fclose(file);
        report(c, argv[i]);
        total.lines += c.lines;
        total.words += c.words;
        total.bytes += c.bytes;
    }
    if (argc > 2) report(total, "total");
    return status;
}
