#include "gateway/event_columns.h"

#include <stdbool.h>
#include <string.h>

#include "gateway/event_columns_code.h"
#include "matching/base/assertion.h"

/* Bits of COLUMN_FLAGS: fields that differ from what is predicted. A client order id is predicted
 * to be the last one; with FLAG_CLIENT_NEXT, the one that counts on from it. */
#define FLAG_MATCH       0x01u
#define FLAG_MINIMUM     0x02u
#define FLAG_DEADLINE    0x04u
#define FLAG_ORIGINAL    0x08u
#define FLAG_SYMBOL      0x10u
#define FLAG_CLIENT_NEXT 0x20u
#define FLAG_CLIENT      0x40u
#define FLAG_UNDEFINED   0x80u

/* Prices with four decimals are often whole cents: a difference that is a multiple of this is
 * divided by it, and its lowest bit says so. */
#define PRICE_UNIT INT64_C(100)
/* Differences that leave no room for that bit: the price follows as it is. */
#define PRICE_RAW (UINT64_C(1) << 63)

#define TABLE_SIZE 1024u /* Slots for orders by reference; a power of two. */

struct event_columns_scratch {
    const struct event *const *events;
    const struct event *last_order; /* Latest accepted, replaced or rejected one. */
    uint64_t timestamp_ns;          /* Of the latest event. */
    uint32_t instrument_id;         /* Likewise. */
    uint64_t match_number;          /* Latest. */
    struct column_words heads;
    struct column_words attributes;
    uint32_t references[256];                  /* Latest new one by channel. */
    int64_t prices[256];                       /* Latest by the low byte of the instrument. */
    uint8_t symbols[256][SYMBOL_BYTES];        /* Likewise, of orders. */
    uint16_t orders[TABLE_SIZE];               /* By reference: 1 + index of its event, or 0. */
    uint64_t leaves[EVENT_COLUMNS_EVENTS_MAX]; /* Of the order that event `index` made. */
    struct event_columns_code code;
};

static_assert(offsetof(struct event, reserved) - offsetof(struct event, side) == 7,
              "the attributes are one word");

size_t event_columns_scratch_bytes(void)
{
    return sizeof(struct event_columns_scratch);
}

size_t event_columns_bound(uint32_t count)
{
    ASSERT(count > 0);
    ASSERT(count <= EVENT_COLUMNS_EVENTS_MAX);
    return (size_t)COLUMN_COUNT * LENGTH_BYTES + (size_t)count * EVENT_BYTES_EACH;
}

static uint32_t reference_slot(uint8_t channel, uint32_t reference)
{
    return (reference + (uint32_t)channel * 61u) & (TABLE_SIZE - 1);
}

/* The event of this block that made the order, as 1 + its index; 0 when it lies before the block.
 */
static uint32_t order_find(const struct event_columns_scratch *scratch, uint8_t channel,
                           uint32_t reference)
{
    uint32_t found = scratch->orders[reference_slot(channel, reference)];
    if (found != 0) {
        const struct event *event = scratch->events[found - 1];
        if (event->user_reference != reference || event->channel != channel) {
            found = 0;
        }
    }
    return found;
}

/* The next number where an id ends in decimal digits; else, and after all nines, the same id. */
static void client_next(uint8_t id[CLIENT_ORDER_ID_BYTES])
{
    uint8_t next[CLIENT_ORDER_ID_BYTES];
    memcpy(next, id, sizeof next);
    uint32_t position = CLIENT_ORDER_ID_BYTES;
    while (position > 0 && (next[position - 1] == ' ' || next[position - 1] == 0)) {
        position--;
    }
    while (position > 0 && next[position - 1] == '9') {
        next[--position] = '0';
    }
    if (position > 0 && next[position - 1] >= '0' && next[position - 1] < '9') {
        next[position - 1]++;
        memcpy(id, next, sizeof next);
    }
}

/* Fields that mostly are as predicted: a bit each, their value only where it is set. */
static uint64_t order_flags(const struct event_columns_scratch *scratch, const struct event *event,
                            uint64_t deadline_ns, const uint8_t *client, const uint8_t *symbol)
{
    const struct event *last = scratch->last_order;
    bool replaced = event->type == EVENT_ORDER_REPLACED;
    uint64_t flags = (event->match_number != 0 ? FLAG_MATCH : 0) |
                     (event->minimum_lots != last->minimum_lots ? FLAG_MINIMUM : 0) |
                     (event->deadline_ns != deadline_ns ? FLAG_DEADLINE : 0) |
                     ((event->original_user_reference != 0) != replaced ? FLAG_ORIGINAL : 0) |
                     (memcmp(event->symbol, symbol, SYMBOL_BYTES) != 0 ? FLAG_SYMBOL : 0);
    if (memcmp(event->client_order_id, last->client_order_id, CLIENT_ORDER_ID_BYTES) != 0) {
        bool next = memcmp(event->client_order_id, client, CLIENT_ORDER_ID_BYTES) == 0;
        flags |= next ? FLAG_CLIENT_NEXT : FLAG_CLIENT;
    }
    return flags;
}

static uint64_t code_flagged(struct event_columns_scratch *scratch, bool flag, uint64_t value,
                             uint64_t unflagged, uint64_t predicted)
{
    return flag ? code_number(&scratch->code, COLUMN_RARE_VALUE, value, predicted) : unflagged;
}

static void code_flags(struct event_columns_scratch *scratch, struct event *event)
{
    const struct event *last = scratch->last_order;
    uint8_t *symbol = scratch->symbols[event->instrument_id & 0xFF];
    uint64_t deadline_ns =
        last->deadline_ns == 0 ? 0 : last->deadline_ns + (event->timestamp_ns - last->timestamp_ns);
    uint8_t client[CLIENT_ORDER_ID_BYTES];
    memcpy(client, last->client_order_id, sizeof client);
    client_next(client);
    uint64_t flags = code_byte(&scratch->code, COLUMN_FLAGS,
                               order_flags(scratch, event, deadline_ns, client, symbol));
    scratch->code.bad = scratch->code.bad || (flags & FLAG_UNDEFINED) != 0;
    event->match_number = code_flagged(scratch, (flags & FLAG_MATCH) != 0, event->match_number, 0,
                                       scratch->match_number);
    event->minimum_lots = code_flagged(scratch, (flags & FLAG_MINIMUM) != 0, event->minimum_lots,
                                       last->minimum_lots, event->quantity_lots);
    event->deadline_ns = code_flagged(scratch, (flags & FLAG_DEADLINE) != 0, event->deadline_ns,
                                      deadline_ns, event->timestamp_ns);
    bool original = ((flags & FLAG_ORIGINAL) != 0) != (event->type == EVENT_ORDER_REPLACED);
    event->original_user_reference =
        (uint32_t)code_flagged(scratch, original, event->original_user_reference, 0,
                               event->user_reference);
    if ((flags & FLAG_SYMBOL) != 0) {
        code_raw(&scratch->code, event->symbol, SYMBOL_BYTES);
        memcpy(symbol, event->symbol, SYMBOL_BYTES);
    } else {
        memcpy(event->symbol, symbol, SYMBOL_BYTES);
    }
    if ((flags & FLAG_CLIENT) != 0) {
        code_raw(&scratch->code, event->client_order_id, sizeof client);
    } else {
        memcpy(event->client_order_id,
               (flags & FLAG_CLIENT_NEXT) != 0 ? client : last->client_order_id, sizeof client);
    }
}

static int64_t code_price(struct event_columns_scratch *scratch, int64_t price, int64_t predicted)
{
    int64_t difference = (int64_t)((uint64_t)price - (uint64_t)predicted);
    uint64_t code = PRICE_RAW;
    if (difference % PRICE_UNIT == 0) {
        code = column_bits_zigzag((uint64_t)(difference / PRICE_UNIT)) << 1;
    } else if (column_bits_zigzag((uint64_t)difference) < PRICE_RAW >> 1) {
        code = column_bits_zigzag((uint64_t)difference) << 1 | 1;
    }
    code = code_dense(&scratch->code, COLUMN_PRICE, code);
    if (code == PRICE_RAW) {
        uint8_t bytes[8];
        bytes_store_le64(bytes, (uint64_t)price);
        code_raw(&scratch->code, bytes, sizeof bytes);
        return (int64_t)bytes_load_le64(bytes);
    }
    uint64_t found = column_bits_unzigzag(code >> 1) * ((code & 1) != 0 ? 1 : (uint64_t)PRICE_UNIT);
    return (int64_t)((uint64_t)predicted + found);
}

/* Accepted, replaced, rejected: all fields up to byte 120. */
static void code_order(struct event_columns_scratch *scratch, struct event *event, uint32_t index)
{
    uint32_t *reference = &scratch->references[event->channel];
    event->user_reference = (uint32_t)code_number(&scratch->code, COLUMN_REFERENCE,
                                                  event->user_reference, (uint64_t)*reference + 1);
    *reference = event->user_reference;
    event->instrument_id = (uint32_t)code_number(&scratch->code, COLUMN_INSTRUMENT,
                                                 event->instrument_id, scratch->instrument_id);
    event->quantity_lots = code_number(&scratch->code, COLUMN_QUANTITY, event->quantity_lots, 0);
    int64_t *price = &scratch->prices[event->instrument_id & 0xFF];
    event->price = code_price(scratch, event->price, *price);
    *price = event->price;
    event->order_id = code_dense_number(&scratch->code, COLUMN_ORDER, event->order_id,
                                        scratch->last_order->order_id);
    uint64_t attributes = 0;
    memcpy(&attributes, &event->side, sizeof attributes);
    attributes = code_word(&scratch->code, COLUMN_ATTRIBUTES, &scratch->attributes, attributes, 8);
    memcpy(&event->side, &attributes, sizeof attributes);
    code_flags(scratch, event);
    scratch->last_order = scratch->events[index];
    scratch->leaves[index] = event->quantity_lots;
    scratch->orders[reference_slot(event->channel, event->user_reference)] = (uint16_t)(index + 1);
}

/* The other kinds: up to byte 40, or 56 with match number and price. */
static void code_other(struct event_columns_scratch *scratch, struct event *event)
{
    event->user_reference =
        (uint32_t)code_number(&scratch->code, COLUMN_REFERENCE, event->user_reference,
                              scratch->references[event->channel]);
    uint32_t found = order_find(scratch, event->channel, event->user_reference);
    const struct event *order = found != 0 ? scratch->events[found - 1] : NULL;
    event->instrument_id =
        (uint32_t)code_number(&scratch->code, COLUMN_INSTRUMENT, event->instrument_id,
                              found != 0 ? order->instrument_id : scratch->instrument_id);
    event->quantity_lots = code_number(&scratch->code, COLUMN_QUANTITY, event->quantity_lots,
                                       found != 0 ? scratch->leaves[found - 1] : 0);
    if (found != 0) {
        scratch->leaves[found - 1] -= event->quantity_lots;
    }
    if (event_bytes(event->type) <= offsetof(struct event, match_number)) {
        return;
    }
    event->match_number =
        code_dense_number(&scratch->code, COLUMN_MATCH, event->match_number, scratch->match_number);
    scratch->match_number = event->match_number;
    int64_t *price = &scratch->prices[event->instrument_id & 0xFF];
    event->price = code_price(scratch, event->price, found != 0 ? order->price : *price);
    *price = event->price;
}

static void code_event(struct event_columns_scratch *scratch, struct event *event, uint32_t index)
{
    uint64_t head = 0;
    memcpy(&head, event, offsetof(struct event, session_id));
    head = code_word(&scratch->code, COLUMN_HEAD, &scratch->heads, head,
                     offsetof(struct event, session_id));
    memcpy(event, &head, offsetof(struct event, session_id));
    event->timestamp_ns =
        code_dense_number(&scratch->code, COLUMN_TIME, event->timestamp_ns, scratch->timestamp_ns);
    uint32_t bytes = event_bytes(event->type);
    if (bytes == 0) {
        scratch->code.bad = true;
    } else if (bytes > offsetof(struct event, order_id)) {
        code_order(scratch, event, index);
    } else {
        code_other(scratch, event);
    }
    scratch->timestamp_ns = event->timestamp_ns;
    scratch->instrument_id = event->instrument_id;
}

static void scratch_reset(struct event_columns_scratch *scratch, const struct event *const *events)
{
    static const struct event no_order;
    memset(scratch, 0, offsetof(struct event_columns_scratch, leaves));
    scratch->events = events;
    scratch->last_order = &no_order;
}

struct event_columns_packed event_columns_pack(uint8_t *target, const struct event *const *events,
                                               uint32_t count,
                                               struct event_columns_scratch *scratch)
{
    ASSERT(count > 0);
    ASSERT(count <= EVENT_COLUMNS_EVENTS_MAX);

    scratch_reset(scratch, events);
    code_begin(&scratch->code, false);
    for (uint32_t index = 0; index < count; index++) {
        struct event event = *events[index];
        code_event(scratch, &event, index);
    }
    struct event_columns_packed packed = code_finish(&scratch->code, target);
    ASSERT(packed.bytes <= event_columns_bound(count));
    return packed;
}

enum status event_columns_unpack(struct event *const *events, uint32_t count, const uint8_t *source,
                                 struct event_columns_packed packed,
                                 struct event_columns_scratch *scratch)
{
    ASSERT(count > 0);
    ASSERT(count <= EVENT_COLUMNS_EVENTS_MAX);

    scratch_reset(scratch, (const struct event *const *)events);
    if (!code_split(&scratch->code, source, packed)) {
        return STATUS_BAD_FORMAT;
    }
    for (uint32_t index = 0; index < count && !scratch->code.bad; index++) {
        memset(events[index], 0, sizeof *events[index]);
        code_event(scratch, events[index], index);
    }
    return scratch->code.bad || !code_used_up(&scratch->code) ? STATUS_BAD_FORMAT : STATUS_OK;
}
