/* A segment: a sealed batch of commands, the unit of journal, replication and commit.
 *
 * Pure but for the signature and hash functions of libsodium: no clock, no I/O. Layout, byte for
 * byte: protocol.md, "Segment". A reader first opens the header, then verifies, and only then lets
 * the payload be decompressed. A segment is never sealed twice: whoever passes it on passes on
 * these bytes. */
#ifndef REPLICATION_SEGMENT_H
#define REPLICATION_SEGMENT_H

#include <assert.h>
#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"

#define SEGMENT_HEADER_BYTES 208u
#define SEGMENT_BYTES_MAX    (SEGMENT_HEADER_BYTES + SEGMENT_STORED_BYTES_MAX)
#define SEGMENT_HASH_BYTES   32u
#define SEGMENT_KEY_ID_BYTES 8u

static_assert(SEGMENT_HASH_BYTES == crypto_generichash_BYTES, "BLAKE2b-256");

/* Bits of `flags`. */
#define SEGMENT_OPENS_TERM 0x0001u /* First of a leader's term: restarts running grace periods. */
#define SEGMENT_PLACEMENT  0x0002u /* Holds no commands but a membership (placement_record.h). */
#define SEGMENT_PLANNED    0x0004u /* With OPENS_TERM alone: the leader before wished for it. */

/* Header, decoded. */
struct segment {
    uint16_t flags;
    uint16_t shard_id; /* 1 .. SHARDS_MAX. */
    uint64_t cluster_id;
    uint64_t term;      /* From 1. */
    uint64_t log_index; /* From 1. */
    uint64_t
        first_command_sequence; /* Of the first command here, from 1; of the next when empty. */
    uint32_t command_count;     /* 0 .. SEGMENT_COMMANDS_MAX. */
    uint64_t base_timestamp_ns; /* Of the first command, or of sealing when empty. */
    uint32_t raw_bytes;         /* Of the payload before compression. */
    uint32_t stored_bytes;      /* Of the payload as it follows the header. */
    uint8_t codec;              /* enum codec as found. */
    uint32_t dictionary_id;     /* 0: none. */
    uint8_t key_id[SEGMENT_KEY_ID_BYTES];
    uint8_t previous_chain_hash[SEGMENT_HASH_BYTES]; /* Zeros before log index 1. */
    uint8_t payload_hash[SEGMENT_HASH_BYTES];        /* BLAKE2b-256 of the stored bytes. */
    uint8_t chain_hash[SEGMENT_HASH_BYTES]; /* Of the header up to the signature; not stored. */
    const uint8_t *payload;                 /* Into the caller's bytes; stored_bytes long. */
};

/* A signing key of a site. In memory from sodium_malloc() (key_store.h). */
struct segment_signer {
    uint8_t key_id[SEGMENT_KEY_ID_BYTES];
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
};

/* A public key that a reader trusts. */
struct segment_verifier {
    uint8_t key_id[SEGMENT_KEY_ID_BYTES];
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
};

/* First 8 bytes of BLAKE2b-256 over "causeway key 1" and the public key. */
void segment_key_id(uint8_t key_id[static SEGMENT_KEY_ID_BYTES],
                    const uint8_t public_key[static crypto_sign_PUBLICKEYBYTES]);

/* First 8 bytes, little-endian, of BLAKE2b-256 over "causeway cluster 1" and the cluster's name. */
uint64_t segment_cluster_id(const char *cluster_name);

/* Write the header in front of a payload that already stands at target + SEGMENT_HEADER_BYTES, hash
 * and sign it. Fills key_id, payload_hash and chain_hash of `segment`; all else is the caller's.
 * Asserts on ranges. */
void segment_seal(struct segment *segment, uint8_t *target, size_t target_bytes,
                  const struct segment_signer *signer);

/* Decode and bound-check the header of `source`, which may hold any bytes. Fills everything
 * including chain_hash, computed. STATUS_SHORT: fewer bytes than the header or its stored_bytes ask
 * for; STATUS_BAD_FORMAT, STATUS_BAD_VERSION. Bytes behind the segment are not looked at. */
MUST_USE enum status segment_open(struct segment *segment, const uint8_t *source,
                                  size_t source_bytes);

/* Whole size of an opened segment in bytes. */
size_t segment_bytes(const struct segment *segment);

/* Check payload hash: STATUS_BAD_CHECKSUM. */
MUST_USE enum status segment_verify_payload(const struct segment *segment);

/* Check that `segment` (of `source`) continues (log_index, chain) of what stands before it, for
 * this cluster and shard: STATUS_FOREIGN or STATUS_BAD_CHAIN. `previous_log_index` 0 with zeros at
 * the start. */
MUST_USE enum status
segment_verify_chain(const struct segment *segment, uint64_t cluster_id, uint16_t shard_id,
                     uint64_t previous_log_index,
                     const uint8_t previous_chain_hash[static SEGMENT_HASH_BYTES]);

/* Check the signature with whichever of `verifiers` has its key id: STATUS_UNKNOWN_KEY or
 * STATUS_BAD_SIGNATURE. `source` is what segment_open() read. */
MUST_USE enum status segment_verify_signature(const struct segment *segment, const uint8_t *source,
                                              const struct segment_verifier *verifiers,
                                              uint32_t verifier_count);

#endif
