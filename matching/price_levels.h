/* Occupied prices of all books of a shard: found by price, and walked in order of price.
 *
 * Each side of a book is a tree over tick numbers with 64 children a node, six bits of the number a
 * step. Nodes on the way that would have a single child are left out, so there are never more inner
 * nodes than leaves, whatever int64 prices clients choose, and the next occupied price is mostly a
 * count of trailing zeros in one bitmap. In front of each tree stands a small table by the last
 * bits of the tick number, which finds nearly every level of a real book without the tree. */
#ifndef MATCHING_PRICE_LEVELS_H
#define MATCHING_PRICE_LEVELS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/status.h"

struct price_level {
    uint32_t head; /* First order in time: it trades next. */
    uint32_t tail;
    uint64_t lots; /* Sum of the open lots of its orders. */
    int64_t price;
    uint32_t node; /* Its leaf; in a free level: the next free one. */
    uint8_t slot;  /* In the leaf. */
    uint8_t reserved[3];
};
static_assert(sizeof(struct price_level) == 32, "two to a cache line");

struct price_node {
    uint64_t bitmap; /* Children present. */
    uint64_t prefix; /* The tick number above this node's six bits. */
    uint32_t parent; /* 0: this is the root. In a free node: the next free one. */
    uint8_t shift;   /* Position of its six bits; 0: children are levels. */
    uint8_t slot;    /* In the parent. */
    uint8_t reserved[10];
    uint32_t children[64]; /* Levels or nodes; valid where the bitmap says so. */
};
static_assert(sizeof(struct price_node) == 288, "4.5 cache lines");

#define PRICE_LEVELS_NEAR 128u

struct price_near {
    uint32_t level; /* One whose tick number ends so; 0: none is known. */
    uint32_t count; /* Of levels whose tick number ends so. */
};

/* One side of one book. */
struct price_tree {
    uint32_t root; /* 0: no price is occupied. */
    uint32_t near; /* Where its table begins in price_levels.near. */
};

struct price_levels {
    struct price_level *levels; /* From 1; 0 means none. */
    struct price_node *nodes;   /* From 1; 0 means none. */
    struct price_near *near;    /* PRICE_LEVELS_NEAR a tree. */
    uint32_t count_max;
    uint32_t trees_max;
    uint32_t count; /* Levels occupied. */
    uint32_t levels_used_max;
    uint32_t levels_free;
    uint32_t nodes_used_max;
    uint32_t nodes_free;
};

size_t price_levels_bytes(uint32_t count_max, uint32_t trees_max);

/* Room for `count_max` occupied prices of `trees_max` trees. STATUS_FULL: the arena is too small.
 */
MUST_USE enum status price_levels_create(struct price_levels *levels, struct arena *arena,
                                         uint32_t count_max, uint32_t trees_max);

/* An empty tree; each has a number of its own below trees_max. */
void price_levels_plant(const struct price_levels *levels, struct price_tree *tree,
                        uint32_t number);

/* When the table does not have it. */
uint32_t price_levels_search(const struct price_levels *levels, const struct price_tree *tree,
                             uint64_t tick_number);

static inline struct price_near *price_levels_near(const struct price_levels *levels,
                                                   const struct price_tree *tree,
                                                   uint64_t tick_number)
{
    return &levels->near[tree->near + (tick_number & (PRICE_LEVELS_NEAR - 1))];
}

/* The level at this price, whose tick number is given; 0: nothing rests there. */
static inline uint32_t price_levels_find(const struct price_levels *levels,
                                         const struct price_tree *tree, uint64_t tick_number,
                                         int64_t price)
{
    const struct price_near *near = price_levels_near(levels, tree, tick_number);
    if (near->count == 0) {
        return 0;
    }
    if (near->level != 0 && levels->levels[near->level].price == price) {
        return near->level;
    }
    return price_levels_search(levels, tree, tick_number);
}

/* A new, empty level: head, tail and lots are zero. Asserts: count < count_max; nothing is at this
 * tick number. */
uint32_t price_levels_add(struct price_levels *levels, struct price_tree *tree,
                          uint64_t tick_number, int64_t price);

/* Take out a level of this tree. Asserts: no order is left at it. */
void price_levels_remove(struct price_levels *levels, struct price_tree *tree, uint32_t level);

/* The nearest occupied price above (or below) a level of the tree; 0: there is none. */
uint32_t price_levels_next(const struct price_levels *levels, uint32_t level, bool above);

#endif
