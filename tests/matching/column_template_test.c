#include "matching/column_template.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static struct column_templates templates;
static struct column_templates read_back;
static uint8_t header[COLUMN_TEMPLATES_BYTES_MAX];

static struct column_template template_of(uint8_t type, uint8_t flags)
{
    return (struct column_template){.type = type, .flags = flags, .small = {[3] = 7}};
}

static void test_most_used_come_first(void **state)
{
    (void)state;
    column_template_reset(&templates, 10);
    static const uint8_t uses[] = {1, 3, 2, 3};
    for (uint8_t flags = 0; flags < 4; flags++) {
        struct column_template template = template_of(COMMAND_ORDER_ENTER, flags);
        for (uint8_t use = 0; use < uses[flags]; use++) {
            assert_int_equal(column_template_use(&templates, &template), flags);
        }
    }
    column_template_rank(&templates);
    static const uint16_t ranks[] = {3, 0, 2, 1}; /* Equal ones as they came. */
    for (uint32_t number = 0; number < 4; number++) {
        assert_int_equal(templates.ranks[number], ranks[number]);
        assert_int_equal(templates.order[ranks[number]], number);
    }
}

static void test_header_round_trip(void **state)
{
    (void)state;
    column_template_reset(&templates, COLUMN_TEMPLATES_MAX);
    for (uint32_t number = 0; number < 300; number++) {
        struct column_template template = template_of(COMMAND_ORDER_CANCEL, (uint8_t)number);
        template.small[9] = (uint8_t)(number >> 4);
        assert_int_equal(column_template_use(&templates, &template), number);
    }
    column_template_rank(&templates);
    size_t bytes = 0;
    column_template_write(header, &bytes, &templates);
    assert_int_equal(bytes, column_template_bytes(&templates));
    size_t position = 0;
    assert_int_equal(column_template_read(&read_back, 300, header, bytes, &position), STATUS_OK);
    assert_int_equal(position, bytes);
    assert_int_equal(read_back.count, 300);
    assert_memory_equal(read_back.templates, templates.templates,
                        300 * sizeof templates.templates[0]);
    for (size_t size = 0; size < bytes; size++) {
        position = 0;
        assert_int_equal(column_template_read(&read_back, 300, header, size, &position),
                         STATUS_SHORT);
    }
    position = 0;
    assert_int_equal(column_template_read(&read_back, 299, header, bytes, &position),
                     STATUS_BAD_FORMAT);
}

static void test_bad_templates_are_refused(void **state)
{
    (void)state;
    static const uint8_t bad[][8] = {
        {1, 0, 0},                        /* Type 0. */
        {1, 1, 0, COMMAND_SESSION_SET},   /* A type that is always raw. */
        {1, 0x21, 0, COMMAND_TICK, 0x40}, /* An unknown bit of `present`. */
    };
    for (uint32_t at = 0; at < sizeof bad / sizeof bad[0]; at++) {
        size_t position = 0;
        assert_int_equal(column_template_read(&read_back, 10, bad[at], sizeof bad[at], &position),
                         STATUS_BAD_FORMAT);
    }
    static const uint8_t good[] = {1, 0x21, 0, COMMAND_TICK, 0x20};
    size_t position = 0;
    assert_int_equal(column_template_read(&read_back, 10, good, sizeof good, &position), STATUS_OK);
}

static void test_only_full_zeros_fit(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        uint32_t body_bytes;
    } cases[] = {{COMMAND_TICK, 0},           {COMMAND_ORDER_ENTER, 80},
                 {COMMAND_ORDER_REPLACE, 80}, {COMMAND_ORDER_CANCEL, 16},
                 {COMMAND_ACCOUNT_QUERY, 8},  {COMMAND_SESSION_LOGON, 16},
                 {COMMAND_SESSION_LOGOFF, 16}};
    for (uint32_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        enum column_form form = column_template_form(cases[at].type);
        for (uint32_t byte = 0; byte < 96; byte++) {
            struct command command = {.type = cases[at].type};
            command.body.bytes[byte] = 1;
            assert_int_equal(column_template_fits(form, &command), byte < cases[at].body_bytes);
        }
    }
    struct command command = {.type = COMMAND_FIRM_SET};
    assert_false(column_template_fits(column_template_form(command.type), &command));
}

static void test_take_and_give(void **state)
{
    (void)state;
    struct command command = {
        .type = COMMAND_ORDER_CANCEL, .flags = 1, .site_id = 2, .reserved = 3};
    command.body.cancel.channel = 4;
    command.body.cancel.reserved[2] = 5;
    struct column_template template;
    enum column_form form = column_template_form(command.type);
    column_template_take(&template, form, &command);
    struct command given = {0};
    column_template_give(&template, form, &given);
    assert_memory_equal(&given, &command, sizeof given);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_most_used_come_first),
        cmocka_unit_test(test_header_round_trip),
        cmocka_unit_test(test_bad_templates_are_refused),
        cmocka_unit_test(test_only_full_zeros_fit),
        cmocka_unit_test(test_take_and_give),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
