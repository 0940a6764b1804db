/* What becomes of a tail that was never committed: in a directory, and at a real site that led,
 * was cut off and comes back. */
#include "gateway/site_evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gateway/site_files.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/site_cluster.h"
#include "tests/support/tail_segments.h"

#define SHARD 2u

static char data[TEST_PATH_BYTES];
static struct site_evidence evidence;
static struct tail_segments tail;
static struct segment_signer signer;
static struct segment_verifier verifier;
static struct site_cluster cluster;

static int setup(void **state)
{
    (void)state;
    test_paths_make(data, "site_evidence");
    tail = (struct tail_segments){0};
    tail_segments_signer(&signer, &verifier, 1);
    return site_evidence_open(&evidence, data) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    (void)umount2(data, MNT_DETACH); /* Where a test has mounted something. */
    test_paths_remove(data);
    return 0;
}

static enum status add(uint32_t index)
{
    return site_evidence_add(&evidence, SHARD, tail.bytes + tail.begins[index],
                             tail.begins[index + 1] - tail.begins[index]);
}

static void path_of(char path[static 2 * TEST_PATH_BYTES], const char *name)
{
    (void)snprintf(path, 2 * TEST_PATH_BYTES, "%s/" SITE_EVIDENCE_DIRECTORY "/%s", data, name);
}

/* The bytes of a kept file; the number of them. */
static size_t read_kept(const char *name, uint8_t *target, size_t target_bytes)
{
    char path[2 * TEST_PATH_BYTES];
    path_of(path, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return 0;
    }
    ssize_t bytes = read(file, target, target_bytes);
    assert_true(bytes >= 0);
    assert_int_equal(close(file), 0);
    return (size_t)bytes;
}

static void test_a_tail_is_kept_as_it_was_sealed(void **state)
{
    (void)state;
    uint8_t kept[sizeof tail.bytes];
    char name[SITE_EVIDENCE_NAME_BYTES];
    for (uint32_t at = 0; at < 3; at++) {
        tail_segments_seal(&tail, 41, at < 2 ? 3 : 4, SHARD, &signer);
        assert_int_equal(add(at), STATUS_OK);
    }
    site_evidence_name(name, 41, &tail.last);
    assert_int_equal(read_kept(name, kept, sizeof kept), 0); /* Not before all of it is durable. */
    assert_int_equal(evidence.files, 0);
    assert_int_equal(site_evidence_end(&evidence, SHARD), STATUS_OK);
    assert_true(site_evidence_is_named(name));
    assert_non_null(strstr(name, "shard-2-index-41-43-term-4-"));
    assert_int_equal(read_kept(name, kept, sizeof kept), tail.begins[3]);
    assert_memory_equal(kept, tail.bytes, tail.begins[3]);
    assert_int_equal(evidence.files, 1);
    assert_int_equal(evidence.bytes, tail.begins[3]);
    assert_int_equal(read_kept("new-shard-2", kept, sizeof kept), 0);

    /* The power went before the cut was durable: the same again is still one. */
    assert_int_equal(add(0), STATUS_OK);
    assert_int_equal(add(1), STATUS_OK);
    assert_int_equal(add(2), STATUS_OK);
    assert_int_equal(site_evidence_end(&evidence, SHARD), STATUS_OK);
    assert_int_equal(evidence.files, 1);
    /* Of the same index, but another one. */
    assert_int_equal(add(0), STATUS_OK);
    assert_int_equal(site_evidence_end(&evidence, SHARD), STATUS_OK);
    assert_int_equal(evidence.files, 2);
    assert_int_equal(evidence.bytes, tail.begins[3] + tail.begins[1]);
    assert_int_equal(site_evidence_end(&evidence, SHARD), STATUS_OK); /* Of nothing. */
    assert_int_equal(evidence.files, 2);

    /* The next start counts them, and nothing that is only begun or no tail. */
    assert_int_equal(add(0), STATUS_OK);
    char path[2 * TEST_PATH_BYTES];
    path_of(path, "shard-1-fenced-77.engine");
    assert_int_equal(mkdir(path, 0700), 0);
    struct site_evidence again;
    assert_int_equal(site_evidence_open(&again, data), STATUS_OK);
    assert_int_equal(again.files, 2);
    assert_int_equal(again.bytes, tail.begins[3] + tail.begins[1]);
}

static void test_a_full_disk_keeps_nothing_and_is_tried_again(void **state)
{
    (void)state;
    uint8_t kept[sizeof tail.bytes];
    char name[SITE_EVIDENCE_NAME_BYTES];
    char path[2 * TEST_PATH_BYTES];
    tail_segments_seal(&tail, 5, 1, SHARD, &signer);
    tail_segments_seal(&tail, 5, 1, SHARD, &signer);
    site_evidence_name(name, 5, &tail.last);
    path_of(path, "");
    assert_int_equal(mkdir(path, 0700), 0);
    path_of(path, "new-shard-2");
    assert_int_equal(symlink("/dev/full", path), 0); /* Says ENOSPC to every write. */
    for (uint32_t at = 0; at < 2; at++) {
        assert_int_equal(add(0), STATUS_NO_SPACE);
        assert_true(evidence.waits[SHARD - 1]);
        assert_false(evidence.writing);
        assert_int_equal(site_evidence_end(&evidence, SHARD), STATUS_OK); /* Of nothing. */
        assert_int_equal(evidence.files, 0);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(add(0), STATUS_OK);
    assert_int_equal(add(1), STATUS_OK);
    assert_int_equal(site_evidence_end(&evidence, SHARD), STATUS_OK);
    assert_false(evidence.waits[SHARD - 1]);
    assert_int_equal(evidence.error.text[0], '\0'); /* Not blamed for what comes later. */
    assert_int_equal(read_kept(name, kept, sizeof kept), tail.begins[2]);
    assert_memory_equal(kept, tail.bytes, tail.begins[2]);
}

static uint64_t free_bytes(void)
{
    struct statvfs disk;
    assert_int_equal(statvfs(data, &disk), 0);
    return (uint64_t)disk.f_bavail * disk.f_frsize;
}

/* A tail that is too large leaves a tenth of what was free to others, all the time, and is not
 * written again before there is more room. */
static void test_the_last_of_a_disk_is_left(void **state)
{
    (void)state;
    char path[2 * TEST_PATH_BYTES];
    if (mount("tmpfs", data, "tmpfs", 0, "size=1m") != 0) {
        print_message("skipped: no mount here\n");
        skip();
    }
    (void)snprintf(path, sizeof path, "%s/fill", data);
    int fill = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fill >= 0);
    assert_int_equal(posix_fallocate(fill, 0, 800 << 10), 0);
    tail_segments_seal(&tail, 5, 1, SHARD, &signer);
    uint64_t began = free_bytes();
    uint64_t count = 0;
    enum status status = add(0);
    while (status == STATUS_OK) {
        assert_true(free_bytes() + 4096 >= began / 10);
        count++;
        status = add(0);
    }
    assert_int_equal(status, STATUS_NO_SPACE);
    assert_true(count * tail.begins[1] > began / 2);
    assert_true(evidence.waits[SHARD - 1]);
    assert_true(evidence.wanted_bytes[SHARD - 1] > (count + 1) * tail.begins[1]);
    path_of(path, "new-shard-2");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(add(0), STATUS_NO_SPACE);
    assert_int_equal(access(path, F_OK), -1); /* Not even begun. */
    assert_int_equal(ftruncate(fill, 0), 0);
    for (uint64_t at = 0; at <= count; at++) {
        assert_int_equal(add(0), STATUS_OK);
    }
    assert_int_equal(site_evidence_end(&evidence, SHARD), STATUS_OK);
    assert_int_equal(evidence.wanted_bytes[SHARD - 1], 0);
    assert_false(evidence.waits[SHARD - 1]);
    assert_int_equal(close(fill), 0);
}

static void test_what_cannot_be_evidence_is_refused(void **state)
{
    (void)state;
    char path[2 * TEST_PATH_BYTES];
    tail_segments_seal(&tail, 5, 1, SHARD, &signer);
    assert_int_equal(site_evidence_add(&evidence, SHARD + 1, tail.bytes, tail.begins[1]),
                     STATUS_BAD_FORMAT);
    assert_int_equal(site_evidence_add(&evidence, SHARD, tail.bytes, tail.begins[1] - 1),
                     STATUS_BAD_FORMAT);
    assert_int_equal(evidence.files, 0);
    /* A file where the directory should be. */
    (void)snprintf(path, sizeof path, "%s/" SITE_EVIDENCE_DIRECTORY, data);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    assert_int_equal(close(file), 0);
    assert_int_equal(add(0), STATUS_NOT_FOUND);
    assert_non_null(strstr(evidence.error.text, path));
    struct site_evidence again;
    assert_int_equal(site_evidence_open(&again, data), STATUS_NOT_FOUND);
}

/* A shard that fails in the middle of its cut leaves nothing to the next one. */
static void test_a_cut_that_is_left_off_counts_for_nothing(void **state)
{
    (void)state;
    static struct tail_segments other;
    other = (struct tail_segments){0};
    tail_segments_seal(&tail, 5, 1, SHARD, &signer);
    tail_segments_seal(&other, 9, 1, SHARD + 1, &signer);
    assert_int_equal(add(0), STATUS_OK);
    assert_int_equal(site_evidence_add(&evidence, SHARD, tail.bytes, tail.begins[1] - 1),
                     STATUS_BAD_FORMAT);
    assert_false(evidence.writing);
    for (uint32_t at = 0; at < 2; at++) { /* Left off for another one, and for the end of none. */
        assert_int_equal(add(0), STATUS_OK);
        if (at == 0) {
            assert_int_equal(site_evidence_add(&evidence, SHARD + 1, other.bytes, other.begins[1]),
                             STATUS_OK);
        }
        assert_int_equal(site_evidence_end(&evidence, SHARD + 1), STATUS_OK);
        assert_false(evidence.writing);
        assert_int_equal(evidence.files, 1);
        assert_int_equal(evidence.bytes, other.begins[1]);
    }
    assert_int_equal(site_evidence_end(&evidence, SHARD), STATUS_OK);
    assert_int_equal(evidence.files, 1);
}

/* ---- A real site ---- */

static int setup_cluster(void **state)
{
    (void)state;
    return site_cluster_start(&cluster, "site_evidence",
                              "EQ=site-1,site-2,site-3;FX=site-2,site-3,site-1", NULL)
               ? 0
               : -1;
}

static int teardown_cluster(void **state)
{
    (void)state;
    site_cluster_end(&cluster);
    return 0;
}

static uint64_t log_figure(const struct site_process *site, const char *name)
{
    char *text = test_market_get(site, "/status");
    json_t *root = json_loads(text, 0, NULL);
    const json_t *shard = json_array_get(json_object_get(root, "shards"), 0);
    json_int_t value = json_integer_value(json_object_get(json_object_get(shard, "log"), name));
    json_decref(root);
    free(text);
    return (uint64_t)value;
}

/* A leader whose followers die, with an order in its journal that nobody else has, is killed; the
 * others go on without it. Where it refuses the order, because it has noticed before, once more. */
static uint32_t make_tail(void)
{
    uint32_t reference = 1;
    int status = 0;
    for (;;) {
        uint32_t leader = site_cluster_await_leader(&cluster);
        struct site_process *sites = cluster.sites;
        uint32_t others[] = {(leader + 1) % SITE_CLUSTER_SITES, (leader + 2) % SITE_CLUSTER_SITES};
        site_cluster_join(&cluster.client, &sites[leader], "ALICE", 0);
        site_cluster_trade(&cluster.client, reference, 1);
        site_process_kill(&sites[others[0]]);
        site_process_kill(&sites[others[1]]);
        soup_client_order(&cluster.client, reference + 1, 'B', 10, "TEST", 500000, '0');
        while (site_cluster_status_holds(&sites[leader], "\"takes\":true")) {
            site_cluster_pause(&sites[leader]);
        }
        bool made = log_figure(&sites[leader], "persisted_log_index") >
                    log_figure(&sites[leader], "committed_log_index");
        soup_client_close(&cluster.client);
        site_process_kill(&sites[leader]);
        site_process_launch(&sites[others[0]]);
        site_process_launch(&sites[others[1]]);
        assert_true(site_process_await(&sites[others[0]], &status));
        assert_true(site_process_await(&sites[others[1]], &status));
        if (made) {
            return leader;
        }
        assert_true(site_process_start(&sites[leader], &status));
        reference += 2;
    }
}

static void test_a_leader_that_was_cut_off_keeps_its_tail(void **state)
{
    (void)state;
    static char output[65536];
    char path[TEST_PATH_BYTES + 64];
    int status = 0;
    uint32_t index = make_tail();
    struct site_process *site = &cluster.sites[index];
    char signed_by[32];
    (void)snprintf(signed_by, sizeof signed_by, "\"signer\":\"site-%u\"", index + 1);

    /* There is no room for it at first; the other shard is served nevertheless. */
    (void)snprintf(path, sizeof path, "%s/data/" SITE_EVIDENCE_DIRECTORY, site->directory);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/data/" SITE_EVIDENCE_DIRECTORY "/new-shard-1",
                   site->directory);
    assert_int_equal(symlink("/dev/full", path), 0);
    site_process_launch(site);
    while (!site_process_logged(site, "event=evidence-waits shard=1 ")) {
        site_cluster_pause(site);
    }
    site_cluster_await_status(site, "\"evidence_waits\":true");
    assert_true(site_cluster_status_holds(site, "\"evidence\":{\"files\":0,\"bytes\":0}"));
    assert_true(log_figure(site, "appended_log_index") > log_figure(site, "committed_log_index"));
    assert_false(site_process_logged(site, "event=tail-dropped"));
    char *metrics = test_market_get(site, "/metrics");
    assert_non_null(strstr(metrics, "causeway_shard_evidence_waits{shard=\"EQ\"} 1\n"));
    free(metrics);
    assert_true(site_process_await(site, &status));
    assert_true(site_process_logged(site, " shards=2 late=1"));
    assert_false(site_process_logged(site, "event=shard-ready "));
    assert_false(site_process_logged(site, "event=tail-dropped"));
    struct soup_packet packet;
    soup_client_connect(&cluster.client, site->ouch_port);
    soup_client_login(&cluster.client, "ALICE", TEST_MARKET_PASSWORD, NULL, 0);
    assert_false(soup_client_receive(&cluster.client, &packet)); /* Neither let in nor refused. */
    soup_client_close(&cluster.client);
    assert_int_equal(unlink(path), 0);

    /* With room it goes on by itself. */
    while (!site_process_logged(site, "event=shard-ready shard=1 ")) {
        site_cluster_pause(site);
    }
    assert_true(site_process_logged(site, "event=tail-dropped shard=1 "));
    site_cluster_join(&cluster.client, site, "ALICE", 0);
    soup_client_close(&cluster.client);
    assert_true(site_cluster_status_holds(site, "\"evidence_waits\":false"));
    assert_true(site_cluster_status_holds(site, "\"evidence\":{\"files\":1,"));
    metrics = test_market_get(site, "/metrics");
    assert_non_null(strstr(metrics, "causeway_evidence_files 1\n"));
    free(metrics);
    const char *const list[] = {site->tool,   "journal", "evidence", "--config",
                                site->config, "--json",  NULL};
    assert_int_equal(site_process_run(output, sizeof output, list), 0);
    assert_non_null(strstr(output, "\"verified\":true"));
    assert_non_null(strstr(output, "\"shard\":1,"));
    assert_non_null(strstr(output, signed_by));
    const char *const show[] = {site->tool, "status", "--config", site->config, NULL};
    assert_int_equal(site_process_run(output, sizeof output, show), 0);
    assert_non_null(strstr(output, "\nevidence  1 tail of the journal that was never committed, "));

    /* Never merged: the others' journal has something else there. */
    site_cluster_await_equal_hashes(cluster.sites, SITE_CLUSTER_SITES);
    site_cluster_stop_and_verify(cluster.sites, SITE_CLUSTER_SITES);
}

#define evidence_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        evidence_test(test_a_tail_is_kept_as_it_was_sealed),
        evidence_test(test_a_full_disk_keeps_nothing_and_is_tried_again),
        evidence_test(test_the_last_of_a_disk_is_left),
        evidence_test(test_what_cannot_be_evidence_is_refused),
        evidence_test(test_a_cut_that_is_left_off_counts_for_nothing),
        cmocka_unit_test_setup_teardown(test_a_leader_that_was_cut_off_keeps_its_tail,
                                        setup_cluster, teardown_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
