#include "replication/store.h"

#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/store_fixture.h"
#include "tests/support/store_memory.h"

/* What every store must do, the real one and the one in memory: the same tests for both. */
static struct store_fixture fixture;

static void check_states(const struct store *store)
{
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        uint8_t found[JOURNAL_TAIL_BYTES];
        uint8_t expected[JOURNAL_TAIL_BYTES];
        journal_tail_store(found, &store->states[i].tail);
        journal_tail_store(expected, &fixture.states[i].tail);
        assert_memory_equal(found, expected, sizeof found);
        assert_true(store->states[i].base.last_log_index == fixture.states[i].base.last_log_index);
    }
}

/* The store again as a new process finds it; without a ring, only to be read. */
static void reopen(void)
{
    struct store *kept = NULL;
    if (fixture.base.directory[0] == 0) {
        kept = store_memory_clone(fixture.store);
    }
    store_fixture_close(&fixture);
    if (kept != NULL) {
        fixture.store = kept;
    } else {
        assert_int_equal(store_fixture_open(&fixture), STATUS_OK);
    }
}

static void begin(void **state)
{
    store_fixture_make(&fixture, *state);
    assert_int_equal(store_fixture_open(&fixture), STATUS_OK);
    store_fixture_start(&fixture);
}

static void test_takes_in(void **state)
{
    begin(state);
    for (uint64_t i = 1; i <= 30; i++) {
        store_fixture_segment(&fixture, 1, (uint32_t)(i * 90), i);
        store_fixture_segment(&fixture, 8, 20000, i);
        store_fixture_vote(&fixture, 3, i);
        (void)store_fixture_frame(&fixture);
        if (i % 7 == 0) {
            assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
        }
    }
    assert_int_equal(store_fixture_read(&fixture, 1, 29), STATUS_NOT_FOUND); /* Not published. */
    assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
    struct wal_place place = fixture.wal.closed;
    for (int turn = 0; turn < 2; turn++) {
        for (uint64_t i = 1; i <= 30; i++) {
            store_fixture_check(&fixture, 1, i, (uint32_t)(i * 90), i);
            store_fixture_check(&fixture, 8, i, 20000, i);
        }
        assert_int_equal(store_fixture_read(&fixture, 1, 31), STATUS_NOT_FOUND);
        assert_int_equal(store_fixture_read(&fixture, 2, 1), STATUS_NOT_FOUND);
        reopen();
        check_states(fixture.store);
        assert_true(fixture.store->place.number == place.number);
        assert_memory_equal(fixture.store->place.hash, place.hash, WAL_HASH_BYTES);
        assert_memory_equal(fixture.store->place.start_nonce, place.start_nonce, WAL_NONCE_BYTES);
        assert_true(fixture.store->place.position ==
                    place.position % (WAL_BYTES_MIN - WAL_HEADER_BYTES));
    }
    store_fixture_free(&fixture);
}

static void test_short_target(void **state)
{
    begin(state);
    store_fixture_segment(&fixture, 1, 500, 1);
    (void)store_fixture_frame(&fixture);
    assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
    uint8_t target[SEGMENT_HEADER_BYTES + 500];
    size_t bytes = 0;
    uint64_t last_timestamp_ns;
    assert_int_equal(store_read(fixture.store, 1, 1, target, sizeof target - 1, &bytes,
                                &last_timestamp_ns),
                     STATUS_SHORT);
    assert_int_equal(bytes, sizeof target);
    assert_int_equal(store_read(fixture.store, 1, 1, target, sizeof target, &bytes,
                                &last_timestamp_ns),
                     STATUS_OK);
    store_fixture_free(&fixture);
}

/* A tail that is cut and grows again otherwise: only the new segments are there. */
static void test_cut(void **state)
{
    begin(state);
    for (uint64_t i = 1; i <= 5; i++) {
        store_fixture_segment(&fixture, 2, 100, 1);
    }
    struct journal_tail five = fixture.states[1].tail;
    for (uint64_t i = 6; i <= 20; i++) {
        store_fixture_segment(&fixture, 2, 100, 1);
    }
    (void)store_fixture_frame(&fixture);
    assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
    store_fixture_cut(&fixture, 2, &five);
    store_fixture_segment(&fixture, 2, 300, 2);
    (void)store_fixture_frame(&fixture);
    assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
    for (int turn = 0; turn < 2; turn++) {
        store_fixture_check(&fixture, 2, 5, 100, 1);
        store_fixture_check(&fixture, 2, 6, 300, 2);
        assert_int_equal(store_fixture_read(&fixture, 2, 7), STATUS_NOT_FOUND);
        reopen();
        check_states(fixture.store);
    }
    store_fixture_free(&fixture);
}

static void test_base(void **state)
{
    begin(state);
    for (uint64_t i = 1; i <= 20; i++) {
        store_fixture_segment(&fixture, 2, 100, 1);
    }
    (void)store_fixture_frame(&fixture);
    store_fixture_base(&fixture, 2, 12); /* Below what is there: the rest is in the way. */
    store_fixture_segment(&fixture, 2, 200, 3);
    (void)store_fixture_frame(&fixture);
    assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
    store_fixture_check(&fixture, 2, 13, 200, 3);
    assert_int_equal(store_fixture_read(&fixture, 2, 14), STATUS_NOT_FOUND);
    store_fixture_base(&fixture, 2, 5000);
    store_fixture_segment(&fixture, 2, 200, 4);
    (void)store_fixture_frame(&fixture);
    assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
    store_fixture_check(&fixture, 2, 5001, 200, 4);
    reopen();
    check_states(fixture.store);
    store_fixture_check(&fixture, 2, 5001, 200, 4);
    store_fixture_free(&fixture);
}

static void test_trim(void **state)
{
    begin(state);
    for (uint64_t i = 1; i <= 400; i++) {
        store_fixture_segment(&fixture, 1, 100, i);
        if (i % 10 == 0) {
            (void)store_fixture_frame(&fixture);
        }
    }
    assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
    store_trim(fixture.store, 1, 301);
    /* A few in each transaction; each of these frames makes at least one. */
    for (uint64_t i = 1; i <= 20; i++) {
        store_fixture_vote(&fixture, 1, i);
        (void)store_fixture_frame(&fixture);
        assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
    }
    assert_int_equal(store_fixture_read(&fixture, 1, 1), STATUS_NOT_FOUND);
    assert_int_equal(store_fixture_read(&fixture, 1, 300), STATUS_NOT_FOUND);
    store_fixture_check(&fixture, 1, 301, 100, 301);
    store_trim(fixture.store, 1, 200); /* Never back. */
    store_fixture_vote(&fixture, 1, 21);
    (void)store_fixture_frame(&fixture);
    assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
    fixture.states[0].tail.first_log_index = 301;
    reopen();
    check_states(fixture.store);
    store_fixture_check(&fixture, 1, 400, 100, 400);
    store_fixture_free(&fixture);
}

/* Recovery: frames are taken in before the call returns. */
static void test_move(void **state)
{
    begin(state);
    for (uint64_t i = 1; i <= 50; i++) {
        store_fixture_segment(&fixture, 1, 5000, i);
        (void)store_fixture_frame(&fixture);
    }
    struct wal_place end = fixture.wal.closed;
    struct journal_state states[SHARDS_MAX];
    memcpy(states, fixture.states, sizeof states);
    /* The process dies: nothing was published. */
    reopen();
    assert_true(fixture.store->place.number == 0);
    assert_int_equal(wal_open(&fixture.wal, fixture.io, "ring", WAL_BYTES_MIN,
                              fixture.id.incarnation, 1, JOURNAL_FIXTURE_TOKEN, NULL,
                              &fixture.error),
                     STATUS_OK);
    assert_int_equal(store_move(fixture.store, &fixture.wal.image, end.position), STATUS_OK);
    assert_true(fixture.store->place.number == end.number);
    check_states(fixture.store);
    for (uint64_t i = 1; i <= 50; i++) {
        store_fixture_check(&fixture, 1, i, 5000, i);
    }
    store_fixture_free(&fixture);
}

int main(void)
{
    static char real[] = "store";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_takes_in, NULL),
        cmocka_unit_test_prestate(test_takes_in, real),
        cmocka_unit_test_prestate(test_short_target, NULL),
        cmocka_unit_test_prestate(test_short_target, real),
        cmocka_unit_test_prestate(test_cut, NULL),
        cmocka_unit_test_prestate(test_cut, real),
        cmocka_unit_test_prestate(test_base, NULL),
        cmocka_unit_test_prestate(test_base, real),
        cmocka_unit_test_prestate(test_trim, NULL),
        cmocka_unit_test_prestate(test_trim, real),
        cmocka_unit_test_prestate(test_move, NULL),
        cmocka_unit_test_prestate(test_move, real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
