/* Who is not let in, and why: bytes and sites that are not what they should be. Site 1 dials site
 * 2; where it must say something that no site would, a puppet with its key does. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/io_suite.h"
#include "tests/support/link_cluster.h"
#include "tests/support/link_puppet.h"
#include "tests/support/link_relay.h"

static int set_up_with(void **state, void (*change)(struct link_cluster_site *site))
{
    struct link_cluster *cluster = calloc(1, sizeof *cluster);
    assert_non_null(cluster);
    link_cluster_open(cluster, 2, change);
    *state = cluster;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, NULL);
}

static int tear_down(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_close(cluster);
    free(cluster);
    return 0;
}

static void introduce_both(struct link_cluster *cluster)
{
    link_cluster_introduce(cluster, 1, 2);
    link_cluster_introduce(cluster, 2, 1);
}

static void expect_never_up(struct link_cluster *cluster)
{
    assert_int_equal(link_cluster_site(cluster, 1)->ups[1], 0);
    assert_int_equal(link_cluster_site(cluster, 2)->ups[0], 0);
}

/* ---- Sites that do not belong together ---- */

static void of_another_cluster(struct link_cluster_site *site)
{
    site->options.cluster_id += site->site_id == 2 ? 1 : 0;
}

static int set_up_another_cluster(void **state)
{
    return set_up_with(state, of_another_cluster);
}

/* Counted each time, noted once a minute. */
static void test_another_cluster(void **state)
{
    struct link_cluster *cluster = *state;
    introduce_both(cluster);
    link_cluster_until_end(cluster, 2, 1, LINK_END_WRONG_CLUSTER, 5);
    link_cluster_until_end(cluster, 1, 2, LINK_END_WRONG_CLUSTER, 5);
    assert_int_equal(link_cluster_site(cluster, 1)->notes[LINK_END_WRONG_CLUSTER], 1);
    assert_int_equal(link_cluster_site(cluster, 2)->notes[LINK_END_WRONG_CLUSTER], 1);
    expect_never_up(cluster);
}

static void of_another_genesis(struct link_cluster_site *site)
{
    site->options.genesis[31] ^= site->site_id == 2 ? 1 : 0;
}

static int set_up_another_genesis(void **state)
{
    return set_up_with(state, of_another_genesis);
}

/* A configuration that somebody has edited: each refuses the other, counted, and says why. */
static void test_another_genesis(void **state)
{
    struct link_cluster *cluster = *state;
    introduce_both(cluster);
    link_cluster_until_end(cluster, 2, 1, LINK_END_WRONG_GENESIS, 3);
    link_cluster_until_end(cluster, 1, 2, LINK_END_WRONG_GENESIS, 3);
    assert_int_equal(link_cluster_site(cluster, 1)->notes[LINK_END_WRONG_GENESIS], 1);
    assert_int_equal(link_cluster_site(cluster, 2)->notes[LINK_END_WRONG_GENESIS], 1);
    assert_string_equal(link_end_text(LINK_END_WRONG_GENESIS), "wrong-genesis");
    assert_true(link_end_is_refusal(LINK_END_WRONG_GENESIS));
    assert_false(link_end_is_refusal(LINK_END_SHUTDOWN));
    expect_never_up(cluster);
}

static void of_generation_two(struct link_cluster_site *site)
{
    site->options.generation = site->site_id;
}

static int set_up_generations(void **state)
{
    return set_up_with(state, of_generation_two);
}

/* Back from the dead: the repaired site refuses it, and it learns that it was given up. */
static void test_an_old_generation(void **state)
{
    struct link_cluster *cluster = *state;
    introduce_both(cluster);
    link_cluster_until_end(cluster, 2, 1, LINK_END_OLD_GENERATION, 1);
    link_cluster_until_end(cluster, 1, 2, LINK_END_REFUSED_HERE, 1);
    assert_string_equal(link_cluster_site(cluster, 1)->last_note.text, "old-generation");
    assert_true(link_cluster_site(cluster, 1)->hellos[1].generation == 2);
    assert_int_equal(link_cluster_site(cluster, 2)->ups[0], 0);
    /* The same while connected. */
    link_set_generation(link_cluster_site(cluster, 1)->link, 2);
    link_cluster_until_connected(cluster, 1, 2, true);
    link_set_generation(link_cluster_site(cluster, 1)->link, 3);
    link_cluster_until_end(cluster, 1, 2, LINK_END_OLD_GENERATION, 2);
    link_cluster_until_connected(cluster, 1, 2, false);
}

static void test_another_incarnation(void **state)
{
    struct link_cluster *cluster = *state;
    struct link_site description;
    link_cluster_describe(cluster, 1, &description);
    description.incarnation++;
    link_set_peer(link_cluster_site(cluster, 2)->link, &description);
    link_cluster_introduce(cluster, 1, 2);
    link_cluster_until_end(cluster, 2, 1, LINK_END_WRONG_INCARNATION, 1);
    link_cluster_until_end(cluster, 1, 2, LINK_END_REFUSED_HERE, 1);
    assert_string_equal(link_cluster_site(cluster, 1)->last_note.text, "wrong-incarnation");
    assert_int_equal(link_cluster_site(cluster, 2)->ups[0], 0);
    /* Not known yet: any will do, until it is known. */
    description.incarnation = 0;
    link_set_peer(link_cluster_site(cluster, 2)->link, &description);
    link_cluster_until_connected(cluster, 1, 2, true);
    description.incarnation = link_cluster_site(cluster, 1)->options.incarnation;
    link_set_peer(link_cluster_site(cluster, 2)->link, &description);
    assert_true(link_cluster_peer(cluster, 2, 1)->connected);
    description.incarnation++;
    link_set_peer(link_cluster_site(cluster, 2)->link, &description);
    link_cluster_until_connected(cluster, 1, 2, false);
}

/* ---- Keys ---- */

static void test_a_key_that_differs(void **state)
{
    struct link_cluster *cluster = *state;
    struct link_site description;
    link_cluster_describe(cluster, 2, &description);
    description.keys[0].public_key[31] ^= 1;
    link_set_peer(link_cluster_site(cluster, 1)->link, &description);
    link_cluster_introduce(cluster, 2, 1);
    link_cluster_until_end(cluster, 1, 2, LINK_END_KEY_MISMATCH, 3);
    link_cluster_until_end(cluster, 2, 0, LINK_END_REFUSED_HERE, 3);
    assert_int_equal(link_cluster_site(cluster, 1)->notes[LINK_END_KEY_MISMATCH], 1);
    expect_never_up(cluster);
}

static void test_a_key_of_nobody(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_introduce(cluster, 1, 2);
    link_cluster_until_end(cluster, 2, 0, LINK_END_KEY_UNKNOWN, 3);
    link_cluster_until_end(cluster, 1, 2, LINK_END_REFUSED_HERE, 3);
    assert_int_equal(link_cluster_site(cluster, 2)->notes[LINK_END_KEY_UNKNOWN], 1);
    expect_never_up(cluster);
    link_cluster_introduce(cluster, 2, 1);
    link_cluster_until_connected(cluster, 1, 2, true);
}

static void test_a_key_that_has_expired(void **state)
{
    struct link_cluster *cluster = *state;
    const uint64_t hour_ns = UINT64_C(3600000000000);
    struct link_site description;
    link_cluster_describe(cluster, 1, &description);
    description.keys[0].expires_ns = io_wall_ns(link_cluster_site(cluster, 2)->io) + hour_ns;
    link_set_peer(link_cluster_site(cluster, 2)->link, &description);
    link_cluster_introduce(cluster, 1, 2);
    link_cluster_until_connected(cluster, 1, 2, true);
    cluster->wall_ahead_ns = 2 * hour_ns;
    link_cluster_until_end(cluster, 2, 1, LINK_END_KEY_EXPIRED, 1);
    link_cluster_until_end(cluster, 2, 0, LINK_END_KEY_EXPIRED, 2); /* And no more. */
    link_cluster_until_end(cluster, 1, 2, LINK_END_REFUSED_HERE, 2);
    assert_int_equal(link_cluster_site(cluster, 2)->ups[0], 1);
}

/* ---- A puppet with the key of site 1 ---- */

struct puppet_wait {
    struct link_puppet *puppet;
    bool ended;
};

static bool puppet_done(void *context)
{
    const struct puppet_wait *wait = context;
    return wait->ended ? wait->puppet->ended
                       : wait->puppet->established && wait->puppet->frames > 0;
}

static void puppet_open(struct link_cluster *cluster, struct link_puppet *puppet, uint8_t seed_byte)
{
    link_puppet_open(puppet, link_port(link_cluster_site(cluster, 2)->link), seed_byte);
    cluster->extras[0] = (struct link_cluster_extra){puppet, link_puppet_poll};
}

static void puppet_close(struct link_cluster *cluster, struct link_puppet *puppet)
{
    cluster->extras[0].poll = NULL;
    link_puppet_close(puppet);
}

static struct link_frame good_hello(struct link_cluster *cluster)
{
    const struct link_options *options = &link_cluster_site(cluster, 1)->options;
    struct link_frame frame = {.type = LINK_WIRE_HELLO,
                               .hello = {.version_min = 1,
                                         .version_max = LINK_WIRE_VERSION,
                                         .site_id = 1,
                                         .cluster_id = options->cluster_id,
                                         .incarnation = options->incarnation,
                                         .generation = 1}};
    memcpy(frame.hello.genesis, options->genesis, sizeof frame.hello.genesis);
    return frame;
}

/* Say these frames and bytes one after the other; site 2 must end it so, and say so. */
static void puppet_says(struct link_cluster *cluster, const struct link_frame *frames,
                        uint32_t frame_count, const uint8_t *bytes, uint32_t bytes_count,
                        enum link_end end)
{
    static struct link_puppet puppet;
    struct puppet_wait wait = {.puppet = &puppet};
    uint64_t before = link_cluster_peer(cluster, 2, 1)->ends[end];
    puppet_open(cluster, &puppet, 1);
    link_cluster_until(cluster, puppet_done, &wait); /* Established, HELLO received. */
    for (uint32_t at = 0; at < frame_count; at++) {
        link_puppet_say(&puppet, &frames[at]);
    }
    if (bytes_count > 0) {
        link_puppet_say_bytes(&puppet, bytes, bytes_count);
    }
    wait.ended = true;
    link_cluster_until(cluster, puppet_done, &wait);
    assert_true(link_cluster_peer(cluster, 2, 1)->ends[end] == before + 1);
    assert_int_equal(puppet.bye, end);
    assert_false(link_cluster_peer(cluster, 2, 1)->connected);
    puppet_close(cluster, &puppet);
}

static void test_wrong_words_of_a_right_key(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_introduce(cluster, 2, 1);
    struct link_frame frames[2] = {good_hello(cluster)};
    frames[0].hello.version_min = LINK_WIRE_VERSION + 1;
    frames[0].hello.version_max = LINK_WIRE_VERSION + 2;
    puppet_says(cluster, frames, 1, NULL, 0, LINK_END_WRONG_VERSION);
    frames[0] = good_hello(cluster);
    frames[0].hello.cluster_id ^= 1;
    puppet_says(cluster, frames, 1, NULL, 0, LINK_END_WRONG_CLUSTER);
    frames[0] = good_hello(cluster);
    frames[0].hello.site_id = 3;
    puppet_says(cluster, frames, 1, NULL, 0, LINK_END_WRONG_SITE);
    frames[0] = good_hello(cluster);
    frames[0].hello.incarnation ^= 1;
    puppet_says(cluster, frames, 1, NULL, 0, LINK_END_WRONG_INCARNATION);
    frames[0] = good_hello(cluster);
    frames[0].hello.generation = 0;
    puppet_says(cluster, frames, 1, NULL, 0, LINK_END_OLD_GENERATION);
    frames[0] = good_hello(cluster);
    frames[0].hello.genesis[LINK_WIRE_GENESIS_BYTES - 1] ^= 1;
    puppet_says(cluster, frames, 1, NULL, 0, LINK_END_WRONG_GENESIS);
    frames[0] = (struct link_frame){.type = LINK_WIRE_PING};
    puppet_says(cluster, frames, 1, NULL, 0, LINK_END_BAD_FRAME); /* Not a hello. */
    assert_int_equal(link_cluster_site(cluster, 2)->ups[0], 0);
}

static void test_wrong_words_after_hello(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_introduce(cluster, 2, 1);
    struct link_frame frames[2] = {good_hello(cluster), good_hello(cluster)};
    puppet_says(cluster, frames, 2, NULL, 0, LINK_END_BAD_FRAME); /* Once is enough. */
    frames[1] = (struct link_frame){.type = LINK_WIRE_PONG, .ping = {.sent_ns = UINT64_MAX}};
    puppet_says(cluster, frames, 2, NULL, 0, LINK_END_BAD_FRAME);
    frames[1] = (struct link_frame){.type = LINK_WIRE_REPLICA,
                                    .shard_id = 1,
                                    .replica.message = {.type = REPLICA_CAMPAIGN,
                                                        .from_site_id = 3,
                                                        .to_site_id = 2,
                                                        .term = 1}};
    puppet_says(cluster, frames, 2, NULL, 0, LINK_END_WRONG_SITE); /* In another's name. */
    frames[1].replica.message.from_site_id = 1;
    frames[1].replica.message.to_site_id = 3;
    puppet_says(cluster, frames, 2, NULL, 0, LINK_END_WRONG_SITE); /* To another. */
    static const uint8_t garbage[] = "these are no frames at all";
    puppet_says(cluster, frames, 1, garbage, sizeof garbage, LINK_END_WRONG_VERSION);
    static const uint8_t bad_type[8] = {0, 0, 0, 0, LINK_WIRE_VERSION, 200, 0, 0};
    puppet_says(cluster, frames, 1, bad_type, sizeof bad_type, LINK_END_BAD_FRAME);
    assert_int_equal(link_cluster_site(cluster, 2)->ups[0], 6);
    assert_int_equal(link_cluster_site(cluster, 2)->downs[0], 6);
}

/* Bytes that TLS did not write, within a session. */
static void test_forged_records(void **state)
{
    struct link_cluster *cluster = *state;
    static struct link_puppet puppet;
    struct puppet_wait wait = {.puppet = &puppet};
    link_cluster_introduce(cluster, 2, 1);
    puppet_open(cluster, &puppet, 1);
    link_cluster_until(cluster, puppet_done, &wait);
    struct link_frame hello = good_hello(cluster);
    link_puppet_say(&puppet, &hello);
    uint32_t bytes_max;
    uint8_t *room = stream_room(&puppet.stream, &bytes_max);
    static const uint8_t record[5 + 32] = {23, 3, 3, 0, 32};
    memcpy(room, record, sizeof record);
    stream_filled(&puppet.stream, sizeof record);
    stream_flush(&puppet.stream);
    link_cluster_until_end(cluster, 2, 1, LINK_END_BAD_RECORD, 1);
    assert_false(link_cluster_peer(cluster, 2, 1)->connected);
    puppet_close(cluster, &puppet);
}

/* Sites with a higher id are dialled, they do not dial; and nobody knows 77. */
static void test_strange_keys(void **state)
{
    struct link_cluster *cluster = *state;
    static struct link_puppet puppet;
    static const uint8_t seed_bytes[] = {2, 3, 77};
    link_cluster_introduce(cluster, 2, 1);
    struct link_site third;
    link_cluster_describe(cluster, 1, &third);
    uint8_t seed[TLS_KEY_BYTES];
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    memset(seed, 3, sizeof seed);
    assert_int_equal(crypto_sign_seed_keypair(third.keys[0].public_key, secret, seed), 0);
    third.site_id = 3;
    third.path_count = 0;
    link_set_peer(link_cluster_site(cluster, 2)->link, &third);
    for (uint32_t i = 0; i < sizeof seed_bytes; i++) {
        puppet_open(cluster, &puppet, seed_bytes[i]);
        link_cluster_until_end(cluster, 2, 0, LINK_END_KEY_UNKNOWN, i + 1);
        puppet_close(cluster, &puppet);
    }
    expect_never_up(cluster);
}

/* ---- Bytes without a key ---- */

static int plain(struct link_cluster *cluster)
{
    return io_suite_plain_connect(link_port(link_cluster_site(cluster, 2)->link), 0);
}

static void test_garbage(void **state)
{
    struct link_cluster *cluster = *state;
    link_cluster_join(cluster);
    for (uint32_t round = 0; round < 20; round++) {
        uint8_t bytes[2000];
        for (uint32_t at = 0; at < sizeof bytes; at++) {
            bytes[at] = (uint8_t)random_u64(&cluster->random);
        }
        /* Neither a record of SSL 2.0's handshake nor one of version 3.x: its rest would be waited
         * for, until the handshake's time is over. */
        bytes[0] &= 0x7F;
        bytes[1] |= 0x80;
        int file = plain(cluster);
        assert_int_equal(send(file, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
        link_cluster_until_end(cluster, 2, 0, LINK_END_BAD_HANDSHAKE, round + 1);
        assert_int_equal(close(file), 0);
    }
    assert_int_equal(link_cluster_site(cluster, 2)->notes[LINK_END_BAD_HANDSHAKE], 1);
    assert_true(link_cluster_peer(cluster, 2, 1)->connected);
    assert_int_equal(link_cluster_peer(cluster, 2, 1)->connects, 1);
    assert_true(link_cluster_strangers(cluster, 2)->bytes_in >= 20);
}

/* All that site 1 said in a session, said again. */
static void test_a_recorded_session(void **state)
{
    struct link_cluster *cluster = *state;
    static struct link_relay relay;
    link_relay_open(&relay, link_port(link_cluster_site(cluster, 2)->link));
    cluster->extras[0] = (struct link_cluster_extra){&relay, link_relay_poll};
    struct link_site description;
    link_cluster_describe(cluster, 2, &description);
    (void)snprintf(description.paths[0], sizeof description.paths[0], "127.0.0.1:%u", relay.port);
    link_set_peer(link_cluster_site(cluster, 1)->link, &description);
    link_cluster_introduce(cluster, 2, 1);
    link_cluster_until_connected(cluster, 1, 2, true);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(link_cluster_send(cluster, 1, 2, LINK_CONSENSUS, 2048), STATUS_OK);
    }
    link_cluster_until_arrived(cluster);
    link_close_peer(link_cluster_site(cluster, 1)->link, 2);
    link_cluster_until_connected(cluster, 1, 2, false);
    uint64_t frames_before = link_cluster_peer(cluster, 2, 1)->frames_in[LINK_WIRE_REPLICA];
    assert_true(frames_before == 10);
    assert_true(relay.recorded_bytes > 1000);
    int file = plain(cluster);
    assert_int_equal(send(file, relay.recorded, relay.recorded_bytes, MSG_NOSIGNAL),
                     relay.recorded_bytes);
    link_cluster_until_end(cluster, 2, 0, LINK_END_BAD_HANDSHAKE, 1);
    assert_int_equal(close(file), 0);
    assert_int_equal(link_cluster_site(cluster, 2)->ups[0], 1);
    assert_true(link_cluster_peer(cluster, 2, 1)->frames_in[LINK_WIRE_REPLICA] == frames_before);
    cluster->extras[0].poll = NULL;
    link_relay_close(&relay);
}

static void hurried(struct link_cluster_site *site)
{
    site->options.handshake_ns = site->site_id == 2 ? 20000000 : site->options.handshake_ns;
}

static int set_up_hurried(void **state)
{
    return set_up_with(state, hurried);
}

static bool is_closed(void *context)
{
    uint8_t byte;
    return recv(*(const int *)context, &byte, 1, MSG_DONTWAIT) == 0;
}

static void test_those_who_say_nothing(void **state)
{
    struct link_cluster *cluster = *state;
    int file = plain(cluster);
    link_cluster_until_end(cluster, 2, 0, LINK_END_HANDSHAKE_TIMEOUT, 1);
    link_cluster_until(cluster, is_closed, &file);
    assert_int_equal(close(file), 0);
}

/* A crowd that says nothing does not keep a site out. */
static void test_a_crowd(void **state)
{
    struct link_cluster *cluster = *state;
    int files[3 * LINK_STRANGERS_MAX];
    const uint32_t count = 3 * LINK_STRANGERS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        files[i] = plain(cluster);
        link_cluster_turn(cluster);
    }
    link_cluster_until_end(cluster, 2, 0, LINK_END_STRANGERS, count - LINK_STRANGERS_MAX);
    link_cluster_join(cluster);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(close(files[i]), 0);
    }
    link_cluster_until_end(cluster, 2, 0, LINK_END_PEER_CLOSED, LINK_STRANGERS_MAX - 1);
    assert_true(link_cluster_peer(cluster, 1, 2)->connected);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_another_cluster, set_up_another_cluster, tear_down),
        cmocka_unit_test_setup_teardown(test_another_genesis, set_up_another_genesis, tear_down),
        cmocka_unit_test_setup_teardown(test_an_old_generation, set_up_generations, tear_down),
        TEST(test_another_incarnation),
        TEST(test_a_key_that_differs),
        TEST(test_a_key_of_nobody),
        TEST(test_a_key_that_has_expired),
        TEST(test_wrong_words_of_a_right_key),
        TEST(test_wrong_words_after_hello),
        TEST(test_forged_records),
        TEST(test_strange_keys),
        TEST(test_garbage),
        TEST(test_a_recorded_session),
        cmocka_unit_test_setup_teardown(test_those_who_say_nothing, set_up_hurried, tear_down),
        TEST(test_a_crowd),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
