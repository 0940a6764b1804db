/* The bootstrap section of a configuration, replaced: what stands around it stays. */
#include "tools/config_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/placement.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static const char before[] =
    "cluster: demo\nsite: lon1\ndata: ./data\n"
    "listen: {ouch: '127.0.0.1:7001', peer: '127.0.0.1:7101', admin: '127.0.0.1:7901'}\n"
    "bootstrap:\n  sites:\n    - {name: lon1, provider: aws, role: voter, peer: "
    "['127.0.0.1:7101'],\n       key: "
    "1111111111111111111111111111111111111111111111111111111111111111}\n  shards:\n"
    "    - {id: 1, name: OLD, prefer: [lon1], commit_providers: 1}\n"
    "# Behind.\nidle: yield\n";

static char directory[TEST_PATH_BYTES];
static char path[TEST_PATH_BYTES + 32];
static struct config genesis;
static struct config found;
static char section[CONFIG_TEXT_BYTES_MAX];
static char error[CONFIG_TEXT_ERROR_BYTES];

static void write_file(const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    (void)state;
    test_paths_make(directory, "config_text");
    (void)snprintf(path, sizeof path, "%s/site.yaml", directory);
    write_file(before);
    memset(&genesis, 0, sizeof genesis);
    genesis.genesis_count = 3;
    for (uint32_t at = 0; at < 3; at++) {
        struct config_site *site = &genesis.genesis[at];
        static const char *const names[] = {"nyc1", "lon1", "fra1"};
        (void)snprintf(site->name, sizeof site->name, "%s", names[at]);
        (void)snprintf(site->provider, sizeof site->provider, "p%u", at);
        site->role = at < 2 ? CONFIG_VOTER : CONFIG_LEARNER;
        site->peer_count = 2;
        (void)snprintf(site->peer[0], sizeof site->peer[0], "10.0.0.%u:7101", at);
        (void)snprintf(site->peer[1], sizeof site->peer[1], "[::%u]:7101", at);
        memset(site->public_key, (int)at + 1, sizeof site->public_key);
        memset(site->incarnation, (int)at + 11, sizeof site->incarnation);
    }
    genesis.shard_count = 2;
    genesis.shards[0] = (struct config_shard){1, "EQ", {1, 0}, 2, 2, 0};
    genesis.shards[1] = (struct config_shard){
        2, "FX", {0}, 1, 1, 1u << PLACEMENT_PROVIDER_LOSS | 1u << PLACEMENT_NO_SPARE_PROVIDER};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_paths_remove(directory);
    return 0;
}

static void test_a_genesis_reads_back(void **state)
{
    (void)state;
    config_text_genesis(section, &genesis);
    assert_int_equal(config_text_propose(path, section, &found, error), STATUS_OK);
    assert_int_equal(config_text_accept(path), STATUS_OK);
    assert_int_equal(found.genesis_count, 3);
    assert_int_equal(found.site_index, 1);
    assert_int_equal(found.idle, IO_IDLE_YIELD);
    for (uint32_t at = 0; at < 3; at++) {
        const struct config_site *one = &found.genesis[at];
        const struct config_site *other = &genesis.genesis[at];
        assert_string_equal(one->name, other->name);
        assert_string_equal(one->provider, other->provider);
        assert_int_equal(one->role, other->role);
        assert_string_equal(one->peer[1], other->peer[1]);
        assert_memory_equal(one->public_key, other->public_key, sizeof one->public_key);
        assert_memory_equal(one->incarnation, other->incarnation, sizeof one->incarnation);
    }
    assert_memory_equal(found.shards, genesis.shards, sizeof found.shards);
    /* Written again it is the same. */
    static char again[CONFIG_TEXT_BYTES_MAX];
    genesis = found;
    config_text_genesis(again, &genesis);
    assert_string_equal(section, again);
}

static void test_what_is_refused_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(config_text_propose(path, "bootstrap: {sites: [], shards: []}\n", &found,
                                         error),
                     STATUS_BAD_FORMAT);
    config_text_discard(path);
    config_text_discard(path);
    char text[2048];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, before);
    assert_int_equal(config_text_accept(path), STATUS_IO); /* Nothing is proposed. */
    write_file("cluster: demo\n");
    assert_int_equal(config_text_propose(path, section, &found, error), STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, "no line that begins with `bootstrap:`"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_genesis_reads_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_refused_changes_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
