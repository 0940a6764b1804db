/* The genesis in its file: written, read, judged; and what is not what was written. */
#include "gateway/genesis_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static struct config config;
static struct genesis genesis;
static struct genesis found;
static struct genesis now;
static char text[8192];
static char error[GENESIS_FILE_ERROR_BYTES];
static char path[CONFIG_PATH_BYTES + 16];

static int setup(void **state)
{
    (void)state;
    config = (struct config){.cluster = "demo", .genesis_count = 1, .shard_count = 1};
    config.genesis[0] = (struct config_site){
        .name = "one", .provider = "local", .role = CONFIG_VOTER, .incarnation_set = true};
    config.shards[0] =
        (struct config_shard){.id = 1, .name = "EQ", .prefer_count = 1, .commit_providers = 1};
    test_paths_make(config.data, "genesis_file");
    (void)snprintf(path, sizeof path, "%s/genesis", config.data);
    genesis_of(&genesis, &config);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_paths_remove(config.data);
    return 0;
}

static size_t read_file(void)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t bytes = fread(text, 1, sizeof text, file);
    assert_int_equal(fclose(file), 0);
    return bytes;
}

static void write_file(size_t bytes)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void test_kept_and_read(void **state)
{
    (void)state;
    bool kept = true;
    assert_int_equal(genesis_file_read(&found, config.data, error), STATUS_NOT_FOUND);
    assert_int_equal(genesis_file_check(&config, &genesis, &kept, error), STATUS_OK);
    assert_false(kept);
    assert_int_equal(genesis_file_write(&genesis, config.data, error), STATUS_OK);
    assert_int_equal(genesis_file_read(&found, config.data, error), STATUS_OK);
    assert_string_equal(found.text, genesis.text);
    assert_memory_equal(found.hash, genesis.hash, GENESIS_HASH_BYTES);
    assert_int_equal(genesis_file_check(&config, &genesis, &kept, error), STATUS_OK);
    assert_true(kept);
    size_t bytes = read_file();
    assert_memory_equal(text, genesis.text, strlen(genesis.text));
    assert_int_equal(bytes, strlen(genesis.text) + 5 + 64 + 1);
}

static void test_a_difference(void **state)
{
    (void)state;
    bool kept = false;
    assert_int_equal(genesis_file_write(&genesis, config.data, error), STATUS_OK);
    config.genesis[0].role = CONFIG_LEARNER;
    genesis_of(&now, &config);
    assert_int_equal(genesis_file_check(&config, &now, &kept, error), STATUS_FOREIGN);
    assert_non_null(strstr(error, "site 1 (one) has the role `learner`, but began with `voter`"));
    assert_non_null(strstr(error, "causeway site"));
}

/* Every byte of the file flipped, and every cut, is found. */
static void test_rot_is_found(void **state)
{
    (void)state;
    bool kept = false;
    assert_int_equal(genesis_file_write(&genesis, config.data, error), STATUS_OK);
    size_t bytes = read_file();
    for (size_t at = 0; at < bytes; at++) {
        text[at] ^= 1;
        write_file(bytes);
        enum status status = genesis_file_read(&found, config.data, error);
        bool version = at == strlen("causeway genesis ");
        assert_int_equal(status, version || at == strlen("causeway genesis 1") ? STATUS_BAD_VERSION
                                                                               : STATUS_DAMAGED);
        assert_non_null(strstr(error, version ? "use the program that wrote it" : "genesis"));
        assert_int_equal(genesis_file_check(&config, &genesis, &kept, error), status);
        assert_false(kept);
        text[at] ^= 1;
        write_file(at);
        assert_int_equal(genesis_file_read(&found, config.data, error), STATUS_DAMAGED);
    }
    memset(text + bytes, 'x', sizeof text - bytes);
    write_file(sizeof text);
    assert_int_equal(genesis_file_read(&found, config.data, error), STATUS_DAMAGED);
    write_file(bytes + 1);
    assert_int_equal(genesis_file_read(&found, config.data, error), STATUS_DAMAGED);
    write_file(bytes);
    assert_int_equal(genesis_file_read(&found, config.data, error), STATUS_OK);
}

static void test_where_nothing_can_be_written(void **state)
{
    (void)state;
    char nowhere[CONFIG_PATH_BYTES + 16];
    (void)snprintf(nowhere, sizeof nowhere, "%s/none", config.data);
    assert_int_equal(genesis_file_write(&genesis, nowhere, error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "cannot write"));
    assert_int_equal(genesis_file_read(&found, nowhere, error), STATUS_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept_and_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_difference, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rot_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_where_nothing_can_be_written, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
