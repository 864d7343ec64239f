// The largest eigenvalue of an implicit matrix, and of a stored symmetric one, by power iteration.
//
// Stresses: integer-to-float conversion and division in inner loops, ordered sums, square roots.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 1100, STORED = 900, IMPLICIT_STEPS = 14, STORED_STEPS = 330 };

// Element (i, j) of a matrix that is never stored.
static double element(int i, int j) { return 1.0 / ((i + j) * (i + j + 1) / 2 + i + 1); }

static void apply(double *restrict out, const double *restrict in) {
    for (int i = 0; i < SIZE; i++) {
        double sum = 0.0;
        for (int j = 0; j < SIZE; j++) sum += element(i, j) * in[j];
        out[i] = sum;
    }
}

static void apply_transposed(double *restrict out, const double *restrict in) {
    for (int i = 0; i < SIZE; i++) out[i] = 0.0;
    for (int j = 0; j < SIZE; j++) {
        for (int i = 0; i < SIZE; i++) out[i] += element(j, i) * in[j];
    }
}

static double normalize(double *v, int size) {
    double square = 0.0;
    for (int i = 0; i < size; i++) square += v[i] * v[i];
    double length = sqrt(square);
    for (int i = 0; i < size; i++) v[i] /= length;
    return length;
}

static double implicit_norm(void) {
    double *v = malloc(sizeof(double) * SIZE), *w = malloc(sizeof(double) * SIZE), length = 0.0;
    if (v == NULL || w == NULL) exit(1);
    for (int i = 0; i < SIZE; i++) v[i] = 1.0;
    for (int step = 0; step < IMPLICIT_STEPS; step++) {
        apply(w, v);
        apply_transposed(v, w);
        length = normalize(v, SIZE);
    }
    free(v);
    free(w);
    return sqrt(length);
}

static double stored_eigenvalue(void) {
    double *matrix = malloc(sizeof(double) * STORED * STORED), v[STORED], w[STORED], value = 0.0;
    if (matrix == NULL) exit(1);
    for (int i = 0; i < STORED; i++) {
        v[i] = 1.0 + i % 3;
        for (int j = 0; j < STORED; j++) {
            int low = i < j ? i : j, high = i < j ? j : i;
            matrix[i * STORED + j] = 1.0 / (1 + (low * 31 + high * 17) % 97);
        }
    }
    for (int step = 0; step < STORED_STEPS; step++) {
        for (int i = 0; i < STORED; i++) {
            double sum = 0.0;
            for (int j = 0; j < STORED; j++) sum += matrix[i * STORED + j] * v[j];
            w[i] = sum;
        }
        value = normalize(w, STORED);
        for (int i = 0; i < STORED; i++) v[i] = w[i];
    }
    free(matrix);
    return value;
}

int main(void) {
    double norm = implicit_norm();
    printf("spectral norm %.12f eigenvalue %.12f\n", norm, stored_eigenvalue());
    return 0;
}
