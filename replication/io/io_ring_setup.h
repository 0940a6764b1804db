/* Setting up the kernel's rings: how far up the feature ladder this kernel goes is tried out, not
 * guessed from its version (distributions backport, sandboxes forbid). */
#ifndef REPLICATION_IO_IO_RING_SETUP_H
#define REPLICATION_IO_IO_RING_SETUP_H

#include <liburing.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/io/io_backend.h"
#include "replication/io/io_buffers.h"

#define IO_RING_BUFFER_GROUP 1u /* Of the provided receive buffers. */
#define IO_RING_REGIONS_MAX  8u /* Registered memory: io_memory_register(). */

/* Make the ring with the best flags that the kernel takes. `*features` gets the bits IO_FEATURE_*
 * of the steps reached so far. STATUS_DENIED, STATUS_FULL. */
MUST_USE enum status io_ring_setup(struct io_uring *ring, const struct io_limits *limits,
                                   uint32_t *features);

/* Try the remaining steps: buffers that stand in `buffer_ring` (page-aligned, room for the count
 * of buffers) are given to the kernel, multishot requests are tried, a table for registered memory
 * is made. Adds to `*features`. */
void io_ring_setup_steps(struct io_uring *ring, const struct io_limits *limits,
                         struct io_uring_buf_ring *buffer_ring, struct io_buffers *buffers,
                         uint32_t *features);

/* The line that io_features() answers. */
void io_ring_setup_describe(char *text, size_t text_bytes, uint32_t features);

#endif
