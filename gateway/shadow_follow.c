/* What the shadow's thread does for a shard: load, execute, compare, write. */
#include <string.h>

#include "gateway/shadow_inside.h"
#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"
#include "replication/io/pages.h"

static void follow_stop(struct shadow *shadow, struct shadow_shard *shard,
                        enum shadow_report_kind kind, enum status status, uint64_t log_index)
{
    const struct shadow_report report = {.kind = kind,
                                         .shard_id = shard->options.shard_id,
                                         .status = status,
                                         .log_index = log_index};
    ASSERT(shard->following.phase != SHADOW_STOPPED);
    shard->following.phase = SHADOW_STOPPED;
    atomic_store_explicit(&shard->follows, false, memory_order_release);
    shadow_tell(shadow, shard, &report);
}

void shadow_follow_release(struct shadow_shard *shard)
{
    struct shadow_following *following = &shard->following;
    session_store_destroy(following->streams);
    following->streams = NULL;
    pages_give(following->memory, following->memory_bytes);
    following->memory = NULL;
    following->engine = NULL;
}

/* A new, empty engine and empty streams, at the very beginning of the log. */
static enum status follow_fresh(struct shadow_shard *shard)
{
    struct shadow_following *following = &shard->following;
    const struct shadow_shard_options *options = &shard->options;
    shadow_follow_release(shard);
    following->memory_bytes = (engine_bytes(&options->limits) + 4095) & ~(size_t)4095;
    following->memory = pages_take(following->memory_bytes);
    if (following->memory == NULL) {
        return STATUS_FULL;
    }
    struct arena arena;
    arena_init(&arena, following->memory, following->memory_bytes);
    enum status status = engine_create(&following->engine, &arena, &options->limits);
    arena_seal(&arena);
    if (status != STATUS_OK) {
        return status;
    }
    const struct session_store_options streams = {.path = options->stream_path,
                                                  .sessions_max = options->limits.sessions_max,
                                                  .block_events = SESSION_STORE_BLOCK_EVENTS,
                                                  .file_bytes_max = options->stream_bytes_max};
    following->facts = (struct snapshot_manifest){.shard_id = options->shard_id,
                                                  .next_command_sequence = 1,
                                                  .membership = options->genesis};
    return session_store_create(&following->streams, &streams);
}

/* Whether it is not the snapshot that is wrong, but this machine that has no room for it. */
static bool follow_is_room(enum status status)
{
    return status == STATUS_FULL || status == STATUS_NO_SPACE;
}

void shadow_follow_load(struct shadow *shadow, struct shadow_shard *shard)
{
    struct shadow_following *following = &shard->following;
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    uint32_t count = snapshot_store_list(shadow->store, shard->options.shard_id, log_indexes);
    enum status status = follow_fresh(shard);
    bool loaded = false;
    following->phase = SHADOW_STARTS;
    for (uint32_t i = 0; i < count && status == STATUS_OK && !loaded; i++) {
        enum status taken =
            market_snapshot_load(shadow->snapshot, shadow->store, shard->options.shard_id,
                                 log_indexes[i], following->engine, following->streams,
                                 shard->options.limits.sessions_max, &following->facts);
        loaded = taken == STATUS_OK;
        if (follow_is_room(taken)) {
            status = taken; /* No older one would fit either. */
        } else if (!loaded) {
            status = follow_fresh(shard); /* An older one, then. */
        }
    }
    if (status != STATUS_OK) {
        follow_stop(shadow, shard, SHADOW_FAILED, status, 0);
        return;
    }
    following->since_segments = 0;
    following->since_bytes = 0;
    following->since_ns = monotonic_now_ns();
    following->phase = SHADOW_FOLLOWS;
    uint64_t log_index = following->facts.position.log_index;
    atomic_store_explicit(&shard->applied_log_index, log_index, memory_order_release);
    atomic_store_explicit(&shard->wanted_log_index, log_index + 1, memory_order_release);
    atomic_store_explicit(&shard->follows, true, memory_order_release);
}

static enum status follow_deliver(struct shadow_following *following,
                                  const struct event_batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->events[i].sequence > 0) {
            enum status status = session_store_append(following->streams, &batch->events[i]);
            if (status != STATUS_OK) {
                return status;
            }
        }
    }
    return STATUS_OK;
}

static enum status follow_command(struct shadow *shadow, struct shadow_following *following,
                                  const struct command *command)
{
    struct event_batch batch = {.events = shadow->events, .capacity = EVENT_BATCH_MAX};
    enum status more = engine_apply(following->engine, command, &batch);
    enum status status = follow_deliver(following, &batch);
    while (more == STATUS_MORE && status == STATUS_OK) {
        more = engine_resume(following->engine, &batch);
        status = follow_deliver(following, &batch);
    }
    ASSERT(more == STATUS_OK || status != STATUS_OK);
    return status;
}

static enum status follow_commands(struct shadow *shadow, struct shadow_following *following,
                                   const struct segment *segment)
{
    if ((segment->flags & SEGMENT_OPENS_TERM) != 0) {
        engine_term_opened(following->engine, segment->base_timestamp_ns,
                           (segment->flags & SEGMENT_PLANNED) != 0);
    }
    if (segment->command_count == 0) {
        return STATUS_OK;
    }
    enum status status = codec_decompress(shadow->codec, shadow->raw, segment->raw_bytes,
                                          segment->codec, segment->payload, segment->stored_bytes);
    if (status == STATUS_OK) {
        status =
            command_columns_unpack(shadow->commands, segment->command_count, shadow->raw,
                                   segment->raw_bytes, segment->base_timestamp_ns, shadow->scratch);
    }
    for (uint32_t i = 0; i < segment->command_count && status == STATUS_OK; i++) {
        engine_anticipate(following->engine, &shadow->commands[i], segment->command_count - i);
        status = follow_command(shadow, following, &shadow->commands[i]);
    }
    return status;
}

/* A membership: the one before is kept, since the newest may still be cut off elsewhere. */
static enum status follow_placement(struct snapshot_manifest *facts, const struct segment *segment)
{
    if (segment->stored_bytes > SNAPSHOT_MANIFEST_MEMBERSHIP_BYTES) {
        return STATUS_BAD_FORMAT;
    }
    facts->previous = facts->membership;
    facts->membership = (struct snapshot_membership){.log_index = segment->log_index,
                                                     .bytes_count = segment->stored_bytes};
    memcpy(facts->membership.bytes, segment->payload, segment->stored_bytes);
    return STATUS_OK;
}

/* Does it continue what was executed? The journal has verified its bytes; so nothing is wrong. */
static enum status follow_open(struct shadow *shadow, const struct snapshot_manifest *facts,
                               const struct shadow_slot *slot, struct segment *segment)
{
    enum status status = segment_open(segment, slot->bytes, slot->bytes_count);
    if (status == STATUS_OK) {
        status = segment_verify_payload(segment);
    }
    if (status == STATUS_OK) {
        status = segment_verify_chain(segment, shadow->options.store.cluster_id, facts->shard_id,
                                      facts->position.log_index, facts->position.chain_hash);
    }
    if (status == STATUS_OK && segment->first_command_sequence != facts->next_command_sequence) {
        status = STATUS_BAD_CHAIN;
    }
    return status;
}

void shadow_follow_segment(struct shadow *shadow, struct shadow_shard *shard,
                           const struct shadow_slot *slot)
{
    struct shadow_following *following = &shard->following;
    struct snapshot_manifest *facts = &following->facts;
    struct segment segment;
    ASSERT(following->phase == SHADOW_FOLLOWS);
    enum status status = follow_open(shadow, facts, slot, &segment);
    if (status == STATUS_OK) {
        status = (segment.flags & SEGMENT_PLACEMENT) != 0
                     ? follow_placement(facts, &segment)
                     : follow_commands(shadow, following, &segment);
    }
    if (status != STATUS_OK) {
        follow_stop(shadow, shard, SHADOW_FAILED, status, facts->position.log_index + 1);
        return;
    }
    facts->position.log_index = segment.log_index;
    facts->position.term = segment.term;
    memcpy(facts->position.chain_hash, segment.chain_hash, sizeof facts->position.chain_hash);
    facts->next_command_sequence += segment.command_count;
    facts->last_timestamp_ns = segment.base_timestamp_ns;
    following->since_segments++;
    following->since_bytes += slot->bytes_count;
    atomic_store_explicit(&shard->applied_log_index, segment.log_index, memory_order_release);
    if (slot->audited && engine_event_hash(following->engine) != slot->event_hash) {
        follow_stop(shadow, shard, SHADOW_DIVERGED, STATUS_BAD_CHECKSUM, segment.log_index);
    } else if (slot->audited) {
        atomic_fetch_add_explicit(&shard->compared, 1, memory_order_relaxed);
    }
}

/* It is done, well or badly; the next one is due from now on. */
static void follow_wrote(struct shadow *shadow, struct shadow_shard *shard, enum status status)
{
    struct shadow_following *following = &shard->following;
    struct shadow_report report = {.kind = SHADOW_SNAPSHOT,
                                   .shard_id = shard->options.shard_id,
                                   .status = status,
                                   .log_index = following->facts.position.log_index,
                                   .position = following->facts.position};
    if (status == STATUS_OK) {
        uint64_t spared = atomic_load_explicit(&shard->spared_log_index, memory_order_acquire);
        report.status =
            snapshot_store_keep(shadow->store, shard->options.shard_id, shadow->options.kept,
                                report.log_index, spared, &report.oldest_log_index);
        atomic_fetch_add_explicit(&shard->snapshots, 1, memory_order_relaxed);
    } else {
        report.kind = SHADOW_NO_SNAPSHOT;
    }
    following->since_segments = 0;
    following->since_bytes = 0;
    following->since_ns = monotonic_now_ns();
    shadow->writing = NULL;
    shadow_tell(shadow, shard, &report);
}

void shadow_follow_write(struct shadow *shadow, struct shadow_shard *shard)
{
    struct shadow_following *following = &shard->following;
    ASSERT(shadow->writing == NULL);
    ASSERT(following->facts.position.log_index > 0);
    shadow->writing = shard;
    enum status status =
        market_snapshot_start(shadow->snapshot, shadow->store, &following->facts, following->engine,
                              following->streams, shard->options.limits.sessions_max);
    if (status != STATUS_OK) {
        follow_wrote(shadow, shard, status);
    }
}

void shadow_follow_step(struct shadow *shadow)
{
    ASSERT(shadow->writing != NULL);
    enum status status = market_snapshot_step(shadow->snapshot);
    if (status != STATUS_MORE) {
        follow_wrote(shadow, shadow->writing, status);
    }
}
