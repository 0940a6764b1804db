/* Records of a snapshot of the engine, as bytes and as structs (snapshot.md).
 *
 * One function a record goes over its fields in both directions, so that what is written and what
 * is read cannot differ. Values are taken as they are: snapshot_read.c judges them. Pure. */
#ifndef MATCHING_SNAPSHOT_RECORD_H
#define MATCHING_SNAPSHOT_RECORD_H

#include <stdint.h>

#include "matching/administration.h"
#include "matching/engine.h"
#include "matching/market.h"

#define SNAPSHOT_MAGIC   UINT64_C(0x454E49474E455743) /* "CWENGINE". */
#define SNAPSHOT_VERSION 2u

/* Values are the format: never renumber. */
enum snapshot_record_type {
    SNAPSHOT_HEAD = 1,
    SNAPSHOT_FIRM = 2,
    SNAPSHOT_SESSION = 3,
    SNAPSHOT_INSTRUMENT = 4,
    SNAPSHOT_LEVEL = 5,
    SNAPSHOT_ORDER = 6,
    SNAPSHOT_ANSWER = 7,
    SNAPSHOT_END = 8,
};

/* What there is once, and how many of each thing follow. */
struct snapshot_head {
    uint64_t magic;
    uint32_t version;
    struct engine_limits limits;
    uint64_t event_hash; /* Of the writer: over every event so far. */
    uint64_t timestamp_ns;
    uint64_t order_id_next;
    uint64_t match_number_next;
    struct market_totals totals;
    uint64_t day_end_ns;
    uint8_t day_end_set; /* 0 or 1. */
    uint64_t reopening_ns;
    uint8_t reopening_set; /* 0 or 1. */
    struct command_shard shard;
    uint32_t shard_version;
    uint32_t firms_count;
    uint32_t sessions_count;
    uint32_t instruments_count;
    uint32_t orders_count;
    uint64_t answers_count; /* Ever given; at most ADMIN_REQUESTS_MAX of them follow. */
};

struct snapshot_firm {
    uint32_t version;
    struct command_firm terms;
};

struct snapshot_session {
    uint32_t version;
    struct command_session terms;
    uint64_t input_number_next;
    uint64_t sequence_next;
    uint64_t generation;
    uint32_t epoch;
    uint8_t attached_site_id;
    uint8_t grace_runs; /* 0 or 1; the two numbers after it are 0 unless it does. */
    uint64_t grace_ends_ns;
    uint32_t grace_length_ms;
    uint32_t references[CHANNELS_MAX];
};

struct snapshot_instrument {
    uint32_t version;
    struct command_instrument terms;
};

/* A price of the instrument before it; its orders follow, oldest first. */
struct snapshot_level {
    uint8_t book_side;
    int64_t price;
};

struct snapshot_order {
    uint64_t order_id;
    uint64_t leaves_lots;
    uint64_t cumulative_lots;
    uint32_t session_id;
    uint32_t user_reference;
    uint8_t channel;
    uint8_t side;
    uint8_t time_in_force;
    uint8_t capacity;
    uint8_t cross;
};

struct snapshot_end {
    uint64_t records_count; /* Before this one. */
    uint64_t hash;          /* checksum_bytes() over each of them, one after the other. */
};

struct snapshot_record {
    uint8_t type; /* enum snapshot_record_type. */
    union {
        struct snapshot_head head;
        struct snapshot_firm firm;
        struct snapshot_session session;
        struct snapshot_instrument instrument;
        struct snapshot_level level;
        struct snapshot_order order;
        struct administration_answer answer;
        struct snapshot_end end;
    } body;
};

#define SNAPSHOT_RECORD_BYTES_MAX 256u

/* Bytes of a record of this type, which is their first byte; 0: there is no such type. */
uint32_t snapshot_record_bytes(uint8_t type);

/* `bytes` has room for SNAPSHOT_RECORD_BYTES_MAX; returns how many it takes. Reserved fields are
 * not written. Asserts: the type exists. */
uint32_t snapshot_record_store(const struct snapshot_record *record, uint8_t *bytes);

/* `bytes` has the bytes of its type. Reserved fields become zero. Asserts: the type exists. */
void snapshot_record_load(struct snapshot_record *record, const uint8_t *bytes);

#endif
