/* Doors under hostile and unlucky clients: a real process, real sockets. After each abuse the site
 * still serves, and nobody has lost a message or a place. */
#include "gateway/door.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "matching/base/bytes.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/site_process.h"
#include "tests/support/soup_client.h"
#include "tests/support/test_market.h"

#define FAR_BEHIND_ORDERS 60000u /* Two messages each: more than two sockets' buffers take. */
#define ORDER_BYTES       50u
#define CONNECTIONS       64u
#define OPERATORS         4u /* Connections of the administration port that may still be closing. */

static char directory[TEST_PATH_BYTES];
static struct site_process site;
static struct soup_client alice;
static struct soup_client bob;

static int start(void **state)
{
    (void)state;
    test_paths_make(directory, "door_abuse_test");
    site_process_init(&site, directory);
    FILE *config = fopen(site.config, "ae");
    assert_non_null(config);
    (void)fprintf(config, "\ntuning: {connections: %u}\n", CONNECTIONS);
    assert_int_equal(fclose(config), 0);
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

static void test_a_client_that_sends_all_before_it_reads(void **state)
{
    (void)state;
    join(&alice, "CAROL", 1);
    (void)soup_client_expect(&alice, 'S');
    send_orders(&alice, 1, 100000, '0'); /* 5 MB. */
    expect_orders(&alice, 1, 100000, '0');
    send_orders(&alice, 100001, 50, '3');
    soup_client_packet(&alice, 'O', NULL, 0); /* A logout overtakes nothing. */
    struct soup_packet packet;
    while (soup_client_receive(&alice, &packet)) {
        assert_int_equal(packet.type, 'S');
    }
    soup_client_close(&alice);
    join(&alice, "CAROL", 100002);
    expect_orders(&alice, 100001, 50, '3');
    soup_client_close(&alice);
}

static void test_a_client_that_never_reads_holds_up_nobody(void **state)
{
    (void)state;
    join(&alice, "DAVE", 1);
    (void)soup_client_expect(&alice, 'S');
    soup_client_order(&alice, 1, 'S', 900000, "TEST", 10000, '0');
    (void)soup_client_expect(&alice, 'A');
    join(&bob, "ERIN", 1);
    (void)soup_client_expect(&bob, 'S');
    for (uint32_t part = 0; part < 10; part++) {
        send_orders(&bob, part * 10000 + 1, 10000, '0'); /* Each takes one of the 900,000. */
        for (uint32_t i = 1; i <= 10000; i++) {
            struct soup_packet packet = soup_client_expect(&bob, 'A');
            assert_int_equal(bytes_load_be32(packet.payload + 9), part * 10000 + i);
            (void)soup_client_expect(&bob, 'E');
        }
    }
    soup_client_close(&bob);
    for (uint32_t i = 0; i < 200000; i++) { /* First what the test before left in the book. */
        struct soup_packet packet = soup_client_expect(&alice, 'E');
        assert_int_equal(bytes_load_be32(packet.payload + 13), 1);
    }
    soup_client_cancel(&alice, 1, 0);
    struct soup_packet packet = soup_client_expect(&alice, 'C');
    assert_int_equal(bytes_load_be32(packet.payload + 13), 700000);
    soup_client_close(&alice);
}

/* Whether the login was accepted; the other connection may have taken the session over since. */
static bool accepted(struct soup_client *client)
{
    struct soup_packet packet;
    return soup_client_receive(client, &packet) && packet.type == 'A';
}

static void test_two_connections_race_for_a_session(void **state)
{
    (void)state;
    uint32_t reference = 1;
    for (uint32_t round = 0; round < 200; round++) {
        soup_client_connect(&alice, site.ouch_port);
        soup_client_connect(&bob, site.ouch_port);
        soup_client_login(&alice, "FRANK", TEST_MARKET_PASSWORD, NULL, 1);
        soup_client_login(&bob, "FRANK", TEST_MARKET_PASSWORD, NULL, 1);
        bool first = accepted(&alice);
        if (first) {
            send_orders(&alice, reference, 10, '3');
        }
        if (accepted(&bob)) {
            send_orders(&bob, reference, 10, '3');
        }
        reference += 10;
        soup_client_close(&alice); /* With much unread: a reset. */
        soup_client_close(&bob);
    }
    join(&alice, "FRANK", 1);
    (void)soup_client_expect(&alice, 'S');
    soup_client_order(&alice, reference, 'B', 1, "TEST", 10000, '3');
    uint32_t answered = 0;
    uint32_t last = 0;
    while (last < reference) {
        struct soup_packet packet = soup_client_expect(&alice, 'A');
        uint32_t next = bytes_load_be32(packet.payload + 9);
        assert_true(next > last);
        last = next;
        answered++;
        packet = soup_client_expect(&alice, 'C');
        assert_int_equal(bytes_load_be32(packet.payload + 9), last);
    }
    assert_true(answered > 1);
    soup_client_close(&alice);
}

static uint32_t descriptors(void)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/fd", (int)site.pid);
    DIR *open_ones = opendir(path);
    assert_non_null(open_ones);
    uint32_t count = 0;
    while (readdir(open_ones) != NULL) {
        count++;
    }
    (void)closedir(open_ones);
    return count;
}

/* Until the site has let go of every connection. */
static void wait_until_alone(void)
{
    bool alone = false;
    while (!alone) {
        char *text = test_market_get(&site, "/status");
        const char *at = strstr(text, "\"connections\":");
        assert_non_null(at);
        alone = strtoul(at + strlen("\"connections\":"), NULL, 10) == 0;
        assert_true(!alone || strstr(text, "\"attached\":0") != NULL ||
                    strstr(text, "\"attached\": 0") != NULL);
        free(text);
    }
}

static void reset(struct soup_client *client)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    soup_client_close(client);
}

static void test_connections_come_and_go_and_nothing_stays(void **state)
{
    (void)state;
    wait_until_alone();
    uint32_t before = descriptors();
    for (uint32_t i = 0; i < 300; i++) {
        if (i % 3 == 0) { /* In the middle of a login. */
            soup_client_connect(&alice, site.ouch_port);
            soup_client_send(&alice, "\0\57LGRACE ", 8);
        } else if (i % 3 == 1) { /* Before the answer to it. */
            soup_client_connect(&alice, site.ouch_port);
            soup_client_login(&alice, "GRACE", TEST_MARKET_PASSWORD, NULL, 1);
        } else { /* In the middle of an order. */
            join(&alice, "GRACE", 1);
            soup_client_send(&alice, "\0\60UO\0\0", 6);
        }
        reset(&alice);
    }
    wait_until_alone();
    assert_true(descriptors() <= before + OPERATORS);
    expect_serving();
}

static void test_more_connections_than_there_is_room_for(void **state)
{
    (void)state;
    wait_until_alone();
    uint32_t before = descriptors();
    static struct soup_client many[CONNECTIONS + 100];
    for (uint32_t i = 0; i < CONNECTIONS + 100; i++) {
        soup_client_connect(&many[i], site.ouch_port);
    }
    for (uint32_t i = CONNECTIONS; i < CONNECTIONS + 100; i++) {
        struct soup_packet packet;
        assert_false(soup_client_receive(&many[i], &packet));
    }
    /* Those inside are served: here, refused each. */
    for (uint32_t i = 1; i < CONNECTIONS; i++) {
        soup_client_login(&many[i], "HEIDI", "wrong", NULL, 1);
    }
    soup_client_login(&many[0], "HEIDI", TEST_MARKET_PASSWORD, NULL, 1);
    assert_true(accepted(&many[0]));
    (void)soup_client_expect(&many[0], 'S');
    send_orders(&many[0], 1, 100, '3');
    expect_orders(&many[0], 1, 100, '3');
    for (uint32_t i = 1; i < CONNECTIONS; i++) {
        struct soup_packet packet;
        assert_true(soup_client_receive(&many[i], &packet));
        assert_int_equal(packet.type, 'J');
        assert_int_equal(packet.payload[0], 'A');
        assert_false(soup_client_receive(&many[i], &packet));
    }
    for (uint32_t i = 0; i < CONNECTIONS + 100; i++) {
        soup_client_close(&many[i]);
    }
    wait_until_alone();
    assert_true(descriptors() <= before + OPERATORS);
    expect_serving();
}

/* An order that is taken only when younger than this. */
static void send_aging_order(struct soup_client *client, uint32_t reference, uint64_t age_ns_max)
{
    uint8_t message[57];
    memset(message, ' ', sizeof message);
    message[0] = 'O';
    bytes_store_be32(message + 1, reference);
    message[5] = 'B';
    bytes_store_be32(message + 6, 1);
    memcpy(message + 10, "TEST", 4);
    bytes_store_be64(message + 18, 10000);
    memcpy(message + 26, "3YANN", 5);
    bytes_store_be16(message + 45, 10);
    message[47] = 9;
    message[48] = 133;
    bytes_store_be64(message + 49, age_ns_max);
    soup_client_packet(client, 'U', message, sizeof message);
}

/* What waited in the kernel while the process did not run is as old as it is. The wait here is what
 * is tested, and no synchronisation: a slow machine only makes it longer. */
static void test_orders_age_while_the_process_is_stopped(void **state)
{
    (void)state;
    join(&alice, "GRACE", 0);
    send_aging_order(&alice, 1, UINT64_C(60000000000));
    (void)soup_client_expect(&alice, 'A');
    (void)soup_client_expect(&alice, 'C');
    assert_int_equal(kill(site.pid, SIGSTOP), 0);
    int status = 0;
    assert_int_equal(waitpid(site.pid, &status, WUNTRACED), site.pid);
    assert_true(WIFSTOPPED(status));
    send_aging_order(&alice, 2, UINT64_C(200000000));
    send_aging_order(&alice, 3, UINT64_C(60000000000));
    struct timespec age = {.tv_nsec = 600000000};
    assert_int_equal(clock_nanosleep(CLOCK_MONOTONIC, 0, &age, NULL), 0);
    assert_int_equal(kill(site.pid, SIGCONT), 0);
    struct soup_packet packet = soup_client_expect(&alice, 'J');
    assert_int_equal(bytes_load_be32(packet.payload + 9), 2);
    assert_int_equal(bytes_load_be16(packet.payload + 13), 0x0F);
    packet = soup_client_expect(&alice, 'A');
    assert_int_equal(bytes_load_be32(packet.payload + 9), 3);
    soup_client_close(&alice);
}

/* Twice, and in the middle of much work: it ends in good order, and what it acknowledged is there.
 */
static void test_stopped_under_load(void **state)
{
    (void)state;
    join(&alice, "IVAN", 1);
    (void)soup_client_expect(&alice, 'S');
    send_orders(&alice, 1, 50000, '0');
    for (uint32_t i = 1; i <= 100; i++) {
        (void)soup_client_expect(&alice, 'A');
    }
    assert_int_equal(kill(site.pid, SIGTERM), 0);
    assert_int_equal(site_process_stop(&site), 0);
    struct soup_packet packet;
    while (soup_client_receive(&alice, &packet)) {
        assert_int_equal(packet.type, 'S');
        alice.next_sequence++;
    }
    uint64_t seen = alice.next_sequence;
    soup_client_close(&alice);
    int status = 0;
    assert_true(site_process_start(&site, &status));
    join(&alice, "IVAN", 1);
    (void)soup_client_expect(&alice, 'S');
    for (uint32_t i = 1; i + 1 < seen; i++) {
        packet = soup_client_expect(&alice, 'A');
        assert_int_equal(bytes_load_be32(packet.payload + 9), i);
    }
    soup_client_close(&alice);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_session_ends_while_its_client_is_far_behind),
        cmocka_unit_test(test_a_session_ends_twice_while_its_client_is_far_behind),
        cmocka_unit_test(test_a_client_that_sends_all_before_it_reads),
        cmocka_unit_test(test_a_client_that_never_reads_holds_up_nobody),
        cmocka_unit_test(test_two_connections_race_for_a_session),
        cmocka_unit_test(test_connections_come_and_go_and_nothing_stays),
        cmocka_unit_test(test_more_connections_than_there_is_room_for),
        cmocka_unit_test(test_orders_age_while_the_process_is_stopped),
        cmocka_unit_test(test_stopped_under_load),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
