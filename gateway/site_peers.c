#include "gateway/site_peers.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/log.h"
#include "gateway/members.h"
#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

/* An append this far behind what is committed is catching up: it waits behind live traffic. */
#define CATCH_UP_SEGMENTS 256u

static const char *peers_name(const struct site_peers *peers, uint8_t site_id)
{
    return members_name_of(peers->options.config->sites, site_id);
}

/* ---- From the shards ---- */

static void peers_send(void *context, uint16_t shard_id, const struct replica_message *message,
                       const uint8_t *segments, size_t segments_bytes)
{
    struct site_peers *peers = context;
    if (peers->link == NULL) {
        return;
    }
    const struct link_frame frame = {.type = LINK_WIRE_REPLICA,
                                     .shard_id = shard_id,
                                     .replica = {.message = *message,
                                                 .segments = segments,
                                                 .segments_bytes = (uint32_t)segments_bytes}};
    bool behind = message->entry_count > 0 &&
                  message->position.log_index + message->entry_count + CATCH_UP_SEGMENTS <
                      message->commit_log_index;
    /* What finds no room is lost as on any network: consensus repeats, and the link counts. */
    (void)!link_send(peers->link, message->to_site_id, behind ? LINK_BULK : LINK_CONSENSUS, &frame);
}

static void peers_fetch_snapshot(void *context, uint16_t shard_id,
                                 const struct replica_position *position, uint8_t site_id)
{
    struct site_peers *peers = context;
    peers->snapshots.wanted(peers->snapshots.context, site_id, shard_id, position);
}

static enum status peers_evidence(void *context, uint16_t shard_id, uint64_t log_index,
                                  const uint8_t *segment, size_t segment_bytes)
{
    struct site_peers *peers = context;
    ASSERT(log_index >= 1);
    return site_evidence_add(&peers->evidence, shard_id, segment, segment_bytes);
}

static enum status peers_evidence_end(void *context, uint16_t shard_id)
{
    struct site_peers *peers = context;
    return site_evidence_end(&peers->evidence, shard_id);
}

static void peers_save(struct site_peers *peers)
{
    static_assert(SITE_PEERS_ERROR_BYTES >= MEMBERS_ERROR_BYTES, "a sentence fits");
    if (peers->status == STATUS_OK) {
        peers->status = members_save(peers->options.config, peers->error);
    }
}

/* ---- Who is a member ---- */

/* What the shards' logs say. Valid until one of them takes something in. */
static struct members_view peers_view(const struct site_peers *peers, uint8_t teller)
{
    const struct config *config = peers->options.config;
    struct members_view view = {.teller = teller,
                                .count = config->shard_count,
                                .own_site_id = (uint8_t)(config->site_index + 1)};
    for (uint32_t at = 0; at < config->shard_count; at++) {
        const struct shard *shard = peers->options.shards[at];
        struct shard_status status;
        shard_status(shard, &status);
        view.placements[at] = &shard_placement(shard)->placement;
        /* One that has halted learns nothing more: what it knows counts for as long as it lasts. */
        bool led = status.leader_site_id != 0 || status.halted;
        bool settled = led && shard_placement_log_index(shard) <= status.committed_log_index;
        view.led = (uint16_t)(view.led | (led ? 1u << at : 0u));
        view.settled = (uint16_t)(view.settled | (settled ? 1u << at : 0u));
    }
    return view;
}

static bool peers_is_member(const struct site_peers *peers, uint8_t site_id)
{
    const struct members_view view = peers_view(peers, site_id);
    return members_view_has(&view, site_id);
}

/* Rare, and written while the loop waits: nothing of these members may be in the journal before
 * their keys are in the file. */
static void peers_placed(void *context, uint16_t shard_id, const struct placement_record *record)
{
    struct site_peers *peers = context;
    const struct members_view view = peers_view(peers, 0);
    if (members_trust(peers->options.config, &view, &record->placement)) {
        log_line(LOG_LEVEL_INFO, "member-key", "shard=%u epoch=%llu", shard_id,
                 (unsigned long long)record->placement.epoch);
        peers_save(peers);
    }
}

struct shard_peers site_peers_of(struct site_peers *peers)
{
    return (struct shard_peers){.context = peers,
                                .send = peers_send,
                                .fetch_snapshot = peers_fetch_snapshot,
                                .evidence = peers_evidence,
                                .evidence_end = peers_evidence_end,
                                .placed = peers_placed};
}

/* ---- From the link ---- */

static bool peers_has(const struct site_peers *peers, uint16_t shard_id)
{
    return shard_id >= 1 && shard_id <= peers->options.config->shard_count;
}

/* Questions of who is no member here are heard, too: one that has joined while this site was away
 * may lead by now (replica.c). All else is for members alone. */
static void peers_replica(void *context, uint8_t site_id, uint16_t shard_id,
                          const struct link_replica *replica)
{
    struct site_peers *peers = context;
    if (peers_has(peers, shard_id) && replica->message.from_site_id == site_id) {
        shard_receive(peers->options.shards[shard_id - 1], &replica->message, replica->segments,
                      replica->segments_bytes, io_now_ns(peers->options.io),
                      io_wall_ns(peers->options.io));
    }
}

static void peers_forward(void *context, uint8_t site_id, uint16_t shard_id,
                          const struct link_forward *forward)
{
    struct site_peers *peers = context;
    if (peers_has(peers, shard_id) &&
        placement_role_of(&shard_placement(peers->options.shards[shard_id - 1])->placement,
                          site_id) != PLACEMENT_ABSENT) {
        router_forward(peers->routers[shard_id - 1], site_id, forward,
                       io_now_ns(peers->options.io));
    }
}

static void peers_forward_reply(void *context, uint8_t site_id, uint16_t shard_id,
                                const struct link_forward_reply *reply)
{
    struct site_peers *peers = context;
    if (peers_has(peers, shard_id)) {
        router_forward_reply(peers->routers[shard_id - 1], site_id, reply,
                             io_now_ns(peers->options.io));
    }
}

static void peers_snapshot_request(void *context, uint8_t site_id, uint16_t shard_id,
                                   const struct link_snapshot_request *request)
{
    struct site_peers *peers = context;
    struct shard_status status = {0};
    if (peers_has(peers, shard_id)) {
        shard_status(peers->options.shards[shard_id - 1], &status);
    }
    if (peers_has(peers, shard_id) && peers_is_member(peers, site_id) && !status.halted) {
        peers->snapshots.request(peers->snapshots.context, site_id, shard_id, request);
    }
}

static void peers_snapshot_chunk(void *context, uint8_t site_id, uint16_t shard_id,
                                 const struct link_snapshot_chunk *chunk)
{
    struct site_peers *peers = context;
    if (peers_has(peers, shard_id)) {
        peers->snapshots.chunk(peers->snapshots.context, site_id, shard_id, chunk);
    }
}

/* Keep what a site (0: the operator) said and the log contradicts, instead of what it said before.
 * Without memory it is said again with the next connection. */
static void peers_wait(struct site_peers *peers, uint8_t site_id, const char *text, size_t bytes)
{
    ASSERT(site_id <= SITES_MAX);
    struct site_peers_waiting *waiting = &peers->waiting[site_id];
    char *copy = malloc(bytes + 1);
    if (copy != NULL) {
        memcpy(copy, text, bytes);
    }
    free(waiting->text);
    *waiting = (struct site_peers_waiting){.text = copy, .bytes = copy != NULL ? bytes : 0};
}

/* What who is no member says waits, until the log has it as one. */
static enum status peers_hear(struct site_peers *peers, uint8_t site_id, const char *text,
                              size_t bytes)
{
    const struct members_view view = peers_view(peers, site_id);
    bool changed = false;
    enum status status = STATUS_NOT_YET;
    if (site_id == 0 || members_view_has(&view, site_id)) {
        status = members_merge(peers->options.config, &view, text, bytes, &changed);
    }
    peers->changed = peers->changed || changed;
    return status;
}

static void peers_news(void *context, uint8_t site_id, const uint8_t *bytes, uint32_t bytes_count)
{
    struct site_peers *peers = context;
    enum status status = peers_hear(peers, site_id, (const char *)bytes, bytes_count);
    if (status == STATUS_NOT_YET) {
        peers_wait(peers, site_id, (const char *)bytes, bytes_count);
    }
    if (status != STATUS_OK) {
        log_line(LOG_LEVEL_WARN, status == STATUS_NOT_YET ? "news-waits" : "news-refused",
                 "peer=%s bytes=%u why=%s", peers_name(peers, site_id), bytes_count,
                 status_text(status));
    }
}

/* When the logs say something else of the members than before: judge again what waits. */
static void peers_hear_again(struct site_peers *peers, const struct members_view *view)
{
    uint64_t seen = (uint64_t)view->led << 48;
    for (uint32_t at = 0; at < view->count; at++) {
        seen += view->placements[at]->epoch;
    }
    if (seen == peers->seen) {
        return;
    }
    peers->seen = seen;
    for (uint8_t site_id = 0; site_id <= SITES_MAX; site_id++) {
        struct site_peers_waiting *waiting = &peers->waiting[site_id];
        if (waiting->text != NULL &&
            peers_hear(peers, site_id, waiting->text, waiting->bytes) != STATUS_NOT_YET) {
            free(waiting->text);
            *waiting = (struct site_peers_waiting){0};
        }
    }
}

/* A peer that has been through a quorum repair of every shard: a shard here that has not, and has
 * not promised one either, was left out. */
static void peers_judge_generation(struct site_peers *peers, uint64_t generation)
{
    for (uint32_t at = 0; at < peers->options.config->shard_count; at++) {
        struct shard_status status;
        shard_status(peers->options.shards[at], &status);
        if (status.generation < generation && !status.repairing && peers->status == STATUS_OK) {
            peers->status = STATUS_FOREIGN;
            (void)snprintf(peers->error, sizeof peers->error,
                           "shard %u: the cluster was repaired without this site, whose journal "
                           "takes part in nothing any more: it joins again as a new one (`causeway "
                           "init`, `causeway site add`)",
                           peers->options.config->shards[at].id);
        }
    }
}

static void peers_changed(void *context, uint8_t site_id, const struct link_hello *hello)
{
    struct site_peers *peers = context;
    peers->to_tell = hello != NULL ? (uint16_t)(peers->to_tell | 1u << (site_id - 1))
                                   : (uint16_t)(peers->to_tell & ~(1u << (site_id - 1)));
    peers->lost_ns[site_id - 1] = hello != NULL ? 0 : io_now_ns(peers->options.io);
    if (hello != NULL && hello->generation > peers->generation && peers_is_member(peers, site_id)) {
        peers_judge_generation(peers, hello->generation);
    }
    log_line(hello != NULL ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
             hello != NULL ? "peer-connected" : "peer-lost", "peer=%s", peers_name(peers, site_id));
}

static void peers_note(void *context, const struct link_note *note)
{
    const struct site_peers *peers = context;
    log_line(LOG_LEVEL_WARN, "link", "peer=%s path=%u reason=%s count=%llu text=\"%s\"",
             peers_name(peers, note->site_id), note->path_index, link_end_text(note->end),
             (unsigned long long)note->count, note->text);
}

/* ---- Life ---- */

static bool peers_router_send(void *context, uint8_t site_id, const struct link_frame *frame)
{
    struct site_peers *peers = context;
    return peers->link != NULL && link_send(peers->link, site_id, LINK_FORWARD, frame) == STATUS_OK;
}

static enum status peers_open_routers(struct site_peers *peers)
{
    const struct config *config = peers->options.config;
    enum status status = STATUS_OK;
    for (uint32_t at = 0; at < config->shard_count && status == STATUS_OK; at++) {
        struct router_options options = {.shard = peers->options.shards[at],
                                         .shard_id = config->shards[at].id,
                                         .site_id = (uint8_t)(config->site_index + 1),
                                         .commands_max = 2 * config->tuning.queue_commands_max,
                                         .context = peers,
                                         .send = peers_router_send};
        randombytes_buf(&options.lane_seed, sizeof options.lane_seed);
        status = router_create(&peers->routers[at], &options);
    }
    return status;
}

static void peers_set(struct site_peers *peers, uint32_t index)
{
    const struct config_site *site = &peers->options.config->sites[index];
    struct link_site peer = {.site_id = (uint8_t)(index + 1),
                             .incarnation = bytes_load_le64(site->incarnation),
                             .path_count = site->peer_count,
                             .key_count = 1};
    static_assert(CONFIG_PATHS_MAX <= LINK_PATHS_MAX, "every address is a path");
    static_assert(CONFIG_ENDPOINT_BYTES <= LINK_WIRE_LISTEN_BYTES, "an address is a path");
    for (uint32_t path = 0; path < site->peer_count; path++) {
        memcpy(peer.paths[path], site->peer[path], CONFIG_ENDPOINT_BYTES);
    }
    memcpy(peer.keys[0].public_key, site->public_key, sizeof site->public_key);
    link_set_peer(peers->link, &peer);
}

/* Members are let in, and where a shard hears no leader whoever is known: it may be one that has
 * joined since and leads. After a quorum repair, too: HELLO tells those who were given up that they
 * were, or this site that they have been repaired without it. `all`: say of those, too, what the
 * link has been told before. */
static void peers_set_all(struct site_peers *peers, const struct members_view *view, bool all)
{
    const struct config *config = peers->options.config;
    bool closed = members_view_is_settled(view) && peers->generation == 0;
    uint16_t wanted = closed ? members_view_mask(view) : UINT16_MAX;
    for (uint32_t index = 0; index < config->site_count; index++) {
        uint16_t bit = (uint16_t)(1u << index);
        bool linked = (peers->linked & bit) != 0;
        if (index == config->site_index || config->sites[index].name[0] == '\0') {
            continue;
        }
        if ((wanted & bit) == 0 && linked) {
            peers->linked = (uint16_t)(peers->linked & ~bit);
            link_close_peer(peers->link, (uint8_t)(index + 1));
        } else if ((wanted & bit) != 0 && (all || !linked)) {
            peers->linked = (uint16_t)(peers->linked | bit);
            peers_set(peers, index);
        }
    }
}

static uint64_t peers_generation(const struct site_peers *peers)
{
    uint64_t least = UINT64_MAX;
    for (uint32_t at = 0; at < peers->options.config->shard_count; at++) {
        struct shard_status status;
        shard_status(peers->options.shards[at], &status);
        least = status.generation < least ? status.generation : least;
    }
    return least;
}

static enum status peers_open_link(struct site_peers *peers,
                                   char error[static SITE_PEERS_ERROR_BYTES])
{
    const struct config *config = peers->options.config;
    struct link_options options;
    link_options_init(&options);
    options.io = peers->options.io;
    options.token_class = peers->options.token_class;
    options.handler = (struct link_handler){.context = peers,
                                            .replica = peers_replica,
                                            .forward = peers_forward,
                                            .forward_reply = peers_forward_reply,
                                            .snapshot_request = peers_snapshot_request,
                                            .snapshot_chunk = peers_snapshot_chunk,
                                            .news = peers_news,
                                            .peer_changed = peers_changed,
                                            .note = peers_note};
    uint8_t seed[crypto_sign_SEEDBYTES];
    (void)crypto_sign_ed25519_sk_to_seed(seed, peers->options.signer->secret_key);
    options.key_seed = seed;
    options.site_id = (uint8_t)(config->site_index + 1);
    options.cluster_id = segment_cluster_id(config->cluster);
    options.incarnation = peers->options.incarnation;
    options.generation = peers->generation;
    static_assert(GENESIS_HASH_BYTES == LINK_WIRE_GENESIS_BYTES, "a hash is a hash");
    memcpy(options.genesis, peers->options.genesis->hash, sizeof options.genesis);
    options.rules_version_max = 1;
    options.listen = config->listen_peer;
    randombytes_buf(&options.random_seed, sizeof options.random_seed);
    char reason[LINK_TEXT_BYTES];
    enum status status = link_create(&peers->link, &options, reason);
    sodium_memzero(seed, sizeof seed);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_PEERS_ERROR_BYTES, "cannot listen for other sites on %s: %s",
                       config->listen_peer, reason);
        return status;
    }
    const struct members_view view = peers_view(peers, 0);
    peers_set_all(peers, &view, true);
    return STATUS_OK;
}

enum status site_peers_open(struct site_peers *peers, const struct site_peers_options *options,
                            char error[static SITE_PEERS_ERROR_BYTES])
{
    peers->options = *options;
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        peers->lost_ns[at] = io_now_ns(options->io);
    }
    static_assert(SITE_PEERS_ERROR_BYTES >= JOURNAL_ERROR_BYTES, "a sentence fits");
    enum status status = site_evidence_open(&peers->evidence, options->config->data);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_PEERS_ERROR_BYTES, "%s", peers->evidence.error.text);
        return status;
    }
    peers->generation = peers_generation(peers);
    status = peers_open_routers(peers);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_PEERS_ERROR_BYTES, "no memory for the routers");
        return status;
    }
    bool linked = options->config->listen_peer[0] != '\0';
    ASSERT(linked || options->config->site_count == 1);
    return linked ? peers_open_link(peers, error) : STATUS_OK;
}

void site_peers_close(struct site_peers *peers)
{
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        router_destroy(peers->routers[at]);
    }
    link_destroy(peers->link);
    for (uint32_t at = 0; at <= SITES_MAX; at++) {
        free(peers->waiting[at].text);
    }
    *peers = (struct site_peers){0};
}

void site_peers_complete(struct site_peers *peers, const struct io_completion *completion)
{
    ASSERT(peers->link != NULL);
    link_complete(peers->link, completion);
}

enum status site_peers_introduce(struct site_peers *peers, const char *text, size_t text_bytes)
{
    if (peers->link == NULL) {
        return STATUS_CLOSED; /* Nobody could reach this site. */
    }
    enum status status = peers_hear(peers, 0, text, text_bytes);
    if (status == STATUS_NOT_YET) {
        peers_wait(peers, 0, text, text_bytes);
    }
    return status == STATUS_NOT_YET ? STATUS_OK : status;
}

/* Who joined: known to the link, written, then told to all who are there. */
static void peers_tell(struct site_peers *peers, const struct members_view *view)
{
    peers_set_all(peers, view, peers->changed);
    if (peers->changed) {
        peers->changed = false;
        log_line(LOG_LEVEL_INFO, "members", "known=%u", peers->options.config->site_count);
        peers_save(peers);
        peers->to_tell = (1u << SITES_MAX) - 1u;
    }
    if (peers->to_tell == 0) {
        return;
    }
    char *text = members_text(peers->options.config);
    for (uint8_t site_id = 1; text != NULL && site_id <= SITES_MAX; site_id++) {
        const struct link_frame frame = {.type = LINK_WIRE_NEWS,
                                         .news = {.bytes = (const uint8_t *)text,
                                                  .bytes_count = (uint32_t)strlen(text)}};
        bool due = (peers->to_tell >> (site_id - 1) & 1u) != 0;
        /* Who is not there is told when it comes; where there is no room, the next turn. */
        if (due && link_send(peers->link, site_id, LINK_FORWARD, &frame) != STATUS_FULL) {
            peers->to_tell = (uint16_t)(peers->to_tell & ~(1u << (site_id - 1)));
        }
    }
    free(text);
}

void site_peers_run(struct site_peers *peers, uint64_t now_ns, uint64_t wall_ns)
{
    for (uint32_t at = 0; at < peers->options.config->shard_count; at++) {
        router_run(peers->routers[at], now_ns);
    }
    if (peers->link != NULL) {
        if (peers_generation(peers) > peers->generation) {
            peers->generation = peers_generation(peers);
            link_set_generation(peers->link, peers->generation);
        }
        const struct members_view view = peers_view(peers, 0);
        peers_hear_again(peers, &view);
        peers_tell(peers, &view);
        link_step(peers->link, now_ns, wall_ns);
    }
}

uint64_t site_peers_due_ns(const struct site_peers *peers, uint64_t now_ns)
{
    uint64_t due_ns = peers->link != NULL ? link_due_ns(peers->link) : UINT64_MAX;
    for (uint32_t at = 0; at < peers->options.config->shard_count; at++) {
        uint64_t router_ns = router_due_ns(peers->routers[at], now_ns);
        due_ns = router_ns < due_ns ? router_ns : due_ns;
    }
    return due_ns;
}

void site_peers_shut_down(struct site_peers *peers)
{
    if (peers->link != NULL) {
        link_shut_down(peers->link);
    }
}

bool site_peers_quiet(const struct site_peers *peers)
{
    return peers->link == NULL || link_is_quiet(peers->link);
}
