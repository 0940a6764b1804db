#include "gateway/admin_json.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "gateway/admin_membership.h"
#include "gateway/site_halt.h"
#include "matching/base/assertion.h"

#define HEX_BYTES_MAX 65u

struct name_row {
    uint8_t value;
    const char *name;
};

static const struct name_row type_names[] = {
    {COMMAND_INSTRUMENT_SET, "instrument_set"},
    {COMMAND_INSTRUMENT_STATE, "instrument_state"},
    {COMMAND_FIRM_SET, "firm_set"},
    {COMMAND_SESSION_SET, "session_set"},
    {COMMAND_SESSION_END, "session_end"},
    {COMMAND_SHARD_SET, "shard_set"},
    {0, NULL},
};

static const struct name_row state_names[] = {
    {TRADING_HALTED, "halted"},
    {TRADING_OPEN, "open"},
    {TRADING_CANCEL_ONLY, "cancel-only"},
    {0, NULL},
};

static const char *name_of(const struct name_row *rows, uint8_t value)
{
    for (; rows->name != NULL; rows++) {
        if (rows->value == value) {
            return rows->name;
        }
    }
    return NULL;
}

const char *admin_json_type_text(uint8_t type)
{
    return name_of(type_names, type);
}

const char *admin_json_state_text(uint8_t state)
{
    return name_of(state_names, state);
}

void admin_json_unpad(char *target, const uint8_t *padded, size_t bytes)
{
    memcpy(target, padded, bytes);
    target[bytes] = '\0';
    while (bytes > 0 && target[bytes - 1] == ' ') {
        target[--bytes] = '\0';
    }
}

static json_t *terms_json(const struct command_instrument *terms)
{
    char symbol[SYMBOL_BYTES + 1];
    admin_json_unpad(symbol, terms->symbol, SYMBOL_BYTES);
    const char *state = name_of(state_names, terms->state);
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:i, s:i, s:s, s:b}", "symbol", symbol, "tick_size",
                     (json_int_t)terms->tick_size, "price_min", (json_int_t)terms->price_min,
                     "price_max", (json_int_t)terms->price_max, "quantity_lots_max",
                     (json_int_t)terms->quantity_lots_max, "price_decimals", terms->price_decimals,
                     "quantity_decimals", terms->quantity_decimals, "state",
                     state != NULL ? state : "none", "equity", terms->equity);
}

static json_t *session_json(const struct command_session *session)
{
    char name[SESSION_NAME_BYTES + 1];
    char firm[FIRM_NAME_BYTES + 1];
    char salt[HEX_BYTES_MAX];
    char hash[HEX_BYTES_MAX];
    static_assert(HEX_BYTES_MAX > 2 * CREDENTIAL_HASH_BYTES, "the longer one fits");
    admin_json_unpad(name, session->name, SESSION_NAME_BYTES);
    admin_json_unpad(firm, session->firm, FIRM_NAME_BYTES);
    (void)sodium_bin2hex(salt, sizeof salt, session->salt, CREDENTIAL_SALT_BYTES);
    (void)sodium_bin2hex(hash, sizeof hash, session->hash, CREDENTIAL_HASH_BYTES);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:s, s:b, s:I}", "name", name, "firm",
                     firm, "open_orders_max", (json_int_t)session->open_orders_max,
                     "maximum_age_ns", (json_int_t)session->maximum_age_ns, "hash_operations",
                     (json_int_t)session->hash_operations, "hash_memory_kib",
                     (json_int_t)session->hash_memory_kib, "salt", salt, "hash", hash,
                     "cancel_on_disconnect", session->cancel_on_disconnect, "grace_ms",
                     (json_int_t)session->grace_ms);
}

static json_t *firm_json(const uint8_t padded[static FIRM_NAME_BYTES], bool enabled)
{
    char name[FIRM_NAME_BYTES + 1];
    admin_json_unpad(name, padded, FIRM_NAME_BYTES);
    return json_pack("{s:s, s:b}", "name", name, "enabled", enabled);
}

static json_t *shard_json(const struct command_shard *terms)
{
    return json_pack("{s:b, s:I, s:I}", "day_end_set", terms->day_end_set, "day_end_second",
                     (json_int_t)terms->day_end_second, "cancel_only_ms",
                     (json_int_t)terms->cancel_only_ms);
}

static json_t *object_json(const struct command *command)
{
    char name[SYMBOL_BYTES + 1];
    switch ((enum command_type)command->type) {
    case COMMAND_INSTRUMENT_SET:
        return terms_json(&command->body.instrument);
    case COMMAND_INSTRUMENT_STATE:
        admin_json_unpad(name, command->body.instrument.symbol, SYMBOL_BYTES);
        return json_pack("{s:s, s:s?}", "symbol", name, "state",
                         name_of(state_names, command->body.instrument.state));
    case COMMAND_FIRM_SET:
        return firm_json(command->body.firm.name, command->body.firm.enabled);
    case COMMAND_SESSION_SET:
        return session_json(&command->body.session);
    case COMMAND_SESSION_END:
        admin_json_unpad(name, command->body.session_end.name, SESSION_NAME_BYTES);
        return json_pack("{s:s}", "name", name);
    case COMMAND_SHARD_SET:
        return shard_json(&command->body.shard);
    case COMMAND_TICK:
    case COMMAND_ORDER_ENTER:
    case COMMAND_ORDER_REPLACE:
    case COMMAND_ORDER_CANCEL:
    case COMMAND_ACCOUNT_QUERY:
    case COMMAND_SESSION_LOGON:
    case COMMAND_SESSION_LOGOFF:
    case COMMAND_SITE_SILENT:
        break;
    }
    ASSERT(false);
    return NULL;
}

json_t *admin_json_from_command(const struct command *command, uint16_t shard_id)
{
    ASSERT(command->input_number > 0);
    ASSERT(shard_id > 0);
    return json_pack("{s:i, s:I, s:I, s:s?, s:o}", "shard", shard_id, "request_id",
                     (json_int_t)command->input_number, "expected_version",
                     (json_int_t)command->epoch, "type", name_of(type_names, command->type),
                     "object", object_json(command));
}

static int set_integer(json_t *object, const char *name, uint64_t value)
{
    return json_object_set_new(object, name, json_integer((json_int_t)value));
}

json_t *admin_json_instrument(const struct engine_instrument *instrument)
{
    json_t *object = terms_json(&instrument->terms);
    int failed = set_integer(object, "id", instrument->instrument_id);
    failed |= set_integer(object, "version", instrument->version);
    failed |= set_integer(object, "open_orders", instrument->open_orders);
    if (instrument->bid_set) {
        failed |= json_object_set_new(object, "bid_price",
                                      json_integer((json_int_t)instrument->bid_price));
        failed |= set_integer(object, "bid_lots", instrument->bid_lots);
    }
    if (instrument->ask_set) {
        failed |= json_object_set_new(object, "ask_price",
                                      json_integer((json_int_t)instrument->ask_price));
        failed |= set_integer(object, "ask_lots", instrument->ask_lots);
    }
    if (failed != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *admin_json_firm(const struct engine_firm *firm)
{
    json_t *object = firm_json(firm->name, firm->enabled);
    if ((set_integer(object, "id", firm->firm_id) |
         set_integer(object, "version", firm->version)) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *admin_json_session(const struct engine_session *session)
{
    struct command_session terms = {.open_orders_max = session->open_orders_max,
                                    .maximum_age_ns = session->maximum_age_ns,
                                    .hash_operations = session->hash_operations,
                                    .hash_memory_kib = session->hash_memory_kib,
                                    .cancel_on_disconnect = session->cancel_on_disconnect,
                                    .grace_ms = session->grace_ms};
    memcpy(terms.name, session->name, sizeof terms.name);
    memcpy(terms.firm, session->firm, sizeof terms.firm);
    memcpy(terms.salt, session->salt, sizeof terms.salt);
    memcpy(terms.hash, session->hash, sizeof terms.hash);
    json_t *object = session_json(&terms);
    int failed = set_integer(object, "id", session->session_id);
    failed |= set_integer(object, "version", session->version);
    failed |= set_integer(object, "epoch", session->epoch);
    failed |= set_integer(object, "attached_site", session->attached_site_id);
    failed |= set_integer(object, "input_number_next", session->input_number_next);
    failed |= set_integer(object, "generation", session->generation);
    failed |= set_integer(object, "sequence_next", session->sequence_next);
    failed |= set_integer(object, "open_orders", session->open_orders);
    failed |= set_integer(object, "grace_ends_ns", session->grace_ends_ns);
    if (failed != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

json_t *admin_json_shard_terms(const struct admin_shard *shard)
{
    json_t *object = shard_json(&shard->market.terms);
    int failed = set_integer(object, "id", shard->shard_id);
    failed |= set_integer(object, "version", shard->market.version);
    failed |= json_object_set_new(object, "name", json_string(shard->name));
    if (failed != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

const char *admin_json_result(uint8_t administration_result, unsigned *http_status)
{
    static const struct {
        const char *name;
        unsigned http_status;
    } results[] = {
        [ADMINISTRATION_DONE] = {"done", 200},
        [ADMINISTRATION_UNCHANGED] = {"unchanged", 200},
        [ADMINISTRATION_CONFLICT] = {"conflict", 409},
        [ADMINISTRATION_INVALID] = {"invalid", 422},
        [ADMINISTRATION_UNKNOWN] = {"unknown", 404},
        [ADMINISTRATION_FULL] = {"full", 507},
        [ADMINISTRATION_BUSY] = {"busy", 409},
    };
    if (administration_result >= sizeof results / sizeof results[0] ||
        results[administration_result].name == NULL) {
        *http_status = 500;
        return NULL;
    }
    *http_status = results[administration_result].http_status;
    return results[administration_result].name;
}

json_t *admin_json_administration(const struct event *event)
{
    ASSERT(event->type == EVENT_ADMINISTRATION);
    unsigned http_status = 0;
    return json_pack("{s:s?, s:I, s:I, s:I}", "result",
                     admin_json_result(event->reason, &http_status), "version",
                     (json_int_t)event->user_reference, "request_id",
                     (json_int_t)event->match_number, "timestamp_ns",
                     (json_int_t)event->timestamp_ns);
}

/* One row a figure, so that nothing is left out of one place and not of another. */
struct figure_row {
    const char *name;
    size_t offset;
};

static json_t *figures_json(const void *source, const struct figure_row *rows, size_t row_count)
{
    json_t *object = json_object();
    for (size_t i = 0; i < row_count; i++) {
        uint64_t value;
        memcpy(&value, (const uint8_t *)source + rows[i].offset, sizeof value);
        if (set_integer(object, rows[i].name, value) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

static json_t *journal_json(const struct journal_usage *journal)
{
    static const struct figure_row rows[] = {
        {"wal_bytes", offsetof(struct journal_usage, wal_bytes)},
        {"wal_used_bytes", offsetof(struct journal_usage, wal_used_bytes)},
        {"wal_written_bytes", offsetof(struct journal_usage, wal_written_bytes)},
        {"wal_writes", offsetof(struct journal_usage, wal_writes)},
        {"store_bytes", offsetof(struct journal_usage, store_bytes)},
        {"store_used_bytes", offsetof(struct journal_usage, store_used_bytes)},
        {"store_commits", offsetof(struct journal_usage, store_commits)},
        {"frames_recovered", offsetof(struct journal_usage, frames_recovered)},
    };
    return figures_json(journal, rows, sizeof rows / sizeof rows[0]);
}

static json_t *doors_json(const struct doors_counts *doors)
{
    static const struct figure_row rows[] = {
        {"accepted", offsetof(struct doors_counts, accepted)},
        {"messages_in", offsetof(struct doors_counts, messages_in)},
        {"messages_out", offsetof(struct doors_counts, messages_out)},
        {"bytes_in", offsetof(struct doors_counts, bytes_in)},
        {"bytes_out", offsetof(struct doors_counts, bytes_out)},
        {"refused", offsetof(struct doors_counts, refused)},
        {"pauses", offsetof(struct doors_counts, pauses)},
    };
    json_t *object = figures_json(doors, rows, sizeof rows / sizeof rows[0]);
    json_t *ends = json_object();
    int failed = set_integer(object, "connections", doors->connections);
    failed |= set_integer(object, "attached", doors->attached);
    for (uint32_t i = 0; i < DOOR_END_COUNT; i++) {
        failed |= set_integer(ends, door_end_text((enum door_end)i), doors->ends[i]);
    }
    failed |= json_object_set_new(object, "ends", ends);
    if (failed != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *totals_json(const struct engine_totals *totals)
{
    static const struct figure_row rows[] = {
        {"commands", offsetof(struct engine_totals, commands)},
        {"orders_accepted", offsetof(struct engine_totals, orders_accepted)},
        {"orders_rejected", offsetof(struct engine_totals, orders_rejected)},
        {"executions", offsetof(struct engine_totals, executions)},
        {"duplicates", offsetof(struct engine_totals, duplicates)},
        {"stale", offsetof(struct engine_totals, stale)},
        {"open_orders", offsetof(struct engine_totals, open_orders)},
    };
    return figures_json(totals, rows, sizeof rows / sizeof rows[0]);
}

static json_t *log_json(const struct shard_status *log)
{
    static const struct figure_row rows[] = {
        {"term", offsetof(struct shard_status, term)},
        {"appended_log_index", offsetof(struct shard_status, appended_log_index)},
        {"persisted_log_index", offsetof(struct shard_status, persisted_log_index)},
        {"committed_log_index", offsetof(struct shard_status, committed_log_index)},
        {"applied_log_index", offsetof(struct shard_status, applied_log_index)},
        {"applied_command_sequence", offsetof(struct shard_status, applied_command_sequence)},
        {"last_timestamp_ns", offsetof(struct shard_status, last_timestamp_ns)},
        {"segments_sealed", offsetof(struct shard_status, segments_sealed)},
        {"records_sealed", offsetof(struct shard_status, records_sealed)},
        {"records_logged", offsetof(struct shard_status, records_logged)},
        {"segment_bytes", offsetof(struct shard_status, segment_bytes)},
        {"forks", offsetof(struct shard_status, forks)},
    };
    json_t *object = figures_json(log, rows, sizeof rows / sizeof rows[0]);
    char chain[HEX_BYTES_MAX];
    (void)sodium_bin2hex(chain, sizeof chain, log->chain_hash, SEGMENT_HASH_BYTES);
    const char *halt = log->halted ? site_halt_text(log->halt) : "";
    if ((json_object_set_new(object, "halted", json_boolean(log->halted)) |
         json_object_set_new(object, "halt", json_string(halt)) |
         json_object_set_new(object, "leader", json_boolean(log->leader)) |
         json_object_set_new(object, "takes", json_boolean(log->takes)) |
         json_object_set_new(object, "fenced", json_boolean(log->fenced)) |
         json_object_set_new(object, "evidence_waits", json_boolean(log->evidence_waits)) |
         json_object_set_new(object, "leader_site_id", json_integer(log->leader_site_id)) |
         json_object_set_new(object, "chain_hash", json_string(chain))) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *shard_status_json(const struct admin_site *site, const struct admin_shard *shard)
{
    char hash[17];
    (void)snprintf(hash, sizeof hash, "%016" PRIx64, shard->event_hash);
    return json_pack("{s:i, s:s, s:i, s:s, s:b, s:I, s:o, s:o, s:{s:I, s:I, s:I}, s:o}", "id",
                     shard->shard_id, "name", shard->name, "queue_room", (int)shard->queue_room,
                     "event_hash", hash, "cancel_only", shard->market.reopening, "opens_ns",
                     (json_int_t)shard->market.opens_ns, "log", log_json(&shard->log), "totals",
                     totals_json(&shard->totals), "streams", "events",
                     (json_int_t)shard->streams.events, "file_bytes",
                     (json_int_t)shard->streams.file_bytes, "memory_bytes",
                     (json_int_t)shard->streams.memory_bytes, "membership",
                     admin_membership_status(site, shard));
}

json_t *admin_json_status(const struct admin_site *site, const struct admin_shard *shards)
{
    ASSERT(site->shard_count <= SHARDS_MAX);
    json_t *list = json_array();
    for (uint32_t i = 0; i < site->shard_count; i++) {
        if (json_array_append_new(list, shard_status_json(site, &shards[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:I, s:o, s:o, s:{s:I, s:I}, s:o}",
                     "cluster", site->cluster, "site", site->site, "provider", site->provider, "io",
                     site->io_features, "serving", site->serving, "orders_refused",
                     site->orders_refused, "wall_ns", (json_int_t)site->wall_ns, "uptime_ns",
                     (json_int_t)site->uptime_ns, "journal", journal_json(&site->journal),
                     "clients", doors_json(&site->doors), "evidence", "files",
                     (json_int_t)site->evidence_files, "bytes", (json_int_t)site->evidence_bytes,
                     "shards", list);
}
