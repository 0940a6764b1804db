#include "replication/shard.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/shard_inside.h"

/* Bounds of what one shard may take at start; site.c chooses far less. */
#define SEGMENTS_IN_FLIGHT_MAX 1024u
#define QUEUE_RECORDS_MAX      (1u << 24)

/* The journal's completions wake the loop; where its store is what holds it up, a look now and then
 * is enough. */
#define RETRY_NS UINT64_C(1000000)

static bool shard_options_good(const struct shard_options *options,
                               const struct shard_machine *machine)
{
    return options->shard_id >= 1 && options->shard_id <= SHARDS_MAX && options->site_id >= 1 &&
           options->site_id <= SITES_MAX && options->queue_records_max >= 1 &&
           options->queue_records_max <= QUEUE_RECORDS_MAX && options->segment_records_max >= 1 &&
           options->segment_records_max <= SEGMENT_COMMANDS_MAX &&
           options->segments_in_flight_max >= 1 &&
           options->segments_in_flight_max <= SEGMENTS_IN_FLIGHT_MAX && machine->record_bytes > 0 &&
           options->signer != NULL &&
           machine->pack_bound(machine->context, options->segment_records_max) <=
               SEGMENT_RAW_BYTES_MAX;
}

enum status shard_create(struct shard **shard, const struct shard_options *options,
                         const struct shard_machine *machine, struct journal *journal,
                         struct codec_context *codec)
{
    ASSERT(journal != NULL);
    ASSERT(codec != NULL);
    *shard = NULL;
    if (!shard_options_good(options, machine)) {
        return STATUS_BAD_ARGUMENT;
    }
    struct shard *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->options = *options;
    made->machine = *machine;
    made->journal = journal;
    made->codec = codec;
    made->next_command_sequence = 1;
    made->commit.voter_count = 1;
    made->ring_records = options->queue_records_max +
                         (uint64_t)options->segments_in_flight_max * options->segment_records_max;
    made->records = calloc(made->ring_records, machine->record_bytes);
    made->received_ns = calloc(made->ring_records, sizeof made->received_ns[0]);
    made->flights = calloc(options->segments_in_flight_max, sizeof made->flights[0]);
    made->raw = malloc(SEGMENT_RAW_BYTES_MAX);
    made->sealed = malloc(SEGMENT_BYTES_MAX);
    made->recovered = calloc(SEGMENT_COMMANDS_MAX, machine->record_bytes);
    if (made->records == NULL || made->received_ns == NULL || made->flights == NULL ||
        made->raw == NULL || made->sealed == NULL || made->recovered == NULL) {
        shard_destroy(made);
        return STATUS_FULL;
    }
    *shard = made;
    return STATUS_OK;
}

void shard_destroy(struct shard *shard)
{
    if (shard == NULL) {
        return;
    }
    free(shard->records);
    free(shard->received_ns);
    free(shard->flights);
    free(shard->raw);
    free(shard->sealed);
    free(shard->recovered);
    free(shard);
}

enum status shard_start(struct shard *shard, uint64_t now_ns, uint64_t wall_ns)
{
    ASSERT(shard->phase == SHARD_RECOVERED);
    if (shard->failed != STATUS_OK) {
        return shard->failed;
    }
    struct journal_tail tail;
    journal_persisted(shard->journal, shard->options.shard_id, &tail);
    shard->term = tail.term > shard->last_term ? tail.term : shard->last_term;
    ASSERT(shard->term < UINT64_MAX);
    shard->term++;
    shard->phase = SHARD_VOTING;
    shard->failed =
        journal_vote(shard->journal, shard->options.shard_id, shard->term, shard->options.site_id);
    return shard_step(shard, now_ns, wall_ns);
}

/* ---- The queue ---- */

static uint64_t shard_queued(const struct shard *shard)
{
    ASSERT(shard->applied_count <= shard->sealed_count);
    ASSERT(shard->sealed_count <= shard->submitted_count);
    return shard->submitted_count - shard->sealed_count;
}

/* Whether records are taken at all. Those of a shard that waits for its quorum for long would only
 * grow old here. */
static bool shard_takes(const struct shard *shard)
{
    return shard->phase == SHARD_LEADING && shard->failed == STATUS_OK && !shard->stalled;
}

uint32_t shard_room(const struct shard *shard)
{
    uint64_t queued = shard_queued(shard);
    if (!shard_takes(shard) || queued >= shard->options.queue_records_max) {
        return 0;
    }
    return (uint32_t)(shard->options.queue_records_max - queued);
}

/* A place for one more record at the end of the queue. */
static uint8_t *shard_push(struct shard *shard, uint64_t received_ns)
{
    ASSERT(shard->submitted_count - shard->applied_count < shard->ring_records);
    shard->received_ns[shard->submitted_count % shard->ring_records] = received_ns;
    return shard_record(shard, shard->submitted_count++);
}

enum status shard_submit(struct shard *shard, const void *record, uint64_t received_ns)
{
    if (!shard_takes(shard)) {
        return STATUS_NOT_YET;
    }
    if (shard_room(shard) == 0) {
        return STATUS_FULL;
    }
    memcpy(shard_push(shard, received_ns), record, shard->machine.record_bytes);
    return STATUS_OK;
}

/* ---- Sealing ---- */

/* Time of what is sealed now: never below what the log has, whatever the wall clock does. */
static uint64_t shard_stamp_ns(const struct shard *shard, uint64_t wall_ns)
{
    return wall_ns > shard->last_timestamp_ns ? wall_ns : shard->last_timestamp_ns;
}

/* When the machine wants a tick, by the log's time. False: never, or one that will do is under way:
 * whatever is sealed at or after the due time lets the timer fire when it is applied. */
static bool shard_tick_due(const struct shard *shard, uint64_t *due_ns)
{
    return shard->phase == SHARD_LEADING && shard_queued(shard) == 0 &&
           shard->machine.due(shard->machine.context, due_ns) &&
           (shard->applied_count == shard->sealed_count || shard->last_timestamp_ns < *due_ns);
}

/* Whether another segment may be sealed, but for the journal's own readiness. */
static bool shard_may_seal(const struct shard *shard)
{
    return !shard->append_waits && !shard->stalled &&
           shard->flight_count < shard->options.segments_in_flight_max;
}

/* Whether the oldest segment in flight has waited too long for its quorum. */
static bool shard_is_stalled(const struct shard *shard, uint64_t now_ns)
{
    if (shard->flight_count == 0) {
        return false;
    }
    const struct shard_flight *oldest = &shard->flights[shard->flight_first];
    return oldest->log_index > shard->committed_log_index && now_ns > oldest->sealed_ns &&
           now_ns - oldest->sealed_ns > shard->options.uncommitted_age_ns_max;
}

/* Hand the sealed segment to the journal. Without room there it waits: it is never sealed again. */
static enum status shard_append(struct shard *shard)
{
    enum status status =
        journal_append(shard->journal, shard->sealed, &shard->segment, shard->last_timestamp_ns);
    shard->append_waits = status == STATUS_FULL;
    return status == STATUS_FULL ? STATUS_OK : status;
}

/* Seal the segment of which the payload stands in place, and send it on its way. */
static enum status shard_seal(struct shard *shard, uint16_t flags, uint32_t record_count,
                              uint64_t now_ns)
{
    struct segment *segment = &shard->segment;
    ASSERT(shard->flight_count < shard->options.segments_in_flight_max);
    ASSERT(!shard->append_waits);
    segment->flags = flags;
    segment->shard_id = shard->options.shard_id;
    segment->cluster_id = shard->options.cluster_id;
    segment->term = shard->term;
    segment->log_index = shard->last_log_index + 1;
    segment->first_command_sequence = shard->next_command_sequence;
    segment->command_count = record_count;
    segment->base_timestamp_ns = shard->last_timestamp_ns;
    segment->dictionary_id = 0;
    memcpy(segment->previous_chain_hash, shard->last_chain_hash, SEGMENT_HASH_BYTES);
    segment_seal(segment, shard->sealed, SEGMENT_BYTES_MAX, shard->options.signer);

    uint32_t slot =
        (shard->flight_first + shard->flight_count) % shard->options.segments_in_flight_max;
    struct shard_flight *flight = &shard->flights[slot];
    *flight = (struct shard_flight){.log_index = segment->log_index,
                                    .first_command_sequence = shard->next_command_sequence,
                                    .sealed_ns = now_ns,
                                    .first_record = shard->sealed_count,
                                    .record_count = record_count};
    memcpy(flight->chain_hash, segment->chain_hash, SEGMENT_HASH_BYTES);
    shard->flight_count++;
    shard->sealed_count += record_count;
    shard->last_log_index = segment->log_index;
    shard->last_term = segment->term;
    memcpy(shard->last_chain_hash, segment->chain_hash, SEGMENT_HASH_BYTES);
    shard->next_command_sequence += record_count;
    shard->segments_sealed++;
    shard->records_sealed += record_count;
    shard->segment_bytes += segment_bytes(segment);
    return shard_append(shard);
}

/* The segment that opens the term: empty, and the first that this leader counts. */
static enum status shard_seal_opening(struct shard *shard, uint64_t now_ns, uint64_t wall_ns)
{
    shard->last_timestamp_ns = shard_stamp_ns(shard, wall_ns);
    shard->commit.term_log_index = shard->last_log_index + 1;
    shard->segment = (struct segment){.codec = CODEC_STORED};
    shard->phase = SHARD_OPENING;
    return shard_seal(shard, SEGMENT_OPENS_TERM, 0, now_ns);
}

/* Stamp and pack what is queued, as much as one segment takes and lies together in the ring. */
static enum status shard_seal_records(struct shard *shard, uint64_t now_ns, uint64_t wall_ns)
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
    shard->last_timestamp_ns = shard_stamp_ns(shard, wall_ns);
    for (uint64_t at = 0; at < count; at++) {
        uint64_t received_ns = shard->received_ns[place + at];
        uint64_t waited_ns = now_ns > received_ns ? now_ns - received_ns : 0;
        machine->stamp(machine->context, shard_record(shard, shard->sealed_count + at),
                       shard->last_timestamp_ns, waited_ns);
    }
    size_t raw_bytes = machine->pack(machine->context, shard->raw, SEGMENT_RAW_BYTES_MAX,
                                     shard_record(shard, shard->sealed_count), (uint32_t)count,
                                     shard->last_timestamp_ns);
    ASSERT(raw_bytes > 0);
    ASSERT(raw_bytes <= SEGMENT_RAW_BYTES_MAX);
    enum codec codec;
    size_t stored_bytes;
    codec_compress(shard->codec, shard->sealed + SEGMENT_HEADER_BYTES, SEGMENT_STORED_BYTES_MAX,
                   shard->raw, raw_bytes, &codec, &stored_bytes);
    shard->segment = (struct segment){.raw_bytes = (uint32_t)raw_bytes,
                                      .stored_bytes = (uint32_t)stored_bytes,
                                      .codec = (uint8_t)codec};
    return shard_seal(shard, 0, (uint32_t)count, now_ns);
}

/* Seal while the journal can start a write at once: an idle shard does not wait, and under load
 * segments grow while writes are under way. */
static enum status shard_seal_queue(struct shard *shard, uint64_t now_ns, uint64_t wall_ns)
{
    uint64_t due_ns;
    if (shard_tick_due(shard, &due_ns) && due_ns <= shard_stamp_ns(shard, wall_ns)) {
        shard->machine.tick(shard->machine.context, shard_push(shard, now_ns));
    }
    while (shard_queued(shard) > 0 && shard_may_seal(shard) && journal_writable(shard->journal)) {
        enum status status = shard_seal_records(shard, now_ns, wall_ns);
        if (status == STATUS_OK) {
            status = journal_flush(shard->journal);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* ---- Commit and apply ---- */

/* Execute the records of every segment that is committed, in order. */
static void shard_apply(struct shard *shard)
{
    const struct shard_machine *machine = &shard->machine;
    while (shard->flight_count > 0) {
        const struct shard_flight *flight = &shard->flights[shard->flight_first];
        if (flight->log_index > shard->committed_log_index) {
            return;
        }
        ASSERT(flight->log_index == shard->applied_log_index + 1);
        ASSERT(flight->first_record == shard->applied_count);
        for (uint32_t at = 0; at < flight->record_count; at++) {
            machine->apply(machine->context, flight->first_command_sequence + at,
                           shard_record(shard, flight->first_record + at));
        }
        shard->applied_count += flight->record_count;
        shard->applied_log_index = flight->log_index;
        shard->applied_command_sequence = flight->first_command_sequence + flight->record_count - 1;
        memcpy(shard->applied_chain_hash, flight->chain_hash, SEGMENT_HASH_BYTES);
        shard->flight_first = (shard->flight_first + 1) % shard->options.segments_in_flight_max;
        shard->flight_count--;
    }
}

static enum status shard_turn(struct shard *shard, uint64_t now_ns, uint64_t wall_ns)
{
    struct journal_tail tail;
    journal_persisted(shard->journal, shard->options.shard_id, &tail);
    ASSERT(tail.last_log_index >= shard->persisted_log_index);
    ASSERT(tail.last_log_index <= shard->last_log_index);
    shard->persisted_log_index = tail.last_log_index;
    shard->commit.matched_log_index[0] = tail.last_log_index;
    enum status status = STATUS_OK;
    if (shard->phase == SHARD_VOTING && tail.term == shard->term &&
        tail.voted_site_id == shard->options.site_id) {
        status = shard_seal_opening(shard, now_ns, wall_ns);
    } else if (shard->append_waits) {
        status = shard_append(shard);
    }
    if (shard->phase >= SHARD_OPENING) {
        shard->committed_log_index = commit_log_index(&shard->commit, shard->committed_log_index);
    }
    if (shard->phase == SHARD_OPENING &&
        shard->committed_log_index >= shard->commit.term_log_index) {
        shard->phase = SHARD_LEADING;
    }
    shard->stalled = shard_is_stalled(shard, now_ns);
    if (status == STATUS_OK && shard->flight_count == shard->options.segments_in_flight_max) {
        shard_apply(shard); /* What is committed makes room for what is queued. */
    }
    if (status == STATUS_OK) { /* The disk first: it works while the records below are executed. */
        status = shard_seal_queue(shard, now_ns, wall_ns);
    }
    if (status == STATUS_OK) {
        status = journal_flush(shard->journal);
    }
    if (status == STATUS_OK) {
        shard_apply(shard);
    }
    return status;
}

enum status shard_step(struct shard *shard, uint64_t now_ns, uint64_t wall_ns)
{
    ASSERT(shard->phase >= SHARD_VOTING);
    if (shard->failed == STATUS_OK) {
        shard->failed = shard_turn(shard, now_ns, wall_ns);
    }
    return shard->failed;
}

uint64_t shard_due_ns(const struct shard *shard, uint64_t now_ns, uint64_t wall_ns)
{
    if (shard->failed != STATUS_OK) {
        return now_ns; /* To be told. */
    }
    if (shard->append_waits) {
        return now_ns + RETRY_NS;
    }
    if (shard_queued(shard) > 0) {
        bool ready = shard_may_seal(shard) && journal_writable(shard->journal);
        return ready ? now_ns : now_ns + RETRY_NS;
    }
    uint64_t due_ns;
    if (!shard_tick_due(shard, &due_ns)) {
        return UINT64_MAX;
    }
    uint64_t stamp_ns = shard_stamp_ns(shard, wall_ns);
    if (due_ns <= stamp_ns) {
        return now_ns;
    }
    uint64_t wait_ns = due_ns - wall_ns;
    return wait_ns < UINT64_MAX - now_ns ? now_ns + wait_ns : UINT64_MAX;
}

void shard_status(const struct shard *shard, struct shard_status *status)
{
    *status = (struct shard_status){.term = shard->term,
                                    .appended_log_index = shard->last_log_index,
                                    .persisted_log_index = shard->persisted_log_index,
                                    .committed_log_index = shard->committed_log_index,
                                    .applied_log_index = shard->applied_log_index,
                                    .applied_command_sequence = shard->applied_command_sequence,
                                    .last_timestamp_ns = shard->last_timestamp_ns,
                                    .leader = shard->phase == SHARD_LEADING,
                                    .segments_sealed = shard->segments_sealed,
                                    .records_sealed = shard->records_sealed,
                                    .segment_bytes = shard->segment_bytes};
    memcpy(status->chain_hash, shard->applied_chain_hash, SEGMENT_HASH_BYTES);
}
