#include "tools/decimal.h"

#include <stdio.h>
#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

static void exact_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t decimals;
        int64_t scaled;
        const char *shortest;
    } rows[] = {
        {"0", 0, 0, "0"},
        {"-0", 4, 0, "0"},
        {"12.5", 4, 125000, "12.5"},
        {"12.5000", 4, 125000, "12.5"},
        {"12.50000000", 4, 125000, "12.5"},
        {"+1", 2, 100, "1"},
        {"-0.01", 2, -1, "-0.01"},
        {"007", 1, 70, "7"},
        {"199999.99", 4, 1999999900, "199999.99"},
        {"0.00000001", 8, 1, "0.00000001"},
        /* Not representable in binary floating point. */
        {"0.1", 18, INT64_C(100000000000000000), "0.1"},
        {"4611686018427387.904", 3, INT64_C(1) << 62, "4611686018427387.904"},
        {"9223372036854775807", 0, INT64_MAX, "9223372036854775807"},
        {"-9223372036854775808", 0, INT64_MIN, "-9223372036854775808"},
        {"-9.223372036854775808", 18, INT64_MIN, "-9.223372036854775808"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t scaled = 77;
        assert_int_equal(decimal_parse(&scaled, rows[i].text, rows[i].decimals), STATUS_OK);
        assert_true(scaled == rows[i].scaled);
        char text[DECIMAL_TEXT_BYTES];
        decimal_format(text, scaled, rows[i].decimals);
        assert_string_equal(text, rows[i].shortest);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t decimals;
        enum status status;
    } rows[] = {
        {"", 2, STATUS_BAD_FORMAT},
        {"-", 2, STATUS_BAD_FORMAT},
        {".5", 2, STATUS_BAD_FORMAT},
        {"1.", 2, STATUS_BAD_FORMAT},
        {"1e3", 2, STATUS_BAD_FORMAT},
        {"1,5", 2, STATUS_BAD_FORMAT},
        {" 1", 2, STATUS_BAD_FORMAT},
        {"1 ", 2, STATUS_BAD_FORMAT},
        {"--1", 2, STATUS_BAD_FORMAT},
        {"0x10", 2, STATUS_BAD_FORMAT},
        {"1.2.3", 2, STATUS_BAD_FORMAT},
        {"nan", 2, STATUS_BAD_FORMAT},
        {"0.001", 2, STATUS_BAD_ARGUMENT},
        {"1.5", 0, STATUS_BAD_ARGUMENT},
        {"9223372036854775808", 0, STATUS_FULL},
        {"-9223372036854775809", 0, STATUS_FULL},
        {"1", 18, STATUS_OK},
        {"10", 18, STATUS_FULL},
        {"99999999999999999999999999", 0, STATUS_FULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t scaled = 77;
        enum status status = decimal_parse(&scaled, rows[i].text, rows[i].decimals);
        if (status != rows[i].status) {
            print_error("%s\n", rows[i].text);
        }
        assert_int_equal(status, rows[i].status);
        assert_true(status == STATUS_OK || scaled == 77);
    }
}

static void any_value_there_and_back(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    for (int i = 0; i < 100000; i++) {
        uint32_t decimals = (uint32_t)random_below(&random, DECIMAL_DECIMALS_MAX + 1);
        int64_t scaled = (int64_t)(random_u64(&random) >> random_below(&random, 64));
        scaled = random_below(&random, 2) == 0 ? scaled : -scaled;
        char text[DECIMAL_TEXT_BYTES];
        int64_t again = 0;
        decimal_format(text, scaled, decimals);
        assert_int_equal(decimal_parse(&again, text, decimals), STATUS_OK);
        assert_true(again == scaled);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact_values),
        cmocka_unit_test(refused),
        cmocka_unit_test(any_value_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
