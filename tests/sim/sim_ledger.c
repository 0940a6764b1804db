#include "tests/sim/sim_ledger.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "replication/wal_frame.h"
#include "replication/wal_record.h"

static struct sim_ledger_shard *ledger_shard(struct sim_ledger *ledger, uint16_t shard_id)
{
    ASSERT(shard_id > 0);
    ASSERT(shard_id <= SHARDS_MAX);
    return &ledger->shards[shard_id - 1];
}

static void ledger_forget(struct sim_ledger *ledger)
{
    for (uint32_t at = 0; at < WAL_WRITES_IN_FLIGHT_MAX; at++) {
        free(ledger->early[at].bytes);
        ledger->early[at] = (struct sim_ledger_frame){0};
    }
    ledger->next_number = 0;
}

void sim_ledger_reset(struct sim_ledger *ledger)
{
    ledger_forget(ledger);
    ledger->violation = NULL;
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        struct sim_ledger_shard *shard = &ledger->shards[at];
        *shard = (struct sim_ledger_shard){.chains = shard->chains,
                                           .capacity = shard->capacity,
                                           .first = 1};
    }
}

void sim_ledger_free(struct sim_ledger *ledger)
{
    ledger_forget(ledger);
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        free(ledger->shards[at].chains);
        ledger->shards[at] = (struct sim_ledger_shard){0};
    }
}

static void ledger_set(struct sim_ledger_shard *shard, uint64_t log_index, uint64_t chain)
{
    if (log_index >= shard->capacity) {
        uint64_t capacity = (log_index + 1) * 2 > 1024 ? (log_index + 1) * 2 : 1024;
        shard->chains = realloc(shard->chains, capacity * sizeof shard->chains[0]);
        ASSERT(shard->chains != NULL);
        shard->capacity = capacity;
    }
    shard->chains[log_index] = chain;
}

static void ledger_vote(struct sim_ledger *ledger, struct sim_ledger_shard *shard,
                        const struct wal_record *record)
{
    if (record->term < shard->term || (record->term == shard->term && shard->voted_site_id != 0 &&
                                       record->voted_site_id != shard->voted_site_id)) {
        ledger->violation = "a journal voted twice in a term, or went back";
    }
    shard->term = record->term;
    shard->voted_site_id = record->voted_site_id;
}

static void ledger_record(struct sim_ledger *ledger, const struct wal_record *record)
{
    if (record->type == WAL_RECORD_START || record->type == WAL_RECORD_REPAIR) {
        return; /* Nothing of a log. */
    }
    struct sim_ledger_shard *shard = ledger_shard(ledger, record->shard_id);
    struct segment segment;
    switch (record->type) {
    case WAL_RECORD_SEGMENT:
        if (segment_open(&segment, record->segment, record->segment_bytes) != STATUS_OK ||
            segment.log_index != shard->last + 1) {
            ledger->violation = "a journal wrote a segment that does not follow the last one";
            return;
        }
        ledger_set(shard, segment.log_index, bytes_load_le64(segment.chain_hash));
        shard->last = segment.log_index;
        return;
    case WAL_RECORD_TRUNCATE:
        ASSERT(record->log_index > 0);
        shard->last = record->log_index - 1 < shard->last ? record->log_index - 1 : shard->last;
        return;
    case WAL_RECORD_BASE:
        shard->last = record->tail.last_log_index;
        shard->first = shard->last + 1;
        ledger_set(shard, shard->last, bytes_load_le64(record->tail.last_chain_hash));
        return;
    case WAL_RECORD_VOTE:
        ledger_vote(ledger, shard, record);
        return;
    case WAL_RECORD_START:
    case WAL_RECORD_REPAIR:
        break;
    }
    ASSERT(false);
}

static void ledger_read(struct sim_ledger *ledger, const uint8_t *bytes)
{
    struct wal_frame frame;
    wal_frame_fields(&frame, bytes);
    uint32_t done_bytes = 0;
    while (done_bytes < frame.records_bytes) {
        struct wal_record record;
        uint32_t record_bytes;
        enum status status =
            wal_record_load(&record, &record_bytes, bytes + WAL_FRAME_HEADER_BYTES + done_bytes,
                            frame.records_bytes - done_bytes);
        if (status != STATUS_OK) {
            ledger->violation = "a journal wrote a record that cannot be read";
            return;
        }
        ledger_record(ledger, &record);
        done_bytes += record_bytes;
    }
    ledger->next_number++;
}

static struct sim_ledger_frame *ledger_early(struct sim_ledger *ledger, uint64_t number)
{
    return &ledger->early[number % WAL_WRITES_IN_FLIGHT_MAX];
}

void sim_ledger_writing(struct sim_ledger *ledger, const uint8_t *bytes)
{
    struct wal_frame frame;
    wal_frame_fields(&frame, bytes);
    ASSERT(frame.number > 0);
    if (ledger->next_number == 0) {
        ledger->next_number = frame.number;
    }
}

void sim_ledger_written(struct sim_ledger *ledger, const uint8_t *bytes)
{
    struct wal_frame frame;
    wal_frame_fields(&frame, bytes);
    ASSERT(ledger->next_number > 0);
    ASSERT(frame.number >= ledger->next_number);
    if (frame.number > ledger->next_number) {
        struct sim_ledger_frame *early = ledger_early(ledger, frame.number);
        size_t size = WAL_FRAME_HEADER_BYTES + (size_t)frame.records_bytes;
        ASSERT(early->bytes == NULL);
        early->number = frame.number;
        early->bytes = malloc(size);
        ASSERT(early->bytes != NULL);
        memcpy(early->bytes, bytes, size);
        return;
    }
    ledger_read(ledger, bytes);
    for (;;) {
        struct sim_ledger_frame *early = ledger_early(ledger, ledger->next_number);
        if (early->bytes == NULL || early->number != ledger->next_number) {
            return;
        }
        ledger_read(ledger, early->bytes);
        free(early->bytes);
        *early = (struct sim_ledger_frame){0};
    }
}

bool sim_ledger_holds(const struct sim_ledger *ledger, uint16_t shard_id, uint64_t log_index,
                      uint64_t chain)
{
    const struct sim_ledger_shard *shard = &ledger->shards[shard_id - 1];
    ASSERT(log_index > 0);
    if (log_index > shard->last) {
        return false;
    }
    /* Below a snapshot's base its chain hash stands for all. */
    return log_index + 1 < shard->first || shard->chains[log_index] == chain;
}

/* Take over what the journal found, from its end back to where it is what was here. */
static void ledger_follow(struct sim_ledger *ledger, struct journal *journal, uint16_t shard_id,
                          const struct journal_tail *tail, uint8_t *segment_bytes)
{
    struct sim_ledger_shard *shard = ledger_shard(ledger, shard_id);
    uint64_t was_last = shard->last;
    shard->last = tail->last_log_index;
    if (tail->last_log_index == 0) {
        return;
    }
    uint64_t at = tail->last_log_index;
    if (at < tail->first_log_index) { /* Only a base. */
        ledger_set(shard, at, bytes_load_le64(tail->last_chain_hash));
        shard->first = at + 1;
        return;
    }
    for (; at >= tail->first_log_index && at > 0; at--) {
        size_t bytes;
        struct segment segment;
        if (journal_read(journal, shard_id, at, segment_bytes, SEGMENT_BYTES_MAX, &bytes) !=
                STATUS_OK ||
            segment_open(&segment, segment_bytes, bytes) != STATUS_OK) {
            return; /* Rot in the store; whoever reads it next will say so. */
        }
        uint64_t chain = bytes_load_le64(segment.chain_hash);
        if (at <= was_last && at >= shard->first && shard->chains[at] == chain) {
            return;
        }
        ledger_set(shard, at, chain);
        if (at == tail->first_log_index && at > shard->first) {
            /* What stands before it is committed, and a snapshot stands for it. */
            ledger_set(shard, at - 1, bytes_load_le64(segment.previous_chain_hash));
            shard->first = at;
        }
    }
}

void sim_ledger_opened(struct sim_ledger *ledger, struct journal *journal, uint16_t shard_count,
                       const uint64_t *const *chains, const uint64_t *committed)
{
    ASSERT(journal != NULL);
    uint8_t *segment_bytes = malloc(SEGMENT_BYTES_MAX);
    ASSERT(segment_bytes != NULL);
    ledger_forget(ledger);
    for (uint16_t shard_id = 1; shard_id <= shard_count; shard_id++) {
        struct sim_ledger_shard *shard = ledger_shard(ledger, shard_id);
        struct journal_tail tail;
        journal_persisted(journal, shard_id, &tail);
        uint64_t must =
            committed[shard_id - 1] < shard->last ? committed[shard_id - 1] : shard->last;
        /* What else was here at these places may have been on its way out. */
        while (must >= shard->first && shard->chains[must] != chains[shard_id - 1][must]) {
            must--;
        }
        if (tail.last_log_index < must) {
            ledger->violation = "a restart lost committed segments that were durable";
        }
        if (tail.term < shard->term || (tail.term == shard->term && shard->voted_site_id != 0 &&
                                        tail.voted_site_id != shard->voted_site_id)) {
            ledger->violation = "a restart lost a vote that was durable";
        }
        shard->term = tail.term;
        shard->voted_site_id = tail.voted_site_id;
        ledger_follow(ledger, journal, shard_id, &tail, segment_bytes);
    }
    free(segment_bytes);
}
