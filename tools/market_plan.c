#include "tools/market_plan.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/admin_json.h"
#include "gateway/credential.h"
#include "matching/base/assertion.h"
#include "tools/decimal.h"

/* One shard of the answer, with its objects by name. */
struct market_plan_shard {
    const json_t *json;
    uint16_t shard_id;
    json_t *firms;
    json_t *instruments;
    json_t *sessions;
};

static enum status market_plan_fail(enum status status, char *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum status market_plan_fail(enum status status, char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error, MARKET_PLAN_ERROR_BYTES, format, arguments);
    va_end(arguments);
    return status;
}

const char *market_plan_kind_text(enum market_plan_kind kind)
{
    switch (kind) {
    case MARKET_PLAN_FIRM:
        return "firm";
    case MARKET_PLAN_INSTRUMENT:
        return "instrument";
    case MARKET_PLAN_SESSION:
        return "session";
    case MARKET_PLAN_SHARD:
        return "shard";
    }
    ASSERT(false);
    return "";
}

static json_t *market_plan_by_name(const json_t *list, const char *key)
{
    json_t *names = json_object();
    size_t index = 0;
    json_t *object = NULL;
    json_array_foreach(list, index, object)
    {
        const char *name = json_string_value(json_object_get(object, key));
        if (name != NULL) {
            (void)json_object_set(names, name, object);
        }
    }
    return names;
}

static void market_plan_shard_close(struct market_plan_shard *shard)
{
    json_decref(shard->firms);
    json_decref(shard->instruments);
    json_decref(shard->sessions);
}

static enum status market_plan_shard_open(struct market_plan_shard *shard, const json_t *market,
                                          uint16_t shard_id, char *error)
{
    const json_t *shards = json_object_get(market, "shards");
    if (!json_is_array(shards)) {
        return market_plan_fail(STATUS_BAD_FORMAT, error, "the site's answer lists no shards");
    }
    size_t index = 0;
    json_t *object = NULL;
    json_array_foreach(shards, index, object)
    {
        if (json_integer_value(json_object_get(object, "id")) == shard_id) {
            *shard = (struct market_plan_shard){
                .json = object,
                .shard_id = shard_id,
                .firms = market_plan_by_name(json_object_get(object, "firms"), "name"),
                .instruments =
                    market_plan_by_name(json_object_get(object, "instruments"), "symbol"),
                .sessions = market_plan_by_name(json_object_get(object, "sessions"), "name")};
            return STATUS_OK;
        }
    }
    return market_plan_fail(STATUS_NOT_FOUND, error, "the site has no shard %u; it has %zu shards",
                            shard_id, json_array_size(shards));
}

/* How an operator reads a field: its name in the market file and its decimals. */
struct market_plan_field {
    const char *key;
    const char *name;
    const char *decimals_key; /* NULL: not a decimal. */
};

static const struct market_plan_field *market_plan_field_find(const char *key)
{
    static const struct market_plan_field fields[] = {
        {"tick_size", "tick", "price_decimals"},
        {"price_min", "price_min", "price_decimals"},
        {"price_max", "price_max", "price_decimals"},
        {"quantity_lots_max", "quantity_max", "quantity_decimals"},
        {"salt", "password", NULL},
        {"hash", "password", NULL},
        {"hash_operations", "password", NULL},
        {"hash_memory_kib", "password", NULL},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(fields[i].key, key) == 0) {
            return &fields[i];
        }
    }
    return NULL;
}

static void market_plan_value(char text[static DECIMAL_TEXT_BYTES], const json_t *object,
                              const char *key, const struct market_plan_field *field)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value)) {
        json_int_t decimals =
            field != NULL ? json_integer_value(json_object_get(object, field->decimals_key)) : 0;
        bool fits = decimals >= 0 && decimals <= (json_int_t)DECIMAL_DECIMALS_MAX;
        decimal_format(text, json_integer_value(value), fits ? (uint32_t)decimals : 0);
    } else if (json_is_string(value)) {
        (void)snprintf(text, DECIMAL_TEXT_BYTES, "%.30s", json_string_value(value));
    } else {
        (void)snprintf(text, DECIMAL_TEXT_BYTES, "%s", json_is_true(value) ? "true" : "false");
    }
}

/* Whether `wanted` differs from `found` in any of its fields; says in which. Of a password only
 * that it differs. */
static bool market_plan_differs(char changes[static MARKET_PLAN_DIFF_BYTES], const json_t *found,
                                json_t *wanted)
{
    size_t used = 0;
    bool password = false;
    const char *key = NULL;
    json_t *value = NULL;
    changes[0] = '\0';
    json_object_foreach(wanted, key, value)
    {
        if (json_equal(value, json_object_get(found, key)) != 0) {
            continue;
        }
        const struct market_plan_field *field = market_plan_field_find(key);
        if (field != NULL && field->decimals_key == NULL) {
            password = true;
            continue;
        }
        char before[DECIMAL_TEXT_BYTES];
        char after[DECIMAL_TEXT_BYTES];
        market_plan_value(before, found, key, field);
        market_plan_value(after, wanted, key, field);
        int bytes =
            snprintf(changes + used, MARKET_PLAN_DIFF_BYTES - used, "%s%s %s -> %s",
                     used > 0 ? ", " : "", field != NULL ? field->name : key, before, after);
        ASSERT(bytes > 0 && used + (size_t)bytes < MARKET_PLAN_DIFF_BYTES);
        used += (size_t)bytes;
    }
    if (password) {
        (void)snprintf(changes + used, MARKET_PLAN_DIFF_BYTES - used, "%spassword",
                       used > 0 ? ", " : "");
    }
    return changes[0] != '\0';
}

/* The next step: `found` is what is there, or NULL. */
static enum status market_plan_add(struct market_plan *plan, enum market_plan_kind kind,
                                   uint16_t shard_id, const json_t *found,
                                   const struct command *command, char *error)
{
    struct market_plan_step *step = &plan->steps[plan->count];
    *step = (struct market_plan_step){
        .kind = kind, .shard_id = shard_id, .exists = found != NULL, .command = *command};
    step->command.epoch = (uint32_t)json_integer_value(json_object_get(found, "version"));
    step->command.input_number = 1; /* Any, to be written at all. */
    json_t *wanted = admin_json_from_command(&step->command, shard_id);
    if (wanted == NULL) {
        return market_plan_fail(STATUS_FULL, error, "too little memory");
    }
    json_t *object = json_object_get(wanted, "object");
    const char *name = json_string_value(
        json_object_get(object, kind == MARKET_PLAN_INSTRUMENT ? "symbol" : "name"));
    if (name != NULL) {
        (void)snprintf(step->name, sizeof step->name, "%s", name);
    } else {
        (void)snprintf(step->name, sizeof step->name, "%u", shard_id);
    }
    step->needed = found == NULL || market_plan_differs(step->changes, found, object);
    json_decref(wanted);
    plan->count++;
    return STATUS_OK;
}

static const json_t *market_plan_find(const json_t *names, const uint8_t *padded, size_t bytes)
{
    char name[MARKET_PLAN_NAME_BYTES];
    ASSERT(bytes < sizeof name);
    admin_json_unpad(name, padded, bytes);
    return json_object_get(names, name);
}

static bool market_plan_hex(const json_t *found, const char *key, uint8_t *target, size_t bytes)
{
    const char *text = json_string_value(json_object_get(found, key));
    size_t made = 0;
    return text != NULL &&
           sodium_hex2bin(target, bytes, text, strlen(text), NULL, &made, NULL) == 0 &&
           made == bytes;
}

/* Keep what is stored when the password is the one that it was made from, or when none is given;
 * else a new salt. */
static enum status market_plan_credential(struct command_session *terms,
                                          const struct market_file_session *session,
                                          const json_t *found, char *error)
{
    struct credential stored = {0};
    if (found != NULL) {
        stored.hash_operations =
            (uint32_t)json_integer_value(json_object_get(found, "hash_operations"));
        stored.hash_memory_kib =
            (uint32_t)json_integer_value(json_object_get(found, "hash_memory_kib"));
        if (!market_plan_hex(found, "salt", stored.salt, sizeof stored.salt) ||
            !market_plan_hex(found, "hash", stored.hash, sizeof stored.hash)) {
            return market_plan_fail(STATUS_BAD_FORMAT, error,
                                    "the site's answer has a session without salt and hash");
        }
    } else if (!session->password_given) {
        return market_plan_fail(STATUS_BAD_ARGUMENT, error,
                                "session %.*s is new: it needs `password` or `password_file`",
                                (int)sizeof terms->name, (const char *)terms->name);
    }
    struct credential made = stored;
    enum status status = STATUS_OK;
    if (session->password_given) {
        bool same = false;
        if (found != NULL) {
            status = credential_hash(&made, session->password);
            same =
                status == STATUS_OK && sodium_memcmp(made.hash, stored.hash, sizeof made.hash) == 0;
        }
        if (status == STATUS_OK && !same) {
            made.hash_operations = CREDENTIAL_OPERATIONS;
            made.hash_memory_kib = CREDENTIAL_MEMORY_KIB;
            randombytes_buf(made.salt, sizeof made.salt);
            status = credential_hash(&made, session->password);
        }
    }
    if (status != STATUS_OK) {
        return market_plan_fail(status, error, "cannot derive a password hash: %s",
                                status_text(status));
    }
    terms->hash_operations = made.hash_operations;
    terms->hash_memory_kib = made.hash_memory_kib;
    memcpy(terms->salt, made.salt, sizeof terms->salt);
    memcpy(terms->hash, made.hash, sizeof terms->hash);
    return STATUS_OK;
}

static enum status market_plan_add_sessions(struct market_plan *plan,
                                            const struct market_plan_shard *shard,
                                            const struct market_file_shard *file, char *error)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && i < file->session_count; i++) {
        const struct market_file_session *session = &file->sessions[i];
        const json_t *found =
            market_plan_find(shard->sessions, session->terms.name, SESSION_NAME_BYTES);
        struct command command = {.type = COMMAND_SESSION_SET, .body.session = session->terms};
        status = market_plan_credential(&command.body.session, session, found, error);
        if (status == STATUS_OK) {
            status =
                market_plan_add(plan, MARKET_PLAN_SESSION, shard->shard_id, found, &command, error);
        }
    }
    return status;
}

static uint8_t market_plan_state_of(const json_t *found)
{
    const char *text = json_string_value(json_object_get(found, "state"));
    for (uint8_t state = TRADING_HALTED; text != NULL && state <= TRADING_CANCEL_ONLY; state++) {
        if (strcmp(admin_json_state_text(state), text) == 0) {
            return state;
        }
    }
    return TRADING_OPEN;
}

/* What the file does not say stays as it is. */
static struct command_shard market_plan_shard_terms(const json_t *found,
                                                    const struct market_file_shard *file)
{
    struct command_shard terms = file->terms;
    if (!file->day_end_given) {
        terms.day_end_set = json_is_true(json_object_get(found, "day_end_set"));
        terms.day_end_second =
            (uint32_t)json_integer_value(json_object_get(found, "day_end_second"));
    }
    if (!file->reopen_given) {
        terms.cancel_only_ms =
            (uint32_t)json_integer_value(json_object_get(found, "cancel_only_ms"));
    }
    return terms;
}

static enum status market_plan_add_shard(struct market_plan *plan,
                                         const struct market_plan_shard *shard,
                                         const struct market_file_shard *file, char *error)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && i < file->firm_count; i++) {
        struct command command = {.type = COMMAND_FIRM_SET, .body.firm = file->firms[i]};
        status =
            market_plan_add(plan, MARKET_PLAN_FIRM, shard->shard_id,
                            market_plan_find(shard->firms, command.body.firm.name, FIRM_NAME_BYTES),
                            &command, error);
    }
    for (uint32_t i = 0; status == STATUS_OK && i < file->instrument_count; i++) {
        const struct market_file_instrument *instrument = &file->instruments[i];
        const json_t *found =
            market_plan_find(shard->instruments, instrument->terms.symbol, SYMBOL_BYTES);
        struct command command = {.type = COMMAND_INSTRUMENT_SET,
                                  .body.instrument = instrument->terms};
        /* A file that says nothing of the state must not undo a halt. */
        if (found != NULL && !instrument->state_given) {
            command.body.instrument.state = market_plan_state_of(found);
        }
        status =
            market_plan_add(plan, MARKET_PLAN_INSTRUMENT, shard->shard_id, found, &command, error);
    }
    if (status == STATUS_OK) {
        status = market_plan_add_sessions(plan, shard, file, error);
    }
    if (status == STATUS_OK && (file->day_end_given || file->reopen_given)) {
        struct command command = {.type = COMMAND_SHARD_SET,
                                  .body.shard = market_plan_shard_terms(shard->json, file)};
        status =
            market_plan_add(plan, MARKET_PLAN_SHARD, shard->shard_id, shard->json, &command, error);
    }
    return status;
}

static enum status market_plan_begin(struct market_plan *plan, size_t steps_max, char *error)
{
    plan->count = 0;
    plan->steps = calloc(steps_max > 0 ? steps_max : 1, sizeof *plan->steps);
    return plan->steps != NULL ? STATUS_OK
                               : market_plan_fail(STATUS_FULL, error, "too little memory");
}

enum status market_plan_make(struct market_plan *plan, const struct market_file *file,
                             const json_t *market, char error[static MARKET_PLAN_ERROR_BYTES])
{
    size_t steps_max = 0;
    for (uint32_t i = 0; i < file->shard_count; i++) {
        steps_max += (size_t)file->shards[i].firm_count + file->shards[i].instrument_count +
                     file->shards[i].session_count + 1;
    }
    error[0] = '\0';
    enum status status = market_plan_begin(plan, steps_max, error);
    for (uint32_t i = 0; status == STATUS_OK && i < file->shard_count; i++) {
        struct market_plan_shard shard = {0};
        status = market_plan_shard_open(&shard, market, file->shards[i].shard_id, error);
        if (status == STATUS_OK) {
            status = market_plan_add_shard(plan, &shard, &file->shards[i], error);
            market_plan_shard_close(&shard);
        }
    }
    if (status != STATUS_OK) {
        market_plan_free(plan);
    }
    return status;
}

static enum status market_plan_add_state(struct market_plan *plan, uint16_t shard_id,
                                         const json_t *found, enum trading_state state, char *error)
{
    struct command command = {.type = COMMAND_INSTRUMENT_STATE};
    const char *symbol = json_string_value(json_object_get(found, "symbol"));
    if (symbol == NULL || strlen(symbol) > SYMBOL_BYTES) {
        return market_plan_fail(STATUS_BAD_FORMAT, error,
                                "the site's answer has an instrument without a symbol");
    }
    memset(command.body.instrument.symbol, ' ', SYMBOL_BYTES);
    memcpy(command.body.instrument.symbol, symbol, strlen(symbol));
    command.body.instrument.state = (uint8_t)state;
    return market_plan_add(plan, MARKET_PLAN_INSTRUMENT, shard_id, found, &command, error);
}

enum status market_plan_states(struct market_plan *plan, enum trading_state state,
                               char *const *symbols, uint32_t count, const json_t *market,
                               char error[static MARKET_PLAN_ERROR_BYTES])
{
    error[0] = '\0';
    const json_t *shards = json_object_get(market, "shards");
    size_t steps_max = 0;
    size_t index = 0;
    json_t *shard = NULL;
    json_array_foreach(shards, index, shard)
    {
        steps_max += json_array_size(json_object_get(shard, "instruments"));
    }
    enum status status = market_plan_begin(plan, steps_max, error);
    bool *met = calloc(count > 0 ? count : 1, sizeof *met);
    if (met == NULL) {
        status = market_plan_fail(STATUS_FULL, error, "too little memory");
    }
    json_array_foreach(shards, index, shard)
    {
        uint16_t shard_id = (uint16_t)json_integer_value(json_object_get(shard, "id"));
        size_t at = 0;
        json_t *found = NULL;
        json_array_foreach(json_object_get(shard, "instruments"), at, found)
        {
            const char *symbol = json_string_value(json_object_get(found, "symbol"));
            bool named = count == 0;
            for (uint32_t i = 0; status == STATUS_OK && symbol != NULL && i < count; i++) {
                if (strcmp(symbols[i], symbol) == 0) {
                    named = met[i] = true;
                }
            }
            if (named && status == STATUS_OK) {
                status = market_plan_add_state(plan, shard_id, found, state, error);
            }
        }
    }
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++) {
        if (!met[i]) {
            status = market_plan_fail(STATUS_NOT_FOUND, error, "no shard has an instrument %.20s",
                                      symbols[i]);
        }
    }
    free(met);
    if (status != STATUS_OK) {
        market_plan_free(plan);
    }
    return status;
}

void market_plan_free(struct market_plan *plan)
{
    free(plan->steps);
    plan->steps = NULL;
    plan->count = 0;
}
