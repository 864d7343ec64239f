// Counts the positions of the game Othello by depth, on two 64-bit boards of bits.
//
// Stresses: 64-bit shifts and masks, population counts, trailing zeros, recursion with bit loops.

#include <stdint.h>
#include <stdio.h>

enum { DEPTH = 10 };

static const uint64_t not_first_column = 0xfefefefefefefefeull, not_last_column = 0x7f7f7f7f7f7f7f7full;

// Shifts every disc one step in one of eight directions; discs that leave the board vanish.
static inline uint64_t shifted(uint64_t board, int direction) {
    switch (direction) {
    case 0: return board << 1 & not_first_column;
    case 1: return board >> 1 & not_last_column;
    case 2: return board << 8;
    case 3: return board >> 8;
    case 4: return board << 9 & not_first_column;
    case 5: return board >> 9 & not_last_column;
    case 6: return board << 7 & not_last_column;
    default: return board >> 7 & not_first_column;
    }
}

static uint64_t legal_moves(uint64_t own, uint64_t other) {
    uint64_t empty = ~(own | other), moves = 0;
    for (int direction = 0; direction < 8; direction++) {
        uint64_t run = shifted(own, direction) & other;
        for (int i = 0; i < 5; i++) run |= shifted(run, direction) & other;
        moves |= shifted(run, direction) & empty;
    }
    return moves;
}

static uint64_t flipped_by(uint64_t move, uint64_t own, uint64_t other) {
    uint64_t flipped = 0;
    for (int direction = 0; direction < 8; direction++) {
        uint64_t run = 0, at = shifted(move, direction);
        while (at & other) {
            run |= at;
            at = shifted(at, direction);
        }
        if (at & own) flipped |= run;
    }
    return flipped;
}

static uint64_t disc_total, hash;

static uint64_t count_positions(uint64_t own, uint64_t other, int depth, int has_passed) {
    if (depth == 0) {
        disc_total += (uint64_t)__builtin_popcountll(own);
        hash = (hash ^ own) * 0x9E3779B97F4A7C15ull + (uint64_t)__builtin_clzll(other | 1);
        return 1;
    }
    uint64_t moves = legal_moves(own, other);
    if (moves == 0) return has_passed ? 1 : count_positions(other, own, depth - 1, 1);
    uint64_t positions = 0;
    for (; moves != 0; moves &= moves - 1) {
        uint64_t move = 1ull << __builtin_ctzll(moves);
        uint64_t flipped = flipped_by(move, own, other);
        positions += count_positions(other & ~flipped, own | move | flipped, depth - 1, 0);
    }
    return positions;
}

int main(void) {
    const uint64_t black = 1ull << 28 | 1ull << 35, white = 1ull << 27 | 1ull << 36;
    uint64_t positions = 0;
    for (int depth = 1; depth <= DEPTH; depth++) {
        positions = count_positions(black, white, depth, 0);
        printf("%llu ", (unsigned long long)positions);
    }
    printf("othello discs %llu hash %016llx\n", (unsigned long long)disc_total, (unsigned long long)hash);
    return 0;
}
