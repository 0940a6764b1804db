/* causeway journal on the journal of a real site process, as a user runs it. */
#include <fcntl.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/site_evidence.h"
#include "replication/key_store.h"
#include "replication/segment.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/site_process.h"
#include "tests/support/soup_client.h"
#include "tests/support/tail_segments.h"
#include "tests/support/test_market.h"
#include "tests/support/test_paths.h"

#define OUTPUT_BYTES 262144u
#define ORDERS       50u

static char directory[TEST_PATH_BYTES];
static struct site_process site;
static char output[OUTPUT_BYTES];
static char key[65]; /* The site's public key. */

#define RUN(...) site_process_run(output, sizeof output, (const char *const[]){__VA_ARGS__, NULL})

static void assert_said(const char *words)
{
    if (strstr(output, words) == NULL) {
        fail_msg("no \"%s\" in: %.2000s", words, output);
    }
}

/* A site that has taken some orders and was stopped. */
static int set_up(void **state)
{
    (void)state;
    static struct soup_client client;
    test_paths_make(directory, "journal_command");
    site_process_init(&site, directory);
    int exit_status;
    assert_true(site_process_start(&site, &exit_status));
    test_market_apply(&site);
    soup_client_join(&client, site.ouch_port, "ALICE", TEST_MARKET_PASSWORD, 1);
    (void)soup_client_expect(&client, 'S');
    for (uint32_t i = 1; i <= ORDERS; i++) {
        soup_client_order(&client, i, 'B', 100, "TEST", 10000, '0');
        (void)soup_client_expect(&client, 'A');
    }
    soup_client_close(&client);
    assert_int_equal(site_process_stop(&site), 0);
    char path[TEST_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/data/site.key.pub", site.directory);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(key, sizeof key, file));
    assert_int_equal(fclose(file), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    site_process_kill(&site);
    test_paths_remove(directory);
    return 0;
}

static void test_verify(void **state)
{
    (void)state;
    assert_int_equal(RUN(site.tool, "journal", "verify", "--config", site.config), 0);
    assert_said("journal of site one: verified");
    assert_int_equal(
        RUN(site.tool, "journal", "verify", site.directory, "--cluster", "test", "--key", key), 0);
    char keys[TEST_PATH_BYTES + 32];
    (void)snprintf(keys, sizeof keys, "%s/data/site.key.pub", site.directory);
    char journal[TEST_PATH_BYTES + 32];
    (void)snprintf(journal, sizeof journal, "%s/data/journal", site.directory);
    assert_int_equal(RUN(site.tool, "journal", "verify", journal, "--cluster", "test", "--keys",
                         keys, "--json"),
                     0);
    json_t *object = json_loads(output, 0, NULL);
    assert_non_null(object);
    assert_true(json_is_true(json_object_get(object, "verified")));
    assert_true(json_integer_value(json_object_get(object, "commands")) > ORDERS);
    const json_t *shard = json_array_get(json_object_get(object, "shards"), 0);
    assert_int_equal(json_integer_value(json_object_get(shard, "last_log_index")),
                     json_integer_value(json_object_get(object, "segments")));
    json_decref(object);
}

/* Every order is there, once, with the names of its fields; as JSON each line can be read. */
static void test_dump(void **state)
{
    (void)state;
    assert_int_equal(RUN(site.tool, "journal", "dump", "--config", site.config), 0);
    for (uint32_t i = 1; i <= ORDERS; i++) {
        char words[128];
        (void)snprintf(words, sizeof words,
                       "type=order-enter session=1 epoch=1 input_number=%u site=1 ", i);
        const char *first = strstr(output, words);
        assert_non_null(first);
        assert_null(strstr(first + 1, words));
        /* In between stands how long it waited, where the site was kept from running. */
        (void)snprintf(words, sizeof words, " user_reference=%u symbol=\"TEST\" side=buy", i);
        const char *order = strstr(first, words);
        assert_non_null(order);
        assert_null(memchr(first, '\n', (size_t)(order - first)));
    }
    assert_int_equal(RUN(site.tool, "journal", "dump", "--config", site.config, "--json"), 0);
    uint32_t segments = 0;
    uint32_t commands = 0;
    char *rest = NULL;
    for (char *line = strtok_r(output, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_error_t error;
        json_t *object = json_loads(line, 0, &error);
        if (object == NULL) {
            fail_msg("%s in: %s", error.text, line);
        }
        segments += json_object_get(object, "segment") != NULL;
        json_t *number = json_object_get(object, "command");
        if (number != NULL) {
            assert_int_equal(json_integer_value(number), ++commands);
        }
        json_decref(object);
    }
    assert_true(segments > 0 && commands > ORDERS);
    assert_int_equal(RUN(site.tool, "journal", "dump", "--config", site.config, "--segments",
                         "--from", "2", "--to", "3"),
                     0);
    assert_null(strstr(output, "segment=1 "));
    assert_said("segment=2 ");
    assert_said("segment=3 ");
    assert_null(strstr(output, "segment=4 "));
    assert_null(strstr(output, "\ncommand="));
}

/* Flip one bit at `offset` behind every place of a file that holds the signer's key id. */
static uint32_t flip_behind_key_id(const char *name, size_t offset)
{
    char path[TEST_PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/data/journal/%s", site.directory, name);
    int file = open(path, O_RDWR | O_CLOEXEC);
    struct stat found;
    assert_true(file >= 0);
    assert_int_equal(fstat(file, &found), 0);
    uint8_t *bytes = malloc((size_t)found.st_size);
    assert_non_null(bytes);
    assert_int_equal(pread(file, bytes, (size_t)found.st_size, 0), found.st_size);
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    uint8_t key_id[SEGMENT_KEY_ID_BYTES];
    assert_int_equal(sodium_hex2bin(public_key, sizeof public_key, key, 64, NULL, NULL, NULL), 0);
    segment_key_id(key_id, public_key);
    uint32_t count = 0;
    for (size_t at = 0; at + 256 < (size_t)found.st_size; at++) {
        if (memcmp(bytes + at, key_id, sizeof key_id) == 0) {
            uint8_t flipped = bytes[at + offset] ^ 0x04;
            assert_int_equal(pwrite(file, &flipped, 1, (off_t)(at + offset)), 1);
            count++;
        }
    }
    free(bytes);
    assert_int_equal(close(file), 0);
    return count;
}

/* Behind the key id stand hashes, signature and payload: no bit of them may change unseen. */
static void test_flipped_bits(void **state)
{
    (void)state;
    static const size_t offsets[] = {0, 9, 30, 50, 75, 100, 130};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
        assert_true(flip_behind_key_id("store.mdb", offsets[i]) > 0);
        assert_int_equal(RUN(site.tool, "journal", "verify", "--config", site.config), 1);
        assert_said("causeway journal: ");
        assert_said("store.mdb");
        assert_null(strstr(output, "verified,"));
        assert_int_equal(RUN(site.tool, "journal", "verify", "--config", site.config, "--json"), 1);
        assert_said("\"verified\": false");
        if (offsets[i] > 0) { /* With the key id itself changed there is nothing to find it by. */
            (void)flip_behind_key_id("store.mdb", offsets[i]);
            assert_int_equal(RUN(site.tool, "journal", "verify", "--config", site.config), 0);
        } else {
            (void)tear_down(NULL);
            (void)set_up(NULL);
        }
    }
}

static void test_refusals(void **state)
{
    (void)state;
    static const char other[] = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";
    assert_int_equal(RUN(site.tool, "journal", "verify", site.directory, "--cluster", "test",
                         "--key", other),
                     1);
    assert_said("unknown-key");
    assert_int_equal(
        RUN(site.tool, "journal", "verify", site.directory, "--cluster", "else", "--key", key), 1);
    assert_int_equal(RUN(site.tool, "journal", "verify", directory, "--config", site.config), 1);
    assert_said("holds no journal");
    assert_int_equal(RUN(site.tool, "journal", "check", "--config", site.config), 2);
    assert_int_equal(RUN(site.tool, "journal", "verify", site.directory), 2);
    assert_int_equal(RUN(site.tool, "journal", "verify", "--cluster", "test", "--key", key), 2);
    assert_int_equal(
        RUN(site.tool, "journal", "verify", site.directory, "--cluster", "test", "--key", "12"), 2);
    assert_int_equal(RUN(site.tool, "journal", "verify", site.directory, "--cluster", "test",
                         "--keys", "/nowhere/keys"),
                     2);
    int exit_status;
    assert_true(site_process_start(&site, &exit_status));
    assert_int_equal(RUN(site.tool, "journal", "verify", "--config", site.config), 1);
    assert_null(strstr(output, "verified"));
}

/* A tail beside a journal, in whatever way the place is named; one that was changed is told. */
static void test_evidence(void **state)
{
    (void)state;
    char evidence[TEST_PATH_BYTES + 32];
    char path[TEST_PATH_BYTES + 256];
    char journal[TEST_PATH_BYTES + 32];
    char name[SITE_EVIDENCE_NAME_BYTES];
    char hex[KEY_STORE_HEX_BYTES];
    struct segment_signer signer;
    struct segment_verifier verifier;
    static struct tail_segments tail;
    assert_int_equal(RUN(site.tool, "journal", "evidence", "--config", site.config), 0);
    assert_said("0 tails that were never committed");
    tail_segments_signer(&signer, &verifier, 1);
    tail_segments_seal(&tail, 8, 2, 1, &signer);
    key_store_print(hex, verifier.public_key);
    (void)snprintf(evidence, sizeof evidence, "%s/data/evidence", site.directory);
    (void)snprintf(journal, sizeof journal, "%s/data/journal", site.directory);
    site_evidence_name(name, 8, &tail.last);
    (void)snprintf(path, sizeof path, "%s/%s", evidence, name);
    assert_int_equal(mkdir(evidence, 0700), 0);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(tail.bytes, 1, tail.begins[1], file), tail.begins[1]);
    assert_int_equal(fclose(file), 0);
    const char *const places[] = {site.directory, journal, evidence};
    for (size_t at = 0; at < sizeof places / sizeof places[0]; at++) {
        assert_int_equal(RUN(site.tool, "journal", "evidence", places[at], "--cluster", "test",
                             "--key", hex),
                         0);
        assert_said(" kind=tail bytes=248 ");
        assert_said(" shard=1 log_index=8-8 term=2 signer=");
        assert_said(" sealed=2023-11-14T22:13:20.000000000Z verified=yes\n");
        assert_said("1 tail that was never committed, 1 segments, 2 commands, 248 B: all verified");
    }
    /* The site does not know that key. */
    assert_int_equal(RUN(site.tool, "journal", "evidence", "--config", site.config), 1);
    assert_said(" verified=NO why=unknown-key bad_log_index=8\n");
    assert_said("causeway journal: 1 of 1 pieces of evidence do not verify");
    assert_int_equal(RUN(site.tool, "journal", "evidence", "--config", site.config, "--json"), 1);
    assert_said("\"verified\":false,\"why\":\"unknown-key\"");
    assert_int_equal(RUN(site.tool, "journal", "evidence", "/nowhere", "--config", site.config), 1);
    assert_said("there is no /nowhere");
    assert_int_equal(RUN(site.tool, "journal", "evidence", evidence), 2);
    assert_int_equal(RUN(site.tool, "journal", "evidence", "--config", site.config, "--segments"),
                     2);
    assert_int_equal(RUN(site.tool, "journal", "evidence", "--config", site.config, "--from", "2"),
                     2);
    assert_int_equal(RUN(site.tool, "journal", "evidence", "--config", site.config, "--to", "2"),
                     2);
}

/* Executed again, the journal comes to the hash that the site itself had there. */
static void test_execute(void **state)
{
    (void)state;
    int exit_status;
    assert_true(site_process_start(&site, &exit_status));
    char *text = test_market_get(&site, "/status");
    json_t *root = json_loads(text, 0, NULL);
    free(text);
    json_t *shard = json_array_get(json_object_get(root, "shards"), 0);
    json_t *log = json_object_get(shard, "log");
    char line[128];
    char hash[64];
    (void)snprintf(line, sizeof line, "segment=%lld shard=1 ",
                   json_integer_value(json_object_get(log, "applied_log_index")));
    (void)snprintf(hash, sizeof hash, "event_hash=%s\n",
                   json_string_value(json_object_get(shard, "event_hash")));
    json_decref(root);
    assert_int_equal(site_process_stop(&site), 0);
    assert_int_equal(RUN(site.tool, "journal", "execute", "--config", site.config), 0);
    const char *found = strstr(output, line);
    assert_non_null(found);
    const char *end = strchr(found, '\n');
    assert_non_null(end);
    assert_true((size_t)(end + 1 - found) > strlen(hash));
    assert_memory_equal(end + 1 - strlen(hash), hash, strlen(hash));
    assert_int_equal(
        RUN(site.tool, "journal", "execute", site.directory, "--cluster", "test", "--key", key), 2);
    assert_said("needs --config");
}

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_verify, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dump, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_evidence, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_execute, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_flipped_bits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
