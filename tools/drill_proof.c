#include "tools/drill_proof.h"

#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/journal_walk.h"

#define DRILL_PROOF_STOP_MS     20000u
#define DRILL_PROOF_PATIENCE_NS UINT64_C(60000000000)
#define DRILL_PROOF_STEP_NS     UINT64_C(20000000)

/* What the site's log said last of an event of its market. */
static enum drill_end drill_logged(struct drill *drill, const char *event,
                                   char hash[static DRILL_HASH_BYTES], uint64_t *commands)
{
    struct drill_log_market market;
    if (drill_log_market(drill->site.log, event, 1, &market) != STATUS_OK) {
        (void)snprintf(drill->error, sizeof drill->error, "%s tells nothing of event=%s",
                       drill->site.log, event);
        return DRILL_FAILED;
    }
    memcpy(hash, market.event_hash, DRILL_HASH_BYTES);
    *commands = market.commands;
    return DRILL_DONE;
}

/* Stop in good order, start again, compare what was rebuilt with what was there. */
static enum drill_end drill_start_again(struct drill *drill, struct drill_proof *proof)
{
    proof->stopped_well = site_child_stop(&drill->child, DRILL_PROOF_STOP_MS) == 0;
    enum drill_end end =
        drill_logged(drill, "executed", proof->hash_before, &proof->commands_before);
    if (end == DRILL_DONE) {
        end = drill_run_restart(drill);
    }
    return end == DRILL_DONE
               ? drill_logged(drill, "recovered", proof->hash_after, &proof->commands_after)
               : end;
}

/* Whether everything that the session ever received has been received again. */
static bool drill_read_whole(const struct drill *drill, uint32_t session)
{
    const struct ouch_session *view = ouch_client_session(drill->client, session);
    return view->state == OUCH_SESSION_ACTIVE && view->sequence_next > view->record.count;
}

/* Connect again, from message 1. */
static void drill_read_again(struct drill *drill, uint32_t session, bool *reading)
{
    if (!*reading && ouch_client_session(drill->client, session)->state == OUCH_SESSION_IDLE) {
        *reading = ouch_client_connect(drill->client, session, 1) == STATUS_OK;
    }
}

/* Read every stream from message 1: same bytes under the same numbers as before, none missing. */
static enum drill_end drill_read_streams(struct drill *drill, struct drill_proof *proof)
{
    struct ouch_session_event *events = drill->events;
    bool *reading = drill->reading;
    uint32_t count = ouch_client_session_count(drill->client);
    ASSERT(count <= DRILL_SESSIONS_MAX);
    uint64_t limit_ns = ouch_client_now_ns(drill->client) + DRILL_PROOF_PATIENCE_NS;
    uint32_t whole = 0;
    while (whole < count) {
        whole = 0;
        for (uint32_t i = 0; i < count; i++) {
            drill_read_again(drill, i, &reading[i]);
            whole += reading[i] && drill_read_whole(drill, i) ? 1 : 0;
        }
        uint32_t taken = ouch_client_poll(drill->client, events, DRILL_EVENTS_MAX,
                                          ouch_client_now_ns(drill->client) + DRILL_PROOF_STEP_NS);
        for (uint32_t i = 0; i < taken; i++) {
            if (events[i].kind != OUCH_SESSION_MESSAGE) {
                continue;
            }
            proof->messages++;
            proof->wrong_messages += !events[i].repeated || events[i].record != STATUS_OK ||
                                     events[i].status != STATUS_OK;
            limit_ns = ouch_client_now_ns(drill->client) + DRILL_PROOF_PATIENCE_NS;
        }
        if (ouch_client_now_ns(drill->client) > limit_ns) {
            (void)snprintf(drill->error, sizeof drill->error,
                           "%u of %u streams cannot be read to their ends again", count - whole,
                           count);
            return DRILL_FAILED;
        }
    }
    proof->streams = count;
    return DRILL_DONE;
}

/* Session ids count from 1 in the order of the market file, as the client's indexes do from 0. */
static void drill_journal_command(void *context, const struct journal_walk_command *found)
{
    struct drill *drill = context;
    uint32_t session_id = found->command->session_id;
    if (session_id >= 1 && session_id <= drill->options.sessions) {
        ledger_journal(drill->ledger, session_id - 1, found->command);
    }
}

static enum drill_end drill_read_journal(struct drill *drill, struct drill_proof *proof)
{
    struct journal_walk_options options = {.config_path = drill->site.config,
                                           .context = drill,
                                           .command = drill_journal_command};
    struct journal_walk_result result;
    if (journal_walk(&options, &result, drill->error) != STATUS_OK) {
        return DRILL_FAILED;
    }
    proof->journal_segments = result.segments;
    proof->journal_commands = result.commands;
    return DRILL_DONE;
}

enum drill_end drill_proof_take(struct drill *drill, struct drill_proof *proof)
{
    memset(proof, 0, sizeof *proof);
    enum drill_end end = drill_start_again(drill, proof);
    if (end == DRILL_DONE) {
        end = drill_read_streams(drill, proof);
    }
    if (end == DRILL_DONE) {
        proof->stopped_well =
            site_child_stop(&drill->child, DRILL_PROOF_STOP_MS) == 0 && proof->stopped_well;
        end = drill_read_journal(drill, proof);
    }
    if (end != DRILL_DONE) {
        return end;
    }
    proof->violations = ledger_close(drill->ledger, true);
    proof->day_reproduced = true;
    if (drill->day_loaded) {
        if (replay_day_compare(&drill->day, drill->compare, &proof->day) != STATUS_OK) {
            (void)snprintf(drill->error, sizeof drill->error, "no memory to compare the day");
            return DRILL_FAILED;
        }
        proof->day_reproduced = replay_day_reproduced(&drill->day, &proof->day);
    }
    return DRILL_DONE;
}

bool drill_proof_holds(const struct drill *drill, const struct drill_proof *proof)
{
    struct trader_counts counts = trader_counts(drill->trader);
    return proof->stopped_well && proof->violations == 0 && proof->wrong_messages == 0 &&
           proof->messages > 0 && counts.acknowledged > 0 && counts.wrong_bytes == 0 &&
           counts.wrong_starts == 0 && counts.not_ouch == 0 &&
           strcmp(proof->hash_before, proof->hash_after) == 0 &&
           proof->commands_before == proof->commands_after &&
           (proof->day_reproduced || drill->options.no_rule_5);
}
