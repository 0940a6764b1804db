#include "matching/event_writer.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static struct event events[4];
static struct event_writer writer;

static void open_writer(void)
{
    memset(events, 0xFF, sizeof events);
    writer = (struct event_writer){.timestamp_ns = 77, .hash = 1};
    event_writer_start(&writer, events, 4);
}

/* The hash over an event's bytes as they lie there. */
static uint64_t plain_hash(uint64_t hash, const struct event *event)
{
    uint32_t count = event_bytes(event->type) / 8;
    uint64_t words[16] = {0};
    memcpy(words, event, count * sizeof words[0]);
    words[count] = count; /* In the last pair, or after it: the length. */
    event_hash_sum sum = 0;
    for (uint32_t i = 0; i < count + 1; i += 2) {
        sum += event_hash_pair(i, words[i], words[i + 1]);
    }
    return event_hash_step(hash, sum);
}

static void test_short_events(void **state)
{
    (void)state;
    open_writer();
    event_writer_put_short(&writer, event_writer_head(EVENT_ORDER_CANCELED, 3, 4, 0, 5), 6,
                           event_writer_reference(7, 8), 9);
    struct event expected = {.type = EVENT_ORDER_CANCELED,
                             .channel = 3,
                             .reason = 4,
                             .session_id = 5,
                             .sequence = 6,
                             .timestamp_ns = 77,
                             .user_reference = 7,
                             .instrument_id = 8,
                             .quantity_lots = 9};
    assert_memory_equal(&events[0], &expected, sizeof expected);
    assert_int_equal(writer.hash, plain_hash(1, &expected));
    assert_int_equal(event_writer_room(&writer), 3);
}

static void test_trade_events(void **state)
{
    (void)state;
    open_writer();
    event_writer_put_trade(&writer, event_writer_head(EVENT_ORDER_EXECUTED, 1, 2, 0, 3), 4,
                           event_writer_reference(5, 6), 7, 8, -9);
    struct event expected = {.type = EVENT_ORDER_EXECUTED,
                             .channel = 1,
                             .reason = 2,
                             .session_id = 3,
                             .sequence = 4,
                             .timestamp_ns = 77,
                             .user_reference = 5,
                             .instrument_id = 6,
                             .quantity_lots = 7,
                             .match_number = 8,
                             .price = -9};
    assert_memory_equal(&events[0], &expected, sizeof expected);
    assert_int_equal(writer.hash, plain_hash(1, &expected));
}

static void test_order_events_echo_every_field(void **state)
{
    (void)state;
    open_writer();
    struct command command = {.type = COMMAND_ORDER_ENTER, .flags = COMMAND_HAS_DEADLINE};
    struct command_order *order = &command.body.order;
    *order = (struct command_order){.symbol = "SYMBOL  ",
                                    .client_order_id = "ABCDEFGHIJKLM",
                                    .side = 1,
                                    .time_in_force = 2,
                                    .kind = 3,
                                    .channel = 200,
                                    .display = 5,
                                    .capacity = 6,
                                    .sweep = 7,
                                    .cross = 8,
                                    .reject = 201,
                                    .reserved = 202,
                                    .original_user_reference = 9,
                                    .quantity_lots = 10,
                                    .minimum_lots = 11,
                                    .price = -12,
                                    .deadline_ns = 13};
    order->client_order_id[13] = 'N';
    event_writer_put_order(&writer, event_writer_head(EVENT_ORDER_REPLACED, 14, 15, 16, 17), 18,
                           event_writer_reference(19, 20), 21, &command);
    struct event expected = {.type = EVENT_ORDER_REPLACED,
                             .channel = 14,
                             .reason = 15,
                             .state = 16,
                             .session_id = 17,
                             .sequence = 18,
                             .timestamp_ns = 77,
                             .user_reference = 19,
                             .instrument_id = 20,
                             .quantity_lots = 10,
                             .price = -12,
                             .order_id = 21,
                             .minimum_lots = 11,
                             .deadline_ns = 13,
                             .original_user_reference = 9,
                             .side = 1,
                             .time_in_force = 2,
                             .kind = 3,
                             .display = 5,
                             .capacity = 6,
                             .sweep = 7,
                             .cross = 8,
                             .symbol = "SYMBOL  "};
    memcpy(expected.client_order_id, order->client_order_id, CLIENT_ORDER_ID_BYTES);
    assert_memory_equal(&events[0], &expected, sizeof expected);
    assert_int_equal(writer.hash, plain_hash(1, &expected));
    command.flags = 0;
    event_writer_put_order(&writer, event_writer_head(EVENT_ORDER_REJECTED, 0, 1, 0, 1), 1,
                           event_writer_reference(1, 1), 0, &command);
    assert_int_equal(events[1].deadline_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_short_events),
        cmocka_unit_test(test_trade_events),
        cmocka_unit_test(test_order_events_echo_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
