/* The tail of a replica's log: headers only, in a bounded ring; payloads and older headers are in
 * the journal. Pure. Owned by its replica. */
#ifndef REPLICATION_REPLICA_LOG_H
#define REPLICATION_REPLICA_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "replication/replica_message.h"

/* One header as kept. */
struct replica_log_slot {
    struct replica_position position;
    uint64_t sealed_ns; /* Monotonic, here; 0: by another leader. */
    uint32_t segment_bytes;
};

struct replica_log {
    struct replica_log_slot *slots; /* The caller's; of log index modulo the size. */
    uint32_t slots_max;             /* A power of two. */
    struct replica_position before; /* What stands before the oldest header here. */
    struct replica_position last;   /* Equal to `before` when there is none. */
};

/* An empty tail behind `before`. The ring's memory outlives the log. */
void replica_log_init(struct replica_log *log, struct replica_log_slot *slots, uint32_t slots_max,
                      const struct replica_position *before);

/* Position of a segment, if it is known here: from `before` to `last`. */
bool replica_log_find(const struct replica_log *log, uint64_t log_index,
                      struct replica_position *position);

/* Header of a segment: NULL unless above `before` and not above `last`. */
const struct replica_log_slot *replica_log_slot_of(const struct replica_log *log,
                                                   uint64_t log_index);

/* Add the next one (asserted); the oldest falls out of a full ring. */
void replica_log_append(struct replica_log *log, const struct replica_position *position,
                        uint32_t segment_bytes, uint64_t sealed_ns);

/* The log ends at `last`, which is or has been known to stand there. */
void replica_log_cut(struct replica_log *log, const struct replica_position *last);

/* The highest log index at or below `log_index` and `last` whose term is not above `term`. Where
 * the ring does not reach, one below it: a guess that a comparison then corrects. */
uint64_t replica_log_find_term(const struct replica_log *log, uint64_t log_index, uint64_t term);

#endif
