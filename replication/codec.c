/* Contexts live in memory taken once, which zstd calls static: it then never allocates by itself.
 * That part of its interface is marked as open to change, so a newer zstd must pass the tests. */
#define ZSTD_STATIC_LINKING_ONLY
#include "replication/codec.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "matching/base/assertion.h"
#include "matching/base/limits.h"

/* Below, a frame's own header costs what there is to gain. */
#define RAW_BYTES_MIN 32u

struct codec_context {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
    void *compressor_memory;
    void *decompressor_memory;
};

/* zstd chooses its parameters by level and by the size of the input, in four tiers. */
static size_t codec_compressor_bytes(int level)
{
    static const unsigned long long tiers[] = {16 << 10, 128 << 10, 256 << 10,
                                               SEGMENT_RAW_BYTES_MAX};
    size_t bytes_max = 0;
    for (size_t tier = 0; tier < sizeof tiers / sizeof tiers[0]; tier++) {
        ZSTD_compressionParameters parameters = ZSTD_getCParams(level, tiers[tier], 0);
        size_t bytes = ZSTD_estimateCCtxSize_usingCParams(parameters);
        ASSERT(!ZSTD_isError(bytes));
        bytes_max = bytes > bytes_max ? bytes : bytes_max;
    }
    return bytes_max;
}

static bool codec_set(ZSTD_CCtx *compressor, ZSTD_cParameter parameter, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(compressor, parameter, value));
}

enum status codec_create(struct codec_context **context, int level)
{
    ASSERT(context != NULL);
    *context = NULL;
    if (level < 1 || level > 9) {
        return STATUS_BAD_ARGUMENT;
    }
    struct codec_context *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return STATUS_FULL;
    }
    size_t compressor_bytes = codec_compressor_bytes(level);
    size_t decompressor_bytes = ZSTD_estimateDCtxSize();
    made->compressor_memory = malloc(compressor_bytes);
    made->decompressor_memory = malloc(decompressor_bytes);
    if (made->compressor_memory == NULL || made->decompressor_memory == NULL) {
        goto fail;
    }
    made->compressor = ZSTD_initStaticCCtx(made->compressor_memory, compressor_bytes);
    made->decompressor = ZSTD_initStaticDCtx(made->decompressor_memory, decompressor_bytes);
    if (made->compressor == NULL || made->decompressor == NULL) {
        goto fail;
    }
    /* The segment's header has the size and a better checksum. */
    if (!codec_set(made->compressor, ZSTD_c_compressionLevel, level) ||
        !codec_set(made->compressor, ZSTD_c_contentSizeFlag, 0) ||
        !codec_set(made->compressor, ZSTD_c_checksumFlag, 0)) {
        goto fail;
    }
    *context = made;
    return STATUS_OK;

fail:
    codec_destroy(made);
    return STATUS_FULL;
}

void codec_destroy(struct codec_context *context)
{
    if (context == NULL) {
        return;
    }
    free(context->compressor_memory);
    free(context->decompressor_memory);
    free(context);
}

size_t codec_bound(size_t raw_bytes)
{
    ASSERT(raw_bytes <= SEGMENT_RAW_BYTES_MAX);
    return raw_bytes; /* What would grow is stored as it is. */
}

/* Whether it is worth a try. Packed columns (matching/command_columns.h) are bits without a pattern
 * mostly; zstd takes ten times as long to find that out as this takes. The sum of squared counts of
 * the byte values is n + n (n - 1) / 256 for n random bytes, and more when some values are
 * frequent, as in text, rows and raw records. */
static bool codec_promising(const uint8_t *raw, size_t raw_bytes)
{
    if (raw_bytes < RAW_BYTES_MIN) {
        return false;
    }
    uint32_t counts[256] = {0};
    for (size_t at = 0; at < raw_bytes; at++) {
        counts[raw[at]]++;
    }
    uint64_t squares = 0;
    for (size_t value = 0; value < 256; value++) {
        squares += (uint64_t)counts[value] * counts[value];
    }
    uint64_t random_squares = raw_bytes + (uint64_t)raw_bytes * (raw_bytes - 1) / 256;
    return squares > random_squares + random_squares / 2;
}

void codec_compress(struct codec_context *context, void *target, size_t target_bytes,
                    const void *raw, size_t raw_bytes, enum codec *codec, size_t *stored_bytes)
{
    ASSERT(raw_bytes <= SEGMENT_RAW_BYTES_MAX);
    ASSERT(target_bytes >= codec_bound(raw_bytes));
    if (codec_promising(raw, raw_bytes)) {
        size_t bytes = ZSTD_compress2(context->compressor, target, raw_bytes - 1, raw, raw_bytes);
        if (!ZSTD_isError(bytes)) { /* The only error left is that it did not fit. */
            ASSERT(bytes > 0 && bytes < raw_bytes);
            *codec = CODEC_ZSTD;
            *stored_bytes = bytes;
            return;
        }
    }
    memcpy(target, raw, raw_bytes);
    *codec = CODEC_STORED;
    *stored_bytes = raw_bytes;
}

enum status codec_decompress(struct codec_context *context, void *target, size_t raw_bytes,
                             uint8_t codec, const void *stored, size_t stored_bytes)
{
    if (raw_bytes > SEGMENT_RAW_BYTES_MAX) {
        return STATUS_BAD_FORMAT;
    }
    switch (codec) {
    case CODEC_STORED:
        if (stored_bytes != raw_bytes) {
            return STATUS_BAD_FORMAT;
        }
        memcpy(target, stored, raw_bytes);
        return STATUS_OK;
    case CODEC_ZSTD:
        /* Exactly one frame: zstd itself would go on with whatever stands behind it. */
        if (ZSTD_findFrameCompressedSize(stored, stored_bytes) != stored_bytes) {
            return STATUS_BAD_FORMAT;
        }
        return ZSTD_decompressDCtx(context->decompressor, target, raw_bytes, stored,
                                   stored_bytes) == raw_bytes
                   ? STATUS_OK
                   : STATUS_BAD_FORMAT;
    default: /* Bytes from a disk or a peer may hold any value. */
        return STATUS_BAD_VERSION;
    }
}
