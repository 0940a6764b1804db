#include "replication/link_wire_inside.h"

#include <string.h>

/* Which fields a message has: only those are in its bytes. Values are the format. */
#define WIRE_GRANTED    (1u << 0)
#define WIRE_TRANSFER   (1u << 1)
#define WIRE_REJECTED   (1u << 2) /* And where, with the hint. */
#define WIRE_FENCE      (1u << 3)
#define WIRE_POSITION   (1u << 4)
#define WIRE_CONTINUED  (1u << 5) /* The position is what the first segment says it continues. */
#define WIRE_COMMIT     (1u << 6)
#define WIRE_SENT       (1u << 7)
#define WIRE_ROUND_TRIP (1u << 8)
#define WIRE_AUDIT      (1u << 9)
#define WIRE_WALL       (1u << 10)
#define WIRE_SEGMENTS   (1u << 11)
#define WIRE_HALTED     (1u << 12)

/* In a segment's header (protocol.md, "Segment"). */
#define WIRE_SEGMENT_LOG_INDEX     32u
#define WIRE_SEGMENT_PREVIOUS_HASH 80u
static_assert(WIRE_SEGMENT_PREVIOUS_HASH + SEGMENT_HASH_BYTES <= SEGMENT_HEADER_BYTES,
              "a header holds both");

static const uint8_t no_hash[REPLICA_HASH_BYTES];

/* Fields that messages of a type may have. */
static uint32_t wire_allowed(uint8_t type)
{
    switch ((enum replica_message_type)type) {
    case REPLICA_PRE_VOTE:
    case REPLICA_VOTE:
        return WIRE_POSITION | WIRE_TRANSFER;
    case REPLICA_PRE_VOTE_REPLY:
    case REPLICA_VOTE_REPLY:
        return WIRE_GRANTED;
    case REPLICA_APPEND:
        return WIRE_POSITION | WIRE_CONTINUED | WIRE_COMMIT | WIRE_SENT | WIRE_ROUND_TRIP |
               WIRE_FENCE | WIRE_AUDIT | WIRE_SEGMENTS;
    case REPLICA_SNAPSHOT:
        return WIRE_POSITION | WIRE_COMMIT | WIRE_SENT | WIRE_ROUND_TRIP | WIRE_FENCE | WIRE_AUDIT;
    case REPLICA_APPEND_REPLY:
        return WIRE_POSITION | WIRE_REJECTED | WIRE_SENT | WIRE_AUDIT | WIRE_WALL | WIRE_HALTED;
    case REPLICA_CAMPAIGN:
        return 0;
    case REPLICA_MESSAGE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
    return 0;
}

/* Whether the first segment's header says where the message's position is. */
static bool wire_continues(const struct replica_position *position, const uint8_t *segments)
{
    ASSERT(segments != NULL);
    return bytes_load_le64(segments + WIRE_SEGMENT_LOG_INDEX) == position->log_index + 1 &&
           memcmp(segments + WIRE_SEGMENT_PREVIOUS_HASH, position->chain_hash,
                  REPLICA_HASH_BYTES) == 0;
}

static uint32_t wire_present(const struct link_replica *replica)
{
    const struct replica_message *message = &replica->message;
    const struct replica_position *position = &message->position;
    uint32_t present = 0;
    present |= message->granted ? WIRE_GRANTED : 0;
    present |= message->transfer ? WIRE_TRANSFER : 0;
    present |= message->rejected ? WIRE_REJECTED : 0;
    present |= message->fence ? WIRE_FENCE : 0;
    present |= message->halted ? WIRE_HALTED : 0;
    if (message->entry_count > 0) {
        present |= WIRE_SEGMENTS;
        present |= wire_continues(position, replica->segments) ? WIRE_CONTINUED : 0;
    }
    bool somewhere = position->log_index != 0 || position->term != 0 ||
                     memcmp(position->chain_hash, no_hash, REPLICA_HASH_BYTES) != 0;
    present |= somewhere && (present & WIRE_CONTINUED) == 0 ? WIRE_POSITION : 0;
    present |= message->commit_log_index != 0 ? WIRE_COMMIT : 0;
    present |= message->sent_ns != 0 ? WIRE_SENT : 0;
    present |= message->round_trip_ns != 0 ? WIRE_ROUND_TRIP : 0;
    const struct replica_audit *audit = &message->audit;
    bool audited = audit->log_index != 0 || audit->chain_prefix != 0 || audit->event_hash != 0;
    present |= audited ? WIRE_AUDIT : 0;
    present |= message->wall_ns != 0 ? WIRE_WALL : 0;
    return present;
}

/* Ranges, but for entries: they are bytes here. */
static bool wire_valid(const struct replica_message *message)
{
    struct replica_message alone = *message;
    alone.entry_count = 0;
    alone.entries = NULL;
    bool counted = message->type == REPLICA_APPEND || message->entry_count == 0;
    bool hinted = message->rejected || (message->rejected_log_index == 0 &&
                                        message->hint_log_index == 0 && message->hint_term == 0);
    return replica_message_valid(&alone) && counted && hinted &&
           message->entry_count <= REPLICA_BATCH_ENTRIES_MAX;
}

static bool wire_segments_fit(uint64_t entry_count, size_t segments_bytes)
{
    return entry_count >= 1 && entry_count <= REPLICA_BATCH_ENTRIES_MAX &&
           segments_bytes >= entry_count * SEGMENT_HEADER_BYTES &&
           segments_bytes <= LINK_WIRE_SEGMENTS_BYTES_MAX;
}

static void wire_write_position(struct link_writer *writer, const struct replica_message *message,
                                uint32_t present)
{
    if ((present & (WIRE_POSITION | WIRE_CONTINUED)) != 0) {
        ASSERT(message->position.term <= message->term);
        link_write_varint(writer, message->term - message->position.term);
    }
    if ((present & WIRE_POSITION) != 0) {
        link_write_varint(writer, message->position.log_index);
        link_write_copy(writer, message->position.chain_hash, REPLICA_HASH_BYTES);
    }
}

void link_wire_replica_write(struct link_writer *writer, const struct link_replica *replica)
{
    const struct replica_message *message = &replica->message;
    ASSERT(message->entries == NULL);
    ASSERT(wire_valid(message));
    ASSERT((message->entry_count > 0) == (replica->segments_bytes > 0));
    ASSERT(message->entry_count == 0 ||
           wire_segments_fit(message->entry_count, replica->segments_bytes));
    uint32_t present = wire_present(replica);
    ASSERT((present & ~wire_allowed(message->type)) == 0);

    link_write_u8(writer, message->type);
    link_write_u8(writer, (uint8_t)(message->from_site_id << 4 | message->to_site_id));
    link_write_u16(writer, (uint16_t)present);
    link_write_u64(writer, message->from_incarnation);
    link_write_varint(writer, message->generation);
    link_write_varint(writer, message->term);
    wire_write_position(writer, message, present);
    if ((present & WIRE_COMMIT) != 0) {
        link_write_varint(writer, message->commit_log_index);
    }
    if ((present & WIRE_REJECTED) != 0) {
        link_write_varint(writer, message->rejected_log_index);
        link_write_varint(writer, message->hint_log_index);
        link_write_varint(writer, message->hint_term);
    }
    if ((present & WIRE_SENT) != 0) {
        link_write_varint(writer, message->sent_ns);
    }
    if ((present & WIRE_ROUND_TRIP) != 0) {
        link_write_varint(writer, message->round_trip_ns);
    }
    if ((present & WIRE_AUDIT) != 0) {
        link_write_varint(writer, message->audit.log_index);
        link_write_u64(writer, message->audit.chain_prefix);
        link_write_u64(writer, message->audit.event_hash);
    }
    if ((present & WIRE_WALL) != 0) {
        link_write_u64(writer, message->wall_ns);
    }
    if ((present & WIRE_SEGMENTS) != 0) {
        link_write_varint(writer, message->entry_count);
        link_write_copy(writer, replica->segments, replica->segments_bytes);
    }
}

static void wire_read_position(struct link_reader *reader, struct replica_message *message,
                               uint32_t present)
{
    if ((present & (WIRE_POSITION | WIRE_CONTINUED)) != 0) {
        uint64_t terms_back = link_read_varint(reader);
        reader->bad = reader->bad || terms_back > message->term;
        message->position.term = reader->bad ? 0 : message->term - terms_back;
    }
    if ((present & WIRE_POSITION) != 0) {
        message->position.log_index = link_read_varint(reader);
        link_read_copy(reader, message->position.chain_hash, REPLICA_HASH_BYTES);
    }
}

static void wire_read_segments(struct link_reader *reader, struct link_replica *replica,
                               uint32_t present)
{
    struct replica_message *message = &replica->message;
    uint64_t entry_count = link_read_varint(reader);
    if (reader->bad || !wire_segments_fit(entry_count, reader->left)) {
        reader->bad = true;
        return;
    }
    message->entry_count = (uint32_t)entry_count;
    replica->segments_bytes = (uint32_t)reader->left;
    replica->segments = link_read_bytes(reader, reader->left);
    if ((present & WIRE_CONTINUED) != 0) {
        /* An index of 0 becomes one that replica_message_valid() refuses. */
        message->position.log_index =
            bytes_load_le64(replica->segments + WIRE_SEGMENT_LOG_INDEX) - 1;
        memcpy(message->position.chain_hash, replica->segments + WIRE_SEGMENT_PREVIOUS_HASH,
               REPLICA_HASH_BYTES);
    }
}

/* The fields behind the position. */
static void wire_read_rest(struct link_reader *reader, struct link_replica *replica,
                           uint32_t present)
{
    struct replica_message *message = &replica->message;
    if ((present & WIRE_COMMIT) != 0) {
        message->commit_log_index = link_read_varint(reader);
    }
    if ((present & WIRE_REJECTED) != 0) {
        message->rejected_log_index = link_read_varint(reader);
        message->hint_log_index = link_read_varint(reader);
        message->hint_term = link_read_varint(reader);
    }
    if ((present & WIRE_SENT) != 0) {
        message->sent_ns = link_read_varint(reader);
    }
    if ((present & WIRE_ROUND_TRIP) != 0) {
        message->round_trip_ns = link_read_varint(reader);
    }
    if ((present & WIRE_AUDIT) != 0) {
        message->audit.log_index = link_read_varint(reader);
        message->audit.chain_prefix = link_read_u64(reader);
        message->audit.event_hash = link_read_u64(reader);
    }
    if ((present & WIRE_WALL) != 0) {
        message->wall_ns = link_read_u64(reader);
    }
    if ((present & WIRE_SEGMENTS) != 0) {
        wire_read_segments(reader, replica, present);
    }
}

enum status link_wire_replica_read(struct link_replica *replica, struct link_reader *reader)
{
    ASSERT(replica != NULL);
    *replica = (struct link_replica){0};
    struct replica_message *message = &replica->message;
    message->type = link_read_u8(reader);
    uint8_t sites = link_read_u8(reader);
    message->from_site_id = sites >> 4;
    message->to_site_id = sites & 0x0F;
    uint32_t present = link_read_u16(reader);
    if (reader->bad || message->type < REPLICA_PRE_VOTE ||
        message->type >= REPLICA_MESSAGE_TYPE_COUNT ||
        (present & ~wire_allowed(message->type)) != 0) {
        return STATUS_BAD_FORMAT;
    }
    message->from_incarnation = link_read_u64(reader);
    message->generation = link_read_varint(reader);
    message->term = link_read_varint(reader);
    message->granted = (present & WIRE_GRANTED) != 0;
    message->transfer = (present & WIRE_TRANSFER) != 0;
    message->rejected = (present & WIRE_REJECTED) != 0;
    message->fence = (present & WIRE_FENCE) != 0;
    message->halted = (present & WIRE_HALTED) != 0;
    wire_read_position(reader, message, present);
    wire_read_rest(reader, replica, present);
    /* One message has one form: a field that is there has a value, one that is not is zero. */
    if (reader->bad || reader->left > 0 || !wire_valid(message) ||
        wire_present(replica) != present) {
        return STATUS_BAD_FORMAT;
    }
    return STATUS_OK;
}
