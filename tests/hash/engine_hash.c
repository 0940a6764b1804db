/* Feeds the engine a fixed pseudo-random stream of commands and prints its hashes on the way.
 *
 * tests/check builds this with gcc and clang, -O0 and -O3, and compares the outputs byte for byte:
 * what a compiler may choose (padding, order of evaluation, undefined behaviour) must not reach the
 * market. The packed form of each batch is hashed too: it is what sites exchange. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/checksum.h"
#include "matching/base/limits.h"
#include "matching/base/random.h"
#include "matching/command_columns.h"
#include "matching/engine.h"

#define COMMANDS_COUNT    200000u
#define BATCH_COUNT       256u
#define INSTRUMENTS_COUNT 5u
#define SESSIONS_COUNT    12u
#define SEED              20120621u

struct stream {
    struct engine *engine;
    struct event *events;
    struct random random;
    uint64_t timestamp_ns;
    uint64_t request_id;
    uint64_t packed_hash;
    uint64_t event_count;
    uint64_t input_numbers[SESSIONS_COUNT + 1];
    uint32_t references[SESSIONS_COUNT + 1][2];
    struct command batch[BATCH_COUNT];
    uint32_t batch_count;
    struct command_columns_scratch *scratch;
    uint8_t *packed;
    size_t packed_bytes_max;
};

static void *take(size_t bytes)
{
    size_t rounded = (bytes + 4095) & ~(size_t)4095;
    void *memory = aligned_alloc(4096, rounded);
    ASSERT(memory != NULL);
    memset(memory, 0, rounded);
    return memory;
}

static void pack(struct stream *stream)
{
    if (stream->batch_count == 0) {
        return;
    }
    size_t packed_bytes = 0;
    command_columns_pack(stream->packed, stream->packed_bytes_max, &packed_bytes, stream->batch,
                         stream->batch_count, stream->batch[0].timestamp_ns, stream->scratch);
    stream->packed_hash = checksum_bytes(stream->packed_hash, stream->packed, packed_bytes);
    stream->batch_count = 0;
}

static void apply(struct stream *stream, struct command *command)
{
    stream->timestamp_ns += random_below(&stream->random, 5000000);
    command->timestamp_ns = stream->timestamp_ns;
    stream->batch[stream->batch_count++] = *command;
    if (stream->batch_count == BATCH_COUNT) {
        pack(stream);
    }
    struct event_batch batch = {.events = stream->events, .capacity = EVENT_BATCH_MIN};
    enum status status = engine_apply(stream->engine, command, &batch);
    stream->event_count += batch.count;
    while (status == STATUS_MORE) {
        status = engine_resume(stream->engine, &batch);
        stream->event_count += batch.count;
    }
    ASSERT(status == STATUS_OK);
}

static void administer(struct stream *stream, enum command_type type, struct command *command)
{
    command->type = (uint8_t)type;
    command->input_number = ++stream->request_id;
    apply(stream, command);
}

static void name_fill(uint8_t *target, size_t bytes, const char *prefix, uint32_t number)
{
    char text[16];
    int length = snprintf(text, sizeof text, "%s%" PRIu32, prefix, number);
    ASSERT(length > 0 && (size_t)length <= bytes);
    memset(target, ' ', bytes);
    memcpy(target, text, (size_t)length);
}

static void market_make(struct stream *stream)
{
    for (uint32_t i = 1; i <= INSTRUMENTS_COUNT; i++) {
        struct command command = {0};
        struct command_instrument *instrument = &command.body.instrument;
        name_fill(instrument->symbol, sizeof instrument->symbol, "INST", i);
        instrument->tick_size = i == 1 ? 5 : 1;
        instrument->price_max = 1000000;
        instrument->price_min = i == 2 ? -1000000 : 0;
        instrument->quantity_lots_max = 100000;
        instrument->price_decimals = 4;
        instrument->state = TRADING_OPEN;
        administer(stream, COMMAND_INSTRUMENT_SET, &command);
    }
    struct command firm = {0};
    name_fill(firm.body.firm.name, FIRM_NAME_BYTES, "FRM", 1);
    firm.body.firm.enabled = 1;
    administer(stream, COMMAND_FIRM_SET, &firm);
    struct command shard = {.body.shard = {.day_end_second = 300, .day_end_set = 1}};
    administer(stream, COMMAND_SHARD_SET, &shard);
    for (uint32_t i = 1; i <= SESSIONS_COUNT; i++) {
        struct command command = {0};
        struct command_session *session = &command.body.session;
        name_fill(session->name, sizeof session->name, "SESS", i);
        memcpy(session->firm, firm.body.firm.name, sizeof session->firm);
        session->open_orders_max = 2000;
        session->maximum_age_ns = i == 3 ? 1000000000 : 0;
        administer(stream, COMMAND_SESSION_SET, &command);
    }
}

static void attach(struct stream *stream, uint32_t session_id)
{
    struct command command = {
        .type = COMMAND_SESSION_LOGON,
        .session_id = session_id,
        .site_id = 1,
        .body.logon = {.connection_id = stream->request_id * 100 + session_id},
    };
    apply(stream, &command);
    stream->input_numbers[session_id] = 0;
}

static void order_fill(struct stream *stream, struct command_order *order, uint32_t instrument)
{
    struct random *random = &stream->random;
    name_fill(order->symbol, sizeof order->symbol, "INST", instrument);
    name_fill(order->client_order_id, sizeof order->client_order_id, "C",
              (uint32_t)random_below(random, 1000));
    order->side = (uint8_t)(1 + random_below(random, 2));
    order->time_in_force = (uint8_t)(1 + random_below(random, 10));
    if (order->time_in_force > TIF_FOK) {
        order->time_in_force = TIF_DAY;
    }
    order->kind = random_below(random, 20) == 0 ? ORDER_MARKET : ORDER_LIMIT;
    order->quantity_lots = 1 + random_below(random, 500);
    if (order->kind == ORDER_LIMIT) {
        int64_t distance = (int64_t)random_below(random, 40) - 5;
        order->price = 500000 + (order->side == SIDE_BUY ? -distance : distance) * 5;
    } else {
        order->time_in_force = TIF_IOC;
    }
    if (order->time_in_force == TIF_IOC && random_below(random, 4) == 0) {
        order->minimum_lots = 1 + random_below(random, order->quantity_lots);
    }
}

static void client_command(struct stream *stream, struct command *command)
{
    struct random *random = &stream->random;
    uint32_t session = 1 + (uint32_t)random_below(random, SESSIONS_COUNT);
    uint8_t channel = (uint8_t)random_below(random, 2);
    uint32_t *reference = &stream->references[session][channel];
    struct engine_session view;
    enum status status = engine_session_view(stream->engine, session, &view);
    ASSERT(status == STATUS_OK);
    command->session_id = session;
    command->epoch = view.epoch;
    command->site_id = 1;
    command->input_number = ++stream->input_numbers[session];

    uint64_t choice = random_below(random, 100);
    uint32_t back = 1 + (uint32_t)random_below(random, 60);
    uint32_t earlier = *reference > back ? *reference - back : 1;
    if (choice < 45) {
        command->type = COMMAND_ORDER_ENTER;
        /* Now and then an instrument that does not exist: rejected. */
        order_fill(stream, &command->body.order,
                   choice == 1 ? INSTRUMENTS_COUNT + 1
                               : 1 + (uint32_t)random_below(random, INSTRUMENTS_COUNT));
        command->body.order.channel = channel;
        /* Now and then a reference that was seen before: a duplicate. */
        command->body.order.user_reference = choice == 0 ? earlier : ++*reference;
    } else if (choice < 60) {
        command->type = COMMAND_ORDER_REPLACE;
        order_fill(stream, &command->body.order, 1);
        memset(command->body.order.symbol, 0, SYMBOL_BYTES);
        command->body.order.channel = channel;
        command->body.order.original_user_reference = earlier;
        command->body.order.user_reference = ++*reference;
    } else if (choice < 98) {
        command->type = COMMAND_ORDER_CANCEL;
        command->body.cancel.channel = channel;
        command->body.cancel.user_reference = earlier;
        command->body.cancel.quantity_lots = random_below(random, 3) == 0 ? 50 : 0;
    } else if (choice == 98) {
        command->type = COMMAND_ACCOUNT_QUERY;
        command->body.query.channel = channel;
    } else {
        command->type = COMMAND_ORDER_CANCEL;
        command->input_number += 7; /* A wrong one: not executed. */
        stream->input_numbers[session]--;
    }
}

static void print(const struct stream *stream, uint32_t commands)
{
    struct engine_totals totals = engine_totals(stream->engine);
    (void)printf("commands %" PRIu32 " events %" PRIu64 " accepted %" PRIu64 " rejected %" PRIu64
                 " executions %" PRIu64 " duplicates %" PRIu64 " stale %" PRIu64 " open %" PRIu64
                 " event_hash %016" PRIx64 " state %016" PRIx64 " packed %016" PRIx64 "\n",
                 commands, stream->event_count, totals.orders_accepted, totals.orders_rejected,
                 totals.executions, totals.duplicates, totals.stale, totals.open_orders,
                 engine_event_hash(stream->engine), engine_checksum(stream->engine),
                 stream->packed_hash);
}

static void run(struct stream *stream)
{
    market_make(stream);
    for (uint32_t i = 1; i <= SESSIONS_COUNT; i++) {
        attach(stream, i);
    }
    for (uint32_t i = 1; i <= COMMANDS_COUNT; i++) {
        struct command command = {0};
        client_command(stream, &command);
        apply(stream, &command);
        if (i % 5000 == 0) {
            attach(stream, 1 + (i / 5000) % SESSIONS_COUNT);
        }
        if (i % 20000 == 0) {
            print(stream, i);
        }
    }
    pack(stream);
    print(stream, COMMANDS_COUNT);
    /* A stream that trades nothing would compare nothing. */
    struct engine_totals totals = engine_totals(stream->engine);
    ASSERT(totals.executions > COMMANDS_COUNT / 20);
    ASSERT(totals.orders_rejected > 0);
    ASSERT(totals.duplicates > 0);
    ASSERT(totals.stale > 0);
}

int main(void)
{
    const struct engine_limits limits = {.orders_max = 65536,
                                         .price_levels_max = 16384,
                                         .instruments_max = 64,
                                         .firms_max = 8,
                                         .sessions_max = 32};
    size_t engine_size = engine_bytes(&limits) + 8192;
    engine_size = (engine_size + 4095) & ~(size_t)4095;
    void *memory = take(engine_size);
    struct stream *stream = take(sizeof *stream);
    struct arena arena;
    arena_init(&arena, memory, engine_size);
    enum status status = engine_create(&stream->engine, &arena, &limits);
    ASSERT(status == STATUS_OK);
    stream->events = take(EVENT_BATCH_MAX * sizeof *stream->events);
    stream->packed_bytes_max = command_columns_bound(BATCH_COUNT);
    stream->packed = take(stream->packed_bytes_max);
    stream->scratch = take(command_columns_scratch_bytes());
    stream->packed_hash = CHECKSUM_SEED;
    stream->timestamp_ns = UINT64_C(1430438400) * 1000000000;
    random_seed(&stream->random, SEED);

    run(stream);

    free(stream->scratch);
    free(stream->packed);
    free(stream->events);
    free(stream);
    free(memory);
    return 0;
}
