#include "tools/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "matching/base/checksum.h"
#include "replication/io/monotonic.h"

#define FREE_PORT_COUNT (FREE_PORT_MAX - FREE_PORT_MIN + 1)

static bool free_port_is(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bool is = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return is;
}

uint16_t free_port(uint32_t *next)
{
    if (*next == 0) {
        uint64_t mixed =
            checksum_mix(checksum_mix(CHECKSUM_SEED, (uint64_t)getpid()), monotonic_now_ns());
        *next = 1 + (uint32_t)(mixed % FREE_PORT_COUNT);
    }
    for (uint32_t tries = 0; tries < FREE_PORT_COUNT; tries++) {
        uint16_t port = (uint16_t)(FREE_PORT_MIN + *next % FREE_PORT_COUNT);
        *next = 1 + *next % FREE_PORT_COUNT;
        if (free_port_is(port)) {
            return port;
        }
    }
    return 0;
}
