/* The protocol as a whole: golden vectors, whole sessions from files, every truncation, every
 * change of one byte. */
#include "gateway/ouch.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/soupbin.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/hex.h"
#include "tests/support/ouch_check.h"

#define GOLDEN     "tests/gateway/ouch_golden/"
#define LINE_BYTES 1024
#define T          UINT64_C(34225123456789) /* Nanoseconds after midnight where sessions begin. */
#define DEADLINE   UINT64_C(1789000000123456789)

/* Golden vectors of the specification page (ours; decoded there by an independent dissector). */
#define VECTOR_O                                                                                   \
    "4f0000000142000000644141504c2020202000000000001cdba23059504e4e434c31202020202020202020202"    \
    "00000"
#define VECTOR_O_OPTIONS                                                                           \
    "4f0000000253000000324254432d5553442000000001836e21003359504e4e434c32202020202020202020202"    \
    "0000c050300000032020c50021c05"
#define VECTOR_U           "5500000001000000030000009600000000001cdea030594e434c3320202020202020202020200000"
#define VECTOR_X           "580000000300000000"
#define VECTOR_MASS_CANCEL "43000000044649524d20202020202020200000"
#define VECTOR_DISABLE     "44000000054649524d0000"
#define VECTOR_A                                                                                   \
    "4100001f1aced9f07b0000000142000000644141504c2020202000000000001cdba2305900000000000"          \
    "01e61504e4e4c434c3120202020202020202020200000"
#define VECTOR_E             "4500001f1aced9f07b000000010000002800000000001cdb805200000000000023290000"
#define VECTOR_J             "4a00001f1aced9f07b00000004001d434c342020202020202020202020"
#define VECTOR_MASS_CANCELED "5800001f1aced9f07b000000044649524d20202020202020200000"
#define VECTOR_TIME          UINT64_C(34200000000123)

static void set_text(uint8_t *field, size_t field_bytes, const char *text)
{
    memset(field, ' ', field_bytes);
    memcpy(field, text, strlen(text));
}

static struct command make_enter(uint32_t reference, enum side side, uint64_t quantity_lots,
                                 const char *symbol, int64_t price, enum time_in_force tif,
                                 const char *client_order_id)
{
    struct command command = {.type = COMMAND_ORDER_ENTER};
    struct command_order *order = &command.body.order;
    set_text(order->symbol, SYMBOL_BYTES, symbol);
    set_text(order->client_order_id, CLIENT_ORDER_ID_BYTES, client_order_id);
    order->side = (uint8_t)side;
    order->time_in_force = (uint8_t)tif;
    order->kind = ORDER_LIMIT;
    order->display = 'Y';
    order->capacity = 'P';
    order->sweep = 'N';
    order->cross = 'N';
    order->user_reference = reference;
    order->quantity_lots = quantity_lots;
    order->price = price;
    return command;
}

static struct command make_replace(uint32_t original, uint32_t reference, uint64_t quantity_lots,
                                   int64_t price, enum time_in_force tif,
                                   const char *client_order_id)
{
    struct command command =
        make_enter(reference, SIDE_BUY, quantity_lots, "", price, tif, client_order_id);
    command.type = COMMAND_ORDER_REPLACE;
    struct command_order *order = &command.body.order;
    order->original_user_reference = original;
    order->side = 0;
    order->capacity = 0;
    order->cross = 0;
    memset(order->symbol, 0, SYMBOL_BYTES);
    return command;
}

static struct command make_cancel(uint32_t reference, uint64_t quantity_lots, uint8_t channel)
{
    struct command command = {.type = COMMAND_ORDER_CANCEL};
    command.body.cancel.user_reference = reference;
    command.body.cancel.quantity_lots = quantity_lots;
    command.body.cancel.channel = channel;
    return command;
}

/* What the market answers to `command` when it accepts: same fields, its order id. */
static struct event make_answer(const struct command *command, uint64_t order_id, uint64_t time_ns)
{
    const struct command_order *order = &command->body.order;
    struct event event = {.type = EVENT_ORDER_ACCEPTED,
                          .channel = order->channel,
                          .state = 'L',
                          .timestamp_ns = time_ns,
                          .user_reference = order->user_reference,
                          .original_user_reference = order->original_user_reference,
                          .quantity_lots = order->quantity_lots,
                          .price = order->price,
                          .order_id = order_id,
                          .minimum_lots = order->minimum_lots,
                          .deadline_ns = order->deadline_ns,
                          .side = order->side,
                          .time_in_force = order->time_in_force,
                          .kind = order->kind,
                          .display = order->display,
                          .capacity = order->capacity,
                          .sweep = order->sweep,
                          .cross = order->cross};
    memcpy(event.client_order_id, order->client_order_id, CLIENT_ORDER_ID_BYTES);
    memcpy(event.symbol, order->symbol, SYMBOL_BYTES);
    return event;
}

static struct event make_event(enum event_type type, uint32_t reference, uint8_t reason,
                               uint64_t quantity_lots, uint64_t time_ns)
{
    return (struct event){.type = (uint8_t)type,
                          .user_reference = reference,
                          .reason = reason,
                          .quantity_lots = quantity_lots,
                          .timestamp_ns = time_ns};
}

static struct event make_executed(uint32_t reference, uint64_t quantity_lots, int64_t price,
                                  enum liquidity liquidity, uint64_t match, uint64_t time_ns)
{
    struct event event =
        make_event(EVENT_ORDER_EXECUTED, reference, (uint8_t)liquidity, quantity_lots, time_ns);
    event.price = price;
    event.match_number = match;
    return event;
}

static struct event make_rejected(uint32_t reference, enum reject_reason reason,
                                  const char *client_order_id, uint64_t time_ns)
{
    struct event event = make_event(EVENT_ORDER_REJECTED, reference, (uint8_t)reason, 0, time_ns);
    set_text(event.client_order_id, CLIENT_ORDER_ID_BYTES, client_order_id);
    return event;
}

static void check_command(const struct command *command, const uint8_t *message, size_t count)
{
    uint8_t made[OUCH_MESSAGE_BYTES_MAX];
    struct command decoded;
    assert_int_equal(ouch_command_encode(made, sizeof made, command), count);
    assert_memory_equal(made, message, count);
    assert_int_equal(ouch_command_decode(&decoded, message, count), STATUS_OK);
    assert_memory_equal(&decoded, command, sizeof decoded);
}

static void check_event(const struct event *event, const uint8_t *message, size_t count)
{
    uint8_t made[OUCH_MESSAGE_BYTES_MAX];
    struct event decoded;
    struct event numbered = *event;
    numbered.sequence = 1;
    assert_int_equal(ouch_event_encode(made, sizeof made, &numbered), count);
    assert_memory_equal(made, message, count);
    assert_int_equal(ouch_event_decode(&decoded, message, count), STATUS_OK);
    assert_memory_equal(&decoded, event, sizeof decoded);
}

static void test_golden_inbound(void **state)
{
    (void)state;
    uint8_t message[OUCH_MESSAGE_BYTES_MAX];
    struct command decoded;
    struct command command = make_enter(1, SIDE_BUY, 100, "AAPL", 0x1cdba2, TIF_DAY, "CL1");
    check_command(&command, message, hex_bytes(message, sizeof message, VECTOR_O));
    command = make_replace(1, 3, 150, 0x1cdea0, TIF_DAY, "CL3");
    check_command(&command, message, hex_bytes(message, sizeof message, VECTOR_U));
    command = make_cancel(3, 0, 0);
    check_command(&command, message, hex_bytes(message, sizeof message, VECTOR_X));

    /* Post-only is not offered; the rest of the message still holds. */
    size_t count = hex_bytes(message, sizeof message, VECTOR_O_OPTIONS);
    command = make_enter(2, SIDE_SELL, 50, "BTC-USD", 0x1836e2100, TIF_IOC, "CL2");
    command.flags = COMMAND_UNSUPPORTED;
    command.body.order.reject = REJECT_OTHER;
    command.body.order.minimum_lots = 50;
    command.body.order.channel = 5;
    assert_int_equal(ouch_command_decode(&decoded, message, count), STATUS_OK);
    assert_memory_equal(&decoded, &command, sizeof decoded);

    count = hex_bytes(message, sizeof message, VECTOR_MASS_CANCEL);
    assert_int_equal(ouch_command_decode(&decoded, message, count), STATUS_BAD_VERSION);
    count = hex_bytes(message, sizeof message, VECTOR_DISABLE);
    assert_int_equal(ouch_command_decode(&decoded, message, count), STATUS_BAD_VERSION);
}

static void test_golden_outbound(void **state)
{
    (void)state;
    uint8_t message[OUCH_MESSAGE_BYTES_MAX];
    struct event decoded;
    struct command command = make_enter(1, SIDE_BUY, 100, "AAPL", 0x1cdba2, TIF_DAY, "CL1");
    struct event event = make_answer(&command, 0x1e61, VECTOR_TIME);
    check_event(&event, message, hex_bytes(message, sizeof message, VECTOR_A));
    event = make_executed(1, 40, 0x1cdb80, LIQUIDITY_REMOVED, 0x2329, VECTOR_TIME);
    check_event(&event, message, hex_bytes(message, sizeof message, VECTOR_E));
    event = make_rejected(4, REJECT_PRICE, "CL4", VECTOR_TIME);
    check_event(&event, message, hex_bytes(message, sizeof message, VECTOR_J));

    size_t count = hex_bytes(message, sizeof message, VECTOR_MASS_CANCELED);
    assert_int_equal(ouch_event_decode(&decoded, message, count), STATUS_BAD_FORMAT);
}

/* A session file, packet by packet. */
struct trace {
    FILE *file;
    uint8_t bytes[SOUPBIN_HEADER_BYTES + OUCH_MESSAGE_BYTES_MAX];
    size_t count;
    struct soupbin_packet packet;
};

static bool trace_read(struct trace *trace, char *direction)
{
    char line[LINE_BYTES];
    do {
        if (fgets(line, sizeof line, trace->file) == NULL) {
            return false;
        }
    } while (line[0] == '#');
    *direction = line[0];
    trace->count = hex_bytes(trace->bytes, sizeof trace->bytes, line + 2);
    assert_int_equal(soupbin_decode(&trace->packet, trace->bytes, trace->count, 512), STATUS_OK);
    assert_int_equal(trace->packet.packet_bytes, trace->count);
    return true;
}

/* The next packet has this direction and type, and ours is byte for byte the same. */
static void trace_next(struct trace *trace, char direction, enum soupbin_type type)
{
    char found = 0;
    assert_true(trace_read(trace, &found));
    assert_int_equal(found, direction);
    assert_int_equal(trace->packet.type, type);
    uint8_t header[SOUPBIN_HEADER_BYTES + OUCH_MESSAGE_BYTES_MAX];
    (void)soupbin_header_encode(header, sizeof header, type, trace->packet.payload_bytes);
    assert_memory_equal(header, trace->bytes, SOUPBIN_HEADER_BYTES);
}

static void trace_open(struct trace *trace, const char *path)
{
    trace->file = fopen(path, "r");
    if (trace->file == NULL) {
        fail_msg("%s: run tests from the root of the tree", path);
    }
}

static void check_trace_ends(struct trace *trace)
{
    char direction = 0;
    assert_false(trace_read(trace, &direction));
    (void)fclose(trace->file);
}

static void trace_login(struct trace *trace, const struct soupbin_login *login,
                        const struct soupbin_accepted *accepted)
{
    uint8_t made[64];
    struct soupbin_login decoded;
    trace_next(trace, '>', SOUPBIN_LOGIN_REQUEST);
    assert_int_equal(soupbin_login_encode(made, sizeof made, login), trace->count);
    assert_memory_equal(made, trace->bytes, trace->count);
    assert_int_equal(soupbin_login_decode(&decoded, trace->packet.payload,
                                          trace->packet.payload_bytes),
                     STATUS_OK);
    assert_memory_equal(decoded.username, login->username, sizeof decoded.username);
    assert_true(decoded.sequence == login->sequence);
    trace_next(trace, '<', SOUPBIN_LOGIN_ACCEPTED);
    assert_int_equal(soupbin_accepted_encode(made, sizeof made, accepted), trace->count);
    assert_memory_equal(made, trace->bytes, trace->count);
}

static void sends(struct trace *trace, struct command command)
{
    trace_next(trace, '>', SOUPBIN_UNSEQUENCED);
    check_command(&command, trace->packet.payload, trace->packet.payload_bytes);
}

static void receives(struct trace *trace, struct event event)
{
    trace_next(trace, '<', SOUPBIN_SEQUENCED);
    check_event(&event, trace->packet.payload, trace->packet.payload_bytes);
}

static void receives_refused(struct trace *trace, struct ouch_refused refused)
{
    uint8_t made[OUCH_MESSAGE_BYTES_MAX];
    trace_next(trace, '<', SOUPBIN_UNSEQUENCED);
    assert_int_equal(ouch_refused_encode(made, sizeof made, &refused), trace->packet.payload_bytes);
    assert_memory_equal(made, trace->packet.payload, trace->packet.payload_bytes);
}

/* An order, and the market's acceptance of it. */
static void enters(struct trace *trace, struct command command, uint64_t order_id, uint64_t time_ns)
{
    sends(trace, command);
    receives(trace, make_answer(&command, order_id, time_ns));
}

static void replaces(struct trace *trace, struct command command, uint64_t outstanding_lots,
                     const char *symbol, uint64_t order_id, uint64_t time_ns)
{
    sends(trace, command);
    struct event event = make_answer(&command, order_id, time_ns);
    event.type = EVENT_ORDER_REPLACED;
    event.quantity_lots = outstanding_lots;
    event.side = SIDE_BUY;
    event.capacity = 'P';
    event.cross = 'N';
    set_text(event.symbol, SYMBOL_BYTES, symbol);
    receives(trace, event);
}

static void trace_session_begins(struct trace *trace)
{
    const struct soupbin_accepted accepted = {.session = 3, .sequence = 1};
    struct soupbin_login login = {.session_any = true, .sequence = 1};
    set_text(login.username, sizeof login.username, "ALPHA1");
    set_text(login.password, sizeof login.password, "s3cretpw");
    trace_login(trace, &login, &accepted);
    receives(trace, make_event(EVENT_SYSTEM, 0, SYSTEM_START, 0, T));
}

static void test_trace_session(void **state)
{
    (void)state;
    struct trace trace;
    trace_open(&trace, GOLDEN "session.hex");
    trace_session_begins(&trace);
    enters(&trace, make_enter(1, SIDE_BUY, 100, "AAPL", 1893200, TIF_DAY, "BUY1"), 7777, T + 1000);
    receives(&trace, make_executed(1, 40, 1893200, LIQUIDITY_ADDED, 9001, T + 2000));
    receives(&trace, make_executed(1, 25, 1893200, LIQUIDITY_ADDED, 9002, T + 3000));
    trace_next(&trace, '>', SOUPBIN_CLIENT_HEARTBEAT);
    trace_next(&trace, '<', SOUPBIN_SERVER_HEARTBEAT);
    sends(&trace, make_cancel(1, 80, 0));
    receives(&trace, make_event(EVENT_ORDER_CANCELED, 1, CANCEL_USER, 20, T + 4000));
    replaces(&trace, make_replace(1, 2, 200, 1893300, TIF_DAY, "BUY2"), 135, "AAPL", 7778,
             T + 5000);
    sends(&trace, make_cancel(2, 0, 0));
    receives(&trace, make_event(EVENT_ORDER_CANCELED, 2, CANCEL_USER, 135, T + 6000));

    struct command command =
        make_enter(3, SIDE_SELL, 50, "BTC-USD", INT64_C(6500000000000), TIF_IOC, "IOC3");
    command.body.order.minimum_lots = 10;
    enters(&trace, command, 7779, T + 7000);
    receives(&trace, make_event(EVENT_ORDER_CANCELED, 3, CANCEL_IMMEDIATE, 50, T + 7000));
    command = make_enter(4, SIDE_SELL_SHORT, 7, "AAPL", 1900000, TIF_DAY, "");
    command.body.order.capacity = 'A';
    enters(&trace, command, 7780, T + 8000);
    command = make_enter(5, SIDE_SELL_SHORT_EXEMPT, 8, "AAPL", 1900100, TIF_DAY, "");
    command.body.order.capacity = 'R';
    enters(&trace, command, 7781, T + 9000);

    sends(&trace, make_enter(6, SIDE_BUY, 1, "NOPE", 1, TIF_DAY, "BAD6"));
    receives(&trace, make_rejected(6, REJECT_SYMBOL, "BAD6", T + 10000));
    sends(&trace, make_enter(7, SIDE_BUY, UINT32_MAX, "AAPL", 1, TIF_DAY, "BAD7"));
    receives(&trace, make_rejected(7, REJECT_QUANTITY, "BAD7", T + 11000));
    sends(&trace, (struct command){.type = COMMAND_ACCOUNT_QUERY});
    receives(&trace, make_event(EVENT_ACCOUNT, 8, 0, 0, T + 12000));
    receives(&trace, make_event(EVENT_ORDER_CANCELED, 4, CANCEL_DAY_END, 7, T + 13000));
    receives(&trace, make_event(EVENT_ORDER_CANCELED, 5, CANCEL_DAY_END, 8, T + 13000));
    receives(&trace, make_event(EVENT_SYSTEM, 0, SYSTEM_END, 0, T + 13000));
    trace_next(&trace, '<', SOUPBIN_END_OF_SESSION);
    check_trace_ends(&trace);
}

static struct event on_channel(struct event event, uint8_t channel)
{
    event.channel = channel;
    return event;
}

static void trace_options_channel(struct trace *trace)
{
    const struct soupbin_accepted accepted = {.session = 12, .sequence = 34};
    struct soupbin_login login = {
        .session = 12, .sequence = 34, .version_4_10 = true, .heartbeat_timeout_ms = 5000};
    set_text(login.username, sizeof login.username, "B2");
    set_text(login.password, sizeof login.password, "x");
    trace_login(trace, &login, &accepted);

    struct command command = make_enter(1, SIDE_BUY, 10, "EURUSD", 123456, TIF_GTC, "G1");
    command.body.order.channel = 5;
    enters(trace, command, 1, T);
    receives(trace, on_channel(make_executed(1, 4, 123456, LIQUIDITY_ADDED, 1, T + 1), 5));
    sends(trace, make_cancel(1, 0, 5));
    receives(trace, on_channel(make_event(EVENT_ORDER_CANCELED, 1, CANCEL_USER, 6, T + 2), 5));
    struct command query = {.type = COMMAND_ACCOUNT_QUERY};
    query.body.query.channel = 5;
    sends(trace, query);
    receives(trace, on_channel(make_event(EVENT_ACCOUNT, 2, 0, 0, T + 3), 5));

    command = make_enter(1, SIDE_SELL, 10, "EURUSD", 0, TIF_FOK, "M1");
    command.flags = COMMAND_HAS_DEADLINE;
    command.body.order.kind = ORDER_MARKET;
    command.body.order.deadline_ns = DEADLINE;
    command.body.order.maximum_age_ns = 250000000;
    enters(trace, command, 2, T + 4);
    receives(trace, make_executed(1, 10, 123457, LIQUIDITY_REMOVED, 2, T + 4));
}

static void trace_options_large(struct trace *trace)
{
    const uint64_t large = UINT64_C(12345678901);
    struct command command = make_enter(2, SIDE_BUY, large, "EURUSD", 99, TIF_IOC, "BIG");
    command.body.order.minimum_lots = UINT64_C(5000000000);
    enters(trace, command, 3, T + 5);
    receives(trace, make_executed(2, UINT64_C(6000000000), 99, LIQUIDITY_REMOVED, 3, T + 5));
    receives(trace, make_event(EVENT_ORDER_CANCELED, 2, CANCEL_IMMEDIATE,
                               large - UINT64_C(6000000000), T + 5));
    enters(trace, make_enter(3, SIDE_BUY, large, "EURUSD", 98, TIF_DAY, "BIG3"), 4, T + 6);
    replaces(trace, make_replace(3, 4, large + 1, 97, TIF_GTC, "BIG4"), large + 1, "EURUSD", 5,
             T + 7);
    sends(trace, make_cancel(4, UINT64_C(5000000000), 0));
    receives(trace, make_event(EVENT_ORDER_CANCELED, 4, CANCEL_USER,
                               large + 1 - UINT64_C(5000000000), T + 8));
}

static void trace_options_refusals(struct trace *trace)
{
    struct command command = make_enter(5, SIDE_BUY, 1, "EURUSD", 96, TIF_DAY, "LATE5");
    command.flags = COMMAND_HAS_DEADLINE;
    command.body.order.deadline_ns = DEADLINE;
    sends(trace, command);
    struct event event = make_rejected(5, REJECT_TOO_LATE, "LATE5", T + 9);
    event.deadline_ns = DEADLINE;
    receives(trace, event);
    command.body.order.channel = 5;
    command.body.order.user_reference = 2;
    set_text(command.body.order.client_order_id, CLIENT_ORDER_ID_BYTES, "LATE2");
    sends(trace, command);
    event = make_rejected(2, REJECT_TOO_LATE, "LATE2", T + 10);
    event.deadline_ns = DEADLINE;
    receives(trace, on_channel(event, 5));

    sends(trace, make_enter(6, SIDE_BUY, 1, "EURUSD", 96, TIF_DAY, "R6"));
    receives_refused(trace, (struct ouch_refused){.timestamp_ns = T + 11,
                                                  .user_reference = 6,
                                                  .reason = OUCH_REFUSED_NO_QUORUM});
    command = make_enter(3, SIDE_BUY, 1, "EURUSD", 96, TIF_DAY, "R3");
    command.body.order.channel = 5;
    sends(trace, command);
    receives_refused(trace, (struct ouch_refused){.timestamp_ns = T + 12,
                                                  .user_reference = 3,
                                                  .channel = 5,
                                                  .reason = OUCH_REFUSED_NEARLY_FULL});
    trace_next(trace, '>', SOUPBIN_LOGOUT_REQUEST);
}

static void test_trace_options(void **state)
{
    (void)state;
    struct trace trace;
    trace_open(&trace, GOLDEN "options.hex");
    trace_options_channel(&trace);
    trace_options_large(&trace);
    trace_options_refusals(&trace);
    check_trace_ends(&trace);
}

/* All messages of the golden traces and vectors, in either direction. */
static void check_every_message(void (*use)(const uint8_t *message, size_t count, bool inbound))
{
    static const char *const files[] = {GOLDEN "session.hex", GOLDEN "options.hex"};
    static const char *const inbound[] = {VECTOR_O_OPTIONS, VECTOR_MASS_CANCEL, VECTOR_DISABLE};
    unsigned messages = 0;
    for (size_t i = 0; i < 2; i++) {
        struct trace trace;
        char direction = 0;
        trace_open(&trace, files[i]);
        while (trace_read(&trace, &direction)) {
            if (trace.packet.type == SOUPBIN_SEQUENCED ||
                trace.packet.type == SOUPBIN_UNSEQUENCED) {
                use(trace.packet.payload, trace.packet.payload_bytes, direction == '>');
                messages++;
            }
        }
        (void)fclose(trace.file);
    }
    for (size_t i = 0; i < 3; i++) {
        uint8_t message[OUCH_MESSAGE_BYTES_MAX];
        use(message, hex_bytes(message, sizeof message, inbound[i]), true);
    }
    assert_true(messages > 40);
}

static enum status decode_any(const uint8_t *message, size_t count, bool inbound)
{
    struct command command;
    struct event event;
    if (inbound) {
        return ouch_check_command(message, count, &command);
    }
    return message[0] == 'N' ? ouch_check_refused(message, count)
                             : ouch_check_event(message, count, &event);
}

/* A message cut short is refused, but for one that may end before its appendage. */
static void truncate_one(const uint8_t *message, size_t count, bool inbound)
{
    size_t shorter = 0;
    for (size_t bytes = 1; bytes < count; bytes++) {
        /* A copy of exactly this size: reading past it is seen by the sanitizer. */
        uint8_t *copy = test_malloc(bytes);
        memcpy(copy, message, bytes);
        if (decode_any(copy, bytes, inbound) != STATUS_BAD_FORMAT) {
            shorter++;
            assert_true(strchr(inbound ? "XQM" : "CJQN", message[0]) != NULL);
        }
        test_free(copy);
    }
    assert_true(shorter <= 1);
}

static void test_every_truncation(void **state)
{
    (void)state;
    check_every_message(truncate_one);
}

/* ouch_check_...() inside decode_any() holds whatever the changed byte turns the message into. */
static void mutate_one(const uint8_t *message, size_t count, bool inbound)
{
    uint8_t changed[OUCH_MESSAGE_BYTES_MAX];
    for (size_t i = 0; i < count; i++) {
        memcpy(changed, message, count);
        for (unsigned byte = 0; byte < 256; byte++) {
            changed[i] = (uint8_t)byte;
            enum status status = decode_any(changed, count, inbound);
            assert_true(status == STATUS_OK || status == STATUS_BAD_FORMAT ||
                        status == STATUS_BAD_VERSION);
        }
    }
}

static void test_every_change_of_one_byte(void **state)
{
    (void)state;
    check_every_message(mutate_one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_inbound),   cmocka_unit_test(test_golden_outbound),
        cmocka_unit_test(test_trace_session),    cmocka_unit_test(test_trace_options),
        cmocka_unit_test(test_every_truncation), cmocka_unit_test(test_every_change_of_one_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
