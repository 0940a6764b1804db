/* A site that begins from a snapshot with another past than the others': it is fenced, made anew
 * from an older one, and has what all have. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/config.h"
#include "gateway/site_files.h"
#include "gateway/site_snapshots.h"
#include "replication/key_store.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/site_cluster.h"

/* Seldom enough that what is wrong does not push out what is right before it is seen. */
#define SELDOM "snapshots: {bytes: 0, segments: 24, seconds: 0, keep: 8}\n"

static struct site_cluster cluster;
static struct site_cluster_stream first;
static struct site_cluster_stream second;

static int setup(void **state)
{
    (void)state;
    return site_cluster_start(&cluster, "site_snapshots_fence", "EQ=site-1,site-2,site-3", SELDOM)
               ? 0
               : -1;
}

static int teardown(void **state)
{
    (void)state;
    site_cluster_end(&cluster);
    return 0;
}

/* What stands in a stopped site's newest snapshot, with one more command executed, takes its place,
 * signed by that site. Two are there before. */
static void change_past(const struct site_process *site)
{
    static struct config config;
    char error[CONFIG_ERROR_BYTES];
    char key_error[KEY_STORE_ERROR_BYTES];
    char path[CONFIG_PATH_BYTES + 32];
    char directory[CONFIG_PATH_BYTES + 32];
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    struct segment_signer *signer = NULL;
    struct segment_verifier verifier;
    struct snapshot_store *store = NULL;
    struct market_snapshot *snapshot = NULL;
    struct site_market_body body;
    struct snapshot_manifest facts;
    assert_int_equal(config_read(&config, site->config, error), STATUS_OK);
    (void)snprintf(path, sizeof path, "%s/" SITE_KEY_FILE, config.data);
    (void)snprintf(directory, sizeof directory, "%s/" SITE_SNAPSHOTS_DIRECTORY, config.data);
    assert_int_equal(key_store_read(&signer, path, key_error), STATUS_OK);
    key_store_verifier(&verifier, signer);
    const struct snapshot_store_options options = {.directory = directory,
                                                   .cluster_id = segment_cluster_id("test"),
                                                   .signer = signer,
                                                   .verifiers = &verifier,
                                                   .verifier_count = 1};
    assert_int_equal(snapshot_store_open(&store, &options), STATUS_OK);
    assert_true(snapshot_store_list(store, 1, log_indexes) >= 2);
    assert_int_equal(market_snapshot_create(&snapshot), STATUS_OK);
    (void)snprintf(path, sizeof path, "%s/" SITE_STREAM_NEXT_FILE, config.data, 1);
    assert_int_equal(site_market_body_make(&body, &config, path), STATUS_OK);
    assert_int_equal(market_snapshot_load(snapshot, store, 1, log_indexes[0], body.engine,
                                          body.streams, config.tuning.sessions_max, &facts),
                     STATUS_OK);
    static struct event events[EVENT_BATCH_MAX];
    struct event_batch batch = {.events = events, .capacity = EVENT_BATCH_MAX};
    struct command command = {.type = COMMAND_FIRM_SET,
                              .timestamp_ns = facts.last_timestamp_ns,
                              .input_number = 4711};
    memcpy(command.body.firm.name, "EVIL", 4);
    uint64_t hash = engine_event_hash(body.engine);
    assert_int_equal(engine_apply(body.engine, &command, &batch), STATUS_OK);
    assert_true(engine_event_hash(body.engine) != hash);
    assert_int_equal(snapshot_store_set_aside(store, 1, log_indexes[0]), STATUS_OK);
    enum status status = market_snapshot_start(snapshot, store, &facts, body.engine, body.streams,
                                               config.tuning.sessions_max);
    assert_int_equal(status, STATUS_OK);
    do {
        status = market_snapshot_step(snapshot);
    } while (status == STATUS_MORE);
    assert_int_equal(status, STATUS_OK);
    site_market_body_free(&body);
    market_snapshot_destroy(snapshot);
    snapshot_store_close(store);
    key_store_release(signer);
}

/* Whether a directory of a site has an entry that begins so. */
static bool has_entry(const struct site_process *site, const char *directory_name,
                      const char *begins)
{
    char path[TEST_PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/data/%s", site->directory, directory_name);
    DIR *directory = opendir(path);
    bool found = false;
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        found = found || strncmp(entry->d_name, begins, strlen(begins)) == 0;
    }
    assert_int_equal(closedir(directory), 0);
    return found;
}

static void test_another_past_is_given_up(void **state)
{
    (void)state;
    int status = 0;
    uint32_t leader = site_cluster_await_leader(&cluster);
    uint32_t wrong = site_cluster_other_than(leader, leader);
    uint32_t there = site_cluster_other_than(leader, wrong);
    soup_client_join(&cluster.client, cluster.sites[there].ouch_port, "ALICE", TEST_MARKET_PASSWORD,
                     0);
    uint32_t next_reference = 1;
    /* Two snapshots, the first of them from before the second. */
    for (uint32_t count = 0; count < 2; count++) {
        off_t log_bytes = site_cluster_log_bytes(&cluster.sites[wrong]);
        while (!site_process_logged_since(&cluster.sites[wrong], log_bytes, "event=snapshot ")) {
            site_cluster_trade(&cluster.client, next_reference++, 1);
        }
    }
    site_process_kill(&cluster.sites[wrong]);
    change_past(&cluster.sites[wrong]);
    assert_true(site_process_start(&cluster.sites[wrong], &status));
    off_t log_bytes = cluster.sites[wrong].log_bytes;
    while (!site_process_logged_since(&cluster.sites[wrong], log_bytes, "event=shard-fenced")) {
        site_cluster_trade(&cluster.client, next_reference++, 1);
    }
    /* Right is who is not fenced again by the next hashes. */
    char hashes[2][17];
    do {
        site_cluster_trade(&cluster.client, next_reference++, 1);
        site_cluster_read_hash(&cluster.sites[wrong], hashes[0]);
        site_cluster_read_hash(&cluster.sites[there], hashes[1]);
    } while (strcmp(hashes[0], hashes[1]) != 0 ||
             !site_process_logged_since(&cluster.sites[wrong], log_bytes, "event=shard-rebuilt"));
    uint64_t next = cluster.client.next_sequence;
    soup_client_close(&cluster.client);
    site_cluster_read_stream(&cluster, there, "ALICE", &first, next - 1);
    site_cluster_read_stream(&cluster, wrong, "ALICE", &second, next - 1);
    site_cluster_expect_same(&first, &second);
    site_cluster_await_equal_hashes(cluster.sites, SITE_CLUSTER_SITES);
    assert_true(has_entry(&cluster.sites[wrong], "snapshots", "bad-1-"));
    assert_true(has_entry(&cluster.sites[wrong], "evidence", "shard-1-fenced-"));
    assert_false(site_process_logged(&cluster.sites[wrong], "event=shard-stuck"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_another_past_is_given_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
