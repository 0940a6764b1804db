#include "matching/base/random.h"

#include "tests/support/cmocka_all.h"

static void test_a_seed_replays(void **state)
{
    (void)state;
    struct random first;
    struct random second;
    random_seed(&first, 42);
    random_seed(&second, 42);
    for (int i = 0; i < 100; i++) {
        assert_true(random_u64(&first) == random_u64(&second));
    }
    random_seed(&second, 43);
    assert_false(random_u64(&first) == random_u64(&second));
}

/* Reference values of xoshiro256** from the state {1, 2, 3, 4}, as its authors' code gives them. */
static void test_reference_values(void **state)
{
    (void)state;
    struct random random = {{1, 2, 3, 4}};
    assert_true(random_u64(&random) == 11520);
    assert_true(random_u64(&random) == 0);
    assert_true(random_u64(&random) == 1509978240);
    assert_true(random_u64(&random) == UINT64_C(1215971899390074240));
}

static void test_below_is_in_range_and_even(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 7);
    uint32_t counts[10] = {0};
    for (int i = 0; i < 100000; i++) {
        uint64_t value = random_below(&random, 10);
        assert_true(value < 10);
        counts[value]++;
    }
    for (int i = 0; i < 10; i++) {
        assert_in_range(counts[i], 9500, 10500); /* Five standard deviations: sqrt(9000) = 95. */
    }
    assert_true(random_below(&random, 1) == 0);
}

static void test_unit_is_in_range(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 9);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        double value = random_unit(&random);
        assert_true(value >= 0.0 && value < 1.0);
        sum += value;
    }
    assert_true(sum > 49500 && sum < 50500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_seed_replays),
        cmocka_unit_test(test_reference_values),
        cmocka_unit_test(test_below_is_in_range_and_even),
        cmocka_unit_test(test_unit_is_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
