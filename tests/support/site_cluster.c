#include "tests/support/site_cluster.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"

#define POLL_NS 2000000L

static void cluster_append(const struct site_process *site, const char *more)
{
    FILE *file = fopen(site->config, "ae");
    assert_non_null(file);
    assert_true(fputs(more, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

bool site_cluster_start(struct site_cluster *cluster, const char *name, const char *shards,
                        const char *more)
{
    test_paths_make(cluster->directory, name);
    site_process_init_cluster(cluster->sites, SITE_CLUSTER_SITES, cluster->directory, shards);
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        if (more != NULL) {
            cluster_append(&cluster->sites[at], more);
        }
        site_process_launch(&cluster->sites[at]);
    }
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        int status = 0;
        if (!site_process_await(&cluster->sites[at], &status)) {
            print_error("site %u ended with %d\n", at + 1, status);
            site_process_show_log(&cluster->sites[at]);
            site_cluster_end(cluster); /* After a setup that failed nobody else does. */
            return false;
        }
    }
    test_market_apply(&cluster->sites[SITE_CLUSTER_SITES - 1]);
    return true;
}

void site_cluster_end(struct site_cluster *cluster)
{
    for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
        site_process_kill(&cluster->sites[at]);
    }
    test_paths_remove(cluster->directory);
}

bool site_cluster_status_holds(const struct site_process *site, const char *text)
{
    char *status = test_market_get(site, "/status");
    assert_non_null(status);
    bool holds = strstr(status, text) != NULL;
    free(status);
    return holds;
}

void site_cluster_await_status(const struct site_process *site, const char *text)
{
    while (!site_cluster_status_holds(site, text)) {
        site_cluster_pause(site);
    }
}

void site_cluster_pause(const struct site_process *site)
{
    if (site_process_ended(site)) {
        site_process_show_log(site);
        fail_msg("%s has ended, and something was waited for", site->directory);
    }
    const struct timespec pause = {.tv_nsec = POLL_NS};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

uint32_t site_cluster_await_leader(const struct site_cluster *cluster)
{
    for (;;) {
        for (uint32_t at = 0; at < SITE_CLUSTER_SITES; at++) {
            if (cluster->sites[at].pid != 0 &&
                site_cluster_status_holds(&cluster->sites[at], "\"leader\":true")) {
                return at;
            }
        }
    }
}

uint32_t site_cluster_other_than(uint32_t one, uint32_t two)
{
    uint32_t at = 0;
    while (at == one || at == two) {
        at++;
    }
    assert_true(at < SITE_CLUSTER_SITES);
    return at;
}

off_t site_cluster_log_bytes(const struct site_process *site)
{
    struct stat log;
    assert_int_equal(stat(site->log, &log), 0);
    return log.st_size;
}

void site_cluster_trade(struct soup_client *client, uint32_t first_reference, uint32_t count)
{
    uint32_t next = first_reference;
    while (next < first_reference + count) {
        soup_client_order(client, next, 'B', 10, "TEST", 500000, '0');
        struct soup_packet packet;
        assert_true(soup_client_receive(client, &packet));
        if (packet.type == 'S') {
            assert_int_equal(packet.payload[0], 'A');
            client->next_sequence++;
            next++;
        } else {
            assert_int_equal(packet.type, '+');
        }
    }
}

void site_cluster_read_stream(struct site_cluster *cluster, uint32_t index, const char *session,
                              struct site_cluster_stream *stream, uint64_t count)
{
    struct soup_client *client = &cluster->client;
    assert_true(count <= SITE_CLUSTER_STREAM_MAX);
    soup_client_join(client, cluster->sites[index].ouch_port, session, TEST_MARKET_PASSWORD, 1);
    for (stream->count = 0; stream->count < count; stream->count++) {
        struct soup_packet packet;
        assert_true(soup_client_receive(client, &packet));
        assert_int_equal(packet.type, 'S');
        assert_true(packet.payload_bytes <= SITE_CLUSTER_MESSAGE_MAX);
        stream->messages[stream->count].bytes = packet.payload_bytes;
        memcpy(stream->messages[stream->count].content, packet.payload, packet.payload_bytes);
    }
    soup_client_close(client);
}

void site_cluster_expect_same(const struct site_cluster_stream *one,
                              const struct site_cluster_stream *other)
{
    assert_int_equal(one->count, other->count);
    for (uint64_t at = 0; at < one->count; at++) {
        assert_int_equal(one->messages[at].bytes, other->messages[at].bytes);
        assert_memory_equal(one->messages[at].content, other->messages[at].content,
                            one->messages[at].bytes);
    }
}

void site_cluster_join(struct soup_client *client, const struct site_process *site,
                       const char *session, uint64_t next_sequence)
{
    struct soup_packet packet;
    do {
        soup_client_connect(client, site->ouch_port);
        soup_client_login(client, session, TEST_MARKET_PASSWORD, NULL, next_sequence);
        assert_true(soup_client_receive(client, &packet));
        if (packet.type == 'J') {
            soup_client_close(client);
            site_cluster_pause(site);
        }
    } while (packet.type == 'J');
    assert_int_equal(packet.type, 'A');
    client->next_sequence = next_sequence;
}

void site_cluster_read_hash(const struct site_process *site, char hash[static 17])
{
    char *status = test_market_get(site, "/status");
    assert_non_null(status);
    const char *at = strstr(status, "\"event_hash\":\"");
    assert_non_null(at);
    memcpy(hash, at + strlen("\"event_hash\":\""), 16);
    hash[16] = '\0';
    free(status);
}

void site_cluster_await_equal_hashes(const struct site_process *sites, uint32_t count)
{
    char first[17];
    char other[17];
    for (uint32_t at = 1; at < count; at++) {
        site_cluster_read_hash(&sites[0], first);
        site_cluster_read_hash(&sites[at], other);
        while (strcmp(first, other) != 0) {
            site_cluster_pause(&sites[at]);
            site_cluster_read_hash(&sites[0], first);
            site_cluster_read_hash(&sites[at], other);
        }
    }
}

void site_cluster_stop_and_verify(struct site_process *sites, uint32_t count)
{
    static char output[65536];
    for (uint32_t at = 0; at < count; at++) { /* All at once: none waits for the others. */
        (void)kill(sites[at].pid, SIGTERM);
    }
    for (uint32_t at = 0; at < count; at++) {
        assert_int_equal(site_process_stop(&sites[at]), 0);
    }
    for (uint32_t at = 0; at < count; at++) {
        const char *const verify[] = {sites[at].tool, "journal",        "verify",
                                      "--config",     sites[at].config, NULL};
        if (site_process_run(output, sizeof output, verify) != 0) {
            fail_msg("site %u: %s", at + 1, output);
        }
        assert_non_null(strstr(output, "verified"));
    }
}
