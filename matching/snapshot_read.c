/* Reading: what an engine writes is taken, everything else refused. Each record is judged as a
 * whole before it changes the engine, so that no assertion of the market depends on bytes. */
#include "matching/engine_inside.h"
#include "matching/snapshot.h"

/* Numbers that count up. An engine would need centuries to come near; beyond, they would run over
 * soon. */
#define SNAPSHOT_NUMBER_MAX (UINT64_MAX >> 1)

void snapshot_read_start(struct snapshot_reader *reader, struct engine *engine)
{
    ASSERT(engine->phase == ENGINE_IDLE);
    ASSERT(engine->market.totals.commands == 0);
    ASSERT(engine->market.participants.firms_count == 0);
    ASSERT(engine->market.instruments.count == 0);
    *reader =
        (struct snapshot_reader){.engine = engine, .status = STATUS_MORE, .hash = CHECKSUM_SEED};
}

static bool snapshot_limits_equal(const struct market *market, const struct engine_limits *limits)
{
    return limits->orders_max == market->space.pool.count_max &&
           limits->price_levels_max == market->space.levels.count_max &&
           limits->instruments_max == market->instruments.count_max &&
           limits->firms_max == market->participants.firms_max &&
           limits->sessions_max == market->participants.sessions_max;
}

/* The timer stands where the last command left it. */
static bool snapshot_day_end_valid(const struct snapshot_head *head)
{
    struct timer expected = {.set = false};
    if (head->shard.day_end_set == 1) {
        timer_set_daily(&expected, head->timestamp_ns, head->shard.day_end_second);
    }
    return head->day_end_set == (expected.set ? 1 : 0) && head->day_end_ns == expected.due_ns;
}

/* It opens later, and was to reopen in this way. */
static bool snapshot_reopening_valid(const struct snapshot_head *head)
{
    if (head->reopening_set == 0) {
        return head->reopening_ns == 0;
    }
    return head->reopening_set == 1 && head->shard.cancel_only_ms > 0 &&
           head->reopening_ns > head->timestamp_ns && head->reopening_ns < UINT64_MAX;
}

static bool snapshot_head_valid(const struct snapshot_head *head)
{
    static const struct command_shard never;
    if (!administration_shard_valid(&head->shard) || !snapshot_day_end_valid(head) ||
        !snapshot_reopening_valid(head)) {
        return false;
    }
    if (head->shard_version == 0 && memcmp(&head->shard, &never, sizeof never) != 0) {
        return false;
    }
    if (head->order_id_next < 1 || head->order_id_next > SNAPSHOT_NUMBER_MAX ||
        head->match_number_next < 1 || head->match_number_next > SNAPSHOT_NUMBER_MAX) {
        return false;
    }
    return head->firms_count <= head->limits.firms_max &&
           head->sessions_count <= head->limits.sessions_max &&
           head->instruments_count <= head->limits.instruments_max &&
           head->orders_count <= head->limits.orders_max &&
           head->answers_count <= SNAPSHOT_NUMBER_MAX;
}

static enum status snapshot_get_head(struct snapshot_reader *reader,
                                     const struct snapshot_head *head)
{
    struct market *market = &reader->engine->market;
    if (reader->type != 0 || head->magic != SNAPSHOT_MAGIC) {
        return STATUS_BAD_FORMAT;
    }
    if (head->version != SNAPSHOT_VERSION) {
        return STATUS_BAD_VERSION;
    }
    if (!snapshot_limits_equal(market, &head->limits)) {
        return STATUS_BAD_ARGUMENT;
    }
    if (!snapshot_head_valid(head)) {
        return STATUS_BAD_FORMAT;
    }
    reader->head = *head;
    market->writer.hash = head->event_hash;
    market->writer.timestamp_ns = head->timestamp_ns;
    market->timestamp_ns = head->timestamp_ns;
    market->order_id_next = head->order_id_next;
    market->match_number_next = head->match_number_next;
    market->totals = head->totals;
    market->day_end = (struct timer){.due_ns = head->day_end_ns, .set = head->day_end_set == 1};
    market->reopening =
        (struct timer){.due_ns = head->reopening_ns, .set = head->reopening_set == 1};
    market->shard = head->shard;
    market->shard_version = head->shard_version;
    reader->answer =
        head->answers_count < ADMIN_REQUESTS_MAX ? 0 : head->answers_count - ADMIN_REQUESTS_MAX;
    return STATUS_MORE;
}

static enum status snapshot_get_firm(struct snapshot_reader *reader,
                                     const struct snapshot_firm *firm)
{
    struct participants *participants = &reader->engine->market.participants;
    if (reader->type != SNAPSHOT_HEAD && reader->type != SNAPSHOT_FIRM) {
        return STATUS_BAD_FORMAT;
    }
    if (participants->firms_count == reader->head.firms_count || firm->version == 0 ||
        !participant_firm_valid(&firm->terms) ||
        participant_find_firm(participants, firm->terms.name) != 0) {
        return STATUS_BAD_FORMAT;
    }
    uint32_t id = participant_add_firm(participants, &firm->terms);
    participants->firms[id].version = firm->version;
    return STATUS_MORE;
}

/* A grace period runs only while nobody is logged on who was once, of a session whose orders do not
 * stay; it ends later. */
static bool snapshot_grace_valid(const struct snapshot_session *session, uint64_t timestamp_ns)
{
    if (session->grace_runs == 0) {
        return session->grace_ends_ns == 0 && session->grace_length_ms == 0;
    }
    return session->grace_runs == 1 && session->terms.cancel_on_disconnect == 1 &&
           session->attached_site_id == 0 && session->epoch > 0 &&
           session->grace_ends_ns > timestamp_ns && session->grace_length_ms <= GRACE_MS_MAX;
}

static bool snapshot_session_valid(const struct snapshot_session *session, uint64_t timestamp_ns)
{
    if (session->version == 0 || !participant_session_valid(&session->terms) ||
        !snapshot_grace_valid(session, timestamp_ns)) {
        return false;
    }
    if (session->attached_site_id > SITES_MAX ||
        (session->attached_site_id != 0 && session->epoch == 0)) {
        return false;
    }
    return session->input_number_next >= 1 && session->input_number_next <= SNAPSHOT_NUMBER_MAX &&
           session->sequence_next >= 1 && session->sequence_next <= SNAPSHOT_NUMBER_MAX &&
           session->generation >= 1 && session->generation <= SNAPSHOT_NUMBER_MAX;
}

static enum status snapshot_get_session(struct snapshot_reader *reader,
                                        const struct snapshot_session *session)
{
    struct participants *participants = &reader->engine->market.participants;
    if ((reader->type != SNAPSHOT_HEAD && reader->type != SNAPSHOT_FIRM &&
         reader->type != SNAPSHOT_SESSION) ||
        participants->firms_count != reader->head.firms_count) {
        return STATUS_BAD_FORMAT;
    }
    if (participants->sessions_count == reader->head.sessions_count ||
        !snapshot_session_valid(session, reader->head.timestamp_ns) ||
        participant_find_session(participants, session->terms.name) != 0 ||
        participant_find_firm(participants, session->terms.firm) == 0) {
        return STATUS_BAD_FORMAT;
    }
    uint32_t id = participant_add_session(participants, &session->terms);
    struct session *target = &participants->sessions[id];
    target->input_number_next = session->input_number_next;
    target->sequence_next = session->sequence_next;
    target->generation = session->generation;
    target->epoch = session->epoch;
    if (session->attached_site_id != 0) {
        participant_attach(participants, target, session->attached_site_id);
    }
    if (session->grace_runs == 1) {
        grace_start(&participants->grace, id, session->grace_ends_ns, session->grace_length_ms);
    }
    memcpy(target->references, session->references, sizeof target->references);
    participants->profiles[id].version = session->version;
    return STATUS_MORE;
}

/* Is everything there that comes before instruments, and no level without orders? */
static bool snapshot_book_complete(const struct snapshot_reader *reader)
{
    const struct participants *participants = &reader->engine->market.participants;
    return reader->type != 0 && participants->firms_count == reader->head.firms_count &&
           participants->sessions_count == reader->head.sessions_count &&
           !(reader->level_set && reader->level_empty);
}

static enum status snapshot_get_instrument(struct snapshot_reader *reader,
                                           const struct snapshot_instrument *instrument)
{
    struct market *market = &reader->engine->market;
    if (!snapshot_book_complete(reader) || reader->type == SNAPSHOT_ANSWER) {
        return STATUS_BAD_FORMAT;
    }
    if (market->instruments.count == reader->head.instruments_count || instrument->version == 0 ||
        !instrument_terms_valid(&instrument->terms) ||
        instrument_find(&market->instruments, instrument->terms.symbol) != 0) {
        return STATUS_BAD_FORMAT;
    }
    uint32_t id = instrument_add(&market->instruments, &market->space, &instrument->terms);
    market->instruments.profiles[id].version = instrument->version;
    reader->instrument_id = id;
    reader->level_set = false;
    return STATUS_MORE;
}

static enum status snapshot_get_level(struct snapshot_reader *reader,
                                      const struct snapshot_level *level)
{
    struct market *market = &reader->engine->market;
    if ((reader->type != SNAPSHOT_INSTRUMENT && reader->type != SNAPSHOT_ORDER) ||
        level->book_side > BOOK_ASKS || level->price < -ORDER_PRICE_MAX ||
        level->price > ORDER_PRICE_MAX) {
        return STATUS_BAD_FORMAT;
    }
    const struct instrument *instrument = &market->instruments.hot[reader->instrument_id];
    if (reader->level_set && level->book_side < reader->book_side) {
        return STATUS_BAD_FORMAT;
    }
    bool further = reader->level_set && level->book_side == reader->book_side;
    if (further && !book_better(level->book_side, reader->price, level->price)) {
        return STATUS_BAD_FORMAT;
    }
    if (!instrument_tick_number(instrument, level->price, &reader->tick_number) ||
        book_crosses(&instrument->book, level->book_side, level->price) ||
        market->space.levels.count == market->space.levels.count_max) {
        return STATUS_BAD_FORMAT;
    }
    reader->level_set = true;
    reader->level_empty = true;
    reader->book_side = level->book_side;
    reader->price = level->price;
    reader->order_id_last = 0;
    return STATUS_MORE;
}

/* Could this order rest at the level? */
static bool snapshot_order_valid(const struct snapshot_reader *reader,
                                 const struct snapshot_order *order)
{
    const struct market *market = &reader->engine->market;
    const struct book *book = &market->instruments.hot[reader->instrument_id].book;
    if (order->order_id <= reader->order_id_last || order->order_id >= reader->head.order_id_next) {
        return false;
    }
    if (order->leaves_lots < 1 || order->leaves_lots > ORDER_LOTS_MAX ||
        order->cumulative_lots > ORDER_LOTS_MAX - order->leaves_lots ||
        order->leaves_lots > BOOK_LOTS_MAX - book->sides[reader->book_side].lots) {
        return false;
    }
    if (order->side < SIDE_BUY || order->side > SIDE_SELL_SHORT_EXEMPT ||
        book_side_index(order->side) != reader->book_side || !market_rests(order->time_in_force)) {
        return false;
    }
    if (order->session_id < 1 || order->session_id > market->participants.sessions_count ||
        order->channel >= CHANNELS_MAX || order->user_reference == 0) {
        return false;
    }
    const struct session *session = &market->participants.sessions[order->session_id];
    return order->user_reference <= session->references[order->channel];
}

static enum status snapshot_get_order(struct snapshot_reader *reader,
                                      const struct snapshot_order *order)
{
    struct market *market = &reader->engine->market;
    struct order_pool *pool = &market->space.pool;
    if ((reader->type != SNAPSHOT_LEVEL && reader->type != SNAPSHOT_ORDER) ||
        pool->count == reader->head.orders_count || !snapshot_order_valid(reader, order)) {
        return STATUS_BAD_FORMAT;
    }
    uint64_t hash =
        order_index_hash(&market->index, order->session_id, order->channel, order->user_reference);
    if (order_index_find(&market->index, pool, hash, order->session_id, order->channel,
                         order->user_reference) != 0) {
        return STATUS_BAD_FORMAT;
    }
    uint32_t slot = order_pool_take(pool);
    pool->orders[slot] = (struct order){
        .leaves_lots = order->leaves_lots,
        .cumulative_lots = order->cumulative_lots,
        .user_reference = order->user_reference,
        .session_id = (uint16_t)order->session_id,
        .instrument_id = (uint16_t)reader->instrument_id,
        .channel = order->channel,
        .side = order->side,
        .book_side = reader->book_side,
    };
    pool->details[slot] = (struct order_detail){
        .order_id = order->order_id,
        .time_in_force = order->time_in_force,
        .capacity = order->capacity,
        .cross = order->cross,
    };
    market_rest(market, &market->participants.sessions[order->session_id],
                &market->instruments.hot[reader->instrument_id], slot, hash, reader->price,
                reader->tick_number);
    reader->level_empty = false;
    reader->order_id_last = order->order_id;
    return STATUS_MORE;
}

/* Is everything there that comes before answers? */
static bool snapshot_market_complete(const struct snapshot_reader *reader)
{
    const struct market *market = &reader->engine->market;
    return snapshot_book_complete(reader) &&
           market->instruments.count == reader->head.instruments_count &&
           market->space.pool.count == reader->head.orders_count;
}

static enum status snapshot_get_answer(struct snapshot_reader *reader,
                                       const struct administration_answer *answer)
{
    struct administration *administration = &reader->engine->administration;
    if (!snapshot_market_complete(reader) || reader->answer == reader->head.answers_count ||
        answer->request_id == 0 || answer->result < ADMINISTRATION_DONE ||
        answer->result > ADMINISTRATION_BUSY) {
        return STATUS_BAD_FORMAT;
    }
    /* The ring was empty: what has not been read yet has request id 0. */
    for (uint32_t i = 0; i < ADMIN_REQUESTS_MAX; i++) {
        if (administration->answers[i].request_id == answer->request_id) {
            return STATUS_BAD_FORMAT;
        }
    }
    administration->answers[reader->answer % ADMIN_REQUESTS_MAX] = *answer;
    reader->answer++;
    return STATUS_MORE;
}

static enum status snapshot_get_end(struct snapshot_reader *reader, const struct snapshot_end *end)
{
    struct engine *engine = reader->engine;
    if (!snapshot_market_complete(reader) || reader->answer != reader->head.answers_count ||
        end->records_count != reader->records_count) {
        return STATUS_BAD_FORMAT;
    }
    if (end->hash != reader->hash) {
        return STATUS_BAD_CHECKSUM;
    }
    if (!order_sweep_distinct(&engine->sweep, &engine->market.space.pool)) {
        return STATUS_BAD_FORMAT;
    }
    engine->administration.count = reader->head.answers_count;
    market_schedule(&engine->market);
    return STATUS_OK;
}

/* A whole record stands in reader->record. */
static enum status snapshot_get(struct snapshot_reader *reader)
{
    struct snapshot_record record;
    snapshot_record_load(&record, reader->record);
    switch ((enum snapshot_record_type)record.type) {
    case SNAPSHOT_HEAD:
        return snapshot_get_head(reader, &record.body.head);
    case SNAPSHOT_FIRM:
        return snapshot_get_firm(reader, &record.body.firm);
    case SNAPSHOT_SESSION:
        return snapshot_get_session(reader, &record.body.session);
    case SNAPSHOT_INSTRUMENT:
        return snapshot_get_instrument(reader, &record.body.instrument);
    case SNAPSHOT_LEVEL:
        return snapshot_get_level(reader, &record.body.level);
    case SNAPSHOT_ORDER:
        return snapshot_get_order(reader, &record.body.order);
    case SNAPSHOT_ANSWER:
        return snapshot_get_answer(reader, &record.body.answer);
    case SNAPSHOT_END:
        return snapshot_get_end(reader, &record.body.end);
    }
    ASSERT(false);
    return STATUS_BAD_FORMAT;
}

/* Move bytes into reader->record until it is whole, which its first byte says when. Returns how
 * many were taken. */
static size_t snapshot_gather(struct snapshot_reader *reader, const uint8_t *chunk, size_t bytes)
{
    ASSERT(bytes > 0);
    if (reader->record_bytes == 0) {
        reader->record[0] = chunk[0];
    }
    uint32_t whole = snapshot_record_bytes(reader->record[0]);
    if (whole == 0) {
        reader->status = STATUS_BAD_FORMAT;
        return bytes;
    }
    ASSERT(reader->record_bytes < whole);
    size_t count = whole - reader->record_bytes;
    count = count < bytes ? count : bytes;
    memcpy(reader->record + reader->record_bytes, chunk, count);
    reader->record_bytes += (uint32_t)count;
    if (reader->record_bytes == whole) {
        reader->status = snapshot_get(reader);
        reader->hash = checksum_bytes(reader->hash, reader->record, whole);
        reader->records_count++;
        reader->type = reader->record[0];
        reader->record_bytes = 0;
    }
    return count;
}

enum status snapshot_read(struct snapshot_reader *reader, const uint8_t *chunk, size_t bytes)
{
    ASSERT(reader->engine != NULL);
    size_t done = 0;
    while (done < bytes && reader->status == STATUS_MORE) {
        done += snapshot_gather(reader, chunk + done, bytes - done);
    }
    ASSERT(done <= bytes);
    if (reader->status == STATUS_OK && done < bytes) {
        reader->status = STATUS_BAD_FORMAT; /* Something stands behind the end. */
    }
    return reader->status;
}
