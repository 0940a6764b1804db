/* The way out: from the queues through TLS to the socket, the most urgent first. */
#include <string.h>

#include "replication/link_inside.h"

#define OUTPUT_SECOND_NS     UINT64_C(1000000000)
#define OUTPUT_BULK_PAUSE_NS UINT64_C(1000000) /* Bulk goes out in pieces worth a wake-up. */

void link_output_control(struct link_connection *connection, const struct link_frame *frame)
{
    uint8_t bytes[LINK_CONTROL_BYTES];
    size_t frame_bytes = link_wire_encode(bytes, sizeof bytes, frame);
    if (frame_bytes <= LINK_CONTROL_BYTES - connection->control_bytes) {
        memcpy(connection->control + connection->control_bytes, bytes, frame_bytes);
        connection->control_bytes += (uint32_t)frame_bytes;
    }
}

/* Whether a frame of a queue has begun on this connection and not ended. */
static bool output_is_within(const struct link_connection *connection)
{
    if (connection->state != LINK_UP) {
        return false;
    }
    const struct link_peer *peer = &connection->link->peers[connection->site_id - 1];
    return peer->partial_class != LINK_PRIORITY_COUNT &&
           peer->partial_connection == link_index_of(connection);
}

/* Anything but STATUS_OK: not now. A connection that cannot speak any more is closed, and ends when
 * that is told. */
static enum status output_write(struct link_connection *connection, const uint8_t *source,
                                uint32_t bytes_max, uint32_t *bytes)
{
    if (connection->stream.state != STREAM_OPEN) {
        return STATUS_CLOSED;
    }
    enum status status = tls_write(connection->tls, source, bytes_max, bytes);
    if (status != STATUS_OK && status != STATUS_NOT_YET) {
        stream_close(&connection->stream);
    }
    return status;
}

/* The connection's own frames, where none of a queue is under way. True: none is left. */
static bool output_own(struct link_connection *connection)
{
    if (output_is_within(connection)) {
        return false;
    }
    while (connection->control_bytes > 0) {
        uint32_t bytes;
        if (output_write(connection, connection->control, connection->control_bytes, &bytes) !=
            STATUS_OK) {
            return false;
        }
        connection->control_bytes -= bytes;
        memmove(connection->control, connection->control + bytes, connection->control_bytes);
    }
    return true;
}

void link_output_own(struct link_connection *connection)
{
    bool speaks = connection->state == LINK_GREETING || connection->state == LINK_UP;
    if (speaks) {
        (void)output_own(connection);
    }
    stream_flush(&connection->stream);
}

/* The class whose turn it is; LINK_PRIORITY_COUNT: none. */
static uint8_t output_class(const struct link_peer *peer)
{
    if (peer->partial_class != LINK_PRIORITY_COUNT) {
        return peer->partial_class;
    }
    for (uint8_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
        bool paid = class != LINK_BULK || peer->bulk_credit_bytes > 0;
        if (paid && link_queue_bytes(&peer->queues[class]) > 0) {
            return class;
        }
    }
    return LINK_PRIORITY_COUNT;
}

/* One record. False: nothing to send, or no room. */
static bool output_record(struct link_peer *peer, struct link_connection *connection)
{
    if (!output_is_within(connection) && !output_own(connection)) {
        return false;
    }
    uint8_t class = output_class(peer);
    if (class == LINK_PRIORITY_COUNT) {
        return false;
    }
    struct link_queue *queue = &peer->queues[class];
    uint32_t bytes_max;
    uint32_t frame_left;
    const uint8_t *source = link_queue_next(queue, &bytes_max, &frame_left);
    ASSERT(bytes_max > 0);
    /* Urgent frames share records; a bulk frame is followed by a look at the others. */
    bytes_max = class == LINK_BULK ? frame_left : bytes_max;
    uint32_t bytes;
    if (output_write(connection, source, bytes_max, &bytes) != STATUS_OK) {
        return false;
    }
    peer->counts.frames_out[class] += link_queue_take(queue, bytes);
    peer->counts.bytes_out[class] += bytes;
    peer->bulk_credit_bytes -= class == LINK_BULK ? (int64_t)bytes : 0;
    peer->partial_class = link_queue_is_partial(queue) ? class : (uint8_t)LINK_PRIORITY_COUNT;
    peer->partial_connection = link_index_of(connection);
    return true;
}

void link_output_peer(struct link *link, struct link_peer *peer)
{
    if (peer->partial_class != LINK_PRIORITY_COUNT && peer->partial_connection != peer->best) {
        /* Another path is better now. A frame ends where it began, unless that path is silent: then
         * it is given up, and the frame begins anew. */
        struct link_connection *former = &link->connections[peer->partial_connection];
        if (link_timer_is_silent(former)) {
            link_connection_end(former, LINK_END_SILENT, "in the middle of a frame");
        } else {
            while (peer->partial_class != LINK_PRIORITY_COUNT && output_record(peer, former)) {
            }
            stream_flush(&former->stream);
        }
        if (peer->partial_class != LINK_PRIORITY_COUNT) {
            return; /* It goes on when there is room. */
        }
    }
    if (peer->best == LINK_NONE) {
        return;
    }
    struct link_connection *connection = &link->connections[peer->best];
    while (output_record(peer, connection)) {
    }
    stream_flush(&connection->stream);
    if (peer->bulk_credit_bytes <= 0 && link_queue_bytes(&peer->queues[LINK_BULK]) > 0) {
        uint64_t owed = (uint64_t)-peer->bulk_credit_bytes + 1;
        uint64_t wait_ns = owed * OUTPUT_SECOND_NS / link->options.bulk_bytes_a_second;
        link_due_by(link, link->now_ns + wait_ns + OUTPUT_BULK_PAUSE_NS);
    }
}
