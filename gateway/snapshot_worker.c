#include "gateway/snapshot_worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/snapshot_worker_inside.h"
#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"

#define WORKER_REST_NS UINT64_C(100000000) /* Looks at the time at least so often. */
#define WORKER_ROOM_NS UINT64_C(1000000)   /* Likewise whether the loop has taken an answer. */
#define WORKER_NS      UINT64_C(1000000000)

/* ---- The rows ---- */

static uint64_t row_count(struct snapshot_row *row)
{
    uint64_t taken = atomic_load_explicit(&row->taken, memory_order_acquire);
    uint64_t filled = atomic_load_explicit(&row->filled, memory_order_acquire);
    ASSERT(filled - taken <= SNAPSHOT_WORKER_ROW);
    return filled - taken;
}

/* Its places are used in turn: by who fills, */
static uint64_t row_next(struct snapshot_row *row)
{
    return atomic_load_explicit(&row->filled, memory_order_relaxed) % SNAPSHOT_WORKER_ROW;
}

/* and by who takes. */
static uint64_t row_first(struct snapshot_row *row)
{
    return atomic_load_explicit(&row->taken, memory_order_relaxed) % SNAPSHOT_WORKER_ROW;
}

static void row_fill(struct snapshot_row *row)
{
    ASSERT(row_count(row) < SNAPSHOT_WORKER_ROW);
    atomic_fetch_add_explicit(&row->filled, 1, memory_order_release);
}

static void row_take(struct snapshot_row *row)
{
    ASSERT(row_count(row) > 0);
    atomic_fetch_add_explicit(&row->taken, 1, memory_order_release);
}

/* ---- The thread ---- */

static void worker_rest(struct snapshot_worker *worker, uint64_t rest_ns)
{
    uint64_t until_ns = monotonic_now_ns() + rest_ns;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / WORKER_NS),
                                   .tv_nsec = (long)(until_ns % WORKER_NS)};
    int result = sem_clockwait(&worker->work, CLOCK_MONOTONIC, &until);
    ASSERT(result == 0 || errno == ETIMEDOUT || errno == EINTR);
}

static bool worker_stops(struct snapshot_worker *worker)
{
    return atomic_load_explicit(&worker->stop, memory_order_acquire);
}

struct snapshot_answer *snapshot_worker_begin(struct snapshot_worker *worker, uint8_t **bytes)
{
    while (row_count(&worker->answers) == SNAPSHOT_WORKER_ROW && !worker_stops(worker)) {
        worker_rest(worker, WORKER_ROOM_NS);
    }
    if (worker_stops(worker)) {
        return NULL;
    }
    uint64_t place = row_next(&worker->answers);
    struct snapshot_answer *answer = &worker->answer[place];
    *answer = (struct snapshot_answer){0};
    *bytes = worker->answer_bytes + place * SNAPSHOT_CHUNK_BYTES;
    return answer;
}

void snapshot_worker_say(struct snapshot_worker *worker)
{
    row_fill(&worker->answers);
    worker->options.wake(worker->options.wake_context);
}

static void worker_do(struct snapshot_worker *worker, struct snapshot_task *task,
                      const uint8_t *bytes)
{
    switch (task->kind) {
    case SNAPSHOT_TASK_SERVE:
        snapshot_worker_serve_piece(worker, task);
        return;
    case SNAPSHOT_TASK_FETCH:
        snapshot_worker_fetch_begin(worker, task);
        return;
    case SNAPSHOT_TASK_TAKE:
        snapshot_worker_fetch_take(worker, task, bytes);
        return;
    case SNAPSHOT_TASK_REBUILD:
        snapshot_worker_market_again(worker, task);
        return;
    case SNAPSHOT_TASK_DISCARD:
        if (task->evidence[0] != '\0') {
            snapshot_worker_market_write(task->body.engine, task->evidence);
        }
        site_market_body_free(&task->body);
        return;
    }
    ASSERT(false);
}

static void *worker_run(void *argument)
{
    struct snapshot_worker *worker = argument;
    while (!worker_stops(worker)) {
        while (sem_trywait(&worker->work) == 0) {
        }
        while (row_count(&worker->tasks) > 0 && !worker_stops(worker)) {
            snapshot_store_trust(worker->store, atomic_load_explicit(&worker->verifier_count,
                                                                     memory_order_acquire));
            uint64_t place = row_first(&worker->tasks);
            worker_do(worker, &worker->task[place],
                      worker->task_bytes + place * SNAPSHOT_CHUNK_BYTES);
            row_take(&worker->tasks);
        }
        snapshot_worker_fetch_turn(worker);
        snapshot_worker_serve_turn(worker, false);
        if (row_count(&worker->tasks) == 0) {
            worker_rest(worker, WORKER_REST_NS);
        }
    }
    return NULL;
}

/* ---- The loop ---- */

/* The thread takes all of them before it looks for work: none is lost, and they never pile up. */
static void worker_wake(struct snapshot_worker *worker)
{
    int failed = sem_post(&worker->work);
    ASSERT(failed == 0);
}

void snapshot_worker_trust(struct snapshot_worker *worker, uint32_t verifier_count)
{
    ASSERT(verifier_count >= worker->options.store.verifier_count);
    atomic_store_explicit(&worker->verifier_count, verifier_count, memory_order_release);
}

static enum status worker_push(struct snapshot_worker *worker, const struct snapshot_task *task,
                               const uint8_t *bytes)
{
    /* Pieces leave room for what matters more: they come again. */
    uint64_t room = task->kind == SNAPSHOT_TASK_SERVE || task->kind == SNAPSHOT_TASK_TAKE
                        ? SNAPSHOT_WORKER_ROW - 2
                        : SNAPSHOT_WORKER_ROW;
    if (row_count(&worker->tasks) >= room) {
        return STATUS_FULL;
    }
    uint64_t place = row_next(&worker->tasks);
    worker->task[place] = *task;
    if (bytes != NULL) {
        ASSERT(task->bytes_count <= SNAPSHOT_CHUNK_BYTES);
        memcpy(worker->task_bytes + place * SNAPSHOT_CHUNK_BYTES, bytes, task->bytes_count);
    }
    row_fill(&worker->tasks);
    worker_wake(worker);
    return STATUS_OK;
}

enum status snapshot_worker_serve(struct snapshot_worker *worker, uint8_t site_id,
                                  uint16_t shard_id, const struct link_snapshot_request *request)
{
    struct snapshot_task task = {.kind = SNAPSHOT_TASK_SERVE,
                                 .site_id = site_id,
                                 .shard_id = shard_id,
                                 .position = {.log_index = request->log_index},
                                 .offset = request->offset,
                                 .bytes_count = request->bytes_max};
    ASSERT(shard_id >= 1 && shard_id <= SHARDS_MAX);
    memcpy(task.position.chain_hash, request->chain_hash, REPLICA_HASH_BYTES);
    return worker_push(worker, &task, NULL);
}

enum status snapshot_worker_fetch(struct snapshot_worker *worker, uint8_t site_id,
                                  uint16_t shard_id, const struct replica_position *position)
{
    ASSERT(shard_id >= 1 && shard_id <= SHARDS_MAX);
    ASSERT(position->log_index > 0);
    const struct snapshot_task task = {.kind = SNAPSHOT_TASK_FETCH,
                                       .site_id = site_id,
                                       .shard_id = shard_id,
                                       .position = *position};
    return worker_push(worker, &task, NULL);
}

enum status snapshot_worker_take(struct snapshot_worker *worker, uint8_t site_id, uint16_t shard_id,
                                 const struct link_snapshot_chunk *chunk)
{
    ASSERT(shard_id >= 1 && shard_id <= SHARDS_MAX);
    struct snapshot_task task = {.kind = SNAPSHOT_TASK_TAKE,
                                 .site_id = site_id,
                                 .shard_id = shard_id,
                                 .position = {.log_index = chunk->log_index},
                                 .offset = chunk->offset,
                                 .total_bytes = chunk->total_bytes,
                                 .bytes_count = chunk->bytes_count};
    memcpy(task.position.chain_hash, chunk->chain_hash, REPLICA_HASH_BYTES);
    return worker_push(worker, &task, chunk->bytes_count > 0 ? chunk->bytes : NULL);
}

enum status snapshot_worker_rebuild(struct snapshot_worker *worker, uint16_t shard_id,
                                    uint64_t below_log_index, uint64_t last_log_index)
{
    ASSERT(shard_id >= 1 && shard_id <= SHARDS_MAX);
    ASSERT(below_log_index > 0);
    const struct snapshot_task task = {.kind = SNAPSHOT_TASK_REBUILD,
                                       .shard_id = shard_id,
                                       .position = {.log_index = below_log_index},
                                       .last_log_index = last_log_index};
    return worker_push(worker, &task, NULL);
}

void snapshot_worker_discard(struct snapshot_worker *worker, struct site_market_body *body,
                             const char *evidence)
{
    struct snapshot_task task = {.kind = SNAPSHOT_TASK_DISCARD, .body = *body};
    (void)snprintf(task.evidence, sizeof task.evidence, "%s", evidence != NULL ? evidence : "");
    ASSERT(body->engine != NULL);
    if (worker_push(worker, &task, NULL) != STATUS_OK) {
        site_market_body_free(body); /* Rare: then the loop waits for it. */
    }
    *body = (struct site_market_body){0};
}

struct snapshot_answer *snapshot_worker_answer(struct snapshot_worker *worker)
{
    ASSERT(worker->started);
    return row_count(&worker->answers) > 0 ? &worker->answer[row_first(&worker->answers)] : NULL;
}

void snapshot_worker_taken(struct snapshot_worker *worker)
{
    row_take(&worker->answers);
    worker_wake(worker);
}

/* ---- Birth and death ---- */

static enum status worker_start(struct snapshot_worker *worker, char *error)
{
    worker->task_bytes = malloc((size_t)SNAPSHOT_WORKER_ROW * SNAPSHOT_CHUNK_BYTES);
    worker->answer_bytes = malloc((size_t)SNAPSHOT_WORKER_ROW * SNAPSHOT_CHUNK_BYTES);
    (void)snprintf(error, SNAPSHOT_WORKER_ERROR_BYTES, "no memory for snapshots");
    if (worker->task_bytes == NULL || worker->answer_bytes == NULL ||
        market_snapshot_create(&worker->snapshot) != STATUS_OK) {
        return STATUS_FULL;
    }
    enum status status = snapshot_store_open(&worker->store, &worker->options.store);
    if (status != STATUS_OK) {
        (void)snprintf(error, SNAPSHOT_WORKER_ERROR_BYTES, "%s",
                       worker->store == NULL ? "no memory for snapshots"
                                             : snapshot_store_error(worker->store));
        return status;
    }
    (void)snprintf(error, SNAPSHOT_WORKER_ERROR_BYTES,
                   "no thread for snapshots; raise the limit of processes");
    if (sem_init(&worker->work, 0, 0) != 0) {
        return STATUS_FULL;
    }
    worker->work_made = true;
    if (pthread_create(&worker->thread, NULL, worker_run, worker) != 0) {
        return STATUS_FULL;
    }
    worker->started = true;
    error[0] = '\0';
    return STATUS_OK;
}

enum status snapshot_worker_create(struct snapshot_worker **target,
                                   const struct snapshot_worker_options *options,
                                   char error[static SNAPSHOT_WORKER_ERROR_BYTES])
{
    ASSERT(options->wake != NULL);
    ASSERT(options->store.signer == NULL);
    *target = NULL;
    struct snapshot_worker *worker = aligned_alloc(64, (sizeof *worker + 63) & ~(size_t)63);
    if (worker == NULL) {
        (void)snprintf(error, SNAPSHOT_WORKER_ERROR_BYTES, "no memory for snapshots");
        return STATUS_FULL;
    }
    memset(worker, 0, sizeof *worker);
    worker->options = *options;
    worker->verifier_count = options->store.verifier_count;
    enum status status = worker_start(worker, error);
    if (status != STATUS_OK) {
        snapshot_worker_destroy(worker);
        return status;
    }
    *target = worker;
    return STATUS_OK;
}

static void worker_drop_rows(struct snapshot_worker *worker)
{
    for (; row_count(&worker->tasks) > 0; row_take(&worker->tasks)) {
        struct snapshot_task *task = &worker->task[row_first(&worker->tasks)];
        if (task->kind == SNAPSHOT_TASK_DISCARD) {
            site_market_body_free(&task->body);
        }
    }
    for (; row_count(&worker->answers) > 0; row_take(&worker->answers)) {
        struct snapshot_answer *answer = &worker->answer[row_first(&worker->answers)];
        if (answer->kind == SNAPSHOT_ANSWER_MARKET) {
            site_market_body_free(&answer->body);
        }
    }
}

void snapshot_worker_destroy(struct snapshot_worker *worker)
{
    if (worker == NULL) {
        return;
    }
    if (worker->started) {
        atomic_store_explicit(&worker->stop, true, memory_order_release);
        worker_wake(worker);
        int failed = pthread_join(worker->thread, NULL);
        ASSERT(failed == 0);
        worker_drop_rows(worker);
    }
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        snapshot_store_incoming_close(worker->fetches[at].incoming);
    }
    snapshot_worker_serve_turn(worker, true);
    if (worker->work_made) {
        (void)sem_destroy(&worker->work);
    }
    market_snapshot_destroy(worker->snapshot);
    snapshot_store_close(worker->store);
    free(worker->task_bytes);
    free(worker->answer_bytes);
    free(worker);
}
