// Draws the Mandelbrot set with letters; the argument is the width in columns (78 if none is given).

#include <stdio.h>
#include <stdlib.h>

enum { LIMIT = 2000 };

static int escape_time(double cx, double cy) {
    double x = 0.0, y = 0.0;
    int steps = 0;
    for (; steps < LIMIT && x * x + y * y <= 4.0; steps++) {
        double next = x * x - y * y + cx;
        y = 2.0 * x * y + cy;
        x = next;
    }
    return steps;
}

int main(int argc, char **argv) {
    static const char shades[] = " .,:;+=ixoXOW";
    int width = argc > 1 ? atoi(argv[1]) : 78;
    if (width < 2 || width > 10000) {
        fprintf(stderr, "usage: mandelbrot [WIDTH]    WIDTH is 2 to 10000\n");
        return 2;
    }
    int height = width * 2 / 5;
    for (int row = 0; row <= height; row++) {
        for (int column = 0; column < width; column++) {
            int steps = escape_time(3.0 * column / width - 2.2, 2.4 * row / height - 1.2);
            putchar(steps == LIMIT ? '#' : shades[steps < 12 ? steps : 12]);
        }
        putchar('\n');
    }
    return 0;
}
