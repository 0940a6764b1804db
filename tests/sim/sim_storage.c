#include "tests/sim/sim_storage.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/block_storage.h"
#include "matching/base/assertion.h"
#include "matching/base/limits.h"

/* A market of every shard at every site, and of some a second one that is being made. */
#define STORAGE_FILES_MAX   (4u * SITES_MAX * SHARDS_MAX)
#define STORAGE_BYTES_FIRST (64u << 10)

struct storage_file {
    uint8_t *bytes; /* Stays for whoever opens this place next. */
    size_t used;
    size_t capacity;
    bool open;
};

static struct storage_file storage_files[STORAGE_FILES_MAX];

static struct storage_file *storage_at(int file)
{
    ASSERT(file >= 0 && (uint32_t)file < STORAGE_FILES_MAX);
    ASSERT(storage_files[file].open);
    return &storage_files[file];
}

enum status block_storage_open(const char *path, int *file)
{
    uint32_t at = 0;
    ASSERT(path != NULL);
    while (at < STORAGE_FILES_MAX && storage_files[at].open) {
        at++;
    }
    ASSERT(at < STORAGE_FILES_MAX);
    storage_files[at].open = true;
    storage_files[at].used = 0;
    *file = (int)at;
    return STATUS_OK;
}

void block_storage_close(int file)
{
    storage_at(file)->open = false;
}

enum status block_storage_write(int file, uint64_t offset, const void *bytes, size_t count)
{
    struct storage_file *to = storage_at(file);
    ASSERT(offset == to->used);
    if (to->used + count > to->capacity) {
        to->capacity = 2 * (to->used + count) + STORAGE_BYTES_FIRST;
        to->bytes = realloc(to->bytes, to->capacity);
        ASSERT(to->bytes != NULL);
    }
    memcpy(to->bytes + offset, bytes, count);
    to->used += count;
    return STATUS_OK;
}

enum status block_storage_read(int file, uint64_t offset, void *bytes, size_t count)
{
    const struct storage_file *from = storage_at(file);
    if (offset > from->used || count > from->used - offset) {
        return STATUS_DAMAGED;
    }
    memcpy(bytes, from->bytes + offset, count);
    return STATUS_OK;
}

void sim_storage_trim(void)
{
    for (uint32_t at = 0; at < STORAGE_FILES_MAX; at++) {
        ASSERT(!storage_files[at].open);
        free(storage_files[at].bytes);
        storage_files[at] = (struct storage_file){.bytes = NULL};
    }
}
