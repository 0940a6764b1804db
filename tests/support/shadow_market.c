#include "tests/support/shadow_market.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/command_columns.h"
#include "tests/support/engine_bytes.h"

#define MARKET_COMMANDS 60u

struct session_store *shadow_market_streams(const struct shadow_market *market, const char *name)
{
    char path[TEST_PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/%s", market->fixture.directory, name);
    struct session_store_options options = {.path = path,
                                            .sessions_max = market->limits.sessions_max,
                                            .block_events = SESSION_STORE_BLOCK_EVENTS,
                                            .file_bytes_max = UINT64_C(1) << 30};
    struct session_store *store = NULL;
    enum status status = session_store_create(&store, &options);
    ASSERT(status == STATUS_OK);
    return store;
}

void shadow_market_make(struct shadow_market *market, const char *name, uint16_t shard_id,
                        uint64_t seed)
{
    memset(market, 0, sizeof *market);
    journal_fixture_make(&market->fixture, name);
    enum status status = journal_fixture_open(&market->fixture);
    ASSERT(status == STATUS_OK);
    market->shard_id = shard_id;
    market->limits = market_stream_limits();
    market->reference = calloc(1, sizeof *market->reference);
    market->scratch = calloc(1, command_columns_scratch_bytes());
    ASSERT(market->reference != NULL && market->scratch != NULL);
    reference_market_init(market->reference, &market->limits);
    market_stream_init(&market->stream, market->reference, seed);
    market->engine = engine_bytes_engine(&market->memory, &market->limits);
    market->streams = shadow_market_streams(market, "live-streams");
    status = codec_create(&market->codec, 1);
    ASSERT(status == STATUS_OK);
}

void shadow_market_free(struct shadow_market *market)
{
    session_store_destroy(market->streams);
    codec_destroy(market->codec);
    free(market->scratch);
    free(market->reference);
    free(market->memory);
    journal_fixture_free(&market->fixture);
}

static void market_apply(struct shadow_market *market, const struct command *command)
{
    static struct event events[EVENT_BATCH_MAX];
    struct event_batch batch = {.events = events, .capacity = EVENT_BATCH_MAX};
    enum status status = engine_apply(market->engine, command, &batch);
    for (;;) {
        for (uint32_t i = 0; i < batch.count; i++) {
            if (events[i].sequence > 0) {
                enum status appended = session_store_append(market->streams, &events[i]);
                ASSERT(appended == STATUS_OK);
                market->stream_events[market->log_index]++;
            }
        }
        if (status != STATUS_MORE) {
            break;
        }
        status = engine_resume(market->engine, &batch);
    }
    ASSERT(status == STATUS_OK);
}

/* Seal what continues the journal, its payload already behind the header, and make it durable. */
static void market_journal(struct shadow_market *market, struct segment *segment)
{
    struct journal_fixture *fixture = &market->fixture;
    struct journal_tail tail;
    journal_appended(fixture->journal, market->shard_id, &tail);
    segment->shard_id = market->shard_id;
    segment->cluster_id = JOURNAL_FIXTURE_CLUSTER;
    segment->term = 1;
    segment->log_index = tail.last_log_index + 1;
    segment->first_command_sequence = tail.next_command_sequence;
    memcpy(segment->previous_chain_hash, tail.last_chain_hash, SEGMENT_HASH_BYTES);
    segment_seal(segment, fixture->bytes, SEGMENT_BYTES_MAX, &fixture->signer);
    enum status status =
        journal_append(fixture->journal, fixture->bytes, segment, segment->base_timestamp_ns);
    ASSERT(status == STATUS_OK);
    journal_fixture_persist(fixture);
    ASSERT(segment->log_index < SHADOW_MARKET_SEGMENTS);
    market->log_index = segment->log_index;
    market->stream_events[market->log_index] = market->stream_events[market->log_index - 1];
}

static void market_note(struct shadow_market *market)
{
    market->checksums[market->log_index] = engine_checksum(market->engine);
    market->event_hashes[market->log_index] = engine_event_hash(market->engine);
}

static void market_segment(struct shadow_market *market)
{
    struct command commands[MARKET_COMMANDS];
    static uint8_t raw[SEGMENT_RAW_BYTES_MAX];
    uint32_t count = 1 + (uint32_t)random_below(&market->stream.random, MARKET_COMMANDS);
    uint64_t base_ns = 0;
    for (uint32_t i = 0; i < count; i++) {
        commands[i] = market_stream_next(&market->stream);
        /* All of a segment bear the time at which it is sealed; it never goes back. */
        base_ns = i == 0 ? market->stream.now_ns : base_ns;
        commands[i].timestamp_ns = base_ns;
        reference_market_apply(market->reference, &commands[i]);
    }
    size_t raw_bytes = 0;
    size_t stored_bytes = 0;
    enum codec codec = CODEC_STORED;
    command_columns_pack(raw, sizeof raw, &raw_bytes, commands, count, base_ns, market->scratch);
    codec_compress(market->codec, market->fixture.bytes + SEGMENT_HEADER_BYTES,
                   SEGMENT_STORED_BYTES_MAX, raw, raw_bytes, &codec, &stored_bytes);
    struct segment segment = {.command_count = count,
                              .base_timestamp_ns = base_ns,
                              .raw_bytes = (uint32_t)raw_bytes,
                              .stored_bytes = (uint32_t)stored_bytes,
                              .codec = (uint8_t)codec};
    market_journal(market, &segment);
    for (uint32_t i = 0; i < count; i++) {
        market_apply(market, &commands[i]);
    }
    market_note(market);
}

/* A leader comes anew, after an outage or by a transfer. */
static void market_opening(struct shadow_market *market, bool planned)
{
    uint64_t opened_ns = market->stream.now_ns;
    struct segment segment = {.flags = SEGMENT_OPENS_TERM, .codec = CODEC_STORED};
    segment.flags |= planned ? SEGMENT_PLANNED : 0;
    segment.base_timestamp_ns = opened_ns;
    market_journal(market, &segment);
    reference_market_opened(market->reference, opened_ns, planned);
    engine_term_opened(market->engine, opened_ns, planned);
    market_note(market);
}

void shadow_market_trade(struct shadow_market *market, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (market->log_index % 9 == 8) {
            market_opening(market, market->log_index % 2 == 0);
        } else {
            market_segment(market);
        }
    }
}

void shadow_market_placement(struct shadow_market *market, const char *text)
{
    struct segment segment = {.flags = SEGMENT_PLACEMENT,
                              .base_timestamp_ns = market->stream.now_ns,
                              .raw_bytes = (uint32_t)strlen(text),
                              .stored_bytes = (uint32_t)strlen(text),
                              .codec = CODEC_STORED};
    memcpy(market->fixture.bytes + SEGMENT_HEADER_BYTES, text, strlen(text));
    market_journal(market, &segment);
    market_note(market);
}
