// Solves sudoku puzzles: backtracking on candidate bit sets, choosing the cell with fewest candidates.
//
// Stresses: recursion with backtracking, small arrays, population count and trailing zeros, branches.

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { CELLS = 81, PUZZLES = 400 };

static uint16_t row_free[9], column_free[9], box_free[9];
static uint8_t cells[CELLS];
static uint64_t tries;

static uint32_t random_state = 9001;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static int box_of(int cell) { return cell / 27 * 3 + cell % 9 / 3; }

static uint16_t candidates(int cell) { return row_free[cell / 9] & column_free[cell % 9] & box_free[box_of(cell)]; }

static void toggle(int cell, uint16_t digit_bit) {
    row_free[cell / 9] ^= digit_bit;
    column_free[cell % 9] ^= digit_bit;
    box_free[box_of(cell)] ^= digit_bit;
}

// Counts solutions up to `limit`; the last one found stays in `cells` when it stops early.
static int solve(int limit) {
    int best = -1, fewest = 10;
    for (int cell = 0; cell < CELLS; cell++) {
        if (cells[cell] != 0) continue;
        int count = __builtin_popcount(candidates(cell));
        if (count < fewest) {
            fewest = count;
            best = cell;
            if (count < 2) break;
        }
    }
    if (best < 0) return 1;
    int found = 0;
    for (unsigned left = candidates(best); left != 0; left &= left - 1) {
        uint16_t digit_bit = (uint16_t)(left & -left);
        tries++;
        toggle(best, digit_bit);
        cells[best] = (uint8_t)(__builtin_ctz(digit_bit) + 1);
        found += solve(limit - found);
        if (found >= limit) return found;
        toggle(best, digit_bit);
        cells[best] = 0;
    }
    return found;
}

static void load(const uint8_t *puzzle) {
    for (int i = 0; i < 9; i++) row_free[i] = column_free[i] = box_free[i] = 0x1ff;
    for (int cell = 0; cell < CELLS; cell++) {
        cells[cell] = puzzle[cell];
        if (puzzle[cell] != 0) toggle(cell, (uint16_t)(1u << (puzzle[cell] - 1)));
    }
}

// A full board from a pattern, with digits and rows within bands mixed; then holes are made.
static void make_puzzle(uint8_t *puzzle, int holes) {
    uint8_t digits[9], rows[9];
    for (int i = 0; i < 9; i++) digits[i] = (uint8_t)(i + 1), rows[i] = (uint8_t)i;
    for (int i = 8; i > 0; i--) {
        int other = (int)(next_random() % (uint32_t)(i + 1));
        uint8_t held = digits[i];
        digits[i] = digits[other];
        digits[other] = held;
        other = i / 3 * 3 + (int)(next_random() % 3);
        held = rows[i];
        rows[i] = rows[other];
        rows[other] = held;
    }
    for (int cell = 0; cell < CELLS; cell++) {
        int row = rows[cell / 9];
        puzzle[cell] = digits[(row * 3 + row / 3 + cell % 9) % 9];
    }
    while (holes > 0) {
        int cell = (int)(next_random() % CELLS);
        if (puzzle[cell] == 0) continue;
        puzzle[cell] = 0;
        holes--;
    }
}

int main(void) {
    uint32_t hash = 0, unique = 0;
    int64_t solutions = 0;
    for (int i = 0; i < PUZZLES; i++) {
        uint8_t puzzle[CELLS];
        make_puzzle(puzzle, 50 + i % 9);
        load(puzzle);
        int found = solve(1000);
        solutions += found;
        unique += found == 1;
        load(puzzle);
        solve(1);
        for (int cell = 0; cell < CELLS; cell++) hash = hash * 31 + cells[cell];
    }
    printf("sudoku solutions %lld unique %u tries %llu hash %08x\n", (long long)solutions, (unsigned)unique,
           (unsigned long long)tries, (unsigned)hash);
    return 0;
}
