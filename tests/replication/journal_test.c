#include "replication/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "replication/wal.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/io_memory.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/store_memory.h"

static struct journal_fixture fixture;

static int setup(void **state)
{
    (void)state;
    journal_fixture_make(&fixture, "journal");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    journal_fixture_free(&fixture);
    return 0;
}

static void open_journal(void)
{
    enum status status = journal_fixture_open(&fixture);
    if (status != STATUS_OK) {
        fail_msg("journal_open: %s: %s", status_text(status), journal_error(fixture.journal));
    }
}

static void reopen(void)
{
    journal_fixture_close(&fixture);
    open_journal();
}

static struct journal_tail persisted(uint16_t shard_id)
{
    struct journal_tail tail;
    journal_persisted(fixture.journal, shard_id, &tail);
    return tail;
}

static void append(uint16_t shard_id, uint32_t payload_bytes, uint64_t salt)
{
    assert_int_equal(journal_fixture_append(&fixture, shard_id, payload_bytes, salt), STATUS_OK);
}

static enum status read_status(uint16_t shard_id, uint64_t log_index)
{
    size_t bytes;
    return journal_read(fixture.journal, shard_id, log_index, fixture.bytes, SEGMENT_BYTES_MAX,
                        &bytes);
}

static void test_empty(void **state)
{
    (void)state;
    open_journal();
    for (uint16_t shard_id = 1; shard_id <= SHARDS_MAX; shard_id++) {
        struct journal_tail tail = persisted(shard_id);
        assert_int_equal(tail.first_log_index, 1);
        assert_int_equal(tail.last_log_index, 0);
        assert_int_equal(tail.next_command_sequence, 1);
        assert_int_equal(tail.term, 0);
    }
    assert_int_equal(read_status(1, 1), STATUS_NOT_FOUND);
    assert_true(journal_writable(fixture.journal));
    assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
}

static void test_append_reopen(void **state)
{
    (void)state;
    open_journal();
    for (uint64_t i = 1; i <= 20; i++) {
        append(1, 100 + (uint32_t)i, i);
        append(8, 5000, 2 * i);
        journal_fixture_persist(&fixture);
    }
    for (int turn = 0; turn < 3; turn++) {
        for (uint64_t i = 1; i <= 20; i++) {
            journal_fixture_check(&fixture, 1, i, 100 + (uint32_t)i, i);
            journal_fixture_check(&fixture, 8, i, 5000, 2 * i);
        }
        struct journal_tail tail = persisted(8);
        assert_int_equal(tail.last_log_index, 20);
        assert_int_equal(tail.next_command_sequence, 61);
        assert_true(tail.last_timestamp_ns == journal_fixture_time(20, 40));
        if (turn == 0) {
            journal_fixture_store(&fixture);
        } else {
            reopen();
        }
    }
}

/* Appended is not persisted: answers to others never rest on it. */
static void test_persisted_follows(void **state)
{
    (void)state;
    open_journal();
    append(1, 100, 1);
    struct journal_tail tail;
    journal_appended(fixture.journal, 1, &tail);
    assert_int_equal(tail.last_log_index, 1);
    assert_int_equal(persisted(1).last_log_index, 0);
    journal_fixture_check(&fixture, 1, 1, 100, 1); /* Readable from memory all the same. */
    assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
    journal_fixture_persist(&fixture);
    assert_int_equal(persisted(1).last_log_index, 1);
    append(1, 100, 2); /* Never flushed. */
    reopen();
    assert_int_equal(persisted(1).last_log_index, 1);
}

static void test_short_target(void **state)
{
    (void)state;
    size_t bytes = 0;
    open_journal();
    append(1, 100, 1);
    for (int turn = 0; turn < 2; turn++) { /* From memory, then from the store. */
        assert_int_equal(journal_read(fixture.journal, 1, 1, fixture.bytes,
                                      SEGMENT_HEADER_BYTES + 99, &bytes),
                         STATUS_SHORT);
        assert_int_equal(bytes, SEGMENT_HEADER_BYTES + 100);
        journal_fixture_store(&fixture);
    }
}

static void test_truncate(void **state)
{
    (void)state;
    open_journal();
    for (uint64_t i = 1; i <= 10; i++) {
        append(2, 100, i);
    }
    journal_fixture_store(&fixture);
    append(2, 100, 11);
    assert_int_equal(journal_truncate(fixture.journal, 2, 12), STATUS_OK); /* Nothing there. */
    assert_int_equal(journal_truncate(fixture.journal, 2, 8), STATUS_OK);
    assert_int_equal(read_status(2, 8), STATUS_NOT_FOUND);
    journal_fixture_check(&fixture, 2, 7, 100, 7);
    assert_int_equal(persisted(2).last_log_index, 10); /* Until it is durable. */
    append(2, 200, 88);
    journal_fixture_persist(&fixture);
    struct journal_tail tail = persisted(2);
    assert_int_equal(tail.last_log_index, 8);
    assert_int_equal(tail.next_command_sequence, 25);
    assert_true(tail.last_timestamp_ns == journal_fixture_time(8, 88));
    for (int turn = 0; turn < 3; turn++) {
        journal_fixture_check(&fixture, 2, 7, 100, 7);
        journal_fixture_check(&fixture, 2, 8, 200, 88);
        assert_int_equal(read_status(2, 9), STATUS_NOT_FOUND);
        if (turn == 0) {
            journal_fixture_store(&fixture);
        } else {
            reopen();
        }
    }
    /* Down to nothing. */
    assert_int_equal(journal_truncate(fixture.journal, 2, 1), STATUS_OK);
    journal_fixture_persist(&fixture);
    assert_int_equal(persisted(2).last_log_index, 0);
    assert_int_equal(persisted(2).next_command_sequence, 1);
    append(2, 10, 5);
    journal_fixture_persist(&fixture);
    reopen();
    journal_fixture_check(&fixture, 2, 1, 10, 5);
}

static void test_base(void **state)
{
    (void)state;
    open_journal();
    for (uint64_t i = 1; i <= 10; i++) {
        append(2, 100, i);
    }
    assert_int_equal(journal_vote(fixture.journal, 2, 5, 3), STATUS_OK);
    journal_fixture_persist(&fixture);
    struct journal_tail snapshot = {.last_log_index = 500,
                                    .last_term = 4,
                                    .next_command_sequence = 9000,
                                    .last_timestamp_ns = 77};
    memset(snapshot.last_chain_hash, 0x99, SEGMENT_HASH_BYTES);
    assert_int_equal(journal_base(fixture.journal, 2, &snapshot), STATUS_OK);
    assert_int_equal(read_status(2, 10), STATUS_NOT_FOUND);
    append(2, 100, 1);
    journal_fixture_persist(&fixture);
    for (int turn = 0; turn < 3; turn++) {
        struct journal_tail tail = persisted(2);
        assert_int_equal(tail.first_log_index, 501);
        assert_int_equal(tail.last_log_index, 501);
        assert_int_equal(tail.next_command_sequence, 9003);
        assert_int_equal(tail.term, 5); /* Term and vote are the replica's, not the snapshot's. */
        assert_int_equal(tail.voted_site_id, 3);
        journal_fixture_check(&fixture, 2, 501, 100, 1);
        assert_int_equal(read_status(2, 500), STATUS_NOT_FOUND);
        if (turn == 0) {
            journal_fixture_store(&fixture);
        } else {
            reopen();
        }
    }
    /* Back to the base, which is no segment. */
    assert_int_equal(journal_truncate(fixture.journal, 2, 501), STATUS_OK);
    journal_fixture_persist(&fixture);
    assert_int_equal(persisted(2).last_log_index, 500);
    assert_int_equal(persisted(2).last_term, 4);
    assert_true(persisted(2).last_timestamp_ns == 77);
    assert_int_equal(journal_truncate(fixture.journal, 2, 500), STATUS_NOT_FOUND);
    assert_non_null(strstr(journal_error(fixture.journal), "begins at 501"));
}

static void test_vote(void **state)
{
    (void)state;
    open_journal();
    assert_int_equal(journal_vote(fixture.journal, 1, 7, 0), STATUS_OK);
    assert_int_equal(journal_vote(fixture.journal, 1, 7, 2), STATUS_OK);
    assert_int_equal(persisted(1).term, 0);
    journal_fixture_persist(&fixture);
    reopen();
    assert_int_equal(persisted(1).term, 7);
    assert_int_equal(persisted(1).voted_site_id, 2);
    assert_int_equal(journal_vote(fixture.journal, 1, 8, 0), STATUS_OK);
    journal_fixture_persist(&fixture);
    reopen();
    assert_int_equal(persisted(1).term, 8);
    assert_int_equal(persisted(1).voted_site_id, 0);
}

static void test_trim(void **state)
{
    (void)state;
    open_journal();
    for (uint64_t i = 1; i <= 200; i++) {
        append(1, 50, i);
    }
    journal_fixture_store(&fixture);
    assert_int_equal(journal_trim(fixture.journal, 1, 151), STATUS_OK);
    assert_int_equal(persisted(1).first_log_index, 151);
    assert_int_equal(read_status(1, 150), STATUS_NOT_FOUND); /* At once, for readers. */
    journal_fixture_check(&fixture, 1, 151, 50, 151);
    assert_int_equal(journal_trim(fixture.journal, 1, 100), STATUS_OK); /* Never back. */
    assert_int_equal(persisted(1).first_log_index, 151);
    append(1, 50, 201);
    journal_fixture_store(&fixture);
    reopen();
    assert_int_equal(persisted(1).first_log_index, 151);
    assert_int_equal(journal_trim(fixture.journal, 1, 202), STATUS_OK);
    assert_int_equal(read_status(1, 201), STATUS_NOT_FOUND);
    append(1, 50, 202);
    journal_fixture_store(&fixture);
    journal_fixture_check(&fixture, 1, 202, 50, 202);
    assert_int_equal(journal_truncate(fixture.journal, 1, 202), STATUS_NOT_FOUND);
}

/* A journal in memory: the test decides when disk and store are done. */
static struct store *memory_store;
static uint8_t *memory_content;

static int memory_setup(void **state)
{
    (void)state;
    memory_content = malloc(WAL_BYTES_MIN);
    memory_store = store_memory_create();
    journal_fixture_make_memory(&fixture, memory_content, memory_store);
    journal_fixture_ring(&fixture, memory_content);
    open_journal();
    return memory_content == NULL ? -1 : 0;
}

static int memory_teardown(void **state)
{
    journal_fixture_free(&fixture);
    free(memory_content);
    return teardown(state);
}

static void finish_writes(void)
{
    while (io_memory_pending(fixture.io) > 0) {
        io_memory_finish(fixture.io, 0);
    }
    assert_int_equal(journal_fixture_turn(&fixture, 0), STATUS_OK);
}

/* "Batching is natural": a write may start while fewer than wal_writes_in_flight are outstanding.
 */
static void test_writable(void **state)
{
    (void)state;
    append(1, 10, 1);
    assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
    assert_true(journal_writable(fixture.journal));
    append(1, 10, 2);
    assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
    assert_false(journal_writable(fixture.journal));
    assert_int_equal(io_memory_pending(fixture.io), 2);
    for (uint64_t i = 3; i <= 50; i++) { /* They gather meanwhile. */
        append(1, 10, i);
        assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
    }
    assert_int_equal(io_memory_pending(fixture.io), 2);
    io_memory_finish(fixture.io, 1); /* The second: the first is still out. */
    assert_int_equal(journal_fixture_turn(&fixture, 0), STATUS_OK);
    assert_int_equal(persisted(1).last_log_index, 0);
    assert_false(journal_writable(fixture.journal));
    io_memory_finish(fixture.io, 0);
    assert_int_equal(journal_fixture_turn(&fixture, 0), STATUS_OK);
    assert_int_equal(persisted(1).last_log_index, 2);
    assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
    assert_int_equal(io_memory_pending(fixture.io), 1); /* All 48 in one frame. */
    finish_writes();
    assert_int_equal(persisted(1).last_log_index, 50);
}

/* The ring is full: pushed back, term and vote still fit, and when the store has caught up it goes
 * on; over many laps. */
static void test_ring_full(void **state)
{
    (void)state;
    uint64_t last = 0;
    uint64_t term = 0;
    for (uint32_t lap = 0; lap < 12; lap++) {
        bool writable;
        do {
            writable = journal_writable(fixture.journal);
            enum status status = journal_fixture_append(&fixture, 1, 100000, last + 1);
            assert_true(status == STATUS_OK || (status == STATUS_FULL && !writable));
            last += status == STATUS_OK ? 1 : 0;
            assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
            finish_writes();
        } while (writable);
        while (journal_fixture_append(&fixture, 1, 0, last + 1) == STATUS_OK) {
            last++;
            assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
            finish_writes();
        }
        struct journal_tail before = persisted(1);
        assert_true(before.last_log_index == last);
        struct journal_usage usage;
        journal_usage(fixture.journal, &usage);
        assert_true(usage.wal_used_bytes > usage.wal_bytes - 2 * WAL_RESERVED_BYTES);
        for (uint32_t i = 0; i < 8; i++) {
            assert_int_equal(journal_vote(fixture.journal, 1, ++term, 1), STATUS_OK);
            assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
            finish_writes();
            assert_true(persisted(1).term == term);
        }
        uint64_t wakes = io_memory_wakes(fixture.io);
        assert_int_equal(journal_fixture_append(&fixture, 1, 100000, last + 1), STATUS_FULL);
        assert_true(store_memory_advance(memory_store, UINT32_MAX) > 0);
        assert_true(io_memory_wakes(fixture.io) > wakes); /* The loop is told. */
        append(1, 100000, last + 1);
        last++;
        if (last > 200) {
            assert_int_equal(journal_trim(fixture.journal, 1, last - 150), STATUS_OK);
        }
        for (uint64_t back = 0; back < 20; back++) {
            assert_int_equal(read_status(1, last - back), STATUS_OK);
        }
    }
    struct journal_usage usage;
    journal_usage(fixture.journal, &usage);
    assert_true(usage.wal_written_bytes > 8 * usage.wal_bytes);
}

/* More small segments than the index in memory holds: pushed back as well. */
static void test_index_full(void **state)
{
    (void)state;
    uint64_t count = 0;
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        status = journal_fixture_append(&fixture, 1, 0, 1);
        count += status == STATUS_OK ? 1 : 0;
        assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
        if (count % 512 == 0) {
            finish_writes();
        }
    }
    assert_int_equal(status, STATUS_FULL);
    assert_true(count > 10000);
    assert_false(journal_writable(fixture.journal));
    assert_int_equal(read_status(1, count), STATUS_OK);
    finish_writes();
    assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
    finish_writes();
    (void)store_memory_advance(memory_store, UINT32_MAX);
    assert_int_equal(journal_poll(fixture.journal), STATUS_OK);
    assert_true(journal_writable(fixture.journal));
    append(1, 0, 1);
}

static void check_all_refuse(enum status expected)
{
    struct journal_tail tail = {
        .last_log_index = 100, .last_term = 1, .next_command_sequence = 1, .last_chain_hash = {1}};
    assert_int_equal(journal_fixture_append(&fixture, 1, 10, 1), expected);
    assert_int_equal(journal_vote(fixture.journal, 1, 99, 1), expected);
    assert_int_equal(journal_truncate(fixture.journal, 1, 1), expected);
    assert_int_equal(journal_base(fixture.journal, 1, &tail), expected);
    assert_int_equal(journal_trim(fixture.journal, 1, 1), expected);
    assert_int_equal(journal_flush(fixture.journal), expected);
    assert_int_equal(journal_poll(fixture.journal), expected);
    assert_false(journal_writable(fixture.journal));
}

/* Any write error is final: nothing is acknowledged any more, whatever the disk does then. */
static void test_write_error_is_final(void **state)
{
    (void)state;
    append(1, 10, 1);
    assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
    append(1, 10, 2);
    assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
    io_memory_fail(fixture.io, 0, -EIO);
    assert_int_equal(journal_fixture_turn(&fixture, 0), STATUS_IO);
    assert_non_null(strstr(journal_error(fixture.journal), "Input/output error"));
    check_all_refuse(STATUS_IO);
    io_memory_finish(fixture.io, 0);
    assert_int_equal(journal_fixture_turn(&fixture, 0), STATUS_IO);
    assert_int_equal(persisted(1).last_log_index, 0);
}

static void test_store_error_is_final(void **state)
{
    (void)state;
    append(1, 10, 1);
    assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
    finish_writes();
    store_memory_fail(memory_store, STATUS_NO_SPACE);
    assert_int_equal(journal_poll(fixture.journal), STATUS_NO_SPACE);
    assert_non_null(strstr(journal_error(fixture.journal), "told to fail"));
    check_all_refuse(STATUS_NO_SPACE);
}

static void test_usage_flags(void **state)
{
    (void)state;
    struct journal_usage usage;
    static const struct {
        uint64_t percent;
        bool warn;
        bool refuse;
    } cases[] = {{0, false, false}, {69, false, false}, {70, true, false},
                 {89, true, false}, {90, true, true},   {100, true, true}};
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t used = fixture.parts.id.store_bytes / 100 * cases[i].percent;
        store_memory_fill(memory_store, used, false);
        journal_usage(fixture.journal, &usage);
        assert_true(usage.store_used_bytes == used);
        assert_int_equal(usage.store_warn, cases[i].warn);
        assert_int_equal(usage.store_refuse, cases[i].refuse);
    }
    assert_true(usage.wal_writes == 1); /* The start's own. */
    assert_true(usage.wal_bytes == WAL_BYTES_MIN - WAL_HEADER_BYTES);
    append(1, 10, 1);
    journal_usage(fixture.journal, &usage);
    assert_true(usage.wal_used_bytes == (uint64_t)2 * WAL_ALIGNMENT_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_reopen, setup, teardown),
        cmocka_unit_test_setup_teardown(test_persisted_follows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_target, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base, setup, teardown),
        cmocka_unit_test_setup_teardown(test_vote, setup, teardown),
        cmocka_unit_test_setup_teardown(test_trim, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writable, memory_setup, memory_teardown),
        cmocka_unit_test_setup_teardown(test_ring_full, memory_setup, memory_teardown),
        cmocka_unit_test_setup_teardown(test_index_full, memory_setup, memory_teardown),
        cmocka_unit_test_setup_teardown(test_write_error_is_final, memory_setup, memory_teardown),
        cmocka_unit_test_setup_teardown(test_store_error_is_final, memory_setup, memory_teardown),
        cmocka_unit_test_setup_teardown(test_usage_flags, memory_setup, memory_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
