/* Where a drill happens: a run directory with a fresh site, its market file, its log; made by the
 * same commands that an operator types. Blocking; every failure comes with a sentence. */
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
    char site[DRILL_PLACE_PATH_BYTES];    /* Made by `causeway init`. */
    char config[DRILL_PLACE_PATH_BYTES];  /* Its site.yaml. */
    char market[DRILL_PLACE_PATH_BYTES];  /* Market file; holds passwords: mode 0600. */
    char log[DRILL_PLACE_PATH_BYTES];     /* What causewayd says, over all its starts. */
    char tool[DRILL_PLACE_PATH_BYTES];    /* This program. */
    char program[DRILL_PLACE_PATH_BYTES]; /* causewayd, beside it. */
};

/* Make the directory (or empty one that a drill made before; any other content: STATUS_EXISTS) and
 * in it a site on free ports of 127.0.0.1. */
MUST_USE enum status drill_place_make(struct drill_place *place, const char *directory,
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

/* Write the market file: these instruments, `session_count` sessions named S00000 and so on with
 * random passwords, created in this order. */
MUST_USE enum status drill_place_market(const struct drill_place *place,
                                        const struct drill_instrument *instruments,
                                        uint32_t instrument_count, uint32_t session_count,
                                        char error[static DRILL_PLACE_ERROR_BYTES]);

/* Run `causeway ARGUMENTS...` (at most 8, NULL at the end) to its end; what it prints goes to the
 * file tool.log of the directory. STATUS_IO and its last line when its exit status is not 0. */
MUST_USE enum status drill_place_tool(const struct drill_place *place,
                                      const char *const arguments[],
                                      char error[static DRILL_PLACE_ERROR_BYTES]);

#endif
