#include "replication/io/stream.h"

#include "matching/base/assertion.h"

void stream_init(struct stream *stream, struct io *io, uint8_t *memory, uint32_t half_bytes)
{
    ASSERT(memory != NULL);
    ASSERT(half_bytes > 0);
    *stream = (struct stream){.io = io, .memory = memory, .half_bytes = half_bytes};
}

static void stream_begin(struct stream *stream, uint32_t handle, uint64_t token,
                         enum stream_state state)
{
    ASSERT(stream->state == STREAM_FREE);
    ASSERT(!stream->sending);
    stream->state = (uint8_t)state;
    stream->handle = handle;
    stream->token = token;
    stream->filled_bytes = 0;
    stream->bytes_in = 0;
    stream->bytes_out = 0;
}

enum status stream_connect(struct stream *stream, const char *endpoint, uint64_t token)
{
    ASSERT(stream->state == STREAM_FREE);
    uint32_t handle;
    enum status status = io_connect(stream->io, endpoint, token, &handle);
    if (status == STATUS_OK) {
        stream_begin(stream, handle, token, STREAM_CONNECTING);
    }
    return status;
}

void stream_accept(struct stream *stream, uint32_t handle, uint64_t token)
{
    stream_begin(stream, handle, token, STREAM_OPEN);
    io_receive_start(stream->io, handle, token);
}

uint8_t *stream_room(struct stream *stream, uint32_t *bytes_max)
{
    ASSERT(stream->filled_bytes <= stream->half_bytes);
    bool open = stream->state == STREAM_OPEN;
    *bytes_max = open ? stream->half_bytes - stream->filled_bytes : 0;
    return stream->memory + (size_t)stream->filling * stream->half_bytes + stream->filled_bytes;
}

void stream_filled(struct stream *stream, uint32_t bytes)
{
    ASSERT(stream->state == STREAM_OPEN);
    ASSERT(bytes <= stream->half_bytes - stream->filled_bytes);
    stream->filled_bytes += bytes;
}

void stream_flush(struct stream *stream)
{
    bool open = stream->state == STREAM_OPEN || stream->state == STREAM_FINISHING;
    if (!open || stream->sending || stream->filled_bytes == 0) {
        return;
    }
    const uint8_t *half = stream->memory + (size_t)stream->filling * stream->half_bytes;
    io_send(stream->io, stream->handle, half, stream->filled_bytes, stream->token);
    stream->sending = true;
    stream->bytes_out += stream->filled_bytes;
    stream->filling ^= 1;
    stream->filled_bytes = 0;
}

bool stream_is_drained(const struct stream *stream)
{
    return !stream->sending && stream->filled_bytes == 0;
}

void stream_close(struct stream *stream)
{
    ASSERT(stream->state != STREAM_FREE);
    if (stream->state != STREAM_CLOSING) {
        stream->state = STREAM_CLOSING;
        io_close(stream->io, stream->handle, stream->token);
    }
}

void stream_finish(struct stream *stream)
{
    ASSERT(stream->state != STREAM_FREE);
    if (stream->state == STREAM_CONNECTING) {
        stream_close(stream);
    } else if (stream->state == STREAM_OPEN) {
        stream->state = STREAM_FINISHING;
        stream_flush(stream);
        if (stream_is_drained(stream)) {
            stream_close(stream);
        }
    }
}

static void stream_received(struct stream *stream, const struct io_completion *completion,
                            struct stream_event *event)
{
    bool open = stream->state == STREAM_OPEN;
    if (completion->result > 0 && !open) {
        io_buffer_release(stream->io, completion);
    } else if (completion->result > 0) {
        stream->bytes_in += (uint32_t)completion->result;
        event->kind = STREAM_DATA;
        event->data = completion->data;
        event->data_bytes = (uint32_t)completion->result;
    } else if (open) {
        event->kind = STREAM_ENDED;
        event->error = -completion->result;
    }
}

static void stream_sent(struct stream *stream, const struct io_completion *completion,
                        struct stream_event *event)
{
    ASSERT(stream->sending);
    stream->sending = false;
    if (stream->state == STREAM_CLOSING) {
        return;
    }
    if (completion->result < 0) {
        event->kind = STREAM_ENDED;
        event->error = -completion->result;
        return;
    }
    stream_flush(stream);
    if (stream->state == STREAM_FINISHING && stream_is_drained(stream)) {
        stream_close(stream);
    } else if (stream->state == STREAM_OPEN) {
        event->kind = STREAM_SENT;
    }
}

void stream_complete(struct stream *stream, const struct io_completion *completion,
                     struct stream_event *event)
{
    ASSERT(stream->state != STREAM_FREE);
    ASSERT(completion->token == stream->token);
    *event = (struct stream_event){.kind = STREAM_NOTHING};
    switch (completion->kind) {
    case IO_CONNECTED:
        if (stream->state == STREAM_CLOSING) {
            return;
        }
        ASSERT(stream->state == STREAM_CONNECTING);
        if (completion->result < 0) {
            event->kind = STREAM_ENDED;
            event->error = -completion->result;
            return;
        }
        stream->state = STREAM_OPEN;
        io_receive_start(stream->io, stream->handle, stream->token);
        event->kind = STREAM_OPENED;
        return;
    case IO_RECEIVED:
        stream_received(stream, completion, event);
        return;
    case IO_SENT:
        stream_sent(stream, completion, event);
        return;
    case IO_CLOSED:
        ASSERT(stream->state == STREAM_CLOSING);
        ASSERT(!stream->sending);
        stream->state = STREAM_FREE;
        event->kind = STREAM_CLOSED;
        return;
    case IO_ACCEPTED:
    case IO_WRITTEN:
    case IO_WOKEN:
        break;
    }
    ASSERT(false);
}

void stream_release(struct stream *stream, const struct io_completion *completion)
{
    ASSERT(completion->kind == IO_RECEIVED);
    ASSERT(completion->result > 0);
    io_buffer_release(stream->io, completion);
}
