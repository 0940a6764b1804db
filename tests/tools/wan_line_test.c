/* Lines between two others, and their ranges. */
#include "tools/wan_line.h"

#include "tests/support/cmocka_all.h"

static void between(void **state)
{
    (void)state;
    struct wan_line from = {
        .delay_ns = 1000, .loss_ppm = 500, .rate_bytes = 4000, .queue_bytes = 8};
    struct wan_line to = {.delay_ns = 3000,
                          .jitter_ns = 80,
                          .loss_ppm = 100,
                          .reorder_ppm = 10,
                          .rate_bytes = 2000,
                          .queue_bytes = 4,
                          .connects_lost = true};
    struct wan_line line = wan_line_between(&from, &to, WAN_LINE_PPM / 4);
    assert_int_equal(line.delay_ns, 1500);
    assert_int_equal(line.jitter_ns, 20);
    assert_int_equal(line.loss_ppm, 400);
    assert_int_equal(line.reorder_ppm, 2);
    assert_int_equal(line.rate_bytes, 3500);
    assert_int_equal(line.queue_bytes, 7);
    assert_true(line.connects_lost);
    line = wan_line_between(&from, &to, WAN_LINE_PPM);
    assert_int_equal(line.delay_ns, 3000);
    assert_int_equal(line.rate_bytes, 2000);
    line = wan_line_between(&from, &to, 0);
    assert_int_equal(line.delay_ns, 1000);
    assert_int_equal(line.loss_ppm, 500);
    assert_int_equal(line.rate_bytes, 4000);
}

/* A bound on one end only: there is no middle between a number and none. */
static void rate_of_one_end(void **state)
{
    (void)state;
    struct wan_line free = {.delay_ns = 5};
    struct wan_line bound = {.rate_bytes = 1000, .queue_bytes = 77};
    struct wan_line line = wan_line_between(&free, &bound, 1);
    assert_int_equal(line.rate_bytes, 1000);
    assert_int_equal(line.queue_bytes, 77);
    line = wan_line_between(&bound, &free, 1);
    assert_int_equal(line.rate_bytes, 1000);
    assert_int_equal(line.queue_bytes, 77);
    line = wan_line_between(&bound, &free, WAN_LINE_PPM);
    assert_int_equal(line.rate_bytes, 0);
}

static void largest(void **state)
{
    (void)state;
    struct wan_line none = {0};
    struct wan_line most = {.delay_ns = WAN_LINE_DELAY_NS_MAX,
                            .jitter_ns = WAN_LINE_DELAY_NS_MAX,
                            .loss_ppm = WAN_LINE_PPM,
                            .reorder_ppm = WAN_LINE_PPM,
                            .rate_bytes = WAN_LINE_RATE_MAX,
                            .queue_bytes = WAN_LINE_RATE_MAX};
    assert_true(wan_line_valid(&none));
    assert_true(wan_line_valid(&most));
    assert_int_equal(wan_line_between(&none, &most, WAN_LINE_PPM / 2).delay_ns,
                     WAN_LINE_DELAY_NS_MAX / 2);
    struct wan_line wrong = most;
    wrong.delay_ns++;
    assert_false(wan_line_valid(&wrong));
    wrong = most;
    wrong.loss_ppm++;
    assert_false(wan_line_valid(&wrong));
    wrong = most;
    wrong.rate_bytes++;
    assert_false(wan_line_valid(&wrong));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(between), cmocka_unit_test(rate_of_one_end),
                                       cmocka_unit_test(largest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
