/* A hash table from numbers to numbers, of fixed room, with removal: for what is open now. */
#ifndef TOOLS_NUMBER_TABLE_H
#define TOOLS_NUMBER_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"

struct number_table_slot {
    uint64_t key;
    uint32_t value;
    bool used;
};

struct number_table {
    struct number_table_slot *slots;
    uint64_t slot_count; /* A power of two, at least twice count_max. */
    uint64_t count;
    uint64_t count_max;
};

/* STATUS_FULL: no memory. */
MUST_USE enum status number_table_create(struct number_table *table, uint64_t count_max);
void number_table_destroy(struct number_table *table);

/* Set the value of `key`, new or not. STATUS_FULL: count_max keys are there; nothing changed. */
MUST_USE enum status number_table_put(struct number_table *table, uint64_t key, uint32_t value);
bool number_table_find(const struct number_table *table, uint64_t key, uint32_t *value);
/* False when it is not there. */
bool number_table_remove(struct number_table *table, uint64_t key);

#endif
