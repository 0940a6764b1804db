#include "tests/sim/sim_network.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"

void sim_network_reset(struct sim_network *network)
{
    for (uint32_t at = 0; at < SIM_NETWORK_FRAMES_MAX; at++) {
        if (network->frames[at].from_site_id != 0) {
            sim_network_done(network, at);
        }
    }
    memset(network->links, 0, sizeof network->links);
    network->free_first = 0;
    network->sent = 0;
    network->dropped = 0;
    network->bytes = 0;
}

struct sim_link *sim_network_link(struct sim_network *network, uint8_t from_site_id,
                                  uint8_t to_site_id)
{
    ASSERT(from_site_id >= 1 && from_site_id <= SITES_MAX);
    ASSERT(to_site_id >= 1 && to_site_id <= SITES_MAX);
    return &network->links[from_site_id - 1][to_site_id - 1];
}

static bool network_chance(struct random *random, uint32_t of_1000)
{
    return of_1000 > 0 && random_below(random, 1000) < of_1000;
}

/* When it arrives: it leaves behind those before it, and arrives behind them unless reordered. */
static uint64_t network_arrival_ns(struct sim_link *link, struct random *random, uint64_t now_ns,
                                   uint32_t size)
{
    uint64_t leaves_ns = link->sent_until_ns > now_ns ? link->sent_until_ns : now_ns;
    if (link->bytes_per_second > 0) {
        leaves_ns += (uint64_t)size * UINT64_C(1000000000) / link->bytes_per_second;
        link->sent_until_ns = leaves_ns;
    }
    uint64_t jitter_ns = link->jitter_ns > 0 ? random_below(random, link->jitter_ns) : 0;
    uint64_t arrives_ns = leaves_ns + link->latency_ns + jitter_ns;
    if (arrives_ns < link->clogged_until_ns) {
        arrives_ns = link->clogged_until_ns;
    }
    if (network_chance(random, link->reordered)) {
        return arrives_ns + random_below(random, link->latency_ns * 4 + 1000000);
    }
    if (arrives_ns < link->arrived_until_ns) {
        arrives_ns = link->arrived_until_ns;
    }
    link->arrived_until_ns = arrives_ns;
    return arrives_ns;
}

/* A place for one more frame; SIM_NETWORK_FRAMES_MAX: none. */
static uint32_t network_place(struct sim_network *network)
{
    for (uint32_t at = network->free_first; at < SIM_NETWORK_FRAMES_MAX; at++) {
        if (network->frames[at].from_site_id == 0) {
            network->free_first = at + 1;
            return at;
        }
    }
    network->free_first = SIM_NETWORK_FRAMES_MAX;
    return SIM_NETWORK_FRAMES_MAX;
}

static void network_corrupt(struct sim_frame *frame, struct random *random)
{
    uint64_t changes = 1 + random_below(random, 3);
    for (uint64_t count = 0; count < changes; count++) {
        frame->bytes[random_below(random, frame->size)] ^= (uint8_t)(1 + random_below(random, 255));
    }
    frame->corrupted = true;
}

static void network_put(struct sim_network *network, struct sim_queue *queue, struct random *random,
                        struct sim_frame frame, const uint8_t *bytes)
{
    struct sim_link *link = sim_network_link(network, frame.from_site_id, frame.to_site_id);
    bool room = link->frames < SIM_NETWORK_LINK_MAX &&
                link->sent_until_ns <= queue->now_ns + SIM_NETWORK_WAIT_NS;
    uint32_t place = room ? network_place(network) : SIM_NETWORK_FRAMES_MAX;
    if (place == SIM_NETWORK_FRAMES_MAX) {
        network->dropped++;
        return;
    }
    frame.bytes = malloc(frame.size);
    ASSERT(frame.bytes != NULL);
    memcpy(frame.bytes, bytes, frame.size);
    if (network_chance(random, link->corrupted)) {
        network_corrupt(&frame, random);
    }
    link->frames++;
    network->frames[place] = frame;
    uint64_t due_ns = network_arrival_ns(link, random, queue->now_ns, frame.size);
    sim_queue_add(queue, (struct sim_event){.type = SIM_EVENT_FRAME,
                                            .due_ns = due_ns,
                                            .site_id = frame.to_site_id,
                                            .index = place});
}

void sim_network_send(struct sim_network *network, struct sim_queue *queue, struct random *random,
                      uint8_t from_site_id, uint8_t to_site_id, uint64_t to_start,
                      const uint8_t *bytes, uint32_t size)
{
    ASSERT(from_site_id != to_site_id);
    ASSERT(size > 0);
    const struct sim_link *link = sim_network_link(network, from_site_id, to_site_id);
    network->sent++;
    network->bytes += size;
    if (link->cut || network_chance(random, link->lost)) {
        network->dropped++;
        return;
    }
    struct sim_frame frame = {
        .from_site_id = from_site_id, .to_site_id = to_site_id, .to_start = to_start, .size = size};
    network_put(network, queue, random, frame, bytes);
    if (network_chance(random, link->doubled)) {
        network_put(network, queue, random, frame, bytes);
    }
}

bool sim_network_arrive(const struct sim_network *network, uint32_t index,
                        const struct sim_frame **frame)
{
    ASSERT(index < SIM_NETWORK_FRAMES_MAX);
    *frame = &network->frames[index];
    ASSERT((*frame)->from_site_id != 0);
    return !network->links[(*frame)->from_site_id - 1][(*frame)->to_site_id - 1].cut;
}

void sim_network_done(struct sim_network *network, uint32_t index)
{
    ASSERT(index < SIM_NETWORK_FRAMES_MAX);
    struct sim_frame *frame = &network->frames[index];
    struct sim_link *link = sim_network_link(network, frame->from_site_id, frame->to_site_id);
    ASSERT(link->frames > 0);
    link->frames--;
    free(frame->bytes);
    *frame = (struct sim_frame){0};
    network->free_first = index < network->free_first ? index : network->free_first;
}
