/* What the parts of a link share; link*.c alone. link.c: peers and what the outside asks;
 * link_connection.c: a connection from its beginning to its end; link_input.c and link_output.c:
 * frames; link_timer.c: what happens by itself. */
#ifndef REPLICATION_LINK_INSIDE_H
#define REPLICATION_LINK_INSIDE_H

#include "matching/base/assertion.h"
#include "matching/base/random.h"
#include "replication/io/stream.h"
#include "replication/link.h"
#include "replication/link_framer.h"
#include "replication/link_queue.h"

#define LINK_NONE              UINT32_MAX
#define LINK_CONTROL_BYTES     256u
#define LINK_ROUND_TRIPS       8u
#define LINK_PINGS_A_HEARTBEAT 4u

enum link_state {
    LINK_FREE = 0,
    LINK_DIALLING, /* TCP. */
    LINK_SHAKING,  /* TLS. */
    LINK_GREETING, /* Keys are proved; the peer's HELLO is awaited. */
    LINK_UP,
    LINK_ENDING, /* `end` is counted; the socket closes. */
};

struct link_connection {
    struct link *link;
    uint8_t state; /* enum link_state. */
    bool dialled;
    uint8_t site_id; /* 0: a stranger. */
    uint8_t path_index;
    uint8_t judged_site_id; /* Whose key it shows, before that is proved. */
    uint8_t refusal;        /* enum link_end: what is wrong with the key it shows. */
    uint32_t use_count;
    struct stream stream;
    struct tls *tls;
    struct link_framer framer;
    struct link_key key; /* The one it proved. */
    struct link_hello hello;
    uint64_t opened_ns;
    uint64_t received_ns;
    uint64_t deadline_ns; /* Until UP, and when ENDING. */
    uint64_t ping_due_ns;
    uint64_t round_trips_ns[LINK_ROUND_TRIPS]; /* The last ones, a ring. */
    uint32_t round_trip_count;
    uint32_t control_bytes;
    uint8_t control[LINK_CONTROL_BYTES]; /* Frames of the connection's own: they go first. */
};

/* A path as the dialling end keeps it; the other end only knows the connection. */
struct link_line {
    uint32_t connection; /* Index, or LINK_NONE. */
    uint64_t dial_due_ns;
    uint64_t pause_ns; /* Before the next dialling, when this one fails. */
};

struct link_peer {
    bool known;
    struct link_site site;
    struct link_line lines[LINK_PATHS_MAX];
    uint32_t best; /* Connection, or LINK_NONE: then it is not connected. */
    struct link_queue queues[LINK_PRIORITY_COUNT];
    uint8_t partial_class;       /* Whose first frame is sent in part; LINK_PRIORITY_COUNT: none. */
    uint32_t partial_connection; /* On this connection: it must end there. */
    int64_t bulk_credit_bytes;   /* A bulk frame may begin when it is above 0. */
    uint64_t bulk_refilled_ns;
    struct link_peer_counts counts;
};

struct link_note_state {
    uint64_t told_ns; /* 0: never. */
    uint64_t count;
};

struct link {
    struct link_options options;
    char listen[LINK_WIRE_LISTEN_BYTES];
    uint32_t listener;
    bool listening;
    uint16_t port;
    bool shutting_down;
    uint64_t now_ns;
    uint64_t wall_ns;
    uint64_t due_ns;
    uint64_t stepped_ns;
    uint16_t ready; /* Peers with something to send: bit (site_id - 1). */
    struct random random;
    struct tls_context *tls_context;
    struct link_peer peers[SITES_MAX]; /* Of site_id - 1. */
    struct link_connection connections[LINK_CONNECTIONS_MAX];
    struct link_note_state notes[SITES_MAX + 1][LINK_END_COUNT]; /* 0: of strangers. */
    struct link_counts strangers;
    uint8_t *memory;
};

static inline struct link_peer *link_peer_of(struct link *link, uint8_t site_id)
{
    ASSERT(site_id >= 1);
    ASSERT(site_id <= SITES_MAX);
    return &link->peers[site_id - 1];
}

static inline uint32_t link_index_of(const struct link_connection *connection)
{
    return (uint32_t)(connection - connection->link->connections);
}

static inline void link_due_by(struct link *link, uint64_t due_ns)
{
    link->due_ns = due_ns < link->due_ns ? due_ns : link->due_ns;
}

/* ---- link_connection.c ---- */

uint64_t link_connection_listen_token(const struct link *link);
struct link_connection *link_connection_of_token(struct link *link, uint64_t token);
/* Dial a path of a peer; on failure it is dialled again later. */
void link_connection_dial(struct link *link, struct link_peer *peer, uint8_t path_index);
void link_connection_accept(struct link *link, const struct io_completion *completion);
/* TCP is there: begin with TLS. */
void link_connection_opened(struct link_connection *connection);
/* Go on with the handshake. True: it is done, and HELLO is on its way. */
bool link_connection_shake(struct link_connection *connection);
/* The peer's HELLO. */
void link_connection_greeted(struct link_connection *connection, const struct link_hello *hello);
/* End it, unless it is ending: count, note, tell the peer why where it may know, close. */
void link_connection_end(struct link_connection *connection, enum link_end end, const char *text);
/* The socket is closed. */
void link_connection_closed(struct link_connection *connection);
/* Whether the key that it proved is still one of its site's. */
bool link_connection_is_trusted(const struct link_connection *connection);

/* ---- link_input.c ---- */

/* Take what the stream received. */
void link_input_take(struct link_connection *connection, const uint8_t *data, uint32_t data_bytes);

/* ---- link_output.c ---- */

/* Queue a frame of the connection's own; dropped when its buffer is full. */
void link_output_control(struct link_connection *connection, const struct link_frame *frame);
/* Send what there is room for: the connection's own frames; the peer's queues. */
void link_output_own(struct link_connection *connection);
void link_output_peer(struct link *link, struct link_peer *peer);

/* ---- link_timer.c ---- */

/* A path that answers: the connection on which a peer is reached best, or LINK_NONE. */
void link_timer_choose(struct link *link, struct link_peer *peer);
/* Do what is due, and find out when the next thing is. */
void link_timer_run(struct link *link);
/* Shortest of the last round trips; UINT64_MAX: none measured yet. */
uint64_t link_timer_round_trip_ns(const struct link_connection *connection);
/* Whether nothing has come for most of a heartbeat. */
bool link_timer_is_silent(const struct link_connection *connection);

#endif
