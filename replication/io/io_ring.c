#include "replication/io/io_ring.h"

#include <errno.h>
#include <sched.h>
#include <sys/uio.h>

#include "matching/base/assertion.h"
#include "replication/io/io_disk.h"
#include "replication/io/io_ring_state.h"

#define IO_RING_NS_PER_SECOND   UINT64_C(1000000000)
#define IO_RING_ALIGNMENT_BYTES 4096u

static struct io_ring *ring_of(struct io *io)
{
    static_assert(offsetof(struct io_ring, core) == 0, "a struct io is a struct io_ring");
    return (struct io_ring *)(void *)io;
}

static void ring_buffer_release(struct io *io, const struct io_completion *completion)
{
    io_ring_collect_release(ring_of(io), completion->buffer_id);
}

static void ring_file_write(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                            uint64_t offset, uint64_t token)
{
    struct io_ring *ring = ring_of(io);
    struct io_handle *slot = io_core_handle(&ring->core, handle);
    ASSERT(slot->kind == IO_HANDLE_FILE);
    ASSERT(!slot->closing);
    ASSERT(!slot->direct || io_disk_is_aligned(data, data_bytes, offset));

    uint32_t index = ring->write_free_first;
    ASSERT(index != IO_HANDLE_NONE); /* The caller keeps to IO_WRITES_MAX. */
    ring->write_free_first = ring->writes[index].next;
    ring->writes[index] = (struct io_ring_write){
        .handle = handle,
        .data = data,
        .bytes = data_bytes,
        .offset = offset,
        .token = token,
    };
    slot->in_flight++;
    io_ring_start_write_later(ring, index);
}

/* A slot of the table of registered memory: the one of `base`, or a free one for NULL. */
static uint32_t region_at(const struct io_ring *ring, const void *base)
{
    uint32_t region = 0;
    while (region < IO_RING_REGIONS_MAX && ring->regions[region].base != base) {
        region++;
    }
    return region;
}

static enum status ring_memory_register(struct io *io, void *base, size_t bytes)
{
    struct io_ring *ring = ring_of(io);
    uint32_t region = region_at(ring, NULL);
    if ((ring->features & IO_FEATURE_REGISTERED_BUFFERS) == 0 || region == IO_RING_REGIONS_MAX) {
        return STATUS_DENIED;
    }
    struct iovec memory = {.iov_base = base, .iov_len = bytes};
    if (io_uring_register_buffers_update_tag(&ring->ring, region, &memory, NULL, 1) != 1) {
        return STATUS_DENIED; /* Most often RLIMIT_MEMLOCK. */
    }
    ring->regions[region] = (struct io_ring_region){.base = base, .bytes = bytes};
    return STATUS_OK;
}

static void ring_memory_forget(struct io *io, void *base)
{
    struct io_ring *ring = ring_of(io);
    uint32_t region = region_at(ring, base);
    if (region == IO_RING_REGIONS_MAX) {
        return;
    }
    struct iovec nothing = {.iov_base = NULL, .iov_len = 0};
    int updated = io_uring_register_buffers_update_tag(&ring->ring, region, &nothing, NULL, 1);
    ASSERT(updated == 1);
    ring->regions[region] = (struct io_ring_region){.base = NULL, .bytes = 0};
}

/* Whether the kernel has completions for us that it cannot show before it is entered. */
static bool kernel_has_work(const struct io_ring *ring)
{
    uint32_t flags = __atomic_load_n(ring->ring.sq.kflags, __ATOMIC_RELAXED);
    return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

/* Submit; wait for a completion until monotonic time `until_ns` (0: do not wait). One system call
 * at most, none when there is nothing to submit and nothing to be had. */
static void enter(struct io_ring *ring, uint64_t until_ns)
{
    int result;
    if (until_ns == 0) {
        if (io_uring_sq_ready(&ring->ring) == 0 && !kernel_has_work(ring)) {
            return;
        }
        result = io_uring_submit_and_get_events(&ring->ring);
    } else if (until_ns == UINT64_MAX) {
        result = io_uring_submit_and_wait(&ring->ring, 1);
    } else {
        io_clock_system(&ring->core.io);
        uint64_t now_ns = ring->core.io.now_ns;
        uint64_t wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        struct __kernel_timespec wait = {
            .tv_sec = (int64_t)(wait_ns / IO_RING_NS_PER_SECOND),
            .tv_nsec = (long long)(wait_ns % IO_RING_NS_PER_SECOND),
        };
        struct io_uring_cqe *first;
        result = io_uring_submit_and_wait_timeout(&ring->ring, &first, 1, &wait, NULL);
    }
    /* Busy: the completion queue has overflowed; what is collected next makes room, and what was
     * not submitted stays for the next turn. */
    ASSERT(result >= 0 || result == -ETIME || result == -EINTR || result == -EAGAIN ||
           result == -EBUSY || result == -ENOMEM);
}

/* When to wait until, or 0 where there is no reason to wait. */
static uint64_t wait_until_ns(const struct io_ring *ring, uint64_t due_ns)
{
    if (ring->core.idle != IO_IDLE_SLEEP || ring->core.completions_count > 0 ||
        io_uring_cq_ready(&ring->ring) > 0 || io_ring_start_pending(ring) ||
        !(ring->wake_armed || ring->ending)) {
        return 0;
    }
    return io_core_wait_until_ns(&ring->core, due_ns);
}

/* One turn: submit, perhaps wait, collect. */
static void turn(struct io_ring *ring, uint64_t due_ns)
{
    struct io_core *core = &ring->core;
    io_ring_start_all(ring);
    io_core_deliver(core);
    uint64_t until_ns = wait_until_ns(ring, due_ns);
    if (until_ns != 0 && !io_waker_may_sleep(&core->waker)) {
        until_ns = 0;
    }
    enter(ring, until_ns);
    io_waker_awake(&core->waker);
    io_ring_collect(ring);
    io_core_deliver(core);
    io_clock_system(&core->io);
}

static uint32_t ring_poll(struct io *io, struct io_completion *completions,
                          uint32_t completions_max, uint64_t due_ns)
{
    struct io_ring *ring = ring_of(io);
    struct io_core *core = &ring->core;
    io_core_poll_begin(core, completions, completions_max);
    do {
        turn(ring, due_ns);
    } while (core->completions_count == 0 && core->idle == IO_IDLE_SLEEP && io->now_ns < due_ns);
    return io_core_poll_end(core);
}

/* Everything is closed the ordinary way, so that the kernel has let go of all memory. */
static void ring_destroy(struct io *io)
{
    struct io_ring *ring = ring_of(io);
    struct io_completion dropped[64];
    ring->ending = true;
    ring->core.idle = IO_IDLE_SLEEP;
    io_core_close_all(&ring->core);
    if (ring->wake_armed) {
        io_ring_start_all(ring);
        enter(ring, 0);
        io_ring_start_wake_cancel(ring);
    }
    while (ring->core.table.used_count > 0 || ring->wake_armed) {
        io_core_poll_begin(&ring->core, dropped, sizeof dropped / sizeof dropped[0]);
        turn(ring, ring->core.io.now_ns + IO_RING_NS_PER_SECOND);
        (void)io_core_poll_end(&ring->core);
    }
    io_uring_queue_exit(&ring->ring);
    io_core_destroy(&ring->core);
}

static const struct io_backend BACKEND = {
    .destroy = ring_destroy,
    .features = io_core_request_features,
    .clock = io_clock_system,
    .listen = io_core_request_listen,
    .connect = io_core_request_connect,
    .receive_start = io_core_request_receive_start,
    .receive_pause = io_core_request_receive_pause,
    .receive_resume = io_core_request_receive_resume,
    .buffer_release = ring_buffer_release,
    .send = io_core_request_send,
    .close = io_core_request_close,
    .file_open = io_core_request_file_open,
    .file_write = ring_file_write,
    .file_read_now = io_core_request_file_read_now,
    .file_write_now = io_core_request_file_write_now,
    .memory_register = ring_memory_register,
    .memory_forget = ring_memory_forget,
    .poll = ring_poll,
    .wake = io_core_request_wake,
};

enum status io_ring_create(struct io **io, const struct io_options *options,
                           const struct io_limits *limits)
{
    size_t buffer_ring_bytes = options->receive_buffer_count * sizeof(struct io_uring_buf);
    size_t writes_bytes = IO_WRITES_MAX * sizeof(struct io_ring_write);
    size_t extra_bytes = buffer_ring_bytes + writes_bytes + 2 * (size_t)IO_RING_ALIGNMENT_BYTES;
    struct io_core *core;
    struct arena arena;
    enum status status =
        io_core_create(&core, sizeof(struct io_ring), extra_bytes, &BACKEND, options, &arena);
    if (status != STATUS_OK) {
        return status;
    }
    struct io_ring *ring = ring_of(&core->io);
    core->blocking_sockets = true;
    status = io_ring_setup(&ring->ring, limits, &ring->features);
    if (status != STATUS_OK) {
        io_core_destroy(core);
        return status;
    }
    ring->buffer_ring = arena_take(&arena, 1, buffer_ring_bytes, IO_RING_ALIGNMENT_BYTES);
    ring->writes = arena_take(&arena, IO_WRITES_MAX, sizeof *ring->writes, 64);
    ASSERT(ring->buffer_ring != NULL);
    ASSERT(ring->writes != NULL);
    arena_seal(&arena);
    ring->write_wanted_first = IO_HANDLE_NONE;
    ring->write_wanted_last = IO_HANDLE_NONE;
    ring->write_free_first = IO_HANDLE_NONE;
    for (uint32_t index = 0; index < IO_WRITES_MAX; index++) {
        ring->writes[index].next = ring->write_free_first;
        ring->write_free_first = index;
    }
    io_ring_setup_steps(&ring->ring, limits, ring->buffer_ring, &core->buffers, &ring->features);
    io_ring_setup_describe(core->features, sizeof core->features, ring->features);
    *io = &core->io;
    return STATUS_OK;
}
