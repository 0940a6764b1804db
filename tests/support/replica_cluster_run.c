/* Time passes: the events of a cluster in their order, and random faults. */
#include <inttypes.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/replica_cluster.h"

/* The earliest of a site's own events. */
static uint64_t run_site_due_ns(const struct cluster *cluster, uint8_t site_id)
{
    const struct cluster_site *site = &cluster->sites[site_id - 1];
    if (!site->runs) {
        return UINT64_MAX;
    }
    uint64_t due_ns = replica_due_ns(&site->replica);
    return due_ns < site->disk_due_ns ? due_ns : site->disk_due_ns;
}

static void run_seal(struct cluster *cluster)
{
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if (cluster->sites[site_id - 1].runs) {
            (void)cluster_seal(cluster, site_id, 1 + (uint32_t)random_below(&cluster->random, 3));
        }
    }
    cluster->seal_due_ns = cluster->now_ns + 1 + random_below(&cluster->random, cluster->seal_ns);
}

/* The next event not after `until_ns`. False: there is none. */
static bool run_next(struct cluster *cluster, uint64_t until_ns)
{
    uint64_t flight_ns = cluster_flight_due_ns(cluster);
    uint64_t seal_ns = cluster->seals ? cluster->seal_due_ns : UINT64_MAX;
    uint64_t due_ns = flight_ns < seal_ns ? flight_ns : seal_ns;
    uint8_t site_id = 0;
    for (uint8_t at = 1; at <= SITES_MAX; at++) {
        uint64_t site_ns = run_site_due_ns(cluster, at);
        if (site_ns < due_ns) {
            due_ns = site_ns;
            site_id = at;
        }
    }
    if (due_ns > until_ns) {
        cluster->now_ns = until_ns;
        return false;
    }
    cluster->now_ns = due_ns > cluster->now_ns ? due_ns : cluster->now_ns;
    if (site_id != 0) {
        if (cluster->sites[site_id - 1].disk_due_ns <= cluster->now_ns) {
            cluster_disk_done(cluster, site_id);
        } else {
            cluster_tick(cluster, site_id);
        }
    } else if (flight_ns == due_ns) {
        cluster_deliver(cluster);
    } else {
        run_seal(cluster);
    }
    return true;
}

void cluster_run(struct cluster *cluster, uint64_t for_ns)
{
    uint64_t until_ns = cluster->now_ns + for_ns;
    while (run_next(cluster, until_ns)) {
        assert_true(cluster->now_ns <= until_ns);
    }
}

uint8_t cluster_leader(const struct cluster *cluster)
{
    uint8_t leader = 0;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        const struct cluster_site *site = &cluster->sites[site_id - 1];
        if (site->runs && replica_serves(&site->replica) &&
            (leader == 0 || cluster->sites[leader - 1].replica.term < site->replica.term)) {
            leader = site_id;
        }
    }
    return leader;
}

uint8_t cluster_run_to_leader(struct cluster *cluster, uint64_t for_ns)
{
    uint64_t until_ns = cluster->now_ns + for_ns;
    while (cluster_leader(cluster) == 0 && run_next(cluster, until_ns)) {
    }
    return cluster_leader(cluster);
}

static bool run_committed(const struct cluster *cluster, uint16_t sites, uint64_t log_index)
{
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        if ((sites >> at & 1u) != 0 && cluster->sites[at].commit_log_index < log_index) {
            return false;
        }
    }
    return true;
}

bool cluster_run_to_commit(struct cluster *cluster, uint16_t sites, uint64_t log_index,
                           uint64_t for_ns)
{
    uint64_t until_ns = cluster->now_ns + for_ns;
    while (!run_committed(cluster, sites, log_index) && run_next(cluster, until_ns)) {
    }
    return run_committed(cluster, sites, log_index);
}

/* What everybody thinks, for the reader of a failed run. */
static void run_print(const struct cluster *cluster)
{
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        const struct cluster_site *site = &cluster->sites[site_id - 1];
        const struct replica *replica = &site->replica;
        if (site->incarnation == 0) {
            continue;
        }
        print_message("site %u%s: role %d term %" PRIu64 " leader %u log %" PRIu64 "..%" PRIu64
                      " durable %" PRIu64 " commit %" PRIu64 " placement at %" PRIu64
                      " voters %x members %x providers %u base %" PRIu64 "%s%s\n",
                      site_id, site->runs ? "" : " (down)", (int)replica->role, replica->term,
                      replica->leader_site_id, replica->log.before.log_index,
                      replica->log.last.log_index, replica->persisted.log_index,
                      site->commit_log_index, replica->placement_log_index,
                      placement_voters(&replica->placement), placement_members(&replica->placement),
                      replica->placement.commit_providers, site->durable.base.log_index,
                      replica->fenced ? " fenced" : "", replica->installing ? " installing" : "");
    }
}

/* ---- Chaos ---- */

static uint8_t chaos_site(struct cluster *cluster)
{
    return (uint8_t)(1 + random_below(&cluster->random, SITES_MAX));
}

/* A step that changes one thing at random; most are refused, as they should be. */
static void chaos_change(struct cluster *cluster, uint8_t leader)
{
    struct placement next = cluster_site(cluster, leader)->replica.placement;
    uint8_t site_id = chaos_site(cluster);
    struct placement_site *changed = &next.sites[site_id - 1];
    struct cluster_site *site = cluster_site(cluster, site_id);
    next.epoch++;
    if (random_below(&cluster->random, 6) == 0) {
        next.commit_providers = (uint8_t)(1 + random_below(&cluster->random, 3));
    } else if (random_below(&cluster->random, 6) == 0) {
        next.preferred_site_ids[0] = site_id;
    } else if (changed->role == PLACEMENT_ABSENT) {
        if (site->incarnation != 0) {
            return; /* Its journal was a member once: it does not come back (rule 4). */
        }
        *changed =
            (struct placement_site){.incarnation = 2000 + site_id,
                                    .provider_id = (uint8_t)(1 + random_below(&cluster->random, 3)),
                                    .role = PLACEMENT_LEARNER};
    } else if (changed->role == PLACEMENT_LEARNER) {
        changed->role = PLACEMENT_VOTER;
    } else if (random_below(&cluster->random, 2) == 0) {
        changed->role = PLACEMENT_LEARNER;
    } else {
        *changed = (struct placement_site){0};
    }
    if (cluster_change(cluster, leader, &next) == REPLICA_ACCEPTED &&
        changed->role == PLACEMENT_LEARNER && site->incarnation == 0) {
        site->incarnation = changed->incarnation;
        cluster_restart(cluster, site_id);
    }
}

static void chaos_network(struct cluster *cluster)
{
    switch (random_below(&cluster->random, 6)) {
    case 0:
        cluster_isolate(cluster, chaos_site(cluster), random_below(&cluster->random, 2) == 0);
        return;
    case 1: /* One way only. */
        cluster->cut[random_below(&cluster->random, 5)][random_below(&cluster->random, 5)] ^= true;
        return;
    case 2:
        cluster->lost = (uint32_t)random_below(&cluster->random, 300);
        cluster->doubled = (uint32_t)random_below(&cluster->random, 300);
        return;
    case 3:
        cluster->delay_ns_max =
            cluster->delay_ns_min + random_below(&cluster->random, 100 * CLUSTER_MS);
        return;
    case 4:
        cluster->delay_ns_max = cluster->delay_ns_min + CLUSTER_MS;
        return;
    default:
        cluster_mend(cluster);
        return;
    }
}

static void chaos_fault(struct cluster *cluster, struct cluster_chaos *chaos)
{
    uint8_t site_id = chaos_site(cluster);
    struct cluster_site *site = cluster_site(cluster, site_id);
    uint8_t leader = cluster_leader(cluster);
    switch (random_below(&cluster->random, 10)) {
    case 0:
    case 1:
    case 2:
        if (site->runs) {
            cluster_crash(cluster, site_id);
            chaos->crashes++;
        } else if (site->incarnation != 0) {
            cluster_restart(cluster, site_id);
        }
        return;
    case 3:
        if (leader != 0) { /* Where it hurts. */
            cluster_crash(cluster, leader);
            chaos->crashes++;
        }
        return;
    case 4:
        if (leader != 0) {
            (void)cluster_transfer(cluster, leader, site_id);
        }
        return;
    case 5:
        if (leader != 0 && chaos->membership) {
            chaos_change(cluster, leader);
        }
        return;
    case 6:
        if (site->runs && chaos->snapshots) {
            cluster_snapshot(cluster, site_id);
        }
        return;
    case 7:
        site->disk_ns_max = 1 + random_below(&cluster->random, 200 * CLUSTER_MS);
        return;
    default:
        chaos_network(cluster);
        return;
    }
}

/* After the faults: everybody back, a leader, and all of its members as far as it. */
static void chaos_settle(struct cluster *cluster)
{
    cluster_mend(cluster);
    cluster->delay_ns_max = cluster->delay_ns_min + CLUSTER_MS;
    cluster->seals = false;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        struct cluster_site *site = cluster_site(cluster, site_id);
        site->disk_ns_max = CLUSTER_MS;
        if (!site->runs && site->incarnation != 0) {
            cluster_restart(cluster, site_id);
        }
    }
    cluster_run(cluster, CLUSTER_S);
    uint8_t leader = cluster_run_to_leader(cluster, 20 * CLUSTER_S);
    if (leader == 0) {
        run_print(cluster);
        fail_msg("no leader after the faults");
    }
    for (uint32_t tries = 0; cluster_seal(cluster, leader, 1) == 0; tries++) {
        cluster_run(cluster, 100 * CLUSTER_MS); /* A transfer to a preferred site, perhaps. */
        leader = cluster_run_to_leader(cluster, 20 * CLUSTER_S);
        assert_true(leader != 0 && tries < 100);
    }
    const struct placement *placement = &cluster_site(cluster, leader)->replica.placement;
    uint64_t goal = cluster_site(cluster, leader)->appended.last_log_index;
    uint16_t members = 0;
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        members = (uint16_t)(members | (placement->sites[at].role != PLACEMENT_ABSENT) << at);
    }
    if (!cluster_run_to_commit(cluster, members, goal, 20 * CLUSTER_S)) {
        run_print(cluster);
        fail_msg("%" PRIu64 " is not committed everywhere", goal);
    }
}

void cluster_chaos_run(struct cluster *cluster, struct cluster_chaos *chaos)
{
    uint64_t until_ns = cluster->now_ns + chaos->fault_ns;
    cluster->seals = true;
    while (cluster->now_ns < until_ns) {
        cluster_run(cluster, 1 + random_below(&cluster->random, 200 * CLUSTER_MS));
        chaos_fault(cluster, chaos);
    }
    chaos_settle(cluster);
    chaos->commits += cluster->committed_log_index;
    for (uint32_t term = 0; term < CLUSTER_TERMS_MAX; term++) {
        chaos->elections += cluster->leaders[term] != 0;
    }
}
