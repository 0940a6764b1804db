#include "tests/sim/sim_client.h"

#include <string.h>

#include "matching/base/assertion.h"

#define CLIENT_MS     UINT64_C(1000000)
#define CLIENT_MIDDLE 1000 /* Of the prices, in ticks. */

void sim_client_init(struct sim_client *client, uint64_t seed, uint32_t session_id,
                     uint16_t shard_id, uint8_t site_id)
{
    ASSERT(session_id > 0);
    *client =
        (struct sim_client){.session_id = session_id, .shard_id = shard_id, .site_id = site_id};
    random_seed(&client->random, seed);
}

struct sim_pending *sim_client_pending(struct sim_lane *lane, uint32_t index)
{
    ASSERT(index < lane->count);
    return &lane->pending[(lane->first + index) % SIM_CLIENT_PENDING_MAX];
}

void sim_client_logon(struct sim_client *client, uint64_t connection_id, struct command *command)
{
    ASSERT(connection_id > 0);
    client->attached = false;
    client->connection_id = connection_id;
    *command = (struct command){.type = COMMAND_SESSION_LOGON,
                                .session_id = client->session_id,
                                .site_id = client->site_id,
                                .body.logon.connection_id = connection_id};
}

/* Give a command its place in the present epoch. */
static void client_number(struct sim_client *client, struct command *command)
{
    command->epoch = client->lane.epoch;
    command->input_number = ++client->lane.input_number;
    command->site_id = client->site_id;
}

void sim_client_attached(struct sim_client *client, uint64_t connection_id, uint32_t epoch)
{
    if (client->attached || connection_id != client->connection_id) {
        return;
    }
    ASSERT(epoch > client->lane.epoch);
    client->attached = true;
    client->lane.epoch = epoch;
    client->lane.input_number = 0;
    client->lane.submitted = 0;
    for (uint32_t at = 0; at < client->lane.count; at++) {
        client_number(client, &sim_client_pending(&client->lane, at)->command);
    }
}

void sim_client_detached(struct sim_client *client, uint32_t epoch)
{
    if (epoch == client->lane.epoch) {
        client->attached = false;
        client->connection_id = 0;
        client->logon_due_ns = 0;
    }
}

void sim_client_move(struct sim_client *client, uint8_t site_id, bool ghost)
{
    ASSERT(site_id > 0);
    if (ghost && client->attached) {
        client->ghost = client->lane;
        client->ghost.submitted = 0;
    }
    client->site_id = site_id;
    client->attached = false;
    client->connection_id = 0;
    client->logon_due_ns = 0;
}

static void client_enter(struct sim_client *client, struct command *command, uint64_t true_utc_ns)
{
    struct command_order *order = &command->body.order;
    bool buys = random_below(&client->random, 2) == 0;
    bool passive = random_below(&client->random, 3) > 0;
    int64_t distance = (int64_t)random_below(&client->random, 20);
    distance = passive ? distance + 1 : -distance;
    command->type = COMMAND_ORDER_ENTER;
    memcpy(order->symbol, "ABC     ", SYMBOL_BYTES);
    memset(order->client_order_id, ' ', CLIENT_ORDER_ID_BYTES);
    order->side = buys ? SIDE_BUY : SIDE_SELL;
    order->kind = ORDER_LIMIT;
    order->time_in_force = passive ? TIF_DAY : TIF_IOC;
    order->display = 'Y';
    order->capacity = 'O';
    order->sweep = 'N';
    order->cross = 'N';
    order->quantity_lots = 1 + random_below(&client->random, 100);
    order->price = CLIENT_MIDDLE + (buys ? -distance : distance);
    order->user_reference = ++client->reference;
    if (random_below(&client->random, 4) == 0) {
        command->flags = COMMAND_HAS_DEADLINE;
        order->deadline_ns = true_utc_ns + (1 + random_below(&client->random, 2000)) * CLIENT_MS;
    } else if (random_below(&client->random, 4) == 0) {
        order->maximum_age_ns = (1 + random_below(&client->random, 1000)) * CLIENT_MS;
    }
    if (passive) {
        uint32_t at = client->live_count < SIM_CLIENT_LIVE_MAX
                          ? client->live_count++
                          : (uint32_t)random_below(&client->random, SIM_CLIENT_LIVE_MAX);
        client->live[at] = order->user_reference;
    }
}

static void client_change(struct sim_client *client, struct command *command, uint32_t reference)
{
    if (random_below(&client->random, 3) > 0) {
        command->type = COMMAND_ORDER_CANCEL;
        command->body.cancel.user_reference = reference;
        return;
    }
    struct command_order *order = &command->body.order;
    command->type = COMMAND_ORDER_REPLACE;
    order->time_in_force = TIF_DAY;
    order->kind = ORDER_LIMIT;
    order->original_user_reference = reference;
    order->user_reference = ++client->reference;
    order->quantity_lots = 1 + random_below(&client->random, 100);
    order->price = CLIENT_MIDDLE + (int64_t)random_below(&client->random, 40) - 20;
}

void sim_client_trade(struct sim_client *client, uint32_t count, uint64_t now_ns,
                      uint64_t true_utc_ns)
{
    struct sim_lane *lane = &client->lane;
    for (; count > 0 && lane->count < SIM_CLIENT_PENDING_MAX; count--) {
        lane->count++;
        struct sim_pending *pending = sim_client_pending(lane, lane->count - 1);
        *pending =
            (struct sim_pending){.made_ns = now_ns, .command.session_id = client->session_id};
        if (client->live_count > 0 && random_below(&client->random, 3) == 0) {
            uint32_t at = (uint32_t)random_below(&client->random, client->live_count);
            client_change(client, &pending->command, client->live[at]);
            client->live[at] = client->live[--client->live_count];
        } else {
            client_enter(client, &pending->command, true_utc_ns);
        }
        client_number(client, &pending->command);
    }
}

void sim_client_progress(struct sim_client *client, uint32_t epoch, uint64_t input_number_next,
                         uint64_t now_ns)
{
    struct sim_lane *lane = &client->lane;
    if (!client->attached || epoch != lane->epoch) {
        return;
    }
    while (lane->count > 0 &&
           sim_client_pending(lane, 0)->command.input_number < input_number_next) {
        const struct command *command = &sim_client_pending(lane, 0)->command;
        if (command->type == COMMAND_ORDER_ENTER) {
            client->taken_reference = command->body.order.user_reference;
        }
        lane->first = (lane->first + 1) % SIM_CLIENT_PENDING_MAX;
        lane->count--;
        lane->submitted -= lane->submitted > 0;
        client->taken++;
        client->progress_ns = now_ns;
    }
}

void sim_client_forget(struct sim_client *client, uint32_t answered)
{
    ASSERT(!client->attached);
    if (client->taken_reference > answered) {
        client->taken_reference = answered;
    }
    client->lane.epoch = 0;
    client->ghost.count = 0;
    client->connection_id = 0;
    client->logon_due_ns = 0;
}
