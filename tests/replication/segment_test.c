#include "replication/segment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "replication/codec.h"
#include "tests/support/cmocka_all.h"

#define CLUSTER UINT64_C(0x1122334455667788)
#define SHARD   3
#define BYTES   (SEGMENT_HEADER_BYTES + 61u)

static struct segment_signer signer;
static struct segment_signer other_signer;
static struct segment_verifier verifier;
static struct segment_verifier other_verifier;
static uint8_t sealed[2][BYTES]; /* Log indexes 7 and 8. */
static struct segment segments[2];
static uint8_t chain_before[SEGMENT_HASH_BYTES];

static void make_key(struct segment_signer *made, struct segment_verifier *known, uint8_t seed)
{
    uint8_t seeds[crypto_sign_SEEDBYTES];
    memset(seeds, seed, sizeof seeds);
    assert_int_equal(crypto_sign_seed_keypair(known->public_key, made->secret_key, seeds), 0);
    segment_key_id(known->key_id, known->public_key);
    memcpy(made->key_id, known->key_id, sizeof made->key_id);
}

static void seal(uint32_t at, uint64_t log_index, const uint8_t *previous,
                 const struct segment_signer *with)
{
    segments[at] = (struct segment){.shard_id = SHARD,
                                    .cluster_id = CLUSTER,
                                    .term = 5,
                                    .log_index = log_index,
                                    .first_command_sequence = 1000 + 20 * log_index,
                                    .command_count = 20,
                                    .base_timestamp_ns = UINT64_C(1340285400000000000),
                                    .raw_bytes = 61,
                                    .stored_bytes = 61,
                                    .codec = CODEC_STORED};
    memcpy(segments[at].previous_chain_hash, previous, SEGMENT_HASH_BYTES);
    for (uint32_t byte = 0; byte < 61; byte++) {
        sealed[at][SEGMENT_HEADER_BYTES + byte] = (uint8_t)(byte * 3 + log_index);
    }
    segment_seal(&segments[at], sealed[at], BYTES, with);
}

static int setup(void **state)
{
    (void)state;
    if (sodium_init() < 0) {
        return -1;
    }
    make_key(&signer, &verifier, 1);
    make_key(&other_signer, &other_verifier, 2);
    memset(chain_before, 0xC4, sizeof chain_before);
    seal(0, 7, chain_before, &signer);
    seal(1, 8, segments[0].chain_hash, &signer);
    return 0;
}

/* Everything that a reader checks, in a reader's order. */
static enum status accept(const uint8_t *source, size_t source_bytes, uint64_t previous_log_index,
                          const uint8_t *previous)
{
    struct segment segment;
    enum status status = segment_open(&segment, source, source_bytes);
    if (status == STATUS_OK) {
        status = segment_verify_payload(&segment);
    }
    if (status == STATUS_OK) {
        status = segment_verify_chain(&segment, CLUSTER, SHARD, previous_log_index, previous);
    }
    if (status == STATUS_OK) {
        status = segment_verify_signature(&segment, source, &verifier, 1);
    }
    return status;
}

static void test_sealed_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(accept(sealed[0], BYTES, 6, chain_before), STATUS_OK);
    assert_int_equal(accept(sealed[1], BYTES, 7, segments[0].chain_hash), STATUS_OK);
    struct segment opened;
    assert_int_equal(segment_open(&opened, sealed[0], BYTES), STATUS_OK);
    assert_int_equal(segment_bytes(&opened), BYTES);
    assert_ptr_equal(opened.payload, sealed[0] + SEGMENT_HEADER_BYTES);
    assert_int_equal(opened.flags, 0);
    assert_int_equal(opened.shard_id, SHARD);
    assert_true(opened.cluster_id == CLUSTER);
    assert_int_equal(opened.term, 5);
    assert_int_equal(opened.log_index, 7);
    assert_int_equal(opened.first_command_sequence, 1140);
    assert_int_equal(opened.command_count, 20);
    assert_true(opened.base_timestamp_ns == UINT64_C(1340285400000000000));
    assert_int_equal(opened.raw_bytes, 61);
    assert_int_equal(opened.stored_bytes, 61);
    assert_int_equal(opened.codec, CODEC_STORED);
    assert_int_equal(opened.dictionary_id, 0);
    assert_memory_equal(opened.key_id, verifier.key_id, SEGMENT_KEY_ID_BYTES);
    assert_memory_equal(opened.previous_chain_hash, chain_before, SEGMENT_HASH_BYTES);
    assert_memory_equal(opened.payload_hash, segments[0].payload_hash, SEGMENT_HASH_BYTES);
    assert_memory_equal(opened.chain_hash, segments[0].chain_hash, SEGMENT_HASH_BYTES);
}

/* Old files stay readable: these bytes never change. They were checked against other
 * implementations of BLAKE2b and Ed25519 (Python's hashlib, OpenSSL). */
static void test_golden_header(void **state)
{
    (void)state;
    static const char golden[] = "4357534701000000d000030001000000"
                                 "88776655443322110500000000000000"
                                 "07000000000000007404000000000000"
                                 "0070a45c78a69912140000003d0000003d00000000000000"
                                 "c572fe6e56c501cd"
                                 "c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4c4"
                                 "21af7779f40d74ae4d30c49bde7f294796596a40c23e21282249ff506d002047"
                                 "141ef2ab5e794ffc0603d7da780f09bbde77fad04c9d9df89559f78386653388"
                                 "6ba3d6dbf5c228f930bb6698513530e01b6beab0383a705e855308eb7ff80302";
    char text[2 * SEGMENT_HEADER_BYTES + 1];
    (void)sodium_bin2hex(text, sizeof text, sealed[0], SEGMENT_HEADER_BYTES);
    assert_string_equal(text, golden);
    (void)sodium_bin2hex(text, sizeof text, segments[0].chain_hash, SEGMENT_HASH_BYTES);
    assert_string_equal(text, "442954414c0e13bf40a319beb946b5539188cd5442130e59367898b3765c1a35");
    assert_true(segment_cluster_id("demo") == UINT64_C(0x24E9BD9EFD3514A6));
}

static void test_every_flipped_bit_is_found(void **state)
{
    (void)state;
    uint32_t accepted = 0;
    for (size_t bit = 0; bit < BYTES * 8; bit++) {
        sealed[0][bit / 8] ^= (uint8_t)(1u << (bit % 8));
        accepted += accept(sealed[0], BYTES, 6, chain_before) == STATUS_OK ? 1 : 0;
        sealed[0][bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    assert_int_equal(accepted, 0);
    assert_int_equal(accept(sealed[0], BYTES, 6, chain_before), STATUS_OK);
}

static void test_flips_are_named(void **state)
{
    (void)state;
    static const struct {
        uint32_t at;
        enum status status;
    } flips[] = {
        {0, STATUS_BAD_FORMAT},     {4, STATUS_BAD_VERSION},     {6, STATUS_BAD_SIGNATURE},
        {7, STATUS_BAD_FORMAT},     {8, STATUS_BAD_FORMAT},      {10, STATUS_FOREIGN},
        {12, STATUS_BAD_VERSION},   {13, STATUS_BAD_FORMAT},     {15, STATUS_BAD_FORMAT},
        {16, STATUS_FOREIGN},       {25, STATUS_BAD_SIGNATURE},  {32, STATUS_BAD_CHAIN},
        {58, STATUS_BAD_FORMAT},    {62, STATUS_BAD_FORMAT},     {64, STATUS_BAD_CHECKSUM},
        {68, STATUS_BAD_VERSION},   {72, STATUS_UNKNOWN_KEY},    {80, STATUS_BAD_CHAIN},
        {112, STATUS_BAD_CHECKSUM}, {144, STATUS_BAD_SIGNATURE}, {207, STATUS_BAD_SIGNATURE},
        {208, STATUS_BAD_CHECKSUM}};
    for (uint32_t at = 0; at < sizeof flips / sizeof flips[0]; at++) {
        uint8_t flip = flips[at].at == 58 || flips[at].at == 62 ? 0x10 : 1;
        sealed[0][flips[at].at] ^= flip;
        assert_int_equal(accept(sealed[0], BYTES, 6, chain_before), flips[at].status);
        sealed[0][flips[at].at] ^= flip;
    }
}

static void test_every_length_too_short(void **state)
{
    (void)state;
    for (size_t size = 0; size < BYTES; size++) {
        uint8_t *copy = malloc(size + 1);
        assert_non_null(copy);
        memcpy(copy, sealed[0], size);
        assert_int_equal(accept(copy, size, 6, chain_before), STATUS_SHORT);
        free(copy);
    }
    uint8_t longer[BYTES + 5];
    memset(longer, 0xEE, sizeof longer);
    memcpy(longer, sealed[0], BYTES);
    assert_int_equal(accept(longer, sizeof longer, 6, chain_before), STATUS_OK);
}

static void test_moved_and_spliced_are_refused(void **state)
{
    (void)state;
    const uint8_t *chain = segments[0].chain_hash;
    /* In another's place, twice, out of order. */
    assert_int_equal(accept(sealed[1], BYTES, 6, chain_before), STATUS_BAD_CHAIN);
    assert_int_equal(accept(sealed[0], BYTES, 7, chain), STATUS_BAD_CHAIN);
    assert_int_equal(accept(sealed[1], BYTES, 7, chain_before), STATUS_BAD_CHAIN);
    assert_int_equal(accept(sealed[1], BYTES, 6, chain), STATUS_BAD_CHAIN);
    /* The payload, or the signature, of one behind the header of another. */
    uint8_t spliced[BYTES];
    memcpy(spliced, sealed[0], BYTES);
    memcpy(spliced + SEGMENT_HEADER_BYTES, sealed[1] + SEGMENT_HEADER_BYTES, 61);
    assert_int_equal(accept(spliced, BYTES, 6, chain_before), STATUS_BAD_CHECKSUM);
    memcpy(spliced, sealed[0], BYTES);
    memcpy(spliced + 144, sealed[1] + 144, 64);
    assert_int_equal(accept(spliced, BYTES, 6, chain_before), STATUS_BAD_SIGNATURE);
    /* Payload and its hash together. */
    memcpy(spliced, sealed[0], BYTES);
    memcpy(spliced + SEGMENT_HEADER_BYTES, sealed[1] + SEGMENT_HEADER_BYTES, 61);
    memcpy(spliced + 112, sealed[1] + 112, 32);
    assert_int_equal(accept(spliced, BYTES, 6, chain_before), STATUS_BAD_SIGNATURE);
}

static void test_foreign_is_refused(void **state)
{
    (void)state;
    const struct segment *segment = &segments[0];
    assert_int_equal(segment_verify_chain(segment, CLUSTER, SHARD, 6, chain_before), STATUS_OK);
    assert_int_equal(segment_verify_chain(segment, CLUSTER + 1, SHARD, 6, chain_before),
                     STATUS_FOREIGN);
    assert_int_equal(segment_verify_chain(segment, CLUSTER, SHARD + 1, 6, chain_before),
                     STATUS_FOREIGN);
}

static void test_keys(void **state)
{
    (void)state;
    const struct segment *segment = &segments[0];
    assert_int_equal(segment_verify_signature(segment, sealed[0], &other_verifier, 1),
                     STATUS_UNKNOWN_KEY);
    assert_int_equal(segment_verify_signature(segment, sealed[0], NULL, 0), STATUS_UNKNOWN_KEY);
    const struct segment_verifier both[2] = {other_verifier, verifier};
    assert_int_equal(segment_verify_signature(segment, sealed[0], both, 2), STATUS_OK);
    /* A key that claims another's id. */
    struct segment_verifier liar = other_verifier;
    memcpy(liar.key_id, verifier.key_id, sizeof liar.key_id);
    assert_int_equal(segment_verify_signature(segment, sealed[0], &liar, 1), STATUS_BAD_SIGNATURE);
    assert_memory_not_equal(verifier.key_id, other_verifier.key_id, SEGMENT_KEY_ID_BYTES);
    /* A signature over the chain hash without the domain counts for nothing. */
    uint8_t copy[BYTES];
    memcpy(copy, sealed[0], BYTES);
    assert_int_equal(crypto_sign_detached(copy + 144, NULL, segment->chain_hash, SEGMENT_HASH_BYTES,
                                          signer.secret_key),
                     0);
    assert_int_equal(accept(copy, BYTES, 6, chain_before), STATUS_BAD_SIGNATURE);
}

static void test_empty_segment_opens_a_term(void **state)
{
    (void)state;
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    struct segment segment = {.flags = SEGMENT_OPENS_TERM,
                              .shard_id = SHARD,
                              .cluster_id = CLUSTER,
                              .term = 1,
                              .log_index = 1,
                              .first_command_sequence = 1,
                              .codec = CODEC_STORED};
    segment_seal(&segment, bytes, sizeof bytes, &signer);
    static const uint8_t zeros[SEGMENT_HASH_BYTES];
    assert_int_equal(accept(bytes, sizeof bytes, 0, zeros), STATUS_OK);
    struct segment opened;
    assert_int_equal(segment_open(&opened, bytes, sizeof bytes), STATUS_OK);
    assert_int_equal(opened.flags, SEGMENT_OPENS_TERM);
    assert_int_equal(segment_bytes(&opened), SEGMENT_HEADER_BYTES);
}

/* Which flags go together; each says what the segment holds. */
static void test_flags(void **state)
{
    (void)state;
    for (uint32_t flags = 0; flags <= UINT16_MAX; flags++) {
        uint8_t copy[SEGMENT_HEADER_BYTES];
        struct segment segment = {.flags = SEGMENT_OPENS_TERM,
                                  .shard_id = SHARD,
                                  .cluster_id = CLUSTER,
                                  .term = 1,
                                  .log_index = 1,
                                  .first_command_sequence = 1,
                                  .codec = CODEC_STORED};
        segment_seal(&segment, copy, sizeof copy, &signer);
        copy[6] = (uint8_t)flags;
        copy[7] = (uint8_t)(flags >> 8);
        bool known = flags == 0 || flags == SEGMENT_OPENS_TERM ||
                     flags == (SEGMENT_OPENS_TERM | SEGMENT_PLANNED);
        assert_int_equal(segment_open(&segment, copy, sizeof copy),
                         known ? STATUS_OK : STATUS_BAD_FORMAT); /* A placement is never empty. */
        assert_true(!known || segment.flags == flags);
    }
}

/* Written with a rule broken and everything else right. */
static void check_out_of_range(uint32_t at, const void *value, size_t value_bytes)
{
    uint8_t copy[BYTES];
    memcpy(copy, sealed[0], BYTES);
    memcpy(copy + at, value, value_bytes);
    struct segment segment;
    assert_int_equal(segment_open(&segment, copy, BYTES), STATUS_BAD_FORMAT);
}

static void test_ranges(void **state)
{
    (void)state;
    static const uint64_t zero = 0;
    static const uint64_t most = UINT64_MAX;
    static const uint32_t too_many = SEGMENT_COMMANDS_MAX + 1;
    static const uint32_t too_raw = SEGMENT_RAW_BYTES_MAX + 1;
    static const uint32_t too_long = SEGMENT_STORED_BYTES_MAX + 1;
    static const uint16_t no_shard = SHARDS_MAX + 1;
    static const uint64_t first = 1;
    check_out_of_range(10, &zero, 2);
    check_out_of_range(10, &no_shard, 2);
    check_out_of_range(24, &zero, 8);
    check_out_of_range(32, &zero, 8);
    check_out_of_range(32, &first, 8); /* But something stands before it. */
    check_out_of_range(40, &zero, 8);
    check_out_of_range(40, &most, 8); /* The last sequence would wrap. */
    check_out_of_range(56, &zero, 4); /* No commands, yet a payload. */
    check_out_of_range(56, &too_many, 4);
    check_out_of_range(60, &zero, 4);
    check_out_of_range(60, &too_raw, 4);
    check_out_of_range(64, &zero, 4);
    check_out_of_range(64, &too_long, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sealed_is_accepted),
        cmocka_unit_test(test_golden_header),
        cmocka_unit_test(test_every_flipped_bit_is_found),
        cmocka_unit_test(test_flips_are_named),
        cmocka_unit_test(test_every_length_too_short),
        cmocka_unit_test(test_moved_and_spliced_are_refused),
        cmocka_unit_test(test_foreign_is_refused),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_empty_segment_opens_a_term),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
