// Least-significant-digit radix sort of 64-bit keys, of doubles by their bits, and a counting sort.
//
// Stresses: scattered stores, histogram increments, shifts and masks on 64-bit integers, reinterpretation
// between floats and integers.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 1 << 20, DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

static uint64_t random_state = 0x9E3779B97F4A7C15ull;

static uint64_t next_random(void) {
    uint64_t z = random_state += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

static void radix_sort(uint64_t *keys, uint64_t *scratch) {
    for (int shift = 0; shift < 64; shift += DIGIT_BITS) {
        uint32_t start[DIGITS + 1] = {0};
        for (int i = 0; i < COUNT; i++) start[(keys[i] >> shift & (DIGITS - 1)) + 1]++;
        for (int digit = 0; digit < DIGITS; digit++) start[digit + 1] += start[digit];
        for (int i = 0; i < COUNT; i++) scratch[start[keys[i] >> shift & (DIGITS - 1)]++] = keys[i];
        uint64_t *held = keys;
        keys = scratch;
        scratch = held;
    }
    // An even number of passes: the result is back in the caller's array.
}

// Maps a double to an integer of the same order.
static uint64_t ordered_bits(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits >> 63 ? ~bits : bits | 1ull << 63;
}

static double from_ordered_bits(uint64_t bits) {
    double number;
    bits = bits >> 63 ? bits & ~(1ull << 63) : ~bits;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static void counting_sort(uint16_t *keys, int count) {
    static uint32_t tally[65536];
    memset(tally, 0, sizeof tally);
    for (int i = 0; i < count; i++) tally[keys[i]]++;
    int out = 0;
    for (int key = 0; key < 65536; key++) {
        for (uint32_t i = 0; i < tally[key]; i++) keys[out++] = (uint16_t)key;
    }
}

int main(void) {
    uint64_t *keys = malloc(sizeof(uint64_t) * COUNT), *scratch = malloc(sizeof(uint64_t) * COUNT);
    uint16_t *small = malloc(sizeof(uint16_t) * COUNT);
    if (keys == NULL || scratch == NULL || small == NULL) return 1;
    uint64_t hash = 0;
    int misplaced = 0;
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < COUNT; i++) keys[i] = next_random() >> (round * 4);
        radix_sort(keys, scratch);
        for (int i = 1; i < COUNT; i++) misplaced += keys[i - 1] > keys[i];
        for (int i = 0; i < COUNT; i += 97) hash = (hash ^ keys[i]) * 1099511628211ull;
    }
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < COUNT; i++) keys[i] = ordered_bits(((double)(int64_t)next_random()) / (1 << (20 + round)));
        radix_sort(keys, scratch);
        for (int i = 1; i < COUNT; i++) misplaced += from_ordered_bits(keys[i - 1]) > from_ordered_bits(keys[i]);
        for (int i = 0; i < COUNT; i += 89) hash = (hash ^ keys[i]) * 1099511628211ull;
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < COUNT; i++) small[i] = (uint16_t)(next_random() & next_random());
        counting_sort(small, COUNT);
        for (int i = 0; i < COUNT; i += 83) hash = (hash ^ small[i]) * 1099511628211ull;
    }
    printf("radixsort misplaced %d hash %016llx\n", misplaced, (unsigned long long)hash);
    free(keys);
    free(scratch);
    free(small);
    return 0;
}
