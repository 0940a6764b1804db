#include "replication/placement_record.h"

#include <assert.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define RECORD_VERSION   1u
#define RECORD_PLANNED   1u
#define RECORD_REPAIRED  2u
#define RECORD_HEAD      16u
#define PLACEMENT_HEAD   24u
#define PLACEMENT_SITE   48u
#define PLACEMENT_BYTES  PLACEMENT_RECORD_PLACEMENT_BYTES
#define RECORD_RULE_BITS ((1u << PLACEMENT_RULE_COUNT) - 1)

static_assert(RECORD_HEAD + 2 * PLACEMENT_BYTES == PLACEMENT_RECORD_BYTES,
              "the layout is the format");
static_assert(PLACEMENT_HEAD + SITES_MAX * PLACEMENT_SITE == PLACEMENT_BYTES,
              "the layout is the format");
static_assert(PLACEMENT_SITE == 8 + PLACEMENT_KEY_BYTES + 8, "the layout is the format");

void placement_record_store_one(uint8_t target[static PLACEMENT_RECORD_PLACEMENT_BYTES],
                                const struct placement *placement)
{
    ASSERT(placement->commit_providers >= 1);
    memset(target, 0, PLACEMENT_BYTES);
    bytes_store_le64(target, placement->epoch);
    target[8] = placement->commit_providers;
    memcpy(target + 9, placement->preferred_site_ids, SITES_MAX);
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        const struct placement_site *site = &placement->sites[at];
        uint8_t *place = target + PLACEMENT_HEAD + (size_t)at * PLACEMENT_SITE;
        bytes_store_le64(place, site->incarnation);
        memcpy(place + 8, site->public_key, PLACEMENT_KEY_BYTES);
        place[40] = site->provider_id;
        place[41] = site->role;
    }
}

static bool record_is_zero(const uint8_t *source, size_t bytes)
{
    uint8_t all = 0;
    for (size_t at = 0; at < bytes; at++) {
        all |= source[at];
    }
    return all == 0;
}

/* Whether the bytes are a placement whose every field is in range: one that could be in force. */
bool placement_record_load_one(struct placement *placement,
                               const uint8_t source[static PLACEMENT_RECORD_PLACEMENT_BYTES])
{
    *placement =
        (struct placement){.epoch = bytes_load_le64(source), .commit_providers = source[8]};
    memcpy(placement->preferred_site_ids, source + 9, SITES_MAX);
    bool padded = record_is_zero(source + 9 + SITES_MAX, PLACEMENT_HEAD - 9 - SITES_MAX);
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        struct placement_site *site = &placement->sites[at];
        const uint8_t *place = source + PLACEMENT_HEAD + (size_t)at * PLACEMENT_SITE;
        site->incarnation = bytes_load_le64(place);
        memcpy(site->public_key, place + 8, PLACEMENT_KEY_BYTES);
        site->provider_id = place[40];
        site->role = place[41];
        padded = padded && record_is_zero(place + 42, PLACEMENT_SITE - 42);
    }
    /* Only what no override gives up: a journaled membership is not judged a second time. */
    return padded && placement_judge(placement, RECORD_RULE_BITS).rule == PLACEMENT_GOOD;
}

void placement_record_store(uint8_t target[static PLACEMENT_RECORD_BYTES],
                            const struct placement_record *record)
{
    ASSERT(record->planned || record->waived_rules == 0);
    ASSERT((record->waived_rules & ~RECORD_RULE_BITS) == 0);
    ASSERT(!record->planned || !record->repaired);
    memset(target, 0, PLACEMENT_RECORD_BYTES);
    bytes_store_le32(target, RECORD_VERSION);
    bytes_store_le32(target + 4, (record->planned ? RECORD_PLANNED : 0) |
                                     (record->repaired ? RECORD_REPAIRED : 0));
    bytes_store_le32(target + 8, record->waived_rules);
    placement_record_store_one(target + RECORD_HEAD, &record->placement);
    uint8_t *behind = target + RECORD_HEAD + PLACEMENT_BYTES;
    if (record->planned) {
        placement_record_store_one(behind, &record->target);
    } else if (record->repaired) {
        bytes_store_le64(behind, record->generation);
        memcpy(behind + 8, record->attestation_hash, PLACEMENT_RECORD_HASH_BYTES);
    }
}

/* What stands behind the placement, according to the flags. */
static bool record_load_behind(struct placement_record *record, const uint8_t *behind)
{
    if (record->planned) {
        return !record->repaired && placement_record_load_one(&record->target, behind);
    }
    if (record->waived_rules != 0) {
        return false;
    }
    if (!record->repaired) {
        return record_is_zero(behind, PLACEMENT_BYTES);
    }
    record->generation = bytes_load_le64(behind);
    memcpy(record->attestation_hash, behind + 8, PLACEMENT_RECORD_HASH_BYTES);
    return record->generation > 0 &&
           record_is_zero(behind + 8 + PLACEMENT_RECORD_HASH_BYTES,
                          PLACEMENT_BYTES - 8 - PLACEMENT_RECORD_HASH_BYTES);
}

enum status placement_record_load(struct placement_record *record, const uint8_t *source,
                                  size_t source_bytes)
{
    if (source_bytes < PLACEMENT_RECORD_BYTES) {
        return STATUS_SHORT;
    }
    if (bytes_load_le32(source) != RECORD_VERSION) {
        return STATUS_BAD_VERSION;
    }
    uint32_t flags = bytes_load_le32(source + 4);
    *record = (struct placement_record){.planned = (flags & RECORD_PLANNED) != 0,
                                        .waived_rules = bytes_load_le32(source + 8)};
    record->repaired = (flags & RECORD_REPAIRED) != 0;
    bool good = source_bytes == PLACEMENT_RECORD_BYTES &&
                (flags & ~(RECORD_PLANNED | RECORD_REPAIRED)) == 0 &&
                (record->waived_rules & ~RECORD_RULE_BITS) == 0 &&
                record_is_zero(source + 12, RECORD_HEAD - 12) &&
                placement_record_load_one(&record->placement, source + RECORD_HEAD) &&
                record_load_behind(record, source + RECORD_HEAD + PLACEMENT_BYTES);
    return good ? STATUS_OK : STATUS_BAD_FORMAT;
}
