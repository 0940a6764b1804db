/* Who trades: firms and sessions, attach epochs, grace periods, duplicate references, numbering of
 * streams (rules.md 2 and 3).
 *
 * Ids run from 1 without gaps; nothing is ever taken away. The engine's thread owns the tables. */
#ifndef MATCHING_PARTICIPANT_H
#define MATCHING_PARTICIPANT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/arena.h"
#include "matching/base/assertion.h"
#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "matching/command.h"
#include "matching/grace.h"
#include "matching/name_index.h"

/* What an order needs at every step: for the first channels all in one cache line. */
struct session {
    uint64_t input_number_next; /* In this epoch. */
    uint64_t sequence_next;     /* Of its stream, in this generation. */
    uint64_t maximum_age_ns;    /* Of its orders; 0: none. */
    uint32_t epoch;             /* Of the last logon. */
    uint32_t open_orders;
    uint32_t open_orders_max;
    uint16_t firm_id;
    uint8_t attached_site_id; /* 0: nobody is logged on. */
    uint8_t reserved;
    uint32_t references[CHANNELS_MAX]; /* The last one of each channel; 0: none yet. */
    uint64_t generation;               /* From 1. */
    uint8_t reserved_2[16];
};
static_assert(sizeof(struct session) == 128, "two cache lines");
static_assert(FIRMS_MAX <= UINT16_MAX, "firm_id");

/* What only views and administration need. */
struct session_profile {
    struct command_session terms;
    uint32_t version;
};

struct firm {
    uint32_t version;
    uint8_t name[FIRM_NAME_BYTES];
    bool enabled;
    uint8_t reserved[7];
};

struct participants {
    struct session *sessions; /* By id; 0 is not used. */
    struct session_profile *profiles;
    struct firm *firms;                      /* By id; 0 is not used. */
    struct grace grace;                      /* Periods run only while nobody is logged on. */
    uint32_t attached_counts[SITES_MAX + 1]; /* Sessions logged on, by site. */
    struct name_index session_names;
    struct name_index firm_names;
    uint32_t sessions_count;
    uint32_t sessions_max;
    uint32_t firms_count;
    uint32_t firms_max;
};

size_t participant_bytes(uint32_t sessions_max, uint32_t firms_max);

/* STATUS_FULL: the arena is too small. */
MUST_USE enum status participant_create(struct participants *participants, struct arena *arena,
                                        uint32_t sessions_max, uint32_t firms_max);

/* Ids by name; 0: there is none. */
uint32_t participant_find_session(const struct participants *participants,
                                  const uint8_t name[SESSION_NAME_BYTES]);
uint32_t participant_find_firm(const struct participants *participants,
                               const uint8_t name[FIRM_NAME_BYTES]);

/* Every field in its range (rules.md 8.4, 8.5). */
bool participant_firm_valid(const struct command_firm *terms);
bool participant_session_valid(const struct command_session *terms);

/* Add, and return the id. Asserts: valid, new, room is left, the session's firm exists. */
uint32_t participant_add_firm(struct participants *participants, const struct command_firm *terms);
uint32_t participant_add_session(struct participants *participants,
                                 const struct command_session *terms);

/* Other terms. Asserts: valid; the same name; a session's firm exists and stays while it has open
 * orders. A session whose orders are to stay when it is away has no grace period (rules.md 8.5). */
void participant_change_firm(struct participants *participants, uint32_t firm_id,
                             const struct command_firm *terms);
void participant_change_session(struct participants *participants, uint32_t session_id,
                                const struct command_session *terms);

/* Somebody logs on at a site, or leaves: which is site 0. */
static inline void participant_attach(struct participants *participants, struct session *session,
                                      uint8_t site_id)
{
    ASSERT(site_id <= SITES_MAX);
    ASSERT((site_id == 0) != (session->attached_site_id == 0));
    if (site_id == 0) {
        participants->attached_counts[session->attached_site_id]--;
    } else {
        participants->attached_counts[site_id]++;
    }
    session->attached_site_id = site_id;
}

/* The session that a client command may act for: it exists, its epoch is the present one, somebody
 * is attached and this is the next input, which is thereby taken (rules.md 2.3). NULL: stale. */
static inline struct session *participant_admit(struct participants *participants,
                                                const struct command *command)
{
    if (command->session_id - 1 >= participants->sessions_count) {
        return NULL;
    }
    struct session *session = &participants->sessions[command->session_id];
    if (command->epoch != session->epoch || session->attached_site_id == 0 ||
        command->input_number != session->input_number_next) {
        return NULL;
    }
    session->input_number_next++;
    return session;
}

/* The number of the next event in the session's stream, thereby taken. */
static inline uint64_t participant_sequence(struct session *session)
{
    ASSERT(session->sequence_next > 0);
    return session->sequence_next++;
}

#endif
