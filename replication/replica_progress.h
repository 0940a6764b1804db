/* How far a leader is with one follower, and what it may still send. Pure. Owned by its replica. */
#ifndef REPLICATION_REPLICA_PROGRESS_H
#define REPLICATION_REPLICA_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "replication/replica_message.h"

enum replica_progress_state {
    REPLICA_PROGRESS_PROBE = 0, /* Where its log meets ours is not known: one message at a time. */
    REPLICA_PROGRESS_STREAM,    /* Messages follow each other without waiting. */
    REPLICA_PROGRESS_SNAPSHOT,  /* What it lacks is no longer in the journal. */
};

struct replica_progress_flight {
    uint64_t last_log_index;
    uint32_t segment_bytes;
};

struct replica_progress {
    enum replica_progress_state state;
    uint64_t matched_log_index; /* Durable there and equal to our log (rules 1, 2). */
    uint64_t next_log_index;    /* First one to send. */
    bool waits;             /* PROBE: sent, no answer. Any: older headers asked of the journal. */
    bool fenced;            /* Rule 9. */
    uint64_t heard_ns;      /* Last message from it in this term, or when the term began. */
    bool heard;             /* Has said anything in this term. */
    uint64_t sent_ns;       /* Last append to it. */
    uint64_t round_trip_ns; /* Smoothed; 0 before the first. */
    struct replica_audit audits[REPLICA_AUDITS_MAX]; /* Its event hashes (rule 9), a ring. */
    uint32_t audit_next;
    struct replica_progress_flight flights[REPLICA_IN_FLIGHT_MAX]; /* Oldest first, a ring. */
    uint32_t flight_first;
    uint32_t flight_count;
    uint64_t flight_bytes;
};

/* A follower of a term that begins now: expected at the end of our log. The round trip stays. */
void replica_progress_begin(struct replica_progress *progress, uint64_t next_log_index,
                            uint64_t now_ns);

/* Whether another append with entries may go, given the caps of a follower (rule 6). */
bool replica_progress_may_send(const struct replica_progress *progress, uint32_t messages_max,
                               uint64_t bytes_max);
/* Entries up to `last_log_index` went out. */
void replica_progress_sent(struct replica_progress *progress, uint64_t last_log_index,
                           uint32_t segment_bytes, uint64_t now_ns);

/* It holds everything up to `log_index`. True when that is news. */
bool replica_progress_matched(struct replica_progress *progress, uint64_t log_index);
/* It does not match: probe at `next_log_index`. */
void replica_progress_probe(struct replica_progress *progress, uint64_t next_log_index);

/* One measured round trip; smoothed with weight 1/8 (RFC 6298's, section 2). */
void replica_progress_measure(struct replica_progress *progress, uint64_t round_trip_ns);

#endif
