#include "matching/name_index.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static _Alignas(64) uint8_t memory[1u << 22];

static struct arena fresh(size_t bytes)
{
    memset(memory, 0, sizeof memory);
    struct arena arena;
    arena_init(&arena, memory, bytes);
    return arena;
}

static void test_names_are_found_and_others_are_not(void **state)
{
    (void)state;
    struct arena arena = fresh(name_index_bytes(1000));
    struct name_index index;
    assert_int_equal(name_index_create(&index, &arena, 1000), STATUS_OK);
    for (uint32_t id = 1; id <= 1000; id++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%-8u", id * 7);
        uint64_t name = name_index_pack((const uint8_t *)text, 8);
        assert_int_equal(name_index_find(&index, name), 0);
        name_index_add(&index, name, id);
    }
    for (uint32_t id = 1; id <= 1000; id++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%-8u", id * 7);
        assert_int_equal(name_index_find(&index, name_index_pack((const uint8_t *)text, 8)), id);
        (void)snprintf(text, sizeof text, "%-8u", id * 7 + 1);
        assert_int_equal(name_index_find(&index, name_index_pack((const uint8_t *)text, 8)), 0);
    }
    assert_int_equal(name_index_pack((const uint8_t *)"AB", 2), 'A' | 'B' << 8);
}

static void test_names_that_are_right_and_wrong(void **state)
{
    (void)state;
    static const char *const right[] = {"A       ", "ABCDEFGH", "a.B-1   ", "~       "};
    static const char *const wrong[] = {"        ", " A      ", "A B     ", "A\x7f      ",
                                        "A\0      "};
    for (size_t i = 0; i < 4; i++) {
        assert_true(name_index_valid((const uint8_t *)right[i], 8));
    }
    for (size_t i = 0; i < 5; i++) {
        assert_false(name_index_valid((const uint8_t *)wrong[i], 8));
    }
}

static void test_an_arena_too_small(void **state)
{
    (void)state;
    struct arena arena = fresh(64);
    struct name_index index;
    assert_int_equal(name_index_create(&index, &arena, 1000), STATUS_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_found_and_others_are_not),
        cmocka_unit_test(test_names_that_are_right_and_wrong),
        cmocka_unit_test(test_an_arena_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
