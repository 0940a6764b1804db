/* Addresses and TCP sockets, as both kernel backends need them. Numeric addresses only: nothing
 * outside is needed to run (DESIGN P6), so no name is ever looked up. */
#ifndef REPLICATION_IO_IO_SOCKET_H
#define REPLICATION_IO_IO_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "matching/base/status.h"

#define IO_SOCKET_ENDPOINT_BYTES_MAX 64u /* "[IPv6]:port" with its ending zero fits. */

struct io_address {
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
    } socket;
    socklen_t bytes; /* Of the member that counts. */
};

/* Read "127.0.0.1:7001" or "[::1]:7001"; decimal port 0 .. 65535. STATUS_BAD_ARGUMENT for anything
 * else, names, spaces, signs, zones and leading zeros in excess included; then `*address` is
 * unchanged. Any string, zero-terminated. */
MUST_USE enum status io_socket_parse(struct io_address *address, const char *endpoint);
uint16_t io_socket_port(const struct io_address *address);

/* A listening socket with SO_REUSEADDR; TCP_NODELAY is set and inherited by what it accepts.
 * `*port` is the one that it got. STATUS_IN_USE, STATUS_DENIED, STATUS_BAD_ARGUMENT (not an address
 * of this machine), STATUS_FULL (no descriptor or memory), STATUS_IO. */
MUST_USE enum status io_socket_listen(const struct io_address *address, bool blocking, int *fd,
                                      uint16_t *port);
/* A socket that is yet to be connected, with TCP_NODELAY. STATUS_BAD_ARGUMENT for port 0;
 * STATUS_FULL, STATUS_IO. */
MUST_USE enum status io_socket_open(const struct io_address *address, bool blocking, int *fd);

/* Close. What has been received and never read is thrown away first: otherwise the kernel would
 * reset the connection and with it lose what has been sent but has not left yet. */
void io_socket_close(int fd);

/* Whether accept() may succeed later with what this machine has, after others have closed. */
bool io_socket_accept_must_wait(int error);

#endif
