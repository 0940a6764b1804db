/* A site under bad circumstances: each a clear message that says what to do, and nothing lost. Real
 * processes on real files. */
#include "gateway/site.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matching/base/bytes.h"
#include "replication/journal.h"
#include "replication/segment.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/site_process.h"
#include "tests/support/soup_client.h"
#include "tests/support/test_market.h"

#define SEGMENT_DAMAGED_AT 100 /* Within the header: what the chain hash covers. */

static char directory[TEST_PATH_BYTES];
static struct soup_client client;

static int make_directory(void **state)
{
    (void)state;
    test_paths_make(directory, "site_test");
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    test_paths_remove(directory);
    return 0;
}

static void start(struct site_process *site)
{
    int status = 0;
    bool serving = site_process_start(site, &status);
    if (!serving) {
        (void)fprintf(stderr, "causewayd ended with %d\n", status);
    }
    assert_true(serving);
}

/* The log is shown when it lacks what it should have: what it says instead is the finding. */
static void expect_logged(const struct site_process *site, const char *message)
{
    bool logged = site_process_logged(site, message);
    if (!logged) {
        (void)fprintf(stderr, "the log lacks: %s\n", message);
        site_process_show_log(site);
    }
    assert_true(logged);
}

static void expect_refusal(struct site_process *site, int exit_status, const char *message)
{
    int status = 0;
    assert_false(site_process_start(site, &status));
    assert_int_equal(status, exit_status);
    expect_logged(site, message);
}

static void replace_in_file(const char *path, const char *from, const char *to)
{
    char text[4096];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    (void)fclose(file);
    text[bytes] = '\0';
    char *at = strstr(text, from);
    assert_non_null(at);
    file = fopen(path, "we");
    assert_non_null(file);
    (void)fprintf(file, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_int_equal(fclose(file), 0);
}

static void path_in_site(char path[static TEST_PATH_BYTES], const struct site_process *site,
                         const char *name)
{
    int bytes = snprintf(path, TEST_PATH_BYTES, "%s/%s", site->directory, name);
    assert_true(bytes > 0 && (size_t)bytes < TEST_PATH_BYTES);
}

static void flip_byte(const char *path, off_t offset)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    uint8_t byte;
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 0x40;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    assert_int_equal(close(fd), 0);
}

/* What a file holds, for a damager to look at. */
static size_t read_file(const char *path, uint8_t *bytes, size_t bytes_max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t count = pread(fd, bytes, bytes_max, 0);
    assert_int_equal(close(fd), 0);
    assert_true(count > 0);
    return (size_t)count;
}

/* Flip a byte of every segment that is whole. What only begins like one is the rest of a page that
 * LMDB used again for something else: where the store's thread happened to commit decides whether
 * there is any, so a test must leave it alone. */
static void damage_segments(const char *path)
{
    static uint8_t bytes[1 << 22];
    size_t count = read_file(path, bytes, sizeof bytes);
    uint32_t segments = 0;
    for (size_t at = 0; at < count; at++) {
        struct segment segment;
        if (segment_open(&segment, bytes + at, count - at) == STATUS_OK &&
            segment_verify_payload(&segment) == STATUS_OK) {
            flip_byte(path, (off_t)at + SEGMENT_DAMAGED_AT);
            segments++;
        }
    }
    assert_true(segments > 10);
}

/* The name of the store's record of its place in the ring, in every copy. */
static void damage_facts(const char *path)
{
    static uint8_t bytes[1 << 22];
    size_t count = read_file(path, bytes, sizeof bytes);
    uint32_t records = 0;
    for (size_t at = 0; at + 5 <= count; at++) {
        if (memcmp(bytes + at, "place", 5) == 0) {
            flip_byte(path, (off_t)at);
            records++;
        }
    }
    assert_true(records > 0);
}

/* Both pages that say where LMDB's trees begin. */
static void damage_pages(const char *path)
{
    flip_byte(path, 16);
    flip_byte(path, 4096 + 16);
}

static void damage_block(const char *path)
{
    flip_byte(path, 64);
}

static void damage_blocks(const char *path)
{
    flip_byte(path, 64);
    flip_byte(path, 4096 + 64);
}

static void cut(const char *path)
{
    assert_int_equal(truncate(path, 4096), 0);
}

/* Trade a little, so that there is something to lose. Returns the stream's next number. */
static uint64_t trade(struct site_process *site, uint32_t orders)
{
    soup_client_join(&client, site->ouch_port, "ALICE", TEST_MARKET_PASSWORD, 0);
    for (uint32_t i = 1; i <= orders; i++) {
        soup_client_order(&client, i, 'B', 10, "TEST", 500000, '0');
    }
    for (uint32_t i = 1; i <= orders; i++) {
        (void)soup_client_expect(&client, 'A');
    }
    uint64_t next = client.next_sequence;
    soup_client_close(&client);
    return next;
}

static void expect_stream_up_to(struct site_process *site, uint64_t next)
{
    soup_client_join(&client, site->ouch_port, "ALICE", TEST_MARKET_PASSWORD, 1);
    while (client.next_sequence < next) {
        struct soup_packet packet;
        assert_true(soup_client_receive(&client, &packet));
        client.next_sequence++;
    }
    soup_client_close(&client);
}

static void test_starts_stops_and_starts_again(void **state)
{
    (void)state;
    struct site_process site;
    site_process_init(&site, directory);
    start(&site);
    test_market_apply(&site);
    uint64_t next = trade(&site, 20);
    assert_int_equal(site_process_stop(&site), 0);
    start(&site);
    expect_stream_up_to(&site, next);
    site_process_kill(&site);
    start(&site);
    expect_stream_up_to(&site, next);
    assert_int_equal(site_process_stop(&site), 0);
}

static void test_wrong_configuration_names_the_line(void **state)
{
    (void)state;
    struct site_process site;
    site_process_init(&site, directory);
    replace_in_file(site.config, "idle: sleep", "idle: nap");
    expect_refusal(&site, 2, "site.yaml:");
    char output[4096];
    const char *const missing[] = {site.program, "--config", "/nowhere/site.yaml", NULL};
    assert_int_equal(site_process_run(output, sizeof output, missing), 2);
    assert_non_null(strstr(output, "/nowhere/site.yaml"));
    const char *const wrong[] = {site.program, "--frobnicate", NULL};
    assert_int_equal(site_process_run(output, sizeof output, wrong), 2);
    assert_non_null(strstr(output, "usage: causewayd"));
    const char *const help[] = {site.program, "--help", NULL};
    assert_int_equal(site_process_run(output, sizeof output, help), 0);
    assert_non_null(strstr(output, "usage: causewayd"));
}

static void test_a_port_in_use(void **state)
{
    (void)state;
    struct site_process first;
    struct site_process second;
    char other[TEST_PATH_BYTES + 16];
    site_process_init(&first, directory);
    (void)snprintf(other, sizeof other, "%s/second", directory);
    assert_int_equal(mkdir(other, 0700), 0);
    site_process_init(&second, other);
    char from[16];
    char to[16];
    (void)snprintf(from, sizeof from, ":%u", second.ouch_port);
    (void)snprintf(to, sizeof to, ":%u", first.ouch_port);
    replace_in_file(second.config, from, to);
    start(&first);
    expect_refusal(&second, 1, "another process has this port");
    assert_int_equal(site_process_stop(&first), 0);
}

static void test_two_processes_on_one_directory(void **state)
{
    (void)state;
    struct site_process first;
    site_process_init(&first, directory);
    start(&first);
    struct site_process second = first;
    second.pid = 0;
    (void)snprintf(second.log, sizeof second.log, "%s/second.log", directory);
    expect_refusal(&second, 1, "status=in-use");
    assert_int_equal(site_process_stop(&first), 0);
}

static void test_the_journal_of_another_site(void **state)
{
    (void)state;
    struct site_process site;
    site_process_init(&site, directory);
    char key[TEST_PATH_BYTES];
    path_in_site(key, &site, "site.yaml");
    replace_in_file(key, "cluster: test", "cluster: best");
    expect_refusal(&site, 1, "status=foreign");
}

static void test_no_journal_is_never_made_anew(void **state)
{
    (void)state;
    struct site_process site;
    site_process_init(&site, directory);
    char journal[TEST_PATH_BYTES];
    path_in_site(journal, &site, "data/journal");
    test_paths_remove(journal);
    expect_refusal(&site, 1, "causeway init");
}

static void copy_journal(const struct site_process *site, const char *from, const char *to)
{
    char command[4 * TEST_PATH_BYTES];
    char output[1024];
    (void)snprintf(command, sizeof command, "rm -rf %s/%s && cp -a %s/%s %s/%s", site->directory,
                   to, site->directory, from, site->directory, to);
    const char *const copy[] = {"/bin/sh", "-c", command, NULL};
    assert_int_equal(site_process_run(output, sizeof output, copy), 0);
}

/* Wherever a journal is damaged, the site does not serve from it and says what to do. */
static void test_a_damaged_journal_refuses_to_start(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        void (*damage)(const char *path);
    } cases[] = {
        {"store.mdb", damage_segments},
        {"store.mdb", damage_facts},
        {"store.mdb", damage_pages},
        {"store.mdb", cut},
        {"store.head", cut},
        {"wal.ring", cut},
        {"store.head", damage_blocks},
        {"wal.ring", damage_block},
        {"journal.id", damage_block},
    };
    struct site_process site;
    site_process_init(&site, directory);
    start(&site);
    test_market_apply(&site);
    (void)trade(&site, 50);
    site_process_kill(&site);
    /* Ended in good order, so that all is in the store. */
    start(&site);
    assert_int_equal(site_process_stop(&site), 0);
    copy_journal(&site, "data/journal", "data/whole");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        copy_journal(&site, "data/whole", "data/journal");
        char name[32];
        char path[TEST_PATH_BYTES];
        (void)snprintf(name, sizeof name, "data/journal/%s", cases[i].file);
        path_in_site(path, &site, name);
        cases[i].damage(path);
        (void)snprintf(site.log, sizeof site.log, "%s/damaged-%zu.log", directory, i);
        expect_refusal(&site, 1, "event=cannot-start");
        expect_logged(&site, "causeway journal verify");
        expect_logged(&site, "must be rebuilt from its peers");
    }
}

/* Two voters: the loss of either would stop the shard, so the promise cannot be kept. */
static void test_a_placement_that_cannot_keep_its_promise(void **state)
{
    (void)state;
    struct site_process sites[2];
    site_process_init_cluster(sites, 2, directory, "EQ=site-1");
    expect_refusal(&sites[0], 1, "the loss of one provider leaves no commit quorum");
    /* It has not begun: its configuration may be corrected. */
    char path[TEST_PATH_BYTES];
    path_in_site(path, &sites[0], "data/genesis");
    assert_int_equal(access(path, F_OK), -1);
    replace_in_file(sites[1].config, "threading: shared", "threading: dedicated");
    expect_refusal(&sites[1], 1, "dedicated is not in this version");
}

static void test_a_key_that_others_can_read(void **state)
{
    (void)state;
    struct site_process site;
    site_process_init(&site, directory);
    char key[TEST_PATH_BYTES];
    path_in_site(key, &site, "data/site.key");
    struct stat status;
    assert_int_equal(stat(key, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(chmod(key, 0644), 0);
    expect_refusal(&site, 1, "status=denied");
}

/* A journal of its own sizes in place of the one that init made. */
static void replace_journal(const struct site_process *site, uint64_t store_bytes)
{
    char journal[TEST_PATH_BYTES];
    path_in_site(journal, site, "data/journal");
    test_paths_remove(journal);
    assert_int_equal(mkdir(journal, 0700), 0);
    struct journal_options options = {.directory = journal,
                                      .wal_bytes = WAL_BYTES_MIN,
                                      .store_bytes = store_bytes,
                                      .wal_writes_in_flight = 2,
                                      .cluster_id = segment_cluster_id("test"),
                                      .site = "one"};
    char error[1024];
    assert_int_equal(journal_create(&options, error, sizeof error), STATUS_OK);
}

/* One of its files comes from the journal that the site had. */
static void bring_back(const struct site_process *site, const char *file)
{
    char from[64];
    char to[64];
    (void)snprintf(from, sizeof from, "data/had/%s", file);
    (void)snprintf(to, sizeof to, "data/journal/%s", file);
    copy_journal(site, from, to);
}

/* Rule 4: whose journal is lost does not come back under its old incarnation, whatever of the old
 * one the operator still has: journal.id alone, or all but the ring, or all but the store. Only the
 * whole is the journal. */
static void test_an_empty_journal_is_never_the_old_one(void **state)
{
    (void)state;
    static const char *const store[] = {"journal.id", "store.mdb", "store.head", NULL};
    static const char *const ring[] = {"journal.id", "wal.ring", NULL};
    static const char *const id[] = {"journal.id", NULL};
    static const char *const *const had[] = {id, store, ring};
    struct site_process site;
    site_process_init(&site, directory);
    replace_journal(&site, UINT64_C(64) << 20);
    start(&site);
    test_market_apply(&site);
    uint64_t next = trade(&site, 20);
    assert_int_equal(site_process_stop(&site), 0);
    copy_journal(&site, "data/journal", "data/had");
    for (size_t at = 0; at < sizeof had / sizeof had[0]; at++) {
        replace_journal(&site, UINT64_C(64) << 20);
        for (size_t file = 0; had[at][file] != NULL; file++) {
            bring_back(&site, had[at][file]);
        }
        (void)snprintf(site.log, sizeof site.log, "%s/empty-%zu.log", directory, at);
        expect_refusal(&site, 1, "status=foreign");
        expect_logged(&site, "another journal");
    }
    /* With a journal.id of its own it is no longer what the site began with. */
    replace_journal(&site, UINT64_C(64) << 20);
    (void)snprintf(site.log, sizeof site.log, "%s/empty-new.log", directory);
    expect_refusal(&site, 1, "site 1 (one) has the incarnation `");
    copy_journal(&site, "data/had", "data/journal");
    start(&site);
    expect_stream_up_to(&site, next);
    assert_int_equal(site_process_stop(&site), 0);
}

/* At 90 % of the store new orders are refused, unsequenced and without consuming a reference;
 * cancels are still served. One order a segment fills it fastest. */
static void test_a_store_nearly_full_refuses_orders_and_serves_cancels(void **state)
{
    (void)state;
    struct site_process site;
    site_process_init(&site, directory);
    replace_journal(&site, STORE_BYTES_MIN);
    start(&site);
    test_market_apply(&site);
    soup_client_join(&client, site.ouch_port, "ALICE", TEST_MARKET_PASSWORD, 0);
    soup_client_order(&client, 1, 'B', 10, "TEST", 500000, '0');
    (void)soup_client_expect(&client, 'A');
    uint32_t reference = 2;
    struct soup_packet packet;
    for (;; reference++) {
        soup_client_order(&client, reference, 'B', 1, "TEST", 500000, '3');
        assert_true(soup_client_receive(&client, &packet));
        if (packet.type != 'S') {
            break;
        }
        assert_int_equal(packet.payload[0], 'A');
        assert_true(soup_client_receive(&client, &packet));
        assert_int_equal(packet.payload[0], 'C');
        assert_true(reference < 1000000);
    }
    assert_int_equal(packet.type, '+'); /* A 3.00 login: no unsequenced data from the server. */
    assert_int_equal(packet.payload[0], 'N');
    assert_int_equal(bytes_load_be32(packet.payload + 9), reference);
    assert_int_equal(packet.payload[13], 'F');
    assert_true(site_process_logged(&site, "event=store-full refusing_orders=1"));
    soup_client_cancel(&client, 1, 0);
    assert_true(soup_client_receive(&client, &packet));
    assert_int_equal(packet.type, 'S');
    assert_int_equal(packet.payload[0], 'C');
    soup_client_close(&client);
    assert_int_equal(site_process_stop(&site), 0);
    start(&site);
    assert_int_equal(site_process_stop(&site), 0);
}

/* A real full disk: a small file system of its own. Orders acknowledged before it filled up are
 * there when it has been grown. */
static void test_a_full_disk_loses_nothing(void **state)
{
    (void)state;
    char mountpoint[TEST_PATH_BYTES + 16];
    (void)snprintf(mountpoint, sizeof mountpoint, "%s/disk", directory);
    assert_int_equal(mkdir(mountpoint, 0700), 0);
    char output[1024];
    char command[2 * TEST_PATH_BYTES];
    (void)snprintf(command, sizeof command,
                   "cd %s && truncate -s 160M image && mkfs.ext4 -q -m 0 image && mount -o loop "
                   "image disk",
                   directory);
    const char *const mount_it[] = {"/bin/sh", "-c", command, NULL};
    if (geteuid() != 0 || site_process_run(output, sizeof output, mount_it) != 0) {
        print_message("skipped: needs root and a loop device\n");
        skip();
    }
    struct site_process site;
    site_process_init(&site, mountpoint);
    /* Elsewhere, or its last word would find no room. */
    (void)snprintf(site.log, sizeof site.log, "%s/full-disk.log", directory);
    start(&site);
    test_market_apply(&site);
    uint64_t next = trade(&site, 100);
    (void)snprintf(command, sizeof command, "dd if=/dev/zero of=%s/fill bs=64k 2>/dev/null; true",
                   mountpoint);
    const char *const fill[] = {"/bin/sh", "-c", command, NULL};
    assert_int_equal(site_process_run(output, sizeof output, fill), 0);

    /* Trade until it can no more: the ring is preallocated, so it is the store or the streams that
     * end. */
    soup_client_join(&client, site.ouch_port, "ALICE", TEST_MARKET_PASSWORD, next);
    struct soup_packet packet;
    uint32_t reference = 101;
    uint64_t acknowledged = next;
    bool alive = true;
    while (alive && reference < 400000) {
        for (uint32_t i = 0; i < 200; i++) {
            soup_client_order(&client, reference++, 'B', 10, "TEST", 500000, '3');
        }
        for (uint32_t i = 0; i < 400 && alive; i++) {
            alive = soup_client_receive(&client, &packet);
            acknowledged += alive ? 1 : 0;
        }
    }
    soup_client_close(&client);
    assert_false(alive);
    assert_true(acknowledged > next);
    site_process_kill(&site); /* Reaps it; it has ended by itself or is about to. */
    assert_true(site_process_logged(&site, "status=no-space"));

    (void)snprintf(command, sizeof command, "rm %s/fill", mountpoint);
    const char *const free_it[] = {"/bin/sh", "-c", command, NULL};
    assert_int_equal(site_process_run(output, sizeof output, free_it), 0);
    start(&site);
    expect_stream_up_to(&site, acknowledged);
    assert_int_equal(site_process_stop(&site), 0);
    assert_int_equal(umount(mountpoint), 0);
}

int main(void)
{
#define SITE_TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)
    const struct CMUnitTest tests[] = {
        SITE_TEST(test_starts_stops_and_starts_again),
        SITE_TEST(test_wrong_configuration_names_the_line),
        SITE_TEST(test_a_port_in_use),
        SITE_TEST(test_two_processes_on_one_directory),
        SITE_TEST(test_the_journal_of_another_site),
        SITE_TEST(test_no_journal_is_never_made_anew),
        SITE_TEST(test_a_damaged_journal_refuses_to_start),
        SITE_TEST(test_a_placement_that_cannot_keep_its_promise),
        SITE_TEST(test_a_key_that_others_can_read),
        SITE_TEST(test_an_empty_journal_is_never_the_old_one),
        SITE_TEST(test_a_store_nearly_full_refuses_orders_and_serves_cancels),
        SITE_TEST(test_a_full_disk_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
