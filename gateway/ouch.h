/* OUCH 5.0 (Nasdaq, revision 1.04, 2024-05-01) to and from commands and events. Pure.
 *
 * Only the messages that the market offers; private option tags and the one private message are
 * listed in protocol.md. Quantities above 32 bits travel in a private tag, the fixed field is then
 * 0xFFFFFFFF. */
#ifndef GATEWAY_OUCH_H
#define GATEWAY_OUCH_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/command.h"
#include "matching/event.h"

#define OUCH_MESSAGE_BYTES_MAX 256u /* Any message either way, appendage included. */

#define OUCH_PRICE_MARKET                                                                          \
    UINT64_C(0x7FFFFFFF) /* Equities: market order for a cross; we refuse it. */

/* Why a gateway refused by itself (message `N`, unsequenced, never final; protocol.md). */
enum ouch_refusal {
    OUCH_REFUSED_NO_QUORUM = 'Q',
    OUCH_REFUSED_NEARLY_FULL = 'F',
    OUCH_REFUSED_HALTED = 'H', /* The session's shard takes no part at this site any more. */
};

struct ouch_refused {
    uint64_t timestamp_ns; /* UTC; decoded: since midnight, like every time on OUCH. */
    uint32_t user_reference;
    uint8_t channel;
    enum ouch_refusal reason;
};

/* A client's message to a command: type, flags and body; the rest of `command` is zero, for the
 * door to fill. `payload` may hold any bytes. STATUS_BAD_FORMAT: not a message of OUCH 5.0 (unknown
 * type, wrong length, malformed appendage, a tag twice): the connection ends. Well-formed but with
 * an option or value that is not offered: STATUS_OK with COMMAND_UNSUPPORTED and a reject_reason,
 * so that the rejection is journaled and consumes its reference; type, references, channel and
 * client_order_id hold then, other fields as far as they could be read. STATUS_BAD_VERSION: a
 * message of OUCH 5.0 that this program does not serve (protocol.md lists them): the connection
 * ends with that reason. */
MUST_USE enum status ouch_command_decode(struct command *command, const uint8_t *payload,
                                         size_t payload_bytes);
/* The client's side, for tools and tests: returns the message's bytes. Asserts: a command that
 * ouch_command_decode() could have given, without COMMAND_UNSUPPORTED; target_bytes >=
 * OUCH_MESSAGE_BYTES_MAX. */
size_t ouch_command_encode(uint8_t *target, size_t target_bytes, const struct command *command);

/* An event of a stream to its message; returns its bytes (never 0). Asserts: event->sequence > 0,
 * target_bytes >= OUCH_MESSAGE_BYTES_MAX. Same event, same bytes at every site. */
size_t ouch_event_encode(uint8_t *target, size_t target_bytes, const struct event *event);
/* The client's side. What OUCH does not carry stays zero (session_id, sequence, instrument_id;
 * timestamp_ns is since midnight); reasons that share a code come back as REJECT_OTHER, except
 * REJECT_TOO_LATE. Options not known are skipped. STATUS_BAD_FORMAT: anything else. */
MUST_USE enum status ouch_event_decode(struct event *event, const uint8_t *payload,
                                       size_t payload_bytes);

size_t ouch_refused_encode(uint8_t *target, size_t target_bytes,
                           const struct ouch_refused *refused);
MUST_USE enum status ouch_refused_decode(struct ouch_refused *refused, const uint8_t *payload,
                                         size_t payload_bytes);

#endif
