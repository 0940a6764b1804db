#include "tools/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/yaml_lines.h"
#include "matching/base/assertion.h"
#include "tools/decimal.h"
#include "tools/options.h"
#include "tools/scenario_parts.h"

#define SCENARIO_MANUAL       "tools/drills/README.md"
#define SCENARIO_ENDING       ".yaml"
#define SCENARIO_FILE_BYTES   (256u * 1024u)
#define SCENARIO_WITHIN_NS    UINT64_C(500000) /* Between two sites of a region. */
#define SCENARIO_PATH_BYTES   1024u
#define SCENARIO_DURATION_MIN UINT64_C(1000000000)
#define SCENARIO_US           UINT64_C(1000)
#define SCENARIO_MS           UINT64_C(1000000)

struct scenario_place scenario_place_of(const char *list, uint32_t index, const char *key)
{
    struct scenario_place place;
    int bytes = snprintf(place.text, sizeof place.text, "%s[%u].%s", list, index, key);
    ASSERT(bytes > 0);
    ASSERT((size_t)bytes < sizeof place.text);
    return place;
}

struct scenario_place scenario_place_at(const char *text)
{
    struct scenario_place place;
    (void)snprintf(place.text, sizeof place.text, "%s", text);
    return place;
}

void scenario_duration(struct config_reader *reader, struct scenario_place place, const char *text,
                       uint64_t most_ns, uint64_t *target)
{
    uint64_t duration_ns = 0;
    if (text == NULL || reader->failed) {
        return;
    }
    if (options_duration_parse(text, &duration_ns) != STATUS_OK || duration_ns > most_ns) {
        config_reader_fail(reader, place.text,
                           "`%s` is \"%.40s\"; it must be a duration such as 250ms or 20s, at most "
                           "%llu s",
                           place.text, text, (unsigned long long)(most_ns / 1000000000));
        return;
    }
    *target = duration_ns;
}

void scenario_share(struct config_reader *reader, struct scenario_place place, const char *text,
                    uint32_t *target_ppm)
{
    char number[DECIMAL_TEXT_BYTES];
    int64_t ppm = -1;
    if (text == NULL || reader->failed) {
        return;
    }
    size_t length = strlen(text);
    if (length > 1 && length < sizeof number && text[length - 1] == '%') {
        memcpy(number, text, length - 1);
        number[length - 1] = '\0';
        /* A hundredth has 10,000 parts in a million: four decimals. */
        if (decimal_parse(&ppm, number, 4) != STATUS_OK) {
            ppm = -1;
        }
    }
    if (ppm < 0 || ppm > WAN_LINE_PPM) {
        config_reader_fail(reader, place.text,
                           "`%s` is \"%.40s\"; it must be a share such as 0.1%% or 5%%", place.text,
                           text);
        return;
    }
    *target_ppm = (uint32_t)ppm;
}

void scenario_rate(struct config_reader *reader, struct scenario_place place, const char *text,
                   uint64_t *target)
{
    uint64_t bytes = 0;
    if (text == NULL || reader->failed) {
        return;
    }
    if (options_size_parse(text, &bytes) != STATUS_OK || bytes == 0 || bytes > WAN_LINE_RATE_MAX) {
        config_reader_fail(reader, place.text,
                           "`%s` is \"%.40s\"; it must be bytes a second such as 500kB or 100MB",
                           place.text, text);
        return;
    }
    *target = bytes;
}

bool scenario_yes(struct config_reader *reader, struct scenario_place place, const char *text)
{
    static const char *const words[] = {"false", "true"};
    size_t choice = 0;
    config_reader_choice(reader, place.text, text, words, 2, &choice);
    return choice == 1;
}

/* A known region's index, or region_count. */
static uint32_t scenario_region_known(const struct scenario *scenario, const char *name)
{
    uint32_t index = 0;
    while (index < scenario->region_count && strcmp(scenario->regions[index], name) != 0) {
        index++;
    }
    return index;
}

static void scenario_round_trip(struct scenario *scenario, struct config_reader *reader,
                                uint32_t index, const struct scenario_schema_round_trip *from)
{
    struct scenario_place place = scenario_place_of("round_trips", index, "between");
    uint32_t one = scenario->region_count;
    uint32_t other = scenario->region_count;
    if (from->between_count == 2) {
        one = scenario_region_known(scenario, from->between[0]);
        other = scenario_region_known(scenario, from->between[1]);
    }
    if (one == scenario->region_count || other == scenario->region_count || one == other) {
        config_reader_fail(reader, place.text,
                           "`%s` must be two different regions of sites or clients", place.text);
        return;
    }
    if (scenario->round_trip_ns[one][other] != 0) {
        config_reader_fail(reader, place.text, "the round trip between %s and %s stands here twice",
                           scenario->regions[one], scenario->regions[other]);
        return;
    }
    uint64_t round_trip_ns = 0;
    place = scenario_place_of("round_trips", index, "is");
    scenario_duration(reader, place, from->is, 2 * WAN_LINE_DELAY_NS_MAX, &round_trip_ns);
    if (round_trip_ns == 0) {
        config_reader_fail(reader, place.text, "`%s` must be a duration above zero", place.text);
    }
    scenario->round_trip_ns[one][other] = round_trip_ns;
    scenario->round_trip_ns[other][one] = round_trip_ns;
}

static void scenario_round_trips(struct scenario *scenario, struct config_reader *reader,
                                 const struct scenario_schema *file)
{
    uint64_t within_ns = SCENARIO_WITHIN_NS;
    scenario_duration(reader, scenario_place_at("within_region"), file->within_region,
                      2 * WAN_LINE_DELAY_NS_MAX, &within_ns);
    for (uint32_t i = 0; i < file->round_trips_count && !reader->failed; i++) {
        scenario_round_trip(scenario, reader, i, &file->round_trips[i]);
    }
    for (uint32_t one = 0; one < scenario->region_count; one++) {
        scenario->round_trip_ns[one][one] = within_ns;
        for (uint32_t other = 0; other < one; other++) {
            if (scenario->round_trip_ns[one][other] == 0) {
                config_reader_fail(reader, "round_trips",
                                   "`round_trips` lacks the one between %s and %s",
                                   scenario->regions[other], scenario->regions[one]);
            }
        }
    }
    const struct scenario_schema_line *line = file->line;
    if (line != NULL) {
        scenario_duration(reader, scenario_place_at("line.jitter"), line->jitter,
                          WAN_LINE_DELAY_NS_MAX, &scenario->line.jitter_ns);
        scenario_share(reader, scenario_place_at("line.loss"), line->loss,
                       &scenario->line.loss_ppm);
        scenario_share(reader, scenario_place_at("line.reorder"), line->reorder,
                       &scenario->line.reorder_ppm);
        scenario_rate(reader, scenario_place_at("line.rate"), line->rate,
                      &scenario->line.rate_bytes);
    }
}

static void scenario_expect(struct scenario *scenario, struct config_reader *reader,
                            const struct scenario_schema_expect *from)
{
    if (from == NULL) {
        return;
    }
    scenario_duration(reader, scenario_place_at("expect.recovery"), from->recovery,
                      SCENARIO_DURATION_MAX, &scenario->recovery_ns);
    scenario->moves_given = from->moves != NULL;
    for (uint32_t i = 0; i < from->moves_count && !reader->failed; i++) {
        uint32_t shard = 0;
        while (shard < scenario->shard_count &&
               strcmp(scenario->shards[shard].name, from->moves[i]) != 0) {
            shard++;
        }
        if (shard == scenario->shard_count) {
            config_reader_fail(reader, "expect.moves", "there is no shard \"%.40s\"",
                               from->moves[i]);
            return;
        }
        scenario->moves = (uint16_t)(scenario->moves | 1u << shard);
    }
}

static void scenario_whole(struct scenario *scenario, struct config_reader *reader,
                           const struct scenario_schema *file)
{
    config_reader_text(reader, "title", file->title, scenario->title, sizeof scenario->title);
    config_reader_text(reader, "about", file->about, scenario->about, sizeof scenario->about);
    scenario_duration(reader, scenario_place_at("duration"), file->duration, SCENARIO_DURATION_MAX,
                      &scenario->duration_ns);
    if (scenario->duration_ns < SCENARIO_DURATION_MIN) {
        config_reader_fail(reader, "duration", "`duration` must be a second or more");
    }
    scenario_sites_read(scenario, reader, file);
    if (!reader->failed) {
        scenario_round_trips(scenario, reader, file);
        scenario_timeline_read(scenario, reader, file);
        scenario_expect(scenario, reader, file->expect);
    }
}

static void scenario_text(struct scenario *scenario, struct config_reader *reader,
                          const uint8_t *text, size_t text_bytes)
{
    struct yaml_lines_error syntax;
    struct yaml_load_error schema;
    struct yaml_lines *lines = NULL;
    struct scenario_schema *file = NULL;
    if (yaml_lines_open(&lines, text, text_bytes, &syntax) != STATUS_OK) {
        config_reader_fail_line(reader, syntax.line, "%s", syntax.text);
        return;
    }
    reader->lines = lines;
    if (scenario_schema_load(&file, text, text_bytes, &schema) != STATUS_OK) {
        config_reader_fail_schema(reader, &schema, SCENARIO_MANUAL);
    } else {
        scenario_whole(scenario, reader, file);
        scenario_schema_free(file);
    }
    yaml_lines_close(lines);
}

enum status scenario_read(struct scenario *scenario, const char *path,
                          char error[static SCENARIO_ERROR_BYTES])
{
    ASSERT(scenario != NULL);
    ASSERT(path != NULL);
    memset(scenario, 0, sizeof *scenario);
    error[0] = '\0';
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    size_t length = strcspn(name, ".");
    (void)snprintf(scenario->name, sizeof scenario->name, "%.*s", (int)length, name);
    uint8_t *text = NULL;
    size_t text_bytes = 0;
    enum status status = yaml_load_file(path, "scenario", SCENARIO_FILE_BYTES, &text, &text_bytes,
                                        error, SCENARIO_ERROR_BYTES);
    if (status != STATUS_OK) {
        return status;
    }
    struct config_reader reader = {.path = path,
                                   .error = error,
                                   .error_bytes = SCENARIO_ERROR_BYTES};
    scenario_text(scenario, &reader, text, text_bytes);
    free(text);
    return reader.failed ? STATUS_BAD_FORMAT : STATUS_OK;
}

/* `time_ns` of a whole of `from_ns`, in one of `to_ns`; rounded down, to microseconds. */
static uint64_t scenario_stretched(uint64_t time_ns, uint64_t from_ns, uint64_t to_ns)
{
    static_assert(SCENARIO_DURATION_MAX / SCENARIO_US <=
                      UINT64_MAX / (SCENARIO_DURATION_MAX / SCENARIO_MS),
                  "the product fits");
    ASSERT(from_ns >= SCENARIO_MS);
    ASSERT(time_ns <= SCENARIO_DURATION_MAX);
    return time_ns / SCENARIO_US * (to_ns / SCENARIO_MS) / (from_ns / SCENARIO_MS) * SCENARIO_US;
}

void scenario_stretch(struct scenario *scenario, uint64_t duration_ns)
{
    uint64_t before_ns = scenario->duration_ns;
    ASSERT(duration_ns >= SCENARIO_DURATION_MIN);
    ASSERT(duration_ns <= SCENARIO_DURATION_MAX);
    for (uint32_t i = 0; i < scenario->fault_count; i++) {
        struct scenario_fault *fault = &scenario->faults[i];
        fault->at_ns = scenario_stretched(fault->at_ns, before_ns, duration_ns);
        fault->over_ns = scenario_stretched(fault->over_ns, before_ns, duration_ns);
    }
    scenario->duration_ns = duration_ns;
}

/* Beside the source: build/causeway and tools/drills, a build of a variant one deeper; installed:
 * bin/causeway and share/causeway/drills. */
enum status scenario_directory(char *path, size_t path_bytes)
{
    static const char *const places[] = {"/../tools/drills", "/../../tools/drills",
                                         "/../share/causeway/drills"};
    char program[SCENARIO_PATH_BYTES];
    ssize_t bytes = readlink("/proc/self/exe", program, sizeof program - 1);
    if (bytes <= 0) {
        return STATUS_NOT_FOUND;
    }
    program[bytes] = '\0';
    char *slash = strrchr(program, '/');
    ASSERT(slash != NULL);
    *slash = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct stat status;
        int written = snprintf(path, path_bytes, "%s%s", program, places[i]);
        if (written > 0 && (size_t)written < path_bytes && stat(path, &status) == 0 &&
            S_ISDIR(status.st_mode)) {
            return STATUS_OK;
        }
    }
    return STATUS_NOT_FOUND;
}

enum status scenario_find(const char *name, char *path, size_t path_bytes)
{
    ASSERT(name != NULL);
    ASSERT(path_bytes > 0);
    size_t length = strlen(name);
    size_t ending = strlen(SCENARIO_ENDING);
    bool is_file = strchr(name, '/') != NULL ||
                   (length > ending && strcmp(name + length - ending, SCENARIO_ENDING) == 0);
    int written;
    if (is_file) {
        written = snprintf(path, path_bytes, "%s", name);
    } else {
        char directory[SCENARIO_PATH_BYTES];
        if (scenario_directory(directory, sizeof directory) != STATUS_OK) {
            return STATUS_NOT_FOUND;
        }
        written = snprintf(path, path_bytes, "%s/%s" SCENARIO_ENDING, directory, name);
    }
    bool fits = written > 0 && (size_t)written < path_bytes;
    return fits && access(path, F_OK) == 0 ? STATUS_OK : STATUS_NOT_FOUND;
}

struct wan_line scenario_line(const struct scenario *scenario, uint32_t from, uint32_t to)
{
    ASSERT(from <= scenario->site_count);
    ASSERT(to <= scenario->site_count);
    uint32_t one =
        from < scenario->site_count ? scenario->sites[from].region : scenario->client_region;
    uint32_t other =
        to < scenario->site_count ? scenario->sites[to].region : scenario->client_region;
    struct wan_line line = scenario->line;
    line.delay_ns = scenario->round_trip_ns[one][other] / 2;
    return line;
}

void scenario_placement(const struct scenario *scenario, uint32_t shard,
                        struct placement *placement)
{
    ASSERT(shard < scenario->shard_count);
    ASSERT(scenario->site_count <= SITES_MAX);
    const struct scenario_shard *one = &scenario->shards[shard];
    memset(placement, 0, sizeof *placement);
    placement->commit_providers = (uint8_t)one->commit_providers;
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        uint32_t provider = 0; /* The first site that has it. */
        while (strcmp(scenario->sites[provider].provider, scenario->sites[i].provider) != 0) {
            provider++;
        }
        placement->sites[i] = (struct placement_site){
            .incarnation = i + 1,
            .provider_id = (uint8_t)(provider + 1),
            .role = scenario->sites[i].role == CONFIG_VOTER ? PLACEMENT_VOTER : PLACEMENT_LEARNER};
    }
    for (uint32_t i = 0; i < one->prefer_count; i++) {
        placement->preferred_site_ids[i] = (uint8_t)(one->prefer[i] + 1);
    }
}

const char *scenario_fault_text(enum scenario_fault_kind kind)
{
    static const char *const words[SCENARIO_FAULT_KINDS] = {
        [SCENARIO_KILL] = "kill",
        [SCENARIO_START] = "start",
        [SCENARIO_RESTART] = "restart",
        [SCENARIO_STOP] = "stop",
        [SCENARIO_CONTINUE] = "continue",
        [SCENARIO_CUT] = "cut",
        [SCENARIO_HEAL] = "heal",
        [SCENARIO_DEGRADE] = "degrade",
        [SCENARIO_RESTORE] = "restore",
        [SCENARIO_LOSE_CONNECTS] = "lose-connects",
        [SCENARIO_HEAR_CONNECTS] = "hear-connects",
        [SCENARIO_DNS_GONE] = "dns-gone",
        [SCENARIO_FILL_DISK] = "fill-disk",
        [SCENARIO_FREE_DISK] = "free-disk",
        [SCENARIO_STEP_CLOCK] = "step-clock",
        [SCENARIO_TRANSFER] = "transfer",
        [SCENARIO_RECOVER] = "recover",
    };
    ASSERT(kind < SCENARIO_FAULT_KINDS);
    ASSERT(words[kind] != NULL);
    return words[kind];
}
