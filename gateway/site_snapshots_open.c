/* A site's start from snapshots: which one, and what is left to replay. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/log.h"
#include "gateway/site_files.h"
#include "gateway/site_snapshots.h"
#include "matching/base/assertion.h"

enum status site_snapshots_open_origin(const struct placement *genesis,
                                       const struct snapshot_manifest *facts,
                                       struct shard_origin *origin)
{
    *origin = (struct shard_origin){.position = facts->position,
                                    .next_command_sequence = facts->next_command_sequence,
                                    .last_timestamp_ns = facts->last_timestamp_ns,
                                    .placement_log_index = facts->membership.log_index};
    if (facts->membership.bytes_count == 0) {
        origin->placement.placement = *genesis;
        return STATUS_OK;
    }
    ASSERT(facts->membership.bytes_count <= sizeof facts->membership.bytes);
    return placement_record_load(&origin->placement, facts->membership.bytes,
                                 facts->membership.bytes_count);
}

/* What a start reads with. */
struct start_reading {
    struct snapshot_store *store;
    struct market_snapshot *snapshot;
    uint8_t *segment; /* SEGMENT_BYTES_MAX. */
};

/* Whether the journal goes on from this place: it ends there or behind it, with the same chain. */
static bool start_continues(const struct site_snapshots *snapshots, uint16_t shard_id,
                            const struct replica_position *position, uint8_t *segment_bytes)
{
    struct journal_tail tail;
    struct segment segment;
    size_t bytes = 0;
    journal_persisted(snapshots->options.journal, shard_id, &tail);
    if (position->log_index > tail.last_log_index ||
        position->log_index + 1 < tail.first_log_index) {
        return false;
    }
    if (position->log_index == tail.last_log_index) {
        return memcmp(position->chain_hash, tail.last_chain_hash, SEGMENT_HASH_BYTES) == 0;
    }
    if (journal_read(snapshots->options.journal, shard_id, position->log_index, segment_bytes,
                     SEGMENT_BYTES_MAX, &bytes) != STATUS_OK) {
        return true; /* Trimmed: the next segment's chain is compared by shard_recover(). */
    }
    return segment_open(&segment, segment_bytes, bytes) == STATUS_OK &&
           memcmp(position->chain_hash, segment.chain_hash, SEGMENT_HASH_BYTES) == 0;
}

static void start_path(struct site_snapshots *snapshots, uint32_t index, char *path,
                       size_t path_bytes)
{
    (void)snprintf(path, path_bytes, "%s/" SITE_STREAM_FILE, snapshots->options.config->data,
                   index + 1);
}

/* An empty market in the place of one that was read in part. */
static enum status start_fresh(struct site_snapshots *snapshots, uint32_t index)
{
    struct site_market_body body;
    char path[CONFIG_PATH_BYTES + 32];
    struct site_market *market = &snapshots->options.markets[index];
    start_path(snapshots, index, path, sizeof path);
    enum status status = site_market_body_make(&body, snapshots->options.config, path);
    if (status == STATUS_OK) {
        site_market_exchange(market, &body);
        snapshots->options.door_markets[index].engine = market->engine;
        snapshots->options.door_markets[index].streams = market->streams;
        site_market_body_free(&body); /* What was there before. */
    }
    return status;
}

/* Read one into the market. STATUS_NOT_FOUND: it is of no use; the market is new again. */
static enum status start_read(struct site_snapshots *snapshots, struct start_reading *reading,
                              uint32_t index, uint64_t log_index)
{
    struct site_market *market = &snapshots->options.markets[index];
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    uint16_t shard_id = snapshots->options.config->shards[index].id;
    struct snapshot_manifest facts = {0};
    struct shard_origin origin;
    enum status status =
        market_snapshot_load(reading->snapshot, reading->store, shard_id, log_index, market->engine,
                             market->streams, snapshots->options.config->tuning.sessions_max,
                             &facts);
    if (status == STATUS_OK) {
        status = site_snapshots_open_origin(shard_genesis(snapshots->options.shards[index]), &facts,
                                            &origin);
    }
    if (status == STATUS_OK &&
        !start_continues(snapshots, shard_id, &facts.position, reading->segment)) {
        status = STATUS_BAD_CHAIN;
    }
    if (status != STATUS_OK) {
        log_line(LOG_LEVEL_WARN, "snapshot-passed-over",
                 "shard=%u log_index=%llu why=%s text=\"%s\"", shard_id,
                 (unsigned long long)log_index, status_text(status),
                 snapshot_store_error(reading->store));
        status = start_fresh(snapshots, index);
        return status == STATUS_OK ? STATUS_NOT_FOUND : status;
    }
    shard_resume(snapshots->options.shards[index], &origin);
    shard->newest = facts.position;
    shard->machine_log_index = facts.position.log_index;
    log_line(LOG_LEVEL_INFO, "snapshot-read", "shard=%u log_index=%llu", shard_id,
             (unsigned long long)log_index);
    return STATUS_OK;
}

static enum status start_shard(struct site_snapshots *snapshots, struct start_reading *reading,
                               uint32_t index, char *error)
{
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    uint16_t shard_id = snapshots->options.config->shards[index].id;
    struct journal_tail tail;
    journal_persisted(snapshots->options.journal, shard_id, &tail);
    uint32_t count = snapshot_store_list(reading->store, shard_id, log_indexes);
    enum status status = STATUS_NOT_FOUND;
    for (uint32_t at = 0; at < count && status == STATUS_NOT_FOUND; at++) {
        if (log_indexes[at] <= tail.last_log_index && log_indexes[at] + 1 >= tail.first_log_index) {
            status = start_read(snapshots, reading, index, log_indexes[at]);
        }
    }
    if (status == STATUS_NOT_FOUND && tail.first_log_index == 1) {
        return STATUS_OK; /* From the very beginning. */
    }
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_SNAPSHOTS_ERROR_BYTES,
                       "shard %u: the journal begins at log index %llu and no good snapshot in %s "
                       "goes that far: %s; put a snapshot back, or let this site join anew",
                       shard_id, (unsigned long long)tail.first_log_index, snapshots->directory,
                       status_text(status));
    }
    return status;
}

enum status site_snapshots_open(struct site_snapshots *snapshots,
                                const struct site_snapshots_options *options,
                                char error[static SITE_SNAPSHOTS_ERROR_BYTES])
{
    memset(snapshots, 0, sizeof *snapshots);
    snapshots->options = *options;
    snapshots->verifier_count = options->verifier_count;
    snapshots->keys_seen = options->config->key_changes;
    ASSERT(options->verifier_count <= SITES_MAX + CONFIG_KEYS_MAX);
    memcpy(snapshots->verifiers, options->verifiers,
           options->verifier_count * sizeof options->verifiers[0]);
    (void)snprintf(snapshots->directory, sizeof snapshots->directory,
                   "%s/" SITE_SNAPSHOTS_DIRECTORY, options->config->data);
    struct start_reading reading = {.segment = malloc(SEGMENT_BYTES_MAX)};
    struct snapshot_store_options store = {.directory = snapshots->directory,
                                           .cluster_id =
                                               segment_cluster_id(options->config->cluster),
                                           .verifiers = snapshots->verifiers,
                                           .verifier_count = snapshots->verifier_count};
    enum status status = reading.segment == NULL ? STATUS_FULL : STATUS_OK;
    if (status == STATUS_OK) {
        status = market_snapshot_create(&reading.snapshot);
    }
    (void)snprintf(error, SITE_SNAPSHOTS_ERROR_BYTES, "no memory for snapshots");
    if (status == STATUS_OK) {
        status = snapshot_store_open(&reading.store, &store);
        if (reading.store != NULL) {
            (void)snprintf(error, SITE_SNAPSHOTS_ERROR_BYTES, "%s",
                           snapshot_store_error(reading.store));
        }
    }
    for (uint32_t index = 0; status == STATUS_OK && index < options->config->shard_count; index++) {
        status = start_shard(snapshots, &reading, index, error);
    }
    snapshot_store_close(reading.store);
    market_snapshot_destroy(reading.snapshot);
    free(reading.segment);
    return status;
}
