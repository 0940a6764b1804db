/* The Bitstamp BTC/USD order events of the R package obAnalytics (rows `id,timestamp,
 * exchange.timestamp,price,volume,action,direction`, with that header) as what participants did to
 * the market, and as a weak oracle.
 *
 * Prices have 2 decimals, volumes are what is left, in 1e-8 BTC; timestamps are milliseconds.
 *   created   the order is entered with its volume. It comes before the order trades, so one that
 *             crosses shows its full size and is entered as it is.
 *   changed   of an order that is older than the file: entered with what is left. Else nothing: a
 *             trade, which the replay makes by itself.
 *   deleted   with volume 0: completely filled, nothing is done. Else the order is cancelled.
 * The executed volume of a created order is its volume less that of its last row. State of the book
 * before the first row and the order of events within a millisecond are not in the file, so a right
 * price-time replay reproduces most volumes, not all: 657 of the 756 orders that trade in the file
 * or in the replay. */
#ifndef TOOLS_BITSTAMP_H
#define TOOLS_BITSTAMP_H

#include <stdint.h>

#include "matching/base/status.h"
#include "tools/market_action.h"
#include "tools/text_file.h"

#define BITSTAMP_PRICE_DECIMALS    2u
#define BITSTAMP_QUANTITY_DECIMALS 8u

/* An order that was created in the file. */
struct bitstamp_order {
    uint64_t order_id;
    uint64_t executed; /* As recorded, in 1e-8 BTC. */
};

/* Order ids are the file's; times since its first row. Session and instrument are 0. An action may
 * cancel an order that the replay has filled already. */
struct bitstamp {
    struct market_action *actions;
    uint64_t action_count;
    struct bitstamp_order *orders; /* As they were created. */
    uint64_t order_count;
    uint64_t row_count;
    uint64_t older_count; /* Orders from before the file that were entered. */
};

/* Reads `path` (.csv, .csv.xz or .csv.zst). Statuses and `message` as lobster_load(). */
MUST_USE enum status bitstamp_load(struct bitstamp *bitstamp, const char *path,
                                   char message[static TEXT_FILE_MESSAGE_MAX]);
void bitstamp_destroy(struct bitstamp *bitstamp);

/* Compares with a replay, in which orders[i] executed `executed[i]`. `*compared`: orders that
 * traded in the file or in the replay; `*equal`: of those, with the same volume. */
void bitstamp_compare(const struct bitstamp *bitstamp, const uint64_t *executed, uint64_t *equal,
                      uint64_t *compared);

#endif
