#include "replication/io/io_core.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/io/io_disk.h"
#include "replication/io/io_socket.h"

/* How long a listener waits after the system had no descriptor for a connection. */
#define IO_CORE_ACCEPT_RETRY_NS UINT64_C(50000000)

enum status io_core_create(struct io_core **core, size_t core_bytes, size_t extra_bytes,
                           const struct io_backend *backend, const struct io_options *options,
                           struct arena *arena)
{
    ASSERT(core_bytes >= sizeof(struct io_core));
    ASSERT(backend != NULL);

    size_t block_bytes =
        core_bytes + 64 + extra_bytes + io_handle_table_bytes(options->handles_max) +
        io_buffers_memory_bytes(options->receive_buffer_count, options->receive_buffer_bytes,
                                options->handles_max);
    void *block = mmap(NULL, block_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED) {
        return STATUS_FULL;
    }
    arena_init(arena, block, block_bytes);
    struct io_core *created = arena_take(arena, 1, core_bytes, 64);
    ASSERT(created == block);
    created->io.backend = backend;
    created->idle = options->idle;
    created->block = block;
    created->block_bytes = block_bytes;
    enum status status = io_waker_open(&created->waker);
    if (status != STATUS_OK) {
        (void)munmap(block, block_bytes);
        return status;
    }
    io_handle_init(&created->table, arena, options->handles_max);
    io_buffers_init(&created->buffers, arena, options->receive_buffer_count,
                    options->receive_buffer_bytes, options->handles_max);
    io_clock_system(&created->io);
    *core = created;
    return STATUS_OK;
}

void io_core_destroy(struct io_core *core)
{
    ASSERT(core->table.used_count == 0);
    io_waker_close(&core->waker);
    int failed = munmap(core->block, core->block_bytes);
    ASSERT(failed == 0);
}

struct io_core *io_core_of(struct io *io)
{
    static_assert(offsetof(struct io_core, io) == 0, "a struct io is a struct io_core");
    return (struct io_core *)(void *)io;
}

struct io_handle *io_core_handle(struct io_core *core, uint32_t handle)
{
    return io_handle_at(&core->table, handle);
}

void io_core_poll_begin(struct io_core *core, struct io_completion *completions,
                        uint32_t completions_max)
{
    ASSERT(core->completions == NULL);
    ASSERT(completions_max > 0);
    core->completions = completions;
    core->completions_max = completions_max;
    core->completions_count = 0;
}

uint32_t io_core_poll_end(struct io_core *core)
{
    ASSERT(core->completions != NULL);
    if (core->completions_count == 0 && core->idle == IO_IDLE_YIELD) {
        (void)sched_yield();
    }
    core->completions = NULL;
    return core->completions_count;
}

bool io_core_room(const struct io_core *core)
{
    ASSERT(core->completions_count <= core->completions_max);
    return core->completions_count < core->completions_max;
}

static struct io_completion *emit(struct io_core *core, enum io_completion_kind kind,
                                  uint32_t handle, int32_t result, uint64_t token)
{
    ASSERT(io_core_room(core));
    struct io_completion *completion = &core->completions[core->completions_count++];
    *completion = (struct io_completion){
        .kind = kind,
        .handle = handle,
        .listener = IO_HANDLE_NONE,
        .result = result,
        .token = token,
        .buffer_id = IO_BUFFER_NONE,
    };
    return completion;
}

static void emit_data(struct io_core *core, uint32_t handle, const struct io_handle *slot,
                      uint32_t buffer, uint32_t bytes)
{
    ASSERT(bytes > 0);
    ASSERT(bytes <= core->buffers.buffer_bytes);
    struct io_completion *completion =
        emit(core, IO_RECEIVED, handle, (int32_t)bytes, slot->receive_token);
    completion->data = io_buffers_address(&core->buffers, buffer);
    completion->buffer_id = buffer;
}

/* Tell one thing of a handle on IO_LIST_READY. False when there is nothing (more) to tell. */
static bool deliver_one(struct io_core *core, uint32_t handle, struct io_handle *slot)
{
    if (slot->connect == IO_REQUEST_CANCELLED) {
        slot->connect = IO_REQUEST_NONE;
        (void)emit(core, IO_CONNECTED, handle, -ECANCELED, slot->open_token);
        return true;
    }
    if (slot->send == IO_REQUEST_CANCELLED) {
        slot->send = IO_REQUEST_NONE;
        (void)emit(core, IO_SENT, handle, -ECANCELED, slot->send_token);
        return true;
    }
    if (slot->closing) {
        io_core_close_try(core, handle);
        if (slot->closed) {
            uint64_t token = slot->close_token;
            io_handle_give_back(&core->table, handle);
            (void)emit(core, IO_CLOSED, handle, 0, token);
        }
        return false;
    }
    if (slot->receive_paused) {
        return false;
    }
    uint32_t bytes;
    uint32_t buffer = io_buffers_pending_pop(&core->buffers, slot, &bytes);
    if (buffer != IO_BUFFER_NONE) {
        emit_data(core, handle, slot, buffer, bytes);
        return true;
    }
    if (slot->receive_ended && !slot->receive_end_told) {
        slot->receive_end_told = true;
        (void)emit(core, IO_RECEIVED, handle, slot->receive_end_result, slot->receive_token);
        return true;
    }
    return false;
}

void io_core_deliver(struct io_core *core)
{
    core->wake_reasons |= io_waker_take(&core->waker);
    if (io_core_room(core) && (core->wake_reasons & IO_WAKER_USER) != 0) {
        core->wake_reasons &= ~IO_WAKER_USER;
        (void)emit(core, IO_WOKEN, IO_HANDLE_NONE, 0, 0);
    }
    while (io_core_room(core)) {
        uint32_t handle = core->table.lists[IO_LIST_READY].first;
        if (handle == IO_HANDLE_NONE) {
            return;
        }
        struct io_handle *slot = io_core_handle(core, handle);
        if (!deliver_one(core, handle, slot)) {
            io_handle_list_remove(&core->table, IO_LIST_READY, handle);
        }
    }
}

uint64_t io_core_wait_until_ns(const struct io_core *core, uint64_t due_ns)
{
    uint64_t until_ns = due_ns;
    if (core->table.lists[IO_LIST_STALLED].count > 0 && core->accept_retry_ns < until_ns) {
        until_ns = core->accept_retry_ns;
    }
    return until_ns > core->io.now_ns ? until_ns : 0;
}

uint32_t io_core_accepted(struct io_core *core, uint32_t listener, int fd)
{
    ASSERT(fd >= 0);
    struct io_handle *slot = io_core_handle(core, listener);
    ASSERT(slot->kind == IO_HANDLE_LISTENER);
    uint32_t handle;
    if (slot->closing ||
        io_handle_take(&core->table, IO_HANDLE_CONNECTION, fd, &handle) != STATUS_OK) {
        io_socket_close(fd);
        return IO_HANDLE_NONE;
    }
    struct io_completion *completion = emit(core, IO_ACCEPTED, handle, 0, slot->open_token);
    completion->listener = listener;
    return handle;
}

void io_core_connected(struct io_core *core, uint32_t handle, int32_t result)
{
    struct io_handle *slot = io_core_handle(core, handle);
    ASSERT(slot->connect == IO_REQUEST_IN_FLIGHT);
    ASSERT(result <= 0);
    slot->connect = IO_REQUEST_NONE;
    (void)emit(core, IO_CONNECTED, handle, result, slot->open_token);
}

void io_core_sent(struct io_core *core, uint32_t handle, int32_t result)
{
    struct io_handle *slot = io_core_handle(core, handle);
    ASSERT(slot->send != IO_REQUEST_NONE);
    ASSERT(result < 0 || (uint32_t)result == slot->send_bytes);
    slot->send = IO_REQUEST_NONE;
    slot->send_data = NULL;
    (void)emit(core, IO_SENT, handle, result, slot->send_token);
}

void io_core_written(struct io_core *core, uint32_t handle, int32_t result, uint64_t token)
{
    ASSERT(io_core_handle(core, handle)->kind == IO_HANDLE_FILE);
    (void)emit(core, IO_WRITTEN, handle, result, token);
}

void io_core_received(struct io_core *core, uint32_t handle, uint32_t buffer, uint32_t bytes)
{
    struct io_handle *slot = io_core_handle(core, handle);
    ASSERT(slot->kind == IO_HANDLE_CONNECTION);
    ASSERT(!slot->receive_ended);
    if (slot->closing) {
        struct io_completion swallowed = {.buffer_id = buffer};
        core->io.backend->buffer_release(&core->io, &swallowed);
    } else if (slot->receive_paused || slot->pending_first != IO_BUFFER_NONE) {
        io_buffers_pending_add(&core->buffers, slot, buffer, bytes);
    } else {
        emit_data(core, handle, slot, buffer, bytes);
    }
}

void io_core_receive_ended(struct io_core *core, uint32_t handle, int32_t result)
{
    struct io_handle *slot = io_core_handle(core, handle);
    ASSERT(!slot->receive_ended);
    ASSERT(result <= 0);
    slot->receive_ended = true;
    slot->receive_end_result = result;
    if (!slot->closing) {
        io_handle_list_add(&core->table, IO_LIST_READY, handle);
    }
}

bool io_core_receive_desired(const struct io_handle *slot)
{
    ASSERT(slot->kind == IO_HANDLE_CONNECTION);
    return slot->receive_wanted && !slot->receive_paused && !slot->receive_ended && !slot->closing;
}

void io_core_buffer_free(struct io_core *core, uint32_t buffer)
{
    io_buffers_give_back(&core->buffers, buffer);
    uint32_t owner = io_buffers_owner(&core->buffers, buffer);
    if (owner != IO_HANDLE_NONE && core->table.handles[owner].listed[IO_LIST_STARVED]) {
        io_handle_list_remove(&core->table, IO_LIST_STARVED, owner);
        io_handle_list_add(&core->table, IO_LIST_WORK, owner);
    }
}

void io_core_accept_stall(struct io_core *core, uint32_t listener)
{
    ASSERT(io_core_handle(core, listener)->kind == IO_HANDLE_LISTENER);
    if (core->table.lists[IO_LIST_STALLED].count == 0) {
        core->accept_retry_ns = core->io.now_ns + IO_CORE_ACCEPT_RETRY_NS;
    }
    io_handle_list_add(&core->table, IO_LIST_STALLED, listener);
}

void io_core_revive(struct io_core *core)
{
    struct io_handle_table *table = &core->table;
    /* No more than there are buffers: the others would only be refused again. */
    uint32_t free_count = io_buffers_free_count(&core->buffers);
    while (free_count > 0 && table->lists[IO_LIST_STARVED].count > 0) {
        io_handle_list_add(table, IO_LIST_WORK, io_handle_list_pop(table, IO_LIST_STARVED));
        free_count--;
    }
    if (core->io.now_ns >= core->accept_retry_ns) {
        while (table->lists[IO_LIST_STALLED].count > 0) {
            io_handle_list_add(table, IO_LIST_WORK, io_handle_list_pop(table, IO_LIST_STALLED));
        }
    }
}

void io_core_close_try(struct io_core *core, uint32_t handle)
{
    struct io_handle *slot = io_core_handle(core, handle);
    ASSERT(slot->closing);
    if (slot->closed || slot->in_flight > 0) {
        return;
    }
    ASSERT(slot->connect != IO_REQUEST_IN_FLIGHT);
    ASSERT(slot->send != IO_REQUEST_IN_FLIGHT);
    if (slot->kind == IO_HANDLE_FILE) {
        (void)close(slot->fd);
    } else {
        io_socket_close(slot->fd);
    }
    slot->fd = -1;
    slot->closed = true;
    io_handle_list_add(&core->table, IO_LIST_READY, handle);
}

void io_core_close_all(struct io_core *core)
{
    for (uint32_t handle = 0; handle < core->table.handles_max; handle++) {
        struct io_handle *slot = &core->table.handles[handle];
        if (slot->kind != IO_HANDLE_FREE && !slot->closing) {
            io_core_request_close(&core->io, handle, 0);
        }
    }
}
