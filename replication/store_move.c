#include "replication/store_move.h"

#include <inttypes.h>
#include <string.h>

#include "matching/base/assertion.h"

/* LMDB keys are size_t in the order of the machine. */
static MDB_val store_move_key(size_t *log_index)
{
    return (MDB_val){sizeof *log_index, log_index};
}

static int store_move_segment(struct store_move *move, MDB_txn *txn,
                              const struct wal_record *record, struct journal_state *state)
{
    struct segment segment;
    if (segment_open(&segment, record->segment, record->segment_bytes) != STATUS_OK ||
        segment.shard_id != record->shard_id ||
        segment.log_index != state->tail.last_log_index + 1 ||
        segment.first_command_sequence != state->tail.next_command_sequence) {
        return MDB_CORRUPTED;
    }
    size_t log_index = segment.log_index;
    MDB_val key = store_move_key(&log_index);
    MDB_val value = {STORE_ENV_ENTRY_BYTES + record->segment_bytes, NULL};
    int result = mdb_put(txn, move->env->segments[record->shard_id - 1], &key, &value,
                         MDB_APPEND | MDB_RESERVE);
    if (result != 0) {
        return result;
    }
    uint8_t *target = value.mv_data;
    memcpy(target + STORE_ENV_ENTRY_BYTES, record->segment, record->segment_bytes);
    store_env_entry_seal(target, record->segment_bytes, record->last_timestamp_ns);
    journal_tail_append(&state->tail, &segment, record->last_timestamp_ns);
    return 0;
}

/* Delete entries from one end as long as they lie beyond `log_index`: above it (newest first), or
 * below it (oldest first). At most `count_max`; `*more` says whether some are left. */
static int store_move_delete(MDB_txn *txn, MDB_dbi database, bool above, uint64_t log_index,
                             uint64_t count_max, bool *more)
{
    MDB_cursor *cursor;
    int result = mdb_cursor_open(txn, database, &cursor);
    if (result != 0) {
        return result;
    }
    uint64_t count = 0;
    *more = false;
    for (;;) {
        MDB_val key;
        MDB_val value;
        result = mdb_cursor_get(cursor, &key, &value, above ? MDB_LAST : MDB_FIRST);
        if (result != 0 || key.mv_size != sizeof(size_t)) {
            result = result == 0 ? MDB_CORRUPTED : result;
            break;
        }
        size_t found;
        memcpy(&found, key.mv_data, sizeof found);
        if (above ? found <= log_index : found >= log_index) {
            break;
        }
        if (count == count_max) {
            *more = true;
            break;
        }
        result = mdb_cursor_del(cursor, 0);
        if (result != 0) {
            break;
        }
        count++;
    }
    mdb_cursor_close(cursor);
    return result == MDB_NOTFOUND ? 0 : result;
}

static int store_move_repair(struct store_move *move, MDB_txn *txn, const struct wal_record *record)
{
    ASSERT(move->repairs != NULL);
    ASSERT(record->type == WAL_RECORD_REPAIR);
    struct journal_repair *repair = &move->repairs[record->shard_id - 1];
    *repair =
        (struct journal_repair){.generation = record->generation, .state = record->repair_state};
    if (record->repair != NULL) {
        memcpy(repair->record, record->repair, JOURNAL_REPAIR_BYTES);
    }
    return store_env_repair_store(move->env, txn, record->shard_id - 1u, repair);
}

static int store_move_record(struct store_move *move, MDB_txn *txn, const struct wal_record *record,
                             struct store_facts *facts)
{
    if (record->type == WAL_RECORD_START) {
        return 0;
    }
    ASSERT(record->shard_id > 0);
    ASSERT(record->shard_id <= SHARDS_MAX);
    struct journal_state *state = &facts->states[record->shard_id - 1];
    MDB_dbi database = move->env->segments[record->shard_id - 1];
    bool more;
    switch (record->type) {
    case WAL_RECORD_SEGMENT:
        return store_move_segment(move, txn, record, state);
    case WAL_RECORD_TRUNCATE:
        if (record->tail.last_log_index > state->tail.last_log_index) {
            return MDB_CORRUPTED;
        }
        journal_tail_cut(&state->tail, &record->tail);
        return store_move_delete(txn, database, true, record->tail.last_log_index, UINT64_MAX,
                                 &more);
    case WAL_RECORD_BASE:
        journal_tail_rebase(state, &record->tail);
        /* What lies below goes later, a few entries at a time; what lies above would be in the way
         * of the next append. */
        return store_move_delete(txn, database, true, record->tail.last_log_index, UINT64_MAX,
                                 &more);
    case WAL_RECORD_VOTE:
        journal_tail_vote(&state->tail, record->term, record->voted_site_id);
        return 0;
    case WAL_RECORD_REPAIR:
        return store_move_repair(move, txn, record);
    case WAL_RECORD_START:
        break;
    }
    ASSERT(false);
    return MDB_CORRUPTED;
}

static int store_move_frame(struct store_move *move, MDB_txn *txn, const struct wal_frame *frame,
                            const uint8_t *records, struct store_facts *facts)
{
    uint32_t done_bytes = 0;
    while (done_bytes < frame->records_bytes) {
        struct wal_record record;
        uint32_t record_bytes;
        enum status status = wal_record_load(&record, &record_bytes, records + done_bytes,
                                             frame->records_bytes - done_bytes);
        int result =
            status == STATUS_OK ? store_move_record(move, txn, &record, facts) : MDB_CORRUPTED;
        if (result != 0) {
            return result;
        }
        done_bytes += record_bytes;
    }
    ASSERT(done_bytes == frame->records_bytes);
    return 0;
}

uint32_t store_move_next_bytes(const struct store_move *move)
{
    struct wal_place place = move->facts.place;
    struct wal_frame frame;
    const uint8_t *records;
    wal_chain_trusted(move->image, &place, &frame, &records);
    return wal_frame_bytes(&frame);
}

static int store_move_frames(struct store_move *move, MDB_txn *txn, uint64_t position,
                             struct store_facts *facts)
{
    uint64_t start = facts->place.position;
    uint64_t bytes_max = move->env->store_bytes / 64;
    if (bytes_max > STORE_MOVE_BYTES_MAX) {
        bytes_max = STORE_MOVE_BYTES_MAX;
    }
    uint64_t taken_bytes = 0;
    while (facts->place.position < position && facts->place.position - start < bytes_max) {
        struct wal_place place = facts->place;
        struct wal_frame frame;
        const uint8_t *records;
        wal_chain_trusted(move->image, &place, &frame, &records);
        taken_bytes += wal_frame_bytes(&frame);
        if (taken_bytes > move->room_bytes) {
            break;
        }
        int result = store_move_frame(move, txn, &frame, records, facts);
        if (result != 0) {
            return result;
        }
        facts->place = place;
    }
    ASSERT(facts->place.position <= position);
    return 0;
}

static int store_move_trim(struct store_move *move, MDB_txn *txn, struct store_facts *facts,
                           bool *trimming)
{
    *trimming = false;
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        struct journal_tail *tail = &facts->states[i].tail;
        uint64_t first = move->trim_log_index[i];
        if (first > tail->last_log_index + 1) {
            first = tail->last_log_index + 1;
        }
        if (first > tail->first_log_index) {
            tail->first_log_index = first;
        }
        bool more;
        int result = store_move_delete(txn, move->env->segments[i], false, tail->first_log_index,
                                       STORE_MOVE_TRIM_MAX, &more);
        if (result != 0) {
            return result;
        }
        *trimming = *trimming || more;
    }
    return 0;
}

enum status store_move_commit(struct store_move *move, uint64_t position,
                              struct journal_error *error)
{
    ASSERT(position >= move->facts.place.position);
    MDB_txn *txn;
    int result = mdb_txn_begin(move->env->env, NULL, 0, &txn);
    if (result != 0) {
        return store_env_failed(move->env, "begin a transaction in", result, error);
    }
    struct store_facts facts = move->facts;
    bool trimming;
    facts.commit_number++;
    result = store_move_frames(move, txn, position, &facts);
    if (result == 0) {
        result = store_move_trim(move, txn, &facts, &trimming);
    }
    if (result == 0) {
        result = store_env_facts_store(move->env, txn, &facts, move->image->ring_bytes);
    }
    if (result != 0) {
        mdb_txn_abort(txn);
        return store_env_failed(move->env, "write", result, error);
    }
    result = mdb_txn_commit(txn);
    if (result != 0) {
        return store_env_failed(move->env, "commit to", result, error);
    }
    struct store_head_facts head;
    store_facts_head(&facts, &head);
    enum status status = store_head_write(move->head, &head, error);
    if (status != STATUS_OK) {
        return status;
    }
    move->facts = facts;
    move->trimming = trimming;
    ASSERT(move->facts.place.position <= position);
    return STATUS_OK;
}
