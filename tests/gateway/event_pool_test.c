#include "gateway/event_pool.h"

#include <stdlib.h>

#include "tests/support/cmocka_all.h"

/* Whole blocks of 1,024 events: 600 sessions ask for more pages than the pool's 65,536. */
#define SESSIONS     600u
#define BLOCK_EVENTS 1024u

static struct event_pool *make(uint32_t sessions, uint32_t block_events)
{
    struct event_pool *pool = NULL;
    assert_int_equal(event_pool_create(&pool, sessions, block_events), STATUS_OK);
    return pool;
}

static void put(struct event_pool *pool, struct event_block *block, uint32_t events)
{
    for (uint32_t index = 0; index < events; index++) {
        struct event *event = event_pool_extend(pool, block);
        event->session_id = block->session_id;
        event->sequence = block->first_sequence + block->count - 1;
    }
}

static void check_content(struct event_pool *pool, const struct event_block *block)
{
    for (uint32_t index = 0; index < block->count; index++) {
        const struct event *event = event_pool_at(pool, block, index);
        assert_int_equal(event->session_id, block->session_id);
        assert_int_equal(event->sequence, block->first_sequence + index);
    }
}

static void test_longest_open_block_is_sealed_under_pressure(void **state)
{
    (void)state;
    struct event_pool *pool = make(SESSIONS, BLOCK_EVENTS);
    static struct event_block *blocks[SESSIONS + 1];
    uint64_t events = 0;
    struct event_block *largest = NULL;
    for (uint32_t id = 1; id <= SESSIONS; id++) {
        blocks[id] = event_pool_block(pool, id, 1, 1, true);
    }
    /* Session 7 gets a third more than the others. */
    for (uint32_t round = 0; largest == NULL; round++) {
        for (uint32_t id = 1; id <= SESSIONS && largest == NULL; id++) {
            uint32_t want = id == 7 && round % 3 == 0 ? 2 * EVENT_PAGE_EVENTS : EVENT_PAGE_EVENTS;
            for (; want > 0 && largest == NULL; want -= EVENT_PAGE_EVENTS) {
                put(pool, blocks[id], EVENT_PAGE_EVENTS);
                events += EVENT_PAGE_EVENTS;
                largest = event_pool_pressure(pool);
            }
        }
    }
    assert_ptr_equal(largest, blocks[7]);
    /* Three quarters of 65,536 pages. */
    assert_int_equal(events, 49152 * EVENT_PAGE_EVENTS);
    for (uint32_t id = 1; id <= SESSIONS; id++) {
        check_content(pool, blocks[id]);
    }
    event_pool_cache(pool, largest);
    assert_null(event_pool_pressure(pool));
    event_pool_destroy(pool);
}

static void test_cached_blocks_give_way_least_recently_used_first(void **state)
{
    (void)state;
    struct event_pool *pool = make(SESSIONS, BLOCK_EVENTS);
    uint32_t pages = 65536;
    uint32_t fits = pages / (BLOCK_EVENTS / EVENT_PAGE_EVENTS);
    for (uint32_t id = 1; id <= fits; id++) {
        struct event_block *block = event_pool_block(pool, id, 1, 1, false);
        put(pool, block, BLOCK_EVENTS);
        event_pool_cache(pool, block);
    }
    assert_non_null(event_pool_find(pool, 1, 1, 1)); /* Used: now 2 is the oldest. */
    struct event_block *block = event_pool_block(pool, fits + 1, 1, 1, false);
    put(pool, block, 1);
    event_pool_cache(pool, block);
    assert_null(event_pool_find(pool, 2, 1, 1));
    for (uint32_t id = 1; id <= fits + 1; id++) {
        struct event_block *found = event_pool_find(pool, id, 1, 1);
        assert_true((found == NULL) == (id == 2));
        if (found != NULL) {
            check_content(pool, found);
        }
    }
    event_pool_destroy(pool);
}

static void test_find_wants_session_generation_and_sequence(void **state)
{
    (void)state;
    struct event_pool *pool = make(4, 16);
    struct event_block *block = event_pool_block(pool, 3, 2, 33, true);
    put(pool, block, 10);
    assert_null(event_pool_find(pool, 3, 2, 33)); /* Open blocks belong to the store. */
    event_pool_cache(pool, block);
    assert_ptr_equal(event_pool_find(pool, 3, 2, 33), block);
    assert_ptr_equal(event_pool_find(pool, 3, 2, 42), block);
    assert_null(event_pool_find(pool, 3, 2, 43));
    assert_null(event_pool_find(pool, 3, 2, 32));
    assert_null(event_pool_find(pool, 3, 1, 33));
    assert_null(event_pool_find(pool, 4, 2, 33));
    event_pool_destroy(pool);
}

static void test_a_session_keeps_its_newest_cached_blocks(void **state)
{
    (void)state;
    struct event_pool *pool = make(4, 16);
    for (uint32_t index = 0; index < 20; index++) {
        struct event_block *block = event_pool_block(pool, 1, 1, 1 + index * 16, true);
        put(pool, block, 16);
        event_pool_cache(pool, block);
    }
    for (uint32_t index = 0; index < 20; index++) {
        assert_true((event_pool_find(pool, 1, 1, 1 + index * 16) != NULL) == (index >= 12));
    }
    event_pool_destroy(pool);
}

static void test_released_blocks_come_back(void **state)
{
    (void)state;
    struct event_pool *pool = make(1, 16);
    for (uint32_t round = 0; round < 20000; round++) {
        struct event_block *block = event_pool_block(pool, 1, 1, 1, round % 2 == 0);
        put(pool, block, 16);
        assert_int_equal(block->count, 16);
        check_content(pool, block);
        event_pool_release(pool, block);
    }
    assert_null(event_pool_pressure(pool));
    event_pool_destroy(pool);
}

static void test_memory_is_bounded(void **state)
{
    (void)state;
    struct event_pool *pool = make(16384, 256);
    assert_in_range(event_pool_bytes(pool), 64u << 20, 96u << 20);
    event_pool_destroy(pool);
    pool = make(1, 16);
    assert_in_range(event_pool_bytes(pool), 1, 1u << 20);
    event_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_open_block_is_sealed_under_pressure),
        cmocka_unit_test(test_cached_blocks_give_way_least_recently_used_first),
        cmocka_unit_test(test_find_wants_session_generation_and_sequence),
        cmocka_unit_test(test_a_session_keeps_its_newest_cached_blocks),
        cmocka_unit_test(test_released_blocks_come_back),
        cmocka_unit_test(test_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
