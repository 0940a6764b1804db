/* What the worker's thread does to fetch a snapshot from another site. */
#include <string.h>

#include "gateway/log.h"
#include "gateway/snapshot_worker_inside.h"
#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"

static void fetch_failed(struct snapshot_worker *worker, const struct snapshot_fetch *fetch,
                         uint16_t shard_id, enum status status)
{
    uint8_t *bytes = NULL;
    struct snapshot_answer *answer = snapshot_worker_begin(worker, &bytes);
    if (answer != NULL) {
        answer->kind = SNAPSHOT_ANSWER_FAILED;
        answer->site_id = fetch->site_id;
        answer->shard_id = shard_id;
        answer->status = status;
        answer->position = fetch->position;
        snapshot_worker_say(worker);
    }
}

/* It is over, well or badly. What has come stays, unless it is `dropped`. */
static void fetch_end(struct snapshot_fetch *fetch, bool dropped)
{
    if (dropped && fetch->incoming != NULL) {
        snapshot_store_incoming_drop(fetch->incoming);
    } else {
        snapshot_store_incoming_close(fetch->incoming);
    }
    fetch->incoming = NULL;
    fetch->done = fetch->position;
    fetch->done_ns = monotonic_now_ns();
}

/* Everything is here: it becomes the site's own, then a market. */
static void fetch_finish(struct snapshot_worker *worker, struct snapshot_fetch *fetch,
                         uint16_t shard_id)
{
    enum status status = snapshot_store_incoming_finish(fetch->incoming);
    if (status != STATUS_OK) {
        fetch_end(fetch, false);
        fetch_failed(worker, fetch, shard_id, status);
        return;
    }
    fetch->incoming = NULL; /* Gone with the finish. */
    uint8_t *bytes = NULL;
    struct snapshot_answer *answer = snapshot_worker_begin(worker, &bytes);
    if (answer == NULL) {
        return;
    }
    answer->kind = SNAPSHOT_ANSWER_FETCHED;
    answer->site_id = fetch->site_id;
    answer->shard_id = shard_id;
    answer->position = fetch->position;
    snapshot_worker_say(worker);
    snapshot_worker_market_make(worker, shard_id, &fetch->position);
    fetch_end(fetch, false);
}

/* Ask for what is missing, a few pieces ahead. */
static void fetch_ask(struct snapshot_worker *worker, struct snapshot_fetch *fetch,
                      uint16_t shard_id)
{
    uint64_t offset = 0;
    uint32_t bytes_max = 0;
    if (fetch->outstanding == 0) {
        fetch->offset = 0; /* From the first that is missing. */
        if (!snapshot_store_incoming_next(fetch->incoming, 0, &offset, &bytes_max)) {
            fetch_finish(worker, fetch, shard_id);
            return;
        }
    }
    while (fetch->outstanding < SNAPSHOT_WORKER_WINDOW &&
           snapshot_store_incoming_next(fetch->incoming, fetch->offset, &offset, &bytes_max)) {
        uint8_t *bytes = NULL;
        struct snapshot_answer *answer = snapshot_worker_begin(worker, &bytes);
        if (answer == NULL) {
            return;
        }
        answer->kind = SNAPSHOT_ANSWER_ASK;
        answer->site_id = fetch->site_id;
        answer->shard_id = shard_id;
        answer->request = (struct link_snapshot_request){.log_index = fetch->position.log_index,
                                                         .offset = offset,
                                                         .bytes_max = bytes_max};
        memcpy(answer->request.chain_hash, fetch->position.chain_hash, REPLICA_HASH_BYTES);
        snapshot_worker_say(worker);
        fetch->offset = offset + bytes_max;
        fetch->outstanding++;
        fetch->asked_ns = monotonic_now_ns();
    }
}

static bool fetch_is_of(const struct replica_position *one, const struct replica_position *other)
{
    return one->log_index == other->log_index && replica_message_same_chain(one, other);
}

void snapshot_worker_fetch_begin(struct snapshot_worker *worker, const struct snapshot_task *task)
{
    struct snapshot_fetch *fetch = &worker->fetches[task->shard_id - 1];
    uint64_t now_ns = monotonic_now_ns();
    if (fetch->incoming != NULL && fetch_is_of(&fetch->position, &task->position)) {
        if (fetch->site_id != task->site_id) {
            fetch->site_id = task->site_id;
            fetch->outstanding = 0; /* What the other was asked for is not waited for. */
        }
        return;
    }
    bool comes = fetch->incoming != NULL && now_ns - fetch->heard_ns < 2 * SNAPSHOT_WORKER_AGAIN_NS;
    bool done = fetch->done_ns != 0 && fetch_is_of(&fetch->done, &task->position) &&
                now_ns - fetch->done_ns < SNAPSHOT_WORKER_DONE_NS;
    if (comes || done) {
        return;
    }
    if (fetch->incoming != NULL) {
        fetch_end(fetch, true);
    }
    fetch->site_id = task->site_id;
    fetch->position = task->position;
    fetch->offset = 0;
    fetch->outstanding = 0;
    fetch->heard_ns = now_ns;
    /* What another life began and nobody offers any more only takes room. */
    enum status cleaned =
        snapshot_store_incoming_clean(worker->store, task->shard_id, task->position.log_index);
    enum status status =
        snapshot_store_incoming(worker->store, task->shard_id, &task->position, &fetch->incoming);
    if (status == STATUS_EXISTS) {
        snapshot_worker_market_make(worker, task->shard_id, &task->position);
        fetch_end(fetch, false);
    } else if (status != STATUS_OK || cleaned != STATUS_OK) {
        fetch_end(fetch, false);
        fetch_failed(worker, fetch, task->shard_id, status == STATUS_OK ? cleaned : status);
    }
}

/* Whether what was wrong with a piece is the sender's manifest: nothing more of it is wanted. */
static bool fetch_is_over(enum status status)
{
    return status == STATUS_FOREIGN || status == STATUS_UNKNOWN_KEY ||
           status == STATUS_BAD_SIGNATURE || status == STATUS_BAD_VERSION ||
           status == STATUS_BAD_CHAIN;
}

void snapshot_worker_fetch_take(struct snapshot_worker *worker, const struct snapshot_task *task,
                                const uint8_t *bytes)
{
    struct snapshot_fetch *fetch = &worker->fetches[task->shard_id - 1];
    /* Who was not asked can neither bring a piece nor say that there are none. */
    if (fetch->incoming == NULL || task->site_id != fetch->site_id ||
        task->position.log_index != fetch->position.log_index ||
        memcmp(task->position.chain_hash, fetch->position.chain_hash, REPLICA_HASH_BYTES) != 0) {
        return;
    }
    fetch->outstanding -= fetch->outstanding > 0 ? 1 : 0;
    if (task->bytes_count == 0) { /* It is not there any more; another one will be offered. */
        fetch_end(fetch, true);
        fetch_failed(worker, fetch, task->shard_id, STATUS_NOT_FOUND);
        return;
    }
    enum status status = snapshot_store_incoming_take(fetch->incoming, task->offset, bytes,
                                                      task->bytes_count, task->total_bytes);
    if (status == STATUS_OK) {
        fetch->heard_ns = monotonic_now_ns();
        return;
    }
    log_line(LOG_LEVEL_WARN, "snapshot-piece-refused", "shard=%u log_index=%llu offset=%llu why=%s",
             task->shard_id, (unsigned long long)task->position.log_index,
             (unsigned long long)task->offset, status_text(status));
    bool disk = status != STATUS_BAD_FORMAT && status != STATUS_BAD_CHECKSUM;
    if (fetch_is_over(status) || disk) {
        fetch_end(fetch, fetch_is_over(status));
        fetch_failed(worker, fetch, task->shard_id, status);
    }
}

void snapshot_worker_fetch_turn(struct snapshot_worker *worker)
{
    for (uint16_t shard_id = 1; shard_id <= SHARDS_MAX; shard_id++) {
        struct snapshot_fetch *fetch = &worker->fetches[shard_id - 1];
        if (fetch->incoming == NULL) {
            continue;
        }
        uint64_t now_ns = monotonic_now_ns();
        if (now_ns - fetch->heard_ns >= SNAPSHOT_WORKER_GIVE_UP_NS) {
            fetch_end(fetch, false);
            fetch->done_ns = 0; /* The next offer may be the same, and goes on. */
            fetch_failed(worker, fetch, shard_id, STATUS_TIMEOUT);
            continue;
        }
        if (fetch->outstanding > 0 && now_ns - fetch->asked_ns >= SNAPSHOT_WORKER_AGAIN_NS) {
            fetch->outstanding = 0;
        }
        fetch_ask(worker, fetch, shard_id);
    }
}
