#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/io_suite.h"

/* Closing a connection whose send is stuck: the send is told, then the close, and then the memory
 * is not touched any more. */
void io_suite_close_in_flight_send(void **state)
{
    const size_t bytes = 12u << 20;
    struct io_suite suite;
    io_suite_open(&suite, state, 8, 16, 1024);
    uint16_t port;
    (void)io_suite_listen(&suite, &port);
    int plain = io_suite_plain_connect(port, 8192);
    uint32_t handle = io_suite_expect(&suite, IO_ACCEPTED, UINT32_MAX).handle;
    io_receive_start(suite.io, handle, 1);
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    io_suite_fill(data, bytes, 4, 0);
    io_send(suite.io, handle, data, (uint32_t)bytes, 3);
    io_suite_settle(&suite);
    assert_int_equal(suite.kept_count, 0);
    io_close(suite.io, handle, 5);
    struct io_completion closed = io_suite_expect(&suite, IO_CLOSED, handle);
    assert_int_equal(closed.token, 5);
    assert_int_equal(suite.kept_count, 1); /* Told before it, and still kept. */
    struct io_completion sent = io_suite_expect(&suite, IO_SENT, handle);
    assert_true(sent.result < 0);
    assert_int_equal(sent.token, 3);
    memset(data, 0, bytes);
    uint8_t buffer[4096];
    size_t got_bytes = 0;
    ssize_t got = recv(plain, buffer, sizeof buffer, 0);
    while (got > 0) {
        io_suite_check(buffer, (size_t)got, 4, got_bytes);
        got_bytes += (size_t)got;
        got = recv(plain, buffer, sizeof buffer, 0);
    }
    assert_int_equal(got, 0);
    assert_true(got_bytes < bytes);
    free(data);
    (void)close(plain);
    io_suite_close(&suite);
}

/* Connecting to a listener whose backlog is full hangs; closing ends it. */
void io_suite_close_in_flight_connect(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 8, 16, 1024);
    int full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
    } address = {.ipv4 = {.sin_family = AF_INET}};
    address.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t address_bytes = sizeof address.ipv4;
    assert_int_equal(bind(full, &address.any, address_bytes), 0);
    assert_int_equal(listen(full, 0), 0);
    assert_int_equal(getsockname(full, &address.any, &address_bytes), 0);
    int waiting = io_suite_plain_connect(ntohs(address.ipv4.sin_port), 0);

    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", ntohs(address.ipv4.sin_port));
    uint32_t handle;
    assert_int_equal(io_connect(suite.io, endpoint, 8, &handle), STATUS_OK);
    io_suite_settle(&suite);
    assert_int_equal(suite.kept_count, 0);
    io_close(suite.io, handle, 9);
    struct io_completion connected = io_suite_expect(&suite, IO_CONNECTED, handle);
    assert_true(connected.result < 0);
    assert_int_equal(connected.token, 8);
    assert_int_equal(io_suite_expect(&suite, IO_CLOSED, handle).token, 9);
    (void)close(waiting);
    (void)close(full);
    io_suite_close(&suite);
}

/* Closed in the same turn as asked for: what was asked for is told as cancelled, in order. */
void io_suite_close_before_poll(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 8, 16, 1024);
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", port);
    uint32_t accepted;
    uint32_t connected;
    io_suite_pair(&suite, listener, port, &accepted, &connected);
    suite.batch_max = 1;

    io_send(suite.io, accepted, "lost", 4, 6);
    io_close(suite.io, accepted, 7);
    uint32_t hopeless;
    assert_int_equal(io_connect(suite.io, endpoint, 8, &hopeless), STATUS_OK);
    io_close(suite.io, hopeless, 9);
    io_close(suite.io, listener, 10);
    assert_int_equal(io_suite_expect(&suite, IO_SENT, accepted).result, -ECANCELED);
    assert_int_equal(io_suite_expect(&suite, IO_CLOSED, accepted).token, 7);
    assert_int_equal(io_suite_expect(&suite, IO_CONNECTED, hopeless).result, -ECANCELED);
    assert_int_equal(io_suite_expect(&suite, IO_CLOSED, hopeless).token, 9);
    assert_int_equal(io_suite_expect(&suite, IO_CLOSED, listener).token, 10);
    assert_int_equal(suite.kept_count, 0);
    io_suite_close(&suite);
}

/* A connection that comes in while its listener is being closed is nobody's: it is closed too. */
void io_suite_close_listener(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 4, 16, 1024);
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    io_suite_settle(&suite);
    int plain = io_suite_plain_connect(port, 0);
    io_close(suite.io, listener, 6);
    assert_int_equal(io_suite_expect(&suite, IO_CLOSED, listener).token, 6);
    io_suite_settle(&suite);
    assert_int_equal(suite.kept_count, 0);
    uint8_t byte;
    assert_true(recv(plain, &byte, 1, 0) <= 0);
    (void)close(plain);
    io_suite_close(&suite);
}

/* What a paused handle has kept goes back to the others when it is closed. */
void io_suite_close_with_pending(void **state)
{
    enum { BUFFERS = 4, ROUNDS = 20 };
    struct io_suite suite;
    io_suite_open(&suite, state, 8, BUFFERS, 64);
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    uint8_t data[1000] = {1};
    for (int round = 0; round < ROUNDS; round++) {
        int plain;
        uint32_t handle = io_suite_accept_plain(&suite, listener, port, &plain);
        io_receive_start(suite.io, handle, 1);
        assert_int_equal(send(plain, data, sizeof data, 0), sizeof data);
        struct io_completion received = io_suite_expect(&suite, IO_RECEIVED, handle);
        io_receive_pause(suite.io, handle);
        io_buffer_release(suite.io, &received);
        io_suite_settle(&suite);
        io_suite_close_handle(&suite, handle);
        (void)close(plain);
    }
    int plain;
    uint32_t handle = io_suite_accept_plain(&suite, listener, port, &plain);
    io_receive_start(suite.io, handle, 2);
    assert_int_equal(send(plain, data, (size_t)BUFFERS * 64, 0), BUFFERS * 64);
    uint32_t received_bytes = 0;
    while (received_bytes < BUFFERS * 64) { /* All buffers are there: none given back here. */
        struct io_completion received = io_suite_expect(&suite, IO_RECEIVED, handle);
        assert_true(received.result > 0);
        received_bytes += (uint32_t)received.result;
    }
    (void)close(plain);
    io_suite_close(&suite);
}

/* Thousands of connections come, speak and go, some still sending, some reset: every one gets what
 * is meant for it, numbers are used again, no descriptor and no buffer is left behind. */
void io_suite_close_churn(void **state)
{
    enum { CYCLES = 2000, AT_ONCE = 5 };
    struct io_suite suite;
    io_suite_open(&suite, state, 16, 16, 64);
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    int descriptors = io_suite_descriptors();
    for (uint64_t cycle = 0; cycle < CYCLES / AT_ONCE; cycle++) {
        uint32_t accepted[AT_ONCE];
        uint32_t connected[AT_ONCE];
        uint64_t words[AT_ONCE];
        for (uint64_t i = 0; i < AT_ONCE; i++) {
            io_suite_pair(&suite, listener, port, &accepted[i], &connected[i]);
            words[i] = cycle * AT_ONCE + i;
            io_receive_start(suite.io, accepted[i], words[i]);
            io_receive_start(suite.io, connected[i], words[i] + CYCLES);
            io_send(suite.io, connected[i], &words[i], sizeof words[i], words[i]);
        }
        for (uint64_t i = 0; i < AT_ONCE; i++) {
            uint64_t word;
            struct io_completion received = io_suite_expect(&suite, IO_RECEIVED, accepted[i]);
            assert_int_equal(received.result, sizeof word);
            assert_int_equal(received.token, words[i]);
            memcpy(&word, received.data, sizeof word);
            assert_int_equal(word, words[i]);
            io_buffer_release(suite.io, &received);
            struct io_completion sent = io_suite_expect(&suite, IO_SENT, connected[i]);
            assert_int_equal(sent.token, words[i]);
            if (random_below(&suite.random, 2) == 0) {
                io_send(suite.io, accepted[i], &words[i], sizeof words[i], words[i] + CYCLES);
                io_suite_close_handle(&suite, accepted[i]);
                sent = io_suite_expect(&suite, IO_SENT, accepted[i]);
                assert_int_equal(sent.token, words[i] + CYCLES);
                io_suite_close_handle(&suite, connected[i]);
            } else {
                io_suite_close_handle(&suite, connected[i]);
                assert_int_equal(io_suite_expect(&suite, IO_RECEIVED, accepted[i]).result, 0);
                io_suite_close_handle(&suite, accepted[i]);
            }
        }
        assert_int_equal(suite.kept_count, 0);
    }
    assert_int_equal(io_suite_descriptors(), descriptors);
    io_suite_close(&suite);
}

/* io_destroy() with everything under way. */
void io_suite_close_destroy(void **state)
{
    const size_t bytes = 12u << 20;
    struct io_suite suite;
    io_suite_open(&suite, state, 8, 4, 64);
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    int plain[2];
    uint32_t handle[2];
    uint8_t *data = calloc(1, bytes);
    assert_non_null(data);
    for (int i = 0; i < 2; i++) {
        handle[i] = io_suite_accept_plain(&suite, listener, port, &plain[i]);
        io_receive_start(suite.io, handle[i], 1);
        assert_int_equal(send(plain[i], data, 1000, 0), 1000);
        io_send(suite.io, handle[i], data, (uint32_t)bytes, 2);
    }
    (void)io_suite_expect(&suite, IO_RECEIVED, UINT32_MAX);
    io_receive_pause(suite.io, handle[0]);
    io_suite_settle(&suite);
    io_close(suite.io, handle[1], 3);
    io_wake(suite.io);
    (void)close(plain[0]);
    (void)close(plain[1]);
    int descriptors = suite.descriptors_before;
    io_suite_close(&suite); /* Checks for descriptors left over. */
    assert_int_equal(io_suite_descriptors(), descriptors);
    free(data);
}
