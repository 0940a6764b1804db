#include "matching/book.h"

#include "matching/base/assertion.h"

static bool book_better(uint32_t own, int64_t price, int64_t than)
{
    return own == BOOK_BIDS ? price > than : price < than;
}

void book_add(struct book *book, struct book_space *space, uint32_t slot, uint64_t tick_number)
{
    struct order *order = &space->pool.orders[slot];
    uint32_t own = book_side_index(order->side);
    struct book_side *side = &book->sides[own];
    ASSERT(order->leaves_lots > 0);
    ASSERT(order->leaves_lots <= BOOK_LOTS_MAX - side->lots);
    ASSERT(!book_crosses(book, own, order->price));

    uint32_t index = price_levels_find(&space->levels, &side->tree, tick_number);
    if (index == 0) {
        index = price_levels_add(&space->levels, &side->tree, tick_number, order->price);
        if (side->best == 0 || book_better(own, order->price, side->best_price)) {
            side->best = index;
            side->best_price = order->price;
        }
    }
    struct price_level *level = &space->levels.levels[index];
    ASSERT(level->price == order->price);
    order->level = index;
    order->next = 0;
    order->previous = level->tail;
    if (level->tail != 0) {
        space->pool.orders[level->tail].next = slot;
    } else {
        level->head = slot;
    }
    level->tail = slot;
    level->lots += order->leaves_lots;
    side->lots += order->leaves_lots;
}

bool book_has_room(const struct book *book, const struct book_space *space, uint32_t own,
                   uint64_t tick_number, uint64_t lots, uint32_t replaced)
{
    const struct book_side *side = &book->sides[own];
    const struct price_levels *levels = &space->levels;
    uint64_t side_lots = side->lots;
    bool level_free = levels->count < levels->count_max;
    if (replaced != 0) {
        const struct order *order = &space->pool.orders[replaced];
        const struct price_level *level = &levels->levels[order->level];
        ASSERT(book_side_index(order->side) == own);
        ASSERT(side_lots >= order->leaves_lots);
        side_lots -= order->leaves_lots;
        level_free |= level->head == level->tail;
    }
    if (lots > BOOK_LOTS_MAX - side_lots) {
        return false;
    }
    return level_free || price_levels_find(levels, &side->tree, tick_number) != 0;
}

/* The last order of a level is gone: so is the level. */
static void book_level_remove(struct book_side *side, struct book_space *space, uint32_t index,
                              uint32_t own)
{
    if (side->best == index) {
        side->best = price_levels_next(&space->levels, index, own == BOOK_ASKS);
        if (side->best != 0) {
            side->best_price = space->levels.levels[side->best].price;
        }
    }
    price_levels_remove(&space->levels, &side->tree, index);
    ASSERT((side->best == 0) == (side->tree.root == 0));
}

void book_remove(struct book *book, struct book_space *space, uint32_t slot)
{
    struct order *orders = space->pool.orders;
    const struct order *order = &orders[slot];
    uint32_t own = book_side_index(order->side);
    struct book_side *side = &book->sides[own];
    uint32_t index = order->level;
    struct price_level *level = &space->levels.levels[index];
    ASSERT(level->lots >= order->leaves_lots);
    ASSERT(side->lots >= order->leaves_lots);

    level->lots -= order->leaves_lots;
    side->lots -= order->leaves_lots;
    if (order->previous != 0) {
        orders[order->previous].next = order->next;
    } else {
        ASSERT(level->head == slot);
        level->head = order->next;
    }
    if (order->next != 0) {
        orders[order->next].previous = order->previous;
    } else {
        ASSERT(level->tail == slot);
        level->tail = order->previous;
    }
    if (level->head == 0) {
        book_level_remove(side, space, index, own);
    }
}

void book_reduce(struct book *book, struct book_space *space, uint32_t slot, uint64_t lots)
{
    struct order *order = &space->pool.orders[slot];
    struct price_level *level = &space->levels.levels[order->level];
    struct book_side *side = &book->sides[book_side_index(order->side)];
    ASSERT(lots > 0);
    ASSERT(lots < order->leaves_lots);
    ASSERT(level->lots >= order->leaves_lots);

    order->leaves_lots -= lots;
    level->lots -= lots;
    side->lots -= lots;
}

bool book_holds(const struct book *book, const struct book_space *space, uint32_t own, bool limited,
                int64_t limit_price, uint64_t lots)
{
    const struct book_side *opposite = &book->sides[own ^ 1u];
    uint64_t found_lots = 0;
    uint32_t index = opposite->best;
    while (found_lots < lots && index != 0) {
        const struct price_level *level = &space->levels.levels[index];
        if (limited && book_better(own ^ 1u, limit_price, level->price)) {
            return false;
        }
        found_lots += level->lots;
        ASSERT(found_lots <= BOOK_LOTS_MAX);
        index = price_levels_next(&space->levels, index, own == BOOK_BIDS);
    }
    return found_lots >= lots;
}
