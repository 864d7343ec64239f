// A ray tracer: spheres over a checkered floor, shadows, mirrors and several samples per pixel.
//
// Stresses: structures passed by value, square roots, branches on floating-point comparisons, recursion.

#include <math.h>
#include <stdint.h>
#include <stdio.h>

enum { WIDTH = 1000, HEIGHT = 750, SAMPLES = 4, SPHERES = 12, MAX_DEPTH = 4 };

typedef struct {
    double x, y, z;
} vector;

typedef struct {
    vector centre, color;
    double radius, mirror;
} sphere;

typedef struct {
    double distance;
    vector point, normal, color;
    double mirror;
} hit;

static sphere spheres[SPHERES];
static const vector sun = {0.48, 0.8, -0.36};

static vector sum(vector a, vector b) { return (vector){a.x + b.x, a.y + b.y, a.z + b.z}; }
static vector scaled(vector a, double by) { return (vector){a.x * by, a.y * by, a.z * by}; }
static vector difference(vector a, vector b) { return sum(a, scaled(b, -1.0)); }
static double dot(vector a, vector b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static vector unit(vector a) { return scaled(a, 1.0 / sqrt(dot(a, a))); }

// Distance along the ray to the sphere, or a negative number.
static double meet(const sphere *s, vector from, vector direction) {
    vector towards = difference(s->centre, from);
    double along = dot(towards, direction);
    double square = along * along - dot(towards, towards) + s->radius * s->radius;
    if (square < 0.0) return -1.0;
    double root = sqrt(square);
    return along - root > 1e-6 ? along - root : along + root;
}

static int find_nearest(vector from, vector direction, hit *found) {
    int nearest = -1;
    found->distance = 1e30;
    for (int i = 0; i < SPHERES; i++) {
        double distance = meet(&spheres[i], from, direction);
        if (distance > 1e-6 && distance < found->distance) {
            found->distance = distance;
            nearest = i;
        }
    }
    double floor_distance = direction.y < -1e-9 ? -from.y / direction.y : -1.0;
    if (floor_distance > 1e-6 && floor_distance < found->distance) {
        found->distance = floor_distance;
        found->point = sum(from, scaled(direction, floor_distance));
        found->normal = (vector){0.0, 1.0, 0.0};
        int is_dark = ((int)floor(found->point.x) + (int)floor(found->point.z)) & 1;
        found->color = is_dark ? (vector){0.2, 0.2, 0.25} : (vector){0.9, 0.9, 0.85};
        found->mirror = 0.1;
        return found->distance < 200.0;
    }
    if (nearest < 0) return 0;
    found->point = sum(from, scaled(direction, found->distance));
    found->normal = scaled(difference(found->point, spheres[nearest].centre), 1.0 / spheres[nearest].radius);
    found->color = spheres[nearest].color;
    found->mirror = spheres[nearest].mirror;
    return 1;
}

static int is_shadowed(vector from) {
    for (int i = 0; i < SPHERES; i++) {
        if (meet(&spheres[i], from, sun) > 1e-6) return 1;
    }
    return 0;
}

static vector trace(vector from, vector direction, int depth) {
    hit found;
    if (!find_nearest(from, direction, &found)) {
        double height = 0.5 * (direction.y + 1.0);
        return (vector){0.5 + 0.3 * height, 0.6 + 0.3 * height, 0.9};
    }
    double brightness = dot(found.normal, sun);
    if (brightness < 0.0 || is_shadowed(found.point)) brightness = 0.0;
    vector color = scaled(found.color, 0.15 + 0.85 * brightness);
    if (depth == 0 || found.mirror <= 0.0) return color;
    vector mirrored = difference(direction, scaled(found.normal, 2.0 * dot(direction, found.normal)));
    vector reflection = trace(found.point, mirrored, depth - 1);
    return sum(scaled(color, 1.0 - found.mirror), scaled(reflection, found.mirror));
}

int main(void) {
    for (int i = 0; i < SPHERES; i++) {
        double radius = 0.5 + 0.13 * (i * 5 % 7);
        spheres[i].centre = (vector){i * 7 % 12 - 5.5, radius + 0.3 * (i % 3), 4.0 + i * 5 % 11};
        spheres[i].color = (vector){0.3 + 0.1 * (i % 7), 0.2 + 0.1 * (i % 5), 0.9 - 0.07 * i};
        spheres[i].radius = radius;
        spheres[i].mirror = 0.15 * (i % 5);
    }
    const vector eye = {0.0, 2.2, -6.0};
    uint32_t hash = 2166136261u;
    double total = 0.0;
    for (int row = 0; row < HEIGHT; row++) {
        for (int column = 0; column < WIDTH; column++) {
            vector color = {0.0, 0.0, 0.0};
            for (int sample = 0; sample < SAMPLES; sample++) {
                double x = (column + 0.5 * (sample & 1) - WIDTH / 2.0) / WIDTH;
                double y = (HEIGHT / 2.0 - row - 0.5 * (sample >> 1)) / WIDTH - 0.08;
                color = sum(color, trace(eye, unit((vector){x, y, 0.9}), MAX_DEPTH));
            }
            color = scaled(color, 1.0 / SAMPLES);
            hash = (hash ^ (uint32_t)(color.x * 255.0)) * 16777619u;
            hash = (hash ^ (uint32_t)(color.z * 255.0)) * 16777619u;
            total += color.y;
        }
    }
    printf("raytracer hash %08x mean green %.9f\n", (unsigned)hash, total / (WIDTH * HEIGHT));
    return 0;
}
