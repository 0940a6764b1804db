#include "matching/base/ring.h"

#include <pthread.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

#define RING_TEST_ELEMENTS 200000u

static _Alignas(64) uint8_t memory[65536];

static void make(struct ring *ring, uint64_t capacity)
{
    struct arena arena;
    memset(memory, 0, sizeof memory);
    arena_init(&arena, memory, sizeof memory);
    assert_int_equal(ring_init(ring, &arena, capacity, sizeof(uint64_t)), STATUS_OK);
}

static void test_full_and_empty(void **state)
{
    (void)state;
    struct ring ring;
    make(&ring, 4);
    uint64_t value = 7;
    assert_int_equal(ring_pop(&ring, &value), STATUS_NOT_YET);
    assert_int_equal(value, 7);
    for (uint64_t lap = 0; lap < 3; lap++) {
        for (uint64_t i = 0; i < 4; i++) {
            value = lap * 10 + i;
            assert_int_equal(ring_push(&ring, &value), STATUS_OK);
        }
        value = 99;
        assert_int_equal(ring_push(&ring, &value), STATUS_FULL);
        assert_int_equal(ring_count(&ring), 4);
        for (uint64_t i = 0; i < 4; i++) {
            assert_int_equal(ring_pop(&ring, &value), STATUS_OK);
            assert_int_equal(value, lap * 10 + i);
        }
        assert_int_equal(ring_count(&ring), 0);
    }
}

static void test_secrets_are_wiped(void **state)
{
    (void)state;
    struct ring ring;
    make(&ring, 2);
    ring.wipe_on_pop = true;
    uint64_t secret = UINT64_C(0x5ec7e75ec7e75ec7);
    assert_int_equal(ring_push(&ring, &secret), STATUS_OK);
    uint64_t taken = 0;
    assert_int_equal(ring_pop(&ring, &taken), STATUS_OK);
    assert_int_equal(taken, secret);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(ring.elements[i], 0);
    }
}

static void test_arena_too_small(void **state)
{
    (void)state;
    struct arena arena;
    struct ring ring;
    arena_init(&arena, memory, 256);
    assert_int_equal(ring_init(&ring, &arena, 64, sizeof(uint64_t)), STATUS_FULL);
}

static void *produce(void *argument)
{
    struct ring *ring = argument;
    for (uint64_t i = 0; i < RING_TEST_ELEMENTS; i++) {
        while (ring_push(ring, &i) == STATUS_FULL) {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void test_two_threads_keep_order(void **state)
{
    (void)state;
    static struct ring ring;
    make(&ring, 64);
    pthread_t producer;
    assert_int_equal(pthread_create(&producer, NULL, produce, &ring), 0);
    for (uint64_t expected = 0; expected < RING_TEST_ELEMENTS;) {
        uint64_t value;
        if (ring_pop(&ring, &value) == STATUS_OK) {
            assert_int_equal(value, expected);
            expected++;
        } else {
            (void)sched_yield();
        }
    }
    assert_int_equal(pthread_join(producer, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_and_empty),
        cmocka_unit_test(test_secrets_are_wiped),
        cmocka_unit_test(test_arena_too_small),
        cmocka_unit_test(test_two_threads_keep_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
