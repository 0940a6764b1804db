/* Agreed time: what it promises with right and wild clocks, against a plain reference. */
#include "replication/cluster_clock.h"

#include <inttypes.h>

#include "tests/support/asserts.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

#define MS        INT64_C(1000000)
#define SECOND    (1000 * MS)
#define HOUR      (3600 * SECOND)
#define UTC       (INT64_C(1790000000) * SECOND) /* Truth less the leader's monotonic clock. */
#define TOLERANCE ((int64_t)CLUSTER_CLOCK_TOLERANCE_NS)
#define ROUND     (2 * MS)

#define VOTERS(count) ((uint16_t)((1u << (count)) - 1))

/* Site 1 leads; `error_ns` is how wrong each wall clock is. */
struct world {
    struct cluster_clock clock;
    uint64_t now_ns;
    uint32_t voter_count;
    int64_t error_ns[SITES_MAX];
    bool silent[SITES_MAX];
};

static uint64_t truth(const struct world *world)
{
    return (uint64_t)UTC + world->now_ns;
}

static void begin(struct world *world, uint32_t voter_count, uint64_t last_stamp_ns)
{
    *world = (struct world){.now_ns = (uint64_t)SECOND, .voter_count = voter_count};
    cluster_clock_begin(&world->clock, 1, world->now_ns, last_stamp_ns);
}

/* One heartbeat to all, answered half a round trip later, and an update. */
static void beat(struct world *world, int64_t for_ns)
{
    world->now_ns += (uint64_t)for_ns;
    for (uint8_t site_id = 2; site_id <= world->voter_count; site_id++) {
        int64_t wall_ns = (int64_t)truth(world) - ROUND / 2 + world->error_ns[site_id - 1];
        if (!world->silent[site_id - 1]) {
            cluster_clock_sample(&world->clock, site_id, world->now_ns - ROUND, world->now_ns,
                                 (uint64_t)wall_ns);
        }
    }
    cluster_clock_update(&world->clock, world->now_ns,
                         (uint64_t)((int64_t)truth(world) + world->error_ns[0]),
                         VOTERS(world->voter_count));
}

/* Stamp less truth. */
static int64_t wrong_by(const struct world *world)
{
    return (int64_t)(cluster_clock_stamp_ns(&world->clock, world->now_ns, 0) - truth(world));
}

static void test_one_voter_follows_its_own_clock(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 1, 0);
    beat(&world, MS);
    assert_true(world.clock.agrees);
    assert_false(world.clock.outside);
    assert_int_equal(wrong_by(&world), 0);
    world.error_ns[0] = HOUR; /* Forward at once: nobody knows better. */
    beat(&world, MS);
    assert_int_equal(wrong_by(&world), HOUR);
    /* Back at half the speed: it neither goes back nor stands still. */
    world.error_ns[0] = 0;
    beat(&world, 10 * MS);
    assert_int_equal(wrong_by(&world), HOUR - 5 * MS);
    for (int64_t passed = 0; passed < 2 * HOUR; passed += 10 * SECOND) {
        beat(&world, 10 * SECOND);
    }
    assert_int_equal(wrong_by(&world), 0);
}

static void test_a_new_leader_goes_on_from_the_last_stamp_until_a_majority_agrees(void **state)
{
    (void)state;
    struct world world;
    uint64_t last = (uint64_t)(UTC - 5 * SECOND);
    begin(&world, 3, last);
    assert_int_equal(cluster_clock_stamp_ns(&world.clock, world.now_ns, last), last);
    world.silent[1] = world.silent[2] = true;
    beat(&world, 3 * MS);
    assert_false(world.clock.agrees);
    assert_false(world.clock.outside); /* Nobody can tell. */
    assert_int_equal(world.clock.supporters, 0);
    assert_int_equal(cluster_clock_stamp_ns(&world.clock, world.now_ns, last), last + 3 * MS);
    world.silent[2] = false; /* The outage lasted: time catches up at once. */
    beat(&world, MS);
    assert_true(world.clock.agrees);
    assert_int_equal(world.clock.supporters, 5);
    assert_int_equal(wrong_by(&world), 0);
    /* Without anything in the log: a time still, though an early one. */
    begin(&world, 3, 0);
    assert_int_equal(cluster_clock_stamp_ns(&world.clock, world.now_ns, 0), 1);
}

static void test_time_never_goes_back_across_leaders(void **state)
{
    (void)state;
    struct world world;
    /* The last leader was ahead by what it may be. */
    uint64_t last = (uint64_t)(UTC + SECOND + 150 * MS);
    begin(&world, 3, last);
    beat(&world, 20 * MS);
    uint64_t stamp = cluster_clock_stamp_ns(&world.clock, world.now_ns, last);
    assert_int_equal(stamp, last + 10 * MS); /* Half the speed. */
    beat(&world, SECOND);
    assert_int_equal(wrong_by(&world), 0);
    /* The log's last stamp is the floor, whatever the clock says. */
    assert_int_equal(cluster_clock_stamp_ns(&world.clock, world.now_ns, UINT64_MAX), UINT64_MAX);
}

static void test_one_wild_clock_of_three_moves_nothing(void **state)
{
    (void)state;
    static const int64_t errors[] = {HOUR, -HOUR, 3 * TOLERANCE, INT64_C(9223372036854775807) - UTC,
                                     -UTC};
    for (uint32_t at = 0; at < sizeof errors / sizeof errors[0]; at++) {
        struct world world;
        begin(&world, 3, (uint64_t)UTC);
        beat(&world, MS);
        world.error_ns[1] = errors[at] - (errors[at] > HOUR ? 2 * SECOND : 0);
        beat(&world, MS);
        assert_true(world.clock.agrees);
        assert_false(world.clock.outside);
        assert_int_equal(world.clock.supporters, 5);
        assert_int_equal(wrong_by(&world), 0);
    }
}

static void test_a_wild_leader_hands_over_and_keeps_the_time(void **state)
{
    (void)state;
    static const int64_t errors[] = {HOUR, -HOUR, 3 * TOLERANCE, -3 * TOLERANCE};
    for (uint32_t at = 0; at < sizeof errors / sizeof errors[0]; at++) {
        struct world world;
        begin(&world, 3, (uint64_t)UTC);
        beat(&world, MS);
        world.error_ns[0] = errors[at];
        for (uint32_t count = 0; count < 100; count++) {
            beat(&world, SECOND);
            assert_true(world.clock.agrees);
            assert_true(world.clock.outside);
            assert_int_equal(world.clock.supporters, 6);
            assert_int_equal(world.clock.heirs, 6);
            assert_in_range(wrong_by(&world) + TOLERANCE + ROUND, 0, 2 * (TOLERANCE + ROUND));
        }
    }
}

static void test_a_wild_leader_cannot_begin_with_its_own_time(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 3, (uint64_t)UTC);
    world.error_ns[0] = HOUR;
    world.silent[1] = true;
    beat(&world, MS);
    assert_false(world.clock.agrees); /* One says this, one that. */
    assert_in_range(wrong_by(&world) + SECOND, 0, SECOND);
    world.silent[1] = false;
    beat(&world, MS);
    assert_true(world.clock.agrees && world.clock.outside);
    assert_in_range(wrong_by(&world), 0, TOLERANCE + ROUND);
}

static void test_two_wild_clocks_of_five_move_time_within_the_bound(void **state)
{
    (void)state;
    /* Alone, together, and as near to the right ones as they can be without being right. */
    static const int64_t errors[][2] = {{HOUR, -HOUR},
                                        {HOUR, HOUR},
                                        {2 * TOLERANCE, 2 * TOLERANCE},
                                        {-2 * TOLERANCE, 2 * TOLERANCE}};
    for (uint32_t at = 0; at < sizeof errors / sizeof errors[0]; at++) {
        struct world world;
        begin(&world, 5, (uint64_t)UTC);
        beat(&world, MS);
        world.error_ns[1] = errors[at][0];
        world.error_ns[4] = errors[at][1];
        beat(&world, SECOND);
        assert_true(world.clock.agrees);
        assert_false(world.clock.outside);
        assert_int_equal(wrong_by(&world), 0);
        world.silent[2] = true; /* Now one of the wild ones is needed, and cannot be had. */
        begin(&world, 5, (uint64_t)UTC);
        world.error_ns[1] = HOUR;
        world.error_ns[4] = -HOUR;
        world.silent[2] = true;
        beat(&world, MS);
        assert_false(world.clock.agrees);
    }
}

/* Clocks that are apart by one and a half tolerances: the leader that more agree with stays, the
 * other one knows to whom to hand over, and it ends there. */
static void test_handing_over_comes_to_an_end(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 5, (uint64_t)UTC);
    world.error_ns[3] = world.error_ns[4] = TOLERANCE * 3 / 2;
    beat(&world, SECOND);
    assert_false(world.clock.outside);
    assert_int_equal(world.clock.heirs, 6);
    for (uint32_t at = 0; at < 5; at++) {
        world.error_ns[at] = at == 0 || at == 4 ? 0 : -TOLERANCE * 3 / 2;
    }
    beat(&world, SECOND);
    assert_true(world.clock.outside);
    assert_int_equal(world.clock.supporters, 31);
    assert_int_equal(world.clock.heirs, 14);
    /* Of two that are as far apart nobody is better than the other. */
    begin(&world, 2, (uint64_t)UTC);
    world.error_ns[1] = TOLERANCE * 3 / 2;
    beat(&world, SECOND);
    assert_true(world.clock.agrees && world.clock.outside);
    assert_int_equal(world.clock.heirs, 0);
}

static void test_of_two_as_near_the_lower_one_is_agreed(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 3, (uint64_t)UTC);
    uint64_t now = 10 * (uint64_t)SECOND;
    uint64_t wall = (uint64_t)UTC + now;
    uint64_t apart_ns = (uint64_t)(TOLERANCE + 100 * MS);
    cluster_clock_begin(&world.clock, 4, now, 0); /* No voter itself. */
    cluster_clock_sample(&world.clock, 1, now - 400 * (uint64_t)MS, now, wall - 200 * (uint64_t)MS);
    cluster_clock_sample(&world.clock, 2, now, now, wall + apart_ns);
    cluster_clock_sample(&world.clock, 3, now, now, wall - apart_ns);
    cluster_clock_update(&world.clock, now, wall, VOTERS(3));
    assert_true(world.clock.agrees);
    assert_int_equal(world.clock.supporters, 5);
    assert_int_equal(world.clock.agreed_ns, UTC - 100 * MS + 1);
}

static void test_without_agreement_time_goes_on_monotonically(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 3, (uint64_t)UTC);
    beat(&world, MS);
    world.error_ns[0] = HOUR;
    world.error_ns[1] = -HOUR;
    for (uint32_t count = 0; count < 50; count++) {
        beat(&world, SECOND);
        assert_false(world.clock.agrees);
        assert_false(world.clock.outside);
        assert_int_equal(wrong_by(&world), 0);
    }
    world.error_ns[1] = 0; /* Agreement is back: time was right all along. */
    beat(&world, SECOND);
    assert_true(world.clock.agrees && world.clock.outside);
}

static void test_a_change_of_agreement_moves_time_slowly(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 3, (uint64_t)UTC);
    beat(&world, MS);
    for (uint32_t at = 0; at < 3; at++) {
        world.error_ns[at] = 10 * SECOND; /* All are set anew. */
    }
    beat(&world, 100 * MS);
    assert_int_equal(wrong_by(&world), 50 * MS);
    beat(&world, 10 * SECOND);
    assert_int_equal(wrong_by(&world), 5050 * MS);
    beat(&world, 10 * SECOND);
    assert_int_equal(wrong_by(&world), 10 * SECOND);
    for (uint32_t at = 0; at < 3; at++) {
        world.error_ns[at] = 0;
    }
    beat(&world, 10 * SECOND);
    assert_int_equal(wrong_by(&world), 5 * SECOND);
}

static void test_a_silent_voter_supports_less_and_less_precisely_then_nothing(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 2, (uint64_t)UTC);
    beat(&world, MS);
    world.silent[1] = true;
    /* Just outside of what the other supported a moment ago, inside of what it may say now. */
    world.error_ns[0] = 2 * TOLERANCE + ROUND / 2 + 5 * MS;
    beat(&world, 20 * SECOND);
    assert_false(world.clock.agrees);
    beat(&world, 10 * SECOND);
    assert_true(world.clock.agrees); /* 30 s at 200 millionths are 6 ms. */
    world.error_ns[0] = 0;
    beat(&world, 29 * SECOND);
    assert_true(world.clock.agrees);
    beat(&world, 2 * SECOND);
    assert_false(world.clock.agrees);
}

static struct cluster_clock_interval kept(const struct world *world)
{
    return world->clock.samples[1].interval;
}

static void test_the_narrower_sample_is_kept_until_the_clock_was_set(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 2, (uint64_t)UTC);
    uint64_t now = 100 * (uint64_t)SECOND;
    uint64_t wall = (uint64_t)UTC + now;
    cluster_clock_sample(&world.clock, 2, now - (uint64_t)MS, now, wall);
    assert_int_equal(kept(&world).low_ns, UTC);
    assert_int_equal(kept(&world).high_ns, UTC + MS);
    /* A slow answer tells less. */
    cluster_clock_sample(&world.clock, 2, now, now + 50 * (uint64_t)MS, wall + 25 * (uint64_t)MS);
    assert_int_equal(kept(&world).high_ns, UTC + MS);
    /* But one that contradicts says that its clock was set. */
    cluster_clock_sample(&world.clock, 2, now, now + 50 * (uint64_t)MS, wall + (uint64_t)HOUR);
    assert_int_equal(kept(&world).low_ns, UTC + HOUR - 50 * MS);
    assert_int_equal(kept(&world).high_ns, UTC + HOUR);
    /* A better one replaces it. */
    cluster_clock_sample(&world.clock, 2, now + 49 * (uint64_t)MS, now + 50 * (uint64_t)MS,
                         wall + (uint64_t)HOUR + 20 * (uint64_t)MS);
    assert_int_equal(kept(&world).low_ns, UTC + HOUR - 30 * MS);
    assert_int_equal(kept(&world).high_ns, UTC + HOUR - 29 * MS);
    /* And so does a wide one, once age has made the other wider still. */
    uint64_t later = now + 30 * (uint64_t)SECOND;
    cluster_clock_sample(&world.clock, 2, later - 12 * (uint64_t)MS, later,
                         wall + (uint64_t)HOUR + 30 * (uint64_t)SECOND - 35 * (uint64_t)MS);
    assert_int_equal(kept(&world).low_ns, UTC + HOUR - 35 * MS);
}

static void test_impossible_samples_support_nothing(void **state)
{
    (void)state;
    struct world world;
    const uint64_t bad[][2] = {
        {0, 0}, {0, UINT64_C(1) << 63}, {0, UINT64_MAX}, {1, 5}, {UINT64_C(1) << 62, 5}};
    for (uint32_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        begin(&world, 2, (uint64_t)UTC);
        beat(&world, MS);
        assert_true(world.clock.agrees);
        uint64_t sent_ns = bad[at][0] == 0 ? world.now_ns : world.now_ns + bad[at][0];
        cluster_clock_sample(&world.clock, 2, sent_ns, world.now_ns, bad[at][1]);
        assert_false(world.clock.samples[1].known);
        world.silent[1] = true;
        beat(&world, MS);
        assert_false(world.clock.agrees);
    }
    /* Of an answer that took too long nothing is learnt. */
    begin(&world, 2, (uint64_t)UTC);
    uint64_t now = 2 * CLUSTER_CLOCK_SAMPLE_NS_MAX;
    cluster_clock_sample(&world.clock, 2, now - CLUSTER_CLOCK_SAMPLE_NS_MAX - 1, now, 5);
    assert_false(world.clock.samples[1].known);
}

static void test_the_ends_of_the_range_are_harmless(void **state)
{
    (void)state;
    struct cluster_clock clock;
    uint64_t most = INT64_MAX;
    cluster_clock_begin(&clock, 9, 1, UINT64_MAX);
    assert_int_equal(cluster_clock_stamp_ns(&clock, most, UINT64_MAX), UINT64_MAX);
    assert_int_equal(cluster_clock_stamp_ns(&clock, most, 0), most);
    cluster_clock_sample(&clock, 1, 0, 1, most);
    cluster_clock_sample(&clock, 2, 1, 1, 1);
    cluster_clock_update(&clock, 1, UINT64_MAX, VOTERS(9));
    assert_false(clock.agrees);
    cluster_clock_update(&clock, 2, 0, VOTERS(3));
    cluster_clock_update(&clock, most, 0, 256);
    assert_true(clock.agrees);
    assert_int_equal(cluster_clock_stamp_ns(&clock, most, 0), most);
}

/* ---- Random worlds against a reference ---- */

static uint32_t bits(uint32_t mask)
{
    return mask == 0 ? 0 : 1 + bits(mask & (mask - 1));
}

/* What is agreed, by looking at every majority of voters: of those whose intervals meet, the
 * nearest to the own clock, then the lowest. */
struct reference {
    bool agrees;
    int64_t agreed_ns;
};

static uint64_t apart(int64_t one, int64_t other)
{
    return (uint64_t)(one < other ? other - one : one - other);
}

static struct reference refer(const int64_t *low_ns, const int64_t *high_ns, uint32_t speakers,
                              int64_t own_ns, uint32_t voter_count)
{
    struct reference best = {0};
    for (uint32_t set = 1; set < 1u << SITES_MAX; set++) {
        int64_t low = INT64_MIN;
        int64_t high = INT64_MAX;
        for (uint32_t at = 0; at < SITES_MAX; at++) {
            if ((set >> at & 1u) != 0) {
                low = low_ns[at] > low ? low_ns[at] : low;
                high = high_ns[at] < high ? high_ns[at] : high;
            }
        }
        if ((set & ~speakers) != 0 || low > high || bits(set) * 2 <= voter_count) {
            continue;
        }
        int64_t nearest = own_ns < low ? low : own_ns > high ? high : own_ns;
        uint64_t distance = apart(nearest, own_ns);
        uint64_t best_distance = apart(best.agreed_ns, own_ns);
        if (!best.agrees || distance < best_distance ||
            (distance == best_distance && nearest < best.agreed_ns)) {
            best = (struct reference){true, nearest};
        }
    }
    return best;
}

static void test_random_intervals_agree_with_the_reference(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    for (uint32_t run = 0; run < 5000; run++) {
        uint8_t own = (uint8_t)(1 + random_below(&random, SITES_MAX));
        uint16_t voters = (uint16_t)(1 + random_below(&random, VOTERS(SITES_MAX)));
        uint64_t now = 1000 * (uint64_t)SECOND;
        int64_t spread = 1 + (int64_t)random_below(&random, 8) * TOLERANCE;
        struct cluster_clock clock;
        cluster_clock_begin(&clock, own, now, (uint64_t)UTC);
        int64_t own_wall = UTC + (int64_t)now + (int64_t)random_below(&random, (uint64_t)spread);
        int64_t low_ns[SITES_MAX] = {0};
        int64_t high_ns[SITES_MAX] = {0};
        uint32_t speakers = voters & (1u << (own - 1));
        low_ns[own - 1] = own_wall - (int64_t)now - TOLERANCE;
        high_ns[own - 1] = own_wall - (int64_t)now + TOLERANCE;
        for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
            if (site_id == own || random_below(&random, 4) == 0) {
                continue;
            }
            uint64_t sent =
                now - random_below(&random, 1 + random_below(&random, 2) * 40 * (uint64_t)MS);
            int64_t wall = UTC + (int64_t)now + (int64_t)random_below(&random, (uint64_t)spread);
            wall -= wall % MS; /* Ties and touching ends. */
            cluster_clock_sample(&clock, site_id, sent, now, (uint64_t)wall);
            int64_t drift = (int64_t)((now - sent) / 5000 + 1);
            low_ns[site_id - 1] = wall - (int64_t)now - drift - TOLERANCE;
            high_ns[site_id - 1] = wall - (int64_t)sent + drift + TOLERANCE;
            speakers |= voters & (1u << (site_id - 1));
        }
        cluster_clock_update(&clock, now, (uint64_t)own_wall, voters);
        int64_t own_ns = own_wall - (int64_t)now;
        struct reference best = refer(low_ns, high_ns, speakers, own_ns, bits(voters));
        assert_int_equal(clock.agrees, best.agrees);
        assert_int_equal(clock.agreed_ns, best.agreed_ns);
        assert_int_equal(clock.outside, best.agrees && best.agreed_ns != own_ns);
        for (uint32_t at = 0; at < SITES_MAX; at++) {
            bool supports = best.agrees && (speakers >> at & 1u) != 0 &&
                            low_ns[at] <= best.agreed_ns && high_ns[at] >= best.agreed_ns;
            assert_int_equal(clock.supporters >> at & 1u, supports);
        }
    }
}

/* Right clocks within the tolerance, wild ones anywhere and set anew at any time; random round
 * trips, silences and lies about when a heartbeat was sent. */
static void test_random_worlds_keep_the_promises(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    for (uint32_t run = 0; run < 300; run++) {
        struct world world;
        begin(&world, 1 + (uint32_t)random_below(&random, 9), (uint64_t)UTC);
        uint32_t wild = (uint32_t)random_below(&random, (world.voter_count + 1) / 2);
        bool wild_leader = random_below(&random, 2) == 0;
        uint64_t last = (uint64_t)UTC;
        uint64_t round_max = 1 + random_below(&random, 100 * (uint64_t)MS);
        for (uint32_t turn = 0; turn < 300; turn++) {
            uint64_t elapsed = 1 + random_below(&random, (uint64_t)SECOND);
            world.now_ns += elapsed;
            for (uint8_t site_id = 1; site_id <= world.voter_count; site_id++) {
                bool is_wild = wild_leader ? site_id <= wild : site_id + wild > world.voter_count;
                int64_t *error = &world.error_ns[site_id - 1];
                if (random_below(&random, 20) == 0) {
                    uint64_t range = is_wild ? (uint64_t)HOUR * 100 : (uint64_t)TOLERANCE;
                    *error = (int64_t)random_below(&random, 2 * range + 1) - (int64_t)range;
                    *error /= is_wild ? 1 + (int64_t)random_below(&random, 10000000) : 1;
                }
                if (site_id == 1 || random_below(&random, 3) == 0) {
                    continue;
                }
                uint64_t round = random_below(&random, round_max);
                uint64_t at = world.now_ns - random_below(&random, round + 1);
                uint64_t sent = world.now_ns - round;
                uint64_t wall = (uint64_t)(UTC + (int64_t)at + *error);
                if (is_wild && random_below(&random, 3) == 0) {
                    sent = random_u64(&random);
                    wall = random_u64(&random);
                }
                cluster_clock_sample(&world.clock, site_id, sent, world.now_ns, wall);
            }
            bool was_settled = world.clock.settled;
            cluster_clock_update(&world.clock, world.now_ns,
                                 (uint64_t)((int64_t)truth(&world) + world.error_ns[0]),
                                 VOTERS(world.voter_count));
            uint64_t stamp = cluster_clock_stamp_ns(&world.clock, world.now_ns, last);
            assert_true(stamp >= last + elapsed / 2 || turn == 0);
            assert_true(stamp - last <= elapsed + elapsed / 2 || !was_settled ||
                        world.voter_count == 1);
            last = stamp;
            /* A right clock's error, the tolerance, a round trip, and its drift in a minute. */
            int64_t bound = 2 * TOLERANCE + (int64_t)round_max + 13 * MS;
            if (world.clock.settled && (wrong_by(&world) > bound || wrong_by(&world) < -bound)) {
                fail_msg("run %u turn %u: wrong by %" PRId64, run, turn, wrong_by(&world));
            }
        }
    }
}

static void update_back(void *argument)
{
    cluster_clock_update(argument, 1, 1, 1);
}

static void stamp_before_update(void *argument)
{
    (void)cluster_clock_stamp_ns(argument, 1, 1);
}

static void test_the_monotonic_clock_must_not_go_back(void **state)
{
    (void)state;
    struct world world;
    begin(&world, 1, 0);
    assert_true(asserts_stop(update_back, &world.clock));
    assert_true(asserts_stop(stamp_before_update, &world.clock));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_voter_follows_its_own_clock),
        cmocka_unit_test(test_a_new_leader_goes_on_from_the_last_stamp_until_a_majority_agrees),
        cmocka_unit_test(test_time_never_goes_back_across_leaders),
        cmocka_unit_test(test_one_wild_clock_of_three_moves_nothing),
        cmocka_unit_test(test_a_wild_leader_hands_over_and_keeps_the_time),
        cmocka_unit_test(test_a_wild_leader_cannot_begin_with_its_own_time),
        cmocka_unit_test(test_two_wild_clocks_of_five_move_time_within_the_bound),
        cmocka_unit_test(test_handing_over_comes_to_an_end),
        cmocka_unit_test(test_of_two_as_near_the_lower_one_is_agreed),
        cmocka_unit_test(test_without_agreement_time_goes_on_monotonically),
        cmocka_unit_test(test_a_change_of_agreement_moves_time_slowly),
        cmocka_unit_test(test_a_silent_voter_supports_less_and_less_precisely_then_nothing),
        cmocka_unit_test(test_the_narrower_sample_is_kept_until_the_clock_was_set),
        cmocka_unit_test(test_impossible_samples_support_nothing),
        cmocka_unit_test(test_the_ends_of_the_range_are_harmless),
        cmocka_unit_test(test_random_intervals_agree_with_the_reference),
        cmocka_unit_test(test_random_worlds_keep_the_promises),
        cmocka_unit_test(test_the_monotonic_clock_must_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
