#include "tools/plain_book.h"

#include <stdlib.h>

#include "matching/base/assertion.h"

struct plain_level {
    int64_t price;
    uint32_t first; /* Orders in time priority. */
    uint32_t last;
    struct plain_level *better;
    struct plain_level *worse;
};

struct plain_order {
    struct plain_level *level; /* NULL: not in the book. */
    uint64_t leaves;
    uint32_t before;
    uint32_t after;
    enum side side;
};

struct plain_book {
    uint32_t orders_max;
    struct plain_order *orders;
    struct plain_level *levels; /* As many as orders: each may have its own price. */
    struct plain_level *free;
    struct plain_level *best[2]; /* Buy, sell. */
};

static uint32_t side_index(enum side side)
{
    ASSERT(side == SIDE_BUY || side == SIDE_SELL);
    return side == SIDE_BUY ? 0 : 1;
}

enum status plain_book_create(struct plain_book **target, uint32_t orders_max)
{
    ASSERT(orders_max > 0);
    ASSERT(orders_max < PLAIN_BOOK_NONE);
    struct plain_book *book = calloc(1, sizeof *book);
    if (book == NULL) {
        return STATUS_FULL;
    }
    book->orders_max = orders_max;
    book->orders = calloc(orders_max, sizeof *book->orders);
    book->levels = calloc(orders_max, sizeof *book->levels);
    if (book->orders == NULL || book->levels == NULL) {
        plain_book_destroy(book);
        return STATUS_FULL;
    }
    for (uint32_t index = 0; index < orders_max; index++) {
        book->levels[index].worse = book->free;
        book->free = &book->levels[index];
    }
    *target = book;
    return STATUS_OK;
}

void plain_book_destroy(struct plain_book *book)
{
    if (book != NULL) {
        free(book->orders);
        free(book->levels);
        free(book);
    }
}

bool plain_book_crosses(enum side side, int64_t limit, int64_t price)
{
    ASSERT(side == SIDE_BUY || side == SIDE_SELL);
    return side == SIDE_BUY ? price <= limit : price >= limit;
}

/* The level of `price`, made where it belongs when it is not there. */
static struct plain_level *level_of(struct plain_book *book, enum side side, int64_t price)
{
    struct plain_level *better = NULL;
    struct plain_level *worse = book->best[side_index(side)];
    while (worse != NULL && (side == SIDE_BUY ? worse->price > price : worse->price < price)) {
        better = worse;
        worse = worse->worse;
    }
    if (worse != NULL && worse->price == price) {
        return worse;
    }
    struct plain_level *level = book->free;
    ASSERT(level != NULL);
    book->free = level->worse;
    *level = (struct plain_level){.price = price,
                                  .first = PLAIN_BOOK_NONE,
                                  .last = PLAIN_BOOK_NONE,
                                  .better = better,
                                  .worse = worse};
    if (better != NULL) {
        better->worse = level;
    } else {
        book->best[side_index(side)] = level;
    }
    if (worse != NULL) {
        worse->better = level;
    }
    return level;
}

void plain_book_add(struct plain_book *book, uint32_t order, enum side side, int64_t price,
                    uint64_t quantity)
{
    ASSERT(order < book->orders_max);
    ASSERT(quantity > 0);
    struct plain_order *added = &book->orders[order];
    ASSERT(added->level == NULL);
    struct plain_level *level = level_of(book, side, price);
    *added = (struct plain_order){.level = level,
                                  .leaves = quantity,
                                  .before = level->last,
                                  .after = PLAIN_BOOK_NONE,
                                  .side = side};
    if (level->last == PLAIN_BOOK_NONE) {
        level->first = order;
    } else {
        book->orders[level->last].after = order;
    }
    level->last = order;
}

static void level_remove(struct plain_book *book, enum side side, struct plain_level *level)
{
    ASSERT(level->first == PLAIN_BOOK_NONE);
    ASSERT(level->last == PLAIN_BOOK_NONE);
    if (level->better != NULL) {
        level->better->worse = level->worse;
    } else {
        book->best[side_index(side)] = level->worse;
    }
    if (level->worse != NULL) {
        level->worse->better = level->better;
    }
    level->worse = book->free;
    book->free = level;
}

void plain_book_take(struct plain_book *book, uint32_t order, uint64_t quantity)
{
    ASSERT(order < book->orders_max);
    struct plain_order *taken = &book->orders[order];
    ASSERT(taken->level != NULL);
    ASSERT(quantity <= taken->leaves);
    taken->leaves -= quantity;
    if (taken->leaves > 0) {
        return;
    }
    struct plain_level *level = taken->level;
    taken->level = NULL;
    if (taken->before == PLAIN_BOOK_NONE) {
        level->first = taken->after;
    } else {
        book->orders[taken->before].after = taken->after;
    }
    if (taken->after == PLAIN_BOOK_NONE) {
        level->last = taken->before;
    } else {
        book->orders[taken->after].before = taken->before;
    }
    if (level->first == PLAIN_BOOK_NONE) {
        level_remove(book, taken->side, level);
    }
}

uint64_t plain_book_leaves(const struct plain_book *book, uint32_t order)
{
    ASSERT(order < book->orders_max);
    const struct plain_order *found = &book->orders[order];
    ASSERT((found->level == NULL) == (found->leaves == 0));
    return found->leaves;
}

int64_t plain_book_price(const struct plain_book *book, uint32_t order)
{
    ASSERT(order < book->orders_max);
    ASSERT(book->orders[order].level != NULL);
    return book->orders[order].level->price;
}

uint32_t plain_book_best(const struct plain_book *book, enum side side)
{
    const struct plain_level *level = book->best[side_index(side)];
    return level == NULL ? PLAIN_BOOK_NONE : level->first;
}

uint32_t plain_book_after(const struct plain_book *book, uint32_t order)
{
    ASSERT(order < book->orders_max);
    const struct plain_order *found = &book->orders[order];
    ASSERT(found->level != NULL);
    if (found->after != PLAIN_BOOK_NONE) {
        return found->after;
    }
    return found->level->worse == NULL ? PLAIN_BOOK_NONE : found->level->worse->first;
}

uint32_t plain_book_meets(const struct plain_book *book, enum side side, int64_t limit)
{
    uint32_t best = plain_book_best(book, side == SIDE_BUY ? SIDE_SELL : SIDE_BUY);
    if (best == PLAIN_BOOK_NONE || !plain_book_crosses(side, limit, plain_book_price(book, best))) {
        return PLAIN_BOOK_NONE;
    }
    return best;
}
