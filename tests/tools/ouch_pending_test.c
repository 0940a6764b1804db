#include "tools/ouch_pending.h"

#include "tests/support/cmocka_all.h"

static struct command enter(uint8_t channel, uint32_t reference)
{
    struct command command = {.type = COMMAND_ORDER_ENTER};
    command.body.order.channel = channel;
    command.body.order.user_reference = reference;
    return command;
}

static struct command replace(uint32_t original, uint32_t reference)
{
    struct command command = {.type = COMMAND_ORDER_REPLACE};
    command.body.order.original_user_reference = original;
    command.body.order.user_reference = reference;
    return command;
}

static struct command cancel(uint32_t reference)
{
    struct command command = {.type = COMMAND_ORDER_CANCEL};
    command.body.cancel.user_reference = reference;
    return command;
}

static struct command query(uint8_t channel)
{
    struct command command = {.type = COMMAND_ACCOUNT_QUERY};
    command.body.query.channel = channel;
    return command;
}

static struct event answer_to(uint8_t type, uint8_t reason, uint8_t channel, uint32_t reference)
{
    return (struct event){
        .type = type, .reason = reason, .channel = channel, .user_reference = reference};
}

static void put(struct ouch_pending *pending, struct command command, uint64_t tag)
{
    assert_int_equal(ouch_pending_put(pending, &command, tag), STATUS_OK);
    ouch_pending_advance(pending);
}

static void test_bound_and_order(void **state)
{
    (void)state;
    struct ouch_pending pending;
    assert_int_equal(ouch_pending_create(&pending, 4), STATUS_OK);
    struct ouch_pending_answer answer;
    uint32_t next = 1;
    for (uint32_t lap = 0; lap < 3; lap++) {
        while (ouch_pending_count(&pending) < 4) {
            put(&pending, enter(0, next), next);
            next++;
        }
        struct command more = enter(0, next);
        assert_int_equal(ouch_pending_put(&pending, &more, 0), STATUS_FULL);
        for (uint32_t i = 0; i < 3; i++) {
            struct event event = answer_to(EVENT_ORDER_ACCEPTED, 0, 0, next - 4 + i);
            assert_true(ouch_pending_take(&pending, &event, &answer));
            assert_int_equal(answer.tag, next - 4 + i);
            assert_int_equal(answer.silent_count, 0);
        }
        assert_int_equal(ouch_pending_count(&pending), 1);
    }
    ouch_pending_destroy(&pending);
}

static void test_what_answers_what(void **state)
{
    (void)state;
    struct ouch_pending pending;
    assert_int_equal(ouch_pending_create(&pending, 16), STATUS_OK);
    struct ouch_pending_answer answer;
    put(&pending, enter(0, 1), 1);
    put(&pending, enter(3, 1), 2);
    put(&pending, cancel(1), 3);
    put(&pending, replace(1, 2), 4);
    put(&pending, query(5), 5);
    put(&pending, enter(0, 3), 6);

    /* Nothing of this is an answer: other channel, other reference, not asked for. */
    struct event event = answer_to(EVENT_ORDER_ACCEPTED, 0, 1, 1);
    assert_false(ouch_pending_take(&pending, &event, &answer));
    event = answer_to(EVENT_ORDER_EXECUTED, LIQUIDITY_ADDED, 0, 1);
    assert_false(ouch_pending_take(&pending, &event, &answer));
    event = answer_to(EVENT_ORDER_CANCELED, CANCEL_DAY_END, 0, 1);
    assert_false(ouch_pending_take(&pending, &event, &answer));
    event = answer_to(EVENT_ORDER_REPLACED, 0, 0, 1); /* An enter is never replaced. */
    assert_false(ouch_pending_take(&pending, &event, &answer));
    event = answer_to(EVENT_ACCOUNT, 0, 4, 9);
    assert_false(ouch_pending_take(&pending, &event, &answer));
    event = answer_to(EVENT_SYSTEM, SYSTEM_START, 0, 0);
    assert_false(ouch_pending_take(&pending, &event, &answer));
    assert_int_equal(ouch_pending_count(&pending), 6);

    event = answer_to(EVENT_ORDER_REJECTED, REJECT_PRICE, 0, 1);
    assert_true(ouch_pending_take(&pending, &event, &answer));
    assert_int_equal(answer.tag, 1);
    event = answer_to(EVENT_ORDER_CANCELED, CANCEL_USER, 0, 1);
    assert_true(ouch_pending_take(&pending, &event, &answer));
    assert_int_equal(answer.tag, 3);
    assert_int_equal(answer.silent_count, 0); /* Channel 3's order is still to be answered. */
    event = answer_to(EVENT_ORDER_CANCELED, CANCEL_SYSTEM, 0, 1);
    assert_true(ouch_pending_take(&pending, &event, &answer));
    assert_int_equal(answer.tag, 4);
    event = answer_to(EVENT_ACCOUNT, 0, 5, 9);
    assert_true(ouch_pending_take(&pending, &event, &answer));
    assert_int_equal(answer.tag, 5);
    event = answer_to(EVENT_ORDER_REPLACED, 0, 0, 3);
    assert_false(ouch_pending_take(&pending, &event, &answer));
    event = answer_to(EVENT_ORDER_ACCEPTED, 0, 0, 3);
    assert_true(ouch_pending_take(&pending, &event, &answer));
    assert_int_equal(answer.silent_count, 0);
    event = answer_to(EVENT_ORDER_ACCEPTED, 0, 3, 1);
    assert_true(ouch_pending_take(&pending, &event, &answer));
    assert_int_equal(answer.tag, 2);
    assert_int_equal(ouch_pending_count(&pending), 0);
    ouch_pending_destroy(&pending);
}

/* Cancels and replaces are passed over in silence; an order entered is not. */
static void test_what_is_silent(void **state)
{
    (void)state;
    struct ouch_pending pending;
    assert_int_equal(ouch_pending_create(&pending, 16), STATUS_OK);
    struct ouch_pending_answer answer;
    put(&pending, cancel(1), 1);
    put(&pending, replace(1, 2), 2);
    put(&pending, enter(0, 3), 3);
    put(&pending, query(5), 4);
    struct event event = answer_to(EVENT_ACCOUNT, 0, 5, 9);
    assert_true(ouch_pending_take(&pending, &event, &answer));
    assert_int_equal(answer.silent_count, 2);
    assert_int_equal(ouch_pending_count(&pending), 2); /* The order, and the query behind it. */
    /* A later order of the channel is answered: this one never will be. */
    put(&pending, replace(1, 4), 5);
    event = answer_to(EVENT_ORDER_REPLACED, 0, 0, 4);
    assert_true(ouch_pending_take(&pending, &event, &answer));
    assert_int_equal(answer.silent_count, 1);
    assert_int_equal(ouch_pending_count(&pending), 0);
    ouch_pending_destroy(&pending);
}

/* Orders are refused, the connection is lost with the refusals, and then the stream answers a
 * cancel that was sent behind them: they go out again, also for a third time. */
static void test_refusals_lost(void **state)
{
    (void)state;
    struct ouch_pending pending;
    assert_int_equal(ouch_pending_create(&pending, 16), STATUS_OK);
    struct ouch_pending_answer answer;
    put(&pending, enter(0, 910), 1);
    put(&pending, enter(0, 911), 2);
    put(&pending, cancel(853), 3);
    put(&pending, enter(0, 912), 4);
    ouch_pending_rewind(&pending);
    for (uint32_t i = 0; i < 4; i++) {
        ouch_pending_advance(&pending);
    }
    struct event event = answer_to(EVENT_ORDER_CANCELED, CANCEL_USER, 0, 853);
    assert_true(ouch_pending_take(&pending, &event, &answer));
    assert_int_equal(answer.tag, 3);
    assert_int_equal(answer.silent_count, 0);
    assert_false(ouch_pending_take(&pending, &event, &answer)); /* Once is enough. */
    ouch_pending_rewind(&pending);
    for (uint32_t reference = 910; reference <= 912; reference++) {
        assert_int_equal(ouch_pending_unsent(&pending)->body.order.user_reference, reference);
        ouch_pending_advance(&pending);
    }
    assert_null(ouch_pending_unsent(&pending));
    for (uint32_t reference = 910; reference <= 912; reference++) {
        event = answer_to(EVENT_ORDER_ACCEPTED, 0, 0, reference);
        assert_true(ouch_pending_take(&pending, &event, &answer));
        assert_int_equal(answer.silent_count, 0);
    }
    assert_int_equal(ouch_pending_count(&pending), 0);
    ouch_pending_destroy(&pending);
}

/* After a reconnect what is unanswered goes out again, in order; what the stream answers before its
 * turn does not. */
static void test_rewind(void **state)
{
    (void)state;
    struct ouch_pending pending;
    assert_int_equal(ouch_pending_create(&pending, 16), STATUS_OK);
    for (uint32_t i = 1; i <= 5; i++) {
        put(&pending, enter(0, i), i);
    }
    struct command unsent = enter(0, 6);
    assert_int_equal(ouch_pending_put(&pending, &unsent, 6), STATUS_OK);
    struct ouch_pending_answer answer;
    struct event event = answer_to(EVENT_ORDER_ACCEPTED, 0, 0, 2);
    assert_true(ouch_pending_take(&pending, &event, &answer));
    assert_int_equal(answer.silent_count, 1);

    ouch_pending_rewind(&pending);
    assert_int_equal(ouch_pending_unsent(&pending)->body.order.user_reference, 3);
    event = answer_to(EVENT_ORDER_ACCEPTED, 0, 0, 4);
    assert_true(ouch_pending_take(&pending, &event, &answer));
    for (uint32_t i = 5; i <= 6; i++) {
        assert_int_equal(ouch_pending_unsent(&pending)->body.order.user_reference, i);
        ouch_pending_advance(&pending);
    }
    assert_null(ouch_pending_unsent(&pending));
    ouch_pending_destroy(&pending);
}

/* A gateway refuses only what was sent to it. */
static void test_refuse(void **state)
{
    (void)state;
    struct ouch_pending pending;
    assert_int_equal(ouch_pending_create(&pending, 16), STATUS_OK);
    put(&pending, enter(0, 1), 1);
    put(&pending, enter(2, 1), 2);
    struct command unsent = enter(0, 2);
    assert_int_equal(ouch_pending_put(&pending, &unsent, 3), STATUS_OK);
    struct ouch_pending_answer answer;
    assert_false(ouch_pending_refuse(&pending, 0, 2, &answer));
    assert_true(ouch_pending_refuse(&pending, 2, 1, &answer));
    assert_int_equal(answer.tag, 2);
    assert_int_equal(answer.silent_count, 0);
    assert_false(ouch_pending_refuse(&pending, 2, 1, &answer));
    /* What was sent before it is still on its way: it goes out again, the refused one does not. */
    ouch_pending_rewind(&pending);
    assert_int_equal(ouch_pending_unsent(&pending)->body.order.channel, 0);
    assert_int_equal(ouch_pending_unsent(&pending)->body.order.user_reference, 1);
    ouch_pending_advance(&pending);
    assert_int_equal(ouch_pending_unsent(&pending)->body.order.user_reference, 2);
    ouch_pending_advance(&pending);
    assert_null(ouch_pending_unsent(&pending));
    /* Nor does it count as passed over in silence. */
    struct event accepted = {.type = EVENT_ORDER_ACCEPTED, .user_reference = 2};
    assert_true(ouch_pending_take(&pending, &accepted, &answer));
    assert_int_equal(answer.tag, 3);
    assert_int_equal(answer.silent_count, 1);
    assert_int_equal(ouch_pending_count(&pending), 0);
    ouch_pending_destroy(&pending);
}

/* Refused ones make room as soon as nothing stands before them. */
static void test_refused_make_room(void **state)
{
    (void)state;
    struct ouch_pending pending;
    struct ouch_pending_answer answer;
    assert_int_equal(ouch_pending_create(&pending, 4), STATUS_OK);
    for (uint32_t i = 1; i <= 4; i++) {
        put(&pending, enter(0, i), i);
    }
    for (uint32_t i = 4; i > 1; i--) {
        assert_true(ouch_pending_refuse(&pending, 0, i, &answer));
        assert_int_equal(ouch_pending_count(&pending), 4);
    }
    assert_true(ouch_pending_refuse(&pending, 0, 1, &answer));
    assert_int_equal(ouch_pending_count(&pending), 0);
    put(&pending, enter(0, 5), 5);
    ouch_pending_rewind(&pending);
    assert_int_equal(ouch_pending_unsent(&pending)->body.order.user_reference, 5);
    ouch_pending_destroy(&pending);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_and_order),
        cmocka_unit_test(test_what_answers_what),
        cmocka_unit_test(test_what_is_silent),
        cmocka_unit_test(test_refusals_lost),
        cmocka_unit_test(test_rewind),
        cmocka_unit_test(test_refuse),
        cmocka_unit_test(test_refused_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
