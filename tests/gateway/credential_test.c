#include "gateway/credential.h"

#include <sodium.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

static struct io *io;

static int make_io(void **state)
{
    (void)state;
    struct io_options options = {.handles_max = 8,
                                 .receive_buffer_bytes = 4096,
                                 .receive_buffer_count = 8};
    return sodium_init() < 0 || io_create(&io, &options) != STATUS_OK ? -1 : 0;
}

static int free_io(void **state)
{
    (void)state;
    io_destroy(io);
    return 0;
}

static struct credential make(const char *password)
{
    struct credential credential = {.hash_operations = 1, .hash_memory_kib = 64};
    randombytes_buf(credential.salt, sizeof credential.salt);
    uint8_t padded[SOUPBIN_PASSWORD_BYTES];
    memset(padded, ' ', sizeof padded);
    memcpy(padded, password, strlen(password));
    assert_int_equal(credential_hash(&credential, padded), STATUS_OK);
    return credential;
}

static struct credential_request ask(uint64_t ticket, const struct credential *credential,
                                     const char *password)
{
    struct credential_request request = {.ticket = ticket, .credential = *credential};
    memset(request.password, ' ', sizeof request.password);
    memcpy(request.password, password, strlen(password));
    return request;
}

static bool wait_for(struct credential_worker *worker, uint64_t ticket)
{
    struct credential_result result;
    while (credential_take(worker, &result) == STATUS_NOT_YET) {
        struct io_completion completion;
        (void)io_poll(io, &completion, 1, UINT64_MAX); /* Woken by the worker. */
    }
    assert_int_equal(result.ticket, ticket);
    return result.right;
}

static void test_right_and_wrong_passwords(void **state)
{
    (void)state;
    struct credential_worker *worker = NULL;
    assert_int_equal(credential_start(&worker, io, 4), STATUS_OK);
    struct credential one = make("secret");
    struct credential two = make("other");
    for (uint64_t round = 0; round < 3; round++) { /* Later rounds meet the remembered ones. */
        struct credential_request request = ask(round * 4 + 1, &one, "secret");
        assert_int_equal(credential_submit(worker, &request), STATUS_OK);
        uint8_t wiped[SOUPBIN_PASSWORD_BYTES] = {0};
        assert_memory_equal(request.password, wiped, sizeof wiped);
        assert_true(wait_for(worker, round * 4 + 1));
        request = ask(round * 4 + 2, &one, "Secret");
        assert_int_equal(credential_submit(worker, &request), STATUS_OK);
        assert_false(wait_for(worker, round * 4 + 2));
        request = ask(round * 4 + 3, &two, "secret"); /* Right for another session only. */
        assert_int_equal(credential_submit(worker, &request), STATUS_OK);
        assert_false(wait_for(worker, round * 4 + 3));
        request = ask(round * 4 + 4, &two, "other");
        assert_int_equal(credential_submit(worker, &request), STATUS_OK);
        assert_true(wait_for(worker, round * 4 + 4));
    }
    credential_stop(worker);
}

static void test_too_many_at_once_are_refused(void **state)
{
    (void)state;
    struct credential_worker *worker = NULL;
    assert_int_equal(credential_start(&worker, io, 2), STATUS_OK);
    struct credential credential = make("secret");
    for (uint64_t ticket = 1; ticket <= 3; ticket++) {
        struct credential_request request = ask(ticket, &credential, "secret");
        /* Counted until the result is taken: the third finds no place however fast the worker is.
         */
        assert_int_equal(credential_submit(worker, &request),
                         ticket <= 2 ? STATUS_OK : STATUS_FULL);
    }
    assert_true(wait_for(worker, 1));
    assert_true(wait_for(worker, 2));
    struct credential_request request = ask(4, &credential, "secret");
    assert_int_equal(credential_submit(worker, &request), STATUS_OK);
    assert_true(wait_for(worker, 4));
    credential_stop(worker);
}

static void test_costs_out_of_range(void **state)
{
    (void)state;
    uint8_t password[SOUPBIN_PASSWORD_BYTES] = {0};
    struct credential credential = {.hash_operations = 0, .hash_memory_kib = 64};
    assert_int_equal(credential_hash(&credential, password), STATUS_BAD_ARGUMENT);
    credential.hash_operations = CREDENTIAL_OPERATIONS_MAX + 1;
    assert_int_equal(credential_hash(&credential, password), STATUS_BAD_ARGUMENT);
    credential.hash_operations = 1;
    credential.hash_memory_kib = CREDENTIAL_MEMORY_KIB_MAX + 1;
    assert_int_equal(credential_hash(&credential, password), STATUS_BAD_ARGUMENT);
    credential.hash_memory_kib = 7;
    assert_int_equal(credential_hash(&credential, password), STATUS_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_and_wrong_passwords),
        cmocka_unit_test(test_too_many_at_once_are_refused),
        cmocka_unit_test(test_costs_out_of_range),
    };
    return cmocka_run_group_tests(tests, make_io, free_io);
}
