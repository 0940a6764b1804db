#include "matching/order_index.h"

#include "matching/base/checksum.h"

/* Four orders a line when full: two full groups of eight in ten places are then rare. */
static uint32_t order_index_bits(uint32_t count_max)
{
    uint32_t bits = 4;
    while ((UINT64_C(4) << bits) < count_max) {
        bits++;
    }
    return bits;
}

size_t order_index_bytes(uint32_t count_max)
{
    return (sizeof(struct order_index_line) << order_index_bits(count_max)) + 64;
}

enum status order_index_create(struct order_index *index, struct arena *arena, uint32_t count_max)
{
    uint32_t bits = order_index_bits(count_max);
    ASSERT(count_max > 0);
    ASSERT(bits <= 20); /* The tag begins below. */

    *index = (struct order_index){.mask = (UINT32_C(1) << bits) - 1, .shift = 64 - bits};
    index->lines = arena_take(arena, (size_t)1 << bits, sizeof(struct order_index_line), 64);
    if (index->lines == NULL) {
        return STATUS_FULL;
    }
    index->multiplier = checksum_mix(CHECKSUM_SEED, (uintptr_t)index->lines) | 1;
    return STATUS_OK;
}

static uint32_t order_index_next(const struct order_index *index, uint32_t line)
{
    return (line + 1) & index->mask;
}

uint32_t order_index_search(const struct order_index *index, const struct order_pool *pool,
                            uint64_t hash, uint32_t session_id, uint8_t channel,
                            uint32_t user_reference)
{
    uint16_t tag = order_index_tag(hash);
    uint32_t number = (uint32_t)(hash >> index->shift);
    for (uint32_t i = 0; i <= index->mask; i++) {
        const struct order_index_line *line = &index->lines[number];
        for (uint32_t place = 0; place < ORDER_INDEX_PLACES; place++) {
            uint32_t slot = line->slots[place];
            if (slot != 0 && line->tags[place] == tag &&
                order_index_is(pool, slot, session_id, channel, user_reference)) {
                return slot;
            }
        }
        if (line->strayed == 0) {
            break;
        }
        number = order_index_next(index, number);
    }
    return 0;
}

/* Where in this line the slot is; 0 finds a free place. ORDER_INDEX_PLACES: nowhere. */
static uint32_t order_index_place(const struct order_index_line *line, uint32_t slot)
{
    uint32_t place = 0;
    while (place < ORDER_INDEX_PLACES && line->slots[place] != slot) {
        place++;
    }
    return place;
}

void order_index_add_astray(struct order_index *index, uint64_t hash, uint32_t slot)
{
    uint32_t number = (uint32_t)(hash >> index->shift);
    struct order_index_line *line = &index->lines[number];
    line->strayed++;
    uint32_t place = order_index_place(line, 0);
    for (uint32_t i = 0; place == ORDER_INDEX_PLACES; i++) {
        ASSERT(i < index->mask);
        line->strayed += i == 0 ? 0 : 1; /* The first line has counted it already. */
        number = order_index_next(index, number);
        line = &index->lines[number];
        place = order_index_place(line, 0);
    }
    line->slots[place] = slot;
    line->tags[place] = order_index_tag(hash);
}

void order_index_remove_astray(struct order_index *index, uint64_t hash, uint32_t slot)
{
    uint32_t number = (uint32_t)(hash >> index->shift);
    struct order_index_line *line = &index->lines[number];
    ASSERT(line->strayed > 0);
    line->strayed--;
    uint32_t place = order_index_place(line, slot);
    for (uint32_t i = 0; place == ORDER_INDEX_PLACES; i++) {
        ASSERT(i < index->mask);
        ASSERT(i == 0 || line->strayed > 0);
        line->strayed -= i == 0 ? 0 : 1;
        number = order_index_next(index, number);
        line = &index->lines[number];
        place = order_index_place(line, slot);
    }
    line->slots[place] = 0;
}
