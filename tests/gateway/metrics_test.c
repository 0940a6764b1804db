/* The text as Prometheus reads it: every sample has its HELP and TYPE before it, once. */
#include "gateway/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

#define SAMPLES_MAX 256u

static char *make(uint32_t shard_count)
{
    struct admin_site site = {.cluster = "demo",
                              .site = "one",
                              .provider = "metal",
                              .shard_count = shard_count,
                              .serving = true,
                              .journal = {.wal_writes = UINT64_MAX},
                              .doors = {.connections = 7},
                              .evidence_files = 4,
                              .commands_logged = 1000,
                              .evidence_bytes = 4321};
    static struct admin_shard shards[SHARDS_MAX] = {
        {.shard_id = 1, .name = "EQ", .queue_room = 5},
        {.shard_id = 2, .name = "FX", .log.leader = true}};
    shards[1].totals.executions = 42;
    shards[0].log.records_logged = 300;
    shards[1].log.evidence_waits = true;
    shards[0].log.forks = 5;
    shards[0].log.halted = true;
    memcpy(site.sites[2].name, "gcp-use4", 9);
    memcpy(site.sites[2].provider, "gcp", 4);
    memcpy(site.sites[3].name, "metal-ny", 9);
    memcpy(site.sites[3].provider, "metal", 6);
    site.peers[2] = (struct admin_peer){.known = true,
                                        .connected = true,
                                        .bytes_out = 9000,
                                        .bytes_in = 8,
                                        .millibytes_per_command = 90,
                                        .cost_micros = 77};
    site.peers[3] = (struct admin_peer){.known = true, .bytes_out = 1234, .dropped = 5};
    site.link_ends[LINK_END_WRONG_CLUSTER] = 6;
    struct metrics_admin admin = {.requests = 3, .unauthorized = 2, .timeouts = 1};
    char *text = metrics_text(&site, shards, &admin);
    assert_non_null(text);
    return text;
}

static void figures_are_where_they_belong(void **state)
{
    (void)state;
    char *text = make(2);
    static const char *const lines[] = {
        "\ncauseway_site_info{cluster=\"demo\",site=\"one\",provider=\"metal\"} 1\n",
        "\ncauseway_serving 1\n",
        "\ncauseway_wal_writes_total 18446744073709551615\n",
        "\ncauseway_client_connections 7\n",
        "\ncauseway_shard_leader{shard=\"EQ\"} 0\ncauseway_shard_leader{shard=\"FX\"} 1\n",
        "\ncauseway_shard_executions_total{shard=\"FX\"} 42\n",
        "\ncauseway_shard_halted{shard=\"EQ\"} 1\ncauseway_shard_halted{shard=\"FX\"} 0\n",
        "\ncauseway_evidence_files 4\n",
        "\ncauseway_evidence_bytes 4321\n",
        "\ncauseway_shard_evidence_waits{shard=\"EQ\"} 0\n",
        "\ncauseway_shard_evidence_waits{shard=\"FX\"} 1\n",
        "\ncauseway_shard_forks_total{shard=\"EQ\"} 5\n",
        "\ncauseway_shard_queue_room{shard=\"EQ\"} 5\n",
        "\ncauseway_peer_egress_bytes_total{peer=\"gcp-use4\",provider=\"gcp\"} 9000\n",
        "\ncauseway_peer_egress_bytes_total{peer=\"metal-ny\",provider=\"metal\"} 1234\n",
        "\ncauseway_peer_egress_cost_micros_total{peer=\"gcp-use4\",provider=\"gcp\"} 77\n",
        "\ncauseway_peer_egress_millibytes_per_command{peer=\"gcp-use4\",provider=\"gcp\"} 90\n",
        "\ncauseway_shard_commands_logged_total{shard=\"EQ\"} 300\n",
        "\ncauseway_peer_connected{peer=\"metal-ny\",provider=\"metal\"} 0\n",
        "\ncauseway_egress_millibytes_per_command 10234\n",
        "\ncauseway_link_ends_total{reason=\"wrong-cluster\"} 6\n",
        "\ncauseway_admin_requests_total 3\n",
        "\ncauseway_admin_unauthorized_total 2\n",
        "\ncauseway_admin_timeouts_total 1\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (strstr(text, lines[i]) == NULL) {
            print_error("lacks %s", lines[i]);
        }
        assert_non_null(strstr(text, lines[i]));
    }
    free(text);
}

static void form_is_prometheus(void **state)
{
    (void)state;
    char *text = make(2);
    static char names[SAMPLES_MAX][80];
    uint32_t count = 0;
    char last[80] = "";
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char name[80], rest[16];
        if (sscanf(line, "# HELP %79s", name) == 1) {
            assert_non_null(strchr(line + 7, '.'));
            for (uint32_t i = 0; i < count; i++) {
                assert_string_not_equal(names[i], name);
            }
            assert_true(count < SAMPLES_MAX);
            memcpy(names[count++], name, sizeof name);
            memcpy(last, name, sizeof last);
        } else if (sscanf(line, "# TYPE %79s %15s", name, rest) == 2) {
            assert_string_equal(name, last);
            /* By convention counters, and only they, end in _total. */
            size_t length = strlen(name);
            bool total = length > 6 && strcmp(name + length - 6, "_total") == 0;
            assert_string_equal(rest, total ? "counter" : "gauge");
        } else {
            assert_int_equal(strncmp(line, last, strlen(last)), 0);
            assert_true(line[strlen(last)] == ' ' || line[strlen(last)] == '{');
        }
    }
    assert_true(count > 40);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_where_they_belong),
        cmocka_unit_test(form_is_prometheus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
