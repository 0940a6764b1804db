#include "matching/order_index.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

#define ORDERS 4000u

static _Alignas(64) uint8_t memory[1u << 22];

static struct arena fresh(size_t bytes)
{
    memset(memory, 0, sizeof memory);
    struct arena arena;
    arena_init(&arena, memory, bytes);
    return arena;
}

static struct order_pool pool;
static struct order_index index_;

static void open_index(uint32_t count_max)
{
    struct arena arena = fresh(sizeof memory);
    assert_int_equal(order_pool_create(&pool, &arena, count_max), STATUS_OK);
    assert_int_equal(order_index_create(&index_, &arena, count_max), STATUS_OK);
}

static uint64_t hash_of(uint32_t slot)
{
    const struct order *order = &pool.orders[slot];
    return order_index_hash(&index_, order->session_id, order->channel, order->user_reference);
}

static uint32_t find(uint32_t session_id, uint8_t channel, uint32_t reference)
{
    uint64_t hash = order_index_hash(&index_, session_id, channel, reference);
    return order_index_find(&index_, &pool, hash, session_id, channel, reference);
}

static void add(uint32_t slot, uint32_t session_id, uint8_t channel, uint32_t reference)
{
    pool.orders[slot] = (struct order){.session_id = (uint16_t)session_id,
                                       .channel = channel,
                                       .user_reference = reference};
    order_index_add(&index_, hash_of(slot), slot);
}

static void expect_empty(void)
{
    for (uint32_t i = 0; i <= index_.mask; i++) {
        assert_int_equal(index_.lines[i].strayed, 0);
        for (uint32_t place = 0; place < ORDER_INDEX_PLACES; place++) {
            assert_int_equal(index_.lines[i].slots[place], 0);
        }
    }
}

/* Against a plain table, up to the last order that there is room for. */
static void test_random_orders_come_and_go(void **state)
{
    (void)state;
    open_index(ORDERS);
    struct random random;
    random_seed(&random, 7);
    static bool there[ORDERS + 1];
    memset(there, 0, sizeof there);
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t slot = 1 + (uint32_t)random_below(&random, ORDERS);
        /* A key for each slot: few sessions, runs of references, some far apart. */
        uint32_t session_id = 1 + slot % 3;
        uint32_t reference = slot / 3 * (slot % 2 == 0 ? 1 : 4099);
        uint8_t channel = (uint8_t)(slot % 5 == 0 ? 15 : 0);
        assert_int_equal(find(session_id, channel, reference), there[slot] ? slot : 0);
        if (there[slot]) {
            order_index_remove(&index_, hash_of(slot), slot);
        } else {
            add(slot, session_id, channel, reference);
        }
        there[slot] = !there[slot];
    }
    for (uint32_t slot = 1; slot <= ORDERS; slot++) {
        uint32_t reference = slot / 3 * (slot % 2 == 0 ? 1 : 4099);
        uint8_t channel = (uint8_t)(slot % 5 == 0 ? 15 : 0);
        assert_int_equal(find(1 + slot % 3, channel, reference), there[slot] ? slot : 0);
        if (there[slot]) {
            order_index_remove(&index_, hash_of(slot), slot);
        }
    }
    expect_empty();
}

/* What an attacker who knew the multiplier could do: every order in one place of one line. */
static void test_all_orders_in_one_line(void **state)
{
    (void)state;
    open_index(64);
    index_.multiplier = UINT64_C(1) << 63; /* The line is the last bit of reference / 8. */
    for (uint32_t slot = 1; slot <= 64; slot++) {
        add(slot, 1, 0, slot * 16);
    }
    for (uint32_t slot = 1; slot <= 64; slot++) {
        assert_int_equal(find(1, 0, slot * 16), slot);
    }
    assert_int_equal(find(1, 0, 65 * 16), 0);
    for (uint32_t slot = 1; slot <= 64; slot += 2) {
        order_index_remove(&index_, hash_of(slot), slot);
        assert_int_equal(find(1, 0, slot * 16), 0);
    }
    for (uint32_t slot = 2; slot <= 64; slot += 2) {
        assert_int_equal(find(1, 0, slot * 16), slot);
        order_index_remove(&index_, hash_of(slot), slot);
    }
    expect_empty();
}

static void test_neighbours_of_a_key_are_other_keys(void **state)
{
    (void)state;
    open_index(64);
    add(9, 5, 2, 1000);
    assert_int_equal(find(5, 2, 1000), 9);
    assert_int_equal(find(6, 2, 1000), 0);
    assert_int_equal(find(5, 3, 1000), 0);
    assert_int_equal(find(5, 2, 1001), 0);
    assert_int_equal(find(5, 2, 1008), 0);
    assert_int_equal(find(5, 255, 1000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_orders_come_and_go),
        cmocka_unit_test(test_all_orders_in_one_line),
        cmocka_unit_test(test_neighbours_of_a_key_are_other_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
