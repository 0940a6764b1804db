#include "tests/support/text_fixture.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/assertion.h"

void text_fixture_make(struct text_fixture *fixture)
{
    test_paths_make(fixture->directory, "text");
    fixture->path[0] = '\0';
}

void text_fixture_remove(struct text_fixture *fixture)
{
    test_paths_remove(fixture->directory);
}

void text_fixture_write(struct text_fixture *fixture, const char *name, const char *text)
{
    int bytes = snprintf(fixture->path, sizeof fixture->path, "%s/%s", fixture->directory, name);
    ASSERT(bytes > 0 && (size_t)bytes < sizeof fixture->path);
    FILE *file = fopen(fixture->path, "w");
    ASSERT(file != NULL);
    ASSERT(fputs(text, file) >= 0);
    ASSERT(fclose(file) == 0);
}

bool text_fixture_equal(const char *left, const char *right)
{
    FILE *files[2] = {fopen(left, "r"), fopen(right, "r")};
    ASSERT(files[0] != NULL);
    ASSERT(files[1] != NULL);
    int bytes[2] = {0, 0};
    while (bytes[0] == bytes[1] && bytes[0] != EOF) {
        bytes[0] = getc(files[0]);
        bytes[1] = getc(files[1]);
    }
    ASSERT(fclose(files[0]) == 0);
    ASSERT(fclose(files[1]) == 0);
    return bytes[0] == bytes[1];
}

bool text_fixture_run(const char *const *arguments)
{
    char *copies[16] = {NULL};
    for (uint32_t index = 0; arguments[index] != NULL; index++) {
        ASSERT(index < 15);
        copies[index] = strdup(arguments[index]);
        ASSERT(copies[index] != NULL);
    }
    pid_t child = fork();
    ASSERT(child >= 0);
    if (child == 0) {
        int sink = open("/dev/null", O_WRONLY);
        if (sink >= 0) {
            (void)dup2(sink, STDOUT_FILENO);
        }
        (void)execvp(copies[0], copies);
        _exit(127);
    }
    for (uint32_t index = 0; copies[index] != NULL; index++) {
        free(copies[index]);
    }
    int result = 0;
    ASSERT(waitpid(child, &result, 0) == child);
    return WIFEXITED(result) && WEXITSTATUS(result) == 0;
}
