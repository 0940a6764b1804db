#include "tools/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

#define PORTS 64u

/* -1: somebody has it. */
static int listen_on(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0) {
        return fd;
    }
    (void)close(fd);
    return -1;
}

static void test_in_range_and_never_twice(void **state)
{
    (void)state;
    static uint8_t given[FREE_PORT_MAX + 1];
    uint32_t next = 0;
    for (uint32_t i = 0; i < PORTS; i++) {
        uint16_t port = free_port(&next);
        assert_in_range(port, FREE_PORT_MIN, FREE_PORT_MAX);
        assert_int_equal(given[port], 0);
        given[port] = 1;
    }
}

/* Somebody listens on what would come next. */
static void test_a_port_in_use_is_passed_over(void **state)
{
    (void)state;
    uint32_t next = 0;
    uint16_t first = 0;
    int fd = -1;
    while (fd < 0) { /* Other tests take ports meanwhile. */
        first = free_port(&next);
        assert_int_not_equal(first, 0);
        fd = first < FREE_PORT_MAX ? listen_on((uint16_t)(first + 1)) : -1;
    }
    assert_int_not_equal(free_port(&next), first + 1);
    assert_int_equal(close(fd), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_range_and_never_twice),
        cmocka_unit_test(test_a_port_in_use_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
