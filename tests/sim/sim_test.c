/* The simulator itself: whole runs, the same each time, and violations that it must see. */
#include "tests/sim/sim.h"

#include <string.h>

#include "tests/sim/sim_inspect.h"
#include "tests/sim/sim_site.h"
#include "tests/sim/sim_sodium.h"
#include "tests/sim/sim_trade.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/store_memory.h"

static struct sim_world *world;

static int setup(void **state)
{
    (void)state;
    sim_sodium_start();
    world = sim_create();
    assert_non_null(world);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_destroy(world);
    return 0;
}

static void run(uint64_t seed, struct sim_result *result)
{
    struct sim_wishes wishes = {.faults_ns = 15 * SIM_S};
    sim_run(world, seed, &wishes, result);
    if (result->failed) {
        fail_msg("seed %llu: %s", (unsigned long long)seed, result->failure);
    }
}

/* Whatever ran before it. */
static void test_one_seed_is_one_run(void **state)
{
    (void)state;
    struct sim_result first;
    struct sim_result other;
    struct sim_result again;
    run(11, &first);
    run(12, &other);
    run(11, &again);
    assert_true(first.trace == again.trace);
    assert_true(first.trace != other.trace);
}

static void test_runs_do_something(void **state)
{
    (void)state;
    struct sim_totals before = world->totals;
    for (uint64_t seed = 100; seed < 112; seed++) {
        struct sim_result result;
        run(seed, &result);
    }
    const struct sim_totals *totals = &world->totals;
    assert_true(totals->runs - before.runs == 12);
    assert_true(totals->elections > before.elections + 12);
    assert_true(totals->commits > before.commits + 100);
    assert_true(totals->acknowledged > before.acknowledged + 500);
    assert_true(totals->accepted > before.accepted + 300);
    uint64_t faults = 0;
    for (uint32_t kind = 0; kind < SIM_FAULT_KIND_COUNT; kind++) {
        faults += totals->faults[kind];
    }
    assert_true(faults > 30);
}

static void test_real_signatures(void **state)
{
    (void)state;
    struct sim_wishes wishes = {.sites = 3, .shards = 1, .faults_ns = 5 * SIM_S};
    struct sim_plan plan;
    struct sim_result result;
    sim_plan_make(7, &wishes, &plan, &world->schedule);
    plan.real_signatures = true;
    sim_begin(world, 7, &plan);
    sim_go(world, plan.faults_ns);
    assert_true(sim_heal(world));
    sim_end(world, &result);
    assert_false(result.failed);
}

/* However slowly clients trade, one whose site is gone looks for another at once. */
static void test_clients_leave_a_site_that_is_gone(void **state)
{
    (void)state;
    struct sim_wishes wishes = {.sites = 3, .shards = 1, .faults_ns = 5 * SIM_S};
    struct sim_plan plan;
    struct sim_result result;
    sim_plan_make(8, &wishes, &plan, &world->schedule);
    plan.think_ns = 10 * SIM_S;
    world->schedule.count = 0;
    sim_begin(world, 8, &plan);
    sim_go(world, 5 * SIM_S);
    uint8_t site_id = world->clients[0].site_id;
    sim_world_site(world, site_id)->held++;
    sim_site_end(world, sim_world_site(world, site_id), SIM_SITE_KILL);
    sim_trade_lost(world, site_id);
    sim_go(world, 35 * SIM_S);
    for (uint32_t at = 0; at < world->client_count; at++) {
        assert_true(world->clients[at].attached);
        assert_int_not_equal(world->clients[at].site_id, site_id);
    }
    sim_end(world, &result);
    assert_false(result.failed);
}

/* ---- Violations that are planted in a whole run ---- */

static const struct sim_plan quiet = {.site_count = 3,
                                      .provider_count = 3,
                                      .shard_count = 1,
                                      .client_count = 2,
                                      .commit_providers = 2,
                                      .latency_ns = SIM_MS,
                                      .think_ns = 50 * SIM_MS,
                                      .burst_max = 5,
                                      .election_ns_min = 200 * SIM_MS};

static void begin(uint64_t seed)
{
    world->schedule.count = 0;
    world->verbose = false;
    sim_begin(world, seed, &quiet);
    sim_go(world, 3 * SIM_S);
    assert_false(world->check.failed);
    assert_true(sim_check_committed_last(&world->check, 1) > 10);
}

static void end_failed(const char *part)
{
    struct sim_result result;
    sim_end(world, &result);
    assert_true(result.failed);
    if (strstr(result.failure, part) == NULL) {
        fail_msg("expected \"%s\", got \"%s\"", part, result.failure);
    }
}

/* A disk that loses what it said was written: a vote, and segments that others count on. */
static void test_a_disk_that_forgets_is_seen(void **state)
{
    (void)state;
    begin(1);
    struct sim_site *site = sim_world_site(world, 1);
    sim_site_end(world, site, SIM_SITE_POWER);
    store_close(site->store);
    uint8_t incarnation[WAL_KEY_BYTES];
    memcpy(incarnation, site->parts.id.incarnation, sizeof incarnation);
    sim_disk_format(&site->disk, 4096, incarnation);
    site->store = store_memory_create();
    sim_site_start(world, site);
    sim_go(world, SIM_S);
    end_failed("a restart lost");
}

/* Too few copies: as if a leader had committed without waiting for the others. */
static void test_a_commit_without_copies_is_seen(void **state)
{
    (void)state;
    begin(2);
    for (uint8_t site_id = 1; site_id <= 2; site_id++) { /* These disks are not the members'. */
        sim_world_site(world, site_id)->incarnation ^= 1;
    }
    sim_go(world, SIM_S);
    end_failed("durable only");
}

/* An engine that computes something else than the others. */
static void test_another_state_is_seen(void **state)
{
    (void)state;
    begin(3);
    struct sim_seat *seat = &sim_world_site(world, 2)->seats[0];
    struct command command = {.type = COMMAND_TICK,
                              .timestamp_ns = world->check.shards[0].last_timestamp_ns};
    struct event events[EVENT_BATCH_MIN];
    struct event_batch batch = {.events = events, .capacity = EVENT_BATCH_MIN};
    assert_int_equal(engine_apply(seat->market.engine, &command, &batch), STATUS_OK);
    sim_go(world, SIM_S);
    end_failed("another event hash");
}

static void test_a_site_that_stays_behind_is_seen(void **state)
{
    (void)state;
    begin(4);
    sim_world_site(world, 3)->held++;
    sim_site_end(world, sim_world_site(world, 3), SIM_SITE_KILL);
    assert_false(sim_heal(world));
    end_failed("does not run");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_seed_is_one_run),
        cmocka_unit_test(test_runs_do_something),
        cmocka_unit_test(test_real_signatures),
        cmocka_unit_test(test_clients_leave_a_site_that_is_gone),
        cmocka_unit_test(test_a_disk_that_forgets_is_seen),
        cmocka_unit_test(test_a_commit_without_copies_is_seen),
        cmocka_unit_test(test_another_state_is_seen),
        cmocka_unit_test(test_a_site_that_stays_behind_is_seen),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
