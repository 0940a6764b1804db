#include "tools/free_port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

#define PORTS 64u

static int listen_on(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
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
    uint16_t first = free_port(&next);
    assert_true(first > 0 && first + 1u <= FREE_PORT_MAX);
    int fd = listen_on((uint16_t)(first + 1));
    uint16_t second = free_port(&next);
    assert_int_not_equal(second, first + 1);
    (void)close(listen_on(second));
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_range_and_never_twice),
        cmocka_unit_test(test_a_port_in_use_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
