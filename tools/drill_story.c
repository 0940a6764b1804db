#include "tools/drill_story.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/drill_page.h"
#include "tools/human.h"

#define DRILL_STORY_PATH_BYTES (DRILL_PLACE_PATH_BYTES + 64u)
#define DRILL_STORY_SHARDS     4u  /* Beyond, they are told together. */
#define DRILL_STORY_MOMENTS    40u /* Of the timeline, on the terminal. */

/* Percentiles of recoveries that are told, in millionths. */
static const uint32_t drill_story_shares[] = {100000, 500000, 900000, 990000};

static const char *drill_story_yes(bool holds)
{
    return holds ? "yes" : "NO ";
}

static struct trader_counts drill_story_sum(const struct drill_play *play)
{
    struct trader_counts sum = {.commands = 0};
    for (uint32_t i = 0; i < play->options.scenario->shard_count; i++) {
        const struct trader_counts *counts = &play->views[i].counts;
        sum.commands += counts->commands;
        sum.acknowledged += counts->acknowledged;
        sum.executions += counts->executions;
        sum.rejected += counts->rejected;
        sum.refused += counts->refused;
        sum.disconnects += counts->disconnects;
        sum.moves += counts->moves;
        sum.wrong_bytes += counts->wrong_bytes + counts->wrong_starts + counts->not_ouch;
    }
    return sum;
}

/* How long shards whose leader was taken away went without acknowledgements. */
static void drill_story_losses(const struct drill_play *play)
{
    const struct histogram *recovery = &play->losses.recovery;
    if (play->losses.count == 0) {
        return;
    }
    (void)printf("\nLosses      %" PRIu64
                 " leaders of shards lost to a site killed, frozen, cut off "
                 "or full; from there to the next acknowledgement:\n           ",
                 play->losses.count);
    for (size_t i = 0; i < sizeof drill_story_shares / sizeof drill_story_shares[0]; i++) {
        (void)printf(" p%g %s,", (double)drill_story_shares[i] / (HISTOGRAM_MILLION / 100.0),
                     human_duration(histogram_percentile(recovery, drill_story_shares[i])).text);
    }
    (void)printf(" max %s\n", human_duration(recovery->max_ns).text);
}

/* What one entry of the timeline cost the shards, for people. */
static void drill_story_moment(const struct drill_play *play, uint32_t index)
{
    const struct scenario *scenario = play->options.scenario;
    const struct drill_moment *moment = &play->moments[index];
    (void)printf("  %2u %6.1f s  %s", index + 1, (double)(moment->at_ns - play->start_ns) / 1e9,
                 scenario->faults[index].say);
    const char *between = ": ";
    if (scenario->shard_count > DRILL_STORY_SHARDS) {
        uint64_t longest_ns = 0;
        for (uint32_t shard = 0; shard < scenario->shard_count; shard++) {
            uint64_t recovery_ns = moment->recovery_ns[shard];
            longest_ns = recovery_ns > longest_ns ? recovery_ns : longest_ns;
        }
        if (longest_ns > 0) {
            (void)printf(": all again after %s", human_duration(longest_ns).text);
        }
        if (moment->lost > 0) {
            (void)printf(", %u leaders lost", moment->lost);
        }
        (void)printf("\n");
        return;
    }
    for (uint32_t shard = 0; shard < scenario->shard_count; shard++) {
        const struct drill_leaders_course *course = &moment->courses[shard];
        if (moment->recovery_ns[shard] > 0) {
            (void)printf("%s%s again after %s", between, scenario->shards[shard].name,
                         human_duration(moment->recovery_ns[shard]).text);
            between = ", ";
        }
        if (moment->recovery_ns[shard] > 0 && course->elected_ns > 0) {
            (void)printf(" (detected %s, elected %s)", human_duration(course->detected_ns).text,
                         human_duration(course->elected_ns).text);
        }
    }
    (void)printf("\n");
}

static void drill_story_flow(const struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    struct trader_counts sum = drill_story_sum(play);
    uint64_t elapsed_ns = play->end_ns - play->start_ns;
    (void)printf("\n%s\n", scenario->title);
    (void)printf("Network     %s\n", play->fleet.wan != NULL
                                         ? "every site in a namespace of its own, emulated lines"
                                         : "plain loopback");
    if (play->fleet.faults_left_out > 0) {
        (void)printf("Left out    %u of the faults, not possible here: %s\n",
                     play->fleet.faults_left_out, play->fleet.left_out_reason);
    }
    (void)printf("Flow        %s commands of %u sessions in %s: %s orders acknowledged, %s "
                 "executions, %s rejected, %s refused without a quorum\n",
                 human_number(sum.commands).text, scenario->sessions,
                 human_duration(elapsed_ns).text, human_number(sum.acknowledged).text,
                 human_number(sum.executions).text, human_number(sum.rejected).text,
                 human_number(sum.refused).text);
    (void)printf("Sessions    %s connections ended, %s left because nobody answered\n",
                 human_number(sum.disconnects).text, human_number(sum.moves).text);
    for (uint32_t i = 0; i < scenario->shard_count; i++) {
        const struct histogram *latency = drill_desk_latency(play->desks[i]);
        (void)printf(
            "Latency %-3s order due to acknowledged, the outages included: p50 %s, p99 %s, "
            "max %s\n",
            scenario->shards[i].name,
            human_duration(histogram_percentile(latency, HISTOGRAM_MILLION / 2)).text,
            human_duration(histogram_percentile(latency, HISTOGRAM_MILLION / 100 * 99)).text,
            human_duration(latency->max_ns).text);
    }
    (void)printf("\nWhat happened\n");
    for (uint32_t i = 0; i < play->moment_count && i < DRILL_STORY_MOMENTS; i++) {
        drill_story_moment(play, i);
    }
    if (play->moment_count > DRILL_STORY_MOMENTS) {
        (void)printf("  ... and %u more, in the report\n",
                     play->moment_count - DRILL_STORY_MOMENTS);
    }
    drill_story_losses(play);
}

static void drill_story_proof(const struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    const struct drill_check *check = &play->check;
    uint64_t missing = 0;
    bool walked = true;
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        missing += check->sites[i].missing;
        walked = walked && check->sites[i].walked;
    }
    bool streams =
        check->messages > 0 && check->messages_wrong == 0 && drill_story_sum(play).wrong_bytes == 0;
    (void)printf("\nProved from the outside\n");
    (void)printf("  %s  nothing acknowledged was lost: %s orders, in every surviving journal\n",
                 drill_story_yes(missing == 0), human_number(check->orders_in_journal).text);
    uint64_t wrong = check->violations - missing - check->deadlines_wrong;
    (void)printf("  %s  nothing was executed twice, nothing is in doubt: %s violations\n",
                 drill_story_yes(wrong == 0), human_number(wrong).text);
    (void)printf(
        "  %s  nothing was sequenced past its deadline: %s orders had one, %s were rejected "
        "for it\n",
        drill_story_yes(check->deadlines_wrong == 0 && check->deadlines > 0),
        human_number(check->deadlines).text, human_number(check->too_late).text);
    (void)printf("  %s  every session's stream has the same bytes at every site: %s messages read "
                 "again\n",
                 drill_story_yes(streams), human_number(check->messages).text);
    (void)printf("  %s  every journal proves itself, with public keys alone\n",
                 drill_story_yes(walked));
    if (play->fleet.refused[0] != '\0') {
        (void)printf("  yes  the placement was refused without the override: %s\n",
                     play->fleet.refused);
    }
    if (check->survivors > 1) {
        (void)printf("  %s  the journals are one: %s segments compared by chain hash",
                     drill_story_yes(check->segments_differ == 0 && check->segments_compared > 0),
                     human_number(check->segments_compared).text);
        if (check->segments_given_up > 0) {
            (void)printf(", %s at the end of dead ones were given up",
                         human_number(check->segments_given_up).text);
        }
        (void)putchar('\n');
        (void)printf("  %s  all computed the same: %s event hashes compared at equal places of the "
                     "logs\n",
                     drill_story_yes(drill_check_hashes_hold(check, play->options.scenario)),
                     human_number(check->hashes_compared).text);
    }
    if (scenario->recovery_ns > 0) {
        (void)printf("  %s  recovered within %s: longest %s\n",
                     drill_story_yes(play->recovery_ns <= scenario->recovery_ns),
                     human_duration(scenario->recovery_ns).text,
                     human_duration(play->recovery_ns).text);
    }
    if (scenario->moves_given && play->leaders_told) {
        (void)printf("  %s  those shards moved that had to, and no others\n",
                     drill_story_yes(drill_play_moved_as_expected(play)));
    }
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        if (!check->sites[i].walked) {
            (void)printf("  found: %s: %s\n", scenario->sites[i].name, check->sites[i].error);
        } else if (check->sites[i].surviving && !check->sites[i].stopped_well) {
            (void)printf("  found: %s did not stop in good order\n", scenario->sites[i].name);
        }
    }
}

static void drill_story_findings(const struct drill_play *play)
{
    for (uint32_t shard = 0; shard < play->options.scenario->shard_count; shard++) {
        const struct ledger_finding *findings = NULL;
        uint32_t count = ledger_findings(drill_desk_ledger(play->desks[shard]), &findings);
        for (uint32_t i = 0; i < count; i++) {
            (void)printf("  found: shard %s, session %u, channel %u, reference %u, message %" PRIu64
                         ", match %" PRIu64 ": %s\n",
                         play->options.scenario->shards[shard].name, findings[i].session,
                         findings[i].channel, findings[i].user_reference, findings[i].sequence,
                         findings[i].match_number, ledger_violation_text(findings[i].violation));
        }
    }
}

static json_t *drill_story_losses_json(const struct drill_play *play)
{
    const struct histogram *recovery = &play->losses.recovery;
    json_t *object = json_object();
    (void)json_object_set_new(object, "count", json_integer((json_int_t)play->losses.count));
    for (size_t i = 0; i < sizeof drill_story_shares / sizeof drill_story_shares[0]; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "recovery_p%u_ns",
                       drill_story_shares[i] / (HISTOGRAM_MILLION / 100));
        (void)json_object_set_new(
            object, name,
            json_integer((json_int_t)histogram_percentile(recovery, drill_story_shares[i])));
    }
    (void)json_object_set_new(object, "recovery_max_ns",
                              json_integer((json_int_t)recovery->max_ns));
    return object;
}

static json_t *drill_story_sites(const struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    json_t *list = json_array();
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        const struct drill_check_site *site = &play->check.sites[i];
        json_t *one =
            json_pack("{s:s,s:s,s:b,s:b,s:b,s:I,s:I,s:I,s:I}", "name", scenario->sites[i].name,
                      "provider", scenario->sites[i].provider, "surviving", site->surviving,
                      "stopped_well", site->stopped_well, "journal_proved", site->walked,
                      "segments", (json_int_t)site->segments, "commands",
                      (json_int_t)site->commands, "bytes", (json_int_t)site->bytes,
                      "acknowledged_missing", (json_int_t)site->missing);
        json_t *markets = json_array();
        for (uint32_t shard = 0; shard < scenario->shard_count; shard++) {
            (void)json_array_append_new(
                markets,
                json_pack("{s:s,s:I,s:s}", "shard", scenario->shards[shard].name, "commands",
                          (json_int_t)play->check.hashes.sites[i][shard].commands, "event_hash",
                          play->check.hashes.sites[i][shard].event_hash));
        }
        (void)json_object_set_new(one, "executed", markets);
        (void)json_array_append_new(list, one);
    }
    return list;
}

static json_t *drill_story_moments(const struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    json_t *list = json_array();
    for (uint32_t i = 0; i < play->moment_count; i++) {
        const struct drill_moment *moment = &play->moments[i];
        json_t *recovery = json_object();
        for (uint32_t shard = 0; shard < scenario->shard_count; shard++) {
            (void)json_object_set_new(
                recovery, scenario->shards[shard].name,
                json_pack("{s:I,s:I,s:I}", "acknowledged_ns",
                          (json_int_t)moment->recovery_ns[shard], "detected_ns",
                          (json_int_t)moment->courses[shard].detected_ns, "elected_ns",
                          (json_int_t)moment->courses[shard].elected_ns));
        }
        (void)json_array_append_new(list,
                                    json_pack("{s:I,s:s,s:s,s:I,s:o}", "at_ns",
                                              (json_int_t)(moment->at_ns - play->start_ns), "does",
                                              scenario_fault_text(scenario->faults[i].kind), "says",
                                              scenario->faults[i].say, "leaders_lost",
                                              (json_int_t)moment->lost, "recovery", recovery));
    }
    return list;
}

static json_t *drill_story_shards(const struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    json_t *list = json_array();
    for (uint32_t i = 0; i < scenario->shard_count; i++) {
        const struct trader_counts *counts = &play->views[i].counts;
        const struct histogram *latency = drill_desk_latency(play->desks[i]);
        (void)json_array_append_new(
            list, json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "name", scenario->shards[i].name,
                            "commands", (json_int_t)counts->commands, "orders_acknowledged",
                            (json_int_t)counts->acknowledged, "executions",
                            (json_int_t)counts->executions, "refused", (json_int_t)counts->refused,
                            "latency_p50_ns",
                            (json_int_t)histogram_percentile(latency, HISTOGRAM_MILLION / 2),
                            "latency_p99_ns",
                            (json_int_t)histogram_percentile(latency, HISTOGRAM_MILLION / 100 * 99),
                            "latency_max_ns", (json_int_t)latency->max_ns));
    }
    return list;
}

static json_t *drill_story_json(const struct drill_play *play)
{
    const struct drill_check *check = &play->check;
    struct trader_counts sum = drill_story_sum(play);
    json_t *report =
        json_pack("{s:b,s:s,s:s,s:I,s:b,s:I,s:I,s:I,s:I,s:I}", "passed", drill_play_passed(play),
                  "scenario", play->options.scenario->name, "title", play->options.scenario->title,
                  "seed", (json_int_t)play->options.seed, "emulated_network",
                  play->fleet.wan != NULL, "faults_left_out",
                  (json_int_t)play->fleet.faults_left_out, "elapsed_ns",
                  (json_int_t)(play->end_ns - play->start_ns), "orders_acknowledged",
                  (json_int_t)sum.acknowledged, "recovery_max_ns", (json_int_t)play->recovery_ns,
                  "violations", (json_int_t)check->violations);
    json_t *proved =
        json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "segments_given_up",
                  (json_int_t)check->segments_given_up, "orders_with_deadline",
                  (json_int_t)check->deadlines, "orders_too_late", (json_int_t)check->too_late,
                  "orders_in_journals", (json_int_t)check->orders_in_journal, "messages_read_again",
                  (json_int_t)check->messages, "messages_wrong", (json_int_t)check->messages_wrong,
                  "segments_compared", (json_int_t)check->segments_compared, "segments_differ",
                  (json_int_t)check->segments_differ, "hashes_compared",
                  (json_int_t)check->hashes_compared, "hashes_differ",
                  (json_int_t)check->hashes_differ);
    ASSERT(report != NULL && proved != NULL);
    (void)json_object_update_new(report, proved);
    if (play->fleet.refused[0] != '\0') {
        (void)json_object_set_new(report, "refused", json_string(play->fleet.refused));
    }
    (void)json_object_set_new(report, "leader_losses", drill_story_losses_json(play));
    (void)json_object_set_new(report, "timeline", drill_story_moments(play));
    (void)json_object_set_new(report, "shards", drill_story_shards(play));
    (void)json_object_set_new(report, "sites", drill_story_sites(play));
    return report;
}

/* One picture a shard, what happened marked with the numbers of the report. */
static bool drill_story_picture(const struct drill_play *play, uint32_t shard, const char *path)
{
    const struct scenario *scenario = play->options.scenario;
    struct timeline *timeline = drill_desk_timeline(play->desks[shard]);
    char title[SCENARIO_TITLE_BYTES + CONFIG_NAME_BYTES + 16];
    for (uint32_t i = 0; i < play->moment_count; i++) {
        const struct drill_moment *moment = &play->moments[i];
        bool harm = drill_moments_harm(&scenario->faults[i]);
        timeline_mark_numbered(timeline, harm ? TIMELINE_HARM : TIMELINE_CHANGE, moment->at_ns,
                               i + 1);
        const struct drill_leaders_course *course = &moment->courses[shard];
        if (course->detected_ns > 0) {
            timeline_mark(timeline, TIMELINE_DETECTED, moment->at_ns + course->detected_ns);
        }
        if (course->elected_ns > 0) {
            timeline_mark(timeline, TIMELINE_ELECTED, moment->at_ns + course->elected_ns);
        }
        if (moment->recovery_ns[shard] > 0) {
            timeline_mark(timeline, TIMELINE_SERVES, moment->at_ns + moment->recovery_ns[shard]);
        }
    }
    (void)snprintf(title, sizeof title, "Shard %s: %s", scenario->shards[shard].name,
                   scenario->title);
    enum status status = timeline_picture(timeline, path, title);
    if (status != STATUS_OK) {
        (void)fprintf(stderr, "drill: no picture: gnuplot %s\n",
                      status == STATUS_NOT_FOUND ? "is not installed (gnuplot-nox)" : "failed");
    }
    return status == STATUS_OK;
}

enum status drill_story(struct drill_play *play, bool json)
{
    const char *directory = play->fleet.place.directory;
    char paths[SHARDS_MAX][DRILL_STORY_PATH_BYTES];
    const char *pictures[SHARDS_MAX] = {NULL};
    char path[DRILL_STORY_PATH_BYTES];
    for (uint32_t i = 0; i < play->options.scenario->shard_count; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/timeline-%s.png", directory,
                       play->options.scenario->shards[i].name);
        pictures[i] = drill_story_picture(play, i, paths[i]) ? paths[i] : NULL;
    }
    (void)snprintf(path, sizeof path, "%s/report.json", directory);
    json_t *report = drill_story_json(play);
    int failed = json_dump_file(report, path, JSON_INDENT(2));
    if (json) {
        (void)json_dumpf(report, stdout, JSON_INDENT(2));
        (void)printf("\n");
    }
    json_decref(report);
    (void)snprintf(path, sizeof path, "%s/report.html", directory);
    enum status status = drill_page(play, path, pictures);
    if (!json) {
        drill_story_flow(play);
        drill_story_proof(play);
        drill_story_findings(play);
        (void)printf("\nReport      %s\n", path);
        (void)printf("Verdict     %s (seed %" PRIu64 ")\n",
                     drill_play_passed(play) ? "PASSED" : "FAILED", play->options.seed);
    }
    return failed == 0 ? status : STATUS_IO;
}
