#include "gateway/ouch_codes.h"

#include "gateway/ouch_wire.h"
#include "matching/base/assertion.h"
#include "matching/event.h"

#define REJECT_CODE_OTHER 0x0Fu

uint8_t ouch_codes_side_to_wire(uint8_t side)
{
    switch ((enum side)side) {
    case SIDE_BUY:
        return 'B';
    case SIDE_SELL:
        return 'S';
    case SIDE_SELL_SHORT:
        return 'T';
    case SIDE_SELL_SHORT_EXEMPT:
        return 'E';
    }
    ASSERT(false);
    return 0;
}

uint8_t ouch_codes_side_from_wire(uint8_t byte)
{
    switch (byte) {
    case 'B':
        return SIDE_BUY;
    case 'S':
        return SIDE_SELL;
    case 'T':
        return SIDE_SELL_SHORT;
    case 'E':
        return SIDE_SELL_SHORT_EXEMPT;
    default: /* Any byte may come. */
        return 0;
    }
}

uint8_t ouch_codes_time_to_wire(uint8_t time_in_force, struct ouch_tags *tags)
{
    switch ((enum time_in_force)time_in_force) {
    case TIF_DAY:
        return '0';
    case TIF_IOC:
        return '3';
    case TIF_GTC:
        tags->present |= OUCH_HAS_TIME_IN_FORCE;
        tags->time_in_force = 'G';
        return '0';
    case TIF_FOK:
        tags->present |= OUCH_HAS_TIME_IN_FORCE;
        tags->time_in_force = 'F';
        return '3';
    }
    ASSERT(false);
    return 0;
}

uint8_t ouch_codes_time_from_wire(uint8_t byte, const struct ouch_tags *tags)
{
    uint8_t option = (tags->present & OUCH_HAS_TIME_IN_FORCE) != 0 ? tags->time_in_force : 0;
    if (byte == '0') {
        return option == 0 ? TIF_DAY : option == 'G' ? TIF_GTC : 0;
    }
    if (byte == '3') {
        return option == 0 ? TIF_IOC : option == 'F' ? TIF_FOK : 0;
    }
    return 0;
}

void ouch_codes_kind_to_wire(uint8_t kind, struct ouch_tags *tags)
{
    switch ((enum order_kind)kind) {
    case ORDER_LIMIT:
        return;
    case ORDER_MARKET:
        tags->present |= OUCH_HAS_ORDER_KIND;
        tags->order_kind = 'M';
        return;
    }
    ASSERT(false);
}

uint8_t ouch_codes_kind_from_wire(const struct ouch_tags *tags)
{
    if ((tags->present & OUCH_HAS_ORDER_KIND) == 0 || tags->order_kind == 'L') {
        return ORDER_LIMIT;
    }
    return tags->order_kind == 'M' ? ORDER_MARKET : 0;
}

uint32_t ouch_codes_quantity_to_wire(uint64_t quantity_lots, struct ouch_tags *tags)
{
    if (quantity_lots <= UINT32_MAX) {
        return (uint32_t)quantity_lots;
    }
    tags->present |= OUCH_HAS_QUANTITY;
    tags->quantity_lots = quantity_lots;
    return OUCH_QUANTITY_IN_TAG;
}

bool ouch_codes_quantity_from_wire(uint64_t *quantity_lots, uint32_t fixed,
                                   const struct ouch_tags *tags)
{
    if ((tags->present & OUCH_HAS_QUANTITY) == 0) {
        *quantity_lots = fixed;
        return true;
    }
    *quantity_lots = tags->quantity_lots;
    return fixed == OUCH_QUANTITY_IN_TAG;
}

void ouch_codes_minimum_to_wire(uint64_t minimum_lots, struct ouch_tags *tags)
{
    if (minimum_lots > 0) {
        tags->present |= minimum_lots <= UINT32_MAX ? OUCH_HAS_MINIMUM : OUCH_HAS_MINIMUM_64;
        tags->minimum_lots = minimum_lots;
    }
}

void ouch_codes_channel_to_wire(uint8_t channel, struct ouch_tags *tags)
{
    if (channel > 0) {
        tags->present |= OUCH_HAS_CHANNEL;
        tags->channel = channel;
    }
}

uint8_t ouch_codes_cancel_to_wire(uint8_t reason)
{
    switch ((enum cancel_reason)reason) {
    case CANCEL_USER:
        return 'U';
    case CANCEL_IMMEDIATE:
        return 'I';
    case CANCEL_DAY_END:
        return 'E';
    case CANCEL_SUPERVISORY:
        return 'S';
    case CANCEL_SYSTEM:
    case CANCEL_DISCONNECT: /* By the system as well: OUCH has no reason of its own. */
        return 'Z';
    }
    ASSERT(false);
    return 0;
}

uint8_t ouch_codes_cancel_from_wire(uint8_t byte)
{
    switch (byte) {
    case 'U':
        return CANCEL_USER;
    case 'I':
        return CANCEL_IMMEDIATE;
    case 'E':
        return CANCEL_DAY_END;
    case 'S':
        return CANCEL_SUPERVISORY;
    case 'Z':
        return CANCEL_SYSTEM;
    default: /* Any byte may come. */
        return 0;
    }
}

uint8_t ouch_codes_liquidity_to_wire(uint8_t liquidity)
{
    switch ((enum liquidity)liquidity) {
    case LIQUIDITY_ADDED:
        return 'A';
    case LIQUIDITY_REMOVED:
        return 'R';
    }
    ASSERT(false);
    return 0;
}

uint8_t ouch_codes_liquidity_from_wire(uint8_t byte)
{
    return byte == 'A' ? LIQUIDITY_ADDED : byte == 'R' ? LIQUIDITY_REMOVED : 0;
}

uint16_t ouch_codes_reject_to_wire(uint8_t reason)
{
    static const uint16_t codes[REJECT_COUNT] = {
        [REJECT_HALTED] = 0x07,
        [REJECT_SYMBOL] = 0x17,
        [REJECT_PRICE] = 0x1D,
        [REJECT_QUANTITY] = 0x13,
        [REJECT_MINIMUM] = 0x0D,
        [REJECT_SIDE] = 0x09,
        [REJECT_TIME_IN_FORCE] = REJECT_CODE_OTHER,
        [REJECT_DISPLAY] = 0x03,
        [REJECT_RESERVE] = 0x04,
        [REJECT_PEG] = 0x05,
        [REJECT_CROSS] = 0x14,
        [REJECT_FIRM] = 0x0C,
        [REJECT_TOO_LATE] = REJECT_CODE_OTHER,
        [REJECT_CHANNEL] = REJECT_CODE_OTHER,
        [REJECT_SESSION_ORDERS] = 0x1E,
        [REJECT_SHARD_FULL] = 0x0A,
        [REJECT_OTHER] = REJECT_CODE_OTHER,
        [REJECT_MARKET_RESTS] = REJECT_CODE_OTHER,
    };
    ASSERT(reason > 0);
    ASSERT(reason < REJECT_COUNT);
    ASSERT(codes[reason] != 0); /* A reason added to the list needs its code here. */
    return codes[reason];
}

uint8_t ouch_codes_reject_from_wire(uint16_t code, const struct ouch_tags *tags)
{
    if (code == REJECT_CODE_OTHER) {
        return (tags->present & OUCH_HAS_TOO_LATE) != 0 ? REJECT_TOO_LATE : REJECT_OTHER;
    }
    for (uint8_t reason = 1; reason < REJECT_COUNT; reason++) {
        if (ouch_codes_reject_to_wire(reason) == code) {
            return reason;
        }
    }
    return 0;
}
