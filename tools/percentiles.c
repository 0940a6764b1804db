#include "tools/percentiles.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "tools/human.h"

#define NAME_WIDTH 28

extern char **environ;

static const struct {
    uint32_t millionths;
    const char *name;
} columns[] = {{500000, "p50"},   {900000, "p90"},    {990000, "p99"},
               {999000, "p99.9"}, {999900, "p99.99"}, {1000000, "max"}};
#define COLUMNS (sizeof columns / sizeof columns[0])

void percentiles_print(FILE *file, const struct percentiles_line *lines, uint32_t count)
{
    ASSERT(count > 0);
    ASSERT(count <= PERCENTILES_LINES_MAX);

    (void)fprintf(file, "%-*s %14s %11s", NAME_WIDTH, "latency", "count", "mean");
    for (size_t column = 0; column < COLUMNS; column++) {
        (void)fprintf(file, " %11s", columns[column].name);
    }
    (void)fprintf(file, "\n");
    for (uint32_t line = 0; line < count; line++) {
        const struct histogram *histogram = lines[line].histogram;
        (void)fprintf(file, "%-*s %14s %11s", NAME_WIDTH, lines[line].name,
                      human_number(histogram->count).text,
                      human_duration(histogram_mean(histogram)).text);
        for (size_t column = 0; column < COLUMNS; column++) {
            uint64_t value_ns = histogram_percentile(histogram, columns[column].millionths);
            (void)fprintf(file, " %11s", human_duration(value_ns).text);
        }
        (void)fprintf(file, "\n");
        if (histogram->count_beyond > 0) {
            (void)fprintf(file, "%-*s %14s longer than one hour\n", NAME_WIDTH, "",
                          human_number(histogram->count_beyond).text);
        }
    }
}

/* Points of a curve: 1 / (1 - fraction) against microseconds; a step is a fifteenth of an octave.
 */
static void write_curve(FILE *script, const struct percentiles_line *line, uint32_t index)
{
    (void)fprintf(script, "$curve%u << END_OF_CURVE\n", index);
    double beyond = 1.0; /* 1 - fraction. */
    for (uint32_t step = 0; step < 300 && beyond * HISTOGRAM_MILLION >= 1.0; step++) {
        uint32_t millionths = HISTOGRAM_MILLION - (uint32_t)(beyond * HISTOGRAM_MILLION);
        (void)fprintf(script, "%.6g %.6g\n", 1.0 / beyond,
                      (double)histogram_percentile(line->histogram, millionths) / 1000.0);
        /* Finer points than the values have would be steps that are not there. */
        if (beyond * (double)line->histogram->count < 1.0) {
            break;
        }
        beyond *= 0.955;
    }
    (void)fprintf(script, "END_OF_CURVE\n");
}

/* A text in gnuplot's double quotes: what would end or expand it becomes a space. */
static void write_text(FILE *script, const char *text)
{
    (void)fputc('"', script);
    for (const char *at = text; *at != '\0'; at++) {
        bool plain = (unsigned char)*at >= ' ' && strchr("\"\\`", *at) == NULL;
        (void)fputc(plain ? *at : ' ', script);
    }
    (void)fputc('"', script);
}

static void write_script(FILE *script, const char *path, bool svg, const char *title,
                         const struct percentiles_line *lines, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        write_curve(script, &lines[index], index);
    }
    (void)fprintf(script, "set terminal %s size 960,540\nset output '%s'\nset title ",
                  svg ? "svg" : "png", path);
    write_text(script, title);
    (void)fprintf(
        script,
        " noenhanced\nset logscale x 10\nset logscale y 10\nset grid\nset key top left "
        "noenhanced\nset xlabel 'percentile'\nset ylabel 'latency [microseconds]'\n"
        "set xrange [1:1000000]\nset xtics ('0' 1, '50 %%%%' 2, '90 %%%%' 10, '99 %%%%' 100, "
        "'99.9 %%%%' 1000, '99.99 %%%%' 10000, '99.999 %%%%' 100000, '99.9999 %%%%' 1000000)\n"
        "plot ");
    for (uint32_t index = 0; index < count; index++) {
        (void)fprintf(script, "%s$curve%u with lines linewidth 2 title ", index > 0 ? ", " : "",
                      index);
        write_text(script, lines[index].name);
    }
    (void)fprintf(script, "\n");
}

/* Runs gnuplot on a script that is all there: no pipe that could block or break. */
static enum status run_gnuplot(FILE *script)
{
    if (fflush(script) != 0 || lseek(fileno(script), 0, SEEK_SET) != 0) {
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

enum status percentiles_picture(const char *path, const char *title,
                                const struct percentiles_line *lines, uint32_t count)
{
    ASSERT(count > 0);
    ASSERT(count <= PERCENTILES_LINES_MAX);

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
    FILE *script = tmpfile();
    if (script == NULL) {
        return STATUS_IO;
    }
    write_script(script, path, svg, title, lines, count);
    enum status status = ferror(script) != 0 ? STATUS_IO : run_gnuplot(script);
    (void)fclose(script);
    return status;
}
