// Writes a large JSON document, parses it into a tree, walks the tree, and writes it again.
//
// Stresses: byte-wise parsing with switches, recursion, allocation, number parsing, string escapes.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 9000, CAPACITY = 4 << 20, PASSES = 30 };

typedef enum { LITERAL, NUMBER, STRING, ARRAY, OBJECT } kind;

typedef struct value {
    kind kind;
    int size;               // bytes of a string, members of a container
    const char *name;       // the key, within an object
    double number;
    char *text;
    struct value *first, *next;
} value;

static char *document, *copy, *arena;
static size_t arena_used;
static const char *at;

static uint32_t random_state = 8675309;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static void *allocate(size_t size) {
    void *room = arena + arena_used;
    arena_used += (size + 15) & ~(size_t)15;
    if (arena_used > (size_t)CAPACITY * 16) exit(1);
    return room;
}

static void fail(const char *expected) {
    printf("json: expected %s at byte %d\n", expected, (int)(at - document));
    exit(1);
}

static void skip_space(void) {
    while (*at == ' ' || *at == '\n' || *at == '\t') at++;
}

static char *parse_string(int *size) {
    const char *end = at + 1;
    while (*end != '"' && *end != '\0') end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    char *start = allocate((size_t)(end - at)), *out = start;
    for (at++; *at != '"'; at++) {
        if (*at == '\0') fail("closing quote");
        int is_escaped = *at == '\\';
        at += is_escaped;
        *out++ = is_escaped && *at == 'n' ? '\n' : is_escaped && *at == 't' ? '\t' : *at;
    }
    at++;
    *out = '\0';
    *size = (int)(out - start);
    return start;
}

static double parse_number(void) {
    double sign = 1.0, number = 0.0, scale = 1.0;
    if (*at == '-') sign = -1.0, at++;
    while (*at >= '0' && *at <= '9') number = number * 10.0 + (*at++ - '0');
    if (*at != '.') return sign * number;
    for (at++; *at >= '0' && *at <= '9'; scale *= 10.0) number = number * 10.0 + (*at++ - '0');
    return sign * number / scale;
}

static value *parse_value(void) {
    value *v = allocate(sizeof(value));
    memset(v, 0, sizeof *v);
    skip_space();
    if (*at == '"') {
        v->kind = STRING;
        v->text = parse_string(&v->size);
    } else if (*at == '[' || *at == '{') {
        char closing = *at == '[' ? ']' : '}';
        value **last = &v->first;
        v->kind = *at++ == '[' ? ARRAY : OBJECT;
        for (skip_space(); *at != closing; skip_space()) {
            const char *name = NULL;
            int name_size;
            if (v->size > 0 && *at++ != ',') fail("comma");
            skip_space();
            if (v->kind == OBJECT) {
                name = parse_string(&name_size);
                skip_space();
                if (*at++ != ':') fail("colon");
            }
            *last = parse_value();
            (*last)->name = name;
            last = &(*last)->next;
            v->size++;
        }
        at++;
    } else if (*at == '-' || (*at >= '0' && *at <= '9')) {
        v->kind = NUMBER;
        v->number = parse_number();
    } else {
        v->kind = LITERAL;
        v->number = *at == 't';
        at += *at == 'f' ? 5 : 4;
    }
    return v;
}

static char *write_string(char *out, const char *text) {
    *out++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') *out++ = '\\', *out++ = *text;
        else if (*text == '\n') *out++ = '\\', *out++ = 'n';
        else if (*text == '\t') *out++ = '\\', *out++ = 't';
        else *out++ = *text;
    }
    *out++ = '"';
    return out;
}

static char *write_value(char *out, const value *v) {
    switch (v->kind) {
    case LITERAL: return out + sprintf(out, v->number != 0.0 ? "true" : "null");
    case NUMBER: return out + sprintf(out, "%d.%02d", (int)v->number, abs((int)(v->number * 100.0) % 100));
    case STRING: return write_string(out, v->text);
    default: break;
    }
    *out++ = v->kind == ARRAY ? '[' : '{';
    for (const value *member = v->first; member != NULL; member = member->next) {
        if (member != v->first) *out++ = ',';
        if (v->kind == OBJECT) {
            out = write_string(out, member->name);
            *out++ = ':';
        }
        out = write_value(out, member);
    }
    *out++ = v->kind == ARRAY ? ']' : '}';
    return out;
}

static double walk(const value *v, int depth) {
    double total = v->number * depth + v->size;
    for (const value *member = v->first; member != NULL; member = member->next) {
        if (member->name != NULL && strcmp(member->name, "hidden") == 0) continue;
        total += walk(member, depth + 1);
    }
    return total;
}

static void write_document(char *out) {
    static const char *const names[] = {"ada", "grace \\\"g\\\"", "alan\\tm", "edsger", "barbara", "donald\\\\k"};
    *out++ = '[';
    for (int i = 0; i < RECORDS; i++) {
        const char *name = names[next_random() % 6];
        unsigned number = next_random() % 1000, score = next_random() % 10000000;
        out += sprintf(out, "%s{\"id\": %d, \"name\": \"%s %u\", ", i > 0 ? ",\n" : "", i, name, number);
        const char *hidden = i % 3 ? "true" : "null";
        out += sprintf(out, "\"score\": -%u.%02u, \"hidden\": %s,\n  \"tags\": [", score / 100, score % 100, hidden);
        for (int j = 0, tags = (int)(next_random() % 6); j < tags; j++) {
            out += sprintf(out, "%s\"tag%u\", %d", j ? ", " : "", (unsigned)(next_random() % 50), j);
        }
        out += sprintf(out, "], \"place\": {\"x\": %u.5, \"y\": %d}}", (unsigned)(next_random() % 900), i / 7);
    }
    sprintf(out, "]\n");
}

int main(void) {
    document = malloc(CAPACITY);
    copy = malloc(CAPACITY);
    arena = malloc((size_t)CAPACITY * 16);
    if (document == NULL || copy == NULL || arena == NULL) return 1;
    write_document(document);
    double total = 0.0;
    uint32_t hash = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        arena_used = 0;
        at = document;
        const value *root = parse_value();
        total += walk(root, 1);
        char *end = write_value(copy, root);
        *end = '\0';
        for (const char *c = copy; c < end; c++) hash = hash * 31 + (uint8_t)*c;
        char *held = document;   // the next pass parses what this one wrote
        document = copy;
        copy = held;
    }
    printf("json bytes %d total %.3f hash %08x\n", (int)strlen(document), total, (unsigned)hash);
    free(document);
    free(copy);
    free(arena);
    return 0;
}
