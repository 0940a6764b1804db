/* Bytes written as hexadecimal digits, for golden vectors and traces. */
#ifndef TESTS_SUPPORT_HEX_H
#define TESTS_SUPPORT_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Digits of `text` up to its end or the first blank or newline; returns the bytes written. Asserts
 * (cmocka) on anything that is no digit, half a byte, or more than target_bytes. */
size_t hex_bytes(uint8_t *target, size_t target_bytes, const char *text);

#endif
