/* What has to be done so that a site's market becomes as a market file says: one step an object,
 * each with the command for it, or none when it is so already. */
#ifndef TOOLS_MARKET_PLAN_H
#define TOOLS_MARKET_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"
#include "tools/market_file.h"

#define MARKET_PLAN_ERROR_BYTES 512u
#define MARKET_PLAN_NAME_BYTES  12u
#define MARKET_PLAN_DIFF_BYTES  480u

enum market_plan_kind {
    MARKET_PLAN_FIRM,
    MARKET_PLAN_INSTRUMENT,
    MARKET_PLAN_SESSION,
    MARKET_PLAN_SHARD,
};

struct market_plan_step {
    enum market_plan_kind kind;
    char name[MARKET_PLAN_NAME_BYTES];
    uint16_t shard_id;
    bool exists;
    bool needed;                          /* `command` has to be sent. */
    char changes[MARKET_PLAN_DIFF_BYTES]; /* "tick 0.01 -> 0.05, password"; empty for a new one. */
    struct command command; /* Its input_number (request id) is the sender's to choose. */
};

struct market_plan {
    struct market_plan_step *steps; /* In the order to take them: firms before their sessions. */
    uint32_t count;
};

const char *market_plan_kind_text(enum market_plan_kind kind);

/* `market` is the answer to GET /market. Derives password hashes, some milliseconds each.
 * STATUS_NOT_FOUND: no such shard; STATUS_BAD_ARGUMENT: a new session without a password;
 * STATUS_BAD_FORMAT: `market` is not such an answer; STATUS_FULL: no memory. `error` gets a
 * sentence. */
MUST_USE enum status market_plan_make(struct market_plan *plan, const struct market_file *file,
                                      const json_t *market,
                                      char error[static MARKET_PLAN_ERROR_BYTES]);

/* Set the trading state of the instruments named (all of all shards when count is 0).
 * STATUS_NOT_FOUND: one is on no shard. */
MUST_USE enum status market_plan_states(struct market_plan *plan, enum trading_state state,
                                        char *const *symbols, uint32_t count, const json_t *market,
                                        char error[static MARKET_PLAN_ERROR_BYTES]);

void market_plan_free(struct market_plan *plan);

#endif
