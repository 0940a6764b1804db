/* Steps of directed schedules, for the tests that are made of them: one world, whole shards. */
#ifndef TESTS_SIM_SCHEDULE_STEPS_H
#define TESTS_SIM_SCHEDULE_STEPS_H

#include <string.h>

#include "tests/sim/sim.h"
#include "tests/sim/sim_inspect.h"
#include "tests/sim/sim_site.h"
#include "tests/sim/sim_sodium.h"
#include "tests/support/cmocka_all.h"

static struct sim_world *world;

static inline int setup(void **state)
{
    (void)state;
    sim_sodium_start();
    world = sim_create();
    assert_non_null(world);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    sim_destroy(world);
    return 0;
}

static inline struct sim_site *site_of(uint8_t site_id)
{
    return sim_world_site(world, site_id);
}

static inline const struct shard_status *status_of(uint8_t site_id)
{
    return &site_of(site_id)->seats[0].status;
}

static inline uint64_t committed(void)
{
    return sim_check_committed_last(&world->check, 1);
}

static inline void go(uint64_t ms)
{
    sim_go(world, ms * SIM_MS);
    if (world->check.failed) {
        fail_msg("%s", world->check.failure);
    }
}

static inline void cut(uint8_t one, uint8_t other, bool is_cut)
{
    sim_network_link(&world->network, one, other)->cut = is_cut;
    sim_network_link(&world->network, other, one)->cut = is_cut;
}

static inline void isolate(uint8_t site_id, bool is_cut)
{
    for (uint8_t other = 1; other <= SITES_MAX; other++) {
        if (other != site_id) {
            cut(site_id, other, is_cut);
        }
    }
}

static inline void down(uint8_t site_id)
{
    site_of(site_id)->held++;
    sim_site_end(world, site_of(site_id), SIM_SITE_POWER);
}

static inline void up(uint8_t site_id)
{
    site_of(site_id)->held--;
    sim_site_start(world, site_of(site_id));
}

static inline uint8_t leader(void)
{
    uint8_t found = sim_inspect_leader(world, 1);
    for (uint32_t tries = 0; found == 0 && tries < 200; tries++) {
        go(50);
        found = sim_inspect_leader(world, 1);
    }
    assert_int_not_equal(found, 0);
    return found;
}

static inline uint8_t next_site(uint8_t site_id)
{
    return (uint8_t)(site_id % world->plan.site_count + 1);
}

/* A cluster at time 0. */
static inline void begin_at_zero(uint64_t seed, uint32_t sites, uint32_t providers,
                                 uint8_t commit_providers)
{
    const struct sim_plan plan = {.site_count = sites,
                                  .provider_count = providers,
                                  .shard_count = 1,
                                  .client_count = 2,
                                  .commit_providers = commit_providers,
                                  .latency_ns = SIM_MS,
                                  .think_ns = 40 * SIM_MS,
                                  .burst_max = 4,
                                  .election_ns_min = 150 * SIM_MS};
    world->schedule.count = 0;
    world->verbose = false;
    sim_begin(world, seed, &plan);
    assert_int_equal(world->genesis.commit_providers, commit_providers);
    memset(world->genesis.preferred_site_ids, 0, sizeof world->genesis.preferred_site_ids);
}

/* A cluster at work, led by somebody. Returns the leader. */
static inline uint8_t begin(uint64_t seed, uint32_t sites, uint32_t providers,
                            uint8_t commit_providers)
{
    begin_at_zero(seed, sites, providers, commit_providers);
    go(1000);
    assert_true(committed() > 1);
    return leader();
}

static inline void end(void)
{
    struct sim_result result;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        isolate(site_id, false);
        site_of(site_id)->held = 0;
    }
    bool healed = sim_heal(world);
    sim_end(world, &result);
    if (result.failed) {
        fail_msg("%s", result.failure);
    }
    assert_true(healed);
}

/* A segment of its own, if the site takes it. */
static inline void submit_tick(uint8_t site_id)
{
    struct command command = {.type = COMMAND_TICK};
    enum status status = shard_submit(site_of(site_id)->seats[0].shard, &command, 0);
    assert_true(status == STATUS_OK || status == STATUS_NOT_YET || status == STATUS_FULL);
    sim_site_wake(world, site_of(site_id));
}

#endif
