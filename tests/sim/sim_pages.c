#include "tests/sim/sim_pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/io/pages.h"

#define PAGES_ALIGNMENT 4096u

/* A piece that was given back: this stands at its beginning. */
struct pages_piece {
    size_t bytes;
    struct pages_piece *next;
};

static struct pages_piece *pages_kept; /* The one given back last first: it is in the caches. */

static size_t pages_rounded(size_t bytes)
{
    ASSERT(bytes > 0);
    ASSERT(bytes <= SIZE_MAX - PAGES_ALIGNMENT);
    return (bytes + PAGES_ALIGNMENT - 1) / PAGES_ALIGNMENT * PAGES_ALIGNMENT;
}

void *pages_take(size_t bytes)
{
    size_t rounded = pages_rounded(bytes);
    struct pages_piece **link = &pages_kept;
    while (*link != NULL && (*link)->bytes != rounded) {
        link = &(*link)->next;
    }
    void *memory = *link;
    if (memory != NULL) {
        *link = (*link)->next;
    } else {
        memory = aligned_alloc(PAGES_ALIGNMENT, rounded);
        ASSERT(memory != NULL);
    }
    return memset(memory, 0, rounded);
}

void pages_give(void *memory, size_t bytes)
{
    if (memory != NULL) {
        struct pages_piece *piece = memory;
        *piece = (struct pages_piece){.bytes = pages_rounded(bytes), .next = pages_kept};
        pages_kept = piece;
    }
}

void sim_pages_trim(void)
{
    while (pages_kept != NULL) {
        struct pages_piece *piece = pages_kept;
        pages_kept = piece->next;
        ASSERT(piece->bytes > 0);
        free(piece);
    }
}
