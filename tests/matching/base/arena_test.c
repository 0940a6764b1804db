#include "matching/base/arena.h"

#include "tests/support/cmocka_all.h"

static _Alignas(64) uint8_t memory[4096];

static void test_pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, memory, sizeof memory);
    uint8_t *first = arena_take(&arena, 3, 1, 1);
    uint64_t *second = arena_take(&arena, 5, sizeof(uint64_t), 8);
    uint8_t *third = arena_take(&arena, 1, 64, 64);
    assert_ptr_equal(first, memory);
    assert_int_equal((uintptr_t)second % 8, 0);
    assert_int_equal((uintptr_t)third % 64, 0);
    assert_true((uint8_t *)second >= first + 3);
    assert_true(third >= (uint8_t *)(second + 5));
    assert_int_equal(arena.used_bytes, (size_t)(third + 64 - memory));
}

static void test_a_piece_too_large_changes_nothing(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, memory, 128);
    assert_non_null(arena_take(&arena, 100, 1, 1));
    struct arena before = arena;
    assert_null(arena_take(&arena, 29, 1, 1));
    assert_null(arena_take(&arena, 1, 16, 64)); /* Would fit but for its alignment. */
    assert_memory_equal(&arena, &before, sizeof arena);
    assert_non_null(arena_take(&arena, 28, 1, 1));
}

static void test_sealing(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, memory, 128);
    assert_false(arena.sealed);
    arena_seal(&arena);
    assert_true(arena.sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_are_aligned_and_apart),
        cmocka_unit_test(test_a_piece_too_large_changes_nothing),
        cmocka_unit_test(test_sealing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
