/* A manifest of any bytes is decoded within bounds; what decodes keeps the ranges that readers rely
 * on, is signed by nobody, and written again it is the same but for its signature. */
#include "replication/snapshot_manifest.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a header of the right kind: few random bytes would get beyond the first checks. */
static void fuzz_dress(uint8_t *bytes, size_t size)
{
    static const uint8_t dress[] = {'C', 'W', 'S', 'M', 1, 0, 0xA8, 0x09};
    static const uint8_t chunk[] = {0, 0, 4, 0};
    memcpy(bytes, dress, size < sizeof dress ? size : sizeof dress);
    if (size >= 16) {
        memcpy(bytes + 12, chunk, sizeof chunk);
    }
}

static void fuzz_decode(const uint8_t *source, size_t size)
{
    struct snapshot_manifest manifest;
    enum status status = snapshot_manifest_decode(&manifest, source, size);
    if (status != STATUS_OK) {
        return;
    }
    ASSERT(snapshot_manifest_bytes(&manifest) == size);
    ASSERT(manifest.shard_id >= 1);
    ASSERT(manifest.shard_id <= SHARDS_MAX);
    ASSERT(manifest.part_count >= 1);
    uint64_t bytes = 0;
    uint32_t chunks = snapshot_manifest_chunks_all(&manifest);
    for (uint32_t i = 0; i < chunks; i++) {
        struct snapshot_chunk chunk;
        snapshot_manifest_chunk(&manifest, i, &chunk);
        ASSERT(chunk.bytes > 0);
        ASSERT(chunk.offset + chunk.bytes <= manifest.parts[chunk.part].bytes);
        bytes += chunk.bytes;
    }
    ASSERT(bytes == snapshot_manifest_content_bytes(&manifest));
    static const struct segment_verifier nobody;
    ASSERT(snapshot_manifest_verify(&manifest, source, manifest.cluster_id, manifest.shard_id,
                                    &nobody, 1) != STATUS_OK);
    static const struct segment_signer signer = {.key_id = {1}};
    uint8_t *again = malloc(size);
    ASSERT(again != NULL);
    memcpy(again, source, size);
    snapshot_manifest_encode(&manifest, again, &signer);
    memcpy(again + SNAPSHOT_MANIFEST_HEADER_BYTES - 72,
           source + SNAPSHOT_MANIFEST_HEADER_BYTES - 72, 72);
    ASSERT(memcmp(again, source, size) == 0);
    free(again);
}

/* The input as lengths of parts and a list, put into a manifest that is right. */
static void fuzz_encode(const uint8_t *data, size_t size)
{
    static const struct segment_signer signer = {.key_id = {1}};
    struct snapshot_manifest manifest = {.shard_id = (uint16_t)(1 + data[0] % SHARDS_MAX),
                                         .position = {.log_index = 1 + data[1], .term = 1},
                                         .next_command_sequence = 1,
                                         .part_count = 1 + data[2] % SNAPSHOT_PARTS_MAX};
    for (uint32_t i = 0; i < manifest.part_count; i++) {
        manifest.parts[i].name[0] = (char)('a' + i);
        manifest.parts[i].bytes = data[3 + i] * UINT64_C(65537);
    }
    size_t bytes = snapshot_manifest_bytes(&manifest);
    uint8_t *target = calloc(1, bytes);
    ASSERT(target != NULL);
    size_t list = bytes - SNAPSHOT_MANIFEST_HEADER_BYTES;
    memcpy(target + SNAPSHOT_MANIFEST_HEADER_BYTES, data, list < size ? list : size);
    snapshot_manifest_encode(&manifest, target, &signer);
    fuzz_decode(target, bytes);
    struct snapshot_manifest decoded;
    enum status status = snapshot_manifest_decode(&decoded, target, bytes);
    ASSERT(status == STATUS_OK);
    target[data[7] * 256u % bytes] ^= data[8];
    status = snapshot_manifest_decode(&decoded, target, bytes);
    ASSERT(status == STATUS_OK || data[8] != 0);
    free(target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 10) {
        return 0;
    }
    if (data[9] % 2 == 0) {
        fuzz_encode(data, size);
        return 0;
    }
    uint8_t *copy = malloc(size);
    ASSERT(copy != NULL);
    memcpy(copy, data, size);
    if (data[9] % 4 == 1) {
        fuzz_dress(copy, size);
    }
    fuzz_decode(copy, size);
    free(copy);
    return 0;
}
