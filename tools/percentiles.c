#include "tools/percentiles.h"

#include "matching/base/assertion.h"
#include "tools/gnuplot.h"
#include "tools/human.h"

#define NAME_WIDTH 28

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

static void write_script(FILE *script, const char *path, enum gnuplot_form form, const char *title,
                         const struct percentiles_line *lines, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++) {
        write_curve(script, &lines[index], index);
    }
    gnuplot_output(script, path, form, 960, 540);
    (void)fprintf(script, "set title ");
    gnuplot_text(script, title);
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
        gnuplot_text(script, lines[index].name);
    }
    (void)fprintf(script, "\n");
}

enum status percentiles_picture(const char *path, const char *title,
                                const struct percentiles_line *lines, uint32_t count)
{
    ASSERT(count > 0);
    ASSERT(count <= PERCENTILES_LINES_MAX);

    enum gnuplot_form form;
    enum status status = gnuplot_form(path, &form);
    if (status != STATUS_OK) {
        return status;
    }
    FILE *script = tmpfile();
    if (script == NULL) {
        return STATUS_IO;
    }
    write_script(script, path, form, title, lines, count);
    status = gnuplot_run(script);
    (void)fclose(script);
    return status;
}
