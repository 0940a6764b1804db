/* The inside of a shadow, for shadow.c (the loop's side and the thread) and shadow_follow.c (what
 * the thread does for a shard). */
#ifndef GATEWAY_SHADOW_INSIDE_H
#define GATEWAY_SHADOW_INSIDE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "gateway/market_snapshot.h"
#include "gateway/shadow.h"
#include "matching/base/ring.h"
#include "matching/command_columns.h"
#include "replication/codec.h"

#define SHADOW_SLOTS        8u   /* Segments between the threads, a power of two. */
#define SHADOW_FEED_MAX     4u   /* Of them copied in one turn. */
#define SHADOW_AUDITS       512u /* Event hashes remembered for when the shadow gets there. */
#define SHADOW_AUDIT_STRIDE 16u  /* Segments between two of them, at least. */
#define SHADOW_REPORTS      64u

/* A segment on its way: the loop fills it, the thread uses it. */
struct shadow_slot {
    size_t bytes_count;
    bool audited;
    uint64_t event_hash;
    uint8_t bytes[SEGMENT_BYTES_MAX];
};

struct shadow_audit {
    uint64_t log_index;
    uint64_t event_hash;
};

/* What the loop thread alone uses of a shard. */
struct shadow_feeding {
    uint64_t restarts; /* That the thread's answer must be to. */
    bool ready;        /* It has answered. */
    uint64_t next_log_index;
    uint64_t filled;                           /* Slots ever filled. */
    struct shadow_audit audits[SHADOW_AUDITS]; /* A ring: */
    uint64_t audit_first;                      /* the oldest one not yet used, */
    uint64_t audit_next;                       /* and behind the newest one. */
};

enum shadow_phase {
    SHADOW_STARTS = 0, /* Nothing is loaded yet. */
    SHADOW_FOLLOWS,
    SHADOW_STOPPED, /* Failed or diverged: until a restart. */
};

/* What the thread alone uses of a shard. */
struct shadow_following {
    enum shadow_phase phase;
    uint64_t restarts; /* Seen. */
    uint64_t used;     /* Slots ever used. */
    void *memory;      /* The engine's arena. */
    size_t memory_bytes;
    struct engine *engine;
    struct session_store *streams;
    struct snapshot_manifest facts; /* Where it stands, as the next snapshot will say. */
    uint64_t since_segments;        /* Applied since the last snapshot. */
    uint64_t since_bytes;
    uint64_t since_ns; /* When that was. */
    bool report_waits; /* The ring of reports was full. */
    struct shadow_report report;
};

struct shadow_shard {
    struct shadow_shard_options options;
    struct shadow_slot *slots;
    struct shadow_feeding feeding;
    struct shadow_following following;
    /* Written by the loop. */
    _Alignas(64) _Atomic uint64_t filled; /* Slots ever filled. */
    _Atomic uint64_t restarts;
    _Atomic uint64_t requests;
    _Atomic uint64_t spared_log_index;
    /* Written by the thread. */
    _Alignas(64) _Atomic uint64_t used; /* Slots ever used. */
    _Atomic uint64_t wanted_log_index;  /* First one after a start. */
    _Atomic uint64_t ready_restarts;    /* The restart that it is after, plus one. */
    _Atomic uint64_t applied_log_index;
    _Atomic uint64_t compared;
    _Atomic uint64_t snapshots;
    _Atomic bool follows;
    uint64_t requests_seen; /* Thread's. */
};

struct shadow {
    struct shadow_options options;
    struct snapshot_store *store;
    struct market_snapshot *snapshot;
    struct shadow_shard *writing; /* Whose snapshot is being written; NULL: none. */
    struct codec_context *codec;
    struct command_columns_scratch *scratch;
    struct event *events; /* One batch. */
    struct command *commands;
    uint8_t *raw;
    struct ring reports;
    void *reports_memory;
    struct shadow_shard *shards;
    pthread_t thread;
    bool started;
    sem_t work; /* Something to do for the thread. */
    bool work_made;
    _Atomic uint32_t verifier_count;
    _Atomic bool stop;
};

/* Tell the loop; when the ring is full, later. */
void shadow_tell(struct shadow *shadow, struct shadow_shard *shard,
                 const struct shadow_report *report);

/* Begin with the newest good snapshot, or with nothing. */
void shadow_follow_load(struct shadow *shadow, struct shadow_shard *shard);
/* Execute the segment in a slot. */
void shadow_follow_segment(struct shadow *shadow, struct shadow_shard *shard,
                           const struct shadow_slot *slot);
/* Give back memory and streams. */
void shadow_follow_release(struct shadow_shard *shard);
/* Begin, or go on with, a snapshot. */
void shadow_follow_write(struct shadow *shadow, struct shadow_shard *shard);
void shadow_follow_step(struct shadow *shadow);

#endif
