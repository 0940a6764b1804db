#include "tests/support/pcap.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define LINKTYPE_RAW      101u
#define IP_HEADER_BYTES   20u
#define TCP_HEADER_BYTES  20u
#define HEADERS_BYTES     (IP_HEADER_BYTES + TCP_HEADER_BYTES)
#define SEGMENT_BYTES_MAX 60000u
#define SNAP_BYTES        65535u
#define ADDRESS           UINT32_C(0x7F000001)
#define TCP_PROTOCOL      6u
#define TCP_FIN           0x01u
#define TCP_SYN           0x02u
#define TCP_PUSH          0x08u
#define TCP_ACK           0x10u

static void pcap_write(struct pcap *pcap, const void *bytes, size_t count)
{
    ASSERT(fwrite(bytes, 1, count, pcap->file) == count);
}

/* One's complement sum of 16-bit words (RFC 1071), not yet folded. */
static uint64_t pcap_sum(const uint8_t *bytes, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i + 1 < count; i += 2) {
        sum += bytes_load_be16(bytes + i);
    }
    return count % 2 == 0 ? sum : sum + ((uint64_t)bytes[count - 1] << 8);
}

static uint16_t pcap_fold(uint64_t sum)
{
    while (sum >> 16 != 0) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

static void pcap_ip_header(uint8_t *header, size_t data_bytes)
{
    memset(header, 0, IP_HEADER_BYTES);
    header[0] = 0x45; /* Version 4, five words. */
    bytes_store_be16(header + 2, (uint16_t)(HEADERS_BYTES + data_bytes));
    header[6] = 0x40; /* Do not fragment. */
    header[8] = 64;   /* Time to live. */
    header[9] = TCP_PROTOCOL;
    bytes_store_be32(header + 12, ADDRESS);
    bytes_store_be32(header + 16, ADDRESS);
    bytes_store_be16(header + 10, pcap_fold(pcap_sum(header, IP_HEADER_BYTES)));
}

static void pcap_tcp_header(const struct pcap *pcap, uint8_t *header, bool from_client,
                            uint8_t flags, const uint8_t *data, size_t data_bytes)
{
    size_t sender = from_client ? 0 : 1;
    memset(header, 0, TCP_HEADER_BYTES);
    bytes_store_be16(header, pcap->ports[sender]);
    bytes_store_be16(header + 2, pcap->ports[1 - sender]);
    bytes_store_be32(header + 4, pcap->next_sequences[sender]);
    if ((flags & TCP_ACK) != 0) {
        bytes_store_be32(header + 8, pcap->next_sequences[1 - sender]);
    }
    header[12] = (TCP_HEADER_BYTES / 4) << 4;
    header[13] = flags;
    bytes_store_be16(header + 14, 0xFFFF); /* Window. */
    uint64_t sum = 2 * ((ADDRESS >> 16) + (ADDRESS & 0xFFFF)) + TCP_PROTOCOL + TCP_HEADER_BYTES +
                   data_bytes + pcap_sum(header, TCP_HEADER_BYTES) + pcap_sum(data, data_bytes);
    bytes_store_be16(header + 16, pcap_fold(sum));
}

static void pcap_segment(struct pcap *pcap, bool from_client, uint8_t flags, const uint8_t *data,
                         size_t data_bytes)
{
    uint8_t record[16];
    uint8_t headers[HEADERS_BYTES];
    ASSERT(data_bytes <= SEGMENT_BYTES_MAX);

    pcap_ip_header(headers, data_bytes);
    pcap_tcp_header(pcap, headers + IP_HEADER_BYTES, from_client, flags, data, data_bytes);
    bytes_store_le32(record, (uint32_t)(pcap->time_us / 1000000));
    bytes_store_le32(record + 4, (uint32_t)(pcap->time_us % 1000000));
    bytes_store_le32(record + 8, (uint32_t)(HEADERS_BYTES + data_bytes));
    bytes_store_le32(record + 12, (uint32_t)(HEADERS_BYTES + data_bytes));
    pcap_write(pcap, record, sizeof record);
    pcap_write(pcap, headers, sizeof headers);
    pcap_write(pcap, data, data_bytes);
    pcap->time_us += 1000;
    bool counts = (flags & (TCP_SYN | TCP_FIN)) != 0;
    pcap->next_sequences[from_client ? 0 : 1] += (uint32_t)data_bytes + (counts ? 1 : 0);
}

void pcap_open(struct pcap *pcap, const char *path, uint16_t client_port, uint16_t server_port)
{
    uint8_t header[24] = {0};
    *pcap = (struct pcap){.file = fopen(path, "wb"),
                          .time_us = UINT64_C(1700000000000000),
                          .ports = {client_port, server_port},
                          .next_sequences = {1000, 2000}};
    ASSERT(pcap->file != NULL);
    bytes_store_le32(header, UINT32_C(0xA1B2C3D4)); /* Microseconds. */
    bytes_store_le16(header + 4, 2);                /* Version 2.4. */
    bytes_store_le16(header + 6, 4);
    bytes_store_le32(header + 16, SNAP_BYTES);
    bytes_store_le32(header + 20, LINKTYPE_RAW);
    pcap_write(pcap, header, sizeof header);
    pcap_segment(pcap, true, TCP_SYN, header, 0);
    pcap_segment(pcap, false, TCP_SYN | TCP_ACK, header, 0);
    pcap_segment(pcap, true, TCP_ACK, header, 0);
}

void pcap_data(struct pcap *pcap, bool from_client, const void *data, size_t data_bytes,
               size_t segment_bytes)
{
    ASSERT(segment_bytes > 0);
    ASSERT(segment_bytes <= SEGMENT_BYTES_MAX);
    const uint8_t *bytes = data;
    for (size_t place = 0; place < data_bytes; place += segment_bytes) {
        size_t piece = data_bytes - place < segment_bytes ? data_bytes - place : segment_bytes;
        pcap_segment(pcap, from_client, TCP_PUSH | TCP_ACK, bytes + place, piece);
    }
}

void pcap_close(struct pcap *pcap)
{
    const uint8_t none = 0;
    pcap_segment(pcap, true, TCP_FIN | TCP_ACK, &none, 0);
    pcap_segment(pcap, false, TCP_FIN | TCP_ACK, &none, 0);
    pcap_segment(pcap, true, TCP_ACK, &none, 0);
    ASSERT(fclose(pcap->file) == 0);
    pcap->file = NULL;
}
