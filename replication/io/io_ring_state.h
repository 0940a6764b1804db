/* The ring backend's state, and what its files call of each other: io_ring_setup.c makes the rings,
 * io_ring_start.c turns what handles want into submission entries, io_ring_collect.c turns what the
 * kernel has finished into completions, io_ring.c drives them. Only io_ring*.c include this. */
#ifndef REPLICATION_IO_IO_RING_STATE_H
#define REPLICATION_IO_IO_RING_STATE_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/io/io_backend.h"
#include "replication/io/io_buffers.h"
#include "replication/io/io_core.h"
#include "replication/io/io_handle.h"

#define IO_RING_BUFFER_GROUP 1u /* Of the provided receive buffers. */
#define IO_RING_REGIONS_MAX  8u /* Registered memory: io_memory_register(). */

/* What a completion is of: the top byte of its user data. Below it stand 24 bits of generation and
 * 32 of handle (RING_WRITE: of the write's index). */
enum io_ring_operation {
    RING_ACCEPT = 1,
    RING_CONNECT,
    RING_RECEIVE,
    RING_READABLE, /* Poll, before a receive into a buffer chosen here. */
    RING_SEND,
    RING_WRITE,
    RING_WAKE,
    RING_CANCEL,
};

/* Bits of io_handle.backend_flags. */
#define IO_RING_ACCEPT_ARMED     (1u << 0)
#define IO_RING_RECEIVE_ARMED    (1u << 1)
#define IO_RING_READABLE_ARMED   (1u << 2)
#define IO_RING_READABLE         (1u << 3) /* A poll has said so, and it was not used up. */
#define IO_RING_RECEIVE_CANCELED (1u << 4) /* Until the receive or poll has ended. */
#define IO_RING_CLOSE_CANCELED   (1u << 5)
#define IO_RING_REFUSED          (1u << 6) /* The kernel had no common buffer: use the own one. */

struct io_ring_region {
    const uint8_t *base;
    size_t bytes;
};

struct io_ring_write {
    uint32_t handle;
    uint32_t next; /* On the list of free or of wanted writes. */
    const uint8_t *data;
    uint32_t bytes;
    uint32_t done_bytes;
    uint64_t offset;
    uint64_t token;
};

struct io_ring {
    struct io_core core; /* First. */
    struct io_uring ring;
    uint32_t features;
    struct io_uring_buf_ring *buffer_ring;

    struct io_ring_write *writes;
    uint32_t write_free_first;
    uint32_t write_wanted_first;
    uint32_t write_wanted_last;

    struct io_ring_region regions[IO_RING_REGIONS_MAX];

    uint64_t wake_value; /* The kernel writes it. */
    bool wake_armed;
    bool ending;
};

/* io_ring_setup.c: how far up the feature ladder this kernel goes is tried out, not guessed from
 * its version (distributions backport, sandboxes forbid). */

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

/* io_ring_start.c */

/* Prepare entries for all that is wanted, as far as there is space; the rest stays wanted. */
void io_ring_start_all(struct io_ring *ring);
/* Whether something is wanted that there was no space for. */
bool io_ring_start_pending(const struct io_ring *ring);

/* Ask for write `index`, or for what is left of it. */
void io_ring_start_write_later(struct io_ring *ring, uint32_t index);
/* Ask for the receive on the waker to be cancelled. */
void io_ring_start_wake_cancel(struct io_ring *ring);

/* Whether a receive, or the poll in front of one, is with the kernel. */
bool io_ring_start_receive_armed(const struct io_handle *slot);

/* io_ring_collect.c */

/* Take entries off the completion queue while there is room for what they tell. */
void io_ring_collect(struct io_ring *ring);

/* Give a buffer back to those that the kernel, or a later receive, may fill. */
void io_ring_collect_release(struct io_ring *ring, uint32_t buffer);

#endif
