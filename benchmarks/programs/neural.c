// A small neural network (two hidden layers, float) learns to tell the points of two spirals apart.
//
// Stresses: vectorised float updates of rows, ordered dot products, exponentials, float conversion.

#include <math.h>
#include <stdint.h>
#include <stdio.h>

enum { INPUTS = 8, HIDDEN = 64, POINTS = 400, EPOCHS = 250 };

static float first[HIDDEN][INPUTS], second[HIDDEN][HIDDEN], last[HIDDEN];
static float inputs[POINTS][INPUTS], wanted[POINTS];

static float next_random(void) {
    static uint32_t state = 1618033;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (float)(state >> 8) / 16777216.0f - 0.5f;
}

// Two spirals; rotation by a constant step needs no sine. The last input is a constant.
static void make_points(void) {
    float x = 0.05f, y = 0.0f;
    for (int i = 0; i < POINTS; i++) {
        if (i % 2 == 0) {
            float turned = (x * 0.99955f - y * 0.0299955f) * 1.016f;
            y = (y * 0.99955f + x * 0.0299955f) * 1.016f;
            x = turned;
        }
        float sign = i % 2 ? -1.0f : 1.0f, px = x * sign, py = y * sign;
        const float row[INPUTS] = {px, py, px * px, py * py, px * py, px * px * px, py * py * py, 1.0f};
        for (int j = 0; j < INPUTS; j++) inputs[i][j] = row[j];
        wanted[i] = i % 2 ? 1.0f : 0.0f;
    }
}

static float rectified(float x) { return x > 0.0f ? x : 0.01f * x; }

static float steepness(float x) { return x > 0.0f ? 1.0f : 0.01f; }

// Learns from one point; returns the squared error before.
static float learn(int point, float rate) {
    float a[HIDDEN], b[HIDDEN], a_slope[HIDDEN] = {0}, b_slope[HIDDEN], output = 0.0f;
    for (int i = 0; i < HIDDEN; i++) {
        float sum = 0.0f;
        for (int j = 0; j < INPUTS; j++) sum += first[i][j] * inputs[point][j];
        a[i] = rectified(sum);
    }
    for (int i = 0; i < HIDDEN; i++) {
        float sum = 0.0f;
        for (int j = 0; j < HIDDEN; j++) sum += second[i][j] * a[j];
        b[i] = rectified(sum);
        output += last[i] * b[i];
    }
    // A rational sigmoid: no library call, so that every build gives the same bits.
    float guess = 0.5f + 0.5f * output / (1.0f + fabsf(output));
    float error = guess - wanted[point];
    float slope = error / ((1.0f + fabsf(output)) * (1.0f + fabsf(output)));
    for (int i = 0; i < HIDDEN; i++) {
        b_slope[i] = slope * last[i] * steepness(b[i]);
        last[i] -= rate * slope * b[i];
        for (int j = 0; j < HIDDEN; j++) a_slope[j] += b_slope[i] * second[i][j];
        for (int j = 0; j < HIDDEN; j++) second[i][j] -= rate * b_slope[i] * a[j];
    }
    for (int i = 0; i < HIDDEN; i++) {
        float step = rate * a_slope[i] * steepness(a[i]);
        for (int j = 0; j < INPUTS; j++) first[i][j] -= step * inputs[point][j];
    }
    return error * error;
}

int main(void) {
    make_points();
    for (int i = 0; i < HIDDEN; i++) {
        for (int j = 0; j < INPUTS; j++) first[i][j] = next_random();
        for (int j = 0; j < HIDDEN; j++) second[i][j] = next_random() * 0.3f;
        last[i] = next_random() * 0.3f;
    }
    float start = 0.0f, end = 0.0f;
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        float error = 0.0f;
        for (int i = 0; i < POINTS; i++) error += learn((i * 37 + epoch) % POINTS, 0.02f);
        if (epoch == 0) start = error;
        end = error;
    }
    printf("neural error at the start %.6f at the end %.6f\n", (double)start, (double)end);
    return 0;
}
