// A library, not a program: statistics of doubles that the host puts into memory.

#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#define EXPORT(name) __attribute__((export_name(name)))

// Room for `count` doubles, to be given back with release(); its address, or 0.
EXPORT("reserve") double *reserve(size_t count) { return count < (1u << 28) ? malloc(count * sizeof(double)) : NULL; }

EXPORT("release") void release(double *values) { free(values); }

EXPORT("mean") double mean(const double *values, size_t count) {
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) sum += values[i];
    return sum / (double)count;
}

// The standard deviation of a sample: divides by count - 1.
EXPORT("deviation") double deviation(const double *values, size_t count) {
    double middle = mean(values, count), sum = 0.0;
    for (size_t i = 0; i < count; i++) sum += (values[i] - middle) * (values[i] - middle);
    return sqrt(sum / (double)(count - 1));
}

static int in_order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Sorts the values where they are.
EXPORT("sort") void sort(double *values, size_t count) { qsort(values, count, sizeof(double), in_order); }
