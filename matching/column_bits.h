/* Numbers to bits and back: the codes behind command_columns.
 *
 * Each column of a batch has one code, chosen by counting what its numbers would cost: a constant
 * (no bits at all), a fixed width, or a gamma code, whose length grows with the logarithm of the
 * number; all after subtraction of a base. Values of all columns follow each other in one stream of
 * bits, lowest bit first, in the order in which the reader asks. Layout: replication/protocol.md,
 * "Command columns". Pure; no state but the caller's. */
#ifndef MATCHING_COLUMN_BITS_H
#define MATCHING_COLUMN_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/bytes.h"
#include "matching/base/status.h"

/* Values are the format: never renumber. */
enum column_bits_kind {
    COLUMN_BITS_ZERO = 0,     /* Every value is 0; has no descriptor. */
    COLUMN_BITS_CONSTANT = 1, /* Every value is `base`. */
    COLUMN_BITS_FIXED = 2,    /* `base` plus `width` + 1 bits. */
    COLUMN_BITS_GAMMA = 3,    /* `base` plus a gamma code whose first `width` bits are plain. */
};

/* Longer gamma prefixes are an escape: the value follows as 64 bits. */
#define COLUMN_BITS_PREFIX_MAX 40u
/* Most bits that one value can take: prefix, its end, and 64 bits. */
#define COLUMN_BITS_VALUE_MAX (COLUMN_BITS_PREFIX_MAX + 1u + 64u)
/* Bytes behind the last one that a writer touches and a reader looks at. */
#define COLUMN_BITS_SLACK_BYTES 8u
/* Largest descriptor: kind and width, base. */
#define COLUMN_BITS_CODE_BYTES_MAX 11u

struct column_bits_code {
    uint64_t base;
    uint8_t kind; /* enum column_bits_kind. */
    uint8_t width;
};

/* What the values of a column are like; all zero before the first. */
struct column_bits_statistics {
    uint64_t minimum;
    uint64_t maximum;
    uint32_t count;
    uint32_t lengths[65]; /* How many values less `minimum` have so many bits. */
};

struct column_bits_writer {
    uint8_t *target; /* Has COLUMN_BITS_SLACK_BYTES more than what is written. */
    size_t bytes;
    uint64_t hold;
    uint32_t held_bits; /* Below 8 between calls. */
};

struct column_bits_reader {
    const uint8_t *source; /* Readable COLUMN_BITS_SLACK_BYTES behind any position asked for. */
    uint64_t position;     /* In bits. The caller compares it with the end now and then. */
    bool failed;           /* A code that no writer makes was met. */
};

static inline uint32_t column_bits_length(uint64_t value)
{
    return value == 0 ? 0 : 64u - (uint32_t)__builtin_clzll(value);
}

static inline uint64_t column_bits_zigzag(uint64_t difference)
{
    return (difference << 1) ^ (0 - (difference >> 63));
}

static inline uint64_t column_bits_unzigzag(uint64_t value)
{
    return (value >> 1) ^ (0 - (value & 1));
}

/* The same for differences modulo 2^32. */
static inline uint64_t column_bits_zigzag32(uint32_t difference)
{
    return (uint32_t)((difference << 1) ^ (0 - (difference >> 31)));
}

static inline uint32_t column_bits_unzigzag32(uint32_t value)
{
    return (value >> 1) ^ (0 - (value & 1));
}

/* Write the lowest `bits` (0 .. 56) of `value`, which has no others. */
static inline void column_bits_put(struct column_bits_writer *writer, uint64_t value, uint32_t bits)
{
    writer->hold |= value << writer->held_bits;
    writer->held_bits += bits;
    bytes_store_le64(writer->target + writer->bytes, writer->hold);
    writer->bytes += writer->held_bits >> 3;
    writer->hold >>= writer->held_bits & ~7u;
    writer->held_bits &= 7;
}

/* The same for up to 64 bits. */
static inline void column_bits_put_wide(struct column_bits_writer *writer, uint64_t value,
                                        uint32_t bits)
{
    if (bits > 56) {
        column_bits_put(writer, value & UINT32_MAX, 32);
        value >>= 32;
        bits -= 32;
    }
    column_bits_put(writer, value, bits);
}

/* Write a value in its column's code. */
static inline void column_bits_write(struct column_bits_writer *writer,
                                     const struct column_bits_code *code, uint64_t value)
{
    if (code->kind <= COLUMN_BITS_CONSTANT) {
        return;
    }
    value -= code->base;
    if (code->kind == COLUMN_BITS_FIXED) {
        column_bits_put_wide(writer, value, code->width + 1u);
        return;
    }
    uint32_t length = column_bits_length(value);
    uint32_t prefix = length > code->width ? length - code->width : 0;
    if (prefix >= COLUMN_BITS_PREFIX_MAX) {
        column_bits_put(writer, UINT64_C(1) << COLUMN_BITS_PREFIX_MAX, COLUMN_BITS_PREFIX_MAX + 1);
        column_bits_put_wide(writer, value, 64);
        return;
    }
    column_bits_put(writer, UINT64_C(1) << prefix, prefix + 1);
    /* The highest one bit of a value longer than the plain part is known from the prefix. */
    uint32_t rest = prefix == 0 ? code->width : length - 1;
    column_bits_put_wide(writer, value & ((UINT64_C(1) << rest) - 1), rest);
}

/* Complete the last byte with zero bits and return the number of bytes written. */
size_t column_bits_finish(struct column_bits_writer *writer);

/* At least 57 bits from the position on. */
static inline uint64_t column_bits_window(const struct column_bits_reader *reader)
{
    return bytes_load_le64(reader->source + (reader->position >> 3)) >> (reader->position & 7);
}

/* Read `bits`, 0 .. 56. */
static inline uint64_t column_bits_take(struct column_bits_reader *reader, uint32_t bits)
{
    uint64_t value = column_bits_window(reader) & ((UINT64_C(1) << bits) - 1);
    reader->position += bits;
    return value;
}

/* The same for up to 64 bits. */
static inline uint64_t column_bits_take_wide(struct column_bits_reader *reader, uint32_t bits)
{
    if (bits <= 56) {
        return column_bits_take(reader, bits);
    }
    uint64_t low = column_bits_take(reader, 32);
    return low | column_bits_take(reader, bits - 32) << 32;
}

/* Read a value in its column's code. */
static inline uint64_t column_bits_read(struct column_bits_reader *reader,
                                        const struct column_bits_code *code)
{
    if (code->kind <= COLUMN_BITS_CONSTANT) {
        return code->base;
    }
    if (code->kind == COLUMN_BITS_FIXED) {
        return code->base + column_bits_take_wide(reader, code->width + 1u);
    }
    uint64_t end = UINT64_C(1) << COLUMN_BITS_PREFIX_MAX;
    uint64_t window = column_bits_window(reader);
    uint32_t prefix = (uint32_t)__builtin_ctzll(window | end);
    reader->position += prefix + 1;
    if (prefix == COLUMN_BITS_PREFIX_MAX) {
        reader->failed |= (window & end) == 0;
        return code->base + column_bits_take_wide(reader, 64);
    }
    uint32_t rest = code->width + (prefix == 0 ? 0 : prefix - 1);
    if (rest > 63) {
        reader->failed = true;
        return 0;
    }
    uint64_t high = prefix == 0 ? 0 : UINT64_C(1) << rest;
    return code->base + (high | column_bits_take_wide(reader, rest));
}

/* The cheapest code for what was counted; `*bits` is exactly what the values will take. `lengths`
 * need not hold when minimum and maximum are equal. */
struct column_bits_code column_bits_choose(const struct column_bits_statistics *statistics,
                                           uint64_t *bits);

/* Byte-wise parts of a header. Writers have room for the largest; readers return STATUS_SHORT when
 * the source ends, STATUS_BAD_FORMAT for what no writer makes. `*position` moves on. */
void column_bits_varint_write(uint8_t *target, size_t *position, uint64_t value);
MUST_USE enum status column_bits_varint_read(uint64_t *value, const uint8_t *source,
                                             size_t source_bytes, size_t *position);
void column_bits_code_write(uint8_t *target, size_t *position, const struct column_bits_code *code);
MUST_USE enum status column_bits_code_read(struct column_bits_code *code, const uint8_t *source,
                                           size_t source_bytes, size_t *position);

#endif
