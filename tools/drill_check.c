#include "tools/drill_check.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"

#define DRILL_CHECK_CHAIN_FIRST 4096u

/* Chain hashes of a shard by log index, as the first journal that has one says. */
struct drill_check_chain {
    uint8_t (*hashes)[SEGMENT_HASH_BYTES]; /* Of log index i + 1. */
    bool *known;
    uint64_t room;
};

struct drill_check_walk {
    struct drill_check *check;
    struct drill_desk *const *desks;
    uint32_t shard_count;
    struct drill_check_chain chains[SHARDS_MAX];
    bool surviving; /* The site whose journal is walked. */
    bool full;      /* No memory. */
};

static bool drill_check_room(struct drill_check_chain *chain, uint64_t log_index)
{
    uint64_t room = chain->room == 0 ? DRILL_CHECK_CHAIN_FIRST : chain->room;
    while (room < log_index) {
        room *= 2;
    }
    if (room == chain->room) {
        return true;
    }
    uint8_t(*hashes)[SEGMENT_HASH_BYTES] = realloc(chain->hashes, room * sizeof *hashes);
    chain->hashes = hashes != NULL ? hashes : chain->hashes;
    bool *known = hashes != NULL ? realloc(chain->known, room * sizeof *known) : NULL;
    if (known == NULL) {
        return false;
    }
    memset(known + chain->room, 0, (room - chain->room) * sizeof *known);
    chain->known = known;
    chain->room = room;
    return true;
}

static void drill_check_segment(void *context, const struct journal_reader_segment *segment,
                                uint64_t done, uint64_t about)
{
    struct drill_check_walk *walk = context;
    (void)done;
    (void)about;
    ASSERT(segment->shard_id >= 1 && segment->shard_id <= SHARDS_MAX);
    struct drill_check_chain *chain = &walk->chains[segment->shard_id - 1];
    uint64_t log_index = segment->segment.log_index;
    if (!drill_check_room(chain, log_index)) {
        walk->full = true;
        return;
    }
    uint8_t *hash = chain->hashes[log_index - 1];
    if (chain->known[log_index - 1]) {
        bool differs = memcmp(hash, segment->segment.chain_hash, SEGMENT_HASH_BYTES) != 0;
        walk->check->segments_compared++;
        walk->check->segments_differ += differs && walk->surviving;
        walk->check->segments_given_up += differs && !walk->surviving;
    } else {
        memcpy(hash, segment->segment.chain_hash, SEGMENT_HASH_BYTES);
        chain->known[log_index - 1] = true;
    }
}

/* Session ids count from 1 in the order of the market file, as the desk's indexes do from 0. */
static void drill_check_command(void *context, const struct journal_walk_command *found)
{
    struct drill_check_walk *walk = context;
    uint32_t shard = found->segment->shard_id - 1u;
    uint32_t session_id = found->command->session_id;
    if (shard < walk->shard_count && session_id >= 1) {
        ledger_journal(drill_desk_ledger(walk->desks[shard]), session_id - 1, found->command);
    }
}

static void drill_check_journal(struct drill_check_walk *walk, const struct drill_fleet *fleet,
                                uint32_t index)
{
    struct drill_check_site *site = &walk->check->sites[index];
    struct journal_walk_options options = {.config_path = fleet->sites[index].place.config,
                                           .context = walk,
                                           .segment = drill_check_segment,
                                           .command = drill_check_command};
    struct journal_walk_result result = {.segments = 0};
    walk->surviving = site->surviving;
    site->walked = journal_walk(&options, &result, site->error) == STATUS_OK;
    site->segments = result.segments;
    site->commands = result.commands;
    site->bytes = result.bytes;
    uint64_t in_journal = 0;
    for (uint32_t shard = 0; shard < walk->shard_count; shard++) {
        struct ledger *ledger = drill_desk_ledger(walk->desks[shard]);
        in_journal += ledger_counts(ledger).in_journal;
        if (site->surviving) {
            site->missing += ledger_journal_end(ledger);
        } else {
            ledger_journal_forget(ledger);
        }
    }
    if (site->surviving && in_journal < walk->check->orders_in_journal) {
        walk->check->orders_in_journal = in_journal;
    }
}

enum status drill_check_take(struct drill_check *check, const struct drill_fleet *fleet,
                             struct drill_desk *const *desks, const struct drill_hashes *hashes,
                             uint16_t surviving, uint16_t well)
{
    const struct scenario *scenario = fleet->scenario;
    struct drill_check_walk walk = {.check = check,
                                    .desks = desks,
                                    .shard_count = scenario->shard_count};
    memset(check, 0, sizeof *check);
    check->hashes = *hashes;
    check->orders_in_journal = UINT64_MAX;
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        check->sites[i].surviving = (surviving >> i & 1) != 0;
        check->survivors += check->sites[i].surviving;
        check->sites[i].stopped_well = (well >> i & 1) != 0;
    }
    /* Survivors first: what they have is what the dead are compared with. */
    for (uint32_t i = 0; i < 2 * scenario->site_count; i++) {
        uint32_t index = i % scenario->site_count;
        if (check->sites[index].surviving == (i < scenario->site_count)) {
            drill_check_journal(&walk, fleet, index);
        }
    }
    check->hashes_compared = drill_hashes_compare(hashes, scenario->site_count,
                                                  scenario->shard_count, &check->hashes_differ);
    for (uint32_t shard = 0; shard < scenario->shard_count; shard++) {
        check->violations += ledger_close(drill_desk_ledger(desks[shard]), false);
        struct ledger_counts counts = ledger_counts(drill_desk_ledger(desks[shard]));
        check->deadlines += counts.with_deadline;
        check->too_late += counts.too_late;
        check->deadlines_wrong +=
            counts.violations[LEDGER_LATE] + counts.violations[LEDGER_NOT_LATE];
        for (uint32_t i = 0; i < scenario->site_count; i++) {
            check->messages += drill_desk_reading(desks[shard], i)->messages;
            check->messages_wrong += drill_desk_reading(desks[shard], i)->wrong;
        }
        free(walk.chains[shard].hashes);
        free(walk.chains[shard].known);
    }
    return walk.full ? STATUS_FULL : STATUS_OK;
}

bool drill_check_hashes_hold(const struct drill_check *check, const struct scenario *scenario)
{
    uint64_t pairs = (uint64_t)check->survivors * (check->survivors - (check->survivors > 0)) / 2;
    ASSERT(check->survivors <= SITES_MAX);
    return check->hashes_differ == 0 && check->hashes_compared == pairs * scenario->shard_count;
}

bool drill_check_holds(const struct drill_check *check, const struct scenario *scenario)
{
    bool holds = check->violations == 0 && check->segments_differ == 0 &&
                 check->messages_wrong == 0 && check->messages > 0 && check->deadlines > 0;
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        const struct drill_check_site *site = &check->sites[i];
        holds =
            holds && site->walked && site->missing == 0 && (!site->surviving || site->stopped_well);
    }
    return holds && check->survivors > 0 && drill_check_hashes_hold(check, scenario) &&
           (check->survivors == 1 || check->segments_compared > 0);
}
