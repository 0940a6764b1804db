#include "replication/link_queue.h"

#include "matching/base/assertion.h"

void link_queue_init(struct link_queue *queue, uint8_t *memory, uint32_t capacity)
{
    ASSERT(memory != NULL);
    ASSERT(capacity > 0);
    *queue = (struct link_queue){.memory = memory, .capacity = capacity};
}

/* Bytes in one piece behind `end`; moves `end` to the bottom if they are there. */
static bool queue_make_room(struct link_queue *queue, uint32_t bytes)
{
    if (queue->wrapped) {
        return queue->first - queue->end >= bytes;
    }
    if (queue->first == queue->end) {
        queue->first = 0;
        queue->end = 0;
    }
    if (queue->capacity - queue->end >= bytes) {
        return true;
    }
    if (queue->first < bytes) {
        return false;
    }
    queue->wrap = queue->end;
    queue->wrapped = true;
    queue->end = 0;
    return true;
}

enum status link_queue_add(struct link_queue *queue, const struct link_frame *frame,
                           uint32_t *frame_bytes)
{
    size_t bytes_max = link_wire_bytes_max(frame);
    ASSERT(bytes_max <= UINT32_MAX);
    if (!queue_make_room(queue, (uint32_t)bytes_max)) {
        return STATUS_FULL;
    }
    *frame_bytes = (uint32_t)link_wire_encode(queue->memory + queue->end, bytes_max, frame);
    queue->end += *frame_bytes;
    ASSERT(queue->end <= (queue->wrapped ? queue->first : queue->capacity));
    return STATUS_OK;
}

static uint32_t queue_first_bytes(const struct link_queue *queue, uint32_t run_bytes)
{
    uint32_t frame_bytes;
    enum status status = link_wire_peek(&frame_bytes, queue->memory + queue->first, run_bytes);
    ASSERT(status == STATUS_OK); /* Encoded here. */
    ASSERT(frame_bytes <= run_bytes);
    return frame_bytes;
}

static uint32_t queue_run(const struct link_queue *queue)
{
    uint32_t end = queue->wrapped ? queue->wrap : queue->end;
    ASSERT(queue->first <= end);
    return end - queue->first;
}

const uint8_t *link_queue_next(const struct link_queue *queue, uint32_t *bytes,
                               uint32_t *frame_left)
{
    uint32_t run_bytes = queue_run(queue);
    ASSERT(queue->taken == 0 || queue->taken < run_bytes);
    *bytes = run_bytes - queue->taken;
    *frame_left = run_bytes == 0 ? 0 : queue_first_bytes(queue, run_bytes) - queue->taken;
    return queue->memory + queue->first + queue->taken;
}

uint32_t link_queue_take(struct link_queue *queue, uint32_t bytes)
{
    uint32_t run_bytes = queue_run(queue);
    ASSERT(bytes <= run_bytes - queue->taken);
    uint32_t whole = 0;
    queue->taken += bytes;
    while (queue->taken > 0) {
        uint32_t frame_bytes = queue_first_bytes(queue, queue_run(queue));
        if (queue->taken < frame_bytes) {
            break;
        }
        queue->taken -= frame_bytes;
        queue->first += frame_bytes;
        whole++;
    }
    if (queue->wrapped && queue->first == queue->wrap) {
        ASSERT(queue->taken == 0);
        queue->first = 0;
        queue->wrapped = false;
    }
    return whole;
}

bool link_queue_is_partial(const struct link_queue *queue)
{
    return queue->taken > 0;
}

void link_queue_again(struct link_queue *queue)
{
    queue->taken = 0;
}

void link_queue_clear(struct link_queue *queue)
{
    link_queue_init(queue, queue->memory, queue->capacity);
}

uint32_t link_queue_bytes(const struct link_queue *queue)
{
    return queue_run(queue) + (queue->wrapped ? queue->end : 0);
}

uint32_t link_queue_room(const struct link_queue *queue)
{
    if (queue->wrapped) {
        ASSERT(queue->end <= queue->first);
        return queue->first - queue->end;
    }
    if (queue->first == queue->end) {
        return queue->capacity;
    }
    uint32_t top = queue->capacity - queue->end;
    return top > queue->first ? top : queue->first;
}
