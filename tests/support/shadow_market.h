/* A live market behind a real journal, for tests of snapshots: random commands are sealed into
 * segments, journaled, and executed by an engine and session streams, as a shard and a site would
 * do it; what they had come to at each log index is remembered. */
#ifndef TESTS_SUPPORT_SHADOW_MARKET_H
#define TESTS_SUPPORT_SHADOW_MARKET_H

#include "gateway/session_store.h"
#include "matching/engine.h"
#include "replication/codec.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/market_stream.h"

#define SHADOW_MARKET_SEGMENTS 1024u

struct shadow_market {
    struct journal_fixture fixture;
    uint16_t shard_id;
    struct reference_market *reference;
    struct market_stream stream;
    struct engine_limits limits;
    void *memory;
    struct engine *engine;
    struct session_store *streams;
    struct codec_context *codec;
    void *scratch;
    uint64_t log_index;
    uint64_t checksums[SHADOW_MARKET_SEGMENTS]; /* By log index. */
    uint64_t event_hashes[SHADOW_MARKET_SEGMENTS];
    uint64_t stream_events[SHADOW_MARKET_SEGMENTS]; /* Ever appended to the streams. */
};

/* With a directory on a real disk, in which the streams lie, too. */
void shadow_market_make(struct shadow_market *market, const char *name, uint16_t shard_id,
                        uint64_t seed);
void shadow_market_free(struct shadow_market *market);

/* `count` segments more, of up to 60 commands each, durable and executed. */
void shadow_market_trade(struct shadow_market *market, uint32_t count);
/* A segment that holds a membership: these bytes. */
void shadow_market_placement(struct shadow_market *market, const char *text);

/* A new session store of these limits in the market's directory. */
struct session_store *shadow_market_streams(const struct shadow_market *market, const char *name);

#endif
