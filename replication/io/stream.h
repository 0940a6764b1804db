/* One connection as a byte stream over io: bounded on the way out, handed through on the way in.
 *
 * On the way out there are two halves of a buffer of the caller's: one is filled while the other is
 * with the kernel. Who fills asks for room first; there is none when the peer is slow. On the way
 * in every piece is the user's at once, and it gives the buffer back: there is nothing to hold
 * here. The user passes on completions with the stream's token and does what the event says. One
 * loop thread, as io. */
#ifndef REPLICATION_IO_STREAM_H
#define REPLICATION_IO_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/io/io.h"

enum stream_state {
    STREAM_FREE = 0,
    STREAM_CONNECTING,
    STREAM_OPEN,
    STREAM_FINISHING, /* What is in the buffer goes out, then it closes; nothing comes in. */
    STREAM_CLOSING,   /* io_close() is under way: its memory is still in use. */
};

struct stream {
    struct io *io;
    uint64_t token;
    uint32_t handle;
    uint8_t state; /* enum stream_state. */
    bool sending;  /* The other half is with the kernel. */
    uint8_t filling;
    uint8_t *memory; /* Two halves. */
    uint32_t half_bytes;
    uint32_t filled_bytes;
    uint64_t bytes_in; /* Since it was opened, as the kernel took and gave them. */
    uint64_t bytes_out;
};

enum stream_event_kind {
    STREAM_NOTHING = 0,
    STREAM_OPENED, /* The connection asked for is there. */
    STREAM_DATA,   /* `data`; then stream_release(). */
    STREAM_SENT,   /* There is more room than before. */
    STREAM_ENDED,  /* It failed (`error`: errno) or the peer closed it (0): close it. */
    STREAM_CLOSED, /* It is free again. */
};

struct stream_event {
    enum stream_event_kind kind;
    const uint8_t *data;
    uint32_t data_bytes;
    int32_t error;
};

/* `memory`: 2 * half_bytes, which outlive the stream. */
void stream_init(struct stream *stream, struct io *io, uint8_t *memory, uint32_t half_bytes);

/* Dial "address:port". The stream is free; on a failure (those of io_connect()) it stays so. */
MUST_USE enum status stream_connect(struct stream *stream, const char *endpoint, uint64_t token);
/* Take over a connection from IO_ACCEPTED. The stream is free. */
void stream_accept(struct stream *stream, uint32_t handle, uint64_t token);

/* Take a completion that has the stream's token. */
void stream_complete(struct stream *stream, const struct io_completion *completion,
                     struct stream_event *event);
/* After STREAM_DATA, whatever has become of the stream meanwhile. */
void stream_release(struct stream *stream, const struct io_completion *completion);

/* Where bytes to be sent belong, `*bytes_max` of them: 0 when there is no room now. */
uint8_t *stream_room(struct stream *stream, uint32_t *bytes_max);
void stream_filled(struct stream *stream, uint32_t bytes);
/* Send what has been filled, unless a send is under way: then it goes out after that one. */
void stream_flush(struct stream *stream);
/* Whether all that was filled is with the kernel. */
bool stream_is_drained(const struct stream *stream);

/* Close when everything filled so far is with the kernel. No STREAM_DATA follows. */
void stream_finish(struct stream *stream);
/* Close now; STREAM_CLOSED follows. Not while free; again is fine. */
void stream_close(struct stream *stream);

#endif
