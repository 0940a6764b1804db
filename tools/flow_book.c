#include "tools/flow_book.h"

#include <assert.h>
#include <stdlib.h>

#include "matching/base/assertion.h"

#define WORDS (FLOW_BOOK_TICKS / 64)

static_assert(FLOW_BOOK_ORDERS_MAX <= UINT16_MAX + 1, "positions have 16 bits");
static_assert(WORDS % 64 == 0, "a summary bit for each word");

/* Orders at a price; slot 0 is a valid one, so links are stored plus one. */
struct ladder_level {
    uint32_t first;
    uint32_t last;
};

struct ladder {
    uint64_t words[2][WORDS];                    /* By side: which ticks have orders. */
    uint64_t summary[2][WORDS / 64];             /* Which words are not zero. */
    struct ladder_level levels[FLOW_BOOK_TICKS]; /* A tick holds one side at a time. */
    uint32_t live_count;
    uint32_t used;                       /* Slots that ever held an order. */
    uint16_t live[FLOW_BOOK_ORDERS_MAX]; /* First the open orders, then the free slots. */
};

struct flow_book {
    uint32_t instruments;
    struct ladder *ladders;
    struct flow_book_order *orders;
};

enum status flow_book_create(struct flow_book **target, uint32_t instruments)
{
    ASSERT(instruments > 0);
    ASSERT(instruments <= UINT16_MAX);
    struct flow_book *book = calloc(1, sizeof *book);
    if (book == NULL) {
        return STATUS_FULL;
    }
    book->instruments = instruments;
    book->ladders = calloc(instruments, sizeof *book->ladders);
    book->orders = calloc((size_t)instruments * FLOW_BOOK_ORDERS_MAX, sizeof *book->orders);
    if (book->ladders == NULL || book->orders == NULL) {
        flow_book_destroy(book);
        return STATUS_FULL;
    }
    *target = book;
    return STATUS_OK;
}

void flow_book_destroy(struct flow_book *book)
{
    if (book != NULL) {
        free(book->ladders);
        free(book->orders);
        free(book);
    }
}

static uint32_t side_index(enum side side)
{
    ASSERT(side == SIDE_BUY || side == SIDE_SELL);
    return side == SIDE_BUY ? 0 : 1;
}

static void mark(struct ladder *ladder, uint32_t side, uint32_t tick, bool occupied)
{
    uint64_t *word = &ladder->words[side][tick / 64];
    uint64_t *summary = &ladder->summary[side][tick / 4096];
    uint64_t summary_bit = UINT64_C(1) << (tick / 64 % 64);
    if (occupied) {
        *word |= UINT64_C(1) << (tick % 64);
        *summary |= summary_bit;
    } else {
        *word &= ~(UINT64_C(1) << (tick % 64));
        *summary &= *word == 0 ? ~summary_bit : UINT64_MAX;
    }
}

/* The highest occupied tick of the buys, the lowest of the sells. */
static bool best_tick(const struct ladder *ladder, uint32_t side, uint32_t *tick)
{
    for (uint32_t step = 0; step < WORDS / 64; step++) {
        uint32_t group = side == 0 ? WORDS / 64 - 1 - step : step;
        uint64_t summary = ladder->summary[side][group];
        if (summary != 0) {
            uint32_t bit = side == 0 ? 63u - (uint32_t)__builtin_clzll(summary)
                                     : (uint32_t)__builtin_ctzll(summary);
            uint64_t word = ladder->words[side][group * 64 + bit];
            ASSERT(word != 0);
            *tick = (group * 64 + bit) * 64 + (side == 0 ? 63u - (uint32_t)__builtin_clzll(word)
                                                         : (uint32_t)__builtin_ctzll(word));
            return true;
        }
    }
    return false;
}

uint32_t flow_book_add(struct flow_book *book, const struct flow_book_order *order)
{
    ASSERT(order->instrument < book->instruments);
    ASSERT(order->tick < FLOW_BOOK_TICKS);
    ASSERT(order->leaves > 0 && order->number > 0);
    struct ladder *ladder = &book->ladders[order->instrument];
    if (ladder->live_count == FLOW_BOOK_ORDERS_MAX) {
        return FLOW_BOOK_NONE;
    }
    if (ladder->live_count == ladder->used) {
        ladder->live[ladder->used] = (uint16_t)ladder->used;
        ladder->used++;
    }
    uint32_t slot = order->instrument * FLOW_BOOK_ORDERS_MAX + ladder->live[ladder->live_count];
    struct flow_book_order *added = &book->orders[slot];
    ASSERT(added->number == 0);
    *added = *order;
    added->live_at = (uint16_t)ladder->live_count++;
    struct ladder_level *level = &ladder->levels[order->tick];
    added->before = level->last;
    added->after = 0;
    if (level->last != 0) {
        ASSERT(book->orders[level->last - 1].side == order->side);
        book->orders[level->last - 1].after = slot + 1;
    } else {
        level->first = slot + 1;
        mark(ladder, side_index((enum side)order->side), order->tick, true);
    }
    level->last = slot + 1;
    return slot;
}

void flow_book_remove(struct flow_book *book, uint32_t slot)
{
    struct flow_book_order *order = &book->orders[slot];
    ASSERT(order->number != 0);
    struct ladder *ladder = &book->ladders[order->instrument];
    struct ladder_level *level = &ladder->levels[order->tick];
    *(order->before == 0 ? &level->first : &book->orders[order->before - 1].after) = order->after;
    *(order->after == 0 ? &level->last : &book->orders[order->after - 1].before) = order->before;
    if (level->first == 0) {
        ASSERT(level->last == 0);
        mark(ladder, side_index((enum side)order->side), order->tick, false);
    }
    /* The last open order takes its place in the list; the slot becomes the first free one. */
    uint32_t base = order->instrument * FLOW_BOOK_ORDERS_MAX;
    ASSERT(ladder->live_count > 0);
    uint16_t moved = ladder->live[--ladder->live_count];
    ladder->live[order->live_at] = moved;
    book->orders[base + moved].live_at = order->live_at;
    ladder->live[ladder->live_count] = (uint16_t)(slot - base);
    order->number = 0;
}

void flow_book_take(struct flow_book *book, uint32_t slot, uint64_t lots)
{
    struct flow_book_order *order = &book->orders[slot];
    ASSERT(order->number != 0);
    ASSERT(lots <= order->leaves);
    order->leaves -= lots;
    if (order->leaves == 0) {
        flow_book_remove(book, slot);
    }
}

const struct flow_book_order *flow_book_order(const struct flow_book *book, uint32_t slot)
{
    ASSERT(slot < book->instruments * FLOW_BOOK_ORDERS_MAX);
    return &book->orders[slot];
}

uint32_t flow_book_best(const struct flow_book *book, uint32_t instrument, enum side side)
{
    ASSERT(instrument < book->instruments);
    const struct ladder *ladder = &book->ladders[instrument];
    uint32_t tick = 0;
    if (!best_tick(ladder, side_index(side), &tick)) {
        return FLOW_BOOK_NONE;
    }
    ASSERT(ladder->levels[tick].first != 0);
    return ladder->levels[tick].first - 1;
}

uint32_t flow_book_live_count(const struct flow_book *book, uint32_t instrument)
{
    ASSERT(instrument < book->instruments);
    return book->ladders[instrument].live_count;
}

uint32_t flow_book_live(const struct flow_book *book, uint32_t instrument, uint32_t position)
{
    ASSERT(instrument < book->instruments);
    ASSERT(position < book->ladders[instrument].live_count);
    return instrument * FLOW_BOOK_ORDERS_MAX + book->ladders[instrument].live[position];
}
