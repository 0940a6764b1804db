/* Sites as real processes that take snapshots and trim their journals: one that was away comes back
 * by snapshot, is killed while it does, starts from its own; damaged ones are passed over. */
#include "gateway/site_snapshots.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/site_cluster.h"

#define OFTEN          "snapshots: {bytes: 0, segments: 12, seconds: 0}\n"
#define OFTEN_SEGMENTS 12u

static struct site_cluster cluster;
static struct site_cluster_stream first;
static struct site_cluster_stream second;

static int setup(void **state)
{
    (void)state;
    return site_cluster_start(&cluster, "site_snapshots", "EQ=site-1,site-2,site-3", OFTEN) ? 0
                                                                                            : -1;
}

static int teardown(void **state)
{
    (void)state;
    site_cluster_end(&cluster);
    return 0;
}

/* Orders, until the journals of those that run begin behind where they ended at this log's size. */
static void trade_until_trimmed(uint32_t leader, uint32_t other, uint32_t *next_reference)
{
    off_t leader_log = site_cluster_log_bytes(&cluster.sites[leader]);
    off_t other_log = site_cluster_log_bytes(&cluster.sites[other]);
    site_cluster_trade(&cluster.client, *next_reference, 40); /* Three snapshots further. */
    *next_reference += 40;
    while (
        !site_process_logged_since(&cluster.sites[leader], leader_log, "event=journal-trimmed") ||
        !site_process_logged_since(&cluster.sites[other], other_log, "event=journal-trimmed")) {
        site_cluster_trade(&cluster.client, (*next_reference)++, 1);
    }
    /* Twice: what is trimmed first may lie before. */
    leader_log = site_cluster_log_bytes(&cluster.sites[leader]);
    while (
        !site_process_logged_since(&cluster.sites[leader], leader_log, "event=journal-trimmed")) {
        site_cluster_trade(&cluster.client, (*next_reference)++, 1);
    }
}

/* One is killed, the others trade on until they cannot help it with their journals. The client is
 * left at its last number. */
static uint32_t leave_behind(uint32_t *leader, uint32_t *there, uint64_t *next_sequence)
{
    uint32_t next_reference = 1;
    *leader = site_cluster_await_leader(&cluster);
    uint32_t away = site_cluster_other_than(*leader, *leader);
    *there = site_cluster_other_than(*leader, away);
    soup_client_join(&cluster.client, cluster.sites[*there].ouch_port, "ALICE",
                     TEST_MARKET_PASSWORD, 0);
    site_cluster_trade(&cluster.client, next_reference, 5);
    next_reference += 5;
    site_process_kill(&cluster.sites[away]);
    trade_until_trimmed(*leader, *there, &next_reference);
    *next_sequence = cluster.client.next_sequence;
    soup_client_close(&cluster.client);
    return away;
}

/* Streams and hashes of the one that came back are everybody's, and it takes part. */
static void expect_whole(uint32_t away, uint32_t there, uint64_t next_sequence)
{
    site_cluster_read_stream(&cluster, there, "ALICE", &first, next_sequence - 1);
    site_cluster_read_stream(&cluster, away, "ALICE", &second, next_sequence - 1);
    site_cluster_expect_same(&first, &second);
    site_cluster_await_equal_hashes(cluster.sites, SITE_CLUSTER_SITES);
}

static void test_one_that_was_away_comes_back_by_snapshot(void **state)
{
    (void)state;
    uint32_t leader = 0;
    uint32_t there = 0;
    uint64_t next = 0;
    int status = 0;
    uint32_t away = leave_behind(&leader, &there, &next);
    assert_true(site_process_start(&cluster.sites[away], &status));
    assert_true(site_process_logged(&cluster.sites[away], "event=snapshot-installed"));
    expect_whole(away, there, next);

    /* With it there is a quorum when another one is gone. */
    site_process_kill(&cluster.sites[leader]);
    soup_client_join(&cluster.client, cluster.sites[away].ouch_port, "BOB", TEST_MARKET_PASSWORD,
                     0);
    site_cluster_trade(&cluster.client, 1, 30);
    soup_client_close(&cluster.client);
    assert_true(site_process_start(&cluster.sites[leader], &status));
    site_cluster_await_equal_hashes(cluster.sites, SITE_CLUSTER_SITES);
    /* Journals that were trimmed, one that rests on what another site sent. */
    site_cluster_stop_and_verify(cluster.sites, SITE_CLUSTER_SITES);
}

/* Killed as soon as it has said each of these. */
static void test_killed_in_the_middle_and_started_again(void **state)
{
    (void)state;
    static const char *const words[] = {"event=snapshot-wanted", "event=snapshot-fetched",
                                        "event=snapshot-installed"};
    uint32_t leader = 0;
    uint32_t there = 0;
    uint64_t next = 0;
    int status = 0;
    uint32_t away = leave_behind(&leader, &there, &next);
    struct site_process *site = &cluster.sites[away];
    for (size_t at = 0; at < sizeof words / sizeof words[0]; at++) {
        site_process_launch(site);
        /* One that got further the last time does not say it again, but serves. */
        while (!site_process_logged_since(site, site->log_bytes, words[at]) &&
               !site_process_logged_since(site, site->log_bytes, "event=ready")) {
            site_cluster_pause(site);
        }
        site_process_kill(site);
    }
    assert_true(site_process_start(site, &status));
    assert_true(site_process_logged(site, "event=snapshot-fetched"));
    expect_whole(away, there, next);
}

static void test_a_start_replays_only_the_rest(void **state)
{
    (void)state;
    uint32_t leader = 0;
    uint32_t there = 0;
    uint64_t next = 0;
    int status = 0;
    uint32_t away = leave_behind(&leader, &there, &next);
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        if (at != away) {
            assert_int_equal(site_process_stop(&cluster.sites[at]), 0);
        }
    }
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        site_process_launch(&cluster.sites[at]);
    }
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        assert_true(site_process_await(&cluster.sites[at], &status));
    }
    assert_true(site_process_logged_since(&cluster.sites[there], cluster.sites[there].log_bytes,
                                          "event=snapshot-read"));
    expect_whole(away, there, next);
}

/* The name of the newest snapshot of shard 1 at a site: "1-" and the log index. */
static void find_newest(const struct site_process *site, char newest[static 64])
{
    char path[TEST_PATH_BYTES + 128];
    newest[0] = '\0';
    (void)snprintf(path, sizeof path, "%s/data/snapshots", site->directory);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        if (strncmp(entry->d_name, "1-", 2) == 0 && strcmp(entry->d_name, newest) > 0) {
            (void)snprintf(newest, 64, "%.60s", entry->d_name);
        }
    }
    assert_int_equal(closedir(directory), 0);
    assert_string_not_equal(newest, "");
}

/* A byte in the middle of the engine's state in it. */
static void damage_newest(const struct site_process *site)
{
    char path[TEST_PATH_BYTES + 128];
    char newest[64];
    find_newest(site, newest);
    (void)snprintf(path, sizeof path, "%s/data/snapshots/%s/engine.part", site->directory, newest);
    FILE *file = fopen(path, "r+e");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long bytes = ftell(file);
    assert_true(bytes > 0);
    assert_int_equal(fseek(file, bytes / 2, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, bytes / 2, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
    assert_int_equal(fclose(file), 0);
}

/* How many segments a site has executed since its newest snapshot. */
static uint64_t behind(uint32_t index)
{
    char newest[64];
    char *status = test_market_get(&cluster.sites[index], "/status");
    assert_non_null(status);
    static const char key[] = "\"applied_log_index\":";
    const char *at = strstr(status, key);
    assert_non_null(at);
    unsigned long long applied = strtoull(at + strlen(key), NULL, 10);
    free(status);
    find_newest(&cluster.sites[index], newest);
    unsigned long long snapshot = strtoull(newest + 2, NULL, 10);
    return applied > snapshot ? applied - snapshot : 0;
}

static void test_a_damaged_snapshot_is_not_served(void **state)
{
    (void)state;
    uint32_t leader = 0;
    uint32_t there = 0;
    uint64_t next = 0;
    int status = 0;
    uint32_t away = leave_behind(&leader, &there, &next);
    /* Whoever leads offers its newest one, which no other one replaces meanwhile. */
    soup_client_join(&cluster.client, cluster.sites[there].ouch_port, "BOB", TEST_MARKET_PASSWORD,
                     0);
    for (uint32_t reference = 1;; reference++) {
        while (behind(leader) >= OFTEN_SEGMENTS || behind(there) >= OFTEN_SEGMENTS) {
            site_cluster_pause(&cluster.sites[leader]); /* Shadows follow at their own pace. */
            site_cluster_pause(&cluster.sites[there]);
        }
        if (behind(leader) < OFTEN_SEGMENTS / 2 && behind(there) < OFTEN_SEGMENTS / 2) {
            break;
        }
        site_cluster_trade(&cluster.client, reference, 1);
    }
    damage_newest(&cluster.sites[leader]);
    damage_newest(&cluster.sites[there]);
    assert_true(site_process_start(&cluster.sites[away], &status));
    soup_client_close(&cluster.client);
    assert_true(site_process_logged(&cluster.sites[leader], "event=snapshot-damaged") ||
                site_process_logged(&cluster.sites[there], "event=snapshot-damaged"));
    assert_true(site_process_logged(&cluster.sites[away], "event=snapshot-installed"));
    expect_whole(away, there, next);
}

static void test_a_start_passes_over_a_damaged_snapshot(void **state)
{
    (void)state;
    uint32_t leader = 0;
    uint32_t there = 0;
    uint64_t next = 0;
    int status = 0;
    uint32_t away = leave_behind(&leader, &there, &next);
    site_process_kill(&cluster.sites[there]);
    damage_newest(&cluster.sites[there]);
    site_process_launch(&cluster.sites[there]);
    assert_true(site_process_start(&cluster.sites[away], &status));
    assert_true(site_process_await(&cluster.sites[there], &status));
    assert_true(site_process_logged(&cluster.sites[there], "event=snapshot-passed-over"));
    assert_true(site_process_logged(&cluster.sites[there], "event=snapshot-read"));
    expect_whole(away, there, next);
}

#define snapshots_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        snapshots_test(test_one_that_was_away_comes_back_by_snapshot),
        snapshots_test(test_killed_in_the_middle_and_started_again),
        snapshots_test(test_a_start_replays_only_the_rest),
        snapshots_test(test_a_damaged_snapshot_is_not_served),
        snapshots_test(test_a_start_passes_over_a_damaged_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
