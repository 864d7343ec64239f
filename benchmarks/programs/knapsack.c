// 0/1 knapsack over many items, with the chosen items traced back, and coin-change counting.
//
// Stresses: vectorisable integer maxima over a shifting window, 64-bit modular sums, a bit matrix.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS = 1200, CAPACITY = 400000, COINS = 60, AMOUNT = 600000 };

static int32_t best[CAPACITY + 1];
static int weight[ITEMS], value[ITEMS];

static uint32_t random_state = 99;

static uint32_t next_random(void) {
    random_state = random_state * 1103515245u + 12345u;
    return random_state >> 8;
}

static int32_t fill_knapsack(uint8_t *taken) {
    memset(best, 0, sizeof best);
    for (int i = 0; i < ITEMS; i++) {
        uint8_t *row = taken + (size_t)i * (CAPACITY / 8 + 1);
        for (int room = CAPACITY; room >= weight[i]; room--) {
            int32_t with_item = best[room - weight[i]] + value[i];
            if (with_item > best[room]) {
                best[room] = with_item;
                row[room >> 3] |= (uint8_t)(1u << (room & 7));
            }
        }
    }
    return best[CAPACITY];
}

static uint32_t hash_of_choice(const uint8_t *taken) {
    uint32_t hash = 2166136261u;
    int room = CAPACITY;
    for (int i = ITEMS - 1; i >= 0; i--) {
        const uint8_t *row = taken + (size_t)i * (CAPACITY / 8 + 1);
        if (row[room >> 3] >> (room & 7) & 1) {
            hash = (hash ^ (uint32_t)i) * 16777619u;
            room -= weight[i];
        }
    }
    return hash;
}

// Best value alone, without the record of choices: this loop vectorises.
static int32_t best_value_only(int items) {
    static int32_t next[CAPACITY + 1];
    memset(best, 0, sizeof best);
    for (int i = 0; i < items; i++) {
        memcpy(next, best, sizeof best);
        for (int room = weight[i]; room <= CAPACITY; room++) {
            int32_t with_item = best[room - weight[i]] + value[i];
            next[room] = with_item > best[room] ? with_item : best[room];
        }
        memcpy(best, next, sizeof best);
    }
    return best[CAPACITY];
}

static uint64_t count_coin_sums(void) {
    uint64_t *ways = calloc(AMOUNT + 1, sizeof(uint64_t));
    if (ways == NULL) exit(1);
    ways[0] = 1;
    for (int i = 0; i < COINS; i++) {
        int coin = 3 + i * i % 97 + i;
        for (int sum = coin; sum <= AMOUNT; sum++) ways[sum] += ways[sum - coin];
    }
    uint64_t answer = ways[AMOUNT];
    free(ways);
    return answer;
}

int main(void) {
    uint8_t *taken = calloc(ITEMS, CAPACITY / 8 + 1);
    if (taken == NULL) return 1;
    for (int i = 0; i < ITEMS; i++) {
        weight[i] = 50 + (int)(next_random() % 1500);
        value[i] = weight[i] / 2 + (int)(next_random() % 900);
    }
    int32_t full = fill_knapsack(taken);
    uint32_t hash = hash_of_choice(taken);
    int32_t half = best_value_only(ITEMS / 2);
    printf("knapsack best %d choice %08x half %d ", (int)full, (unsigned)hash, (int)half);
    printf("coins %016llx\n", (unsigned long long)count_coin_sums());
    free(taken);
    return 0;
}
