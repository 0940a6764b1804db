/* JSON of commands, both ways: what is written is read back equal; whatever is wrong is named. */
#include "gateway/admin_read.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/admin_json.h"
#include "matching/base/limits.h"
#include "tests/support/cmocka_all.h"

static void fill(uint8_t *target, size_t bytes, const char *text)
{
    memset(target, ' ', bytes);
    memcpy(target, text, strlen(text));
}

/* One of each administrative type, extreme values included. */
static uint32_t examples(struct command commands[static 6])
{
    memset(commands, 0, 6 * sizeof *commands);
    commands[0].type = COMMAND_INSTRUMENT_SET;
    struct command_instrument *instrument = &commands[0].body.instrument;
    fill(instrument->symbol, SYMBOL_BYTES, "BTC-USDT");
    instrument->tick_size = ORDER_PRICE_MAX;
    instrument->price_max = ORDER_PRICE_MAX;
    instrument->price_min = -ORDER_PRICE_MAX;
    instrument->quantity_lots_max = ORDER_LOTS_MAX;
    instrument->price_decimals = 12;
    instrument->quantity_decimals = 8;
    instrument->state = TRADING_CANCEL_ONLY;
    instrument->equity = 1;
    commands[1].type = COMMAND_INSTRUMENT_STATE;
    fill(commands[1].body.instrument.symbol, SYMBOL_BYTES, "A");
    commands[1].body.instrument.state = TRADING_HALTED;
    commands[2].type = COMMAND_FIRM_SET;
    fill(commands[2].body.firm.name, FIRM_NAME_BYTES, "\"\\/");
    commands[2].body.firm.enabled = 1;
    commands[3].type = COMMAND_SESSION_SET;
    struct command_session *session = &commands[3].body.session;
    fill(session->name, SESSION_NAME_BYTES, "TRADER");
    fill(session->firm, FIRM_NAME_BYTES, "ACME");
    session->open_orders_max = SESSION_ORDERS_MAX;
    session->maximum_age_ns = INT64_MAX;
    session->hash_operations = 2;
    session->hash_memory_kib = 1024;
    session->cancel_on_disconnect = 1;
    session->grace_ms = GRACE_MS_MAX;
    memset(session->salt, 0x5A, sizeof session->salt);
    memset(session->hash, 0xF0, sizeof session->hash);
    commands[4].type = COMMAND_SESSION_END;
    fill(commands[4].body.session_end.name, SESSION_NAME_BYTES, "TRADER");
    commands[5].type = COMMAND_SHARD_SET;
    commands[5].body.shard.day_end_second = 86399;
    commands[5].body.shard.day_end_set = 1;
    commands[5].body.shard.cancel_only_ms = CANCEL_ONLY_MS_MAX;
    for (uint32_t i = 0; i < 6; i++) {
        commands[i].input_number = i == 0 ? INT64_MAX : i;
        commands[i].epoch = i == 0 ? UINT32_MAX : i;
    }
    return 6;
}

static void written_is_read_back(void **state)
{
    (void)state;
    struct command commands[6];
    uint32_t count = examples(commands);
    for (uint32_t i = 0; i < count; i++) {
        json_t *json = admin_json_from_command(&commands[i], SHARDS_MAX);
        assert_non_null(json);
        char *text = json_dumps(json, 0);
        assert_non_null(text);
        struct command read;
        uint16_t shard_id = 0;
        char error[ADMIN_READ_ERROR_BYTES];
        enum status status = admin_read_command(&read, &shard_id, text, strlen(text), error);
        if (status != STATUS_OK) {
            print_error("%s: %s\n", text, error);
        }
        assert_int_equal(status, STATUS_OK);
        assert_int_equal(shard_id, SHARDS_MAX);
        assert_memory_equal(&read, &commands[i], sizeof read);
        free(text);
        json_decref(json);
    }
}

#define HEAD "{\"shard\":1,\"request_id\":1,\"expected_version\":0,"
#define FIRM HEAD "\"type\":\"firm_set\",\"object\":"

static void wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"", "not JSON"},
        {"{", "not JSON: line 1"},
        {"1", "not JSON"},
        {"[]", "must be a JSON object"},
        {"{}", "field \"shard\" is missing"},
        {"{\"shard\":1,\"shard\":1}", "duplicate"},
        {"{\"shard\":0}", "\"shard\" must be an integer from 1 to 8"},
        {"{\"shard\":9}", "\"shard\" must be an integer"},
        {"{\"shard\":1.0}", "\"shard\" must be an integer"},
        {"{\"shard\":\"1\"}", "\"shard\" must be an integer"},
        {"{\"shard\":1,\"request_id\":0}", "\"request_id\" must be"},
        {"{\"shard\":1,\"request_id\":9223372036854775808}", "not JSON"},
        {"{\"shard\":1,\"request_id\":1,\"expected_version\":4294967296}", "\"expected_version\""},
        {HEAD "\"type\":\"order_enter\",\"object\":{}}", "\"type\" cannot be \"order_enter\""},
        {HEAD "\"type\":7,\"object\":{}}", "\"type\" must be a text"},
        {HEAD "\"type\":\"firm_set\"}", "\"object\" is missing"},
        {FIRM "[]}", "\"object\" must be a JSON object"},
        {FIRM "{}}", "\"name\" is missing"},
        {FIRM "{\"name\":\"\",\"enabled\":true}}", "\"name\" must be 1 to 4"},
        {FIRM "{\"name\":\"ABCDE\",\"enabled\":true}}", "\"name\" must be 1 to 4"},
        {FIRM "{\"name\":\"A B\",\"enabled\":true}}", "without spaces"},
        {FIRM "{\"name\":\"\\u00e4\",\"enabled\":true}}", "printable"},
        {FIRM "{\"name\":\"A\\u0000\",\"enabled\":true}}", "not JSON"},
        {FIRM "{\"name\":\"ACME\",\"enabled\":1}}", "\"enabled\" must be true or false"},
        {FIRM "{\"name\":\"ACME\",\"enabled\":true,\"color\":1}}", "unknown field \"color\""},
        {FIRM "{\"name\":\"ACME\",\"enabled\":true},\"more\":1}", "unknown field \"more\""},
        {HEAD "\"type\":\"instrument_state\",\"object\":{\"symbol\":\"A\",\"state\":\"shut\"}}",
         "\"state\" cannot be \"shut\""},
        {HEAD "\"type\":\"shard_set\",\"object\":{\"day_end_set\":true,\"day_end_second\":86400}}",
         "\"day_end_second\" must be an integer from 0 to 86399"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct command command;
        memset(&command, 0xEE, sizeof command);
        uint16_t shard_id = 77;
        char error[ADMIN_READ_ERROR_BYTES];
        enum status status =
            admin_read_command(&command, &shard_id, cases[i].text, strlen(cases[i].text), error);
        if (status != STATUS_BAD_FORMAT || strstr(error, cases[i].error) == NULL) {
            print_error("%s\n  %s\n", cases[i].text, error);
        }
        assert_int_equal(status, STATUS_BAD_FORMAT);
        assert_non_null(strstr(error, cases[i].error));
        assert_int_equal(shard_id, 77);
    }
}

static void salt_and_hash_are_whole(void **state)
{
    (void)state;
    struct command commands[6];
    (void)examples(commands);
    json_t *json = admin_json_from_command(&commands[3], 1);
    static const char *const wrong[] = {"", "5a", "zz5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a",
                                        "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)json_object_set_new(json_object_get(json, "object"), "salt", json_string(wrong[i]));
        char *text = json_dumps(json, 0);
        struct command read;
        uint16_t shard_id = 0;
        char error[ADMIN_READ_ERROR_BYTES];
        assert_int_equal(admin_read_command(&read, &shard_id, text, strlen(text), error),
                         STATUS_BAD_FORMAT);
        assert_non_null(strstr(error, "\"salt\" must be 32 hexadecimal digits"));
        free(text);
    }
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_is_read_back),
        cmocka_unit_test(wrong_is_named),
        cmocka_unit_test(salt_and_hash_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
