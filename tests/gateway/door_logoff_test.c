/* Queues of log-offs over routers that the test plays: they have room for so many commands. */
#include "gateway/door_logoff.h"

#include "tests/support/cmocka_all.h"

#define CAPACITY 8u
#define SITE_ID  2u
#define NOW_NS   UINT64_C(7000)

/* Stands in for router.c. */
struct router {
    uint32_t room;
    enum status refusal;
    struct command taken[4 * CAPACITY];
    uint32_t taken_count;
};

enum status router_submit(struct router *router, const struct command *command,
                          uint64_t received_ns)
{
    assert_true(received_ns == NOW_NS);
    if (router->room == 0) {
        return router->refusal;
    }
    router->room--;
    router->taken[router->taken_count++] = *command;
    return STATUS_OK;
}

static void push(struct door_logoff_queue *queue, uint32_t session_id)
{
    struct door_logoff logoff = {session_id, 10 + session_id, 100 + session_id};
    door_logoff_push(queue, &logoff);
}

static void test_in_order_and_complete(void **state)
{
    (void)state;
    struct door_logoff_queue queue;
    struct router router = {.room = CAPACITY};
    assert_int_equal(door_logoff_queue_create(&queue, CAPACITY), STATUS_OK);
    assert_false(door_logoff_waiting(&queue));
    push(&queue, 3);
    push(&queue, 1);
    assert_true(door_logoff_waiting(&queue));
    assert_true(door_logoff_holds(&queue, 3, 13));
    assert_true(door_logoff_holds(&queue, 1, 11));
    assert_false(door_logoff_holds(&queue, 1, 13));
    assert_false(door_logoff_holds(&queue, 2, 12));
    door_logoff_submit(&queue, &router, SITE_ID, NOW_NS);
    assert_false(door_logoff_waiting(&queue));
    assert_false(door_logoff_holds(&queue, 3, 13));
    assert_int_equal(router.taken_count, 2);
    assert_int_equal(router.taken[0].type, COMMAND_SESSION_LOGOFF);
    assert_int_equal(router.taken[0].session_id, 3);
    assert_int_equal(router.taken[0].epoch, 13);
    assert_int_equal(router.taken[0].input_number, 103);
    assert_int_equal(router.taken[0].site_id, SITE_ID);
    assert_int_equal(router.taken[1].session_id, 1);
    door_logoff_queue_destroy(&queue);
}

/* A client that comes and goes while nothing is taken costs one place, and its last epoch counts.
 */
static void test_of_a_session_the_newest_waits(void **state)
{
    (void)state;
    struct door_logoff_queue queue;
    struct router router = {.refusal = STATUS_NOT_YET};
    assert_int_equal(door_logoff_queue_create(&queue, CAPACITY), STATUS_OK);
    for (uint32_t epoch = 1; epoch <= 10 * CAPACITY; epoch++) {
        struct door_logoff logoff = {1 + epoch % 2, epoch, epoch};
        door_logoff_push(&queue, &logoff);
        door_logoff_submit(&queue, &router, SITE_ID, NOW_NS);
    }
    router.room = CAPACITY;
    door_logoff_submit(&queue, &router, SITE_ID, NOW_NS);
    assert_false(door_logoff_waiting(&queue));
    assert_int_equal(router.taken_count, 2);
    assert_int_equal(router.taken[0].session_id, 2);
    assert_int_equal(router.taken[0].epoch, 10 * CAPACITY - 1);
    assert_int_equal(router.taken[1].epoch, 10 * CAPACITY);
    push(&queue, 1); /* Its place is free again. */
    door_logoff_submit(&queue, &router, SITE_ID, NOW_NS);
    assert_int_equal(router.taken_count, 3);
    door_logoff_queue_destroy(&queue);
}

/* Neither a full router nor one without a leader loses one, whatever the place in the ring. */
static void test_what_finds_no_room_keeps_its_place(void **state)
{
    (void)state;
    struct door_logoff_queue queue;
    struct router router = {.refusal = STATUS_FULL};
    assert_int_equal(door_logoff_queue_create(&queue, CAPACITY), STATUS_OK);
    uint32_t pushed = 0;
    for (uint32_t round = 0; round < 4; round++) {
        while (pushed - router.taken_count < CAPACITY) {
            push(&queue, 1 + pushed++ % CAPACITY);
        }
        router.refusal = round % 2 == 0 ? STATUS_FULL : STATUS_NOT_YET;
        router.room = 3;
        door_logoff_submit(&queue, &router, SITE_ID, NOW_NS);
        assert_int_equal(router.taken_count, 3 * (round + 1));
        assert_true(door_logoff_waiting(&queue));
    }
    router.room = CAPACITY;
    door_logoff_submit(&queue, &router, SITE_ID, NOW_NS);
    assert_int_equal(router.taken_count, pushed);
    for (uint32_t at = 0; at < pushed; at++) {
        assert_int_equal(router.taken[at].session_id, 1 + at % CAPACITY);
    }
    door_logoff_queue_destroy(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order_and_complete),
        cmocka_unit_test(test_of_a_session_the_newest_waits),
        cmocka_unit_test(test_what_finds_no_room_keeps_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
