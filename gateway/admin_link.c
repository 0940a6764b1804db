#include "gateway/admin_link.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "matching/base/arena.h"
#include "matching/base/assertion.h"
#include "matching/base/ring.h"

struct admin_link_command {
    uint64_t ticket; /* 0: free. */
    uint64_t request_id;
    uint64_t order; /* Grows: the least is the oldest. */
    uint16_t shard_id;
};

struct admin_link {
    struct ring requests;
    struct ring answers;
    struct io *io;
    int descriptor;
    void *memory;
    /* The administration thread's. */
    _Alignas(64) uint32_t under_way;
    /* The loop thread's. */
    _Alignas(64) struct admin_link_command commands[ADMIN_LINK_COMMANDS_MAX];
    uint64_t command_order;
};

static enum status admin_link_allocate(struct admin_link *link)
{
    size_t bytes =
        ADMIN_LINK_REQUESTS_MAX * (sizeof(struct admin_request) + sizeof(struct admin_answer)) +
        4096;
    bytes = (bytes + 63) & ~(size_t)63;
    link->memory = aligned_alloc(64, bytes);
    if (link->memory == NULL) {
        return STATUS_FULL;
    }
    memset(link->memory, 0, bytes);
    struct arena arena;
    arena_init(&arena, link->memory, bytes);
    enum status status =
        ring_init(&link->requests, &arena, ADMIN_LINK_REQUESTS_MAX, sizeof(struct admin_request));
    if (status == STATUS_OK) {
        status =
            ring_init(&link->answers, &arena, ADMIN_LINK_REQUESTS_MAX, sizeof(struct admin_answer));
    }
    arena_seal(&arena);
    return status;
}

enum status admin_link_create(struct admin_link **link, struct io *io)
{
    ASSERT(link != NULL);
    ASSERT(io != NULL);

    struct admin_link *made = aligned_alloc(64, (sizeof *made + 63) & ~(size_t)63);
    if (made == NULL) {
        return STATUS_FULL;
    }
    memset(made, 0, sizeof *made);
    made->io = io;
    made->descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (made->descriptor < 0) {
        goto fail_link;
    }
    if (admin_link_allocate(made) != STATUS_OK) {
        goto fail_descriptor;
    }
    *link = made;
    return STATUS_OK;

fail_descriptor:
    free(made->memory);
    (void)close(made->descriptor);
fail_link:
    free(made);
    return STATUS_FULL;
}

void admin_link_destroy(struct admin_link *link)
{
    (void)close(link->descriptor);
    free(link->memory);
    free(link);
}

bool admin_link_take(struct admin_link *link, struct admin_request *request)
{
    enum status status = ring_pop(&link->requests, request);
    ASSERT(status == STATUS_OK || status == STATUS_NOT_YET);
    return status == STATUS_OK;
}

void admin_link_answer(struct admin_link *link, const struct admin_answer *answer)
{
    ASSERT(answer->ticket != 0);
    enum status status = ring_push(&link->answers, answer);
    ASSERT(status == STATUS_OK);
    admin_link_wake(link);
}

static void admin_link_settle(struct admin_link *link, struct admin_link_command *command,
                              enum status status, const struct event *event)
{
    struct admin_answer answer = {.ticket = command->ticket,
                                  .kind = ADMIN_COMMAND,
                                  .status = status};
    if (event != NULL) {
        answer.body.event = *event;
    }
    command->ticket = 0;
    admin_link_answer(link, &answer);
}

void admin_link_wait(struct admin_link *link, const struct admin_request *request)
{
    ASSERT(request->kind == ADMIN_COMMAND);
    ASSERT(request->ticket != 0);

    struct admin_link_command *chosen = &link->commands[0];
    for (uint32_t i = 0; i < ADMIN_LINK_COMMANDS_MAX && chosen->ticket != 0; i++) {
        struct admin_link_command *command = &link->commands[i];
        if (command->ticket == 0 || command->order < chosen->order) {
            chosen = command;
        }
    }
    if (chosen->ticket != 0) {
        admin_link_settle(link, chosen, STATUS_TIMEOUT, NULL);
    }
    *chosen = (struct admin_link_command){.ticket = request->ticket,
                                          .request_id = request->command.input_number,
                                          .order = ++link->command_order,
                                          .shard_id = request->shard_id};
}

void admin_link_event(struct admin_link *link, uint16_t shard_id, const struct event *event)
{
    ASSERT(event->type == EVENT_ADMINISTRATION);
    for (uint32_t i = 0; i < ADMIN_LINK_COMMANDS_MAX; i++) {
        struct admin_link_command *command = &link->commands[i];
        if (command->ticket != 0 && command->shard_id == shard_id &&
            command->request_id == event->match_number) {
            admin_link_settle(link, command, STATUS_OK, event);
        }
    }
}

enum status admin_link_send(struct admin_link *link, const struct admin_request *request)
{
    ASSERT(request->ticket != 0);
    /* Counted until the answer is back, so that the answers' ring is never full. */
    if (link->under_way == ADMIN_LINK_REQUESTS_MAX) {
        return STATUS_FULL;
    }
    enum status status = ring_push(&link->requests, request);
    ASSERT(status == STATUS_OK);
    link->under_way++;
    return STATUS_OK;
}

void admin_link_wake_loop(struct admin_link *link)
{
    io_wake(link->io);
}

enum status admin_link_receive(struct admin_link *link, struct admin_answer *answer)
{
    enum status status = ring_pop(&link->answers, answer);
    if (status == STATUS_OK) {
        ASSERT(link->under_way > 0);
        link->under_way--;
    }
    return status;
}

int admin_link_descriptor(const struct admin_link *link)
{
    return link->descriptor;
}

void admin_link_wake(struct admin_link *link)
{
    const uint64_t one = 1;
    /* A counter that cannot grow any more is readable all the same. */
    ssize_t written = write(link->descriptor, &one, sizeof one);
    (void)written;
}

void admin_link_quiet(struct admin_link *link)
{
    uint64_t count;
    ssize_t taken = read(link->descriptor, &count, sizeof count);
    (void)taken;
}
