#include "replication/journal_tail.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

void journal_tail_init(struct journal_tail *tail)
{
    *tail = (struct journal_tail){.first_log_index = 1, .next_command_sequence = 1};
}

void journal_tail_store(uint8_t target[static JOURNAL_TAIL_BYTES], const struct journal_tail *tail)
{
    ASSERT(tail->first_log_index > 0);
    ASSERT(tail->first_log_index <= tail->last_log_index + 1);

    memset(target, 0, JOURNAL_TAIL_BYTES);
    bytes_store_le64(target, tail->first_log_index);
    bytes_store_le64(target + 8, tail->last_log_index);
    bytes_store_le64(target + 16, tail->last_term);
    memcpy(target + 24, tail->last_chain_hash, SEGMENT_HASH_BYTES);
    bytes_store_le64(target + 56, tail->next_command_sequence);
    bytes_store_le64(target + 64, tail->last_timestamp_ns);
    bytes_store_le64(target + 72, tail->term);
    target[80] = tail->voted_site_id;
}

enum status journal_tail_load(struct journal_tail *tail,
                              const uint8_t source[static JOURNAL_TAIL_BYTES])
{
    static const uint8_t zeros[SEGMENT_HASH_BYTES];

    *tail = (struct journal_tail){
        .first_log_index = bytes_load_le64(source),
        .last_log_index = bytes_load_le64(source + 8),
        .last_term = bytes_load_le64(source + 16),
        .next_command_sequence = bytes_load_le64(source + 56),
        .last_timestamp_ns = bytes_load_le64(source + 64),
        .term = bytes_load_le64(source + 72),
        .voted_site_id = source[80],
    };
    memcpy(tail->last_chain_hash, source + 24, SEGMENT_HASH_BYTES);
    bool empty = tail->last_log_index == 0;
    bool no_chain = memcmp(tail->last_chain_hash, zeros, SEGMENT_HASH_BYTES) == 0;
    if (tail->first_log_index == 0 || tail->last_log_index == UINT64_MAX ||
        tail->first_log_index > tail->last_log_index + 1 || tail->next_command_sequence == 0 ||
        empty != (tail->last_term == 0) || empty != no_chain ||
        memcmp(source + 81, zeros, JOURNAL_TAIL_BYTES - 81) != 0) {
        return STATUS_BAD_FORMAT;
    }
    return STATUS_OK;
}

void journal_tail_append(struct journal_tail *tail, const struct segment *segment,
                         uint64_t last_timestamp_ns)
{
    ASSERT(segment->log_index == tail->last_log_index + 1);
    ASSERT(segment->first_command_sequence == tail->next_command_sequence);

    tail->last_log_index = segment->log_index;
    tail->last_term = segment->term;
    memcpy(tail->last_chain_hash, segment->chain_hash, SEGMENT_HASH_BYTES);
    tail->next_command_sequence += segment->command_count;
    if (tail->last_timestamp_ns < last_timestamp_ns) {
        tail->last_timestamp_ns = last_timestamp_ns;
    }
}

void journal_tail_cut(struct journal_tail *tail, const struct journal_tail *end)
{
    ASSERT(end->last_log_index <= tail->last_log_index);

    if (tail->first_log_index > end->last_log_index + 1) {
        tail->first_log_index = end->last_log_index + 1;
    }
    tail->last_log_index = end->last_log_index;
    tail->last_term = end->last_term;
    memcpy(tail->last_chain_hash, end->last_chain_hash, SEGMENT_HASH_BYTES);
    tail->next_command_sequence = end->next_command_sequence;
    tail->last_timestamp_ns = end->last_timestamp_ns;
}

void journal_tail_vote(struct journal_tail *tail, uint64_t term, uint8_t voted_site_id)
{
    ASSERT(term >= tail->term);
    ASSERT(term > tail->term || tail->voted_site_id == 0 || tail->voted_site_id == voted_site_id);

    tail->term = term;
    tail->voted_site_id = voted_site_id;
}

void journal_tail_rebase(struct journal_state *state, const struct journal_tail *base)
{
    uint64_t term = state->tail.term;
    uint8_t voted_site_id = state->tail.voted_site_id;

    state->base = *base;
    state->base.first_log_index = base->last_log_index + 1;
    state->tail = state->base;
    state->tail.term = term;
    state->tail.voted_site_id = voted_site_id;
    ASSERT(state->tail.first_log_index == state->tail.last_log_index + 1);
    ASSERT(state->tail.next_command_sequence > 0);
}
