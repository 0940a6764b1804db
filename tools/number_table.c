#include "tools/number_table.h"

#include <assert.h>

#include "matching/base/assertion.h"
#include "matching/base/checksum.h"
#include "replication/io/pages.h"

enum status number_table_create(struct number_table *table, uint64_t count_max)
{
    ASSERT(count_max > 0);
    *table = (struct number_table){.slot_count = 16, .count_max = count_max};
    while (table->slot_count < 2 * count_max) {
        table->slot_count *= 2;
    }
    table->slots = pages_take(table->slot_count * sizeof *table->slots);
    return table->slots == NULL ? STATUS_FULL : STATUS_OK;
}

void number_table_destroy(struct number_table *table)
{
    pages_give(table->slots, table->slot_count * sizeof *table->slots);
    table->slots = NULL;
}

/* Four numbers in a row share a cache line: they are mostly put and looked for together. */
static uint64_t number_table_home(const struct number_table *table, uint64_t key)
{
    static_assert(sizeof(struct number_table_slot) == 16, "four in a line");
    uint64_t line = checksum_mix(CHECKSUM_SEED, key >> 2) << 2;
    return (line | (key & 3)) & (table->slot_count - 1);
}

/* Where `key` stands, or the free slot where it would: there always is one. */
static uint64_t number_table_at(const struct number_table *table, uint64_t key)
{
    uint64_t at = number_table_home(table, key);
    while (table->slots[at].used && table->slots[at].key != key) {
        at = (at + 1) & (table->slot_count - 1);
    }
    return at;
}

enum status number_table_put(struct number_table *table, uint64_t key, uint32_t value)
{
    struct number_table_slot *slot = &table->slots[number_table_at(table, key)];
    if (!slot->used) {
        if (table->count == table->count_max) {
            return STATUS_FULL;
        }
        table->count++;
    }
    *slot = (struct number_table_slot){.key = key, .value = value, .used = true};
    return STATUS_OK;
}

bool number_table_find(const struct number_table *table, uint64_t key, uint32_t *value)
{
    const struct number_table_slot *slot = &table->slots[number_table_at(table, key)];
    if (slot->used) {
        *value = slot->value;
    }
    return slot->used;
}

bool number_table_remove(struct number_table *table, uint64_t key)
{
    uint64_t mask = table->slot_count - 1;
    uint64_t hole = number_table_at(table, key);
    if (!table->slots[hole].used) {
        return false;
    }
    ASSERT(table->count > 0);
    table->count--;
    /* Whatever behind the hole could stand in it moves up, so that no search ends too early. */
    for (uint64_t at = (hole + 1) & mask; table->slots[at].used; at = (at + 1) & mask) {
        uint64_t home = number_table_home(table, table->slots[at].key);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole].used = false;
    return true;
}
