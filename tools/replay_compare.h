/* Compares the executions of a replay with those that the exchange recorded: as a set for each
 * incoming order, by resting order, price and quantity. */
#ifndef TOOLS_REPLAY_COMPARE_H
#define TOOLS_REPLAY_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "tools/market_action.h"

#define REPLAY_COMPARE_MISMATCHES_MAX 10u

/* One way in which the two differ. */
struct replay_mismatch {
    uint64_t line;       /* Of the file; 0 when the file has no such execution. */
    uint64_t take_id;    /* The incoming order. */
    uint64_t resting_id; /* 0: this side was never told. */
    int64_t price;
    uint64_t recorded;     /* Quantity that the exchange recorded; 0: none. */
    uint64_t executed;     /* Quantity that was executed here; 0: none. */
    uint64_t match_number; /* Here; 0: none. */
};

struct replay_result {
    uint64_t recorded;   /* Executions in the file. */
    uint64_t reproduced; /* Of those, executed here just so. */
    uint64_t executed;   /* Executions here. */
    uint64_t unexpected; /* Of those, not recorded just so. */
    uint32_t mismatch_count;
    struct replay_mismatch mismatches[REPLAY_COMPARE_MISMATCHES_MAX]; /* The first ones. */
};

struct replay_compare;

/* `fills` stay the caller's and must outlive the comparison. STATUS_FULL: no memory. */
MUST_USE enum status replay_compare_create(struct replay_compare **compare,
                                           const struct market_fill *fills, uint64_t fill_count);
void replay_compare_destroy(struct replay_compare *compare);

/* One side of an execution here: `order_id` is the source's; `added`: it was the resting side.
 * STATUS_FULL: no memory. */
MUST_USE enum status replay_compare_side(struct replay_compare *compare, uint64_t match_number,
                                         uint64_t order_id, bool added, int64_t price,
                                         uint64_t quantity);

/* Executions so far, one side of each is enough. */
uint64_t replay_compare_executed(const struct replay_compare *compare);

/* What each of `ids` executed, resting or incoming, into `volumes`. STATUS_FULL: no memory. */
MUST_USE enum status replay_compare_volumes(const struct replay_compare *compare,
                                            const uint64_t *ids, uint32_t count, uint64_t *volumes);

/* Compare all. STATUS_FULL: no memory. */
MUST_USE enum status replay_compare_close(struct replay_compare *compare,
                                          struct replay_result *result);

#endif
