/* Simulated time and what is to happen in it: a queue of events, ordered by time and, at one time,
 * by when they were added. So the same additions give the same order, whatever the machine. */
#ifndef TESTS_SIM_SIM_QUEUE_H
#define TESTS_SIM_SIM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

enum sim_event_type {
    SIM_EVENT_TURN = 1, /* A site's loop runs once. */
    SIM_EVENT_DISK,     /* A write of a site's disk is done; `index`: its handle. */
    SIM_EVENT_STORE,    /* A transaction of a site's store is done. */
    SIM_EVENT_FRAME,    /* A frame reaches a site; `index`: its place in the network. */
    SIM_EVENT_CLIENT,   /* A client does something; `index`: which. */
    SIM_EVENT_FAULT,    /* A fault begins; `index`: in the schedule. */
    SIM_EVENT_MEND,     /* It ends. */
    SIM_EVENT_SNAPSHOT, /* One is durable; `index`: 2 * shard, and 1 for one that was fetched. */
    SIM_EVENT_OPERATOR, /* The operator looks around. */
    SIM_EVENT_TYPE_COUNT
};

struct sim_event {
    uint64_t due_ns;
    uint64_t order; /* Set by sim_queue_add(). */
    uint64_t stamp; /* The adder's: tells a stale event from a good one. */
    uint32_t index;
    uint8_t type; /* enum sim_event_type. */
    uint8_t site_id;
};

struct sim_queue {
    struct sim_event *events; /* A heap; its memory stays from run to run. */
    uint32_t count;
    uint32_t capacity;
    uint64_t now_ns; /* Of the last event taken. */
    uint64_t added;
};

/* Forget all events; time is 0. */
void sim_queue_reset(struct sim_queue *queue);
void sim_queue_free(struct sim_queue *queue);

/* An event in the past is due now. */
void sim_queue_add(struct sim_queue *queue, struct sim_event event);

/* Take the next event that is due up to `until_ns`; time moves there. False: none, time moves to
 * `until_ns`. */
bool sim_queue_take(struct sim_queue *queue, uint64_t until_ns, struct sim_event *event);

#endif
