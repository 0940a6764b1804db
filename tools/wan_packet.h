/* What the emulated line must know of a packet: its destination, and whether it asks for a new TCP
 * connection (RFC 791, RFC 9293). Pure. */
#ifndef TOOLS_WAN_PACKET_H
#define TOOLS_WAN_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

struct wan_packet {
    uint32_t source; /* IPv4 addresses, 10.1.2.3 as 0x0A010203. */
    uint32_t destination;
    bool connects; /* TCP with SYN and without ACK. */
};

/* STATUS_BAD_FORMAT: no whole IPv4 header; IPv6 is none of ours. */
MUST_USE enum status wan_packet_decode(struct wan_packet *target, const uint8_t *source,
                                       size_t source_bytes);

#endif
