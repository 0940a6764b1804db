#include "gateway/event_columns.h"

#include <stdbool.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

/* Columns in the order of the packed form, where each is preceded by its length. */
enum column {
    COLUMN_HEAD, /* Index into the words seen: type, channel, reason, state. */
    COLUMN_ATTRIBUTES,
    COLUMN_SYMBOL,
    COLUMN_RARE,
    COLUMN_CLIENT,
    COLUMN_REFERENCE,
    COLUMN_INSTRUMENT,
    COLUMN_QUANTITY,
    COLUMN_PRICE,
    COLUMN_TIME,
    COLUMN_ORDER,
    COLUMN_MATCH,
    COLUMN_RARE_VALUE,
    COLUMN_RAW, /* Bytes that nothing predicts. */
    COLUMN_COUNT
};

#define VARINT_BYTES_MAX 10u
/* The fullest column is RARE_VALUE: four numbers an event. RAW has 4 + 8 + 8 + 2 + 14 bytes. */
#define COLUMN_BYTES_EACH (4 * VARINT_BYTES_MAX)
#define COLUMN_BYTES_MAX  ((size_t)EVENT_COLUMNS_EVENTS_MAX * COLUMN_BYTES_EACH)
#define LENGTH_BYTES      2u
/* Sum over the columns of what one event can put in, rounded up. */
#define EVENT_BYTES_EACH 176u

/* Bits of COLUMN_RARE: fields that differ from what is predicted. */
#define RARE_MATCH     0x01u
#define RARE_MINIMUM   0x02u
#define RARE_DEADLINE  0x04u
#define RARE_ORIGINAL  0x08u
#define RARE_UNDEFINED 0xF0u

/* How a client order id follows from the one before. */
#define CLIENT_SAME 0u
#define CLIENT_NEXT 1u
#define CLIENT_RAW  2u

#define WORDS_MAX  64u /* Distinct words remembered; beyond, the oldest is forgotten. */
#define WORD_NEW   0u
#define TABLE_SIZE 1024u /* Slots for orders by reference; a power of two. */

/* Words (of a few bytes) that come again and again are coded as their index. */
struct words {
    uint64_t words[WORDS_MAX];
    uint32_t count;
};

struct span {
    uint8_t *position;
    uint8_t *end;
};

struct event_columns_scratch {
    struct span columns[COLUMN_COUNT];
    bool unpacking;
    bool bad; /* Unpacking: the bytes are not a packed form. */
    const struct event *const *events;
    struct words heads;
    struct words attributes;
    struct event last;                         /* Latest event, fields as of now. */
    struct event last_order;                   /* Latest accepted, replaced or rejected one. */
    uint64_t match_number;                     /* Latest. */
    uint32_t references[256];                  /* Latest new one by channel. */
    int64_t prices[256];                       /* Latest by the low byte of the instrument. */
    uint8_t symbols[256][SYMBOL_BYTES];        /* Likewise. */
    uint16_t orders[TABLE_SIZE];               /* By reference: 1 + index of its event, or 0. */
    uint64_t leaves[EVENT_COLUMNS_EVENTS_MAX]; /* Of the order that event `index` made. */
    uint8_t bytes[COLUMN_COUNT][COLUMN_BYTES_MAX];
};

static_assert(COLUMN_BYTES_MAX <= UINT16_MAX, "a column's length has two bytes");
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

/* The five primitives below code in both directions: packing, they store `value` and return it;
 * unpacking, they ignore it and return what was stored. So no field can be written one way and read
 * another. */

static uint64_t code_byte(struct event_columns_scratch *scratch, enum column column, uint64_t value)
{
    struct span *span = &scratch->columns[column];
    if (!scratch->unpacking) {
        *span->position++ = (uint8_t)value;
        return value;
    }
    if (span->position == span->end) {
        scratch->bad = true;
        return 0;
    }
    return *span->position++;
}

static void code_raw(struct event_columns_scratch *scratch, uint8_t *bytes, size_t count)
{
    struct span *span = &scratch->columns[COLUMN_RAW];
    if (!scratch->unpacking) {
        memcpy(span->position, bytes, count);
    } else if ((size_t)(span->end - span->position) >= count) {
        memcpy(bytes, span->position, count);
    } else {
        scratch->bad = true;
        return;
    }
    span->position += count;
}

static uint64_t take_varint(struct event_columns_scratch *scratch, enum column column)
{
    struct span *span = &scratch->columns[column];
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 7 * VARINT_BYTES_MAX; shift += 7) {
        if (span->position == span->end) {
            break;
        }
        uint8_t byte = *span->position++;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    scratch->bad = true;
    return 0;
}

/* The difference to what is predicted, sign in the lowest bit, seven bits a byte. */
static uint64_t code_number(struct event_columns_scratch *scratch, enum column column,
                            uint64_t value, uint64_t predicted)
{
    if (scratch->unpacking) {
        uint64_t folded = take_varint(scratch, column);
        return predicted + ((folded >> 1) ^ (UINT64_C(0) - (folded & 1)));
    }
    uint64_t difference = value - predicted;
    uint64_t folded = (difference << 1) ^ (UINT64_C(0) - (difference >> 63));
    struct span *span = &scratch->columns[column];
    while (folded >= 0x80) {
        *span->position++ = (uint8_t)(folded | 0x80);
        folded >>= 7;
    }
    *span->position++ = (uint8_t)folded;
    return value;
}

static uint64_t code_word(struct event_columns_scratch *scratch, enum column column,
                          struct words *words, uint64_t value, size_t word_bytes)
{
    uint32_t known = words->count < WORDS_MAX ? words->count : WORDS_MAX;
    uint32_t index = 0;
    while (!scratch->unpacking && index < known && words->words[index] != value) {
        index++;
    }
    uint64_t code = code_byte(scratch, column, index < known ? index + 1 : WORD_NEW);
    if (code != WORD_NEW) {
        if (code > known) {
            scratch->bad = true;
            return 0;
        }
        return words->words[code - 1];
    }
    uint8_t bytes[8];
    bytes_store_le64(bytes, scratch->unpacking ? 0 : value);
    code_raw(scratch, bytes, word_bytes);
    value = bytes_load_le64(bytes);
    words->words[words->count++ % WORDS_MAX] = value;
    return value;
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

static void code_client(struct event_columns_scratch *scratch, struct event *event)
{
    uint8_t next[CLIENT_ORDER_ID_BYTES];
    memcpy(next, scratch->last_order.client_order_id, sizeof next);
    client_next(next);
    uint64_t mode = CLIENT_RAW;
    if (memcmp(event->client_order_id, scratch->last_order.client_order_id, sizeof next) == 0) {
        mode = CLIENT_SAME;
    } else if (memcmp(event->client_order_id, next, sizeof next) == 0) {
        mode = CLIENT_NEXT;
    }
    mode = code_byte(scratch, COLUMN_CLIENT, mode);
    if (mode == CLIENT_SAME) {
        memcpy(event->client_order_id, scratch->last_order.client_order_id, sizeof next);
    } else if (mode == CLIENT_NEXT) {
        memcpy(event->client_order_id, next, sizeof next);
    } else if (mode == CLIENT_RAW) {
        code_raw(scratch, event->client_order_id, sizeof event->client_order_id);
    } else {
        scratch->bad = true;
    }
}

static void code_symbol(struct event_columns_scratch *scratch, struct event *event)
{
    uint8_t *predicted = scratch->symbols[event->instrument_id & 0xFF];
    uint64_t differs = code_byte(scratch, COLUMN_SYMBOL,
                                 memcmp(event->symbol, predicted, SYMBOL_BYTES) != 0 ? 1 : 0);
    if (differs == 1) {
        code_raw(scratch, event->symbol, SYMBOL_BYTES);
        memcpy(predicted, event->symbol, SYMBOL_BYTES);
    } else {
        memcpy(event->symbol, predicted, SYMBOL_BYTES);
        scratch->bad = scratch->bad || differs != 0;
    }
}

/* Fields that seldom differ from their prediction: a bit each, a number only where it is set. */
static void code_rare(struct event_columns_scratch *scratch, struct event *event)
{
    const struct event *last = &scratch->last_order;
    uint64_t deadline_ns = 0;
    if (last->deadline_ns != 0) {
        deadline_ns = last->deadline_ns + (event->timestamp_ns - last->timestamp_ns);
    }
    bool replaced = event->type == EVENT_ORDER_REPLACED;
    uint64_t rare = (event->match_number != 0 ? RARE_MATCH : 0) |
                    (event->minimum_lots != last->minimum_lots ? RARE_MINIMUM : 0) |
                    (event->deadline_ns != deadline_ns ? RARE_DEADLINE : 0) |
                    ((event->original_user_reference != 0) != replaced ? RARE_ORIGINAL : 0);
    rare = code_byte(scratch, COLUMN_RARE, rare);
    event->match_number =
        (rare & RARE_MATCH) == 0
            ? 0
            : code_number(scratch, COLUMN_RARE_VALUE, event->match_number, scratch->match_number);
    event->minimum_lots =
        (rare & RARE_MINIMUM) == 0
            ? last->minimum_lots
            : code_number(scratch, COLUMN_RARE_VALUE, event->minimum_lots, event->quantity_lots);
    event->deadline_ns =
        (rare & RARE_DEADLINE) == 0
            ? deadline_ns
            : code_number(scratch, COLUMN_RARE_VALUE, event->deadline_ns, event->timestamp_ns);
    bool original = ((rare & RARE_ORIGINAL) != 0) != replaced;
    event->original_user_reference =
        !original ? 0
                  : (uint32_t)code_number(scratch, COLUMN_RARE_VALUE,
                                          event->original_user_reference, event->user_reference);
    scratch->bad = scratch->bad || (rare & RARE_UNDEFINED) != 0;
}

/* Accepted, replaced, rejected: all fields up to byte 120. */
static void code_order(struct event_columns_scratch *scratch, struct event *event, uint32_t index)
{
    uint32_t *reference = &scratch->references[event->channel];
    event->user_reference = (uint32_t)code_number(scratch, COLUMN_REFERENCE, event->user_reference,
                                                  (uint64_t)*reference + 1);
    *reference = event->user_reference;
    event->instrument_id = (uint32_t)code_number(scratch, COLUMN_INSTRUMENT, event->instrument_id,
                                                 scratch->last.instrument_id);
    event->quantity_lots = code_number(scratch, COLUMN_QUANTITY, event->quantity_lots, 0);
    code_rare(scratch, event);
    int64_t *price = &scratch->prices[event->instrument_id & 0xFF];
    event->price =
        (int64_t)code_number(scratch, COLUMN_PRICE, (uint64_t)event->price, (uint64_t)*price);
    *price = event->price;
    event->order_id =
        code_number(scratch, COLUMN_ORDER, event->order_id, scratch->last_order.order_id);
    uint64_t attributes = 0;
    memcpy(&attributes, &event->side, sizeof attributes);
    attributes = code_word(scratch, COLUMN_ATTRIBUTES, &scratch->attributes, attributes, 8);
    memcpy(&event->side, &attributes, sizeof attributes);
    code_client(scratch, event);
    code_symbol(scratch, event);
    scratch->last_order = *event;
    scratch->leaves[index] = event->quantity_lots;
    scratch->orders[reference_slot(event->channel, event->user_reference)] = (uint16_t)(index + 1);
}

/* The other kinds: up to byte 40, or 56 with match number and price. */
static void code_other(struct event_columns_scratch *scratch, struct event *event)
{
    event->user_reference = (uint32_t)code_number(scratch, COLUMN_REFERENCE, event->user_reference,
                                                  scratch->references[event->channel]);
    uint32_t found = order_find(scratch, event->channel, event->user_reference);
    const struct event *order = found != 0 ? scratch->events[found - 1] : &scratch->last;
    event->instrument_id = (uint32_t)code_number(scratch, COLUMN_INSTRUMENT, event->instrument_id,
                                                 order->instrument_id);
    event->quantity_lots = code_number(scratch, COLUMN_QUANTITY, event->quantity_lots,
                                       found != 0 ? scratch->leaves[found - 1] : 0);
    if (found != 0) {
        scratch->leaves[found - 1] -= event->quantity_lots;
    }
    if (event_bytes(event->type) <= offsetof(struct event, match_number)) {
        return;
    }
    event->match_number =
        code_number(scratch, COLUMN_MATCH, event->match_number, scratch->match_number);
    scratch->match_number = event->match_number;
    int64_t *price = &scratch->prices[event->instrument_id & 0xFF];
    event->price = (int64_t)code_number(scratch, COLUMN_PRICE, (uint64_t)event->price,
                                        (uint64_t)(found != 0 ? order->price : *price));
    *price = event->price;
}

static void code_event(struct event_columns_scratch *scratch, struct event *event, uint32_t index)
{
    uint64_t head = 0;
    memcpy(&head, event, offsetof(struct event, session_id));
    head =
        code_word(scratch, COLUMN_HEAD, &scratch->heads, head, offsetof(struct event, session_id));
    memcpy(event, &head, offsetof(struct event, session_id));
    event->timestamp_ns =
        code_number(scratch, COLUMN_TIME, event->timestamp_ns, scratch->last.timestamp_ns);
    uint32_t bytes = event_bytes(event->type);
    if (bytes == 0) {
        scratch->bad = true;
    } else if (bytes > offsetof(struct event, order_id)) {
        code_order(scratch, event, index);
    } else {
        code_other(scratch, event);
    }
    scratch->last = *event;
}

static void scratch_reset(struct event_columns_scratch *scratch, bool unpacking,
                          const struct event *const *events)
{
    memset(scratch, 0, offsetof(struct event_columns_scratch, leaves));
    scratch->unpacking = unpacking;
    scratch->events = events;
}

size_t event_columns_pack(uint8_t *target, const struct event *const *events, uint32_t count,
                          struct event_columns_scratch *scratch)
{
    ASSERT(count > 0);
    ASSERT(count <= EVENT_COLUMNS_EVENTS_MAX);

    scratch_reset(scratch, false, events);
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        scratch->columns[column].position = scratch->bytes[column];
    }
    for (uint32_t index = 0; index < count; index++) {
        struct event event = *events[index];
        code_event(scratch, &event, index);
    }
    ASSERT(!scratch->bad);
    size_t bytes = (size_t)COLUMN_COUNT * LENGTH_BYTES;
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        size_t length = (size_t)(scratch->columns[column].position - scratch->bytes[column]);
        ASSERT(length <= COLUMN_BYTES_MAX);
        bytes_store_le16(target + (size_t)column * LENGTH_BYTES, (uint16_t)length);
        memcpy(target + bytes, scratch->bytes[column], length);
        bytes += length;
    }
    ASSERT(bytes <= event_columns_bound(count));
    return bytes;
}

enum status event_columns_unpack(struct event *const *events, uint32_t count, const uint8_t *source,
                                 size_t source_bytes, struct event_columns_scratch *scratch)
{
    ASSERT(count > 0);
    ASSERT(count <= EVENT_COLUMNS_EVENTS_MAX);

    scratch_reset(scratch, true, (const struct event *const *)events);
    size_t position = (size_t)COLUMN_COUNT * LENGTH_BYTES;
    if (source_bytes < position) {
        return STATUS_BAD_FORMAT;
    }
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        size_t length = bytes_load_le16(source + (size_t)column * LENGTH_BYTES);
        if (length > COLUMN_BYTES_MAX || length > source_bytes - position) {
            return STATUS_BAD_FORMAT;
        }
        memcpy(scratch->bytes[column], source + position, length);
        scratch->columns[column].position = scratch->bytes[column];
        scratch->columns[column].end = scratch->bytes[column] + length;
        position += length;
    }
    for (uint32_t index = 0; index < count && !scratch->bad; index++) {
        memset(events[index], 0, sizeof *events[index]);
        code_event(scratch, events[index], index);
    }
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        scratch->bad =
            scratch->bad || scratch->columns[column].position != scratch->columns[column].end;
    }
    return scratch->bad || position != source_bytes ? STATUS_BAD_FORMAT : STATUS_OK;
}
