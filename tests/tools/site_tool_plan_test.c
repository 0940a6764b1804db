/* Changes of the members are interrupted while a client trades: who joins is killed while it
 * catches up and while it is promoted, who leads whenever the members have changed. Each time the
 * others go on with the plan, and nothing is lost. Real processes.
 * variants: all alike. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/order_flow.h"
#include "tests/support/site_cluster.h"
#include "tests/support/site_operator.h"
#include "tools/site_tool.h"

#define VOTERS 3u
#define SITES  5u
#define JOINS  4u /* Index of who is killed while it joins; the one before joins undisturbed. */
#define ALL    31u
#define BEHIND 80u /* Segments; more than a learner may be behind to be promoted. */

static char directory[TEST_PATH_BYTES];
static char output_path[TEST_PATH_BYTES + 16];
static struct site_process sites[SITES];
static struct order_flow flow;

static int teardown(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < SITES; at++) {
        site_process_kill(&sites[at]);
    }
    test_paths_remove(directory);
    return 0;
}

static int setup(void **state)
{
    memset(sites, 0, sizeof sites);
    test_paths_make(directory, "site_plan");
    (void)snprintf(output_path, sizeof output_path, "%s/output", directory);
    site_process_init_cluster(sites, VOTERS, directory, "EQ=site-1,site-2,site-3");
    site_process_init_reachable(&sites[3], directory, "site-4", "provider-4");
    site_process_init_reachable(&sites[4], directory, "site-5", "provider-5");
    for (uint32_t at = 0; at < VOTERS; at++) {
        site_process_launch(&sites[at]);
    }
    for (uint32_t at = 0; at < VOTERS; at++) {
        int status = 0;
        if (!site_process_await(&sites[at], &status)) {
            site_process_show_log(&sites[at]);
            (void)teardown(state); /* Nobody else does. */
            return -1;
        }
    }
    test_market_apply(&sites[0]);
    return 0;
}

static uint32_t find_leader(void)
{
    for (uint32_t at = 0;; at = (at + 1) % SITES) {
        struct site_operator_view view;
        if (sites[at].pid != 0) {
            site_operator_look(&sites[at], 1, &view);
            if (view.leader) {
                return at;
            }
        }
    }
}

static uint64_t newest_epoch(void)
{
    uint64_t epoch = 0;
    for (uint32_t at = 0; at < VOTERS; at++) {
        struct site_operator_view view;
        if (sites[at].pid != 0) {
            site_operator_look(&sites[at], 1, &view);
            epoch = view.epoch > epoch ? view.epoch : epoch;
        }
    }
    return epoch;
}

/* `causeway site VERB ONE TWO`, NULL for what is not there; these sites are asked. */
static pid_t begin(uint32_t asked, const char *verb, const char *one, const char *two)
{
    char paths[SITES * TEST_PATH_BYTES];
    const char *arguments[10] = {sites[0].tool, "site", verb, one};
    uint32_t count = 4;
    site_operator_paths(paths, sizeof paths, sites, asked);
    if (two != NULL) {
        arguments[count++] = two;
    }
    const char *const last[] = {"--config", paths, "--wait", "100s"};
    memcpy(&arguments[count], last, sizeof last);
    return site_process_begin(output_path, arguments);
}

/* It has ended, and well. */
static void expect_done(pid_t pid)
{
    static char output[SITE_OPERATOR_OUTPUT_BYTES];
    int status = order_flow_finish(&flow, pid);
    site_process_read(output_path, output, sizeof output);
    if (status != 0) {
        fail_msg("%s", output);
    }
}

/* Killed with orders under way; all of them are answered by who is left, and it comes back. */
static void kill_and_restart(uint32_t dead)
{
    for (uint32_t orders = 0; orders < 4; orders++) {
        order_flow_send(&flow);
    }
    site_process_kill(&sites[dead]);
    if (flow.site == &sites[dead]) {
        order_flow_move(&flow, &sites[(dead + 1) % VOTERS]);
    }
    order_flow_drain(&flow);
    order_flow_start(&flow, &sites[dead]);
}

/* Until the tool has ended, well: whenever the members have changed, who leads is killed, if it is
 * one that stays. */
static void harass(pid_t pid)
{
    uint32_t kills = 0;
    uint64_t epoch = newest_epoch();
    while (!site_process_pid_ended(pid)) {
        uint64_t now = newest_epoch();
        order_flow_trade(&flow, 1);
        site_cluster_pause(flow.site);
        if (now > epoch) {
            uint32_t leader = find_leader();
            epoch = now;
            if (leader < VOTERS) {
                kill_and_restart(leader);
                kills++;
            }
        }
    }
    expect_done(pid);
    if (kills == 0) { /* All was done between two looks. */
        kill_and_restart(find_leader());
    }
}

/* One joins; the other one is killed as soon as it is connected, with much to catch up with. */
static void join_with_a_kill(void)
{
    struct site_process *site = &sites[JOINS];
    order_flow_trade(&flow, 200);
    expect_done(begin(7, "add", sites[3].directory, NULL));
    order_flow_start(&flow, &sites[3]);
    expect_done(begin(7, "add", site->directory, NULL));
    site_process_launch(site);
    while (!site_process_logged_since(site, site->log_bytes, "event=peer-connected")) {
        order_flow_trade(&flow, 1);
        site_cluster_pause(site);
    }
    site_process_kill(site);
    order_flow_trade(&flow, 50);
    order_flow_start(&flow, &sites[JOINS]);
}

/* Both are to be promoted, the other one lacks too much when its turn comes, and is killed; so are
 * the tool and who leads. */
static void promote_with_kills(void)
{
    struct site_process *site = &sites[JOINS];
    struct site_operator_view view;
    assert_int_equal(kill(site->pid, SIGSTOP), 0);
    for (uint32_t orders = 0; orders < BEHIND; orders++) {
        order_flow_trade(&flow, 1); /* A segment each. */
    }
    pid_t pid = begin(15, "promote", "site-4", "site-5");
    do {
        order_flow_trade(&flow, 1);
        site_operator_look(&sites[find_leader()], 1, &view);
    } while (!view.planned && !site_process_pid_ended(pid));
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(view.planned); /* Nobody can have caught up. */
    site_process_kill(site);
    kill_and_restart(find_leader());
    site_operator_look(&sites[find_leader()], 1, &view);
    assert_true(view.planned); /* Whoever leads now has it from the journal. */
    order_flow_start(&flow, &sites[JOINS]);
    /* Nobody asks for it any more; then somebody does, and it may be done already. */
    while (view.planned) {
        order_flow_trade(&flow, 1);
        site_cluster_pause(flow.site);
        site_operator_look(&sites[find_leader()], 1, &view);
    }
    kill_and_restart(find_leader());
    expect_done(begin(ALL, "promote", "site-4", "site-5"));
    assert_false(site_cluster_status_holds(&sites[find_leader()], "\"role\":\"learner\""));
}

static void test_a_plan_goes_on_whoever_is_killed(void **state)
{
    (void)state;
    order_flow_begin(&flow, &sites[1], "ALICE", "TEST");
    join_with_a_kill();
    promote_with_kills();
    harass(begin(ALL, "remove", "site-5", "site-4"));
    assert_false(site_cluster_status_holds(&sites[0], "\"name\":\"site-4\",\"role\""));
    order_flow_trade(&flow, 10);
    order_flow_close(&flow);
    site_cluster_await_equal_hashes(sites, VOTERS);
    for (uint32_t at = 0; at < VOTERS; at++) {
        struct site_operator_view view;
        order_flow_verify(&flow, &sites[at]);
        site_operator_look(&sites[at], 1, &view);
        assert_int_equal(view.orders_accepted, flow.accepted);
        assert_false(view.planned);
    }
    site_cluster_stop_and_verify(sites, VOTERS);
}

/* Its journal, to whoever has only the public keys that the genesis names. */
static void expect_vouched(const struct site_process *site)
{
    static char output[SITE_OPERATOR_OUTPUT_BYTES];
    char keys[TEST_PATH_BYTES + 32];
    (void)snprintf(keys, sizeof keys, "%s/genesis.pub", directory);
    FILE *all = fopen(keys, "we");
    assert_non_null(all);
    for (uint32_t at = 0; at < VOTERS; at++) {
        char path[TEST_PATH_BYTES + 32];
        char line[256];
        (void)snprintf(path, sizeof path, "%s/site-%u/data/site.key.pub", directory, at + 1);
        FILE *one = fopen(path, "re");
        assert_non_null(one);
        assert_non_null(fgets(line, sizeof line, one));
        assert_int_equal(fclose(one), 0);
        assert_true(fprintf(all, "%s\n", line) > 0);
    }
    assert_int_equal(fclose(all), 0);
    const char *const arguments[] = {"journal",   "verify", site->directory,
                                     "--cluster", "test",   "--keys",
                                     keys,        NULL};
    if (site_operator_run(site, output, arguments) != 0) {
        fail_msg("%s", output);
    }
    assert_non_null(strstr(output, "site-4: verified"));
}

/* One of three is gone for good; another takes its place, by the day's commands. */
static void test_a_voter_is_replaced_while_trading(void **state)
{
    (void)state;
    order_flow_begin(&flow, &sites[1], "ALICE", "TEST");
    order_flow_trade(&flow, 50);
    for (uint32_t orders = 0; orders < 4; orders++) {
        order_flow_send(&flow);
    }
    site_process_kill(&sites[2]);
    order_flow_drain(&flow);
    expect_done(begin(3, "add", sites[3].directory, NULL));
    order_flow_start(&flow, &sites[3]);
    expect_done(begin(11, "promote", "site-4", NULL));
    expect_done(begin(11, "remove", "site-3", NULL));
    assert_false(site_cluster_status_holds(&sites[3], "\"name\":\"site-3\",\"role\""));
    /* It is worth what the dead one was: with it there is a quorum when another is missing. */
    kill_and_restart(0);
    order_flow_move(&flow, &sites[3]);
    order_flow_trade(&flow, 20);
    order_flow_close(&flow);
    const struct site_process dead = sites[2];
    sites[2] = sites[3];
    sites[3] = dead;
    site_cluster_await_equal_hashes(sites, VOTERS);
    for (uint32_t at = 0; at < VOTERS; at++) {
        struct site_operator_view view;
        order_flow_verify(&flow, &sites[at]);
        site_operator_look(&sites[at], 1, &view);
        assert_int_equal(view.orders_accepted, flow.accepted);
        assert_int_equal(view.open_orders, flow.accepted);
    }
    site_cluster_stop_and_verify(sites, VOTERS);
    expect_vouched(&sites[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_plan_goes_on_whoever_is_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_voter_is_replaced_while_trading, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
