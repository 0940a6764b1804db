/* What the store holds besides segments, as records with a checksum each. Pure but for the hash.
 * Layout: protocol.md, "Journal", 4.2. */
#ifndef REPLICATION_STORE_FACTS_H
#define REPLICATION_STORE_FACTS_H

#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/journal_tail.h"
#include "replication/store_head.h"
#include "replication/wal_chain.h"

#define STORE_FACTS_VERSION      1u
#define STORE_FACTS_PLACE_BYTES  88u
#define STORE_FACTS_SHARD_BYTES  200u
#define STORE_FACTS_REPAIR_BYTES 1080u

/* Written whole by every commit. */
struct store_facts {
    uint8_t incarnation[WAL_KEY_BYTES];
    uint64_t commit_number; /* From 1: the journal's birth. */
    struct wal_place place; /* `position` is kept modulo the ring's size. */
    struct journal_state states[SHARDS_MAX];
};

/* An empty journal's facts. */
void store_facts_init(struct store_facts *facts, const uint8_t incarnation[static WAL_KEY_BYTES]);
/* What the head pointer remembers of them. */
void store_facts_head(const struct store_facts *facts, struct store_head_facts *head);

/* The record of the place in the ring, and that of the shard at `index` of `states`. Loading:
 * STATUS_BAD_CHECKSUM, STATUS_BAD_VERSION, STATUS_BAD_FORMAT. */
void store_facts_place_store(uint8_t target[static STORE_FACTS_PLACE_BYTES],
                             const struct store_facts *facts, uint64_t ring_bytes);
MUST_USE enum status store_facts_place_load(struct store_facts *facts,
                                            const uint8_t source[static STORE_FACTS_PLACE_BYTES]);
void store_facts_shard_store(uint8_t target[static STORE_FACTS_SHARD_BYTES],
                             const struct store_facts *facts, uint32_t index);
MUST_USE enum status store_facts_shard_load(struct store_facts *facts, uint32_t index,
                                            const uint8_t source[static STORE_FACTS_SHARD_BYTES]);

/* The record of a shard's last repair; there is none before the first. */
void store_facts_repair_store(uint8_t target[static STORE_FACTS_REPAIR_BYTES],
                              const struct journal_repair *repair);
MUST_USE enum status store_facts_repair_load(struct journal_repair *repair,
                                             const uint8_t source[static STORE_FACTS_REPAIR_BYTES]);

#endif
