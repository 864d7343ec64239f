// Bodies that attract each other, moved by the velocity Verlet rule; reports the drift of the energy.
//
// Stresses: scalar and short-vector double arithmetic, square roots and divisions, array-of-structures loads.

#include <math.h>
#include <stdint.h>
#include <stdio.h>

enum { BODIES = 48, STEPS = 50000 };

typedef struct {
    double x, y, z;
    double vx, vy, vz;
    double ax, ay, az;
    double mass;
} body;

static body bodies[BODIES];

static double next_random(void) {
    static uint32_t state = 1299709;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (double)state / 4294967296.0 - 0.5;
}

static void set_accelerations(void) {
    for (int i = 0; i < BODIES; i++) bodies[i].ax = bodies[i].ay = bodies[i].az = 0.0;
    for (int i = 0; i < BODIES; i++) {
        body *a = &bodies[i];
        for (int j = i + 1; j < BODIES; j++) {
            body *b = &bodies[j];
            double dx = b->x - a->x, dy = b->y - a->y, dz = b->z - a->z;
            double square = dx * dx + dy * dy + dz * dz + 0.01;   // softened: no singularity
            double factor = 1.0 / (square * sqrt(square));
            a->ax += dx * factor * b->mass;
            a->ay += dy * factor * b->mass;
            a->az += dz * factor * b->mass;
            b->ax -= dx * factor * a->mass;
            b->ay -= dy * factor * a->mass;
            b->az -= dz * factor * a->mass;
        }
    }
}

static double energy(void) {
    double total = 0.0;
    for (int i = 0; i < BODIES; i++) {
        const body *a = &bodies[i];
        total += 0.5 * a->mass * (a->vx * a->vx + a->vy * a->vy + a->vz * a->vz);
        for (int j = i + 1; j < BODIES; j++) {
            const body *b = &bodies[j];
            double dx = b->x - a->x, dy = b->y - a->y, dz = b->z - a->z;
            total -= a->mass * b->mass / sqrt(dx * dx + dy * dy + dz * dz + 0.01);
        }
    }
    return total;
}

static void advance(double dt) {
    for (int i = 0; i < BODIES; i++) {
        body *b = &bodies[i];
        b->vx += 0.5 * dt * b->ax;
        b->vy += 0.5 * dt * b->ay;
        b->vz += 0.5 * dt * b->az;
        b->x += dt * b->vx;
        b->y += dt * b->vy;
        b->z += dt * b->vz;
    }
    set_accelerations();
    for (int i = 0; i < BODIES; i++) {
        body *b = &bodies[i];
        b->vx += 0.5 * dt * b->ax;
        b->vy += 0.5 * dt * b->ay;
        b->vz += 0.5 * dt * b->az;
    }
}

int main(void) {
    for (int i = 0; i < BODIES; i++) {
        body *b = &bodies[i];
        b->x = next_random() * 10.0;
        b->y = next_random() * 10.0;
        b->z = next_random() * 2.0;
        b->vx = -b->y * 0.1;
        b->vy = b->x * 0.1;
        b->mass = 0.3 + next_random() * 0.4;
    }
    set_accelerations();
    double before = energy();
    for (int i = 0; i < STEPS; i++) advance(0.001);
    double after = energy();
    printf("nbody before %.9f after %.9f drift small %d\n", before, after, fabs(after - before) < 1e-3);
    return 0;
}
