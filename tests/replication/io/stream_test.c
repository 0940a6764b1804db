#include "replication/io/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/io_suite.h"
#include "tests/support/test_seed.h"

#define HALF_BYTES   4096u
#define TOKENS       2u
#define PATIENCE_NS  UINT64_C(30000000000)
#define LISTEN_TOKEN 99u

/* Two streams with the tokens 0 and 1, and what has happened to them. */
struct fixture {
    struct io *io;
    struct random random;
    uint32_t listener;
    uint16_t port;
    struct stream streams[TOKENS];
    uint8_t memory[TOKENS][2 * HALF_BYTES];
    uint64_t sent_bytes[TOKENS]; /* Handed to the stream. */
    uint64_t received_bytes[TOKENS];
    uint32_t events[TOKENS][STREAM_CLOSED + 1];
    int32_t error[TOKENS];
    uint32_t accepted_handle;
    bool accepted;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    struct io_options options = {.handles_max = 8,
                                 .receive_buffer_bytes = 2048,
                                 .receive_buffer_count = 16};
    assert_int_equal(io_create(&fixture->io, &options), STATUS_OK);
    test_seed(&fixture->random);
    assert_int_equal(io_listen(fixture->io, "127.0.0.1:0", LISTEN_TOKEN, &fixture->listener,
                               &fixture->port),
                     STATUS_OK);
    for (uint32_t i = 0; i < TOKENS; i++) {
        stream_init(&fixture->streams[i], fixture->io, fixture->memory[i], HALF_BYTES);
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    io_destroy(fixture->io);
    free(fixture);
    return 0;
}

static void handle(struct fixture *fixture, const struct io_completion *completion)
{
    if (completion->kind == IO_ACCEPTED) {
        fixture->accepted = true;
        fixture->accepted_handle = completion->handle;
        return;
    }
    uint64_t at = completion->token;
    assert_true(at < TOKENS);
    struct stream_event event;
    stream_complete(&fixture->streams[at], completion, &event);
    fixture->events[at][event.kind]++;
    fixture->error[at] = event.kind == STREAM_ENDED ? event.error : fixture->error[at];
    if (event.kind == STREAM_DATA) {
        io_suite_check(event.data, event.data_bytes, 1 - at, fixture->received_bytes[at]);
        fixture->received_bytes[at] += event.data_bytes;
        stream_release(&fixture->streams[at], completion);
    }
}

static void poll(struct fixture *fixture)
{
    struct io_completion completions[8];
    uint32_t count =
        io_poll(fixture->io, completions, 8, io_now_ns(fixture->io) + UINT64_C(1000000000));
    for (uint32_t i = 0; i < count; i++) {
        handle(fixture, &completions[i]);
    }
}

static void wait_event(struct fixture *fixture, uint32_t at, enum stream_event_kind kind)
{
    uint64_t until_ns = io_now_ns(fixture->io) + PATIENCE_NS;
    while (fixture->events[at][kind] == 0) {
        assert_true(io_now_ns(fixture->io) < until_ns);
        poll(fixture);
    }
}

/* 0 dials, 1 answers. */
static void join(struct fixture *fixture)
{
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", fixture->port);
    assert_int_equal(stream_connect(&fixture->streams[0], endpoint, 0), STATUS_OK);
    assert_int_equal(fixture->streams[0].state, STREAM_CONNECTING);
    wait_event(fixture, 0, STREAM_OPENED);
    while (!fixture->accepted) {
        poll(fixture);
    }
    stream_accept(&fixture->streams[1], fixture->accepted_handle, 1);
}

/* Fill some of the room there is with the next bytes of stream `at`. */
static void fill(struct fixture *fixture, uint32_t at, uint64_t total_bytes)
{
    uint32_t bytes_max;
    uint8_t *room = stream_room(&fixture->streams[at], &bytes_max);
    uint64_t left_bytes = total_bytes - fixture->sent_bytes[at];
    bytes_max = bytes_max < left_bytes ? bytes_max : (uint32_t)left_bytes;
    if (bytes_max > 0) {
        uint32_t bytes = 1 + (uint32_t)random_below(&fixture->random, bytes_max);
        io_suite_fill(room, bytes, at, fixture->sent_bytes[at]);
        stream_filled(&fixture->streams[at], bytes);
        fixture->sent_bytes[at] += bytes;
        stream_flush(&fixture->streams[at]);
    }
}

static void close_both(struct fixture *fixture)
{
    for (uint32_t at = 0; at < TOKENS; at++) {
        stream_close(&fixture->streams[at]);
        stream_close(&fixture->streams[at]); /* Again is fine. */
    }
    for (uint32_t at = 0; at < TOKENS; at++) {
        wait_event(fixture, at, STREAM_CLOSED);
        assert_int_equal(fixture->streams[at].state, STREAM_FREE);
    }
}

static void test_bytes_arrive_in_order(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t total_bytes = 3000000;
    join(fixture);
    while (fixture->received_bytes[0] < total_bytes || fixture->received_bytes[1] < total_bytes) {
        fill(fixture, 0, total_bytes);
        fill(fixture, 1, total_bytes);
        poll(fixture);
    }
    for (uint32_t at = 0; at < TOKENS; at++) {
        assert_true(fixture->streams[at].bytes_out == total_bytes);
        assert_true(fixture->streams[at].bytes_in == total_bytes);
        while (!stream_is_drained(&fixture->streams[at])) {
            poll(fixture);
        }
    }
    close_both(fixture);
    /* And once more with the same memory. */
    memset(fixture->events, 0, sizeof fixture->events);
    memset(fixture->sent_bytes, 0, sizeof fixture->sent_bytes);
    memset(fixture->received_bytes, 0, sizeof fixture->received_bytes);
    fixture->accepted = false;
    join(fixture);
    fill(fixture, 1, 1);
    while (fixture->received_bytes[0] < 1) {
        poll(fixture);
    }
    close_both(fixture);
}

/* What was filled before the end arrives, more cannot be filled. */
static void test_finish_sends_the_rest(void **state)
{
    struct fixture *fixture = *state;
    join(fixture);
    uint32_t bytes_max = 1;
    while (bytes_max > 0) {
        fill(fixture, 0, UINT64_MAX);
        (void)stream_room(&fixture->streams[0], &bytes_max);
    }
    assert_true(fixture->streams[0].sending);
    stream_finish(&fixture->streams[0]);
    (void)stream_room(&fixture->streams[0], &bytes_max);
    assert_int_equal(bytes_max, 0);
    wait_event(fixture, 1, STREAM_ENDED);
    assert_int_equal(fixture->error[1], 0);
    assert_true(fixture->sent_bytes[0] > HALF_BYTES);
    assert_true(fixture->received_bytes[1] == fixture->sent_bytes[0]);
    wait_event(fixture, 0, STREAM_CLOSED);
    stream_finish(&fixture->streams[1]); /* Nothing to send: at once. */
    assert_int_equal(fixture->streams[1].state, STREAM_CLOSING);
    wait_event(fixture, 1, STREAM_CLOSED);
}

/* A peer that reads nothing: room ends, nothing is taken beyond it. */
static void test_a_slow_peer_leaves_no_room(void **state)
{
    struct fixture *fixture = *state;
    int plain = io_suite_plain_connect(fixture->port, 4096);
    while (!fixture->accepted) {
        poll(fixture);
    }
    stream_accept(&fixture->streams[1], fixture->accepted_handle, 1);
    uint32_t bytes_max = 1;
    uint32_t idle_polls = 0;
    while (idle_polls < 3) {
        (void)stream_room(&fixture->streams[1], &bytes_max);
        fill(fixture, 1, UINT64_MAX);
        uint32_t before = fixture->events[1][STREAM_SENT];
        struct io_completion completions[8];
        uint32_t count = io_poll(fixture->io, completions, 8, 0);
        for (uint32_t i = 0; i < count; i++) {
            handle(fixture, &completions[i]);
        }
        idle_polls =
            bytes_max == 0 && fixture->events[1][STREAM_SENT] == before ? idle_polls + 1 : 0;
    }
    (void)stream_room(&fixture->streams[1], &bytes_max);
    assert_int_equal(bytes_max, 0);
    assert_true(fixture->streams[1].sending);
    assert_false(stream_is_drained(&fixture->streams[1]));
    stream_close(&fixture->streams[1]); /* With a send under way. */
    wait_event(fixture, 1, STREAM_CLOSED);
    assert_false(fixture->streams[1].sending);
    assert_int_equal(close(plain), 0);
}

static void test_failures_are_told(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(stream_connect(&fixture->streams[0], "nobody", 0), STATUS_BAD_ARGUMENT);
    assert_int_equal(fixture->streams[0].state, STREAM_FREE);
    /* Nobody listens any more: refused. */
    io_close(fixture->io, fixture->listener, LISTEN_TOKEN);
    struct io_completion completion;
    while (io_poll(fixture->io, &completion, 1, UINT64_MAX) == 0) {
    }
    assert_int_equal(completion.kind, IO_CLOSED);
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", fixture->port);
    assert_int_equal(stream_connect(&fixture->streams[0], endpoint, 0), STATUS_OK);
    wait_event(fixture, 0, STREAM_ENDED);
    assert_int_equal(fixture->error[0], ECONNREFUSED);
    stream_finish(&fixture->streams[0]);
    wait_event(fixture, 0, STREAM_CLOSED);
    assert_int_equal(fixture->streams[0].state, STREAM_FREE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bytes_arrive_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_finish_sends_the_rest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_slow_peer_leaves_no_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failures_are_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
