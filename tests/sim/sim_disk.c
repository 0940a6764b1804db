#include "tests/sim/sim_disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "matching/base/assertion.h"
#include "replication/journal_block.h"
#include "replication/wal.h"
#include "tests/support/io_memory.h"

/* Zero, and there only when it is touched. */
static uint8_t *disk_map(void)
{
    void *memory =
        mmap(NULL, SIM_DISK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(memory != MAP_FAILED);
    (void)madvise(memory, SIM_DISK_BYTES, MADV_HUGEPAGE); /* Faults would be a fifth of a run. */
    return memory;
}

void sim_disk_make(struct sim_disk *disk)
{
    *disk = (struct sim_disk){.content = disk_map(), .before = disk_map(), .image = disk_map()};
    ASSERT(disk->content != disk->before);
}

void sim_disk_free(struct sim_disk *disk)
{
    (void)munmap(disk->content, SIM_DISK_BYTES);
    (void)munmap(disk->before, SIM_DISK_BYTES);
    (void)munmap(disk->image, SIM_DISK_BYTES);
    *disk = (struct sim_disk){0};
}

static void disk_put(struct sim_disk *disk, uint64_t offset, const uint8_t *data, uint32_t bytes)
{
    ASSERT(offset + bytes <= SIM_DISK_BYTES);
    memcpy(disk->before + offset, disk->content + offset, bytes);
    memcpy(disk->content + offset, data, bytes);
    if (offset + bytes > disk->used_bytes) {
        disk->used_bytes = offset + bytes;
    }
}

void sim_disk_format(struct sim_disk *disk, uint32_t sector_bytes,
                     const uint8_t incarnation[static WAL_KEY_BYTES])
{
    ASSERT(sector_bytes == 512 || sector_bytes == 4096);
    memset(disk->content, 0, disk->used_bytes);
    memset(disk->before, 0, disk->used_bytes);
    *disk = (struct sim_disk){.content = disk->content,
                              .before = disk->before,
                              .image = disk->image,
                              .image_bytes = disk->image_bytes,
                              .sector_bytes = sector_bytes,
                              .used_bytes = JOURNAL_BLOCK_BYTES};
    memcpy(disk->key, incarnation, WAL_KEY_BYTES);
    wal_header_store(disk->content, incarnation, SIM_DISK_BYTES);
}

uint64_t sim_disk_due_ns(const struct sim_disk *disk, struct random *random, uint64_t now_ns)
{
    uint64_t due_ns = now_ns + disk->latency_ns + disk->slow_ns;
    if (disk->jitter_ns > 0) {
        due_ns += random_below(random, disk->jitter_ns);
    }
    return due_ns > disk->stuck_until_ns ? due_ns : disk->stuck_until_ns;
}

void sim_disk_start(struct sim_disk *disk, struct io *io)
{
    ASSERT(disk->image_bytes <= SIM_DISK_BYTES);
    /* The start reads what is in use, and the rest as zeros. */
    if (disk->image_bytes > disk->used_bytes) {
        memset(disk->image + disk->used_bytes, 0, disk->image_bytes - disk->used_bytes);
    }
    io_memory_file(io, disk->content, SIM_DISK_BYTES);
    io_memory_used(io, disk->used_bytes);
    disk->image_bytes = disk->used_bytes;
    sim_disk_writes(disk, disk->used_bytes + (64u << 10));
}

void sim_disk_writes(struct sim_disk *disk, uint64_t end_bytes)
{
    uint64_t bytes = end_bytes + 2 * (uint64_t)WAL_FRAME_BYTES_MAX;
    bytes = bytes < SIM_DISK_BYTES ? bytes : SIM_DISK_BYTES;
    disk->image_bytes = bytes > disk->image_bytes ? bytes : disk->image_bytes;
}

void sim_disk_end(struct sim_disk *disk, uint64_t position, uint64_t ring_used_bytes)
{
    uint64_t ring_bytes = SIM_DISK_BYTES - WAL_HEADER_BYTES;
    uint64_t end_bytes = position % ring_bytes + ring_used_bytes;
    ASSERT(ring_used_bytes <= ring_bytes);
    if (end_bytes > ring_bytes) { /* Around its end. */
        return;
    }
    end_bytes += WAL_HEADER_BYTES;
    end_bytes = end_bytes > disk->used_bytes ? end_bytes : disk->used_bytes;
    disk->image_bytes = end_bytes < disk->image_bytes ? end_bytes : disk->image_bytes;
}

/* Index of the write of `handle`; count of writes: there is none. */
static uint32_t disk_find(const struct io *io, uint32_t handle)
{
    uint32_t at = 0;
    while (at < io_memory_pending(io) && io_memory_write(io, at)->handle != handle) {
        at++;
    }
    return at;
}

const uint8_t *sim_disk_writing(const struct io *io, uint32_t handle, uint32_t *bytes)
{
    uint32_t at = disk_find(io, handle);
    if (at == io_memory_pending(io)) {
        return NULL;
    }
    *bytes = io_memory_write(io, at)->bytes;
    return io_memory_write(io, at)->data;
}

/* Some of a write's sectors reach the disk: all, none, the first ones, or any. */
static void disk_tear(struct sim_disk *disk, const struct io_memory_write *write,
                      struct random *random, bool whole)
{
    uint32_t sectors = write->bytes / disk->sector_bytes;
    uint64_t way = random_below(random, whole ? 2 : 4);
    uint64_t first = random_below(random, sectors + 1u);
    ASSERT(sectors > 0);
    for (uint32_t at = 0; at < sectors; at++) {
        bool reaches =
            way == 0 || (way == 2 && at < first) || (way == 3 && random_below(random, 2) == 0);
        if (reaches) {
            uint64_t offset = (uint64_t)at * disk->sector_bytes;
            disk_put(disk, write->offset + offset, write->data + offset, disk->sector_bytes);
        }
    }
}

/* The write goes to another place, of the same size. */
static void disk_misdirect(struct sim_disk *disk, struct io *io, uint32_t at, struct random *random)
{
    struct io_memory_write write = *io_memory_write(io, at);
    uint8_t *kept = malloc(write.bytes);
    uint8_t *data = malloc(write.bytes);
    ASSERT(kept != NULL && data != NULL);
    memcpy(kept, disk->content + write.offset, write.bytes);
    memcpy(data, write.data, write.bytes);
    io_memory_finish(io, at);
    memcpy(disk->content + write.offset, kept, write.bytes);
    uint64_t blocks = (SIM_DISK_BYTES - write.bytes) / WAL_ALIGNMENT_BYTES;
    disk_put(disk, (1 + random_below(random, blocks)) * WAL_ALIGNMENT_BYTES, data, write.bytes);
    free(kept);
    free(data);
}

enum sim_disk_outcome sim_disk_finish(struct sim_disk *disk, struct io *io, uint32_t handle,
                                      struct random *random)
{
    uint32_t at = disk_find(io, handle);
    if (at == io_memory_pending(io)) {
        return SIM_DISK_NONE;
    }
    const struct io_memory_write *write = io_memory_write(io, at);
    if (disk->error != 0) {
        disk_tear(disk, write, random, false);
        io_memory_fail(io, at, -disk->error);
        return SIM_DISK_FAILED;
    }
    if (disk->misdirects) {
        disk->misdirects = false;
        disk_misdirect(disk, io, at, random);
        return SIM_DISK_MISDIRECTED;
    }
    disk_put(disk, write->offset, write->data, write->bytes);
    io_memory_finish(io, at);
    return SIM_DISK_WRITTEN;
}

void sim_disk_crash(struct sim_disk *disk, struct io *io, struct random *random, bool power)
{
    ASSERT(disk->content != NULL);
    while (io_memory_pending(io) > 0) {
        disk_tear(disk, io_memory_write(io, 0), random, !power);
        io_memory_fail(io, 0, -EIO);
    }
}

/* A random frame that a later one names as durable; 0: there is none. The ring's own reader says
 * so, and what is durable may be old: then the store has it, and the rot does no harm. */
static uint64_t disk_proven_frame(const struct sim_disk *disk, struct random *random)
{
    struct wal_image image = {.ring = disk->content + WAL_HEADER_BYTES,
                              .ring_bytes = SIM_DISK_BYTES - WAL_HEADER_BYTES};
    memcpy(image.key, disk->key, WAL_KEY_BYTES);
    struct wal_survey survey;
    wal_chain_survey(&image, &survey);
    uint64_t chosen = 0;
    uint64_t found = 0;
    for (uint64_t at = WAL_HEADER_BYTES; at < disk->used_bytes; at += WAL_ALIGNMENT_BYTES) {
        struct wal_frame frame;
        if (wal_frame_open(&frame, disk->content + at, SIM_DISK_BYTES - at, disk->key) ==
                STATUS_OK &&
            frame.number <= survey.persisted_number && random_below(random, ++found) == 0) {
            chosen = at;
        }
    }
    return chosen;
}

bool sim_disk_rot(struct sim_disk *disk, struct random *random)
{
    uint64_t offset = disk_proven_frame(disk, random);
    if (offset == 0) {
        return false;
    }
    struct wal_frame frame;
    wal_frame_fields(&frame, disk->content + offset);
    uint64_t bytes = WAL_FRAME_HEADER_BYTES + frame.records_bytes;
    disk->content[offset + random_below(random, bytes)] ^= (uint8_t)(1u << random_below(random, 8));
    return true;
}

void sim_disk_rot_header(struct sim_disk *disk, struct random *random)
{
    ASSERT(disk->used_bytes >= JOURNAL_BLOCK_BYTES);
    disk->content[random_below(random, 64)] ^= (uint8_t)(1u << random_below(random, 8));
}

bool sim_disk_stale(struct sim_disk *disk, struct random *random)
{
    disk->stale_offset = disk_proven_frame(disk, random);
    return disk->stale_offset != 0;
}

void sim_disk_stale_swap(struct sim_disk *disk)
{
    uint8_t block[WAL_ALIGNMENT_BYTES];
    if (disk->stale_offset == 0) {
        return;
    }
    ASSERT(disk->stale_offset + sizeof block <= SIM_DISK_BYTES);
    memcpy(block, disk->content + disk->stale_offset, sizeof block);
    memcpy(disk->content + disk->stale_offset, disk->before + disk->stale_offset, sizeof block);
    memcpy(disk->before + disk->stale_offset, block, sizeof block);
}
