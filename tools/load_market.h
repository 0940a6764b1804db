/* Market files for generated order flow: instruments whose prices and quantities take what the
 * generator (flow.h) makes, and sessions with random passwords. */
#ifndef TOOLS_LOAD_MARKET_H
#define TOOLS_LOAD_MARKET_H

#include <stdint.h>

#include "matching/base/status.h"
#include "tools/flow.h"
#include "tools/market_file.h"

#define LOAD_MARKET_ERROR_BYTES 512u

struct load_market_options {
    uint32_t sessions;          /* L00001, L00002, ... of firm LOAD. */
    uint32_t instruments;       /* Generated flow: LOAD0001, LOAD0002, ... */
    const char *symbol;         /* One more instrument for a recorded day, or NULL: */
    uint32_t price_decimals;    /* of this one; */
    uint32_t quantity_decimals; /* likewise. */
};

/* Write a market file, mode 0600: it holds passwords. An existing file is replaced. On failure
 * `error` holds a sentence. */
MUST_USE enum status load_market_write(const char *path, const struct load_market_options *options,
                                       char error[static LOAD_MARKET_ERROR_BYTES]);

/* Whether the first `instruments` of a shard take what `flow` makes. STATUS_BAD_ARGUMENT: `error`
 * says which does not, and why. */
MUST_USE enum status load_market_check(const struct market_file_shard *shard,
                                       const struct flow *flow, uint32_t instruments,
                                       char error[static LOAD_MARKET_ERROR_BYTES]);

#endif
