/* Running 64-bit multiply-mix hash: compares event streams and states between sites and compilers.
 *
 * Not cryptographic: it finds bugs and broken machines, not enemies; those meet the chain of
 * BLAKE2b hashes and signatures in replication/segment.h. Same values, same hash on every CPU and
 * compiler. */
#ifndef MATCHING_BASE_CHECKSUM_H
#define MATCHING_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define CHECKSUM_SEED       UINT64_C(0x9E3779B97F4A7C15)
#define CHECKSUM_MULTIPLIER UINT64_C(0xD6E8FEB86659FD93)

/* Fold one value into a running hash. */
static inline uint64_t checksum_mix(uint64_t hash, uint64_t value)
{
    hash ^= value;
    hash *= CHECKSUM_MULTIPLIER;
    return hash ^ (hash >> 32);
}

/* Fold `bytes` at `data` into a running hash; the length takes part. */
uint64_t checksum_bytes(uint64_t hash, const void *data, size_t bytes);

#endif
