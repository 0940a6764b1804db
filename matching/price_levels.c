#include "matching/price_levels.h"

#include <stddef.h>

#include "matching/base/assertion.h"

/* A tree has at most as many inner nodes as leaves, a leaf at least one level. */
static size_t price_levels_nodes(uint32_t count_max)
{
    return 2 * (size_t)count_max + 1;
}

size_t price_levels_bytes(uint32_t count_max, uint32_t trees_max)
{
    return ((size_t)count_max + 1) * sizeof(struct price_level) +
           price_levels_nodes(count_max) * sizeof(struct price_node) +
           (size_t)trees_max * PRICE_LEVELS_NEAR * sizeof(struct price_near) + 3 * (size_t)64;
}

enum status price_levels_create(struct price_levels *levels, struct arena *arena,
                                uint32_t count_max, uint32_t trees_max)
{
    ASSERT(count_max > 0);
    ASSERT(count_max < UINT32_MAX / 2);
    ASSERT(trees_max <= UINT32_MAX / PRICE_LEVELS_NEAR);

    *levels = (struct price_levels){.count_max = count_max, .trees_max = trees_max};
    levels->near =
        arena_take(arena, (size_t)trees_max * PRICE_LEVELS_NEAR, sizeof(struct price_near), 64);
    levels->levels = arena_take(arena, (size_t)count_max + 1, sizeof(struct price_level), 64);
    levels->nodes = arena_take(arena, price_levels_nodes(count_max), sizeof(struct price_node), 64);
    bool full = levels->near == NULL || levels->levels == NULL || levels->nodes == NULL;
    return full ? STATUS_FULL : STATUS_OK;
}

void price_levels_plant(const struct price_levels *levels, struct price_tree *tree, uint32_t number)
{
    ASSERT(number < levels->trees_max);
    *tree = (struct price_tree){.near = number * PRICE_LEVELS_NEAR};
}

uint32_t price_levels_search(const struct price_levels *levels, const struct price_tree *tree,
                             uint64_t tick_number)
{
    uint32_t index = tree->root;
    while (index != 0) {
        const struct price_node *node = &levels->nodes[index];
        uint64_t high = tick_number >> node->shift;
        uint32_t slot = (uint32_t)high & 63u;
        if (high >> 6 != node->prefix || (node->bitmap >> slot & 1) == 0) {
            return 0;
        }
        index = node->children[slot];
        if (node->shift == 0) {
            price_levels_near(levels, tree, tick_number)->level = index;
            return index;
        }
    }
    return 0;
}

static uint32_t price_levels_node_take(struct price_levels *levels, uint64_t tick_number,
                                       uint8_t shift)
{
    ASSERT(shift % 6 == 0);
    ASSERT(shift <= 60);

    uint32_t index = levels->nodes_free;
    if (index != 0) {
        levels->nodes_free = levels->nodes[index].parent;
    } else {
        index = ++levels->nodes_used_max;
        ASSERT(index < price_levels_nodes(levels->count_max));
    }
    struct price_node *node = &levels->nodes[index];
    node->bitmap = 0;
    node->prefix = tick_number >> shift >> 6;
    node->shift = shift;
    return index;
}

static void price_levels_node_give(struct price_levels *levels, uint32_t index)
{
    ASSERT(index != 0);
    levels->nodes[index].parent = levels->nodes_free;
    levels->nodes_free = index;
}

/* Make `child` the child of `parent` (0: the root) where this tick number belongs. */
static void price_levels_link(struct price_levels *levels, struct price_tree *tree, uint32_t parent,
                              uint32_t child, uint64_t tick_number)
{
    struct price_node *node = &levels->nodes[child];
    node->parent = parent;
    if (parent == 0) {
        node->slot = 0;
        tree->root = child;
        return;
    }
    struct price_node *above = &levels->nodes[parent];
    ASSERT(above->shift > node->shift);
    ASSERT(tick_number >> above->shift >> 6 == above->prefix);
    uint32_t slot = (uint32_t)(tick_number >> above->shift) & 63u;
    node->slot = (uint8_t)slot;
    above->children[slot] = child;
    above->bitmap |= UINT64_C(1) << slot;
}

/* Put a new inner node above `below`, high enough that it also covers `tick_number`. */
static uint32_t price_levels_join(struct price_levels *levels, struct price_tree *tree,
                                  uint32_t below, uint64_t tick_number)
{
    const struct price_node *node = &levels->nodes[below];
    uint64_t base = node->prefix << 6 << node->shift;
    uint64_t different = (base ^ tick_number) >> node->shift >> 6;
    ASSERT(different != 0);

    uint32_t top_bit = 63u - (uint32_t)__builtin_clzll(different) + node->shift + 6u;
    uint32_t parent = node->parent;
    uint32_t join = price_levels_node_take(levels, tick_number, (uint8_t)(top_bit / 6 * 6));
    price_levels_link(levels, tree, parent, join, tick_number);
    price_levels_link(levels, tree, join, below, base);
    return join;
}

/* The leaf that covers this tick number, made when there is none. */
static uint32_t price_levels_leaf(struct price_levels *levels, struct price_tree *tree,
                                  uint64_t tick_number)
{
    uint32_t parent = 0;
    uint32_t index = tree->root;
    while (index != 0) {
        const struct price_node *node = &levels->nodes[index];
        uint64_t high = tick_number >> node->shift;
        if (high >> 6 != node->prefix) {
            parent = price_levels_join(levels, tree, index, tick_number);
            break;
        }
        if (node->shift == 0) {
            return index;
        }
        parent = index;
        uint32_t slot = (uint32_t)high & 63u;
        index = (node->bitmap >> slot & 1) != 0 ? node->children[slot] : 0;
    }
    uint32_t leaf = price_levels_node_take(levels, tick_number, 0);
    price_levels_link(levels, tree, parent, leaf, tick_number);
    return leaf;
}

uint32_t price_levels_add(struct price_levels *levels, struct price_tree *tree,
                          uint64_t tick_number, int64_t price)
{
    ASSERT(levels->count < levels->count_max);

    uint32_t index = levels->levels_free;
    if (index != 0) {
        levels->levels_free = levels->levels[index].node;
    } else {
        index = ++levels->levels_used_max;
        ASSERT(index <= levels->count_max);
    }
    levels->count++;

    uint32_t leaf = price_levels_leaf(levels, tree, tick_number);
    struct price_node *node = &levels->nodes[leaf];
    uint32_t slot = (uint32_t)tick_number & 63u;
    ASSERT((node->bitmap >> slot & 1) == 0);
    node->bitmap |= UINT64_C(1) << slot;
    node->children[slot] = index;
    struct price_near *near = price_levels_near(levels, tree, tick_number);
    near->level = index;
    near->count++;
    levels->levels[index] =
        (struct price_level){.price = price, .node = leaf, .slot = (uint8_t)slot};
    return index;
}

/* A leaf without levels goes; so does a parent that has one child left. */
static void price_levels_prune(struct price_levels *levels, struct price_tree *tree, uint32_t leaf)
{
    uint32_t parent = levels->nodes[leaf].parent;
    if (parent == 0) {
        ASSERT(tree->root == leaf);
        tree->root = 0;
        price_levels_node_give(levels, leaf);
        return;
    }
    struct price_node *above = &levels->nodes[parent];
    above->bitmap &= ~(UINT64_C(1) << levels->nodes[leaf].slot);
    price_levels_node_give(levels, leaf);
    ASSERT(above->bitmap != 0);
    if ((above->bitmap & (above->bitmap - 1)) != 0) {
        return;
    }
    uint32_t only = above->children[__builtin_ctzll(above->bitmap)];
    const struct price_node *node = &levels->nodes[only];
    uint32_t grandparent = above->parent;
    price_levels_link(levels, tree, grandparent, only, node->prefix << 6 << node->shift);
    price_levels_node_give(levels, parent);
}

void price_levels_remove(struct price_levels *levels, struct price_tree *tree, uint32_t level)
{
    struct price_level *gone = &levels->levels[level];
    ASSERT(gone->head == 0);
    ASSERT(gone->lots == 0);
    ASSERT(levels->count > 0);

    uint32_t leaf = gone->node;
    struct price_node *node = &levels->nodes[leaf];
    ASSERT((node->bitmap >> gone->slot & 1) != 0);
    ASSERT(node->children[gone->slot] == level);
    node->bitmap &= ~(UINT64_C(1) << gone->slot);
    struct price_near *near = price_levels_near(levels, tree, node->prefix << 6 | gone->slot);
    ASSERT(near->count > 0);
    near->count--;
    near->level = near->level == level ? 0 : near->level;
    gone->node = levels->levels_free;
    levels->levels_free = level;
    levels->count--;
    if (node->bitmap == 0) {
        price_levels_prune(levels, tree, leaf);
    }
}

/* Children beyond `slot` in the direction of the walk. */
static uint64_t price_levels_beyond(uint64_t bitmap, uint32_t slot, bool above)
{
    uint64_t bit = UINT64_C(1) << slot;
    return bitmap & (above ? ~(bit | (bit - 1)) : bit - 1);
}

static uint32_t price_levels_nearest(const struct price_node *node, uint64_t candidates, bool above)
{
    ASSERT(candidates != 0);
    uint32_t slot =
        above ? (uint32_t)__builtin_ctzll(candidates) : 63u - (uint32_t)__builtin_clzll(candidates);
    return node->children[slot];
}

uint32_t price_levels_next(const struct price_levels *levels, uint32_t level, bool above)
{
    ASSERT(level != 0);

    const struct price_node *node = &levels->nodes[levels->levels[level].node];
    uint64_t candidates = price_levels_beyond(node->bitmap, levels->levels[level].slot, above);
    while (candidates == 0) {
        if (node->parent == 0) {
            return 0;
        }
        uint32_t slot = node->slot;
        node = &levels->nodes[node->parent];
        candidates = price_levels_beyond(node->bitmap, slot, above);
    }
    uint32_t index = price_levels_nearest(node, candidates, above);
    while (node->shift != 0) {
        node = &levels->nodes[index];
        index = price_levels_nearest(node, node->bitmap, above);
    }
    return index;
}
