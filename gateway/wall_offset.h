/* How wrong a site's wall clock is to be, for rehearsals: a file with one whole number of
 * nanoseconds, written by whoever rehearses (config.md, `wall_offset`). */
#ifndef GATEWAY_WALL_OFFSET_H
#define GATEWAY_WALL_OFFSET_H

#include <stdint.h>

#include "matching/base/status.h"

/* Reads "-7200000000000", a line end behind it or not. STATUS_NOT_FOUND, STATUS_DENIED or
 * STATUS_IO: no such file, or not readable; STATUS_BAD_FORMAT: no number of 64 bits. Then
 * `offset_ns` is left alone. A few system calls; any thread. */
MUST_USE enum status wall_offset_read(const char *path, int64_t *offset_ns);

/* Replaces the file in one step, so that a reader finds the old number or the new one.
 * STATUS_DENIED, STATUS_NO_SPACE, STATUS_IO. */
MUST_USE enum status wall_offset_write(const char *path, int64_t offset_ns);

#endif
