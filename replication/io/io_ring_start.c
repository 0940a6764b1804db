#include "replication/io/io_ring_state.h"

#include <poll.h>

#include "matching/base/assertion.h"

/* A handle needs at most so many submission entries at a time: a connection's cancels for its
 * receive, its send and its connect. */
#define IO_RING_ENTRIES_PER_HANDLE 3u

static uint64_t user_data(enum io_ring_operation operation, uint32_t generation, uint32_t index)
{
    ASSERT(generation < 1u << IO_HANDLE_GENERATION_BITS);
    return (uint64_t)operation << 56 | (uint64_t)generation << 32 | index;
}

static struct io_uring_sqe *take_sqe(struct io_ring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->ring);
    ASSERT(sqe != NULL); /* Whoever prepares has looked for space. */
    return sqe;
}

static bool has_space(struct io_ring *ring, uint32_t entries)
{
    return io_uring_sq_space_left(&ring->ring) >= entries;
}

static void start(struct io_uring_sqe *sqe, enum io_ring_operation operation, uint32_t handle,
                  struct io_handle *slot)
{
    io_uring_sqe_set_data64(sqe, user_data(operation, slot->generation, handle));
    slot->in_flight++;
}

static void cancel(struct io_ring *ring, enum io_ring_operation operation, uint32_t handle,
                   const struct io_handle *slot)
{
    ASSERT(slot->in_flight > 0);
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_cancel64(sqe, user_data(operation, slot->generation, handle), 0);
    io_uring_sqe_set_data64(sqe, user_data(RING_CANCEL, 0, 0));
}

static void start_accept(struct io_ring *ring, uint32_t handle, struct io_handle *slot)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    if ((ring->features & IO_FEATURE_MULTISHOT_ACCEPT) != 0) {
        io_uring_prep_multishot_accept(sqe, slot->fd, NULL, NULL, SOCK_CLOEXEC);
    } else {
        io_uring_prep_accept(sqe, slot->fd, NULL, NULL, SOCK_CLOEXEC);
    }
    start(sqe, RING_ACCEPT, handle, slot);
    slot->backend_flags |= IO_RING_ACCEPT_ARMED;
}

static void start_connect(struct io_ring *ring, uint32_t handle, struct io_handle *slot)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_connect(sqe, slot->fd, &slot->peer.socket.any, slot->peer.bytes);
    start(sqe, RING_CONNECT, handle, slot);
    slot->connect = IO_REQUEST_IN_FLIGHT;
}

static void start_send(struct io_ring *ring, uint32_t handle, struct io_handle *slot)
{
    ASSERT(slot->send_done_bytes < slot->send_bytes);
    /* Kernels before 5.19 take no notice of MSG_WAITALL: then the rest is sent from here. */
    int whole = (ring->features & IO_FEATURE_WHOLE_SENDS) != 0 ? MSG_WAITALL : 0;
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_send(sqe, slot->fd, slot->send_data + slot->send_done_bytes,
                       slot->send_bytes - slot->send_done_bytes, MSG_NOSIGNAL | whole);
    start(sqe, RING_SEND, handle, slot);
    slot->send = IO_REQUEST_IN_FLIGHT;
}

/* Without provided buffers, or when all of them are held: wait until there is something, and only
 * then take a buffer, so that idle connections hold none. */
static void start_receive_chosen(struct io_ring *ring, uint32_t handle, struct io_handle *slot)
{
    if ((slot->backend_flags & IO_RING_READABLE) == 0) {
        struct io_uring_sqe *sqe = take_sqe(ring);
        io_uring_prep_poll_add(sqe, slot->fd, POLLIN);
        start(sqe, RING_READABLE, handle, slot);
        slot->backend_flags |= IO_RING_READABLE_ARMED;
        return;
    }
    uint32_t buffer = io_buffers_take(&ring->core.buffers, handle);
    if (buffer == IO_BUFFER_NONE) {
        io_handle_list_add(&ring->core.table, IO_LIST_STARVED, handle);
        return;
    }
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_recv(sqe, slot->fd, io_buffers_address(&ring->core.buffers, buffer),
                       ring->core.buffers.buffer_bytes, MSG_DONTWAIT);
    start(sqe, RING_RECEIVE, handle, slot);
    slot->receive_buffer = buffer;
    slot->backend_flags |= IO_RING_RECEIVE_ARMED;
    slot->backend_flags &= ~IO_RING_REFUSED;
}

static void start_receive(struct io_ring *ring, uint32_t handle, struct io_handle *slot)
{
    if ((ring->features & IO_FEATURE_PROVIDED_BUFFERS) == 0 ||
        (slot->backend_flags & IO_RING_REFUSED) != 0 ||
        io_buffers_free_count(&ring->core.buffers) == 0) {
        start_receive_chosen(ring, handle, slot);
        return;
    }
    struct io_uring_sqe *sqe = take_sqe(ring);
    if ((ring->features & IO_FEATURE_MULTISHOT_RECEIVE) != 0) {
        io_uring_prep_recv_multishot(sqe, slot->fd, NULL, 0, 0);
    } else {
        io_uring_prep_recv(sqe, slot->fd, NULL, ring->core.buffers.buffer_bytes, 0);
    }
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = IO_RING_BUFFER_GROUP;
    start(sqe, RING_RECEIVE, handle, slot);
    slot->backend_flags |= IO_RING_RECEIVE_ARMED;
}

static void cancel_receive(struct io_ring *ring, uint32_t handle, struct io_handle *slot)
{
    if ((slot->backend_flags & IO_RING_RECEIVE_CANCELED) != 0) {
        return;
    }
    slot->backend_flags |= IO_RING_RECEIVE_CANCELED;
    if ((slot->backend_flags & IO_RING_RECEIVE_ARMED) != 0) {
        cancel(ring, RING_RECEIVE, handle, slot);
    } else {
        ASSERT((slot->backend_flags & IO_RING_READABLE_ARMED) != 0);
        cancel(ring, RING_READABLE, handle, slot);
    }
}

bool io_ring_start_receive_armed(const struct io_handle *slot)
{
    return (slot->backend_flags & (IO_RING_RECEIVE_ARMED | IO_RING_READABLE_ARMED)) != 0;
}

/* File writes are not cancelled: they end by themselves, and half a write is worth nothing. */
static void work_closing(struct io_ring *ring, uint32_t handle, struct io_handle *slot)
{
    if ((slot->backend_flags & IO_RING_CLOSE_CANCELED) == 0) {
        slot->backend_flags |= IO_RING_CLOSE_CANCELED;
        if (io_ring_start_receive_armed(slot)) {
            cancel_receive(ring, handle, slot);
        }
        if ((slot->backend_flags & IO_RING_ACCEPT_ARMED) != 0) {
            cancel(ring, RING_ACCEPT, handle, slot);
        }
        if (slot->connect == IO_REQUEST_IN_FLIGHT) {
            cancel(ring, RING_CONNECT, handle, slot);
        }
        if (slot->send == IO_REQUEST_IN_FLIGHT) {
            cancel(ring, RING_SEND, handle, slot);
        }
    }
    io_core_close_try(&ring->core, handle);
}

/* Start whatever the handle wants; at most IO_RING_ENTRIES_PER_HANDLE entries. */
static void work(struct io_ring *ring, uint32_t handle, struct io_handle *slot)
{
    if (slot->closing) {
        work_closing(ring, handle, slot);
        return;
    }
    switch (slot->kind) {
    case IO_HANDLE_FREE:
        ASSERT(false);
    case IO_HANDLE_LISTENER:
        if ((slot->backend_flags & IO_RING_ACCEPT_ARMED) == 0) {
            start_accept(ring, handle, slot);
        }
        return;
    case IO_HANDLE_CONNECTION:
        if (slot->connect == IO_REQUEST_WANTED) {
            start_connect(ring, handle, slot);
        }
        if (slot->send == IO_REQUEST_WANTED) {
            start_send(ring, handle, slot);
        }
        if (io_ring_start_receive_armed(slot) && !io_core_receive_desired(slot)) {
            cancel_receive(ring, handle, slot);
        }
        if (!io_ring_start_receive_armed(slot) && io_core_receive_desired(slot)) {
            start_receive(ring, handle, slot);
        }
        return;
    case IO_HANDLE_FILE:
        return;
    }
    ASSERT(false);
}

/* Index of the registered region that holds these bytes, or IO_RING_REGIONS_MAX. */
static uint32_t region_of(const struct io_ring *ring, const uint8_t *data, uint32_t bytes)
{
    for (uint32_t region = 0; region < IO_RING_REGIONS_MAX; region++) {
        const struct io_ring_region *candidate = &ring->regions[region];
        if (candidate->bytes > 0 && data >= candidate->base && bytes <= candidate->bytes &&
            (size_t)(data - candidate->base) <= candidate->bytes - bytes) {
            return region;
        }
    }
    return IO_RING_REGIONS_MAX;
}

static void start_write(struct io_ring *ring, uint32_t index)
{
    struct io_ring_write *write = &ring->writes[index];
    const struct io_handle *slot = io_core_handle(&ring->core, write->handle);
    ASSERT(write->done_bytes < write->bytes);
    const uint8_t *data = write->data + write->done_bytes;
    uint32_t bytes = write->bytes - write->done_bytes;
    uint64_t offset = write->offset + write->done_bytes;
    uint32_t region = region_of(ring, data, bytes);
    struct io_uring_sqe *sqe = take_sqe(ring);
    if (region < IO_RING_REGIONS_MAX) {
        io_uring_prep_write_fixed(sqe, slot->fd, data, bytes, offset, (int)region);
    } else {
        io_uring_prep_write(sqe, slot->fd, data, bytes, offset);
    }
    io_uring_sqe_set_data64(sqe, user_data(RING_WRITE, 0, index));
}

void io_ring_start_write_later(struct io_ring *ring, uint32_t index)
{
    ring->writes[index].next = IO_HANDLE_NONE;
    if (ring->write_wanted_last == IO_HANDLE_NONE) {
        ring->write_wanted_first = index;
    } else {
        ring->writes[ring->write_wanted_last].next = index;
    }
    ring->write_wanted_last = index;
}

static void start_wake(struct io_ring *ring)
{
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_read(sqe, ring->core.waker.fd, &ring->wake_value, sizeof ring->wake_value, 0);
    io_uring_sqe_set_data64(sqe, user_data(RING_WAKE, 0, 0));
    ring->wake_armed = true;
}

/* Turn what is wanted into submission entries, as far as there is space for them. */
void io_ring_start_all(struct io_ring *ring)
{
    if (!ring->wake_armed && !ring->ending && has_space(ring, 1)) {
        start_wake(ring);
    }
    while (ring->write_wanted_first != IO_HANDLE_NONE && has_space(ring, 1)) {
        uint32_t index = ring->write_wanted_first;
        ring->write_wanted_first = ring->writes[index].next;
        if (ring->write_wanted_first == IO_HANDLE_NONE) {
            ring->write_wanted_last = IO_HANDLE_NONE;
        }
        start_write(ring, index);
    }
    io_core_revive(&ring->core);
    struct io_handle_table *table = &ring->core.table;
    while (table->lists[IO_LIST_WORK].count > 0 && has_space(ring, IO_RING_ENTRIES_PER_HANDLE)) {
        uint32_t handle = io_handle_list_pop(table, IO_LIST_WORK);
        work(ring, handle, io_core_handle(&ring->core, handle));
    }
}

bool io_ring_start_pending(const struct io_ring *ring)
{
    return ring->write_wanted_first != IO_HANDLE_NONE ||
           ring->core.table.lists[IO_LIST_WORK].count > 0;
}

void io_ring_start_wake_cancel(struct io_ring *ring)
{
    ASSERT(ring->wake_armed);
    ASSERT(ring->ending);
    struct io_uring_sqe *sqe = take_sqe(ring);
    io_uring_prep_cancel64(sqe, user_data(RING_WAKE, 0, 0), 0);
    io_uring_sqe_set_data64(sqe, user_data(RING_CANCEL, 0, 0));
}
