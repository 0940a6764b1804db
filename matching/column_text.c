#include "matching/column_text.h"

#include <stdbool.h>
#include <string.h>

#include "matching/base/assertion.h"

void column_text_number(struct column_text_alphabet *alphabet)
{
    alphabet->count = 0;
    for (uint32_t letter = 0; letter < 256; letter++) {
        if (letter % 8 == 0 && alphabet->used[letter / 8] == 0) {
            letter += 7;
        } else if (alphabet->used[letter / 8] >> (letter % 8) & 1) {
            alphabet->numbers[letter] = (uint8_t)alphabet->count;
            alphabet->letters[alphabet->count++] = (uint8_t)letter;
        }
    }
    alphabet->width = 0;
    while (1u << alphabet->width < alphabet->count) {
        alphabet->width++;
    }
    ASSERT(alphabet->width <= 8);
}

void column_text_alphabet_write(uint8_t *target, size_t *position,
                                const struct column_text_alphabet *alphabet)
{
    uint32_t end = 32;
    while (end > 0 && alphabet->used[end - 1] == 0) {
        end--;
    }
    uint32_t first = 0;
    while (first < end && alphabet->used[first] == 0) {
        first++;
    }
    uint32_t bytes = end - first;
    target[(*position)++] = (uint8_t)bytes;
    if (bytes > 0) {
        target[(*position)++] = (uint8_t)first;
        memcpy(target + *position, alphabet->used + first, bytes);
        *position += bytes;
    }
}

enum status column_text_alphabet_read(struct column_text_alphabet *alphabet, const uint8_t *source,
                                      size_t source_bytes, size_t *position)
{
    memset(alphabet->used, 0, sizeof alphabet->used);
    alphabet->count = 0;
    alphabet->width = 0;
    if (*position >= source_bytes) {
        return STATUS_SHORT;
    }
    uint32_t bytes = source[(*position)++];
    if (bytes == 0) {
        return STATUS_OK;
    }
    if (source_bytes - *position < 1 + (size_t)bytes) {
        return STATUS_SHORT;
    }
    uint32_t first = source[(*position)++];
    if (bytes > 32 || first > 32 - bytes || source[*position] == 0 ||
        source[*position + bytes - 1] == 0) {
        return STATUS_BAD_FORMAT;
    }
    memcpy(alphabet->used + first, source + *position, bytes);
    *position += bytes;
    column_text_number(alphabet);
    return STATUS_OK;
}

static bool column_text_is_digit(uint8_t letter)
{
    return letter >= '0' && letter <= '9';
}

/* Where the number at the end of an id is; equal when there is none. */
static void column_text_digits(const uint8_t id[static CLIENT_ORDER_ID_BYTES], uint32_t *first,
                               uint32_t *end)
{
    *end = CLIENT_ORDER_ID_BYTES;
    while (*end > 0 && id[*end - 1] == ' ') {
        --*end;
    }
    *first = *end;
    while (*first > 0 && column_text_is_digit(id[*first - 1])) {
        --*first;
    }
}

void column_text_next(uint8_t id[static CLIENT_ORDER_ID_BYTES])
{
    static const uint8_t spaces[CLIENT_ORDER_ID_BYTES] = "              ";
    if (memcmp(id, spaces, sizeof spaces) == 0) {
        return; /* The common case: no ids in use. */
    }
    uint32_t end = CLIENT_ORDER_ID_BYTES;
    while (id[end - 1] == ' ') {
        end--;
    }
    uint32_t digit = end;
    while (digit > 0 && id[digit - 1] == '9') {
        id[--digit] = '0';
    }
    if (digit > 0 && column_text_is_digit(id[digit - 1])) {
        id[digit - 1]++;
    } else if (digit < end && end < CLIENT_ORDER_ID_BYTES) {
        id[digit] = '1'; /* The number was all nines and there is room for one more digit. */
        id[end] = '0';
    }
}

void column_text_replace(uint8_t id[static CLIENT_ORDER_ID_BYTES], uint32_t value)
{
    uint32_t first;
    uint32_t end;
    column_text_digits(id, &first, &end);
    if (first == end) {
        return;
    }
    uint8_t digits[10];
    uint32_t count = 0;
    do {
        digits[count++] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    bool fixed = id[first] == '0' || end == CLIENT_ORDER_ID_BYTES;
    uint32_t width = fixed ? end - first : count;
    if (width > CLIENT_ORDER_ID_BYTES - first) {
        width = CLIENT_ORDER_ID_BYTES - first;
    }
    ASSERT(width > 0);
    for (uint32_t at = first; at < CLIENT_ORDER_ID_BYTES; at++) {
        uint32_t place = first + width - 1 - at; /* Wraps behind the number: a space. */
        id[at] = at >= first + width ? ' ' : place < count ? digits[place] : '0';
    }
}
