#include "replication/placement_record.h"

#include <assert.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define RECORD_VERSION   1u
#define RECORD_PLANNED   1u
#define RECORD_HEAD      16u
#define PLACEMENT_HEAD   24u
#define PLACEMENT_SITE   48u
#define PLACEMENT_BYTES  (PLACEMENT_HEAD + SITES_MAX * PLACEMENT_SITE)
#define RECORD_RULE_BITS ((1u << PLACEMENT_RULE_COUNT) - 1)

static_assert(RECORD_HEAD + 2 * PLACEMENT_BYTES == PLACEMENT_RECORD_BYTES,
              "the layout is the format");
static_assert(PLACEMENT_SITE == 8 + PLACEMENT_KEY_BYTES + 8, "the layout is the format");

static void record_store_placement(uint8_t *target, const struct placement *placement)
{
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
static bool record_load_placement(struct placement *placement, const uint8_t *source)
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
    memset(target, 0, PLACEMENT_RECORD_BYTES);
    bytes_store_le32(target, RECORD_VERSION);
    bytes_store_le32(target + 4, record->planned ? RECORD_PLANNED : 0);
    bytes_store_le32(target + 8, record->waived_rules);
    record_store_placement(target + RECORD_HEAD, &record->placement);
    if (record->planned) {
        record_store_placement(target + RECORD_HEAD + PLACEMENT_BYTES, &record->target);
    }
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
    const uint8_t *target = source + RECORD_HEAD + PLACEMENT_BYTES;
    bool good = source_bytes == PLACEMENT_RECORD_BYTES && (flags & ~RECORD_PLANNED) == 0 &&
                (record->waived_rules & ~RECORD_RULE_BITS) == 0 &&
                record_is_zero(source + 12, RECORD_HEAD - 12) &&
                record_load_placement(&record->placement, source + RECORD_HEAD);
    if (good && record->planned) {
        good = record_load_placement(&record->target, target);
    } else if (good) {
        good = record->waived_rules == 0 && record_is_zero(target, PLACEMENT_BYTES);
    }
    return good ? STATUS_OK : STATUS_BAD_FORMAT;
}
