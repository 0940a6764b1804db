#include "gateway/site.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/admin.h"
#include "gateway/credential.h"
#include "gateway/door.h"
#include "gateway/log.h"
#include "gateway/site_admin.h"
#include "gateway/site_files.h"
#include "gateway/site_market.h"
#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "replication/key_store.h"

#define SITE_COMPLETIONS          256u
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
#define SITE_HOUSEKEEPING_NS      UINT64_C(10000000)
#define SITE_SHUTDOWN_NS          UINT64_C(2000000000)
#define SITE_LATE_NS              UINT64_C(1000000)
#define SITE_PROGRESS_NS          UINT64_C(1000000000)

/* Top byte of a token: who gets the completion. */
enum site_token_class {
    SITE_TOKEN_OTHER = 0,
    SITE_TOKEN_JOURNAL = 1,
    SITE_TOKEN_DOORS = 2,
};

struct site {
    struct config config;
    struct io *io;
    struct segment_signer *signer;
    struct journal *journal;
    struct codec_context *codec;
    struct credential_worker *credentials;
    struct doors *doors;
    struct segment_verifier verifiers[SITES_MAX];
    struct site_market markets[SHARDS_MAX];
    struct shard *shards[SHARDS_MAX];
    struct door_market door_markets[SHARDS_MAX];
    atomic_bool stopping;
    bool recovered; /* What comes from the journal now is new. */
    struct admin *admin_thread;
    struct site_admin admin; /* Also: whether the doors are open, whether orders are refused. */
    bool warned;             /* The store is at 70 %, and it has been said. */
    uint64_t housekeeping_due_ns;
    struct io_completion completions[SITE_COMPLETIONS];
};

static void site_event(void *context, uint32_t market_index, const struct event *event)
{
    struct site *site = context;
    if (!site->recovered) {
        return; /* History: nobody waits for it. */
    }
    if (event->type == EVENT_ADMINISTRATION) {
        site_admin_event(&site->admin, market_index, event);
    } else {
        doors_event(site->doors, market_index, event);
    }
}

/* What a configuration may ask for and this program does not do: refused, never passed over. */
static enum status site_check(const struct config *config, char *error)
{
    if (config->site_count > 1 || config->shards[0].commit_providers > 1) {
        (void)snprintf(error, SITE_ERROR_BYTES,
                       "bootstrap.sites names %u sites: this version journals at one site only and "
                       "would acknowledge orders that the others do not have; leave one site there",
                       config->site_count);
        return STATUS_BAD_ARGUMENT;
    }
    if (config->threading == CONFIG_DEDICATED) {
        (void)snprintf(error, SITE_ERROR_BYTES,
                       "threading: dedicated is not in this version: write threading: shared");
        return STATUS_BAD_ARGUMENT;
    }
    return STATUS_OK;
}

static enum status site_open_io(struct site *site, char *error)
{
    struct io_options options = {.backend = site->config.tuning.io_backend,
                                 .idle = site->config.idle,
                                 .handles_max =
                                     site->config.tuning.connections_max + SITE_HANDLES_OTHER,
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
    return STATUS_OK;
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
    for (uint32_t i = 0; i < site->config.site_count; i++) {
        key_store_verifier_of(&site->verifiers[i], site->config.sites[i].public_key);
    }
    const struct segment_verifier *own = &site->verifiers[site->config.site_index];
    if (memcmp(site->signer->key_id, own->key_id, SEGMENT_KEY_ID_BYTES) != 0) {
        (void)snprintf(error, SITE_ERROR_BYTES,
                       "the key in %s is not the one that bootstrap.sites names for %s: this data "
                       "directory belongs to another site, or the configuration does",
                       path, site->config.site);
        return STATUS_FOREIGN;
    }
    return STATUS_OK;
}

static enum status site_open_journal(struct site *site, char *error)
{
    char path[CONFIG_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/" SITE_JOURNAL_DIRECTORY, site->config.data);
    struct journal_options options = {.directory = path,
                                      .wal_bytes = site->config.tuning.wal_bytes,
                                      .store_bytes = site->config.tuning.store_bytes,
                                      .wal_writes_in_flight =
                                          site->config.tuning.wal_writes_in_flight,
                                      .cluster_id = segment_cluster_id(site->config.cluster),
                                      .io_token = (uint64_t)SITE_TOKEN_JOURNAL << 56,
                                      .verifiers = site->verifiers,
                                      .verifier_count = site->config.site_count};
    (void)snprintf(options.site, sizeof options.site, "%s", site->config.site);
    enum status status = journal_open(&site->journal, site->io, &options);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES, "%s",
                       site->journal != NULL ? journal_error(site->journal)
                                             : "no memory for the journal");
    }
    return status;
}

/* The membership that a shard begins with. */
static void site_genesis(const struct site *site, uint32_t index, struct placement *genesis)
{
    const struct config *config = &site->config;
    const struct config_shard *shard = &config->shards[index];
    *genesis = (struct placement){.commit_providers = (uint8_t)shard->commit_providers};
    struct placement_site *own = &genesis->sites[config->site_index];
    own->incarnation = bytes_load_le64(journal_incarnation(site->journal));
    own->provider_id = 1;
    own->role = PLACEMENT_VOTER;
    memcpy(own->public_key, config->sites[config->site_index].public_key, PLACEMENT_KEY_BYTES);
    for (uint32_t at = 0; at < shard->prefer_count; at++) {
        genesis->preferred_site_ids[at] = (uint8_t)(shard->prefer[at] + 1);
    }
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
                                    .verifier_count = site->config.site_count};
    site_genesis(site, index, &options.genesis);
    options.incarnation = options.genesis.sites[site->config.site_index].incarnation;
    randombytes_buf(&options.random_seed, sizeof options.random_seed);
    struct shard_machine machine = site_market_machine(&site->markets[index]);
    const struct shard_peers nobody = {.context = NULL}; /* A voter alone sends nothing. */
    status =
        shard_create(&site->shards[index], &options, &machine, &nobody, site->journal, site->codec);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES, "cannot make shard %u: %s", index + 1,
                       status_text(status));
        return status;
    }
    site->door_markets[index] = (struct door_market){.shard = site->shards[index],
                                                     .engine = site->markets[index].engine,
                                                     .streams = site->markets[index].streams};
    return STATUS_OK;
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
                                                          SITE_HANDLES_OTHER,
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
                                      .io = site->io,
                                      .journal = site->journal,
                                      .doors = site->doors,
                                      .markets = site->markets,
                                      .shards = site->shards,
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

/* How far a market is, and the hash of everything that has happened on it. */
static void site_log_market(const struct site *site, uint32_t index, const char *event)
{
    const struct engine *engine = site->markets[index].engine;
    struct engine_totals totals = engine_totals(engine);
    log_line(LOG_LEVEL_INFO, event, "shard=%u commands=%llu open_orders=%llu event_hash=%016llx",
             index + 1, (unsigned long long)totals.commands, (unsigned long long)totals.open_orders,
             (unsigned long long)engine_event_hash(engine));
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
            status = site->markets[index].stream_status;
            break;
        }
    }
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES,
                       "shard %u cannot be rebuilt at log index %llu (%s): run 'causeway journal "
                       "verify' on %s",
                       index + 1, (unsigned long long)log_index, status_text(status),
                       site->config.data);
        return status;
    }
    io_now_refresh(site->io);
    log_line(LOG_LEVEL_INFO, "rebuilt", "shard=%u log_index=%llu duration_ms=%llu", index + 1,
             (unsigned long long)log_index,
             (unsigned long long)((io_now_ns(site->io) - started_ns) / 1000000));
    site_log_market(site, index, "recovered");
    return STATUS_OK;
}

static enum status site_open_parts(struct site *site, char *error)
{
    enum status status = site_check(&site->config, error);
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
        status = site_open_doors(site, error);
    }
    if (status == STATUS_OK) {
        status = site_try_listen(site, site->config.listen_ouch, error);
    }
    if (status == STATUS_OK) {
        status = site_open_admin(site, error);
    }
    for (uint32_t i = 0; status == STATUS_OK && i < site->config.shard_count; i++) {
        status = site_recover_shard(site, i, error);
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

/* Once every shard leads and has executed all it has: report who was logged on before, open the
 * doors. */
static enum status site_serve(struct site *site, char *error)
{
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        struct shard_status status;
        shard_status(site->shards[i], &status);
        if (!status.leader || status.applied_log_index < status.appended_log_index) {
            return STATUS_OK;
        }
    }
    doors_reconcile(site->doors);
    uint32_t handle = 0;
    uint16_t port = 0;
    enum status status = io_listen(site->io, site->config.listen_ouch,
                                   doors_listen_token(site->doors), &handle, &port);
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES, "cannot listen for clients on %s any more: %s",
                       site->config.listen_ouch, status_text(status));
        return status;
    }
    site->admin.serving = true;
    log_line(LOG_LEVEL_INFO, "ready", "cluster=%s site=%s ouch=%s port=%u shards=%u",
             site->config.cluster, site->config.site, site->config.listen_ouch, port,
             site->config.shard_count);
    return STATUS_OK;
}

static enum status site_dispatch(struct site *site, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct io_completion *completion = &site->completions[i];
        switch ((enum site_token_class)(completion->token >> 56)) {
        case SITE_TOKEN_OTHER:
            break;
        case SITE_TOKEN_JOURNAL: {
            enum status status = journal_complete(site->journal, completion);
            if (status != STATUS_OK) {
                return status;
            }
            break;
        }
        case SITE_TOKEN_DOORS:
            doors_complete(site->doors, completion);
            break;
        }
    }
    return STATUS_OK;
}

static void site_housekeeping(struct site *site, uint64_t now_ns)
{
    if (now_ns < site->housekeeping_due_ns) {
        return;
    }
    site->housekeeping_due_ns = now_ns + SITE_HOUSEKEEPING_NS;
    struct journal_usage usage;
    journal_usage(site->journal, &usage);
    if (usage.store_warn && !site->warned) {
        log_line(LOG_LEVEL_WARN, "store-filling",
                 "used_bytes=%llu of_bytes=%llu advice=\"archive and trim, or start with a larger "
                 "tuning.store\"",
                 (unsigned long long)usage.store_used_bytes, (unsigned long long)usage.store_bytes);
    }
    if (usage.store_refuse != site->admin.orders_refused) {
        log_line(usage.store_refuse ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "store-full",
                 "refusing_orders=%d used_bytes=%llu of_bytes=%llu", usage.store_refuse,
                 (unsigned long long)usage.store_used_bytes, (unsigned long long)usage.store_bytes);
    }
    site->warned = usage.store_warn;
    site->admin.orders_refused = usage.store_refuse;
}

static uint64_t site_due_ns(const struct site *site)
{
    uint64_t now_ns = io_now_ns(site->io);
    uint64_t due_ns = doors_due_ns(site->doors);
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        uint64_t shard_ns = shard_due_ns(site->shards[i], now_ns);
        due_ns = shard_ns < due_ns ? shard_ns : due_ns;
    }
    return due_ns;
}

/* Since when, at the earliest that matters, what a poll brought has been waiting. A poll that came
 * back after it was due was kept from running (stopped, moved, starved of processor time): its
 * bytes may have waited in the kernel since then, and orders must not be taken for younger than
 * they are (DESIGN P5). They were not there at the poll before. */
static uint64_t site_arrived_ns(uint64_t before_ns, uint64_t due_ns, uint64_t now_ns)
{
    ASSERT(before_ns <= now_ns);
    uint64_t arrived_ns = due_ns < now_ns ? due_ns : now_ns;
    return arrived_ns > before_ns ? arrived_ns : before_ns;
}

/* One turn of the loop: inputs, then what they allow, then output. */
static enum status site_turn(struct site *site, char *error)
{
    uint64_t before_ns = io_now_ns(site->io);
    uint64_t due_ns = site_due_ns(site);
    uint32_t count = io_poll(site->io, site->completions, SITE_COMPLETIONS, due_ns);
    uint64_t arrived_ns = site_arrived_ns(before_ns, due_ns, io_now_ns(site->io));
    if (io_now_ns(site->io) - arrived_ns > SITE_LATE_NS && count < SITE_COMPLETIONS) {
        /* It may have come back before it saw all: what is there now waited as long. */
        count += io_poll(site->io, site->completions + count, SITE_COMPLETIONS - count, 0);
    }
    doors_arrival(site->doors, arrived_ns);
    enum status status = site_dispatch(site, count);
    if (status == STATUS_OK) {
        status = journal_poll(site->journal);
    }
    uint64_t now_ns = io_now_ns(site->io);
    for (uint32_t i = 0; status == STATUS_OK && i < site->config.shard_count; i++) {
        status = shard_step(site->shards[i], now_ns, io_wall_ns(site->io));
    }
    if (status != STATUS_OK) {
        (void)snprintf(error, SITE_ERROR_BYTES, "%s", journal_error(site->journal));
        return status;
    }
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        if (site->markets[i].stream_status != STATUS_OK) {
            (void)snprintf(
                error, SITE_ERROR_BYTES,
                "the session streams of shard %u cannot be written (%s): make room in %s "
                "and start again; nothing is lost, they are rebuilt from the journal",
                i + 1, status_text(site->markets[i].stream_status), site->config.data);
            return site->markets[i].stream_status;
        }
    }
    status = doors_run(site->doors, site->admin.orders_refused);
    if (status != STATUS_OK) {
        (void)snprintf(
            error, SITE_ERROR_BYTES,
            "a session stream does not read back as it was written (%s): start again, it "
            "is rebuilt from the journal; check the disk",
            status_text(status));
        return status;
    }
    site_admin_run(&site->admin);
    site_housekeeping(site, now_ns);
    return site->admin.serving ? STATUS_OK : site_serve(site, error);
}

/* Close the doors and let what they still report go into the journal. */
static enum status site_shut_down(struct site *site, char *error)
{
    log_line(LOG_LEVEL_INFO, "stopping", "site=%s", site->config.site);
    doors_close_all(site->doors);
    uint64_t until_ns = io_now_ns(site->io) + SITE_SHUTDOWN_NS;
    for (;;) {
        enum status status = site_turn(site, error);
        if (status != STATUS_OK) {
            return status;
        }
        struct doors_counts counts;
        doors_counts(site->doors, &counts);
        bool idle = counts.connections == 0 && !doors_waiting(site->doors);
        for (uint32_t i = 0; i < site->config.shard_count; i++) {
            struct shard_status state;
            shard_status(site->shards[i], &state);
            idle = idle && shard_room(site->shards[i]) == site->config.tuning.queue_commands_max &&
                   state.applied_log_index == state.appended_log_index;
        }
        if (idle || io_now_ns(site->io) >= until_ns) {
            break;
        }
    }
    /* What a start from this journal must come to again. */
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        site_log_market(site, i, "executed");
    }
    return STATUS_OK;
}

enum status site_run(struct site *site, char error[static SITE_ERROR_BYTES])
{
    io_now_refresh(site->io);
    for (uint32_t i = 0; i < site->config.shard_count; i++) {
        enum status status =
            shard_start(site->shards[i], io_now_ns(site->io), io_wall_ns(site->io));
        if (status != STATUS_OK) {
            (void)snprintf(error, SITE_ERROR_BYTES, "%s", journal_error(site->journal));
            return status;
        }
    }
    while (!atomic_load_explicit(&site->stopping, memory_order_relaxed)) {
        enum status status = site_turn(site, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return site_shut_down(site, error);
}

void site_stop(struct site *site)
{
    atomic_store(&site->stopping, true);
    io_wake(site->io);
}

void site_close(struct site *site)
{
    if (site->admin.link != NULL) {
        if (site->admin_thread != NULL) {
            admin_stop(site->admin_thread);
        }
        admin_link_destroy(site->admin.link);
    }
    if (site->credentials != NULL) {
        credential_stop(site->credentials);
    }
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        if (site->shards[i] != NULL) {
            shard_destroy(site->shards[i]);
        }
    }
    if (site->journal != NULL) {
        journal_close(site->journal);
    }
    if (site->io != NULL) {
        io_destroy(site->io);
    }
    if (site->doors != NULL) {
        doors_destroy(site->doors);
    }
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        site_market_close(&site->markets[i]);
    }
    if (site->codec != NULL) {
        codec_destroy(site->codec);
    }
    key_store_release(site->signer);
    free(site);
}
