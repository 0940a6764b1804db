/* What DESIGN 11 asks of three sites besides speed, each figure beside its budget: bytes on a link
 * and on disk, distance between sites, snapshots, idle connections. Real processes as in
 * site_bench.
 *
 *   budget_bench [JSON-FILE [TEXT [CONNECTIONS]]]
 *
 * TEXT: only groups whose name begins with it: link, distance, snapshot, idle. CONNECTIONS: idle
 * ones, 10,000 unless told otherwise (each is a descriptor here and at the site).
 *   budget_bench hold ENDPOINT CONNECTIONS       is what it starts to hold them. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "tests/support/site_load.h"
#include "tests/support/test_market.h"

#define BUDGET_NS              UINT64_C(4000000000) /* Of each measurement, unless said. */
#define BUDGET_WARM_NS         UINT64_C(2000000000)
#define BUDGET_SNAPSHOT_NS     UINT64_C(8000000000) /* Several snapshots of one a second. */
#define BUDGET_SNAPSHOT_RATE   UINT64_C(5000)
#define BUDGET_NEAR_NS         UINT64_C(50000) /* Each way: 0.1 ms and 80 ms there and back. */
#define BUDGET_FAR_NS          UINT64_C(40000000)
#define BUDGET_CONNECTIONS     10000u
#define BUDGET_HOLD_BYTES      4096u /* Send buffer of an idle client. */
#define BUDGET_HOLD_CONNECTING 64u   /* At a time. */
#define BUDGET_HOLD_EVENTS     256u
#define BUDGET_MAKERS          16u
#define BUDGET_SECOND_NS       UINT64_C(1000000000)

struct budget {
    json_t *all;
    const char *asked;
    uint32_t connections;
};

/* One figure and what it must, and should, be: at most, or at least. */
struct budget_row {
    const char *group;
    const char *name;
    double measured;
    const char *unit;
    double must;
    double aim;
    bool at_least;
    const char *how; /* What it was measured with, in words. */
};

static bool budget_meets(const struct budget_row *row, double bound)
{
    return row->at_least ? row->measured >= bound : row->measured <= bound;
}

static void budget_print(struct budget *budget, const struct budget_row *row)
{
    const char *verdict = budget_meets(row, row->aim)    ? "aim met"
                          : budget_meets(row, row->must) ? "met"
                                                         : "NOT MET";
    (void)printf("%-44s %9.2f %-4s %s %8.2f %8.2f  %-7s  %s\n", row->name, row->measured, row->unit,
                 row->at_least ? ">=" : "<=", row->must, row->aim, verdict, row->how);
    (void)fflush(stdout);
    json_t *object =
        json_pack("{s:s,s:s,s:f,s:s,s:f,s:f,s:b,s:s,s:s}", "group", row->group, "name", row->name,
                  "measured", row->measured, "unit", row->unit, "must", row->must, "aim", row->aim,
                  "at_least", row->at_least, "verdict", verdict, "how", row->how);
    ASSERT(object != NULL);
    ASSERT(json_array_append_new(budget->all, object) == 0);
}

static bool budget_asked(const struct budget *budget, const char *group)
{
    return strncmp(group, budget->asked, strlen(budget->asked)) == 0;
}

static struct site_load_result budget_run(const struct site_load_options *options,
                                          uint64_t duration_ns)
{
    static struct site_load load;
    site_load_open(&load, options);
    site_load_warm(&load, BUDGET_WARM_NS);
    const struct site_load_result result = site_load_measure(&load, duration_ns);
    site_load_close(&load);
    return result;
}

/* ---- Bytes: of a link, and on disk ---- */

static void budget_link(struct budget *budget, uint32_t segment_commands, const char *name,
                        double must, double aim)
{
    char more[64];
    char how[128];
    (void)snprintf(more, sizeof more, "tuning: {segment_commands: %u}\n", segment_commands);
    const struct site_load_options options = {.sites = SITE_LOAD_SITES_MAX,
                                              .idle = "sleep",
                                              .more = more,
                                              .sessions = 32,
                                              .window = 256,
                                              .client_id = ORDER_DESK_EMPTY};
    const struct site_load_result result = budget_run(&options, BUDGET_NS);
    (void)snprintf(how, sizeof how, "%.2f B out, %.2f B back; %.0f orders a segment of %.1f B each",
                   result.link_bytes_out, result.link_bytes_in, result.segment_commands,
                   result.segment_bytes);
    const struct budget_row link = {"link", name, result.link_bytes_out + result.link_bytes_in,
                                    "B",    must, aim,
                                    false,  how};
    budget_print(budget, &link);
    if (segment_commands < 1000) {
        return;
    }
    const struct budget_row journal = {
        "link", "disk: journal, an order and site",  result.journal_bytes, "B", 30, 20,
        false,  "wal and LMDB, as the kernel counts"};
    const struct budget_row streams = {
        "link", "disk: streams, an order and site", result.stream_bytes, "B", 30, 15,
        false,  "of the live engine and the shadow"};
    budget_print(budget, &journal);
    budget_print(budget, &streams);
}

static void budget_links(struct budget *budget)
{
    budget_link(budget, 1000, "link: an order and follower, 1,000 a segment", 10, 8);
    budget_link(budget, 64, "link: the same, 64 a segment", 13, 10);
}

/* ---- Distance ---- */

static void budget_distance(struct budget *budget)
{
    char how[128];
    struct site_load_options options = {.sites = SITE_LOAD_SITES_MAX,
                                        .idle = "sleep",
                                        .sessions = 64,
                                        .window = 512,
                                        .delayed = true,
                                        .delay_ns = BUDGET_NEAR_NS};
    const struct site_load_result near = budget_run(&options, BUDGET_NS);
    options.delay_ns = BUDGET_FAR_NS;
    const struct site_load_result far = budget_run(&options, BUDGET_NS);
    (void)snprintf(how, sizeof how, "%.0f of %.0f orders/s; p50 %.1f and %.1f ms",
                   far.commands_per_second, near.commands_per_second, (double)far.p50_ns / 1e6,
                   (double)near.p50_ns / 1e6);
    const struct budget_row row = {"distance",
                                   "distance: throughput at 80 ms against 0.1 ms",
                                   far.commands_per_second / near.commands_per_second * 100,
                                   "%",
                                   80,
                                   95,
                                   true,
                                   how};
    budget_print(budget, &row);
}

/* ---- Snapshots ---- */

static void budget_snapshot(struct budget *budget)
{
    char how[128];
    struct site_load_options options = {.sites = SITE_LOAD_SITES_MAX,
                                        .idle = "sleep",
                                        .more = "snapshots: {bytes: 0, seconds: 3600}\n",
                                        .sessions = 32,
                                        .window = 256,
                                        .rate = BUDGET_SNAPSHOT_RATE};
    const struct site_load_result without = budget_run(&options, BUDGET_SNAPSHOT_NS);
    options.more = "snapshots: {bytes: 0, seconds: 1}\n";
    const struct site_load_result with = budget_run(&options, BUDGET_SNAPSHOT_NS);
    ASSERT(without.p999_ns > 0);
    (void)snprintf(how, sizeof how, "%.2f ms against %.2f ms at %.0f orders/s, one a second",
                   (double)with.p999_ns / 1e6, (double)without.p999_ns / 1e6,
                   with.commands_per_second);
    const struct budget_row row = {"snapshot",
                                   "snapshot: p99.9 while taken against without",
                                   (double)with.p999_ns / (double)without.p999_ns,
                                   "x",
                                   2,
                                   1.1,
                                   false,
                                   how};
    budget_print(budget, &row);
}

/* ---- Idle connections ---- */

/* What the started program does: logs all of them on, and stays. */
static int budget_hold(const char *endpoint, uint32_t count)
{
    static struct ouch_session_event events[BUDGET_HOLD_EVENTS];
    const struct ouch_client_options options = {.endpoint = endpoint,
                                                .sessions_max = count,
                                                .window_max = 1,
                                                .send_bytes = BUDGET_HOLD_BYTES};
    struct ouch_client *client = NULL;
    ASSERT(ouch_client_create(&client, &options) == STATUS_OK);
    for (uint32_t i = 0; i < count; i++) {
        char name[SESSION_NAME_BYTES + 1];
        uint32_t index = 0;
        (void)snprintf(name, sizeof name, "I%05u", i % 100000);
        ASSERT(ouch_client_session_add(client, name, TEST_MARKET_PASSWORD, &index) == STATUS_OK);
    }
    uint32_t asked = 0;
    uint32_t waiting = 0;
    for (;;) {
        for (; asked < count && waiting < BUDGET_HOLD_CONNECTING; asked++, waiting++) {
            ASSERT(ouch_client_connect(client, asked, 0) == STATUS_OK);
        }
        uint64_t due_ns = ouch_client_now_ns(client) + BUDGET_SECOND_NS;
        uint32_t found = ouch_client_poll(client, events, BUDGET_HOLD_EVENTS, due_ns);
        for (uint32_t i = 0; i < found; i++) {
            if (events[i].kind == OUCH_SESSION_LOGGED_ON) {
                ASSERT(waiting > 0);
                waiting--;
            } else if (events[i].kind == OUCH_SESSION_DISCONNECTED) {
                return EXIT_FAILURE; /* None may be lost, or the figures mean nothing. */
            }
        }
    }
}

/* The other client trades meanwhile: who is silent for long is disconnected. */
static void budget_await_attached(struct site_load *load, pid_t holder, uint64_t count)
{
    while (site_load_status(&load->sites[0], "clients", "attached") < count) {
        ASSERT(!site_process_ended(&load->sites[0]));
        ASSERT(waitpid(holder, NULL, WNOHANG) == 0); /* It holds all of them, or none count. */
        site_load_warm(load, BUDGET_SECOND_NS);
    }
}

/* Sessions are made one by one, each durably: by many at the same time that is bearable. */
static void budget_make_sessions(const struct site_process *site, uint32_t count)
{
    pid_t makers[BUDGET_MAKERS];
    for (uint32_t maker = 0; maker < BUDGET_MAKERS; maker++) {
        makers[maker] = fork();
        ASSERT(makers[maker] >= 0);
        if (makers[maker] == 0) {
            for (uint32_t i = maker; i < count; i += BUDGET_MAKERS) {
                char name[SESSION_NAME_BYTES + 1];
                (void)snprintf(name, sizeof name, "I%05u", i % 100000);
                test_market_session(site, name);
            }
            _exit(EXIT_SUCCESS);
        }
    }
    for (uint32_t maker = 0; maker < BUDGET_MAKERS; maker++) {
        int status = 0;
        ASSERT(waitpid(makers[maker], &status, 0) == makers[maker]);
        ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
    }
}

static void budget_idle(struct budget *budget, const char *program)
{
    static struct site_load load;
    char more[128];
    char how[128];
    char endpoint[32];
    char number[16];
    char output[TEST_PATH_BYTES + 16];
    (void)snprintf(more, sizeof more, "tuning: {connections: %u, sessions: %u}\n",
                   budget->connections + 16, budget->connections + 16);
    const struct site_load_options options = {
        .sites = 1, .idle = "sleep", .more = more, .sessions = 1, .window = 1};
    site_load_open(&load, &options);
    budget_make_sessions(&load.sites[0], budget->connections);
    site_load_warm(&load, BUDGET_WARM_NS);
    const struct site_load_result one = site_load_measure(&load, BUDGET_NS);
    uint64_t before = site_load_resident_bytes(&load.sites[0]);
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", load.sites[0].ouch_port);
    (void)snprintf(number, sizeof number, "%u", budget->connections);
    (void)snprintf(output, sizeof output, "%s/hold.log", load.directory);
    const char *const arguments[] = {program, "hold", endpoint, number, NULL};
    pid_t holder = site_process_begin(output, arguments);
    budget_await_attached(&load, holder, (uint64_t)budget->connections + 1);
    site_load_warm(&load, BUDGET_WARM_NS);
    const struct site_load_result many = site_load_measure(&load, BUDGET_NS);
    uint64_t after = site_load_resident_bytes(&load.sites[0]);
    ASSERT(waitpid(holder, NULL, WNOHANG) == 0);
    (void)kill(holder, SIGKILL);
    (void)waitpid(holder, NULL, 0);
    site_load_close(&load);
    (void)snprintf(how, sizeof how, "%.0f us against %.0f us; %u, heartbeats both ways",
                   (double)many.p50_ns / 1e3, (double)one.p50_ns / 1e3, budget->connections);
    const struct budget_row latency = {"idle",
                                       "idle connections: p50 against with one",
                                       (double)many.p50_ns / (double)one.p50_ns,
                                       "x",
                                       1.1,
                                       1.1,
                                       false,
                                       how};
    const struct budget_row memory = {"idle",
                                      "idle connections: memory of each",
                                      (double)(after - before) / 1024 / budget->connections,
                                      "KiB",
                                      64,
                                      16,
                                      false,
                                      "of the site, as resident"};
    budget_print(budget, &latency);
    budget_print(budget, &memory);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "hold") == 0) {
        return budget_hold(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
    }
    const char *json_file = argc > 1 && argv[1][0] != '\0' ? argv[1] : NULL;
    struct budget budget = {.all = json_array(),
                            .asked = argc > 2 ? argv[2] : "",
                            .connections = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10)
                                                    : BUDGET_CONNECTIONS};
    ASSERT(budget.connections > 0);
    (void)printf("%-44s %9s %-4s    %8s %8s\n", "", "measured", "", "must", "aim");
    if (budget_asked(&budget, "link")) {
        budget_links(&budget);
    }
    if (budget_asked(&budget, "distance")) {
        budget_distance(&budget);
    }
    if (budget_asked(&budget, "snapshot")) {
        budget_snapshot(&budget);
    }
    if (budget_asked(&budget, "idle")) {
        budget_idle(&budget, argv[0]);
    }
    int failed = json_file != NULL ? json_dump_file(budget.all, json_file, JSON_INDENT(2)) : 0;
    json_decref(budget.all);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
