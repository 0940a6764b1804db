/* Known bytes at known prices; what is not priced; what 64 bits do not hold. */
#include "gateway/egress.h"

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

#define GIB (UINT64_C(1) << 30)

static const struct config_price prices[] = {
    {.provider = "aws", .micros_per_gib = 90000},  /* 0.09 a GiB. */
    {.provider = "gcp", .micros_per_gib = 123456}, /* Not a round figure. */
    {.provider = "dear", .micros_per_gib = UINT64_MAX},
    {.provider = "free", .micros_per_gib = 0},
};

static uint64_t cost(const char *provider, uint64_t bytes)
{
    return egress_cost_micros(prices, sizeof prices / sizeof prices[0], provider, bytes);
}

static void test_known_bytes_at_known_prices(void **state)
{
    (void)state;
    assert_int_equal(cost("aws", 0), 0);
    assert_int_equal(cost("aws", GIB), 90000);
    assert_int_equal(cost("aws", GIB / 2), 45000);
    assert_int_equal(cost("aws", GIB - 1), 89999); /* Rounded down. */
    assert_int_equal(cost("aws", 11930), 0);
    assert_int_equal(cost("aws", 11931), 1); /* 2^30 / 90,000 is 11,930.46. */
    /* Above a GiB: the whole ones and the rest. */
    assert_int_equal(cost("gcp", 5 * GIB), 617280);
    assert_int_equal(cost("gcp", 5 * GIB + GIB / 4), 648144);
    assert_int_equal(cost("gcp", UINT64_C(1000000000000)), 114977359); /* 931.32 GiB. */
}

static void test_who_is_not_in_the_list_costs_nothing(void **state)
{
    (void)state;
    assert_int_equal(cost("metal", 100 * GIB), 0);
    assert_int_equal(cost("aw", 100 * GIB), 0);
    assert_int_equal(cost("", 100 * GIB), 0);
    assert_int_equal(cost("free", UINT64_MAX), 0);
    assert_int_equal(egress_cost_micros(NULL, 0, "aws", GIB), 0);
}

static void test_too_much_is_the_most(void **state)
{
    (void)state;
    assert_int_equal(cost("dear", 1), UINT64_MAX / GIB);
    assert_int_equal(cost("dear", GIB - 1), UINT64_MAX - (UINT64_C(1) << 34));
    assert_int_equal(cost("dear", GIB), UINT64_MAX);
    assert_int_equal(cost("dear", GIB + 1), UINT64_MAX);
    assert_int_equal(cost("dear", UINT64_MAX), UINT64_MAX);
    /* All bytes that 64 bits count are 2^34 GiB, less one byte. */
    assert_int_equal(cost("aws", UINT64_MAX), (UINT64_C(1) << 34) * 90000 - 1);
}

static void test_bytes_a_command(void **state)
{
    (void)state;
    assert_int_equal(egress_millibytes_per_command(0, 0), 0);
    assert_int_equal(egress_millibytes_per_command(77, 0), 0);
    assert_int_equal(egress_millibytes_per_command(9000, 1000), 9000);
    assert_int_equal(egress_millibytes_per_command(10, 3), 3333);
    assert_int_equal(egress_millibytes_per_command(1, 1001), 0);
    assert_int_equal(egress_millibytes_per_command(UINT64_MAX, 1), UINT64_MAX);
    assert_int_equal(egress_millibytes_per_command(UINT64_MAX / 8, 1000), UINT64_MAX / 8);
    assert_int_equal(egress_millibytes_per_command(UINT64_MAX - 1, UINT64_MAX), 1000);
}

/* Against the plain formula, where that fits. */
static void test_parts_come_to_the_whole(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    for (uint32_t at = 0; at < 10000; at++) {
        struct config_price price = {.provider = "x", .micros_per_gib = random_u64(&random) >> 34};
        uint64_t bytes = random_u64(&random) >> 34;
        uint64_t commands = (random_u64(&random) >> random_u64(&random) % 64) | 1;
        assert_int_equal(egress_cost_micros(&price, 1, "x", bytes),
                         bytes * price.micros_per_gib / GIB);
        assert_int_equal(egress_millibytes_per_command(bytes, commands), bytes * 1000 / commands);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_bytes_at_known_prices),
        cmocka_unit_test(test_who_is_not_in_the_list_costs_nothing),
        cmocka_unit_test(test_too_much_is_the_most),
        cmocka_unit_test(test_bytes_a_command),
        cmocka_unit_test(test_parts_come_to_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
