/* The shadow behind a real journal. Nothing here waits for time: the shadow wakes the test. */
#include "gateway/shadow.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/market_snapshot.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/engine_bytes.h"
#include "tests/support/shadow_market.h"
#include "tests/support/test_seed.h"

#define SHARD 2

static struct shadow_market market;
static struct shadow *shadow;
static struct snapshot_store *reader; /* Another one on the same directory. */
static struct random random_numbers;
static sem_t woken;
static char snapshots[TEST_PATH_BYTES + 32];
static char streams[TEST_PATH_BYTES + 32];

static void wake(void *context)
{
    (void)context;
    assert_int_equal(sem_post(&woken), 0);
}

static struct snapshot_store_options store_options(void)
{
    return (struct snapshot_store_options){.directory = snapshots,
                                           .cluster_id = JOURNAL_FIXTURE_CLUSTER,
                                           .signer = &market.fixture.signer,
                                           .verifiers = &market.fixture.verifier,
                                           .verifier_count = 1};
}

static uint64_t streams_bytes_max = UINT64_C(1) << 30;

static void start(uint64_t every_segments, uint64_t every_bytes, uint64_t every_ns)
{
    struct shadow_shard_options shard = {.shard_id = SHARD,
                                         .limits = market.limits,
                                         .stream_path = streams,
                                         .stream_bytes_max = streams_bytes_max,
                                         .genesis = {.bytes_count = 7, .bytes = "genesis"}};
    struct shadow_options options = {.store = store_options(),
                                     .shards = &shard,
                                     .shard_count = 1,
                                     .every_segments = every_segments,
                                     .every_bytes = every_bytes,
                                     .every_ns = every_ns,
                                     .kept = 2,
                                     .wake = wake};
    char error[JOURNAL_ERROR_BYTES] = "";
    assert_int_equal(shadow_create(&shadow, &options, error), STATUS_OK);
}

static int set_up(void **state)
{
    (void)state;
    test_seed(&random_numbers);
    assert_int_equal(sem_init(&woken, 0, 0), 0);
    shadow_market_make(&market, "shadow", SHARD, random_u64(&random_numbers));
    (void)snprintf(snapshots, sizeof snapshots, "%s/snapshots", market.fixture.directory);
    (void)snprintf(streams, sizeof streams, "%s/shadow-streams", market.fixture.directory);
    struct snapshot_store_options options = store_options();
    assert_int_equal(snapshot_store_open(&reader, &options), STATUS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    shadow_destroy(shadow);
    shadow = NULL;
    snapshot_store_close(reader);
    shadow_market_free(&market);
    assert_int_equal(sem_destroy(&woken), 0);
    return 0;
}

/* A turn of the loop: feed; then wait a moment for the shadow, unless it has woken us. */
static void turn_with(uint64_t event_hash)
{
    assert_int_equal(shadow_feed(shadow, market.fixture.journal, SHARD, market.log_index,
                                 event_hash),
                     STATUS_OK);
    struct timespec until;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &until), 0);
    until.tv_nsec += 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int result = sem_clockwait(&woken, CLOCK_MONOTONIC, &until);
    assert_true(result == 0 || errno == ETIMEDOUT);
}

static void turn(void)
{
    turn_with(engine_event_hash(market.engine));
}

/* Turn until there is a report. */
static struct shadow_report next_report(void)
{
    struct shadow_report report;
    while (!shadow_report(shadow, &report)) {
        turn();
    }
    assert_int_equal(report.shard_id, SHARD);
    return report;
}

/* Turn until the shadow is as far as the market. */
static void follow(void)
{
    struct shadow_status status;
    shadow_status(shadow, SHARD, &status);
    while (!status.follows || status.log_index < market.log_index) {
        turn();
        shadow_status(shadow, SHARD, &status);
    }
    assert_int_equal(status.log_index, market.log_index);
}

/* The snapshot at this log index is what the market was there. */
static void check_snapshot(uint64_t log_index)
{
    struct snapshot_source *source = NULL;
    struct market_snapshot *snapshot = NULL;
    void *memory = NULL;
    struct engine *engine = engine_bytes_engine(&memory, &market.limits);
    struct session_store *read = shadow_market_streams(&market, "read-streams");
    assert_int_equal(market_snapshot_create(&snapshot), STATUS_OK);
    assert_int_equal(snapshot_store_source(reader, SHARD, log_index, &source), STATUS_OK);
    assert_int_equal(market_snapshot_read(snapshot, source, engine, read,
                                          market.limits.sessions_max),
                     STATUS_OK);
    const struct snapshot_manifest *manifest = snapshot_store_source_manifest(source);
    assert_int_equal(manifest->event_hash, market.event_hashes[log_index]);
    assert_int_equal(engine_checksum(engine), market.checksums[log_index]);
    size_t count = 0;
    struct segment segment;
    static uint8_t target[SEGMENT_BYTES_MAX];
    assert_int_equal(journal_read(market.fixture.journal, SHARD, log_index, target, sizeof target,
                                  &count),
                     STATUS_OK);
    assert_int_equal(segment_open(&segment, target, count), STATUS_OK);
    assert_memory_equal(manifest->position.chain_hash, segment.chain_hash, SEGMENT_HASH_BYTES);
    assert_int_equal(manifest->position.term, segment.term);
    assert_int_equal(manifest->last_timestamp_ns, segment.base_timestamp_ns);
    assert_int_equal(manifest->next_command_sequence,
                     segment.first_command_sequence + segment.command_count);
    /* Each session's stream ends where the engine says that it does, and is the live one's so far.
     */
    for (uint32_t id = 1; id <= market.limits.sessions_max; id++) {
        struct engine_session view;
        if (engine_session_view(engine, id, &view) != STATUS_OK) {
            continue;
        }
        struct event events[16];
        struct event live[16];
        uint32_t found = 0;
        uint32_t found_live = 0;
        assert_int_equal(session_store_next(read, id), view.sequence_next);
        uint64_t from = view.sequence_next > 16 ? view.sequence_next - 16 : 1;
        uint32_t wanted = (uint32_t)(view.sequence_next - from);
        assert_int_equal(session_store_read(read, id, view.generation, from, events, 16, &found),
                         STATUS_OK);
        assert_int_equal(found, wanted);
        if (session_store_read(market.streams, id, view.generation, from, live, wanted,
                               &found_live) == STATUS_OK) {
            assert_int_equal(found_live, wanted);
            assert_memory_equal(events, live, wanted * sizeof events[0]);
        }
    }
    snapshot_store_source_close(source);
    session_store_destroy(read);
    market_snapshot_destroy(snapshot);
    free(memory);
}

static void test_follows_and_writes(void **state)
{
    (void)state;
    uint64_t oldest = 0;
    start(40, 0, 0);
    for (uint32_t i = 0; i < 5; i++) {
        shadow_market_trade(&market, 50);
        struct shadow_report report = next_report();
        assert_int_equal(report.kind, SHADOW_SNAPSHOT);
        assert_int_equal(report.status, STATUS_OK);
        assert_int_equal(report.log_index, 40 * (i + 1));
        assert_int_equal(report.position.log_index, report.log_index);
        check_snapshot(report.log_index);
        assert_true(i == 0 ? report.oldest_log_index == 0
                           : report.oldest_log_index == report.log_index - 40);
        oldest = report.oldest_log_index;
    }
    assert_int_equal(oldest, 160);
    assert_int_equal(next_report().log_index, 240);
    follow();
    struct shadow_status status;
    shadow_status(shadow, SHARD, &status);
    assert_int_equal(status.snapshots, 6);
    assert_true(status.compared >= 5);
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    assert_int_equal(snapshot_store_list(reader, SHARD, log_indexes), 2);
    assert_int_equal(log_indexes[0], 240);
    assert_int_equal(log_indexes[1], 200);
}

/* What is below the older snapshot may go: a new process goes on from the newest one. */
static void test_goes_on_after_a_restart(void **state)
{
    (void)state;
    start(30, 0, 0);
    shadow_market_trade(&market, 70);
    (void)next_report();
    struct shadow_report report = next_report();
    assert_int_equal(report.log_index, 60);
    assert_int_equal(report.oldest_log_index, 30);
    follow();
    shadow_destroy(shadow);
    assert_int_equal(journal_trim(market.fixture.journal, SHARD, report.oldest_log_index + 1),
                     STATUS_OK);
    shadow_market_trade(&market, 5);
    start(30, 0, 0);
    follow();
    shadow_market_trade(&market, 20);
    report = next_report();
    assert_int_equal(report.kind, SHADOW_SNAPSHOT);
    assert_int_equal(report.log_index, 90);
    check_snapshot(90);
}

static void test_takes_an_older_one_when_the_newest_is_damaged(void **state)
{
    (void)state;
    start(30, 0, 0);
    shadow_market_trade(&market, 65);
    (void)next_report();
    (void)next_report();
    shadow_destroy(shadow);
    char path[TEST_PATH_BYTES + 128];
    (void)snprintf(path, sizeof path, "%s/%u-%020u/engine.part", snapshots, SHARD, 60u);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 20, SEEK_SET), 0);
    assert_int_equal(fputs("rot", file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
    start(45, 0, 0);
    shadow_market_trade(&market, 20);
    struct shadow_report report = next_report();
    assert_int_equal(report.kind, SHADOW_SNAPSHOT);
    assert_int_equal(report.log_index, 75); /* 30 and 45 segments. */
    check_snapshot(75);
}

/* It is said, and not tried with older ones until none is left and all begins again. */
static void test_no_room_to_take_one_up_ends_it(void **state)
{
    (void)state;
    start(30, 0, 0);
    shadow_market_trade(&market, 65);
    (void)next_report();
    (void)next_report();
    shadow_destroy(shadow);
    streams_bytes_max = 4096;
    start(30, 0, 0);
    streams_bytes_max = UINT64_C(1) << 30;
    struct shadow_report report = next_report();
    assert_int_equal(report.kind, SHADOW_FAILED);
    assert_int_equal(report.status, STATUS_NO_SPACE);
    assert_int_equal(report.log_index, 0);
}

static void test_a_divergence_is_found(void **state)
{
    (void)state;
    start(100, 0, 0);
    shadow_market_trade(&market, 20);
    follow();
    shadow_market_trade(&market, 20);
    uint64_t at = market.log_index;
    struct shadow_report report;
    while (!shadow_report(shadow, &report)) {
        turn_with(engine_event_hash(market.engine) ^ 1);
    }
    assert_int_equal(report.kind, SHADOW_DIVERGED);
    assert_int_equal(report.log_index, at);
    shadow_market_trade(&market, 100);
    for (uint32_t i = 0; i < 20; i++) {
        turn(); /* It is fed nothing, and writes nothing. */
    }
    struct shadow_status status;
    shadow_status(shadow, SHARD, &status);
    assert_false(status.follows);
    assert_int_equal(status.log_index, at);
    assert_int_equal(status.snapshots, 0);
    shadow_restart(shadow, SHARD);
    report = next_report();
    assert_int_equal(report.kind, SHADOW_SNAPSHOT);
    assert_int_equal(report.log_index, 100);
    check_snapshot(100);
}

/* By request, by bytes, by time. */
static void test_when_one_is_due(void **state)
{
    (void)state;
    start(0, 0, 0);
    shadow_market_trade(&market, 10);
    follow();
    shadow_request(shadow, SHARD);
    struct shadow_report report = next_report();
    assert_int_equal(report.kind, SHADOW_SNAPSHOT);
    assert_int_equal(report.log_index, 10);
    shadow_destroy(shadow);
    start(0, 1, 0);
    shadow_market_trade(&market, 1);
    assert_int_equal(next_report().log_index, 11);
    shadow_destroy(shadow);
    start(0, 0, 1);
    shadow_market_trade(&market, 1);
    assert_int_equal(next_report().log_index, 12);
    check_snapshot(12);
    follow();
    struct shadow_status status;
    shadow_status(shadow, SHARD, &status);
    assert_int_equal(status.snapshots, 1); /* Nothing has been applied since. */
}

static void check_membership(uint64_t log_index, uint64_t present, const char *text,
                             uint64_t previous, const char *previous_text)
{
    struct snapshot_source *source = NULL;
    assert_int_equal(snapshot_store_source(reader, SHARD, log_index, &source), STATUS_OK);
    const struct snapshot_manifest *manifest = snapshot_store_source_manifest(source);
    assert_int_equal(manifest->membership.log_index, present);
    assert_int_equal(manifest->membership.bytes_count, strlen(text));
    assert_memory_equal(manifest->membership.bytes, text, strlen(text));
    assert_int_equal(manifest->previous.log_index, previous);
    assert_int_equal(manifest->previous.bytes_count, strlen(previous_text));
    assert_memory_equal(manifest->previous.bytes, previous_text, strlen(previous_text));
    snapshot_store_source_close(source);
}

/* The membership goes with it, also over a restart. */
static void test_memberships(void **state)
{
    (void)state;
    start(10, 0, 0);
    shadow_market_trade(&market, 10);
    (void)next_report();
    check_membership(10, 0, "genesis", 0, "");
    shadow_market_trade(&market, 4);
    shadow_market_placement(&market, "second");
    shadow_market_trade(&market, 5);
    (void)next_report();
    check_membership(20, 15, "second", 0, "genesis");
    shadow_destroy(shadow);
    start(10, 0, 0);
    shadow_market_placement(&market, "third");
    shadow_market_trade(&market, 9);
    (void)next_report();
    check_membership(30, 21, "third", 15, "second");
    check_snapshot(30);
}

/* What it needs is gone: said, not stumbled over. */
static void test_a_gap_in_the_journal(void **state)
{
    (void)state;
    shadow_market_trade(&market, 20);
    assert_int_equal(journal_trim(market.fixture.journal, SHARD, 11), STATUS_OK);
    start(10, 0, 0);
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        status = shadow_feed(shadow, market.fixture.journal, SHARD, market.log_index, 0);
    }
    assert_int_equal(status, STATUS_NOT_FOUND);
}

/* Segments that do not continue what was executed, as after a base that was moved without a
 * restart. */
static void test_a_broken_chain_stops_it(void **state)
{
    (void)state;
    start(10, 0, 0);
    shadow_market_trade(&market, 4);
    follow();
    static struct shadow_market other;
    shadow_market_make(&other, "shadow-other", SHARD, 5);
    shadow_market_trade(&other, 9);
    struct shadow_report report;
    while (!shadow_report(shadow, &report)) {
        assert_int_equal(shadow_feed(shadow, other.fixture.journal, SHARD, 9, 0), STATUS_OK);
    }
    assert_int_equal(report.kind, SHADOW_FAILED);
    assert_int_equal(report.status, STATUS_BAD_CHAIN);
    assert_int_equal(report.log_index, 5);
    shadow_market_free(&other);
}

/* A snapshot that is being written when the process ends leaves nothing. */
static void test_ends_in_the_middle(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 10; i++) {
        start(1, 0, 0);
        shadow_market_trade(&market, 3);
        turn();
        shadow_destroy(shadow);
        shadow = NULL;
        uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
        uint32_t count = snapshot_store_list(reader, SHARD, log_indexes);
        for (uint32_t j = 0; j < count; j++) {
            check_snapshot(log_indexes[j]);
        }
    }
    start(1, 0, 0);
    shadow_market_trade(&market, 1);
    follow();
}

static void test_a_place_that_cannot_be(void **state)
{
    (void)state;
    (void)snprintf(snapshots, sizeof snapshots, "%s/no/where", market.fixture.directory);
    struct shadow_shard_options shard = {.shard_id = SHARD,
                                         .limits = market.limits,
                                         .stream_path = streams};
    struct shadow_options options = {
        .store = store_options(), .shards = &shard, .shard_count = 1, .kept = 2, .wake = wake};
    char error[JOURNAL_ERROR_BYTES] = "";
    assert_int_equal(shadow_create(&shadow, &options, error), STATUS_NOT_FOUND);
    assert_null(shadow);
    assert_non_null(strstr(error, "no/where"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_follows_and_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goes_on_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_takes_an_older_one_when_the_newest_is_damaged, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_no_room_to_take_one_up_ends_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_divergence_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_when_one_is_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memberships, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_gap_in_the_journal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_broken_chain_stops_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ends_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_place_that_cannot_be, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
