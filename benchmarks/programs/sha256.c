// SHA-256: checks two digests of FIPS 180-4, then hashes a long message and a chain of short ones.
//
// Stresses: long dependency chains of 32-bit additions, rotations and logic; byte-order reversal.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 1 << 20, PASSES = 60, CHAIN = 400000 };

static uint32_t constants[64];

typedef struct {
    uint32_t words[8];
} digest;

static uint32_t rotate(uint32_t x, int by) { return x >> by | x << (32 - by); }

// The first 32 bits of the fractional part of the `root`-th root of `number`, by bisection on integers.
static uint32_t fraction_of_root(uint32_t number, int root) {
    uint64_t low = 0, high = 1ull << 36;   // value times 2^32
    while (high - low > 1) {
        uint64_t middle = (low + high) / 2;
        unsigned __int128 power = (unsigned __int128)middle * middle;
        unsigned __int128 wanted = number;
        int is_below = root == 2 ? power <= wanted << 64 : power * middle <= wanted << 96;
        if (is_below) low = middle;
        else high = middle;
    }
    return (uint32_t)low;
}

static digest initial;

static void make_constants(void) {
    int found = 0;
    for (uint32_t number = 2; found < 64; number++) {
        int is_prime = 1;
        for (uint32_t divisor = 2; divisor * divisor <= number; divisor++) is_prime &= number % divisor != 0;
        if (!is_prime) continue;
        constants[found] = fraction_of_root(number, 3);
        if (found < 8) initial.words[found] = fraction_of_root(number, 2);
        found++;
    }
}

static void absorb(digest *state, const uint8_t *block) {
    uint32_t w[64];
    for (int i = 0; i < 16; i++) {
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8
             | block[4 * i + 3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t near = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        uint32_t far = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        w[i] = near + w[i - 7] + far + w[i - 16];
    }
    uint32_t a = state->words[0], b = state->words[1], c = state->words[2], d = state->words[3];
    uint32_t e = state->words[4], f = state->words[5], g = state->words[6], h = state->words[7];
    for (int i = 0; i < 64; i++) {
        uint32_t chosen = (e & f) ^ (~e & g), majority = (a & b) ^ (a & c) ^ (b & c);
        uint32_t first = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + chosen + constants[i] + w[i];
        uint32_t second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority;
        h = g, g = f, f = e, e = d + first, d = c, c = b, b = a, a = first + second;
    }
    const uint32_t sums[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++) state->words[i] += sums[i];
}

static digest hash_of(const uint8_t *message, size_t size) {
    digest state = initial;
    uint8_t tail[128] = {0};
    size_t whole = size / 64 * 64, rest = size - whole, tail_size = rest < 56 ? 64 : 128;
    for (size_t at = 0; at < whole; at += 64) absorb(&state, message + at);
    memcpy(tail, message + whole, rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++) tail[tail_size - 1 - (size_t)i] = (uint8_t)((uint64_t)size * 8 >> (8 * i));
    for (size_t at = 0; at < tail_size; at += 64) absorb(&state, tail + at);
    return state;
}

int main(void) {
    make_constants();
    static const char *const two_blocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    digest short_digest = hash_of((const uint8_t *)"abc", 3);
    digest long_digest = hash_of((const uint8_t *)two_blocks, strlen(two_blocks));
    int is_right = short_digest.words[0] == 0xba7816bf && long_digest.words[0] == 0x248d6a61;

    uint8_t *data = malloc(SIZE);
    if (data == NULL) return 1;
    for (int i = 0; i < SIZE; i++) data[i] = (uint8_t)(i * 7 + (i >> 8));
    uint32_t mixed = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        data[pass] ^= 0x5a;
        mixed ^= hash_of(data, SIZE).words[pass % 8];
    }
    digest link = short_digest;
    for (int i = 0; i < CHAIN; i++) {
        uint8_t bytes[32];
        for (int j = 0; j < 32; j++) bytes[j] = (uint8_t)(link.words[j / 4] >> (24 - j % 4 * 8));
        link = hash_of(bytes, 32);
    }
    printf("sha256 known digests %d mixed %08x chain %08x\n", is_right, (unsigned)mixed, (unsigned)link.words[0]);
    free(data);
    return 0;
}
