/* A transfer of the leadership is interrupted at every step: the tool, the leader or who is to lead
 * is killed while orders are under way. Each time one leads, nothing is lost, and the same can be
 * asked again. Real processes.
 * variants: all alike. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/http.h"
#include "tests/support/order_flow.h"
#include "tests/support/site_cluster.h"
#include "tests/support/site_operator.h"
#include "tools/site_tool.h"

#define ALL       7u
#define TERMS_MAX 4096u
#define TRIES     5u

enum step {
    STEP_ACCEPTED,  /* By the leader; who is to lead stands still, and lacks segments: nothing is
                     * sealed until it has them. */
    STEP_CAUGHT_UP, /* Accepted, and who is to lead runs: it lacks nothing, or not for long. */
    STEP_ELECTED,   /* It has said that it leads. */
    STEPS,
};

enum victim { VICTIM_TOOL, VICTIM_LEADER, VICTIM_TARGET };

struct round {
    uint32_t leader;
    uint32_t target;
    uint32_t third; /* Where the client is; never killed. */
    pid_t tool;     /* 0: none. */
};

static struct site_cluster cluster;
static struct order_flow flow;
static struct http_response response;

static int setup(void **state)
{
    (void)state;
    return site_cluster_start(&cluster, "site_transfer", "EQ=site-1,site-2,site-3", NULL) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    site_cluster_end(&cluster);
    return 0;
}

static void target_name(const struct round *round, char name[static 16])
{
    (void)snprintf(name, 16, "site-%u", round->target + 1);
}

/* Whoever leads is to hand over to the next one. */
static void plan_round(struct round *round)
{
    round->leader = site_cluster_await_leader(&cluster);
    round->target = (round->leader + 1) % SITE_CLUSTER_SITES;
    round->third = site_cluster_other_than(round->leader, round->target);
    order_flow_move(&flow, &cluster.sites[round->third]);
    order_flow_trade(&flow, 10);
}

static void send_some(void)
{
    for (uint32_t orders = 0; orders < 4; orders++) {
        order_flow_send(&flow);
    }
}

/* Asked for while who is to lead stands still, and lacks what was sealed since. The leader takes it
 * as long as it has heard of it lately: tried until it does. */
static void reach_accepted(struct round *round)
{
    char token[128];
    char body[128];
    bool accepted = false;
    while (!accepted) {
        plan_round(round);
        (void)snprintf(body, sizeof body, "{\"what\":\"transfer\",\"shard\":1,\"site_id\":%u}",
                       round->target + 1);
        test_market_token(&cluster.sites[round->leader], token);
        assert_int_equal(kill(cluster.sites[round->target].pid, SIGSTOP), 0);
        order_flow_trade(&flow, 1);
        http_request(&response, cluster.sites[round->leader].admin_port, "POST", "/membership",
                     token, body);
        accepted = strstr(response.body, "\"accepted\"") != NULL;
        if (!accepted) {
            assert_int_equal(kill(cluster.sites[round->target].pid, SIGCONT), 0);
        }
    }
    send_some();
}

static bool reached_by_tool(const struct round *round, enum step step,
                            const off_t log_bytes[static SITE_CLUSTER_SITES])
{
    uint32_t at = step == STEP_ELECTED ? round->target : round->leader;
    const char *says = step == STEP_ELECTED ? "here=1" : "kind=3 shard=1 result=acc";
    return site_process_logged_since(&cluster.sites[at], log_bytes[at], says);
}

/* The tool is begun, and has got as far as this. False: it never did, and has ended: preference was
 * faster. */
static bool reach_by_tool(struct round *round, enum step step)
{
    char name[16];
    char paths[SITE_CLUSTER_SITES * TEST_PATH_BYTES];
    char output[TEST_PATH_BYTES + 16];
    plan_round(round);
    target_name(round, name);
    const struct site_process *leader = &cluster.sites[round->leader];
    off_t log_bytes[SITE_CLUSTER_SITES];
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        log_bytes[at] = site_cluster_log_bytes(&cluster.sites[at]);
    }
    (void)snprintf(output, sizeof output, "%s/output", cluster.directory);
    site_operator_paths(paths, sizeof paths, cluster.sites, ALL);
    const char *const arguments[] = {leader->tool, "site",   "transfer", name, "--config",
                                     paths,        "--wait", "100s",     NULL};
    round->tool = site_process_begin(output, arguments);
    send_some();
    bool reached = false;
    bool over = false;
    while (!reached && !over) {
        over = site_process_pid_ended(round->tool); /* Before the look, which is the last then. */
        reached = reached_by_tool(round, step, log_bytes);
    }
    return reached;
}

/* Killed; who is left goes on, then it comes back and the same is asked again. */
static void interrupt(const struct round *round, enum victim victim)
{
    char name[16];
    uint32_t dead = victim == VICTIM_LEADER ? round->leader : round->target;
    if (victim == VICTIM_TOOL) {
        assert_int_equal(kill(round->tool, SIGKILL), 0);
    } else {
        site_process_kill(&cluster.sites[dead]);
    }
    (void)kill(cluster.sites[round->target].pid != 0 ? cluster.sites[round->target].pid
                                                     : cluster.sites[round->third].pid,
               SIGCONT);
    send_some();
    order_flow_drain(&flow);
    if (victim != VICTIM_TOOL) {
        order_flow_start(&flow, &cluster.sites[dead]);
    }
    if (round->tool != 0) {
        /* A tool that is left alone sees it through, with whoever leads. */
        int status = order_flow_finish(&flow, round->tool);
        assert_true(victim == VICTIM_TOOL || status == 0);
    }
    target_name(round, name);
    site_operator_transfer(cluster.sites, ALL, name, 1);
    order_flow_trade(&flow, 10);
}

/* No term has ever had two leaders. */
static void expect_one_leader_a_term(void)
{
    static uint32_t leaders[TERMS_MAX]; /* Index of the site plus 1. */
    uint32_t reigns = 0;
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        char line[1024];
        FILE *file = fopen(cluster.sites[at].log, "re");
        assert_non_null(file);
        while (fgets(line, sizeof line, file) != NULL) {
            const char *term_text = strstr(line, " term=");
            if (strstr(line, "event=leader ") == NULL || strstr(line, "here=1") == NULL) {
                continue;
            }
            assert_non_null(term_text);
            unsigned long term = strtoul(term_text + strlen(" term="), NULL, 10);
            assert_true(term < TERMS_MAX);
            assert_true(leaders[term] == 0 || leaders[term] == at + 1);
            leaders[term] = at + 1;
            reigns++;
        }
        assert_int_equal(fclose(file), 0);
    }
    assert_true(reigns > 8); /* One a round, at least. */
}

static void test_a_transfer_is_interrupted_at_every_step(void **state)
{
    (void)state;
    static const struct {
        enum step step;
        enum victim victim;
    } rounds[] = {{STEP_ACCEPTED, VICTIM_LEADER},  {STEP_ACCEPTED, VICTIM_TARGET},
                  {STEP_CAUGHT_UP, VICTIM_TOOL},   {STEP_CAUGHT_UP, VICTIM_LEADER},
                  {STEP_CAUGHT_UP, VICTIM_TARGET}, {STEP_ELECTED, VICTIM_TOOL},
                  {STEP_ELECTED, VICTIM_LEADER},   {STEP_ELECTED, VICTIM_TARGET}};
    order_flow_begin(&flow, &cluster.sites[0], "ALICE", "TEST");
    uint32_t reached[STEPS] = {0};
    for (size_t at = 0; at < sizeof rounds / sizeof rounds[0]; at++) {
        bool here = false;
        for (uint32_t try = 0; try < TRIES && !here; try++) {
            struct round round = {0};
            if (rounds[at].step == STEP_ACCEPTED) {
                reach_accepted(&round);
                here = true;
            } else {
                here = reach_by_tool(&round, rounds[at].step);
            }
            interrupt(&round, rounds[at].victim);
        }
        reached[rounds[at].step] += here;
    }
    for (enum step step = STEP_ACCEPTED; step < STEPS; step++) {
        assert_true(reached[step] > 0);
    }
    order_flow_close(&flow);
    site_cluster_await_equal_hashes(cluster.sites, SITE_CLUSTER_SITES);
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        struct site_operator_view view;
        order_flow_verify(&flow, &cluster.sites[at]);
        site_operator_look(&cluster.sites[at], 1, &view);
        assert_int_equal(view.orders_accepted, flow.accepted);
    }
    expect_one_leader_a_term();
    site_cluster_stop_and_verify(cluster.sites, SITE_CLUSTER_SITES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_transfer_is_interrupted_at_every_step, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
