// Breadth-first search, connected components by union-find, and a topological order.
//
// Stresses: random access to large arrays, queues, path compression, little arithmetic per load.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { NODES = 600000, EDGES = 1500000 };

static uint32_t edge_from[EDGES], edge_to[EDGES];
static uint32_t first_out[NODES + 2], neighbour[EDGES];
static uint32_t parent[NODES], queue[NODES], in_degree[NODES];
static int32_t level[NODES];

static uint64_t random_state = 1234567;

static uint32_t next_random(void) {
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(random_state >> 33);
}

// Compressed rows: the neighbours of n are neighbour[first_out[n] .. first_out[n + 1]).
static void build_rows(void) {
    for (int i = 0; i <= NODES + 1; i++) first_out[i] = 0;
    for (int i = 0; i < EDGES; i++) first_out[edge_from[i] + 2]++;
    for (int i = 2; i <= NODES + 1; i++) first_out[i] += first_out[i - 1];
    for (int i = 0; i < EDGES; i++) neighbour[first_out[edge_from[i] + 1]++] = edge_to[i];
}

static uint32_t search_from(uint32_t source, int32_t *deepest) {
    for (int i = 0; i < NODES; i++) level[i] = -1;
    uint32_t head = 0, tail = 0;
    queue[tail++] = source;
    level[source] = 0;
    while (head < tail) {
        uint32_t node = queue[head++];
        *deepest = level[node];
        for (uint32_t i = first_out[node]; i < first_out[node + 1]; i++) {
            if (level[neighbour[i]] >= 0) continue;
            level[neighbour[i]] = level[node] + 1;
            queue[tail++] = neighbour[i];
        }
    }
    return tail;
}

static uint32_t root_of(uint32_t node) {
    while (parent[node] != node) node = parent[node] = parent[parent[node]];
    return node;
}

static uint32_t count_components(int edges) {
    uint32_t components = NODES;
    for (uint32_t i = 0; i < NODES; i++) parent[i] = i;
    for (int i = 0; i < edges; i++) {
        uint32_t a = root_of(edge_from[i]), b = root_of(edge_to[i]);
        if (a == b) continue;
        components--;
        if (a < b) parent[b] = a;
        else parent[a] = b;
    }
    return components;
}

// Length of the longest path when edges are read from the smaller to the larger node.
static uint32_t longest_path(void) {
    static uint32_t depth[NODES];
    for (int i = 0; i < NODES; i++) in_degree[i] = depth[i] = 0;
    for (int i = 0; i < EDGES; i++) in_degree[edge_to[i]]++;
    uint32_t head = 0, tail = 0, longest = 0;
    for (uint32_t i = 0; i < NODES; i++) {
        if (in_degree[i] == 0) queue[tail++] = i;
    }
    while (head < tail) {
        uint32_t node = queue[head++];
        if (depth[node] > longest) longest = depth[node];
        for (uint32_t i = first_out[node]; i < first_out[node + 1]; i++) {
            uint32_t next = neighbour[i];
            if (depth[node] + 1 > depth[next]) depth[next] = depth[node] + 1;
            if (--in_degree[next] == 0) queue[tail++] = next;
        }
    }
    return tail == NODES ? longest : 0;
}

int main(void) {
    for (int i = 0; i < EDGES; i++) {
        edge_from[i] = next_random() % NODES;
        edge_to[i] = next_random() % NODES;
    }
    build_rows();
    uint64_t reached = 0;
    int32_t deepest = 0;
    for (uint32_t source = 0; source < 16; source++) reached += search_from(source * 1000, &deepest);
    uint32_t sparse = count_components(EDGES / 4), full = count_components(EDGES);
    for (int i = 0; i < EDGES; i++) {
        uint32_t a = edge_from[i], b = edge_to[i];
        if (a == b) b = (a + 1) % NODES;
        edge_from[i] = a < b ? a : b;
        edge_to[i] = a < b ? b : a;
    }
    build_rows();
    printf("bfs reached %llu deepest %d components %u %u longest %u\n", (unsigned long long)reached, (int)deepest,
           (unsigned)sparse, (unsigned)full, (unsigned)longest_path());
    return 0;
}
