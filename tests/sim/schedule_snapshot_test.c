/* Directed schedules of snapshots: sites that begin from one, need one, or lose power over one. All
 * checks of the simulator hold throughout. */
#include "tests/sim/schedule_steps.h"
#include "tests/sim/sim_shelf.h"

/* A cluster at work whose sites keep two snapshots each; `every` segments. */
static uint8_t begin_with_snapshots(uint64_t seed, uint32_t sites, uint64_t every)
{
    (void)begin(seed, sites, sites, 2);
    world->plan.snapshot_segments = every;
    for (uint32_t tries = 0; tries < 100; tries++) {
        uint32_t ready = 0;
        for (uint8_t site_id = 1; site_id <= sites; site_id++) {
            struct journal_tail tail;
            journal_persisted(site_of(site_id)->journal, 1, &tail);
            ready += tail.first_log_index > 1;
        }
        if (ready == sites) {
            return leader();
        }
        go(100);
    }
    fail_msg("nobody trims");
    return 0;
}

static struct sim_shelf *shelf_of(uint8_t site_id)
{
    return &site_of(site_id)->seats[0].shelf;
}

static uint64_t journal_first(uint8_t site_id)
{
    struct journal_tail tail;
    journal_persisted(site_of(site_id)->journal, 1, &tail);
    return tail.first_log_index;
}

/* Until somebody behind lies below what all the others still have. */
static void leave_behind(uint8_t behind)
{
    struct journal_tail tail;
    journal_persisted(site_of(behind)->journal, 1, &tail);
    uint64_t last = tail.last_log_index;
    down(behind);
    for (uint32_t tries = 0; tries < 200; tries++) {
        bool gone = true;
        for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
            gone = gone && (site_id == behind || journal_first(site_id) > last + 1);
        }
        if (gone) {
            return;
        }
        go(100);
    }
    fail_msg("what it lacks is never trimmed");
}

static void until_installed(uint64_t installs)
{
    for (uint32_t tries = 0; world->totals.installs < installs && tries < 200; tries++) {
        go(50);
    }
    assert_true(world->totals.installs >= installs);
}

/* Whoever lags behind the trimmed start installs a snapshot and goes on from there. */
static void test_a_follower_behind_the_trimmed_start(void **state)
{
    (void)state;
    uint8_t led = begin_with_snapshots(1, 3, 10);
    uint8_t behind = next_site(led);
    leave_behind(behind);
    uint64_t installs = world->totals.installs;
    up(behind);
    until_installed(installs + 1);
    go(500);
    assert_true(status_of(behind)->applied_log_index + 10 > committed());
    assert_true(journal_first(behind) > 1);
    end();
}

/* All begin again from their snapshots; then a new, empty site asks the leader for what stands at
 * the very beginning, which none of them has any more. */
static void test_an_empty_site_among_sites_that_began_from_snapshots(void **state)
{
    (void)state;
    (void)begin_with_snapshots(2, 3, 10);
    for (uint8_t site_id = 1; site_id <= 3; site_id++) {
        down(site_id);
    }
    for (uint8_t site_id = 1; site_id <= 3; site_id++) {
        up(site_id);
        assert_true(status_of(site_id)->applied_log_index == 0); /* Nothing is told yet. */
        assert_true(shelf_of(site_id)->taken_log_index > 0);     /* But that is where it is. */
    }
    uint64_t installs = world->totals.installs;
    uint64_t rebuilds = world->totals.rebuilds;
    site_of(next_site(leader()))->retired = true;
    until_installed(installs + 1);
    assert_true(world->totals.rebuilds == rebuilds + 1);
    end();
}

static void request_snapshots(void)
{
    for (uint8_t site_id = 1; site_id <= world->plan.site_count; site_id++) {
        shelf_of(site_id)->requested = true;
    }
}

/* The same where the snapshot stands at the first segment: that the leader knows its place does not
 * mean that it has the segment. */
static void test_an_empty_site_and_a_snapshot_of_the_first_segment(void **state)
{
    (void)state;
    begin_at_zero(8, 3, 3, 2);
    request_snapshots();
    go(1000);
    for (uint8_t site_id = 1; site_id <= 3; site_id++) {
        assert_true(shelf_of(site_id)->kept[0].position.log_index == 1);
        down(site_id);
    }
    for (uint8_t site_id = 1; site_id <= 3; site_id++) {
        up(site_id);
    }
    (void)leader();
    go(200);
    request_snapshots();
    go(500);
    for (uint8_t site_id = 1; site_id <= 3; site_id++) {
        assert_true(journal_first(site_id) == 2);
    }
    uint64_t installs = world->totals.installs;
    site_of(next_site(leader()))->retired = true;
    until_installed(installs + 1);
    end();
}

/* Power is gone before the installation, and in the middle of it, with many timings: the site
 * begins from what it had, or from the snapshot, and gets there. */
static void test_power_in_the_middle_of_an_installation(void **state)
{
    (void)state;
    uint64_t kills = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        uint8_t led = begin_with_snapshots(300 + seed, 3, 8);
        uint8_t behind = next_site(led);
        leave_behind(behind);
        uint64_t installs = world->totals.installs;
        uint64_t starts = world->starts;
        world->install_kills = 2; /* The second where it installs again: the log may do as well. */
        up(behind);
        until_installed(installs + 1);
        go(2000);
        kills += 2 - world->install_kills;
        assert_true(world->install_kills < 2);
        assert_true(world->starts + world->install_kills >= starts + 3);
        world->install_kills = 0;
        end();
    }
    assert_true(kills > 12);
}

/* A leader whose snapshot has rotted says so and takes another one. */
static void test_rot_in_the_snapshot_that_somebody_needs(void **state)
{
    (void)state;
    uint8_t led = begin_with_snapshots(4, 3, 10);
    uint8_t behind = next_site(led);
    leave_behind(behind);
    world->plan.snapshot_segments = 0; /* No other one comes by itself. */
    go(200);
    struct sim_shelf *shelf = shelf_of(led);
    while (shelf->count > 1) {
        sim_snapshot_free(&shelf->kept[--shelf->count]);
    }
    uint64_t rotten = shelf->kept[0].position.log_index;
    assert_true(sim_shelf_rot(shelf, &world->random));
    uint64_t installs = world->totals.installs;
    up(behind);
    until_installed(installs + 1);
    assert_true(shelf_of(behind)->taken_log_index > rotten);
    end();
}

/* A site with rot in its newest snapshot begins from the older one; with rot in both it is lost,
 * and says so. */
static void test_rot_in_the_snapshots_of_a_start(void **state)
{
    (void)state;
    uint8_t led = begin_with_snapshots(5, 3, 10);
    uint8_t rotten = next_site(led);
    down(rotten);
    struct sim_shelf *shelf = shelf_of(rotten);
    assert_int_equal(shelf->count, 2);
    uint64_t older = shelf->kept[1].position.log_index;
    shelf->kept[0].row[shelf->kept[0].bytes / 2] ^= 1;
    up(rotten);
    assert_int_equal(site_of(rotten)->state, SIM_SITE_RUNNING);
    assert_true(shelf->taken_log_index == older);
    down(rotten);
    for (uint32_t at = 0; at < shelf->count; at++) {
        shelf->kept[at].row[shelf->kept[at].bytes - 1] ^= 1;
    }
    site_of(rotten)->excuses |= SIM_EXCUSE_DAMAGE;
    up(rotten);
    assert_int_equal(site_of(rotten)->state, SIM_SITE_DOWN);
    assert_true(site_of(rotten)->lost);
    end();
}

/* A follower fetches the snapshot of a leader that has lost its office meanwhile: it is of what was
 * committed, so it may be installed, but the log behind it is the new leader's. */
static void test_the_snapshot_of_a_stale_leader(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        uint8_t old = begin_with_snapshots(600 + seed, 3, 10);
        uint8_t behind = next_site(old);
        uint8_t other = next_site(behind);
        leave_behind(behind);
        uint64_t installs = world->totals.installs;
        cut(old, other, true);
        sim_network_link(&world->network, old, behind)->bytes_per_second = 80000;
        up(behind);
        for (uint32_t tries = 0; shelf_of(behind)->incoming_bytes == 0 && tries < 400; tries++) {
            go(5);
        }
        assert_true(shelf_of(behind)->incoming_bytes > 0);
        assert_int_equal(shelf_of(behind)->incoming_from, old);
        uint64_t wanted = shelf_of(behind)->incoming.position.log_index;
        submit_tick(old); /* Nobody else gets it. */
        go(20 * seed);
        cut(other, behind, false);
        sim_network_link(&world->network, behind, old)->cut = false;
        for (uint32_t tries = 0; tries < 60; tries++) {
            submit_tick(other);
            go(50);
        }
        sim_network_link(&world->network, old, behind)->bytes_per_second = 0;
        cut(old, other, false);
        until_installed(installs + 1);
        assert_true(shelf_of(behind)->taken_log_index >= wanted);
        end();
    }
}

/* Rule 9: an engine that computes something else is fenced, a leader's too; it begins again from a
 * snapshot or from the very beginning, and counts again. */
static void test_an_engine_that_computes_something_else(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 4; round++) {
        uint8_t led = round < 2 ? begin_with_snapshots(700 + round, 3, 20) : begin(700, 3, 3, 2);
        uint8_t wrong = round % 2 == 0 ? led : next_site(led);
        struct sim_seat *seat = &site_of(wrong)->seats[0];
        uint64_t fenced = world->totals.fenced;
        seat->diverges = 1;
        seat->fence_excused = true;
        for (uint32_t tries = 0; world->totals.fenced == fenced && tries < 200; tries++) {
            go(50);
        }
        assert_true(world->totals.fenced > fenced);
        assert_true(seat->diverges == 0);
        assert_int_not_equal(leader(), 0);
        for (uint32_t tries = 0; seat->status.fenced && tries < 200; tries++) {
            go(50);
        }
        assert_false(seat->status.fenced);
        go(500);
        assert_true(seat->status.applied_log_index + 10 > committed());
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_follower_behind_the_trimmed_start),
        cmocka_unit_test(test_an_empty_site_among_sites_that_began_from_snapshots),
        cmocka_unit_test(test_an_empty_site_and_a_snapshot_of_the_first_segment),
        cmocka_unit_test(test_power_in_the_middle_of_an_installation),
        cmocka_unit_test(test_rot_in_the_snapshot_that_somebody_needs),
        cmocka_unit_test(test_rot_in_the_snapshots_of_a_start),
        cmocka_unit_test(test_the_snapshot_of_a_stale_leader),
        cmocka_unit_test(test_an_engine_that_computes_something_else),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
