// Reads JSON from standard input and writes it indented; an error names its line, and the exit status is 1.

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT = 2, MAX_DEPTH = 500 };

static int next_byte, line = 1;

static void fail(const char *expected) {
    fflush(stdout);
    if (next_byte == EOF) fprintf(stderr, "json_pretty: line %d: expected %s, found the end\n", line, expected);
    else fprintf(stderr, "json_pretty: line %d: expected %s, found '%c'\n", line, expected, next_byte);
    exit(1);
}

static void advance(void) {
    line += next_byte == '\n';
    next_byte = getchar();
}

static void skip_space(void) {
    while (next_byte == ' ' || next_byte == '\t' || next_byte == '\n' || next_byte == '\r') advance();
}

static void start_line(int depth) { printf("\n%*s", depth * INDENT, ""); }

// Writes the byte and goes on to the next.
static void copy(void) {
    putchar(next_byte);
    advance();
}

static void copy_string(void) {
    if (next_byte != '"') fail("a string");
    copy();
    while (next_byte != '"') {
        if (next_byte == EOF || next_byte < ' ') fail("the end of the string");
        if (next_byte == '\\') {
            copy();
            if (next_byte == EOF || strchr("\"\\/bfnrtu", next_byte) == NULL) fail("an escape");
        }
        copy();
    }
    copy();
}

static void copy_digits(void) {
    if (!isdigit(next_byte)) fail("a digit");
    while (isdigit(next_byte)) copy();
}

static void copy_number(void) {
    if (next_byte == '-') copy();
    copy_digits();
    if (next_byte == '.') {
        copy();
        copy_digits();
    }
    if (next_byte == 'e' || next_byte == 'E') {
        copy();
        if (next_byte == '+' || next_byte == '-') copy();
        copy_digits();
    }
}

static void copy_word(const char *word) {
    for (; *word != '\0'; word++) {
        if (next_byte != *word) fail("true, false or null");
        copy();
    }
}

static void copy_value(int depth);

static void copy_members(int depth, char closing) {
    int is_object = closing == '}';
    if (depth >= MAX_DEPTH) fail("less nesting");
    copy();
    skip_space();
    for (int members = 0; next_byte != closing; members++) {
        if (members > 0) {
            if (next_byte != ',') fail(is_object ? "',' or '}'" : "',' or ']'");
            copy();
            skip_space();
        }
        start_line(depth + 1);
        if (is_object) {
            copy_string();
            skip_space();
            if (next_byte != ':') fail("':'");
            copy();
            putchar(' ');
            skip_space();
        }
        copy_value(depth + 1);
        skip_space();
        if (next_byte == closing) start_line(depth);
    }
    copy();
}

static void copy_value(int depth) {
    switch (next_byte) {
    case '{': copy_members(depth, '}'); break;
    case '[': copy_members(depth, ']'); break;
    case '"': copy_string(); break;
    case 't': copy_word("true"); break;
    case 'f': copy_word("false"); break;
    case 'n': copy_word("null"); break;
    default:
        if (next_byte != '-' && !isdigit(next_byte)) fail("a value");
        copy_number();
    }
}

int main(void) {
    advance();
    skip_space();
    copy_value(0);
    skip_space();
    if (next_byte != EOF) fail("the end");
    putchar('\n');
    return 0;
}
