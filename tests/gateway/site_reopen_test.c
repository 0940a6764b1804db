/* What the setting `reopen` of a market's file means on the wire: after an unplanned change of
 * leader new orders are rejected at every site while cancels work, then the market opens; a planned
 * one does nothing of the kind.
 * variants: all alike. */
#include <stdio.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/site_cluster.h"
#include "tests/support/site_operator.h"

#define ALL       7u
#define HALTED    0x07u /* The reason in Rejected (rules.md 7.3). */
#define DAY_NS    UINT64_C(86400000000000)
#define WINDOW_NS UINT64_C(2000000000)
#define ROUNDS    5u

static struct site_cluster cluster;

/* A client at each site, with a record of its own. */
struct member {
    struct soup_client client;
    const char *session;
    uint32_t reference; /* The last one used up. */
};

static struct member members[SITE_CLUSTER_SITES] = {{.session = "ALICE"},
                                                    {.session = "BOB"},
                                                    {.session = "CAROL"}};

static int setup(void **state)
{
    (void)state;
    if (!site_cluster_start(&cluster, "site_reopen", "EQ=site-1,site-2,site-3", NULL)) {
        return -1;
    }
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        soup_client_join(&members[at].client, cluster.sites[at].ouch_port, members[at].session,
                         TEST_MARKET_PASSWORD, 1);
        (void)soup_client_expect(&members[at].client, 'S');
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        soup_client_close(&members[at].client);
    }
    site_cluster_end(&cluster);
    return 0;
}

static uint64_t number(const uint8_t *at, uint32_t bytes)
{
    uint64_t value = 0;
    for (uint32_t byte = 0; byte < bytes; byte++) {
        value = value << 8 | at[byte];
    }
    return value;
}

/* The next sequenced message. False: refused, unsequenced: nobody leads. */
static bool answer(struct member *member, struct soup_packet *packet)
{
    assert_true(soup_client_receive(&member->client, packet));
    if (packet->type == '+') {
        return false;
    }
    assert_int_equal(packet->type, 'S');
    assert_true(packet->payload_bytes >= 13);
    member->client.next_sequence++;
    return true;
}

/* Who is silent for long is disconnected: all whose site runs say that they are there. */
static void stay(void)
{
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        if (members[at].client.fd >= 0) {
            soup_client_packet(&members[at].client, 'R', NULL, 0);
        }
    }
}

/* A new order, until it is sequenced. Returns what became of it, A or J, the latter for no other
 * reason than that the market is not open, and when. */
static char order(uint32_t index, uint64_t *stamp_ns)
{
    struct member *member = &members[index];
    struct soup_packet packet;
    do {
        stay();
        soup_client_order(&member->client, member->reference + 1, 'B', 10, "TEST", 500000, '0');
        site_cluster_pause(&cluster.sites[index]);
    } while (!answer(member, &packet));
    member->reference++;
    char type = (char)packet.payload[0];
    assert_true(type == 'A' || type == 'J');
    assert_int_equal(number(packet.payload + 9, 4), member->reference);
    if (type == 'J') {
        assert_int_equal(number(packet.payload + 13, 2), HALTED);
    }
    *stamp_ns = number(packet.payload + 1, 8);
    return type;
}

static void expect_order(uint32_t index, char type)
{
    uint64_t stamp_ns = 0;
    assert_int_equal(order(index, &stamp_ns), type);
    assert_true(stamp_ns < DAY_NS);
}

/* What rests is canceled as ever. */
static void expect_cancel(uint32_t index, uint32_t reference)
{
    struct member *member = &members[index];
    struct soup_packet packet;
    do {
        stay();
        soup_client_cancel(&member->client, reference, 0);
        site_cluster_pause(&cluster.sites[index]);
    } while (!answer(member, &packet));
    assert_int_equal(packet.payload[0], 'C');
    assert_int_equal(number(packet.payload + 9, 4), reference);
}

/* Through a site that runs. */
static void set_reopen(uint32_t index, const char *how)
{
    char market[256];
    (void)snprintf(market, sizeof market,
                   "shards:\n  - id: 1\n    reopen: %s\n    firms: [{name: ACME}]\n", how);
    site_operator_apply(&cluster.sites[index], market);
}

/* Kill who leads. */
static uint32_t kill_leader(void)
{
    uint32_t leader = site_cluster_await_leader(&cluster);
    soup_client_close(&members[leader].client);
    site_process_kill(&cluster.sites[leader]);
    return leader;
}

/* It runs again, and its client goes on where it was. */
static void bring_back(uint32_t index)
{
    int status = 0;
    struct site_process *site = &cluster.sites[index];
    site_process_launch(site);
    while (!site_process_logged_since(site, site->log_bytes, "event=ready")) {
        stay();
        site_cluster_pause(site);
    }
    assert_true(site_process_await(site, &status));
    site_cluster_join(&members[index].client, &cluster.sites[index], members[index].session,
                      members[index].client.next_sequence);
}

static void expect_a_planned_transfer_goes_on_at_once(void)
{
    bool seen = false;
    for (uint32_t round = 0; round < ROUNDS && !seen; round++) {
        struct site_operator_view before;
        struct site_operator_view after;
        set_reopen(0, "at once"); /* Ends what a machine that stalls may have begun. */
        uint32_t leader = site_cluster_await_leader(&cluster);
        uint32_t next = (leader + 1) % SITE_CLUSTER_SITES;
        char name[16];
        (void)snprintf(name, sizeof name, "site-%u", next + 1);
        set_reopen(0, "cancel-only for 1h");
        site_operator_look(&cluster.sites[leader], 1, &before);
        site_operator_transfer(cluster.sites, ALL, name, 1);
        char types[SITE_CLUSTER_SITES];
        bool cancel_only = false;
        for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
            uint64_t stamp_ns = 0;
            types[at] = order(at, &stamp_ns);
            site_operator_look(&cluster.sites[at], 1, &after);
            cancel_only = cancel_only || after.cancel_only;
        }
        /* Not when somebody was elected besides. */
        site_operator_look(&cluster.sites[next], 1, &after);
        seen = before.leader && after.leader && after.term == before.term + 1;
        for (uint32_t at = 0; at < SITE_CLUSTER_SITES && seen; at++) {
            assert_int_equal(types[at], 'A');
        }
        assert_false(seen && cancel_only);
    }
    assert_true(seen);
}

static void expect_an_unplanned_change_serves_cancels_alone(void)
{
    uint32_t resting[SITE_CLUSTER_SITES];
    set_reopen(0, "at once");
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        expect_order(at, 'A');
        resting[at] = members[at].reference;
    }
    set_reopen(0, "cancel-only for 1h");
    uint32_t leader = kill_leader();
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        if (at != leader) {
            expect_order(at, 'J');
            expect_cancel(at, resting[at]);
            expect_order(at, 'J');
            assert_true(site_cluster_status_holds(&cluster.sites[at], "\"cancel_only\":true"));
        }
    }
    /* Who comes back has it from the journal. */
    bring_back(leader);
    expect_order(leader, 'J');
    expect_cancel(leader, resting[leader]);
    site_cluster_await_equal_hashes(cluster.sites, SITE_CLUSTER_SITES);
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        assert_true(site_cluster_status_holds(&cluster.sites[at], "\"cancel_only\":true"));
    }
    set_reopen(leader, "at once");
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        expect_order(at, 'A');
    }
}

/* Behind `base_ns`, which may be of the day before. */
static uint64_t behind(uint64_t stamp_ns, uint64_t base_ns)
{
    return (stamp_ns + DAY_NS - base_ns) % DAY_NS;
}

/* Orders at a site until one is accepted: when the last one was rejected and this one was not. */
static void trade_until_open(uint32_t index, uint64_t base_ns, uint64_t *rejected_ns,
                             uint64_t *accepted_ns)
{
    for (char type = 'J'; type == 'J';) {
        uint64_t stamp_ns = 0;
        type = order(index, &stamp_ns);
        stamp_ns = behind(stamp_ns, base_ns);
        if (type == 'J') {
            *rejected_ns = stamp_ns > *rejected_ns ? stamp_ns : *rejected_ns;
        } else {
            *accepted_ns = stamp_ns < *accepted_ns ? stamp_ns : *accepted_ns;
        }
    }
}

/* The verdict is by the stamps alone, which all sites agree on, however late anything is seen. */
static void expect_the_market_opens_by_itself(void)
{
    bool seen = false;
    for (uint32_t round = 0; round < ROUNDS && !seen; round++) {
        struct site_operator_view first;
        struct site_operator_view last;
        uint64_t base_ns = 0;
        uint64_t rejected_ns = 0;
        uint64_t accepted_ns = DAY_NS;
        set_reopen(0, "at once");
        assert_int_equal(order(0, &base_ns), 'A');
        set_reopen(0, "cancel-only for 2s");
        uint32_t leader = kill_leader();
        uint32_t here = site_cluster_other_than(leader, leader);
        uint32_t there = site_cluster_other_than(leader, here);
        (void)site_cluster_await_leader(&cluster);
        site_operator_look(&cluster.sites[here], 1, &first);
        trade_until_open(here, base_ns, &rejected_ns, &accepted_ns);
        trade_until_open(there, base_ns, &rejected_ns, &accepted_ns);
        site_operator_look(&cluster.sites[here], 1, &last);
        assert_true(accepted_ns >= WINDOW_NS);
        seen = first.term == last.term; /* Else it may have closed once more. */
        assert_true(!seen || rejected_ns < accepted_ns);
        set_reopen(here, "at once");
        bring_back(leader);
        expect_order(leader, 'A');
    }
    assert_true(seen);
}

/* One cluster for all of it: each part leaves three sites that trade. */
static void test_a_market_reopens_as_its_setting_says(void **state)
{
    (void)state;
    expect_a_planned_transfer_goes_on_at_once();
    expect_an_unplanned_change_serves_cancels_alone();
    expect_the_market_opens_by_itself();
    site_cluster_await_equal_hashes(cluster.sites, SITE_CLUSTER_SITES);
    site_cluster_stop_and_verify(cluster.sites, SITE_CLUSTER_SITES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_market_reopens_as_its_setting_says, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
