#include "tools/gnuplot.h"

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/assertion.h"

extern char **environ;

enum status gnuplot_form(const char *path, enum gnuplot_form *form)
{
    size_t bytes = strlen(path);
    bool svg = bytes > 4 && strcmp(path + bytes - 4, ".svg") == 0;
    if (!svg && (bytes <= 4 || strcmp(path + bytes - 4, ".png") != 0)) {
        return STATUS_BAD_ARGUMENT;
    }
    for (const char *at = path; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == '\'') {
            return STATUS_BAD_ARGUMENT;
        }
    }
    *form = svg ? GNUPLOT_SVG : GNUPLOT_PNG;
    return STATUS_OK;
}

void gnuplot_output(FILE *script, const char *path, enum gnuplot_form form, uint32_t width_pixels,
                    uint32_t height_pixels)
{
    ASSERT(strchr(path, '\'') == NULL);
    (void)fprintf(script, "set terminal %s size %u,%u\nset output '%s'\n",
                  form == GNUPLOT_SVG ? "svg" : "png", width_pixels, height_pixels, path);
}

void gnuplot_text(FILE *script, const char *text)
{
    (void)fputc('"', script);
    for (const char *at = text; *at != '\0'; at++) {
        bool plain = (unsigned char)*at >= ' ' && strchr("\"\\`", *at) == NULL;
        (void)fputc(plain ? *at : ' ', script);
    }
    (void)fputc('"', script);
}

enum status gnuplot_run(FILE *script)
{
    ASSERT(script != NULL);
    if (ferror(script) != 0 || fflush(script) != 0 || lseek(fileno(script), 0, SEEK_SET) != 0) {
        return STATUS_IO;
    }
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return STATUS_FULL;
    }
    char name[] = "gnuplot";
    char *const arguments[] = {name, NULL};
    pid_t child = -1;
    int error = posix_spawn_file_actions_adddup2(&actions, fileno(script), STDIN_FILENO);
    if (error == 0) {
        error = posix_spawnp(&child, name, &actions, NULL, arguments, environ);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        return error == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    }
    int ended = 0;
    while (waitpid(child, &ended, 0) < 0) {
        if (errno != EINTR) {
            return STATUS_IO;
        }
    }
    return WIFEXITED(ended) && WEXITSTATUS(ended) == 0 ? STATUS_OK : STATUS_IO;
}
