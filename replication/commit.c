#include "replication/commit.h"

#include "matching/base/assertion.h"

uint64_t commit_log_index(const struct commit *commit, uint64_t committed_log_index)
{
    ASSERT(commit->voter_count >= 1);
    ASSERT(commit->voter_count <= SITES_MAX);
    uint32_t majority = commit->voter_count / 2 + 1;
    for (uint32_t voter = 0; voter < commit->voter_count; voter++) {
        uint64_t log_index = commit->matched_log_index[voter];
        uint32_t count = 0;
        for (uint32_t other = 0; other < commit->voter_count; other++) {
            count += commit->matched_log_index[other] >= log_index ? 1 : 0;
        }
        if (count >= majority && log_index >= commit->term_log_index &&
            log_index > committed_log_index) {
            committed_log_index = log_index;
        }
    }
    return committed_log_index;
}
