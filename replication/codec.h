/* Compression of a segment's payload: zstd with bounds checked before anything is allocated.
 *
 * One codec_context per thread; made at start, nothing is allocated afterwards. */
#ifndef REPLICATION_CODEC_H
#define REPLICATION_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

/* Values are the format: never renumber. */
enum codec {
    CODEC_STORED = 1, /* As it is: what would not shrink. */
    CODEC_ZSTD = 2,
};

struct codec_context;

/* `level` 1 .. 9. STATUS_BAD_ARGUMENT for another level, STATUS_FULL without memory. */
MUST_USE enum status codec_create(struct codec_context **context, int level);
void codec_destroy(struct codec_context *context);

/* Largest stored size of `raw_bytes` (at most SEGMENT_RAW_BYTES_MAX). */
size_t codec_bound(size_t raw_bytes);

/* Compress; sets `*codec` and `*stored_bytes` (never above codec_bound()). Asserts on sizes. */
void codec_compress(struct codec_context *context, void *target, size_t target_bytes,
                    const void *raw, size_t raw_bytes, enum codec *codec, size_t *stored_bytes);

/* Decompress exactly `raw_bytes`, as the verified header says; `codec` is its byte as found.
 * STATUS_BAD_FORMAT when the bytes are not that; STATUS_BAD_VERSION for an unknown codec. */
MUST_USE enum status codec_decompress(struct codec_context *context, void *target, size_t raw_bytes,
                                      uint8_t codec, const void *stored, size_t stored_bytes);

#endif
