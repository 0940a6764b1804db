#include "tests/support/hex.h"

#include "tests/support/cmocka_all.h"

static uint8_t hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return (uint8_t)(digit - '0');
    }
    if (digit >= 'a' && digit <= 'f') {
        return (uint8_t)(digit - 'a' + 10);
    }
    fail_msg("'%c' is no hexadecimal digit", digit);
    return 0;
}

size_t hex_bytes(uint8_t *target, size_t target_bytes, const char *text)
{
    size_t count = 0;
    for (const char *at = text; *at != '\0' && *at != ' ' && *at != '\n'; at += 2) {
        assert_true(count < target_bytes);
        uint8_t high = hex_digit(at[0]);
        target[count++] = (uint8_t)(high << 4 | hex_digit(at[1]));
    }
    return count;
}
