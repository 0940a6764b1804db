#include "tools/ouch_pending.h"

#include <stdlib.h>

#include "matching/base/assertion.h"

enum status ouch_pending_create(struct ouch_pending *pending, uint32_t capacity)
{
    ASSERT(capacity > 0);
    ASSERT((capacity & (capacity - 1)) == 0);

    *pending = (struct ouch_pending){.capacity = capacity};
    pending->entries = calloc(capacity, sizeof *pending->entries);
    return pending->entries == NULL ? STATUS_FULL : STATUS_OK;
}

void ouch_pending_destroy(struct ouch_pending *pending)
{
    free(pending->entries);
    *pending = (struct ouch_pending){.capacity = 0};
}

static struct ouch_pending_entry *ouch_pending_at(const struct ouch_pending *pending,
                                                  uint64_t position)
{
    ASSERT(position >= pending->first);
    ASSERT(position < pending->next);
    return &pending->entries[position & (pending->capacity - 1)];
}

uint32_t ouch_pending_count(const struct ouch_pending *pending)
{
    ASSERT(pending->first <= pending->sent);
    ASSERT(pending->sent <= pending->next);
    return (uint32_t)(pending->next - pending->first);
}

enum status ouch_pending_put(struct ouch_pending *pending, const struct command *command,
                             uint64_t tag)
{
    if (ouch_pending_count(pending) == pending->capacity) {
        return STATUS_FULL;
    }
    pending->next++;
    *ouch_pending_at(pending, pending->next - 1) =
        (struct ouch_pending_entry){.command = *command, .tag = tag};
    return STATUS_OK;
}

const struct command *ouch_pending_unsent(const struct ouch_pending *pending)
{
    return pending->sent == pending->next ? NULL
                                          : &ouch_pending_at(pending, pending->sent)->command;
}

/* What is settled does not go out again. */
static void ouch_pending_skip(struct ouch_pending *pending)
{
    while (pending->sent < pending->next && ouch_pending_at(pending, pending->sent)->settled) {
        pending->sent++;
    }
}

void ouch_pending_advance(struct ouch_pending *pending)
{
    ASSERT(pending->sent < pending->next);
    pending->sent++;
    ouch_pending_skip(pending);
}

void ouch_pending_rewind(struct ouch_pending *pending)
{
    ASSERT(pending->first <= pending->sent);
    pending->sent = pending->first;
    ouch_pending_skip(pending);
}

static bool ouch_pending_enter_is(const struct command *command, uint8_t channel,
                                  uint32_t user_reference)
{
    return (command->type == COMMAND_ORDER_ENTER || command->type == COMMAND_ORDER_REPLACE) &&
           command->body.order.channel == channel &&
           command->body.order.user_reference == user_reference;
}

static bool ouch_pending_cancel_is(const struct command *command, uint8_t channel,
                                   uint32_t user_reference)
{
    return command->type == COMMAND_ORDER_CANCEL && command->body.cancel.channel == channel &&
           command->body.cancel.user_reference == user_reference;
}

/* Whether `event` is the exchange's answer to `command`. */
static bool ouch_pending_answers(const struct command *command, const struct event *event)
{
    switch (event->type) {
    case EVENT_ORDER_ACCEPTED:
        return command->type == COMMAND_ORDER_ENTER &&
               ouch_pending_enter_is(command, event->channel, event->user_reference);
    case EVENT_ORDER_REPLACED:
        return command->type == COMMAND_ORDER_REPLACE &&
               ouch_pending_enter_is(command, event->channel, event->user_reference);
    case EVENT_ORDER_REJECTED:
        return ouch_pending_enter_is(command, event->channel, event->user_reference);
    case EVENT_ORDER_CANCELED:
        if (event->reason == CANCEL_USER) {
            return ouch_pending_cancel_is(command, event->channel, event->user_reference);
        }
        /* A replace with invalid details cancels the original. */
        return event->reason == CANCEL_SYSTEM && command->type == COMMAND_ORDER_REPLACE &&
               command->body.order.channel == event->channel &&
               command->body.order.original_user_reference == event->user_reference;
    case EVENT_ACCOUNT:
        return command->type == COMMAND_ACCOUNT_QUERY &&
               command->body.query.channel == event->channel;
    default: /* Not an enum: a byte of the wire. */
        return false;
    }
}

/* Settled ones that nothing unanswered stands before any more make room. */
static void ouch_pending_trim(struct ouch_pending *pending)
{
    while (pending->first < pending->next && ouch_pending_at(pending, pending->first)->settled) {
        pending->first++;
    }
    if (pending->sent < pending->first) {
        pending->sent = pending->first; /* Answered out of the stream before it was sent again. */
    }
    ouch_pending_skip(pending);
}

/* Whether an answer to `later` says that nothing will ever answer `command`, sent before it. */
static bool ouch_pending_silent(const struct command *command, const struct command *later)
{
    return command->type != COMMAND_ORDER_ENTER ||
           ((later->type == COMMAND_ORDER_ENTER || later->type == COMMAND_ORDER_REPLACE) &&
            later->body.order.channel == command->body.order.channel);
}

/* Settle the entry at `position`, and what before it is passed over. */
static void ouch_pending_settle(struct ouch_pending *pending, uint64_t position,
                                struct ouch_pending_answer *answer)
{
    ASSERT(position >= pending->first);
    struct ouch_pending_entry *entry = ouch_pending_at(pending, position);
    answer->tag = entry->tag;
    answer->command_type = entry->command.type;
    answer->silent_count = 0;
    for (uint64_t at = pending->first; at < position; at++) {
        struct ouch_pending_entry *before = ouch_pending_at(pending, at);
        bool silent = !before->settled && ouch_pending_silent(&before->command, &entry->command);
        before->settled = before->settled || silent;
        answer->silent_count += silent;
    }
    entry->settled = true;
    ouch_pending_trim(pending);
}

bool ouch_pending_take(struct ouch_pending *pending, const struct event *event,
                       struct ouch_pending_answer *answer)
{
    ASSERT(event != NULL);
    ASSERT(answer != NULL);
    for (uint64_t at = pending->first; at < pending->next; at++) {
        const struct ouch_pending_entry *entry = ouch_pending_at(pending, at);
        if (!entry->settled && ouch_pending_answers(&entry->command, event)) {
            ouch_pending_settle(pending, at, answer);
            return true;
        }
    }
    return false;
}

bool ouch_pending_refuse(struct ouch_pending *pending, uint8_t channel, uint32_t user_reference,
                         struct ouch_pending_answer *answer)
{
    ASSERT(answer != NULL);
    for (uint64_t at = pending->first; at < pending->sent; at++) {
        struct ouch_pending_entry *entry = ouch_pending_at(pending, at);
        if (!entry->settled && (ouch_pending_enter_is(&entry->command, channel, user_reference) ||
                                ouch_pending_cancel_is(&entry->command, channel, user_reference))) {
            entry->settled = true;
            *answer = (struct ouch_pending_answer){.tag = entry->tag,
                                                   .command_type = entry->command.type};
            ouch_pending_trim(pending);
            return true;
        }
    }
    return false;
}
