// Merge sort of records with a comparison function given by pointer, and of a linked list.
//
// Stresses: indirect calls in a hot loop, copies of structures, pointer chasing.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 400000 };

typedef struct record {
    uint32_t key;
    uint32_t serial;
    char name[8];
    struct record *next;
} record;

typedef int (*comparison)(const record *, const record *);

static uint32_t random_state = 7;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static int by_key(const record *a, const record *b) { return (a->key > b->key) - (a->key < b->key); }
static int by_name(const record *a, const record *b) { return memcmp(a->name, b->name, sizeof a->name); }
static int by_serial_down(const record *a, const record *b) {
    return (a->serial < b->serial) - (a->serial > b->serial);
}
static int by_low_bits(const record *a, const record *b) { return (int)(a->key & 255) - (int)(b->key & 255); }

// Stable sort of records[0..count) with scratch space of the same size.
static void merge_sort(record *records, record *scratch, int count, comparison compare) {
    if (count < 2) return;
    int half = count / 2;
    merge_sort(records, scratch, half, compare);
    merge_sort(records + half, scratch, count - half, compare);
    memcpy(scratch, records, sizeof(record) * (size_t)half);
    int left = 0, right = half, out = 0;
    while (left < half && right < count) {
        if (compare(&scratch[left], &records[right]) <= 0) records[out++] = scratch[left++];
        else records[out++] = records[right++];
    }
    while (left < half) records[out++] = scratch[left++];
}

static record *merge_lists(record *a, record *b, comparison compare) {
    record head, *tail = &head;
    while (a != NULL && b != NULL) {
        record **taken = compare(a, b) <= 0 ? &a : &b;
        tail->next = *taken;
        tail = *taken;
        *taken = tail->next;
    }
    tail->next = a != NULL ? a : b;
    return head.next;
}

// Bottom-up list sort: pending[i] holds a sorted list of 2^i records, or none.
static record *sort_list(record *list, comparison compare) {
    record *pending[32] = {0};
    while (list != NULL) {
        record *carry = list;
        list = list->next;
        carry->next = NULL;
        int i = 0;
        for (; pending[i] != NULL; i++) {
            carry = merge_lists(pending[i], carry, compare);
            pending[i] = NULL;
        }
        pending[i] = carry;
    }
    record *all = NULL;
    for (int i = 0; i < 32; i++) all = merge_lists(pending[i], all, compare);
    return all;
}

int main(void) {
    static const comparison comparisons[] = {by_key, by_name, by_serial_down, by_low_bits};
    record *records = malloc(sizeof(record) * COUNT), *scratch = malloc(sizeof(record) * COUNT);
    if (records == NULL || scratch == NULL) return 1;
    for (int i = 0; i < COUNT; i++) {
        records[i].key = next_random();
        records[i].serial = (uint32_t)i;
        for (int j = 0; j < 8; j++) records[i].name[j] = (char)('a' + next_random() % 26);
    }
    uint32_t hash = 0;
    for (int round = 0; round < 4; round++) {
        merge_sort(records, scratch, COUNT, comparisons[round]);
        for (int i = 0; i < COUNT; i++) hash = hash * 33 + records[i].serial;
    }
    for (int i = 0; i < COUNT; i++) records[i].next = i + 1 < COUNT ? &records[i + 1] : NULL;
    record *list = sort_list(records, by_key);
    int length = 0;
    for (; list != NULL; list = list->next, length++) hash = hash * 33 + list->serial;
    printf("mergesort length %d hash %08x\n", length, (unsigned)hash);
    free(records);
    free(scratch);
    return 0;
}
