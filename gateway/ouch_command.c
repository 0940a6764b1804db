/* OUCH 5.0, inbound: a client's messages and our commands. */
#include <string.h>

#include "gateway/ouch.h"
#include "gateway/ouch_codes.h"
#include "gateway/ouch_tags.h"
#include "gateway/ouch_wire.h"
#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define TAG_BIT(tag) (UINT32_C(1) << (tag))

#define ORDER_OPTIONS                                                                              \
    (OUCH_HAS_MINIMUM | OUCH_HAS_CHANNEL | OUCH_HAS_ORDER_KIND | OUCH_HAS_TIME_IN_FORCE |          \
     OUCH_HAS_DEADLINE | OUCH_HAS_MAXIMUM_AGE | OUCH_HAS_QUANTITY | OUCH_HAS_MINIMUM_64)

/* Appendix A's table of allowed tags, without those that we offer. */
static const struct ouch_tags_rule enter_rule = {
    .appendage = ENTER_APPENDAGE,
    .offered = ORDER_OPTIONS,
    .known = TAG_BIT(OUCH_TAG_FIRM) | TAG_BIT(OUCH_TAG_CUSTOMER_TYPE) |
             TAG_BIT(OUCH_TAG_MAX_FLOOR) | TAG_BIT(OUCH_TAG_PRICE_TYPE) |
             TAG_BIT(OUCH_TAG_PEG_OFFSET) | TAG_BIT(OUCH_TAG_POST_ONLY) |
             TAG_BIT(OUCH_TAG_RANDOM_RESERVES) | TAG_BIT(OUCH_TAG_EXPIRE_TIME) |
             TAG_BIT(OUCH_TAG_TRADE_NOW) | TAG_BIT(OUCH_TAG_GROUP_ID) |
             TAG_BIT(OUCH_TAG_SHARES_LOCATED) | TAG_BIT(OUCH_TAG_LOCATE_BROKER)};

static const struct ouch_tags_rule replace_rule = {
    .appendage = REPLACE_APPENDAGE,
    .offered = ORDER_OPTIONS,
    .known = TAG_BIT(OUCH_TAG_MAX_FLOOR) | TAG_BIT(OUCH_TAG_PRICE_TYPE) |
             TAG_BIT(OUCH_TAG_PEG_OFFSET) | TAG_BIT(OUCH_TAG_POST_ONLY) |
             TAG_BIT(OUCH_TAG_RANDOM_RESERVES) | TAG_BIT(OUCH_TAG_EXPIRE_TIME) |
             TAG_BIT(OUCH_TAG_TRADE_NOW) | TAG_BIT(OUCH_TAG_SHARES_LOCATED) |
             TAG_BIT(OUCH_TAG_LOCATE_BROKER) | TAG_BIT(OUCH_TAG_SIDE)};

static const struct ouch_tags_rule cancel_rule = {.appendage = CANCEL_APPENDAGE,
                                                  .optional = true,
                                                  .offered = OUCH_HAS_CHANNEL | OUCH_HAS_QUANTITY};

static const struct ouch_tags_rule query_rule = {.appendage = QUERY_APPENDAGE,
                                                 .optional = true,
                                                 .offered = OUCH_HAS_CHANNEL};

/* Only the first thing that is not offered is told. */
static void ouch_refuse(struct command *command, uint8_t reason)
{
    if (command->body.order.reject == 0 && reason != 0) {
        ASSERT(reason < REJECT_COUNT);
        command->flags |= COMMAND_UNSUPPORTED;
        command->body.order.reject = reason;
    }
}

static bool ouch_is_printable(const uint8_t *field, size_t field_bytes)
{
    for (size_t i = 0; i < field_bytes; i++) {
        if (field[i] < ' ' || field[i] > '~') {
            return false;
        }
    }
    return true;
}

/* Letters, digits and spaces ("Data Types", ClOrdID). */
static bool ouch_is_client_order_id(const uint8_t *field)
{
    for (size_t i = 0; i < CLIENT_ORDER_ID_BYTES; i++) {
        uint8_t byte = field[i];
        bool letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
        bool digit = byte >= '0' && byte <= '9';
        if (!letter && !digit && byte != ' ') {
            return false;
        }
    }
    return true;
}

static bool ouch_is_capacity(uint8_t byte)
{
    return byte == 'A' || byte == 'P' || byte == 'R' || byte == 'O';
}

static void ouch_decode_price(struct command *command, const uint8_t *field)
{
    uint64_t price = bytes_load_be64(field);
    if (price > INT64_MAX) {
        ouch_refuse(command, REJECT_PRICE);
        return;
    }
    command->body.order.price = (int64_t)price;
}

/* The fields that a message has beside each other: Display alone is offered as displayed. */
static void ouch_decode_display(struct command *command, uint8_t display, uint8_t sweep)
{
    command->body.order.display = display;
    command->body.order.sweep = sweep;
    if (display != 'Y') {
        ouch_refuse(command, REJECT_DISPLAY);
    }
    if (sweep != 'Y' && sweep != 'N') {
        ouch_refuse(command, REJECT_OTHER);
    }
}

static void ouch_decode_client_order_id(struct command *command, const uint8_t *field)
{
    memcpy(command->body.order.client_order_id, field, CLIENT_ORDER_ID_BYTES);
    if (!ouch_is_client_order_id(field)) {
        ouch_refuse(command, REJECT_OTHER);
    }
}

/* What the options say, and whether they fit the fixed fields beside them. */
static void ouch_decode_options(struct command *command, const struct ouch_tags *tags,
                                uint32_t quantity, uint8_t time_in_force)
{
    struct command_order *order = &command->body.order;
    order->channel = tags->channel;
    order->kind = ouch_codes_kind_from_wire(tags);
    order->minimum_lots = tags->minimum_lots;
    order->deadline_ns = tags->deadline_ns;
    order->maximum_age_ns = tags->maximum_age_ns;
    if ((tags->present & OUCH_HAS_DEADLINE) != 0) {
        command->flags |= COMMAND_HAS_DEADLINE;
    }
    ouch_refuse(command, tags->reject);
    order->time_in_force = ouch_codes_time_from_wire(time_in_force, tags);
    if (order->time_in_force == 0) {
        ouch_refuse(command, REJECT_TIME_IN_FORCE);
    }
    if (!ouch_codes_quantity_from_wire(&order->quantity_lots, quantity, tags)) {
        ouch_refuse(command, REJECT_QUANTITY);
    }
    if (order->kind == ORDER_MARKET && order->price != 0) {
        ouch_refuse(command, REJECT_PRICE);
    }
}

static enum status ouch_decode_enter(struct command *command, const uint8_t *payload,
                                     size_t payload_bytes)
{
    struct ouch_tags tags;
    enum status status = ouch_tags_decode(&tags, &enter_rule, payload, payload_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    struct command_order *order = &command->body.order;
    command->type = COMMAND_ORDER_ENTER;
    order->user_reference = bytes_load_be32(payload + ENTER_REFERENCE);
    order->side = ouch_codes_side_from_wire(payload[ENTER_SIDE]);
    if (order->side == 0) {
        ouch_refuse(command, REJECT_SIDE);
    }
    memcpy(order->symbol, payload + ENTER_SYMBOL, SYMBOL_BYTES);
    if (!ouch_is_printable(order->symbol, SYMBOL_BYTES)) {
        ouch_refuse(command, REJECT_SYMBOL);
    }
    ouch_decode_price(command, payload + ENTER_PRICE);
    ouch_decode_display(command, payload[ENTER_DISPLAY], payload[ENTER_SWEEP]);
    order->capacity = payload[ENTER_CAPACITY];
    if (!ouch_is_capacity(order->capacity)) {
        ouch_refuse(command, REJECT_OTHER);
    }
    order->cross = payload[ENTER_CROSS];
    if (order->cross != 'N') {
        ouch_refuse(command, REJECT_CROSS);
    }
    ouch_decode_client_order_id(command, payload + ENTER_CLIENT_ORDER_ID);
    ouch_decode_options(command, &tags, bytes_load_be32(payload + ENTER_QUANTITY),
                        payload[ENTER_TIME_IN_FORCE]);
    return STATUS_OK;
}

static enum status ouch_decode_replace(struct command *command, const uint8_t *payload,
                                       size_t payload_bytes)
{
    struct ouch_tags tags;
    enum status status = ouch_tags_decode(&tags, &replace_rule, payload, payload_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    struct command_order *order = &command->body.order;
    command->type = COMMAND_ORDER_REPLACE;
    order->original_user_reference = bytes_load_be32(payload + REPLACE_ORIGINAL);
    order->user_reference = bytes_load_be32(payload + REPLACE_REFERENCE);
    ouch_decode_price(command, payload + REPLACE_PRICE);
    ouch_decode_display(command, payload[REPLACE_DISPLAY], payload[REPLACE_SWEEP]);
    ouch_decode_client_order_id(command, payload + REPLACE_CLIENT_ORDER_ID);
    ouch_decode_options(command, &tags, bytes_load_be32(payload + REPLACE_QUANTITY),
                        payload[REPLACE_TIME_IN_FORCE]);
    return STATUS_OK;
}

/* A cancel cannot be rejected (OUCH has no message for it), so what has no meaning is an error. */
static enum status ouch_decode_cancel(struct command *command, const uint8_t *payload,
                                      size_t payload_bytes)
{
    struct ouch_tags tags;
    enum status status = ouch_tags_decode(&tags, &cancel_rule, payload, payload_bytes);
    if (status != STATUS_OK || tags.reject != 0) {
        return STATUS_BAD_FORMAT;
    }
    uint64_t quantity_lots = 0;
    if (!ouch_codes_quantity_from_wire(&quantity_lots, bytes_load_be32(payload + CANCEL_QUANTITY),
                                       &tags)) {
        return STATUS_BAD_FORMAT;
    }
    command->type = COMMAND_ORDER_CANCEL;
    command->body.cancel.user_reference = bytes_load_be32(payload + CANCEL_REFERENCE);
    command->body.cancel.quantity_lots = quantity_lots;
    command->body.cancel.channel = tags.channel;
    return STATUS_OK;
}

static enum status ouch_decode_query(struct command *command, const uint8_t *payload,
                                     size_t payload_bytes)
{
    struct ouch_tags tags;
    enum status status = ouch_tags_decode(&tags, &query_rule, payload, payload_bytes);
    if (status != STATUS_OK || tags.reject != 0) {
        return STATUS_BAD_FORMAT;
    }
    command->type = COMMAND_ACCOUNT_QUERY;
    command->body.query.channel = tags.channel;
    return STATUS_OK;
}

/* Messages that this program does not serve: well-formed or not is all that it says. */
static enum status ouch_decode_other(const uint8_t *payload, size_t payload_bytes)
{
    struct ouch_tags_rule rule = {.appendage = 0};
    switch (payload[0]) {
    case IN_MODIFY:
        rule.appendage = MODIFY_APPENDAGE;
        rule.optional = true;
        break;
    case IN_MASS_CANCEL:
        rule.appendage = MASS_CANCEL_APPENDAGE;
        break;
    case IN_DISABLE:
    case IN_ENABLE:
        rule.appendage = DISABLE_APPENDAGE;
        break;
    default: /* Any byte may come. */
        return STATUS_BAD_FORMAT;
    }
    struct ouch_tags tags;
    enum status status = ouch_tags_decode(&tags, &rule, payload, payload_bytes);
    return status == STATUS_OK ? STATUS_BAD_VERSION : status;
}

enum status ouch_command_decode(struct command *command, const uint8_t *payload,
                                size_t payload_bytes)
{
    ASSERT(command != NULL);
    memset(command, 0, sizeof *command);
    if (payload_bytes == 0 || payload_bytes > OUCH_MESSAGE_BYTES_MAX) {
        return STATUS_BAD_FORMAT;
    }
    switch (payload[0]) {
    case IN_ENTER:
        return ouch_decode_enter(command, payload, payload_bytes);
    case IN_REPLACE:
        return ouch_decode_replace(command, payload, payload_bytes);
    case IN_CANCEL:
        return ouch_decode_cancel(command, payload, payload_bytes);
    case IN_QUERY:
        return ouch_decode_query(command, payload, payload_bytes);
    default: /* Any byte may come. */
        return ouch_decode_other(payload, payload_bytes);
    }
}

static void ouch_encode_options(const struct command *command, struct ouch_tags *tags)
{
    const struct command_order *order = &command->body.order;
    ouch_codes_channel_to_wire(order->channel, tags);
    ouch_codes_kind_to_wire(order->kind, tags);
    ouch_codes_minimum_to_wire(order->minimum_lots, tags);
    if ((command->flags & COMMAND_HAS_DEADLINE) != 0) {
        tags->present |= OUCH_HAS_DEADLINE;
        tags->deadline_ns = order->deadline_ns;
    }
    if (order->maximum_age_ns > 0) {
        tags->present |= OUCH_HAS_MAXIMUM_AGE;
        tags->maximum_age_ns = order->maximum_age_ns;
    }
}

static size_t ouch_encode_enter(uint8_t *target, size_t target_bytes, const struct command *command)
{
    const struct command_order *order = &command->body.order;
    struct ouch_tags tags = {0};
    ouch_encode_options(command, &tags);
    target[0] = IN_ENTER;
    bytes_store_be32(target + ENTER_REFERENCE, order->user_reference);
    target[ENTER_SIDE] = ouch_codes_side_to_wire(order->side);
    bytes_store_be32(target + ENTER_QUANTITY,
                     ouch_codes_quantity_to_wire(order->quantity_lots, &tags));
    memcpy(target + ENTER_SYMBOL, order->symbol, SYMBOL_BYTES);
    bytes_store_be64(target + ENTER_PRICE, (uint64_t)order->price);
    target[ENTER_TIME_IN_FORCE] = ouch_codes_time_to_wire(order->time_in_force, &tags);
    target[ENTER_DISPLAY] = order->display;
    target[ENTER_CAPACITY] = order->capacity;
    target[ENTER_SWEEP] = order->sweep;
    target[ENTER_CROSS] = order->cross;
    memcpy(target + ENTER_CLIENT_ORDER_ID, order->client_order_id, CLIENT_ORDER_ID_BYTES);
    return ouch_tags_encode(target, target_bytes, &enter_rule, &tags);
}

static size_t ouch_encode_replace(uint8_t *target, size_t target_bytes,
                                  const struct command *command)
{
    const struct command_order *order = &command->body.order;
    struct ouch_tags tags = {0};
    ouch_encode_options(command, &tags);
    target[0] = IN_REPLACE;
    bytes_store_be32(target + REPLACE_ORIGINAL, order->original_user_reference);
    bytes_store_be32(target + REPLACE_REFERENCE, order->user_reference);
    bytes_store_be32(target + REPLACE_QUANTITY,
                     ouch_codes_quantity_to_wire(order->quantity_lots, &tags));
    bytes_store_be64(target + REPLACE_PRICE, (uint64_t)order->price);
    target[REPLACE_TIME_IN_FORCE] = ouch_codes_time_to_wire(order->time_in_force, &tags);
    target[REPLACE_DISPLAY] = order->display;
    target[REPLACE_SWEEP] = order->sweep;
    memcpy(target + REPLACE_CLIENT_ORDER_ID, order->client_order_id, CLIENT_ORDER_ID_BYTES);
    return ouch_tags_encode(target, target_bytes, &replace_rule, &tags);
}

static size_t ouch_encode_cancel(uint8_t *target, size_t target_bytes,
                                 const struct command *command)
{
    const struct command_cancel *cancel = &command->body.cancel;
    struct ouch_tags tags = {0};
    ouch_codes_channel_to_wire(cancel->channel, &tags);
    target[0] = IN_CANCEL;
    bytes_store_be32(target + CANCEL_REFERENCE, cancel->user_reference);
    bytes_store_be32(target + CANCEL_QUANTITY,
                     ouch_codes_quantity_to_wire(cancel->quantity_lots, &tags));
    return ouch_tags_encode(target, target_bytes, &cancel_rule, &tags);
}

size_t ouch_command_encode(uint8_t *target, size_t target_bytes, const struct command *command)
{
    ASSERT(target_bytes >= OUCH_MESSAGE_BYTES_MAX);
    ASSERT((command->flags & COMMAND_UNSUPPORTED) == 0);

    if (command->type == COMMAND_ORDER_ENTER || command->type == COMMAND_ORDER_REPLACE) {
        ASSERT(command->body.order.price >= 0);
        return command->type == COMMAND_ORDER_ENTER
                   ? ouch_encode_enter(target, target_bytes, command)
                   : ouch_encode_replace(target, target_bytes, command);
    }
    if (command->type == COMMAND_ORDER_CANCEL) {
        return ouch_encode_cancel(target, target_bytes, command);
    }
    ASSERT(command->type == COMMAND_ACCOUNT_QUERY);
    struct ouch_tags tags = {0};
    ouch_codes_channel_to_wire(command->body.query.channel, &tags);
    target[0] = IN_QUERY;
    return ouch_tags_encode(target, target_bytes, &query_rule, &tags);
}
