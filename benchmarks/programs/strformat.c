// Formats and reads back text: snprintf of integers, strings and floats, strtol, strtod, own number formatting.
//
// Stresses: the C library's formatted output, varargs, byte stores, division by constants.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES = 150000, OWN_NUMBERS = 6000000 };

static uint32_t random_state = 271828;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static uint32_t hash_of(uint32_t hash, const char *text) {
    for (; *text != '\0'; text++) hash = (hash ^ (uint8_t)*text) * 16777619u;
    return hash;
}

// Decimal digits with commas between groups of three; returns the first character.
static char *grouped(char *end, uint64_t number) {
    int digits = 0;
    *--end = '\0';
    do {
        if (digits > 0 && digits % 3 == 0) *--end = ',';
        *--end = (char)('0' + number % 10);
        number /= 10;
        digits++;
    } while (number != 0);
    return end;
}

static char *roman(char *out, int number) {
    static const struct {
        int value;
        const char *sign;
    } signs[] = {{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"},
                 {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        for (; number >= signs[i].value; number -= signs[i].value) {
            for (const char *c = signs[i].sign; *c != '\0'; c++) *out++ = *c;
        }
    }
    *out = '\0';
    return out;
}

int main(void) {
    static const char *const names[] = {"temperature", "pressure", "wind", "sun", "humidity"};
    uint32_t hash = 2166136261u;
    int64_t read_total = 0;
    double read_sum = 0.0;
    for (int i = 0; i < LINES; i++) {
        char line[160], *rest;
        int32_t count = (int32_t)next_random();
        double measure = (double)(next_random() % 2000000) / 1000.0 - 1000.0;
        int size = snprintf(line, sizeof line, "%d|%08x|%-12s|%5.1f%%|%.6f|%c|%+lld", (int)count,
                            (unsigned)next_random(), names[i % 5], measure / 10.0, measure, 'a' + i % 26,
                            (long long)count * 1000003);
        hash = hash_of(hash, line) + (uint32_t)size;
        read_total += strtol(line, &rest, 10);
        read_total += (int64_t)(strtoul(rest + 1, &rest, 16) & 0xffff);
        for (int bars = 0; bars < 3; rest++) bars += *rest == '|';
        read_sum += strtod(rest, &rest);
    }
    char buffer[64];
    for (uint32_t i = 0; i < OWN_NUMBERS; i++) {
        uint64_t number = (uint64_t)i * i * 7919;
        const char *text = grouped(buffer + sizeof buffer, number);
        hash = hash * 31 + (uint8_t)text[0] + (uint8_t)text[i % 3];
    }
    for (int i = 0; i < 600000; i++) {
        char *end = roman(buffer, i % 3999 + 1);
        hash = hash * 31 + (uint32_t)(end - buffer) + (uint8_t)end[-1];
    }
    printf("strformat hash %08x integers %lld floats %.6f\n", (unsigned)hash, (long long)read_total, read_sum);
    return 0;
}
