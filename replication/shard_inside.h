/* The inside of a shard, for shard*.c alone. */
#ifndef REPLICATION_SHARD_INSIDE_H
#define REPLICATION_SHARD_INSIDE_H

#include "matching/base/random.h"
#include "replication/cluster_clock.h"
#include "replication/shard.h"

/* Keys that have ever signed here: those of the genesis and of every membership since. */
#define SHARD_VERIFIERS_MAX 64u

enum shard_phase {
    SHARD_RECOVERING = 0, /* shard_recover() is not done. */
    SHARD_RECOVERED,
    SHARD_RUNNING,
};

/* A segment that this leader has sealed and not yet executed. Its records stay in the ring until
 * then, so that nothing is decompressed on the way from commit to apply. */
struct shard_flight {
    struct replica_position position;
    uint64_t first_command_sequence;
    uint64_t timestamp_ns;
    uint16_t flags;        /* Of the segment. */
    uint64_t first_record; /* Position in the ring, counted from the start of the process. */
    uint32_t record_count;
};

/* What the last step of the replica wants of the journal and has not got yet, in this order. */
struct shard_pending {
    bool vote;
    bool evidence; /* The segments from evidence_first to evidence_last are to be kept: not of the
                      journal, but before it drops them. */
    uint64_t evidence_first;
    uint64_t evidence_last;
    uint64_t evidence_due_ns;  /* When that is tried again; 0: not tried yet. */
    uint64_t evidence_wait_ns; /* How long that waits since it was tried; 0: not tried yet. */
    bool truncate;
    uint64_t truncate_log_index;
    bool base;
    struct journal_tail base_tail;
    uint32_t append_next; /* Of the segments received; up to, */
    uint32_t append_end;  /* not including. */
    bool sealed;          /* The segment in `sealed`, then APPENDED. */
};

/* Places of the log at which memberships stand, oldest first. */
struct shard_membership {
    uint64_t log_index;
    struct placement_record record;
};

struct shard {
    struct shard_options options;
    struct shard_machine machine;
    struct shard_peers peers;
    struct journal *journal;
    struct codec_context *codec;
    enum shard_phase phase;
    enum status failed; /* Final, once it is not STATUS_OK. */
    struct random random;
    uint64_t now_ns;
    uint64_t wall_ns;
    uint64_t late_ns; /* Longest wait to run that the replica has not been told of. */

    struct replica replica;
    struct replica_output output; /* Of the last step. */
    struct replica_seal seal;     /* What shard_seal_position() says, */
    enum status seal_status;
    bool seal_known; /* if it was asked since the last step. */
    struct replica_log_slot *slots;
    struct replica_log headers;    /* While recovering. */
    struct journal_tail base;      /* Of a snapshot: what stands before the oldest segment. */
    struct journal_tail persisted; /* As last told to the replica. */

    /* The end of the log. */
    uint64_t last_log_index;
    uint64_t last_term;
    uint8_t last_chain_hash[SEGMENT_HASH_BYTES];
    uint64_t next_command_sequence;
    uint64_t last_timestamp_ns;

    /* Where the machine stands. */
    struct replica_position applied;
    uint64_t applied_next_sequence;
    uint64_t applied_timestamp_ns;
    bool rebuilding; /* It was fenced, and executes again. */

    /* The two memberships last in the log. */
    struct shard_membership previous_membership;
    struct shard_membership membership;
    struct placement_record wanted; /* To be sealed. */
    /* Quorum repair: what is durable of it, and what it lets rule from outside the log. */
    struct journal_generation generation;
    struct placement_record repaired;
    struct repair promise;      /* To be written: */
    bool promise_waits;         /* this promise, */
    bool activation_waits;      /* that it is active. */
    bool repair_writing;        /* One of them is written and not durable yet. */
    uint64_t plan_due_ns;       /* When a plan's next step is tried. */
    struct cluster_clock clock; /* While this site leads. */
    uint64_t hand_over_due_ns;  /* When to try again to leave a clock that nobody supports. */
    struct segment_verifier verifiers[SHARD_VERIFIERS_MAX];
    uint32_t verifier_count;

    /* Records, in one ring: applied <= sealed <= submitted count from the start of the process;
     * [applied, sealed) are in flight, [sealed, submitted) are queued. */
    uint8_t *records;
    uint64_t *received_ns; /* Of the record at the same place. */
    uint64_t ring_records; /* Room for a full queue behind full segments in flight. */
    uint64_t submitted_count;
    uint64_t sealed_count;
    uint64_t applied_count;

    struct shard_flight *flights; /* A ring as well: oldest first. */
    uint32_t flight_first;
    uint32_t flight_count;

    uint8_t *raw;                  /* SEGMENT_RAW_BYTES_MAX: between columns and codec. */
    uint8_t *sealed;               /* SEGMENT_BYTES_MAX: the segment sealed last. */
    struct segment segment;        /* What `sealed` holds. */
    uint8_t *unpacked;             /* SEGMENT_COMMANDS_MAX records. */
    uint8_t *scratch;              /* SEGMENT_BYTES_MAX: a segment read from the journal. */
    uint8_t *inbox;                /* Segments of the message at hand. */
    struct segment *received;      /* REPLICA_BATCH_ENTRIES_MAX: those, opened. */
    struct replica_entry *entries; /* One more: those, as the replica sees them; headers read. */
    struct placement_record *placements; /* One each, where a segment is one. */
    uint32_t received_count;
    struct replica_headers_wanted headers_wanted[SITES_MAX]; /* Of site_id - 1; 0: nothing. */
    uint8_t *outbox;                 /* Segments of a message that goes out. */
    uint64_t outbox_first_log_index; /* What it holds, so that followers share it. */
    uint32_t outbox_count;
    size_t outbox_bytes;
    struct shard_pending pending;
    bool takes; /* Records are taken: as of the last turn. */

    uint64_t segments_sealed;
    uint64_t records_sealed;
    uint64_t records_logged;
    uint64_t segment_bytes;
    uint64_t records_dropped;
    uint64_t segments_received;
    uint64_t messages_refused;
    uint64_t forks;
    struct shard_fork fork;
};

static inline uint8_t *shard_record(const struct shard *shard, uint64_t position)
{
    return shard->records + position % shard->ring_records * shard->machine.record_bytes;
}

static inline size_t shard_inbox_bytes(const struct shard_options *options)
{
    return (size_t)options->batch_bytes_max + SEGMENT_BYTES_MAX;
}

/* ---- shard.c ---- */

uint64_t shard_queued(const struct shard *shard);
/* A place for one more record at the end of the queue. */
uint8_t *shard_push(struct shard *shard, uint64_t received_ns);
/* Final, unless it is STATUS_OK. */
void shard_fail(struct shard *shard, enum status status);
/* A key that may sign: of the genesis or of a membership. */
void shard_trust(struct shard *shard, const uint8_t public_key[static PLACEMENT_KEY_BYTES]);

/* ---- shard_log.c: segments as they stand in a log ---- */

/* Check a segment's flags, term, sequence and time against what stands before it; a placement's
 * payload goes into `record`. */
enum status shard_log_check(const struct segment *segment, const struct replica_position *before,
                            uint64_t next_command_sequence, uint64_t last_timestamp_ns,
                            struct placement_record *record);
enum replica_entry_kind shard_log_kind(const struct segment *segment);
void shard_log_position(const struct segment *segment, struct replica_position *position);
/* A membership is in the log from now on: its members may sign. */
void shard_log_placed(struct shard *shard, const struct placement_record *record);
/* The log goes on with `segment`, or ends at what the journal says. */
void shard_log_extend(struct shard *shard, const struct segment *segment,
                      const struct placement_record *record);
void shard_log_cut(struct shard *shard);
/* Read a segment into `scratch` and open it: STATUS_NOT_FOUND: trimmed. */
enum status shard_log_read(struct shard *shard, uint64_t log_index, struct segment *segment);

/* ---- shard_consensus.c ---- */

/* One step of the replica and everything that it asks for. */
void shard_consensus_step(struct shard *shard, struct replica_input *input);
/* What still waits for the journal. True: nothing does any more. */
bool shard_consensus_settle(struct shard *shard);
/* What time and the disk have brought. */
void shard_consensus_turn(struct shard *shard);
bool shard_consensus_waits(const struct shard *shard);
/* Take the next step towards `target`. */
enum replica_refusal shard_consensus_plan(struct shard *shard, const struct placement *target,
                                          uint32_t waived_rules, struct placement_verdict *verdict);

/* What was queued is forgotten: this site leads no more. */
void shard_consensus_drop(struct shard *shard);

/* ---- shard_repair.c ---- */

/* What the journal says of the last repair. */
void shard_repair_load(struct shard *shard);
/* The membership that rules: the log's, or a repair's. */
const struct placement_record *shard_repair_ruling(const struct shard *shard);
uint64_t shard_repair_generation(const struct shard *shard);
/* While a promise waits for its activation: write what is to be written, begin anew. */
void shard_repair_turn(struct shard *shard);

/* ---- shard_recover.c ---- */

/* A repair has become active: a new replica on the same log. */
void shard_recover_again(struct shard *shard);

/* ---- shard_send.c ---- */

/* Send a message of the replica, with the segments it names. */
void shard_send(struct shard *shard, const struct replica_message *message);
/* Headers that the ring no longer has. */
void shard_send_headers(struct shard *shard, uint8_t site_id);

/* ---- shard_receive.c ---- */

/* Append what has been accepted of the segments received. */
enum status shard_receive_append(struct shard *shard);

/* ---- shard_seal.c ---- */

void shard_seal_turn(struct shard *shard);
/* replica_seal_position(), asked once a step of the replica: nothing else changes it. */
const struct replica_seal *shard_seal_position(struct shard *shard, enum status *status);
/* Time of what is sealed now: never below what the log has, whatever the clocks do. */
uint64_t shard_seal_stamp_ns(const struct shard *shard, uint64_t now_ns);
bool shard_seal_tick_due(const struct shard *shard, uint64_t *due_ns);
bool shard_seal_ready(const struct shard *shard);

/* ---- shard_apply.c ---- */

/* Execute what is committed, a bounded piece. */
void shard_apply_turn(struct shard *shard);
bool shard_apply_waits(const struct shard *shard);
/* Unpack a segment's commands into `unpacked`. */
enum status shard_apply_expand(struct shard *shard, const struct segment *segment);
/* Execute them. */
void shard_apply_records(struct shard *shard, const struct segment *segment,
                         const uint8_t *records);

#endif
