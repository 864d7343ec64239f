// LU factorisation with partial pivoting, then the solution of several right-hand sides.
//
// Stresses: triangular loop nests whose trip count shrinks, row exchanges, floating-point division,
// a pivot search with data-dependent branches.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 1300, RIGHT_SIDES = 16 };

static double matrix[SIZE][SIZE], factors[SIZE][SIZE];
static int pivot_of[SIZE];

static unsigned random_state = 12345;

static double next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return (double)random_state / 4294967296.0 - 0.5;
}

static void exchange_rows(int first, int second) {
    for (int j = 0; j < SIZE; j++) {
        double held = factors[first][j];
        factors[first][j] = factors[second][j];
        factors[second][j] = held;
    }
    int held = pivot_of[first];
    pivot_of[first] = pivot_of[second];
    pivot_of[second] = held;
}

static int factorise(void) {
    int exchanges = 0;
    for (int k = 0; k < SIZE; k++) {
        int best = k;
        for (int i = k + 1; i < SIZE; i++) {
            if (fabs(factors[i][k]) > fabs(factors[best][k])) best = i;
        }
        if (best != k) {
            exchange_rows(best, k);
            exchanges++;
        }
        for (int i = k + 1; i < SIZE; i++) {
            double multiplier = factors[i][k] / factors[k][k];
            factors[i][k] = multiplier;
            for (int j = k + 1; j < SIZE; j++) factors[i][j] -= multiplier * factors[k][j];
        }
    }
    return exchanges;
}

static void solve(const double *right, double *x) {
    for (int i = 0; i < SIZE; i++) {
        double sum = right[pivot_of[i]];
        for (int j = 0; j < i; j++) sum -= factors[i][j] * x[j];
        x[i] = sum;
    }
    for (int i = SIZE - 1; i >= 0; i--) {
        double sum = x[i];
        for (int j = i + 1; j < SIZE; j++) sum -= factors[i][j] * x[j];
        x[i] = sum / factors[i][i];
    }
}

static double largest_residual(const double *right, const double *x) {
    double largest = 0.0;
    for (int i = 0; i < SIZE; i++) {
        double sum = -right[i];
        for (int j = 0; j < SIZE; j++) sum += matrix[i][j] * x[j];
        if (fabs(sum) > largest) largest = fabs(sum);
    }
    return largest;
}

int main(void) {
    static double right[SIZE], x[SIZE];
    for (int i = 0; i < SIZE; i++) {
        pivot_of[i] = i;
        for (int j = 0; j < SIZE; j++) matrix[i][j] = factors[i][j] = next_random();
    }
    int exchanges = factorise();
    double worst = 0.0, checksum = 0.0;
    for (int r = 0; r < RIGHT_SIDES; r++) {
        for (int i = 0; i < SIZE; i++) right[i] = next_random();
        solve(right, x);
        double residual = largest_residual(right, x);
        if (residual > worst) worst = residual;
        for (int i = 0; i < SIZE; i++) checksum += x[i] * (i % 7);
    }
    printf("lu exchanges %d residual ok %d checksum %.9e\n", exchanges, worst < 1e-8, checksum);
    return 0;
}
