#include "tests/sim/sim_queue.h"

#include <stdlib.h>

#include "matching/base/assertion.h"

#define SIM_QUEUE_FIRST 1024u

void sim_queue_reset(struct sim_queue *queue)
{
    queue->count = 0;
    queue->now_ns = 0;
    queue->added = 0;
}

void sim_queue_free(struct sim_queue *queue)
{
    free(queue->events);
    *queue = (struct sim_queue){0};
}

static bool queue_before(const struct sim_event *one, const struct sim_event *other)
{
    ASSERT(one != other);
    return one->due_ns != other->due_ns ? one->due_ns < other->due_ns : one->order < other->order;
}

void sim_queue_add(struct sim_queue *queue, struct sim_event event)
{
    ASSERT(event.type > 0);
    ASSERT(event.type < SIM_EVENT_TYPE_COUNT);
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? SIM_QUEUE_FIRST : queue->capacity * 2;
        queue->events = realloc(queue->events, queue->capacity * sizeof queue->events[0]);
        ASSERT(queue->events != NULL);
    }
    event.due_ns = event.due_ns > queue->now_ns ? event.due_ns : queue->now_ns;
    event.order = queue->added++;
    uint32_t at = queue->count++;
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!queue_before(&event, &queue->events[parent])) {
            break;
        }
        queue->events[at] = queue->events[parent];
        at = parent;
    }
    queue->events[at] = event;
}

/* Put `event` where the top was. */
static void queue_sink(struct sim_queue *queue, struct sim_event event)
{
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= queue->count) {
            break;
        }
        if (child + 1 < queue->count &&
            queue_before(&queue->events[child + 1], &queue->events[child])) {
            child++;
        }
        if (!queue_before(&queue->events[child], &event)) {
            break;
        }
        queue->events[at] = queue->events[child];
        at = child;
    }
    queue->events[at] = event;
}

bool sim_queue_take(struct sim_queue *queue, uint64_t until_ns, struct sim_event *event)
{
    ASSERT(until_ns >= queue->now_ns);
    if (queue->count == 0 || queue->events[0].due_ns > until_ns) {
        queue->now_ns = until_ns;
        return false;
    }
    *event = queue->events[0];
    queue->count--;
    if (queue->count > 0) {
        queue_sink(queue, queue->events[queue->count]);
    }
    ASSERT(event->due_ns >= queue->now_ns);
    queue->now_ns = event->due_ns;
    return true;
}
