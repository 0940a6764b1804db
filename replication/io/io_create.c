#include "replication/io/io_create.h"

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/assertion.h"
#include "replication/io/io_buffers.h"
#include "replication/io/io_epoll.h"
#include "replication/io/io_handle.h"
#include "replication/io/io_ring.h"

static bool is_power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

enum status io_create(struct io **io, const struct io_options *options)
{
    struct io_limits limits = {.features_left_out = 0};
    return io_create_limited(io, options, &limits);
}

enum status io_create_limited(struct io **io, const struct io_options *options,
                              const struct io_limits *limits)
{
    ASSERT(io != NULL);
    ASSERT(options->handles_max > 0);
    ASSERT(options->handles_max < IO_HANDLE_NONE / 2);
    ASSERT(is_power_of_two(options->receive_buffer_bytes));
    ASSERT(options->receive_buffer_bytes >= IO_BUFFER_BYTES_MIN);
    ASSERT(options->receive_buffer_bytes <= IO_BUFFER_BYTES_MAX);
    ASSERT(is_power_of_two(options->receive_buffer_count));
    ASSERT(options->receive_buffer_count <= IO_BUFFER_COUNT_MAX);

    switch (options->backend) {
    case IO_BACKEND_RING:
        return io_ring_create(io, options, limits);
    case IO_BACKEND_EPOLL:
        return io_epoll_create(io, options);
    case IO_BACKEND_BEST: {
        enum status status = io_ring_create(io, options, limits);
        /* Whatever it lacks (older kernels count rings as locked memory): epoll may not lack it. */
        return status == STATUS_OK ? status : io_epoll_create(io, options);
    }
    }
    ASSERT(false);
}
