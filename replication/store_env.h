/* The LMDB environment of a journal: one file, one database for facts, one for each shard's
 * segments. Keys and values, byte for byte: protocol.md, "Journal", 4.
 *
 * The only includer of lmdb.h besides store_move.c, store_lmdb.c and journal_reader.c. Always with
 * LMDB's default sync: MDB_NOSYNC and its kind lose data in most crash states. */
#ifndef REPLICATION_STORE_ENV_H
#define REPLICATION_STORE_ENV_H

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/journal_file.h"
#include "replication/segment.h"
#include "replication/store_facts.h"

#define STORE_ENV_NAME        "store.mdb"
#define STORE_ENV_ENTRY_BYTES 32u /* In front of each segment. */

struct store_env {
    MDB_env *env;
    MDB_dbi facts;
    MDB_dbi segments[SHARDS_MAX];
    uint64_t store_bytes;
    char path[JOURNAL_PATH_BYTES];
};

/* Create an environment at `path`, which must not exist, with `facts`; synced, closed again. */
MUST_USE enum status store_env_create(const char *path, uint64_t store_bytes, uint64_t ring_bytes,
                                      const struct store_facts *facts, struct journal_error *error);

/* Open an existing environment. `read_only`: without LMDB's lock file; the caller holds the
 * journal's lock and nobody writes. On error the environment is closed. */
MUST_USE enum status store_env_open(struct store_env *env, const char *path, uint64_t store_bytes,
                                    bool read_only, struct journal_error *error);
void store_env_close(struct store_env *env);

MUST_USE enum status store_env_facts_load(struct store_env *env, MDB_txn *txn,
                                          struct store_facts *facts, struct journal_error *error);
/* An LMDB result. */
int store_env_facts_store(struct store_env *env, MDB_txn *txn, const struct store_facts *facts,
                          uint64_t ring_bytes);

/* The last repair of the shard at `index`, and those of all shards; one that is not there is NONE.
 */
int store_env_repair_store(struct store_env *env, MDB_txn *txn, uint32_t index,
                           const struct journal_repair *repair);
MUST_USE enum status store_env_repairs_load(struct store_env *env, MDB_txn *txn,
                                            struct journal_repair repairs[static SHARDS_MAX],
                                            struct journal_error *error);

/* Header of an entry in front of the segment, which stands at target + STORE_ENV_ENTRY_BYTES. */
void store_env_entry_seal(uint8_t *target, uint32_t segment_bytes, uint64_t last_timestamp_ns);
/* Check an entry as LMDB gave it: its own checksum, the payload's hash, shard and log index.
 * STATUS_BAD_CHECKSUM. Fills `segment`. */
MUST_USE enum status store_env_entry_check(const MDB_val *entry, uint16_t shard_id,
                                           uint64_t log_index, struct segment *segment,
                                           uint64_t *last_timestamp_ns);

/* An upper bound of the bytes in use: what lies above the last page ever used is free, and so are
 * the pages of the free list, which is only counted once that line has passed half of the map. */
uint64_t store_env_used_bytes(struct store_env *env);

/* An LMDB result other than 0 as a status, with the sentence. */
enum status store_env_failed(const struct store_env *env, const char *action, int result,
                             struct journal_error *error);

#endif
