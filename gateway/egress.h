/* What bytes to another site come to: money by the configuration's price list, and bytes an order.
 * Pure; whole numbers, rounded down; what 64 bits do not hold is UINT64_MAX. */
#ifndef GATEWAY_EGRESS_H
#define GATEWAY_EGRESS_H

#include <stdint.h>

#include "gateway/config.h"

/* Price of so many bytes to a site of `provider`, in millionths of the list's currency; 0 where the
 * list does not name it. */
uint64_t egress_cost_micros(const struct config_price *prices, uint32_t price_count,
                            const char *provider, uint64_t bytes);

/* Bytes a command, in thousandths; 0 without commands. */
uint64_t egress_millibytes_per_command(uint64_t bytes, uint64_t commands);

#endif
