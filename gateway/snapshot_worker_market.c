/* Markets that the worker's thread makes of snapshots that are here. */
#include <stdio.h>
#include <string.h>

#include "gateway/log.h"
#include "gateway/site_files.h"
#include "gateway/snapshot_worker_inside.h"
#include "matching/base/assertion.h"
#include "matching/snapshot.h"

/* A new body; of the snapshot at `log_index`, unless that is 0. */
static enum status market_make(struct snapshot_worker *worker, uint16_t shard_id,
                               uint64_t log_index, struct site_market_body *body,
                               struct snapshot_manifest *facts)
{
    const struct config *config = worker->options.config;
    char path[CONFIG_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/" SITE_STREAM_NEXT_FILE, config->data, shard_id);
    *facts = (struct snapshot_manifest){.shard_id = shard_id};
    enum status status = site_market_body_make(body, config, path);
    if (status == STATUS_OK && log_index > 0) {
        status =
            market_snapshot_load(worker->snapshot, worker->store, shard_id, log_index, body->engine,
                                 body->streams, config->tuning.sessions_max, facts);
        if (status != STATUS_OK) {
            site_market_body_free(body);
        }
    }
    return status;
}

void snapshot_worker_market_write(const struct engine *engine, const char *path)
{
    struct snapshot_writer writer;
    uint8_t bytes[4096];
    size_t count = 0;
    FILE *file = fopen(path, "wxe");
    enum status status = file != NULL ? STATUS_MORE : STATUS_IO;
    snapshot_write_start(&writer, engine);
    while (status == STATUS_MORE) {
        status = snapshot_write(&writer, bytes, sizeof bytes, &count);
        if (fwrite(bytes, 1, count, file) != count) {
            status = STATUS_IO;
        }
    }
    bool closed = file != NULL && fclose(file) == 0;
    log_line(LOG_LEVEL_WARN, "evidence", "file=\"%s\" kept=%d", path,
             status == STATUS_OK && closed);
}

bool snapshot_worker_market_at_fault(enum status status)
{
    /* Not memory, descriptors or the disk under it: another time it may be read. */
    return status == STATUS_SHORT || status == STATUS_BAD_FORMAT || status == STATUS_BAD_VERSION ||
           status == STATUS_BAD_CHECKSUM || status == STATUS_BAD_SIGNATURE ||
           status == STATUS_BAD_CHAIN || status == STATUS_UNKNOWN_KEY || status == STATUS_DAMAGED ||
           status == STATUS_FOREIGN;
}

enum status snapshot_worker_market_aside(struct snapshot_worker *worker, uint16_t shard_id,
                                         uint64_t log_index)
{
    uint32_t removed = 0;
    enum status status = snapshot_store_set_aside(worker->store, shard_id, log_index, &removed);
    if (removed > 0) {
        log_line(LOG_LEVEL_WARN, "bad-snapshots-removed",
                 "shard=%u removed=%u kept=%u text=\"they made room for one that was set aside\"",
                 shard_id, removed, SNAPSHOT_BAD_KEPT);
    }
    return status;
}

static void market_set_aside(struct snapshot_worker *worker, uint16_t shard_id, uint64_t log_index,
                             enum status why)
{
    enum status status = snapshot_worker_market_aside(worker, shard_id, log_index);
    log_line(LOG_LEVEL_ERROR, "snapshot-set-aside", "shard=%u log_index=%llu why=%s kept=%s",
             shard_id, (unsigned long long)log_index, status_text(why), status_text(status));
}

static void market_say(struct snapshot_worker *worker, uint16_t shard_id, bool rebuilt,
                       enum status status, struct site_market_body *body,
                       const struct snapshot_manifest *facts)
{
    uint8_t *bytes = NULL;
    struct snapshot_answer *answer = snapshot_worker_begin(worker, &bytes);
    if (answer == NULL) {
        if (status == STATUS_OK) {
            site_market_body_free(body);
        }
        return;
    }
    answer->kind = status == STATUS_OK ? SNAPSHOT_ANSWER_MARKET : SNAPSHOT_ANSWER_FAILED;
    answer->shard_id = shard_id;
    answer->rebuilt = rebuilt;
    answer->status = status;
    answer->position = facts->position;
    if (status == STATUS_OK) {
        answer->body = *body;
        answer->facts = *facts;
    }
    snapshot_worker_say(worker);
}

void snapshot_worker_market_make(struct snapshot_worker *worker, uint16_t shard_id,
                                 const struct replica_position *position)
{
    struct site_market_body body;
    struct snapshot_manifest facts;
    ASSERT(position->log_index > 0);
    enum status status = market_make(worker, shard_id, position->log_index, &body, &facts);
    if (status == STATUS_OK && !replica_message_same_chain(&facts.position, position)) {
        site_market_body_free(&body);
        status = STATUS_BAD_CHAIN; /* The one here under this name is of another history. */
    }
    if (snapshot_worker_market_at_fault(status)) {
        market_set_aside(worker, shard_id, position->log_index, status);
    }
    facts.position = *position;
    market_say(worker, shard_id, false, status, &body, &facts);
}

void snapshot_worker_market_again(struct snapshot_worker *worker, const struct snapshot_task *task)
{
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    uint32_t count = snapshot_store_list(worker->store, task->shard_id, log_indexes);
    struct site_market_body body = {0};
    struct snapshot_manifest facts = {0};
    enum status status = STATUS_NOT_FOUND;
    uint32_t at = 0;
    for (; at < count && status != STATUS_OK; at++) {
        if (log_indexes[at] > task->last_log_index) {
            continue;
        }
        if (log_indexes[at] >= task->position.log_index) {
            market_set_aside(worker, task->shard_id, log_indexes[at], STATUS_BAD_CHECKSUM);
            continue;
        }
        status = market_make(worker, task->shard_id, log_indexes[at], &body, &facts);
        if (snapshot_worker_market_at_fault(status)) {
            market_set_aside(worker, task->shard_id, log_indexes[at], status);
        } else if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
            break;
        }
    }
    if (at == count && status != STATUS_OK) {
        status = market_make(worker, task->shard_id, 0, &body, &facts);
    }
    market_say(worker, task->shard_id, true, status, &body, &facts);
}
