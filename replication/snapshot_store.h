/* Snapshots of a site's shards as files: written, kept, read, served to other sites and fetched
 * from them.
 *
 * What a snapshot consists of is opaque here: named parts, cut into chunks, each hashed; a signed
 * manifest binds them to a place in the log (snapshot_manifest.h). A snapshot is a directory that
 * appears under its name only when everything in it is durable; a name is never written to again.
 * Layout on disk: protocol.md, "Snapshots".
 *
 * Blocking: files are read, written and synced in the calls. One thread owns a store and all that
 * it has opened. On one directory one store writes and keeps. Others, opened without a signer and
 * by any thread, read, fetch and set aside: their directories and the writer's are never the same,
 * and what is open stays readable when it is removed. */
#ifndef REPLICATION_SNAPSHOT_STORE_H
#define REPLICATION_SNAPSHOT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/snapshot_manifest.h"

struct snapshot_store;

struct snapshot_store_options {
    const char *directory; /* Made when missing, mode 0700; its parent must be there. */
    uint64_t cluster_id;
    const struct segment_signer *signer;      /* NULL: not the one that writes and keeps. */
    const struct segment_verifier *verifiers; /* Whose manifests count; outlive the store. */
    uint32_t verifier_count;
};

/* With a signer: removes what an earlier process left half written or removed. `*store` is set
 * even when the status is not STATUS_OK, for snapshot_store_error(); NULL only with STATUS_FULL, no
 * memory. STATUS_NOT_FOUND, STATUS_DENIED, STATUS_NO_SPACE, STATUS_IO, STATUS_BAD_ARGUMENT (the
 * path is too long). */
MUST_USE enum status snapshot_store_open(struct snapshot_store **store,
                                         const struct snapshot_store_options *options);
void snapshot_store_close(struct snapshot_store *store);

/* So many verifiers stand now where options.verifiers points, those from before among them. */
void snapshot_store_trust(struct snapshot_store *store, uint32_t verifier_count);

/* A sentence for the operator about the last error of any call. */
const char *snapshot_store_error(const struct snapshot_store *store);

/* The log indexes at which there are snapshots of the shard, the newest first; returns how many.
 * They are there by name: whether they are good is known when they are opened. */
uint32_t snapshot_store_list(struct snapshot_store *store, uint16_t shard_id,
                             uint64_t log_indexes[static SNAPSHOT_KEPT_MAX]);

/* Keep the newest `count` (from 2) good ones of the shard up to `newest_log_index`, and remove what
 * is older, but not the one at `spared_log_index` (0: none), which somebody is fetching, nor
 * anything when fewer are good. Those above, fetched and not installed yet, neither count nor go.
 * `*oldest_log_index`: of the oldest one kept of the `count`; 0 when there are fewer: below it the
 * journal may be trimmed. */
MUST_USE enum status snapshot_store_keep(struct snapshot_store *store, uint16_t shard_id,
                                         uint32_t count, uint64_t newest_log_index,
                                         uint64_t spared_log_index, uint64_t *oldest_log_index);

/* Take one out of sight for good, whatever is wrong with it, but leave its files as evidence. Of
 * those set aside of the shard SNAPSHOT_BAD_KEPT stay: this one, and the newest others;
 * `*removed_count`: so many went for it. STATUS_NOT_FOUND; what renaming says; it is out of sight
 * also when removing others fails. */
MUST_USE enum status snapshot_store_set_aside(struct snapshot_store *store, uint16_t shard_id,
                                              uint64_t log_index, uint32_t *removed_count);

/* ---- Writing: one at a time ---- */

/* Begin one of what `facts` say; parts, cluster, key and hashes in it mean nothing. What was begun
 * before is abandoned. Any error from here to the commit: abandon it, nothing has changed.
 * STATUS_EXISTS: there is one at this place already. STATUS_NO_SPACE, STATUS_DENIED, STATUS_IO. */
MUST_USE enum status snapshot_store_write_begin(struct snapshot_store *store,
                                                const struct snapshot_manifest *facts);
/* The bytes that follow belong to a part of this name. At least one, at most SNAPSHOT_PARTS_MAX. */
MUST_USE enum status snapshot_store_write_part(struct snapshot_store *store, const char *name);
/* STATUS_FULL: more than SNAPSHOT_CHUNKS_MAX chunks. */
MUST_USE enum status snapshot_store_write(struct snapshot_store *store, const uint8_t *bytes,
                                          size_t count);
/* Sign, sync, publish. At STATUS_OK it is durable. */
MUST_USE enum status snapshot_store_write_commit(struct snapshot_store *store);
void snapshot_store_write_abandon(struct snapshot_store *store);

/* ---- Reading ---- */

struct snapshot_source;

/* Open the one at this place and verify its manifest. STATUS_NOT_FOUND; STATUS_FOREIGN,
 * STATUS_UNKNOWN_KEY, STATUS_BAD_SIGNATURE, STATUS_BAD_VERSION; STATUS_DAMAGED: the manifest is not
 * what was written, or a part is cut; STATUS_FULL without memory. */
MUST_USE enum status snapshot_store_source(struct snapshot_store *store, uint16_t shard_id,
                                           uint64_t log_index, struct snapshot_source **source);
const struct snapshot_manifest *
snapshot_store_source_manifest(const struct snapshot_source *source);
void snapshot_store_source_close(struct snapshot_source *source);

/* Chunk `index` of all (snapshot_manifest_chunk()), verified. STATUS_DAMAGED, STATUS_IO. */
MUST_USE enum status snapshot_store_source_chunk(struct snapshot_source *source, uint32_t index,
                                                 uint8_t target[static SNAPSHOT_CHUNK_BYTES],
                                                 uint32_t *bytes);

/* For another site, the snapshot is a row of bytes: manifest, then part after part. Fill `target`
 * from `offset` on: to the end of the manifest or chunk that it lies in, at most `bytes_max`.
 * Chunks are verified before. `*total_bytes`: of the row. STATUS_BAD_ARGUMENT: beyond its end. */
MUST_USE enum status snapshot_store_source_serve(struct snapshot_source *source, uint64_t offset,
                                                 uint8_t *target, uint32_t bytes_max,
                                                 uint32_t *bytes, uint64_t *total_bytes);

/* ---- Fetching from another site ---- */

struct snapshot_incoming;

/* Begin, or go on after a restart: to fetch the snapshot of a shard at `position`. Chunks that are
 * here already are verified again. STATUS_EXISTS: it is here whole. */
MUST_USE enum status snapshot_store_incoming(struct snapshot_store *store, uint16_t shard_id,
                                             const struct replica_position *position,
                                             struct snapshot_incoming **incoming);
/* What is missing first at or behind `offset` of the row: ask for `*bytes_max` bytes at
 * `*wanted_offset`. False: nothing. Until the manifest is whole there is only one such place. */
bool snapshot_store_incoming_next(const struct snapshot_incoming *incoming, uint64_t offset,
                                  uint64_t *wanted_offset, uint32_t *bytes_max);
/* Take in what came, in any order; what is here already is left alone. A bad piece changes nothing:
 * STATUS_BAD_FORMAT (not where a piece may be), STATUS_BAD_CHECKSUM (of a chunk: ask again, or
 * another site). The manifest at fault: STATUS_FOREIGN, STATUS_UNKNOWN_KEY, STATUS_BAD_SIGNATURE,
 * STATUS_BAD_VERSION, STATUS_BAD_CHAIN (of another position): drop it, ask another site. */
MUST_USE enum status snapshot_store_incoming_take(struct snapshot_incoming *incoming,
                                                  uint64_t offset, const uint8_t *bytes,
                                                  uint32_t count, uint64_t total_bytes);
/* Everything is here: sync and publish; the incoming is gone, the snapshot durable.
 * STATUS_NOT_YET: something is missing. */
MUST_USE enum status snapshot_store_incoming_finish(struct snapshot_incoming *incoming);
/* Remove what has been fetched in part of the shard, but not at `spared_log_index` (0: all of it);
 * nothing of it may be open. */
MUST_USE enum status snapshot_store_incoming_clean(struct snapshot_store *store, uint16_t shard_id,
                                                   uint64_t spared_log_index);
/* Bytes of the row that are here, and of all; 0 as long as that is not known. */
void snapshot_store_incoming_progress(const struct snapshot_incoming *incoming, uint64_t *bytes,
                                      uint64_t *total_bytes);
/* Forget it; what is here stays for the next time, or goes. */
void snapshot_store_incoming_close(struct snapshot_incoming *incoming);
void snapshot_store_incoming_drop(struct snapshot_incoming *incoming);

#endif
