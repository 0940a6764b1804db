#include "gateway/event_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/event_flow.h"

#define EVENTS EVENT_COLUMNS_EVENTS_MAX

struct fixture {
    struct event_columns_scratch *scratch;
    struct event events[EVENTS];
    struct event copies[EVENTS];
    const struct event *sources[EVENTS];
    struct event *targets[EVENTS];
    uint8_t *packed;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fixture->scratch = malloc(event_columns_scratch_bytes());
    fixture->packed = malloc(event_columns_bound(EVENTS));
    assert_non_null(fixture->scratch);
    assert_non_null(fixture->packed);
    for (uint32_t index = 0; index < EVENTS; index++) {
        fixture->sources[index] = &fixture->events[index];
        fixture->targets[index] = &fixture->copies[index];
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->scratch);
    free(fixture->packed);
    free(fixture);
    return 0;
}

static uint64_t seed(void)
{
    const char *text = getenv("SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 0) : 20260101;
    print_message("SEED=%llu\n", (unsigned long long)value);
    return value;
}

/* Packs the first `count` events and checks that exactly they come back. */
static size_t check_round_trip(struct fixture *fixture, uint32_t count)
{
    struct event_columns_packed packed =
        event_columns_pack(fixture->packed, fixture->sources, count, fixture->scratch);
    assert_true(packed.bytes <= event_columns_bound(count));
    memset(fixture->copies, 0xAA, sizeof fixture->copies);
    /* The working memory of another call must not matter. */
    memset(fixture->scratch, 0x55, event_columns_scratch_bytes());
    assert_int_equal(event_columns_unpack(fixture->targets, count, fixture->packed, packed,
                                          fixture->scratch),
                     STATUS_OK);
    for (uint32_t index = 0; index < count; index++) {
        struct event expected = fixture->events[index];
        expected.session_id = 0;
        expected.sequence = 0;
        assert_memory_equal(&fixture->copies[index], &expected, sizeof expected);
    }
    return packed.bytes;
}

static void test_market_events_round_trip(void **state)
{
    struct fixture *fixture = *state;
    uint64_t start = seed();
    for (uint32_t round = 0; round < 60; round++) {
        struct event_flow flow;
        event_flow_create(&flow, start + round, 1 + round % 7, 1 + round * 9 % 400,
                          (enum event_flow_clients)(round % 3));
        for (uint32_t index = 0; index < EVENTS; index++) {
            event_flow_next(&flow, true, &fixture->events[index]);
        }
        event_flow_destroy(&flow);
        (void)check_round_trip(fixture, 1 + round * 131 % EVENTS);
        size_t bytes = check_round_trip(fixture, EVENTS);
        assert_true(bytes < EVENTS * 40);
    }
}

static uint64_t extreme(struct random *random)
{
    uint64_t bits = random_u64(random);
    switch (random_below(random, 5)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return UINT64_C(1) << 63;
    case 3:
        return bits >> (bits & 63);
    default:
        return bits;
    }
}

/* Every field at any value, as long as what event_bytes() cuts off and reserved bytes are zero. */
static void fill_any(struct random *random, struct event *event)
{
    static const uint8_t types[] = {EVENT_SYSTEM,         EVENT_ORDER_ACCEPTED,
                                    EVENT_ORDER_REPLACED, EVENT_ORDER_CANCELED,
                                    EVENT_ORDER_EXECUTED, EVENT_ORDER_REJECTED,
                                    EVENT_ACCOUNT,        EVENT_SESSION_LOGON,
                                    EVENT_SESSION_LOGOFF, EVENT_ADMINISTRATION};
    uint8_t *bytes = (uint8_t *)event;
    for (size_t index = 0; index < sizeof *event; index += 8) {
        uint64_t word = extreme(random);
        memcpy(bytes + index, &word, sizeof word);
    }
    event->type = types[random_below(random, sizeof types)];
    event->user_reference = (uint32_t)random_below(random, 40);
    event->channel &= 3;
    event->reserved = 0;
    memset(event->reserved_2, 0, sizeof event->reserved_2);
    memset(bytes + event_bytes(event->type), 0, sizeof *event - event_bytes(event->type));
}

static void test_any_values_round_trip(void **state)
{
    struct fixture *fixture = *state;
    struct random random;
    random_seed(&random, seed());
    for (uint32_t round = 0; round < 60; round++) {
        for (uint32_t index = 0; index < EVENTS; index++) {
            fill_any(&random, &fixture->events[index]);
        }
        (void)check_round_trip(fixture, EVENTS);
        (void)check_round_trip(fixture, 1 + (uint32_t)random_below(&random, 20));
    }
}

static void test_counting_client_ids_cost_nothing(void **state)
{
    struct fixture *fixture = *state;
    size_t bytes[3];
    for (uint32_t clients = 0; clients < 3; clients++) {
        struct event_flow flow;
        event_flow_create(&flow, 5, 1, 10, (enum event_flow_clients)clients);
        for (uint32_t index = 0; index < 256; index++) {
            event_flow_next(&flow, false, &fixture->events[index]);
        }
        event_flow_destroy(&flow);
        bytes[clients] = check_round_trip(fixture, 256);
    }
    assert_in_range(bytes[EVENT_FLOW_COUNTING], 1, bytes[EVENT_FLOW_EMPTY] + 20);
    assert_true(bytes[EVENT_FLOW_RANDOM] > bytes[EVENT_FLOW_EMPTY] + 1000);
}

/* What follows an order in its block is told by the order. */
static void test_events_of_known_orders_are_short(void **state)
{
    struct fixture *fixture = *state;
    struct random random;
    random_seed(&random, seed());
    memset(fixture->events, 0, sizeof fixture->events);
    for (uint32_t index = 0; index < 300; index++) {
        struct event *event = &fixture->events[index];
        *event = (struct event){.type = EVENT_ORDER_ACCEPTED,
                                .user_reference = 1 + index,
                                .instrument_id = 1 + (uint32_t)random_below(&random, 4000),
                                .quantity_lots = 1000 + random_below(&random, 1000000),
                                .price = (int64_t)random_below(&random, 1000000)};
        memcpy(event->symbol, "ABC     ", SYMBOL_BYTES);
    }
    size_t orders = check_round_trip(fixture, 300);
    for (uint32_t index = 300; index < 900; index++) {
        struct event *event = &fixture->events[index];
        const struct event *order = &fixture->events[index % 300];
        bool trades = index < 600;
        *event = (struct event){.type = trades ? EVENT_ORDER_EXECUTED : EVENT_ORDER_CANCELED,
                                .user_reference = order->user_reference,
                                .instrument_id = order->instrument_id,
                                .timestamp_ns = (index - 299) * UINT64_C(500),
                                .quantity_lots = trades ? order->quantity_lots - 7 : 7,
                                .match_number = trades ? index : 0,
                                .price = trades ? order->price : 0};
    }
    size_t trades = check_round_trip(fixture, 600);
    size_t all = check_round_trip(fixture, 900);
    /* Executions nine bytes, cancels seven, most of it the one that each column takes and that a
     * compressor makes smaller; without the order's open quantity a cancel would cost two more. */
    assert_in_range(trades - orders, 2600, 2850);
    assert_in_range(all - trades, 1980, 2180);
}

/* Packs twice, behind other blocks; the bytes must not show them. */
static void test_bytes_follow_from_the_events(void **state)
{
    struct fixture *fixture = *state;
    struct event_flow flow;
    static uint8_t first[1 << 18];
    event_flow_create(&flow, seed(), 3, 300, EVENT_FLOW_COUNTING);
    for (uint32_t index = 0; index < EVENTS; index++) {
        event_flow_next(&flow, true, &fixture->events[index]);
    }
    event_flow_destroy(&flow);
    for (uint32_t begin = 0; begin + 128 <= EVENTS; begin += 128) {
        const struct event *const *sources = fixture->sources + begin;
        memset(fixture->scratch, 0, event_columns_scratch_bytes());
        struct event_columns_packed alone =
            event_columns_pack(fixture->packed, sources, 128, fixture->scratch);
        assert_true(alone.bytes <= sizeof first);
        memcpy(first, fixture->packed, alone.bytes);
        (void)event_columns_pack(fixture->packed, fixture->sources, EVENTS, fixture->scratch);
        struct event_columns_packed behind =
            event_columns_pack(fixture->packed, sources, 128, fixture->scratch);
        assert_int_equal(behind.bytes, alone.bytes);
        assert_int_equal(behind.dense_bytes, alone.dense_bytes);
        assert_memory_equal(fixture->packed, first, alone.bytes);
    }
}

/* Bytes of orders for these instruments in turn, whose symbols begin with these letters; '-': no
 * symbol. */
static size_t orders_bytes(struct fixture *fixture, uint32_t count, const uint32_t *instruments,
                           const char *symbols, uint32_t turns)
{
    memset(fixture->events, 0, sizeof fixture->events);
    for (uint32_t index = 0; index < count; index++) {
        struct event *event = &fixture->events[index];
        event->type = EVENT_ORDER_ACCEPTED;
        event->user_reference = 1 + index;
        event->instrument_id = instruments[index % turns];
        if (symbols[index % turns] != '-') {
            memcpy(event->symbol, "?XYZ    ", SYMBOL_BYTES);
            event->symbol[0] = (uint8_t)symbols[index % turns];
        }
    }
    return check_round_trip(fixture, count);
}

static void test_a_symbol_is_stored_once(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t same[] = {7, 7};
    static const uint32_t apart[] = {7, 8};
    static const uint32_t collide[] = {7, 7 + 256};
    static const uint32_t large[] = {UINT32_MAX, 0}; /* No ids of ours; an order rejected has 0. */
    size_t once = orders_bytes(fixture, 100, same, "AA", 2);
    size_t twice = orders_bytes(fixture, 100, apart, "AB", 2);
    assert_int_equal(twice, once + SYMBOL_BYTES);
    assert_int_equal(orders_bytes(fixture, 100, same, "AB", 2), once + 99 * SYMBOL_BYTES);
    assert_int_equal(orders_bytes(fixture, 100, collide, "AB", 2),
                     once + 99 * SYMBOL_BYTES + 99); /* And two bytes for the instrument. */
    (void)orders_bytes(fixture, 100, large, "AB", 2);
    assert_int_equal(orders_bytes(fixture, 100, apart, "A-", 2), once);
}

/* Unpacks what is left of the packed form; the sanitizer sees a step beyond it. */
static enum status unpack_part(struct fixture *fixture, uint32_t count,
                               struct event_columns_packed packed, size_t columns_bytes,
                               size_t dense_bytes)
{
    uint8_t *exact = calloc(1, columns_bytes + dense_bytes + 1);
    assert_non_null(exact);
    size_t whole = packed.bytes - packed.dense_bytes;
    memcpy(exact, fixture->packed, columns_bytes < whole ? columns_bytes : whole);
    memcpy(exact + columns_bytes, fixture->packed + whole,
           dense_bytes < packed.dense_bytes ? dense_bytes : packed.dense_bytes);
    packed.bytes = columns_bytes + dense_bytes;
    packed.dense_bytes = dense_bytes;
    exact = realloc(exact, packed.bytes > 0 ? packed.bytes : 1);
    assert_non_null(exact);
    enum status status =
        event_columns_unpack(fixture->targets, count, exact, packed, fixture->scratch);
    free(exact);
    return status;
}

static void test_cut_and_extended_bytes_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct event_flow flow;
    event_flow_create(&flow, 9, 3, 10, EVENT_FLOW_RANDOM);
    for (uint32_t index = 0; index < 40; index++) {
        event_flow_next(&flow, false, &fixture->events[index]);
    }
    event_flow_destroy(&flow);
    struct event_columns_packed packed =
        event_columns_pack(fixture->packed, fixture->sources, 40, fixture->scratch);
    size_t dense = packed.dense_bytes;
    size_t columns = packed.bytes - dense;
    assert_true(dense > 40);
    assert_int_equal(unpack_part(fixture, 40, packed, columns, dense), STATUS_OK);
    for (size_t cut = 0; cut < columns; cut++) {
        assert_int_equal(unpack_part(fixture, 40, packed, cut, dense), STATUS_BAD_FORMAT);
    }
    for (size_t cut = 0; cut < dense; cut++) {
        assert_int_equal(unpack_part(fixture, 40, packed, columns, cut), STATUS_BAD_FORMAT);
    }
    assert_int_equal(unpack_part(fixture, 40, packed, columns + 1, dense), STATUS_BAD_FORMAT);
    assert_int_equal(unpack_part(fixture, 40, packed, columns, dense + 1), STATUS_BAD_FORMAT);
    assert_int_equal(unpack_part(fixture, 41, packed, columns, dense), STATUS_BAD_FORMAT);
    assert_int_equal(unpack_part(fixture, 39, packed, columns, dense), STATUS_BAD_FORMAT);
    assert_int_equal(event_columns_unpack(fixture->targets, 40, fixture->packed,
                                          (struct event_columns_packed){.bytes = 30,
                                                                        .dense_bytes = 31},
                                          fixture->scratch),
                     STATUS_BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_market_events_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_any_values_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_counting_client_ids_cost_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_events_of_known_orders_are_short, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_follow_from_the_events, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_symbol_is_stored_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_and_extended_bytes_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
