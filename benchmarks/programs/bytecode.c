// A register-and-stack bytecode interpreter that runs three small programs: a sieve, Collatz, and fib.
//
// Stresses: one big switch in a loop (br_table), indirect branches, memory-held machine state.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 1 << 16, STACK = 4096 };

typedef enum {
    PUSH, LOAD, STORE, FETCH, PUT, ADD, SUBTRACT, MULTIPLY, DIVIDE, REMAINDER, AND, SHIFT_RIGHT,
    LESS, EQUAL, JUMP, JUMP_IF_ZERO, CALL, RETURN, DUPLICATE, DROP, HALT
} opcode;

typedef struct {
    uint8_t opcode;
    int32_t operand;
} instruction;

static int32_t memory[MEMORY];
static uint64_t executed;

// Runs from the first instruction to HALT; returns the top of the stack.
static int32_t run(const instruction *code) {
    static int32_t stack[STACK], registers[STACK];
    static int32_t return_to[STACK];
    int32_t *top = stack, *frame = registers;
    int depth = 0;
    int32_t pc = 0;
    uint64_t count = 0;
    for (;;) {
        instruction now = code[pc++];
        count++;
        switch ((opcode)now.opcode) {
        case PUSH: *++top = now.operand; break;
        case LOAD: *++top = frame[now.operand]; break;
        case STORE: frame[now.operand] = *top--; break;
        case FETCH: *top = memory[(uint32_t)*top % MEMORY]; break;
        case PUT: memory[(uint32_t)top[-1] % MEMORY] = *top, top -= 2; break;
        case ADD: top--, *top = (int32_t)((uint32_t)top[0] + (uint32_t)top[1]); break;
        case SUBTRACT: top--, *top = (int32_t)((uint32_t)top[0] - (uint32_t)top[1]); break;
        case MULTIPLY: top--, *top = (int32_t)((uint32_t)top[0] * (uint32_t)top[1]); break;
        case DIVIDE: top--, *top = top[0] / (top[1] ? top[1] : 1); break;
        case REMAINDER: top--, *top = top[0] % (top[1] ? top[1] : 1); break;
        case AND: top--, *top = top[0] & top[1]; break;
        case SHIFT_RIGHT: top--, *top = (int32_t)((uint32_t)top[0] >> (top[1] & 31)); break;
        case LESS: top--, *top = top[0] < top[1]; break;
        case EQUAL: top--, *top = top[0] == top[1]; break;
        case JUMP: pc = now.operand; break;
        case JUMP_IF_ZERO: if (*top-- == 0) pc = now.operand; break;
        case CALL: return_to[depth++] = pc, frame += 4, frame[0] = *top--, pc = now.operand; break;
        case RETURN: pc = return_to[--depth], frame -= 4; break;
        case DUPLICATE: top[1] = top[0], top++; break;
        case DROP: top--; break;
        case HALT: executed += count; return *top;
        }
    }
}

// Counts primes below 60000; register 0: candidate, 1: multiple, 2: count.
static const instruction sieve[] = {
    {PUSH, 0}, {STORE, 2}, {PUSH, 0}, {STORE, 0},
    {LOAD, 0}, {PUSH, 0}, {PUT, 0}, {LOAD, 0}, {PUSH, 1}, {ADD, 0}, {DUPLICATE, 0}, {STORE, 0},
    {PUSH, 60000}, {LESS, 0}, {JUMP_IF_ZERO, 16}, {JUMP, 4},
    {PUSH, 2}, {STORE, 0},
    {LOAD, 0}, {FETCH, 0}, {JUMP_IF_ZERO, 22}, {JUMP, 40},
    {LOAD, 2}, {PUSH, 1}, {ADD, 0}, {STORE, 2}, {LOAD, 0}, {STORE, 1},
    {LOAD, 1}, {LOAD, 0}, {ADD, 0}, {DUPLICATE, 0}, {STORE, 1}, {PUSH, 60000}, {LESS, 0}, {JUMP_IF_ZERO, 40},
    {LOAD, 1}, {PUSH, 1}, {PUT, 0}, {JUMP, 28},
    {LOAD, 0}, {PUSH, 1}, {ADD, 0}, {DUPLICATE, 0}, {STORE, 0},
    {PUSH, 60000}, {LESS, 0}, {JUMP_IF_ZERO, 49}, {JUMP, 18},
    {LOAD, 2}, {HALT, 0},
};

// Sums the Collatz steps of 1 to 40000; register 0: start, 1: number, 2: steps.
static const instruction collatz[] = {
    {PUSH, 0}, {STORE, 2}, {PUSH, 1}, {STORE, 0},
    {LOAD, 0}, {STORE, 1},
    {LOAD, 1}, {PUSH, 1}, {EQUAL, 0}, {JUMP_IF_ZERO, 11}, {JUMP, 28},
    {LOAD, 2}, {PUSH, 1}, {ADD, 0}, {STORE, 2}, {LOAD, 1}, {PUSH, 1}, {AND, 0}, {JUMP_IF_ZERO, 24},
    {LOAD, 1}, {PUSH, 3}, {MULTIPLY, 0}, {PUSH, 1}, {JUMP, 36},
    {LOAD, 1}, {PUSH, 1}, {SHIFT_RIGHT, 0}, {JUMP, 37},
    {LOAD, 0}, {PUSH, 1}, {ADD, 0}, {DUPLICATE, 0}, {STORE, 0}, {PUSH, 40000}, {LESS, 0}, {JUMP, 39},
    {ADD, 0}, {STORE, 1}, {JUMP, 6},
    {JUMP_IF_ZERO, 41}, {JUMP, 4},
    {LOAD, 2}, {HALT, 0},
};

// fib(27) by recursion; the argument comes on the stack, register 0 holds it.
static const instruction fibonacci[] = {
    {PUSH, 27}, {CALL, 3}, {HALT, 0},
    {LOAD, 0}, {PUSH, 2}, {LESS, 0}, {JUMP_IF_ZERO, 9}, {LOAD, 0}, {RETURN, 0},
    {LOAD, 0}, {PUSH, 1}, {SUBTRACT, 0}, {CALL, 3}, {LOAD, 0}, {PUSH, 2}, {SUBTRACT, 0}, {CALL, 3},
    {ADD, 0}, {RETURN, 0},
};

int main(void) {
    int32_t primes = 0, steps = 0, number = 0;
    for (int round = 0; round < 5; round++) {
        primes = run(sieve);
        steps = run(collatz);
        number = run(fibonacci);
    }
    printf("bytecode primes %d steps %d fib %d executed %llu\n", (int)primes, (int)steps, (int)number,
           (unsigned long long)executed);
    return 0;
}
