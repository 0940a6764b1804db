#include "replication/io/io_epoll.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/io/io_core.h"
#include "replication/io/io_disk.h"
#include "replication/io/io_socket.h"
#include "replication/io/io_writer.h"

#define EPOLL_EVENTS_MAX    256
#define EPOLL_NS_PER_SECOND UINT64_C(1000000000)
#define EPOLL_NS_PER_MS     UINT64_C(1000000)
#define EPOLL_WAIT_MS_MAX   60000u     /* The caller's loop goes round again. */
#define EPOLL_WAKER         UINT64_MAX /* Event data of the waker; handles have theirs below. */

/* Bits of io_handle.backend_flags. */
#define EPOLL_READABLE (1u << 0) /* Not known to be empty. */
#define EPOLL_WRITABLE (1u << 1) /* Not known to be full. */
#define EPOLL_HUNG_UP  (1u << 2) /* The end stands behind what can be read: no short cut. */

struct io_epoll {
    struct io_core core; /* First. */
    int epoll_fd;
    bool nanoseconds; /* epoll_pwait2(), Linux 5.11; some sandboxes forbid it. */
    struct io_writer writer;
    struct epoll_event events[EPOLL_EVENTS_MAX];
};

static struct io_epoll *epoll_of(struct io *io)
{
    static_assert(offsetof(struct io_epoll, core) == 0, "a struct io is a struct io_epoll");
    return (struct io_epoll *)(void *)io;
}

static bool watch(struct io_epoll *epoll, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(epoll->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool watch_handle(struct io_epoll *epoll, uint32_t handle, const struct io_handle *slot)
{
    uint64_t data = (uint64_t)slot->generation << 32 | handle;
    return watch(epoll, slot->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, data);
}

static enum status epoll_listen(struct io *io, const char *endpoint, uint64_t token,
                                uint32_t *handle, uint16_t *port)
{
    struct io_epoll *epoll = epoll_of(io);
    uint32_t taken;
    uint16_t bound_port;
    enum status status = io_core_request_listen(io, endpoint, token, &taken, &bound_port);
    if (status != STATUS_OK) {
        return status;
    }
    struct io_handle *slot = io_core_handle(&epoll->core, taken);
    if (!watch_handle(epoll, taken, slot)) {
        (void)close(slot->fd);
        io_handle_give_back(&epoll->core.table, taken);
        return STATUS_FULL;
    }
    *handle = taken;
    *port = bound_port;
    return STATUS_OK;
}

static void epoll_buffer_release(struct io *io, const struct io_completion *completion)
{
    io_core_buffer_free(&epoll_of(io)->core, completion->buffer_id);
}

static enum status epoll_file_open(struct io *io, const char *path, bool direct, uint32_t *handle)
{
    enum status status = io_writer_start(&epoll_of(io)->writer);
    return status == STATUS_OK ? io_core_request_file_open(io, path, direct, handle) : status;
}

static void epoll_file_write(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                             uint64_t offset, uint64_t token)
{
    struct io_epoll *epoll = epoll_of(io);
    struct io_handle *slot = io_core_handle(&epoll->core, handle);
    ASSERT(slot->kind == IO_HANDLE_FILE);
    ASSERT(!slot->closing);
    ASSERT(!slot->direct || io_disk_is_aligned(data, data_bytes, offset));
    struct io_writer_job job = {
        .data = data,
        .offset = offset,
        .token = token,
        .bytes = data_bytes,
        .handle = handle,
        .fd = slot->fd,
    };
    slot->in_flight++;
    io_writer_submit(&epoll->writer, &job);
}

static enum status epoll_memory_register(struct io *io, void *base, size_t bytes)
{
    (void)io;
    (void)base;
    (void)bytes;
    return STATUS_DENIED;
}

static void epoll_memory_forget(struct io *io, void *base)
{
    (void)io;
    (void)base;
}

static void work_connect(struct io_epoll *epoll, uint32_t handle, struct io_handle *slot)
{
    int error = 0;
    if (slot->connect == IO_REQUEST_WANTED) {
        slot->connect = IO_REQUEST_IN_FLIGHT;
        int failed = connect(slot->fd, &slot->peer.socket.any, slot->peer.bytes);
        error = failed == 0 ? 0 : errno;
        bool going_on = error == EINPROGRESS || error == EINTR;
        if ((error == 0 || going_on) && !watch_handle(epoll, handle, slot)) {
            error = errno;
        } else if (going_on) {
            return;
        }
    } else {
        if ((slot->backend_flags & EPOLL_WRITABLE) == 0) {
            return;
        }
        socklen_t error_bytes = sizeof error;
        int failed = getsockopt(slot->fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
        ASSERT(failed == 0);
    }
    io_core_connected(&epoll->core, handle, -error);
}

static void work_send(struct io_epoll *epoll, uint32_t handle, struct io_handle *slot)
{
    slot->send = IO_REQUEST_IN_FLIGHT;
    while ((slot->backend_flags & EPOLL_WRITABLE) != 0) {
        ssize_t sent = send(slot->fd, slot->send_data + slot->send_done_bytes,
                            slot->send_bytes - slot->send_done_bytes, MSG_NOSIGNAL);
        if (sent > 0) {
            slot->send_done_bytes += (uint32_t)sent;
            ASSERT(slot->send_done_bytes <= slot->send_bytes);
            if (slot->send_done_bytes == slot->send_bytes) {
                io_core_sent(&epoll->core, handle, (int32_t)slot->send_bytes);
                return;
            }
        } else if (sent < 0 && errno == EAGAIN) {
            slot->backend_flags &= ~EPOLL_WRITABLE;
        } else if (sent == 0 || errno != EINTR) {
            io_core_sent(&epoll->core, handle, sent == 0 ? -EIO : -errno);
            return;
        }
    }
}

/* One buffer's worth; the handle stays on the list of work while there may be more. */
static void work_receive(struct io_epoll *epoll, uint32_t handle, struct io_handle *slot)
{
    struct io_core *core = &epoll->core;
    uint32_t buffer = io_buffers_take(&core->buffers, handle);
    if (buffer == IO_BUFFER_NONE) {
        io_handle_list_add(&core->table, IO_LIST_STARVED, handle);
        return;
    }
    ssize_t got =
        recv(slot->fd, io_buffers_address(&core->buffers, buffer), core->buffers.buffer_bytes, 0);
    int error = got < 0 ? errno : 0;
    if (got > 0) {
        /* Less than asked for: the next arrival makes a new event (epoll(7)). Not so for an end
         * that has already been reported. */
        if ((size_t)got < core->buffers.buffer_bytes &&
            (slot->backend_flags & EPOLL_HUNG_UP) == 0) {
            slot->backend_flags &= ~EPOLL_READABLE;
        }
        io_core_received(core, handle, buffer, (uint32_t)got);
    } else {
        io_core_buffer_free(core, buffer);
        if (error == EAGAIN) {
            slot->backend_flags &= ~EPOLL_READABLE;
        } else if (error != EINTR) {
            io_core_receive_ended(core, handle, -error);
        }
    }
    io_handle_list_add(&core->table, IO_LIST_WORK, handle);
}

static void work_accept(struct io_epoll *epoll, uint32_t listener, struct io_handle *slot)
{
    struct io_core *core = &epoll->core;
    int fd = accept4(slot->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && errno == EAGAIN) {
        slot->backend_flags &= ~EPOLL_READABLE;
        return;
    }
    if (fd < 0 && io_socket_accept_must_wait(errno)) {
        io_core_accept_stall(core, listener);
        return;
    }
    io_handle_list_add(&core->table, IO_LIST_WORK, listener);
    if (fd < 0) {
        return; /* That connection is gone already; there may be others. */
    }
    uint32_t handle = io_core_accepted(core, listener, fd);
    if (handle != IO_HANDLE_NONE) {
        struct io_handle *accepted = io_core_handle(core, handle);
        accepted->backend_flags |= EPOLL_WRITABLE;
        if (!watch_handle(epoll, handle, accepted)) {
            /* Out of kernel memory for one more: let its owner see an end at once. */
            (void)shutdown(fd, SHUT_RDWR);
            accepted->backend_flags |= EPOLL_READABLE | EPOLL_HUNG_UP;
        }
    }
}

static void work_closing(struct io_epoll *epoll, uint32_t handle, struct io_handle *slot)
{
    if (slot->connect == IO_REQUEST_IN_FLIGHT) {
        slot->connect = IO_REQUEST_CANCELLED;
    }
    if (slot->send == IO_REQUEST_IN_FLIGHT) {
        slot->send = IO_REQUEST_CANCELLED;
    }
    io_core_close_try(&epoll->core, handle);
}

/* Try what the handle wants: at most two completions. */
static void work(struct io_epoll *epoll, uint32_t handle, struct io_handle *slot)
{
    if (slot->closing) {
        work_closing(epoll, handle, slot);
        return;
    }
    bool readable = (slot->backend_flags & EPOLL_READABLE) != 0;
    switch (slot->kind) {
    case IO_HANDLE_FREE:
        ASSERT(false);
    case IO_HANDLE_LISTENER:
        if (readable) {
            work_accept(epoll, handle, slot);
        }
        return;
    case IO_HANDLE_CONNECTION:
        if (slot->connect == IO_REQUEST_WANTED || slot->connect == IO_REQUEST_IN_FLIGHT) {
            work_connect(epoll, handle, slot);
            return;
        }
        if (slot->send == IO_REQUEST_WANTED || slot->send == IO_REQUEST_IN_FLIGHT) {
            work_send(epoll, handle, slot);
        }
        if (readable && io_core_receive_desired(slot)) {
            if (io_core_room(&epoll->core)) {
                work_receive(epoll, handle, slot);
            } else {
                io_handle_list_add(&epoll->core.table, IO_LIST_WORK, handle);
            }
        }
        return;
    case IO_HANDLE_FILE:
        return;
    }
    ASSERT(false);
}

static void work_all(struct io_epoll *epoll)
{
    struct io_handle_table *table = &epoll->core.table;
    while (table->lists[IO_LIST_WORK].count > 0 && io_core_room(&epoll->core)) {
        uint32_t handle = io_handle_list_pop(table, IO_LIST_WORK);
        work(epoll, handle, io_core_handle(&epoll->core, handle));
    }
}

static void collect_writes(struct io_epoll *epoll)
{
    struct io_core *core = &epoll->core;
    struct io_writer_job job;
    while (io_core_room(core) && (core->wake_reasons & IO_WAKER_WRITER) != 0) {
        if (io_writer_collect(&epoll->writer, &job) != STATUS_OK) {
            core->wake_reasons &= ~IO_WAKER_WRITER;
            return;
        }
        struct io_handle *slot = io_core_handle(core, job.handle);
        ASSERT(slot->in_flight > 0);
        slot->in_flight--;
        io_core_written(core, job.handle, job.result, job.token);
        if (slot->closing) {
            io_core_close_try(core, job.handle);
        }
    }
}

static void take_event(struct io_epoll *epoll, const struct epoll_event *event)
{
    if (event->data.u64 == EPOLL_WAKER) {
        uint64_t count;
        ssize_t got = read(epoll->core.waker.fd, &count, sizeof count);
        ASSERT(got == (ssize_t)sizeof count); /* Readable, and nobody else reads. */
        return;
    }
    uint32_t handle = (uint32_t)event->data.u64;
    struct io_handle *slot = io_core_handle(&epoll->core, handle);
    ASSERT(slot->generation == event->data.u64 >> 32); /* Closing takes it out of the set. */
    uint32_t ended = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if ((event->events & (EPOLLIN | ended)) != 0) {
        slot->backend_flags |= EPOLL_READABLE;
    }
    if ((event->events & ended) != 0) {
        slot->backend_flags |= EPOLL_HUNG_UP;
    }
    if ((event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) {
        slot->backend_flags |= EPOLL_WRITABLE;
    }
    io_handle_list_add(&epoll->core.table, IO_LIST_WORK, handle);
}

static int wait_events(struct io_epoll *epoll, uint64_t until_ns)
{
    uint64_t wait_ns = 0;
    if (until_ns != 0) {
        io_clock_system(&epoll->core.io);
        uint64_t now_ns = epoll->core.io.now_ns;
        wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        uint64_t wait_ns_max = EPOLL_WAIT_MS_MAX * EPOLL_NS_PER_MS;
        wait_ns = wait_ns < wait_ns_max ? wait_ns : wait_ns_max;
    }
    if (epoll->nanoseconds) {
        struct timespec wait = {
            .tv_sec = (time_t)(wait_ns / EPOLL_NS_PER_SECOND),
            .tv_nsec = (long)(wait_ns % EPOLL_NS_PER_SECOND),
        };
        return epoll_pwait2(epoll->epoll_fd, epoll->events, EPOLL_EVENTS_MAX, &wait, NULL);
    }
    int wait_ms = (int)((wait_ns + EPOLL_NS_PER_MS - 1) / EPOLL_NS_PER_MS);
    return epoll_wait(epoll->epoll_fd, epoll->events, EPOLL_EVENTS_MAX, wait_ms);
}

/* One turn: try, perhaps wait, look, try again. */
static void turn(struct io_epoll *epoll, uint64_t due_ns)
{
    struct io_core *core = &epoll->core;
    io_core_revive(core);
    work_all(epoll);
    io_core_deliver(core);
    collect_writes(epoll);
    uint64_t until_ns = 0;
    if (core->idle == IO_IDLE_SLEEP && core->completions_count == 0 &&
        core->table.lists[IO_LIST_WORK].count == 0) {
        until_ns = io_core_wait_until_ns(core, due_ns);
    }
    if (until_ns != 0 && !io_waker_may_sleep(&core->waker)) {
        until_ns = 0;
    }
    int event_count = wait_events(epoll, until_ns);
    io_waker_awake(&core->waker);
    ASSERT(event_count >= 0 || errno == EINTR);
    for (int i = 0; i < event_count; i++) {
        take_event(epoll, &epoll->events[i]);
    }
    work_all(epoll);
    io_core_deliver(core);
    collect_writes(epoll);
    io_clock_system(&core->io);
}

static uint32_t epoll_poll(struct io *io, struct io_completion *completions,
                           uint32_t completions_max, uint64_t due_ns)
{
    struct io_epoll *epoll = epoll_of(io);
    struct io_core *core = &epoll->core;
    io_core_poll_begin(core, completions, completions_max);
    do {
        turn(epoll, due_ns);
    } while (core->completions_count == 0 && core->idle == IO_IDLE_SLEEP && io->now_ns < due_ns);
    return io_core_poll_end(core);
}

static void epoll_destroy(struct io *io)
{
    struct io_epoll *epoll = epoll_of(io);
    struct io_completion dropped[64];
    epoll->core.idle = IO_IDLE_SLEEP;
    io_core_close_all(&epoll->core);
    while (epoll->core.table.used_count > 0) {
        (void)epoll_poll(io, dropped, sizeof dropped / sizeof dropped[0], UINT64_MAX);
    }
    io_writer_stop(&epoll->writer);
    (void)close(epoll->epoll_fd);
    io_core_destroy(&epoll->core);
}

static const struct io_backend BACKEND = {
    .destroy = epoll_destroy,
    .features = io_core_request_features,
    .clock = io_clock_system,
    .listen = epoll_listen,
    .connect = io_core_request_connect,
    .receive_start = io_core_request_receive_start,
    .receive_pause = io_core_request_receive_pause,
    .receive_resume = io_core_request_receive_resume,
    .buffer_release = epoll_buffer_release,
    .send = io_core_request_send,
    .close = io_core_request_close,
    .file_open = epoll_file_open,
    .file_write = epoll_file_write,
    .file_read_now = io_core_request_file_read_now,
    .file_write_now = io_core_request_file_write_now,
    .memory_register = epoll_memory_register,
    .memory_forget = epoll_memory_forget,
    .poll = epoll_poll,
    .wake = io_core_request_wake,
};

enum status io_epoll_create(struct io **io, const struct io_options *options)
{
    struct io_core *core;
    struct arena arena;
    enum status status =
        io_core_create(&core, sizeof(struct io_epoll), 0, &BACKEND, options, &arena);
    if (status != STATUS_OK) {
        return status;
    }
    arena_seal(&arena);
    struct io_epoll *epoll = epoll_of(&core->io);
    core->blocking_sockets = false;
    epoll->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll->epoll_fd < 0) {
        io_core_destroy(core);
        return STATUS_FULL;
    }
    if (!watch(epoll, core->waker.fd, EPOLLIN, EPOLL_WAKER)) {
        (void)close(epoll->epoll_fd);
        io_core_destroy(core);
        return STATUS_FULL;
    }
    io_writer_init(&epoll->writer, &core->waker);
    struct timespec none = {.tv_sec = 0};
    epoll->nanoseconds = epoll_pwait2(epoll->epoll_fd, epoll->events, 1, &none, NULL) >= 0;
    (void)snprintf(core->features, sizeof core->features, "epoll: edge-triggered %s writer-threads",
                   epoll->nanoseconds ? "nanosecond-timeouts" : "millisecond-timeouts");
    *io = &core->io;
    return STATUS_OK;
}
