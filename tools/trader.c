#include "tools/trader.h"

#include <stdlib.h>
#include <time.h>

#include "matching/base/assertion.h"
#include "tools/trader_inside.h"

#define TRADER_NS_A_S     UINT64_C(1000000000)
#define TRADER_CONNECT_NS UINT64_C(50000000)
#define TRADER_STUCK_NS   UINT64_C(20000000) /* Without an answer: ask what is passed over. */
#define TRADER_SENDS_MAX  256u               /* A step: then events are looked at. */
#define TRADER_DEADLINES  16u                /* Steps of the time that orders have. */
#define TRADER_RATE_MAX   UINT64_C(1000000000)

enum status trader_create(struct trader **trader, const struct trader_options *options)
{
    ASSERT((options->flow != NULL) != (options->actions != NULL));
    ASSERT(options->compare == NULL || options->actions != NULL);
    ASSERT(options->rate <= TRADER_RATE_MAX);
    ASSERT(options->window > 0);
    struct trader *made = calloc(1, sizeof *made);
    *trader = made;
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->options = *options;
    made->session_count = ouch_client_session_count(options->client);
    made->sessions = calloc(made->session_count, sizeof *made->sessions);
    for (uint32_t i = 0; made->sessions != NULL && i < made->session_count; i++) {
        made->sessions[i].endpoint = options->endpoint_count > 0 ? i % options->endpoint_count : 0;
    }
    struct order_desk_options desk = {.session_count = made->session_count,
                                      .instrument_count = options->instrument_count,
                                      .symbols = options->symbols,
                                      .orders_max = options->orders_max,
                                      .client_id = options->client_id,
                                      .seed = options->seed};
    if (made->sessions == NULL || order_desk_create(&made->desk, &desk) != STATUS_OK) {
        trader_destroy(made);
        *trader = NULL;
        return STATUS_FULL;
    }
    return STATUS_OK;
}

void trader_destroy(struct trader *trader)
{
    if (trader != NULL) {
        order_desk_destroy(trader->desk);
        free(trader->sessions);
        free(trader);
    }
}

void trader_connect(struct trader *trader)
{
    struct ouch_client *client = trader->options.client;
    uint64_t now_ns = ouch_client_now_ns(client);
    for (uint32_t i = 0; i < trader->session_count; i++) {
        struct trader_session *session = &trader->sessions[i];
        const struct ouch_session *view = ouch_client_session(client, i);
        if (view->state != OUCH_SESSION_IDLE || now_ns < session->connect_next_ns) {
            continue;
        }
        session->connect_next_ns = now_ns + TRADER_CONNECT_NS;
        if (trader->options.endpoint_count > 0) {
            ouch_client_endpoint_set(client, i, trader->options.endpoints[session->endpoint]);
        }
        bool first = view->generation == 0;
        uint64_t sequence =
            first && !trader->options.from_first ? 0 : ouch_client_sequence_next(client, i);
        enum status status = ouch_client_connect(client, i, sequence);
        (void)status; /* In use: its end is still to be told. Otherwise: tried again. */
    }
}

void trader_move(struct trader *trader, uint32_t session)
{
    ASSERT(session < trader->session_count);
    struct trader_session *one = &trader->sessions[session];
    if (trader->options.endpoint_count > 1 && one->active && !one->moving) {
        one->moving = true;
        trader->counts.moves++;
        ouch_client_disconnect(trader->options.client, session);
    }
}

uint32_t trader_endpoint(const struct trader *trader, uint32_t session)
{
    ASSERT(session < trader->session_count);
    return trader->sessions[session].endpoint;
}

/* Whoever gets no answer for too long looks elsewhere. */
static void trader_move_on(struct trader *trader, uint64_t now_ns)
{
    uint64_t limit_ns = trader->options.move_after_ns;
    for (uint32_t i = 0; i < trader->session_count && limit_ns > 0; i++) {
        struct trader_session *session = &trader->sessions[i];
        if (ouch_client_pending(trader->options.client, i) == 0) {
            session->answered_ns = now_ns;
        } else if (session->active && now_ns > session->answered_ns + limit_ns) {
            session->answered_ns = now_ns;
            trader_move(trader, i);
        }
    }
}

bool trader_ready(const struct trader *trader)
{
    ASSERT(trader->active_count <= trader->session_count);
    return trader->active_count == trader->session_count &&
           trader->known_count == trader->session_count;
}

void trader_start(struct trader *trader)
{
    ASSERT(!trader->sending);
    trader->sending = true;
    trader->start_ns = ouch_client_now_ns(trader->options.client);
    trader->action_next = 0;
}

void trader_stop(struct trader *trader)
{
    trader->sending = false;
}

bool trader_exhausted(const struct trader *trader)
{
    return trader->options.actions != NULL && !trader->held &&
           trader->action_next == trader->options.action_count;
}

bool trader_settled(const struct trader *trader)
{
    for (uint32_t i = 0; i < trader->session_count; i++) {
        if (ouch_client_pending(trader->options.client, i) > 0) {
            return false;
        }
    }
    return true;
}

/* When the next action is due. */
static uint64_t trader_due_ns(const struct trader *trader, uint64_t now_ns)
{
    uint64_t rate = trader->options.rate;
    if (rate == 0) {
        return now_ns;
    }
    uint64_t number = trader->action_next;
    return trader->start_ns + number / rate * TRADER_NS_A_S + number % rate * TRADER_NS_A_S / rate;
}

/* Whose a recorded order is: any rule will do that spreads them. */
static uint32_t trader_session_of(const struct trader *trader, const struct market_action *action)
{
    return trader->options.flow != NULL ? action->session
                                        : (uint32_t)(action->order_id % trader->session_count);
}

/* The next action of the source that makes a command, into trader->command. False: none is left.
 */
static bool trader_next(struct trader *trader, uint64_t due_ns)
{
    const struct trader_options *options = &trader->options;
    ASSERT(!trader->held);
    while (options->actions == NULL || trader->action_next < options->action_count) {
        struct market_action action;
        if (options->flow != NULL) {
            flow_next(options->flow, &action);
        } else {
            action = options->actions[trader->action_next];
        }
        trader->action_next++;
        trader->held_session = trader_session_of(trader, &action);
        trader->held_due_ns = due_ns;
        trader->held_order_id = action.order_id;
        if (order_desk_command(trader->desk, &action, &trader->held_session, &trader->command) ==
            STATUS_OK) {
            trader->held = true;
            return true;
        }
        trader->counts.skipped++;
        if (options->flow != NULL) {
            flow_gone(options->flow, action.order_id);
            return false; /* Its place in time is used up. */
        }
    }
    return false;
}

/* Whether the command made may go out now. Recorded actions keep one order over all sessions: the
 * others must have nothing unanswered. */
static bool trader_may_send(const struct trader *trader)
{
    const struct trader_options *options = &trader->options;
    if (options->actions != NULL && trader->held_session != trader->last_session &&
        ouch_client_pending(options->client, trader->last_session) > 0) {
        return false;
    }
    return ouch_client_pending(options->client, trader->held_session) < options->window;
}

/* An order and a replace may have a deadline. */
static void trader_set_deadline(const struct trader_options *options, struct command *command)
{
    struct command_order *body = &command->body.order;
    if (options->deadline_after_ns == 0 || command->type == COMMAND_ORDER_CANCEL ||
        body->user_reference % 2 == 0) {
        return;
    }
    struct timespec now;
    int result = clock_gettime(CLOCK_REALTIME, &now);
    ASSERT(result == 0);
    command->flags |= COMMAND_HAS_DEADLINE;
    uint64_t step = body->user_reference / 2 % TRADER_DEADLINES + 1;
    body->deadline_ns = (uint64_t)now.tv_sec * TRADER_NS_A_S + (uint64_t)now.tv_nsec +
                        options->deadline_after_ns / TRADER_DEADLINES * step;
}

static enum status trader_send_held(struct trader *trader)
{
    ASSERT(trader->held);
    trader_set_deadline(&trader->options, &trader->command);
    const struct command *command = &trader->command;
    enum status status = ouch_client_send(trader->options.client, trader->held_session, command,
                                          trader->held_due_ns);
    ASSERT(status == STATUS_OK); /* The client's window is twice as large. */
    trader->held = false;
    trader->last_session = trader->held_session;
    trader->counts.commands++;
    trader->counts.orders += command->type != COMMAND_ORDER_CANCEL;
    if (trader->options.ledger != NULL) {
        return ledger_sent(trader->options.ledger, trader->held_session, command);
    }
    return STATUS_OK;
}

/* Send what is due and has room. `*wake_ns`: when more is due. */
static enum status trader_send(struct trader *trader, uint64_t now_ns, uint64_t *wake_ns)
{
    for (uint32_t sent = 0; sent < TRADER_SENDS_MAX; sent++) {
        uint64_t due_ns = trader_due_ns(trader, now_ns);
        if (!trader->held && due_ns > now_ns) {
            *wake_ns = due_ns;
            return STATUS_OK;
        }
        if (!trader->held && !trader_next(trader, due_ns)) {
            if (trader_exhausted(trader)) {
                return STATUS_OK;
            }
            continue;
        }
        trader->held_blocked = !trader_may_send(trader);
        if (trader->held_blocked) {
            return STATUS_OK; /* An answer makes room. */
        }
        enum status status = trader_send_held(trader);
        if (status != STATUS_OK) {
            return status;
        }
    }
    *wake_ns = 0;
    return STATUS_OK;
}

/* What is unanswered may never be: OUCH passes superfluous cancels over in silence. A query behind
 * them settles that. */
static void trader_ask(struct trader *trader, uint64_t now_ns)
{
    bool waiting = trader->held_blocked || !trader->sending || trader_exhausted(trader);
    if (!waiting || now_ns < trader->answer_ns + TRADER_STUCK_NS) {
        return;
    }
    trader->answer_ns = now_ns;
    for (uint32_t i = 0; i < trader->session_count; i++) {
        if (ouch_client_pending(trader->options.client, i) > 0) {
            enum status status = ouch_client_barrier(trader->options.client, i, now_ns);
            (void)status; /* Not yet: one is under way. */
        }
    }
}

enum status trader_step(struct trader *trader, uint64_t due_ns)
{
    struct ouch_client *client = trader->options.client;
    uint64_t now_ns = ouch_client_now_ns(client);
    uint64_t wake_ns = UINT64_MAX;
    if (trader->sending && trader->known_count == trader->session_count) {
        enum status status = trader_send(trader, now_ns, &wake_ns);
        if (status != STATUS_OK) {
            return status;
        }
    }
    trader_ask(trader, now_ns);
    trader_move_on(trader, now_ns);
    if (wake_ns > now_ns + TRADER_STUCK_NS) {
        wake_ns = now_ns + TRADER_STUCK_NS;
    }
    uint32_t count = ouch_client_poll(client, trader->events, TRADER_EVENTS,
                                      due_ns < wake_ns ? due_ns : wake_ns);
    for (uint32_t i = 0; i < count; i++) {
        enum status status = trader_take(trader, &trader->events[i]);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

void trader_measure(struct trader *trader)
{
    trader->counts = (struct trader_counts){.commands = 0};
    histogram_reset(&trader->order_latency);
    histogram_reset(&trader->cancel_latency);
}

struct trader_counts trader_counts(const struct trader *trader)
{
    return trader->counts;
}

const struct histogram *trader_order_latency(const struct trader *trader)
{
    return &trader->order_latency;
}

const struct histogram *trader_cancel_latency(const struct trader *trader)
{
    return &trader->cancel_latency;
}

uint64_t trader_acknowledged_ns(const struct trader *trader)
{
    return trader->acknowledged_ns;
}

uint8_t trader_refusal(const struct trader *trader)
{
    return trader->refusal;
}
