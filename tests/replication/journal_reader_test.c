#include "replication/journal_reader.h"

#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/journal_fixture.h"

#define SEGMENTS_STORED  40u
#define SHARD_1_DATABASE "shard-1"

static struct journal_fixture fixture;

/* A journal of two shards, closed in good order: all of it is in the store. */
static int make(void **state)
{
    (void)state;
    journal_fixture_make(&fixture, "journal_reader");
    assert_int_equal(journal_fixture_open(&fixture), STATUS_OK);
    for (uint32_t i = 0; i < SEGMENTS_STORED; i++) {
        assert_int_equal(journal_fixture_append(&fixture, (uint16_t)(1 + i % 2), 100 + i, 7),
                         STATUS_OK);
        journal_fixture_persist(&fixture);
    }
    journal_fixture_close(&fixture);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    journal_fixture_free(&fixture);
    return 0;
}

static struct journal_reader_options wanted(void)
{
    return (struct journal_reader_options){.directory = fixture.options.directory,
                                           .cluster_id = JOURNAL_FIXTURE_CLUSTER,
                                           .verifiers = &fixture.verifier,
                                           .verifier_count = 1};
}

/* Read to the end or to the first thing wrong; counts what verified. */
static enum status read_all(const struct journal_reader_options *options, uint32_t *segments,
                            struct journal_error *error)
{
    struct journal_reader *reader = NULL;
    *segments = 0;
    enum status status = journal_reader_open(&reader, options, error);
    if (status != STATUS_OK) {
        assert_null(reader);
        return status;
    }
    for (;;) {
        struct journal_reader_segment found;
        status = journal_reader_next(reader, &found, error);
        if (status != STATUS_OK) {
            break;
        }
        (*segments)++;
        journal_fixture_check_bytes(found.bytes, segment_bytes(&found.segment), found.shard_id,
                                    found.segment.log_index,
                                    (uint32_t)segment_bytes(&found.segment) - SEGMENT_HEADER_BYTES,
                                    7);
    }
    journal_reader_close(reader);
    return status;
}

static void test_everything_is_there_and_verifies(void **state)
{
    (void)state;
    struct journal_reader_options options = wanted();
    struct journal_error error;
    struct journal_reader *reader = NULL;
    assert_int_equal(journal_reader_open(&reader, &options, &error), STATUS_OK);
    assert_string_equal(journal_reader_site(reader), JOURNAL_FIXTURE_SITE);
    struct journal_reader_segment found;
    uint64_t next[2] = {1, 1};
    enum status status;
    while ((status = journal_reader_next(reader, &found, &error)) == STATUS_OK) {
        assert_in_range(found.shard_id, 1, 2);
        assert_true(found.segment.log_index == next[found.shard_id - 1]++);
    }
    assert_int_equal(status, STATUS_NOT_FOUND);
    for (uint16_t shard_id = 1; shard_id <= 2; shard_id++) {
        const struct journal_tail *tail = journal_reader_tail(reader, shard_id);
        assert_true(tail->last_log_index == SEGMENTS_STORED / 2);
        assert_true(next[shard_id - 1] == SEGMENTS_STORED / 2 + 1);
    }
    journal_reader_close(reader);
}

static void test_a_journal_that_runs_is_in_use(void **state)
{
    (void)state;
    struct journal_reader_options options = wanted();
    struct journal_error error;
    uint32_t segments = 0;
    assert_int_equal(journal_fixture_open(&fixture), STATUS_OK);
    assert_int_equal(read_all(&options, &segments, &error), STATUS_IN_USE);
    journal_fixture_close(&fixture);
    assert_int_equal(read_all(&options, &segments, &error), STATUS_NOT_FOUND);
    assert_int_equal(segments, SEGMENTS_STORED);
}

static void test_keys_clusters_and_places_that_do_not_fit(void **state)
{
    (void)state;
    struct journal_error error;
    uint32_t segments = 0;
    struct journal_reader_options options = wanted();
    options.verifier_count = 0;
    assert_int_equal(read_all(&options, &segments, &error), STATUS_UNKNOWN_KEY);
    assert_int_equal(segments, 0);
    assert_non_null(strstr(error.text, "public key"));

    options = wanted();
    struct segment_verifier wrong = fixture.verifier;
    wrong.public_key[5] ^= 1;
    options.verifiers = &wrong;
    assert_int_equal(read_all(&options, &segments, &error), STATUS_BAD_SIGNATURE);
    assert_non_null(strstr(error.text, "log index 1 "));

    options = wanted();
    options.cluster_id++;
    assert_int_equal(read_all(&options, &segments, &error), STATUS_FOREIGN);
    options = wanted();
    options.directory = "/nowhere";
    assert_int_equal(read_all(&options, &segments, &error), STATUS_NOT_FOUND);
    assert_true(strlen(error.text) > 0);
}

/* Any byte of any segment in the store: changed, it is found, and the segments before it still
 * verify. */
static void test_every_damaged_segment_is_found(void **state)
{
    (void)state;
    static uint8_t store[1 << 22];
    char path[TEST_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/store.mdb", fixture.options.directory);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t bytes = pread(fd, store, sizeof store, 0);
    assert_true(bytes > 0);
    uint32_t damaged = 0;
    uint32_t found_count = 0;
    for (ssize_t at = 0; at + 308 < bytes; at++) {
        if (memcmp(store + at, "CWSG", 4) != 0) {
            continue;
        }
        ssize_t place = at + 4 + (ssize_t)(damaged * 37 % 300); /* Header and payload alike. */
        uint8_t byte = store[place] ^ 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, place), 1);
        struct journal_reader_options options = wanted();
        struct journal_error error;
        uint32_t segments = 0;
        enum status status = read_all(&options, &segments, &error);
        found_count += status != STATUS_NOT_FOUND;
        damaged++;
        assert_int_equal(pwrite(fd, store + place, 1, place), 1);
    }
    (void)close(fd);
    /* Pages that LMDB has given up still hold old copies: those are nobody's. */
    assert_true(damaged >= SEGMENTS_STORED);
    assert_true(found_count >= SEGMENTS_STORED);
    struct journal_reader_options options = wanted();
    struct journal_error error;
    uint32_t segments = 0;
    assert_int_equal(read_all(&options, &segments, &error), STATUS_NOT_FOUND);
    assert_int_equal(segments, SEGMENTS_STORED);
}

/* One journal more: shard 1 trimmed below this, then a segment more for both shards. */
static void trim_and_append(uint64_t first_log_index)
{
    assert_int_equal(journal_fixture_open(&fixture), STATUS_OK);
    assert_int_equal(journal_trim(fixture.journal, 1, first_log_index), STATUS_OK);
    for (uint16_t shard_id = 1; shard_id <= 2; shard_id++) {
        assert_int_equal(journal_fixture_append(&fixture, shard_id, 100, 7), STATUS_OK);
    }
    journal_fixture_persist(&fixture);
    journal_fixture_store(&fixture);
    journal_fixture_close(&fixture);
}

static void expect_first(uint64_t first_log_index, uint32_t segments_expected)
{
    struct journal_reader_options options = wanted();
    struct journal_error error;
    struct journal_reader *reader = NULL;
    struct journal_reader_segment found;
    uint32_t segments = 0;
    if (read_all(&options, &segments, &error) != STATUS_NOT_FOUND) {
        fail_msg("%s", error.text);
    }
    assert_int_equal(segments, segments_expected);
    assert_int_equal(journal_reader_open(&reader, &options, &error), STATUS_OK);
    assert_int_equal(journal_reader_next(reader, &found, &error), STATUS_OK);
    assert_int_equal(found.shard_id, 1);
    assert_true(found.segment.log_index == first_log_index);
    assert_true(journal_reader_tail(reader, 1)->first_log_index == first_log_index);
    journal_reader_close(reader);
    /* Its signature counts like any other. */
    options.verifier_count = 0;
    assert_int_equal(read_all(&options, &segments, &error), STATUS_UNKNOWN_KEY);
    assert_int_equal(segments, 0);
}

/* Take the oldest segment of shard 1 away, which nobody trimmed. */
static void lose_oldest(void)
{
    char path[TEST_PATH_BYTES + 32];
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi database = 0;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;
    (void)snprintf(path, sizeof path, "%s/store.mdb", fixture.options.directory);
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 64), 0);
    assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, SHARD_1_DATABASE, MDB_INTEGERKEY, &database), 0);
    assert_int_equal(mdb_cursor_open(txn, database, &cursor), 0);
    assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
    assert_int_equal(mdb_cursor_del(cursor, 0), 0);
    mdb_cursor_close(cursor);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

/* What lies before its oldest segment is not there to be checked; all that is there is. The last
 * test: the journal is not the same afterwards. */
static void test_a_trimmed_journal_verifies_from_its_oldest_segment(void **state)
{
    (void)state;
    const uint32_t each = SEGMENTS_STORED / 2;
    trim_and_append(11);
    expect_first(11, each - 10 + 1 + each + 1);
    trim_and_append(each + 2); /* All of it, and one more comes. */
    expect_first(each + 2, 1 + each + 2);
    assert_int_equal(journal_fixture_open(&fixture), STATUS_OK);
    assert_int_equal(journal_trim(fixture.journal, 1, each + 3), STATUS_OK);
    assert_int_equal(journal_fixture_append(&fixture, 2, 100, 7), STATUS_OK);
    journal_fixture_persist(&fixture);
    journal_fixture_store(&fixture);
    journal_fixture_close(&fixture);
    struct journal_reader_options options = wanted();
    struct journal_error error;
    uint32_t segments = 0;
    assert_int_equal(read_all(&options, &segments, &error), STATUS_NOT_FOUND);
    assert_int_equal(segments, each + 3); /* Nothing of shard 1, */
    trim_and_append(each + 3);            /* and it goes on there. */
    trim_and_append(each + 3);
    expect_first(each + 3, 2 + each + 5);
    lose_oldest();
    assert_int_equal(read_all(&options, &segments, &error), STATUS_BAD_CHAIN);
    assert_int_equal(segments, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_is_there_and_verifies),
        cmocka_unit_test(test_a_journal_that_runs_is_in_use),
        cmocka_unit_test(test_keys_clusters_and_places_that_do_not_fit),
        cmocka_unit_test(test_every_damaged_segment_is_found),
        cmocka_unit_test(test_a_trimmed_journal_verifies_from_its_oldest_segment),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
