// AES-128 in counter mode with lookup tables made at the start; checks the FIPS 197 example first.
//
// Stresses: dependent table lookups, byte extraction, 32-bit exclusive ors, key-schedule byte work.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 10, SIZE = 1 << 20, PASSES = 90 };

static uint8_t sbox[256];
static uint32_t mixed[4][256];

static uint8_t times_two(uint8_t x) { return (uint8_t)(x << 1 ^ (x >> 7) * 0x1b); }

static uint32_t rotate_right(uint32_t x, int by) { return x >> by | x << (32 - by); }

// The S-box from powers of 3 in the field: inverse, then the affine map.
static void make_tables(void) {
    uint8_t power[256], logarithm[256] = {0}, x = 1;
    for (int i = 0; i < 255; i++) {
        power[i] = x;
        logarithm[x] = (uint8_t)i;
        x ^= times_two(x);
    }
    for (int i = 0; i < 256; i++) {
        uint8_t inverse = i < 2 ? (uint8_t)i : power[(255 - logarithm[i]) % 255], s = inverse;
        for (int turn = 1; turn < 5; turn++) s ^= (uint8_t)(inverse << turn | inverse >> (8 - turn));
        sbox[i] = s ^ 0x63;
        uint32_t two = times_two(sbox[i]), three = two ^ sbox[i];
        uint32_t column = two << 24 | (uint32_t)sbox[i] << 16 | (uint32_t)sbox[i] << 8 | three;
        for (int row = 0; row < 4; row++) mixed[row][i] = row ? rotate_right(column, 8 * row) : column;
    }
}

static uint32_t load_word(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void store_word(uint8_t *at, uint32_t word) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(word >> (24 - 8 * i));
}

static uint32_t substituted(uint32_t word) {
    return (uint32_t)sbox[word >> 24] << 24 | (uint32_t)sbox[word >> 16 & 255] << 16
         | (uint32_t)sbox[word >> 8 & 255] << 8 | sbox[word & 255];
}

static void expand_key(uint32_t *schedule, const uint8_t *key) {
    uint8_t constant = 1;
    for (int i = 0; i < 4; i++) schedule[i] = load_word(key + 4 * i);
    for (int i = 4; i < 4 * (ROUNDS + 1); i++) {
        uint32_t word = schedule[i - 1];
        if (i % 4 == 0) {
            word = substituted(rotate_right(word, 24)) ^ (uint32_t)constant << 24;
            constant = times_two(constant);
        }
        schedule[i] = schedule[i - 4] ^ word;
    }
}

static void encrypt_block(uint8_t *out, const uint8_t *in, const uint32_t *schedule) {
    uint32_t now[4], next[4];
    for (int i = 0; i < 4; i++) now[i] = load_word(in + 4 * i) ^ schedule[i];
    for (int round = 1; round < ROUNDS; round++) {
        for (int i = 0; i < 4; i++) {
            next[i] = mixed[0][now[i] >> 24] ^ mixed[1][now[(i + 1) & 3] >> 16 & 255]
                    ^ mixed[2][now[(i + 2) & 3] >> 8 & 255] ^ mixed[3][now[(i + 3) & 3] & 255]
                    ^ schedule[4 * round + i];
        }
        memcpy(now, next, sizeof now);
    }
    for (int i = 0; i < 4; i++) {
        uint32_t shifted = (now[i] & 0xff000000) | (now[(i + 1) & 3] & 0xff0000)
                         | (now[(i + 2) & 3] & 0xff00) | (now[(i + 3) & 3] & 0xff);
        store_word(out + 4 * i, substituted(shifted) ^ schedule[4 * ROUNDS + i]);
    }
}

int main(void) {
    static const uint8_t expected[16] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
                                         0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
    uint8_t key[16], block[16], counter[16] = {0};
    uint32_t schedule[4 * (ROUNDS + 1)];
    make_tables();
    for (int i = 0; i < 16; i++) {
        key[i] = (uint8_t)i;
        block[i] = (uint8_t)(i * 0x11);
    }
    expand_key(schedule, key);
    encrypt_block(block, block, schedule);
    int is_right = memcmp(block, expected, 16) == 0;

    uint8_t *data = calloc(SIZE, 1);
    if (data == NULL) return 1;
    uint32_t number = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        for (int at = 0; at < SIZE; at += 16) {
            store_word(counter + 12, number++);
            encrypt_block(block, counter, schedule);
            for (int i = 0; i < 16; i++) data[at + i] ^= block[i];
        }
    }
    uint32_t hash = 2166136261u;
    for (int i = 0; i < SIZE; i++) hash = (hash ^ data[i]) * 16777619u;
    printf("aes known block %d hash %08x\n", is_right, (unsigned)hash);
    free(data);
    return 0;
}
