#include "matching/participant.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static _Alignas(64) uint8_t memory[1u << 22];

static struct arena fresh(size_t bytes)
{
    memset(memory, 0, sizeof memory);
    struct arena arena;
    arena_init(&arena, memory, bytes);
    return arena;
}

static struct participants participants;

static void open_participants(void)
{
    struct arena arena = fresh(sizeof memory);
    assert_int_equal(participant_create(&participants, &arena, 4, 2), STATUS_OK);
    struct command_firm firm = {.name = "FRMA", .enabled = 1};
    assert_int_equal(participant_add_firm(&participants, &firm), 1);
    struct command_session session = {.name = "SESS 1", .firm = "FRMA", .open_orders_max = 1};
    session.name[4] = '0';
    assert_int_equal(participant_add_session(&participants, &session), 1);
}

/* Everything but the present epoch, the next input and somebody attached is stale. */
static void test_admission(void **state)
{
    (void)state;
    open_participants();
    struct session *session = &participants.sessions[1];
    struct command command = {.session_id = 1, .epoch = 0, .input_number = 1};
    assert_null(participant_admit(&participants, &command)); /* Nobody is attached. */
    session->attached_site_id = 2;
    session->epoch = 3;
    assert_null(participant_admit(&participants, &command));
    command.epoch = 4;
    assert_null(participant_admit(&participants, &command));
    command.epoch = 3;
    command.input_number = 2;
    assert_null(participant_admit(&participants, &command));
    assert_int_equal(session->input_number_next, 1);
    command.input_number = 1;
    assert_ptr_equal(participant_admit(&participants, &command), session);
    assert_int_equal(session->input_number_next, 2);
    assert_null(participant_admit(&participants, &command));
    static const uint32_t unknown[] = {0, 2, 4, 5, UINT32_MAX};
    for (size_t i = 0; i < 5; i++) {
        command.session_id = unknown[i];
        assert_null(participant_admit(&participants, &command));
    }
}

static void test_names_and_versions(void **state)
{
    (void)state;
    open_participants();
    assert_int_equal(participant_find_firm(&participants, (const uint8_t *)"FRMA"), 1);
    assert_int_equal(participant_find_firm(&participants, (const uint8_t *)"FRMB"), 0);
    assert_int_equal(participant_find_session(&participants, (const uint8_t *)"SESS01"), 1);
    assert_int_equal(participant_find_session(&participants, (const uint8_t *)"SESS02"), 0);
    struct command_firm firm = {.name = "FRMA", .enabled = 0};
    participant_change_firm(&participants, 1, &firm);
    assert_false(participants.firms[1].enabled);
    assert_int_equal(participants.firms[1].version, 2);
    assert_int_equal(participant_sequence(&participants.sessions[1]), 1);
    assert_int_equal(participant_sequence(&participants.sessions[1]), 2);
}

static void test_each_field_out_of_its_range(void **state)
{
    (void)state;
    struct command_firm firm = {.name = "FRMA", .enabled = 2};
    assert_false(participant_firm_valid(&firm));
    firm = (struct command_firm){.name = "    ", .enabled = 1};
    assert_false(participant_firm_valid(&firm));
    firm = (struct command_firm){.name = "FRMA", .enabled = 1, .reserved = {0, 0, 1}};
    assert_false(participant_firm_valid(&firm));
    struct command_session session = {.name = "SESS01", .open_orders_max = SESSION_ORDERS_MAX};
    assert_true(participant_session_valid(&session));
    session.open_orders_max++;
    assert_false(participant_session_valid(&session));
    session.open_orders_max = 0;
    assert_false(participant_session_valid(&session));
    session.open_orders_max = 1;
    session.reserved = 1;
    assert_false(participant_session_valid(&session));
}

static void test_an_arena_too_small(void **state)
{
    (void)state;
    struct arena arena = fresh(1024);
    assert_int_equal(participant_create(&participants, &arena, 16384, 1024), STATUS_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_admission),
        cmocka_unit_test(test_names_and_versions),
        cmocka_unit_test(test_each_field_out_of_its_range),
        cmocka_unit_test(test_an_arena_too_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
