#include "gateway/ouch.h"

#include <stdbool.h>
#include <string.h>

#include "matching/base/bytes.h"
#include "matching/base/limits.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/ouch_check.h"
#include "tests/support/test_seed.h"

#define ROUNDS 20000u

/* A plain Enter Order, 47 bytes, and room for options. */
struct message {
    uint8_t bytes[OUCH_MESSAGE_BYTES_MAX + 64];
    size_t count;
};

static void start(struct message *message, const char *fixed, size_t appendage)
{
    memset(message, 0, sizeof *message);
    memcpy(message->bytes, fixed, appendage);
    message->count = appendage + 2;
}

static void start_enter(struct message *message)
{
    start(message,
          "O"
          "\0\0\0\x09"
          "B"
          "\0\0\0\x64"
          "AAPL    "
          "\0\0\0\0\0\x1c\xe3\x50"
          "0YPNN"
          "CLIENT9       ",
          45);
}

static void start_replace(struct message *message)
{
    start(message,
          "U"
          "\0\0\0\x09"
          "\0\0\0\x0a"
          "\0\0\0\x64"
          "\0\0\0\0\0\x1c\xe3\x50"
          "0YN"
          "CLIENT10      ",
          38);
}

static void start_cancel(struct message *message)
{
    start(message, "X\0\0\0\x09\0\0\0\0", 9);
}

static void start_query(struct message *message)
{
    start(message, "Q", 1);
}

static void add_option(struct message *message, size_t appendage, uint8_t tag, const void *value,
                       size_t value_bytes)
{
    message->bytes[message->count++] = (uint8_t)(value_bytes + 1);
    message->bytes[message->count++] = tag;
    memcpy(message->bytes + message->count, value, value_bytes);
    message->count += value_bytes;
    bytes_store_be16(message->bytes + appendage, (uint16_t)(message->count - appendage - 2));
}

static enum status decode(const struct message *message, struct command *command)
{
    return ouch_check_command(message->bytes, message->count, command);
}

static void check_refused(const struct message *message, enum reject_reason reason)
{
    struct command command;
    assert_int_equal(decode(message, &command), STATUS_OK);
    assert_int_equal(command.flags & COMMAND_UNSUPPORTED, COMMAND_UNSUPPORTED);
    assert_int_equal(command.body.order.reject, reason);
    /* What the rejection needs is there whatever is wrong. */
    bool enter = command.type == COMMAND_ORDER_ENTER;
    assert_int_equal(command.body.order.user_reference, enter ? 9 : 10);
    assert_int_equal(command.body.order.original_user_reference, enter ? 0 : 9);
}

static void check_taken(const struct message *message)
{
    struct command command;
    assert_int_equal(decode(message, &command), STATUS_OK);
    assert_int_equal(command.flags & COMMAND_UNSUPPORTED, 0);
    assert_int_equal(command.body.order.reject, 0);
}

static void test_enter_fields(void **state)
{
    (void)state;
    struct message message;
    struct command command;
    struct command wanted = {.type = COMMAND_ORDER_ENTER};
    start_enter(&message);
    struct command_order *order = &wanted.body.order;
    memcpy(order->symbol, "AAPL    ", 8);
    memcpy(order->client_order_id, "CLIENT9       ", 14);
    order->side = SIDE_BUY;
    order->time_in_force = TIF_DAY;
    order->kind = ORDER_LIMIT;
    order->display = 'Y';
    order->capacity = 'P';
    order->sweep = 'N';
    order->cross = 'N';
    order->user_reference = 9;
    order->quantity_lots = 100;
    order->price = 0x1ce350;
    assert_int_equal(decode(&message, &command), STATUS_OK);
    assert_memory_equal(&command, &wanted, sizeof wanted);
}

static void test_replace_fields(void **state)
{
    (void)state;
    struct message message;
    struct command command;
    struct command wanted = {.type = COMMAND_ORDER_REPLACE};
    start_replace(&message);
    struct command_order *order = &wanted.body.order;
    memcpy(order->client_order_id, "CLIENT10      ", 14);
    order->time_in_force = TIF_DAY;
    order->kind = ORDER_LIMIT;
    order->display = 'Y';
    order->sweep = 'N';
    order->original_user_reference = 9;
    order->user_reference = 10;
    order->quantity_lots = 100;
    order->price = 0x1ce350;
    assert_int_equal(decode(&message, &command), STATUS_OK);
    assert_memory_equal(&command, &wanted, sizeof wanted);
}

/* Every byte value in every field of one character: which are served, and what others are told. */
static void test_every_byte_of_every_code(void **state)
{
    (void)state;
    const struct {
        size_t enter_offset;
        size_t replace_offset; /* 0: not in Replace. */
        const char *served;
        enum reject_reason reason;
    } codes[] = {
        {5, 0, "BSTE", REJECT_SIDE},   {26, 21, "03", REJECT_TIME_IN_FORCE},
        {27, 22, "Y", REJECT_DISPLAY}, {28, 0, "APRO", REJECT_OTHER},
        {29, 23, "YN", REJECT_OTHER},  {30, 0, "N", REJECT_CROSS},
    };
    struct message message;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            bool served = byte != 0 && strchr(codes[i].served, (int)byte) != NULL;
            start_enter(&message);
            message.bytes[codes[i].enter_offset] = (uint8_t)byte;
            if (served) {
                check_taken(&message);
            } else {
                check_refused(&message, codes[i].reason);
            }
            if (codes[i].replace_offset == 0) {
                continue;
            }
            start_replace(&message);
            message.bytes[codes[i].replace_offset] = (uint8_t)byte;
            if (served) {
                check_taken(&message);
            } else {
                check_refused(&message, codes[i].reason);
            }
        }
    }
}

static void test_text_fields(void **state)
{
    (void)state;
    struct message message;
    for (unsigned byte = 0; byte < 256; byte++) {
        start_enter(&message);
        message.bytes[31 + 13] = (uint8_t)byte;
        bool letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
        bool digit = byte >= '0' && byte <= '9';
        if (letter || digit || byte == ' ') {
            check_taken(&message);
        } else {
            check_refused(&message, REJECT_OTHER);
        }
        start_replace(&message);
        message.bytes[24] = (uint8_t)byte;
        if (letter || digit || byte == ' ') {
            check_taken(&message);
        } else {
            check_refused(&message, REJECT_OTHER);
        }
        start_enter(&message);
        message.bytes[10 + 7] = (uint8_t)byte;
        if (byte >= ' ' && byte <= '~') {
            check_taken(&message);
        } else {
            check_refused(&message, REJECT_SYMBOL);
        }
    }
}

static void test_prices_pass_up_to_63_bits(void **state)
{
    (void)state;
    struct message message;
    struct command command;
    const uint64_t passed[] = {0, 1, OUCH_PRICE_MARKET, 2000000000, INT64_MAX};
    for (size_t i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        start_enter(&message);
        bytes_store_be64(message.bytes + 18, passed[i]);
        check_taken(&message);
        assert_int_equal(decode(&message, &command), STATUS_OK);
        assert_true((uint64_t)command.body.order.price == passed[i]);
    }
    start_enter(&message);
    bytes_store_be64(message.bytes + 18, (uint64_t)INT64_MAX + 1);
    check_refused(&message, REJECT_PRICE);
    start_replace(&message);
    bytes_store_be64(message.bytes + 13, UINT64_MAX);
    check_refused(&message, REJECT_PRICE);
}

/* Options of the specification: on Enter Order, on Replace Order. REJECT_COUNT: taken. */
struct option_case {
    uint8_t tag;
    const char *value;
    size_t value_bytes;
    enum reject_reason on_enter;
    enum reject_reason on_replace;
};

static const struct option_case option_cases[] = {
    {1, "\0\0\0\0\0\0\0\1", 8, REJECT_OTHER, REJECT_OTHER},
    {2, "    ", 4, REJECT_COUNT, REJECT_OTHER},
    {2, "FIRM", 4, REJECT_FIRM, REJECT_OTHER},
    {3, "\0\0\0\x32", 4, REJECT_COUNT, REJECT_COUNT},
    {4, "R", 1, REJECT_COUNT, REJECT_OTHER},
    {4, "N", 1, REJECT_COUNT, REJECT_OTHER},
    {4, "X", 1, REJECT_OTHER, REJECT_OTHER},
    {5, "\0\0\0\0", 4, REJECT_COUNT, REJECT_COUNT},
    {5, "\0\0\0\1", 4, REJECT_RESERVE, REJECT_RESERVE},
    {6, "L", 1, REJECT_COUNT, REJECT_COUNT},
    {6, "P", 1, REJECT_PEG, REJECT_PEG},
    {6, "m", 1, REJECT_PEG, REJECT_PEG},
    {7, "\0\0\0\0", 4, REJECT_COUNT, REJECT_COUNT},
    {7, "\xff\xff\xff\xff", 4, REJECT_PEG, REJECT_PEG},
    {8, "?", 1, REJECT_OTHER, REJECT_OTHER},
    {9, "\0\0\0\0\0\0\0\0", 8, REJECT_OTHER, REJECT_OTHER},
    {10, "L", 1, REJECT_OTHER, REJECT_OTHER},
    {11, "\0\0\0\0", 4, REJECT_OTHER, REJECT_OTHER},
    {12, "N", 1, REJECT_COUNT, REJECT_COUNT},
    {12, "P", 1, REJECT_OTHER, REJECT_OTHER},
    {13, "\0\0\0\0", 4, REJECT_COUNT, REJECT_COUNT},
    {13, "\0\0\0\1", 4, REJECT_RESERVE, REJECT_RESERVE},
    {14, "RTE1", 4, REJECT_OTHER, REJECT_OTHER},
    {15, "\0\0\0\x0a", 4, REJECT_TIME_IN_FORCE, REJECT_TIME_IN_FORCE},
    {16, "Y", 1, REJECT_COUNT, REJECT_COUNT},
    {16, "N", 1, REJECT_COUNT, REJECT_COUNT},
    {16, "?", 1, REJECT_OTHER, REJECT_OTHER},
    {17, "I", 1, REJECT_OTHER, REJECT_OTHER},
    {18, "0", 1, REJECT_OTHER, REJECT_OTHER},
    {19, "??", 2, REJECT_OTHER, REJECT_OTHER},
    {22, "\0\0\0\1", 4, REJECT_OTHER, REJECT_OTHER},
    {23, "\0\0\0\0\0\0\0\1", 8, REJECT_OTHER, REJECT_OTHER},
    {24, "\0\1", 2, REJECT_COUNT, REJECT_OTHER},
    {25, "Y", 1, REJECT_COUNT, REJECT_COUNT},
    {25, "?", 1, REJECT_OTHER, REJECT_OTHER},
    {26, "LOCB", 4, REJECT_COUNT, REJECT_COUNT},
    {27, "S", 1, REJECT_OTHER, REJECT_SIDE},
    {28, "\x05", 1, REJECT_COUNT, REJECT_COUNT},
    {29, "N", 1, REJECT_OTHER, REJECT_OTHER},
    {30, "\0\1", 2, REJECT_OTHER, REJECT_OTHER},
    {31, "?", 1, REJECT_OTHER, REJECT_OTHER},
    {127, "", 0, REJECT_OTHER, REJECT_OTHER},
    {128, "L", 1, REJECT_COUNT, REJECT_COUNT},
    {128, "S", 1, REJECT_OTHER, REJECT_OTHER},
    {128, "M", 1, REJECT_PRICE, REJECT_PRICE}, /* The message has a price. */
    {129, "G", 1, REJECT_COUNT, REJECT_COUNT},
    {129, "F", 1, REJECT_TIME_IN_FORCE, REJECT_TIME_IN_FORCE}, /* Beside '0'. */
    {129, "D", 1, REJECT_TIME_IN_FORCE, REJECT_TIME_IN_FORCE},
    {130, "\0\0\0\0\0\0\0\1", 8, REJECT_COUNT, REJECT_COUNT},
    {131, "\0\0\0\0\0\0\0\1", 8, REJECT_OTHER, REJECT_OTHER},
    {132, "\0\0\0\0\0\0\0\1", 8, REJECT_TIME_IN_FORCE, REJECT_TIME_IN_FORCE},
    {133, "\0\0\0\0\0\0\0\1", 8, REJECT_COUNT, REJECT_COUNT},
    {134, "\0\0\0\1\0\0\0\0", 8, REJECT_QUANTITY, REJECT_QUANTITY}, /* Beside 100. */
    {135, "\0\0\0\1\0\0\0\0", 8, REJECT_COUNT, REJECT_COUNT},
    {136, "?", 1, REJECT_OTHER, REJECT_OTHER},
    {255, "?", 1, REJECT_OTHER, REJECT_OTHER},
};

static void test_options_of_orders(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof option_cases / sizeof option_cases[0]; i++) {
        const struct option_case *option = &option_cases[i];
        for (int replace = 0; replace < 2; replace++) {
            struct message message;
            enum reject_reason reason = replace ? option->on_replace : option->on_enter;
            if (replace) {
                start_replace(&message);
            } else {
                start_enter(&message);
            }
            add_option(&message, replace ? 38 : 45, option->tag, option->value,
                       option->value_bytes);
            if (reason == REJECT_COUNT) {
                check_taken(&message);
            } else {
                check_refused(&message, reason);
            }
        }
    }
}

static void test_options_taken(void **state)
{
    (void)state;
    struct message message;
    struct command command;
    start_enter(&message);
    message.bytes[26] = '3';
    bytes_store_be32(message.bytes + 6, UINT32_MAX);
    memset(message.bytes + 18, 0, 8);
    add_option(&message, 45, 28, "\x05", 1);
    add_option(&message, 45, 128, "M", 1);
    add_option(&message, 45, 129, "F", 1);
    add_option(&message, 45, 130, "\x11\0\0\0\0\0\0\x01", 8);
    add_option(&message, 45, 133, "\x12\0\0\0\0\0\0\x02", 8);
    add_option(&message, 45, 134, "\x13\0\0\0\0\0\0\x03", 8);
    add_option(&message, 45, 135, "\x14\0\0\0\0\0\0\x04", 8);
    check_taken(&message);
    assert_int_equal(decode(&message, &command), STATUS_OK);
    const struct command_order *order = &command.body.order;
    assert_int_equal(order->channel, 5);
    assert_int_equal(order->kind, ORDER_MARKET);
    assert_int_equal(order->price, 0);
    assert_int_equal(order->time_in_force, TIF_FOK);
    assert_int_equal(command.flags, COMMAND_HAS_DEADLINE);
    assert_true(order->deadline_ns == UINT64_C(0x1100000000000001));
    assert_true(order->maximum_age_ns == UINT64_C(0x1200000000000002));
    assert_true(order->quantity_lots == UINT64_C(0x1300000000000003));
    assert_true(order->minimum_lots == UINT64_C(0x1400000000000004));

    /* A deadline of zero is one, and always past. */
    start_enter(&message);
    add_option(&message, 45, 130, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal(decode(&message, &command), STATUS_OK);
    assert_int_equal(command.flags, COMMAND_HAS_DEADLINE);

    /* Without the option 0xFFFFFFFF is a quantity like others. */
    start_enter(&message);
    bytes_store_be32(message.bytes + 6, UINT32_MAX);
    assert_int_equal(decode(&message, &command), STATUS_OK);
    assert_true(command.body.order.quantity_lots == UINT32_MAX);

    /* Good till cancel is a day order that outlives the day, never an immediate one. */
    start_enter(&message);
    message.bytes[26] = '3';
    add_option(&message, 45, 129, "G", 1);
    check_refused(&message, REJECT_TIME_IN_FORCE);
}

static void test_the_first_reason_counts(void **state)
{
    (void)state;
    struct message message;
    start_enter(&message);
    message.bytes[5] = 'Q';
    message.bytes[27] = 'N';
    add_option(&message, 45, 5, "\0\0\0\1", 4);
    check_refused(&message, REJECT_SIDE);
    message.bytes[5] = 'B';
    check_refused(&message, REJECT_DISPLAY);
    message.bytes[27] = 'Y';
    check_refused(&message, REJECT_RESERVE);

    start_enter(&message);
    add_option(&message, 45, 3, "\0\0\0\1", 4);
    add_option(&message, 45, 135, "\0\0\0\0\0\0\0\1", 8);
    add_option(&message, 45, 6, "P", 1);
    check_refused(&message, REJECT_MINIMUM);
}

static void test_malformed_appendages(void **state)
{
    (void)state;
    struct message message;
    struct command command;
    start_enter(&message);
    add_option(&message, 45, 28, "\x05", 1);
    add_option(&message, 45, 28, "\x05", 1);
    assert_int_equal(decode(&message, &command), STATUS_BAD_FORMAT); /* A tag twice. */
    start_enter(&message);
    add_option(&message, 45, 200, "\x05", 1);
    add_option(&message, 45, 200, "\x06", 1);
    assert_int_equal(decode(&message, &command), STATUS_BAD_FORMAT); /* Also an unknown one. */
    start_enter(&message);
    add_option(&message, 45, 28, "\x05\x05", 2);
    assert_int_equal(decode(&message, &command), STATUS_BAD_FORMAT); /* Too long for its tag. */
    start_enter(&message);
    add_option(&message, 45, 130, "\x05\x05", 2);
    assert_int_equal(decode(&message, &command), STATUS_BAD_FORMAT); /* Too short for it. */
    start_enter(&message);
    add_option(&message, 45, 28, "\x05", 1);
    message.bytes[47] = 0;
    assert_int_equal(decode(&message, &command), STATUS_BAD_FORMAT); /* An option without a tag. */
    message.bytes[47] = 3;
    assert_int_equal(decode(&message, &command), STATUS_BAD_FORMAT); /* Past the end. */
    message.bytes[47] = 2;
    assert_int_equal(decode(&message, &command), STATUS_OK);
    message.bytes[46]++;
    assert_int_equal(decode(&message, &command), STATUS_BAD_FORMAT); /* Length of the appendage. */
    struct command zero = {0};
    assert_memory_equal(&command, &zero, sizeof zero);
}

/* A message may fill OUCH_MESSAGE_BYTES_MAX and no byte more. */
static void test_the_longest_message(void **state)
{
    (void)state;
    struct message message;
    struct command command;
    static const uint8_t value[OUCH_MESSAGE_BYTES_MAX] = {0};
    start_enter(&message);
    add_option(&message, 45, 200, value, OUCH_MESSAGE_BYTES_MAX - 49);
    assert_int_equal(message.count, OUCH_MESSAGE_BYTES_MAX);
    check_refused(&message, REJECT_OTHER);
    start_enter(&message);
    add_option(&message, 45, 200, value, OUCH_MESSAGE_BYTES_MAX - 48);
    assert_int_equal(decode(&message, &command), STATUS_BAD_FORMAT);
}

static void test_cancel_and_query(void **state)
{
    (void)state;
    struct message message;
    struct command command;
    start_cancel(&message);
    assert_int_equal(decode(&message, &command), STATUS_OK); /* With an empty appendage. */
    message.count -= 2;
    assert_int_equal(decode(&message, &command), STATUS_OK); /* Without. */
    assert_int_equal(command.type, COMMAND_ORDER_CANCEL);
    assert_int_equal(command.body.cancel.user_reference, 9);
    assert_int_equal(command.body.cancel.quantity_lots, 0);

    start_cancel(&message);
    bytes_store_be32(message.bytes + 5, UINT32_MAX);
    add_option(&message, 9, 28, "\x0f", 1);
    add_option(&message, 9, 134, "\0\0\0\2\0\0\0\1", 8);
    assert_int_equal(decode(&message, &command), STATUS_OK);
    assert_int_equal(command.body.cancel.channel, 15);
    assert_true(command.body.cancel.quantity_lots == UINT64_C(0x200000001));

    /* A cancel has no rejection, so what it cannot mean ends the connection. */
    bytes_store_be32(message.bytes + 5, 7);
    assert_int_equal(decode(&message, &command), STATUS_BAD_FORMAT);
    start_cancel(&message);
    add_option(&message, 9, 3, "\0\0\0\1", 4);
    assert_int_equal(decode(&message, &command), STATUS_BAD_FORMAT);

    start_query(&message);
    add_option(&message, 1, 28, "\x07", 1);
    assert_int_equal(decode(&message, &command), STATUS_OK);
    assert_int_equal(command.type, COMMAND_ACCOUNT_QUERY);
    assert_int_equal(command.body.query.channel, 7);
    start_query(&message);
    add_option(&message, 1, 134, "\0\0\0\0\0\0\0\1", 8);
    assert_int_equal(decode(&message, &command), STATUS_BAD_FORMAT);
}

/* Mass cancel and the like are OUCH 5.0, but not served; other types are not OUCH 5.0. */
static void test_types(void **state)
{
    (void)state;
    const struct {
        char type;
        size_t bytes;
        bool optional; /* May also end before the appendage. */
        enum status status;
    } types[] = {
        {'O', 47, false, STATUS_OK},          {'U', 40, false, STATUS_OK},
        {'X', 11, true, STATUS_OK},           {'Q', 3, true, STATUS_OK},
        {'M', 12, true, STATUS_BAD_VERSION},  {'C', 19, false, STATUS_BAD_VERSION},
        {'D', 11, false, STATUS_BAD_VERSION}, {'E', 11, false, STATUS_BAD_VERSION},
    };
    uint8_t bytes[64] = {0};
    struct command command;
    for (unsigned type = 0; type < 256; type++) {
        bytes[0] = (uint8_t)type;
        for (size_t count = 0; count <= sizeof bytes; count++) {
            enum status wanted = STATUS_BAD_FORMAT;
            for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
                bool fits =
                    count == types[i].bytes || (types[i].optional && count + 2 == types[i].bytes);
                wanted = (unsigned char)types[i].type == type && fits ? types[i].status : wanted;
            }
            assert_int_equal(ouch_check_command(bytes, count, &command), wanted);
        }
    }
}

static void random_order(struct random *random, struct command *command)
{
    static const char capacities[] = "APRO";
    struct command_order *order = &command->body.order;
    bool enter = command->type == COMMAND_ORDER_ENTER;
    order->user_reference = (uint32_t)random_u64(random);
    order->quantity_lots = random_u64(random) >> random_below(random, 64);
    order->minimum_lots = random_u64(random) >> random_below(random, 64);
    order->price = (int64_t)(random_u64(random) >> (1 + random_below(random, 63)));
    order->channel = (uint8_t)random_below(random, CHANNELS_MAX);
    order->time_in_force = (uint8_t)(TIF_DAY + random_below(random, 4));
    order->kind = (uint8_t)(ORDER_LIMIT + random_below(random, 2));
    order->price = order->kind == ORDER_MARKET ? 0 : order->price;
    order->display = 'Y';
    order->sweep = random_below(random, 2) == 0 ? 'Y' : 'N';
    order->maximum_age_ns = random_below(random, 2) == 0 ? 0 : random_u64(random);
    if (random_below(random, 2) == 0) {
        command->flags = COMMAND_HAS_DEADLINE;
        order->deadline_ns = random_u64(random);
    }
    for (size_t i = 0; i < CLIENT_ORDER_ID_BYTES; i++) {
        order->client_order_id[i] = (uint8_t)("aZ09 kX7"[random_below(random, 8)]);
    }
    if (enter) {
        memcpy(order->symbol, "SYM     ", 8);
        order->symbol[3] = (uint8_t)(' ' + random_below(random, '~' - ' ' + 1));
        order->side = (uint8_t)(SIDE_BUY + random_below(random, 4));
        order->capacity = (uint8_t)capacities[random_below(random, 4)];
        order->cross = 'N';
    } else {
        order->original_user_reference = (uint32_t)random_u64(random);
    }
}

static void test_random_commands_round_trip(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    static const uint8_t types[] = {COMMAND_ORDER_ENTER, COMMAND_ORDER_REPLACE,
                                    COMMAND_ORDER_CANCEL, COMMAND_ACCOUNT_QUERY};
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct command command = {.type = types[random_below(&random, 4)]};
        if (command.type == COMMAND_ORDER_CANCEL) {
            command.body.cancel.user_reference = (uint32_t)random_u64(&random);
            command.body.cancel.quantity_lots = random_u64(&random) >> random_below(&random, 64);
            command.body.cancel.channel = (uint8_t)random_below(&random, CHANNELS_MAX);
        } else if (command.type == COMMAND_ACCOUNT_QUERY) {
            command.body.query.channel = (uint8_t)random_below(&random, CHANNELS_MAX);
        } else {
            random_order(&random, &command);
        }
        uint8_t message[OUCH_MESSAGE_BYTES_MAX];
        size_t count = ouch_command_encode(message, sizeof message, &command);
        struct command again;
        assert_int_equal(ouch_command_decode(&again, message, count), STATUS_OK);
        assert_memory_equal(&again, &command, sizeof again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enter_fields),
        cmocka_unit_test(test_replace_fields),
        cmocka_unit_test(test_every_byte_of_every_code),
        cmocka_unit_test(test_text_fields),
        cmocka_unit_test(test_prices_pass_up_to_63_bits),
        cmocka_unit_test(test_options_of_orders),
        cmocka_unit_test(test_options_taken),
        cmocka_unit_test(test_the_first_reason_counts),
        cmocka_unit_test(test_malformed_appendages),
        cmocka_unit_test(test_the_longest_message),
        cmocka_unit_test(test_cancel_and_query),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_random_commands_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
