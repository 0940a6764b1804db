/* A journal in memory that persists, fills up and fails as a test says. Included by the tests of
 * shard*.c alone: it stands in for journal.c. */
#ifndef TESTS_REPLICATION_SHARD_FAKE_H
#define TESTS_REPLICATION_SHARD_FAKE_H

#include <stdlib.h>
#include <string.h>

#include "replication/journal.h"
#include "tests/support/cmocka_all.h"

#define FAKE_SEGMENTS_MAX 4096u
#define FAKE_SHARD        2u
#define FAKE_SITE         3u
#define FAKE_CLUSTER      UINT64_C(77)

struct fake_segment {
    uint8_t *bytes;
    size_t size;
    uint64_t last_timestamp_ns;
};

struct journal {
    struct fake_segment segments[FAKE_SEGMENTS_MAX];
    uint64_t first_log_index;
    struct journal_tail base; /* What stands before first_log_index, if that is not 1. */
    uint64_t appended;        /* Log index of the last one appended. */
    uint64_t flushed;         /* What a write has been started for. */
    uint64_t persisted;       /* What survives a crash. */
    uint64_t term;
    uint8_t voted_site_id;
    uint64_t term_appended;
    uint8_t voted_appended;
    bool term_flushed;
    bool writable;
    struct journal_generation generation;      /* What is durable of a repair; */
    struct journal_generation generation_next; /* what is appended, */
    bool generation_waits;
    bool generation_flushed;
    uint32_t full_count; /* So many appends find no room. */
    enum status append_status;
    enum status flush_status;
};

static void fake_tail(const struct journal *journal, uint64_t last, struct journal_tail *tail)
{
    *tail = (struct journal_tail){.first_log_index = journal->first_log_index,
                                  .last_log_index = last,
                                  .next_command_sequence = 1,
                                  .term = journal->term,
                                  .voted_site_id = journal->voted_site_id};
    if (last > 0 && last == journal->base.last_log_index) {
        tail->last_term = journal->base.last_term;
        tail->next_command_sequence = journal->base.next_command_sequence;
        tail->last_timestamp_ns = journal->base.last_timestamp_ns;
        memcpy(tail->last_chain_hash, journal->base.last_chain_hash, SEGMENT_HASH_BYTES);
    } else if (last > 0) {
        const struct fake_segment *stored = &journal->segments[last];
        struct segment segment;
        assert_int_equal(segment_open(&segment, stored->bytes, stored->size), STATUS_OK);
        tail->last_term = segment.term;
        tail->next_command_sequence = segment.first_command_sequence + segment.command_count;
        tail->last_timestamp_ns = stored->last_timestamp_ns;
        memcpy(tail->last_chain_hash, segment.chain_hash, SEGMENT_HASH_BYTES);
    }
}

void journal_persisted(const struct journal *journal, uint16_t shard_id, struct journal_tail *tail)
{
    assert_int_equal(shard_id, FAKE_SHARD);
    fake_tail(journal, journal->persisted, tail);
}

void journal_appended(const struct journal *journal, uint16_t shard_id, struct journal_tail *tail)
{
    assert_int_equal(shard_id, FAKE_SHARD);
    fake_tail(journal, journal->appended, tail);
}

enum status journal_append(struct journal *journal, const uint8_t *segment_source,
                           const struct segment *segment, uint64_t last_timestamp_ns)
{
    if (journal->append_status != STATUS_OK) {
        return journal->append_status;
    }
    if (journal->full_count > 0) {
        journal->full_count--;
        return STATUS_FULL;
    }
    struct journal_tail tail;
    fake_tail(journal, journal->appended, &tail);
    struct segment opened;
    size_t bytes = segment_bytes(segment);
    assert_int_equal(segment_open(&opened, segment_source, bytes), STATUS_OK);
    assert_int_equal(segment_verify_chain(&opened, FAKE_CLUSTER, FAKE_SHARD, tail.last_log_index,
                                          tail.last_chain_hash),
                     STATUS_OK);
    assert_int_equal(opened.first_command_sequence, tail.next_command_sequence);
    assert_true(last_timestamp_ns >= tail.last_timestamp_ns);
    struct fake_segment *stored = &journal->segments[++journal->appended];
    assert_true(journal->appended < FAKE_SEGMENTS_MAX);
    stored->bytes = malloc(bytes);
    assert_non_null(stored->bytes);
    memcpy(stored->bytes, segment_source, bytes);
    stored->size = bytes;
    stored->last_timestamp_ns = last_timestamp_ns;
    return STATUS_OK;
}

enum status journal_vote(struct journal *journal, uint16_t shard_id, uint64_t term,
                         uint8_t voted_site_id)
{
    assert_int_equal(shard_id, FAKE_SHARD);
    assert_true(term > journal->term);
    journal->term_appended = term;
    journal->voted_appended = voted_site_id;
    journal->term_flushed = false;
    return journal->append_status;
}

void journal_generation(const struct journal *journal, uint16_t shard_id,
                        struct journal_generation *generation)
{
    assert_int_equal(shard_id, FAKE_SHARD);
    *generation = journal->generation;
}

static enum status fake_repair(struct journal *journal, const struct journal_generation *next)
{
    if (journal->full_count > 0) {
        journal->full_count--;
        return STATUS_FULL;
    }
    assert_false(journal->generation_waits);
    journal->generation_next = *next;
    journal->generation_waits = true;
    journal->generation_flushed = false;
    return STATUS_OK;
}

enum status journal_promise(struct journal *journal, uint16_t shard_id, const struct repair *repair)
{
    assert_int_equal(shard_id, FAKE_SHARD);
    const struct journal_generation next = {.generation = repair->previous_generation,
                                            .accepted = true,
                                            .repair = *repair};
    return fake_repair(journal, &next);
}

enum status journal_activate(struct journal *journal, uint16_t shard_id)
{
    assert_int_equal(shard_id, FAKE_SHARD);
    struct journal_generation next = journal->generation;
    assert_true(next.accepted && !next.active);
    next.active = true;
    next.generation = next.repair.generation;
    return fake_repair(journal, &next);
}

enum status journal_flush(struct journal *journal)
{
    if (journal->flush_status == STATUS_OK) {
        journal->generation_flushed = journal->generation_waits;
        journal->flushed = journal->appended;
        journal->term_flushed = true;
    }
    return journal->flush_status;
}

bool journal_writable(const struct journal *journal)
{
    return journal->writable;
}

enum status journal_read(struct journal *journal, uint16_t shard_id, uint64_t log_index,
                         uint8_t *target, size_t target_bytes, size_t *segment_bytes)
{
    assert_int_equal(shard_id, FAKE_SHARD);
    assert_true(log_index > 0);
    if (log_index < journal->first_log_index || log_index > journal->appended) {
        return STATUS_NOT_FOUND;
    }
    assert_true(journal->segments[log_index].size <= target_bytes);
    *segment_bytes = journal->segments[log_index].size;
    memcpy(target, journal->segments[log_index].bytes, *segment_bytes);
    return STATUS_OK;
}

static void fake_drop(struct journal *journal, uint64_t log_index);

enum status journal_truncate(struct journal *journal, uint16_t shard_id, uint64_t log_index)
{
    assert_int_equal(shard_id, FAKE_SHARD);
    assert_true(log_index > 0 && log_index <= journal->appended);
    if (journal->append_status == STATUS_OK) {
        fake_drop(journal, log_index - 1);
    }
    return journal->append_status;
}

enum status journal_base(struct journal *journal, uint16_t shard_id,
                         const struct journal_tail *tail)
{
    assert_int_equal(shard_id, FAKE_SHARD);
    assert_true(tail->last_log_index > 0);
    fake_drop(journal, 0);
    journal->base = *tail;
    journal->first_log_index = tail->last_log_index + 1;
    journal->appended = journal->flushed = journal->persisted = tail->last_log_index;
    return STATUS_OK;
}

static void fake_persist_vote(struct journal *journal)
{
    assert_true(journal->term_flushed);
    journal->term = journal->term_appended;
    journal->voted_site_id = journal->voted_appended;
}

/* Make durable what a write has been started for, at most up to `log_index`. */
static void fake_persist(struct journal *journal, uint64_t log_index)
{
    if (journal->term_flushed) {
        fake_persist_vote(journal);
    }
    if (journal->generation_flushed) {
        journal->generation = journal->generation_next;
        journal->generation_waits = journal->generation_flushed = false;
    }
    if (log_index > journal->flushed) {
        log_index = journal->flushed;
    }
    if (log_index > journal->persisted) {
        journal->persisted = log_index;
    }
}

static void fake_drop(struct journal *journal, uint64_t log_index)
{
    for (; journal->appended > log_index; journal->appended--) {
        free(journal->segments[journal->appended].bytes);
        journal->segments[journal->appended].bytes = NULL;
    }
    journal->flushed = journal->appended;
    if (journal->persisted > journal->appended) {
        journal->persisted = journal->appended;
    }
}

/* What the process leaves behind when it is killed. */
static void fake_crash(struct journal *journal)
{
    fake_drop(journal, journal->persisted);
    journal->term_appended = journal->term;
    journal->voted_appended = journal->voted_site_id;
    journal->generation_waits = journal->generation_flushed = false;
}

#endif
