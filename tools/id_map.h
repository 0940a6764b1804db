/* Numbers from a file to dense indexes: the first new id gets 0, the next one 1. */
#ifndef TOOLS_ID_MAP_H
#define TOOLS_ID_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"

/* All zeros is an empty map. */
struct id_map {
    uint64_t *ids; /* By index. */
    uint32_t count;
    uint32_t room;
    uint32_t *slots; /* 1 + index, or 0; `2 * room` of them. */
};

void id_map_destroy(struct id_map *map);

/* The index of `id`, new when it is not there yet. STATUS_FULL: no memory, or 2^31 ids. */
MUST_USE enum status id_map_put(struct id_map *map, uint64_t id, uint32_t *index);

bool id_map_find(const struct id_map *map, uint64_t id, uint32_t *index);

#endif
