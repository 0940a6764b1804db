#include "tests/support/engine_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "matching/base/checksum.h"

void engine_bytes_write(struct engine_bytes *bytes, const struct engine *engine,
                        struct random *random, size_t chunk_max)
{
    ASSERT(chunk_max > 0);
    struct snapshot_writer writer;
    snapshot_write_start(&writer, engine);
    bytes->count = 0;
    enum status status = STATUS_MORE;
    while (status == STATUS_MORE) {
        size_t chunk = 1 + random_below(random, chunk_max);
        if (bytes->room - bytes->count < chunk) {
            bytes->room = 2 * bytes->room + chunk;
            bytes->bytes = realloc(bytes->bytes, bytes->room);
            ASSERT(bytes->bytes != NULL);
        }
        size_t count = 0;
        status = snapshot_write(&writer, bytes->bytes + bytes->count, chunk, &count);
        ASSERT(count <= chunk);
        ASSERT(status == STATUS_OK || count == chunk);
        bytes->count += count;
    }
    ASSERT(status == STATUS_OK);
    ASSERT(writer.bytes_count == bytes->count);
}

enum status engine_bytes_read(const struct engine_bytes *bytes, struct engine *engine,
                              struct random *random, size_t chunk_max)
{
    struct snapshot_reader reader;
    snapshot_read_start(&reader, engine);
    enum status status = STATUS_MORE;
    size_t done = 0;
    while (done < bytes->count && (status == STATUS_MORE || status == STATUS_OK)) {
        size_t chunk = 1 + random_below(random, chunk_max);
        chunk = chunk < bytes->count - done ? chunk : bytes->count - done;
        /* A copy of its own size: a reader that looks beyond its chunk is found out. */
        uint8_t *copy = malloc(chunk);
        ASSERT(copy != NULL);
        memcpy(copy, bytes->bytes + done, chunk);
        status = snapshot_read(&reader, copy, chunk);
        free(copy);
        done += chunk;
    }
    return status;
}

void engine_bytes_mend(struct engine_bytes *bytes)
{
    uint64_t hash = CHECKSUM_SEED;
    uint64_t records = 0;
    size_t at = 0;
    while (at < bytes->count) {
        uint8_t type = bytes->bytes[at];
        uint32_t record_bytes = snapshot_record_bytes(type);
        if (record_bytes == 0 || record_bytes > bytes->count - at) {
            return;
        }
        if (type == SNAPSHOT_END) {
            struct snapshot_record end = {.type = type};
            end.body.end.records_count = records;
            end.body.end.hash = hash;
            uint8_t target[SNAPSHOT_RECORD_BYTES_MAX];
            uint32_t end_bytes = snapshot_record_store(&end, target);
            memcpy(bytes->bytes + at, target, end_bytes);
            return;
        }
        hash = checksum_bytes(hash, bytes->bytes + at, record_bytes);
        records++;
        at += record_bytes;
    }
}

void engine_bytes_free(struct engine_bytes *bytes)
{
    free(bytes->bytes);
    *bytes = (struct engine_bytes){.bytes = NULL};
}

struct engine *engine_bytes_engine(void **memory, const struct engine_limits *limits)
{
    size_t bytes = (engine_bytes(limits) + 63) / 64 * 64;
    if (*memory == NULL) {
        *memory = aligned_alloc(64, bytes);
        ASSERT(*memory != NULL);
    }
    memset(*memory, 0, bytes);
    struct arena arena;
    arena_init(&arena, *memory, bytes);
    struct engine *engine = NULL;
    enum status status = engine_create(&engine, &arena, limits);
    ASSERT(status == STATUS_OK);
    return engine;
}
