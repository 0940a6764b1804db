/* Directed schedules: hard cases known from the literature and from other engines, with whole
 * shards. All checks of the simulator hold throughout; what is asserted here comes on top. */
#include "tests/sim/schedule_steps.h"
#include "tests/sim/sim_damage.h"

/* ---- The cases ---- */

/* Ongaro, Ousterhout: "In Search of an Understandable Consensus Algorithm", 2014, figure 8: what a
 * majority holds of an old term is not committed by that. Around again with many timings. */
static void test_figure_8(void **state)
{
    (void)state;
    uint64_t evidence = world->totals.evidence;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        uint8_t first = begin(seed, 5, 3, 1);
        uint8_t friend = next_site(first);
        for (uint8_t site_id = 1; site_id <= 5; site_id++) { /* (a) It reaches one other site. */
            if (site_id != first && site_id != friend) {
                cut(first, site_id, true);
            }
        }
        go(60 + 7 * seed);
        down(first);
        isolate(friend, true); /* (b) One of the three others leads, and reaches nobody. */
        uint8_t second = leader();
        isolate(second, true);
        go(40 + 3 * seed);
        down(second);
        isolate(friend, false); /* (c) The first is back and its segments spread; then it dies. */
        for (uint8_t site_id = 1; site_id <= 5; site_id++) {
            cut(first, site_id == first ? second : site_id, false);
        }
        up(first);
        go(200 + 11 * seed);
        down(first);
        isolate(second, false); /* (d) The second may overwrite what was not committed. */
        up(second);
        (void)leader();
        go(500);
        end();
    }
    assert_true(world->totals.evidence > evidence);
}

/* A leader's wish skips stickiness and nothing else: voters that lose power around a transfer do
 * not vote again in its term. */
static void test_double_vote_through_transfer(void **state)
{
    (void)state;
    for (uint64_t offset_us = 0; offset_us < 12000; offset_us += 500) {
        uint8_t from = begin(100, 3, 3, 2);
        uint8_t to = next_site(from);
        uint8_t voter = next_site(to);
        uint64_t term = status_of(from)->term;
        struct sim_site *site = site_of(from);
        uint64_t now_ns = sim_clock_monotonic_ns(&site->clock, world->queue.now_ns);
        assert_int_equal(shard_transfer(site->seats[0].shard, to, now_ns), REPLICA_ACCEPTED);
        sim_site_wake(world, site);
        sim_go(world, offset_us * 1000);
        down(voter); /* And the old leader asks the same term's vote of it. */
        isolate(to, offset_us % 1000 == 0);
        up(voter);
        go(1500);
        assert_true(status_of(leader())->term >= term);
        end();
    }
}

/* A leader cut off seals what nobody else gets: never acknowledged, dropped with evidence, and what
 * the site acknowledges after it is the new leader's. */
static void test_what_was_never_matched(void **state)
{
    (void)state;
    uint8_t old = begin(200, 3, 3, 2);
    uint64_t evidence = world->totals.evidence;
    isolate(old, true);
    for (uint32_t at = 0; at < world->client_count; at++) { /* All clients are there. */
        sim_client_move(&world->clients[at], old, false);
    }
    uint64_t appended = status_of(old)->appended_log_index;
    uint64_t known = committed();
    for (uint32_t tries = 0; tries < 20; tries++) {
        submit_tick(old);
        go(10);
    }
    assert_true(status_of(old)->appended_log_index > appended);
    assert_true(status_of(old)->committed_log_index <= known + 1);
    go(1000);
    uint8_t new = leader();
    assert_int_not_equal(new, old);
    isolate(old, false);
    go(1000);
    assert_true(world->totals.evidence > evidence);
    assert_int_equal(status_of(old)->leader_site_id, new);
    end();
}

/* The leader's own disk is one of the voters, not a must. */
static void test_a_slow_disk_of_the_leader_stalls_nothing(void **state)
{
    (void)state;
    uint8_t led = begin(300, 3, 3, 2);
    site_of(led)->disk.stuck_until_ns = world->queue.now_ns + 5 * SIM_S;
    go(200);
    uint64_t before = committed();
    uint64_t durable = status_of(led)->persisted_log_index;
    go(1500);
    assert_true(committed() > before + 5);
    assert_true(status_of(led)->persisted_log_index <= durable + 1 ||
                sim_inspect_leader(world, 1) != led);
    end();
}

static void plan_for(uint8_t led, const struct placement *target)
{
    struct placement_verdict verdict;
    struct sim_site *site = site_of(led);
    assert_int_equal(shard_plan(site->seats[0].shard, target, 0, false,
                                sim_clock_monotonic_ns(&site->clock, world->queue.now_ns),
                                &verdict),
                     REPLICA_ACCEPTED);
    sim_site_wake(world, site);
}

/* A change of membership that only the old leader has is rolled back with its segment. While it
 * cannot be committed nobody spins. */
static void test_membership_rolls_back(void **state)
{
    (void)state;
    uint8_t old = begin(400, 5, 5, 2);
    uint8_t demoted = next_site(old);
    struct placement target = shard_placement(site_of(old)->seats[0].shard)->placement;
    isolate(old, true);
    target.sites[demoted - 1].role = PLACEMENT_LEARNER;
    plan_for(old, &target);
    go(100);
    const struct placement *own = &shard_placement(site_of(old)->seats[0].shard)->placement;
    assert_int_equal(own->sites[demoted - 1].role, PLACEMENT_LEARNER);
    go(1500);
    assert_int_not_equal(leader(), old);
    isolate(old, false);
    go(1000);
    own = &shard_placement(site_of(old)->seats[0].shard)->placement;
    assert_int_equal(own->sites[demoted - 1].role, PLACEMENT_VOTER);
    end();
}

/* A follower 10,000 segments behind catches up, while the others go on. */
static void test_unequal_windows(void **state)
{
    (void)state;
    uint8_t led = begin(500, 3, 3, 1);
    uint8_t behind = next_site(led);
    down(behind);
    uint64_t goal = committed() + 10000;
    for (uint32_t tries = 0; committed() < goal && tries < 40000; tries++) {
        led = leader();
        submit_tick(led);
        go(4);
    }
    assert_true(committed() >= goal);
    up(behind);
    go(10000);
    assert_true(status_of(behind)->applied_log_index >= goal);
    assert_int_equal(leader(), led);
    end();
}

/* With commit_providers 2 the loss of any provider loses nothing and stops nothing; with two lost,
 * nothing is acknowledged any more. */
static void test_provider_loss(void **state)
{
    (void)state;
    for (uint8_t provider = 1; provider <= 3; provider++) {
        (void)begin(600, 5, 3, 2);
        for (uint8_t site_id = 1; site_id <= 5; site_id++) {
            if (site_of(site_id)->provider_id == provider) {
                down(site_id);
            }
        }
        go(3000);
        uint64_t before = committed();
        go(1000);
        assert_true(committed() > before + 5);
        for (uint8_t site_id = 1; site_id <= 5; site_id++) {
            if (site_of(site_id)->provider_id == provider % 3 + 1) {
                down(site_id);
            }
        }
        go(2000);
        before = committed();
        go(2000);
        assert_true(committed() == before);
        for (uint8_t site_id = 1; site_id <= 5; site_id++) {
            assert_false(status_of(site_id)->takes && site_of(site_id)->state == SIM_SITE_RUNNING);
        }
        end();
    }
}

/* Rule 4: an empty disk under an old name counts for nothing, even where its vote would do. */
static void test_an_empty_disk_under_an_old_name(void **state)
{
    (void)state;
    uint8_t led = begin(700, 3, 3, 2);
    uint8_t liar = next_site(led);
    down(liar);
    sim_damage_lose(world, site_of(liar));
    sim_site_birth(world, site_of(liar));
    site_of(liar)->excuses |= SIM_EXCUSE_FOREIGN;
    up(liar);
    site_of(liar)->retired = true; /* The operator will put a new one there, but not yet. */
    go(100);
    down(next_site(liar));
    go(2000);
    uint64_t before = committed();
    go(3000);
    assert_true(committed() == before);
    assert_int_equal(sim_inspect_leader(world, 1), 0);
    site_of(liar)->excuses = 0;
    end();
}

/* The same with the old journal.id and key, which the operator had a copy of: it never starts, and
 * the one that is left of three neither elects nor commits. */
static void test_an_empty_disk_under_the_old_journal_id(void **state)
{
    (void)state;
    uint8_t led = begin(701, 3, 3, 2);
    uint8_t liar = next_site(led);
    struct sim_site *site = site_of(liar);
    const struct journal_id old = site->parts.id;
    const struct segment_signer signer = site->signer;
    down(liar);
    sim_damage_lose(world, site);
    sim_site_birth(world, site);
    const struct journal_id born = site->parts.id;
    site->parts.id = old;
    site->signer = signer;
    site->excuses |= SIM_EXCUSE_FOREIGN;
    up(liar);
    assert_int_not_equal(site->state, SIM_SITE_RUNNING);
    site->parts.id = born;
    site->retired = true;
    down(next_site(liar));
    go(2000);
    uint64_t before = committed();
    go(3000);
    assert_true(committed() == before);
    assert_int_equal(sim_inspect_leader(world, 1), 0);
    up(next_site(liar)); /* Two of three go on, and the operator makes a new one. */
    site->excuses = 0;
    end();
}

/* Who was away while the others were replaced one by one knows none of them, and still comes back.
 */
static void test_away_while_the_others_were_replaced(void **state)
{
    (void)state;
    uint8_t led = begin(800, 5, 5, 2);
    uint8_t away = next_site(led);
    uint64_t rebuilds = world->totals.rebuilds;
    down(away);
    for (uint8_t site_id = 1; site_id <= 5; site_id++) {
        if (site_id != away) {
            site_of(site_id)->retired = true;
            go(8000);
            assert_false(site_of(site_id)->retired);
        }
    }
    assert_true(world->totals.rebuilds == rebuilds + 4);
    up(away);
    go(3000);
    assert_true(status_of(away)->committed_log_index + 10 > committed());
    end();
}

/* One wild clock of three, of the leader: time goes on within the bound, and never back. */
static void test_one_wild_clock(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < 2; round++) {
        uint8_t led = begin(900, 3, 3, 2);
        int64_t by_ns = (round == 0 ? 1000 : -1000) * (int64_t)SIM_S;
        sim_clock_step(&site_of(led)->clock, world->queue.now_ns, by_ns);
        go(5000);
        uint64_t true_ns = sim_clock_true_ns(world->queue.now_ns);
        uint64_t last_ns = world->check.shards[0].last_timestamp_ns;
        assert_true(last_ns < true_ns + 250 * SIM_MS);
        assert_true(last_ns + 1000 * SIM_MS > true_ns);
        sim_clock_mend(&site_of(led)->clock);
        end();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figure_8),
        cmocka_unit_test(test_double_vote_through_transfer),
        cmocka_unit_test(test_what_was_never_matched),
        cmocka_unit_test(test_a_slow_disk_of_the_leader_stalls_nothing),
        cmocka_unit_test(test_membership_rolls_back),
        cmocka_unit_test(test_unequal_windows),
        cmocka_unit_test(test_provider_loss),
        cmocka_unit_test(test_an_empty_disk_under_an_old_name),
        cmocka_unit_test(test_an_empty_disk_under_the_old_journal_id),
        cmocka_unit_test(test_away_while_the_others_were_replaced),
        cmocka_unit_test(test_one_wild_clock),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
