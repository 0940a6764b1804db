/* A shard: one totally ordered log and the state machine behind it.
 *
 * Drives its replica of the log: commands are batched, sealed into segments, journaled, committed
 * by a quorum, and then executed in order. Records are opaque bytes here; the machine says what
 * they mean. With one site the commit quorum is its own journal. All calls from the loop thread
 * that owns it. */
#ifndef REPLICATION_SHARD_H
#define REPLICATION_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/codec.h"
#include "replication/journal.h"
#include "replication/segment.h"

/* What is replicated: implemented above (gateway/site.c for the market), called from below. */
struct shard_machine {
    void *context;
    uint32_t record_bytes; /* All records of this machine have this size. */
    /* The leader stamps a record once, when it is sealed: its time and how long it waited here. */
    void (*stamp)(void *context, void *record, uint64_t timestamp_ns, uint64_t waited_ns);
    /* Time of a record that has been stamped. */
    uint64_t (*timestamp_ns)(void *context, const void *record);
    /* Execute a committed record completely. Order and content are the same at every site. */
    void (*apply)(void *context, uint64_t command_sequence, const void *record);
    /* When the machine next wants time to pass; false: never. */
    bool (*due)(void *context, uint64_t *due_ns);
    /* Write a record that only lets time pass. */
    void (*tick)(void *context, void *record);
    /* Records to bytes and back (matching/command_columns.h). */
    size_t (*pack_bound)(void *context, uint32_t count);
    size_t (*pack)(void *context, void *target, size_t target_bytes, const void *records,
                   uint32_t count, uint64_t base_timestamp_ns);
    enum status (*unpack)(void *context, void *records, uint32_t count, const void *source,
                          size_t source_bytes, uint64_t base_timestamp_ns);
};

struct shard_options {
    uint16_t shard_id;
    uint8_t site_id;
    uint64_t cluster_id;
    uint32_t queue_records_max;   /* Submitted, not yet sealed. */
    uint32_t segment_records_max; /* 1 .. SEGMENT_COMMANDS_MAX. */
    uint32_t
        segments_in_flight_max; /* Sealed, not yet committed: what an outage leaves in doubt. */
    uint64_t uncommitted_age_ns_max; /* Older than this: no more is sealed. */
    const struct segment_signer *signer;
    const struct segment_verifier *verifiers; /* Whose signature at the head of the log counts. */
    uint32_t verifier_count;
};

struct shard;

/* STATUS_BAD_ARGUMENT when an option is out of range; STATUS_FULL without memory. The journal, the
 * codec and what the options point to outlive the shard. */
MUST_USE enum status shard_create(struct shard **shard, const struct shard_options *options,
                                  const struct shard_machine *machine, struct journal *journal,
                                  struct codec_context *codec);
void shard_destroy(struct shard *shard);

/* Execute what the journal holds, a bounded piece a call: STATUS_MORE until all is applied, then
 * STATUS_OK. `*log_index` says how far it is. Every segment's payload hash and place in the chain
 * are checked, and the signature of the last one, which stands for all before it. Errors name a
 * journal that cannot be executed, and `*log_index` the last segment before the one at fault. */
MUST_USE enum status shard_recover(struct shard *shard, uint64_t *log_index);

/* After recovery: open a term (DESIGN 6 rule 5). shard_step() goes on from here: when the vote for
 * itself is durable it seals an empty segment, and when that is committed the shard leads and
 * takes records. */
MUST_USE enum status shard_start(struct shard *shard, uint64_t now_ns, uint64_t wall_ns);

/* Queue one record for the log, copied. `received_ns` (monotonic) is when it came in: its wait is
 * counted from there. STATUS_FULL: push back on the producer. STATUS_NOT_YET: no quorum or not
 * leader. apply() may call it. */
MUST_USE enum status shard_submit(struct shard *shard, const void *record, uint64_t received_ns);

/* Room left in the queue, in records. */
uint32_t shard_room(const struct shard *shard);

/* One turn: seal what may be sealed, hand it to the journal, execute what is committed. Never
 * blocks. `now_ns` monotonic, `wall_ns` UTC. Errors are the journal's: final. */
MUST_USE enum status shard_step(struct shard *shard, uint64_t now_ns, uint64_t wall_ns);

/* When shard_step() wants to be called again at the latest, monotonic; UINT64_MAX: only on input.
 */
uint64_t shard_due_ns(const struct shard *shard, uint64_t now_ns, uint64_t wall_ns);

struct shard_status {
    uint64_t term;
    uint64_t appended_log_index;
    uint64_t persisted_log_index;
    uint64_t committed_log_index;
    uint64_t applied_log_index;
    uint64_t applied_command_sequence;
    uint64_t last_timestamp_ns;             /* Of the last command sealed. */
    uint8_t chain_hash[SEGMENT_HASH_BYTES]; /* At applied_log_index. */
    bool leader;
    uint64_t segments_sealed; /* Since start. */
    uint64_t records_sealed;
    uint64_t segment_bytes; /* Header and payload of the segments sealed. */
};
void shard_status(const struct shard *shard, struct shard_status *status);

#endif
