/* One instrument's resting orders: price-time priority (rules.md 4).
 *
 * All books of a shard share one pool of orders and one of price levels (`struct book_space`). The
 * engine's thread owns everything. Orders are named by slot, sides of a book by index: 0 bids, 1
 * asks. What every order does is inline and, where a branch would be a coin toss, without one: slot
 * 0 of the pool takes what is written to the neighbour that is not there. */
#ifndef MATCHING_BOOK_H
#define MATCHING_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/assertion.h"
#include "matching/command.h"
#include "matching/order_pool.h"
#include "matching/price_levels.h"

#define BOOK_BIDS 0u
#define BOOK_ASKS 1u

/* Most open lots on one side of a book, so that sums over it never overflow. */
#define BOOK_LOTS_MAX (UINT64_MAX >> 1)

struct book_space {
    struct order_pool pool;
    struct price_levels levels;
};

struct book_side {
    uint64_t lots;      /* Open lots of all its orders. */
    int64_t best_price; /* Of level `best`, when there is one. */
    uint32_t best;      /* Highest bid or lowest ask. 0: the side is empty. */
    struct price_tree tree;
};

struct book {
    struct book_side sides[2];
};

/* An empty book; each has a number of its own. */
void book_open(struct book *book, const struct book_space *space, uint32_t number);

static inline uint32_t book_side_index(uint8_t side)
{
    return side == SIDE_BUY ? BOOK_BIDS : BOOK_ASKS;
}

/* Prices XORed with this compare the same way for bids and the other way round for asks: flipping
 * all bits reverses the order of signed integers. */
static inline int64_t book_reversed(uint32_t own)
{
    return -(int64_t)own;
}

/* Is `price` at least as good for a taker of the side `own` as the best one on the other? */
static inline bool book_crosses(const struct book *book, uint32_t own, int64_t price)
{
    const struct book_side *opposite = &book->sides[own ^ 1u];
    if (opposite->best == 0) {
        return false;
    }
    int64_t reversed = book_reversed(own);
    return (price ^ reversed) >= (opposite->best_price ^ reversed);
}

/* Is `price` better than another one for who stands on the side `own`? */
static inline bool book_better(uint32_t own, int64_t price, int64_t than)
{
    int64_t reversed = book_reversed(own);
    return (price ^ reversed) > (than ^ reversed);
}

/* The first order at a price makes its level; the last one takes it away. */
uint32_t book_level_add(struct book_side *side, struct book_space *space, uint32_t own,
                        uint64_t tick_number, int64_t price);
void book_level_remove(struct book_side *side, struct book_space *space, uint32_t index,
                       uint32_t own);

/* `yes` or `no`, without a branch that compilers are free to make of a conditional expression. */
static inline uint32_t book_choose(bool condition, uint32_t yes, uint32_t no)
{
    return no ^ ((yes ^ no) & -(uint32_t)condition);
}

/* Add an order behind all orders of its side and price (rules.md 4.1). `slot` comes from the pool,
 * is filled in but for its links, and is the book's until book_remove(). The price does not cross
 * (market_checksum() asserts it for whole books); asserts: leaves_lots > 0 and there is room
 * (book_has_room()). */
static inline void book_add(struct book *book, struct book_space *space, uint32_t slot,
                            int64_t price, uint64_t tick_number)
{
    struct order *order = &space->pool.orders[slot];
    uint32_t own = order->book_side;
    struct book_side *side = &book->sides[own];
    ASSERT(order->leaves_lots > 0);
    ASSERT(order->leaves_lots <= BOOK_LOTS_MAX - side->lots);

    uint32_t index = price_levels_find(&space->levels, &side->tree, tick_number, price);
    if (index == 0) {
        index = book_level_add(side, space, own, tick_number, price);
    }
    struct price_level *level = &space->levels.levels[index];
    ASSERT(level->price == price);
    order->level = index;
    uint32_t tail = level->tail;
    space->pool.links[slot] = (struct order_link){.next = 0, .previous = tail};
    space->pool.links[tail].next = slot;
    level->head = book_choose(level->head == 0, slot, level->head);
    level->tail = slot;
    level->lots += order->leaves_lots;
    side->lots += order->leaves_lots;
}

/* Could an order of this side, price and size rest, now or once it has traded? False when price
 * levels or BOOK_LOTS_MAX would not suffice. */
static inline bool book_has_room(const struct book *book, const struct book_space *space,
                                 uint32_t own, uint64_t tick_number, int64_t price, uint64_t lots)
{
    if (lots > BOOK_LOTS_MAX - book->sides[own].lots) {
        return false;
    }
    return space->levels.count < space->levels.count_max ||
           price_levels_find(&space->levels, &book->sides[own].tree, tick_number, price) != 0;
}

/* The same if the resting order `replaced`, of the same side, leaves before. */
bool book_has_room_without(const struct book *book, const struct book_space *space, uint32_t own,
                           uint64_t tick_number, int64_t price, uint64_t lots, uint32_t replaced);

/* Take a resting order out of the book; its slot stays the caller's to give back. */
static inline void book_remove(struct book *book, struct book_space *space, uint32_t slot)
{
    struct order_link *links = space->pool.links;
    const struct order *order = &space->pool.orders[slot];
    uint32_t own = order->book_side;
    struct book_side *side = &book->sides[own];
    uint32_t index = order->level;
    struct price_level *level = &space->levels.levels[index];
    ASSERT(level->lots >= order->leaves_lots);
    ASSERT(side->lots >= order->leaves_lots);

    level->lots -= order->leaves_lots;
    side->lots -= order->leaves_lots;
    uint32_t previous = links[slot].previous;
    uint32_t next = links[slot].next;
    ASSERT((previous == 0) == (level->head == slot));
    ASSERT((next == 0) == (level->tail == slot));
    links[previous].next = next;
    links[next].previous = previous;
    level->head = book_choose(previous == 0, next, level->head);
    level->tail = book_choose(next == 0, previous, level->tail);
    if (level->head == 0) {
        book_level_remove(side, space, index, own);
    }
}

/* Take lots off a resting order that keeps its place: fewer than it has. */
static inline void book_reduce(struct book *book, struct book_space *space, uint32_t slot,
                               uint64_t lots)
{
    struct order *order = &space->pool.orders[slot];
    struct price_level *level = &space->levels.levels[order->level];
    struct book_side *side = &book->sides[order->book_side];
    ASSERT(lots > 0);
    ASSERT(lots < order->leaves_lots);
    ASSERT(level->lots >= order->leaves_lots);

    order->leaves_lots -= lots;
    level->lots -= lots;
    side->lots -= lots;
}

/* Does the side opposite to `own` hold at least `lots` at prices that a taker with this limit
 * accepts? Looks at levels, best first, until it knows. */
bool book_holds(const struct book *book, const struct book_space *space, uint32_t own, bool limited,
                int64_t limit_price, uint64_t lots);

#endif
