#include "tools/replay_compare.h"

#include "tests/support/cmocka_all.h"

#define TAKE(n) (MARKET_TAKE_ID + (n))

static const struct market_fill fills[] = {
    {.take_id = TAKE(1), .resting_id = 11, .line = 5, .price = 100, .quantity = 3},
    {.take_id = TAKE(1), .resting_id = 10, .line = 5, .price = 100, .quantity = 4},
    {.take_id = TAKE(2), .resting_id = 10, .line = 9, .price = 101, .quantity = 1},
    {.take_id = TAKE(3), .resting_id = 12, .line = 12, .price = 99, .quantity = 7},
};

struct told_side {
    uint64_t match;
    uint64_t id;
    bool added;
    int64_t price;
    uint64_t quantity;
};

static const struct told_side right[] = {
    {1, 11, true, 100, 3},       {1, TAKE(1), false, 100, 3}, {2, TAKE(1), false, 100, 4},
    {3, 10, true, 101, 1},       {2, 10, true, 100, 4},       {4, 12, true, 99, 7},
    {3, TAKE(2), false, 101, 1}, {4, TAKE(3), false, 99, 7},
};
#define SIDES (sizeof right / sizeof right[0])

static struct replay_result compare(const struct told_side *sides, size_t count)
{
    struct replay_compare *compare;
    struct replay_result result;
    assert_int_equal(replay_compare_create(&compare, fills, 4), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(replay_compare_side(compare, sides[i].match, sides[i].id, sides[i].added,
                                             sides[i].price, sides[i].quantity),
                         STATUS_OK);
    }
    assert_int_equal(replay_compare_close(compare, &result), STATUS_OK);
    replay_compare_destroy(compare);
    return result;
}

static void test_all_reproduced(void **state)
{
    (void)state;
    struct replay_result result = compare(right, SIDES);
    assert_int_equal(result.recorded, 4);
    assert_int_equal(result.reproduced, 4);
    assert_int_equal(result.unexpected, 0);
    assert_int_equal(result.mismatch_count, 0);
}

/* Whatever one thing is changed, the result is not whole any more. */
static void test_one_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < SIDES; i++) {
        struct told_side sides[SIDES];
        for (uint32_t change = 0; change < 4; change++) {
            for (size_t j = 0; j < SIDES; j++) {
                sides[j] = right[j];
            }
            switch (change) {
            case 0:
                sides[i].price++;
                break;
            case 1:
                sides[i].quantity++;
                break;
            case 2:
                sides[i].id += 100;
                break;
            default:
                sides[i].added = !sides[i].added;
                break;
            }
            struct replay_result result = compare(sides, SIDES);
            assert_int_equal(result.reproduced, 3);
            assert_true(result.unexpected > 0);
            assert_true(result.mismatch_count > 0);
        }
    }
}

static void test_nothing_executed(void **state)
{
    (void)state;
    struct replay_result result = compare(NULL, 0);
    assert_int_equal(result.reproduced, 0);
    assert_int_equal(result.mismatch_count, 4);
    assert_int_equal(result.mismatches[0].line, 5);
    assert_int_equal(result.mismatches[3].line, 12);
    assert_int_equal(result.mismatches[3].recorded, 7);
    assert_int_equal(result.mismatches[3].executed, 0);
}

static void test_one_more(void **state)
{
    (void)state;
    struct told_side sides[SIDES + 2];
    for (size_t i = 0; i < SIDES; i++) {
        sides[i] = right[i];
    }
    sides[SIDES] = (struct told_side){9, 77, true, 100, 1};
    sides[SIDES + 1] = (struct told_side){9, 78, false, 100, 1};
    struct replay_result result = compare(sides, SIDES + 2);
    assert_int_equal(result.reproduced, 4);
    assert_int_equal(result.unexpected, 1);
    assert_int_equal(result.mismatches[0].line, 0);
    assert_int_equal(result.mismatches[0].take_id, 78);
    assert_int_equal(result.mismatches[0].match_number, 9);
}

/* The first ten by their place in the file, whatever order they are found in. */
static void test_first_ten(void **state)
{
    (void)state;
    struct market_fill many[100];
    for (uint64_t i = 0; i < 100; i++) {
        many[i] = (struct market_fill){.take_id = TAKE(i + 1),
                                       .resting_id = i + 1,
                                       .line = 1000 - i * 7 % 100,
                                       .price = 1,
                                       .quantity = 1};
    }
    struct replay_compare *compare_many;
    struct replay_result result;
    assert_int_equal(replay_compare_create(&compare_many, many, 100), STATUS_OK);
    assert_int_equal(replay_compare_close(compare_many, &result), STATUS_OK);
    assert_int_equal(result.mismatch_count, REPLAY_COMPARE_MISMATCHES_MAX);
    for (uint32_t i = 0; i < REPLAY_COMPARE_MISMATCHES_MAX; i++) {
        assert_int_equal(result.mismatches[i].line, 901 + i);
    }
    replay_compare_destroy(compare_many);
}

static void test_volumes(void **state)
{
    (void)state;
    struct replay_compare *volumes_of;
    assert_int_equal(replay_compare_create(&volumes_of, NULL, 0), STATUS_OK);
    for (size_t i = 0; i < SIDES; i++) {
        assert_int_equal(replay_compare_side(volumes_of, right[i].match, right[i].id,
                                             right[i].added, right[i].price, right[i].quantity),
                         STATUS_OK);
    }
    const uint64_t ids[] = {10, TAKE(1), 77, 11, 12};
    uint64_t volumes[5];
    assert_int_equal(replay_compare_volumes(volumes_of, ids, 5, volumes), STATUS_OK);
    const uint64_t expected[] = {5, 7, 0, 3, 7};
    assert_memory_equal(volumes, expected, sizeof expected);
    replay_compare_destroy(volumes_of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_reproduced),   cmocka_unit_test(test_one_change),
        cmocka_unit_test(test_nothing_executed), cmocka_unit_test(test_one_more),
        cmocka_unit_test(test_first_ten),        cmocka_unit_test(test_volumes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
