/* Both ends of the link: bounds, order, and who gets which answer. */
#include "gateway/admin_link.h"

#include <poll.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tests/support/cmocka_all.h"

struct fixture {
    struct io *io;
    struct admin_link *link;
};

static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    struct io_options options = {.backend = IO_BACKEND_EPOLL,
                                 .handles_max = 4,
                                 .receive_buffer_bytes = 4096,
                                 .receive_buffer_count = 4};
    ASSERT(io_create(&fixture.io, &options) == STATUS_OK);
    ASSERT(admin_link_create(&fixture.link, fixture.io) == STATUS_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    admin_link_destroy(fixture.link);
    io_destroy(fixture.io);
    return 0;
}

static struct admin_request command_request(uint64_t ticket, uint16_t shard_id, uint64_t request_id)
{
    return (
        struct admin_request){.ticket = ticket,
                              .kind = ADMIN_COMMAND,
                              .shard_id = shard_id,
                              .command = {.type = COMMAND_FIRM_SET, .input_number = request_id}};
}

static void send_and_wait(uint64_t ticket, uint16_t shard_id, uint64_t request_id)
{
    struct admin_request request = command_request(ticket, shard_id, request_id);
    assert_int_equal(admin_link_send(fixture.link, &request), STATUS_OK);
    struct admin_request taken;
    assert_true(admin_link_take(fixture.link, &taken));
    assert_memory_equal(&taken, &request, sizeof taken);
    admin_link_wait(fixture.link, &taken);
}

static void assert_answer(uint64_t ticket, enum status status)
{
    static struct admin_answer answer;
    assert_int_equal(admin_link_receive(fixture.link, &answer), STATUS_OK);
    assert_int_equal(answer.ticket, ticket);
    assert_int_equal(answer.status, status);
}

static void assert_quiet(void)
{
    static struct admin_answer answer;
    assert_int_equal(admin_link_receive(fixture.link, &answer), STATUS_NOT_YET);
}

static bool readable(void)
{
    struct pollfd descriptor = {.fd = admin_link_descriptor(fixture.link), .events = POLLIN};
    return poll(&descriptor, 1, 0) == 1;
}

static void event_answers_its_request_alone(void **state)
{
    (void)state;
    send_and_wait(1, 1, 100);
    send_and_wait(2, 1, 101);
    send_and_wait(3, 2, 100);
    struct event event = {.type = EVENT_ADMINISTRATION,
                          .reason = ADMINISTRATION_CONFLICT,
                          .user_reference = 6,
                          .match_number = 100};
    admin_link_event(fixture.link, 1, &event);
    static struct admin_answer answer;
    assert_int_equal(admin_link_receive(fixture.link, &answer), STATUS_OK);
    assert_int_equal(answer.ticket, 1);
    assert_int_equal(answer.kind, ADMIN_COMMAND);
    assert_memory_equal(&answer.body.event, &event, sizeof event);
    assert_quiet();
    /* Once only. */
    admin_link_event(fixture.link, 1, &event);
    assert_quiet();
    admin_link_event(fixture.link, 2, &event);
    assert_answer(3, STATUS_OK);
}

/* A retry while the first is under way: both callers learn the outcome. */
static void same_request_twice_answers_both(void **state)
{
    (void)state;
    send_and_wait(1, 1, 100);
    send_and_wait(2, 1, 100);
    struct event event = {.type = EVENT_ADMINISTRATION, .match_number = 100};
    admin_link_event(fixture.link, 1, &event);
    assert_answer(1, STATUS_OK);
    assert_answer(2, STATUS_OK);
}

static void oldest_gives_way(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= ADMIN_LINK_COMMANDS_MAX; i++) {
        send_and_wait(i, 1, 1000 + i);
    }
    assert_quiet();
    send_and_wait(500, 1, 2000);
    assert_answer(1, STATUS_TIMEOUT);
    send_and_wait(501, 1, 2001);
    assert_answer(2, STATUS_TIMEOUT);
    assert_quiet();
    struct event event = {.type = EVENT_ADMINISTRATION, .match_number = 2000};
    admin_link_event(fixture.link, 1, &event);
    assert_answer(500, STATUS_OK);
    event.match_number = 1001;
    admin_link_event(fixture.link, 1, &event);
    assert_quiet();
}

/* What is under way is bounded until the answers are back, so that an answer always has room. */
static void requests_are_bounded(void **state)
{
    (void)state;
    struct admin_request request = {.ticket = 1, .kind = ADMIN_SITE};
    for (uint32_t i = 0; i < ADMIN_LINK_REQUESTS_MAX; i++) {
        assert_int_equal(admin_link_send(fixture.link, &request), STATUS_OK);
    }
    assert_int_equal(admin_link_send(fixture.link, &request), STATUS_FULL);
    struct admin_request taken;
    while (admin_link_take(fixture.link, &taken)) {
        struct admin_answer answer = {.ticket = taken.ticket, .kind = taken.kind};
        admin_link_answer(fixture.link, &answer);
    }
    assert_int_equal(admin_link_send(fixture.link, &request), STATUS_FULL);
    assert_answer(1, STATUS_OK);
    assert_int_equal(admin_link_send(fixture.link, &request), STATUS_OK);
}

static void descriptor_tells_of_answers(void **state)
{
    (void)state;
    assert_false(readable());
    struct admin_answer answer = {.ticket = 1, .kind = ADMIN_SITE};
    struct admin_request request = {.ticket = 1, .kind = ADMIN_SITE};
    assert_int_equal(admin_link_send(fixture.link, &request), STATUS_OK);
    assert_true(admin_link_take(fixture.link, &request));
    admin_link_answer(fixture.link, &answer);
    assert_true(readable());
    admin_link_quiet(fixture.link);
    assert_false(readable());
    assert_answer(1, STATUS_OK);
    admin_link_wake(fixture.link);
    assert_true(readable());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(event_answers_its_request_alone),
        TEST(same_request_twice_answers_both),
        TEST(oldest_gives_way),
        TEST(requests_are_bounded),
        TEST(descriptor_tells_of_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
