/* The inside of a shard, for shard.c and shard_recover.c. */
#ifndef REPLICATION_SHARD_INSIDE_H
#define REPLICATION_SHARD_INSIDE_H

#include "replication/commit.h"
#include "replication/shard.h"

enum shard_phase {
    SHARD_RECOVERING = 0, /* shard_recover() is not done. */
    SHARD_RECOVERED,
    SHARD_VOTING,  /* The vote for itself is not durable yet. */
    SHARD_OPENING, /* The segment that opens the term is not committed yet. */
    SHARD_LEADING,
};

/* A segment that is sealed and not yet applied. Its records stay in the ring until then, so that
 * nothing is decompressed on the way from commit to apply. */
struct shard_flight {
    uint64_t log_index;
    uint64_t first_command_sequence;
    uint64_t sealed_ns;    /* Monotonic. */
    uint64_t first_record; /* Position in the ring, counted from the start of the process. */
    uint32_t record_count;
    uint8_t chain_hash[SEGMENT_HASH_BYTES];
};

struct shard {
    struct shard_options options;
    struct shard_machine machine;
    struct journal *journal;
    struct codec_context *codec;
    enum shard_phase phase;
    enum status failed; /* Final, once it is not STATUS_OK. */

    /* The log: what is appended last, committed, applied. */
    uint64_t term;
    uint64_t last_log_index;
    uint64_t last_term;
    uint8_t last_chain_hash[SEGMENT_HASH_BYTES];
    uint64_t next_command_sequence;
    uint64_t last_timestamp_ns;
    uint64_t persisted_log_index;
    uint64_t committed_log_index;
    uint64_t applied_log_index;
    uint64_t applied_command_sequence;
    uint8_t applied_chain_hash[SEGMENT_HASH_BYTES];
    struct commit commit;

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

    uint8_t *raw;       /* SEGMENT_RAW_BYTES_MAX: between columns and codec. */
    uint8_t *sealed;    /* SEGMENT_BYTES_MAX: the segment sealed last, or one being recovered. */
    uint8_t *recovered; /* SEGMENT_COMMANDS_MAX records. */
    struct segment segment; /* What `sealed` holds. */
    bool append_waits;      /* The journal had no room for it yet. */
    bool stalled;           /* The oldest in flight is too old: nothing is taken or sealed. */

    uint64_t segments_sealed;
    uint64_t records_sealed;
    uint64_t segment_bytes;
};

static inline uint8_t *shard_record(const struct shard *shard, uint64_t position)
{
    return shard->records + position % shard->ring_records * shard->machine.record_bytes;
}

#endif
