/* Event hashes of the engines, compared at equal positions (DESIGN 6, rule 9). The leader counts;
 * the minority is fenced, the leader included. */
#include <stddef.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/replica_inside.h"

static void audit_remember(struct replica_audit *audits, uint32_t *next,
                           const struct replica_audit *audit)
{
    for (uint32_t at = 0; at < REPLICA_AUDITS_MAX; at++) {
        if (audits[at].log_index == audit->log_index &&
            audits[at].chain_prefix == audit->chain_prefix) {
            audits[at] = *audit; /* Told again; a rebuilt engine tells another hash. */
            return;
        }
    }
    audits[*next] = *audit;
    *next = (*next + 1) % REPLICA_AUDITS_MAX;
}

static void audit_forget(struct replica_audit *audits, uint32_t *next)
{
    memset(audits, 0, REPLICA_AUDITS_MAX * sizeof audits[0]);
    *next = 0;
}

static const struct replica_audit *audit_find(const struct replica_audit *audits,
                                              const struct replica_audit *place)
{
    for (uint32_t at = 0; at < REPLICA_AUDITS_MAX; at++) {
        if (audits[at].log_index == place->log_index &&
            audits[at].chain_prefix == place->chain_prefix) {
            return &audits[at];
        }
    }
    return NULL;
}

void replica_audit_latest(const struct replica *replica, struct replica_audit *audit)
{
    *audit = (struct replica_audit){0};
    for (uint32_t at = 0; at < REPLICA_AUDITS_MAX; at++) {
        if (replica->audits[at].log_index > audit->log_index) {
            *audit = replica->audits[at];
        }
    }
}

/* What each voter says about one place; NULL: nothing yet. */
static uint32_t audit_voices(const struct replica *replica, const struct replica_audit *place,
                             const struct replica_audit *voices[static SITES_MAX])
{
    uint32_t voter_count = 0;
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        voices[site_id - 1] = NULL;
        if (placement_role_of(&replica->placement, site_id) == PLACEMENT_ABSENT) {
            continue;
        }
        bool own = site_id == replica->options.site_id;
        voices[site_id - 1] =
            audit_find(own ? replica->audits : replica->progress[site_id - 1].audits, place);
        voter_count += placement_role_of(&replica->placement, site_id) == PLACEMENT_VOTER ? 1 : 0;
    }
    return voter_count;
}

static void audit_fence(struct replica *replica, struct replica_output *output, uint8_t site_id)
{
    if (site_id != replica->options.site_id) {
        struct replica_progress *progress = &replica->progress[site_id - 1];
        progress->fenced = true; /* Told with the next append. */
        audit_forget(progress->audits, &progress->audit_next);
        return;
    }
    replica->fenced = true;
    output->fenced = true;
    replica_follow(replica, output, 0);
}

/* It agrees with the majority: where it was fenced it has been rebuilt, and what it told before was
 * another engine's. */
static void audit_is_right(struct replica_progress *progress, const struct replica_audit *place)
{
    if (progress->fenced) {
        struct replica_audit right = *place;
        audit_forget(progress->audits, &progress->audit_next);
        audit_remember(progress->audits, &progress->audit_next, &right);
        progress->fenced = false;
    }
}

/* Judge one place. Nothing is decided before a hash has a majority of all voters, or none can. */
static void audit_judge(struct replica *replica, struct replica_output *output,
                        const struct replica_audit *place)
{
    const struct replica_audit *voices[SITES_MAX];
    uint32_t voter_count = audit_voices(replica, place, voices);
    uint32_t silent = 0;
    uint32_t best = 0;
    uint64_t best_hash = 0;
    for (uint8_t one = 1; one <= SITES_MAX; one++) {
        if (placement_role_of(&replica->placement, one) != PLACEMENT_VOTER) {
            continue;
        }
        if (voices[one - 1] == NULL) {
            silent++;
            continue;
        }
        uint32_t count = 0;
        for (uint8_t other = 1; other <= SITES_MAX; other++) {
            count += placement_role_of(&replica->placement, other) == PLACEMENT_VOTER &&
                     voices[other - 1] != NULL &&
                     voices[other - 1]->event_hash == voices[one - 1]->event_hash;
        }
        if (count > best) {
            best = count;
            best_hash = voices[one - 1]->event_hash;
        }
    }
    if ((best + silent) * 2 <= voter_count) {
        replica->halt_judged = true;
        replica_stop(replica, REPLICA_HALT_HASHES);
        return;
    }
    if (best * 2 <= voter_count) {
        return;
    }
    if (replica->role == REPLICA_LEADER && place->log_index >= replica->term_first_log_index) {
        replica->agreed_term = replica->term;
    }
    for (uint8_t site_id = 1; site_id <= SITES_MAX && replica->role == REPLICA_LEADER; site_id++) {
        if (voices[site_id - 1] == NULL) {
            continue;
        }
        if (voices[site_id - 1]->event_hash != best_hash) {
            audit_fence(replica, output, site_id);
        } else if (site_id != replica->options.site_id) {
            audit_is_right(&replica->progress[site_id - 1], voices[site_id - 1]);
        }
    }
}

bool replica_audit_is_past(const struct replica *replica, const struct replica_message *message)
{
    ASSERT(message->halted);
    return replica->role == REPLICA_LEADER && replica->agreed_term == replica->term &&
           message->term < replica->term;
}

/* Whether this engine has told a hash. What a leader says before is about another one. */
static bool audit_told(const struct replica *replica)
{
    struct replica_audit latest;
    replica_audit_latest(replica, &latest);
    return latest.log_index > 0;
}

void replica_audit_begin(struct replica *replica)
{
    audit_forget(replica->audits, &replica->audit_next);
    ASSERT(!audit_told(replica));
}

void replica_audit_applied(struct replica *replica, struct replica_output *output,
                           const struct replica_audit *audit)
{
    ASSERT(audit->log_index > 0);
    if (audit->log_index % REPLICA_AUDIT_STRIDE != 0) {
        return;
    }
    if (!audit_told(replica)) {
        /* The leader hears of it in this time. */
        replica->fence_due_ns = replica->now_ns + replica_election_ns(replica);
    }
    audit_remember(replica->audits, &replica->audit_next, audit);
    if (replica->role == REPLICA_LEADER) {
        audit_judge(replica, output, audit);
    }
}

void replica_audit_receive(struct replica *replica, struct replica_output *output,
                           const struct replica_message *message)
{
    if (message->fence && replica->role == REPLICA_FOLLOWER && !replica->fenced &&
        audit_told(replica) && replica->now_ns >= replica->fence_due_ns) {
        replica->fenced = true;
        output->fenced = true;
    }
    if (replica->role != REPLICA_LEADER || message->audit.log_index == 0) {
        return;
    }
    struct replica_progress *progress = &replica->progress[message->from_site_id - 1];
    audit_remember(progress->audits, &progress->audit_next, &message->audit);
    audit_judge(replica, output, &message->audit);
}
