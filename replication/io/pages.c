#include "replication/io/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#include "matching/base/assertion.h"

#define PAGES_HUGE_BYTES ((size_t)2 << 20)

/* What is smaller stays on small pages: its few translations are soon at hand, and a page of 2 MiB
 * would be cleared for the sake of a few records. */
#define PAGES_LARGE_BYTES ((size_t)16 << 20)

static size_t pages_rounded(size_t bytes)
{
    size_t unit = bytes < PAGES_LARGE_BYTES ? 4096 : PAGES_HUGE_BYTES;
    ASSERT(bytes <= SIZE_MAX - 2 * PAGES_HUGE_BYTES);
    return (bytes + unit - 1) & ~(unit - 1);
}

void *pages_take(size_t bytes)
{
    ASSERT(bytes > 0);
    size_t rounded = pages_rounded(bytes);
    /* The kernel need not place it at a huge page's boundary: what is too much on both sides goes
     * back. */
    size_t spare = rounded < PAGES_LARGE_BYTES ? 0 : PAGES_HUGE_BYTES;
    uint8_t *mapped =
        mmap(NULL, rounded + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        return NULL;
    }
    if (spare == 0) {
        return mapped;
    }
    size_t before = (PAGES_HUGE_BYTES - (uintptr_t)mapped % PAGES_HUGE_BYTES) % PAGES_HUGE_BYTES;
    uint8_t *memory = mapped + before;
    if (before > 0) {
        (void)munmap(mapped, before);
    }
    if (spare > before) {
        (void)munmap(memory + rounded, spare - before);
    }
    /* A kernel without them refuses; then it is ordinary memory. */
    (void)madvise(memory, rounded, MADV_HUGEPAGE);
    ASSERT((uintptr_t)memory % PAGES_HUGE_BYTES == 0);
    return memory;
}

void pages_give(void *memory, size_t bytes)
{
    if (memory != NULL) {
        int failed = munmap(memory, pages_rounded(bytes));
        ASSERT(failed == 0);
    }
}
