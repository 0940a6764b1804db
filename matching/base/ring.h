/* A bounded queue of fixed-size elements between exactly one producer and one consumer thread.
 *
 * Each side owns its own cache line; publication is release/acquire. A full ring pushes back: the
 * producer gets STATUS_FULL and tries again later. */
#ifndef MATCHING_BASE_RING_H
#define MATCHING_BASE_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/status.h"

struct ring {
    _Alignas(64) _Atomic uint64_t written_count; /* Producer's: elements ever put in. */
    uint64_t read_count_seen;                    /* Producer's last look at read_count. */
    _Alignas(64) _Atomic uint64_t read_count;    /* Consumer's: elements ever taken out. */
    uint64_t written_count_seen;                 /* Consumer's last look at written_count. */
    _Alignas(64) uint8_t *elements;              /* Read-only after ring_init(). */
    uint64_t capacity;                           /* A power of two. */
    uint64_t element_bytes;
    bool wipe_on_pop; /* Set before the threads start: elements are secrets, zeroed when taken. */
};

/* Takes capacity * element_bytes from `arena`. `capacity` is a power of two. STATUS_FULL when the
 * arena is too small; the ring is then unusable. Before the threads start. */
MUST_USE enum status ring_init(struct ring *ring, struct arena *arena, uint64_t capacity,
                               uint64_t element_bytes);

/* Producer only. Copies one element in; STATUS_FULL changes nothing. */
MUST_USE enum status ring_push(struct ring *ring, const void *element);

/* Consumer only. Copies one element out; STATUS_NOT_YET when the ring is empty. */
MUST_USE enum status ring_pop(struct ring *ring, void *element);

/* Elements waiting. Exact for the consumer, an upper bound for the producer. */
uint64_t ring_count(struct ring *ring);

#endif
