// Dense matrix product in double precision, in two loop orders.
//
// Stresses: vectorised floating point (the row order streams and vectorises), strictly ordered
// reductions (the dot-product order does not), address arithmetic in triple loops.

#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 640 };

static double *new_matrix(void) {
    double *matrix = malloc(sizeof(double) * SIZE * SIZE);
    if (matrix == NULL) exit(1);
    return matrix;
}

static void fill(double *matrix, unsigned seed) {
    for (int i = 0; i < SIZE * SIZE; i++) {
        seed = seed * 1664525u + 1013904223u;
        matrix[i] = (double)(seed >> 16) / 65536.0 - 0.5;
    }
}

// out = a * b, adding whole rows of b: the inner loop is a vectorisable update.
static void multiply_by_rows(double *restrict out, const double *restrict a, const double *restrict b) {
    for (int i = 0; i < SIZE; i++) {
        double *row = out + i * SIZE;
        for (int j = 0; j < SIZE; j++) row[j] = 0.0;
        for (int k = 0; k < SIZE; k++) {
            double scale = a[i * SIZE + k];
            const double *other = b + k * SIZE;
            for (int j = 0; j < SIZE; j++) row[j] += scale * other[j];
        }
    }
}

// out = a * transpose(b), one dot product per element: the sum must keep its order.
static void multiply_by_dots(double *restrict out, const double *restrict a, const double *restrict b) {
    for (int i = 0; i < SIZE; i++) {
        for (int j = 0; j < SIZE; j++) {
            double sum = 0.0;
            for (int k = 0; k < SIZE; k++) sum += a[i * SIZE + k] * b[j * SIZE + k];
            out[i * SIZE + j] = sum;
        }
    }
}

int main(void) {
    double *a = new_matrix(), *b = new_matrix(), *product = new_matrix(), *gram = new_matrix();
    fill(a, 1);
    fill(b, 2);
    multiply_by_rows(product, a, b);
    multiply_by_rows(gram, product, a);
    multiply_by_rows(product, gram, b);
    multiply_by_dots(gram, product, b);
    double trace = 0.0, total = 0.0;
    for (int i = 0; i < SIZE; i++) trace += gram[i * SIZE + i];
    for (int i = 0; i < SIZE * SIZE; i++) total += gram[i];
    printf("matmul trace %.9e total %.9e\n", trace, total);
    free(a);
    free(b);
    free(product);
    free(gram);
    return 0;
}
