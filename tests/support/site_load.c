#include "tests/support/site_load.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "tests/support/test_market.h"
#include "tools/pause.h"

#define LOAD_SECOND       1e9
#define LOAD_POLL_NS      10000000
#define LOAD_TRIES_MAX    3000u
#define LOAD_MEASURES_MAX 8u
#define LOAD_STEP_NS      UINT64_C(100000000)
#define LOAD_READY_NS     UINT64_C(60000000000)
#define LOAD_INSTRUMENTS  2u
/* What the model leaves open, 4096 orders of an instrument, and what is under way. */
#define LOAD_ORDERS_MAX (1u << 16)

static const uint8_t load_symbols[LOAD_INSTRUMENTS][SYMBOL_BYTES] = {"GOOG    ", "AAPL    "};

/* ---- Figures ---- */

/* What the sites say of themselves, all together, and what the system says of them; figures only
 * grow. */
struct load_figures {
    uint64_t records;
    uint64_t segments;
    uint64_t segment_bytes;
    uint64_t stream_bytes;   /* Of both files of a shard, the live market's and the shadow's. */
    uint64_t disk_bytes;     /* Caused to be written, streams included. */
    uint64_t link_bytes_out; /* Of the leader's site; TLS included, TCP/IP not. */
    uint64_t link_bytes_in;
    double cpu_s;
};

static json_t *load_status_of(const struct site_process *site)
{
    char *text = test_market_get(site, "/status");
    json_t *root = json_loads(text, 0, NULL);
    ASSERT(root != NULL);
    free(text);
    return root;
}

static uint64_t load_path(json_t *root, const char *first, const char *second)
{
    json_t *value = json_object_get(json_object_get(root, first), second);
    ASSERT(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static json_t *load_shard_of(json_t *root)
{
    return json_array_get(json_object_get(root, "shards"), 0);
}

uint64_t site_load_status(const struct site_process *site, const char *first, const char *second)
{
    json_t *root = load_status_of(site);
    uint64_t value = load_path(root, first, second);
    json_decref(root);
    return value;
}

/* The number behind `key` in a file that the system has of a process. */
static uint64_t load_process_number(pid_t pid, const char *name, const char *key)
{
    char path[64];
    char line[1024];
    uint64_t value = 0;
    bool found = false;
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "re");
    ASSERT(file != NULL);
    while (!found && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            value = strtoull(line + strlen(key), NULL, 10);
            found = true;
        }
    }
    (void)fclose(file);
    ASSERT(found);
    return value;
}

uint64_t site_load_resident_bytes(const struct site_process *site)
{
    return load_process_number(site->pid, "status", "VmRSS:") * 1024;
}

static double load_process_cpu_s(pid_t pid)
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

static double load_own_cpu_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static uint64_t load_file_bytes(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 ? (uint64_t)found.st_size : 0;
}

static uint64_t load_stream_bytes(const struct site_process *site)
{
    char live[TEST_PATH_BYTES + 64];
    char shadow[TEST_PATH_BYTES + 64];
    (void)snprintf(live, sizeof live, "%s/data/" SITE_STREAM_FILE, site->directory, 1u);
    (void)snprintf(shadow, sizeof shadow, "%s/data/" SITE_SHADOW_FILE, site->directory, 1u);
    return load_file_bytes(live) + load_file_bytes(shadow);
}

/* The sum over all peers of a figure of GET /metrics. */
static uint64_t load_peer_bytes(const char *metrics, const char *name)
{
    uint64_t sum = 0;
    size_t name_bytes = strlen(name);
    for (const char *at = strstr(metrics, name); at != NULL; at = strstr(at + name_bytes, name)) {
        const char *value = at[name_bytes] == '{' ? strchr(at, ' ') : NULL;
        sum += value != NULL ? strtoull(value + 1, NULL, 10) : 0;
    }
    return sum;
}

static void load_figures_take(const struct site_load *load, struct load_figures *figures)
{
    *figures = (struct load_figures){0};
    for (uint32_t at = 0; at < load->site_count; at++) {
        const struct site_process *site = &load->sites[at];
        json_t *root = load_status_of(site);
        json_t *shard = load_shard_of(root);
        figures->records += load_path(shard, "log", "records_sealed"); /* Whoever led then. */
        figures->segments += load_path(shard, "log", "segments_sealed");
        figures->segment_bytes += load_path(shard, "log", "segment_bytes");
        figures->stream_bytes += load_stream_bytes(site);
        figures->disk_bytes += load_process_number(site->pid, "io", "write_bytes:");
        figures->cpu_s += load_process_cpu_s(site->pid);
        json_decref(root);
    }
    char *metrics = test_market_get(&load->sites[0], "/metrics");
    figures->link_bytes_out = load_peer_bytes(metrics, "causeway_peer_egress_bytes_total");
    figures->link_bytes_in = load_peer_bytes(metrics, "causeway_peer_ingress_bytes_total");
    free(metrics);
}

/* ---- Sites ---- */

/* The term in which the site leads, or 0. */
static uint64_t load_leads(const struct site_process *site)
{
    json_t *root = load_status_of(site);
    json_t *shard = load_shard_of(root);
    bool takes = json_is_true(json_object_get(json_object_get(shard, "log"), "takes"));
    uint64_t term = takes ? load_path(shard, "log", "term") : 0;
    json_decref(root);
    return term;
}

static void load_configure(const struct site_process *site, const struct site_load_options *options)
{
    char command[2 * TEST_PATH_BYTES];
    (void)snprintf(command, sizeof command, "sed -i 's/^idle: [a-z]*/idle: %s/' '%s'",
                   options->idle, site->config);
    ASSERT(system(command) == 0);
    if (options->more != NULL) {
        FILE *file = fopen(site->config, "ae");
        ASSERT(file != NULL);
        ASSERT(fputs(options->more, file) >= 0);
        ASSERT(fclose(file) == 0);
    }
}

/* Others reach the site by its relay, which stands where it was to listen. */
static void load_relay(struct site_load *load, const struct site_process *site)
{
    char text[1024];
    FILE *file = fopen(site->config, "re");
    ASSERT(file != NULL);
    unsigned port = 0;
    while (port == 0 && fgets(text, sizeof text, file) != NULL) {
        (void)sscanf(text, "  peer: \"127.0.0.1:%u\"", &port);
    }
    (void)fclose(file);
    ASSERT(port > 0 && port <= UINT16_MAX);
    uint16_t behind = delay_relay_add(load->relay, (uint16_t)port);
    char command[2 * TEST_PATH_BYTES];
    (void)snprintf(command, sizeof command,
                   "sed -i 's/^  peer: \"127.0.0.1:%u\"/  peer: \"127.0.0.1:%u\"/' '%s'", port,
                   behind, site->config);
    ASSERT(system(command) == 0);
}

static void load_open_sites(struct site_load *load, const struct site_load_options *options)
{
    load->site_count = options->sites;
    if (load->site_count == 1) {
        site_process_init(&load->sites[0], load->directory);
    } else {
        site_process_init_cluster(load->sites, load->site_count, load->directory, "MAIN=site-1");
    }
    if (options->delayed) {
        load->relay = delay_relay_create(options->delay_ns);
    }
    for (uint32_t at = 0; at < load->site_count; at++) {
        load_configure(&load->sites[at], options);
        if (load->relay != NULL) {
            load_relay(load, &load->sites[at]);
        }
    }
    if (load->relay != NULL) {
        delay_relay_start(load->relay);
    }
    for (uint32_t at = 0; at < load->site_count; at++) {
        site_process_launch(&load->sites[at]);
    }
    for (uint32_t at = 0; at < load->site_count; at++) {
        int exit_status = 0;
        ASSERT(site_process_await(&load->sites[at], &exit_status));
    }
    for (uint32_t tries = 0; load_leads(&load->sites[0]) == 0; tries++) {
        ASSERT(tries < LOAD_TRIES_MAX);
        pause_ns(LOAD_POLL_NS);
    }
}

static void load_make_market(struct site_load *load)
{
    test_market_firm(&load->sites[0]);
    for (uint32_t i = 0; i < LOAD_INSTRUMENTS; i++) {
        char symbol[SYMBOL_BYTES + 1] = {0};
        memcpy(symbol, load_symbols[i], SYMBOL_BYTES);
        symbol[strcspn(symbol, " ")] = '\0';
        int64_t price_min = 0;
        int64_t price_max = 0;
        flow_price_range(load->flow, i, &price_min, &price_max);
        test_market_instrument(&load->sites[0], symbol, price_min, price_max);
    }
}

void site_load_open(struct site_load *load, const struct site_load_options *options)
{
    ASSERT(options->sites >= 1 && options->sites <= SITE_LOAD_SITES_MAX);
    *load = (struct site_load){0};
    test_paths_make(load->directory, "site_load");
    load_open_sites(load, options);
    struct flow_options flow = {.seed = 1,
                                .sessions = options->sessions,
                                .instruments = LOAD_INSTRUMENTS,
                                .reported = true};
    ASSERT(flow_create(&load->flow, &flow) == STATUS_OK);
    load_make_market(load);
    char endpoint[32];
    (void)snprintf(endpoint, sizeof endpoint, "127.0.0.1:%u", load->sites[0].ouch_port);
    bool yields = strcmp(options->idle, "yield") == 0;
    struct ouch_client_options client = {.endpoint = endpoint,
                                         .sessions_max = options->sessions,
                                         .window_max = 1024,
                                         .idle = yields ? IO_IDLE_YIELD : IO_IDLE_SLEEP};
    ASSERT(ouch_client_create(&load->client, &client) == STATUS_OK);
    for (uint32_t i = 0; i < options->sessions; i++) {
        char name[SESSION_NAME_BYTES + 1];
        uint32_t index = 0;
        (void)snprintf(name, sizeof name, "S%05u", i % 100000);
        test_market_session(&load->sites[0], name);
        ASSERT(ouch_client_session_add(load->client, name, TEST_MARKET_PASSWORD, &index) ==
               STATUS_OK);
    }
    struct trader_options trader = {.client = load->client,
                                    .window = options->window,
                                    .rate = options->rate,
                                    .flow = load->flow,
                                    .instrument_count = LOAD_INSTRUMENTS,
                                    .symbols = load_symbols,
                                    .orders_max = LOAD_ORDERS_MAX,
                                    .client_id = options->client_id,
                                    .seed = 1};
    ASSERT(trader_create(&load->trader, &trader) == STATUS_OK);
}

void site_load_close(struct site_load *load)
{
    trader_destroy(load->trader);
    ouch_client_destroy(load->client);
    flow_destroy(load->flow);
    for (uint32_t at = load->site_count; at > 0; at--) {
        ASSERT(site_process_stop(&load->sites[at - 1]) == 0);
    }
    delay_relay_destroy(load->relay);
    test_paths_remove(load->directory);
}

/* ---- Trading ---- */

static void load_trade_until(struct site_load *load, uint64_t until_ns)
{
    while (ouch_client_now_ns(load->client) < until_ns) {
        if (!trader_ready(load->trader)) {
            trader_connect(load->trader); /* A connection that ended is no end of the load. */
        }
        ASSERT(trader_step(load->trader, until_ns) == STATUS_OK);
    }
}

void site_load_warm(struct site_load *load, uint64_t duration_ns)
{
    uint64_t limit_ns = ouch_client_now_ns(load->client) + LOAD_READY_NS;
    while (!trader_ready(load->trader)) {
        ASSERT(ouch_client_now_ns(load->client) < limit_ns);
        trader_connect(load->trader);
        ASSERT(trader_step(load->trader, ouch_client_now_ns(load->client) + LOAD_STEP_NS) ==
               STATUS_OK);
    }
    if (!load->trading) {
        trader_start(load->trader);
        load->trading = true;
    }
    load_trade_until(load, ouch_client_now_ns(load->client) + duration_ns);
}

/* All zero: nothing was answered at all. */
static struct site_load_result load_measure_once(struct site_load *load, uint64_t duration_ns)
{
    struct load_figures first;
    struct load_figures last;
    load_figures_take(load, &first);
    trader_measure(load->trader);
    double cpu_s = load_own_cpu_s();
    uint64_t from_ns = ouch_client_now_ns(load->client);
    load_trade_until(load, from_ns + duration_ns);
    double seconds = (double)(ouch_client_now_ns(load->client) - from_ns) / LOAD_SECOND;
    cpu_s = load_own_cpu_s() - cpu_s;
    struct trader_counts counts = trader_counts(load->trader);
    const struct histogram *latency = trader_order_latency(load->trader);
    load_figures_take(load, &last);

    double commands = (double)counts.commands;
    double records = (double)(last.records - first.records);
    double segments = (double)(last.segments - first.segments);
    double streams = (double)(last.stream_bytes - first.stream_bytes);
    double disk = (double)(last.disk_bytes - first.disk_bytes);
    if (commands <= 0 || records <= 0 || segments <= 0 || latency->count == 0) {
        return (struct site_load_result){0};
    }
    double links = records * (load->site_count > 1 ? load->site_count - 1 : 1);
    return (struct site_load_result){
        .commands_per_second = commands / seconds,
        .executions_per_second = (double)counts.executions / seconds,
        .p50_ns = histogram_percentile(latency, 500000),
        .p99_ns = histogram_percentile(latency, 990000),
        .p999_ns = histogram_percentile(latency, 999000),
        .site_cpu_s_per_million = (last.cpu_s - first.cpu_s) / commands * 1e6,
        .client_cpu_s_per_million = cpu_s / commands * 1e6,
        .segment_commands = records / segments,
        .segment_bytes = (double)(last.segment_bytes - first.segment_bytes) / records,
        .journal_bytes = (disk - streams) / records / load->site_count,
        .stream_bytes = streams / records / load->site_count,
        .link_bytes_out = (double)(last.link_bytes_out - first.link_bytes_out) / links,
        .link_bytes_in = (double)(last.link_bytes_in - first.link_bytes_in) / links,
    };
}

struct site_load_result site_load_measure(struct site_load *load, uint64_t duration_ns)
{
    for (uint32_t tries = 0; tries < LOAD_MEASURES_MAX; tries++) {
        uint64_t term = load_leads(&load->sites[0]);
        for (uint32_t waits = 0; term == 0; waits++) {
            ASSERT(waits < LOAD_TRIES_MAX);
            load_trade_until(load, ouch_client_now_ns(load->client) + LOAD_STEP_NS);
            term = load_leads(&load->sites[0]);
        }
        const struct site_load_result result = load_measure_once(load, duration_ns);
        if (load_leads(&load->sites[0]) == term && result.commands_per_second > 0) {
            return result;
        }
    }
    /* A machine so busy that no leader lasts, or nothing moves, says nothing. What was started here
     * must not make it busier. */
    for (uint32_t at = 0; at < load->site_count; at++) {
        site_process_kill(&load->sites[at]);
    }
    ASSERT(false);
    return (struct site_load_result){0};
}
