/* What replicas of a shard tell each other, decoded: the words of replica.h. Meaning and rules:
 * protocol.md, "Consensus". Pure. */
#ifndef REPLICATION_REPLICA_MESSAGE_H
#define REPLICATION_REPLICA_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "replication/placement.h"

#define REPLICA_HASH_BYTES 32u

/* A place in a log and all that stands before it: equal positions are equal logs (rule 1). All zero
 * before the first segment. */
struct replica_position {
    uint64_t log_index;
    uint64_t term;
    uint8_t chain_hash[REPLICA_HASH_BYTES];
};

bool replica_message_same_chain(const struct replica_position *one,
                                const struct replica_position *other);

enum replica_entry_kind {
    REPLICA_ENTRY_COMMANDS = 0, /* A segment of commands. */
    REPLICA_ENTRY_OPENING,      /* The empty segment that opens a term (rule 5). */
    REPLICA_ENTRY_PLACEMENT,    /* A segment that holds a placement (rule 7). */
    REPLICA_ENTRY_KIND_COUNT
};

/* A segment, as far as consensus looks at it. */
struct replica_entry {
    struct replica_position position;
    uint32_t segment_bytes;            /* Whole size; counts against the caps of a follower. */
    uint8_t kind;                      /* enum replica_entry_kind. */
    const struct placement *placement; /* PLACEMENT, towards a replica: what the segment holds. */
};

/* Event hash of the engine after a log position (rule 9). All zero: none. */
struct replica_audit {
    uint64_t log_index;
    uint64_t chain_prefix; /* First 8 bytes of the chain hash there. */
    uint64_t event_hash;
};

enum replica_message_type {
    REPLICA_PRE_VOTE = 1,   /* Would you vote for me in `term`? Changes nothing at either end. */
    REPLICA_PRE_VOTE_REPLY, /* Granted: `term` is the one asked for. Denied: the denier's own. */
    REPLICA_VOTE,
    REPLICA_VOTE_REPLY,
    REPLICA_APPEND,       /* Entries behind `position`; without any, a heartbeat. */
    REPLICA_APPEND_REPLY, /* Also answers a snapshot. */
    REPLICA_SNAPSHOT,     /* What you lack is gone here: take the snapshot at `position`. */
    REPLICA_CAMPAIGN,     /* Leadership transfer: campaign now. */
    REPLICA_MESSAGE_TYPE_COUNT
};

struct replica_message {
    uint8_t type; /* enum replica_message_type. */
    uint8_t from_site_id;
    uint8_t to_site_id;
    bool granted;        /* Vote replies. */
    bool transfer;       /* VOTE: of a transfer; skips stickiness and nothing else (rule 3). */
    bool rejected;       /* APPEND_REPLY: does not match at `rejected_log_index`. */
    bool fence;          /* APPEND: the receiver's event hash is in the minority (rule 9). */
    bool halted;         /* APPEND_REPLY: no hash has a majority: the shard has halted (rule 9). */
    uint64_t generation; /* Of the cluster, grown by quorum repair. */
    uint64_t from_incarnation; /* Of the sender's journal. */
    uint64_t term;

    /* Votes: the last durable one of the candidate. APPEND: before the first entry. APPEND_REPLY:
     * durable here and matched with this leader in this term (rule 2). SNAPSHOT: its place. */
    struct replica_position position;

    /* APPEND: the segments position.log_index + 1 and following. Out of replica_step() `entries` is
     * NULL: the sender reads the segments from its journal at once. Into it, decoded headers whose
     * signature and chain among each other have been verified. */
    const struct replica_entry *entries;
    uint32_t entry_count;
    uint64_t commit_log_index; /* APPEND, SNAPSHOT: the leader's. */

    uint64_t rejected_log_index; /* APPEND_REPLY: position of the append that was rejected. */
    uint64_t hint_log_index;     /* APPEND_REPLY: match may exist at or below (index, term). */
    uint64_t hint_term;

    uint64_t sent_ns; /* APPEND without entries: leader's clock; its reply echoes it. 0: no. */
    uint64_t round_trip_ns; /* APPEND, SNAPSHOT: to the slowest voter, as the leader measured it. */
    uint64_t
        wall_ns; /* APPEND_REPLY: UTC of the sender when it was sent; set by the shard. 0: none. */
    struct replica_audit audit; /* APPEND, APPEND_REPLY: the sender's latest. */
};

/* Whether every field is in its range, entries follow each other and no term exceeds the message's.
 * What fails is dropped: peers may send anything, and nothing of it may stop a replica. */
bool replica_message_valid(const struct replica_message *message);

#endif
