#include "tests/support/market_stream.h"

#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"

#define STREAM_SESSIONS    6u
#define STREAM_FIRMS       3u
#define STREAM_INSTRUMENTS 4u

struct engine_limits market_stream_limits(void)
{
    return (struct engine_limits){
        .orders_max = 32,
        .price_levels_max = 14,
        .instruments_max = STREAM_INSTRUMENTS,
        .firms_max = STREAM_FIRMS,
        .sessions_max = STREAM_SESSIONS,
    };
}

void market_stream_init(struct market_stream *stream, const struct reference_market *market,
                        uint64_t seed)
{
    memset(stream, 0, sizeof *stream);
    random_seed(&stream->random, seed);
    stream->market = market;
    stream->now_ns = UINT64_C(1700000000000000000);
    random_seed(&stream->openings, seed ^ 1);
}

static uint64_t stream_below(struct market_stream *stream, uint64_t bound)
{
    return random_below(&stream->random, bound);
}

/* True once in `times`. */
static bool stream_once_in(struct market_stream *stream, uint64_t times)
{
    return stream_below(stream, times) == 0;
}

/* One that is there, or the next one that could be; at the ceiling one too many, at times. */
static uint64_t stream_pick(struct market_stream *stream, uint64_t count, uint64_t count_max)
{
    if (count < count_max && stream_once_in(stream, 2)) {
        return count;
    }
    return stream_below(stream, stream_once_in(stream, 20) ? count + 1 : count + (count == 0));
}

static void stream_name(uint8_t *target, size_t bytes, char letter, uint64_t number)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%c%-20u", letter, (unsigned)number);
    memcpy(target, text, bytes);
}

/* What the instruments are like: a fine tick, one with factors of two, huge, negative prices. */
static void stream_terms(struct market_stream *stream, struct command_instrument *terms,
                         uint64_t number)
{
    static const int64_t ticks[] = {1, 56, INT64_C(1) << 61, 5};
    stream_name(terms->symbol, SYMBOL_BYTES, 'I', number);
    terms->tick_size = ticks[number % 4];
    terms->price_min = number % 4 == 2 ? -ORDER_PRICE_MAX : -40 * terms->tick_size;
    terms->price_max = number % 4 == 2 ? ORDER_PRICE_MAX : 40 * terms->tick_size;
    terms->quantity_lots_max = number % 2 == 0 ? 1000 : ORDER_LOTS_MAX;
    terms->state = TRADING_OPEN;
    if (number % 4 == 3) {
        terms->price_min = 0;
        terms->price_max = 200020;
        terms->equity = 1;
    }
    if (stream_once_in(stream, 20)) {
        terms->state = (uint8_t)(1 + stream_below(stream, 3));
    }
    if (stream_once_in(stream, 20)) {
        terms->price_max -= terms->tick_size;
    }
    if (stream_once_in(stream, 40)) {
        terms->quantity_decimals = 1;
    }
}

static void stream_instrument(struct market_stream *stream, struct command *command)
{
    uint64_t number = stream_pick(stream, stream->market->instruments_count, STREAM_INSTRUMENTS);
    command->type = COMMAND_INSTRUMENT_SET;
    stream_terms(stream, &command->body.instrument, number);
    if (number < stream->market->instruments_count) {
        command->epoch = stream->market->instruments[number].version;
        memcpy(command->body.instrument.symbol, stream->market->instruments[number].terms.symbol,
               SYMBOL_BYTES);
    }
    if (!stream_once_in(stream, 3)) {
        command->type = COMMAND_INSTRUMENT_STATE;
        command->body.instrument.state = (uint8_t)stream_below(stream, 20);
        if (command->body.instrument.state > 4) {
            command->body.instrument.state = TRADING_OPEN;
        }
    }
}

static void stream_session(struct market_stream *stream, struct command *command)
{
    uint64_t number = stream_pick(stream, stream->market->sessions_count, STREAM_SESSIONS);
    const struct reference_session *session =
        number < stream->market->sessions_count ? &stream->market->sessions[number] : NULL;
    if (stream_once_in(stream, 3)) {
        command->type = COMMAND_SESSION_END;
        stream_name(command->body.session_end.name, SESSION_NAME_BYTES, 'U', number);
        if (session != NULL) {
            memcpy(command->body.session_end.name, session->view.name, SESSION_NAME_BYTES);
        }
    } else {
        command->type = COMMAND_SESSION_SET;
        struct command_session *terms = &command->body.session;
        stream_name(terms->name, SESSION_NAME_BYTES, 'U', number);
        if (session != NULL) {
            *terms = session->terms;
        }
        stream_name(terms->firm, FIRM_NAME_BYTES, 'F', stream_below(stream, STREAM_FIRMS));
        terms->open_orders_max = (uint32_t)(1 + stream_below(stream, 20));
        terms->maximum_age_ns = stream_once_in(stream, 3) ? 50000000 : 0;
        terms->salt[3] = (uint8_t)stream_below(stream, 2);
        terms->cancel_on_disconnect = stream_once_in(stream, 3) ? 0 : 1;
        terms->grace_ms = 0;
        if (terms->cancel_on_disconnect == 1 && !stream_once_in(stream, 4)) {
            terms->grace_ms =
                (uint32_t)stream_below(stream, stream_once_in(stream, 2) ? 20 : GRACE_MS_MAX);
        }
    }
    command->epoch = session == NULL ? 0 : session->view.version;
}

static struct command stream_administration(struct market_stream *stream)
{
    struct command command = {0};
    uint64_t which = stream_below(stream, 10);
    if (which < 4) {
        stream_instrument(stream, &command);
    } else if (which < 7) {
        stream_session(stream, &command);
    } else if (which < 9) {
        uint64_t number = stream_pick(stream, stream->market->firms_count, STREAM_FIRMS);
        command.type = COMMAND_FIRM_SET;
        stream_name(command.body.firm.name, FIRM_NAME_BYTES, 'F', number);
        command.body.firm.enabled = stream_once_in(stream, 10) ? 0 : 1;
        if (number < stream->market->firms_count) {
            memcpy(command.body.firm.name, stream->market->firms[number].name, FIRM_NAME_BYTES);
            command.epoch = stream->market->firms[number].version;
        }
    } else {
        command.type = COMMAND_SHARD_SET;
        command.body.shard.day_end_set = stream_once_in(stream, 5) ? 0 : 1;
        command.body.shard.day_end_second =
            command.body.shard.day_end_set == 1 ? (uint32_t)stream_below(stream, 86400) : 0;
        command.body.shard.cancel_only_ms =
            stream_once_in(stream, 3) ? 0 : (uint32_t)stream_below(stream, 60);
        command.epoch = stream->market->shard_version;
    }
    if (stream_once_in(stream, 10)) {
        command.epoch = (uint32_t)stream_below(stream, 4);
    }
    command.input_number = ++stream->request_id;
    if (stream_once_in(stream, 12)) {
        command.input_number -= stream_below(stream, 3);
    }
    return command;
}

/* A client's command for a session that is attached, if there is one. */
static struct command stream_client(struct market_stream *stream, uint8_t type)
{
    struct command command = {.type = type, .site_id = 1};
    const struct reference_market *market = stream->market;
    command.session_id = 1 + (uint32_t)stream_below(stream, market->sessions_count + 1);
    if (command.session_id <= market->sessions_count) {
        const struct engine_session *view = &market->sessions[command.session_id - 1].view;
        command.epoch = view->epoch;
        command.input_number = view->input_number_next;
    }
    command.waited_ms = (uint32_t)(stream_once_in(stream, 10) ? stream_below(stream, 100) : 0);
    return command;
}

/* Some resting order, with its session's numbers; NULL: nothing rests. */
static const struct reference_order *stream_resting(struct market_stream *stream,
                                                    struct command *command)
{
    const struct reference_market *market = stream->market;
    if (market->orders_count == 0) {
        return NULL;
    }
    const struct reference_order *order =
        &market->orders[stream_below(stream, market->orders_count)];
    const struct engine_session *view = &market->sessions[order->session_id - 1].view;
    command->session_id = order->session_id;
    command->epoch = view->epoch;
    command->input_number = view->input_number_next;
    return order;
}

static uint32_t stream_reference(struct market_stream *stream, const struct command *command,
                                 uint8_t channel)
{
    const struct reference_market *market = stream->market;
    if (command->session_id == 0 || command->session_id > market->sessions_count ||
        channel >= CHANNELS_MAX) {
        return 1;
    }
    uint32_t last = market->sessions[command->session_id - 1].references[channel];
    if (stream_once_in(stream, 15)) {
        return (uint32_t)stream_below(stream, (uint64_t)last + 1);
    }
    return last + 1 + (uint32_t)(stream_once_in(stream, 20) ? stream_below(stream, 5) : 0);
}

static int64_t stream_price(struct market_stream *stream, uint32_t instrument_id)
{
    const struct reference_market *market = stream->market;
    if (instrument_id == 0 || instrument_id > market->instruments_count) {
        return 7;
    }
    const struct command_instrument *terms = &market->instruments[instrument_id - 1].terms;
    if (stream_once_in(stream, 40)) {
        static const int64_t odd[] = {0, 1, -1, INT64_MIN, INT64_MAX, 200000, 199995, 57, -57};
        return odd[stream_below(stream, sizeof odd / sizeof odd[0])];
    }
    if (stream_once_in(stream, 30)) {
        return stream_once_in(stream, 2) ? terms->price_max : terms->price_min;
    }
    int64_t ticks = (int64_t)stream_below(stream, stream_once_in(stream, 4) ? 80 : 8) - 4;
    if (terms->tick_size > INT64_MAX / 128) {
        ticks = (int64_t)stream_below(stream, 5) - 2;
    }
    return (terms->equity == 1 ? 100000 : 0) + ticks * terms->tick_size;
}

static uint64_t stream_lots(struct market_stream *stream)
{
    static const uint64_t odd[] = {
        0, 1000, 1001, ORDER_LOTS_MAX, ORDER_LOTS_MAX - 1, ORDER_LOTS_MAX + 1, UINT64_MAX};
    if (stream_once_in(stream, 12)) {
        return odd[stream_below(stream, sizeof odd / sizeof odd[0])];
    }
    return 1 + stream_below(stream, stream_once_in(stream, 8) ? 200 : 20);
}

/* What enter and replace have in common. */
static void stream_order(struct market_stream *stream, struct command *command)
{
    struct command_order *order = &command->body.order;
    static const uint8_t tifs[] = {TIF_DAY, TIF_DAY, TIF_GTC, TIF_GTC, TIF_IOC, TIF_FOK, 0, 5};
    order->time_in_force = tifs[stream_below(stream, stream_once_in(stream, 20) ? 8 : 6)];
    order->kind = ORDER_LIMIT;
    order->quantity_lots = stream_lots(stream);
    order->display = 'Y';
    order->capacity = (uint8_t)('A' + stream_below(stream, 3));
    order->sweep = 'N';
    order->cross = (uint8_t)('N' + stream_below(stream, 2));
    for (size_t i = 0; i < CLIENT_ORDER_ID_BYTES; i++) {
        order->client_order_id[i] = (uint8_t)('a' + stream_below(stream, 26));
    }
    if (order->time_in_force == TIF_IOC && stream_once_in(stream, 3)) {
        order->minimum_lots = 1 + stream_below(stream, 30);
    } else if (stream_once_in(stream, 60)) {
        order->minimum_lots = 1;
    }
    if (stream_once_in(stream, 20)) {
        command->flags |= COMMAND_HAS_DEADLINE;
        order->deadline_ns = stream->now_ns + stream_below(stream, 2000000);
    }
    if (stream_once_in(stream, 30)) {
        order->maximum_age_ns = 1 + stream_below(stream, 50000000);
    }
    if (stream_once_in(stream, 60)) {
        command->flags |= COMMAND_UNSUPPORTED;
        order->reject = (uint8_t)stream_below(stream, 22);
    }
    if (stream_once_in(stream, 200)) {
        command->flags |= (uint8_t)(4u << stream_below(stream, 6));
    }
}

static struct command stream_enter(struct market_stream *stream)
{
    struct command command = stream_client(stream, COMMAND_ORDER_ENTER);
    struct command_order *order = &command.body.order;
    stream_order(stream, &command);
    uint32_t instrument_id = 1 + (uint32_t)stream_below(stream, STREAM_INSTRUMENTS);
    stream_name(order->symbol, SYMBOL_BYTES, 'I', 99);
    if (instrument_id <= stream->market->instruments_count) {
        memcpy(order->symbol, stream->market->instruments[instrument_id - 1].terms.symbol,
               SYMBOL_BYTES);
    }
    if (stream_once_in(stream, 60)) {
        order->symbol[7] = 'x';
    }
    order->side = (uint8_t)(1 + (stream_once_in(stream, 2) ? 0 : stream_below(stream, 4)));
    if (stream_once_in(stream, 80)) {
        order->side = (uint8_t)(stream_below(stream, 2) * 5);
    }
    order->price = stream_price(stream, instrument_id);
    order->channel = (uint8_t)stream_below(stream, stream_once_in(stream, 20) ? 18 : 2);
    order->user_reference = stream_reference(stream, &command, order->channel);
    if (stream_once_in(stream, 10)) {
        order->kind = ORDER_MARKET;
        order->price = stream_once_in(stream, 10) ? 5 : 0;
        order->time_in_force = stream_once_in(stream, 10) ? TIF_DAY : TIF_IOC;
    } else if (stream_once_in(stream, 100)) {
        order->kind = (uint8_t)(stream_below(stream, 2) * 3);
    }
    return command;
}

static struct command stream_replace(struct market_stream *stream)
{
    struct command command = stream_client(stream, COMMAND_ORDER_REPLACE);
    struct command_order *order = &command.body.order;
    const struct reference_order *resting = stream_resting(stream, &command);
    stream_order(stream, &command);
    if (resting != NULL) {
        order->channel = resting->channel;
        order->original_user_reference = resting->reference;
        order->price = stream_once_in(stream, 4) ? resting->price
                                                 : stream_price(stream, resting->instrument_id);
        order->quantity_lots += stream_once_in(stream, 2) ? resting->executed : 0;
    }
    if (stream_once_in(stream, 20)) {
        order->original_user_reference = (uint32_t)stream_below(stream, 50);
        order->channel = (uint8_t)stream_below(stream, 18);
    }
    order->user_reference = stream_reference(stream, &command, order->channel);
    if (stream_once_in(stream, 60)) {
        order->kind = ORDER_MARKET;
    }
    return command;
}

static struct command stream_cancel(struct market_stream *stream)
{
    struct command command = stream_client(stream, COMMAND_ORDER_CANCEL);
    const struct reference_order *resting = stream_resting(stream, &command);
    if (resting != NULL) {
        command.body.cancel.channel = resting->channel;
        command.body.cancel.user_reference = resting->reference;
        uint64_t total = resting->executed + resting->leaves;
        if (!stream_once_in(stream, 3)) {
            command.body.cancel.quantity_lots = stream_below(stream, total + 3);
        }
    }
    if (stream_once_in(stream, 20)) {
        command.body.cancel.user_reference = (uint32_t)stream_below(stream, 50);
        command.body.cancel.channel = (uint8_t)stream_below(stream, 18);
    }
    return command;
}

static struct command stream_logon(struct market_stream *stream)
{
    struct command command = stream_client(stream, COMMAND_SESSION_LOGON);
    command.site_id = (uint8_t)(stream_once_in(stream, 20) ? stream_below(stream, 256)
                                                           : 1 + stream_below(stream, SITES_MAX));
    command.body.logon.connection_id = random_u64(&stream->random);
    return command;
}

/* Something that no door would make. */
static void stream_spoil(struct market_stream *stream, struct command *command)
{
    switch (stream_below(stream, 5)) {
    case 0:
        command->input_number += stream_below(stream, 3) - 1;
        break;
    case 1:
        command->epoch += (uint32_t)stream_below(stream, 3) - 1;
        break;
    case 2:
        command->session_id = (uint32_t)random_u64(&stream->random);
        break;
    case 3:
        command->body.bytes[stream_below(stream, sizeof command->body)] =
            (uint8_t)random_u64(&stream->random);
        break;
    default:
        command->type = (uint8_t)random_u64(&stream->random);
        break;
    }
}

static struct command stream_any(struct market_stream *stream)
{
    const struct reference_market *market = stream->market;
    uint64_t which = stream_below(stream, 1000);
    bool new_market =
        market->sessions_count < STREAM_SESSIONS || market->instruments_count < STREAM_INSTRUMENTS;
    if (which < (new_market ? 500 : 30)) {
        return stream_administration(stream);
    }
    if (which < 50 || (new_market && which < 600)) {
        return stream_logon(stream);
    }
    if (which < 57) {
        return stream_client(stream, COMMAND_SESSION_LOGOFF);
    }
    if (which < 58) {
        return (struct command){.type = COMMAND_SITE_SILENT,
                                .site_id = (uint8_t)stream_below(stream, SITES_MAX + 2)};
    }
    if (which < 75) {
        struct command command = stream_client(stream, COMMAND_ACCOUNT_QUERY);
        command.body.query.channel = (uint8_t)stream_below(stream, 18);
        return command;
    }
    if (which < 85) {
        return (struct command){.type = COMMAND_TICK};
    }
    if (which < 100) {
        /* The same order again, as after a lost connection. */
        struct command command = stream->last;
        if (command.session_id >= 1 && command.session_id <= market->sessions_count) {
            command.epoch = market->sessions[command.session_id - 1].view.epoch;
            command.input_number = market->sessions[command.session_id - 1].view.input_number_next;
        }
        return command;
    }
    if (which < 250) {
        return stream_replace(stream);
    }
    if (which < 420) {
        return stream_cancel(stream);
    }
    return stream_enter(stream);
}

/* Instead of a command that would be stale, since nobody is attached: mostly a logon, but often
 * only after a grace period has gone on for a while. */
static void stream_attach(struct market_stream *stream, struct command *command)
{
    const struct reference_market *market = stream->market;
    if (command->type > COMMAND_ACCOUNT_QUERY || command->session_id == 0 ||
        command->session_id > market->sessions_count ||
        market->sessions[command->session_id - 1].view.attached_site_id != 0 ||
        stream_once_in(stream, 10)) {
        return;
    }
    if (market->sessions[command->session_id - 1].view.grace_runs && !stream_once_in(stream, 8)) {
        return;
    }
    uint32_t session_id = command->session_id;
    *command = stream_logon(stream);
    command->session_id = session_id;
}

struct command market_stream_next(struct market_stream *stream)
{
    struct command command = stream_any(stream);
    stream_attach(stream, &command);
    if (stream_once_in(stream, 40)) {
        stream_spoil(stream, &command);
    }
    stream->now_ns += stream_below(stream, 1000000);
    if (stream_once_in(stream, 100)) {
        stream->now_ns += stream_below(stream, UINT64_C(7200000000000));
    }
    command.timestamp_ns = stream->now_ns;
    if (stream_once_in(stream, 50)) {
        command.timestamp_ns -= stream_below(stream, UINT64_C(10000000));
    }
    stream->last = command;
    return command;
}

bool market_stream_opens(struct market_stream *stream, uint64_t *timestamp_ns, bool *planned)
{
    uint64_t drawn = random_below(&stream->openings, 1000);
    *planned = drawn == 0;
    *timestamp_ns = stream->now_ns + random_below(&stream->openings, 30000000);
    *timestamp_ns -= random_below(&stream->openings, 10000000);
    return drawn < 4;
}
