// Counts the ways to place n queens, by bit masks, by arrays, and finds first solutions of larger boards.
//
// Stresses: recursion with many small frames, bit tricks, unpredictable loop exits.

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t placements;

static uint32_t count_by_masks(uint32_t all, uint32_t columns, uint32_t rising, uint32_t falling) {
    if (columns == all) return 1;
    uint32_t found = 0;
    for (uint32_t open = all & ~(columns | rising | falling); open != 0; open &= open - 1) {
        uint32_t queen = open & -open;
        found += count_by_masks(all, columns | queen, (rising | queen) << 1, (falling | queen) >> 1);
    }
    return found;
}

static int queen_in[32];

static int is_safe(int row, int column) {
    for (int above = 0; above < row; above++) {
        int gap = queen_in[above] - column;
        if (gap == 0 || gap == row - above || gap == above - row) return 0;
    }
    return 1;
}

static uint32_t count_by_arrays(int size, int row) {
    if (row == size) return 1;
    uint32_t found = 0;
    for (int column = 0; column < size; column++) {
        if (!is_safe(row, column)) continue;
        queen_in[row] = column;
        placements++;
        found += count_by_arrays(size, row + 1);
    }
    return found;
}

static int find_first(int size, int row) {
    if (row == size) return 1;
    for (int column = 0; column < size; column++) {
        placements++;
        if (!is_safe(row, column)) continue;
        queen_in[row] = column;
        if (find_first(size, row + 1)) return 1;
    }
    return 0;
}

int main(void) {
    for (int size = 4; size <= 13; size++) {
        printf("%u ", (unsigned)count_by_masks((1u << size) - 1, 0, 0, 0));
    }
    printf("\n%u ", (unsigned)count_by_arrays(10, 0));
    for (int size = 20; size <= 26; size++) {
        int is_found = find_first(size, 0);
        printf("%d:%d ", is_found, queen_in[size - 1]);
    }
    printf("nqueens placements %llu\n", (unsigned long long)placements);
    return 0;
}
