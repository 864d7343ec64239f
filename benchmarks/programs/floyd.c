// All-pairs shortest paths (Floyd-Warshall) with integers, and transitive closure with bit rows.
//
// Stresses: vectorised integer minimum over rows, 64-bit bitwise operations, a cubic loop nest.

#include <stdint.h>
#include <stdio.h>

enum { NODES = 1400, FAR = 1 << 28, WORDS = (NODES + 63) / 64 };

static int32_t distance[NODES][NODES];
static uint64_t reaches[NODES][WORDS];

static uint32_t random_state = 777;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static void shorten(int32_t *restrict row, const int32_t *restrict via, int32_t to_via) {
    for (int j = 0; j < NODES; j++) {
        int32_t through = to_via + via[j];
        row[j] = through < row[j] ? through : row[j];
    }
}

static void close_distances(void) {
    for (int k = 0; k < NODES; k++) {
        for (int i = 0; i < NODES; i++) {
            if (i != k && distance[i][k] < FAR) shorten(distance[i], distance[k], distance[i][k]);
        }
    }
}

static void close_reach(void) {
    for (int k = 0; k < NODES; k++) {
        for (int i = 0; i < NODES; i++) {
            if (!(reaches[i][k / 64] >> (k % 64) & 1)) continue;
            for (int word = 0; word < WORDS; word++) reaches[i][word] |= reaches[k][word];
        }
    }
}

int main(void) {
    for (int i = 0; i < NODES; i++) {
        for (int j = 0; j < NODES; j++) distance[i][j] = i == j ? 0 : FAR;
        for (int n = 0; n < 6; n++) {
            int32_t length = 1 + (int32_t)(next_random() % 500);
            distance[i][next_random() % NODES] = length;
        }
        distance[i][i] = 0;
        // A sparser graph for the closure, so that it is not complete.
        int j = (int)(next_random() % NODES);
        if (i % 3) reaches[i][j / 64] |= 1ull << (j % 64);
    }
    close_distances();
    for (int round = 0; round < 20; round++) close_reach();
    int64_t total = 0;
    int32_t diameter = 0, pairs = 0;
    for (int i = 0; i < NODES; i++) {
        for (int j = 0; j < NODES; j++) {
            if (distance[i][j] >= FAR) continue;
            total += distance[i][j];
            if (distance[i][j] > diameter) diameter = distance[i][j];
        }
        for (int word = 0; word < WORDS; word++) pairs += __builtin_popcountll(reaches[i][word]);
    }
    printf("floyd total %lld diameter %d reachable pairs %d\n", (long long)total, (int)diameter, (int)pairs);
    return 0;
}
