/* Sealing: what a leader puts into its log. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/shard_inside.h"

/* A plan's next step is tried again so often, while a learner catches up. */
#define PLAN_RETRY_NS UINT64_C(20000000)

/* A leader whose own clock a majority contradicts leaves it to one whom they support. */
#define HAND_OVER_RETRY_NS UINT64_C(1000000000)

uint64_t shard_seal_stamp_ns(const struct shard *shard, uint64_t now_ns)
{
    return cluster_clock_stamp_ns(&shard->clock, now_ns, shard->last_timestamp_ns);
}

/* When the machine wants a tick, by the log's time. False: never, or one that will do is under way:
 * whatever is sealed at or after the due time lets the timer fire when it is applied. */
bool shard_seal_tick_due(const struct shard *shard, uint64_t *due_ns)
{
    return shard->takes && shard_queued(shard) == 0 &&
           shard->machine.due(shard->machine.context, due_ns) &&
           (shard->applied.log_index == shard->last_log_index ||
            shard->last_timestamp_ns < *due_ns);
}

/* Whether commands may be sealed now: an idle shard does not wait, and under load segments grow
 * while writes are under way. A disk that lags behind a quorum of the others holds up nothing: its
 * journal takes what still fits (rule 5). */
bool shard_seal_ready(const struct shard *shard)
{
    const struct replica *replica = &shard->replica;
    bool others_ahead = replica->commit_log_index == shard->last_log_index &&
                        replica->persisted.log_index < replica->commit_log_index;
    return shard->flight_count < shard->options.segments_in_flight_max &&
           (journal_writable(shard->journal) || others_ahead);
}

/* Seal the segment of which the payload stands in place; it goes to the journal at once, or as soon
 * as there is room. It is never sealed again. */
static void seal_segment(struct shard *shard, uint64_t first_record, uint32_t record_count)
{
    struct segment *segment = &shard->segment;
    ASSERT(!shard->pending.sealed);
    ASSERT(shard->flight_count < shard->options.segments_in_flight_max);
    segment->shard_id = shard->options.shard_id;
    segment->cluster_id = shard->options.cluster_id;
    segment->term = shard->replica.term;
    segment->log_index = shard->last_log_index + 1;
    segment->first_command_sequence = shard->next_command_sequence;
    segment->command_count = record_count;
    segment->dictionary_id = 0;
    memcpy(segment->previous_chain_hash, shard->last_chain_hash, SEGMENT_HASH_BYTES);
    segment_seal(segment, shard->sealed, SEGMENT_BYTES_MAX, shard->options.signer);

    uint32_t slot =
        (shard->flight_first + shard->flight_count) % shard->options.segments_in_flight_max;
    struct shard_flight *flight = &shard->flights[slot];
    *flight = (struct shard_flight){.first_command_sequence = segment->first_command_sequence,
                                    .timestamp_ns = segment->base_timestamp_ns,
                                    .flags = segment->flags,
                                    .first_record = first_record,
                                    .record_count = record_count};
    shard_log_position(segment, &flight->position);
    shard->flight_count++;
    shard->sealed_count += record_count;
    shard->segments_sealed++;
    shard->records_sealed += record_count;
    shard->segment_bytes += segment_bytes(segment);
    shard_log_extend(shard, segment, &shard->wanted);
    shard->pending.sealed = true;
    (void)shard_consensus_settle(shard);
}

/* The segment that opens the term: empty, and the first that this leader counts. */
static void seal_opening(struct shard *shard, bool planned)
{
    shard->segment =
        (struct segment){.flags =
                             planned ? SEGMENT_OPENS_TERM | SEGMENT_PLANNED : SEGMENT_OPENS_TERM,
                         .codec = CODEC_STORED,
                         .base_timestamp_ns = shard_seal_stamp_ns(shard, shard->now_ns)};
    seal_segment(shard, shard->sealed_count, 0);
}

static void seal_placement(struct shard *shard, const struct placement *placement, bool repair)
{
    if (repair) {
        shard->wanted = shard->repaired;
    }
    ASSERT(placement->epoch == shard->wanted.placement.epoch);
    placement_record_store(shard->sealed + SEGMENT_HEADER_BYTES, &shard->wanted);
    shard->segment =
        (struct segment){.flags = SEGMENT_PLACEMENT,
                         .codec = CODEC_STORED,
                         .raw_bytes = PLACEMENT_RECORD_BYTES,
                         .stored_bytes = PLACEMENT_RECORD_BYTES,
                         .base_timestamp_ns = shard_seal_stamp_ns(shard, shard->now_ns)};
    seal_segment(shard, shard->sealed_count, 0);
}

/* Stamp and pack what is queued, as much as one segment takes and lies together in the ring. */
static void seal_records(struct shard *shard)
{
    const struct shard_machine *machine = &shard->machine;
    uint64_t place = shard->sealed_count % shard->ring_records;
    uint64_t count = shard_queued(shard);
    if (count > shard->options.segment_records_max) {
        count = shard->options.segment_records_max;
    }
    if (count > shard->ring_records - place) {
        count = shard->ring_records - place;
    }
    ASSERT(count > 0);
    uint64_t timestamp_ns = shard_seal_stamp_ns(shard, shard->now_ns);
    for (uint64_t at = 0; at < count; at++) {
        uint64_t received_ns = shard->received_ns[place + at];
        uint64_t waited_ns = shard->now_ns > received_ns ? shard->now_ns - received_ns : 0;
        machine->stamp(machine->context, shard_record(shard, shard->sealed_count + at),
                       timestamp_ns, waited_ns);
    }
    size_t raw_bytes =
        machine->pack(machine->context, shard->raw, SEGMENT_RAW_BYTES_MAX,
                      shard_record(shard, shard->sealed_count), (uint32_t)count, timestamp_ns);
    ASSERT(raw_bytes > 0);
    ASSERT(raw_bytes <= SEGMENT_RAW_BYTES_MAX);
    enum codec codec;
    size_t stored_bytes;
    codec_compress(shard->codec, shard->sealed + SEGMENT_HEADER_BYTES, SEGMENT_STORED_BYTES_MAX,
                   shard->raw, raw_bytes, &codec, &stored_bytes);
    shard->segment = (struct segment){.raw_bytes = (uint32_t)raw_bytes,
                                      .stored_bytes = (uint32_t)stored_bytes,
                                      .codec = (uint8_t)codec,
                                      .base_timestamp_ns = timestamp_ns};
    seal_segment(shard, shard->sealed_count, (uint32_t)count);
}

/* The next step of the plan that the log holds. Whoever leads goes on with it. */
static void seal_plan(struct shard *shard)
{
    const struct placement_record *record = shard_repair_ruling(shard);
    if (!record->planned || shard->now_ns < shard->plan_due_ns ||
        !replica_serves(&shard->replica) ||
        shard->membership.log_index > shard->replica.commit_log_index) {
        return;
    }
    shard->plan_due_ns = shard->now_ns + PLAN_RETRY_NS;
    struct placement_verdict verdict;
    (void)shard_consensus_plan(shard, &record->target, record->waived_rules, &verdict);
}

const struct replica_seal *shard_seal_position(struct shard *shard, enum status *status)
{
    ASSERT(shard->phase == SHARD_RUNNING);
    if (!shard->seal_known) {
        shard->seal_status = replica_seal_position(&shard->replica, &shard->seal);
        shard->seal_known = true;
    }
    *status = shard->seal_status;
    return &shard->seal;
}

static bool seal_next(struct shard *shard)
{
    if (shard->failed != STATUS_OK || shard->pending.sealed) {
        return false;
    }
    enum status status;
    const struct replica_seal *seal = shard_seal_position(shard, &status);
    if (status != STATUS_OK) {
        return false;
    }
    ASSERT(seal->log_index == shard->last_log_index + 1);
    switch (seal->kind) {
    case REPLICA_ENTRY_OPENING:
    case REPLICA_ENTRY_PLACEMENT:
        if (shard->flight_count == shard->options.segments_in_flight_max) {
            return false;
        }
        if (seal->kind == REPLICA_ENTRY_OPENING) {
            seal_opening(shard, seal->planned);
        } else {
            seal_placement(shard, seal->placement, seal->repair);
        }
        break;
    case REPLICA_ENTRY_COMMANDS:
        if (shard_queued(shard) == 0 || !shard_seal_ready(shard)) {
            return false;
        }
        seal_records(shard);
        break;
    case REPLICA_ENTRY_KIND_COUNT:
        ASSERT(false);
        return false;
    }
    if (shard->failed == STATUS_OK) {
        shard_fail(shard, journal_flush(shard->journal));
    }
    return true;
}

static void seal_hand_over(struct shard *shard)
{
    uint16_t heirs = shard->clock.heirs;
    if (!shard->clock.outside || heirs == 0 || shard->now_ns < shard->hand_over_due_ns ||
        !replica_serves(&shard->replica)) {
        return;
    }
    shard->hand_over_due_ns = shard->now_ns + HAND_OVER_RETRY_NS;
    uint8_t site_id = 1;
    while ((heirs >> (site_id - 1) & 1u) == 0) {
        site_id++;
    }
    ASSERT(site_id != shard->options.site_id);
    struct replica_input input = {.type = REPLICA_TRANSFER, .site_id = site_id};
    shard_consensus_step(shard, &input);
}

void shard_seal_turn(struct shard *shard)
{
    if (shard->replica.role != REPLICA_LEADER || !shard_consensus_settle(shard)) {
        return;
    }
    cluster_clock_update(&shard->clock, shard->now_ns, shard->wall_ns,
                         placement_voters(&shard->replica.placement));
    seal_hand_over(shard);
    seal_plan(shard);
    uint64_t due_ns;
    if (shard_seal_tick_due(shard, &due_ns) &&
        due_ns <= shard_seal_stamp_ns(shard, shard->now_ns)) {
        shard->machine.tick(shard->machine.context, shard_push(shard, shard->now_ns));
    }
    while (seal_next(shard)) {
    }
}
