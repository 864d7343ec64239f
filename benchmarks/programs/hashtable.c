// An open-addressing hash table: insertion, lookup, deletion with backward shift, and growth.
//
// Stresses: random access to memory, 64-bit multiplication, unpredictable short loops, realloc-like growth.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct {
    uint64_t key;    // 0: free
    uint32_t count;
} slot;

typedef struct {
    slot *slots;
    uint32_t mask;
    uint32_t used;
} table;

static uint64_t random_state = 42;

static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static uint32_t home(const table *t, uint64_t key) {
    return (uint32_t)(key * 0x9E3779B97F4A7C15ull >> 32) & t->mask;
}

static void open_table(table *t, uint32_t size) {
    t->slots = calloc(size, sizeof(slot));
    if (t->slots == NULL) exit(1);
    t->mask = size - 1;
    t->used = 0;
}

static slot *find(const table *t, uint64_t key) {
    uint32_t at = home(t, key);
    while (t->slots[at].key != key && t->slots[at].key != 0) at = (at + 1) & t->mask;
    return &t->slots[at];
}

static void grow(table *t) {
    table larger;
    open_table(&larger, (t->mask + 1) * 2);
    for (uint32_t i = 0; i <= t->mask; i++) {
        if (t->slots[i].key != 0) *find(&larger, t->slots[i].key) = t->slots[i];
    }
    larger.used = t->used;
    free(t->slots);
    *t = larger;
}

static void add(table *t, uint64_t key) {
    slot *found = find(t, key);
    if (found->key == 0) {
        found->key = key;
        if (++t->used * 4ull > (t->mask + 1) * 3ull) {
            grow(t);
            found = find(t, key);
        }
    }
    found->count++;
}

// Deletes a key and moves later entries of its run back, so that no tombstone is needed.
static int delete(table *t, uint64_t key) {
    slot *found = find(t, key);
    if (found->key == 0) return 0;
    uint32_t hole = (uint32_t)(found - t->slots), at = hole;
    for (;;) {
        at = (at + 1) & t->mask;
        if (t->slots[at].key == 0) break;
        uint32_t distance = (at - home(t, t->slots[at].key)) & t->mask;
        if (distance >= ((at - hole) & t->mask)) {
            t->slots[hole] = t->slots[at];
            hole = at;
        }
    }
    t->slots[hole].key = 0;
    t->slots[hole].count = 0;
    t->used--;
    return 1;
}

int main(void) {
    table t;
    open_table(&t, 16);
    uint64_t hits = 0, deleted = 0;
    for (int i = 0; i < 3000000; i++) add(&t, next_random() % 400000 + 1);
    for (int i = 0; i < 4000000; i++) hits += find(&t, next_random() % 800000 + 1)->count;
    for (int i = 0; i < 1500000; i++) deleted += (uint64_t)delete(&t, next_random() % 600000 + 1);
    for (int i = 0; i < 1000000; i++) add(&t, next_random() >> 20 | 1);
    uint64_t hash = 0;
    for (uint32_t i = 0; i <= t.mask; i++) hash = hash * 31 + t.slots[i].key * t.slots[i].count;
    printf("hashtable used %u hits %llu deleted %llu hash %016llx\n", (unsigned)t.used, (unsigned long long)hits,
           (unsigned long long)deleted, (unsigned long long)hash);
    free(t.slots);
    return 0;
}
