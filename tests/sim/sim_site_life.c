/* The life of a simulated site's process: its disk's birth, a start, an end. */
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "tests/sim/sim_seat.h"
#include "tests/sim/sim_shelf.h"
#include "tests/sim/sim_site_inside.h"
#include "tests/support/io_memory.h"
#include "tests/support/store_memory.h"

/* ---- Birth ---- */

void sim_site_make(struct sim_world *world, uint8_t site_id)
{
    struct sim_site *site = sim_world_site(world, site_id);
    site->site_id = site_id;
    sim_disk_make(&site->disk);
    (void)snprintf(site->config.data, sizeof site->config.data, "simulated/%u", site_id);
    site->config.shard_count = SHARDS_MAX;
    site->config.tuning.orders_max = 512;
    site->config.tuning.price_levels_max = 128;
    site->config.tuning.instruments_max = 2;
    site->config.tuning.firms_max = 2;
    site->config.tuning.sessions_max = SIM_CHECK_SESSIONS_MAX;
    site->config.tuning.stream_bytes_max = UINT64_C(64) << 20;
    for (uint16_t shard_id = 1; shard_id <= SHARDS_MAX; shard_id++) {
        site->seats[shard_id - 1].world = world;
        site->seats[shard_id - 1].site = site;
        site->seats[shard_id - 1].shard_id = shard_id;
    }
}

void sim_site_free(struct sim_site *site)
{
    ASSERT(site->state != SIM_SITE_RUNNING);
    if (site->store != NULL) {
        store_close(site->store);
        site->store = NULL;
    }
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        sim_shelf_clear(&site->seats[at].shelf);
        char path[CONFIG_PATH_BYTES + 32];
        (void)snprintf(path, sizeof path, "%s/streams-%u", site->config.data, at + 1);
        (void)remove(path);
    }
    (void)remove(site->config.data);
    sim_ledger_free(&site->ledger);
    sim_ledger_free(&site->former);
    sim_disk_free(&site->disk);
}

void sim_site_reset(struct sim_world *world, struct sim_site *site)
{
    ASSERT(site->state != SIM_SITE_RUNNING);
    ASSERT(world->starts == 0);
    if (site->store != NULL) {
        store_close(site->store);
        site->store = NULL;
    }
    site->state = SIM_SITE_ABSENT;
    site->lost = false;
    site->gone = false;
    site->fragile = false;
    site->held = 0;
    site->paused = 0;
    site->paused_until_ns = 0;
    site->retired = false;
    site->turns = 0;
    site->turns_at_ns = UINT64_MAX;
    site->restart_due_ns = 0;
    site->start = 0;
    site->births = 0;
    site->store_slow_ns = 0;
    site->slow_ns = 0;
    site->excuses = 0;
    site->turn_due_ns = UINT64_MAX;
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        site->seats[at].status = (struct shard_status){0};
        site->seats[at].diverges = 0;
        site->seats[at].fence_excused = false;
    }
}

void sim_site_birth(struct sim_world *world, struct sim_site *site)
{
    ASSERT(site->state != SIM_SITE_RUNNING);
    if (site->store != NULL) {
        store_close(site->store);
    }
    site->store = store_memory_create();
    uint64_t was_incarnation = site->births > 0 ? site->incarnation : 0;
    site->births++;
    site->state = SIM_SITE_DOWN;
    site->lost = false;
    site->fragile = false;
    site->excuses = 0;
    for (uint32_t at = 0; at < SHARDS_MAX; at++) {
        sim_shelf_clear(&site->seats[at].shelf);
        site->seats[at].over = false;
    }
    struct journal_id *id = &site->parts.id;
    *id = (struct journal_id){.cluster_id = SIM_CLUSTER_ID,
                              .wal_bytes = SIM_DISK_BYTES,
                              .store_bytes = UINT64_C(1) << 30};
    (void)snprintf(id->site, sizeof id->site, "site-%u", site->site_id);
    bytes_store_le64(id->incarnation, site->births << 8 | site->site_id);
    bytes_store_le64(id->incarnation + 8, world->seed);
    site->incarnation = bytes_load_le64(id->incarnation);
    uint64_t latency_ns = site->disk.latency_ns;
    uint64_t jitter_ns = site->disk.jitter_ns;
    sim_disk_format(&site->disk, random_below(&world->random, 2) == 0 ? 512 : 4096,
                    id->incarnation);
    site->disk.latency_ns = latency_ns;
    site->disk.jitter_ns = jitter_ns;
    struct sim_ledger former = site->former;
    site->former = site->ledger;
    site->former_incarnation = was_incarnation;
    site->ledger = former;
    sim_ledger_reset(&site->ledger);
    uint8_t seed[crypto_sign_SEEDBYTES] = {0};
    bytes_store_le64(seed, site->incarnation);
    int result = crypto_sign_seed_keypair(site->public_key, site->signer.secret_key, seed);
    ASSERT(result == 0);
    segment_key_id(site->signer.key_id, site->public_key);
    ASSERT(world->verifier_count < SIM_KEYS_MAX);
    struct segment_verifier *verifier = &world->verifiers[world->verifier_count++];
    memcpy(verifier->public_key, site->public_key, sizeof verifier->public_key);
    memcpy(verifier->key_id, site->signer.key_id, sizeof verifier->key_id);
}

/* ---- Start ---- */

static enum status site_open_journal(struct sim_world *world, struct sim_site *site)
{
    site->io = io_memory_create();
    sim_disk_start(&site->disk, site->io);
    site->parts.image = site->disk.image;
    if (site->disk.error != 0) {
        io_memory_faults(site->io)->write_now_allowed = 0;
    }
    site->parts.store = site->store;
    store_memory_keep(site->store);
    struct journal_options options = {.directory = "simulated",
                                      .wal_writes_in_flight = 2,
                                      .cluster_id = SIM_CLUSTER_ID,
                                      .io_token = SIM_TOKEN,
                                      .verifiers = world->verifiers,
                                      .verifier_count = world->verifier_count,
                                      .parts = &site->parts};
    memcpy(options.site, site->parts.id.site, sizeof options.site);
    sim_disk_stale_swap(&site->disk);
    enum status status = journal_open(&site->journal, site->io, &options);
    if (status != STATUS_OK) {
        sim_world_say(world, "site %u: journal: %s: %s", site->site_id, status_text(status),
                      journal_error(site->journal));
    }
    if (site->disk.stale_offset != 0) {
        sim_disk_stale_swap(&site->disk);
        site->disk.stale_offset = 0;
    }
    site->opened = status == STATUS_OK;
    uint64_t used_bytes = site->disk.used_bytes + (64u << 10); /* The start's own frame. */
    site->disk.used_bytes = used_bytes < SIM_DISK_BYTES ? used_bytes : SIM_DISK_BYTES;
    return status;
}

void sim_site_ended(struct sim_world *world, struct sim_site *site, enum status status,
                    const char *what)
{
    bool writes = status == STATUS_IO || status == STATUS_NO_SPACE;
    uint32_t excuse = writes ? SIM_EXCUSE_WRITES : SIM_EXCUSE_DAMAGE;
    excuse |= SIM_EXCUSE_FOREIGN;
    sim_world_say(world, "site %u ends by itself: %s: %s", site->site_id, what,
                  status_text(status));
    if ((site->excuses & excuse) == 0) {
        sim_check_fail(&world->check, "site %u ends by itself (%s): %s: %s", site->site_id, what,
                       status_text(status),
                       site->journal != NULL ? journal_error(site->journal) : "");
    }
    sim_site_end(world, site, SIM_SITE_KILL);
    site->lost = site->lost || !writes;
    site->restart_due_ns = world->queue.now_ns + SIM_S;
}

/* A start from a snapshot does not look at what stands before it. */
static bool site_reads_all(struct sim_world *world, struct sim_site *site)
{
    for (uint16_t shard_id = 1; shard_id <= world->plan.shard_count; shard_id++) {
        struct journal_tail tail;
        journal_persisted(site->journal, shard_id, &tail);
        for (uint64_t at = tail.first_log_index; at <= tail.last_log_index; at++) {
            size_t bytes;
            if (journal_read(site->journal, shard_id, at, world->scratch, SEGMENT_BYTES_MAX,
                             &bytes) != STATUS_OK) {
                return false;
            }
        }
    }
    return true;
}

static enum status site_open_seat(struct sim_world *world, struct sim_site *site,
                                  struct sim_seat *seat)
{
    struct shard_origin origin;
    bool restored;
    enum status status = sim_shelf_open(world, seat, &origin, &restored);
    return status == STATUS_OK ? sim_seat_open(world, site, seat, restored ? &origin : NULL)
                               : status;
}

/* A journal that is empty joins the generations that the shards are in, as `causeway site add` sees
 * to it, before it is used. */
static enum status site_join(struct sim_world *world, struct sim_site *site)
{
    enum status status = STATUS_OK;
    bool joins = false;
    for (uint16_t shard_id = 1; shard_id <= world->plan.shard_count; shard_id++) {
        uint64_t generation = world->repairs[shard_id - 1].generation;
        struct journal_generation now;
        struct journal_tail tail;
        journal_generation(site->journal, shard_id, &now);
        journal_persisted(site->journal, shard_id, &tail);
        if (status == STATUS_OK && generation > 0 && tail.last_log_index == 0 && tail.term == 0 &&
            now.generation == 0 && !now.accepted && !site->seats[shard_id - 1].over) {
            status = journal_join(site->journal, shard_id, generation);
            joins = true;
        }
    }
    if (!joins) {
        return STATUS_OK;
    }
    status = status == STATUS_OK ? journal_flush(site->journal) : status;
    site->disk.stuck_until_ns = 0; /* It waits for its disk, however long that takes. */
    sim_site_submit(world, site);
    while (io_memory_pending(site->io) > 0) {
        struct io_completion completion;
        sim_site_disk(world, site, site->start, io_memory_write(site->io, 0)->handle);
        while (io_poll(site->io, &completion, 1, 0) > 0) {
            enum status completed = journal_complete(site->journal, &completion);
            status = status == STATUS_OK ? completed : status;
        }
    }
    /* What the queue has for these writes is stale. */
    site->start = ++world->starts;
    site->turn_due_ns = UINT64_MAX;
    site->store_busy = false;
    return status == STATUS_OK ? journal_poll(site->journal) : status;
}

void sim_site_start(struct sim_world *world, struct sim_site *site)
{
    ASSERT(site->state == SIM_SITE_DOWN);
    uint64_t committed[SHARDS_MAX];
    const uint64_t *chains[SHARDS_MAX];
    site->state = SIM_SITE_RUNNING;
    site->dies = false;
    site->start = ++world->starts;
    site->turn_due_ns = UINT64_MAX;
    site->writes_seen = 0;
    site->store_busy = false;
    enum status status = site_open_journal(world, site);
    if (status != STATUS_OK) {
        sim_site_ended(world, site, status, "opening its journal");
        return;
    }
    for (uint16_t shard_id = 1; shard_id <= world->plan.shard_count; shard_id++) {
        committed[shard_id - 1] = sim_check_committed_last(&world->check, shard_id);
        chains[shard_id - 1] = world->check.shards[shard_id - 1].chains.values;
    }
    sim_ledger_opened(&site->ledger, site->journal, (uint16_t)world->plan.shard_count, chains,
                      committed);
    status = site_join(world, site);
    for (uint32_t at = 0; status == STATUS_OK && at < world->plan.shard_count; at++) {
        status = site_open_seat(world, site, &site->seats[at]);
        if (status == STATUS_OK) {
            status = shard_start(site->seats[at].shard,
                                 sim_clock_monotonic_ns(&site->clock, world->queue.now_ns),
                                 sim_clock_wall_ns(&site->clock, world->queue.now_ns));
        }
        if (status == STATUS_OK) {
            sim_shelf_offer(world, &site->seats[at]);
        }
    }
    if (status != STATUS_OK) {
        sim_site_ended(world, site, status, "starting");
        return;
    }
    if ((site->excuses & SIM_EXCUSE_DAMAGE) != 0 && site_reads_all(world, site)) {
        site->excuses &= ~SIM_EXCUSE_DAMAGE;
    }
    sim_world_say(world, "site %u starts", site->site_id);
    sim_site_submit(world, site);
    sim_site_wake(world, site);
}

/* ---- End ---- */

void sim_site_end(struct sim_world *world, struct sim_site *site, enum sim_site_end end)
{
    if (site->state != SIM_SITE_RUNNING) {
        return;
    }
    if (end == SIM_SITE_CLEAN) { /* It waits for its disk, however long that takes. */
        site->disk.stuck_until_ns = 0;
        sim_site_submit(world, site);
    }
    while (end == SIM_SITE_CLEAN && io_memory_pending(site->io) > 0) {
        sim_site_disk(world, site, site->start, io_memory_write(site->io, 0)->handle);
    }
    sim_disk_crash(&site->disk, site->io, &world->random, end == SIM_SITE_POWER);
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        struct sim_seat *seat = &site->seats[at];
        sim_seat_close(seat);
        sim_shelf_crash(&seat->shelf, &world->random);
    }
    if (end == SIM_SITE_KILL && site->store_busy && random_below(&world->random, 2) == 0) {
        (void)store_memory_advance(site->store, UINT32_MAX); /* It was just through. */
    }
    if (site->opened) {
        struct journal_usage usage;
        journal_usage(site->journal, &usage);
        sim_disk_end(&site->disk, store_memory_place(site->store)->position, usage.wal_used_bytes);
    }
    journal_close(site->journal);
    io_destroy(site->io);
    site->journal = NULL;
    site->io = NULL;
    site->state = SIM_SITE_DOWN;
    site->turn_due_ns = UINT64_MAX;
    if (site->fragile) {
        site->lost = true;
    }
    sim_world_say(world, "site %u ends", site->site_id);
}
