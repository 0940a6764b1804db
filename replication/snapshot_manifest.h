/* The manifest of a snapshot: what it is of, what it consists of, and who vouches for it.
 *
 * Pure but for the hash and signature functions of libsodium. Layout, byte for byte: protocol.md,
 * "Snapshots". A header of fixed size is signed; behind it stands the list of the hashes of all
 * chunks, for which the header has a root of each part: so a reader knows whom it believes, and how
 * long the list may be, before it takes in the list. */
#ifndef REPLICATION_SNAPSHOT_MANIFEST_H
#define REPLICATION_SNAPSHOT_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/replica_message.h"
#include "replication/segment.h"

#define SNAPSHOT_MANIFEST_HEADER_BYTES     2472u
#define SNAPSHOT_MANIFEST_HASH_BYTES       32u
#define SNAPSHOT_MANIFEST_NAME_BYTES       16u
#define SNAPSHOT_MANIFEST_MEMBERSHIP_BYTES 1024u
#define SNAPSHOT_MANIFEST_BYTES_MAX                                                                \
    (SNAPSHOT_MANIFEST_HEADER_BYTES + SNAPSHOT_CHUNKS_MAX * SNAPSHOT_MANIFEST_HASH_BYTES)

/* A membership as its segment in the log has it; opaque here. */
struct snapshot_membership {
    uint64_t log_index;   /* Of that segment; 0: genesis. */
    uint32_t bytes_count; /* 0: there is none. */
    uint8_t bytes[SNAPSHOT_MANIFEST_MEMBERSHIP_BYTES];
};

/* Bytes that are opaque here: the engine's state, the session streams. */
struct snapshot_part {
    char name[SNAPSHOT_MANIFEST_NAME_BYTES]; /* Lower-case letters, ended by zeros. */
    uint64_t bytes;
    uint8_t root[SNAPSHOT_MANIFEST_HASH_BYTES]; /* BLAKE2b-256 over the hashes of its chunks: equal
                                                   for equal bytes, whoever wrote them. */
};

struct snapshot_manifest {
    uint64_t cluster_id;
    uint16_t shard_id;
    struct replica_position position;      /* Of the last segment that it stands for. */
    uint64_t next_command_sequence;        /* Behind it. */
    uint64_t last_timestamp_ns;            /* Not below any command's in it. */
    uint64_t event_hash;                   /* Of the machine there (rule 9). */
    struct snapshot_membership membership; /* That rules behind it, */
    struct snapshot_membership previous;   /* and the one before. */
    uint32_t part_count;                   /* 1 .. SNAPSHOT_PARTS_MAX. */
    struct snapshot_part parts[SNAPSHOT_PARTS_MAX];
    uint8_t key_id[SEGMENT_KEY_ID_BYTES];
    uint8_t hash[SNAPSHOT_MANIFEST_HASH_BYTES]; /* Of the header up to the signature; not stored. */
    const uint8_t *list; /* Hashes of all chunks, part after part: in the caller's bytes. */
};

/* Chunks of a part: all of SNAPSHOT_CHUNK_BYTES, but for the last one. */
uint32_t snapshot_manifest_chunks(const struct snapshot_part *part);
/* Of all parts. */
uint32_t snapshot_manifest_chunks_all(const struct snapshot_manifest *manifest);
/* Header and list. */
size_t snapshot_manifest_bytes(const struct snapshot_manifest *manifest);
/* Of all parts. */
uint64_t snapshot_manifest_content_bytes(const struct snapshot_manifest *manifest);

/* Chunk `index` of all, from 0: its part, where in it and how long it is. */
struct snapshot_chunk {
    uint32_t part;
    uint64_t offset;
    uint32_t bytes;
};
void snapshot_manifest_chunk(const struct snapshot_manifest *manifest, uint32_t index,
                             struct snapshot_chunk *chunk);

void snapshot_manifest_hash(uint8_t hash[static SNAPSHOT_MANIFEST_HASH_BYTES], const void *bytes,
                            size_t count);

/* Whether a name is one of a part. */
bool snapshot_manifest_name_valid(const char name[static SNAPSHOT_MANIFEST_NAME_BYTES]);

/* Write the header in front of the list, which already stands at `target` +
 * SNAPSHOT_MANIFEST_HEADER_BYTES, and sign it. Fills roots, key_id, hash and list of `manifest`;
 * all else is the caller's. Asserts on ranges. */
void snapshot_manifest_encode(struct snapshot_manifest *manifest, uint8_t *target,
                              const struct segment_signer *signer);

/* Decode and judge `source`, which may hold any bytes: STATUS_BAD_FORMAT, STATUS_BAD_VERSION,
 * STATUS_BAD_CHECKSUM (the list is not that of the roots). STATUS_SHORT: fewer bytes than the
 * header, then `manifest` is all zeros; or than snapshot_manifest_bytes(), then it is filled in,
 * but for the list. More bytes: STATUS_BAD_FORMAT. */
MUST_USE enum status snapshot_manifest_decode(struct snapshot_manifest *manifest,
                                              const uint8_t *source, size_t source_bytes);

/* Is it of this cluster and shard, signed by one of these? STATUS_FOREIGN, STATUS_UNKNOWN_KEY,
 * STATUS_BAD_SIGNATURE. `source` is what was decoded, the header at least. */
MUST_USE enum status snapshot_manifest_verify(const struct snapshot_manifest *manifest,
                                              const uint8_t *source, uint64_t cluster_id,
                                              uint16_t shard_id,
                                              const struct segment_verifier *verifiers,
                                              uint32_t verifier_count);

#endif
