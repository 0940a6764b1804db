#include "tests/support/command_flow.h"

#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"

#define TICK 100 /* A cent in units of 10^-4, as on the exchange's wire. */

void command_flow_init(struct command_flow *flow, const struct command_flow_options *options)
{
    ASSERT(options->sessions >= 1 && options->sessions <= COMMAND_FLOW_SESSIONS_MAX);
    ASSERT(options->symbols >= 1 && options->symbols <= COMMAND_FLOW_SYMBOLS_MAX);
    *flow =
        (struct command_flow){.options = *options, .timestamp_ns = UINT64_C(1340285400000000000)};
    random_seed(&flow->random, options->seed);
    for (uint32_t symbol = 0; symbol < options->symbols; symbol++) {
        flow->middle_ticks[symbol] = 2000 + (int64_t)random_below(&flow->random, 60000);
    }
}

static void flow_session(struct command_flow *flow)
{
    uint32_t sessions = flow->options.sessions;
    switch (flow->options.order) {
    case COMMAND_FLOW_ANY:
        flow->session_id = 1 + (uint32_t)random_below(&flow->random, sessions);
        return;
    case COMMAND_FLOW_TURNS:
        flow->session_id = flow->session_id % sessions + 1;
        return;
    case COMMAND_FLOW_RUNS:
        if (flow->commands % 8 == 0) {
            flow->session_id = 1 + (uint32_t)random_below(&flow->random, sessions);
        }
        return;
    }
    ASSERT(false);
}

static uint32_t flow_geometric(struct command_flow *flow, uint32_t percent)
{
    uint32_t value = 0;
    while (value < 1000 && random_below(&flow->random, 100) >= percent) {
        value++;
    }
    return value;
}

static void flow_id(struct command_flow *flow, struct command_order *order)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    memset(order->client_order_id, ' ', CLIENT_ORDER_ID_BYTES);
    if (flow->options.ids == COMMAND_FLOW_COUNTING) {
        char text[32];
        int length = snprintf(text, sizeof text, "C%010u", order->user_reference);
        memcpy(order->client_order_id, text, (size_t)length);
    } else if (flow->options.ids == COMMAND_FLOW_RANDOM) {
        for (uint32_t at = 0; at < CLIENT_ORDER_ID_BYTES; at++) {
            order->client_order_id[at] =
                (uint8_t)letters[random_below(&flow->random, sizeof letters - 1)];
        }
    }
}

static void flow_order(struct command_flow *flow, struct command_flow_session *session,
                       struct command *command, bool crossing)
{
    struct command_order *order = &command->body.order;
    uint32_t symbol = (uint32_t)random_below(&flow->random, flow->options.symbols);
    char text[SYMBOL_BYTES + 1];
    (void)snprintf(text, sizeof text, "S%03u    ", symbol);
    memcpy(order->symbol, text, SYMBOL_BYTES);
    command->type = COMMAND_ORDER_ENTER;
    bool buys = random_below(&flow->random, 2) == 0;
    int64_t *middle = &flow->middle_ticks[symbol];
    *middle +=
        random_below(&flow->random, 16) == 0 ? (int64_t)random_below(&flow->random, 3) - 1 : 0;
    int64_t distance = crossing ? -2 : 1 + (int64_t)flow_geometric(flow, 20);
    order->price = (*middle + (buys ? -distance : distance)) * TICK;
    order->side = buys ? SIDE_BUY : SIDE_SELL;
    order->time_in_force = crossing ? TIF_IOC : TIF_DAY;
    order->kind = ORDER_LIMIT;
    order->display = 'Y';
    order->capacity = 'O';
    order->sweep = 'N';
    order->cross = 'N';
    order->quantity_lots = random_below(&flow->random, 10) == 0
                               ? 1 + random_below(&flow->random, 99)
                               : 100 * (1 + flow_geometric(flow, 60));
    order->user_reference = ++session->user_reference;
    flow_id(flow, order);
    if (!crossing) {
        uint32_t at = session->live_count;
        if (at == COMMAND_FLOW_LIVE_MAX) { /* The oldest trades and is forgotten. */
            memmove(session->live, session->live + 1, (at - 1) * sizeof session->live[0]);
            at--;
        } else {
            session->live_count++;
        }
        session->live[at] = order->user_reference;
    }
}

static void flow_cancel(struct command_flow *flow, struct command_flow_session *session,
                        struct command *command)
{
    uint32_t at = (uint32_t)random_below(&flow->random, session->live_count);
    command->type = COMMAND_ORDER_CANCEL;
    command->body.cancel.user_reference = session->live[at];
    session->live_count--;
    memmove(session->live + at, session->live + at + 1,
            (session->live_count - at) * sizeof session->live[0]);
}

void command_flow_next(struct command_flow *flow, struct command *command)
{
    flow_session(flow);
    struct command_flow_session *session = &flow->sessions[flow->session_id - 1];
    *command = (struct command){.timestamp_ns = flow->timestamp_ns,
                                .input_number = ++session->input_number,
                                .session_id = flow->session_id,
                                .epoch = 1,
                                .site_id = 1};
    uint64_t draw = random_below(&flow->random, 10);
    if (draw < 4 && session->live_count > 0) {
        flow_cancel(flow, session, command);
    } else {
        flow_order(flow, session, command, draw == 9);
    }
    flow->commands++;
}
