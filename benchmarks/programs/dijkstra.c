// Shortest paths with a binary heap: on a road-like grid and on a random sparse graph.
//
// Stresses: heap sifting with unpredictable branches, indirect addressing, structure loads.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { GRID = 500, NODES = GRID * GRID, MAX_EDGES = NODES * 5, UNREACHED = 0x7FFFFFFF };

typedef struct {
    int32_t distance, node;
} entry;

static int32_t first_edge[NODES + 1], target[MAX_EDGES], length[MAX_EDGES];
static int32_t distance_to[NODES];
static entry heap[MAX_EDGES];
static int heap_size;

static uint32_t random_state = 5489;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static void push(int32_t distance, int32_t node) {
    int at = heap_size++;
    while (at > 0) {
        int parent = (at - 1) / 2;
        if (heap[parent].distance <= distance) break;
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = (entry){distance, node};
}

static entry pop(void) {
    entry top = heap[0], last = heap[--heap_size];
    int at = 0;
    for (;;) {
        int child = 2 * at + 1;
        if (child >= heap_size) break;
        if (child + 1 < heap_size && heap[child + 1].distance < heap[child].distance) child++;
        if (last.distance <= heap[child].distance) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return top;
}

static void find_distances(int32_t source) {
    for (int i = 0; i < NODES; i++) distance_to[i] = UNREACHED;
    distance_to[source] = 0;
    heap_size = 0;
    push(0, source);
    while (heap_size > 0) {
        entry nearest = pop();
        if (nearest.distance != distance_to[nearest.node]) continue;
        for (int32_t edge = first_edge[nearest.node]; edge < first_edge[nearest.node + 1]; edge++) {
            int32_t through = nearest.distance + length[edge];
            if (through < distance_to[target[edge]]) {
                distance_to[target[edge]] = through;
                push(through, target[edge]);
            }
        }
    }
}

static int32_t edge_count;

static void add_edge(int32_t to, int32_t edge_length) {
    target[edge_count] = to;
    length[edge_count++] = edge_length;
}

static void build_grid(void) {
    edge_count = 0;
    for (int32_t node = 0; node < NODES; node++) {
        int x = node % GRID, y = node / GRID;
        first_edge[node] = edge_count;
        if (x > 0) add_edge(node - 1, 1 + (int32_t)(next_random() % 9));
        if (x < GRID - 1) add_edge(node + 1, 1 + (int32_t)(next_random() % 9));
        if (y > 0) add_edge(node - GRID, 1 + (int32_t)(next_random() % 9));
        if (y < GRID - 1) add_edge(node + GRID, 1 + (int32_t)(next_random() % 9));
    }
    first_edge[NODES] = edge_count;
}

static void build_random(void) {
    edge_count = 0;
    for (int32_t node = 0; node < NODES; node++) {
        first_edge[node] = edge_count;
        int degree = 1 + (int)(next_random() % 5);
        for (int i = 0; i < degree; i++) {
            int32_t to = (int32_t)(next_random() % NODES);
            add_edge(to, 1 + (int32_t)(next_random() % 1000));
        }
    }
    first_edge[NODES] = edge_count;
}

static void report(const char *kind) {
    int64_t total = 0;
    int32_t reached = 0, farthest = 0;
    for (int i = 0; i < NODES; i++) {
        if (distance_to[i] == UNREACHED) continue;
        reached++;
        total += distance_to[i];
        if (distance_to[i] > farthest) farthest = distance_to[i];
    }
    printf("dijkstra %s reached %d farthest %d total %lld\n", kind, (int)reached, (int)farthest, (long long)total);
}

int main(void) {
    build_grid();
    for (int32_t source = 0; source < NODES; source += NODES / 7 + 1) {
        find_distances(source);
        report("grid");
    }
    build_random();
    for (int32_t source = 1; source < NODES; source += NODES / 3 + 1) {
        find_distances(source);
        report("random");
    }
    return 0;
}
