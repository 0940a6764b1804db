#include "replication/io/io_ring_state.h"

#include <errno.h>

#include "matching/base/assertion.h"
#include "replication/io/io_socket.h"

static void complete_accept(struct io_ring *ring, uint32_t handle, struct io_handle *slot,
                            int32_t result, uint32_t flags)
{
    bool ended = (flags & IORING_CQE_F_MORE) == 0;
    if (ended) {
        slot->backend_flags &= ~IO_RING_ACCEPT_ARMED;
    }
    if (result >= 0) {
        (void)io_core_accepted(&ring->core, handle, result);
    }
    if (ended && !slot->closing) {
        if (result < 0 && io_socket_accept_must_wait(-result)) {
            io_core_accept_stall(&ring->core, handle);
        } else {
            io_handle_list_add(&ring->core.table, IO_LIST_WORK, handle);
        }
    }
}

static void complete_readable(struct io_ring *ring, uint32_t handle, struct io_handle *slot,
                              int32_t result)
{
    slot->backend_flags &= ~(IO_RING_READABLE_ARMED | IO_RING_RECEIVE_CANCELED);
    if (result >= 0) {
        slot->backend_flags |= IO_RING_READABLE;
    }
    if (io_core_receive_desired(slot)) {
        io_handle_list_add(&ring->core.table, IO_LIST_WORK, handle);
    }
}

/* The buffer that a receive has filled, or IO_BUFFER_NONE. */
static uint32_t buffer_filled(struct io_ring *ring, struct io_handle *slot, uint32_t flags)
{
    if (slot->receive_buffer != IO_BUFFER_NONE) {
        uint32_t buffer = slot->receive_buffer;
        slot->receive_buffer = IO_BUFFER_NONE;
        return buffer;
    }
    if ((flags & IORING_CQE_F_BUFFER) == 0) {
        return IO_BUFFER_NONE;
    }
    uint32_t buffer = flags >> IORING_CQE_BUFFER_SHIFT;
    io_buffers_claim(&ring->core.buffers, buffer);
    return buffer;
}

void io_ring_collect_release(struct io_ring *ring, uint32_t buffer)
{
    struct io_buffers *buffers = &ring->core.buffers;
    io_core_buffer_free(&ring->core, buffer);
    if (buffers->kernel_has_free && buffer < buffers->buffer_count) {
        io_uring_buf_ring_add(ring->buffer_ring, io_buffers_address(buffers, buffer),
                              buffers->buffer_bytes, (uint16_t)buffer,
                              io_uring_buf_ring_mask(buffers->buffer_count), 0);
        io_uring_buf_ring_advance(ring->buffer_ring, 1);
    }
}

static void complete_receive(struct io_ring *ring, uint32_t handle, struct io_handle *slot,
                             int32_t result, uint32_t flags)
{
    struct io_core *core = &ring->core;
    bool ended = (flags & IORING_CQE_F_MORE) == 0;
    if (ended) {
        slot->backend_flags &= ~(IO_RING_RECEIVE_ARMED | IO_RING_RECEIVE_CANCELED);
    }
    uint32_t buffer = buffer_filled(ring, slot, flags);
    if (result > 0) {
        ASSERT(buffer != IO_BUFFER_NONE);
        if ((uint32_t)result < core->buffers.buffer_bytes) {
            slot->backend_flags &= ~IO_RING_READABLE;
        }
        io_core_received(core, handle, buffer, (uint32_t)result);
    } else if (buffer != IO_BUFFER_NONE) {
        io_ring_collect_release(ring, buffer);
    }
    if (!ended) {
        ASSERT(result > 0);
        return;
    }
    switch (result) {
    case -ENOBUFS:
        slot->backend_flags |= IO_RING_REFUSED | IO_RING_READABLE; /* Perhaps: we shall see. */
        break;
    case -EAGAIN:
        slot->backend_flags &= ~IO_RING_READABLE;
        break;
    case -ECANCELED:
    case -EINTR:
        break;
    default:
        if (result <= 0) {
            io_core_receive_ended(core, handle, result);
        }
        break;
    }
    if (io_core_receive_desired(slot)) {
        io_handle_list_add(&core->table, IO_LIST_WORK, handle);
    }
}

static void complete_send(struct io_ring *ring, uint32_t handle, struct io_handle *slot,
                          int32_t result)
{
    ASSERT(slot->send == IO_REQUEST_IN_FLIGHT);
    if (result > 0) {
        slot->send_done_bytes += (uint32_t)result;
        ASSERT(slot->send_done_bytes <= slot->send_bytes);
        if (slot->send_done_bytes == slot->send_bytes) {
            io_core_sent(&ring->core, handle, (int32_t)slot->send_bytes);
            return;
        }
    }
    bool again = result > 0 || result == -EINTR || result == -EAGAIN;
    if (!again || slot->closing) {
        io_core_sent(&ring->core, handle, again ? -ECANCELED : result < 0 ? result : -EIO);
        return;
    }
    slot->send = IO_REQUEST_WANTED;
    io_handle_list_add(&ring->core.table, IO_LIST_WORK, handle);
}

static void complete_write(struct io_ring *ring, uint32_t index, int32_t result)
{
    ASSERT(index < IO_WRITES_MAX);
    struct io_ring_write *write = &ring->writes[index];
    if (result > 0) {
        write->done_bytes += (uint32_t)result;
        ASSERT(write->done_bytes <= write->bytes);
    }
    bool again = result == -EINTR || result == -EAGAIN;
    if (again || (result > 0 && write->done_bytes < write->bytes)) {
        io_ring_start_write_later(ring, index);
        return;
    }
    struct io_handle *slot = io_core_handle(&ring->core, write->handle);
    ASSERT(slot->in_flight > 0);
    slot->in_flight--;
    int32_t told = result > 0 ? (int32_t)write->bytes : result < 0 ? result : -EIO;
    io_core_written(&ring->core, write->handle, told, write->token);
    write->next = ring->write_free_first;
    ring->write_free_first = index;
    if (slot->closing) {
        io_core_close_try(&ring->core, write->handle);
    }
}

static void complete_handle(struct io_ring *ring, enum io_ring_operation operation,
                            const struct io_uring_cqe *cqe)
{
    uint32_t handle = (uint32_t)cqe->user_data;
    struct io_handle *slot = io_core_handle(&ring->core, handle);
    uint32_t generation =
        (uint32_t)(cqe->user_data >> 32) & ((1u << IO_HANDLE_GENERATION_BITS) - 1);
    ASSERT(generation == slot->generation); /* IO_CLOSED waits for all requests. */
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        ASSERT(slot->in_flight > 0);
        slot->in_flight--;
    }
    if (operation == RING_ACCEPT) {
        complete_accept(ring, handle, slot, cqe->res, cqe->flags);
    } else if (operation == RING_CONNECT) {
        io_core_connected(&ring->core, handle, cqe->res);
    } else if (operation == RING_RECEIVE) {
        complete_receive(ring, handle, slot, cqe->res, cqe->flags);
    } else if (operation == RING_READABLE) {
        complete_readable(ring, handle, slot, cqe->res);
    } else {
        ASSERT(operation == RING_SEND);
        complete_send(ring, handle, slot, cqe->res);
    }
    if (slot->closing) {
        io_core_close_try(&ring->core, handle);
    }
}

static void complete(struct io_ring *ring, const struct io_uring_cqe *cqe)
{
    if (cqe->user_data == LIBURING_UDATA_TIMEOUT) {
        return; /* liburing's, where the kernel has no timeouts as arguments. */
    }
    enum io_ring_operation operation = (enum io_ring_operation)(cqe->user_data >> 56);
    switch (operation) {
    case RING_ACCEPT:
    case RING_CONNECT:
    case RING_RECEIVE:
    case RING_READABLE:
    case RING_SEND:
        complete_handle(ring, operation, cqe);
        return;
    case RING_WRITE:
        complete_write(ring, (uint32_t)cqe->user_data, cqe->res);
        return;
    case RING_WAKE:
        ring->wake_armed = false; /* Why is in the waker; start_all() arms it again. */
        return;
    case RING_CANCEL:
        return; /* What was cancelled tells by itself. */
    }
    ASSERT(false);
}

void io_ring_collect(struct io_ring *ring)
{
    struct io_uring_cqe *cqe;
    unsigned head;
    unsigned seen = 0;
    io_uring_for_each_cqe(&ring->ring, head, cqe)
    {
        if (!io_core_room(&ring->core)) {
            break;
        }
        complete(ring, cqe);
        seen++;
    }
    io_uring_cq_advance(&ring->ring, seen);
}
