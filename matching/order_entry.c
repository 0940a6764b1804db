#include "matching/order_entry.h"

#include "matching/matcher.h"

#define ORDER_ENTRY_FLAGS     (COMMAND_HAS_DEADLINE | COMMAND_UNSUPPORTED)
#define ORDER_ENTRY_NS_PER_MS UINT64_C(1000000)

/* Reject reasons below are enum reject_reason; 0: no objection. */

static struct session *order_entry_admit(struct market *market, const struct command *command)
{
    struct session *session = participant_admit(&market->participants, command);
    if (session == NULL) {
        market->totals.stale++;
    }
    return session;
}

/* Sequenced after its deadline, or older than it may be (rules.md 3.5). */
static bool order_entry_too_late(const struct market *market, const struct session *session,
                                 const struct command *command)
{
    const struct command_order *terms = &command->body.order;
    if ((command->flags & COMMAND_HAS_DEADLINE) != 0 && market->timestamp_ns > terms->deadline_ns) {
        return true;
    }
    uint64_t age_ns_max =
        terms->maximum_age_ns != 0 ? terms->maximum_age_ns : session->maximum_age_ns;
    return age_ns_max != 0 && command->waited_ms * ORDER_ENTRY_NS_PER_MS > age_ns_max;
}

/* May the session trade this instrument now? */
static uint8_t order_entry_judge_moment(const struct market *market, const struct session *session,
                                        const struct command *command,
                                        const struct instrument *instrument)
{
    if (order_entry_too_late(market, session, command)) {
        return REJECT_TOO_LATE;
    }
    if (!market->participants.firms[session->firm_id].enabled) {
        return REJECT_FIRM;
    }
    if (instrument->state != TRADING_OPEN) {
        return REJECT_HALTED;
    }
    return 0;
}

static uint8_t order_entry_judge_price(const struct instrument *instrument,
                                       const struct command_order *terms)
{
    if (terms->kind == ORDER_MARKET) {
        return terms->price == 0 ? 0 : REJECT_PRICE;
    }
    uint64_t tick_number;
    if (terms->price < instrument->price_min || terms->price > instrument->price_max ||
        !instrument_tick_number(instrument, terms->price, &tick_number)) {
        return REJECT_PRICE;
    }
    return 0;
}

/* Is what it asks for an order of this instrument at all? (rules.md 3.6) */
static uint8_t order_entry_judge_details(const struct instrument *instrument,
                                         const struct command *command)
{
    const struct command_order *terms = &command->body.order;
    bool replace = command->type == COMMAND_ORDER_REPLACE;
    if ((command->flags & COMMAND_UNSUPPORTED) != 0) {
        bool known = terms->reject != 0 && terms->reject < REJECT_COUNT;
        return known ? terms->reject : REJECT_OTHER;
    }
    if ((command->flags & ~ORDER_ENTRY_FLAGS) != 0) {
        return REJECT_OTHER;
    }
    if (!replace && (terms->side < SIDE_BUY || terms->side > SIDE_SELL_SHORT_EXEMPT)) {
        return REJECT_SIDE;
    }
    if (terms->time_in_force < TIF_DAY || terms->time_in_force > TIF_FOK) {
        return REJECT_TIME_IN_FORCE;
    }
    if (terms->kind != ORDER_LIMIT && (terms->kind != ORDER_MARKET || replace)) {
        return REJECT_OTHER;
    }
    if (terms->kind == ORDER_MARKET && market_rests(terms->time_in_force)) {
        return REJECT_MARKET_RESTS;
    }
    if (terms->quantity_lots < 1 || terms->quantity_lots > instrument->quantity_lots_max) {
        return REJECT_QUANTITY;
    }
    if (terms->minimum_lots != 0 &&
        (terms->time_in_force != TIF_IOC || terms->minimum_lots > terms->quantity_lots)) {
        return REJECT_MINIMUM;
    }
    return order_entry_judge_price(instrument, terms);
}

/* Could it rest, now or once it has traded? `replaced` is the slot of the order that leaves for it,
 * 0: none (rules.md 3.7). */
static uint8_t order_entry_judge_room(const struct market *market, const struct session *session,
                                      const struct order *order, uint32_t replaced)
{
    if (!market_rests(order->time_in_force)) {
        return 0;
    }
    if (replaced == 0 && session->open_orders >= session->open_orders_max) {
        return REJECT_SESSION_ORDERS;
    }
    if (replaced == 0 && market->space.pool.count == market->space.pool.count_max) {
        return REJECT_SHARD_FULL;
    }
    const struct instrument *instrument = &market->instruments.hot[order->instrument_id];
    uint64_t tick_number;
    bool on_tick = instrument_tick_number(instrument, order->price, &tick_number);
    ASSERT(on_tick);
    bool room = book_has_room(&instrument->book, &market->space, book_side_index(order->side),
                              tick_number, order->leaves_lots, replaced);
    return room ? 0 : REJECT_SHARD_FULL;
}

/* Can it trade at once as much as it insists on? (rules.md 4.5) */
static bool order_entry_fits(const struct market *market, const struct order *order, bool limited,
                             uint64_t minimum_lots)
{
    uint64_t needed_lots = order->time_in_force == TIF_FOK ? order->leaves_lots : minimum_lots;
    if (needed_lots == 0) {
        return true;
    }
    if (needed_lots > order->leaves_lots) {
        return false;
    }
    const struct instrument *instrument = &market->instruments.hot[order->instrument_id];
    return book_holds(&instrument->book, &market->space, book_side_index(order->side), limited,
                      order->price, needed_lots);
}

static struct event_writer_order order_entry_echo(const struct command *command, uint8_t side,
                                                  uint64_t symbol, uint64_t order_id)
{
    const struct command_order *terms = &command->body.order;
    bool deadline = (command->flags & COMMAND_HAS_DEADLINE) != 0;
    return (struct event_writer_order){
        .price = (uint64_t)terms->price,
        .order_id = order_id,
        .minimum_lots = terms->minimum_lots,
        .deadline_ns = deadline ? terms->deadline_ns : 0,
        .terms = event_writer_terms(terms->original_user_reference, side, terms->time_in_force,
                                    terms->kind, terms->display),
        .capacity = terms->capacity,
        .sweep = terms->sweep,
        .cross = terms->cross,
        .client_order_id = terms->client_order_id,
        .symbol = symbol,
    };
}

static void order_entry_rejected(struct market *market, struct session *session,
                                 const struct command *command, uint32_t instrument_id,
                                 uint8_t reason)
{
    ASSERT(reason > 0);
    ASSERT(reason < REJECT_COUNT);

    const struct command_order *terms = &command->body.order;
    struct event_writer_order echo =
        order_entry_echo(command, terms->side, bytes_load_le64(terms->symbol), 0);
    event_writer_put_order(
        &market->writer,
        event_writer_head(EVENT_ORDER_REJECTED, terms->channel, reason, 0, command->session_id),
        participant_sequence(session), event_writer_reference(terms->user_reference, instrument_id),
        terms->quantity_lots, &echo);
    market->totals.orders_rejected++;
}

/* The order is accepted or replaces another: trade it, or say that it is dead. */
static enum status order_entry_begin(struct market *market, struct session *session,
                                     const struct command *command, const struct order *order,
                                     const struct event_writer_order *echo)
{
    const struct command_order *terms = &command->body.order;
    bool limited = terms->kind == ORDER_LIMIT;
    bool fits = order_entry_fits(market, order, limited, terms->minimum_lots);
    bool replace = command->type == COMMAND_ORDER_REPLACE;

    event_writer_put_order(&market->writer,
                           event_writer_head(replace ? EVENT_ORDER_REPLACED : EVENT_ORDER_ACCEPTED,
                                             order->channel, 0, fits ? 'L' : 'D',
                                             order->session_id),
                           participant_sequence(session),
                           event_writer_reference(order->user_reference, order->instrument_id),
                           order->leaves_lots, echo);
    if (!fits) {
        return STATUS_OK;
    }
    market->incoming.order = *order;
    market->incoming.limited = limited;
    return matcher_run(market);
}

enum status order_entry_enter(struct market *market, const struct command *command)
{
    const struct command_order *terms = &command->body.order;
    struct session *session = order_entry_admit(market, command);
    if (session == NULL) {
        return STATUS_OK;
    }
    if (terms->channel >= CHANNELS_MAX) {
        order_entry_rejected(market, session, command, 0, REJECT_CHANNEL);
        return STATUS_OK;
    }
    if (terms->user_reference <= session->references[terms->channel]) {
        market->totals.duplicates++;
        return STATUS_OK;
    }
    session->references[terms->channel] = terms->user_reference;

    uint32_t instrument_id = instrument_find(&market->instruments, terms->symbol);
    if (instrument_id == 0) {
        order_entry_rejected(market, session, command, 0, REJECT_SYMBOL);
        return STATUS_OK;
    }
    const struct instrument *instrument = &market->instruments.hot[instrument_id];
    struct order order = {
        .order_id = market->order_id_next,
        .price = terms->price,
        .leaves_lots = terms->quantity_lots,
        .session_id = command->session_id,
        .user_reference = terms->user_reference,
        .instrument_id = (uint16_t)instrument_id,
        .channel = terms->channel,
        .side = terms->side,
        .time_in_force = terms->time_in_force,
        .capacity = terms->capacity,
        .cross = terms->cross,
    };
    uint8_t reason = order_entry_judge_moment(market, session, command, instrument);
    if (reason == 0) {
        reason = order_entry_judge_details(instrument, command);
    }
    if (reason == 0) {
        reason = order_entry_judge_room(market, session, &order, 0);
    }
    if (reason != 0) {
        order_entry_rejected(market, session, command, instrument_id, reason);
        return STATUS_OK;
    }
    market->order_id_next++;
    market->totals.orders_accepted++;
    struct event_writer_order echo =
        order_entry_echo(command, terms->side, instrument->symbol, order.order_id);
    return order_entry_begin(market, session, command, &order, &echo);
}

/* The replace is right: its order takes the place of the one in `slot`. */
static enum status order_entry_swap(struct market *market, struct session *session,
                                    const struct command *command, uint32_t slot,
                                    const struct order *order)
{
    struct event_writer_order echo =
        order_entry_echo(command, order->side, market->instruments.hot[order->instrument_id].symbol,
                         order->order_id);
    echo.capacity = order->capacity;
    echo.cross = order->cross;
    market->order_id_next++;
    market_remove(market, slot);
    return order_entry_begin(market, session, command, order, &echo);
}

enum status order_entry_replace(struct market *market, const struct command *command)
{
    const struct command_order *terms = &command->body.order;
    struct session *session = order_entry_admit(market, command);
    if (session == NULL || terms->channel >= CHANNELS_MAX) {
        return STATUS_OK;
    }
    if (terms->user_reference <= session->references[terms->channel]) {
        market->totals.duplicates++;
        return STATUS_OK;
    }
    uint32_t slot = order_index_find(&market->index, &market->space.pool, command->session_id,
                                     terms->channel, terms->original_user_reference);
    if (slot == 0) {
        return STATUS_OK;
    }
    struct order order = market->space.pool.orders[slot];
    const struct instrument *instrument = &market->instruments.hot[order.instrument_id];
    uint8_t reason = order_entry_judge_moment(market, session, command, instrument);
    if (reason == 0) {
        if (order_entry_judge_details(instrument, command) != 0) {
            market_cancel(market, slot, CANCEL_SYSTEM);
            return STATUS_OK;
        }
        if (terms->quantity_lots <= order.cumulative_lots) {
            market_cancel(market, slot, CANCEL_USER);
            return STATUS_OK;
        }
        order.order_id = market->order_id_next;
        order.price = terms->price;
        order.leaves_lots = terms->quantity_lots - order.cumulative_lots;
        order.user_reference = terms->user_reference;
        order.time_in_force = terms->time_in_force;
        reason = order_entry_judge_room(market, session, &order, slot);
    }
    session->references[terms->channel] = terms->user_reference;
    if (reason != 0) {
        order_entry_rejected(market, session, command, order.instrument_id, reason);
        return STATUS_OK;
    }
    return order_entry_swap(market, session, command, slot, &order);
}

void order_entry_cancel(struct market *market, const struct command *command)
{
    const struct command_cancel *terms = &command->body.cancel;
    if (order_entry_admit(market, command) == NULL) {
        return;
    }
    uint32_t slot = order_index_find(&market->index, &market->space.pool, command->session_id,
                                     terms->channel, terms->user_reference);
    if (slot == 0) {
        return;
    }
    const struct order *order = &market->space.pool.orders[slot];
    uint64_t total_lots = order->cumulative_lots + order->leaves_lots;
    if (terms->quantity_lots >= total_lots) {
        return;
    }
    if (terms->quantity_lots <= order->cumulative_lots) {
        market_cancel(market, slot, CANCEL_USER);
        return;
    }
    uint64_t lots = total_lots - terms->quantity_lots;
    market_canceled(market, order, lots, CANCEL_USER);
    book_reduce(&market->instruments.hot[order->instrument_id].book, &market->space, slot, lots);
}

void order_entry_query(struct market *market, const struct command *command)
{
    uint8_t channel = command->body.query.channel;
    struct session *session = order_entry_admit(market, command);
    if (session == NULL) {
        return;
    }
    /* 0: no reference will ever be taken there, be it that the channel does not exist or that its
     * references are used up. */
    uint32_t next = channel < CHANNELS_MAX ? session->references[channel] + 1 : 0;
    event_writer_put_short(&market->writer,
                           event_writer_head(EVENT_ACCOUNT, channel, 0, 0, command->session_id),
                           participant_sequence(session), event_writer_reference(next, 0), 0);
}
