#include "tools/drill_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/human.h"

static const char *drill_mark(bool holds)
{
    return holds ? "yes" : "NO ";
}

static uint64_t drill_elapsed_ns(const struct drill *drill)
{
    return drill->end_ns > drill->start_ns ? drill->end_ns - drill->start_ns : 1;
}

static double drill_rate(const struct drill *drill, uint64_t count)
{
    return (double)count * 1e9 / (double)drill_elapsed_ns(drill);
}

static void drill_report_flow(const struct drill *drill)
{
    struct trader_counts counts = trader_counts(drill->trader);
    const struct histogram *latency = trader_order_latency(drill->trader);
    (void)printf("\nFlow        %s commands of %" PRIu64 " sessions in %s: %s orders acknowledged, "
                 "%s executions, %s rejected, %s canceled\n",
                 human_number(counts.commands).text, drill->options.sessions,
                 human_duration(drill_elapsed_ns(drill)).text,
                 human_number(counts.acknowledged).text, human_number(counts.executions).text,
                 human_number(counts.rejected).text, human_number(counts.canceled).text);
    (void)printf("Rate        %s commands/s, the outages included\n",
                 human_count((uint64_t)drill_rate(drill, counts.commands)).text);
    (void)printf("Latency     order due to acknowledged, the outages included: p50 %s, p99 %s, "
                 "p99.9 %s, max %s\n",
                 human_duration(histogram_percentile(latency, 500000)).text,
                 human_duration(histogram_percentile(latency, 990000)).text,
                 human_duration(histogram_percentile(latency, 999000)).text,
                 human_duration(latency->max_ns).text);
    if (drill->kills > 0) {
        (void)printf("Kills       %u by SIGKILL; to the next acknowledgement: p50 %s, p99 %s, max "
                     "%s\n",
                     drill->kills,
                     human_duration(histogram_percentile(&drill->recovery, 500000)).text,
                     human_duration(histogram_percentile(&drill->recovery, 990000)).text,
                     human_duration(drill->recovery.max_ns).text);
    }
}

static uint64_t drill_count(const struct ledger_counts *counts,
                            const enum ledger_violation *violations, uint32_t count)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += counts->violations[violations[i]];
    }
    return sum;
}

/* One line each: what was asked, whether it holds, of how much. */
static void drill_report_proof(const struct drill *drill, const struct drill_proof *proof)
{
    static const enum ledger_violation lost[] = {LEDGER_NOT_IN_JOURNAL, LEDGER_JOURNAL_DIFFERS,
                                                 LEDGER_IN_DOUBT};
    static const enum ledger_violation twice[] = {LEDGER_ANSWERED_TWICE,     LEDGER_TOO_MUCH,
                                                  LEDGER_MATCH_TWICE,        LEDGER_MATCH_ONE_SIDED,
                                                  LEDGER_MATCH_SIDES_DIFFER, LEDGER_MATCH_MISSING,
                                                  LEDGER_MATCH_IMPOSSIBLE,   LEDGER_UNKNOWN_ORDER};
    struct ledger_counts counts = ledger_counts(drill->ledger);
    struct trader_counts traded = trader_counts(drill->trader);
    uint64_t lost_count = drill_count(&counts, lost, sizeof lost / sizeof lost[0]);
    uint64_t twice_count = drill_count(&counts, twice, sizeof twice / sizeof twice[0]);
    bool streams = proof->wrong_messages == 0 && traded.wrong_bytes == 0 &&
                   traded.wrong_starts == 0 && counts.violations[LEDGER_STREAM_GAP] == 0;
    bool same = strcmp(proof->hash_before, proof->hash_after) == 0 &&
                proof->commands_before == proof->commands_after;
    (void)printf("\nProved from the outside\n");
    (void)printf("  %s  nothing acknowledged was lost: %s orders acknowledged or rejected, all in "
                 "the journal\n",
                 drill_mark(lost_count == 0),
                 human_number(counts.accepted + counts.replaced + counts.rejected).text);
    (void)printf(
        "  %s  nothing was executed twice: %s executions, each with two sides, none beyond "
        "its order\n",
        drill_mark(twice_count == 0), human_number(counts.executions).text);
    (void)printf("  %s  every session went on at its next number: %s messages read again from "
                 "number 1, same bytes\n",
                 drill_mark(streams), human_number(proof->messages).text);
    (void)printf(
        "  %s  the journal proves itself: %s segments, %s commands, with public keys alone\n",
        drill_mark(proof->journal_segments > 0), human_number(proof->journal_segments).text,
        human_number(proof->journal_commands).text);
    (void)printf("  %s  rebuilt from the journal, the market is the same: event hash %s after %s "
                 "commands\n",
                 drill_mark(same), proof->hash_after, human_number(proof->commands_after).text);
    (void)printf("  %s  stopped in good order\n", drill_mark(proof->stopped_well));
}

static void drill_report_findings(const struct drill *drill)
{
    const struct ledger_finding *findings = NULL;
    uint32_t count = ledger_findings(drill->ledger, &findings);
    for (uint32_t i = 0; i < count; i++) {
        (void)printf("  found: session %u, channel %u, reference %u, message %" PRIu64
                     ", match %" PRIu64 ": %s\n",
                     findings[i].session, findings[i].channel, findings[i].user_reference,
                     findings[i].sequence, findings[i].match_number,
                     ledger_violation_text(findings[i].violation));
    }
}

static json_t *drill_json(const struct drill *drill, const struct drill_proof *proof)
{
    struct trader_counts counts = trader_counts(drill->trader);
    struct ledger_counts ledger = ledger_counts(drill->ledger);
    const struct histogram *latency = trader_order_latency(drill->trader);
    json_t *report =
        json_pack("{s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "passed",
                  drill_proof_holds(drill, proof), "seed", (json_int_t)drill->options.seed,
                  "sessions", (json_int_t)drill->options.sessions, "elapsed_ns",
                  (json_int_t)drill_elapsed_ns(drill), "commands", (json_int_t)counts.commands,
                  "orders_acknowledged", (json_int_t)counts.acknowledged, "orders_rejected",
                  (json_int_t)counts.rejected, "executions", (json_int_t)counts.executions, "kills",
                  (json_int_t)drill->kills, "violations", (json_int_t)proof->violations,
                  "orders_in_journal", (json_int_t)ledger.in_journal, "reconnects",
                  (json_int_t)counts.disconnects);
    json_t *times =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "latency_p50_ns",
                  (json_int_t)histogram_percentile(latency, 500000), "latency_p99_ns",
                  (json_int_t)histogram_percentile(latency, 990000), "latency_max_ns",
                  (json_int_t)latency->max_ns, "recovery_p50_ns",
                  (json_int_t)histogram_percentile(&drill->recovery, 500000), "recovery_p99_ns",
                  (json_int_t)histogram_percentile(&drill->recovery, 990000), "recovery_max_ns",
                  (json_int_t)drill->recovery.max_ns);
    json_t *proved =
        json_pack("{s:I,s:I,s:I,s:I,s:s,s:s,s:b}", "messages_read_again",
                  (json_int_t)proof->messages, "messages_wrong", (json_int_t)proof->wrong_messages,
                  "journal_segments", (json_int_t)proof->journal_segments, "journal_commands",
                  (json_int_t)proof->journal_commands, "event_hash_before", proof->hash_before,
                  "event_hash_after", proof->hash_after, "stopped_well", proof->stopped_well);
    (void)json_object_update_new(report, times);
    (void)json_object_update_new(report, proved);
    if (drill->day_loaded) {
        const struct replay_result *fills = &proof->day.fills;
        (void)json_object_update_new(report, json_pack("{s:I,s:I,s:I}", "recorded_executions",
                                                       (json_int_t)fills->recorded, "reproduced",
                                                       (json_int_t)fills->reproduced, "unexpected",
                                                       (json_int_t)fills->unexpected));
    }
    return report;
}

static void drill_report_picture(const struct drill *drill)
{
    char path[DRILL_PLACE_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/timeline.png", drill->place.directory);
    enum status status = timeline_picture(drill->timeline, path, "One site, killed and restarted");
    if (status == STATUS_OK) {
        (void)printf("Picture     %s\n", path);
    } else {
        (void)printf("Picture     none: gnuplot %s\n",
                     status == STATUS_NOT_FOUND ? "is not installed (gnuplot-nox)" : "failed");
    }
}

enum status drill_report(struct drill *drill, const struct drill_proof *proof)
{
    char path[DRILL_PLACE_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/report.json", drill->place.directory);
    json_t *report = drill_json(drill, proof);
    ASSERT(report != NULL);
    int failed = json_dump_file(report, path, JSON_INDENT(2));
    if (drill->options.json) {
        (void)json_dumpf(report, stdout, JSON_INDENT(2));
        (void)printf("\n");
    } else {
        drill_report_flow(drill);
        if (drill->day_loaded) {
            replay_day_print(&drill->day, &proof->day, stdout);
        }
        drill_report_proof(drill, proof);
        drill_report_findings(drill);
        (void)printf("\nReport      %s\n", path);
        drill_report_picture(drill);
        (void)printf("Verdict     %s (seed %" PRIu64 ")\n",
                     drill_proof_holds(drill, proof) ? "PASSED" : "FAILED", drill->options.seed);
    }
    json_decref(report);
    return failed == 0 ? STATUS_OK : STATUS_IO;
}
