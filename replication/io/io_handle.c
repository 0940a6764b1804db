#include "replication/io/io_handle.h"

#include "matching/base/assertion.h"

size_t io_handle_table_bytes(uint32_t handles_max)
{
    ASSERT(handles_max > 0);
    return handles_max * sizeof(struct io_handle) + 64;
}

void io_handle_init(struct io_handle_table *table, struct arena *arena, uint32_t handles_max)
{
    ASSERT(handles_max > 0);
    ASSERT(handles_max < IO_HANDLE_NONE);

    *table = (struct io_handle_table){.handles_max = handles_max};
    table->handles = arena_take(arena, handles_max, sizeof *table->handles, 64);
    ASSERT(table->handles != NULL);

    for (uint32_t kind = 0; kind < IO_LIST_COUNT; kind++) {
        table->lists[kind] =
            (struct io_handle_list){.first = IO_HANDLE_NONE, .last = IO_HANDLE_NONE};
    }
    for (uint32_t handle = 0; handle < handles_max; handle++) {
        table->handles[handle].fd = -1;
        io_handle_list_add(table, IO_LIST_FREE, handle);
    }
    ASSERT(table->lists[IO_LIST_FREE].count == handles_max);
}

enum status io_handle_take(struct io_handle_table *table, enum io_handle_kind kind, int fd,
                           uint32_t *handle)
{
    ASSERT(kind != IO_HANDLE_FREE);
    ASSERT(fd >= 0);

    uint32_t taken = io_handle_list_pop(table, IO_LIST_FREE);
    if (taken == IO_HANDLE_NONE) {
        ASSERT(table->used_count == table->handles_max);
        return STATUS_FULL;
    }
    struct io_handle *slot = &table->handles[taken];
    ASSERT(slot->kind == IO_HANDLE_FREE);
    *slot = (struct io_handle){
        .fd = fd,
        .generation = slot->generation,
        .kind = kind,
        .pending_first = IO_BUFFER_NONE,
        .pending_last = IO_BUFFER_NONE,
        .receive_buffer = IO_BUFFER_NONE,
    };
    table->used_count++;
    *handle = taken;
    return STATUS_OK;
}

void io_handle_give_back(struct io_handle_table *table, uint32_t handle)
{
    struct io_handle *slot = io_handle_at(table, handle);
    ASSERT(slot->in_flight == 0);
    ASSERT(slot->connect == IO_REQUEST_NONE);
    ASSERT(slot->send == IO_REQUEST_NONE);
    ASSERT(slot->pending_first == IO_BUFFER_NONE);

    for (uint32_t kind = IO_LIST_WORK; kind < IO_LIST_COUNT; kind++) {
        io_handle_list_remove(table, (enum io_list_kind)kind, handle);
    }
    slot->kind = IO_HANDLE_FREE;
    slot->fd = -1;
    slot->generation = (slot->generation + 1) & ((1u << IO_HANDLE_GENERATION_BITS) - 1);
    ASSERT(table->used_count > 0);
    table->used_count--;
    io_handle_list_add(table, IO_LIST_FREE, handle);
}

struct io_handle *io_handle_at(struct io_handle_table *table, uint32_t handle)
{
    ASSERT(handle < table->handles_max);
    struct io_handle *slot = &table->handles[handle];
    ASSERT(slot->kind != IO_HANDLE_FREE);
    return slot;
}

void io_handle_list_add(struct io_handle_table *table, enum io_list_kind kind, uint32_t handle)
{
    ASSERT(handle < table->handles_max);
    struct io_handle *slot = &table->handles[handle];
    if (slot->listed[kind]) {
        return;
    }
    struct io_handle_list *list = &table->lists[kind];
    slot->links[kind] = (struct io_link){.previous = list->last, .next = IO_HANDLE_NONE};
    if (list->last == IO_HANDLE_NONE) {
        ASSERT(list->count == 0);
        list->first = handle;
    } else {
        table->handles[list->last].links[kind].next = handle;
    }
    list->last = handle;
    list->count++;
    slot->listed[kind] = true;
}

void io_handle_list_remove(struct io_handle_table *table, enum io_list_kind kind, uint32_t handle)
{
    ASSERT(handle < table->handles_max);
    struct io_handle *slot = &table->handles[handle];
    if (!slot->listed[kind]) {
        return;
    }
    struct io_handle_list *list = &table->lists[kind];
    struct io_link link = slot->links[kind];
    if (link.previous == IO_HANDLE_NONE) {
        ASSERT(list->first == handle);
        list->first = link.next;
    } else {
        table->handles[link.previous].links[kind].next = link.next;
    }
    if (link.next == IO_HANDLE_NONE) {
        ASSERT(list->last == handle);
        list->last = link.previous;
    } else {
        table->handles[link.next].links[kind].previous = link.previous;
    }
    ASSERT(list->count > 0);
    list->count--;
    slot->listed[kind] = false;
}

uint32_t io_handle_list_pop(struct io_handle_table *table, enum io_list_kind kind)
{
    uint32_t handle = table->lists[kind].first;
    if (handle != IO_HANDLE_NONE) {
        io_handle_list_remove(table, kind, handle);
    }
    return handle;
}
