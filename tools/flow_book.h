/* The flow generator's view of the open orders of many instruments: fast, and only as exact as what
 * it is told. Prices are ticks on a ladder of fixed height; orders are slots of bounded number. */
#ifndef TOOLS_FLOW_BOOK_H
#define TOOLS_FLOW_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"

#define FLOW_BOOK_TICKS      8192u /* Price levels of an instrument. */
#define FLOW_BOOK_ORDERS_MAX 4096u /* Open orders of an instrument. */
#define FLOW_BOOK_NONE       UINT32_MAX

struct flow_book;

struct flow_book_order {
    uint64_t leaves;
    uint64_t number; /* The caller's; 0: the slot is free. */
    uint32_t session;
    uint16_t instrument;
    uint16_t tick;
    uint8_t side;     /* SIDE_BUY or SIDE_SELL. */
    uint16_t live_at; /* Position in its instrument's list of open orders. */
    uint32_t before;  /* Neighbours at its price, in time order. */
    uint32_t after;
};

/* Memory is taken at once, but costs nothing until it is used. STATUS_FULL: there is none. */
MUST_USE enum status flow_book_create(struct flow_book **book, uint32_t instruments);
void flow_book_destroy(struct flow_book *book);

/* Behind all others of its price. Returns the slot, below instruments * FLOW_BOOK_ORDERS_MAX;
 * FLOW_BOOK_NONE when the instrument has no room. Sets all but what is in the arguments itself. */
uint32_t flow_book_add(struct flow_book *book, const struct flow_book_order *order);

void flow_book_remove(struct flow_book *book, uint32_t slot);

/* Takes `lots` off; removes the order when nothing is left. Asserts: it has that much. */
void flow_book_take(struct flow_book *book, uint32_t slot, uint64_t lots);

/* The order in a slot. Asserts: there is one, or there was. */
const struct flow_book_order *flow_book_order(const struct flow_book *book, uint32_t slot);

/* First order at the best price of a side; FLOW_BOOK_NONE when the side is empty. */
uint32_t flow_book_best(const struct flow_book *book, uint32_t instrument, enum side side);

uint32_t flow_book_live_count(const struct flow_book *book, uint32_t instrument);
/* Slot of the open order at `position`, below flow_book_live_count(); in no particular order. */
uint32_t flow_book_live(const struct flow_book *book, uint32_t instrument, uint32_t position);

#endif
