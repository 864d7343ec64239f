// Primes: a segmented sieve of odd numbers, a table of totients, and Miller-Rabin on 64-bit numbers.
//
// Stresses: strided byte stores, 64-bit remainders by a variable divisor, modular multiplication.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENT = 1 << 15, ROOT = 16000, TOTIENTS = 3000000 };

static uint32_t small_primes[2000], small_count;

// Counts the primes below `limit` (at most ROOT squared) and hashes some of them.
static uint32_t count_primes(uint32_t limit, uint32_t *hash) {
    static uint8_t is_composite[SEGMENT];
    static uint32_t next_multiple[2000];
    uint32_t count = 1;   // the prime 2
    for (uint32_t i = 0; i < small_count; i++) next_multiple[i] = small_primes[i] * small_primes[i] / 2;
    for (uint32_t start = 0; start < limit / 2; start += SEGMENT) {
        // is_composite[i] stands for the odd number 2 * (start + i) + 1.
        memset(is_composite, 0, sizeof is_composite);
        for (uint32_t i = 0; i < small_count; i++) {
            uint32_t at = next_multiple[i];
            if (at >= SEGMENT + start) continue;
            for (at -= start; at < SEGMENT; at += small_primes[i]) is_composite[at] = 1;
            next_multiple[i] = at + start;
        }
        uint32_t end = limit / 2 - start < SEGMENT ? limit / 2 - start : SEGMENT;
        for (uint32_t i = start == 0; i < end; i++) count += !is_composite[i];
        *hash = *hash * 31 + count;
    }
    return count;
}

static uint64_t totient_sum(void) {
    uint32_t *totient = malloc(sizeof(uint32_t) * (TOTIENTS + 1));
    uint64_t sum = 0;
    if (totient == NULL) exit(1);
    for (uint32_t i = 0; i <= TOTIENTS; i++) totient[i] = i;
    for (uint32_t i = 2; i <= TOTIENTS; i++) {
        if (totient[i] != i) continue;
        for (uint32_t j = i; j <= TOTIENTS; j += i) totient[j] -= totient[j] / i;
    }
    for (uint32_t i = 1; i <= TOTIENTS; i++) sum += totient[i];
    free(totient);
    return sum;
}

// x * y modulo a number below 2^32.
static uint64_t multiply(uint64_t x, uint64_t y, uint64_t modulus) { return x * y % modulus; }

static int is_prime(uint64_t n) {
    static const uint32_t bases[] = {2, 3, 5, 7};   // enough below 3,215,031,751
    if (n % 2 == 0) return n == 2;
    uint64_t odd = n - 1;
    int twos = __builtin_ctzll(odd);
    odd >>= twos;
    for (int i = 0; i < 4; i++) {
        if (n % bases[i] == 0) return n == bases[i];
        uint64_t power = 1, square = bases[i];
        for (uint64_t exponent = odd; exponent != 0; exponent >>= 1) {
            if (exponent & 1) power = multiply(power, square, n);
            square = multiply(square, square, n);
        }
        int is_witness = power != 1 && power != n - 1;
        for (int j = 1; j < twos && is_witness; j++) {
            power = multiply(power, power, n);
            if (power == n - 1) is_witness = 0;
        }
        if (is_witness) return 0;
    }
    return 1;
}

int main(void) {
    for (uint32_t n = 3; n < ROOT; n += 2) {
        int has_divisor = 0;
        for (uint32_t i = 0; i < small_count && small_primes[i] * small_primes[i] <= n; i++) {
            if (n % small_primes[i] == 0) has_divisor = 1;
        }
        if (!has_divisor) small_primes[small_count++] = n;
    }
    uint32_t hash = 0, primes = count_primes(250000000, &hash), large = 0;
    for (uint64_t n = 3000000001u; n < 3001000000u; n += 2) large += (uint32_t)is_prime(n);
    printf("sieve primes %u hash %08x totients %llu large %u\n", (unsigned)primes, (unsigned)hash,
           (unsigned long long)totient_sum(), (unsigned)large);
    return 0;
}
