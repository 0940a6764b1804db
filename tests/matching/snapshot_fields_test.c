/* No field of the engine's state is forgotten in snapshots: checked by machine.
 *
 * Every field of every struct that the state is made of is listed here with what it is. A field
 * that is missing here does not compile (a positional initializer falls short of it), nor does a
 * struct of another size. What is listed as KEPT must change the bytes when it changes, each byte
 * of it, must be set in the market of this test, and must be there again after reading; what is
 * DERIVED must be there again, too. */
#include "matching/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "matching/engine_inside.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/engine_bytes.h"
#include "tests/support/market_fixture.h"
#include "tests/support/test_seed.h"

/* The second makes of a field that is not listed an error. */
#pragma GCC diagnostic ignored "-Wmissing-braces"
#pragma GCC diagnostic error "-Wmissing-field-initializers"

enum kind {
    KEPT,     /* Written and read as it is. */
    COUNT,    /* Likewise; says how many records follow, so that only its last byte is changed. */
    FLAG,     /* Likewise; 0 or 1. */
    DERIVED,  /* Follows from what is KEPT. */
    NESTED,   /* A struct with a list of its own. */
    PLACE,    /* Where something lies: slots, pointers, tables. */
    SCRATCH,  /* Means nothing between two commands. */
    RESERVED, /* Zero. */
};

struct field {
    const char *name;
    size_t offset;
    size_t bytes;
    enum kind kind;
};

/* X(type, field, shape, kind) for every field, in order; the shape is ONE value or a LIST of them.
 */
#define ENGINE_FIELDS(X, T)                                                                        \
    X(T, market, LIST, NESTED)                                                                     \
    X(T, phase, ONE, SCRATCH)                                                                      \
    X(T, waits, ONE, SCRATCH)                                                                      \
    X(T, silent_site_id, ONE, SCRATCH)                                                             \
    X(T, silent_session_id, ONE, SCRATCH)                                                          \
    X(T, waiting, LIST, SCRATCH)                                                                   \
    X(T, sweep, LIST, SCRATCH)                                                                     \
    X(T, administration, LIST, NESTED)
#define MARKET_FIELDS(X, T)                                                                        \
    X(T, writer, LIST, NESTED)                                                                     \
    X(T, timestamp_ns, ONE, KEPT)                                                                  \
    X(T, order_id_next, ONE, KEPT)                                                                 \
    X(T, match_number_next, ONE, KEPT)                                                             \
    X(T, totals, LIST, NESTED)                                                                     \
    X(T, space, LIST, NESTED)                                                                      \
    X(T, index, LIST, PLACE)                                                                       \
    X(T, instruments, LIST, NESTED)                                                                \
    X(T, participants, LIST, NESTED)                                                               \
    X(T, incoming, LIST, SCRATCH)                                                                  \
    X(T, day_end, LIST, NESTED)                                                                    \
    X(T, reopening, LIST, NESTED)                                                                  \
    X(T, shard, LIST, NESTED)                                                                      \
    X(T, shard_version, ONE, KEPT)                                                                 \
    X(T, due_ns, ONE, DERIVED)
#define EVENT_WRITER_FIELDS(X, T)                                                                  \
    X(T, events, ONE, SCRATCH)                                                                     \
    X(T, capacity, ONE, SCRATCH)                                                                   \
    X(T, count, ONE, SCRATCH)                                                                      \
    X(T, timestamp_ns, ONE, DERIVED)                                                               \
    X(T, hash, ONE, KEPT)
#define MARKET_TOTALS_FIELDS(X, T)                                                                 \
    X(T, commands, ONE, KEPT)                                                                      \
    X(T, orders_accepted, ONE, KEPT)                                                               \
    X(T, orders_rejected, ONE, KEPT)                                                               \
    X(T, executions, ONE, KEPT)                                                                    \
    X(T, duplicates, ONE, KEPT)                                                                    \
    X(T, stale, ONE, KEPT)
#define TIMER_FIELDS(X, T)                                                                         \
    X(T, due_ns, ONE, KEPT)                                                                        \
    X(T, set, ONE, FLAG)
#define COMMAND_SHARD_FIELDS(X, T)                                                                 \
    X(T, day_end_second, ONE, KEPT)                                                                \
    X(T, day_end_set, ONE, KEPT)                                                                   \
    X(T, reserved, LIST, RESERVED)                                                                 \
    X(T, cancel_only_ms, ONE, KEPT)
#define BOOK_SPACE_FIELDS(X, T)                                                                    \
    X(T, pool, LIST, NESTED)                                                                       \
    X(T, levels, LIST, NESTED)
#define ORDER_POOL_FIELDS(X, T)                                                                    \
    X(T, orders, ONE, PLACE)                                                                       \
    X(T, details, ONE, PLACE)                                                                      \
    X(T, links, ONE, PLACE)                                                                        \
    X(T, count_max, ONE, KEPT)                                                                     \
    X(T, count, ONE, DERIVED)                                                                      \
    X(T, used_max, ONE, PLACE)                                                                     \
    X(T, free_head, ONE, PLACE)
#define PRICE_LEVELS_FIELDS(X, T)                                                                  \
    X(T, levels, ONE, PLACE)                                                                       \
    X(T, nodes, ONE, PLACE)                                                                        \
    X(T, near, ONE, PLACE)                                                                         \
    X(T, count_max, ONE, KEPT)                                                                     \
    X(T, trees_max, ONE, DERIVED)                                                                  \
    X(T, count, ONE, DERIVED)                                                                      \
    X(T, levels_used_max, ONE, PLACE)                                                              \
    X(T, levels_free, ONE, PLACE)                                                                  \
    X(T, nodes_used_max, ONE, PLACE)                                                               \
    X(T, nodes_free, ONE, PLACE)
#define INSTRUMENTS_FIELDS(X, T)                                                                   \
    X(T, hot, ONE, PLACE)                                                                          \
    X(T, profiles, ONE, PLACE)                                                                     \
    X(T, symbols, LIST, PLACE)                                                                     \
    X(T, count, ONE, COUNT)                                                                        \
    X(T, count_max, ONE, KEPT)
#define INSTRUMENT_FIELDS(X, T)                                                                    \
    X(T, book, LIST, NESTED)                                                                       \
    X(T, tick_inverse, ONE, DERIVED)                                                               \
    X(T, tick_bias, ONE, DERIVED)                                                                  \
    X(T, tick_number_max, ONE, DERIVED)                                                            \
    X(T, price_min, ONE, DERIVED)                                                                  \
    X(T, price_max, ONE, DERIVED)                                                                  \
    X(T, quantity_lots_max, ONE, DERIVED)                                                          \
    X(T, symbol, ONE, DERIVED)                                                                     \
    X(T, tick_twos, ONE, DERIVED)                                                                  \
    X(T, open_orders, ONE, DERIVED)                                                                \
    X(T, state, ONE, DERIVED)                                                                      \
    X(T, reserved, LIST, RESERVED)
#define BOOK_FIELDS(X, T) X(T, sides, LIST, NESTED)
#define BOOK_SIDE_FIELDS(X, T)                                                                     \
    X(T, lots, ONE, DERIVED)                                                                       \
    X(T, best_price, ONE, DERIVED)                                                                 \
    X(T, best, ONE, PLACE)                                                                         \
    X(T, tree, LIST, PLACE)
#define INSTRUMENT_PROFILE_FIELDS(X, T)                                                            \
    X(T, terms, LIST, NESTED)                                                                      \
    X(T, version, ONE, KEPT)
#define COMMAND_INSTRUMENT_FIELDS(X, T)                                                            \
    X(T, symbol, LIST, KEPT)                                                                       \
    X(T, tick_size, ONE, KEPT)                                                                     \
    X(T, price_max, ONE, KEPT)                                                                     \
    X(T, price_min, ONE, KEPT)                                                                     \
    X(T, quantity_lots_max, ONE, KEPT)                                                             \
    X(T, price_decimals, ONE, KEPT)                                                                \
    X(T, quantity_decimals, ONE, KEPT)                                                             \
    X(T, state, ONE, KEPT)                                                                         \
    X(T, equity, ONE, KEPT)                                                                        \
    X(T, reserved, LIST, RESERVED)
#define PRICE_LEVEL_FIELDS(X, T)                                                                   \
    X(T, head, ONE, PLACE)                                                                         \
    X(T, tail, ONE, PLACE)                                                                         \
    X(T, lots, ONE, DERIVED)                                                                       \
    X(T, price, ONE, KEPT)                                                                         \
    X(T, node, ONE, PLACE)                                                                         \
    X(T, slot, ONE, DERIVED)                                                                       \
    X(T, reserved, LIST, RESERVED)
#define ORDER_FIELDS(X, T)                                                                         \
    X(T, leaves_lots, ONE, KEPT)                                                                   \
    X(T, cumulative_lots, ONE, KEPT)                                                               \
    X(T, user_reference, ONE, KEPT)                                                                \
    X(T, level, ONE, PLACE)                                                                        \
    X(T, session_id, ONE, KEPT)                                                                    \
    X(T, instrument_id, ONE, DERIVED)                                                              \
    X(T, channel, ONE, KEPT)                                                                       \
    X(T, side, ONE, KEPT)                                                                          \
    X(T, book_side, ONE, DERIVED)                                                                  \
    X(T, reserved, ONE, RESERVED)
#define ORDER_DETAIL_FIELDS(X, T)                                                                  \
    X(T, order_id, ONE, KEPT)                                                                      \
    X(T, sweep_next, ONE, SCRATCH)                                                                 \
    X(T, time_in_force, ONE, KEPT)                                                                 \
    X(T, capacity, ONE, KEPT)                                                                      \
    X(T, cross, ONE, KEPT)                                                                         \
    X(T, reserved, ONE, RESERVED)
#define PARTICIPANTS_FIELDS(X, T)                                                                  \
    X(T, sessions, ONE, PLACE)                                                                     \
    X(T, profiles, ONE, PLACE)                                                                     \
    X(T, firms, ONE, PLACE)                                                                        \
    X(T, grace, LIST, NESTED)                                                                      \
    X(T, attached_counts, LIST, DERIVED)                                                           \
    X(T, session_names, LIST, PLACE)                                                               \
    X(T, firm_names, LIST, PLACE)                                                                  \
    X(T, sessions_count, ONE, COUNT)                                                               \
    X(T, sessions_max, ONE, KEPT)                                                                  \
    X(T, firms_count, ONE, COUNT)                                                                  \
    X(T, firms_max, ONE, KEPT)
#define GRACE_FIELDS(X, T)                                                                         \
    X(T, periods, ONE, PLACE)                                                                      \
    X(T, over, ONE, PLACE)                                                                         \
    X(T, places, ONE, PLACE)                                                                       \
    X(T, count, ONE, DERIVED)                                                                      \
    X(T, over_count, ONE, SCRATCH)                                                                 \
    X(T, sessions_max, ONE, DERIVED)
#define GRACE_PERIOD_FIELDS(X, T)                                                                  \
    X(T, ends_ns, ONE, KEPT)                                                                       \
    X(T, length_ms, ONE, KEPT)                                                                     \
    X(T, place, ONE, PLACE)
#define SESSION_FIELDS(X, T)                                                                       \
    X(T, input_number_next, ONE, KEPT)                                                             \
    X(T, sequence_next, ONE, KEPT)                                                                 \
    X(T, maximum_age_ns, ONE, DERIVED)                                                             \
    X(T, epoch, ONE, KEPT)                                                                         \
    X(T, open_orders, ONE, DERIVED)                                                                \
    X(T, open_orders_max, ONE, DERIVED)                                                            \
    X(T, firm_id, ONE, DERIVED)                                                                    \
    X(T, attached_site_id, ONE, KEPT)                                                              \
    X(T, reserved, ONE, RESERVED)                                                                  \
    X(T, references, LIST, KEPT)                                                                   \
    X(T, generation, ONE, KEPT)                                                                    \
    X(T, reserved_2, LIST, RESERVED)
#define SESSION_PROFILE_FIELDS(X, T)                                                               \
    X(T, terms, LIST, NESTED)                                                                      \
    X(T, version, ONE, KEPT)
#define COMMAND_SESSION_FIELDS(X, T)                                                               \
    X(T, name, LIST, KEPT)                                                                         \
    X(T, cancel_on_disconnect, ONE, KEPT)                                                          \
    X(T, reserved, ONE, RESERVED)                                                                  \
    X(T, firm, LIST, KEPT)                                                                         \
    X(T, open_orders_max, ONE, KEPT)                                                               \
    X(T, maximum_age_ns, ONE, KEPT)                                                                \
    X(T, hash_operations, ONE, KEPT)                                                               \
    X(T, hash_memory_kib, ONE, KEPT)                                                               \
    X(T, salt, LIST, KEPT)                                                                         \
    X(T, hash, LIST, KEPT)                                                                         \
    X(T, grace_ms, ONE, KEPT)                                                                      \
    X(T, reserved_2, LIST, RESERVED)
#define FIRM_FIELDS(X, T)                                                                          \
    X(T, version, ONE, KEPT)                                                                       \
    X(T, name, LIST, KEPT)                                                                         \
    X(T, enabled, ONE, FLAG)                                                                       \
    X(T, reserved, LIST, RESERVED)
#define ADMINISTRATION_FIELDS(X, T)                                                                \
    X(T, answers, LIST, NESTED)                                                                    \
    X(T, count, ONE, COUNT)
#define ADMINISTRATION_ANSWER_FIELDS(X, T)                                                         \
    X(T, request_id, ONE, KEPT)                                                                    \
    X(T, version, ONE, KEPT)                                                                       \
    X(T, result, ONE, KEPT)                                                                        \
    X(T, reserved, LIST, RESERVED)

#define ZERO_ONE 0
/* clang-format off */
#define ZERO_LIST {0}
/* clang-format on */
#define ZERO(type, field, shape, kind) ZERO_##shape,
#define ROW(type, field, shape, kind)                                                              \
    {#field, offsetof(type, field), sizeof(((type *)NULL)->field), kind},

struct layout {
    const char *name;
    const struct field *fields;
    uint32_t count;
    const void *census; /* One of all zeros, with an initializer for each field listed. */
    size_t bytes;
};

#define CENSUS(type, FIELDS, size)                                                                 \
    static_assert(sizeof(struct type) == (size), "list the new field above, its size here");       \
    static const struct type type##_census = {FIELDS(ZERO, struct type)};                          \
    static const struct field type##_fields[] = {FIELDS(ROW, struct type)};                        \
    static const struct layout type##_layout = {#type, type##_fields,                              \
                                                sizeof type##_fields / sizeof type##_fields[0],    \
                                                &type##_census, sizeof type##_census}

CENSUS(engine, ENGINE_FIELDS, 33512);
CENSUS(market, MARKET_FIELDS, 560);
CENSUS(event_writer, EVENT_WRITER_FIELDS, 32);
CENSUS(market_totals, MARKET_TOTALS_FIELDS, 48);
CENSUS(timer, TIMER_FIELDS, 16);
CENSUS(command_shard, COMMAND_SHARD_FIELDS, 12);
CENSUS(book_space, BOOK_SPACE_FIELDS, 96);
CENSUS(order_pool, ORDER_POOL_FIELDS, 40);
CENSUS(price_levels, PRICE_LEVELS_FIELDS, 56);
CENSUS(instruments, INSTRUMENTS_FIELDS, 48);
CENSUS(instrument, INSTRUMENT_FIELDS, 136);
CENSUS(book, BOOK_FIELDS, 64);
CENSUS(book_side, BOOK_SIDE_FIELDS, 32);
CENSUS(instrument_profile, INSTRUMENT_PROFILE_FIELDS, 56);
CENSUS(command_instrument, COMMAND_INSTRUMENT_FIELDS, 48);
CENSUS(price_level, PRICE_LEVEL_FIELDS, 32);
CENSUS(order, ORDER_FIELDS, 32);
CENSUS(order_detail, ORDER_DETAIL_FIELDS, 16);
CENSUS(participants, PARTICIPANTS_FIELDS, 168);
CENSUS(grace, GRACE_FIELDS, 40);
CENSUS(grace_period, GRACE_PERIOD_FIELDS, 16);
CENSUS(session, SESSION_FIELDS, 128);
CENSUS(session_profile, SESSION_PROFILE_FIELDS, 96);
CENSUS(command_session, COMMAND_SESSION_FIELDS, 88);
CENSUS(firm, FIRM_FIELDS, 16);
CENSUS(administration, ADMINISTRATION_FIELDS, 16392);
CENSUS(administration_answer, ADMINISTRATION_ANSWER_FIELDS, 16);

#define ELEMENTS_MAX 4096u

/* What the state of an engine is made of, in an order that does not depend on where it lies. */
struct element {
    const struct layout *layout;
    uint8_t *at;
};
struct elements {
    struct element list[ELEMENTS_MAX];
    uint32_t count;
};

static void add(struct elements *elements, const struct layout *layout, void *at)
{
    assert_true(elements->count < ELEMENTS_MAX);
    elements->list[elements->count++] = (struct element){.layout = layout, .at = at};
}

static void add_side(struct elements *elements, struct book_space *space, struct book_side *side,
                     bool asks)
{
    add(elements, &book_side_layout, side);
    for (uint32_t index = side->best; index != 0;
         index = price_levels_next(&space->levels, index, asks)) {
        add(elements, &price_level_layout, &space->levels.levels[index]);
        uint32_t slot = space->levels.levels[index].head;
        for (; slot != 0; slot = space->pool.links[slot].next) {
            add(elements, &order_layout, &space->pool.orders[slot]);
            add(elements, &order_detail_layout, &space->pool.details[slot]);
        }
    }
}

static void add_tables(struct elements *elements, struct market *market)
{
    struct participants *participants = &market->participants;
    for (uint32_t id = 1; id <= participants->firms_count; id++) {
        add(elements, &firm_layout, &participants->firms[id]);
    }
    for (uint32_t id = 1; id <= participants->sessions_count; id++) {
        add(elements, &session_layout, &participants->sessions[id]);
        add(elements, &grace_period_layout, &participants->grace.periods[id]);
        add(elements, &session_profile_layout, &participants->profiles[id]);
        add(elements, &command_session_layout, &participants->profiles[id].terms);
    }
    for (uint32_t id = 1; id <= market->instruments.count; id++) {
        struct instrument *instrument = &market->instruments.hot[id];
        add(elements, &instrument_layout, instrument);
        add(elements, &instrument_profile_layout, &market->instruments.profiles[id]);
        add(elements, &command_instrument_layout, &market->instruments.profiles[id].terms);
        add(elements, &book_layout, &instrument->book);
        add_side(elements, &market->space, &instrument->book.sides[BOOK_BIDS], false);
        add_side(elements, &market->space, &instrument->book.sides[BOOK_ASKS], true);
    }
}

static void gather(struct elements *elements, struct engine *engine)
{
    struct market *market = &engine->market;
    elements->count = 0;
    add(elements, &engine_layout, engine);
    add(elements, &market_layout, market);
    add(elements, &event_writer_layout, &market->writer);
    add(elements, &market_totals_layout, &market->totals);
    add(elements, &timer_layout, &market->day_end);
    add(elements, &timer_layout, &market->reopening);
    add(elements, &command_shard_layout, &market->shard);
    add(elements, &book_space_layout, &market->space);
    add(elements, &order_pool_layout, &market->space.pool);
    add(elements, &price_levels_layout, &market->space.levels);
    add(elements, &instruments_layout, &market->instruments);
    add(elements, &participants_layout, &market->participants);
    add(elements, &grace_layout, &market->participants.grace);
    add(elements, &administration_layout, &engine->administration);
    for (uint64_t i = 0; i < engine->administration.count; i++) {
        add(elements, &administration_answer_layout, &engine->administration.answers[i]);
    }
    add_tables(elements, market);
}

static struct market_fixture fixture;
static struct random random_numbers;
static struct engine_limits limits;
static struct elements elements;

static void administer(struct command command)
{
    market_fixture_apply(&fixture, &command);
    assert_true(fixture.events_count > 0);
    assert_int_equal(fixture.events[fixture.events_count - 1].reason, ADMINISTRATION_DONE);
    market_fixture_forget(&fixture);
}

/* Everything that an operator sets, with no field as it is by itself. */
static void set_up_terms(void)
{
    administer(market_fixture_firm(&fixture, "FRMB", true, 0));
    administer(market_fixture_firm(&fixture, "FRMB", false, 1));
    struct command session = market_fixture_session(&fixture, "S3", "FRMB", 0);
    session.body.session.maximum_age_ns = 5000000000;
    session.body.session.hash_operations = 3;
    session.body.session.hash_memory_kib = 8192;
    memset(session.body.session.salt, 0x5A, CREDENTIAL_SALT_BYTES);
    memset(session.body.session.hash, 0xA5, CREDENTIAL_HASH_BYTES);
    administer(session);
    for (uint32_t version = 1; version <= 2; version++) {
        struct command end = market_fixture_administration(&fixture, COMMAND_SESSION_END, version);
        market_fixture_name(end.body.session_end.name, SESSION_NAME_BYTES, "S3");
        administer(end);
    }
    struct command instrument = market_fixture_instrument(&fixture, "DEF", 0);
    instrument.body.instrument.equity = 1;
    instrument.body.instrument.price_decimals = 2;
    instrument.body.instrument.quantity_decimals = 3;
    administer(instrument);
    market_fixture_state(&fixture, "DEF", TRADING_HALTED, 1);
    for (uint32_t version = 0; version < 3; version++) {
        struct command shard = market_fixture_administration(&fixture, COMMAND_SHARD_SET, version);
        shard.body.shard.day_end_set = 1;
        shard.body.shard.day_end_second = 3600 + version;
        shard.body.shard.cancel_only_ms = 30000;
        administer(shard);
    }
    market_fixture_logon(&fixture, 3, 2, 77);
    market_fixture_logon(&fixture, 3, 3, 78);
    struct command away = market_fixture_session(&fixture, "S4", "FRMA", 0);
    away.body.session.cancel_on_disconnect = 1;
    away.body.session.grace_ms = 20000;
    administer(away);
    market_fixture_logon(&fixture, 4, 4, 79);
    away = market_fixture_client(&fixture, COMMAND_SESSION_LOGOFF, 4);
    market_fixture_apply(&fixture, &away);
    market_fixture_forget(&fixture);
}

static void set_up_orders(void)
{
    for (uint8_t channel = 0; channel < CHANNELS_MAX; channel++) {
        struct command order =
            market_fixture_order(&fixture, 1, 300 + channel, SIDE_BUY, 10, 95, TIF_GTC);
        order.body.order.channel = channel;
        order.body.order.capacity = 'A';
        order.body.order.cross = 'N';
        market_fixture_apply(&fixture, &order);
    }
    market_fixture_enter(&fixture, 2, 1, SIDE_SELL, 3, 95, TIF_DAY);
    market_fixture_enter(&fixture, 2, 2, SIDE_SELL, 2, 95, TIF_IOC);
    market_fixture_enter(&fixture, 2, 2, SIDE_SELL, 2, 95, TIF_IOC); /* A duplicate. */
    market_fixture_enter(&fixture, 2, 3, SIDE_SELL_SHORT, 700, 105, TIF_DAY);
    market_fixture_enter(&fixture, 2, 4, SIDE_SELL_SHORT_EXEMPT, 700, 105, TIF_DAY);
    market_fixture_enter(&fixture, 2, 5, SIDE_SELL, 7, 110, TIF_DAY);
    for (uint32_t i = 0; i < 2; i++) {
        market_fixture_enter(&fixture, 2, 6 + i, SIDE_SELL, 7, 111, TIF_DAY); /* Off tick. */
        market_fixture_enter(&fixture, 2, 6 + i, SIDE_SELL, 7, 115, TIF_DAY); /* A duplicate. */
        struct command stale = market_fixture_client(&fixture, COMMAND_ACCOUNT_QUERY, 1);
        stale.epoch = 999;
        market_fixture_apply(&fixture, &stale);
        fixture.input_numbers[1]--;
    }
    market_fixture_forget(&fixture);
    struct engine_totals totals = engine_totals(fixture.engine);
    assert_int_equal(totals.open_orders, CHANNELS_MAX + 3);
    assert_int_equal(totals.executions, 2);
}

static int set_up(void **state)
{
    (void)state;
    test_seed(&random_numbers);
    limits = market_fixture_limits();
    market_fixture_open(&fixture, &limits, EVENT_BATCH_MIN);
    market_fixture_trade(&fixture);
    set_up_terms();
    set_up_orders();
    gather(&elements, fixture.engine);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    market_fixture_close(&fixture);
    return 0;
}

static bool is_kept(enum kind kind)
{
    return kind == KEPT || kind == COUNT || kind == FLAG;
}

static bool is_zero(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

/* The lists above name every byte of every struct but for padding, which is less than a word. */
static void test_the_lists_are_complete(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < elements.count; i++) {
        const struct layout *layout = elements.list[i].layout;
        size_t end = 0;
        for (uint32_t j = 0; j < layout->count; j++) {
            assert_true(layout->fields[j].offset >= end);
            assert_true(layout->fields[j].offset - end < 8);
            end = layout->fields[j].offset + layout->fields[j].bytes;
        }
        assert_true(layout->bytes >= end);
        assert_true(layout->bytes - end < 8);
        assert_true(is_zero(layout->census, end));
    }
}

/* Is the field somewhere as it is in no new engine, firm, session or instrument? A number that is
 * neither 0 nor 1; where there is no room for such, not 0. */
static bool is_set(const struct layout *layout, const struct field *field)
{
    for (uint32_t i = 0; i < elements.count; i++) {
        const uint8_t *at = elements.list[i].at + field->offset;
        if (elements.list[i].layout != layout || is_zero(at, field->bytes)) {
            continue;
        }
        if (field->bytes == 1 || at[0] > 1 || !is_zero(at + 1, field->bytes - 1)) {
            return true;
        }
    }
    return false;
}

static void test_the_market_sets_every_field(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < elements.count; i++) {
        const struct layout *layout = elements.list[i].layout;
        for (uint32_t j = 0; j < layout->count; j++) {
            if (is_kept(layout->fields[j].kind) && !is_set(layout, &layout->fields[j])) {
                fail_msg("nothing sets %s.%s", layout->name, layout->fields[j].name);
            }
        }
    }
}

/* What a changed byte of a field makes of the bytes; the field is as it was afterwards. */
static bool changes(const struct engine_bytes *bytes, uint8_t *at, enum kind kind)
{
    uint8_t before = *at;
    *at = kind == COUNT ? (uint8_t)(before - 1) : before ^ (kind == FLAG ? 1 : 8);
    static struct engine_bytes changed;
    engine_bytes_write(&changed, fixture.engine, &random_numbers, 4000);
    *at = before;
    bool differ =
        changed.count != bytes->count || memcmp(changed.bytes, bytes->bytes, bytes->count) != 0;
    engine_bytes_free(&changed);
    return differ;
}

static void test_every_field_changes_the_bytes(void **state)
{
    (void)state;
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, fixture.engine, &random_numbers, 4000);
    uint32_t changed = 0;
    for (uint32_t i = 0; i < elements.count; i++) {
        const struct layout *layout = elements.list[i].layout;
        for (uint32_t j = 0; j < layout->count; j++) {
            const struct field *field = &layout->fields[j];
            size_t count = field->kind == KEPT ? field->bytes : is_kept(field->kind) ? 1 : 0;
            for (size_t k = 0; k < count; k++) {
                if (!changes(&bytes, elements.list[i].at + field->offset + k, field->kind)) {
                    fail_msg("%s.%s, byte %zu, is not written", layout->name, field->name, k);
                }
                changed++;
            }
        }
    }
    assert_true(changed > 1000);
    engine_bytes_free(&bytes);
}

static void test_every_field_is_there_after_reading(void **state)
{
    (void)state;
    struct engine_bytes bytes = {.bytes = NULL};
    engine_bytes_write(&bytes, fixture.engine, &random_numbers, 4000);
    void *memory = NULL;
    struct engine *read = engine_bytes_engine(&memory, &limits);
    assert_int_equal(engine_bytes_read(&bytes, read, &random_numbers, 4000), STATUS_OK);
    static struct elements read_elements;
    gather(&read_elements, read);
    assert_int_equal(read_elements.count, elements.count);
    for (uint32_t i = 0; i < elements.count; i++) {
        const struct layout *layout = elements.list[i].layout;
        assert_ptr_equal(read_elements.list[i].layout, layout);
        for (uint32_t j = 0; j < layout->count; j++) {
            const struct field *field = &layout->fields[j];
            const uint8_t *at = elements.list[i].at + field->offset;
            const uint8_t *read_at = read_elements.list[i].at + field->offset;
            bool same = memcmp(at, read_at, field->bytes) == 0;
            if ((is_kept(field->kind) || field->kind == DERIVED) && !same) {
                fail_msg("%s.%s is not read", layout->name, field->name);
            }
            if (field->kind == RESERVED) {
                assert_true(is_zero(at, field->bytes));
                assert_true(is_zero(read_at, field->bytes));
            }
        }
    }
    free(memory);
    engine_bytes_free(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_lists_are_complete),
        cmocka_unit_test(test_the_market_sets_every_field),
        cmocka_unit_test(test_every_field_changes_the_bytes),
        cmocka_unit_test(test_every_field_is_there_after_reading),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
