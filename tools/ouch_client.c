#include "tools/ouch_client.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/limits.h"

#define OUCH_CLIENT_SEND_BYTES     32768u
#define OUCH_CLIENT_RECEIVE_BYTES  16384u
#define OUCH_CLIENT_BUFFERS_MIN    64u
#define OUCH_CLIENT_BUFFERS_MAX    2048u
#define OUCH_CLIENT_COMPLETIONS    64u
#define OUCH_CLIENT_TICK_PERIOD_NS UINT64_C(250000000)
#define OUCH_CLIENT_NS_A_MS        UINT64_C(1000000)

/* A session and its socket. */
struct ouch_client_link {
    struct ouch_session session;
    const char *endpoint; /* Its own; NULL: the client's. */
    uint8_t *flight;      /* The other send buffer: what the kernel is sending. */
    uint32_t handle;
    bool handle_open;
    bool sending;
    bool queued;     /* In the client's list of links that have something to send. */
    bool ended;      /* DISCONNECTED is due. */
    enum status end; /* Why the connection ends. */
    uint64_t started_ns;
};

struct ouch_client {
    struct io *io;
    char endpoint[64];
    struct ouch_client_options options;
    struct ouch_client_link *links;
    uint32_t link_count;
    uint32_t *queue; /* Links with something to send. */
    uint32_t queue_count;
    uint32_t *ended; /* Links whose DISCONNECTED is due. */
    uint32_t ended_count;
    uint64_t tick_ns; /* When heartbeats and silence are looked at next. */
    struct io_completion completions[OUCH_CLIENT_COMPLETIONS];
    uint32_t completion_count;
    uint32_t completion_next;
    uint32_t data_taken; /* Of completions[completion_next]. */
    struct ouch_client_counts counts;
};

static uint32_t ouch_client_buffers(uint32_t sessions_max)
{
    uint32_t count = OUCH_CLIENT_BUFFERS_MIN;
    while (count < sessions_max && count < OUCH_CLIENT_BUFFERS_MAX) {
        count *= 2;
    }
    return count;
}

enum status ouch_client_create(struct ouch_client **client,
                               const struct ouch_client_options *options)
{
    ASSERT(options->sessions_max > 0);
    ASSERT(options->sessions_max <= SESSIONS_MAX);

    *client = NULL;
    struct ouch_client *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->options = *options;
    if (options->send_bytes == 0) {
        made->options.send_bytes = OUCH_CLIENT_SEND_BYTES;
    }
    if (options->login_limit_ms == 0) {
        made->options.login_limit_ms = OUCH_CLIENT_LOGIN_LIMIT_MS;
    }
    if (options->silence_limit_ms == 0) {
        made->options.silence_limit_ms = SOUPBIN_SILENCE_LIMIT_MS;
    }
    made->links = calloc(options->sessions_max, sizeof *made->links);
    made->queue = calloc(options->sessions_max, sizeof *made->queue);
    made->ended = calloc(options->sessions_max, sizeof *made->ended);
    enum status status = STATUS_FULL;
    size_t endpoint_bytes = strlen(options->endpoint);
    if (made->links != NULL && made->queue != NULL && made->ended != NULL) {
        status = endpoint_bytes < sizeof made->endpoint ? STATUS_OK : STATUS_BAD_ARGUMENT;
    }
    if (status == STATUS_OK) {
        memcpy(made->endpoint, options->endpoint, endpoint_bytes + 1);
        struct io_options io_options = {.backend = options->backend,
                                        .idle = options->idle,
                                        .handles_max = options->sessions_max + 8,
                                        .receive_buffer_bytes = OUCH_CLIENT_RECEIVE_BYTES,
                                        .receive_buffer_count =
                                            ouch_client_buffers(options->sessions_max)};
        status = io_create(&made->io, &io_options);
    }
    if (status != STATUS_OK) {
        ouch_client_destroy(made);
        return status;
    }
    *client = made;
    return STATUS_OK;
}

void ouch_client_destroy(struct ouch_client *client)
{
    if (client == NULL) {
        return;
    }
    if (client->io != NULL) {
        io_destroy(client->io);
    }
    for (uint32_t i = 0; i < client->link_count; i++) {
        ouch_session_destroy(&client->links[i].session);
        free(client->links[i].flight);
    }
    free(client->links);
    free(client->queue);
    free(client->ended);
    free(client);
}

enum status ouch_client_session_add(struct ouch_client *client, const char *username,
                                    const char *password, uint32_t *session)
{
    if (client->link_count == client->options.sessions_max) {
        return STATUS_FULL;
    }
    struct ouch_client_link *link = &client->links[client->link_count];
    struct ouch_session_options options = {.username = username,
                                           .password = password,
                                           .index = client->link_count,
                                           .window = client->options.window_max,
                                           .send_bytes_max = client->options.send_bytes,
                                           .record_messages_max =
                                               client->options.record_messages_max,
                                           .record_content = client->options.record_content};
    enum status status = ouch_session_create(&link->session, &options);
    if (status != STATUS_OK) {
        return status;
    }
    link->flight = malloc(client->options.send_bytes);
    if (link->flight == NULL) {
        ouch_session_destroy(&link->session);
        return STATUS_FULL;
    }
    *session = client->link_count++;
    return STATUS_OK;
}

uint32_t ouch_client_session_count(const struct ouch_client *client)
{
    return client->link_count;
}

static struct ouch_client_link *ouch_client_link(const struct ouch_client *client, uint32_t session)
{
    ASSERT(session < client->link_count);
    return &client->links[session];
}

const struct ouch_session *ouch_client_session(const struct ouch_client *client, uint32_t session)
{
    return &ouch_client_link(client, session)->session;
}

uint32_t ouch_client_pending(const struct ouch_client *client, uint32_t session)
{
    return ouch_pending_count(&ouch_client_session(client, session)->pending);
}

uint64_t ouch_client_sequence_next(const struct ouch_client *client, uint32_t session)
{
    return ouch_client_session(client, session)->sequence_seen + 1;
}

uint64_t ouch_client_now_ns(const struct ouch_client *client)
{
    return io_now_ns(client->io);
}

struct ouch_client_counts ouch_client_counts(const struct ouch_client *client)
{
    return client->counts;
}

enum status ouch_client_connect(struct ouch_client *client, uint32_t session, uint64_t sequence)
{
    struct ouch_client_link *link = ouch_client_link(client, session);
    if (link->session.state != OUCH_SESSION_IDLE || link->ended) {
        return STATUS_IN_USE;
    }
    const char *endpoint = link->endpoint != NULL ? link->endpoint : client->endpoint;
    enum status status = io_connect(client->io, endpoint, session, &link->handle);
    if (status != STATUS_OK) {
        return status;
    }
    link->handle_open = true;
    link->end = STATUS_OK;
    link->started_ns = io_now_ns(client->io);
    link->session.state = OUCH_SESSION_CONNECTING;
    link->session.sequence_requested = sequence;
    return STATUS_OK;
}

void ouch_client_endpoint_set(struct ouch_client *client, uint32_t session, const char *endpoint)
{
    ASSERT(endpoint != NULL);
    ouch_client_link(client, session)->endpoint = endpoint;
}

static void ouch_client_close(struct ouch_client *client, struct ouch_client_link *link,
                              enum status why)
{
    if (link->session.state == OUCH_SESSION_IDLE || link->session.state == OUCH_SESSION_CLOSING) {
        return;
    }
    ASSERT(link->handle_open);
    link->session.state = OUCH_SESSION_CLOSING;
    link->end = why;
    io_close(client->io, link->handle, link->session.index);
}

void ouch_client_disconnect(struct ouch_client *client, uint32_t session)
{
    ouch_client_close(client, ouch_client_link(client, session), STATUS_OK);
}

/* Something waits in the link's send buffer: send it at the next poll. */
static void ouch_client_queue(struct ouch_client *client, struct ouch_client_link *link)
{
    if (!link->queued && link->session.send_bytes > 0) {
        ASSERT(client->queue_count < client->link_count);
        link->queued = true;
        client->queue[client->queue_count++] = link->session.index;
    }
}

void ouch_client_logout(struct ouch_client *client, uint32_t session)
{
    struct ouch_client_link *link = ouch_client_link(client, session);
    if (ouch_session_packet(&link->session, SOUPBIN_LOGOUT_REQUEST)) {
        ouch_client_queue(client, link);
    } else {
        ouch_client_close(client, link, STATUS_OK);
    }
}

enum status ouch_client_send(struct ouch_client *client, uint32_t session,
                             const struct command *command, uint64_t tag)
{
    struct ouch_client_link *link = ouch_client_link(client, session);
    enum status status = ouch_session_command(&link->session, command, tag);
    ouch_client_queue(client, link);
    return status;
}

enum status ouch_client_barrier(struct ouch_client *client, uint32_t session, uint64_t tag)
{
    struct ouch_client_link *link = ouch_client_link(client, session);
    enum status status = ouch_session_barrier(&link->session, tag);
    ouch_client_queue(client, link);
    return status;
}

/* Hand filled send buffers to the kernel, each against the empty one behind it. */
static void ouch_client_flush(struct ouch_client *client)
{
    for (uint32_t i = 0; i < client->queue_count; i++) {
        struct ouch_client_link *link = ouch_client_link(client, client->queue[i]);
        struct ouch_session *session = &link->session;
        link->queued = false;
        bool connected =
            session->state == OUCH_SESSION_LOGIN || session->state == OUCH_SESSION_ACTIVE;
        if (!connected || link->sending || session->send_bytes == 0) {
            continue; /* When the kernel is done, IO_SENT queues it again. */
        }
        uint8_t *full = session->send;
        uint32_t full_bytes = session->send_bytes;
        session->send = link->flight;
        session->send_bytes = 0;
        link->flight = full;
        link->sending = true;
        session->last_sent_ns = io_now_ns(client->io);
        client->counts.bytes_sent += full_bytes;
        io_send(client->io, link->handle, full, full_bytes, session->index);
        ouch_session_fill(session);
    }
    client->queue_count = 0;
}

/* Heartbeats, silence and logins that take too long. */
static void ouch_client_tick(struct ouch_client *client)
{
    uint64_t now_ns = io_now_ns(client->io);
    if (now_ns < client->tick_ns) {
        return;
    }
    client->tick_ns = now_ns + OUCH_CLIENT_TICK_PERIOD_NS;
    for (uint32_t i = 0; i < client->link_count; i++) {
        struct ouch_client_link *link = &client->links[i];
        struct ouch_session *session = &link->session;
        bool trying =
            session->state == OUCH_SESSION_CONNECTING || session->state == OUCH_SESSION_LOGIN;
        uint64_t limit_ms =
            trying ? client->options.login_limit_ms : client->options.silence_limit_ms;
        uint64_t since_ns = trying ? link->started_ns : session->last_received_ns;
        if (session->state != OUCH_SESSION_ACTIVE && !trying) {
            continue;
        }
        if (now_ns > since_ns + limit_ms * OUCH_CLIENT_NS_A_MS) {
            ouch_client_close(client, link, STATUS_TIMEOUT);
            continue;
        }
        uint64_t silent_ns = SOUPBIN_HEARTBEAT_PERIOD_MS * OUCH_CLIENT_NS_A_MS;
        if (!trying && now_ns + OUCH_CLIENT_TICK_PERIOD_NS > session->last_sent_ns + silent_ns &&
            session->send_bytes == 0 && ouch_session_packet(session, SOUPBIN_CLIENT_HEARTBEAT)) {
            ouch_client_queue(client, link);
        }
    }
}

/* Take what arrived; true when the completion is used up. */
static bool ouch_client_received(struct ouch_client *client, struct ouch_client_link *link,
                                 const struct io_completion *completion,
                                 struct ouch_session_event *events, uint32_t events_max,
                                 uint32_t *count)
{
    struct ouch_session *session = &link->session;
    if (completion->result <= 0) {
        ouch_client_close(client, link, STATUS_CLOSED);
        return true;
    }
    uint32_t bytes = (uint32_t)completion->result;
    if (session->state == OUCH_SESSION_LOGIN || session->state == OUCH_SESSION_ACTIVE) {
        uint32_t added = 0;
        enum status end;
        client->data_taken +=
            (uint32_t)ouch_session_receive(session, completion->data + client->data_taken,
                                           bytes - client->data_taken, io_now_ns(client->io),
                                           events + *count, events_max - *count, &added, &end);
        for (uint32_t i = *count; i < *count + added; i++) {
            client->counts.messages_received += events[i].kind == OUCH_SESSION_MESSAGE;
            client->counts.connects += events[i].kind == OUCH_SESSION_LOGGED_ON;
        }
        *count += added;
        ouch_session_fill(session);
        ouch_client_queue(client, link);
        if (end != STATUS_OK) {
            ouch_client_close(client, link, end);
        } else if (client->data_taken < bytes) {
            return false;
        }
    }
    client->counts.bytes_received += bytes;
    client->data_taken = 0;
    io_buffer_release(client->io, completion);
    return true;
}

/* One completion; true when it is used up. */
static bool ouch_client_complete(struct ouch_client *client, const struct io_completion *completion,
                                 struct ouch_session_event *events, uint32_t events_max,
                                 uint32_t *count)
{
    if (completion->kind == IO_WOKEN) {
        return true;
    }
    struct ouch_client_link *link = ouch_client_link(client, (uint32_t)completion->token);
    struct ouch_session *session = &link->session;
    switch (completion->kind) {
    case IO_CONNECTED:
        if (session->state == OUCH_SESSION_CONNECTING && completion->result == 0) {
            io_receive_start(client->io, link->handle, session->index);
            ouch_session_login(session, session->sequence_requested, io_now_ns(client->io));
            ouch_client_queue(client, link);
        } else {
            ouch_client_close(client, link, STATUS_CLOSED);
        }
        return true;
    case IO_RECEIVED:
        return ouch_client_received(client, link, completion, events, events_max, count);
    case IO_SENT:
        link->sending = false;
        if (completion->result < 0) {
            ouch_client_close(client, link, STATUS_CLOSED);
        }
        ouch_session_fill(session);
        ouch_client_queue(client, link);
        return true;
    case IO_CLOSED:
        ASSERT(session->state == OUCH_SESSION_CLOSING);
        link->handle_open = false;
        link->sending = false;
        link->ended = true;
        ouch_session_reset(session);
        client->ended[client->ended_count++] = session->index;
        return true;
    case IO_ACCEPTED:
    case IO_WRITTEN:
    case IO_WOKEN:
        break;
    }
    ASSERT(false); /* The client asks for nothing of the kind. */
    return true;
}

static uint32_t ouch_client_tell_ended(struct ouch_client *client,
                                       struct ouch_session_event *events, uint32_t events_max)
{
    uint32_t count = 0;
    while (client->ended_count > 0 && count < events_max) {
        struct ouch_client_link *link =
            ouch_client_link(client, client->ended[--client->ended_count]);
        ASSERT(link->ended);
        link->ended = false;
        memset(&events[count], 0, sizeof events[count]);
        events[count].kind = OUCH_SESSION_DISCONNECTED;
        events[count].session = link->session.index;
        events[count].generation = link->session.generation;
        events[count].received_ns = io_now_ns(client->io);
        events[count].status = link->end;
        count++;
    }
    return count;
}

uint32_t ouch_client_poll(struct ouch_client *client, struct ouch_session_event *events,
                          uint32_t events_max, uint64_t due_ns)
{
    ASSERT(events_max > 0);
    uint32_t count = 0;
    if (client->completion_next == client->completion_count) {
        ouch_client_tick(client);
        ouch_client_flush(client);
        uint64_t wait_ns = due_ns < client->tick_ns ? due_ns : client->tick_ns;
        client->completion_next = 0;
        client->completion_count = io_poll(client->io, client->completions, OUCH_CLIENT_COMPLETIONS,
                                           client->ended_count > 0 ? 0 : wait_ns);
    }
    while (client->completion_next < client->completion_count && count < events_max &&
           ouch_client_complete(client, &client->completions[client->completion_next], events,
                                events_max, &count)) {
        client->completion_next++;
    }
    return count + ouch_client_tell_ended(client, events + count, events_max - count);
}
