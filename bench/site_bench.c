/* One site and three, end to end: orders in over OUCH, durable (at a commit quorum that spans two
 * providers), matched at every site, acknowledgements out. Real causewayd processes, real sockets,
 * TLS links without delay, flow from the zero-intelligence model. The client is at the leader.
 *
 *   site_bench [JSON-FILE [QFLOOR [TEXT]]]
 *
 * TEXT: only scenarios whose line begins with it ("3: saturated"); an empty name leaves a file out.
 * Beside each figure that has one stands the yardstick's: QFLOOR is what a durable append over
 * three nodes costs at the least on this machine, measured right after it. Compare ratios, never
 * absolute values. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tests/support/site_load.h"

#define SITE_BENCH_NS      UINT64_C(4000000000) /* Of each measurement. */
#define SITE_BENCH_WARM_NS UINT64_C(3000000000) /* Until all memory that is used has been used. */

struct scenario {
    const char *name;
    uint32_t sites;
    const char *idle; /* Of the site and of the client. */
    uint32_t sessions;
    uint32_t window; /* Unanswered commands of each session. */
    enum order_desk_client_id client_id;
    uint32_t yardstick_window; /* In flight at the yardstick; 0: it has nothing comparable. */
};

static const struct scenario scenarios[] = {
    {"one at a time, sleeping", 1, "sleep", 1, 1, ORDER_DESK_EMPTY, 1},
    {"one at a time, yielding", 1, "yield", 1, 1, ORDER_DESK_EMPTY, 1},
    {"64 in flight, yielding", 1, "yield", 8, 8, ORDER_DESK_EMPTY, 64},
    {"saturated", 1, "sleep", 32, 256, ORDER_DESK_EMPTY, 0},
    {"saturated, counting ids", 1, "sleep", 32, 256, ORDER_DESK_COUNTING, 0},
    {"saturated, random ids", 1, "sleep", 32, 256, ORDER_DESK_RANDOM, 0},
    {"one at a time, sleeping", SITE_LOAD_SITES_MAX, "sleep", 1, 1, ORDER_DESK_EMPTY, 1},
    {"one at a time, yielding", SITE_LOAD_SITES_MAX, "yield", 1, 1, ORDER_DESK_EMPTY, 1},
    {"64 in flight, yielding", SITE_LOAD_SITES_MAX, "yield", 8, 8, ORDER_DESK_EMPTY, 64},
    {"saturated", SITE_LOAD_SITES_MAX, "sleep", 32, 256, ORDER_DESK_EMPTY, 0},
};
#define SCENARIO_COUNT (sizeof scenarios / sizeof scenarios[0])

/* What it costs at the least; 0: nothing comparable. */
struct yardstick {
    double per_second;
    double p50_us;
};

/* "qfloor block 64B win 1: 4135 msg/s ... p50 240.4 p90 ..." */
static struct yardstick measure_yardstick(const struct scenario *scenario, const char *program)
{
    struct yardstick result = {0};
    char directory[TEST_PATH_BYTES];
    test_paths_make(directory, "yardstick");
    char command[2 * TEST_PATH_BYTES];
    char text[1024];
    (void)snprintf(command, sizeof command, "'%s' '%s' 64 %u 2 %s", program, directory,
                   scenario->yardstick_window,
                   strcmp(scenario->idle, "yield") == 0 ? "yield" : "block");
    FILE *pipe = popen(command, "r");
    ASSERT(pipe != NULL);
    const char *line = fgets(text, sizeof text, pipe);
    (void)pclose(pipe);
    const char *rate = line != NULL ? strchr(line, ':') : NULL;
    const char *median = line != NULL ? strstr(line, "p50 ") : NULL;
    if (rate != NULL && median != NULL) {
        result.per_second = strtod(rate + 1, NULL);
        result.p50_us = strtod(median + 4, NULL);
    }
    test_paths_remove(directory);
    return result;
}

static void print_result(const struct scenario *scenario, const struct site_load_result *result,
                         const struct yardstick *yardstick)
{
    (void)printf("%u: %-24s %9.0f %9.0f %8.1f %8.1f %9.1f %6.2f %6.2f %6.1f %6.1f %6.1f",
                 scenario->sites, scenario->name, result->commands_per_second,
                 result->executions_per_second, (double)result->p50_ns / 1e3,
                 (double)result->p99_ns / 1e3, (double)result->p999_ns / 1e3,
                 result->site_cpu_s_per_million, result->client_cpu_s_per_million,
                 result->segment_bytes, result->journal_bytes, result->stream_bytes);
    if (yardstick->p50_us > 0) {
        (void)printf("  %8.1f %5.2f", yardstick->p50_us,
                     (double)result->p50_ns / 1e3 / yardstick->p50_us);
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

static json_t *result_json(const struct scenario *scenario, const struct site_load_result *result,
                           const struct yardstick *yardstick)
{
    return json_pack("{s:s,s:i,s:s,s:i,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}",
                     "scenario", scenario->name, "sites", (int)scenario->sites, "idle",
                     scenario->idle, "sessions", (int)scenario->sessions, "window",
                     (int)scenario->window, "commands_per_second", result->commands_per_second,
                     "executions_per_second", result->executions_per_second, "p50_us",
                     (double)result->p50_ns / 1e3, "p99_us", (double)result->p99_ns / 1e3,
                     "p99_9_us", (double)result->p999_ns / 1e3, "site_cpu_seconds_per_million",
                     result->site_cpu_s_per_million, "client_cpu_seconds_per_million",
                     result->client_cpu_s_per_million, "segment_bytes_per_command",
                     result->segment_bytes, "journal_bytes_per_command", result->journal_bytes,
                     "stream_bytes_per_command", result->stream_bytes,
                     "yardstick_messages_per_second", yardstick->per_second, "yardstick_p50_us",
                     yardstick->p50_us);
}

int main(int argc, char **argv)
{
    const char *json_file = argc > 1 && argv[1][0] != '\0' ? argv[1] : NULL;
    const char *program = argc > 2 && argv[2][0] != '\0' ? argv[2] : NULL;
    const char *asked = argc > 3 ? argv[3] : "";
    json_t *all = json_array();
    (void)printf("%-27s %9s %9s %8s %8s %9s %6s %6s %6s %6s %6s  %8s %5s\n", "", "commands",
                 "trades", "p50", "p99", "p99.9", "site", "client", "log", "disk", "stream",
                 "floor", "p50");
    (void)printf("%-27s %9s %9s %8s %8s %9s %13s %6s %6s %6s  %8s %5s\n", "sites: load", "/s", "/s",
                 "us", "us", "us", "CPU s/million", "B each", "B each", "B each", "p50 us",
                 "ratio");
    for (size_t i = 0; i < SCENARIO_COUNT; i++) {
        static struct site_load load;
        char line[64];
        (void)snprintf(line, sizeof line, "%u: %s", scenarios[i].sites, scenarios[i].name);
        if (strncmp(line, asked, strlen(asked)) != 0) {
            continue;
        }
        const struct site_load_options options = {.sites = scenarios[i].sites,
                                                  .idle = scenarios[i].idle,
                                                  .sessions = scenarios[i].sessions,
                                                  .window = scenarios[i].window,
                                                  .client_id = scenarios[i].client_id};
        struct yardstick yardstick = {0};
        site_load_open(&load, &options);
        site_load_warm(&load, SITE_BENCH_WARM_NS);
        const struct site_load_result result = site_load_measure(&load, SITE_BENCH_NS);
        site_load_close(&load);
        if (program != NULL && scenarios[i].yardstick_window > 0) {
            yardstick = measure_yardstick(&scenarios[i], program);
        }
        print_result(&scenarios[i], &result, &yardstick);
        (void)json_array_append_new(all, result_json(&scenarios[i], &result, &yardstick));
    }
    int failed = json_file != NULL ? json_dump_file(all, json_file, JSON_INDENT(2)) : 0;
    json_decref(all);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
