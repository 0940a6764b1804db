/* A shard: one totally ordered log and the state machine behind it, at one site.
 *
 * Drives this site's replica (replica.h) with its journal, its peers and its machine. At the
 * leader, records are batched, sealed into segments, journaled and sent to the others; at every
 * site, segments that a commit quorum holds are executed in order. Records are opaque bytes here;
 * the machine says what they mean. With one voter the quorum is the own journal. The same code runs
 * in the simulator: journal, peers and machine are interfaces. All calls from the loop thread that
 * owns it. */
#ifndef REPLICATION_SHARD_H
#define REPLICATION_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/codec.h"
#include "replication/journal.h"
#include "replication/placement_record.h"
#include "replication/replica.h"
#include "replication/segment.h"

/* What is replicated: implemented above (gateway/site_market.c for the market), called from below.
 */
struct shard_machine {
    void *context;
    uint32_t record_bytes; /* All records of this machine have this size. */
    /* The leader stamps a record once, when it is sealed: its time and how long it waited here. */
    void (*stamp)(void *context, void *record, uint64_t timestamp_ns, uint64_t waited_ns);
    /* Time of a record that has been stamped. */
    uint64_t (*timestamp_ns)(void *context, const void *record);
    /* What will be executed next, for what it touches to be brought closer: `record_count` records
     * from `records` on, before each of them. Changes nothing. May be NULL. */
    void (*anticipate)(void *context, const void *records, uint32_t record_count);
    /* Execute a committed record completely. Order and content are the same at every site. */
    void (*apply)(void *context, uint64_t command_sequence, const void *record);
    /* A term opens here, at this time: `planned` when the leader before handed over, else after an
     * outage. In order with the records, at every site. */
    void (*opened)(void *context, uint64_t timestamp_ns, bool planned);
    /* When the machine next wants time to pass; false: never. */
    bool (*due)(void *context, uint64_t *due_ns);
    /* Write a record that only lets time pass. */
    void (*tick)(void *context, void *record);
    /* Hash of everything that has happened so far; compared between sites (rule 9). */
    uint64_t (*event_hash)(void *context);
    /* Records to bytes and back (matching/command_columns.h). */
    size_t (*pack_bound)(void *context, uint32_t count);
    size_t (*pack)(void *context, void *target, size_t target_bytes, const void *records,
                   uint32_t count, uint64_t base_timestamp_ns);
    enum status (*unpack)(void *context, void *records, uint32_t count, const void *source,
                          size_t source_bytes, uint64_t base_timestamp_ns);
};

/* The other sites: the links', or the simulator's. */
struct shard_peers {
    void *context;
    /* Send to site message->to_site_id. `segments`: the message->entry_count sealed segments of an
     * APPEND, whole, one after the other; NULL without entries. Copied before it returns. It may
     * drop what it cannot take: consensus repeats. */
    void (*send)(void *context, uint16_t shard_id, const struct replica_message *message,
                 const uint8_t *segments, size_t segments_bytes);
    /* What this site lacks is no longer in the leader's journal: fetch the snapshot at `position`
     * from that site, then shard_install(). Repeated while it is wanted. */
    void (*fetch_snapshot)(void *context, uint16_t shard_id,
                           const struct replica_position *position, uint8_t site_id);
    /* A segment that was sealed, never committed, and is about to be dropped (rule 8): to be kept
     * as signed evidence. Before a snapshot takes the place of a log it is all that is not known
     * here to be committed: only the others can tell whether it was. All of one cut come oldest
     * first, then evidence_end(): STATUS_OK from that means that they are durable, and only then
     * are they dropped. STATUS_NO_SPACE from either: nothing is dropped, the shard does nothing
     * else (shard_status.evidence_waits), and all of them are given again later, after 1 to
     * 30 s. Other errors are final. */
    enum status (*evidence)(void *context, uint16_t shard_id, uint64_t log_index,
                            const uint8_t *segment, size_t segment_bytes);
    enum status (*evidence_end)(void *context, uint16_t shard_id);
    /* A membership stands in this site's log, committed or not. What its members sign from now on
     * is taken: their keys must be kept before this returns, for the journal to be verified with at
     * the next start. Also while recovering. May be NULL. */
    void (*placed)(void *context, uint16_t shard_id, const struct placement_record *record);
};

struct shard_options {
    uint16_t shard_id;
    uint8_t site_id;
    uint64_t incarnation; /* Of this site's journal, as the membership names it. */
    uint64_t generation;  /* Of a journal that no repair has touched; the others know the same. */
    uint64_t cluster_id;
    uint64_t random_seed;         /* Another one at each start: spreads elections. */
    uint32_t queue_records_max;   /* Submitted, not yet sealed. */
    uint32_t segment_records_max; /* 1 .. SEGMENT_COMMANDS_MAX. */
    /* Sealed, not yet committed: what an outage leaves in doubt. */
    uint32_t segments_in_flight_max;
    uint64_t uncommitted_age_ns_max; /* Older than this: no more is sealed. */
    uint64_t election_ns_min;        /* Bounds of the election timeout (replica.h). */
    uint64_t election_ns_max;
    uint64_t preference_hold_ns;
    uint32_t headers_max;            /* Of the log's tail kept in memory, a power of two. */
    uint32_t in_flight_messages_max; /* Caps of each follower (rule 6). */
    uint64_t in_flight_bytes_max;
    uint32_t batch_bytes_max; /* Of segments in one message; one goes alone, however large. */
    const struct segment_signer *signer;
    const struct segment_verifier *verifiers; /* Keys of the genesis; copied. */
    uint32_t verifier_count;
    struct placement genesis; /* Membership before the first change. */
};

/* Where a machine stands that is not at the very beginning: what a snapshot says. */
struct shard_origin {
    struct replica_position position;
    uint64_t next_command_sequence;
    uint64_t last_timestamp_ns;
    struct placement_record placement;
    uint64_t placement_log_index;
};

struct shard;

/* STATUS_BAD_ARGUMENT when an option is out of range; STATUS_FULL without memory. The journal, the
 * codec and what the options point to outlive the shard. */
MUST_USE enum status shard_create(struct shard **shard, const struct shard_options *options,
                                  const struct shard_machine *machine,
                                  const struct shard_peers *peers, struct journal *journal,
                                  struct codec_context *codec);
void shard_destroy(struct shard *shard);

/* Before shard_recover(): the machine has been restored from a snapshot taken there. */
void shard_resume(struct shard *shard, const struct shard_origin *origin);

/* Read what the journal holds, a bounded piece a call: STATUS_MORE until all is read, then
 * STATUS_OK. Every segment's payload hash and place in the chain are checked, and the signature of
 * the last one, which stands for all before it. What is known to be committed is executed: all of
 * it where one voter decides alone, else nothing until a leader tells. `*log_index` says how far it
 * is. Errors name a journal that cannot be used, and `*log_index` the last segment before the one
 * at fault. */
MUST_USE enum status shard_recover(struct shard *shard, uint64_t *log_index);

/* After recovery: take part. A voter alone leads as soon as its vote and its opening segment are
 * durable (rule 5). */
MUST_USE enum status shard_start(struct shard *shard, uint64_t now_ns, uint64_t wall_ns);

/* Queue one record for the log, copied. `received_ns` (monotonic) is when it came in: its wait is
 * counted from there. STATUS_FULL: push back on the producer. STATUS_NOT_YET: not the leader, or
 * one that may seal nothing now (no quorum heard, a transfer). apply() may call it. What is queued
 * when the leadership ends is forgotten: whoever submitted it submits it again where it is not seen
 * in the log. */
MUST_USE enum status shard_submit(struct shard *shard, const void *record, uint64_t received_ns);

/* Room left in the queue, in records. */
uint32_t shard_room(const struct shard *shard);

/* One turn: tell the replica what has become durable and how late it is, seal what may be sealed,
 * hand it to the journal, execute what is committed. Never blocks. `now_ns` monotonic, `wall_ns`
 * UTC. Errors are final: the journal's; STATUS_DAMAGED when a segment of this site does not verify
 * any more; STATUS_FOREIGN when the replica has halted with the whole site (shard_status() says
 * why). A shard that has halted alone (shard_status.halted) does nothing any more, which is
 * STATUS_OK: no leader, nothing submitted, sealed, executed, promised or installed; what the
 * journal holds stays as it is. */
MUST_USE enum status shard_step(struct shard *shard, uint64_t now_ns, uint64_t wall_ns);

/* This process came to run `late_ns` later than it wanted to: elections make room for it. */
void shard_late(struct shard *shard, uint64_t late_ns);

/* A message of another site: entries NULL, entry_count segments in `segments`, which consensus sees
 * only when each has been verified (hash, chain, signature). Bytes that fail are dropped whole and
 * counted; the leader repeats. What the message brought about is done by the next shard_step().
 * Not reentrant from `peers`. */
void shard_receive(struct shard *shard, const struct replica_message *message,
                   const uint8_t *segments, size_t segments_bytes, uint64_t now_ns,
                   uint64_t wall_ns);

/* When shard_step() wants to be called again at the latest, monotonic; UINT64_MAX: only on input.
 */
uint64_t shard_due_ns(const struct shard *shard, uint64_t now_ns);

/* ---- Operations of the leader ---- */

/* Hand the leadership to a site. Refused with a reason; then nothing has changed. */
MUST_USE enum replica_refusal shard_transfer(struct shard *shard, uint8_t site_id, uint64_t now_ns);

/* Begin a plan towards `target` (placement_plan_next()): journaled with its first step, continued
 * step by step by whoever leads, until it is reached. `verdict` says which rule refuses it;
 * REPLICA_REFUSED_BUSY while another plan is under way, unless `replace`. */
MUST_USE enum replica_refusal shard_plan(struct shard *shard, const struct placement *target,
                                         uint32_t waived_rules, bool replace, uint64_t now_ns,
                                         struct placement_verdict *verdict);

/* ---- Quorum repair (repair.h) ---- */

/* Where this site stands. `report->promised` points to `promised` when there is a promise that is
 * not active. What it says of a promise is durable. */
void shard_repair_report(const struct shard *shard, struct repair_report *report,
                         struct repair *promised);

/* Promise a repair: from now on the shard idles, and shard_repair_report() tells when that is
 * durable; or, when all survivors have, activate it: the shard begins anew in its generation as
 * soon as that is durable. STATUS_NOT_YET: something else is still being written, ask again;
 * STATUS_FOREIGN: the shard has halted; else what repair_may_promise() and repair_may_activate()
 * say. */
MUST_USE enum status shard_repair_promise(struct shard *shard, const struct repair *repair,
                                          uint64_t now_ns);
MUST_USE enum status shard_repair_activate(struct shard *shard, uint64_t generation,
                                           uint16_t promised, uint64_t now_ns);

/* ---- Snapshots ---- */

/* A snapshot was taken or fetched here; `first_log_index`: oldest segment that will still be read.
 * Before a trim. False: the journal has no room for what came before, or a repair is promised;
 * nothing has changed and nothing may be trimmed: later. */
bool shard_offer(struct shard *shard, const struct replica_position *position,
                 uint64_t first_log_index, uint64_t now_ns);

/* A fetched snapshot is here whole, verified and durable. True: it replaces the log; the machine
 * must be restored from it before the next shard_step(). False: not wanted any more, nothing has
 * changed. */
bool shard_install(struct shard *shard, const struct shard_origin *origin, uint64_t now_ns);

/* The machine of a fenced site (rule 9) has been restored at `origin`, or made anew (log index 0):
 * execute from there again. When it has caught up the site counts as right again. */
void shard_rebuild(struct shard *shard, const struct shard_origin *origin);

struct shard_follower {
    uint64_t matched_log_index;
    uint64_t heard_ago_ns; /* UINT64_MAX: never in this term. */
    uint64_t round_trip_ns;
    bool snapshot; /* Needs one. */
    bool fenced;
};

/* Two chains at one index and term (rule 1): the last that was seen. What is only claimed
 * replaces nothing of the same term that is proven, or that stands at or before it. */
struct shard_fork {
    uint64_t log_index; /* 0: never. */
    uint64_t term;
    uint8_t other_site_id;        /* Who has the other one. */
    uint8_t signer_site_id;       /* Whose key ours is signed with; 0: of no member. */
    uint8_t other_signer_site_id; /* Likewise the other one; 0 as well: not proven. */
    bool proven;                  /* Both were here, and both verify. */
    bool signed_here; /* The other one, with this site's key: proven, and the shard has stopped. */
};

struct shard_status {
    uint64_t term;
    uint64_t appended_log_index;
    uint64_t persisted_log_index;
    uint64_t committed_log_index;
    uint64_t leader_commit_log_index; /* Follower: as this term's leader has said; 0: not yet. */
    uint64_t applied_log_index;
    uint64_t applied_command_sequence;
    uint64_t last_timestamp_ns;             /* Of the last segment in the log. */
    uint8_t chain_hash[SEGMENT_HASH_BYTES]; /* At applied_log_index. */
    bool leader;                            /* Serves as such. */
    bool takes;                             /* Records are taken here and now. */
    bool fenced;
    enum replica_role role;
    enum replica_halt halt;
    bool halted;              /* For good, this shard alone (replica_halt_is_shards()). */
    uint64_t generation;      /* In which it takes part, or did until it promised a repair. */
    bool repairing;           /* A repair is promised here: the shard idles until it is active. */
    bool evidence_waits;      /* A tail is to be dropped and there is no room to keep it. */
    uint8_t leader_site_id;   /* 0: not known. */
    uint64_t segments_sealed; /* Since start. */
    uint64_t records_sealed;
    uint64_t records_logged;  /* Those, and what others have sealed: what came into this log. */
    uint64_t segment_bytes;   /* Header and payload of the segments sealed. */
    uint64_t records_dropped; /* Queued when the leadership ended. */
    uint64_t segments_received;
    uint64_t messages_refused; /* Received with bytes that do not verify. */
    uint64_t forks;            /* Two chains at one index and term were seen (rule 1). */
    struct shard_fork fork;
    bool clock_agrees;  /* Leader: a majority of clocks agrees (cluster_clock.h). */
    bool clock_outside; /* Leader: its own clock is not among them. */
};
void shard_status(const struct shard *shard, struct shard_status *status);

/* Of that, what a record's way depends on: asked for each. */
struct shard_leadership {
    uint64_t term;
    uint8_t leader_site_id;
    bool takes;
};
struct shard_leadership shard_leadership(const struct shard *shard);

/* Likewise: its machine computes something else (rule 9). */
bool shard_fenced(const struct shard *shard);

/* Present election timeout; 0: it does not run yet. Looks at all members. */
uint64_t shard_election_ns(const struct shard *shard);

/* The leader's view of a follower. False: not leader, or no such member. */
bool shard_follower(const struct shard *shard, uint8_t site_id, uint64_t now_ns,
                    struct shard_follower *follower);

/* Membership as it rules now, with the plan under way; the log index of the last one in the log. */
const struct placement_record *shard_placement(const struct shard *shard);
uint64_t shard_placement_log_index(const struct shard *shard);
/* Membership before the first change, whatever rules now. */
const struct placement *shard_genesis(const struct shard *shard);
/* Where the machine stands: for a snapshot taken between two turns. Only while that is persisted
 * here: a leader executes what others have made durable, and its own journal may lose that with its
 * power; the snapshot would then stand beyond its end. */
void shard_origin_now(const struct shard *shard, struct shard_origin *origin);

#endif
