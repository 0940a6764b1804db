/* A recorded day (LOBSTER or Bitstamp file) ready to be traded again, and what to compare with. */
#ifndef TOOLS_REPLAY_DAY_H
#define TOOLS_REPLAY_DAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "matching/base/status.h"
#include "tools/bitstamp.h"
#include "tools/lobster.h"
#include "tools/replay_compare.h"

#define REPLAY_DAY_ERROR_BYTES 1024u

enum replay_day_format { REPLAY_DAY_LOBSTER, REPLAY_DAY_BITSTAMP };

struct replay_day {
    enum replay_day_format format;
    const char *path; /* The caller's. */
    char symbol[9];   /* Of the file's name: "GOOG_2012-06-21_..." is GOOG. Empty: it has none. */
    struct lobster lobster;
    struct bitstamp bitstamp;
    struct market_action *actions; /* Of one of them. */
    uint64_t action_count;
    const struct market_fill *fills; /* NULL with Bitstamp. */
    uint64_t fill_count;
    uint32_t price_decimals;
    uint32_t quantity_decimals;
};

struct replay_day_result {
    struct replay_result fills; /* LOBSTER. */
    uint64_t orders_compared;   /* Bitstamp: orders that traded, there or here; */
    uint64_t orders_equal;      /* of those, with the same volume. */
};

/* Reads and converts the file; every action is for `instrument`. `rule_5`: lobster.h. */
MUST_USE enum status replay_day_load(struct replay_day *day, enum replay_day_format format,
                                     const char *path, bool rule_5,
                                     char error[static REPLAY_DAY_ERROR_BYTES]);
void replay_day_free(struct replay_day *day);

/* All actions are for this instrument of the market. */
void replay_day_instrument(struct replay_day *day, uint32_t instrument);

/* After the replay. STATUS_FULL: no memory. */
MUST_USE enum status replay_day_compare(const struct replay_day *day,
                                        struct replay_compare *compare,
                                        struct replay_day_result *result);

/* Whether everything that can be compared exactly is as recorded. Bitstamp's file cannot: true. */
bool replay_day_reproduced(const struct replay_day *day, const struct replay_day_result *result);

/* The figure, and the first mismatches with their lines. */
void replay_day_print(const struct replay_day *day, const struct replay_day_result *result,
                      FILE *out);

#endif
