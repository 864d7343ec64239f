// Monte-Carlo estimates: pi by darts, the volume of a ball, a random walk, and gaps of an option price.
//
// Stresses: a serial random generator, integer-to-float conversion, comparisons, logarithm and exponential.

#include <math.h>
#include <stdint.h>
#include <stdio.h>

static uint64_t state[2] = {0x0123456789abcdefull, 0xfedcba9876543210ull};

static uint64_t next_random(void) {
    uint64_t a = state[0], b = state[1];
    state[0] = b;
    a ^= a << 23;
    state[1] = a ^ b ^ a >> 18 ^ b >> 5;
    return state[1] + b;
}

// In [0, 1), with 53 random bits.
static double next_fraction(void) { return (double)(next_random() >> 11) * (1.0 / 9007199254740992.0); }

static double estimate_pi(int darts) {
    int inside = 0;
    for (int i = 0; i < darts; i++) {
        double x = next_fraction(), y = next_fraction();
        inside += x * x + y * y < 1.0;
    }
    return 4.0 * inside / darts;
}

static double ball_volume(int dimensions, int points) {
    int inside = 0;
    for (int i = 0; i < points; i++) {
        double square = 0.0;
        for (int d = 0; d < dimensions && square < 1.0; d++) {
            double x = 2.0 * next_fraction() - 1.0;
            square += x * x;
        }
        inside += square < 1.0;
    }
    return (double)inside / points * (1 << dimensions);
}

static double mean_walk_square(int walks, int steps) {
    int64_t total = 0;
    for (int i = 0; i < walks; i++) {
        int x = 0, y = 0;
        for (int left = steps; left > 0; left -= 32) {
            uint64_t bits = next_random();
            for (int j = 0; j < 32; j++, bits >>= 2) {
                int by = (bits & 2) ? 1 : -1;
                if (bits & 1) x += by;
                else y += by;
            }
        }
        total += (int64_t)x * x + (int64_t)y * y;
    }
    return (double)total / walks;
}

// A pair of normally distributed numbers by the polar method.
static void next_normals(double *a, double *b) {
    double x, y, square;
    do {
        x = 2.0 * next_fraction() - 1.0;
        y = 2.0 * next_fraction() - 1.0;
        square = x * x + y * y;
    } while (square >= 1.0 || square == 0.0);
    double factor = sqrt(-2.0 * log(square) / square);
    *a = x * factor;
    *b = y * factor;
}

static double option_price(int paths) {
    double total = 0.0;
    for (int i = 0; i < paths; i++) {
        double a, b, price = 100.0, sum = 0.0;
        for (int step = 0; step < 4; step++) {
            next_normals(&a, &b);
            price *= exp(0.01 + 0.1 * a);
            sum += price;
            price *= exp(0.01 + 0.1 * b);
            sum += price;
        }
        double gain = sum / 8.0 - 105.0;
        if (gain > 0.0) total += gain;
    }
    return total / paths;
}

int main(void) {
    double pi = estimate_pi(20000000), volume = ball_volume(6, 6000000);
    double walk = mean_walk_square(20000, 2048), price = option_price(300000);
    printf("montecarlo pi %.8f volume %.8f walk %.6f price %.6f\n", pi, volume, walk, price);
    return 0;
}
