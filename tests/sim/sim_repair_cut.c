#include "tests/sim/sim_repair_cut.h"

#include <inttypes.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "tests/sim/sim_trade.h"

/* A segment as a site's journal has it; STATUS_NOT_FOUND where a snapshot stands for it. */
static enum status cut_read(struct sim_world *world, const struct sim_site *site, uint16_t shard_id,
                            uint64_t log_index, struct segment *segment)
{
    size_t bytes;
    ASSERT(site->state == SIM_SITE_RUNNING);
    enum status status =
        journal_read(site->journal, shard_id, log_index, world->scratch, SEGMENT_BYTES_MAX, &bytes);
    return status == STATUS_OK ? segment_open(segment, world->scratch, bytes) : status;
}

/* Highest committed segment that a site has on its disk, and so all before it. */
static uint64_t cut_common(const struct sim_world *world, const struct sim_site *site,
                           uint16_t shard_id)
{
    const struct sim_list *chains = &world->check.shards[shard_id - 1].chains;
    uint64_t at = chains->count - 1;
    while (at > 0 && !sim_ledger_holds(&site->ledger, shard_id, at, chains->values[at])) {
        at--;
    }
    ASSERT(at < chains->count);
    return at;
}

/* The last command at or before a segment that the site has. */
static uint64_t cut_command(struct sim_world *world, const struct sim_site *site, uint16_t shard_id,
                            uint64_t log_index)
{
    struct journal_tail tail;
    struct segment segment;
    journal_persisted(site->journal, shard_id, &tail);
    ASSERT(log_index <= tail.last_log_index);
    if (log_index == tail.last_log_index) {
        return tail.next_command_sequence - 1;
    }
    enum status status = cut_read(world, site, shard_id, log_index + 1, &segment);
    ASSERT(status == STATUS_OK);
    return segment.first_command_sequence - 1;
}

/* One survivor: what it said is on its disk, is no better than what is kept, and nothing that it
 * has of the committed is lost, but for what may have been overwritten for all that it can tell
 * (Figure 8 of the Raft paper: a later leader than the one it has it from, whose log ends here). */
static void cut_survivor(struct sim_world *world, uint16_t shard_id,
                         const struct repair_report *report, uint64_t kept_common)
{
    const struct sim_repair *repair = &world->repairs[shard_id - 1];
    const struct replica_position *kept = &repair->repair.kept;
    struct sim_site *site = sim_world_site(world, report->site_id);
    const struct sim_ledger_shard *ledger = &site->ledger.shards[shard_id - 1];
    uint64_t last = report->last.log_index;
    if (ledger->last != last ||
        (last > 0 && ledger->chains[last] != bytes_load_le64(report->last.chain_hash))) {
        sim_check_fail(&world->check, "site %u reports a log that is not on its disk",
                       site->site_id);
        return;
    }
    if (report->last.term > kept->term ||
        (report->last.term == kept->term && last > kept->log_index)) {
        sim_check_fail(&world->check,
                       "the repair of shard %u does not keep the best log: site %u's", shard_id,
                       site->site_id);
    }
    if (report->commit_log_index > kept_common) {
        sim_check_fail(&world->check,
                       "the repair of shard %u keeps %" PRIu64 " segments, site %u knows %" PRIu64
                       " as committed",
                       shard_id, kept_common, site->site_id, report->commit_log_index);
    }
    uint64_t common = cut_common(world, site, shard_id);
    struct segment segment;
    if (common > kept_common && (cut_read(world, site, shard_id, common, &segment) != STATUS_OK ||
                                 segment.term >= kept->term)) {
        sim_check_fail(&world->check,
                       "the repair of shard %u loses segment %" PRIu64
                       ", which is committed and site %u has",
                       shard_id, common, site->site_id);
    }
}

/* Who is lost counts no more in this shard. */
static void cut_lost(struct sim_world *world, uint16_t shard_id)
{
    ASSERT(shard_id >= 1);
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        struct sim_site *site = sim_world_site(world, site_id);
        if (site->lost) {
            site->seats[shard_id - 1].over = true;
            sim_trade_lost(world, site_id);
        }
    }
    for (uint32_t at = 0; at < world->schedule.count; at++) {
        uint16_t kind = world->schedule.faults[at].kind;
        bool clock = kind >= SIM_FAULT_CLOCK_FORWARD && kind <= SIM_FAULT_LEADER_CLOCK;
        world->clocks_lost = world->clocks_lost || (clock && world->active[at]);
    }
}

void sim_repair_cut(struct sim_world *world, uint16_t shard_id, const struct repair_report *reports,
                    uint32_t report_count)
{
    struct sim_repair *repair = &world->repairs[shard_id - 1];
    const struct sim_site *keeper = sim_world_site(world, repair->repair.kept_site_id);
    struct sim_check *check = &world->check;
    uint64_t known = sim_check_committed_last(check, shard_id);
    uint64_t common = cut_common(world, keeper, shard_id);
    for (uint32_t at = 0; at < report_count && !check->failed; at++) {
        cut_survivor(world, shard_id, &reports[at], common);
    }
    if (common < known && repair->repair.loss == REPAIR_LOSES_NOTHING) {
        sim_check_fail(check,
                       "the repair of shard %u loses committed segments and says it does not",
                       shard_id);
    }
    if (check->failed) {
        return;
    }
    uint64_t command_sequence = cut_command(world, keeper, shard_id, common);
    sim_check_cut(check, shard_id, common, command_sequence);
    /* What the keeper has beyond that is committed from now on: nobody is elected without it. */
    const struct sim_ledger_shard *ledger = &keeper->ledger.shards[shard_id - 1];
    for (uint64_t at = common + 1; at <= repair->repair.kept.log_index; at++) {
        (void)sim_check_committed(check, keeper->site_id, shard_id, at, ledger->chains[at], 0);
    }
    sim_world_say(world, "shard %u goes on from %" PRIu64 " of %" PRIu64 " committed segments",
                  shard_id, common, known);
    world->totals.repairs++;
    world->totals.repairs_lossy += common < known;
    world->totals.repair_losses += known - common;
    repair->generation = repair->repair.generation;
    repair->kept = repair->repair.kept;
    repair->settled = false;
    world->placements[shard_id - 1] = repair->repair.after;
    world->placement_terms[shard_id - 1] = 0;
    world->plan_under_way[shard_id - 1] = false;
    cut_lost(world, shard_id);
    sim_trade_cut(world, shard_id, command_sequence);
}
