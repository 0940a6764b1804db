/* Log-offs of one shard's sessions that still have to enter the journal, oldest first.
 *
 * Each shard has a queue of its own: one without a leader keeps nobody of another shard waiting.
 * A later logon of a session ends what an earlier one began, so of each session only the newest
 * log-off waits, in the place of the one before. All calls from the loop thread. */
#ifndef GATEWAY_DOOR_LOGOFF_H
#define GATEWAY_DOOR_LOGOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/router.h"

struct door_logoff {
    uint32_t session_id;
    uint32_t epoch;
    uint64_t input_number; /* The next one of the epoch. */
};

struct door_logoff_queue {
    struct door_logoff *ring; /* Owned. */
    uint64_t *places;         /* By session id, owned: where it waits, from 1; 0: it does not. */
    uint32_t sessions_max;
    uint64_t read;
    uint64_t written;
};

/* STATUS_FULL: no memory. */
MUST_USE enum status door_logoff_queue_create(struct door_logoff_queue *queue,
                                              uint32_t sessions_max);
void door_logoff_queue_destroy(struct door_logoff_queue *queue);

/* A session id of 1 .. sessions_max. */
void door_logoff_push(struct door_logoff_queue *queue, const struct door_logoff *logoff);
/* Whether that of this epoch waits. */
bool door_logoff_holds(const struct door_logoff_queue *queue, uint32_t session_id, uint32_t epoch);
bool door_logoff_waiting(const struct door_logoff_queue *queue);

/* Submit them in their order until the shard has no room, or no leader; the rest keeps its place.
 */
void door_logoff_submit(struct door_logoff_queue *queue, struct router *router, uint8_t site_id,
                        uint64_t now_ns);

#endif
