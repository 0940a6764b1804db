/* Receive buffers: one block of memory cut into equal pieces, taken at start.
 *
 * A buffer is free, or held: by a caller between IO_RECEIVED and io_buffer_release(), by the list
 * of what a paused handle has received, or by a receive about to be made. Free buffers stand in the
 * kernel's ring of provided buffers, or, without one, on a list here. Loop thread only. */
#ifndef REPLICATION_IO_IO_BUFFERS_H
#define REPLICATION_IO_IO_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "replication/io/io_handle.h"

#define IO_BUFFER_COUNT_MAX 32768u
#define IO_BUFFER_BYTES_MIN 64u
#define IO_BUFFER_BYTES_MAX (1u << 20)

struct io_buffers {
    uint8_t *memory;
    uint32_t buffer_bytes;
    uint32_t buffer_count;
    uint32_t held_count;
    bool *held;
    uint32_t *next;  /* In the list that the buffer stands on. */
    uint32_t *bytes; /* Received, while it stands on a handle's list. */
    uint32_t free_first;
    bool kernel_has_free; /* Free buffers are the kernel's: io_buffers_take() is not used. */
};

size_t io_buffers_memory_bytes(uint32_t buffer_count, uint32_t buffer_bytes);
void io_buffers_init(struct io_buffers *buffers, struct arena *arena, uint32_t buffer_count,
                     uint32_t buffer_bytes);

uint8_t *io_buffers_address(const struct io_buffers *buffers, uint32_t buffer);
uint32_t io_buffers_free_count(const struct io_buffers *buffers);

/* Hold any free one; IO_BUFFER_NONE when there is none. */
uint32_t io_buffers_take(struct io_buffers *buffers);
/* Hold this one: the kernel has chosen and filled it. */
void io_buffers_claim(struct io_buffers *buffers, uint32_t buffer);
/* Free again. Asserts that it was held: whoever releases twice is found here. */
void io_buffers_give_back(struct io_buffers *buffers, uint32_t buffer);

/* The list of what a handle has received and not yet told. */
void io_buffers_pending_add(struct io_buffers *buffers, struct io_handle *slot, uint32_t buffer,
                            uint32_t bytes);
/* The first, taken off, still held; IO_BUFFER_NONE when there is none. */
uint32_t io_buffers_pending_pop(struct io_buffers *buffers, struct io_handle *slot,
                                uint32_t *bytes);

#endif
