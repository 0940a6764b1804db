#include "tools/id_map.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"

#define ROOM_MIN 1024u
#define ROOM_MAX (1u << 30)

void id_map_destroy(struct id_map *map)
{
    free(map->ids);
    free(map->slots);
    memset(map, 0, sizeof *map);
}

/* Where `id` is, or where it would be put. */
static uint32_t slot_of(const struct id_map *map, uint64_t id)
{
    uint32_t mask = 2 * map->room - 1;
    uint32_t slot = (uint32_t)((id * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & mask;
    while (map->slots[slot] != 0 && map->ids[map->slots[slot] - 1] != id) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static enum status grow(struct id_map *map)
{
    if (map->room >= ROOM_MAX) {
        return STATUS_FULL;
    }
    uint32_t room = map->room == 0 ? ROOM_MIN : 2 * map->room;
    uint32_t *slots = calloc(2 * (size_t)room, sizeof *slots);
    uint64_t *ids = realloc(map->ids, room * sizeof *ids);
    if (ids != NULL) {
        map->ids = ids;
    }
    if (slots == NULL || ids == NULL) {
        free(slots);
        return STATUS_FULL;
    }
    free(map->slots);
    map->slots = slots;
    map->room = room;
    for (uint32_t index = 0; index < map->count; index++) {
        map->slots[slot_of(map, map->ids[index])] = index + 1;
    }
    return STATUS_OK;
}

enum status id_map_put(struct id_map *map, uint64_t id, uint32_t *index)
{
    if (id_map_find(map, id, index)) {
        return STATUS_OK;
    }
    if (map->count == map->room) {
        enum status status = grow(map);
        if (status != STATUS_OK) {
            return status;
        }
    }
    ASSERT(map->count < map->room);
    map->ids[map->count] = id;
    *index = map->count++;
    map->slots[slot_of(map, id)] = *index + 1;
    return STATUS_OK;
}

bool id_map_find(const struct id_map *map, uint64_t id, uint32_t *index)
{
    if (map->count == 0) {
        return false;
    }
    uint32_t found = map->slots[slot_of(map, id)];
    ASSERT(found <= map->count);
    if (found == 0) {
        return false;
    }
    *index = found - 1;
    return true;
}
