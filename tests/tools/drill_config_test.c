/* Configurations of a drill's sites: each names all of them, and causewayd's reader takes them. */
#include "tools/drill_config.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "gateway/config.h"
#include "gateway/site_files.h"
#include "replication/journal_id.h"
#include "replication/key_store.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

static char root[TEST_PATH_BYTES];
static char directories[2][TEST_PATH_BYTES + 16];
static uint8_t keys[2][crypto_sign_PUBLICKEYBYTES];
static struct journal_id journals[2];
static struct scenario scenario;
static struct drill_config_site sites[2];

static int set_up(void **state)
{
    (void)state;
    char path[2 * TEST_PATH_BYTES + 64];
    char error[KEY_STORE_ERROR_BYTES];
    assert_true(sodium_init() >= 0);
    test_paths_make(root, "drill_config");
    memset(&scenario, 0, sizeof scenario);
    (void)snprintf(scenario.name, sizeof scenario.name, "some");
    scenario.site_count = 2;
    scenario.shard_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        (void)snprintf(directories[i], sizeof directories[i], "%s/%u", root, i);
        assert_int_equal(mkdir(directories[i], 0700), 0);
        (void)snprintf(path, sizeof path, "%s/data", directories[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        (void)snprintf(path, sizeof path, "%s/data/site.key", directories[i]);
        assert_int_equal(key_store_create(path, keys[i], error), STATUS_OK);
        (void)snprintf(path, sizeof path, "%s/data/" SITE_JOURNAL_DIRECTORY, directories[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        (void)strcat(path, "/" JOURNAL_ID_NAME);
        journals[i] =
            (struct journal_id){.wal_bytes = WAL_BYTES_MIN, .store_bytes = STORE_BYTES_MIN};
        (void)snprintf(journals[i].site, sizeof journals[i].site, "site-%u", i);
        randombytes_buf(journals[i].incarnation, sizeof journals[i].incarnation);
        struct journal_error reason;
        assert_int_equal(journal_id_create(path, &journals[i], &reason), STATUS_OK);
        struct scenario_site *site = &scenario.sites[i];
        (void)snprintf(site->name, sizeof site->name, "site-%u", i);
        (void)snprintf(site->provider, sizeof site->provider, "provider-%u", i);
        site->role = CONFIG_VOTER;
        (void)snprintf(scenario.shards[i].name, sizeof scenario.shards[i].name, "S%u", i);
        scenario.shards[i].prefer[0] = (uint8_t)i;
        scenario.shards[i].prefer_count = 1;
        scenario.shards[i].commit_providers = i + 1;
    }
    sites[0] = (struct drill_config_site){directories[0], "10.0.0.1:7001", "10.0.0.1:7101",
                                          "10.0.0.1:7901", NULL};
    sites[1] = (struct drill_config_site){directories[1], "10.0.0.2:7001", "10.0.0.2:7101",
                                          "10.0.0.2:7901", "/there/wall-offset"};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_paths_remove(root);
    return 0;
}

static void read_by_causewayd(void **state)
{
    (void)state;
    static struct config config;
    char path[2 * TEST_PATH_BYTES + 64];
    char error[DRILL_PLACE_ERROR_BYTES];
    assert_int_equal(drill_config_write(&scenario, sites, 1, error), STATUS_OK);
    (void)snprintf(path, sizeof path, "%s/site.yaml", directories[1]);
    assert_int_equal(config_read(&config, path, error), STATUS_OK);
    assert_string_equal(config.cluster, DRILL_PLACE_CLUSTER);
    assert_string_equal(config.site, "site-1");
    assert_string_equal(config.listen_ouch, "10.0.0.2:7001");
    assert_string_equal(config.listen_peer, "10.0.0.2:7101");
    assert_string_equal(config.listen_admin, "10.0.0.2:7901");
    assert_string_equal(config.wall_offset, "/there/wall-offset");
    assert_int_equal(config.site_count, 2);
    assert_int_equal(config.site_index, 1);
    for (uint32_t i = 0; i < 2; i++) {
        assert_string_equal(config.sites[i].provider, scenario.sites[i].provider);
        assert_string_equal(config.sites[i].peer[0], sites[i].peer);
        assert_memory_equal(config.sites[i].public_key, keys[i], sizeof keys[i]);
        assert_memory_equal(config.sites[i].incarnation, journals[i].incarnation,
                            sizeof journals[i].incarnation);
        assert_string_equal(config.shards[i].name, scenario.shards[i].name);
        assert_int_equal(config.shards[i].prefer[0], i);
        assert_int_equal(config.shards[i].commit_providers, i + 1);
    }
}

/* Small sites: as small as their journals are made, and large enough for what is traded there. */
static void small(void **state)
{
    (void)state;
    static struct config config;
    char path[2 * TEST_PATH_BYTES + 64];
    char error[DRILL_PLACE_ERROR_BYTES];
    (void)snprintf(path, sizeof path, "%s/site.yaml", directories[1]);
    assert_int_equal(drill_config_write(&scenario, sites, 1, error), STATUS_OK);
    assert_int_equal(config_read(&config, path, error), STATUS_OK);
    uint64_t wal_bytes = config.tuning.wal_bytes;
    uint32_t orders_max = config.tuning.orders_max;
    scenario.small = true;
    assert_int_equal(drill_config_write(&scenario, sites, 1, error), STATUS_OK);
    scenario.small = false;
    assert_int_equal(config_read(&config, path, error), STATUS_OK);
    assert_string_equal(DRILL_CONFIG_SMALL_WAL, "8MiB");
    assert_int_equal(config.tuning.wal_bytes, UINT64_C(8) << 20);
    assert_true(config.tuning.wal_bytes < wal_bytes);
    assert_in_range(config.tuning.orders_max, 20000, orders_max / 2);
    assert_true(config.tuning.sessions_max >= SCENARIO_SESSIONS_MAX);
}

static void no_key(void **state)
{
    (void)state;
    char path[2 * TEST_PATH_BYTES + 64];
    char error[DRILL_PLACE_ERROR_BYTES];
    (void)snprintf(path, sizeof path, "%s/data/site.key.pub", directories[0]);
    assert_int_equal(remove(path), 0);
    assert_int_equal(drill_config_write(&scenario, sites, 1, error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "site.key.pub"));
    sites[0].directory = "/nowhere";
    assert_int_equal(drill_config_write(&scenario, sites, 0, error), STATUS_DENIED);
    assert_non_null(strstr(error, "/nowhere"));
}

static void no_journal(void **state)
{
    (void)state;
    char path[2 * TEST_PATH_BYTES + 64];
    char error[DRILL_PLACE_ERROR_BYTES];
    (void)snprintf(path, sizeof path, "%s/data/" SITE_JOURNAL_DIRECTORY "/" JOURNAL_ID_NAME,
                   directories[1]);
    assert_int_equal(remove(path), 0);
    assert_int_equal(drill_config_write(&scenario, sites, 0, error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "journal"));
}

/* What the reader refuses is not written in silence. */
static void refused(void **state)
{
    (void)state;
    char error[DRILL_PLACE_ERROR_BYTES];
    scenario.shards[0].commit_providers = 3;
    assert_int_equal(drill_config_write(&scenario, sites, 0, error), STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, "commit_providers"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(read_by_causewayd, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_journal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refused, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
