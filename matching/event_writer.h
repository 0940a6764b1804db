/* Writes events into the caller's batch and folds them into the event hash.
 *
 * Words, not fields: each event is put together in registers and stored once, as the same
 * little-endian words that the hash takes; bytes stored singly and loaded again as words would
 * stall the processor. All inline: an event is a good part of what a command costs. The functions
 * name what each word is; event.h has the layout, asserted here. One engine owns one writer. */
#ifndef MATCHING_EVENT_WRITER_H
#define MATCHING_EVENT_WRITER_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "matching/event.h"
#include "matching/event_hash.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are written as they lie");
static_assert(offsetof(struct event, session_id) == 4, "head");
static_assert(offsetof(struct event, sequence) == 8, "word 1");
static_assert(offsetof(struct event, timestamp_ns) == 16, "word 2");
static_assert(offsetof(struct event, user_reference) == 24, "word 3");
static_assert(offsetof(struct event, instrument_id) == 28, "word 3");
static_assert(offsetof(struct event, quantity_lots) == 32, "word 4");
static_assert(offsetof(struct event, match_number) == 40, "word 5");
static_assert(offsetof(struct event, price) == 48, "word 6");
static_assert(offsetof(struct event, order_id) == 56, "word 7");
static_assert(offsetof(struct event, minimum_lots) == 64, "word 8");
static_assert(offsetof(struct event, deadline_ns) == 72, "word 9");
static_assert(offsetof(struct event, original_user_reference) == 80, "word 10");
static_assert(offsetof(struct event, capacity) == 88, "word 11");
static_assert(offsetof(struct event, client_order_id) == 92, "words 11, 12, 13");
static_assert(offsetof(struct event, symbol) == 112, "word 14");

struct event_writer {
    struct event *events; /* The caller's batch. */
    uint32_t capacity;
    uint32_t count;
    uint64_t timestamp_ns; /* Of the command. */
    uint64_t hash;         /* Over every event so far. */
};

/* Start a batch. The hash goes on. */
static inline void event_writer_start(struct event_writer *writer, struct event *events,
                                      uint32_t capacity)
{
    ASSERT(events != NULL);
    writer->events = events;
    writer->capacity = capacity;
    writer->count = 0;
}

/* Events that still fit. */
static inline uint32_t event_writer_room(const struct event_writer *writer)
{
    return writer->capacity - writer->count;
}

static inline uint64_t event_writer_head(uint8_t type, uint8_t channel, uint8_t reason,
                                         uint8_t state, uint32_t session_id)
{
    return (uint64_t)type | (uint64_t)channel << 8 | (uint64_t)reason << 16 |
           (uint64_t)state << 24 | (uint64_t)session_id << 32;
}

static inline uint64_t event_writer_reference(uint32_t user_reference, uint32_t instrument_id)
{
    return (uint64_t)user_reference | (uint64_t)instrument_id << 32;
}

/* The next place in the batch, its first five words stored. */
static inline uint8_t *event_writer_place(struct event_writer *writer, uint64_t head,
                                          uint64_t sequence, uint64_t reference,
                                          uint64_t quantity_lots)
{
    ASSERT(writer->count < writer->capacity);
    uint8_t *target = (uint8_t *)&writer->events[writer->count++];
    bytes_store_le64(target, head);
    bytes_store_le64(target + 8, sequence);
    bytes_store_le64(target + 16, writer->timestamp_ns);
    bytes_store_le64(target + 24, reference);
    bytes_store_le64(target + 32, quantity_lots);
    return target;
}

/* The products of the words that every event has, and of `rest`: word 5, or the count of words. */
static inline event_hash_sum event_writer_sum(const struct event_writer *writer, uint64_t head,
                                              uint64_t sequence, uint64_t reference,
                                              uint64_t quantity_lots, uint64_t rest)
{
    return event_hash_pair(0, head, sequence) +
           event_hash_pair(2, writer->timestamp_ns, reference) +
           event_hash_pair(4, quantity_lots, rest);
}

/* Zero in words 7 to 15, spelled out: compilers make a slow string instruction of a memset() here.
 */
static inline void event_writer_clear(uint8_t *target)
{
    bytes_store_le64(target + 56, 0);
    bytes_store_le64(target + 64, 0);
    bytes_store_le64(target + 72, 0);
    bytes_store_le64(target + 80, 0);
    bytes_store_le64(target + 88, 0);
    bytes_store_le64(target + 96, 0);
    bytes_store_le64(target + 104, 0);
    bytes_store_le64(target + 112, 0);
    bytes_store_le64(target + 120, 0);
}

/* 40 bytes: system, account, canceled, logoff. */
static inline void event_writer_put_short(struct event_writer *writer, uint64_t head,
                                          uint64_t sequence, uint64_t reference,
                                          uint64_t quantity_lots)
{
    uint8_t *target = event_writer_place(writer, head, sequence, reference, quantity_lots);
    bytes_store_le64(target + 40, 0);
    bytes_store_le64(target + 48, 0);
    event_writer_clear(target);
    event_hash_sum sum = event_writer_sum(writer, head, sequence, reference, quantity_lots, 5);
    writer->hash = event_hash_step(writer->hash, sum);
}

/* 56 bytes: executed, logon, administration. */
static inline void event_writer_put_trade(struct event_writer *writer, uint64_t head,
                                          uint64_t sequence, uint64_t reference,
                                          uint64_t quantity_lots, uint64_t match_number,
                                          int64_t price)
{
    uint8_t *target = event_writer_place(writer, head, sequence, reference, quantity_lots);
    bytes_store_le64(target + 40, match_number);
    bytes_store_le64(target + 48, (uint64_t)price);
    event_writer_clear(target);
    event_hash_sum sum =
        event_writer_sum(writer, head, sequence, reference, quantity_lots, match_number);
    writer->hash = event_hash_step(writer->hash, sum + event_hash_pair(6, (uint64_t)price, 7));
}

/* 120 bytes: accepted, replaced, rejected. `command` is an enter or replace whose order is echoed
 * as it stands there. */
void event_writer_put_order(struct event_writer *writer, uint64_t head, uint64_t sequence,
                            uint64_t reference, uint64_t order_id, const struct command *command);

#endif
