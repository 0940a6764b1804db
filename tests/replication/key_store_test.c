#include "replication/key_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static char directory[TEST_PATH_BYTES];
static char path[TEST_PATH_BYTES + 16];
static char public_path[TEST_PATH_BYTES + 16];
static char error[KEY_STORE_ERROR_BYTES];

static int setup(void **state)
{
    (void)state;
    test_paths_make(directory, "key_store");
    (void)snprintf(path, sizeof path, "%s/site.key", directory);
    (void)snprintf(public_path, sizeof public_path, "%s/site.key.pub", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_paths_remove(directory);
    return 0;
}

static void write_file(const char *at, const char *text, mode_t mode)
{
    (void)unlink(at);
    FILE *file = fopen(at, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(at, mode), 0);
}

static mode_t mode_of(const char *at)
{
    struct stat state;
    assert_int_equal(stat(at, &state), 0);
    return state.st_mode & 07777;
}

static void test_a_key_signs_after_reading_back(void **state)
{
    (void)state;
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t read_key[crypto_sign_PUBLICKEYBYTES];
    mode_t before = umask(0777); /* The files' modes do not depend on it. */
    enum status created = key_store_create(path, public_key, error);
    (void)umask(before);
    assert_int_equal(created, STATUS_OK);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(mode_of(public_path), 0644);
    assert_int_equal(key_store_read_public(read_key, public_path, error), STATUS_OK);
    assert_memory_equal(read_key, public_key, sizeof public_key);

    struct segment_signer *signer;
    assert_int_equal(key_store_read(&signer, path, error), STATUS_OK);
    struct segment_verifier verifier;
    struct segment_verifier same;
    key_store_verifier(&verifier, signer);
    key_store_verifier_of(&same, public_key);
    assert_memory_equal(&verifier, &same, sizeof verifier);
    uint8_t signature[crypto_sign_BYTES];
    assert_int_equal(crypto_sign_detached(signature, NULL, public_key, 5, signer->secret_key), 0);
    assert_int_equal(crypto_sign_verify_detached(signature, public_key, 5, read_key), 0);
    key_store_release(signer);

    /* Another one is another key, and none is ever overwritten. */
    uint8_t other[crypto_sign_PUBLICKEYBYTES];
    assert_int_equal(key_store_create(path, other, error), STATUS_EXISTS);
    assert_non_null(strstr(error, "never overwritten"));
    assert_int_equal(key_store_read_public(read_key, public_path, error), STATUS_OK);
    assert_memory_equal(read_key, public_key, sizeof public_key);
    assert_int_equal(unlink(path), 0);
    /* The public file is in the way: no secret is left behind without it. */
    assert_int_equal(key_store_create(path, other, error), STATUS_EXISTS);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(unlink(public_path), 0);
    assert_int_equal(key_store_create(path, other, error), STATUS_OK);
    assert_memory_not_equal(other, public_key, sizeof public_key);
}

static void test_a_key_that_others_can_read_is_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0660, 0610, 0601, 0602, 0620};
    for (uint32_t at = 0; at < sizeof modes / sizeof modes[0]; at++) {
        assert_int_equal(chmod(path, modes[at]), 0);
        struct segment_signer *signer;
        assert_int_equal(key_store_read(&signer, path, error), STATUS_DENIED);
        assert_null(signer);
        assert_non_null(strstr(error, "chmod 600"));
    }
    if (geteuid() == 0) {
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(chown(path, 12345, (gid_t)-1), 0);
        struct segment_signer *signer;
        assert_int_equal(key_store_read(&signer, path, error), STATUS_DENIED);
        assert_non_null(strstr(error, "belongs to user 12345"));
        assert_int_equal(chown(path, 0, (gid_t)-1), 0);
    }
    assert_int_equal(chmod(path, 0400), 0);
    struct segment_signer *signer;
    assert_int_equal(key_store_read(&signer, path, error), STATUS_OK);
    key_store_release(signer);
}

static void test_bad_files_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "causeway-secret-key-1 ",
        /* One digit too few, too many, another character, another version, no line end. */
        "causeway-secret-key-1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n",
        "causeway-secret-key-1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0\n",
        "causeway-secret-key-1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdeg\n",
        "causeway-secret-key-2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
        "causeway-secret-key-1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef ",
    };
    struct segment_signer *signer;
    for (uint32_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        write_file(path, bad[at], 0600);
        assert_int_equal(key_store_read(&signer, path, error), STATUS_BAD_FORMAT);
        assert_null(signer);
        assert_non_null(strstr(error, "causeway keygen"));
        assert_null(strstr(error, "0123456789")); /* No part of a key in a message. */
    }
    write_file(path,
               "causeway-secret-key-1 "
               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
               0600);
    assert_int_equal(key_store_read(&signer, path, error), STATUS_OK);
    key_store_release(signer);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(key_store_read(&signer, path, error), STATUS_NOT_FOUND);
    assert_int_equal(key_store_read(&signer, directory, error), STATUS_BAD_FORMAT);
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    assert_int_equal(key_store_create("/nowhere/at/all", public_key, error), STATUS_NOT_FOUND);
    write_file(public_path, "0123456789abcdef\n", 0644);
    assert_int_equal(key_store_read_public(public_key, public_path, error), STATUS_BAD_FORMAT);
    assert_int_equal(unlink(public_path), 0);
    assert_int_equal(key_store_read_public(public_key, public_path, error), STATUS_NOT_FOUND);
    key_store_release(NULL);
}

static void test_public_keys_as_text(void **state)
{
    (void)state;
    static const char good[] = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef";
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    char text[KEY_STORE_HEX_BYTES];
    assert_int_equal(key_store_parse(public_key, good), STATUS_OK);
    key_store_print(text, public_key);
    assert_string_equal(text, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    assert_int_equal(key_store_parse(public_key, ""), STATUS_BAD_FORMAT);
    assert_int_equal(key_store_parse(public_key, good + 1), STATUS_BAD_FORMAT);
    assert_int_equal(key_store_parse(public_key, good + 2), STATUS_BAD_FORMAT);
    char longer[80];
    (void)snprintf(longer, sizeof longer, "%s00", good);
    assert_int_equal(key_store_parse(public_key, longer), STATUS_BAD_FORMAT);
    (void)snprintf(longer, sizeof longer, " %s", good + 1);
    assert_int_equal(key_store_parse(public_key, longer), STATUS_BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_signs_after_reading_back),
        cmocka_unit_test(test_a_key_that_others_can_read_is_refused),
        cmocka_unit_test(test_bad_files_are_refused),
        cmocka_unit_test(test_public_keys_as_text),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
