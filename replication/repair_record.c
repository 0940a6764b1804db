#include "replication/repair_record.h"

#include <assert.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "replication/placement_record.h"

#define RECORD_VERSION 1u

/* Offsets of the fields: protocol.md, "Quorum repair". */
enum record_offset {
    AT_VERSION = 0,
    AT_KEPT_SITE_ID = 4,
    AT_LOSS = 5,
    AT_SURVIVORS = 6,
    AT_ATTESTED = 8,
    AT_RESERVED = 10, /* Six bytes of zero. */
    AT_GENERATION = 16,
    AT_PREVIOUS_GENERATION = 24,
    AT_KEPT_LOG_INDEX = 32,
    AT_KEPT_TERM = 40,
    AT_KEPT_CHAIN_HASH = 48,
    AT_COMMIT_LOG_INDEX = 80,
    AT_ATTESTATION_HASH = 88,
    AT_BEHIND = 120, /* Eight bytes of zero. */
    AT_BEFORE = 128,
    AT_AFTER = 584,
};
static_assert(AT_KEPT_CHAIN_HASH + REPLICA_HASH_BYTES == AT_COMMIT_LOG_INDEX &&
                  AT_ATTESTATION_HASH + REPAIR_HASH_BYTES == AT_BEHIND &&
                  AT_BEFORE + PLACEMENT_RECORD_PLACEMENT_BYTES == AT_AFTER &&
                  AT_AFTER + PLACEMENT_RECORD_PLACEMENT_BYTES == REPAIR_RECORD_BYTES,
              "the layout is the format");

void repair_record_store(uint8_t target[static REPAIR_RECORD_BYTES], const struct repair *repair)
{
    ASSERT(repair_valid(repair));
    ASSERT(repair->survivors != 0);
    memset(target, 0, REPAIR_RECORD_BYTES);
    bytes_store_le32(target + AT_VERSION, RECORD_VERSION);
    target[AT_KEPT_SITE_ID] = repair->kept_site_id;
    target[AT_LOSS] = (uint8_t)repair->loss;
    bytes_store_le16(target + AT_SURVIVORS, repair->survivors);
    bytes_store_le16(target + AT_ATTESTED, repair->attested);
    bytes_store_le64(target + AT_GENERATION, repair->generation);
    bytes_store_le64(target + AT_PREVIOUS_GENERATION, repair->previous_generation);
    bytes_store_le64(target + AT_KEPT_LOG_INDEX, repair->kept.log_index);
    bytes_store_le64(target + AT_KEPT_TERM, repair->kept.term);
    memcpy(target + AT_KEPT_CHAIN_HASH, repair->kept.chain_hash, REPLICA_HASH_BYTES);
    bytes_store_le64(target + AT_COMMIT_LOG_INDEX, repair->commit_log_index);
    memcpy(target + AT_ATTESTATION_HASH, repair->attestation_hash, REPAIR_HASH_BYTES);
    placement_record_store_one(target + AT_BEFORE, &repair->before);
    placement_record_store_one(target + AT_AFTER, &repair->after);
}

enum status repair_record_load(struct repair *repair, const uint8_t *source, size_t source_bytes)
{
    static const uint8_t zeros[8];

    if (source_bytes < REPAIR_RECORD_BYTES) {
        return STATUS_SHORT;
    }
    if (bytes_load_le32(source + AT_VERSION) != RECORD_VERSION) {
        return STATUS_BAD_VERSION;
    }
    *repair =
        (struct repair){.generation = bytes_load_le64(source + AT_GENERATION),
                        .previous_generation = bytes_load_le64(source + AT_PREVIOUS_GENERATION),
                        .kept = {.log_index = bytes_load_le64(source + AT_KEPT_LOG_INDEX),
                                 .term = bytes_load_le64(source + AT_KEPT_TERM)},
                        .kept_site_id = source[AT_KEPT_SITE_ID],
                        .loss = (enum repair_loss)source[AT_LOSS],
                        .survivors = bytes_load_le16(source + AT_SURVIVORS),
                        .attested = bytes_load_le16(source + AT_ATTESTED),
                        .commit_log_index = bytes_load_le64(source + AT_COMMIT_LOG_INDEX)};
    memcpy(repair->kept.chain_hash, source + AT_KEPT_CHAIN_HASH, REPLICA_HASH_BYTES);
    memcpy(repair->attestation_hash, source + AT_ATTESTATION_HASH, REPAIR_HASH_BYTES);
    bool good = source_bytes == REPAIR_RECORD_BYTES &&
                memcmp(source + AT_RESERVED, zeros, AT_GENERATION - AT_RESERVED) == 0 &&
                memcmp(source + AT_BEHIND, zeros, AT_BEFORE - AT_BEHIND) == 0 &&
                placement_record_load_one(&repair->before, source + AT_BEFORE) &&
                placement_record_load_one(&repair->after, source + AT_AFTER) &&
                repair_valid(repair);
    return good ? STATUS_OK : STATUS_BAD_FORMAT;
}
