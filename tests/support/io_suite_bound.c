#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/io_suite.h"

/* Names, paths and half addresses are refused before anything is opened. */
void io_suite_bound_endpoints(void **state)
{
    static const char *const ENDPOINTS[] = {"",           "localhost:7001", "127.0.0.1",
                                            "7001",       "::1:7001",       "127.0.0.1:65536",
                                            "[::1]",      "127.0.0.1:",     "127.0.0.1:70a1",
                                            "unix:/path", "example.org:80", "[127.0.0.1]:7001"};
    struct io_suite suite;
    io_suite_open(&suite, state, 1, 16, 1024);
    for (size_t i = 0; i < sizeof ENDPOINTS / sizeof ENDPOINTS[0]; i++) {
        uint32_t handle = 4242;
        uint16_t port = 42;
        assert_int_equal(io_listen(suite.io, ENDPOINTS[i], 0, &handle, &port), STATUS_BAD_ARGUMENT);
        assert_int_equal(io_connect(suite.io, ENDPOINTS[i], 0, &handle), STATUS_BAD_ARGUMENT);
        assert_int_equal(handle, 4242);
        assert_int_equal(port, 42);
    }
    uint32_t handle;
    assert_int_equal(io_connect(suite.io, "127.0.0.1:0", 0, &handle), STATUS_BAD_ARGUMENT);
    uint16_t port;
    (void)io_suite_listen(&suite, &port); /* The only handle is still to be had. */
    io_suite_close(&suite);
}

/* On an address of its own, so that no other process takes the port in between. */
void io_suite_bound_port_in_use(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 2, 16, 1024);
    uint32_t first;
    uint16_t port;
    assert_int_equal(io_listen(suite.io, "127.83.12.7:0", 0, &first, &port), STATUS_OK);
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.83.12.7:%u", port);
    uint32_t second = 4242;
    uint16_t second_port;
    int descriptors = io_suite_descriptors();
    assert_int_equal(io_listen(suite.io, endpoint, 0, &second, &second_port), STATUS_IN_USE);
    assert_int_equal(io_suite_descriptors(), descriptors);
    io_suite_close_handle(&suite, first);
    assert_int_equal(io_listen(suite.io, endpoint, 0, &second, &second_port), STATUS_OK);
    assert_int_equal(second_port, port);
    io_suite_close(&suite);
}

/* A port that a socket is bound to, but that nobody listens on. */
void io_suite_bound_refused(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 4, 16, 1024);
    int bound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(bound >= 0);
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
    } address = {.ipv4 = {.sin_family = AF_INET}};
    address.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t address_bytes = sizeof address.ipv4;
    assert_int_equal(bind(bound, &address.any, address_bytes), 0);
    assert_int_equal(getsockname(bound, &address.any, &address_bytes), 0);
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", ntohs(address.ipv4.sin_port));
    uint32_t handle;
    assert_int_equal(io_connect(suite.io, endpoint, 55, &handle), STATUS_OK);
    struct io_completion connected = io_suite_expect(&suite, IO_CONNECTED, handle);
    assert_int_equal(connected.result, -ECONNREFUSED);
    assert_int_equal(connected.token, 55);
    io_suite_close_handle(&suite, handle);
    (void)close(bound);
    io_suite_close(&suite);
}

/* With all handles used, requests are refused and connections are closed at once; afterwards
 * everything goes on. */
void io_suite_bound_handles(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 3, 16, 1024);
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    int first;
    int second;
    uint32_t first_handle = io_suite_accept_plain(&suite, listener, port, &first);
    (void)io_suite_accept_plain(&suite, listener, port, &second);

    uint32_t handle = 4242;
    uint16_t other_port;
    int descriptors = io_suite_descriptors();
    assert_int_equal(io_listen(suite.io, "127.0.0.1:0", 0, &handle, &other_port), STATUS_FULL);
    assert_int_equal(io_connect(suite.io, "127.0.0.1:9", 0, &handle), STATUS_FULL);
    assert_int_equal(io_file_open(suite.io, "/dev/null", false, &handle), STATUS_FULL);
    assert_int_equal(io_suite_descriptors(), descriptors);

    int third = io_suite_plain_connect(port, 0);
    io_suite_settle(&suite);
    uint8_t byte;
    assert_int_equal(recv(third, &byte, 1, 0), 0);
    assert_int_equal(suite.kept_count, 0);

    io_suite_close_handle(&suite, first_handle);
    int fourth;
    uint32_t again = io_suite_accept_plain(&suite, listener, port, &fourth);
    assert_int_equal(again, first_handle);
    (void)close(first);
    (void)close(second);
    (void)close(third);
    (void)close(fourth);
    io_suite_close(&suite);
}

static uint64_t take_data(struct io_suite *suite, const struct io_completion *received,
                          uint64_t position)
{
    assert_true(received->result > 0);
    io_suite_check(received->data, (size_t)received->result, received->token, position);
    io_buffer_release(suite->io, received);
    return position + (uint64_t)received->result;
}

/* One connection holds all the common buffers and its own: no more comes for it. The others go on
 * with one buffer each, and it goes on when it gives some back; all in order. */
void io_suite_bound_buffers(void **state)
{
    enum { PEERS = 3, BUFFERS = 4, HELD = BUFFERS + 1, BYTES = 2000 };
    struct io_suite suite;
    io_suite_open(&suite, state, 8, BUFFERS, 64);
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    int plain[PEERS];
    uint32_t handle[PEERS];
    uint8_t data[BYTES];
    struct io_completion held[HELD];
    for (uint32_t peer = 0; peer < PEERS; peer++) {
        handle[peer] = io_suite_accept_plain(&suite, listener, port, &plain[peer]);
        io_receive_start(suite.io, handle[peer], handle[peer]);
        io_suite_fill(data, sizeof data, handle[peer], 0);
        assert_int_equal(send(plain[peer], data, sizeof data, 0), sizeof data);
        for (uint32_t i = 0; peer == 0 && i < HELD; i++) {
            held[i] = io_suite_expect(&suite, IO_RECEIVED, handle[0]);
        }
        io_suite_settle(&suite);
        assert_false(io_suite_has(&suite, IO_RECEIVED, handle[0]));
    }
    for (uint32_t peer = 1; peer < PEERS; peer++) {
        uint64_t position = 0;
        while (position < BYTES) {
            struct io_completion received = io_suite_expect(&suite, IO_RECEIVED, handle[peer]);
            position = take_data(&suite, &received, position);
        }
        assert_int_equal(position, BYTES);
    }
    io_suite_settle(&suite);
    assert_int_equal(suite.kept_count, 0);

    uint64_t position = 0;
    for (uint32_t i = 0; i < HELD; i++) {
        position = take_data(&suite, &held[i], position);
    }
    while (position < BYTES) {
        struct io_completion received = io_suite_expect(&suite, IO_RECEIVED, handle[0]);
        position = take_data(&suite, &received, position);
    }
    assert_int_equal(position, BYTES);
    for (uint32_t peer = 0; peer < PEERS; peer++) {
        (void)close(plain[peer]);
    }
    io_suite_close(&suite);
}

/* The process has no descriptor left for a connection: it waits in the backlog and comes when there
 * is one. */
void io_suite_bound_descriptors(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 8, 16, 1024);
    uint16_t port;
    (void)io_suite_listen(&suite, &port);
    int plain = io_suite_plain_connect(port, 0);
    int next = dup(plain);
    assert_true(next >= 0);
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit none = {.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    assert_int_equal(close(next), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    io_suite_settle(&suite);
    bool accepted_early = io_suite_has(&suite, IO_ACCEPTED, UINT32_MAX);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(accepted_early);
    struct io_completion accepted = io_suite_expect(&suite, IO_ACCEPTED, UINT32_MAX);
    io_suite_close_handle(&suite, accepted.handle);
    (void)close(plain);
    io_suite_close(&suite);
}
