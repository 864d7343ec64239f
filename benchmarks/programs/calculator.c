// An expression calculator: tokenizes and evaluates text by recursive descent, with variables.
//
// Stresses: byte-wise scanning, mutual recursion, integer division and remainder, small linear searches.

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPRESSIONS = 4000, PASSES = 160, VARIABLES = 26 };

static const char *at;
static int64_t variables[VARIABLES];
static int errors;

static uint32_t random_state = 4711;

static uint32_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static int64_t parse_sum(void);

static char next_token(void) {
    while (*at == ' ') at++;
    return *at;
}

static int64_t wrapped(uint64_t x) { return (int64_t)(x % 1000000007u); }

static int64_t call_function(const char *name, int64_t x, int64_t y) {
    if (strncmp(name, "max", 3) == 0) return x > y ? x : y;
    if (strncmp(name, "min", 3) == 0) return x < y ? x : y;
    if (strncmp(name, "gcd", 3) == 0) {
        while (y != 0) {
            int64_t rest = x % y;
            x = y;
            y = rest;
        }
        return x < 0 ? -x : x;
    }
    errors++;
    return 0;
}

static int64_t parse_atom(void) {
    char token = next_token();
    if (isdigit((unsigned char)token)) {
        uint64_t number = 0;
        while (isdigit((unsigned char)*at)) number = number * 10 + (uint64_t)(*at++ - '0');
        return wrapped(number);
    }
    if (isalpha((unsigned char)token)) {
        if (!isalpha((unsigned char)at[1])) return variables[*at++ - 'a'];
        const char *name = at;
        at += 4;   // three letters and a parenthesis
        int64_t x = parse_sum();
        next_token();
        at++;      // comma
        int64_t y = parse_sum();
        next_token();
        at++;      // parenthesis
        return call_function(name, x, y);
    }
    if (token == '(') {
        at++;
        int64_t inner = parse_sum();
        if (next_token() == ')') at++;
        else errors++;
        return inner;
    }
    if (token == '-') {
        at++;
        return -parse_atom();
    }
    errors++;
    return 0;
}

static int64_t parse_power(void) {
    int64_t base = parse_atom();
    if (next_token() != '^') return base;
    at++;
    uint64_t exponent = (uint64_t)parse_power() & 15, result = 1, square = (uint64_t)(base < 0 ? -base : base);
    for (; exponent != 0; exponent >>= 1) {
        if (exponent & 1) result = result * square % 1000000007u;
        square = square * square % 1000000007u;
    }
    return (int64_t)result;
}

static int64_t parse_product(void) {
    int64_t left = parse_power();
    for (;;) {
        char operator = next_token();
        if (operator != '*' && operator != '/' && operator != '%') return left;
        at++;
        int64_t right = parse_power();
        if (operator == '*') left = left * right % 1000000007;
        else if (right == 0) left = 0;
        else left = operator == '/' ? left / right : left % right;
    }
}

static int64_t parse_sum(void) {
    int64_t left = parse_product();
    for (;;) {
        char operator = next_token();
        if (operator != '+' && operator != '-') return left;
        at++;
        int64_t right = parse_product();
        left = (operator == '+' ? left + right : left - right) % 1000000007;
    }
}

static char *write_expression(char *out, int depth) {
    static const char operators[] = "+-*/%^+*";
    static const char *const functions[] = {"max(", "min(", "gcd("};
    uint32_t kind = next_random() % 10;
    if (depth == 0 || kind < 2) {
        if (next_random() % 2) return out + sprintf(out, "%u", (unsigned)(next_random() % 100000));
        *out++ = (char)('a' + next_random() % VARIABLES);
        return out;
    }
    if (kind == 2) {
        out = write_expression(out + sprintf(out, "%s", functions[next_random() % 3]), depth - 1);
        out = write_expression(out + sprintf(out, ", "), depth - 1);
        return out + sprintf(out, ")");
    }
    if (kind == 3) *out++ = '-';
    int has_parentheses = kind % 2;
    if (has_parentheses) *out++ = '(';
    out = write_expression(out, depth - 1);
    out += sprintf(out, " %c ", operators[next_random() % 8]);
    out = write_expression(out, depth - 1);
    if (has_parentheses) *out++ = ')';
    return out;
}

int main(void) {
    static char buffer[1 << 16];
    static char *expressions[EXPRESSIONS];
    size_t bytes = 0;
    for (int i = 0; i < EXPRESSIONS; i++) {
        char *end = write_expression(buffer, 5);
        *end = '\0';
        size_t size = (size_t)(end - buffer) + 1;
        expressions[i] = malloc(size);
        if (expressions[i] == NULL) return 1;
        memcpy(expressions[i], buffer, size);
        bytes += size;
    }
    for (int i = 0; i < VARIABLES; i++) variables[i] = i * i * 37 + 1;
    int64_t total = 0;
    for (int pass = 0; pass < PASSES; pass++) {
        for (int i = 0; i < EXPRESSIONS; i++) {
            at = expressions[i];
            int64_t result = parse_sum();
            total = (total * 3 + result) % 1000000007;
            variables[i % VARIABLES] = result;
        }
    }
    printf("calculator bytes %d errors %d total %lld\n", (int)bytes, errors, (long long)total);
    return 0;
}
