#include "matching/column_bits.h"

#include "matching/base/assertion.h"

size_t column_bits_finish(struct column_bits_writer *writer)
{
    ASSERT(writer->held_bits < 8);
    /* The writer stores whole words, so the byte that is begun stands there already. */
    size_t bytes = writer->bytes + (writer->held_bits > 0 ? 1 : 0);
    writer->held_bits = 0;
    writer->hold = 0;
    writer->bytes = bytes;
    return bytes;
}

/* Bits of one value of `length` bits in a gamma code with `width` plain bits. */
static uint32_t column_bits_gamma_cost(uint32_t length, uint32_t width)
{
    uint32_t prefix = length > width ? length - width : 0;
    if (prefix >= COLUMN_BITS_PREFIX_MAX) {
        return COLUMN_BITS_VALUE_MAX;
    }
    return prefix == 0 ? 1 + width : prefix + length;
}

struct column_bits_code column_bits_choose(const struct column_bits_statistics *statistics,
                                           uint64_t *bits)
{
    struct column_bits_code code = {.kind = COLUMN_BITS_ZERO};
    *bits = 0;
    if (statistics->count == 0) {
        return code;
    }
    code.base = statistics->minimum;
    if (statistics->minimum == statistics->maximum) {
        code.kind = code.base == 0 ? COLUMN_BITS_ZERO : COLUMN_BITS_CONSTANT;
        return code;
    }
    ASSERT(statistics->minimum < statistics->maximum);
    /* The smallest value has no bits at all and the largest has the most. */
    uint32_t longest = column_bits_length(statistics->maximum - statistics->minimum);
    ASSERT(statistics->lengths[0] > 0 && statistics->lengths[longest] > 0);
    uint32_t shortest = 1;
    while (statistics->lengths[shortest] == 0) {
        shortest++;
    }
    code.kind = COLUMN_BITS_FIXED;
    code.width = (uint8_t)(longest - 1);
    *bits = (uint64_t)statistics->count * longest;
    /* Plain parts longer than the longest value only add bits. Between none and one bit less than
     * the shortest value the cost is linear in their width, so that one of the two ends is best. */
    uint32_t skip_to = shortest > 1 ? shortest - 1 : 1;
    for (uint32_t width = 0; width < longest; width = width == 0 ? skip_to : width + 1) {
        uint64_t cost = (uint64_t)statistics->lengths[0] * (1 + width);
        for (uint32_t length = shortest; length <= longest && cost < *bits; length++) {
            cost += (uint64_t)statistics->lengths[length] * column_bits_gamma_cost(length, width);
        }
        if (cost < *bits) {
            *bits = cost;
            code.kind = COLUMN_BITS_GAMMA;
            code.width = (uint8_t)width;
        }
    }
    return code;
}

void column_bits_varint_write(uint8_t *target, size_t *position, uint64_t value)
{
    while (value >= 0x80) {
        target[(*position)++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    target[(*position)++] = (uint8_t)value;
}

enum status column_bits_varint_read(uint64_t *value, const uint8_t *source, size_t source_bytes,
                                    size_t *position)
{
    *value = 0;
    for (uint32_t shift = 0; shift < 64; shift += 7) {
        if (*position >= source_bytes) {
            return STATUS_SHORT;
        }
        uint8_t byte = source[(*position)++];
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            /* The tenth byte holds one bit; a zero byte at the end stands for nothing. */
            bool bad = (shift == 63 && byte > 1) || (shift > 0 && byte == 0);
            return bad ? STATUS_BAD_FORMAT : STATUS_OK;
        }
    }
    return STATUS_BAD_FORMAT;
}

void column_bits_code_write(uint8_t *target, size_t *position, const struct column_bits_code *code)
{
    ASSERT(code->kind >= COLUMN_BITS_CONSTANT && code->kind <= COLUMN_BITS_GAMMA);
    ASSERT(code->width < 64);
    target[(*position)++] = (uint8_t)(code->kind << 6 | code->width);
    column_bits_varint_write(target, position, code->base);
}

enum status column_bits_code_read(struct column_bits_code *code, const uint8_t *source,
                                  size_t source_bytes, size_t *position)
{
    if (*position >= source_bytes) {
        return STATUS_SHORT;
    }
    uint8_t byte = source[(*position)++];
    code->kind = byte >> 6;
    code->width = byte & 63;
    if (code->kind == COLUMN_BITS_ZERO || (code->kind == COLUMN_BITS_CONSTANT && code->width > 0)) {
        return STATUS_BAD_FORMAT;
    }
    return column_bits_varint_read(&code->base, source, source_bytes, position);
}
