/* Writes one TCP connection as a capture file that tshark reads: for showing our bytes to other
 * people's dissectors. Packets are IPv4 without a link layer (LINKTYPE_RAW), 127.0.0.1 to itself,
 * with a handshake in front and right sequence numbers and checksums throughout. */
#ifndef TESTS_SUPPORT_PCAP_H
#define TESTS_SUPPORT_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct pcap {
    FILE *file;
    uint64_t time_us;           /* Of the next packet; advances by 1 ms a packet. */
    uint16_t ports[2];          /* Client, server. */
    uint32_t next_sequences[2]; /* Client, server. */
};

/* Creates the file, with the connection's handshake. Asserts that it can be written. */
void pcap_open(struct pcap *pcap, const char *path, uint16_t client_port, uint16_t server_port);

/* Bytes in one direction, of any number; cut into TCP segments of at most `segment_bytes`, so that
 * a test can split and merge logical packets as TCP does. */
void pcap_data(struct pcap *pcap, bool from_client, const void *data, size_t data_bytes,
               size_t segment_bytes);

/* Both sides finish. */
void pcap_close(struct pcap *pcap);

#endif
