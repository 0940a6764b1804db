#include "tools/decimal.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"

enum status decimal_parse(int64_t *scaled, const char *text, uint32_t decimals)
{
    ASSERT(decimals <= DECIMAL_DECIMALS_MAX);
    const char *at = text;
    bool negative = *at == '-';
    if (*at == '-' || *at == '+') {
        at++;
    }
    size_t whole = strspn(at, "0123456789");
    const char *fraction = at + whole;
    size_t fraction_digits = 0;
    if (*fraction == '.') {
        fraction++;
        fraction_digits = strspn(fraction, "0123456789");
        if (fraction_digits == 0) {
            return STATUS_BAD_FORMAT;
        }
    }
    if (whole == 0 || fraction[fraction_digits] != '\0') {
        return STATUS_BAD_FORMAT;
    }
    for (size_t i = decimals; i < fraction_digits; i++) {
        if (fraction[i] != '0') {
            return STATUS_BAD_ARGUMENT;
        }
    }
    int64_t value = 0;
    for (size_t i = 0; i < whole + decimals; i++) {
        int64_t digit = 0;
        if (i < whole) {
            digit = at[i] - '0';
        } else if (i - whole < fraction_digits) {
            digit = fraction[i - whole] - '0';
        }
        /* Counted down from zero, so that the least value fits, too. */
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value)) {
            return STATUS_FULL;
        }
    }
    if (!negative && value == INT64_MIN) {
        return STATUS_FULL;
    }
    *scaled = negative ? value : -value;
    return STATUS_OK;
}

void decimal_format(char text[static DECIMAL_TEXT_BYTES], int64_t scaled, uint32_t decimals)
{
    ASSERT(decimals <= DECIMAL_DECIMALS_MAX);
    uint64_t rest = scaled < 0 ? -(uint64_t)scaled : (uint64_t)scaled;
    uint64_t unit = 1;
    for (uint32_t i = 0; i < decimals; i++) {
        unit *= 10;
    }
    int bytes =
        snprintf(text, DECIMAL_TEXT_BYTES, "%s%" PRIu64, scaled < 0 ? "-" : "", rest / unit);
    ASSERT(bytes > 0);
    uint64_t fraction = rest % unit;
    if (fraction == 0) {
        return;
    }
    uint32_t digits = decimals;
    while (fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    bytes = snprintf(text + bytes, DECIMAL_TEXT_BYTES - (size_t)bytes, ".%0*" PRIu64, (int)digits,
                     fraction);
    ASSERT(bytes > 0);
}
