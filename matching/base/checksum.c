#include "matching/base/checksum.h"

#include <string.h>

#include "matching/base/bytes.h"

uint64_t checksum_bytes(uint64_t hash, const void *data, size_t bytes)
{
    const uint8_t *source = data;
    size_t position = 0;
    for (; bytes - position >= 8; position += 8) {
        hash = checksum_mix(hash, bytes_load_le64(source + position));
    }
    uint8_t rest[8] = {0};
    memcpy(rest, source + position, bytes - position);
    hash = checksum_mix(hash, bytes_load_le64(rest));
    return checksum_mix(hash, bytes);
}
