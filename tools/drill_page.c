#include "tools/drill_page.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/yaml_load.h"
#include "matching/base/assertion.h"
#include "tools/human.h"

#define DRILL_PAGE_ERROR_BYTES 1024u

/* Text between tags: what would be taken for one is spelled out. */
static void drill_page_text(FILE *file, const char *text)
{
    ASSERT(text != NULL);
    for (const char *at = text; *at != '\0'; at++) {
        switch (*at) {
        case '<':
            (void)fputs("&lt;", file);
            break;
        case '>':
            (void)fputs("&gt;", file);
            break;
        case '&':
            (void)fputs("&amp;", file);
            break;
        case '"':
            (void)fputs("&quot;", file);
            break;
        default:
            (void)fputc(*at, file);
            break;
        }
    }
}

static void drill_page_head(FILE *file, const struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    bool passed = drill_play_passed(play);
    (void)fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>",
                file);
    drill_page_text(file, scenario->title);
    (void)fputs("</title>\n<style>\n"
                "body{font:16px/1.5 sans-serif;max-width:68rem;margin:2rem auto;padding:0 1rem}\n"
                "table{border-collapse:collapse;margin:1rem 0}\n"
                "td,th{border:1px solid #bbb;padding:.3rem .6rem;text-align:left}\n"
                "th{background:#eee}td.n{text-align:right}.good{color:#00701f}.bad{color:#b00000}\n"
                "img{max-width:100%}code{font-size:90%}\n"
                "</style>\n</head>\n<body>\n<h1>",
                file);
    drill_page_text(file, scenario->title);
    (void)fprintf(file, "</h1>\n<p><strong class=\"%s\">%s</strong>. ", passed ? "good" : "bad",
                  passed ? "Passed" : "Failed");
    drill_page_text(file, scenario->about);
    (void)fprintf(file, "</p>\n<p>Drill <code>%s</code>, seed %" PRIu64 ", %s. ", scenario->name,
                  play->options.seed,
                  play->fleet.wan != NULL
                      ? "every site a process in a network namespace of its own, behind emulated "
                        "lines with the delays of the regions named"
                      : "all sites on loopback, without delays");
    if (play->fleet.faults_left_out > 0) {
        (void)fprintf(file, "%u of the faults were left out, not possible on that machine: ",
                      play->fleet.faults_left_out);
        drill_page_text(file, play->fleet.left_out_reason);
        (void)fputc('.', file);
    }
    (void)fputs("</p>\n", file);
}

static void drill_page_line(FILE *file, bool holds, const char *what, uint64_t count,
                            const char *of)
{
    (void)fprintf(file,
                  "<tr><td class=\"%s\">%s</td><td>%s</td><td class=\"n\">%s</td><td>%s</td>"
                  "</tr>\n",
                  holds ? "good" : "bad", holds ? "holds" : "DOES NOT HOLD", what,
                  human_number(count).text, of);
}

static void drill_page_proof(FILE *file, const struct drill_play *play)
{
    const struct drill_check *check = &play->check;
    uint64_t missing = 0;
    uint64_t segments = 0;
    bool walked = true;
    for (uint32_t i = 0; i < play->options.scenario->site_count; i++) {
        missing += check->sites[i].missing;
        segments += check->sites[i].segments;
        walked = walked && check->sites[i].walked;
    }
    (void)fputs("<h2>What was proved, from the outside</h2>\n<table>\n"
                "<tr><th></th><th>promise</th><th>of</th><th></th></tr>\n",
                file);
    drill_page_line(file, missing == 0, "Nothing acknowledged was lost", check->orders_in_journal,
                    "orders, each in every surviving journal");
    uint64_t wrong = check->violations - missing - check->deadlines_wrong;
    drill_page_line(file, wrong == 0, "Nothing was executed twice, nothing is in doubt", wrong,
                    "violations");
    drill_page_line(file, check->deadlines_wrong == 0 && check->deadlines > 0,
                    "Nothing was sequenced past its deadline", check->deadlines,
                    "orders had a deadline");
    drill_page_line(file, check->messages > 0 && check->messages_wrong == 0,
                    "Every session's stream has the same bytes at every site", check->messages,
                    "messages read again");
    drill_page_line(file, walked, "Every journal proves itself, with public keys alone", segments,
                    "segments: hash, chain and signature");
    if (play->fleet.refused[0] != '\0') {
        (void)fputs("<tr><td class=\"good\">holds</td><td>The placement was refused without the "
                    "override</td><td colspan=\"2\">",
                    file);
        drill_page_text(file, play->fleet.refused);
        (void)fputs("</td></tr>\n", file);
    }
    if (check->survivors > 1) {
        drill_page_line(file, check->segments_differ == 0 && check->segments_compared > 0,
                        "The journals are one", check->segments_compared,
                        "segments compared by chain hash");
        drill_page_line(file, drill_check_hashes_hold(check, play->options.scenario),
                        "Every site computed the same", check->hashes_compared,
                        "event hashes compared");
    }
    if (play->options.scenario->moves_given && play->leaders_told) {
        drill_page_line(file, drill_play_moved_as_expected(play),
                        "Those shards moved that had to, and no others",
                        (uint64_t)__builtin_popcount(play->moved), "moved");
    }
    (void)fputs("</table>\n", file);
}

static void drill_page_moments(FILE *file, const struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    if (play->losses.count > 0) {
        const struct histogram *recovery = &play->losses.recovery;
        (void)fprintf(
            file,
            "<p>%llu leaders of shards were lost to a site killed, frozen, cut off or full. From "
            "there to the next acknowledgement: median %s, nine of ten within %s, 99 of 100 within "
            "%s, longest %s.</p>\n",
            (unsigned long long)play->losses.count,
            human_duration(histogram_percentile(recovery, HISTOGRAM_MILLION / 2)).text,
            human_duration(histogram_percentile(recovery, HISTOGRAM_MILLION / 10 * 9)).text,
            human_duration(histogram_percentile(recovery, HISTOGRAM_MILLION / 100 * 99)).text,
            human_duration(recovery->max_ns).text);
    }
    (void)fputs("<h2>What happened</h2>\n<table>\n<tr><th></th><th>at</th><th>what</th>", file);
    for (uint32_t shard = 0; shard < scenario->shard_count; shard++) {
        (void)fprintf(file, "<th>%s acknowledges again after</th>", scenario->shards[shard].name);
    }
    (void)fputs("</tr>\n", file);
    for (uint32_t i = 0; i < play->moment_count; i++) {
        const struct drill_moment *moment = &play->moments[i];
        (void)fprintf(file, "<tr><td class=\"n\">%u</td><td class=\"n\">%.1f s</td><td>", i + 1,
                      (double)(moment->at_ns - play->start_ns) / 1e9);
        drill_page_text(file, scenario->faults[i].say);
        (void)fputs("</td>", file);
        for (uint32_t shard = 0; shard < scenario->shard_count; shard++) {
            struct human recovery = human_duration(moment->recovery_ns[shard]);
            const char *never = drill_moments_harm(&scenario->faults[i]) ? "never stopped" : "";
            (void)fprintf(file, "<td class=\"n\">%s",
                          moment->recovery_ns[shard] > 0 ? recovery.text : never);
            if (moment->recovery_ns[shard] > 0 && moment->courses[shard].elected_ns > 0) {
                (void)fprintf(file, "<br>detected %s, elected %s",
                              human_duration(moment->courses[shard].detected_ns).text,
                              human_duration(moment->courses[shard].elected_ns).text);
            }
            (void)fputs("</td>", file);
        }
        (void)fputs("</tr>\n", file);
    }
    (void)fputs("</table>\n", file);
}

/* A file within the page. */
static void drill_page_picture(FILE *file, const char *path)
{
    uint8_t *bytes = NULL;
    size_t count = 0;
    char error[DRILL_PAGE_ERROR_BYTES];
    if (yaml_load_file(path, "picture", YAML_LOAD_FILE_BYTES_MAX, &bytes, &count, error,
                       sizeof error) != STATUS_OK) {
        return;
    }
    size_t room = sodium_base64_ENCODED_LEN(count, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);
    if (text != NULL) {
        (void)sodium_bin2base64(text, room, bytes, count, sodium_base64_VARIANT_ORIGINAL);
        (void)fprintf(file,
                      "<p><img alt=\"Acknowledged orders a second and latency over time\" "
                      "src=\"data:image/png;base64,%s\"></p>\n",
                      text);
    }
    free(text);
    free(bytes);
}

static void drill_page_sites(FILE *file, const struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    (void)fputs("<h2>Sites</h2>\n<table>\n<tr><th>site</th><th>provider</th><th>region</th>"
                "<th>at the end</th><th>segments</th><th>commands</th><th>bytes</th>"
                "<th>bytes a command</th><th>event hashes</th></tr>\n",
                file);
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        const struct drill_check_site *site = &play->check.sites[i];
        (void)fprintf(file,
                      "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td class=\"n\">%s</td>"
                      "<td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%.2f</td><td>",
                      scenario->sites[i].name, scenario->sites[i].provider,
                      scenario->regions[scenario->sites[i].region],
                      site->surviving ? "runs" : "gone", human_number(site->segments).text,
                      human_number(site->commands).text, human_number(site->bytes).text,
                      site->commands == 0 ? 0 : (double)site->bytes / (double)site->commands);
        for (uint32_t shard = 0; shard < scenario->shard_count; shard++) {
            (void)fprintf(file, "%s <code>%s</code> after %s<br>", scenario->shards[shard].name,
                          play->check.hashes.sites[i][shard].event_hash,
                          human_number(play->check.hashes.sites[i][shard].commands).text);
        }
        (void)fputs("</td></tr>\n", file);
    }
    (void)fputs("</table>\n", file);
}

enum status drill_page(const struct drill_play *play, const char *path, const char *const *pictures)
{
    ASSERT(pictures != NULL);
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return STATUS_IO;
    }
    drill_page_head(file, play);
    drill_page_proof(file, play);
    drill_page_moments(file, play);
    for (uint32_t i = 0; i < play->options.scenario->shard_count; i++) {
        if (pictures[i] != NULL) {
            drill_page_picture(file, pictures[i]);
        }
    }
    drill_page_sites(file, play);
    (void)fputs("</body>\n</html>\n", file);
    return fclose(file) == 0 ? STATUS_OK : STATUS_IO;
}
