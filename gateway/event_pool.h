/* Events in memory: blocks of consecutive events of one session, made of small pages of one bounded
 * pool. Serves the session store alone, which seals open blocks to its file when the pool says so.
 *
 * A block is open (it grows, and its events are nowhere else) or cached (its events are in the file
 * too). Cached blocks give way, least recently used first, when a page is wanted. All memory is
 * taken by event_pool_create(); pages that were never used cost no physical memory. One thread. */
#ifndef GATEWAY_EVENT_POOL_H
#define GATEWAY_EVENT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/event.h"

/* Events of a page: 1 KiB, so that an idle session holds no more than that. */
#define EVENT_PAGE_EVENTS 8u

struct event_pool;

/* Read by everybody, written by the pool; links and pages belong to the pool. */
struct event_block {
    uint32_t session_id;
    uint32_t generation;
    uint64_t first_sequence;
    uint32_t count; /* Events. */
    uint32_t page_count;
    bool open;
    struct event_block *newer; /* Neighbours in the list that the block is in. */
    struct event_block *older;
    struct event_block *session_next; /* Cached blocks of a session. */
    uint32_t *pages;                  /* Indexes of its pages. */
};

/* `block_events` (16 .. 1024, a multiple of EVENT_PAGE_EVENTS) is the most that a block holds.
 * STATUS_FULL: no memory. */
MUST_USE enum status event_pool_create(struct event_pool **pool, uint32_t sessions_max,
                                       uint32_t block_events);
void event_pool_destroy(struct event_pool *pool);

/* A new, empty block. At most sessions_max open ones at a time (asserted). Never fails: cached
 * blocks give way. */
struct event_block *event_pool_block(struct event_pool *pool, uint32_t session_id,
                                     uint32_t generation, uint64_t first_sequence, bool open);

/* The open block that should be sealed before another page is taken for an open block, or NULL
 * when there is room: the one with most pages, since long blocks compress best. */
struct event_block *event_pool_pressure(struct event_pool *pool);

/* Room for one event more behind the last one; its content is unspecified. Asserts: the block has
 * room; for an open block event_pool_pressure() was NULL when its last page is full. */
struct event *event_pool_extend(struct event_pool *pool, struct event_block *block);

/* Event `index` (from 0, below count) of a block. */
struct event *event_pool_at(struct event_pool *pool, const struct event_block *block,
                            uint32_t index);

/* The block is whole and in the file: findable from now on, most recently used. */
void event_pool_cache(struct event_pool *pool, struct event_block *block);

/* Gives back a block that is not cached. */
void event_pool_release(struct event_pool *pool, struct event_block *block);

/* The cached block that holds `sequence`, now most recently used; NULL when there is none. */
struct event_block *event_pool_find(struct event_pool *pool, uint32_t session_id,
                                    uint32_t generation, uint64_t sequence);

/* Bytes taken at creation. */
size_t event_pool_bytes(const struct event_pool *pool);

#endif
