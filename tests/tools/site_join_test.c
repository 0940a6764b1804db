/* A directory made ready to join, again after a kill at any step, and refused where it would do
 * harm. */
#include "tools/site_join.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/genesis_file.h"
#include "gateway/members.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"
#include "tools/init.h"

static char directory[TEST_PATH_BYTES];
static char first_path[TEST_PATH_BYTES + 32];
static char second_path[TEST_PATH_BYTES + 32];
static struct config known;
static struct site_view view;
static struct site_join join;
static struct genesis genesis;
static char error[SITE_JOIN_ERROR_BYTES];

static void make(const char *path, const char *name, const char *provider, const char *peer)
{
    const struct init_options options = {.directory = path,
                                         .cluster = "demo",
                                         .site = name,
                                         .provider = provider,
                                         .ouch = "127.0.0.1:0",
                                         .admin = "127.0.0.1:7901",
                                         .peer = peer};
    char reason[INIT_ERROR_BYTES];
    assert_int_equal(init_site(&options, reason), STATUS_OK);
}

static int setup(void **state)
{
    (void)state;
    test_paths_make(directory, "site_join");
    (void)snprintf(first_path, sizeof first_path, "%s/first", directory);
    (void)snprintf(second_path, sizeof second_path, "%s/second", directory);
    make(first_path, "first", "aws", "127.0.0.1:7101");
    make(second_path, "second", "gcp", "127.0.0.1:7102");
    char path[TEST_PATH_BYTES + 64];
    char reason[MEMBERS_ERROR_BYTES];
    (void)snprintf(path, sizeof path, "%s/site.yaml", first_path);
    assert_int_equal(members_read(&known, path, reason), STATUS_OK);
    memset(&view, 0, sizeof view);
    memcpy(view.cluster, "demo", 5);
    view.sites[0] = known.sites[0];
    memset(view.sites[0].incarnation, 7, sizeof view.sites[0].incarnation);
    view.shard_count = 1;
    view.shards[0].shard_id = 1;
    struct placement *placement = &view.shards[0].record.placement;
    placement->commit_providers = 1;
    placement->sites[0] =
        (struct placement_site){.incarnation = 7, .provider_id = 1, .role = PLACEMENT_VOTER};
    memcpy(placement->sites[0].public_key, known.sites[0].public_key, PLACEMENT_KEY_BYTES);
    view.shards[0].report.previous_placement = *placement;
    /* What that site says it began with. */
    static struct config began;
    began = known;
    began.genesis[0].incarnation_set = true;
    memcpy(began.genesis[0].incarnation, view.sites[0].incarnation,
           sizeof began.genesis[0].incarnation);
    genesis_of(&genesis, &began);
    memcpy(view.genesis, genesis.hash, sizeof view.genesis);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_paths_remove(directory);
    return 0;
}

static void test_a_directory_is_made_ready(void **state)
{
    (void)state;
    view.shards[0].report.generation = UINT64_C(1) << 32; /* A repair has gone before. */
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_OK);
    assert_int_equal(join.site_id, 2);
    assert_int_equal(join.site.provider_id, 2);
    assert_int_equal(join.site.version, 1);
    assert_false(join.joined);
    assert_int_equal(site_join_write(&join, &view, &known, error), STATUS_OK);
    static struct config read;
    char reason[MEMBERS_ERROR_BYTES];
    assert_int_equal(members_read(&read, join.path, reason), STATUS_OK);
    assert_int_equal(read.genesis_count, 1);
    assert_string_equal(read.genesis[0].name, "first");
    assert_int_equal(read.genesis[0].incarnation[0], 7);
    assert_int_equal(read.site_index, 1);
    assert_string_equal(read.sites[1].name, "second");
    assert_int_equal(read.key_count, 1);
    /* It begins as the cluster did. */
    static struct genesis began;
    assert_int_equal(genesis_file_read(&began, read.data, reason), STATUS_OK);
    assert_string_equal(began.text, genesis.text);
    /* Killed before anybody heard of it: the same place again, nothing is written twice. */
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_OK);
    assert_true(join.joined);
    assert_int_equal(join.site_id, 2);
    assert_int_equal(site_join_write(&join, &view, &known, error), STATUS_OK);
    /* Another has taken that place since. */
    view.sites[1] = join.site;
    memcpy(view.sites[1].name, "other", 6);
    view.sites[1].incarnation[0] ^= 1;
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_EXISTS);
    assert_non_null(strstr(error, "has been taken"));
}

/* The other site's file has been edited since it was started: nobody would let the new one in. */
static void test_an_edited_configuration_of_the_cluster(void **state)
{
    (void)state;
    known.shards[0].waived_rules = 1u << PLACEMENT_PROVIDER_LOSS;
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_OK);
    assert_int_equal(site_join_write(&join, &view, &known, error), STATUS_FOREIGN);
    assert_non_null(strstr(error, "is not what cluster demo began with"));
    static struct config read;
    static struct genesis began;
    char reason[MEMBERS_ERROR_BYTES];
    assert_int_equal(members_read(&read, join.path, reason), STATUS_OK);
    assert_string_equal(read.genesis[0].name, "second"); /* As it was. */
    assert_int_equal(genesis_file_read(&began, read.data, reason), STATUS_NOT_FOUND);
    known.shards[0].waived_rules = 0;
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_OK);
    assert_int_equal(site_join_write(&join, &view, &known, error), STATUS_OK);
}

/* It would never run: its journal takes part in a generation that nobody is in any more. */
static void test_prepared_before_a_repair(void **state)
{
    (void)state;
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_OK);
    assert_int_equal(site_join_write(&join, &view, &known, error), STATUS_OK);
    view.shards[0].report.generation = UINT64_C(1) << 32;
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_OK);
    assert_true(join.joined);
    assert_int_equal(site_join_write(&join, &view, &known, error), STATUS_FOREIGN);
    assert_non_null(strstr(error, "repaired since second was prepared: make a new directory"));
}

static void copy(const char *from, const char *to)
{
    static char text[65536];
    FILE *file = fopen(from, "re");
    assert_non_null(file);
    size_t bytes = fread(text, 1, sizeof text, file);
    assert_int_equal(fclose(file), 0);
    file = fopen(to, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

/* The members were written, the configuration was not: it starts as no site of its own, and is made
 * ready to the end when it is added again. */
static void test_killed_before_the_configuration_was_replaced(void **state)
{
    (void)state;
    char path[TEST_PATH_BYTES + 64];
    char kept[TEST_PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/site.yaml", second_path);
    (void)snprintf(kept, sizeof kept, "%s/kept.yaml", second_path);
    copy(path, kept);
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_OK);
    assert_int_equal(site_join_write(&join, &view, &known, error), STATUS_OK);
    copy(kept, path);
    static struct config read;
    char reason[MEMBERS_ERROR_BYTES];
    assert_int_equal(members_read(&read, path, reason), STATUS_OK);
    assert_int_equal(read.site_index, 1);
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_OK);
    assert_false(join.joined);
    assert_int_equal(join.site_id, 2);
    assert_int_equal(site_join_write(&join, &view, &known, error), STATUS_OK);
    assert_int_equal(members_read(&read, path, reason), STATUS_OK);
    assert_string_equal(read.genesis[0].name, "first");
    assert_int_equal(read.site_index, 1);
}

static void test_places_and_names(void **state)
{
    (void)state;
    for (uint32_t at = 1; at < SITES_MAX; at++) {
        view.sites[at] = known.sites[0];
        (void)snprintf(view.sites[at].name, sizeof view.sites[at].name, "site-%u", at + 1);
        view.sites[at].version = 4;
        view.shards[0].record.placement.sites[at] =
            (struct placement_site){.provider_id = 1, .role = PLACEMENT_LEARNER};
    }
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_FULL);
    assert_non_null(strstr(error, "remove one first"));
    view.shards[0].record.placement.sites[4] = (struct placement_site){0}; /* Has left. */
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_OK);
    assert_int_equal(join.site_id, 5);
    assert_int_equal(join.site.version, 5);
    memcpy(view.sites[7].name, "second", 7);
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_EXISTS);
    assert_non_null(strstr(error, "another name"));
    memcpy(view.cluster, "other", 6);
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_FOREIGN);
}

static void test_who_cannot_be_reached_cannot_join(void **state)
{
    (void)state;
    char path[TEST_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/third", directory);
    make(path, "third", "gcp", NULL);
    assert_int_equal(site_join_read(&join, path, &view, error), STATUS_BAD_ARGUMENT);
    assert_non_null(strstr(error, "init --peer"));
    view.sites[0].peer_count = 0;
    assert_int_equal(site_join_read(&join, second_path, &view, error), STATUS_BAD_ARGUMENT);
    assert_non_null(strstr(error, "add listen.peer"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_directory_is_made_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_before_the_configuration_was_replaced, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_edited_configuration_of_the_cluster, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_prepared_before_a_repair, setup, teardown),
        cmocka_unit_test_setup_teardown(test_places_and_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_cannot_be_reached_cannot_join, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
