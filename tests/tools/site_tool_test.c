/* Sites added, promoted, removed by the operator's commands while a client trades: real processes,
 * real links, one journal that walks from one site to five and verifies end to end (P8).
 * variants: all alike. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/site_cluster.h"
#include "tests/support/site_process.h"
#include "tests/support/soup_client.h"
#include "tests/support/test_market.h"

#define SITES      5u
#define OUTPUT_MAX 8192u

static char directory[TEST_PATH_BYTES];
static char output_path[TEST_PATH_BYTES + 16];
static char output[OUTPUT_MAX];
static struct site_process sites[SITES];
static struct soup_client client;
static uint32_t next_reference;

static int setup(void **state)
{
    (void)state;
    static const char *const providers[SITES] = {"aws", "gcp", "metal", "gcp", "metal"};
    memset(sites, 0, sizeof sites);
    test_paths_make(directory, "site_tool");
    (void)snprintf(output_path, sizeof output_path, "%s/output", directory);
    for (uint32_t at = 0; at < SITES; at++) {
        char name[16];
        (void)snprintf(name, sizeof name, "site-%u", at + 1);
        site_process_init_reachable(&sites[at], directory, name, providers[at]);
    }
    next_reference = 1;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < SITES; at++) {
        site_process_kill(&sites[at]);
    }
    test_paths_remove(directory);
    return 0;
}

static void start(uint32_t at)
{
    int status = 0;
    if (!site_process_start(&sites[at], &status)) {
        site_process_show_log(&sites[at]);
        fail_msg("site %u ended with %d", at + 1, status);
    }
}

static void join(uint32_t at, uint64_t next)
{
    site_cluster_join(&client, &sites[at], "ALICE", next);
}

static void trade_one(void)
{
    site_cluster_trade(&client, next_reference++, 1);
}

/* `causeway site VERB NAME NAME ... --config ...`, NULL for what is not there. */
static pid_t begin(uint32_t asked, const char *verb, const char *one, const char *two,
                   const char *option, const char *value)
{
    const char *arguments[12] = {sites[0].tool, "site", verb, one};
    uint32_t count = 4;
    const char *const more[] = {two, option, value};
    for (size_t at = 0; at < sizeof more / sizeof more[0]; at++) {
        if (more[at] != NULL) {
            arguments[count++] = more[at];
        }
    }
    char paths[SITES * TEST_PATH_BYTES] = "";
    for (uint32_t at = 0; at < SITES; at++) {
        if ((asked >> at & 1u) != 0) {
            size_t used = strlen(paths);
            (void)snprintf(paths + used, sizeof paths - used, "%s%s", used == 0 ? "" : ",",
                           sites[at].config);
        }
    }
    arguments[count++] = "--config";
    arguments[count++] = paths;
    arguments[count++] = "--wait";
    arguments[count] = "50s";
    return site_process_begin(output_path, arguments);
}

/* Its end, trading until then or not. */
static int finish(pid_t pid, bool trading)
{
    while (trading && !site_process_pid_ended(pid)) {
        trade_one();
    }
    return site_process_finish(pid, output_path, output, sizeof output);
}

/* The same, trading until it has ended, which must be well. */
static void change(uint32_t asked, const char *verb, const char *one, const char *two,
                   const char *option, const char *value)
{
    int status = finish(begin(asked, verb, one, two, option, value), true);
    if (status != 0) {
        fail_msg("site %s %s: %d\n%s", verb, one, status, output);
    }
}

static void stop_and_verify(uint32_t count)
{
    site_cluster_stop_and_verify(sites, count);
    /* And with the one key of the genesis alone: the placements vouch for who joined since. */
    char journal[TEST_PATH_BYTES + 32];
    char key[TEST_PATH_BYTES + 32];
    (void)snprintf(journal, sizeof journal, "%s/data/journal", sites[count - 1].directory);
    (void)snprintf(key, sizeof key, "%s/data/site.key.pub", sites[0].directory);
    const char *const alone[] = {sites[0].tool, "journal", "verify", journal, "--cluster",
                                 "test",        "--keys",  key,      NULL};
    if (site_process_run(output, sizeof output, alone) != 0) {
        fail_msg("%s", output);
    }
}

static void begin_trading(void)
{
    start(0);
    test_market_apply(&sites[0]);
    soup_client_join(&client, sites[0].ouch_port, "ALICE", TEST_MARKET_PASSWORD, 0);
    trade_one();
}

/* Directories `from` to `to` join as learners. */
static void add(uint32_t from, uint32_t to)
{
    for (uint32_t at = from; at < to; at++) {
        change(1, "add", sites[at].directory, NULL, NULL, NULL);
        assert_non_null(strstr(output, "is a member and learns"));
        site_process_launch(&sites[at]);
    }
    for (uint32_t at = from; at < to; at++) {
        int status = 0;
        if (!site_process_await(&sites[at], &status)) {
            site_process_show_log(&sites[at]);
            fail_msg("site %u ended with %d", at + 1, status);
        }
    }
}

static void test_one_site_grows_to_five_while_trading(void **state)
{
    (void)state;
    begin_trading();
    add(1, 3);
    assert_true(site_cluster_status_holds(&sites[0], "\"role\":\"learner\""));
    change(1, "promote", "site-2", "site-3", "--commit-providers", "2");
    assert_non_null(strstr(output, "site-2           gcp: learner -> voter"));
    assert_non_null(strstr(output, "1 -> 2"));
    add(3, 5);
    change(1, "promote", "site-4", "site-5", NULL, NULL);
    assert_false(site_cluster_status_holds(&sites[0], "\"role\":\"learner\""));
    assert_true(site_cluster_status_holds(&sites[0], "\"commit_providers\":2"));
    /* A leader that the genesis has never heard of signs what all of them take. */
    change(1, "promote", "site-4", NULL, "--prefer", "site-5,site-4");
    change(1u | 1u << 4, "transfer", "site-5", NULL, NULL, NULL);
    while (!site_cluster_status_holds(&sites[4], "\"leader\":true")) {
        trade_one();
    }
    for (uint32_t at = 0; at < 20; at++) {
        trade_one();
    }
    uint64_t next = client.next_sequence;
    soup_client_close(&client);
    /* Whose client it was is gone; the session goes on at a site that joined last. */
    join(3, next);
    trade_one();
    assert_int_equal(client.next_sequence, next + 1);
    soup_client_close(&client);
    site_cluster_await_equal_hashes(sites, SITES);
    stop_and_verify(SITES);
    /* What they learned of each other is there after a start. */
    for (uint32_t at = 0; at < 3; at++) {
        site_process_launch(&sites[4 - at]);
    }
    for (uint32_t at = 0; at < 3; at++) {
        int status = 0;
        assert_true(site_process_await(&sites[4 - at], &status));
    }
    assert_true(site_cluster_status_holds(&sites[4], "\"committed_log_index\""));
}

static void test_what_breaks_a_promise_is_refused(void **state)
{
    (void)state;
    begin_trading();
    add(1, 3);
    int status = finish(begin(1, "promote", "site-2", NULL, NULL, NULL), true);
    assert_int_equal(status, 1);
    assert_non_null(strstr(output, "refused: the loss of one provider leaves no commit quorum"));
    status = finish(begin(1, "promote", "site-2", "site-3", "--commit-providers", "3"), true);
    assert_int_equal(status, 1);
    assert_non_null(strstr(output, "commit_providers is not below the number of providers"));
    status = finish(begin(1, "promote", "site-9", NULL, NULL, NULL), true);
    assert_int_equal(status, 1);
    assert_non_null(strstr(output, "site-9 is no member"));
    status = finish(begin(2, "promote", "site-2", "site-3", NULL, NULL), true);
    assert_int_equal(status, 1);
    assert_non_null(strstr(output, "shard 1 is led by site-1"));
    status = finish(begin(1, "promote", "site-2", "site-3", "--dry-run", NULL), true);
    assert_int_equal(status, 0);
    assert_true(site_cluster_status_holds(&sites[0], "\"role\":\"learner\""));
    /* Nothing of all this has changed anything. */
    assert_true(site_cluster_status_holds(&sites[0], "\"plan\":false"));
    assert_true(site_cluster_status_holds(&sites[0], "\"commit_providers\":1"));
    change(1, "add", sites[1].directory, NULL, NULL, NULL);
    assert_non_null(strstr(output, "nothing to change"));
    change(1, "remove", "site-3", NULL, NULL, NULL);
    assert_false(site_cluster_status_holds(&sites[0], "\"name\":\"site-3\",\"role\""));
    /* Nobody listens to it any more, though it runs on. */
    while (!site_process_logged(&sites[0], "event=peer-lost peer=site-3") ||
           !site_process_logged(&sites[1], "event=peer-lost peer=site-3")) {
    }
    assert_true(site_cluster_status_holds(&sites[2], "\"committed_log_index\""));
    soup_client_close(&client);
    site_cluster_await_equal_hashes(sites, 2);
    stop_and_verify(2);
}

/* The tool is killed at any moment, then the site that leads; both begin again, and nothing is
 * lost. */
static void test_a_change_that_is_killed_goes_on(void **state)
{
    (void)state;
    begin_trading();
    add(1, 3);
    change(1, "promote", "site-2", "site-3", "--commit-providers", "2");
    for (uint32_t round = 0; round < 4; round++) {
        pid_t pid = begin(1, "add", sites[3].directory, NULL, NULL, NULL);
        for (uint32_t orders = 0; orders < round * round * 4; orders++) {
            trade_one();
        }
        (void)kill(pid, SIGKILL);
        (void)finish(pid, false);
    }
    change(1, "add", sites[3].directory, NULL, NULL, NULL);
    change(1, "add", sites[4].directory, NULL, NULL, NULL);
    start(3);
    start(4);
    pid_t pid = begin(1, "promote", "site-4", "site-5", NULL, NULL);
    while (!site_cluster_status_holds(&sites[0], "\"plan\":true") &&
           site_cluster_status_holds(&sites[0], "\"role\":\"learner\"")) {
        trade_one();
        int ended = 0;
        if (waitpid(pid, &ended, WNOHANG) == pid) {
            site_process_read(output_path, output, sizeof output);
            fail_msg("it ended before its plan was there: %s", output);
        }
    }
    (void)kill(pid, SIGKILL);
    (void)finish(pid, false);
    uint64_t next = client.next_sequence;
    soup_client_close(&client);
    site_process_kill(&sites[0]);
    join(1, next);
    trade_one();
    /* Whoever leads now has gone on with it. */
    change(30, "promote", "site-4", "site-5", NULL, NULL);
    start(0);
    assert_int_equal(client.next_sequence, next_reference + 1);
    soup_client_close(&client);
    site_cluster_await_equal_hashes(sites, SITES);
    assert_false(site_cluster_status_holds(&sites[1], "\"role\":\"learner\""));
    /* Who leads is removed as well as anybody: it leaves the lead, then the cluster. */
    if (finish(begin(31, "transfer", "site-5", NULL, NULL, NULL), false) != 0 ||
        finish(begin(31, "remove", "site-5", "site-4", NULL, NULL), false) != 0) {
        fail_msg("%s", output);
    }
    assert_non_null(strstr(output, "site-5           metal: voter -> no member"));
    assert_false(site_cluster_status_holds(&sites[0], "\"name\":\"site-5\",\"role\""));
    site_cluster_await_equal_hashes(sites, 3);
    stop_and_verify(SITES);
}

#define site_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        site_test(test_one_site_grows_to_five_while_trading),
        site_test(test_what_breaks_a_promise_is_refused),
        site_test(test_a_change_that_is_killed_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
