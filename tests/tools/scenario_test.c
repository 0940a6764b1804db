/* Scenarios: all that are there, every value exactly, every mistake with its line. */
#include "tools/scenario.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

#define MS UINT64_C(1000000)
#define S  UINT64_C(1000000000)

static struct text_fixture fixture;
static struct scenario scenario;

static const char *const whole =
    "title: A drill\n"                                                              /* 1 */
    "about: Why\n"                                                                  /* 2 */
    "duration: 60s\n"                                                               /* 3 */
    "round_trips:\n"                                                                /* 4 */
    "  - {between: [east, west], is: 80ms}\n"                                       /* 5 */
    "  - {between: [west, town], is: 6ms}\n"                                        /* 6 */
    "  - {between: [town, east], is: 3500us}\n"                                     /* 7 */
    "line: {jitter: 200us, loss: 0.001%, reorder: 1%, rate: 100MB}\n"               /* 8 */
    "sites:\n"                                                                      /* 9 */
    "  - {name: one, provider: aws, region: east}\n"                                /* 10 */
    "  - {name: two, provider: gcp, region: west, role: voter}\n"                   /* 11 */
    "  - {name: three, provider: metal, region: east}\n"                            /* 12 */
    "  - {name: four, provider: metal, region: west, role: learner}\n"              /* 13 */
    "shards:\n"                                                                     /* 14 */
    "  - {name: EQ, prefer: [two, one], commit_providers: 2}\n"                     /* 15 */
    "  - {name: FX, prefer: [three]}\n"                                             /* 16 */
    "clients: {region: town, sessions: 5, rate: 3000, instruments: 7}\n"            /* 17 */
    "timeline:\n"                                                                   /* 18 */
    "  - {at: 20s, do: kill, who: [metal, one], for: 30s, say: 'Gone'}\n"           /* 19 */
    "  - {at: 5s, do: cut, from: [east], to: [clients], one_way: true}\n"           /* 20 */
    "  - {at: 6s, do: degrade, from: [two], delay: 150ms, jitter: 4ms, loss: 5%,\n" /* 21 */
    "     rate: 2MB, over: 10s}\n"                                                  /* 22 */
    "  - {at: 30s, do: stop, who: [two], for: 500ms, times: 2, every: 1s}\n"        /* 23 */
    "  - {at: 40s, do: step-clock, who: [one], by: -2h}\n"                          /* 24 */
    "  - {at: 41s, do: transfer, shard: FX, who: [one]}\n"                          /* 25 */
    "expect: {recovery: 4s, moves: [FX]}\n";                                        /* 26 */

static enum status read_text(const char *text, char *error)
{
    text_fixture_write(&fixture, "some.yaml", text);
    return scenario_read(&scenario, fixture.path, error);
}

static void every_value(void **state)
{
    (void)state;
    char error[SCENARIO_ERROR_BYTES];
    enum status status = read_text(whole, error);
    assert_string_equal(error, "");
    assert_int_equal(status, STATUS_OK);
    assert_string_equal(scenario.name, "some");
    assert_string_equal(scenario.title, "A drill");
    assert_string_equal(scenario.about, "Why");
    assert_true(scenario.duration_ns == 60 * S);
    assert_int_equal(scenario.region_count, 3);
    assert_int_equal(scenario.site_count, 4);
    assert_string_equal(scenario.sites[2].name, "three");
    assert_string_equal(scenario.sites[2].provider, "metal");
    assert_int_equal(scenario.sites[2].role, CONFIG_VOTER);
    assert_int_equal(scenario.sites[3].role, CONFIG_LEARNER);
    assert_int_equal(scenario.shard_count, 2);
    assert_string_equal(scenario.shards[0].name, "EQ");
    assert_int_equal(scenario.shards[0].prefer_count, 2);
    assert_int_equal(scenario.shards[0].prefer[0], 1);
    assert_int_equal(scenario.shards[0].commit_providers, 2);
    assert_int_equal(scenario.shards[1].commit_providers, 1);
    assert_int_equal(scenario.sessions, 5);
    assert_int_equal(scenario.rate, 3000);
    assert_int_equal(scenario.instruments, 7);
    assert_true(scenario.recovery_ns == 4 * S);
    assert_true(scenario.moves_given);
    assert_int_equal(scenario.moves, 2);
}

static void lines(void **state)
{
    (void)state;
    char error[SCENARIO_ERROR_BYTES];
    assert_int_equal(read_text(whole, error), STATUS_OK);
    struct wan_line line = scenario_line(&scenario, 0, 1);
    assert_true(line.delay_ns == 40 * MS);
    assert_true(line.jitter_ns == 200000);
    assert_int_equal(line.loss_ppm, 10);
    assert_int_equal(line.reorder_ppm, 10000);
    assert_true(line.rate_bytes == 100000000);
    assert_true(scenario_line(&scenario, 1, 0).delay_ns == 40 * MS);
    assert_true(scenario_line(&scenario, 0, 2).delay_ns == 250000); /* One region. */
    assert_true(scenario_line(&scenario, 4, 1).delay_ns == 3 * MS); /* The clients. */
    assert_true(scenario_line(&scenario, 2, 4).delay_ns == 1750000);
}

static void placement(void **state)
{
    (void)state;
    char error[SCENARIO_ERROR_BYTES];
    assert_int_equal(read_text(whole, error), STATUS_OK);
    struct placement made;
    scenario_placement(&scenario, 0, &made);
    assert_int_equal(placement_voters(&made), 7);
    assert_int_equal(placement_members(&made), 15);
    assert_int_equal(made.commit_providers, 2);
    assert_int_equal(made.sites[2].provider_id, made.sites[3].provider_id);
    assert_int_not_equal(made.sites[0].provider_id, made.sites[1].provider_id);
    assert_int_equal(made.preferred_site_ids[0], 2);
    assert_int_equal(made.preferred_site_ids[1], 1);
    assert_int_equal(made.preferred_site_ids[2], 0);
}

static void assert_fault(uint32_t index, uint64_t at_ns, enum scenario_fault_kind kind,
                         unsigned who, unsigned from, unsigned to)
{
    const struct scenario_fault *fault = &scenario.faults[index];
    assert_true(fault->at_ns == at_ns);
    assert_int_equal(fault->kind, kind);
    assert_int_equal(fault->who, who);
    assert_int_equal(fault->from, from);
    assert_int_equal(fault->to, to);
    assert_true(fault->say[0] != '\0');
}

/* In order of time, repeated ones as often as they happen, each with its end. */
static void timeline(void **state)
{
    (void)state;
    char error[SCENARIO_ERROR_BYTES];
    assert_int_equal(read_text(whole, error), STATUS_OK);
    assert_int_equal(scenario.fault_count, 10);
    assert_fault(0, 5 * S, SCENARIO_CUT, 0, 5, 16);
    assert_true(scenario.faults[0].one_way);
    assert_fault(1, 6 * S, SCENARIO_DEGRADE, 0, 2, 31);
    assert_true(scenario.faults[1].over_ns == 10 * S);
    assert_true(scenario.faults[1].strain.delay_ns == 150 * MS);
    assert_true(scenario.faults[1].strain.jitter_ns == 4 * MS);
    assert_int_equal(scenario.faults[1].strain.loss_ppm, 50000);
    assert_true(scenario.faults[1].strain.rate_bytes == 2000000);
    assert_string_equal(scenario.faults[1].say, "degrade two");
    assert_fault(2, 20 * S, SCENARIO_KILL, 13, 0, 0);
    assert_string_equal(scenario.faults[2].say, "Gone");
    assert_fault(3, 30 * S, SCENARIO_STOP, 2, 0, 0);
    assert_fault(4, 30500 * MS, SCENARIO_CONTINUE, 2, 0, 0);
    assert_true(scenario.faults[4].undoes);
    assert_fault(5, 31 * S, SCENARIO_STOP, 2, 0, 0);
    assert_fault(6, 31500 * MS, SCENARIO_CONTINUE, 2, 0, 0);
    assert_fault(7, 40 * S, SCENARIO_STEP_CLOCK, 1, 0, 0);
    assert_true(scenario.faults[7].step_ns == -(int64_t)(7200 * S));
    assert_fault(8, 41 * S, SCENARIO_TRANSFER, 1, 0, 0);
    assert_int_equal(scenario.faults[8].shard, 1);
    assert_fault(9, 50 * S, SCENARIO_START, 13, 0, 0);
    assert_string_equal(scenario.faults[9].say, "over: Gone");
}

/* A line of `whole`, from 1, replaced. */
static void assert_wrong(uint32_t line, const char *instead, uint32_t error_line,
                         const char *sentence)
{
    char text[4096] = "";
    char error[SCENARIO_ERROR_BYTES];
    char wanted[32];
    const char *at = whole;
    for (uint32_t number = 1; *at != '\0'; number++) {
        size_t bytes = strcspn(at, "\n") + 1;
        if (number == line) {
            (void)strcat(text, instead);
            (void)strcat(text, "\n");
        } else {
            (void)strncat(text, at, bytes);
        }
        at += bytes;
    }
    enum status status = read_text(text, error);
    assert_int_equal(status, STATUS_BAD_FORMAT);
    (void)snprintf(wanted, sizeof wanted, "some.yaml:%u: ", error_line);
    if (strstr(error, wanted) == NULL || strstr(error, sentence) == NULL) {
        fail_msg("wrong error: %s", error);
    }
}

static void mistakes_of_places(void **state)
{
    (void)state;
    assert_wrong(1, "titel: A drill", 1, "no key `titel`");
    assert_wrong(1, "", 2, "`title` is missing");
    assert_wrong(3, "duration: 60", 3, "must be a duration");
    assert_wrong(3, "duration: 5ms", 3, "a second or more");
    assert_wrong(5, "  - {between: [east, moon], is: 80ms}", 5, "two different regions");
    assert_wrong(5, "  - {between: [east, east], is: 80ms}", 5, "two different regions");
    assert_wrong(5, "  - {between: [west, town], is: 6ms}", 6, "stands here twice");
    assert_wrong(5, "", 4, "lacks the one between east and west");
    assert_wrong(5, "  - {between: [east, west], is: 0ms}", 5, "above zero");
    assert_wrong(8, "line: {loss: 5}", 8, "must be a share");
    assert_wrong(8, "line: {loss: 101%}", 8, "must be a share");
    assert_wrong(8, "line: {rate: fast}", 8, "bytes a second");
    assert_wrong(11, "  - {name: one, provider: gcp, region: west}", 11, "a site `one` already");
    assert_wrong(11, "  - {name: two, provider: gcp, region: West}", 11, "region");
    assert_wrong(13, "  - {name: four, provider: x, region: west, role: king}", 13, "role");
    assert_wrong(15, "  - {name: EQ, prefer: [four]}", 15, "must be a voter");
    assert_wrong(15, "  - {name: EQ, prefer: [two, two]}", 15, "must be a voter");
    assert_wrong(15, "  - {name: EQ, prefer: [two], commit_providers: 3}", 15, "is refused");
    assert_wrong(15, "  - {name: EQ, prefer: [two], override_placement: true}", 15,
                 "nothing to override");
    assert_wrong(16, "  - {name: EQ, prefer: [three]}", 16, "a shard `EQ` already");
    assert_wrong(17, "clients: {region: sea, sessions: 5}", 6, "two different regions");
    assert_wrong(17, "clients: {region: town, sessions: 1}", 17, "sessions");
    assert_wrong(17, "", 1, "`clients` is missing");
    assert_wrong(26, "expect: {moves: [XX]}", 26, "no shard \"XX\"");
}

static void mistakes_of_the_timeline(void **state)
{
    (void)state;
    assert_wrong(20, "  - {do: dns-gone}", 20, "`timeline[1].at` is missing");
    assert_wrong(20, "  - {at: 5s}", 20, "`timeline[1].do` is missing");
    assert_wrong(20, "  - {at: 5s, do: panic}", 20, "`timeline[1].do`");
    assert_wrong(20, "  - {at: 60s, do: dns-gone}", 20, "after the order flow has ended");
    assert_wrong(20, "  - {at: 59s, do: stop, who: [one], for: 2s}", 20, "has ended");
    assert_wrong(20, "  - {at: 5s, do: kill}", 20, "`timeline[1].who` is missing");
    assert_wrong(20, "  - {at: 5s, do: kill, who: [five]}", 20, "no site, provider or region");
    assert_wrong(20, "  - {at: 5s, do: kill, who: [clients]}", 20, "must be sites");
    assert_wrong(20, "  - {at: 5s, do: kill, who: [one], to: [two]}", 20, "mean nothing here");
    assert_wrong(20, "  - {at: 5s, do: cut}", 20, "`from` or `to` is missing");
    assert_wrong(20, "  - {at: 5s, do: cut, from: [one], who: [two]}", 20, "means nothing here");
    assert_wrong(20, "  - {at: 5s, do: degrade, from: [one]}", 20, "nothing else");
    assert_wrong(20, "  - {at: 5s, do: cut, from: [one], loss: 1%}", 20, "nothing else");
    assert_wrong(20, "  - {at: 5s, do: cut, from: [one], over: 1s}", 20, "`over` goes with");
    assert_wrong(20, "  - {at: 5s, do: step-clock, who: [one]}", 20, "`by` goes with");
    assert_wrong(20, "  - {at: 5s, do: step-clock, who: [one], by: soon}", 20, "a duration");
    assert_wrong(20, "  - {at: 5s, do: transfer, who: [one]}", 20, "`shard` goes with");
    assert_wrong(20, "  - {at: 5s, do: transfer, shard: EQ, who: [aws, gcp]}", 20, "to one site");
    assert_wrong(20, "  - {at: 5s, do: transfer, shard: XX, who: [one]}", 20, "no shard \"XX\"");
    assert_wrong(20, "  - {at: 5s, do: stop, who: [one], times: 3}", 20, "go together");
    assert_wrong(20, "  - {at: 5s, do: stop, who: [one], times: 3, every: 1s, for: 1s}", 20,
                 "shorter than `every`");
    assert_wrong(20, "  - {at: 5s, do: restart, who: [one], for: 1s}", 20, "nothing undoes it");
    assert_wrong(20, "  - {at: 5s, do: stop, who: [one], times: 16384, every: 1ms}", 20,
                 "more than 16384 faults");
}

/* One zone with the majority: refused, or overridden and said why. */
static void overridden(void **state)
{
    (void)state;
    char text[2048];
    char error[SCENARIO_ERROR_BYTES];
    const char *const format = "title: T\nabout: A\nduration: 5s\nsites:\n"
                               "  - {name: a, provider: p, region: r}\n"
                               "  - {name: b, provider: p, region: r}\n"
                               "  - {name: c, provider: q, region: r}\n"
                               "shards:\n"
                               "  - {name: EQ, prefer: [a], commit_providers: 2%s}\n"
                               "clients: {region: r}\n";
    (void)snprintf(text, sizeof text, format, "");
    assert_int_equal(read_text(text, error), STATUS_BAD_FORMAT);
    assert_non_null(strstr(error, "some.yaml:9: the placement of shard EQ is refused"));
    (void)snprintf(text, sizeof text, format, ", override_placement: true");
    assert_int_equal(read_text(text, error), STATUS_OK);
    assert_true(scenario.shards[0].placement_overridden);
    assert_int_equal(scenario.shards[0].placement_rule, PLACEMENT_PROVIDER_MAJORITY);
}

static void found(void **state)
{
    (void)state;
    char path[1024];
    assert_int_equal(scenario_find("no-such-drill", path, sizeof path), STATUS_NOT_FOUND);
    assert_int_equal(scenario_find("./no/such.yaml", path, sizeof path), STATUS_NOT_FOUND);
    text_fixture_write(&fixture, "some.yaml", whole);
    assert_int_equal(scenario_find(fixture.path, path, sizeof path), STATUS_OK);
    assert_string_equal(path, fixture.path);
    char error[SCENARIO_ERROR_BYTES];
    assert_int_equal(scenario_read(&scenario, "no.yaml", error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, "no.yaml"));
}

/* Every file in tools/drills, read from the root of the tree. */
static void all_that_are_there(void **state)
{
    (void)state;
    char path[512];
    char error[SCENARIO_ERROR_BYTES];
    DIR *directory = opendir("tools/drills");
    assert_non_null(directory);
    uint32_t count = 0;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        if (strstr(entry->d_name, ".yaml") == NULL) {
            continue;
        }
        (void)snprintf(path, sizeof path, "tools/drills/%s", entry->d_name);
        enum status status = scenario_read(&scenario, path, error);
        assert_string_equal(error, "");
        assert_int_equal(status, STATUS_OK);
        assert_true(scenario.fault_count > 0);
        count++;
    }
    (void)closedir(directory);
    assert_true(count >= 11);
}

static void stretched(void **state)
{
    (void)state;
    char error[SCENARIO_ERROR_BYTES];
    assert_int_equal(read_text(whole, error), STATUS_OK);
    scenario_stretch(&scenario, 15 * S);
    assert_int_equal(scenario.duration_ns, 15 * S);
    assert_int_equal(scenario.fault_count, 10);
    assert_int_equal(scenario.faults[0].at_ns, 1250 * MS);
    assert_int_equal(scenario.faults[1].at_ns, 1500 * MS);
    assert_int_equal(scenario.faults[1].over_ns, 2500 * MS);
    assert_int_equal(scenario.recovery_ns, 4 * S);
    scenario_stretch(&scenario, SCENARIO_DURATION_MAX);
    assert_int_equal(scenario.faults[0].at_ns, SCENARIO_DURATION_MAX / 12);
}

static void words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SCENARIO_FAULT_KINDS; i++) {
        for (unsigned other = 0; other < i; other++) {
            assert_string_not_equal(scenario_fault_text((enum scenario_fault_kind)i),
                                    scenario_fault_text((enum scenario_fault_kind)other));
        }
    }
}

static int set_up(void **state)
{
    (void)state;
    text_fixture_make(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_fixture_remove(&fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value),        cmocka_unit_test(lines),
        cmocka_unit_test(placement),          cmocka_unit_test(timeline),
        cmocka_unit_test(mistakes_of_places), cmocka_unit_test(mistakes_of_the_timeline),
        cmocka_unit_test(overridden),         cmocka_unit_test(found),
        cmocka_unit_test(all_that_are_there), cmocka_unit_test(words),
        cmocka_unit_test(stretched)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
