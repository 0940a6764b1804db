/* The columns behind event_columns.c, and the primitives that code one value in both directions:
 * packing, they store `value` and return it; unpacking, they ignore it and return what was stored.
 * So no field can be written one way and read another. */
#ifndef GATEWAY_EVENT_COLUMNS_CODE_H
#define GATEWAY_EVENT_COLUMNS_CODE_H

#include <stdbool.h>
#include <string.h>

#include "gateway/event_columns.h"
#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "matching/column_bits.h"

/* Columns in the order of the packed form, where each is preceded by its length. */
enum column {
    COLUMN_HEAD, /* Index into the words seen: type, channel, reason, state. */
    COLUMN_ATTRIBUTES,
    COLUMN_FLAGS, /* What of an order is not as predicted. */
    COLUMN_REFERENCE,
    COLUMN_INSTRUMENT,
    COLUMN_QUANTITY,
    COLUMN_PRICE, /* This and the next three: how many bits the number has; they are dense. */
    COLUMN_TIME,
    COLUMN_ORDER,
    COLUMN_MATCH,
    COLUMN_RARE_VALUE,
    COLUMN_RAW, /* Bytes that nothing predicts. */
    COLUMN_COUNT
};

#define VARINT_BYTES_MAX 10u
/* The fullest columns are RARE_VALUE, four numbers an event, and RAW: 4 + 8 + 8 + 8 + 14 bytes. */
#define COLUMN_BYTES_EACH 42u
#define COLUMN_BYTES_MAX  ((size_t)EVENT_COLUMNS_EVENTS_MAX * COLUMN_BYTES_EACH)
#define LENGTH_BYTES      2u
/* Three numbers of an event are dense: time, price, and order or match number. */
#define DENSE_BYTES_EACH 24u
#define DENSE_BYTES_MAX  ((size_t)EVENT_COLUMNS_EVENTS_MAX * DENSE_BYTES_EACH)
/* Sum over the columns of what one event can put in, rounded up. */
#define EVENT_BYTES_EACH 160u

#define WORDS_MAX 64u /* Distinct words remembered; beyond, the oldest is forgotten. */
#define WORD_NEW  0u
/* Words (of a few bytes) that come again and again are coded as their index. */
struct column_words {
    uint64_t words[WORDS_MAX];
    uint32_t count;
};

struct column_span {
    uint8_t *position;
    uint8_t *end;
};

struct event_columns_code {
    bool unpacking;
    bool bad; /* Unpacking: the bytes are not a packed form. */
    struct column_bits_writer writer;
    struct column_bits_reader reader;
    uint64_t dense_bits; /* Unpacking: how many there are. */
    struct column_span columns[COLUMN_COUNT];
    uint8_t dense[DENSE_BYTES_MAX + 2 * COLUMN_BITS_SLACK_BYTES];
    uint8_t bytes[COLUMN_COUNT][COLUMN_BYTES_MAX];
};

static_assert(COLUMN_BYTES_MAX <= UINT16_MAX, "a column's length has two bytes");
static_assert(DENSE_BYTES_MAX <= UINT16_MAX, "so have the dense ones in a block's header");

/* Before packing; code_split() before unpacking does the same. */
static inline void code_begin(struct event_columns_code *code, bool unpacking)
{
    memset(code, 0, offsetof(struct event_columns_code, dense));
    code->unpacking = unpacking;
    code->writer.target = code->dense;
    code->reader.source = code->dense;
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        code->columns[column].position = code->bytes[column];
        code->columns[column].end = code->bytes[column];
    }
}

static inline uint64_t code_byte(struct event_columns_code *code, enum column column,
                                 uint64_t value)
{
    struct column_span *span = &code->columns[column];
    if (!code->unpacking) {
        *span->position++ = (uint8_t)value;
        return value;
    }
    if (span->position == span->end) {
        code->bad = true;
        return 0;
    }
    return *span->position++;
}

static inline void code_raw(struct event_columns_code *code, uint8_t *bytes, size_t count)
{
    struct column_span *span = &code->columns[COLUMN_RAW];
    if (!code->unpacking) {
        memcpy(span->position, bytes, count);
    } else if ((size_t)(span->end - span->position) >= count) {
        memcpy(bytes, span->position, count);
    } else {
        code->bad = true;
        return;
    }
    span->position += count;
}

static inline uint64_t take_varint(struct event_columns_code *code, enum column column)
{
    struct column_span *span = &code->columns[column];
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
    code->bad = true;
    return 0;
}

/* Seven bits a byte. */
static inline uint64_t code_varint(struct event_columns_code *code, enum column column,
                                   uint64_t value)
{
    if (code->unpacking) {
        return take_varint(code, column);
    }
    uint8_t *position = code->columns[column].position;
    uint64_t rest = value;
    for (; rest >= 0x80; rest >>= 7) {
        *position++ = (uint8_t)(rest | 0x80);
    }
    *position++ = (uint8_t)rest;
    code->columns[column].position = position;
    return value;
}

static inline uint64_t code_number(struct event_columns_code *code, enum column column,
                                   uint64_t value, uint64_t predicted)
{
    return predicted +
           column_bits_unzigzag(code_varint(code, column, column_bits_zigzag(value - predicted)));
}

/* A number whose lower bits are as good as random: its length goes to the column. */
static inline uint64_t code_dense(struct event_columns_code *code, enum column column,
                                  uint64_t value)
{
    uint64_t length = code_byte(code, column, column_bits_length(value));
    if (length <= 1) {
        return length; /* The highest bit is known to be one. */
    }
    uint32_t rest = (uint32_t)length - 1;
    if (!code->unpacking) {
        column_bits_put_wide(&code->writer, value & ((UINT64_C(1) << rest) - 1), rest);
        return value;
    }
    if (length > 64 || code->reader.position + rest > code->dense_bits) {
        code->bad = true;
        return 0;
    }
    return UINT64_C(1) << rest | column_bits_take_wide(&code->reader, rest);
}

static inline uint64_t code_dense_number(struct event_columns_code *code, enum column column,
                                         uint64_t value, uint64_t predicted)
{
    return predicted +
           column_bits_unzigzag(code_dense(code, column, column_bits_zigzag(value - predicted)));
}

static inline uint64_t code_word(struct event_columns_code *code, enum column column,
                                 struct column_words *words, uint64_t value, size_t word_bytes)
{
    uint32_t known = words->count < WORDS_MAX ? words->count : WORDS_MAX;
    uint32_t index = 0;
    while (!code->unpacking && index < known && words->words[index] != value) {
        index++;
    }
    uint64_t entry = code_byte(code, column, index < known ? index + 1 : WORD_NEW);
    if (entry != WORD_NEW) {
        if (entry > known) {
            code->bad = true;
            return 0;
        }
        return words->words[entry - 1];
    }
    uint8_t bytes[8];
    bytes_store_le64(bytes, code->unpacking ? 0 : value);
    code_raw(code, bytes, word_bytes);
    value = bytes_load_le64(bytes);
    words->words[words->count++ % WORDS_MAX] = value;
    return value;
}

/* After packing: puts the packed form together. */
static inline struct event_columns_packed code_finish(struct event_columns_code *code,
                                                      uint8_t *target)
{
    ASSERT(!code->unpacking);
    ASSERT(!code->bad);
    size_t bytes = (size_t)COLUMN_COUNT * LENGTH_BYTES;
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        size_t length = (size_t)(code->columns[column].position - code->bytes[column]);
        ASSERT(length <= COLUMN_BYTES_MAX);
        bytes_store_le16(target + (size_t)column * LENGTH_BYTES, (uint16_t)length);
        memcpy(target + bytes, code->bytes[column], length);
        bytes += length;
    }
    size_t dense_bytes = column_bits_finish(&code->writer);
    ASSERT(dense_bytes <= DENSE_BYTES_MAX);
    memcpy(target + bytes, code->dense, dense_bytes);
    return (struct event_columns_packed){.bytes = bytes + dense_bytes, .dense_bytes = dense_bytes};
}

/* Takes the packed form apart; false when its lengths do not add up. */
static inline bool code_split(struct event_columns_code *code, const uint8_t *source,
                              struct event_columns_packed packed)
{
    code_begin(code, true);
    size_t position = (size_t)COLUMN_COUNT * LENGTH_BYTES;
    if (packed.dense_bytes > DENSE_BYTES_MAX || packed.bytes < position + packed.dense_bytes) {
        return false;
    }
    size_t end = packed.bytes - packed.dense_bytes;
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        size_t length = bytes_load_le16(source + (size_t)column * LENGTH_BYTES);
        if (length > COLUMN_BYTES_MAX || length > end - position) {
            return false;
        }
        memcpy(code->bytes[column], source + position, length);
        code->columns[column].end = code->bytes[column] + length;
        position += length;
    }
    memcpy(code->dense, source + end, packed.dense_bytes);
    memset(code->dense + packed.dense_bytes, 0, 2 * (size_t)COLUMN_BITS_SLACK_BYTES);
    code->dense_bits = 8 * (uint64_t)packed.dense_bytes;
    return position == end;
}

/* Whether everything was used, and the last byte has no bits that no writer makes. */
static inline bool code_used_up(const struct event_columns_code *code)
{
    bool all =
        code->dense_bits - code->reader.position < 8 && column_bits_window(&code->reader) == 0;
    for (uint32_t column = 0; column < COLUMN_COUNT; column++) {
        all = all && code->columns[column].position == code->columns[column].end;
    }
    return all;
}

#endif
