#include "replication/store_env.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define STORE_ENV_READERS_MAX 4u
#define STORE_ENV_PLACE       "place"
#define STORE_ENV_KEY_BYTES   16u
#define STORE_ENV_HASH_BYTES  JOURNAL_BLOCK_HASH_BYTES

static_assert(sizeof(size_t) == 8, "keys are 64-bit log indexes");

/* Less than this is left on the disk, or to the limit of a file's size. */
#define STORE_ENV_SPACE_BYTES (1u << 20)

static bool store_env_out_of_space(const struct store_env *env)
{
    struct statvfs disk;
    struct stat file;
    struct rlimit limit;
    ASSERT(env->path[0] != 0);
    if (statvfs(env->path, &disk) == 0 &&
        disk.f_bavail < STORE_ENV_SPACE_BYTES / disk.f_frsize + 1) {
        return true;
    }
    return stat(env->path, &file) == 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
           limit.rlim_cur != RLIM_INFINITY &&
           (rlim_t)file.st_size + STORE_ENV_SPACE_BYTES > limit.rlim_cur;
}

enum status store_env_failed(const struct store_env *env, const char *action, int result,
                             struct journal_error *error)
{
    ASSERT(result != 0);
    if (result == MDB_MAP_FULL) {
        journal_error_set(error,
                          "cannot %s %s: its %" PRIu64 " reserved bytes are full; take a snapshot "
                          "and trim in time, or rebuild the site with a larger `store_bytes`",
                          action, env->path, env->store_bytes);
        return STATUS_NO_SPACE;
    }
    if (result == MDB_VERSION_MISMATCH) {
        journal_error_set(
            error,
            "%s is of a version that this program does not speak; use the program that wrote it",
            env->path);
        return STATUS_BAD_VERSION;
    }
    if (result < 0) {
        journal_error_set(error,
                          "cannot %s %s: %s; its pages are damaged and the site must be rebuilt "
                          "from its peers",
                          action, env->path, mdb_strerror(result));
        return STATUS_DAMAGED;
    }
    if (result == EIO && store_env_out_of_space(env)) {
        result = ENOSPC; /* LMDB reports a write that was cut short as EIO. */
    }
    return journal_file_failed(error, action, env->path, result);
}

static void store_env_shard_key(char key[static STORE_ENV_KEY_BYTES], uint32_t index)
{
    ASSERT(index < SHARDS_MAX);
    int length = snprintf(key, STORE_ENV_KEY_BYTES, "shard-%" PRIu32, index + 1);
    ASSERT(length > 0);
}

static int store_env_put(struct store_env *env, MDB_txn *txn, char *name, void *record,
                         size_t record_bytes)
{
    ASSERT(record_bytes > 0);
    MDB_val key = {strlen(name), name};
    MDB_val value = {record_bytes, record};
    return mdb_put(txn, env->facts, &key, &value, 0);
}

int store_env_facts_store(struct store_env *env, MDB_txn *txn, const struct store_facts *facts,
                          uint64_t ring_bytes)
{
    char name[STORE_ENV_KEY_BYTES] = STORE_ENV_PLACE;
    uint8_t place[STORE_FACTS_PLACE_BYTES];
    store_facts_place_store(place, facts, ring_bytes);
    int result = store_env_put(env, txn, name, place, sizeof place);
    for (uint32_t i = 0; i < SHARDS_MAX && result == 0; i++) {
        uint8_t shard[STORE_FACTS_SHARD_BYTES];
        store_env_shard_key(name, i);
        store_facts_shard_store(shard, facts, i);
        result = store_env_put(env, txn, name, shard, sizeof shard);
    }
    return result;
}

/* A record of the facts, copied out. */
static enum status store_env_get(struct store_env *env, MDB_txn *txn, char *name, uint8_t *target,
                                 size_t target_bytes, struct journal_error *error)
{
    MDB_val key = {strlen(name), name};
    MDB_val value;
    int result = mdb_get(txn, env->facts, &key, &value);
    if (result != 0 && result != MDB_NOTFOUND) {
        return store_env_failed(env, "read", result, error);
    }
    if (result != 0 || value.mv_size != target_bytes) {
        return STATUS_BAD_FORMAT;
    }
    memcpy(target, value.mv_data, target_bytes);
    return STATUS_OK;
}

static enum status store_env_get_failed(const struct store_env *env, const char *name,
                                        enum status status, struct journal_error *error)
{
    ASSERT(status != STATUS_OK);
    if (status == STATUS_BAD_VERSION) {
        journal_error_set(
            error,
            "%s is of a version that this program does not speak; use the program that wrote it",
            env->path);
        return status;
    }
    if (status != STATUS_BAD_FORMAT && status != STATUS_BAD_CHECKSUM) {
        return status; /* The sentence is there already. */
    }
    journal_error_set(error,
                      "%s: its record \"%s\" is missing or damaged; the site must be rebuilt from "
                      "its peers",
                      env->path, name);
    return STATUS_DAMAGED;
}

enum status store_env_facts_load(struct store_env *env, MDB_txn *txn, struct store_facts *facts,
                                 struct journal_error *error)
{
    memset(facts, 0, sizeof *facts);
    char name[STORE_ENV_KEY_BYTES] = STORE_ENV_PLACE;
    uint8_t place[STORE_FACTS_PLACE_BYTES];
    enum status status = store_env_get(env, txn, name, place, sizeof place, error);
    if (status == STATUS_OK) {
        status = store_facts_place_load(facts, place);
    }
    for (uint32_t i = 0; i < SHARDS_MAX && status == STATUS_OK; i++) {
        uint8_t shard[STORE_FACTS_SHARD_BYTES];
        store_env_shard_key(name, i);
        status = store_env_get(env, txn, name, shard, sizeof shard, error);
        if (status == STATUS_OK) {
            status = store_facts_shard_load(facts, i, shard);
        }
    }
    return status == STATUS_OK ? STATUS_OK : store_env_get_failed(env, name, status, error);
}

static void store_env_repair_key(char *name, uint32_t index)
{
    ASSERT(index < SHARDS_MAX);
    (void)snprintf(name, STORE_ENV_KEY_BYTES, "repair-%u", (unsigned)(index + 1));
}

int store_env_repair_store(struct store_env *env, MDB_txn *txn, uint32_t index,
                           const struct journal_repair *repair)
{
    char name[STORE_ENV_KEY_BYTES];
    uint8_t record[STORE_FACTS_REPAIR_BYTES];
    store_env_repair_key(name, index);
    store_facts_repair_store(record, repair);
    return store_env_put(env, txn, name, record, sizeof record);
}

enum status store_env_repairs_load(struct store_env *env, MDB_txn *txn,
                                   struct journal_repair repairs[static SHARDS_MAX],
                                   struct journal_error *error)
{
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        char name[STORE_ENV_KEY_BYTES];
        store_env_repair_key(name, i);
        repairs[i] = (struct journal_repair){0};
        MDB_val key = {strlen(name), name};
        MDB_val value;
        if (mdb_get(txn, env->facts, &key, &value) == MDB_NOTFOUND) {
            continue; /* Never repaired, as in journals that are older than repair. */
        }
        uint8_t record[STORE_FACTS_REPAIR_BYTES];
        enum status status = store_env_get(env, txn, name, record, sizeof record, error);
        if (status == STATUS_OK) {
            status = store_facts_repair_load(&repairs[i], record);
        }
        if (status != STATUS_OK) {
            return store_env_get_failed(env, name, status, error);
        }
    }
    return STATUS_OK;
}

static int store_env_databases(struct store_env *env, unsigned flags)
{
    MDB_txn *txn;
    bool create = (flags & MDB_CREATE) != 0;
    int result = mdb_txn_begin(env->env, NULL, create ? 0 : MDB_RDONLY, &txn);
    if (result != 0) {
        return result;
    }
    result = mdb_dbi_open(txn, "facts", flags, &env->facts);
    for (uint32_t i = 0; i < SHARDS_MAX && result == 0; i++) {
        char name[STORE_ENV_KEY_BYTES];
        store_env_shard_key(name, i);
        result = mdb_dbi_open(txn, name, flags | MDB_INTEGERKEY, &env->segments[i]);
    }
    if (result != 0) {
        mdb_txn_abort(txn);
        return result;
    }
    return mdb_txn_commit(txn);
}

static int store_env_start(struct store_env *env, const char *path, uint64_t store_bytes,
                           unsigned flags)
{
    ASSERT(strlen(path) < JOURNAL_PATH_BYTES);
    ASSERT(store_bytes % WAL_ALIGNMENT_BYTES == 0);
    memset(env, 0, sizeof *env);
    memcpy(env->path, path, strlen(path));
    env->store_bytes = store_bytes;
    int result = mdb_env_create(&env->env);
    if (result != 0) {
        env->env = NULL;
        return result;
    }
    result = mdb_env_set_mapsize(env->env, store_bytes);
    if (result == 0) {
        result = mdb_env_set_maxdbs(env->env, SHARDS_MAX + 1);
    }
    if (result == 0) {
        result = mdb_env_set_maxreaders(env->env, STORE_ENV_READERS_MAX);
    }
    if (result == 0) {
        result = mdb_env_open(env->env, path, flags | MDB_NOSUBDIR | MDB_NOTLS, 0600);
    }
    return result;
}

enum status store_env_create(const char *path, uint64_t store_bytes, uint64_t ring_bytes,
                             const struct store_facts *facts, struct journal_error *error)
{
    ASSERT(!journal_file_exists(path));
    struct store_env env;
    /* Nobody else knows this name yet, so LMDB's lock file is not needed. */
    int result = store_env_start(&env, path, store_bytes, MDB_NOLOCK);
    if (result == 0) {
        result = store_env_databases(&env, MDB_CREATE);
    }
    MDB_txn *txn = NULL;
    if (result == 0) {
        result = mdb_txn_begin(env.env, NULL, 0, &txn);
    }
    if (result == 0) {
        result = store_env_facts_store(&env, txn, facts, ring_bytes);
        if (result == 0) {
            result = mdb_txn_commit(txn);
        } else {
            mdb_txn_abort(txn);
        }
    }
    if (result == 0) {
        result = mdb_env_sync(env.env, 1);
    }
    enum status status = result == 0 ? STATUS_OK : store_env_failed(&env, "create", result, error);
    store_env_close(&env);
    return status;
}

enum status store_env_open(struct store_env *env, const char *path, uint64_t store_bytes,
                           bool read_only, struct journal_error *error)
{
    struct stat found;
    env->env = NULL;
    if (stat(path, &found) != 0) {
        return journal_file_failed(error, "open", path, errno);
    }
    if (found.st_size < (off_t)(2 * WAL_ALIGNMENT_BYTES)) {
        /* LMDB would take it for a new one and begin an empty journal. */
        journal_error_set(error, "%s is cut off; the site must be rebuilt from its peers", path);
        return STATUS_DAMAGED;
    }
    int result = store_env_start(env, path, store_bytes, read_only ? MDB_RDONLY | MDB_NOLOCK : 0);
    if (result == 0) {
        result = store_env_databases(env, 0);
    }
    if (result == 0) {
        return STATUS_OK;
    }
    enum status status = store_env_failed(env, "open", result, error);
    store_env_close(env);
    return status;
}

void store_env_close(struct store_env *env)
{
    if (env->env != NULL) {
        mdb_env_close(env->env);
    }
    env->env = NULL;
}

/* The entry's own fields and the segment's header, which holds the payload's hash. */
static void store_env_entry_hash(uint8_t hash[static STORE_ENV_HASH_BYTES], const uint8_t *entry)
{
    journal_block_hash(hash, entry + STORE_ENV_HASH_BYTES,
                       STORE_ENV_ENTRY_BYTES - STORE_ENV_HASH_BYTES + SEGMENT_HEADER_BYTES);
}

void store_env_entry_seal(uint8_t *target, uint32_t segment_bytes, uint64_t last_timestamp_ns)
{
    ASSERT(segment_bytes >= SEGMENT_HEADER_BYTES);
    ASSERT(segment_bytes <= SEGMENT_BYTES_MAX);
    bytes_store_le64(target + 16, last_timestamp_ns);
    bytes_store_le32(target + 24, segment_bytes);
    bytes_store_le32(target + 28, STORE_FACTS_VERSION);
    store_env_entry_hash(target, target);
}

enum status store_env_entry_check(const MDB_val *entry, uint16_t shard_id, uint64_t log_index,
                                  struct segment *segment, uint64_t *last_timestamp_ns)
{
    const uint8_t *source = entry->mv_data;
    if (entry->mv_size < STORE_ENV_ENTRY_BYTES + SEGMENT_HEADER_BYTES ||
        entry->mv_size > STORE_ENV_ENTRY_BYTES + SEGMENT_BYTES_MAX) {
        return STATUS_BAD_CHECKSUM;
    }
    uint8_t hash[STORE_ENV_HASH_BYTES];
    store_env_entry_hash(hash, source);
    size_t bytes = entry->mv_size - STORE_ENV_ENTRY_BYTES;
    if (memcmp(hash, source, sizeof hash) != 0 || bytes_load_le32(source + 24) != bytes ||
        bytes_load_le32(source + 28) != STORE_FACTS_VERSION ||
        segment_open(segment, source + STORE_ENV_ENTRY_BYTES, bytes) != STATUS_OK ||
        segment_bytes(segment) != bytes || segment->shard_id != shard_id ||
        segment->log_index != log_index || segment_verify_payload(segment) != STATUS_OK) {
        return STATUS_BAD_CHECKSUM;
    }
    *last_timestamp_ns = bytes_load_le64(source + 16);
    return STATUS_OK;
}

static uint64_t store_env_free_pages(struct store_env *env)
{
    MDB_txn *txn;
    MDB_cursor *cursor;
    if (mdb_txn_begin(env->env, NULL, MDB_RDONLY, &txn) != 0) {
        return 0;
    }
    uint64_t pages = 0;
    if (mdb_cursor_open(txn, 0, &cursor) == 0) {
        MDB_val key;
        MDB_val value;
        while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
            pages += bytes_load_le64(value.mv_data); /* A list of page numbers, its length first. */
        }
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return pages;
}

uint64_t store_env_used_bytes(struct store_env *env)
{
    MDB_envinfo info;
    MDB_stat stat_found;
    int result = mdb_env_info(env->env, &info);
    ASSERT(result == 0);
    result = mdb_env_stat(env->env, &stat_found);
    ASSERT(result == 0);
    uint64_t pages = info.me_last_pgno + 1;
    if (pages * stat_found.ms_psize > env->store_bytes / 2) {
        uint64_t free_pages = store_env_free_pages(env);
        pages -= free_pages < pages ? free_pages : pages;
    }
    return pages * stat_found.ms_psize;
}
