/* The way in: from TLS through the framer to the handler. */
#include "replication/link_inside.h"

/* Whether a replica speaks for itself, to us. */
static bool input_is_own(const struct link_connection *connection,
                         const struct replica_message *message)
{
    return message->from_site_id == connection->site_id &&
           message->to_site_id == connection->link->options.site_id;
}

static void input_pong(struct link_connection *connection, uint64_t sent_ns)
{
    uint64_t now_ns = connection->link->now_ns;
    if (sent_ns > now_ns || sent_ns < connection->opened_ns) {
        link_connection_end(connection, LINK_END_BAD_FRAME, "a pong without a ping");
        return;
    }
    connection->round_trips_ns[connection->round_trip_count % LINK_ROUND_TRIPS] = now_ns - sent_ns;
    connection->round_trip_count++;
}

static void input_bye(struct link_connection *connection, uint8_t reason)
{
    bool known = reason < LINK_END_COUNT;
    bool refused = known && link_end_is_refusal((enum link_end)reason);
    link_connection_end(connection, refused ? LINK_END_REFUSED_HERE : LINK_END_PEER_CLOSED,
                        known ? link_end_text((enum link_end)reason) : "");
}

static void input_frame(struct link_connection *connection, const struct link_frame *frame)
{
    const struct link_handler *handler = &connection->link->options.handler;
    uint8_t site_id = connection->site_id;
    switch ((enum link_wire_type)frame->type) {
    case LINK_WIRE_HELLO:
        link_connection_end(connection, LINK_END_BAD_FRAME, "a second hello");
        return;
    case LINK_WIRE_REPLICA:
        if (!input_is_own(connection, &frame->replica.message)) {
            link_connection_end(connection, LINK_END_WRONG_SITE, "a message of another site");
            return;
        }
        handler->replica(handler->context, site_id, frame->shard_id, &frame->replica);
        return;
    case LINK_WIRE_FORWARD:
        handler->forward(handler->context, site_id, frame->shard_id, &frame->forward);
        return;
    case LINK_WIRE_FORWARD_REPLY:
        handler->forward_reply(handler->context, site_id, frame->shard_id, &frame->forward_reply);
        return;
    case LINK_WIRE_SNAPSHOT_REQUEST:
        handler->snapshot_request(handler->context, site_id, frame->shard_id,
                                  &frame->snapshot_request);
        return;
    case LINK_WIRE_SNAPSHOT_CHUNK:
        handler->snapshot_chunk(handler->context, site_id, frame->shard_id, &frame->snapshot_chunk);
        return;
    case LINK_WIRE_PING: {
        struct link_frame pong = {.type = LINK_WIRE_PONG, .ping = frame->ping};
        link_output_control(connection, &pong);
        return;
    }
    case LINK_WIRE_PONG:
        input_pong(connection, frame->ping.sent_ns);
        return;
    case LINK_WIRE_BYE:
        input_bye(connection, frame->bye.reason);
        return;
    case LINK_WIRE_NEWS:
        handler->news(handler->context, site_id, frame->news.bytes, frame->news.bytes_count);
        return;
    case LINK_WIRE_TYPE_COUNT:
        break;
    }
    ASSERT(false);
}

/* Before HELLO there is nothing but HELLO, or the reason why there will be none. */
static void input_greeting(struct link_connection *connection, const struct link_frame *frame)
{
    if (frame->type == LINK_WIRE_HELLO) {
        link_connection_greeted(connection, &frame->hello);
    } else if (frame->type == LINK_WIRE_BYE) {
        input_bye(connection, frame->bye.reason);
    } else {
        link_connection_end(connection, LINK_END_BAD_FRAME, "no hello");
    }
}

/* All whole frames. */
static void input_frames(struct link_connection *connection)
{
    const uint8_t *bytes;
    uint32_t bytes_count;
    enum status status = link_framer_next(&connection->framer, &bytes, &bytes_count);
    while (status == STATUS_OK) {
        struct link_frame frame;
        status = link_wire_decode(&frame, bytes, bytes_count);
        if (status != STATUS_OK) {
            break;
        }
        if (connection->state == LINK_GREETING) {
            input_greeting(connection, &frame);
        } else {
            struct link_peer *peer = link_peer_of(connection->link, connection->site_id);
            peer->counts.frames_in[frame.type]++;
            peer->counts.bytes_in[frame.type] += bytes_count;
            input_frame(connection, &frame);
        }
        if (connection->state == LINK_ENDING) {
            return;
        }
        status = link_framer_next(&connection->framer, &bytes, &bytes_count);
    }
    if (status == STATUS_BAD_VERSION) {
        link_connection_end(connection, LINK_END_WRONG_VERSION, "a frame of another version");
    } else if (status != STATUS_NOT_YET) {
        link_connection_end(connection, LINK_END_BAD_FRAME, "bytes that are no frame");
    }
}

static enum link_end input_end(enum status status)
{
    if (status == STATUS_CLOSED) {
        return LINK_END_PEER_CLOSED;
    }
    return status == STATUS_DENIED ? LINK_END_REFUSED_HERE : LINK_END_BAD_RECORD;
}

void link_input_take(struct link_connection *connection, const uint8_t *data, uint32_t data_bytes)
{
    ASSERT(connection->state != LINK_FREE);
    ASSERT(connection->state != LINK_DIALLING);
    if (connection->state == LINK_ENDING) {
        return;
    }
    connection->received_ns = connection->link->now_ns;
    tls_input(connection->tls, data, data_bytes);
    if (connection->state == LINK_SHAKING && !link_connection_shake(connection)) {
        return;
    }
    while (connection->state != LINK_ENDING) {
        uint32_t bytes_max;
        uint32_t bytes;
        uint8_t *room = link_framer_room(&connection->framer, &bytes_max);
        enum status status = tls_read(connection->tls, room, bytes_max, &bytes);
        if (status == STATUS_NOT_YET) {
            break;
        }
        if (status != STATUS_OK) {
            link_connection_end(connection, input_end(status), tls_reason(connection->tls));
            return;
        }
        link_framer_received(&connection->framer, bytes);
        input_frames(connection);
    }
    if (connection->state != LINK_ENDING) {
        link_output_own(connection); /* Pongs. */
    }
}
