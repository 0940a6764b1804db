/* Reads a journal that nobody runs, and believes nothing: every segment of every shard is verified
 * (hash, chain, signature, numbers) with public keys alone. Changes nothing. For operators' tools;
 * blocking.
 *
 * A log that was trimmed is read from its oldest segment on: that one's signature holds, what it
 * continues is not there any more. Segments come shard by shard from the store, then in the order
 * of the ring. The journal's lock is shared with other readers: a site that runs keeps readers out,
 * and they keep it from starting. */
#ifndef REPLICATION_JOURNAL_READER_H
#define REPLICATION_JOURNAL_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/journal_error.h"
#include "replication/journal_tail.h"
#include "replication/segment.h"

#define JOURNAL_READER_KEYS_MAX 256u

struct journal_reader;

struct journal_reader_options {
    const char *directory; /* Of the journal: holds journal.id. */
    uint64_t cluster_id;
    /* Of the genesis, or of whatever stands before the oldest segment; copied. Keys of later
     * members come from the placements that are read on the way. */
    const struct segment_verifier *verifiers;
    uint32_t verifier_count; /* Of more than JOURNAL_READER_KEYS_MAX the last. */
};

struct journal_reader_segment {
    uint16_t shard_id;
    bool in_ring;         /* Not yet moved to the store. */
    const uint8_t *bytes; /* segment_bytes() of them; valid until the next call. */
    struct segment segment;
    uint64_t last_timestamp_ns; /* Of its commands. */
};

/* STATUS_NOT_FOUND: no journal there; STATUS_IN_USE: a site runs on it; STATUS_FOREIGN: of another
 * cluster; STATUS_DAMAGED and others. `error` has a sentence; `*reader` is NULL then. */
MUST_USE enum status journal_reader_open(struct journal_reader **reader,
                                         const struct journal_reader_options *options,
                                         struct journal_error *error);
void journal_reader_close(struct journal_reader *reader);

/* Name of the site that the journal belongs to, and how many segments there are about to be read
 * from the store (for progress). */
const char *journal_reader_site(const struct journal_reader *reader);
uint64_t journal_reader_stored(const struct journal_reader *reader);

/* The next segment, verified. STATUS_NOT_FOUND: that was all, and everything held together to the
 * end. Anything else names the first thing that does not, where it stands and why, in `error`; the
 * reader has ended then. */
MUST_USE enum status journal_reader_next(struct journal_reader *reader,
                                         struct journal_reader_segment *found,
                                         struct journal_error *error);

/* After STATUS_NOT_FOUND: where the shard's log ends, for comparing with signed heads that others
 * hold. */
const struct journal_tail *journal_reader_tail(const struct journal_reader *reader,
                                               uint16_t shard_id);

#endif
