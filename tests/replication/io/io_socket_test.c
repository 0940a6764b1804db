#include "replication/io/io_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

static void test_good_endpoints(void **state)
{
    (void)state;
    static const struct {
        const char *endpoint;
        int family;
        const char *host;
        uint16_t port;
    } GOOD[] = {
        {"127.0.0.1:7001", AF_INET, "127.0.0.1", 7001},
        {"0.0.0.0:0", AF_INET, "0.0.0.0", 0},
        {"255.255.255.255:65535", AF_INET, "255.255.255.255", 65535},
        {"10.0.0.1:00080", AF_INET, "10.0.0.1", 80},
        {"[::1]:7001", AF_INET6, "::1", 7001},
        {"[::]:0", AF_INET6, "::", 0},
        {"[2001:db8::12:0:7]:1", AF_INET6, "2001:db8::12:0:7", 1},
        {"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535", AF_INET6,
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535},
    };
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        struct io_address address;
        assert_int_equal(io_socket_parse(&address, GOOD[i].endpoint), STATUS_OK);
        assert_int_equal(address.socket.any.sa_family, GOOD[i].family);
        assert_int_equal(io_socket_port(&address), GOOD[i].port);
        char host[INET6_ADDRSTRLEN];
        const void *bytes = GOOD[i].family == AF_INET
                                ? (const void *)&address.socket.ipv4.sin_addr
                                : (const void *)&address.socket.ipv6.sin6_addr;
        assert_non_null(inet_ntop(GOOD[i].family, bytes, host, sizeof host));
        assert_string_equal(host, GOOD[i].host);
    }
}

static void test_bad_endpoints(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        ":",
        ":80",
        "80",
        "localhost:80",
        "example.org:80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:4294967376",
        "127.0.0.1:000080",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1: 80",
        "127.0.0.1:80 ",
        " 127.0.0.1:80",
        "127.0.0.1:0x50",
        "127.0.0.1:80:90",
        "127.0.0.256:80",
        "127.0.1:80",
        "127.1:80",
        "0x7f.0.0.1:80",
        "2130706433:80",
        "::1:80",
        "[::1]",
        "[::1]:",
        "[::1]80",
        "[::1:80",
        "[]:80",
        "[:80",
        "[127.0.0.1]:80",
        "[::1%lo]:80",
        "[fe80::1%1]:80",
        "[::g]:80",
        "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535:and-much-more-behind-it",
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        struct io_address address;
        memset(&address, 0x5A, sizeof address);
        if (io_socket_parse(&address, BAD[i]) != STATUS_BAD_ARGUMENT) {
            fail_msg("taken for an endpoint: %s", BAD[i]);
        }
        struct io_address untouched;
        memset(&untouched, 0x5A, sizeof untouched);
        assert_memory_equal(&address, &untouched, sizeof address);
    }
}

/* A blocking listener and its accepted connections have no delay; a port in use is refused. */
static void test_listening(void **state)
{
    (void)state;
    struct io_address ipv4;
    /* No other process is likely to take a port of this address in between. */
    assert_int_equal(io_socket_parse(&ipv4, "127.83.12.8:0"), STATUS_OK);
    int listener;
    uint16_t port;
    assert_int_equal(io_socket_listen(&ipv4, true, &listener, &port), STATUS_OK);
    assert_int_equal(fcntl(listener, F_GETFL) & O_NONBLOCK, 0);
    assert_int_not_equal(fcntl(listener, F_GETFD) & FD_CLOEXEC, 0);

    ipv4.socket.ipv4.sin_port = htons(port);
    int client;
    assert_int_equal(io_socket_open(&ipv4, false, &client), STATUS_OK);
    assert_int_not_equal(fcntl(client, F_GETFL) & O_NONBLOCK, 0);
    assert_int_equal(fcntl(client, F_SETFL, 0), 0);
    assert_int_equal(connect(client, &ipv4.socket.any, ipv4.bytes), 0);
    int accepted = accept(listener, NULL, NULL);
    assert_true(accepted >= 0);
    int fds[] = {client, accepted};
    for (size_t i = 0; i < 2; i++) {
        int no_delay = 0;
        socklen_t bytes = sizeof no_delay;
        assert_int_equal(getsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &no_delay, &bytes), 0);
        assert_int_not_equal(no_delay, 0);
    }
    int second;
    uint16_t second_port = 0;
    assert_int_equal(io_socket_listen(&ipv4, true, &second, &second_port), STATUS_IN_USE);
    assert_int_equal(second_port, 0);
    (void)close(client);
    (void)close(accepted);
    (void)close(listener);
    /* Connections of the former listener still linger; that must not keep the next one out. */
    assert_int_equal(io_socket_listen(&ipv4, true, &listener, &port), STATUS_OK);
    (void)close(listener);
}

static void test_refusals(void **state)
{
    (void)state;
    struct io_address address;
    int fd;
    uint16_t port;
    assert_int_equal(io_socket_parse(&address, "192.0.2.1:7001"), STATUS_OK);
    assert_int_equal(io_socket_listen(&address, true, &fd, &port), STATUS_BAD_ARGUMENT);
    assert_int_equal(io_socket_parse(&address, "127.0.0.1:0"), STATUS_OK);
    assert_int_equal(io_socket_open(&address, true, &fd), STATUS_BAD_ARGUMENT);
}

static void test_accept_waits_only_for_resources(void **state)
{
    (void)state;
    assert_true(io_socket_accept_must_wait(EMFILE));
    assert_true(io_socket_accept_must_wait(ENFILE));
    assert_false(io_socket_accept_must_wait(ECONNABORTED));
    assert_false(io_socket_accept_must_wait(EINTR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_endpoints),
        cmocka_unit_test(test_bad_endpoints),
        cmocka_unit_test(test_listening),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_accept_waits_only_for_resources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
