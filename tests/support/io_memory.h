/* An io whose files live in memory and whose writes complete when the test says so: behind io.h by
 * way of io_backend.h. Sockets are not there.
 *
 * A crash is what a test makes of the writes that are in flight: io_memory_apply() puts any of
 * their sectors into the file. Time stands still but for io_poll() with a limit, which moves it
 * there. */
#ifndef TESTS_SUPPORT_IO_MEMORY_H
#define TESTS_SUPPORT_IO_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "replication/io/io.h"

#define IO_MEMORY_SECTOR_BYTES 512u
#define IO_MEMORY_WRITES_MAX   32u

struct io_memory_write {
    uint32_t handle;
    uint8_t *data; /* A copy as of io_file_write(); checked against the original at the end. */
    const uint8_t *source;
    uint32_t bytes;
    uint64_t offset;
    uint64_t token;
};

/* What may be done to blocking calls and to memory. */
struct io_memory_faults {
    enum status open;
    enum status read_now;
    uint64_t read_now_offset;   /* Reads that touch this byte fail. */
    uint32_t write_now_allowed; /* So many blocking writes work, then STATUS_IO for ever. */
    enum status memory_register;
};

struct io *io_memory_create(void);

/* The one file: `bytes` at `content`, which stays the caller's and holds what is durable. Any path
 * opens it. */
void io_memory_file(struct io *io, uint8_t *content, uint64_t bytes);
/* Promise that the file is zero from `used_bytes` on, and that so is what it will be read into:
 * then nothing is copied there. For who opens large files often. */
void io_memory_used(struct io *io, uint64_t used_bytes);
struct io_memory_faults *io_memory_faults(struct io *io);

/* Writes in flight, oldest first. */
uint32_t io_memory_pending(const struct io *io);
const struct io_memory_write *io_memory_write(const struct io *io, uint32_t index);
/* The write at `index` is done: its bytes are in the file, its completion waits to be polled. */
void io_memory_finish(struct io *io, uint32_t index);
/* It failed: `result` is its completion's; nothing is in the file. */
void io_memory_fail(struct io *io, uint32_t index, int32_t result);
/* Forget what is in flight and what has not been polled: the process is dead. */
void io_memory_drop(struct io *io);
/* Put sector `sector` of a write into `content`, a file's. */
void io_memory_apply(const struct io_memory_write *write, uint32_t sector, uint8_t *content);

/* Whether a blocking write has covered byte `offset` of the file. */
bool io_memory_wrote_now(const struct io *io, uint64_t offset);
/* How often io_wake() was called. */
uint64_t io_memory_wakes(const struct io *io);

#endif
