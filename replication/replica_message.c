#include "replication/replica_message.h"

#include <stddef.h>
#include <string.h>

#include "matching/base/assertion.h"

/* Far above any real one, so that terms never wrap. */
#define MESSAGE_TERM_MAX (UINT64_MAX / 2)

bool replica_message_same_chain(const struct replica_position *one,
                                const struct replica_position *other)
{
    return memcmp(one->chain_hash, other->chain_hash, REPLICA_HASH_BYTES) == 0;
}

static bool message_position_valid(const struct replica_position *position, uint64_t term)
{
    static const struct replica_position beginning;
    if (position->log_index == 0 && !replica_message_same_chain(position, &beginning)) {
        return false; /* There is one beginning: no fork there. */
    }
    return position->term <= term && (position->log_index == 0) == (position->term == 0) &&
           position->log_index < UINT64_MAX - REPLICA_BATCH_ENTRIES_MAX;
}

static bool message_entries_valid(const struct replica_message *message)
{
    if (message->entry_count > REPLICA_BATCH_ENTRIES_MAX ||
        (message->entry_count > 0 && message->entries == NULL)) {
        return false;
    }
    const struct replica_position *before = &message->position;
    for (uint32_t at = 0; at < message->entry_count; at++) {
        const struct replica_entry *entry = &message->entries[at];
        bool opens = entry->kind == REPLICA_ENTRY_OPENING;
        bool places = entry->kind == REPLICA_ENTRY_PLACEMENT;
        if (entry->position.log_index != before->log_index + 1 || entry->position.term == 0 ||
            entry->position.term < before->term || entry->position.term > message->term ||
            opens != (entry->position.term > before->term) ||
            entry->kind >= REPLICA_ENTRY_KIND_COUNT || places != (entry->placement != NULL)) {
            return false;
        }
        /* What no waiver lets pass, no leader can have sealed. */
        if (places && placement_judge(entry->placement, UINT32_MAX).rule != PLACEMENT_GOOD) {
            return false;
        }
        before = &entry->position;
    }
    return true;
}

bool replica_message_valid(const struct replica_message *message)
{
    ASSERT(message != NULL);
    if (message->type < REPLICA_PRE_VOTE || message->type >= REPLICA_MESSAGE_TYPE_COUNT ||
        message->from_site_id < 1 || message->from_site_id > SITES_MAX || message->to_site_id < 1 ||
        message->to_site_id > SITES_MAX || message->from_site_id == message->to_site_id ||
        message->term == 0 || message->term > MESSAGE_TERM_MAX) {
        return false;
    }
    if (message->type != REPLICA_APPEND && message->entry_count != 0) {
        return false;
    }
    if (message->type != REPLICA_APPEND_REPLY && (message->wall_ns != 0 || message->halted)) {
        return false;
    }
    return message_position_valid(&message->position, message->term) &&
           message_entries_valid(message);
}
