#include "matching/event.h"

#include "tests/support/cmocka_all.h"

static void test_what_each_type_carries(void **state)
{
    (void)state;
    assert_int_equal(event_bytes(EVENT_SYSTEM), 40);
    assert_int_equal(event_bytes(EVENT_ACCOUNT), 40);
    assert_int_equal(event_bytes(EVENT_ORDER_CANCELED), 40);
    assert_int_equal(event_bytes(EVENT_SESSION_LOGOFF), 40);
    assert_int_equal(event_bytes(EVENT_ORDER_EXECUTED), 56);
    assert_int_equal(event_bytes(EVENT_SESSION_LOGON), 56);
    assert_int_equal(event_bytes(EVENT_ADMINISTRATION), 56);
    assert_int_equal(event_bytes(EVENT_ORDER_ACCEPTED), 120);
    assert_int_equal(event_bytes(EVENT_ORDER_REPLACED), 120);
    assert_int_equal(event_bytes(EVENT_ORDER_REJECTED), 120);
}

/* Streams are read back from disks: any other byte is no type. */
static void test_no_other_byte_is_a_type(void **state)
{
    (void)state;
    uint32_t types = 0;
    for (uint32_t byte = 0; byte < 256; byte++) {
        types += event_bytes((uint8_t)byte) != 0;
    }
    assert_int_equal(types, 10);
}

/* Whoever renders a stream asserts these. */
static void test_what_a_stream_may_hold(void **state)
{
    (void)state;
    static const struct event good[] = {
        {.type = EVENT_SYSTEM, .reason = SYSTEM_END},
        {.type = EVENT_ORDER_ACCEPTED, .state = 'L', .side = 4, .time_in_force = 4, .kind = 2},
        {.type = EVENT_ORDER_REPLACED, .state = 'D', .side = 1, .time_in_force = 1, .kind = 1},
        {.type = EVENT_ORDER_CANCELED, .reason = CANCEL_DISCONNECT},
        {.type = EVENT_ORDER_EXECUTED, .reason = LIQUIDITY_REMOVED},
        {.type = EVENT_ORDER_REJECTED, .reason = REJECT_COUNT - 1, .side = 200},
        {.type = EVENT_ACCOUNT},
    };
    for (uint32_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct event event = good[i];
        assert_false(event_streamed(&event));
        event.session_id = 1;
        assert_false(event_streamed(&event));
        event.sequence = 1;
        assert_true(event_streamed(&event));
        event.reason = 200;
        assert_false(event_streamed(&event));
        event.reason = good[i].reason;
        event.side = event.type == EVENT_ORDER_ACCEPTED ? 5 : event.side;
        event.kind = event.type == EVENT_ORDER_REPLACED ? 0 : event.kind;
        bool order = event.type == EVENT_ORDER_ACCEPTED || event.type == EVENT_ORDER_REPLACED;
        assert_int_equal(event_streamed(&event), !order);
        event = good[i];
        event.state = 'X';
        event.session_id = 1;
        event.sequence = 1;
        assert_int_equal(event_streamed(&event), !order);
    }
    struct event event = {.session_id = 1, .sequence = 1};
    for (uint32_t type = 0; type < 256; type++) {
        event.type = (uint8_t)type;
        assert_true(!event_streamed(&event) || type == EVENT_ACCOUNT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_each_type_carries),
        cmocka_unit_test(test_no_other_byte_is_a_type),
        cmocka_unit_test(test_what_a_stream_may_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
