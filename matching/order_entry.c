#include "matching/order_entry.h"

#include "matching/matcher.h"

#define ORDER_ENTRY_FLAGS     (COMMAND_HAS_DEADLINE | COMMAND_UNSUPPORTED)
#define ORDER_ENTRY_NS_PER_MS UINT64_C(1000000)

/* Not inlined into the path that most commands take. */
/* GCC takes a function that only prefetches for one without effect and drops its calls. */
#define ORDER_ENTRY_INLINE inline __attribute__((always_inline))

#define ORDER_ENTRY_COLD __attribute__((noinline, cold))

/* What an order comes to once it is judged. */
struct order_entry_asked {
    uint64_t lots; /* Open if it is accepted. */
    int64_t price;
    uint64_t tick_number; /* Of its price. */
    uint32_t own;         /* Side of the book. */
    bool rests;           /* It may. */
};

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
static inline bool order_entry_too_late(const struct market *market, const struct session *session,
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

/* May the session trade this instrument now? (rules.md 3.5, 7) */
static inline uint8_t order_entry_judge_moment(const struct market *market,
                                               const struct session *session,
                                               const struct command *command,
                                               const struct instrument *instrument)
{
    if (order_entry_too_late(market, session, command)) {
        return REJECT_TOO_LATE;
    }
    if (!market->participants.firms[session->firm_id].enabled) {
        return REJECT_FIRM;
    }
    if (market->reopening.set || instrument->state != TRADING_OPEN) {
        return REJECT_HALTED;
    }
    return 0;
}

static inline uint8_t order_entry_judge_price(const struct instrument *instrument,
                                              const struct command_order *terms,
                                              uint64_t *tick_number)
{
    if (terms->kind == ORDER_MARKET) {
        return terms->price == 0 ? 0 : REJECT_PRICE;
    }
    if (terms->price < instrument->price_min || terms->price > instrument->price_max ||
        !instrument_tick_number(instrument, terms->price, tick_number)) {
        return REJECT_PRICE;
    }
    return 0;
}

/* Is what it asks for an order of this instrument at all? (rules.md 3.6) */
static inline uint8_t order_entry_judge_details(const struct instrument *instrument,
                                                const struct command *command,
                                                uint64_t *tick_number)
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
    return order_entry_judge_price(instrument, terms, tick_number);
}

/* Could it rest, now or once it has traded? (rules.md 3.7) */
static inline uint8_t order_entry_judge_room(const struct market *market,
                                             const struct session *session,
                                             const struct instrument *instrument,
                                             const struct order_entry_asked *asked)
{
    if (!asked->rests) {
        return 0;
    }
    if (session->open_orders >= session->open_orders_max) {
        return REJECT_SESSION_ORDERS;
    }
    bool room = market->space.pool.count < market->space.pool.count_max &&
                book_has_room(&instrument->book, &market->space, asked->own, asked->tick_number,
                              asked->price, asked->lots);
    return room ? 0 : REJECT_SHARD_FULL;
}

/* Can it trade at once as much as it insists on? (rules.md 4.5) */
static inline bool order_entry_fits(const struct market *market,
                                    const struct instrument *instrument, uint32_t own,
                                    const struct command_order *terms, uint64_t lots)
{
    uint64_t needed_lots = terms->time_in_force == TIF_FOK ? lots : terms->minimum_lots;
    if (needed_lots == 0) {
        return true;
    }
    return needed_lots <= lots && book_holds(&instrument->book, &market->space, own,
                                             terms->kind == ORDER_LIMIT, terms->price, needed_lots);
}

static ORDER_ENTRY_COLD enum status order_entry_rejected(struct market *market,
                                                         struct session *session,
                                                         const struct command *command,
                                                         uint32_t instrument_id, uint8_t reason)
{
    ASSERT(reason > 0);
    ASSERT(reason < REJECT_COUNT);

    const struct command_order *terms = &command->body.order;
    event_writer_put_order(
        &market->writer,
        event_writer_head(EVENT_ORDER_REJECTED, terms->channel, reason, 0, command->session_id),
        participant_sequence(session), event_writer_reference(terms->user_reference, instrument_id),
        0, command);
    market->totals.orders_rejected++;
    return STATUS_OK;
}

/* The records of an order just accepted, but for its links. */
static inline void order_entry_describe(struct order *order, struct order_detail *detail,
                                        const struct command *command, uint32_t instrument_id,
                                        uint64_t order_id, uint32_t own)
{
    const struct command_order *terms = &command->body.order;
    order->leaves_lots = terms->quantity_lots;
    order->cumulative_lots = 0;
    order->user_reference = terms->user_reference;
    order->session_id = (uint16_t)command->session_id;
    order->instrument_id = (uint16_t)instrument_id;
    order->channel = terms->channel;
    order->side = terms->side;
    order->book_side = (uint8_t)own;
    order->reserved = 0;
    detail->order_id = order_id;
    detail->time_in_force = terms->time_in_force;
    detail->capacity = terms->capacity;
    detail->cross = terms->cross;
}

/* Nothing speaks against it: say so, then trade it or let it rest. */
static inline enum status order_entry_accept(struct market *market, struct session *session,
                                             const struct command *command, uint32_t instrument_id,
                                             uint64_t hash, const struct order_entry_asked *asked)
{
    const struct command_order *terms = &command->body.order;
    struct instrument *instrument = &market->instruments.hot[instrument_id];
    uint32_t own = asked->own;
    bool fits = order_entry_fits(market, instrument, own, terms, asked->lots);
    uint64_t order_id = market->order_id_next++;
    market->totals.orders_accepted++;
    event_writer_put_order(&market->writer,
                           event_writer_head(EVENT_ORDER_ACCEPTED, terms->channel, 0,
                                             fits ? 'L' : 'D', command->session_id),
                           participant_sequence(session),
                           event_writer_reference(terms->user_reference, instrument_id), order_id,
                           command);
    if (!fits) {
        return STATUS_OK;
    }
    if (asked->rests && !book_crosses(&instrument->book, own, terms->price)) {
        uint32_t slot = order_pool_take(&market->space.pool);
        order_entry_describe(&market->space.pool.orders[slot], &market->space.pool.details[slot],
                             command, instrument_id, order_id, own);
        market_rest(market, session, instrument, slot, hash, terms->price, asked->tick_number);
        return STATUS_OK;
    }
    struct market_incoming *incoming = &market->incoming;
    order_entry_describe(&incoming->order, &incoming->detail, command, instrument_id, order_id,
                         own);
    incoming->price = terms->price;
    incoming->limited = terms->kind == ORDER_LIMIT;
    return matcher_run(market);
}

/* Everything that most commands need is inline here: calls would cost as much as the work. */
__attribute__((flatten)) enum status order_entry_enter(struct market *market,
                                                       const struct command *command)
{
    const struct command_order *terms = &command->body.order;
    uint64_t hash = order_index_hash(&market->index, command->session_id, terms->channel,
                                     terms->user_reference);
    order_index_prefetch(&market->index, hash);
    struct session *session = participant_admit(&market->participants, command);
    if (session == NULL) {
        market->totals.stale++;
        return STATUS_OK;
    }
    if (terms->channel >= CHANNELS_MAX) {
        return order_entry_rejected(market, session, command, 0, REJECT_CHANNEL);
    }
    if (terms->user_reference <= session->references[terms->channel]) {
        market->totals.duplicates++;
        return STATUS_OK;
    }
    session->references[terms->channel] = terms->user_reference;

    uint32_t instrument_id = instrument_find(&market->instruments, terms->symbol);
    if (instrument_id == 0) {
        return order_entry_rejected(market, session, command, 0, REJECT_SYMBOL);
    }
    const struct instrument *instrument = &market->instruments.hot[instrument_id];
    struct order_entry_asked asked = {.lots = terms->quantity_lots,
                                      .price = terms->price,
                                      .own = book_side_index(terms->side),
                                      .rests = market_rests(terms->time_in_force)};
    uint8_t reason = order_entry_judge_moment(market, session, command, instrument);
    if (reason == 0) {
        reason = order_entry_judge_details(instrument, command, &asked.tick_number);
    }
    if (reason == 0) {
        reason = order_entry_judge_room(market, session, instrument, &asked);
    }
    if (reason != 0) {
        return order_entry_rejected(market, session, command, instrument_id, reason);
    }
    return order_entry_accept(market, session, command, instrument_id, hash, &asked);
}

/* The replace is right: its order takes the place of the one in `slot`. */
static enum status order_entry_swap(struct market *market, struct session *session,
                                    const struct command *command, uint32_t slot, uint64_t lots)
{
    const struct command_order *terms = &command->body.order;
    struct market_incoming *incoming = &market->incoming;
    struct order *order = &incoming->order;
    *order = market->space.pool.orders[slot];
    incoming->detail = market->space.pool.details[slot];
    const struct instrument *instrument = &market->instruments.hot[order->instrument_id];
    market_remove(market, session, slot, market_hash(market, order));

    order->leaves_lots = lots;
    order->user_reference = terms->user_reference;
    incoming->detail.order_id = market->order_id_next++;
    incoming->detail.time_in_force = terms->time_in_force;
    incoming->price = terms->price;
    incoming->limited = true;
    bool fits = order_entry_fits(market, instrument, order->book_side, terms, lots);
    struct command echo = *command;
    echo.body.order.side = order->side;
    echo.body.order.capacity = incoming->detail.capacity;
    echo.body.order.cross = incoming->detail.cross;
    echo.body.order.quantity_lots = lots;
    memcpy(echo.body.order.symbol, market->instruments.profiles[order->instrument_id].terms.symbol,
           SYMBOL_BYTES);
    event_writer_put_order(&market->writer,
                           event_writer_head(EVENT_ORDER_REPLACED, order->channel, 0,
                                             fits ? 'L' : 'D', order->session_id),
                           participant_sequence(session),
                           event_writer_reference(order->user_reference, order->instrument_id),
                           incoming->detail.order_id, &echo);
    return fits ? matcher_run(market) : STATUS_OK;
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
    uint64_t hash = order_index_hash(&market->index, command->session_id, terms->channel,
                                     terms->original_user_reference);
    uint32_t slot = order_index_find(&market->index, &market->space.pool, hash, command->session_id,
                                     terms->channel, terms->original_user_reference);
    if (slot == 0) {
        return STATUS_OK;
    }
    const struct order *original = &market->space.pool.orders[slot];
    const struct instrument *instrument = &market->instruments.hot[original->instrument_id];
    uint64_t tick_number = 0;
    uint64_t lots = terms->quantity_lots;
    uint8_t reason = order_entry_judge_moment(market, session, command, instrument);
    if (reason == 0) {
        if (order_entry_judge_details(instrument, command, &tick_number) != 0) {
            market_cancel(market, slot, CANCEL_SYSTEM);
            return STATUS_OK;
        }
        if (lots <= original->cumulative_lots) {
            market_cancel(market, slot, CANCEL_USER);
            return STATUS_OK;
        }
        lots -= original->cumulative_lots;
        bool room = !market_rests(terms->time_in_force) ||
                    book_has_room_without(&instrument->book, &market->space, original->book_side,
                                          tick_number, terms->price, lots, slot);
        reason = room ? 0 : REJECT_SHARD_FULL;
    }
    session->references[terms->channel] = terms->user_reference;
    if (reason != 0) {
        return order_entry_rejected(market, session, command, original->instrument_id, reason);
    }
    return order_entry_swap(market, session, command, slot, lots);
}

__attribute__((flatten)) void order_entry_cancel(struct market *market,
                                                 const struct command *command)
{
    const struct command_cancel *terms = &command->body.cancel;
    uint64_t hash = order_index_hash(&market->index, command->session_id, terms->channel,
                                     terms->user_reference);
    order_index_prefetch(&market->index, hash);
    struct session *session = participant_admit(&market->participants, command);
    if (session == NULL) {
        market->totals.stale++;
        return;
    }
    uint32_t slot = order_index_find(&market->index, &market->space.pool, hash, command->session_id,
                                     terms->channel, terms->user_reference);
    if (slot == 0) {
        return;
    }
    const struct order *order = &market->space.pool.orders[slot];
    market_prefetch(market, slot);
    uint64_t total_lots = order->cumulative_lots + order->leaves_lots;
    if (terms->quantity_lots >= total_lots) {
        return;
    }
    if (terms->quantity_lots <= order->cumulative_lots) {
        market_canceled(market, session, order, order->leaves_lots, CANCEL_USER);
        market_remove(market, session, slot, hash);
        return;
    }
    uint64_t lots = total_lots - terms->quantity_lots;
    market_canceled(market, session, order, lots, CANCEL_USER);
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

/* A cancel touches its order's place in the index, then the order, then its level and neighbours.
 */
static ORDER_ENTRY_INLINE void order_entry_anticipate_cancel(const struct market *market,
                                                             const struct command *command,
                                                             uint32_t step)
{
    const struct command_cancel *terms = &command->body.cancel;
    uint64_t hash = order_index_hash(&market->index, command->session_id, terms->channel,
                                     terms->user_reference);
    if (step == 0) {
        __builtin_prefetch(&market->participants.sessions[command->session_id], 1);
        order_index_prefetch(&market->index, hash);
        return;
    }
    uint32_t slot = order_index_guess(&market->index, hash);
    if (step == 1) {
        __builtin_prefetch(&market->space.pool.orders[slot], 1);
        __builtin_prefetch(&market->space.pool.links[slot], 1);
    } else {
        market_prefetch(market, slot);
    }
}

/* An order touches its place in the index, then what is near its price, then its level. */
static ORDER_ENTRY_INLINE void order_entry_anticipate_enter(const struct market *market,
                                                            const struct command *command,
                                                            uint32_t step)
{
    const struct command_order *terms = &command->body.order;
    if (step == 0) {
        __builtin_prefetch(&market->participants.sessions[command->session_id], 1);
        order_index_prefetch(&market->index,
                             order_index_hash(&market->index, command->session_id, terms->channel,
                                              terms->user_reference));
        return;
    }
    uint32_t instrument_id = instrument_find(&market->instruments, terms->symbol);
    const struct instrument *instrument = &market->instruments.hot[instrument_id];
    uint64_t tick_number;
    if (instrument_id == 0 || !instrument_tick_number(instrument, terms->price, &tick_number)) {
        return;
    }
    const struct price_tree *tree = &instrument->book.sides[book_side_index(terms->side)].tree;
    const struct price_levels *levels = &market->space.levels;
    const struct price_near *near = price_levels_near(levels, tree, tick_number);
    if (step == 1) {
        __builtin_prefetch(near, 1);
    } else {
        __builtin_prefetch(&levels->levels[near->level], 1);
    }
}

void order_entry_anticipate(const struct market *market, const struct command *command,
                            uint32_t step)
{
    ASSERT(step < ORDER_ENTRY_STEPS);
    if (command->session_id - 1 >= market->participants.sessions_count) {
        return;
    }
    if (command->type == COMMAND_ORDER_ENTER) {
        order_entry_anticipate_enter(market, command, step);
    } else if (command->type == COMMAND_ORDER_CANCEL) {
        order_entry_anticipate_cancel(market, command, step);
    }
}
