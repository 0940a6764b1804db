/* Quorum repair of a cluster: the sites' side and the operator's tool. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"

static uint16_t repair_bit(uint8_t site_id)
{
    return (uint16_t)(1u << (site_id - 1));
}

void cluster_report(const struct cluster *cluster, uint8_t site_id, struct repair_report *report)
{
    const struct cluster_site *site = &cluster->sites[site_id - 1];
    const struct cluster_log *log = &site->durable;
    struct replica_start start = {0};
    assert_true(site->runs);
    cluster_placements(log, log->last_log_index, &start);
    *report = (struct repair_report){.site_id = site_id,
                                     .incarnation = site->incarnation,
                                     .generation = site->generation,
                                     .promised = log->repair_active ? NULL : log->repair,
                                     .commit_log_index = site->commit_log_index,
                                     .placement = start.placement,
                                     .placement_log_index = start.placement_log_index,
                                     .previous_placement = start.previous_placement};
    if (log->last_log_index > 0) {
        report->last = log->entries[log->last_log_index].position;
    }
    const struct placement *ruling =
        repair_ruling(log->repair, log->repair_active, &start.placement);
    if (ruling != &start.placement) {
        report->placement = *ruling;
        report->placement_log_index = 0;
    }
}

enum repair_refusal cluster_decide(const struct cluster *cluster, uint16_t survivors,
                                   uint16_t attested, bool forced, struct repair *repair,
                                   uint8_t *site_id)
{
    struct repair_report *reports = calloc(SITES_MAX, sizeof *reports);
    assert_non_null(reports);
    struct repair_request request = {.reports = reports, .attested = attested, .forced = forced};
    for (uint8_t at = 1; at <= SITES_MAX; at++) {
        if ((survivors & repair_bit(at)) != 0) {
            cluster_report(cluster, at, &reports[request.report_count++]);
        }
    }
    memset(request.attestation_hash, 0x5A, sizeof request.attestation_hash);
    enum repair_refusal refusal = repair_decide(&request, repair, site_id);
    free(reports);
    return refusal;
}

static struct repair_stand repair_stand_of(const struct cluster *cluster, uint8_t site_id)
{
    const struct cluster_site *site = &cluster->sites[site_id - 1];
    return (struct repair_stand){.site_id = site_id,
                                 .incarnation = site->incarnation,
                                 .generation = site->generation,
                                 .accepted = site->appended.repair,
                                 .active = site->appended.repair_active,
                                 .last = site->replica.log.last};
}

static void repair_write(struct cluster *cluster, uint8_t site_id, const struct repair *repair,
                         bool active)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    assert_true(cluster->repair_count < CLUSTER_REPAIRS_MAX);
    struct repair *kept = &cluster->repairs[cluster->repair_count++];
    *kept = *repair;
    struct cluster_record record = {.type = CLUSTER_REPAIR,
                                    .repair = kept,
                                    .repair_active = active};
    cluster_record(cluster, site, &record);
}

enum status cluster_promise(struct cluster *cluster, uint8_t site_id, const struct repair *repair)
{
    struct repair_stand stand = repair_stand_of(cluster, site_id);
    enum status status = repair_may_promise(&stand, repair);
    if (status == STATUS_OK) {
        repair_write(cluster, site_id, repair, false);
        struct replica_input input = {.type = REPLICA_PROMISE};
        cluster_step(cluster, site_id, &input);
        assert_true(cluster_site(cluster, site_id)->replica.halt != REPLICA_RUNS);
    }
    return status;
}

enum status cluster_activate(struct cluster *cluster, uint8_t site_id, uint64_t generation,
                             uint16_t promised)
{
    struct repair_stand stand = repair_stand_of(cluster, site_id);
    enum status status = repair_may_activate(&stand, generation, promised);
    if (status == STATUS_OK) {
        repair_write(cluster, site_id, stand.accepted, true);
        cluster_tick(cluster, site_id); /* Starts the write. */
    }
    return status;
}

static uint16_t repair_accepted(const struct cluster *cluster, uint16_t sites, uint64_t generation,
                                bool active)
{
    uint16_t accepted = 0;
    for (uint8_t at = 1; at <= SITES_MAX; at++) {
        const struct cluster_log *log = &cluster->sites[at - 1].durable;
        if ((sites & repair_bit(at)) != 0 && log->repair != NULL &&
            log->repair->generation == generation && (log->repair_active || !active)) {
            accepted = (uint16_t)(accepted | repair_bit(at));
        }
    }
    return accepted;
}

uint16_t cluster_promised(const struct cluster *cluster, uint16_t sites, uint64_t generation)
{
    return repair_accepted(cluster, sites, generation, false);
}

uint16_t cluster_activated(const struct cluster *cluster, uint16_t sites, uint64_t generation)
{
    return repair_accepted(cluster, sites, generation, true);
}

/* What was committed and is not in the kept log is lost, which must have been said. */
void cluster_repair_began(struct cluster *cluster, const struct repair *repair)
{
    cluster->generation = repair->generation;
    memset(cluster->leaders, 0, CLUSTER_TERMS_MAX); /* Terms of another generation are others. */
    const struct cluster_log *log = &cluster->sites[repair->kept_site_id - 1].durable;
    uint64_t kept = cluster->committed_log_index;
    while (kept > log->base.log_index &&
           (kept > log->last_log_index ||
            memcmp(log->entries[kept].position.chain_hash, cluster->committed[kept].chain_hash,
                   REPLICA_HASH_BYTES) != 0)) {
        kept--;
    }
    uint64_t lost = cluster->committed_log_index - kept;
    assert_true(lost == 0 || repair->loss != REPAIR_LOSES_NOTHING);
    cluster->lost_count += lost;
    cluster->committed_log_index = kept;
}

/* Time for disks; perhaps somebody is killed. True: the tool was. */
static bool repair_pause(struct cluster *cluster, uint16_t survivors, uint32_t killed)
{
    cluster_run(cluster, 1 + random_below(&cluster->random, 3 * CLUSTER_MS));
    for (uint8_t at = 1; at <= SITES_MAX; at++) {
        struct cluster_site *site = cluster_site(cluster, at);
        if ((survivors & repair_bit(at)) == 0) {
            continue;
        }
        if (site->runs && random_below(&cluster->random, 1000) < killed) {
            cluster_crash(cluster, at);
        } else if (!site->runs && random_below(&cluster->random, 3) == 0) {
            cluster_restart(cluster, at);
        }
    }
    return random_below(&cluster->random, 1000) < killed;
}

static void repair_wake(struct cluster *cluster, uint16_t survivors)
{
    for (uint8_t at = 1; at <= SITES_MAX; at++) {
        if ((survivors & repair_bit(at)) != 0 && !cluster_site(cluster, at)->runs) {
            cluster_restart(cluster, at);
        }
    }
}

/* One life of the tool. False: killed, or refused by a site; begin again. */
static bool repair_try(struct cluster *cluster, const struct repair *repair, uint32_t killed)
{
    uint16_t survivors = repair->survivors;
    uint64_t generation = repair->generation;
    for (uint32_t tries = 0; tries < 2000; tries++) {
        uint8_t at = (uint8_t)(1 + random_below(&cluster->random, SITES_MAX));
        if (repair_pause(cluster, survivors, killed)) {
            return false;
        }
        uint16_t promised = cluster_promised(cluster, survivors, generation);
        if (cluster_activated(cluster, survivors, generation) == survivors) {
            return true;
        }
        if ((survivors & repair_bit(at)) == 0 || !cluster_site(cluster, at)->runs) {
            continue;
        }
        enum status status = promised == survivors
                                 ? cluster_activate(cluster, at, generation, promised)
                                 : cluster_promise(cluster, at, repair);
        if (status != STATUS_OK && status != STATUS_EXISTS) {
            return false;
        }
    }
    return false;
}

enum repair_refusal cluster_repair(struct cluster *cluster, uint16_t survivors, uint16_t attested,
                                   uint32_t killed, struct repair *repair)
{
    for (uint32_t tries = 0; tries < 500; tries++) {
        repair_wake(cluster, survivors);
        if (tries > 0 && cluster_activated(cluster, survivors, repair->generation) == survivors) {
            return REPAIR_ACCEPTED; /* The tool was killed when all was done. */
        }
        uint8_t site_id;
        enum repair_refusal refusal =
            cluster_decide(cluster, survivors, attested, false, repair, &site_id);
        if (refusal == REPAIR_REFUSED_UNFINISHED) {
            /* That others have activated it says that all have promised. */
            const struct repair *promised = cluster_site(cluster, site_id)->durable.repair;
            *repair = *promised;
        } else if (refusal != REPAIR_ACCEPTED) {
            return refusal;
        }
        if (repair_try(cluster, repair, killed)) {
            repair_wake(cluster, survivors);
            return REPAIR_ACCEPTED;
        }
    }
    fail_msg("the repair never ends");
    return REPAIR_REFUSED_REPORT;
}
