/* A header of any bytes is opened within bounds; what opens keeps the ranges that readers rely on;
 * a payload of any bytes decompresses within bounds; and what was sealed opens as it was sealed. */
#include "replication/segment.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct codec_context *fuzz_codec(void)
{
    static struct codec_context *context;
    if (context == NULL) {
        enum status status = codec_create(&context, 1);
        ASSERT(status == STATUS_OK);
    }
    return context;
}

static void fuzz_open(const uint8_t *data, size_t size)
{
    struct segment segment;
    if (segment_open(&segment, data, size) != STATUS_OK) {
        return;
    }
    ASSERT(segment_bytes(&segment) <= size);
    ASSERT(segment.raw_bytes <= SEGMENT_RAW_BYTES_MAX);
    ASSERT(segment.command_count <= SEGMENT_COMMANDS_MAX);
    static const struct segment_verifier nobody;
    (void)segment_verify_payload(&segment);
    ASSERT(segment_verify_signature(&segment, data, &nobody, 1) != STATUS_OK);
    uint8_t *raw = malloc(segment.raw_bytes + 1);
    ASSERT(raw != NULL);
    (void)codec_decompress(fuzz_codec(), raw, segment.raw_bytes, segment.codec, segment.payload,
                           segment.stored_bytes);
    free(raw);
}

/* Compress and seal the input as a payload, then go all the way back. */
static void fuzz_seal(const uint8_t *data, size_t size)
{
    static uint8_t target[SEGMENT_BYTES_MAX];
    static uint8_t raw[SEGMENT_RAW_BYTES_MAX];
    static const struct segment_signer signer = {.key_id = {1}};
    struct segment segment = {.shard_id = 1,
                              .term = 1,
                              .log_index = 2,
                              .first_command_sequence = 1,
                              .command_count = 1,
                              .raw_bytes = (uint32_t)size};
    enum codec codec;
    size_t stored_bytes;
    codec_compress(fuzz_codec(), target + SEGMENT_HEADER_BYTES,
                   sizeof target - SEGMENT_HEADER_BYTES, data, size, &codec, &stored_bytes);
    segment.codec = (uint8_t)codec;
    segment.stored_bytes = (uint32_t)stored_bytes;
    segment_seal(&segment, target, sizeof target, &signer);
    struct segment opened;
    enum status status = segment_open(&opened, target, segment_bytes(&segment));
    ASSERT(status == STATUS_OK);
    ASSERT(memcmp(opened.chain_hash, segment.chain_hash, SEGMENT_HASH_BYTES) == 0);
    ASSERT(opened.raw_bytes == size);
    ASSERT(segment_verify_payload(&opened) == STATUS_OK);
    status = codec_decompress(fuzz_codec(), raw, opened.raw_bytes, opened.codec, opened.payload,
                              opened.stored_bytes);
    ASSERT(status == STATUS_OK);
    ASSERT(memcmp(raw, data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* Headers that are right but for what the fuzzer changes get further than any bytes do. */
    static const uint8_t start[12] = {'C', 'W', 'S', 'G', 1, 0, 0, 0, SEGMENT_HEADER_BYTES,
                                      0,   1,   0};
    fuzz_open(data, size);
    if (size > SEGMENT_HEADER_BYTES) {
        uint8_t *copy = malloc(size);
        ASSERT(copy != NULL);
        memcpy(copy, data, size);
        memcpy(copy, start, sizeof start);
        fuzz_open(copy, size);
        free(copy);
    }
    if (size > 0 && size <= SEGMENT_RAW_BYTES_MAX) {
        fuzz_seal(data, size);
    }
    return 0;
}
