/* What a cluster begins with: one text and one hash from a configuration, and what differs. */
#include "gateway/genesis.h"

#include <stdio.h>
#include <string.h>

#include "replication/placement.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/hex.h"

static struct config config;
static struct genesis began;
static struct genesis now;
static char difference[GENESIS_DIFFERENCE_BYTES];

static void add_site(const char *name, const char *provider, enum config_role role)
{
    uint32_t at = config.genesis_count++;
    struct config_site *site = &config.genesis[at];
    *site = (struct config_site){.role = role, .incarnation_set = true, .peer_count = 1};
    (void)snprintf(site->name, sizeof site->name, "%s", name);
    (void)snprintf(site->provider, sizeof site->provider, "%s", provider);
    (void)snprintf(site->peer[0], sizeof site->peer[0], "127.0.0.1:%u", 7101 + at);
    memset(site->public_key, (int)(0x11 * (at + 1)), sizeof site->public_key);
    memset(site->incarnation, (int)(0xA1 + at), sizeof site->incarnation);
}

static int setup(void **state)
{
    (void)state;
    config = (struct config){.cluster = "demo"};
    add_site("aws-use1", "aws", CONFIG_VOTER);
    add_site("gcp-use4", "gcp", CONFIG_VOTER);
    add_site("metal-ny", "metal", CONFIG_LEARNER);
    config.shards[0] = (struct config_shard){
        .id = 1, .name = "EQ", .prefer = {1, 0}, .prefer_count = 2, .commit_providers = 2};
    config.shards[1] = (struct config_shard){.id = 2,
                                             .name = "FX",
                                             .prefer = {0},
                                             .prefer_count = 1,
                                             .commit_providers = 1,
                                             .waived_rules = 1u << PLACEMENT_PROVIDER_MAJORITY |
                                                             1u << PLACEMENT_PROVIDER_LOSS};
    config.shard_count = 2;
    return 0;
}

static void set_text(struct genesis *genesis, const char *text)
{
    (void)snprintf(genesis->text, sizeof genesis->text, "%s", text);
    genesis_seal(genesis);
}

/* The format: neither the text nor its hash ever changes for what is here. */
static void test_text_and_hash(void **state)
{
    (void)state;
    uint8_t hash[GENESIS_HASH_BYTES];
    genesis_of(&began, &config);
    assert_string_equal(began.text,
                        "causeway genesis 1\n"
                        "cluster demo\n"
                        "site 1 aws-use1 aws voter "
                        "1111111111111111111111111111111111111111111111111111111111111111 "
                        "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1\n"
                        "site 2 gcp-use4 gcp voter "
                        "2222222222222222222222222222222222222222222222222222222222222222 "
                        "a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2\n"
                        "site 3 metal-ny metal learner "
                        "3333333333333333333333333333333333333333333333333333333333333333 "
                        "a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3a3\n"
                        "shard 1 EQ 2 gcp-use4,aws-use1 -\n"
                        "shard 2 FX 1 aws-use1 provider-majority,provider-loss\n");
    assert_int_equal(hex_bytes(hash, sizeof hash,
                               "ccd0e29a2aa43b6286bad8f24796a51395141048db9eac8fc863c2c974e21ec9"),
                     sizeof hash);
    assert_memory_equal(began.hash, hash, sizeof hash);
    set_text(&now, began.text);
    assert_memory_equal(now.hash, hash, sizeof hash);
}

/* Change something; expect this difference. */
static void expect_difference(const char *expected)
{
    genesis_of(&now, &config);
    assert_false(genesis_equal(&began, &now, difference));
    assert_string_equal(difference, expected);
    assert_memory_not_equal(began.hash, now.hash, GENESIS_HASH_BYTES);
    assert_int_equal(setup(NULL), 0);
}

static void test_every_field_counts(void **state)
{
    (void)state;
    genesis_of(&began, &config);
    (void)snprintf(config.cluster, sizeof config.cluster, "best");
    expect_difference("the cluster is `best`, but was `demo` in the beginning");
    (void)snprintf(config.genesis[1].name, sizeof config.genesis[1].name, "gcp-use5");
    expect_difference("site 2 (gcp-use4) has the name `gcp-use5`, but began with "
                      "`gcp-use4`");
    (void)snprintf(config.genesis[0].provider, sizeof config.genesis[0].provider, "gcp");
    expect_difference("site 1 (aws-use1) has the provider `gcp`, but began with `aws`");
    config.genesis[2].role = CONFIG_VOTER;
    expect_difference("site 3 (metal-ny) has the role `voter`, but began with `learner`");
    config.genesis[1].public_key[31] ^= 1;
    expect_difference("site 2 (gcp-use4) has the key "
                      "`2222222222222222222222222222222222222222222222222222222222222223`, but "
                      "began with "
                      "`2222222222222222222222222222222222222222222222222222222222222222`");
    config.genesis[0].incarnation[0] ^= 1;
    expect_difference("site 1 (aws-use1) has the incarnation "
                      "`a0a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1`, but began with "
                      "`a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1`");
    config.genesis[0].incarnation_set = false;
    expect_difference("site 1 (aws-use1) has the incarnation `-`, but began with "
                      "`a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1`");
    (void)snprintf(config.shards[1].name, sizeof config.shards[1].name, "FY");
    expect_difference("shard 2 (FX) has the name `FY`, but began with `FX`");
    config.shards[0].commit_providers = 1;
    expect_difference("shard 1 (EQ) has the commit_providers `1`, but began with `2`");
    config.shards[0].prefer[0] = 0;
    config.shards[0].prefer[1] = 1;
    expect_difference("shard 1 (EQ) has the prefer `aws-use1,gcp-use4`, but began with "
                      "`gcp-use4,aws-use1`");
    config.shards[1].waived_rules = 1u << PLACEMENT_PROVIDER_LOSS;
    expect_difference("shard 2 (FX) has the override `provider-loss`, but began with "
                      "`provider-majority,provider-loss`");
}

static void test_lists_that_grow_and_shrink(void **state)
{
    (void)state;
    genesis_of(&began, &config);
    add_site("one-more", "azure", CONFIG_LEARNER);
    expect_difference("site 4 (one-more) stands there, but was not there in the beginning");
    config.genesis_count = 2;
    expect_difference("site 3 (metal-ny) is not there, but was in the beginning");
    config.shards[2] = config.shards[1];
    config.shards[2].id = 3;
    config.shard_count = 3;
    expect_difference("shard 3 (FX) stands there, but was not there in the beginning");
    config.shard_count = 1;
    expect_difference("shard 2 (FX) is not there, but was in the beginning");
}

static void test_what_is_not_genesis(void **state)
{
    (void)state;
    genesis_of(&began, &config);
    (void)snprintf(config.genesis[0].peer[0], sizeof config.genesis[0].peer[0], "10.0.0.1:1");
    (void)snprintf(config.genesis[0].peer[1], sizeof config.genesis[0].peer[1], "10.0.0.1:2");
    config.genesis[0].peer_count = 2;
    (void)snprintf(config.site, sizeof config.site, "gcp-use4");
    (void)snprintf(config.data, sizeof config.data, "/elsewhere");
    (void)snprintf(config.listen_peer, sizeof config.listen_peer, "127.0.0.1:7102");
    config.site_index = 1;
    config.tuning.orders_max = 7;
    config.site_silence_ns = 7;
    config.prices[0] = (struct config_price){"aws", 7};
    config.price_count = 1;
    genesis_of(&now, &config);
    assert_true(genesis_equal(&began, &now, difference));
    assert_string_equal(difference, "");
}

/* Nine sites and eight shards with the longest names there can be. */
static void test_the_longest_fits(void **state)
{
    (void)state;
    char name[CONFIG_NAME_BYTES];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    while (config.genesis_count < SITES_MAX) {
        add_site("", "", CONFIG_LEARNER);
    }
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        config.genesis[at].role = CONFIG_LEARNER;
        memcpy(config.genesis[at].name, name, sizeof name);
        memcpy(config.genesis[at].provider, name, sizeof name);
    }
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        struct config_shard *shard = &config.shards[at];
        *shard = (struct config_shard){.id = (uint16_t)(at + 1),
                                       .prefer_count = SITES_MAX,
                                       .commit_providers = 9,
                                       .waived_rules = 1u << PLACEMENT_PROVIDER_MAJORITY |
                                                       1u << PLACEMENT_PROVIDER_LOSS |
                                                       1u << PLACEMENT_NO_SPARE_PROVIDER};
        memcpy(shard->name, name, sizeof name);
    }
    config.shard_count = SHARDS_MAX;
    genesis_of(&now, &config);
    assert_true(strlen(now.text) > 4000);
    assert_true(strlen(now.text) < GENESIS_TEXT_BYTES - 100);
}

/* Texts of other programs, whole but strange: a sentence all the same. */
static void test_strange_texts(void **state)
{
    (void)state;
    static const char *const texts[] = {"causeway genesis 1\n",
                                        "causeway genesis 1\n\n\n",
                                        "causeway genesis 1\ncluster\n",
                                        "causeway genesis 1\ncluster demo\nsite\nshard\n",
                                        "causeway genesis 1\ncluster demo\nsite 2 b\n",
                                        "causeway genesis 1\ncluster demo\nanything else\n",
                                        "causeway genesis 1\ncluster demo x y z\n",
                                        "x"};
    for (size_t one = 0; one < sizeof texts / sizeof texts[0]; one++) {
        for (size_t other = 0; other < sizeof texts / sizeof texts[0]; other++) {
            set_text(&began, texts[one]);
            set_text(&now, texts[other]);
            assert_true(genesis_equal(&began, &now, difference) == (one == other));
            assert_true((difference[0] == '\0') == (one == other));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_text_and_hash, setup),
        cmocka_unit_test_setup(test_every_field_counts, setup),
        cmocka_unit_test_setup(test_lists_that_grow_and_shrink, setup),
        cmocka_unit_test_setup(test_what_is_not_genesis, setup),
        cmocka_unit_test_setup(test_the_longest_fits, setup),
        cmocka_unit_test_setup(test_strange_texts, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
