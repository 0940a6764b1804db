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
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "tests/support/site_process.h"
#include "tests/support/test_market.h"
#include "tools/trader.h"

#define SITE_BENCH_NS      UINT64_C(4000000000) /* Of each measurement. */
#define SITE_BENCH_WARM_NS UINT64_C(1000000000)
#define SITE_BENCH_SECOND  1e9
#define SITES_MAX          3u

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
    {"one at a time, sleeping", SITES_MAX, "sleep", 1, 1, ORDER_DESK_EMPTY, 1},
    {"one at a time, yielding", SITES_MAX, "yield", 1, 1, ORDER_DESK_EMPTY, 1},
    {"64 in flight, yielding", SITES_MAX, "yield", 8, 8, ORDER_DESK_EMPTY, 64},
    {"saturated", SITES_MAX, "sleep", 32, 256, ORDER_DESK_EMPTY, 0},
};
#define SCENARIO_COUNT (sizeof scenarios / sizeof scenarios[0])

struct result {
    double commands_per_second;
    double executions_per_second;
    uint64_t p50_ns;
    uint64_t p99_ns;
    uint64_t p999_ns;
    double site_cpu_s_per_million; /* Of all sites together. */
    double client_cpu_s_per_million;
    double segment_bytes;        /* Header and payload, per command. */
    double journal_bytes;        /* Written to disk a site: ring and store, per command. */
    double stream_bytes;         /* Session streams of a site, per command. */
    double yardstick_per_second; /* 0: none. */
    double yardstick_p50_us;
};

/* Everything between a client and its market that one scenario needs. */
struct run {
    struct site_process sites[SITES_MAX]; /* The first leads. */
    uint32_t site_count;
    struct ouch_client *client;
    struct flow *flow;
    struct trader *trader;
};

/* What the sites say of themselves, all together; figures only grow. */
struct site_figures {
    uint64_t records;
    uint64_t segment_bytes;
    uint64_t wal_bytes;
    uint64_t store_bytes;
    uint64_t stream_bytes;
    double cpu_s;
};

static uint64_t json_path(json_t *root, const char *first, const char *second)
{
    json_t *value = json_object_get(json_object_get(root, first), second);
    ASSERT(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static double process_cpu_s(pid_t pid)
{
    char path[64];
    char text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    ASSERT(file != NULL);
    ASSERT(fgets(text, sizeof text, file) != NULL);
    (void)fclose(file);
    unsigned long user = 0;
    unsigned long system = 0;
    const char *rest = strrchr(text, ')'); /* Fields 14 and 15, counted behind the name. */
    ASSERT(rest != NULL);
    int fields =
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    ASSERT(fields == 2);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static json_t *status_of(const struct site_process *site)
{
    char *text = test_market_get(site, "/status");
    json_t *root = json_loads(text, 0, NULL);
    ASSERT(root != NULL);
    free(text);
    return root;
}

static json_t *shard_of(json_t *root)
{
    return json_array_get(json_object_get(root, "shards"), 0);
}

static struct site_figures figures(const struct run *run)
{
    struct site_figures now = {0};
    for (uint32_t at = 0; at < run->site_count; at++) {
        json_t *root = status_of(&run->sites[at]);
        json_t *shard = shard_of(root);
        now.records += json_path(shard, "log", "records_sealed"); /* Whoever led then. */
        now.segment_bytes += json_path(shard, "log", "segment_bytes");
        now.wal_bytes += json_path(root, "journal", "wal_written_bytes");
        now.store_bytes += json_path(root, "journal", "store_used_bytes");
        now.stream_bytes += json_path(shard, "streams", "file_bytes");
        now.cpu_s += process_cpu_s(run->sites[at].pid);
        json_decref(root);
    }
    return now;
}

static bool leads(const struct site_process *site)
{
    json_t *root = status_of(site);
    bool yes = json_is_true(json_object_get(json_object_get(shard_of(root), "log"), "takes"));
    json_decref(root);
    return yes;
}

static double own_cpu_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static void set_idle(const struct site_process *site, const char *idle)
{
    char command[2 * TEST_PATH_BYTES];
    (void)snprintf(command, sizeof command, "sed -i 's/^idle: [a-z]*/idle: %s/' '%s'", idle,
                   site->config);
    ASSERT(system(command) == 0);
}

static void make_market(struct run *run)
{
    static const uint8_t symbols[2][SYMBOL_BYTES] = {"GOOG    ", "AAPL    "};
    test_market_firm(&run->sites[0]);
    for (uint32_t i = 0; i < 2; i++) {
        char symbol[SYMBOL_BYTES + 1] = {0};
        memcpy(symbol, symbols[i], SYMBOL_BYTES);
        symbol[strcspn(symbol, " ")] = '\0';
        int64_t price_min = 0;
        int64_t price_max = 0;
        flow_price_range(run->flow, i, &price_min, &price_max);
        test_market_instrument(&run->sites[0], symbol, price_min, price_max);
    }
}

static void open_sites(struct run *run, const struct scenario *scenario, const char *directory)
{
    run->site_count = scenario->sites;
    if (run->site_count == 1) {
        site_process_init(&run->sites[0], directory);
    } else {
        site_process_init_cluster(run->sites, run->site_count, directory, "MAIN=site-1");
    }
    for (uint32_t at = 0; at < run->site_count; at++) {
        set_idle(&run->sites[at], scenario->idle);
        site_process_launch(&run->sites[at]);
    }
    for (uint32_t at = 0; at < run->site_count; at++) {
        int exit_status = 0;
        ASSERT(site_process_await(&run->sites[at], &exit_status));
    }
    for (uint32_t tries = 0; !leads(&run->sites[0]); tries++) {
        ASSERT(tries < 3000);
        const struct timespec pause = {.tv_nsec = 10000000};
        (void)nanosleep(&pause, NULL);
    }
}

static void open_run(struct run *run, const struct scenario *scenario, const char *directory)
{
    static const uint8_t symbols[2][SYMBOL_BYTES] = {"GOOG    ", "AAPL    "};
    open_sites(run, scenario, directory);
    struct flow_options flow = {
        .seed = 1, .sessions = scenario->sessions, .instruments = 2, .reported = true};
    ASSERT(flow_create(&run->flow, &flow) == STATUS_OK);
    make_market(run);
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", run->sites[0].ouch_port);
    struct ouch_client_options client = {.endpoint = endpoint,
                                         .sessions_max = scenario->sessions,
                                         .window_max = 1024,
                                         .idle = strcmp(scenario->idle, "yield") == 0
                                                     ? IO_IDLE_YIELD
                                                     : IO_IDLE_SLEEP};
    ASSERT(ouch_client_create(&run->client, &client) == STATUS_OK);
    for (uint32_t i = 0; i < scenario->sessions; i++) {
        char name[SESSION_NAME_BYTES + 1];
        uint32_t index = 0;
        (void)snprintf(name, sizeof name, "S%05u", i % 100000);
        test_market_session(&run->sites[0], name);
        ASSERT(ouch_client_session_add(run->client, name, TEST_MARKET_PASSWORD, &index) ==
               STATUS_OK);
    }
    struct trader_options trader = {.client = run->client,
                                    .window = scenario->window,
                                    .flow = run->flow,
                                    .instrument_count = 2,
                                    .symbols = symbols,
                                    .orders_max = 1u << 20,
                                    .client_id = scenario->client_id,
                                    .seed = 1};
    ASSERT(trader_create(&run->trader, &trader) == STATUS_OK);
}

static void close_run(struct run *run)
{
    trader_destroy(run->trader);
    ouch_client_destroy(run->client);
    flow_destroy(run->flow);
    for (uint32_t at = run->site_count; at > 0; at--) {
        ASSERT(site_process_stop(&run->sites[at - 1]) == 0);
    }
}

static void trade_until(struct run *run, uint64_t until_ns)
{
    while (ouch_client_now_ns(run->client) < until_ns) {
        ASSERT(trader_step(run->trader, until_ns) == STATUS_OK);
    }
}

/* The latencies since `before`, which it overwrites. */
static void since(struct histogram *before, const struct histogram *now)
{
    struct histogram *difference = calloc(1, sizeof *difference);
    ASSERT(difference != NULL);
    difference->count = now->count - before->count;
    difference->max_ns = now->max_ns;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        difference->buckets[i] = now->buckets[i] - before->buckets[i];
    }
    *before = *difference;
    free(difference);
}

static struct result measure(struct run *run)
{
    static struct histogram latency;
    while (!trader_ready(run->trader)) {
        trader_connect(run->trader);
        ASSERT(trader_step(run->trader,
                           ouch_client_now_ns(run->client) + SITE_BENCH_WARM_NS / 10) == STATUS_OK);
    }
    trader_start(run->trader);
    trade_until(run, ouch_client_now_ns(run->client) + SITE_BENCH_WARM_NS);
    struct site_figures first = figures(run);
    struct trader_counts before = trader_counts(run->trader);
    latency = *trader_order_latency(run->trader);
    double cpu_s = own_cpu_s();
    uint64_t from_ns = ouch_client_now_ns(run->client);
    trade_until(run, from_ns + SITE_BENCH_NS);
    double seconds = (double)(ouch_client_now_ns(run->client) - from_ns) / SITE_BENCH_SECOND;
    cpu_s = own_cpu_s() - cpu_s;
    struct trader_counts after = trader_counts(run->trader);
    struct site_figures last = figures(run);
    since(&latency, trader_order_latency(run->trader));

    double commands = (double)(after.commands - before.commands);
    double records = (double)(last.records - first.records);
    ASSERT(commands > 0 && records > 0);
    uint64_t written = last.wal_bytes - first.wal_bytes + last.store_bytes - first.store_bytes;
    return (struct result){
        .commands_per_second = commands / seconds,
        .executions_per_second = (double)(after.executions - before.executions) / seconds,
        .p50_ns = histogram_percentile(&latency, 500000),
        .p99_ns = histogram_percentile(&latency, 990000),
        .p999_ns = histogram_percentile(&latency, 999000),
        .site_cpu_s_per_million = (last.cpu_s - first.cpu_s) / commands * 1e6,
        .client_cpu_s_per_million = cpu_s / commands * 1e6,
        .segment_bytes = (double)(last.segment_bytes - first.segment_bytes) / records,
        .journal_bytes = (double)written / records / run->site_count,
        .stream_bytes =
            (double)(last.stream_bytes - first.stream_bytes) / records / run->site_count,
    };
}

/* "qfloor block 64B win 1: 4135 msg/s ... p50 240.4 p90 ..." */
static void yardstick(struct result *result, const struct scenario *scenario, const char *program,
                      const char *directory)
{
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
        result->yardstick_per_second = strtod(rate + 1, NULL);
        result->yardstick_p50_us = strtod(median + 4, NULL);
    }
}

static void print_result(const struct scenario *scenario, const struct result *result)
{
    (void)printf("%u: %-24s %9.0f %9.0f %8.1f %8.1f %9.1f %6.2f %6.2f %6.1f %6.1f %6.1f",
                 scenario->sites, scenario->name, result->commands_per_second,
                 result->executions_per_second, (double)result->p50_ns / 1e3,
                 (double)result->p99_ns / 1e3, (double)result->p999_ns / 1e3,
                 result->site_cpu_s_per_million, result->client_cpu_s_per_million,
                 result->segment_bytes, result->journal_bytes, result->stream_bytes);
    if (result->yardstick_p50_us > 0) {
        (void)printf("  %8.1f %5.2f", result->yardstick_p50_us,
                     (double)result->p50_ns / 1e3 / result->yardstick_p50_us);
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

static json_t *result_json(const struct scenario *scenario, const struct result *result)
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
                     "yardstick_messages_per_second", result->yardstick_per_second,
                     "yardstick_p50_us", result->yardstick_p50_us);
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
        static struct run run;
        char line[64];
        (void)snprintf(line, sizeof line, "%u: %s", scenarios[i].sites, scenarios[i].name);
        if (strncmp(line, asked, strlen(asked)) != 0) {
            continue;
        }
        char directory[TEST_PATH_BYTES];
        test_paths_make(directory, "site_bench");
        open_run(&run, &scenarios[i], directory);
        struct result result = measure(&run);
        close_run(&run);
        if (program != NULL && scenarios[i].yardstick_window > 0) {
            yardstick(&result, &scenarios[i], program, directory);
        }
        print_result(&scenarios[i], &result);
        (void)json_array_append_new(all, result_json(&scenarios[i], &result));
        test_paths_remove(directory);
    }
    int failed = json_file != NULL ? json_dump_file(all, json_file, JSON_INDENT(2)) : 0;
    json_decref(all);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
