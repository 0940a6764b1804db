/* A byte stream cut into packets, and every payload as a login. */
#include <string.h>

#include "gateway/soupbin.h"
#include "matching/base/assertion.h"
#include "matching/base/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_login(const uint8_t *payload, size_t payload_bytes)
{
    struct soupbin_login login;
    enum status status = soupbin_login_decode(&login, payload, payload_bytes);
    ASSERT(status == STATUS_OK || status == STATUS_NOT_FOUND || status == STATUS_BAD_FORMAT);
    if (status != STATUS_OK) {
        return;
    }
    uint8_t bytes[SOUPBIN_HEADER_BYTES + SOUPBIN_LOGIN_4_10_BYTES];
    size_t count = soupbin_login_encode(bytes, sizeof bytes, &login);
    ASSERT(count == SOUPBIN_HEADER_BYTES + payload_bytes);
    struct soupbin_login again;
    status = soupbin_login_decode(&again, bytes + SOUPBIN_HEADER_BYTES, payload_bytes);
    ASSERT(status == STATUS_OK);
    ASSERT(memcmp(again.username, login.username, sizeof login.username) == 0);
    ASSERT(memcmp(again.password, login.password, sizeof login.password) == 0);
    ASSERT(again.session_any == login.session_any);
    ASSERT(again.session == login.session);
    ASSERT(again.sequence == login.sequence);
    ASSERT(again.heartbeat_timeout_ms == login.heartbeat_timeout_ms);
}

static void fuzz_accepted(const uint8_t *payload, size_t payload_bytes)
{
    struct soupbin_accepted accepted;
    if (soupbin_accepted_decode(&accepted, payload, payload_bytes) != STATUS_OK) {
        return;
    }
    uint8_t bytes[SOUPBIN_HEADER_BYTES + SOUPBIN_ACCEPTED_BYTES];
    struct soupbin_accepted again;
    size_t count = soupbin_accepted_encode(bytes, sizeof bytes, &accepted);
    enum status status =
        soupbin_accepted_decode(&again, bytes + SOUPBIN_HEADER_BYTES, count - SOUPBIN_HEADER_BYTES);
    ASSERT(status == STATUS_OK);
    ASSERT(again.session == accepted.session);
    ASSERT(again.sequence == accepted.sequence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_login(data, size);
    fuzz_accepted(data, size);
    size_t place = 0;
    struct soupbin_packet packet;
    while (soupbin_decode(&packet, data + place, size - place, CLIENT_PACKET_BYTES_MAX) ==
           STATUS_OK) {
        ASSERT(packet.packet_bytes >= SOUPBIN_HEADER_BYTES);
        ASSERT(packet.packet_bytes <= CLIENT_PACKET_BYTES_MAX);
        ASSERT(packet.packet_bytes <= size - place);
        ASSERT(packet.payload == data + place + SOUPBIN_HEADER_BYTES);
        ASSERT(packet.payload_bytes == packet.packet_bytes - SOUPBIN_HEADER_BYTES);
        fuzz_login(packet.payload, packet.payload_bytes);
        fuzz_accepted(packet.payload, packet.payload_bytes);
        place += packet.packet_bytes;
    }
    return 0;
}
