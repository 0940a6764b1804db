/* The configuration is genesis only: whoever edits `bootstrap` after the first start is refused,
 * whatever it is; who did before it finds no peer. Real processes.
 * variants: all alike. */
#include "gateway/site_genesis.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gateway/genesis_file.h"
#include "gateway/site_files.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/site_cluster.h"

#define TEXT_BYTES 16384u

static struct site_cluster cluster;
static char kept[TEXT_BYTES]; /* A configuration before it was edited. */
static char text[TEXT_BYTES];

static void read_text(const char *path, char target[static TEXT_BYTES])
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t bytes = fread(target, 1, TEXT_BYTES - 1, file);
    assert_int_equal(fclose(file), 0);
    assert_true(bytes > 0 && bytes < TEXT_BYTES - 1);
    target[bytes] = '\0';
}

static void write_text(const char *path, const char *source)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(source, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* `from`, the first behind `behind`, becomes `to`. */
static void edit(const char *behind, const char *from, const char *to)
{
    static char edited[TEXT_BYTES];
    char *at = strstr(text, behind);
    assert_non_null(at);
    at = strstr(at, from);
    assert_non_null(at);
    int bytes =
        snprintf(edited, sizeof edited, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_true(bytes > 0 && (size_t)bytes < sizeof edited);
    memcpy(text, edited, (size_t)bytes + 1);
}

/* Another digit, the first of that field behind `behind`. */
static void edit_digit(const char *behind, const char *field)
{
    char *at = strstr(text, behind);
    assert_non_null(at);
    at = strstr(at, field);
    assert_non_null(at);
    at += strlen(field);
    *at = *at == '0' ? '1' : '0';
}

static void remove_site_3(void)
{
    char *begin = strstr(text, "    - name: site-3");
    char *end = strstr(text, "  shards:");
    assert_true(begin != NULL && end != NULL && begin < end);
    memmove(begin, end, strlen(end) + 1);
}

static void start(struct site_process *site)
{
    int status = 0;
    if (!site_process_start(site, &status)) {
        site_process_show_log(site);
        fail_msg("a site ended with %d", status);
    }
}

static void expect_refusal(struct site_process *site, const char *status_text, const char *sentence)
{
    int status = 0;
    off_t before = site_cluster_log_bytes(site);
    assert_false(site_process_start(site, &status));
    bool said = site_process_logged_since(site, before, status_text) &&
                site_process_logged_since(site, before, sentence);
    if (!said) {
        (void)fprintf(stderr, "the log lacks: %s\n", sentence);
        site_process_show_log(site);
    }
    assert_int_equal(status, 1);
    assert_true(said);
}

/* What the site's file says now is refused so, and then put back. */
static void expect_edited_is_refused(struct site_process *site, const char *sentence)
{
    write_text(site->config, text);
    expect_refusal(site, "status=foreign", sentence);
    write_text(site->config, kept);
    memcpy(text, kept, sizeof text);
}

static void start_all(void)
{
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        site_process_launch(&cluster.sites[at]);
    }
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        int status = 0;
        assert_true(site_process_await(&cluster.sites[at], &status));
    }
}

static void stop_all(void)
{
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        assert_int_equal(site_process_stop(&cluster.sites[at]), 0);
    }
}

static void edit_everything(struct site_process *site)
{
    read_text(site->config, kept);
    memcpy(text, kept, sizeof text);
    edit("name: site-3", "role: voter", "role: learner");
    expect_edited_is_refused(site,
                             "site 3 (site-3) has the role `learner`, but began with `voter`");
    edit("name: site-3", "provider-3", "provider-9");
    expect_edited_is_refused(
        site, "site 3 (site-3) has the provider `provider-9`, but began with `provider-3`");
    edit_digit("name: site-2", "key: ");
    expect_edited_is_refused(site, "site 2 (site-2) has the key `");
    edit_digit("name: site-1", "key: "); /* Its own. */
    expect_edited_is_refused(site, "site 1 (site-1) has the key `");
    edit_digit("name: site-2", "incarnation: ");
    expect_edited_is_refused(site, "site 2 (site-2) has the incarnation `");
    edit("bootstrap", "name: site-3", "name: site-4");
    expect_edited_is_refused(site, "site 3 (site-3) has the name `site-4`, but began with");
    remove_site_3();
    expect_edited_is_refused(site, "site 3 (site-3) is not there, but was in the beginning");
    edit("shards:", "commit_providers: 2", "commit_providers: 1");
    expect_edited_is_refused(site, "shard 1 (EQ) has the commit_providers `1`, but began with `2`");
    edit("shards:", "[site-1,site-2]", "[site-2,site-1]");
    expect_edited_is_refused(site, "shard 1 (EQ) has the prefer `site-2,site-1`");
    edit("shards:", "commit_providers: 2", "commit_providers: 2, override: [provider-loss]");
    expect_edited_is_refused(site,
                             "shard 1 (EQ) has the override `provider-loss`, but began with `-`");
    edit("shards:", "name: EQ", "name: FX");
    expect_edited_is_refused(site, "shard 1 (EQ) has the name `FX`, but began with `EQ`");
    edit("shards:", "    - {id: 1",
         "    - {id: 1, name: FX, prefer: [site-1], commit_providers: 2}\n    - {id: 2");
    expect_edited_is_refused(site, "shard 1 (EQ) has the name `FX`, but began with `EQ`");
}

/* Addresses, ports and what concerns this site alone. */
static void edit_what_may_differ(struct site_process *site)
{
    edit("name: site-2", "peer: [", "peer: ['127.0.0.1:1', ");
    edit("", "idle: sleep", "site_silence: 7\nidle: yield");
    strcat(text, "egress:\n  - {provider: provider-2, price: 0.09}\n");
    write_text(site->config, text);
    char from[16];
    char to[16];
    read_text(cluster.sites[1].config, text);
    uint16_t other = site_process_free_port();
    (void)snprintf(from, sizeof from, ":%u\"", cluster.sites[1].ouch_port);
    (void)snprintf(to, sizeof to, ":%u\"", other);
    edit("ouch:", from, to);
    write_text(cluster.sites[1].config, text);
    cluster.sites[1].ouch_port = other;
}

/* ---- One cluster, one test after the other ---- */

static int setup(void **state)
{
    (void)state;
    test_paths_make(cluster.directory, "site_genesis");
    site_process_init_cluster(cluster.sites, SITE_CLUSTER_SITES, cluster.directory,
                              "EQ=site-1,site-2");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    site_cluster_end(&cluster);
    return 0;
}

/* Before the first start nothing is kept, so a wrong word is found out by the others: they refuse
 * the site, and it them, and the rest of the cluster serves. */
static void test_another_genesis_is_refused_by_all(void **state)
{
    (void)state;
    struct site_process *wrong = &cluster.sites[2];
    int status = 0;
    read_text(wrong->config, kept);
    memcpy(text, kept, sizeof text);
    edit("shards:", "commit_providers: 2", "commit_providers: 1");
    write_text(wrong->config, text);
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        site_process_launch(&cluster.sites[at]);
    }
    assert_true(site_process_await(&cluster.sites[0], &status));
    assert_true(site_process_await(&cluster.sites[1], &status));
    while (!site_process_logged(&cluster.sites[0], "peer=site-3 path=0 reason=wrong-genesis") ||
           !site_process_logged(&cluster.sites[1], "peer=site-3 path=0 reason=wrong-genesis") ||
           !site_process_logged(wrong, "peer=site-1 path=0 reason=wrong-genesis")) {
        site_cluster_pause(wrong);
    }
    assert_false(site_process_logged(wrong, "event=ready"));
    assert_int_equal(site_process_stop(wrong), 0);
    write_text(wrong->config, kept);
    expect_refusal(wrong, "status=foreign",
                   "shard 1 (EQ) has the commit_providers `2`, but began with `1`");
    /* It never took part in anything. */
    char path[TEST_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/data/genesis", wrong->directory);
    assert_int_equal(unlink(path), 0);
    start(wrong);
    test_market_apply(wrong);
    stop_all();
}

static void test_what_began_is_not_edited(void **state)
{
    (void)state;
    edit_everything(&cluster.sites[0]);
    edit_what_may_differ(&cluster.sites[0]);
    start_all();
    soup_client_join(&cluster.client, cluster.sites[1].ouch_port, "ALICE", TEST_MARKET_PASSWORD, 0);
    site_cluster_trade(&cluster.client, 1, 5);
    soup_client_close(&cluster.client);
}

/* A file that is lost or rotten is the other sites' file. */
static void test_a_lost_file_is_copied(void **state)
{
    (void)state;
    struct site_process *site = &cluster.sites[2];
    char here[TEST_PATH_BYTES + 32];
    char there[TEST_PATH_BYTES + 32];
    (void)snprintf(here, sizeof here, "%s/data/genesis", site->directory);
    (void)snprintf(there, sizeof there, "%s/data/genesis", cluster.sites[0].directory);
    assert_int_equal(site_process_stop(site), 0);
    assert_int_equal(unlink(here), 0);
    expect_refusal(site, "status=damaged", "genesis is missing");
    read_text(there, text);
    text[40] ^= 1;
    write_text(here, text);
    expect_refusal(site, "status=damaged", "copy it from another site");
    text[40] ^= 1;
    write_text(here, text);
    start(site);
}

/* `causeway site add` has noted the members and was killed: what the configuration says is still
 * the beginning of a site alone. */
static void test_who_was_added_half_does_not_start(void **state)
{
    (void)state;
    static struct config config;
    static struct site_genesis began;
    char error[SITE_GENESIS_ERROR_BYTES];
    char path[TEST_PATH_BYTES + 32];
    (void)snprintf(config.shards[0].name, sizeof config.shards[0].name, "EQ");
    config.shards[0].id = 1;
    config.shards[0].prefer_count = 1;
    config.shards[0].commit_providers = 1;
    config.shard_count = 1;
    (void)snprintf(config.cluster, sizeof config.cluster, "rehearsal");
    (void)snprintf(config.data, sizeof config.data, "%s", cluster.directory);
    (void)snprintf(config.genesis[0].name, sizeof config.genesis[0].name, "site-9");
    config.genesis[0].incarnation_set = true;
    config.genesis_count = 1;
    config.site_count = 2;
    for (uint32_t at = 0; at < config.site_count; at++) {
        config.sites[at] = config.genesis[0];
    }
    config.site_index = 1;
    assert_int_equal(site_genesis_check(&began, &config, error), STATUS_DAMAGED);
    assert_non_null(strstr(error, "`causeway site add` was stopped before it was done: run it"));
    assert_int_equal(genesis_file_write(&began.genesis, config.data, error), STATUS_OK);
    assert_int_equal(site_genesis_check(&began, &config, error), STATUS_OK); /* Now it is. */
    assert_true(began.kept);
    config.site_index = 0;
    (void)snprintf(path, sizeof path, "%s/" SITE_GENESIS_FILE, cluster.directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(site_genesis_check(&began, &config, error), STATUS_OK); /* A first start. */
    assert_false(began.kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_was_added_half_does_not_start),
        cmocka_unit_test(test_another_genesis_is_refused_by_all),
        cmocka_unit_test(test_what_began_is_not_edited),
        cmocka_unit_test(test_a_lost_file_is_copied),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
