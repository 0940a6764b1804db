/* I/O of one loop thread: sockets, files, time and wake-ups as requests and completions.
 *
 * Nothing above this header touches the kernel on the hot path. Requests are queued by calls that
 * never block; their outcomes come from io_poll() as completions, to be treated as inputs of a
 * later step. Backends: io_ring (io_uring), io_epoll (where io_uring is forbidden), and the
 * simulator's. Everything but io_wake() belongs to the thread that created the io.
 *
 * A handle is a number below handles_max: callers may keep tables by it. It is the caller's from
 * the call or the IO_ACCEPTED that gave it until IO_CLOSED; nothing of a former use reaches the
 * next. What one io_poll() has returned is with the caller: after io_receive_pause() or io_close()
 * the rest of that batch may still hold completions of the handle, later batches do not (but for
 * what io_close() says). */
#ifndef REPLICATION_IO_IO_H
#define REPLICATION_IO_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

/* File writes in flight, over all files of an io. The caller keeps to it (asserted). */
#define IO_WRITES_MAX 256u

struct io;

enum io_backend_kind {
    IO_BACKEND_BEST = 0, /* io_uring, or epoll where the kernel refuses it. */
    IO_BACKEND_RING = 1,
    IO_BACKEND_EPOLL = 2,
};

/* What the thread does when there is nothing to do. */
enum io_idle {
    IO_IDLE_SLEEP = 0, /* Wait in the kernel: a wake-up costs some tens of microseconds. */
    IO_IDLE_YIELD = 1, /* Give the processor to others, ask again. */
    IO_IDLE_SPIN = 2,  /* Ask again at once: needs a core of its own. */
};

struct io_options {
    enum io_backend_kind backend;
    enum io_idle idle;
    uint32_t handles_max;          /* Sockets and files together. */
    uint32_t receive_buffer_bytes; /* Each, a power of two. */
    /* A power of two, at most 32,768. All held: each connection goes on with one buffer of its own,
     * so that those who hold many keep nobody else from receiving. */
    uint32_t receive_buffer_count;
};

enum io_completion_kind {
    IO_ACCEPTED = 1, /* `handle` is a new connection of the listener `listener`. */
    IO_CONNECTED,    /* result 0 or -errno. */
    IO_RECEIVED,     /* `data`, result bytes > 0; give it back by io_buffer_release(). result 0: the
                        peer closed its side; -errno: the connection failed. No data then. */
    IO_SENT,         /* All of the bytes (result = their count) or -errno. */
    IO_CLOSED,       /* io_close() is complete: the handle may be used again. */
    IO_WRITTEN,      /* All of the bytes written (result = their count) or -errno. */
    IO_WOKEN,        /* io_wake() was called, once or more often, by any thread. */
};

struct io_completion {
    enum io_completion_kind kind;
    uint32_t handle;
    uint32_t listener;
    int32_t result;
    uint64_t token;      /* As given with the request (for IO_ACCEPTED: the listener's). */
    const uint8_t *data; /* IO_RECEIVED: valid until io_buffer_release(). */
    uint32_t buffer_id;  /* Below receive_buffer_count + handles_max. */
};

/* STATUS_DENIED when the backend asked for is not to be had here; STATUS_FULL without memory,
 * descriptors or threads. All memory is taken here. */
MUST_USE enum status io_create(struct io **io, const struct io_options *options);
/* Closes what is open. Nothing may be in flight that points to memory about to be freed. */
void io_destroy(struct io *io);

/* What was found at start, for one line of log: the backend and each step of the feature ladder,
 * for example "io_uring: single-issuer defer-taskrun multishot-accept multishot-receive
 * provided-buffers registered-buffers ext-arg-timeouts". Static for the life of io. */
const char *io_features(const struct io *io);

/* Monotonic and UTC time in nanoseconds, read once per io_poll() and at io_now_refresh(). */
uint64_t io_now_ns(const struct io *io);
uint64_t io_wall_ns(const struct io *io);
void io_now_refresh(struct io *io);
/* Rehearses a wrong wall clock: from the next reading on UTC is read `shift_ns` ahead of what the
 * system says, or behind; never before 1970. Backends that live in real time; others ignore it. */
void io_wall_shift(struct io *io, int64_t shift_ns);

/* Listen on "address:port" (numeric IPv4, or "[IPv6]:port"; no names: DESIGN P6). Connections come
 * as IO_ACCEPTED until the listener is closed, TCP_NODELAY set, not yet receiving; those for which
 * there is no handle are closed at once, those for which the process has no descriptor wait. Port
 * 0: any free one; `*port` says which. STATUS_IN_USE, STATUS_DENIED, STATUS_BAD_ARGUMENT (no
 * endpoint, or none of this machine), STATUS_FULL, STATUS_IO. */
MUST_USE enum status io_listen(struct io *io, const char *endpoint, uint64_t token,
                               uint32_t *handle, uint16_t *port);
/* Connect; IO_CONNECTED tells the outcome. After a failure the handle is still to be closed.
 * STATUS_BAD_ARGUMENT, STATUS_FULL, STATUS_IO. */
MUST_USE enum status io_connect(struct io *io, const char *endpoint, uint64_t token,
                                uint32_t *handle);

/* Receive until the connection ends: completions carry `token`. */
void io_receive_start(struct io *io, uint32_t handle, uint64_t token);
/* Push back on the peer: after io_receive_pause() no IO_RECEIVED comes for this handle until
 * io_receive_resume(); what has arrived meanwhile is kept in order, then the socket's window
 * closes. */
void io_receive_pause(struct io *io, uint32_t handle);
void io_receive_resume(struct io *io, uint32_t handle);
void io_buffer_release(struct io *io, const struct io_completion *completion);

/* Send all of `data`, which stays the caller's and unchanged until IO_SENT: that the kernel has it,
 * not that the peer has. One at a time a handle. */
void io_send(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes, uint64_t token);

/* Close a socket or file: requests in flight end first (sends and connects are cancelled, writes
 * awaited; their completions still come, those of receives are swallowed), then IO_CLOSED with
 * `token`. What has been sent before still reaches the peer. Data given with IO_RECEIVED stays
 * valid until io_buffer_release(), whatever becomes of the handle. */
void io_close(struct io *io, uint32_t handle, uint64_t token);

/* Files. `direct`: O_DIRECT|O_DSYNC: buffers, sizes and offsets are multiples of 4096, and
 * IO_WRITTEN means durable. Opening blocks (start-up only). The file must exist.
 * STATUS_NOT_FOUND, STATUS_DENIED, STATUS_BAD_ARGUMENT (a directory, or a file system without
 * O_DIRECT), STATUS_FULL, STATUS_IO. */
MUST_USE enum status io_file_open(struct io *io, const char *path, bool direct, uint32_t *handle);
void io_file_write(struct io *io, uint32_t handle, const void *data, uint32_t data_bytes,
                   uint64_t offset, uint64_t token);
/* Blocking, for recovery only. STATUS_SHORT at the end of the file; STATUS_NO_SPACE on a full disk,
 * quota or size limit; STATUS_IO. */
MUST_USE enum status io_file_read_now(struct io *io, uint32_t handle, void *target,
                                      uint32_t target_bytes, uint64_t offset);
MUST_USE enum status io_file_write_now(struct io *io, uint32_t handle, const void *data,
                                       uint32_t data_bytes, uint64_t offset);

/* Tell the kernel once of memory that writes will come from (io_uring: a registered buffer).
 * Optional: writes from other memory work too. At most 8 regions. STATUS_DENIED: go on without. */
MUST_USE enum status io_memory_register(struct io *io, void *base, size_t bytes);
/* Before registered memory is freed: other memory may come to stand at its address, and writes from
 * there must not go out with the old one's bytes. Nothing is in flight from it. Memory that was not
 * registered is fine. */
void io_memory_forget(struct io *io, void *base);

/* Submit what is queued and collect up to `completions_max` completions. Waits as options.idle says
 * until one is there or monotonic time reaches `due_ns` (0: do not wait; UINT64_MAX: no limit).
 * Returns how many. With IO_IDLE_YIELD and IO_IDLE_SPIN it may return 0 early: call again. */
uint32_t io_poll(struct io *io, struct io_completion *completions, uint32_t completions_max,
                 uint64_t due_ns);

/* From any thread, or a signal handler: make io_poll() return soon, with one IO_WOKEN. (A signal
 * alone does not end the wait.) */
void io_wake(struct io *io);

#endif
