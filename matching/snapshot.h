/* The whole state of an engine as bytes, and back (snapshot.md has the format).
 *
 * Same state, same bytes: whatever the pointers, the order of tables, the history of memory and the
 * compiler. Writing and reading go in steps that the caller bounds by the size of its chunks; where
 * the bytes are cut into chunks means nothing. Pure; whoever owns the engine calls. */
#ifndef MATCHING_SNAPSHOT_H
#define MATCHING_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "matching/engine.h"
#include "matching/snapshot_record.h"

/* Where a writer is: its fields are its own, but for `bytes_count`. */
struct snapshot_writer {
    const struct engine *engine;
    uint64_t bytes_count;   /* Written so far. */
    uint64_t commands;      /* The engine's, which takes none meanwhile. */
    uint64_t records_count; /* Put together so far. */
    uint64_t hash;          /* Over them. */
    uint8_t type;           /* Of the record that comes next; 0: none. */
    uint8_t book_side;      /* Levels and orders: of this side, */
    uint32_t id;            /* of this instrument. Else the last firm or session written. */
    uint32_t level;         /* The next one; 0: no further on this side. */
    uint32_t slot;          /* Of the order that comes next. */
    uint32_t orders_count;
    uint64_t answer; /* By age, from 0: the one that comes next. */
    uint32_t record_bytes;
    uint32_t record_done; /* Of them, already in a chunk. */
    uint8_t record[SNAPSHOT_RECORD_BYTES_MAX];
};

/* Likewise of a reader. */
struct snapshot_reader {
    struct engine *engine;
    enum status status; /* STATUS_MORE until the end or the first error, which remains. */
    uint8_t type;       /* Of the record before; 0: none yet. */
    uint64_t records_count;
    uint64_t hash;
    struct snapshot_head head;
    uint32_t instrument_id;
    uint8_t book_side; /* Of the level. */
    bool level_set;    /* The instrument has one that orders may follow. */
    bool level_empty;  /* None has followed yet. */
    int64_t price;     /* Of the level. */
    uint64_t tick_number;
    uint64_t order_id_last; /* At the level. */
    uint64_t answer;        /* By age, from 0: the one that comes next. */
    uint32_t record_bytes;  /* Of `record`, there already. */
    uint8_t record[SNAPSHOT_RECORD_BYTES_MAX];
};

/* Begin to write `engine`, which stays and executes nothing until the last chunk is written
 * (asserted). Asserts: no command is under way. */
void snapshot_write_start(struct snapshot_writer *writer, const struct engine *engine);

/* The next bytes, at most `bytes_max` (> 0). STATUS_MORE: the chunk is full, call again. STATUS_OK:
 * these were the last ones, perhaps none. */
MUST_USE enum status snapshot_write(struct snapshot_writer *writer, uint8_t *chunk,
                                    size_t bytes_max, size_t *bytes);

/* Begin to read into `engine`, which is as engine_create() left it (asserted), with the limits of
 * the engine that was written. Until snapshot_read() has returned STATUS_OK it is of no use, and
 * after an error it never will be: throw it away. */
void snapshot_read_start(struct snapshot_reader *reader, struct engine *engine);

/* Take the next bytes. STATUS_MORE: more must follow. STATUS_OK: this was all, and the engine is as
 * the one that was written. Every value is judged; what no engine writes is refused:
 * STATUS_BAD_FORMAT, STATUS_BAD_VERSION, STATUS_BAD_CHECKSUM, and STATUS_BAD_ARGUMENT when the
 * limits of the engine are others. An error stays, whatever follows. The last chunk takes time that
 * grows with the orders: milliseconds for a hundred thousand. */
MUST_USE enum status snapshot_read(struct snapshot_reader *reader, const uint8_t *chunk,
                                   size_t bytes);

#endif
