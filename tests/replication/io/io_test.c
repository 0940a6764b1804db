#include "replication/io/io.h"

#include "replication/io/io_backend.h"
#include "tests/support/asserts.h"
#include "tests/support/cmocka_all.h"

/* A backend that writes down what it is asked, as a simulator would start. */
struct recording {
    struct io io; /* First. */
    char last;
    uint32_t handle;
    uint64_t token;
    uint64_t number;
    const void *memory;
    size_t bytes;
    uint64_t step_ns;
};

static struct recording *recording_of(struct io *io)
{
    return (struct recording *)(void *)io;
}

static void note(struct io *io, char what, uint32_t handle, uint64_t token)
{
    recording_of(io)->last = what;
    recording_of(io)->handle = handle;
    recording_of(io)->token = token;
}

static void note_memory(struct io *io, const void *memory, size_t bytes, uint64_t number)
{
    recording_of(io)->memory = memory;
    recording_of(io)->bytes = bytes;
    recording_of(io)->number = number;
}

static void record_destroy(struct io *io)
{
    note(io, 'D', 0, 0);
}

static const char *record_features(const struct io *io)
{
    (void)io;
    return "recording";
}

static void record_clock(struct io *io)
{
    io->now_ns += recording_of(io)->step_ns;
    io->wall_ns = io->now_ns + 1000;
}

static enum status record_listen(struct io *io, const char *endpoint, uint64_t token,
                                 uint32_t *handle, uint16_t *port)
{
    note(io, 'L', 0, token);
    note_memory(io, endpoint, 0, 0);
    *handle = 3;
    *port = 4;
    return STATUS_IN_USE;
}

static enum status record_connect(struct io *io, const char *endpoint, uint64_t token,
                                  uint32_t *handle)
{
    note(io, 'C', 0, token);
    note_memory(io, endpoint, 0, 0);
    *handle = 5;
    return STATUS_FULL;
}

static void record_start(struct io *io, uint32_t handle, uint64_t token)
{
    note(io, 'S', handle, token);
}

static void record_pause(struct io *io, uint32_t handle)
{
    note(io, 'P', handle, 0);
}

static void record_resume(struct io *io, uint32_t handle)
{
    note(io, 'R', handle, 0);
}

static void record_release(struct io *io, const struct io_completion *completion)
{
    note(io, 'B', completion->buffer_id, 0);
}

static void record_send(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                        uint64_t token)
{
    note(io, '>', handle, token);
    note_memory(io, data, data_bytes, 0);
}

static void record_close(struct io *io, uint32_t handle, uint64_t token)
{
    note(io, 'X', handle, token);
}

static enum status record_open(struct io *io, const char *path, bool direct, uint32_t *handle)
{
    note(io, 'O', 0, direct);
    note_memory(io, path, 0, 0);
    *handle = 6;
    return STATUS_NOT_FOUND;
}

static void record_write(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                         uint64_t offset, uint64_t token)
{
    note(io, 'W', handle, token);
    note_memory(io, data, data_bytes, offset);
}

static enum status record_read_now(struct io *io, uint32_t handle, void *target,
                                   uint32_t target_bytes, uint64_t offset)
{
    note(io, 'r', handle, 0);
    note_memory(io, target, target_bytes, offset);
    return STATUS_SHORT;
}

static enum status record_write_now(struct io *io, uint32_t handle, const void *data,
                                    uint32_t data_bytes, uint64_t offset)
{
    note(io, 'w', handle, 0);
    note_memory(io, data, data_bytes, offset);
    return STATUS_NO_SPACE;
}

static enum status record_register(struct io *io, void *base, size_t bytes)
{
    note(io, 'M', 0, 0);
    note_memory(io, base, bytes, 0);
    return STATUS_DENIED;
}

static void record_forget(struct io *io, void *base)
{
    note(io, 'm', 0, 0);
    note_memory(io, base, 0, 0);
}

static uint32_t record_poll(struct io *io, struct io_completion *completions,
                            uint32_t completions_max, uint64_t due_ns)
{
    note(io, '?', completions_max, due_ns);
    note_memory(io, completions, 0, 0);
    return completions_max > 5 ? 6 : completions_max + 1; /* Too many when asked for up to five. */
}

static void record_wake(struct io *io)
{
    note(io, '!', 0, 0);
}

static const struct io_backend RECORDING = {
    .destroy = record_destroy,
    .features = record_features,
    .clock = record_clock,
    .listen = record_listen,
    .connect = record_connect,
    .receive_start = record_start,
    .receive_pause = record_pause,
    .receive_resume = record_resume,
    .buffer_release = record_release,
    .send = record_send,
    .close = record_close,
    .file_open = record_open,
    .file_write = record_write,
    .file_read_now = record_read_now,
    .file_write_now = record_write_now,
    .memory_register = record_register,
    .memory_forget = record_forget,
    .poll = record_poll,
    .wake = record_wake,
};

static void check(const struct recording *recording, char last, uint32_t handle, uint64_t token)
{
    assert_int_equal(recording->last, last);
    assert_int_equal(recording->handle, handle);
    assert_int_equal(recording->token, token);
}

static void check_memory(const struct recording *recording, const void *memory, size_t bytes,
                         uint64_t number)
{
    assert_ptr_equal(recording->memory, memory);
    assert_int_equal(recording->bytes, bytes);
    assert_int_equal(recording->number, number);
}

/* Each function reaches the member of its name with all that was given, and its answer comes back.
 */
static void test_sockets_reach_the_backend(void **state)
{
    (void)state;
    struct recording recording = {.io = {.backend = &RECORDING}};
    struct io *io = &recording.io;
    uint32_t handle = 0;
    uint16_t port = 0;
    const char *endpoint = "192.0.2.1:1";
    assert_string_equal(io_features(io), "recording");
    assert_int_equal(io_listen(io, endpoint, 11, &handle, &port), STATUS_IN_USE);
    check(&recording, 'L', 0, 11);
    check_memory(&recording, endpoint, 0, 0);
    assert_int_equal(handle, 3);
    assert_int_equal(port, 4);
    assert_int_equal(io_connect(io, endpoint, 12, &handle), STATUS_FULL);
    check(&recording, 'C', 0, 12);
    assert_int_equal(handle, 5);
    io_receive_start(io, 7, 13);
    check(&recording, 'S', 7, 13);
    io_receive_pause(io, 8);
    check(&recording, 'P', 8, 0);
    io_receive_resume(io, 9);
    check(&recording, 'R', 9, 0);
    struct io_completion received = {
        .kind = IO_RECEIVED, .result = 1, .data = (const uint8_t *)"x", .buffer_id = 10};
    io_buffer_release(io, &received);
    check(&recording, 'B', 10, 0);
    io_send(io, 11, "four", 4, 14);
    check(&recording, '>', 11, 14);
    assert_int_equal(recording.bytes, 4);
    io_close(io, 12, 15);
    check(&recording, 'X', 12, 15);
    io_wake(io);
    check(&recording, '!', 0, 0);
    struct io_completion completions[6];
    assert_int_equal(io_poll(io, completions, 6, 16), 6);
    check(&recording, '?', 6, 16);
    check_memory(&recording, completions, 0, 0);
    io_destroy(io);
    check(&recording, 'D', 0, 0);
}

static void test_files_reach_the_backend(void **state)
{
    (void)state;
    struct recording recording = {.io = {.backend = &RECORDING}};
    struct io *io = &recording.io;
    uint32_t handle = 0;
    uint8_t memory[8];
    assert_int_equal(io_file_open(io, "path", true, &handle), STATUS_NOT_FOUND);
    check(&recording, 'O', 0, 1);
    assert_int_equal(handle, 6);
    io_file_write(io, 1, memory, 8, 4096, 17);
    check(&recording, 'W', 1, 17);
    check_memory(&recording, memory, 8, 4096);
    assert_int_equal(io_file_read_now(io, 2, memory, 7, 1), STATUS_SHORT);
    check(&recording, 'r', 2, 0);
    check_memory(&recording, memory, 7, 1);
    assert_int_equal(io_file_write_now(io, 3, memory, 6, 2), STATUS_NO_SPACE);
    check(&recording, 'w', 3, 0);
    check_memory(&recording, memory, 6, 2);
    assert_int_equal(io_memory_register(io, memory, 8), STATUS_DENIED);
    check(&recording, 'M', 0, 0);
    check_memory(&recording, memory, 8, 0);
    io_memory_forget(io, memory);
    check(&recording, 'm', 0, 0);
    check_memory(&recording, memory, 0, 0);
}

static void test_time(void **state)
{
    (void)state;
    struct recording recording = {.io = {.backend = &RECORDING}, .step_ns = 5};
    assert_int_equal(io_now_ns(&recording.io), 0);
    io_now_refresh(&recording.io);
    io_now_refresh(&recording.io);
    assert_int_equal(io_now_ns(&recording.io), 10);
    assert_int_equal(io_wall_ns(&recording.io), 1010);

    struct io system = {.now_ns = 0};
    io_clock_system(&system);
    uint64_t before_ns = system.now_ns;
    assert_true(before_ns > 0);
    assert_true(system.wall_ns > UINT64_C(1600000000) * 1000000000);
    io_clock_system(&system);
    assert_true(system.now_ns >= before_ns);

    /* A rehearsed clock jumps, the monotonic one does not. */
    const int64_t day_ns = INT64_C(86400) * 1000000000;
    uint64_t wall_ns = system.wall_ns;
    before_ns = system.now_ns;
    io_wall_shift(&system, day_ns);
    io_clock_system(&system);
    assert_true(system.wall_ns >= wall_ns + (uint64_t)day_ns);
    assert_true(system.wall_ns - wall_ns - (uint64_t)day_ns <= system.now_ns - before_ns + 1000000);
    io_wall_shift(&system, INT64_MIN);
    io_clock_system(&system);
    assert_int_equal(system.wall_ns, 0);
    io_wall_shift(&system, INT64_MAX);
    io_clock_system(&system);
    assert_true(system.wall_ns == INT64_MAX);
    io_wall_shift(&system, 0);
    io_clock_system(&system);
    assert_true(system.wall_ns >= wall_ns);
}

static void poll_too_many(void *io)
{
    struct io_completion completions[5];
    (void)io_poll(io, completions, 5, 0);
}

static void poll_for_nothing(void *io)
{
    struct io_completion completion;
    (void)io_poll(io, &completion, 0, 0);
}

static void send_nothing(void *io)
{
    io_send(io, 1, "", 0, 0);
}

static void release_no_data(void *io)
{
    struct io_completion ended = {.kind = IO_RECEIVED};
    io_buffer_release(io, &ended);
}

static void write_behind_everything(void *io)
{
    io_file_write(io, 1, "x", 1, INT64_MAX, 0);
}

static void go_back_in_time(void *io)
{
    recording_of(io)->step_ns = UINT64_MAX;
    ((struct io *)io)->now_ns = 7;
    io_now_refresh(io);
}

static void test_misuse_stops(void **state)
{
    (void)state;
    struct recording recording = {.io = {.backend = &RECORDING}};
    static void (*const MISUSES[])(void *) = {poll_too_many,   poll_for_nothing,
                                              send_nothing,    release_no_data,
                                              go_back_in_time, write_behind_everything};
    for (size_t i = 0; i < sizeof MISUSES / sizeof MISUSES[0]; i++) {
        assert_true(asserts_stop(MISUSES[i], &recording.io));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sockets_reach_the_backend),
        cmocka_unit_test(test_files_reach_the_backend),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_misuse_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
