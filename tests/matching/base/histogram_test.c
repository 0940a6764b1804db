#include "matching/base/histogram.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

#define VALUES 20000u

static const uint32_t ranks[] = {0,      1,      1000,   100000, 250000, 500000, 900000,
                                 990000, 999000, 999900, 999990, 999999, 1000000};

static uint64_t seed(void)
{
    const char *text = getenv("SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 0) : 20260103;
    print_message("SEED=%llu\n", (unsigned long long)value);
    return value;
}

static struct histogram *make(void)
{
    struct histogram *histogram = calloc(1, sizeof *histogram);
    assert_non_null(histogram);
    return histogram;
}

static int compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* Against exact sorting: never below the true value, above it by less than a thousandth. */
static void check(const struct histogram *histogram, uint64_t *values, uint64_t count)
{
    qsort(values, count, sizeof *values, compare);
    uint64_t sum = 0;
    for (uint64_t index = 0; index < count; index++) {
        sum += values[index];
    }
    assert_int_equal(histogram->count, count);
    assert_int_equal(histogram->min_ns, values[0]);
    assert_int_equal(histogram->max_ns, values[count - 1]);
    assert_int_equal(histogram_mean(histogram), sum / count);
    for (size_t index = 0; index < sizeof ranks / sizeof ranks[0]; index++) {
        uint64_t rank = (count * ranks[index] + 999999) / 1000000;
        uint64_t exact = values[rank == 0 ? 0 : rank - 1];
        uint64_t found = histogram_percentile(histogram, ranks[index]);
        assert_in_range(found, exact, exact + exact / 1000);
        assert_true(histogram_count_to(histogram, found) >= rank);
    }
}

static void test_percentiles_equal_sorted_values(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, seed());
    uint64_t *values = calloc(VALUES, sizeof *values);
    struct histogram *histogram = make();
    for (uint32_t shape = 0; shape < 42; shape++) {
        histogram_reset(histogram);
        for (uint32_t index = 0; index < VALUES; index++) {
            uint64_t value = random_u64(&random) >> (22 + (shape % 3 == 0 ? 0 : shape));
            if (shape % 3 == 1) {
                value >>= random_below(&random, 20);
            }
            values[index] = value % (HISTOGRAM_NS_MAX + 1);
            histogram_record(histogram, values[index]);
        }
        check(histogram, values, VALUES);
    }
    free(values);
    free(histogram);
}

static void test_small_and_edge_values_are_exact_to_a_thousandth(void **state)
{
    (void)state;
    struct histogram *histogram = make();
    for (uint32_t bits = 0; bits < 42; bits++) {
        for (int64_t step = -2; step <= 2; step++) {
            uint64_t value = (UINT64_C(1) << bits) + (uint64_t)step;
            if (value > HISTOGRAM_NS_MAX) {
                continue;
            }
            /* A larger one beside it, so that the maximum does not hide the bucket's end. */
            histogram_reset(histogram);
            histogram_record(histogram, value);
            histogram_record(histogram, HISTOGRAM_NS_MAX);
            uint64_t found = histogram_percentile(histogram, 500000);
            assert_in_range(found, value, value + value / 1000);
            assert_true(value >= 2048 || found == value);
        }
    }
    free(histogram);
}

static void test_empty_and_beyond(void **state)
{
    (void)state;
    struct histogram *histogram = make();
    assert_int_equal(histogram_percentile(histogram, 500000), 0);
    assert_int_equal(histogram_mean(histogram), 0);
    assert_int_equal(histogram_count_to(histogram, UINT64_MAX), 0);
    histogram_record(histogram, UINT64_MAX);
    histogram_record(histogram, HISTOGRAM_NS_MAX);
    assert_int_equal(histogram->count, 2);
    assert_int_equal(histogram->count_beyond, 1);
    assert_int_equal(histogram_percentile(histogram, 1), HISTOGRAM_NS_MAX);
    assert_int_equal(histogram->max_ns, HISTOGRAM_NS_MAX);
    assert_int_equal(histogram_mean(histogram), HISTOGRAM_NS_MAX);
    assert_int_equal(histogram_count_to(histogram, HISTOGRAM_NS_MAX - (UINT64_C(1) << 33)), 0);
    free(histogram);
}

static void test_sum_has_more_than_64_bits(void **state)
{
    (void)state;
    struct histogram *histogram = make();
    /* As after 2^40 values of an hour each. */
    histogram->count = UINT64_C(1) << 40;
    histogram->min_ns = HISTOGRAM_NS_MAX;
    histogram->max_ns = HISTOGRAM_NS_MAX;
    histogram->sum_low_ns = HISTOGRAM_NS_MAX << 40;
    histogram->sum_high_ns = HISTOGRAM_NS_MAX >> 24;
    assert_int_equal(histogram_mean(histogram), HISTOGRAM_NS_MAX);
    uint64_t high = histogram->sum_high_ns;
    for (uint32_t index = 0; index < 6000000 && histogram->sum_high_ns == high; index++) {
        histogram_record(histogram, HISTOGRAM_NS_MAX);
    }
    assert_int_equal(histogram->sum_high_ns, high + 1);
    assert_int_equal(histogram_mean(histogram), HISTOGRAM_NS_MAX);
    free(histogram);
}

static void test_merged_equals_recorded_together(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, seed());
    struct histogram *parts[3] = {make(), make(), make()};
    struct histogram *together = make();
    struct histogram *merged = make();
    for (uint32_t index = 0; index < VALUES; index++) {
        uint64_t value = random_u64(&random) >> random_below(&random, 64);
        /* The last part stays empty. */
        histogram_record(parts[index % 2], value);
        histogram_record(together, value);
    }
    for (uint32_t part = 0; part < 3; part++) {
        histogram_merge(merged, parts[part]);
        free(parts[part]);
    }
    assert_memory_equal(merged, together, sizeof *merged);
    free(together);
    free(merged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_percentiles_equal_sorted_values),
        cmocka_unit_test(test_small_and_edge_values_are_exact_to_a_thousandth),
        cmocka_unit_test(test_empty_and_beyond),
        cmocka_unit_test(test_sum_has_more_than_64_bits),
        cmocka_unit_test(test_merged_equals_recorded_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
