/* The table of handles that both kernel backends keep: sockets and files by number, what each of
 * them has in flight, and the lists on which they wait for the loop.
 *
 * A handle is an index below handles_max. Its generation grows when it is given back, so that an
 * outcome that belongs to a former user is told apart. Loop thread only. */
#ifndef REPLICATION_IO_IO_HANDLE_H
#define REPLICATION_IO_IO_HANDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/status.h"
#include "replication/io/io_socket.h"

#define IO_HANDLE_NONE            UINT32_MAX
#define IO_HANDLE_GENERATION_BITS 24u
#define IO_BUFFER_NONE            UINT32_MAX /* Of a handle that has none: io_buffers.h. */

enum io_handle_kind {
    IO_HANDLE_FREE = 0,
    IO_HANDLE_LISTENER,
    IO_HANDLE_CONNECTION,
    IO_HANDLE_FILE,
};

/* Lists a handle may stand on, each at most once. */
enum io_list_kind {
    IO_LIST_FREE = 0, /* Oldest first, so that a number rests as long as possible. */
    IO_LIST_WORK,     /* The backend has something to start for it. */
    IO_LIST_READY,    /* It has completions that need no kernel. */
    IO_LIST_STARVED,  /* It would receive if there were a buffer: its own is held as well. */
    IO_LIST_STALLED,  /* A listener that the system had no descriptor for. */
    IO_LIST_COUNT
};

struct io_link {
    uint32_t previous;
    uint32_t next;
};

/* A send or a connection attempt starts once and is told once. */
enum io_request_state {
    IO_REQUEST_NONE = 0,
    IO_REQUEST_WANTED,    /* Asked for, not yet with the kernel. */
    IO_REQUEST_IN_FLIGHT, /* The kernel has it. */
    IO_REQUEST_CANCELLED, /* Closed before the kernel had it; not yet told. */
};

struct io_handle {
    int fd;
    uint32_t generation; /* Below 2 to the power of IO_HANDLE_GENERATION_BITS. */
    enum io_handle_kind kind;
    struct io_link links[IO_LIST_COUNT];
    bool listed[IO_LIST_COUNT];

    bool direct;  /* File: O_DIRECT|O_DSYNC. */
    bool closing; /* io_close() was called. */
    bool closed;  /* The descriptor is closed; IO_CLOSED is still to be told. */
    bool receive_wanted;
    bool receive_paused;
    bool receive_ended; /* The end or an error has been seen: receive_end_result, told last. */
    bool receive_end_told;
    enum io_request_state connect;
    enum io_request_state send;
    uint32_t in_flight;     /* Requests of any kind that the kernel, or a thread, has. */
    uint32_t backend_flags; /* Each backend has bits of its own. */
    int32_t receive_end_result;

    uint64_t open_token; /* Of the listener or the connection attempt. */
    uint64_t receive_token;
    uint64_t send_token;
    uint64_t close_token;

    const uint8_t *send_data;
    uint32_t send_bytes;
    uint32_t send_done_bytes;

    uint32_t pending_first; /* Buffers received and not yet told, in order: io_buffers.h. */
    uint32_t pending_last;

    uint32_t receive_buffer; /* Where a receive in flight writes, if that was chosen here. */

    struct io_address peer; /* Where a connection attempt goes. */
};

struct io_handle_list {
    uint32_t first;
    uint32_t last;
    uint32_t count;
};

struct io_handle_table {
    struct io_handle *handles;
    uint32_t handles_max;
    uint32_t used_count;
    struct io_handle_list lists[IO_LIST_COUNT];
};

/* Bytes that io_handle_init() takes from its arena. */
size_t io_handle_table_bytes(uint32_t handles_max);
void io_handle_init(struct io_handle_table *table, struct arena *arena, uint32_t handles_max);

/* STATUS_FULL when all are used. */
MUST_USE enum status io_handle_take(struct io_handle_table *table, enum io_handle_kind kind, int fd,
                                    uint32_t *handle);
/* Takes it off its lists. Asserts: nothing is in flight, pending or untold. */
void io_handle_give_back(struct io_handle_table *table, uint32_t handle);

/* Asserts that it is in use. */
struct io_handle *io_handle_at(struct io_handle_table *table, uint32_t handle);

/* Put at the end of a list unless it stands there already. */
void io_handle_list_add(struct io_handle_table *table, enum io_list_kind kind, uint32_t handle);
/* Take off a list if it stands there. */
void io_handle_list_remove(struct io_handle_table *table, enum io_list_kind kind, uint32_t handle);
/* The first of a list, taken off; IO_HANDLE_NONE when it is empty. */
uint32_t io_handle_list_pop(struct io_handle_table *table, enum io_list_kind kind);

#endif
