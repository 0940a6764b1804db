/* The operator's commands: instruments, firms, sessions, the shard (rules.md 8).
 *
 * Each carries a request id and the version of the object that it expects. Recent request ids are
 * answered again, not executed again; another version is a conflict; so a retry changes nothing
 * twice and a late one undoes nothing newer. */
#ifndef MATCHING_ADMINISTRATION_H
#define MATCHING_ADMINISTRATION_H

#include "matching/base/limits.h"
#include "matching/market.h"

struct administration_answer {
    uint64_t request_id;
    uint32_t version; /* Of the object, afterwards; 0: there is none. */
    uint8_t result;   /* enum administration_result. */
    uint8_t reserved[3];
};

struct administration {
    struct administration_answer answers[ADMIN_REQUESTS_MAX]; /* A ring of the last ones. */
    uint64_t count;                                           /* Ever given. */
};

/* Every field in its range (rules.md 8). */
bool administration_shard_valid(const struct command_shard *terms);

/* Takes an administrative command, at most five events. */
void administration_execute(struct administration *administration, struct market *market,
                            const struct command *command);

#endif
