/* Names of up to eight bytes (symbols, sessions, firms) to ids, by hashing. Names are added, never
 * taken away. One thread owns it; its order in memory reaches neither state nor output. */
#ifndef MATCHING_NAME_INDEX_H
#define MATCHING_NAME_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/bytes.h"
#include "matching/base/checksum.h"
#include "matching/base/status.h"

struct name_entry {
    uint64_t name; /* name_index_pack(). */
    uint32_t id;   /* 0: the entry is free. */
    uint32_t reserved;
};

struct name_index {
    struct name_entry *entries; /* At most half of them are taken. */
    uint32_t mask;              /* Entries less one. */
    uint32_t count;
    uint32_t count_max;
};

/* A printable name, left-justified and padded with spaces: at least one character, no space before
 * another character. */
bool name_index_valid(const uint8_t *name, size_t bytes);

/* At most eight bytes as one number. */
uint64_t name_index_pack(const uint8_t *name, size_t bytes);

size_t name_index_bytes(uint32_t count_max);

/* Room for `count_max` names. STATUS_FULL: the arena is too small. */
MUST_USE enum status name_index_create(struct name_index *index, struct arena *arena,
                                       uint32_t count_max);

/* Asserts: there is room, `id` is not 0 and the name is new. */
void name_index_add(struct name_index *index, uint64_t name, uint32_t id);

static inline uint32_t name_index_home(const struct name_index *index, uint64_t name)
{
    return (uint32_t)((name * CHECKSUM_MULTIPLIER) >> 32) & index->mask;
}

/* The id of a name; 0: there is none. */
static inline uint32_t name_index_find(const struct name_index *index, uint64_t name)
{
    uint32_t position = name_index_home(index, name);
    while (index->entries[position].id != 0) {
        if (index->entries[position].name == name) {
            return index->entries[position].id;
        }
        position = (position + 1) & index->mask;
    }
    return 0;
}

#endif
