/* A block of a session stream as bytes: consecutive events as columns (event_columns.h),
 * compressed. The session store's file and snapshots hold the same bytes, so that blocks can go
 * from one to the other as they are.
 *
 * The bytes follow from the events alone, and from the version of zstd: not from what was packed
 * before, nor from the size of a buffer. Memory is taken once. One thread at a time. */
#ifndef GATEWAY_STREAM_PACKER_H
#define GATEWAY_STREAM_PACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/event.h"

/* What must be known beside the stored bytes to unpack them. */
struct stream_packer_sizes {
    uint32_t stored_bytes; /* A frame of zstd, then the dense bytes. */
    uint32_t raw_bytes;    /* What the frame holds. */
    uint16_t dense_bytes;  /* Bits that no compressor makes fewer, stored as they are. */
};

struct stream_packer;

/* For blocks of up to `events_max` events, 1 .. EVENT_COLUMNS_EVENTS_MAX. STATUS_FULL: no memory.
 */
MUST_USE enum status stream_packer_create(struct stream_packer **packer, uint32_t events_max);
void stream_packer_destroy(struct stream_packer *packer);

/* Bytes of its working memory, without what zstd takes. */
size_t stream_packer_memory(const struct stream_packer *packer);

/* The most stored bytes that a block of `count` events can have. */
size_t stream_packer_bound(uint32_t count);

/* Whether a block of `count` events can have these sizes, which came from elsewhere. */
bool stream_packer_fits(const struct stream_packer_sizes *sizes, uint32_t count);

/* Pack `count` (1 .. events_max) events into `stored`, which has room for the bound of `count`. */
void stream_packer_pack(struct stream_packer *packer, const struct event *const *events,
                        uint32_t count, uint8_t *stored, struct stream_packer_sizes *sizes);

/* The inverse, of any bytes: `sizes` fit (asserted), `stored` holds so many. Fills all but
 * session_id and sequence, which are zero. STATUS_BAD_FORMAT: it is not one frame and dense bytes
 * of exactly `count` events; their content is then unspecified. What is accepted need not be what
 * packing the events gives: another compressor's frame, say. */
MUST_USE enum status stream_packer_unpack(struct stream_packer *packer, const uint8_t *stored,
                                          const struct stream_packer_sizes *sizes,
                                          struct event *const *events, uint32_t count);

#endif
