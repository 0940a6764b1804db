#include "replication/snapshot_manifest.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define MANIFEST_VERSION 1u

/* Offsets of the header's fields: protocol.md, "Snapshots". */
enum manifest_offset {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_HEADER_BYTES = 6,
    AT_SHARD_ID = 8,
    AT_PART_COUNT = 10,
    AT_CHUNK_BYTES = 12,
    AT_CLUSTER_ID = 16,
    AT_TERM = 24,
    AT_LOG_INDEX = 32,
    AT_CHAIN_HASH = 40,
    AT_NEXT_COMMAND_SEQUENCE = 72,
    AT_LAST_TIMESTAMP_NS = 80,
    AT_EVENT_HASH = 88,
    AT_MEMBERSHIP = 96,
    AT_PREVIOUS = 1136,
    AT_PARTS = 2176,
    AT_KEY_ID = 2400,
    AT_SIGNATURE = 2408,
};
/* Of a membership: log index, count of bytes, four bytes of zero, bytes and zeros behind them. */
#define MEMBERSHIP_BYTES (16u + SNAPSHOT_MANIFEST_MEMBERSHIP_BYTES)
/* Of a part: name, bytes, root. */
#define PART_BYTES (SNAPSHOT_MANIFEST_NAME_BYTES + 8u + SNAPSHOT_MANIFEST_HASH_BYTES)

static_assert(AT_MEMBERSHIP + MEMBERSHIP_BYTES == AT_PREVIOUS, "the layout is the format");
static_assert(AT_PREVIOUS + MEMBERSHIP_BYTES == AT_PARTS, "the layout is the format");
static_assert(AT_PARTS + SNAPSHOT_PARTS_MAX * PART_BYTES <= AT_KEY_ID, "the layout is the format");
static_assert(AT_SIGNATURE + crypto_sign_BYTES == SNAPSHOT_MANIFEST_HEADER_BYTES,
              "the layout is the format");

static const uint8_t manifest_magic[4] = {'C', 'W', 'S', 'M'};
static const uint8_t manifest_domain[19] = "causeway snapshot 1";

/* What is signed: the domain and the hash of the header. */
struct manifest_message {
    uint8_t domain[sizeof manifest_domain];
    uint8_t hash[SNAPSHOT_MANIFEST_HASH_BYTES];
};
static_assert(sizeof(struct manifest_message) == 51, "no padding is signed");

static struct manifest_message manifest_message(const struct snapshot_manifest *manifest)
{
    struct manifest_message message;
    memcpy(message.domain, manifest_domain, sizeof message.domain);
    memcpy(message.hash, manifest->hash, sizeof message.hash);
    return message;
}

uint32_t snapshot_manifest_chunks(const struct snapshot_part *part)
{
    ASSERT(part->bytes <= SNAPSHOT_CONTENT_BYTES_MAX);
    return (uint32_t)((part->bytes + SNAPSHOT_CHUNK_BYTES - 1) / SNAPSHOT_CHUNK_BYTES);
}

uint32_t snapshot_manifest_chunks_all(const struct snapshot_manifest *manifest)
{
    ASSERT(manifest->part_count <= SNAPSHOT_PARTS_MAX);
    uint32_t count = 0;
    for (uint32_t i = 0; i < manifest->part_count; i++) {
        count += snapshot_manifest_chunks(&manifest->parts[i]);
    }
    return count;
}

size_t snapshot_manifest_bytes(const struct snapshot_manifest *manifest)
{
    return SNAPSHOT_MANIFEST_HEADER_BYTES +
           (size_t)snapshot_manifest_chunks_all(manifest) * SNAPSHOT_MANIFEST_HASH_BYTES;
}

uint64_t snapshot_manifest_content_bytes(const struct snapshot_manifest *manifest)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < manifest->part_count; i++) {
        bytes += manifest->parts[i].bytes;
    }
    return bytes;
}

void snapshot_manifest_chunk(const struct snapshot_manifest *manifest, uint32_t index,
                             struct snapshot_chunk *chunk)
{
    ASSERT(index < snapshot_manifest_chunks_all(manifest));
    uint32_t part = 0;
    while (index >= snapshot_manifest_chunks(&manifest->parts[part])) {
        index -= snapshot_manifest_chunks(&manifest->parts[part]);
        part++;
    }
    uint64_t offset = (uint64_t)index * SNAPSHOT_CHUNK_BYTES;
    uint64_t left = manifest->parts[part].bytes - offset;
    ASSERT(left > 0);
    *chunk = (struct snapshot_chunk){
        .part = part,
        .offset = offset,
        .bytes = left < SNAPSHOT_CHUNK_BYTES ? (uint32_t)left : SNAPSHOT_CHUNK_BYTES,
    };
}

void snapshot_manifest_hash(uint8_t hash[static SNAPSHOT_MANIFEST_HASH_BYTES], const void *bytes,
                            size_t count)
{
    (void)crypto_generichash(hash, SNAPSHOT_MANIFEST_HASH_BYTES, bytes, count, NULL, 0);
}

bool snapshot_manifest_name_valid(const char name[static SNAPSHOT_MANIFEST_NAME_BYTES])
{
    uint32_t length = 0;
    while (length < SNAPSHOT_MANIFEST_NAME_BYTES && name[length] >= 'a' && name[length] <= 'z') {
        length++;
    }
    return length >= 1 && length < SNAPSHOT_MANIFEST_NAME_BYTES &&
           sodium_is_zero((const uint8_t *)name + length, SNAPSHOT_MANIFEST_NAME_BYTES - length) ==
               1;
}

/* The rules that both who writes and who reads must find kept. */
static bool manifest_parts_valid(const struct snapshot_manifest *manifest)
{
    if (manifest->part_count < 1 || manifest->part_count > SNAPSHOT_PARTS_MAX) {
        return false;
    }
    uint64_t chunks = 0;
    for (uint32_t i = 0; i < manifest->part_count; i++) {
        const struct snapshot_part *part = &manifest->parts[i];
        if (!snapshot_manifest_name_valid(part->name) || part->bytes > SNAPSHOT_CONTENT_BYTES_MAX) {
            return false;
        }
        chunks += snapshot_manifest_chunks(part);
        for (uint32_t j = 0; j < i; j++) {
            if (memcmp(part->name, manifest->parts[j].name, sizeof part->name) == 0) {
                return false;
            }
        }
    }
    return chunks <= SNAPSHOT_CHUNKS_MAX;
}

static bool manifest_in_range(const struct snapshot_manifest *manifest)
{
    return manifest->shard_id >= 1 && manifest->shard_id <= SHARDS_MAX &&
           manifest->position.log_index >= 1 && manifest->position.term >= 1 &&
           manifest->next_command_sequence >= 1 &&
           manifest->membership.log_index <= manifest->position.log_index &&
           manifest->membership.bytes_count <= SNAPSHOT_MANIFEST_MEMBERSHIP_BYTES &&
           manifest->previous.log_index <= manifest->membership.log_index &&
           manifest->previous.bytes_count <= SNAPSHOT_MANIFEST_MEMBERSHIP_BYTES &&
           manifest_parts_valid(manifest);
}

static void manifest_store_membership(uint8_t *target, const struct snapshot_membership *membership)
{
    bytes_store_le64(target, membership->log_index);
    bytes_store_le32(target + 8, membership->bytes_count);
    memcpy(target + 16, membership->bytes, membership->bytes_count);
}

/* False: something stands where nothing should. */
static bool manifest_load_membership(struct snapshot_membership *membership, const uint8_t *source)
{
    membership->log_index = bytes_load_le64(source);
    membership->bytes_count = bytes_load_le32(source + 8);
    if (membership->bytes_count > SNAPSHOT_MANIFEST_MEMBERSHIP_BYTES ||
        bytes_load_le32(source + 12) != 0) {
        return false;
    }
    memcpy(membership->bytes, source + 16, membership->bytes_count);
    return sodium_is_zero(source + 16 + membership->bytes_count,
                          SNAPSHOT_MANIFEST_MEMBERSHIP_BYTES - membership->bytes_count) == 1;
}

/* The root of each part, from the list. */
static void manifest_roots(const struct snapshot_manifest *manifest, const uint8_t *list,
                           uint8_t roots[SNAPSHOT_PARTS_MAX][SNAPSHOT_MANIFEST_HASH_BYTES])
{
    for (uint32_t i = 0; i < manifest->part_count; i++) {
        size_t bytes =
            (size_t)snapshot_manifest_chunks(&manifest->parts[i]) * SNAPSHOT_MANIFEST_HASH_BYTES;
        snapshot_manifest_hash(roots[i], list, bytes);
        list += bytes;
    }
}

void snapshot_manifest_encode(struct snapshot_manifest *manifest, uint8_t *target,
                              const struct segment_signer *signer)
{
    ASSERT(manifest_in_range(manifest));
    uint8_t roots[SNAPSHOT_PARTS_MAX][SNAPSHOT_MANIFEST_HASH_BYTES];
    manifest->list = target + SNAPSHOT_MANIFEST_HEADER_BYTES;
    manifest_roots(manifest, manifest->list, roots);
    memcpy(manifest->key_id, signer->key_id, sizeof manifest->key_id);

    memset(target, 0, SNAPSHOT_MANIFEST_HEADER_BYTES);
    memcpy(target + AT_MAGIC, manifest_magic, sizeof manifest_magic);
    bytes_store_le16(target + AT_VERSION, MANIFEST_VERSION);
    bytes_store_le16(target + AT_HEADER_BYTES, SNAPSHOT_MANIFEST_HEADER_BYTES);
    bytes_store_le16(target + AT_SHARD_ID, manifest->shard_id);
    bytes_store_le16(target + AT_PART_COUNT, (uint16_t)manifest->part_count);
    bytes_store_le32(target + AT_CHUNK_BYTES, SNAPSHOT_CHUNK_BYTES);
    bytes_store_le64(target + AT_CLUSTER_ID, manifest->cluster_id);
    bytes_store_le64(target + AT_TERM, manifest->position.term);
    bytes_store_le64(target + AT_LOG_INDEX, manifest->position.log_index);
    memcpy(target + AT_CHAIN_HASH, manifest->position.chain_hash, REPLICA_HASH_BYTES);
    bytes_store_le64(target + AT_NEXT_COMMAND_SEQUENCE, manifest->next_command_sequence);
    bytes_store_le64(target + AT_LAST_TIMESTAMP_NS, manifest->last_timestamp_ns);
    bytes_store_le64(target + AT_EVENT_HASH, manifest->event_hash);
    manifest_store_membership(target + AT_MEMBERSHIP, &manifest->membership);
    manifest_store_membership(target + AT_PREVIOUS, &manifest->previous);
    for (uint32_t i = 0; i < manifest->part_count; i++) {
        struct snapshot_part *part = &manifest->parts[i];
        uint8_t *at = target + AT_PARTS + (size_t)i * PART_BYTES;
        memcpy(part->root, roots[i], sizeof part->root);
        memcpy(at, part->name, sizeof part->name);
        bytes_store_le64(at + SNAPSHOT_MANIFEST_NAME_BYTES, part->bytes);
        memcpy(at + SNAPSHOT_MANIFEST_NAME_BYTES + 8, part->root, sizeof part->root);
    }
    memcpy(target + AT_KEY_ID, manifest->key_id, sizeof manifest->key_id);
    snapshot_manifest_hash(manifest->hash, target, AT_SIGNATURE);
    struct manifest_message message = manifest_message(manifest);
    int failed = crypto_sign_detached(target + AT_SIGNATURE, NULL, (const uint8_t *)&message,
                                      sizeof message, signer->secret_key);
    ASSERT(failed == 0);
}

/* Everything but the list. */
static enum status manifest_load(struct snapshot_manifest *manifest, const uint8_t *source)
{
    if (memcmp(source + AT_MAGIC, manifest_magic, sizeof manifest_magic) != 0) {
        return STATUS_BAD_FORMAT;
    }
    if (bytes_load_le16(source + AT_VERSION) != MANIFEST_VERSION) {
        return STATUS_BAD_VERSION;
    }
    *manifest = (struct snapshot_manifest){
        .cluster_id = bytes_load_le64(source + AT_CLUSTER_ID),
        .shard_id = bytes_load_le16(source + AT_SHARD_ID),
        .position = {.log_index = bytes_load_le64(source + AT_LOG_INDEX),
                     .term = bytes_load_le64(source + AT_TERM)},
        .next_command_sequence = bytes_load_le64(source + AT_NEXT_COMMAND_SEQUENCE),
        .last_timestamp_ns = bytes_load_le64(source + AT_LAST_TIMESTAMP_NS),
        .event_hash = bytes_load_le64(source + AT_EVENT_HASH),
        .part_count = bytes_load_le16(source + AT_PART_COUNT),
    };
    memcpy(manifest->position.chain_hash, source + AT_CHAIN_HASH, REPLICA_HASH_BYTES);
    memcpy(manifest->key_id, source + AT_KEY_ID, sizeof manifest->key_id);
    bool clean = manifest_load_membership(&manifest->membership, source + AT_MEMBERSHIP) &&
                 manifest_load_membership(&manifest->previous, source + AT_PREVIOUS) &&
                 bytes_load_le16(source + AT_HEADER_BYTES) == SNAPSHOT_MANIFEST_HEADER_BYTES &&
                 bytes_load_le32(source + AT_CHUNK_BYTES) == SNAPSHOT_CHUNK_BYTES &&
                 manifest->part_count <= SNAPSHOT_PARTS_MAX;
    if (!clean) {
        return STATUS_BAD_FORMAT;
    }
    for (uint32_t i = 0; i < manifest->part_count; i++) {
        struct snapshot_part *part = &manifest->parts[i];
        const uint8_t *at = source + AT_PARTS + (size_t)i * PART_BYTES;
        memcpy(part->name, at, sizeof part->name);
        part->bytes = bytes_load_le64(at + SNAPSHOT_MANIFEST_NAME_BYTES);
        memcpy(part->root, at + SNAPSHOT_MANIFEST_NAME_BYTES + 8, sizeof part->root);
    }
    size_t parts_end = AT_PARTS + (size_t)manifest->part_count * PART_BYTES;
    bool zero = sodium_is_zero(source + parts_end, AT_KEY_ID - parts_end) == 1;
    return zero && manifest_in_range(manifest) ? STATUS_OK : STATUS_BAD_FORMAT;
}

enum status snapshot_manifest_decode(struct snapshot_manifest *manifest, const uint8_t *source,
                                     size_t source_bytes)
{
    *manifest = (struct snapshot_manifest){.cluster_id = 0};
    if (source_bytes < SNAPSHOT_MANIFEST_HEADER_BYTES) {
        return STATUS_SHORT;
    }
    enum status status = manifest_load(manifest, source);
    if (status != STATUS_OK) {
        return status;
    }
    snapshot_manifest_hash(manifest->hash, source, AT_SIGNATURE);
    size_t bytes = snapshot_manifest_bytes(manifest);
    ASSERT(bytes <= SNAPSHOT_MANIFEST_BYTES_MAX);
    if (source_bytes != bytes) {
        return source_bytes < bytes ? STATUS_SHORT : STATUS_BAD_FORMAT;
    }
    uint8_t roots[SNAPSHOT_PARTS_MAX][SNAPSHOT_MANIFEST_HASH_BYTES];
    manifest->list = source + SNAPSHOT_MANIFEST_HEADER_BYTES;
    manifest_roots(manifest, manifest->list, roots);
    for (uint32_t i = 0; i < manifest->part_count; i++) {
        if (memcmp(roots[i], manifest->parts[i].root, sizeof roots[i]) != 0) {
            return STATUS_BAD_CHECKSUM;
        }
    }
    return STATUS_OK;
}

enum status snapshot_manifest_verify(const struct snapshot_manifest *manifest,
                                     const uint8_t *source, uint64_t cluster_id, uint16_t shard_id,
                                     const struct segment_verifier *verifiers,
                                     uint32_t verifier_count)
{
    if (manifest->cluster_id != cluster_id || manifest->shard_id != shard_id) {
        return STATUS_FOREIGN;
    }
    const struct segment_verifier *verifier = NULL;
    for (uint32_t i = 0; i < verifier_count && verifier == NULL; i++) {
        if (memcmp(verifiers[i].key_id, manifest->key_id, SEGMENT_KEY_ID_BYTES) == 0) {
            verifier = &verifiers[i];
        }
    }
    if (verifier == NULL) {
        return STATUS_UNKNOWN_KEY;
    }
    struct manifest_message message = manifest_message(manifest);
    return crypto_sign_verify_detached(source + AT_SIGNATURE, (const uint8_t *)&message,
                                       sizeof message, verifier->public_key) == 0
               ? STATUS_OK
               : STATUS_BAD_SIGNATURE;
}
