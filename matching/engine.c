#include "matching/engine.h"

#include "matching/attach.h"
#include "matching/engine_inside.h"
#include "matching/matcher.h"
#include "matching/order_entry.h"

static bool engine_limits_valid(const struct engine_limits *limits)
{
    return limits->orders_max >= 1 && limits->orders_max <= ORDERS_MAX &&
           limits->price_levels_max >= 1 && limits->price_levels_max <= PRICE_LEVELS_MAX &&
           limits->instruments_max >= 1 && limits->instruments_max <= INSTRUMENTS_MAX &&
           limits->firms_max >= 1 && limits->firms_max <= FIRMS_MAX && limits->sessions_max >= 1 &&
           limits->sessions_max <= SESSIONS_MAX;
}

static struct market_limits engine_market_limits(const struct engine_limits *limits)
{
    return (struct market_limits){
        .orders_max = limits->orders_max,
        .price_levels_max = limits->price_levels_max,
        .instruments_max = limits->instruments_max,
        .firms_max = limits->firms_max,
        .sessions_max = limits->sessions_max,
    };
}

size_t engine_bytes(const struct engine_limits *limits)
{
    ASSERT(engine_limits_valid(limits));
    struct market_limits market_limits = engine_market_limits(limits);
    return sizeof(struct engine) + 64 + market_bytes(&market_limits);
}

enum status engine_create(struct engine **engine, struct arena *arena,
                          const struct engine_limits *limits)
{
    ASSERT(engine != NULL);
    if (!engine_limits_valid(limits)) {
        return STATUS_BAD_ARGUMENT;
    }
    *engine = arena_take(arena, 1, sizeof(struct engine), 64);
    if (*engine == NULL) {
        return STATUS_FULL;
    }
    struct market_limits market_limits = engine_market_limits(limits);
    return market_create(&(*engine)->market, arena, &market_limits);
}

/* A command may have set timers: one that is due at once fires in the next call. */
static enum status engine_settle(struct engine *engine)
{
    struct market *market = &engine->market;
    ASSERT(!engine->waits);
    market_schedule(market);
    engine->phase = market->due_ns <= market->timestamp_ns ? ENGINE_TIMERS : ENGINE_IDLE;
    return engine->phase == ENGINE_IDLE ? STATUS_OK : STATUS_MORE;
}

static enum status engine_silence(struct engine *engine)
{
    ASSERT(engine->phase == ENGINE_SILENCE);
    enum status status =
        attach_silence(&engine->market, engine->silent_site_id, &engine->silent_session_id);
    return status == STATUS_OK ? engine_settle(engine) : status;
}

static enum status engine_execute_other(struct engine *engine, const struct command *command)
{
    struct market *market = &engine->market;
    switch (command->type) {
    case COMMAND_TICK:
        return STATUS_OK;
    case COMMAND_ACCOUNT_QUERY:
        order_entry_query(market, command);
        return STATUS_OK;
    case COMMAND_SESSION_LOGON:
        attach_logon(market, command);
        return engine_settle(engine);
    case COMMAND_SESSION_LOGOFF:
        attach_logoff(market, command);
        return engine_settle(engine);
    case COMMAND_SITE_SILENT:
        engine->phase = ENGINE_SILENCE;
        engine->silent_site_id = command->site_id;
        engine->silent_session_id = 0;
        return engine_silence(engine);
    case COMMAND_INSTRUMENT_SET:
    case COMMAND_INSTRUMENT_STATE:
    case COMMAND_FIRM_SET:
    case COMMAND_SESSION_SET:
    case COMMAND_SESSION_END:
    case COMMAND_SHARD_SET:
        administration_execute(&engine->administration, market, command);
        return engine_settle(engine);
    default: /* A byte from a journal may hold any value: counted, nothing else. */
        return STATUS_OK;
    }
}

/* Execute a command in a batch that is still empty enough; the two most frequent kinds first. */
static inline enum status engine_begin(struct engine *engine, const struct command *command)
{
    ASSERT(event_writer_room(&engine->market.writer) >= EVENT_BATCH_MIN);
    enum status status = STATUS_OK;
    if (command->type == COMMAND_ORDER_ENTER) {
        status = order_entry_enter(&engine->market, command);
    } else if (command->type == COMMAND_ORDER_CANCEL) {
        order_entry_cancel(&engine->market, command);
    } else if (command->type == COMMAND_ORDER_REPLACE) {
        status = order_entry_replace(&engine->market, command);
    } else {
        return engine_execute_other(engine, command);
    }
    if (__builtin_expect(status == STATUS_MORE, 0)) {
        engine->phase = ENGINE_MATCH;
    }
    return status;
}

static inline void engine_start_batch(struct engine *engine, struct event_batch *events)
{
    ASSERT(events->capacity >= EVENT_BATCH_MIN);
    ASSERT(events->capacity <= EVENT_BATCH_MAX);
    event_writer_start(&engine->market.writer, events->events, events->capacity);
}

/* Sessions whose grace period is over lose their orders (rules.md 2.6). */
static enum status engine_fire_graces(struct engine *engine)
{
    struct participants *participants = &engine->market.participants;
    struct grace *grace = &participants->grace;
    enum status status = grace_collect(grace, engine->market.timestamp_ns);
    if (status == STATUS_MORE) {
        return status;
    }
    uint64_t open_orders = 0;
    for (uint32_t i = 0; i < grace->over_count; i++) {
        open_orders += participants->sessions[grace_over_session(grace, i)].open_orders;
    }
    if (open_orders > 0) {
        order_sweep_start(&engine->sweep, ORDER_SWEEP_DISCONNECT);
        engine->phase = ENGINE_SWEEP;
    } else {
        grace_forget(grace);
    }
    return STATUS_OK;
}

/* Fire the next timer that is due (rules.md 1.3); when there is none, go on to the command that
 * waits. */
static enum status engine_fire(struct engine *engine)
{
    struct market *market = &engine->market;
    uint64_t now_ns = market->timestamp_ns;
    uint64_t ends_ns = 0;
    ASSERT(engine->phase == ENGINE_TIMERS);
    if (timer_is_due(&market->day_end, now_ns)) {
        ASSERT(market->shard.day_end_set == 1);
        timer_set_daily(&market->day_end, now_ns, market->shard.day_end_second);
        order_sweep_start(&engine->sweep, ORDER_SWEEP_DAY);
        engine->phase = ENGINE_SWEEP;
    } else if (market->participants.grace.over_count > 0 ||
               (grace_next(&market->participants.grace, &ends_ns) && ends_ns <= now_ns)) {
        return engine_fire_graces(engine);
    } else {
        if (timer_is_due(&market->reopening, now_ns)) {
            timer_clear(&market->reopening);
        }
        market_schedule(market);
        engine->phase = engine->waits ? ENGINE_COMMAND : ENGINE_IDLE;
    }
    return STATUS_OK;
}

static enum status engine_sweep(struct engine *engine)
{
    ASSERT(engine->phase == ENGINE_SWEEP);
    enum status status = order_sweep_step(&engine->sweep, &engine->market);
    if (status == STATUS_OK) {
        grace_forget(&engine->market.participants.grace);
        engine->phase = ENGINE_TIMERS;
    }
    return status;
}

/* The command that waited. */
static enum status engine_command(struct engine *engine)
{
    ASSERT(engine->waits);
    if (event_writer_room(&engine->market.writer) < EVENT_BATCH_MIN) {
        return STATUS_MORE;
    }
    engine->waits = false;
    engine->phase = ENGINE_IDLE;
    return engine_begin(engine, &engine->waiting);
}

static enum status engine_continue(struct engine *engine)
{
    enum status status = STATUS_OK;
    while (engine->phase != ENGINE_IDLE && status == STATUS_OK) {
        switch (engine->phase) {
        case ENGINE_TIMERS:
            status = engine_fire(engine);
            break;
        case ENGINE_SWEEP:
            status = engine_sweep(engine);
            break;
        case ENGINE_COMMAND:
            status = engine_command(engine);
            break;
        case ENGINE_MATCH:
            status = matcher_run(&engine->market);
            engine->phase = status == STATUS_OK ? ENGINE_IDLE : ENGINE_MATCH;
            break;
        case ENGINE_SILENCE:
            status = engine_silence(engine);
            break;
        case ENGINE_IDLE:
            break;
        }
    }
    return status;
}

enum status engine_apply(struct engine *engine, const struct command *command,
                         struct event_batch *events)
{
    struct market *market = &engine->market;
    ASSERT(engine->phase == ENGINE_IDLE);

    engine_start_batch(engine, events);
    if (command->timestamp_ns > market->timestamp_ns) {
        market->timestamp_ns = command->timestamp_ns;
    }
    market->writer.timestamp_ns = market->timestamp_ns;
    market->totals.commands++;
    enum status status;
    if (__builtin_expect(market->timestamp_ns >= market->due_ns, 0)) {
        engine->waiting = *command;
        engine->waits = true;
        engine->phase = ENGINE_TIMERS;
        status = engine_continue(engine);
    } else {
        status = engine_begin(engine, command);
    }
    events->count = market->writer.count;
    return status;
}

/* rules.md 2.8, 7.3 */
void engine_term_opened(struct engine *engine, uint64_t timestamp_ns, bool planned)
{
    struct market *market = &engine->market;
    ASSERT(engine->phase == ENGINE_IDLE);
    uint64_t now_ns = timestamp_ns > market->timestamp_ns ? timestamp_ns : market->timestamp_ns;
    grace_restart(&market->participants.grace, now_ns);
    if (!planned && market->shard.cancel_only_ms > 0) {
        timer_set_later(&market->reopening, now_ns, market->shard.cancel_only_ms);
    }
    market_schedule(market);
    market->writer.hash = checksum_mix(market->writer.hash, timestamp_ns);
    market->writer.hash = checksum_mix(market->writer.hash, planned ? 1 : 0);
}

void engine_anticipate(const struct engine *engine, const struct command *commands, size_t count)
{
    for (uint32_t step = 0; step < ORDER_ENTRY_STEPS; step++) {
        size_t ahead = 2 * (size_t)(ORDER_ENTRY_STEPS - step);
        if (ahead < count) {
            order_entry_anticipate(&engine->market, &commands[ahead], step);
        }
    }
}

enum status engine_resume(struct engine *engine, struct event_batch *events)
{
    ASSERT(engine->phase != ENGINE_IDLE);

    engine_start_batch(engine, events);
    enum status status = engine_continue(engine);
    events->count = engine->market.writer.count;
    return status;
}

bool engine_due(const struct engine *engine, uint64_t *due_ns)
{
    ASSERT(due_ns != NULL);
    const struct market *market = &engine->market;
    if (!market->day_end.set && !market->reopening.set && market->participants.grace.count == 0) {
        return false;
    }
    *due_ns = market->due_ns;
    return true;
}

uint64_t engine_event_hash(const struct engine *engine)
{
    return checksum_mix(engine->market.writer.hash, engine->market.totals.commands);
}

uint64_t engine_checksum(const struct engine *engine)
{
    ASSERT(engine->phase == ENGINE_IDLE);

    uint64_t hash = market_checksum(&engine->market);
    /* By age, wherever the ring stands. */
    uint64_t count = engine->administration.count;
    uint64_t first = count < ADMIN_REQUESTS_MAX ? 0 : count - ADMIN_REQUESTS_MAX;
    for (uint64_t i = first; i < count; i++) {
        const struct administration_answer *answer =
            &engine->administration.answers[i % ADMIN_REQUESTS_MAX];
        hash = checksum_mix(hash, answer->request_id);
        hash = checksum_mix(hash, (uint64_t)answer->version << 8 | answer->result);
    }
    return checksum_mix(hash, count);
}

struct engine_totals engine_totals(const struct engine *engine)
{
    const struct market_totals *totals = &engine->market.totals;
    return (struct engine_totals){
        .commands = totals->commands,
        .orders_accepted = totals->orders_accepted,
        .orders_rejected = totals->orders_rejected,
        .executions = totals->executions,
        .duplicates = totals->duplicates,
        .stale = totals->stale,
        .open_orders = engine->market.space.pool.count,
    };
}

enum status engine_session_find(const struct engine *engine, const uint8_t name[SESSION_NAME_BYTES],
                                uint32_t *session_id)
{
    uint32_t id = participant_find_session(&engine->market.participants, name);
    if (id == 0) {
        return STATUS_NOT_FOUND;
    }
    *session_id = id;
    return STATUS_OK;
}

enum status engine_session_view(const struct engine *engine, uint32_t session_id,
                                struct engine_session *view)
{
    const struct participants *participants = &engine->market.participants;
    if (session_id - 1 >= participants->sessions_count) {
        return STATUS_NOT_FOUND;
    }
    const struct session *session = &participants->sessions[session_id];
    const struct session_profile *profile = &participants->profiles[session_id];
    *view = (struct engine_session){
        .session_id = session_id,
        .version = profile->version,
        .epoch = session->epoch,
        .attached_site_id = session->attached_site_id,
        .input_number_next = session->input_number_next,
        .generation = session->generation,
        .sequence_next = session->sequence_next,
        .open_orders = session->open_orders,
        .open_orders_max = session->open_orders_max,
        .maximum_age_ns = session->maximum_age_ns,
        .hash_operations = profile->terms.hash_operations,
        .hash_memory_kib = profile->terms.hash_memory_kib,
        .cancel_on_disconnect = profile->terms.cancel_on_disconnect == 1,
        .grace_ms = profile->terms.grace_ms,
        .grace_runs = grace_runs(&participants->grace, session_id),
        .grace_ends_ns = participants->grace.periods[session_id].ends_ns,
    };
    memcpy(view->name, profile->terms.name, sizeof view->name);
    memcpy(view->firm, profile->terms.firm, sizeof view->firm);
    memcpy(view->salt, profile->terms.salt, sizeof view->salt);
    memcpy(view->hash, profile->terms.hash, sizeof view->hash);
    return STATUS_OK;
}

enum status engine_instrument_find(const struct engine *engine, const uint8_t symbol[SYMBOL_BYTES],
                                   uint32_t *instrument_id)
{
    uint32_t id = instrument_find(&engine->market.instruments, symbol);
    if (id == 0) {
        return STATUS_NOT_FOUND;
    }
    *instrument_id = id;
    return STATUS_OK;
}

enum status engine_instrument_view(const struct engine *engine, uint32_t instrument_id,
                                   struct engine_instrument *view)
{
    const struct instruments *instruments = &engine->market.instruments;
    if (instrument_id - 1 >= instruments->count) {
        return STATUS_NOT_FOUND;
    }
    const struct instrument *instrument = &instruments->hot[instrument_id];
    const struct book_side *bids = &instrument->book.sides[BOOK_BIDS];
    const struct book_side *asks = &instrument->book.sides[BOOK_ASKS];
    *view = (struct engine_instrument){
        .instrument_id = instrument_id,
        .version = instruments->profiles[instrument_id].version,
        .terms = instruments->profiles[instrument_id].terms,
        .open_orders = instrument->open_orders,
        .bid_set = bids->best != 0,
        .ask_set = asks->best != 0,
    };
    if (view->bid_set) {
        view->bid_price = bids->best_price;
        view->bid_lots = engine->market.space.levels.levels[bids->best].lots;
    }
    if (view->ask_set) {
        view->ask_price = asks->best_price;
        view->ask_lots = engine->market.space.levels.levels[asks->best].lots;
    }
    return STATUS_OK;
}

enum status engine_firm_find(const struct engine *engine, const uint8_t name[FIRM_NAME_BYTES],
                             uint32_t *firm_id)
{
    uint32_t id = participant_find_firm(&engine->market.participants, name);
    if (id == 0) {
        return STATUS_NOT_FOUND;
    }
    *firm_id = id;
    return STATUS_OK;
}

enum status engine_firm_view(const struct engine *engine, uint32_t firm_id,
                             struct engine_firm *view)
{
    const struct participants *participants = &engine->market.participants;
    if (firm_id - 1 >= participants->firms_count) {
        return STATUS_NOT_FOUND;
    }
    const struct firm *firm = &participants->firms[firm_id];
    *view = (struct engine_firm){
        .firm_id = firm_id,
        .version = firm->version,
        .enabled = firm->enabled,
    };
    memcpy(view->name, firm->name, sizeof view->name);
    return STATUS_OK;
}

void engine_shard_view(const struct engine *engine, struct engine_shard *view)
{
    ASSERT(view != NULL);
    const struct market *market = &engine->market;
    *view = (struct engine_shard){.terms = market->shard,
                                  .version = market->shard_version,
                                  .reopening = market->reopening.set,
                                  .opens_ns = market->reopening.due_ns};
}

uint32_t engine_attached(const struct engine *engine, uint8_t site_id)
{
    ASSERT(site_id >= 1);
    ASSERT(site_id <= SITES_MAX);
    return engine->market.participants.attached_counts[site_id];
}
