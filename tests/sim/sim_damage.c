#include "tests/sim/sim_damage.h"

#include <errno.h>

#include "matching/base/assertion.h"
#include "tests/sim/sim_shelf.h"
#include "tests/sim/sim_site.h"
#include "tests/sim/sim_trade.h"
#include "tests/support/store_memory.h"

static bool damage_diverges(const struct sim_world *world, const struct sim_site *site)
{
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        if (site->seats[at].diverges != 0 || site->seats[at].status.fenced) {
            return true;
        }
    }
    return false;
}

uint16_t sim_damage_doubtful(const struct sim_world *world, const struct placement *placement)
{
    uint16_t doubtful = 0;
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        const struct sim_site *site = &world->sites[site_id - 1];
        if (damage_diverges(world, site) || site->lost || site->retired || site->fragile ||
            site->disk.misdirects ||
            (site->excuses & (SIM_EXCUSE_DAMAGE | SIM_EXCUSE_FOREIGN)) != 0 ||
            placement->sites[site_id - 1].incarnation != site->incarnation) {
            doubtful = (uint16_t)(doubtful | 1u << (site_id - 1));
        }
    }
    return doubtful;
}

bool sim_damage_allowed(const struct sim_world *world, uint16_t sites)
{
    ASSERT(sites != 0);
    if (sim_world_repairs(world)) {
        return false;
    }
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        const struct placement *placement = &world->placements[at];
        uint16_t doubtful = sim_damage_doubtful(world, placement);
        if (world->plan_under_way[at] || (doubtful & sites) != 0 ||
            placement_loss_of(placement, 0, (uint16_t)(doubtful | sites)) != PLACEMENT_HARMLESS) {
            return false;
        }
    }
    return true;
}

void sim_damage_lose(struct sim_world *world, struct sim_site *site)
{
    ASSERT(site->state != SIM_SITE_RUNNING);
    site->lost = true;
    sim_world_say(world, "site %u has lost its disk", site->site_id);
}

static void damage_down(struct sim_world *world, struct sim_site *site)
{
    site->held++;
    sim_site_end(world, site, SIM_SITE_POWER);
    sim_trade_lost(world, site->site_id);
}

/* An empty disk is started as if it were the old one: with the journal.id that was born with it, or
 * with the old one copied over that, which never starts. */
static void damage_lie(struct sim_world *world, struct sim_site *site, bool copied)
{
    const struct journal_id old = site->parts.id;
    sim_site_birth(world, site);
    const struct journal_id born = site->parts.id;
    site->excuses |= SIM_EXCUSE_FOREIGN;
    site->parts.id = copied ? old : born;
    sim_site_start(world, site);
    if (copied && site->state == SIM_SITE_RUNNING) {
        sim_check_fail(&world->check, "site %u starts with a journal.id that is not its journal's",
                       site->site_id);
    }
    site->parts.id = born;
}

/* Those that harm what was durable. */
static bool damage_content(struct sim_world *world, const struct sim_fault *fault,
                           struct sim_site *site)
{
    uint16_t shard_id = (uint16_t)(1 + fault->other_id % world->plan.shard_count);
    bool harmed = true;
    switch ((int)fault->kind) {
    case SIM_FAULT_DISK_LOST:
        damage_down(world, site);
        sim_damage_lose(world, site);
        return true;
    case SIM_FAULT_DISK_LOST_LIE:
        damage_down(world, site);
        sim_damage_lose(world, site);
        damage_lie(world, site, fault->magnitude % 2 == 0);
        return true;
    case SIM_FAULT_ROT_JOURNAL:
        harmed = sim_disk_rot(&site->disk, &world->random);
        break;
    case SIM_FAULT_ROT_STORE:
        harmed = store_memory_rot(site->store, shard_id, random_u64(&world->random));
        break;
    case SIM_FAULT_ROT_METADATA:
        sim_disk_rot_header(&site->disk, &world->random);
        break;
    case SIM_FAULT_ROT_SNAPSHOT:
        harmed = sim_shelf_rot(&site->seats[shard_id - 1].shelf, &world->random);
        break;
    case SIM_FAULT_MISDIRECTED_WRITE:
        site->disk.misdirects = site->state == SIM_SITE_RUNNING;
        return site->disk.misdirects;
    case SIM_FAULT_STALE_READ:
        damage_down(world, site);
        site->held--;
        harmed = sim_disk_stale(&site->disk, &world->random);
        break;
    default:
        ASSERT(false);
    }
    if (harmed) {
        site->excuses |= SIM_EXCUSE_DAMAGE;
    }
    return harmed;
}

bool sim_damage_begin(struct sim_world *world, const struct sim_fault *fault, struct sim_site *site)
{
    ASSERT(fault->kind >= SIM_FAULT_DISK_LOST);
    if (site->lost) {
        return false;
    }
    switch ((int)fault->kind) {
    case SIM_FAULT_NO_SPACE:
    case SIM_FAULT_DISK_ERROR:
        site->disk.error = fault->kind == SIM_FAULT_NO_SPACE ? ENOSPC : EIO;
        site->excuses |= SIM_EXCUSE_WRITES;
        return true;
    case SIM_FAULT_SLOW_DISK:
    case SIM_FAULT_LEADER_SLOW_DISK:
        site->disk.slow_ns = fault->magnitude * SIM_MS / 5;
        return true;
    case SIM_FAULT_STUCK_DISK:
        if (fault->end_ns > site->disk.stuck_until_ns) {
            site->disk.stuck_until_ns = fault->end_ns;
        }
        return true;
    case SIM_FAULT_SLOW_STORE:
        site->store_slow_ns = fault->magnitude * 5 * SIM_MS;
        return true;
    default:
        return sim_damage_allowed(world, (uint16_t)(1u << (site->site_id - 1))) &&
               damage_content(world, fault, site);
    }
}

void sim_damage_end(struct sim_world *world, const struct sim_fault *fault, struct sim_site *site)
{
    switch ((int)fault->kind) {
    case SIM_FAULT_NO_SPACE:
    case SIM_FAULT_DISK_ERROR:
        site->disk.error = 0;
        return;
    case SIM_FAULT_SLOW_DISK:
    case SIM_FAULT_LEADER_SLOW_DISK:
        site->disk.slow_ns = 0;
        return;
    case SIM_FAULT_SLOW_STORE:
        site->store_slow_ns = 0;
        return;
    case SIM_FAULT_DISK_LOST:
        ASSERT(site->held > 0);
        site->held--;
        return;
    case SIM_FAULT_DISK_LOST_LIE: /* Somebody notices. */
        sim_site_end(world, site, SIM_SITE_KILL);
        sim_trade_lost(world, site->site_id);
        site->held--;
        sim_damage_lose(world, site);
        return;
    default:
        return;
    }
}
