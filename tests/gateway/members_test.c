/* Who joined since the genesis: merged from several mouths, the same everywhere, kept in a file. */
#include "gateway/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/bytes.h"
#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"
#include "tests/support/test_seed.h"

static struct config one;
static struct config other;
static struct placement placement;
static struct members_view view; /* What the log says; of no shard, unless a test says otherwise. */

static void genesis(struct config *config)
{
    memset(config, 0, sizeof *config);
    (void)snprintf(config->site, sizeof config->site, "first");
    config->site_count = 1;
    struct config_site *site = &config->sites[0];
    (void)snprintf(site->name, sizeof site->name, "first");
    (void)snprintf(site->provider, sizeof site->provider, "aws");
    memset(site->public_key, 1, sizeof site->public_key);
    site->provider_id = 1;
    site->incarnation_set = true;
    memcpy(config->genesis, config->sites, sizeof config->genesis);
    config->genesis_count = 1;
}

static int setup(void **state)
{
    (void)state;
    genesis(&one);
    genesis(&other);
    view = (struct members_view){.own_site_id = 1};
    return 0;
}

static const char *line(uint32_t id, uint32_t version, const char *name, char incarnation)
{
    static char text[1024];
    (void)snprintf(text, sizeof text,
                   "{\"sites\":[{\"id\":%u,\"version\":%u,\"name\":\"%s\",\"provider\":\"gcp\","
                   "\"provider_id\":2,\"key\":\"%064x\",\"incarnation\":\"%031x%c\",\"peer\":"
                   "[\"127.0.0.1:7102\",\"[::1]:7102\"]}]}",
                   id, version, name, id * 256 + version * 16 + (uint32_t)(uint8_t)incarnation, id,
                   incarnation);
    return text;
}

static bool merge(struct config *config, const char *text)
{
    bool changed = false;
    assert_int_equal(members_merge(config, &view, text, strlen(text), &changed), STATUS_OK);
    return changed;
}

static void test_a_site_joins(void **state)
{
    (void)state;
    assert_true(merge(&one, line(3, 1, "third", '1')));
    assert_int_equal(one.site_count, 3);
    assert_string_equal(members_name_of(one.sites, 3), "third");
    assert_string_equal(members_name_of(one.sites, 2), "unknown");
    assert_string_equal(members_name_of(one.sites, 0), "none");
    assert_string_equal(one.sites[2].peer[1], "[::1]:7102");
    assert_int_equal(one.sites[2].provider_id, 2);
    assert_int_equal(one.key_count, 1);
    assert_memory_equal(one.keys[0], one.sites[2].public_key, 32);
    assert_false(merge(&one, line(3, 1, "third", '1')));
    /* The next hears all of it from this one. */
    char *text = members_text(&one);
    assert_non_null(text);
    assert_true(merge(&other, text));
    free(text);
    assert_memory_equal(&one.sites, &other.sites, sizeof one.sites);
}

/* Whatever the order in which they are heard: the same stands at the end. */
static void test_every_order_comes_to_the_same(void **state)
{
    (void)state;
    assert_true(merge(&one, line(2, 1, "early", '5')));
    assert_true(merge(&one, line(2, 2, "later", '3')));
    assert_true(merge(&one, line(2, 2, "greater", '4')));
    assert_true(merge(&other, line(2, 2, "greater", '4')));
    assert_false(merge(&other, line(2, 2, "later", '3')));
    assert_false(merge(&other, line(2, 1, "early", '5')));
    assert_memory_equal(&one.sites, &other.sites, sizeof one.sites);
    assert_string_equal(one.sites[1].name, "greater");
    /* Keys of those who have gone stay: they have signed what is in the journal. */
    assert_int_equal(one.key_count, 3);
    /* Nobody else says who this site is. */
    assert_false(merge(&one, line(1, 9, "usurper", '9')));
    assert_string_equal(one.sites[0].name, "first");
}

static void test_keys_of_a_placement_are_kept(void **state)
{
    (void)state;
    placement = (struct placement){.epoch = 1, .commit_providers = 1};
    placement.sites[0] = (struct placement_site){.role = PLACEMENT_VOTER, .provider_id = 1};
    memset(placement.sites[0].public_key, 1, 32);
    assert_false(members_trust(&one, &view, &placement)); /* Of the genesis. */
    for (uint32_t key = 0; key < 2 * CONFIG_KEYS_MAX; key++) {
        placement.sites[1] = (struct placement_site){.role = PLACEMENT_LEARNER, .provider_id = 2};
        placement.sites[1].public_key[4] = (uint8_t)key;
        assert_true(members_trust(&one, &view, &placement));
        assert_false(members_trust(&one, &view, &placement));
        assert_int_equal(one.key_changes, key + 1); /* Seen also when their number stays. */
    }
    assert_int_equal(one.key_count, CONFIG_KEYS_MAX);
    assert_int_equal(one.keys[CONFIG_KEYS_MAX - 1][4], 2 * CONFIG_KEYS_MAX - 1);
}

static void test_the_file_reads_back(void **state)
{
    (void)state;
    char directory[TEST_PATH_BYTES];
    char error[MEMBERS_ERROR_BYTES];
    test_paths_make(directory, "members");
    (void)snprintf(one.data, sizeof one.data, "%s", directory);
    (void)snprintf(other.data, sizeof other.data, "%s", directory);
    assert_int_equal(members_load(&other, error), STATUS_OK); /* None yet. */
    assert_true(merge(&one, line(2, 1, "second", '1')));
    assert_true(merge(&one, line(9, 4, "ninth", '2')));
    assert_int_equal(members_save(&one, error), STATUS_OK);
    assert_int_equal(members_save(&one, error), STATUS_OK);
    assert_int_equal(members_load(&other, error), STATUS_OK);
    assert_memory_equal(&one.sites, &other.sites, sizeof one.sites);
    assert_memory_equal(&one.keys, &other.keys, sizeof one.keys);
    /* One that is not of the genesis finds itself there; a stranger does not. */
    genesis(&other);
    (void)snprintf(other.data, sizeof other.data, "%s", directory);
    (void)snprintf(other.site, sizeof other.site, "ninth");
    assert_int_equal(members_load(&other, error), STATUS_OK);
    assert_int_equal(other.site_index, 8);
    (void)snprintf(other.site, sizeof other.site, "stranger");
    assert_int_equal(members_load(&other, error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "\"stranger\""));
    char path[TEST_PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/members", directory);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs("{\"sites\":[],\"keys\":[\"12\"]}", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(members_load(&other, error), STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, path));
    test_paths_remove(directory);
}

static const struct {
    const char *right;
    const char *wrong;
} damages[] = {
    {"\"id\":2", "\"id\":0"},
    {"\"id\":2", "\"id\":10"},
    {"\"version\":1", "\"version\":0"},
    {"\"version\":1", "\"version\":\"1\""},
    {"\"name\":\"second\"", "\"name\":\"Second\""},
    {"\"name\":\"second\"", "\"name\":\"\""},
    {"\"name\":\"second\"", "\"name\":\"abcdefghijklmnopqrstuvwxyz0123456789\""},
    {"\"provider\":\"gcp\"", "\"provider\":7"},
    {"\"provider_id\":2", "\"provider_id\":10"},
    {"\"key\":\"0", "\"key\":\"x"},
    {"\"key\":\"0", "\"key\":\""},
    {"\"incarnation\":\"0", "\"incarnation\":\"00"},
    {"127.0.0.1:7102", "localhost:7102"},
    {"[::1]:7102", "[::1]"},
    {"\"peer\":[", "\"peer\":[1,"},
    {"\"peer\":[", "\"more\":1,\"peer\":["},
    {"{\"sites\":", "{\"more\":1,\"sites\":"},
    {"]}]}", "]}]}}"},
};

static void test_what_is_wrong_changes_nothing(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof damages / sizeof damages[0]; at++) {
        const char *text = line(2, 1, "second", '1');
        const char *place = strstr(text, damages[at].right);
        assert_non_null(place);
        char damaged[2048];
        int bytes = snprintf(damaged, sizeof damaged, "%.*s%s%s", (int)(place - text), text,
                             damages[at].wrong, place + strlen(damages[at].right));
        bool changed = true;
        assert_int_equal(members_merge(&one, &view, damaged, (size_t)bytes, &changed),
                         STATUS_BAD_FORMAT);
        assert_false(changed);
        assert_memory_equal(&one, &other, sizeof one);
    }
}

static void test_any_bytes_are_survived(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    for (uint32_t round = 0; round < 20000; round++) {
        char text[1024];
        size_t bytes = strlen(line(2, 1, "second", '1'));
        memcpy(text, line(2, 1, "second", '1'), bytes);
        for (uint64_t more = random_below(&random, 3) + 1; more > 0; more--) {
            text[random_below(&random, bytes)] = (char)random_below(&random, 256);
        }
        bool changed = false;
        enum status status = members_merge(&one, &view, text, bytes, &changed);
        /* A changed line may have another's key or name. */
        assert_true(status == STATUS_OK || status == STATUS_BAD_FORMAT ||
                    status == STATUS_NOT_YET || status == STATUS_DENIED);
        assert_true(one.site_count <= SITES_MAX);
        assert_true(one.key_count <= CONFIG_KEYS_MAX);
    }
}

/* ---- What the log says ---- */

/* `one` has site 2 as its line says, a voter, in a shard that site 3 leads as a voter, too. */
static void log_has_second(void)
{
    assert_true(merge(&one, line(2, 1, "second", '1')));
    placement = (struct placement){.epoch = 4, .commit_providers = 1};
    placement.sites[0] = (struct placement_site){.role = PLACEMENT_VOTER, .provider_id = 1};
    memset(placement.sites[0].public_key, 1, 32);
    placement.sites[1] = (struct placement_site){.role = PLACEMENT_VOTER, .provider_id = 2};
    placement.sites[1].incarnation = bytes_load_le64(one.sites[1].incarnation);
    memcpy(placement.sites[1].public_key, one.sites[1].public_key, 32);
    placement.sites[2] = (struct placement_site){.role = PLACEMENT_VOTER, .provider_id = 3};
    placement.sites[3] = (struct placement_site){.role = PLACEMENT_LEARNER, .provider_id = 3};
    view.placements[0] = &placement;
    view.count = 1;
    view.led = 1;
    view.teller = 3;
}

static enum status says(const char *text, const char *right, const char *wrong, bool *changed)
{
    char told[2048];
    const char *place = strstr(text, right);
    assert_non_null(place);
    int bytes = snprintf(told, sizeof told, "%.*s%s%s", (int)(place - text), text, wrong,
                         place + strlen(right));
    return members_merge(&one, &view, told, (size_t)bytes, changed);
}

/* Whoever says it: key, journal and provider of a member are what the log says. */
static void test_no_word_changes_what_the_log_says(void **state)
{
    (void)state;
    log_has_second();
    memcpy(&other, &one, sizeof one);
    bool changed = true;
    assert_int_equal(says(line(2, 2, "second", '1'), "", "", &changed), STATUS_NOT_YET); /* Key. */
    assert_false(changed);
    const char *again = line(2, 1, "second", '1');
    assert_int_equal(says(again, "\"version\":1", "\"version\":7", &changed), STATUS_OK);
    assert_true(changed); /* Nothing but the version. */
    assert_int_equal(one.sites[1].version, 7);
    memcpy(&one, &other, sizeof one);
    static const struct {
        const char *right;
        const char *wrong;
    } lies[] = {{"\"provider_id\":2", "\"provider_id\":3"},
                {"\"incarnation\":\"0", "\"incarnation\":\"f"},
                {"\"key\":\"0", "\"key\":\"f"}};
    for (size_t at = 0; at < sizeof lies / sizeof lies[0]; at++) {
        again = line(2, 1, "second", '1');
        char newer[1024];
        const char *version = strstr(again, "\"version\":1");
        (void)snprintf(newer, sizeof newer, "%.*s\"version\":9%s", (int)(version - again), again,
                       version + strlen("\"version\":1"));
        assert_int_equal(says(newer, lies[at].right, lies[at].wrong, &changed), STATUS_NOT_YET);
        assert_false(changed);
        view.teller = 0; /* Not even an operator's. */
        assert_int_equal(says(newer, lies[at].right, lies[at].wrong, &changed), STATUS_NOT_YET);
        view.teller = 3;
    }
    assert_memory_equal(&one, &other, sizeof one);
    /* The log goes on, and what waited is right now. */
    again = line(2, 2, "second", '1');
    placement.sites[1].role = PLACEMENT_ABSENT;
    assert_int_equal(says(again, "", "", &changed), STATUS_OK);
    assert_true(changed);
}

/* Who was away when a member was replaced hears the new one only if its word is taken. */
static void test_who_lags_behind_believes_a_voter(void **state)
{
    (void)state;
    log_has_second();
    bool changed = false;
    view.led = 0;
    view.teller = 4; /* A learner. */
    assert_int_equal(says(line(2, 2, "newer", '1'), "", "", &changed), STATUS_NOT_YET);
    view.teller = 9; /* No member. */
    assert_int_equal(says(line(2, 2, "newer", '1'), "", "", &changed), STATUS_NOT_YET);
    assert_string_equal(one.sites[1].name, "second");
    view.teller = 3;
    assert_int_equal(says(line(2, 2, "newer", '1'), "", "", &changed), STATUS_OK);
    assert_true(changed);
    assert_string_equal(one.sites[1].name, "newer");
}

static void test_names_and_keys_are_of_one_place(void **state)
{
    (void)state;
    log_has_second();
    bool changed = false;
    /* It would take itself for somebody else at its next start. */
    assert_int_equal(says(line(5, 1, "first", '1'), "", "", &changed), STATUS_DENIED);
    view.led = 0;
    assert_int_equal(says(line(5, 1, "first", '1'), "", "", &changed), STATUS_DENIED);
    view.led = 1;
    assert_int_equal(says(line(5, 1, "second", '1'), "", "", &changed), STATUS_NOT_YET);
    assert_int_equal(says(line(2, 1, "fifth", '1'), "\"id\":2", "\"id\":5", &changed),
                     STATUS_NOT_YET);
    assert_false(changed);
    assert_int_equal(one.sites[4].version, 0);
    assert_int_equal(says(line(5, 1, "fifth", '1'), "", "", &changed), STATUS_OK);
    assert_true(changed);
}

/* However many keys somebody makes up for a free place. */
static void test_keys_of_members_are_not_pushed_out(void **state)
{
    (void)state;
    log_has_second();
    bool changed = false;
    uint8_t key[32];
    memcpy(key, one.sites[1].public_key, 32);
    for (uint32_t version = 1; version < 3 * CONFIG_KEYS_MAX; version++) {
        assert_int_equal(says(line(7, version, "seventh", '1'), "", "", &changed), STATUS_OK);
        assert_true(changed);
    }
    assert_int_equal(one.key_count, CONFIG_KEYS_MAX);
    assert_memory_equal(one.keys[0], key, 32);
    for (uint32_t at = 1; at < CONFIG_KEYS_MAX; at++) {
        assert_memory_not_equal(one.keys[at], key, 32);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_site_joins, setup),
        cmocka_unit_test_setup(test_every_order_comes_to_the_same, setup),
        cmocka_unit_test_setup(test_keys_of_a_placement_are_kept, setup),
        cmocka_unit_test_setup(test_the_file_reads_back, setup),
        cmocka_unit_test_setup(test_what_is_wrong_changes_nothing, setup),
        cmocka_unit_test_setup(test_any_bytes_are_survived, setup),
        cmocka_unit_test_setup(test_no_word_changes_what_the_log_says, setup),
        cmocka_unit_test_setup(test_who_lags_behind_believes_a_voter, setup),
        cmocka_unit_test_setup(test_names_and_keys_are_of_one_place, setup),
        cmocka_unit_test_setup(test_keys_of_members_are_not_pushed_out, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
