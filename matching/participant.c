#include "matching/participant.h"

size_t participant_bytes(uint32_t sessions_max, uint32_t firms_max)
{
    size_t each = sizeof(struct session) + sizeof(struct session_profile);
    return ((size_t)sessions_max + 1) * each + ((size_t)firms_max + 1) * sizeof(struct firm) +
           3 * (size_t)64 + grace_bytes(sessions_max) + name_index_bytes(sessions_max) +
           name_index_bytes(firms_max);
}

enum status participant_create(struct participants *participants, struct arena *arena,
                               uint32_t sessions_max, uint32_t firms_max)
{
    ASSERT(sessions_max > 0);
    ASSERT(sessions_max <= SESSIONS_MAX);
    ASSERT(firms_max > 0);
    ASSERT(firms_max <= FIRMS_MAX);

    *participants = (struct participants){.sessions_max = sessions_max, .firms_max = firms_max};
    size_t slots = (size_t)sessions_max + 1;
    participants->sessions = arena_take(arena, slots, sizeof(struct session), 64);
    participants->profiles = arena_take(arena, slots, sizeof(struct session_profile), 64);
    participants->firms = arena_take(arena, (size_t)firms_max + 1, sizeof(struct firm), 64);
    if (participants->sessions == NULL || participants->profiles == NULL ||
        participants->firms == NULL) {
        return STATUS_FULL;
    }
    enum status status = grace_create(&participants->grace, arena, sessions_max);
    if (status == STATUS_OK) {
        status = name_index_create(&participants->session_names, arena, sessions_max);
    }
    if (status != STATUS_OK) {
        return status;
    }
    return name_index_create(&participants->firm_names, arena, firms_max);
}

uint32_t participant_find_session(const struct participants *participants,
                                  const uint8_t name[SESSION_NAME_BYTES])
{
    return name_index_find(&participants->session_names, name_index_pack(name, SESSION_NAME_BYTES));
}

uint32_t participant_find_firm(const struct participants *participants,
                               const uint8_t name[FIRM_NAME_BYTES])
{
    return name_index_find(&participants->firm_names, name_index_pack(name, FIRM_NAME_BYTES));
}

bool participant_firm_valid(const struct command_firm *terms)
{
    static const uint8_t zero[sizeof terms->reserved] = {0};
    return name_index_valid(terms->name, FIRM_NAME_BYTES) && terms->enabled <= 1 &&
           memcmp(terms->reserved, zero, sizeof zero) == 0;
}

bool participant_session_valid(const struct command_session *terms)
{
    static const uint8_t zero[sizeof terms->reserved_2] = {0};
    return name_index_valid(terms->name, SESSION_NAME_BYTES) && terms->open_orders_max >= 1 &&
           terms->open_orders_max <= SESSION_ORDERS_MAX && terms->cancel_on_disconnect <= 1 &&
           terms->grace_ms <= (terms->cancel_on_disconnect == 1 ? GRACE_MS_MAX : 0) &&
           terms->reserved == 0 && memcmp(terms->reserved_2, zero, sizeof zero) == 0;
}

uint32_t participant_add_firm(struct participants *participants, const struct command_firm *terms)
{
    ASSERT(participant_firm_valid(terms));
    ASSERT(participants->firms_count < participants->firms_max);

    uint32_t firm_id = ++participants->firms_count;
    struct firm *firm = &participants->firms[firm_id];
    *firm = (struct firm){.version = 1, .enabled = terms->enabled == 1};
    memcpy(firm->name, terms->name, FIRM_NAME_BYTES);
    name_index_add(&participants->firm_names, name_index_pack(terms->name, FIRM_NAME_BYTES),
                   firm_id);
    return firm_id;
}

void participant_change_firm(struct participants *participants, uint32_t firm_id,
                             const struct command_firm *terms)
{
    ASSERT(participant_firm_valid(terms));
    ASSERT(firm_id > 0);
    ASSERT(firm_id <= participants->firms_count);

    struct firm *firm = &participants->firms[firm_id];
    ASSERT(memcmp(firm->name, terms->name, FIRM_NAME_BYTES) == 0);
    firm->enabled = terms->enabled == 1;
    firm->version++;
}

static void participant_set_session(struct participants *participants, uint32_t session_id,
                                    const struct command_session *terms)
{
    uint32_t firm_id = participant_find_firm(participants, terms->firm);
    struct session *session = &participants->sessions[session_id];
    ASSERT(participant_session_valid(terms));
    ASSERT(firm_id != 0);
    ASSERT(session->open_orders == 0 || session->firm_id == firm_id);

    session->firm_id = (uint16_t)firm_id;
    session->open_orders_max = terms->open_orders_max;
    session->maximum_age_ns = terms->maximum_age_ns;
    participants->profiles[session_id].terms = *terms;
    participants->profiles[session_id].version++;
}

uint32_t participant_add_session(struct participants *participants,
                                 const struct command_session *terms)
{
    ASSERT(participants->sessions_count < participants->sessions_max);

    uint32_t session_id = ++participants->sessions_count;
    struct session *session = &participants->sessions[session_id];
    session->generation = 1;
    session->sequence_next = 1;
    session->input_number_next = 1;
    participant_set_session(participants, session_id, terms);
    name_index_add(&participants->session_names, name_index_pack(terms->name, SESSION_NAME_BYTES),
                   session_id);
    ASSERT(participants->profiles[session_id].version == 1);
    return session_id;
}

void participant_change_session(struct participants *participants, uint32_t session_id,
                                const struct command_session *terms)
{
    ASSERT(session_id > 0);
    ASSERT(session_id <= participants->sessions_count);
    ASSERT(memcmp(participants->profiles[session_id].terms.name, terms->name, SESSION_NAME_BYTES) ==
           0);

    participant_set_session(participants, session_id, terms);
    if (terms->cancel_on_disconnect == 0) {
        grace_stop(&participants->grace, session_id);
    }
}
