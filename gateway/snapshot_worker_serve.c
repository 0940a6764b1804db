/* Pieces of snapshots that the worker's thread reads for other sites. */
#include <string.h>

#include "gateway/snapshot_worker_inside.h"
#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"

static void serving_close(struct snapshot_serving *serving)
{
    snapshot_store_source_close(serving->source);
    serving->source = NULL;
}

void snapshot_worker_serve_turn(struct snapshot_worker *worker, bool all)
{
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        struct snapshot_serving *serving = &worker->servings[at];
        if (serving->source != NULL &&
            (all || monotonic_now_ns() - serving->asked_ns >= SNAPSHOT_WORKER_GIVE_UP_NS)) {
            serving_close(serving);
        }
    }
}

/* The newest good one of the shard, but for that which was asked for. */
static void serve_other(struct snapshot_worker *worker, uint16_t shard_id, uint64_t asked_log_index,
                        struct replica_position *other)
{
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    uint32_t count = snapshot_store_list(worker->store, shard_id, log_indexes);
    *other = (struct replica_position){0};
    for (uint32_t at = 0; at < count && other->log_index == 0; at++) {
        struct snapshot_source *source = NULL;
        if (log_indexes[at] != asked_log_index &&
            snapshot_store_source(worker->store, shard_id, log_indexes[at], &source) == STATUS_OK) {
            *other = snapshot_store_source_manifest(source)->position;
        }
        snapshot_store_source_close(source);
    }
}

/* It is here by name and not what was written: nobody shall have it. */
static void serve_damaged(struct snapshot_worker *worker, const struct snapshot_task *task)
{
    uint64_t log_index = task->position.log_index;
    enum status status = snapshot_worker_market_aside(worker, task->shard_id, log_index);
    struct replica_position other;
    serve_other(worker, task->shard_id, log_index, &other);
    uint8_t *bytes = NULL;
    struct snapshot_answer *answer = snapshot_worker_begin(worker, &bytes);
    if (answer != NULL) {
        answer->kind = SNAPSHOT_ANSWER_DAMAGED;
        answer->shard_id = task->shard_id;
        answer->status = status;
        answer->position = task->position;
        answer->other = other;
        snapshot_worker_say(worker);
    }
}

/* Open what is asked for, unless it is open. */
static enum status serve_open(struct snapshot_worker *worker, const struct snapshot_task *task)
{
    struct snapshot_serving *serving = &worker->servings[task->shard_id - 1];
    if (serving->source != NULL &&
        snapshot_store_source_manifest(serving->source)->position.log_index !=
            task->position.log_index) {
        serving_close(serving);
    }
    if (serving->source == NULL) {
        enum status status = snapshot_store_source(worker->store, task->shard_id,
                                                   task->position.log_index, &serving->source);
        if (status != STATUS_OK) {
            return status;
        }
    }
    serving->asked_ns = monotonic_now_ns();
    const struct snapshot_manifest *manifest = snapshot_store_source_manifest(serving->source);
    return replica_message_same_chain(&manifest->position, &task->position) ? STATUS_OK
                                                                            : STATUS_NOT_FOUND;
}

void snapshot_worker_serve_piece(struct snapshot_worker *worker, const struct snapshot_task *task)
{
    struct snapshot_serving *serving = &worker->servings[task->shard_id - 1];
    uint8_t *bytes = NULL;
    struct snapshot_answer *answer = snapshot_worker_begin(worker, &bytes);
    if (answer == NULL) {
        return;
    }
    answer->kind = SNAPSHOT_ANSWER_PIECE;
    answer->site_id = task->site_id;
    answer->shard_id = task->shard_id;
    answer->piece.log_index = task->position.log_index;
    memcpy(answer->piece.chain_hash, task->position.chain_hash, REPLICA_HASH_BYTES);
    enum status status = serve_open(worker, task);
    uint32_t count = 0;
    if (status == STATUS_OK) {
        status = snapshot_store_source_serve(serving->source, task->offset, bytes,
                                             task->bytes_count, &count, &answer->piece.total_bytes);
    }
    if (status == STATUS_BAD_ARGUMENT) {
        return; /* Beyond its end: nobody who follows the protocol asks for that. */
    }
    if (status == STATUS_OK) {
        answer->piece.offset = task->offset;
        answer->piece.bytes = bytes;
        answer->piece.bytes_count = count;
    } else {
        answer->piece.total_bytes = 0; /* Not here: another one will be offered. */
    }
    snapshot_worker_say(worker);
    if (snapshot_worker_market_at_fault(status)) {
        serving_close(serving);
        serve_damaged(worker, task);
    }
}
