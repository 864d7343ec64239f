// Conway's Game of Life, 64 cells to a word, with full adders made of bitwise operations.
//
// Stresses: 64-bit shifts and logic that vectorise, neighbouring loads, popcount.

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 32, HEIGHT = 2048, GENERATIONS = 2500 };

// One spare row above and below, one spare word left and right: always dead.
static uint64_t grids[2][HEIGHT + 2][WORDS + 2];

static void step(uint64_t (*restrict next)[WORDS + 2], const uint64_t (*restrict now)[WORDS + 2]) {
    for (int y = 1; y <= HEIGHT; y++) {
        for (int i = 1; i <= WORDS; i++) {
            // Two-bit sums of each row's cells; the middle row leaves out the cell itself.
            uint64_t sum[3], carry[3];
            for (int row = 0; row < 3; row++) {
                const uint64_t *words = now[y - 1 + row];
                uint64_t left = words[i] << 1 | words[i - 1] >> 63;
                uint64_t right = words[i] >> 1 | words[i + 1] << 63;
                uint64_t self = row == 1 ? 0 : words[i];
                sum[row] = left ^ right ^ self;
                carry[row] = (left & right) | (self & (left ^ right));
            }
            uint64_t ones = sum[0] ^ sum[1] ^ sum[2];
            uint64_t twos = (sum[0] & sum[1]) | (sum[2] & (sum[0] ^ sum[1]));
            uint64_t some = carry[0] ^ carry[1] ^ carry[2] ^ twos;
            uint64_t pairs = (carry[0] & carry[1]) | (carry[2] & (carry[0] ^ carry[1]));
            uint64_t fours = pairs | (twos & (carry[0] ^ carry[1] ^ carry[2]));
            next[y][i] = some & ~fours & (ones | now[y][i]);
        }
    }
}

static uint32_t population(const uint64_t (*grid)[WORDS + 2]) {
    uint32_t alive = 0;
    for (int y = 1; y <= HEIGHT; y++) {
        for (int i = 1; i <= WORDS; i++) alive += (uint32_t)__builtin_popcountll(grid[y][i]);
    }
    return alive;
}

int main(void) {
    uint64_t state = 0x853c49e6748fea9bull;
    for (int y = 1; y <= HEIGHT; y++) {
        for (int i = 1; i <= WORDS; i++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            grids[0][y][i] = state & state << 11;
        }
    }
    int now = 0;
    for (int generation = 0; generation < GENERATIONS; generation++, now ^= 1) {
        step(grids[now ^ 1], (const uint64_t (*)[WORDS + 2])grids[now]);
    }
    uint64_t hash = 0;
    for (int y = 1; y <= HEIGHT; y++) {
        for (int i = 1; i <= WORDS; i++) hash = hash * 0x100000001b3ull ^ grids[now][y][i];
    }
    printf("life alive %u hash %016llx\n", (unsigned)population((const uint64_t (*)[WORDS + 2])grids[now]),
           (unsigned long long)hash);
    return 0;
}
