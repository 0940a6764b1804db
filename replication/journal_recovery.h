/* What a start-up may believe of the ring: frames are followed from where the store stands, each
 * segment is verified again (hash, chain, signature), and where the chain ends it is judged whether
 * that is a tear or damage. Pure: reads an image, changes nothing. Rules: protocol.md, "Journal",
 * 3. Used by journal_open() and the offline reader. */
#ifndef REPLICATION_JOURNAL_RECOVERY_H
#define REPLICATION_JOURNAL_RECOVERY_H

#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/journal_file.h"
#include "replication/journal_tail.h"
#include "replication/wal_chain.h"

struct journal_recovery_options {
    const struct wal_image *image;
    const char *path; /* Of the ring's file, for sentences. */
    uint64_t cluster_id;
    const struct segment_verifier *verifiers;
    uint32_t verifier_count;
};

struct journal_recovery {
    struct journal_recovery_options options;
    uint64_t stored_number;                  /* Last frame that the store holds. */
    struct wal_place place;                  /* Behind the last frame that was followed. */
    struct journal_state states[SHARDS_MAX]; /* After the last record that was followed. */
    struct wal_survey survey;
    /* Frames behind this place are readable, but nothing proves that they are durable: they are
     * written again before they count. */
    struct wal_place proven;
    uint64_t frames;
    struct wal_frame frame; /* The current one, */
    uint64_t frame_offset;  /* its place in the file, */
    const uint8_t *records; /* and its records. */
    uint32_t done_bytes;
};

/* Begin behind what the store holds. */
void journal_recovery_init(struct journal_recovery *recovery,
                           const struct journal_recovery_options *options,
                           const struct wal_place *place,
                           const struct journal_state states[static SHARDS_MAX]);

/* The next record, verified; for segments `segment` is filled as well. STATUS_NOT_FOUND: the chain
 * ends here, cleanly or with a tear, and place and states are what recovery accepts.
 * STATUS_DAMAGED, STATUS_BAD_CHECKSUM, STATUS_BAD_CHAIN, STATUS_BAD_SIGNATURE, STATUS_UNKNOWN_KEY,
 * STATUS_FOREIGN: `error` names what and where. */
MUST_USE enum status journal_recovery_next(struct journal_recovery *recovery,
                                           struct wal_record *record, struct segment *segment,
                                           struct journal_error *error);

/* Verify one segment against the tail that it must continue. STATUS_BAD_FORMAT and the above. */
MUST_USE enum status journal_recovery_verify(const struct journal_recovery_options *options,
                                             const uint8_t *source, size_t source_bytes,
                                             uint16_t shard_id, const struct journal_tail *tail,
                                             struct segment *segment);

#endif
