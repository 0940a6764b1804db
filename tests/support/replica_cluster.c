#include "tests/support/replica_cluster.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/checksum.h"
#include "tests/support/cmocka_all.h"

struct cluster_flight {
    uint64_t due_ns;
    uint64_t number;
    struct replica_message message;
    bool install; /* Not a message: a whole snapshot. */
    struct placement placement;
    uint64_t placement_log_index;
    struct replica_entry entries[];
};

struct cluster_site *cluster_site(struct cluster *cluster, uint8_t site_id)
{
    assert_in_range(site_id, 1, SITES_MAX);
    return &cluster->sites[site_id - 1];
}

/* ---- Messages under way: a heap ---- */

static bool flight_before(const struct cluster_flight *one, const struct cluster_flight *other)
{
    return one->due_ns != other->due_ns ? one->due_ns < other->due_ns : one->number < other->number;
}

static void flight_push(struct cluster *cluster, struct cluster_flight *flight)
{
    if (cluster->flight_count == cluster->flights_max) {
        cluster->flights_max *= 2;
        cluster->flights =
            realloc(cluster->flights, cluster->flights_max * sizeof cluster->flights[0]);
        assert_non_null(cluster->flights);
    }
    flight->number = cluster->flight_number++;
    uint32_t at = cluster->flight_count++;
    while (at > 0 && flight_before(flight, cluster->flights[(at - 1) / 2])) {
        cluster->flights[at] = cluster->flights[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    cluster->flights[at] = flight;
}

static struct cluster_flight *flight_pop(struct cluster *cluster)
{
    struct cluster_flight *first = cluster->flights[0];
    struct cluster_flight *moved = cluster->flights[--cluster->flight_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= cluster->flight_count) {
            break;
        }
        if (child + 1 < cluster->flight_count &&
            flight_before(cluster->flights[child + 1], cluster->flights[child])) {
            child++;
        }
        if (!flight_before(cluster->flights[child], moved)) {
            break;
        }
        cluster->flights[at] = cluster->flights[child];
        at = child;
    }
    if (cluster->flight_count > 0) {
        cluster->flights[at] = moved;
    }
    return first;
}

void cluster_drop_flights(struct cluster *cluster)
{
    while (cluster->flight_count > 0) {
        free(cluster->flights[--cluster->flight_count]);
    }
}

static struct cluster_flight *flight_make(struct cluster *cluster,
                                          const struct replica_message *message)
{
    struct cluster_flight *flight =
        calloc(1, sizeof *flight + message->entry_count * sizeof flight->entries[0]);
    assert_non_null(flight);
    flight->message = *message;
    uint64_t spread = cluster->delay_ns_max - cluster->delay_ns_min + 1;
    flight->due_ns =
        cluster->now_ns + cluster->delay_ns_min + random_below(&cluster->random, spread);
    return flight;
}

/* Send what a replica said; the segments come out of its journal now. */
static void cluster_send(struct cluster *cluster, const struct cluster_site *site,
                         const struct replica_message *message)
{
    cluster->messages_sent++;
    bool twice = random_below(&cluster->random, 1000) < cluster->doubled;
    for (uint32_t copy = 0; copy < (twice ? 2u : 1u); copy++) {
        if (random_below(&cluster->random, 1000) < cluster->lost) {
            continue;
        }
        struct cluster_flight *flight = flight_make(cluster, message);
        uint64_t bytes = 0;
        for (uint32_t at = 0; at < message->entry_count; at++) {
            uint64_t log_index = message->position.log_index + 1 + at;
            assert_true(log_index > site->trimmed_log_index);
            assert_true(log_index <= site->appended.last_log_index);
            flight->entries[at] = site->appended.entries[log_index];
            bytes += flight->entries[at].segment_bytes;
        }
        assert_true(message->entry_count <= 1 || bytes <= cluster->options.batch_bytes_max);
        assert_true(message->entry_count <= cluster->options.batch_entries_max);
        cluster->bytes_sent += bytes;
        flight_push(cluster, flight);
    }
}

void cluster_inject(struct cluster *cluster, const struct replica_message *message)
{
    struct replica_input input = {.type = REPLICA_RECEIVE, .message = message};
    cluster_step(cluster, message->to_site_id, &input);
}

/* ---- Logs and journals ---- */

static void log_copy(struct cluster_log *target, const struct cluster_log *source)
{
    struct replica_entry *entries = target->entries;
    memcpy(entries, source->entries, (source->last_log_index + 1) * sizeof entries[0]);
    *target = *source;
    target->entries = entries;
}

/* The same record, on what is appended or what is durable. */
static void log_apply(struct cluster_log *log, const struct cluster_record *record)
{
    const struct replica_position *position = &record->entry.position;
    switch (record->type) {
    case CLUSTER_VOTE:
        assert_true(record->term > log->term ||
                    (record->term == log->term &&
                     (log->voted_site_id == 0 || log->voted_site_id == record->voted_site_id)));
        log->term = record->term;
        log->voted_site_id = record->voted_site_id;
        return;
    case CLUSTER_TRUNCATE:
        assert_true(position->log_index > log->base.log_index);
        assert_true(position->log_index <= log->last_log_index);
        log->last_log_index = position->log_index - 1;
        return;
    case CLUSTER_BASE:
        log->base = *position;
        log->base_placement = *record->placement;
        log->base_placement_log_index = record->placement_log_index;
        log->last_log_index = position->log_index;
        log->entries[position->log_index] = (struct replica_entry){.position = *position};
        return;
    case CLUSTER_APPEND:
        assert_int_equal(position->log_index, log->last_log_index + 1);
        assert_true(position->log_index < CLUSTER_SEGMENTS_MAX);
        log->entries[position->log_index] = record->entry;
        log->last_log_index = position->log_index;
        return;
    case CLUSTER_REPAIR:
        log->repair = record->repair;
        log->repair_active = record->repair_active;
        return;
    }
}

void cluster_record(struct cluster *cluster, struct cluster_site *site,
                    const struct cluster_record *record)
{
    log_apply(&site->appended, record);
    assert_true(site->record_count < CLUSTER_RECORDS_MAX);
    site->records[site->record_count++] = *record;
    (void)cluster;
}

/* Start a write of all that waits, unless one is under way. */
static void cluster_write(struct cluster *cluster, struct cluster_site *site)
{
    if (site->record_writing > 0 || site->record_count == 0) {
        return;
    }
    site->record_writing = site->record_count;
    site->disk_due_ns = site->disk_ns_max == UINT64_MAX
                            ? UINT64_MAX
                            : cluster->now_ns + random_below(&cluster->random, site->disk_ns_max);
}

static void cluster_persist(struct cluster_site *site, uint32_t count)
{
    for (uint32_t at = 0; at < count; at++) {
        log_apply(&site->durable, &site->records[at]);
    }
    site->record_count -= count;
    memmove(site->records, site->records + count, site->record_count * sizeof site->records[0]);
    site->record_writing = 0;
    site->disk_due_ns = UINT64_MAX;
}

static struct replica_position log_last(const struct cluster_log *log)
{
    return log->last_log_index == 0 ? (struct replica_position){0}
                                    : log->entries[log->last_log_index].position;
}

void cluster_placements(const struct cluster_log *log, uint64_t log_index,
                        struct replica_start *start)
{
    uint32_t found = 0;
    for (uint64_t at = log_index; at > log->base.log_index && found < 2; at--) {
        if (log->entries[at].kind != REPLICA_ENTRY_PLACEMENT) {
            continue;
        }
        if (found++ == 0) {
            start->placement = *log->entries[at].placement;
            start->placement_log_index = at;
        } else {
            start->previous_placement = *log->entries[at].placement;
        }
    }
    if (found == 0) {
        start->placement = log->base_placement;
        start->placement_log_index = log->base_placement_log_index;
    }
    if (found < 2) {
        start->previous_placement = log->base_placement;
    }
}

/* ---- Steps ---- */

static void cluster_say_applied(struct cluster *cluster, uint8_t site_id, uint64_t from)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    uint64_t to = site->commit_log_index;
    for (uint64_t at = from + 1; at <= to; at++) {
        if (at % REPLICA_AUDIT_STRIDE != 0 || at <= site->appended.base.log_index) {
            continue;
        }
        struct replica_input input = {.type = REPLICA_APPLIED};
        input.audit.log_index = at;
        memcpy(&input.audit.chain_prefix, site->appended.entries[at].position.chain_hash, 8);
        input.audit.event_hash = input.audit.chain_prefix * 7 + site->audit_poison;
        cluster_step(cluster, site_id, &input);
    }
}

static void cluster_answer_headers(struct cluster *cluster, uint8_t site_id,
                                   const struct replica_headers_wanted *wanted)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    static struct replica_entry none; /* Before the first segment. */
    uint64_t oldest = site->trimmed_log_index;
    struct replica_input input = {.type = REPLICA_HEADERS, .site_id = wanted->site_id};
    site->headers_asked++;
    if (wanted->log_index >= oldest && wanted->log_index <= site->appended.last_log_index) {
        uint64_t count = site->appended.last_log_index - wanted->log_index + 1;
        input.entry_count = count < wanted->entry_count ? (uint32_t)count : wanted->entry_count;
        input.entries = wanted->log_index == 0 ? &none : &site->appended.entries[wanted->log_index];
        if (wanted->log_index == 0) {
            site->appended.entries[0] = none;
            input.entries = &site->appended.entries[0];
        }
    }
    cluster_step(cluster, site_id, &input);
}

static void cluster_fetch_snapshot(struct cluster *cluster, uint8_t site_id,
                                   const struct replica_output *output)
{
    struct cluster_site *source = cluster_site(cluster, output->snapshot_site_id);
    if (!source->runs || source->snapshot.log_index != output->snapshot.log_index ||
        cluster->cut[output->snapshot_site_id - 1][site_id - 1]) {
        return;
    }
    struct replica_message message = {.to_site_id = site_id,
                                      .from_site_id = output->snapshot_site_id,
                                      .position = source->snapshot};
    struct cluster_flight *flight = flight_make(cluster, &message);
    struct replica_start start = {0};
    cluster_placements(&source->appended, source->snapshot.log_index, &start);
    flight->install = true;
    flight->placement = start.placement;
    flight->placement_log_index = start.placement_log_index;
    flight_push(cluster, flight);
}

/* Do what an output says, in its order. */
static void cluster_obey(struct cluster *cluster, uint8_t site_id,
                         const struct replica_input *input, struct replica_output *output)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    if (output->vote) {
        cluster_record(cluster, site,
                       &(struct cluster_record){.type = CLUSTER_VOTE,
                                                .term = output->term,
                                                .voted_site_id = output->voted_site_id});
    }
    if (output->truncate) {
        assert_true(output->truncate_log_index > site->commit_log_index);
        assert_int_equal(output->truncated_last.log_index, site->appended.last_log_index);
        site->evidence_count++;
        struct cluster_record record = {.type = CLUSTER_TRUNCATE};
        record.entry.position.log_index = output->truncate_log_index;
        cluster_record(cluster, site, &record);
    }
    if (output->install) {
        assert_true(input->persisted.log_index > site->commit_log_index);
        uint32_t place = cluster->placement_count++;
        assert_true(place < CLUSTER_PLACEMENTS_MAX);
        cluster->placements[place] = *input->placement;
        struct cluster_record record = {.type = CLUSTER_BASE,
                                        .placement = &cluster->placements[place],
                                        .placement_log_index = input->placement_log_index};
        record.entry.position = input->persisted;
        cluster_record(cluster, site, &record);
        site->snapshot = input->persisted;
        site->trimmed_log_index = input->persisted.log_index;
    }
    for (uint32_t at = 0; at < output->accepted_count; at++) {
        cluster_record(cluster, site,
                       &(struct cluster_record){
                           .type = CLUSTER_APPEND,
                           .entry = input->message->entries[output->accepted_first + at]});
    }
    for (uint32_t at = 0; at < output->message_count; at++) {
        cluster_send(cluster, site, &output->messages[at]);
    }
    if (output->snapshot_wanted) {
        cluster_fetch_snapshot(cluster, site_id, output);
    }
    site->fenced = site->replica.fenced;
}

void cluster_step(struct cluster *cluster, uint8_t site_id, struct replica_input *input)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    assert_true(site->runs);
    input->now_ns = cluster->now_ns;
    input->random = random_u64(&cluster->random);
    struct replica_output *output = &cluster->output;
    replica_step(&site->replica, input, output);
    cluster->steps++;
    cluster_check_step(cluster, site_id);
    cluster_obey(cluster, site_id, input, output);
    struct replica_headers_wanted wanted[SITES_MAX];
    uint32_t wanted_count = output->headers_wanted_count;
    memcpy(wanted, output->headers_wanted, wanted_count * sizeof wanted[0]);
    uint64_t before = site->commit_log_index;
    if (output->commit_log_index > before) {
        site->commit_log_index = output->commit_log_index;
        cluster_check_committed(cluster, site_id, before);
    }
    cluster_write(cluster, site);
    uint64_t after = site->commit_log_index;
    for (uint32_t at = 0; at < wanted_count; at++) {
        cluster_answer_headers(cluster, site_id, &wanted[at]);
    }
    if (after > before) {
        cluster_say_applied(cluster, site_id, before);
    }
    struct replica_seal seal;
    if (site->runs && replica_seal_position(&site->replica, &seal) == STATUS_OK &&
        seal.kind != REPLICA_ENTRY_COMMANDS) {
        (void)cluster_seal(cluster, site_id, 0);
    }
}

/* Hash of what is sealed: of its past, its place and its content, which is never twice the same. */
static void cluster_hash(struct cluster *cluster, struct replica_position *position,
                         const uint8_t *previous)
{
    uint64_t hash = checksum_bytes(CHECKSUM_SEED, previous, REPLICA_HASH_BYTES);
    hash = checksum_mix(hash, position->log_index);
    hash = checksum_mix(hash, position->term);
    hash = checksum_mix(hash, random_u64(&cluster->random));
    for (uint32_t at = 0; at < REPLICA_HASH_BYTES / 8; at++) {
        hash = checksum_mix(hash, at);
        memcpy(position->chain_hash + (size_t)at * 8, &hash, 8);
    }
}

/* With `count` 0 whatever is not commands. */
uint32_t cluster_seal(struct cluster *cluster, uint8_t site_id, uint32_t count)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    struct replica_seal seal;
    uint32_t sealed = 0;
    while (replica_seal_position(&site->replica, &seal) == STATUS_OK) {
        bool commands = seal.kind == REPLICA_ENTRY_COMMANDS;
        if (commands && sealed == count) {
            break;
        }
        struct cluster_record record = {.type = CLUSTER_APPEND};
        struct replica_entry *entry = &record.entry;
        entry->position.log_index = seal.log_index;
        entry->position.term = seal.term;
        cluster_hash(cluster, &entry->position, seal.previous_chain_hash);
        entry->kind = (uint8_t)seal.kind;
        entry->segment_bytes = cluster->segment_bytes;
        if (seal.kind == REPLICA_ENTRY_PLACEMENT) {
            assert_true(cluster->placement_count < CLUSTER_PLACEMENTS_MAX);
            cluster->placements[cluster->placement_count] = *seal.placement;
            entry->placement = &cluster->placements[cluster->placement_count++];
        }
        cluster_record(cluster, site, &record);
        struct replica_input input = {.type = REPLICA_APPENDED, .entry = *entry};
        cluster_step(cluster, site_id, &input);
        sealed += commands ? 1 : 0;
    }
    return sealed;
}

void cluster_tick(struct cluster *cluster, uint8_t site_id)
{
    struct replica_input input = {.type = REPLICA_TICK};
    cluster_step(cluster, site_id, &input);
}

enum replica_refusal cluster_transfer(struct cluster *cluster, uint8_t from, uint8_t to)
{
    struct replica_input input = {.type = REPLICA_TRANSFER, .site_id = to};
    cluster_step(cluster, from, &input);
    return cluster->output.refusal;
}

enum replica_refusal cluster_change(struct cluster *cluster, uint8_t leader,
                                    const struct placement *placement)
{
    /* The step may seal at once, which makes another output: the refusal is looked at before. */
    struct cluster_site *site = cluster_site(cluster, leader);
    struct replica_input input = {.type = REPLICA_MEMBERSHIP,
                                  .placement = placement,
                                  .now_ns = cluster->now_ns,
                                  .random = random_u64(&cluster->random)};
    replica_step(&site->replica, &input, &cluster->output);
    enum replica_refusal refusal = cluster->output.refusal;
    assert_int_equal(cluster->output.message_count, 0);
    (void)cluster_seal(cluster, leader, 0);
    return refusal;
}

/* ---- What happens next ---- */

uint64_t cluster_flight_due_ns(const struct cluster *cluster)
{
    return cluster->flight_count == 0 ? UINT64_MAX : cluster->flights[0]->due_ns;
}

void cluster_deliver(struct cluster *cluster)
{
    struct cluster_flight *flight = flight_pop(cluster);
    struct replica_message *message = &flight->message;
    uint8_t to = message->to_site_id;
    if (cluster_site(cluster, to)->runs && !cluster->cut[message->from_site_id - 1][to - 1] &&
        (cluster->stop_types >> message->type & 1u) == 0) {
        struct replica_input input = {.type = REPLICA_RECEIVE, .message = message};
        message->entries = message->entry_count > 0 ? flight->entries : NULL;
        if (flight->install) {
            input.type = REPLICA_INSTALL;
            input.persisted = message->position;
            input.placement = &flight->placement;
            input.placement_log_index = flight->placement_log_index;
        }
        cluster_step(cluster, to, &input);
    }
    free(flight);
}

static void cluster_start_site(struct cluster *cluster, uint8_t site_id);

void cluster_disk_done(struct cluster *cluster, uint8_t site_id)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    cluster_persist(site, site->record_writing);
    if (site->durable.repair_active && site->generation != site->durable.repair->generation) {
        cluster_start_site(cluster, site_id); /* Anew, in the new generation. */
        return;
    }
    struct replica_input input = {.type = REPLICA_PERSISTED,
                                  .term = site->durable.term,
                                  .voted_site_id = site->durable.voted_site_id,
                                  .persisted = log_last(&site->durable)};
    cluster_step(cluster, site_id, &input);
}

/* ---- Life and death ---- */

static void cluster_start_site(struct cluster *cluster, uint8_t site_id)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    struct replica_options options = cluster->options;
    options.site_id = site_id;
    options.incarnation = site->incarnation;
    const struct repair *repair = site->durable.repair;
    if (repair != NULL) {
        site->generation =
            site->durable.repair_active ? repair->generation : repair->previous_generation;
    }
    options.generation = site->generation;
    options.slots = site->slots;
    struct replica_start start = {.term = site->durable.term,
                                  .voted_site_id = site->durable.voted_site_id,
                                  .before = site->durable.base,
                                  .repair = repair,
                                  .repair_active = site->durable.repair_active};
    cluster_placements(&site->durable, site->durable.last_log_index, &start);
    start.commit_log_index = site->durable.base.log_index;
    uint64_t last = site->durable.last_log_index;
    uint64_t first = site->durable.base.log_index;
    if (last - first > cluster->restore_max) {
        first = last - cluster->restore_max;
        start.before = site->durable.entries[first].position;
    }
    replica_init(&site->replica, &options, &start);
    for (uint64_t at = first + 1; at <= last; at++) {
        replica_restore(&site->replica, &site->durable.entries[at].position,
                        site->durable.entries[at].segment_bytes);
    }
    site->commit_log_index = start.commit_log_index;
    site->runs = true;
    if (site->generation > cluster->generation) {
        cluster_repair_began(cluster, repair);
    }
    if (site->snapshot.log_index > 0) {
        struct replica_input input = {.type = REPLICA_OFFER,
                                      .persisted = site->snapshot,
                                      .first_log_index = site->trimmed_log_index + 1};
        cluster_step(cluster, site_id, &input);
    }
    cluster_tick(cluster, site_id);
}

void cluster_crash(struct cluster *cluster, uint8_t site_id)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    assert_true(site->runs);
    site->runs = false;
    uint32_t kept = (uint32_t)random_below(&cluster->random, site->record_writing + UINT64_C(1));
    cluster_persist(site, kept);
    site->record_count = 0;
    if (site->snapshot.log_index > site->durable.last_log_index) {
        site->snapshot = site->durable.base; /* Its base did not get to the disk. */
    }
    if (site->trimmed_log_index > site->durable.last_log_index) {
        site->trimmed_log_index = site->durable.base.log_index;
    }
    log_copy(&site->appended, &site->durable);
}

void cluster_restart(struct cluster *cluster, uint8_t site_id)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    assert_false(site->runs);
    cluster_start_site(cluster, site_id);
}

void cluster_isolate(struct cluster *cluster, uint8_t site_id, bool cut)
{
    for (uint32_t other = 0; other < SITES_MAX; other++) {
        cluster->cut[site_id - 1][other] = cut;
        cluster->cut[other][site_id - 1] = cut;
    }
}

void cluster_mend(struct cluster *cluster)
{
    memset(cluster->cut, 0, sizeof cluster->cut);
    cluster->lost = 0;
    cluster->doubled = 0;
    cluster->stop_types = 0;
}

void cluster_snapshot(struct cluster *cluster, uint8_t site_id)
{
    struct cluster_site *site = cluster_site(cluster, site_id);
    /* Of what is committed, applied and durable here. */
    uint64_t log_index = site->commit_log_index < site->durable.last_log_index
                             ? site->commit_log_index
                             : site->durable.last_log_index;
    if (log_index <= site->snapshot.log_index || log_index <= site->durable.base.log_index ||
        log_index <= site->appended.base.log_index) {
        return;
    }
    site->snapshot = site->appended.entries[log_index].position;
    site->trimmed_log_index = log_index;
    struct replica_input input = {.type = REPLICA_OFFER,
                                  .persisted = site->snapshot,
                                  .first_log_index = site->trimmed_log_index + 1};
    cluster_step(cluster, site_id, &input);
}

static void log_create(struct cluster_log *log)
{
    log->entries = calloc(CLUSTER_SEGMENTS_MAX, sizeof log->entries[0]);
    assert_non_null(log->entries);
}

struct cluster *cluster_create(uint64_t seed, const struct placement *placement)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);
    assert_non_null(cluster);
    cluster->flights_max = 256;
    cluster->flights = calloc(cluster->flights_max, sizeof cluster->flights[0]);
    cluster->leaders = calloc(CLUSTER_TERMS_MAX, 1);
    cluster->committed = calloc(CLUSTER_SEGMENTS_MAX, sizeof cluster->committed[0]);
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        struct cluster_site *site = &cluster->sites[at];
        log_create(&site->appended);
        log_create(&site->durable);
        site->slots = calloc(CLUSTER_SLOTS_MAX, sizeof site->slots[0]);
        site->records = calloc(CLUSTER_RECORDS_MAX, sizeof site->records[0]);
        assert_non_null(site->records);
    }
    cluster_reset(cluster, seed, placement);
    return cluster;
}

void cluster_reset(struct cluster *cluster, uint64_t seed, const struct placement *placement)
{
    cluster_drop_flights(cluster);
    memset(cluster->leaders, 0, CLUSTER_TERMS_MAX);
    cluster->committed_log_index = 0;
    cluster->placement_count = 0;
    cluster->repair_count = 0;
    cluster->generation = 0;
    cluster->lost_count = 0;
    cluster->now_ns = 1;
    cluster->delay_ns_min = CLUSTER_MS / 10;
    cluster->delay_ns_max = CLUSTER_MS / 2;
    cluster->options = (struct replica_options){.slots_max = 1024,
                                                .in_flight_messages_max = 16,
                                                .in_flight_bytes_max = 1u << 20,
                                                .batch_entries_max = 64,
                                                .batch_bytes_max = 1u << 18,
                                                .election_ns_min = 100 * CLUSTER_MS,
                                                .election_ns_max = 3 * CLUSTER_S,
                                                .uncommitted_age_ns_max = 2 * CLUSTER_S,
                                                .preference_hold_ns = 5 * CLUSTER_S};
    cluster->restore_max = 1024;
    cluster->seals = false;
    cluster->seal_ns = 5 * CLUSTER_MS;
    cluster->seal_due_ns = 0;
    cluster->segment_bytes = 1000;
    cluster->halts_expected = false;
    cluster->forks_expected = false;
    cluster->bytes_sent = cluster->messages_sent = cluster->fork_count = cluster->steps = 0;
    random_seed(&cluster->random, seed);
    cluster_mend(cluster);
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        struct cluster_site *site = &cluster->sites[at];
        struct replica_entry *appended = site->appended.entries;
        struct replica_entry *durable = site->durable.entries;
        struct replica_log_slot *slots = site->slots;
        struct cluster_record *records = site->records;
        memset(site, 0, sizeof *site);
        site->slots = slots;
        site->records = records;
        site->incarnation = placement->sites[at].incarnation;
        site->disk_ns_max = CLUSTER_MS / 2;
        site->disk_due_ns = UINT64_MAX;
        site->durable = (struct cluster_log){.base_placement = *placement, .entries = durable};
        site->appended = (struct cluster_log){.base_placement = *placement, .entries = appended};
    }
}

void cluster_start(struct cluster *cluster)
{
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if (cluster->sites[site_id - 1].incarnation != 0) {
            cluster_restart(cluster, site_id);
        }
    }
}

void cluster_destroy(struct cluster *cluster)
{
    cluster_drop_flights(cluster);
    free(cluster->flights);
    free(cluster->leaders);
    free(cluster->committed);
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        free(cluster->sites[at].appended.entries);
        free(cluster->sites[at].durable.entries);
        free(cluster->sites[at].slots);
        free(cluster->sites[at].records);
    }
    free(cluster);
}

struct placement cluster_placement(const char *providers, uint8_t commit_providers)
{
    struct placement placement = {.epoch = 1, .commit_providers = commit_providers};
    for (uint32_t at = 0; providers[at] != '\0'; at++) {
        placement.sites[at] =
            (struct placement_site){.incarnation = 1000 + at,
                                    .provider_id = (uint8_t)(providers[at] - 'A' + 1),
                                    .role = PLACEMENT_VOTER};
    }
    return placement;
}
