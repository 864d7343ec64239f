// PageRank over a random graph with a few popular nodes, by power iteration on compressed rows.
//
// Stresses: gathers of doubles through an index array, ordered floating-point sums, large arrays.

#include <math.h>
#include <stdint.h>
#include <stdio.h>

enum { NODES = 250000, EDGES = 2500000, STEPS = 50 };

static uint32_t first_in[NODES + 2], source[EDGES];
static uint32_t edge_from[EDGES], edge_to[EDGES], out_degree[NODES];
static double rank[NODES], share[NODES];

static uint64_t random_state = 2718281828;

static uint32_t next_random(void) {
    random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(random_state >> 32);
}

static void build_graph(void) {
    for (int i = 0; i < EDGES; i++) {
        uint32_t to = next_random() % NODES;
        // Squaring favours small numbers: those nodes are popular.
        if (i % 2) to = (uint32_t)((uint64_t)to * to / NODES);
        edge_from[i] = next_random() % (NODES - NODES / 50);   // the last nodes link nowhere
        edge_to[i] = to;
        out_degree[edge_from[i]]++;
        first_in[to + 2]++;
    }
    for (int i = 2; i <= NODES + 1; i++) first_in[i] += first_in[i - 1];
    for (int i = 0; i < EDGES; i++) source[first_in[edge_to[i] + 1]++] = edge_from[i];
}

// One step of the iteration; returns the sum of the changes.
static double step(void) {
    double dangling = 0.0, change = 0.0;
    for (int i = 0; i < NODES; i++) {
        if (out_degree[i] == 0) {
            dangling += rank[i];
            share[i] = 0.0;
        } else {
            share[i] = rank[i] / out_degree[i];
        }
    }
    double base = (0.15 + 0.85 * dangling) / NODES;
    for (int i = 0; i < NODES; i++) {
        double sum = 0.0;
        for (uint32_t j = first_in[i]; j < first_in[i + 1]; j++) sum += share[source[j]];
        double next = base + 0.85 * sum;
        change += fabs(next - rank[i]);
        rank[i] = next;
    }
    return change;
}

int main(void) {
    build_graph();
    for (int i = 0; i < NODES; i++) rank[i] = 1.0 / NODES;
    double change = 1.0;
    for (int i = 0; i < STEPS; i++) change = step();
    int best = 0;
    double total = 0.0;
    for (int i = 0; i < NODES; i++) {
        total += rank[i];
        if (rank[i] > rank[best]) best = i;
    }
    printf("pagerank converged %d best %d rank %.12e total %.12f\n", change < 1e-12, best, rank[best], total);
    return 0;
}
