#include "tests/support/soup_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "matching/base/assertion.h"

#define SOUP_CLIENT_WAIT_S        120
#define SOUP_CLIENT_SEGMENT_BYTES 1460u

void soup_client_connect(struct soup_client *client, uint16_t port)
{
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT(client->fd >= 0);
    client->buffered_bytes = 0;
    client->parsed_bytes = 0;
    client->next_sequence = 0;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ASSERT(connect(client->fd, (struct sockaddr *)&address, sizeof address) == 0);
    int on = 1;
    ASSERT(setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    struct timeval wait = {.tv_sec = SOUP_CLIENT_WAIT_S};
    ASSERT(setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0);
}

void soup_client_close(struct soup_client *client)
{
    if (client->fd >= 0) {
        (void)close(client->fd);
        client->fd = -1;
    }
}

void soup_client_send(struct soup_client *client, const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    if (client->capture != NULL) {
        pcap_data(client->capture, true, bytes, count, SOUP_CLIENT_SEGMENT_BYTES);
    }
    while (count > 0) {
        ssize_t sent = send(client->fd, at, count, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return; /* The server closed: the receiving side will see it. */
        }
        at += sent;
        count -= (size_t)sent;
    }
}

void soup_client_packet(struct soup_client *client, char type, const void *payload, size_t bytes)
{
    uint8_t packet[1024];
    ASSERT(bytes + 3 <= sizeof packet);
    packet[0] = (uint8_t)((bytes + 1) >> 8);
    packet[1] = (uint8_t)(bytes + 1);
    packet[2] = (uint8_t)type;
    if (bytes > 0) {
        memcpy(packet + 3, payload, bytes);
    }
    soup_client_send(client, packet, bytes + 3);
}

void soup_client_login(struct soup_client *client, const char *user, const char *password,
                       const char *session, uint64_t sequence)
{
    char payload[64];
    int bytes = snprintf(payload, sizeof payload, "%-6s%-10s%10s%20llu", user, password,
                         session != NULL ? session : "", (unsigned long long)sequence);
    ASSERT(bytes == 46);
    soup_client_packet(client, 'L', payload, 46);
}

/* Receive what there is, at least a byte; 0 when the server closed or nothing came in time. */
static size_t soup_client_fill(struct soup_client *client)
{
    for (;;) {
        uint8_t *target = client->buffer + client->buffered_bytes;
        ssize_t bytes = recv(client->fd, target, sizeof client->buffer - client->buffered_bytes, 0);
        if (bytes < 0 && errno == EINTR) {
            continue;
        }
        if (bytes <= 0) {
            return 0;
        }
        if (client->capture != NULL) {
            pcap_data(client->capture, false, target, (size_t)bytes, SOUP_CLIENT_SEGMENT_BYTES);
        }
        client->buffered_bytes += (size_t)bytes;
        return (size_t)bytes;
    }
}

/* A whole packet in the buffer? */
static bool soup_client_parse(struct soup_client *client, struct soup_packet *packet)
{
    size_t left = client->buffered_bytes - client->parsed_bytes;
    const uint8_t *at = client->buffer + client->parsed_bytes;
    if (left < 3) {
        return false;
    }
    size_t bytes = (size_t)(at[0] << 8 | at[1]);
    ASSERT(bytes >= 1);
    if (left < bytes + 2) {
        return false;
    }
    *packet = (struct soup_packet){(char)at[2], at + 3, bytes - 1};
    client->parsed_bytes += bytes + 2;
    return true;
}

bool soup_client_receive(struct soup_client *client, struct soup_packet *packet)
{
    for (;;) {
        while (soup_client_parse(client, packet)) {
            if (packet->type != 'H') {
                return true;
            }
        }
        memmove(client->buffer, client->buffer + client->parsed_bytes,
                client->buffered_bytes - client->parsed_bytes);
        client->buffered_bytes -= client->parsed_bytes;
        client->parsed_bytes = 0;
        if (soup_client_fill(client) == 0) {
            return false;
        }
    }
}

bool soup_client_raw(struct soup_client *client, uint8_t *target, size_t count)
{
    while (client->buffered_bytes - client->parsed_bytes < count) {
        if (soup_client_fill(client) == 0) {
            return false;
        }
    }
    memcpy(target, client->buffer + client->parsed_bytes, count);
    client->parsed_bytes += count;
    return true;
}

void soup_client_join(struct soup_client *client, uint16_t port, const char *user,
                      const char *password, uint64_t sequence)
{
    soup_client_connect(client, port);
    soup_client_login(client, user, password, NULL, sequence);
    struct soup_packet packet;
    ASSERT(soup_client_receive(client, &packet));
    ASSERT(packet.type == 'A');
    ASSERT(packet.payload_bytes == 30);
    char text[32] = {0};
    memcpy(text, packet.payload + 10, 20);
    client->next_sequence = strtoull(text, NULL, 10);
    memset(text, 0, sizeof text);
    memcpy(text, packet.payload, 10);
    client->generation = strtoull(text, NULL, 10);
    ASSERT(sequence == 0 || client->next_sequence == sequence);
}

static void soup_client_put(uint8_t *target, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        target[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
}

void soup_client_order(struct soup_client *client, uint32_t reference, char side, uint32_t quantity,
                       const char *symbol, uint64_t price, char time_in_force)
{
    uint8_t message[47];
    memset(message, ' ', sizeof message);
    message[0] = 'O';
    soup_client_put(message + 1, reference, 4);
    message[5] = (uint8_t)side;
    soup_client_put(message + 6, quantity, 4);
    memcpy(message + 10, symbol, strnlen(symbol, 8));
    soup_client_put(message + 18, price, 8);
    message[26] = (uint8_t)time_in_force;
    memcpy(message + 27, "YANN", 4);
    soup_client_put(message + 45, 0, 2);
    soup_client_packet(client, 'U', message, sizeof message);
}

void soup_client_cancel(struct soup_client *client, uint32_t reference, uint32_t quantity)
{
    uint8_t message[9] = {'X'};
    soup_client_put(message + 1, reference, 4);
    soup_client_put(message + 5, quantity, 4);
    soup_client_packet(client, 'U', message, sizeof message);
}

struct soup_packet soup_client_expect(struct soup_client *client, char ouch_type)
{
    struct soup_packet packet;
    bool received = soup_client_receive(client, &packet);
    ASSERT(received);
    if (packet.type != 'S' || packet.payload_bytes == 0 || (char)packet.payload[0] != ouch_type) {
        (void)fprintf(stderr, "expected message %c, got packet %c message %c\n", ouch_type,
                      packet.type, packet.payload_bytes > 0 ? (char)packet.payload[0] : '-');
    }
    ASSERT(packet.type == 'S');
    ASSERT((char)packet.payload[0] == ouch_type);
    client->next_sequence++;
    return packet;
}
