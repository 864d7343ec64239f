// Heat spreading over a plate: Jacobi steps of a five-point stencil in single precision.
//
// Stresses: vectorised float arithmetic with neighbouring (unaligned) loads, two streaming arrays.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1024, HEIGHT = 768, STEPS = 1400 };

static void step(float *restrict next, const float *restrict now) {
    for (int y = 1; y < HEIGHT - 1; y++) {
        const float *above = now + (y - 1) * WIDTH, *here = now + y * WIDTH, *below = now + (y + 1) * WIDTH;
        float *out = next + y * WIDTH;
        for (int x = 1; x < WIDTH - 1; x++) {
            float neighbours = above[x] + below[x] + here[x - 1] + here[x + 1];
            out[x] = here[x] + 0.2f * (neighbours - 4.0f * here[x]);
        }
    }
}

int main(void) {
    float *now = malloc(sizeof(float) * WIDTH * HEIGHT), *next = malloc(sizeof(float) * WIDTH * HEIGHT);
    if (now == NULL || next == NULL) return 1;
    for (int y = 0; y < HEIGHT; y++) {
        for (int x = 0; x < WIDTH; x++) {
            int is_edge = x == 0 || y == 0 || x == WIDTH - 1 || y == HEIGHT - 1;
            now[y * WIDTH + x] = is_edge ? (float)((x * 3 + y * 5) % 100) : (float)((x ^ y) & 63);
        }
    }
    memcpy(next, now, sizeof(float) * WIDTH * HEIGHT);
    for (int i = 0; i < STEPS; i++) {
        step(next, now);
        float *held = now;
        now = next;
        next = held;
    }
    double total = 0.0;
    for (int i = 0; i < WIDTH * HEIGHT; i++) total += now[i];
    printf("heat2d total %.6f middle %.6f\n", total, now[(HEIGHT / 2) * WIDTH + WIDTH / 2]);
    free(now);
    free(next);
    return 0;
}
