#include "tools/drill_hashes.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"
#include "tools/admin_client.h"
#include "tools/pause.h"

#define DRILL_HASHES_ANSWER_NS UINT64_C(5000000000)
#define DRILL_HASHES_PAUSE_NS  UINT64_C(100000000)
#define DRILL_HASHES_HTTP_OK   200L

enum status drill_hashes_read(struct drill_hashes_shard target[static SHARDS_MAX],
                              uint32_t shard_count, const json_t *answer)
{
    ASSERT(shard_count <= SHARDS_MAX);
    const json_t *shards = json_object_get(answer, "shards");
    for (uint32_t i = 0; i < shard_count; i++) {
        const json_t *shard = json_array_get(shards, i);
        const json_t *log = json_object_get(shard, "log");
        const json_t *applied = json_object_get(log, "applied_log_index");
        const json_t *commands = json_object_get(log, "applied_command_sequence");
        const char *hash = json_string_value(json_object_get(shard, "event_hash"));
        if (!json_is_integer(applied) || !json_is_integer(commands) || hash == NULL ||
            strlen(hash) != DRILL_HASHES_TEXT_BYTES - 1) {
            return STATUS_BAD_FORMAT;
        }
        target[i].log_index = (uint64_t)json_integer_value(applied);
        target[i].commands = (uint64_t)json_integer_value(commands);
        (void)snprintf(target[i].event_hash, sizeof target[i].event_hash, "%s", hash);
    }
    return STATUS_OK;
}

/* One question to one site; what it does not tell stays 0. */
static void drill_hashes_ask_site(struct drill_hashes *hashes, const struct drill_fleet *fleet,
                                  uint32_t site)
{
    char error[ADMIN_CLIENT_ERROR_BYTES];
    struct admin_client *client;
    struct admin_client_answer answer;
    memset(hashes->sites[site], 0, sizeof hashes->sites[site]);
    if (admin_client_open(&client, fleet->sites[site].place.config, NULL, error) != STATUS_OK) {
        return;
    }
    if (admin_client_ask(client, "/status", NULL, DRILL_HASHES_ANSWER_NS, &answer) == STATUS_OK) {
        if (answer.http_status != DRILL_HASHES_HTTP_OK ||
            drill_hashes_read(hashes->sites[site], fleet->scenario->shard_count, answer.json) !=
                STATUS_OK) {
            memset(hashes->sites[site], 0, sizeof hashes->sites[site]);
        }
        json_decref(answer.json);
    }
    admin_client_close(client);
}

static bool drill_hashes_level(const struct drill_hashes *hashes, uint32_t shard_count,
                               uint16_t sites)
{
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        uint64_t log_index = 0;
        for (uint32_t site = 0; site < SITES_MAX; site++) {
            if ((sites >> site & 1) == 0) {
                continue;
            }
            uint64_t told = hashes->sites[site][shard].log_index;
            if (told == 0 || (log_index != 0 && told != log_index)) {
                return false;
            }
            log_index = told;
        }
    }
    return true;
}

enum status drill_hashes_ask(struct drill_hashes *hashes, const struct drill_fleet *fleet,
                             uint16_t sites, uint64_t patience_ns)
{
    uint64_t until_ns = monotonic_now_ns() + patience_ns;
    ASSERT(fleet->scenario != NULL);
    memset(hashes, 0, sizeof *hashes);
    for (;;) {
        for (uint32_t i = 0; i < fleet->scenario->site_count; i++) {
            if ((sites >> i & 1) != 0) {
                drill_hashes_ask_site(hashes, fleet, i);
            }
        }
        if (drill_hashes_level(hashes, fleet->scenario->shard_count, sites)) {
            return STATUS_OK;
        }
        if (monotonic_now_ns() >= until_ns) {
            return STATUS_TIMEOUT;
        }
        pause_ns(DRILL_HASHES_PAUSE_NS);
    }
}

uint64_t drill_hashes_compare(const struct drill_hashes *hashes, uint32_t site_count,
                              uint32_t shard_count, uint64_t *differ)
{
    uint64_t compared = 0;
    ASSERT(site_count <= SITES_MAX);
    *differ = 0;
    for (uint32_t shard = 0; shard < shard_count; shard++) {
        for (uint32_t one = 0; one < site_count; one++) {
            for (uint32_t other = 0; other < one; other++) {
                const struct drill_hashes_shard *left = &hashes->sites[one][shard];
                const struct drill_hashes_shard *right = &hashes->sites[other][shard];
                if (left->log_index > 0 && left->log_index == right->log_index) {
                    compared++;
                    *differ += strcmp(left->event_hash, right->event_hash) != 0 ||
                               left->commands != right->commands;
                }
            }
        }
    }
    return compared;
}
