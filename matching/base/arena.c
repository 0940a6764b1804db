#include "matching/base/arena.h"

#include "matching/base/assertion.h"

#define ARENA_ALIGNMENT_MAX 4096u

void arena_init(struct arena *arena, void *base, size_t size_bytes)
{
    ASSERT(base != NULL);
    ASSERT(((uintptr_t)base & 63u) == 0);

    *arena = (struct arena){.base = base, .size_bytes = size_bytes};
}

void *arena_take(struct arena *arena, size_t count, size_t element_bytes, size_t alignment)
{
    ASSERT(!arena->sealed);
    ASSERT(alignment > 0);
    ASSERT(alignment <= ARENA_ALIGNMENT_MAX);
    ASSERT((alignment & (alignment - 1)) == 0);

    size_t bytes;
    ASSERT(!__builtin_mul_overflow(count, element_bytes, &bytes));

    uintptr_t top = (uintptr_t)arena->base + arena->used_bytes;
    size_t padding = (size_t)(-top & (alignment - 1));
    size_t room = arena->size_bytes - arena->used_bytes;
    if (padding > room || bytes > room - padding) {
        return NULL;
    }
    void *piece = arena->base + arena->used_bytes + padding;
    arena->used_bytes += padding + bytes;
    ASSERT(arena->used_bytes <= arena->size_bytes);
    return piece;
}

void arena_seal(struct arena *arena)
{
    ASSERT(!arena->sealed);
    arena->sealed = true;
}
