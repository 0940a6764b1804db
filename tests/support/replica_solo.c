#include "tests/support/replica_solo.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

#define SOLO_INCARNATION UINT64_C(70)

struct replica_position solo_position(uint64_t log_index, uint64_t term, uint8_t branch)
{
    struct replica_position position = {.log_index = log_index, .term = term};
    if (log_index > 0) {
        memset(position.chain_hash, branch, sizeof position.chain_hash);
        position.chain_hash[0] = (uint8_t)log_index;
        position.chain_hash[1] = (uint8_t)term;
    }
    return position;
}

void solo_start(struct solo *solo, uint64_t term, uint8_t voted_site_id, const uint64_t *terms,
                uint8_t branch)
{
    memset(solo, 0, sizeof *solo);
    solo->now_ns = 1;
    struct replica_options options = {.site_id = 1,
                                      .incarnation = SOLO_INCARNATION + 1,
                                      .generation = 3,
                                      .slots = solo->slots,
                                      .slots_max = 64,
                                      .in_flight_messages_max = 8,
                                      .in_flight_bytes_max = 1u << 20,
                                      .batch_entries_max = 4,
                                      .batch_bytes_max = 1u << 16,
                                      .election_ns_min = 100000000,
                                      .election_ns_max = 1000000000,
                                      .uncommitted_age_ns_max = 1000000000,
                                      .preference_hold_ns = 1000000000};
    struct replica_start start = {.term = term, .voted_site_id = voted_site_id};
    start.placement = (struct placement){.epoch = 1, .commit_providers = 2};
    for (uint8_t at = 0; at < 5; at++) {
        start.placement.sites[at] =
            (struct placement_site){.incarnation = SOLO_INCARNATION + 1 + at,
                                    .provider_id = (uint8_t)(at % 3 + 1),
                                    .role = PLACEMENT_VOTER};
    }
    start.previous_placement = start.placement;
    replica_init(&solo->replica, &options, &start);
    for (uint64_t at = 0; terms[at] != 0; at++) {
        struct replica_position position = solo_position(at + 1, terms[at], branch);
        replica_restore(&solo->replica, &position, 100);
    }
    solo_wait(solo, 0);
}

void solo_step(struct solo *solo, struct replica_input *input)
{
    input->now_ns = solo->now_ns;
    replica_step(&solo->replica, input, &solo->output);
}

void solo_wait(struct solo *solo, uint64_t for_ns)
{
    struct replica_input input = {.type = REPLICA_TICK};
    solo->now_ns += for_ns;
    solo_step(solo, &input);
}

void solo_persist(struct solo *solo, uint64_t term, uint8_t voted_site_id,
                  struct replica_position last)
{
    struct replica_input input = {
        .type = REPLICA_PERSISTED, .term = term, .voted_site_id = voted_site_id, .persisted = last};
    solo_step(solo, &input);
}

void solo_persist_all(struct solo *solo)
{
    solo_persist(solo, solo->replica.term, solo->replica.voted_site_id, solo->replica.log.last);
}

struct replica_message solo_message(enum replica_message_type type, uint8_t from, uint64_t term)
{
    return (struct replica_message){.type = (uint8_t)type,
                                    .from_site_id = from,
                                    .to_site_id = 1,
                                    .generation = 3,
                                    .from_incarnation = SOLO_INCARNATION + from,
                                    .term = term};
}

void solo_receive(struct solo *solo, const struct replica_message *message)
{
    struct replica_input input = {.type = REPLICA_RECEIVE, .message = message};
    solo_step(solo, &input);
}

void solo_append(struct solo *solo, uint8_t from, uint64_t term, struct replica_position before,
                 uint32_t count, uint64_t entry_term, uint8_t branch, uint64_t commit_log_index)
{
    struct replica_message message = solo_message(REPLICA_APPEND, from, term);
    message.position = before;
    message.commit_log_index = commit_log_index;
    message.entry_count = count;
    message.entries = solo->entries;
    assert_true(count <= 8);
    for (uint32_t at = 0; at < count; at++) {
        bool opens = at == 0 && entry_term > before.term;
        solo->entries[at] =
            (struct replica_entry){.position =
                                       solo_position(before.log_index + 1 + at, entry_term, branch),
                                   .segment_bytes = 100,
                                   .kind = opens ? REPLICA_ENTRY_OPENING : REPLICA_ENTRY_COMMANDS};
    }
    solo_receive(solo, &message);
}

void solo_acknowledge(struct solo *solo, uint8_t from, struct replica_position position)
{
    struct replica_message message = solo_message(REPLICA_APPEND_REPLY, from, solo->replica.term);
    message.position = position;
    solo_receive(solo, &message);
}

struct replica_position solo_seal(struct solo *solo)
{
    struct replica_seal seal;
    assert_int_equal(replica_seal_position(&solo->replica, &seal), STATUS_OK);
    struct replica_input input = {.type = REPLICA_APPENDED};
    input.entry.position = solo_position(seal.log_index, seal.term, 1);
    input.entry.segment_bytes = 100;
    input.entry.kind = (uint8_t)seal.kind;
    solo_step(solo, &input);
    return input.entry.position;
}

void solo_lead(struct solo *solo)
{
    solo_wait(solo, 3000000000u);
    assert_int_equal(solo->replica.role, REPLICA_PRE_CANDIDATE);
    for (uint8_t from = 2; from <= 3; from++) {
        struct replica_message message =
            solo_message(REPLICA_PRE_VOTE_REPLY, from, solo->replica.term + 1);
        message.granted = true;
        solo_receive(solo, &message);
    }
    assert_int_equal(solo->replica.role, REPLICA_CANDIDATE);
    solo_persist_all(solo);
    for (uint8_t from = 2; from <= 3; from++) {
        struct replica_message message = solo_message(REPLICA_VOTE_REPLY, from, solo->replica.term);
        message.granted = true;
        solo_receive(solo, &message);
    }
    assert_int_equal(solo->replica.role, REPLICA_LEADER);
    (void)solo_seal(solo);
    solo_persist_all(solo);
}

const struct replica_message *solo_said(const struct solo *solo, enum replica_message_type type)
{
    for (uint32_t at = 0; at < solo->output.message_count; at++) {
        if (solo->output.messages[at].type == type) {
            return &solo->output.messages[at];
        }
    }
    return NULL;
}
