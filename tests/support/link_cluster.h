/* Sites with a link each, in one process, over real sockets on 127.0.0.1, each with an io of its
 * own: one that is stopped is not polled and takes nothing. What goes from one to another is
 * compared with what was sent: same frames, same order in each class. */
#ifndef TESTS_SUPPORT_LINK_CLUSTER_H
#define TESTS_SUPPORT_LINK_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/random.h"
#include "replication/link.h"

#define LINK_CLUSTER_SITES  4u
#define LINK_CLUSTER_EXTRAS 2u
#define LINK_CLUSTER_FLIGHT_MAX                                                                    \
    65536u /* Frames of a class that are under way between two sites.                              \
            */
#define LINK_CLUSTER_ID    UINT64_C(0xC105)
#define LINK_CLUSTER_CLASS 7u

/* Frames on their way, as hashes. */
struct link_cluster_flight {
    uint64_t *hashes; /* LINK_CLUSTER_FLIGHT_MAX, a ring. */
    uint64_t sent;
    uint64_t received;
};

struct link_cluster_site {
    struct link_cluster *cluster;
    uint8_t site_id;
    bool stopped;
    struct io *io;
    struct link *link;
    struct link_options options;
    uint8_t seed[TLS_KEY_BYTES];
    uint8_t public_key[TLS_KEY_BYTES];
    struct link_cluster_flight flights[LINK_CLUSTER_SITES][LINK_PRIORITY_COUNT]; /* To this one, of
                                                                                   site_id - 1. */
    struct link_hello hellos[LINK_CLUSTER_SITES];                                /* Of the peers. */
    uint32_t ups[LINK_CLUSTER_SITES];
    uint32_t downs[LINK_CLUSTER_SITES];
    uint32_t notes[LINK_END_COUNT];
    struct link_peer_counts peers[LINK_CLUSTER_SITES]; /* As they were when they were asked for. */
    struct link_counts strangers;
    struct link_note last_note;
    char last_text[LINK_TEXT_BYTES];
};

/* Somebody besides the sites who must be polled: a relay, a puppet. */
struct link_cluster_extra {
    void *context;
    void (*poll)(void *context);
};

struct link_cluster {
    struct random random;
    uint32_t count;
    struct link_cluster_site sites[LINK_CLUSTER_SITES];
    struct link_cluster_extra extras[LINK_CLUSTER_EXTRAS]; /* `poll` NULL: nobody. */
    uint64_t wall_ahead_ns; /* Of the sites' wall clocks, before the machine's. */
    bool ordered;           /* Every frame must arrive; else some may be missing. */
    uint8_t *payload;
    uint8_t *bytes;
};

/* Sites 1 to `count` that listen but know nobody. `change` (NULL: none) may change the options of
 * each before its link is made; its site's keys and ids are set. */
void link_cluster_open(struct link_cluster *cluster, uint32_t count,
                       void (*change)(struct link_cluster_site *site));
void link_cluster_close(struct link_cluster *cluster);

struct link_cluster_site *link_cluster_site(struct link_cluster *cluster, uint8_t site_id);

/* What a site knows of another: its key and where it listens. */
void link_cluster_describe(struct link_cluster *cluster, uint8_t of_site_id,
                           struct link_site *description);
/* Tell `site_id` of the other as it is. */
void link_cluster_introduce(struct link_cluster *cluster, uint8_t site_id, uint8_t of_site_id);
/* All know all, and all are connected. */
void link_cluster_join(struct link_cluster *cluster);

/* One turn of all loops that are not stopped. */
void link_cluster_turn(struct link_cluster *cluster);
/* Turns until `done(context)`; fails the test after half a minute. */
void link_cluster_until(struct link_cluster *cluster, bool (*done)(void *context), void *context);
/* Until the site has counted this end, of a peer (0: of strangers), so often. */
void link_cluster_until_end(struct link_cluster *cluster, uint8_t site_id, uint8_t of_site_id,
                            enum link_end end, uint64_t count);
/* Until both sites call each other connected, or neither does. */
void link_cluster_until_connected(struct link_cluster *cluster, uint8_t one, uint8_t other,
                                  bool connected);
/* Until everything that was sent has arrived. */
void link_cluster_until_arrived(struct link_cluster *cluster);

/* Send a random frame of a class; its payload has at most `payload_bytes` (1,024 or more). */
enum status link_cluster_send(struct link_cluster *cluster, uint8_t from, uint8_t to,
                              enum link_priority priority, uint32_t payload_bytes);

/* What a site counts of a peer, and of strangers, now. Valid until it is asked for again. */
const struct link_peer_counts *link_cluster_peer(struct link_cluster *cluster, uint8_t site_id,
                                                 uint8_t of_site_id);
const struct link_counts *link_cluster_strangers(struct link_cluster *cluster, uint8_t site_id);

#endif
