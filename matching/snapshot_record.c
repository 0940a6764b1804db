#include "matching/snapshot_record.h"

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

/* On its way through the fields of a record: `to` when they are written, `from` when read, neither
 * when their bytes are only counted. */
struct snapshot_pass {
    uint8_t *to;
    const uint8_t *from;
    uint32_t bytes;
};

static void pass_bytes(struct snapshot_pass *pass, void *field, uint32_t bytes)
{
    ASSERT(pass->to == NULL || pass->from == NULL);
    if (pass->to != NULL) {
        memcpy(pass->to + pass->bytes, field, bytes);
    } else if (pass->from != NULL) {
        memcpy(field, pass->from + pass->bytes, bytes);
    }
    pass->bytes += bytes;
    ASSERT(pass->bytes <= SNAPSHOT_RECORD_BYTES_MAX);
}

static void pass_u8(struct snapshot_pass *pass, uint8_t *field)
{
    pass_bytes(pass, field, 1);
}

static void pass_u32(struct snapshot_pass *pass, uint32_t *field)
{
    uint8_t bytes[4];
    bytes_store_le32(bytes, *field);
    pass_bytes(pass, bytes, sizeof bytes);
    *field = bytes_load_le32(bytes);
}

static void pass_u64(struct snapshot_pass *pass, uint64_t *field)
{
    uint8_t bytes[8];
    bytes_store_le64(bytes, *field);
    pass_bytes(pass, bytes, sizeof bytes);
    *field = bytes_load_le64(bytes);
}

static void pass_i64(struct snapshot_pass *pass, int64_t *field)
{
    uint64_t value = (uint64_t)*field;
    pass_u64(pass, &value);
    *field = (int64_t)value;
}

static void pass_head(struct snapshot_pass *pass, struct snapshot_head *head)
{
    pass_u64(pass, &head->magic);
    pass_u32(pass, &head->version);
    pass_u32(pass, &head->limits.orders_max);
    pass_u32(pass, &head->limits.price_levels_max);
    pass_u32(pass, &head->limits.instruments_max);
    pass_u32(pass, &head->limits.firms_max);
    pass_u32(pass, &head->limits.sessions_max);
    pass_u64(pass, &head->event_hash);
    pass_u64(pass, &head->timestamp_ns);
    pass_u64(pass, &head->order_id_next);
    pass_u64(pass, &head->match_number_next);
    pass_u64(pass, &head->totals.commands);
    pass_u64(pass, &head->totals.orders_accepted);
    pass_u64(pass, &head->totals.orders_rejected);
    pass_u64(pass, &head->totals.executions);
    pass_u64(pass, &head->totals.duplicates);
    pass_u64(pass, &head->totals.stale);
    pass_u64(pass, &head->day_end_ns);
    pass_u8(pass, &head->day_end_set);
    pass_u64(pass, &head->reopening_ns);
    pass_u8(pass, &head->reopening_set);
    pass_u32(pass, &head->shard.day_end_second);
    pass_u8(pass, &head->shard.day_end_set);
    pass_u32(pass, &head->shard.cancel_only_ms);
    pass_u32(pass, &head->shard_version);
    pass_u32(pass, &head->firms_count);
    pass_u32(pass, &head->sessions_count);
    pass_u32(pass, &head->instruments_count);
    pass_u32(pass, &head->orders_count);
    pass_u64(pass, &head->answers_count);
}

static void pass_firm(struct snapshot_pass *pass, struct snapshot_firm *firm)
{
    pass_u32(pass, &firm->version);
    pass_bytes(pass, firm->terms.name, sizeof firm->terms.name);
    pass_u8(pass, &firm->terms.enabled);
}

static void pass_session(struct snapshot_pass *pass, struct snapshot_session *session)
{
    struct command_session *terms = &session->terms;
    pass_u32(pass, &session->version);
    pass_bytes(pass, terms->name, sizeof terms->name);
    pass_bytes(pass, terms->firm, sizeof terms->firm);
    pass_u32(pass, &terms->open_orders_max);
    pass_u64(pass, &terms->maximum_age_ns);
    pass_u32(pass, &terms->hash_operations);
    pass_u32(pass, &terms->hash_memory_kib);
    pass_bytes(pass, terms->salt, sizeof terms->salt);
    pass_bytes(pass, terms->hash, sizeof terms->hash);
    pass_u8(pass, &terms->cancel_on_disconnect);
    pass_u32(pass, &terms->grace_ms);
    pass_u64(pass, &session->input_number_next);
    pass_u64(pass, &session->sequence_next);
    pass_u64(pass, &session->generation);
    pass_u32(pass, &session->epoch);
    pass_u8(pass, &session->attached_site_id);
    pass_u8(pass, &session->grace_runs);
    pass_u64(pass, &session->grace_ends_ns);
    pass_u32(pass, &session->grace_length_ms);
    for (uint32_t channel = 0; channel < CHANNELS_MAX; channel++) {
        pass_u32(pass, &session->references[channel]);
    }
}

static void pass_instrument(struct snapshot_pass *pass, struct snapshot_instrument *instrument)
{
    struct command_instrument *terms = &instrument->terms;
    pass_u32(pass, &instrument->version);
    pass_bytes(pass, terms->symbol, sizeof terms->symbol);
    pass_i64(pass, &terms->tick_size);
    pass_i64(pass, &terms->price_max);
    pass_i64(pass, &terms->price_min);
    pass_u64(pass, &terms->quantity_lots_max);
    pass_u8(pass, &terms->price_decimals);
    pass_u8(pass, &terms->quantity_decimals);
    pass_u8(pass, &terms->state);
    pass_u8(pass, &terms->equity);
}

static void pass_level(struct snapshot_pass *pass, struct snapshot_level *level)
{
    pass_u8(pass, &level->book_side);
    pass_i64(pass, &level->price);
}

static void pass_order(struct snapshot_pass *pass, struct snapshot_order *order)
{
    pass_u64(pass, &order->order_id);
    pass_u64(pass, &order->leaves_lots);
    pass_u64(pass, &order->cumulative_lots);
    pass_u32(pass, &order->session_id);
    pass_u32(pass, &order->user_reference);
    pass_u8(pass, &order->channel);
    pass_u8(pass, &order->side);
    pass_u8(pass, &order->time_in_force);
    pass_u8(pass, &order->capacity);
    pass_u8(pass, &order->cross);
}

static void pass_answer(struct snapshot_pass *pass, struct administration_answer *answer)
{
    pass_u64(pass, &answer->request_id);
    pass_u32(pass, &answer->version);
    pass_u8(pass, &answer->result);
}

static void pass_end(struct snapshot_pass *pass, struct snapshot_end *end)
{
    pass_u64(pass, &end->records_count);
    pass_u64(pass, &end->hash);
}

/* False: there is no such type. */
static bool pass_record(struct snapshot_pass *pass, struct snapshot_record *record)
{
    uint8_t type = record->type;
    pass_u8(pass, &record->type);
    switch ((enum snapshot_record_type)type) {
    case SNAPSHOT_HEAD:
        pass_head(pass, &record->body.head);
        return true;
    case SNAPSHOT_FIRM:
        pass_firm(pass, &record->body.firm);
        return true;
    case SNAPSHOT_SESSION:
        pass_session(pass, &record->body.session);
        return true;
    case SNAPSHOT_INSTRUMENT:
        pass_instrument(pass, &record->body.instrument);
        return true;
    case SNAPSHOT_LEVEL:
        pass_level(pass, &record->body.level);
        return true;
    case SNAPSHOT_ORDER:
        pass_order(pass, &record->body.order);
        return true;
    case SNAPSHOT_ANSWER:
        pass_answer(pass, &record->body.answer);
        return true;
    case SNAPSHOT_END:
        pass_end(pass, &record->body.end);
        return true;
    }
    return false;
}

uint32_t snapshot_record_bytes(uint8_t type)
{
    struct snapshot_record record = {.type = type};
    struct snapshot_pass pass = {.to = NULL};
    return pass_record(&pass, &record) ? pass.bytes : 0;
}

uint32_t snapshot_record_store(const struct snapshot_record *record, uint8_t *bytes)
{
    struct snapshot_record copy = *record;
    struct snapshot_pass pass = {.to = bytes};
    bool known = pass_record(&pass, &copy);
    ASSERT(known);
    ASSERT(pass.bytes <= SNAPSHOT_RECORD_BYTES_MAX);
    return pass.bytes;
}

void snapshot_record_load(struct snapshot_record *record, const uint8_t *bytes)
{
    *record = (struct snapshot_record){.type = bytes[0]};
    struct snapshot_pass pass = {.from = bytes};
    bool known = pass_record(&pass, record);
    ASSERT(known);
    ASSERT(pass.bytes <= SNAPSHOT_RECORD_BYTES_MAX);
}
