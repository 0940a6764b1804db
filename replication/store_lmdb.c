#include "replication/store_lmdb.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "replication/store_move.h"

#define STORE_LMDB_WAIT_MS 10

/* Above this the rest is kept for what trimming itself needs: LMDB copies pages to free others. */
#define STORE_LMDB_FULL_PERCENT 95u

struct store_lmdb {
    struct store base;
    struct store_env env;
    struct store_head head;
    const struct wal_image *image;
    void (*wake)(void *context);
    void *wake_context;
    pthread_t thread;
    bool started;
    int event; /* Counts the loop's requests to wake up. */

    /* The loop's. */
    MDB_txn *reader; /* Reset between reads: one that is held keeps all later pages from reuse. */
    uint64_t signalled_position;
    struct journal_error read_error;

    /* The thread's, between store_start() and store_close(). */
    struct store_move move;
    struct journal_error error; /* Published by `status`. */

    /* Written by the loop. */
    _Alignas(64) _Atomic uint64_t published_position;
    _Atomic uint64_t trim_log_index[SHARDS_MAX];
    atomic_bool wanted;
    atomic_bool stopping;

    /* Written by the thread. */
    _Alignas(64) _Atomic uint64_t stored_position;
    _Atomic uint64_t used_bytes;
    _Atomic uint64_t commits;
    atomic_bool full;
    _Atomic int status;
};

static struct store_lmdb *store_lmdb_of(struct store *store)
{
    void *whole = store; /* `base` is the first member. */
    return whole;
}

static const struct store_lmdb *store_lmdb_of_const(const struct store *store)
{
    const void *whole = store;
    return whole;
}

static void store_lmdb_signal(struct store_lmdb *lmdb)
{
    uint64_t one = 1;
    ssize_t result = write(lmdb->event, &one, sizeof one);
    ASSERT(result == (ssize_t)sizeof one);
}

/* Publish what the last commit has changed; the position last, it releases the rest. */
static void store_lmdb_report(struct store_lmdb *lmdb)
{
    uint64_t used_bytes = store_env_used_bytes(&lmdb->env);
    atomic_store_explicit(&lmdb->used_bytes, used_bytes, memory_order_relaxed);
    atomic_store_explicit(&lmdb->commits, lmdb->move.facts.commit_number, memory_order_relaxed);
    atomic_store_explicit(&lmdb->stored_position, lmdb->move.facts.place.position,
                          memory_order_release);
}

/* Whether something may be trimmed; what is asked for goes into `move`. */
static bool store_lmdb_trims(struct store_lmdb *lmdb)
{
    bool trims = lmdb->move.trimming;
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        const struct journal_tail *tail = &lmdb->move.facts.states[i].tail;
        uint64_t log_index = atomic_load_explicit(&lmdb->trim_log_index[i], memory_order_relaxed);
        lmdb->move.trim_log_index[i] = log_index;
        trims = trims || (log_index > tail->first_log_index &&
                          tail->first_log_index <= tail->last_log_index);
    }
    return trims;
}

/* How far frames may be taken in now: not at all while the next one would use up what trimming
 * itself needs. A frame takes at least as much of the ring as of the store. */
static uint64_t store_lmdb_target(struct store_lmdb *lmdb)
{
    uint64_t position = atomic_load_explicit(&lmdb->published_position, memory_order_acquire);
    uint64_t stored = lmdb->move.facts.place.position;
    uint64_t used = atomic_load_explicit(&lmdb->used_bytes, memory_order_relaxed);
    uint64_t usable = lmdb->env.store_bytes / 100 * STORE_LMDB_FULL_PERCENT;
    ASSERT(position >= stored);
    lmdb->move.room_bytes = used < usable ? usable - used : 0;
    bool full = position > stored && store_move_next_bytes(&lmdb->move) > lmdb->move.room_bytes;
    atomic_store_explicit(&lmdb->full, full, memory_order_relaxed);
    return full ? stored : position;
}

/* One commit if there is something to do. Returns whether the thread should look again at once. */
static bool store_lmdb_work(struct store_lmdb *lmdb, bool stopping)
{
    uint64_t position = store_lmdb_target(lmdb);
    if (!store_lmdb_trims(lmdb) && position == lmdb->move.facts.place.position) {
        return false;
    }
    enum status status = store_move_commit(&lmdb->move, position, &lmdb->error);
    if (status != STATUS_OK) {
        atomic_store_explicit(&lmdb->status, (int)status, memory_order_release);
        lmdb->wake(lmdb->wake_context);
        return false;
    }
    store_lmdb_report(lmdb);
    if (atomic_exchange_explicit(&lmdb->wanted, false, memory_order_acq_rel)) {
        lmdb->wake(lmdb->wake_context);
    }
    uint64_t left = position - lmdb->move.facts.place.position;
    return left > 0 && (stopping || left >= lmdb->image->ring_bytes / 8);
}

static void *store_lmdb_run(void *context)
{
    struct store_lmdb *lmdb = context;
    for (;;) {
        bool stopping = atomic_load_explicit(&lmdb->stopping, memory_order_acquire);
        while (store_lmdb_work(lmdb, stopping)) {
        }
        enum status status = (enum status)atomic_load_explicit(&lmdb->status, memory_order_relaxed);
        if (stopping || status != STATUS_OK) {
            return NULL;
        }
        struct pollfd waited = {.fd = lmdb->event, .events = POLLIN};
        if (poll(&waited, 1, STORE_LMDB_WAIT_MS) > 0) {
            uint64_t count;
            ssize_t result = read(lmdb->event, &count, sizeof count);
            ASSERT(result == (ssize_t)sizeof count);
        }
    }
}

static enum status store_lmdb_move(struct store *store, const struct wal_image *image,
                                   uint64_t position)
{
    struct store_lmdb *lmdb = store_lmdb_of(store);
    ASSERT(!lmdb->started);
    lmdb->move.image = image;
    lmdb->move.room_bytes = UINT64_MAX;
    while (lmdb->move.facts.place.position < position) {
        enum status status = store_move_commit(&lmdb->move, position, &lmdb->error);
        if (status != STATUS_OK) {
            atomic_store_explicit(&lmdb->status, (int)status, memory_order_relaxed);
            return status;
        }
    }
    store_lmdb_report(lmdb);
    store->place = lmdb->move.facts.place;
    memcpy(store->states, lmdb->move.facts.states, sizeof store->states);
    return STATUS_OK;
}

static enum status store_lmdb_start(struct store *store, const struct wal_image *image,
                                    void (*wake)(void *context), void *wake_context)
{
    struct store_lmdb *lmdb = store_lmdb_of(store);
    ASSERT(!lmdb->started);
    lmdb->image = image;
    lmdb->move.image = image;
    lmdb->wake = wake;
    lmdb->wake_context = wake_context;
    lmdb->signalled_position = store->place.position;
    atomic_store_explicit(&lmdb->published_position, store->place.position, memory_order_relaxed);
    lmdb->event = eventfd(0, EFD_CLOEXEC);
    if (lmdb->event < 0) {
        return journal_file_failed(&lmdb->read_error, "make an event for", "the store's thread",
                                   errno);
    }
    int result = pthread_create(&lmdb->thread, NULL, store_lmdb_run, lmdb);
    if (result != 0) {
        return journal_file_failed(&lmdb->read_error, "start", "the store's thread", result);
    }
    lmdb->started = true;
    return STATUS_OK;
}

static void store_lmdb_publish(struct store *store, uint64_t position)
{
    struct store_lmdb *lmdb = store_lmdb_of(store);
    ASSERT(lmdb->started);
    ASSERT(position >= atomic_load_explicit(&lmdb->published_position, memory_order_relaxed));
    atomic_store_explicit(&lmdb->published_position, position, memory_order_release);

    uint64_t stored = atomic_load_explicit(&lmdb->stored_position, memory_order_relaxed);
    uint64_t level_bytes = lmdb->image->ring_bytes / 8;
    if (lmdb->signalled_position < stored) {
        lmdb->signalled_position = stored;
    }
    if (position - lmdb->signalled_position >= level_bytes) {
        lmdb->signalled_position = position;
        store_lmdb_signal(lmdb);
    }
}

static void store_lmdb_want(struct store *store)
{
    atomic_store_explicit(&store_lmdb_of(store)->wanted, true, memory_order_release);
}

static void store_lmdb_progress(const struct store *store, struct store_progress *progress)
{
    const struct store_lmdb *lmdb = store_lmdb_of_const(store);
    progress->status = (enum status)atomic_load_explicit(&lmdb->status, memory_order_acquire);
    progress->position = atomic_load_explicit(&lmdb->stored_position, memory_order_acquire);
    progress->used_bytes = atomic_load_explicit(&lmdb->used_bytes, memory_order_relaxed);
    progress->commits = atomic_load_explicit(&lmdb->commits, memory_order_relaxed);
    progress->full = atomic_load_explicit(&lmdb->full, memory_order_relaxed);
}

static enum status store_lmdb_copy(struct store_lmdb *lmdb, uint16_t shard_id, uint64_t log_index,
                                   uint8_t *target, size_t target_bytes, size_t *segment_bytes,
                                   uint64_t *last_timestamp_ns)
{
    size_t number = log_index;
    MDB_val key = {sizeof number, &number};
    MDB_val value;
    int result = mdb_get(lmdb->reader, lmdb->env.segments[shard_id - 1], &key, &value);
    if (result == MDB_NOTFOUND) {
        return STATUS_NOT_FOUND;
    }
    if (result != 0) {
        return store_env_failed(&lmdb->env, "read", result, &lmdb->read_error);
    }
    struct segment segment;
    enum status status =
        store_env_entry_check(&value, shard_id, log_index, &segment, last_timestamp_ns);
    if (status != STATUS_OK) {
        journal_error_set(&lmdb->read_error,
                          "%s gave other bytes for log index %zu of shard %u than were put in; the "
                          "site must be rebuilt from its peers",
                          lmdb->env.path, number, (unsigned)shard_id);
        return status;
    }
    *segment_bytes = value.mv_size - STORE_ENV_ENTRY_BYTES;
    if (*segment_bytes > target_bytes) {
        return STATUS_SHORT;
    }
    memcpy(target, (const uint8_t *)value.mv_data + STORE_ENV_ENTRY_BYTES, *segment_bytes);
    return STATUS_OK;
}

static enum status store_lmdb_read(struct store *store, uint16_t shard_id, uint64_t log_index,
                                   uint8_t *target, size_t target_bytes, size_t *segment_bytes,
                                   uint64_t *last_timestamp_ns)
{
    struct store_lmdb *lmdb = store_lmdb_of(store);
    int result = lmdb->reader == NULL
                     ? mdb_txn_begin(lmdb->env.env, NULL, MDB_RDONLY, &lmdb->reader)
                     : mdb_txn_renew(lmdb->reader);
    if (result != 0) {
        return store_env_failed(&lmdb->env, "read", result, &lmdb->read_error);
    }
    enum status status = store_lmdb_copy(lmdb, shard_id, log_index, target, target_bytes,
                                         segment_bytes, last_timestamp_ns);
    mdb_txn_reset(lmdb->reader);
    return status;
}

static void store_lmdb_trim(struct store *store, uint16_t shard_id, uint64_t log_index)
{
    _Atomic uint64_t *target = &store_lmdb_of(store)->trim_log_index[shard_id - 1];
    if (atomic_load_explicit(target, memory_order_relaxed) < log_index) {
        atomic_store_explicit(target, log_index, memory_order_relaxed);
    }
}

static const char *store_lmdb_error(const struct store *store)
{
    const struct store_lmdb *lmdb = store_lmdb_of_const(store);
    bool failed = atomic_load_explicit(&lmdb->status, memory_order_acquire) != STATUS_OK;
    return failed ? lmdb->error.text : lmdb->read_error.text;
}

static void store_lmdb_close(struct store *store)
{
    struct store_lmdb *lmdb = store_lmdb_of(store);
    if (lmdb->started) {
        atomic_store_explicit(&lmdb->stopping, true, memory_order_release);
        store_lmdb_signal(lmdb);
        int result = pthread_join(lmdb->thread, NULL);
        ASSERT(result == 0);
    }
    if (lmdb->event >= 0) {
        (void)close(lmdb->event);
    }
    if (lmdb->reader != NULL) {
        mdb_txn_abort(lmdb->reader);
    }
    store_env_close(&lmdb->env);
    store_head_close(&lmdb->head);
    free(lmdb);
}

static const struct store_operations store_lmdb_operations = {
    .move = store_lmdb_move,
    .start = store_lmdb_start,
    .publish = store_lmdb_publish,
    .want = store_lmdb_want,
    .progress = store_lmdb_progress,
    .read = store_lmdb_read,
    .trim = store_lmdb_trim,
    .error = store_lmdb_error,
    .close = store_lmdb_close,
};

static enum status store_lmdb_load(struct store_lmdb *lmdb,
                                   const struct store_lmdb_options *options,
                                   struct journal_error *error)
{
    MDB_txn *txn;
    int result = mdb_txn_begin(lmdb->env.env, NULL, MDB_RDONLY, &txn);
    if (result != 0) {
        return store_env_failed(&lmdb->env, "read", result, error);
    }
    enum status status = store_env_facts_load(&lmdb->env, txn, &lmdb->move.facts, error);
    if (status == STATUS_OK) {
        status = store_env_repairs_load(&lmdb->env, txn, lmdb->base.repairs, error);
    }
    mdb_txn_abort(txn);
    if (status != STATUS_OK) {
        return status;
    }
    const struct store_facts *facts = &lmdb->move.facts;
    if (memcmp(facts->incarnation, options->incarnation, WAL_KEY_BYTES) != 0) {
        journal_error_set(error,
                          "%s belongs to another journal than journal.id beside it; put back the "
                          "one that was there; where it is lost, the site joins as a new one",
                          lmdb->env.path);
        return STATUS_FOREIGN;
    }
    if (facts->place.position >= options->ring_bytes ||
        facts->place.position % WAL_ALIGNMENT_BYTES != 0) {
        journal_error_set(error,
                          "%s: its place in the ring lies outside the ring; the site must be "
                          "rebuilt from its peers",
                          lmdb->env.path);
        return STATUS_DAMAGED;
    }
    return STATUS_OK;
}

enum status store_lmdb_open(struct store **store, const struct store_lmdb_options *options,
                            struct journal_error *error)
{
    ASSERT(options->directory != NULL);
    ASSERT(options->ring_bytes % WAL_ALIGNMENT_BYTES == 0);
    char env_path[JOURNAL_PATH_BYTES];
    char head_path[JOURNAL_PATH_BYTES];
    *store = NULL;
    struct store_lmdb *lmdb = aligned_alloc(64, sizeof *lmdb);
    if (lmdb == NULL) {
        journal_error_set(error, "no memory for the store");
        return STATUS_FULL;
    }
    memset(lmdb, 0, sizeof *lmdb);
    lmdb->base.operations = &store_lmdb_operations;
    lmdb->event = -1;
    lmdb->head.descriptor = -1;
    lmdb->move.env = &lmdb->env;
    lmdb->move.head = &lmdb->head;
    lmdb->move.repairs = lmdb->base.repairs;

    struct store_head_facts head;
    struct store_head_facts own;
    enum status status = journal_file_path(env_path, options->directory, STORE_ENV_NAME, error);
    if (status == STATUS_OK) {
        status = journal_file_path(head_path, options->directory, STORE_HEAD_NAME, error);
    }
    if (status == STATUS_OK) {
        status = store_head_open(&lmdb->head, &head, head_path, true, error);
    }
    if (status == STATUS_OK) {
        status = store_env_open(&lmdb->env, env_path, options->store_bytes, false, error);
    }
    if (status == STATUS_OK) {
        status = store_lmdb_load(lmdb, options, error);
    }
    if (status == STATUS_OK) {
        store_facts_head(&lmdb->move.facts, &own);
        status = store_head_compare(&lmdb->head, &head, &own, error);
    }
    if (status != STATUS_OK) {
        store_lmdb_close(&lmdb->base);
        return status;
    }
    lmdb->base.place = lmdb->move.facts.place;
    memcpy(lmdb->base.states, lmdb->move.facts.states, sizeof lmdb->base.states);
    store_lmdb_report(lmdb);
    *store = &lmdb->base;
    return STATUS_OK;
}
