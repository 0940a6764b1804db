/* The ring backend's second half: what the kernel has finished becomes completions.
 *
 * Only io_ring*.c include this header. */
#ifndef REPLICATION_IO_IO_RING_COLLECT_H
#define REPLICATION_IO_IO_RING_COLLECT_H

#include <stdint.h>

#include "replication/io/io_ring_start.h"

/* Take entries off the completion queue while there is room for what they tell. */
void io_ring_collect(struct io_ring *ring);

/* Give a buffer back to those that the kernel, or a later receive, may fill. */
void io_ring_collect_release(struct io_ring *ring, uint32_t buffer);

#endif
