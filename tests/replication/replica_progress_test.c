#include "replication/replica_progress.h"

#include "tests/support/cmocka_all.h"

static void start_stream(struct replica_progress *progress)
{
    *progress = (struct replica_progress){0};
    replica_progress_begin(progress, 10, 1);
    progress->state = REPLICA_PROGRESS_STREAM;
}

static void test_a_probe_waits_for_its_answer(void **state)
{
    (void)state;
    struct replica_progress progress = {0};
    replica_progress_begin(&progress, 10, 1);
    assert_true(replica_progress_may_send(&progress, 4, 1000));
    replica_progress_sent(&progress, 10, 500, 2);
    assert_false(replica_progress_may_send(&progress, 4, 1000));
    assert_int_equal(progress.next_log_index, 10);
    replica_progress_probe(&progress, 5);
    assert_true(replica_progress_may_send(&progress, 4, 1000));
    assert_int_equal(progress.next_log_index, 5);
}

static void test_caps_on_messages_and_bytes(void **state)
{
    (void)state;
    struct replica_progress progress;
    start_stream(&progress);
    for (uint64_t last = 10; last < 14; last++) {
        assert_true(replica_progress_may_send(&progress, 4, 1000));
        replica_progress_sent(&progress, last, 100, 2);
    }
    assert_false(replica_progress_may_send(&progress, 4, 1000));
    assert_true(replica_progress_matched(&progress, 11));
    assert_int_equal(progress.flight_count, 2);
    assert_int_equal(progress.flight_bytes, 200);
    assert_true(replica_progress_may_send(&progress, 4, 1000));
    replica_progress_sent(&progress, 14, 900, 2);
    assert_false(replica_progress_may_send(&progress, 4, 1000)); /* Bytes. */
    assert_true(replica_progress_matched(&progress, 14));
    assert_int_equal(progress.flight_bytes, 0);
    replica_progress_sent(&progress, 15, 5000, 2); /* One may always go, however large. */
    assert_false(replica_progress_may_send(&progress, 4, 1000));
    replica_progress_sent(&progress, 15, 0, 3); /* A heartbeat is not counted. */
    assert_int_equal(progress.flight_count, 1);
    assert_int_equal(progress.sent_ns, 3);
}

static void test_the_ring_of_flights_goes_round(void **state)
{
    (void)state;
    struct replica_progress progress;
    start_stream(&progress);
    for (uint64_t last = 10; last < 1000; last++) {
        assert_true(replica_progress_may_send(&progress, 3, 1000));
        replica_progress_sent(&progress, last, 7, 2);
        assert_true(replica_progress_matched(&progress, last - 1));
        assert_int_equal(progress.flight_bytes, 7);
    }
    assert_int_equal(progress.next_log_index, 1000);
}

static void test_what_is_matched_is_never_asked_again(void **state)
{
    (void)state;
    struct replica_progress progress;
    start_stream(&progress);
    replica_progress_sent(&progress, 20, 100, 2);
    assert_true(replica_progress_matched(&progress, 20));
    assert_false(replica_progress_matched(&progress, 20));
    assert_false(replica_progress_matched(&progress, 12));
    assert_int_equal(progress.matched_log_index, 20);
    replica_progress_probe(&progress, 3);
    assert_int_equal(progress.next_log_index, 21);
    assert_true(replica_progress_matched(&progress, 30)); /* Has more than was sent since. */
    assert_int_equal(progress.next_log_index, 31);
}

static void test_round_trips_are_smoothed(void **state)
{
    (void)state;
    struct replica_progress progress = {0};
    replica_progress_measure(&progress, 8000);
    assert_int_equal(progress.round_trip_ns, 8000);
    replica_progress_measure(&progress, 16000);
    assert_int_equal(progress.round_trip_ns, 9000);
    for (uint32_t at = 0; at < 200; at++) {
        replica_progress_measure(&progress, 80000);
    }
    assert_in_range(progress.round_trip_ns, 79900, 80100);
    replica_progress_begin(&progress, 1, 1);
    assert_in_range(progress.round_trip_ns, 79900, 80100); /* The way is still as long. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_probe_waits_for_its_answer),
        cmocka_unit_test(test_caps_on_messages_and_bytes),
        cmocka_unit_test(test_the_ring_of_flights_goes_round),
        cmocka_unit_test(test_what_is_matched_is_never_asked_again),
        cmocka_unit_test(test_round_trips_are_smoothed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
