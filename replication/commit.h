/* What is committed: decided here and nowhere else.
 *
 * A commit quorum is a majority of the voters that spans commit_providers providers; the leader's
 * own journal is one of the voters, not a must (DESIGN 6, rule 5). With one site the quorum is that
 * journal alone. Pure. */
#ifndef REPLICATION_COMMIT_H
#define REPLICATION_COMMIT_H

#include <stdint.h>

#include "matching/base/limits.h"

struct commit {
    /* Of each voter: the highest log index that is durable there and matches the leader's log. */
    uint64_t matched_log_index[SITES_MAX];
    uint8_t provider_id[SITES_MAX]; /* Of each voter: below SITES_MAX + 1. */
    uint32_t voter_count;           /* 1 .. SITES_MAX. */
    uint32_t commit_providers;      /* Providers that a quorum spans; 0 asks for none. */
    /* Where the leader's term began: only a segment of its own term is counted, and commits all
     * before it. */
    uint64_t term_log_index;
};

/* The committed log index, given the one before: it never falls. */
uint64_t commit_log_index(const struct commit *commit, uint64_t committed_log_index);

#endif
