#include "tests/sim/sim_operator.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "tests/sim/sim_damage.h"
#include "tests/sim/sim_inspect.h"
#include "tests/sim/sim_repair.h"
#include "tests/sim/sim_site.h"
#include "tests/sim/sim_trade.h"

/* What an operator's override can give up: sites are replaced one by one, whatever is left. */
#define OPERATOR_WAIVED                                                                            \
    (1u << PLACEMENT_PROVIDER_MAJORITY | 1u << PLACEMENT_PROVIDER_LOSS |                           \
     1u << PLACEMENT_NO_SPARE_PROVIDER)

static bool operator_plan(struct sim_world *world, uint16_t shard_id,
                          const struct placement *target)
{
    uint8_t leader = sim_inspect_leader(world, shard_id);
    if (leader == 0) {
        return false;
    }
    struct sim_site *site = sim_world_site(world, leader);
    ASSERT(site->state == SIM_SITE_RUNNING);
    if (site->paused > 0) {
        return false;
    }
    struct placement_verdict verdict;
    enum replica_refusal refusal =
        shard_plan(site->seats[shard_id - 1].shard, target, OPERATOR_WAIVED, false,
                   sim_clock_monotonic_ns(&site->clock, world->queue.now_ns), &verdict);
    sim_world_say(world, "plan for shard %u at site %u: refusal %d, rule %d", shard_id, leader,
                  (int)refusal, (int)verdict.rule);
    if (refusal == REPLICA_REFUSED_LEARNER_BEHIND && world->healing) {
        /* An engine that was rebuilt counts again at the next place that is audited. Where nobody
         * trades any more something must be sequenced for that. */
        struct command command = {.type = COMMAND_TICK};
        enum status status = shard_submit(site->seats[shard_id - 1].shard, &command, 0);
        ASSERT(status == STATUS_OK || status == STATUS_NOT_YET || status == STATUS_FULL);
    }
    sim_site_wake(world, site);
    if (refusal == REPLICA_ACCEPTED) {
        const struct shard *shard = site->seats[shard_id - 1].shard;
        world->plan_under_way[shard_id - 1] = true;
        world->plan_terms[shard_id - 1] = shard_leadership(shard).term;
        world->plan_epochs[shard_id - 1] = shard_placement(shard)->placement.epoch;
    }
    return refusal == REPLICA_ACCEPTED;
}

/* Whether a shard's membership has a site id with another journal than the site has, or one that is
 * lost: it must leave. */
static bool operator_must_leave(const struct sim_world *world, const struct sim_site *site,
                                uint16_t shard_id)
{
    const struct placement_site *member = &world->placements[shard_id - 1].sites[site->site_id - 1];
    return member->role != PLACEMENT_ABSENT &&
           (site->lost || site->retired || member->incarnation != site->incarnation);
}

static bool operator_must_join(const struct sim_world *world, const struct sim_site *site,
                               uint16_t shard_id)
{
    const struct placement_site *member = &world->placements[shard_id - 1].sites[site->site_id - 1];
    bool new = site->state == SIM_SITE_RUNNING && !site->lost && !site->retired && !site->gone;
    return new && (site->excuses & SIM_EXCUSE_FOREIGN) == 0 &&
           (member->role == PLACEMENT_ABSENT ||
            (member->role == PLACEMENT_LEARNER &&
             world->genesis.sites[site->site_id - 1].role == PLACEMENT_VOTER && world->healing));
}

static void operator_member(struct sim_world *world, struct sim_site *site, uint16_t shard_id)
{
    struct placement target = world->placements[shard_id - 1];
    struct placement_site *member = &target.sites[site->site_id - 1];
    if (world->plan_under_way[shard_id - 1]) {
        return;
    }
    if (operator_must_leave(world, site, shard_id)) {
        *member = (struct placement_site){0};
    } else if (operator_must_join(world, site, shard_id)) {
        *member = (struct placement_site){
            .incarnation = site->incarnation,
            .provider_id = site->provider_id,
            .role = world->genesis.sites[site->site_id - 1].role,
        };
        memcpy(member->public_key, site->public_key, sizeof member->public_key);
    } else {
        return;
    }
    (void)operator_plan(world, shard_id, &target);
}

/* A site that is lost, or is to leave, and is no member of any shard any more: a new one. Not in
 * the midst of a repair: its journal takes down the generations that it begins in, and who is not
 * named in the repair would be stopped by the next one. */
static void operator_rebuild(struct sim_world *world, struct sim_site *site)
{
    if (!(site->lost || site->retired) || site->gone || site->held > 0 ||
        sim_world_repairs(world)) {
        return;
    }
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        if (world->plan_under_way[at] ||
            world->placements[at].sites[site->site_id - 1].role != PLACEMENT_ABSENT) {
            return;
        }
    }
    sim_site_end(world, site, SIM_SITE_KILL);
    sim_trade_lost(world, site->site_id);
    site->retired = false;
    sim_site_birth(world, site);
    world->totals.rebuilds++;
    sim_world_say(world, "site %u has a new journal", site->site_id);
    sim_site_start(world, site);
}

void sim_operator_look(struct sim_world *world)
{
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        struct sim_site *site = sim_world_site(world, site_id);
        if (site->state == SIM_SITE_DOWN && !site->lost && site->held == 0 &&
            world->queue.now_ns >= site->restart_due_ns) {
            sim_site_start(world, site);
        }
        for (uint16_t shard_id = 1; shard_id <= world->plan.shard_count; shard_id++) {
            operator_member(world, site, shard_id);
        }
        operator_rebuild(world, site);
    }
    sim_repair_look(world);
    sim_queue_add(&world->queue,
                  (struct sim_event){.type = SIM_EVENT_OPERATOR,
                                     .due_ns = world->queue.now_ns + SIM_OPERATOR_NS});
}

const char *sim_operator_waits(const struct sim_world *world, uint8_t *which)
{
    *which = 0;
    if (sim_world_repairs(world)) {
        return "or another one is still in a repair";
    }
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        const struct sim_site *site = &world->sites[site_id - 1];
        *which = site_id;
        if (!site->gone && (site->lost || site->retired || site->state != SIM_SITE_RUNNING)) {
            return site->state == SIM_SITE_RUNNING ? "is to be replaced" : "does not run";
        }
        for (uint16_t shard_id = 1; shard_id <= world->plan.shard_count; shard_id++) {
            if (world->plan_under_way[shard_id - 1]) {
                return "waits for a plan";
            }
            if (operator_must_leave(world, site, shard_id)) {
                return "is still a member";
            }
            if (operator_must_join(world, site, shard_id)) {
                return "is still no member";
            }
        }
    }
    return NULL;
}

static bool operator_demote(struct sim_world *world, const struct sim_fault *fault,
                            uint16_t shard_id, enum placement_role role)
{
    struct placement target = world->placements[shard_id - 1];
    struct placement_site *member = &target.sites[fault->site_id - 1];
    bool right = role == PLACEMENT_LEARNER ? member->role == PLACEMENT_VOTER
                                           : member->role == PLACEMENT_LEARNER;
    if (!right || world->genesis.sites[fault->site_id - 1].role != PLACEMENT_VOTER ||
        member->incarnation != world->sites[fault->site_id - 1].incarnation) {
        return false;
    }
    member->role = (uint8_t)role;
    return operator_plan(world, shard_id, &target);
}

bool sim_operator_begin(struct sim_world *world, const struct sim_fault *fault)
{
    uint16_t shard_id = (uint16_t)(1 + fault->other_id % world->plan.shard_count);
    uint16_t one = (uint16_t)(1u << (fault->site_id - 1));
    uint8_t leader = sim_inspect_leader(world, shard_id);
    if (fault->kind == SIM_FAULT_QUORUM_GONE) {
        return sim_repair_begin(world, fault);
    }
    if (leader == 0) {
        return false;
    }
    struct sim_site *site = sim_world_site(world, leader);
    struct placement target = world->placements[shard_id - 1];
    switch ((int)fault->kind) {
    case SIM_FAULT_TRANSFER:
        if (site->paused > 0 ||
            shard_transfer(site->seats[shard_id - 1].shard, fault->site_id,
                           sim_clock_monotonic_ns(&site->clock, world->queue.now_ns)) !=
                REPLICA_ACCEPTED) {
            return false;
        }
        sim_site_wake(world, site);
        return true;
    case SIM_FAULT_DEMOTION:
        return sim_damage_allowed(world, one) &&
               operator_demote(world, fault, shard_id, PLACEMENT_LEARNER);
    case SIM_FAULT_REMOVAL:
        if (!sim_damage_allowed(world, one)) {
            return false;
        }
        sim_world_site(world, fault->site_id)->retired = true;
        return true;
    case SIM_FAULT_PROVIDERS:
        target.commit_providers = (uint8_t)(1 + fault->magnitude % world->plan.provider_count);
        return placement_judge(&target, 0).rule == PLACEMENT_GOOD &&
               operator_plan(world, shard_id, &target);
    case SIM_FAULT_SNAPSHOT:
        for (uint32_t at = 0; at < world->plan.site_count; at++) {
            world->sites[at].seats[shard_id - 1].shelf.requested = true;
            sim_site_wake(world, &world->sites[at]);
        }
        return true;
    default:
        ASSERT(false);
        return false;
    }
}

void sim_operator_end(struct sim_world *world, const struct sim_fault *fault)
{
    uint16_t shard_id = (uint16_t)(1 + fault->other_id % world->plan.shard_count);
    ASSERT(fault->kind >= SIM_FAULT_TRANSFER);
    if (fault->kind == SIM_FAULT_DEMOTION && !world->plan_under_way[shard_id - 1]) {
        (void)operator_demote(world, fault, shard_id, PLACEMENT_VOTER);
    }
    if (fault->kind == SIM_FAULT_QUORUM_GONE) {
        sim_repair_end(world);
    }
}
