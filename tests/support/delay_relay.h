/* Relays of TCP connections that hold up every byte by the same time, each way: distance between
 * sites that are in fact on one machine. Bytes are kept in order, and not dropped while both sides
 * live; a connection that ends on one side ends on the other. A thread of its own.
 *
 * Each connection is acknowledged by the relay at once: a sender's congestion window does not feel
 * the distance, as it would not on a line whose buffers were sized for it. (tools/wan has real
 * stacks at both ends, and privileges to ask for.) */
#ifndef TESTS_SUPPORT_DELAY_RELAY_H
#define TESTS_SUPPORT_DELAY_RELAY_H

#include <stdint.h>

#define DELAY_RELAY_PLACES_MAX 8u

struct delay_relay;

/* Asserts that there is memory. */
struct delay_relay *delay_relay_create(uint64_t delay_ns);
/* Ends the thread and every connection. NULL is fine. */
void delay_relay_destroy(struct delay_relay *relay);

/* Who connects to 127.0.0.1:port is relayed to another port of it, which is returned: nobody
 * listens there yet. Before delay_relay_start(). */
uint16_t delay_relay_add(struct delay_relay *relay, uint16_t port);
void delay_relay_start(struct delay_relay *relay);

#endif
