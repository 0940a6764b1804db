#include "replication/io/io_buffers.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/asserts.h"
#include "tests/support/cmocka_all.h"

#define BUFFERS      4u
#define BUFFER_BYTES 64u
#define HANDLES      3u

struct fixture {
    struct io_buffers buffers;
    void *block;
};

static void fixture_open(struct fixture *fixture)
{
    size_t bytes = io_buffers_memory_bytes(BUFFERS, BUFFER_BYTES, HANDLES);
    fixture->block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(fixture->block);
    memset(fixture->block, 0, bytes);
    struct arena arena;
    arena_init(&arena, fixture->block, bytes);
    io_buffers_init(&fixture->buffers, &arena, BUFFERS, BUFFER_BYTES, HANDLES);
}

/* Common ones first, then the own one of each; no two overlap; all come back. */
static void test_common_ones_then_own(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    struct io_buffers *buffers = &fixture.buffers;
    uint32_t taken[BUFFERS + HANDLES];
    for (uint32_t i = 0; i < BUFFERS; i++) {
        taken[i] = io_buffers_take(buffers, 1);
        assert_int_equal(io_buffers_owner(buffers, taken[i]), IO_HANDLE_NONE);
        assert_int_equal(io_buffers_free_count(buffers), BUFFERS - i - 1);
    }
    for (uint32_t handle = 0; handle < HANDLES; handle++) {
        taken[BUFFERS + handle] = io_buffers_take(buffers, handle);
        assert_int_equal(io_buffers_owner(buffers, taken[BUFFERS + handle]), handle);
        assert_int_equal(io_buffers_take(buffers, handle), IO_BUFFER_NONE);
    }
    for (uint32_t i = 0; i < BUFFERS + HANDLES; i++) {
        memset(io_buffers_address(buffers, taken[i]), (int)i + 1, BUFFER_BYTES);
    }
    for (uint32_t i = 0; i < BUFFERS + HANDLES; i++) {
        const uint8_t *address = io_buffers_address(buffers, taken[i]);
        assert_int_equal(address[0], i + 1);
        assert_int_equal(address[BUFFER_BYTES - 1], i + 1);
        io_buffers_give_back(buffers, taken[i]);
    }
    assert_int_equal(io_buffers_free_count(buffers), BUFFERS);
    free(fixture.block);
}

/* Where the kernel chooses, only own ones are taken here. */
static void test_kernel_chooses(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    struct io_buffers *buffers = &fixture.buffers;
    buffers->kernel_has_free = true;
    io_buffers_claim(buffers, 2);
    assert_int_equal(io_buffers_free_count(buffers), BUFFERS - 1);
    uint32_t own = io_buffers_take(buffers, 2);
    assert_int_equal(io_buffers_owner(buffers, own), 2);
    assert_int_equal(io_buffers_take(buffers, 2), IO_BUFFER_NONE);
    io_buffers_give_back(buffers, own);
    io_buffers_give_back(buffers, 2);
    assert_int_equal(io_buffers_free_count(buffers), BUFFERS);
    free(fixture.block);
}

static void test_pending_keeps_order(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    struct io_buffers *buffers = &fixture.buffers;
    struct io_handle slots[2] = {
        {.pending_first = IO_BUFFER_NONE, .pending_last = IO_BUFFER_NONE},
        {.pending_first = IO_BUFFER_NONE, .pending_last = IO_BUFFER_NONE},
    };
    uint32_t bytes;
    assert_int_equal(io_buffers_pending_pop(buffers, &slots[0], &bytes), IO_BUFFER_NONE);
    uint32_t taken[BUFFERS];
    for (uint32_t i = 0; i < BUFFERS; i++) {
        taken[i] = io_buffers_take(buffers, 0);
        io_buffers_pending_add(buffers, &slots[i % 2], taken[i], i + 1);
    }
    for (uint32_t i = 0; i < BUFFERS; i++) {
        assert_int_equal(io_buffers_pending_pop(buffers, &slots[i % 2], &bytes), taken[i]);
        assert_int_equal(bytes, i + 1);
    }
    assert_int_equal(slots[0].pending_last, IO_BUFFER_NONE);
    assert_int_equal(slots[1].pending_first, IO_BUFFER_NONE);
    free(fixture.block);
}

static void give_back_free(void *argument)
{
    io_buffers_give_back(argument, 1);
}

static void claim_twice(void *argument)
{
    io_buffers_claim(argument, 1);
    io_buffers_claim(argument, 1);
}

static void address_outside(void *argument)
{
    (void)io_buffers_address(argument, BUFFERS + HANDLES);
}

static void test_misuse_stops(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    assert_true(asserts_stop(give_back_free, &fixture.buffers));
    assert_true(asserts_stop(claim_twice, &fixture.buffers));
    assert_true(asserts_stop(address_outside, &fixture.buffers));
    free(fixture.block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_common_ones_then_own),
        cmocka_unit_test(test_kernel_chooses),
        cmocka_unit_test(test_pending_keeps_order),
        cmocka_unit_test(test_misuse_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
