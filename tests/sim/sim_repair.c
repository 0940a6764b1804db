#include "tests/sim/sim_repair.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tests/sim/sim_damage.h"
#include "tests/sim/sim_inspect.h"
#include "tests/sim/sim_repair_cut.h"
#include "tests/sim/sim_site.h"
#include "tests/sim/sim_trade.h"

/* What the operator sees of a shard. */
struct repair_view {
    struct repair_report reports[SITES_MAX];
    struct repair promised[SITES_MAX];
    uint32_t count;
    uint16_t lost; /* He attests that these are off. */
};

static uint16_t repair_bit(uint8_t site_id)
{
    ASSERT(site_id >= 1 && site_id <= SITES_MAX);
    return (uint16_t)(1u << (site_id - 1));
}

static uint64_t repair_now_ns(const struct sim_world *world, const struct sim_site *site)
{
    return sim_clock_monotonic_ns(&site->clock, world->queue.now_ns);
}

void sim_repair_reset(struct sim_world *world)
{
    memset(world->repairs, 0, sizeof world->repairs);
    world->quorum_gone = 0;
    world->comes_back = 0;
    world->comes_due_ns = 0;
    ASSERT(!sim_world_repairs(world));
}

/* ---- The fault ---- */

/* Members whose own journals know that they are: a repair can begin from each. A site that has been
 * added and has not heard of it yet has nothing to keep. */
static uint16_t repair_aware(const struct sim_world *world, uint32_t at)
{
    uint16_t aware = 0;
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        const struct sim_site *site = &world->sites[site_id - 1];
        const struct sim_seat *seat = &site->seats[at];
        const struct placement_site *member = &seat->placement.sites[site_id - 1];
        if (seat->placed && member->role != PLACEMENT_ABSENT &&
            member->incarnation == site->incarnation) {
            aware |= repair_bit(site_id);
        }
    }
    return aware;
}

/* Whether every shard has a member left that can be kept, and some shard has no quorum of them. */
static void repair_left(const struct sim_world *world, uint16_t lost, bool *all, bool *stops)
{
    *all = true;
    *stops = false;
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        const struct placement *placement = &world->placements[at];
        uint16_t left = placement_members(placement) & (uint16_t)~lost;
        *all = *all && (left & repair_aware(world, at)) != 0;
        *stops = *stops || !placement_elects(placement, left);
    }
}

/* First whoever is not whole, then one after the other, until that is enough or one more. */
static uint16_t repair_choose(const struct sim_world *world, const struct sim_fault *fault)
{
    uint16_t lost = 0;
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        lost |= sim_damage_doubtful(world, &world->placements[at]);
    }
    uint32_t more = fault->magnitude % 3 == 0 ? 1 : 0;
    bool all;
    bool stops;
    repair_left(world, lost, &all, &stops);
    for (uint32_t at = 0; at < world->plan.site_count && (!stops || more > 0); at++) {
        uint8_t site_id = (uint8_t)(1 + (fault->site_id + at) % world->plan.site_count);
        more -= stops;
        uint16_t next = lost | repair_bit(site_id);
        repair_left(world, next, &all, &stops);
        lost = all ? next : lost;
        repair_left(world, lost, &all, &stops);
    }
    return all && stops ? lost : 0;
}

/* One that may come back: it was whole, and decides nothing alone, so that the operator's word that
 * the others are off is as good as kept. */
static bool repair_may_come(const struct sim_world *world, const struct sim_site *site)
{
    bool may = site->state == SIM_SITE_RUNNING && !site->lost && site->excuses == 0;
    for (uint32_t at = 0; at < world->plan.shard_count && may; at++) {
        may = !placement_elects(&world->placements[at], repair_bit(site->site_id)) &&
              !placement_elects(&site->seats[at].placement, repair_bit(site->site_id));
    }
    return may;
}

bool sim_repair_begin(struct sim_world *world, const struct sim_fault *fault)
{
    ASSERT(fault->kind == SIM_FAULT_QUORUM_GONE);
    if (world->quorum_gone != 0 || sim_world_repairs(world)) {
        return false;
    }
    uint16_t lost = repair_choose(world, fault);
    world->quorum_gone = lost;
    world->comes_back = 0;
    world->comes_due_ns =
        fault->begin_ns + (fault->end_ns - fault->begin_ns) / 1000 * fault->magnitude;
    for (uint8_t site_id = 1; site_id <= world->plan.site_count && lost != 0; site_id++) {
        struct sim_site *site = sim_world_site(world, site_id);
        if ((lost & repair_bit(site_id)) == 0) {
            continue;
        }
        if (fault->magnitude % 2 == 1 && repair_may_come(world, site)) {
            world->comes_back = site_id;
        }
        site->held++;
        sim_site_end(world, site, SIM_SITE_POWER);
        sim_trade_lost(world, site_id);
        sim_damage_lose(world, site);
    }
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        world->repairs[at].wanted = lost != 0;
        world->repairs[at].decided = false;
    }
    return lost != 0;
}

void sim_repair_end(struct sim_world *world)
{
    ASSERT(world->quorum_gone != 0);
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        struct sim_site *site = sim_world_site(world, site_id);
        if ((world->quorum_gone & repair_bit(site_id)) != 0) {
            ASSERT(site->held > 0);
            site->held--;
            sim_site_end(world, site, SIM_SITE_KILL);
            sim_trade_lost(world, site_id);
        }
    }
    world->quorum_gone = 0;
    world->comes_back = 0;
}

static void repair_come_back(struct sim_world *world)
{
    if (world->comes_back == 0 || world->queue.now_ns < world->comes_due_ns) {
        return;
    }
    struct sim_site *site = sim_world_site(world, world->comes_back);
    world->comes_back = 0;
    if (site->state == SIM_SITE_DOWN) {
        ASSERT(site->lost);
        sim_world_say(world, "site %u comes back from the dead", site->site_id);
        site->excuses |= SIM_EXCUSE_FOREIGN;
        sim_site_start(world, site);
    }
}

/* ---- The operator ---- */

/* Every site that is not lost. False: one of them is not there now, so he waits. */
static bool repair_gather(const struct sim_world *world, uint16_t shard_id,
                          struct repair_view *view)
{
    view->count = 0;
    view->lost = 0;
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        const struct sim_site *site = &world->sites[site_id - 1];
        if (site->lost) {
            view->lost |= repair_bit(site_id);
        } else if (site->state != SIM_SITE_RUNNING || site->paused > 0) {
            return false;
        } else {
            shard_repair_report(site->seats[shard_id - 1].shard, &view->reports[view->count],
                                &view->promised[view->count]);
            view->count++;
        }
    }
    return view->count > 0;
}

static void repair_leave_out(struct repair_view *view, uint8_t site_id)
{
    uint32_t at = 0;
    while (at < view->count && view->reports[at].site_id != site_id) {
        at++;
    }
    ASSERT(at < view->count);
    view->lost |= repair_bit(site_id);
    for (view->count--; at < view->count; at++) {
        view->reports[at] = view->reports[at + 1];
    }
}

static void repair_activate(struct sim_world *world, struct sim_site *site, uint16_t shard_id,
                            const struct repair *repair)
{
    enum status status = shard_repair_activate(site->seats[shard_id - 1].shard, repair->generation,
                                               repair->survivors, repair_now_ns(world, site));
    if (status != STATUS_OK && status != STATUS_NOT_YET && status != STATUS_EXISTS) {
        sim_check_fail(&world->check, "site %u does not activate what it has promised: %s",
                       site->site_id, status_text(status));
    }
    sim_site_wake(world, site);
}

/* Who is in the way of a decision is left out, as one that is off. */
static enum repair_refusal repair_try(struct sim_world *world, struct repair_view *view,
                                      struct repair *repair, uint8_t *site_id)
{
    enum repair_refusal refusal = REPAIR_REFUSED_MEMBER;
    while (view->count > 0) {
        struct repair_request request = {.reports = view->reports,
                                         .report_count = view->count,
                                         .attested = view->lost};
        memset(request.attestation_hash, 0x5A, sizeof request.attestation_hash);
        refusal = repair_decide(&request, repair, site_id);
        if (refusal != REPAIR_REFUSED_MEMBER && refusal != REPAIR_REFUSED_GENERATION) {
            break;
        }
        repair_leave_out(view, *site_id);
    }
    ASSERT(world->plan.site_count >= view->count);
    return refusal;
}

/* Who is off now cannot be named any more, and a shard that had its quorum with that one has it no
 * more: the operator looks at all of them again. */
static void repair_off(struct sim_world *world, uint8_t site_id)
{
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        struct sim_repair *kept = &world->repairs[at];
        kept->wanted = true;
        if (kept->decided && (kept->repair.survivors & repair_bit(site_id)) != 0) {
            kept->decided = false;
        }
    }
    ASSERT(sim_world_repairs(world));
}

/* Those that were left out get a new journal: they have no part in what goes on. */
static void repair_replace(struct sim_world *world, uint16_t lost)
{
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        struct sim_site *site = sim_world_site(world, site_id);
        if ((lost & repair_bit(site_id)) != 0 && !site->lost) {
            sim_site_end(world, site, SIM_SITE_KILL);
            sim_trade_lost(world, site_id);
            sim_damage_lose(world, site);
            repair_off(world, site_id);
        }
    }
    ASSERT(lost != 0);
}

static void repair_decide_now(struct sim_world *world, uint16_t shard_id, struct repair_view *view)
{
    struct sim_repair *kept = &world->repairs[shard_id - 1];
    struct repair repair;
    uint8_t site_id = 0;
    kept->decided = false;
    switch (repair_try(world, view, &repair, &site_id)) {
    case REPAIR_ACCEPTED:
        kept->decided = true;
        kept->repair = repair;
        repair_replace(world, view->lost);
        sim_world_say(world, "repair of shard %u: survivors %x, site %u keeps its log, loss %d",
                      shard_id, repair.survivors, repair.kept_site_id, (int)repair.loss);
        return;
    case REPAIR_REFUSED_QUORUM:
        kept->wanted = false;
        sim_world_say(world, "shard %u has a quorum", shard_id);
        return;
    case REPAIR_REFUSED_UNFINISHED:
        for (uint32_t at = 0; at < view->count; at++) {
            if (view->reports[at].site_id == site_id) {
                repair_activate(world, sim_world_site(world, site_id), shard_id,
                                view->reports[at].promised);
            }
        }
        return;
    case REPAIR_REFUSED_REPORT:
    case REPAIR_REFUSED_GENERATION:
    case REPAIR_REFUSED_MEMBER:
    case REPAIR_REFUSED_NOT_ATTESTED:
    case REPAIR_REFUSED_IS_ON:
    case REPAIR_REFUSED_RANGE:
    case REPAIR_REFUSAL_COUNT:
        break;
    }
    sim_check_fail(&world->check, "shard %u cannot be repaired because of site %u", shard_id,
                   site_id);
}

static void repair_promise(struct sim_world *world, struct sim_site *site, uint16_t shard_id)
{
    struct sim_repair *kept = &world->repairs[shard_id - 1];
    enum status status = shard_repair_promise(site->seats[shard_id - 1].shard, &kept->repair,
                                              repair_now_ns(world, site));
    if (status == STATUS_BAD_CHAIN || status == STATUS_DENIED) {
        /* Its log has gone on since; or what he decided before, unlike this, has become durable
         * after all. He looks again. */
        kept->decided = false;
    } else if (status != STATUS_OK && status != STATUS_NOT_YET && status != STATUS_EXISTS) {
        sim_check_fail(&world->check, "site %u does not promise to repair shard %u: %s",
                       site->site_id, shard_id, status_text(status));
    }
    sim_site_wake(world, site);
}

/* Of the survivors: who has promised, or is beyond that; who has activated. */
static void repair_progress(const struct repair_view *view, const struct repair *repair,
                            uint16_t *promised, uint16_t *active)
{
    *promised = 0;
    *active = 0;
    for (uint32_t at = 0; at < view->count; at++) {
        const struct repair_report *report = &view->reports[at];
        bool began = report->generation == repair->generation;
        bool gave = report->promised != NULL && report->promised->generation == repair->generation;
        *active |= began ? repair_bit(report->site_id) : 0;
        *promised |= began || gave ? repair_bit(report->site_id) : 0;
    }
    ASSERT((*active & (uint16_t) ~*promised) == 0);
}

static void repair_shard(struct sim_world *world, uint16_t shard_id, struct repair_view *view)
{
    struct sim_repair *kept = &world->repairs[shard_id - 1];
    uint16_t promised;
    uint16_t active;
    if (!repair_gather(world, shard_id, view)) {
        return;
    }
    if (!kept->decided || random_below(&world->random, 4) == 0) {
        repair_decide_now(world, shard_id, view);
    }
    if (!kept->decided) {
        return;
    }
    repair_progress(view, &kept->repair, &promised, &active);
    bool all = active != 0 || promised == kept->repair.survivors;
    if (all && kept->generation != kept->repair.generation) {
        sim_repair_cut(world, shard_id, view->reports, view->count);
    }
    kept->wanted = active != kept->repair.survivors;
    uint16_t done = all ? active : promised;
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        if ((kept->repair.survivors & (uint16_t)~done & repair_bit(site_id)) == 0 ||
            random_below(&world->random, 3) == 0) {
            continue;
        }
        struct sim_site *site = sim_world_site(world, site_id);
        if (all) {
            repair_activate(world, site, shard_id, &kept->repair);
        } else if (kept->decided) {
            repair_promise(world, site, shard_id);
        }
    }
}

void sim_repair_look(struct sim_world *world)
{
    repair_come_back(world);
    if (!sim_world_repairs(world)) {
        return;
    }
    struct repair_view *view = malloc(sizeof *view); /* Too large for a frame. */
    ASSERT(view != NULL);
    for (uint16_t shard_id = 1; shard_id <= world->plan.shard_count; shard_id++) {
        if (world->repairs[shard_id - 1].wanted) {
            repair_shard(world, shard_id, view);
        }
    }
    free(view);
}
