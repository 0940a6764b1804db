/* The disk of a simulated site: the ring's file behind io_memory.h, in sectors, and all that goes
 * wrong with disks. Its writes are direct and synchronous, so what is not durable is what is in
 * flight. */
#ifndef TESTS_SIM_SIM_DISK_H
#define TESTS_SIM_SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/random.h"
#include "replication/io/io.h"
#include "replication/wal_frame.h"

#define SIM_DISK_BYTES WAL_BYTES_MIN

struct sim_disk {
    uint8_t *content;      /* SIM_DISK_BYTES: what is durable. */
    uint8_t *before;       /* What stood there before the last write. */
    uint64_t used_bytes;   /* Beyond, both are zero. */
    uint8_t *image;        /* For the ring's image of the process that runs over it. */
    uint64_t image_bytes;  /* Beyond, it is zero. */
    uint32_t sector_bytes; /* 512 or 4096: written whole or not at all. */
    uint8_t key[WAL_KEY_BYTES];
    uint64_t latency_ns; /* Of a write: this, and up to jitter_ns more. */
    uint64_t jitter_ns;
    uint64_t slow_ns;        /* A fault: so much more. */
    uint64_t stuck_until_ns; /* Nothing is done before. */
    int32_t error;           /* A fault: what writes end with, EIO or ENOSPC; 0: none. */
    bool misdirects;         /* The next write goes elsewhere. */
    uint64_t stale_offset;   /* The next start reads this block as it was before; 0: none. */
};

/* Memory of a disk, once. */
void sim_disk_make(struct sim_disk *disk);
void sim_disk_free(struct sim_disk *disk);

/* A new disk that holds an empty ring of the journal `incarnation`; no faults. */
void sim_disk_format(struct sim_disk *disk, uint32_t sector_bytes,
                     const uint8_t incarnation[static WAL_KEY_BYTES]);

/* A process starts over it. */
void sim_disk_start(struct sim_disk *disk, struct io *io);
/* It writes up to there. */
void sim_disk_writes(struct sim_disk *disk, uint64_t end_bytes);
/* It has ended: its ring had used no more than so many bytes behind this position of it, and what
 * is on the disk. What a process does not say here costs the next start the largest frames. */
void sim_disk_end(struct sim_disk *disk, uint64_t position, uint64_t ring_used_bytes);

/* When a write that starts now is done. */
uint64_t sim_disk_due_ns(const struct sim_disk *disk, struct random *random, uint64_t now_ns);

enum sim_disk_outcome {
    SIM_DISK_NONE = 0, /* No write with this handle is in flight. */
    SIM_DISK_WRITTEN,
    SIM_DISK_MISDIRECTED, /* The disk says it is written; it is, but elsewhere. */
    SIM_DISK_FAILED,
};

/* The write of `handle` is done: its completion waits in `io`. */
enum sim_disk_outcome sim_disk_finish(struct sim_disk *disk, struct io *io, uint32_t handle,
                                      struct random *random);

/* The bytes of the write of `handle`, before it is finished; NULL: none. */
const uint8_t *sim_disk_writing(const struct io *io, uint32_t handle, uint32_t *bytes);

/* The process ends while writes are in flight. `power`: of each, any sectors reach the disk; else
 * all of them or none. Their completions say EIO, if anyone still asks. */
void sim_disk_crash(struct sim_disk *disk, struct io *io, struct random *random, bool power);

/* Flip a bit of a frame that others name as durable, so that a reader can tell. False: there is
 * none. */
bool sim_disk_rot(struct sim_disk *disk, struct random *random);
/* The same of the ring's first block. */
void sim_disk_rot_header(struct sim_disk *disk, struct random *random);
/* The next start reads such a frame's block as it was before its last write. */
bool sim_disk_stale(struct sim_disk *disk, struct random *random);
/* Around the reads of a start. */
void sim_disk_stale_swap(struct sim_disk *disk);

#endif
