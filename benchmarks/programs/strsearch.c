// Substring search four ways: directly, Knuth-Morris-Pratt, Boyer-Moore-Horspool and Rabin-Karp.
//
// Stresses: byte loads, data-dependent skips, rolling hashes, short inner loops.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 4000000, PATTERNS = 12, MAX_PATTERN = 64 };

static uint8_t *text;

static uint32_t random_state = 1013904223u;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static uint32_t count_directly(const uint8_t *pattern, int size) {
    uint32_t found = 0;
    for (int i = 0; i + size <= SIZE; i++) {
        int j = 0;
        while (j < size && text[i + j] == pattern[j]) j++;
        if (j == size) found = found * 3 + (uint32_t)i;
    }
    return found;
}

static uint32_t count_by_prefixes(const uint8_t *pattern, int size) {
    int fallback[MAX_PATTERN + 1] = {-1}, matched = -1;
    for (int i = 0; i < size; i++) {
        while (matched >= 0 && pattern[matched] != pattern[i]) matched = fallback[matched];
        fallback[i + 1] = ++matched;
    }
    uint32_t found = 0;
    matched = 0;
    for (int i = 0; i < SIZE; i++) {
        while (matched >= 0 && pattern[matched] != text[i]) matched = fallback[matched];
        if (++matched == size) {
            found = found * 3 + (uint32_t)(i - size + 1);
            matched = fallback[matched];
        }
    }
    return found;
}

static uint32_t count_by_skips(const uint8_t *pattern, int size) {
    int skip[256];
    for (int i = 0; i < 256; i++) skip[i] = size;
    for (int i = 0; i < size - 1; i++) skip[pattern[i]] = size - 1 - i;
    uint32_t found = 0;
    for (int i = 0; i + size <= SIZE; i += skip[text[i + size - 1]]) {
        int j = size - 1;
        while (j >= 0 && text[i + j] == pattern[j]) j--;
        if (j < 0) found = found * 3 + (uint32_t)i;
    }
    return found;
}

static uint32_t count_by_hashes(const uint8_t *pattern, int size) {
    const uint32_t base = 16777619u;
    uint32_t wanted = 0, rolling = 0, highest = 1, found = 0;
    for (int i = 0; i < size; i++) {
        wanted = wanted * base + pattern[i];
        rolling = rolling * base + text[i];
        if (i > 0) highest *= base;
    }
    for (int i = 0; i + size <= SIZE; i++) {
        if (rolling == wanted && memcmp(text + i, pattern, (size_t)size) == 0) found = found * 3 + (uint32_t)i;
        if (i + size < SIZE) rolling = (rolling - text[i] * highest) * base + text[i + size];
    }
    return found;
}

int main(void) {
    text = malloc(SIZE);
    if (text == NULL) return 1;
    for (int i = 0; i < SIZE; i++) {
        // Repeats an earlier stretch often, so that long patterns match in part.
        if (i > 1000 && next_random() % 64 == 0) {
            int length = 20 + (int)(next_random() % 60), from = (int)(next_random() % (uint32_t)(i - 100));
            for (int j = 0; j < length && i < SIZE; j++) text[i++] = text[from + j];
            i--;
        } else {
            text[i] = (uint8_t)('a' + (next_random() & next_random() & 7));
        }
    }
    uint32_t hash = 0;
    int differences = 0;
    for (int p = 0; p < PATTERNS; p++) {
        uint8_t pattern[MAX_PATTERN];
        int size = 2 + p * 5;
        memcpy(pattern, text + next_random() % (SIZE - MAX_PATTERN), (size_t)size);
        uint32_t directly = count_directly(pattern, size);
        differences += directly != count_by_prefixes(pattern, size);
        differences += directly != count_by_skips(pattern, size);
        differences += directly != count_by_hashes(pattern, size);
        hash = hash * 31 + directly;
    }
    printf("strsearch differences %d hash %08x\n", differences, (unsigned)hash);
    free(text);
    return 0;
}
