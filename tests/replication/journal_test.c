#include "replication/journal.h"

#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/journal_fixture.h"

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

static void test_empty(void **state)
{
    (void)state;
    open_journal();
    for (uint16_t shard_id = 1; shard_id <= SHARDS_MAX; shard_id++) {
        struct journal_tail tail;
        journal_persisted(fixture.journal, shard_id, &tail);
        assert_int_equal(tail.first_log_index, 1);
        assert_int_equal(tail.last_log_index, 0);
        assert_int_equal(tail.next_command_sequence, 1);
        assert_int_equal(tail.term, 0);
    }
    size_t bytes;
    assert_int_equal(journal_read(fixture.journal, 1, 1, fixture.bytes, 10, &bytes),
                     STATUS_NOT_FOUND);
}

static void test_append_reopen(void **state)
{
    (void)state;
    open_journal();
    for (uint64_t i = 1; i <= 20; i++) {
        assert_int_equal(journal_fixture_append(&fixture, 1, 100 + (uint32_t)i, i), STATUS_OK);
        assert_int_equal(journal_fixture_append(&fixture, 8, 5000, 2 * i), STATUS_OK);
        journal_fixture_persist(&fixture);
    }
    for (int turn = 0; turn < 3; turn++) {
        for (uint64_t i = 1; i <= 20; i++) {
            journal_fixture_check(&fixture, 1, i, 100 + (uint32_t)i, i);
            journal_fixture_check(&fixture, 8, i, 5000, 2 * i);
        }
        struct journal_tail tail;
        journal_persisted(fixture.journal, 8, &tail);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append_reopen, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
