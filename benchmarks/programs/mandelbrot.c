// Escape times of the Mandelbrot set, point by point and in groups of eight, and of a Julia set in floats.
//
// Stresses: short floating-point loops with data-dependent exits; vector code over small arrays.

#include <stdint.h>
#include <stdio.h>

enum { WIDTH = 600, HEIGHT = 400, LIMIT = 1000, LANES = 8 };

static uint32_t hash_of(uint32_t hash, int number) { return (hash ^ (uint32_t)number) * 16777619u; }

static int escape_time(double cx, double cy) {
    double x = 0.0, y = 0.0;
    int steps = 0;
    while (steps < LIMIT && x * x + y * y <= 4.0) {
        double next = x * x - y * y + cx;
        y = 2.0 * x * y + cy;
        x = next;
        steps++;
    }
    return steps;
}

// Eight points at once; a point that has escaped stops counting, the group ends when all have.
static void escape_times(const float *cx, float cy, int32_t *steps) {
    float x[LANES] = {0}, y[LANES] = {0};
    for (int i = 0; i < LANES; i++) steps[i] = 0;
    for (int step = 0; step < LIMIT; step++) {
        int32_t inside = 0;
        for (int i = 0; i < LANES; i++) {
            float xx = x[i] * x[i], yy = y[i] * y[i];
            int32_t is_inside = xx + yy <= 4.0f;
            y[i] = is_inside ? 2.0f * x[i] * y[i] + cy : y[i];
            x[i] = is_inside ? xx - yy + cx[i] : x[i];
            steps[i] += is_inside;
            inside |= is_inside;
        }
        if (!inside) break;
    }
}

static int julia_time(float x, float y) {
    int steps = 0;
    for (; steps < LIMIT && x * x + y * y <= 4.0f; steps++) {
        float next = x * x - y * y - 0.8f;
        y = 2.0f * x * y + 0.156f;
        x = next;
    }
    return steps;
}

int main(void) {
    uint32_t scalar = 2166136261u, grouped = scalar, julia = scalar;
    for (int row = 0; row < HEIGHT; row++) {
        double cy = (row - HEIGHT / 2) / 160.0;
        for (int column = 0; column < WIDTH; column++) {
            scalar = hash_of(scalar, escape_time((column - WIDTH * 2 / 3) / 200.0, cy));
            float x = (float)(column - WIDTH / 2) / 180.0f, y = (float)(row - HEIGHT / 2) / 180.0f;
            julia = hash_of(julia, julia_time(x, y));
        }
    }
    for (int row = 0; row < HEIGHT * 2; row++) {
        float cy = (float)(row - HEIGHT) / 320.0f;
        for (int column = 0; column < WIDTH * 2; column += LANES) {
            float cx[LANES];
            int32_t steps[LANES];
            for (int i = 0; i < LANES; i++) cx[i] = (float)(column + i - WIDTH * 4 / 3) / 400.0f;
            escape_times(cx, cy, steps);
            for (int i = 0; i < LANES; i++) grouped = hash_of(grouped, steps[i]);
        }
    }
    printf("mandelbrot %08x grouped %08x julia %08x\n", (unsigned)scalar, (unsigned)grouped, (unsigned)julia);
    return 0;
}
