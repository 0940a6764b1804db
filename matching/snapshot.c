/* Writing; snapshot_read.c reads. */
#include "matching/snapshot.h"

#include "matching/engine_inside.h"

/* The first answer that is still known, by age. */
static uint64_t snapshot_answers_first(const struct administration *administration)
{
    uint64_t count = administration->count;
    return count < ADMIN_REQUESTS_MAX ? 0 : count - ADMIN_REQUESTS_MAX;
}

void snapshot_write_start(struct snapshot_writer *writer, const struct engine *engine)
{
    ASSERT(engine->phase == ENGINE_IDLE);
    *writer = (struct snapshot_writer){
        .engine = engine,
        .commands = engine->market.totals.commands,
        .hash = CHECKSUM_SEED,
        .type = SNAPSHOT_HEAD,
        .answer = snapshot_answers_first(&engine->administration),
    };
}

static void snapshot_put_head(const struct engine *engine, struct snapshot_head *head)
{
    const struct market *market = &engine->market;
    *head = (struct snapshot_head){
        .magic = SNAPSHOT_MAGIC,
        .version = SNAPSHOT_VERSION,
        .limits = {.orders_max = market->space.pool.count_max,
                   .price_levels_max = market->space.levels.count_max,
                   .instruments_max = market->instruments.count_max,
                   .firms_max = market->participants.firms_max,
                   .sessions_max = market->participants.sessions_max},
        .event_hash = market->writer.hash,
        .timestamp_ns = market->timestamp_ns,
        .order_id_next = market->order_id_next,
        .match_number_next = market->match_number_next,
        .totals = market->totals,
        .day_end_ns = market->day_end.due_ns,
        .day_end_set = market->day_end.set ? 1 : 0,
        .reopening_ns = market->reopening.due_ns,
        .reopening_set = market->reopening.set ? 1 : 0,
        .shard = market->shard,
        .shard_version = market->shard_version,
        .firms_count = market->participants.firms_count,
        .sessions_count = market->participants.sessions_count,
        .instruments_count = market->instruments.count,
        .orders_count = market->space.pool.count,
        .answers_count = engine->administration.count,
    };
    ASSERT(head->orders_count <= head->limits.orders_max);
    ASSERT(head->order_id_next > 0);
}

static void snapshot_put_firm(const struct participants *participants, uint32_t id,
                              struct snapshot_firm *target)
{
    const struct firm *firm = &participants->firms[id];
    ASSERT(id > 0);
    ASSERT(firm->version > 0);
    target->version = firm->version;
    target->terms.enabled = firm->enabled ? 1 : 0;
    memcpy(target->terms.name, firm->name, sizeof target->terms.name);
}

static void snapshot_put_session(const struct participants *participants, uint32_t id,
                                 struct snapshot_session *target)
{
    const struct session *session = &participants->sessions[id];
    const struct session_profile *profile = &participants->profiles[id];
    const struct grace_period *period = &participants->grace.periods[id];
    ASSERT(session->sequence_next > 0);
    ASSERT(participants->grace.over_count == 0);
    *target = (struct snapshot_session){
        .version = profile->version,
        .terms = profile->terms,
        .input_number_next = session->input_number_next,
        .sequence_next = session->sequence_next,
        .generation = session->generation,
        .epoch = session->epoch,
        .attached_site_id = session->attached_site_id,
        .grace_runs = grace_runs(&participants->grace, id) ? 1 : 0,
        .grace_ends_ns = period->ends_ns,
        .grace_length_ms = period->length_ms,
    };
    memcpy(target->references, session->references, sizeof target->references);
}

static void snapshot_put_order(const struct order_pool *pool, uint32_t slot,
                               struct snapshot_order *target)
{
    const struct order *order = &pool->orders[slot];
    const struct order_detail *detail = &pool->details[slot];
    ASSERT(order->side != 0);
    ASSERT(order->leaves_lots > 0);
    *target = (struct snapshot_order){
        .order_id = detail->order_id,
        .leaves_lots = order->leaves_lots,
        .cumulative_lots = order->cumulative_lots,
        .session_id = order->session_id,
        .user_reference = order->user_reference,
        .channel = order->channel,
        .side = order->side,
        .time_in_force = detail->time_in_force,
        .capacity = detail->capacity,
        .cross = detail->cross,
    };
}

/* The next firm, session or instrument. False: there are no more of this type. */
static bool snapshot_put_named(struct snapshot_writer *writer, struct snapshot_record *record)
{
    const struct market *market = &writer->engine->market;
    uint32_t id = writer->id + 1;
    switch ((enum snapshot_record_type)writer->type) {
    case SNAPSHOT_FIRM:
        if (id <= market->participants.firms_count) {
            snapshot_put_firm(&market->participants, id, &record->body.firm);
            writer->id = id;
            return true;
        }
        break;
    case SNAPSHOT_SESSION:
        if (id <= market->participants.sessions_count) {
            snapshot_put_session(&market->participants, id, &record->body.session);
            writer->id = id;
            return true;
        }
        break;
    case SNAPSHOT_INSTRUMENT:
        if (id <= market->instruments.count) {
            const struct instrument_profile *profile = &market->instruments.profiles[id];
            record->body.instrument =
                (struct snapshot_instrument){.version = profile->version, .terms = profile->terms};
            writer->id = id;
            writer->book_side = BOOK_BIDS;
            writer->level = market->instruments.hot[id].book.sides[BOOK_BIDS].best;
            return true;
        }
        break;
    case SNAPSHOT_HEAD:
    case SNAPSHOT_LEVEL:
    case SNAPSHOT_ORDER:
    case SNAPSHOT_ANSWER:
    case SNAPSHOT_END:
        ASSERT(false);
    }
    writer->id = 0;
    writer->type++;
    return false;
}

/* The next price of the instrument, bids before asks, best first. False: there are no more. */
static bool snapshot_put_level(struct snapshot_writer *writer, struct snapshot_record *record)
{
    const struct market *market = &writer->engine->market;
    if (writer->level == 0 && writer->book_side == BOOK_BIDS) {
        writer->book_side = BOOK_ASKS;
        writer->level = market->instruments.hot[writer->id].book.sides[BOOK_ASKS].best;
    }
    if (writer->level == 0) {
        writer->type = SNAPSHOT_INSTRUMENT;
        return false;
    }
    const struct price_level *level = &market->space.levels.levels[writer->level];
    ASSERT(level->head != 0);
    record->body.level =
        (struct snapshot_level){.book_side = writer->book_side, .price = level->price};
    writer->slot = level->head;
    writer->level =
        price_levels_next(&market->space.levels, writer->level, writer->book_side == BOOK_ASKS);
    return true;
}

/* An answer, the oldest first. False: there are no more. */
static bool snapshot_put_answer(struct snapshot_writer *writer, struct snapshot_record *record)
{
    const struct administration *administration = &writer->engine->administration;
    if (writer->answer == administration->count) {
        writer->type = SNAPSHOT_END;
        return false;
    }
    record->body.answer = administration->answers[writer->answer % ADMIN_REQUESTS_MAX];
    writer->answer++;
    return true;
}

/* Put a record of writer->type together, and say what type comes next. False: there is none of this
 * type, but perhaps of the next. */
static bool snapshot_put(struct snapshot_writer *writer, struct snapshot_record *record)
{
    const struct order_pool *pool = &writer->engine->market.space.pool;
    uint8_t type = writer->type;
    record->type = type;
    switch ((enum snapshot_record_type)type) {
    case SNAPSHOT_HEAD:
        snapshot_put_head(writer->engine, &record->body.head);
        writer->type = SNAPSHOT_FIRM;
        return true;
    case SNAPSHOT_FIRM:
    case SNAPSHOT_SESSION:
        return snapshot_put_named(writer, record);
    case SNAPSHOT_INSTRUMENT:
        if (snapshot_put_named(writer, record)) {
            writer->type = SNAPSHOT_LEVEL;
            return true;
        }
        writer->type = SNAPSHOT_ANSWER;
        return false;
    case SNAPSHOT_LEVEL:
        if (snapshot_put_level(writer, record)) {
            writer->type = SNAPSHOT_ORDER;
            return true;
        }
        return false;
    case SNAPSHOT_ORDER:
        snapshot_put_order(pool, writer->slot, &record->body.order);
        writer->orders_count++;
        writer->slot = pool->links[writer->slot].next;
        writer->type = writer->slot == 0 ? SNAPSHOT_LEVEL : SNAPSHOT_ORDER;
        return true;
    case SNAPSHOT_ANSWER:
        return snapshot_put_answer(writer, record);
    case SNAPSHOT_END:
        ASSERT(writer->orders_count == pool->count);
        record->body.end =
            (struct snapshot_end){.records_count = writer->records_count, .hash = writer->hash};
        writer->type = 0;
        return true;
    }
    ASSERT(false);
    return false;
}

static void snapshot_next(struct snapshot_writer *writer)
{
    ASSERT(writer->type != 0);
    struct snapshot_record record;
    bool there = false;
    for (uint32_t i = 0; i < SNAPSHOT_END && !there; i++) {
        there = snapshot_put(writer, &record);
    }
    ASSERT(there);
    writer->record_bytes = snapshot_record_store(&record, writer->record);
    writer->record_done = 0;
    writer->records_count++;
    writer->hash = checksum_bytes(writer->hash, writer->record, writer->record_bytes);
}

enum status snapshot_write(struct snapshot_writer *writer, uint8_t *chunk, size_t bytes_max,
                           size_t *bytes)
{
    ASSERT(bytes_max > 0);
    ASSERT(writer->engine->phase == ENGINE_IDLE);
    ASSERT(writer->engine->market.totals.commands == writer->commands);

    *bytes = 0;
    for (;;) {
        if (writer->record_done == writer->record_bytes) {
            if (writer->type == 0) {
                break;
            }
            snapshot_next(writer);
        }
        if (*bytes == bytes_max) {
            break;
        }
        size_t count = writer->record_bytes - writer->record_done;
        count = count < bytes_max - *bytes ? count : bytes_max - *bytes;
        memcpy(chunk + *bytes, writer->record + writer->record_done, count);
        writer->record_done += (uint32_t)count;
        *bytes += count;
    }
    writer->bytes_count += *bytes;
    return writer->record_done == writer->record_bytes ? STATUS_OK : STATUS_MORE;
}
