/* A place in the bytes of a frame, for reading or writing one field after the other: link_wire*.c
 * only. A reader that meets the end or a malformed number goes bad and stays so, giving zeros: its
 * user looks once, at the end. A writer asserts that there is room. */
#ifndef REPLICATION_LINK_CURSOR_H
#define REPLICATION_LINK_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

/* Seven bits a byte, lowest first, the top bit set in all but the last byte. */
#define LINK_VARINT_BYTES_MAX 10u

struct link_reader {
    const uint8_t *at;
    size_t left;
    bool bad;
};

struct link_writer {
    uint8_t *at;
    size_t left;
};

static inline const uint8_t *link_read_bytes(struct link_reader *reader, size_t bytes)
{
    if (reader->bad || reader->left < bytes) {
        reader->bad = true;
        return NULL;
    }
    const uint8_t *at = reader->at;
    reader->at += bytes;
    reader->left -= bytes;
    return at;
}

static inline uint8_t link_read_u8(struct link_reader *reader)
{
    const uint8_t *at = link_read_bytes(reader, 1);
    return at == NULL ? 0 : *at;
}

static inline uint16_t link_read_u16(struct link_reader *reader)
{
    const uint8_t *at = link_read_bytes(reader, 2);
    return at == NULL ? 0 : bytes_load_le16(at);
}

static inline uint32_t link_read_u32(struct link_reader *reader)
{
    const uint8_t *at = link_read_bytes(reader, 4);
    return at == NULL ? 0 : bytes_load_le32(at);
}

static inline uint64_t link_read_u64(struct link_reader *reader)
{
    const uint8_t *at = link_read_bytes(reader, 8);
    return at == NULL ? 0 : bytes_load_le64(at);
}

static inline void link_read_copy(struct link_reader *reader, void *target, size_t bytes)
{
    const uint8_t *at = link_read_bytes(reader, bytes);
    if (at != NULL) {
        memcpy(target, at, bytes);
    } else {
        memset(target, 0, bytes);
    }
}

/* One number has one form: no zeros at the top, nothing beyond 64 bits. */
static inline uint64_t link_read_varint(struct link_reader *reader)
{
    uint64_t value = 0;
    for (uint32_t at = 0; at < LINK_VARINT_BYTES_MAX; at++) {
        uint8_t byte = link_read_u8(reader);
        value |= (uint64_t)(byte & 0x7F) << (7 * at);
        if ((byte & 0x80) != 0) {
            continue;
        }
        bool wide = at == LINK_VARINT_BYTES_MAX - 1 && byte > 1;
        if (reader->bad || wide || (byte == 0 && at > 0)) {
            break;
        }
        return value;
    }
    reader->bad = true;
    return 0;
}

static inline uint8_t *link_write_bytes(struct link_writer *writer, size_t bytes)
{
    ASSERT(writer->left >= bytes);
    uint8_t *at = writer->at;
    writer->at += bytes;
    writer->left -= bytes;
    return at;
}

static inline void link_write_u8(struct link_writer *writer, uint8_t value)
{
    *link_write_bytes(writer, 1) = value;
}

static inline void link_write_u16(struct link_writer *writer, uint16_t value)
{
    bytes_store_le16(link_write_bytes(writer, 2), value);
}

static inline void link_write_u32(struct link_writer *writer, uint32_t value)
{
    bytes_store_le32(link_write_bytes(writer, 4), value);
}

static inline void link_write_u64(struct link_writer *writer, uint64_t value)
{
    bytes_store_le64(link_write_bytes(writer, 8), value);
}

static inline void link_write_copy(struct link_writer *writer, const void *source, size_t bytes)
{
    uint8_t *at = link_write_bytes(writer, bytes);
    if (bytes > 0) {
        memcpy(at, source, bytes);
    }
}

static inline void link_write_varint(struct link_writer *writer, uint64_t value)
{
    while (value >= 0x80) {
        link_write_u8(writer, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    link_write_u8(writer, (uint8_t)value);
}

#endif
