#include "tools/number_table.h"

#include <stdio.h>
#include <stdlib.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

#define KEYS 500u

/* Against a plain array, through many random changes: every key is found or not as it should be. */
static void test_against_an_array(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given == NULL ? 7 : strtoull(given, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    struct random random;
    random_seed(&random, seed);
    struct number_table table;
    assert_int_equal(number_table_create(&table, 200), STATUS_OK);
    static uint32_t values[KEYS]; /* 0: not there. */
    uint64_t count = 0;
    for (uint32_t round = 1; round <= 100000; round++) {
        uint64_t key = random_below(&random, KEYS);
        if (random_below(&random, 2) == 0) {
            enum status status = number_table_put(&table, key << 40 | key, round);
            bool fits = values[key] != 0 || count < 200;
            assert_int_equal(status, fits ? STATUS_OK : STATUS_FULL);
            if (fits) {
                count += values[key] == 0;
                values[key] = round;
            }
        } else {
            assert_int_equal(number_table_remove(&table, key << 40 | key), values[key] != 0);
            count -= values[key] != 0;
            values[key] = 0;
        }
        assert_int_equal(table.count, count);
        if (round % 500 != 0) {
            continue;
        }
        for (uint64_t i = 0; i < KEYS; i++) {
            uint32_t value = 0;
            assert_int_equal(number_table_find(&table, i << 40 | i, &value), values[i] != 0);
            assert_int_equal(value, values[i]);
        }
    }
    number_table_destroy(&table);
}

static void test_odd_keys(void **state)
{
    (void)state;
    struct number_table table;
    assert_int_equal(number_table_create(&table, 2), STATUS_OK);
    uint32_t value = 9;
    assert_false(number_table_find(&table, 0, &value));
    assert_false(number_table_remove(&table, 0));
    assert_int_equal(number_table_put(&table, 0, 0), STATUS_OK);
    assert_int_equal(number_table_put(&table, UINT64_MAX, 1), STATUS_OK);
    assert_true(number_table_find(&table, 0, &value));
    assert_int_equal(value, 0);
    assert_true(number_table_find(&table, UINT64_MAX, &value));
    assert_int_equal(value, 1);
    number_table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_an_array),
        cmocka_unit_test(test_odd_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
