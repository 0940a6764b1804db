/* Frames on a link between two sites: fields to bytes and back. Pure. Layout, byte for byte:
 * protocol.md, "Links".
 *
 * A frame is a header of fixed width and a body. Bodies are compact, since they are paid for by the
 * byte: numbers are varints, fields without a value are left out, and an append does not repeat
 * what the header of its first segment says. There is no checksum: a link is TLS.
 *
 * A decoder checks the range of every field. It does not look into segments beyond those places
 * that an append leaves out: who takes them verifies them (segment.h). */
#ifndef REPLICATION_LINK_WIRE_H
#define REPLICATION_LINK_WIRE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/replica_message.h"
#include "replication/segment.h"

#define LINK_WIRE_VERSION      2u /* 1 had no genesis in HELLO. */
#define LINK_WIRE_HEADER_BYTES 8u

/* Segments of one append together: one of the largest, or up to REPLICA_BATCH_ENTRIES_MAX small
 * ones. What a replica sends in one message is configured below. */
#define LINK_WIRE_SEGMENTS_BYTES_MAX (1u << 20)
static_assert(LINK_WIRE_SEGMENTS_BYTES_MAX >= SEGMENT_BYTES_MAX, "a largest segment goes alone");
/* All other fields of a replica's message. */
#define LINK_WIRE_MESSAGE_BYTES_MAX 256u

#define LINK_WIRE_RECORDS_MAX       1024u        /* Commands of one forward. */
#define LINK_WIRE_RECORDS_BYTES_MAX (192u << 10) /* With their lengths. */
#define LINK_WIRE_CHUNK_BYTES_MAX   (256u << 10) /* Of a snapshot. */
#define LINK_WIRE_LISTEN_BYTES      64u          /* Of an address as text, with its final zero. */
#define LINK_WIRE_PATHS_MAX         4u           /* Addresses of a site. */
#define LINK_WIRE_NEWS_BYTES_MAX    8192u
#define LINK_WIRE_GENESIS_BYTES     32u

/* A whole frame, the largest. */
#define LINK_WIRE_FRAME_BYTES_MAX                                                                  \
    (LINK_WIRE_HEADER_BYTES + LINK_WIRE_MESSAGE_BYTES_MAX + LINK_WIRE_SEGMENTS_BYTES_MAX)

/* Values are the format: never renumber. */
enum link_wire_type {
    LINK_WIRE_HELLO = 1,        /* First frame of each side. Its layout never changes. */
    LINK_WIRE_REPLICA,          /* A replica's message, segments behind it. */
    LINK_WIRE_FORWARD,          /* A gateway's commands, to the leader's site. */
    LINK_WIRE_FORWARD_REPLY,    /* How many of them are taken. */
    LINK_WIRE_SNAPSHOT_REQUEST, /* Give me this part of that snapshot. */
    LINK_WIRE_SNAPSHOT_CHUNK,
    LINK_WIRE_PING, /* Measures the round trip of a path. */
    LINK_WIRE_PONG, /* Echoes a ping. */
    LINK_WIRE_BYE,  /* Why the sender closes the connection now. */
    LINK_WIRE_NEWS, /* What sites know of each other; opaque here. */
    LINK_WIRE_TYPE_COUNT
};

struct link_hello {
    uint8_t version_min; /* Of frames that the sender speaks, from 1. */
    uint8_t version_max;
    uint8_t site_id;
    uint8_t path_index; /* Which of the receiver's addresses was dialled; 0 from who was dialled. */
    uint64_t cluster_id;
    uint64_t incarnation; /* Of the sender's journal. */
    uint64_t generation;
    uint32_t rules_version_max; /* Highest version of the market's rules that the sender runs. */
    uint8_t genesis[LINK_WIRE_GENESIS_BYTES]; /* Hash of what the sender's cluster began with. */
    char listen[LINK_WIRE_LISTEN_BYTES]; /* Where the sender listens; empty: it does not say. */
};

struct link_replica {
    struct replica_message message; /* `entries` NULL. */
    const uint8_t *segments;        /* message.entry_count of them; NULL without. */
    uint32_t segments_bytes;
};

/* Commands in order without gaps, each an opaque record of 1 to 65,535 bytes. */
struct link_forward {
    uint64_t lane;          /* The sender's: numbers of another lane count anew. */
    uint64_t first_number;  /* Of the first record, from 1. */
    uint32_t record_count;  /* 1 .. LINK_WIRE_RECORDS_MAX. */
    const uint8_t *records; /* See link_wire_record_add(). */
    uint32_t records_bytes;
};

enum link_forward_outcome {
    LINK_FORWARD_TAKEN = 0,
    LINK_FORWARD_NOT_LEADER, /* `leader_site_id` is, or 0: not known. */
    LINK_FORWARD_REFUSED,    /* It leads but takes nothing now; try again. */
    LINK_FORWARD_OUTCOME_COUNT
};

struct link_forward_reply {
    uint64_t lane;
    uint64_t next_number; /* All before it have been taken in by the sender. From 1. */
    uint64_t term;
    uint8_t outcome; /* enum link_forward_outcome. */
    uint8_t leader_site_id;
};

struct link_snapshot_request {
    uint64_t log_index; /* From 1. */
    uint8_t chain_hash[REPLICA_HASH_BYTES];
    uint64_t offset;
    uint32_t bytes_max; /* 1 .. LINK_WIRE_CHUNK_BYTES_MAX. */
};

struct link_snapshot_chunk {
    uint64_t log_index;
    uint8_t chain_hash[REPLICA_HASH_BYTES];
    uint64_t offset;
    uint64_t total_bytes; /* 0, with offset 0 and no bytes: this snapshot is not here any more. */
    const uint8_t *bytes;
    uint32_t bytes_count; /* 1 .. LINK_WIRE_CHUNK_BYTES_MAX, within total_bytes. */
};

struct link_ping {
    uint64_t sent_ns; /* The pinging side's monotonic clock. */
};

struct link_bye {
    uint8_t reason; /* From 1; link.h says what it means. Unknown ones are possible. */
};

struct link_news {
    const uint8_t *bytes;
    uint32_t bytes_count; /* 1 .. LINK_WIRE_NEWS_BYTES_MAX. */
};

struct link_frame {
    uint8_t type;      /* enum link_wire_type. */
    uint16_t shard_id; /* 1 .. SHARDS_MAX; 0 in HELLO, PING, PONG, BYE and NEWS. */
    union {
        struct link_hello hello;
        struct link_replica replica;
        struct link_forward forward;
        struct link_forward_reply forward_reply;
        struct link_snapshot_request snapshot_request;
        struct link_snapshot_chunk snapshot_chunk;
        struct link_ping ping; /* And PONG. */
        struct link_bye bye;
        struct link_news news;
    };
};

/* An upper bound of what the frame will take, no more than LINK_WIRE_MESSAGE_BYTES_MAX above. */
size_t link_wire_bytes_max(const struct link_frame *frame);

/* Encode; returns the bytes of the frame. Asserts that every field is in its range, that a message
 * has no field that is not of its type, and room for link_wire_bytes_max(). */
size_t link_wire_encode(uint8_t *target, size_t target_bytes, const struct link_frame *frame);

/* Look at a header alone: `*frame_bytes` is the whole frame's. STATUS_SHORT: fewer than
 * LINK_WIRE_HEADER_BYTES. STATUS_BAD_VERSION, STATUS_BAD_FORMAT: never the start of a frame. */
MUST_USE enum status link_wire_peek(uint32_t *frame_bytes, const uint8_t *source,
                                    size_t source_bytes);

/* Decode exactly one whole frame. Pointers in `frame` point into `source`. STATUS_SHORT: not whole.
 * STATUS_BAD_VERSION, STATUS_BAD_FORMAT. */
MUST_USE enum status link_wire_decode(struct link_frame *frame, const uint8_t *source,
                                      size_t source_bytes);

/* Records of a forward: `*records_bytes` grows from 0 with each. STATUS_FULL: changes nothing. */
MUST_USE enum status link_wire_record_add(uint8_t *records, size_t records_bytes_max,
                                          uint32_t *records_bytes, const void *record,
                                          uint32_t record_bytes);
/* Read the record at `*offset`, which starts at 0, and move it on. Of a decoded forward, or of what
 * link_wire_record_add() made. STATUS_NOT_FOUND at the end. */
MUST_USE enum status link_wire_record_next(const struct link_forward *forward, uint32_t *offset,
                                           const uint8_t **record, uint32_t *record_bytes);

#endif
