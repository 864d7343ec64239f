// Objects with tables of functions, filters chained through function pointers, and a state machine of functions.
//
// Stresses: indirect calls whose target varies, small callees that cannot be inlined.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHAPES = 20000, ROUNDS = 800, FILTERS = 8 };

typedef struct shape shape;

typedef struct {
    double (*area)(const shape *);
    double (*border)(const shape *);
    void (*scale)(shape *, double);
} methods;

struct shape {
    const methods *methods;
    double a, b, c;
};

static double circle_area(const shape *s) { return 3.14159265358979 * s->a * s->a; }
static double circle_border(const shape *s) { return 2.0 * 3.14159265358979 * s->a; }
static void circle_scale(shape *s, double by) { s->a *= by; }
static double box_area(const shape *s) { return s->a * s->b; }
static double box_border(const shape *s) { return 2.0 * (s->a + s->b); }
static void box_scale(shape *s, double by) { s->a *= by, s->b *= by; }
static double prism_area(const shape *s) { return 2.0 * (s->a * s->b + s->b * s->c + s->c * s->a); }
static double prism_border(const shape *s) { return 4.0 * (s->a + s->b + s->c); }
static void prism_scale(shape *s, double by) { s->a *= by, s->b *= by, s->c *= by; }
static double triangle_area(const shape *s) { return 0.5 * s->a * s->b; }
static double triangle_border(const shape *s) { return s->a + s->b + s->c; }

static const methods kinds[] = {
    {circle_area, circle_border, circle_scale},
    {box_area, box_border, box_scale},
    {prism_area, prism_border, prism_scale},
    {triangle_area, triangle_border, prism_scale},
};

static uint32_t random_state = 600613;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

typedef uint32_t (*filter)(uint32_t);

static uint32_t twist(uint32_t x) { return x ^ x << 7; }
static uint32_t turn(uint32_t x) { return x >> 5 | x << 27; }
static uint32_t scale(uint32_t x) { return x * 2654435761u; }
static uint32_t flip(uint32_t x) { return ~x; }
static uint32_t bump(uint32_t x) { return x + 0x9E3779B9u; }
static uint32_t fold(uint32_t x) { return x ^ x >> 16; }

static const filter filters[] = {twist, turn, scale, flip, bump, fold};

// Each state reads a byte and returns the next state, itself a function.
typedef struct state {
    const struct state *(*read)(uint8_t, uint32_t *);
} state;

static const state *outside(uint8_t, uint32_t *);
static const state *in_word(uint8_t, uint32_t *);
static const state *in_number(uint8_t, uint32_t *);
static const state states[] = {{outside}, {in_word}, {in_number}};

static const state *outside(uint8_t byte, uint32_t *counts) {
    if (byte < 100) return &states[0];
    counts[byte < 200]++;
    return byte < 200 ? &states[1] : &states[2];
}

static const state *in_word(uint8_t byte, uint32_t *counts) {
    counts[2]++;
    return byte < 60 ? &states[0] : &states[1];
}

static const state *in_number(uint8_t byte, uint32_t *counts) {
    counts[3] += byte;
    return byte < 128 ? &states[0] : byte < 140 ? &states[1] : &states[2];
}

int main(void) {
    static shape shapes[SHAPES];
    for (int i = 0; i < SHAPES; i++) {
        shapes[i].methods = &kinds[next_random() % 4];
        shapes[i].a = 1.0 + next_random() % 10;
        shapes[i].b = 1.0 + next_random() % 10;
        shapes[i].c = 1.0 + next_random() % 10;
    }
    double area = 0.0, border = 0.0;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < SHAPES; i++) {
            shape *s = &shapes[i];
            area += s->methods->area(s);
            border += s->methods->border(s);
            if ((i + round) % 16 == 0) s->methods->scale(s, round & 16 ? 0.5 : 2.0);
        }
    }
    filter chain[FILTERS];
    uint32_t mixed = 1;
    for (int round = 0; round < 2000; round++) {
        for (int i = 0; i < FILTERS; i++) chain[i] = filters[next_random() % 6];
        for (int i = 0; i < 1500; i++) mixed = chain[i % FILTERS](mixed + (uint32_t)i);
    }
    uint32_t counts[4] = {0};
    const state *now = &states[0];
    for (int i = 0; i < 15000000; i++) {
        mixed = mixed * 1664525u + 1013904223u;
        now = now->read((uint8_t)(mixed >> 24), counts);
    }
    printf("vcalls area %.6e border %.6e mixed %08x counts %u %u %u %u\n", area, border, (unsigned)mixed,
           (unsigned)counts[0], (unsigned)counts[1], (unsigned)counts[2], (unsigned)counts[3]);
    return 0;
}
