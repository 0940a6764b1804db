#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/io_suite.h"

/* One end of a connection that sends a stream of its own and checks what the other end sends. */
struct end {
    uint32_t handle;
    uint64_t stream_out;
    uint64_t stream_in;
    uint64_t sent_bytes;
    uint64_t received_bytes;
    uint32_t flight_bytes;
    bool paused;
    uint8_t buffer[20000];
};

static void end_send(struct io_suite *suite, struct end *end, uint64_t total_bytes)
{
    uint64_t left_bytes = total_bytes - end->sent_bytes;
    if (left_bytes == 0) {
        return;
    }
    uint64_t most_bytes = random_below(&suite->random, 4) == 0 ? sizeof end->buffer : 300;
    end->flight_bytes = (uint32_t)(1 + random_below(&suite->random, most_bytes));
    if (end->flight_bytes > left_bytes) {
        end->flight_bytes = (uint32_t)left_bytes;
    }
    io_suite_fill(end->buffer, end->flight_bytes, end->stream_out, end->sent_bytes);
    io_send(suite->io, end->handle, end->buffer, end->flight_bytes, end->stream_out);
}

static void end_complete(struct io_suite *suite, struct end *end,
                         const struct io_completion *completion, uint64_t total_bytes)
{
    if (completion->kind == IO_SENT) {
        assert_int_equal(completion->token, end->stream_out);
        assert_int_equal(completion->result, end->flight_bytes);
        memset(end->buffer, 0xEE, end->flight_bytes); /* It is ours again. */
        end->sent_bytes += end->flight_bytes;
        end_send(suite, end, total_bytes);
        return;
    }
    assert_int_equal(completion->kind, IO_RECEIVED);
    assert_int_equal(completion->token, end->stream_in);
    assert_true(completion->result > 0);
    io_suite_check(completion->data, (size_t)completion->result, end->stream_in,
                   end->received_bytes);
    end->received_bytes += (uint64_t)completion->result;
    io_buffer_release(suite->io, completion);
}

/* Pause or resume an end now and then. */
static void end_toggle(struct io_suite *suite, struct end *end)
{
    if (random_below(&suite->random, 8) != 0) {
        return;
    }
    end->paused = !end->paused;
    if (end->paused) {
        io_receive_pause(suite->io, end->handle);
    } else {
        io_receive_resume(suite->io, end->handle);
    }
}

/* Both ends of `pair_count` connections send `total_bytes` at the same time. */
static void exchange(struct io_suite *suite, uint32_t pair_count, uint64_t total_bytes,
                     bool toggling)
{
    uint16_t port;
    uint32_t listener = io_suite_listen(suite, &port);
    struct end *ends = calloc((size_t)pair_count * 2, sizeof *ends);
    struct end *by_handle[IO_SUITE_HANDLES * 2] = {NULL};
    assert_non_null(ends);
    for (uint32_t i = 0; i < pair_count; i++) {
        struct end *pair = &ends[(size_t)i * 2];
        io_suite_pair(suite, listener, port, &pair[0].handle, &pair[1].handle);
        pair[0].stream_out = pair[1].stream_in = (uint64_t)i * 2 + 1;
        pair[1].stream_out = pair[0].stream_in = (uint64_t)i * 2 + 2;
    }
    for (uint32_t i = 0; i < pair_count * 2; i++) {
        by_handle[ends[i].handle] = &ends[i];
        io_receive_start(suite->io, ends[i].handle, ends[i].stream_in);
        end_send(suite, &ends[i], total_bytes);
    }
    uint64_t want_bytes = total_bytes * pair_count * 2;
    uint64_t received_bytes = 0;
    while (received_bytes < want_bytes) {
        suite->batch_max = 1 + (uint32_t)random_below(&suite->random, IO_SUITE_BATCH);
        bool paused_before[IO_SUITE_HANDLES * 2];
        for (uint32_t i = 0; i < pair_count * 2; i++) {
            if (toggling) {
                end_toggle(suite, &ends[i]);
            }
            paused_before[ends[i].handle] = ends[i].paused;
        }
        io_suite_poll(suite, io_now_ns(suite->io) + 1000000);
        for (uint32_t i = 0; i < suite->kept_count; i++) {
            struct io_completion *completion = &suite->kept[i];
            struct end *end = by_handle[completion->handle];
            assert_non_null(end);
            if (completion->kind == IO_RECEIVED) {
                assert_false(paused_before[completion->handle]);
                received_bytes += (uint64_t)completion->result;
            }
            end_complete(suite, end, completion, total_bytes);
        }
        suite->kept_count = 0;
    }
    suite->batch_max = IO_SUITE_BATCH;
    for (uint32_t i = 0; i < pair_count * 2; i++) {
        assert_int_equal(ends[i].received_bytes, total_bytes);
        if (ends[i].sent_bytes < total_bytes) {
            assert_int_equal(io_suite_expect(suite, IO_SENT, ends[i].handle).result,
                             ends[i].flight_bytes);
        }
    }
    for (uint32_t i = 0; i < pair_count * 2; i++) {
        io_suite_close_handle(suite, ends[i].handle);
    }
    free(ends);
}

void io_suite_stream_echo(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, IO_SUITE_HANDLES, 32, 1024);
    exchange(&suite, 6, 150000, false);
    io_suite_close(&suite);
}

/* More completions at a time than a queue of a few entries holds. */
void io_suite_stream_overflow(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, IO_SUITE_HANDLES * 2, 512, 64);
    exchange(&suite, 64, 4000, false);
    io_suite_close(&suite);
}

/* Pausing and resuming at random while everything is in motion: nothing comes for a paused handle,
 * nothing is lost, order is kept. */
void io_suite_stream_pause(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, IO_SUITE_HANDLES, 64, 512);
    exchange(&suite, 4, 100000, true);
    io_suite_close(&suite);
}

/* A peer that does not read: the send stays in flight, the data stays the caller's, and all of it
 * arrives when the peer goes on. */
void io_suite_stream_slow_reader(void **state)
{
    const size_t bytes = 12u << 20;
    struct io_suite suite;
    io_suite_open(&suite, state, 8, 16, 1024);
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    int plain = io_suite_plain_connect(port, 8192);
    uint32_t handle = io_suite_expect(&suite, IO_ACCEPTED, UINT32_MAX).handle;
    assert_int_not_equal(handle, listener);
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    io_suite_fill(data, bytes, 5, 0);
    io_send(suite.io, handle, data, (uint32_t)bytes, 99);
    io_suite_settle(&suite);
    assert_false(io_suite_has(&suite, IO_SENT, handle));

    uint8_t buffer[4096];
    size_t got_bytes = 0;
    while (got_bytes < bytes) {
        ssize_t got = recv(plain, buffer, sizeof buffer, MSG_DONTWAIT);
        if (got > 0) {
            io_suite_check(buffer, (size_t)got, 5, got_bytes);
            got_bytes += (size_t)got;
        } else {
            assert_int_equal(errno, EAGAIN);
            io_suite_poll(&suite, 0);
        }
    }
    struct io_completion sent = io_suite_expect(&suite, IO_SENT, handle);
    assert_int_equal(sent.result, bytes);
    assert_int_equal(sent.token, 99);
    free(data);
    (void)close(plain);
    io_suite_close(&suite);
}

static size_t plain_flood(int plain, uint64_t stream, uint64_t position)
{
    uint8_t buffer[4096];
    size_t sent_bytes = 0;
    for (;;) {
        io_suite_fill(buffer, sizeof buffer, stream, position + sent_bytes);
        ssize_t sent = send(plain, buffer, sizeof buffer, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            assert_int_equal(errno, EAGAIN);
            return sent_bytes;
        }
        sent_bytes += (size_t)sent;
    }
}

#define FLOOD_BUFFERS 16384u

/* A peer that floods a paused handle: its window closes after a bounded amount, other connections
 * go on, and after resuming everything comes in order. */
void io_suite_stream_flood(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 8, FLOOD_BUFFERS, 1024);
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    int flooding;
    int other;
    uint32_t handle = io_suite_accept_plain(&suite, listener, port, &flooding);
    uint32_t other_handle = io_suite_accept_plain(&suite, listener, port, &other);
    io_receive_start(suite.io, handle, 1);
    io_receive_start(suite.io, other_handle, 2);
    uint8_t first = io_suite_byte(8, 0);
    assert_int_equal(send(flooding, &first, 1, 0), 1);
    struct io_completion received = io_suite_expect(&suite, IO_RECEIVED, handle);
    assert_int_equal(received.result, 1);
    io_buffer_release(suite.io, &received);
    io_receive_pause(suite.io, handle);
    io_suite_settle(&suite);

    int send_buffer_bytes = 65536;
    assert_int_equal(setsockopt(flooding, SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes,
                                sizeof send_buffer_bytes),
                     0);
    uint64_t sent_bytes = 1;
    size_t more_bytes = plain_flood(flooding, 8, sent_bytes);
    while (more_bytes > 0) {
        sent_bytes += more_bytes;
        io_suite_settle(&suite);
        assert_false(io_suite_has(&suite, IO_RECEIVED, handle));
        more_bytes = plain_flood(flooding, 8, sent_bytes);
    }
    assert_true(sent_bytes < FLOOD_BUFFERS / 2 * 1024); /* Sockets hold it, not our buffers. */

    assert_int_equal(send(other, "x", 1, 0), 1);
    received = io_suite_expect(&suite, IO_RECEIVED, other_handle);
    io_buffer_release(suite.io, &received);
    assert_false(io_suite_has(&suite, IO_RECEIVED, handle));

    io_receive_resume(suite.io, handle);
    uint64_t received_bytes = 1;
    while (received_bytes < sent_bytes) {
        received = io_suite_expect(&suite, IO_RECEIVED, handle);
        assert_true(received.result > 0);
        io_suite_check(received.data, (size_t)received.result, 8, received_bytes);
        received_bytes += (uint64_t)received.result;
        io_buffer_release(suite.io, &received);
    }
    assert_int_equal(received_bytes, sent_bytes);
    (void)close(flooding);
    (void)close(other);
    io_suite_close(&suite);
}

/* A connection reset by the peer ends with an error, once; sending on it fails without a signal. */
void io_suite_stream_reset(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 8, 16, 1024);
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    int plain;
    uint32_t handle = io_suite_accept_plain(&suite, listener, port, &plain);
    io_receive_start(suite.io, handle, 1);
    io_suite_settle(&suite);
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(plain, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    assert_int_equal(close(plain), 0);
    struct io_completion received = io_suite_expect(&suite, IO_RECEIVED, handle);
    assert_int_equal(received.result, -ECONNRESET);
    assert_null(received.data);
    assert_int_equal(received.token, 1);
    io_send(suite.io, handle, "late", 4, 3);
    struct io_completion sent = io_suite_expect(&suite, IO_SENT, handle);
    assert_int_equal(sent.result, -EPIPE);
    io_suite_settle(&suite);
    assert_int_equal(suite.kept_count, 0);
    io_suite_close_handle(&suite, handle);
    io_suite_close(&suite);
}

/* The peer has said all it had to say, after data: that is told once and behind the data, and we
 * can still answer. */
void io_suite_stream_half_close(void **state)
{
    struct io_suite suite;
    io_suite_open(&suite, state, 8, 16, 64);
    uint16_t port;
    uint32_t listener = io_suite_listen(&suite, &port);
    int plain;
    uint32_t handle = io_suite_accept_plain(&suite, listener, port, &plain);
    uint8_t data[1000];
    io_suite_fill(data, sizeof data, 3, 0);
    assert_int_equal(send(plain, data, sizeof data, 0), sizeof data);
    assert_int_equal(shutdown(plain, SHUT_WR), 0);
    io_receive_start(suite.io, handle, 1);
    size_t received_bytes = 0;
    struct io_completion received = io_suite_expect(&suite, IO_RECEIVED, handle);
    while (received.result > 0) {
        io_suite_check(received.data, (size_t)received.result, 3, received_bytes);
        received_bytes += (size_t)received.result;
        io_buffer_release(suite.io, &received);
        received = io_suite_expect(&suite, IO_RECEIVED, handle);
    }
    assert_int_equal(received.result, 0);
    assert_int_equal(received_bytes, sizeof data);
    io_suite_settle(&suite);
    assert_int_equal(suite.kept_count, 0);
    io_send(suite.io, handle, data, sizeof data, 2);
    assert_int_equal(io_suite_expect(&suite, IO_SENT, handle).result, sizeof data);
    io_suite_plain_check(plain, sizeof data, 3, 0);
    (void)close(plain);
    io_suite_close(&suite);
}

/* Closing while the peer's data lies unread does not take from the peer what was sent before. */
void io_suite_stream_last_words(void **state)
{
    const size_t bytes = 12000; /* More than the peer's window, less than our send buffer. */
    struct io_suite suite;
    io_suite_open(&suite, state, 8, 16, 1024);
    uint16_t port;
    (void)io_suite_listen(&suite, &port);
    int plain = io_suite_plain_connect(port, 4096);
    uint32_t handle = io_suite_expect(&suite, IO_ACCEPTED, UINT32_MAX).handle;
    uint8_t *data = malloc(bytes);
    assert_non_null(data);
    io_suite_fill(data, bytes, 6, 0);
    assert_int_equal(send(plain, data, bytes, 0), bytes);
    io_send(suite.io, handle, data, (uint32_t)bytes, 2);
    assert_int_equal(io_suite_expect(&suite, IO_SENT, handle).result, bytes);
    io_suite_close_handle(&suite, handle);
    io_suite_plain_check(plain, bytes, 6, 0);
    uint8_t more;
    assert_int_equal(recv(plain, &more, 1, 0), 0);
    free(data);
    (void)close(plain);
    io_suite_close(&suite);
}
