#include "tests/support/io_suite.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

#define PATIENCE_NS UINT64_C(30000000000)

int io_suite_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    int count = 0;
    while (readdir(directory) != NULL) {
        count++;
    }
    assert_int_equal(closedir(directory), 0);
    return count;
}

void io_suite_open(struct io_suite *suite, void **state, uint32_t handles_max,
                   uint32_t buffer_count, uint32_t buffer_bytes)
{
    const struct io_suite_variant *variant = *state;
    struct io_options options = {
        .backend = variant->backend,
        .idle = variant->idle,
        .handles_max = handles_max,
        .receive_buffer_bytes = buffer_bytes,
        .receive_buffer_count = buffer_count,
    };
    suite->batch_max = IO_SUITE_BATCH;
    suite->kept_count = 0;
    suite->kept = calloc(IO_SUITE_KEPT, sizeof *suite->kept);
    assert_non_null(suite->kept);
    suite->descriptors_before = io_suite_descriptors();
    test_seed(&suite->random);
    assert_int_equal(io_create_limited(&suite->io, &options, &variant->limits), STATUS_OK);
}

void io_suite_close(struct io_suite *suite)
{
    io_destroy(suite->io);
    free(suite->kept);
    assert_int_equal(io_suite_descriptors(), suite->descriptors_before);
}

void io_suite_poll(struct io_suite *suite, uint64_t due_ns)
{
    assert_true(suite->kept_count + suite->batch_max <= IO_SUITE_KEPT);
    suite->kept_count +=
        io_poll(suite->io, &suite->kept[suite->kept_count], suite->batch_max, due_ns);
}

static uint32_t find(const struct io_suite *suite, enum io_completion_kind kind, uint32_t handle)
{
    uint32_t index = 0;
    while (index < suite->kept_count &&
           (suite->kept[index].kind != kind ||
            (handle != UINT32_MAX && suite->kept[index].handle != handle))) {
        index++;
    }
    return index;
}

bool io_suite_has(const struct io_suite *suite, enum io_completion_kind kind, uint32_t handle)
{
    return find(suite, kind, handle) < suite->kept_count;
}

struct io_completion io_suite_expect(struct io_suite *suite, enum io_completion_kind kind,
                                     uint32_t handle)
{
    io_now_refresh(suite->io);
    uint64_t give_up_ns = io_now_ns(suite->io) + PATIENCE_NS;
    uint32_t index = find(suite, kind, handle);
    while (index == suite->kept_count) {
        if (io_now_ns(suite->io) >= give_up_ns) {
            fail_msg("no completion of kind %d for handle %u", (int)kind, handle);
        }
        io_suite_poll(suite, give_up_ns);
        index = find(suite, kind, handle);
    }
    struct io_completion completion = suite->kept[index];
    suite->kept_count--;
    memmove(&suite->kept[index], &suite->kept[index + 1],
            (suite->kept_count - index) * sizeof suite->kept[0]);
    return completion;
}

void io_suite_settle(struct io_suite *suite)
{
    for (int round = 0; round < 2; round++) {
        io_wake(suite->io);
        (void)io_suite_expect(suite, IO_WOKEN, UINT32_MAX);
    }
}

void io_suite_close_handle(struct io_suite *suite, uint32_t handle)
{
    io_close(suite->io, handle, handle + 77);
    struct io_completion closed = io_suite_expect(suite, IO_CLOSED, handle);
    assert_int_equal(closed.token, handle + 77);
    while (io_suite_has(suite, IO_RECEIVED, handle)) {
        struct io_completion received = io_suite_expect(suite, IO_RECEIVED, handle);
        if (received.result > 0) {
            io_buffer_release(suite->io, &received);
        }
    }
}

uint32_t io_suite_listen(struct io_suite *suite, uint16_t *port)
{
    uint32_t listener;
    *port = 0;
    assert_int_equal(io_listen(suite->io, "127.0.0.1:0", 4711, &listener, port), STATUS_OK);
    assert_int_not_equal(*port, 0);
    return listener;
}

int io_suite_plain_connect(uint16_t port, int receive_buffer_bytes)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (receive_buffer_bytes > 0) {
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                                    sizeof receive_buffer_bytes),
                         0);
    }
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
    } address = {.ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)}};
    address.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, &address.any, sizeof address.ipv4), 0);
    return fd;
}

uint32_t io_suite_accept_plain(struct io_suite *suite, uint32_t listener, uint16_t port,
                               int *plain_fd)
{
    *plain_fd = io_suite_plain_connect(port, 0);
    struct io_completion accepted = io_suite_expect(suite, IO_ACCEPTED, UINT32_MAX);
    assert_int_equal(accepted.listener, listener);
    assert_int_equal(accepted.token, 4711);
    assert_int_not_equal(accepted.handle, listener);
    return accepted.handle;
}

void io_suite_pair(struct io_suite *suite, uint32_t listener, uint16_t port, uint32_t *accepted,
                   uint32_t *connected)
{
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", port);
    assert_int_equal(io_connect(suite->io, endpoint, 1234, connected), STATUS_OK);
    struct io_completion completion = io_suite_expect(suite, IO_CONNECTED, *connected);
    assert_int_equal(completion.result, 0);
    assert_int_equal(completion.token, 1234);
    completion = io_suite_expect(suite, IO_ACCEPTED, UINT32_MAX);
    assert_int_equal(completion.listener, listener);
    *accepted = completion.handle;
}

uint8_t io_suite_byte(uint64_t stream, uint64_t position)
{
    uint64_t value =
        (position / 8 + stream * UINT64_C(0x9E3779B97F4A7C15)) * UINT64_C(0xD6E8FEB86659FD93);
    return (uint8_t)((value >> 24) >> (position % 8 * 4));
}

void io_suite_fill(uint8_t *target, size_t bytes, uint64_t stream, uint64_t position)
{
    for (size_t i = 0; i < bytes; i++) {
        target[i] = io_suite_byte(stream, position + i);
    }
}

void io_suite_check(const uint8_t *data, size_t bytes, uint64_t stream, uint64_t position)
{
    for (size_t i = 0; i < bytes; i++) {
        if (data[i] != io_suite_byte(stream, position + i)) {
            fail_msg("stream %llu is wrong at byte %llu", (unsigned long long)stream,
                     (unsigned long long)(position + i));
        }
    }
}

void io_suite_plain_check(int fd, size_t bytes, uint64_t stream, uint64_t position)
{
    uint8_t buffer[4096];
    while (bytes > 0) {
        ssize_t got = recv(fd, buffer, bytes < sizeof buffer ? bytes : sizeof buffer, 0);
        assert_true(got > 0);
        io_suite_check(buffer, (size_t)got, stream, position);
        position += (size_t)got;
        bytes -= (size_t)got;
    }
}

int io_suite_run(const struct io_suite_variant *variant)
{
    void *state = (void *)(uintptr_t)variant;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(io_suite_stream_echo, state),
        cmocka_unit_test_prestate(io_suite_stream_overflow, state),
        cmocka_unit_test_prestate(io_suite_stream_slow_reader, state),
        cmocka_unit_test_prestate(io_suite_stream_flood, state),
        cmocka_unit_test_prestate(io_suite_stream_pause, state),
        cmocka_unit_test_prestate(io_suite_stream_reset, state),
        cmocka_unit_test_prestate(io_suite_stream_half_close, state),
        cmocka_unit_test_prestate(io_suite_stream_last_words, state),
        cmocka_unit_test_prestate(io_suite_bound_endpoints, state),
        cmocka_unit_test_prestate(io_suite_bound_port_in_use, state),
        cmocka_unit_test_prestate(io_suite_bound_refused, state),
        cmocka_unit_test_prestate(io_suite_bound_handles, state),
        cmocka_unit_test_prestate(io_suite_bound_buffers, state),
        cmocka_unit_test_prestate(io_suite_bound_descriptors, state),
        cmocka_unit_test_prestate(io_suite_close_in_flight_send, state),
        cmocka_unit_test_prestate(io_suite_close_in_flight_connect, state),
        cmocka_unit_test_prestate(io_suite_close_before_poll, state),
        cmocka_unit_test_prestate(io_suite_close_listener, state),
        cmocka_unit_test_prestate(io_suite_close_with_pending, state),
        cmocka_unit_test_prestate(io_suite_close_churn, state),
        cmocka_unit_test_prestate(io_suite_close_destroy, state),
        cmocka_unit_test_prestate(io_suite_time_due, state),
        cmocka_unit_test_prestate(io_suite_time_wake, state),
        cmocka_unit_test_prestate(io_suite_time_wake_coalesced, state),
        cmocka_unit_test_prestate(io_suite_file_write, state),
        cmocka_unit_test_prestate(io_suite_file_direct, state),
        cmocka_unit_test_prestate(io_suite_file_forget, state),
        cmocka_unit_test_prestate(io_suite_file_many, state),
        cmocka_unit_test_prestate(io_suite_file_limit, state),
        cmocka_unit_test_prestate(io_suite_file_refused, state),
        cmocka_unit_test_prestate(io_suite_file_close, state),
    };
    printf("variant: %s\n", variant->name);
    return _cmocka_run_group_tests(variant->name, tests, sizeof tests / sizeof tests[0], NULL,
                                   NULL);
}
