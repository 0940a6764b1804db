/* What goes out to other sites: messages with the segments they name, read from the journal. */
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/shard_inside.h"

/* Bring the segments behind `before` into the outbox. Followers that stream are sent the same ones:
 * what is there from the last message is used again. */
static bool send_gather(struct shard *shard, const struct replica_position *before, uint32_t count)
{
    if (shard->outbox_count == count && shard->outbox_first_log_index == before->log_index + 1) {
        return true;
    }
    shard->outbox_count = 0;
    shard->outbox_bytes = 0;
    for (uint32_t at = 0; at < count; at++) {
        size_t bytes = 0;
        uint8_t *target = shard->outbox + shard->outbox_bytes;
        size_t room = shard_inbox_bytes(&shard->options) - shard->outbox_bytes;
        enum status status = journal_read(shard->journal, shard->options.shard_id,
                                          before->log_index + 1 + at, target, room, &bytes);
        if (status != STATUS_OK) {
            ASSERT(status != STATUS_SHORT); /* The replica keeps to the caps. */
            if (status != STATUS_NOT_FOUND) {
                shard_fail(shard, status);
            }
            return false; /* Trimmed meanwhile: the follower will be offered a snapshot. */
        }
        shard->outbox_bytes += bytes;
    }
    shard->outbox_first_log_index = before->log_index + 1;
    shard->outbox_count = count;
    return true;
}

void shard_send(struct shard *shard, const struct replica_message *message)
{
    ASSERT(message->to_site_id != shard->options.site_id);
    const struct shard_peers *peers = &shard->peers;
    struct replica_message sent = *message;
    if (message->type == REPLICA_APPEND_REPLY) {
        sent.wall_ns = shard->wall_ns;
    }
    if (message->entry_count == 0) {
        peers->send(peers->context, shard->options.shard_id, &sent, NULL, 0);
    } else if (send_gather(shard, &message->position, message->entry_count)) {
        peers->send(peers->context, shard->options.shard_id, &sent, shard->outbox,
                    shard->outbox_bytes);
    }
}

/* Header of a segment. False: it is no longer here. `before`: only its position is wanted, which is
 * known without it at the very beginning and where a snapshot stands. */
static bool send_position(struct shard *shard, uint64_t log_index, bool before,
                          struct replica_entry *entry)
{
    *entry = (struct replica_entry){0};
    if (before && log_index == 0) {
        return true;
    }
    if (before && log_index == shard->base.last_log_index) {
        entry->position.log_index = log_index;
        entry->position.term = shard->base.last_term;
        memcpy(entry->position.chain_hash, shard->base.last_chain_hash, SEGMENT_HASH_BYTES);
        return true;
    }
    struct segment segment;
    enum status status = shard_log_read(shard, log_index, &segment);
    if (status != STATUS_OK) {
        if (status != STATUS_NOT_FOUND) {
            shard_fail(shard, status);
        }
        return false;
    }
    shard_log_position(&segment, &entry->position);
    entry->segment_bytes = (uint32_t)segment_bytes(&segment);
    entry->kind = (uint8_t)shard_log_kind(&segment);
    return true;
}

void shard_send_headers(struct shard *shard, uint8_t site_id)
{
    struct replica_headers_wanted wanted = shard->headers_wanted[site_id - 1];
    ASSERT(wanted.site_id == site_id);
    ASSERT(wanted.entry_count <= REPLICA_BATCH_ENTRIES_MAX + 1);
    shard->headers_wanted[site_id - 1] = (struct replica_headers_wanted){0};
    uint32_t count = 0;
    uint64_t bytes = 0;
    while (count < wanted.entry_count && bytes < shard->options.batch_bytes_max &&
           wanted.log_index + count <= shard->last_log_index &&
           send_position(shard, wanted.log_index + count, count == 0, &shard->entries[count])) {
        bytes += shard->entries[count].segment_bytes;
        count++;
    }
    if (shard->failed != STATUS_OK) {
        return;
    }
    struct replica_input input = {.type = REPLICA_HEADERS,
                                  .site_id = site_id,
                                  .entries = shard->entries,
                                  .entry_count = count < 2 ? 0 : count};
    shard_consensus_step(shard, &input);
}
