/* Three sites as real processes with real links: a client trades through one that does not lead,
 * the leader is killed, the client goes on, elsewhere too, and every site has the same bytes. */
#include "gateway/site_peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/site_process.h"
#include "tests/support/soup_client.h"
#include "tests/support/test_market.h"

#define SITES       3u
#define STREAM_MAX  4096u
#define MESSAGE_MAX 128u

struct message {
    size_t bytes;
    uint8_t content[MESSAGE_MAX];
};

struct heard {
    struct message messages[STREAM_MAX];
    uint64_t count;
};

static char directory[TEST_PATH_BYTES];
static struct site_process sites[SITES];
static struct soup_client client;
static struct heard first;
static struct heard second;

static int start_cluster(const char *shards)
{
    test_paths_make(directory, "site_peers");
    site_process_init_cluster(sites, SITES, directory, shards);
    for (uint32_t at = 0; at < SITES; at++) {
        site_process_launch(&sites[at]);
    }
    for (uint32_t at = 0; at < SITES; at++) {
        int status = 0;
        if (!site_process_await(&sites[at], &status)) {
            print_error("site %u ended with %d\n", at + 1, status);
            return -1;
        }
    }
    test_market_apply(&sites[SITES - 1]);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return start_cluster("EQ=site-1,site-2,site-3");
}

static int teardown(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < SITES; at++) {
        site_process_kill(&sites[at]);
    }
    test_paths_remove(directory);
    return 0;
}

static bool status_holds(uint32_t index, const char *text)
{
    char *status = test_market_get(&sites[index], "/status");
    assert_non_null(status);
    bool holds = strstr(status, text) != NULL;
    free(status);
    return holds;
}

/* Who leads, waited for as long as it takes: the time limit of the test's runner ends it. */
static uint32_t await_leader(void)
{
    for (;;) {
        for (uint32_t at = 0; at < SITES; at++) {
            if (sites[at].pid != 0 && status_holds(at, "\"leader\":true")) {
                return at;
            }
        }
    }
}

static uint32_t other_than(uint32_t one, uint32_t two)
{
    uint32_t at = 0;
    while (at == one || at == two) {
        at++;
    }
    return at;
}

/* Orders with these references. What a gateway refuses while nobody leads is sent again: it has
 * used up no reference. */
static void trade(uint32_t first_reference, uint32_t count)
{
    uint32_t next = first_reference;
    while (next < first_reference + count) {
        soup_client_order(&client, next, 'B', 10, "TEST", 500000, '0');
        struct soup_packet packet;
        assert_true(soup_client_receive(&client, &packet));
        if (packet.type == 'S') {
            assert_int_equal(packet.payload[0], 'A');
            client.next_sequence++;
            next++;
        } else {
            assert_int_equal(packet.type, '+');
        }
    }
}

static void read_stream(uint32_t index, struct heard *stream, uint64_t count)
{
    soup_client_join(&client, sites[index].ouch_port, "ALICE", TEST_MARKET_PASSWORD, 1);
    stream->count = 0;
    while (stream->count < count) {
        struct soup_packet packet;
        assert_true(soup_client_receive(&client, &packet));
        struct message *message = &stream->messages[stream->count++];
        assert_int_equal(packet.type, 'S');
        assert_true(packet.payload_bytes <= MESSAGE_MAX);
        message->bytes = packet.payload_bytes;
        memcpy(message->content, packet.payload, packet.payload_bytes);
    }
    soup_client_close(&client);
}

static void expect_same_streams(void)
{
    assert_int_equal(first.count, second.count);
    for (uint64_t at = 0; at < first.count; at++) {
        assert_int_equal(first.messages[at].bytes, second.messages[at].bytes);
        assert_memory_equal(first.messages[at].content, second.messages[at].content,
                            first.messages[at].bytes);
    }
}

static void read_hash(uint32_t index, char hash[static 17])
{
    char *status = test_market_get(&sites[index], "/status");
    assert_non_null(status);
    const char *at = strstr(status, "\"event_hash\":\"");
    assert_non_null(at);
    memcpy(hash, at + strlen("\"event_hash\":\""), 16);
    hash[16] = '\0';
    free(status);
}

/* Nobody sends any more: every engine comes to the same hash, waited for as above. */
static void await_equal_hashes(void)
{
    char hashes[SITES][17];
    do {
        for (uint32_t at = 0; at < SITES; at++) {
            read_hash(at, hashes[at]);
        }
    } while (strcmp(hashes[0], hashes[1]) != 0 || strcmp(hashes[0], hashes[2]) != 0);
}

static void test_a_region_dies_and_every_client_goes_on(void **state)
{
    (void)state;
    uint32_t leader = await_leader();
    uint32_t here = other_than(leader, leader);
    uint32_t there = other_than(leader, here);
    soup_client_join(&client, sites[here].ouch_port, "ALICE", TEST_MARKET_PASSWORD, 0);
    trade(1, 50);
    site_process_kill(&sites[leader]);
    trade(51, 50);
    uint64_t next = client.next_sequence;
    soup_client_close(&client);
    assert_int_equal(next, 102); /* The stream's beginning, and a hundred orders. */

    /* The session goes on at another site, at its next number, and nothing executes twice. */
    soup_client_join(&client, sites[there].ouch_port, "ALICE", TEST_MARKET_PASSWORD, next);
    soup_client_order(&client, 100, 'B', 10, "TEST", 500000, '0'); /* Sent before. */
    trade(101, 20);
    next = client.next_sequence;
    soup_client_close(&client);
    assert_int_equal(next, 122);
    read_stream(here, &first, next - 1);
    read_stream(there, &second, next - 1);
    expect_same_streams();

    /* The dead come back and have the same. */
    int status = 0;
    assert_true(site_process_start(&sites[leader], &status));
    read_stream(leader, &second, next - 1);
    expect_same_streams();
    await_equal_hashes();
    for (uint32_t at = 0; at < SITES; at++) {
        assert_int_equal(site_process_stop(&sites[at]), 0);
    }
    const char *const verify[] = {sites[leader].tool,   "journal", "verify", "--config",
                                  sites[leader].config, NULL};
    char output[4096];
    assert_int_equal(site_process_run(output, sizeof output, verify), 0);
    assert_non_null(strstr(output, "verified"));
}

static void test_a_site_that_stops_hands_over_first(void **state)
{
    (void)state;
    uint32_t leader = await_leader();
    uint32_t here = other_than(leader, leader);
    soup_client_join(&client, sites[here].ouch_port, "BOB", TEST_MARKET_PASSWORD, 0);
    trade(1, 10);
    assert_int_equal(site_process_stop(&sites[leader]), 0);
    trade(11, 10);
    assert_true(site_process_logged(&sites[leader], "event=stopped status=ok"));
    soup_client_close(&client);
    /* Its last word on who leads is somebody else. */
    FILE *file = fopen(sites[leader].log, "re");
    assert_non_null(file);
    static char line[4096];
    static char last[4096];
    last[0] = '\0';
    while (fgets(line, sizeof line, file) != NULL) {
        if (strstr(line, "event=leader ") != NULL) {
            memcpy(last, line, sizeof last);
        }
    }
    (void)fclose(file);
    assert_non_null(strstr(last, "here=0"));
}

/* Two of three are gone: new orders are refused at once and use up nothing; when one is back the
 * same client goes on. */
static void test_without_a_quorum_orders_are_refused_at_once(void **state)
{
    (void)state;
    uint32_t leader = await_leader();
    uint32_t here = other_than(leader, leader);
    uint32_t there = other_than(leader, here);
    soup_client_join(&client, sites[here].ouch_port, "CAROL", TEST_MARKET_PASSWORD, 0);
    trade(1, 10);
    site_process_kill(&sites[there]);
    site_process_kill(&sites[leader]);
    while (status_holds(here, "\"takes\":true") || !status_holds(here, "\"leader_site_id\":0")) {
    }
    soup_client_order(&client, 11, 'B', 10, "TEST", 500000, '0');
    struct soup_packet packet;
    assert_true(soup_client_receive(&client, &packet));
    assert_int_equal(packet.type, '+');
    int status = 0;
    assert_true(site_process_start(&sites[there], &status));
    (void)await_leader();
    /* One that was sent behind it does not overtake it: it would be lost for good. */
    soup_client_order(&client, 12, 'B', 10, "TEST", 500000, '0');
    assert_true(soup_client_receive(&client, &packet));
    assert_int_equal(packet.type, '+');
    trade(11, 10);
    assert_int_equal(client.next_sequence, 22);
    soup_client_close(&client);
}

#define peers_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        peers_test(test_a_region_dies_and_every_client_goes_on),
        peers_test(test_a_site_that_stops_hands_over_first),
        peers_test(test_without_a_quorum_orders_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
