/* The inside of a snapshot worker, for snapshot_worker.c (rows and thread),
 * snapshot_worker_fetch.c, snapshot_worker_serve.c and snapshot_worker_market.c (what the thread
 * does). */
#ifndef GATEWAY_SNAPSHOT_WORKER_INSIDE_H
#define GATEWAY_SNAPSHOT_WORKER_INSIDE_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "gateway/snapshot_worker.h"

#define SNAPSHOT_WORKER_ROW        16u /* Tasks, and answers: a power of two. */
#define SNAPSHOT_WORKER_WINDOW     4u  /* Pieces asked for and not yet here, of a fetch. */
#define SNAPSHOT_WORKER_AGAIN_NS   UINT64_C(2000000000)  /* Then they are asked for again, */
#define SNAPSHOT_WORKER_GIVE_UP_NS UINT64_C(20000000000) /* or no more. */
#define SNAPSHOT_WORKER_DONE_NS                                                                    \
    UINT64_C(5000000000) /* One that is done is not begun again so soon. */

enum snapshot_task_kind {
    SNAPSHOT_TASK_SERVE = 1,
    SNAPSHOT_TASK_FETCH,
    SNAPSHOT_TASK_TAKE,
    SNAPSHOT_TASK_REBUILD,
    SNAPSHOT_TASK_DISCARD,
};

struct snapshot_task {
    enum snapshot_task_kind kind;
    uint8_t site_id;
    uint16_t shard_id;
    struct replica_position position; /* FETCH; of the others what a frame says. */
    uint64_t offset;
    uint64_t total_bytes;
    uint64_t last_log_index; /* REBUILD: what lies behind is left alone. */
    uint32_t bytes_count;    /* SERVE: at most. */
    struct site_market_body body;
    char evidence[CONFIG_PATH_BYTES + 128]; /* DISCARD: a file; empty: none. */
};

/* One direction: whoever fills a place owns it before, whoever empties it after that. */
struct snapshot_row {
    _Alignas(64) _Atomic uint64_t filled;
    _Alignas(64) _Atomic uint64_t taken;
};

/* Of a shard, the thread's. */
struct snapshot_fetch {
    struct snapshot_incoming *incoming; /* NULL: none is under way. */
    uint8_t site_id;
    struct replica_position position;
    uint64_t offset;      /* What lies before it has been asked for. */
    uint32_t outstanding; /* Pieces. */
    uint64_t asked_ns;
    uint64_t heard_ns; /* When the last good piece came, or it began. */
    struct replica_position done;
    uint64_t done_ns; /* When `done` was done, well or badly; 0: nothing was. */
};

/* The snapshot that is being read for others, of a shard; kept open while they ask. */
struct snapshot_serving {
    struct snapshot_source *source;
    uint64_t asked_ns;
};

struct snapshot_worker {
    struct snapshot_worker_options options;
    struct snapshot_store *store;
    struct market_snapshot *snapshot;
    struct snapshot_row tasks;
    struct snapshot_task task[SNAPSHOT_WORKER_ROW];
    uint8_t *task_bytes; /* SNAPSHOT_CHUNK_BYTES each. */
    struct snapshot_row answers;
    struct snapshot_answer answer[SNAPSHOT_WORKER_ROW];
    uint8_t *answer_bytes;
    struct snapshot_fetch fetches[SHARDS_MAX];
    struct snapshot_serving servings[SHARDS_MAX];
    pthread_t thread;
    bool started;
    sem_t work;
    bool work_made;
    _Atomic uint32_t verifier_count;
    _Atomic bool stop;
};

/* A place for an answer, all zeros, and its bytes; waits for room. NULL: the thread is to end. */
struct snapshot_answer *snapshot_worker_begin(struct snapshot_worker *worker, uint8_t **bytes);
/* It goes to the loop. */
void snapshot_worker_say(struct snapshot_worker *worker);

/* ---- snapshot_worker_fetch.c ---- */

void snapshot_worker_fetch_begin(struct snapshot_worker *worker, const struct snapshot_task *task);
void snapshot_worker_fetch_take(struct snapshot_worker *worker, const struct snapshot_task *task,
                                const uint8_t *bytes);
/* Ask for what is due, again or no more. */
void snapshot_worker_fetch_turn(struct snapshot_worker *worker);

/* ---- snapshot_worker_serve.c ---- */

void snapshot_worker_serve_piece(struct snapshot_worker *worker, const struct snapshot_task *task);
/* Close what nobody asks for any more; all of it. */
void snapshot_worker_serve_turn(struct snapshot_worker *worker, bool all);
/* ---- snapshot_worker_market.c ---- */

/* Whether a status says that it is the snapshot that is at fault, and not this site's memory or
 * disk.
 */
bool snapshot_worker_market_at_fault(enum status status);
/* Set a snapshot aside, as snapshot_store_set_aside() says; what goes for it is logged. */
MUST_USE enum status snapshot_worker_market_aside(struct snapshot_worker *worker, uint16_t shard_id,
                                                  uint64_t log_index);
/* Make a market of the snapshot at this place, which was fetched. */
void snapshot_worker_market_make(struct snapshot_worker *worker, uint16_t shard_id,
                                 const struct replica_position *position);
/* Write the state of an engine, as evidence. */
void snapshot_worker_market_write(const struct engine *engine, const char *path);
void snapshot_worker_market_again(struct snapshot_worker *worker, const struct snapshot_task *task);

#endif
