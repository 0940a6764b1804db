#include "tests/sim/sim_shelf.h"

#include <inttypes.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tests/sim/sim_seat.h"
#include "tests/sim/sim_shelf_inside.h"

#define SHELF_GOOD     2u /* Kept of those that are in the log. */
#define SHELF_WRITE_NS (40 * SIM_MS)
#define SHELF_HOLD_NS  (5 * SIM_S) /* Since somebody asked for a piece of one. */

/* ---- What is kept ---- */

void sim_shelf_clear(struct sim_shelf *shelf)
{
    for (uint32_t at = 0; at < SIM_SHELF_MAX; at++) {
        sim_snapshot_free(&shelf->kept[at]);
    }
    sim_snapshot_free(&shelf->writing);
    sim_snapshot_free(&shelf->incoming);
    *shelf = (struct sim_shelf){0};
    ASSERT(shelf->count == 0);
}

void sim_shelf_drop(struct sim_shelf *shelf, uint32_t at)
{
    ASSERT(at < shelf->count);
    sim_snapshot_free(&shelf->kept[at]);
    shelf->count--;
    memmove(&shelf->kept[at], &shelf->kept[at + 1], (shelf->count - at) * sizeof shelf->kept[0]);
    shelf->kept[shelf->count] = (struct sim_snapshot){0};
}

/* The shelf takes it over, in its place by log index. One that is there already is left. */
static void shelf_put(struct sim_shelf *shelf, struct sim_snapshot *snapshot)
{
    uint32_t at = 0;
    while (at < shelf->count && shelf->kept[at].position.log_index > snapshot->position.log_index) {
        at++;
    }
    bool here =
        at < shelf->count && shelf->kept[at].position.log_index == snapshot->position.log_index;
    if (here) {
        sim_snapshot_free(&shelf->kept[at]);
    } else {
        if (shelf->count == SIM_SHELF_MAX) {
            sim_shelf_drop(shelf, shelf->count - 1);
        }
        at = at < shelf->count ? at : shelf->count;
        memmove(&shelf->kept[at + 1], &shelf->kept[at],
                (shelf->count - at) * sizeof shelf->kept[0]);
        shelf->count++;
    }
    shelf->kept[at] = *snapshot;
    *snapshot = (struct sim_snapshot){0};
}

struct sim_snapshot *sim_shelf_find(struct sim_shelf *shelf,
                                    const struct replica_position *position)
{
    for (uint32_t at = 0; at < shelf->count; at++) {
        if (replica_message_same_chain(&shelf->kept[at].position, position)) {
            return &shelf->kept[at];
        }
    }
    return NULL;
}

void sim_shelf_crash(struct sim_shelf *shelf, struct random *random)
{
    if (shelf->writing.row != NULL && random_below(random, 2) == 0) {
        shelf_put(shelf, &shelf->writing);
    }
    sim_snapshot_free(&shelf->writing);
    shelf->written = shelf->refused = false;
    shelf->installs = false;
    if (random_below(random, 2) == 0) {
        sim_snapshot_free(&shelf->incoming);
        shelf->incoming_bytes = 0;
    }
    shelf->incoming_whole = false;
}

bool sim_shelf_rot(struct sim_shelf *shelf, struct random *random)
{
    if (shelf->count == 0) {
        return false;
    }
    struct sim_snapshot *snapshot = &shelf->kept[random_below(random, shelf->count)];
    ASSERT(snapshot->bytes > 0);
    snapshot->row[random_below(random, snapshot->bytes)] ^=
        (uint8_t)(1u << random_below(random, 8));
    return true;
}

bool sim_shelf_whole(const struct sim_world *world, const struct sim_seat *seat,
                     const struct sim_snapshot *snapshot, struct snapshot_manifest *manifest)
{
    return sim_snapshot_verify(snapshot, SIM_CLUSTER_ID, seat->shard_id, world->verifiers,
                               world->verifier_count, manifest) == STATUS_OK;
}

/* ---- A start ---- */

/* Whether the journal goes on behind this place, or ends there. */
static bool shelf_fits(struct sim_world *world, const struct sim_seat *seat,
                       const struct replica_position *position)
{
    struct journal_tail tail;
    struct segment segment;
    size_t bytes;
    journal_persisted(seat->site->journal, seat->shard_id, &tail);
    if (tail.last_log_index < position->log_index ||
        tail.first_log_index > position->log_index + 1) {
        return false;
    }
    if (tail.last_log_index == position->log_index) {
        return memcmp(tail.last_chain_hash, position->chain_hash, SEGMENT_HASH_BYTES) == 0;
    }
    return journal_read(seat->site->journal, seat->shard_id, position->log_index + 1,
                        world->scratch, SEGMENT_BYTES_MAX, &bytes) == STATUS_OK &&
           segment_open(&segment, world->scratch, bytes) == STATUS_OK &&
           memcmp(segment.previous_chain_hash, position->chain_hash, SEGMENT_HASH_BYTES) == 0;
}

/* Into the market, which is new or not. False: the snapshot is of no use. */
static bool shelf_restore(struct sim_world *world, struct sim_seat *seat,
                          const struct sim_snapshot *snapshot, struct shard_origin *origin)
{
    struct snapshot_manifest manifest;
    if (!sim_shelf_whole(world, seat, snapshot, &manifest)) {
        return false;
    }
    sim_seat_market(seat);
    enum status status = sim_snapshot_read(snapshot, &manifest, &seat->market, world->streams,
                                           SIM_CHECK_SESSIONS_MAX);
    if (status == STATUS_OK) {
        status = sim_snapshot_origin(&manifest, origin);
    }
    if (status != STATUS_OK) {
        sim_check_fail(&world->check, "site %u cannot read a whole snapshot of shard %u: %s",
                       seat->site->site_id, seat->shard_id, status_text(status));
        return false;
    }
    uint64_t counts[SIM_CHECK_SESSIONS_MAX + 1] = {0};
    for (uint32_t session = 1; session <= SIM_CHECK_SESSIONS_MAX; session++) {
        counts[session] = session_store_next(seat->market.streams, session) - 1;
    }
    if (!seat->over) {
        sim_check_resume(&world->check, seat->site->site_id, seat->shard_id,
                         origin->next_command_sequence - 1, counts);
    }
    seat->shelf.taken_log_index = origin->position.log_index;
    return true;
}

enum status sim_shelf_open(struct sim_world *world, struct sim_seat *seat,
                           struct shard_origin *origin, bool *restored)
{
    struct sim_shelf *shelf = &seat->shelf;
    struct snapshot_manifest manifest;
    *restored = false;
    sim_seat_market(seat);
    shelf->taken_log_index = 0;
    for (uint32_t at = shelf->count; at > 0; at--) {
        if (!sim_shelf_whole(world, seat, &shelf->kept[at - 1], &manifest)) {
            sim_world_say(world, "site %u: a snapshot of shard %u is damaged", seat->site->site_id,
                          seat->shard_id);
            sim_shelf_drop(shelf, at - 1);
        }
    }
    for (uint32_t at = 0; at < shelf->count && !*restored; at++) {
        *restored = shelf_fits(world, seat, &shelf->kept[at].position) &&
                    shelf_restore(world, seat, &shelf->kept[at], origin);
    }
    struct journal_tail tail;
    journal_persisted(seat->site->journal, seat->shard_id, &tail);
    return *restored || tail.first_log_index == 1 ? STATUS_OK : STATUS_NOT_FOUND;
}

/* ---- Taken here ---- */

/* Somebody fetches one: it stays, and so does what comes behind it in the log; he is offered no
 * other one meanwhile. */
static bool shelf_holds(const struct sim_world *world, const struct sim_shelf *shelf)
{
    return shelf->served_log_index > 0 && world->queue.now_ns - shelf->served_ns < SHELF_HOLD_NS;
}

/* Keep the newest good ones that are in the log. `*first_log_index`: below it nobody here reads;
 * 0: there are too few. */
static struct sim_snapshot *shelf_keep(struct sim_world *world, struct sim_seat *seat,
                                       uint64_t *first_log_index)
{
    struct sim_shelf *shelf = &seat->shelf;
    struct shard_status status;
    struct sim_snapshot *newest = NULL;
    uint32_t good = 0;
    shard_status(seat->shard, &status);
    *first_log_index = 0;
    for (uint32_t at = 0; at < shelf->count;) {
        const struct replica_position *position = &shelf->kept[at].position;
        bool spared = position->log_index == shelf->served_log_index && shelf_holds(world, shelf);
        if (position->log_index > status.applied_log_index || good < SHELF_GOOD) {
            bool counts = position->log_index <= status.applied_log_index;
            newest = counts && good == 0 ? &shelf->kept[at] : newest;
            good += counts;
            *first_log_index = counts && good == SHELF_GOOD ? position->log_index + 1 : 0;
            at++;
        } else if (spared) {
            at++;
        } else {
            sim_shelf_drop(shelf, at);
        }
    }
    return newest;
}

void sim_shelf_offer(struct sim_world *world, struct sim_seat *seat)
{
    uint64_t first_log_index;
    const struct sim_snapshot *newest = shelf_keep(world, seat, &first_log_index);
    struct journal_tail tail;
    journal_persisted(seat->site->journal, seat->shard_id, &tail);
    seat->shelf.refused = newest != NULL && shelf_holds(world, &seat->shelf);
    if (newest == NULL || seat->shelf.refused) {
        return;
    }
    ASSERT(first_log_index <= newest->position.log_index);
    if (first_log_index < tail.first_log_index) {
        first_log_index = tail.first_log_index;
    }
    seat->shelf.refused =
        !shard_offer(seat->shard, &newest->position, first_log_index,
                     sim_clock_monotonic_ns(&seat->site->clock, world->queue.now_ns));
    if (!seat->shelf.refused && first_log_index <= tail.last_log_index + 1) {
        enum status status = journal_trim(seat->site->journal, seat->shard_id, first_log_index);
        (void)status; /* The journal's own error: its next call says so as well. */
    }
}

void sim_shelf_due(struct sim_world *world, const struct sim_seat *seat, uint32_t which)
{
    ASSERT(which <= SIM_SHELF_FETCHED);
    uint64_t wait_ns = 1 + random_below(&world->random, SHELF_WRITE_NS);
    sim_queue_add(&world->queue, (struct sim_event){.type = SIM_EVENT_SNAPSHOT,
                                                    .site_id = seat->site->site_id,
                                                    .stamp = seat->site->start,
                                                    .index = seat->shard_id * 2u + which,
                                                    .due_ns = world->queue.now_ns + wait_ns});
}

void sim_shelf_take(struct sim_world *world, struct sim_seat *seat)
{
    struct sim_shelf *shelf = &seat->shelf;
    uint64_t every = world->plan.snapshot_segments;
    struct shard_status status;
    bool due = every > 0 && world->queue.now_ns - shelf->taken_ns >= world->plan.snapshot_ns;
    if (seat->over || shelf->writing.row != NULL || (!due && !shelf->requested)) {
        return;
    }
    shard_status(seat->shard, &status);
    uint64_t since = status.applied_log_index - shelf->taken_log_index;
    if (status.fenced || status.applied_log_index > status.persisted_log_index ||
        status.applied_log_index < shelf->taken_log_index || since == 0 ||
        (!shelf->requested && since < every)) {
        return;
    }
    struct shard_origin origin;
    shard_origin_now(seat->shard, &origin);
    if (origin.placement_log_index > origin.position.log_index) {
        return; /* The membership there is not known any more: execute on. */
    }
    sim_snapshot_make(&shelf->writing, SIM_CLUSTER_ID, seat->shard_id, &origin, &seat->market,
                      world->streams, SIM_CHECK_SESSIONS_MAX, &seat->site->signer);
    sim_check_snapshot(&world->check, seat->site->site_id, seat->shard_id,
                       origin.position.log_index, shelf->writing.content_hash);
    shelf->taken_log_index = origin.position.log_index;
    shelf->taken_ns = world->queue.now_ns;
    shelf->requested = false;
    sim_shelf_due(world, seat, SIM_SHELF_TAKEN);
}

/* ---- Durable, installed ---- */

void sim_shelf_durable(struct sim_world *world, struct sim_site *site, uint32_t index)
{
    struct sim_seat *seat = &site->seats[index / 2 - 1];
    struct sim_shelf *shelf = &seat->shelf;
    struct snapshot_manifest manifest;
    if (index % 2 == SIM_SHELF_TAKEN) {
        ASSERT(shelf->writing.row != NULL);
        shelf_put(shelf, &shelf->writing);
        shelf->written = true;
        world->totals.snapshots++;
    } else if (shelf->incoming_whole) {
        shelf->incoming_whole = false;
        shelf->incoming_bytes = 0;
        if (sim_shelf_whole(world, seat, &shelf->incoming, &manifest)) {
            shelf->installs = true;
            shelf->installed = shelf->incoming.position;
            shelf_put(shelf, &shelf->incoming);
        }
        sim_snapshot_free(&shelf->incoming);
    }
}

/* The log gives way to the snapshot, then the market does. The clients here start over. */
static enum status shelf_install(struct sim_world *world, struct sim_seat *seat)
{
    struct sim_shelf *shelf = &seat->shelf;
    struct snapshot_manifest manifest;
    struct shard_origin origin = {0};
    struct sim_snapshot *snapshot = sim_shelf_find(shelf, &shelf->installed);
    shelf->installs = false;
    if (snapshot == NULL) {
        return STATUS_OK;
    }
    if (!sim_shelf_whole(world, seat, snapshot, &manifest)) {
        sim_shelf_drop(shelf, (uint32_t)(snapshot - shelf->kept));
        return STATUS_OK;
    }
    enum status status = sim_snapshot_origin(&manifest, &origin);
    ASSERT(status == STATUS_OK);
    if (world->install_kills > 0) { /* Before anything of it is in the journal, or just then. */
        world->install_kills--;
        seat->site->dies = true;
        if (random_below(&world->random, 2) == 0) {
            return STATUS_OK;
        }
    }
    seat->installing = true;
    bool installs = shard_install(seat->shard, &origin,
                                  sim_clock_monotonic_ns(&seat->site->clock, world->queue.now_ns));
    seat->installing = false;
    if (!installs) {
        return STATUS_OK;
    }
    sim_world_say(world, "site %u installs a snapshot of shard %u at %" PRIu64, seat->site->site_id,
                  seat->shard_id, origin.position.log_index);
    world->totals.installs++;
    if (!shelf_restore(world, seat, snapshot, &origin)) {
        return STATUS_DAMAGED;
    }
    world->lost(world, seat->site->site_id);
    return STATUS_OK;
}

enum status sim_shelf_rebuild(struct sim_world *world, struct sim_seat *seat)
{
    struct sim_shelf *shelf = &seat->shelf;
    struct shard_origin origin = {.next_command_sequence = 1};
    struct shard_status status;
    struct journal_tail tail;
    bool restored = false;
    shard_status(seat->shard, &status);
    journal_persisted(seat->site->journal, seat->shard_id, &tail);
    for (uint32_t at = 0; at < shelf->count && !restored; at++) {
        const struct replica_position *position = &shelf->kept[at].position;
        restored = position->log_index <= status.committed_log_index &&
                   shelf_fits(world, seat, position) &&
                   shelf_restore(world, seat, &shelf->kept[at], &origin);
    }
    if (!restored && tail.first_log_index > 1) {
        return STATUS_NOT_FOUND;
    }
    if (!restored) {
        sim_seat_market(seat);
    }
    ASSERT(seat->diverges == 0);
    sim_world_say(world, "site %u is fenced in shard %u and begins again at %" PRIu64,
                  seat->site->site_id, seat->shard_id, origin.position.log_index);
    shard_rebuild(seat->shard, &origin);
    seat->status.applied_log_index = origin.position.log_index;
    world->totals.fenced++;
    world->lost(world, seat->site->site_id);
    return STATUS_OK;
}

bool sim_shelf_waits(const struct sim_shelf *shelf)
{
    return shelf->written || shelf->installs;
}

enum status sim_shelf_turn(struct sim_world *world, struct sim_seat *seat)
{
    struct sim_shelf *shelf = &seat->shelf;
    if (shelf->written || shelf->refused) {
        shelf->written = shelf->refused = false;
        sim_shelf_offer(world, seat);
    }
    return shelf->installs ? shelf_install(world, seat) : STATUS_OK;
}
