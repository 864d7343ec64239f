// Prints the primes below a limit (100 if none is given), or with -c only how many there are.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    int counts_only = argc > 1 && strcmp(argv[1], "-c") == 0;
    const char *last = argc > 1 + counts_only ? argv[argc - 1] : "100";
    char *end;
    long limit = strtol(last, &end, 10);
    if (*end != '\0' || limit < 0 || limit > 1000000000) {
        fprintf(stderr, "usage: primes [-c] [LIMIT]    LIMIT is 0 to 1000000000\n");
        return 2;
    }
    unsigned char *is_composite = calloc((size_t)limit + 1, 1);
    if (is_composite == NULL) {
        fprintf(stderr, "primes: not enough memory for a limit of %ld\n", limit);
        return 1;
    }
    long count = 0;
    for (long number = 2; number < limit; number++) {
        if (is_composite[number]) continue;
        count++;
        if (!counts_only) printf("%ld\n", number);
        for (long long multiple = (long long)number * number; multiple < limit; multiple += number) {
            is_composite[multiple] = 1;
        }
    }
    if (counts_only) printf("%ld\n", count);
    free(is_composite);
    return 0;
}
