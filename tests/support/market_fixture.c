#include "tests/support/market_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/limits.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/event_text.h"

struct engine_limits market_fixture_limits(void)
{
    return (struct engine_limits){
        .orders_max = 1000,
        .price_levels_max = 100,
        .instruments_max = 4,
        .firms_max = 4,
        .sessions_max = MARKET_FIXTURE_SESSIONS,
    };
}

void market_fixture_open(struct market_fixture *fixture, const struct engine_limits *limits,
                         uint32_t capacity)
{
    memset(fixture, 0, sizeof *fixture);
    size_t bytes = (engine_bytes(limits) + 63) / 64 * 64;
    fixture->memory = aligned_alloc(64, bytes);
    assert_non_null(fixture->memory);
    memset(fixture->memory, 0, bytes);
    struct arena arena;
    arena_init(&arena, fixture->memory, bytes);
    assert_int_equal(engine_create(&fixture->engine, &arena, limits), STATUS_OK);
    arena_seal(&arena);
    fixture->capacity = capacity;
    fixture->now_ns = MARKET_FIXTURE_NS;
}

void market_fixture_close(struct market_fixture *fixture)
{
    free(fixture->memory);
    fixture->memory = NULL;
    fixture->engine = NULL;
}

void market_fixture_forget(struct market_fixture *fixture)
{
    fixture->events_count = 0;
}

void market_fixture_apply(struct market_fixture *fixture, const struct command *command)
{
    struct event events[EVENT_BATCH_MIN * 4];
    assert_true(fixture->capacity <= EVENT_BATCH_MIN * 4);
    struct event_batch batch = {.events = events, .capacity = fixture->capacity};
    fixture->calls = 1;
    enum status status = engine_apply(fixture->engine, command, &batch);
    for (;;) {
        assert_true(batch.count <= batch.capacity);
        assert_true(fixture->events_count + batch.count <= MARKET_FIXTURE_EVENTS);
        memcpy(&fixture->events[fixture->events_count], events, batch.count * sizeof events[0]);
        fixture->events_count += batch.count;
        if (status != STATUS_MORE) {
            break;
        }
        fixture->calls++;
        status = engine_resume(fixture->engine, &batch);
    }
    assert_int_equal(status, STATUS_OK);
}

void market_fixture_name(uint8_t *target, size_t bytes, const char *name)
{
    size_t length = strlen(name);
    ASSERT(length <= bytes);
    memset(target, ' ', bytes);
    memcpy(target, name, length);
}

struct command market_fixture_client(struct market_fixture *fixture, uint8_t type,
                                     uint32_t session_id)
{
    ASSERT(session_id <= MARKET_FIXTURE_SESSIONS);
    return (struct command){
        .timestamp_ns = fixture->now_ns,
        .input_number = ++fixture->input_numbers[session_id],
        .session_id = session_id,
        .epoch = fixture->epochs[session_id],
        .type = type,
        .site_id = 1,
    };
}

struct command market_fixture_order(struct market_fixture *fixture, uint32_t session_id,
                                    uint32_t reference, uint8_t side, uint64_t lots, int64_t price,
                                    uint8_t time_in_force)
{
    struct command command = market_fixture_client(fixture, COMMAND_ORDER_ENTER, session_id);
    struct command_order *order = &command.body.order;
    market_fixture_name(order->symbol, SYMBOL_BYTES, "ABC");
    order->side = side;
    order->time_in_force = time_in_force;
    order->kind = ORDER_LIMIT;
    order->user_reference = reference;
    order->quantity_lots = lots;
    order->price = price;
    return command;
}

struct command market_fixture_replacement(struct market_fixture *fixture, uint32_t session_id,
                                          uint32_t original, uint32_t reference, uint64_t lots,
                                          int64_t price, uint8_t time_in_force)
{
    struct command command = market_fixture_client(fixture, COMMAND_ORDER_REPLACE, session_id);
    struct command_order *order = &command.body.order;
    order->time_in_force = time_in_force;
    order->kind = ORDER_LIMIT;
    order->user_reference = reference;
    order->original_user_reference = original;
    order->quantity_lots = lots;
    order->price = price;
    return command;
}

struct command market_fixture_administration(struct market_fixture *fixture, uint8_t type,
                                             uint32_t version)
{
    return (struct command){
        .timestamp_ns = fixture->now_ns,
        .input_number = ++fixture->request_id,
        .epoch = version,
        .type = type,
    };
}

struct command market_fixture_instrument(struct market_fixture *fixture, const char *symbol,
                                         uint32_t version)
{
    struct command command =
        market_fixture_administration(fixture, COMMAND_INSTRUMENT_SET, version);
    struct command_instrument *terms = &command.body.instrument;
    market_fixture_name(terms->symbol, SYMBOL_BYTES, symbol);
    terms->tick_size = 5;
    terms->price_min = 5;
    terms->price_max = 1000000;
    terms->quantity_lots_max = 1000000;
    terms->price_decimals = 4;
    terms->state = TRADING_OPEN;
    return command;
}

struct command market_fixture_session(struct market_fixture *fixture, const char *name,
                                      const char *firm, uint32_t version)
{
    struct command command = market_fixture_administration(fixture, COMMAND_SESSION_SET, version);
    struct command_session *terms = &command.body.session;
    market_fixture_name(terms->name, SESSION_NAME_BYTES, name);
    market_fixture_name(terms->firm, FIRM_NAME_BYTES, firm);
    terms->open_orders_max = 900;
    return command;
}

struct command market_fixture_firm(struct market_fixture *fixture, const char *name, bool enabled,
                                   uint32_t version)
{
    struct command command = market_fixture_administration(fixture, COMMAND_FIRM_SET, version);
    market_fixture_name(command.body.firm.name, FIRM_NAME_BYTES, name);
    command.body.firm.enabled = enabled ? 1 : 0;
    return command;
}

void market_fixture_enter(struct market_fixture *fixture, uint32_t session_id, uint32_t reference,
                          uint8_t side, uint64_t lots, int64_t price, uint8_t time_in_force)
{
    struct command command =
        market_fixture_order(fixture, session_id, reference, side, lots, price, time_in_force);
    market_fixture_apply(fixture, &command);
}

void market_fixture_replace(struct market_fixture *fixture, uint32_t session_id, uint32_t original,
                            uint32_t reference, uint64_t lots, int64_t price, uint8_t time_in_force)
{
    struct command command = market_fixture_replacement(fixture, session_id, original, reference,
                                                        lots, price, time_in_force);
    market_fixture_apply(fixture, &command);
}

void market_fixture_cancel(struct market_fixture *fixture, uint32_t session_id, uint32_t reference,
                           uint64_t lots)
{
    struct command command = market_fixture_client(fixture, COMMAND_ORDER_CANCEL, session_id);
    command.body.cancel.user_reference = reference;
    command.body.cancel.quantity_lots = lots;
    market_fixture_apply(fixture, &command);
}

void market_fixture_state(struct market_fixture *fixture, const char *symbol, uint8_t state,
                          uint32_t version)
{
    struct command command =
        market_fixture_administration(fixture, COMMAND_INSTRUMENT_STATE, version);
    market_fixture_name(command.body.instrument.symbol, SYMBOL_BYTES, symbol);
    command.body.instrument.state = state;
    market_fixture_apply(fixture, &command);
}

void market_fixture_logon(struct market_fixture *fixture, uint32_t session_id, uint8_t site_id,
                          uint64_t connection_id)
{
    struct command command = {
        .timestamp_ns = fixture->now_ns,
        .session_id = session_id,
        .type = COMMAND_SESSION_LOGON,
        .site_id = site_id,
        .body.logon.connection_id = connection_id,
    };
    market_fixture_apply(fixture, &command);
    fixture->epochs[session_id]++;
    fixture->input_numbers[session_id] = 0;
}

void market_fixture_trade(struct market_fixture *fixture)
{
    struct command commands[4];
    commands[0] = market_fixture_firm(fixture, "FRMA", true, 0);
    commands[1] = market_fixture_instrument(fixture, "ABC", 0);
    commands[2] = market_fixture_session(fixture, "S1", "FRMA", 0);
    commands[3] = market_fixture_session(fixture, "S2", "FRMA", 0);
    for (size_t i = 0; i < 4; i++) {
        market_fixture_apply(fixture, &commands[i]);
        assert_int_equal(fixture->events[fixture->events_count - 1].reason, ADMINISTRATION_DONE);
    }
    market_fixture_logon(fixture, 1, 1, 1);
    market_fixture_logon(fixture, 2, 1, 2);
    market_fixture_forget(fixture);
}

void market_fixture_expect(struct market_fixture *fixture, const char *lines)
{
    size_t bytes = fixture->events_count * (size_t)EVENT_TEXT_BYTES + 1;
    char *text = malloc(bytes);
    assert_non_null(text);
    size_t used = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < fixture->events_count; i++) {
        char line[EVENT_TEXT_BYTES];
        size_t length = event_text(line, &fixture->events[i], MARKET_FIXTURE_NS);
        memcpy(text + used, line, length);
        used += length;
        text[used++] = '\n';
        text[used] = 0;
    }
    assert_string_equal(text, lines);
    free(text);
    market_fixture_forget(fixture);
}
