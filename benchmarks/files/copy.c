// Copies the file `in` to the file `out`, 64 KiB at a time.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char buffer[65536];

int main(void) {
    int in = open("/in", O_RDONLY);
    int out = open("/out", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (in < 0 || out < 0) {
        perror("open");
        return 1;
    }
    long long total = 0;
    ssize_t count;
    while ((count = read(in, buffer, sizeof buffer)) > 0) {
        for (ssize_t at = 0; at < count;) {
            ssize_t written = write(out, buffer + at, (size_t)(count - at));
            if (written < 0) {
                perror("write");
                return 1;
            }
            at += written;
        }
        total += count;
    }
    if (count < 0 || close(out) < 0) {
        perror("copy");
        return 1;
    }
    printf("%lld\n", total);
    return 0;
}
