/* One instrument's resting orders: price-time priority (rules.md 4).
 *
 * All books of a shard share one pool of orders and one of price levels (`struct book_space`). The
 * engine's thread owns everything. Orders are named by slot, sides of a book by index: 0 bids, 1
 * asks. */
#ifndef MATCHING_BOOK_H
#define MATCHING_BOOK_H

#include <stdbool.h>
#include <stdint.h>

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

static inline uint32_t book_side_index(uint8_t side)
{
    return side == SIDE_BUY ? BOOK_BIDS : BOOK_ASKS;
}

/* Is `price` at least as good for a taker of the side `own` as the best one on the other? */
static inline bool book_crosses(const struct book *book, uint32_t own, int64_t price)
{
    const struct book_side *opposite = &book->sides[own ^ 1u];
    if (opposite->best == 0) {
        return false;
    }
    return own == BOOK_BIDS ? price >= opposite->best_price : price <= opposite->best_price;
}

/* Add an order behind all orders of its side and price (rules.md 4.1). `slot` comes from the pool,
 * is filled in but for its links, and is the book's until book_remove(). Asserts: leaves_lots > 0;
 * the price does not cross; there is room for its level (book_has_room()). */
void book_add(struct book *book, struct book_space *space, uint32_t slot, uint64_t tick_number);

/* Could an order of this side, price and size rest, now or once it has traded? Without `replaced`
 * (0: none), which leaves the same book before. False when price levels or BOOK_LOTS_MAX would not
 * suffice. */
bool book_has_room(const struct book *book, const struct book_space *space, uint32_t own,
                   uint64_t tick_number, uint64_t lots, uint32_t replaced);

/* Take a resting order out of the book; its slot stays the caller's to give back. */
void book_remove(struct book *book, struct book_space *space, uint32_t slot);

/* Take lots off a resting order that keeps its place: fewer than it has. */
void book_reduce(struct book *book, struct book_space *space, uint32_t slot, uint64_t lots);

/* Does the side opposite to `own` hold at least `lots` at prices that a taker with this limit
 * accepts? Looks at levels, best first, until it knows. */
bool book_holds(const struct book *book, const struct book_space *space, uint32_t own, bool limited,
                int64_t limit_price, uint64_t lots);

#endif
