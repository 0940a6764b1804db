#include "tools/flow_book.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

#define INSTRUMENTS 3u
#define KNOWN       600u

struct known {
    struct flow_book_order order;
    uint32_t slot;
    uint64_t arrival;
    bool open;
};

/* The open order that ranks first, by looking at all. */
static uint32_t model_best(const struct known *known, uint32_t instrument, enum side side)
{
    const struct known *best = NULL;
    for (uint32_t index = 0; index < KNOWN; index++) {
        const struct known *other = &known[index];
        if (!other->open || other->order.instrument != instrument || other->order.side != side) {
            continue;
        }
        bool better = best == NULL || (side == SIDE_BUY ? other->order.tick > best->order.tick
                                                        : other->order.tick < best->order.tick);
        if (better || (other->order.tick == best->order.tick && other->arrival < best->arrival)) {
            best = other;
        }
    }
    return best == NULL ? FLOW_BOOK_NONE : best->slot;
}

static void check(const struct flow_book *book, const struct known *known)
{
    for (uint32_t instrument = 0; instrument < INSTRUMENTS; instrument++) {
        assert_int_equal(flow_book_best(book, instrument, SIDE_BUY),
                         model_best(known, instrument, SIDE_BUY));
        assert_int_equal(flow_book_best(book, instrument, SIDE_SELL),
                         model_best(known, instrument, SIDE_SELL));
        uint32_t open = 0;
        for (uint32_t index = 0; index < KNOWN; index++) {
            if (known[index].open && known[index].order.instrument == instrument) {
                uint32_t at = flow_book_order(book, known[index].slot)->live_at;
                assert_int_equal(flow_book_live(book, instrument, at), known[index].slot);
                assert_int_equal(flow_book_order(book, known[index].slot)->leaves,
                                 known[index].order.leaves);
                open++;
            }
        }
        assert_int_equal(flow_book_live_count(book, instrument), open);
    }
}

static void test_equals_a_search_through_all_orders(void **state)
{
    (void)state;
    const char *text = getenv("SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20260105;
    print_message("SEED=%llu\n", (unsigned long long)seed);
    struct random random;
    random_seed(&random, seed);
    struct flow_book *book = NULL;
    static struct known known[KNOWN];
    memset(known, 0, sizeof known);
    assert_int_equal(flow_book_create(&book, INSTRUMENTS), STATUS_OK);
    for (uint64_t step = 1; step <= 20000; step++) {
        struct known *chosen = &known[random_below(&random, KNOWN)];
        /* Few open orders in some stretches, many in others, so that sides become empty. */
        bool grows = step / 1000 % 2 == 0;
        if (chosen->open) {
            uint64_t lots = grows ? 1 : chosen->order.leaves;
            flow_book_take(book, chosen->slot, lots);
            chosen->order.leaves -= lots;
            chosen->open = chosen->order.leaves > 0;
        } else if (grows || random_below(&random, 8) == 0) {
            /* Sides apart, and ends of the ladder among them. */
            bool buys = random_below(&random, 2) == 0;
            uint64_t away = random_below(&random, 3) == 0
                                ? 4095
                                : random_below(&random, random_below(&random, 4000) + 1);
            chosen->order =
                (struct flow_book_order){.leaves = 1 + random_below(&random, 4),
                                         .number = step,
                                         .instrument = (uint16_t)random_below(&random, INSTRUMENTS),
                                         .tick = (uint16_t)(buys ? 4095 - away : 4096 + away),
                                         .side = buys ? SIDE_BUY : SIDE_SELL};
            chosen->slot = flow_book_add(book, &chosen->order);
            chosen->arrival = step;
            chosen->open = true;
            assert_int_equal(chosen->slot / FLOW_BOOK_ORDERS_MAX, chosen->order.instrument);
        }
        if (step % 50 == 0) {
            check(book, known);
        }
    }
    flow_book_destroy(book);
}

static void test_an_instrument_has_room_for_so_many(void **state)
{
    (void)state;
    struct flow_book *book = NULL;
    assert_int_equal(flow_book_create(&book, 2), STATUS_OK);
    struct flow_book_order order = {.leaves = 1, .instrument = 1, .tick = 5, .side = SIDE_BUY};
    for (uint32_t index = 0; index < FLOW_BOOK_ORDERS_MAX; index++) {
        order.number = index + 1;
        assert_int_equal(flow_book_add(book, &order), FLOW_BOOK_ORDERS_MAX + index);
    }
    assert_int_equal(flow_book_add(book, &order), FLOW_BOOK_NONE);
    flow_book_remove(book, FLOW_BOOK_ORDERS_MAX + 17);
    assert_int_equal(flow_book_add(book, &order), FLOW_BOOK_ORDERS_MAX + 17);
    flow_book_destroy(book);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equals_a_search_through_all_orders),
        cmocka_unit_test(test_an_instrument_has_room_for_so_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
