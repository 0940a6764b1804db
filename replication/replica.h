/* A shard's copy at a site: consensus as one pure step function (DESIGN 6; protocol.md,
 * "Consensus").
 *
 * Raft (Ongaro's dissertation) with pre-vote, check-quorum, leadership transfer, learners,
 * membership changes of one site at a time, and a hash-chained log. No clock, randomness,
 * allocation or I/O: time and a random value come with each input, memory with the options,
 * payloads stay in the journal. The same function runs in production and in the simulator. One
 * thread owns a replica.
 *
 * How a shard drives it:
 *
 * - replica_step() for every message, timer and completion. It handles the output whole, in the
 *   order of the fields of `struct replica_output`, before the next step.
 * - What is to be persisted goes into the journal in that order; whenever journal_persisted() has
 *   changed, it says so with PERSISTED.
 * - Every message in the output may be sent at once. One that must wait for durability is kept
 *   back *in here*, as state and not as bytes, and made when PERSISTED comes: nobody can send it
 *   too early, or after the term in which it was true (rules 2 and 3).
 * - A leader seals what replica_seal_position() allows, appends it to its journal and says APPENDED
 *   before any other step.
 *
 * A disk error ends the process (rule 4): DISK_ERROR makes the replica silent for good. */
#ifndef REPLICATION_REPLICA_H
#define REPLICATION_REPLICA_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/placement.h"
#include "replication/repair.h"
#include "replication/replica_log.h"
#include "replication/replica_message.h"
#include "replication/replica_progress.h"

/* Two appends to each follower at most beyond the burst: a heartbeat and an answer. */
#define REPLICA_MESSAGES_MAX (SITES_MAX * (REPLICA_BURST_MAX + 2u))

struct replica_options {
    uint8_t site_id; /* 1 .. SITES_MAX. */
    uint64_t incarnation;
    uint64_t generation;            /* In which it takes part (repair.h). */
    struct replica_log_slot *slots; /* Headers of the log's tail; outlive the replica. */
    uint32_t slots_max;             /* REPLICA_ENTRIES_MIN .. _MAX, a power of two. */
    /* Caps of each follower (rule 6). */
    uint32_t in_flight_messages_max; /* 1 .. REPLICA_IN_FLIGHT_MAX. */
    uint64_t in_flight_bytes_max;
    uint32_t batch_entries_max; /* 1 .. REPLICA_BATCH_ENTRIES_MAX. */
    uint32_t batch_bytes_max;   /* One segment goes alone, however large. */
    /* Bounds of the election timeout, REPLICA_ELECTION_NS_MIN .. _MAX. Between them it is five
     * times the round trip to the slowest voter, and three times as long as this process or the
     * leader's was lately kept from running, for which it grows to a third of the upper bound at
     * most; heartbeats come four times as often. */
    uint64_t election_ns_min;
    uint64_t election_ns_max;
    uint64_t uncommitted_age_ns_max; /* Older than this: nothing more is sealed (rule 5). */
    uint64_t preference_hold_ns;     /* A preferred site must be well for so long to take over. */
};

/* What the journal holds at start, all of it durable and verified (rule 3). */
struct replica_start {
    uint64_t term;
    uint8_t voted_site_id;
    struct replica_position before; /* What stands before the first header of replica_restore(). */
    uint64_t commit_log_index;      /* Of the snapshot that the engine starts from; 0: none. */
    /* Of a replica that begins anew in the same process (shard_recover_again()); else zeros. */
    struct replica_position snapshot; /* The newest here, */
    uint64_t first_log_index;         /* and where the segments begin. */
    bool fenced;                      /* That is about the engine, not about who leads. */
    uint64_t fence_due_ns;
    /* The last two placements at or before the end of the log; genesis has log index 0. */
    struct placement placement;
    uint64_t placement_log_index;
    struct placement previous_placement;
    /* The repair that was last accepted here, NULL: none. While it is promised and not active the
     * replica is silent. Active, its `after` rules until the log holds it. */
    const struct repair *repair;
    bool repair_active;
};

enum replica_role {
    REPLICA_FOLLOWER = 0,
    REPLICA_PRE_CANDIDATE, /* Asks whether a campaign would succeed. */
    REPLICA_CANDIDATE,
    REPLICA_LEADER,
};

/* Why a replica has stopped for good; with REPAIR it idles until the repair is active. DISK and
 * GENERATION are the whole site's: the process must say so and end. The others are this shard's
 * alone (replica_halt_is_shards()). */
enum replica_halt {
    REPLICA_RUNS = 0,
    REPLICA_HALT_DISK,               /* Rule 4. */
    REPLICA_HALT_GENERATION,         /* The others were repaired without this site. */
    REPLICA_HALT_COMMITTED_CONFLICT, /* A leader contradicts what is committed here. */
    REPLICA_HALT_TWO_LEADERS,        /* Two leaders in one term. */
    REPLICA_HALT_HASHES, /* Rule 9: no majority of voters agrees on the events. Its outputs still
                            have messages, which say so, and are to be sent. */
    REPLICA_HALT_REPAIR, /* A repair is promised: begin anew when it is active. */
};

/* Whether a shard that has halted so takes no part in anything at this site, and all others go on.
 */
bool replica_halt_is_shards(enum replica_halt halt);

enum replica_input_type {
    REPLICA_TICK = 0,   /* Time has passed; at the latest at replica_due_ns(). */
    REPLICA_RECEIVE,    /* `message`. */
    REPLICA_PERSISTED,  /* `persisted`, `term`, `voted_site_id`: what journal_persisted() says. */
    REPLICA_APPENDED,   /* `entry`: sealed here and appended where replica_seal_position() said. */
    REPLICA_HEADERS,    /* Answer to headers_wanted: `site_id`, `entries`, `entry_count`. The first
                           is the one asked for; none: it is no longer in the journal. */
    REPLICA_TRANSFER,   /* Hand the leadership to `site_id`. */
    REPLICA_MEMBERSHIP, /* Take the step to `placement`, the present one's successor. */
    REPLICA_OFFER,      /* `persisted`: the newest snapshot here, for followers that need one;
                           `first_log_index`: the oldest segment still to be read. Before a trim. */
    REPLICA_INSTALL,    /* A snapshot at `persisted` with `placement` of `placement_log_index` is
                           here whole and verified: may it replace the log? */
    REPLICA_APPLIED,    /* `audit`: event hash after a segment (rule 9). */
    REPLICA_REBUILT,    /* A fenced engine is right again. */
    REPLICA_PROMISE,    /* repair_may_promise() said yes: take no part any more. */
    REPLICA_DISK_ERROR, /* Rule 4. */
};

struct replica_input {
    enum replica_input_type type;
    uint64_t now_ns; /* Monotonic; never falls. */
    uint64_t random; /* Any value, new each time: spreads elections. */
    /* How much later than it wanted to this process last came to run: what a machine with too much
     * to do costs. Election timeouts make room for it. */
    uint64_t late_ns;
    uint16_t unfit; /* Sites that must not be handed the leadership only because they are preferred:
                       bit (site_id - 1). */
    const struct replica_message *message;
    struct replica_position persisted;
    uint64_t first_log_index;
    uint64_t term;
    uint8_t voted_site_id;
    uint8_t site_id;
    struct replica_entry entry;
    const struct replica_entry *entries;
    uint32_t entry_count; /* At most REPLICA_BATCH_ENTRIES_MAX + 1. */
    const struct placement *placement;
    uint64_t placement_log_index;
    struct replica_audit audit;
};

/* Why TRANSFER or MEMBERSHIP was refused; then nothing has changed. */
enum replica_refusal {
    REPLICA_ACCEPTED = 0,
    REPLICA_REFUSED_NOT_LEADER,
    REPLICA_REFUSED_NOT_SERVING,    /* Nothing of the own term is committed yet (rule 5). */
    REPLICA_REFUSED_BUSY,           /* Another change or transfer is under way. */
    REPLICA_REFUSED_SITE,           /* Not a voter that is heard, or fenced. */
    REPLICA_REFUSED_LEARNER_BEHIND, /* Would be promoted too early: behind, silent or fenced. */
    REPLICA_REFUSED_PLACEMENT,      /* `verdict` says which rule. */
};

struct replica_headers_wanted {
    uint8_t site_id;    /* For the answer. */
    uint64_t log_index; /* First header; so many from here as there are, up to `entry_count`. */
    uint32_t entry_count;
};

/* Two different chains at one index and term: somebody's bytes are wrong. The shard verifies its
 * own segment and the other one, where the message at hand has it: whose bytes fail stops; if both
 * verify, the signer stops (rule 1). Meanwhile nothing there is acknowledged, counted or
 * truncated; a follower that was only told of another chain asks for the bytes. */
struct replica_fork {
    struct replica_position own;
    struct replica_position other;
    uint8_t other_site_id;
};

/* In the order in which it is to be done. */
struct replica_output {
    bool vote; /* Persist `term` and `voted_site_id`. */
    uint64_t term;
    uint8_t voted_site_id;

    /* Keep the segments truncate_log_index .. truncated_last as signed evidence (rule 8), then drop
     * them from the journal. */
    bool truncate;
    uint64_t truncate_log_index;
    struct replica_position truncated_last;

    bool install; /* Yes to INSTALL: write it as the journal's base, the engine starts from it. */

    /* Append entries [accepted_first, accepted_first + accepted_count) of the received message. */
    uint32_t accepted_first;
    uint32_t accepted_count;

    struct replica_message messages[REPLICA_MESSAGES_MAX]; /* Send. */
    uint32_t message_count;

    struct replica_headers_wanted headers_wanted[SITES_MAX]; /* Answer with HEADERS. */
    uint32_t headers_wanted_count;

    bool snapshot_wanted; /* Fetch the snapshot at this position from that site. */
    struct replica_position snapshot;
    uint8_t snapshot_site_id;

    bool forked;
    struct replica_fork fork;

    bool role_changed; /* Or the term, or the leader: see the replica. */
    bool fenced;       /* Now: leave clients, rebuild from a snapshot (rule 9). */
    uint64_t commit_log_index;
    enum replica_refusal refusal;
    struct placement_verdict verdict;
    enum replica_halt halt;
};

/* Read by all; written by replica*.c alone. */
struct replica {
    struct replica_options options;
    enum replica_role role;
    enum replica_halt halt;
    uint64_t now_ns;
    uint64_t random;

    /* Term and vote, and what of them is durable. */
    uint64_t term;
    uint8_t voted_site_id;
    uint64_t persisted_term;
    uint8_t persisted_vote;
    uint8_t leader_site_id; /* Of this term; 0: not known. */

    struct replica_log log;
    struct replica_position persisted; /* Durable part of this log. */
    uint64_t cut_term;                 /* Term of the last truncation or installation. */
    bool installing;                   /* A snapshot's base is not durable yet. */
    uint64_t commit_log_index;

    /* The membership: a placement rules from where it stands in the log, committed or not. */
    struct placement placement;
    uint64_t placement_log_index;
    struct placement previous_placement;

    /* Quorum repair: the membership that no older one in the log can replace. */
    bool repaired;
    struct placement repair_placement;
    struct replica_position kept; /* Who lacks what the repair kept does not lead. */
    bool repair_logged;           /* The log holds it: */
    uint64_t repair_log_index;    /* here; 0: far back, committed. */

    /* Elections. */
    uint64_t election_due_ns;
    uint64_t leader_heard_ns;
    uint64_t round_trip_ns; /* To the slowest voter, as this or the last leader measured it. */
    uint64_t late_ns;       /* The longest wait to run of late, halved every ten seconds since */
    uint64_t late_since_ns; /* then. */
    uint16_t unfit;         /* As of the last input. */
    uint16_t votes;
    bool transferred;           /* This campaign is a leader's wish. */
    bool planned;               /* So was the one that made this replica the leader. */
    uint8_t vote_reply_site_id; /* Waits for its vote to be durable; 0: nobody. */

    /* Follower. */
    struct replica_position matched; /* Equal to this leader's log in this term (rule 2). */
    uint64_t leader_commit_log_index;
    bool reply_waits;                /* An append has not been answered yet. */
    uint64_t replied_log_index;      /* Last acknowledged in this term. */
    struct replica_position offered; /* Snapshot that this term's leader offers. */

    /* Leader. */
    uint64_t term_first_log_index; /* Of the segment that opens the term. */
    struct replica_progress progress[SITES_MAX];
    bool placement_waits; /* `wanted_placement` is to be sealed. */
    struct placement wanted_placement;
    uint8_t transfer_site_id; /* 0: none under way. */
    uint64_t transfer_due_ns;
    uint64_t quorum_heard_ns; /* When an election majority was last heard. */
    uint8_t better_site_id;   /* A preferred site that is well, since better_since_ns. */
    uint64_t better_since_ns;
    struct replica_position snapshot; /* The newest here. */
    uint64_t first_log_index;         /* Of what the journal still has. */

    /* Event hashes of the own engine (rule 9), a ring. */
    struct replica_audit audits[REPLICA_AUDITS_MAX];
    uint32_t audit_next;
    uint64_t agreed_term; /* Last in which, as its leader, it heard a majority agree on a place
                             sealed in it. */
    bool halt_judged;     /* No hash has a majority: found out here, not heard. */
    bool fenced;
    uint64_t fence_due_ns; /* No leader's word fences it before: what it told first, and how it was
                              rebuilt, has to be heard. */
};

/* Asserts the ranges of the options. */
void replica_init(struct replica *replica, const struct replica_options *options,
                  const struct replica_start *start);
/* After replica_init() and before the first step: headers of the log's tail, oldest first, behind
 * start->before; as many as the ring holds or the journal has. */
void replica_restore(struct replica *replica, const struct replica_position *position,
                     uint32_t segment_bytes);

void replica_step(struct replica *replica, const struct replica_input *input,
                  struct replica_output *output);

/* Between two steps: a fenced engine begins again (rule 9). The hashes that the former one has told
 * are forgotten; those that this one comes to (APPLIED) follow, and REBUILT when it has caught up.
 */
void replica_rebuild(struct replica *replica);

/* The election timeout as the round trips have it now. */
uint64_t replica_election_ns(const struct replica *replica);

/* When TICK is wanted at the latest. UINT64_MAX: never, for a leader without followers. */
uint64_t replica_due_ns(const struct replica *replica);

/* What the leader may seal now. */
struct replica_seal {
    uint64_t log_index;
    uint64_t term;
    uint8_t previous_chain_hash[REPLICA_HASH_BYTES];
    enum replica_entry_kind kind;
    bool planned;                      /* Of an OPENING: the leader before handed over. */
    const struct placement *placement; /* Of a PLACEMENT. */
    bool repair; /* It is what a repair made: sealed with its generation and attestation. */
};
/* STATUS_OK: seal exactly one of that kind; COMMANDS when there are any. STATUS_NOT_YET: not
 * leader, not serving yet, a transfer is under way, the voters heard span too few providers, or the
 * oldest uncommitted segment is too old: orders are refused. STATUS_FULL: too many uncommitted. */
MUST_USE enum status replica_seal_position(const struct replica *replica,
                                           struct replica_seal *seal);

/* Whether this is a leader whose term has committed something: it may serve (rule 5). */
bool replica_serves(const struct replica *replica);

#endif
