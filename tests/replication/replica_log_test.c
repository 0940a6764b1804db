#include "replication/replica_log.h"

#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

static struct replica_position place(uint64_t log_index, uint64_t term)
{
    struct replica_position position = {.log_index = log_index, .term = term};
    memset(position.chain_hash, (int)(log_index * 31 + term), sizeof position.chain_hash);
    return position;
}

static void test_the_oldest_falls_out_of_a_full_ring(void **state)
{
    (void)state;
    static struct replica_log_slot slots[16];
    struct replica_log log;
    struct replica_position before = place(100, 3);
    struct replica_position found;
    replica_log_init(&log, slots, 16, &before);
    assert_true(replica_log_find(&log, 100, &found));
    assert_null(replica_log_slot_of(&log, 100));
    assert_false(replica_log_find(&log, 99, &found));
    assert_false(replica_log_find(&log, 101, &found));
    for (uint64_t log_index = 101; log_index <= 140; log_index++) {
        struct replica_position position = place(log_index, 4);
        replica_log_append(&log, &position, (uint32_t)log_index, 7);
    }
    assert_int_equal(log.before.log_index, 124);
    assert_int_equal(log.last.log_index, 140);
    assert_false(replica_log_find(&log, 123, &found));
    for (uint64_t log_index = 124; log_index <= 140; log_index++) {
        struct replica_position position = place(log_index, 4);
        assert_true(replica_log_find(&log, log_index, &found));
        assert_true(replica_message_same_chain(&found, &position));
    }
    assert_int_equal(replica_log_slot_of(&log, 125)->segment_bytes, 125);
}

static void test_cut(void **state)
{
    (void)state;
    static struct replica_log_slot slots[16];
    struct replica_log log;
    struct replica_position none = {0};
    replica_log_init(&log, slots, 16, &none);
    for (uint64_t log_index = 1; log_index <= 20; log_index++) {
        struct replica_position position = place(log_index, log_index / 4 + 1);
        replica_log_append(&log, &position, 1, 0);
    }
    struct replica_position last = place(10, 3);
    replica_log_cut(&log, &last);
    assert_int_equal(log.last.log_index, 10);
    assert_int_equal(log.before.log_index, 4);
    assert_null(replica_log_slot_of(&log, 11));
    last = place(2, 1); /* Below the ring. */
    replica_log_cut(&log, &last);
    assert_int_equal(log.before.log_index, 2);
    struct replica_position next = place(3, 9);
    replica_log_append(&log, &next, 1, 0);
    assert_int_equal(log.last.term, 9);
}

/* Against a plain array: every question after random appends and cuts. */
static void test_find_term_against_a_plain_array(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    static uint64_t terms[4096];
    static struct replica_log_slot slots[64];
    struct replica_log log;
    struct replica_position none = {0};
    replica_log_init(&log, slots, 64, &none);
    uint64_t last = 0;
    for (uint32_t turn = 0; turn < 20000; turn++) {
        if (last < 4000 && random_below(&random, 4) > 0) {
            uint64_t term = (last == 0 ? 1 : terms[last]) + (random_below(&random, 5) == 0);
            terms[++last] = term;
            struct replica_position position = place(last, term);
            replica_log_append(&log, &position, 1, 0);
        } else if (last > log.before.log_index + 8 || last >= 4000) {
            last = log.before.log_index + random_below(&random, last - log.before.log_index);
            struct replica_position position =
                last == 0 ? (struct replica_position){0} : place(last, terms[last]);
            replica_log_cut(&log, &position);
        }
        uint64_t from = random_below(&random, last + 3);
        uint64_t term = random_below(&random, (last == 0 ? 1 : terms[last]) + 2);
        uint64_t expected = from < last ? from : last;
        if (expected >= log.before.log_index) {
            while (expected > log.before.log_index && terms[expected] > term) {
                expected--;
            }
            if (expected == log.before.log_index && expected > 0 && terms[expected] > term) {
                expected--;
            }
        }
        assert_int_equal(replica_log_find_term(&log, from, term), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_oldest_falls_out_of_a_full_ring),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_find_term_against_a_plain_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
