#include "tests/sim/sim_seat.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/link_wire.h"
#include "tests/sim/sim_inspect.h"

/* ---- What stands between a shard and its market: the checks ---- */

static struct sim_seat *seat_of(void *context)
{
    ASSERT(context != NULL);
    return context;
}

static void seat_stamp(void *context, void *record, uint64_t timestamp_ns, uint64_t waited_ns)
{
    struct sim_seat *seat = seat_of(context);
    seat->inner.stamp(seat->inner.context, record, timestamp_ns, waited_ns);
}

static uint64_t seat_timestamp(void *context, const void *record)
{
    struct sim_seat *seat = seat_of(context);
    return seat->inner.timestamp_ns(seat->inner.context, record);
}

static void seat_anticipate(void *context, const void *records, uint32_t record_count)
{
    struct sim_seat *seat = seat_of(context);
    seat->inner.anticipate(seat->inner.context, records, record_count);
}

static void seat_apply(void *context, uint64_t command_sequence, const void *record)
{
    struct sim_seat *seat = seat_of(context);
    struct sim_check *check = &seat->world->check;
    struct command command;
    memcpy(&command, record, sizeof command);
    if (seat->over) { /* At a start: what it committed when it was the only voter. */
        if (!seat->recovers) {
            sim_check_fail(check, "site %u executes in shard %u, which was repaired without it",
                           seat->site->site_id, seat->shard_id);
        }
        seat->inner.apply(seat->inner.context, command_sequence, record);
        return;
    }
    uint64_t true_ns = sim_clock_true_ns(seat->world->queue.now_ns);
    if (command.timestamp_ns > true_ns + SIM_AHEAD_NS_MAX && !seat->world->clocks_lost) {
        sim_check_fail(check, "time of shard %u is %" PRIu64 " ns ahead of the truth",
                       seat->shard_id, command.timestamp_ns - true_ns);
    }
    sim_check_command(check, seat->site->site_id, seat->shard_id, command_sequence, &command);
    seat->inner.apply(seat->inner.context, command_sequence, record);
    sim_check_executed(check, seat->site->site_id, seat->shard_id,
                       engine_event_hash(seat->market.engine));
}

static void seat_event(void *context, uint32_t market_index, const struct event *event)
{
    struct sim_seat *seat = seat_of(context);
    ASSERT(market_index + 1 == seat->shard_id);
    if (seat->over) {
        return;
    }
    sim_check_event(&seat->world->check, seat->site->site_id, seat->shard_id, event);
    seat->world->event(seat->world, seat, event);
}

static bool seat_due(void *context, uint64_t *due_ns)
{
    struct sim_seat *seat = seat_of(context);
    return seat->inner.due(seat->inner.context, due_ns);
}

static void seat_tick(void *context, void *record)
{
    struct sim_seat *seat = seat_of(context);
    seat->inner.tick(seat->inner.context, record);
}

static void seat_opened(void *context, uint64_t timestamp_ns, bool planned)
{
    struct sim_seat *seat = seat_of(context);
    seat->inner.opened(seat->inner.context, timestamp_ns, planned);
}

static uint64_t seat_event_hash(void *context)
{
    struct sim_seat *seat = seat_of(context);
    return seat->inner.event_hash(seat->inner.context) ^ seat->diverges;
}

static size_t seat_pack_bound(void *context, uint32_t count)
{
    struct sim_seat *seat = seat_of(context);
    return seat->inner.pack_bound(seat->inner.context, count);
}

static size_t seat_pack(void *context, void *target, size_t target_bytes, const void *records,
                        uint32_t count, uint64_t base_timestamp_ns)
{
    struct sim_seat *seat = seat_of(context);
    return seat->inner.pack(seat->inner.context, target, target_bytes, records, count,
                            base_timestamp_ns);
}

static enum status seat_unpack(void *context, void *records, uint32_t count, const void *source,
                               size_t source_bytes, uint64_t base_timestamp_ns)
{
    struct sim_seat *seat = seat_of(context);
    return seat->inner.unpack(seat->inner.context, records, count, source, source_bytes,
                              base_timestamp_ns);
}

static struct shard_machine seat_machine(struct sim_seat *seat)
{
    struct shard_machine machine = site_market_machine(&seat->market);
    seat->inner = machine;
    machine.context = seat;
    machine.stamp = seat_stamp;
    machine.timestamp_ns = seat_timestamp;
    machine.anticipate = seat_anticipate;
    machine.apply = seat_apply;
    machine.opened = seat_opened;
    machine.due = seat_due;
    machine.tick = seat_tick;
    machine.event_hash = seat_event_hash;
    machine.pack_bound = seat_pack_bound;
    machine.pack = seat_pack;
    machine.unpack = seat_unpack;
    return machine;
}

/* ---- What a shard says to others ---- */

void sim_seat_send_frame(struct sim_seat *seat, uint8_t to_site_id, const struct link_frame *frame)
{
    struct sim_world *world = seat->world;
    size_t bound = link_wire_bytes_max(frame);
    ASSERT(to_site_id != seat->site->site_id);
    if (bound > world->wire_bytes) {
        world->wire_bytes = 2 * bound;
        world->wire = realloc(world->wire, world->wire_bytes);
        ASSERT(world->wire != NULL);
    }
    size_t bytes = link_wire_encode(world->wire, world->wire_bytes, frame);
    sim_network_send(&world->network, &world->queue, &world->random, seat->site->site_id,
                     to_site_id, sim_world_site(world, to_site_id)->start, world->wire,
                     (uint32_t)bytes);
}

static void seat_send(void *context, uint16_t shard_id, const struct replica_message *message,
                      const uint8_t *segments, size_t segments_bytes)
{
    const struct link_frame frame = {.type = LINK_WIRE_REPLICA,
                                     .shard_id = shard_id,
                                     .replica = {.message = *message,
                                                 .segments = segments,
                                                 .segments_bytes = (uint32_t)segments_bytes}};
    sim_seat_send_frame(seat_of(context), message->to_site_id, &frame);
}

static void seat_fetch(void *context, uint16_t shard_id, const struct replica_position *position,
                       uint8_t site_id)
{
    struct sim_seat *seat = seat_of(context);
    ASSERT(shard_id == seat->shard_id);
    seat->world->fetch(seat, position, site_id);
}

static enum status seat_evidence(void *context, uint16_t shard_id, uint64_t log_index,
                                 const uint8_t *segment_bytes_at, size_t bytes)
{
    struct sim_seat *seat = seat_of(context);
    struct segment segment;
    enum status status = segment_open(&segment, segment_bytes_at, bytes);
    if (status != STATUS_OK || segment.log_index != log_index || segment.shard_id != shard_id) {
        sim_check_fail(&seat->world->check, "site %u keeps evidence that is no segment",
                       seat->site->site_id);
    }
    seat->world->totals.evidence++;
    if (!seat->installing) { /* Then a snapshot stands for it, if it was committed. */
        sim_inspect_dropped(seat, &segment);
    }
    return STATUS_OK;
}

static enum status seat_evidence_end(void *context, uint16_t shard_id)
{
    ASSERT(shard_id == seat_of(context)->shard_id);
    return STATUS_OK;
}

/* ---- Open and close ---- */

void sim_seat_market(struct sim_seat *seat)
{
    struct site_market_listener listener = {.context = seat, .event = seat_event};
    site_market_close(&seat->market);
    enum status status =
        site_market_open(&seat->market, seat->shard_id - 1u, &seat->site->config, &listener);
    ASSERT(status == STATUS_OK);
    seat->diverges = 0;
    sim_check_begin(&seat->world->check, seat->site->site_id, seat->shard_id);
}

enum status sim_seat_open(struct sim_world *world, struct sim_site *site, struct sim_seat *seat,
                          const struct shard_origin *origin)
{
    ASSERT(seat->market.engine != NULL);
    struct shard_options options = {.shard_id = seat->shard_id,
                                    .site_id = site->site_id,
                                    .incarnation = site->incarnation,
                                    .generation = 1,
                                    .cluster_id = SIM_CLUSTER_ID,
                                    .random_seed = random_u64(&world->random),
                                    .queue_records_max = 256,
                                    .segment_records_max = 64,
                                    .segments_in_flight_max = 16,
                                    .uncommitted_age_ns_max = SIM_S,
                                    .election_ns_min = world->plan.election_ns_min,
                                    .election_ns_max = 2 * SIM_S,
                                    .preference_hold_ns = 5 * SIM_S,
                                    .headers_max = 128,
                                    .in_flight_messages_max = 8,
                                    .in_flight_bytes_max = 1u << 20,
                                    .batch_bytes_max = 64u << 10,
                                    .signer = &site->signer,
                                    .verifiers = world->genesis_verifiers,
                                    .verifier_count = world->plan.site_count,
                                    .genesis = world->genesis};
    struct shard_machine machine = seat_machine(seat);
    struct shard_peers peers = {.context = seat,
                                .send = seat_send,
                                .fetch_snapshot = seat_fetch,
                                .evidence = seat_evidence,
                                .evidence_end = seat_evidence_end};
    enum status status =
        shard_create(&seat->shard, &options, &machine, &peers, site->journal, world->codec);
    ASSERT(status == STATUS_OK);
    if (origin != NULL) {
        shard_resume(seat->shard, origin);
    }
    uint64_t log_index;
    seat->recovers = true;
    do {
        status = shard_recover(seat->shard, &log_index);
    } while (status == STATUS_MORE);
    seat->recovers = false;
    seat->status = (struct shard_status){0};
    seat->placement = shard_placement(seat->shard)->placement;
    seat->placed = true;
    return status;
}

void sim_seat_close(struct sim_seat *seat)
{
    ASSERT(seat->world != NULL);
    shard_destroy(seat->shard);
    seat->shard = NULL;
    site_market_close(&seat->market);
    ASSERT(seat->market.engine == NULL);
}
