#include "gateway/market_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/snapshot.h"

enum market_snapshot_phase {
    PHASE_NONE = 0,
    PHASE_ENGINE,
    PHASE_STREAMS,
};

struct market_snapshot {
    struct session_store_snapshot *streams_snapshot;
    uint8_t *chunk; /* SNAPSHOT_CHUNK_BYTES. */
    enum market_snapshot_phase phase;
    struct snapshot_store *store;
    struct session_store *streams;
    uint32_t sessions_max;
    struct snapshot_writer writer;
    struct snapshot_reader reader;
};

enum status market_snapshot_create(struct market_snapshot **target)
{
    ASSERT(target != NULL);
    *target = NULL;
    struct market_snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL) {
        return STATUS_FULL;
    }
    snapshot->chunk = malloc(SNAPSHOT_CHUNK_BYTES);
    enum status status = snapshot->chunk == NULL
                             ? STATUS_FULL
                             : session_store_snapshot_create(&snapshot->streams_snapshot);
    if (status != STATUS_OK) {
        market_snapshot_destroy(snapshot);
        return status;
    }
    *target = snapshot;
    return STATUS_OK;
}

void market_snapshot_destroy(struct market_snapshot *snapshot)
{
    if (snapshot == NULL) {
        return;
    }
    session_store_snapshot_destroy(snapshot->streams_snapshot);
    free(snapshot->chunk);
    free(snapshot);
}

void market_snapshot_abandon(struct market_snapshot *snapshot)
{
    if (snapshot->phase != PHASE_NONE) {
        snapshot_store_write_abandon(snapshot->store);
        snapshot->phase = PHASE_NONE;
    }
}

enum status market_snapshot_start(struct market_snapshot *snapshot, struct snapshot_store *store,
                                  const struct snapshot_manifest *facts,
                                  const struct engine *engine, struct session_store *streams,
                                  uint32_t sessions_max)
{
    ASSERT(snapshot->phase == PHASE_NONE);
    struct snapshot_manifest complete = *facts;
    complete.event_hash = engine_event_hash(engine);
    snapshot->store = store;
    snapshot->streams = streams;
    snapshot->sessions_max = sessions_max;
    enum status status = snapshot_store_write_begin(store, &complete);
    if (status != STATUS_OK) {
        return status;
    }
    snapshot->phase = PHASE_ENGINE;
    snapshot_write_start(&snapshot->writer, engine);
    status = snapshot_store_write_part(store, MARKET_SNAPSHOT_ENGINE);
    if (status != STATUS_OK) {
        market_snapshot_abandon(snapshot);
    }
    return status;
}

/* The engine is written: the streams come next. */
static enum status market_next_part(struct market_snapshot *snapshot)
{
    ASSERT(snapshot->phase == PHASE_ENGINE);
    snapshot->phase = PHASE_STREAMS;
    session_store_snapshot_write_start(snapshot->streams_snapshot, snapshot->streams,
                                       snapshot->sessions_max);
    enum status status = snapshot_store_write_part(snapshot->store, MARKET_SNAPSHOT_STREAMS);
    return status == STATUS_OK ? STATUS_MORE : status;
}

enum status market_snapshot_step(struct market_snapshot *snapshot)
{
    ASSERT(snapshot->phase != PHASE_NONE);
    size_t bytes = 0;
    bool engine = snapshot->phase == PHASE_ENGINE;
    enum status made =
        engine ? snapshot_write(&snapshot->writer, snapshot->chunk, SNAPSHOT_CHUNK_BYTES, &bytes)
               : session_store_snapshot_write(snapshot->streams_snapshot, snapshot->chunk,
                                              SNAPSHOT_CHUNK_BYTES, &bytes);
    enum status status = made == STATUS_OK || made == STATUS_MORE ? STATUS_OK : made;
    if (status == STATUS_OK) {
        status = snapshot_store_write(snapshot->store, snapshot->chunk, bytes);
    }
    if (status == STATUS_OK) {
        status = made == STATUS_MORE ? STATUS_MORE
                 : engine            ? market_next_part(snapshot)
                                     : snapshot_store_write_commit(snapshot->store);
    }
    if (status == STATUS_OK) {
        snapshot->phase = PHASE_NONE;
    } else if (status != STATUS_MORE) {
        market_snapshot_abandon(snapshot);
    }
    return status;
}

/* All chunks of a part, to the end that its reader sees in them. */
static enum status market_read_part(struct market_snapshot *snapshot,
                                    struct snapshot_source *source, uint32_t part, uint32_t *index)
{
    const struct snapshot_manifest *manifest = snapshot_store_source_manifest(source);
    uint32_t end = *index + snapshot_manifest_chunks(&manifest->parts[part]);
    enum status status = STATUS_MORE;
    for (; *index < end && status == STATUS_MORE; (*index)++) {
        uint32_t bytes = 0;
        status = snapshot_store_source_chunk(source, *index, snapshot->chunk, &bytes);
        if (status != STATUS_OK) {
            return status;
        }
        status = part == 0 ? snapshot_read(&snapshot->reader, snapshot->chunk, bytes)
                           : session_store_snapshot_read(snapshot->streams_snapshot,
                                                         snapshot->chunk, bytes);
    }
    /* More than the part has was wanted, or it has more than was wanted. */
    return status == STATUS_MORE || (status == STATUS_OK && *index < end) ? STATUS_BAD_FORMAT
                                                                          : status;
}

static bool market_is_part(const struct snapshot_part *part, const char *name)
{
    return strncmp(part->name, name, sizeof part->name) == 0;
}

enum status market_snapshot_read(struct market_snapshot *snapshot, struct snapshot_source *source,
                                 struct engine *engine, struct session_store *streams,
                                 uint32_t sessions_max)
{
    ASSERT(snapshot->phase == PHASE_NONE);
    const struct snapshot_manifest *manifest = snapshot_store_source_manifest(source);
    if (manifest->part_count != 2 || !market_is_part(&manifest->parts[0], MARKET_SNAPSHOT_ENGINE) ||
        !market_is_part(&manifest->parts[1], MARKET_SNAPSHOT_STREAMS)) {
        return STATUS_BAD_FORMAT;
    }
    uint32_t index = 0;
    snapshot_read_start(&snapshot->reader, engine);
    session_store_snapshot_read_start(snapshot->streams_snapshot, streams, sessions_max);
    enum status status = market_read_part(snapshot, source, 0, &index);
    if (status == STATUS_OK) {
        status = market_read_part(snapshot, source, 1, &index);
    }
    if (status == STATUS_OK && engine_event_hash(engine) != manifest->event_hash) {
        status = STATUS_BAD_CHECKSUM;
    }
    return status;
}

enum status market_snapshot_load(struct market_snapshot *snapshot, struct snapshot_store *store,
                                 uint16_t shard_id, uint64_t log_index, struct engine *engine,
                                 struct session_store *streams, uint32_t sessions_max,
                                 struct snapshot_manifest *facts)
{
    struct snapshot_source *source = NULL;
    enum status status = snapshot_store_source(store, shard_id, log_index, &source);
    if (status == STATUS_OK) {
        status = market_snapshot_read(snapshot, source, engine, streams, sessions_max);
        *facts = *snapshot_store_source_manifest(source);
        facts->list = NULL; /* The source's. */
    }
    snapshot_store_source_close(source);
    return status;
}
