/* What the ring and the epoll backend share: all of io.h except how the kernel is asked.
 *
 * A request only changes its handle and puts it on IO_LIST_WORK; the backend's poll() goes through
 * that list, starts what is wanted and reports outcomes to the functions here, which turn them into
 * completions or keep them for later (a paused receiver, a closing handle). Loop thread only. */
#ifndef REPLICATION_IO_IO_CORE_H
#define REPLICATION_IO_IO_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/status.h"
#include "replication/io/io_backend.h"
#include "replication/io/io_buffers.h"
#include "replication/io/io_handle.h"
#include "replication/io/io_waker.h"

#define IO_CORE_FEATURES_BYTES 192u

struct io_core {
    struct io io; /* First: a struct io is a struct io_core. */
    enum io_idle idle;
    bool blocking_sockets; /* io_uring wants them, epoll must not have them. */
    struct io_handle_table table;
    struct io_buffers buffers;
    struct io_waker waker;
    uint32_t wake_reasons;    /* Taken from the waker and not yet served. */
    uint64_t accept_retry_ns; /* When listeners on IO_LIST_STALLED try again. */
    void *block;              /* All memory of the backend, this struct included. */
    size_t block_bytes;
    char features[IO_CORE_FEATURES_BYTES];

    /* Where completions go; only while poll() runs. */
    struct io_completion *completions;
    uint32_t completions_count;
    uint32_t completions_max;
};

/* One zeroed block from the kernel for the backend's struct (`core_bytes`, beginning with struct
 * io_core), `extra_bytes` more, handles and buffers; `*arena` has the extra bytes left to take.
 * Opens the waker. STATUS_FULL without memory or descriptor. */
MUST_USE enum status io_core_create(struct io_core **core, size_t core_bytes, size_t extra_bytes,
                                    const struct io_backend *backend,
                                    const struct io_options *options, struct arena *arena);
/* After all handles are closed. */
void io_core_destroy(struct io_core *core);

struct io_core *io_core_of(struct io *io);
struct io_handle *io_core_handle(struct io_core *core, uint32_t handle);

/* io_core_request.c: members of struct io_backend that both backends use as they are. */
const char *io_core_request_features(const struct io *io);
enum status io_core_request_listen(struct io *io, const char *endpoint, uint64_t token,
                                   uint32_t *handle, uint16_t *port);
enum status io_core_request_connect(struct io *io, const char *endpoint, uint64_t token,
                                    uint32_t *handle);
void io_core_request_receive_start(struct io *io, uint32_t handle, uint64_t token);
void io_core_request_receive_pause(struct io *io, uint32_t handle);
void io_core_request_receive_resume(struct io *io, uint32_t handle);
void io_core_request_send(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                          uint64_t token);
void io_core_request_close(struct io *io, uint32_t handle, uint64_t token);
enum status io_core_request_file_open(struct io *io, const char *path, bool direct,
                                      uint32_t *handle);
enum status io_core_request_file_read_now(struct io *io, uint32_t handle, void *target,
                                          uint32_t target_bytes, uint64_t offset);
enum status io_core_request_file_write_now(struct io *io, uint32_t handle, const void *data,
                                           uint32_t data_bytes, uint64_t offset);
void io_core_request_wake(struct io *io);

/* For poll(): where completions go from here, and how many there were. */
void io_core_poll_begin(struct io_core *core, struct io_completion *completions,
                        uint32_t completions_max);
uint32_t io_core_poll_end(struct io_core *core);
/* Room for at least one more completion? */
bool io_core_room(const struct io_core *core);
/* Tell what is ready without the kernel, as far as there is room. */
void io_core_deliver(struct io_core *core);
/* When a sleep until `due_ns` has to end; 0 when that time has passed. */
uint64_t io_core_wait_until_ns(const struct io_core *core, uint64_t due_ns);

/* Outcomes, each of at most one completion; there must be room. io_core_accepted() answers the new
 * handle, or IO_HANDLE_NONE when there is none and the connection was closed at once. */
uint32_t io_core_accepted(struct io_core *core, uint32_t listener, int fd);
void io_core_connected(struct io_core *core, uint32_t handle, int32_t result);
void io_core_sent(struct io_core *core, uint32_t handle, int32_t result);
void io_core_written(struct io_core *core, uint32_t handle, int32_t result, uint64_t token);
void io_core_received(struct io_core *core, uint32_t handle, uint32_t buffer, uint32_t bytes);
void io_core_receive_ended(struct io_core *core, uint32_t handle, int32_t result);

/* Whether the handle should have a receive going on. */
bool io_core_receive_desired(const struct io_handle *slot);
/* A buffer is held no more; whoever waits for just this one goes on. */
void io_core_buffer_free(struct io_core *core, uint32_t buffer);
/* The system had no descriptor or memory for accept(): try again after a while. */
void io_core_accept_stall(struct io_core *core, uint32_t listener);
/* Put starved and stalled handles whose time has come on IO_LIST_WORK. */
void io_core_revive(struct io_core *core);
/* Close a closing handle if nothing is in flight. */
void io_core_close_try(struct io_core *core, uint32_t handle);
/* Ask for all handles to be closed; for destroy(). */
void io_core_close_all(struct io_core *core);

#endif
