#include "gateway/shadow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "gateway/shadow_inside.h"
#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"

#define SHADOW_NICE    10
#define SHADOW_REST_NS UINT64_C(100000000) /* Looks at the time at least so often. */
#define SHADOW_NS      UINT64_C(1000000000)

/* ---- The thread ---- */

void shadow_tell(struct shadow *shadow, struct shadow_shard *shard,
                 const struct shadow_report *report)
{
    /* A newer report of a shard takes the place of one that still waits. */
    shard->following.report = *report;
    shard->following.report_waits = ring_push(&shadow->reports, report) != STATUS_OK;
    shadow->options.wake(shadow->options.wake_context);
}

static bool shadow_due(const struct shadow *shadow, struct shadow_shard *shard)
{
    const struct shadow_following *following = &shard->following;
    const struct shadow_options *options = &shadow->options;
    if (following->phase != SHADOW_FOLLOWS || following->since_segments == 0) {
        return false;
    }
    uint64_t requests = atomic_load_explicit(&shard->requests, memory_order_acquire);
    if (requests != shard->requests_seen) {
        shard->requests_seen = requests;
        return true;
    }
    return (options->every_segments != 0 && following->since_segments >= options->every_segments) ||
           (options->every_bytes != 0 && following->since_bytes >= options->every_bytes) ||
           (options->every_ns != 0 &&
            monotonic_now_ns() - following->since_ns >= options->every_ns);
}

/* Begin again: what is in the slots is of the life before. */
static void shadow_begin(struct shadow *shadow, struct shadow_shard *shard, uint64_t restarts)
{
    struct shadow_following *following = &shard->following;
    if (shadow->writing == shard) {
        market_snapshot_abandon(shadow->snapshot);
        shadow->writing = NULL;
    }
    following->restarts = restarts;
    following->used = atomic_load_explicit(&shard->filled, memory_order_acquire);
    atomic_store_explicit(&shard->used, following->used, memory_order_release);
    snapshot_store_trust(shadow->store,
                         atomic_load_explicit(&shadow->verifier_count, memory_order_acquire));
    shadow_follow_load(shadow, shard);
    atomic_store_explicit(&shard->ready_restarts, restarts + 1, memory_order_release);
    shadow->options.wake(shadow->options.wake_context);
}

/* One thing for a shard. False: there is nothing to do. */
static bool shadow_turn(struct shadow *shadow, struct shadow_shard *shard)
{
    struct shadow_following *following = &shard->following;
    uint64_t restarts = atomic_load_explicit(&shard->restarts, memory_order_acquire);
    if (following->report_waits) {
        shadow_tell(shadow, shard, &following->report);
    }
    if (restarts != following->restarts || following->phase == SHADOW_STARTS) {
        shadow_begin(shadow, shard, restarts);
        return true;
    }
    if (shadow->writing == shard) {
        shadow_follow_step(shadow);
        return true;
    }
    if (shadow->writing == NULL && shadow_due(shadow, shard)) {
        shadow_follow_write(shadow, shard);
        return true;
    }
    if (following->used == atomic_load_explicit(&shard->filled, memory_order_acquire)) {
        return false;
    }
    if (following->phase == SHADOW_FOLLOWS) {
        shadow_follow_segment(shadow, shard, &shard->slots[following->used % SHADOW_SLOTS]);
    }
    following->used++;
    atomic_store_explicit(&shard->used, following->used, memory_order_release);
    return true;
}

static void shadow_rest(struct shadow *shadow)
{
    uint64_t until_ns = monotonic_now_ns() + SHADOW_REST_NS;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / SHADOW_NS),
                                   .tv_nsec = (long)(until_ns % SHADOW_NS)};
    int result = sem_clockwait(&shadow->work, CLOCK_MONOTONIC, &until);
    ASSERT(result == 0 || errno == ETIMEDOUT || errno == EINTR);
}

static void *shadow_run(void *argument)
{
    struct shadow *shadow = argument;
    /* Only this thread: the live ones go first. Without it everything works, just less politely. */
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), SHADOW_NICE);
    while (!atomic_load_explicit(&shadow->stop, memory_order_acquire)) {
        bool worked = false;
        while (sem_trywait(&shadow->work) == 0) {
        }
        for (uint32_t i = 0; i < shadow->options.shard_count; i++) {
            worked = shadow_turn(shadow, &shadow->shards[i]) || worked;
        }
        if (!worked) {
            shadow_rest(shadow);
        }
    }
    return NULL;
}

/* ---- The loop ---- */

static struct shadow_shard *shadow_shard(const struct shadow *shadow, uint16_t shard_id)
{
    for (uint32_t i = 0; i < shadow->options.shard_count; i++) {
        if (shadow->shards[i].options.shard_id == shard_id) {
            return &shadow->shards[i];
        }
    }
    ASSERT(false);
    return NULL;
}

/* The thread takes all of them before it looks for work: none is lost, and they never pile up. */
static void shadow_wake(struct shadow *shadow)
{
    int failed = sem_post(&shadow->work);
    ASSERT(failed == 0);
}

/* Remember what the live engine has here. When there is no room the oldest goes: it is of a place
 * that the shadow will come by without comparing. */
static void shadow_remember(struct shadow_feeding *feeding, uint64_t log_index, uint64_t event_hash)
{
    const struct shadow_audit *last = &feeding->audits[(feeding->audit_next - 1) % SHADOW_AUDITS];
    bool first = feeding->audit_first == feeding->audit_next;
    if (log_index == 0 || (!first && log_index < last->log_index + SHADOW_AUDIT_STRIDE)) {
        return;
    }
    feeding->audits[feeding->audit_next % SHADOW_AUDITS] =
        (struct shadow_audit){.log_index = log_index, .event_hash = event_hash};
    feeding->audit_next++;
    if (feeding->audit_next - feeding->audit_first > SHADOW_AUDITS) {
        feeding->audit_first = feeding->audit_next - SHADOW_AUDITS;
    }
}

/* The hash that belongs to this place, if it is remembered. */
static void shadow_attach(struct shadow_feeding *feeding, struct shadow_slot *slot)
{
    slot->audited = false;
    while (feeding->audit_first < feeding->audit_next && !slot->audited) {
        const struct shadow_audit *audit = &feeding->audits[feeding->audit_first % SHADOW_AUDITS];
        if (audit->log_index > feeding->next_log_index) {
            break;
        }
        slot->audited = audit->log_index == feeding->next_log_index;
        slot->event_hash = audit->event_hash;
        feeding->audit_first++;
    }
}

enum status shadow_feed(struct shadow *shadow, struct journal *journal, uint16_t shard_id,
                        uint64_t applied_log_index, uint64_t event_hash)
{
    struct shadow_shard *shard = shadow_shard(shadow, shard_id);
    struct shadow_feeding *feeding = &shard->feeding;
    if (!feeding->ready) {
        if (atomic_load_explicit(&shard->ready_restarts, memory_order_acquire) !=
            feeding->restarts + 1) {
            return STATUS_OK;
        }
        feeding->ready = true;
        feeding->next_log_index =
            atomic_load_explicit(&shard->wanted_log_index, memory_order_acquire);
    }
    if (!atomic_load_explicit(&shard->follows, memory_order_acquire)) {
        return STATUS_OK;
    }
    if (applied_log_index >= feeding->next_log_index) {
        shadow_remember(feeding, applied_log_index, event_hash);
    }
    enum status status = STATUS_OK;
    uint32_t fed = 0;
    while (fed < SHADOW_FEED_MAX && status == STATUS_OK &&
           feeding->next_log_index <= applied_log_index &&
           feeding->filled - atomic_load_explicit(&shard->used, memory_order_acquire) <
               SHADOW_SLOTS) {
        struct shadow_slot *slot = &shard->slots[feeding->filled % SHADOW_SLOTS];
        status = journal_read(journal, shard_id, feeding->next_log_index, slot->bytes,
                              sizeof slot->bytes, &slot->bytes_count);
        if (status == STATUS_OK) {
            shadow_attach(feeding, slot);
            feeding->next_log_index++;
            feeding->filled++;
            fed++;
            atomic_store_explicit(&shard->filled, feeding->filled, memory_order_release);
        }
    }
    if (fed > 0) {
        shadow_wake(shadow);
    }
    return status;
}

bool shadow_report(struct shadow *shadow, struct shadow_report *report)
{
    ASSERT(report != NULL);
    return ring_pop(&shadow->reports, report) == STATUS_OK;
}

void shadow_request(struct shadow *shadow, uint16_t shard_id)
{
    struct shadow_shard *shard = shadow_shard(shadow, shard_id);
    atomic_fetch_add_explicit(&shard->requests, 1, memory_order_release);
    shadow_wake(shadow);
}

void shadow_trust(struct shadow *shadow, uint32_t verifier_count)
{
    ASSERT(verifier_count >= shadow->options.store.verifier_count);
    atomic_store_explicit(&shadow->verifier_count, verifier_count, memory_order_release);
}

void shadow_spare(struct shadow *shadow, uint16_t shard_id, uint64_t log_index)
{
    struct shadow_shard *shard = shadow_shard(shadow, shard_id);
    atomic_store_explicit(&shard->spared_log_index, log_index, memory_order_release);
}

void shadow_restart(struct shadow *shadow, uint16_t shard_id)
{
    struct shadow_shard *shard = shadow_shard(shadow, shard_id);
    struct shadow_feeding *feeding = &shard->feeding;
    feeding->restarts++;
    feeding->ready = false;
    feeding->audit_first = feeding->audit_next;
    atomic_store_explicit(&shard->restarts, feeding->restarts, memory_order_release);
    shadow_wake(shadow);
}

void shadow_status(const struct shadow *shadow, uint16_t shard_id, struct shadow_status *status)
{
    struct shadow_shard *shard = shadow_shard(shadow, shard_id);
    *status = (struct shadow_status){
        .log_index = atomic_load_explicit(&shard->applied_log_index, memory_order_acquire),
        .compared = atomic_load_explicit(&shard->compared, memory_order_relaxed),
        .snapshots = atomic_load_explicit(&shard->snapshots, memory_order_relaxed),
        .follows = atomic_load_explicit(&shard->follows, memory_order_acquire),
    };
}

/* ---- Birth and death ---- */

static enum status shadow_allocate(struct shadow *shadow)
{
    size_t reports_bytes = (SHADOW_REPORTS * sizeof(struct shadow_report) + 127) & ~(size_t)63;
    shadow->events = calloc(EVENT_BATCH_MAX, sizeof *shadow->events);
    shadow->commands = calloc(SEGMENT_COMMANDS_MAX, sizeof *shadow->commands);
    shadow->raw = malloc(SEGMENT_RAW_BYTES_MAX);
    shadow->scratch = calloc(1, command_columns_scratch_bytes());
    shadow->reports_memory = aligned_alloc(64, reports_bytes);
    if (shadow->events == NULL || shadow->commands == NULL || shadow->raw == NULL ||
        shadow->scratch == NULL || shadow->reports_memory == NULL) {
        return STATUS_FULL;
    }
    for (uint32_t i = 0; i < shadow->options.shard_count; i++) {
        struct shadow_shard *shard = &shadow->shards[i];
        shard->options = shadow->options.shards[i];
        shard->slots = calloc(SHADOW_SLOTS, sizeof *shard->slots);
        if (shard->slots == NULL) {
            return STATUS_FULL;
        }
    }
    memset(shadow->reports_memory, 0, reports_bytes);
    struct arena arena;
    arena_init(&arena, shadow->reports_memory, reports_bytes);
    enum status status =
        ring_init(&shadow->reports, &arena, SHADOW_REPORTS, sizeof(struct shadow_report));
    if (status == STATUS_OK) {
        status = codec_create(&shadow->codec, 1);
    }
    return status == STATUS_OK ? market_snapshot_create(&shadow->snapshot) : status;
}

static enum status shadow_start(struct shadow *shadow, char *error)
{
    enum status status = shadow_allocate(shadow);
    if (status != STATUS_OK) {
        (void)snprintf(error, JOURNAL_ERROR_BYTES,
                       "no memory for the shadow engine; give this site more");
        return status;
    }
    status = snapshot_store_open(&shadow->store, &shadow->options.store);
    if (status != STATUS_OK) {
        (void)snprintf(error, JOURNAL_ERROR_BYTES, "%s",
                       shadow->store == NULL ? "no memory for snapshots"
                                             : snapshot_store_error(shadow->store));
        return status;
    }
    if (sem_init(&shadow->work, 0, 0) != 0) {
        return STATUS_FULL;
    }
    shadow->work_made = true;
    if (pthread_create(&shadow->thread, NULL, shadow_run, shadow) != 0) {
        (void)snprintf(error, JOURNAL_ERROR_BYTES,
                       "no thread for the shadow engine; raise the limit of processes");
        return STATUS_FULL;
    }
    shadow->started = true;
    return STATUS_OK;
}

enum status shadow_create(struct shadow **target, const struct shadow_options *options, char *error)
{
    ASSERT(options->shard_count >= 1 && options->shard_count <= SHARDS_MAX);
    ASSERT(options->kept >= 2 && options->kept <= SNAPSHOT_KEPT_MAX);
    ASSERT(options->wake != NULL);
    *target = NULL;
    struct shadow *shadow = aligned_alloc(64, (sizeof *shadow + 63) & ~(size_t)63);
    if (shadow == NULL) {
        return STATUS_FULL;
    }
    memset(shadow, 0, sizeof *shadow);
    size_t shards_bytes = options->shard_count * sizeof *shadow->shards;
    shadow->options = *options;
    shadow->verifier_count = options->store.verifier_count;
    shadow->shards = aligned_alloc(64, shards_bytes);
    if (shadow->shards == NULL) {
        free(shadow);
        return STATUS_FULL;
    }
    memset(shadow->shards, 0, shards_bytes);
    enum status status = shadow_start(shadow, error);
    if (status != STATUS_OK) {
        shadow_destroy(shadow);
        return status;
    }
    *target = shadow;
    return STATUS_OK;
}

void shadow_destroy(struct shadow *shadow)
{
    if (shadow == NULL) {
        return;
    }
    if (shadow->started) {
        atomic_store_explicit(&shadow->stop, true, memory_order_release);
        shadow_wake(shadow);
        int failed = pthread_join(shadow->thread, NULL);
        ASSERT(failed == 0);
    }
    if (shadow->snapshot != NULL) {
        market_snapshot_abandon(shadow->snapshot);
    }
    for (uint32_t i = 0; i < shadow->options.shard_count; i++) {
        shadow_follow_release(&shadow->shards[i]);
        free(shadow->shards[i].slots);
    }
    if (shadow->work_made) {
        (void)sem_destroy(&shadow->work);
    }
    market_snapshot_destroy(shadow->snapshot);
    snapshot_store_close(shadow->store);
    codec_destroy(shadow->codec);
    free(shadow->events);
    free(shadow->commands);
    free(shadow->raw);
    free(shadow->scratch);
    free(shadow->reports_memory);
    free(shadow->shards);
    free(shadow);
}
