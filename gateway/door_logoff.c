#include "gateway/door_logoff.h"

#include <stdlib.h>

#include "matching/base/assertion.h"

enum status door_logoff_queue_create(struct door_logoff_queue *queue, uint32_t sessions_max)
{
    ASSERT(sessions_max > 0);
    *queue = (struct door_logoff_queue){.sessions_max = sessions_max};
    queue->ring = calloc(sessions_max, sizeof queue->ring[0]);
    queue->places = calloc((size_t)sessions_max + 1, sizeof queue->places[0]);
    return queue->ring == NULL || queue->places == NULL ? STATUS_FULL : STATUS_OK;
}

void door_logoff_queue_destroy(struct door_logoff_queue *queue)
{
    free(queue->ring);
    free(queue->places);
    *queue = (struct door_logoff_queue){0};
}

void door_logoff_push(struct door_logoff_queue *queue, const struct door_logoff *logoff)
{
    ASSERT(logoff->session_id >= 1 && logoff->session_id <= queue->sessions_max);
    uint64_t *place = &queue->places[logoff->session_id];
    if (*place == 0) {
        ASSERT(queue->written - queue->read < queue->sessions_max);
        *place = ++queue->written;
    }
    queue->ring[(*place - 1) % queue->sessions_max] = *logoff;
}

bool door_logoff_waiting(const struct door_logoff_queue *queue)
{
    ASSERT(queue->read <= queue->written);
    return queue->read < queue->written;
}

bool door_logoff_holds(const struct door_logoff_queue *queue, uint32_t session_id, uint32_t epoch)
{
    ASSERT(session_id >= 1 && session_id <= queue->sessions_max);
    uint64_t place = queue->places[session_id];
    return place != 0 && queue->ring[(place - 1) % queue->sessions_max].epoch == epoch;
}

void door_logoff_submit(struct door_logoff_queue *queue, struct router *router, uint8_t site_id,
                        uint64_t now_ns)
{
    ASSERT(site_id > 0);
    while (door_logoff_waiting(queue)) {
        const struct door_logoff *logoff = &queue->ring[queue->read % queue->sessions_max];
        struct command command = {.type = COMMAND_SESSION_LOGOFF,
                                  .session_id = logoff->session_id,
                                  .epoch = logoff->epoch,
                                  .input_number = logoff->input_number,
                                  .site_id = site_id};
        if (router_submit(router, &command, now_ns) != STATUS_OK) {
            return;
        }
        queue->places[logoff->session_id] = 0;
        queue->read++;
    }
}
