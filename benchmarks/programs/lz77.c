// Compression and decompression: LZ77 matches found through hash chains, then canonical Huffman codes.
//
// Stresses: byte comparisons, hash chains, bit input and output, table lookups, unpredictable branches.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 8000000, WINDOW = 32768, MIN_MATCH = 4, MAX_MATCH = 255, HASH_BITS = 15, TRIES = 64, MAX_BITS = 24 };

static uint8_t text[SIZE], tokens[SIZE * 2], packed[SIZE * 2], unpacked[SIZE * 2], restored[SIZE];
static int32_t last_at[1 << HASH_BITS], previous[WINDOW];

static uint32_t random_state = 20240101;

static uint32_t next_random(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 10;
}

// Text like a log: words of a small vocabulary, numbers, and now and then an older piece again.
static void make_text(void) {
    static const char *const words[] = {"error", "in", "module", "the", "request", "took", "time=", "user", "/api/v2/",
                                        "status", "connection", "closed", "by", "peer", "retry", "ok"};
    int at = 0;
    while (at < SIZE - 300) {
        uint32_t kind = next_random() % 40;
        if (kind == 0 && at > 20000) {
            int length = 20 + (int)(next_random() % 200);
            memcpy(text + at, text + at - 1000 - (int)(next_random() % 15000), (size_t)length);
            at += length;
        } else if (kind < 10) {
            at += snprintf((char *)text + at, 32, "%u\n", (unsigned)(next_random() % 5000));
        } else {
            at += snprintf((char *)text + at, 32, "%s ", words[next_random() % 16]);
        }
    }
    while (at < SIZE) text[at++] = '.';
}

static uint32_t hash_at(int at) {
    uint32_t four;
    memcpy(&four, text + at, 4);
    return four * 2654435761u >> (32 - HASH_BITS);
}

static int match_length(int older, int at) {
    int length = 0, limit = SIZE - at < MAX_MATCH ? SIZE - at : MAX_MATCH;
    while (length < limit && text[older + length] == text[at + length]) length++;
    return length;
}

// Tokens: 0, length, distance (2 bytes) for a match; 1 to 255 followed by so many literal bytes.
static int find_matches(void) {
    int at = 0, out = 0, literal_at = 0;
    memset(last_at, -1, sizeof last_at);
    while (at < SIZE) {
        int best_length = 0, best_distance = 0;
        if (at + MIN_MATCH <= SIZE) {
            int candidate = last_at[hash_at(at)];
            for (int tries = TRIES; tries > 0 && candidate >= 0 && at - candidate < WINDOW; tries--) {
                int length = match_length(candidate, at);
                if (length > best_length) {
                    best_length = length;
                    best_distance = at - candidate;
                }
                int older = previous[candidate % WINDOW];
                if (older >= candidate) break;
                candidate = older;
            }
        }
        int step = best_length >= MIN_MATCH ? best_length : 1;
        int flush = step > 1 || at - literal_at == 254 || at + 1 == SIZE;
        if (flush) {
            int count = at - literal_at + (step == 1);
            if (count > 0) {
                tokens[out++] = (uint8_t)count;
                memcpy(tokens + out, text + literal_at, (size_t)count);
                out += count;
            }
            if (step > 1) {
                uint8_t token[4] = {0, (uint8_t)best_length, (uint8_t)best_distance, (uint8_t)(best_distance >> 8)};
                memcpy(tokens + out, token, 4);
                out += 4;
            }
        }
        for (int end = at + step; at < end; at++) {
            if (at + MIN_MATCH > SIZE) continue;
            uint32_t hash = hash_at(at);
            previous[at % WINDOW] = last_at[hash];
            last_at[hash] = at;
        }
        if (flush) literal_at = at;
    }
    return out;
}

static int expand_matches(const uint8_t *in, int size) {
    int out = 0;
    for (int at = 0; at < size;) {
        int count = in[at++];
        if (count > 0) {
            memcpy(restored + out, in + at, (size_t)count);
            at += count;
            out += count;
        } else {
            int length = in[at], distance = in[at + 1] | in[at + 2] << 8;
            for (int i = 0; i < length; i++, out++) restored[out] = restored[out - distance];
            at += 3;
        }
    }
    return out;
}

static int code_length[256];
static uint32_t code_of[256];

// Huffman code lengths by repeated joining of the two rarest trees, then canonical codes.
static void make_codes(const uint8_t *in, int size) {
    uint32_t weight[511];
    int parent[511], alive[511], trees = 256;
    for (int i = 0; i < 511; i++) weight[i] = 0, parent[i] = -1, alive[i] = i < 256;
    for (int i = 0; i < size; i++) weight[in[i]]++;
    for (int i = 0; i < 256; i++) weight[i] = weight[i] / 64 + 1;   // keeps code lengths below MAX_BITS
    for (; trees < 511; trees++) {
        int low = -1, second = -1;
        for (int i = 0; i < trees; i++) {
            if (!alive[i]) continue;
            if (low < 0 || weight[i] < weight[low]) second = low, low = i;
            else if (second < 0 || weight[i] < weight[second]) second = i;
        }
        parent[low] = parent[second] = trees;
        alive[low] = alive[second] = 0;
        alive[trees] = 1;
        weight[trees] = weight[low] + weight[second];
    }
    for (int i = 0; i < 256; i++) {
        code_length[i] = 0;
        for (int node = i; parent[node] >= 0; node = parent[node]) code_length[i]++;
    }
    uint32_t code = 0;
    for (int length = 1; length <= MAX_BITS; length++, code <<= 1) {
        for (int i = 0; i < 256; i++) {
            if (code_length[i] == length) code_of[i] = code++;
        }
    }
}

static int write_codes(const uint8_t *in, int size) {
    uint64_t bits = 0;
    int held = 0, out = 0;
    for (int i = 0; i < size; i++) {
        bits = bits << code_length[in[i]] | code_of[in[i]];
        for (held += code_length[in[i]]; held >= 8; held -= 8) packed[out++] = (uint8_t)(bits >> (held - 8));
    }
    packed[out++] = (uint8_t)(bits << (8 - held));
    return out;
}

static void read_codes(uint8_t *to, int size) {
    int first_index[MAX_BITS + 2], count[MAX_BITS + 2] = {0}, next = 0;
    uint8_t symbols[256];
    for (int length = 1; length <= MAX_BITS; length++) {
        first_index[length] = next;
        for (int i = 0; i < 256; i++) {
            if (code_length[i] == length) symbols[next++] = (uint8_t)i, count[length]++;
        }
    }
    int bit = 0;
    for (int out = 0; out < size; out++) {
        int code = 0, first = 0, length = 0;
        do {
            first = (first + (length > 0 ? count[length] : 0)) << 1;
            code = code << 1 | (packed[bit >> 3] >> (7 - (bit & 7)) & 1);
            bit++;
            length++;
        } while (code - first >= count[length]);
        to[out] = symbols[first_index[length] + code - first];
    }
}

int main(void) {
    make_text();
    int token_bytes = find_matches();
    make_codes(tokens, token_bytes);
    int packed_bytes = write_codes(tokens, token_bytes);
    read_codes(unpacked, token_bytes);
    int size = expand_matches(unpacked, token_bytes);
    uint32_t hash = 0;
    for (int i = 0; i < packed_bytes; i++) hash = hash * 31 + packed[i];
    int same = size == SIZE && memcmp(text, restored, SIZE) == 0;
    printf("lz77 tokens %d packed %d hash %08x restored %d\n", token_bytes, packed_bytes, (unsigned)hash, same);
    return 0;
}
