// Builds and frees many binary trees of different shapes on the heap.
//
// Stresses: malloc and free, recursion, pointer chasing, memory growth.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct tree {
    struct tree *left, *right;
    int32_t value;
} tree;

static uint32_t random_state = 1;

static uint32_t next_random(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 4;
}

static tree *new_tree(int32_t value, tree *left, tree *right) {
    tree *t = malloc(sizeof(tree));
    if (t == NULL) exit(1);
    t->left = left;
    t->right = right;
    t->value = value;
    return t;
}

static tree *full_tree(int depth) {
    if (depth == 0) return NULL;
    tree *left = full_tree(depth - 1);
    return new_tree(depth, left, full_tree(depth - 1));
}

// A search tree of random keys: unbalanced, but of logarithmic depth on average.
static tree *insert(tree *t, int32_t value) {
    tree **at = &t;
    while (*at != NULL) at = value < (*at)->value ? &(*at)->left : &(*at)->right;
    *at = new_tree(value, NULL, NULL);
    return t;
}

static int64_t weigh(const tree *t, int depth) {
    if (t == NULL) return 0;
    return (int64_t)t->value * depth + weigh(t->left, depth + 1) - weigh(t->right, depth + 1);
}

static tree *mirrored_copy(const tree *t) {
    if (t == NULL) return NULL;
    tree *left = mirrored_copy(t->right);
    return new_tree(t->value, left, mirrored_copy(t->left));
}

static void discard(tree *t) {
    if (t == NULL) return;
    discard(t->left);
    discard(t->right);
    free(t);
}

int main(void) {
    int64_t weight = 0;
    tree *kept = full_tree(16);
    for (int depth = 4; depth <= 14; depth += 2) {
        for (int i = 0; i < 1 << (19 - depth); i++) {
            tree *t = full_tree(depth);
            weight += weigh(t, 1) + i;
            discard(t);
        }
    }
    for (int round = 0; round < 14; round++) {
        tree *t = NULL;
        for (int i = 0; i < 60000; i++) t = insert(t, (int32_t)(next_random() & 0xFFFFFF));
        tree *copy = mirrored_copy(t);
        weight += weigh(t, 1) - weigh(copy, 2);
        discard(t);
        discard(copy);
    }
    printf("bintrees weight %lld kept %lld\n", (long long)weight, (long long)weigh(kept, 1));
    discard(kept);
    return 0;
}
