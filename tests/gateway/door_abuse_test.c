/* Doors under hostile and unlucky clients: a real process, real sockets. After each abuse the site
 * still serves, and nobody has lost a message or a place. */
#include "gateway/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/site_process.h"
#include "tests/support/soup_client.h"
#include "tests/support/test_market.h"

#define FAR_BEHIND_ORDERS 60000u /* Two messages each: more than two sockets' buffers take. */
#define ORDER_BYTES       50u

static char directory[TEST_PATH_BYTES];
static struct site_process site;
static struct soup_client alice;
static struct soup_client bob;

static int start(void **state)
{
    (void)state;
    test_paths_make(directory, "door_abuse_test");
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

/* Send `count` buy orders from `reference` on that never trade: '3' is canceled at once, '0' stays.
 */
static void send_orders(struct soup_client *client, uint32_t reference, uint32_t count,
                        char time_in_force)
{
    size_t bytes = (size_t)count * ORDER_BYTES;
    uint8_t *many = malloc(bytes);
    assert_non_null(many);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *packet = many + (size_t)i * ORDER_BYTES;
        memset(packet, ' ', ORDER_BYTES);
        bytes_store_be16(packet, ORDER_BYTES - 2);
        packet[2] = 'U';
        packet[3] = 'O';
        bytes_store_be32(packet + 4, reference + i);
        packet[8] = 'B';
        bytes_store_be32(packet + 9, 1);
        memcpy(packet + 13, "TEST", 4);
        bytes_store_be64(packet + 21, 10000);
        packet[29] = (uint8_t)time_in_force;
        memcpy(packet + 30, "YANN", 4);
        bytes_store_be16(packet + 48, 0);
    }
    soup_client_send(client, many, bytes);
    free(many);
}

/* The answers to send_orders(), each once and in order. */
static void expect_orders(struct soup_client *client, uint32_t reference, uint32_t count,
                          char time_in_force)
{
    for (uint32_t i = 0; i < count; i++) {
        struct soup_packet packet = soup_client_expect(client, 'A');
        assert_int_equal(bytes_load_be32(packet.payload + 9), reference + i);
        if (time_in_force == '3') {
            packet = soup_client_expect(client, 'C');
            assert_int_equal(bytes_load_be32(packet.payload + 9), reference + i);
        }
    }
}

static void expect_serving(void)
{
    join(&bob, "JUDY", 0);
    soup_client_packet(&bob, 'O', NULL, 0);
    struct soup_packet packet;
    assert_false(soup_client_receive(&bob, &packet));
    soup_client_close(&bob);
}

static void expect_end(struct soup_client *client)
{
    struct soup_packet packet = soup_client_expect(client, 'S');
    assert_int_equal(packet.payload[9], 'E');
    assert_true(soup_client_receive(client, &packet));
    assert_int_equal(packet.type, 'Z');
    assert_false(soup_client_receive(client, &packet));
    soup_client_close(client);
}

static void test_a_session_ends_while_its_client_is_far_behind(void **state)
{
    (void)state;
    join(&alice, "ALICE", 1);
    (void)soup_client_expect(&alice, 'S');
    send_orders(&alice, 1, FAR_BEHIND_ORDERS, '3');
    expect_orders(&alice, 1, FAR_BEHIND_ORDERS, '3');
    soup_client_close(&alice);
    join(&alice, "ALICE", 1); /* Behind by all of it, and does not read. */
    assert_int_equal(test_market_command(&site, "session_end", 1, "{\"name\":\"ALICE\"}"), 200);
    join(&bob, "ALICE", 1); /* The next generation is open to others at once. */
    assert_int_equal(bob.generation, 2);
    (void)soup_client_expect(&bob, 'S');
    send_orders(&bob, FAR_BEHIND_ORDERS + 1, 10, '3');
    expect_orders(&bob, FAR_BEHIND_ORDERS + 1, 10, '3');
    soup_client_close(&bob);
    soup_client_order(&alice, FAR_BEHIND_ORDERS + 20, 'B', 1, "TEST", 10000, '0');
    (void)soup_client_expect(&alice, 'S');
    expect_orders(&alice, 1, FAR_BEHIND_ORDERS, '3');
    expect_end(&alice);
    expect_serving();
}

static void test_a_session_ends_twice_while_its_client_is_far_behind(void **state)
{
    (void)state;
    join(&alice, "BOB", 1);
    (void)soup_client_expect(&alice, 'S');
    send_orders(&alice, 1, FAR_BEHIND_ORDERS, '3');
    expect_orders(&alice, 1, FAR_BEHIND_ORDERS, '3');
    soup_client_close(&alice);
    join(&alice, "BOB", 1);
    assert_int_equal(test_market_command(&site, "session_end", 1, "{\"name\":\"BOB\"}"), 200);
    assert_int_equal(test_market_command(&site, "session_end", 2, "{\"name\":\"BOB\"}"), 200);
    /* What the store has given up cannot be sent any more: the connection ends without a `Z`, which
     * would say that this was all. */
    struct soup_packet packet;
    while (soup_client_receive(&alice, &packet)) {
        assert_int_equal(packet.type, 'S');
    }
    soup_client_close(&alice);
    expect_serving();
    join(&alice, "BOB", 1);
    assert_int_equal(alice.generation, 3);
    soup_client_close(&alice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_session_ends_while_its_client_is_far_behind),
        cmocka_unit_test(test_a_session_ends_twice_while_its_client_is_far_behind),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
