#include "replication/store_head.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static char directory[TEST_PATH_BYTES];
static char path[JOURNAL_PATH_BYTES];
static struct journal_error error;
static struct store_head head;
static struct store_head_facts found;

static struct store_head_facts make(uint64_t commit_number)
{
    struct store_head_facts facts = {.commit_number = commit_number,
                                     .frame_number = 10 * commit_number};
    memset(facts.incarnation, 1, sizeof facts.incarnation);
    memset(facts.frame_hash, (int)commit_number, sizeof facts.frame_hash);
    memset(facts.digest, 2, sizeof facts.digest);
    return facts;
}

static int setup(void **state)
{
    (void)state;
    struct store_head_facts first = make(1);
    test_paths_make(directory, "store_head");
    if (journal_file_path(path, directory, STORE_HEAD_NAME, &error) != STATUS_OK) {
        return -1;
    }
    return store_head_create(path, &first, &error) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    store_head_close(&head);
    test_paths_remove(directory);
    return 0;
}

static void overwrite(uint32_t offset, const void *bytes, uint32_t count)
{
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(pwrite(descriptor, bytes, count, (off_t)offset), count);
    assert_int_equal(close(descriptor), 0);
}

static void reopen(uint64_t commit_number)
{
    store_head_close(&head);
    assert_int_equal(store_head_open(&head, &found, path, true, &error), STATUS_OK);
    assert_true(found.commit_number == commit_number);
    assert_true(found.frame_number == 10 * commit_number);
    assert_int_equal(found.frame_hash[15], commit_number);
}

static void test_newest_counts(void **state)
{
    (void)state;
    reopen(1);
    for (uint64_t number = 2; number <= 9; number++) {
        struct store_head_facts facts = make(number);
        assert_int_equal(store_head_write(&head, &facts, &error), STATUS_OK);
        reopen(number);
    }
}

/* A torn slot leaves the other one; two are damage. */
static void test_slots(void **state)
{
    (void)state;
    reopen(1);
    struct store_head_facts two = make(2);
    assert_int_equal(store_head_write(&head, &two, &error), STATUS_OK);
    reopen(2);
    overwrite(100, "torn", 4); /* Commit 2 is in slot 0. */
    reopen(1);
    overwrite(JOURNAL_BLOCK_BYTES + 100, "torn", 4);
    store_head_close(&head);
    assert_int_equal(store_head_open(&head, &found, path, true, &error), STATUS_DAMAGED);
    assert_non_null(strstr(error.text, STORE_HEAD_NAME));
    assert_int_equal(truncate(path, 5000), 0);
    assert_int_equal(store_head_open(&head, &found, path, true, &error), STATUS_DAMAGED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(store_head_open(&head, &found, path, true, &error), STATUS_NOT_FOUND);
}

static void test_write_error(void **state)
{
    (void)state;
    struct store_head_facts two = make(2);
    assert_int_equal(store_head_open(&head, &found, path, false, &error), STATUS_OK);
    assert_int_not_equal(store_head_write(&head, &two, &error), STATUS_OK); /* Read-only. */
    assert_non_null(strstr(error.text, path));
}

static void test_compare(void **state)
{
    (void)state;
    reopen(1);
    struct store_head_facts ten = make(10);
    struct store_head_facts store = make(10);
    assert_int_equal(store_head_compare(&head, &ten, &store, &error), STATUS_OK);
    store.digest[3] ^= 1;
    assert_int_equal(store_head_compare(&head, &ten, &store, &error), STATUS_DAMAGED);
    assert_non_null(strstr(error.text, "differ"));
    store = make(10);
    store.frame_hash[0] ^= 1;
    assert_int_equal(store_head_compare(&head, &ten, &store, &error), STATUS_DAMAGED);
    store = make(9); /* LMDB came back with an older root. */
    assert_int_equal(store_head_compare(&head, &ten, &store, &error), STATUS_DAMAGED);
    assert_non_null(strstr(error.text, "lost commits"));
    store = make(11); /* A stop between commit and head pointer. */
    assert_int_equal(store_head_compare(&head, &ten, &store, &error), STATUS_OK);
    store = make(12);
    assert_int_equal(store_head_compare(&head, &ten, &store, &error), STATUS_OK);
    store = make(13);
    assert_int_equal(store_head_compare(&head, &ten, &store, &error), STATUS_DAMAGED);
    assert_non_null(strstr(error.text, "old copy"));
    store = make(10);
    store.incarnation[0] ^= 1;
    assert_int_equal(store_head_compare(&head, &ten, &store, &error), STATUS_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_newest_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slots, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compare, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
