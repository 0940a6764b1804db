#include "replication/link_wire.h"

#include <string.h>

#include "replication/link_cursor.h"
#include "replication/link_wire_inside.h"

#define WIRE_TYPE_AT      5u
#define WIRE_SHARD_AT     6u
#define WIRE_FIELDS_BYTES 128u /* More than all fixed fields of any frame but REPLICA's. */

static_assert(LINK_WIRE_RECORDS_BYTES_MAX + WIRE_FIELDS_BYTES < LINK_WIRE_FRAME_BYTES_MAX,
              "REPLICA frames are the largest");
static_assert(LINK_WIRE_CHUNK_BYTES_MAX + WIRE_FIELDS_BYTES < LINK_WIRE_FRAME_BYTES_MAX,
              "REPLICA frames are the largest");
static_assert(LINK_WIRE_NEWS_BYTES_MAX < LINK_WIRE_FRAME_BYTES_MAX,
              "REPLICA frames are the largest");
static_assert(SITES_MAX <= 15, "two site ids in a byte");

/* Smallest and largest body of each type. */
static const struct {
    uint32_t min;
    uint32_t max;
} wire_bodies[LINK_WIRE_TYPE_COUNT] = {
    [LINK_WIRE_HELLO] = {65, 65 + LINK_WIRE_LISTEN_BYTES - 1},
    [LINK_WIRE_REPLICA] = {14, LINK_WIRE_MESSAGE_BYTES_MAX + LINK_WIRE_SEGMENTS_BYTES_MAX},
    [LINK_WIRE_FORWARD] = {18 + 3, 18 + LINK_WIRE_RECORDS_BYTES_MAX},
    [LINK_WIRE_FORWARD_REPLY] = {26, 26},
    [LINK_WIRE_SNAPSHOT_REQUEST] = {52, 52},
    [LINK_WIRE_SNAPSHOT_CHUNK] = {56, 56 + LINK_WIRE_CHUNK_BYTES_MAX},
    [LINK_WIRE_PING] = {8, 8},
    [LINK_WIRE_PONG] = {8, 8},
    [LINK_WIRE_BYE] = {1, 1},
    [LINK_WIRE_NEWS] = {1, LINK_WIRE_NEWS_BYTES_MAX},
};

static bool wire_of_shard(uint8_t type)
{
    switch ((enum link_wire_type)type) {
    case LINK_WIRE_REPLICA:
    case LINK_WIRE_FORWARD:
    case LINK_WIRE_FORWARD_REPLY:
    case LINK_WIRE_SNAPSHOT_REQUEST:
    case LINK_WIRE_SNAPSHOT_CHUNK:
        return true;
    case LINK_WIRE_HELLO:
    case LINK_WIRE_PING:
    case LINK_WIRE_PONG:
    case LINK_WIRE_BYE:
    case LINK_WIRE_NEWS:
        return false;
    case LINK_WIRE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
    return false;
}

/* ---- Ranges: the same before encoding and after decoding ---- */

static bool wire_site(uint8_t site_id)
{
    return site_id >= 1 && site_id <= SITES_MAX;
}

/* Printable characters before the final zero, or before anything else. */
static uint8_t wire_listen_bytes(const struct link_hello *hello)
{
    uint8_t bytes = 0;
    while (bytes < LINK_WIRE_LISTEN_BYTES && hello->listen[bytes] > ' ' &&
           hello->listen[bytes] <= '~') {
        bytes++;
    }
    return bytes;
}

static bool wire_hello_valid(const struct link_hello *hello)
{
    uint8_t listen_bytes = wire_listen_bytes(hello);
    return listen_bytes < LINK_WIRE_LISTEN_BYTES && hello->listen[listen_bytes] == '\0' &&
           hello->version_min >= 1 && hello->version_max >= hello->version_min &&
           wire_site(hello->site_id) && hello->path_index < LINK_WIRE_PATHS_MAX;
}

static bool wire_forward_valid(const struct link_forward *forward)
{
    if (forward->first_number == 0 || forward->record_count == 0 ||
        forward->record_count > LINK_WIRE_RECORDS_MAX ||
        forward->first_number > UINT64_MAX - forward->record_count ||
        forward->records_bytes > LINK_WIRE_RECORDS_BYTES_MAX) {
        return false;
    }
    uint32_t at = 0;
    for (uint32_t record = 0; record < forward->record_count; record++) {
        if (forward->records_bytes - at < 2) {
            return false;
        }
        uint32_t record_bytes = bytes_load_le16(forward->records + at);
        at += 2;
        if (record_bytes == 0 || record_bytes > forward->records_bytes - at) {
            return false;
        }
        at += record_bytes;
    }
    return at == forward->records_bytes;
}

static bool wire_forward_reply_valid(const struct link_forward_reply *reply)
{
    return reply->next_number >= 1 && reply->outcome < LINK_FORWARD_OUTCOME_COUNT &&
           reply->leader_site_id <= SITES_MAX;
}

static bool wire_request_valid(const struct link_snapshot_request *request)
{
    return request->log_index >= 1 && request->bytes_max >= 1 &&
           request->bytes_max <= LINK_WIRE_CHUNK_BYTES_MAX;
}

static bool wire_chunk_valid(const struct link_snapshot_chunk *chunk)
{
    if (chunk->log_index == 0 || chunk->bytes_count > LINK_WIRE_CHUNK_BYTES_MAX) {
        return false;
    }
    if (chunk->bytes_count == 0) {
        return chunk->total_bytes == 0 && chunk->offset == 0;
    }
    return chunk->offset < chunk->total_bytes &&
           chunk->bytes_count <= chunk->total_bytes - chunk->offset;
}

/* ---- Writing ---- */

static void wire_write_hello(struct link_writer *writer, const struct link_hello *hello)
{
    ASSERT(wire_hello_valid(hello));
    link_write_u8(writer, hello->version_min);
    link_write_u8(writer, hello->version_max);
    link_write_u8(writer, hello->site_id);
    link_write_u8(writer, hello->path_index);
    link_write_u64(writer, hello->cluster_id);
    link_write_u64(writer, hello->incarnation);
    link_write_u64(writer, hello->generation);
    link_write_u32(writer, hello->rules_version_max);
    link_write_copy(writer, hello->genesis, LINK_WIRE_GENESIS_BYTES);
    uint8_t listen_bytes = wire_listen_bytes(hello);
    link_write_u8(writer, listen_bytes);
    link_write_copy(writer, hello->listen, listen_bytes);
}

static void wire_write_forward(struct link_writer *writer, const struct link_forward *forward)
{
    ASSERT(wire_forward_valid(forward));
    link_write_u64(writer, forward->lane);
    link_write_u64(writer, forward->first_number);
    link_write_u16(writer, (uint16_t)forward->record_count);
    link_write_copy(writer, forward->records, forward->records_bytes);
}

static void wire_write_forward_reply(struct link_writer *writer,
                                     const struct link_forward_reply *reply)
{
    ASSERT(wire_forward_reply_valid(reply));
    link_write_u64(writer, reply->lane);
    link_write_u64(writer, reply->next_number);
    link_write_u64(writer, reply->term);
    link_write_u8(writer, reply->outcome);
    link_write_u8(writer, reply->leader_site_id);
}

static void wire_write_request(struct link_writer *writer,
                               const struct link_snapshot_request *request)
{
    ASSERT(wire_request_valid(request));
    link_write_u64(writer, request->log_index);
    link_write_copy(writer, request->chain_hash, REPLICA_HASH_BYTES);
    link_write_u64(writer, request->offset);
    link_write_u32(writer, request->bytes_max);
}

static void wire_write_chunk(struct link_writer *writer, const struct link_snapshot_chunk *chunk)
{
    ASSERT(wire_chunk_valid(chunk));
    link_write_u64(writer, chunk->log_index);
    link_write_copy(writer, chunk->chain_hash, REPLICA_HASH_BYTES);
    link_write_u64(writer, chunk->offset);
    link_write_u64(writer, chunk->total_bytes);
    link_write_copy(writer, chunk->bytes, chunk->bytes_count);
}

static void wire_write_body(struct link_writer *writer, const struct link_frame *frame)
{
    switch ((enum link_wire_type)frame->type) {
    case LINK_WIRE_HELLO:
        wire_write_hello(writer, &frame->hello);
        return;
    case LINK_WIRE_REPLICA:
        link_wire_replica_write(writer, &frame->replica);
        return;
    case LINK_WIRE_FORWARD:
        wire_write_forward(writer, &frame->forward);
        return;
    case LINK_WIRE_FORWARD_REPLY:
        wire_write_forward_reply(writer, &frame->forward_reply);
        return;
    case LINK_WIRE_SNAPSHOT_REQUEST:
        wire_write_request(writer, &frame->snapshot_request);
        return;
    case LINK_WIRE_SNAPSHOT_CHUNK:
        wire_write_chunk(writer, &frame->snapshot_chunk);
        return;
    case LINK_WIRE_PING:
    case LINK_WIRE_PONG:
        link_write_u64(writer, frame->ping.sent_ns);
        return;
    case LINK_WIRE_BYE:
        ASSERT(frame->bye.reason != 0);
        link_write_u8(writer, frame->bye.reason);
        return;
    case LINK_WIRE_NEWS:
        link_write_copy(writer, frame->news.bytes, frame->news.bytes_count);
        return;
    case LINK_WIRE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
}

size_t link_wire_bytes_max(const struct link_frame *frame)
{
    ASSERT(frame != NULL);
    size_t bytes = LINK_WIRE_HEADER_BYTES;
    switch ((enum link_wire_type)frame->type) {
    case LINK_WIRE_REPLICA:
        return bytes + LINK_WIRE_MESSAGE_BYTES_MAX + frame->replica.segments_bytes;
    case LINK_WIRE_FORWARD:
        return bytes + WIRE_FIELDS_BYTES + frame->forward.records_bytes;
    case LINK_WIRE_SNAPSHOT_CHUNK:
        return bytes + WIRE_FIELDS_BYTES + frame->snapshot_chunk.bytes_count;
    case LINK_WIRE_NEWS:
        return bytes + frame->news.bytes_count;
    case LINK_WIRE_HELLO:
    case LINK_WIRE_FORWARD_REPLY:
    case LINK_WIRE_SNAPSHOT_REQUEST:
    case LINK_WIRE_PING:
    case LINK_WIRE_PONG:
    case LINK_WIRE_BYE:
        return bytes + WIRE_FIELDS_BYTES;
    case LINK_WIRE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
    return 0;
}

size_t link_wire_encode(uint8_t *target, size_t target_bytes, const struct link_frame *frame)
{
    ASSERT(frame->type >= LINK_WIRE_HELLO);
    ASSERT(frame->type < LINK_WIRE_TYPE_COUNT);
    ASSERT(wire_of_shard(frame->type) ? frame->shard_id >= 1 && frame->shard_id <= SHARDS_MAX
                                      : frame->shard_id == 0);
    ASSERT(target_bytes >= link_wire_bytes_max(frame));
    struct link_writer writer = {target + LINK_WIRE_HEADER_BYTES,
                                 target_bytes - LINK_WIRE_HEADER_BYTES};
    wire_write_body(&writer, frame);
    size_t body_bytes = target_bytes - LINK_WIRE_HEADER_BYTES - writer.left;
    ASSERT(body_bytes >= wire_bodies[frame->type].min);
    ASSERT(body_bytes <= wire_bodies[frame->type].max);
    struct link_writer header = {target, LINK_WIRE_HEADER_BYTES};
    link_write_u32(&header, (uint32_t)body_bytes);
    link_write_u8(&header, LINK_WIRE_VERSION);
    link_write_u8(&header, frame->type);
    link_write_u16(&header, frame->shard_id);
    ASSERT(header.left == 0);
    return LINK_WIRE_HEADER_BYTES + body_bytes;
}

/* ---- Reading ---- */

static bool wire_read_hello(struct link_hello *hello, struct link_reader *reader)
{
    *hello = (struct link_hello){0};
    hello->version_min = link_read_u8(reader);
    hello->version_max = link_read_u8(reader);
    hello->site_id = link_read_u8(reader);
    hello->path_index = link_read_u8(reader);
    hello->cluster_id = link_read_u64(reader);
    hello->incarnation = link_read_u64(reader);
    hello->generation = link_read_u64(reader);
    hello->rules_version_max = link_read_u32(reader);
    link_read_copy(reader, hello->genesis, LINK_WIRE_GENESIS_BYTES);
    uint8_t listen_bytes = link_read_u8(reader);
    if (reader->bad || listen_bytes >= LINK_WIRE_LISTEN_BYTES || listen_bytes != reader->left) {
        return false;
    }
    link_read_copy(reader, hello->listen, listen_bytes);
    return wire_listen_bytes(hello) == listen_bytes && wire_hello_valid(hello);
}

static bool wire_read_forward(struct link_forward *forward, struct link_reader *reader)
{
    forward->lane = link_read_u64(reader);
    forward->first_number = link_read_u64(reader);
    forward->record_count = link_read_u16(reader);
    forward->records_bytes = (uint32_t)reader->left;
    forward->records = link_read_bytes(reader, reader->left);
    return !reader->bad && wire_forward_valid(forward);
}

static bool wire_read_forward_reply(struct link_forward_reply *reply, struct link_reader *reader)
{
    reply->lane = link_read_u64(reader);
    reply->next_number = link_read_u64(reader);
    reply->term = link_read_u64(reader);
    reply->outcome = link_read_u8(reader);
    reply->leader_site_id = link_read_u8(reader);
    return wire_forward_reply_valid(reply);
}

static bool wire_read_request(struct link_snapshot_request *request, struct link_reader *reader)
{
    request->log_index = link_read_u64(reader);
    link_read_copy(reader, request->chain_hash, REPLICA_HASH_BYTES);
    request->offset = link_read_u64(reader);
    request->bytes_max = link_read_u32(reader);
    return wire_request_valid(request);
}

static bool wire_read_chunk(struct link_snapshot_chunk *chunk, struct link_reader *reader)
{
    chunk->log_index = link_read_u64(reader);
    link_read_copy(reader, chunk->chain_hash, REPLICA_HASH_BYTES);
    chunk->offset = link_read_u64(reader);
    chunk->total_bytes = link_read_u64(reader);
    chunk->bytes_count = (uint32_t)reader->left;
    chunk->bytes = link_read_bytes(reader, reader->left);
    return !reader->bad && wire_chunk_valid(chunk);
}

static bool wire_read_body(struct link_frame *frame, struct link_reader *reader)
{
    switch ((enum link_wire_type)frame->type) {
    case LINK_WIRE_HELLO:
        return wire_read_hello(&frame->hello, reader);
    case LINK_WIRE_REPLICA:
        return link_wire_replica_read(&frame->replica, reader) == STATUS_OK;
    case LINK_WIRE_FORWARD:
        return wire_read_forward(&frame->forward, reader);
    case LINK_WIRE_FORWARD_REPLY:
        return wire_read_forward_reply(&frame->forward_reply, reader);
    case LINK_WIRE_SNAPSHOT_REQUEST:
        return wire_read_request(&frame->snapshot_request, reader);
    case LINK_WIRE_SNAPSHOT_CHUNK:
        return wire_read_chunk(&frame->snapshot_chunk, reader);
    case LINK_WIRE_PING:
    case LINK_WIRE_PONG:
        frame->ping.sent_ns = link_read_u64(reader);
        return true;
    case LINK_WIRE_BYE:
        frame->bye.reason = link_read_u8(reader);
        return frame->bye.reason != 0;
    case LINK_WIRE_NEWS:
        frame->news.bytes_count = (uint32_t)reader->left;
        frame->news.bytes = link_read_bytes(reader, reader->left);
        return true;
    case LINK_WIRE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
    return false;
}

enum status link_wire_peek(uint32_t *frame_bytes, const uint8_t *source, size_t source_bytes)
{
    ASSERT(frame_bytes != NULL);
    if (source_bytes < LINK_WIRE_HEADER_BYTES) {
        return STATUS_SHORT;
    }
    struct link_reader reader = {source, source_bytes, false};
    uint32_t body_bytes = link_read_u32(&reader);
    uint8_t version = link_read_u8(&reader);
    uint8_t type = link_read_u8(&reader);
    uint16_t shard_id = link_read_u16(&reader);
    if (version != LINK_WIRE_VERSION) {
        return STATUS_BAD_VERSION;
    }
    if (type < LINK_WIRE_HELLO || type >= LINK_WIRE_TYPE_COUNT ||
        body_bytes < wire_bodies[type].min || body_bytes > wire_bodies[type].max) {
        return STATUS_BAD_FORMAT;
    }
    if (wire_of_shard(type) ? shard_id < 1 || shard_id > SHARDS_MAX : shard_id != 0) {
        return STATUS_BAD_FORMAT;
    }
    *frame_bytes = LINK_WIRE_HEADER_BYTES + body_bytes;
    return STATUS_OK;
}

enum status link_wire_decode(struct link_frame *frame, const uint8_t *source, size_t source_bytes)
{
    uint32_t frame_bytes;
    enum status status = link_wire_peek(&frame_bytes, source, source_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    if (source_bytes != frame_bytes) {
        return source_bytes < frame_bytes ? STATUS_SHORT : STATUS_BAD_FORMAT;
    }
    frame->type = source[WIRE_TYPE_AT];
    frame->shard_id = bytes_load_le16(source + WIRE_SHARD_AT);
    struct link_reader reader = {source + LINK_WIRE_HEADER_BYTES,
                                 frame_bytes - LINK_WIRE_HEADER_BYTES, false};
    bool good = wire_read_body(frame, &reader);
    return good && !reader.bad && reader.left == 0 ? STATUS_OK : STATUS_BAD_FORMAT;
}

/* ---- Records ---- */

enum status link_wire_record_add(uint8_t *records, size_t records_bytes_max,
                                 uint32_t *records_bytes, const void *record, uint32_t record_bytes)
{
    ASSERT(record_bytes >= 1);
    ASSERT(record_bytes <= UINT16_MAX);
    ASSERT(*records_bytes <= records_bytes_max);
    if (records_bytes_max - *records_bytes < (size_t)record_bytes + 2 ||
        *records_bytes + record_bytes + 2 > LINK_WIRE_RECORDS_BYTES_MAX) {
        return STATUS_FULL;
    }
    bytes_store_le16(records + *records_bytes, (uint16_t)record_bytes);
    memcpy(records + *records_bytes + 2, record, record_bytes);
    *records_bytes += record_bytes + 2;
    return STATUS_OK;
}

enum status link_wire_record_next(const struct link_forward *forward, uint32_t *offset,
                                  const uint8_t **record, uint32_t *record_bytes)
{
    ASSERT(*offset <= forward->records_bytes);
    if (*offset == forward->records_bytes) {
        return STATUS_NOT_FOUND;
    }
    ASSERT(forward->records_bytes - *offset > 2);
    *record_bytes = bytes_load_le16(forward->records + *offset);
    *record = forward->records + *offset + 2;
    ASSERT(*record_bytes <= forward->records_bytes - *offset - 2);
    *offset += *record_bytes + 2;
    return STATUS_OK;
}
