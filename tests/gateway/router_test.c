/* Routers of three sites, their shards played by the test: an abstract log, leaders that come and
 * go with what they have taken and not yet committed, links that lose frames. */
#include "gateway/router.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

#define SITES      3u
#define LOG_MAX    200000u
#define QUEUE_MAX  64u
#define FRAMES_MAX 64u
#define MS         UINT64_C(1000000)

/* Stands in for shard.c: all that a router sees of a shard. */
struct shard {
    uint8_t site_id;
    struct shard_status status;
    uint32_t room;
    uint64_t applied; /* Of the log. */
};

struct flight {
    uint8_t from;
    uint8_t to;
    uint8_t bytes[LINK_WIRE_FRAME_BYTES_MAX];
    size_t size;
};

static struct shard shards[SITES];
static struct router *routers[SITES];
static struct command taken[LOG_MAX]; /* By the leader of this term, not committed yet. */
static uint32_t taken_count;
static struct command journal[LOG_MAX];
static uint64_t journal_count;
static struct flight flights[FRAMES_MAX];
static uint32_t flight_first;
static uint32_t flight_count;
static bool link_full;
static uint64_t now_ns;

struct shard_leadership shard_leadership(const struct shard *shard)
{
    return (struct shard_leadership){.term = shard->status.term,
                                     .leader_site_id = shard->status.leader_site_id,
                                     .takes = shard->status.takes};
}

enum status shard_submit(struct shard *shard, const void *record, uint64_t received_ns)
{
    if (!shard->status.takes) {
        return STATUS_NOT_YET;
    }
    if (shard->room == 0) {
        return STATUS_FULL;
    }
    shard->room--;
    memcpy(&taken[taken_count], record, sizeof taken[0]);
    /* What the leader adds when it seals. */
    taken[taken_count].timestamp_ns = now_ns;
    taken[taken_count].waited_ms += (uint32_t)((now_ns - received_ns) / MS);
    taken_count++;
    return STATUS_OK;
}

static bool site_send(void *context, uint8_t site_id, const struct link_frame *frame)
{
    const struct shard *from = context;
    if (link_full || flight_count == FRAMES_MAX) {
        return false;
    }
    struct flight *flight = &flights[(flight_first + flight_count++) % FRAMES_MAX];
    flight->from = from->site_id;
    flight->to = site_id;
    flight->size = link_wire_encode(flight->bytes, sizeof flight->bytes, frame);
    return true;
}

static void deliver(bool lost)
{
    assert_true(flight_count > 0);
    const struct flight *flight = &flights[flight_first];
    flight_first = (flight_first + 1) % FRAMES_MAX;
    flight_count--;
    if (lost) {
        return;
    }
    struct link_frame frame;
    assert_int_equal(link_wire_decode(&frame, flight->bytes, flight->size), STATUS_OK);
    struct router *router = routers[flight->to - 1];
    if (frame.type == LINK_WIRE_FORWARD) {
        router_forward(router, flight->from, &frame.forward, now_ns);
    } else {
        assert_int_equal(frame.type, LINK_WIRE_FORWARD_REPLY);
        router_forward_reply(router, flight->from, &frame.forward_reply, now_ns);
    }
}

static void lead(uint8_t site_id, uint64_t term)
{
    taken_count = 0; /* What the former leader had not committed is gone. */
    for (uint32_t at = 0; at < SITES; at++) {
        shards[at].status.leader_site_id = site_id;
        shards[at].status.term = term;
        shards[at].status.takes = shards[at].site_id == site_id;
        shards[at].room = QUEUE_MAX;
    }
}

static void commit(uint32_t count)
{
    count = count < taken_count ? count : taken_count;
    assert_true(journal_count + count <= LOG_MAX);
    memcpy(journal + journal_count, taken, count * sizeof taken[0]);
    memmove(taken, taken + count, (taken_count - count) * sizeof taken[0]);
    taken_count -= count;
    journal_count += count;
    for (uint32_t at = 0; at < SITES; at++) {
        shards[at].room = QUEUE_MAX - taken_count % QUEUE_MAX;
    }
}

static void apply(uint32_t site, uint64_t until)
{
    while (shards[site].applied < until) {
        router_applied(routers[site], &journal[shards[site].applied++]);
    }
}

static void settle(void)
{
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t at = 0; at < SITES; at++) {
            router_run(routers[at], now_ns);
        }
        while (flight_count > 0) {
            deliver(false);
        }
        commit(UINT32_MAX);
        for (uint32_t at = 0; at < SITES; at++) {
            apply(at, journal_count);
        }
        now_ns += ROUTER_RESEND_NS;
    }
}

static int setup(void **state)
{
    (void)state;
    memset(shards, 0, sizeof shards);
    taken_count = 0;
    journal_count = 0;
    flight_first = flight_count = 0;
    link_full = false;
    now_ns = 1000 * MS;
    for (uint32_t at = 0; at < SITES; at++) {
        shards[at].site_id = (uint8_t)(at + 1);
        struct router_options options = {.shard = &shards[at],
                                         .shard_id = 1,
                                         .site_id = (uint8_t)(at + 1),
                                         .commands_max = 500,
                                         .lane_seed = UINT64_C(77) << at,
                                         .context = &shards[at],
                                         .send = site_send};
        assert_int_equal(router_create(&routers[at], &options), STATUS_OK);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < SITES; at++) {
        router_destroy(routers[at]);
    }
    return 0;
}

static struct command command_of(uint8_t site_id, uint64_t input_number)
{
    return (struct command){.type = COMMAND_ORDER_CANCEL,
                            .session_id = site_id,
                            .epoch = 1,
                            .input_number = input_number,
                            .site_id = site_id};
}

static enum status submit(uint32_t site, uint64_t input_number)
{
    struct command command = command_of((uint8_t)(site + 1), input_number);
    return router_submit(routers[site], &command, now_ns);
}

static uint32_t waiting(uint32_t site)
{
    struct router_counts counts;
    router_counts(routers[site], &counts);
    return counts.waiting;
}

/* First appearances of a site's commands stand in the order of their numbers, up to `count`. */
static void check_journal(uint32_t site, uint64_t count)
{
    uint64_t next = 1;
    for (uint64_t at = 0; at < journal_count; at++) {
        if (journal[at].session_id == site + 1) {
            assert_true(journal[at].input_number <= next);
            next += journal[at].input_number == next ? 1 : 0;
        }
    }
    assert_int_equal(next, count + 1);
}

static void test_without_a_leader_nothing_is_taken(void **state)
{
    (void)state;
    assert_int_equal(submit(0, 1), STATUS_NOT_YET);
    assert_true(router_due_ns(routers[0], now_ns) == UINT64_MAX);
    lead(1, 1);
    assert_int_equal(submit(0, 1), STATUS_OK);
    shards[0].status.takes = false; /* It leads, but has no quorum. */
    assert_int_equal(submit(0, 2), STATUS_NOT_YET);
    assert_int_equal(waiting(0), 1);
}

static void test_the_leader_takes_its_own_at_once(void **state)
{
    (void)state;
    lead(1, 1);
    shards[0].room = 2;
    assert_int_equal(submit(0, 1), STATUS_OK);
    assert_int_equal(submit(0, 2), STATUS_OK);
    assert_int_equal(submit(0, 3), STATUS_FULL);
    assert_int_equal(taken_count, 2);
    assert_int_equal(flight_count, 0);
    commit(2);
    apply(0, 2);
    assert_int_equal(waiting(0), 0);
}

static void test_others_forward_and_count_the_wait(void **state)
{
    (void)state;
    lead(1, 1);
    struct command command = command_of(2, 1);
    command.body.cancel.quantity_lots = 5;
    assert_int_equal(router_submit(routers[1], &command, now_ns - 30 * MS), STATUS_OK);
    now_ns += 5 * MS;
    router_run(routers[1], now_ns);
    assert_int_equal(flight_count, 1);
    deliver(false);
    assert_int_equal(taken_count, 1);
    assert_int_equal(taken[0].waited_ms, 35);
    assert_int_equal(taken[0].body.cancel.quantity_lots, 5);
    deliver(false); /* The answer. */
    router_run(routers[1], now_ns + 10 * ROUTER_RESEND_NS);
    assert_int_equal(flight_count, 0); /* Nothing to repeat. */
    assert_int_equal(waiting(1), 1);   /* Kept until it is executed. */
    commit(1);
    apply(1, 1);
    assert_int_equal(waiting(1), 0);
}

static void test_a_lost_frame_is_sent_again(void **state)
{
    (void)state;
    lead(1, 1);
    assert_int_equal(submit(1, 1), STATUS_OK);
    router_run(routers[1], now_ns);
    deliver(true);
    assert_int_equal(submit(1, 2), STATUS_OK);
    router_run(routers[1], now_ns);
    deliver(false); /* Number 2 without number 1: not taken. */
    assert_int_equal(taken_count, 0);
    settle();
    check_journal(1, 2);
}

static void test_a_new_leader_gets_what_is_not_in_the_journal(void **state)
{
    (void)state;
    lead(1, 1);
    for (uint64_t number = 1; number <= 6; number++) {
        assert_int_equal(submit(1, number), STATUS_OK);
    }
    router_run(routers[1], now_ns);
    deliver(false);
    commit(2);
    apply(1, 2);
    lead(3, 2); /* 3 to 6 are lost with the leader. */
    settle();
    check_journal(1, 6);
    assert_int_equal(journal_count, 6);
}

/* A leader that lost its term, and what it had taken, leads again: the old lane does not go on. */
static void test_a_lane_ends_with_its_term(void **state)
{
    (void)state;
    lead(1, 1);
    assert_int_equal(submit(1, 1), STATUS_OK);
    router_run(routers[1], now_ns);
    deliver(false);
    deliver(false);
    taken_count = 0;
    shards[0].status.term = 3; /* Site 2 has not heard of it yet. */
    assert_int_equal(submit(1, 2), STATUS_OK);
    router_run(routers[1], now_ns);
    deliver(false);
    assert_int_equal(taken_count, 0);
    lead(1, 3);
    settle();
    check_journal(1, 2);
}

/* What a former leader had taken appears after the lane to the new one began: the new one does not
 * wait for it. */
static void test_a_lane_does_not_wait_for_what_is_in_the_journal(void **state)
{
    (void)state;
    lead(1, 1);
    for (uint64_t number = 1; number <= 3; number++) {
        assert_int_equal(submit(1, number), STATUS_OK);
    }
    router_run(routers[1], now_ns);
    deliver(false);
    commit(3);
    lead(3, 2);
    router_run(routers[1], now_ns);
    while (flight_count > 0) {
        deliver(true);
    }
    apply(1, 3);
    assert_int_equal(submit(1, 4), STATUS_OK);
    settle();
    assert_int_equal(waiting(1), 0);
    check_journal(1, 4);
}

/* Its engine was replaced by a snapshot's state, in which its commands have been executed already:
 * it never sees them go by, and all the same what comes later goes on. */
static void test_after_a_snapshot_what_waits_goes_again(void **state)
{
    (void)state;
    lead(2, 1);
    for (uint64_t number = 1; number <= 5; number++) {
        assert_int_equal(submit(0, number), STATUS_OK);
    }
    router_run(routers[0], now_ns);
    while (flight_count > 0) {
        deliver(false);
    }
    commit(UINT32_MAX);
    apply(1, journal_count);
    apply(2, journal_count);
    assert_int_equal(journal_count, 5);
    shards[0].applied = journal_count;
    router_again(routers[0]);
    assert_int_equal(submit(0, 6), STATUS_OK);
    settle();
    assert_int_equal(waiting(0), 0);
    check_journal(0, 6);
}

static void test_what_is_no_command_of_that_site_is_refused(void **state)
{
    (void)state;
    lead(1, 1);
    struct command bad[4];
    for (uint32_t at = 0; at < 4; at++) {
        bad[at] = command_of(2, 1);
    }
    bad[0].site_id = 3;         /* Of another site. */
    bad[1].timestamp_ns = 5;    /* Only a leader stamps. */
    bad[2].type = COMMAND_TICK; /* And lets time pass. */
    bad[3].site_id = 0;         /* Administration has no session. */
    for (uint32_t at = 0; at < 4; at++) {
        uint8_t records[512];
        struct link_forward forward = {
            .lane = 900 + at, .first_number = 1, .record_count = 1, .records = records};
        assert_int_equal(link_wire_record_add(records, sizeof records, &forward.records_bytes,
                                              &bad[at], sizeof bad[at]),
                         STATUS_OK);
        router_forward(routers[0], 2, &forward, now_ns);
        assert_int_equal(taken_count, 0);
        deliver(true);
    }
    struct router_counts counts;
    router_counts(routers[0], &counts);
    assert_int_equal(counts.refused, 4);
}

static void test_a_full_router_pushes_back(void **state)
{
    (void)state;
    lead(1, 1);
    link_full = true;
    for (uint64_t number = 1; number <= 500; number++) {
        assert_int_equal(submit(1, number), STATUS_OK);
    }
    assert_int_equal(submit(1, 501), STATUS_FULL);
    router_run(routers[1], now_ns);
    assert_true(router_due_ns(routers[1], now_ns) < now_ns + 10 * MS);
    link_full = false;
    settle();
    check_journal(1, 500);
    assert_int_equal(submit(1, 501), STATUS_OK);
}

/* Leaders come and go, frames are lost: everything submitted is executed, in order. */
static void test_random_failures(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    uint64_t submitted[SITES] = {0};
    uint64_t term = 1;
    lead(1, term);
    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t site = (uint32_t)random_below(&random, SITES);
        now_ns += random_below(&random, 20) * MS;
        link_full = random_below(&random, 10) == 0;
        if (submit(site, submitted[site] + 1) == STATUS_OK) {
            submitted[site]++;
        }
        router_run(routers[site], now_ns);
        if (flight_count > 0 && random_below(&random, 2) == 0) {
            deliver(random_below(&random, 8) == 0);
        }
        if (random_below(&random, 3) == 0) {
            commit((uint32_t)random_below(&random, 8));
        }
        uint64_t behind = journal_count - shards[site].applied;
        apply(site, shards[site].applied + random_below(&random, behind + 1));
        if (random_below(&random, 200) == 0) {
            lead((uint8_t)(1 + random_below(&random, SITES)), ++term);
        }
        if (random_below(&random, 300) == 0) {
            shards[site].status.leader_site_id = 0; /* It has not heard of the leader for long. */
            shards[site].status.takes = false;
        }
    }
    link_full = false;
    lead(2, ++term);
    settle();
    for (uint32_t at = 0; at < SITES; at++) {
        assert_true(submitted[at] > 100);
        assert_int_equal(waiting(at), 0);
        check_journal(at, submitted[at]);
    }
}

#define router_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        router_test(test_without_a_leader_nothing_is_taken),
        router_test(test_the_leader_takes_its_own_at_once),
        router_test(test_others_forward_and_count_the_wait),
        router_test(test_a_lost_frame_is_sent_again),
        router_test(test_a_new_leader_gets_what_is_not_in_the_journal),
        router_test(test_a_lane_ends_with_its_term),
        router_test(test_a_lane_does_not_wait_for_what_is_in_the_journal),
        router_test(test_after_a_snapshot_what_waits_goes_again),
        router_test(test_what_is_no_command_of_that_site_is_refused),
        router_test(test_a_full_router_pushes_back),
        router_test(test_random_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
