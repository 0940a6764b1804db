/* What operators of a drill type, word by word, with a tool that only writes it down. */
#include "tools/drill_operate.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/text_fixture.h"

static struct text_fixture fixture;
static struct scenario scenario = {.site_count = 3, .shard_count = 2};
static struct drill_fleet fleet;

static void tool(const char *text)
{
    text_fixture_write(&fixture, "tool", text);
    assert_int_equal(chmod(fixture.path, 0700), 0);
    (void)snprintf(fleet.place.tool, sizeof fleet.place.tool, "%s", fixture.path);
}

static void typed(char *text, size_t text_bytes, uint32_t number)
{
    char path[TEST_PATH_BYTES + 32];
    (void)snprintf(path, sizeof path, "%s/operator-%u.log", fixture.directory, number);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, text_bytes - 1, file)] = '\0';
    assert_int_equal(fclose(file), 0);
}

static int begin(void **state)
{
    (void)state;
    char log[TEST_PATH_BYTES + 32];
    (void)snprintf(log, sizeof log, "%s/operator-1.log", fixture.directory);
    (void)remove(log);
    memset(&fleet, 0, sizeof fleet);
    fleet.scenario = &scenario;
    fleet.operator_tries = 1;
    (void)snprintf(fleet.place.directory, sizeof fleet.place.directory, "%s", fixture.directory);
    static const char *const names[] = {"one", "two", "three"};
    for (uint32_t i = 0; i < 3; i++) {
        (void)snprintf(scenario.sites[i].name, sizeof scenario.sites[i].name, "%s", names[i]);
        (void)snprintf(fleet.sites[i].place.config, sizeof fleet.sites[i].place.config, "/%s.yaml",
                       names[i]);
        fleet.sites[i].wanted = i != 1;
        scenario.shards[1].prefer[i] = (uint8_t)i;
    }
    scenario.shards[1].prefer_count = 3;
    tool("#!/bin/sh\nprintf '%s|' \"$@\"\necho\n");
    return 0;
}

static void handing_over(void **state)
{
    (void)state;
    char text[1024];
    struct scenario_fault fault = {.kind = SCENARIO_TRANSFER, .who = 4, .shard = 1};
    assert_int_equal(drill_operate(&fleet, &fault), STATUS_OK);
    assert_int_equal(drill_operate_wait(&fleet), STATUS_OK);
    typed(text, sizeof text, 1);
    assert_string_equal(text, "site|promote|three|--prefer|three,one,two|--shard|2|--config|"
                              "/one.yaml,/three.yaml|--wait|30s|\n"
                              "site|transfer|three|--shard|2|--config|/one.yaml,/three.yaml|"
                              "--wait|30s|\n");
}

static void repairing(void **state)
{
    (void)state;
    char text[1024];
    struct scenario_fault fault = {.kind = SCENARIO_RECOVER, .who = 4};
    assert_int_equal(drill_operate(&fleet, &fault), STATUS_OK);
    assert_int_equal(drill_operate_wait(&fleet), STATUS_OK);
    typed(text, sizeof text, 1);
    assert_string_equal(text, "site|recover|--config|/three.yaml|--confirm|"
                              "one, two are off for good|--wait|30s|\n");
}

static void failing(void **state)
{
    (void)state;
    struct scenario_fault fault = {.kind = SCENARIO_RECOVER, .who = 4};
    tool("#!/bin/sh\nexit 1\n");
    assert_int_equal(drill_operate(&fleet, &fault), STATUS_OK);
    assert_int_equal(drill_operate_wait(&fleet), STATUS_IO);
    assert_non_null(strstr(fleet.error, "`causeway site recover` failed"));
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
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(handing_over, begin),
                                       cmocka_unit_test_setup(repairing, begin),
                                       cmocka_unit_test_setup(failing, begin)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
