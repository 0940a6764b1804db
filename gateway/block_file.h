/* One append-only file of checked blocks, and the chain of blocks that each session has in it.
 *
 * A block is a header and a payload whose content is the caller's. Each block names its predecessor
 * and one block further back, such that any block of a chain is reached in a logarithmic number of
 * steps and nothing per block stays in memory (E. W. Myers, "An applicative random-access stack",
 * Information Processing Letters 17, 1983). Nothing is synced. One thread. */
#ifndef GATEWAY_BLOCK_FILE_H
#define GATEWAY_BLOCK_FILE_H

#include <assert.h>
#include <stdint.h>

#include "matching/base/status.h"

/* Heads of trees that a chain remembers while it grows: enough for 2^33 blocks. */
#define BLOCK_TREES_MAX 33u
/* A search goes down at most one tree: two headers a level, and one for each tree passed. */
#define BLOCK_STEPS_MAX (3u * BLOCK_TREES_MAX)

struct block_file {
    int file; /* -1 when there is none. */
    uint64_t bytes;
    uint64_t bytes_max;
};

/* In front of each payload. */
struct block_header {
    uint64_t header_hash; /* Of the block's offset and everything after this field. */
    uint64_t payload_hash;
    uint64_t first_sequence;
    uint64_t previous_offset; /* Block that ends where this one begins; 0 = none. */
    uint64_t jump_offset;     /* Block further back; 0 = none. */
    uint64_t jump_sequence;   /* First one after that block; 1 when there is none. */
    uint32_t session_id;
    uint16_t event_count;
    uint16_t dense_bytes;  /* Of the payload, at its end: stored as they are. */
    uint32_t stored_bytes; /* Of the payload. */
    uint32_t raw_bytes;    /* Of the rest of the payload, before compression. */
};
static_assert(sizeof(struct block_header) == 64, "the layout is the format");

/* Blocks of a chain, newest at the back, as trees of 2^k - 1 blocks. Starts as all zeros. */
struct block_tree {
    uint64_t offset;        /* Its newest block. */
    uint64_t next_sequence; /* After that block. */
    uint64_t blocks;
};
struct block_chain {
    uint32_t tree_count;
    struct block_tree trees[BLOCK_TREES_MAX];
};

/* Headers of a chain that a search has come past: a search for a later block goes on from there, so
 * that whoever takes all blocks, oldest first, reads each header once. Starts as all zeros, serves
 * one file; searches of other chains begin anew. */
struct block_step {
    uint64_t offset;
    struct block_header header;
};
struct block_walk {
    uint64_t last_offset; /* The chain's end; 0 = none. */
    uint64_t sequence;    /* Searched for last. */
    uint32_t step_count;
    struct block_step steps[BLOCK_STEPS_MAX]; /* The block found is the last one. */
};

/* Opens `path` empty, made when missing, mode 0600. STATUS_BAD_ARGUMENT: there is something else
 * than a regular file. STATUS_NOT_FOUND, STATUS_DENIED, STATUS_NO_SPACE, STATUS_IO: as the system
 * says; then nothing is open. */
MUST_USE enum status block_file_create(struct block_file *file, const char *path,
                                       uint64_t bytes_max);
void block_file_close(struct block_file *file);

/* Appends a block and links it to the end of `chain`. The caller sets first_sequence, session_id,
 * event_count and the three sizes of the header; this function the rest. `bytes` has the payload
 * behind room for the header, so that one write takes both. `*offset`: where the block is. On an
 * error the chain is as before, the file unusable. */
MUST_USE enum status block_file_append(struct block_file *file, struct block_chain *chain,
                                       struct block_header *header, uint8_t *bytes,
                                       uint64_t *offset);

/* Finds the block with `sequence` in the chain that ends with the block at `*offset`; sets
 * `*offset` and `*header`, whose hash, session and sequences are checked; sizes are the caller's to
 * check. STATUS_DAMAGED: not what was written. STATUS_IO: cannot be read. */
MUST_USE enum status block_file_find(const struct block_file *file, uint32_t session_id,
                                     uint64_t sequence, uint64_t *offset,
                                     struct block_header *header);

/* The same with a walk, in the chain that ends with the block at `last_offset`; `*found` is good
 * until the next call. */
MUST_USE enum status block_file_walk(const struct block_file *file, struct block_walk *walk,
                                     uint32_t session_id, uint64_t sequence, uint64_t last_offset,
                                     const struct block_step **found);

/* Reads the payload of a block that was found; `target` has room for its stored_bytes. Same
 * statuses. */
MUST_USE enum status block_file_payload(const struct block_file *file, uint64_t offset,
                                        const struct block_header *header, void *target);

#endif
