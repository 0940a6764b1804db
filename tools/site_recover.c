#include "tools/site_recover.h"

#include <inttypes.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gateway/members.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"
#include "replication/key_store.h"
#include "tools/attestation.h"
#include "tools/options.h"

/* One shard's repair. */
struct recover {
    struct site_desk *desk;
    const struct site_recover_options *options;
    uint16_t shard_id;
    uint64_t until_ns;
    struct repair_report reports[SITES_MAX]; /* Of the sites that were heard. */
    uint32_t report_count;
    uint32_t any;   /* A site that was heard: its names are used. */
    uint16_t heard; /* Everybody who answered the last look: bit (site_id - 1). */
    struct repair_request request;
    struct repair repair;
    bool begun; /* It is one that has been promised before. */
    struct attestation attestation;
};

static const struct site_view *recover_view(const struct recover *recover)
{
    return &recover->desk->views[recover->any];
}

static const char *recover_name(const struct recover *recover, uint8_t site_id)
{
    return members_name_of(recover_view(recover)->sites, site_id);
}

/* ---- What is left ---- */

/* The newest membership that a survivor knows. */
static const struct placement *recover_membership(const struct recover *recover)
{
    const struct repair_report *best = &recover->reports[0];
    for (uint32_t at = 1; at < recover->report_count; at++) {
        const struct repair_report *report = &recover->reports[at];
        best = report->placement.epoch > best->placement.epoch ? report : best;
    }
    return &best->placement;
}

static void recover_collect(struct recover *recover)
{
    struct site_desk *desk = recover->desk;
    recover->heard = 0;
    recover->report_count = 0;
    recover->any = site_desk_any(desk);
    for (uint32_t at = 0; at < desk->count; at++) {
        const struct site_view_shard *shard =
            desk->heard[at] ? site_desk_shard(desk, at, recover->shard_id) : NULL;
        if (shard != NULL) {
            recover->reports[recover->report_count++] = shard->report;
        }
        if (desk->heard[at]) { /* It is on, also when it says nothing of this shard. */
            recover->heard = (uint16_t)(recover->heard | 1u << (desk->views[at].site_id - 1));
        }
    }
    ASSERT(recover->report_count > 0);
    uint16_t members = placement_members(recover_membership(recover));
    recover->request = (struct repair_request){.reports = recover->reports,
                                               .report_count = recover->report_count,
                                               .attested = members & (uint16_t)~recover->heard};
}

/* "NAME, NAME", or "nobody". */
static void recover_names(const struct site_view *view, char text[static SITE_RECOVER_TEXT_BYTES],
                          uint16_t sites)
{
    size_t used = (size_t)snprintf(text, SITE_RECOVER_TEXT_BYTES, "%s", sites == 0 ? "nobody" : "");
    for (uint8_t site_id = 1; site_id <= SITES_MAX; site_id++) {
        if ((sites >> (site_id - 1) & 1u) != 0) {
            used += (size_t)snprintf(text + used, SITE_RECOVER_TEXT_BYTES - used, "%s%s",
                                     used == 0 ? "" : ", ", members_name_of(view->sites, site_id));
            ASSERT(used < SITE_RECOVER_TEXT_BYTES);
        }
    }
}

void site_recover_sentence(char text[static SITE_RECOVER_TEXT_BYTES], const struct site_view *view,
                           uint16_t attested)
{
    if (attested == 0) {
        (void)snprintf(text, SITE_RECOVER_TEXT_BYTES, "everybody is on");
        return;
    }
    recover_names(view, text, attested);
    size_t used = strlen(text);
    (void)snprintf(text + used, SITE_RECOVER_TEXT_BYTES - used, " are off for good");
}

/* Promises of other repairs: what was promised here may be active where nobody was asked. */
static void recover_print_promises(const struct recover *recover)
{
    char names[SITE_RECOVER_TEXT_BYTES];
    for (uint32_t at = 0; at < recover->report_count; at++) {
        const struct repair_report *report = &recover->reports[at];
        uint16_t silent =
            report->promised != NULL ? report->promised->survivors & recover->repair.attested : 0;
        if (silent != 0 && report->promised->generation != recover->repair.generation) {
            recover_names(recover_view(recover), names, silent);
            (void)printf("  %s has promised repair %016" PRIx64
                         ", which may be active and acknowledge orders at %s\n",
                         recover_name(recover, report->site_id), report->promised->generation,
                         names);
        }
    }
}

static void recover_print(const struct recover *recover)
{
    const struct repair *repair = &recover->repair;
    char names[SITE_RECOVER_TEXT_BYTES];
    (void)printf("shard %u %s\n  survivors\n", recover->shard_id,
                 site_desk_shard(recover->desk, recover->any, recover->shard_id)->name);
    for (uint32_t at = 0; at < recover->report_count; at++) {
        const struct repair_report *report = &recover->reports[at];
        (void)printf("    %-14s log ends at %" PRIu64 " of term %" PRIu64 ", knows %" PRIu64
                     " to be committed%s\n",
                     recover_name(recover, report->site_id), report->last.log_index,
                     report->last.term, report->commit_log_index,
                     report->site_id == repair->kept_site_id ? "; this log is kept" : "");
    }
    recover_names(recover_view(recover), names, repair->attested);
    (void)printf("  silent, and must be off for good: %s\n", names);
    (void)printf("  provably safe: everything up to log index %" PRIu64 " of the kept log\n",
                 repair->kept.log_index);
    if (repair->kept.log_index > repair->commit_log_index) {
        (void)printf("    of which %" PRIu64 " segments may never have been acknowledged; they are "
                     "executed\n",
                     repair->kept.log_index - repair->commit_log_index);
    }
    (void)printf("  not provable: that the silent sites are off. If they are on they may go on "
                 "without these\n"
                 "    until they hear of the repair, and all they acknowledge meanwhile is lost\n");
    recover_print_promises(recover);
    (void)printf("  what was acknowledged: %s\n", repair_loss_text(repair->loss));
    (void)printf("  from then on\n");
    site_view_print_change(stdout, recover_view(recover), &repair->before, &repair->after);
}

/* ---- Attestation ---- */

/* Who is named and does not report may be on all the same: it reads its journal, has another token
 * or runs another version. Nobody is given up for that. False: it has said who it is. */
static bool recover_look(struct site_desk *desk)
{
    if (site_desk_look(desk, SITE_DESK_ASK_NS) == STATUS_OK && site_desk_all_heard(desk)) {
        return true;
    }
    for (uint32_t at = 0; at < desk->count; at++) {
        if (!desk->heard[at]) {
            (void)options_failed(SITE_DESK_COMMAND, "%s does not report: %s",
                                 desk->configs[at].site, desk->errors[at]);
        }
    }
    (void)options_failed(SITE_DESK_COMMAND,
                         "nothing is changed: a site that is on must report first; leave the "
                         "configuration out of one that is off for good");
    return false;
}

static bool recover_confirm(const struct recover *recover)
{
    char sentence[SITE_RECOVER_TEXT_BYTES];
    char typed[SITE_RECOVER_TEXT_BYTES] = "";
    site_recover_sentence(sentence, recover_view(recover), recover->repair.attested);
    if (recover->options->confirm != NULL) {
        (void)snprintf(typed, sizeof typed, "%s", recover->options->confirm);
    } else {
        (void)printf("To go on, type exactly: %s\n> ", sentence);
        (void)fflush(stdout);
        if (fgets(typed, sizeof typed, recover->options->in) == NULL) {
            typed[0] = '\0';
        }
        typed[strcspn(typed, "\n")] = '\0';
    }
    if (strcmp(typed, sentence) == 0) {
        return true;
    }
    (void)options_failed(SITE_DESK_COMMAND, "not confirmed, nothing is changed; the words were: %s",
                         sentence);
    return false;
}

/* What the operator puts a name to; signed, its hash goes into the journal. */
static void recover_write_text(struct recover *recover)
{
    const struct repair *repair = &recover->repair;
    char names[SITE_RECOVER_TEXT_BYTES];
    char others[SITE_RECOVER_TEXT_BYTES];
    char chain[2 * REPLICA_HASH_BYTES + 1];
    char wall[64];
    time_t now = time(NULL);
    struct tm utc;
    (void)strftime(wall, sizeof wall, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    recover_names(recover_view(recover), names, repair->survivors);
    recover_names(recover_view(recover), others, repair->attested);
    (void)sodium_bin2hex(chain, sizeof chain, repair->kept.chain_hash, REPLICA_HASH_BYTES);
    int bytes =
        snprintf(recover->attestation.text, sizeof recover->attestation.text,
                 ATTESTATION_BEGINS "time: %s\nsurvivors: %s\n"
                                    "off for good: %s\nkept: log index %" PRIu64 ", term %" PRIu64
                                    ", chain %s, of %s\nloss: %s\n",
                 recover_view(recover)->cluster, recover->shard_id, wall, names, others,
                 repair->kept.log_index, repair->kept.term, chain,
                 recover_name(recover, repair->kept_site_id), repair_loss_text(repair->loss));
    ASSERT(bytes > 0);
    ASSERT((size_t)bytes < sizeof recover->attestation.text - 256);
}

static bool recover_sign(struct recover *recover)
{
    char path[CONFIG_PATH_BYTES + 64];
    char error[KEY_STORE_ERROR_BYTES];
    struct segment_signer *signer = NULL;
    (void)snprintf(path, sizeof path, "%s/" SITE_KEY_FILE, recover->desk->configs[0].data);
    const char *key_path = recover->options->key_path;
    if (key_store_read(&signer, key_path != NULL ? key_path : path, error) != STATUS_OK) {
        (void)options_failed(SITE_DESK_COMMAND, "the attestation must be signed: %s", error);
        return false;
    }
    attestation_sign(&recover->attestation, signer);
    key_store_release(signer);
    memcpy(recover->request.attestation_hash, recover->attestation.hash, REPAIR_HASH_BYTES);
    return true;
}

/* Kept before anybody promises: the journal has only its hash. */
static bool recover_keep(const struct recover *recover)
{
    char path[CONFIG_PATH_BYTES + 64];
    (void)snprintf(path, sizeof path, "%s/attestation-%u-%016" PRIx64 ".txt",
                   recover->desk->configs[0].data, recover->shard_id, recover->repair.generation);
    FILE *file = fopen(path, "we");
    bool kept = file != NULL && fputs(recover->attestation.text, file) >= 0 && fflush(file) == 0 &&
                fsync(fileno(file)) == 0;
    kept = file != NULL && fclose(file) == 0 && kept;
    if (!kept) {
        (void)options_failed(SITE_DESK_COMMAND, "cannot write %s", path);
        return false;
    }
    (void)printf("attestation: %s\n", path);
    return true;
}

/* ---- Promise, activation ---- */

/* Of the survivors: who has promised this very repair, or is beyond that; who has activated it. */
static void recover_progress(const struct recover *recover, uint16_t *promised, uint16_t *active)
{
    uint64_t generation = recover->repair.generation;
    *promised = 0;
    *active = 0;
    for (uint32_t at = 0; at < recover->report_count; at++) {
        const struct repair_report *report = &recover->reports[at];
        uint16_t bit = (uint16_t)(1u << (report->site_id - 1));
        bool began = report->generation == generation;
        bool gave = report->promised != NULL && report->promised->generation == generation;
        *active = began ? (uint16_t)(*active | bit) : *active;
        *promised = began || gave ? (uint16_t)(*promised | bit) : *promised;
    }
}

/* Ask those that are still to take this step. False: one refuses, and it has been said. */
static bool recover_ask(struct recover *recover, uint16_t done, const struct admin_change *change)
{
    struct site_desk *desk = recover->desk;
    for (uint32_t at = 0; at < desk->count; at++) {
        uint16_t bit = desk->heard[at] ? (uint16_t)(1u << (desk->views[at].site_id - 1)) : 0;
        if ((bit & recover->repair.survivors & (uint16_t)~done) == 0) {
            continue;
        }
        /* What is being written already, or was asked for in vain, is seen at the next look. */
        if (site_desk_change(desk, at, change, SITE_DESK_ASK_NS, NULL) == STATUS_DENIED &&
            strcmp(desk->error, status_text(STATUS_NOT_YET)) != 0) {
            (void)options_failed(SITE_DESK_COMMAND, "%s refuses: %s. Run it again: it looks anew",
                                 desk->views[at].site, desk->error);
            return false;
        }
    }
    return true;
}

/* Whether those that have activated it commit without the others, none of whom can be asked now. It
 * says who is still to go on. */
static bool recover_goes_on(const struct recover *recover, uint16_t active)
{
    const struct repair *repair = &recover->repair;
    uint16_t missing = repair->survivors & (uint16_t)~active;
    char names[SITE_RECOVER_TEXT_BYTES];
    if ((missing & recover->heard) != 0 || !placement_commits(&repair->after, active)) {
        return false;
    }
    recover_names(recover_view(recover), names, missing);
    (void)printf("%s has promised, does not answer now and is still to go on: run it again when it "
                 "does\n",
                 names);
    return true;
}

static bool recover_drive(struct recover *recover)
{
    const struct repair *repair = &recover->repair;
    char names[SITE_RECOVER_TEXT_BYTES];
    bool said = false;
    while (monotonic_now_ns() < recover->until_ns) {
        uint16_t promised = 0;
        uint16_t active = 0;
        if (site_desk_look(recover->desk, SITE_DESK_ASK_NS) == STATUS_OK) {
            recover_collect(recover);
            recover_progress(recover, &promised, &active);
        }
        if (active != 0) { /* Somebody was told that all have promised. */
            promised = repair->survivors;
        } else if ((recover->heard & repair->attested) != 0) {
            recover_names(recover_view(recover), names, recover->heard & repair->attested);
            (void)options_failed(SITE_DESK_COMMAND, "attested to be off, and answers: %s", names);
            return false;
        }
        struct admin_change change = {.what = ADMIN_CHANGE_PROMISE, .shard_id = recover->shard_id};
        if (active == repair->survivors || recover_goes_on(recover, active)) {
            return true;
        }
        if (promised == repair->survivors) {
            change.what = ADMIN_CHANGE_ACTIVATE;
            change.activate.generation = repair->generation;
            change.activate.promised = promised;
            (void)printf("%s", said ? "" : "all survivors have promised\n");
            said = true;
        } else {
            change.repair = *repair;
        }
        (void)fflush(stdout);
        if (!recover_ask(recover, promised == repair->survivors ? active : promised, &change)) {
            return false;
        }
        (void)poll(NULL, 0, SITE_DESK_PAUSE_MS);
    }
    (void)options_failed(SITE_DESK_COMMAND,
                         "not done in time: run it again, it goes on where it stands");
    return false;
}

/* ---- One shard ---- */

/* False: nothing can be or need be done, which has been said; `*failed` says whether it is bad. */
static bool recover_decide(struct recover *recover, bool *failed)
{
    uint8_t site_id = 0;
    enum repair_refusal refusal = repair_decide(&recover->request, &recover->repair, &site_id);
    *failed = false;
    recover->begun = false;
    if (refusal == REPAIR_REFUSED_UNFINISHED) {
        for (uint32_t at = 0; at < recover->report_count; at++) {
            if (recover->reports[at].site_id == site_id) {
                recover->repair = *recover->reports[at].promised;
            }
        }
        recover->begun = true;
        return true;
    }
    if (refusal == REPAIR_REFUSED_QUORUM) {
        (void)printf("shard %u: %s\n", recover->shard_id, repair_refusal_text(refusal));
        return false;
    }
    if (refusal != REPAIR_ACCEPTED) {
        *failed = true;
        (void)options_failed(SITE_DESK_COMMAND, "shard %u: %s%s%s", recover->shard_id,
                             repair_refusal_text(refusal), site_id == 0 ? "" : ": ",
                             site_id == 0 ? "" : recover_name(recover, site_id));
        return false;
    }
    for (uint32_t at = 0; at < recover->report_count; at++) {
        const struct repair *promised = recover->reports[at].promised;
        recover->begun = recover->begun ||
                         (promised != NULL && promised->generation == recover->repair.generation);
    }
    return true;
}

/* Time has passed while the operator read and typed. What was confirmed must be what there still
 * is: the generation has a fingerprint of all of it. */
static bool recover_still(struct recover *recover)
{
    uint64_t generation = recover->repair.generation;
    bool failed = false;
    if (!recover_look(recover->desk)) {
        return false;
    }
    recover_collect(recover);
    if (recover_decide(recover, &failed) && !recover->begun &&
        recover->repair.generation == generation) {
        return true;
    }
    (void)options_failed(SITE_DESK_COMMAND,
                         "shard %u is no longer as it was said and confirmed, nothing is "
                         "changed: run it again",
                         recover->shard_id);
    return false;
}

static bool recover_shard(struct recover *recover)
{
    bool failed = false;
    recover_collect(recover);
    if (!recover_decide(recover, &failed)) {
        return !failed;
    }
    recover_print(recover);
    if (recover->options->dry_run) {
        return true;
    }
    if (recover->begun) {
        (void)printf("  this repair has been begun before, and is carried through\n");
    } else {
        if (!recover_confirm(recover) || !recover_still(recover)) {
            return false;
        }
        recover_write_text(recover);
        if (!recover_sign(recover) || !recover_decide(recover, &failed) || !recover_keep(recover)) {
            return false;
        }
    }
    if (!recover_drive(recover)) {
        return false;
    }
    (void)printf("shard %u is repaired, in generation %016" PRIx64
                 ". Whoever comes back from the dead is refused.\n",
                 recover->shard_id, recover->repair.generation);
    return true;
}

int site_recover_run(struct site_desk *desk, const struct site_recover_options *options)
{
    ASSERT(desk->count > 0);
    if (sodium_init() < 0) {
        return options_failed(SITE_DESK_COMMAND, "no source of randomness");
    }
    if (!recover_look(desk)) {
        return OPTIONS_EXIT_FAILED;
    }
    struct recover *recover = calloc(1, sizeof *recover);
    if (recover == NULL) {
        return options_failed(SITE_DESK_COMMAND, "no memory");
    }
    uint32_t shard_count = desk->views[site_desk_any(desk)].shard_count;
    if (options->only_shard > shard_count) {
        free(recover);
        return options_failed(SITE_DESK_COMMAND, "there is no shard %" PRIu64, options->only_shard);
    }
    bool good = true;
    for (uint16_t shard_id = 1; shard_id <= shard_count && good; shard_id++) {
        if (options->only_shard == 0 || options->only_shard == shard_id) {
            memset(recover, 0, sizeof *recover);
            recover->desk = desk;
            recover->options = options;
            recover->shard_id = shard_id;
            recover->until_ns = monotonic_now_ns() + options->patience_ns;
            good = recover_shard(recover);
        }
    }
    free(recover);
    return good ? OPTIONS_EXIT_DONE : OPTIONS_EXIT_FAILED;
}
