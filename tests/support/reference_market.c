#include "tests/support/reference_market.h"

#include <string.h>

#include "matching/base/assertion.h"

__extension__ typedef unsigned __int128 reference_sum;

static bool reference_buys(uint8_t side)
{
    return side == SIDE_BUY;
}

void reference_market_init(struct reference_market *market, const struct engine_limits *limits)
{
    ASSERT(limits->orders_max <= REFERENCE_ORDERS_MAX);
    ASSERT(limits->instruments_max <= REFERENCE_INSTRUMENTS_MAX);
    ASSERT(limits->firms_max <= REFERENCE_FIRMS_MAX);
    ASSERT(limits->sessions_max <= REFERENCE_SESSIONS_MAX);
    memset(market, 0, sizeof *market);
    market->limits = *limits;
}

static struct event *reference_event(struct reference_market *market, uint8_t type)
{
    ASSERT(market->events_count < REFERENCE_EVENTS_MAX);
    struct event *event = &market->events[market->events_count++];
    memset(event, 0, sizeof *event);
    event->type = type;
    event->timestamp_ns = market->now_ns;
    return event;
}

static struct reference_session *reference_session(struct reference_market *market, uint32_t id)
{
    return id >= 1 && id <= market->sessions_count ? &market->sessions[id - 1] : NULL;
}

/* An event in a session's stream. */
static struct event *reference_stream(struct reference_market *market, uint8_t type,
                                      uint32_t session_id)
{
    struct event *event = reference_event(market, type);
    event->session_id = session_id;
    event->sequence = reference_session(market, session_id)->view.sequence_next++;
    return event;
}

static struct reference_session *reference_admit(struct reference_market *market,
                                                 const struct command *command)
{
    struct reference_session *session = reference_session(market, command->session_id);
    if (session == NULL || session->view.attached_site_id == 0 ||
        session->view.epoch != command->epoch ||
        session->view.input_number_next != command->input_number) {
        market->totals.stale++;
        return NULL;
    }
    session->view.input_number_next++;
    return session;
}

static struct reference_order *reference_find(struct reference_market *market, uint32_t session_id,
                                              uint8_t channel, uint32_t reference)
{
    for (uint32_t i = 0; i < market->orders_count; i++) {
        struct reference_order *order = &market->orders[i];
        if (order->session_id == session_id && order->channel == channel &&
            order->reference == reference) {
            return order;
        }
    }
    return NULL;
}

static void reference_remove(struct reference_market *market, struct reference_order *order)
{
    *order = market->orders[--market->orders_count];
}

static void reference_cancel(struct reference_market *market, const struct reference_order *order,
                             uint64_t lots, uint8_t reason)
{
    struct event *event = reference_stream(market, EVENT_ORDER_CANCELED, order->session_id);
    event->channel = order->channel;
    event->reason = reason;
    event->user_reference = order->reference;
    event->instrument_id = order->instrument_id;
    event->quantity_lots = lots;
}

/* Would `taker` trade with `maker`? */
static bool reference_trades(const struct reference_order *taker,
                             const struct reference_order *maker)
{
    if (taker->instrument_id != maker->instrument_id ||
        reference_buys(taker->side) == reference_buys(maker->side)) {
        return false;
    }
    return taker->market || (reference_buys(taker->side) ? maker->price <= taker->price
                                                         : maker->price >= taker->price);
}

static struct reference_order *reference_best(struct reference_market *market,
                                              const struct reference_order *taker)
{
    struct reference_order *best = NULL;
    for (uint32_t i = 0; i < market->orders_count; i++) {
        struct reference_order *maker = &market->orders[i];
        if (!reference_trades(taker, maker)) {
            continue;
        }
        bool better =
            best == NULL || (maker->price == best->price
                                 ? maker->order_id < best->order_id
                                 : (maker->price < best->price) == reference_buys(taker->side));
        best = better ? maker : best;
    }
    return best;
}

static void reference_executed(struct reference_market *market, const struct reference_order *order,
                               uint64_t lots, int64_t price, uint8_t liquidity)
{
    struct event *event = reference_stream(market, EVENT_ORDER_EXECUTED, order->session_id);
    event->channel = order->channel;
    event->reason = liquidity;
    event->user_reference = order->reference;
    event->instrument_id = order->instrument_id;
    event->quantity_lots = lots;
    event->match_number = market->match_numbers;
    event->price = price;
}

static void reference_trade(struct reference_market *market, struct reference_order *taker)
{
    while (taker->leaves > 0) {
        struct reference_order *maker = reference_best(market, taker);
        if (maker == NULL) {
            break;
        }
        uint64_t lots = maker->leaves < taker->leaves ? maker->leaves : taker->leaves;
        market->match_numbers++;
        market->totals.executions++;
        reference_executed(market, maker, lots, maker->price, LIQUIDITY_ADDED);
        reference_executed(market, taker, lots, maker->price, LIQUIDITY_REMOVED);
        taker->leaves -= lots;
        taker->executed += lots;
        maker->leaves -= lots;
        maker->executed += lots;
        if (maker->leaves == 0) {
            reference_remove(market, maker);
        }
    }
    if (taker->leaves == 0) {
        return;
    }
    if (taker->time_in_force == TIF_DAY || taker->time_in_force == TIF_GTC) {
        ASSERT(market->orders_count < market->limits.orders_max);
        market->orders[market->orders_count++] = *taker;
    } else {
        reference_cancel(market, taker, taker->leaves, CANCEL_IMMEDIATE);
    }
}

static uint32_t reference_open_orders(const struct reference_market *market, uint32_t session_id)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < market->orders_count; i++) {
        count += market->orders[i].session_id == session_id ? 1 : 0;
    }
    return count;
}

static uint8_t reference_moment(const struct reference_market *market,
                                const struct reference_session *session,
                                const struct command *command,
                                const struct engine_instrument *instrument)
{
    const struct command_order *terms = &command->body.order;
    if ((command->flags & COMMAND_HAS_DEADLINE) != 0 && market->now_ns > terms->deadline_ns) {
        return REJECT_TOO_LATE;
    }
    uint64_t age = terms->maximum_age_ns;
    if (age == 0) {
        age = session->view.maximum_age_ns;
    }
    if (age != 0 && (uint64_t)command->waited_ms * 1000000 > age) {
        return REJECT_TOO_LATE;
    }
    for (uint32_t i = 0; i < market->firms_count; i++) {
        if (memcmp(market->firms[i].name, session->view.firm, FIRM_NAME_BYTES) == 0 &&
            !market->firms[i].enabled) {
            return REJECT_FIRM;
        }
    }
    return instrument->terms.state == TRADING_OPEN && !market->reopening ? 0 : REJECT_HALTED;
}

static uint8_t reference_details(const struct command *command,
                                 const struct engine_instrument *instrument)
{
    const struct command_order *terms = &command->body.order;
    bool replace = command->type == COMMAND_ORDER_REPLACE;
    if ((command->flags & COMMAND_UNSUPPORTED) != 0) {
        return terms->reject >= REJECT_HALTED && terms->reject <= REJECT_MARKET_RESTS
                   ? terms->reject
                   : REJECT_OTHER;
    }
    if (command->flags > 3) {
        return REJECT_OTHER;
    }
    if (!replace && (terms->side == 0 || terms->side > 4)) {
        return REJECT_SIDE;
    }
    if (terms->time_in_force == 0 || terms->time_in_force > 4) {
        return REJECT_TIME_IN_FORCE;
    }
    if (terms->kind == 0 || terms->kind > (replace ? 1 : 2)) {
        return REJECT_OTHER;
    }
    if (terms->kind == ORDER_MARKET && terms->time_in_force != TIF_IOC &&
        terms->time_in_force != TIF_FOK) {
        return REJECT_MARKET_RESTS;
    }
    if (terms->quantity_lots == 0 || terms->quantity_lots > instrument->terms.quantity_lots_max) {
        return REJECT_QUANTITY;
    }
    if (terms->minimum_lots > 0 && terms->time_in_force != TIF_IOC) {
        return REJECT_MINIMUM;
    }
    if (terms->minimum_lots > terms->quantity_lots) {
        return REJECT_MINIMUM;
    }
    if (terms->kind == ORDER_MARKET) {
        return terms->price == 0 ? 0 : REJECT_PRICE;
    }
    int64_t price = terms->price;
    if (price < instrument->terms.price_min || price > instrument->terms.price_max ||
        price % instrument->terms.tick_size != 0) {
        return REJECT_PRICE;
    }
    int64_t dollar = 1;
    for (uint32_t i = 0; i < instrument->terms.price_decimals; i++) {
        dollar *= 10;
    }
    return instrument->terms.equity == 1 && price >= 200000 * dollar ? REJECT_PRICE : 0;
}

/* Prices at which something rests besides `without`, and lots on the side of `order` besides it. */
static uint8_t reference_room(const struct reference_market *market,
                              const struct reference_session *session,
                              const struct reference_order *order,
                              const struct reference_order *without)
{
    if (order->time_in_force != TIF_DAY && order->time_in_force != TIF_GTC) {
        return 0;
    }
    if (without == NULL &&
        reference_open_orders(market, order->session_id) >= session->view.open_orders_max) {
        return REJECT_SESSION_ORDERS;
    }
    if (without == NULL && market->orders_count == market->limits.orders_max) {
        return REJECT_SHARD_FULL;
    }
    reference_sum lots = order->leaves;
    uint32_t levels = 0;
    bool there = false;
    for (uint32_t i = 0; i < market->orders_count; i++) {
        const struct reference_order *other = &market->orders[i];
        if (other == without) {
            continue;
        }
        bool first = true;
        for (uint32_t j = 0; j < i; j++) {
            const struct reference_order *earlier = &market->orders[j];
            first &= earlier == without || earlier->price != other->price ||
                     earlier->instrument_id != other->instrument_id ||
                     reference_buys(earlier->side) != reference_buys(other->side);
        }
        levels += first ? 1 : 0;
        if (other->instrument_id == order->instrument_id &&
            reference_buys(other->side) == reference_buys(order->side)) {
            lots += other->leaves;
            there |= other->price == order->price;
        }
    }
    if (lots >= (reference_sum)1 << 63) {
        return REJECT_SHARD_FULL;
    }
    return there || levels < market->limits.price_levels_max ? 0 : REJECT_SHARD_FULL;
}

/* Accepted, replaced or rejected, as entered. */
static struct event *reference_echo(struct reference_market *market, uint8_t type,
                                    const struct command *command, uint32_t instrument_id)
{
    const struct command_order *terms = &command->body.order;
    struct event *event = reference_stream(market, type, command->session_id);
    event->channel = terms->channel;
    event->user_reference = terms->user_reference;
    event->instrument_id = instrument_id;
    event->quantity_lots = terms->quantity_lots;
    event->price = terms->price;
    event->minimum_lots = terms->minimum_lots;
    event->deadline_ns = (command->flags & COMMAND_HAS_DEADLINE) != 0 ? terms->deadline_ns : 0;
    event->original_user_reference = terms->original_user_reference;
    event->side = terms->side;
    event->time_in_force = terms->time_in_force;
    event->kind = terms->kind;
    event->display = terms->display;
    event->capacity = terms->capacity;
    event->sweep = terms->sweep;
    event->cross = terms->cross;
    memcpy(event->client_order_id, terms->client_order_id, CLIENT_ORDER_ID_BYTES);
    memcpy(event->symbol, terms->symbol, SYMBOL_BYTES);
    return event;
}

static void reference_reject(struct reference_market *market, const struct command *command,
                             uint32_t instrument_id, uint8_t reason)
{
    reference_echo(market, EVENT_ORDER_REJECTED, command, instrument_id)->reason = reason;
    market->totals.orders_rejected++;
}

/* Does the book hold what the order insists on? */
static bool reference_fits(const struct reference_market *market,
                           const struct reference_order *order, uint64_t minimum)
{
    uint64_t needed = order->time_in_force == TIF_FOK ? order->leaves : minimum;
    reference_sum held = 0;
    for (uint32_t i = 0; i < market->orders_count; i++) {
        held += reference_trades(order, &market->orders[i]) ? market->orders[i].leaves : 0;
    }
    return needed <= order->leaves && held >= needed;
}

static void reference_enter(struct reference_market *market, const struct command *command)
{
    const struct command_order *terms = &command->body.order;
    struct reference_session *session = reference_admit(market, command);
    if (session == NULL) {
        return;
    }
    if (terms->channel >= CHANNELS_MAX) {
        reference_reject(market, command, 0, REJECT_CHANNEL);
        return;
    }
    if (terms->user_reference <= session->references[terms->channel]) {
        market->totals.duplicates++;
        return;
    }
    session->references[terms->channel] = terms->user_reference;
    const struct engine_instrument *instrument = NULL;
    for (uint32_t i = 0; i < market->instruments_count; i++) {
        if (memcmp(market->instruments[i].terms.symbol, terms->symbol, SYMBOL_BYTES) == 0) {
            instrument = &market->instruments[i];
        }
    }
    if (instrument == NULL) {
        reference_reject(market, command, 0, REJECT_SYMBOL);
        return;
    }
    struct reference_order order = {
        .order_id = market->order_ids + 1,
        .session_id = command->session_id,
        .reference = terms->user_reference,
        .instrument_id = instrument->instrument_id,
        .channel = terms->channel,
        .side = terms->side,
        .time_in_force = terms->time_in_force,
        .capacity = terms->capacity,
        .cross = terms->cross,
        .market = terms->kind == ORDER_MARKET,
        .price = terms->price,
        .leaves = terms->quantity_lots,
    };
    uint8_t reason = reference_moment(market, session, command, instrument);
    reason = reason != 0 ? reason : reference_details(command, instrument);
    reason = reason != 0 ? reason : reference_room(market, session, &order, NULL);
    if (reason != 0) {
        reference_reject(market, command, instrument->instrument_id, reason);
        return;
    }
    market->order_ids++;
    market->totals.orders_accepted++;
    bool fits = reference_fits(market, &order, terms->minimum_lots);
    struct event *event =
        reference_echo(market, EVENT_ORDER_ACCEPTED, command, instrument->instrument_id);
    event->order_id = order.order_id;
    event->state = fits ? 'L' : 'D';
    if (fits) {
        reference_trade(market, &order);
    }
}

static void reference_replaced(struct reference_market *market, const struct command *command,
                               struct reference_order *original, struct reference_order *order)
{
    const struct engine_instrument *instrument = &market->instruments[order->instrument_id - 1];
    bool fits = reference_fits(market, order, command->body.order.minimum_lots);
    reference_remove(market, original);
    market->order_ids++;
    struct event *event =
        reference_echo(market, EVENT_ORDER_REPLACED, command, order->instrument_id);
    event->order_id = order->order_id;
    event->quantity_lots = order->leaves;
    event->side = order->side;
    event->capacity = order->capacity;
    event->cross = order->cross;
    memcpy(event->symbol, instrument->terms.symbol, SYMBOL_BYTES);
    event->state = fits ? 'L' : 'D';
    if (fits) {
        reference_trade(market, order);
    }
}

static void reference_replace(struct reference_market *market, const struct command *command)
{
    const struct command_order *terms = &command->body.order;
    struct reference_session *session = reference_admit(market, command);
    if (session == NULL || terms->channel >= CHANNELS_MAX) {
        return;
    }
    if (terms->user_reference <= session->references[terms->channel]) {
        market->totals.duplicates++;
        return;
    }
    struct reference_order *original =
        reference_find(market, command->session_id, terms->channel, terms->original_user_reference);
    if (original == NULL) {
        return;
    }
    const struct engine_instrument *instrument = &market->instruments[original->instrument_id - 1];
    uint8_t reason = reference_moment(market, session, command, instrument);
    struct reference_order order = *original;
    if (reason == 0) {
        bool wrong = reference_details(command, instrument) != 0;
        if (wrong || terms->quantity_lots <= original->executed) {
            reference_cancel(market, original, original->leaves,
                             wrong ? CANCEL_SYSTEM : CANCEL_USER);
            reference_remove(market, original);
            return;
        }
        order.order_id = market->order_ids + 1;
        order.reference = terms->user_reference;
        order.time_in_force = terms->time_in_force;
        order.price = terms->price;
        order.leaves = terms->quantity_lots - original->executed;
        reason = reference_room(market, session, &order, original);
    }
    session->references[terms->channel] = terms->user_reference;
    if (reason != 0) {
        reference_reject(market, command, original->instrument_id, reason);
        return;
    }
    reference_replaced(market, command, original, &order);
}

static void reference_reduce(struct reference_market *market, const struct command *command)
{
    const struct command_cancel *terms = &command->body.cancel;
    if (reference_admit(market, command) == NULL) {
        return;
    }
    struct reference_order *order =
        reference_find(market, command->session_id, terms->channel, terms->user_reference);
    if (order == NULL || terms->quantity_lots >= order->leaves + order->executed) {
        return;
    }
    uint64_t keep =
        terms->quantity_lots > order->executed ? terms->quantity_lots - order->executed : 0;
    reference_cancel(market, order, order->leaves - keep, CANCEL_USER);
    order->leaves = keep;
    if (keep == 0) {
        reference_remove(market, order);
    }
}

static void reference_query(struct reference_market *market, const struct command *command)
{
    struct reference_session *session = reference_admit(market, command);
    if (session == NULL) {
        return;
    }
    uint8_t channel = command->body.query.channel;
    struct event *event = reference_stream(market, EVENT_ACCOUNT, command->session_id);
    event->channel = channel;
    event->user_reference = channel < CHANNELS_MAX ? session->references[channel] + 1 : 0;
}

/* So many milliseconds later, or never. */
static uint64_t reference_later(uint64_t now_ns, uint32_t milliseconds)
{
    reference_sum later = (reference_sum)now_ns + (reference_sum)milliseconds * 1000000;
    return later > UINT64_MAX ? UINT64_MAX : (uint64_t)later;
}

static void reference_grace_end(struct reference_session *session)
{
    session->view.grace_runs = false;
    session->view.grace_ends_ns = 0;
    session->grace_length_ms = 0;
}

static void reference_detach(struct reference_market *market, struct reference_session *session)
{
    if (session->view.attached_site_id == 0) {
        return;
    }
    if (session->terms.cancel_on_disconnect == 1) {
        session->view.grace_runs = true;
        session->grace_length_ms = session->terms.grace_ms;
        session->view.grace_ends_ns = reference_later(market->now_ns, session->terms.grace_ms);
    }
    struct event *event = reference_event(market, EVENT_SESSION_LOGOFF);
    event->session_id = session->view.session_id;
    event->user_reference = session->view.epoch;
    session->view.attached_site_id = 0;
}

static void reference_logon(struct reference_market *market, const struct command *command)
{
    struct reference_session *session = reference_session(market, command->session_id);
    if (session == NULL || command->site_id == 0 || command->site_id > SITES_MAX) {
        market->totals.stale++;
        return;
    }
    reference_detach(market, session);
    reference_grace_end(session);
    session->view.epoch++;
    session->view.attached_site_id = command->site_id;
    session->view.input_number_next = 1;
    struct event *event = reference_event(market, EVENT_SESSION_LOGON);
    event->session_id = command->session_id;
    event->user_reference = session->view.epoch;
    event->quantity_lots = session->view.sequence_next;
    event->match_number = command->body.logon.connection_id;
}

static void reference_logoff(struct reference_market *market, const struct command *command)
{
    struct reference_session *session = reference_admit(market, command);
    if (session != NULL) {
        reference_detach(market, session);
    }
}

static void reference_silent(struct reference_market *market, const struct command *command)
{
    for (uint32_t i = 0; i < market->sessions_count; i++) {
        if (command->site_id != 0 &&
            market->sessions[i].view.attached_site_id == command->site_id) {
            reference_detach(market, &market->sessions[i]);
        }
    }
}

static bool reference_zero(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool reference_name(const uint8_t *name, size_t bytes)
{
    bool ended = false;
    for (size_t i = 0; i < bytes; i++) {
        if (name[i] < ' ' || name[i] > '~' || (ended && name[i] != ' ')) {
            return false;
        }
        ended |= name[i] == ' ';
    }
    return name[0] != ' ';
}

static uint8_t reference_instrument_set(struct reference_market *market,
                                        const struct command_instrument *terms, uint32_t expected,
                                        bool state_only, uint32_t *version)
{
    struct engine_instrument *instrument = NULL;
    for (uint32_t i = 0; i < market->instruments_count; i++) {
        if (memcmp(market->instruments[i].terms.symbol, terms->symbol, SYMBOL_BYTES) == 0) {
            instrument = &market->instruments[i];
        }
    }
    *version = instrument == NULL ? 0 : instrument->version;
    bool state_right = terms->state >= 1 && terms->state <= 3;
    struct command_instrument wanted = *terms;
    if (state_only) {
        if (!state_right) {
            return ADMINISTRATION_INVALID;
        }
        if (instrument == NULL) {
            return ADMINISTRATION_UNKNOWN;
        }
        wanted = instrument->terms;
        wanted.state = terms->state;
    } else if (!state_right || !reference_name(terms->symbol, SYMBOL_BYTES) ||
               terms->tick_size <= 0 || terms->tick_size > ORDER_PRICE_MAX ||
               terms->price_min > terms->price_max || terms->price_min < -ORDER_PRICE_MAX ||
               terms->price_max > ORDER_PRICE_MAX || terms->quantity_lots_max == 0 ||
               terms->quantity_lots_max > ORDER_LOTS_MAX || terms->price_decimals > 12 ||
               terms->quantity_decimals > 12 || terms->equity > 1 ||
               !reference_zero(terms->reserved, sizeof terms->reserved)) {
        return ADMINISTRATION_INVALID;
    }
    if (instrument != NULL && memcmp(&instrument->terms, &wanted, sizeof wanted) == 0) {
        return ADMINISTRATION_UNCHANGED;
    }
    if (expected != *version) {
        return ADMINISTRATION_CONFLICT;
    }
    if (instrument == NULL) {
        if (market->instruments_count == market->limits.instruments_max) {
            return ADMINISTRATION_FULL;
        }
        instrument = &market->instruments[market->instruments_count++];
        instrument->instrument_id = market->instruments_count;
    } else if (wanted.tick_size != instrument->terms.tick_size ||
               wanted.price_decimals != instrument->terms.price_decimals ||
               wanted.quantity_decimals != instrument->terms.quantity_decimals) {
        for (uint32_t i = 0; i < market->orders_count; i++) {
            if (market->orders[i].instrument_id == instrument->instrument_id) {
                return ADMINISTRATION_BUSY;
            }
        }
    }
    instrument->terms = wanted;
    *version = ++instrument->version;
    return ADMINISTRATION_DONE;
}

static uint8_t reference_firm_set(struct reference_market *market, const struct command_firm *terms,
                                  uint32_t expected, uint32_t *version)
{
    struct engine_firm *firm = NULL;
    for (uint32_t i = 0; i < market->firms_count; i++) {
        if (memcmp(market->firms[i].name, terms->name, FIRM_NAME_BYTES) == 0) {
            firm = &market->firms[i];
        }
    }
    *version = firm == NULL ? 0 : firm->version;
    if (!reference_name(terms->name, FIRM_NAME_BYTES) || terms->enabled > 1 ||
        !reference_zero(terms->reserved, sizeof terms->reserved)) {
        return ADMINISTRATION_INVALID;
    }
    if (firm != NULL && firm->enabled == (terms->enabled == 1)) {
        return ADMINISTRATION_UNCHANGED;
    }
    if (expected != *version) {
        return ADMINISTRATION_CONFLICT;
    }
    if (firm == NULL) {
        if (market->firms_count == market->limits.firms_max) {
            return ADMINISTRATION_FULL;
        }
        firm = &market->firms[market->firms_count++];
        firm->firm_id = market->firms_count;
        memcpy(firm->name, terms->name, FIRM_NAME_BYTES);
    }
    firm->enabled = terms->enabled == 1;
    *version = ++firm->version;
    return ADMINISTRATION_DONE;
}

static struct reference_session *reference_named(struct reference_market *market,
                                                 const uint8_t *name)
{
    for (uint32_t i = 0; i < market->sessions_count; i++) {
        if (memcmp(market->sessions[i].view.name, name, SESSION_NAME_BYTES) == 0) {
            return &market->sessions[i];
        }
    }
    return NULL;
}

static bool reference_firm_known(const struct reference_market *market, const uint8_t *name)
{
    bool known = false;
    for (uint32_t i = 0; i < market->firms_count; i++) {
        known |= memcmp(market->firms[i].name, name, FIRM_NAME_BYTES) == 0;
    }
    return known;
}

static void reference_system(struct reference_market *market, uint32_t session_id, uint8_t code)
{
    reference_stream(market, EVENT_SYSTEM, session_id)->reason = code;
}

static uint8_t reference_session_set(struct reference_market *market,
                                     const struct command_session *terms, uint32_t expected,
                                     uint32_t *version)
{
    struct reference_session *session = reference_named(market, terms->name);
    bool fresh = session == NULL;
    *version = fresh ? 0 : session->view.version;
    if (!reference_name(terms->name, SESSION_NAME_BYTES) || terms->open_orders_max == 0 ||
        terms->open_orders_max > SESSION_ORDERS_MAX || terms->cancel_on_disconnect > 1 ||
        terms->grace_ms > 86400000 || (terms->cancel_on_disconnect == 0 && terms->grace_ms != 0) ||
        terms->reserved != 0 || !reference_zero(terms->reserved_2, sizeof terms->reserved_2)) {
        return ADMINISTRATION_INVALID;
    }
    if (!reference_firm_known(market, terms->firm)) {
        return ADMINISTRATION_UNKNOWN;
    }
    if (!fresh && memcmp(&session->terms, terms, sizeof *terms) == 0) {
        return ADMINISTRATION_UNCHANGED;
    }
    if (expected != *version) {
        return ADMINISTRATION_CONFLICT;
    }
    if (fresh) {
        if (market->sessions_count == market->limits.sessions_max) {
            return ADMINISTRATION_FULL;
        }
        session = &market->sessions[market->sessions_count++];
        session->view.session_id = market->sessions_count;
        session->view.generation = 1;
        session->view.sequence_next = 1;
        session->view.input_number_next = 1;
    } else if (memcmp(session->terms.firm, terms->firm, FIRM_NAME_BYTES) != 0 &&
               reference_open_orders(market, session->view.session_id) > 0) {
        return ADMINISTRATION_BUSY;
    }
    session->terms = *terms;
    *version = ++session->view.version;
    memcpy(session->view.name, terms->name, SESSION_NAME_BYTES);
    memcpy(session->view.firm, terms->firm, FIRM_NAME_BYTES);
    memcpy(session->view.salt, terms->salt, CREDENTIAL_SALT_BYTES);
    memcpy(session->view.hash, terms->hash, CREDENTIAL_HASH_BYTES);
    session->view.open_orders_max = terms->open_orders_max;
    session->view.maximum_age_ns = terms->maximum_age_ns;
    session->view.hash_operations = terms->hash_operations;
    session->view.hash_memory_kib = terms->hash_memory_kib;
    session->view.cancel_on_disconnect = terms->cancel_on_disconnect == 1;
    session->view.grace_ms = terms->grace_ms;
    if (terms->cancel_on_disconnect == 0) {
        reference_grace_end(session);
    }
    if (fresh) {
        reference_system(market, session->view.session_id, SYSTEM_START);
    }
    return ADMINISTRATION_DONE;
}

static uint8_t reference_session_end(struct reference_market *market,
                                     const struct command_session_end *terms, uint32_t expected,
                                     uint32_t *version)
{
    struct reference_session *session = reference_named(market, terms->name);
    *version = session == NULL ? 0 : session->view.version;
    if (session == NULL) {
        return ADMINISTRATION_UNKNOWN;
    }
    if (expected != *version) {
        return ADMINISTRATION_CONFLICT;
    }
    reference_system(market, session->view.session_id, SYSTEM_END);
    reference_detach(market, session);
    session->view.generation++;
    session->view.sequence_next = 1;
    if (reference_open_orders(market, session->view.session_id) == 0) {
        memset(session->references, 0, sizeof session->references);
    }
    reference_system(market, session->view.session_id, SYSTEM_START);
    *version = ++session->view.version;
    return ADMINISTRATION_DONE;
}

static void reference_arm(struct reference_market *market)
{
    const uint64_t second = 1000000000;
    const uint64_t day = 86400 * second;
    market->day_end_set = market->shard.day_end_set == 1;
    market->day_end_ns = 0;
    if (!market->day_end_set) {
        return;
    }
    reference_sum due =
        (reference_sum)(market->now_ns / day) * day + market->shard.day_end_second * second;
    if (due <= market->now_ns) {
        due += day;
    }
    market->day_end_set = due <= UINT64_MAX;
    market->day_end_ns = market->day_end_set ? (uint64_t)due : 0;
}

static uint8_t reference_shard_set(struct reference_market *market,
                                   const struct command_shard *terms, uint32_t expected,
                                   uint32_t *version)
{
    *version = market->shard_version;
    if (terms->day_end_set > 1 || terms->day_end_second > 86399 ||
        (terms->day_end_set == 0 && terms->day_end_second > 0) ||
        terms->cancel_only_ms > 86400000 ||
        !reference_zero(terms->reserved, sizeof terms->reserved)) {
        return ADMINISTRATION_INVALID;
    }
    if (market->shard_version > 0 && memcmp(&market->shard, terms, sizeof *terms) == 0) {
        return ADMINISTRATION_UNCHANGED;
    }
    if (expected != *version) {
        return ADMINISTRATION_CONFLICT;
    }
    market->shard = *terms;
    *version = ++market->shard_version;
    if (terms->cancel_only_ms == 0) {
        market->reopening = false;
        market->opens_ns = 0;
    }
    reference_arm(market);
    return ADMINISTRATION_DONE;
}

static uint8_t reference_administer(struct reference_market *market, const struct command *command,
                                    uint32_t *version)
{
    uint32_t expected = command->epoch;
    switch (command->type) {
    case COMMAND_INSTRUMENT_SET:
        return reference_instrument_set(market, &command->body.instrument, expected, false,
                                        version);
    case COMMAND_INSTRUMENT_STATE:
        return reference_instrument_set(market, &command->body.instrument, expected, true, version);
    case COMMAND_FIRM_SET:
        return reference_firm_set(market, &command->body.firm, expected, version);
    case COMMAND_SESSION_SET:
        return reference_session_set(market, &command->body.session, expected, version);
    case COMMAND_SESSION_END:
        return reference_session_end(market, &command->body.session_end, expected, version);
    default:
        return reference_shard_set(market, &command->body.shard, expected, version);
    }
}

static void reference_administration(struct reference_market *market, const struct command *command)
{
    struct reference_answer answer = {.request_id = command->input_number,
                                      .result = ADMINISTRATION_INVALID};
    const struct reference_answer *given = NULL;
    for (uint32_t i = 0; i < market->answers_count; i++) {
        if (market->answers[i].request_id == command->input_number) {
            given = &market->answers[i];
        }
    }
    if (given != NULL) {
        answer = *given;
    } else if (command->input_number != 0) {
        answer.result = reference_administer(market, command, &answer.version);
        if (market->answers_count == ADMIN_REQUESTS_MAX) {
            market->answers_count--;
            memmove(&market->answers[0], &market->answers[1],
                    market->answers_count * sizeof answer);
        }
        market->answers[market->answers_count++] = answer;
    }
    struct event *event = reference_event(market, EVENT_ADMINISTRATION);
    event->reason = answer.result;
    event->user_reference = answer.version;
    event->match_number = command->input_number;
}

static bool reference_grace_over(struct reference_market *market, uint32_t session_id)
{
    const struct reference_session *session = reference_session(market, session_id);
    return session->view.grace_runs && session->view.grace_ends_ns <= market->now_ns;
}

/* Cancel the order with the lowest id of those meant, until there is none: DAY orders, or those of
 * sessions that were away for too long. */
static void reference_sweep(struct reference_market *market, bool day_end)
{
    for (;;) {
        struct reference_order *lowest = NULL;
        for (uint32_t i = 0; i < market->orders_count; i++) {
            struct reference_order *order = &market->orders[i];
            bool meant = day_end ? order->time_in_force == TIF_DAY
                                 : reference_grace_over(market, order->session_id);
            if (meant && (lowest == NULL || order->order_id < lowest->order_id)) {
                lowest = order;
            }
        }
        if (lowest == NULL) {
            break;
        }
        reference_cancel(market, lowest, lowest->leaves,
                         day_end ? CANCEL_DAY_END : CANCEL_DISCONNECT);
        reference_remove(market, lowest);
    }
}

/* The end of all grace periods that are over. */
static void reference_graces(struct reference_market *market)
{
    reference_sweep(market, false);
    for (uint32_t i = 0; i < market->sessions_count; i++) {
        if (reference_grace_over(market, i + 1)) {
            reference_grace_end(&market->sessions[i]);
        }
    }
}

static void reference_timers(struct reference_market *market)
{
    if (market->day_end_set && market->now_ns >= market->day_end_ns) {
        reference_sweep(market, true);
        reference_arm(market);
    }
    reference_graces(market);
    if (market->reopening && market->now_ns >= market->opens_ns) {
        market->reopening = false;
        market->opens_ns = 0;
    }
}

void reference_market_opened(struct reference_market *market, uint64_t timestamp_ns, bool planned)
{
    uint64_t now_ns = timestamp_ns > market->now_ns ? timestamp_ns : market->now_ns;
    for (uint32_t i = 0; i < market->sessions_count; i++) {
        struct reference_session *session = &market->sessions[i];
        if (session->view.grace_runs) {
            session->view.grace_ends_ns = reference_later(now_ns, session->grace_length_ms);
        }
    }
    uint64_t opens_ns = reference_later(now_ns, market->shard.cancel_only_ms);
    if (!planned && market->shard.cancel_only_ms > 0) {
        market->reopening = opens_ns < UINT64_MAX;
        market->opens_ns = market->reopening ? opens_ns : 0;
    }
}

bool reference_market_due(const struct reference_market *market, uint64_t *due_ns)
{
    bool set = market->day_end_set || market->reopening;
    uint64_t first_ns = market->day_end_set ? market->day_end_ns : UINT64_MAX;
    if (market->reopening && market->opens_ns < first_ns) {
        first_ns = market->opens_ns;
    }
    for (uint32_t i = 0; i < market->sessions_count; i++) {
        const struct engine_session *view = &market->sessions[i].view;
        set |= view->grace_runs;
        if (view->grace_runs && view->grace_ends_ns < first_ns) {
            first_ns = view->grace_ends_ns;
        }
    }
    *due_ns = set ? first_ns : 0;
    return set;
}

static void reference_dispatch(struct reference_market *market, const struct command *command)
{
    switch (command->type) {
    case COMMAND_ORDER_ENTER:
        reference_enter(market, command);
        return;
    case COMMAND_ORDER_REPLACE:
        reference_replace(market, command);
        return;
    case COMMAND_ORDER_CANCEL:
        reference_reduce(market, command);
        return;
    case COMMAND_ACCOUNT_QUERY:
        reference_query(market, command);
        return;
    case COMMAND_SESSION_LOGON:
        reference_logon(market, command);
        return;
    case COMMAND_SESSION_LOGOFF:
        reference_logoff(market, command);
        return;
    case COMMAND_SITE_SILENT:
        reference_silent(market, command);
        return;
    default:
        if (command->type >= COMMAND_INSTRUMENT_SET && command->type <= COMMAND_SHARD_SET) {
            reference_administration(market, command);
        }
        return;
    }
}

void reference_market_apply(struct reference_market *market, const struct command *command)
{
    market->events_count = 0;
    market->totals.commands++;
    if (command->timestamp_ns > market->now_ns) {
        market->now_ns = command->timestamp_ns;
    }
    reference_timers(market);
    reference_dispatch(market, command);
    reference_graces(market); /* Those of no length. */
    for (uint32_t i = 0; i < market->sessions_count; i++) {
        market->sessions[i].view.open_orders =
            reference_open_orders(market, market->sessions[i].view.session_id);
    }
    market->totals.open_orders = market->orders_count;
}

struct engine_instrument reference_market_instrument(const struct reference_market *market,
                                                     uint32_t instrument_id)
{
    struct engine_instrument view = market->instruments[instrument_id - 1];
    for (uint32_t i = 0; i < market->orders_count; i++) {
        const struct reference_order *order = &market->orders[i];
        if (order->instrument_id != instrument_id) {
            continue;
        }
        view.open_orders++;
        bool buys = reference_buys(order->side);
        bool *set = buys ? &view.bid_set : &view.ask_set;
        int64_t *price = buys ? &view.bid_price : &view.ask_price;
        uint64_t *lots = buys ? &view.bid_lots : &view.ask_lots;
        if (!*set || (buys ? order->price > *price : order->price < *price)) {
            *lots = 0;
            *price = order->price;
            *set = true;
        }
        *lots += order->price == *price ? order->leaves : 0;
    }
    return view;
}
