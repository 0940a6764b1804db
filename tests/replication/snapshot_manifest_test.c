#include "replication/snapshot_manifest.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"

#define CLUSTER UINT64_C(0x1122334455667788)

static struct segment_signer signer;
static struct segment_verifier verifiers[2]; /* A stranger and the signer. */
static uint8_t source[SNAPSHOT_MANIFEST_HEADER_BYTES + 16 * SNAPSHOT_MANIFEST_HASH_BYTES];
static size_t source_bytes;
static struct snapshot_manifest written;

static void make_key(struct segment_verifier *verifier, struct segment_signer *secret, uint8_t salt)
{
    uint8_t seed[crypto_sign_SEEDBYTES] = {salt};
    struct segment_signer unused;
    struct segment_signer *target = secret != NULL ? secret : &unused;
    assert_int_equal(crypto_sign_seed_keypair(verifier->public_key, target->secret_key, seed), 0);
    segment_key_id(verifier->key_id, verifier->public_key);
    memcpy(target->key_id, verifier->key_id, sizeof target->key_id);
}

static int set_up(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    make_key(&verifiers[0], NULL, 1);
    make_key(&verifiers[1], &signer, 2);
    memset(source, 0, sizeof source);
    for (size_t i = 0; i < 7 * SNAPSHOT_MANIFEST_HASH_BYTES; i++) {
        source[SNAPSHOT_MANIFEST_HEADER_BYTES + i] = (uint8_t)(i * 7);
    }
    written = (struct snapshot_manifest){
        .cluster_id = CLUSTER,
        .shard_id = 3,
        .position = {.log_index = 1000, .term = 7, .chain_hash = {1, 2, 3}},
        .next_command_sequence = 77777,
        .last_timestamp_ns = 1700000000000000000,
        .event_hash = 0xABCDEF,
        .membership = {.log_index = 900, .bytes_count = 5, .bytes = "after"},
        .previous = {.log_index = 0, .bytes_count = 6, .bytes = "before"},
        .part_count = 3,
        .parts = {{.name = "engine", .bytes = 4 * (uint64_t)SNAPSHOT_CHUNK_BYTES + 1},
                  {.name = "nothing", .bytes = 0},
                  {.name = "streams", .bytes = 2 * (uint64_t)SNAPSHOT_CHUNK_BYTES}},
    };
    snapshot_manifest_encode(&written, source, &signer);
    source_bytes = SNAPSHOT_MANIFEST_HEADER_BYTES + (size_t)7 * SNAPSHOT_MANIFEST_HASH_BYTES;
    assert_int_equal(snapshot_manifest_bytes(&written), source_bytes);
    return 0;
}

static enum status decode(struct snapshot_manifest *manifest)
{
    return snapshot_manifest_decode(manifest, source, source_bytes);
}

static enum status verify(const struct snapshot_manifest *manifest)
{
    return snapshot_manifest_verify(manifest, source, CLUSTER, 3, verifiers, 2);
}

static void test_comes_back(void **state)
{
    (void)state;
    struct snapshot_manifest manifest;
    assert_int_equal(decode(&manifest), STATUS_OK);
    assert_int_equal(verify(&manifest), STATUS_OK);
    assert_int_equal(manifest.shard_id, 3);
    assert_true(replica_message_same_chain(&manifest.position, &written.position));
    assert_int_equal(manifest.next_command_sequence, 77777);
    assert_int_equal(manifest.last_timestamp_ns, 1700000000000000000);
    assert_int_equal(manifest.event_hash, 0xABCDEF);
    assert_int_equal(manifest.membership.log_index, 900);
    assert_int_equal(manifest.membership.bytes_count, 5);
    assert_memory_equal(manifest.membership.bytes, "after", 5);
    assert_memory_equal(manifest.previous.bytes, "before", 6);
    assert_memory_equal(manifest.hash, written.hash, sizeof manifest.hash);
    assert_int_equal(manifest.part_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(manifest.parts[i].name, written.parts[i].name);
        assert_int_equal(manifest.parts[i].bytes, written.parts[i].bytes);
        assert_memory_equal(manifest.parts[i].root, written.parts[i].root,
                            SNAPSHOT_MANIFEST_HASH_BYTES);
    }
    assert_ptr_equal(manifest.list, source + SNAPSHOT_MANIFEST_HEADER_BYTES);
}

static void test_chunks(void **state)
{
    (void)state;
    assert_int_equal(snapshot_manifest_chunks_all(&written), 7);
    assert_int_equal(snapshot_manifest_content_bytes(&written),
                     6 * (uint64_t)SNAPSHOT_CHUNK_BYTES + 1);
    struct snapshot_chunk chunk;
    snapshot_manifest_chunk(&written, 0, &chunk);
    assert_int_equal(chunk.bytes, SNAPSHOT_CHUNK_BYTES);
    snapshot_manifest_chunk(&written, 4, &chunk);
    assert_int_equal(chunk.part, 0);
    assert_int_equal(chunk.offset, 4 * (uint64_t)SNAPSHOT_CHUNK_BYTES);
    assert_int_equal(chunk.bytes, 1);
    snapshot_manifest_chunk(&written, 6, &chunk);
    assert_int_equal(chunk.part, 2);
    assert_int_equal(chunk.offset, SNAPSHOT_CHUNK_BYTES);
    assert_int_equal(chunk.bytes, SNAPSHOT_CHUNK_BYTES);
}

/* Whatever bit is flipped, header, signature or list: never accepted. */
static void test_every_flipped_bit_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < source_bytes; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            source[i] ^= (uint8_t)(1u << bit);
            struct snapshot_manifest manifest;
            enum status status = decode(&manifest);
            assert_true(status != STATUS_OK || verify(&manifest) != STATUS_OK);
            assert_true(i < SNAPSHOT_MANIFEST_HEADER_BYTES || status == STATUS_BAD_CHECKSUM);
            source[i] ^= (uint8_t)(1u << bit);
        }
    }
}

static void test_short_and_long(void **state)
{
    (void)state;
    struct snapshot_manifest manifest;
    for (size_t count = 0; count < source_bytes; count++) {
        assert_int_equal(snapshot_manifest_decode(&manifest, source, count), STATUS_SHORT);
        assert_int_equal(manifest.part_count, count < SNAPSHOT_MANIFEST_HEADER_BYTES ? 0 : 3);
        assert_null(manifest.list);
    }
    assert_int_equal(snapshot_manifest_decode(&manifest, source, source_bytes + 1),
                     STATUS_BAD_FORMAT);
}

static void test_whose_it_is(void **state)
{
    (void)state;
    struct snapshot_manifest manifest;
    assert_int_equal(decode(&manifest), STATUS_OK);
    assert_int_equal(snapshot_manifest_verify(&manifest, source, CLUSTER + 1, 3, verifiers, 2),
                     STATUS_FOREIGN);
    assert_int_equal(snapshot_manifest_verify(&manifest, source, CLUSTER, 2, verifiers, 2),
                     STATUS_FOREIGN);
    assert_int_equal(snapshot_manifest_verify(&manifest, source, CLUSTER, 3, verifiers, 1),
                     STATUS_UNKNOWN_KEY);
    struct segment_verifier false_key = verifiers[0];
    memcpy(false_key.key_id, verifiers[1].key_id, sizeof false_key.key_id);
    assert_int_equal(snapshot_manifest_verify(&manifest, source, CLUSTER, 3, &false_key, 1),
                     STATUS_BAD_SIGNATURE);
}

/* Fields that nobody writes, at their offsets (protocol.md). */
static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t bytes[8];
        uint32_t count;
        enum status status;
    } cases[] = {
        {0, "X", 1, STATUS_BAD_FORMAT},
        {4, {2}, 1, STATUS_BAD_VERSION},
        {6, {0}, 1, STATUS_BAD_FORMAT},
        {8, {0}, 1, STATUS_BAD_FORMAT}, /* Shard 0. */
        {8, {SHARDS_MAX + 1}, 1, STATUS_BAD_FORMAT},
        {10, {0}, 1, STATUS_BAD_FORMAT}, /* No parts. */
        {10, {5}, 1, STATUS_BAD_FORMAT},
        {10, {2}, 1, STATUS_BAD_FORMAT},          /* A part behind the last. */
        {12, {1}, 1, STATUS_BAD_FORMAT},          /* Chunk bytes. */
        {24, {0}, 1, STATUS_BAD_FORMAT},          /* Term 0. */
        {32, {0, 0}, 2, STATUS_BAD_FORMAT},       /* Log index 0. */
        {72, {0, 0, 0}, 3, STATUS_BAD_FORMAT},    /* Next command sequence 0. */
        {96, {0xFF, 0xFF}, 2, STATUS_BAD_FORMAT}, /* A membership behind the end. */
        {104, {1, 5}, 2, STATUS_BAD_FORMAT},      /* Too long. */
        {104, {4}, 1, STATUS_BAD_FORMAT},         /* Something behind it. */
        {108, {1}, 1, STATUS_BAD_FORMAT},         /* Reserved. */
        {1136, {0, 4}, 2, STATUS_BAD_FORMAT},     /* Previous above present. */
        {2176, "E", 1, STATUS_BAD_FORMAT},        /* The name of a part. */
        {2176, {0}, 1, STATUS_BAD_FORMAT},
        {2182, "\0a", 2, STATUS_BAD_FORMAT},
        {2198, {1}, 1, STATUS_BAD_FORMAT}, /* 2^48 bytes. */
        {2390, {1}, 1, STATUS_BAD_FORMAT}, /* In a part that is not there. */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t before[8];
        struct snapshot_manifest manifest;
        memcpy(before, source + cases[i].at, cases[i].count);
        memcpy(source + cases[i].at, cases[i].bytes, cases[i].count);
        assert_int_equal(decode(&manifest), cases[i].status);
        memcpy(source + cases[i].at, before, cases[i].count);
    }
    memcpy(source + 2176 + 2 * 56, source + 2176, SNAPSHOT_MANIFEST_NAME_BYTES); /* Twice. */
    struct snapshot_manifest manifest;
    assert_int_equal(decode(&manifest), STATUS_BAD_FORMAT);
}

/* 16 GiB and not a byte more, in whatever parts; the list is then 2 MiB. */
static void test_the_largest(void **state)
{
    (void)state;
    struct snapshot_manifest manifest;
    bytes_store_le64(source + 2176 + 16,
                     SNAPSHOT_CONTENT_BYTES_MAX - 3 * (uint64_t)SNAPSHOT_CHUNK_BYTES);
    assert_int_equal(decode(&manifest), STATUS_SHORT);
    bytes_store_le64(source + 2176 + 16,
                     SNAPSHOT_CONTENT_BYTES_MAX - 2 * (uint64_t)SNAPSHOT_CHUNK_BYTES);
    assert_int_equal(decode(&manifest), STATUS_SHORT);
    assert_int_equal(snapshot_manifest_bytes(&manifest), SNAPSHOT_MANIFEST_BYTES_MAX);
    bytes_store_le64(source + 2176 + 16,
                     SNAPSHOT_CONTENT_BYTES_MAX - 2 * (uint64_t)SNAPSHOT_CHUNK_BYTES + 1);
    assert_int_equal(decode(&manifest), STATUS_BAD_FORMAT);
    bytes_store_le64(source + 2176 + 16, UINT64_MAX);
    assert_int_equal(decode(&manifest), STATUS_BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_comes_back, set_up),
        cmocka_unit_test_setup(test_chunks, set_up),
        cmocka_unit_test_setup(test_every_flipped_bit_is_found, set_up),
        cmocka_unit_test_setup(test_short_and_long, set_up),
        cmocka_unit_test_setup(test_whose_it_is, set_up),
        cmocka_unit_test_setup(test_ranges, set_up),
        cmocka_unit_test_setup(test_the_largest, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
