/* A client of many OUCH sessions over sockets, on one loop and one thread: what load, replay and
 * the drills trade with.
 *
 * No callbacks: ouch_client_poll() waits and hands back what happened. Memory is bounded by the
 * options. Whoever owns the client decides when to connect again; what was unanswered then goes out
 * again by itself (ouch_session.h). */
#ifndef TOOLS_OUCH_CLIENT_H
#define TOOLS_OUCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/io/io.h"
#include "tools/ouch_session.h"

#define OUCH_CLIENT_LOGIN_LIMIT_MS 30000u /* From connect to Login Accepted; then disconnected. */

struct ouch_client;

struct ouch_client_options {
    const char *endpoint;         /* "address:port", numeric. */
    uint32_t sessions_max;        /* 1 .. SESSIONS_MAX. */
    uint32_t window_max;          /* Unanswered commands a session: a power of two. */
    uint32_t send_bytes;          /* Of each of a session's two send buffers; 0: 32 KiB. */
    uint64_t record_messages_max; /* A session; 0: no record (stream_record.h). */
    bool record_content;          /* Keep the bytes of messages, not only their hashes. */
    uint32_t login_limit_ms;   /* From connect to Login Accepted; 0: OUCH_CLIENT_LOGIN_LIMIT_MS. */
    uint32_t silence_limit_ms; /* Without a byte: disconnected; 0: SOUPBIN_SILENCE_LIMIT_MS. */
    enum io_backend_kind backend;
    enum io_idle idle;
};

/* STATUS_FULL: no memory; otherwise what io_create() says. */
MUST_USE enum status ouch_client_create(struct ouch_client **client,
                                        const struct ouch_client_options *options);
/* Closes every connection abruptly. */
void ouch_client_destroy(struct ouch_client *client);

/* Add a session, not connected; indexes run from 0. STATUS_BAD_ARGUMENT: a name or password that
 * SoupBinTCP cannot carry. STATUS_FULL: sessions_max, or no memory. */
MUST_USE enum status ouch_client_session_add(struct ouch_client *client, const char *username,
                                             const char *password, uint32_t *session);
uint32_t ouch_client_session_count(const struct ouch_client *client);

/* Connect and log in from message `sequence` on; 0: only what comes next. The outcome is
 * LOGGED_ON, or LOGON_REFUSED and DISCONNECTED. STATUS_IN_USE: the session is connected already;
 * STATUS_BAD_ARGUMENT: no such endpoint. */
MUST_USE enum status ouch_client_connect(struct ouch_client *client, uint32_t session,
                                         uint64_t sequence);
/* Where the session connects from the next time on, instead of the client's endpoint; the text
 * stays the caller's and outlives the client. */
void ouch_client_endpoint_set(struct ouch_client *client, uint32_t session, const char *endpoint);
/* The number that continues what was received. */
uint64_t ouch_client_sequence_next(const struct ouch_client *client, uint32_t session);
/* Ask the server to end the connection: DISCONNECTED follows. */
void ouch_client_logout(struct ouch_client *client, uint32_t session);
/* End it from here: DISCONNECTED with STATUS_OK follows. Nothing when there is no connection. */
void ouch_client_disconnect(struct ouch_client *client, uint32_t session);

/* Queue a command, as ouch_session_command() says; may be called without a connection. */
MUST_USE enum status ouch_client_send(struct ouch_client *client, uint32_t session,
                                      const struct command *command, uint64_t tag);
/* Queue a barrier, as ouch_session_barrier() says. */
MUST_USE enum status ouch_client_barrier(struct ouch_client *client, uint32_t session,
                                         uint64_t tag);
/* Commands of the session that are not answered. */
uint32_t ouch_client_pending(const struct ouch_client *client, uint32_t session);
/* Read-only view: state, numbers, pending commands, record. */
const struct ouch_session *ouch_client_session(const struct ouch_client *client, uint32_t session);

/* Send what is queued, and wait for events until `due_ns` (monotonic; 0: do not wait). Returns how
 * many of `events` are filled; 0 may come early. */
uint32_t ouch_client_poll(struct ouch_client *client, struct ouch_session_event *events,
                          uint32_t events_max, uint64_t due_ns);

/* Monotonic time as of the last poll. */
uint64_t ouch_client_now_ns(const struct ouch_client *client);

struct ouch_client_counts {
    uint64_t bytes_sent;
    uint64_t bytes_received;
    uint64_t messages_received; /* Sequenced. */
    uint64_t connects;          /* Login Accepted. */
};
struct ouch_client_counts ouch_client_counts(const struct ouch_client *client);

#endif
