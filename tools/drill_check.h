/* What is proved of a drill of several sites, from the outside: what was acknowledged against every
 * surviving journal, the journals against each other, every stream at every site, and the hashes of
 * what each site executed. */
#ifndef TOOLS_DRILL_CHECK_H
#define TOOLS_DRILL_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "tools/drill_desk.h"
#include "tools/drill_fleet.h"
#include "tools/drill_hashes.h"
#include "tools/journal_walk.h"

struct drill_check_site {
    bool surviving; /* It ran at the end: its journal must have everything. */
    bool stopped_well;
    bool walked; /* Its journal proves itself to the end. */
    uint64_t segments;
    uint64_t commands;
    uint64_t bytes;   /* Of the segments as they are stored. */
    uint64_t missing; /* Acknowledged, but not in its journal; surviving ones only. */
    char error[JOURNAL_WALK_ERROR_BYTES]; /* When it was not walked. */
};

struct drill_check {
    struct drill_check_site sites[SITES_MAX];
    uint64_t segments_compared; /* Chain hashes at equal log indexes, */
    uint64_t segments_differ;   /* and those of survivors that differ. */
    uint64_t segments_given_up; /* Those of the dead that differ: nobody acknowledged what is in
                                   them, or the ledger misses it among the survivors. */
    struct drill_hashes hashes; /* What the survivors had executed before they were stopped. */
    uint64_t hashes_compared;   /* Event hashes at equal log indexes, */
    uint64_t hashes_differ;     /* and those that differ. */
    uint64_t messages;          /* Read again, at all sites, */
    uint64_t messages_wrong;    /* of which so many were others than before. */
    uint64_t orders_in_journal; /* Of the journal with the fewest. */
    uint64_t violations;        /* ledger_close() of all shards, */
    uint64_t deadlines_wrong;   /* of which so many were of orders on the wrong side of theirs. */
    uint64_t deadlines;         /* Answered orders that had a deadline, */
    uint64_t too_late;          /* of which so many were rejected for it. */
    uint32_t survivors;         /* With one alone there is nothing to compare. */
};

/* After all desks have ended, `hashes` have been asked for and all sites have stopped; `well` are
 * those that stopped well, `surviving` those that ran at the end. STATUS_FULL: no memory. */
MUST_USE enum status drill_check_take(struct drill_check *check, const struct drill_fleet *fleet,
                                      struct drill_desk *const *desks,
                                      const struct drill_hashes *hashes, uint16_t surviving,
                                      uint16_t well);

/* Whether all survivors came to the same place of every shard's log, with equal hashes. */
bool drill_check_hashes_hold(const struct drill_check *check, const struct scenario *scenario);

/* Whether everything that was to be proved holds. */
bool drill_check_holds(const struct drill_check *check, const struct scenario *scenario);

#endif
