/* What an operator attested, from his key to an auditor's check. */
#include "tools/attestation.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/placement_record.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static char directory[TEST_PATH_BYTES];
static char key_path[TEST_PATH_BYTES + 32];
static char public_path[TEST_PATH_BYTES + 64];
static char other_path[TEST_PATH_BYTES + 32];
static char other_public_path[TEST_PATH_BYTES + 64];
static char path[TEST_PATH_BYTES + 32];
static uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
static uint8_t other_key[crypto_sign_PUBLICKEYBYTES];
static struct attestation made;
static struct attestation read_back;
static struct attestation_search search;
static uint8_t payload[PLACEMENT_RECORD_BYTES];
static char error[ATTESTATION_ERROR_BYTES];

static int setup(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    test_paths_make(directory, "attestation");
    (void)snprintf(key_path, sizeof key_path, "%s/operator.key", directory);
    (void)snprintf(public_path, sizeof public_path, "%s.pub", key_path);
    (void)snprintf(other_path, sizeof other_path, "%s/other.key", directory);
    (void)snprintf(other_public_path, sizeof other_public_path, "%s.pub", other_path);
    (void)snprintf(path, sizeof path, "%s/attestation.txt", directory);
    assert_int_equal(key_store_create(key_path, public_key, error), STATUS_OK);
    assert_int_equal(key_store_create(other_path, other_key, error), STATUS_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_paths_remove(directory);
    return 0;
}

static void write_bytes(const void *bytes, size_t count)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

/* Signed with the operator's key, and written. */
static size_t make(void)
{
    struct segment_signer *signer = NULL;
    assert_int_equal(key_store_read(&signer, key_path, error), STATUS_OK);
    (void)snprintf(made.text, sizeof made.text, ATTESTATION_BEGINS "off for good: one, two\n",
                   "test", 1u);
    attestation_sign(&made, signer);
    key_store_release(signer);
    write_bytes(made.text, strlen(made.text));
    return strlen(made.text);
}

static void test_what_was_signed_is_read(void **state)
{
    (void)state;
    char hex[KEY_STORE_HEX_BYTES];
    size_t bytes = make();
    assert_int_equal(attestation_read(&read_back, path, error), STATUS_OK);
    assert_int_equal(strlen(read_back.text), bytes);
    assert_string_equal(read_back.text, made.text);
    assert_memory_equal(read_back.hash, made.hash, sizeof made.hash);
    key_store_print(hex, public_key);
    assert_string_equal(read_back.key, hex);
    /* As protocol.md says it, with nothing of the module. */
    uint8_t whole[32];
    (void)crypto_generichash(whole, sizeof whole, (const uint8_t *)made.text, bytes, NULL, 0);
    assert_memory_equal(whole, made.hash, sizeof whole);
    uint8_t covered[22 + 32] = "causeway attestation 1";
    uint8_t signature[crypto_sign_BYTES];
    const char *key_line = strstr(made.text, "key: ");
    const char *signature_line = strstr(made.text, "signature: ");
    assert_non_null(key_line);
    assert_non_null(signature_line);
    (void)crypto_generichash(covered + 22, 32, (const uint8_t *)made.text,
                             (size_t)(key_line - made.text), NULL, 0);
    assert_int_equal(sodium_hex2bin(signature, sizeof signature, signature_line + 11,
                                    2 * sizeof signature, NULL, NULL, NULL),
                     0);
    assert_int_equal(crypto_sign_verify_detached(signature, covered, sizeof covered, public_key),
                     0);
}

static void test_any_change_is_found(void **state)
{
    (void)state;
    size_t bytes = make();
    for (size_t at = 0; at < bytes; at++) {
        static char changed[ATTESTATION_TEXT_BYTES];
        memcpy(changed, made.text, bytes);
        changed[at] = (char)(changed[at] ^ 1);
        write_bytes(changed, bytes);
        assert_int_not_equal(attestation_read(&read_back, path, error), STATUS_OK);
    }
    for (size_t cut = 0; cut < bytes; cut++) {
        write_bytes(made.text, cut);
        assert_int_not_equal(attestation_read(&read_back, path, error), STATUS_OK);
    }
    static char longer[ATTESTATION_TEXT_BYTES + 1];
    memset(longer, '\n', sizeof longer);
    memcpy(longer, made.text, bytes);
    write_bytes(longer, bytes + 1);
    assert_int_equal(attestation_read(&read_back, path, error), STATUS_BAD_FORMAT);
    write_bytes(longer, sizeof longer);
    assert_int_equal(attestation_read(&read_back, path, error), STATUS_BAD_FORMAT);
    assert_int_equal(attestation_read(&read_back, "/nowhere", error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "/nowhere"));
}

/* A placement segment of shard 3 that a repair began with; a member has this key. */
static void look(const uint8_t hash[static REPAIR_HASH_BYTES],
                 const uint8_t member[static crypto_sign_PUBLICKEYBYTES], bool repaired)
{
    struct placement_record record = {.repaired = repaired};
    record.placement.epoch = 7;
    record.placement.commit_providers = 1;
    record.placement.sites[1] =
        (struct placement_site){.incarnation = 9, .provider_id = 1, .role = PLACEMENT_VOTER};
    memcpy(record.placement.sites[1].public_key, member, crypto_sign_PUBLICKEYBYTES);
    if (repaired) {
        record.generation = UINT64_C(0x100000002);
        memcpy(record.attestation_hash, hash, REPAIR_HASH_BYTES);
    }
    placement_record_store(payload, &record);
    struct journal_reader_segment found = {.shard_id = 3};
    found.segment.flags = SEGMENT_PLACEMENT;
    found.segment.log_index = 42;
    found.segment.payload = payload;
    found.segment.stored_bytes = sizeof payload;
    attestation_search_segment(&search, &found);
}

static enum status begin(const char *trusted)
{
    assert_int_equal(attestation_search_begin(&search, path, trusted, error), STATUS_OK);
    return attestation_search_end(&search, error);
}

static void test_a_repair_in_the_journal_names_it(void **state)
{
    (void)state;
    static const uint8_t other_hash[REPAIR_HASH_BYTES] = {1};
    make();
    assert_int_equal(begin(NULL), STATUS_NOT_FOUND);
    look(other_hash, public_key, true);
    look(made.hash, public_key, false);
    assert_int_equal(attestation_search_end(&search, error), STATUS_NOT_FOUND);
    look(made.hash, public_key, true);
    look(other_hash, public_key, true);
    assert_int_equal(attestation_search_end(&search, error), STATUS_OK);
    assert_true(search.log_index == 42);
    assert_int_equal(search.shard_id, 3);
    assert_true(search.generation == UINT64_C(0x100000002));
    assert_true(search.by_member);
}

static void test_somebody_vouches_for_who_signed(void **state)
{
    (void)state;
    make();
    /* No site's key: it counts only when it is named. */
    assert_int_equal(begin(NULL), STATUS_NOT_FOUND);
    look(made.hash, other_key, true);
    assert_int_equal(attestation_search_end(&search, error), STATUS_UNKNOWN_KEY);
    assert_non_null(strstr(error, made.key));
    assert_int_equal(begin(public_path), STATUS_NOT_FOUND);
    look(made.hash, other_key, true);
    assert_int_equal(attestation_search_end(&search, error), STATUS_OK);
    assert_false(search.by_member);
    /* Who names a key means this one, and no site's. */
    assert_int_equal(begin(other_public_path), STATUS_NOT_FOUND);
    look(made.hash, public_key, true);
    assert_int_equal(attestation_search_end(&search, error), STATUS_UNKNOWN_KEY);
    assert_int_not_equal(attestation_search_begin(&search, path, "/nowhere", error), STATUS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_signed_is_read),
        cmocka_unit_test(test_any_change_is_found),
        cmocka_unit_test(test_a_repair_in_the_journal_names_it),
        cmocka_unit_test(test_somebody_vouches_for_who_signed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
