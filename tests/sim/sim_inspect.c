#include "tests/sim/sim_inspect.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define INSPECT_EVENTS 32u
/* Segments after which an engine that computes something else is found. */
#define INSPECT_DIVERGED_MAX (5 * REPLICA_AUDIT_STRIDE)

/* Chain hash of a segment as the site's journal has it. False: it is not there any more. */
static bool inspect_chain(struct sim_world *world, const struct sim_seat *seat, uint64_t log_index,
                          uint64_t *chain)
{
    size_t bytes;
    struct segment segment;
    if (log_index == seat->status.applied_log_index) { /* Where a snapshot stands for it, too. */
        *chain = bytes_load_le64(seat->status.chain_hash);
        return true;
    }
    enum status status = journal_read(seat->site->journal, seat->shard_id, log_index,
                                      world->scratch, SEGMENT_BYTES_MAX, &bytes);
    if (status != STATUS_OK || segment_open(&segment, world->scratch, bytes) != STATUS_OK) {
        return false;
    }
    ASSERT(segment.log_index == log_index);
    *chain = bytes_load_le64(segment.chain_hash);
    return true;
}

/* The same, from the disk as the simulator knows it where the site's own bytes may be rotten. */
static bool inspect_committed_chain(struct sim_world *world, const struct sim_seat *seat,
                                    uint64_t log_index, uint64_t *chain)
{
    if (inspect_chain(world, seat, log_index, chain)) {
        return true;
    }
    if ((seat->site->excuses & SIM_EXCUSE_DAMAGE) == 0) {
        return false;
    }
    const struct sim_ledger_shard *ledger = &seat->site->ledger.shards[seat->shard_id - 1];
    for (uint32_t at = 0; log_index > ledger->last && at < SITES_MAX; at++) {
        ledger = &world->sites[at].ledger.shards[seat->shard_id - 1];
    }
    ASSERT(log_index <= ledger->last);
    *chain = ledger->chains[log_index];
    return true;
}

/* Members that have made a segment durable. A disk that was lost since had it when it said so. */
static uint16_t inspect_holders(struct sim_world *world, const struct placement *placement,
                                uint16_t shard_id, uint64_t log_index, uint64_t chain)
{
    uint16_t holders = 0;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        const struct sim_site *site = sim_world_site(world, site_id);
        uint64_t incarnation = placement->sites[site_id - 1].incarnation;
        bool holds = incarnation == site->incarnation &&
                     sim_ledger_holds(&site->ledger, shard_id, log_index, chain);
        holds = holds || (incarnation == site->former_incarnation &&
                          sim_ledger_holds(&site->former, shard_id, log_index, chain));
        holders = (uint16_t)(holders | holds << (site_id - 1));
    }
    return holders;
}

/* Whether a segment is durable at a commit quorum of a membership. */
static bool inspect_commits(struct sim_world *world, const struct placement *placement,
                            uint16_t shard_id, uint64_t log_index, uint64_t chain)
{
    return placement_commits(placement,
                             inspect_holders(world, placement, shard_id, log_index, chain));
}

/* A voter that was alone decides what it appended then, also when it starts again and others vote:
 * they needed its vote since. Only repairs make one alone that is not so from the beginning. */
static bool inspect_alone(const struct sim_world *world, const struct sim_seat *seat, bool starts,
                          uint64_t log_index, uint64_t chain)
{
    return starts && world->repairs[seat->shard_id - 1].generation > 0 &&
           sim_ledger_holds(&seat->site->ledger, seat->shard_id, log_index, chain);
}

/* Durable copies of what has just been committed: a majority of the voters at enough providers. The
 * turn may have gone on to the next membership after it. */
static void inspect_copies(struct sim_world *world, const struct sim_seat *seat, bool starts,
                           uint64_t log_index, uint64_t chain)
{
    const struct placement *placement = &shard_placement(seat->shard)->placement;
    uint16_t holders = inspect_holders(world, placement, seat->shard_id, log_index, chain);
    if (placement_commits(placement, holders) ||
        inspect_commits(world, &seat->placement, seat->shard_id, log_index, chain) ||
        inspect_alone(world, seat, starts, log_index, chain)) {
        return;
    }
    sim_check_fail(&world->check,
                   "segment %" PRIu64 " of shard %u is committed at site %u, but durable only "
                   "at sites %x of voters %x, %u providers asked for",
                   log_index, seat->shard_id, seat->site->site_id, holders,
                   placement_voters(placement), placement->commit_providers);
}

static void inspect_committed(struct sim_world *world, struct sim_seat *seat, bool starts)
{
    uint64_t known = sim_check_committed_last(&world->check, seat->shard_id);
    uint64_t chain = 0;
    for (uint64_t at = known + 1; at <= seat->status.committed_log_index; at++) {
        if (!inspect_committed_chain(world, seat, at, &chain)) {
            sim_check_fail(&world->check,
                           "site %u has committed segment %" PRIu64
                           " of shard %u and cannot read it",
                           seat->site->site_id, at, seat->shard_id);
            return;
        }
        (void)sim_check_committed(&world->check, seat->site->site_id, seat->shard_id, at, chain,
                                  seat->status.term);
        world->totals.commits++;
    }
    if (seat->status.committed_log_index > known) {
        inspect_copies(world, seat, starts, seat->status.committed_log_index, chain);
    }
}

/* A plan is under way from when a leader takes it, before it has sealed the first step, until the
 * last one is committed: before that the next leader may not have it. */
static void inspect_plan(struct sim_world *world, const struct sim_seat *seat)
{
    uint32_t at = seat->shard_id - 1u;
    const struct placement_record *record = shard_placement(seat->shard);
    ASSERT(seat->status.leader);
    world->plan_under_way[at] =
        record->planned ||
        shard_placement_log_index(seat->shard) > seat->status.committed_log_index ||
        (world->plan_terms[at] == seat->status.term &&
         world->plan_epochs[at] == record->placement.epoch);
}

static void inspect_leader(struct sim_world *world, struct sim_seat *seat, bool serves_anew)
{
    const struct shard_status *status = &seat->status;
    uint32_t at = seat->shard_id - 1u;
    sim_check_leader(&world->check, seat->site->site_id, seat->shard_id, status->term);
    if (status->leader && status->term >= world->placement_terms[at]) {
        world->placement_terms[at] = status->term;
        world->placements[at] = shard_placement(seat->shard)->placement;
        inspect_plan(world, seat);
        world->repairs[at].settled =
            world->repairs[at].settled ||
            status->committed_log_index >= world->repairs[at].kept.log_index;
    }
    uint64_t known = sim_check_committed_in(&world->check, seat->shard_id, status->term);
    uint64_t chain;
    if (!serves_anew || known == 0) {
        return;
    }
    sim_world_say(world, "site %u leads shard %u in term %" PRIu64, seat->site->site_id,
                  seat->shard_id, status->term);
    if (status->appended_log_index < known ||
        !inspect_committed_chain(world, seat, known, &chain)) {
        sim_check_fail(&world->check,
                       "site %u leads shard %u and lacks segment %" PRIu64 ", which is committed",
                       seat->site->site_id, seat->shard_id, known);
        return;
    }
    (void)sim_check_committed(&world->check, seat->site->site_id, seat->shard_id, known, chain,
                              status->term);
}

static void inspect_oddities(struct sim_world *world, const struct sim_seat *seat,
                             const struct shard_status *before)
{
    const struct shard_status *status = &seat->status;
    uint8_t site_id = seat->site->site_id;
    if (status->committed_log_index < before->committed_log_index ||
        status->applied_log_index < before->applied_log_index || status->term < before->term) {
        sim_check_fail(&world->check, "site %u goes back in shard %u", site_id, seat->shard_id);
    }
    if (status->applied_log_index > status->committed_log_index) {
        sim_check_fail(&world->check, "site %u executes what is not committed", site_id);
    }
    bool excused = (seat->site->excuses & SIM_EXCUSE_FOREIGN) != 0;
    bool repairs = status->repairing && world->repairs[seat->shard_id - 1].wanted;
    if (status->halt != REPLICA_RUNS && !excused && !repairs) {
        sim_check_fail(&world->check, "site %u halts shard %u: %d", site_id, seat->shard_id,
                       (int)status->halt);
    }
    if ((status->fenced && !seat->fence_excused) || status->forks > 0) {
        sim_check_fail(&world->check, "site %u is %s in shard %u", site_id,
                       status->fenced ? "fenced" : "forked", seat->shard_id);
    }
    if ((status->leader || status->takes) && (status->role != REPLICA_LEADER || status->fenced)) {
        sim_check_fail(&world->check, "site %u serves shard %u %s", site_id, seat->shard_id,
                       status->fenced ? "and is fenced" : "without leading");
    }
}

/* Who is left out of a repair neither commits nor comes to lead any more. */
static void inspect_over(struct sim_world *world, const struct sim_seat *seat,
                         const struct shard_status *before)
{
    const struct shard_status *status = &seat->status;
    bool commits = before->term > 0 && status->committed_log_index > before->committed_log_index;
    bool leads = status->role == REPLICA_LEADER &&
                 (before->role != REPLICA_LEADER || before->term != status->term);
    if (commits || leads) {
        sim_check_fail(&world->check, "site %u %s shard %u, which was repaired without it",
                       seat->site->site_id, leads ? "leads" : "commits in", seat->shard_id);
    }
}

/* A survivor that activates a repair begins anew where its engine is; in the generation before that
 * nothing is committed any more, and nobody leads. */
static void inspect_generation(struct sim_world *world, const struct sim_seat *seat,
                               struct shard_status *before)
{
    const struct shard_status *status = &seat->status;
    bool anew = status->generation != before->generation; /* Or the process has just begun. */
    if (anew) {
        before->committed_log_index = before->applied_log_index;
    }
    if (status->generation < world->repairs[seat->shard_id - 1].generation &&
        (status->leader || (!anew && status->committed_log_index > before->committed_log_index))) {
        sim_check_fail(&world->check, "site %u goes on with shard %u in a generation that is over",
                       seat->site->site_id, seat->shard_id);
    }
}

static void inspect_seat(struct sim_world *world, struct sim_seat *seat)
{
    struct shard_status before = seat->status;
    ASSERT(seat->shard != NULL);
    shard_status(seat->shard, &seat->status);
    const struct shard_status *status = &seat->status;
    if (seat->over) {
        inspect_over(world, seat, &before);
        return;
    }
    inspect_generation(world, seat, &before);
    inspect_oddities(world, seat, &before);
    if (status->committed_log_index > before.committed_log_index) {
        inspect_committed(world, seat, before.generation == 0);
    }
    if (status->role == REPLICA_LEADER) {
        inspect_leader(world, seat,
                       status->leader && (!before.leader || before.term != status->term));
    }
    if (status->applied_log_index > before.applied_log_index) {
        (void)sim_check_committed(&world->check, seat->site->site_id, seat->shard_id,
                                  status->applied_log_index, bytes_load_le64(status->chain_hash),
                                  status->term);
    }
    seat->placement = shard_placement(seat->shard)->placement;
    seat->placed = shard_placement_log_index(seat->shard) <= status->persisted_log_index;
    sim_world_trace(world, status->term << 8 | (uint64_t)status->role);
    sim_world_trace(world, status->appended_log_index << 32 ^ status->committed_log_index);
    sim_world_trace(world, bytes_load_le64(status->chain_hash));
}

void sim_inspect_site(struct sim_world *world, struct sim_site *site)
{
    struct journal_usage usage;
    ASSERT(site->journal != NULL);
    journal_usage(site->journal, &usage);
    if (usage.wal_used_bytes > usage.wal_bytes) {
        sim_check_fail(&world->check, "the ring of site %u is overfull", site->site_id);
    }
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        inspect_seat(world, &site->seats[at]);
    }
}

void sim_inspect_dropped(struct sim_seat *seat, const struct segment *segment)
{
    struct sim_check *check = &seat->world->check;
    const struct sim_list *chains = &check->shards[seat->shard_id - 1].chains;
    ASSERT(segment->log_index > 0);
    if (segment->log_index < chains->count &&
        chains->values[segment->log_index] == bytes_load_le64(segment->chain_hash)) {
        sim_check_fail(check, "site %u drops segment %" PRIu64 " of shard %u, which is committed",
                       seat->site->site_id, segment->log_index, seat->shard_id);
    }
}

uint8_t sim_inspect_leader(const struct sim_world *world, uint16_t shard_id)
{
    uint8_t leader = 0;
    uint64_t term = 0;
    ASSERT(shard_id >= 1 && shard_id <= SHARDS_MAX);
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        const struct sim_site *site = &world->sites[site_id - 1];
        const struct sim_seat *seat = &site->seats[shard_id - 1];
        if (site->state == SIM_SITE_RUNNING && seat->status.leader && !seat->over &&
            seat->status.term > term) {
            term = seat->status.term;
            leader = site_id;
        }
    }
    return leader;
}

/* Why a seat of a member is not where it should be; NULL: it is. */
static const char *inspect_seat_lag(const struct sim_world *world, const struct sim_site *site,
                                    uint16_t shard_id)
{
    const struct placement_site *member = &world->placements[shard_id - 1].sites[site->site_id - 1];
    if (member->role == PLACEMENT_ABSENT || member->incarnation != site->incarnation) {
        return NULL;
    }
    if (site->state != SIM_SITE_RUNNING) {
        return site->gone ? NULL : "is down";
    }
    const struct sim_seat *seat = &site->seats[shard_id - 1];
    uint64_t known = sim_check_committed_last(&world->check, shard_id);
    if (seat->status.fenced) {
        return "is fenced";
    }
    if (seat->diverges != 0 && known - seat->diverged_at > INSPECT_DIVERGED_MAX) {
        return "computes something else and nobody notices";
    }
    if (seat->status.committed_log_index < known) {
        return "does not know of all that is committed";
    }
    return seat->status.applied_log_index < known ? "has not executed all" : NULL;
}

bool sim_inspect_settled(const struct sim_world *world)
{
    for (uint16_t shard_id = 1; shard_id <= world->plan.shard_count; shard_id++) {
        if (sim_inspect_leader(world, shard_id) == 0) {
            return false;
        }
        for (uint32_t at = 0; at < world->plan.site_count; at++) {
            if (inspect_seat_lag(world, &world->sites[at], shard_id) != NULL) {
                return false;
            }
        }
    }
    return true;
}

/* Read a session's stream back from a site and compare it with the truth. */
static void inspect_stream(struct sim_world *world, struct sim_seat *seat, uint32_t session_id)
{
    const struct sim_list *stream = &world->check.shards[seat->shard_id - 1].streams[session_id];
    struct event events[INSPECT_EVENTS];
    uint64_t done = 0;
    while (done < stream->count) {
        uint32_t count = 0;
        enum status status = session_store_read(seat->market.streams, session_id, 1, done + 1,
                                                events, INSPECT_EVENTS, &count);
        if (status != STATUS_OK || count == 0) {
            sim_check_fail(&world->check, "site %u has lost event %" PRIu64 " of session %u: %s",
                           seat->site->site_id, done + 1, session_id, status_text(status));
            return;
        }
        for (uint32_t at = 0; at < count && done < stream->count; at++) {
            sim_check_stream(&world->check, seat->site->site_id, seat->shard_id, session_id, done++,
                             &events[at]);
        }
    }
}

static void inspect_state(struct sim_world *world, struct sim_seat *seat, uint64_t *checksum)
{
    sim_check_checksum(&world->check, seat->site->site_id, seat->shard_id,
                       engine_checksum(seat->market.engine), checksum);
    for (uint32_t session = 1; session <= SIM_CHECK_SESSIONS_MAX; session++) {
        inspect_stream(world, seat, session);
    }
}

static void inspect_print_seat(const struct sim_seat *seat)
{
    const struct shard_status *status = &seat->status;
    const struct placement_record *record = shard_placement(seat->shard);
    (void)printf("  shard %u: role %d term %" PRIu64 " leader %u log %" PRIu64 " durable %" PRIu64
                 " commit %" PRIu64 " applied %" PRIu64 " members %x voters %x providers %u%s\n",
                 seat->shard_id, (int)status->role, status->term, status->leader_site_id,
                 status->appended_log_index, status->persisted_log_index,
                 status->committed_log_index, status->applied_log_index,
                 placement_members(&record->placement), placement_voters(&record->placement),
                 record->placement.commit_providers, record->planned ? " planned:" : "");
    if (record->planned) {
        (void)printf("    towards members %x voters %x, waiving %x\n",
                     placement_members(&record->target), placement_voters(&record->target),
                     record->waived_rules);
    }
}

void sim_inspect_print(const struct sim_world *world)
{
    for (uint32_t at = 0; at < world->plan.site_count; at++) {
        const struct sim_site *site = &world->sites[at];
        ASSERT(site->site_id == at + 1);
        (void)printf("site %u (provider %u)%s%s%s%s\n", site->site_id, site->provider_id,
                     site->state == SIM_SITE_RUNNING ? "" : " down", site->lost ? " lost" : "",
                     site->retired ? " retired" : "", site->gone ? " gone" : "");
        for (uint32_t shard = 0; site->state == SIM_SITE_RUNNING && shard < world->plan.shard_count;
             shard++) {
            inspect_print_seat(&site->seats[shard]);
        }
    }
}

void sim_inspect_end(struct sim_world *world)
{
    for (uint16_t shard_id = 1; shard_id <= world->plan.shard_count; shard_id++) {
        uint64_t checksum = 0;
        if (sim_inspect_leader(world, shard_id) == 0) {
            sim_check_fail(&world->check, "shard %u has no leader long after the last fault",
                           shard_id);
            return;
        }
        for (uint32_t at = 0; at < world->plan.site_count; at++) {
            struct sim_site *site = &world->sites[at];
            const char *lag = inspect_seat_lag(world, site, shard_id);
            if (lag != NULL) {
                sim_check_fail(&world->check, "long after the last fault site %u %s (shard %u)",
                               site->site_id, lag, shard_id);
                return;
            }
            const struct placement_site *member = &world->placements[shard_id - 1].sites[at];
            if (member->role != PLACEMENT_ABSENT && member->incarnation == site->incarnation &&
                site->state == SIM_SITE_RUNNING) {
                inspect_state(world, &site->seats[shard_id - 1], &checksum);
            }
        }
    }
}
