#include "replication/link.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/asserts.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/link_cluster.h"

static int set_up_with(void **state, uint32_t count, void (*change)(struct link_cluster_site *site))
{
    struct link_cluster *cluster = calloc(1, sizeof *cluster);
    assert_non_null(cluster);
    link_cluster_open(cluster, count, change);
    *state = cluster;
    return 0;
}

static int set_up_two(void **state)
{
    return set_up_with(state, 2, NULL);
}

static int set_up_three(void **state)
{
    return set_up_with(state, 3, NULL);
}

static int tear_down(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_close(cluster);
    free(cluster);
    return 0;
}

static void test_sites_meet(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_join(cluster);
    for (uint8_t one = 1; one <= 3; one++) {
        for (uint8_t other = 1; other <= 3; other++) {
            const struct link_peer_counts *peer = link_cluster_peer(cluster, one, other);
            if (one == other) {
                assert_false(peer->connected);
                continue;
            }
            const struct link_hello *hello = &link_cluster_site(cluster, one)->hellos[other - 1];
            assert_int_equal(hello->site_id, other);
            assert_true(hello->incarnation == 100u + other);
            assert_true(hello->generation == 1);
            assert_int_equal(hello->rules_version_max, 10u + other);
            assert_string_equal(hello->listen, "127.0.0.1:0");
            assert_int_equal(peer->connects, 1);
            assert_true(peer->paths[0].up);
            assert_true(peer->paths[0].best);
        }
    }
    assert_int_equal(link_cluster_strangers(cluster, 3)->accepted, 2);
    assert_int_equal(link_cluster_strangers(cluster, 1)->accepted, 0);
}

/* Everybody sends to everybody, all classes, frames of all sizes, for many turns. */
static void test_exchange_under_load(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_join(cluster);
    uint64_t sent[LINK_PRIORITY_COUNT] = {0};
    for (uint32_t round = 0; round < 3000; round++) {
        uint8_t from = (uint8_t)(1 + random_below(&cluster->random, 3));
        uint8_t to = (uint8_t)(from % 3 + 1);
        to = random_below(&cluster->random, 2) == 0 ? to : (uint8_t)(to % 3 + 1);
        enum link_priority class = (enum link_priority)random_below(&cluster->random, 3);
        uint32_t payload_bytes = random_below(&cluster->random, 30) == 0 ? 1u << 20 : 4096;
        enum status status = link_cluster_send(cluster, from, to, class, payload_bytes);
        assert_true(status == STATUS_OK || status == STATUS_FULL);
        sent[class] += status == STATUS_OK ? 1 : 0;
        if (random_below(&cluster->random, 8) == 0) {
            link_cluster_turn(cluster);
        }
    }
    link_cluster_until_arrived(cluster);
    uint64_t out[LINK_PRIORITY_COUNT] = {0};
    for (uint8_t one = 1; one <= 3; one++) {
        for (uint8_t other = 1; other <= 3; other++) {
            const struct link_peer_counts *peer = link_cluster_peer(cluster, one, other);
            uint64_t bytes_out = 0;
            for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
                out[class] += peer->frames_out[class];
                bytes_out += peer->bytes_out[class];
                assert_int_equal(peer->queued_bytes[class], 0);
            }
            uint64_t bytes_in = 0;
            const struct link_peer_counts *back = link_cluster_peer(cluster, other, one);
            for (uint32_t type = LINK_WIRE_REPLICA; type < LINK_WIRE_PING; type++) {
                bytes_in += back->bytes_in[type];
            }
            bytes_in += back->bytes_in[LINK_WIRE_NEWS];
            assert_true(bytes_in == bytes_out);
            assert_true(peer->wire_bytes_out >= bytes_out);
        }
    }
    assert_memory_equal(out, sent, sizeof sent);
    for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
        assert_true(sent[class] > 500);
    }
}

/* What is known of a peer does not change what others hear; nobody is spoken to but peers. */
static void test_only_peers_are_spoken_to(void **state)
{
    struct link_cluster *cluster = *state;
    assert_int_equal(link_cluster_send(cluster, 1, 2, LINK_CONSENSUS, 1024), STATUS_NOT_FOUND);
    link_cluster_introduce(cluster, 1, 2);
    assert_int_equal(link_cluster_send(cluster, 1, 2, LINK_CONSENSUS, 1024), STATUS_CLOSED);
    struct link *link = link_cluster_site(cluster, 1)->link;
    assert_int_equal(link_room(link, 2, LINK_BULK), 0);
    assert_int_equal(link_cluster_peer(cluster, 1, 2)->dropped[LINK_CONSENSUS], 1);
    link_cluster_join(cluster);
    assert_true(link_room(link, 2, LINK_BULK) >= LINK_WIRE_SEGMENTS_BYTES_MAX);
    assert_int_equal(link_cluster_send(cluster, 1, 2, LINK_CONSENSUS, 1024), STATUS_OK);
    link_cluster_until_arrived(cluster);
}

/* Removed, added again, with another key, with two: while others go on. */
static void test_peers_change_at_run_time(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_join(cluster);
    struct link *one = link_cluster_site(cluster, 1)->link;
    link_close_peer(one, 2);
    link_close_peer(one, 2); /* No such any more. */
    assert_int_equal(link_cluster_site(cluster, 1)->downs[1], 1);
    link_cluster_until_connected(cluster, 1, 2, false);
    assert_true(link_cluster_peer(cluster, 1, 3)->connected);
    link_cluster_introduce(cluster, 1, 2);
    link_cluster_until_connected(cluster, 1, 2, true);
    /* Site 2's key is replaced by nobody's: the connection goes, and none comes. */
    struct link_site description;
    link_cluster_describe(cluster, 2, &description);
    description.keys[0].public_key[5] ^= 1;
    link_set_peer(one, &description);
    link_cluster_until_connected(cluster, 1, 2, false);
    link_cluster_until_end(cluster, 1, 2, LINK_END_KEY_MISMATCH, 2);
    /* A second key, the right one. */
    struct link_site both;
    link_cluster_describe(cluster, 2, &both);
    both.keys[1] = both.keys[0];
    both.keys[0] = description.keys[0];
    both.key_count = 2;
    link_set_peer(one, &both);
    link_cluster_until_connected(cluster, 1, 2, true);
    /* The same words again change nothing. */
    uint64_t connects = link_cluster_peer(cluster, 1, 2)->connects;
    link_set_peer(one, &both);
    link_cluster_turn(cluster);
    assert_true(link_cluster_peer(cluster, 1, 2)->connected);
    assert_int_equal(link_cluster_peer(cluster, 1, 2)->connects, connects);
    assert_int_equal(link_cluster_send(cluster, 1, 2, LINK_CONSENSUS, 1024), STATUS_OK);
    assert_int_equal(link_cluster_send(cluster, 3, 1, LINK_CONSENSUS, 1024), STATUS_OK);
    link_cluster_until_arrived(cluster);
}

/* A site that takes nothing: its queue fills to its bound, no other is slower, and when it goes on
 * it gets all that was taken for it. */
static void patient(struct link_cluster_site *site)
{
    site->options.silence_ns = UINT64_C(3600000000000);
    for (uint32_t class = 0; class < LINK_PRIORITY_COUNT; class ++) {
        site->options.queue_bytes[class] = LINK_QUEUE_BYTES_MIN;
    }
}

static int set_up_patient(void **state)
{
    return set_up_with(state, 3, patient);
}

static void test_a_slow_receiver_slows_nobody(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_join(cluster);
    link_cluster_site(cluster, 2)->stopped = true;
    uint32_t full = 0;
    uint64_t bytes_before = link_cluster_peer(cluster, 1, 2)->wire_bytes_out;
    while (full < 100) {
        enum status status = link_cluster_send(cluster, 1, 2, LINK_CONSENSUS, 1u << 18);
        assert_true(status == STATUS_OK || status == STATUS_FULL);
        full = status == STATUS_FULL ? full + 1 : 0;
        assert_int_equal(link_cluster_send(cluster, 1, 3, LINK_CONSENSUS, 1024), STATUS_OK);
        link_cluster_turn(cluster);
    }
    const struct link_peer_counts *two = link_cluster_peer(cluster, 1, 2);
    assert_true(two->queued_bytes[LINK_CONSENSUS] <= LINK_QUEUE_BYTES_MIN);
    assert_true(two->dropped[LINK_CONSENSUS] >= 100);
    assert_true(two->wire_bytes_out > bytes_before);
    assert_true(two->connected);
    /* Site 3 has got everything meanwhile, but for the last turns. */
    struct link_cluster_flight *flight = &link_cluster_site(cluster, 3)->flights[0][LINK_CONSENSUS];
    while (flight->received < flight->sent) {
        link_cluster_turn(cluster);
    }
    link_cluster_site(cluster, 2)->stopped = false;
    link_cluster_until_arrived(cluster);
    assert_true(link_cluster_peer(cluster, 1, 2)->connected);
    assert_int_equal(link_cluster_peer(cluster, 1, 2)->connects, 1);
}

/* Bulk keeps to its bytes a second, and what is urgent passes it. */
static void paced(struct link_cluster_site *site)
{
    site->options.bulk_bytes_a_second = 4u << 20;
}

static int set_up_paced(void **state)
{
    return set_up_with(state, 2, paced);
}

static void test_bulk_is_paced_and_passed(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_join(cluster);
    struct link_cluster_site *two = link_cluster_site(cluster, 2);
    struct io *io = link_cluster_site(cluster, 1)->io;
    io_now_refresh(io);
    uint64_t start_ns = io_now_ns(io);
    uint64_t bytes_start = link_cluster_peer(cluster, 1, 2)->bytes_out[LINK_BULK];
    uint32_t queued = 0;
    while (link_cluster_send(cluster, 1, 2, LINK_BULK, 1u << 16) == STATUS_OK) {
        queued++;
    }
    assert_true(queued > 10);
    for (uint32_t round = 0; round < 20; round++) {
        /* One urgent frame at a time, each there before the bulk is. */
        assert_int_equal(link_cluster_send(cluster, 1, 2, LINK_CONSENSUS, 2048), STATUS_OK);
        struct link_cluster_flight *flight = &two->flights[0][LINK_CONSENSUS];
        while (flight->received < flight->sent) {
            link_cluster_turn(cluster);
        }
    }
    assert_true(two->flights[0][LINK_BULK].received < queued);
    while (two->flights[0][LINK_BULK].received < queued) {
        link_cluster_turn(cluster);
        io_now_refresh(io);
        uint64_t passed_ns = io_now_ns(io) - start_ns;
        uint64_t bytes = link_cluster_peer(cluster, 1, 2)->bytes_out[LINK_BULK] - bytes_start;
        /* A burst and one frame more than the rate allows, at most. */
        assert_true(bytes <= (4u << 20) * passed_ns / 1000000000 + (4u << 20) / 50 + (1u << 17));
    }
    link_cluster_until_arrived(cluster);
}

static bool all_quiet(void *context)
{
    struct link_cluster *cluster = context;
    return link_is_quiet(link_cluster_site(cluster, 1)->link) &&
           link_is_quiet(link_cluster_site(cluster, 2)->link);
}

static void test_shut_down_says_goodbye(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_join(cluster);
    assert_int_equal(link_cluster_send(cluster, 1, 2, LINK_CONSENSUS, 1024), STATUS_OK);
    link_cluster_turn(cluster);
    link_cluster_until_arrived(cluster);
    link_shut_down(link_cluster_site(cluster, 2)->link);
    link_cluster_until_end(cluster, 1, 2, LINK_END_PEER_CLOSED, 1);
    assert_string_equal(link_cluster_site(cluster, 1)->last_note.text, "shutdown");
    link_cluster_until_end(cluster, 1, 2, LINK_END_UNREACHABLE, 1); /* It does not listen. */
    link_shut_down(link_cluster_site(cluster, 1)->link);
    link_cluster_until(cluster, all_quiet, cluster);
    assert_int_equal(link_cluster_site(cluster, 1)->downs[1], 1);
}

/* A site that was asleep for long does not take the others for silent. */
static void hasty(struct link_cluster_site *site)
{
    site->options.heartbeat_ns = UINT64_C(20000000);
    site->options.silence_ns = UINT64_C(60000000);
}

static int set_up_hasty(void **state)
{
    return set_up_with(state, 2, hasty);
}

static void test_a_sleeper_judges_nobody(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_join(cluster);
    struct link_cluster_site *one = link_cluster_site(cluster, 1);
    struct link_cluster_site *two = link_cluster_site(cluster, 2);
    one->stopped = true;
    two->stopped = true;
    io_now_refresh(one->io);
    uint64_t until_ns = io_now_ns(one->io) + 2 * one->options.silence_ns;
    while (io_now_ns(one->io) < until_ns) {
        io_now_refresh(one->io);
    }
    one->stopped = false;
    two->stopped = false;
    for (uint32_t turn = 0; turn < 50; turn++) {
        link_cluster_turn(cluster);
    }
    assert_int_equal(link_cluster_peer(cluster, 1, 2)->ends[LINK_END_SILENT], 0);
    assert_int_equal(link_cluster_peer(cluster, 2, 1)->ends[LINK_END_SILENT], 0);
    assert_int_equal(link_cluster_peer(cluster, 1, 2)->connects, 1);
    /* But one that stays silent is noticed. */
    two->stopped = true;
    link_cluster_until_end(cluster, 1, 2, LINK_END_SILENT, 1);
    two->stopped = false;
    link_cluster_until_connected(cluster, 1, 2, true);
}

static void send_own_frame(void *argument)
{
    struct link_frame frame = {.type = LINK_WIRE_PING};
    enum status status = link_send(argument, 2, LINK_CONSENSUS, &frame);
    (void)status;
}

static void test_wrong_use_stops(void **state)
{
    struct link_cluster *cluster = *state;
    assert_true(asserts_stop(send_own_frame, link_cluster_site(cluster, 1)->link));
    char reason[LINK_TEXT_BYTES];
    struct link *link = NULL;
    struct link_options options = link_cluster_site(cluster, 1)->options;
    options.listen = "nowhere";
    assert_int_equal(link_create(&link, &options, reason), STATUS_BAD_ARGUMENT);
    assert_null(link);
    assert_non_null(strstr(reason, "nowhere"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sites_meet, set_up_three, tear_down),
        cmocka_unit_test_setup_teardown(test_exchange_under_load, set_up_three, tear_down),
        cmocka_unit_test_setup_teardown(test_only_peers_are_spoken_to, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(test_peers_change_at_run_time, set_up_three, tear_down),
        cmocka_unit_test_setup_teardown(test_a_slow_receiver_slows_nobody, set_up_patient,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_bulk_is_paced_and_passed, set_up_paced, tear_down),
        cmocka_unit_test_setup_teardown(test_shut_down_says_goodbye, set_up_two, tear_down),
        cmocka_unit_test_setup_teardown(test_a_sleeper_judges_nobody, set_up_hasty, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_use_stops, set_up_two, tear_down),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
