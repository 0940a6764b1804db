/* Latency distributions for people: a table with units, and a picture of the percentile curve. */
#ifndef TOOLS_PERCENTILES_H
#define TOOLS_PERCENTILES_H

#include <stdio.h>

#include "matching/base/histogram.h"
#include "matching/base/status.h"

#define PERCENTILES_LINES_MAX 16u

struct percentiles_line {
    const char *name; /* For example "order to acknowledgement". */
    const struct histogram *histogram;
};

/* One line for each distribution: count, mean, p50, p90, p99, p99.9, p99.99, max. Asserts: 1 ..
 * PERCENTILES_LINES_MAX lines. */
void percentiles_print(FILE *file, const struct percentiles_line *lines, uint32_t count);

/* The latency up to which each fraction of the values lies, one curve a line, the fraction on an
 * axis that widens towards 1 as HdrHistogram's plots do. Drawn by running `gnuplot`; the ending of
 * `path`, .png or .svg, chooses the form. An existing file is replaced.
 * STATUS_NOT_FOUND: no gnuplot on this machine (Debian: gnuplot-nox); nothing was made.
 * STATUS_BAD_ARGUMENT: another ending, or a quotation mark or control character in the path.
 * STATUS_IO: gnuplot failed; it has said why on stderr. */
MUST_USE enum status percentiles_picture(const char *path, const char *title,
                                         const struct percentiles_line *lines, uint32_t count);

#endif
