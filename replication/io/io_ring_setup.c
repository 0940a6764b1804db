#include "replication/io/io_ring_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "matching/base/assertion.h"

#define QUEUE_ENTRIES             1024u
#define COMPLETIONS_PER_ENTRY     16u
#define COMPLETIONS_PER_ENTRY_MIN 2u
#define PROBE_REQUEST             UINT64_C(1)
#define PROBE_CANCEL              UINT64_C(2)

struct setup_step {
    uint32_t features;
    uint32_t flags;
};

/* Best first. TASKRUN_FLAG lets a busy loop see in memory whether the kernel has work for it. */
static const struct setup_step SETUP_STEPS[] = {
    {IO_FEATURE_SINGLE_ISSUER | IO_FEATURE_DEFER_TASKRUN,
     IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG},
    {IO_FEATURE_SINGLE_ISSUER | IO_FEATURE_COOP_TASKRUN,
     IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG},
    {IO_FEATURE_COOP_TASKRUN, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG},
    {IO_FEATURE_SINGLE_ISSUER, IORING_SETUP_SINGLE_ISSUER},
    {0, 0},
};

static const int OPERATIONS_NEEDED[] = {
    IORING_OP_ACCEPT,   IORING_OP_CONNECT,      IORING_OP_SEND,    IORING_OP_RECV,
    IORING_OP_READ,     IORING_OP_WRITE,        IORING_OP_TIMEOUT, IORING_OP_WRITE_FIXED,
    IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL,
};

static bool operations_supported(struct io_uring *ring)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    if (probe == NULL) {
        return false;
    }
    bool supported = true;
    for (size_t i = 0; i < sizeof OPERATIONS_NEEDED / sizeof OPERATIONS_NEEDED[0]; i++) {
        supported = supported && io_uring_opcode_supported(probe, OPERATIONS_NEEDED[i]) != 0;
    }
    io_uring_free_probe(probe);
    return supported;
}

enum status io_ring_setup(struct io_uring *ring, const struct io_limits *limits, uint32_t *features)
{
    uint32_t entries = limits->queue_entries != 0 ? limits->queue_entries : QUEUE_ENTRIES;
    uint32_t per_entry =
        limits->queue_entries != 0 ? COMPLETIONS_PER_ENTRY_MIN : COMPLETIONS_PER_ENTRY;
    int error = -EINVAL;
    size_t step = 0;
    for (; step < sizeof SETUP_STEPS / sizeof SETUP_STEPS[0]; step++) {
        if ((SETUP_STEPS[step].features & limits->features_left_out) != 0) {
            continue;
        }
        struct io_uring_params params = {
            .flags = SETUP_STEPS[step].flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
            .cq_entries = entries * per_entry,
        };
        error = io_uring_queue_init_params(entries, ring, &params);
        if (error != -EINVAL) {
            break;
        }
    }
    if (error == -ENOMEM || error == -EMFILE || error == -ENFILE) {
        return STATUS_FULL;
    }
    if (error != 0) {
        return STATUS_DENIED;
    }
    const uint32_t needed = IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL;
    if ((ring->features & needed) != needed || !operations_supported(ring)) {
        io_uring_queue_exit(ring);
        return STATUS_DENIED;
    }
    *features = SETUP_STEPS[step].features;
    if ((limits->features_left_out & IO_FEATURE_EXT_ARG) != 0) {
        /* liburing then makes timeouts requests of their own. */
        ring->features &= ~IORING_FEAT_EXT_ARG;
    }
    if ((ring->features & IORING_FEAT_EXT_ARG) != 0) {
        *features |= IO_FEATURE_EXT_ARG;
    }
    /* Saves a look-up of the descriptor in each system call; nothing is lost without. */
    (void)io_uring_register_ring_fd(ring);
    return STATUS_OK;
}

/* Submit the one request that has been prepared, cancel it, and see what it said: a kernel that
 * knows it says "cancelled", one that does not "invalid". */
static bool request_accepted(struct io_uring *ring)
{
    struct io_uring_sqe *cancel = io_uring_get_sqe(ring);
    ASSERT(cancel != NULL);
    io_uring_prep_cancel64(cancel, PROBE_REQUEST, 0);
    io_uring_sqe_set_data64(cancel, PROBE_CANCEL);

    int32_t result = 0;
    for (uint32_t seen = 0; seen < 2;) {
        int submitted = io_uring_submit_and_wait(ring, 1);
        if (submitted < 0 && submitted != -EINTR) {
            return false;
        }
        struct io_uring_cqe *cqe;
        while (io_uring_peek_cqe(ring, &cqe) == 0) {
            if (cqe->user_data == PROBE_REQUEST) {
                result = cqe->res;
                ASSERT((cqe->flags & IORING_CQE_F_MORE) == 0);
            }
            io_uring_cqe_seen(ring, cqe);
            seen++;
        }
    }
    return result == -ECANCELED || result == -EINTR;
}

static bool multishot_receive_accepted(struct io_uring *ring)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        return false;
    }
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    ASSERT(sqe != NULL);
    io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = IO_RING_BUFFER_GROUP;
    io_uring_sqe_set_data64(sqe, PROBE_REQUEST);
    bool accepted = request_accepted(ring);
    (void)close(pair[0]);
    (void)close(pair[1]);
    return accepted;
}

static bool multishot_accept_accepted(struct io_uring *ring)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    /* Bound to the family alone, a local socket gets a free name that no file system sees. */
    struct sockaddr address = {.sa_family = AF_UNIX};
    bool accepted = false;
    if (bind(fd, &address, sizeof address.sa_family) == 0 && listen(fd, 1) == 0) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
        ASSERT(sqe != NULL);
        io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
        io_uring_sqe_set_data64(sqe, PROBE_REQUEST);
        accepted = request_accepted(ring);
    }
    (void)close(fd);
    return accepted;
}

static bool buffers_accepted(struct io_uring *ring, struct io_uring_buf_ring *buffer_ring,
                             struct io_buffers *buffers)
{
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)buffer_ring,
        .ring_entries = buffers->buffer_count,
        .bgid = IO_RING_BUFFER_GROUP,
    };
    io_uring_buf_ring_init(buffer_ring);
    if (io_uring_register_buf_ring(ring, &registration, 0) != 0) {
        return false;
    }
    int mask = io_uring_buf_ring_mask(buffers->buffer_count);
    for (uint32_t buffer = 0; buffer < buffers->buffer_count; buffer++) {
        io_uring_buf_ring_add(buffer_ring, io_buffers_address(buffers, buffer),
                              buffers->buffer_bytes, (uint16_t)buffer, mask, (int)buffer);
    }
    io_uring_buf_ring_advance(buffer_ring, (int)buffers->buffer_count);
    return true;
}

void io_ring_setup_steps(struct io_uring *ring, const struct io_limits *limits,
                         struct io_uring_buf_ring *buffer_ring, struct io_buffers *buffers,
                         uint32_t *features)
{
    uint32_t wanted = IO_FEATURES_ALL & ~limits->features_left_out;
    *features |= wanted & IO_FEATURE_WHOLE_SENDS; /* Not to be tried out, and not needed. */
    if ((wanted & IO_FEATURE_PROVIDED_BUFFERS) != 0 &&
        buffers_accepted(ring, buffer_ring, buffers)) {
        *features |= IO_FEATURE_PROVIDED_BUFFERS;
        buffers->kernel_has_free = true;
    }
    if ((wanted & IO_FEATURE_MULTISHOT_RECEIVE) != 0 &&
        (*features & IO_FEATURE_PROVIDED_BUFFERS) != 0 && multishot_receive_accepted(ring)) {
        *features |= IO_FEATURE_MULTISHOT_RECEIVE;
    }
    if ((wanted & IO_FEATURE_MULTISHOT_ACCEPT) != 0 && multishot_accept_accepted(ring)) {
        *features |= IO_FEATURE_MULTISHOT_ACCEPT;
    }
    if ((wanted & IO_FEATURE_REGISTERED_BUFFERS) != 0 &&
        io_uring_register_buffers_sparse(ring, IO_RING_REGIONS_MAX) == 0) {
        *features |= IO_FEATURE_REGISTERED_BUFFERS;
    }
}

void io_ring_setup_describe(char *text, size_t text_bytes, uint32_t features)
{
    static const struct {
        uint32_t feature;
        const char *name;
    } NAMES[] = {
        {IO_FEATURE_SINGLE_ISSUER, "single-issuer"},
        {IO_FEATURE_DEFER_TASKRUN, "defer-taskrun"},
        {IO_FEATURE_COOP_TASKRUN, "coop-taskrun"},
        {IO_FEATURE_MULTISHOT_ACCEPT, "multishot-accept"},
        {IO_FEATURE_MULTISHOT_RECEIVE, "multishot-receive"},
        {IO_FEATURE_PROVIDED_BUFFERS, "provided-buffers"},
        {IO_FEATURE_REGISTERED_BUFFERS, "registered-buffers"},
        {IO_FEATURE_EXT_ARG, "ext-arg-timeouts"},
    };
    size_t used = (size_t)snprintf(text, text_bytes, "io_uring:");
    ASSERT(used < text_bytes);
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
        if ((features & NAMES[i].feature) != 0) {
            used += (size_t)snprintf(text + used, text_bytes - used, " %s", NAMES[i].name);
            ASSERT(used < text_bytes);
        }
    }
}
