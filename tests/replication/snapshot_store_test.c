#include "replication/snapshot_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replication/journal_file.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"
#include "tests/support/test_seed.h"

#define CLUSTER UINT64_C(0x1122334455667788)
#define CHUNK   ((size_t)SNAPSHOT_CHUNK_BYTES)
#define LARGE   (3 * CHUNK + 12345)

static char root[TEST_PATH_BYTES];
static char directories[2][TEST_PATH_BYTES + 16];
static struct segment_signer signer;
static struct segment_verifier verifier;
static struct snapshot_store *store;
static struct random random_numbers;
static uint8_t *content; /* LARGE bytes. */

static struct snapshot_store_options options_of(uint32_t site)
{
    return (struct snapshot_store_options){.directory = directories[site],
                                           .cluster_id = CLUSTER,
                                           .signer = &signer,
                                           .verifiers = &verifier,
                                           .verifier_count = 1};
}

static int set_up(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    test_seed(&random_numbers);
    assert_int_equal(crypto_sign_keypair(verifier.public_key, signer.secret_key), 0);
    segment_key_id(verifier.key_id, verifier.public_key);
    memcpy(signer.key_id, verifier.key_id, sizeof signer.key_id);
    test_paths_make(root, "snapshot_store");
    for (uint32_t site = 0; site < 2; site++) {
        (void)snprintf(directories[site], sizeof directories[site], "%s/site-%u", root, site);
    }
    content = malloc(LARGE);
    assert_non_null(content);
    for (size_t i = 0; i < LARGE; i++) {
        content[i] = (uint8_t)random_u64(&random_numbers);
    }
    struct snapshot_store_options options = options_of(0);
    assert_int_equal(snapshot_store_open(&store, &options), STATUS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    snapshot_store_close(store);
    free(content);
    test_paths_remove(root);
    return 0;
}

static struct snapshot_manifest facts_of(uint64_t log_index)
{
    return (struct snapshot_manifest){
        .shard_id = 1,
        .position = {.log_index = log_index, .term = 2, .chain_hash = {(uint8_t)log_index}},
        .next_command_sequence = 10 * log_index,
        .last_timestamp_ns = 5,
        .event_hash = 6,
        .membership = {.bytes_count = 3, .bytes = "abc"},
    };
}

/* A part of `engine` bytes and one of `streams` bytes of the content. */
static enum status write_parts(struct snapshot_store *target, uint64_t log_index, size_t engine,
                               size_t streams)
{
    struct snapshot_manifest facts = facts_of(log_index);
    enum status status = snapshot_store_write_begin(target, &facts);
    const struct {
        const char *name;
        size_t bytes;
    } parts[] = {{"engine", engine}, {"streams", streams}};
    for (uint32_t i = 0; i < 2 && status == STATUS_OK; i++) {
        status = snapshot_store_write_part(target, parts[i].name);
        size_t done = 0;
        while (status == STATUS_OK && done < parts[i].bytes) {
            size_t piece = 1 + random_below(&random_numbers, 3 * CHUNK / 2);
            piece = piece < parts[i].bytes - done ? piece : parts[i].bytes - done;
            status = snapshot_store_write(target, content + done, piece);
            done += piece;
        }
    }
    return status == STATUS_OK ? snapshot_store_write_commit(target) : status;
}

static struct snapshot_source *open_source(struct snapshot_store *target, uint64_t log_index)
{
    struct snapshot_source *source = NULL;
    assert_int_equal(snapshot_store_source(target, 1, log_index, &source), STATUS_OK);
    assert_non_null(source);
    return source;
}

static void check_content(struct snapshot_store *target, uint64_t log_index, size_t engine,
                          size_t streams)
{
    struct snapshot_source *source = open_source(target, log_index);
    const struct snapshot_manifest *manifest = snapshot_store_source_manifest(source);
    assert_int_equal(manifest->next_command_sequence, 10 * log_index);
    assert_int_equal(manifest->part_count, 2);
    assert_string_equal(manifest->parts[0].name, "engine");
    assert_int_equal(manifest->parts[0].bytes, engine);
    assert_string_equal(manifest->parts[1].name, "streams");
    assert_int_equal(manifest->parts[1].bytes, streams);
    uint8_t *chunk = malloc(CHUNK);
    assert_non_null(chunk);
    for (uint32_t i = 0; i < snapshot_manifest_chunks_all(manifest); i++) {
        struct snapshot_chunk place;
        uint32_t bytes = 0;
        snapshot_manifest_chunk(manifest, i, &place);
        assert_int_equal(snapshot_store_source_chunk(source, i, chunk, &bytes), STATUS_OK);
        assert_int_equal(bytes, place.bytes);
        assert_memory_equal(chunk, content + place.offset, bytes);
    }
    free(chunk);
    snapshot_store_source_close(source);
}

static void test_written_and_read(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {{0, 0},         {1, 0},     {CHUNK - 1, 1}, {CHUNK, CHUNK},
                                      {CHUNK + 1, 5}, {LARGE, 9}, {7, LARGE}};
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    assert_int_equal(snapshot_store_list(store, 1, log_indexes), 0);
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(write_parts(store, 10 + i, sizes[i][0], sizes[i][1]), STATUS_OK);
        check_content(store, 10 + i, sizes[i][0], sizes[i][1]);
    }
    assert_int_equal(snapshot_store_list(store, 1, log_indexes), 7);
    assert_int_equal(log_indexes[0], 16);
    assert_int_equal(log_indexes[6], 10);
    assert_int_equal(snapshot_store_list(store, 2, log_indexes), 0);
    assert_int_equal(write_parts(store, 12, 1, 1), STATUS_EXISTS);
    check_content(store, 12, CHUNK - 1, 1);
    /* Another process finds the same. */
    struct snapshot_store *other = NULL;
    struct snapshot_store_options options = options_of(0);
    assert_int_equal(snapshot_store_open(&other, &options), STATUS_OK);
    check_content(other, 15, LARGE, 9);
    snapshot_store_close(other);
    struct snapshot_source *source = NULL;
    assert_int_equal(snapshot_store_source(store, 1, 99, &source), STATUS_NOT_FOUND);
    assert_null(source);
}

/* Equal bytes have equal roots, whoever signs them. */
static void test_roots_are_of_the_bytes(void **state)
{
    (void)state;
    assert_int_equal(write_parts(store, 10, LARGE, 5), STATUS_OK);
    assert_int_equal(write_parts(store, 11, LARGE, 6), STATUS_OK);
    struct snapshot_source *one = open_source(store, 10);
    struct snapshot_source *other = open_source(store, 11);
    const struct snapshot_part *parts = snapshot_store_source_manifest(one)->parts;
    const struct snapshot_part *others = snapshot_store_source_manifest(other)->parts;
    assert_memory_equal(parts[0].root, others[0].root, sizeof parts[0].root);
    assert_memory_not_equal(parts[1].root, others[1].root, sizeof parts[1].root);
    snapshot_store_source_close(one);
    snapshot_store_source_close(other);
}

/* Nothing is there before the commit, and nothing stays of what was not committed. */
static void test_half_written(void **state)
{
    (void)state;
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    struct snapshot_manifest facts = facts_of(20);
    assert_int_equal(snapshot_store_write_begin(store, &facts), STATUS_OK);
    assert_int_equal(snapshot_store_write_part(store, "engine"), STATUS_OK);
    assert_int_equal(snapshot_store_write(store, content, LARGE), STATUS_OK);
    assert_int_equal(snapshot_store_list(store, 1, log_indexes), 0);
    char path[JOURNAL_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/new-1-00000000000000000020", directories[0]);
    assert_true(journal_file_exists(path));
    /* One that only reads and fetches, on the same directory, leaves it alone. */
    struct snapshot_store *other = NULL;
    struct snapshot_store_options options = options_of(0);
    options.signer = NULL;
    assert_int_equal(snapshot_store_open(&other, &options), STATUS_OK);
    assert_true(journal_file_exists(path));
    snapshot_store_close(other);
    /* As after a crash: another process cleans up. */
    options = options_of(0);
    assert_int_equal(snapshot_store_open(&other, &options), STATUS_OK);
    assert_false(journal_file_exists(path));
    snapshot_store_close(other);
    snapshot_store_write_abandon(store);
    assert_int_equal(write_parts(store, 20, 100, 100), STATUS_OK);
    check_content(store, 20, 100, 100);
}

static void test_kept(void **state)
{
    (void)state;
    uint64_t oldest = 1;
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    assert_int_equal(write_parts(store, 5, 10, 10), STATUS_OK);
    assert_int_equal(snapshot_store_keep(store, 1, 2, 12, 0, &oldest), STATUS_OK);
    assert_int_equal(oldest, 0); /* One is not two. */
    for (uint64_t log_index = 6; log_index < 11; log_index++) {
        assert_int_equal(write_parts(store, log_index, 10, 10), STATUS_OK);
    }
    assert_int_equal(snapshot_store_keep(store, 1, 2, 12, 7, &oldest), STATUS_OK);
    assert_int_equal(oldest, 9);
    assert_int_equal(snapshot_store_list(store, 1, log_indexes), 3);
    assert_int_equal(log_indexes[0], 10);
    assert_int_equal(log_indexes[1], 9);
    assert_int_equal(log_indexes[2], 7); /* Spared. */
    assert_int_equal(snapshot_store_keep(store, 1, 2, 12, 0, &oldest), STATUS_OK);
    assert_int_equal(snapshot_store_list(store, 1, log_indexes), 2);
    /* A damaged one does not count: the good ones stay. */
    char path[JOURNAL_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/1-00000000000000000010/engine.part", directories[0]);
    assert_int_equal(truncate(path, 9), 0);
    assert_int_equal(write_parts(store, 12, 10, 10), STATUS_OK);
    assert_int_equal(snapshot_store_keep(store, 1, 2, 12, 0, &oldest), STATUS_OK);
    assert_int_equal(oldest, 9);
    assert_int_equal(snapshot_store_list(store, 1, log_indexes), 3);
    /* One that was fetched and is not installed yet does not count, nor does it go. */
    assert_int_equal(write_parts(store, 20, 10, 10), STATUS_OK);
    assert_int_equal(write_parts(store, 13, 10, 10), STATUS_OK);
    assert_int_equal(snapshot_store_keep(store, 1, 2, 13, 0, &oldest), STATUS_OK);
    assert_int_equal(oldest, 12);
    assert_int_equal(snapshot_store_list(store, 1, log_indexes), 3);
    assert_int_equal(log_indexes[0], 20);
    assert_int_equal(log_indexes[2], 12);
}

static void test_set_aside(void **state)
{
    (void)state;
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    char path[JOURNAL_PATH_BYTES];
    uint32_t removed = 1;
    assert_int_equal(write_parts(store, 5, 10, 10), STATUS_OK);
    assert_int_equal(write_parts(store, 6, 10, 10), STATUS_OK);
    struct snapshot_source *source = open_source(store, 6);
    assert_int_equal(snapshot_store_set_aside(store, 1, 6, &removed), STATUS_OK);
    assert_int_equal(snapshot_store_list(store, 1, log_indexes), 1);
    assert_int_equal(log_indexes[0], 5);
    (void)snprintf(path, sizeof path, "%s/bad-1-00000000000000000006/engine.part", directories[0]);
    assert_true(journal_file_exists(path));
    /* Who has it open reads on. */
    uint32_t bytes = 0;
    uint8_t *chunk = malloc(CHUNK);
    assert_non_null(chunk);
    assert_int_equal(snapshot_store_source_chunk(source, 0, chunk, &bytes), STATUS_OK);
    free(chunk);
    snapshot_store_source_close(source);
    /* Its place is free, and may go bad again. */
    assert_int_equal(write_parts(store, 6, 20, 20), STATUS_OK);
    assert_int_equal(snapshot_store_set_aside(store, 1, 6, &removed), STATUS_OK);
    assert_int_equal(removed, 0); /* The one of before has no room of its own. */
    assert_int_equal(snapshot_store_set_aside(store, 1, 6, &removed), STATUS_NOT_FOUND);
    assert_int_equal(snapshot_store_list(store, 1, log_indexes), 1);
}

static bool is_kept(uint16_t shard_id, uint64_t log_index)
{
    char path[JOURNAL_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/bad-%u-%020" PRIu64, directories[0], shard_id, log_index);
    return journal_file_exists(path);
}

/* Evidence is bounded: the last one set aside and the newest others stay, however many there were;
 * other shards' are their own. */
static void test_evidence_is_bounded(void **state)
{
    (void)state;
    char path[JOURNAL_PATH_BYTES];
    uint32_t removed = 1;
    uint64_t last = 0;
    for (uint64_t log_index = 10; log_index < 10 + SNAPSHOT_BAD_KEPT; log_index++) {
        assert_int_equal(write_parts(store, log_index, 10, 10), STATUS_OK);
        assert_int_equal(snapshot_store_set_aside(store, 1, log_index, &removed), STATUS_OK);
        assert_int_equal(removed, 0);
        last = log_index;
    }
    /* An older one than all of them. */
    assert_int_equal(write_parts(store, 5, 10, 10), STATUS_OK);
    assert_int_equal(snapshot_store_set_aside(store, 1, 5, &removed), STATUS_OK);
    assert_int_equal(removed, 1);
    assert_true(is_kept(1, 5));
    assert_false(is_kept(1, 10));
    for (uint64_t log_index = 11; log_index <= last; log_index++) {
        assert_true(is_kept(1, log_index));
    }
    /* From a time without a bound: more than a look sees. */
    for (uint64_t log_index = 100; log_index < 140; log_index++) {
        (void)snprintf(path, sizeof path, "%s/bad-1-%020" PRIu64, directories[0], log_index);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    (void)snprintf(path, sizeof path, "%s/bad-2-%020" PRIu64, directories[0], UINT64_C(7));
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(write_parts(store, 30, 10, 10), STATUS_OK);
    assert_int_equal(snapshot_store_set_aside(store, 1, 30, &removed), STATUS_OK);
    assert_int_equal(removed, 40 + SNAPSHOT_BAD_KEPT + 1 - SNAPSHOT_BAD_KEPT);
    assert_true(is_kept(1, 30));
    assert_true(is_kept(1, 139) && is_kept(1, 138) && is_kept(1, 137));
    assert_false(is_kept(1, 136) || is_kept(1, last) || is_kept(1, 5));
    assert_true(is_kept(2, 7));
}

/* Change a byte of a file of the snapshot at log index 30; -1: cut it by one byte. */
static void spoil(const char *name, long at)
{
    char path[JOURNAL_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/1-00000000000000000030/%s", directories[0], name);
    struct stat found;
    assert_int_equal(stat(path, &found), 0);
    if (at < 0) {
        assert_int_equal(truncate(path, found.st_size - 1), 0);
        return;
    }
    int file = open(path, O_RDWR | O_CLOEXEC);
    uint8_t byte = 0;
    assert_int_equal(pread(file, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(file, &byte, 1, at), 1);
    assert_int_equal(close(file), 0);
}

static void check_refused(enum status status, const char *sentence)
{
    struct snapshot_source *source = NULL;
    assert_int_equal(snapshot_store_source(store, 1, 30, &source), status);
    assert_null(source);
    assert_non_null(strstr(snapshot_store_error(store), sentence));
}

static void test_damage_is_named(void **state)
{
    (void)state;
    assert_int_equal(write_parts(store, 30, LARGE, 10), STATUS_OK);
    spoil("manifest", 40);
    check_refused(STATUS_BAD_SIGNATURE, "not signed");
    spoil("manifest", 40);
    spoil("manifest", 2410);
    check_refused(STATUS_BAD_SIGNATURE, "not signed");
    spoil("manifest", 2410);
    spoil("manifest", 2500);
    check_refused(STATUS_DAMAGED, "damaged");
    spoil("manifest", 2500);
    spoil("manifest", 2402);
    check_refused(STATUS_UNKNOWN_KEY, "not signed");
    spoil("manifest", 2402);
    spoil("manifest", 17);
    check_refused(STATUS_FOREIGN, "another cluster");
    spoil("manifest", 17);
    spoil("manifest", 5);
    check_refused(STATUS_BAD_VERSION, "another version");
    spoil("manifest", 5);
    check_content(store, 30, LARGE, 10);
    spoil("engine.part", (long)CHUNK + 5);
    struct snapshot_source *source = open_source(store, 30);
    uint8_t *chunk = malloc(CHUNK);
    uint32_t bytes = 0;
    assert_int_equal(snapshot_store_source_chunk(source, 0, chunk, &bytes), STATUS_OK);
    assert_int_equal(snapshot_store_source_chunk(source, 1, chunk, &bytes), STATUS_DAMAGED);
    assert_int_equal(snapshot_store_source_chunk(source, 2, chunk, &bytes), STATUS_OK);
    free(chunk);
    snapshot_store_source_close(source);
    spoil("engine.part", -1);
    check_refused(STATUS_DAMAGED, "damaged");
    spoil("manifest", -1);
    check_refused(STATUS_DAMAGED, "damaged");
    char path[JOURNAL_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/1-00000000000000000030/manifest", directories[0]);
    assert_int_equal(unlink(path), 0);
    check_refused(STATUS_DAMAGED, "damaged");
}

/* A whole one under the name of another place is not that. */
static void test_moved_to_another_name(void **state)
{
    (void)state;
    assert_int_equal(write_parts(store, 31, 10, 10), STATUS_OK);
    char from[JOURNAL_PATH_BYTES];
    char to[JOURNAL_PATH_BYTES];
    (void)snprintf(from, sizeof from, "%s/1-00000000000000000031", directories[0]);
    (void)snprintf(to, sizeof to, "%s/1-00000000000000000030", directories[0]);
    assert_int_equal(rename(from, to), 0);
    check_refused(STATUS_DAMAGED, "damaged");
    (void)snprintf(from, sizeof from, "%s/2-00000000000000000031", directories[0]);
    assert_int_equal(rename(to, from), 0);
    struct snapshot_source *source = NULL;
    assert_int_equal(snapshot_store_source(store, 2, 31, &source), STATUS_FOREIGN);
}

/* A disk without room at every point of writing: named, and nothing appears. */
static void test_no_space(void **state)
{
    (void)state;
    struct rlimit before;
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    static const rlim_t limits[] = {0, 100, CHUNK, CHUNK + 100, 3 * CHUNK};
    for (uint32_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct rlimit small = {.rlim_cur = limits[i], .rlim_max = before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        enum status status = write_parts(store, 40, LARGE, 10);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, STATUS_NO_SPACE);
        assert_non_null(strstr(snapshot_store_error(store), "free space"));
        snapshot_store_write_abandon(store);
        assert_int_equal(snapshot_store_list(store, 1, log_indexes), 0);
    }
    /* The manifest is the last file. */
    struct rlimit small = {.rlim_cur = 1000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum status status = write_parts(store, 40, 1000, 1000);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_NO_SPACE);
    snapshot_store_write_abandon(store);
    assert_int_equal(snapshot_store_list(store, 1, log_indexes), 0);
    assert_int_equal(write_parts(store, 40, LARGE, 10), STATUS_OK);
}

static void test_places_that_cannot_be(void **state)
{
    (void)state;
    struct snapshot_store *other = NULL;
    struct snapshot_store_options options = options_of(0);
    char path[TEST_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/nowhere/snapshots", root);
    options.directory = path;
    assert_int_equal(snapshot_store_open(&other, &options), STATUS_NOT_FOUND);
    assert_non_null(strstr(snapshot_store_error(other), "nowhere"));
    snapshot_store_close(other);
    (void)snprintf(path, sizeof path, "%s/file", root);
    assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(snapshot_store_open(&other, &options), STATUS_NOT_FOUND);
    snapshot_store_close(other);
    char *endless = malloc(2000);
    assert_non_null(endless);
    memset(endless, 'x', 1999);
    endless[1999] = '\0';
    options.directory = endless;
    assert_int_equal(snapshot_store_open(&other, &options), STATUS_BAD_ARGUMENT);
    snapshot_store_close(other);
    free(endless);
    /* The directory goes while the store is open. */
    test_paths_remove(directories[0]);
    assert_int_equal(write_parts(store, 1, 1, 1), STATUS_NOT_FOUND);
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    assert_int_equal(snapshot_store_list(store, 1, log_indexes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_written_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_roots_are_of_the_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_half_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_set_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_evidence_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_is_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_moved_to_another_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_space, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_places_that_cannot_be, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
