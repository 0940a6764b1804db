#include "gateway/stream_packer.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "gateway/event_columns.h"
#include "matching/base/assertion.h"

/* Fast rather than small: columns have done most of the work before. */
#define PACKER_ZSTD_LEVEL 1

struct stream_packer {
    uint32_t events_max;
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *expander;
    struct event_columns_scratch *scratch;
    uint8_t *raw; /* Bound of the columns of events_max. */
};

enum status stream_packer_create(struct stream_packer **target, uint32_t events_max)
{
    ASSERT(events_max > 0);
    ASSERT(events_max <= EVENT_COLUMNS_EVENTS_MAX);
    *target = NULL;
    struct stream_packer *packer = calloc(1, sizeof *packer);
    if (packer == NULL) {
        return STATUS_FULL;
    }
    packer->events_max = events_max;
    packer->compressor = ZSTD_createCCtx();
    packer->expander = ZSTD_createDCtx();
    packer->scratch = malloc(event_columns_scratch_bytes());
    packer->raw = malloc(event_columns_bound(events_max));
    if (packer->compressor == NULL || packer->expander == NULL || packer->scratch == NULL ||
        packer->raw == NULL) {
        stream_packer_destroy(packer);
        return STATUS_FULL;
    }
    *target = packer;
    return STATUS_OK;
}

void stream_packer_destroy(struct stream_packer *packer)
{
    if (packer != NULL) {
        (void)ZSTD_freeCCtx(packer->compressor);
        (void)ZSTD_freeDCtx(packer->expander);
        free(packer->scratch);
        free(packer->raw);
        free(packer);
    }
}

size_t stream_packer_memory(const struct stream_packer *packer)
{
    ASSERT(packer != NULL);
    return sizeof *packer + event_columns_scratch_bytes() + event_columns_bound(packer->events_max);
}

size_t stream_packer_bound(uint32_t count)
{
    /* The dense part is stored as it is, which is less than the bound has for it. */
    return ZSTD_compressBound(event_columns_bound(count));
}

bool stream_packer_fits(const struct stream_packer_sizes *sizes, uint32_t count)
{
    return sizes->dense_bytes <= sizes->stored_bytes &&
           sizes->stored_bytes <= stream_packer_bound(count) &&
           (size_t)sizes->raw_bytes + sizes->dense_bytes <= event_columns_bound(count);
}

void stream_packer_pack(struct stream_packer *packer, const struct event *const *events,
                        uint32_t count, uint8_t *stored, struct stream_packer_sizes *sizes)
{
    ASSERT(count > 0);
    ASSERT(count <= packer->events_max);
    struct event_columns_packed packed =
        event_columns_pack(packer->raw, events, count, packer->scratch);
    size_t raw_bytes = packed.bytes - packed.dense_bytes;
    /* Told of as much room as it can need and no more: what it makes must not depend on that. */
    size_t compressed = ZSTD_compressCCtx(packer->compressor, stored, ZSTD_compressBound(raw_bytes),
                                          packer->raw, raw_bytes, PACKER_ZSTD_LEVEL);
    ASSERT(!ZSTD_isError(compressed));
    memcpy(stored + compressed, packer->raw + raw_bytes, packed.dense_bytes);
    *sizes = (struct stream_packer_sizes){
        .stored_bytes = (uint32_t)(compressed + packed.dense_bytes),
        .raw_bytes = (uint32_t)raw_bytes,
        .dense_bytes = (uint16_t)packed.dense_bytes,
    };
    ASSERT(stream_packer_fits(sizes, count));
}

enum status stream_packer_unpack(struct stream_packer *packer, const uint8_t *stored,
                                 const struct stream_packer_sizes *sizes,
                                 struct event *const *events, uint32_t count)
{
    ASSERT(count > 0 && count <= packer->events_max);
    ASSERT(stream_packer_fits(sizes, count));
    size_t compressed = sizes->stored_bytes - sizes->dense_bytes;
    /* One frame that says its size, as every writer's: nothing else is carried along. */
    if (ZSTD_getFrameContentSize(stored, compressed) != sizes->raw_bytes ||
        ZSTD_findFrameCompressedSize(stored, compressed) != compressed ||
        ZSTD_decompressDCtx(packer->expander, packer->raw, sizes->raw_bytes, stored, compressed) !=
            sizes->raw_bytes) {
        return STATUS_BAD_FORMAT;
    }
    memcpy(packer->raw + sizes->raw_bytes, stored + compressed, sizes->dense_bytes);
    struct event_columns_packed packed = {
        .bytes = (size_t)sizes->raw_bytes + sizes->dense_bytes,
        .dense_bytes = sizes->dense_bytes,
    };
    return event_columns_unpack(events, count, packer->raw, packed, packer->scratch);
}
