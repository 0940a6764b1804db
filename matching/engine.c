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

static enum status engine_execute_other(struct engine *engine, const struct command *command)
{
    struct market *market = &engine->market;
    switch (command->type) {
    case COMMAND_TICK:
        return STATUS_OK;
    case COMMAND_ORDER_REPLACE:
        return order_entry_replace(market, command);
    case COMMAND_ACCOUNT_QUERY:
        order_entry_query(market, command);
        return STATUS_OK;
    case COMMAND_SESSION_LOGON:
        attach_logon(market, command);
        return STATUS_OK;
    case COMMAND_SESSION_LOGOFF:
        attach_logoff(market, command);
        return STATUS_OK;
    case COMMAND_INSTRUMENT_SET:
    case COMMAND_INSTRUMENT_STATE:
    case COMMAND_FIRM_SET:
    case COMMAND_SESSION_SET:
    case COMMAND_SESSION_END:
    case COMMAND_SHARD_SET:
        administration_execute(&engine->administration, market, command);
        return STATUS_OK;
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
    } else {
        status = engine_execute_other(engine, command);
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

/* A timer is due: it fires first, the command waits. */
static void engine_fire(struct engine *engine, const struct command *command)
{
    struct market *market = &engine->market;
    ASSERT(market->shard.day_end_set == 1);
    engine->waiting = *command;
    engine->phase = ENGINE_SWEEP;
    order_sweep_start(&engine->sweep);
    timer_set_daily(&market->day_end, market->timestamp_ns, market->shard.day_end_second);
}

static enum status engine_continue(struct engine *engine)
{
    enum status status = STATUS_OK;
    switch (engine->phase) {
    case ENGINE_SWEEP:
        status = order_sweep_step(&engine->sweep, &engine->market);
        if (status == STATUS_MORE) {
            return status;
        }
        if (event_writer_room(&engine->market.writer) < EVENT_BATCH_MIN) {
            engine->phase = ENGINE_COMMAND;
            return STATUS_MORE;
        }
        engine->phase = ENGINE_IDLE;
        return engine_begin(engine, &engine->waiting);
    case ENGINE_COMMAND:
        engine->phase = ENGINE_IDLE;
        return engine_begin(engine, &engine->waiting);
    case ENGINE_MATCH:
        status = matcher_run(&engine->market);
        engine->phase = status == STATUS_OK ? ENGINE_IDLE : ENGINE_MATCH;
        return status;
    case ENGINE_IDLE:
        break;
    }
    ASSERT(false);
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
    if (__builtin_expect(timer_is_due(&market->day_end, market->timestamp_ns), 0)) {
        engine_fire(engine, command);
        status = engine_continue(engine);
    } else {
        status = engine_begin(engine, command);
    }
    events->count = market->writer.count;
    return status;
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
    if (!engine->market.day_end.set) {
        return false;
    }
    *due_ns = engine->market.day_end.due_ns;
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

void engine_shard_view(const struct engine *engine, struct command_shard *view, uint32_t *version)
{
    ASSERT(view != NULL);
    ASSERT(version != NULL);
    *view = engine->market.shard;
    *version = engine->market.shard_version;
}
