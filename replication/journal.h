/* The journal of a site: what has been made durable, of all its shards, in one order.
 *
 * Two steps to disk (protocol.md, "Journal"): the write-ahead ring (wal.h), one O_DIRECT|O_DSYNC
 * write a frame, and behind it the store (store.h), LMDB, into which a thread of its own moves
 * frames that are persisted. Others see only this header. One loop thread owns a journal.
 *
 * The life of a record: journal_append() puts it into the frame being filled; journal_flush()
 * starts writes while fewer than wal_writes_in_flight are outstanding; completions of `io` with the
 * journal's token go to journal_complete(); then journal_persisted() has grown. Any write error is
 * final: every call returns STATUS_IO or STATUS_NO_SPACE from then on and the process must end
 * (DESIGN 6, rule 4). */
#ifndef REPLICATION_JOURNAL_H
#define REPLICATION_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/io/io.h"
#include "replication/journal_id.h"
#include "replication/journal_tail.h"
#include "replication/repair.h"
#include "replication/segment.h"

struct journal;
struct store;

/* What a simulator brings instead of files: no journal.id is read, nothing is locked. */
struct journal_parts {
    struct journal_id id;
    struct store *store; /* store.h; the journal closes it. */
    uint8_t *image;      /* Memory for the ring's image (wal_open()); NULL: the journal's own. */
};

struct journal_options {
    const char *directory; /* Holds journal.id, wal.ring, store.mdb and store.head. */
    uint64_t wal_bytes;    /* WAL_BYTES_MIN .. WAL_BYTES_MAX; only journal_create() uses it. */
    uint64_t store_bytes; /* Reserved for LMDB, at least STORE_BYTES_MIN; fixed at birth as well. */
    uint32_t wal_writes_in_flight; /* 1 .. WAL_WRITES_IN_FLIGHT_MAX. */
    uint64_t cluster_id;
    char site[32];     /* Name; checked against journal.id: STATUS_FOREIGN. */
    uint64_t io_token; /* Completions with this token belong to the journal. */
    const struct segment_verifier *verifiers; /* Whose signatures count; outlive the journal. */
    uint32_t verifier_count;
    const struct journal_parts *parts; /* NULL: the files in `directory`. */
};

/* A sentence for the operator about the last error of any call: what is wrong and what to do. */
const char *journal_error(const struct journal *journal);

/* Give birth to an empty journal with a random incarnation, durable when it returns. Only `causeway
 * init` and `site add` do this. STATUS_EXISTS when the directory has one; STATUS_DENIED on tmpfs,
 * which keeps nothing; STATUS_NO_SPACE. `error` gets a sentence. */
MUST_USE enum status journal_create(const struct journal_options *options, char *error,
                                    size_t error_bytes);

/* Open and recover: follow the wal's chain of frames, tell damage from a tear, verify every segment
 * in the wal again (hash, chain, signature), rewrite and sync the tail that is accepted, move on.
 * Blocking; at return everything up to journal_persisted() is durable and verified.
 * STATUS_NOT_FOUND, STATUS_FOREIGN, STATUS_IN_USE (another process has it), STATUS_DAMAGED,
 * STATUS_BAD_SIGNATURE and others: `*journal` is set even then, for journal_error(); close it. */
MUST_USE enum status journal_open(struct journal **journal, struct io *io,
                                  const struct journal_options *options);
/* Waits for writes in flight (completions of others that come meanwhile are dropped), stops the
 * store thread after it has moved what is persisted. What was never flushed is not written. */
void journal_close(struct journal *journal);

const uint8_t *journal_incarnation(const struct journal *journal);

/* Durable facts of a shard (journal_tail.h), as of the last persisted frame. */
void journal_persisted(const struct journal *journal, uint16_t shard_id, struct journal_tail *tail);

/* The same including what is appended but not yet durable. Never base an answer to anyone on it. */
void journal_appended(const struct journal *journal, uint16_t shard_id, struct journal_tail *tail);

/* Append one sealed segment, whose bytes are copied. It must continue the appended tail (asserted:
 * the caller has verified it). STATUS_FULL: no room until a write completes or the store has caught
 * up; then io_wake() is called. After journal_writable() one segment always fits. */
MUST_USE enum status journal_append(struct journal *journal, const uint8_t *segment_source,
                                    const struct segment *segment, uint64_t last_timestamp_ns);

/* Drop every segment of the shard from `log_index` on; durable as a record, in order. Nothing
 * happens when there is none. STATUS_NOT_FOUND: what would be the new end has been trimmed;
 * STATUS_FULL; what journal_read() says. */
MUST_USE enum status journal_truncate(struct journal *journal, uint16_t shard_id,
                                      uint64_t log_index);

/* A snapshot stands for everything up to `tail->last_log_index` (its last_* and
 * next_command_sequence; term and vote stay): the log continues behind it. Not below what has been
 * trimmed (asserted). STATUS_FULL. */
MUST_USE enum status journal_base(struct journal *journal, uint16_t shard_id,
                                  const struct journal_tail *tail);

/* Make a term and a vote durable; neither goes back (asserted). Room is reserved: STATUS_FULL only
 * after WAL_VOTES_RESERVED (wal.h) frames of them while the store does not move at all. */
MUST_USE enum status journal_vote(struct journal *journal, uint16_t shard_id, uint64_t term,
                                  uint8_t voted_site_id);

/* What quorum repair has left here of a shard (repair.h), durable. */
struct journal_generation {
    uint64_t generation; /* In which the site takes part, or did until it promised; 0 at birth. */
    bool accepted;       /* `repair` is the one that was accepted last, */
    bool active;         /* and it is activated. */
    struct repair repair;
};
void journal_generation(const struct journal *journal, uint16_t shard_id,
                        struct journal_generation *generation);

/* Promise a repair, activate the one promised, or, for a site that is added after one, take part in
 * its generation. A record behind everything appended before; it counts when journal_generation()
 * says so. The caller has judged it (repair_may_promise(), repair_may_activate()); an empty log for
 * a site that joins (asserted). STATUS_FULL; STATUS_NOT_YET: one before is not durable yet. */
MUST_USE enum status journal_promise(struct journal *journal, uint16_t shard_id,
                                     const struct repair *repair);
MUST_USE enum status journal_activate(struct journal *journal, uint16_t shard_id);
MUST_USE enum status journal_join(struct journal *journal, uint16_t shard_id, uint64_t generation);

/* Start writing what is appended, as far as writes in flight allow. */
MUST_USE enum status journal_flush(struct journal *journal);
/* Whether another write may start now and a largest segment fits: the leader seals when this is
 * true
 * ("batching is natural"). */
bool journal_writable(const struct journal *journal);

/* Take a completion with options.io_token. */
MUST_USE enum status journal_complete(struct journal *journal,
                                      const struct io_completion *completion);
/* Look after the store thread: release what it has stored, report its errors. Call every loop turn.
 */
MUST_USE enum status journal_poll(struct journal *journal);

/* Copy segment `log_index` of a shard out, from memory or the store; appended is enough.
 * STATUS_NOT_FOUND: trimmed or not there yet; STATUS_SHORT: `target_bytes` too small
 * (*segment_bytes says what it takes); STATUS_BAD_CHECKSUM: the store gave other bytes than were
 * put in; STATUS_DAMAGED: it has lost them. */
MUST_USE enum status journal_read(struct journal *journal, uint16_t shard_id, uint64_t log_index,
                                  uint8_t *target, size_t target_bytes, size_t *segment_bytes);

/* Forget segments below `log_index`, which is at most one above what is persisted (asserted): gone
 * for readers at once, from the disk a few in each of the store's transactions. */
MUST_USE enum status journal_trim(struct journal *journal, uint16_t shard_id, uint64_t log_index);

/* How full and how far, for status and metrics. */
struct journal_usage {
    uint64_t wal_bytes;
    uint64_t wal_used_bytes;    /* Persisted or not, but not yet stored. */
    uint64_t wal_written_bytes; /* Since open. */
    uint64_t wal_writes;
    uint64_t store_bytes;
    uint64_t store_used_bytes;
    uint64_t store_commits; /* Since the journal's birth. */
    uint64_t frames_recovered;
    bool store_warn;   /* 70 % of store_bytes used. */
    bool store_refuse; /* 90 %: new orders are refused, cancels are still served. */
};
void journal_usage(const struct journal *journal, struct journal_usage *usage);

#endif
