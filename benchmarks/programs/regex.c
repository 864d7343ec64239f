// A small regular-expression matcher: compiles patterns to a program and simulates all threads at once.
//
// Stresses: sets of states, recursion over program branches, switches, byte classes as bit sets.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PROGRAM = 200, TEXT = 2500000, PASSES = 1 };

typedef enum { BYTES, SPLIT, JUMP, MATCH } action;

typedef struct {
    action action;
    int first, second;        // targets of SPLIT and JUMP
    uint32_t bytes[8];        // the set that BYTES accepts
} step;

static step program[MAX_PROGRAM];
static int program_size;
static const char *pattern;
static char text[TEXT + 1];

static uint32_t random_state = 16807;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static int emit(action action, int first, int second) {
    program[program_size] = (step){.action = action, .first = first, .second = second};
    return program_size++;
}

static void allow(step *s, int byte) { s->bytes[byte >> 5] |= 1u << (byte & 31); }

static void compile_choice(void);

static void compile_class(void) {
    step *s = &program[emit(BYTES, 0, 0)];
    int is_negated = *pattern == '^';
    pattern += is_negated;
    for (; *pattern != ']'; pattern++) {
        int low = *pattern, high = low;
        if (pattern[1] == '-' && pattern[2] != ']') {
            high = pattern[2];
            pattern += 2;
        }
        for (int byte = low; byte <= high; byte++) allow(s, byte);
    }
    pattern++;
    for (int i = 0; i < 8 && is_negated; i++) s->bytes[i] = ~s->bytes[i];
}

static void compile_atom(void) {
    char c = *pattern++;
    if (c == '(') {
        compile_choice();
        pattern++;
    } else if (c == '[') {
        compile_class();
    } else {
        step *s = &program[emit(BYTES, 0, 0)];
        if (c == '.') memset(s->bytes, 0xff, sizeof s->bytes);
        else allow(s, c);
    }
}

// Makes room for one step at `at`; targets inside the moved piece move along.
static void insert_step(int at) {
    memmove(&program[at + 1], &program[at], sizeof(step) * (size_t)(program_size - at));
    program_size++;
    for (int i = at + 1; i < program_size; i++) {
        if (program[i].action == BYTES) continue;
        program[i].first++;
        program[i].second++;
    }
}

static void compile_repeat(void) {
    int start = program_size;
    compile_atom();
    if (*pattern == '+') {
        emit(SPLIT, start, program_size + 1);
    } else if (*pattern == '*' || *pattern == '?') {
        insert_step(start);
        if (*pattern == '*') emit(JUMP, start, start);
        program[start] = (step){.action = SPLIT, .first = start + 1, .second = program_size};
    } else {
        return;
    }
    pattern++;
}

static void compile_choice(void) {
    int start = program_size;
    while (*pattern != '\0' && *pattern != '|' && *pattern != ')') compile_repeat();
    if (*pattern != '|') return;
    pattern++;
    insert_step(start);
    int jump = emit(JUMP, 0, 0);
    program[start] = (step){.action = SPLIT, .first = start + 1, .second = program_size};
    compile_choice();
    program[jump].first = program[jump].second = program_size;
}

static int marked_at[MAX_PROGRAM], generation;

// Adds a state and all that it reaches without reading a byte; returns whether MATCH is among them.
static int add_state(int *states, int *count, int state) {
    if (marked_at[state] == generation) return 0;
    marked_at[state] = generation;
    switch (program[state].action) {
    case MATCH: return 1;
    case JUMP: return add_state(states, count, program[state].first);
    case SPLIT: {
        int is_match = add_state(states, count, program[state].first);
        return add_state(states, count, program[state].second) | is_match;
    }
    default: states[(*count)++] = state; return 0;
    }
}

// Counts the positions of the text where some match ends.
static int count_match_ends(const char *expression, uint32_t *hash) {
    int lists[2][MAX_PROGRAM], count = 0, found = 0;
    int *now = lists[0], *next = lists[1];
    pattern = expression;
    program_size = 0;
    compile_choice();
    emit(MATCH, 0, 0);
    memset(marked_at, 0, sizeof marked_at);
    generation = 1;
    for (int i = 0; i < TEXT; i++) {
        int next_count = 0, is_match = add_state(now, &count, 0);   // a match may begin anywhere
        uint8_t byte = (uint8_t)text[i];
        generation++;
        for (int j = 0; j < count; j++) {
            const step *s = &program[now[j]];
            if (s->bytes[byte >> 5] >> (byte & 31) & 1) is_match |= add_state(next, &next_count, now[j] + 1);
        }
        if (is_match) {
            found++;
            *hash = *hash * 31 + (uint32_t)i;
        }
        int *held = now;
        now = next;
        next = held;
        count = next_count;
    }
    return found;
}

int main(void) {
    static const char *const expressions[] = {
        "abc", "a*b+c", "(ab|cd|ef)+g", "[0-9]+[.][0-9]+", "(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)c", "[^a-f ]+[a-c]?x",
        "x.?y.?z", "([a-z]+@[a-z]+[.](com|org|net))", "((a|b)*c(d|e)*f)+", "[1-9][0-9]*(,[0-9][0-9][0-9])+",
    };
    static const char *const pieces[] = {"abcab", "efg", " 12.5 ", "me@here.org",
                                         "xyz", "x-y-z", "1,234,567", "ccdf", "bbabac", " "};
    for (int i = 0; i < TEXT;) {
        if (next_random() % 3 == 0) {
            for (const char *c = pieces[next_random() % 10]; *c != '\0' && i < TEXT; c++) text[i++] = *c;
        } else {
            text[i++] = (char)('a' + next_random() % 26);
        }
    }
    uint32_t hash = 0;
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        int found = 0;
        for (int pass = 0; pass < PASSES; pass++) found += count_match_ends(expressions[i], &hash);
        printf("%d ", found);
    }
    printf("regex hash %08x\n", (unsigned)hash);
    return 0;
}
