/* Decimal numbers as people write them ("199999.99", "-0.5") to and from scaled integers, exactly:
 * no floating point comes near a price. */
#ifndef TOOLS_DECIMAL_H
#define TOOLS_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

#define DECIMAL_DECIMALS_MAX 18u
#define DECIMAL_TEXT_BYTES   32u

/* `text` times 10^decimals: "12.5" with 4 decimals is 125000. A sign, digits, a point with digits
 * behind it; nothing else. STATUS_BAD_FORMAT: no such number; STATUS_BAD_ARGUMENT: digits other
 * than 0 beyond the decimals; STATUS_FULL: beyond int64_t. `*scaled` is set only with STATUS_OK. */
MUST_USE enum status decimal_parse(int64_t *scaled, const char *text, uint32_t decimals);

/* The other way, shortest: 125000 with 4 decimals is "12.5". */
void decimal_format(char text[static DECIMAL_TEXT_BYTES], int64_t scaled, uint32_t decimals);

#endif
