#include "replication/segment.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "replication/codec.h"

#define SEGMENT_VERSION          1u
#define SEGMENT_CLUSTER_NAME_MAX 255u /* Far beyond what a configuration may say. */

/* Offsets of the header's fields: protocol.md, "Segment". */
enum segment_offset {
    AT_MAGIC = 0,
    AT_VERSION = 4,
    AT_FLAGS = 6,
    AT_HEADER_BYTES = 8,
    AT_SHARD_ID = 10,
    AT_CODEC = 12,
    AT_RESERVED = 13, /* Three bytes of zero. */
    AT_CLUSTER_ID = 16,
    AT_TERM = 24,
    AT_LOG_INDEX = 32,
    AT_FIRST_COMMAND_SEQUENCE = 40,
    AT_BASE_TIMESTAMP_NS = 48,
    AT_COMMAND_COUNT = 56,
    AT_RAW_BYTES = 60,
    AT_STORED_BYTES = 64,
    AT_DICTIONARY_ID = 68,
    AT_KEY_ID = 72,
    AT_PREVIOUS_CHAIN_HASH = 80,
    AT_PAYLOAD_HASH = 112,
    AT_SIGNATURE = 144,
    AT_PAYLOAD = 208,
};
static_assert(AT_SIGNATURE + crypto_sign_BYTES == SEGMENT_HEADER_BYTES, "the layout is the format");
static_assert((int)AT_PAYLOAD == (int)SEGMENT_HEADER_BYTES, "the layout is the format");

static const uint8_t segment_magic[4] = {'C', 'W', 'S', 'G'};
/* Every kind of thing that is signed or hashed into a name has a domain of its own. */
static const uint8_t segment_domain[18] = "causeway segment 1";
static const uint8_t segment_key_domain[14] = "causeway key 1";
static const uint8_t segment_cluster_domain[18] = "causeway cluster 1";

/* What is signed: the domain and the chain hash. */
struct segment_message {
    uint8_t domain[sizeof segment_domain];
    uint8_t chain_hash[SEGMENT_HASH_BYTES];
};
static_assert(sizeof(struct segment_message) == 50, "no padding is signed");

/* First 8 bytes of BLAKE2b-256 over a domain and a name. */
static void segment_name_hash(uint8_t hash[static 8], const uint8_t *domain, size_t domain_bytes,
                              const void *name, size_t name_bytes)
{
    uint8_t digest[SEGMENT_HASH_BYTES];
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, sizeof digest);
    (void)crypto_generichash_update(&state, domain, domain_bytes);
    (void)crypto_generichash_update(&state, name, name_bytes);
    (void)crypto_generichash_final(&state, digest, sizeof digest);
    memcpy(hash, digest, 8);
}

void segment_key_id(uint8_t key_id[static SEGMENT_KEY_ID_BYTES],
                    const uint8_t public_key[static crypto_sign_PUBLICKEYBYTES])
{
    static_assert(SEGMENT_KEY_ID_BYTES == 8, "as long as a name's hash");
    segment_name_hash(key_id, segment_key_domain, sizeof segment_key_domain, public_key,
                      crypto_sign_PUBLICKEYBYTES);
}

uint64_t segment_cluster_id(const char *cluster_name)
{
    ASSERT(cluster_name != NULL);
    size_t name_bytes = 0;
    while (cluster_name[name_bytes] != '\0') {
        ASSERT(name_bytes < SEGMENT_CLUSTER_NAME_MAX);
        name_bytes++;
    }
    uint8_t hash[8];
    segment_name_hash(hash, segment_cluster_domain, sizeof segment_cluster_domain, cluster_name,
                      name_bytes);
    return bytes_load_le64(hash);
}

static void segment_hash(uint8_t hash[static SEGMENT_HASH_BYTES], const uint8_t *source,
                         size_t source_bytes)
{
    (void)crypto_generichash(hash, SEGMENT_HASH_BYTES, source, source_bytes, NULL, 0);
}

static struct segment_message segment_message(const struct segment *segment)
{
    struct segment_message message;
    memcpy(message.domain, segment_domain, sizeof message.domain);
    memcpy(message.chain_hash, segment->chain_hash, sizeof message.chain_hash);
    return message;
}

/* A segment is of one kind; of those that open a term some say how. */
static bool segment_flags_known(uint16_t flags)
{
    return flags == 0 || flags == SEGMENT_OPENS_TERM ||
           flags == (SEGMENT_OPENS_TERM | SEGMENT_PLANNED) || flags == SEGMENT_PLACEMENT;
}

/* The rules that both who seals and who opens must find kept. */
static bool segment_in_range(const struct segment *segment)
{
    bool placement = segment->flags == SEGMENT_PLACEMENT;
    bool empty = segment->command_count == 0 && !placement;
    return segment_flags_known(segment->flags) && (!placement || segment->command_count == 0) &&
           segment->shard_id >= 1 && segment->shard_id <= SHARDS_MAX && segment->term >= 1 &&
           segment->log_index >= 1 && segment->first_command_sequence >= 1 &&
           segment->command_count <= SEGMENT_COMMANDS_MAX &&
           segment->first_command_sequence <= UINT64_MAX - segment->command_count &&
           segment->raw_bytes <= SEGMENT_RAW_BYTES_MAX &&
           segment->stored_bytes <= SEGMENT_STORED_BYTES_MAX &&
           (segment->raw_bytes == 0) == empty && (segment->stored_bytes == 0) == empty &&
           (segment->log_index > 1 ||
            sodium_is_zero(segment->previous_chain_hash, SEGMENT_HASH_BYTES) == 1);
}

void segment_seal(struct segment *segment, uint8_t *target, size_t target_bytes,
                  const struct segment_signer *signer)
{
    ASSERT(segment_in_range(segment));
    ASSERT(segment->codec == CODEC_STORED || segment->codec == CODEC_ZSTD);
    ASSERT(segment->dictionary_id == 0);
    ASSERT(target_bytes >= SEGMENT_HEADER_BYTES + (size_t)segment->stored_bytes);

    segment->payload = target + AT_PAYLOAD;
    memcpy(segment->key_id, signer->key_id, sizeof segment->key_id);
    segment_hash(segment->payload_hash, segment->payload, segment->stored_bytes);

    memcpy(target + AT_MAGIC, segment_magic, sizeof segment_magic);
    bytes_store_le16(target + AT_VERSION, SEGMENT_VERSION);
    bytes_store_le16(target + AT_FLAGS, segment->flags);
    bytes_store_le16(target + AT_HEADER_BYTES, SEGMENT_HEADER_BYTES);
    bytes_store_le16(target + AT_SHARD_ID, segment->shard_id);
    target[AT_CODEC] = segment->codec;
    memset(target + AT_RESERVED, 0, AT_CLUSTER_ID - AT_RESERVED);
    bytes_store_le64(target + AT_CLUSTER_ID, segment->cluster_id);
    bytes_store_le64(target + AT_TERM, segment->term);
    bytes_store_le64(target + AT_LOG_INDEX, segment->log_index);
    bytes_store_le64(target + AT_FIRST_COMMAND_SEQUENCE, segment->first_command_sequence);
    bytes_store_le64(target + AT_BASE_TIMESTAMP_NS, segment->base_timestamp_ns);
    bytes_store_le32(target + AT_COMMAND_COUNT, segment->command_count);
    bytes_store_le32(target + AT_RAW_BYTES, segment->raw_bytes);
    bytes_store_le32(target + AT_STORED_BYTES, segment->stored_bytes);
    bytes_store_le32(target + AT_DICTIONARY_ID, segment->dictionary_id);
    memcpy(target + AT_KEY_ID, segment->key_id, SEGMENT_KEY_ID_BYTES);
    memcpy(target + AT_PREVIOUS_CHAIN_HASH, segment->previous_chain_hash, SEGMENT_HASH_BYTES);
    memcpy(target + AT_PAYLOAD_HASH, segment->payload_hash, SEGMENT_HASH_BYTES);

    segment_hash(segment->chain_hash, target, AT_SIGNATURE);
    struct segment_message message = segment_message(segment);
    (void)crypto_sign_detached(target + AT_SIGNATURE, NULL, (const uint8_t *)&message,
                               sizeof message, signer->secret_key);
}

enum status segment_open(struct segment *segment, const uint8_t *source, size_t source_bytes)
{
    if (source_bytes < SEGMENT_HEADER_BYTES) {
        return STATUS_SHORT;
    }
    if (memcmp(source + AT_MAGIC, segment_magic, sizeof segment_magic) != 0) {
        return STATUS_BAD_FORMAT;
    }
    if (bytes_load_le16(source + AT_VERSION) != SEGMENT_VERSION) {
        return STATUS_BAD_VERSION;
    }
    *segment = (struct segment){
        .flags = bytes_load_le16(source + AT_FLAGS),
        .shard_id = bytes_load_le16(source + AT_SHARD_ID),
        .codec = source[AT_CODEC],
        .cluster_id = bytes_load_le64(source + AT_CLUSTER_ID),
        .term = bytes_load_le64(source + AT_TERM),
        .log_index = bytes_load_le64(source + AT_LOG_INDEX),
        .first_command_sequence = bytes_load_le64(source + AT_FIRST_COMMAND_SEQUENCE),
        .base_timestamp_ns = bytes_load_le64(source + AT_BASE_TIMESTAMP_NS),
        .command_count = bytes_load_le32(source + AT_COMMAND_COUNT),
        .raw_bytes = bytes_load_le32(source + AT_RAW_BYTES),
        .stored_bytes = bytes_load_le32(source + AT_STORED_BYTES),
        .dictionary_id = bytes_load_le32(source + AT_DICTIONARY_ID),
        .payload = source + AT_PAYLOAD,
    };
    memcpy(segment->key_id, source + AT_KEY_ID, SEGMENT_KEY_ID_BYTES);
    memcpy(segment->previous_chain_hash, source + AT_PREVIOUS_CHAIN_HASH, SEGMENT_HASH_BYTES);
    memcpy(segment->payload_hash, source + AT_PAYLOAD_HASH, SEGMENT_HASH_BYTES);
    if (bytes_load_le16(source + AT_HEADER_BYTES) != SEGMENT_HEADER_BYTES ||
        sodium_is_zero(source + AT_RESERVED, AT_CLUSTER_ID - AT_RESERVED) != 1 ||
        !segment_in_range(segment)) {
        return STATUS_BAD_FORMAT;
    }
    if ((segment->codec != CODEC_STORED && segment->codec != CODEC_ZSTD) ||
        segment->dictionary_id != 0) {
        return STATUS_BAD_VERSION;
    }
    segment_hash(segment->chain_hash, source, AT_SIGNATURE);
    return source_bytes < segment_bytes(segment) ? STATUS_SHORT : STATUS_OK;
}

size_t segment_bytes(const struct segment *segment)
{
    ASSERT(segment->stored_bytes <= SEGMENT_STORED_BYTES_MAX);
    return SEGMENT_HEADER_BYTES + (size_t)segment->stored_bytes;
}

enum status segment_verify_payload(const struct segment *segment)
{
    uint8_t hash[SEGMENT_HASH_BYTES];
    segment_hash(hash, segment->payload, segment->stored_bytes);
    return sodium_memcmp(hash, segment->payload_hash, sizeof hash) == 0 ? STATUS_OK
                                                                        : STATUS_BAD_CHECKSUM;
}

enum status segment_verify_chain(const struct segment *segment, uint64_t cluster_id,
                                 uint16_t shard_id, uint64_t previous_log_index,
                                 const uint8_t previous_chain_hash[static SEGMENT_HASH_BYTES])
{
    if (segment->cluster_id != cluster_id || segment->shard_id != shard_id) {
        return STATUS_FOREIGN;
    }
    if (segment->log_index - 1 != previous_log_index ||
        sodium_memcmp(segment->previous_chain_hash, previous_chain_hash, SEGMENT_HASH_BYTES) != 0) {
        return STATUS_BAD_CHAIN;
    }
    return STATUS_OK;
}

enum status segment_verify_signature(const struct segment *segment, const uint8_t *source,
                                     const struct segment_verifier *verifiers,
                                     uint32_t verifier_count)
{
    const struct segment_verifier *verifier = NULL;
    for (uint32_t at = 0; at < verifier_count && verifier == NULL; at++) {
        if (sodium_memcmp(verifiers[at].key_id, segment->key_id, SEGMENT_KEY_ID_BYTES) == 0) {
            verifier = &verifiers[at];
        }
    }
    if (verifier == NULL) {
        return STATUS_UNKNOWN_KEY;
    }
    struct segment_message message = segment_message(segment);
    return crypto_sign_verify_detached(source + AT_SIGNATURE, (const uint8_t *)&message,
                                       sizeof message, verifier->public_key) == 0
               ? STATUS_OK
               : STATUS_BAD_SIGNATURE;
}
