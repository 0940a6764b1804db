/* Paths between two sites that are slow, silent or dead, each a relay of its own. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/link_cluster.h"
#include "tests/support/link_relay.h"

#define PATHS 2u

struct fixture {
    struct link_cluster cluster;
    struct link_relay relays[PATHS];
};

static void lively(struct link_cluster_site *site)
{
    site->options.heartbeat_ns = UINT64_C(100000000);
    site->options.silence_ns = UINT64_C(1000000000);
}

/* Silence alone closes nothing. */
static void patient(struct link_cluster_site *site)
{
    site->options.heartbeat_ns = UINT64_C(100000000);
    site->options.silence_ns = UINT64_C(3600000000000);
}

/* Site 1 dials site 2 through as many relays. */
static int set_up_paths(void **state, uint32_t paths,
                        void (*change)(struct link_cluster_site *site))
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    struct link_cluster *cluster = &fixture->cluster;
    link_cluster_open(cluster, 2, change);
    cluster->ordered = false;
    struct link_site description;
    link_cluster_describe(cluster, 2, &description);
    description.path_count = paths;
    for (uint32_t path = 0; path < PATHS; path++) {
        link_relay_open(&fixture->relays[path], link_port(link_cluster_site(cluster, 2)->link));
        cluster->extras[path] =
            (struct link_cluster_extra){&fixture->relays[path], link_relay_poll};
        (void)snprintf(description.paths[path], sizeof description.paths[path], "127.0.0.1:%u",
                       fixture->relays[path].port);
    }
    link_set_peer(link_cluster_site(cluster, 1)->link, &description);
    link_cluster_introduce(cluster, 2, 1);
    *state = fixture;
    return 0;
}

static int set_up_one(void **state)
{
    return set_up_paths(state, 1, lively);
}

static int set_up_two(void **state)
{
    return set_up_paths(state, 2, lively);
}

static int set_up_two_patient(void **state)
{
    return set_up_paths(state, 2, patient);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    link_cluster_close(&fixture->cluster);
    for (uint32_t path = 0; path < PATHS; path++) {
        link_relay_close(&fixture->relays[path]);
    }
    free(fixture);
    return 0;
}

struct wanted {
    struct link_cluster *cluster;
    uint32_t path;
    bool up;
    bool measured;
};

static bool path_is(void *context)
{
    const struct wanted *wanted = context;
    for (uint8_t site_id = 1; site_id <= 2; site_id++) {
        const struct link_path_counts *path =
            &link_cluster_peer(wanted->cluster, site_id, (uint8_t)(3 - site_id))
                 ->paths[wanted->path];
        if (path->up != wanted->up || (wanted->measured && path->round_trip_ns == 0)) {
            return false;
        }
    }
    return true;
}

static void until_path(struct link_cluster *cluster, uint32_t path, bool up, bool measured)
{
    struct wanted wanted = {cluster, path, up, measured};
    link_cluster_until(cluster, path_is, &wanted);
}

/* Both ends use this path. */
static bool path_is_best(void *context)
{
    const struct wanted *wanted = context;
    return link_cluster_peer(wanted->cluster, 1, 2)->paths[wanted->path].best &&
           link_cluster_peer(wanted->cluster, 2, 1)->paths[wanted->path].best;
}

static void until_best(struct link_cluster *cluster, uint32_t path)
{
    struct wanted wanted = {.cluster = cluster, .path = path};
    link_cluster_until(cluster, path_is_best, &wanted);
}

/* A frame of each class and end arrives; what was sent before it may be lost. */
static void expect_talk(struct link_cluster *cluster)
{
    for (uint32_t class = 0; class < 2 * LINK_PRIORITY_COUNT; class ++) {
        uint8_t from = (uint8_t)(1 + class % 2);
        assert_int_equal(link_cluster_send(cluster, from, (uint8_t)(3 - from),
                                           (enum link_priority)(class / 2), 4096),
                         STATUS_OK);
    }
    link_cluster_until_arrived(cluster);
}

static void test_the_better_path_is_used(void **state)
{
    struct fixture *fixture = *state;
    struct link_cluster *cluster = &fixture->cluster;
    fixture->relays[0].delay_ns = UINT64_C(20000000);
    until_path(cluster, 0, true, true);
    until_path(cluster, 1, true, true);
    assert_true(link_cluster_peer(cluster, 1, 2)->paths[0].round_trip_ns >= UINT64_C(40000000));
    until_best(cluster, 1);
    expect_talk(cluster);
    /* It turns round: the other one is better now. The last measurements decide. */
    fixture->relays[0].delay_ns = 0;
    fixture->relays[1].delay_ns = UINT64_C(60000000);
    until_best(cluster, 0);
    expect_talk(cluster);
    assert_int_equal(link_cluster_site(cluster, 1)->downs[1], 0);
    assert_int_equal(link_cluster_site(cluster, 2)->downs[0], 0);
}

/* Half-open: nothing ends, nothing comes. The other path takes over without anything being closed.
 */
static void test_a_silent_path_is_not_waited_for(void **state)
{
    struct fixture *fixture = *state;
    struct link_cluster *cluster = &fixture->cluster;
    until_path(cluster, 0, true, true);
    until_path(cluster, 1, true, true);
    for (uint32_t round = 0; round < 4; round++) {
        uint32_t path = round % 2;
        fixture->relays[path].delay_ns = 0;
        fixture->relays[1 - path].delay_ns = UINT64_C(10000000);
        until_best(cluster, path);
        expect_talk(cluster);
        link_relay_set_mode(&fixture->relays[path], LINK_RELAY_SWALLOW);
        until_best(cluster, 1 - path);
        expect_talk(cluster);
        /* TLS does not forgive what was swallowed. */
        link_relay_set_mode(&fixture->relays[path], LINK_RELAY_CUT);
        link_relay_set_mode(&fixture->relays[path], LINK_RELAY_CARRY);
        until_path(cluster, path, true, true);
    }
    assert_true(link_cluster_peer(cluster, 1, 2)->ends[LINK_END_SILENT] == 0);
    assert_true(link_cluster_peer(cluster, 2, 1)->ends[LINK_END_SILENT] == 0);
    assert_int_equal(link_cluster_site(cluster, 1)->downs[1], 0);
    assert_int_equal(link_cluster_site(cluster, 2)->downs[0], 0);
}

/* In the middle of large frames, and closed at last. */
static void test_a_silent_path_is_left(void **state)
{
    struct fixture *fixture = *state;
    struct link_cluster *cluster = &fixture->cluster;
    fixture->relays[1].delay_ns = UINT64_C(5000000);
    until_path(cluster, 0, true, true);
    until_path(cluster, 1, true, true);
    until_best(cluster, 0);
    for (uint32_t i = 0; i < 3; i++) {
        (void)link_cluster_send(cluster, 1, 2, LINK_CONSENSUS, 1u << 20);
        (void)link_cluster_send(cluster, 2, 1, LINK_CONSENSUS, 1u << 20);
    }
    link_cluster_turn(cluster);
    link_relay_set_mode(&fixture->relays[0], LINK_RELAY_SWALLOW);
    until_best(cluster, 1);
    assert_int_equal(link_cluster_site(cluster, 1)->downs[1], 0);
    assert_int_equal(link_cluster_site(cluster, 2)->downs[0], 0);
    expect_talk(cluster);
    /* At last it is closed, and dialled anew. */
    link_cluster_until_end(cluster, 1, 2, LINK_END_SILENT, 1);
    link_relay_set_mode(&fixture->relays[0], LINK_RELAY_CARRY);
    until_path(cluster, 0, true, true);
    until_best(cluster, 0);
    expect_talk(cluster);
    assert_int_equal(link_cluster_site(cluster, 1)->downs[1], 0);
}

static void test_a_dead_path_is_left(void **state)
{
    struct fixture *fixture = *state;
    struct link_cluster *cluster = &fixture->cluster;
    until_path(cluster, 0, true, false);
    until_path(cluster, 1, true, false);
    for (uint32_t round = 0; round < 10; round++) {
        uint32_t path = round % 2;
        for (uint32_t i = 0; i < 20; i++) {
            enum link_priority class = (enum link_priority)random_below(&cluster->random, 3);
            (void)link_cluster_send(cluster, 1, 2, class, 1u << 16);
            (void)link_cluster_send(cluster, 2, 1, class, 1u << 16);
        }
        link_cluster_turn(cluster);
        link_relay_set_mode(&fixture->relays[path], LINK_RELAY_CUT);
        until_path(cluster, path, false, false);
        until_best(cluster, 1 - path);
        expect_talk(cluster);
        link_relay_set_mode(&fixture->relays[path], LINK_RELAY_CARRY);
        until_path(cluster, path, true, false);
    }
    assert_int_equal(link_cluster_site(cluster, 1)->downs[1], 0);
    assert_int_equal(link_cluster_site(cluster, 2)->downs[0], 0);
    assert_true(link_cluster_peer(cluster, 1, 2)->connects >= 12);
}

/* The only path: lost and found, again and again, under load. */
static void test_the_only_path_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct link_cluster *cluster = &fixture->cluster;
    link_cluster_until_connected(cluster, 1, 2, true);
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < 50; i++) {
            enum link_priority class = (enum link_priority)random_below(&cluster->random, 3);
            (void)link_cluster_send(cluster, 1, 2, class, 1u << 17);
            (void)link_cluster_send(cluster, 2, 1, class, 1u << 17);
        }
        link_cluster_turn(cluster);
        link_relay_set_mode(&fixture->relays[0], LINK_RELAY_CUT);
        link_cluster_until_connected(cluster, 1, 2, false);
        assert_int_equal(link_cluster_send(cluster, 1, 2, LINK_CONSENSUS, 1024), STATUS_CLOSED);
        assert_int_equal(link_cluster_peer(cluster, 1, 2)->queued_bytes[LINK_CONSENSUS], 0);
        link_relay_set_mode(&fixture->relays[0], LINK_RELAY_CARRY);
        link_cluster_until_connected(cluster, 1, 2, true);
        expect_talk(cluster);
    }
    assert_int_equal(link_cluster_site(cluster, 1)->ups[1], 11);
    assert_int_equal(link_cluster_site(cluster, 2)->downs[0], 10);
}

/* Nothing comes, nothing ends: after silence_ns it counts as gone, at both ends. */
static void test_a_half_open_connection_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    struct link_cluster *cluster = &fixture->cluster;
    link_cluster_until_connected(cluster, 1, 2, true);
    link_relay_set_mode(&fixture->relays[0], LINK_RELAY_SWALLOW);
    link_cluster_until_end(cluster, 1, 2, LINK_END_SILENT, 1);
    link_cluster_until_end(cluster, 2, 1, LINK_END_SILENT, 1);
    link_cluster_until_connected(cluster, 1, 2, false);
    link_relay_set_mode(&fixture->relays[0], LINK_RELAY_CUT);
    link_relay_set_mode(&fixture->relays[0], LINK_RELAY_CARRY);
    link_cluster_until_connected(cluster, 1, 2, true);
    expect_talk(cluster);
}

/* The dialling end gives a path up and dials it anew while the other end takes the old one for
 * alive: the new one replaces it. */
static void test_a_path_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct link_cluster *cluster = &fixture->cluster;
    link_cluster_until_connected(cluster, 1, 2, true);
    link_relay_set_mode(&fixture->relays[0], LINK_RELAY_SWALLOW);
    link_close_peer(link_cluster_site(cluster, 1)->link, 2);
    for (uint32_t turn = 0; turn < 5; turn++) {
        link_cluster_turn(cluster); /* Its goodbye is swallowed. */
    }
    assert_true(link_cluster_peer(cluster, 2, 1)->connected);
    link_relay_set_mode(&fixture->relays[0], LINK_RELAY_CARRY);
    link_cluster_introduce(cluster, 1, 2); /* Directly this time. */
    link_cluster_until_end(cluster, 2, 1, LINK_END_REPLACED, 1);
    link_cluster_until_connected(cluster, 1, 2, true);
    expect_talk(cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_better_path_is_used, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(test_a_silent_path_is_not_waited_for, set_up_two_patient,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_silent_path_is_left, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(test_a_dead_path_is_left, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(test_the_only_path_comes_back, set_up_one, tear_down),
        cmocka_unit_test_setup_teardown(test_a_half_open_connection_is_noticed, set_up_one,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_path_is_replaced, set_up_one, tear_down),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
