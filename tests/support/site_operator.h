/* What an operator sees of a site, and asks of it: a shard's figures from GET /status, the tool's
 * commands, a market's file. */
#ifndef TESTS_SUPPORT_SITE_OPERATOR_H
#define TESTS_SUPPORT_SITE_OPERATOR_H

#include "tests/support/site_process.h"

#define SITE_OPERATOR_OUTPUT_BYTES 16384u

/* A shard as one site has it. */
struct site_operator_view {
    bool leader;
    bool cancel_only;
    bool planned; /* A change of the members is under way. */
    uint8_t leader_site_id;
    uint64_t term;
    uint64_t epoch;
    uint64_t committed_log_index;
    uint64_t applied_log_index;
    uint64_t orders_accepted;
    uint64_t open_orders;
    char event_hash[17];
};

/* Shard `shard_id` (from 1) at a site that serves. */
void site_operator_look(const struct site_process *site, uint16_t shard_id,
                        struct site_operator_view *view);

/* "CONFIG,CONFIG" of the sites whose bit (index) is set. */
void site_operator_paths(char *paths, size_t paths_bytes, const struct site_process *sites,
                         uint32_t asked);

/* Run the tool of `site` to its end with these arguments behind its name; its exit status. All it
 * said goes into `output`. */
int site_operator_run(const struct site_process *site, char output[SITE_OPERATOR_OUTPUT_BYTES],
                      const char *const arguments[]);

/* `causeway market apply` of this text through `site`. Fails unless it succeeds. */
void site_operator_apply(const struct site_process *site, const char *market);

/* `causeway site transfer NAME` of one shard, some of the sites asked. Fails unless it succeeds. */
void site_operator_transfer(const struct site_process *sites, uint32_t asked, const char *name,
                            uint16_t shard_id);

#endif
