/* Several sites as real processes, the test market applied, one client at a time: what tests of
 * whole clusters do again and again. Waiting ends when what is waited for is there; the time limit
 * of the test's runner ends it otherwise. */
#ifndef TESTS_SUPPORT_SITE_CLUSTER_H
#define TESTS_SUPPORT_SITE_CLUSTER_H

#include "tests/support/site_process.h"
#include "tests/support/soup_client.h"
#include "tests/support/test_market.h"

#define SITE_CLUSTER_SITES       3u
#define SITE_CLUSTER_STREAM_MAX  4096u
#define SITE_CLUSTER_MESSAGE_MAX 128u

struct site_cluster {
    char directory[TEST_PATH_BYTES];
    struct site_process sites[SITE_CLUSTER_SITES];
    struct soup_client client;
};

/* A session's stream as a client has read it. */
struct site_cluster_stream {
    struct {
        size_t bytes;
        uint8_t content[SITE_CLUSTER_MESSAGE_MAX];
    } messages[SITE_CLUSTER_STREAM_MAX];
    uint64_t count;
};

/* Make and start it; `more` stands at the end of every configuration file (NULL: nothing). False:
 * a site ended, and its log is shown. */
bool site_cluster_start(struct site_cluster *cluster, const char *name, const char *shards,
                        const char *more);
/* Kill all, remove the directory. */
void site_cluster_end(struct site_cluster *cluster);

/* Whether GET /status of a site has this text somewhere; until it has. */
bool site_cluster_status_holds(const struct site_process *site, const char *text);
void site_cluster_await_status(const struct site_process *site, const char *text);
/* Between two looks: some milliseconds. Fails when the site has ended, with its log. */
void site_cluster_pause(const struct site_process *site);
/* Who leads shard 1 of those that run. */
uint32_t site_cluster_await_leader(const struct site_cluster *cluster);
/* The first site that is neither. */
uint32_t site_cluster_other_than(uint32_t one, uint32_t two);
/* How long its log is now. */
off_t site_cluster_log_bytes(const struct site_process *site);

/* Orders of the client with these references. What a gateway refuses while nobody leads is sent
 * again: it has used up no reference. */
void site_cluster_trade(struct soup_client *client, uint32_t first_reference, uint32_t count);
/* Log on where the session may still be behind what this client has seen: then it is refused, and
 * tried again. */
void site_cluster_join(struct soup_client *client, const struct site_process *site,
                       const char *session, uint64_t next_sequence);
/* The first `count` messages of a session at a site. */
void site_cluster_read_stream(struct site_cluster *cluster, uint32_t index, const char *session,
                              struct site_cluster_stream *stream, uint64_t count);
void site_cluster_expect_same(const struct site_cluster_stream *one,
                              const struct site_cluster_stream *other);
/* The event hash of shard 1. */
void site_cluster_read_hash(const struct site_process *site, char hash[static 17]);
/* Nobody sends any more: every engine comes to the same hash. All sites run. */
void site_cluster_await_equal_hashes(const struct site_process *sites, uint32_t count);
/* Each stops in good order, and its journal verifies. */
void site_cluster_stop_and_verify(struct site_process *sites, uint32_t count);

#endif
