/* A plain price-time book for tools: what recorded data is compared with. Slow, obvious, and
 * without any code of the engine, so that a mistake there is not repeated here.
 *
 * Orders are indexes that the caller gives out (id_map.h). */
#ifndef TOOLS_PLAIN_BOOK_H
#define TOOLS_PLAIN_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"

#define PLAIN_BOOK_NONE UINT32_MAX

struct plain_book;

/* For orders 0 .. orders_max - 1. STATUS_FULL: no memory. */
MUST_USE enum status plain_book_create(struct plain_book **book, uint32_t orders_max);
void plain_book_destroy(struct plain_book *book);

/* Behind all orders of its side (SIDE_BUY, SIDE_SELL) and price. Asserts: not in the book,
 * quantity > 0. */
void plain_book_add(struct plain_book *book, uint32_t order, enum side side, int64_t price,
                    uint64_t quantity);

/* Takes `quantity` off an order, which leaves the book when nothing is left. Asserts: it has that
 * much. */
void plain_book_take(struct plain_book *book, uint32_t order, uint64_t quantity);

/* What is open of an order; 0 when it is not in the book. */
uint64_t plain_book_leaves(const struct plain_book *book, uint32_t order);
int64_t plain_book_price(const struct plain_book *book, uint32_t order);

/* The order that trades first on a side, and the one after it; PLAIN_BOOK_NONE when there is none.
 */
uint32_t plain_book_best(const struct plain_book *book, enum side side);
uint32_t plain_book_after(const struct plain_book *book, uint32_t order);

/* The order that an incoming one of `side` with limit `limit` trades with first; PLAIN_BOOK_NONE
 * when there is none. */
uint32_t plain_book_meets(const struct plain_book *book, enum side side, int64_t limit);

/* Whether an incoming order of `side` with limit `limit` would trade at `price`. */
bool plain_book_crosses(enum side side, int64_t limit, int64_t price);

#endif
