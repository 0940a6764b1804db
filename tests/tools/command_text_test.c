#include "tools/command_text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

static struct command an_order(void)
{
    struct command command = {.timestamp_ns = UINT64_C(1767323045000000006),
                              .input_number = 5,
                              .session_id = 3,
                              .epoch = 1,
                              .type = COMMAND_ORDER_ENTER,
                              .site_id = 1};
    struct command_order *order = &command.body.order;
    memcpy(order->symbol, "GOOG    ", 8);
    memcpy(order->client_order_id, "a\"b\\c\n        ", 14);
    memcpy(&order->display, "YPNN", 4);
    order->side = SIDE_SELL_SHORT;
    order->kind = ORDER_LIMIT;
    order->time_in_force = TIF_IOC;
    order->user_reference = 77;
    order->channel = 2;
    order->quantity_lots = 100;
    order->price = -5;
    return command;
}

static void test_text(void **state)
{
    (void)state;
    char line[COMMAND_TEXT_BYTES];
    struct command command = an_order();
    size_t bytes = command_text(line, 12, &command, false);
    assert_int_equal(bytes, strlen(line));
    assert_string_equal(
        line, "command=12 time=2026-01-02T03:04:05.000000006Z type=order-enter session=3 epoch=1 "
              "input_number=5 site=1 user_reference=77 channel=2 symbol=\"GOOG\" side=sell-short "
              "kind=limit time_in_force=ioc quantity_lots=100 price=-5 echoed=\"YPNN\" "
              "client_order_id=\"a\\x22b\\x5cc\\x0a\"");
    command = (struct command){.type = COMMAND_TICK};
    (void)command_text(line, 1, &command, false);
    assert_string_equal(line, "command=1 time=1970-01-01T00:00:00.000000000Z type=tick");
}

static void test_json(void **state)
{
    (void)state;
    char line[COMMAND_TEXT_BYTES];
    struct command command = an_order();
    size_t bytes = command_text(line, 12, &command, true);
    json_t *object = json_loadb(line, bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    assert_non_null(object);
    assert_int_equal(json_integer_value(json_object_get(object, "command")), 12);
    assert_int_equal(json_integer_value(json_object_get(object, "price")), -5);
    assert_string_equal(json_string_value(json_object_get(object, "client_order_id")), "a\"b\\c\n");
    assert_string_equal(json_string_value(json_object_get(object, "side")), "sell-short");
    json_decref(object);
}

/* Whatever a file holds, the line is whole, and as JSON it can be read. */
static void test_any_bytes(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given == NULL ? 20260102 : strtoull(given, NULL, 10);
    printf("SEED=%llu\n", (unsigned long long)seed);
    struct random random;
    random_seed(&random, seed);
    for (uint32_t round = 0; round < 20000; round++) {
        struct command command;
        uint64_t words[sizeof command / 8];
        for (size_t i = 0; i < sizeof words / 8; i++) {
            words[i] = random_u64(&random);
        }
        memcpy(&command, words, sizeof command);
        command.type = (uint8_t)(round % 256);
        char line[COMMAND_TEXT_BYTES];
        size_t bytes = command_text(line, random_u64(&random) >> 1, &command, false);
        assert_int_equal(bytes, strlen(line));
        for (size_t i = 0; i < bytes; i++) {
            assert_in_range(line[i], 0x20, 0x7E);
        }
        bytes = command_text(line, round, &command, true);
        json_t *object = json_loadb(line, bytes, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
        assert_non_null(object);
        json_decref(object);
    }
}

static void test_every_type_has_a_name(void **state)
{
    (void)state;
    static const uint8_t types[] = {
        COMMAND_TICK,           COMMAND_ORDER_ENTER,    COMMAND_ORDER_REPLACE,
        COMMAND_ORDER_CANCEL,   COMMAND_ACCOUNT_QUERY,  COMMAND_SESSION_LOGON,
        COMMAND_SESSION_LOGOFF, COMMAND_INSTRUMENT_SET, COMMAND_INSTRUMENT_STATE,
        COMMAND_FIRM_SET,       COMMAND_SESSION_SET,    COMMAND_SESSION_END,
        COMMAND_SHARD_SET};
    for (size_t i = 0; i < sizeof types; i++) {
        assert_non_null(command_text_type(types[i]));
    }
    assert_null(command_text_type(0));
    assert_null(command_text_type(200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_every_type_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
