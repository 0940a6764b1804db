#include "matching/administration.h"

#include "matching/attach.h"

static_assert(EVENT_BATCH_MIN >= 5, "the end of a session makes four events and one answer");

static struct administration_answer administration_result(enum administration_result result,
                                                          uint32_t version)
{
    return (struct administration_answer){.result = (uint8_t)result, .version = version};
}

/* The terms of an instrument as they are asked for, against what is there. */
static struct administration_answer
administration_instrument(struct market *market, const struct command_instrument *terms,
                          uint32_t version_expected)
{
    struct instruments *instruments = &market->instruments;
    uint32_t id = instrument_find(instruments, terms->symbol);
    const struct instrument_profile *profile = &instruments->profiles[id];
    if (!instrument_terms_valid(terms)) {
        return administration_result(ADMINISTRATION_INVALID, profile->version);
    }
    if (id == 0) {
        if (version_expected != 0) {
            return administration_result(ADMINISTRATION_CONFLICT, 0);
        }
        if (instruments->count == instruments->count_max) {
            return administration_result(ADMINISTRATION_FULL, 0);
        }
        (void)instrument_add(instruments, &market->space, terms);
        return administration_result(ADMINISTRATION_DONE, 1);
    }
    if (memcmp(&profile->terms, terms, sizeof *terms) == 0) {
        return administration_result(ADMINISTRATION_UNCHANGED, profile->version);
    }
    if (version_expected != profile->version) {
        return administration_result(ADMINISTRATION_CONFLICT, profile->version);
    }
    bool same_units = terms->tick_size == profile->terms.tick_size &&
                      terms->price_decimals == profile->terms.price_decimals &&
                      terms->quantity_decimals == profile->terms.quantity_decimals;
    if (!same_units && instruments->hot[id].open_orders > 0) {
        return administration_result(ADMINISTRATION_BUSY, profile->version);
    }
    instrument_change(instruments, id, terms);
    return administration_result(ADMINISTRATION_DONE, profile->version);
}

static struct administration_answer administration_state(struct market *market,
                                                         const struct command_instrument *asked,
                                                         uint32_t version_expected)
{
    uint32_t id = instrument_find(&market->instruments, asked->symbol);
    const struct instrument_profile *profile = &market->instruments.profiles[id];
    if (!instrument_state_valid(asked->state)) {
        return administration_result(ADMINISTRATION_INVALID, profile->version);
    }
    if (id == 0) {
        return administration_result(ADMINISTRATION_UNKNOWN, 0);
    }
    struct command_instrument terms = profile->terms;
    terms.state = asked->state;
    return administration_instrument(market, &terms, version_expected);
}

static struct administration_answer administration_firm(struct market *market,
                                                        const struct command_firm *terms,
                                                        uint32_t version_expected)
{
    struct participants *participants = &market->participants;
    uint32_t id = participant_find_firm(participants, terms->name);
    const struct firm *firm = &participants->firms[id];
    if (!participant_firm_valid(terms)) {
        return administration_result(ADMINISTRATION_INVALID, firm->version);
    }
    if (id == 0) {
        if (version_expected != 0) {
            return administration_result(ADMINISTRATION_CONFLICT, 0);
        }
        if (participants->firms_count == participants->firms_max) {
            return administration_result(ADMINISTRATION_FULL, 0);
        }
        (void)participant_add_firm(participants, terms);
        return administration_result(ADMINISTRATION_DONE, 1);
    }
    if (firm->enabled == (terms->enabled == 1)) {
        return administration_result(ADMINISTRATION_UNCHANGED, firm->version);
    }
    if (version_expected != firm->version) {
        return administration_result(ADMINISTRATION_CONFLICT, firm->version);
    }
    participant_change_firm(participants, id, terms);
    return administration_result(ADMINISTRATION_DONE, firm->version);
}

static struct administration_answer administration_session(struct market *market,
                                                           const struct command_session *terms,
                                                           uint32_t version_expected)
{
    struct participants *participants = &market->participants;
    uint32_t id = participant_find_session(participants, terms->name);
    uint32_t version = participants->profiles[id].version;
    if (!participant_session_valid(terms)) {
        return administration_result(ADMINISTRATION_INVALID, version);
    }
    uint32_t firm_id = participant_find_firm(participants, terms->firm);
    if (firm_id == 0) {
        return administration_result(ADMINISTRATION_UNKNOWN, version);
    }
    if (id != 0 && memcmp(&participants->profiles[id].terms, terms, sizeof *terms) == 0) {
        return administration_result(ADMINISTRATION_UNCHANGED, version);
    }
    if (version_expected != version) {
        return administration_result(ADMINISTRATION_CONFLICT, version);
    }
    if (id == 0) {
        if (participants->sessions_count == participants->sessions_max) {
            return administration_result(ADMINISTRATION_FULL, 0);
        }
        id = participant_add_session(participants, terms);
        market_system(market, id, SYSTEM_START);
        return administration_result(ADMINISTRATION_DONE, 1);
    }
    const struct session *session = &participants->sessions[id];
    if (session->open_orders > 0 && session->firm_id != firm_id) {
        return administration_result(ADMINISTRATION_BUSY, version);
    }
    participant_change_session(participants, id, terms);
    return administration_result(ADMINISTRATION_DONE, version + 1);
}

static struct administration_answer
administration_session_end(struct market *market, const struct command_session_end *asked,
                           uint32_t version_expected)
{
    struct participants *participants = &market->participants;
    uint32_t id = participant_find_session(participants, asked->name);
    if (id == 0) {
        return administration_result(ADMINISTRATION_UNKNOWN, 0);
    }
    struct session_profile *profile = &participants->profiles[id];
    if (version_expected != profile->version) {
        return administration_result(ADMINISTRATION_CONFLICT, profile->version);
    }
    market_system(market, id, SYSTEM_END);
    attach_end(market, id);
    struct session *session = &participants->sessions[id];
    session->generation++;
    session->sequence_next = 1;
    if (session->open_orders == 0) {
        memset(session->references, 0, sizeof session->references);
    }
    market_system(market, id, SYSTEM_START);
    profile->version++;
    return administration_result(ADMINISTRATION_DONE, profile->version);
}

bool administration_shard_valid(const struct command_shard *terms)
{
    static const uint8_t zero[sizeof terms->reserved] = {0};
    return terms->day_end_set <= 1 && terms->day_end_second < 86400 &&
           (terms->day_end_set == 1 || terms->day_end_second == 0) &&
           terms->cancel_only_ms <= CANCEL_ONLY_MS_MAX &&
           memcmp(terms->reserved, zero, sizeof zero) == 0;
}

static struct administration_answer administration_shard(struct market *market,
                                                         const struct command_shard *terms,
                                                         uint32_t version_expected)
{
    uint32_t version = market->shard_version;
    if (!administration_shard_valid(terms)) {
        return administration_result(ADMINISTRATION_INVALID, version);
    }
    if (version != 0 && memcmp(&market->shard, terms, sizeof *terms) == 0) {
        return administration_result(ADMINISTRATION_UNCHANGED, version);
    }
    if (version_expected != version) {
        return administration_result(ADMINISTRATION_CONFLICT, version);
    }
    market->shard = *terms;
    market->shard_version++;
    if (terms->day_end_set == 1) {
        timer_set_daily(&market->day_end, market->timestamp_ns, terms->day_end_second);
    } else {
        timer_clear(&market->day_end);
    }
    if (terms->cancel_only_ms == 0) {
        timer_clear(&market->reopening);
    }
    return administration_result(ADMINISTRATION_DONE, market->shard_version);
}

static struct administration_answer administration_dispatch(struct market *market,
                                                            const struct command *command)
{
    uint32_t version = command->epoch;
    switch ((enum command_type)command->type) {
    case COMMAND_INSTRUMENT_SET:
        return administration_instrument(market, &command->body.instrument, version);
    case COMMAND_INSTRUMENT_STATE:
        return administration_state(market, &command->body.instrument, version);
    case COMMAND_FIRM_SET:
        return administration_firm(market, &command->body.firm, version);
    case COMMAND_SESSION_SET:
        return administration_session(market, &command->body.session, version);
    case COMMAND_SESSION_END:
        return administration_session_end(market, &command->body.session_end, version);
    case COMMAND_SHARD_SET:
        return administration_shard(market, &command->body.shard, version);
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
    return administration_result(ADMINISTRATION_INVALID, 0);
}

static const struct administration_answer *
administration_find(const struct administration *administration, uint64_t request_id)
{
    uint64_t count = administration->count;
    uint64_t kept = count < ADMIN_REQUESTS_MAX ? count : ADMIN_REQUESTS_MAX;
    for (uint64_t i = 0; i < kept; i++) {
        if (administration->answers[i].request_id == request_id) {
            return &administration->answers[i];
        }
    }
    return NULL;
}

void administration_execute(struct administration *administration, struct market *market,
                            const struct command *command)
{
    uint64_t request_id = command->input_number;
    struct administration_answer answer;
    const struct administration_answer *given = administration_find(administration, request_id);
    if (request_id == 0) {
        answer = administration_result(ADMINISTRATION_INVALID, 0);
    } else if (given != NULL) {
        answer = *given;
    } else {
        answer = administration_dispatch(market, command);
        answer.request_id = request_id;
        administration->answers[administration->count % ADMIN_REQUESTS_MAX] = answer;
        administration->count++;
    }
    event_writer_put_trade(&market->writer,
                           event_writer_head(EVENT_ADMINISTRATION, 0, answer.result, 0, 0), 0,
                           event_writer_reference(answer.version, 0), 0, request_id, 0);
}
