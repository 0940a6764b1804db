#include "tests/support/event_flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"

void event_flow_create(struct event_flow *flow, uint64_t seed, uint32_t sessions,
                       uint32_t instruments, enum event_flow_clients clients)
{
    ASSERT(sessions > 0);
    ASSERT(instruments > 0);
    memset(flow, 0, sizeof *flow);
    random_seed(&flow->random, seed);
    flow->clients = clients;
    flow->session_count = sessions;
    flow->instrument_count = instruments;
    flow->now_ns = UINT64_C(1764000000000000000);
    flow->sessions = calloc((size_t)sessions + 1, sizeof *flow->sessions);
    flow->mid_prices = calloc((size_t)instruments + 1, sizeof *flow->mid_prices);
    ASSERT(flow->sessions != NULL);
    ASSERT(flow->mid_prices != NULL);
    for (uint32_t id = 1; id <= instruments; id++) {
        flow->mid_prices[id] = 100000 + (int64_t)random_below(&flow->random, 4000000);
    }
}

void event_flow_destroy(struct event_flow *flow)
{
    free(flow->sessions);
    free(flow->mid_prices);
}

static struct event *flow_put(struct event_flow *flow, uint32_t session_id, enum event_type type)
{
    ASSERT(flow->waiting_count < sizeof flow->waiting / sizeof flow->waiting[0]);
    struct event *event = &flow->waiting[flow->waiting_count++];
    *event = (struct event){.type = (uint8_t)type,
                            .session_id = session_id,
                            .sequence = flow->sessions[session_id].sequence_next++,
                            .timestamp_ns = flow->now_ns};
    return event;
}

static void flow_client(struct event_flow *flow, uint32_t reference, uint8_t *id)
{
    memset(id, ' ', CLIENT_ORDER_ID_BYTES);
    if (flow->clients == EVENT_FLOW_COUNTING) {
        char text[CLIENT_ORDER_ID_BYTES + 1];
        int bytes = snprintf(text, sizeof text, "ORD%07u", reference);
        memcpy(id, text, (size_t)bytes);
    } else if (flow->clients == EVENT_FLOW_RANDOM) {
        for (uint32_t index = 0; index < CLIENT_ORDER_ID_BYTES; index++) {
            id[index] =
                (uint8_t) "0123456789ABCDEFGHIJKLMNOPQRSTUV"[random_u64(&flow->random) & 31];
        }
    }
}

static struct event *flow_enter(struct event_flow *flow, uint32_t session_id, bool immediate)
{
    struct event_flow_session *session = &flow->sessions[session_id];
    struct event *event = flow_put(flow, session_id, EVENT_ORDER_ACCEPTED);
    event->state = 'L';
    event->user_reference = session->reference_next++;
    event->instrument_id = 1 + (uint32_t)random_below(&flow->random, flow->instrument_count);
    event->quantity_lots =
        random_below(&flow->random, 2) == 0 ? 100 : 1 + random_below(&flow->random, 500);
    bool buys = random_below(&flow->random, 2) == 0;
    int64_t *mid = &flow->mid_prices[event->instrument_id];
    *mid += (int64_t)random_below(&flow->random, 3) * 100 - 100;
    int64_t away = 100 * (1 + __builtin_ctzll(random_u64(&flow->random) | 4096));
    event->price = *mid + (buys != immediate ? -away : away);
    event->order_id = ++flow->order_id;
    event->side = buys ? SIDE_BUY : SIDE_SELL;
    event->time_in_force = immediate ? TIF_IOC : TIF_DAY;
    event->kind = ORDER_LIMIT;
    event->display = 'Y';
    event->capacity = 'P';
    event->sweep = 'N';
    event->cross = 'N';
    flow_client(flow, event->user_reference, event->client_order_id);
    char symbol[SYMBOL_BYTES + 1];
    (void)snprintf(symbol, sizeof symbol, "S%-7u", event->instrument_id % 10000);
    memcpy(event->symbol, symbol, SYMBOL_BYTES);
    flow->orders++;
    return event;
}

static void flow_keep(struct event_flow_session *session, const struct event *event)
{
    if (session->live_count < EVENT_FLOW_LIVE) {
        session->live[session->live_count++] =
            (struct event_flow_order){.user_reference = event->user_reference,
                                      .instrument_id = event->instrument_id,
                                      .leaves_lots = event->quantity_lots,
                                      .price = event->price};
    }
}

static void flow_cancel(struct event_flow *flow, uint32_t session_id)
{
    struct event_flow_session *session = &flow->sessions[session_id];
    ASSERT(session->live_count > 0);
    uint32_t index = (uint32_t)random_below(&flow->random, session->live_count);
    struct event *event = flow_put(flow, session_id, EVENT_ORDER_CANCELED);
    event->reason = CANCEL_USER;
    event->user_reference = session->live[index].user_reference;
    event->instrument_id = session->live[index].instrument_id;
    event->quantity_lots = session->live[index].leaves_lots;
    session->live[index] = session->live[--session->live_count];
}

static struct event *flow_execute(struct event_flow *flow, uint32_t session_id,
                                  enum liquidity liquidity, const struct event_flow_order *order,
                                  uint64_t lots)
{
    struct event *event = flow_put(flow, session_id, EVENT_ORDER_EXECUTED);
    event->reason = (uint8_t)liquidity;
    event->user_reference = order->user_reference;
    event->instrument_id = order->instrument_id;
    event->quantity_lots = lots;
    event->match_number = flow->match_number;
    event->price = order->price;
    return event;
}

/* An incoming order trades with an order of another session; what is left of it is cancelled. */
static void flow_trade(struct event_flow *flow, uint32_t session_id, uint32_t other_id)
{
    struct event_flow_session *other = &flow->sessions[other_id];
    struct event *entered = flow_enter(flow, session_id, true);
    uint32_t index = (uint32_t)random_below(&flow->random, other->live_count);
    struct event_flow_order *resting = &other->live[index];
    uint64_t lots = entered->quantity_lots < resting->leaves_lots ? entered->quantity_lots
                                                                  : resting->leaves_lots;
    flow->match_number++;
    struct event_flow_order incoming = {.user_reference = entered->user_reference,
                                        .instrument_id = entered->instrument_id,
                                        .price = resting->price};
    (void)flow_execute(flow, session_id, LIQUIDITY_REMOVED, &incoming, lots);
    (void)flow_execute(flow, other_id, LIQUIDITY_ADDED, resting, lots);
    resting->leaves_lots -= lots;
    if (resting->leaves_lots == 0) {
        *resting = other->live[--other->live_count];
    }
    if (lots < entered->quantity_lots) {
        struct event *rest = flow_put(flow, session_id, EVENT_ORDER_CANCELED);
        rest->reason = CANCEL_IMMEDIATE;
        rest->user_reference = entered->user_reference;
        rest->instrument_id = entered->instrument_id;
        rest->quantity_lots = entered->quantity_lots - lots;
    }
}

static void flow_command(struct event_flow *flow, bool generations)
{
    uint32_t session_id = 1 + (uint32_t)random_below(&flow->random, flow->session_count);
    uint32_t other_id = 1 + (uint32_t)random_below(&flow->random, flow->session_count);
    struct event_flow_session *session = &flow->sessions[session_id];
    uint64_t dice = random_below(&flow->random, 100);
    flow->now_ns += 300 + random_below(&flow->random, 1400);
    if (session->sequence_next == 0 || (generations && random_below(&flow->random, 4000) == 0)) {
        memset(session, 0, sizeof *session);
        session->sequence_next = 1;
        session->reference_next = 1;
        flow_put(flow, session_id, EVENT_SYSTEM)->reason = SYSTEM_START;
    } else if (dice < 40 && session->live_count > 0) {
        flow_cancel(flow, session_id);
    } else if (dice < 50 && other_id != session_id && flow->sessions[other_id].live_count > 0) {
        flow_trade(flow, session_id, other_id);
    } else {
        flow_keep(session, flow_enter(flow, session_id, false));
    }
}

void event_flow_next(struct event_flow *flow, bool generations, struct event *event)
{
    if (flow->waiting_count == 0) {
        flow_command(flow, generations);
    }
    ASSERT(flow->waiting_count > 0);
    *event = flow->waiting[0];
    flow->waiting_count--;
    memmove(flow->waiting, flow->waiting + 1, flow->waiting_count * sizeof flow->waiting[0]);
}
