/* Generations: what quorum repair makes durable, of journal.h. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/journal_inside.h"
#include "replication/repair_record.h"

static_assert(JOURNAL_REPAIR_BYTES == REPAIR_RECORD_BYTES, "the journal keeps whole repairs");

static struct journal_shard *repair_shard(struct journal *journal, uint16_t shard_id)
{
    ASSERT(shard_id > 0);
    ASSERT(shard_id <= SHARDS_MAX);
    return &journal->shards[shard_id - 1];
}

void journal_generation(const struct journal *journal, uint16_t shard_id,
                        struct journal_generation *generation)
{
    ASSERT(shard_id > 0);
    ASSERT(shard_id <= SHARDS_MAX);
    const struct journal_repair *kept = &journal->shards[shard_id - 1].repair;
    *generation = (struct journal_generation){.generation = kept->generation};
    if (kept->state != JOURNAL_REPAIR_PROMISED && kept->state != JOURNAL_REPAIR_ACTIVE) {
        return;
    }
    /* Recovery has looked at it, and the store's checksum stands for it since. */
    enum status status =
        repair_record_load(&generation->repair, kept->record, JOURNAL_REPAIR_BYTES);
    ASSERT(status == STATUS_OK);
    generation->accepted = true;
    generation->active = kept->state == JOURNAL_REPAIR_ACTIVE;
    if (!generation->active) {
        generation->generation = generation->repair.previous_generation;
    }
}

/* Append repair_next. */
static enum status repair_append(struct journal *journal, uint16_t shard_id,
                                 const struct journal_repair *next)
{
    struct journal_shard *shard = repair_shard(journal, shard_id);
    ASSERT(next->generation > 0);
    struct wal_record record = {.type = WAL_RECORD_REPAIR,
                                .shard_id = shard_id,
                                .generation = next->generation,
                                .repair_state = next->state};
    if (next->state != JOURNAL_REPAIR_JOINED) {
        record.repair = next->record;
    }
    enum status status = journal_room(journal, wal_record_bytes(&record), false);
    if (status != STATUS_OK) {
        return status;
    }
    (void)wal_append(&journal->wal, &record);
    shard->repair_next = *next;
    shard->repair_waits = true;
    shard->repair_frame = 0;
    return STATUS_OK;
}

enum status journal_promise(struct journal *journal, uint16_t shard_id, const struct repair *repair)
{
    struct journal_shard *shard = repair_shard(journal, shard_id);
    ASSERT(shard->repair.generation < repair->generation);
    if (shard->repair_waits) {
        return STATUS_NOT_YET;
    }
    struct journal_repair next = {.generation = repair->generation,
                                  .state = JOURNAL_REPAIR_PROMISED};
    repair_record_store(next.record, repair);
    return repair_append(journal, shard_id, &next);
}

enum status journal_activate(struct journal *journal, uint16_t shard_id)
{
    struct journal_shard *shard = repair_shard(journal, shard_id);
    if (shard->repair_waits) {
        return STATUS_NOT_YET;
    }
    struct journal_repair next = shard->repair;
    ASSERT(next.state == JOURNAL_REPAIR_PROMISED);
    next.state = JOURNAL_REPAIR_ACTIVE;
    return repair_append(journal, shard_id, &next);
}

enum status journal_join(struct journal *journal, uint16_t shard_id, uint64_t generation)
{
    struct journal_shard *shard = repair_shard(journal, shard_id);
    ASSERT(shard->appended.tail.last_log_index == 0);
    ASSERT(shard->appended.tail.term == 0);
    ASSERT(shard->repair.state == JOURNAL_REPAIR_NONE);
    if (shard->repair_waits) {
        return STATUS_NOT_YET;
    }
    struct journal_repair next = {.generation = generation, .state = JOURNAL_REPAIR_JOINED};
    return repair_append(journal, shard_id, &next);
}

void journal_repair_closed(struct journal *journal, uint64_t number)
{
    ASSERT(number > 0);
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        struct journal_shard *shard = &journal->shards[i];
        if (shard->repair_waits && shard->repair_frame == 0) {
            shard->repair_frame = number;
        }
    }
}

void journal_repair_persisted(struct journal *journal, uint64_t number)
{
    ASSERT(number > 0);
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        struct journal_shard *shard = &journal->shards[i];
        if (shard->repair_waits && shard->repair_frame != 0 && shard->repair_frame <= number) {
            shard->repair = shard->repair_next;
            shard->repair_waits = false;
        }
    }
}
