#include "matching/market.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "matching/engine.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/event_text.h"
#include "tests/support/market_stream.h"

#define COMPARED_COMMANDS 120000u

struct compared {
    struct engine *engine;
    void *memory;
    struct event events[REFERENCE_EVENTS_MAX]; /* Of the last command. */
    uint32_t events_count;
    uint32_t capacity;
    uint64_t resumes; /* Batches beyond the first. */
};

static struct reference_market reference;
static struct market_stream stream;
static struct compared small;
static struct compared large;

static void compared_open(struct compared *compared, uint32_t capacity)
{
    struct engine_limits limits = market_stream_limits();
    size_t bytes = (engine_bytes(&limits) + 63) / 64 * 64;
    memset(compared, 0, sizeof *compared);
    compared->memory = aligned_alloc(64, bytes);
    assert_non_null(compared->memory);
    memset(compared->memory, 0, bytes);
    struct arena arena;
    arena_init(&arena, compared->memory, bytes);
    assert_int_equal(engine_create(&compared->engine, &arena, &limits), STATUS_OK);
    compared->capacity = capacity;
}

static void compared_apply(struct compared *compared, const struct command *command)
{
    static struct event events[EVENT_BATCH_MAX];
    struct event_batch batch = {.events = events, .capacity = compared->capacity};
    enum status status = engine_apply(compared->engine, command, &batch);
    compared->events_count = 0;
    for (;;) {
        assert_true(batch.count <= compared->capacity);
        assert_true(compared->events_count + batch.count <= REFERENCE_EVENTS_MAX);
        memcpy(&compared->events[compared->events_count], events, batch.count * sizeof events[0]);
        compared->events_count += batch.count;
        if (status != STATUS_MORE) {
            break;
        }
        compared->resumes++;
        status = engine_resume(compared->engine, &batch);
    }
    assert_int_equal(status, STATUS_OK);
}

static void print_events(const char *who, const struct event *events, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        char line[EVENT_TEXT_BYTES];
        (void)event_text(line, &events[i], 0);
        print_message("%s: %s\n", who, line);
    }
}

static void compare_events(const struct compared *compared, uint64_t number)
{
    if (compared->events_count == reference.events_count &&
        memcmp(compared->events, reference.events, reference.events_count * sizeof(struct event)) ==
            0) {
        return;
    }
    print_message("command %" PRIu64 " of type %u\n", number, stream.last.type);
    print_events("engine   ", compared->events, compared->events_count);
    print_events("reference", reference.events, reference.events_count);
    fail();
}

/* Everything that can be seen from outside. */
static void compare_views(const struct engine *engine)
{
    for (uint32_t id = 1; id <= reference.sessions_count; id++) {
        struct engine_session view;
        memset(&view, 0, sizeof view);
        assert_int_equal(engine_session_view(engine, id, &view), STATUS_OK);
        assert_memory_equal(&view, &reference.sessions[id - 1].view, sizeof view);
        uint32_t found;
        assert_int_equal(engine_session_find(engine, view.name, &found), STATUS_OK);
        assert_int_equal(found, id);
    }
    for (uint32_t id = 1; id <= reference.instruments_count; id++) {
        struct engine_instrument view;
        memset(&view, 0, sizeof view);
        struct engine_instrument expected = reference_market_instrument(&reference, id);
        assert_int_equal(engine_instrument_view(engine, id, &view), STATUS_OK);
        assert_memory_equal(&view.terms, &expected.terms, sizeof view.terms);
        assert_int_equal(view.version, expected.version);
        assert_int_equal(view.open_orders, expected.open_orders);
        assert_int_equal(view.bid_set, expected.bid_set);
        assert_int_equal(view.ask_set, expected.ask_set);
        assert_int_equal(view.bid_price, expected.bid_price);
        assert_int_equal(view.ask_price, expected.ask_price);
        assert_int_equal(view.bid_lots, expected.bid_lots);
        assert_int_equal(view.ask_lots, expected.ask_lots);
    }
    for (uint32_t id = 1; id <= reference.firms_count; id++) {
        struct engine_firm view;
        assert_int_equal(engine_firm_view(engine, id, &view), STATUS_OK);
        assert_int_equal(view.enabled, reference.firms[id - 1].enabled);
        assert_int_equal(view.version, reference.firms[id - 1].version);
    }
    uint64_t due_ns = 0;
    uint64_t reference_due_ns = 0;
    assert_int_equal(engine_due(engine, &due_ns),
                     reference_market_due(&reference, &reference_due_ns));
    assert_int_equal(due_ns, reference_due_ns);
    struct engine_shard shard;
    engine_shard_view(engine, &shard);
    assert_memory_equal(&shard.terms, &reference.shard, sizeof shard.terms);
    assert_int_equal(shard.version, reference.shard_version);
    assert_int_equal(shard.reopening, reference.reopening);
    assert_int_equal(shard.opens_ns, reference.opens_ns);
    uint32_t attached = 0;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        attached += engine_attached(engine, site_id);
    }
    for (uint32_t i = 0; i < reference.sessions_count; i++) {
        attached -= reference.sessions[i].view.attached_site_id != 0 ? 1 : 0;
    }
    assert_int_equal(attached, 0);
    struct engine_totals totals = engine_totals(engine);
    assert_memory_equal(&totals, &reference.totals, sizeof totals);
}

static uint64_t test_seed(void)
{
    const char *text = getenv("SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20231114;
    print_message("SEED=%" PRIu64 "\n", seed);
    return seed;
}

static void test_engine_and_reference_agree(void **state)
{
    (void)state;
    struct engine_limits limits = market_stream_limits();
    reference_market_init(&reference, &limits);
    market_stream_init(&stream, &reference, test_seed());
    compared_open(&small, EVENT_BATCH_MIN);
    compared_open(&large, EVENT_BATCH_MAX);
    uint64_t seen[64] = {0};
    uint64_t rejected[REJECT_COUNT] = {0};
    uint64_t disconnected = 0;
    uint64_t terms_opened = 0;
    uint64_t reopening = 0;
    for (uint64_t i = 0; i < COMPARED_COMMANDS; i++) {
        uint64_t opened_ns = 0;
        bool planned = false;
        if (market_stream_opens(&stream, &opened_ns, &planned)) {
            reference_market_opened(&reference, opened_ns, planned);
            engine_term_opened(small.engine, opened_ns, planned);
            engine_term_opened(large.engine, opened_ns, planned);
            terms_opened++;
        }
        reopening += reference.reopening ? 1 : 0;
        struct command command = market_stream_next(&stream);
        reference_market_apply(&reference, &command);
        compared_apply(&small, &command);
        compared_apply(&large, &command);
        compare_events(&small, i);
        compare_events(&large, i);
        if (i % 16 == 0) {
            compare_views(small.engine);
            compare_views(large.engine);
            assert_int_equal(engine_checksum(small.engine), engine_checksum(large.engine));
        }
        for (uint32_t j = 0; j < reference.events_count; j++) {
            const struct event *event = &reference.events[j];
            seen[event->type]++;
            bool canceled = event->type == EVENT_ORDER_CANCELED;
            disconnected += canceled && event->reason == CANCEL_DISCONNECT ? 1 : 0;
            rejected[event->type == EVENT_ORDER_REJECTED ? event->reason : 0]++;
        }
    }
    assert_int_equal(engine_event_hash(small.engine), engine_event_hash(large.engine));
    /* The stream must have been a real one, or the comparison means nothing. */
    for (uint32_t reason = 1; reason < REJECT_COUNT; reason++) {
        assert_true(rejected[reason] > 5);
    }
    assert_true(seen[EVENT_ORDER_EXECUTED] > COMPARED_COMMANDS / 20);
    assert_true(seen[EVENT_ORDER_REPLACED] > COMPARED_COMMANDS / 100);
    assert_true(reference.totals.duplicates > 100);
    assert_true(reference.totals.stale > 100);
    assert_true(small.resumes > 100);
    assert_true(disconnected > 80);
    assert_true(terms_opened > 200);
    assert_true(reopening > COMPARED_COMMANDS / 100);
    assert_true(reopening < COMPARED_COMMANDS / 5);
    free(small.memory);
    free(large.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine_and_reference_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
