/* Where a shard's log ends: the facts that its journal keeps beside the segments.
 *
 * Pure. The journal's loop, its store and its recovery follow the same records with the same
 * functions, so they come to the same tail. Layout on disk: protocol.md, "Journal", 2.3. */
#ifndef REPLICATION_JOURNAL_TAIL_H
#define REPLICATION_JOURNAL_TAIL_H

#include <stdint.h>

#include "matching/base/status.h"
#include "replication/segment.h"

#define JOURNAL_TAIL_BYTES 88u

struct journal_tail {
    uint64_t first_log_index; /* Oldest segment that can be read; last + 1 when none. */
    uint64_t last_log_index;  /* 0 when empty. */
    uint64_t last_term;
    uint8_t last_chain_hash[SEGMENT_HASH_BYTES];
    uint64_t next_command_sequence;
    uint64_t last_timestamp_ns; /* Not below any command's in the journal. */
    uint64_t term;              /* Term and vote: 0 before the first. */
    uint8_t voted_site_id;      /* 0: none in this term. */
};

/* A tail and what it rests on: the end of what a snapshot stands for, or the very beginning. */
struct journal_state {
    struct journal_tail tail;
    struct journal_tail base; /* Only its last_* and next_command_sequence mean something. */
};

/* What a quorum repair has left here of a shard (repair.h). Values are the format. */
enum journal_repair_state {
    JOURNAL_REPAIR_NONE = 0,
    JOURNAL_REPAIR_PROMISED = 1,
    JOURNAL_REPAIR_ACTIVE = 2,
    JOURNAL_REPAIR_JOINED = 3, /* A site that is newer than the repair: its generation alone. */
};

#define JOURNAL_REPAIR_BYTES 1040u

struct journal_repair {
    uint64_t generation;                  /* Of the repair. */
    uint8_t state;                        /* enum journal_repair_state. */
    uint8_t record[JOURNAL_REPAIR_BYTES]; /* repair_record.h; zeros when JOINED. */
};

/* An empty log: index 0, next command sequence 1. */
void journal_tail_init(struct journal_tail *tail);

void journal_tail_store(uint8_t target[static JOURNAL_TAIL_BYTES], const struct journal_tail *tail);
/* STATUS_BAD_FORMAT when the fields contradict each other. */
MUST_USE enum status journal_tail_load(struct journal_tail *tail,
                                       const uint8_t source[static JOURNAL_TAIL_BYTES]);

/* The steps of a log. Each asserts that the step is possible: the caller has checked it. */
void journal_tail_append(struct journal_tail *tail, const struct segment *segment,
                         uint64_t last_timestamp_ns);
/* The log ends at `end` (its last_* and next_command_sequence); term and vote stay. A store that is
 * behind may have been trimmed meanwhile, for the sake of the segments that come after this cut,
 * beyond where the log ends now: then nothing is left, and it begins behind its end. */
void journal_tail_cut(struct journal_tail *tail, const struct journal_tail *end);
void journal_tail_vote(struct journal_tail *tail, uint64_t term, uint8_t voted_site_id);
void journal_tail_rebase(struct journal_state *state, const struct journal_tail *base);

#endif
