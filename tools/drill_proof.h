/* What is proved of a drill, from the outside: from what went over the wire, from the journal read
 * with public keys, and from the site's own hashes before and after another start. */
#ifndef TOOLS_DRILL_PROOF_H
#define TOOLS_DRILL_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/drill_log.h"
#include "tools/drill_run.h"

#define DRILL_HASH_BYTES DRILL_LOG_HASH_BYTES

struct drill_proof {
    bool stopped_well;                  /* SIGTERM: exit status 0. */
    char hash_before[DRILL_HASH_BYTES]; /* Event hash of everything executed, before the last stop;
                                         */
    char hash_after[DRILL_HASH_BYTES];  /* after the start that rebuilt it from the journal. */
    uint64_t commands_before;
    uint64_t commands_after;
    uint64_t streams;          /* Read again from message 1, */
    uint64_t messages;         /* so many messages, */
    uint64_t wrong_messages;   /* of which so many differed, were missing or were new. */
    uint64_t journal_segments; /* Verified: hashes, chain, signatures. */
    uint64_t journal_commands;
    uint64_t violations; /* ledger_close(). */
    bool day_reproduced; /* With a recorded day, else true. */
    struct replay_day_result day;
};

/* After drill_run_trade(). The site is stopped, started, read, and stopped again. */
MUST_USE enum drill_end drill_proof_take(struct drill *drill, struct drill_proof *proof);

/* Whether everything that was to be proved holds. */
bool drill_proof_holds(const struct drill *drill, const struct drill_proof *proof);

#endif
