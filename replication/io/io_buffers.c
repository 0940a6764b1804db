#include "replication/io/io_buffers.h"

#include "matching/base/assertion.h"

#define IO_BUFFER_PAGE_BYTES 4096u

size_t io_buffers_memory_bytes(uint32_t buffer_count, uint32_t buffer_bytes, uint32_t handles_max)
{
    ASSERT(buffer_count <= IO_BUFFER_COUNT_MAX);
    ASSERT(buffer_bytes <= IO_BUFFER_BYTES_MAX);
    size_t total_count = (size_t)buffer_count + handles_max;
    size_t bookkeeping_bytes = total_count * (sizeof(bool) + 2 * sizeof(uint32_t));
    return total_count * buffer_bytes + bookkeeping_bytes + 2 * (size_t)IO_BUFFER_PAGE_BYTES;
}

void io_buffers_init(struct io_buffers *buffers, struct arena *arena, uint32_t buffer_count,
                     uint32_t buffer_bytes, uint32_t handles_max)
{
    ASSERT(buffer_count > 0);
    ASSERT(buffer_bytes > 0);
    ASSERT(handles_max < IO_HANDLE_NONE - buffer_count);

    size_t total_count = (size_t)buffer_count + handles_max;
    *buffers = (struct io_buffers){
        .memory = arena_take(arena, total_count, buffer_bytes, IO_BUFFER_PAGE_BYTES),
        .buffer_bytes = buffer_bytes,
        .buffer_count = buffer_count,
        .handles_max = handles_max,
        .held = arena_take(arena, total_count, sizeof *buffers->held, 64),
        .next = arena_take(arena, total_count, sizeof *buffers->next, 64),
        .bytes = arena_take(arena, total_count, sizeof *buffers->bytes, 64),
        .free_first = IO_BUFFER_NONE,
    };
    ASSERT(buffers->memory != NULL);
    ASSERT(buffers->held != NULL);
    ASSERT(buffers->next != NULL);
    ASSERT(buffers->bytes != NULL);
    for (uint32_t buffer = buffer_count; buffer > 0; buffer--) {
        buffers->next[buffer - 1] = buffers->free_first;
        buffers->free_first = buffer - 1;
    }
}

uint8_t *io_buffers_address(const struct io_buffers *buffers, uint32_t buffer)
{
    ASSERT(buffer < buffers->buffer_count + buffers->handles_max);
    return buffers->memory + (size_t)buffer * buffers->buffer_bytes;
}

uint32_t io_buffers_owner(const struct io_buffers *buffers, uint32_t buffer)
{
    ASSERT(buffer < buffers->buffer_count + buffers->handles_max);
    return buffer < buffers->buffer_count ? IO_HANDLE_NONE : buffer - buffers->buffer_count;
}

uint32_t io_buffers_free_count(const struct io_buffers *buffers)
{
    ASSERT(buffers->held_count <= buffers->buffer_count);
    return buffers->buffer_count - buffers->held_count;
}

uint32_t io_buffers_take(struct io_buffers *buffers, uint32_t handle)
{
    ASSERT(handle < buffers->handles_max);
    uint32_t buffer = buffers->buffer_count + handle;
    if (!buffers->kernel_has_free && buffers->free_first != IO_BUFFER_NONE) {
        buffer = buffers->free_first;
        buffers->free_first = buffers->next[buffer];
    } else if (buffers->held[buffer]) {
        return IO_BUFFER_NONE;
    }
    io_buffers_claim(buffers, buffer);
    return buffer;
}

void io_buffers_claim(struct io_buffers *buffers, uint32_t buffer)
{
    ASSERT(buffer < buffers->buffer_count + buffers->handles_max);
    ASSERT(!buffers->held[buffer]);
    buffers->held[buffer] = true;
    buffers->next[buffer] = IO_BUFFER_NONE;
    if (buffer < buffers->buffer_count) {
        buffers->held_count++;
    }
}

void io_buffers_give_back(struct io_buffers *buffers, uint32_t buffer)
{
    ASSERT(buffer < buffers->buffer_count + buffers->handles_max);
    ASSERT(buffers->held[buffer]);
    buffers->held[buffer] = false;
    if (buffer >= buffers->buffer_count) {
        return;
    }
    ASSERT(buffers->held_count > 0);
    buffers->held_count--;
    if (!buffers->kernel_has_free) {
        buffers->next[buffer] = buffers->free_first;
        buffers->free_first = buffer;
    }
}

void io_buffers_pending_add(struct io_buffers *buffers, struct io_handle *slot, uint32_t buffer,
                            uint32_t bytes)
{
    ASSERT(buffer < buffers->buffer_count + buffers->handles_max);
    ASSERT(buffers->held[buffer]);
    ASSERT(bytes > 0);
    ASSERT(bytes <= buffers->buffer_bytes);

    buffers->bytes[buffer] = bytes;
    buffers->next[buffer] = IO_BUFFER_NONE;
    if (slot->pending_last == IO_BUFFER_NONE) {
        ASSERT(slot->pending_first == IO_BUFFER_NONE);
        slot->pending_first = buffer;
    } else {
        buffers->next[slot->pending_last] = buffer;
    }
    slot->pending_last = buffer;
}

uint32_t io_buffers_pending_pop(struct io_buffers *buffers, struct io_handle *slot, uint32_t *bytes)
{
    uint32_t buffer = slot->pending_first;
    if (buffer == IO_BUFFER_NONE) {
        ASSERT(slot->pending_last == IO_BUFFER_NONE);
        return IO_BUFFER_NONE;
    }
    ASSERT(buffers->held[buffer]);
    slot->pending_first = buffers->next[buffer];
    if (slot->pending_first == IO_BUFFER_NONE) {
        slot->pending_last = IO_BUFFER_NONE;
    }
    *bytes = buffers->bytes[buffer];
    return buffer;
}
