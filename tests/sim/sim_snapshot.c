#include "tests/sim/sim_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "matching/snapshot.h"

#define SNAPSHOT_STEP_BYTES (16u << 10) /* What writers are asked for at a time. */

struct snapshot_bytes {
    uint8_t *bytes;
    size_t count;
    size_t capacity;
};

void sim_snapshot_free(struct sim_snapshot *snapshot)
{
    free(snapshot->row);
    *snapshot = (struct sim_snapshot){0};
    ASSERT(snapshot->row == NULL);
}

static uint8_t *snapshot_room(struct snapshot_bytes *content)
{
    if (content->capacity - content->count < SNAPSHOT_STEP_BYTES) {
        content->capacity = 2 * content->capacity + 4 * SNAPSHOT_STEP_BYTES;
        content->bytes = realloc(content->bytes, content->capacity);
        ASSERT(content->bytes != NULL);
    }
    return content->bytes + content->count;
}

static void snapshot_engine(struct snapshot_bytes *content, const struct engine *engine)
{
    struct snapshot_writer writer;
    enum status status;
    snapshot_write_start(&writer, engine);
    do {
        size_t bytes = 0;
        status = snapshot_write(&writer, snapshot_room(content), SNAPSHOT_STEP_BYTES, &bytes);
        content->count += bytes;
    } while (status == STATUS_MORE);
    ASSERT(status == STATUS_OK);
}

static void snapshot_streams(struct snapshot_bytes *content, struct session_store *store,
                             struct session_store_snapshot *streams, uint32_t sessions_max)
{
    enum status status;
    session_store_snapshot_write_start(streams, store, sessions_max);
    do {
        size_t bytes = 0;
        status = session_store_snapshot_write(streams, snapshot_room(content), SNAPSHOT_STEP_BYTES,
                                              &bytes);
        content->count += bytes;
    } while (status == STATUS_MORE);
    ASSERT(status == STATUS_OK);
}

static void snapshot_facts(struct snapshot_manifest *manifest, uint64_t cluster_id,
                           uint16_t shard_id, const struct shard_origin *origin,
                           const struct engine *engine)
{
    static_assert(PLACEMENT_RECORD_BYTES <= SNAPSHOT_MANIFEST_MEMBERSHIP_BYTES, "it has room");
    *manifest = (struct snapshot_manifest){.cluster_id = cluster_id,
                                           .shard_id = shard_id,
                                           .position = origin->position,
                                           .next_command_sequence = origin->next_command_sequence,
                                           .last_timestamp_ns = origin->last_timestamp_ns,
                                           .event_hash = engine_event_hash(engine),
                                           .part_count = 2};
    manifest->membership.log_index = origin->placement_log_index;
    manifest->membership.bytes_count = PLACEMENT_RECORD_BYTES;
    placement_record_store(manifest->membership.bytes, &origin->placement);
    memcpy(manifest->parts[0].name, "engine", 6);
    memcpy(manifest->parts[1].name, "streams", 7);
}

void sim_snapshot_make(struct sim_snapshot *snapshot, uint64_t cluster_id, uint16_t shard_id,
                       const struct shard_origin *origin, const struct site_market *market,
                       struct session_store_snapshot *streams, uint32_t sessions_max,
                       const struct segment_signer *signer)
{
    struct snapshot_bytes content = {0};
    struct snapshot_manifest manifest;
    ASSERT(snapshot->row == NULL);
    snapshot_facts(&manifest, cluster_id, shard_id, origin, market->engine);
    snapshot_engine(&content, market->engine);
    manifest.parts[0].bytes = content.count;
    snapshot_streams(&content, market->streams, streams, sessions_max);
    manifest.parts[1].bytes = content.count - manifest.parts[0].bytes;
    size_t manifest_bytes = snapshot_manifest_bytes(&manifest);
    snapshot->position = origin->position;
    snapshot->bytes = manifest_bytes + content.count;
    snapshot->row = malloc(snapshot->bytes);
    ASSERT(snapshot->row != NULL);
    memcpy(snapshot->row + manifest_bytes, content.bytes, content.count);
    uint32_t chunks = snapshot_manifest_chunks_all(&manifest);
    for (uint32_t index = 0; index < chunks; index++) {
        struct snapshot_chunk chunk;
        snapshot_manifest_chunk(&manifest, index, &chunk);
        uint64_t offset = chunk.offset + (chunk.part > 0 ? manifest.parts[0].bytes : 0);
        snapshot_manifest_hash(snapshot->row + SNAPSHOT_MANIFEST_HEADER_BYTES +
                                   (size_t)index * SNAPSHOT_MANIFEST_HASH_BYTES,
                               content.bytes + offset, chunk.bytes);
    }
    snapshot_manifest_encode(&manifest, snapshot->row, signer);
    snapshot->content_hash =
        bytes_load_le64(manifest.parts[0].root) ^ 3 * bytes_load_le64(manifest.parts[1].root);
    free(content.bytes);
}

static enum status snapshot_manifest_of(const struct sim_snapshot *snapshot,
                                        struct snapshot_manifest *manifest)
{
    if (snapshot->bytes < SNAPSHOT_MANIFEST_HEADER_BYTES) {
        return STATUS_SHORT;
    }
    enum status status =
        snapshot_manifest_decode(manifest, snapshot->row, SNAPSHOT_MANIFEST_HEADER_BYTES);
    if (status == STATUS_SHORT && manifest->part_count > 0 &&
        snapshot_manifest_bytes(manifest) <= snapshot->bytes) {
        status =
            snapshot_manifest_decode(manifest, snapshot->row, snapshot_manifest_bytes(manifest));
    }
    return status;
}

enum status sim_snapshot_verify(const struct sim_snapshot *snapshot, uint64_t cluster_id,
                                uint16_t shard_id, const struct segment_verifier *verifiers,
                                uint32_t verifier_count, struct snapshot_manifest *manifest)
{
    ASSERT(snapshot->row != NULL);
    enum status status = snapshot_manifest_of(snapshot, manifest);
    if (status == STATUS_OK) {
        status = snapshot_manifest_verify(manifest, snapshot->row, cluster_id, shard_id, verifiers,
                                          verifier_count);
    }
    if (status != STATUS_OK) {
        return status;
    }
    const uint8_t *content = snapshot->row + snapshot_manifest_bytes(manifest);
    if (!replica_message_same_chain(&manifest->position, &snapshot->position) ||
        snapshot_manifest_bytes(manifest) + snapshot_manifest_content_bytes(manifest) !=
            snapshot->bytes ||
        manifest->part_count != 2) {
        return STATUS_BAD_FORMAT;
    }
    for (uint32_t index = 0; index < snapshot_manifest_chunks_all(manifest); index++) {
        struct snapshot_chunk chunk;
        uint8_t hash[SNAPSHOT_MANIFEST_HASH_BYTES];
        snapshot_manifest_chunk(manifest, index, &chunk);
        uint64_t offset = chunk.offset + (chunk.part > 0 ? manifest->parts[0].bytes : 0);
        snapshot_manifest_hash(hash, content + offset, chunk.bytes);
        if (memcmp(hash, manifest->list + (size_t)index * sizeof hash, sizeof hash) != 0) {
            return STATUS_BAD_CHECKSUM;
        }
    }
    return STATUS_OK;
}

enum status sim_snapshot_origin(const struct snapshot_manifest *manifest,
                                struct shard_origin *origin)
{
    ASSERT(manifest->position.log_index > 0);
    *origin = (struct shard_origin){.position = manifest->position,
                                    .next_command_sequence = manifest->next_command_sequence,
                                    .last_timestamp_ns = manifest->last_timestamp_ns,
                                    .placement_log_index = manifest->membership.log_index};
    return placement_record_load(&origin->placement, manifest->membership.bytes,
                                 manifest->membership.bytes_count);
}

enum status sim_snapshot_read(const struct sim_snapshot *snapshot,
                              const struct snapshot_manifest *manifest, struct site_market *market,
                              struct session_store_snapshot *streams, uint32_t sessions_max)
{
    const uint8_t *content = snapshot->row + snapshot_manifest_bytes(manifest);
    struct snapshot_reader reader;
    ASSERT(manifest->part_count == 2);
    snapshot_read_start(&reader, market->engine);
    enum status status = snapshot_read(&reader, content, manifest->parts[0].bytes);
    if (status == STATUS_OK) {
        session_store_snapshot_read_start(streams, market->streams, sessions_max);
        status = session_store_snapshot_read(streams, content + manifest->parts[0].bytes,
                                             manifest->parts[1].bytes);
    }
    if (status == STATUS_OK && engine_event_hash(market->engine) != manifest->event_hash) {
        status = STATUS_BAD_CHECKSUM;
    }
    return status;
}
