/* Three sites as real processes with real links: a client trades through one that does not lead,
 * the leader is killed, the client goes on, elsewhere too, and every site has the same bytes. */
#include "gateway/site_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/site_cluster.h"

static struct site_cluster cluster;
static struct site_cluster_stream first;
static struct site_cluster_stream second;

static int setup(void **state)
{
    (void)state;
    return site_cluster_start(&cluster, "site_peers", "EQ=site-1,site-2,site-3", NULL) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    site_cluster_end(&cluster);
    return 0;
}

/* What every site sends to each other one comes to something, of followers as well. */
static void expect_egress(void)
{
    static const char name[] = "\ncauseway_peer_egress_millibytes_per_command{";
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        char *text = test_market_get(&cluster.sites[at], "/metrics");
        uint32_t peers = 0;
        for (const char *line = strstr(text, name); line != NULL; line = strstr(line + 1, name)) {
            const char *value = strstr(line, "} ");
            assert_non_null(value);
            assert_true(value[2] >= '1' && value[2] <= '9');
            peers++;
        }
        assert_int_equal(peers, SITE_CLUSTER_SITES - 1);
        free(text);
    }
}

static void test_a_region_dies_and_every_client_goes_on(void **state)
{
    (void)state;
    uint32_t leader = site_cluster_await_leader(&cluster);
    uint32_t here = site_cluster_other_than(leader, leader);
    uint32_t there = site_cluster_other_than(leader, here);
    soup_client_join(&cluster.client, cluster.sites[here].ouch_port, "ALICE", TEST_MARKET_PASSWORD,
                     0);
    site_cluster_trade(&cluster.client, 1, 50);
    expect_egress();
    site_process_kill(&cluster.sites[leader]);
    site_cluster_trade(&cluster.client, 51, 50);
    uint64_t next = cluster.client.next_sequence;
    soup_client_close(&cluster.client);
    assert_int_equal(next, 102); /* The stream's beginning, and a hundred orders. */

    /* The session goes on at another site, at its next number, and nothing executes twice. */
    soup_client_join(&cluster.client, cluster.sites[there].ouch_port, "ALICE", TEST_MARKET_PASSWORD,
                     next);
    soup_client_order(&cluster.client, 100, 'B', 10, "TEST", 500000, '0'); /* Sent before. */
    site_cluster_trade(&cluster.client, 101, 20);
    next = cluster.client.next_sequence;
    soup_client_close(&cluster.client);
    assert_int_equal(next, 122);
    site_cluster_read_stream(&cluster, here, "ALICE", &first, next - 1);
    site_cluster_read_stream(&cluster, there, "ALICE", &second, next - 1);
    site_cluster_expect_same(&first, &second);

    /* The dead come back and have the same. */
    int status = 0;
    assert_true(site_process_start(&cluster.sites[leader], &status));
    site_cluster_read_stream(&cluster, leader, "ALICE", &second, next - 1);
    site_cluster_expect_same(&first, &second);
    site_cluster_await_equal_hashes(cluster.sites, SITE_CLUSTER_SITES);
    site_cluster_stop_and_verify(cluster.sites, SITE_CLUSTER_SITES);
}

static void test_a_site_that_stops_hands_over_first(void **state)
{
    (void)state;
    uint32_t leader = site_cluster_await_leader(&cluster);
    uint32_t here = site_cluster_other_than(leader, leader);
    soup_client_join(&cluster.client, cluster.sites[here].ouch_port, "BOB", TEST_MARKET_PASSWORD,
                     0);
    site_cluster_trade(&cluster.client, 1, 10);
    assert_int_equal(site_process_stop(&cluster.sites[leader]), 0);
    site_cluster_trade(&cluster.client, 11, 10);
    assert_true(site_process_logged(&cluster.sites[leader], "event=stopped status=ok"));
    soup_client_close(&cluster.client);
    /* Its last word on who leads is somebody else. */
    FILE *file = fopen(cluster.sites[leader].log, "re");
    assert_non_null(file);
    static char line[4096];
    static char last[4096];
    last[0] = '\0';
    while (fgets(line, sizeof line, file) != NULL) {
        if (strstr(line, "event=leader ") != NULL) {
            memcpy(last, line, sizeof last);
        }
    }
    (void)fclose(file);
    assert_non_null(strstr(last, "here=0"));
}

/* Two of three are gone: new orders are refused at once and use up nothing; when one is back the
 * same client goes on. */
static void test_without_a_quorum_orders_are_refused_at_once(void **state)
{
    (void)state;
    uint32_t leader = site_cluster_await_leader(&cluster);
    uint32_t here = site_cluster_other_than(leader, leader);
    uint32_t there = site_cluster_other_than(leader, here);
    soup_client_join(&cluster.client, cluster.sites[here].ouch_port, "CAROL", TEST_MARKET_PASSWORD,
                     0);
    site_cluster_trade(&cluster.client, 1, 10);
    site_process_kill(&cluster.sites[there]);
    site_process_kill(&cluster.sites[leader]);
    while (site_cluster_status_holds(&cluster.sites[here], "\"takes\":true") ||
           !site_cluster_status_holds(&cluster.sites[here], "\"leader_site_id\":0")) {
    }
    soup_client_order(&cluster.client, 11, 'B', 10, "TEST", 500000, '0');
    struct soup_packet packet;
    assert_true(soup_client_receive(&cluster.client, &packet));
    assert_int_equal(packet.type, '+');
    int status = 0;
    assert_true(site_process_start(&cluster.sites[there], &status));
    (void)site_cluster_await_leader(&cluster);
    /* One that was sent behind it does not overtake it: it would be lost for good. */
    soup_client_order(&cluster.client, 12, 'B', 10, "TEST", 500000, '0');
    assert_true(soup_client_receive(&cluster.client, &packet));
    assert_int_equal(packet.type, '+');
    site_cluster_trade(&cluster.client, 11, 10);
    assert_int_equal(cluster.client.next_sequence, 22);
    soup_client_close(&cluster.client);
}

#define peers_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peers_test(test_a_region_dies_and_every_client_goes_on),
        peers_test(test_a_site_that_stops_hands_over_first),
        peers_test(test_without_a_quorum_orders_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
