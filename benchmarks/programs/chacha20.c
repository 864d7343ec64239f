// ChaCha20: checks the block of RFC 8439, section 2.3.2, then enciphers a long buffer.
//
// Stresses: 32-bit rotations and additions with many values alive at once; vectorisation over blocks.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 1 << 20, ROUNDS = 220 };

static uint32_t rotate_left(uint32_t x, int by) { return x << by | x >> (32 - by); }

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d) {
    *a += *b, *d = rotate_left(*d ^ *a, 16);
    *c += *d, *b = rotate_left(*b ^ *c, 12);
    *a += *b, *d = rotate_left(*d ^ *a, 8);
    *c += *d, *b = rotate_left(*b ^ *c, 7);
}

static void make_block(uint32_t *out, const uint32_t *state) {
    uint32_t x[16];
    memcpy(x, state, sizeof x);
    for (int i = 0; i < 10; i++) {
        quarter_round(&x[0], &x[4], &x[8], &x[12]);
        quarter_round(&x[1], &x[5], &x[9], &x[13]);
        quarter_round(&x[2], &x[6], &x[10], &x[14]);
        quarter_round(&x[3], &x[7], &x[11], &x[15]);
        quarter_round(&x[0], &x[5], &x[10], &x[15]);
        quarter_round(&x[1], &x[6], &x[11], &x[12]);
        quarter_round(&x[2], &x[7], &x[8], &x[13]);
        quarter_round(&x[3], &x[4], &x[9], &x[14]);
    }
    for (int i = 0; i < 16; i++) out[i] = x[i] + state[i];
}

static void start(uint32_t *state, const uint8_t *key, uint32_t counter, const uint32_t *nonce) {
    static const uint32_t constants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(state, constants, 16);
    memcpy(state + 4, key, 32);
    state[12] = counter;
    memcpy(state + 13, nonce, 12);
}

static void encipher(uint8_t *data, size_t size, uint32_t *state) {
    for (size_t at = 0; at < size; at += 64) {
        uint32_t block[16], words[16];
        make_block(block, state);
        memcpy(words, data + at, 64);
        for (int i = 0; i < 16; i++) words[i] ^= block[i];
        memcpy(data + at, words, 64);
        state[12]++;
    }
}

int main(void) {
    uint8_t key[32];
    for (int i = 0; i < 32; i++) key[i] = (uint8_t)i;
    const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0};
    uint32_t state[16], block[16];
    start(state, key, 1, nonce);
    make_block(block, state);
    int is_right = block[0] == 0xe4e7f110 && block[15] == 0x4e3c50a2;

    uint8_t *data = calloc(SIZE, 1);
    if (data == NULL) return 1;
    start(state, key, 0, nonce);
    for (int i = 0; i < ROUNDS; i++) encipher(data, SIZE, state);
    uint32_t hash = 2166136261u;
    for (int i = 0; i < SIZE; i++) hash = (hash ^ data[i]) * 16777619u;
    printf("chacha20 known block %d hash %08x\n", is_right, (unsigned)hash);
    free(data);
    return 0;
}
