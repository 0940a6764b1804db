#include "tests/sim/sim_inject.h"

#include <errno.h>

#include "matching/base/assertion.h"
#include "tests/sim/sim_damage.h"
#include "tests/sim/sim_inspect.h"
#include "tests/sim/sim_operator.h"
#include "tests/sim/sim_site.h"
#include "tests/sim/sim_trade.h"

/* ---- Network ---- */

static void inject_both(struct sim_world *world, uint8_t one, uint8_t other, bool back)
{
    if (one != other) {
        sim_network_link(&world->network, one, other)->cut = true;
        sim_network_link(&world->network, other, one)->cut |= back;
    }
}

static void inject_isolate(struct sim_world *world, uint8_t site_id, bool deaf_only)
{
    for (uint8_t other = 1; other <= world->plan.site_count; other++) {
        inject_both(world, other, site_id, !deaf_only);
    }
}

/* Of all links of a site, or from it to one other. */
static void inject_links(struct sim_world *world, const struct sim_fault *fault, uint8_t site_id,
                         void (*change)(struct sim_link *link, const struct sim_fault *fault))
{
    for (uint8_t other = 1; other <= world->plan.site_count; other++) {
        if (other != site_id) {
            change(sim_network_link(&world->network, site_id, other), fault);
            if (fault->kind != SIM_FAULT_LATENCY_ONE_WAY) {
                change(sim_network_link(&world->network, other, site_id), fault);
            }
        }
    }
}

static void inject_link(struct sim_link *link, const struct sim_fault *fault)
{
    switch ((int)fault->kind) {
    case SIM_FAULT_LOSS:
        link->lost += fault->magnitude / 3;
        return;
    case SIM_FAULT_DUPLICATION:
        link->doubled += fault->magnitude / 2;
        return;
    case SIM_FAULT_REORDERING:
        link->reordered += fault->magnitude / 2;
        return;
    case SIM_FAULT_CORRUPTION:
        link->corrupted += fault->magnitude / 3;
        return;
    case SIM_FAULT_CLOGGING:
        link->clogged_until_ns = fault->end_ns;
        return;
    case SIM_FAULT_LATENCY:
    case SIM_FAULT_LATENCY_ONE_WAY:
        link->latency_ns += fault->magnitude * SIM_MS / 5;
        return;
    case SIM_FAULT_JITTER:
        link->jitter_ns += fault->magnitude * SIM_MS / 5;
        return;
    case SIM_FAULT_BANDWIDTH:
        link->bytes_per_second = 5000 + fault->magnitude * 200;
        return;
    default:
        ASSERT(false);
    }
}

static void inject_network_fault(struct sim_world *world, const struct sim_fault *fault,
                                 uint8_t target)
{
    switch ((int)fault->kind) {
    case SIM_FAULT_CUT:
        inject_both(world, fault->site_id, fault->other_id, true);
        return;
    case SIM_FAULT_CUT_ONE_WAY:
        inject_both(world, fault->site_id, fault->other_id, false);
        return;
    case SIM_FAULT_ISOLATION:
    case SIM_FAULT_LEADER_ISOLATION:
        inject_isolate(world, target, false);
        return;
    case SIM_FAULT_DEAF:
        inject_isolate(world, target, true);
        return;
    case SIM_FAULT_PARTITION:
        for (uint8_t one = 1; one <= world->plan.site_count; one++) {
            for (uint8_t other = 1; other <= world->plan.site_count; other++) {
                if ((fault->magnitude >> (one - 1) & 1u) !=
                    (fault->magnitude >> (other - 1) & 1u)) {
                    inject_both(world, one, other, true);
                }
            }
        }
        return;
    case SIM_FAULT_FLAPPING:
        if (target == 0) { /* The phase: see sim_inject_flap(). */
            inject_isolate(world, fault->site_id, false);
        }
        return;
    default:
        inject_links(world, fault, target, inject_link);
    }
}

void sim_inject_network(struct sim_world *world)
{
    ASSERT(world->plan.site_count > 0);
    for (uint8_t from = 1; from <= world->plan.site_count; from++) {
        for (uint8_t to = 1; to <= world->plan.site_count; to++) {
            struct sim_link *link = sim_network_link(&world->network, from, to);
            uint32_t pair = from < to ? from * 16u + to : to * 16u + from;
            link->latency_ns =
                world->plan.latency_ns + world->plan.latency_ns / 16 * (pair * 7 % 16);
            link->jitter_ns = world->plan.latency_ns / 8;
            link->bytes_per_second = 0;
            link->clogged_until_ns = 0;
            link->lost = link->doubled = link->reordered = link->corrupted = 0;
            link->cut = false;
        }
    }
    for (uint32_t at = 0; at < world->schedule.count; at++) {
        const struct sim_fault *fault = &world->schedule.faults[at];
        if (world->active[at] && fault->kind >= SIM_FAULT_LOSS &&
            fault->kind <= SIM_FAULT_BANDWIDTH) {
            inject_network_fault(world, fault, world->targets[at]);
        }
    }
}

void sim_inject_flap(struct sim_world *world, uint32_t index, uint64_t stamp)
{
    const struct sim_fault *fault = &world->schedule.faults[index];
    ASSERT(fault->kind == SIM_FAULT_FLAPPING);
    if (!world->active[index]) {
        return;
    }
    world->targets[index] = (uint8_t)(stamp % 2);
    sim_inject_network(world);
    sim_queue_add(&world->queue,
                  (struct sim_event){.type = SIM_EVENT_FAULT,
                                     .index = index,
                                     .stamp = stamp + 1,
                                     .due_ns = world->queue.now_ns + fault->magnitude * SIM_MS});
}

/* ---- Processes ---- */

static void inject_hold(struct sim_world *world, struct sim_site *site, enum sim_site_end end)
{
    site->held++;
    sim_site_end(world, site, end);
    sim_trade_lost(world, site->site_id);
}

static void inject_release(struct sim_world *world, struct sim_site *site)
{
    ASSERT(site->held > 0);
    site->held--;
    site->restart_due_ns = world->queue.now_ns;
}

static void inject_pause(struct sim_site *site, const struct sim_fault *fault)
{
    site->paused++;
    if (fault->end_ns > site->paused_until_ns) {
        site->paused_until_ns = fault->end_ns;
    }
    ASSERT(site->paused > 0);
}

/* Every site that the fault is about: of a provider, or all. */
static bool inject_concerns(const struct sim_world *world, const struct sim_fault *fault,
                            uint8_t site_id)
{
    const struct sim_site *site = &world->sites[site_id - 1];
    return fault->kind == SIM_FAULT_POWER_ALL ||
           site->provider_id == world->sites[fault->site_id - 1].provider_id;
}

static bool inject_many(struct sim_world *world, const struct sim_fault *fault)
{
    uint16_t sites = 0;
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        sites = (uint16_t)(sites | inject_concerns(world, fault, site_id) << (site_id - 1));
    }
    if (fault->kind == SIM_FAULT_PROVIDER_GONE && !sim_damage_allowed(world, sites)) {
        return false;
    }
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        struct sim_site *site = sim_world_site(world, site_id);
        if ((sites >> (site_id - 1) & 1u) != 0) {
            inject_hold(world, site, SIM_SITE_POWER);
            if (fault->kind == SIM_FAULT_PROVIDER_GONE) {
                site->gone = true;
                sim_damage_lose(world, site);
            }
        }
    }
    return true;
}

/* Only where the others are a majority that agrees, or the shard must halt (rule 9). */
static bool inject_diverge(struct sim_world *world, const struct sim_fault *fault,
                           struct sim_site *site)
{
    struct sim_seat *seat = &site->seats[fault->other_id % world->plan.shard_count];
    uint16_t voters = placement_voters(&world->placements[seat->shard_id - 1]);
    if (site->state != SIM_SITE_RUNNING || __builtin_popcount(voters) < 3 ||
        !sim_damage_allowed(world, (uint16_t)(1u << (site->site_id - 1)))) {
        return false;
    }
    ASSERT(fault->magnitude > 0);
    seat->diverges = fault->magnitude;
    seat->diverged_at = seat->status.applied_log_index;
    seat->fence_excused = true;
    return true;
}

/* False: it found nothing to do. */
static bool inject_process(struct sim_world *world, const struct sim_fault *fault,
                           struct sim_site *site)
{
    switch ((int)fault->kind) {
    case SIM_FAULT_KILL:
    case SIM_FAULT_LEADER_KILL:
        inject_hold(world, site, SIM_SITE_KILL);
        return true;
    case SIM_FAULT_POWER:
        inject_hold(world, site, SIM_SITE_POWER);
        return true;
    case SIM_FAULT_RESTART:
        inject_hold(world, site, SIM_SITE_CLEAN);
        return true;
    case SIM_FAULT_PAUSE:
    case SIM_FAULT_LEADER_PAUSE:
        inject_pause(site, fault);
        return true;
    case SIM_FAULT_INSTALL_POWER:
        world->install_kills++;
        return true;
    case SIM_FAULT_DIVERGE:
        return inject_diverge(world, fault, site);
    case SIM_FAULT_SLOW:
        site->slow_ns = fault->magnitude * SIM_MS / 20;
        return true;
    default:
        return inject_many(world, fault);
    }
}

static void inject_process_end(struct sim_world *world, const struct sim_fault *fault,
                               struct sim_site *site)
{
    switch ((int)fault->kind) {
    case SIM_FAULT_PAUSE:
    case SIM_FAULT_LEADER_PAUSE:
        site->paused--;
        if (site->paused == 0) {
            sim_site_wake(world, site);
        }
        return;
    case SIM_FAULT_SLOW:
        site->slow_ns = 0;
        return;
    case SIM_FAULT_DIVERGE: /* Only a rebuilt engine is right again. */
        return;
    case SIM_FAULT_INSTALL_POWER:
        world->install_kills -= world->install_kills > 0;
        return;
    case SIM_FAULT_POWER_ALL:
    case SIM_FAULT_PROVIDER_DOWN:
    case SIM_FAULT_PROVIDER_GONE:
        for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
            if (inject_concerns(world, fault, site_id)) {
                inject_release(world, sim_world_site(world, site_id));
            }
        }
        return;
    default:
        inject_release(world, site);
    }
}

/* ---- Clocks and clients ---- */

/* Whether half of some shard's voters have wild clocks. */
static bool inject_clocks_lost(const struct sim_world *world)
{
    uint16_t wild = 0;
    for (uint32_t at = 0; at < world->schedule.count; at++) {
        uint16_t kind = world->schedule.faults[at].kind;
        if (world->active[at] && kind >= SIM_FAULT_CLOCK_FORWARD &&
            kind <= SIM_FAULT_LEADER_CLOCK) {
            wild = (uint16_t)(wild | 1u << (world->targets[at] - 1));
        }
    }
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        uint16_t voters = placement_voters(&world->placements[at]);
        if (2 * __builtin_popcount(voters & wild) >= __builtin_popcount(voters)) {
            return true;
        }
    }
    return false;
}

static void inject_clock(struct sim_world *world, const struct sim_fault *fault,
                         struct sim_site *site)
{
    uint64_t now_ns = world->queue.now_ns;
    int64_t by_ns = (int64_t)(fault->magnitude * SIM_S);
    switch ((int)fault->kind) {
    case SIM_FAULT_CLOCK_FORWARD:
        sim_clock_step(&site->clock, now_ns, by_ns);
        return;
    case SIM_FAULT_CLOCK_BACK:
        sim_clock_step(&site->clock, now_ns, -by_ns);
        return;
    case SIM_FAULT_LEADER_CLOCK:
        sim_clock_step(&site->clock, now_ns, fault->magnitude % 2 == 0 ? by_ns : -by_ns);
        return;
    case SIM_FAULT_CLOCK_DRIFT:
        sim_clock_drift(&site->clock, now_ns, (int64_t)fault->magnitude * 100 - 50000);
        return;
    case SIM_FAULT_CLOCK_FREEZE:
        sim_clock_freeze(&site->clock, now_ns);
        return;
    default:
        ASSERT(false);
    }
}

static void inject_clients(struct sim_world *world, const struct sim_fault *fault)
{
    for (uint32_t at = 0; at < world->client_count; at++) {
        struct sim_client *client = &world->clients[at];
        switch ((int)fault->kind) {
        case SIM_FAULT_RECONNECT:
            sim_trade_move(world, client, false);
            break;
        case SIM_FAULT_TWO_SITES:
            sim_trade_move(world, client, true);
            break;
        case SIM_FAULT_RESENDING:
            sim_trade_resend(client);
            break;
        case SIM_FAULT_BURST:
            sim_client_trade(client, SIM_CLIENT_PENDING_MAX, world->queue.now_ns,
                             sim_clock_true_ns(world->queue.now_ns));
            break;
        default:
            ASSERT(false);
        }
    }
}

/* ---- All ---- */

static bool inject_at_leader(uint16_t kind)
{
    return kind == SIM_FAULT_LEADER_KILL || kind == SIM_FAULT_LEADER_PAUSE ||
           kind == SIM_FAULT_LEADER_SLOW_DISK || kind == SIM_FAULT_LEADER_ISOLATION ||
           kind == SIM_FAULT_LEADER_CLOCK;
}

static uint8_t inject_target(const struct sim_world *world, const struct sim_fault *fault)
{
    uint8_t leader = 0;
    ASSERT(fault->site_id <= world->plan.site_count);
    if (inject_at_leader(fault->kind)) {
        leader =
            sim_inspect_leader(world, (uint16_t)(1 + fault->other_id % world->plan.shard_count));
    }
    return leader != 0 ? leader : fault->site_id;
}

void sim_inject_begin(struct sim_world *world, uint32_t index)
{
    const struct sim_fault *fault = &world->schedule.faults[index];
    struct sim_site *site = sim_world_site(world, inject_target(world, fault));
    bool done = true;
    ASSERT(!world->active[index]);
    world->active[index] = true;
    world->targets[index] = site->site_id;
    if (fault->kind < SIM_FAULT_DISK_LOST) {
        done = inject_process(world, fault, site);
    } else if (fault->kind < SIM_FAULT_LOSS) {
        done = sim_damage_begin(world, fault, site);
    } else if (fault->kind == SIM_FAULT_FLAPPING) {
        sim_inject_flap(world, index, 0);
    } else if (fault->kind < SIM_FAULT_CLOCK_FORWARD) {
        sim_inject_network(world);
    } else if (fault->kind < SIM_FAULT_TRANSFER) {
        inject_clock(world, fault, site);
        world->clocks_lost = world->clocks_lost || inject_clocks_lost(world);
    } else if (fault->kind < SIM_FAULT_RECONNECT) {
        done = sim_operator_begin(world, fault);
    } else {
        inject_clients(world, fault);
    }
    world->applied[index] = done;
    world->totals.faults[fault->kind] += done;
    if (done) {
        sim_world_say(world, "fault %s at site %u", sim_fault_name(fault->kind), site->site_id);
    }
}

void sim_inject_mend(struct sim_world *world, uint32_t index)
{
    const struct sim_fault *fault = &world->schedule.faults[index];
    if (!world->active[index]) {
        return;
    }
    world->active[index] = false;
    bool flapping = fault->kind == SIM_FAULT_FLAPPING;
    struct sim_site *site =
        sim_world_site(world, flapping ? fault->site_id : world->targets[index]);
    if (!world->applied[index]) {
        return;
    }
    if (fault->kind < SIM_FAULT_DISK_LOST) {
        inject_process_end(world, fault, site);
    } else if (fault->kind < SIM_FAULT_LOSS) {
        sim_damage_end(world, fault, site);
    } else if (fault->kind < SIM_FAULT_CLOCK_FORWARD) {
        sim_inject_network(world);
    } else if (fault->kind < SIM_FAULT_TRANSFER) {
        sim_clock_mend(&site->clock); /* Also of other faults of it: it is kept again. */
    } else if (fault->kind < SIM_FAULT_RECONNECT) {
        sim_operator_end(world, fault);
    }
    sim_world_say(world, "fault %s is over", sim_fault_name(fault->kind));
}
