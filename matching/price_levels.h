/* Occupied prices of all books of a shard: found by price, and walked in order of price.
 *
 * Each side of a book is a tree over tick numbers with 64 children a node, six bits of the number a
 * step. Nodes on the way that would have a single child are left out, so there are never more inner
 * nodes than leaves, whatever int64 prices clients choose; around the touch of a real book a lookup
 * is one or two nodes, and the next occupied price is a count of trailing zeros in one bitmap. The
 * shape follows from the set of prices alone. */
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

/* One side of one book. */
struct price_tree {
    uint32_t root; /* 0: no price is occupied. */
};

struct price_levels {
    struct price_level *levels; /* From 1; 0 means none. */
    struct price_node *nodes;   /* From 1; 0 means none. */
    uint32_t count_max;
    uint32_t count; /* Levels occupied. */
    uint32_t levels_used_max;
    uint32_t levels_free;
    uint32_t nodes_used_max;
    uint32_t nodes_free;
};

size_t price_levels_bytes(uint32_t count_max);

/* Room for `count_max` occupied prices. STATUS_FULL: the arena is too small. */
MUST_USE enum status price_levels_create(struct price_levels *levels, struct arena *arena,
                                         uint32_t count_max);

/* The level at this tick number; 0: nothing rests there. */
static inline uint32_t price_levels_find(const struct price_levels *levels,
                                         const struct price_tree *tree, uint64_t tick_number)
{
    uint32_t index = tree->root;
    while (index != 0) {
        const struct price_node *node = &levels->nodes[index];
        uint64_t high = tick_number >> node->shift;
        if (high >> 6 != node->prefix) {
            return 0;
        }
        uint32_t slot = (uint32_t)high & 63u;
        if ((node->bitmap >> slot & 1) == 0) {
            return 0;
        }
        index = node->children[slot];
        if (node->shift == 0) {
            return index;
        }
    }
    return 0;
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
