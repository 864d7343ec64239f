// Fixed-point signal processing: a FIR filter, a biquad cascade, ADPCM-like coding, and a resampler on 16-bit samples.
//
// Stresses: 16-bit multiply-accumulate that vectorises, saturation, arithmetic shifts, serial recurrences.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 1 << 19, TAPS = 64, PASSES = 30 };

static int16_t saturated(int32_t x) { return (int16_t)(x > 32767 ? 32767 : x < -32768 ? -32768 : x); }

static void make_signal(int16_t *signal) {
    // Two resonators in integer arithmetic, and noise.
    int32_t a0 = 12000, a1 = 11900, b0 = 7000, b1 = 6000;
    uint32_t noise = 1;
    for (int i = 0; i < SAMPLES; i++) {
        int32_t a = (int32_t)(((int64_t)a0 * 32600 >> 14) - a1), b = (int32_t)(((int64_t)b0 * 30000 >> 14) - b1);
        a1 = a0, a0 = saturated(a), b1 = b0, b0 = saturated(b);
        noise = noise * 1664525u + 1013904223u;
        signal[i] = saturated(a0 / 3 + b0 / 3 + (int16_t)(noise >> 16) / 16);
    }
}

static void filter(int16_t *restrict out, const int16_t *restrict in, const int16_t *restrict taps) {
    for (int i = 0; i + TAPS <= SAMPLES; i++) {
        int32_t sum = 1 << 14;
        for (int j = 0; j < TAPS; j++) sum += in[i + j] * taps[j];
        out[i] = saturated(sum >> 15);
    }
}

// Four second-order sections with coefficients in 2.14 format.
static void biquads(int16_t *samples) {
    static const int16_t coefficients[4][5] = {
        {4096, 8192, 4096, -9000, 2500}, {5000, -9000, 5000, -12000, 6000},
        {6000, 2000, 6000, -4000, 5000}, {16000, -15000, 3000, -3000, 1000},
    };
    int32_t x1[4] = {0}, x2[4] = {0}, y1[4] = {0}, y2[4] = {0};
    for (int i = 0; i < SAMPLES; i++) {
        int32_t x = samples[i];
        for (int s = 0; s < 4; s++) {
            const int16_t *c = coefficients[s];
            int64_t sum = (int64_t)c[0] * x + (int64_t)c[1] * x1[s] + (int64_t)c[2] * x2[s]
                        - (int64_t)c[3] * y1[s] - (int64_t)c[4] * y2[s];
            int32_t y = saturated((int32_t)(sum >> 14));
            x2[s] = x1[s], x1[s] = x, y2[s] = y1[s], y1[s] = y;
            x = y;
        }
        samples[i] = (int16_t)x;
    }
}

// Codes differences in four bits with an adapting step; returns a hash of the code, leaves the decoded signal.
static uint32_t code_differences(int16_t *samples) {
    int32_t predicted = 0, step = 16;
    uint32_t hash = 0;
    for (int i = 0; i < SAMPLES; i++) {
        int32_t difference = samples[i] - predicted;
        int32_t code = difference / step;
        code = code > 7 ? 7 : code < -8 ? -8 : code;
        predicted = saturated(predicted + code * step + step / 2);
        step = (code > 5 || code < -6) ? step * 3 / 2 : (code < 3 && code > -4) ? step * 7 / 8 : step;
        step = step < 16 ? 16 : step > 8192 ? 8192 : step;
        samples[i] = (int16_t)predicted;
        hash = hash * 31 + (uint32_t)(code & 15);
    }
    return hash;
}

static void resample(int16_t *restrict out, const int16_t *restrict in) {
    for (uint32_t i = 0; i < SAMPLES; i++) {
        uint64_t position = (uint64_t)i * 60000;   // 16.16: a little slower than the original
        uint32_t whole = (uint32_t)(position >> 16);
        int32_t part = (int32_t)(position & 0xffff) >> 1;
        out[i] = (int16_t)((in[whole] * (32768 - part) + in[whole + 1] * part) >> 15);
    }
}

int main(void) {
    int16_t *signal = calloc(SAMPLES + 1, sizeof(int16_t)), *work = calloc(SAMPLES + 1, sizeof(int16_t));
    int16_t taps[TAPS];
    if (signal == NULL || work == NULL) return 1;
    make_signal(signal);
    uint32_t hash = 0;
    int64_t power = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        for (int j = 0; j < TAPS; j++) taps[j] = (int16_t)((j * (TAPS - j) * (pass + 1) % 1000) - 200);
        filter(work, signal, taps);
        biquads(work);
        hash = hash * 17 + code_differences(work);
        resample(signal, work);
        for (int i = 0; i < SAMPLES; i++) power += signal[i] * signal[i] >> 4;
    }
    printf("fir hash %08x power %lld\n", (unsigned)hash, (long long)power);
    free(signal);
    free(work);
    return 0;
}
