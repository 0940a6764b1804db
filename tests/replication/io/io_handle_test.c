#include "replication/io/io_handle.h"

#include <stdlib.h>

#include "tests/support/asserts.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

#define HANDLES 5u

struct fixture {
    struct arena arena;
    struct io_handle_table table;
    void *block;
};

static void fixture_open(struct fixture *fixture)
{
    size_t bytes = io_handle_table_bytes(HANDLES);
    fixture->block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(fixture->block);
    for (size_t i = 0; i < bytes; i++) {
        ((uint8_t *)fixture->block)[i] = 0;
    }
    arena_init(&fixture->arena, fixture->block, bytes);
    io_handle_init(&fixture->table, &fixture->arena, HANDLES);
}

static uint32_t take(struct fixture *fixture)
{
    uint32_t handle;
    assert_int_equal(io_handle_take(&fixture->table, IO_HANDLE_CONNECTION, 7, &handle), STATUS_OK);
    assert_true(handle < HANDLES);
    return handle;
}

static void test_all_are_used_once(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    bool seen[HANDLES] = {false};
    for (uint32_t i = 0; i < HANDLES; i++) {
        uint32_t handle = take(&fixture);
        assert_false(seen[handle]);
        seen[handle] = true;
    }
    uint32_t handle = 4242;
    assert_int_equal(io_handle_take(&fixture.table, IO_HANDLE_FILE, 7, &handle), STATUS_FULL);
    assert_int_equal(handle, 4242);
    assert_int_equal(fixture.table.used_count, HANDLES);
    io_handle_give_back(&fixture.table, 3);
    assert_int_equal(take(&fixture), 3);
    free(fixture.block);
}

/* A number given back rests longest, and its next user has another generation and a clean slate. */
static void test_a_number_rests_and_changes_generation(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    uint32_t first = take(&fixture);
    struct io_handle *slot = io_handle_at(&fixture.table, first);
    uint32_t generation = slot->generation;
    slot->closing = true;
    slot->backend_flags = 5;
    io_handle_list_add(&fixture.table, IO_LIST_READY, first);
    io_handle_give_back(&fixture.table, first);
    assert_int_equal(fixture.table.lists[IO_LIST_READY].count, 0);
    for (uint32_t i = 0; i + 1 < HANDLES; i++) {
        assert_int_not_equal(take(&fixture), first);
    }
    assert_int_equal(take(&fixture), first);
    assert_int_not_equal(slot->generation, generation);
    assert_false(slot->closing);
    assert_int_equal(slot->backend_flags, 0);
    slot->generation = (1u << IO_HANDLE_GENERATION_BITS) - 1;
    io_handle_give_back(&fixture.table, first);
    assert_int_equal(slot->generation, 0);
    free(fixture.block);
}

/* Random additions and removals against a plain array. */
static void test_lists_keep_order(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    struct random random;
    test_seed(&random);
    for (uint32_t i = 0; i < HANDLES; i++) {
        (void)take(&fixture);
    }
    uint32_t expected[HANDLES];
    uint32_t expected_count = 0;
    for (int step = 0; step < 5000; step++) {
        uint32_t handle = (uint32_t)random_below(&random, HANDLES);
        uint32_t at = 0;
        while (at < expected_count && expected[at] != handle) {
            at++;
        }
        uint64_t action = random_below(&random, 3);
        if (action == 0) {
            io_handle_list_add(&fixture.table, IO_LIST_WORK, handle);
            if (at == expected_count) {
                expected[expected_count++] = handle;
            }
            continue;
        }
        if (action == 1) {
            io_handle_list_remove(&fixture.table, IO_LIST_WORK, handle);
        } else {
            uint32_t first = expected_count > 0 ? expected[0] : IO_HANDLE_NONE;
            assert_int_equal(io_handle_list_pop(&fixture.table, IO_LIST_WORK), first);
            at = 0;
        }
        for (uint32_t i = at; i + 1 < expected_count; i++) {
            expected[i] = expected[i + 1];
        }
        expected_count -= at < expected_count ? 1 : 0;
        assert_int_equal(fixture.table.lists[IO_LIST_WORK].count, expected_count);
    }
    free(fixture.block);
}

static void use_free(void *argument)
{
    (void)io_handle_at(argument, 2);
}

static void use_outside(void *argument)
{
    (void)io_handle_at(argument, HANDLES);
}

static void give_back_in_flight(void *argument)
{
    struct io_handle_table *table = argument;
    io_handle_at(table, 0)->in_flight = 1;
    io_handle_give_back(table, 0);
}

static void test_misuse_stops(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    assert_int_equal(take(&fixture), 0);
    assert_true(asserts_stop(use_free, &fixture.table));
    assert_true(asserts_stop(use_outside, &fixture.table));
    assert_true(asserts_stop(give_back_in_flight, &fixture.table));
    free(fixture.block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_are_used_once),
        cmocka_unit_test(test_a_number_rests_and_changes_generation),
        cmocka_unit_test(test_lists_keep_order),
        cmocka_unit_test(test_misuse_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
