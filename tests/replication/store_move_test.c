#include "replication/store_move.h"

#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/store_fixture.h"

/* Transactions one by one, without the thread. */
static struct store_fixture fixture;
static struct store_env env;
static struct store_head head;
static struct store_head_facts remembered;
static struct store_move move;
static struct journal_error error;
static char env_path[JOURNAL_PATH_BYTES];
static char head_path[JOURNAL_PATH_BYTES];

static void open_move(void)
{
    MDB_txn *txn;
    assert_int_equal(store_head_open(&head, &remembered, head_path, true, &error), STATUS_OK);
    assert_int_equal(store_env_open(&env, env_path, fixture.id.store_bytes, false, &error),
                     STATUS_OK);
    assert_int_equal(mdb_txn_begin(env.env, NULL, MDB_RDONLY, &txn), 0);
    move = (struct store_move){
        .env = &env, .head = &head, .image = &fixture.wal.image, .room_bytes = UINT64_MAX};
    assert_int_equal(store_env_facts_load(&env, txn, &move.facts, &error), STATUS_OK);
    mdb_txn_abort(txn);
}

static void close_move(void)
{
    store_env_close(&env);
    store_head_close(&head);
}

static int setup(void **state)
{
    (void)state;
    store_fixture_make(&fixture, "store_move");
    assert_int_equal(journal_file_path(env_path, fixture.base.directory, STORE_ENV_NAME, &error),
                     STATUS_OK);
    assert_int_equal(journal_file_path(head_path, fixture.base.directory, STORE_HEAD_NAME, &error),
                     STATUS_OK);
    /* The fixture's ring begins behind an empty store. */
    assert_int_equal(store_fixture_open(&fixture), STATUS_OK);
    struct wal_place place = fixture.store->place;
    memcpy(fixture.states, fixture.store->states, sizeof fixture.states);
    store_close(fixture.store);
    fixture.store = NULL;
    assert_int_equal(wal_open(&fixture.wal, fixture.io, "ring", WAL_BYTES_MIN,
                              fixture.id.incarnation, 1, JOURNAL_FIXTURE_TOKEN, NULL, &error),
                     STATUS_OK);
    assert_int_equal(wal_start(&fixture.wal, &place, &error), STATUS_OK);
    open_move();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close_move();
    store_fixture_free(&fixture);
    return 0;
}

static void commit(void)
{
    assert_int_equal(store_move_commit(&move, fixture.wal.persisted_position, &error), STATUS_OK);
}

static uint64_t count_entries(uint16_t shard_id)
{
    MDB_txn *txn;
    MDB_stat found;
    assert_int_equal(mdb_txn_begin(env.env, NULL, MDB_RDONLY, &txn), 0);
    assert_int_equal(mdb_stat(txn, env.segments[shard_id - 1], &found), 0);
    mdb_txn_abort(txn);
    return found.ms_entries;
}

/* Each commit takes in a bounded piece, and is whole: facts, segments and head pointer. */
static void test_bounded(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 30; i++) {
        store_fixture_segment(&fixture, 1, 200000, i);
        (void)store_fixture_frame(&fixture);
    }
    uint64_t commits = 0;
    while (move.facts.place.position < fixture.wal.persisted_position) {
        uint64_t before = move.facts.place.position;
        commit();
        commits++;
        uint64_t bytes = move.facts.place.position - before;
        assert_true(bytes > 0);
        assert_true(bytes <= fixture.id.store_bytes / 64 + 204800);
        assert_true(move.facts.commit_number == 1 + commits);
        uint64_t last = move.facts.states[0].tail.last_log_index;
        assert_true(count_entries(1) == last);
        close_move();
        open_move();
        assert_true(move.facts.commit_number == 1 + commits);
        assert_true(remembered.commit_number == 1 + commits);
        assert_true(remembered.frame_number == move.facts.place.number);
        assert_true(move.facts.states[0].tail.last_log_index == last);
    }
    assert_true(commits >= 5);
}

static void test_room(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 10; i++) {
        store_fixture_segment(&fixture, 1, 7000, i); /* Frames of 8 KiB. */
        (void)store_fixture_frame(&fixture);
    }
    commit(); /* The first frame, of 4 KiB, and all others. */
    assert_true(move.facts.states[0].tail.last_log_index == 10);
    for (uint64_t i = 11; i <= 20; i++) {
        store_fixture_segment(&fixture, 1, 7000, i);
        (void)store_fixture_frame(&fixture);
    }
    assert_int_equal(store_move_next_bytes(&move), 8192);
    move.room_bytes = 3 * 8192 + 8191;
    commit();
    assert_true(move.facts.states[0].tail.last_log_index == 13);
    move.room_bytes = 8191;
    commit();
    assert_true(move.facts.states[0].tail.last_log_index == 13);
}

/* Trimming is spread over commits, never a long pause. */
static void test_trim_steps(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 300; i++) {
        store_fixture_segment(&fixture, 2, 40, i);
        if (i % 50 == 0) {
            (void)store_fixture_frame(&fixture);
        }
    }
    commit();
    assert_true(count_entries(2) == 300);
    move.trim_log_index[1] = 251;
    for (uint64_t left = 300; left > 50;) {
        commit();
        assert_true(move.facts.states[1].tail.first_log_index == 251);
        uint64_t expected = left - 50 > STORE_MOVE_TRIM_MAX ? left - STORE_MOVE_TRIM_MAX : 50;
        left = count_entries(2);
        assert_true(left == expected);
        assert_int_equal(move.trimming, left > 50);
    }
    move.trim_log_index[1] = 1000; /* More than there is: all but no more. */
    while (count_entries(2) > 0) {
        commit();
    }
    assert_true(move.facts.states[1].tail.first_log_index == 301);
    store_fixture_segment(&fixture, 2, 40, 301);
    (void)store_fixture_frame(&fixture);
    commit();
    assert_true(move.facts.states[1].tail.last_log_index == 301);
}

/* A store that is behind is trimmed for the sake of segments that it has not yet: beyond where the
 * log was cut before them. */
static void test_trimmed_beyond_a_cut(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 20; i++) {
        store_fixture_segment(&fixture, 2, 40, 1);
    }
    uint64_t before = store_fixture_frame(&fixture);
    struct journal_tail none = {.first_log_index = 1, .next_command_sequence = 1};
    store_fixture_cut(&fixture, 2, &none);
    for (uint64_t i = 1; i <= 15; i++) {
        store_fixture_segment(&fixture, 2, 40, 2);
    }
    (void)store_fixture_frame(&fixture);
    assert_int_equal(store_move_commit(&move, before, &error), STATUS_OK);
    assert_true(move.facts.states[1].tail.last_log_index == 20);
    move.trim_log_index[1] = 13;
    assert_int_equal(store_move_commit(&move, before, &error), STATUS_OK);
    assert_true(move.facts.states[1].tail.first_log_index == 13);
    close_move();
    open_move(); /* The process begins anew just then. */
    assert_true(move.facts.states[1].tail.first_log_index == 13);
    commit();
    assert_true(move.facts.states[1].tail.first_log_index == 1);
    assert_true(move.facts.states[1].tail.last_log_index == 15);
    assert_true(count_entries(2) == 15);
    move.trim_log_index[1] = 13;
    commit();
    assert_true(move.facts.states[1].tail.first_log_index == 13);
    assert_true(count_entries(2) == 3);
}

/* What a snapshot stands for goes later; what is above it at once. */
static void test_base_is_trimmed_later(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 200; i++) {
        store_fixture_segment(&fixture, 2, 40, i);
    }
    store_fixture_base(&fixture, 2, 190);
    (void)store_fixture_frame(&fixture);
    commit();
    assert_true(count_entries(2) == 190 - STORE_MOVE_TRIM_MAX);
    assert_true(move.trimming);
    commit();
    commit();
    assert_true(count_entries(2) == 0);
    assert_false(move.trimming);
}

/* Records that contradict what is there: nothing is committed. */
static void test_contradiction(void **state)
{
    (void)state;
    store_fixture_segment(&fixture, 1, 100, 1);
    (void)store_fixture_frame(&fixture);
    commit();
    uint64_t commits = move.facts.commit_number;
    store_fixture_segment(&fixture, 1, 100, 2);
    store_fixture_segment(&fixture, 1, 100, 3);
    uint64_t end = store_fixture_frame(&fixture);
    uint8_t *frame = fixture.wal.file + WAL_HEADER_BYTES + end - WAL_ALIGNMENT_BYTES;
    uint8_t *second = frame + WAL_FRAME_HEADER_BYTES + WAL_RECORD_HEADER_BYTES +
                      SEGMENT_HEADER_BYTES + 104 + WAL_RECORD_HEADER_BYTES;
    assert_memory_equal(second, "CWSG", 4);
    second[32]++; /* Its log index. */
    assert_int_equal(store_move_commit(&move, end, &error), STATUS_DAMAGED);
    assert_true(move.facts.commit_number == commits);
    close_move();
    open_move();
    assert_true(move.facts.commit_number == commits);
    assert_true(count_entries(1) == 1);
}

static void test_head_cannot_be_written(void **state)
{
    (void)state;
    store_head_close(&head);
    assert_int_equal(store_head_open(&head, &remembered, head_path, false, &error), STATUS_OK);
    store_fixture_segment(&fixture, 1, 100, 1);
    uint64_t end = store_fixture_frame(&fixture);
    assert_int_not_equal(store_move_commit(&move, end, &error), STATUS_OK);
    assert_non_null(strstr(error.text, STORE_HEAD_NAME));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trim_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trimmed_beyond_a_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base_is_trimmed_later, setup, teardown),
        cmocka_unit_test_setup_teardown(test_contradiction, setup, teardown),
        cmocka_unit_test_setup_teardown(test_head_cannot_be_written, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
