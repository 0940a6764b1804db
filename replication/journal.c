#include "replication/journal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/journal_inside.h"

#define JOURNAL_WARN_PERCENT   70u
#define JOURNAL_REFUSE_PERCENT 90u

const char *journal_error(const struct journal *journal)
{
    return journal == NULL ? "no memory for the journal" : journal->error.text;
}

const uint8_t *journal_incarnation(const struct journal *journal)
{
    ASSERT(journal != NULL);
    return journal->id.incarnation;
}

static struct journal_shard *journal_shard(struct journal *journal, uint16_t shard_id)
{
    ASSERT(shard_id > 0);
    ASSERT(shard_id <= SHARDS_MAX);
    return &journal->shards[shard_id - 1];
}

void journal_close(struct journal *journal)
{
    if (journal == NULL) {
        return;
    }
    /* The store reads the image, so it ends before the ring does. */
    if (journal->wal.file != NULL) {
        if (wal_finish(&journal->wal, &journal->error) == STATUS_OK &&
            journal->status == STATUS_OK) {
            store_publish(journal->store, journal->wal.persisted_position);
        }
    }
    if (journal->store != NULL) {
        store_close(journal->store);
    }
    if (journal->wal.file != NULL) {
        wal_close(&journal->wal);
    }
    if (journal->lock >= 0) {
        (void)close(journal->lock);
    }
    free(journal->segment);
    free(journal->positions);
    free(journal);
}

static void journal_tail_copy(const struct journal_shard *shard, const struct journal_tail *source,
                              struct journal_tail *tail)
{
    *tail = *source;
    if (tail->first_log_index < shard->trimmed_log_index) {
        tail->first_log_index = shard->trimmed_log_index;
    }
    ASSERT(tail->first_log_index <= tail->last_log_index + 1);
}

void journal_persisted(const struct journal *journal, uint16_t shard_id, struct journal_tail *tail)
{
    ASSERT(shard_id > 0);
    ASSERT(shard_id <= SHARDS_MAX);
    const struct journal_shard *shard = &journal->shards[shard_id - 1];
    journal_tail_copy(shard, &shard->persisted, tail);
}

void journal_appended(const struct journal *journal, uint16_t shard_id, struct journal_tail *tail)
{
    ASSERT(shard_id > 0);
    ASSERT(shard_id <= SHARDS_MAX);
    const struct journal_shard *shard = &journal->shards[shard_id - 1];
    journal_tail_copy(shard, &shard->appended.tail, tail);
}

static void journal_write(struct journal *journal)
{
    uint64_t number = wal_write(&journal->wal);
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        struct journal_shard *shard = &journal->shards[i];
        shard->closed[number % WAL_WRITES_IN_FLIGHT_MAX] = shard->appended.tail;
    }
    journal_repair_closed(journal, number);
}

/* Make room for a record in the frame being filled, if need be in a new one. */
static bool journal_room_now(struct journal *journal, uint32_t record_bytes, bool vote)
{
    if (wal_frame_fits(&journal->wal, record_bytes, vote)) {
        return true;
    }
    if (journal->wal.records_bytes == 0 || !wal_writable(&journal->wal) ||
        !wal_ring_fits(&journal->wal, record_bytes, vote)) {
        return false;
    }
    journal_write(journal);
    ASSERT(wal_frame_fits(&journal->wal, record_bytes, vote));
    return true;
}

enum status journal_room(struct journal *journal, uint32_t record_bytes, bool vote)
{
    if (journal->status != STATUS_OK) {
        return journal->status;
    }
    if (journal_room_now(journal, record_bytes, vote)) {
        return STATUS_OK;
    }
    /* Ask first, look again then: progress in between is not missed. */
    store_want(journal->store);
    enum status status = journal_poll(journal);
    if (status != STATUS_OK) {
        return status;
    }
    return journal_room_now(journal, record_bytes, vote) ? STATUS_OK : STATUS_FULL;
}

enum status journal_append(struct journal *journal, const uint8_t *segment_source,
                           const struct segment *segment, uint64_t last_timestamp_ns)
{
    struct journal_shard *shard = journal_shard(journal, segment->shard_id);
    struct journal_tail *tail = &shard->appended.tail;
    ASSERT(segment->cluster_id == journal->id.cluster_id);
    ASSERT(segment->log_index == tail->last_log_index + 1);
    ASSERT(segment->term >= tail->last_term);
    ASSERT(memcmp(segment->previous_chain_hash, tail->last_chain_hash, SEGMENT_HASH_BYTES) == 0);

    struct wal_record record = {.type = WAL_RECORD_SEGMENT,
                                .shard_id = segment->shard_id,
                                .last_timestamp_ns = last_timestamp_ns,
                                .segment = segment_source,
                                .segment_bytes = (uint32_t)segment_bytes(segment)};
    enum status status = journal_room(journal, wal_record_bytes(&record), false);
    if (status == STATUS_OK && journal_index_full(&shard->index)) {
        store_want(journal->store);
        status = journal_poll(journal);
        if (status == STATUS_OK && journal_index_full(&shard->index)) {
            status = STATUS_FULL;
        }
    }
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t position = wal_append(&journal->wal, &record);
    journal_index_add(&shard->index, segment->log_index, position);
    journal_tail_append(tail, segment, last_timestamp_ns);
    return STATUS_OK;
}

/* The tail of a log that ends at `log_index`, from the segment there or from the base. */
static enum status journal_end(struct journal *journal, uint16_t shard_id, uint64_t log_index,
                               struct journal_tail *end)
{
    const struct journal_state *state = &journal_shard(journal, shard_id)->appended;
    *end = state->tail;
    if (log_index == state->base.last_log_index) {
        journal_tail_cut(end, &state->base);
        return STATUS_OK;
    }
    size_t bytes;
    uint64_t last_timestamp_ns;
    struct segment segment;
    enum status status = journal_read_stamped(journal, shard_id, log_index, journal->segment,
                                              SEGMENT_BYTES_MAX, &bytes, &last_timestamp_ns);
    if (status != STATUS_OK) {
        return status;
    }
    status = segment_open(&segment, journal->segment, bytes);
    ASSERT(status == STATUS_OK);
    end->last_log_index = log_index;
    end->last_term = segment.term;
    memcpy(end->last_chain_hash, segment.chain_hash, SEGMENT_HASH_BYTES);
    end->next_command_sequence = segment.first_command_sequence + segment.command_count;
    end->last_timestamp_ns = last_timestamp_ns;
    return STATUS_OK;
}

enum status journal_truncate(struct journal *journal, uint16_t shard_id, uint64_t log_index)
{
    struct journal_shard *shard = journal_shard(journal, shard_id);
    ASSERT(log_index > 0);
    if (journal->status != STATUS_OK || log_index > shard->appended.tail.last_log_index) {
        return journal->status;
    }
    struct journal_tail appended;
    journal_appended(journal, shard_id, &appended);
    if (log_index < appended.first_log_index) {
        journal_error_set(&journal->error,
                          "shard %u cannot be cut at log index %" PRIu64 ": it begins at %" PRIu64,
                          (unsigned)shard_id, log_index, appended.first_log_index);
        return STATUS_NOT_FOUND;
    }
    struct wal_record record = {.type = WAL_RECORD_TRUNCATE,
                                .shard_id = shard_id,
                                .log_index = log_index};
    enum status status = journal_end(journal, shard_id, log_index - 1, &record.tail);
    if (status == STATUS_OK) {
        status = journal_room(journal, wal_record_bytes(&record), false);
    }
    if (status != STATUS_OK) {
        return status;
    }
    (void)wal_append(&journal->wal, &record);
    journal_tail_cut(&shard->appended.tail, &record.tail);
    journal_index_cut(&shard->index, log_index - 1);
    return STATUS_OK;
}

enum status journal_base(struct journal *journal, uint16_t shard_id,
                         const struct journal_tail *tail)
{
    struct journal_shard *shard = journal_shard(journal, shard_id);
    ASSERT(tail->last_log_index > 0);
    ASSERT(tail->last_term > 0);
    ASSERT(tail->next_command_sequence > 0);
    ASSERT(tail->last_log_index + 1 >= shard->trimmed_log_index);

    struct wal_record record = {.type = WAL_RECORD_BASE, .shard_id = shard_id, .tail = *tail};
    record.tail.first_log_index = tail->last_log_index + 1;
    enum status status = journal_room(journal, wal_record_bytes(&record), false);
    if (status != STATUS_OK) {
        return status;
    }
    (void)wal_append(&journal->wal, &record);
    journal_tail_rebase(&shard->appended, &record.tail);
    journal_index_cut(&shard->index, 0);
    return STATUS_OK;
}

enum status journal_vote(struct journal *journal, uint16_t shard_id, uint64_t term,
                         uint8_t voted_site_id)
{
    struct journal_shard *shard = journal_shard(journal, shard_id);
    ASSERT(term > 0);
    struct wal_record record = {.type = WAL_RECORD_VOTE,
                                .shard_id = shard_id,
                                .term = term,
                                .voted_site_id = voted_site_id};
    enum status status = journal_room(journal, wal_record_bytes(&record), true);
    if (status != STATUS_OK) {
        return status;
    }
    journal_tail_vote(&shard->appended.tail, term, voted_site_id);
    (void)wal_append(&journal->wal, &record);
    return STATUS_OK;
}

enum status journal_flush(struct journal *journal)
{
    ASSERT(journal != NULL);
    if (journal->status == STATUS_OK && journal->wal.records_bytes > 0 &&
        wal_writable(&journal->wal)) {
        journal_write(journal);
    }
    return journal->status;
}

bool journal_writable(const struct journal *journal)
{
    ASSERT(journal != NULL);
    if (journal->status != STATUS_OK || !wal_writable(&journal->wal)) {
        return false;
    }
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        if (journal_index_full(&journal->shards[i].index)) {
            return false;
        }
    }
    uint32_t record_bytes = WAL_RECORD_HEADER_BYTES + ((SEGMENT_BYTES_MAX + 7u) & ~7u);
    return wal_frame_fits(&journal->wal, record_bytes, false) ||
           wal_ring_fits(&journal->wal, record_bytes, false);
}

enum status journal_complete(struct journal *journal, const struct io_completion *completion)
{
    ASSERT(completion->token == journal->options.io_token);
    uint64_t before = journal->wal.persisted_number;
    enum status status = wal_complete(&journal->wal, completion, &journal->error);
    if (status != STATUS_OK) {
        return journal_open_fail(journal, status);
    }
    uint64_t number = journal->wal.persisted_number;
    if (journal->status != STATUS_OK || number == before) {
        return journal->status;
    }
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        struct journal_shard *shard = &journal->shards[i];
        shard->persisted = shard->closed[number % WAL_WRITES_IN_FLIGHT_MAX];
    }
    journal_repair_persisted(journal, number);
    store_publish(journal->store, journal->wal.persisted_position);
    return STATUS_OK;
}

enum status journal_poll(struct journal *journal)
{
    ASSERT(journal->store != NULL);
    if (journal->status != STATUS_OK) {
        return journal->status;
    }
    struct store_progress progress;
    store_progress(journal->store, &progress);
    if (progress.status != STATUS_OK) {
        journal_error_set(&journal->error, "%s", store_error(journal->store));
        return journal_open_fail(journal, progress.status);
    }
    if (progress.position > journal->wal.released_position) {
        wal_release(&journal->wal, progress.position);
        for (uint32_t i = 0; i < SHARDS_MAX; i++) {
            journal_index_release(&journal->shards[i].index, progress.position);
        }
    }
    return STATUS_OK;
}

enum status journal_trim(struct journal *journal, uint16_t shard_id, uint64_t log_index)
{
    struct journal_shard *shard = journal_shard(journal, shard_id);
    ASSERT(log_index > 0);
    ASSERT(log_index <= shard->persisted.last_log_index + 1);
    if (journal->status == STATUS_OK && log_index > shard->trimmed_log_index) {
        shard->trimmed_log_index = log_index;
        store_trim(journal->store, shard_id, log_index);
    }
    return journal->status;
}

void journal_usage(const struct journal *journal, struct journal_usage *usage)
{
    ASSERT(journal->store != NULL);
    struct store_progress progress;
    store_progress(journal->store, &progress);
    *usage = (struct journal_usage){
        .wal_bytes = journal->wal.image.ring_bytes,
        .wal_used_bytes = wal_used_bytes(&journal->wal),
        .wal_written_bytes = journal->wal.written_bytes,
        .wal_writes = journal->wal.written_count,
        .store_bytes = journal->id.store_bytes,
        .store_used_bytes = progress.used_bytes,
        .store_commits = progress.commits,
        .frames_recovered = journal->frames_recovered,
    };
    uint64_t percent_bytes = usage->store_bytes / 100;
    usage->store_warn = usage->store_used_bytes >= JOURNAL_WARN_PERCENT * percent_bytes;
    usage->store_refuse = usage->store_used_bytes >= JOURNAL_REFUSE_PERCENT * percent_bytes;
    ASSERT(usage->store_warn || !usage->store_refuse);
}
