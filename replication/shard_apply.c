/* Execution of what is committed, in order: from the ring where this leader sealed it, else read
 * back from the journal. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/shard_inside.h"

/* Work of one turn: so many records, and so many for each segment whatever it holds. */
#define APPLY_RECORDS       32768u
#define APPLY_SEGMENT_EXTRA 256u

/* Every command of a segment bears the time at which it was sealed. */
static bool apply_times_good(const struct shard *shard, const struct segment *segment)
{
    const struct shard_machine *machine = &shard->machine;
    for (uint32_t at = 0; at < segment->command_count; at++) {
        const uint8_t *record = shard->unpacked + (size_t)at * machine->record_bytes;
        if (machine->timestamp_ns(machine->context, record) != segment->base_timestamp_ns) {
            return false;
        }
    }
    return true;
}

enum status shard_apply_expand(struct shard *shard, const struct segment *segment)
{
    const struct shard_machine *machine = &shard->machine;
    if (segment->command_count == 0) {
        return STATUS_OK;
    }
    enum status status = codec_decompress(shard->codec, shard->raw, segment->raw_bytes,
                                          segment->codec, segment->payload, segment->stored_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    status = machine->unpack(machine->context, shard->unpacked, segment->command_count, shard->raw,
                             segment->raw_bytes, segment->base_timestamp_ns);
    if (status != STATUS_OK) {
        return status;
    }
    return apply_times_good(shard, segment) ? STATUS_OK : STATUS_BAD_FORMAT;
}

/* Whatever way a segment came, the machine learns of a term where the log has it. */
static void apply_opening(const struct shard *shard, uint16_t flags, uint64_t timestamp_ns)
{
    const struct shard_machine *machine = &shard->machine;
    ASSERT((flags & SEGMENT_PLANNED) == 0 || (flags & SEGMENT_OPENS_TERM) != 0);
    if ((flags & SEGMENT_OPENS_TERM) != 0) {
        machine->opened(machine->context, timestamp_ns, (flags & SEGMENT_PLANNED) != 0);
    }
}

/* Execute records that lie one behind the other. */
static void apply_all(struct shard *shard, const uint8_t *records, uint32_t record_count)
{
    const struct shard_machine *machine = &shard->machine;
    for (uint32_t at = 0; at < record_count; at++) {
        const uint8_t *record = records + (size_t)at * machine->record_bytes;
        if (machine->anticipate != NULL) {
            machine->anticipate(machine->context, record, record_count - at);
        }
        machine->apply(machine->context, shard->applied_next_sequence, record);
        shard->applied_next_sequence++;
    }
}

/* Only after everything has been checked: execute the records and move on. */
void shard_apply_records(struct shard *shard, const struct segment *segment, const uint8_t *records)
{
    ASSERT(segment->log_index == shard->applied.log_index + 1);
    ASSERT(segment->first_command_sequence == shard->applied_next_sequence);
    apply_all(shard, records, segment->command_count);
    apply_opening(shard, segment->flags, segment->base_timestamp_ns);
    shard_log_position(segment, &shard->applied);
    shard->applied_timestamp_ns = segment->base_timestamp_ns;
}

/* The oldest segment in flight, whose records lie in the ring. */
static void apply_flight(struct shard *shard)
{
    const struct shard_flight *flight = &shard->flights[shard->flight_first];
    ASSERT(flight->first_record == shard->applied_count);
    ASSERT(flight->first_command_sequence == shard->applied_next_sequence);
    /* seal_records() took only what lies together. */
    ASSERT(flight->first_record % shard->ring_records + flight->record_count <=
           shard->ring_records);
    apply_all(shard, shard_record(shard, flight->first_record), flight->record_count);
    shard->applied_count += flight->record_count;
    apply_opening(shard, flight->flags, flight->timestamp_ns);
    shard->applied = flight->position;
    shard->applied_timestamp_ns = flight->timestamp_ns;
    shard->flight_first = (shard->flight_first + 1) % shard->options.segments_in_flight_max;
    shard->flight_count--;
}

static enum status apply_read(struct shard *shard, uint32_t *record_count)
{
    struct segment segment;
    struct placement_record record;
    enum status status = shard_log_read(shard, shard->applied.log_index + 1, &segment);
    if (status == STATUS_OK) {
        status = segment_verify_chain(&segment, shard->options.cluster_id, shard->options.shard_id,
                                      shard->applied.log_index, shard->applied.chain_hash);
    }
    if (status == STATUS_OK) {
        status = segment_verify_payload(&segment);
    }
    if (status == STATUS_OK) {
        status = shard_log_check(&segment, &shard->applied, shard->applied_next_sequence,
                                 shard->applied_timestamp_ns, &record);
    }
    if (status == STATUS_OK) {
        status = shard_apply_expand(shard, &segment);
    }
    if (status == STATUS_OK) {
        *record_count = segment.command_count;
        shard_apply_records(shard, &segment, shard->unpacked);
    }
    return status;
}

/* Tell the replica what this engine came to: compared with the others' (rule 9). */
static void apply_audit(struct shard *shard)
{
    ASSERT(shard->applied.log_index % REPLICA_AUDIT_STRIDE == 0);
    struct replica_input input = {.type = REPLICA_APPLIED,
                                  .audit = {.log_index = shard->applied.log_index,
                                            .event_hash =
                                                shard->machine.event_hash(shard->machine.context)}};
    memcpy(&input.audit.chain_prefix, shard->applied.chain_hash, sizeof input.audit.chain_prefix);
    shard_consensus_step(shard, &input);
}

bool shard_apply_waits(const struct shard *shard)
{
    return shard->applied.log_index < shard->replica.commit_log_index &&
           !replica_halt_is_shards(shard->replica.halt);
}

void shard_apply_turn(struct shard *shard)
{
    uint32_t work = 0;
    while (shard->failed == STATUS_OK && shard_apply_waits(shard) && work < APPLY_RECORDS) {
        if (!shard_consensus_settle(shard)) {
            return;
        }
        uint32_t record_count = 0;
        if (shard->flight_count > 0 && shard->flights[shard->flight_first].position.log_index ==
                                           shard->applied.log_index + 1) {
            record_count = shard->flights[shard->flight_first].record_count;
            apply_flight(shard);
        } else {
            enum status status = apply_read(shard, &record_count);
            if (status != STATUS_OK) {
                shard_fail(shard, status);
                return;
            }
        }
        work += record_count + APPLY_SEGMENT_EXTRA;
        if (shard->applied.log_index % REPLICA_AUDIT_STRIDE == 0) {
            apply_audit(shard);
        }
    }
    /* A replica that idles for a repair does not hear it: it is told when it has begun anew. */
    if (shard->rebuilding && shard->failed == STATUS_OK && !shard_apply_waits(shard) &&
        shard->replica.halt == REPLICA_RUNS && shard_consensus_settle(shard)) {
        shard->rebuilding = false;
        shard_consensus_step(shard, &(struct replica_input){.type = REPLICA_REBUILT});
    }
}
