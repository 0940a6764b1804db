#include "gateway/soupbin.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define SOUPBIN_LENGTH_BYTES    2u /* What the length field does not count: itself. */
#define SOUPBIN_SEQUENCE_BYTES  20u
#define SOUPBIN_HEARTBEAT_BYTES 5u
#define SOUPBIN_SESSION_MAX     UINT64_C(9999999999) /* Ten digits. */
#define SOUPBIN_HEARTBEAT_MAX   99999u               /* Five digits. */

/* Payload of a Login Request, by offset. */
enum {
    LOGIN_USERNAME = 0,
    LOGIN_PASSWORD = LOGIN_USERNAME + SOUPBIN_USERNAME_BYTES,
    LOGIN_SESSION = LOGIN_PASSWORD + SOUPBIN_PASSWORD_BYTES,
    LOGIN_SEQUENCE = LOGIN_SESSION + SOUPBIN_SESSION_BYTES,
    LOGIN_HEARTBEAT = LOGIN_SEQUENCE + SOUPBIN_SEQUENCE_BYTES,
    LOGIN_END = LOGIN_HEARTBEAT + SOUPBIN_HEARTBEAT_BYTES,
};
static_assert(LOGIN_HEARTBEAT == SOUPBIN_LOGIN_BYTES, "3.00 and 4.00 end before the heartbeat");
static_assert(LOGIN_END == SOUPBIN_LOGIN_4_10_BYTES, "4.10 adds five digits");

/* Payload of Login Accepted. */
enum {
    ACCEPTED_SESSION = 0,
    ACCEPTED_SEQUENCE = ACCEPTED_SESSION + SOUPBIN_SESSION_BYTES,
    ACCEPTED_END = ACCEPTED_SEQUENCE + SOUPBIN_SEQUENCE_BYTES,
};
static_assert(ACCEPTED_END == SOUPBIN_ACCEPTED_BYTES, "the layout is the protocol");

enum status soupbin_decode(struct soupbin_packet *packet, const uint8_t *source,
                           size_t source_bytes, uint32_t packet_bytes_max)
{
    ASSERT(packet != NULL);
    ASSERT(packet_bytes_max >= SOUPBIN_HEADER_BYTES);

    if (source_bytes < SOUPBIN_LENGTH_BYTES) {
        return STATUS_SHORT;
    }
    uint32_t length = bytes_load_be16(source);
    uint32_t packet_bytes = SOUPBIN_LENGTH_BYTES + length;
    if (length == 0 || packet_bytes > packet_bytes_max) {
        return STATUS_BAD_FORMAT;
    }
    if (source_bytes < packet_bytes) {
        return STATUS_SHORT;
    }
    packet->type = source[SOUPBIN_LENGTH_BYTES];
    packet->payload = source + SOUPBIN_HEADER_BYTES;
    packet->payload_bytes = packet_bytes - SOUPBIN_HEADER_BYTES;
    packet->packet_bytes = packet_bytes;
    return STATUS_OK;
}

static bool soupbin_is_blank(const uint8_t *field, size_t field_bytes)
{
    for (size_t i = 0; i < field_bytes; i++) {
        if (field[i] != ' ') {
            return false;
        }
    }
    return true;
}

/* A decimal number padded with spaces on either side. False: anything else, or above 64 bits. */
static bool soupbin_number_decode(uint64_t *number, const uint8_t *field, size_t field_bytes)
{
    size_t first = 0;
    size_t end = field_bytes;
    while (first < end && field[first] == ' ') {
        first++;
    }
    while (end > first && field[end - 1] == ' ') {
        end--;
    }
    if (first == end) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = first; i < end; i++) {
        if (field[i] < '0' || field[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(field[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

/* Right-justified, as the specification's servers write them. */
static void soupbin_number_encode(uint8_t *field, size_t field_bytes, uint64_t number)
{
    memset(field, ' ', field_bytes);
    size_t place = field_bytes;
    do {
        ASSERT(place > 0);
        field[--place] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
}

/* Letters and digits, left-justified; upper case, since names compare without regard to case. */
static bool soupbin_username_decode(uint8_t *username, const uint8_t *field)
{
    bool padding = false;
    for (size_t i = 0; i < SOUPBIN_USERNAME_BYTES; i++) {
        uint8_t byte = field[i];
        if (byte >= 'a' && byte <= 'z') {
            byte = (uint8_t)(byte - 'a' + 'A');
        }
        bool word = (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
        if ((!word && byte != ' ') || (word && padding)) {
            return false;
        }
        padding = byte == ' ';
        username[i] = byte;
    }
    return true;
}

static bool soupbin_is_printable(const uint8_t *field, size_t field_bytes)
{
    for (size_t i = 0; i < field_bytes; i++) {
        if (field[i] < ' ' || field[i] > '~') {
            return false;
        }
    }
    return true;
}

enum status soupbin_login_decode(struct soupbin_login *login, const uint8_t *payload,
                                 size_t payload_bytes)
{
    ASSERT(login != NULL);
    memset(login, 0, sizeof *login);
    if (payload_bytes != SOUPBIN_LOGIN_BYTES && payload_bytes != SOUPBIN_LOGIN_4_10_BYTES) {
        return STATUS_BAD_FORMAT;
    }
    if (!soupbin_username_decode(login->username, payload + LOGIN_USERNAME) ||
        !soupbin_is_printable(payload + LOGIN_PASSWORD, SOUPBIN_PASSWORD_BYTES) ||
        !soupbin_number_decode(&login->sequence, payload + LOGIN_SEQUENCE,
                               SOUPBIN_SEQUENCE_BYTES)) {
        return STATUS_BAD_FORMAT;
    }
    login->version_4_10 = payload_bytes == SOUPBIN_LOGIN_4_10_BYTES;
    if (login->version_4_10) {
        uint64_t timeout_ms = 0;
        if (!soupbin_number_decode(&timeout_ms, payload + LOGIN_HEARTBEAT,
                                   SOUPBIN_HEARTBEAT_BYTES)) {
            return STATUS_BAD_FORMAT;
        }
        ASSERT(timeout_ms <= SOUPBIN_HEARTBEAT_MAX);
        login->heartbeat_timeout_ms = (uint32_t)timeout_ms;
    }
    memcpy(login->password, payload + LOGIN_PASSWORD, SOUPBIN_PASSWORD_BYTES);
    login->session_any = soupbin_is_blank(payload + LOGIN_SESSION, SOUPBIN_SESSION_BYTES);
    if (!login->session_any &&
        !soupbin_number_decode(&login->session, payload + LOGIN_SESSION, SOUPBIN_SESSION_BYTES)) {
        return STATUS_NOT_FOUND;
    }
    return STATUS_OK;
}

size_t soupbin_login_encode(uint8_t *target, size_t target_bytes, const struct soupbin_login *login)
{
    size_t payload_bytes = login->version_4_10 ? SOUPBIN_LOGIN_4_10_BYTES : SOUPBIN_LOGIN_BYTES;
    ASSERT(target_bytes >= SOUPBIN_HEADER_BYTES + payload_bytes);
    ASSERT(login->session <= SOUPBIN_SESSION_MAX);
    ASSERT(login->heartbeat_timeout_ms <= SOUPBIN_HEARTBEAT_MAX);

    uint8_t *payload = target + SOUPBIN_HEADER_BYTES;
    memcpy(payload + LOGIN_USERNAME, login->username, SOUPBIN_USERNAME_BYTES);
    memcpy(payload + LOGIN_PASSWORD, login->password, SOUPBIN_PASSWORD_BYTES);
    if (login->session_any) {
        memset(payload + LOGIN_SESSION, ' ', SOUPBIN_SESSION_BYTES);
    } else {
        soupbin_number_encode(payload + LOGIN_SESSION, SOUPBIN_SESSION_BYTES, login->session);
    }
    soupbin_number_encode(payload + LOGIN_SEQUENCE, SOUPBIN_SEQUENCE_BYTES, login->sequence);
    if (login->version_4_10) {
        soupbin_number_encode(payload + LOGIN_HEARTBEAT, SOUPBIN_HEARTBEAT_BYTES,
                              login->heartbeat_timeout_ms);
    }
    return soupbin_header_encode(target, target_bytes, SOUPBIN_LOGIN_REQUEST, payload_bytes);
}

enum status soupbin_accepted_decode(struct soupbin_accepted *accepted, const uint8_t *payload,
                                    size_t payload_bytes)
{
    ASSERT(accepted != NULL);
    memset(accepted, 0, sizeof *accepted);
    if (payload_bytes != SOUPBIN_ACCEPTED_BYTES ||
        !soupbin_number_decode(&accepted->sequence, payload + ACCEPTED_SEQUENCE,
                               SOUPBIN_SEQUENCE_BYTES)) {
        return STATUS_BAD_FORMAT;
    }
    if (!soupbin_number_decode(&accepted->session, payload + ACCEPTED_SESSION,
                               SOUPBIN_SESSION_BYTES)) {
        return STATUS_NOT_FOUND;
    }
    return STATUS_OK;
}

size_t soupbin_accepted_encode(uint8_t *target, size_t target_bytes,
                               const struct soupbin_accepted *accepted)
{
    ASSERT(target_bytes >= SOUPBIN_HEADER_BYTES + SOUPBIN_ACCEPTED_BYTES);
    ASSERT(accepted->session <= SOUPBIN_SESSION_MAX);

    uint8_t *payload = target + SOUPBIN_HEADER_BYTES;
    soupbin_number_encode(payload + ACCEPTED_SESSION, SOUPBIN_SESSION_BYTES, accepted->session);
    soupbin_number_encode(payload + ACCEPTED_SEQUENCE, SOUPBIN_SEQUENCE_BYTES, accepted->sequence);
    return soupbin_header_encode(target, target_bytes, SOUPBIN_LOGIN_ACCEPTED,
                                 SOUPBIN_ACCEPTED_BYTES);
}

size_t soupbin_rejected_encode(uint8_t *target, size_t target_bytes, enum soupbin_reject reason)
{
    ASSERT(target_bytes > SOUPBIN_HEADER_BYTES);
    ASSERT(reason == SOUPBIN_NOT_AUTHORIZED || reason == SOUPBIN_SESSION_NOT_AVAILABLE);

    target[SOUPBIN_HEADER_BYTES] = (uint8_t)reason;
    return soupbin_header_encode(target, target_bytes, SOUPBIN_LOGIN_REJECTED, 1);
}

size_t soupbin_empty_encode(uint8_t *target, size_t target_bytes, enum soupbin_type type)
{
    ASSERT(type == SOUPBIN_SERVER_HEARTBEAT || type == SOUPBIN_CLIENT_HEARTBEAT ||
           type == SOUPBIN_LOGOUT_REQUEST || type == SOUPBIN_END_OF_SESSION);
    return soupbin_header_encode(target, target_bytes, type, 0);
}

size_t soupbin_header_encode(uint8_t *target, size_t target_bytes, enum soupbin_type type,
                             size_t payload_bytes)
{
    ASSERT(payload_bytes <= SOUPBIN_PAYLOAD_BYTES_MAX);
    ASSERT(target_bytes >= SOUPBIN_HEADER_BYTES + payload_bytes);

    bytes_store_be16(target, (uint16_t)(payload_bytes + 1));
    target[SOUPBIN_LENGTH_BYTES] = (uint8_t)type;
    return SOUPBIN_HEADER_BYTES + payload_bytes;
}
