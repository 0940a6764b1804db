/* Receive buffers: one block of memory cut into equal pieces, taken at start.
 *
 * A buffer is free, or held: by a caller between IO_RECEIVED and io_buffer_release(), by the list
 * of what a paused handle has received, or by a receive about to be made. Most are common to all:
 * the free ones stand in the kernel's ring of provided buffers, or, without one, on a list here.
 * Behind them every handle has one of its own, for the time when others hold all the common ones:
 * paused clients must never keep an acknowledgement from coming in that they themselves are waiting
 * for. Its memory is not touched before that. Loop thread only. */
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
    uint32_t buffer_count; /* Common ones: 0 .. buffer_count - 1. */
    uint32_t handles_max;  /* Own ones behind: buffer_count + handle. */
    uint32_t held_count;   /* Of the common ones. */
    bool *held;
    uint32_t *next;  /* In the list that the buffer stands on. */
    uint32_t *bytes; /* Received, while it stands on a handle's list. */
    uint32_t free_first;
    bool kernel_has_free; /* The free common ones are the kernel's to choose. */
};

size_t io_buffers_memory_bytes(uint32_t buffer_count, uint32_t buffer_bytes, uint32_t handles_max);
void io_buffers_init(struct io_buffers *buffers, struct arena *arena, uint32_t buffer_count,
                     uint32_t buffer_bytes, uint32_t handles_max);

uint8_t *io_buffers_address(const struct io_buffers *buffers, uint32_t buffer);
/* Of the common ones. */
uint32_t io_buffers_free_count(const struct io_buffers *buffers);
/* The handle whose own one this is; IO_HANDLE_NONE for a common one. */
uint32_t io_buffers_owner(const struct io_buffers *buffers, uint32_t buffer);

/* Hold a common one, unless those are the kernel's, or else the handle's own; IO_BUFFER_NONE when
 * that is held as well. */
uint32_t io_buffers_take(struct io_buffers *buffers, uint32_t handle);
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
