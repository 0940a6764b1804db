/* A shard whose events differ from those of a majority (DESIGN 6, rule 9): closed to clients, made
 * anew from ever older snapshots until it is right. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/log.h"
#include "gateway/site_files.h"
#include "gateway/site_snapshots_inside.h"
#include "matching/base/assertion.h"

#define FENCE_AGAIN_NS UINT64_C(1000000000) /* A failed attempt is made again so much later. */
/* Event hashes found equal behind a rebuild: it was right. */
#define FENCE_RIGHT_SEGMENTS (4 * REPLICA_AUDIT_STRIDE)
/* Engines of a shard that were fenced before, as evidence: each is as large as the market, so a
 * machine that computes wrongly again and again must not fill its disk with them. */
#define FENCE_EVIDENCE_KEPT 3u
#define FENCE_EVIDENCE_NAME "shard-%u-fenced-%llu.engine"
#define FENCE_NAME_BYTES    64u

static void fence_close(struct site_snapshots *snapshots, uint32_t index,
                        const struct shard_status *status)
{
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    const struct site_market *market = &snapshots->options.markets[index];
    log_line(LOG_LEVEL_ERROR, "shard-fenced",
             "shard=%u applied_log_index=%llu event_hash=%016llx text=\"a majority of sites has "
             "other events than this one: no client is served here, the shard is made anew; if "
             "this comes again, check this machine\"",
             index + 1, (unsigned long long)status->applied_log_index,
             (unsigned long long)engine_event_hash(market->engine));
    if (shard->rebuilds > 0 &&
        status->applied_log_index > shard->rebuilt_log_index + FENCE_RIGHT_SEGMENTS) {
        shard->rebuilds = 0; /* The last one was right: this is something new. */
    }
    shard->fence = SITE_FENCE_CLOSED;
    shard->fence_due_ns = 0;
    shard->offer = (struct replica_position){0};
    snapshots->options.door_markets[index].closed = true;
    doors_market_close(snapshots->options.doors, index);
    if (snapshots->shadow != NULL) { /* What it is just writing may be as wrong. */
        shadow_restart(snapshots->shadow, snapshots->options.config->shards[index].id);
    }
}

static void fence_open(struct site_snapshots *snapshots, uint32_t index,
                       const struct shard_status *status)
{
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    shard->fence = SITE_FENCE_NONE;
    shard->rebuilt_log_index = status->applied_log_index;
    snapshots->options.door_markets[index].closed = false;
    doors_market_reconcile(snapshots->options.doors, index);
    log_line(LOG_LEVEL_WARN, "shard-rebuilt",
             "shard=%u from_log_index=%llu applied_log_index=%llu event_hash=%016llx", index + 1,
             (unsigned long long)shard->machine_log_index,
             (unsigned long long)status->applied_log_index,
             (unsigned long long)engine_event_hash(snapshots->options.markets[index].engine));
}

static void fence_stuck(struct site_snapshots *snapshots, uint32_t index)
{
    snapshots->shards[index].fence = SITE_FENCE_STUCK;
    log_line(LOG_LEVEL_ERROR, "shard-stuck",
             "shard=%u text=\"no snapshot here, nor the journal from its beginning, leads to the "
             "events of the others: this site journals and votes on; let it join anew on another "
             "machine\"",
             index + 1);
}

/* Ask for a market of the newest snapshot; fenced again, of one older than the last: that and those
 * behind it are set aside. Nothing older than the beginning is left. */
static void fence_ask(struct site_snapshots *snapshots, uint32_t index,
                      const struct shard_status *status, uint64_t now_ns)
{
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    uint64_t below_log_index =
        shard->rebuilds == 0 ? status->committed_log_index + 1 : shard->machine_log_index;
    if (below_log_index == 0) {
        fence_stuck(snapshots, index);
        return;
    }
    uint16_t shard_id = snapshots->options.config->shards[index].id;
    if (snapshot_worker_rebuild(snapshots->worker, shard_id, below_log_index,
                                status->committed_log_index) != STATUS_OK) {
        shard->fence_due_ns = now_ns + FENCE_AGAIN_NS;
        return;
    }
    shard->fence = SITE_FENCE_MAKES;
}

void site_snapshots_fence_turn(struct site_snapshots *snapshots, uint32_t index, uint64_t now_ns)
{
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    struct shard_status status;
    bool fenced = shard_fenced(snapshots->options.shards[index]);
    if (shard->fence == SITE_FENCE_NONE && !fenced) {
        return;
    }
    shard_status(snapshots->options.shards[index], &status);
    switch (shard->fence) {
    case SITE_FENCE_NONE:
        fence_close(snapshots, index, &status);
        return;
    case SITE_FENCE_CLOSED:
        if (now_ns >= shard->fence_due_ns) {
            fence_ask(snapshots, index, &status, now_ns);
        }
        return;
    case SITE_FENCE_REPEATS:
        if (!fenced) {
            fence_open(snapshots, index, &status);
        }
        return;
    case SITE_FENCE_MAKES:
    case SITE_FENCE_STUCK:
        return;
    }
    ASSERT(false);
}

/* Of the fenced engines of a shard that are kept in a directory, the one written first; returns how
 * many there are. */
static uint32_t fence_oldest(const char *directory, uint32_t index, char oldest[FENCE_NAME_BYTES])
{
    uint32_t count = 0;
    struct stat first;
    DIR *entries = opendir(directory);
    memset(&first, 0, sizeof first);
    for (const struct dirent *entry = entries != NULL ? readdir(entries) : NULL; entry != NULL;
         entry = readdir(entries)) {
        unsigned shard = 0;
        unsigned long long log_index = 0;
        char name[FENCE_NAME_BYTES];
        struct stat found;
        if (sscanf(entry->d_name, FENCE_EVIDENCE_NAME, &shard, &log_index) != 2 ||
            shard != index + 1) {
            continue;
        }
        (void)snprintf(name, sizeof name, FENCE_EVIDENCE_NAME, shard, log_index);
        if (strcmp(name, entry->d_name) != 0 ||
            fstatat(dirfd(entries), name, &found, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        if (count == 0 || found.st_mtim.tv_sec < first.st_mtim.tv_sec ||
            (found.st_mtim.tv_sec == first.st_mtim.tv_sec &&
             found.st_mtim.tv_nsec < first.st_mtim.tv_nsec)) {
            first = found;
            memcpy(oldest, name, FENCE_NAME_BYTES);
        }
        count++;
    }
    if (entries != NULL) {
        (void)closedir(entries);
    }
    return count;
}

/* A new fence: evidence of long before makes room. What this fence itself leaves (an engine for
 * each attempt, and there are no more than snapshots) stays whole. */
static void fence_trim(const char *directory, uint32_t index)
{
    char name[FENCE_NAME_BYTES];
    char path[CONFIG_PATH_BYTES + 256];
    bool removed = true;
    while (removed && fence_oldest(directory, index, name) > FENCE_EVIDENCE_KEPT) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, name);
        removed = unlink(path) == 0;
        log_line(LOG_LEVEL_WARN, "evidence-removed",
                 "shard=%u file=\"%s\" removed=%s kept=%u text=\"engines fenced later take its "
                 "place\"",
                 index + 1, path, removed ? "yes" : "no", FENCE_EVIDENCE_KEPT);
    }
}

/* Where the state of the machine that was wrong is kept. */
static void fence_evidence(const struct site_snapshots *snapshots, uint32_t index, char *path,
                           size_t path_bytes)
{
    const char *data = snapshots->options.config->data;
    struct shard_status status;
    shard_status(snapshots->options.shards[index], &status);
    (void)snprintf(path, path_bytes, "%s/" SITE_EVIDENCE_DIRECTORY, data);
    (void)mkdir(path, 0700); /* There already, or writing the file tells. */
    if (snapshots->shards[index].rebuilds == 0) {
        fence_trim(path, index);
    }
    (void)snprintf(path, path_bytes, "%s/" SITE_EVIDENCE_DIRECTORY "/" FENCE_EVIDENCE_NAME, data,
                   index + 1, (unsigned long long)status.applied_log_index);
}

void site_snapshots_fence_market(struct site_snapshots *snapshots, uint32_t index,
                                 struct snapshot_answer *answer)
{
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    uint16_t shard_id = snapshots->options.config->shards[index].id;
    struct journal_tail tail;
    struct shard_origin origin;
    struct shard_status status;
    ASSERT(shard->fence == SITE_FENCE_MAKES);
    shard_status(snapshots->options.shards[index], &status);
    journal_persisted(snapshots->options.journal, shard_id, &tail);
    uint64_t log_index = answer->facts.position.log_index;
    enum status good = site_snapshots_open_origin(shard_genesis(snapshots->options.shards[index]),
                                                  &answer->facts, &origin);
    if (log_index == 0) {
        origin.next_command_sequence = 1;
    }
    if (good != STATUS_OK || log_index + 1 < tail.first_log_index ||
        log_index > status.committed_log_index) {
        snapshot_worker_discard(snapshots->worker, &answer->body, NULL);
        fence_stuck(snapshots, index);
        return;
    }
    char evidence[CONFIG_PATH_BYTES + 128];
    fence_evidence(snapshots, index, evidence, sizeof evidence);
    site_snapshots_replace(snapshots, index, &answer->body, evidence);
    shard->fence = SITE_FENCE_REPEATS;
    shard->machine_log_index = log_index;
    shard->newest = answer->facts.position;
    shard->rebuilds++;
    if (log_index > 0) {
        shard->offer = answer->facts.position;
        shard->offer_oldest_log_index = 0;
    }
    log_line(LOG_LEVEL_WARN, "shard-rebuilding", "shard=%u from_log_index=%llu to_log_index=%llu",
             index + 1, (unsigned long long)log_index,
             (unsigned long long)status.committed_log_index);
    shard_rebuild(snapshots->options.shards[index], &origin);
}

void site_snapshots_fence_failed(struct site_snapshots *snapshots, uint32_t index,
                                 const struct snapshot_answer *answer)
{
    struct site_snapshot_shard *shard = &snapshots->shards[index];
    ASSERT(shard->fence == SITE_FENCE_MAKES);
    shard->fence = SITE_FENCE_CLOSED;
    shard->fence_due_ns = io_now_ns(snapshots->options.io) + FENCE_AGAIN_NS;
    log_line(LOG_LEVEL_ERROR, "shard-not-rebuilt", "shard=%u why=%s text=\"tried again\"",
             index + 1, status_text(answer->status));
}
