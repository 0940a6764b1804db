#include "replication/io/io_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "matching/base/assertion.h"

#define IO_SOCKET_BACKLOG 4096

static enum status parse_port(uint16_t *port, const char *text)
{
    uint32_t value = 0;
    size_t digits = 0;
    for (; text[digits] != '\0'; digits++) {
        if (text[digits] < '0' || text[digits] > '9' || digits == 5) {
            return STATUS_BAD_ARGUMENT;
        }
        value = value * 10 + (uint32_t)(text[digits] - '0');
    }
    if (digits == 0 || value > UINT16_MAX) {
        return STATUS_BAD_ARGUMENT;
    }
    *port = (uint16_t)value;
    return STATUS_OK;
}

enum status io_socket_parse(struct io_address *address, const char *endpoint)
{
    ASSERT(address != NULL);
    ASSERT(endpoint != NULL);

    char host[IO_SOCKET_ENDPOINT_BYTES_MAX];
    size_t endpoint_bytes = strnlen(endpoint, sizeof host);
    if (endpoint_bytes == sizeof host) {
        return STATUS_BAD_ARGUMENT;
    }
    const char *colon = strrchr(endpoint, ':');
    if (colon == NULL || colon == endpoint) {
        return STATUS_BAD_ARGUMENT;
    }
    uint16_t port;
    enum status status = parse_port(&port, colon + 1);
    if (status != STATUS_OK) {
        return status;
    }

    bool ipv6 = endpoint[0] == '[';
    const char *first = ipv6 ? endpoint + 1 : endpoint;
    const char *last = ipv6 ? colon - 1 : colon; /* One behind the address. */
    if (last <= first || (ipv6 && *last != ']')) {
        return STATUS_BAD_ARGUMENT;
    }
    memcpy(host, first, (size_t)(last - first));
    host[last - first] = '\0';

    struct io_address parsed = {.bytes = 0};
    if (ipv6) {
        parsed.socket.ipv6.sin6_family = AF_INET6;
        parsed.socket.ipv6.sin6_port = htons(port);
        parsed.bytes = sizeof parsed.socket.ipv6;
        if (inet_pton(AF_INET6, host, &parsed.socket.ipv6.sin6_addr) != 1) {
            return STATUS_BAD_ARGUMENT;
        }
    } else {
        parsed.socket.ipv4.sin_family = AF_INET;
        parsed.socket.ipv4.sin_port = htons(port);
        parsed.bytes = sizeof parsed.socket.ipv4;
        if (inet_pton(AF_INET, host, &parsed.socket.ipv4.sin_addr) != 1) {
            return STATUS_BAD_ARGUMENT;
        }
    }
    *address = parsed;
    return STATUS_OK;
}

uint16_t io_socket_port(const struct io_address *address)
{
    if (address->socket.any.sa_family == AF_INET6) {
        ASSERT(address->bytes >= sizeof address->socket.ipv6);
        return ntohs(address->socket.ipv6.sin6_port);
    }
    ASSERT(address->socket.any.sa_family == AF_INET);
    ASSERT(address->bytes >= sizeof address->socket.ipv4);
    return ntohs(address->socket.ipv4.sin_port);
}

static enum status status_of(int error)
{
    ASSERT(error > 0);
    switch (error) {
    case EADDRINUSE:
        return STATUS_IN_USE;
    case EACCES:
    case EPERM:
        return STATUS_DENIED;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EINVAL:
        return STATUS_BAD_ARGUMENT;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return STATUS_FULL;
    default:
        return STATUS_IO;
    }
}

static enum status open_socket(const struct io_address *address, bool blocking, int *fd)
{
    int family = address->socket.any.sa_family;
    ASSERT(family == AF_INET || family == AF_INET6);

    int type = SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK);
    int opened = socket(family, type, IPPROTO_TCP);
    if (opened < 0) {
        return status_of(errno);
    }
    int on = 1;
    if (setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
        enum status status = status_of(errno);
        (void)close(opened);
        return status;
    }
    *fd = opened;
    return STATUS_OK;
}

enum status io_socket_listen(const struct io_address *address, bool blocking, int *fd,
                             uint16_t *port)
{
    int opened;
    enum status status = open_socket(address, blocking, &opened);
    if (status != STATUS_OK) {
        return status;
    }
    int on = 1;
    struct io_address bound = {.bytes = sizeof bound.socket};
    if (setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0) {
        goto fail;
    }
    /* An IPv6 listener takes IPv6 only: "[::]:7001" and "0.0.0.0:7001" do not get into each other's
     * way. */
    if (address->socket.any.sa_family == AF_INET6 &&
        setsockopt(opened, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
        goto fail;
    }
    if (bind(opened, &address->socket.any, address->bytes) != 0 ||
        listen(opened, IO_SOCKET_BACKLOG) != 0 ||
        getsockname(opened, &bound.socket.any, &bound.bytes) != 0) {
        goto fail;
    }
    *fd = opened;
    *port = io_socket_port(&bound);
    ASSERT(*port != 0);
    return STATUS_OK;

fail:
    status = status_of(errno);
    (void)close(opened);
    return status;
}

enum status io_socket_open(const struct io_address *address, bool blocking, int *fd)
{
    if (io_socket_port(address) == 0) {
        return STATUS_BAD_ARGUMENT;
    }
    return open_socket(address, blocking, fd);
}

void io_socket_close(int fd)
{
    ASSERT(fd >= 0);
    /* MSG_TRUNC discards in the kernel without a copy (tcp(7)); one call takes what is there. */
    (void)recv(fd, NULL, 1u << 30, MSG_DONTWAIT | MSG_TRUNC);
    int failed = close(fd);
    ASSERT(failed == 0 || errno != EBADF);
}

bool io_socket_accept_must_wait(int error)
{
    ASSERT(error > 0);
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}
