/* One client session of OUCH over SoupBinTCP, as a step function without I/O: bytes and time in,
 * bytes and events out. ouch_client.h drives many of them over sockets.
 *
 * Sequence numbers are implied (SoupBinTCP 3.00): Login Accepted says the next one, each Sequenced
 * Data packet counts one up. After a reconnect everything unanswered is sent again, in order and
 * with the same references, before anything new. */
#ifndef TOOLS_OUCH_SESSION_H
#define TOOLS_OUCH_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/soupbin.h"
#include "matching/base/status.h"
#include "matching/event.h"
#include "tools/ouch_pending.h"
#include "tools/stream_record.h"

/* Largest packet that a server may send, its header included. Beyond: disconnected. */
#define OUCH_SESSION_PACKET_BYTES_MAX 1024u
#define OUCH_SESSION_SEND_BYTES_MIN   1024u

enum ouch_session_state {
    OUCH_SESSION_IDLE = 0,   /* No connection. */
    OUCH_SESSION_CONNECTING, /* The driver connects. */
    OUCH_SESSION_LOGIN,      /* Login Request is on its way. */
    OUCH_SESSION_ACTIVE,     /* Login Accepted. */
    OUCH_SESSION_CLOSING,    /* The driver closes. */
};

enum ouch_session_event_kind {
    OUCH_SESSION_LOGGED_ON = 1, /* `sequence` of the next message, `generation`. */
    OUCH_SESSION_LOGON_REFUSED, /* `reason`: enum soupbin_reject. The connection ends. */
    OUCH_SESSION_MESSAGE,       /* The next message of the stream. */
    OUCH_SESSION_REFUSED,       /* The gateway refused a command by itself; `reason`. */
    OUCH_SESSION_ENDED,         /* End of Session: this generation is over. */
    OUCH_SESSION_DISCONNECTED,  /* `status` says why; ouch_client_connect() may be called. */
};

struct ouch_session_event {
    enum ouch_session_event_kind kind;
    uint32_t session; /* Index in the client. */
    uint64_t received_ns;
    uint64_t sequence;
    uint64_t generation;
    struct event event;     /* MESSAGE: decoded; session_id and sequence are not on the wire. */
    uint32_t message_bytes; /* MESSAGE. */
    uint8_t reason;
    bool repeated;      /* MESSAGE: its number was received before, on another connection. */
    bool answers;       /* MESSAGE, REFUSED: `answer` holds. */
    enum status status; /* MESSAGE: STATUS_BAD_FORMAT when it is no OUCH message (then `event`
                           is zero). LOGGED_ON: STATUS_BAD_CHAIN when the server starts at
                           another number than was asked for. DISCONNECTED: why. */
    enum status record; /* MESSAGE: what stream_record_add() said; STATUS_OK without record. */
    struct ouch_pending_answer answer;
};

struct ouch_session {
    enum ouch_session_state state;
    uint8_t username[SOUPBIN_USERNAME_BYTES];
    uint8_t password[SOUPBIN_PASSWORD_BYTES];
    uint32_t index;              /* In the client. */
    uint64_t generation;         /* 0 before the first login. */
    uint64_t sequence_requested; /* By the last login. */
    uint64_t sequence_next;      /* Of the next message on this connection. */
    uint64_t sequence_seen;      /* Highest ever received in this generation. */
    uint64_t last_sent_ns;
    uint64_t last_received_ns;
    uint64_t query_end;    /* Behind the barrier's place in `pending`; 0: there was none yet. */
    uint8_t query_channel; /* Distinguishes a barrier's answer from those to earlier ones. */
    bool recording;
    struct ouch_pending pending;
    struct stream_record record;
    uint8_t *send; /* Being filled: the driver takes it as a whole. */
    uint32_t send_bytes;
    uint32_t send_bytes_max;
    uint32_t partial_bytes;
    uint8_t partial[OUCH_SESSION_PACKET_BYTES_MAX];
};

struct ouch_session_options {
    const char *username; /* 1 .. 6 characters. */
    const char *password; /* 0 .. 10 characters. */
    uint32_t index;
    uint32_t window;              /* Unanswered commands, a power of two. */
    uint32_t send_bytes_max;      /* At least OUCH_SESSION_SEND_BYTES_MIN. */
    uint64_t record_messages_max; /* 0: no record. */
    bool record_content;
};

/* STATUS_BAD_ARGUMENT: a name or password that SoupBinTCP cannot carry. STATUS_FULL: no memory. */
MUST_USE enum status ouch_session_create(struct ouch_session *session,
                                         const struct ouch_session_options *options);
void ouch_session_destroy(struct ouch_session *session);

/* The connection stands: queue the Login Request for `sequence` (0: only what comes next). */
void ouch_session_login(struct ouch_session *session, uint64_t sequence, uint64_t now_ns);

/* The connection is gone: forget what belonged to it. */
void ouch_session_reset(struct ouch_session *session);

/* Queue a command (never an Account Query); it goes out when the session is logged on and the send
 * buffer has room. STATUS_FULL: the window is full; nothing has changed. */
MUST_USE enum status ouch_session_command(struct ouch_session *session,
                                          const struct command *command, uint64_t tag);

/* Queue an Account Query, whose answer settles everything before it, also what OUCH passes over in
 * silence. Each goes out on the next channel, the first on channel 0. STATUS_NOT_YET: one is under
 * way. STATUS_FULL: the window is full. */
MUST_USE enum status ouch_session_barrier(struct ouch_session *session, uint64_t tag);

/* Queue a Logout Request or a Client Heartbeat. False: no room now. */
bool ouch_session_packet(struct ouch_session *session, enum soupbin_type type);

/* Fill the send buffer with commands that wait. */
void ouch_session_fill(struct ouch_session *session);

/* Take bytes from the server, at most `events_max` events. Returns how many bytes were taken: fewer
 * than `bytes` only when the events are full. `*end`: STATUS_OK, or why the connection must end. */
size_t ouch_session_receive(struct ouch_session *session, const uint8_t *data, size_t bytes,
                            uint64_t now_ns, struct ouch_session_event *events, uint32_t events_max,
                            uint32_t *event_count, enum status *end);

#endif
