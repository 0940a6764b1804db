#include "tools/wan_packet.h"

#include "matching/base/assertion.h"

#define WAN_PACKET_HEADER_BYTES 20u
#define WAN_PACKET_TCP          6u
#define WAN_PACKET_TCP_FLAGS    13u /* Offset of the flags in a TCP header. */
#define WAN_PACKET_SYN          0x02u
#define WAN_PACKET_ACK          0x10u

static uint32_t wan_packet_address(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

enum status wan_packet_decode(struct wan_packet *target, const uint8_t *source, size_t source_bytes)
{
    ASSERT(target != NULL);
    ASSERT(source != NULL);
    if (source_bytes < WAN_PACKET_HEADER_BYTES || source[0] >> 4 != 4) {
        return STATUS_BAD_FORMAT;
    }
    size_t header_bytes = (size_t)(source[0] & 0x0Fu) * 4;
    if (header_bytes < WAN_PACKET_HEADER_BYTES || header_bytes > source_bytes) {
        return STATUS_BAD_FORMAT;
    }
    *target = (struct wan_packet){.source = wan_packet_address(source + 12),
                                  .destination = wan_packet_address(source + 16)};
    bool first_fragment = (source[6] & 0x1Fu) == 0 && source[7] == 0;
    size_t flags_at = header_bytes + WAN_PACKET_TCP_FLAGS;
    if (source[9] == WAN_PACKET_TCP && first_fragment && flags_at < source_bytes) {
        uint8_t flags = source[flags_at];
        target->connects = (flags & WAN_PACKET_SYN) != 0 && (flags & WAN_PACKET_ACK) == 0;
    }
    return STATUS_OK;
}
