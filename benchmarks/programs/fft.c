// Fast Fourier transform of complex doubles: forward, filter, backward, against the direct sum on a sample.
//
// Stresses: strided and bit-reversed access, floating-point butterflies, table lookups of twiddle factors.

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOG_SIZE = 17, SIZE = 1 << LOG_SIZE, ROUNDS = 100 };

typedef struct {
    double re, im;
} complex_number;

static complex_number twiddles[SIZE / 2];

static void make_twiddles(void) {
    for (int i = 0; i < SIZE / 2; i++) {
        double angle = 2.0 * 3.14159265358979323846 * i / SIZE;
        twiddles[i] = (complex_number){cos(angle), -sin(angle)};
    }
}

static void reorder(complex_number *data) {
    for (uint32_t i = 0, reversed = 0; i < SIZE; i++) {
        if (i < reversed) {
            complex_number held = data[i];
            data[i] = data[reversed];
            data[reversed] = held;
        }
        uint32_t bit = SIZE >> 1;
        for (; reversed & bit; bit >>= 1) reversed ^= bit;
        reversed |= bit;
    }
}

// In place; `sign` is 1 forward and -1 backward (without the division by SIZE).
static void transform(complex_number *data, double sign) {
    reorder(data);
    for (int half = 1; half < SIZE; half *= 2) {
        int stride = SIZE / (2 * half);
        for (int start = 0; start < SIZE; start += 2 * half) {
            complex_number *low = data + start, *high = low + half;
            for (int i = 0; i < half; i++) {
                complex_number w = twiddles[i * stride];
                double im = w.im * sign;
                double re = high[i].re * w.re - high[i].im * im;
                im = high[i].re * im + high[i].im * w.re;
                high[i] = (complex_number){low[i].re - re, low[i].im - im};
                low[i] = (complex_number){low[i].re + re, low[i].im + im};
            }
        }
    }
}

static double distance_from_direct_sum(const complex_number *signal, complex_number result, int index) {
    double re = 0.0, im = 0.0;
    for (int i = 0; i < SIZE; i++) {
        double angle = 2.0 * 3.14159265358979323846 * (double)((int64_t)i * index % SIZE) / SIZE;
        re += signal[i].re * cos(angle) + signal[i].im * sin(angle);
        im += signal[i].im * cos(angle) - signal[i].re * sin(angle);
    }
    return fabs(re - result.re) + fabs(im - result.im);
}

int main(void) {
    complex_number *data = malloc(sizeof(complex_number) * SIZE), *signal = malloc(sizeof(complex_number) * SIZE);
    if (data == NULL || signal == NULL) return 1;
    make_twiddles();
    uint32_t state = 31415;
    for (int i = 0; i < SIZE; i++) {
        state = state * 1664525u + 1013904223u;
        signal[i].re = data[i].re = (double)(state >> 8) / 16777216.0 - 0.5;
        signal[i].im = data[i].im = (double)(i % 100) / 100.0;
    }
    transform(data, 1.0);
    int is_right = distance_from_direct_sum(signal, data[777], 777) < 1e-6;
    transform(data, -1.0);
    for (int i = 0; i < SIZE; i++) data[i] = (complex_number){data[i].re / SIZE, data[i].im / SIZE};
    for (int round = 0; round < ROUNDS; round++) {
        transform(data, round % 2 ? -1.0 : 1.0);
        for (int i = 0; i < SIZE; i++) {
            double gain = (i & 1023) < 900 ? 1.0 / sqrt(SIZE) : 0.98 / sqrt(SIZE);
            data[i].re *= gain;
            data[i].im *= gain;
        }
    }
    double energy = 0.0;
    for (int i = 0; i < SIZE; i++) energy += data[i].re * data[i].re + data[i].im * data[i].im;
    printf("fft matches direct sum %d energy %.6e\n", is_right, energy);
    free(data);
    free(signal);
    return 0;
}
