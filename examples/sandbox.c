// Tries what a program may want from its host and says what it was given: arguments, environment, files, clock.

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

extern char **environ;

static void list_directory(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL) {
        printf("directory %s: %s\n", path, strerror(errno));
        return;
    }
    int entries = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        entries += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(directory);
    printf("directory %s: %d entries\n", path, entries);
}

static void try_file(const char *path, const char *mode) {
    FILE *file = fopen(path, mode);
    const char *verb = mode[1] == '+' ? "write" : "read";
    printf("%s %s: %s\n", verb, path, file != NULL ? "allowed" : strerror(errno));
    if (file != NULL) fclose(file);
}

int main(int argc, char **argv) {
    int variables = 0;
    while (environ != NULL && environ[variables] != NULL) variables++;
    printf("arguments: %d\n", argc - 1);
    printf("environment variables: %d\n", variables);
    for (int i = 0; i < variables; i++) printf("  %s\n", environ[i]);
    printf("clock: %s\n", time(NULL) > 0 ? "yes" : "no");
    list_directory(".");
    try_file("/etc/passwd", "r");
    try_file("../outside.txt", "r");
    for (int i = 1; i < argc; i++) {
        try_file(argv[i], "r");
        try_file(argv[i], "r+");
    }
    return 0;
}
