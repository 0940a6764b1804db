#include "tools/drill_leaders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "matching/base/assertion.h"

#define DRILL_LEADERS_LINE_BYTES 2048u
#define DRILL_LEADERS_NS_A_S     INT64_C(1000000000)

/* "time=2026-11-28T15:11:12.123456Z" at the start of a line; false: it has none. */
static bool drill_leaders_time(const char *line, int64_t *utc_ns)
{
    struct tm parts;
    memset(&parts, 0, sizeof parts);
    const char *key = "time=";
    if (strncmp(line, key, strlen(key)) != 0) {
        return false;
    }
    const char *rest = strptime(line + strlen(key), "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest == NULL || *rest != '.') {
        return false;
    }
    char *end = NULL;
    long microseconds = strtol(rest + 1, &end, 10);
    if (end != rest + 7 || *end != 'Z') {
        return false;
    }
    *utc_ns = (int64_t)timegm(&parts) * DRILL_LEADERS_NS_A_S + microseconds * INT64_C(1000);
    return true;
}

/* The site of that name, or DRILL_LEADERS_NONE for "none"; false: nobody's name. */
static bool drill_leaders_site(const struct scenario *scenario, const char *name, uint8_t *site)
{
    size_t length = strcspn(name, " \n");
    *site = DRILL_LEADERS_NONE;
    if (length == strlen("none") && strncmp(name, "none", length) == 0) {
        return true;
    }
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        if (strlen(scenario->sites[i].name) == length &&
            strncmp(scenario->sites[i].name, name, length) == 0) {
            *site = (uint8_t)i;
            return true;
        }
    }
    return false;
}

static bool drill_leaders_line(const struct scenario *scenario, const char *line,
                               int64_t utc_offset_ns, struct drill_leaders_change *change)
{
    const char *leader = strstr(line, " leader=");
    const char *at = strstr(line, " event=leader shard=");
    unsigned shard = 0;
    unsigned long long term = 0;
    int64_t utc_ns = 0;
    if (leader == NULL || at == NULL || strchr(line, '\n') == NULL ||
        sscanf(at, " event=leader shard=%u term=%llu", &shard, &term) != 2 || shard < 1 ||
        shard > scenario->shard_count || !drill_leaders_time(line, &utc_ns) ||
        utc_ns < utc_offset_ns ||
        !drill_leaders_site(scenario, leader + strlen(" leader="), &change->leader)) {
        return false;
    }
    change->at_ns = (uint64_t)(utc_ns - utc_offset_ns);
    change->term = term;
    change->shard = (uint8_t)(shard - 1);
    return true;
}

enum status drill_leaders_read(struct drill_leaders *leaders, const struct scenario *scenario,
                               uint8_t site, const char *path, int64_t utc_offset_ns)
{
    ASSERT(site < scenario->site_count);
    ASSERT(leaders->count <= DRILL_LEADERS_CHANGES_MAX);
    char line[DRILL_LEADERS_LINE_BYTES];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return STATUS_NOT_FOUND;
    }
    while (leaders->count < DRILL_LEADERS_CHANGES_MAX && fgets(line, sizeof line, file) != NULL) {
        struct drill_leaders_change change = {.site = site};
        if (drill_leaders_line(scenario, line, utc_offset_ns, &change)) {
            leaders->changes[leaders->count++] = change;
        }
    }
    (void)fclose(file);
    return STATUS_OK;
}

static int drill_leaders_compare(const void *left, const void *right)
{
    const struct drill_leaders_change *one = left;
    const struct drill_leaders_change *other = right;
    if (one->at_ns != other->at_ns) {
        return one->at_ns < other->at_ns ? -1 : 1;
    }
    return (int)one->site - (int)other->site;
}

void drill_leaders_sort(struct drill_leaders *leaders)
{
    ASSERT(leaders->count <= DRILL_LEADERS_CHANGES_MAX);
    qsort(leaders->changes, leaders->count, sizeof leaders->changes[0], drill_leaders_compare);
}

uint8_t drill_leaders_at(const struct drill_leaders *leaders, uint32_t shard, uint64_t at_ns)
{
    uint8_t leader = DRILL_LEADERS_NONE;
    uint64_t term = 0;
    ASSERT(shard < SHARDS_MAX);
    for (uint32_t i = 0; i < leaders->count && leaders->changes[i].at_ns <= at_ns; i++) {
        const struct drill_leaders_change *change = &leaders->changes[i];
        bool here = change->leader == change->site;
        if (change->shard == shard && here && change->term >= term) {
            leader = change->leader;
            term = change->term;
        }
    }
    return leader;
}

struct drill_leaders_course drill_leaders_course(const struct drill_leaders *leaders,
                                                 uint32_t shard, uint64_t at_ns, uint64_t until_ns)
{
    struct drill_leaders_course course = {.detected_ns = 0};
    uint64_t term = 0;
    ASSERT(at_ns <= until_ns);
    for (uint32_t i = 0; i < leaders->count && leaders->changes[i].at_ns < until_ns; i++) {
        const struct drill_leaders_change *change = &leaders->changes[i];
        if (change->shard != shard) {
            continue;
        }
        if (change->at_ns <= at_ns) {
            term = change->term > term ? change->term : term;
            continue;
        }
        bool newer = change->term > term;
        if (course.detected_ns == 0 && (newer || change->leader == DRILL_LEADERS_NONE)) {
            course.detected_ns = change->at_ns - at_ns;
        }
        if (course.elected_ns == 0 && newer && change->leader == change->site) {
            course.elected_ns = change->at_ns - at_ns;
        }
    }
    return course;
}
