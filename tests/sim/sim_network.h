/* The network between simulated sites: frames with latency, jitter, bandwidth and every way of
 * going wrong. Between two sites they keep their order unless `reordered` says otherwise, as over
 * TCP; a frame whose bytes changed on the way is marked, as TLS would notice. */
#ifndef TESTS_SIM_SIM_NETWORK_H
#define TESTS_SIM_SIM_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/random.h"
#include "tests/sim/sim_queue.h"

/* Frames under way over all links, and from one site to another: beyond, dropped as by a full
 * queue. */
#define SIM_NETWORK_FRAMES_MAX 16384u
#define SIM_NETWORK_LINK_MAX   2048u
/* What has not left within this has found the queue of a narrow link full: dropped likewise. Frames
 * under way keep the pace of their sending, so a longer queue would outlive the fault by minutes.
 */
#define SIM_NETWORK_WAIT_NS UINT64_C(5000000000)

/* From one site to another, one way. */
struct sim_link {
    uint64_t latency_ns;
    uint64_t jitter_ns;
    uint64_t bytes_per_second; /* 0: no limit. */
    uint64_t clogged_until_ns; /* Nothing arrives before; then all at once. */
    uint32_t lost;             /* These four: of 1,000 frames. */
    uint32_t doubled;
    uint32_t reordered;
    uint32_t corrupted;
    bool cut;
    uint64_t sent_until_ns;    /* When the last frame will have left. */
    uint64_t arrived_until_ns; /* When the last one in order arrives. */
    uint32_t frames;           /* Under way. */
};

struct sim_frame {
    uint8_t *bytes;
    uint32_t size;
    uint8_t from_site_id; /* 0: this place is free. */
    uint8_t to_site_id;
    bool corrupted;
    uint64_t to_start; /* Start of the receiving process that it was sent to. */
};

struct sim_network {
    struct sim_link links[SITES_MAX][SITES_MAX]; /* By site_id - 1: from, to. */
    struct sim_frame frames[SIM_NETWORK_FRAMES_MAX];
    uint32_t free_first; /* Places from here on may be free. */
    uint64_t sent;       /* These counters: of the run. */
    uint64_t dropped;
    uint64_t bytes;
};

/* Nothing is under way; links are cut off from nobody and have no latency. */
void sim_network_reset(struct sim_network *network);

struct sim_link *sim_network_link(struct sim_network *network, uint8_t from_site_id,
                                  uint8_t to_site_id);

/* Send a frame, copied: adds SIM_EVENT_FRAME once, twice or not at all. */
void sim_network_send(struct sim_network *network, struct sim_queue *queue, struct random *random,
                      uint8_t from_site_id, uint8_t to_site_id, uint64_t to_start,
                      const uint8_t *bytes, uint32_t size);

/* The frame of SIM_EVENT_FRAME. False: the link was cut meanwhile, it is lost. In both cases
 * sim_network_done() ends it. */
bool sim_network_arrive(const struct sim_network *network, uint32_t index,
                        const struct sim_frame **frame);
void sim_network_done(struct sim_network *network, uint32_t index);

#endif
