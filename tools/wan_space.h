/* A network namespace of its own with one TUN device: the place of a node of the emulated network.
 *
 * Nothing is named and nothing is left behind: the namespace has no name in the file system and the
 * device is not persistent, so both go with the last process and descriptor that holds them, also
 * after SIGKILL. */
#ifndef TOOLS_WAN_SPACE_H
#define TOOLS_WAN_SPACE_H

#include <stdint.h>

#include "matching/base/status.h"

#define WAN_SPACE_ERROR_BYTES 256u
#define WAN_SPACE_MTU         1500u

struct wan_space {
    int namespace_fd; /* For setns(); -1: none. */
    int tun_fd;       /* IPv4 packets, one each read and write; not blocking. -1: none. */
};

/* Make namespaces possible for this process, without privileges in a user namespace of its own
 * where the system allows that. The process must have one thread. STATUS_DENIED with a reason:
 * there will be none. */
MUST_USE enum status wan_space_permit(char reason[static WAN_SPACE_ERROR_BYTES]);

/* Make one whose device has `address` (10.1.2.3 as 0x0A010203) in a network of `prefix_bits`; its
 * loopback is up, too. The calling thread stays where it is. STATUS_DENIED, STATUS_IO with a
 * reason; then nothing is open. */
MUST_USE enum status wan_space_open(struct wan_space *space, uint32_t address, uint32_t prefix_bits,
                                    char reason[static WAN_SPACE_ERROR_BYTES]);
void wan_space_close(struct wan_space *space);

/* Sockets that the calling thread opens, and processes that it starts, are there from now on; for
 * good, as a way back needs rights that may be gone. */
MUST_USE enum status wan_space_enter(const struct wan_space *space);

#endif
