#include "tests/sim/sim.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tests/sim/sim_inject.h"
#include "tests/sim/sim_inspect.h"
#include "tests/sim/sim_operator.h"
#include "tests/sim/sim_pages.h"
#include "tests/sim/sim_repair.h"
#include "tests/sim/sim_shelf.h"
#include "tests/sim/sim_site.h"
#include "tests/sim/sim_sodium.h"
#include "tests/sim/sim_storage.h"
#include "tests/sim/sim_trade.h"

/* What must be enough to heal after the last fault. */
#define SIM_HEAL_NS      (60 * SIM_S)
#define SIM_HEAL_STEP_NS (200 * SIM_MS)

void sim_world_say(const struct sim_world *world, const char *format, ...)
{
    if (!world->verbose) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)printf("%12.6f ", (double)world->queue.now_ns / 1e9);
    (void)vprintf(format, arguments);
    (void)printf("\n");
    va_end(arguments);
    (void)fflush(stdout);
}

struct sim_world *sim_create(void)
{
    /* Memory is used again from run to run instead of going back to the system. */
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    struct sim_world *world = calloc(1, sizeof *world);
    if (world == NULL) {
        return NULL;
    }
    world->scratch = malloc(SEGMENT_BYTES_MAX);
    ASSERT(world->scratch != NULL);
    world->event = sim_trade_event;
    world->lost = sim_trade_lost;
    world->fetch = sim_shelf_fetch;
    enum status status = codec_create(&world->codec, 1);
    ASSERT(status == STATUS_OK);
    status = session_store_snapshot_create(&world->streams);
    ASSERT(status == STATUS_OK);
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        sim_site_make(world, site_id);
    }
    return world;
}

void sim_destroy(struct sim_world *world)
{
    if (world == NULL) {
        return;
    }
    sim_network_reset(&world->network);
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        sim_site_free(sim_world_site(world, site_id));
    }
    sim_check_free(&world->check);
    sim_queue_free(&world->queue);
    codec_destroy(world->codec);
    session_store_snapshot_destroy(world->streams);
    free(world->scratch);
    free(world->wire);
    sim_pages_trim();
    sim_storage_trim();
    free(world);
}

/* ---- What the seed makes of a run ---- */

static uint64_t plan_pick(struct random *random, const uint64_t *values, uint32_t count)
{
    ASSERT(count > 0);
    return values[random_below(random, count)];
}

static void plan_make(struct sim_plan *plan, struct random *random, const struct sim_wishes *wishes)
{
    static const uint64_t sites[] = {1, 2, 3, 3, 3, 3, 3, 4, 5, 5, 5, 7, 9};
    static const uint64_t snapshots[] = {0, 0, 0, 15, 50, 150};
    static const uint64_t latencies_us[] = {50, 200, 1000, 5000, 40000};
    *plan = (struct sim_plan){
        .site_count = (uint32_t)plan_pick(random, sites, sizeof sites / sizeof sites[0]),
        .provider_count = 1 + (uint32_t)random_below(random, 4),
        .shard_count = random_below(random, 3) > 0 ? 1 : 1 + (uint32_t)random_below(random, 8),
        .client_count = 1 + (uint32_t)random_below(random, 4),
        .learner_count = random_below(random, 3) == 0 ? 1 : 0,
        .faults_ns = (10 + random_below(random, 60)) * SIM_S,
        .latency_ns = 1000 * plan_pick(random, latencies_us, 5),
        .fault_mean_ns = (200 + random_below(random, 4000)) * SIM_MS,
        .think_ns = (20 + random_below(random, 500)) * SIM_MS,
        .burst_max = 1 + (uint32_t)random_below(random, 20),
        .real_signatures = random_below(random, 256) == 0,
    };
    plan->site_count = wishes->sites > 0 ? wishes->sites : plan->site_count;
    plan->provider_count = wishes->providers > 0 ? wishes->providers : plan->provider_count;
    plan->shard_count = wishes->shards > 0 ? wishes->shards : plan->shard_count;
    plan->faults_ns = wishes->faults_ns > 0 ? wishes->faults_ns : plan->faults_ns;
    plan->fault_mean_ns = wishes->no_faults ? 0 : plan->fault_mean_ns;
    if (plan->provider_count > plan->site_count) {
        plan->provider_count = plan->site_count;
    }
    if (plan->site_count < 4) {
        plan->learner_count = 0;
    }
    if (plan->client_count * plan->shard_count > SIM_CLIENTS_MAX) {
        plan->client_count = SIM_CLIENTS_MAX / plan->shard_count;
    }
    /* Large clusters trade less, so that a run takes about as long. */
    plan->think_ns *= 1 + plan->site_count * plan->shard_count / 6;
    plan->commit_providers = (uint8_t)(1 + random_below(random, plan->provider_count));
    uint64_t round_trip_ns = 5 * plan->latency_ns;
    plan->election_ns_min = (100 + random_below(random, 400)) * SIM_MS + 4 * round_trip_ns;
    plan->snapshot_segments = plan_pick(random, snapshots, sizeof snapshots / sizeof snapshots[0]);
    plan->snapshot_ns = (1500 + random_below(random, 6000)) * SIM_MS;
}

/* The membership at birth; commit_providers as many as the providers allow. */
static void world_genesis(struct sim_world *world)
{
    struct placement *genesis = &world->genesis;
    *genesis = (struct placement){.epoch = 1};
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        struct sim_site *site = sim_world_site(world, site_id);
        struct placement_site *member = &genesis->sites[site_id - 1];
        bool learner = site_id > world->plan.site_count - world->plan.learner_count;
        *member = (struct placement_site){.incarnation = site->incarnation,
                                          .provider_id = site->provider_id,
                                          .role = learner ? PLACEMENT_LEARNER : PLACEMENT_VOTER};
        memcpy(member->public_key, site->public_key, sizeof member->public_key);
        world->genesis_verifiers[site_id - 1] = world->verifiers[site_id - 1];
    }
    if (random_below(&world->random, 2) == 0) {
        genesis->preferred_site_ids[0] =
            (uint8_t)(1 + random_below(&world->random,
                                       world->plan.site_count - world->plan.learner_count));
    }
    genesis->commit_providers = world->plan.commit_providers;
    while (genesis->commit_providers > 1 && placement_judge(genesis, 0).rule != PLACEMENT_GOOD) {
        genesis->commit_providers--;
    }
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        world->placements[at] = *genesis;
        world->placement_terms[at] = 0;
        world->plan_under_way[at] = false;
        world->plan_terms[at] = 0;
    }
}

static void world_sites(struct sim_world *world)
{
    world->verifier_count = 0;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        struct sim_site *site = sim_world_site(world, site_id);
        sim_site_reset(world, site);
        if (site_id > world->plan.site_count) {
            continue;
        }
        site->provider_id = (uint8_t)(1 + (site_id - 1) % world->plan.provider_count);
        site->disk.latency_ns = (50 + random_below(&world->random, 1000)) * 1000;
        site->disk.jitter_ns = 1 + site->disk.latency_ns;
        sim_site_birth(world, site);
        int64_t offset_ns =
            (int64_t)random_below(&world->random, 10 * SIM_MS) - (int64_t)(5 * SIM_MS);
        sim_clock_init(&site->clock, offset_ns, random_below(&world->random, 1000 * SIM_S));
    }
}

static void world_faults(struct sim_world *world)
{
    for (uint32_t at = 0; at < world->schedule.count; at++) {
        const struct sim_fault *fault = &world->schedule.faults[at];
        if (fault->site_id > world->plan.site_count || fault->other_id > SITES_MAX) {
            continue;
        }
        sim_queue_add(&world->queue, (struct sim_event){.type = SIM_EVENT_FAULT,
                                                        .index = at,
                                                        .due_ns = fault->begin_ns});
        sim_queue_add(&world->queue, (struct sim_event){.type = SIM_EVENT_MEND,
                                                        .index = at,
                                                        .due_ns = fault->end_ns});
    }
}

void sim_begin(struct sim_world *world, uint64_t seed, const struct sim_plan *plan)
{
    ASSERT(plan->site_count >= 1 && plan->site_count <= SITES_MAX);
    ASSERT(plan->shard_count >= 1 && plan->shard_count <= SHARDS_MAX);
    world->plan = *plan;
    world->seed = seed;
    world->trace = 1;
    world->starts = 0;
    world->healing = false;
    world->clocks_lost = false;
    world->install_kills = 0;
    sim_repair_reset(world);
    random_seed(&world->random, seed ^ UINT64_C(0x5EED));
    sim_sodium_seed(seed, plan->real_signatures);
    sim_queue_reset(&world->queue);
    sim_network_reset(&world->network);
    sim_check_reset(&world->check);
    memset(world->active, 0, sizeof world->active);
    memset(world->applied, 0, sizeof world->applied);
    memset(world->targets, 0, sizeof world->targets);
    world_sites(world);
    world_genesis(world);
    sim_inject_network(world);
    world_faults(world);
    for (uint8_t site_id = 1; site_id <= plan->site_count; site_id++) {
        sim_site_start(world, sim_world_site(world, site_id));
    }
    sim_trade_start(world);
    sim_queue_add(&world->queue,
                  (struct sim_event){.type = SIM_EVENT_OPERATOR, .due_ns = SIM_OPERATOR_NS});
}

/* ---- Time passes ---- */

static void sim_event_do(struct sim_world *world, const struct sim_event *event)
{
    struct sim_site *site = event->site_id > 0 ? sim_world_site(world, event->site_id) : NULL;
    switch ((enum sim_event_type)event->type) {
    case SIM_EVENT_TURN:
        sim_site_turn(world, site, event->stamp, event->due_ns);
        return;
    case SIM_EVENT_DISK:
        sim_site_disk(world, site, event->stamp, event->index);
        return;
    case SIM_EVENT_STORE:
        sim_site_store(world, site, event->stamp);
        return;
    case SIM_EVENT_FRAME:
        sim_site_frame(world, event);
        return;
    case SIM_EVENT_CLIENT:
        sim_trade_client(world, event->index);
        return;
    case SIM_EVENT_FAULT:
        if (event->stamp > 0) {
            sim_inject_flap(world, event->index, event->stamp);
        } else {
            sim_inject_begin(world, event->index);
        }
        return;
    case SIM_EVENT_MEND:
        sim_inject_mend(world, event->index);
        return;
    case SIM_EVENT_SNAPSHOT:
        sim_site_snapshot(world, site, event->stamp, event->index);
        return;
    case SIM_EVENT_OPERATOR:
        sim_operator_look(world);
        return;
    case SIM_EVENT_TYPE_COUNT:
        break;
    }
    ASSERT(false);
}

void sim_go(struct sim_world *world, uint64_t for_ns)
{
    uint64_t until_ns = world->queue.now_ns + for_ns;
    struct sim_event event;
    while (!world->check.failed && sim_queue_take(&world->queue, until_ns, &event)) {
        sim_world_trace(world, event.due_ns);
        sim_world_trace(world,
                        (uint64_t)event.type << 40 | (uint64_t)event.site_id << 32 | event.index);
        sim_event_do(world, &event);
        world->totals.events++;
    }
}

bool sim_heal(struct sim_world *world)
{
    uint64_t until_ns = world->queue.now_ns + SIM_HEAL_NS;
    world->healing = true;
    while (!world->check.failed && world->queue.now_ns < until_ns) {
        sim_go(world, SIM_HEAL_STEP_NS);
        uint8_t which;
        if (sim_operator_waits(world, &which) == NULL && sim_trade_settled(world) &&
            sim_inspect_settled(world)) {
            return true;
        }
    }
    return false;
}

void sim_end(struct sim_world *world, struct sim_result *result)
{
    struct sim_totals *totals = &world->totals;
    if (!world->check.failed && world->healing) {
        uint8_t which;
        const char *waits = sim_operator_waits(world, &which);
        if (waits != NULL) {
            sim_check_fail(&world->check, "long after the last fault site %u %s", which, waits);
        }
        sim_inspect_end(world);
        sim_trade_end(world);
    }
    if (world->check.failed && world->verbose) {
        sim_inspect_print(world);
    }
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        sim_site_end(world, sim_world_site(world, site_id), SIM_SITE_KILL);
    }
    totals->runs++;
    totals->simulated_ns += world->queue.now_ns;
    totals->starts += world->starts;
    totals->elections += world->check.elections;
    totals->accepted += world->check.accepted;
    totals->rejected += world->check.rejected;
    totals->too_late += world->check.too_late;
    totals->frames += world->network.sent;
    *result = (struct sim_result){.trace = world->trace, .failed = world->check.failed};
    memcpy(result->failure, world->check.failure, sizeof result->failure);
}

void sim_plan_make(uint64_t seed, const struct sim_wishes *wishes, struct sim_plan *plan,
                   struct sim_schedule *schedule)
{
    struct random random;
    random_seed(&random, seed);
    plan_make(plan, &random, wishes);
    ASSERT(plan->site_count > 0);
    schedule->count = 0;
    if (wishes->schedule != NULL) {
        *schedule = *wishes->schedule;
    } else if (plan->fault_mean_ns > 0) {
        sim_schedule_make(schedule, &random, plan->site_count, plan->faults_ns,
                          plan->fault_mean_ns);
    }
}

void sim_run(struct sim_world *world, uint64_t seed, const struct sim_wishes *wishes,
             struct sim_result *result)
{
    struct sim_plan plan;
    world->verbose = wishes->verbose;
    sim_plan_make(seed, wishes, &plan, &world->schedule);
    sim_begin(world, seed, &plan);
    sim_go(world, plan.faults_ns);
    if (!world->check.failed) {
        (void)sim_heal(world);
    }
    sim_end(world, result);
}
