/* The links of a site: connections of TLS 1.3 to all other sites, over one io.
 *
 * Of two sites the one with the lower id dials, on each address (*path*) that it knows of the
 * other. All paths are kept up, measured and used: each end sends on the one with the best round
 * trip, and leaves it for another as soon as it has been silent for a heartbeat. Both ends prove
 * their keys, which the membership pins; then each says who it is (HELLO). Whoever is not expected
 * is refused with a reason, counted, and noted once a minute at most.
 *
 * What is to be sent waits in three bounded queues for each peer; a frame of a more urgent class
 * goes first, bulk is limited in bytes a second. A slow peer fills its own queues and nothing else.
 * A link promises nothing: frames can be lost with their connection or be dropped for want of room,
 * and those that went over different paths may overtake each other. Consensus, forwarding and
 * snapshots are made for that. A frame is never changed, cut or sent to anybody else.
 *
 * All calls from the loop thread. All memory is taken by link_create() but for OpenSSL's, some 50
 * KiB a connection. */
#ifndef REPLICATION_LINK_H
#define REPLICATION_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/io/io.h"
#include "replication/io/tls.h"
#include "replication/link_wire.h"

#define LINK_PATHS_MAX LINK_WIRE_PATHS_MAX /* Addresses of a site. */
#define LINK_KEYS_MAX  2u                  /* Of a site: while one replaces the other. */
/* Connections that have not said yet who they are. Beyond: the oldest goes. */
#define LINK_STRANGERS_MAX   16u
#define LINK_CONNECTIONS_MAX ((SITES_MAX - 1) * LINK_PATHS_MAX + 2 * LINK_STRANGERS_MAX)
/* Of options.io's handles_max. One more is open for the moment in which it is refused. */
#define LINK_HANDLES_MAX (LINK_CONNECTIONS_MAX + 2u)
/* Least bytes of a queue: a largest frame fits. */
#define LINK_QUEUE_BYTES_MIN (LINK_WIRE_FRAME_BYTES_MAX + 1024u)
#define LINK_BULK_RATE_MAX   UINT64_C(10000000000)
#define LINK_TEXT_BYTES      TLS_REASON_BYTES

/* The more urgent first. */
enum link_priority {
    LINK_CONSENSUS = 0,
    LINK_FORWARD,
    LINK_BULK, /* Catch-up and snapshots: limited in bytes a second. */
    LINK_PRIORITY_COUNT
};

/* Why a connection ended, or never came to be. Values are the format of BYE: never renumber. */
enum link_end {
    /* Refusals. */
    LINK_END_KEY_UNKNOWN = 1,   /* The key of nobody here. */
    LINK_END_KEY_MISMATCH,      /* Who was dialled shows a key, but not the one of that site. */
    LINK_END_KEY_EXPIRED,       /* It was one until a short while ago. */
    LINK_END_KEY_UNPROVEN,      /* Shows a key that it does not hold. */
    LINK_END_BAD_HANDSHAKE,     /* No TLS 1.3: garbage, another version, or recorded bytes. */
    LINK_END_HANDSHAKE_TIMEOUT, /* Not done within handshake_ns. */
    LINK_END_WRONG_VERSION,     /* Speaks no version of frames that we speak. */
    LINK_END_WRONG_CLUSTER,
    LINK_END_WRONG_SITE,        /* Says that it is another site than its key's, or sends in the
                                   name of another. */
    LINK_END_WRONG_INCARNATION, /* Its journal is not the one of the membership. */
    LINK_END_OLD_GENERATION,    /* It was given up by a quorum repair. */
    LINK_END_BAD_RECORD,        /* TLS found changed or repeated bytes. */
    LINK_END_BAD_FRAME,         /* Bytes that are no frame, or one out of place. */
    LINK_END_REFUSED_HERE,      /* The peer refuses us: our key, or what its BYE says. */
    LINK_END_STRANGERS,         /* Too many who have not said who they are. */
    /* Ordinary ends. */
    LINK_END_UNREACHABLE, /* Could not be dialled. */
    LINK_END_SILENT,      /* Nothing came for silence_ns. */
    LINK_END_FAILED,      /* Reset, timed out by the network. */
    LINK_END_PEER_CLOSED,
    LINK_END_REPLACED, /* The peer dialled this path anew. */
    LINK_END_REMOVED,  /* link_close_peer() or link_set_peer(). */
    LINK_END_SHUTDOWN,
    /* A refusal that came later than the others. */
    LINK_END_WRONG_GENESIS, /* Its cluster did not begin as ours did. */
    LINK_END_COUNT
};

/* A short English word for logs, for example "wrong-cluster". Static storage. */
const char *link_end_text(enum link_end end);
/* Whether somebody was not let in, or shut out: anything but an ordinary end. */
bool link_end_is_refusal(enum link_end end);

struct link_key {
    uint8_t public_key[TLS_KEY_BYTES];
    uint64_t expires_ns; /* UTC: refused from then on; 0: never. */
};

/* A peer as the membership and the configuration have it. */
struct link_site {
    uint8_t site_id;
    uint64_t incarnation; /* Of its journal; 0: not known yet, any. */
    uint32_t path_count;  /* 0 .. LINK_PATHS_MAX; needed where we dial. */
    char paths[LINK_PATHS_MAX][LINK_WIRE_LISTEN_BYTES]; /* "address:port". */
    uint32_t key_count;                                 /* 1 .. LINK_KEYS_MAX. */
    struct link_key keys[LINK_KEYS_MAX];
};

/* Something worth a line of log. The same end of the same peer is told once a minute at most. */
struct link_note {
    enum link_end end;
    uint8_t site_id;    /* 0: nobody knows who it was. */
    uint8_t path_index; /* Of a known site. */
    uint64_t count;     /* How often since the last note of it, this time included. */
    const char *text;   /* Details; may be empty. */
};

/* Called from link_step() and link_complete(); peer_changed() and note() from those that end
 * connections as well. What pointers point to is valid during the call. A call may send, and
 * nothing else here. No member is NULL. */
struct link_handler {
    void *context;
    void (*replica)(void *context, uint8_t site_id, uint16_t shard_id,
                    const struct link_replica *replica);
    void (*forward)(void *context, uint8_t site_id, uint16_t shard_id,
                    const struct link_forward *forward);
    void (*forward_reply)(void *context, uint8_t site_id, uint16_t shard_id,
                          const struct link_forward_reply *reply);
    void (*snapshot_request)(void *context, uint8_t site_id, uint16_t shard_id,
                             const struct link_snapshot_request *request);
    void (*snapshot_chunk)(void *context, uint8_t site_id, uint16_t shard_id,
                           const struct link_snapshot_chunk *chunk);
    void (*news)(void *context, uint8_t site_id, const uint8_t *bytes, uint32_t bytes_count);
    /* The first path is there (`hello`: what the peer said of itself), or the last one is gone
     * (NULL): what has not arrived by then may never arrive. */
    void (*peer_changed)(void *context, uint8_t site_id, const struct link_hello *hello);
    void (*note)(void *context, const struct link_note *note);
};

struct link_options {
    struct io *io;
    uint8_t token_class; /* Top byte of every token that belongs to the link. */
    struct link_handler handler;
    const uint8_t *key_seed; /* TLS_KEY_BYTES: of this site's Ed25519 key. Not kept. */
    uint8_t site_id;
    uint64_t cluster_id;
    uint64_t incarnation;
    uint64_t generation;
    uint32_t rules_version_max;
    uint8_t genesis[LINK_WIRE_GENESIS_BYTES]; /* A peer that says another one is refused. */
    const char *listen;                       /* "address:port"; NULL: nobody dials us. */
    uint64_t random_seed;
    uint32_t queue_bytes[LINK_PRIORITY_COUNT]; /* Of each peer; LINK_QUEUE_BYTES_MIN or more. */
    uint32_t send_bytes;          /* Half of a connection's buffer; TLS_STREAM_BYTES_MIN or more. */
    uint64_t bulk_bytes_a_second; /* To each peer, 1 .. LINK_BULK_RATE_MAX. */
    uint64_t heartbeat_ns;        /* A path silent for longer is left for a better one. */
    uint64_t silence_ns;          /* One silent for so long is closed. Above heartbeat_ns. */
    uint64_t handshake_ns;        /* From dialling or being dialled to HELLO. */
    uint64_t redial_ns_min;       /* Pause before dialling again; doubles with each failure, */
    uint64_t redial_ns_max;       /* up to this one. Each is drawn from its upper half. */
};

/* Values that suit sites some milliseconds to some 100 ms apart; the rest is zero. */
void link_options_init(struct link_options *options);

struct link;

/* Make it, listen. STATUS_FULL without memory, or one of io_listen()'s. `reason` gets a sentence.
 */
MUST_USE enum status link_create(struct link **link, const struct link_options *options,
                                 char reason[static LINK_TEXT_BYTES]);
/* After io_destroy(): nothing points into its buffers any more. NULL is fine. */
void link_destroy(struct link *link);

/* The port that it listens on; 0: it does not. */
uint16_t link_port(const struct link *link);

/* Add a peer, or change what is known of one: a connection that would not be accepted now ends. Not
 * this site itself. Asserts the ranges. */
void link_set_peer(struct link *link, const struct link_site *site);
/* Forget a peer; nothing when there is no such. */
void link_close_peer(struct link *link, uint8_t site_id);
/* After a quorum repair: peers of lower ones are refused from now on. */
void link_set_generation(struct link *link, uint64_t generation);

/* Take a completion whose token has the link's class. */
void link_complete(struct link *link, const struct io_completion *completion);
/* Once a loop turn, after what it has to send was given to link_send(): sends, dials, measures. */
void link_step(struct link *link, uint64_t now_ns, uint64_t wall_ns);
/* When link_step() wants to be called at the latest. */
uint64_t link_due_ns(const struct link *link);

/* Queue a frame to a peer: REPLICA, FORWARD, FORWARD_REPLY, SNAPSHOT_REQUEST, SNAPSHOT_CHUNK or
 * NEWS; copied. It goes out with the next link_step(). STATUS_NOT_FOUND: no such peer;
 * STATUS_CLOSED: no connection now; STATUS_FULL: the queue has no room. Then it is dropped, and
 * counted. Asserts what link_wire_encode() does. */
MUST_USE enum status link_send(struct link *link, uint8_t site_id, enum link_priority priority,
                               const struct link_frame *frame);
/* Bytes of segments, records or a chunk that one more frame may have now: who sends in bulk asks
 * before it reads. 0 without a connection. */
uint32_t link_room(const struct link *link, uint8_t site_id, enum link_priority priority);

/* End all connections in good order, dial no more; then io_poll() until link_is_quiet(). */
void link_shut_down(struct link *link);
bool link_is_quiet(const struct link *link);

struct link_path_counts {
    bool up;
    bool best;              /* What is sent goes here. */
    uint64_t round_trip_ns; /* 0: not measured yet. */
};

struct link_peer_counts {
    bool connected;
    struct link_path_counts paths[LINK_PATHS_MAX];
    uint32_t queued_bytes[LINK_PRIORITY_COUNT]; /* Now. */
    uint64_t frames_out[LINK_PRIORITY_COUNT];
    uint64_t bytes_out[LINK_PRIORITY_COUNT]; /* Of frames. */
    uint64_t dropped[LINK_PRIORITY_COUNT];   /* Frames: queue full, or queued when the last
                                                connection ended. */
    uint64_t frames_in[LINK_WIRE_TYPE_COUNT];
    uint64_t bytes_in[LINK_WIRE_TYPE_COUNT];
    uint64_t wire_bytes_out; /* As TCP carries them: TLS, pings and handshakes included. */
    uint64_t wire_bytes_in;
    uint64_t connects;     /* Paths that came up. */
    uint64_t path_changes; /* Another path became the best. */
    uint64_t ends[LINK_END_COUNT];
};

/* Of a peer; all zero when there is no such. */
void link_peer_counts(const struct link *link, uint8_t site_id, struct link_peer_counts *counts);

/* Of those who never said who they are. */
struct link_counts {
    uint64_t accepted; /* Peers included. */
    uint64_t ends[LINK_END_COUNT];
    uint64_t bytes_in;
};

void link_counts(const struct link *link, struct link_counts *counts);

#endif
