#include "tests/sim/sim_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/checksum.h"

static void check_add(struct sim_list *list, uint64_t value)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 1024 : list->capacity * 2;
        list->values = realloc(list->values, list->capacity * sizeof list->values[0]);
        ASSERT(list->values != NULL);
    }
    list->values[list->count++] = value;
}

void sim_check_reset(struct sim_check *check)
{
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        struct sim_check_shard *shard = &check->shards[at];
        memset(shard->leaders, 0, shard->term_max + 1);
        memset(shard->answered, 0, sizeof shard->answered);
        shard->term_max = 0;
        shard->last_timestamp_ns = 0;
        memset(shard->snapshots, 0, sizeof shard->snapshots);
        shard->chains.count = 0;
        shard->terms.count = 0;
        shard->records.count = 0;
        shard->states.count = 0;
        check_add(&shard->chains, 0);
        check_add(&shard->terms, 0);
        check_add(&shard->records, 0);
        check_add(&shard->states, 0);
        shard->times.count = 0;
        check_add(&shard->times, 0);
        for (uint32_t session = 0; session <= SIM_CHECK_SESSIONS_MAX; session++) {
            shard->streams[session].count = 0;
            shard->causes[session].count = 0;
            shard->answers[session].count = 0;
        }
    }
    memset(check->seats, 0, sizeof check->seats);
    check->failed = false;
    check->failure[0] = 0;
    check->accepted = 0;
    check->rejected = 0;
    check->too_late = 0;
    check->elections = 0;
}

void sim_check_free(struct sim_check *check)
{
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        struct sim_check_shard *shard = &check->shards[at];
        free(shard->chains.values);
        free(shard->terms.values);
        free(shard->records.values);
        free(shard->states.values);
        free(shard->times.values);
        for (uint32_t session = 0; session <= SIM_CHECK_SESSIONS_MAX; session++) {
            free(shard->streams[session].values);
            free(shard->causes[session].values);
            free(shard->answers[session].values);
        }
    }
}

void sim_check_fail(struct sim_check *check, const char *format, ...)
{
    if (check->failed) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(check->failure, sizeof check->failure, format, arguments);
    va_end(arguments);
    check->failed = true;
}

static struct sim_check_shard *check_shard(struct sim_check *check, uint16_t shard_id)
{
    ASSERT(shard_id >= 1);
    ASSERT(shard_id <= SHARDS_MAX);
    return &check->shards[shard_id - 1];
}

static struct sim_check_seat *check_seat(struct sim_check *check, uint8_t site_id,
                                         uint16_t shard_id)
{
    ASSERT(site_id >= 1);
    ASSERT(site_id <= SITES_MAX);
    return &check->seats[site_id - 1][shard_id - 1];
}

void sim_check_begin(struct sim_check *check, uint8_t site_id, uint16_t shard_id)
{
    struct sim_check_seat *seat = check_seat(check, site_id, shard_id);
    *seat = (struct sim_check_seat){0};
    ASSERT(seat->applied == 0);
}

void sim_check_resume(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                      uint64_t command_sequence, const uint64_t *streams)
{
    const struct sim_check_shard *shard = check_shard(check, shard_id);
    struct sim_check_seat *seat = check_seat(check, site_id, shard_id);
    *seat = (struct sim_check_seat){.applied = command_sequence};
    memcpy(seat->streams, streams, sizeof seat->streams);
    bool beyond = command_sequence >= shard->states.count;
    for (uint32_t session = 1; session <= SIM_CHECK_SESSIONS_MAX; session++) {
        beyond = beyond || streams[session] > shard->streams[session].count;
    }
    if (beyond) {
        sim_check_fail(check, "site %u restores what nobody has executed in shard %u", site_id,
                       shard_id);
    }
}

void sim_check_snapshot(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                        uint64_t log_index, uint64_t content_hash)
{
    struct sim_check_snapshot *snapshot =
        &check_shard(check, shard_id)->snapshots[log_index % SIM_CHECK_SNAPSHOTS];
    ASSERT(log_index > 0);
    if (snapshot->log_index == log_index && snapshot->content_hash != content_hash) {
        sim_check_fail(check, "site %u has another snapshot of shard %u at %" PRIu64, site_id,
                       shard_id, log_index);
    }
    *snapshot = (struct sim_check_snapshot){log_index, content_hash};
}

void sim_check_command(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                       uint64_t command_sequence, const struct command *command)
{
    struct sim_check_shard *shard = check_shard(check, shard_id);
    struct sim_check_seat *seat = check_seat(check, site_id, shard_id);
    uint64_t hash = checksum_bytes(CHECKSUM_SEED, command, sizeof *command);
    seat->command = *command;
    if (command_sequence != seat->applied + 1) {
        sim_check_fail(check, "site %u executes command %" PRIu64 " of shard %u after %" PRIu64,
                       site_id, command_sequence, shard_id, seat->applied);
    }
    seat->applied = command_sequence;
    seat->ahead = command_sequence == shard->records.count;
    if (!seat->ahead) {
        if (command_sequence > shard->records.count ||
            shard->records.values[command_sequence] != hash) {
            sim_check_fail(check, "site %u executes another command %" PRIu64 " of shard %u",
                           site_id, command_sequence, shard_id);
        }
        return;
    }
    check_add(&shard->records, hash);
    if (command->timestamp_ns < shard->last_timestamp_ns) {
        sim_check_fail(check, "time of shard %u goes back by %" PRIu64 " ns at command %" PRIu64,
                       shard_id, shard->last_timestamp_ns - command->timestamp_ns,
                       command_sequence);
    }
    shard->last_timestamp_ns = command->timestamp_ns;
    check_add(&shard->times, command->timestamp_ns);
}

/* Of a stream as it grows: outcomes come once, in the order of the references, in time. */
static void check_outcome(struct sim_check *check, const struct sim_check_seat *seat,
                          uint16_t shard_id, const struct event *event)
{
    struct sim_check_shard *shard = check_shard(check, shard_id);
    const struct command *command = &seat->command;
    if (event->type != EVENT_ORDER_ACCEPTED && event->type != EVENT_ORDER_REJECTED &&
        event->type != EVENT_ORDER_REPLACED) {
        return;
    }
    if (event->user_reference <= shard->answered[event->session_id]) {
        sim_check_fail(check, "order %u of session %u has a second outcome, or one out of order",
                       event->user_reference, event->session_id);
    }
    shard->answered[event->session_id] = event->user_reference;
    if (event->type == EVENT_ORDER_REJECTED) {
        check->rejected++;
        check->too_late += event->reason == REJECT_TOO_LATE;
        return;
    }
    check->accepted++;
    bool late = event->deadline_ns != 0 && event->deadline_ns < event->timestamp_ns;
    uint64_t age_ns = command->body.order.maximum_age_ns;
    late = late || (age_ns != 0 && command->waited_ms * UINT64_C(1000000) > age_ns);
    bool asked = command->type == COMMAND_ORDER_ENTER || command->type == COMMAND_ORDER_REPLACE;
    if (late || !asked) {
        sim_check_fail(check, "order %u of session %u is accepted too late", event->user_reference,
                       event->session_id);
    }
}

void sim_check_event(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                     const struct event *event)
{
    struct sim_check_shard *shard = check_shard(check, shard_id);
    struct sim_check_seat *seat = check_seat(check, site_id, shard_id);
    if (event->sequence == 0) {
        return;
    }
    ASSERT(event->session_id >= 1);
    ASSERT(event->session_id <= SIM_CHECK_SESSIONS_MAX);
    struct sim_list *stream = &shard->streams[event->session_id];
    uint64_t place = seat->streams[event->session_id]++;
    uint64_t hash = checksum_bytes(CHECKSUM_SEED, event, sizeof *event);
    if (place < stream->count) {
        if (stream->values[place] != hash) {
            sim_check_fail(check, "site %u has another event %" PRIu64 " of session %u", site_id,
                           place + 1, event->session_id);
        }
        return;
    }
    if (!seat->ahead || place != stream->count) {
        sim_check_fail(check, "site %u has one more event %" PRIu64 " of session %u", site_id,
                       place + 1, event->session_id);
        return;
    }
    if (event->sequence != place + 1) {
        sim_check_fail(check, "session %u has a gap: event %" PRIu64 " is numbered %" PRIu64,
                       event->session_id, place + 1, event->sequence);
    }
    check_add(stream, hash);
    check_outcome(check, seat, shard_id, event);
    check_add(&shard->causes[event->session_id], seat->applied);
    check_add(&shard->answers[event->session_id], shard->answered[event->session_id]);
}

void sim_check_executed(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                        uint64_t event_hash)
{
    struct sim_check_shard *shard = check_shard(check, shard_id);
    const struct sim_check_seat *seat = check_seat(check, site_id, shard_id);
    if (seat->applied == shard->states.count) {
        check_add(&shard->states, event_hash);
        return;
    }
    if (seat->applied > shard->states.count || shard->states.values[seat->applied] != event_hash) {
        sim_check_fail(check,
                       "site %u has another event hash after command %" PRIu64 " of shard %u",
                       site_id, seat->applied, shard_id);
    }
}

void sim_check_leader(struct sim_check *check, uint8_t site_id, uint16_t shard_id, uint64_t term)
{
    struct sim_check_shard *shard = check_shard(check, shard_id);
    if (term >= SIM_CHECK_TERMS_MAX) {
        sim_check_fail(check, "shard %u is in term %" PRIu64, shard_id, term);
        return;
    }
    shard->term_max = term > shard->term_max ? term : shard->term_max;
    check->elections += shard->leaders[term] == 0;
    if (shard->leaders[term] != 0 && shard->leaders[term] != site_id) {
        sim_check_fail(check, "sites %u and %u both lead shard %u in term %" PRIu64,
                       shard->leaders[term], site_id, shard_id, term);
    }
    shard->leaders[term] = site_id;
}

bool sim_check_committed(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                         uint64_t log_index, uint64_t chain, uint64_t term)
{
    struct sim_check_shard *shard = check_shard(check, shard_id);
    ASSERT(log_index > 0);
    if (log_index == shard->chains.count) {
        check_add(&shard->chains, chain);
        check_add(&shard->terms, term);
        return true;
    }
    if (log_index > shard->chains.count || shard->chains.values[log_index] != chain) {
        sim_check_fail(check, "site %u has committed another segment %" PRIu64 " of shard %u",
                       site_id, log_index, shard_id);
    }
    return false;
}

uint64_t sim_check_committed_last(const struct sim_check *check, uint16_t shard_id)
{
    ASSERT(shard_id >= 1 && shard_id <= SHARDS_MAX);
    ASSERT(check->shards[shard_id - 1].chains.count > 0);
    return check->shards[shard_id - 1].chains.count - 1;
}

uint64_t sim_check_committed_in(const struct sim_check *check, uint16_t shard_id, uint64_t term)
{
    uint64_t last = sim_check_committed_last(check, shard_id);
    const struct sim_list *terms = &check->shards[shard_id - 1].terms;
    ASSERT(terms->count == last + 1);
    while (terms->values[last] > term) {
        last--;
    }
    return last;
}

void sim_check_cut(struct sim_check *check, uint16_t shard_id, uint64_t log_index,
                   uint64_t command_sequence)
{
    struct sim_check_shard *shard = check_shard(check, shard_id);
    ASSERT(log_index < shard->chains.count);
    shard->chains.count = log_index + 1;
    shard->terms.count = log_index + 1;
    if (command_sequence + 1 < shard->records.count) { /* Else nobody had executed more. */
        shard->records.count = command_sequence + 1;
        shard->states.count = command_sequence + 1;
        shard->times.count = command_sequence + 1;
    }
    shard->last_timestamp_ns = shard->times.values[shard->times.count - 1];
    for (uint32_t session = 1; session <= SIM_CHECK_SESSIONS_MAX; session++) {
        struct sim_list *causes = &shard->causes[session];
        while (causes->count > 0 && causes->values[causes->count - 1] > command_sequence) {
            causes->count--;
        }
        shard->streams[session].count = causes->count;
        shard->answers[session].count = causes->count;
        shard->answered[session] =
            causes->count > 0 ? (uint32_t)shard->answers[session].values[causes->count - 1] : 0;
    }
    for (uint32_t at = 0; at < SIM_CHECK_SNAPSHOTS; at++) {
        if (shard->snapshots[at].log_index > log_index) {
            shard->snapshots[at] = (struct sim_check_snapshot){0};
        }
    }
    memset(shard->leaders, 0, shard->term_max + 1);
}

void sim_check_stream(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                      uint32_t session_id, uint64_t place, const struct event *event)
{
    const struct sim_list *stream = &check_shard(check, shard_id)->streams[session_id];
    ASSERT(place < stream->count);
    if (stream->values[place] != checksum_bytes(CHECKSUM_SEED, event, sizeof *event)) {
        sim_check_fail(check, "site %u replays another event %" PRIu64 " of session %u", site_id,
                       place + 1, session_id);
    }
}

void sim_check_checksum(struct sim_check *check, uint8_t site_id, uint16_t shard_id,
                        uint64_t checksum, uint64_t *expected)
{
    const struct sim_check_shard *shard = check_shard(check, shard_id);
    const struct sim_check_seat *seat = check_seat(check, site_id, shard_id);
    if (seat->applied + 1 != shard->records.count) {
        sim_check_fail(check,
                       "site %u has executed %" PRIu64 " of %" PRIu64 " commands of shard %u",
                       site_id, seat->applied, shard->records.count - 1, shard_id);
        return;
    }
    if (*expected == 0) {
        *expected = checksum;
    } else if (*expected != checksum) {
        sim_check_fail(check, "site %u has another state of shard %u", site_id, shard_id);
    }
}
