/* OUCH 5.0, outbound: events of a session's stream and the messages that clients get. */
#include <string.h>

#include "gateway/ouch.h"
#include "gateway/ouch_codes.h"
#include "gateway/ouch_tags.h"
#include "gateway/ouch_wire.h"
#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define ORDER_OPTIONS                                                                              \
    (OUCH_HAS_MINIMUM | OUCH_HAS_CHANNEL | OUCH_HAS_ORDER_KIND | OUCH_HAS_TIME_IN_FORCE |          \
     OUCH_HAS_DEADLINE | OUCH_HAS_QUANTITY | OUCH_HAS_MINIMUM_64)

static const struct ouch_tags_rule accepted_rule = {.appendage = ACCEPTED_APPENDAGE,
                                                    .offered = ORDER_OPTIONS};
static const struct ouch_tags_rule replaced_rule = {.appendage = REPLACED_APPENDAGE,
                                                    .offered = ORDER_OPTIONS};
static const struct ouch_tags_rule canceled_rule = {.appendage = CANCELED_APPENDAGE,
                                                    .optional = true,
                                                    .offered =
                                                        OUCH_HAS_CHANNEL | OUCH_HAS_QUANTITY};
static const struct ouch_tags_rule executed_rule = {
    .appendage = EXECUTED_APPENDAGE, .offered = OUCH_HAS_CHANNEL | OUCH_HAS_QUANTITY};
static const struct ouch_tags_rule rejected_rule = {.appendage = REJECTED_APPENDAGE,
                                                    .optional = true,
                                                    .offered =
                                                        OUCH_HAS_CHANNEL | OUCH_HAS_TOO_LATE};
static const struct ouch_tags_rule account_rule = {.appendage = ACCOUNT_APPENDAGE,
                                                   .optional = true,
                                                   .offered = OUCH_HAS_CHANNEL};

/* The fields from Side on, which Accepted and Replaced share: `target` is shifted for the latter.
 */
static void ouch_encode_order(uint8_t *target, const struct event *event, struct ouch_tags *tags)
{
    ASSERT(event->state == 'L' || event->state == 'D');
    ouch_codes_kind_to_wire(event->kind, tags);
    ouch_codes_minimum_to_wire(event->minimum_lots, tags);
    if (event->deadline_ns > 0) {
        tags->present |= OUCH_HAS_DEADLINE;
        tags->deadline_ns = event->deadline_ns;
    }
    target[ACCEPTED_SIDE] = ouch_codes_side_to_wire(event->side);
    bytes_store_be32(target + ACCEPTED_QUANTITY,
                     ouch_codes_quantity_to_wire(event->quantity_lots, tags));
    memcpy(target + ACCEPTED_SYMBOL, event->symbol, SYMBOL_BYTES);
    bytes_store_be64(target + ACCEPTED_PRICE, (uint64_t)event->price);
    target[ACCEPTED_TIME_IN_FORCE] = ouch_codes_time_to_wire(event->time_in_force, tags);
    target[ACCEPTED_DISPLAY] = event->display;
    bytes_store_be64(target + ACCEPTED_ORDER_ID, event->order_id);
    target[ACCEPTED_CAPACITY] = event->capacity;
    target[ACCEPTED_SWEEP] = event->sweep;
    target[ACCEPTED_CROSS] = event->cross;
    target[ACCEPTED_STATE] = event->state;
    memcpy(target + ACCEPTED_CLIENT_ORDER_ID, event->client_order_id, CLIENT_ORDER_ID_BYTES);
}

static size_t ouch_encode_accepted(uint8_t *target, size_t target_bytes, const struct event *event,
                                   struct ouch_tags *tags)
{
    target[0] = OUT_ACCEPTED;
    bytes_store_be32(target + OUT_REFERENCE, event->user_reference);
    ouch_encode_order(target, event, tags);
    return ouch_tags_encode(target, target_bytes, &accepted_rule, tags);
}

static size_t ouch_encode_replaced(uint8_t *target, size_t target_bytes, const struct event *event,
                                   struct ouch_tags *tags)
{
    target[0] = OUT_REPLACED;
    bytes_store_be32(target + REPLACED_ORIGINAL, event->original_user_reference);
    bytes_store_be32(target + REPLACED_REFERENCE, event->user_reference);
    ouch_encode_order(target + REPLACED_SHIFT, event, tags);
    return ouch_tags_encode(target, target_bytes, &replaced_rule, tags);
}

static size_t ouch_encode_canceled(uint8_t *target, size_t target_bytes, const struct event *event,
                                   struct ouch_tags *tags)
{
    target[0] = OUT_CANCELED;
    bytes_store_be32(target + OUT_REFERENCE, event->user_reference);
    bytes_store_be32(target + CANCELED_QUANTITY,
                     ouch_codes_quantity_to_wire(event->quantity_lots, tags));
    target[CANCELED_REASON] = ouch_codes_cancel_to_wire(event->reason);
    return ouch_tags_encode(target, target_bytes, &canceled_rule, tags);
}

static size_t ouch_encode_executed(uint8_t *target, size_t target_bytes, const struct event *event,
                                   struct ouch_tags *tags)
{
    target[0] = OUT_EXECUTED;
    bytes_store_be32(target + OUT_REFERENCE, event->user_reference);
    bytes_store_be32(target + EXECUTED_QUANTITY,
                     ouch_codes_quantity_to_wire(event->quantity_lots, tags));
    bytes_store_be64(target + EXECUTED_PRICE, (uint64_t)event->price);
    target[EXECUTED_LIQUIDITY] = ouch_codes_liquidity_to_wire(event->reason);
    bytes_store_be64(target + EXECUTED_MATCH_NUMBER, event->match_number);
    return ouch_tags_encode(target, target_bytes, &executed_rule, tags);
}

static size_t ouch_encode_rejected(uint8_t *target, size_t target_bytes, const struct event *event,
                                   struct ouch_tags *tags)
{
    if (event->reason == REJECT_TOO_LATE) {
        tags->present |= OUCH_HAS_TOO_LATE;
        tags->too_late_ns = event->deadline_ns;
    }
    target[0] = OUT_REJECTED;
    bytes_store_be32(target + OUT_REFERENCE, event->user_reference);
    bytes_store_be16(target + REJECTED_REASON, ouch_codes_reject_to_wire(event->reason));
    memcpy(target + REJECTED_CLIENT_ORDER_ID, event->client_order_id, CLIENT_ORDER_ID_BYTES);
    return ouch_tags_encode(target, target_bytes, &rejected_rule, tags);
}

static size_t ouch_encode_account(uint8_t *target, size_t target_bytes, const struct event *event,
                                  struct ouch_tags *tags)
{
    target[0] = OUT_ACCOUNT;
    bytes_store_be32(target + OUT_REFERENCE, event->user_reference);
    return ouch_tags_encode(target, target_bytes, &account_rule, tags);
}

static size_t ouch_encode_system(uint8_t *target, const struct event *event)
{
    ASSERT(event->reason == SYSTEM_START || event->reason == SYSTEM_END);
    target[0] = OUT_SYSTEM;
    target[SYSTEM_EVENT_CODE] = event->reason == SYSTEM_START ? 'S' : 'E';
    return SYSTEM_BYTES;
}

size_t ouch_event_encode(uint8_t *target, size_t target_bytes, const struct event *event)
{
    ASSERT(event->sequence > 0);
    ASSERT(target_bytes >= OUCH_MESSAGE_BYTES_MAX);

    struct ouch_tags tags = {0};
    ouch_codes_channel_to_wire(event->channel, &tags);
    bytes_store_be64(target + OUT_TIMESTAMP, event->timestamp_ns % OUCH_DAY_NS);
    switch ((enum event_type)event->type) {
    case EVENT_SYSTEM:
        return ouch_encode_system(target, event);
    case EVENT_ORDER_ACCEPTED:
        return ouch_encode_accepted(target, target_bytes, event, &tags);
    case EVENT_ORDER_REPLACED:
        return ouch_encode_replaced(target, target_bytes, event, &tags);
    case EVENT_ORDER_CANCELED:
        return ouch_encode_canceled(target, target_bytes, event, &tags);
    case EVENT_ORDER_EXECUTED:
        return ouch_encode_executed(target, target_bytes, event, &tags);
    case EVENT_ORDER_REJECTED:
        return ouch_encode_rejected(target, target_bytes, event, &tags);
    case EVENT_ACCOUNT:
        return ouch_encode_account(target, target_bytes, event, &tags);
    case EVENT_SESSION_LOGON:
    case EVENT_SESSION_LOGOFF:
    case EVENT_ADMINISTRATION:
        break; /* Never in a stream. */
    }
    ASSERT(false);
    return 0;
}

/* Options that we do not know are a later program's: skipped, as every client should. */
static enum status ouch_decode_tags(struct event *event, struct ouch_tags *tags,
                                    const struct ouch_tags_rule *rule, const uint8_t *payload,
                                    size_t payload_bytes)
{
    enum status status = ouch_tags_decode(tags, rule, payload, payload_bytes);
    if (status == STATUS_OK) {
        event->channel = tags->channel;
    }
    return status;
}

static enum status ouch_decode_order(struct event *event, const uint8_t *payload,
                                     const struct ouch_tags *tags)
{
    event->side = ouch_codes_side_from_wire(payload[ACCEPTED_SIDE]);
    event->time_in_force = ouch_codes_time_from_wire(payload[ACCEPTED_TIME_IN_FORCE], tags);
    event->state = payload[ACCEPTED_STATE];
    bool fits = ouch_codes_quantity_from_wire(&event->quantity_lots,
                                              bytes_load_be32(payload + ACCEPTED_QUANTITY), tags);
    event->kind = ouch_codes_kind_from_wire(tags);
    uint32_t minimums = OUCH_HAS_MINIMUM | OUCH_HAS_MINIMUM_64;
    if (event->side == 0 || event->time_in_force == 0 || event->kind == 0 || !fits ||
        (tags->present & minimums) == minimums || (event->state != 'L' && event->state != 'D')) {
        return STATUS_BAD_FORMAT;
    }
    event->minimum_lots = tags->minimum_lots;
    event->deadline_ns = tags->deadline_ns;
    memcpy(event->symbol, payload + ACCEPTED_SYMBOL, SYMBOL_BYTES);
    event->price = (int64_t)bytes_load_be64(payload + ACCEPTED_PRICE);
    event->display = payload[ACCEPTED_DISPLAY];
    event->order_id = bytes_load_be64(payload + ACCEPTED_ORDER_ID);
    event->capacity = payload[ACCEPTED_CAPACITY];
    event->sweep = payload[ACCEPTED_SWEEP];
    event->cross = payload[ACCEPTED_CROSS];
    memcpy(event->client_order_id, payload + ACCEPTED_CLIENT_ORDER_ID, CLIENT_ORDER_ID_BYTES);
    return STATUS_OK;
}

static enum status ouch_decode_accepted(struct event *event, const uint8_t *payload,
                                        size_t payload_bytes)
{
    struct ouch_tags tags;
    enum status status = ouch_decode_tags(event, &tags, &accepted_rule, payload, payload_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    event->type = EVENT_ORDER_ACCEPTED;
    event->user_reference = bytes_load_be32(payload + OUT_REFERENCE);
    return ouch_decode_order(event, payload, &tags);
}

static enum status ouch_decode_replaced(struct event *event, const uint8_t *payload,
                                        size_t payload_bytes)
{
    struct ouch_tags tags;
    enum status status = ouch_decode_tags(event, &tags, &replaced_rule, payload, payload_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    event->type = EVENT_ORDER_REPLACED;
    event->original_user_reference = bytes_load_be32(payload + REPLACED_ORIGINAL);
    event->user_reference = bytes_load_be32(payload + REPLACED_REFERENCE);
    return ouch_decode_order(event, payload + REPLACED_SHIFT, &tags);
}

static enum status ouch_decode_canceled(struct event *event, const uint8_t *payload,
                                        size_t payload_bytes)
{
    struct ouch_tags tags;
    enum status status = ouch_decode_tags(event, &tags, &canceled_rule, payload, payload_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    event->type = EVENT_ORDER_CANCELED;
    event->user_reference = bytes_load_be32(payload + OUT_REFERENCE);
    event->reason = ouch_codes_cancel_from_wire(payload[CANCELED_REASON]);
    bool fits = ouch_codes_quantity_from_wire(&event->quantity_lots,
                                              bytes_load_be32(payload + CANCELED_QUANTITY), &tags);
    return event->reason != 0 && fits ? STATUS_OK : STATUS_BAD_FORMAT;
}

static enum status ouch_decode_executed(struct event *event, const uint8_t *payload,
                                        size_t payload_bytes)
{
    struct ouch_tags tags;
    enum status status = ouch_decode_tags(event, &tags, &executed_rule, payload, payload_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    event->type = EVENT_ORDER_EXECUTED;
    event->user_reference = bytes_load_be32(payload + OUT_REFERENCE);
    event->price = (int64_t)bytes_load_be64(payload + EXECUTED_PRICE);
    event->reason = ouch_codes_liquidity_from_wire(payload[EXECUTED_LIQUIDITY]);
    event->match_number = bytes_load_be64(payload + EXECUTED_MATCH_NUMBER);
    bool fits = ouch_codes_quantity_from_wire(&event->quantity_lots,
                                              bytes_load_be32(payload + EXECUTED_QUANTITY), &tags);
    return event->reason != 0 && fits ? STATUS_OK : STATUS_BAD_FORMAT;
}

static enum status ouch_decode_rejected(struct event *event, const uint8_t *payload,
                                        size_t payload_bytes)
{
    struct ouch_tags tags;
    enum status status = ouch_decode_tags(event, &tags, &rejected_rule, payload, payload_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    event->type = EVENT_ORDER_REJECTED;
    event->user_reference = bytes_load_be32(payload + OUT_REFERENCE);
    event->reason = ouch_codes_reject_from_wire(bytes_load_be16(payload + REJECTED_REASON), &tags);
    bool late = (tags.present & OUCH_HAS_TOO_LATE) != 0;
    if (event->reason == 0 || (late && event->reason != REJECT_TOO_LATE)) {
        return STATUS_BAD_FORMAT;
    }
    event->deadline_ns = tags.too_late_ns;
    memcpy(event->client_order_id, payload + REJECTED_CLIENT_ORDER_ID, CLIENT_ORDER_ID_BYTES);
    return STATUS_OK;
}

static enum status ouch_decode_account(struct event *event, const uint8_t *payload,
                                       size_t payload_bytes)
{
    struct ouch_tags tags;
    enum status status = ouch_decode_tags(event, &tags, &account_rule, payload, payload_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    event->type = EVENT_ACCOUNT;
    event->user_reference = bytes_load_be32(payload + OUT_REFERENCE);
    return STATUS_OK;
}

static enum status ouch_decode_system(struct event *event, const uint8_t *payload,
                                      size_t payload_bytes)
{
    if (payload_bytes != SYSTEM_BYTES ||
        (payload[SYSTEM_EVENT_CODE] != 'S' && payload[SYSTEM_EVENT_CODE] != 'E')) {
        return STATUS_BAD_FORMAT;
    }
    event->type = EVENT_SYSTEM;
    event->reason = payload[SYSTEM_EVENT_CODE] == 'S' ? SYSTEM_START : SYSTEM_END;
    return STATUS_OK;
}

static enum status ouch_decode_by_type(struct event *event, const uint8_t *payload,
                                       size_t payload_bytes)
{
    switch (payload[0]) {
    case OUT_SYSTEM:
        return ouch_decode_system(event, payload, payload_bytes);
    case OUT_ACCEPTED:
        return ouch_decode_accepted(event, payload, payload_bytes);
    case OUT_REPLACED:
        return ouch_decode_replaced(event, payload, payload_bytes);
    case OUT_CANCELED:
        return ouch_decode_canceled(event, payload, payload_bytes);
    case OUT_EXECUTED:
        return ouch_decode_executed(event, payload, payload_bytes);
    case OUT_REJECTED:
        return ouch_decode_rejected(event, payload, payload_bytes);
    case OUT_ACCOUNT:
        return ouch_decode_account(event, payload, payload_bytes);
    default: /* Any byte may come. */
        return STATUS_BAD_FORMAT;
    }
}

enum status ouch_event_decode(struct event *event, const uint8_t *payload, size_t payload_bytes)
{
    ASSERT(event != NULL);
    memset(event, 0, sizeof *event);
    if (payload_bytes < SYSTEM_BYTES || payload_bytes > OUCH_MESSAGE_BYTES_MAX) {
        return STATUS_BAD_FORMAT;
    }
    event->timestamp_ns = bytes_load_be64(payload + OUT_TIMESTAMP);
    if (event->timestamp_ns >= OUCH_DAY_NS) {
        return STATUS_BAD_FORMAT;
    }
    return ouch_decode_by_type(event, payload, payload_bytes);
}
