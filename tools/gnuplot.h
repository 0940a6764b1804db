/* Pictures by running `gnuplot` on a script.
 *
 * The script is written to a temporary file first, so that no pipe can block or break. */
#ifndef TOOLS_GNUPLOT_H
#define TOOLS_GNUPLOT_H

#include <stdint.h>
#include <stdio.h>

#include "matching/base/status.h"

enum gnuplot_form { GNUPLOT_PNG, GNUPLOT_SVG };

/* The form that a path's ending asks for. STATUS_BAD_ARGUMENT: another ending than .png and .svg,
 * or a quotation mark or control character in the path. */
MUST_USE enum status gnuplot_form(const char *path, enum gnuplot_form *form);

/* Write the lines that send the picture to `path`, which gnuplot_form() has checked. */
void gnuplot_output(FILE *script, const char *path, enum gnuplot_form form, uint32_t width_pixels,
                    uint32_t height_pixels);

/* Write a text in double quotes; what would end or expand it becomes a space. */
void gnuplot_text(FILE *script, const char *text);

/* Run the script and wait. STATUS_NOT_FOUND: no gnuplot on this machine (Debian: gnuplot-nox).
 * STATUS_IO: the script could not be written, or gnuplot failed; it has said why on stderr. */
MUST_USE enum status gnuplot_run(FILE *script);

#endif
