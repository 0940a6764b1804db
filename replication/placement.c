#include "replication/placement.h"

#include <string.h>

#include "matching/base/assertion.h"

static_assert(SITES_MAX <= 16, "a set of sites is a uint16_t");

const char *placement_rule_text(enum placement_rule rule)
{
    switch (rule) {
    case PLACEMENT_GOOD:
        return "every rule holds";
    case PLACEMENT_RANGE:
        return "a field is out of its range";
    case PLACEMENT_NO_VOTER:
        return "there is no voter";
    case PLACEMENT_TOO_FEW_PROVIDERS:
        return "the voters are at fewer providers than commit_providers asks for";
    case PLACEMENT_PROVIDER_MAJORITY:
        return "one provider holds a majority of the voters";
    case PLACEMENT_PROVIDER_LOSS:
        return "the loss of one provider leaves no commit quorum";
    case PLACEMENT_NO_SPARE_PROVIDER:
        return "commit_providers is not below the number of providers";
    case PLACEMENT_EPOCH:
        return "the step was made for another state of the membership";
    case PLACEMENT_NO_CHANGE:
        return "the step changes nothing";
    case PLACEMENT_MANY_CHANGES:
        return "the step changes more than one thing";
    case PLACEMENT_LEARNER_FIRST:
        return "a site joins as a learner before it votes";
    case PLACEMENT_IDENTITY:
        return "a site cannot change its provider, journal or key: remove it and add another";
    case PLACEMENT_RULE_COUNT:
        break;
    }
    ASSERT(false);
    return "";
}

const char *placement_rule_name(enum placement_rule rule)
{
    ASSERT(rule < PLACEMENT_RULE_COUNT);
    static const char *const names[PLACEMENT_RULE_COUNT] = {
        [PLACEMENT_PROVIDER_MAJORITY] = "provider-majority",
        [PLACEMENT_PROVIDER_LOSS] = "provider-loss",
        [PLACEMENT_NO_SPARE_PROVIDER] = "no-spare-provider",
    };
    return names[rule];
}

static uint32_t placement_bits(uint16_t sites)
{
    uint32_t count = 0;
    for (; sites != 0; sites = (uint16_t)(sites & (sites - 1u))) {
        count++;
    }
    ASSERT(count <= SITES_MAX);
    return count;
}

static uint16_t placement_with_role(const struct placement *placement, enum placement_role least)
{
    uint16_t sites = 0;
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        sites = (uint16_t)(sites | (placement->sites[at].role >= least ? 1u : 0u) << at);
    }
    ASSERT(sites < 1u << SITES_MAX);
    return sites;
}

uint16_t placement_voters(const struct placement *placement)
{
    return placement_with_role(placement, PLACEMENT_VOTER);
}

uint16_t placement_members(const struct placement *placement)
{
    return placement_with_role(placement, PLACEMENT_LEARNER);
}

enum placement_role placement_role_of(const struct placement *placement, uint8_t site_id)
{
    ASSERT(site_id >= 1);
    ASSERT(site_id <= SITES_MAX);
    return (enum placement_role)placement->sites[site_id - 1].role;
}

uint32_t placement_provider_count(const struct placement *placement, uint16_t sites)
{
    uint16_t voters = placement_voters(placement) & sites;
    uint16_t providers = 0;
    for (; voters != 0; voters = (uint16_t)(voters & (voters - 1u))) {
        uint8_t provider_id = placement->sites[__builtin_ctz(voters)].provider_id;
        ASSERT(provider_id >= 1);
        ASSERT(provider_id <= SITES_MAX);
        providers = (uint16_t)(providers | 1u << (provider_id - 1));
    }
    return placement_bits(providers);
}

bool placement_elects(const struct placement *placement, uint16_t sites)
{
    uint16_t voters = placement_voters(placement);
    ASSERT(voters < 1u << SITES_MAX);
    return placement_bits(voters & sites) * 2 > placement_bits(voters);
}

bool placement_commits_across(const struct placement *placement, uint16_t sites,
                              uint8_t commit_providers)
{
    ASSERT(commit_providers >= 1);
    return placement_elects(placement, sites) &&
           placement_provider_count(placement, sites) >= commit_providers;
}

bool placement_commits(const struct placement *placement, uint16_t sites)
{
    return placement_commits_across(placement, sites, placement->commit_providers);
}

/* ---- Judging ---- */

static struct placement_verdict placement_verdict_of(enum placement_rule rule, uint32_t provider_id,
                                                     uint32_t site_id)
{
    ASSERT(provider_id <= SITES_MAX);
    ASSERT(site_id <= SITES_MAX);
    return (struct placement_verdict){rule, (uint8_t)provider_id, (uint8_t)site_id};
}

/* What every placement must be, also on the way: fields in range, somebody can elect and commit. */
static struct placement_verdict placement_judge_basis(const struct placement *placement)
{
    if (placement->commit_providers < 1 || placement->commit_providers > SITES_MAX) {
        return placement_verdict_of(PLACEMENT_RANGE, 0, 0);
    }
    uint16_t preferred = 0;
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        const struct placement_site *site = &placement->sites[at];
        bool absent = site->role == PLACEMENT_ABSENT;
        if (site->role > PLACEMENT_VOTER || site->provider_id > SITES_MAX ||
            absent != (site->provider_id == 0) || (absent && site->incarnation != 0)) {
            return placement_verdict_of(PLACEMENT_RANGE, 0, at + 1);
        }
        uint8_t site_id = placement->preferred_site_ids[at];
        bool twice = site_id >= 1 && site_id <= SITES_MAX && (preferred >> (site_id - 1) & 1u) != 0;
        if (site_id > SITES_MAX || twice) {
            return placement_verdict_of(PLACEMENT_RANGE, 0, 0);
        }
        preferred = site_id == 0 ? preferred : (uint16_t)(preferred | 1u << (site_id - 1));
    }
    uint16_t voters = placement_voters(placement);
    if (voters == 0) {
        return placement_verdict_of(PLACEMENT_NO_VOTER, 0, 0);
    }
    if (!placement_commits(placement, voters)) {
        return placement_verdict_of(PLACEMENT_TOO_FEW_PROVIDERS, 0, 0);
    }
    return placement_verdict_of(PLACEMENT_GOOD, 0, 0);
}

/* Voters at a provider. */
static uint16_t placement_at_provider(const struct placement *placement, uint32_t provider_id)
{
    ASSERT(provider_id >= 1);
    ASSERT(provider_id <= SITES_MAX);
    uint16_t sites = 0;
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        if (placement->sites[at].provider_id == provider_id &&
            placement->sites[at].role == PLACEMENT_VOTER) {
            sites = (uint16_t)(sites | 1u << at);
        }
    }
    return sites;
}

struct placement_verdict placement_judge(const struct placement *placement, uint32_t waived_rules)
{
    struct placement_verdict verdict = placement_judge_basis(placement);
    uint16_t voters = placement_voters(placement);
    if (verdict.rule != PLACEMENT_GOOD || placement_bits(voters) == 1) {
        return verdict; /* Broken, or one site alone: legal, and status says what P1 then lacks. */
    }
    for (uint32_t provider_id = 1; provider_id <= SITES_MAX; provider_id++) {
        uint16_t held = placement_at_provider(placement, provider_id);
        if (held != 0 && placement_elects(placement, held) &&
            (waived_rules >> PLACEMENT_PROVIDER_MAJORITY & 1u) == 0) {
            return placement_verdict_of(PLACEMENT_PROVIDER_MAJORITY, provider_id, 0);
        }
    }
    uint32_t provider_count = placement_provider_count(placement, voters);
    if (placement->commit_providers > provider_count - 1 && provider_count > 1 &&
        (waived_rules >> PLACEMENT_NO_SPARE_PROVIDER & 1u) == 0) {
        return placement_verdict_of(PLACEMENT_NO_SPARE_PROVIDER, 0, 0);
    }
    for (uint32_t provider_id = 1; provider_id <= SITES_MAX; provider_id++) {
        uint16_t held = placement_at_provider(placement, provider_id);
        if (held != 0 && !placement_commits(placement, voters & (uint16_t)~held) &&
            (waived_rules >> PLACEMENT_PROVIDER_LOSS & 1u) == 0) {
            return placement_verdict_of(PLACEMENT_PROVIDER_LOSS, provider_id, 0);
        }
    }
    return verdict;
}

bool placement_same_identity(const struct placement_site *one, const struct placement_site *other)
{
    return one->incarnation == other->incarnation && one->provider_id == other->provider_id &&
           memcmp(one->public_key, other->public_key, sizeof one->public_key) == 0;
}

static struct placement_verdict placement_judge_site(const struct placement_site *before,
                                                     const struct placement_site *after,
                                                     uint32_t site_id)
{
    if (before->role == PLACEMENT_ABSENT && after->role == PLACEMENT_VOTER) {
        return placement_verdict_of(PLACEMENT_LEARNER_FIRST, 0, site_id);
    }
    if (before->role != PLACEMENT_ABSENT && after->role != PLACEMENT_ABSENT &&
        !placement_same_identity(before, after)) {
        return placement_verdict_of(PLACEMENT_IDENTITY, 0, site_id);
    }
    return placement_verdict_of(PLACEMENT_GOOD, 0, 0);
}

struct placement_verdict placement_judge_step(const struct placement *before,
                                              const struct placement *after)
{
    struct placement_verdict verdict = placement_judge_basis(after);
    if (verdict.rule != PLACEMENT_GOOD) {
        return verdict;
    }
    if (before->epoch == UINT64_MAX || after->epoch != before->epoch + 1) {
        return placement_verdict_of(PLACEMENT_EPOCH, 0, 0);
    }
    uint32_t changes = before->commit_providers != after->commit_providers ? 1 : 0;
    changes += memcmp(before->preferred_site_ids, after->preferred_site_ids,
                      sizeof before->preferred_site_ids) != 0;
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        const struct placement_site *old = &before->sites[at];
        const struct placement_site *new = &after->sites[at];
        if (old->role == new->role && placement_same_identity(old, new)) {
            continue;
        }
        changes++;
        verdict = placement_judge_site(old, new, at + 1);
        if (verdict.rule != PLACEMENT_GOOD) {
            return verdict;
        }
    }
    if (changes != 1) {
        return placement_verdict_of(changes == 0 ? PLACEMENT_NO_CHANGE : PLACEMENT_MANY_CHANGES, 0,
                                    0);
    }
    return verdict;
}

/* ---- Losses ---- */

enum placement_loss placement_loss_of(const struct placement *placement, uint16_t gone,
                                      uint16_t lost)
{
    ASSERT(gone < 1u << SITES_MAX);
    ASSERT(lost < 1u << SITES_MAX);
    uint16_t voters = placement_voters(placement);
    uint16_t missing = voters & (gone | lost);
    if ((lost & voters & (uint16_t)~gone) == 0) {
        return PLACEMENT_HARMLESS; /* It takes no voter away that is still there. */
    }
    if (placement_commits(placement, missing)) {
        return PLACEMENT_ENDANGERS; /* A whole commit quorum may be among the lost. */
    }
    return placement_commits(placement, voters & (uint16_t)~missing) ? PLACEMENT_HARMLESS
                                                                     : PLACEMENT_STOPS;
}

void placement_losses_of(const struct placement *placement, uint16_t gone,
                         struct placement_losses *losses)
{
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        losses->site[at] = placement_loss_of(placement, gone, (uint16_t)(1u << at));
        losses->provider[at] =
            placement_loss_of(placement, gone, placement_at_provider(placement, at + 1));
    }
}
