// Recursive functions that do little but call: Fibonacci, Ackermann, Takeuchi, Hanoi, partitions, permutations.
//
// Stresses: the cost of direct calls and returns, deep stacks, argument passing.

#include <stdint.h>
#include <stdio.h>

static uint32_t fibonacci(uint32_t n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }

static double fibonacci_of_doubles(double n) {
    return n < 2.0 ? n : fibonacci_of_doubles(n - 1.0) + fibonacci_of_doubles(n - 2.0);
}

static uint32_t ackermann(uint32_t m, uint32_t n) {
    if (m == 0) return n + 1;
    if (n == 0) return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

static int takeuchi(int x, int y, int z) {
    if (y >= x) return z;
    return takeuchi(takeuchi(x - 1, y, z), takeuchi(y - 1, z, x), takeuchi(z - 1, x, y));
}

static uint64_t moves;

static void hanoi(int disks, int from, int to, int spare) {
    if (disks == 0) return;
    hanoi(disks - 1, from, spare, to);
    moves = moves * 3 + (uint64_t)(from * 3 + to);
    hanoi(disks - 1, spare, to, from);
}

static uint64_t partitions(int number, int largest) {
    if (number == 0) return 1;
    uint64_t ways = 0;
    for (int part = number < largest ? number : largest; part > 0; part--) ways += partitions(number - part, part);
    return ways;
}

static uint32_t permute(uint8_t *items, int count, uint32_t hash) {
    if (count == 1) return hash * 31 + items[0];
    for (int i = 0; i < count; i++) {
        uint8_t held = items[i];
        items[i] = items[count - 1];
        items[count - 1] = held;
        hash = permute(items, count - 1, hash);
        items[count - 1] = items[i];
        items[i] = held;
    }
    return hash;
}

static int is_odd(uint32_t n);

__attribute__((noinline)) static int is_even(uint32_t n) { return n == 0 ? 1 : is_odd(n - 1); }
__attribute__((noinline)) static int is_odd(uint32_t n) { return n == 0 ? 0 : is_even(n - 1); }

int main(void) {
    uint8_t items[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    hanoi(24, 0, 2, 1);
    uint32_t even = 0;
    for (uint32_t i = 0; i < 200; i++) even += (uint32_t)is_even(i * 17);
    printf("recursion fib %u %.0f ackermann %u takeuchi %d ", (unsigned)fibonacci(38), fibonacci_of_doubles(34.0),
           (unsigned)ackermann(3, 9), takeuchi(22, 11, 3));
    printf("hanoi %016llx partitions %llu permutations %08x even %u\n", (unsigned long long)moves,
           (unsigned long long)partitions(70, 70), (unsigned)permute(items, 10, 1), (unsigned)even);
    return 0;
}
