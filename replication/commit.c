#include "replication/commit.h"

#include <stdbool.h>

#include "matching/base/assertion.h"

/* Whether those voters that hold `log_index` are a commit quorum. */
static bool commit_is_held(const struct commit *commit, uint64_t log_index)
{
    uint32_t count = 0;
    uint32_t provider_count = 0;
    bool seen[SITES_MAX + 1] = {false};
    for (uint32_t voter = 0; voter < commit->voter_count; voter++) {
        ASSERT(commit->provider_id[voter] <= SITES_MAX);
        if (commit->matched_log_index[voter] < log_index) {
            continue;
        }
        count++;
        provider_count += seen[commit->provider_id[voter]] ? 0 : 1;
        seen[commit->provider_id[voter]] = true;
    }
    return count * 2 > commit->voter_count && provider_count >= commit->commit_providers;
}

uint64_t commit_log_index(const struct commit *commit, uint64_t committed_log_index)
{
    ASSERT(commit->voter_count >= 1);
    ASSERT(commit->voter_count <= SITES_MAX);
    for (uint32_t voter = 0; voter < commit->voter_count; voter++) {
        uint64_t log_index = commit->matched_log_index[voter];
        if (log_index >= commit->term_log_index && log_index > committed_log_index &&
            commit_is_held(commit, log_index)) {
            committed_log_index = log_index;
        }
    }
    return committed_log_index;
}
