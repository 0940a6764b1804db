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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_each_type_carries),
        cmocka_unit_test(test_no_other_byte_is_a_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
