/* LOBSTER message files (lobsterdata.com; rows `time,type,order_id,size,price,direction`) as what
 * participants did to the market, and the executions that the exchange recorded.
 *
 * The file shows the best levels of a book only, and no incoming order that traded, so what was
 * done has to be concluded:
 *  1. A type-1 row whose id is below the highest type-1 id so far marks its timestamp as a burst.
 *     All type-1 rows of that timestamp are early orders, as is every id that has no type-1 row.
 *  2. Each early order is entered just before the first ordinary type-1 row with a greater id, but
 *     not after its own first row, and not after the next greater early id. Its size is the larger
 *     of its type-1 size and the sum of its type-2, 3 and 4 sizes.
 *  3. Neighbouring type-4 rows with the same timestamp and direction (type 5 in between is skipped)
 *     are one incoming immediate-or-cancel order of the other side: quantity = their sum, limit =
 *     their worst price.
 *  4. After the last row of an id, what is left of it is cancelled (it was deleted out of sight).
 *  5. If an order ahead in the queue did not trade though it had to, it is cancelled and entered
 *     again with the same id just before the incoming order.
 *  6. Type 2 reduces and keeps priority; type 3 cancels; types 5 (hidden), 6 (auction) and 7 (halt)
 *     are skipped.
 * A right engine then reproduces every recorded execution: no entered order trades on entry, no
 * incoming one has a remainder, and the book is empty at the end. */
#ifndef TOOLS_LOBSTER_H
#define TOOLS_LOBSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "tools/market_action.h"

#define LOBSTER_PRICE_DECIMALS 4u /* Prices are in units of 1/10,000 dollar, quantities shares. */
#define LOBSTER_MESSAGE_MAX    512u

/* A row where the exchange itself left price-time order (rule 5). */
struct lobster_exception {
    uint64_t line;
    uint64_t order_id; /* Passed over. */
};

/* Order ids are the file's; takes count from MARKET_TAKE_ID + 1. Times are since midnight. Session
 * and instrument are 0. */
struct lobster {
    struct market_action *actions;
    uint64_t action_count;
    struct market_fill *fills; /* In the order of the takes; one for each resting order. */
    uint64_t fill_count;
    struct lobster_exception *exceptions;
    uint64_t exception_count;
    uint64_t row_count;
    uint64_t unmatched_takes; /* That a price-time book does not fill as recorded. */
};

/* Reads and converts `path` (.csv, .csv.xz or .csv.zst). `rule_5` false leaves rule 5 out, to show
 * what it is worth. On success the caller calls lobster_destroy(). Else `message` says what is
 * wrong with which line: STATUS_BAD_FORMAT; STATUS_NOT_FOUND, STATUS_DENIED, STATUS_IO,
 * STATUS_FULL. */
MUST_USE enum status lobster_load(struct lobster *lobster, const char *path, bool rule_5,
                                  char message[static LOBSTER_MESSAGE_MAX]);
void lobster_destroy(struct lobster *lobster);

#endif
