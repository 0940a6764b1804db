/* Where a drill happens: a run directory with fresh sites, their logs, and the market file; made by
 * the same commands that an operator types. Blocking; every failure comes with a sentence. */
#ifndef TOOLS_DRILL_PLACE_H
#define TOOLS_DRILL_PLACE_H

#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"

#define DRILL_PLACE_PATH_BYTES  640u
#define DRILL_PLACE_ERROR_BYTES 1024u
#define DRILL_PLACE_CLUSTER     "drill"

struct drill_place {
    char directory[DRILL_PLACE_PATH_BYTES];
    char market[DRILL_PLACE_PATH_BYTES];  /* Market file; holds passwords: mode 0600. */
    char tool[DRILL_PLACE_PATH_BYTES];    /* This program. */
    char program[DRILL_PLACE_PATH_BYTES]; /* causewayd, beside it. */
};

/* Make the directory, or empty one that a drill made before; any other content: STATUS_EXISTS. */
MUST_USE enum status drill_place_make(struct drill_place *place, const char *directory,
                                      char error[static DRILL_PLACE_ERROR_BYTES]);

/* A site in it, made by `causeway init`. */
struct drill_place_site {
    char directory[DRILL_PLACE_PATH_BYTES]; /* DIRECTORY/NAME. */
    char config[DRILL_PLACE_PATH_BYTES];    /* Its site.yaml. */
    char
        log[DRILL_PLACE_PATH_BYTES]; /* DIRECTORY/NAME.log: what causewayd says, over all starts. */
};

/* `ouch` and `admin`: "address:port", or NULL for free ports of 127.0.0.1. `wal`: size of the
 * journal's ring, or NULL for the usual one. */
MUST_USE enum status drill_place_site_make(const struct drill_place *place,
                                           struct drill_place_site *site, const char *name,
                                           const char *provider, const char *ouch,
                                           const char *admin, const char *wal,
                                           char error[static DRILL_PLACE_ERROR_BYTES]);

/* An instrument of the drill's market; prices in units of 10^-price_decimals. */
struct drill_instrument {
    char symbol[SYMBOL_BYTES + 1];
    int64_t tick_size;
    int64_t price_min;
    int64_t price_max;
    uint64_t quantity_max;
    uint32_t price_decimals;
    uint32_t quantity_decimals;
};

/* What a shard's market has. */
struct drill_shard {
    const struct drill_instrument *instruments;
    uint32_t instrument_count;
    uint32_t session_first; /* Number of its first session: names differ over all shards. */
    uint32_t session_count;
};

/* Write the market file for shards 1, 2, ...: their instruments, their sessions named S00000 and so
 * on with random passwords, created in this order. */
MUST_USE enum status drill_place_market(const struct drill_place *place,
                                        const struct drill_shard *shards, uint32_t shard_count,
                                        char error[static DRILL_PLACE_ERROR_BYTES]);

/* Run `causeway ARGUMENTS...` (at most 14, NULL at the end) to its end; what it prints goes to the
 * file tool.log of the directory. STATUS_IO and its last line when its exit status is not 0. */
MUST_USE enum status drill_place_tool(const struct drill_place *place,
                                      const char *const arguments[],
                                      char error[static DRILL_PLACE_ERROR_BYTES]);

#endif
