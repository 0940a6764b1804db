#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/io/io_core.h"
#include "replication/io/io_disk.h"
#include "replication/io/io_socket.h"

/* An open handle as callers name it: one that they have closed is theirs no more. */
static struct io_handle *open_handle(struct io_core *core, uint32_t handle,
                                     enum io_handle_kind kind)
{
    struct io_handle *slot = io_handle_at(&core->table, handle);
    ASSERT(slot->kind == kind);
    ASSERT(!slot->closing);
    return slot;
}

const char *io_core_request_features(const struct io *io)
{
    return ((const struct io_core *)(const void *)io)->features;
}

enum status io_core_request_listen(struct io *io, const char *endpoint, uint64_t token,
                                   uint32_t *handle, uint16_t *port)
{
    struct io_core *core = io_core_of(io);
    struct io_address address;
    enum status status = io_socket_parse(&address, endpoint);
    if (status != STATUS_OK) {
        return status;
    }
    int fd;
    uint16_t bound_port;
    status = io_socket_listen(&address, core->blocking_sockets, &fd, &bound_port);
    if (status != STATUS_OK) {
        return status;
    }
    status = io_handle_take(&core->table, IO_HANDLE_LISTENER, fd, handle);
    if (status != STATUS_OK) {
        (void)close(fd);
        return status;
    }
    *port = bound_port;
    io_core_handle(core, *handle)->open_token = token;
    io_handle_list_add(&core->table, IO_LIST_WORK, *handle);
    return STATUS_OK;
}

enum status io_core_request_connect(struct io *io, const char *endpoint, uint64_t token,
                                    uint32_t *handle)
{
    struct io_core *core = io_core_of(io);
    struct io_address address;
    enum status status = io_socket_parse(&address, endpoint);
    if (status != STATUS_OK) {
        return status;
    }
    int fd;
    status = io_socket_open(&address, core->blocking_sockets, &fd);
    if (status != STATUS_OK) {
        return status;
    }
    status = io_handle_take(&core->table, IO_HANDLE_CONNECTION, fd, handle);
    if (status != STATUS_OK) {
        (void)close(fd);
        return status;
    }
    struct io_handle *slot = io_core_handle(core, *handle);
    slot->open_token = token;
    slot->peer = address;
    slot->connect = IO_REQUEST_WANTED;
    io_handle_list_add(&core->table, IO_LIST_WORK, *handle);
    return STATUS_OK;
}

void io_core_request_receive_start(struct io *io, uint32_t handle, uint64_t token)
{
    struct io_core *core = io_core_of(io);
    struct io_handle *slot = open_handle(core, handle, IO_HANDLE_CONNECTION);
    ASSERT(!slot->receive_wanted);
    ASSERT(slot->connect == IO_REQUEST_NONE);
    slot->receive_wanted = true;
    slot->receive_token = token;
    io_handle_list_add(&core->table, IO_LIST_WORK, handle);
}

void io_core_request_receive_pause(struct io *io, uint32_t handle)
{
    struct io_core *core = io_core_of(io);
    struct io_handle *slot = open_handle(core, handle, IO_HANDLE_CONNECTION);
    ASSERT(slot->receive_wanted);
    slot->receive_paused = true;
    io_handle_list_add(&core->table, IO_LIST_WORK, handle);
}

void io_core_request_receive_resume(struct io *io, uint32_t handle)
{
    struct io_core *core = io_core_of(io);
    struct io_handle *slot = open_handle(core, handle, IO_HANDLE_CONNECTION);
    ASSERT(slot->receive_wanted);
    slot->receive_paused = false;
    io_handle_list_add(&core->table, IO_LIST_READY, handle);
    io_handle_list_add(&core->table, IO_LIST_WORK, handle);
}

void io_core_request_send(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                          uint64_t token)
{
    struct io_core *core = io_core_of(io);
    struct io_handle *slot = open_handle(core, handle, IO_HANDLE_CONNECTION);
    ASSERT(slot->send == IO_REQUEST_NONE);
    ASSERT(slot->connect == IO_REQUEST_NONE);
    slot->send = IO_REQUEST_WANTED;
    slot->send_data = data;
    slot->send_bytes = data_bytes;
    slot->send_done_bytes = 0;
    slot->send_token = token;
    io_handle_list_add(&core->table, IO_LIST_WORK, handle);
}

void io_core_request_close(struct io *io, uint32_t handle, uint64_t token)
{
    struct io_core *core = io_core_of(io);
    struct io_handle *slot = io_core_handle(core, handle);
    ASSERT(!slot->closing);
    slot->closing = true;
    slot->close_token = token;
    if (slot->connect == IO_REQUEST_WANTED) {
        slot->connect = IO_REQUEST_CANCELLED;
    }
    if (slot->send == IO_REQUEST_WANTED) {
        slot->send = IO_REQUEST_CANCELLED;
    }
    uint32_t bytes;
    uint32_t buffer = io_buffers_pending_pop(&core->buffers, slot, &bytes);
    while (buffer != IO_BUFFER_NONE) {
        struct io_completion swallowed = {.buffer_id = buffer};
        io->backend->buffer_release(io, &swallowed);
        buffer = io_buffers_pending_pop(&core->buffers, slot, &bytes);
    }
    io_handle_list_remove(&core->table, IO_LIST_STARVED, handle);
    io_handle_list_remove(&core->table, IO_LIST_STALLED, handle);
    io_handle_list_add(&core->table, IO_LIST_READY, handle);
    io_handle_list_add(&core->table, IO_LIST_WORK, handle);
}

enum status io_core_request_file_open(struct io *io, const char *path, bool direct,
                                      uint32_t *handle)
{
    struct io_core *core = io_core_of(io);
    int fd;
    enum status status = io_disk_open(path, direct, &fd);
    if (status != STATUS_OK) {
        return status;
    }
    status = io_handle_take(&core->table, IO_HANDLE_FILE, fd, handle);
    if (status != STATUS_OK) {
        (void)close(fd);
        return status;
    }
    io_core_handle(core, *handle)->direct = direct;
    return STATUS_OK;
}

enum status io_core_request_file_read_now(struct io *io, uint32_t handle, void *target,
                                          uint32_t target_bytes, uint64_t offset)
{
    struct io_handle *slot = open_handle(io_core_of(io), handle, IO_HANDLE_FILE);
    ASSERT(!slot->direct || io_disk_is_aligned(target, target_bytes, offset));
    return io_disk_read(slot->fd, target, target_bytes, offset);
}

enum status io_core_request_file_write_now(struct io *io, uint32_t handle, const void *data,
                                           uint32_t data_bytes, uint64_t offset)
{
    struct io_handle *slot = open_handle(io_core_of(io), handle, IO_HANDLE_FILE);
    ASSERT(!slot->direct || io_disk_is_aligned(data, data_bytes, offset));
    return io_disk_write(slot->fd, data, data_bytes, offset);
}

void io_core_request_wake(struct io *io)
{
    io_waker_wake(&io_core_of(io)->waker, IO_WAKER_USER);
}
