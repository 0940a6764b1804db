/* One shard halts at every site, since no two of them compute the same; the other one trades on. */
#include "gateway/site_halt.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/ouch.h"
#include "tests/support/changed_past.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/site_cluster.h"

#define OFTEN "snapshots: {bytes: 0, segments: 24, seconds: 0, keep: 8, trim: no}\n"

static struct site_cluster cluster;
static struct soup_client other; /* On shard 2. */

static int setup(void **state)
{
    (void)state;
    if (!site_cluster_start(&cluster, "site_halt",
                            "EQ=site-1,site-2,site-3;FX=site-2,site-3,site-1", OFTEN)) {
        return -1;
    }
    test_market_apply_to(&cluster.sites[0], 2, "TRUDY");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    site_cluster_end(&cluster);
    return 0;
}

/* Who is silent for long is disconnected. */
static void other_stays(void)
{
    soup_client_packet(&other, 'R', NULL, 0);
}

/* The site serves; the other shard's client is there meanwhile. */
static void await_ready(struct site_process *site)
{
    int status = 0;
    while (!site_process_logged_since(site, site->log_bytes, "event=ready")) {
        other_stays();
        site_cluster_pause(site);
    }
    assert_true(site_process_await(site, &status));
}

/* Every site has two snapshots of shard 1. Returns the next reference. */
static uint32_t trade_to_snapshots(void)
{
    uint32_t next_reference = 1;
    for (uint32_t count = 0; count < 2; count++) {
        off_t log_bytes[SITE_CLUSTER_SITES];
        for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
            log_bytes[at] = site_cluster_log_bytes(&cluster.sites[at]);
        }
        for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
            while (!site_process_logged_since(&cluster.sites[at], log_bytes[at],
                                              "event=snapshot shard=1 ")) {
                site_cluster_trade(&cluster.client, next_reference++, 1);
            }
        }
    }
    return next_reference;
}

/* Orders of shard 1 until it has halted here: what is under way then has no answer any more, and
 * the next one is refused. */
static void trade_until_halted(const struct site_process *site, uint32_t next_reference)
{
    struct soup_packet packet;
    struct ouch_refused refused = {.reason = OUCH_REFUSED_NO_QUORUM};
    while (!site_cluster_status_holds(site, "\"halted\":true")) {
        soup_client_order(&cluster.client, next_reference++, 'B', 10, "TEST", 500000, '0');
        other_stays();
    }
    soup_client_order(&cluster.client, next_reference, 'B', 10, "TEST", 500000, '0');
    while (refused.user_reference != next_reference) {
        assert_true(soup_client_receive(&cluster.client, &packet));
        assert_true(packet.type == 'S' || packet.type == '+');
        if (packet.type == '+') {
            assert_int_equal(ouch_refused_decode(&refused, packet.payload, packet.payload_bytes),
                             STATUS_OK);
        }
    }
    assert_int_equal(refused.reason, OUCH_REFUSED_HALTED);
}

/* And why. */
static void expect_all_say_so(void)
{
    static char output[65536];
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        const struct site_process *site = &cluster.sites[at];
        const char *const show[] = {site->tool, "status", "--config", site->config, NULL};
        while (!site_cluster_status_holds(site, "\"halted\":true")) {
            other_stays();
            site_cluster_pause(site);
        }
        assert_true(site_process_logged(site, "event=shard-halted shard=1 "));
        assert_false(site_process_logged(site, "event=shard-halted shard=2 "));
        assert_int_equal(site_process_run(output, sizeof output, show), 0);
        assert_non_null(strstr(output, "shard 1 EQ: HALTED, "));
        assert_non_null(strstr(output, "no majority of sites computes the same events"));
        char *metrics = test_market_get(site, "/metrics");
        assert_non_null(strstr(metrics, "causeway_shard_halted{shard=\"EQ\"} 1\n"
                                        "causeway_shard_halted{shard=\"FX\"} 0\n"));
        free(metrics);
        other_stays();
    }
}

static void test_the_other_shard_goes_on(void **state)
{
    (void)state;
    int status = 0;
    (void)site_cluster_await_leader(&cluster);
    soup_client_join(&cluster.client, cluster.sites[0].ouch_port, "ALICE", TEST_MARKET_PASSWORD, 0);
    uint32_t next_reference = trade_to_snapshots();
    soup_client_close(&cluster.client);
    site_cluster_await_equal_hashes(cluster.sites, SITE_CLUSTER_SITES);
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        site_process_kill(&cluster.sites[at]);
    }
    changed_past_make(&cluster.sites[1], 4711);
    changed_past_make(&cluster.sites[2], 4712);
    /* Two that disagree go on as long as the third might agree with one of them. */
    site_process_launch(&cluster.sites[0]);
    site_process_launch(&cluster.sites[1]);
    assert_true(site_process_await(&cluster.sites[0], &status));
    assert_true(site_process_await(&cluster.sites[1], &status));
    soup_client_join(&other, cluster.sites[1].ouch_port, "TRUDY", TEST_MARKET_PASSWORD, 0);
    site_cluster_trade(&other, 1, 10);
    site_cluster_join(&cluster.client, &cluster.sites[0], "ALICE", 0);
    site_cluster_trade(&cluster.client, next_reference, 10);
    site_process_launch(&cluster.sites[2]);
    trade_until_halted(&cluster.sites[0], next_reference + 10);
    await_ready(&cluster.sites[2]);

    expect_all_say_so();
    assert_int_equal(test_market_command(&cluster.sites[0], "firm_set", 1,
                                         "{\"name\":\"ACME\",\"enabled\":false}"),
                     503);

    /* Nobody is let in any more; the other shard trades on, also under another leader, and a site
     * that starts again serves it while shard 1 halts there, too. */
    static struct soup_client refused;
    struct soup_packet packet;
    soup_client_connect(&refused, cluster.sites[2].ouch_port);
    soup_client_login(&refused, "BOB", TEST_MARKET_PASSWORD, NULL, 0);
    assert_false(soup_client_receive(&refused, &packet));
    soup_client_close(&refused);
    site_cluster_trade(&other, 11, 10);
    off_t log_bytes = site_cluster_log_bytes(&cluster.sites[1]);
    uint64_t next_sequence = other.next_sequence;
    soup_client_close(&other);
    soup_client_close(&cluster.client);
    assert_int_equal(site_process_stop(&cluster.sites[1]), 0);
    site_cluster_join(&other, &cluster.sites[2], "TRUDY", next_sequence);
    site_cluster_trade(&other, 21, 10);
    site_process_launch(&cluster.sites[1]);
    await_ready(&cluster.sites[1]);
    while (
        !site_process_logged_since(&cluster.sites[1], log_bytes, "event=shard-halted shard=1 ")) {
        other_stays();
        site_cluster_pause(&cluster.sites[1]);
    }
    site_cluster_trade(&other, 31, 10);
    assert_int_equal(other.next_sequence, next_sequence + 20);
    soup_client_close(&other);
    site_cluster_stop_and_verify(cluster.sites, SITE_CLUSTER_SITES);
}

/* Every halt that is for good has its sentence. */
static void test_every_halt_is_explained(void **state)
{
    (void)state;
    for (enum replica_halt halt = REPLICA_RUNS; halt <= REPLICA_HALT_REPAIR; halt++) {
        bool lasts = halt != REPLICA_RUNS && halt != REPLICA_HALT_REPAIR;
        assert_int_equal(site_halt_text(halt) != NULL, lasts);
        assert_true(lasts || !replica_halt_is_shards(halt));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_halt_is_explained),
        cmocka_unit_test_setup_teardown(test_the_other_shard_goes_on, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
