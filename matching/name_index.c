#include "matching/name_index.h"

#include "matching/base/assertion.h"

bool name_index_valid(const uint8_t *name, size_t bytes)
{
    ASSERT(name != NULL);
    ASSERT(bytes > 0);

    if (name[0] == ' ') {
        return false;
    }
    bool padding = false;
    for (size_t i = 0; i < bytes; i++) {
        if (name[i] < 0x20 || name[i] > 0x7E) {
            return false;
        }
        if (padding && name[i] != ' ') {
            return false;
        }
        padding = name[i] == ' ';
    }
    return true;
}

uint64_t name_index_pack(const uint8_t *name, size_t bytes)
{
    ASSERT(bytes > 0);
    ASSERT(bytes <= 8);

    uint8_t padded[8] = {0};
    memcpy(padded, name, bytes);
    return bytes_load_le64(padded);
}

static uint32_t name_index_entries(uint32_t count_max)
{
    uint32_t entries = 16;
    while (entries < 2 * count_max) {
        entries *= 2;
    }
    return entries;
}

size_t name_index_bytes(uint32_t count_max)
{
    return name_index_entries(count_max) * sizeof(struct name_entry) + 64;
}

enum status name_index_create(struct name_index *index, struct arena *arena, uint32_t count_max)
{
    ASSERT(count_max > 0);
    ASSERT(count_max <= UINT32_MAX / 4);

    uint32_t entries = name_index_entries(count_max);
    *index = (struct name_index){.mask = entries - 1, .count_max = count_max};
    index->entries = arena_take(arena, entries, sizeof(struct name_entry), 64);
    return index->entries == NULL ? STATUS_FULL : STATUS_OK;
}

void name_index_add(struct name_index *index, uint64_t name, uint32_t id)
{
    ASSERT(id != 0);
    ASSERT(index->count < index->count_max);
    ASSERT(name_index_find(index, name) == 0);

    uint32_t position = name_index_home(index, name);
    while (index->entries[position].id != 0) {
        position = (position + 1) & index->mask;
    }
    index->entries[position] = (struct name_entry){.name = name, .id = id};
    index->count++;
}
