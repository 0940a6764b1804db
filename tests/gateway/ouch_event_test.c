#include "gateway/ouch.h"

#include <string.h>

#include "matching/base/bytes.h"
#include "matching/base/limits.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/ouch_check.h"
#include "tests/support/test_seed.h"

#define ROUNDS 20000u
#define DAY_NS UINT64_C(86400000000000)

static const uint8_t stream_types[] = {
    EVENT_SYSTEM,         EVENT_ORDER_ACCEPTED, EVENT_ORDER_REPLACED, EVENT_ORDER_CANCELED,
    EVENT_ORDER_EXECUTED, EVENT_ORDER_REJECTED, EVENT_ACCOUNT,
};

/* Reasons that come back from the wire as themselves. */
static const uint8_t own_reasons[] = {
    REJECT_HALTED,  REJECT_SYMBOL,         REJECT_PRICE,      REJECT_QUANTITY,
    REJECT_MINIMUM, REJECT_SIDE,           REJECT_DISPLAY,    REJECT_RESERVE,
    REJECT_PEG,     REJECT_CROSS,          REJECT_FIRM,       REJECT_TOO_LATE,
    REJECT_OTHER,   REJECT_SESSION_ORDERS, REJECT_SHARD_FULL,
};

static void random_order(struct random *random, struct event *event)
{
    event->state = random_below(random, 2) == 0 ? 'L' : 'D';
    event->price = (int64_t)random_u64(random);
    event->order_id = random_u64(random);
    event->minimum_lots = random_u64(random) >> random_below(random, 64);
    event->deadline_ns = random_below(random, 2) == 0 ? 0 : random_u64(random);
    event->side = (uint8_t)(SIDE_BUY + random_below(random, 4));
    event->time_in_force = (uint8_t)(TIF_DAY + random_below(random, 4));
    event->kind = (uint8_t)(ORDER_LIMIT + random_below(random, 2));
    event->display = 'Y';
    event->capacity = 'P';
    event->sweep = 'N';
    event->cross = 'N';
    memcpy(event->symbol, "BTC-USD ", SYMBOL_BYTES);
}

/* An event of a stream with random values, as OUCH can carry them. */
static void random_event(struct random *random, struct event *event)
{
    memset(event, 0, sizeof *event);
    event->type = stream_types[random_below(random, sizeof stream_types)];
    event->timestamp_ns = random_below(random, DAY_NS);
    if (event->type == EVENT_SYSTEM) {
        event->reason = (uint8_t)(SYSTEM_START + random_below(random, 2));
        return;
    }
    event->channel = (uint8_t)random_below(random, CHANNELS_MAX);
    event->user_reference = (uint32_t)random_u64(random);
    if (event->type == EVENT_ACCOUNT) {
        return;
    }
    if (event->type == EVENT_ORDER_REJECTED) {
        event->reason = own_reasons[random_below(random, sizeof own_reasons)];
        event->deadline_ns = event->reason == REJECT_TOO_LATE ? random_u64(random) : 0;
        memcpy(event->client_order_id, "REJECTED      ", CLIENT_ORDER_ID_BYTES);
        return;
    }
    event->quantity_lots = random_u64(random) >> random_below(random, 64);
    if (event->type == EVENT_ORDER_CANCELED) {
        event->reason = (uint8_t)(CANCEL_USER + random_below(random, 5));
    } else if (event->type == EVENT_ORDER_EXECUTED) {
        event->reason = (uint8_t)(LIQUIDITY_ADDED + random_below(random, 2));
        event->price = (int64_t)random_u64(random);
        event->match_number = random_u64(random);
    } else {
        random_order(random, event);
        memcpy(event->client_order_id, "ID 1234       ", CLIENT_ORDER_ID_BYTES);
        event->original_user_reference =
            event->type == EVENT_ORDER_REPLACED ? (uint32_t)random_u64(random) : 0;
    }
}

static void test_random_events_round_trip(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct event event;
        random_event(&random, &event);
        struct event numbered = event;
        numbered.sequence = 1 + random_below(&random, UINT32_MAX);
        numbered.session_id = (uint32_t)random_u64(&random);
        numbered.instrument_id = (uint32_t)random_u64(&random);
        numbered.timestamp_ns += DAY_NS * random_below(&random, 30000);
        uint8_t message[OUCH_MESSAGE_BYTES_MAX];
        size_t count = ouch_event_encode(message, sizeof message, &numbered);
        struct event again;
        assert_int_equal(ouch_event_decode(&again, message, count), STATUS_OK);
        assert_memory_equal(&again, &event, sizeof again);
    }
}

/* What a site keeps for itself never shows on the wire: sites render the same bytes. */
static void test_equal_bytes_whatever_is_private(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    for (unsigned i = 0; i < 1000; i++) {
        struct event event;
        random_event(&random, &event);
        event.sequence = 1;
        uint8_t first[OUCH_MESSAGE_BYTES_MAX];
        uint8_t second[OUCH_MESSAGE_BYTES_MAX];
        memset(first, 0, sizeof first);
        memset(second, 0xFF, sizeof second);
        size_t count = ouch_event_encode(first, sizeof first, &event);
        event.session_id = UINT32_MAX;
        event.instrument_id = UINT32_MAX;
        event.sequence = UINT64_MAX;
        assert_int_equal(ouch_event_encode(second, sizeof second, &event), count);
        assert_memory_equal(first, second, count); /* No byte of a message is left unwritten. */
    }
}

/* Appendage column of the specification: which messages have a length field when there is nothing
 * to say, and which only when there is something. */
static void test_lengths(void **state)
{
    (void)state;
    const struct {
        uint8_t type;
        size_t plain;
        size_t with_channel;
    } lengths[] = {
        {EVENT_SYSTEM, 10, 10},         {EVENT_ORDER_ACCEPTED, 64, 67},
        {EVENT_ORDER_REPLACED, 68, 71}, {EVENT_ORDER_CANCELED, 18, 23},
        {EVENT_ORDER_EXECUTED, 36, 39}, {EVENT_ORDER_REJECTED, 29, 34},
        {EVENT_ACCOUNT, 13, 18},
    };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct event event = {.type = lengths[i].type,
                              .reason = 1,
                              .state = 'L',
                              .sequence = 1,
                              .side = SIDE_SELL,
                              .time_in_force = TIF_DAY,
                              .kind = ORDER_LIMIT};
        uint8_t message[OUCH_MESSAGE_BYTES_MAX];
        assert_int_equal(ouch_event_encode(message, sizeof message, &event), lengths[i].plain);
        event.channel = 9;
        size_t count = ouch_event_encode(message, sizeof message, &event);
        assert_int_equal(count, lengths[i].with_channel);
        if (event.type != EVENT_SYSTEM) {
            assert_memory_equal(message + count - 5, "\x00\x03\x02\x1c\x09", 5);
        }
    }
}

static void test_reasons_on_the_wire(void **state)
{
    (void)state;
    static const uint16_t codes[REJECT_COUNT] = {
        [REJECT_HALTED] = 7,
        [REJECT_SYMBOL] = 0x17,
        [REJECT_PRICE] = 0x1D,
        [REJECT_QUANTITY] = 0x13,
        [REJECT_MINIMUM] = 0x0D,
        [REJECT_SIDE] = 9,
        [REJECT_TIME_IN_FORCE] = 15,
        [REJECT_DISPLAY] = 3,
        [REJECT_RESERVE] = 4,
        [REJECT_PEG] = 5,
        [REJECT_CROSS] = 0x14,
        [REJECT_FIRM] = 0x0C,
        [REJECT_TOO_LATE] = 15,
        [REJECT_CHANNEL] = 15,
        [REJECT_SESSION_ORDERS] = 0x1E,
        [REJECT_SHARD_FULL] = 0x0A,
        [REJECT_OTHER] = 15,
        [REJECT_MARKET_RESTS] = 15,
    };
    for (uint8_t reason = 1; reason < REJECT_COUNT; reason++) {
        struct event event = {
            .type = EVENT_ORDER_REJECTED, .reason = reason, .sequence = 1, .deadline_ns = 77};
        uint8_t message[OUCH_MESSAGE_BYTES_MAX];
        size_t count = ouch_event_encode(message, sizeof message, &event);
        assert_int_equal(bytes_load_be16(message + 13), codes[reason]);
        if (reason == REJECT_TOO_LATE) {
            assert_int_equal(count, 41);
            assert_memory_equal(message + 29, "\0\x0a\x09\x83\0\0\0\0\0\0\0\x4d", 12);
        } else {
            assert_int_equal(count, 29);
        }
    }
}

static void test_codes_on_the_wire(void **state)
{
    (void)state;
    const struct {
        uint8_t type;
        uint8_t reason;
        size_t offset;
        char byte;
    } codes[] = {
        {EVENT_SYSTEM, SYSTEM_START, 9, 'S'},
        {EVENT_SYSTEM, SYSTEM_END, 9, 'E'},
        {EVENT_ORDER_CANCELED, CANCEL_USER, 17, 'U'},
        {EVENT_ORDER_CANCELED, CANCEL_IMMEDIATE, 17, 'I'},
        {EVENT_ORDER_CANCELED, CANCEL_DAY_END, 17, 'E'},
        {EVENT_ORDER_CANCELED, CANCEL_SUPERVISORY, 17, 'S'},
        {EVENT_ORDER_CANCELED, CANCEL_SYSTEM, 17, 'Z'},
        {EVENT_ORDER_EXECUTED, LIQUIDITY_ADDED, 25, 'A'},
        {EVENT_ORDER_EXECUTED, LIQUIDITY_REMOVED, 25, 'R'},
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct event event = {.type = codes[i].type, .reason = codes[i].reason, .sequence = 1};
        uint8_t message[OUCH_MESSAGE_BYTES_MAX];
        (void)ouch_event_encode(message, sizeof message, &event);
        assert_int_equal(message[codes[i].offset], codes[i].byte);
    }
}

static void test_decoder_refuses(void **state)
{
    (void)state;
    struct event event = {.type = EVENT_ORDER_ACCEPTED,
                          .state = 'L',
                          .sequence = 1,
                          .timestamp_ns = DAY_NS - 1,
                          .side = SIDE_SELL,
                          .time_in_force = TIF_DAY,
                          .kind = ORDER_LIMIT};
    uint8_t message[OUCH_MESSAGE_BYTES_MAX];
    size_t count = ouch_event_encode(message, sizeof message, &event);
    struct event decoded;
    assert_int_equal(ouch_check_event(message, count, &decoded), STATUS_OK);
    assert_true(decoded.timestamp_ns == DAY_NS - 1);
    const struct {
        size_t offset;
        uint8_t byte;
    } changes[] = {
        {1, 1},    /* Later than a day has time. */
        {13, 'Q'}, /* Side. */
        {34, '5'}, /* Time in force that we never send. */
        {47, 'X'}, /* State. */
        {63, 1},   /* Appendage longer than the message. */
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        uint8_t before = message[changes[i].offset];
        message[changes[i].offset] = changes[i].byte;
        assert_int_equal(ouch_check_event(message, count, &decoded), STATUS_BAD_FORMAT);
        message[changes[i].offset] = before;
    }
    /* An option of a later program is no error. */
    memcpy(message + 62, "\x00\x03\x02\xf0\x01", 5);
    assert_int_equal(ouch_check_event(message, 67, &decoded), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_events_round_trip),
        cmocka_unit_test(test_equal_bytes_whatever_is_private),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_reasons_on_the_wire),
        cmocka_unit_test(test_codes_on_the_wire),
        cmocka_unit_test(test_decoder_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
