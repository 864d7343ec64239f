// Checksums of a buffer: CRC-32 bit by bit, by one table and by eight tables, and Adler-32.
//
// Stresses: table lookups in a dependency chain, shifts, byte sums that may vectorise.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 1 << 22, PASSES = 34 };

static uint32_t tables[8][256];

static void make_tables(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
        tables[0][i] = crc;
    }
    for (int t = 1; t < 8; t++) {
        for (int i = 0; i < 256; i++) tables[t][i] = tables[t - 1][i] >> 8 ^ tables[0][tables[t - 1][i] & 255];
    }
}

static uint32_t crc_by_bits(const uint8_t *data, size_t size) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xEDB88320u & -(crc & 1));
    }
    return ~crc;
}

static uint32_t crc_by_bytes(const uint8_t *data, size_t size) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) crc = crc >> 8 ^ tables[0][(crc ^ data[i]) & 255];
    return ~crc;
}

static uint32_t crc_by_words(const uint8_t *data, size_t size) {
    uint32_t crc = ~0u;
    for (; size >= 8; data += 8, size -= 8) {
        uint32_t low, high;
        memcpy(&low, data, 4);
        memcpy(&high, data + 4, 4);
        low ^= crc;
        crc = tables[7][low & 255] ^ tables[6][low >> 8 & 255] ^ tables[5][low >> 16 & 255] ^ tables[4][low >> 24]
            ^ tables[3][high & 255] ^ tables[2][high >> 8 & 255] ^ tables[1][high >> 16 & 255] ^ tables[0][high >> 24];
    }
    for (; size > 0; data++, size--) crc = crc >> 8 ^ tables[0][(crc ^ *data) & 255];
    return ~crc;
}

static uint32_t adler(const uint8_t *data, size_t size) {
    uint32_t a = 1, b = 0;
    while (size > 0) {
        size_t run = size < 5552 ? size : 5552;   // as long as the sums fit 32 bits
        for (size_t i = 0; i < run; i++) {
            a += data[i];
            b += a;
        }
        a %= 65521;
        b %= 65521;
        data += run;
        size -= run;
    }
    return b << 16 | a;
}

int main(void) {
    make_tables();
    const uint8_t *digits = (const uint8_t *)"123456789";
    int is_right = crc_by_bytes(digits, 9) == 0xCBF43926u && crc_by_words(digits, 9) == 0xCBF43926u
                && adler(digits, 9) == 0x091E01DEu;
    uint8_t *data = malloc(SIZE);
    if (data == NULL) return 1;
    uint32_t state = 1, mixed = 0;
    for (int i = 0; i < SIZE; i++) {
        state = state * 1103515245u + 12345u;
        data[i] = (uint8_t)(state >> 16);
    }
    uint32_t by_bits = crc_by_bits(data, SIZE), by_bytes = crc_by_bytes(data, SIZE);
    for (int pass = 0; pass < PASSES; pass++) {
        data[pass * 1000] ^= 1;
        mixed = mixed * 31 + crc_by_words(data, SIZE);
        mixed = mixed * 31 + crc_by_bytes(data + pass, SIZE / 2);
        mixed = mixed * 31 + adler(data, SIZE);
    }
    printf("crc32 known %d same %d crc %08x mixed %08x\n", is_right, by_bits == by_bytes, (unsigned)by_bits,
           (unsigned)mixed);
    free(data);
    return 0;
}
