#include "gateway/event_pool.h"

#include <stdlib.h>

#include "matching/base/assertion.h"
#include "matching/base/limits.h"
#include "replication/io/pages.h"

#define BLOCK_EVENTS_MAX 1024u
#define BLOCK_PAGES_MAX  (BLOCK_EVENTS_MAX / EVENT_PAGE_EVENTS)

/* Pages of a pool: 64 MiB, or what all sessions could ever use. A thousand busy sessions then have
 * whole blocks of 256 events in memory; with 16,384 busy ones blocks are sealed shorter. */
#define POOL_PAGES_MAX    65536u
#define POOL_CACHED_MIN   2u /* Largest blocks: a reader's present one and its next. */
#define POOL_CACHED_PART  4u /* One page of four is out of reach of open blocks. */
#define POOL_CACHED_COUNT 4096u
#define POOL_CACHED_EACH  8u /* A session has one reader; searching its list stays short. */

struct event_page {
    struct event events[EVENT_PAGE_EVENTS];
};

/* A doubly linked list of blocks, newest first. */
struct block_list {
    struct event_block *newest;
    struct event_block *oldest;
};

struct event_pool {
    uint32_t sessions_max;
    uint32_t block_pages;
    uint32_t pages_max;
    uint32_t blocks_max;
    struct event_page *pages;
    uint32_t pages_used;  /* Below it: every page that was ever taken. */
    uint32_t *pages_free; /* A stack: the page given back last is warm in the cache. */
    uint32_t pages_free_count;
    uint32_t open_pages; /* Held by open blocks. */
    uint32_t open_pages_max;
    struct event_block *blocks;
    uint32_t *block_page_indexes; /* Backing of event_block.pages. */
    uint32_t blocks_used;         /* Likewise. */
    struct event_block *blocks_free;
    uint32_t open_blocks;
    struct block_list cached;
    struct block_list open[BLOCK_PAGES_MAX + 1]; /* By number of pages. */
    struct event_block **session_cached;         /* By session id: its cached blocks. */
};

static uint32_t event_pool_pages(uint32_t sessions_max, uint32_t block_pages)
{
    uint64_t useful = (uint64_t)sessions_max * block_pages * 2 + (uint64_t)block_pages * 8;
    uint64_t wanted = useful < POOL_PAGES_MAX ? useful : POOL_PAGES_MAX;
    ASSERT(wanted >= (uint64_t)block_pages * 8);
    ASSERT(wanted >= sessions_max);
    return (uint32_t)wanted;
}

enum status event_pool_create(struct event_pool **target, uint32_t sessions_max,
                              uint32_t block_events)
{
    ASSERT(sessions_max > 0 && sessions_max <= SESSIONS_MAX);
    ASSERT(block_events >= 16 && block_events <= BLOCK_EVENTS_MAX);
    ASSERT(block_events % EVENT_PAGE_EVENTS == 0);

    struct event_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        return STATUS_FULL;
    }
    pool->sessions_max = sessions_max;
    pool->block_pages = block_events / EVENT_PAGE_EVENTS;
    pool->pages_max = event_pool_pages(sessions_max, pool->block_pages);
    /* No block is cached without a page. */
    pool->blocks_max =
        sessions_max + (pool->pages_max < POOL_CACHED_COUNT ? pool->pages_max : POOL_CACHED_COUNT);
    uint32_t reserve = pool->pages_max / POOL_CACHED_PART;
    if (reserve < POOL_CACHED_MIN * pool->block_pages) {
        reserve = POOL_CACHED_MIN * pool->block_pages;
    }
    pool->open_pages_max = pool->pages_max - reserve;
    /* Nothing of this is touched before it is used, nor has to be clear then. */
    pool->pages = pages_take(pool->pages_max * sizeof *pool->pages);
    pool->pages_free = malloc(pool->pages_max * sizeof *pool->pages_free);
    pool->blocks = malloc(pool->blocks_max * sizeof *pool->blocks);
    pool->block_page_indexes =
        malloc((size_t)pool->blocks_max * pool->block_pages * sizeof *pool->block_page_indexes);
    pool->session_cached = calloc((size_t)sessions_max + 1, sizeof *pool->session_cached);
    if (pool->pages == NULL || pool->pages_free == NULL || pool->blocks == NULL ||
        pool->block_page_indexes == NULL || pool->session_cached == NULL) {
        event_pool_destroy(pool);
        return STATUS_FULL;
    }
    *target = pool;
    return STATUS_OK;
}

void event_pool_destroy(struct event_pool *pool)
{
    if (pool != NULL) {
        pages_give(pool->pages, pool->pages_max * sizeof *pool->pages);
        free(pool->pages_free);
        free(pool->blocks);
        free(pool->block_page_indexes);
        free(pool->session_cached);
        free(pool);
    }
}

static void list_add(struct block_list *list, struct event_block *block)
{
    ASSERT(block->newer == NULL);
    ASSERT(block->older == NULL);
    block->older = list->newest;
    if (list->newest != NULL) {
        list->newest->newer = block;
    } else {
        list->oldest = block;
    }
    list->newest = block;
}

static void list_remove(struct block_list *list, struct event_block *block)
{
    ASSERT(block->newer != NULL || list->newest == block);
    ASSERT(block->older != NULL || list->oldest == block);
    if (block->newer != NULL) {
        block->newer->older = block->older;
    } else {
        list->newest = block->older;
    }
    if (block->older != NULL) {
        block->older->newer = block->newer;
    } else {
        list->oldest = block->newer;
    }
    block->newer = NULL;
    block->older = NULL;
}

/* Pages and block go back; the block is in no list. */
static void event_pool_free(struct event_pool *pool, struct event_block *block)
{
    ASSERT(pool->pages_free_count + block->page_count <= pool->pages_max);
    for (uint32_t index = block->page_count; index > 0; index--) {
        pool->pages_free[pool->pages_free_count++] = block->pages[index - 1];
    }
    block->page_count = 0;
    block->count = 0;
    block->session_id = 0;
    block->older = pool->blocks_free;
    pool->blocks_free = block;
}

/* A cached block gives way. */
static void event_pool_drop(struct event_pool *pool, struct event_block *block)
{
    ASSERT(block != NULL);
    ASSERT(!block->open);
    struct event_block **link = &pool->session_cached[block->session_id];
    while (*link != block) {
        ASSERT(*link != NULL);
        link = &(*link)->session_next;
    }
    *link = block->session_next;
    block->session_next = NULL;
    list_remove(&pool->cached, block);
    event_pool_free(pool, block);
}

/* An empty block in no list. */
static struct event_block *event_pool_block_take(struct event_pool *pool)
{
    if (pool->blocks_free == NULL && pool->blocks_used < pool->blocks_max) {
        uint32_t index = pool->blocks_used++;
        struct event_block *block = &pool->blocks[index];
        *block = (struct event_block){.pages = pool->block_page_indexes +
                                               (size_t)index * pool->block_pages};
        return block;
    }
    if (pool->blocks_free == NULL) {
        event_pool_drop(pool, pool->cached.oldest);
    }
    struct event_block *block = pool->blocks_free;
    ASSERT(block != NULL);
    pool->blocks_free = block->older;
    block->older = NULL;
    return block;
}

/* A page that nobody holds: one given back, else one never used, else of a cached block. */
static uint32_t event_pool_page_take(struct event_pool *pool)
{
    if (pool->pages_free_count == 0 && pool->pages_used < pool->pages_max) {
        return pool->pages_used++;
    }
    if (pool->pages_free_count == 0) {
        event_pool_drop(pool, pool->cached.oldest);
    }
    ASSERT(pool->pages_free_count > 0);
    return pool->pages_free[--pool->pages_free_count];
}

struct event_block *event_pool_block(struct event_pool *pool, uint32_t session_id,
                                     uint32_t generation, uint64_t first_sequence, bool open)
{
    ASSERT(session_id > 0 && session_id <= pool->sessions_max);
    ASSERT(!open || pool->open_blocks < pool->sessions_max);

    struct event_block *block = event_pool_block_take(pool);
    block->session_id = session_id;
    block->generation = generation;
    block->first_sequence = first_sequence;
    block->open = open;
    if (open) {
        pool->open_blocks++;
        list_add(&pool->open[0], block);
    }
    return block;
}

struct event_block *event_pool_pressure(struct event_pool *pool)
{
    ASSERT(pool->open_pages <= pool->open_pages_max);
    if (pool->open_pages < pool->open_pages_max) {
        return NULL;
    }
    uint32_t pages = pool->block_pages;
    while (pool->open[pages].oldest == NULL) {
        ASSERT(pages > 0);
        pages--;
    }
    return pool->open[pages].oldest;
}

struct event *event_pool_extend(struct event_pool *pool, struct event_block *block)
{
    ASSERT(block->count <= block->page_count * EVENT_PAGE_EVENTS);
    if (block->count == block->page_count * EVENT_PAGE_EVENTS) {
        ASSERT(block->page_count < pool->block_pages);
        uint32_t page = event_pool_page_take(pool);
        if (block->open) {
            ASSERT(pool->open_pages < pool->open_pages_max);
            pool->open_pages++;
            list_remove(&pool->open[block->page_count], block);
            list_add(&pool->open[block->page_count + 1], block);
        }
        block->pages[block->page_count++] = page;
    }
    return event_pool_at(pool, block, block->count++);
}

struct event *event_pool_at(struct event_pool *pool, const struct event_block *block,
                            uint32_t index)
{
    ASSERT(index < block->count);
    return &pool->pages[block->pages[index / EVENT_PAGE_EVENTS]].events[index % EVENT_PAGE_EVENTS];
}

static void event_pool_close(struct event_pool *pool, struct event_block *block)
{
    ASSERT(block->open);
    ASSERT(pool->open_blocks > 0);
    list_remove(&pool->open[block->page_count], block);
    pool->open_pages -= block->page_count;
    pool->open_blocks--;
    block->open = false;
}

void event_pool_cache(struct event_pool *pool, struct event_block *block)
{
    ASSERT(block->count > 0);
    ASSERT(block->session_next == NULL);
    if (block->open) {
        event_pool_close(pool, block);
    }
    uint32_t cached = 0;
    struct event_block *last = NULL;
    for (struct event_block *other = pool->session_cached[block->session_id]; other != NULL;
         other = other->session_next) {
        cached++;
        last = other;
    }
    if (cached == POOL_CACHED_EACH) {
        event_pool_drop(pool, last);
    }
    list_add(&pool->cached, block);
    block->session_next = pool->session_cached[block->session_id];
    pool->session_cached[block->session_id] = block;
}

void event_pool_release(struct event_pool *pool, struct event_block *block)
{
    ASSERT(block != pool->cached.newest);
    ASSERT(block->session_next == NULL);
    if (block->open) {
        event_pool_close(pool, block);
    }
    event_pool_free(pool, block);
}

struct event_block *event_pool_find(struct event_pool *pool, uint32_t session_id,
                                    uint32_t generation, uint64_t sequence)
{
    ASSERT(session_id > 0 && session_id <= pool->sessions_max);
    struct event_block *block = pool->session_cached[session_id];
    for (; block != NULL; block = block->session_next) {
        if (block->generation == generation && sequence >= block->first_sequence &&
            sequence - block->first_sequence < block->count) {
            if (block != pool->cached.newest) {
                list_remove(&pool->cached, block);
                list_add(&pool->cached, block);
            }
            break;
        }
    }
    return block;
}

size_t event_pool_bytes(const struct event_pool *pool)
{
    size_t page_bytes = sizeof *pool->pages + sizeof *pool->pages_free;
    size_t block_bytes =
        sizeof *pool->blocks + pool->block_pages * sizeof *pool->block_page_indexes;
    return sizeof *pool + pool->pages_max * page_bytes + pool->blocks_max * block_bytes +
           ((size_t)pool->sessions_max + 1) * sizeof *pool->session_cached;
}
