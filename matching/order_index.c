#include "matching/order_index.h"

static uint32_t order_index_bits(uint32_t count_max)
{
    uint32_t bits = 4;
    while ((UINT64_C(1) << bits) < 2 * (uint64_t)count_max) {
        bits++;
    }
    return bits;
}

size_t order_index_bytes(uint32_t count_max)
{
    return (sizeof(struct order_index_entry) << order_index_bits(count_max)) + 64;
}

enum status order_index_create(struct order_index *index, struct arena *arena, uint32_t count_max)
{
    uint32_t bits = order_index_bits(count_max);
    ASSERT(count_max > 0);
    ASSERT(bits < 32);

    *index = (struct order_index){.mask = (UINT32_C(1) << bits) - 1, .shift = 32 - bits};
    index->entries = arena_take(arena, (size_t)1 << bits, sizeof(struct order_index_entry), 64);
    if (index->entries == NULL) {
        return STATUS_FULL;
    }
    index->multiplier = checksum_mix(CHECKSUM_SEED, (uintptr_t)index->entries) | 1;
    return STATUS_OK;
}
