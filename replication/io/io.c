#include "replication/io/io.h"

#include <time.h>

#include "matching/base/assertion.h"
#include "replication/io/io_backend.h"
#include "replication/io/monotonic.h"

#define NS_PER_SECOND UINT64_C(1000000000)

void io_destroy(struct io *io)
{
    ASSERT(io != NULL);
    io->backend->destroy(io);
}

const char *io_features(const struct io *io)
{
    const char *features = io->backend->features(io);
    ASSERT(features != NULL);
    return features;
}

uint64_t io_now_ns(const struct io *io)
{
    return io->now_ns;
}

uint64_t io_wall_ns(const struct io *io)
{
    return io->wall_ns;
}

void io_now_refresh(struct io *io)
{
    uint64_t before_ns = io->now_ns;
    io->backend->clock(io);
    ASSERT(io->now_ns >= before_ns);
}

void io_clock_system(struct io *io)
{
    struct timespec wall;
    int failed = clock_gettime(CLOCK_REALTIME, &wall);
    ASSERT(failed == 0);
    io->now_ns = monotonic_now_ns();
    uint64_t wall_ns = (uint64_t)wall.tv_sec * NS_PER_SECOND + (uint64_t)wall.tv_nsec;
    ASSERT(wall_ns <= INT64_MAX);
    int64_t shifted_ns = 0;
    bool fits = !__builtin_add_overflow((int64_t)wall_ns, io->wall_shift_ns, &shifted_ns);
    io->wall_ns = !fits ? INT64_MAX : shifted_ns > 0 ? (uint64_t)shifted_ns : 0;
}

void io_wall_shift(struct io *io, int64_t shift_ns)
{
    ASSERT(io != NULL);
    io->wall_shift_ns = shift_ns;
}

enum status io_listen(struct io *io, const char *endpoint, uint64_t token, uint32_t *handle,
                      uint16_t *port)
{
    ASSERT(endpoint != NULL);
    ASSERT(handle != NULL);
    ASSERT(port != NULL);
    return io->backend->listen(io, endpoint, token, handle, port);
}

enum status io_connect(struct io *io, const char *endpoint, uint64_t token, uint32_t *handle)
{
    ASSERT(endpoint != NULL);
    ASSERT(handle != NULL);
    return io->backend->connect(io, endpoint, token, handle);
}

void io_receive_start(struct io *io, uint32_t handle, uint64_t token)
{
    io->backend->receive_start(io, handle, token);
}

void io_receive_pause(struct io *io, uint32_t handle)
{
    io->backend->receive_pause(io, handle);
}

void io_receive_resume(struct io *io, uint32_t handle)
{
    io->backend->receive_resume(io, handle);
}

void io_buffer_release(struct io *io, const struct io_completion *completion)
{
    ASSERT(completion->kind == IO_RECEIVED);
    ASSERT(completion->data != NULL);
    io->backend->buffer_release(io, completion);
}

void io_send(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes, uint64_t token)
{
    ASSERT(data != NULL);
    ASSERT(data_bytes > 0);
    ASSERT(data_bytes <= INT32_MAX);
    io->backend->send(io, handle, data, data_bytes, token);
}

void io_close(struct io *io, uint32_t handle, uint64_t token)
{
    io->backend->close(io, handle, token);
}

enum status io_file_open(struct io *io, const char *path, bool direct, uint32_t *handle)
{
    ASSERT(path != NULL);
    ASSERT(handle != NULL);
    return io->backend->file_open(io, path, direct, handle);
}

void io_file_write(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                   uint64_t offset, uint64_t token)
{
    ASSERT(data != NULL);
    ASSERT(data_bytes > 0);
    ASSERT(data_bytes <= INT32_MAX);
    ASSERT(offset <= (uint64_t)INT64_MAX - data_bytes);
    io->backend->file_write(io, handle, data, data_bytes, offset, token);
}

enum status io_file_read_now(struct io *io, uint32_t handle, void *target, uint32_t target_bytes,
                             uint64_t offset)
{
    ASSERT(target != NULL);
    ASSERT(offset <= (uint64_t)INT64_MAX - target_bytes);
    return io->backend->file_read_now(io, handle, target, target_bytes, offset);
}

enum status io_file_write_now(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                              uint64_t offset)
{
    ASSERT(data != NULL);
    ASSERT(offset <= (uint64_t)INT64_MAX - data_bytes);
    return io->backend->file_write_now(io, handle, data, data_bytes, offset);
}

enum status io_memory_register(struct io *io, void *base, size_t bytes)
{
    ASSERT(base != NULL);
    ASSERT(bytes > 0);
    return io->backend->memory_register(io, base, bytes);
}

void io_memory_forget(struct io *io, void *base)
{
    ASSERT(io->backend != NULL);
    ASSERT(base != NULL);
    io->backend->memory_forget(io, base);
}

uint32_t io_poll(struct io *io, struct io_completion *completions, uint32_t completions_max,
                 uint64_t due_ns)
{
    ASSERT(completions != NULL);
    ASSERT(completions_max > 0);
    uint32_t count = io->backend->poll(io, completions, completions_max, due_ns);
    ASSERT(count <= completions_max);
    return count;
}

void io_wake(struct io *io)
{
    io->backend->wake(io);
}
