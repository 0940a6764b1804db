/* The simulator's parts by themselves. */
#include <sodium.h>
#include <string.h>

#include "replication/io/pages.h"
#include "replication/wal_record.h"
#include "tests/sim/sim_check.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_fault.h"
#include "tests/sim/sim_ledger.h"
#include "tests/sim/sim_network.h"
#include "tests/sim/sim_pages.h"
#include "tests/sim/sim_sodium.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/io_memory.h"

#define MS UINT64_C(1000000)

static void test_queue_keeps_order(void **state)
{
    (void)state;
    struct sim_queue queue = {0};
    struct sim_event event;
    struct random random;
    random_seed(&random, 5);
    sim_queue_reset(&queue);
    for (uint32_t at = 0; at < 3000; at++) {
        sim_queue_add(&queue, (struct sim_event){.type = SIM_EVENT_CLIENT,
                                                 .index = at,
                                                 .due_ns = random_below(&random, 100)});
    }
    uint64_t last_ns = 0;
    uint64_t last_order = 0;
    for (uint32_t at = 0; at < 3000; at++) {
        assert_true(sim_queue_take(&queue, 1000, &event));
        assert_true(event.due_ns > last_ns ||
                    (event.due_ns == last_ns && event.order >= last_order));
        last_ns = event.due_ns;
        last_order = event.order;
    }
    assert_false(sim_queue_take(&queue, 1000, &event));
    assert_int_equal(queue.now_ns, 1000);
    sim_queue_add(&queue, (struct sim_event){.type = SIM_EVENT_CLIENT, .due_ns = 5});
    assert_true(sim_queue_take(&queue, 2000, &event)); /* The past is now. */
    assert_int_equal(event.due_ns, 1000);
    sim_queue_free(&queue);
}

static void test_clocks_go_wrong(void **state)
{
    (void)state;
    struct sim_clock clock;
    sim_clock_init(&clock, -500, 77);
    assert_true(sim_clock_monotonic_ns(&clock, 10) == 87);
    assert_true(sim_clock_wall_ns(&clock, 1000) == SIM_CLOCK_START_NS + 500);
    sim_clock_step(&clock, 1000, 2000);
    assert_true(sim_clock_wall_ns(&clock, 1000) == SIM_CLOCK_START_NS + 2500);
    sim_clock_drift(&clock, 1000, 1000);
    assert_true(sim_clock_wall_ns(&clock, 1000 + 100 * MS) ==
                SIM_CLOCK_START_NS + 2500 + 100 * MS + 100000);
    sim_clock_freeze(&clock, 2000 * MS);
    uint64_t frozen_ns = sim_clock_wall_ns(&clock, 2000 * MS);
    assert_true(sim_clock_wall_ns(&clock, 3000 * MS) == frozen_ns);
    sim_clock_mend(&clock);
    assert_true(sim_clock_wall_ns(&clock, 3000 * MS) == SIM_CLOCK_START_NS + 3000 * MS - 500);
}

static struct sim_network network;

static uint32_t network_count(struct sim_queue *queue, uint32_t *corrupted, bool *in_order)
{
    struct sim_event event;
    const struct sim_frame *frame;
    uint32_t count = 0;
    uint32_t last = 0;
    while (sim_queue_take(queue, UINT64_MAX, &event)) {
        uint32_t number = 0;
        assert_int_equal(event.type, SIM_EVENT_FRAME);
        count += sim_network_arrive(&network, event.index, &frame);
        memcpy(&number, frame->bytes, 4);
        *corrupted += frame->corrupted;
        *in_order = *in_order && (frame->corrupted || number >= last);
        last = frame->corrupted ? last : number;
        sim_network_done(&network, event.index);
    }
    return count;
}

static uint32_t network_try(const struct sim_link *link, uint32_t *corrupted, bool *in_order)
{
    struct sim_queue queue = {0};
    struct random random;
    random_seed(&random, 3);
    sim_queue_reset(&queue);
    sim_network_reset(&network);
    *sim_network_link(&network, 1, 2) = *link;
    *corrupted = 0;
    *in_order = true;
    for (uint32_t number = 0; number < 1000; number++) {
        sim_network_send(&network, &queue, &random, 1, 2, 1, (const uint8_t *)&number, 4);
    }
    uint32_t count = network_count(&queue, corrupted, in_order);
    sim_queue_free(&queue);
    return count;
}

static void test_network_goes_wrong(void **state)
{
    (void)state;
    uint32_t corrupted;
    bool in_order;
    assert_int_equal(network_try(&(struct sim_link){.latency_ns = MS, .jitter_ns = MS}, &corrupted,
                                 &in_order),
                     1000);
    assert_true(in_order);
    assert_int_equal(corrupted, 0);
    uint32_t count = network_try(&(struct sim_link){.lost = 300}, &corrupted, &in_order);
    assert_true(count > 600 && count < 800);
    count = network_try(&(struct sim_link){.doubled = 500}, &corrupted, &in_order);
    assert_true(count > 1400 && count < 1600);
    count =
        network_try(&(struct sim_link){.latency_ns = MS, .reordered = 100}, &corrupted, &in_order);
    assert_int_equal(count, 1000);
    assert_false(in_order);
    count = network_try(&(struct sim_link){.corrupted = 200}, &corrupted, &in_order);
    assert_true(corrupted > 100 && corrupted < 300);
    assert_int_equal(network_try(&(struct sim_link){.cut = true}, &corrupted, &in_order), 0);
    /* 4 bytes each: what leaves within 5 s, and one more. */
    count = network_try(&(struct sim_link){.bytes_per_second = 400}, &corrupted, &in_order);
    assert_int_equal(count, 501);
    assert_true(in_order);
}

static void test_schedules_are_read_back(void **state)
{
    (void)state;
    static struct sim_schedule made;
    static struct sim_schedule read;
    static char text[SIM_FAULTS_MAX * 80];
    struct random random;
    random_seed(&random, 9);
    sim_schedule_make(&made, &random, 5, 100000 * MS, 300 * MS);
    assert_true(made.count > 100);
    assert_true(sim_schedule_print(&made, text, sizeof text) < sizeof text - 1);
    assert_int_equal(sim_schedule_parse(&read, text), STATUS_OK);
    assert_int_equal(read.count, made.count);
    assert_memory_equal(read.faults, made.faults, made.count * sizeof made.faults[0]);
    assert_int_equal(sim_schedule_parse(&read, "# none\n\nkill 1 2 1 1 5 # one\n"), STATUS_OK);
    assert_int_equal(read.count, 1);
    static const char *const bad[] = {"kill 1 2 1 1",     "kil 1 2 1 1 5",   "kill 2 1 1 1 5",
                                      "kill 1 2 0 1 5",   "kill 1 2 10 1 5", "kill 1 2 1 1 0",
                                      "kill 1 2 1 1 1001"};
    for (uint32_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        assert_int_equal(sim_schedule_parse(&read, bad[at]), STATUS_BAD_FORMAT);
    }
}

/* Fails while both faults 17 and 60 are there. */
static bool two_are_needed(void *context, const struct sim_schedule *schedule)
{
    uint32_t found = 0;
    (*(uint32_t *)context)++;
    for (uint32_t at = 0; at < schedule->count; at++) {
        found += schedule->faults[at].magnitude == 17 || schedule->faults[at].magnitude == 60;
    }
    return found == 2;
}

static void test_schedules_shrink(void **state)
{
    (void)state;
    static struct sim_schedule schedule;
    uint32_t trials = 0;
    schedule.count = 100;
    for (uint32_t at = 0; at < 100; at++) {
        schedule.faults[at] = (struct sim_fault){.magnitude = at + 1};
    }
    sim_schedule_shrink(&schedule, two_are_needed, &trials, 1000);
    assert_int_equal(schedule.count, 2);
    assert_int_equal(schedule.faults[0].magnitude, 17);
    assert_int_equal(schedule.faults[1].magnitude, 60);
    assert_true(trials < 200);
}

/* ---- The checker ---- */

static struct sim_check check;

static void violated(const char *part)
{
    assert_true(check.failed);
    if (strstr(check.failure, part) == NULL) {
        fail_msg("expected \"%s\", got \"%s\"", part, check.failure);
    }
    sim_check_reset(&check);
}

static void execute(uint8_t site_id, uint64_t sequence, uint64_t timestamp_ns, uint64_t hash)
{
    struct command command = {.type = COMMAND_ORDER_ENTER, .timestamp_ns = timestamp_ns};
    sim_check_command(&check, site_id, 1, sequence, &command);
    sim_check_executed(&check, site_id, 1, hash);
}

static void outcome(uint8_t site_id, uint64_t sequence, uint32_t reference, uint64_t deadline_ns)
{
    struct event event = {.type = EVENT_ORDER_ACCEPTED,
                          .session_id = 3,
                          .sequence = sequence,
                          .user_reference = reference,
                          .timestamp_ns = 100,
                          .deadline_ns = deadline_ns};
    sim_check_event(&check, site_id, 1, &event);
}

static void test_leaders_and_commits(void **state)
{
    (void)state;
    sim_check_reset(&check);
    sim_check_leader(&check, 1, 1, 5);
    sim_check_leader(&check, 1, 1, 5);
    sim_check_leader(&check, 2, 1, 6);
    sim_check_leader(&check, 2, 2, 5);
    assert_false(check.failed);
    sim_check_leader(&check, 2, 1, 5);
    violated("both lead");
    assert_true(sim_check_committed(&check, 1, 1, 1, 77, 3));
    assert_false(sim_check_committed(&check, 2, 1, 1, 77, 4));
    assert_int_equal(sim_check_committed_in(&check, 1, 3), 1);
    assert_int_equal(sim_check_committed_in(&check, 1, 2), 0); /* Its leader has slept. */
    assert_int_equal(sim_check_committed_last(&check, 1), 1);
    assert_false(check.failed);
    (void)sim_check_committed(&check, 2, 1, 1, 78, 4);
    violated("another segment");
    (void)sim_check_committed(&check, 2, 1, 2, 78, 4);
    violated("another segment");
}

static void test_commands_and_states(void **state)
{
    (void)state;
    sim_check_reset(&check);
    execute(1, 1, 10, 5);
    execute(1, 2, 10, 6);
    execute(2, 1, 10, 5);
    assert_false(check.failed);
    execute(2, 2, 10, 7);
    violated("another event hash");
    execute(1, 1, 10, 5);
    execute(2, 1, 11, 5);
    violated("another command");
    execute(1, 2, 10, 5);
    violated("after 0");
    execute(1, 1, 10, 5);
    execute(1, 2, 9, 5);
    violated("goes back");
}

static void test_streams_and_outcomes(void **state)
{
    (void)state;
    sim_check_reset(&check);
    execute(1, 1, 10, 5);
    outcome(1, 1, 4, 0);
    outcome(1, 2, 5, 100);
    execute(2, 1, 10, 5);
    outcome(2, 1, 4, 0);
    assert_false(check.failed);
    outcome(2, 2, 6, 100);
    violated("another event");
    execute(1, 1, 10, 5);
    outcome(1, 2, 4, 0);
    violated("gap");
    execute(1, 1, 10, 5);
    outcome(1, 1, 4, 0);
    outcome(1, 2, 4, 0);
    violated("second outcome");
    execute(1, 1, 10, 5);
    outcome(1, 1, 4, 99);
    violated("too late");
    execute(1, 1, 10, 5);
    execute(2, 1, 10, 5);
    outcome(2, 1, 4, 0);
    violated("one more event");
    uint64_t checksum = 0;
    execute(1, 1, 10, 5);
    sim_check_checksum(&check, 1, 1, 9, &checksum);
    assert_int_equal(checksum, 9);
    execute(2, 1, 10, 5);
    sim_check_checksum(&check, 2, 1, 8, &checksum);
    violated("another state");
}

/* ---- Disks and what is really on them ---- */

static const uint8_t incarnation[WAL_KEY_BYTES] = {1, 2, 3};

static uint8_t *frame_of(uint8_t *target, uint64_t number, const struct wal_record *record)
{
    struct wal_frame frame = {.number = number,
                              .persisted_number = number - 1,
                              .records_bytes = wal_record_bytes(record)};
    memset(target, 0, 8192);
    wal_record_store(target + WAL_FRAME_HEADER_BYTES, frame.records_bytes, record);
    wal_frame_seal(&frame, target, wal_frame_bytes(&frame), incarnation);
    return target;
}

static void test_ledger_sees_a_second_vote(void **state)
{
    (void)state;
    static _Alignas(4096) uint8_t bytes[8192];
    struct sim_ledger ledger = {0};
    struct wal_record vote = {
        .type = WAL_RECORD_VOTE, .shard_id = 1, .term = 3, .voted_site_id = 2};
    sim_ledger_reset(&ledger);
    sim_ledger_writing(&ledger, frame_of(bytes, 1, &vote));
    vote.term = 4; /* The second one is done first: it counts when the first one is. */
    sim_ledger_written(&ledger, frame_of(bytes, 2, &vote));
    assert_int_equal(ledger.shards[0].term, 0);
    vote.term = 3;
    sim_ledger_written(&ledger, frame_of(bytes, 1, &vote));
    assert_int_equal(ledger.shards[0].term, 4);
    assert_null(ledger.violation);
    vote.term = 4;
    vote.voted_site_id = 1;
    sim_ledger_written(&ledger, frame_of(bytes, 3, &vote));
    assert_non_null(ledger.violation);
    sim_ledger_free(&ledger);
}

static void test_crashes_tear_writes(void **state)
{
    (void)state;
    static _Alignas(4096) uint8_t data[8192];
    struct sim_disk disk;
    struct random random;
    uint32_t handle;
    uint32_t whole = 0;
    uint32_t nothing = 0;
    uint32_t torn = 0;
    random_seed(&random, 1);
    memset(data, 7, sizeof data);
    sim_disk_make(&disk);
    for (uint32_t tries = 0; tries < 200; tries++) {
        struct io *io = io_memory_create();
        sim_disk_format(&disk, 512, incarnation);
        sim_disk_start(&disk, io);
        assert_int_equal(io_file_open(io, "ring", true, &handle), STATUS_OK);
        io_file_write(io, handle, data, sizeof data, 4096, 1);
        sim_disk_crash(&disk, io, &random, tries % 2 == 0);
        uint32_t sectors = 0;
        for (uint32_t at = 0; at < 16; at++) {
            sectors += disk.content[4096 + at * 512] == 7;
        }
        whole += sectors == 16;
        nothing += sectors == 0;
        torn += sectors > 0 && sectors < 16;
        assert_true(tries % 2 == 0 || sectors == 0 || sectors == 16);
        io_destroy(io);
    }
    assert_true(whole > 20 && nothing > 20 && torn > 20);
    sim_disk_free(&disk);
}

static void test_disks_go_wrong(void **state)
{
    (void)state;
    static _Alignas(4096) uint8_t data[8192];
    struct sim_disk disk;
    struct random random;
    uint32_t handle;
    struct io_completion completion;
    struct io *io = io_memory_create();
    struct wal_record vote = {
        .type = WAL_RECORD_VOTE, .shard_id = 1, .term = 3, .voted_site_id = 2};
    random_seed(&random, 1);
    sim_disk_make(&disk);
    sim_disk_format(&disk, 4096, incarnation);
    sim_disk_start(&disk, io);
    assert_int_equal(io_file_open(io, "ring", true, &handle), STATUS_OK);
    assert_false(sim_disk_rot(&disk, &random)); /* Nothing is proven yet. */
    for (uint64_t number = 1; number <= 3; number++) {
        io_file_write(io, handle, frame_of(data, number, &vote), 4096, 4096 * number, 1);
        assert_int_equal(sim_disk_finish(&disk, io, handle, &random), SIM_DISK_WRITTEN);
        assert_int_equal(io_poll(io, &completion, 1, 0), 1);
        assert_int_equal(completion.result, 4096);
    }
    assert_int_equal(sim_disk_finish(&disk, io, handle, &random), SIM_DISK_NONE);
    struct wal_frame frame;
    assert_int_equal(wal_frame_open(&frame, disk.content + 3 * 4096, 4096, incarnation), STATUS_OK);
    assert_true(sim_disk_rot(&disk, &random)); /* Of frame 1 or 2, never of the last. */
    assert_int_equal(wal_frame_open(&frame, disk.content + 3 * 4096, 4096, incarnation), STATUS_OK);
    uint32_t whole = 0;
    for (uint64_t number = 1; number <= 2; number++) {
        whole +=
            wal_frame_open(&frame, disk.content + number * 4096, 4096, incarnation) == STATUS_OK;
    }
    assert_int_equal(whole, 1);
    disk.misdirects = true;
    io_file_write(io, handle, frame_of(data, 4, &vote), 4096, 4 * 4096, 1);
    assert_int_equal(sim_disk_finish(&disk, io, handle, &random), SIM_DISK_MISDIRECTED);
    assert_int_not_equal(wal_frame_open(&frame, disk.content + 4 * 4096, 4096, incarnation),
                         STATUS_OK);
    assert_int_equal(io_poll(io, &completion, 1, 0), 1);
    assert_int_equal(completion.result, 4096);
    disk.error = 28;
    io_file_write(io, handle, frame_of(data, 5, &vote), 4096, 5 * 4096, 1);
    assert_int_equal(sim_disk_finish(&disk, io, handle, &random), SIM_DISK_FAILED);
    assert_int_equal(io_poll(io, &completion, 1, 0), 1);
    assert_int_equal(completion.result, -28);
    io_destroy(io);
    sim_disk_free(&disk);
}

/* What stands in for BLAKE2b and Ed25519 notices every bit that changes, in bytes, length and key.
 */
static void test_stand_ins_notice_every_bit(void **state)
{
    (void)state;
    enum { BYTES = 75 };
    uint8_t bytes[BYTES + 1];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    uint8_t key[crypto_sign_PUBLICKEYBYTES];
    uint8_t signature[crypto_sign_BYTES];
    uint8_t hash[2][32];
    sim_sodium_start();
    randombytes_buf(bytes, sizeof bytes);
    assert_int_equal(crypto_sign_keypair(key, secret), 0);
    assert_int_equal(crypto_sign_detached(signature, NULL, bytes, BYTES, secret), 0);
    assert_int_equal(crypto_sign_verify_detached(signature, bytes, BYTES, key), 0);
    assert_int_equal(crypto_generichash(hash[0], 32, bytes, BYTES, key, sizeof key), 0);
    for (uint32_t bit = 0; bit < 8 * (BYTES + sizeof key); bit++) {
        uint8_t *at = bit < 8 * BYTES ? &bytes[bit / 8] : &key[bit / 8 - BYTES];
        *at = (uint8_t)(*at ^ 1u << bit % 8);
        assert_int_equal(crypto_generichash(hash[1], 32, bytes, BYTES, key, sizeof key), 0);
        assert_memory_not_equal(hash[0], hash[1], 16);
        assert_memory_not_equal(hash[0] + 16, hash[1] + 16, 16);
        assert_int_not_equal(crypto_sign_verify_detached(signature, bytes, BYTES, key), 0);
        *at = (uint8_t)(*at ^ 1u << bit % 8);
    }
    assert_int_not_equal(crypto_sign_verify_detached(signature, bytes, BYTES - 1, key), 0);
    assert_int_equal(crypto_generichash(hash[1], 32, bytes, BYTES, NULL, 0), 0);
    assert_memory_not_equal(hash[0], hash[1], 32);
    /* Nor is it what libsodium would make. */
    sim_sodium_seed(1, true);
    assert_int_not_equal(crypto_sign_verify_detached(signature, bytes, BYTES, key), 0);
    sim_sodium_seed(1, false);
}

static void test_pages_come_back_clean(void **state)
{
    (void)state;
    uint8_t *one = pages_take(5000);
    memset(one, 0xA5, 5000);
    pages_give(one, 5000);
    uint8_t *small = pages_take(4000); /* Of another size: not the one given back. */
    uint8_t *again = pages_take(8192); /* The same number of pages. */
    assert_ptr_equal(again, one);
    assert_ptr_not_equal(small, one);
    for (uint32_t at = 0; at < 8192; at++) {
        assert_int_equal(again[at], 0);
    }
    pages_give(again, 8192);
    pages_give(small, 4000);
    sim_pages_trim();
}

static int teardown(void **state)
{
    (void)state;
    sim_check_free(&check);
    sim_network_reset(&network);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue_keeps_order),
        cmocka_unit_test(test_clocks_go_wrong),
        cmocka_unit_test(test_network_goes_wrong),
        cmocka_unit_test(test_schedules_are_read_back),
        cmocka_unit_test(test_schedules_shrink),
        cmocka_unit_test(test_leaders_and_commits),
        cmocka_unit_test(test_commands_and_states),
        cmocka_unit_test(test_streams_and_outcomes),
        cmocka_unit_test(test_ledger_sees_a_second_vote),
        cmocka_unit_test(test_crashes_tear_writes),
        cmocka_unit_test(test_disks_go_wrong),
        cmocka_unit_test(test_stand_ins_notice_every_bit),
        cmocka_unit_test(test_pages_come_back_clean),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
