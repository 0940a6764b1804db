/* The table of doors: connections as they come and go, and what the loop asks of all of them. */
#include "gateway/door.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/door_table.h"
#include "gateway/log.h"
#include "matching/base/assertion.h"

#define DOOR_SWEEP_PERIOD_NS       UINT64_C(100000000)
#define DOOR_SWEEP_DOORS           2048u /* Looked at in one turn, so that a turn stays short. */
#define DOOR_MILLISECOND_NS        UINT64_C(1000000)
#define DOOR_CONNECTION_INDEX_BITS 14u
static_assert(CONNECTIONS_MAX <= 1u << DOOR_CONNECTION_INDEX_BITS, "connection ids hold an index");

const char *door_end_text(enum door_end end)
{
    static const char *const texts[DOOR_END_COUNT] = {
        "logout",        "peer-closed", "connection-failed", "silent",
        "login-timeout", "denied",      "no-such-session",   "bad-packet",
        "bad-message",   "not-served",  "replaced",          "session-ended",
        "full",          "shutdown",    "market-closed",
    };
    ASSERT(end < DOOR_END_COUNT);
    return texts[end];
}

uint32_t door_index(const struct doors *doors, const struct door *door)
{
    ASSERT(door >= doors->table);
    uint32_t index = (uint32_t)(door - doors->table);
    ASSERT(index < doors->options.connections_max);
    return index;
}

/* Tokens name the class, how often the slot was used, and the slot; index 0 is the listener. */
uint64_t door_token(const struct doors *doors, const struct door *door)
{
    return (uint64_t)doors->options.token_class << 56 |
           (uint64_t)(door->reuse_count & 0xFFFFFFu) << 32 | (door_index(doors, door) + 1);
}

uint64_t doors_listen_token(const struct doors *doors)
{
    return (uint64_t)doors->options.token_class << 56;
}

static struct door *door_of_token(struct doors *doors, uint64_t token)
{
    uint32_t index = (uint32_t)token;
    ASSERT(index > 0);
    ASSERT(index <= doors->options.connections_max);
    struct door *door = &doors->table[index - 1];
    return door->state != DOOR_FREE && door_token(doors, door) == token ? door : NULL;
}

static struct door *door_of_connection(struct doors *doors, uint64_t connection_id)
{
    uint32_t index = (uint32_t)(connection_id & ((1u << DOOR_CONNECTION_INDEX_BITS) - 1));
    if (index >= doors->options.connections_max) {
        return NULL;
    }
    struct door *door = &doors->table[index];
    return door->state != DOOR_FREE && door->connection_id == connection_id ? door : NULL;
}

static void door_log_end(struct doors *doors, const struct door *door, enum door_end end)
{
    uint64_t now_ns = io_now_ns(doors->options.io);
    if (door->session_id == 0 && now_ns - doors->refused_log_ns < UINT64_C(1000000000)) {
        return; /* A flood of strangers is counted, not logged line by line. */
    }
    if (door->session_id == 0) {
        doors->refused_log_ns = now_ns;
    }
    log_line(LOG_LEVEL_INFO, "door-closed",
             "reason=%s shard=%u session=%u epoch=%u connection=%016llx", door_end_text(end),
             door->market_index + 1, door->session_id, door->epoch,
             (unsigned long long)door->connection_id);
}

void door_end(struct doors *doors, struct door *door, enum door_end end)
{
    ASSERT(end < DOOR_END_COUNT);
    if (door->state == DOOR_FREE || door->state == DOOR_CLOSING) {
        return;
    }
    if (door->state == DOOR_ATTACHED) {
        uint32_t *attached = &doors->attached[door->market_index][door->session_id];
        ASSERT(*attached == door_index(doors, door));
        *attached = DOOR_NONE;
        doors->counts.attached--;
        if (end != DOOR_END_REPLACED) {
            struct door_logoff logoff = {door->session_id, door->epoch, door->input_number_next};
            door_logoff_push(&doors->logoffs[door->market_index], &logoff);
        }
    }
    door_input_drop(doors, door);
    doors->counts.ends[end]++;
    door_log_end(doors, door, end);
    door->end = (uint8_t)end;
    door->state = DOOR_CLOSING;
    io_close(doors->options.io, door->handle, door_token(doors, door));
}

static void door_accepted(struct doors *doors, const struct io_completion *completion)
{
    if (completion->result < 0) {
        log_line(LOG_LEVEL_WARN, "accept-failed", "error=%d", -completion->result);
        return;
    }
    doors->counts.accepted++;
    if (doors->free_count == 0) {
        doors->counts.ends[DOOR_END_FULL]++;
        io_close(doors->options.io, completion->handle, doors_listen_token(doors));
        return;
    }
    uint32_t index = doors->free_indexes[--doors->free_count];
    struct door *door = &doors->table[index];
    ASSERT(door->state == DOOR_FREE);
    /* It may still stand in a list from its former use: it stays there, which costs one look. */
    struct door fresh = {.state = DOOR_LOGIN,
                         .handle = completion->handle,
                         .reuse_count = door->reuse_count + 1,
                         .held_first = DOOR_NONE,
                         .paused = door->paused,
                         .next_paused = door->next_paused,
                         .ready = door->ready,
                         .next_ready = door->next_ready,
                         .heartbeat_timeout_ms = SOUPBIN_SILENCE_LIMIT_MS};
    *door = fresh;
    uint64_t now_ns = io_now_ns(doors->options.io);
    door->connected_ns = now_ns;
    door->received_ns = now_ns;
    door->sent_ns = now_ns;
    door->connection_id =
        (doors->connection_salt + (doors->counts.accepted << DOOR_CONNECTION_INDEX_BITS)) | index;
    doors->counts.connections++;
    io_receive_start(doors->options.io, door->handle, door_token(doors, door));
}

static void door_closed(struct doors *doors, struct door *door)
{
    ASSERT(door->state == DOOR_CLOSING);
    ASSERT(!door->sending);
    ASSERT(door->held_first == DOOR_NONE);
    door->state = DOOR_FREE;
    door->session_id = 0;
    ASSERT(doors->counts.connections > 0);
    doors->counts.connections--;
    doors->free_indexes[doors->free_count++] = door_index(doors, door);
}

void doors_arrival(struct doors *doors, uint64_t arrived_ns)
{
    ASSERT(arrived_ns >= doors->arrived_ns);
    ASSERT(arrived_ns <= io_now_ns(doors->options.io));
    doors->arrived_ns = arrived_ns;
}

void doors_complete(struct doors *doors, const struct io_completion *completion)
{
    if (completion->token == doors_listen_token(doors)) {
        if (completion->kind == IO_ACCEPTED) {
            door_accepted(doors, completion);
        }
        return;
    }
    struct door *door = door_of_token(doors, completion->token);
    ASSERT(door != NULL);
    switch (completion->kind) {
    case IO_RECEIVED:
        if (door->state == DOOR_CLOSING) {
            if (completion->result > 0) {
                io_buffer_release(doors->options.io, completion);
            }
        } else {
            door_input_received(doors, door, completion);
        }
        return;
    case IO_SENT:
        door_output_sent(doors, door, completion->result);
        return;
    case IO_CLOSED:
        door_closed(doors, door);
        return;
    case IO_ACCEPTED:
    case IO_CONNECTED:
    case IO_WRITTEN:
    case IO_WOKEN:
        break;
    }
    ASSERT(false);
}

/* A logon has been executed: where it is one of this site, its door opens, if it is still there. */
static void door_logon_event(struct doors *doors, uint32_t market_index, const struct event *event)
{
    const struct door_market *market = &doors->options.markets[market_index];
    struct engine_session session;
    enum status status = engine_session_view(market->engine, event->session_id, &session);
    ASSERT(status == STATUS_OK);
    if (session.attached_site_id != doors->options.site_id) {
        return;
    }
    struct door *door = door_of_connection(doors, event->match_number);
    uint32_t epoch = event->user_reference;
    if (door == NULL || door->state != DOOR_ATTACHING) {
        /* The client left meanwhile, or the logon is from before a restart. */
        struct door_logoff logoff = {event->session_id, epoch, 1};
        door_logoff_push(&doors->logoffs[market_index], &logoff);
        return;
    }
    ASSERT(door->market_index == market_index);
    if (!door_input_fits(door, &session)) {
        /* The generation was rolled while the logon was on its way. */
        struct door_logoff logoff = {event->session_id, epoch, 1};
        door_logoff_push(&doors->logoffs[market_index], &logoff);
        door_input_reject(doors, door, SOUPBIN_SESSION_NOT_AVAILABLE);
        return;
    }
    uint32_t *attached = &doors->attached[market_index][event->session_id];
    ASSERT(*attached == DOOR_NONE);
    *attached = door_index(doors, door);
    doors->counts.attached++;
    door->state = DOOR_ATTACHED;
    door->session_id = event->session_id;
    door->epoch = epoch;
    door->input_number_next = 1;
    door->generation = session.generation;
    door->cursor = door->login_sequence == 0 ? session.sequence_next : door->login_sequence;
    door->send_accepted = true;
    door_output_ready(doors, door);
    log_line(LOG_LEVEL_INFO, "logon",
             "session=%.6s shard=%u epoch=%u generation=%llu sequence=%llu connection=%016llx",
             (const char *)session.name, market_index + 1, epoch,
             (unsigned long long)session.generation, (unsigned long long)door->cursor,
             (unsigned long long)door->connection_id);
}

static void door_logoff_event(struct doors *doors, uint32_t market_index, const struct event *event)
{
    uint32_t index = doors->attached[market_index][event->session_id];
    if (index == DOOR_NONE || doors->table[index].epoch != event->user_reference) {
        return;
    }
    door_end(doors, &doors->table[index], DOOR_END_REPLACED);
}

/* The generation of an attached door was ended. The door keeps its place in the stream; the session
 * is free for the next logon, which does not wait for a slow client. */
static void door_generation_end(struct doors *doors, struct door *door, const struct event *event)
{
    ASSERT(door->state == DOOR_ATTACHED);
    ASSERT(door->session_id == event->session_id);
    doors->attached[door->market_index][door->session_id] = DOOR_NONE;
    doors->counts.attached--;
    door->state = DOOR_DRAINING;
    door->send_end = true;
    door->end = DOOR_END_SESSION_ENDED;
    door->end_sequence = event->sequence;
}

void doors_event(struct doors *doors, uint32_t market_index, const struct event *event)
{
    ASSERT(market_index < doors->options.market_count);
    ASSERT(event->session_id <= doors->options.sessions_max);
    if (event->type == EVENT_SESSION_LOGON) {
        door_logon_event(doors, market_index, event);
        return;
    }
    if (event->type == EVENT_SESSION_LOGOFF) {
        door_logoff_event(doors, market_index, event);
        return;
    }
    uint32_t index = doors->attached[market_index][event->session_id];
    if (event->sequence == 0 || index == DOOR_NONE) {
        return;
    }
    struct door *door = &doors->table[index];
    if (event->type == EVENT_SYSTEM && event->reason == SYSTEM_END) {
        door_generation_end(doors, door, event);
    }
    door_output_ready(doors, door);
}

void doors_market_reconcile(struct doors *doors, uint32_t market_index)
{
    ASSERT(market_index < doors->options.market_count);
    const struct engine *engine = doors->options.markets[market_index].engine;
    struct engine_session session;
    for (uint32_t id = 1; engine_session_view(engine, id, &session) == STATUS_OK; id++) {
        if (session.attached_site_id == doors->options.site_id &&
            doors->attached[market_index][id] == DOOR_NONE &&
            !door_logoff_holds(&doors->logoffs[market_index], id, session.epoch)) {
            struct door_logoff logoff = {id, session.epoch, session.input_number_next};
            door_logoff_push(&doors->logoffs[market_index], &logoff);
        }
    }
}

void doors_market_halt(struct doors *doors, uint32_t market_index)
{
    ASSERT(market_index < doors->options.market_count);
    ASSERT(doors->options.markets[market_index].halted);
    for (uint32_t index = 0; index < doors->options.connections_max; index++) {
        struct door *door = &doors->table[index];
        bool enters = door->state == DOOR_VERIFYING || door->state == DOOR_ATTACHING;
        if (enters && door->market_index == market_index) {
            door_end(doors, door, DOOR_END_MARKET_CLOSED);
        }
    }
}

void doors_market_close(struct doors *doors, uint32_t market_index)
{
    ASSERT(market_index < doors->options.market_count);
    for (uint32_t index = 0; index < doors->options.connections_max; index++) {
        struct door *door = &doors->table[index];
        bool known = door->state == DOOR_VERIFYING || door->state == DOOR_ATTACHING ||
                     door->state == DOOR_ATTACHED || door->state == DOOR_DRAINING;
        if (known && door->market_index == market_index) {
            door_end(doors, door, DOOR_END_MARKET_CLOSED);
        }
    }
}

/* Password checks that have come back. A logon that finds no room is asked for again at the next
 * turn. */
static void doors_take_credentials(struct doors *doors)
{
    struct credential_result result;
    while (credential_take(doors->options.credentials, &result) == STATUS_OK) {
        struct door *door = door_of_token(doors, result.ticket);
        if (door == NULL || door->state != DOOR_VERIFYING) {
            continue; /* The client left meanwhile. */
        }
        if (!result.right) {
            door_input_reject(doors, door, SOUPBIN_NOT_AUTHORIZED);
            continue;
        }
        door_input_attach(doors, door);
    }
}

/* Let those that waited for room in a shard's queue go on, in the order in which they came. */
static void doors_unpause(struct doors *doors)
{
    uint32_t last = doors->paused.last;
    while (doors->paused.first != DOOR_NONE) {
        uint32_t index = doors->paused.first;
        struct door *door = &doors->table[index];
        ASSERT(door->paused);
        doors->paused.first = door->next_paused;
        door->paused = false;
        door->next_paused = DOOR_NONE;
        door_input_go_on(doors, door);
        if (index == last) {
            return;
        }
    }
}

static void door_sweep_one(struct doors *doors, struct door *door, uint64_t now_ns)
{
    if (door->state == DOOR_FREE || door->state == DOOR_CLOSING) {
        return;
    }
    if (door->state != DOOR_ATTACHED && door->state != DOOR_DRAINING) {
        if (now_ns - door->connected_ns > DOOR_LOGIN_LIMIT_MS * DOOR_MILLISECOND_NS) {
            door_end(doors, door, DOOR_END_LOGIN_TIMEOUT);
        }
        return;
    }
    /* A door that waits for us is not silent: we do not read. */
    if (!door->paused && now_ns > door->received_ns &&
        now_ns - door->received_ns > door->heartbeat_timeout_ms * DOOR_MILLISECOND_NS) {
        door_end(doors, door, DOOR_END_SILENT);
        return;
    }
    if (!door->sending &&
        now_ns - door->sent_ns >= SOUPBIN_HEARTBEAT_PERIOD_MS * DOOR_MILLISECOND_NS) {
        door->send_heartbeat = true;
        door_output_ready(doors, door);
    }
}

static void doors_sweep(struct doors *doors)
{
    uint64_t now_ns = io_now_ns(doors->options.io);
    if (now_ns < doors->sweep_due_ns) {
        return;
    }
    uint32_t end = doors->sweep_index + DOOR_SWEEP_DOORS;
    for (; doors->sweep_index < end && doors->sweep_index < doors->options.connections_max;
         doors->sweep_index++) {
        door_sweep_one(doors, &doors->table[doors->sweep_index], now_ns);
    }
    if (doors->sweep_index == doors->options.connections_max) {
        doors->sweep_index = 0;
        doors->sweep_due_ns = now_ns + DOOR_SWEEP_PERIOD_NS;
    }
}

enum status doors_run(struct doors *doors, bool refuse_orders)
{
    doors->refuse_orders = refuse_orders;
    for (uint32_t market = 0; market < doors->options.market_count; market++) {
        /* Before any logon: what a session left comes first. */
        door_logoff_submit(&doors->logoffs[market], doors->options.markets[market].router,
                           doors->options.site_id, io_now_ns(doors->options.io));
    }
    doors_take_credentials(doors);
    doors_unpause(doors);
    doors_sweep(doors);
    return door_output_run(doors);
}

uint64_t doors_due_ns(const struct doors *doors)
{
    return doors->sweep_due_ns;
}

bool doors_waiting(const struct doors *doors)
{
    for (uint32_t market = 0; market < doors->options.market_count; market++) {
        if (!doors->options.markets[market].halted &&
            door_logoff_waiting(&doors->logoffs[market])) {
            return true;
        }
    }
    return false;
}

void doors_close_all(struct doors *doors)
{
    for (uint32_t i = 0; i < doors->options.connections_max; i++) {
        door_end(doors, &doors->table[i], DOOR_END_SHUTDOWN);
    }
}

void doors_counts(const struct doors *doors, struct doors_counts *counts)
{
    *counts = doors->counts;
}

static enum status doors_allocate(struct doors *doors)
{
    const struct doors_options *options = &doors->options;
    doors->table = calloc(options->connections_max, sizeof doors->table[0]);
    doors->free_indexes = calloc(options->connections_max, sizeof doors->free_indexes[0]);
    doors->held = calloc(options->buffer_ids_max, sizeof doors->held[0]);
    doors->send_memory = aligned_alloc(4096, (size_t)options->connections_max * DOOR_SEND_BYTES);
    if (doors->table == NULL || doors->free_indexes == NULL || doors->held == NULL ||
        doors->send_memory == NULL) {
        return STATUS_FULL;
    }
    for (uint32_t market = 0; market < options->market_count; market++) {
        uint32_t *attached = calloc((size_t)options->sessions_max + 1, sizeof attached[0]);
        if (attached == NULL) {
            return STATUS_FULL;
        }
        for (uint32_t id = 0; id <= options->sessions_max; id++) {
            attached[id] = DOOR_NONE;
        }
        doors->attached[market] = attached;
        if (door_logoff_queue_create(&doors->logoffs[market], options->sessions_max) != STATUS_OK) {
            return STATUS_FULL;
        }
    }
    for (uint32_t i = 0; i < options->connections_max; i++) {
        doors->free_indexes[i] = options->connections_max - 1 - i;
    }
    doors->free_count = options->connections_max;
    return STATUS_OK;
}

enum status doors_create(struct doors **doors, const struct doors_options *options)
{
    ASSERT(options->connections_max > 0);
    ASSERT(options->connections_max <= CONNECTIONS_MAX);
    ASSERT(options->market_count > 0);
    ASSERT(options->market_count <= SHARDS_MAX);
    ASSERT(options->buffer_ids_max > options->connections_max);

    struct doors *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->options = *options;
    made->paused = (struct door_list){DOOR_NONE, DOOR_NONE};
    made->ready = (struct door_list){DOOR_NONE, DOOR_NONE};
    randombytes_buf(&made->connection_salt, sizeof made->connection_salt);
    made->connection_salt &= ~((UINT64_C(1) << 40) - 1);
    if (doors_allocate(made) != STATUS_OK) {
        doors_destroy(made);
        return STATUS_FULL;
    }
    *doors = made;
    return STATUS_OK;
}

void doors_destroy(struct doors *doors)
{
    for (uint32_t market = 0; market < SHARDS_MAX; market++) {
        free(doors->attached[market]);
        door_logoff_queue_destroy(&doors->logoffs[market]);
    }
    free(doors->send_memory);
    free(doors->held);
    free(doors->free_indexes);
    free(doors->table);
    free(doors);
}
