/* Random commands for comparing the engine with the reference market: mostly sensible ones, since
 * the generator looks at the reference market, and every kind of bad one.
 *
 * The prices are few, the limits small and the clock uneven, so that books fill up, levels come and
 * go, sweeps cross many orders and days end. */
#ifndef TESTS_SUPPORT_MARKET_STREAM_H
#define TESTS_SUPPORT_MARKET_STREAM_H

#include "matching/base/random.h"
#include "tests/support/reference_market.h"

struct market_stream {
    struct random random;
    struct random openings;
    const struct reference_market *market;
    uint64_t now_ns;
    uint64_t request_id;
    struct command last; /* For repetitions. */
};

/* The limits that suit the generator. */
struct engine_limits market_stream_limits(void);

void market_stream_init(struct market_stream *stream, const struct reference_market *market,
                        uint64_t seed);

/* The next command. The first ones set up a market. The reference market must have executed the one
 * before. */
struct command market_stream_next(struct market_stream *stream);

/* Whether a term opens before the next command, at which time, and whether that was planned. */
bool market_stream_opens(struct market_stream *stream, uint64_t *timestamp_ns, bool *planned);

#endif
