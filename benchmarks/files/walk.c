// Walks the tree below `tree`, asks for the attributes of every entry, and adds up their sizes.
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static long entries;
static long long bytes;

static int walk(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL) {
        perror(path);
        return 1;
    }
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        struct stat status;
        char below[512];
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (lstat(below, &status) < 0) {
            perror(below);
            return 1;
        }
        entries++;
        if (S_ISDIR(status.st_mode)) {
            if (walk(below)) return 1;
        } else {
            bytes += status.st_size;
        }
    }
    closedir(directory);
    return 0;
}

int main(void) {
    if (walk("/tree")) return 1;
    printf("%ld entries, %lld bytes\n", entries, bytes);
    return 0;
}
