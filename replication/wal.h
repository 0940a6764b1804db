/* The write-ahead ring: one preallocated file, written in frames by O_DIRECT|O_DSYNC writes.
 *
 * The whole ring has its image in memory: a frame is built at its place there, written from there,
 * and read from there by the store until it is released. One loop thread owns it; the store's
 * thread reads frames that have been published to it. Layout: protocol.md, "Journal", 2.
 *
 * A frame counts as persisted when it and all before it are. Its place is used again only after
 * wal_release() has passed it. */
#ifndef REPLICATION_WAL_H
#define REPLICATION_WAL_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "replication/io/io.h"
#include "replication/journal_file.h"
#include "replication/wal_chain.h"
#include "replication/wal_frame.h"
#include "replication/wal_record.h"

#define WAL_NAME "wal.ring"

/* Frames of term and vote that fit when the ring is full for everything else. */
#define WAL_VOTES_RESERVED 64u
/* Kept free for them; at the ring's end up to one largest frame is passed over. */
#define WAL_RESERVED_BYTES (WAL_VOTES_RESERVED * WAL_ALIGNMENT_BYTES + WAL_FRAME_BYTES_MAX)

struct wal_write {
    uint64_t number; /* Frame in flight; 0: none. */
    uint64_t start_position;
    uint64_t end_position;
    uint32_t handle; /* One for each write in flight: a completion names its write by it. */
    bool done;
};

struct wal {
    struct io *io;
    uint64_t io_token;
    char path[JOURNAL_PATH_BYTES];
    uint8_t *file; /* Image of the whole file, file_bytes long, aligned to a page. */
    bool lent;     /* Its memory is somebody else's. */
    uint64_t file_bytes;
    struct wal_image image; /* The ring in it. */
    uint32_t writes_max;
    uint32_t handles; /* Opened so far. */
    uint8_t start_nonce[WAL_NONCE_BYTES];

    struct wal_place closed; /* Behind the last frame that has been closed. */
    uint32_t records_bytes;  /* In the frame being filled, which starts at wal_chain_start(). */
    uint32_t records_count;
    struct wal_write writes[WAL_WRITES_IN_FLIGHT_MAX]; /* Index: frame number modulo writes_max. */
    uint64_t persisted_number;
    uint64_t persisted_position;
    uint64_t released_position;

    uint64_t written_bytes; /* Since open. */
    uint64_t written_count;
};

/* The first block of a ring's file. */
void wal_header_store(uint8_t block[static JOURNAL_BLOCK_BYTES],
                      const uint8_t incarnation[static WAL_KEY_BYTES], uint64_t wal_bytes);

/* Create PATH anew, zeros really written, synced. */
MUST_USE enum status wal_create(const char *path, const uint8_t incarnation[static WAL_KEY_BYTES],
                                uint64_t wal_bytes, struct journal_error *error);

/* Map the image (or use `memory`, wal_bytes of it aligned to a page, which outlives the wal; NULL:
 * its own), open the file and read it whole. STATUS_FOREIGN when it belongs to another
 * journal, STATUS_DAMAGED when its first block is unreadable or it is too short, STATUS_IO for a
 * disk error: never guessed around. Close it in any case. */
MUST_USE enum status wal_open(struct wal *wal, struct io *io, const char *path, uint64_t wal_bytes,
                              const uint8_t incarnation[static WAL_KEY_BYTES], uint32_t writes_max,
                              uint64_t io_token, uint8_t *memory, struct journal_error *error);

/* Write the frames again that stand between two places of the chain: the same bytes at the same
 * place, so that a power cut in between changes nothing, but durable when it returns. */
MUST_USE enum status wal_rewrite(struct wal *wal, const struct wal_place *from,
                                 const struct wal_place *to, struct journal_error *error);

/* Recovery is done, everything up to `place` is stored: go on behind it under a new nonce, with a
 * first frame that says so, durable when this returns. */
MUST_USE enum status wal_start(struct wal *wal, const struct wal_place *place,
                               struct journal_error *error);

/* Wait for writes in flight and take their completions; those of others are dropped. */
MUST_USE enum status wal_finish(struct wal *wal, struct journal_error *error);
/* Close the file and free the image, which nobody reads any more. Nothing is in flight. */
void wal_close(struct wal *wal);

/* Room for one more record of `record_bytes` (wal_record_bytes()) in the frame being filled;
 * `vote`: it may use what is reserved. */
bool wal_frame_fits(const struct wal *wal, uint32_t record_bytes, bool vote);
/* The same for a frame of its own behind the one being filled. */
bool wal_ring_fits(const struct wal *wal, uint32_t record_bytes, bool vote);

/* Put a record, which fits, into the frame being filled. Returns the position of its first byte,
 * where it stays readable until released. */
uint64_t wal_append(struct wal *wal, const struct wal_record *record);

/* Another write may start: fewer than writes_max frames are closed and not persisted. */
bool wal_writable(const struct wal *wal);

/* Close the frame being filled, which is not empty, and start writing it; wal_writable(). Returns
 * its number. */
uint64_t wal_write(struct wal *wal);

/* Take a completion. persisted_number may have grown. Any error is final. */
MUST_USE enum status wal_complete(struct wal *wal, const struct io_completion *completion,
                                  struct journal_error *error);

/* Frames before `position` may be overwritten: the store holds them durably. */
void wal_release(struct wal *wal, uint64_t position);

/* Bytes of the ring in use, the frame being filled included. */
uint64_t wal_used_bytes(const struct wal *wal);

#endif
