/* Whole objects, compared as text: a field that is lost or renamed breaks operators' scripts. */
#include "gateway/admin_json.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static void assert_json(json_t *object, const char *expected)
{
    assert_non_null(object);
    char *text = json_dumps(object, JSON_COMPACT);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    json_decref(object);
}

static void instrument(void **state)
{
    (void)state;
    struct engine_instrument view = {.instrument_id = 3,
                                     .version = 2,
                                     .terms = {.symbol = "AAPL    ",
                                               .tick_size = 100,
                                               .price_max = 2000000000,
                                               .price_min = -5,
                                               .quantity_lots_max = UINT64_C(1) << 62,
                                               .price_decimals = 4,
                                               .quantity_decimals = 8,
                                               .state = TRADING_CANCEL_ONLY,
                                               .equity = 1},
                                     .open_orders = 9,
                                     .ask_set = true,
                                     .ask_price = -1,
                                     .ask_lots = 7};
    assert_json(admin_json_instrument(&view),
                "{\"symbol\":\"AAPL\",\"tick_size\":100,\"price_min\":-5,\"price_max\":2000000000,"
                "\"quantity_lots_max\":4611686018427387904,\"price_decimals\":4,"
                "\"quantity_decimals\":8,\"state\":\"cancel-only\",\"equity\":true,\"id\":3,"
                "\"version\":2,\"open_orders\":9,\"ask_price\":-1,\"ask_lots\":7}");
}

static void firm_and_shard(void **state)
{
    (void)state;
    struct engine_firm firm = {.firm_id = 1, .version = 4, .name = "AB  ", .enabled = false};
    assert_json(admin_json_firm(&firm),
                "{\"name\":\"AB\",\"enabled\":false,\"id\":1,\"version\":4}");
    struct admin_shard shard = {
        .shard_id = 2,
        .name = "EQ",
        .market = {.terms = {.day_end_second = 79200, .day_end_set = 1, .cancel_only_ms = 30000},
                   .version = 5}};
    assert_json(admin_json_shard_terms(&shard),
                "{\"day_end_set\":true,\"day_end_second\":79200,\"cancel_only_ms\":30000,"
                "\"id\":2,\"version\":5,\"name\":\"EQ\"}");
}

static void session(void **state)
{
    (void)state;
    struct engine_session view = {.session_id = 7,
                                  .version = 1,
                                  .name = "S1    ",
                                  .firm = "ACME",
                                  .epoch = 4,
                                  .attached_site_id = 1,
                                  .input_number_next = 11,
                                  .generation = 2,
                                  .sequence_next = 300,
                                  .open_orders = 5,
                                  .open_orders_max = 100,
                                  .maximum_age_ns = 9,
                                  .hash_operations = 2,
                                  .hash_memory_kib = 1024,
                                  .cancel_on_disconnect = true,
                                  .grace_ms = 5000,
                                  .grace_runs = true,
                                  .grace_ends_ns = 1700000000000000000};
    view.salt[0] = 0xAB;
    view.hash[31] = 0x01;
    assert_json(admin_json_session(&view),
                "{\"name\":\"S1\",\"firm\":\"ACME\",\"open_orders_max\":100,\"maximum_age_ns\":9,"
                "\"hash_operations\":2,\"hash_memory_kib\":1024,"
                "\"salt\":\"ab000000000000000000000000000000\","
                "\"hash\":\"0000000000000000000000000000000000000000000000000000000000000001\","
                "\"cancel_on_disconnect\":true,\"grace_ms\":5000,\"id\":7,\"version\":1,\"epoch\":"
                "4,\"attached_site\":1,\"input_number_next\":11,\"generation\":2,"
                "\"sequence_next\":300,\"open_orders\":5,"
                "\"grace_ends_ns\":1700000000000000000}");
}

static void results(void **state)
{
    (void)state;
    static const struct {
        uint8_t result;
        const char *text;
        unsigned http_status;
    } rows[] = {
        {ADMINISTRATION_DONE, "done", 200},         {ADMINISTRATION_UNCHANGED, "unchanged", 200},
        {ADMINISTRATION_CONFLICT, "conflict", 409}, {ADMINISTRATION_INVALID, "invalid", 422},
        {ADMINISTRATION_UNKNOWN, "unknown", 404},   {ADMINISTRATION_FULL, "full", 507},
        {ADMINISTRATION_BUSY, "busy", 409},
    };
    unsigned http_status = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_string_equal(admin_json_result(rows[i].result, &http_status), rows[i].text);
        assert_int_equal(http_status, rows[i].http_status);
    }
    assert_null(admin_json_result(0, &http_status));
    assert_int_equal(http_status, 500);
    assert_null(admin_json_result(200, &http_status));
    struct event event = {.type = EVENT_ADMINISTRATION,
                          .reason = ADMINISTRATION_BUSY,
                          .user_reference = 3,
                          .match_number = INT64_MAX,
                          .timestamp_ns = 5};
    assert_json(admin_json_administration(&event),
                "{\"result\":\"busy\",\"version\":3,\"request_id\":9223372036854775807,"
                "\"timestamp_ns\":5}");
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(admin_json_type_text(COMMAND_SESSION_END), "session_end");
    assert_null(admin_json_type_text(COMMAND_ORDER_ENTER));
    assert_string_equal(admin_json_state_text(TRADING_OPEN), "open");
    assert_null(admin_json_state_text(9));
    char name[SYMBOL_BYTES + 1];
    admin_json_unpad(name, (const uint8_t *)"A B     ", SYMBOL_BYTES);
    assert_string_equal(name, "A B");
    admin_json_unpad(name, (const uint8_t *)"        ", SYMBOL_BYTES);
    assert_string_equal(name, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instrument), cmocka_unit_test(firm_and_shard), cmocka_unit_test(session),
        cmocka_unit_test(results),    cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
