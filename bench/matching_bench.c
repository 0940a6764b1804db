/* How fast is the complete engine, and is it right? One thread, commands as a door makes them:
 * 1,000 sessions, references, input numbers, events and event hash on.
 *
 *   matching_bench [FILE] [RUNS]
 *
 * FILE is an operation stream as ../shared/bench/README.md describes it; its recorded trades,
 * quantity and digest are checked. Without one, a stream of the same kind is generated (passive
 * limits near a moving price, cancels of random live orders, crossing limits). Conversion to
 * commands is not timed. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "matching/base/random.h"
#include "matching/engine.h"
#include "replication/io/monotonic.h"

#define BENCH_FIRMS          50u
#define BENCH_SESSIONS       1000u
#define BENCH_CLIENTS        500u
#define BENCH_BATCH          256u
#define BENCH_LATENCY_MAX    1000000u /* Clock ticks; longer ones count as this long. */
#define BENCH_HEADER_BYTES   64u
#define BENCH_RECORD_BYTES   32u
#define BENCH_MAGIC          0x31535045u
#define BENCH_GENERATED      2000000u
#define BENCH_PIECE          10000u /* Commands timed together. */
#define BENCH_GENERATED_BOOK 10000u

static const struct engine_limits bench_limits = {
    .orders_max = 1u << 18,
    .price_levels_max = 1u << 16,
    .instruments_max = 1024,
    .firms_max = BENCH_FIRMS,
    .sessions_max = BENCH_SESSIONS,
};

struct bench {
    struct command *commands; /* First the market's, then the stream's. */
    uint64_t commands_count;
    uint64_t setup_count;
    uint32_t *references; /* By order id. */
    uint32_t *sessions;   /* By order id. */
    uint64_t *order_ids;  /* By (session, reference), see bench_order_id(). */
    uint32_t session_references[BENCH_SESSIONS + 1];
    uint32_t references_max; /* Of a session. */
    uint64_t input_numbers[BENCH_SESSIONS + 1];
    uint64_t trades_expected;
    uint64_t lots_expected;
    uint64_t digest_expected;
    void *memory;
    size_t memory_bytes;
};

struct bench_result {
    uint64_t trades;
    uint64_t lots;
    uint64_t digest;
    uint64_t resting_order_id; /* Of the execution whose other side comes next. */
    uint64_t event_hash;
    uint64_t checksum;
};

static void *bench_memory(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        (void)fprintf(stderr, "matching_bench: no memory (%zu bytes): %s\n", bytes,
                      strerror(errno));
        exit(1);
    }
#if defined(MADV_HUGEPAGE)
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

/* A clock that is finer than clock_gettime() where there is one; ordered against the work. */
static uint64_t bench_ticks(void)
{
#if defined(__x86_64__)
    __builtin_ia32_lfence();
    uint64_t ticks = __builtin_ia32_rdtsc();
    __builtin_ia32_lfence();
    return ticks;
#else
    return monotonic_now_ns();
#endif
}

static struct command *bench_next(struct bench *bench, uint8_t type)
{
    struct command *command = &bench->commands[bench->commands_count++];
    command->type = type;
    command->timestamp_ns = UINT64_C(1700000000000000000) + bench->commands_count * 500;
    return command;
}

static void bench_name(uint8_t *target, size_t bytes, char letter, uint32_t number)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%c%-8u", letter, number);
    memcpy(target, text, bytes);
}

/* Firms, sessions and instruments, and every session logged on. */
static void bench_setup(struct bench *bench, uint32_t instruments, int64_t price_max)
{
    uint64_t request_id = 0;
    for (uint32_t i = 0; i < BENCH_FIRMS; i++) {
        struct command *command = bench_next(bench, COMMAND_FIRM_SET);
        command->input_number = ++request_id;
        bench_name(command->body.firm.name, FIRM_NAME_BYTES, 'F', i);
        command->body.firm.enabled = 1;
    }
    for (uint32_t i = 0; i < instruments; i++) {
        struct command *command = bench_next(bench, COMMAND_INSTRUMENT_SET);
        command->input_number = ++request_id;
        struct command_instrument *terms = &command->body.instrument;
        bench_name(terms->symbol, SYMBOL_BYTES, 'S', i);
        terms->tick_size = 100;
        terms->price_min = 100;
        terms->price_max = price_max;
        terms->quantity_lots_max = 1000000;
        terms->price_decimals = 4;
        terms->state = TRADING_OPEN;
    }
    for (uint32_t i = 1; i <= BENCH_SESSIONS; i++) {
        struct command *command = bench_next(bench, COMMAND_SESSION_SET);
        command->input_number = ++request_id;
        bench_name(command->body.session.name, SESSION_NAME_BYTES, 'U', i);
        bench_name(command->body.session.firm, FIRM_NAME_BYTES, 'F', i % BENCH_FIRMS);
        command->body.session.open_orders_max = 100000;
        command->body.session.maximum_age_ns = UINT64_C(1000000000);
        command = bench_next(bench, COMMAND_SESSION_LOGON);
        command->session_id = i;
        command->site_id = 1;
        command->body.logon.connection_id = i;
    }
    bench->setup_count = bench->commands_count;
}

static struct command *bench_client(struct bench *bench, uint8_t type, uint32_t session_id)
{
    struct command *command = bench_next(bench, type);
    command->session_id = session_id;
    command->epoch = 1;
    command->input_number = ++bench->input_numbers[session_id];
    command->waited_ms = 1;
    command->site_id = 1;
    return command;
}

static uint64_t *bench_order_id(const struct bench *bench, uint32_t session_id, uint32_t reference)
{
    return &bench->order_ids[(uint64_t)session_id * (bench->references_max + 1) + reference];
}

static void bench_enter(struct bench *bench, uint64_t order_id, uint32_t session_id,
                        uint32_t symbol, bool sell, int64_t price, uint64_t lots)
{
    struct command *command = bench_client(bench, COMMAND_ORDER_ENTER, session_id);
    struct command_order *order = &command->body.order;
    bench_name(order->symbol, SYMBOL_BYTES, 'S', symbol);
    bench_name(order->client_order_id, 9, 'C', (uint32_t)order_id);
    memcpy(order->client_order_id + 9, "     ", 5);
    order->side = sell ? SIDE_SELL : SIDE_BUY;
    order->time_in_force = TIF_GTC;
    order->kind = ORDER_LIMIT;
    order->display = 'Y';
    order->capacity = 'P';
    order->sweep = 'N';
    order->cross = 'N';
    order->user_reference = ++bench->session_references[session_id];
    order->quantity_lots = lots;
    order->price = price;
    ASSERT(order->user_reference <= bench->references_max);
    bench->sessions[order_id] = session_id;
    bench->references[order_id] = order->user_reference;
    *bench_order_id(bench, session_id, order->user_reference) = order_id;
}

static void bench_cancel(struct bench *bench, uint64_t order_id)
{
    struct command *command = bench_client(bench, COMMAND_ORDER_CANCEL, bench->sessions[order_id]);
    command->body.cancel.user_reference = bench->references[order_id];
}

static void bench_allocate(struct bench *bench, uint64_t operations, uint64_t orders)
{
    bench->references_max = (uint32_t)(operations / BENCH_SESSIONS * 8 + 1000);
    bench->order_ids = bench_memory((BENCH_SESSIONS + 1) * (uint64_t)(bench->references_max + 1) *
                                    sizeof(uint64_t));
    bench->commands = bench_memory((operations + 10000) * sizeof(struct command));
    bench->references = bench_memory((orders + 1) * sizeof(uint32_t));
    bench->sessions = bench_memory((orders + 1) * sizeof(uint32_t));
    bench->memory_bytes = engine_bytes(&bench_limits) + 4096;
}

static void bench_load(struct bench *bench, const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t header[BENCH_HEADER_BYTES];
    if (file == NULL || fread(header, sizeof header, 1, file) != 1 ||
        bytes_load_le32(header) != BENCH_MAGIC || bytes_load_le32(header + 4) != 1) {
        (void)fprintf(stderr, "matching_bench: %s is no operation stream of version 1\n", path);
        exit(1);
    }
    uint64_t operations = bytes_load_le64(header + 8);
    uint32_t symbols = bytes_load_le32(header + 16);
    bench_allocate(bench, operations, bytes_load_le64(header + 24));
    bench->trades_expected = bytes_load_le64(header + 32);
    bench->lots_expected = bytes_load_le64(header + 40);
    bench->digest_expected = bytes_load_le64(header + 48);
    bench_setup(bench, symbols, (int64_t)bytes_load_le32(header + 20) * 100);
    for (uint64_t i = 0; i < operations; i++) {
        uint8_t record[BENCH_RECORD_BYTES];
        if (fread(record, sizeof record, 1, file) != 1) {
            (void)fprintf(stderr, "matching_bench: %s ends too early\n", path);
            exit(1);
        }
        uint64_t order_id = bytes_load_le64(record + 16);
        uint32_t client = bytes_load_le32(record + 12) % BENCH_CLIENTS;
        if (record[0] == 2) {
            bench_cancel(bench, order_id);
        } else {
            bench_enter(bench, order_id, 1 + client * 2 + (uint32_t)(order_id & 1),
                        bytes_load_le16(record + 2), record[1] == 1,
                        (int64_t)bytes_load_le32(record + 4) * 100, bytes_load_le32(record + 8));
        }
    }
    (void)fclose(file);
}

static struct engine *bench_engine(struct bench *bench)
{
    if (bench->memory != NULL) {
        (void)munmap(bench->memory, bench->memory_bytes);
    }
    bench->memory = bench_memory(bench->memory_bytes);
    memset(bench->memory, 0, bench->memory_bytes);
    struct arena arena;
    struct engine *engine;
    arena_init(&arena, bench->memory, bench->memory_bytes);
    if (engine_create(&engine, &arena, &bench_limits) != STATUS_OK) {
        (void)fprintf(stderr, "matching_bench: engine_create failed\n");
        exit(1);
    }
    arena_seal(&arena);
    return engine;
}

/* The fold that the stream's digest is made by. */
static uint64_t bench_mix(uint64_t digest, uint64_t value)
{
    digest ^= value;
    digest *= UINT64_C(0x9E3779B97F4A7C15);
    return digest ^ (digest >> 29);
}

static void bench_look(const struct bench *bench, const struct event *event,
                       struct bench_result *result)
{
    if (event->type != EVENT_ORDER_EXECUTED) {
        return;
    }
    uint64_t order_id = *bench_order_id(bench, event->session_id, event->user_reference);
    if (event->reason == LIQUIDITY_ADDED) {
        result->resting_order_id = order_id;
        return;
    }
    result->trades++;
    result->lots += event->quantity_lots;
    result->digest = bench_mix(result->digest, result->resting_order_id << 32 | order_id);
    result->digest =
        bench_mix(result->digest, (uint64_t)event->price / 100 << 32 | event->quantity_lots);
}

static void bench_apply(struct engine *engine, const struct command *command,
                        struct event_batch *batch)
{
    enum status status = engine_apply(engine, command, batch);
    while (status == STATUS_MORE) {
        status = engine_resume(engine, batch);
    }
}

/* Run all commands and look at every event. */
static struct bench_result bench_verify(struct bench *bench)
{
    static struct event events[BENCH_BATCH];
    struct event_batch batch = {.events = events, .capacity = BENCH_BATCH};
    struct bench_result result = {0};
    struct engine *engine = bench_engine(bench);
    for (uint64_t i = 0; i < bench->commands_count; i++) {
        enum status status = engine_apply(engine, &bench->commands[i], &batch);
        for (;;) {
            for (uint32_t j = 0; j < batch.count; j++) {
                bench_look(bench, &events[j], &result);
            }
            if (status != STATUS_MORE) {
                break;
            }
            status = engine_resume(engine, &batch);
        }
    }
    struct engine_totals totals = engine_totals(engine);
    if (totals.executions != result.trades || totals.stale != 0 || totals.orders_rejected != 0 ||
        totals.duplicates != 0) {
        (void)fprintf(stderr, "matching_bench: the engine did not take all commands\n");
        exit(1);
    }
    result.event_hash = engine_event_hash(engine);
    result.checksum = engine_checksum(engine);
    return result;
}

/* Nanoseconds a command. `best_ns` keeps, over several runs, the best time of every piece of the
 * stream: what it takes when nobody else disturbs. */
static double bench_throughput(struct bench *bench, const struct bench_result *expected,
                               uint64_t *best_ns)
{
    static struct event events[BENCH_BATCH];
    struct event_batch batch = {.events = events, .capacity = BENCH_BATCH};
    struct engine *engine = bench_engine(bench);
    for (uint64_t i = 0; i < bench->setup_count; i++) {
        bench_apply(engine, &bench->commands[i], &batch);
    }
    uint64_t begin_ns = monotonic_now_ns();
    uint64_t piece_ns = begin_ns;
    uint64_t count = bench->commands_count - bench->setup_count;
    for (uint64_t i = 0; i < count; i++) {
        const struct command *command = &bench->commands[bench->setup_count + i];
        engine_anticipate(engine, command, count - i);
        bench_apply(engine, command, &batch);
        if ((i + 1) % BENCH_PIECE == 0 || i + 1 == count) {
            uint64_t now_ns = monotonic_now_ns();
            uint64_t *best = &best_ns[i / BENCH_PIECE];
            *best = *best == 0 || now_ns - piece_ns < *best ? now_ns - piece_ns : *best;
            piece_ns = now_ns;
        }
    }
    uint64_t elapsed_ns = monotonic_now_ns() - begin_ns;
    if (engine_event_hash(engine) != expected->event_hash) {
        (void)fprintf(stderr, "matching_bench: two runs gave different events\n");
        exit(1);
    }
    return (double)elapsed_ns / (double)count;
}

static void bench_throughputs(struct bench *bench, const struct bench_result *expected,
                              unsigned long runs)
{
    uint64_t count = bench->commands_count - bench->setup_count;
    uint64_t pieces = (count + BENCH_PIECE - 1) / BENCH_PIECE;
    uint64_t *best_ns = bench_memory(pieces * sizeof(uint64_t));
    for (unsigned long i = 0; i < runs; i++) {
        double ns = bench_throughput(bench, expected, best_ns);
        printf("throughput: %.1f ns a command, %.2f M/s\n", ns, 1e3 / ns);
    }
    uint64_t total_ns = 0;
    for (uint64_t i = 0; i < pieces; i++) {
        total_ns += best_ns[i];
    }
    printf("undisturbed: %.1f ns a command (each %u commands at their best of %lu runs)\n",
           (double)total_ns / (double)count, BENCH_PIECE, runs);
    (void)munmap(best_ns, pieces * sizeof(uint64_t));
}

static void bench_percentiles(const uint32_t *histogram, uint64_t count, double ticks_per_ns)
{
    static const struct {
        const char *name;
        double share;
    } wanted[] = {{"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}, {"p99.99", 0.9999}};
    uint64_t below = 0;
    size_t next = 0;
    for (uint32_t ticks = 0; ticks <= BENCH_LATENCY_MAX && next < 4; ticks++) {
        below += histogram[ticks];
        while (next < 4 && (double)below > wanted[next].share * (double)count) {
            printf(" %s %.0f", wanted[next].name, ticks / ticks_per_ns);
            next++;
        }
    }
}

static void bench_latency(struct bench *bench)
{
    static struct event events[BENCH_BATCH];
    struct event_batch batch = {.events = events, .capacity = BENCH_BATCH};
    uint32_t *histogram = bench_memory((BENCH_LATENCY_MAX + 1) * sizeof(uint32_t));
    struct engine *engine = bench_engine(bench);
    uint64_t overhead = UINT64_MAX;
    for (uint32_t i = 0; i < 100000; i++) {
        uint64_t begin = bench_ticks();
        uint64_t ticks = bench_ticks() - begin;
        overhead = ticks < overhead ? ticks : overhead;
    }
    for (uint64_t i = 0; i < bench->setup_count; i++) {
        bench_apply(engine, &bench->commands[i], &batch);
    }
    uint64_t warm = bench->setup_count + (bench->commands_count - bench->setup_count) / 10;
    uint64_t first_ns = monotonic_now_ns();
    uint64_t first_ticks = bench_ticks();
    uint64_t ticks_max = 0;
    for (uint64_t i = bench->setup_count; i < bench->commands_count; i++) {
        uint64_t begin = bench_ticks();
        bench_apply(engine, &bench->commands[i], &batch);
        uint64_t ticks = bench_ticks() - begin;
        ticks = ticks > overhead ? ticks - overhead : 0;
        if (i >= warm) {
            ticks_max = ticks > ticks_max ? ticks : ticks_max;
            histogram[ticks > BENCH_LATENCY_MAX ? BENCH_LATENCY_MAX : ticks]++;
        }
    }
    double ticks_per_ns =
        (double)(bench_ticks() - first_ticks) / (double)(monotonic_now_ns() - first_ns);
    printf("latency ns:");
    bench_percentiles(histogram, bench->commands_count - warm, ticks_per_ns);
    printf(" max %.0f (clock's own %.0f taken off)\n", (double)ticks_max / ticks_per_ns,
           (double)overhead / ticks_per_ns);
    (void)munmap(histogram, (BENCH_LATENCY_MAX + 1) * sizeof(uint32_t));
}

/* Where the generated market stands: what rests, by order id. */
struct bench_flow {
    struct random random;
    struct engine *engine;
    struct event_batch batch;
    uint64_t *live;     /* Order ids, in no order. */
    uint32_t *position; /* In `live`, by order id. */
    uint64_t *leaves;   /* By order id. */
    uint32_t live_count;
    uint64_t order_id;
    int64_t fair; /* In ticks. */
};

static void bench_flow_event(const struct bench *bench, struct bench_flow *flow,
                             const struct event *event)
{
    if (event->type != EVENT_ORDER_EXECUTED && event->type != EVENT_ORDER_CANCELED) {
        return;
    }
    uint64_t order_id = *bench_order_id(bench, event->session_id, event->user_reference);
    flow->leaves[order_id] -= event->quantity_lots;
    if (flow->leaves[order_id] == 0 && flow->position[order_id] != UINT32_MAX) {
        uint64_t last = flow->live[--flow->live_count];
        flow->live[flow->position[order_id]] = last;
        flow->position[last] = flow->position[order_id];
    }
}

/* Execute the newest command, so that the flow knows what rests. */
static void bench_flow_apply(const struct bench *bench, struct bench_flow *flow)
{
    const struct command *command = &bench->commands[bench->commands_count - 1];
    enum status status = engine_apply(flow->engine, command, &flow->batch);
    for (;;) {
        for (uint32_t i = 0; i < flow->batch.count; i++) {
            bench_flow_event(bench, flow, &flow->batch.events[i]);
        }
        if (status != STATUS_MORE) {
            return;
        }
        status = engine_resume(flow->engine, &flow->batch);
    }
}

/* One operation: a tenth crosses, the others enter near the touch or cancel, so that the book stays
 * at its size. */
static void bench_flow_step(struct bench *bench, struct bench_flow *flow)
{
    struct random *random = &flow->random;
    if (random_below(random, 20) == 0) {
        flow->fair += (int64_t)random_below(random, 3) - 1;
    }
    bool crossing = random_below(random, 10) == 0;
    bool enter = random_below(random, 100) < (flow->live_count < BENCH_GENERATED_BOOK ? 61 : 50);
    if (!crossing && !enter && flow->live_count > 20) {
        bench_cancel(bench, flow->live[random_below(random, flow->live_count)]);
        bench_flow_apply(bench, flow);
        return;
    }
    bool sell = random_below(random, 2) == 1;
    int64_t distance = 1 + (int64_t)random_below(random, 4);
    if (random_below(random, 20) == 0) {
        distance += (int64_t)random_below(random, 400);
    } else {
        distance += 4 * __builtin_ctzll(random_u64(random) | UINT64_C(1) << 20);
    }
    int64_t price = flow->fair + (sell != crossing ? distance : -distance);
    uint64_t order_id = ++flow->order_id;
    flow->leaves[order_id] = 1 + random_below(random, 100);
    flow->position[order_id] = UINT32_MAX;
    bench_enter(bench, order_id, 1 + (uint32_t)random_below(random, BENCH_SESSIONS), 0, sell,
                price * 100, flow->leaves[order_id]);
    bench_flow_apply(bench, flow);
    if (flow->leaves[order_id] > 0) {
        flow->position[order_id] = flow->live_count;
        flow->live[flow->live_count++] = order_id;
    }
}

static void bench_generate(struct bench *bench)
{
    static struct event events[BENCH_BATCH];
    static struct bench_flow flow;
    bench_allocate(bench, BENCH_GENERATED, BENCH_GENERATED);
    bench_setup(bench, 1, 6553500);
    random_seed(&flow.random, 1);
    flow.fair = 30000;
    flow.batch = (struct event_batch){.events = events, .capacity = BENCH_BATCH};
    flow.live = bench_memory((BENCH_GENERATED + 1) * sizeof(uint64_t));
    flow.position = bench_memory((BENCH_GENERATED + 1) * sizeof(uint32_t));
    flow.leaves = bench_memory((BENCH_GENERATED + 1) * sizeof(uint64_t));
    flow.engine = bench_engine(bench);
    for (uint64_t i = 0; i < bench->setup_count; i++) {
        bench_apply(flow.engine, &bench->commands[i], &flow.batch);
    }
    for (uint64_t i = 0; i < BENCH_GENERATED; i++) {
        bench_flow_step(bench, &flow);
    }
}

int main(int argument_count, char **arguments)
{
    static struct bench bench;
    if (argument_count > 1) {
        bench_load(&bench, arguments[1]);
    } else {
        bench_generate(&bench);
    }
    unsigned long runs = argument_count > 2 ? strtoul(arguments[2], NULL, 10) : 3;
    struct bench_result result = bench_verify(&bench);
    bool right = bench.trades_expected == 0 ||
                 (result.trades == bench.trades_expected && result.lots == bench.lots_expected &&
                  result.digest == bench.digest_expected);
    printf("commands %" PRIu64 " trades %" PRIu64 " lots %" PRIu64 " digest %016" PRIx64
           " %s event_hash %016" PRIx64 " checksum %016" PRIx64 "\n",
           bench.commands_count - bench.setup_count, result.trades, result.lots, result.digest,
           right ? "ok" : "WRONG", result.event_hash, result.checksum);
    bench_throughputs(&bench, &result, runs);
    bench_latency(&bench);
    return right ? 0 : 1;
}
