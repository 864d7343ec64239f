// A wave in a box: leapfrog steps of a seven-point stencil over a 3-D grid of doubles.
//
// Stresses: loads with large strides, a working set larger than the second-level cache,
// double-precision vector arithmetic.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 128, PLANE = SIDE * SIDE, CELLS = SIDE * SIDE * SIDE, STEPS = 120 };

static double *new_grid(void) {
    double *grid = calloc(CELLS, sizeof(double));
    if (grid == NULL) exit(1);
    return grid;
}

static void step(double *restrict next, const double *restrict now, const double *restrict speed) {
    for (int z = 1; z < SIDE - 1; z++) {
        for (int y = 1; y < SIDE - 1; y++) {
            const double *centre = now + z * PLANE + y * SIDE;
            const double *local = speed + z * PLANE + y * SIDE;
            double *out = next + z * PLANE + y * SIDE;
            for (int x = 1; x < SIDE - 1; x++) {
                double laplacian = centre[x - 1] + centre[x + 1] + centre[x - SIDE] + centre[x + SIDE]
                                 + centre[x - PLANE] + centre[x + PLANE] - 6.0 * centre[x];
                out[x] = 2.0 * centre[x] - out[x] + local[x] * laplacian;
            }
        }
    }
}

int main(void) {
    double *now = new_grid(), *next = new_grid(), *speed = new_grid();
    for (int i = 0; i < CELLS; i++) {
        int z = i / PLANE, y = i / SIDE % SIDE, x = i % SIDE;
        speed[i] = (x + y + z) % 32 < 20 ? 0.10 : 0.15;
        int dx = x - SIDE / 3, dy = y - SIDE / 2, dz = z - SIDE / 2;
        if (dx * dx + dy * dy + dz * dz < 100) now[i] = next[i] = 1.0;
    }
    for (int i = 0; i < STEPS; i++) {
        step(next, now, speed);
        double *held = now;
        now = next;
        next = held;
    }
    double energy = 0.0, total = 0.0;
    for (int i = 0; i < CELLS; i++) {
        energy += now[i] * now[i];
        total += now[i];
    }
    printf("wave3d energy %.9f total %.9f\n", energy, total);
    free(now);
    free(next);
    free(speed);
    return 0;
}
