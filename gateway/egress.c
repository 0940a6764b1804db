#include "gateway/egress.h"

#include <stdbool.h>
#include <string.h>

#include "matching/base/assertion.h"

#define EGRESS_GIB (UINT64_C(1) << 30)

/* `whole` * `times` + `rest`. */
static uint64_t egress_sum(uint64_t whole, uint64_t times, uint64_t rest)
{
    uint64_t product;
    uint64_t sum;
    bool over = __builtin_mul_overflow(whole, times, &product) ||
                __builtin_add_overflow(product, rest, &sum);
    return over ? UINT64_MAX : sum;
}

/* Exactly: the price is taken apart as well, so that no product of a part needs more than 64 bits.
 */
static uint64_t egress_price(uint64_t bytes, uint64_t micros_per_gib)
{
    uint64_t part = bytes % EGRESS_GIB;
    uint64_t rest =
        micros_per_gib / EGRESS_GIB * part + micros_per_gib % EGRESS_GIB * part / EGRESS_GIB;
    ASSERT(part == 0 || rest / part <= micros_per_gib / EGRESS_GIB + 1);
    return egress_sum(bytes / EGRESS_GIB, micros_per_gib, rest);
}

uint64_t egress_cost_micros(const struct config_price *prices, uint32_t price_count,
                            const char *provider, uint64_t bytes)
{
    ASSERT(price_count <= SITES_MAX);
    for (uint32_t at = 0; at < price_count; at++) {
        if (strcmp(prices[at].provider, provider) == 0) {
            return egress_price(bytes, prices[at].micros_per_gib);
        }
    }
    return 0;
}

uint64_t egress_millibytes_per_command(uint64_t bytes, uint64_t commands)
{
    if (commands == 0) {
        return 0;
    }
    uint64_t rest = bytes % commands;
    bool fits = rest <= UINT64_MAX / 1000; /* Else there are as many commands, and these will do. */
    return egress_sum(bytes / commands, 1000,
                      fits ? rest * 1000 / commands : rest / (commands / 1000));
}
