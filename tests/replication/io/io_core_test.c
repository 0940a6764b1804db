#include "replication/io/io_core.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/asserts.h"
#include "tests/support/cmocka_all.h"

/* A core without a kernel behind it: the test says what has happened, and looks at what is told. */
#define HANDLES     4u
#define BUFFERS     4u
#define COMPLETIONS 16u

struct fixture {
    struct io_core *core;
    struct io_completion told[COMPLETIONS];
    uint32_t told_count;
};

static void release(struct io *io, const struct io_completion *completion)
{
    io_core_buffer_free(io_core_of(io), completion->buffer_id);
}

static const struct io_backend BACKEND = {.buffer_release = release};

static void fixture_open(struct fixture *fixture)
{
    struct io_options options = {
        .idle = IO_IDLE_SPIN,
        .handles_max = HANDLES,
        .receive_buffer_bytes = 64,
        .receive_buffer_count = BUFFERS,
    };
    struct arena arena;
    assert_int_equal(io_core_create(&fixture->core, sizeof(struct io_core), 0, &BACKEND, &options,
                                    &arena),
                     STATUS_OK);
}

static void begin(struct fixture *fixture, uint32_t room)
{
    io_core_poll_begin(fixture->core, fixture->told, room);
}

static void end(struct fixture *fixture, uint32_t expected_count)
{
    io_core_deliver(fixture->core);
    fixture->told_count = io_core_poll_end(fixture->core);
    assert_int_equal(fixture->told_count, expected_count);
}

static void check_told(const struct fixture *fixture, uint32_t index, enum io_completion_kind kind,
                       uint32_t handle, int32_t result, uint64_t token)
{
    assert_true(index < fixture->told_count);
    assert_int_equal(fixture->told[index].kind, kind);
    assert_int_equal(fixture->told[index].handle, handle);
    assert_int_equal(fixture->told[index].result, result);
    assert_int_equal(fixture->told[index].token, token);
}

static uint32_t connection(struct fixture *fixture)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    uint32_t handle;
    assert_int_equal(io_handle_take(&fixture->core->table, IO_HANDLE_CONNECTION, fd, &handle),
                     STATUS_OK);
    return handle;
}

static void receive(struct fixture *fixture, uint32_t handle, uint32_t bytes)
{
    uint32_t buffer = io_buffers_take(&fixture->core->buffers, handle);
    assert_int_not_equal(buffer, IO_BUFFER_NONE);
    io_core_received(fixture->core, handle, buffer, bytes);
}

static void fixture_close(struct fixture *fixture)
{
    begin(fixture, COMPLETIONS);
    io_core_close_all(fixture->core);
    io_core_deliver(fixture->core);
    (void)io_core_poll_end(fixture->core);
    assert_int_equal(fixture->core->table.used_count, 0);
    io_core_destroy(fixture->core);
}

/* What comes for a paused handle is kept; the end stays behind the data; little room is enough. */
static void test_paused_data_is_kept_in_order(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    struct io *io = &fixture.core->io;
    uint32_t handle = connection(&fixture);
    io_core_request_receive_start(io, handle, 9);
    begin(&fixture, COMPLETIONS);
    receive(&fixture, handle, 1);
    end(&fixture, 1);
    check_told(&fixture, 0, IO_RECEIVED, handle, 1, 9);

    io_core_request_receive_pause(io, handle);
    assert_false(io_core_receive_desired(io_core_handle(fixture.core, handle)));
    begin(&fixture, COMPLETIONS);
    receive(&fixture, handle, 2);
    receive(&fixture, handle, 3);
    io_core_receive_ended(fixture.core, handle, 0);
    end(&fixture, 0);

    io_core_request_receive_resume(io, handle);
    for (int32_t expected = 2; expected < 5; expected++) {
        begin(&fixture, 1);
        end(&fixture, 1);
        check_told(&fixture, 0, IO_RECEIVED, handle, expected < 4 ? expected : 0, 9);
        if (expected < 4) {
            io_core_buffer_free(fixture.core, fixture.told[0].buffer_id);
        }
    }
    begin(&fixture, COMPLETIONS);
    end(&fixture, 0);
    assert_false(io_core_receive_desired(io_core_handle(fixture.core, handle)));
    fixture_close(&fixture);
}

/* Paused again before all that was kept has been told, with more coming in: still in order. */
static void test_pausing_between(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    struct io *io = &fixture.core->io;
    uint32_t handle = connection(&fixture);
    io_core_request_receive_start(io, handle, 9);
    io_core_request_receive_pause(io, handle);
    begin(&fixture, COMPLETIONS);
    receive(&fixture, handle, 1);
    receive(&fixture, handle, 2);
    end(&fixture, 0);
    io_core_request_receive_resume(io, handle);
    begin(&fixture, 1);
    end(&fixture, 1);
    check_told(&fixture, 0, IO_RECEIVED, handle, 1, 9);
    io_core_request_receive_pause(io, handle);
    begin(&fixture, COMPLETIONS);
    receive(&fixture, handle, 3);
    end(&fixture, 0);
    io_core_request_receive_resume(io, handle);
    begin(&fixture, COMPLETIONS);
    receive(&fixture, handle, 4); /* Comes in before the kept ones are told. */
    end(&fixture, 3);
    for (int32_t i = 0; i < 3; i++) {
        check_told(&fixture, (uint32_t)i, IO_RECEIVED, handle, i + 2, 9);
    }
    fixture_close(&fixture);
}

/* Requests first, then IO_CLOSED, once nothing is in flight; data is swallowed and its buffers come
 * back. */
static void test_closing_waits_and_swallows(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    struct io *io = &fixture.core->io;
    uint32_t handle = connection(&fixture);
    struct io_handle *slot = io_core_handle(fixture.core, handle);
    io_core_request_receive_start(io, handle, 9);
    io_core_request_receive_pause(io, handle);
    begin(&fixture, COMPLETIONS);
    receive(&fixture, handle, 1);
    end(&fixture, 0);
    io_core_request_send(io, handle, "words", 5, 10);
    slot->send = IO_REQUEST_IN_FLIGHT;
    slot->in_flight = 2;
    io_core_request_close(io, handle, 11);
    assert_int_equal(io_buffers_free_count(&fixture.core->buffers), BUFFERS);
    begin(&fixture, COMPLETIONS);
    receive(&fixture, handle, 2);
    assert_int_equal(io_buffers_free_count(&fixture.core->buffers), BUFFERS);
    io_core_receive_ended(fixture.core, handle, -ECANCELED);
    slot->in_flight = 1;
    io_core_close_try(fixture.core, handle);
    end(&fixture, 0);
    begin(&fixture, COMPLETIONS);
    slot->in_flight = 0;
    io_core_sent(fixture.core, handle, -ECANCELED);
    io_core_close_try(fixture.core, handle);
    end(&fixture, 2);
    check_told(&fixture, 0, IO_SENT, handle, -ECANCELED, 10);
    check_told(&fixture, 1, IO_CLOSED, handle, 0, 11);
    assert_int_equal(fixture.core->table.used_count, 0);
    fixture_close(&fixture);
}

/* A handle that holds its own buffer while others hold the common ones waits for just that. */
static void test_starved_wait_for_their_own(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    struct io_core *core = fixture.core;
    uint32_t handle = connection(&fixture);
    uint32_t common[BUFFERS];
    for (uint32_t i = 0; i < BUFFERS; i++) {
        common[i] = io_buffers_take(&core->buffers, handle);
    }
    uint32_t own = io_buffers_take(&core->buffers, handle);
    io_handle_list_add(&core->table, IO_LIST_STARVED, handle);
    io_core_revive(core);
    assert_int_equal(core->table.lists[IO_LIST_STARVED].count, 1);
    io_core_buffer_free(core, own);
    assert_int_equal(core->table.lists[IO_LIST_STARVED].count, 0);
    assert_int_equal(io_handle_list_pop(&core->table, IO_LIST_WORK), handle);

    io_handle_list_add(&core->table, IO_LIST_STARVED, handle);
    io_core_buffer_free(core, common[2]);
    io_core_revive(core);
    assert_int_equal(io_handle_list_pop(&core->table, IO_LIST_WORK), handle);
    fixture_close(&fixture);
}

/* A listener without descriptors tries again after a while, and that ends a sleep. */
static void test_stalled_listeners_try_again(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    struct io_core *core = fixture.core;
    uint32_t listener;
    uint16_t port;
    assert_int_equal(io_core_request_listen(&core->io, "127.0.0.1:0", 1, &listener, &port),
                     STATUS_OK);
    (void)io_handle_list_pop(&core->table, IO_LIST_WORK);
    core->io.now_ns = 1000;
    assert_int_equal(io_core_wait_until_ns(core, UINT64_MAX), UINT64_MAX);
    io_core_accept_stall(core, listener);
    uint64_t until_ns = io_core_wait_until_ns(core, UINT64_MAX);
    assert_true(until_ns > 1000);
    assert_true(until_ns < 1000000000);
    assert_int_equal(io_core_wait_until_ns(core, 1001), 1001);
    assert_int_equal(io_core_wait_until_ns(core, 1000), 0);
    io_core_revive(core);
    assert_int_equal(core->table.lists[IO_LIST_WORK].count, 0);
    core->io.now_ns = until_ns;
    io_core_revive(core);
    assert_int_equal(io_handle_list_pop(&core->table, IO_LIST_WORK), listener);
    assert_int_equal(io_core_wait_until_ns(core, UINT64_MAX), UINT64_MAX);
    fixture_close(&fixture);
}

static void send_twice(void *argument)
{
    struct fixture *fixture = argument;
    io_core_request_send(&fixture->core->io, 0, "a", 1, 1);
    io_core_request_send(&fixture->core->io, 0, "b", 1, 1);
}

static void start_twice(void *argument)
{
    struct fixture *fixture = argument;
    io_core_request_receive_start(&fixture->core->io, 0, 1);
    io_core_request_receive_start(&fixture->core->io, 0, 1);
}

static void close_twice(void *argument)
{
    struct fixture *fixture = argument;
    io_core_request_close(&fixture->core->io, 0, 1);
    io_core_request_close(&fixture->core->io, 0, 1);
}

static void send_after_close(void *argument)
{
    struct fixture *fixture = argument;
    io_core_request_close(&fixture->core->io, 0, 1);
    io_core_request_send(&fixture->core->io, 0, "a", 1, 1);
}

static void use_connection_as_file(void *argument)
{
    struct fixture *fixture = argument;
    uint8_t byte;
    (void)io_core_request_file_read_now(&fixture->core->io, 0, &byte, 1, 0);
}

static void test_misuse_stops(void **state)
{
    (void)state;
    struct fixture fixture;
    fixture_open(&fixture);
    assert_int_equal(connection(&fixture), 0);
    assert_true(asserts_stop(send_twice, &fixture));
    assert_true(asserts_stop(start_twice, &fixture));
    assert_true(asserts_stop(close_twice, &fixture));
    assert_true(asserts_stop(send_after_close, &fixture));
    assert_true(asserts_stop(use_connection_as_file, &fixture));
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paused_data_is_kept_in_order),
        cmocka_unit_test(test_pausing_between),
        cmocka_unit_test(test_closing_waits_and_swallows),
        cmocka_unit_test(test_starved_wait_for_their_own),
        cmocka_unit_test(test_stalled_listeners_try_again),
        cmocka_unit_test(test_misuse_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
