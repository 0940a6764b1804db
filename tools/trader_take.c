#include "gateway/ouch.h"
#include "matching/base/assertion.h"
#include "tools/trader_inside.h"

static void trader_logged_on(struct trader *trader, const struct ouch_session_event *event)
{
    struct trader_session *session = &trader->sessions[event->session];
    ASSERT(!session->active);
    session->active = true;
    session->answered_ns = event->received_ns;
    trader->active_count++;
    trader->counts.logons++;
    trader->counts.wrong_starts += event->status != STATUS_OK;
    if (!session->reference_known) {
        enum status status = ouch_client_barrier(trader->options.client, event->session, 0);
        (void)status; /* Not yet: the one from before the reconnect goes out again. */
    }
}

static void trader_disconnected(struct trader *trader, const struct ouch_session_event *event)
{
    struct trader_session *session = &trader->sessions[event->session];
    ASSERT(trader->active_count >= session->active);
    trader->active_count -= session->active;
    session->active = false;
    session->moving = false;
    if (trader->options.endpoint_count > 0) {
        session->endpoint = (session->endpoint + 1) % trader->options.endpoint_count;
    }
    trader->counts.disconnects++;
}

/* The answer to a query: on channel 0 it says the next reference. */
static void trader_account(struct trader *trader, const struct ouch_session_event *event)
{
    struct trader_session *session = &trader->sessions[event->session];
    if (session->reference_known) {
        return;
    }
    if (event->event.channel != 0 || event->event.user_reference == 0) {
        enum status status = ouch_client_barrier(trader->options.client, event->session, 0);
        (void)status;
        return;
    }
    session->reference_known = true;
    trader->known_count++;
    order_desk_reference_set(trader->desk, event->session, event->event.user_reference);
}

static void trader_answered(struct trader *trader, const struct ouch_session_event *event)
{
    const struct ouch_pending_answer *answer = &event->answer;
    uint64_t due_ns = answer->tag;
    trader->answer_ns = event->received_ns;
    trader->counts.silent += answer->silent_count;
    uint64_t latency_ns = event->received_ns > due_ns ? event->received_ns - due_ns : 0;
    if (answer->command_type == COMMAND_ORDER_CANCEL) {
        histogram_record(&trader->cancel_latency, latency_ns);
    } else if (answer->command_type != COMMAND_ACCOUNT_QUERY) {
        histogram_record(&trader->order_latency, latency_ns);
        trader->acknowledged_ns = event->received_ns;
        if (trader->options.timeline != NULL) {
            timeline_acknowledged(trader->options.timeline, event->received_ns, latency_ns);
        }
    }
}

static void trader_count(struct trader *trader, const struct ouch_session_event *event)
{
    switch (event->event.type) {
    case EVENT_ORDER_ACCEPTED:
    case EVENT_ORDER_REPLACED:
        trader->counts.acknowledged++;
        break;
    case EVENT_ORDER_REJECTED:
        trader->counts.rejected++;
        break;
    case EVENT_ORDER_CANCELED:
        trader->counts.canceled++;
        break;
    case EVENT_ORDER_EXECUTED:
        if (event->event.reason == LIQUIDITY_REMOVED) {
            trader->counts.executions++;
            if (trader->options.timeline != NULL) {
                timeline_executed(trader->options.timeline, event->received_ns);
            }
        }
        break;
    case EVENT_ACCOUNT:
        trader_account(trader, event);
        break;
    default: /* A byte of the wire: nothing of orders. */
        break;
    }
}

/* What an event means for the orders that are open. */
static enum status trader_orders(struct trader *trader, const struct ouch_session_event *event)
{
    const struct trader_options *options = &trader->options;
    const struct event *what = &event->event;
    struct order_desk_news news;
    if (!order_desk_event(trader->desk, event->session, what, &news)) {
        return STATUS_OK;
    }
    bool executed = what->type == EVENT_ORDER_EXECUTED;
    if (options->flow != NULL && executed) {
        flow_filled(options->flow, news.order_id, what->quantity_lots);
    } else if (options->flow != NULL && news.gone) {
        flow_gone(options->flow, news.order_id);
    }
    if (options->compare != NULL && executed) {
        return replay_compare_side(options->compare, what->match_number, news.order_id,
                                   what->reason == LIQUIDITY_ADDED, what->price,
                                   what->quantity_lots);
    }
    return STATUS_OK;
}

static enum status trader_message(struct trader *trader, const struct ouch_session_event *event)
{
    trader->sessions[event->session].answered_ns = event->received_ns;
    trader->counts.wrong_bytes += event->record != STATUS_OK;
    trader->counts.not_ouch += event->status != STATUS_OK;
    if (event->repeated) {
        trader->counts.repeated++;
        return STATUS_OK;
    }
    trader_count(trader, event);
    enum status status = trader_orders(trader, event);
    if (status == STATUS_OK && trader->options.ledger != NULL) {
        status =
            ledger_event(trader->options.ledger, event->session, event->sequence, &event->event);
    }
    return status;
}

static void trader_refused(struct trader *trader, const struct ouch_session_event *event)
{
    struct order_desk_news news;
    trader->counts.refused++;
    if (event->reason == OUCH_REFUSED_NO_QUORUM || event->reason == OUCH_REFUSED_HALTED) {
        trader_move(trader, event->session);
    }
    if (event->answers && event->answer.command_type != COMMAND_ORDER_CANCEL &&
        order_desk_refused(trader->desk, event->session, event->event.channel,
                           event->event.user_reference, &news) &&
        trader->options.flow != NULL) {
        flow_gone(trader->options.flow, news.order_id);
    }
    if (trader->options.ledger != NULL) {
        ledger_refused(trader->options.ledger, event->session, event->event.channel,
                       event->event.user_reference);
    }
}

enum status trader_take(struct trader *trader, const struct ouch_session_event *event)
{
    ASSERT(event->session < trader->session_count);
    enum status status = STATUS_OK;
    switch (event->kind) {
    case OUCH_SESSION_LOGGED_ON:
        trader_logged_on(trader, event);
        break;
    case OUCH_SESSION_LOGON_REFUSED:
        trader->counts.logons_refused++;
        trader->refusal = event->reason;
        break;
    case OUCH_SESSION_MESSAGE:
        status = trader_message(trader, event);
        break;
    case OUCH_SESSION_REFUSED:
        trader_refused(trader, event);
        break;
    case OUCH_SESSION_ENDED:
        break;
    case OUCH_SESSION_DISCONNECTED:
        trader_disconnected(trader, event);
        break;
    }
    if (event->kind == OUCH_SESSION_MESSAGE && event->answers) {
        trader_answered(trader, event);
    }
    return status;
}
