/* Between the codes of OUCH 5.0 and ours: sides, times in force, reasons, and numbers that need a
 * private option when they outgrow their fixed field. Pure.
 *
 * Decoding functions take any byte and give 0 (or false) for what is no code of the specification
 * that we offer; encoding functions assert that the value is one of ours. */
#ifndef GATEWAY_OUCH_CODES_H
#define GATEWAY_OUCH_CODES_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/ouch_tags.h"

/* enum side. */
uint8_t ouch_codes_side_to_wire(uint8_t side);
uint8_t ouch_codes_side_from_wire(uint8_t byte);

/* enum time_in_force: the fixed field, with tag 129 for what it cannot say. */
uint8_t ouch_codes_time_to_wire(uint8_t time_in_force, struct ouch_tags *tags);
uint8_t ouch_codes_time_from_wire(uint8_t byte, const struct ouch_tags *tags);

/* enum order_kind, in tag 128; absent means limit. */
void ouch_codes_kind_to_wire(uint8_t kind, struct ouch_tags *tags);
uint8_t ouch_codes_kind_from_wire(const struct ouch_tags *tags);

/* Quantities: the fixed field, with tag 134 above 32 bits. False: an option beside a fixed field
 * that is not 0xFFFFFFFF; `*quantity_lots` is the option's number then. */
uint32_t ouch_codes_quantity_to_wire(uint64_t quantity_lots, struct ouch_tags *tags);
bool ouch_codes_quantity_from_wire(uint64_t *quantity_lots, uint32_t fixed,
                                   const struct ouch_tags *tags);

/* Minimum quantity in tag 3, or in tag 135 above 32 bits; none is 0. */
void ouch_codes_minimum_to_wire(uint64_t minimum_lots, struct ouch_tags *tags);

/* UserRefIdx, in tag 28 when it is not 0. */
void ouch_codes_channel_to_wire(uint8_t channel, struct ouch_tags *tags);

/* enum cancel_reason. */
uint8_t ouch_codes_cancel_to_wire(uint8_t reason);
uint8_t ouch_codes_cancel_from_wire(uint8_t byte);

/* enum liquidity. */
uint8_t ouch_codes_liquidity_to_wire(uint8_t liquidity);
uint8_t ouch_codes_liquidity_from_wire(uint8_t byte);

/* enum reject_reason: several share 0x0F, so decoding gives REJECT_TOO_LATE when tag 131 is there
 * and REJECT_OTHER for the rest of them. */
uint16_t ouch_codes_reject_to_wire(uint8_t reason);
uint8_t ouch_codes_reject_from_wire(uint16_t code, const struct ouch_tags *tags);

#endif
