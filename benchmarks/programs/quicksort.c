// Quicksort (median of three, insertion sort for short runs) on several kinds of input.
//
// Stresses: unpredictable branches, recursion, exchanges in memory, comparison of doubles and integers.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 1500000, SHORT_RUN = 16 };

static uint64_t random_state = 88172645463325252ull;

static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void exchange(int32_t *a, int32_t *b) {
    int32_t held = *a;
    *a = *b;
    *b = held;
}

static void insertion_sort(int32_t *items, int count) {
    for (int i = 1; i < count; i++) {
        int32_t item = items[i];
        int j = i;
        for (; j > 0 && items[j - 1] > item; j--) items[j] = items[j - 1];
        items[j] = item;
    }
}

static void quicksort(int32_t *items, int count) {
    while (count > SHORT_RUN) {
        int32_t *middle = items + count / 2, *last = items + count - 1;
        if (*middle < *items) exchange(middle, items);
        if (*last < *items) exchange(last, items);
        if (*last < *middle) exchange(last, middle);
        int32_t pivot = *middle;
        int low = 0, high = count - 1;
        while (low <= high) {
            while (items[low] < pivot) low++;
            while (items[high] > pivot) high--;
            if (low <= high) exchange(items + low++, items + high--);
        }
        // Recurse into the shorter part: the stack stays logarithmic.
        if (high + 1 < count - low) {
            quicksort(items, high + 1);
            items += low;
            count -= low;
        } else {
            quicksort(items + low, count - low);
            count = high + 1;
        }
    }
    insertion_sort(items, count);
}

// Returns a hash of the sorted items, or 0 if they are not in order.
static uint32_t checked_hash(const int32_t *items) {
    uint32_t hash = 1;
    for (int i = 0; i < COUNT; i++) {
        if (i > 0 && items[i - 1] > items[i]) return 0;
        hash = hash * 31 + (uint32_t)items[i];
    }
    return hash;
}

int main(void) {
    int32_t *items = malloc(sizeof(int32_t) * COUNT);
    if (items == NULL) return 1;
    for (int kind = 0; kind < 5; kind++) {
        for (int i = 0; i < COUNT; i++) {
            int32_t number = (int32_t)(next_random() >> 33);
            switch (kind) {
            case 0: items[i] = number; break;                        // spread out
            case 1: items[i] = number % 1000; break;                 // many equal
            case 2: items[i] = i + number % 100; break;              // nearly sorted
            case 3: items[i] = COUNT - i; break;                     // reversed
            default: items[i] = number % 2 ? -number : i; break;     // two mixed sequences
            }
        }
        quicksort(items, COUNT);
        printf("quicksort kind %d hash %08x\n", kind, (unsigned)checked_hash(items));
    }
    free(items);
    return 0;
}
