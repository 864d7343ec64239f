// A treap (search tree with random priorities): split, merge, rank queries and range sums.
//
// Stresses: recursion with pointers to results, pointer chasing, allocation from an array of nodes.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { NODES = 1 << 19, KEYS = 150000, OPERATIONS = 500000 };

typedef struct node {
    struct node *left, *right;
    uint32_t key, priority, size;
    uint64_t sum;
} node;

static node *pool;
static node *free_list;
static uint32_t random_state = 314159265;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static uint32_t size_of(const node *tree) { return tree ? tree->size : 0; }
static uint64_t sum_of(const node *tree) { return tree ? tree->sum : 0; }

static node *refreshed(node *tree) {
    tree->size = 1 + size_of(tree->left) + size_of(tree->right);
    tree->sum = tree->key + sum_of(tree->left) + sum_of(tree->right);
    return tree;
}

// Splits into keys below `key` and the others.
static void split(node *tree, uint32_t key, node **below, node **others) {
    if (tree == NULL) {
        *below = *others = NULL;
    } else if (tree->key < key) {
        split(tree->right, key, &tree->right, others);
        *below = refreshed(tree);
    } else {
        split(tree->left, key, below, &tree->left);
        *others = refreshed(tree);
    }
}

static node *merge(node *a, node *b) {
    if (a == NULL) return b;
    if (b == NULL) return a;
    if (a->priority > b->priority) {
        a->right = merge(a->right, b);
        return refreshed(a);
    }
    b->left = merge(a, b->left);
    return refreshed(b);
}

static node *insert(node *tree, uint32_t key) {
    node *below, *same, *above;
    split(tree, key, &below, &above);
    split(above, key + 1, &same, &above);
    if (same == NULL) {
        same = free_list;
        free_list = same->left;
        *same = (node){.key = key, .priority = next_random(), .size = 1, .sum = key};
    }
    return merge(merge(below, same), above);
}

static node *delete(node *tree, uint32_t key) {
    node *below, *same, *above;
    split(tree, key, &below, &above);
    split(above, key + 1, &same, &above);
    if (same != NULL) {
        same->left = free_list;
        free_list = same;
    }
    return merge(below, above);
}

static uint32_t key_of_rank(const node *tree, uint32_t rank) {
    while (tree != NULL) {
        uint32_t before = size_of(tree->left);
        if (rank == before) return tree->key;
        if (rank < before) {
            tree = tree->left;
        } else {
            rank -= before + 1;
            tree = tree->right;
        }
    }
    return 0;
}

static uint64_t sum_below(const node *tree, uint32_t key) {
    uint64_t sum = 0;
    while (tree != NULL) {
        if (tree->key < key) {
            sum += tree->key + sum_of(tree->left);
            tree = tree->right;
        } else {
            tree = tree->left;
        }
    }
    return sum;
}

int main(void) {
    pool = malloc(sizeof(node) * NODES);
    if (pool == NULL) return 1;
    for (int i = NODES - 1; i >= 0; i--) {
        pool[i].left = free_list;
        free_list = &pool[i];
    }
    node *tree = NULL;
    uint64_t hash = 0;
    for (int i = 0; i < OPERATIONS; i++) {
        uint32_t key = next_random() % KEYS;
        if (next_random() % 3) tree = insert(tree, key);
        else tree = delete(tree, key);
        if (tree != NULL) hash = hash * 31 + key_of_rank(tree, next_random() % tree->size);
        hash += sum_below(tree, next_random() % KEYS);
    }
    printf("treap size %u sum %llu hash %016llx\n", (unsigned)size_of(tree), (unsigned long long)sum_of(tree),
           (unsigned long long)hash);
    free(pool);
    return 0;
}
