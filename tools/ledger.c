#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/checksum.h"
#include "tools/ledger_inside.h"

#define LEDGER_ORDERS_FIRST  4096u /* Room of the table at first; a power of two. */
#define LEDGER_MATCHES_FIRST 4096u
#define LEDGER_DAY_NS        UINT64_C(86400000000000)

enum status ledger_create(struct ledger **ledger, uint32_t sessions_max, uint64_t orders_max)
{
    ASSERT(sessions_max > 0);
    ASSERT(orders_max > 0);
    struct ledger *made = calloc(1, sizeof *made);
    *ledger = made;
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->sessions_max = sessions_max;
    made->orders_max = orders_max;
    made->order_room = LEDGER_ORDERS_FIRST;
    made->match_room = LEDGER_MATCHES_FIRST;
    made->orders = calloc(made->order_room, sizeof *made->orders);
    made->matches = calloc(made->match_room, sizeof *made->matches);
    made->sequence_next = calloc(sessions_max, sizeof *made->sequence_next);
    if (made->orders == NULL || made->matches == NULL || made->sequence_next == NULL) {
        ledger_destroy(made);
        *ledger = NULL;
        return STATUS_FULL;
    }
    for (uint32_t i = 0; i < sessions_max; i++) {
        made->sequence_next[i] = 1;
    }
    return STATUS_OK;
}

void ledger_destroy(struct ledger *ledger)
{
    if (ledger == NULL) {
        return;
    }
    free(ledger->orders);
    free(ledger->matches);
    free(ledger->sequence_next);
    free(ledger);
}

const char *ledger_violation_text(enum ledger_violation violation)
{
    static const char *const texts[LEDGER_VIOLATIONS] = {
        [LEDGER_STREAM_GAP] = "a message is not the stream's next one",
        [LEDGER_NEVER_SENT] = "answer to an order that was never sent",
        [LEDGER_ANSWERED_TWICE] = "answered twice",
        [LEDGER_IN_DOUBT] = "sent, but never answered",
        [LEDGER_LATE] = "accepted or replaced after its deadline",
        [LEDGER_NOT_LATE] = "rejected as too late before its deadline",
        [LEDGER_NOT_IN_JOURNAL] = "acknowledged, but not in the journal",
        [LEDGER_JOURNAL_DIFFERS] = "the journal has another order under its reference",
        [LEDGER_UNKNOWN_ORDER] = "executed, canceled or replaced, but not open",
        [LEDGER_TOO_MUCH] = "executed or canceled beyond its quantity",
        [LEDGER_WORSE_THAN_LIMIT] = "executed at a price worse than its limit",
        [LEDGER_MATCH_TWICE] = "a match was executed twice",
        [LEDGER_MATCH_SIDES_DIFFER] = "the two sides of a match do not fit",
        [LEDGER_MATCH_ONE_SIDED] = "only one side of a match was told",
        [LEDGER_MATCH_MISSING] = "a match number that nobody was told",
        [LEDGER_MATCH_IMPOSSIBLE] = "a match number higher than the number of orders"};
    ASSERT(violation < LEDGER_VIOLATIONS);
    return texts[violation];
}

static void ledger_find(struct ledger *ledger, struct ledger_finding finding)
{
    ledger->counts.violations[finding.violation]++;
    if (ledger->finding_count < LEDGER_FINDINGS_MAX) {
        ledger->findings[ledger->finding_count++] = finding;
    }
}

void ledger_find_order(struct ledger *ledger, enum ledger_violation violation, uint64_t key,
                       uint64_t sequence, uint64_t match_number)
{
    ASSERT(key != 0);
    ledger_find(ledger, (struct ledger_finding){.violation = violation,
                                                .session = (uint32_t)(key >> 40) - 1,
                                                .channel = (uint8_t)(key >> 32),
                                                .user_reference = (uint32_t)key,
                                                .sequence = sequence,
                                                .match_number = match_number});
}

uint64_t ledger_key(const struct ledger *ledger, uint32_t session, uint8_t channel,
                    uint32_t user_reference)
{
    ASSERT(session < ledger->sessions_max);
    return (uint64_t)(session + 1) << 40 | (uint64_t)channel << 32 | user_reference;
}

/* Where `key` stands, or the free place where it would. */
static struct ledger_order *ledger_slot(struct ledger_order *orders, uint64_t room, uint64_t key)
{
    uint64_t at = checksum_mix(CHECKSUM_SEED, key) & (room - 1);
    while (orders[at].key != 0 && orders[at].key != key) {
        at = (at + 1) & (room - 1);
    }
    return &orders[at];
}

static bool ledger_grow(struct ledger *ledger)
{
    uint64_t room = ledger->order_room * 2;
    struct ledger_order *orders = calloc(room, sizeof *orders);
    if (orders == NULL) {
        return false;
    }
    for (uint64_t i = 0; i < ledger->order_room; i++) {
        if (ledger->orders[i].key != 0) {
            *ledger_slot(orders, room, ledger->orders[i].key) = ledger->orders[i];
        }
    }
    free(ledger->orders);
    ledger->orders = orders;
    ledger->order_room = room;
    return true;
}

struct ledger_order *ledger_get(struct ledger *ledger, uint64_t key)
{
    struct ledger_order *order = ledger_slot(ledger->orders, ledger->order_room, key);
    return order->key == 0 ? NULL : order;
}

uint64_t ledger_body_hash(const struct command *command)
{
    return checksum_bytes(command->type, &command->body, sizeof command->body);
}

enum status ledger_sent(struct ledger *ledger, uint32_t session, const struct command *command)
{
    if (command->type != COMMAND_ORDER_ENTER && command->type != COMMAND_ORDER_REPLACE) {
        return STATUS_OK;
    }
    if (ledger->order_count == ledger->orders_max ||
        (ledger->order_count * 4 >= ledger->order_room * 3 && !ledger_grow(ledger))) {
        return STATUS_FULL;
    }
    const struct command_order *body = &command->body.order;
    uint64_t key = ledger_key(ledger, session, body->channel, body->user_reference);
    struct ledger_order *order = ledger_slot(ledger->orders, ledger->order_room, key);
    ASSERT(order->key == 0); /* References are strictly increasing. */
    *order = (struct ledger_order){.key = key,
                                   .body_hash = ledger_body_hash(command),
                                   .price = body->price,
                                   .deadline_ns = body->deadline_ns,
                                   .flags = LEDGER_SENT};
    order->flags |= (command->flags & COMMAND_HAS_DEADLINE) != 0 ? LEDGER_DEADLINE : 0;
    order->flags |= body->side == SIDE_BUY ? LEDGER_SIDE_BUY : 0;
    order->flags |= body->kind == ORDER_MARKET ? LEDGER_MARKET : 0;
    if (command->type == COMMAND_ORDER_REPLACE) {
        order->flags |= LEDGER_SILENT;
        /* It inherits its side. */
        const struct ledger_order *original =
            ledger_get(ledger,
                       ledger_key(ledger, session, body->channel, body->original_user_reference));
        order->flags |= original == NULL ? 0 : original->flags & LEDGER_SIDE_BUY;
    }
    ledger->order_count++;
    ledger->counts.sent++;
    return STATUS_OK;
}

/* Whether a stamp, in ns since midnight UTC, is behind a deadline, which is less than half a day
 * away. */
static bool ledger_is_behind(uint64_t stamp_ns, uint64_t deadline_ns)
{
    uint64_t behind_ns = (stamp_ns + LEDGER_DAY_NS - deadline_ns % LEDGER_DAY_NS) % LEDGER_DAY_NS;
    return behind_ns > 0 && behind_ns < LEDGER_DAY_NS / 2;
}

/* An order is rejected as too late behind its deadline, and only there (P5). */
static void ledger_deadline(struct ledger *ledger, const struct ledger_order *order,
                            uint64_t sequence, const struct event *event)
{
    bool behind = (order->flags & LEDGER_DEADLINE) != 0 &&
                  ledger_is_behind(event->timestamp_ns, order->deadline_ns);
    bool rejected = event->type == EVENT_ORDER_REJECTED;
    ledger->counts.with_deadline += (order->flags & LEDGER_DEADLINE) != 0;
    if (rejected && event->reason == REJECT_TOO_LATE) {
        ledger->counts.too_late++;
        if (!behind) {
            ledger_find_order(ledger, LEDGER_NOT_LATE, order->key, sequence, 0);
        }
    } else if (!rejected && behind) {
        ledger_find_order(ledger, LEDGER_LATE, order->key, sequence, 0);
    }
}

/* Accepted, replaced or rejected: an answer to what was sent, and the only one. */
static void ledger_answer(struct ledger *ledger, uint64_t key, uint64_t sequence,
                          const struct event *event)
{
    struct ledger_order *order = ledger_get(ledger, key);
    if (order == NULL) {
        ledger_find_order(ledger, LEDGER_NEVER_SENT, key, sequence, 0);
        return;
    }
    if ((order->flags & (LEDGER_ACCEPTED | LEDGER_REJECTED)) != 0) {
        ledger_find_order(ledger, LEDGER_ANSWERED_TWICE, key, sequence, 0);
        return;
    }
    ledger_deadline(ledger, order, sequence, event);
    if (event->type == EVENT_ORDER_REJECTED) {
        order->flags |= LEDGER_REJECTED;
        return;
    }
    order->flags |= LEDGER_ACCEPTED;
    order->flags |= event->state == 'L' ? LEDGER_LIVE : 0;
    order->quantity_lots = event->quantity_lots;
    order->leaves_lots = event->quantity_lots;
}

/* The open order that an event speaks of; NULL, and a finding, when there is none. */
static struct ledger_order *ledger_open(struct ledger *ledger, uint64_t key, uint64_t sequence,
                                        uint64_t match_number)
{
    struct ledger_order *order = ledger_get(ledger, key);
    if (order == NULL || (order->flags & LEDGER_LIVE) == 0) {
        ledger_find_order(ledger, LEDGER_UNKNOWN_ORDER, key, sequence, match_number);
        return NULL;
    }
    return order;
}

/* Take executed or canceled lots off an open order. */
static void ledger_take(struct ledger *ledger, struct ledger_order *order, uint64_t quantity_lots,
                        uint64_t sequence, uint64_t match_number)
{
    ASSERT((order->flags & LEDGER_LIVE) != 0);
    if (quantity_lots == 0 || quantity_lots > order->leaves_lots) {
        ledger_find_order(ledger, LEDGER_TOO_MUCH, order->key, sequence, match_number);
        return;
    }
    order->leaves_lots -= quantity_lots;
    if (order->leaves_lots == 0) {
        order->flags &= ~LEDGER_LIVE;
    }
}

static enum status ledger_matches_reserve(struct ledger *ledger, uint64_t match_number)
{
    while (match_number > ledger->match_room) {
        struct ledger_match *matches =
            realloc(ledger->matches, ledger->match_room * 2 * sizeof *matches);
        if (matches == NULL) {
            return STATUS_FULL;
        }
        memset(matches + ledger->match_room, 0, ledger->match_room * sizeof *matches);
        ledger->matches = matches;
        ledger->match_room *= 2;
    }
    return STATUS_OK;
}

static enum status ledger_execute(struct ledger *ledger, uint64_t key, uint64_t sequence,
                                  const struct event *event)
{
    uint64_t number = event->match_number;
    /* Every match uses up at least one of its two orders, so there are never more than orders. */
    if (number == 0 || number > ledger->orders_max) {
        ledger_find_order(ledger, LEDGER_MATCH_IMPOSSIBLE, key, sequence, number);
        return STATUS_OK;
    }
    if (ledger_matches_reserve(ledger, number) != STATUS_OK) {
        return STATUS_FULL;
    }
    struct ledger_order *order = ledger_open(ledger, key, sequence, number);
    if (order == NULL) {
        return STATUS_OK;
    }
    bool buy = (order->flags & LEDGER_SIDE_BUY) != 0;
    bool worse = buy ? event->price > order->price : event->price < order->price;
    if (worse && (order->flags & LEDGER_MARKET) == 0) {
        ledger_find_order(ledger, LEDGER_WORSE_THAN_LIMIT, key, sequence, number);
    }
    ledger_take(ledger, order, event->quantity_lots, sequence, number);

    struct ledger_match *match = &ledger->matches[number - 1];
    bool added = event->reason == LIQUIDITY_ADDED;
    if (number > ledger->match_last) {
        ledger->match_last = number;
    }
    match->sides++;
    if (match->sides == 1) {
        match->quantity_lots = event->quantity_lots;
        match->price = event->price;
        match->first_added = added;
        match->first_buy = buy;
    } else if (match->sides > 2) {
        match->sides = 3;
        ledger_find_order(ledger, LEDGER_MATCH_TWICE, key, sequence, number);
    } else if (match->quantity_lots != event->quantity_lots || match->price != event->price ||
               match->first_added == added || match->first_buy == buy) {
        ledger_find_order(ledger, LEDGER_MATCH_SIDES_DIFFER, key, sequence, number);
    } else {
        ledger->counts.executions++;
        ledger->counts.quantity_executed += event->quantity_lots;
    }
    return STATUS_OK;
}

enum status ledger_event(struct ledger *ledger, uint32_t session, uint64_t sequence,
                         const struct event *event)
{
    uint64_t key = ledger_key(ledger, session, event->channel, event->user_reference);
    ledger->counts.messages++;
    if (sequence != ledger->sequence_next[session]) {
        ledger_find_order(ledger, LEDGER_STREAM_GAP, key, sequence, 0);
    }
    ledger->sequence_next[session] = sequence + 1;
    struct ledger_order *order;
    switch (event->type) {
    case EVENT_ORDER_ACCEPTED:
        ledger->counts.accepted++;
        ledger_answer(ledger, key, sequence, event);
        break;
    case EVENT_ORDER_REJECTED:
        ledger->counts.rejected++;
        ledger_answer(ledger, key, sequence, event);
        break;
    case EVENT_ORDER_REPLACED:
        ledger->counts.replaced++;
        order =
            ledger_open(ledger,
                        ledger_key(ledger, session, event->channel, event->original_user_reference),
                        sequence, 0);
        if (order != NULL) {
            order->flags &= ~LEDGER_LIVE;
        }
        ledger_answer(ledger, key, sequence, event);
        break;
    case EVENT_ORDER_CANCELED:
        ledger->counts.canceled++;
        order = ledger_open(ledger, key, sequence, 0);
        if (order != NULL) {
            order->flags |= event->reason == CANCEL_USER ? LEDGER_CANCEL_ACKNOWLEDGED : 0;
            ledger_take(ledger, order, event->quantity_lots, sequence, 0);
        }
        break;
    case EVENT_ORDER_EXECUTED:
        return ledger_execute(ledger, key, sequence, event);
    default: /* A byte of the wire: system events and answers to queries say nothing of orders. */
        break;
    }
    return STATUS_OK;
}

void ledger_refused(struct ledger *ledger, uint32_t session, uint8_t channel,
                    uint32_t user_reference)
{
    struct ledger_order *order =
        ledger_get(ledger, ledger_key(ledger, session, channel, user_reference));
    ledger->counts.refused++;
    if (order != NULL) {
        order->flags |= LEDGER_SILENT;
    }
}

/* What is missing of one order. */
static void ledger_close_order(struct ledger *ledger, const struct ledger_order *order,
                               bool journal)
{
    ASSERT((order->flags & LEDGER_SENT) != 0);
    bool answered = (order->flags & (LEDGER_ACCEPTED | LEDGER_REJECTED)) != 0;
    if (!answered && (order->flags & LEDGER_SILENT) == 0) {
        ledger_find_order(ledger, LEDGER_IN_DOUBT, order->key, 0, 0);
    }
    if (journal && ledger_journal_lacks(order)) {
        ledger_find_order(ledger, LEDGER_NOT_IN_JOURNAL, order->key, 0, 0);
    }
}

uint64_t ledger_close(struct ledger *ledger, bool journal)
{
    for (uint64_t i = 0; i < ledger->order_room; i++) {
        if (ledger->orders[i].key != 0) {
            ledger_close_order(ledger, &ledger->orders[i], journal);
        }
    }
    for (uint64_t i = 0; i < ledger->match_last; i++) {
        uint8_t sides = ledger->matches[i].sides;
        if (sides < 2) {
            ledger_find(ledger,
                        (struct ledger_finding){.violation = sides == 0 ? LEDGER_MATCH_MISSING
                                                                        : LEDGER_MATCH_ONE_SIDED,
                                                .match_number = i + 1});
        }
    }
    uint64_t total = 0;
    for (uint32_t i = 0; i < LEDGER_VIOLATIONS; i++) {
        total += ledger->counts.violations[i];
    }
    return total;
}

struct ledger_counts ledger_counts(const struct ledger *ledger)
{
    return ledger->counts;
}

uint32_t ledger_findings(const struct ledger *ledger, const struct ledger_finding **findings)
{
    *findings = ledger->findings;
    return ledger->finding_count;
}
