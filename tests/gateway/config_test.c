#include "gateway/config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replication/placement.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"

#define TEXT_BYTES 8192
#define KEY(digit) digit digit digit digit digit digit digit digit
#define KEY_1      KEY("11111111")
#define KEY_2      KEY("2222222a")
#define KEY_3      KEY("3333333B")
#define LIFE_1     "0123456789abcdef0123456789abcde1"
#define LIFE_2     "0123456789abcdef0123456789abcde2"
#define LIFE_3     "0123456789abcdef0123456789abcde3"

/* The example of the design, every tuning key with it. Messages below name its lines. */
static const char whole[] =
    "# one file per site\n"
    "cluster: demo\n"
    "site: gcp-use4\n"
    "data: ./run/gcp-use4\n"
    "listen: {ouch: 127.0.0.1:7002, peer: 127.0.0.1:7102, admin: 127.0.0.1:7902}\n"
    "soupbin: 4.10\n"
    "threading: dedicated\n"
    "idle: spin\n"
    "bootstrap:\n"
    "  sites:\n"
    "    - {name: aws-use1, provider: aws, role: voter, peer: [127.0.0.1:7101], key: " KEY_1
    ", incarnation: " LIFE_1 "}\n"
    "    - {name: gcp-use4, provider: gcp, role: voter, peer: [127.0.0.1:7102, '[::1]:7102'],\n"
    "       key: " KEY_2 ", incarnation: " LIFE_2 "}\n"
    "    - name: metal-ny\n"
    "      provider: metal\n"
    "      role: learner\n"
    "      peer: [127.0.0.1:7103]\n"
    "      key: " KEY_3 "\n"
    "      incarnation: " LIFE_3 "\n"
    "  shards:\n"
    "    - {id: 1, name: EQ, prefer: [gcp-use4, aws-use1], commit_providers: 2}\n"
    "    - id: 2\n"
    "      name: fx-1\n"
    "      prefer:\n"
    "        - aws-use1\n"
    "      commit_providers: 1\n"
    "tuning:\n"
    "  wal: 8 MiB\n"
    "  store: 64MiB\n"
    "  streams: 1 GiB\n"
    "  wal_writes_in_flight: 4\n"
    "  segment_commands: 100\n"
    "  queue: 200\n"
    "  connections: 300\n"
    "  orders: 400\n"
    "  price_levels: 500\n"
    "  instruments: 600\n"
    "  firms: 700\n"
    "  sessions: 800\n"
    "  compression_level: 9\n"
    "  io: epoll\n"
    "site_silence: 9\n"
    "snapshots: {bytes: 1 MiB, segments: 5, seconds: 60, keep: 3, trim: no}\n"
    "egress:\n"
    "  - {provider: aws, price: 0.09}\n"
    "  - {provider: metal, price: 12}\n";

static const char least[] = "cluster: demo\n"
                            "site: one\n"
                            "data: /var/lib/causeway\n"
                            "listen: {ouch: 127.0.0.1:0, admin: 127.0.0.1:0}\n"
                            "bootstrap:\n"
                            "  sites:\n"
                            "    - {name: one, provider: here, role: voter, key: " KEY_1 "}\n"
                            "  shards:\n"
                            "    - {id: 1, name: EQ, prefer: [one]}\n";

static char test_directory[TEST_PATH_BYTES];
static char path[TEST_PATH_BYTES + 16];
static struct config config;

static int set_up(void **state)
{
    (void)state;
    test_paths_make(test_directory, "config");
    (void)snprintf(path, sizeof path, "%s/site.yaml", test_directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    test_paths_remove(test_directory);
    return 0;
}

static void write_text(const char *text, size_t bytes)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
}

static void check_valid(const char *text)
{
    char error[CONFIG_ERROR_BYTES];
    write_text(text, strlen(text));
    if (config_read(&config, path, error) != STATUS_OK) {
        fail_msg("%s", error);
    }
}

static void check_text(const char *text, size_t bytes, unsigned line, const char *message)
{
    char error[CONFIG_ERROR_BYTES];
    char wanted[CONFIG_ERROR_BYTES + 256];
    write_text(text, bytes);
    assert_int_equal(config_read(&config, path, error), STATUS_BAD_FORMAT);
    (void)snprintf(wanted, sizeof wanted, "%s:%u: %s", path, line, message);
    assert_string_equal(error, wanted);
}

/* `base` with the one place where `from` stands changed to `to`. */
static void change(char *text, const char *base, const char *from, const char *to)
{
    const char *at = strstr(base, from);
    assert_non_null(at);
    assert_null(strstr(at + 1, from));
    int bytes =
        snprintf(text, TEXT_BYTES, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
    assert_true(bytes > 0 && bytes < TEXT_BYTES);
}

static void check_change(const char *base, const char *from, const char *to, unsigned line,
                         const char *message)
{
    static char text[TEXT_BYTES];
    change(text, base, from, to);
    check_text(text, strlen(text), line, message);
}

static void check_wrong(const char *from, const char *to, unsigned line, const char *message)
{
    check_change(whole, from, to, line, message);
}

static void test_whole(void **state)
{
    (void)state;
    check_valid(whole);
    assert_string_equal(config.cluster, "demo");
    assert_string_equal(config.site, "gcp-use4");
    char data[CONFIG_PATH_BYTES + 32];
    char *directory = realpath(test_directory, NULL);
    (void)snprintf(data, sizeof data, "%s/run/gcp-use4", directory);
    free(directory);
    assert_string_equal(config.data, data);
    assert_string_equal(config.listen_ouch, "127.0.0.1:7002");
    assert_string_equal(config.listen_peer, "127.0.0.1:7102");
    assert_string_equal(config.listen_admin, "127.0.0.1:7902");
    assert_true(config.soupbin_unsequenced);
    assert_int_equal(config.threading, CONFIG_DEDICATED);
    assert_int_equal(config.idle, IO_IDLE_SPIN);
    assert_int_equal(config.site_count, 3);
    assert_int_equal(config.site_index, 1);
    assert_string_equal(config.sites[1].name, "gcp-use4");
    assert_string_equal(config.sites[1].provider, "gcp");
    assert_int_equal(config.sites[1].role, CONFIG_VOTER);
    assert_int_equal(config.sites[1].peer_count, 2);
    assert_string_equal(config.sites[1].peer[0], "127.0.0.1:7102");
    assert_string_equal(config.sites[1].peer[1], "[::1]:7102");
    for (size_t i = 0; i < 32; i++) {
        assert_int_equal(config.sites[0].public_key[i], 0x11);
        assert_int_equal(config.sites[1].public_key[i], i % 4 == 3 ? 0x2a : 0x22);
        assert_int_equal(config.sites[2].public_key[i], i % 4 == 3 ? 0x3b : 0x33);
    }
    assert_int_equal(config.sites[2].role, CONFIG_LEARNER);
    assert_int_equal(config.shard_count, 2);
    assert_int_equal(config.shards[0].id, 1);
    assert_string_equal(config.shards[0].name, "EQ");
    assert_int_equal(config.shards[0].prefer_count, 2);
    assert_int_equal(config.shards[0].prefer[0], 1);
    assert_int_equal(config.shards[0].prefer[1], 0);
    assert_int_equal(config.shards[0].commit_providers, 2);
    assert_int_equal(config.shards[1].id, 2);
    assert_string_equal(config.shards[1].name, "fx-1");
    assert_int_equal(config.shards[1].commit_providers, 1);
}

static void test_tuning(void **state)
{
    (void)state;
    check_valid(whole);
    const struct config_tuning *tuning = &config.tuning;
    assert_int_equal(tuning->wal_bytes, 8u << 20);
    assert_int_equal(tuning->store_bytes, 64u << 20);
    assert_int_equal(tuning->stream_bytes_max, 1u << 30);
    assert_int_equal(tuning->wal_writes_in_flight, 4);
    assert_int_equal(tuning->segment_commands_max, 100);
    assert_int_equal(tuning->queue_commands_max, 200);
    assert_int_equal(tuning->connections_max, 300);
    assert_int_equal(tuning->orders_max, 400);
    assert_int_equal(tuning->price_levels_max, 500);
    assert_int_equal(tuning->instruments_max, 600);
    assert_int_equal(tuning->firms_max, 700);
    assert_int_equal(tuning->sessions_max, 800);
    assert_int_equal(tuning->compression_level, 9);
    assert_int_equal(tuning->io_backend, IO_BACKEND_EPOLL);
}

static void test_snapshots(void **state)
{
    (void)state;
    check_valid(whole);
    assert_int_equal(config.snapshots.every_bytes, 1u << 20);
    assert_int_equal(config.snapshots.every_segments, 5);
    assert_true(config.snapshots.every_ns == UINT64_C(60000000000));
    assert_int_equal(config.snapshots.keep, 3);
    assert_false(config.snapshots.trim);
    assert_true(config.site_silence_ns == UINT64_C(9000000000));
    assert_int_equal(config.price_count, 2);
    assert_string_equal(config.prices[0].provider, "aws");
    assert_int_equal(config.prices[0].micros_per_gib, 90000);
    assert_string_equal(config.prices[1].provider, "metal");
    assert_int_equal(config.prices[1].micros_per_gib, 12000000);
    static const char *const wrong[] = {"0.0000001", "-1", "1.", ".5", "1.2.3", "1e3", "1000000"};
    for (size_t at = 0; at < sizeof wrong / sizeof wrong[0]; at++) {
        char line[64];
        char sentence[128];
        (void)snprintf(line, sizeof line, "price: %s}", wrong[at]);
        (void)snprintf(sentence, sizeof sentence,
                       "`price` is \"%s\"; it must be what a GiB costs, as 0.09, with at most six "
                       "decimals",
                       wrong[at]);
        check_wrong("price: 0.09}", line, 45, sentence);
    }
    check_valid(least);
    assert_int_equal(config.price_count, 0);
    assert_int_equal(config.snapshots.every_bytes, 256u << 20);
    assert_int_equal(config.snapshots.every_segments, 0);
    assert_true(config.snapshots.every_ns == UINT64_C(3600000000000));
    assert_int_equal(config.snapshots.keep, 2);
    assert_true(config.snapshots.trim);
    assert_true(config.site_silence_ns == UINT64_C(5000000000));
    check_wrong("keep: 3", "keep: 1", 43,
                "`snapshots.keep` is \"1\"; it must be a number from 2 to 16");
    check_wrong("trim: no", "trim: maybe", 43,
                "`snapshots.trim` is \"maybe\"; it must be yes or no");
    check_wrong("site_silence: 9", "site_silence: 0", 42,
                "`site_silence` is \"0\"; it must be a number from 1 to 3600");
}

static void test_defaults(void **state)
{
    (void)state;
    check_valid(least);
    assert_string_equal(config.data, "/var/lib/causeway");
    assert_string_equal(config.listen_peer, "");
    assert_false(config.soupbin_unsequenced);
    assert_int_equal(config.threading, CONFIG_SHARED);
    assert_int_equal(config.idle, IO_IDLE_SLEEP);
    assert_int_equal(config.shards[0].commit_providers, 1);
    const struct config_tuning *tuning = &config.tuning;
    assert_int_equal(tuning->wal_bytes, 64u << 20);
    assert_true(tuning->store_bytes == UINT64_C(4) << 30);
    assert_true(tuning->stream_bytes_max == UINT64_C(16) << 30);
    assert_int_equal(tuning->wal_writes_in_flight, 2);
    assert_int_equal(tuning->segment_commands_max, 4096);
    assert_int_equal(tuning->queue_commands_max, 16384);
    assert_int_equal(tuning->connections_max, 1024);
    assert_int_equal(tuning->orders_max, 1u << 20);
    assert_int_equal(tuning->price_levels_max, 1u << 16);
    assert_int_equal(tuning->instruments_max, 256);
    assert_int_equal(tuning->firms_max, 256);
    assert_int_equal(tuning->sessions_max, 4096);
    assert_int_equal(tuning->compression_level, 1);
    assert_int_equal(tuning->io_backend, IO_BACKEND_BEST);
}

/* The example of config.md is valid, and says of every optional key what holds without it. */
static void test_documented_example(void **state)
{
    (void)state;
    static char text[TEXT_BYTES];
    FILE *file = fopen("gateway/config.md", "re");
    assert_non_null(file); /* Tests run from the root of the tree. */
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    assert_int_equal(fclose(file), 0);
    text[bytes] = '\0';
    char *example = strstr(text, "```yaml\n");
    assert_non_null(example);
    example += strlen("```yaml\n");
    char *end = strstr(example, "```");
    assert_non_null(end);
    *end = '\0';
    check_valid(least);
    static struct config defaults;
    defaults = config;
    check_valid(example);
    assert_memory_equal(&config.tuning, &defaults.tuning, sizeof config.tuning);
    assert_true(config.snapshots.every_bytes == defaults.snapshots.every_bytes);
    assert_true(config.snapshots.every_segments == defaults.snapshots.every_segments);
    assert_true(config.snapshots.every_ns == defaults.snapshots.every_ns);
    assert_int_equal(config.snapshots.keep, defaults.snapshots.keep);
    assert_int_equal(config.snapshots.trim, defaults.snapshots.trim);
    assert_true(config.site_silence_ns == defaults.site_silence_ns);
    assert_int_equal(config.threading, defaults.threading);
    assert_int_equal(config.idle, defaults.idle);
    assert_int_equal(config.soupbin_unsequenced, defaults.soupbin_unsequenced);
    assert_int_equal(config.site_count, 2);
    assert_int_equal(config.shards[0].commit_providers, 1);
    /* Every key of the file is in it. */
    static const char *const keys[] = {"wal:",
                                       "store:",
                                       "streams:",
                                       "wal_writes_in_flight:",
                                       "segment_commands:",
                                       "queue:",
                                       "connections:",
                                       "orders:",
                                       "price_levels:",
                                       "instruments:",
                                       "firms:",
                                       "sessions:",
                                       "compression_level:",
                                       "io:",
                                       "site_silence:",
                                       "bytes:",
                                       "segments:",
                                       "seconds:",
                                       "keep:",
                                       "trim:",
                                       "egress:",
                                       "price:",
                                       "threading:",
                                       "idle:",
                                       "soupbin:",
                                       "wall_offset:"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_non_null(strstr(example, keys[i]));
    }
}

/* Rules are given up by name, and no others. */
static void test_override(void **state)
{
    (void)state;
    static char text[TEXT_BYTES];
    check_valid(whole);
    assert_int_equal(config.shards[0].waived_rules, 0);
    change(text, whole, "commit_providers: 2}",
           "commit_providers: 2, override: [provider-loss, provider-majority]}");
    check_valid(text);
    assert_int_equal(config.shards[0].waived_rules,
                     1u << PLACEMENT_PROVIDER_LOSS | 1u << PLACEMENT_PROVIDER_MAJORITY);
    assert_int_equal(config.shards[1].waived_rules, 0);
    check_wrong("commit_providers: 2}", "commit_providers: 2, override: [no-voter]}", 21,
                "`bootstrap.shards[0].override[0]` is \"no-voter\"; it must be provider-majority, "
                "provider-loss or no-spare-provider");
}

/* Nobody's clock is shifted who does not ask for it. */
static void test_wall_offset(void **state)
{
    (void)state;
    static char text[TEXT_BYTES];
    check_valid(whole);
    assert_string_equal(config.wall_offset, "");
    change(text, whole, "soupbin: 4.10\n", "soupbin: 4.10\nwall_offset: ./offset\n");
    check_valid(text);
    size_t length = strlen(config.wall_offset);
    assert_int_equal(config.wall_offset[0], '/');
    assert_true(length > strlen("/offset"));
    assert_string_equal(config.wall_offset + length - strlen("/offset"), "/offset");
    change(text, whole, "soupbin: 4.10\n", "soupbin: 4.10\nwall_offset: /etc/offset\n");
    check_valid(text);
    assert_string_equal(config.wall_offset, "/etc/offset");
}

/* A relative path is the file's neighbour, however the file is named. */
static void test_data_directory(void **state)
{
    (void)state;
    char before[TEST_PATH_BYTES];
    char error[CONFIG_ERROR_BYTES];
    check_valid(whole);
    char data[CONFIG_PATH_BYTES];
    memcpy(data, config.data, sizeof data);
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(test_directory), 0);
    assert_int_equal(config_read(&config, "site.yaml", error), STATUS_OK);
    assert_string_equal(config.data, data);
    assert_int_equal(config_read(&config, "./site.yaml", error), STATUS_OK);
    assert_string_equal(config.data, data);
    assert_int_equal(chdir(before), 0);
}

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    char error[CONFIG_ERROR_BYTES];
    assert_int_equal(config_read(&config, "/nowhere/site.yaml", error), STATUS_NOT_FOUND);
    assert_string_equal(error, "/nowhere/site.yaml: cannot read the configuration: "
                               "No such file or directory");
    assert_int_equal(config_read(&config, "/", error), STATUS_BAD_FORMAT);
    assert_string_equal(error, "/: cannot read the configuration: Is a directory");

    static char large[256 * 1024 + 1];
    memset(large, '#', sizeof large);
    write_text(large, sizeof large);
    assert_int_equal(config_read(&config, path, error), STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, "File too large"));

    if (geteuid() != 0) {
        write_text(whole, strlen(whole));
        assert_int_equal(chmod(path, 0), 0);
        assert_int_equal(config_read(&config, path, error), STATUS_DENIED);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_no_yaml(void **state)
{
    (void)state;
    check_text("", 0, 1, "the file must be a list of `key: value` lines");
    check_text("- a\n- b\n", 8, 1, "the file must be a list of `key: value` lines");
    check_wrong("site: gcp-use4\n", "site: [gcp-use4\n", 4,
                "no valid YAML: did not find expected ',' or ']'");
    check_wrong("idle: spin\n", "\tidle: spin\n", 8,
                "no valid YAML: found a tab character that violates indentation");
    check_wrong("idle: spin\n", "idle: sp\x01in\n", 8,
                "no valid YAML: control characters are not allowed");
    check_wrong("cluster: demo\n", "cluster: d\xff\n", 2,
                "no valid YAML: invalid leading UTF-8 octet");
    check_wrong("  io: epoll\n", "  io: epoll\n---\nmore: 1\n", 43,
                "a second document begins here; there must be only one");
}

static void test_keys(void **state)
{
    (void)state;
    check_wrong("idle: spin\n", "idle: spin\nidel: sleep\n", 9,
                "there is no key `idel` here; gateway/config.md lists the keys");
    check_wrong("      role: learner\n", "      role: learner\n      rolle: voter\n", 17,
                "there is no key `rolle` here; gateway/config.md lists the keys");
    check_wrong("  queue: 200\n", "  queue: 200\n  queues: 200\n", 34,
                "there is no key `queues` here; gateway/config.md lists the keys");
    check_wrong("idle: spin\n", "idle: spin\nsite: x\n", 9,
                "`site` stands twice, first in line 3; keep one of them");
    check_wrong("  queue: 200\n", "  queue: 200\n  orders: 1\n", 36,
                "`orders` stands twice, first in line 34; keep one of them");
    check_wrong("idle: spin\n", "idle: [spin]\n", 8,
                "Expecting STRING, got event: SEQUENCE_START; gateway/config.md lists the keys");
    check_wrong("      prefer:\n        - aws-use1\n", "      prefer: aws-use1\n", 24,
                "Expecting SEQUENCE, got event: SCALAR; gateway/config.md lists the keys");
    check_change(least, "listen: {ouch: 127.0.0.1:0, admin: 127.0.0.1:0}\n", "listen: 3\n", 4,
                 "Expecting MAPPING, got event: SCALAR; gateway/config.md lists the keys");
}

static void test_missing(void **state)
{
    (void)state;
    check_wrong("cluster: demo\n", "", 2, "`cluster` is missing");
    check_wrong("cluster: demo\n", "cluster:\n", 2, "`cluster` is empty");
    check_wrong("site: gcp-use4\n", "", 2, "`site` is missing");
    check_wrong("data: ./run/gcp-use4\n", "", 2, "`data` is missing");
    check_wrong("ouch: 127.0.0.1:7002, ", "", 5, "`listen.ouch` is missing");
    check_wrong(", admin: 127.0.0.1:7902", "", 5, "`listen.admin` is missing");
    check_wrong("peer: 127.0.0.1:7102, ", "", 5, "`listen.peer` is missing");
    check_wrong("    - name: metal-ny\n      provider: metal\n", "    - provider: metal\n", 14,
                "`bootstrap.sites[2].name` is missing");
    check_wrong("      provider: metal\n", "", 14, "`bootstrap.sites[2].provider` is missing");
    check_wrong("      role: learner\n", "", 14,
                "`bootstrap.sites[2].role` is missing; it must be voter or learner");
    check_wrong("      key: " KEY_3 "\n", "", 14, "`bootstrap.sites[2].key` is missing");
    check_wrong(
        "      peer: [127.0.0.1:7103]\n", "", 14,
        "`bootstrap.sites[2].peer` has 0 addresses; a site of several needs 1 to 4 of them");
    check_wrong("      name: fx-1\n", "", 22, "`bootstrap.shards[1].name` is missing");
    check_wrong("    - id: 2\n      name: fx-1\n", "    - name: fx-1\n", 22,
                "`bootstrap.shards[1].id` is missing");
    check_wrong("      prefer:\n        - aws-use1\n", "", 22,
                "`bootstrap.shards[1].prefer` names 0 sites; it must be 1 to 3, the best first");
    check_change(least, "  shards:\n    - {id: 1, name: EQ, prefer: [one]}\n", "", 5,
                 "`bootstrap.shards` has 0 shards; it must have 1 to 8");
    check_change(least,
                 "  sites:\n    - {name: one, provider: here, role: voter, key: " KEY_1 "}\n", "",
                 5, "`bootstrap.sites` has 0 sites; it must have 1 to 9");
}

static void test_names_and_addresses(void **state)
{
    (void)state;
    check_wrong("cluster: demo\n", "cluster: Demo\n", 2,
                "`cluster` is \"Demo\"; it must be 1 to 31 characters of a-z, 0-9 and \"-\"");
    check_wrong("provider: gcp", "provider: g_cp", 12,
                "`bootstrap.sites[1].provider` is \"g_cp\"; it must be 1 to 31 characters of a-z, "
                "0-9 and \"-\"");
    check_wrong(
        "name: fx-1", "name: FX-34567890123456789012345678901", 23,
        "`bootstrap.shards[1].name` is \"FX-34567890123456789012345678901\"; it must be 1 to "
        "31 characters of A-Z, a-z, 0-9 and \"-\"");
    check_wrong(
        "ouch: 127.0.0.1:7002", "ouch: localhost:7002", 5,
        "`listen.ouch` is \"localhost:7002\"; it must be a numeric address and a port, like "
        "127.0.0.1:7001 or [::1]:7001: names are not looked up");
    static const char *const wrong[] = {"127.0.0.1", "127.0.0.1:", ":7001",      "127.0.0.1:65536",
                                        "1.2.3:1",   "[::1:7001",  "::1:7001",   "[]:1",
                                        "a.b.c.d:1", "1.2.3.4:x",  "1.2.3.4:1x", "01.2.3.4:1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        static char text[TEXT_BYTES];
        char error[CONFIG_ERROR_BYTES];
        change(text, whole, "      peer: [127.0.0.1:7103]\n", "      peer:\n        - 'PEER'\n");
        static char again[TEXT_BYTES];
        change(again, text, "PEER", wrong[i]);
        write_text(again, strlen(again));
        assert_int_equal(config_read(&config, path, error), STATUS_BAD_FORMAT);
        assert_non_null(strstr(error, "site.yaml:18: `bootstrap.sites[2].peer[0]` is"));
    }
    check_wrong(
        "peer: [127.0.0.1:7103]", "peer: [127.0.0.1:0]", 17,
        "`bootstrap.sites[2].peer[0]` is \"127.0.0.1:0\"; it must be a numeric address and a "
        "port, like 127.0.0.1:7001 or [::1]:7001: names are not looked up");
    check_wrong("admin: 127.0.0.1:7902", "admin: 127.0.0.1:7002", 5,
                "`listen.admin` is 127.0.0.1:7002, which `listen.ouch` is already");
    check_wrong("key: " KEY_3, "key: " KEY("3333333g"), 18,
                "`bootstrap.sites[2].key` must be 64 hexadecimal digits");
    check_wrong("key: " KEY_3, "key: 33", 18,
                "`bootstrap.sites[2].key` must be 64 hexadecimal digits");
}

static void test_sites(void **state)
{
    (void)state;
    check_wrong("site: gcp-use4\n", "site: gcp-use5\n", 3,
                "`site` is \"gcp-use5\", which is not in bootstrap.sites");
    check_wrong("name: metal-ny", "name: aws-use1", 14,
                "there is a site `aws-use1` already; names must differ");
    check_wrong("key: " KEY_3, "key: " KEY_1, 18,
                "`metal-ny` has the key of `aws-use1`; every site has a key of its own");
    check_wrong("peer: [127.0.0.1:7103]", "peer: ['[::1]:7103', '[::1]:7102']", 17,
                "[::1]:7102 is an address of `gcp-use4` already");
    check_wrong(
        "peer: [127.0.0.1:7103]", "peer: [1.1.1.1:1, 1.1.1.1:2, 1.1.1.1:3, 1.1.1.1:4, 1.1.1.1:5]",
        17, "`bootstrap.sites[2].peer` has 5 addresses; a site of several needs 1 to 4 of them");
    check_wrong("role: learner", "role: leader", 16,
                "`bootstrap.sites[2].role` is \"leader\"; it must be voter or learner");
    check_change(least, "role: voter", "role: learner", 6,
                 "all sites are learners; at least one must be a voter");
    static char text[TEXT_BYTES];
    change(text, least, "  shards:\n",
           "    - {name: a, provider: p}\n    - {name: b}\n    - {name: c}\n    - {name: d}\n"
           "    - {name: e}\n    - {name: f}\n    - {name: g}\n    - {name: h}\n    - {name: i}\n"
           "  shards:\n");
    check_text(text, strlen(text), 6, "`bootstrap.sites` has 10 sites; it must have 1 to 9");
}

static void test_shards(void **state)
{
    (void)state;
    check_wrong(
        "    - id: 2\n", "    - id: 3\n", 22,
        "shard id 3 stands where 2 should: ids are 1, 2, 3 and so on, without gaps, in this "
        "order");
    check_wrong("    - id: 2\n", "    - id: 9\n", 22,
                "`bootstrap.shards[1].id` is \"9\"; it must be a number from 1 to 8");
    check_wrong("name: fx-1", "name: EQ", 23, "there is a shard `EQ` already; names must differ");
    check_wrong("        - aws-use1\n", "        - aws-use2\n", 25,
                "\"aws-use2\" is no site of bootstrap.sites");
    check_wrong("        - aws-use1\n", "        - metal-ny\n", 25,
                "`metal-ny` is a learner; only voters lead");
    check_wrong("        - aws-use1\n", "        - aws-use1\n        - aws-use1\n", 26,
                "`aws-use1` stands twice in `prefer`");
    check_wrong("commit_providers: 2", "commit_providers: 3", 21,
                "`commit_providers` is 3, but the voters of bootstrap.sites have 2 different "
                "providers");
    check_wrong("commit_providers: 2", "commit_providers: 0", 21,
                "`bootstrap.shards[0].commit_providers` is \"0\"; it must be a number from 1 to 9");
    check_wrong("provider: gcp,", "provider: aws,", 21,
                "`commit_providers` is 2, but the voters of bootstrap.sites have 1 different "
                "providers");
}

static void test_choices(void **state)
{
    (void)state;
    check_wrong("threading: dedicated", "threading: many", 7,
                "`threading` is \"many\"; it must be shared or dedicated");
    check_wrong("idle: spin", "idle: ''", 8, "`idle` is \"\"; it must be sleep, yield or spin");
    check_wrong("soupbin: 4.10", "soupbin: 4.1", 6,
                "`soupbin` is \"4.1\"; it must be 3.00, 4.00 or 4.10");
    check_wrong("  io: epoll", "  io: kqueue", 41,
                "`tuning.io` is \"kqueue\"; it must be best, ring or epoll");
    static const char *const versions[] = {"3.00", "4.00", "\"4.10\""};
    for (size_t i = 0; i < 3; i++) {
        static char text[TEXT_BYTES];
        char line[32];
        (void)snprintf(line, sizeof line, "soupbin: %s\n", versions[i]);
        change(text, whole, "soupbin: 4.10\n", line);
        check_valid(text);
        assert_int_equal(config.soupbin_unsequenced, i > 0);
    }
}

/* Every number at its bounds and beyond them. */
static void test_numbers(void **state)
{
    (void)state;
    const struct {
        const char *line; /* As in `whole`. */
        const char *most;
        const char *beyond;
        const char *message;
    } numbers[] = {
        {"  wal_writes_in_flight: 4\n", "16", "17",
         "`tuning.wal_writes_in_flight` is \"17\"; it must be a number from 1 to 16"},
        {"  segment_commands: 100\n", "4096", "4097",
         "`tuning.segment_commands` is \"4097\"; it must be a number from 1 to 4096"},
        {"  queue: 200\n", "1048576", "1048577",
         "`tuning.queue` is \"1048577\"; it must be a number from 1 to 1048576"},
        {"  connections: 300\n", "16384", "16385",
         "`tuning.connections` is \"16385\"; it must be a number from 1 to 16384"},
        {"  orders: 400\n", "4194304", "4194305",
         "`tuning.orders` is \"4194305\"; it must be a number from 1 to 4194304"},
        {"  price_levels: 500\n", "1048576", "99999999999999999999999",
         "`tuning.price_levels` is \"99999999999999999999999\"; it must be a number from 1 to "
         "1048576"},
        {"  instruments: 600\n", "4096", "0",
         "`tuning.instruments` is \"0\"; it must be a number from 1 to 4096"},
        {"  firms: 700\n", "1024", "-1",
         "`tuning.firms` is \"-1\"; it must be a number from 1 to 1024"},
        {"  sessions: 800\n", "16384", "1e3",
         "`tuning.sessions` is \"1e3\"; it must be a number from 1 to 16384"},
        {"  compression_level: 9\n", "1", "10",
         "`tuning.compression_level` is \"10\"; it must be a number from 1 to 9"},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        static char text[TEXT_BYTES];
        char line[128];
        int key = (int)(strchr(numbers[i].line, ':') - numbers[i].line);
        (void)snprintf(line, sizeof line, "%.*s: %s\n", key, numbers[i].line, numbers[i].most);
        change(text, whole, numbers[i].line, line);
        check_valid(text);
        (void)snprintf(line, sizeof line, "%.*s: %s\n", key, numbers[i].line, numbers[i].beyond);
        check_wrong(numbers[i].line, line, 31 + (unsigned)i, numbers[i].message);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const char *const right[] = {"8388608", "8192 KiB", "8192KiB", "1 GiB", "'8MiB'"};
    static char text[TEXT_BYTES];
    char line[64];
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        (void)snprintf(line, sizeof line, "  wal: %s\n", right[i]);
        change(text, whole, "  wal: 8 MiB\n", line);
        check_valid(text);
        assert_int_equal(config.tuning.wal_bytes, i == 3 ? 1u << 30 : 8u << 20);
    }
    static const char *const wrong[] = {"7 MiB",
                                        "8388609",
                                        "1025 MiB",
                                        "8 MB",
                                        "8M",
                                        "8.5 MiB",
                                        "MiB",
                                        "8 MiB 1",
                                        "-8 MiB",
                                        "0x800000",
                                        "8 MiBs",
                                        "18446744073709551616",
                                        "17179869185 GiB"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char message[256];
        (void)snprintf(line, sizeof line, "  wal: %s\n", wrong[i]);
        (void)snprintf(
            message, sizeof message,
            "`tuning.wal` is \"%s\"; it must be a size from 8 MiB to 1 GiB, a multiple of "
            "4 KiB (units: KiB, MiB, GiB)",
            wrong[i]);
        check_wrong("  wal: 8 MiB\n", line, 28, message);
    }
    check_wrong("  store: 64MiB\n", "  store: 3 MiB\n", 29,
                "`tuning.store` is \"3 MiB\"; it must be a size from 4 MiB to 65536 GiB, a "
                "multiple of 4 KiB (units: KiB, MiB, GiB)");
    check_wrong("  streams: 1 GiB\n", "  streams: 1\n", 30,
                "`tuning.streams` is \"1\"; it must be a size from 16 MiB to 65536 GiB, a multiple "
                "of 1 (units: KiB, MiB, GiB)");
}

static void test_data_too_long(void **state)
{
    (void)state;
    static char line[TEXT_BYTES];
    char message[128];
    (void)snprintf(line, sizeof line, "data: %0520d\n", 0);
    check_wrong("data: ./run/gcp-use4\n", line, 4, "`data` has 520 characters; it may have 511");
    (void)snprintf(line, sizeof line, "data: %0511d\n", 0);
    char *directory = realpath(test_directory, NULL);
    (void)snprintf(message, sizeof message,
                   "`data` as an absolute path has %zu characters; at most 511 fit",
                   strlen(directory) + 1 + 511);
    free(directory);
    check_wrong("data: ./run/gcp-use4\n", line, 4, message);
}

/* Whatever is cut off or changed: an answer with a line, never a crash. */
static void test_any_damage(void **state)
{
    (void)state;
    static const char replacements[] = {'\0', '\n', '{', '[', ':', '-', '&', '*', '"', '\xc3', '7'};
    static char text[sizeof whole];
    char error[CONFIG_ERROR_BYTES];
    unsigned refused = 0;
    char prefix[sizeof path + 1];
    (void)snprintf(prefix, sizeof prefix, "%s:", path);
    for (size_t i = 0; i < sizeof whole - 1; i++) {
        memcpy(text, whole, sizeof whole);
        text[i] = replacements[i % sizeof replacements];
        write_text(text, i % 3 == 0 ? i : sizeof whole - 1);
        if (config_read(&config, path, error) != STATUS_OK) {
            refused++;
            assert_memory_equal(error, prefix, strlen(prefix));
            assert_true(strtoul(error + strlen(prefix), NULL, 10) >= 1);
            assert_true(strtoul(error + strlen(prefix), NULL, 10) <= 47);
        }
    }
    assert_true(refused > 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_tuning),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_documented_example),
        cmocka_unit_test(test_override),
        cmocka_unit_test(test_wall_offset),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_data_directory),
        cmocka_unit_test(test_files_that_cannot_be_read),
        cmocka_unit_test(test_no_yaml),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_names_and_addresses),
        cmocka_unit_test(test_sites),
        cmocka_unit_test(test_shards),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_data_too_long),
        cmocka_unit_test(test_any_damage),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
