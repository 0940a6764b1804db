#include "replication/store_env.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/journal_fixture.h"

#define RING_BYTES  (WAL_BYTES_MIN - WAL_HEADER_BYTES)
#define STORE_BYTES (UINT64_C(64) << 20)

static char directory[TEST_PATH_BYTES];
static char path[JOURNAL_PATH_BYTES];
static struct journal_error error;
static struct store_env env;
static struct store_facts facts;
static MDB_txn *txn;

static int setup(void **state)
{
    (void)state;
    uint8_t incarnation[WAL_KEY_BYTES];
    test_paths_make(directory, "store_env");
    memset(incarnation, 0x42, sizeof incarnation);
    store_facts_init(&facts, incarnation);
    if (journal_file_path(path, directory, STORE_ENV_NAME, &error) != STATUS_OK) {
        return -1;
    }
    return store_env_create(path, STORE_BYTES, RING_BYTES, &facts, &error) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    store_env_close(&env);
    test_paths_remove(directory);
    return 0;
}

static void begin(unsigned flags)
{
    assert_int_equal(mdb_txn_begin(env.env, NULL, flags, &txn), 0);
}

static void test_created(void **state)
{
    (void)state;
    char lock[JOURNAL_PATH_BYTES];
    assert_int_equal(journal_file_path(lock, directory, STORE_ENV_NAME "-lock", &error), STATUS_OK);
    assert_false(journal_file_exists(lock)); /* Nothing that bears the temporary name remains. */
    for (int read_only = 0; read_only < 2; read_only++) {
        struct store_facts back;
        assert_int_equal(store_env_open(&env, path, STORE_BYTES, read_only != 0, &error),
                         STATUS_OK);
        unsigned flags;
        assert_int_equal(mdb_env_get_flags(env.env, &flags), 0);
        assert_int_equal(flags & (MDB_NOSYNC | MDB_NOMETASYNC | MDB_WRITEMAP | MDB_MAPASYNC), 0);
        begin(MDB_RDONLY);
        assert_int_equal(store_env_facts_load(&env, txn, &back, &error), STATUS_OK);
        mdb_txn_abort(txn);
        assert_true(back.commit_number == 1 && back.place.number == 0);
        assert_memory_equal(back.incarnation, facts.incarnation, WAL_KEY_BYTES);
        assert_true(back.states[SHARDS_MAX - 1].tail.first_log_index == 1);
        store_env_close(&env);
    }
}

static void test_facts(void **state)
{
    (void)state;
    struct store_facts back;
    assert_int_equal(store_env_open(&env, path, STORE_BYTES, false, &error), STATUS_OK);
    facts.commit_number = 77;
    facts.place.number = 5;
    facts.states[4].tail.term = 12;
    begin(0);
    assert_int_equal(store_env_facts_store(&env, txn, &facts, RING_BYTES), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    begin(MDB_RDONLY);
    assert_int_equal(store_env_facts_load(&env, txn, &back, &error), STATUS_OK);
    mdb_txn_abort(txn);
    assert_true(back.commit_number == 77 && back.place.number == 5);
    assert_true(back.states[4].tail.term == 12);

    /* One record changed, and one missing: named. */
    char name[] = "shard-5";
    char other[] = "something else";
    MDB_val key = {sizeof name - 1, name};
    MDB_val value = {sizeof other, other};
    begin(0);
    assert_int_equal(mdb_put(txn, env.facts, &key, &value, 0), 0);
    assert_int_equal(store_env_facts_load(&env, txn, &back, &error), STATUS_DAMAGED);
    assert_non_null(strstr(error.text, "\"shard-5\""));
    assert_int_equal(mdb_del(txn, env.facts, &key, NULL), 0);
    assert_int_equal(store_env_facts_load(&env, txn, &back, &error), STATUS_DAMAGED);
    mdb_txn_abort(txn);
}

static void test_entries(void **state)
{
    (void)state;
    static struct journal_fixture fixture;
    struct journal_tail tail;
    struct segment segment;
    uint64_t last_timestamp_ns;
    journal_fixture_init(&fixture);
    journal_tail_init(&tail);
    journal_fixture_seal(&fixture, 3, &tail, 1, 100, 1);
    uint8_t entry[STORE_ENV_ENTRY_BYTES + SEGMENT_HEADER_BYTES + 100];
    memcpy(entry + STORE_ENV_ENTRY_BYTES, fixture.bytes, SEGMENT_HEADER_BYTES + 100);
    store_env_entry_seal(entry, SEGMENT_HEADER_BYTES + 100, 987654321);
    MDB_val value = {sizeof entry, entry};
    assert_int_equal(store_env_entry_check(&value, 3, 1, &segment, &last_timestamp_ns), STATUS_OK);
    assert_true(last_timestamp_ns == 987654321);
    assert_true(segment.log_index == 1);
    /* Every bit, the signature's too, which no hash in the segment covers. */
    for (uint32_t bit = 0; bit < 8 * sizeof entry; bit++) {
        entry[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(store_env_entry_check(&value, 3, 1, &segment, &last_timestamp_ns),
                         STATUS_BAD_CHECKSUM);
        entry[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    /* A whole entry of another place: a page that came back. */
    assert_int_equal(store_env_entry_check(&value, 3, 2, &segment, &last_timestamp_ns),
                     STATUS_BAD_CHECKSUM);
    assert_int_equal(store_env_entry_check(&value, 2, 1, &segment, &last_timestamp_ns),
                     STATUS_BAD_CHECKSUM);
    for (value.mv_size = 0; value.mv_size < sizeof entry; value.mv_size++) {
        assert_int_equal(store_env_entry_check(&value, 3, 1, &segment, &last_timestamp_ns),
                         STATUS_BAD_CHECKSUM);
    }
    journal_fixture_free(&fixture);
}

static void test_bad_files(void **state)
{
    (void)state;
    assert_int_equal(truncate(path, 4096), 0);
    assert_int_equal(store_env_open(&env, path, STORE_BYTES, false, &error), STATUS_DAMAGED);
    assert_non_null(strstr(error.text, "cut off"));
    assert_int_equal(truncate(path, 0), 0); /* LMDB would make a new one of it. */
    assert_int_equal(store_env_open(&env, path, STORE_BYTES, false, &error), STATUS_DAMAGED);
    assert_int_equal(truncate(path, 65536), 0);
    assert_int_equal(store_env_open(&env, path, STORE_BYTES, false, &error), STATUS_DAMAGED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_env_open(&env, path, STORE_BYTES, false, &error), STATUS_NOT_FOUND);
    assert_false(journal_file_exists(path));
    assert_null(env.env);
}

static void test_failures(void **state)
{
    (void)state;
    assert_int_equal(store_env_open(&env, path, STORE_BYTES, false, &error), STATUS_OK);
    assert_int_equal(store_env_failed(&env, "write", MDB_MAP_FULL, &error), STATUS_NO_SPACE);
    assert_non_null(strstr(error.text, "store_bytes"));
    assert_int_equal(store_env_failed(&env, "write", ENOSPC, &error), STATUS_NO_SPACE);
    assert_non_null(strstr(error.text, path));
    assert_int_equal(store_env_failed(&env, "write", EIO, &error), STATUS_IO);
    assert_int_equal(store_env_failed(&env, "read", MDB_CORRUPTED, &error), STATUS_DAMAGED);
    assert_int_equal(store_env_failed(&env, "read", MDB_PAGE_NOTFOUND, &error), STATUS_DAMAGED);
    assert_int_equal(store_env_failed(&env, "open", MDB_VERSION_MISMATCH, &error),
                     STATUS_BAD_VERSION);
}

/* What is deleted counts as free again once the line has passed half of the map. */
static void test_used_bytes(void **state)
{
    (void)state;
    static uint8_t big[60000];
    size_t number = 1;
    MDB_val key = {sizeof number, &number};
    MDB_val value = {sizeof big, big};
    assert_int_equal(store_env_open(&env, path, STORE_BYTES, false, &error), STATUS_OK);
    uint64_t before = store_env_used_bytes(&env);
    assert_true(before < 1 << 20);
    begin(0);
    for (; number <= 800; number++) {
        assert_int_equal(mdb_put(txn, env.segments[0], &key, &value, MDB_APPEND), 0);
    }
    assert_int_equal(mdb_txn_commit(txn), 0);
    uint64_t full = store_env_used_bytes(&env);
    assert_true(full > 800 * sizeof big);
    begin(0);
    for (number = 1; number <= 700; number++) {
        assert_int_equal(mdb_del(txn, env.segments[0], &key, NULL), 0);
    }
    assert_int_equal(mdb_txn_commit(txn), 0);
    assert_true(store_env_used_bytes(&env) < full / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_created, setup, teardown),
        cmocka_unit_test_setup_teardown(test_facts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_entries, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
        cmocka_unit_test_setup_teardown(test_used_bytes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
