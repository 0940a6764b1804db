#include "tests/support/io_memory.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/io/io_backend.h"

#define IO_MEMORY_HANDLES_MAX 64u

struct io_memory {
    struct io base;
    uint8_t *content;
    uint64_t content_bytes;
    uint64_t used_bytes;
    uint32_t handles;
    struct io_memory_faults faults;
    struct io_memory_write writes[IO_MEMORY_WRITES_MAX];
    uint32_t write_count;
    struct io_completion done[IO_MEMORY_WRITES_MAX + IO_MEMORY_HANDLES_MAX];
    uint32_t done_count;
    _Atomic uint64_t wakes;
    struct {
        uint64_t offset;
        uint32_t bytes;
    } written[IO_MEMORY_WRITES_MAX];
    uint32_t written_count;
};

static struct io_memory *io_memory_of(struct io *io)
{
    void *whole = io; /* `base` is the first member. */
    return whole;
}

static const struct io_memory *io_memory_of_const(const struct io *io)
{
    const void *whole = io;
    return whole;
}

static void memory_destroy(struct io *io)
{
    io_memory_drop(io);
    free(io);
}

static const char *memory_features(const struct io *io)
{
    (void)io;
    return "memory";
}

static void memory_clock(struct io *io)
{
    (void)io; /* Time is the test's. */
}

static enum status memory_listen(struct io *io, const char *endpoint, uint64_t token,
                                 uint32_t *handle, uint16_t *port)
{
    (void)io, (void)endpoint, (void)token, (void)handle, (void)port;
    return STATUS_DENIED;
}

static enum status memory_connect(struct io *io, const char *endpoint, uint64_t token,
                                  uint32_t *handle)
{
    (void)io, (void)endpoint, (void)token, (void)handle;
    return STATUS_DENIED;
}

static void memory_receive(struct io *io, uint32_t handle)
{
    (void)io, (void)handle;
    ASSERT(false);
}

static void memory_receive_start(struct io *io, uint32_t handle, uint64_t token)
{
    (void)token;
    memory_receive(io, handle);
}

static void memory_buffer_release(struct io *io, const struct io_completion *completion)
{
    memory_receive(io, completion->handle);
}

static void memory_send(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                        uint64_t token)
{
    (void)data, (void)data_bytes, (void)token;
    memory_receive(io, handle);
}

static void memory_done(struct io_memory *memory, enum io_completion_kind kind, uint32_t handle,
                        uint64_t token, int32_t result)
{
    ASSERT(memory->done_count < sizeof memory->done / sizeof memory->done[0]);
    memory->done[memory->done_count++] =
        (struct io_completion){.kind = kind, .handle = handle, .token = token, .result = result};
}

static void memory_close(struct io *io, uint32_t handle, uint64_t token)
{
    memory_done(io_memory_of(io), IO_CLOSED, handle, token, 0);
}

static enum status memory_file_open(struct io *io, const char *path, bool direct, uint32_t *handle)
{
    struct io_memory *memory = io_memory_of(io);
    ASSERT(path[0] != 0);
    ASSERT(direct);
    if (memory->faults.open != STATUS_OK) {
        return memory->faults.open;
    }
    ASSERT(memory->content != NULL);
    *handle = memory->handles++;
    return STATUS_OK;
}

static void memory_check(const struct io_memory *memory, const void *data, uint32_t data_bytes,
                         uint64_t offset)
{
    ASSERT((uintptr_t)data % 4096 == 0);
    ASSERT(data_bytes > 0);
    ASSERT(data_bytes % 4096 == 0);
    ASSERT(offset % 4096 == 0);
    ASSERT(offset + data_bytes <= memory->content_bytes);
}

static void memory_file_write(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                              uint64_t offset, uint64_t token)
{
    struct io_memory *memory = io_memory_of(io);
    memory_check(memory, data, data_bytes, offset);
    ASSERT(memory->write_count < IO_MEMORY_WRITES_MAX);
    uint8_t *copy = malloc(data_bytes);
    ASSERT(copy != NULL);
    memcpy(copy, data, data_bytes);
    memory->writes[memory->write_count++] = (struct io_memory_write){.handle = handle,
                                                                     .data = copy,
                                                                     .source = data,
                                                                     .bytes = data_bytes,
                                                                     .offset = offset,
                                                                     .token = token};
}

static enum status memory_file_read_now(struct io *io, uint32_t handle, void *target,
                                        uint32_t target_bytes, uint64_t offset)
{
    const struct io_memory *memory = io_memory_of(io);
    ASSERT(handle < memory->handles);
    uint64_t bad = memory->faults.read_now_offset;
    if (memory->faults.read_now != STATUS_OK && offset <= bad && bad - offset < target_bytes) {
        return memory->faults.read_now;
    }
    if (offset + target_bytes > memory->content_bytes) {
        return STATUS_SHORT;
    }
    uint64_t used_bytes = offset < memory->used_bytes ? memory->used_bytes - offset : 0;
    memcpy(target, memory->content + offset, used_bytes < target_bytes ? used_bytes : target_bytes);
    return STATUS_OK;
}

static enum status memory_file_write_now(struct io *io, uint32_t handle, const void *data,
                                         uint32_t data_bytes, uint64_t offset)
{
    struct io_memory *memory = io_memory_of(io);
    memory_check(memory, data, data_bytes, offset);
    ASSERT(handle < memory->handles);
    if (memory->faults.write_now_allowed <= memory->written_count) {
        return STATUS_IO;
    }
    memcpy(memory->content + offset, data, data_bytes);
    ASSERT(memory->written_count < IO_MEMORY_WRITES_MAX);
    memory->written[memory->written_count].offset = offset;
    memory->written[memory->written_count++].bytes = data_bytes;
    return STATUS_OK;
}

static enum status memory_memory_register(struct io *io, void *base, size_t bytes)
{
    ASSERT(base != NULL);
    ASSERT(bytes > 0);
    return io_memory_of(io)->faults.memory_register;
}

static void memory_memory_forget(struct io *io, void *base)
{
    (void)io;
    ASSERT(base != NULL);
}

static uint32_t memory_poll(struct io *io, struct io_completion *completions,
                            uint32_t completions_max, uint64_t due_ns)
{
    struct io_memory *memory = io_memory_of(io);
    ASSERT(completions_max > 0);
    if (memory->done_count == 0 && due_ns == UINT64_MAX && memory->write_count > 0) {
        io_memory_finish(io, 0); /* Whoever waits without limit waits for the disk. */
    }
    uint32_t count = memory->done_count < completions_max ? memory->done_count : completions_max;
    memcpy(completions, memory->done, count * sizeof completions[0]);
    memory->done_count -= count;
    memmove(memory->done, memory->done + count, memory->done_count * sizeof memory->done[0]);
    if (count == 0 && due_ns != UINT64_MAX && due_ns > io->now_ns) {
        io->now_ns = due_ns;
    }
    return count;
}

static void memory_wake(struct io *io)
{
    (void)atomic_fetch_add(&io_memory_of(io)->wakes, 1);
}

static const struct io_backend io_memory_backend = {
    .destroy = memory_destroy,
    .features = memory_features,
    .clock = memory_clock,
    .listen = memory_listen,
    .connect = memory_connect,
    .receive_start = memory_receive_start,
    .receive_pause = memory_receive,
    .receive_resume = memory_receive,
    .buffer_release = memory_buffer_release,
    .send = memory_send,
    .close = memory_close,
    .file_open = memory_file_open,
    .file_write = memory_file_write,
    .file_read_now = memory_file_read_now,
    .file_write_now = memory_file_write_now,
    .memory_register = memory_memory_register,
    .memory_forget = memory_memory_forget,
    .poll = memory_poll,
    .wake = memory_wake,
};

struct io *io_memory_create(void)
{
    struct io_memory *memory = calloc(1, sizeof *memory);
    ASSERT(memory != NULL);
    memory->base.backend = &io_memory_backend;
    memory->faults.write_now_allowed = UINT32_MAX;
    return &memory->base;
}

void io_memory_file(struct io *io, uint8_t *content, uint64_t bytes)
{
    io_memory_of(io)->content = content;
    io_memory_of(io)->content_bytes = bytes;
    io_memory_of(io)->used_bytes = bytes;
}

void io_memory_used(struct io *io, uint64_t used_bytes)
{
    ASSERT(used_bytes <= io_memory_of(io)->content_bytes);
    io_memory_of(io)->used_bytes = used_bytes;
}

struct io_memory_faults *io_memory_faults(struct io *io)
{
    return &io_memory_of(io)->faults;
}

uint32_t io_memory_pending(const struct io *io)
{
    return io_memory_of_const(io)->write_count;
}

const struct io_memory_write *io_memory_write(const struct io *io, uint32_t index)
{
    ASSERT(index < io_memory_pending(io));
    return &io_memory_of_const(io)->writes[index];
}

static void memory_remove(struct io_memory *memory, uint32_t index)
{
    free(memory->writes[index].data);
    memory->write_count--;
    memmove(&memory->writes[index], &memory->writes[index + 1],
            (memory->write_count - index) * sizeof memory->writes[0]);
}

void io_memory_finish(struct io *io, uint32_t index)
{
    struct io_memory *memory = io_memory_of(io);
    ASSERT(index < memory->write_count);
    const struct io_memory_write *write = &memory->writes[index];
    /* Whoever writes must leave the bytes alone until the disk has them. */
    ASSERT(memcmp(write->data, write->source, write->bytes) == 0);
    memcpy(memory->content + write->offset, write->data, write->bytes);
    memory_done(memory, IO_WRITTEN, write->handle, write->token, (int32_t)write->bytes);
    memory_remove(memory, index);
}

void io_memory_fail(struct io *io, uint32_t index, int32_t result)
{
    struct io_memory *memory = io_memory_of(io);
    ASSERT(index < memory->write_count);
    memory_done(memory, IO_WRITTEN, memory->writes[index].handle, memory->writes[index].token,
                result);
    memory_remove(memory, index);
}

void io_memory_drop(struct io *io)
{
    struct io_memory *memory = io_memory_of(io);
    while (memory->write_count > 0) {
        memory_remove(memory, memory->write_count - 1);
    }
    memory->done_count = 0;
}

void io_memory_apply(const struct io_memory_write *write, uint32_t sector, uint8_t *content)
{
    uint32_t offset = sector * IO_MEMORY_SECTOR_BYTES;
    ASSERT(offset < write->bytes);
    memcpy(content + write->offset + offset, write->data + offset, IO_MEMORY_SECTOR_BYTES);
}

uint64_t io_memory_wakes(const struct io *io)
{
    return atomic_load(&io_memory_of_const(io)->wakes);
}

bool io_memory_wrote_now(const struct io *io, uint64_t offset)
{
    const struct io_memory *memory = io_memory_of_const(io);
    for (uint32_t i = 0; i < memory->written_count; i++) {
        if (offset >= memory->written[i].offset &&
            offset - memory->written[i].offset < memory->written[i].bytes) {
            return true;
        }
    }
    return false;
}
