/* A plain blocking SoupBinTCP client for tests: sends the bytes it is told, hands back whole
 * packets. Made of socket calls alone, so that it checks our codecs instead of sharing their
 * mistakes. */
#ifndef TESTS_SUPPORT_SOUP_CLIENT_H
#define TESTS_SUPPORT_SOUP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/pcap.h"

struct soup_client {
    int fd;
    uint64_t next_sequence; /* Of the next sequenced message; set by the login. */
    uint64_t generation;
    uint8_t buffer[1 << 17];
    size_t buffered_bytes;
    size_t parsed_bytes;
    struct pcap *capture; /* Everything sent and received goes there as well; NULL: nowhere. */
};

struct soup_packet {
    char type;
    const uint8_t *payload; /* Valid until the next call. */
    size_t payload_bytes;
};

/* Connect to 127.0.0.1:port; asserts that it succeeds. */
void soup_client_connect(struct soup_client *client, uint16_t port);
void soup_client_close(struct soup_client *client);

void soup_client_send(struct soup_client *client, const void *bytes, size_t count);
/* A packet with header. */
void soup_client_packet(struct soup_client *client, char type, const void *payload, size_t bytes);
/* Login Request, 3.00 form. `session` may be NULL for any. */
void soup_client_login(struct soup_client *client, const char *user, const char *password,
                       const char *session, uint64_t sequence);

/* The next packet; heartbeats are passed over. False when the server closed or sent nothing for a
 * long time (120 s). */
bool soup_client_receive(struct soup_client *client, struct soup_packet *packet);

/* Exactly `count` raw bytes, heartbeats and all; false when they do not come. Only right after a
 * packet. */
bool soup_client_raw(struct soup_client *client, uint8_t *target, size_t count);

/* Login and expect Login Accepted. */
void soup_client_join(struct soup_client *client, uint16_t port, const char *user,
                      const char *password, uint64_t sequence);

/* Enter Order with the fields that matter. `time_in_force` is OUCH's: '0' day, '3' IOC. */
void soup_client_order(struct soup_client *client, uint32_t reference, char side, uint32_t quantity,
                       const char *symbol, uint64_t price, char time_in_force);
void soup_client_cancel(struct soup_client *client, uint32_t reference, uint32_t quantity);

/* The next sequenced message (OUCH type in its first byte); asserts that there is one. Counts it.
 */
struct soup_packet soup_client_expect(struct soup_client *client, char ouch_type);

#endif
