/* A path between two sites that can be slow, silent or dead: accepts connections and carries their
 * bytes to another port, and remembers what the dialling side has said. Polled by its user, on an
 * io of its own. */
#ifndef TESTS_SUPPORT_LINK_RELAY_H
#define TESTS_SUPPORT_LINK_RELAY_H

#include <stdint.h>

#include "replication/io/stream.h"

#define LINK_RELAY_PAIRS          16u
#define LINK_RELAY_HOLD_BYTES     (4u << 20)
#define LINK_RELAY_PIECES         4096u
#define LINK_RELAY_RECORDED_BYTES (1u << 20)

enum link_relay_mode {
    LINK_RELAY_CARRY = 0,
    LINK_RELAY_SWALLOW, /* Bytes disappear, connections stay: half-open. */
    LINK_RELAY_CUT,     /* Connections end, new ones as well. */
};

struct link_relay_end {
    struct stream stream;
    uint8_t *memory;
    uint8_t *hold; /* Received from this end, not yet carried. */
    uint32_t hold_bytes;
    struct link_relay_piece *pieces; /* Of what is held, LINK_RELAY_PIECES at most, a ring. */
    uint64_t pieces_in;
    uint64_t pieces_out;
};

/* Bytes that came together. */
struct link_relay_piece {
    uint32_t bytes;
    uint64_t release_ns;
};

struct link_relay_pair {
    struct link_relay_end ends[2]; /* The dialling one first. */
};

struct link_relay {
    struct io *io;
    enum link_relay_mode mode;
    uint64_t delay_ns; /* What has come is carried on so much later. */
    uint32_t listener;
    uint16_t port;
    uint16_t target_port;
    struct link_relay_pair pairs[LINK_RELAY_PAIRS];
    uint32_t accepted;
    uint8_t *recorded; /* Of the first connection's dialling side. */
    uint32_t recorded_bytes;
};

void link_relay_open(struct link_relay *relay, uint16_t target_port);
void link_relay_close(struct link_relay *relay);
void link_relay_poll(void *relay); /* Of a struct link_relay. */
void link_relay_set_mode(struct link_relay *relay, enum link_relay_mode mode);

#endif
