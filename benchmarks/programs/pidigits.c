// Many digits of pi by Machin's formula, and of a factorial, with numbers of many 32-bit limbs.
//
// Stresses: 64-bit multiplication, division by a small divisor in a chain, carries.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 21000, LIMBS = DIGITS / 9 + 4, FACTORIAL = 6000, FACTORIAL_LIMBS = 2400 };

static const uint32_t base = 1000000000;   // nine decimal digits a limb; limb 0 is the whole part

typedef uint32_t number[LIMBS];

// x /= divisor; returns whether anything is left, looking only from limb `from` on.
static int divide(uint32_t *x, uint32_t divisor, int from) {
    uint64_t rest = 0;
    uint32_t any = 0;
    for (int i = from; i < LIMBS; i++) {
        rest = rest * base + x[i];
        x[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
        any |= x[i];
    }
    return any != 0;
}

static void add(uint32_t *x, const uint32_t *y) {
    uint32_t carry = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        uint32_t sum = x[i] + y[i] + carry;
        carry = sum >= base;
        x[i] = carry ? sum - base : sum;
    }
}

static void subtract(uint32_t *x, const uint32_t *y) {
    uint32_t borrow = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        uint32_t taken = y[i] + borrow;
        borrow = x[i] < taken;
        x[i] = borrow ? x[i] + base - taken : x[i] - taken;
    }
}

static void multiply(uint32_t *x, uint32_t by) {
    uint64_t carry = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        carry += (uint64_t)x[i] * by;
        x[i] = (uint32_t)(carry % base);
        carry /= base;
    }
}

// sum = arctangent(1 / x)
static void arctangent(uint32_t *sum, uint32_t x) {
    number power = {1}, term;
    int from = 0;
    divide(power, x, 0);
    memcpy(sum, power, sizeof(number));
    for (uint32_t n = 3; divide(power, x * x, from); n += 2) {
        while (power[from] == 0) from++;
        memcpy(term, power, sizeof term);
        divide(term, n, from);
        if (n % 4 == 3) subtract(sum, term);
        else add(sum, term);
    }
}

// The sum of the decimal digits of n!, in limbs of 2^32.
static uint32_t factorial_digit_sum(uint32_t n) {
    static uint32_t limbs[FACTORIAL_LIMBS];
    int used = 1;
    uint32_t total = 0;
    limbs[0] = 1;
    for (uint32_t factor = 2; factor <= n; factor++) {
        uint64_t carry = 0;
        for (int i = 0; i < used; i++, carry >>= 32) {
            carry += (uint64_t)limbs[i] * factor;
            limbs[i] = (uint32_t)carry;
        }
        if (carry) limbs[used++] = (uint32_t)carry;
    }
    while (used > 0) {
        uint64_t rest = 0;
        for (int i = used - 1; i >= 0; i--) {
            rest = rest << 32 | limbs[i];
            limbs[i] = (uint32_t)(rest / base);
            rest %= base;
        }
        for (; rest > 0; rest /= 10) total += (uint32_t)(rest % 10);
        while (used > 0 && limbs[used - 1] == 0) used--;
    }
    return total;
}

int main(void) {
    static number pi, other;
    arctangent(pi, 5);
    arctangent(other, 239);
    multiply(pi, 4);
    subtract(pi, other);
    multiply(pi, 4);
    uint32_t hash = 0;
    for (int i = 0; i < LIMBS - 2; i++) hash = hash * 31 + pi[i];
    printf("pidigits %u.%09u%09u ... %09u hash %08x ", (unsigned)pi[0], (unsigned)pi[1], (unsigned)pi[2],
           (unsigned)pi[LIMBS - 4], (unsigned)hash);
    printf("factorial digit sum %u\n", (unsigned)factorial_digit_sum(FACTORIAL));
    return 0;
}
