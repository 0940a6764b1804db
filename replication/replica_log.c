#include "replication/replica_log.h"

#include <stddef.h>

#include "matching/base/assertion.h"

void replica_log_init(struct replica_log *log, struct replica_log_slot *slots, uint32_t slots_max,
                      const struct replica_position *before)
{
    ASSERT(slots_max >= REPLICA_ENTRIES_MIN);
    ASSERT(slots_max <= REPLICA_ENTRIES_MAX);
    ASSERT((slots_max & (slots_max - 1)) == 0);
    *log = (struct replica_log){
        .slots = slots, .slots_max = slots_max, .before = *before, .last = *before};
}

const struct replica_log_slot *replica_log_slot_of(const struct replica_log *log,
                                                   uint64_t log_index)
{
    if (log_index <= log->before.log_index || log_index > log->last.log_index) {
        return NULL;
    }
    const struct replica_log_slot *slot = &log->slots[log_index & (log->slots_max - 1)];
    ASSERT(slot->position.log_index == log_index);
    return slot;
}

bool replica_log_find(const struct replica_log *log, uint64_t log_index,
                      struct replica_position *position)
{
    if (log_index == log->before.log_index) {
        *position = log->before;
        return true;
    }
    const struct replica_log_slot *slot = replica_log_slot_of(log, log_index);
    if (slot == NULL) {
        return false;
    }
    *position = slot->position;
    return true;
}

void replica_log_append(struct replica_log *log, const struct replica_position *position,
                        uint32_t segment_bytes, uint64_t sealed_ns)
{
    ASSERT(position->log_index == log->last.log_index + 1);
    ASSERT(position->term >= log->last.term);
    ASSERT(position->term > 0);
    if (log->last.log_index - log->before.log_index == log->slots_max) {
        log->before = log->slots[(log->before.log_index + 1) & (log->slots_max - 1)].position;
    }
    struct replica_log_slot *slot = &log->slots[position->log_index & (log->slots_max - 1)];
    *slot = (struct replica_log_slot){*position, sealed_ns, segment_bytes};
    log->last = *position;
    ASSERT(log->last.log_index - log->before.log_index <= log->slots_max);
}

void replica_log_cut(struct replica_log *log, const struct replica_position *last)
{
    ASSERT(last->log_index <= log->last.log_index);
    log->last = *last;
    if (last->log_index < log->before.log_index) {
        log->before = *last;
    }
    ASSERT(log->before.log_index <= log->last.log_index);
}

uint64_t replica_log_find_term(const struct replica_log *log, uint64_t log_index, uint64_t term)
{
    uint64_t at = log_index < log->last.log_index ? log_index : log->last.log_index;
    if (at < log->before.log_index) {
        return at; /* Nothing is known there. */
    }
    for (; at > log->before.log_index; at--) {
        if (replica_log_slot_of(log, at)->position.term <= term) {
            return at;
        }
    }
    bool guess = log->before.term > term;
    ASSERT(!guess || log->before.log_index > 0);
    return guess ? at - 1 : at;
}
