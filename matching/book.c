#include "matching/book.h"

#include "matching/base/assertion.h"

void book_open(struct book *book, const struct book_space *space, uint32_t number)
{
    *book = (struct book){0};
    for (uint32_t own = 0; own < 2; own++) {
        price_levels_plant(&space->levels, &book->sides[own].tree, 2 * number + own);
    }
}

bool book_has_room_without(const struct book *book, const struct book_space *space, uint32_t own,
                           uint64_t tick_number, int64_t price, uint64_t lots, uint32_t replaced)
{
    const struct order *order = &space->pool.orders[replaced];
    const struct price_level *level = &space->levels.levels[order->level];
    ASSERT(replaced != 0);
    ASSERT(order->book_side == own);
    ASSERT(book->sides[own].lots >= order->leaves_lots);

    if (lots > BOOK_LOTS_MAX - (book->sides[own].lots - order->leaves_lots)) {
        return false;
    }
    return level->head == level->tail || space->levels.count < space->levels.count_max ||
           price_levels_find(&space->levels, &book->sides[own].tree, tick_number, price) != 0;
}

void book_level_remove(struct book_side *side, struct book_space *space, uint32_t index,
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

uint32_t book_level_add(struct book_side *side, struct book_space *space, uint32_t own,
                        uint64_t tick_number, int64_t price)
{
    uint32_t index = price_levels_add(&space->levels, &side->tree, tick_number, price);
    if (side->best == 0 || book_better(own, price, side->best_price)) {
        side->best = index;
        side->best_price = price;
    }
    return index;
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
