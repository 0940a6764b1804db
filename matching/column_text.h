/* Texts in columns: what the next client order id will be, and few bits a letter when it is not.
 * Pure. */
#ifndef MATCHING_COLUMN_TEXT_H
#define MATCHING_COLUMN_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"

/* Largest alphabet in a header: count, first, 32 bytes of bits. */
#define COLUMN_TEXT_ALPHABET_BYTES_MAX 34u

/* The letters that the texts of a batch use, numbered from 0 in ascending order. */
struct column_text_alphabet {
    uint8_t used[32];     /* One bit for each byte value. */
    uint8_t numbers[256]; /* Of each letter used. */
    uint8_t letters[256]; /* Of each number; the rest is unspecified. */
    uint16_t count;
    uint8_t width; /* Bits of a number: 0 .. 8. */
};

static inline void column_text_use(struct column_text_alphabet *alphabet, uint8_t letter)
{
    alphabet->used[letter >> 3] |= (uint8_t)(1u << (letter & 7));
}

/* Number the letters used. */
void column_text_number(struct column_text_alphabet *alphabet);

/* As part of a header; the reader numbers the letters too. STATUS_SHORT, STATUS_BAD_FORMAT. */
void column_text_alphabet_write(uint8_t *target, size_t *position,
                                const struct column_text_alphabet *alphabet);
MUST_USE enum status column_text_alphabet_read(struct column_text_alphabet *alphabet,
                                               const uint8_t *source, size_t source_bytes,
                                               size_t *position);

/* The id behind `id`, for clients that count: the decimal number at its end, before padding spaces,
 * plus one. It keeps its width; 9 becomes 10 where a space follows, 0 where none does. An id that
 * does not end in a digit stays as it is. */
void column_text_next(uint8_t id[static CLIENT_ORDER_ID_BYTES]);

/* The id of another order of such a client: the number at the end of `id` replaced by `value`; as
 * wide as before when it has a leading zero or fills the id, else as wide as it must be. */
void column_text_replace(uint8_t id[static CLIENT_ORDER_ID_BYTES], uint32_t value);

#endif
