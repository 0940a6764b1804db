#include "gateway/site_snapshots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/log.h"
#include "gateway/members.h"
#include "gateway/site_files.h"
#include "gateway/site_snapshots_inside.h"
#include "matching/base/assertion.h"
#include "replication/key_store.h"

#define SNAPSHOTS_ANSWERS 8u                    /* Taken in one turn. */
#define SNAPSHOTS_HOLD_NS UINT64_C(60000000000) /* Behind the last request for it. */
#define SNAPSHOTS_SAY_NS  UINT64_C(60000000000) /* Between two lines of one kind. */
#define SNAPSHOTS_LAG_NS  UINT64_C(1000000)     /* A look at a shadow that has to catch up. */
#define SNAPSHOTS_WAIT_NS UINT64_C(10000000)    /* Likewise at what could not be done. */

static uint16_t snapshots_shard_id(const struct site_snapshots *snapshots, uint32_t index)
{
    ASSERT(index < snapshots->options.config->shard_count);
    return snapshots->options.config->shards[index].id;
}

static bool snapshots_is_halted(const struct site_snapshots *snapshots, uint32_t index)
{
    struct shard_status status;
    shard_status(snapshots->options.shards[index], &status);
    return status.halted;
}

/* ---- From other sites ---- */

static void snapshots_wanted(void *context, uint8_t site_id, uint16_t shard_id,
                             const struct replica_position *position)
{
    struct site_snapshots *snapshots = context;
    struct site_snapshot_shard *shard = &snapshots->shards[shard_id - 1];
    uint64_t now_ns = io_now_ns(snapshots->options.io);
    if (shard->wanted_said_ns == 0 || now_ns - shard->wanted_said_ns >= SNAPSHOTS_SAY_NS) {
        shard->wanted_said_ns = now_ns;
        log_line(LOG_LEVEL_WARN, "snapshot-wanted", "shard=%u log_index=%llu from=%s", shard_id,
                 (unsigned long long)position->log_index,
                 members_name_of(snapshots->options.config->sites, site_id));
    }
    if (snapshots->started && shard->fence == SITE_FENCE_NONE) {
        /* Without room it is wanted again soon. */
        (void)!snapshot_worker_fetch(snapshots->worker, site_id, shard_id, position);
    }
}

static void snapshots_request(void *context, uint8_t site_id, uint16_t shard_id,
                              const struct link_snapshot_request *request)
{
    struct site_snapshots *snapshots = context;
    struct site_snapshot_shard *shard = &snapshots->shards[shard_id - 1];
    if (!snapshots->started) {
        return;
    }
    if (shard->held_log_index != request->log_index) {
        log_line(LOG_LEVEL_INFO, "snapshot-served", "shard=%u log_index=%llu to=%s", shard_id,
                 (unsigned long long)request->log_index,
                 members_name_of(snapshots->options.config->sites, site_id));
    }
    shard->held_log_index = request->log_index;
    shard->held_until_ns = io_now_ns(snapshots->options.io) + SNAPSHOTS_HOLD_NS;
    if (snapshots->shadow != NULL) {
        shadow_spare(snapshots->shadow, shard_id, request->log_index);
    }
    (void)!snapshot_worker_serve(snapshots->worker, site_id, shard_id, request);
}

static void snapshots_chunk(void *context, uint8_t site_id, uint16_t shard_id,
                            const struct link_snapshot_chunk *chunk)
{
    struct site_snapshots *snapshots = context;
    if (snapshots->started) { /* Without room the piece is asked for again. */
        (void)!snapshot_worker_take(snapshots->worker, site_id, shard_id, chunk);
    }
}

struct site_peers_snapshots site_snapshots_peers(struct site_snapshots *snapshots)
{
    return (struct site_peers_snapshots){.context = snapshots,
                                         .wanted = snapshots_wanted,
                                         .request = snapshots_request,
                                         .chunk = snapshots_chunk};
}

/* ---- Offers and trimming ---- */

/* What is to be offered, unless another site is just fetching an older one: it would have to begin
 * again, and find what comes behind it trimmed. A store that fills does not wait. */
static enum status snapshots_offer(struct site_snapshots *snapshots, uint32_t index,
                                   uint64_t now_ns)
{
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    uint16_t shard_id = snapshots_shard_id(snapshots, index);
    struct journal_usage usage;
    struct journal_tail tail;
    if (shard->held_log_index != 0 && now_ns >= shard->held_until_ns) {
        shard->held_log_index = 0;
        if (snapshots->shadow != NULL) {
            shadow_spare(snapshots->shadow, shard_id, 0);
        }
    }
    if (snapshots_is_halted(snapshots, index)) { /* Its journal is to be compared, all of it. */
        shard->offer = (struct replica_position){0};
    }
    if (shard->offer.log_index == 0) {
        return STATUS_OK;
    }
    journal_usage(snapshots->options.journal, &usage);
    if (shard->held_log_index != 0 && !usage.store_warn) {
        return STATUS_OK;
    }
    journal_persisted(snapshots->options.journal, shard_id, &tail);
    uint64_t first_log_index = tail.first_log_index;
    if (snapshots->options.config->snapshots.trim &&
        shard->offer_oldest_log_index >= first_log_index) {
        first_log_index = shard->offer_oldest_log_index + 1;
    }
    if (first_log_index > tail.last_log_index + 1 ||
        !shard_offer(snapshots->options.shards[index], &shard->offer, first_log_index, now_ns)) {
        return STATUS_OK; /* The disk is behind: later. */
    }
    shard->offer = (struct replica_position){0};
    if (first_log_index == tail.first_log_index) {
        return STATUS_OK;
    }
    log_line(LOG_LEVEL_INFO, "journal-trimmed", "shard=%u first_log_index=%llu", shard_id,
             (unsigned long long)first_log_index);
    return journal_trim(snapshots->options.journal, shard_id, first_log_index);
}

static void snapshots_report(struct site_snapshots *snapshots, const struct shadow_report *report)
{
    struct site_snapshot_shard *shard = &snapshots->shards[report->shard_id - 1];
    unsigned long long log_index = report->log_index;
    switch (report->kind) {
    case SHADOW_SNAPSHOT:
        log_line(LOG_LEVEL_INFO, "snapshot", "shard=%u log_index=%llu oldest_log_index=%llu",
                 report->shard_id, log_index, (unsigned long long)report->oldest_log_index);
        if (shard->fence == SITE_FENCE_NONE) { /* Else the engine may have been wrong by then. */
            shard->newest = report->position;
            shard->offer = report->position;
            shard->offer_oldest_log_index = report->oldest_log_index;
        }
        return;
    case SHADOW_NO_SNAPSHOT:
        log_line(LOG_LEVEL_ERROR, "snapshot-failed", "shard=%u log_index=%llu why=%s",
                 report->shard_id, log_index, status_text(report->status));
        return;
    case SHADOW_DIVERGED:
        log_line(LOG_LEVEL_ERROR, "shadow-diverged",
                 "shard=%u log_index=%llu text=\"executed twice here with different results: no "
                 "more snapshots until this shard is made anew; check this machine's memory\"",
                 report->shard_id, log_index);
        return;
    case SHADOW_FAILED:
        log_line(LOG_LEVEL_ERROR, "shadow-failed",
                 "shard=%u log_index=%llu why=%s text=\"no more snapshots until a restart\"",
                 report->shard_id, log_index, status_text(report->status));
        return;
    }
    ASSERT(false);
}

/* ---- Markets made anew ---- */

/* The market goes on with `body`. Who is connected to it comes back: the doors know nothing of what
 * was not executed here. */
void site_snapshots_replace(struct site_snapshots *snapshots, uint32_t index,
                            struct site_market_body *body, const char *evidence)
{
    const struct config *config = snapshots->options.config;
    struct site_market *market = &snapshots->options.markets[index];
    char next[CONFIG_PATH_BYTES + 32];
    char path[CONFIG_PATH_BYTES + 32];
    doors_market_close(snapshots->options.doors, index);
    site_market_exchange(market, body);
    snapshots->options.door_markets[index].engine = market->engine;
    snapshots->options.door_markets[index].streams = market->streams;
    (void)snprintf(next, sizeof next, "%s/" SITE_STREAM_NEXT_FILE, config->data, index + 1);
    (void)snprintf(path, sizeof path, "%s/" SITE_STREAM_FILE, config->data, index + 1);
    (void)rename(next, path); /* Only its name: what is open stays so. */
    snapshot_worker_discard(snapshots->worker, body, evidence);
    snapshots->shards[index].follow_log_index = 0;
    if (snapshots->shadow != NULL) {
        shadow_restart(snapshots->shadow, snapshots_shard_id(snapshots, index));
    }
}

static void snapshots_install(struct site_snapshots *snapshots, uint32_t index,
                              struct snapshot_answer *answer, uint64_t now_ns)
{
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    struct shard_origin origin;
    enum status status = site_snapshots_open_origin(shard_genesis(snapshots->options.shards[index]),
                                                    &answer->facts, &origin);
    bool installed =
        status == STATUS_OK && shard_install(snapshots->options.shards[index], &origin, now_ns);
    log_line(LOG_LEVEL_INFO, installed ? "snapshot-installed" : "snapshot-not-installed",
             "shard=%u log_index=%llu event_hash=%016llx status=%s", index + 1,
             (unsigned long long)answer->facts.position.log_index,
             (unsigned long long)answer->facts.event_hash, status_text(status));
    if (!installed) { /* Not wanted any more, or not now: then it is offered again. */
        snapshot_worker_discard(snapshots->worker, &answer->body, NULL);
        return;
    }
    site_snapshots_replace(snapshots, index, &answer->body, NULL);
    router_again(snapshots->options.door_markets[index].router);
    shard->newest = answer->facts.position;
    shard->machine_log_index = answer->facts.position.log_index;
    shard->wanted_said_ns = 0;
    doors_market_reconcile(snapshots->options.doors, index);
}

/* ---- Answers of the worker ---- */

static void snapshots_damaged(struct site_snapshots *snapshots, uint32_t index,
                              const struct snapshot_answer *answer)
{
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    log_line(LOG_LEVEL_ERROR, "snapshot-damaged",
             "shard=%u log_index=%llu other_log_index=%llu set_aside=%s text=\"it is not what was "
             "written: a new one is taken; check this disk\"",
             index + 1, (unsigned long long)answer->position.log_index,
             (unsigned long long)answer->other.log_index, status_text(answer->status));
    shard->held_log_index = 0;
    shard->newest = answer->other;
    shard->offer = answer->other; /* None where it is 0: nothing is trimmed for what is bad. */
    shard->offer_oldest_log_index = 0;
    if (snapshots->shadow != NULL) {
        shadow_request(snapshots->shadow, snapshots_shard_id(snapshots, index));
    }
}

static void snapshots_send(struct site_snapshots *snapshots, const struct snapshot_answer *answer)
{
    struct link_frame frame = {.shard_id = answer->shard_id};
    enum link_priority priority = LINK_BULK;
    if (answer->kind == SNAPSHOT_ANSWER_PIECE) {
        frame.type = LINK_WIRE_SNAPSHOT_CHUNK;
        frame.snapshot_chunk = answer->piece;
    } else {
        frame.type = LINK_WIRE_SNAPSHOT_REQUEST;
        frame.snapshot_request = answer->request;
        priority = LINK_FORWARD;
    }
    struct link *link = snapshots->options.peers->link;
    if (link != NULL) { /* What finds no room is asked for again. */
        (void)!link_send(link, answer->site_id, priority, &frame);
    }
}

static void snapshots_answer(struct site_snapshots *snapshots, struct snapshot_answer *answer,
                             uint64_t now_ns)
{
    ASSERT(answer->shard_id >= 1);
    uint32_t index = answer->shard_id - 1u;
    unsigned long long log_index = answer->position.log_index;
    switch (answer->kind) {
    case SNAPSHOT_ANSWER_PIECE:
    case SNAPSHOT_ANSWER_ASK:
        snapshots_send(snapshots, answer);
        return;
    case SNAPSHOT_ANSWER_FETCHED:
        log_line(LOG_LEVEL_INFO, "snapshot-fetched", "shard=%u log_index=%llu from=%s",
                 answer->shard_id, log_index,
                 members_name_of(snapshots->options.config->sites, answer->site_id));
        return;
    case SNAPSHOT_ANSWER_MARKET:
        if (answer->rebuilt) {
            site_snapshots_fence_market(snapshots, index, answer);
        } else if (snapshots->shards[index].fence != SITE_FENCE_NONE) {
            /* It is made anew from what it has; the leader offers again afterwards. */
            snapshot_worker_discard(snapshots->worker, &answer->body, NULL);
        } else {
            snapshots_install(snapshots, index, answer, now_ns);
        }
        return;
    case SNAPSHOT_ANSWER_FAILED:
        if (answer->rebuilt) {
            site_snapshots_fence_failed(snapshots, index, answer);
            return;
        }
        log_line(LOG_LEVEL_WARN, "snapshot-not-fetched", "shard=%u log_index=%llu why=%s",
                 answer->shard_id, log_index, status_text(answer->status));
        return;
    case SNAPSHOT_ANSWER_DAMAGED:
        snapshots_damaged(snapshots, index, answer);
        return;
    }
    ASSERT(false);
}

/* ---- Turns ---- */

static bool snapshots_is_starved(const struct site_snapshot_shard *shard)
{
    return shard->starved && shard->restarted_log_index == shard->newest.log_index;
}

/* A snapshot was installed, and the journal begins behind what the shadow has: it begins again with
 * that one. When that does not help none that is here can be read, and it waits for another. */
static void snapshots_starve(struct site_snapshots *snapshots, uint32_t index)
{
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    uint16_t shard_id = snapshots_shard_id(snapshots, index);
    ASSERT(!snapshots_is_starved(shard));
    if (!shard->restarted || shard->restarted_log_index != shard->newest.log_index) {
        shard->restarted = true;
        shard->starved = false;
        shard->restarted_log_index = shard->newest.log_index;
        shadow_restart(snapshots->shadow, shard_id);
        return;
    }
    shard->starved = true;
    log_line(LOG_LEVEL_ERROR, "shadow-waits",
             "shard=%u newest_log_index=%llu text=\"no snapshot here can be read that the journal "
             "goes on from: no more are taken until another one is installed; check this disk\"",
             shard_id, (unsigned long long)shard->newest.log_index);
}

static enum status snapshots_feed(struct site_snapshots *snapshots, uint32_t index)
{
    struct shard_status status;
    struct shadow *shadow = snapshots->shadow;
    uint16_t shard_id = snapshots_shard_id(snapshots, index);
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    shard_status(snapshots->options.shards[index], &status);
    if (status.fenced || status.halted || shard->fence != SITE_FENCE_NONE ||
        status.applied_log_index == 0) {
        return STATUS_OK; /* What is wrong here must not become a snapshot. */
    }
    if (snapshots_is_starved(shard)) {
        return STATUS_OK;
    }
    if (shard->follow_log_index == 0 || shard->follow_log_index > status.applied_log_index) {
        shard->follow_log_index = status.applied_log_index;
        shard->follow_event_hash = engine_event_hash(snapshots->options.markets[index].engine);
    }
    if (shard->follow_log_index > status.persisted_log_index) {
        return STATUS_OK;
    }
    enum status fed = shadow_feed(shadow, snapshots->options.journal, shard_id,
                                  shard->follow_log_index, shard->follow_event_hash);
    if (shard->follow_log_index < status.applied_log_index) {
        shard->follow_log_index = 0; /* Taken anew with the next turn. */
    }
    if (fed == STATUS_NOT_FOUND) {
        snapshots_starve(snapshots, index);
        return STATUS_OK;
    }
    return fed;
}

/* Sites that have joined sign snapshots, too. */
static void snapshots_trust(struct site_snapshots *snapshots)
{
    const struct config *config = snapshots->options.config;
    if (config->key_changes == snapshots->keys_seen) {
        return;
    }
    for (uint32_t at = 0; at < config->key_count; at++) {
        struct segment_verifier verifier;
        uint32_t known = 0;
        key_store_verifier_of(&verifier, config->keys[at]);
        while (known < snapshots->verifier_count &&
               memcmp(&snapshots->verifiers[known], &verifier, sizeof verifier) != 0) {
            known++;
        }
        if (known == snapshots->verifier_count &&
            known < sizeof snapshots->verifiers / sizeof snapshots->verifiers[0]) {
            snapshots->verifiers[snapshots->verifier_count++] = verifier;
        }
    }
    snapshots->keys_seen = config->key_changes;
    snapshot_worker_trust(snapshots->worker, snapshots->verifier_count);
    if (snapshots->shadow != NULL) {
        shadow_trust(snapshots->shadow, snapshots->verifier_count);
    }
}

enum status site_snapshots_run(struct site_snapshots *snapshots, uint64_t now_ns)
{
    ASSERT(snapshots->started);
    struct shadow_report report;
    uint32_t shard_count = snapshots->options.config->shard_count;
    enum status status = STATUS_OK;
    snapshots_trust(snapshots);
    for (uint32_t at = 0; at < SNAPSHOTS_ANSWERS; at++) {
        struct snapshot_answer *answer = snapshot_worker_answer(snapshots->worker);
        if (answer == NULL) {
            break;
        }
        snapshots_answer(snapshots, answer, now_ns);
        snapshot_worker_taken(snapshots->worker);
    }
    for (uint32_t index = 0; snapshots->shadow != NULL && index < shard_count; index++) {
        status = status == STATUS_OK ? snapshots_feed(snapshots, index) : status;
    }
    while (snapshots->shadow != NULL && shadow_report(snapshots->shadow, &report)) {
        snapshots_report(snapshots, &report);
    }
    for (uint32_t index = 0; index < shard_count && status == STATUS_OK; index++) {
        if (!snapshots_is_halted(snapshots, index)) { /* Else its state is to be compared, too. */
            site_snapshots_fence_turn(snapshots, index, now_ns);
        }
        status = snapshots_offer(snapshots, index, now_ns);
    }
    return status;
}

uint64_t site_snapshots_due_ns(const struct site_snapshots *snapshots, uint64_t now_ns)
{
    uint64_t due_ns = UINT64_MAX;
    if (!snapshots->started) {
        return due_ns;
    }
    if (snapshot_worker_answer(snapshots->worker) != NULL) {
        return now_ns;
    }
    for (uint32_t index = 0; index < snapshots->options.config->shard_count; index++) {
        const struct site_snapshot_shard *shard = &snapshots->shards[index];
        struct shadow_status shadow = {0};
        struct shard_status status;
        shard_status(snapshots->options.shards[index], &status);
        if (snapshots->shadow != NULL) {
            shadow_status(snapshots->shadow, snapshots_shard_id(snapshots, index), &shadow);
        }
        bool fed = shard->fence == SITE_FENCE_NONE && !status.fenced && !status.halted &&
                   !snapshots_is_starved(shard); /* As snapshots_feed() does. */
        if (fed && shadow.follows && shadow.log_index < status.applied_log_index) {
            due_ns = now_ns + SNAPSHOTS_LAG_NS;
        } else if (shard->offer.log_index > 0 && due_ns > now_ns + SNAPSHOTS_WAIT_NS) {
            due_ns = now_ns + SNAPSHOTS_WAIT_NS;
        }
    }
    return due_ns;
}

bool site_snapshots_repeats(const struct site_snapshots *snapshots, uint32_t index)
{
    ASSERT(index < SHARDS_MAX);
    return snapshots->shards[index].fence != SITE_FENCE_NONE;
}

/* ---- Threads ---- */

static void snapshots_wake(void *context)
{
    io_wake(context);
}

static enum status snapshots_start_shadow(struct site_snapshots *snapshots,
                                          const struct snapshot_store_options *store, char *error)
{
    const struct config *config = snapshots->options.config;
    struct shadow_shard_options *shards = calloc(SHARDS_MAX, sizeof *shards);
    if (shards == NULL) {
        return STATUS_FULL;
    }
    for (uint32_t index = 0; index < config->shard_count; index++) {
        struct placement_record record = {.placement =
                                              *shard_genesis(snapshots->options.shards[index])};
        char *path = snapshots->shadow_paths[index];
        (void)snprintf(path, sizeof snapshots->shadow_paths[index], "%s/" SITE_SHADOW_FILE,
                       config->data, index + 1);
        shards[index] =
            (struct shadow_shard_options){.shard_id = config->shards[index].id,
                                          .limits = site_market_limits(&config->tuning),
                                          .stream_path = path,
                                          .stream_bytes_max = config->tuning.stream_bytes_max,
                                          .genesis = {.bytes_count = PLACEMENT_RECORD_BYTES}};
        static_assert(PLACEMENT_RECORD_BYTES <= SNAPSHOT_MANIFEST_MEMBERSHIP_BYTES, "it fits");
        placement_record_store(shards[index].genesis.bytes, &record);
    }
    const struct shadow_options options = {.store = *store,
                                           .shards = shards,
                                           .shard_count = config->shard_count,
                                           .every_segments = config->snapshots.every_segments,
                                           .every_bytes = config->snapshots.every_bytes,
                                           .every_ns = config->snapshots.every_ns,
                                           .kept = config->snapshots.keep,
                                           .wake = snapshots_wake,
                                           .wake_context = snapshots->options.io};
    enum status status = shadow_create(&snapshots->shadow, &options, error);
    free(shards);
    return status;
}

enum status site_snapshots_start(struct site_snapshots *snapshots,
                                 char error[static SITE_SNAPSHOTS_ERROR_BYTES])
{
    const struct site_snapshots_options *options = &snapshots->options;
    const struct config_snapshots *when = &options->config->snapshots;
    struct snapshot_worker_options worker = {
        .config = options->config,
        .store = {.directory = snapshots->directory,
                  .cluster_id = segment_cluster_id(options->config->cluster),
                  .verifiers = snapshots->verifiers,
                  .verifier_count = snapshots->verifier_count},
        .wake = snapshots_wake,
        .wake_context = options->io};
    struct snapshot_store_options store = worker.store;
    store.signer = options->signer;
    enum status status = STATUS_OK;
    if (when->every_bytes != 0 || when->every_segments != 0 || when->every_ns != 0) {
        static_assert(SITE_SNAPSHOTS_ERROR_BYTES >= JOURNAL_ERROR_BYTES, "a sentence fits");
        status = snapshots_start_shadow(snapshots, &store, error);
    }
    if (status == STATUS_OK) {
        static_assert(SITE_SNAPSHOTS_ERROR_BYTES >= SNAPSHOT_WORKER_ERROR_BYTES, "it fits");
        status = snapshot_worker_create(&snapshots->worker, &worker, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t index = 0; index < options->config->shard_count; index++) {
        snapshots->shards[index].offer = snapshots->shards[index].newest;
    }
    snapshots->started = true;
    return STATUS_OK;
}

void site_snapshots_close(struct site_snapshots *snapshots)
{
    shadow_destroy(snapshots->shadow);
    snapshot_worker_destroy(snapshots->worker);
    snapshots->shadow = NULL;
    snapshots->worker = NULL;
    snapshots->started = false;
}
