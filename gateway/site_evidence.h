/* Tails that this site had in its journal and that were never committed (DESIGN 6, rule 8): kept,
 * listed, never merged.
 *
 * One file a cut, below the data directory: the segments as they were sealed, one behind the other
 * and nothing else, so each proves itself with public keys alone (`causeway journal evidence`). The
 * name says shard, log indexes, the last term and how the last chain hash begins, so that a file
 * that has lost something is seen, and the same tail has the same name. It is written as
 * "new-shard-N", synced, renamed, and the directory is synced: what has a final name is whole, and
 * stays until an operator takes it away. All that happens on the loop thread, before the journal is
 * told to drop anything (shard.h): rare, and no more than a leader has in flight; only before a
 * snapshot takes the place of a log it can be more. It never takes the last of a file system:
 * others write there, and for them that would be the end. 64 MiB are left, or a tenth of what is
 * free where that is less. Loop thread only. */
#ifndef GATEWAY_SITE_EVIDENCE_H
#define GATEWAY_SITE_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/journal_error.h"
#include "replication/segment.h"

#define SITE_EVIDENCE_NAME_BYTES 128u

struct site_evidence {
    const char *data;       /* The site's data directory; outlives this. */
    uint64_t files;         /* Kept: found by site_evidence_open(), and since. */
    uint64_t bytes;         /* Of those. */
    bool waits[SHARDS_MAX]; /* Of shard id - 1: there was no room, and it has been said. */
    uint64_t wanted_bytes[SHARDS_MAX]; /* Likewise: at least so much is to be kept. */
    struct journal_error error; /* Of the last call that failed; empty since a tail was kept. */
    /* The file being written. */
    bool writing;
    int file;
    uint16_t shard_id;
    uint64_t first_log_index;
    uint64_t segments;
    uint64_t commands;
    uint64_t written_bytes;
    uint64_t reserve_bytes; /* To be left free. */
    struct segment last;    /* Without its payload. */
};

/* What a tail that ends with `last` is called. */
void site_evidence_name(char name[static SITE_EVIDENCE_NAME_BYTES], uint64_t first_log_index,
                        const struct segment *last);
/* Whether a file of the directory has such a name. */
bool site_evidence_is_named(const char *name);

/* Count what is there. No directory is none. STATUS_DENIED or STATUS_IO: it cannot be looked at,
 * and `error` says why. */
MUST_USE enum status site_evidence_open(struct site_evidence *evidence, const char *data);

/* One more segment of a shard's tail, oldest first, then the end: from then on it is durable under
 * its name. STATUS_NO_SPACE: nothing is kept, begin again with the first; before there is more room
 * than it was then known to take, nothing is written. STATUS_BAD_FORMAT: that is no segment;
 * STATUS_DENIED, STATUS_NOT_FOUND, STATUS_IO: the directory or the disk is at fault. The end of
 * nothing is fine. */
MUST_USE enum status site_evidence_add(struct site_evidence *evidence, uint16_t shard_id,
                                       const uint8_t *segment, size_t segment_bytes);
MUST_USE enum status site_evidence_end(struct site_evidence *evidence, uint16_t shard_id);

#endif
