/* Assembly of a site: keys, journal, shards, markets, doors, peers; recovery; the end. */
#include "gateway/site.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/log.h"
#include "gateway/site_failure.h"
#include "gateway/site_files.h"
#include "gateway/site_inside.h"
#include "gateway/wall_offset.h"
#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "replication/journal_error.h"
#include "replication/key_store.h"

#define SITE_RECEIVE_BUFFER_BYTES 16384u
#define SITE_RECEIVE_BUFFERS      1024u
#define SITE_HANDLES_OTHER        64u /* Listeners, files, links. */
#define SITE_CREDENTIAL_REQUESTS  256u
#define SITE_SEGMENTS_IN_FLIGHT   16u
#define SITE_UNCOMMITTED_AGE_NS   UINT64_C(2000000000)
#define SITE_ELECTION_NS_MIN      UINT64_C(100000000)
#define SITE_ELECTION_NS_MAX      UINT64_C(2000000000)
#define SITE_PREFERENCE_HOLD_NS   UINT64_C(5000000000)
#define SITE_HEADERS_MAX          8192u
#define SITE_IN_FLIGHT_MESSAGES   64u
#define SITE_IN_FLIGHT_BYTES      (UINT64_C(16) << 20)
#define SITE_BATCH_BYTES          (1u << 20)
#define SITE_PROGRESS_NS          UINT64_C(1000000000)

static void site_event(void *context, uint32_t market_index, const struct event *event)
{
    struct site *site = context;
    if (!site->recovered || site_snapshots_repeats(&site->snapshots, market_index)) {
        return; /* History: nobody waits for it. */
    }
    if (event->type == EVENT_ADMINISTRATION) {
        site_admin_event(&site->admin, market_index, event);
    } else if (site->admin.serving) { /* What came before, site_serving_begin() has looked at. */
        doors_event(site->doors, market_index, event);
    }
}

/* What a configuration may ask for and this program does not do: refused, never passed over. */
static enum status site_check(const struct config *config, char *error)
{
    if (config->threading == CONFIG_DEDICATED) {
        (void)snprintf(error, SITE_ERROR_BYTES,
                       "threading: dedicated is not in this version: write threading: shared");
        return STATUS_BAD_ARGUMENT;
    }
    return STATUS_OK;
}

/* A rehearsal that cannot take place would prove nothing: refused. */
static enum status site_open_wall_offset(struct site *site, char *error)
{
    const char *path = site->config.wall_offset;
    if (path[0] == '\0') {
        return STATUS_OK;
    }
    enum status status = wall_offset_read(path, &site->wall_offset_ns);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES,
                       "wall_offset: %s holds no number of nanoseconds (%s): write one, or leave "
                       "wall_offset out",
                       path, status_text(status));
        return status;
    }
    io_wall_shift(site->io, site->wall_offset_ns);
    io_now_refresh(site->io);
    site_log_wall_offset(site);
    return STATUS_OK;
}

static enum status site_open_io(struct site *site, char *error)
{
    struct io_options options = {.backend = site->config.tuning.io_backend,
                                 .idle = site->config.idle,
                                 .handles_max = site->config.tuning.connections_max +
                                                SITE_HANDLES_OTHER + LINK_HANDLES_MAX,
                                 .receive_buffer_bytes = SITE_RECEIVE_BUFFER_BYTES,
                                 .receive_buffer_count = SITE_RECEIVE_BUFFERS};
    enum status status = io_create(&site->io, &options);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES,
                       "the I/O backend asked for is not to be had here (%s): set tuning.io to "
                       "'best' or 'epoll'",
                       status_text(status));
        return status;
    }
    log_line(LOG_LEVEL_INFO, "io", "features=\"%s\"", io_features(site->io));
    return site_open_wall_offset(site, error);
}

/* A port in use is said before an hour of recovery, not after it. */
static enum status site_try_listen(struct site *site, const char *endpoint, char *error)
{
    uint32_t handle = 0;
    uint16_t port = 0;
    enum status status =
        io_listen(site->io, endpoint, doors_listen_token(site->doors), &handle, &port);
    if (status == STATUS_OK) {
        io_close(site->io, handle, (uint64_t)SITE_TOKEN_OTHER << 56);
        return STATUS_OK;
    }
    (void)snprintf(error, SITE_ERROR_BYTES, "cannot listen for clients on %s: %s", endpoint,
                   status == STATUS_IN_USE
                       ? "another process has this port; stop it or change listen.ouch"
                       : "the address is not one of this machine, or not allowed");
    return status;
}

static enum status site_open_keys(struct site *site, char *error)
{
    char path[CONFIG_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/" SITE_KEY_FILE, site->config.data);
    static_assert(SITE_ERROR_BYTES >= KEY_STORE_ERROR_BYTES, "a sentence fits");
    enum status status = key_store_read(&site->signer, path, error);
    if (status != STATUS_OK) {
        return status;
    }
    const struct config *config = &site->config;
    for (uint32_t i = 0; i < config->genesis_count; i++) {
        key_store_verifier_of(&site->verifiers[i], config->genesis[i].public_key);
    }
    for (uint32_t i = 0; i < config->key_count; i++) {
        key_store_verifier_of(&site->verifiers[config->genesis_count + i], config->keys[i]);
    }
    struct segment_verifier own;
    key_store_verifier_of(&own, config->sites[config->site_index].public_key);
    if (memcmp(site->signer->key_id, own.key_id, SEGMENT_KEY_ID_BYTES) != 0) {
        (void)snprintf(
            error, SITE_ERROR_BYTES,
            "the key in %s is not the one that bootstrap.sites (or the file " SITE_MEMBERS_FILE
            ") names for %s: this data "
            "directory belongs to another site, or the configuration does",
            path, site->config.site);
        return STATUS_FOREIGN;
    }
    return STATUS_OK;
}

static_assert(SITE_ERROR_BYTES >= SITE_FAILURE_BYTES, "a sentence fits");

static enum status site_open_journal(struct site *site, char *error)
{
    char path[CONFIG_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/" SITE_JOURNAL_DIRECTORY, site->config.data);
    struct journal_options options = {
        .directory = path,
        .wal_bytes = site->config.tuning.wal_bytes,
        .store_bytes = site->config.tuning.store_bytes,
        .wal_writes_in_flight = site->config.tuning.wal_writes_in_flight,
        .cluster_id = segment_cluster_id(site->config.cluster),
        .io_token = (uint64_t)SITE_TOKEN_JOURNAL << 56,
        .verifiers = site->verifiers,
        .verifier_count = site->config.genesis_count + site->config.key_count};
    (void)snprintf(options.site, sizeof options.site, "%s", site->config.site);
    enum status status = journal_open(&site->journal, site->io, &options);
    if (status != STATUS_OK) {
        site_failure_journal(error, status,
                             site->journal != NULL ? journal_error(site->journal)
                                                   : "no memory for the journal");
        return status;
    }
    const struct config_site *own = &site->config.sites[site->config.site_index];
    ASSERT(own->incarnation_set);
    if (memcmp(own->incarnation, journal_incarnation(site->journal), JOURNAL_INCARNATION_BYTES) !=
        0) {
        (void)snprintf(
            error, SITE_ERROR_BYTES,
            "the journal in %s is not the one that bootstrap.sites (or the file " SITE_MEMBERS_FILE
            ") names for %s: a site "
            "whose journal is lost joins as a new one, never under its old incarnation",
            path, site->config.site);
        return STATUS_FOREIGN;
    }
    return site_genesis_judge(&site->began, &site->config, site->journal, error);
}

static uint32_t site_first_at(const struct config *config, uint8_t provider_id)
{
    uint32_t index = 0;
    while (config->genesis[index].provider_id != provider_id) {
        index++;
        ASSERT(index < config->genesis_count);
    }
    return index;
}

/* The membership that a shard begins with. Fails closed: a placement that keeps less than it
 * promises is refused, and the rule named. */
static enum status site_genesis(const struct site *site, uint32_t index, struct placement *genesis,
                                char *error)
{
    const struct config *config = &site->config;
    const struct config_shard *shard = &config->shards[index];
    *genesis = (struct placement){.commit_providers = (uint8_t)shard->commit_providers};
    for (uint32_t at = 0; at < config->genesis_count; at++) {
        const struct config_site *member = &config->genesis[at];
        struct placement_site *place = &genesis->sites[at];
        place->incarnation = bytes_load_le64(member->incarnation);
        place->provider_id = member->provider_id;
        place->role = member->role == CONFIG_VOTER ? PLACEMENT_VOTER : PLACEMENT_LEARNER;
        memcpy(place->public_key, member->public_key, PLACEMENT_KEY_BYTES);
    }
    for (uint32_t at = 0; at < shard->prefer_count; at++) {
        genesis->preferred_site_ids[at] = (uint8_t)(shard->prefer[at] + 1);
    }
    struct placement_verdict verdict = placement_judge(genesis, shard->waived_rules);
    if (shard->waived_rules != 0) {
        log_line(LOG_LEVEL_WARN, "placement-overridden", "shard=%s broken=\"%s\"", shard->name,
                 placement_rule_text(placement_judge(genesis, 0).rule));
    }
    if (verdict.rule != PLACEMENT_GOOD) {
        (void)snprintf(error, SITE_ERROR_BYTES,
                       "bootstrap: the sites of shard %s cannot keep what is promised: %s%s%s; "
                       "change sites, providers or commit_providers",
                       shard->name, placement_rule_text(verdict.rule),
                       verdict.provider_id > 0 ? ", at fault: provider of " : "",
                       verdict.provider_id > 0
                           ? config->genesis[site_first_at(config, verdict.provider_id)].name
                           : "");
        return STATUS_DENIED;
    }
    return STATUS_OK;
}

static enum status site_open_shard(struct site *site, uint32_t index, char *error)
{
    struct site_market_listener listener = {.context = site, .event = site_event};
    enum status status = site_market_open(&site->markets[index], index, &site->config, &listener);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES,
                       "cannot make the market of shard %u (%s): too little memory, or no room for "
                       "its stream file in %s",
                       index + 1, status_text(status), site->config.data);
        return status;
    }
    struct shard_options options = {.shard_id = site->config.shards[index].id,
                                    .site_id = (uint8_t)(site->config.site_index + 1),
                                    .cluster_id = segment_cluster_id(site->config.cluster),
                                    .queue_records_max = site->config.tuning.queue_commands_max,
                                    .segment_records_max = site->config.tuning.segment_commands_max,
                                    .segments_in_flight_max = SITE_SEGMENTS_IN_FLIGHT,
                                    .uncommitted_age_ns_max = SITE_UNCOMMITTED_AGE_NS,
                                    .election_ns_min = SITE_ELECTION_NS_MIN,
                                    .election_ns_max = SITE_ELECTION_NS_MAX,
                                    .preference_hold_ns = SITE_PREFERENCE_HOLD_NS,
                                    .headers_max = SITE_HEADERS_MAX,
                                    .in_flight_messages_max = SITE_IN_FLIGHT_MESSAGES,
                                    .in_flight_bytes_max = SITE_IN_FLIGHT_BYTES,
                                    .batch_bytes_max = SITE_BATCH_BYTES,
                                    .signer = site->signer,
                                    .verifiers = site->verifiers,
                                    .verifier_count = site->config.genesis_count};
    status = site_genesis(site, index, &options.genesis, error);
    if (status != STATUS_OK) {
        return status;
    }
    options.incarnation = bytes_load_le64(journal_incarnation(site->journal));
    randombytes_buf(&options.random_seed, sizeof options.random_seed);
    struct shard_machine machine = site_market_machine(&site->markets[index]);
    const struct shard_peers peers = site_peers_of(&site->peers);
    status =
        shard_create(&site->shards[index], &options, &machine, &peers, site->journal, site->codec);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES, "cannot make shard %u: %s", index + 1,
                       status_text(status));
        return status;
    }
    return STATUS_OK;
}

static enum status site_open_peers(struct site *site, char *error)
{
    struct site_peers_options options = {.config = &site->config,
                                         .io = site->io,
                                         .signer = site->signer,
                                         .token_class = SITE_TOKEN_PEERS,
                                         .incarnation =
                                             bytes_load_le64(journal_incarnation(site->journal)),
                                         .genesis = &site->began.genesis,
                                         .shards = site->shards};
    static_assert(SITE_ERROR_BYTES >= SITE_PEERS_ERROR_BYTES, "a sentence fits");
    enum status status = site_peers_open(&site->peers, &options, error);
    for (uint32_t i = 0; status == STATUS_OK && i < site->config.shard_count; i++) {
        site->markets[i].router = site->peers.routers[i];
        site->door_markets[i] = (struct door_market){.router = site->peers.routers[i],
                                                     .engine = site->markets[i].engine,
                                                     .streams = site->markets[i].streams};
    }
    return status;
}

static enum status site_open_doors(struct site *site, char *error)
{
    enum status status = credential_start(&site->credentials, site->io, SITE_CREDENTIAL_REQUESTS);
    if (status == STATUS_OK) {
        struct doors_options options = {.io = site->io,
                                        .credentials = site->credentials,
                                        .markets = site->door_markets,
                                        .market_count = site->config.shard_count,
                                        .sessions_max = site->config.tuning.sessions_max,
                                        .connections_max = site->config.tuning.connections_max,
                                        .buffer_ids_max = SITE_RECEIVE_BUFFERS +
                                                          site->config.tuning.connections_max +
                                                          SITE_HANDLES_OTHER + LINK_HANDLES_MAX,
                                        .site_id = (uint8_t)(site->config.site_index + 1),
                                        .soupbin_unsequenced = site->config.soupbin_unsequenced,
                                        .token_class = SITE_TOKEN_DOORS};
        status = doors_create(&site->doors, &options);
    }
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES, "cannot make the doors: %s", status_text(status));
    }
    return status;
}

static enum status site_open_admin(struct site *site, char *error)
{
    char path[CONFIG_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/" SITE_ADMIN_TOKEN_FILE, site->config.data);
    site->admin = (struct site_admin){.config = &site->config,
                                      .genesis = &site->began.genesis,
                                      .io = site->io,
                                      .journal = site->journal,
                                      .doors = site->doors,
                                      .markets = site->markets,
                                      .shards = site->shards,
                                      .peers = &site->peers,
                                      .started_ns = io_now_ns(site->io)};
    enum status status = admin_link_create(&site->admin.link, site->io);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES, "no memory for the administration port");
        return status;
    }
    struct admin_options options = {.endpoint = site->config.listen_admin,
                                    .token_path = path,
                                    .link = site->admin.link};
    static_assert(SITE_ERROR_BYTES >= ADMIN_ERROR_BYTES, "a sentence fits");
    return admin_start(&site->admin_thread, &options, error);
}

static enum status site_recover_failed(const struct site *site, uint32_t index, uint64_t log_index,
                                       enum status status, char *error)
{
    ASSERT(status != STATUS_OK);
    char found[JOURNAL_ERROR_BYTES];
    const char *said = journal_error(site->journal);
    (void)snprintf(found, sizeof found, "shard %u cannot be rebuilt beyond log index %llu (%s)%s%s",
                   index + 1, (unsigned long long)log_index, status_text(status),
                   said[0] == '\0' ? "" : ": ", said);
    site_failure_journal(error, status, found);
    return status;
}

static enum status site_recover_shard(struct site *site, uint32_t index, char *error)
{
    io_now_refresh(site->io);
    uint64_t started_ns = io_now_ns(site->io);
    uint64_t said_ns = started_ns;
    uint64_t log_index = 0;
    struct journal_tail tail;
    journal_persisted(site->journal, site->config.shards[index].id, &tail);
    enum status status;
    while ((status = shard_recover(site->shards[index], &log_index)) == STATUS_MORE) {
        io_now_refresh(site->io);
        if (io_now_ns(site->io) - said_ns >= SITE_PROGRESS_NS) {
            said_ns = io_now_ns(site->io);
            log_line(LOG_LEVEL_INFO, "recovering", "shard=%u log_index=%llu of=%llu", index + 1,
                     (unsigned long long)log_index, (unsigned long long)tail.last_log_index);
        }
        if (site->markets[index].stream_status != STATUS_OK) {
            return site_streams_failed(site, index, error);
        }
    }
    if (status != STATUS_OK) {
        return site_recover_failed(site, index, log_index, status, error);
    }
    io_now_refresh(site->io);
    log_line(LOG_LEVEL_INFO, "rebuilt", "shard=%u log_index=%llu duration_ms=%llu", index + 1,
             (unsigned long long)log_index,
             (unsigned long long)((io_now_ns(site->io) - started_ns) / 1000000));
    site_log_market(site, index, "recovered");
    return STATUS_OK;
}

static enum status site_open_snapshots(struct site *site, char *error)
{
    struct site_snapshots_options options = {.config = &site->config,
                                             .io = site->io,
                                             .journal = site->journal,
                                             .signer = site->signer,
                                             .verifiers = site->verifiers,
                                             .verifier_count = site->config.genesis_count +
                                                               site->config.key_count,
                                             .shards = site->shards,
                                             .markets = site->markets,
                                             .door_markets = site->door_markets,
                                             .doors = site->doors,
                                             .peers = &site->peers};
    static_assert(SITE_ERROR_BYTES >= SITE_SNAPSHOTS_ERROR_BYTES, "a sentence fits");
    enum status status = site_snapshots_open(&site->snapshots, &options, error);
    site->peers.snapshots = site_snapshots_peers(&site->snapshots);
    site->silence = (struct site_silence){.config = &site->config,
                                          .peers = &site->peers,
                                          .shards = site->shards,
                                          .markets = site->markets};
    return status;
}

static enum status site_open_parts(struct site *site, char *error)
{
    static_assert(SITE_ERROR_BYTES >= SITE_GENESIS_ERROR_BYTES, "a sentence fits");
    enum status status = site_check(&site->config, error);
    if (status == STATUS_OK) {
        status = site_genesis_check(&site->began, &site->config, error);
    }
    if (status == STATUS_OK) {
        status = site_open_io(site, error);
    }
    if (status == STATUS_OK) {
        status = site_open_keys(site, error);
    }
    if (status == STATUS_OK) {
        status = site_open_journal(site, error);
    }
    if (status == STATUS_OK) {
        status = codec_create(&site->codec, site->config.tuning.compression_level);
    }
    for (uint32_t i = 0; status == STATUS_OK && i < site->config.shard_count; i++) {
        status = site_open_shard(site, i, error);
    }
    if (status == STATUS_OK) {
        status = site_open_peers(site, error);
    }
    if (status == STATUS_OK) {
        status = site_open_doors(site, error);
    }
    if (status == STATUS_OK) {
        status = site_try_listen(site, site->config.listen_ouch, error);
    }
    if (status == STATUS_OK) {
        status = site_open_admin(site, error);
    }
    if (status == STATUS_OK) {
        status = site_open_snapshots(site, error);
    }
    for (uint32_t i = 0; status == STATUS_OK && i < site->config.shard_count; i++) {
        status = site_recover_shard(site, i, error);
    }
    if (status == STATUS_OK) {
        status = site_genesis_keep(&site->began, &site->config, error);
    }
    site->recovered = status == STATUS_OK;
    return status;
}

enum status site_open(struct site **site, const struct config *config,
                      char error[static SITE_ERROR_BYTES])
{
    ASSERT(config->shard_count > 0);
    ASSERT(config->site_index < config->site_count);

    error[0] = '\0';
    struct site *made = calloc(1, sizeof *made);
    if (made == NULL || sodium_init() < 0) {
        (void)snprintf(error, SITE_ERROR_BYTES, "no memory, or no source of randomness");
        free(made);
        return STATUS_FULL;
    }
    made->config = *config;
    enum status status = site_open_parts(made, error);
    if (status != STATUS_OK) {
        site_close(made);
        return status;
    }
    *site = made;
    return STATUS_OK;
}
