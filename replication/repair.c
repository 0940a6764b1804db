#include "replication/repair.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/checksum.h"

#define REPAIR_ROUND_SHIFT 32u
/* Of placements that rule or have ruled, only what no override gives up is asked. */
#define REPAIR_WAIVED ((1u << PLACEMENT_RULE_COUNT) - 1u)

const char *repair_refusal_text(enum repair_refusal refusal)
{
    switch (refusal) {
    case REPAIR_ACCEPTED:
        return "the repair can be made";
    case REPAIR_REFUSED_REPORT:
        return "a report contradicts itself or came twice";
    case REPAIR_REFUSED_GENERATION:
        return "the site was left out of an earlier repair: it can only join as a new site";
    case REPAIR_REFUSED_UNFINISHED:
        return "an earlier repair is active elsewhere and promised by the site: finish that first";
    case REPAIR_REFUSED_MEMBER:
        return "the site is no member with this journal";
    case REPAIR_REFUSED_NOT_ATTESTED:
        return "the site is a member, does not report and is not attested to be off";
    case REPAIR_REFUSED_IS_ON:
        return "the site is attested to be off, and reports";
    case REPAIR_REFUSED_QUORUM:
        return "a quorum is there: nothing needs repair";
    case REPAIR_REFUSED_RANGE:
        return "a counter is at its end";
    case REPAIR_REFUSAL_COUNT:
        break;
    }
    ASSERT(false);
    return "";
}

const char *repair_loss_text(enum repair_loss loss)
{
    switch (loss) {
    case REPAIR_LOSES_NOTHING:
        return "everything acknowledged is kept: every commit quorum had a survivor";
    case REPAIR_LOSES_UNSEEN:
        return "everything acknowledged is kept, unless the membership was changed and no survivor "
               "has seen it";
    case REPAIR_LOSES_SOME:
        return "what the missing sites acknowledged without any survivor is lost: they were a "
               "commit quorum by themselves";
    case REPAIR_LOSS_COUNT:
        break;
    }
    ASSERT(false);
    return "";
}

static uint16_t repair_bit(uint8_t site_id)
{
    ASSERT(site_id >= 1);
    ASSERT(site_id <= SITES_MAX);
    return (uint16_t)(1u << (site_id - 1));
}

static uint64_t repair_round(uint64_t generation)
{
    return generation >> REPAIR_ROUND_SHIFT;
}

/* Raft's order of logs (dissertation, 3.6.1): positive when `one` is the better. */
static int repair_compare(const struct replica_position *one, const struct replica_position *other)
{
    if (one->term != other->term) {
        return one->term > other->term ? 1 : -1;
    }
    if (one->log_index != other->log_index) {
        return one->log_index > other->log_index ? 1 : -1;
    }
    return 0;
}

const struct placement *repair_ruling(const struct repair *accepted, bool active,
                                      const struct placement *in_log)
{
    ASSERT(in_log != NULL);
    if (accepted == NULL) {
        return in_log;
    }
    const struct placement *of_repair = active ? &accepted->after : &accepted->before;
    return in_log->epoch < of_repair->epoch ? of_repair : in_log;
}

/* ---- What may be lost ---- */

/* Whether the missing commit alone under the placement, or under one that is a step from it. A
 * change rules from where it stands in the log, so its own quorum commits it; a second change needs
 * the first to be committed. Steps of commit_providers commit under the old rule, too, and open
 * nothing. */
static bool repair_unseen(const struct placement *placement, uint16_t missing)
{
    ASSERT(!placement_commits(placement, missing));
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        struct placement step = *placement;
        if (step.sites[at].role == PLACEMENT_ABSENT) {
            continue; /* Joins as a learner: counts for nothing. */
        }
        step.sites[at].role =
            step.sites[at].role == PLACEMENT_VOTER ? PLACEMENT_LEARNER : PLACEMENT_VOTER;
        if (placement_voters(&step) != 0 && placement_commits(&step, missing)) {
            return true;
        }
    }
    return false;
}

/* An acknowledged segment that the kept log lacks was committed under a placement that the kept log
 * knows, or as a step from it, by sites that are all missing: had one of them survived, its log
 * would be no better than the kept one and so a part of that, as in an election (Raft's leader
 * completeness). The last placement known may never have been committed; then the one before may
 * have ruled instead. */
static enum repair_loss repair_loss_of(const struct repair_report *lead, uint16_t reporters)
{
    uint16_t missing = (uint16_t)((1u << SITES_MAX) - 1u) & (uint16_t)~reporters;
    bool settled = lead->placement_log_index <= lead->commit_log_index;
    if (placement_commits(&lead->placement, missing) ||
        (!settled && placement_commits(&lead->previous_placement, missing))) {
        return REPAIR_LOSES_SOME;
    }
    bool unseen = repair_unseen(&lead->placement, missing) ||
                  (!settled && repair_unseen(&lead->previous_placement, missing));
    return unseen ? REPAIR_LOSES_UNSEEN : REPAIR_LOSES_NOTHING;
}

/* A survivor's promise may be what the last one was that an earlier repair waited for: it is active
 * at those of its survivors that are missing now, who acknowledge under its membership. */
static enum repair_loss repair_loss_of_promises(const struct repair_request *request,
                                                uint16_t reporters)
{
    uint16_t missing = (uint16_t)((1u << SITES_MAX) - 1u) & (uint16_t)~reporters;
    enum repair_loss loss = REPAIR_LOSES_NOTHING;
    for (uint32_t at = 0; at < request->report_count; at++) {
        const struct repair *promised = request->reports[at].promised;
        if (promised == NULL) {
            continue;
        }
        if (placement_commits(&promised->after, missing)) {
            return REPAIR_LOSES_SOME;
        }
        loss = repair_unseen(&promised->after, missing) ? REPAIR_LOSES_UNSEEN : loss;
    }
    ASSERT(loss < REPAIR_LOSES_SOME);
    return loss;
}

/* ---- Deciding ---- */

/* What all reports come to. */
struct repair_tally {
    uint16_t reporters;
    uint64_t generation; /* Highest taken part in. */
    uint64_t round;      /* Highest seen at all. */
    uint64_t epoch;
    uint64_t commit_log_index;
    const struct repair *promised; /* Highest that is not active anywhere. */
    const struct repair_report *lead;
};

/* Whether `one` has the log to keep rather than `other`: the better one; of equal ones that of a
 * voter, then of the lower site. */
static bool repair_leads(const struct repair_report *one, const struct repair_report *other)
{
    int order = repair_compare(&one->last, &other->last);
    if (order != 0) {
        return order > 0;
    }
    enum placement_role own = placement_role_of(&one->placement, one->site_id);
    enum placement_role its = placement_role_of(&other->placement, other->site_id);
    return own != its ? own > its : one->site_id < other->site_id;
}

static void repair_raise(uint64_t *highest, uint64_t value)
{
    if (value > *highest) {
        *highest = value;
    }
}

static enum repair_refusal repair_count(const struct repair_request *request,
                                        struct repair_tally *tally, uint8_t *site_id)
{
    *tally = (struct repair_tally){0};
    for (uint32_t at = 0; at < request->report_count; at++) {
        const struct repair_report *report = &request->reports[at];
        *site_id = 0;
        if (report->site_id < 1 || report->site_id > SITES_MAX) {
            return REPAIR_REFUSED_REPORT;
        }
        *site_id = report->site_id;
        if ((tally->reporters & repair_bit(report->site_id)) != 0 ||
            (report->last.log_index == 0) != (report->last.term == 0) ||
            placement_judge(&report->placement, REPAIR_WAIVED).rule != PLACEMENT_GOOD ||
            placement_judge(&report->previous_placement, REPAIR_WAIVED).rule != PLACEMENT_GOOD) {
            return REPAIR_REFUSED_REPORT;
        }
        tally->reporters = (uint16_t)(tally->reporters | repair_bit(report->site_id));
        repair_raise(&tally->generation, report->generation);
        repair_raise(&tally->round, repair_round(report->generation));
        repair_raise(&tally->epoch, report->placement.epoch);
        repair_raise(&tally->commit_log_index, report->commit_log_index);
        if (report->promised != NULL) {
            repair_raise(&tally->round, repair_round(report->promised->generation));
            repair_raise(&tally->epoch, report->promised->after.epoch);
        }
        if (tally->lead == NULL || repair_leads(report, tally->lead)) {
            tally->lead = report;
        }
    }
    *site_id = 0;
    return REPAIR_ACCEPTED;
}

/* Only one generation takes part; promises of it that others have activated come first. */
static enum repair_refusal repair_judge_generations(const struct repair_request *request,
                                                    struct repair_tally *tally, uint8_t *site_id)
{
    for (uint32_t at = 0; at < request->report_count; at++) {
        const struct repair_report *report = &request->reports[at];
        *site_id = report->site_id;
        if (report->generation < tally->generation) {
            bool named =
                report->promised != NULL && report->promised->generation == tally->generation;
            return named ? REPAIR_REFUSED_UNFINISHED : REPAIR_REFUSED_GENERATION;
        }
        if (report->promised != NULL &&
            (tally->promised == NULL ||
             report->promised->generation > tally->promised->generation)) {
            tally->promised = report->promised;
        }
    }
    *site_id = 0;
    return REPAIR_ACCEPTED;
}

/* Everybody who reports is a member as it always was; everybody who does not is attested off. */
static enum repair_refusal repair_judge_members(const struct repair_request *request,
                                                const struct repair_tally *tally, uint8_t *site_id)
{
    const struct placement *before = &tally->lead->placement;
    for (uint32_t at = 0; at < request->report_count; at++) {
        const struct repair_report *report = &request->reports[at];
        const struct placement_site *site = &before->sites[report->site_id - 1];
        *site_id = report->site_id;
        if (site->role == PLACEMENT_ABSENT || site->incarnation != report->incarnation) {
            return REPAIR_REFUSED_MEMBER;
        }
        if ((request->attested & repair_bit(report->site_id)) != 0) {
            return REPAIR_REFUSED_IS_ON;
        }
    }
    uint16_t silent =
        placement_members(before) & (uint16_t) ~(tally->reporters | request->attested);
    for (uint8_t at = 1; at <= SITES_MAX; at++) {
        if ((silent & repair_bit(at)) != 0) {
            *site_id = at;
            return REPAIR_REFUSED_NOT_ATTESTED;
        }
    }
    *site_id = 0;
    return REPAIR_ACCEPTED;
}

/* Whether a promised repair can still be carried through by just these survivors: none has promised
 * another one, no log has gone beyond the one to be kept, and who has that still has it. */
static bool repair_resumes(const struct repair_request *request, const struct repair_tally *tally)
{
    const struct repair *promised = tally->promised;
    if (promised == NULL || promised->survivors != tally->reporters ||
        promised->previous_generation != tally->generation) {
        return false;
    }
    for (uint32_t at = 0; at < request->report_count; at++) {
        const struct repair_report *report = &request->reports[at];
        int order = repair_compare(&report->last, &promised->kept);
        bool other =
            report->promised != NULL && report->promised->generation != promised->generation;
        if (other || order > 0 || (report->site_id == promised->kept_site_id && order != 0)) {
            return false;
        }
    }
    return true;
}

/* The survivors with the roles they had; who has the log that is kept, votes. */
static void repair_place(struct repair *repair, uint64_t epoch)
{
    const struct placement *before = &repair->before;
    struct placement *after = &repair->after;
    *after = (struct placement){.epoch = epoch};
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        if ((repair->survivors >> at & 1u) != 0) {
            after->sites[at] = before->sites[at];
        }
    }
    after->sites[repair->kept_site_id - 1].role = PLACEMENT_VOTER;
    uint32_t preferred = 0;
    for (uint32_t at = 0; at < SITES_MAX && before->preferred_site_ids[at] != 0; at++) {
        uint8_t site_id = before->preferred_site_ids[at];
        if ((repair->survivors & repair_bit(site_id)) != 0) {
            after->preferred_site_ids[preferred++] = site_id;
        }
    }
    uint32_t provider_count = placement_provider_count(after, repair->survivors);
    ASSERT(provider_count >= 1);
    after->commit_providers = before->commit_providers < provider_count ? before->commit_providers
                                                                        : (uint8_t)provider_count;
}

static uint64_t repair_mix_placement(uint64_t hash, const struct placement *placement)
{
    hash = checksum_mix(hash, placement->epoch);
    hash = checksum_mix(hash, placement->commit_providers);
    hash = checksum_bytes(hash, placement->preferred_site_ids, SITES_MAX);
    for (uint32_t at = 0; at < SITES_MAX; at++) {
        const struct placement_site *site = &placement->sites[at];
        hash = checksum_mix(hash, site->incarnation);
        hash = checksum_mix(hash, (uint64_t)site->provider_id << 8 | site->role);
        hash = checksum_bytes(hash, site->public_key, sizeof site->public_key);
    }
    return hash;
}

/* Everything but the generation itself. */
static uint32_t repair_fingerprint(const struct repair *repair)
{
    uint64_t hash = checksum_mix(CHECKSUM_SEED, repair->previous_generation);
    hash = checksum_mix(hash, repair->kept.log_index);
    hash = checksum_mix(hash, repair->kept.term);
    hash = checksum_bytes(hash, repair->kept.chain_hash, REPLICA_HASH_BYTES);
    hash = checksum_mix(hash, (uint64_t)repair->kept_site_id << 8 | (uint64_t)repair->loss);
    hash = checksum_mix(hash, (uint64_t)repair->survivors << 16 | repair->attested);
    hash = checksum_mix(hash, repair->commit_log_index);
    hash = checksum_bytes(hash, repair->attestation_hash, REPAIR_HASH_BYTES);
    hash = repair_mix_placement(hash, &repair->before);
    hash = repair_mix_placement(hash, &repair->after);
    return (uint32_t)hash;
}

static enum repair_refusal repair_make(const struct repair_request *request,
                                       const struct repair_tally *tally, struct repair *repair)
{
    if (tally->round == UINT64_MAX >> REPAIR_ROUND_SHIFT || tally->epoch == UINT64_MAX) {
        return REPAIR_REFUSED_RANGE;
    }
    const struct repair_report *lead = tally->lead;
    enum repair_loss loss = repair_loss_of(lead, tally->reporters);
    enum repair_loss of_promises = repair_loss_of_promises(request, tally->reporters);
    *repair = (struct repair){.previous_generation = tally->generation,
                              .kept = lead->last,
                              .kept_site_id = lead->site_id,
                              .loss = of_promises > loss ? of_promises : loss,
                              .survivors = tally->reporters,
                              .attested = request->attested,
                              .commit_log_index = tally->commit_log_index,
                              .before = lead->placement};
    memcpy(repair->attestation_hash, request->attestation_hash, REPAIR_HASH_BYTES);
    repair_place(repair, tally->epoch + 1);
    repair->generation =
        (tally->round + 1) << REPAIR_ROUND_SHIFT | (uint64_t)repair_fingerprint(repair);
    ASSERT(placement_commits(&repair->after, repair->survivors));
    ASSERT(repair_valid(repair));
    return REPAIR_ACCEPTED;
}

enum repair_refusal repair_decide(const struct repair_request *request, struct repair *repair,
                                  uint8_t *site_id)
{
    ASSERT(request->report_count >= 1);
    ASSERT(request->report_count <= SITES_MAX);
    struct repair_tally tally;
    enum repair_refusal refusal = repair_count(request, &tally, site_id);
    if (refusal == REPAIR_ACCEPTED) {
        refusal = repair_judge_generations(request, &tally, site_id);
    }
    if (refusal == REPAIR_ACCEPTED) {
        refusal = repair_judge_members(request, &tally, site_id);
    }
    if (refusal != REPAIR_ACCEPTED) {
        return refusal;
    }
    if (repair_resumes(request, &tally)) {
        *repair = *tally.promised;
        return REPAIR_ACCEPTED;
    }
    if (tally.promised == NULL && !request->forced &&
        placement_commits(&tally.lead->placement, tally.reporters)) {
        return REPAIR_REFUSED_QUORUM; /* A promise stops who gave it: then it is none. */
    }
    return repair_make(request, &tally, repair);
}

bool repair_valid(const struct repair *repair)
{
    if (repair->kept_site_id < 1 || repair->kept_site_id > SITES_MAX ||
        repair->loss >= REPAIR_LOSS_COUNT ||
        (repair->kept.log_index == 0) != (repair->kept.term == 0) ||
        (repair->survivors & repair->attested) != 0 || repair->attested >= 1u << SITES_MAX ||
        placement_judge(&repair->before, REPAIR_WAIVED).rule != PLACEMENT_GOOD ||
        placement_judge(&repair->after, REPAIR_WAIVED).rule != PLACEMENT_GOOD) {
        return false;
    }
    return repair->survivors == placement_members(&repair->after) &&
           repair->after.sites[repair->kept_site_id - 1].role == PLACEMENT_VOTER &&
           repair->after.epoch > repair->before.epoch &&
           repair_round(repair->generation) > repair_round(repair->previous_generation) &&
           (uint32_t)repair->generation == repair_fingerprint(repair);
}

/* ---- Accepting ---- */

enum status repair_may_promise(const struct repair_stand *stand, const struct repair *repair)
{
    ASSERT(stand->site_id >= 1 && stand->site_id <= SITES_MAX);
    ASSERT(repair_valid(repair));
    const struct placement_site *site = &repair->after.sites[stand->site_id - 1];
    if ((repair->survivors & repair_bit(stand->site_id)) == 0 ||
        site->incarnation != stand->incarnation) {
        return STATUS_FOREIGN;
    }
    const struct repair *accepted = stand->accepted;
    if (accepted != NULL && accepted->generation == repair->generation) {
        return STATUS_EXISTS;
    }
    if (stand->generation != repair->previous_generation ||
        (accepted != NULL &&
         repair_round(accepted->generation) >= repair_round(repair->generation))) {
        return STATUS_DENIED;
    }
    int order = repair_compare(&stand->last, &repair->kept);
    if (order > 0 || (stand->site_id == repair->kept_site_id &&
                      !replica_message_same_chain(&stand->last, &repair->kept))) {
        return STATUS_BAD_CHAIN;
    }
    return STATUS_OK;
}

enum status repair_may_activate(const struct repair_stand *stand, uint64_t generation,
                                uint16_t promised)
{
    ASSERT(stand->site_id >= 1 && stand->site_id <= SITES_MAX);
    ASSERT(promised < 1u << SITES_MAX);
    if (stand->accepted == NULL || stand->accepted->generation != generation) {
        return STATUS_NOT_FOUND;
    }
    if (stand->active) {
        return STATUS_EXISTS;
    }
    bool all = (stand->accepted->survivors & (uint16_t)~promised) == 0;
    return all ? STATUS_OK : STATUS_NOT_YET;
}
