/* What really is on a simulated site's disk, kept apart from what its journal believes: every frame
 * whose write is done is read here, in the order of their numbers. So "durable" in the checks is
 * the simulator's own knowledge. */
#ifndef TESTS_SIM_SIM_LEDGER_H
#define TESTS_SIM_SIM_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "replication/journal.h"

struct sim_ledger_shard {
    uint64_t *chains; /* First 8 bytes of the chain hash, by log index; [0] is not used. */
    uint64_t capacity;
    uint64_t first; /* Above a snapshot's base. */
    uint64_t last;
    uint64_t term;
    uint8_t voted_site_id;
};

struct sim_ledger_frame {
    uint64_t number;
    uint8_t *bytes; /* NULL: this place is free. */
};

struct sim_ledger {
    struct sim_ledger_shard shards[SHARDS_MAX];
    uint64_t next_number; /* Frame that is read next; 0: the first one that is written. */
    struct sim_ledger_frame early[WAL_WRITES_IN_FLIGHT_MAX]; /* Done before one before them. */
    const char *violation; /* NULL, or what no journal may ever do. */
};

/* An empty disk. */
void sim_ledger_reset(struct sim_ledger *ledger);
void sim_ledger_free(struct sim_ledger *ledger);

/* The write of a frame has begun; is done. */
void sim_ledger_writing(struct sim_ledger *ledger, const uint8_t *frame);
void sim_ledger_written(struct sim_ledger *ledger, const uint8_t *frame);

/* A journal has been opened over this disk: what it found must be what was here, but for what was
 * in flight. Follows it from now on. `chains[shard - 1]`: of all that is committed, by log index,
 * `committed[shard - 1]` the last of them: what was here of it must be found. */
void sim_ledger_opened(struct sim_ledger *ledger, struct journal *journal, uint16_t shard_count,
                       const uint64_t *const *chains, const uint64_t *committed);

/* Whether the disk holds the segment with this chain hash, and so all before it. */
bool sim_ledger_holds(const struct sim_ledger *ledger, uint16_t shard_id, uint64_t log_index,
                      uint64_t chain);

#endif
