#include "gateway/site_silence.h"

#include "gateway/log.h"
#include "gateway/members.h"
#include "matching/base/assertion.h"

/* When what could not be said is tried again. */
#define SILENCE_AGAIN_NS UINT64_C(20000000)

/* When it is to be said of a site in a shard that this site leads; UINT64_MAX: not, or already. A
 * logon from there may still be on its way through the log: executed, it changes the answer. */
static uint64_t silence_at_ns(const struct site_silence *silence, uint32_t index, uint8_t site_id,
                              const struct shard_status *status)
{
    uint64_t lost_ns = silence->peers->lost_ns[site_id - 1];
    const struct site_silence_said *said = &silence->said[index][site_id - 1];
    if (site_id == silence->config->site_index + 1 || lost_ns == 0 || !status->leader ||
        (said->term == status->term && said->lost_ns == lost_ns) ||
        engine_attached(silence->markets[index].engine, site_id) == 0) {
        return UINT64_MAX;
    }
    return lost_ns + silence->config->site_silence_ns;
}

static void silence_say(struct site_silence *silence, uint32_t index, uint8_t site_id,
                        uint64_t term, uint64_t now_ns)
{
    const struct command command = {.type = COMMAND_SITE_SILENT, .site_id = site_id};
    if (shard_submit(silence->shards[index], &command, now_ns) != STATUS_OK) {
        return; /* No room, or no quorum: the next turn. */
    }
    silence->said[index][site_id - 1] =
        (struct site_silence_said){silence->peers->lost_ns[site_id - 1], term};
    log_line(LOG_LEVEL_WARN, "site-silent",
             "shard=%u silent=%s text=\"not heard for %llu s: grace periods of the sessions logged "
             "on there begin\"",
             index + 1, members_name_of(silence->config->sites, site_id),
             (unsigned long long)(silence->config->site_silence_ns / UINT64_C(1000000000)));
}

void site_silence_run(struct site_silence *silence, uint64_t now_ns)
{
    ASSERT(silence->config->site_silence_ns > 0);
    for (uint32_t index = 0; index < silence->config->shard_count; index++) {
        struct shard_status status;
        shard_status(silence->shards[index], &status);
        for (uint8_t site_id = 1; site_id <= silence->config->site_count; site_id++) {
            if (silence_at_ns(silence, index, site_id, &status) <= now_ns) {
                silence_say(silence, index, site_id, status.term, now_ns);
            }
        }
    }
}

uint64_t site_silence_due_ns(const struct site_silence *silence, uint64_t now_ns)
{
    uint64_t due_ns = UINT64_MAX;
    for (uint32_t index = 0; index < silence->config->shard_count; index++) {
        struct shard_status status;
        shard_status(silence->shards[index], &status);
        for (uint8_t site_id = 1; site_id <= silence->config->site_count; site_id++) {
            uint64_t at_ns = silence_at_ns(silence, index, site_id, &status);
            if (at_ns <= now_ns) {
                at_ns = now_ns + SILENCE_AGAIN_NS;
            }
            due_ns = at_ns < due_ns ? at_ns : due_ns;
        }
    }
    return due_ns;
}
