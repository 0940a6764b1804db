#include "gateway/router.h"

#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/limits.h"

#define ROUTER_MILLISECOND_NS UINT64_C(1000000)
/* After a refusal of the leader: new commands are refused here for so long. */
#define ROUTER_REFUSED_NS UINT64_C(50000000)
/* A send that found no room is tried again. */
#define ROUTER_RETRY_NS UINT64_C(1000000)

struct router_entry {
    struct command command;
    uint64_t received_ns;
};

/* What another site has sent so far, in its present lane. What a leader took in one term may be
 * lost with it, so a lane never goes on in another. */
struct router_lane {
    uint64_t lane;
    uint64_t term;
    uint64_t next_number;
};

struct router {
    struct router_options options;

    /* A ring. Positions count from the start of the process: executed < head <= taken <= sent <=
     * end. Up to `taken` the leader has them, as far as it has said so; up to `sent` they are under
     * way. */
    struct router_entry *entries;
    uint64_t head;
    uint64_t taken;
    uint64_t sent;
    uint64_t end;
    uint64_t repeat_end; /* What stands before it was sent before. */

    /* The leader that they go to. */
    uint8_t leader_site_id;
    uint64_t term;
    uint64_t lane;
    uint64_t lane_first; /* Position of the lane's record number 1. */
    uint64_t answer_due_ns;
    uint64_t refused_until_ns;
    uint64_t now_ns;

    struct router_lane lanes[SITES_MAX]; /* Of site_id - 1. */
    uint8_t *records;                    /* LINK_WIRE_RECORDS_BYTES_MAX. */
    struct router_counts counts;
};

enum status router_create(struct router **router, const struct router_options *options)
{
    ASSERT(options->site_id >= 1 && options->site_id <= SITES_MAX);
    ASSERT(options->commands_max >= 1);
    *router = NULL;
    struct router *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->options = *options;
    made->lane = options->lane_seed;
    made->entries = calloc(options->commands_max, sizeof made->entries[0]);
    made->records = malloc(LINK_WIRE_RECORDS_BYTES_MAX);
    if (made->entries == NULL || made->records == NULL) {
        router_destroy(made);
        return STATUS_FULL;
    }
    *router = made;
    return STATUS_OK;
}

void router_destroy(struct router *router)
{
    if (router == NULL) {
        return;
    }
    free(router->entries);
    free(router->records);
    free(router);
}

static struct router_entry *router_entry(const struct router *router, uint64_t position)
{
    ASSERT(position >= router->head && position < router->end);
    return &router->entries[position % router->options.commands_max];
}

/* Everything that has not been seen in the journal goes out again, from its beginning. */
static void router_begin_lane(struct router *router)
{
    router->lane++;
    router->lane_first = router->head;
    router->taken = router->head;
    router->repeat_end = router->sent > router->repeat_end ? router->sent : router->repeat_end;
    router->sent = router->head;
    router->refused_until_ns = 0;
}

void router_again(struct router *router)
{
    router_begin_lane(router);
}

/* Who leads now, as far as this site's replica knows. */
static struct shard_leadership router_follow_leader(struct router *router)
{
    const struct shard_leadership now = shard_leadership(router->options.shard);
    if (now.leader_site_id != router->leader_site_id || now.term != router->term) {
        router->leader_site_id = now.leader_site_id;
        router->term = now.term;
        router_begin_lane(router);
    }
    return now;
}

static enum status router_push(struct router *router, const struct command *command,
                               uint64_t received_ns)
{
    if (router->end - router->head == router->options.commands_max) {
        return STATUS_FULL;
    }
    router->entries[router->end % router->options.commands_max] =
        (struct router_entry){.command = *command, .received_ns = received_ns};
    router->end++;
    return STATUS_OK;
}

enum status router_submit(struct router *router, const struct command *command,
                          uint64_t received_ns)
{
    ASSERT(command->timestamp_ns == 0);
    const struct shard_leadership leadership = router_follow_leader(router);
    if (router->end - router->head == router->options.commands_max) {
        return STATUS_FULL;
    }
    if (leadership.leader_site_id != router->options.site_id) {
        bool refused = router->now_ns < router->refused_until_ns;
        return leadership.leader_site_id == 0 || refused
                   ? STATUS_NOT_YET
                   : router_push(router, command, received_ns);
    }
    if (router->sent < router->end) {
        /* What came before goes first. */
        return leadership.takes ? router_push(router, command, received_ns) : STATUS_NOT_YET;
    }
    enum status submitted = shard_submit(router->options.shard, command, received_ns);
    if (submitted != STATUS_OK) {
        return submitted;
    }
    enum status pushed = router_push(router, command, received_ns);
    ASSERT(pushed == STATUS_OK);
    router->sent = router->end;
    router->taken = router->end;
    return STATUS_OK;
}

/* Whether a command of the journal is the one that was submitted: all but what the leader fills in.
 */
static bool router_same(const struct command *one, const struct command *other)
{
    struct command left = *one;
    struct command right = *other;
    left.timestamp_ns = right.timestamp_ns = 0;
    left.waited_ms = right.waited_ms = 0;
    return memcmp(&left, &right, sizeof left) == 0;
}

/* The first appearances of this site's commands come in their order, since every leader took them
 * without gaps: so only the head is looked at. Later appearances match nothing. */
void router_applied(struct router *router, const struct command *command)
{
    if (router->head == router->end ||
        !router_same(&router_entry(router, router->head)->command, command)) {
        return;
    }
    router->head++;
    router->taken = router->taken > router->head ? router->taken : router->head;
    router->sent = router->sent > router->head ? router->sent : router->head;
}

/* ---- To the leader ---- */

static void router_run_here(struct router *router)
{
    while (router->sent < router->end) {
        const struct router_entry *entry = router_entry(router, router->sent);
        if (shard_submit(router->options.shard, &entry->command, entry->received_ns) != STATUS_OK) {
            return;
        }
        router->sent++;
        router->taken = router->sent;
    }
}

/* Zeros at the end of a command go without saying. */
static uint32_t router_record_bytes(const struct command *command)
{
    const uint8_t *bytes = (const uint8_t *)command;
    uint32_t count = sizeof *command;
    while (count > 1 && bytes[count - 1] == 0) {
        count--;
    }
    return count;
}

/* One frame of what waits. False: nothing more can go now. */
static bool router_send_some(struct router *router)
{
    struct link_frame frame = {.type = LINK_WIRE_FORWARD, .shard_id = router->options.shard_id};
    struct link_forward *forward = &frame.forward;
    forward->lane = router->lane;
    forward->first_number = router->sent - router->lane_first + 1;
    forward->records = router->records;
    uint64_t position = router->sent;
    while (position < router->end && position - router->taken < ROUTER_IN_FLIGHT_MAX &&
           forward->record_count < LINK_WIRE_RECORDS_MAX) {
        const struct router_entry *entry = router_entry(router, position);
        struct command command = entry->command;
        uint64_t waited_ns =
            router->now_ns > entry->received_ns ? router->now_ns - entry->received_ns : 0;
        uint64_t waited_ms = command.waited_ms + waited_ns / ROUTER_MILLISECOND_NS;
        command.waited_ms = waited_ms < UINT32_MAX ? (uint32_t)waited_ms : UINT32_MAX;
        if (link_wire_record_add(router->records, LINK_WIRE_RECORDS_BYTES_MAX,
                                 &forward->records_bytes, &command,
                                 router_record_bytes(&command)) != STATUS_OK) {
            break;
        }
        forward->record_count++;
        position++;
    }
    if (forward->record_count == 0 ||
        !router->options.send(router->options.context, router->leader_site_id, &frame)) {
        return false;
    }
    if (router->sent == router->taken) {
        router->answer_due_ns = router->now_ns + ROUTER_RESEND_NS;
    }
    uint64_t repeated_end = position < router->repeat_end ? position : router->repeat_end;
    router->counts.repeated += repeated_end > router->sent ? repeated_end - router->sent : 0;
    router->counts.forwarded += forward->record_count;
    router->sent = position;
    return true;
}

void router_run(struct router *router, uint64_t now_ns)
{
    ASSERT(now_ns >= router->now_ns);
    router->now_ns = now_ns;
    const struct shard_leadership leadership = router_follow_leader(router);
    if (leadership.leader_site_id == router->options.site_id) {
        router_run_here(router);
        return;
    }
    if (leadership.leader_site_id == 0 || now_ns < router->refused_until_ns) {
        return;
    }
    if (router->sent > router->taken && now_ns >= router->answer_due_ns) {
        router->repeat_end = router->sent > router->repeat_end ? router->sent : router->repeat_end;
        router->sent = router->taken; /* The link broke, or dropped something. */
    }
    while (router_send_some(router)) {
    }
}

uint64_t router_due_ns(const struct router *router, uint64_t now_ns)
{
    if (router->leader_site_id == 0 || router->head == router->end) {
        return UINT64_MAX;
    }
    if (now_ns < router->refused_until_ns) {
        return router->refused_until_ns;
    }
    uint64_t due_ns = router->sent > router->taken ? router->answer_due_ns : UINT64_MAX;
    bool waits = router->sent < router->end && router->sent - router->taken < ROUTER_IN_FLIGHT_MAX;
    return waits && due_ns > now_ns + ROUTER_RETRY_NS ? now_ns + ROUTER_RETRY_NS : due_ns;
}

void router_forward_reply(struct router *router, uint8_t from_site_id,
                          const struct link_forward_reply *reply, uint64_t now_ns)
{
    ASSERT(now_ns >= router->now_ns);
    router->now_ns = now_ns;
    if (from_site_id != router->leader_site_id || reply->lane != router->lane) {
        return; /* Of another leader, or an older lane. */
    }
    uint64_t taken = router->lane_first + reply->next_number - 1;
    if (taken > router->end || taken < router->lane_first) {
        return; /* It cannot have taken what was never sent. */
    }
    if (taken > router->taken) {
        router->taken = taken;
        router->sent = taken > router->sent ? taken : router->sent;
        router->answer_due_ns = now_ns + ROUTER_RESEND_NS;
    }
    switch ((enum link_forward_outcome)reply->outcome) {
    case LINK_FORWARD_TAKEN:
        if (taken < router->head) {
            /* It waits for what another leader has already put into the journal. */
            router_begin_lane(router);
        }
        break;
    case LINK_FORWARD_NOT_LEADER:
    case LINK_FORWARD_REFUSED:
        router->refused_until_ns = now_ns + ROUTER_REFUSED_NS;
        router->repeat_end = router->sent > router->repeat_end ? router->sent : router->repeat_end;
        router->sent = router->taken;
        break;
    case LINK_FORWARD_OUTCOME_COUNT:
        ASSERT(false); /* link_wire_decode() lets none through. */
        break;
    }
}

/* ---- From other sites ---- */

/* A command as a gateway at `site_id` may have made it. What its fields say the engine judges. */
static bool router_decode(struct command *command, const uint8_t *record, uint32_t record_bytes,
                          uint8_t site_id)
{
    if (record_bytes > sizeof *command) {
        return false;
    }
    *command = (struct command){0};
    memcpy(command, record, record_bytes);
    bool administration = command->site_id == 0 && command->session_id == 0;
    return command->timestamp_ns == 0 && command->type != COMMAND_TICK &&
           (administration || command->site_id == site_id);
}

static void router_take(struct router *router, struct router_lane *lane, uint8_t site_id,
                        const struct link_forward *forward, uint64_t now_ns)
{
    uint64_t number = forward->first_number;
    uint32_t offset = 0;
    const uint8_t *record;
    uint32_t record_bytes;
    while (link_wire_record_next(forward, &offset, &record, &record_bytes) == STATUS_OK) {
        struct command command;
        if (number > lane->next_number) {
            return; /* A gap: the answer says where to begin again. */
        }
        if (number == lane->next_number) {
            if (!router_decode(&command, record, record_bytes, site_id)) {
                router->counts.refused++;
                return;
            }
            if (shard_submit(router->options.shard, &command, now_ns) != STATUS_OK) {
                return;
            }
            router->counts.taken++;
            lane->next_number++;
        }
        number++;
    }
}

void router_forward(struct router *router, uint8_t from_site_id, const struct link_forward *forward,
                    uint64_t now_ns)
{
    ASSERT(from_site_id >= 1 && from_site_id <= SITES_MAX);
    const struct shard_leadership leadership = shard_leadership(router->options.shard);
    struct router_lane *lane = &router->lanes[from_site_id - 1];
    if (lane->lane != forward->lane) {
        *lane =
            (struct router_lane){.lane = forward->lane, .term = leadership.term, .next_number = 1};
    }
    struct link_frame frame = {.type = LINK_WIRE_FORWARD_REPLY,
                               .shard_id = router->options.shard_id};
    struct link_forward_reply *reply = &frame.forward_reply;
    reply->outcome = LINK_FORWARD_TAKEN;
    if (leadership.leader_site_id != router->options.site_id || leadership.term != lane->term) {
        reply->outcome = LINK_FORWARD_NOT_LEADER;
    } else if (!leadership.takes) {
        reply->outcome = LINK_FORWARD_REFUSED;
    } else {
        router_take(router, lane, from_site_id, forward, now_ns);
    }
    reply->lane = forward->lane;
    reply->next_number = lane->next_number;
    reply->term = leadership.term;
    reply->leader_site_id = leadership.leader_site_id;
    (void)router->options.send(router->options.context, from_site_id,
                               &frame); /* Or it asks again. */
}

void router_counts(const struct router *router, struct router_counts *counts)
{
    *counts = router->counts;
    counts->waiting = (uint32_t)(router->end - router->head);
}
