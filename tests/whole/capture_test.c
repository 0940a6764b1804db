/* A real session, recorded at the client's socket, as somebody else's dissector reads it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/pcap.h"
#include "tests/support/site_process.h"
#include "tests/support/soup_client.h"
#include "tests/support/test_market.h"

static const char expected[] = "SoupBinTCP, Login Request\n"
                               "    User Name: ALICE \n"
                               "    Requested sequence number: 1\n"
                               "SoupBinTCP, Login Accepted\n"
                               "    Next sequence number: 1\n"
                               "SoupBinTCP, Sequenced Data, SeqNum=1\n"
                               "SoupBinTCP, Unsequenced Data\n"
                               "SoupBinTCP, Sequenced Data, SeqNum=2\n"
                               "SoupBinTCP, Unsequenced Data\n"
                               "SoupBinTCP, Sequenced Data, SeqNum=3\n"
                               "SoupBinTCP, Logout Request\n";

/* A day, an order, a cancel, a logout. */
static void record(const char *path, const struct site_process *site)
{
    static struct soup_client client;
    static struct pcap pcap;
    pcap_open(&pcap, path, 40000, 4000);
    client.capture = &pcap;
    soup_client_join(&client, site->ouch_port, "ALICE", TEST_MARKET_PASSWORD, 1);
    (void)soup_client_expect(&client, 'S');
    soup_client_order(&client, 1, 'B', 100, "TEST", 1000000, '0');
    (void)soup_client_expect(&client, 'A');
    soup_client_cancel(&client, 1, 0);
    (void)soup_client_expect(&client, 'C');
    soup_client_packet(&client, 'O', NULL, 0);
    struct soup_packet packet;
    assert_false(soup_client_receive(&client, &packet));
    soup_client_close(&client);
    pcap_close(&pcap);
}

static void test_tshark_reads_a_recorded_session(void **state)
{
    (void)state;
    if (system("command -v tshark >/dev/null 2>&1") != 0) {
        print_message("skipped: tshark is not installed\n");
        skip();
    }
    char directory[TEST_PATH_BYTES];
    test_paths_make(directory, "capture_test");
    struct site_process site;
    site_process_init(&site, directory);
    int status = 0;
    assert_true(site_process_start(&site, &status));
    test_market_apply(&site);
    char path[TEST_PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/session.pcap", directory);
    record(path, &site);
    assert_int_equal(site_process_stop(&site), 0);

    char command[TEST_PATH_BYTES + 512];
    (void)snprintf(command, sizeof command,
                   "tshark -r '%s' -d tcp.port==4000,soupbintcp --disable-protocol ouch -O "
                   "soupbintcp 2>/dev/null | grep -E '^SoupBinTCP|Malformed|User Name|sequence "
                   "number' | grep -v Heartbeat",
                   path);
    static char output[4096];
    const char *const arguments[] = {"/bin/sh", "-c", command, NULL};
    assert_int_equal(site_process_run(output, sizeof output, arguments), 0);
    assert_string_equal(output, expected);
    test_paths_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tshark_reads_a_recorded_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
