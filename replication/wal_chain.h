/* Following the frames of a ring that is in memory: the step of recovery, of the store's thread and
 * of the offline reader. Pure.
 *
 * Places in the ring are *positions*: bytes that only grow, lap after lap; position modulo
 * ring_bytes is the place in the ring. Rules: protocol.md, "Journal", 3. */
#ifndef REPLICATION_WAL_CHAIN_H
#define REPLICATION_WAL_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/wal_frame.h"
#include "replication/wal_record.h"

/* Start of wal.ring: one block that is written at birth and never again, then the ring. */
#define WAL_HEADER_BYTES 4096u

struct wal_image {
    const uint8_t *ring; /* ring_bytes of them. */
    uint64_t ring_bytes; /* A multiple of WAL_ALIGNMENT_BYTES. */
    uint8_t key[WAL_KEY_BYTES];
};

/* After frame `number` the chain goes on at `position`. */
struct wal_place {
    uint64_t number; /* 0: no frame yet. */
    uint64_t position;
    uint8_t hash[WAL_HASH_BYTES];
    uint8_t start_nonce[WAL_NONCE_BYTES];
};

/* Where the frame begins that follows one that ended at `position`: there, or at the ring's start
 * when less than a largest frame is left before its end. So a frame is never split, and everyone
 * knows where the next one is. */
uint64_t wal_chain_start(const struct wal_image *image, uint64_t position);

/* Step over the next frame. `place` moves behind it; `*records` points into the image,
 * frame->records_bytes long. STATUS_NOT_FOUND: no frame that continues the chain stands there;
 * `place` has not moved. STATUS_DAMAGED: an authentic frame that does, but breaks a rule that our
 * own writer keeps; `place` has not moved. */
MUST_USE enum status wal_chain_next(const struct wal_image *image, struct wal_place *place,
                                    struct wal_frame *frame, const uint8_t **records);

/* The same for frames that this process wrote itself and that are still in memory: hash and chain
 * are not computed again. */
void wal_chain_trusted(const struct wal_image *image, struct wal_place *place,
                       struct wal_frame *frame, const uint8_t **records);

/* What all readable frames of the ring say together, wherever they stand. */
struct wal_survey {
    uint64_t newest_number;    /* Highest number of a readable frame; 0: none. */
    uint64_t persisted_number; /* Highest frame that any of them knows to be durable. */
    uint64_t claimant_number;  /* The frame that says so. */
    uint64_t claimant_position;
};
void wal_chain_survey(const struct wal_image *image, struct wal_survey *survey);

#endif
