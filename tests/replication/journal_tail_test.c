#include "replication/journal_tail.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static struct journal_tail example(void)
{
    struct journal_tail tail = {.first_log_index = 3,
                                .last_log_index = 9,
                                .last_term = 4,
                                .next_command_sequence = 77,
                                .last_timestamp_ns = 123456789,
                                .term = 6,
                                .voted_site_id = 2};
    memset(tail.last_chain_hash, 0xAB, sizeof tail.last_chain_hash);
    return tail;
}

/* These bytes never change: old files stay readable. */
static void test_layout(void **state)
{
    (void)state;
    struct journal_tail tail = example();
    uint8_t bytes[JOURNAL_TAIL_BYTES];
    memset(bytes, 0xFF, sizeof bytes);
    journal_tail_store(bytes, &tail);
    uint8_t expected[JOURNAL_TAIL_BYTES] = {3};
    expected[8] = 9;
    expected[16] = 4;
    memset(expected + 24, 0xAB, 32);
    expected[56] = 77;
    expected[64] = 0x15;
    expected[65] = 0xCD;
    expected[66] = 0x5B;
    expected[67] = 0x07;
    expected[72] = 6;
    expected[80] = 2;
    assert_memory_equal(bytes, expected, sizeof bytes);
    struct journal_tail back;
    assert_int_equal(journal_tail_load(&back, bytes), STATUS_OK);
    assert_true(back.first_log_index == 3 && back.last_log_index == 9 && back.last_term == 4);
    assert_true(back.next_command_sequence == 77 && back.last_timestamp_ns == 123456789);
    assert_true(back.term == 6 && back.voted_site_id == 2);
    assert_memory_equal(back.last_chain_hash, tail.last_chain_hash, SEGMENT_HASH_BYTES);
}

static void test_contradictions(void **state)
{
    (void)state;
    uint8_t good[JOURNAL_TAIL_BYTES];
    struct journal_tail tail = example();
    journal_tail_store(good, &tail);
    static const struct {
        uint32_t byte;
        uint8_t value;
    } bad[] = {
        {0, 0},   /* First index 0. */
        {0, 11},  /* First beyond last + 1. */
        {16, 0},  /* Segments without a term. */
        {56, 0},  /* Command sequence 0. */
        {81, 1},  /* Reserved bytes. */
        {87, 80}, /* The last of them. */
    };
    for (uint32_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t bytes[JOURNAL_TAIL_BYTES];
        memcpy(bytes, good, sizeof bytes);
        bytes[bad[i].byte] = bad[i].value;
        assert_int_equal(journal_tail_load(&tail, bytes), STATUS_BAD_FORMAT);
    }
    uint8_t bytes[JOURNAL_TAIL_BYTES];
    memcpy(bytes, good, sizeof bytes);
    memset(bytes + 24, 0, SEGMENT_HASH_BYTES); /* Segments without a chain. */
    assert_int_equal(journal_tail_load(&tail, bytes), STATUS_BAD_FORMAT);
    memcpy(bytes, good, sizeof bytes);
    memset(bytes + 8, 0xFF, 8); /* No index can follow. */
    assert_int_equal(journal_tail_load(&tail, bytes), STATUS_BAD_FORMAT);
}

static void test_steps(void **state)
{
    (void)state;
    struct journal_state log;
    journal_tail_init(&log.tail);
    journal_tail_init(&log.base);
    assert_true(log.tail.first_log_index == 1 && log.tail.last_log_index == 0);

    struct segment segment = {
        .log_index = 1, .term = 2, .first_command_sequence = 1, .command_count = 5};
    memset(segment.chain_hash, 1, sizeof segment.chain_hash);
    journal_tail_append(&log.tail, &segment, 100);
    struct journal_tail one = log.tail;
    assert_true(one.last_log_index == 1 && one.next_command_sequence == 6);
    assert_true(one.last_term == 2 && one.last_timestamp_ns == 100);

    /* Time never goes back, also when an empty segment was sealed before. */
    segment = (struct segment){.log_index = 2, .term = 2, .first_command_sequence = 6};
    journal_tail_append(&log.tail, &segment, 90);
    assert_true(log.tail.last_timestamp_ns == 100 && log.tail.next_command_sequence == 6);

    journal_tail_vote(&log.tail, 7, 3);
    journal_tail_cut(&log.tail, &one);
    assert_true(log.tail.last_log_index == 1 && log.tail.term == 7 && log.tail.voted_site_id == 3);
    assert_memory_equal(log.tail.last_chain_hash, one.last_chain_hash, SEGMENT_HASH_BYTES);

    /* Trimmed beyond where the log is cut: nothing is left of it. */
    log.tail.first_log_index = 2;
    struct journal_tail none = {.first_log_index = 1, .next_command_sequence = 1};
    journal_tail_cut(&log.tail, &none);
    assert_true(log.tail.first_log_index == 1 && log.tail.last_log_index == 0);

    struct journal_tail snapshot = example();
    journal_tail_rebase(&log, &snapshot);
    assert_true(log.tail.first_log_index == 10 && log.tail.last_log_index == 9);
    assert_true(log.tail.term == 7 && log.tail.voted_site_id == 3);
    assert_true(log.base.last_log_index == 9 && log.base.next_command_sequence == 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
