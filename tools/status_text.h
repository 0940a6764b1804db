/* The answer to GET /status as an operator reads it. */
#ifndef TOOLS_STATUS_TEXT_H
#define TOOLS_STATUS_TEXT_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/* Prints `status`. With the answer before it (`before`, else NULL), rates since then. Fields that
 * are missing are shown as zero. */
void status_text_print(FILE *out, const json_t *status, const json_t *before);

#endif
