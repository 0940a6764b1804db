/* Doors as a client sees them: a real process, real sockets, a client made of socket calls alone.
 */
#include "gateway/door.h"

#include <stdio.h>
#include <string.h>

#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/site_process.h"
#include "tests/support/soup_client.h"
#include "tests/support/test_market.h"

static char directory[TEST_PATH_BYTES];
static struct site_process site;
static struct soup_client alice;
static struct soup_client bob;

static int start(void **state)
{
    (void)state;
    test_paths_make(directory, "door_test");
    site_process_init(&site, directory);
    int status = 0;
    assert_true(site_process_start(&site, &status));
    test_market_apply(&site);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    int status = site_process_stop(&site);
    if (status != 0) {
        (void)fprintf(stderr, "causewayd ended with %d; its log: %s\n", status, site.log);
        return -1;
    }
    test_paths_remove(directory);
    return 0;
}

static void join(struct soup_client *client, const char *user, uint64_t sequence)
{
    soup_client_join(client, site.ouch_port, user, TEST_MARKET_PASSWORD, sequence);
}

/* Everything of a session's stream from number 1, as one string of bytes. */
static size_t whole_stream(const char *user, uint8_t *target, size_t target_bytes, uint64_t until)
{
    static struct soup_client client;
    join(&client, user, 1);
    size_t used = 0;
    while (client.next_sequence < until) {
        struct soup_packet packet;
        assert_true(soup_client_receive(&client, &packet));
        assert_int_equal(packet.type, 'S');
        assert_true(used + packet.payload_bytes + 1 <= target_bytes);
        memcpy(target + used, packet.payload, packet.payload_bytes);
        used += packet.payload_bytes;
        client.next_sequence++;
    }
    soup_client_close(&client);
    return used;
}

static void test_an_order_and_a_trade(void **state)
{
    (void)state;
    join(&alice, "ALICE", 1);
    join(&bob, "BOB", 1);
    assert_int_equal(alice.generation, 1);
    (void)soup_client_expect(&alice, 'S'); /* Start of day. */
    (void)soup_client_expect(&bob, 'S');

    soup_client_order(&alice, 1, 'B', 100, "TEST", 1000000, '0');
    struct soup_packet accepted = soup_client_expect(&alice, 'A');
    assert_int_equal(accepted.payload_bytes, 64);
    assert_int_equal(bytes_load_be32(accepted.payload + 9), 1);
    assert_int_equal(accepted.payload[13], 'B');
    assert_int_equal(bytes_load_be32(accepted.payload + 14), 100);
    assert_memory_equal(accepted.payload + 18, "TEST    ", 8);
    assert_true(bytes_load_be64(accepted.payload + 26) == 1000000);
    assert_int_equal(accepted.payload[47], 'L');

    soup_client_order(&bob, 1, 'S', 40, "TEST", 990000, '3');
    (void)soup_client_expect(&bob, 'A');
    struct soup_packet taken = soup_client_expect(&bob, 'E');
    assert_int_equal(bytes_load_be32(taken.payload + 13), 40);
    assert_true(bytes_load_be64(taken.payload + 17) == 1000000);
    assert_int_equal(taken.payload[25], 'R');
    uint64_t match_number = bytes_load_be64(taken.payload + 26);
    struct soup_packet made = soup_client_expect(&alice, 'E');
    assert_int_equal(bytes_load_be32(made.payload + 13), 40);
    assert_int_equal(made.payload[25], 'A');
    assert_true(bytes_load_be64(made.payload + 26) == match_number);

    soup_client_cancel(&alice, 1, 0);
    struct soup_packet canceled = soup_client_expect(&alice, 'C');
    assert_int_equal(bytes_load_be32(canceled.payload + 13), 60);
    assert_int_equal(canceled.payload[17], 'U');
    soup_client_close(&alice);
    soup_client_close(&bob);
}

static void test_a_retransmission_is_not_executed_again(void **state)
{
    (void)state;
    join(&alice, "CAROL", 1);
    (void)soup_client_expect(&alice, 'S');
    soup_client_order(&alice, 5, 'B', 10, "TEST", 500000, '0');
    (void)soup_client_expect(&alice, 'A');
    soup_client_order(&alice, 5, 'B', 10, "TEST", 500000, '0');
    soup_client_order(&alice, 4, 'B', 10, "TEST", 500000, '0');
    soup_client_order(&alice, 6, 'B', 10, "TEST", 500000, '0');
    struct soup_packet next = soup_client_expect(&alice, 'A');
    assert_int_equal(bytes_load_be32(next.payload + 9), 6);
    soup_client_close(&alice);

    /* Also not over a new connection: the stream holds the one answer. */
    join(&alice, "CAROL", alice.next_sequence);
    soup_client_order(&alice, 6, 'B', 10, "TEST", 500000, '0');
    soup_client_order(&alice, 7, 'B', 10, "NONE", 500000, '0');
    struct soup_packet rejected = soup_client_expect(&alice, 'J');
    assert_int_equal(bytes_load_be32(rejected.payload + 9), 7);
    assert_int_equal(bytes_load_be16(rejected.payload + 13), 0x17);
    soup_client_close(&alice);
}

static void test_replay_gives_the_same_bytes_from_any_number(void **state)
{
    (void)state;
    static uint8_t first[1 << 16];
    static uint8_t second[1 << 16];
    join(&alice, "DAVE", 0);
    assert_int_equal(alice.next_sequence, 2);
    for (uint32_t i = 1; i <= 300; i++) {
        soup_client_order(&alice, i, 'B', i, "TEST", 100000 + i * 100, '0');
    }
    for (uint32_t i = 1; i <= 300; i++) {
        (void)soup_client_expect(&alice, 'A');
    }
    uint64_t next = alice.next_sequence;
    assert_int_equal(next, 302);
    soup_client_close(&alice);
    size_t bytes = whole_stream("DAVE", first, sizeof first, next);
    assert_true(bytes > 300 * 64);

    join(&alice, "DAVE", 150);
    struct soup_packet packet = soup_client_expect(&alice, 'A');
    assert_int_equal(bytes_load_be32(packet.payload + 9), 149);
    soup_client_close(&alice);

    /* And after the process has been killed. */
    site_process_kill(&site);
    int status = 0;
    assert_true(site_process_start(&site, &status));
    assert_int_equal(whole_stream("DAVE", second, sizeof second, next), bytes);
    assert_memory_equal(first, second, bytes);
}

static void test_a_second_logon_takes_the_session_over(void **state)
{
    (void)state;
    join(&alice, "ERIN", 1);
    (void)soup_client_expect(&alice, 'S');
    join(&bob, "ERIN", 2);
    struct soup_packet packet;
    assert_false(soup_client_receive(&alice, &packet)); /* The former connection ends. */
    soup_client_order(&bob, 1, 'B', 1, "TEST", 101, '0');
    struct soup_packet accepted = soup_client_expect(&bob, 'J'); /* Off tick, but answered. */
    assert_int_equal(bytes_load_be32(accepted.payload + 9), 1);
    soup_client_close(&alice);
    soup_client_close(&bob);
    assert_true(site_process_logged(&site, "reason=replaced"));
}

static void expect_login_rejected(const char *user, const char *password, const char *session,
                                  uint64_t sequence, char reason)
{
    soup_client_connect(&alice, site.ouch_port);
    soup_client_login(&alice, user, password, session, sequence);
    struct soup_packet packet;
    assert_true(soup_client_receive(&alice, &packet));
    assert_int_equal(packet.type, 'J');
    assert_int_equal(packet.payload_bytes, 1);
    assert_int_equal(packet.payload[0], reason);
    assert_false(soup_client_receive(&alice, &packet));
    soup_client_close(&alice);
}

static void test_logins_refused(void **state)
{
    (void)state;
    expect_login_rejected("NOBODY", TEST_MARKET_PASSWORD, NULL, 1, 'A');
    expect_login_rejected("FRANK", "wrong", NULL, 1, 'A');
    expect_login_rejected("FRANK", TEST_MARKET_PASSWORD, "7", 1, 'S');
    expect_login_rejected("FRANK", TEST_MARKET_PASSWORD, "ABC", 1, 'S');
    expect_login_rejected("FRANK", TEST_MARKET_PASSWORD, NULL, 1000, 'S');
    join(&alice, "FRANK", 1); /* And the right one is let in. */
    (void)soup_client_expect(&alice, 'S');
    soup_client_close(&alice);
}

static void expect_disconnect(const void *bytes, size_t count, bool logged_in, const char *reason)
{
    if (logged_in) {
        join(&alice, "GRACE", 0);
    } else {
        soup_client_connect(&alice, site.ouch_port);
    }
    soup_client_send(&alice, bytes, count);
    struct soup_packet packet;
    assert_false(soup_client_receive(&alice, &packet));
    soup_client_close(&alice);
    if (logged_in) {
        assert_true(site_process_logged(&site, reason));
    }
}

static void test_rubbish_ends_the_connection_and_nothing_else(void **state)
{
    (void)state;
    join(&bob, "HEIDI", 0);
    uint8_t long_packet[1024] = {0x03, 0xFD, 'U'};
    expect_disconnect("\0\0", 2, true, "reason=bad-packet");
    expect_disconnect("\0\1q", 3, true, "reason=bad-packet");
    expect_disconnect(long_packet, sizeof long_packet, true, "reason=bad-packet");
    expect_disconnect("\0\3UZZ", 5, true, "reason=bad-message");
    expect_disconnect("\0\1U", 3, true, "reason=bad-message");
    expect_disconnect("\0\024UC\0\0\0\1FIRM        \0\0", 22, true, "reason=not-served");
    expect_disconnect("\0\1U", 3, false, NULL); /* Before any login. */
    expect_disconnect("GET / HTTP/1.1\r\n\r\n", 18, false, NULL);
    expect_disconnect("\0\3Lab", 5, false, NULL);
    soup_client_order(&bob, 1, 'B', 1, "TEST", 500000, '0');
    (void)soup_client_expect(&bob, 'A');
    soup_client_close(&bob);
}

static void test_bytes_one_by_one_and_all_at_once(void **state)
{
    (void)state;
    join(&alice, "IVAN", 0);
    static uint8_t many[50 * 300];
    size_t bytes = 0;
    for (uint32_t i = 1; i <= 300; i++) {
        uint8_t *packet = many + bytes;
        memset(packet, ' ', 50);
        packet[0] = 0;
        packet[1] = 48;
        packet[2] = 'U';
        packet[3] = 'O';
        bytes_store_be32(packet + 4, i);
        packet[8] = 'S';
        bytes_store_be32(packet + 9, 1);
        memcpy(packet + 13, "TEST", 4);
        bytes_store_be64(packet + 21, 9000000);
        memcpy(packet + 29, "0YANN", 5);
        bytes_store_be16(packet + 48, 0);
        bytes += 50;
    }
    for (size_t i = 0; i < 150; i++) {
        soup_client_send(&alice, many + i, 1); /* Three messages, byte by byte. */
    }
    soup_client_send(&alice, many + 150, 1000);
    soup_client_send(&alice, many + 1150, bytes - 1150);
    for (uint32_t i = 1; i <= 300; i++) {
        struct soup_packet accepted = soup_client_expect(&alice, 'A');
        assert_int_equal(bytes_load_be32(accepted.payload + 9), i);
    }
    soup_client_close(&alice);
}

static void test_a_silent_server_sends_heartbeats(void **state)
{
    (void)state;
    soup_client_connect(&alice, site.ouch_port);
    soup_client_login(&alice, "JUDY", TEST_MARKET_PASSWORD, NULL, 0);
    struct soup_packet packet;
    assert_true(soup_client_receive(&alice, &packet));
    /* soup_client_receive() passes heartbeats over: read the raw bytes of the next packet. */
    soup_client_packet(&alice, 'R', NULL, 0);
    uint8_t raw[3];
    assert_true(soup_client_raw(&alice, raw, sizeof raw));
    assert_memory_equal(raw, "\0\1H", 3);
    soup_client_packet(&alice, 'O', NULL, 0);
    assert_false(soup_client_receive(&alice, &packet));
    soup_client_close(&alice);
    assert_true(site_process_logged(&site, "reason=logout"));
}

/* An operator rolls the session's generation: the client gets all that is left, then End of
 * Session; the next generation starts at number 1 and the former one is not available. Open orders
 * stay. */
static void test_the_end_of_a_session(void **state)
{
    (void)state;
    join(&alice, "BOB", 0);
    soup_client_order(&alice, 100, 'B', 7, "TEST", 400000, '0');
    struct soup_packet packet = soup_client_expect(&alice, 'A');
    assert_int_equal(test_market_command(&site, "session_end", 1, "{\"name\":\"BOB\"}"), 200);
    packet = soup_client_expect(&alice, 'S');
    assert_int_equal(packet.payload[9], 'E');
    assert_true(soup_client_receive(&alice, &packet));
    assert_int_equal(packet.type, 'Z');
    assert_false(soup_client_receive(&alice, &packet));
    soup_client_close(&alice);
    expect_login_rejected("BOB", TEST_MARKET_PASSWORD, "1", 1, 'S');
    join(&alice, "BOB", 1);
    assert_int_equal(alice.generation, 2);
    packet = soup_client_expect(&alice, 'S');
    assert_int_equal(packet.payload[9], 'S');
    soup_client_cancel(&alice, 100, 0);
    packet = soup_client_expect(&alice, 'C');
    assert_int_equal(bytes_load_be32(packet.payload + 13), 7);
    soup_client_close(&alice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_order_and_a_trade),
        cmocka_unit_test(test_a_retransmission_is_not_executed_again),
        cmocka_unit_test(test_replay_gives_the_same_bytes_from_any_number),
        cmocka_unit_test(test_a_second_logon_takes_the_session_over),
        cmocka_unit_test(test_logins_refused),
        cmocka_unit_test(test_rubbish_ends_the_connection_and_nothing_else),
        cmocka_unit_test(test_bytes_one_by_one_and_all_at_once),
        cmocka_unit_test(test_a_silent_server_sends_heartbeats),
        cmocka_unit_test(test_the_end_of_a_session),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
