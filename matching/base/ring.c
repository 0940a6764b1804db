#include "matching/base/ring.h"

#include <string.h>

#include "matching/base/assertion.h"

enum status ring_init(struct ring *ring, struct arena *arena, uint64_t capacity,
                      uint64_t element_bytes)
{
    ASSERT(capacity > 0);
    ASSERT((capacity & (capacity - 1)) == 0);
    ASSERT(element_bytes > 0);

    memset(ring, 0, sizeof *ring);
    ring->elements = arena_take(arena, capacity, element_bytes, 64);
    if (ring->elements == NULL) {
        return STATUS_FULL;
    }
    ring->capacity = capacity;
    ring->element_bytes = element_bytes;
    return STATUS_OK;
}

static uint8_t *ring_slot(struct ring *ring, uint64_t count)
{
    return ring->elements + (count & (ring->capacity - 1)) * ring->element_bytes;
}

enum status ring_push(struct ring *ring, const void *element)
{
    uint64_t written = atomic_load_explicit(&ring->written_count, memory_order_relaxed);
    if (written - ring->read_count_seen == ring->capacity) {
        ring->read_count_seen = atomic_load_explicit(&ring->read_count, memory_order_acquire);
        if (written - ring->read_count_seen == ring->capacity) {
            return STATUS_FULL;
        }
    }
    ASSERT(written - ring->read_count_seen < ring->capacity);
    memcpy(ring_slot(ring, written), element, ring->element_bytes);
    atomic_store_explicit(&ring->written_count, written + 1, memory_order_release);
    return STATUS_OK;
}

enum status ring_pop(struct ring *ring, void *element)
{
    uint64_t read = atomic_load_explicit(&ring->read_count, memory_order_relaxed);
    if (read == ring->written_count_seen) {
        ring->written_count_seen = atomic_load_explicit(&ring->written_count, memory_order_acquire);
        if (read == ring->written_count_seen) {
            return STATUS_NOT_YET;
        }
    }
    ASSERT(ring->written_count_seen - read <= ring->capacity);
    memcpy(element, ring_slot(ring, read), ring->element_bytes);
    if (ring->wipe_on_pop) {
        memset(ring_slot(ring, read), 0, ring->element_bytes);
    }
    atomic_store_explicit(&ring->read_count, read + 1, memory_order_release);
    return STATUS_OK;
}

uint64_t ring_count(struct ring *ring)
{
    uint64_t written = atomic_load_explicit(&ring->written_count, memory_order_acquire);
    uint64_t read = atomic_load_explicit(&ring->read_count, memory_order_acquire);
    ASSERT(written >= read);
    return written - read;
}
