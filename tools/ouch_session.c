#include "tools/ouch_session.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/ouch.h"
#include "matching/base/assertion.h"
#include "matching/base/limits.h"

#define OUCH_SESSION_COMMAND_BYTES_MAX (SOUPBIN_HEADER_BYTES + OUCH_MESSAGE_BYTES_MAX)

static_assert(OUCH_SESSION_SEND_BYTES_MIN > OUCH_SESSION_COMMAND_BYTES_MAX, "one command fits");

enum status ouch_session_create(struct ouch_session *session,
                                const struct ouch_session_options *options)
{
    ASSERT(options->send_bytes_max >= OUCH_SESSION_SEND_BYTES_MIN);

    size_t username_bytes = strlen(options->username);
    size_t password_bytes = strlen(options->password);
    if (username_bytes == 0 || username_bytes > SOUPBIN_USERNAME_BYTES ||
        password_bytes > SOUPBIN_PASSWORD_BYTES) {
        return STATUS_BAD_ARGUMENT;
    }
    *session = (struct ouch_session){.index = options->index,
                                     .query_channel = CHANNELS_MAX - 1,
                                     .recording = options->record_messages_max > 0,
                                     .send_bytes_max = options->send_bytes_max};
    memset(session->username, ' ', sizeof session->username);
    memcpy(session->username, options->username, username_bytes);
    memset(session->password, ' ', sizeof session->password);
    memcpy(session->password, options->password, password_bytes);
    if (session->recording) {
        stream_record_init(&session->record, options->record_messages_max, options->record_content);
    }
    session->send = malloc(options->send_bytes_max);
    if (session->send == NULL ||
        ouch_pending_create(&session->pending, options->window) != STATUS_OK) {
        ouch_session_destroy(session);
        return STATUS_FULL;
    }
    return STATUS_OK;
}

void ouch_session_destroy(struct ouch_session *session)
{
    if (session->recording) {
        stream_record_destroy(&session->record);
    }
    ouch_pending_destroy(&session->pending);
    free(session->send);
    session->send = NULL;
}

void ouch_session_reset(struct ouch_session *session)
{
    session->state = OUCH_SESSION_IDLE;
    session->send_bytes = 0;
    session->partial_bytes = 0;
}

void ouch_session_login(struct ouch_session *session, uint64_t sequence, uint64_t now_ns)
{
    ASSERT(session->state == OUCH_SESSION_CONNECTING);
    ASSERT(session->send_bytes == 0);

    struct soupbin_login login = {.session_any = true,
                                  .sequence = sequence,
                                  .version_4_10 = true,
                                  .heartbeat_timeout_ms = SOUPBIN_SILENCE_LIMIT_MS};
    memcpy(login.username, session->username, sizeof login.username);
    memcpy(login.password, session->password, sizeof login.password);
    session->send_bytes =
        (uint32_t)soupbin_login_encode(session->send, session->send_bytes_max, &login);
    session->state = OUCH_SESSION_LOGIN;
    session->sequence_requested = sequence;
    session->last_sent_ns = now_ns;
    session->last_received_ns = now_ns;
}

static bool ouch_session_encode(struct ouch_session *session, const struct command *command)
{
    uint32_t room = session->send_bytes_max - session->send_bytes;
    if (room < OUCH_SESSION_COMMAND_BYTES_MAX) {
        return false;
    }
    uint8_t *target = session->send + session->send_bytes;
    size_t payload_bytes =
        ouch_command_encode(target + SOUPBIN_HEADER_BYTES, room - SOUPBIN_HEADER_BYTES, command);
    session->send_bytes +=
        (uint32_t)soupbin_header_encode(target, room, SOUPBIN_UNSEQUENCED, payload_bytes);
    return true;
}

void ouch_session_fill(struct ouch_session *session)
{
    const struct command *command;
    while (session->state == OUCH_SESSION_ACTIVE &&
           (command = ouch_pending_unsent(&session->pending)) != NULL &&
           ouch_session_encode(session, command)) {
        ouch_pending_advance(&session->pending);
    }
}

enum status ouch_session_command(struct ouch_session *session, const struct command *command,
                                 uint64_t tag)
{
    ASSERT(command->type != COMMAND_ACCOUNT_QUERY);
    enum status status = ouch_pending_put(&session->pending, command, tag);
    if (status == STATUS_OK) {
        ouch_session_fill(session);
    }
    return status;
}

static bool ouch_session_query_pending(const struct ouch_session *session)
{
    ASSERT(session->query_end <= session->pending.next);
    return session->query_end > session->pending.first;
}

enum status ouch_session_barrier(struct ouch_session *session, uint64_t tag)
{
    if (ouch_session_query_pending(session)) {
        return STATUS_NOT_YET;
    }
    uint8_t channel = (uint8_t)((session->query_channel + 1) % CHANNELS_MAX);
    struct command command = {.type = COMMAND_ACCOUNT_QUERY};
    command.body.query.channel = channel;
    enum status status = ouch_pending_put(&session->pending, &command, tag);
    if (status == STATUS_OK) {
        session->query_channel = channel;
        session->query_end = session->pending.next;
        ouch_session_fill(session);
    }
    return status;
}

bool ouch_session_packet(struct ouch_session *session, enum soupbin_type type)
{
    uint32_t room = session->send_bytes_max - session->send_bytes;
    if (session->state != OUCH_SESSION_ACTIVE || room < SOUPBIN_HEADER_BYTES) {
        return false;
    }
    session->send_bytes +=
        (uint32_t)soupbin_empty_encode(session->send + session->send_bytes, room, type);
    return true;
}

/* A query that may have been answered already goes out again on another channel: the answer to the
 * first, still to come out of the stream, must not pass for the answer to the second. */
static void ouch_session_query_renew(struct ouch_session *session)
{
    if (!ouch_session_query_pending(session)) {
        return;
    }
    session->query_channel = (uint8_t)((session->query_channel + 1) % CHANNELS_MAX);
    uint64_t slot = (session->query_end - 1) & (session->pending.capacity - 1);
    struct command *command = &session->pending.entries[slot].command;
    ASSERT(command->type == COMMAND_ACCOUNT_QUERY);
    command->body.query.channel = session->query_channel;
}

static enum status ouch_session_accepted(struct ouch_session *session,
                                         const struct soupbin_packet *packet,
                                         struct ouch_session_event *event)
{
    struct soupbin_accepted accepted;
    if (session->state != OUCH_SESSION_LOGIN ||
        soupbin_accepted_decode(&accepted, packet->payload, packet->payload_bytes) != STATUS_OK ||
        accepted.sequence == 0) {
        return STATUS_BAD_FORMAT;
    }
    if (accepted.session != session->generation) {
        if (session->recording && session->generation != 0) {
            uint64_t messages_max = session->record.messages_max;
            bool keep_content = session->record.keep_content;
            stream_record_destroy(&session->record);
            stream_record_init(&session->record, messages_max, keep_content);
        }
        session->generation = accepted.session;
        session->sequence_seen = 0;
    }
    session->state = OUCH_SESSION_ACTIVE;
    session->sequence_next = accepted.sequence;
    bool asked = session->sequence_requested != 0;
    if (!asked && session->sequence_seen + 1 < accepted.sequence) {
        session->sequence_seen = accepted.sequence - 1; /* Nobody wants what came before. */
    }
    ouch_session_query_renew(session);
    ouch_pending_rewind(&session->pending);
    ouch_session_fill(session);
    event->kind = OUCH_SESSION_LOGGED_ON;
    event->sequence = accepted.sequence;
    event->status =
        asked && accepted.sequence != session->sequence_requested ? STATUS_BAD_CHAIN : STATUS_OK;
    return STATUS_OK;
}

static enum status ouch_session_message(struct ouch_session *session,
                                        const struct soupbin_packet *packet,
                                        struct ouch_session_event *event)
{
    if (session->state != OUCH_SESSION_ACTIVE || packet->payload_bytes == 0) {
        return STATUS_BAD_FORMAT;
    }
    event->kind = OUCH_SESSION_MESSAGE;
    event->sequence = session->sequence_next++;
    event->message_bytes = packet->payload_bytes;
    event->repeated = event->sequence <= session->sequence_seen;
    if (session->recording) {
        event->record = stream_record_add(&session->record, event->sequence, packet->payload,
                                          packet->payload_bytes);
    }
    event->status = ouch_event_decode(&event->event, packet->payload, packet->payload_bytes);
    if (event->status != STATUS_OK) {
        event->event = (struct event){.type = 0};
    }
    if (!event->repeated) {
        session->sequence_seen = event->sequence;
        event->answers = event->status == STATUS_OK &&
                         ouch_pending_take(&session->pending, &event->event, &event->answer);
    }
    return STATUS_OK;
}

/* `U` from 4.00 on, and the same in a Debug packet before. Other Debug text means nothing. */
static bool ouch_session_unsequenced(struct ouch_session *session,
                                     const struct soupbin_packet *packet,
                                     struct ouch_session_event *event)
{
    struct ouch_refused refused;
    if (ouch_refused_decode(&refused, packet->payload, packet->payload_bytes) != STATUS_OK) {
        return false;
    }
    event->kind = OUCH_SESSION_REFUSED;
    event->reason = (uint8_t)refused.reason;
    event->event = (struct event){.user_reference = refused.user_reference,
                                  .channel = refused.channel,
                                  .timestamp_ns = refused.timestamp_ns};
    event->answers = ouch_pending_refuse(&session->pending, refused.channel, refused.user_reference,
                                         &event->answer);
    return true;
}

/* One packet to at most one event. STATUS_OK with event->kind 0: nothing to tell. */
static enum status ouch_session_take(struct ouch_session *session,
                                     const struct soupbin_packet *packet,
                                     struct ouch_session_event *event)
{
    switch (packet->type) {
    case SOUPBIN_LOGIN_ACCEPTED:
        return ouch_session_accepted(session, packet, event);
    case SOUPBIN_LOGIN_REJECTED:
        event->kind = OUCH_SESSION_LOGON_REFUSED;
        event->reason = packet->payload_bytes > 0 ? packet->payload[0] : 0;
        return STATUS_DENIED;
    case SOUPBIN_SEQUENCED:
        return ouch_session_message(session, packet, event);
    case SOUPBIN_UNSEQUENCED:
        return ouch_session_unsequenced(session, packet, event) ? STATUS_OK : STATUS_BAD_FORMAT;
    case SOUPBIN_DEBUG:
        (void)ouch_session_unsequenced(session, packet, event);
        return STATUS_OK;
    case SOUPBIN_SERVER_HEARTBEAT:
        return STATUS_OK;
    case SOUPBIN_END_OF_SESSION:
        event->kind = OUCH_SESSION_ENDED;
        return STATUS_OK;
    default: /* A byte of the wire, not an enum. */
        return STATUS_BAD_FORMAT;
    }
}

/* The next packet of `data`, put together in session->partial when it came in pieces. `*taken` is
 * how many bytes of `data` it used. */
static enum status ouch_session_packet_next(struct ouch_session *session, const uint8_t *data,
                                            size_t bytes, struct soupbin_packet *packet,
                                            size_t *taken)
{
    uint32_t before = session->partial_bytes;
    ASSERT(before < OUCH_SESSION_PACKET_BYTES_MAX);
    if (before == 0) {
        enum status status = soupbin_decode(packet, data, bytes, OUCH_SESSION_PACKET_BYTES_MAX);
        *taken = status == STATUS_OK ? packet->packet_bytes : bytes;
        if (status == STATUS_SHORT) {
            ASSERT(bytes < OUCH_SESSION_PACKET_BYTES_MAX);
            memcpy(session->partial, data, bytes);
            session->partial_bytes = (uint32_t)bytes;
        }
        return status;
    }
    size_t room = OUCH_SESSION_PACKET_BYTES_MAX - before;
    size_t copied = bytes < room ? bytes : room;
    memcpy(session->partial + before, data, copied);
    enum status status =
        soupbin_decode(packet, session->partial, before + copied, OUCH_SESSION_PACKET_BYTES_MAX);
    if (status == STATUS_SHORT) {
        session->partial_bytes = before + (uint32_t)copied;
        *taken = copied;
    } else {
        session->partial_bytes = 0;
        *taken = status == STATUS_OK ? packet->packet_bytes - before : bytes;
    }
    return status;
}

size_t ouch_session_receive(struct ouch_session *session, const uint8_t *data, size_t bytes,
                            uint64_t now_ns, struct ouch_session_event *events, uint32_t events_max,
                            uint32_t *event_count, enum status *end)
{
    ASSERT(bytes > 0);
    ASSERT(events_max > 0);

    size_t done = 0;
    *event_count = 0;
    *end = STATUS_OK;
    session->last_received_ns = now_ns;
    while (done < bytes && *event_count < events_max && *end == STATUS_OK) {
        struct soupbin_packet packet;
        size_t taken;
        enum status status =
            ouch_session_packet_next(session, data + done, bytes - done, &packet, &taken);
        done += taken;
        if (status == STATUS_SHORT) {
            break;
        }
        if (status != STATUS_OK) {
            *end = status;
            break;
        }
        struct ouch_session_event *event = &events[*event_count];
        memset(event, 0, sizeof *event);
        *end = ouch_session_take(session, &packet, event);
        if (event->kind != 0) {
            event->session = session->index;
            event->received_ns = now_ns;
            event->generation = session->generation;
            *event_count += 1;
        }
    }
    return done;
}
