#include "tests/support/fake_exchange.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/ouch.h"
#include "gateway/soupbin.h"
#include "matching/base/assertion.h"

struct fake_exchange *fake_exchange_create(void)
{
    struct fake_exchange *exchange = calloc(1, sizeof *exchange);
    ASSERT(exchange != NULL);
    exchange->answers_max = UINT32_MAX;
    for (uint32_t i = 0; i < FAKE_EXCHANGE_CONNECTIONS; i++) {
        exchange->connections[i].fd = -1;
    }
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof address;
    exchange->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ASSERT(exchange->listener >= 0);
    ASSERT(bind(exchange->listener, (struct sockaddr *)&address, bytes) == 0);
    ASSERT(listen(exchange->listener, 64) == 0);
    ASSERT(getsockname(exchange->listener, (struct sockaddr *)&address, &bytes) == 0);
    (void)snprintf(exchange->endpoint, sizeof exchange->endpoint, "127.0.0.1:%u",
                   ntohs(address.sin_port));
    return exchange;
}

static void fake_exchange_close(struct fake_exchange_connection *connection)
{
    if (connection->fd >= 0) {
        (void)close(connection->fd);
    }
    connection->fd = -1;
}

void fake_exchange_cut(struct fake_exchange *exchange)
{
    for (uint32_t i = 0; i < FAKE_EXCHANGE_CONNECTIONS; i++) {
        fake_exchange_close(&exchange->connections[i]);
    }
}

void fake_exchange_destroy(struct fake_exchange *exchange)
{
    fake_exchange_cut(exchange);
    (void)close(exchange->listener);
    free(exchange);
}

struct fake_exchange_stream *fake_exchange_stream(struct fake_exchange *exchange, const char *name)
{
    for (uint32_t i = 0; i < exchange->stream_count; i++) {
        if (strcmp(exchange->streams[i].name, name) == 0) {
            return &exchange->streams[i];
        }
    }
    ASSERT(exchange->stream_count < FAKE_EXCHANGE_SESSIONS);
    struct fake_exchange_stream *stream = &exchange->streams[exchange->stream_count++];
    (void)snprintf(stream->name, sizeof stream->name, "%s", name);
    stream->generation = 1;
    return stream;
}

static void fake_exchange_emit(struct fake_exchange_stream *stream, struct event event)
{
    ASSERT(stream->message_count < FAKE_EXCHANGE_MESSAGES);
    struct fake_exchange_message *message = &stream->messages[stream->message_count++];
    uint8_t bytes[OUCH_MESSAGE_BYTES_MAX];
    event.sequence = stream->message_count;
    event.timestamp_ns = UINT64_C(1700000000000000000) + stream->message_count;
    message->count = (uint32_t)ouch_event_encode(bytes, sizeof bytes, &event);
    ASSERT(message->count <= sizeof message->bytes);
    memcpy(message->bytes, bytes, message->count);
}

void fake_exchange_roll(struct fake_exchange *exchange, const char *name)
{
    struct fake_exchange_stream *stream = fake_exchange_stream(exchange, name);
    for (uint32_t i = 0; i < FAKE_EXCHANGE_CONNECTIONS; i++) {
        struct fake_exchange_connection *connection = &exchange->connections[i];
        if (connection->fd >= 0 && connection->stream == stream) {
            connection->out_bytes +=
                (uint32_t)soupbin_empty_encode(connection->out + connection->out_bytes,
                                               sizeof connection->out - connection->out_bytes,
                                               SOUPBIN_END_OF_SESSION);
            connection->stream = NULL;
        }
    }
    stream->generation++;
    stream->message_count = 0;
}

static void fake_exchange_order(struct fake_exchange_stream *stream, const struct command *command)
{
    const struct command_order *order = &command->body.order;
    if (order->user_reference <= stream->reference_last[order->channel]) {
        stream->duplicates++;
        return;
    }
    stream->reference_last[order->channel] = order->user_reference;
    struct event event = {.type = EVENT_ORDER_ACCEPTED,
                          .state = 'L',
                          .channel = order->channel,
                          .user_reference = order->user_reference,
                          .quantity_lots = order->quantity_lots,
                          .price = order->price,
                          .order_id = stream->message_count + 1,
                          .side = order->side,
                          .time_in_force = order->time_in_force,
                          .kind = order->kind,
                          .display = order->display,
                          .capacity = order->capacity,
                          .sweep = order->sweep,
                          .cross = order->cross};
    memcpy(event.symbol, order->symbol, sizeof event.symbol);
    memcpy(event.client_order_id, order->client_order_id, sizeof event.client_order_id);
    fake_exchange_emit(stream, event);
}

static void fake_exchange_refuse(struct fake_exchange_connection *connection,
                                 const struct command *command)
{
    struct ouch_refused refused = {.user_reference = command->body.order.user_reference,
                                   .channel = command->body.order.channel,
                                   .reason = OUCH_REFUSED_NO_QUORUM};
    uint8_t *target = connection->out + connection->out_bytes;
    size_t room = sizeof connection->out - connection->out_bytes;
    size_t bytes =
        ouch_refused_encode(target + SOUPBIN_HEADER_BYTES, room - SOUPBIN_HEADER_BYTES, &refused);
    connection->out_bytes +=
        (uint32_t)soupbin_header_encode(target, room, SOUPBIN_UNSEQUENCED, bytes);
}

static void fake_exchange_arrived(struct fake_exchange *exchange,
                                  const struct fake_exchange_stream *stream,
                                  const struct command *command)
{
    if (exchange->arrival_count < FAKE_EXCHANGE_MESSAGES) {
        struct fake_exchange_arrival *arrival = &exchange->arrivals[exchange->arrival_count];
        memcpy(arrival->name, stream->name, sizeof arrival->name);
        arrival->type = command->type;
        arrival->reference = command->type == COMMAND_ORDER_CANCEL
                                 ? command->body.cancel.user_reference
                                 : command->body.order.user_reference;
    }
    exchange->arrival_count++;
}

static void fake_exchange_command(struct fake_exchange *exchange,
                                  struct fake_exchange_connection *connection,
                                  const struct command *command)
{
    struct fake_exchange_stream *stream = connection->stream;
    if (exchange->answers_max == 0) {
        return;
    }
    if (exchange->refuse_commands) {
        fake_exchange_refuse(connection, command);
        return;
    }
    exchange->answers_max -= exchange->answers_max != UINT32_MAX;
    fake_exchange_arrived(exchange, stream, command);
    if (command->type == COMMAND_ORDER_ENTER) {
        fake_exchange_order(stream, command);
    } else if (command->type == COMMAND_ORDER_CANCEL &&
               command->body.cancel.user_reference % 2 == 1) {
        /* Odd orders are open, even ones are gone: their cancel is passed over in silence. */
        fake_exchange_emit(stream,
                           (struct event){.type = EVENT_ORDER_CANCELED,
                                          .reason = CANCEL_USER,
                                          .channel = command->body.cancel.channel,
                                          .user_reference = command->body.cancel.user_reference,
                                          .quantity_lots = 1});
    } else if (command->type == COMMAND_ACCOUNT_QUERY) {
        uint8_t channel = command->body.query.channel;
        fake_exchange_emit(stream,
                           (struct event){.type = EVENT_ACCOUNT,
                                          .channel = channel,
                                          .user_reference = stream->reference_last[channel] + 1});
    }
}

static void fake_exchange_login(struct fake_exchange *exchange,
                                struct fake_exchange_connection *connection,
                                const struct soupbin_packet *packet)
{
    struct soupbin_login login;
    ASSERT(soupbin_login_decode(&login, packet->payload, packet->payload_bytes) == STATUS_OK);
    exchange->logins++;
    if (exchange->refuse_logins) {
        connection->out_bytes +=
            (uint32_t)soupbin_rejected_encode(connection->out, sizeof connection->out,
                                              SOUPBIN_NOT_AUTHORIZED);
        return;
    }
    char name[SOUPBIN_USERNAME_BYTES + 1] = {0};
    memcpy(name, login.username, SOUPBIN_USERNAME_BYTES);
    name[strcspn(name, " ")] = '\0';
    connection->stream = fake_exchange_stream(exchange, name);
    connection->cursor =
        login.sequence == 0 ? connection->stream->message_count + 1 : login.sequence;
    struct soupbin_accepted accepted = {.session = connection->stream->generation,
                                        .sequence = connection->cursor +
                                                    (exchange->fault == FAKE_EXCHANGE_OFFSET)};
    connection->out_bytes +=
        (uint32_t)soupbin_accepted_encode(connection->out, sizeof connection->out, &accepted);
}

static void fake_exchange_read(struct fake_exchange *exchange,
                               struct fake_exchange_connection *connection)
{
    ssize_t got = recv(connection->fd, connection->in + connection->in_bytes,
                       sizeof connection->in - connection->in_bytes, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN)) {
        fake_exchange_close(connection);
        return;
    }
    connection->in_bytes += got > 0 ? (uint32_t)got : 0;
    uint32_t done = 0;
    struct soupbin_packet packet;
    while (connection->fd >= 0 && soupbin_decode(&packet, connection->in + done,
                                                 connection->in_bytes - done, 512) == STATUS_OK) {
        done += packet.packet_bytes;
        struct command command;
        if (packet.type == SOUPBIN_LOGIN_REQUEST) {
            fake_exchange_login(exchange, connection, &packet);
        } else if (packet.type == SOUPBIN_CLIENT_HEARTBEAT) {
            connection->heartbeats++;
        } else if (packet.type == SOUPBIN_LOGOUT_REQUEST) {
            fake_exchange_close(connection);
        } else if (packet.type == SOUPBIN_UNSEQUENCED) {
            ASSERT(ouch_command_decode(&command, packet.payload, packet.payload_bytes) ==
                   STATUS_OK);
            fake_exchange_command(exchange, connection, &command);
        }
    }
    memmove(connection->in, connection->in + done, connection->in_bytes - done);
    connection->in_bytes -= done;
}

static void fake_exchange_put(struct fake_exchange_connection *connection, uint8_t type,
                              const uint8_t *bytes, uint32_t count)
{
    uint8_t *target = connection->out + connection->out_bytes;
    target[0] = (uint8_t)((count + 1) >> 8);
    target[1] = (uint8_t)(count + 1);
    target[2] = type;
    memcpy(target + SOUPBIN_HEADER_BYTES, bytes, count);
    connection->out_bytes += SOUPBIN_HEADER_BYTES + count;
}

static void fake_exchange_fill(struct fake_exchange *exchange,
                               struct fake_exchange_connection *connection)
{
    const struct fake_exchange_stream *stream = connection->stream;
    while (stream != NULL && connection->cursor <= stream->message_count &&
           connection->out_bytes + 512 < sizeof connection->out) {
        struct fake_exchange_message message = stream->messages[connection->cursor - 1];
        enum fake_exchange_fault fault =
            connection->cursor == exchange->fault_sequence ? exchange->fault : FAKE_EXCHANGE_NONE;
        connection->cursor++;
        if (fault == FAKE_EXCHANGE_SKIP) {
            continue;
        }
        message.bytes[message.count / 2] ^= fault == FAKE_EXCHANGE_FLIP ? 0x10 : 0;
        fake_exchange_put(connection, SOUPBIN_SEQUENCED, message.bytes, message.count);
        if (fault == FAKE_EXCHANGE_REPEAT) {
            fake_exchange_put(connection, SOUPBIN_SEQUENCED, message.bytes, message.count);
        } else if (fault == FAKE_EXCHANGE_RUBBISH) {
            fake_exchange_put(connection, '?', message.bytes, 4);
        }
    }
}

static void fake_exchange_write(struct fake_exchange *exchange,
                                struct fake_exchange_connection *connection)
{
    uint32_t bytes = connection->out_bytes - connection->out_sent;
    if (exchange->piece_bytes > 0 && bytes > exchange->piece_bytes) {
        bytes = exchange->piece_bytes;
    }
    if (bytes == 0) {
        return;
    }
    ssize_t sent = send(connection->fd, connection->out + connection->out_sent, bytes,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        fake_exchange_close(connection);
        return;
    }
    connection->out_sent += sent > 0 ? (uint32_t)sent : 0;
    if (connection->out_sent == connection->out_bytes) {
        connection->out_sent = 0;
        connection->out_bytes = 0;
    }
}

void fake_exchange_step(struct fake_exchange *exchange)
{
    int fd = accept4(exchange->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    for (uint32_t i = 0; i < FAKE_EXCHANGE_CONNECTIONS; i++) {
        struct fake_exchange_connection *connection = &exchange->connections[i];
        if (connection->fd < 0 && fd >= 0) {
            memset(connection, 0, sizeof *connection);
            connection->fd = fd;
            fd = -1;
        }
        if (connection->fd >= 0) {
            fake_exchange_read(exchange, connection);
        }
        if (connection->fd >= 0) {
            fake_exchange_fill(exchange, connection);
            fake_exchange_write(exchange, connection);
        }
    }
    ASSERT(fd < 0);
}
