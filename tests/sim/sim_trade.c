#include "tests/sim/sim_trade.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tests/sim/sim_site.h"

#define TRADE_SETUP_NS    (200 * SIM_MS) /* Until a request is repeated. */
#define TRADE_LOGON_NS    (500 * SIM_MS)
#define TRADE_PATIENCE_NS (400 * SIM_MS) /* Without progress: send again. */
#define TRADE_PRICE_MAX   1000000

static void trade_due(struct sim_world *world, uint32_t index, uint64_t wait_ns)
{
    ASSERT(index < world->client_count);
    sim_queue_add(&world->queue, (struct sim_event){.type = SIM_EVENT_CLIENT,
                                                    .index = index,
                                                    .due_ns = world->queue.now_ns + wait_ns});
}

void sim_trade_start(struct sim_world *world)
{
    world->client_count = 0;
    world->connections = 0;
    memset(world->setup_done, 0, sizeof world->setup_done);
    memset(world->setup_due_ns, 0, sizeof world->setup_due_ns);
    for (uint16_t shard_id = 1; shard_id <= world->plan.shard_count; shard_id++) {
        for (uint32_t session = 1; session <= world->plan.client_count; session++) {
            uint32_t index = world->client_count++;
            ASSERT(index < SIM_CLIENTS_MAX);
            uint8_t site_id = (uint8_t)(1 + random_below(&world->random, world->plan.site_count));
            sim_client_init(&world->clients[index], random_u64(&world->random), session, shard_id,
                            site_id);
            trade_due(world, index, 1 + random_below(&world->random, 100 * SIM_MS));
        }
    }
}

/* ---- To the leader ---- */

static bool trade_reaches(const struct sim_world *world, uint8_t from_site_id, uint8_t to_site_id)
{
    const struct sim_site *site = &world->sites[to_site_id - 1];
    return site->state == SIM_SITE_RUNNING && site->paused == 0 &&
           (from_site_id == to_site_id ||
            !world->network.links[from_site_id - 1][to_site_id - 1].cut);
}

/* The site that takes records, as the gateway at `site_id` sees it; 0: none. */
static uint8_t trade_leader(struct sim_world *world, uint8_t site_id, uint16_t shard_id)
{
    const struct sim_seat *home = &world->sites[site_id - 1].seats[shard_id - 1];
    uint8_t hint = home->shard != NULL ? home->status.leader_site_id : 0;
    if (hint != 0 && trade_reaches(world, site_id, hint) &&
        world->sites[hint - 1].seats[shard_id - 1].status.takes) {
        return hint;
    }
    uint32_t first = (uint32_t)random_below(&world->random, world->plan.site_count);
    for (uint32_t at = 0; at < world->plan.site_count; at++) {
        uint8_t other = (uint8_t)(1 + (first + at) % world->plan.site_count);
        if (trade_reaches(world, site_id, other) &&
            world->sites[other - 1].seats[shard_id - 1].status.takes) {
            return other;
        }
    }
    return 0;
}

static bool trade_submit(struct sim_world *world, uint8_t leader, uint16_t shard_id,
                         const struct command *command)
{
    struct sim_site *site = sim_world_site(world, leader);
    ASSERT(site->state == SIM_SITE_RUNNING);
    enum status status = shard_submit(site->seats[shard_id - 1].shard, command,
                                      sim_clock_monotonic_ns(&site->clock, world->queue.now_ns));
    if (status == STATUS_OK) {
        world->totals.commands++;
        sim_site_wake(world, site);
    }
    return status == STATUS_OK;
}

/* ---- The operator makes the market ---- */

static void trade_name(uint8_t *target, size_t bytes, const char *text)
{
    memset(target, ' ', bytes);
    memcpy(target, text, strlen(text) < bytes ? strlen(text) : bytes);
}

static void trade_setup_command(uint32_t request, struct command *command)
{
    *command = (struct command){.input_number = request};
    if (request == 1) {
        struct command_instrument *terms = &command->body.instrument;
        command->type = COMMAND_INSTRUMENT_SET;
        trade_name(terms->symbol, SYMBOL_BYTES, "ABC");
        terms->tick_size = 1;
        terms->price_min = 1;
        terms->price_max = TRADE_PRICE_MAX;
        terms->quantity_lots_max = 1000000;
        terms->price_decimals = 4;
        terms->state = TRADING_OPEN;
    } else if (request == 2) {
        command->type = COMMAND_FIRM_SET;
        trade_name(command->body.firm.name, FIRM_NAME_BYTES, "FRMA");
        command->body.firm.enabled = 1;
    } else {
        struct command_session *terms = &command->body.session;
        char name[SESSION_NAME_BYTES + 1];
        (void)snprintf(name, sizeof name, "S%u", (request - 2) % 1000);
        command->type = COMMAND_SESSION_SET;
        trade_name(terms->name, SESSION_NAME_BYTES, name);
        trade_name(terms->firm, FIRM_NAME_BYTES, "FRMA");
        terms->open_orders_max = 64;
        terms->maximum_age_ns = request % 2 == 0 ? 0 : 2 * SIM_S;
    }
}

/* True: it is made. */
static bool trade_setup(struct sim_world *world, const struct sim_client *client)
{
    uint32_t at = client->shard_id - 1u;
    uint32_t requests = 2 + world->plan.client_count;
    if (world->setup_done[at] >= requests) {
        return true;
    }
    uint8_t leader = trade_leader(world, client->site_id, client->shard_id);
    if (leader == 0 || world->queue.now_ns < world->setup_due_ns[at]) {
        return false;
    }
    world->setup_due_ns[at] = world->queue.now_ns + TRADE_SETUP_NS;
    for (uint32_t request = world->setup_done[at] + 1; request <= requests; request++) {
        struct command command;
        trade_setup_command(request, &command);
        if (!trade_submit(world, leader, client->shard_id, &command)) {
            return false;
        }
    }
    return false;
}

/* ---- Clients ---- */

static void trade_logon(struct sim_world *world, struct sim_client *client)
{
    uint8_t leader = trade_leader(world, client->site_id, client->shard_id);
    if (leader == 0 || world->queue.now_ns < client->logon_due_ns) {
        return;
    }
    struct command command;
    sim_client_logon(client, ++world->connections, &command);
    client->logon_due_ns = world->queue.now_ns + TRADE_LOGON_NS;
    (void)trade_submit(world, leader, client->shard_id, &command);
}

static void trade_send(struct sim_world *world, struct sim_client *client, struct sim_lane *lane,
                       uint8_t leader)
{
    while (lane->submitted < lane->count) {
        const struct sim_pending *pending = sim_client_pending(lane, lane->submitted);
        struct command command = pending->command;
        command.waited_ms = (uint32_t)((world->queue.now_ns - pending->made_ns) / SIM_MS);
        if (!trade_submit(world, leader, client->shard_id, &command)) {
            return;
        }
        lane->submitted++;
    }
}

static void trade_orders(struct sim_world *world, struct sim_client *client)
{
    struct sim_seat *home = &world->sites[client->site_id - 1].seats[client->shard_id - 1];
    struct engine_session view;
    if (engine_session_view(home->market.engine, client->session_id, &view) == STATUS_OK) {
        uint64_t before = client->taken;
        sim_client_progress(client, view.epoch, view.input_number_next, world->queue.now_ns);
        world->totals.acknowledged += client->taken - before;
    }
    if (!world->healing) {
        uint32_t burst = 1 + (uint32_t)random_below(&world->random, world->plan.burst_max);
        sim_client_trade(client, burst, world->queue.now_ns,
                         sim_clock_true_ns(world->queue.now_ns));
    }
    uint8_t leader = trade_leader(world, client->site_id, client->shard_id);
    if (leader == 0) {
        return;
    }
    uint64_t term = world->sites[leader - 1].seats[client->shard_id - 1].status.term;
    if (leader != client->submitted_site_id || term != client->submitted_term ||
        client->progress_ns + TRADE_PATIENCE_NS < world->queue.now_ns) {
        client->lane.submitted = 0;
        client->submitted_site_id = leader;
        client->submitted_term = term;
        client->progress_ns = world->queue.now_ns;
    }
    trade_send(world, client, &client->lane, leader);
}

void sim_trade_client(struct sim_world *world, uint32_t index)
{
    struct sim_client *client = &world->clients[index];
    const struct sim_site *site = sim_world_site(world, client->site_id);
    uint64_t think_ns = world->plan.think_ns;
    /* Who is not logged on does not think: it looks for a site that takes it. */
    think_ns = client->attached || think_ns < TRADE_LOGON_NS ? think_ns : TRADE_LOGON_NS;
    trade_due(world, index, think_ns / 2 + random_below(&world->random, think_ns));
    if (site->state != SIM_SITE_RUNNING) {
        if (random_below(&world->random, 4) == 0) {
            sim_trade_move(world, client, false);
        }
        return;
    }
    if (site->paused > 0 || !trade_setup(world, client)) {
        return;
    }
    if (client->ghost.count > 0) {
        uint8_t leader = trade_leader(world, client->site_id, client->shard_id);
        if (leader != 0) {
            trade_send(world, client, &client->ghost, leader);
            client->ghost.count = 0;
        }
    }
    if (client->attached) {
        trade_orders(world, client);
    } else {
        trade_logon(world, client);
    }
}

void sim_trade_event(struct sim_world *world, struct sim_seat *seat, const struct event *event)
{
    if (event->type == EVENT_ADMINISTRATION) {
        uint32_t *done = &world->setup_done[seat->shard_id - 1];
        uint32_t request = (uint32_t)event->match_number;
        if (request > *done) {
            const struct sim_check *check = &world->check;
            *done = request;
            world->setup_sequence[seat->shard_id - 1][request] =
                check->seats[seat->site->site_id - 1][seat->shard_id - 1].applied;
        }
        return;
    }
    if (event->type != EVENT_SESSION_LOGON && event->type != EVENT_SESSION_LOGOFF) {
        return;
    }
    uint32_t index = (seat->shard_id - 1u) * world->plan.client_count + event->session_id - 1;
    ASSERT(index < world->client_count);
    struct sim_client *client = &world->clients[index];
    ASSERT(client->session_id == event->session_id);
    if (client->site_id != seat->site->site_id) {
        return;
    }
    if (event->type == EVENT_SESSION_LOGON) {
        sim_client_attached(client, event->match_number, event->user_reference);
    } else if (client->attached) {
        sim_client_detached(client, event->user_reference);
    }
}

void sim_trade_lost(struct sim_world *world, uint8_t site_id)
{
    ASSERT(site_id >= 1 && site_id <= SITES_MAX);
    for (uint32_t at = 0; at < world->client_count; at++) {
        if (world->clients[at].site_id == site_id) {
            sim_client_move(&world->clients[at], site_id, false);
        }
    }
}

void sim_trade_cut(struct sim_world *world, uint16_t shard_id, uint64_t command_sequence)
{
    const struct sim_check_shard *shard = &world->check.shards[shard_id - 1];
    uint32_t *done = &world->setup_done[shard_id - 1];
    while (*done > 0 && world->setup_sequence[shard_id - 1][*done] > command_sequence) {
        (*done)--;
    }
    for (uint32_t at = 0; at < world->client_count; at++) {
        struct sim_client *client = &world->clients[at];
        uint32_t answered = shard->answered[client->session_id];
        if (client->shard_id != shard_id) {
            continue;
        }
        if (!client->attached) {
            sim_client_forget(client, answered);
        } else if (client->taken_reference > answered) {
            sim_check_fail(&world->check,
                           "the repair of shard %u lost order %u of session %u, which site %u "
                           "knows and survives",
                           shard_id, client->taken_reference, client->session_id, client->site_id);
        }
    }
}

void sim_trade_move(struct sim_world *world, struct sim_client *client, bool ghost)
{
    ASSERT(world->plan.site_count > 0);
    uint8_t site_id = (uint8_t)(1 + random_below(&world->random, world->plan.site_count));
    sim_client_move(client, site_id, ghost);
}

void sim_trade_resend(struct sim_client *client)
{
    client->lane.submitted = 0;
    ASSERT(client->session_id > 0);
}

bool sim_trade_settled(const struct sim_world *world)
{
    for (uint32_t at = 0; at < world->client_count; at++) {
        if (!world->clients[at].attached || world->clients[at].lane.count > 0) {
            return false;
        }
    }
    return true;
}

void sim_trade_end(struct sim_world *world)
{
    for (uint32_t at = 0; at < world->client_count; at++) {
        const struct sim_client *client = &world->clients[at];
        const struct sim_check_shard *shard = &world->check.shards[client->shard_id - 1];
        if (!client->attached || client->lane.count > 0) {
            sim_check_fail(&world->check,
                           "long after the last fault session %u of shard %u, at site %u, %s",
                           client->session_id, client->shard_id, client->site_id,
                           client->attached ? "does not know what became of its orders"
                                            : "is not logged on");
        }
        if (shard->answered[client->session_id] < client->taken_reference) {
            sim_check_fail(&world->check, "order %u of session %u was taken and has no outcome",
                           client->taken_reference, client->session_id);
        }
    }
}
