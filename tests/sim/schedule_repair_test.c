/* Directed schedules of quorum repair. All checks of the simulator hold throughout;
 * sim_repair_cut.c has those of what is kept. */
#include "tests/sim/schedule_steps.h"
#include "tests/sim/sim_repair.h"

/* Everybody but `survivor` is gone, of five sites but for the one before it as well. `comes_back`:
 * one of them is on again after so many thousandths of eight seconds, if that is odd. */
static void lose_quorum(uint8_t survivor, uint32_t comes_back)
{
    const struct sim_fault fault = {.kind = SIM_FAULT_QUORUM_GONE,
                                    .site_id = survivor,
                                    .other_id = 1,
                                    .magnitude = comes_back,
                                    .begin_ns = world->queue.now_ns,
                                    .end_ns = world->queue.now_ns + 8 * SIM_S};
    assert_true(sim_repair_begin(world, &fault));
    assert_false(sim_repair_begin(world, &fault)); /* One at a time. */
    assert_true(sim_world_repairs(world));
}

static void until_repaired(void)
{
    for (uint32_t tries = 0; sim_world_repairs(world) && tries < 400; tries++) {
        go(50);
    }
    assert_false(sim_world_repairs(world));
    assert_int_not_equal(leader(), 0);
}

static void until_decided(void)
{
    for (uint32_t tries = 0; !world->repairs[0].decided && tries < 40; tries++) {
        go(50);
    }
    assert_true(world->repairs[0].decided);
}

/* The two that acknowledge are gone, the one that is left was cut off: what it never saw is lost,
 * and whoever comes back with it is refused. */
static void test_what_only_the_lost_had_is_lost(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        uint8_t led = begin(seed, 3, 3, 2);
        uint8_t survivor = next_site(led);
        uint64_t lossy = world->totals.repairs_lossy;
        isolate(survivor, true);
        go(100);
        submit_tick(led);
        go(500);
        uint64_t known = committed();
        assert_true(status_of(survivor)->appended_log_index < known);
        lose_quorum(survivor, 501);
        uint8_t back = world->comes_back;
        assert_int_not_equal(back, 0);
        isolate(survivor, false);
        until_repaired();
        assert_true(world->totals.repairs_lossy == lossy + 1);
        assert_true(world->repairs[0].repair.loss == REPAIR_LOSES_SOME);
        assert_int_equal(leader(), survivor);
        go(5000);
        assert_int_equal(world->comes_back, 0);                /* It came, */
        assert_int_equal(site_of(back)->state, SIM_SITE_DOWN); /* and ended by itself. */
        assert_true(site_of(back)->seats[0].over);
        assert_int_equal(leader(), survivor);
        sim_repair_end(world);
        end();
        assert_false(site_of(back)->seats[0].over); /* In its place is a new one. */
    }
}

/* One of the lost ones is on again at once: it and the one that is left are a quorum of the old
 * generation, until that one promises. */
static void test_back_before_the_promise(void **state)
{
    (void)state;
    for (uint64_t seed = 21; seed <= 36; seed++) {
        uint8_t survivor = next_site(begin(seed, 3, 3, 2));
        uint64_t repairs = world->totals.repairs;
        lose_quorum(survivor, 1);
        assert_int_not_equal(world->comes_back, 0);
        until_repaired();
        assert_true(world->totals.repairs == repairs + 1);
        go(4000);
        assert_int_equal(leader(), survivor);
        sim_repair_end(world);
        end();
    }
}

/* Two of five are left, and what one of them alone has was never committed: it is kept and executed
 * at both. */
static void test_the_uncommitted_tail_is_kept(void **state)
{
    (void)state;
    uint8_t led = begin(41, 5, 5, 2);
    uint8_t follower = (uint8_t)((led + 3) % 5 + 1);
    isolate(led, true);
    submit_tick(led);
    go(100);
    uint64_t last = status_of(led)->persisted_log_index;
    assert_true(last > committed());
    assert_true(status_of(follower)->persisted_log_index < last);
    uint64_t chain = site_of(led)->ledger.shards[0].chains[last];
    lose_quorum(led, 2);
    until_decided();
    isolate(led, false);
    until_repaired();
    assert_int_equal(world->repairs[0].repair.kept_site_id, led);
    assert_true(world->repairs[0].kept.log_index >= last);
    assert_true(committed() > last);
    assert_true(world->check.shards[0].chains.values[last] == chain);
    go(2000);
    assert_true(status_of(led)->applied_log_index > last);
    assert_true(status_of(follower)->applied_log_index > last);
    sim_repair_end(world);
    end();
}

/* Power goes at both survivors, again and again, while they are repaired. */
static void test_power_at_every_step(void **state)
{
    (void)state;
    for (uint64_t seed = 51; seed <= 62; seed++) {
        uint8_t survivor = begin(seed, 5, 5, 2);
        uint8_t other = (uint8_t)((survivor + 3) % 5 + 1);
        lose_quorum(survivor, 2);
        for (uint32_t round = 0; round < 12; round++) {
            go(60 + 10 * (seed - 50));
            uint8_t victim = round % 2 == 0 ? survivor : other;
            down(victim);
            up(victim);
        }
        until_repaired();
        sim_repair_end(world);
        end();
    }
}

/* After a repair the new sites are a quorum like any other, and it may be gone again. */
static void test_a_second_repair(void **state)
{
    (void)state;
    uint8_t survivor = next_site(begin(71, 3, 3, 2));
    lose_quorum(survivor, 2);
    until_repaired();
    uint64_t first = world->repairs[0].generation;
    sim_repair_end(world);
    for (uint32_t tries = 0; placement_voters(&world->placements[0]) != 7 && tries < 200; tries++) {
        go(50);
    }
    assert_int_equal(placement_voters(&world->placements[0]), 7);
    go(1000);
    survivor = next_site(survivor);
    assert_true(status_of(survivor)->generation == first);
    lose_quorum(survivor, 701);
    until_repaired();
    assert_true(world->repairs[0].generation >> 32 == (first >> 32) + 1);
    go(7000);
    sim_repair_end(world);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_only_the_lost_had_is_lost),
        cmocka_unit_test(test_back_before_the_promise),
        cmocka_unit_test(test_the_uncommitted_tail_is_kept),
        cmocka_unit_test(test_power_at_every_step),
        cmocka_unit_test(test_a_second_repair),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
