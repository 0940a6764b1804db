#include "gateway/door_logoff.h"

#include <stdlib.h>

#include "matching/base/assertion.h"

enum status door_logoff_queue_create(struct door_logoff_queue *queue, uint32_t capacity)
{
    ASSERT(capacity > 0);
    *queue = (struct door_logoff_queue){.capacity = capacity};
    queue->ring = calloc(capacity, sizeof queue->ring[0]);
    return queue->ring == NULL ? STATUS_FULL : STATUS_OK;
}

void door_logoff_queue_destroy(struct door_logoff_queue *queue)
{
    free(queue->ring);
    *queue = (struct door_logoff_queue){0};
}

void door_logoff_push(struct door_logoff_queue *queue, const struct door_logoff *logoff)
{
    ASSERT(queue->written - queue->read < queue->capacity);
    queue->ring[queue->written % queue->capacity] = *logoff;
    queue->written++;
}

bool door_logoff_waiting(const struct door_logoff_queue *queue)
{
    ASSERT(queue->read <= queue->written);
    return queue->read < queue->written;
}

bool door_logoff_holds(const struct door_logoff_queue *queue, uint32_t session_id, uint32_t epoch)
{
    ASSERT(session_id > 0);
    for (uint64_t at = queue->read; at < queue->written; at++) {
        const struct door_logoff *logoff = &queue->ring[at % queue->capacity];
        if (logoff->session_id == session_id && logoff->epoch == epoch) {
            return true;
        }
    }
    return false;
}

void door_logoff_submit(struct door_logoff_queue *queue, struct router *router, uint8_t site_id,
                        uint64_t now_ns)
{
    ASSERT(site_id > 0);
    while (door_logoff_waiting(queue)) {
        const struct door_logoff *logoff = &queue->ring[queue->read % queue->capacity];
        struct command command = {.type = COMMAND_SESSION_LOGOFF,
                                  .session_id = logoff->session_id,
                                  .epoch = logoff->epoch,
                                  .input_number = logoff->input_number,
                                  .site_id = site_id};
        if (router_submit(router, &command, now_ns) != STATUS_OK) {
            return;
        }
        queue->read++;
    }
}
