#include "tools/ledger.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

/* A small, right history of two sessions, told event by event; a test leaves one thing out, doubles
 * or changes it, and the ledger must name what is wrong. */
enum step {
    STEP_SEND_SELL,    /* Session 0, reference 1: 100 lots at 1,000. */
    STEP_SEND_BUY,     /* Session 1, reference 1: 60 lots at 1,010, IOC. */
    STEP_SEND_BUY_TWO, /* Session 1, reference 2: 50 lots at 1,000. */
    STEP_ACCEPT_SELL,
    STEP_ACCEPT_BUY,
    STEP_FILL_SELL, /* Match 1: 60 at 1,000. */
    STEP_FILL_BUY,
    STEP_ACCEPT_BUY_TWO,
    STEP_FILL_SELL_TWO, /* Match 2: 40 at 1,000. */
    STEP_FILL_BUY_TWO,
    STEP_CANCEL_BUY_TWO, /* The 10 left, by its user. */
    STEP_JOURNAL_SELL,
    STEP_JOURNAL_BUY,
    STEP_JOURNAL_BUY_TWO,
    STEP_JOURNAL_CANCEL,
    STEPS
};

struct history {
    struct ledger *ledger;
    uint64_t sequence[2];
    enum step changed; /* STEPS: none. */
    struct event change;
};

static struct command order(uint8_t side, uint32_t reference, uint64_t quantity, int64_t price)
{
    struct command command = {.type = COMMAND_ORDER_ENTER};
    command.body.order.side = side;
    command.body.order.kind = ORDER_LIMIT;
    command.body.order.user_reference = reference;
    command.body.order.quantity_lots = quantity;
    command.body.order.price = price;
    return command;
}

static struct command order_of(enum step step)
{
    switch ((int)step) {
    case STEP_SEND_SELL:
    case STEP_JOURNAL_SELL:
        return order(SIDE_SELL, 1, 100, 1000);
    case STEP_SEND_BUY:
    case STEP_JOURNAL_BUY:
        return order(SIDE_BUY, 1, 60, 1010);
    default:
        return order(SIDE_BUY, 2, 50, 1000);
    }
}

static struct event event_of(enum step step)
{
    static const struct event events[STEPS] = {
        [STEP_ACCEPT_SELL] = {.type = EVENT_ORDER_ACCEPTED,
                              .state = 'L',
                              .user_reference = 1,
                              .quantity_lots = 100,
                              .price = 1000},
        [STEP_ACCEPT_BUY] = {.type = EVENT_ORDER_ACCEPTED,
                             .state = 'L',
                             .user_reference = 1,
                             .quantity_lots = 60,
                             .price = 1010},
        [STEP_FILL_SELL] = {.type = EVENT_ORDER_EXECUTED,
                            .reason = LIQUIDITY_ADDED,
                            .user_reference = 1,
                            .quantity_lots = 60,
                            .price = 1000,
                            .match_number = 1},
        [STEP_FILL_BUY] = {.type = EVENT_ORDER_EXECUTED,
                           .reason = LIQUIDITY_REMOVED,
                           .user_reference = 1,
                           .quantity_lots = 60,
                           .price = 1000,
                           .match_number = 1},
        [STEP_ACCEPT_BUY_TWO] = {.type = EVENT_ORDER_ACCEPTED,
                                 .state = 'L',
                                 .user_reference = 2,
                                 .quantity_lots = 50,
                                 .price = 1000},
        [STEP_FILL_SELL_TWO] = {.type = EVENT_ORDER_EXECUTED,
                                .reason = LIQUIDITY_ADDED,
                                .user_reference = 1,
                                .quantity_lots = 40,
                                .price = 1000,
                                .match_number = 2},
        [STEP_FILL_BUY_TWO] = {.type = EVENT_ORDER_EXECUTED,
                               .reason = LIQUIDITY_REMOVED,
                               .user_reference = 2,
                               .quantity_lots = 40,
                               .price = 1000,
                               .match_number = 2},
        [STEP_CANCEL_BUY_TWO] = {.type = EVENT_ORDER_CANCELED,
                                 .reason = CANCEL_USER,
                                 .user_reference = 2,
                                 .quantity_lots = 10},
    };
    return events[step];
}

static uint32_t session_of(enum step step)
{
    return step == STEP_SEND_SELL || step == STEP_ACCEPT_SELL || step == STEP_FILL_SELL ||
                   step == STEP_FILL_SELL_TWO || step == STEP_JOURNAL_SELL
               ? 0
               : 1;
}

static void tell(struct history *history, enum step step)
{
    uint32_t session = session_of(step);
    if (step <= STEP_SEND_BUY_TWO) {
        struct command command = order_of(step);
        assert_int_equal(ledger_sent(history->ledger, session, &command), STATUS_OK);
    } else if (step == STEP_JOURNAL_CANCEL) {
        struct command command = {.type = COMMAND_ORDER_CANCEL};
        command.body.cancel.user_reference = 2;
        ledger_journal(history->ledger, session, &command);
    } else if (step >= STEP_JOURNAL_SELL) {
        struct command command = order_of(step);
        ledger_journal(history->ledger, session, &command);
    } else {
        struct event event = step == history->changed ? history->change : event_of(step);
        assert_int_equal(ledger_event(history->ledger, session, ++history->sequence[session],
                                      &event),
                         STATUS_OK);
    }
}

static struct history begin(void)
{
    struct history history = {.changed = STEPS};
    assert_int_equal(ledger_create(&history.ledger, 2, 1000), STATUS_OK);
    return history;
}

/* Closes, asserts that exactly `violation` was found (LEDGER_VIOLATIONS: none). */
static void end(struct history *history, enum ledger_violation violation)
{
    uint64_t total = ledger_close(history->ledger, true);
    struct ledger_counts counts = ledger_counts(history->ledger);
    for (enum ledger_violation i = 0; i < LEDGER_VIOLATIONS; i++) {
        if (i == violation) {
            assert_true(counts.violations[i] > 0);
        } else if (counts.violations[i] > 0 && violation == LEDGER_VIOLATIONS) {
            fail_msg("found: %s", ledger_violation_text(i));
        }
    }
    assert_int_equal(total == 0, violation == LEDGER_VIOLATIONS);
    const struct ledger_finding *findings;
    uint32_t count = ledger_findings(history->ledger, &findings);
    bool named = violation == LEDGER_VIOLATIONS;
    for (uint32_t i = 0; i < count; i++) {
        named |= findings[i].violation == violation;
    }
    assert_true(named);
    ledger_destroy(history->ledger);
}

static void test_right_history(void **state)
{
    (void)state;
    struct history history = begin();
    for (enum step step = 0; step < STEPS; step++) {
        tell(&history, step);
    }
    struct ledger_counts counts = ledger_counts(history.ledger);
    assert_int_equal(counts.sent, 3);
    assert_int_equal(counts.accepted, 3);
    assert_int_equal(counts.executions, 2);
    assert_int_equal(counts.quantity_executed, 100);
    assert_int_equal(counts.canceled, 1);
    assert_int_equal(counts.in_journal, 3);
    end(&history, LEDGER_VIOLATIONS);
}

static void without(enum step left_out, enum ledger_violation violation)
{
    struct history history = begin();
    for (enum step step = 0; step < STEPS; step++) {
        if (step != left_out) {
            tell(&history, step);
        }
    }
    end(&history, violation);
}

static void test_left_out(void **state)
{
    (void)state;
    without(STEP_SEND_BUY, LEDGER_NEVER_SENT);
    without(STEP_ACCEPT_SELL, LEDGER_IN_DOUBT);
    without(STEP_ACCEPT_SELL, LEDGER_UNKNOWN_ORDER);
    without(STEP_FILL_SELL, LEDGER_MATCH_ONE_SIDED);
    without(STEP_FILL_BUY_TWO, LEDGER_MATCH_ONE_SIDED);
    without(STEP_JOURNAL_SELL, LEDGER_NOT_IN_JOURNAL); /* A lost acknowledged order. */
    without(STEP_JOURNAL_BUY_TWO, LEDGER_NOT_IN_JOURNAL);
    without(STEP_JOURNAL_CANCEL, LEDGER_NOT_IN_JOURNAL); /* A lost acknowledged cancel. */
}

static void twice(enum step doubled, enum ledger_violation violation)
{
    struct history history = begin();
    for (enum step step = 0; step < STEPS; step++) {
        tell(&history, step);
        if (step == doubled) {
            tell(&history, step);
        }
    }
    end(&history, violation);
}

static void test_doubled(void **state)
{
    (void)state;
    twice(STEP_ACCEPT_SELL, LEDGER_ANSWERED_TWICE);
    twice(STEP_FILL_SELL, LEDGER_MATCH_TWICE);
    twice(STEP_FILL_SELL_TWO, LEDGER_UNKNOWN_ORDER); /* It was filled and is gone. */
    twice(STEP_FILL_BUY_TWO, LEDGER_TOO_MUCH);
    twice(STEP_CANCEL_BUY_TWO, LEDGER_UNKNOWN_ORDER);
    twice(STEP_JOURNAL_BUY, LEDGER_VIOLATIONS); /* Sent again, executed once: right. */
}

/* One order with a deadline a second before midnight, answered with a stamp. */
static void answered_at(uint64_t stamp_ns, enum event_type type, enum ledger_violation violation)
{
    const uint64_t day_ns = UINT64_C(86400000000000);
    struct history history = begin();
    struct command command = order(SIDE_SELL, 1, 100, 1000);
    command.flags = COMMAND_HAS_DEADLINE;
    command.body.order.deadline_ns = 20000 * day_ns - UINT64_C(1000000000);
    struct event event = {.type = (uint8_t)type,
                          .state = 'L',
                          .user_reference = 1,
                          .quantity_lots = 100,
                          .price = 1000,
                          .timestamp_ns = stamp_ns};
    if (type == EVENT_ORDER_REJECTED) {
        event.reason = REJECT_TOO_LATE;
    }
    assert_int_equal(ledger_sent(history.ledger, 0, &command), STATUS_OK);
    assert_int_equal(ledger_event(history.ledger, 0, 1, &event), STATUS_OK);
    ledger_journal(history.ledger, 0, &command);
    struct ledger_counts counts = ledger_counts(history.ledger);
    assert_int_equal(counts.with_deadline, 1);
    assert_int_equal(counts.too_late, type == EVENT_ORDER_REJECTED);
    end(&history, violation);
}

static void test_deadlines(void **state)
{
    (void)state;
    const uint64_t deadline_ns = UINT64_C(86399000000000); /* Since midnight. */
    answered_at(deadline_ns - 1, EVENT_ORDER_ACCEPTED, LEDGER_VIOLATIONS);
    answered_at(deadline_ns, EVENT_ORDER_ACCEPTED, LEDGER_VIOLATIONS);
    answered_at(deadline_ns + 1, EVENT_ORDER_ACCEPTED, LEDGER_LATE);
    answered_at(0, EVENT_ORDER_ACCEPTED, LEDGER_LATE); /* The next day. */
    answered_at(deadline_ns, EVENT_ORDER_REJECTED, LEDGER_NOT_LATE);
    answered_at(deadline_ns + 1, EVENT_ORDER_REJECTED, LEDGER_VIOLATIONS);
    answered_at(UINT64_C(500000000), EVENT_ORDER_REJECTED, LEDGER_VIOLATIONS);
}

static void changed(enum step step, struct event event, enum ledger_violation violation)
{
    struct history history = begin();
    history.changed = step;
    history.change = event;
    for (enum step at = 0; at < STEPS; at++) {
        tell(&history, at);
    }
    end(&history, violation);
}

static void test_changed(void **state)
{
    (void)state;
    struct event event = event_of(STEP_FILL_BUY);
    event.price = 1001;
    changed(STEP_FILL_BUY, event, LEDGER_MATCH_SIDES_DIFFER);
    event = event_of(STEP_FILL_BUY);
    event.quantity_lots = 59;
    changed(STEP_FILL_BUY, event, LEDGER_MATCH_SIDES_DIFFER);
    event = event_of(STEP_FILL_BUY);
    event.reason = LIQUIDITY_ADDED;
    changed(STEP_FILL_BUY, event, LEDGER_MATCH_SIDES_DIFFER);
    event = event_of(STEP_FILL_BUY);
    event.price = 1011;
    changed(STEP_FILL_BUY, event, LEDGER_WORSE_THAN_LIMIT);
    event = event_of(STEP_FILL_SELL);
    event.price = 999;
    changed(STEP_FILL_SELL, event, LEDGER_WORSE_THAN_LIMIT);
    event = event_of(STEP_FILL_BUY);
    event.quantity_lots = 61;
    changed(STEP_FILL_BUY, event, LEDGER_TOO_MUCH);
    event = event_of(STEP_CANCEL_BUY_TWO);
    event.quantity_lots = 11;
    changed(STEP_CANCEL_BUY_TWO, event, LEDGER_TOO_MUCH);
    event = event_of(STEP_FILL_BUY_TWO);
    event.match_number = 3;
    changed(STEP_FILL_BUY_TWO, event, LEDGER_MATCH_ONE_SIDED);
    event.match_number = 1; /* Executed with a match that was complete. */
    changed(STEP_FILL_BUY_TWO, event, LEDGER_MATCH_TWICE);
    event.match_number = 1001;
    changed(STEP_FILL_BUY_TWO, event, LEDGER_MATCH_IMPOSSIBLE);
    event.match_number = 0;
    changed(STEP_FILL_BUY_TWO, event, LEDGER_MATCH_IMPOSSIBLE);
    event = event_of(STEP_ACCEPT_BUY);
    event.state = 'D';
    changed(STEP_ACCEPT_BUY, event, LEDGER_UNKNOWN_ORDER);
}

/* Both sides of a match told, but no side of the one before. */
static void test_match_missing(void **state)
{
    (void)state;
    struct history history = begin();
    for (enum step step = 0; step < STEPS; step++) {
        if (step != STEP_FILL_SELL && step != STEP_FILL_BUY) {
            tell(&history, step);
        }
    }
    end(&history, LEDGER_MATCH_MISSING);
}

static void test_stream_gap(void **state)
{
    (void)state;
    for (int64_t offset = -1; offset <= 1; offset += 2) {
        struct history history = begin();
        for (enum step step = 0; step < STEPS; step++) {
            if (step == STEP_FILL_SELL_TWO) {
                history.sequence[0] += (uint64_t)offset;
            }
            tell(&history, step);
        }
        end(&history, LEDGER_STREAM_GAP);
    }
}

static void test_journal_differs(void **state)
{
    (void)state;
    struct history history = begin();
    for (enum step step = 0; step < STEPS; step++) {
        tell(&history, step);
    }
    struct command command = order(SIDE_SELL, 1, 101, 1000);
    ledger_journal(history.ledger, 0, &command);
    end(&history, LEDGER_JOURNAL_DIFFERS);
}

/* Every journal by itself: what the second lacks is missing, though the first has it. */
static void test_two_journals(void **state)
{
    (void)state;
    struct history history = begin();
    for (enum step step = 0; step < STEPS; step++) {
        tell(&history, step);
    }
    assert_true(ledger_counts(history.ledger).in_journal > 1);
    assert_int_equal(ledger_journal_end(history.ledger), 0);
    assert_int_equal(ledger_counts(history.ledger).in_journal, 0);
    for (enum step step = STEP_JOURNAL_SELL; step < STEPS; step++) {
        tell(&history, step);
    }
    assert_int_equal(ledger_journal_end(history.ledger), 0);
    for (enum step step = STEP_JOURNAL_SELL + 1; step < STEPS; step++) {
        tell(&history, step);
    }
    ledger_journal_forget(history.ledger); /* It need not have everything. */
    assert_int_equal(ledger_counts(history.ledger).violations[LEDGER_NOT_IN_JOURNAL], 0);
    for (enum step step = STEP_JOURNAL_SELL + 1; step < STEPS; step++) {
        tell(&history, step);
    }
    assert_true(ledger_journal_end(history.ledger) > 0);
    assert_true(ledger_counts(history.ledger).violations[LEDGER_NOT_IN_JOURNAL] > 0);
    ledger_destroy(history.ledger);
}

/* A replaced order is dead; the new one has the side of the old; a replace of a dead order may stay
 * without an answer. */
static void test_replace(void **state)
{
    (void)state;
    struct history history = begin();
    tell(&history, STEP_SEND_SELL);
    tell(&history, STEP_ACCEPT_SELL);
    struct command replace = order(0, 2, 80, 900);
    replace.type = COMMAND_ORDER_REPLACE;
    replace.body.order.original_user_reference = 1;
    assert_int_equal(ledger_sent(history.ledger, 0, &replace), STATUS_OK);
    replace.body.order.user_reference = 3;
    assert_int_equal(ledger_sent(history.ledger, 0, &replace), STATUS_OK);
    struct event event = {.type = EVENT_ORDER_REPLACED,
                          .state = 'L',
                          .user_reference = 2,
                          .original_user_reference = 1,
                          .quantity_lots = 80,
                          .price = 900};
    assert_int_equal(ledger_event(history.ledger, 0, 2, &event), STATUS_OK);
    assert_int_equal(ledger_close(history.ledger, false), 0);
    event = (struct event){.type = EVENT_ORDER_EXECUTED,
                           .reason = LIQUIDITY_REMOVED,
                           .user_reference = 2,
                           .quantity_lots = 80,
                           .price = 899,
                           .match_number = 1};
    assert_int_equal(ledger_event(history.ledger, 0, 3, &event), STATUS_OK);
    assert_int_equal(ledger_counts(history.ledger).violations[LEDGER_WORSE_THAN_LIMIT], 1);
    event = (struct event){.type = EVENT_ORDER_CANCELED, .user_reference = 1, .quantity_lots = 1};
    assert_int_equal(ledger_event(history.ledger, 0, 4, &event), STATUS_OK);
    assert_int_equal(ledger_counts(history.ledger).violations[LEDGER_UNKNOWN_ORDER], 1);
    ledger_destroy(history.ledger);
}

/* What a gateway refused may stay without an answer; executed after all, it is an order like any
 * other. */
static void test_refused(void **state)
{
    (void)state;
    struct history history = begin();
    for (enum step step = 0; step < STEPS; step++) {
        tell(&history, step);
        if (step == STEP_SEND_BUY_TWO) {
            ledger_refused(history.ledger, 1, 0, 2);
            struct command command = order(SIDE_BUY, 3, 1, 1000);
            assert_int_equal(ledger_sent(history.ledger, 1, &command), STATUS_OK);
            ledger_refused(history.ledger, 1, 0, 3);
        }
    }
    assert_int_equal(ledger_counts(history.ledger).refused, 2);
    end(&history, LEDGER_VIOLATIONS);
}

/* The tables grow; the bound holds. */
static void test_many(void **state)
{
    (void)state;
    struct ledger *ledger;
    assert_int_equal(ledger_create(&ledger, 4, 50000), STATUS_OK);
    for (uint32_t i = 0; i < 50000; i++) {
        struct command command = order(i % 2 == 0 ? SIDE_BUY : SIDE_SELL, i / 4 + 1, 1, 7);
        command.body.order.channel = (uint8_t)(i % 3 == 0);
        assert_int_equal(ledger_sent(ledger, i % 4, &command), STATUS_OK);
    }
    struct command more = order(SIDE_BUY, 50001, 1, 7);
    assert_int_equal(ledger_sent(ledger, 0, &more), STATUS_FULL);
    uint64_t sequence[4] = {0};
    for (uint32_t i = 0; i < 50000; i++) {
        struct event event = {.type = EVENT_ORDER_ACCEPTED,
                              .state = 'L',
                              .channel = (uint8_t)(i % 3 == 0),
                              .user_reference = i / 4 + 1,
                              .quantity_lots = 1,
                              .price = 7};
        assert_int_equal(ledger_event(ledger, i % 4, ++sequence[i % 4], &event), STATUS_OK);
    }
    for (uint32_t i = 0; i < 50000; i++) {
        struct event event = {.type = EVENT_ORDER_EXECUTED,
                              .reason = i % 2 == 0 ? LIQUIDITY_ADDED : LIQUIDITY_REMOVED,
                              .channel = (uint8_t)(i % 3 == 0),
                              .user_reference = i / 4 + 1,
                              .quantity_lots = 1,
                              .price = 7,
                              .match_number = i / 2 + 1};
        assert_int_equal(ledger_event(ledger, i % 4, ++sequence[i % 4], &event), STATUS_OK);
    }
    assert_int_equal(ledger_close(ledger, false), 0);
    assert_int_equal(ledger_counts(ledger).executions, 25000);
    ledger_destroy(ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_history), cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_doubled),       cmocka_unit_test(test_deadlines),
        cmocka_unit_test(test_changed),       cmocka_unit_test(test_match_missing),
        cmocka_unit_test(test_stream_gap),    cmocka_unit_test(test_journal_differs),
        cmocka_unit_test(test_two_journals),  cmocka_unit_test(test_replace),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
