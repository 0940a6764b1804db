/* SoupBinTCP 3.00, 4.00 and 4.10: framing and the login packets. Pure.
 *
 * Source: Nasdaq, "SoupBinTCP Version 3.00" (2017-02-22) and the later versions' differences. A
 * logical packet is a big-endian length (type and payload), a type and a payload; packets may be
 * split or merged. */
#ifndef GATEWAY_SOUPBIN_H
#define GATEWAY_SOUPBIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

#define SOUPBIN_HEADER_BYTES        3u
#define SOUPBIN_USERNAME_BYTES      6u
#define SOUPBIN_PASSWORD_BYTES      10u
#define SOUPBIN_SESSION_BYTES       10u
#define SOUPBIN_LOGIN_BYTES         46u /* Payload of `L` in 3.00 and 4.00. */
#define SOUPBIN_LOGIN_4_10_BYTES    51u
#define SOUPBIN_ACCEPTED_BYTES      30u
#define SOUPBIN_PAYLOAD_BYTES_MAX   65534u
#define SOUPBIN_HEARTBEAT_PERIOD_MS 1000u
#define SOUPBIN_SILENCE_LIMIT_MS    15000u

enum soupbin_type {
    SOUPBIN_DEBUG = '+',
    SOUPBIN_LOGIN_ACCEPTED = 'A',
    SOUPBIN_LOGIN_REJECTED = 'J',
    SOUPBIN_SEQUENCED = 'S',
    SOUPBIN_SERVER_HEARTBEAT = 'H',
    SOUPBIN_END_OF_SESSION = 'Z',
    SOUPBIN_LOGIN_REQUEST = 'L',
    SOUPBIN_UNSEQUENCED = 'U',
    SOUPBIN_CLIENT_HEARTBEAT = 'R',
    SOUPBIN_LOGOUT_REQUEST = 'O',
};

enum soupbin_reject {
    SOUPBIN_NOT_AUTHORIZED = 'A',
    SOUPBIN_SESSION_NOT_AVAILABLE = 'S',
};

struct soupbin_packet {
    uint8_t type;           /* As found: any byte. */
    const uint8_t *payload; /* Into the caller's bytes. */
    uint32_t payload_bytes;
    uint32_t packet_bytes; /* Header included: how far to advance. */
};

struct soupbin_login {
    uint8_t username[SOUPBIN_USERNAME_BYTES]; /* Left-justified, padded with spaces; upper case. */
    uint8_t password[SOUPBIN_PASSWORD_BYTES]; /* Left-justified, padded with spaces, as sent. */
    bool session_any;                         /* All spaces: the current one. */
    uint64_t session;                         /* Ours are decimal numbers: the generation. */
    uint64_t sequence;                        /* Next wanted; 0: whatever comes next. */
    bool version_4_10;                        /* The long form: heartbeat_timeout_ms holds. */
    uint32_t heartbeat_timeout_ms;
};

/* First packet of `source`, which may hold any bytes. STATUS_SHORT: more bytes may complete it;
 * STATUS_BAD_FORMAT: length 0, or more than packet_bytes_max in all. */
MUST_USE enum status soupbin_decode(struct soupbin_packet *packet, const uint8_t *source,
                                    size_t source_bytes, uint32_t packet_bytes_max);

/* Payload of a Login Request. A session that is no decimal number is STATUS_NOT_FOUND (no such
 * session; the other fields hold); anything else out of form STATUS_BAD_FORMAT. Wipe the password
 * after use. */
MUST_USE enum status soupbin_login_decode(struct soupbin_login *login, const uint8_t *payload,
                                          size_t payload_bytes);
/* The client's side: whole packet; returns its bytes (49, or 54 with version_4_10). */
size_t soupbin_login_encode(uint8_t *target, size_t target_bytes,
                            const struct soupbin_login *login);

struct soupbin_accepted {
    uint64_t session;
    uint64_t sequence; /* Of the next sequenced message. */
};
/* STATUS_NOT_FOUND: the session is no decimal number, so not one of ours; `sequence` holds.
 * STATUS_BAD_FORMAT: anything else out of form. */
MUST_USE enum status soupbin_accepted_decode(struct soupbin_accepted *accepted,
                                             const uint8_t *payload, size_t payload_bytes);
/* Whole packets; each returns its size in bytes. Asserts that target_bytes suffices. */
size_t soupbin_accepted_encode(uint8_t *target, size_t target_bytes,
                               const struct soupbin_accepted *accepted);
size_t soupbin_rejected_encode(uint8_t *target, size_t target_bytes, enum soupbin_reject reason);
/* A packet without payload: heartbeats, logout, end of session. */
size_t soupbin_empty_encode(uint8_t *target, size_t target_bytes, enum soupbin_type type);
/* Header in front of a payload that already stands at target + SOUPBIN_HEADER_BYTES. */
size_t soupbin_header_encode(uint8_t *target, size_t target_bytes, enum soupbin_type type,
                             size_t payload_bytes);

#endif
