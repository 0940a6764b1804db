/* Placement: which sites hold a shard, at which providers, and what a quorum of them is.
 *
 * Pure. A `struct placement` is the replicated membership of one shard (DESIGN 6, rule 7): it
 * enters the log as a segment and rules from there on. This module counts quorums, judges targets
 * and steps, makes the steps of a plan, and tells what a loss would do. It fails closed: what
 * passes no rule is refused, and the rule is named.
 *
 * Sets of sites are masks: bit (site_id - 1). */
#ifndef REPLICATION_PLACEMENT_H
#define REPLICATION_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"

enum placement_role {
    PLACEMENT_ABSENT = 0,
    PLACEMENT_LEARNER, /* Follows without counting. */
    PLACEMENT_VOTER,   /* Counts for quorums. */
};

#define PLACEMENT_KEY_BYTES 32u

struct placement_site {
    uint64_t incarnation; /* Of its journal: another one is another site (rule 4). */
    uint8_t public_key[PLACEMENT_KEY_BYTES]; /* Ed25519: what it signs and proves itself with. */
    uint8_t provider_id;                     /* 1 .. SITES_MAX; 0 when absent. */
    uint8_t role;                            /* enum placement_role. */
};

struct placement {
    uint64_t epoch;                         /* Grows by one with each change. */
    struct placement_site sites[SITES_MAX]; /* Of site_id - 1. */
    uint8_t commit_providers;               /* Providers that a commit must span, from 1. */
    uint8_t preferred_site_ids[SITES_MAX];  /* Leaders, most wanted first; 0 ends the list. */
};

/* What a placement or a step broke. */
enum placement_rule {
    PLACEMENT_GOOD = 0,
    PLACEMENT_RANGE,             /* A field is out of its range. */
    PLACEMENT_NO_VOTER,          /* Nobody could elect. */
    PLACEMENT_TOO_FEW_PROVIDERS, /* Voters are at fewer providers than commit_providers: nothing
                                    would ever commit. */
    PLACEMENT_PROVIDER_MAJORITY, /* One provider holds a majority of the voters. */
    PLACEMENT_PROVIDER_LOSS,     /* Without this provider there is no commit quorum. */
    PLACEMENT_NO_SPARE_PROVIDER, /* commit_providers above providers - 1. */
    PLACEMENT_EPOCH,             /* A step's epoch is not the next one: made for another state. */
    PLACEMENT_NO_CHANGE,         /* A step that changes nothing. */
    PLACEMENT_MANY_CHANGES,      /* A step that changes more than one thing. */
    PLACEMENT_LEARNER_FIRST,     /* A site becomes a voter without having been a learner. */
    PLACEMENT_IDENTITY,          /* Provider or incarnation of a site changed in place. */
    PLACEMENT_RULE_COUNT
};

struct placement_verdict {
    enum placement_rule rule;
    uint8_t provider_id; /* At fault, where it is one; else 0. */
    uint8_t site_id;     /* Likewise. */
};

/* A sentence that names the rule. Static storage; never NULL. */
const char *placement_rule_text(enum placement_rule rule);
/* The name by which an operator gives a rule up; NULL: it cannot be given up. Static storage. */
const char *placement_rule_name(enum placement_rule rule);

/* Voters as a mask. */
uint16_t placement_voters(const struct placement *placement);
/* All members as a mask. */
uint16_t placement_members(const struct placement *placement);
/* Role of a site; 1 <= site_id <= SITES_MAX. */
enum placement_role placement_role_of(const struct placement *placement, uint8_t site_id);
/* Whether two entries name one and the same site: journal, provider and key. */
bool placement_same_identity(const struct placement_site *one, const struct placement_site *other);
/* Different providers among the voters of `sites`. */
uint32_t placement_provider_count(const struct placement *placement, uint16_t sites);
/* Whether the voters of `sites` are a majority of all voters: enough to elect. */
bool placement_elects(const struct placement *placement, uint16_t sites);
/* Whether they are a majority that spans commit_providers providers: enough to commit. Every such
 * set meets every set that elects. */
bool placement_commits(const struct placement *placement, uint16_t sites);
/* The same with another number of providers: while one changes, the larger one counts. */
bool placement_commits_across(const struct placement *placement, uint16_t sites,
                              uint8_t commit_providers);

/* Judge a placement as the target of a plan: every rule of DESIGN 6.7 that is not in `waived_rules`
 * (bit per enum placement_rule: what an operator's override gives up). One voter alone with
 * commit_providers 1 is legal; any other number of voters needs several providers. PLACEMENT_RANGE,
 * _NO_VOTER and _TOO_FEW_PROVIDERS cannot be waived. */
struct placement_verdict placement_judge(const struct placement *placement, uint32_t waived_rules);

/* Judge one step: exactly one site or one number changes, learner first, and somebody can still
 * commit. Since a commit must span commit_providers, no provider commits alone once two are asked
 * for, whatever the step. */
struct placement_verdict placement_judge_step(const struct placement *before,
                                              const struct placement *after);

/* The next step from `current` towards `target`, into `next` (neither of them). Depends on nothing
 * else, so a plan is its journaled target, and goes on after any crash or change of leader.
 * STATUS_NOT_FOUND: there already (epochs do not count). STATUS_DENIED: placement_judge() refuses
 * the target, or no step passes; `verdict` says which rule. */
MUST_USE enum status placement_plan_next(const struct placement *current,
                                         const struct placement *target, uint32_t waived_rules,
                                         struct placement *next, struct placement_verdict *verdict);

/* What it would mean that sites are gone for good. The graver one counts. */
enum placement_loss {
    PLACEMENT_HARMLESS = 0, /* The shard goes on, nothing acknowledged is lost. */
    PLACEMENT_STOPS,        /* No election or no commit any more; the data is still elsewhere. */
    PLACEMENT_ENDANGERS,    /* All copies of something acknowledged may be among the lost. */
};

/* What the loss of `lost` would do when `gone` are already lost. */
enum placement_loss placement_loss_of(const struct placement *placement, uint16_t gone,
                                      uint16_t lost);

/* The same for every single site and provider, for `causeway status`. Absent ones: harmless. */
struct placement_losses {
    enum placement_loss site[SITES_MAX];     /* Of site_id - 1. */
    enum placement_loss provider[SITES_MAX]; /* Of provider_id - 1. */
};
void placement_losses_of(const struct placement *placement, uint16_t gone,
                         struct placement_losses *losses);

#endif
