/* Real sites under load: made, given a market, traded with through real sessions of the
 * zero-intelligence model, and measured. What the end-to-end benches do again and again. The client
 * is at the first site, which leads. Asserts that everything succeeds. */
#ifndef TESTS_SUPPORT_SITE_LOAD_H
#define TESTS_SUPPORT_SITE_LOAD_H

#include "matching/base/histogram.h"
#include "tests/support/delay_relay.h"
#include "tests/support/site_process.h"
#include "tests/support/test_paths.h"
#include "tools/trader.h"

#define SITE_LOAD_SITES_MAX 3u

struct site_load_options {
    uint32_t sites;
    const char *idle; /* Of the sites and of the client: sleep, yield. */
    const char *more; /* Stands at the end of every configuration; NULL: nothing. */
    uint32_t sessions;
    uint32_t window; /* Unanswered commands of each session. */
    uint64_t rate;   /* Commands a second; 0: as many as the window allows. */
    enum order_desk_client_id client_id;
    bool delayed;      /* Links between sites go through relays, */
    uint64_t delay_ns; /* which hold up every byte by this, each way. */
};

struct site_load {
    struct site_process sites[SITE_LOAD_SITES_MAX]; /* The first leads. */
    uint32_t site_count;
    struct delay_relay *relay;
    struct ouch_client *client;
    struct flow *flow;
    struct trader *trader;
    bool trading;
    char directory[TEST_PATH_BYTES];
};

/* Per command, except where the name says otherwise. */
struct site_load_result {
    double commands_per_second;
    double executions_per_second;
    uint64_t p50_ns; /* From due to answer, of orders and replaces. */
    uint64_t p99_ns;
    uint64_t p999_ns;
    double site_cpu_s_per_million; /* Of all sites together. */
    double client_cpu_s_per_million;
    double segment_commands; /* Of an average segment. */
    double segment_bytes;    /* Header and payload. */
    double journal_bytes;    /* Written to disk a site: ring and store. */
    double stream_bytes;     /* Written to disk a site: session streams. */
    double link_bytes_out;   /* From the leader to a follower, */
    double link_bytes_in;    /* and back. */
};

/* Make, start and fill them; nobody is logged on yet. */
void site_load_open(struct site_load *load, const struct site_load_options *options);
/* Stops the sites in good order and removes what they wrote. */
void site_load_close(struct site_load *load);

/* Log on, if that is still to be done, and trade, so that caches and files are as they will stay.
 */
void site_load_warm(struct site_load *load, uint64_t duration_ns);
/* Trade, and what came of it while the first site led without a break: on a busy machine it may be
 * taken for dead, and the client's orders then go round by another; that is measured again, as is
 * a time in which nothing was answered. */
struct site_load_result site_load_measure(struct site_load *load, uint64_t duration_ns);

/* A whole number of GET /status of a site: of the member `second` of the object `first`. */
uint64_t site_load_status(const struct site_process *site, const char *first, const char *second);
/* Memory of a site that is really there. */
uint64_t site_load_resident_bytes(const struct site_process *site);

#endif
