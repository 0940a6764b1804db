#include "tests/sim/sim_site.h"

#include "matching/base/assertion.h"
#include "replication/link_wire.h"
#include "tests/sim/sim_inspect.h"
#include "tests/sim/sim_shelf.h"
#include "tests/sim/sim_site_inside.h"
#include "tests/support/io_memory.h"
#include "tests/support/store_memory.h"

#define SITE_COMPLETIONS 16u
#define SITE_TURNS_MAX   1000u
#define SITE_STORE_NS    (10 * SIM_MS)
#define SITE_DOWN_NS     (300 * SIM_MS)

static void site_schedule(struct sim_world *world, struct sim_site *site, uint64_t due_ns)
{
    ASSERT(site->state == SIM_SITE_RUNNING);
    uint64_t now_ns = world->queue.now_ns;
    due_ns = due_ns > now_ns ? due_ns : now_ns;
    if (due_ns < site->turn_due_ns) {
        site->turn_due_ns = due_ns;
        sim_queue_add(&world->queue, (struct sim_event){.type = SIM_EVENT_TURN,
                                                        .site_id = site->site_id,
                                                        .stamp = site->start,
                                                        .due_ns = due_ns});
    }
}

void sim_site_wake(struct sim_world *world, struct sim_site *site)
{
    if (site->state == SIM_SITE_RUNNING) {
        site_schedule(world, site, world->queue.now_ns + site->slow_ns);
    }
}

void sim_site_submit(struct sim_world *world, struct sim_site *site)
{
    uint64_t now_ns = world->queue.now_ns;
    for (; site->writes_seen < io_memory_pending(site->io); site->writes_seen++) {
        const struct io_memory_write *write = io_memory_write(site->io, site->writes_seen);
        sim_ledger_writing(&site->ledger, write->data);
        sim_disk_writes(&site->disk, write->offset + write->bytes);
        sim_queue_add(&world->queue,
                      (struct sim_event){.type = SIM_EVENT_DISK,
                                         .site_id = site->site_id,
                                         .stamp = site->start,
                                         .index = write->handle,
                                         .due_ns =
                                             sim_disk_due_ns(&site->disk, &world->random, now_ns)});
    }
    if (!site->store_busy && store_memory_waiting(site->store) > 0) {
        site->store_busy = true;
        uint64_t due_ns = now_ns + SITE_STORE_NS / 2 + random_below(&world->random, SITE_STORE_NS);
        sim_queue_add(&world->queue, (struct sim_event){.type = SIM_EVENT_STORE,
                                                        .site_id = site->site_id,
                                                        .stamp = site->start,
                                                        .due_ns = due_ns + site->store_slow_ns});
    }
}

/* A loop that is due again and again without time passing would burn a processor for ever. */
static void site_count_turns(struct sim_world *world, struct sim_site *site)
{
    site->turns = site->turns_at_ns == world->queue.now_ns ? site->turns + 1 : 0;
    site->turns_at_ns = world->queue.now_ns;
    if (site->turns > SITE_TURNS_MAX) {
        sim_check_fail(&world->check, "site %u spins: its loop is always due", site->site_id);
    }
}

/* Who has been fenced in this turn begins again before the next one. */
static enum status site_fenced(struct sim_world *world, struct sim_seat *seat)
{
    return shard_fenced(seat->shard) && !seat->status.fenced ? sim_shelf_rebuild(world, seat)
                                                             : STATUS_OK;
}

static enum status site_run(struct sim_world *world, struct sim_site *site, uint64_t now_ns,
                            uint64_t wall_ns)
{
    struct io_completion completions[SITE_COMPLETIONS];
    uint32_t count = io_poll(site->io, completions, SITE_COMPLETIONS, 0);
    enum status status = STATUS_OK;
    for (uint32_t at = 0; at < count; at++) { /* Also behind an error: its end waits for all. */
        enum status completed = journal_complete(site->journal, &completions[at]);
        status = status == STATUS_OK ? completed : status;
    }
    if (status == STATUS_OK) {
        status = journal_poll(site->journal);
    }
    for (uint32_t at = 0; at < world->plan.shard_count && status == STATUS_OK; at++) {
        status = sim_shelf_turn(world, &site->seats[at]);
        if (status == STATUS_OK) {
            status = shard_step(site->seats[at].shard, now_ns, wall_ns);
        }
        if (status == STATUS_OK) {
            status = site_fenced(world, &site->seats[at]);
        }
        if (status == STATUS_OK) {
            sim_shelf_take(world, &site->seats[at]);
        }
    }
    return status;
}

void sim_site_turn(struct sim_world *world, struct sim_site *site, uint64_t start, uint64_t due_ns)
{
    if (site->state != SIM_SITE_RUNNING || site->start != start || site->turn_due_ns != due_ns) {
        return;
    }
    if (site->paused > 0) { /* Whoever ends the pause wakes it. */
        site->turn_due_ns = UINT64_MAX;
        return;
    }
    site->turn_due_ns = UINT64_MAX;
    site_count_turns(world, site);
    uint64_t now_ns = sim_clock_monotonic_ns(&site->clock, world->queue.now_ns);
    uint64_t wall_ns = sim_clock_wall_ns(&site->clock, world->queue.now_ns);
    enum status status = site_run(world, site, now_ns, wall_ns);
    sim_inspect_site(world, site);
    if (site->ledger.violation != NULL) {
        sim_check_fail(&world->check, "site %u: %s", site->site_id, site->ledger.violation);
    }
    if (status != STATUS_OK) {
        sim_site_ended(world, site, status, "in its loop");
        return;
    }
    sim_site_submit(world, site);
    if (site->dies) {
        sim_site_end(world, site, SIM_SITE_POWER);
        world->lost(world, site->site_id);
        site->restart_due_ns = world->queue.now_ns + SITE_DOWN_NS;
        return;
    }
    uint64_t next_ns = UINT64_MAX;
    for (uint32_t at = 0; at < world->plan.shard_count; at++) {
        uint64_t shard_ns = shard_due_ns(site->seats[at].shard, now_ns);
        shard_ns = sim_shelf_waits(&site->seats[at].shelf) ? now_ns : shard_ns;
        next_ns = shard_ns < next_ns ? shard_ns : next_ns;
    }
    if (next_ns != UINT64_MAX) {
        uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
        site_schedule(world, site, world->queue.now_ns + wait_ns + site->slow_ns);
    }
}

void sim_site_disk(struct sim_world *world, struct sim_site *site, uint64_t start, uint32_t handle)
{
    if (site->state != SIM_SITE_RUNNING || site->start != start) {
        return;
    }
    uint32_t bytes;
    const uint8_t *data = sim_disk_writing(site->io, handle, &bytes);
    ASSERT(data != NULL);
    if (site->disk.stuck_until_ns > world->queue.now_ns) {
        sim_queue_add(&world->queue, (struct sim_event){.type = SIM_EVENT_DISK,
                                                        .site_id = site->site_id,
                                                        .stamp = start,
                                                        .index = handle,
                                                        .due_ns = site->disk.stuck_until_ns});
        return;
    }
    struct wal_frame frame;
    wal_frame_fields(&frame, data);
    if (site->disk.error == 0) {
        sim_ledger_written(&site->ledger, data);
    }
    enum sim_disk_outcome outcome = sim_disk_finish(&site->disk, site->io, handle, &world->random);
    ASSERT(site->writes_seen > 0);
    site->writes_seen--;
    if (outcome == SIM_DISK_MISDIRECTED) {
        site->fragile = true;
        site->fragile_number = frame.number + 4;
        site->excuses |= SIM_EXCUSE_DAMAGE;
    }
    if (site->fragile && site->ledger.next_number > site->fragile_number) {
        site->fragile = false;
    }
    sim_site_wake(world, site);
}

void sim_site_store(struct sim_world *world, struct sim_site *site, uint64_t start)
{
    if (site->state != SIM_SITE_RUNNING || site->start != start) {
        return;
    }
    ASSERT(site->store_busy);
    uint64_t wakes = io_memory_wakes(site->io);
    site->store_busy = false;
    (void)store_memory_advance(site->store, UINT32_MAX);
    if (io_memory_wakes(site->io) != wakes) {
        sim_site_wake(world, site);
    }
}

void sim_site_snapshot(struct sim_world *world, struct sim_site *site, uint64_t start,
                       uint32_t index)
{
    if (site->state == SIM_SITE_RUNNING && site->start == start) {
        sim_shelf_durable(world, site, index);
        sim_site_wake(world, site);
    }
}

void sim_site_frame(struct sim_world *world, const struct sim_event *event)
{
    const struct sim_frame *frame;
    struct sim_site *site = sim_world_site(world, event->site_id);
    bool arrives = sim_network_arrive(&world->network, event->index, &frame);
    if (site->paused > 0 && arrives && site->paused_until_ns > world->queue.now_ns) {
        struct sim_event later = *event; /* The system keeps it until the process asks. */
        later.due_ns = site->paused_until_ns;
        sim_queue_add(&world->queue, later);
        return;
    }
    struct link_frame decoded;
    enum status status = link_wire_decode(&decoded, frame->bytes, frame->size);
    /* A changed frame breaks the connection, as TLS sees to it; what it says must do no harm to the
     * decoder all the same. */
    bool whole = status == STATUS_OK && !frame->corrupted;
    if (!frame->corrupted && status != STATUS_OK) {
        sim_check_fail(&world->check, "a frame of site %u cannot be read: %s", frame->from_site_id,
                       status_text(status));
    }
    if (arrives && whole && site->state == SIM_SITE_RUNNING && site->start == frame->to_start) {
        struct sim_seat *seat = &site->seats[decoded.shard_id - 1];
        if (decoded.type == LINK_WIRE_REPLICA) {
            shard_receive(seat->shard, &decoded.replica.message, decoded.replica.segments,
                          decoded.replica.segments_bytes,
                          sim_clock_monotonic_ns(&site->clock, world->queue.now_ns),
                          sim_clock_wall_ns(&site->clock, world->queue.now_ns));
        } else {
            sim_shelf_frame(world, seat, frame->from_site_id, &decoded);
        }
        sim_site_wake(world, site);
    }
    sim_network_done(&world->network, event->index);
}
