/* Order flow without a file: the zero-intelligence model of Smith, Farmer, Gillemot and
 * Krishnamurthy
 * ("Statistical theory of the continuous double auction", Quantitative Finance 3, 2003, 481-514).
 *
 * Orders arrive at random and know nothing but the best opposite price. On each instrument, as
 * independent Poisson processes:
 *   - limit orders, buy or sell alike, at prices spread evenly over `band_ticks` from one tick
 *     behind the best opposite price on (the model's density alpha is rate / 2 / band);
 *   - market orders (here: immediate or cancel, with a limit a whole band away), rate mu;
 *   - each open order is cancelled with the same chance at any time, rate delta; a fitted part of
 *     the cancels are replaces: the order comes back with a new price and quantity.
 * Prices then do what no rule says: spreads, depth and volatility follow from these rates. Farmer,
 * Patelli and Zovko ("The predictive power of zero intelligence in financial markets", PNAS 102,
 * 2005, 2254-2259) measured the rates on real stocks, as flow_fit.h does; the parameters come from
 * two trading days of NASDAQ (flow_fitted.c has the numbers).
 *
 * Deterministic: the same options give the same actions. The generator keeps a view of the open
 * orders. Alone, it matches takes in that view. With `reported`, only what it is told about
 * executions changes the view. The first actions, at time 0, fill the books to their mean size. */
#ifndef TOOLS_FLOW_H
#define TOOLS_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "tools/market_action.h"

#define FLOW_INSTRUMENTS_MAX 4096u
#define FLOW_SIZES           64u /* Sizes that are equally likely: the quantiles of what was seen. */
#define FLOW_PRICE_DECIMALS  4u
#define FLOW_FITTED_COUNT    2u /* Sets of parameters that come with the program. */

struct flow_parameters {
    const char *name;
    double enter_rate;        /* Limit orders a second, replaces not counted. */
    double take_rate;         /* Incoming orders that trade, a second. */
    double cancel_rate;       /* Of one open order, a second; replaces included. */
    double replace_fraction;  /* Of the cancels. */
    double live_mean;         /* Open orders, mean over time: what the rates lead to. */
    double spread_ticks_mean; /* Best ask less best bid, mean over time: likewise. */
    uint32_t band_ticks;
    int64_t tick_size; /* In units of 10^-FLOW_PRICE_DECIMALS. */
    int64_t start_price;
    uint32_t enter_lots[FLOW_SIZES]; /* Rising. */
    uint32_t take_lots[FLOW_SIZES];
};

/* Fitted to GOOG (0) and AAPL (1) of 2012-06-21; static storage. */
const struct flow_parameters *flow_fitted(uint32_t index);

struct flow_options {
    uint64_t seed;
    uint32_t sessions;    /* From 1: whose an order is, is drawn evenly. */
    uint32_t instruments; /* 1 .. FLOW_INSTRUMENTS_MAX; the sets of parameters take turns. */
    bool reported;        /* flow_filled() will tell of all executions. */
    const struct flow_parameters *parameters; /* For all instruments; NULL: the fitted ones. */
};

struct flow;

/* STATUS_BAD_ARGUMENT: an option is out of range; STATUS_FULL: no memory. */
MUST_USE enum status flow_create(struct flow **flow, const struct flow_options *options);
void flow_destroy(struct flow *flow);

/* The next action; there is always one. Quantities of replaces are what is to be open; who sends
 * them in a protocol that counts what was executed before adds that. An order id's low 24 bits are
 * a slot that no two open orders share, so tables by slot stay bounded; ids are never used twice.
 * Takes have no slot: they count from MARKET_TAKE_ID. */
void flow_next(struct flow *flow, struct market_action *action);

#define FLOW_SLOTS_MAX (1u << 24)
static inline uint32_t flow_slot(uint64_t order_id)
{
    return (uint32_t)(order_id & (FLOW_SLOTS_MAX - 1));
}

/* `lots` of an order were executed. Orders that the view does not have (any more) are ignored. */
void flow_filled(struct flow *flow, uint64_t order_id, uint64_t lots);

/* An order is not open: rejected, cancelled by somebody else, or never there. Likewise. */
void flow_gone(struct flow *flow, uint64_t order_id);

/* Prices that instrument `instrument` may ever have, for whoever sets it up. */
void flow_price_range(const struct flow *flow, uint32_t instrument, int64_t *price_min,
                      int64_t *price_max);
int64_t flow_tick_size(const struct flow *flow, uint32_t instrument);

/* What the view has of an instrument now. */
struct flow_view {
    uint32_t live_count;
    bool bid_set;
    bool ask_set;
    int64_t bid_price;
    int64_t ask_price;
};
void flow_look(const struct flow *flow, uint32_t instrument, struct flow_view *view);

#endif
