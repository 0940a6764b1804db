/* A site that begins from a snapshot with another past than the others': it is fenced, made anew
 * from an older one, and has what all have. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/site_snapshots.h"
#include "tests/support/changed_past.h"
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

/* Entries of a directory of a site that begin so. */
static uint32_t count_entries(const struct site_process *site, const char *directory_name,
                              const char *begins)
{
    char path[TEST_PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/data/%s", site->directory, directory_name);
    DIR *directory = opendir(path);
    uint32_t count = 0;
    assert_non_null(directory);
    for (const struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        count += strncmp(entry->d_name, begins, strlen(begins)) == 0;
    }
    assert_int_equal(closedir(directory), 0);
    return count;
}

/* Engines fenced long ago: the second shard's, and seven of the first's, the higher the number the
 * older. */
static void leave_old_evidence(const struct site_process *site)
{
    char path[TEST_PATH_BYTES + 96];
    (void)snprintf(path, sizeof path, "%s/data/evidence", site->directory);
    assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
    for (uint32_t number = 1; number <= 8; number++) {
        (void)snprintf(path, sizeof path, "%s/data/evidence/shard-%u-fenced-90000%u.engine",
                       site->directory, number == 8 ? 2u : 1u, number);
        int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        assert_true(file >= 0);
        const struct timespec times[2] = {{.tv_sec = 2000000 - (time_t)number},
                                          {.tv_sec = 2000000 - (time_t)number}};
        assert_int_equal(futimens(file, times), 0);
        assert_int_equal(close(file), 0);
    }
}

/* The three of the shard that were written last are there, besides the new ones. */
static void expect_old_evidence_bounded(const struct site_process *site)
{
    for (uint32_t number = 1; number <= 8; number++) {
        char name[64];
        (void)snprintf(name, sizeof name, "shard-%u-fenced-90000%u.engine", number == 8 ? 2u : 1u,
                       number);
        assert_int_equal(count_entries(site, "evidence", name), number <= 3 || number == 8);
    }
    assert_true(site_process_logged(site, "event=evidence-removed shard=1"));
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
    changed_past_make(&cluster.sites[wrong], 4711);
    leave_old_evidence(&cluster.sites[wrong]);
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
    assert_true(count_entries(&cluster.sites[wrong], "snapshots", "bad-1-") > 0);
    expect_old_evidence_bounded(&cluster.sites[wrong]);
    assert_true(count_entries(&cluster.sites[wrong], "evidence", "shard-1-fenced-") > 3);
    assert_false(site_process_logged(&cluster.sites[wrong], "event=shard-stuck"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_another_past_is_given_up, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
