/* Who serves a snapshot is killed in the middle of it: the next leader goes on, and the site that
 * fetches comes back whole. Real processes.
 * variants: all alike. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/site_snapshots.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/order_flow.h"
#include "tests/support/site_cluster.h"
#include "tests/support/site_operator.h"

#define OFTEN    "snapshots: {bytes: 0, segments: 12, seconds: 0}\n"
#define ORDERS   24000u /* A snapshot of many pieces, of which four are under way at once. */
#define BURST    2000u
#define ATTEMPTS 10u

static struct site_cluster cluster;
static struct order_flow flow;

static int setup(void **state)
{
    (void)state;
    return site_cluster_start(&cluster, "site_serving", "EQ=site-1,site-2,site-3", OFTEN) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    site_cluster_end(&cluster);
    return 0;
}

/* Bytes that have come of what is being fetched, on the disk of a site. */
static uint64_t incoming_bytes(const struct site_process *site)
{
    char path[TEST_PATH_BYTES + 64];
    uint64_t bytes = 0;
    (void)snprintf(path, sizeof path, "%s/data/snapshots", site->directory);
    DIR *snapshots = opendir(path);
    assert_non_null(snapshots);
    for (const struct dirent *entry = readdir(snapshots); entry != NULL;
         entry = readdir(snapshots)) {
        static const char *const parts[] = {"engine.part", "streams.part"};
        for (size_t at = 0;
             strncmp(entry->d_name, "incoming-", 9) == 0 && at < sizeof parts / sizeof parts[0];
             at++) {
            struct stat part;
            char file[TEST_PATH_BYTES + 64 + 256 + 32];
            (void)snprintf(file, sizeof file, "%s/%s/%s", path, entry->d_name, parts[at]);
            bytes += stat(file, &part) == 0 ? (uint64_t)part.st_size : 0;
        }
    }
    assert_int_equal(closedir(snapshots), 0);
    return bytes;
}

/* Orders, until the journals of those that run begin behind where they ended before. */
static void trade_until_trimmed(uint32_t leader, uint32_t there)
{
    for (uint32_t orders = 0; orders < 40; orders++) { /* A segment each: three snapshots. */
        order_flow_trade(&flow, 1);
    }
    for (uint32_t times = 0; times < 2; times++) { /* What is trimmed first may lie before. */
        off_t leader_log = site_cluster_log_bytes(&cluster.sites[leader]);
        off_t there_log = site_cluster_log_bytes(&cluster.sites[there]);
        while (
            !site_process_logged_since(&cluster.sites[leader], leader_log,
                                       "event=journal-trimmed") ||
            !site_process_logged_since(&cluster.sites[there], there_log, "event=journal-trimmed")) {
            order_flow_trade(&flow, 1);
        }
    }
}

/* Who of the two has begun to serve the one that is away; SITE_CLUSTER_SITES: their logs do not
 * tell. */
static uint32_t find_server(uint32_t away, const uint32_t others[static 2],
                            const off_t log_bytes[static 2])
{
    char served[32];
    bool has[2];
    (void)snprintf(served, sizeof served, "to=site-%u", away + 1);
    for (uint32_t at = 0; at < 2; at++) {
        has[at] = site_process_logged_since(&cluster.sites[others[at]], log_bytes[at], served);
    }
    return has[0] == has[1] ? SITE_CLUSTER_SITES : others[has[1] ? 1 : 0];
}

/* It runs again, and is held when the first pieces have come. Returns who sends them;
 * SITE_CLUSTER_SITES: all of them had come, or nobody knows. */
static uint32_t hold_in_the_middle(uint32_t away, uint32_t one, uint32_t other)
{
    struct site_process *site = &cluster.sites[away];
    const uint32_t others[2] = {one, other};
    const off_t log_bytes[2] = {site_cluster_log_bytes(&cluster.sites[one]),
                                site_cluster_log_bytes(&cluster.sites[other])};
    site_process_launch(site);
    bool over = false;
    while (incoming_bytes(site) == 0 && !over) { /* Without a pause, which would be too long. */
        assert_false(site_process_ended(site));
        over = site_process_logged_since(site, site->log_bytes, "event=snapshot-fetched") ||
               site_process_logged_since(site, site->log_bytes, "event=ready");
    }
    assert_int_equal(kill(site->pid, SIGSTOP), 0);
    over = site_process_logged_since(site, site->log_bytes, "event=snapshot-fetched");
    return over ? SITE_CLUSTER_SITES : find_server(away, others, log_bytes);
}

static void test_the_next_leader_serves_on(void **state)
{
    (void)state;
    int status = 0;
    uint32_t leader = site_cluster_await_leader(&cluster);
    uint32_t away = site_cluster_other_than(leader, leader);
    uint32_t there = site_cluster_other_than(leader, away);
    struct site_process *site = &cluster.sites[away];
    order_flow_begin(&flow, &cluster.sites[there], "ALICE", "TEST");
    while (flow.accepted < ORDERS) {
        for (uint32_t orders = 0; orders < BURST; orders++) {
            order_flow_send(&flow);
        }
        order_flow_drain(&flow);
    }
    uint32_t server = SITE_CLUSTER_SITES;
    /* A few milliseconds are enough for all of it: tried until the test is fast enough. */
    for (uint32_t attempt = 0; attempt < ATTEMPTS && server == SITE_CLUSTER_SITES; attempt++) {
        site_process_kill(site);
        trade_until_trimmed(leader, there);
        server = hold_in_the_middle(away, leader, there);
    }
    assert_true(server < SITE_CLUSTER_SITES);
    uint32_t next = site_cluster_other_than(server, away);
    site_process_kill(&cluster.sites[server]);
    assert_int_equal(kill(site->pid, SIGCONT), 0);
    if (flow.site == &cluster.sites[server]) {
        order_flow_move(&flow, &cluster.sites[next]);
    }
    /* There is no quorum before it has all of it. */
    assert_true(site_process_await(site, &status));
    char from[32];
    (void)snprintf(from, sizeof from, "from=site-%u", next + 1);
    assert_true(site_process_logged_since(site, site->log_bytes, from));
    order_flow_trade(&flow, 20);
    order_flow_start(&flow, &cluster.sites[server]);
    order_flow_close(&flow);
    site_cluster_await_equal_hashes(cluster.sites, SITE_CLUSTER_SITES);
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        struct site_operator_view view;
        order_flow_verify(&flow, &cluster.sites[at]);
        site_operator_look(&cluster.sites[at], 1, &view);
        assert_int_equal(view.orders_accepted, flow.accepted);
    }
    site_cluster_stop_and_verify(cluster.sites, SITE_CLUSTER_SITES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_next_leader_serves_on, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
