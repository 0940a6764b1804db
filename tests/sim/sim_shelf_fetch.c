/* Snapshots on their way between simulated sites: asked for piece by piece, served, taken in. */
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tests/sim/sim_seat.h"
#include "tests/sim/sim_shelf_inside.h"

#define SHELF_PIECE_BYTES (8u << 10)     /* Asked for at a time. */
#define SHELF_ROW_MAX     (64u << 20)    /* No snapshot here is larger. */
#define SHELF_ASK_NS      (300 * SIM_MS) /* Until a piece is asked for again. */
#define SHELF_LEAVE_NS    SIM_S          /* Without a piece: another snapshot is as good. */

static void shelf_ask(struct sim_seat *seat)
{
    struct sim_world *world = seat->world;
    struct sim_shelf *shelf = &seat->shelf;
    struct link_frame frame = {.type = LINK_WIRE_SNAPSHOT_REQUEST, .shard_id = seat->shard_id};
    struct link_snapshot_request *request = &frame.snapshot_request;
    request->log_index = shelf->incoming.position.log_index;
    request->offset = shelf->incoming_bytes;
    request->bytes_max = SHELF_PIECE_BYTES;
    memcpy(request->chain_hash, shelf->incoming.position.chain_hash, sizeof request->chain_hash);
    shelf->asked_ns = world->queue.now_ns;
    sim_seat_send_frame(seat, shelf->incoming_from, &frame);
}

void sim_shelf_fetch(struct sim_seat *seat, const struct replica_position *position,
                     uint8_t site_id)
{
    struct sim_world *world = seat->world;
    struct sim_shelf *shelf = &seat->shelf;
    struct sim_snapshot *incoming = &shelf->incoming;
    uint64_t now_ns = world->queue.now_ns;
    if (sim_shelf_find(shelf, position) != NULL) {
        shelf->installs = true;
        shelf->installed = *position;
        return;
    }
    bool same = replica_message_same_chain(&incoming->position, position);
    if (shelf->incoming_whole ||
        (!same && incoming->position.log_index != 0 && now_ns - shelf->heard_ns < SHELF_LEAVE_NS)) {
        return;
    }
    if (!same) {
        sim_snapshot_free(incoming);
        incoming->position = *position;
        shelf->incoming_bytes = 0;
        shelf->heard_ns = now_ns;
        shelf->asked_ns = 0;
    }
    shelf->incoming_from = site_id;
    if (shelf->asked_ns == 0 || now_ns - shelf->asked_ns >= SHELF_ASK_NS) {
        shelf_ask(seat);
    }
}

static void shelf_serve(struct sim_world *world, struct sim_seat *seat, uint8_t to_site_id,
                        const struct link_snapshot_request *request)
{
    struct sim_shelf *shelf = &seat->shelf;
    struct replica_position position = {.log_index = request->log_index};
    struct link_frame frame = {.type = LINK_WIRE_SNAPSHOT_CHUNK, .shard_id = seat->shard_id};
    struct link_snapshot_chunk *chunk = &frame.snapshot_chunk;
    struct snapshot_manifest manifest;
    memcpy(position.chain_hash, request->chain_hash, sizeof position.chain_hash);
    chunk->log_index = request->log_index;
    memcpy(chunk->chain_hash, request->chain_hash, sizeof chunk->chain_hash);
    struct sim_snapshot *snapshot = sim_shelf_find(shelf, &position);
    if (snapshot != NULL && !sim_shelf_whole(world, seat, snapshot, &manifest)) {
        sim_shelf_drop(shelf, (uint32_t)(snapshot - shelf->kept));
        shelf->requested = true; /* Another one instead, or nobody could ever be helped. */
        shelf->taken_log_index = 0;
        snapshot = NULL;
    }
    if (snapshot != NULL && request->offset < snapshot->bytes) {
        uint64_t left = snapshot->bytes - request->offset;
        chunk->offset = request->offset;
        chunk->total_bytes = snapshot->bytes;
        chunk->bytes = snapshot->row + request->offset;
        chunk->bytes_count = left < request->bytes_max ? (uint32_t)left : request->bytes_max;
        shelf->served_log_index = request->log_index;
        shelf->served_ns = world->queue.now_ns;
    }
    sim_seat_send_frame(seat, to_site_id, &frame);
}

static void shelf_piece(struct sim_world *world, struct sim_seat *seat,
                        const struct link_snapshot_chunk *chunk)
{
    struct sim_shelf *shelf = &seat->shelf;
    struct sim_snapshot *incoming = &shelf->incoming;
    if (incoming->position.log_index != chunk->log_index || shelf->incoming_whole ||
        memcmp(incoming->position.chain_hash, chunk->chain_hash, sizeof chunk->chain_hash) != 0 ||
        (chunk->total_bytes != 0 && chunk->offset != shelf->incoming_bytes)) {
        return;
    }
    if (chunk->total_bytes == 0 || chunk->total_bytes > SHELF_ROW_MAX ||
        (incoming->row != NULL && chunk->total_bytes != incoming->bytes)) {
        sim_snapshot_free(incoming); /* It is not there any more, or never was as it seemed. */
        shelf->incoming_bytes = 0;
        return;
    }
    if (incoming->row == NULL) {
        incoming->bytes = chunk->total_bytes;
        incoming->row = malloc(incoming->bytes);
        ASSERT(incoming->row != NULL);
    }
    memcpy(incoming->row + chunk->offset, chunk->bytes, chunk->bytes_count);
    shelf->incoming_bytes += chunk->bytes_count;
    shelf->heard_ns = world->queue.now_ns;
    if (shelf->incoming_bytes < incoming->bytes) {
        shelf_ask(seat);
    } else {
        shelf->incoming_whole = true;
        sim_shelf_due(world, seat, SIM_SHELF_FETCHED);
    }
}

void sim_shelf_frame(struct sim_world *world, struct sim_seat *seat, uint8_t from_site_id,
                     const struct link_frame *frame)
{
    ASSERT(seat->shard != NULL);
    if (frame->type == LINK_WIRE_SNAPSHOT_REQUEST) {
        shelf_serve(world, seat, from_site_id, &frame->snapshot_request);
    } else {
        ASSERT(frame->type == LINK_WIRE_SNAPSHOT_CHUNK);
        shelf_piece(world, seat, &frame->snapshot_chunk);
    }
}
