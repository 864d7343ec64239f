// Image processing on bytes: blur, edges, histogram equalisation, median, threshold, dilation, blending.
//
// Stresses: vectorised 8- and 16-bit integer arithmetic (widening, saturation, minimum, maximum), table lookups.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 1024, HEIGHT = 768, PIXELS = WIDTH * HEIGHT, PASSES = 150 };

static uint8_t smaller(uint8_t a, uint8_t b) { return a < b ? a : b; }
static uint8_t larger(uint8_t a, uint8_t b) { return a > b ? a : b; }

static void blur(uint8_t *restrict out, const uint8_t *restrict in) {
    for (int y = 1; y < HEIGHT - 1; y++) {
        const uint8_t *above = in + (y - 1) * WIDTH, *here = above + WIDTH, *below = here + WIDTH;
        for (int x = 1; x < WIDTH - 1; x++) {
            int sum = above[x - 1] + 2 * above[x] + above[x + 1] + 2 * here[x - 1] + 4 * here[x] + 2 * here[x + 1]
                    + below[x - 1] + 2 * below[x] + below[x + 1];
            out[y * WIDTH + x] = (uint8_t)((sum + 8) >> 4);
        }
    }
}

static void edges(uint8_t *restrict out, const uint8_t *restrict in) {
    for (int y = 1; y < HEIGHT - 1; y++) {
        const uint8_t *above = in + (y - 1) * WIDTH, *here = above + WIDTH, *below = here + WIDTH;
        for (int x = 1; x < WIDTH - 1; x++) {
            int across = above[x + 1] + 2 * here[x + 1] + below[x + 1] - above[x - 1] - 2 * here[x - 1] - below[x - 1];
            int down = below[x - 1] + 2 * below[x] + below[x + 1] - above[x - 1] - 2 * above[x] - above[x + 1];
            int strength = (abs(across) + abs(down)) >> 2;
            out[y * WIDTH + x] = (uint8_t)(strength > 255 ? 255 : strength);
        }
    }
}

static void equalise(uint8_t *image) {
    uint32_t count[256] = {0}, below = 0;
    uint8_t map[256];
    for (int i = 0; i < PIXELS; i++) count[image[i]]++;
    for (int level = 0; level < 256; level++) {
        below += count[level];
        map[level] = (uint8_t)((uint64_t)below * 255 / PIXELS);
    }
    for (int i = 0; i < PIXELS; i++) image[i] = map[image[i]];
}

static uint8_t middle(uint8_t a, uint8_t b, uint8_t c) { return larger(smaller(a, b), smaller(larger(a, b), c)); }

// The median of the medians of three rows of three: close to the true median, and free of branches.
static void median(uint8_t *restrict out, const uint8_t *restrict in) {
    for (int y = 1; y < HEIGHT - 1; y++) {
        const uint8_t *above = in + (y - 1) * WIDTH, *here = above + WIDTH, *below = here + WIDTH;
        for (int x = 1; x < WIDTH - 1; x++) {
            uint8_t a = middle(above[x - 1], above[x], above[x + 1]), b = middle(here[x - 1], here[x], here[x + 1]);
            out[y * WIDTH + x] = middle(a, b, middle(below[x - 1], below[x], below[x + 1]));
        }
    }
}

static void dilate(uint8_t *restrict out, const uint8_t *restrict in) {
    for (int i = WIDTH; i < PIXELS - WIDTH; i++) {
        out[i] = larger(larger(in[i - WIDTH], in[i + WIDTH]), larger(in[i], larger(in[i - 1], in[i + 1])));
    }
}

// Here `out` may be one of the inputs.
static void blend(uint8_t *out, const uint8_t *a, const uint8_t *b, int share) {
    for (int i = 0; i < PIXELS; i++) out[i] = (uint8_t)((a[i] * share + b[i] * (256 - share)) >> 8);
}

static uint32_t sum_of_differences(const uint8_t *a, const uint8_t *b) {
    uint32_t sum = 0;
    for (int i = 0; i < PIXELS; i++) sum += (uint32_t)abs(a[i] - b[i]);
    return sum;
}

int main(void) {
    uint8_t *image = malloc(PIXELS), *work = calloc(PIXELS, 1), *other = calloc(PIXELS, 1);
    if (image == NULL || work == NULL || other == NULL) return 1;
    uint32_t state = 123, hash = 0;
    for (int i = 0; i < PIXELS; i++) {
        int x = i % WIDTH - 500, y = i / WIDTH - 400;
        state = state * 1664525u + 1013904223u;
        image[i] = (uint8_t)(((x * x + y * y) >> 10) + (state >> 27) + (((x / 64) ^ (y / 64)) & 1) * 60);
    }
    for (int pass = 0; pass < PASSES; pass++) {
        blur(work, image);
        edges(other, work);
        hash = hash * 31 + sum_of_differences(work, other);
        blend(work, image, other, 100 + pass);
        equalise(work);
        median(other, work);
        dilate(work, other);
        blend(image, work, image, 96);
        hash = hash * 31 + sum_of_differences(image, other);
    }
    printf("image hash %08x\n", (unsigned)hash);
    free(image);
    free(work);
    free(other);
    return 0;
}
