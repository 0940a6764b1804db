/* A site dies with its clients' sessions logged on there: those that do not come back elsewhere in
 * their grace period lose their open orders, the others keep them. */
#include "gateway/site_silence.h"

#include <stdio.h>
#include <time.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/site_cluster.h"

#define SILENT_NS UINT64_C(4000000000) /* Of `site_silence: 1`, four times. */

static struct site_cluster cluster;

static int setup(void **state)
{
    (void)state;
    return site_cluster_start(&cluster, "site_silence", "EQ=site-1,site-2,site-3",
                              "site_silence: 1\n")
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    site_cluster_end(&cluster);
    return 0;
}

/* One order, left open by a client that stays connected. */
static void enter(struct soup_client *client, uint32_t index, const char *session)
{
    soup_client_join(client, cluster.sites[index].ouch_port, session, TEST_MARKET_PASSWORD, 0);
    soup_client_order(client, 1, 'B', 10, "TEST", 500000, '0');
    (void)soup_client_expect(client, 'A');
}

/* Whether anybody has said that this site is silent. */
static bool is_said_silent(uint32_t index)
{
    char text[64];
    bool said = false;
    (void)snprintf(text, sizeof text, "event=site-silent shard=1 silent=site-%u ", index + 1);
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        said = said || site_process_logged(&cluster.sites[at], text);
    }
    return said;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void die_with_sessions(uint32_t dies, uint32_t there)
{
    static struct soup_client quick;
    static struct soup_client patient;
    static struct soup_client stays;
    test_market_session_grace(&cluster.sites[there], "QUICK", 50);
    test_market_session_grace(&cluster.sites[there], "SLOW", 3600000);
    enter(&quick, dies, "QUICK");
    enter(&patient, dies, "SLOW");
    enter(&stays, there, "ALICE"); /* Elsewhere, and without such a setting. */
    site_process_kill(&cluster.sites[dies]);
    soup_client_close(&quick);
    soup_client_close(&patient);
    site_cluster_await_status(&cluster.sites[there], "\"open_orders\":2");
    assert_true(is_said_silent(dies));
    /* The one that does not come back in time finds its order canceled, in its stream. */
    soup_client_join(&quick, cluster.sites[there].ouch_port, "QUICK", TEST_MARKET_PASSWORD, 1);
    (void)soup_client_expect(&quick, 'S');
    (void)soup_client_expect(&quick, 'A');
    (void)soup_client_expect(&quick, 'C');
    soup_client_close(&quick);
    /* The one that has an hour comes back, and its order is still there to be canceled. */
    soup_client_join(&patient, cluster.sites[there].ouch_port, "SLOW", TEST_MARKET_PASSWORD, 0);
    soup_client_cancel(&patient, 1, 0);
    (void)soup_client_expect(&patient, 'C');
    soup_client_close(&patient);
    soup_client_cancel(&stays, 1, 0);
    (void)soup_client_expect(&stays, 'C');
    soup_client_close(&stays);
    /* The dead comes back; nothing of all this happens twice there. */
    int status = 0;
    assert_true(site_process_start(&cluster.sites[dies], &status));
    site_cluster_await_equal_hashes(cluster.sites, SITE_CLUSTER_SITES);
}

static void test_a_followers_site_dies(void **state)
{
    (void)state;
    uint32_t leader = site_cluster_await_leader(&cluster);
    die_with_sessions(site_cluster_other_than(leader, leader), leader);
}

/* Then the next leader says it. */
static void test_the_leaders_site_dies(void **state)
{
    (void)state;
    uint32_t leader = site_cluster_await_leader(&cluster);
    die_with_sessions(leader, site_cluster_other_than(leader, leader));
}

/* Where nobody is logged on there is nothing to say, and nothing enters the journal. */
static void test_nobody_there_nothing_said(void **state)
{
    (void)state;
    static struct soup_client client;
    uint32_t leader = site_cluster_await_leader(&cluster);
    uint32_t dies = site_cluster_other_than(leader, leader);
    uint32_t other = site_cluster_other_than(leader, dies);
    test_market_session_grace(&cluster.sites[leader], "QUICK", 50);
    site_process_kill(&cluster.sites[dies]);
    /* The two others trade on for much longer than it takes. */
    soup_client_join(&cluster.client, cluster.sites[other].ouch_port, "ALICE", TEST_MARKET_PASSWORD,
                     0);
    uint64_t until_ns = now_ns() + SILENT_NS;
    for (uint32_t reference = 1; now_ns() < until_ns; reference++) {
        site_cluster_trade(&cluster.client, reference, 1);
    }
    soup_client_close(&cluster.client);
    assert_false(is_said_silent(dies));
    /* Of the next one it is said: a client is logged on there when it dies. */
    enter(&client, other, "QUICK");
    site_process_kill(&cluster.sites[other]);
    soup_client_close(&client);
    int status = 0;
    assert_true(site_process_start(&cluster.sites[dies], &status));
    leader = site_cluster_await_leader(&cluster);
    while (!is_said_silent(other)) {
        site_cluster_pause(&cluster.sites[leader]);
    }
    assert_false(is_said_silent(dies));
}

#define silence_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        silence_test(test_a_followers_site_dies),
        silence_test(test_the_leaders_site_dies),
        silence_test(test_nobody_there_nothing_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
