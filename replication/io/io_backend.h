/* What stands behind io.h: a table of functions a backend, called by io.c and by nobody else.
 *
 * A backend (io_ring.c, io_epoll.c, a simulator in tests) allocates a struct of its own whose first
 * member is struct io and fills `backend`. Every function has the contract of the function of the
 * same name in io.h; io.c has checked the arguments that are alike for all backends. No member is
 * NULL. Test code may make an io of its own this way without a change to the product. */
#ifndef REPLICATION_IO_IO_BACKEND_H
#define REPLICATION_IO_IO_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/io/io.h"

struct io_backend {
    void (*destroy)(struct io *io); /* Frees the struct as well. */
    const char *(*features)(const struct io *io);
    void (*clock)(struct io *io); /* Sets now_ns and wall_ns; poll() ends with the same. */

    enum status (*listen)(struct io *io, const char *endpoint, uint64_t token, uint32_t *handle,
                          uint16_t *port);
    enum status (*connect)(struct io *io, const char *endpoint, uint64_t token, uint32_t *handle);
    void (*receive_start)(struct io *io, uint32_t handle, uint64_t token);
    void (*receive_pause)(struct io *io, uint32_t handle);
    void (*receive_resume)(struct io *io, uint32_t handle);
    void (*buffer_release)(struct io *io, const struct io_completion *completion);
    void (*send)(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                 uint64_t token);
    void (*close)(struct io *io, uint32_t handle, uint64_t token);

    enum status (*file_open)(struct io *io, const char *path, bool direct, uint32_t *handle);
    void (*file_write)(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                       uint64_t offset, uint64_t token);
    enum status (*file_read_now)(struct io *io, uint32_t handle, void *target,
                                 uint32_t target_bytes, uint64_t offset);
    enum status (*file_write_now)(struct io *io, uint32_t handle, const void *data,
                                  uint32_t data_bytes, uint64_t offset);
    enum status (*memory_register)(struct io *io, void *base, size_t bytes);
    void (*memory_forget)(struct io *io, void *base);

    uint32_t (*poll)(struct io *io, struct io_completion *completions, uint32_t completions_max,
                     uint64_t due_ns);
    void (*wake)(struct io *io); /* Any thread. */
};

struct io {
    const struct io_backend *backend;
    uint64_t now_ns;       /* What io_now_ns() answers. */
    uint64_t wall_ns;      /* What io_wall_ns() answers. */
    int64_t wall_shift_ns; /* io_wall_shift(). */
};

/* `clock` of every backend that lives in real time: CLOCK_MONOTONIC and CLOCK_REALTIME,
 * this one shifted. */
void io_clock_system(struct io *io);

/* Steps of io_uring's feature ladder, as bits. */
#define IO_FEATURE_SINGLE_ISSUER      (1u << 0)
#define IO_FEATURE_DEFER_TASKRUN      (1u << 1) /* Needs single-issuer. */
#define IO_FEATURE_COOP_TASKRUN       (1u << 2) /* Only where defer-taskrun is refused. */
#define IO_FEATURE_MULTISHOT_ACCEPT   (1u << 3)
#define IO_FEATURE_MULTISHOT_RECEIVE  (1u << 4) /* Needs provided-buffers. */
#define IO_FEATURE_PROVIDED_BUFFERS   (1u << 5)
#define IO_FEATURE_REGISTERED_BUFFERS (1u << 6)
#define IO_FEATURE_EXT_ARG            (1u << 7)
#define IO_FEATURE_WHOLE_SENDS        (1u << 8) /* The kernel itself goes on after a short send. */
#define IO_FEATURES_ALL               ((1u << 9) - 1)

/* For tests: leave steps of the ladder out as if the kernel had refused them, and make the queues
 * small so that they overflow. */
struct io_limits {
    uint32_t features_left_out; /* Bits IO_FEATURE_*. */
    uint32_t queue_entries;     /* Submission queue; 0: as production has it. */
};

#endif
