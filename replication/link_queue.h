/* Frames that wait to be sent to a peer, one class of them: bounded, first in first out, whole.
 *
 * Each frame stands in one piece and stays until all of its bytes have been taken, so that it can
 * be said again from its beginning when a connection ends in the middle of it. Pure, over memory of
 * the caller's. */
#ifndef REPLICATION_LINK_QUEUE_H
#define REPLICATION_LINK_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/link_wire.h"

struct link_queue {
    uint8_t *memory;
    uint32_t capacity;
    uint32_t first; /* Of the first frame that is not taken whole. */
    uint32_t end;   /* Where the next frame belongs. */
    uint32_t wrap;  /* Where the frames at the top of the memory end, when `wrapped`. */
    bool wrapped;   /* `end` has begun anew at the bottom. */
    uint32_t taken; /* Bytes of the first frame. */
};

void link_queue_init(struct link_queue *queue, uint8_t *memory, uint32_t capacity);

/* Encode a frame behind the others; `*frame_bytes` are its bytes. STATUS_FULL: nothing has changed.
 * A frame of link_wire_bytes_max() up to the capacity fits into an empty queue. */
MUST_USE enum status link_queue_add(struct link_queue *queue, const struct link_frame *frame,
                                    uint32_t *frame_bytes);

/* The next bytes to send, 0 when there are none; more may follow behind them. `*frame_left`: how
 * many of them belong to the first frame. */
const uint8_t *link_queue_next(const struct link_queue *queue, uint32_t *bytes,
                               uint32_t *frame_left);
/* So many of them are sent. Returns how many frames became whole by that. */
uint32_t link_queue_take(struct link_queue *queue, uint32_t bytes);

/* Whether a frame has been taken in part. */
bool link_queue_is_partial(const struct link_queue *queue);
/* That part is lost: the frame begins anew. */
void link_queue_again(struct link_queue *queue);
/* Drop all. */
void link_queue_clear(struct link_queue *queue);

/* Bytes that wait, those taken of the first frame included. */
uint32_t link_queue_bytes(const struct link_queue *queue);
/* The largest link_wire_bytes_max() for which there is room now. */
uint32_t link_queue_room(const struct link_queue *queue);

#endif
