/* Explicit-width integers to and from bytes: little-endian for our own formats, big-endian for the
 * exchange protocols (SoupBinTCP, OUCH, ITCH, as their specifications say). Unaligned pointers are
 * fine; the caller has checked the length. */
#ifndef MATCHING_BASE_BYTES_H
#define MATCHING_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t bytes_load_le16(const void *source)
{
    uint16_t value;
    memcpy(&value, source, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap16(value);
#endif
    return value;
}

static inline uint32_t bytes_load_le32(const void *source)
{
    uint32_t value;
    memcpy(&value, source, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    return value;
}

static inline uint64_t bytes_load_le64(const void *source)
{
    uint64_t value;
    memcpy(&value, source, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

static inline void bytes_store_le16(void *target, uint16_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap16(value);
#endif
    memcpy(target, &value, sizeof value);
}

static inline void bytes_store_le32(void *target, uint32_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap32(value);
#endif
    memcpy(target, &value, sizeof value);
}

static inline void bytes_store_le64(void *target, uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    memcpy(target, &value, sizeof value);
}

static inline uint16_t bytes_load_be16(const void *source)
{
    return __builtin_bswap16(bytes_load_le16(source));
}

static inline uint32_t bytes_load_be32(const void *source)
{
    return __builtin_bswap32(bytes_load_le32(source));
}

static inline uint64_t bytes_load_be64(const void *source)
{
    return __builtin_bswap64(bytes_load_le64(source));
}

static inline void bytes_store_be16(void *target, uint16_t value)
{
    bytes_store_le16(target, __builtin_bswap16(value));
}

static inline void bytes_store_be32(void *target, uint32_t value)
{
    bytes_store_le32(target, __builtin_bswap32(value));
}

static inline void bytes_store_be64(void *target, uint64_t value)
{
    bytes_store_le64(target, __builtin_bswap64(value));
}

#endif
