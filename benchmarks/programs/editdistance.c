// Longest common subsequence and weighted edit distance of two long random strings.
//
// Stresses: dynamic programming over rows with a loop-carried dependency, integer minimum and
// maximum, byte comparisons.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_LENGTH = 11000, SECOND_LENGTH = 10000 };

static char first[FIRST_LENGTH], second[SECOND_LENGTH];

static uint32_t random_state = 2463534242u;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static int smaller(int a, int b) { return a < b ? a : b; }
static int larger(int a, int b) { return a > b ? a : b; }

static int common_subsequence_length(void) {
    int *row = calloc(SECOND_LENGTH + 1, sizeof(int));
    if (row == NULL) exit(1);
    for (int i = 0; i < FIRST_LENGTH; i++) {
        int diagonal = 0;
        for (int j = 0; j < SECOND_LENGTH; j++) {
            int above = row[j + 1];
            row[j + 1] = first[i] == second[j] ? diagonal + 1 : larger(above, row[j]);
            diagonal = above;
        }
    }
    int length = row[SECOND_LENGTH];
    free(row);
    return length;
}

// Insertion and deletion cost 2; a replacement costs 1 between neighbouring letters, else 3.
static int edit_distance(void) {
    int *row = malloc(sizeof(int) * (SECOND_LENGTH + 1));
    if (row == NULL) exit(1);
    for (int j = 0; j <= SECOND_LENGTH; j++) row[j] = 2 * j;
    for (int i = 0; i < FIRST_LENGTH; i++) {
        int diagonal = row[0];
        row[0] = 2 * (i + 1);
        for (int j = 0; j < SECOND_LENGTH; j++) {
            int gap = abs(first[i] - second[j]);
            int replaced = diagonal + (gap == 0 ? 0 : gap == 1 ? 1 : 3);
            diagonal = row[j + 1];
            row[j + 1] = smaller(replaced, smaller(row[j], diagonal) + 2);
        }
    }
    int distance = row[SECOND_LENGTH];
    free(row);
    return distance;
}

int main(void) {
    for (int i = 0; i < FIRST_LENGTH; i++) first[i] = (char)('a' + next_random() % 12);
    // The second string is an altered copy of the first, so that the answers are not trivial.
    for (int j = 0; j < SECOND_LENGTH; j++) {
        second[j] = next_random() % 4 ? first[(j * 11 / 10) % FIRST_LENGTH] : (char)('a' + next_random() % 12);
    }
    int length = common_subsequence_length();
    printf("editdistance common %d distance %d\n", length, edit_distance());
    return 0;
}
