#include "tools/human.h"

#include "tests/support/cmocka_all.h"

static void test_numbers(void **state)
{
    (void)state;
    assert_string_equal(human_number(0).text, "0");
    assert_string_equal(human_number(999).text, "999");
    assert_string_equal(human_number(1000).text, "1,000");
    assert_string_equal(human_number(1234567).text, "1,234,567");
    assert_string_equal(human_number(UINT64_MAX).text, "18,446,744,073,709,551,615");
}

static void test_counts(void **state)
{
    (void)state;
    assert_string_equal(human_count(0).text, "0");
    assert_string_equal(human_count(999).text, "999");
    assert_string_equal(human_count(1000).text, "1.00 k");
    assert_string_equal(human_count(45678).text, "45.6 k");
    assert_string_equal(human_count(999999).text, "999 k");
    assert_string_equal(human_count(1059999).text, "1.05 M");
    assert_string_equal(human_count(UINT64_MAX).text, "18446744073 G");
}

static void test_durations(void **state)
{
    (void)state;
    assert_string_equal(human_duration(0).text, "0 ns");
    assert_string_equal(human_duration(870).text, "870 ns");
    assert_string_equal(human_duration(12345).text, "12.3 us");
    assert_string_equal(human_duration(1500000).text, "1.50 ms");
    assert_string_equal(human_duration(2750000000).text, "2.75 s");
    assert_string_equal(human_duration(200000000000).text, "3 min 20 s");
}

static void test_bytes(void **state)
{
    (void)state;
    assert_string_equal(human_bytes(512).text, "512 B");
    assert_string_equal(human_bytes(1536).text, "1.50 KiB");
    assert_string_equal(human_bytes(64u << 20).text, "64.0 MiB");
    assert_string_equal(human_bytes(UINT64_C(5) << 30).text, "5.00 GiB");
}

/* All but one is never "100 %". */
static void test_percent(void **state)
{
    (void)state;
    assert_string_equal(human_percent(0, 0).text, "100.00 %");
    assert_string_equal(human_percent(7765, 7765).text, "100.00 %");
    assert_string_equal(human_percent(999999, 1000000).text, "99.99 %");
    assert_string_equal(human_percent(1, 3).text, "33.33 %");
    assert_string_equal(human_percent(UINT64_MAX, UINT64_MAX).text, "100.00 %");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),   cmocka_unit_test(test_counts),
        cmocka_unit_test(test_durations), cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
