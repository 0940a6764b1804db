#include "tests/support/link_frames.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"

static void make_bytes(void *target, struct random *random, size_t bytes)
{
    uint8_t *at = target;
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)random_u64(random);
    }
}

/* Any number of bits, so that varints of all lengths come up. */
static uint64_t make_number(struct random *random, uint64_t max)
{
    uint64_t value = random_u64(random) >> random_below(random, 64);
    return value <= max ? value : max;
}

static uint32_t make_bytes_count(struct random *random, uint32_t max)
{
    return 1 + (uint32_t)make_number(random, max - 1);
}

static uint8_t make_site(struct random *random)
{
    return (uint8_t)(1 + random_below(random, SITES_MAX));
}

static bool make_bool(struct random *random)
{
    return random_below(random, 2) == 1;
}

static void make_position(struct replica_message *message, struct random *random)
{
    if (random_below(random, 8) == 0) {
        return; /* The start of a log. */
    }
    message->position.term = 1 + make_number(random, message->term - 1);
    message->position.log_index = 1 + make_number(random, UINT64_MAX / 2);
    make_bytes(message->position.chain_hash, random, REPLICA_HASH_BYTES);
}

static void make_append(struct link_replica *replica, struct random *random, uint8_t *payload,
                        uint32_t payload_bytes_max)
{
    uint32_t count_max = payload_bytes_max / SEGMENT_HEADER_BYTES;
    count_max = count_max < REPLICA_BATCH_ENTRIES_MAX ? count_max : REPLICA_BATCH_ENTRIES_MAX;
    uint32_t count = make_bytes_count(random, count_max);
    uint32_t headers_bytes = count * SEGMENT_HEADER_BYTES;
    replica->message.entry_count = count;
    replica->segments_bytes =
        headers_bytes + (uint32_t)make_number(random, payload_bytes_max - headers_bytes);
    make_bytes(payload, random, replica->segments_bytes < 4096 ? replica->segments_bytes : 4096);
    if (make_bool(random)) {
        /* As it is in life: the first segment continues the position. */
        bytes_store_le64(payload + 32, replica->message.position.log_index + 1);
        memcpy(payload + 80, replica->message.position.chain_hash, REPLICA_HASH_BYTES);
    }
    replica->segments = payload;
}

static void make_audit(struct replica_audit *audit, struct random *random)
{
    if (make_bool(random)) {
        audit->log_index = make_number(random, UINT64_MAX);
        audit->chain_prefix = random_u64(random);
        audit->event_hash = random_u64(random);
    }
}

/* Fields of messages that a leader sends. */
static void make_of_leader(struct replica_message *message, struct random *random)
{
    make_position(message, random);
    message->commit_log_index = make_bool(random) ? make_number(random, UINT64_MAX) : 0;
    message->round_trip_ns = make_bool(random) ? make_number(random, UINT64_MAX) : 0;
    message->sent_ns = make_bool(random) ? make_number(random, UINT64_MAX) : 0;
    message->fence = make_bool(random);
    make_audit(&message->audit, random);
}

static void make_reply(struct replica_message *message, struct random *random)
{
    make_position(message, random);
    make_audit(&message->audit, random);
    message->sent_ns = make_bool(random) ? make_number(random, UINT64_MAX) : 0;
    message->wall_ns = make_bool(random) ? random_u64(random) : 0;
    message->rejected = make_bool(random);
    message->halted = make_bool(random);
    if (message->rejected) {
        message->rejected_log_index = make_number(random, UINT64_MAX);
        message->hint_log_index = make_number(random, UINT64_MAX);
        message->hint_term = make_number(random, UINT64_MAX);
    }
}

void link_frames_make_replica(struct link_frame *frame, struct random *random, uint8_t message_type,
                              uint8_t *payload, uint32_t payload_bytes_max)
{
    ASSERT(payload_bytes_max <= LINK_WIRE_SEGMENTS_BYTES_MAX);
    memset(frame, 0, sizeof *frame);
    frame->type = LINK_WIRE_REPLICA;
    frame->shard_id = (uint16_t)(1 + random_below(random, SHARDS_MAX));
    struct replica_message *message = &frame->replica.message;
    message->type = message_type;
    message->from_site_id = make_site(random);
    message->to_site_id = message->from_site_id % SITES_MAX + 1;
    message->generation = make_number(random, UINT64_MAX);
    message->from_incarnation = random_u64(random);
    message->term = 1 + make_number(random, UINT64_MAX / 2 - 1);
    switch ((enum replica_message_type)message_type) {
    case REPLICA_PRE_VOTE:
    case REPLICA_VOTE:
        make_position(message, random);
        message->transfer = make_bool(random);
        return;
    case REPLICA_PRE_VOTE_REPLY:
    case REPLICA_VOTE_REPLY:
        message->granted = make_bool(random);
        return;
    case REPLICA_APPEND:
        make_of_leader(message, random);
        if (make_bool(random)) {
            make_append(&frame->replica, random, payload, payload_bytes_max);
        }
        return;
    case REPLICA_SNAPSHOT:
        make_of_leader(message, random);
        return;
    case REPLICA_APPEND_REPLY:
        make_reply(message, random);
        return;
    case REPLICA_CAMPAIGN:
        return;
    case REPLICA_MESSAGE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
}

static void make_hello(struct link_hello *hello, struct random *random)
{
    hello->version_min = (uint8_t)(1 + random_below(random, 255));
    hello->version_max =
        (uint8_t)(hello->version_min + random_below(random, 256 - (uint64_t)hello->version_min));
    hello->site_id = make_site(random);
    hello->path_index = (uint8_t)random_below(random, LINK_WIRE_PATHS_MAX);
    hello->cluster_id = random_u64(random);
    hello->incarnation = random_u64(random);
    hello->generation = random_u64(random);
    hello->rules_version_max = (uint32_t)random_u64(random);
    for (uint32_t at = 0; at < LINK_WIRE_GENESIS_BYTES; at++) {
        hello->genesis[at] = (uint8_t)random_u64(random);
    }
    uint64_t letters = random_below(random, LINK_WIRE_LISTEN_BYTES);
    for (uint64_t at = 0; at < letters; at++) {
        hello->listen[at] = (char)('!' + random_below(random, 94));
    }
}

static void make_forward(struct link_forward *forward, struct random *random, uint8_t *payload,
                         uint32_t payload_bytes_max)
{
    static const uint8_t record[4096];
    forward->lane = random_u64(random);
    forward->first_number = 1 + make_number(random, UINT64_MAX / 2);
    forward->records = payload;
    uint32_t count = make_bytes_count(random, LINK_WIRE_RECORDS_MAX);
    while (forward->record_count < count) {
        uint32_t record_bytes = make_bytes_count(random, 1022);
        if (link_wire_record_add(payload, payload_bytes_max, &forward->records_bytes, record,
                                 record_bytes) != STATUS_OK) {
            break;
        }
        make_bytes(payload + forward->records_bytes - record_bytes, random, record_bytes);
        forward->record_count++;
    }
    ASSERT(forward->record_count > 0);
}

static void make_chunk(struct link_snapshot_chunk *chunk, struct random *random, uint8_t *payload,
                       uint32_t payload_bytes_max)
{
    chunk->log_index = 1 + make_number(random, UINT64_MAX - 1);
    make_bytes(chunk->chain_hash, random, REPLICA_HASH_BYTES);
    chunk->bytes = payload;
    if (random_below(random, 8) == 0) {
        return; /* Not here any more. */
    }
    uint32_t bytes_max = payload_bytes_max < LINK_WIRE_CHUNK_BYTES_MAX ? payload_bytes_max
                                                                       : LINK_WIRE_CHUNK_BYTES_MAX;
    chunk->bytes_count = make_bytes_count(random, bytes_max);
    chunk->offset = make_number(random, UINT64_MAX / 2);
    chunk->total_bytes = chunk->offset + chunk->bytes_count + make_number(random, UINT64_MAX / 4);
    make_bytes(payload, random, chunk->bytes_count);
}

void link_frames_make(struct link_frame *frame, struct random *random, uint8_t type,
                      uint8_t *payload, uint32_t payload_bytes_max)
{
    ASSERT(payload_bytes_max >= 1024);
    memset(frame, 0, sizeof *frame);
    frame->type = type;
    frame->shard_id = (uint16_t)(1 + random_below(random, SHARDS_MAX));
    switch ((enum link_wire_type)type) {
    case LINK_WIRE_REPLICA:
        link_frames_make_replica(frame, random,
                                 (uint8_t)(REPLICA_PRE_VOTE +
                                           random_below(random, REPLICA_MESSAGE_TYPE_COUNT - 1)),
                                 payload, payload_bytes_max);
        return;
    case LINK_WIRE_FORWARD:
        make_forward(&frame->forward, random, payload, payload_bytes_max);
        return;
    case LINK_WIRE_FORWARD_REPLY:
        frame->forward_reply.lane = random_u64(random);
        frame->forward_reply.next_number = 1 + make_number(random, UINT64_MAX - 1);
        frame->forward_reply.term = random_u64(random);
        frame->forward_reply.outcome = (uint8_t)random_below(random, LINK_FORWARD_OUTCOME_COUNT);
        frame->forward_reply.leader_site_id = (uint8_t)random_below(random, SITES_MAX + 1);
        return;
    case LINK_WIRE_SNAPSHOT_REQUEST:
        frame->snapshot_request.log_index = 1 + make_number(random, UINT64_MAX - 1);
        make_bytes(frame->snapshot_request.chain_hash, random, REPLICA_HASH_BYTES);
        frame->snapshot_request.offset = random_u64(random);
        frame->snapshot_request.bytes_max = make_bytes_count(random, LINK_WIRE_CHUNK_BYTES_MAX);
        return;
    case LINK_WIRE_SNAPSHOT_CHUNK:
        make_chunk(&frame->snapshot_chunk, random, payload, payload_bytes_max);
        return;
    case LINK_WIRE_HELLO:
        frame->shard_id = 0;
        make_hello(&frame->hello, random);
        return;
    case LINK_WIRE_PING:
    case LINK_WIRE_PONG:
        frame->shard_id = 0;
        frame->ping.sent_ns = random_u64(random);
        return;
    case LINK_WIRE_BYE:
        frame->shard_id = 0;
        frame->bye.reason = (uint8_t)(1 + random_below(random, 255));
        return;
    case LINK_WIRE_NEWS:
        frame->shard_id = 0;
        frame->news.bytes = payload;
        frame->news.bytes_count =
            make_bytes_count(random, payload_bytes_max < LINK_WIRE_NEWS_BYTES_MAX
                                         ? payload_bytes_max
                                         : LINK_WIRE_NEWS_BYTES_MAX);
        make_bytes(payload, random, frame->news.bytes_count);
        return;
    case LINK_WIRE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
}

/* ---- Comparison ---- */

static void equal_u64(uint64_t one, uint64_t other)
{
    assert_true(one == other);
}

static void equal_messages(const struct replica_message *one, const struct replica_message *other)
{
    assert_int_equal(one->type, other->type);
    assert_int_equal(one->from_site_id, other->from_site_id);
    assert_int_equal(one->to_site_id, other->to_site_id);
    assert_int_equal(one->granted, other->granted);
    assert_int_equal(one->transfer, other->transfer);
    assert_int_equal(one->rejected, other->rejected);
    assert_int_equal(one->fence, other->fence);
    assert_int_equal(one->halted, other->halted);
    equal_u64(one->generation, other->generation);
    equal_u64(one->from_incarnation, other->from_incarnation);
    equal_u64(one->term, other->term);
    equal_u64(one->position.log_index, other->position.log_index);
    equal_u64(one->position.term, other->position.term);
    assert_memory_equal(one->position.chain_hash, other->position.chain_hash, REPLICA_HASH_BYTES);
    assert_null(one->entries);
    assert_null(other->entries);
    assert_int_equal(one->entry_count, other->entry_count);
    equal_u64(one->commit_log_index, other->commit_log_index);
    equal_u64(one->rejected_log_index, other->rejected_log_index);
    equal_u64(one->hint_log_index, other->hint_log_index);
    equal_u64(one->hint_term, other->hint_term);
    equal_u64(one->sent_ns, other->sent_ns);
    equal_u64(one->round_trip_ns, other->round_trip_ns);
    equal_u64(one->wall_ns, other->wall_ns);
    equal_u64(one->audit.log_index, other->audit.log_index);
    equal_u64(one->audit.chain_prefix, other->audit.chain_prefix);
    equal_u64(one->audit.event_hash, other->audit.event_hash);
}

static void equal_bytes(const uint8_t *one, uint32_t one_bytes, const uint8_t *other,
                        uint32_t other_bytes)
{
    assert_int_equal(one_bytes, other_bytes);
    if (one_bytes > 0) {
        assert_memory_equal(one, other, one_bytes);
    }
}

static void equal_hellos(const struct link_hello *one, const struct link_hello *other)
{
    assert_int_equal(one->version_min, other->version_min);
    assert_int_equal(one->version_max, other->version_max);
    assert_int_equal(one->site_id, other->site_id);
    assert_int_equal(one->path_index, other->path_index);
    equal_u64(one->cluster_id, other->cluster_id);
    equal_u64(one->incarnation, other->incarnation);
    equal_u64(one->generation, other->generation);
    assert_int_equal(one->rules_version_max, other->rules_version_max);
    assert_memory_equal(one->genesis, other->genesis, sizeof one->genesis);
    assert_string_equal(one->listen, other->listen);
}

static void equal_bodies(const struct link_frame *one, const struct link_frame *other)
{
    switch ((enum link_wire_type)one->type) {
    case LINK_WIRE_HELLO:
        equal_hellos(&one->hello, &other->hello);
        return;
    case LINK_WIRE_REPLICA:
        equal_messages(&one->replica.message, &other->replica.message);
        equal_bytes(one->replica.segments, one->replica.segments_bytes, other->replica.segments,
                    other->replica.segments_bytes);
        return;
    case LINK_WIRE_FORWARD:
        equal_u64(one->forward.lane, other->forward.lane);
        equal_u64(one->forward.first_number, other->forward.first_number);
        assert_int_equal(one->forward.record_count, other->forward.record_count);
        equal_bytes(one->forward.records, one->forward.records_bytes, other->forward.records,
                    other->forward.records_bytes);
        return;
    case LINK_WIRE_FORWARD_REPLY:
        equal_u64(one->forward_reply.lane, other->forward_reply.lane);
        equal_u64(one->forward_reply.next_number, other->forward_reply.next_number);
        equal_u64(one->forward_reply.term, other->forward_reply.term);
        assert_int_equal(one->forward_reply.outcome, other->forward_reply.outcome);
        assert_int_equal(one->forward_reply.leader_site_id, other->forward_reply.leader_site_id);
        return;
    case LINK_WIRE_SNAPSHOT_REQUEST:
        equal_u64(one->snapshot_request.log_index, other->snapshot_request.log_index);
        assert_memory_equal(one->snapshot_request.chain_hash, other->snapshot_request.chain_hash,
                            REPLICA_HASH_BYTES);
        equal_u64(one->snapshot_request.offset, other->snapshot_request.offset);
        assert_int_equal(one->snapshot_request.bytes_max, other->snapshot_request.bytes_max);
        return;
    case LINK_WIRE_SNAPSHOT_CHUNK:
        equal_u64(one->snapshot_chunk.log_index, other->snapshot_chunk.log_index);
        assert_memory_equal(one->snapshot_chunk.chain_hash, other->snapshot_chunk.chain_hash,
                            REPLICA_HASH_BYTES);
        equal_u64(one->snapshot_chunk.offset, other->snapshot_chunk.offset);
        equal_u64(one->snapshot_chunk.total_bytes, other->snapshot_chunk.total_bytes);
        equal_bytes(one->snapshot_chunk.bytes, one->snapshot_chunk.bytes_count,
                    other->snapshot_chunk.bytes, other->snapshot_chunk.bytes_count);
        return;
    case LINK_WIRE_PING:
    case LINK_WIRE_PONG:
        equal_u64(one->ping.sent_ns, other->ping.sent_ns);
        return;
    case LINK_WIRE_BYE:
        assert_int_equal(one->bye.reason, other->bye.reason);
        return;
    case LINK_WIRE_NEWS:
        equal_bytes(one->news.bytes, one->news.bytes_count, other->news.bytes,
                    other->news.bytes_count);
        return;
    case LINK_WIRE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
}

void link_frames_equal(const struct link_frame *one, const struct link_frame *other)
{
    assert_int_equal(one->type, other->type);
    assert_int_equal(one->shard_id, other->shard_id);
    equal_bodies(one, other);
}
