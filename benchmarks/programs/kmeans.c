// Clusters points in many dimensions (k-means), and finds nearest neighbours with a k-d tree.
//
// Stresses: float distances in short loops, unpredictable minimum searches, quickselect, tree walks.

#include <float.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { POINTS = 40000, DIMENSIONS = 16, CLUSTERS = 24, STEPS = 40, TREE_POINTS = 100000, QUERIES = 150000 };

static float points[POINTS][DIMENSIONS], centres[CLUSTERS][DIMENSIONS];
static int owner[POINTS];

typedef struct {
    float at[3];
    int32_t serial;
} spot;

static spot tree[TREE_POINTS];

static float next_random(void) {
    static uint32_t state = 424243;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (float)(state >> 8) / 16777216.0f;
}

static float square_distance(const float *a, const float *b) {
    float sum = 0.0f;
    for (int i = 0; i < DIMENSIONS; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

static int assign_points(void) {
    int changed = 0;
    for (int p = 0; p < POINTS; p++) {
        int best = 0;
        float least = FLT_MAX;
        for (int c = 0; c < CLUSTERS; c++) {
            float distance = square_distance(points[p], centres[c]);
            if (distance < least) {
                least = distance;
                best = c;
            }
        }
        changed += owner[p] != best;
        owner[p] = best;
    }
    return changed;
}

static void move_centres(void) {
    static double sums[CLUSTERS][DIMENSIONS];
    int members[CLUSTERS] = {0};
    memset(sums, 0, sizeof sums);
    for (int p = 0; p < POINTS; p++) {
        members[owner[p]]++;
        for (int i = 0; i < DIMENSIONS; i++) sums[owner[p]][i] += points[p][i];
    }
    for (int c = 0; c < CLUSTERS; c++) {
        if (members[c] == 0) continue;
        for (int i = 0; i < DIMENSIONS; i++) centres[c][i] = (float)(sums[c][i] / members[c]);
    }
}

// Orders spots[0..count) so that the middle one splits the others along `axis`, and so on below.
static void build_tree(spot *spots, int count, int axis) {
    if (count < 2) return;
    int low = 0, high = count - 1, middle = count / 2;
    while (low < high) {
        float pivot = spots[(low + high) / 2].at[axis];
        int i = low, j = high;
        while (i <= j) {
            while (spots[i].at[axis] < pivot) i++;
            while (spots[j].at[axis] > pivot) j--;
            if (i <= j) {
                spot held = spots[i];
                spots[i++] = spots[j];
                spots[j--] = held;
            }
        }
        if (middle <= j) high = j;
        else if (middle >= i) low = i;
        else break;
    }
    build_tree(spots, middle, (axis + 1) % 3);
    build_tree(spots + middle + 1, count - middle - 1, (axis + 1) % 3);
}

static void find_nearest(const spot *spots, int count, int axis, const float *query, float *least, int32_t *found) {
    if (count == 0) return;
    int middle = count / 2;
    const spot *s = &spots[middle];
    float dx = s->at[0] - query[0], dy = s->at[1] - query[1], dz = s->at[2] - query[2];
    float square = dx * dx + dy * dy + dz * dz, gap = query[axis] - s->at[axis];
    if (square < *least) {
        *least = square;
        *found = s->serial;
    }
    int next = (axis + 1) % 3, is_left = gap < 0.0f;
    if (is_left) find_nearest(spots, middle, next, query, least, found);
    else find_nearest(s + 1, count - middle - 1, next, query, least, found);
    if (gap * gap >= *least) return;
    if (is_left) find_nearest(s + 1, count - middle - 1, next, query, least, found);
    else find_nearest(spots, middle, next, query, least, found);
}

int main(void) {
    for (int p = 0; p < POINTS; p++) {
        for (int i = 0; i < DIMENSIONS; i++) points[p][i] = next_random() + (float)((p % 30) * (i + 3) % 7);
    }
    for (int c = 0; c < CLUSTERS; c++) memcpy(centres[c], points[c * 37], sizeof centres[c]);
    int steps = 0, changed = 1;
    for (; steps < STEPS && changed > 0; steps++) {
        changed = assign_points();
        move_centres();
    }
    uint32_t hash = 0;
    for (int p = 0; p < POINTS; p++) hash = hash * 31 + (uint32_t)owner[p];
    for (int i = 0; i < TREE_POINTS; i++) {
        for (int axis = 0; axis < 3; axis++) tree[i].at[axis] = next_random() * next_random();
        tree[i].serial = i;
    }
    build_tree(tree, TREE_POINTS, 0);
    double total = 0.0;
    for (int i = 0; i < QUERIES; i++) {
        float query[3];
        for (int axis = 0; axis < 3; axis++) query[axis] = next_random();
        float least = FLT_MAX;
        int32_t found = -1;
        find_nearest(tree, TREE_POINTS, 0, query, &least, &found);
        total += least;
        hash = hash * 31 + (uint32_t)found;
    }
    printf("kmeans steps %d hash %08x total %.9f\n", steps, (unsigned)hash, total);
    return 0;
}
