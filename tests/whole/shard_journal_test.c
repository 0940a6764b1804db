/* A shard on its real journal: what was executed is executed again after a start, also when the
 * process was killed in the middle.
 *
 * A write that the kernel has taken completes although the process is dead, so a kill shows whether
 * something was executed before its write began, not whether before it was durable: that is what
 * tests/replication/shard_test.c shows with a journal that persists on command. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/random.h"
#include "replication/io/io.h"
#include "replication/shard.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/record_machine.h"
#include "tests/support/test_paths.h"

#define TOKEN   UINT64_C(7)
#define CLUSTER UINT64_C(77)
#define SHARD   1

struct site {
    struct io *io;
    struct journal *journal;
    struct shard *shard;
    struct record_machine *machine;
};

static char directory[TEST_PATH_BYTES];
static struct segment_signer signer;
static struct segment_verifier verifier;
static struct codec_context *codec;
static struct record_machine machine;
static struct record_machine before;

static struct journal_options journal_options(void)
{
    struct journal_options options = {.directory = directory,
                                      .wal_bytes = WAL_BYTES_MIN,
                                      .store_bytes = UINT64_C(64) << 20,
                                      .wal_writes_in_flight = 2,
                                      .cluster_id = CLUSTER,
                                      .site = "test",
                                      .io_token = TOKEN,
                                      .verifiers = &verifier,
                                      .verifier_count = 1};
    return options;
}

static int setup(void **state)
{
    (void)state;
    static const uint8_t seed[crypto_sign_SEEDBYTES] = {3};
    if (sodium_init() < 0 || codec_create(&codec, 1) != STATUS_OK) {
        return -1;
    }
    (void)crypto_sign_seed_keypair(verifier.public_key, signer.secret_key, seed);
    segment_key_id(verifier.key_id, verifier.public_key);
    memcpy(signer.key_id, verifier.key_id, sizeof signer.key_id);
    test_paths_make(directory, "shard_journal");
    const struct journal_options options = journal_options();
    char error[512] = "";
    enum status status = journal_create(&options, error, sizeof error);
    if (status != STATUS_OK) {
        print_error("%s\n", error);
        return -1;
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    codec_destroy(codec);
    test_paths_remove(directory);
    return 0;
}

/* One turn of a site's loop. */
static void turn(struct site *site)
{
    struct io_completion completions[32];
    io_now_refresh(site->io);
    uint64_t due_ns = shard_due_ns(site->shard, io_now_ns(site->io));
    uint32_t count = io_poll(site->io, completions, 32, due_ns <= io_now_ns(site->io) ? 0 : due_ns);
    for (uint32_t at = 0; at < count; at++) {
        if (completions[at].token == TOKEN) {
            assert_int_equal(journal_complete(site->journal, &completions[at]), STATUS_OK);
        }
    }
    assert_int_equal(journal_poll(site->journal), STATUS_OK);
    assert_int_equal(shard_step(site->shard, io_now_ns(site->io), io_wall_ns(site->io)), STATUS_OK);
}

static void start(struct site *site)
{
    memset(&machine, 0, sizeof machine);
    *site = (struct site){.machine = &machine};
    const struct io_options io_options = {.handles_max = 8,
                                          .receive_buffer_bytes = 4096,
                                          .receive_buffer_count = 8};
    assert_int_equal(io_create(&site->io, &io_options), STATUS_OK);
    const struct journal_options options = journal_options();
    enum status status = journal_open(&site->journal, site->io, &options);
    if (status != STATUS_OK) {
        fail_msg("%s", journal_error(site->journal));
    }
    struct shard_options shard_options = {.shard_id = SHARD,
                                          .site_id = 1,
                                          .incarnation = 1,
                                          .cluster_id = CLUSTER,
                                          .random_seed = 1,
                                          .queue_records_max = 500,
                                          .segment_records_max = 64,
                                          .segments_in_flight_max = 8,
                                          .uncommitted_age_ns_max = UINT64_MAX,
                                          .election_ns_min = 100000000,
                                          .election_ns_max = 1000000000,
                                          .headers_max = 64,
                                          .in_flight_messages_max = 8,
                                          .in_flight_bytes_max = 1 << 20,
                                          .batch_bytes_max = 1 << 16,
                                          .signer = &signer,
                                          .verifiers = &verifier,
                                          .verifier_count = 1,
                                          .genesis = {.commit_providers = 1}};
    shard_options.genesis.sites[0] =
        (struct placement_site){.incarnation = 1, .provider_id = 1, .role = PLACEMENT_VOTER};
    const struct shard_machine description = record_machine_of(&machine);
    const struct shard_peers nobody = {.context = NULL}; /* A voter alone sends nothing. */
    assert_int_equal(shard_create(&site->shard, &shard_options, &description, &nobody,
                                  site->journal, codec),
                     STATUS_OK);
    uint64_t log_index;
    do {
        status = shard_recover(site->shard, &log_index);
    } while (status == STATUS_MORE);
    assert_int_equal(status, STATUS_OK);
    assert_int_equal(shard_start(site->shard, io_now_ns(site->io), io_wall_ns(site->io)),
                     STATUS_OK);
    struct shard_status shard_now;
    do {
        turn(site);
        shard_status(site->shard, &shard_now);
    } while (!shard_now.leader);
}

static void stop(struct site *site)
{
    shard_destroy(site->shard);
    journal_close(site->journal);
    io_destroy(site->io);
}

/* Submit `count` records, as many at a time as there is room for but at most `burst`. Values count
 * from 1 over all starts. What has been executed is written to `acknowledged`, when that is a file;
 * after `acknowledgements` of that the process dies on the spot, before it can do anything else. */
static void run(struct site *site, uint64_t count, uint32_t burst, int acknowledged,
                uint64_t acknowledgements)
{
    uint64_t end = machine.applied_count + count;
    uint64_t value = machine.applied_count;
    uint64_t reported = machine.applied_count;
    while (machine.applied_count < end) {
        uint32_t room = shard_room(site->shard);
        for (uint32_t at = 0; at < room && at < burst && value < end; at++) {
            const struct record_machine_record record = {.value = ++value};
            assert_int_equal(shard_submit(site->shard, &record, io_now_ns(site->io)), STATUS_OK);
        }
        turn(site);
        if (acknowledged >= 0 && machine.applied_count > reported) {
            reported = machine.applied_count;
            assert_int_equal(write(acknowledged, &reported, sizeof reported), sizeof reported);
            if (--acknowledgements == 0) {
                (void)raise(SIGKILL);
            }
        }
    }
}

static void check_values(void)
{
    uint64_t last_ns = 0;
    for (uint64_t at = 0; at < machine.applied_count; at++) {
        assert_int_equal(machine.applied[at].value, at + 1);
        assert_true(machine.applied[at].timestamp_ns >= last_ns);
        last_ns = machine.applied[at].timestamp_ns;
    }
}

static void test_a_start_executes_the_same(void **state)
{
    (void)state;
    struct site site;
    uint64_t term = 0;
    for (uint32_t round = 0; round < 3; round++) {
        start(&site);
        struct shard_status status;
        shard_status(site.shard, &status);
        assert_true(status.term > term);
        term = status.term;
        assert_int_equal(machine.applied_count, before.applied_count);
        assert_memory_equal(machine.applied, before.applied,
                            before.applied_count * sizeof before.applied[0]);
        run(&site, 2000, round == 0 ? 1 : 300, -1, 0);
        check_values();
        before = machine;
        stop(&site);
    }
}

/* A child that executes and acknowledges until it is killed: by its parent, whenever that happens,
 * or by itself between an acknowledgement and the next turn of its loop, so that a write which it
 * has only promised never starts. Returns what it acknowledged last. */
static uint64_t run_killed(uint32_t burst, uint64_t acknowledgements, bool by_parent)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct site site;
        start(&site);
        run(&site, 100000, burst, ends[1], by_parent ? UINT64_MAX : acknowledgements);
        _exit(0);
    }
    (void)close(ends[1]);
    uint64_t acknowledged = 0;
    for (; acknowledgements > 0; acknowledgements--) {
        assert_int_equal(read(ends[0], &acknowledged, sizeof acknowledged), sizeof acknowledged);
    }
    if (by_parent) {
        assert_int_equal(kill(child, SIGKILL), 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(ends[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged) {
    }
    (void)close(ends[0]);
    return acknowledged;
}

/* Everything that the child executed, and could have acknowledged, is there after SIGKILL. */
static void test_killed_at_any_moment(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 5);
    uint64_t last = before.applied_count;
    for (uint32_t round = 0; round < 8; round++) {
        uint64_t acknowledged =
            run_killed(round % 2 == 0 ? 3 : 200, 1 + random_below(&random, 60), round / 2 % 2 == 0);
        assert_true(acknowledged > last);
        struct site site;
        start(&site);
        assert_true(machine.applied_count >= acknowledged);
        check_values();
        last = machine.applied_count;
        stop(&site);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_start_executes_the_same),
        cmocka_unit_test(test_killed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
