#include "tools/attestation.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/placement_record.h"

/* Signed together with the text's hash, so that no other signature passes for this one. */
#define ATTESTATION_DOMAIN "causeway attestation 1"

#define ATTESTATION_KEY       "key: "
#define ATTESTATION_SIGNATURE "signature: "

/* Both lines at the end, which the signature does not cover. */
#define ATTESTATION_END_BYTES                                                                      \
    (sizeof ATTESTATION_KEY - 1 + 2 * crypto_sign_PUBLICKEYBYTES + 1 +                             \
     sizeof ATTESTATION_SIGNATURE - 1 + 2 * crypto_sign_BYTES + 1)

#define ATTESTATION_SIGNED_BYTES (sizeof ATTESTATION_DOMAIN - 1 + REPAIR_HASH_BYTES)

static_assert(ATTESTATION_END_BYTES < 256, "the room that is left for them");

/* What is signed of the first `bytes` of a text. */
static void attestation_signed(uint8_t target[static ATTESTATION_SIGNED_BYTES], const char *text,
                               size_t bytes)
{
    ASSERT(bytes > 0);
    ASSERT(bytes < ATTESTATION_TEXT_BYTES);
    memcpy(target, ATTESTATION_DOMAIN, sizeof ATTESTATION_DOMAIN - 1);
    (void)crypto_generichash(target + sizeof ATTESTATION_DOMAIN - 1, REPAIR_HASH_BYTES,
                             (const uint8_t *)text, bytes, NULL, 0);
}

static void attestation_hash(struct attestation *attestation)
{
    size_t bytes = strlen(attestation->text);
    ASSERT(bytes > ATTESTATION_END_BYTES);
    (void)crypto_generichash(attestation->hash, sizeof attestation->hash,
                             (const uint8_t *)attestation->text, bytes, NULL, 0);
}

void attestation_sign(struct attestation *attestation, const struct segment_signer *signer)
{
    size_t used = strlen(attestation->text);
    ASSERT(used > 0 && attestation->text[used - 1] == '\n');
    ASSERT(used < sizeof attestation->text - 256);
    uint8_t bytes[ATTESTATION_SIGNED_BYTES];
    uint8_t signature[crypto_sign_BYTES];
    char hex[2 * crypto_sign_BYTES + 1];
    struct segment_verifier verifier;
    attestation_signed(bytes, attestation->text, used);
    (void)crypto_sign_detached(signature, NULL, bytes, sizeof bytes, signer->secret_key);
    key_store_verifier(&verifier, signer);
    key_store_print(attestation->key, verifier.public_key);
    (void)sodium_bin2hex(hex, sizeof hex, signature, sizeof signature);
    int more = snprintf(attestation->text + used, sizeof attestation->text - used,
                        ATTESTATION_KEY "%s\n" ATTESTATION_SIGNATURE "%s\n", attestation->key, hex);
    ASSERT(more == (int)ATTESTATION_END_BYTES);
    attestation_hash(attestation);
}

/* Both lines at the end. False: they are not as attestation_sign() writes them. */
static bool attestation_parse_end(struct attestation *attestation, const char *end,
                                  uint8_t public_key[static crypto_sign_PUBLICKEYBYTES],
                                  uint8_t signature[static crypto_sign_BYTES])
{
    const char *key = end + sizeof ATTESTATION_KEY - 1;
    const char *line = key + 2 * crypto_sign_PUBLICKEYBYTES + 1;
    const char *hex = line + sizeof ATTESTATION_SIGNATURE - 1;
    size_t written = 0;
    memcpy(attestation->key, key, sizeof attestation->key - 1);
    attestation->key[sizeof attestation->key - 1] = '\0';
    return memcmp(end, ATTESTATION_KEY, sizeof ATTESTATION_KEY - 1) == 0 && line[-1] == '\n' &&
           memcmp(line, ATTESTATION_SIGNATURE, sizeof ATTESTATION_SIGNATURE - 1) == 0 &&
           hex[2 * crypto_sign_BYTES] == '\n' &&
           key_store_parse(public_key, attestation->key) == STATUS_OK &&
           sodium_hex2bin(signature, crypto_sign_BYTES, hex, 2 * crypto_sign_BYTES, NULL, &written,
                          NULL) == 0 &&
           written == crypto_sign_BYTES;
}

enum status attestation_read(struct attestation *attestation, const char *path,
                             char error[static ATTESTATION_ERROR_BYTES])
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)snprintf(error, ATTESTATION_ERROR_BYTES, "cannot read %s", path);
        return STATUS_NOT_FOUND;
    }
    size_t bytes = fread(attestation->text, 1, sizeof attestation->text, file);
    bool whole = ferror(file) == 0 && bytes < sizeof attestation->text;
    (void)fclose(file);
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t signature[crypto_sign_BYTES];
    if (!whole || bytes <= ATTESTATION_END_BYTES || memchr(attestation->text, 0, bytes) != NULL ||
        !attestation_parse_end(attestation, attestation->text + bytes - ATTESTATION_END_BYTES,
                               public_key, signature)) {
        (void)snprintf(error, ATTESTATION_ERROR_BYTES,
                       "%s is no attestation: it does not end with the lines `key:` and "
                       "`signature:`",
                       path);
        return STATUS_BAD_FORMAT;
    }
    attestation->text[bytes] = '\0';
    key_store_print(attestation->key, public_key); /* As it is compared: in small digits. */
    uint8_t covered[ATTESTATION_SIGNED_BYTES];
    attestation_signed(covered, attestation->text, bytes - ATTESTATION_END_BYTES);
    if (crypto_sign_verify_detached(signature, covered, sizeof covered, public_key) != 0) {
        (void)snprintf(error, ATTESTATION_ERROR_BYTES,
                       "%s: the signature does not hold: the text was changed, or somebody else "
                       "signed it",
                       path);
        return STATUS_BAD_SIGNATURE;
    }
    attestation_hash(attestation);
    return STATUS_OK;
}

/* ---- In a journal ---- */

enum status attestation_search_begin(struct attestation_search *search, const char *path,
                                     const char *key_path,
                                     char error[static ATTESTATION_ERROR_BYTES])
{
    static_assert(ATTESTATION_ERROR_BYTES >= KEY_STORE_ERROR_BYTES, "a sentence fits");
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    ASSERT(path != NULL);
    memset(search, 0, sizeof *search);
    enum status status = attestation_read(&search->attestation, path, error);
    if (status == STATUS_OK && key_path != NULL) {
        status = key_store_read_public(public_key, key_path, error);
        if (status == STATUS_OK) {
            key_store_print(search->trusted_key, public_key);
        }
    }
    return status;
}

static bool attestation_by_member(const struct attestation *attestation,
                                  const struct placement *placement)
{
    bool found = false;
    for (uint32_t at = 0; at < SITES_MAX && !found; at++) {
        char key[KEY_STORE_HEX_BYTES];
        key_store_print(key, placement->sites[at].public_key);
        found = placement->sites[at].role != PLACEMENT_ABSENT && strcmp(key, attestation->key) == 0;
    }
    return found;
}

void attestation_search_segment(struct attestation_search *search,
                                const struct journal_reader_segment *found)
{
    static_assert(PLACEMENT_RECORD_HASH_BYTES == REPAIR_HASH_BYTES, "the same hash");
    const struct segment *segment = &found->segment;
    struct placement_record record;
    if (search->log_index != 0 || (segment->flags & SEGMENT_PLACEMENT) == 0 ||
        placement_record_load(&record, segment->payload, segment->stored_bytes) != STATUS_OK ||
        !record.repaired ||
        memcmp(record.attestation_hash, search->attestation.hash, REPAIR_HASH_BYTES) != 0) {
        return;
    }
    ASSERT(segment->log_index > 0);
    search->log_index = segment->log_index;
    search->generation = record.generation;
    search->shard_id = found->shard_id;
    search->by_member = attestation_by_member(&search->attestation, &record.placement);
}

enum status attestation_search_end(const struct attestation_search *search,
                                   char error[static ATTESTATION_ERROR_BYTES])
{
    if (search->log_index == 0) {
        (void)snprintf(error, ATTESTATION_ERROR_BYTES,
                       "the attestation is of no repair in it (a journal that was trimmed has lost "
                       "its beginning: take an older copy)");
        return STATUS_NOT_FOUND;
    }
    bool named = search->trusted_key[0] != '\0';
    if (named ? strcmp(search->trusted_key, search->attestation.key) == 0 : search->by_member) {
        return STATUS_OK;
    }
    (void)snprintf(error, ATTESTATION_ERROR_BYTES, "the attestation is signed with %s: %s",
                   search->attestation.key,
                   named ? "not the key that --attestation-key has"
                         : "no site of the repaired shard has this key; if it is the operator's, "
                           "give his public key as --attestation-key");
    return STATUS_UNKNOWN_KEY;
}

void attestation_search_print(const struct attestation_search *search)
{
    ASSERT(search->log_index > 0);
    (void)printf("attestation: signed with %s, %s; in log index %" PRIu64
                 " of shard %u, which began generation %016" PRIx64 "\n",
                 search->attestation.key, search->by_member ? "a site's key" : "the operator's key",
                 search->log_index, (unsigned)search->shard_id, search->generation);
}

json_t *attestation_search_json(const struct attestation_search *search)
{
    ASSERT(search->log_index > 0);
    return json_pack("{s:i, s:I, s:s}", "shard", (int)search->shard_id, "log_index",
                     (json_int_t)search->log_index, "key", search->attestation.key);
}
