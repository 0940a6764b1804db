/* Memory taken once at start: pieces are handed out until the arena is sealed, then never again.
 *
 * One thread sets an arena up; after arena_seal() it is only read. Nothing is ever given back
 * singly: whoever took the block frees it whole. */
#ifndef MATCHING_BASE_ARENA_H
#define MATCHING_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena {
    uint8_t *base; /* Owned by whoever called arena_init(). */
    size_t size_bytes;
    size_t used_bytes;
    bool sealed;
};

/* Use `size_bytes` at `base`, which must be aligned to 64 bytes and filled with zero. */
void arena_init(struct arena *arena, void *base, size_t size_bytes);

/* `count` elements of `element_bytes`, zeroed, aligned to `alignment` (a power of two, at most
 * 4096). NULL when the arena is too small. Asserts: the arena is not sealed; the product does not
 * overflow. */
void *arena_take(struct arena *arena, size_t count, size_t element_bytes, size_t alignment);

/* From now on arena_take() asserts. */
void arena_seal(struct arena *arena);

#endif
