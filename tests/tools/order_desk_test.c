#include "tools/order_desk.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static const uint8_t symbols[2][SYMBOL_BYTES] = {"AAA     ", "BBB     "};

static struct order_desk *make(uint32_t orders_max, enum order_desk_client_id client_id)
{
    struct order_desk *desk;
    const struct order_desk_options options = {.session_count = 3,
                                               .instrument_count = 2,
                                               .symbols = symbols,
                                               .orders_max = orders_max,
                                               .client_id = client_id,
                                               .seed = 1};
    assert_int_equal(order_desk_create(&desk, &options), STATUS_OK);
    return desk;
}

static struct command make_command(struct order_desk *desk, struct market_action action,
                                   uint32_t *session)
{
    struct command command;
    assert_int_equal(order_desk_command(desk, &action, session, &command), STATUS_OK);
    return command;
}

static struct market_action enter(uint64_t id, uint64_t quantity)
{
    return (struct market_action){.order_id = id,
                                  .quantity = quantity,
                                  .total = quantity,
                                  .price = 1000,
                                  .instrument = 1,
                                  .type = MARKET_ACTION_ENTER,
                                  .side = SIDE_SELL};
}

static struct market_action act(uint8_t type, uint64_t id)
{
    return (struct market_action){.order_id = id, .type = type};
}

static bool tell(struct order_desk *desk, uint32_t session, struct event event,
                 struct order_desk_news *news)
{
    memset(news, 0, sizeof *news);
    return order_desk_event(desk, session, &event, news);
}

static struct event executed(uint32_t reference, uint64_t lots)
{
    return (struct event){.type = EVENT_ORDER_EXECUTED,
                          .user_reference = reference,
                          .quantity_lots = lots};
}

static struct event canceled(uint32_t reference, uint64_t lots)
{
    return (struct event){.type = EVENT_ORDER_CANCELED,
                          .user_reference = reference,
                          .quantity_lots = lots};
}

static void test_commands(void **state)
{
    (void)state;
    struct order_desk *desk = make(10, ORDER_DESK_EMPTY);
    uint32_t session = 2;
    struct command command = make_command(desk, enter(900, 50), &session);
    assert_int_equal(session, 2);
    assert_int_equal(command.type, COMMAND_ORDER_ENTER);
    const struct command_order *order = &command.body.order;
    assert_memory_equal(order->symbol, "BBB     ", 8);
    assert_memory_equal(order->client_order_id, "              ", 14);
    assert_int_equal(order->side, SIDE_SELL);
    assert_int_equal(order->time_in_force, TIF_DAY);
    assert_int_equal(order->user_reference, 1);
    assert_int_equal(order->quantity_lots, 50);
    assert_int_equal(order->price, 1000);

    struct market_action take = enter(MARKET_TAKE_ID + 1, 5);
    take.type = MARKET_ACTION_TAKE;
    command = make_command(desk, take, &session);
    assert_int_equal(command.body.order.time_in_force, TIF_IOC);
    assert_int_equal(command.body.order.user_reference, 2);
    session = 0;
    command = make_command(desk, enter(901, 1), &session);
    assert_int_equal(command.body.order.user_reference, 1); /* Each session counts its own. */

    struct market_action reduce = act(MARKET_ACTION_REDUCE, 900);
    reduce.quantity = 20;
    reduce.total = 30;
    command = make_command(desk, reduce, &session);
    assert_int_equal(session, 2);
    assert_int_equal(command.type, COMMAND_ORDER_CANCEL);
    assert_int_equal(command.body.cancel.user_reference, 1);
    assert_int_equal(command.body.cancel.quantity_lots, 30);
    command = make_command(desk, act(MARKET_ACTION_CANCEL, 900), &session);
    assert_int_equal(command.body.cancel.quantity_lots, 0);

    struct market_action unknown = act(MARKET_ACTION_CANCEL, 77);
    assert_int_equal(order_desk_command(desk, &unknown, &session, &command), STATUS_NOT_FOUND);
    order_desk_reference_set(desk, 1, 500);
    session = 1;
    assert_int_equal(make_command(desk, enter(902, 1), &session).body.order.user_reference, 500);
    order_desk_destroy(desk);
}

static void test_ends_of_an_order(void **state)
{
    (void)state;
    struct order_desk *desk = make(10, ORDER_DESK_COUNTING);
    struct order_desk_news news;
    uint32_t session = 0;
    struct command command;
    struct market_action again = act(MARKET_ACTION_CANCEL, 900);
    /* Filled in two, cancelled in two, rejected, dead at once, refused. */
    for (uint32_t way = 1; way <= 5; way++) {
        (void)make_command(desk, enter(900, 50), &session);
        assert_int_equal(order_desk_count(desk), 1);
        struct event event = {.type = EVENT_ORDER_ACCEPTED, .state = 'L', .user_reference = way};
        bool gone = way == 3 || way == 4;
        event.type = way == 3 ? EVENT_ORDER_REJECTED : EVENT_ORDER_ACCEPTED;
        event.state = way == 4 ? 'D' : 'L';
        assert_false(tell(desk, 1, event, &news)); /* Another session's. */
        assert_true(tell(desk, 0, event, &news));
        assert_int_equal(news.order_id, 900);
        assert_int_equal(news.gone, gone);
        if (way <= 2) {
            event = way == 1 ? executed(way, 20) : canceled(way, 20);
            assert_true(tell(desk, 0, event, &news));
            assert_false(news.gone);
            assert_int_equal(order_desk_command(desk, &again, &session, &command), STATUS_OK);
            event.quantity_lots = 30;
            assert_true(tell(desk, 0, event, &news));
            assert_true(news.gone);
            assert_false(tell(desk, 0, event, &news));
        } else if (way == 5) {
            assert_true(order_desk_refused(desk, 0, 0, way, &news));
            assert_int_equal(news.order_id, 900);
            assert_false(order_desk_refused(desk, 0, 0, way, &news));
        }
        assert_int_equal(order_desk_count(desk), 0);
        assert_int_equal(order_desk_command(desk, &again, &session, &command), STATUS_NOT_FOUND);
    }
    order_desk_destroy(desk);
}

/* Cancelled and entered again under the same id before the cancel is answered. */
static void test_same_id_again(void **state)
{
    (void)state;
    struct order_desk *desk = make(10, ORDER_DESK_EMPTY);
    struct order_desk_news news;
    uint32_t session = 0;
    (void)make_command(desk, enter(900, 50), &session);
    (void)make_command(desk, act(MARKET_ACTION_CANCEL, 900), &session);
    (void)make_command(desk, enter(900, 50), &session);
    assert_true(tell(desk, 0, canceled(1, 50), &news));
    assert_int_equal(news.order_id, 900);
    struct command command = make_command(desk, act(MARKET_ACTION_CANCEL, 900), &session);
    assert_int_equal(command.body.cancel.user_reference, 2);
    assert_true(tell(desk, 0, executed(2, 50), &news));
    assert_int_equal(order_desk_count(desk), 0);
    order_desk_destroy(desk);
}

static struct market_action replace(uint64_t id, uint64_t new_id, uint64_t quantity)
{
    return (struct market_action){.order_id = id,
                                  .new_order_id = new_id,
                                  .quantity = quantity,
                                  .price = 1010,
                                  .type = MARKET_ACTION_REPLACE};
}

static void test_replace(void **state)
{
    (void)state;
    struct order_desk *desk = make(10, ORDER_DESK_EMPTY);
    struct order_desk_news news;
    uint32_t session = 1;
    (void)make_command(desk, enter(900, 50), &session);
    assert_true(tell(desk, 1, executed(1, 20), &news));
    struct command command = make_command(desk, replace(900, 901, 40), &session);
    assert_int_equal(command.type, COMMAND_ORDER_REPLACE);
    assert_int_equal(command.body.order.original_user_reference, 1);
    assert_int_equal(command.body.order.user_reference, 2);
    assert_int_equal(command.body.order.quantity_lots, 60); /* 20 of it executed. */
    struct market_action old = act(MARKET_ACTION_CANCEL, 900);
    assert_int_equal(order_desk_command(desk, &old, &session, &command), STATUS_NOT_FOUND);

    struct event event = {.type = EVENT_ORDER_REPLACED,
                          .state = 'L',
                          .user_reference = 2,
                          .original_user_reference = 1,
                          .quantity_lots = 40};
    assert_true(tell(desk, 1, event, &news));
    assert_int_equal(news.order_id, 901);
    assert_int_equal(order_desk_count(desk), 1);
    command = make_command(desk, replace(901, 902, 5), &session);
    assert_int_equal(command.body.order.quantity_lots, 25);
    /* The original is filled before the replace is seen: that is passed over in silence. */
    assert_true(tell(desk, 1, executed(2, 40), &news));
    assert_true(news.gone);
    assert_int_equal(order_desk_count(desk), 0);
    assert_false(tell(desk, 1, executed(3, 5), &news));
    order_desk_destroy(desk);
}

/* A rejected replace leaves the original as it is. */
static void test_replace_rejected(void **state)
{
    (void)state;
    struct order_desk *desk = make(10, ORDER_DESK_EMPTY);
    struct order_desk_news news;
    uint32_t session = 1;
    (void)make_command(desk, enter(900, 50), &session);
    (void)make_command(desk, replace(900, 901, 40), &session);
    (void)make_command(desk, replace(901, 902, 40), &session);
    struct event event = {.type = EVENT_ORDER_REJECTED, .user_reference = 2};
    assert_true(tell(desk, 1, event, &news));
    assert_int_equal(news.order_id, 901);
    assert_true(news.gone);
    assert_int_equal(order_desk_count(desk), 1);
    struct command command = make_command(desk, act(MARKET_ACTION_CANCEL, 900), &session);
    assert_int_equal(command.body.cancel.user_reference, 1);
    order_desk_destroy(desk);
}

static void test_bound(void **state)
{
    (void)state;
    struct order_desk *desk = make(3, ORDER_DESK_RANDOM);
    struct order_desk_news news;
    uint32_t session = 0;
    for (uint64_t i = 1; i <= 3; i++) {
        (void)make_command(desk, enter(i, 1), &session);
    }
    struct market_action more = enter(4, 1);
    struct command command;
    assert_int_equal(order_desk_command(desk, &more, &session, &command), STATUS_FULL);
    more = replace(1, 4, 1);
    assert_int_equal(order_desk_command(desk, &more, &session, &command), STATUS_FULL);
    assert_true(tell(desk, 0, executed(2, 1), &news));
    more = enter(4, 1);
    command = make_command(desk, more, &session);
    assert_int_equal(command.body.order.user_reference, 4); /* None was used up meanwhile. */
    assert_memory_not_equal(command.body.order.client_order_id, "              ", 14);
    order_desk_destroy(desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),         cmocka_unit_test(test_ends_of_an_order),
        cmocka_unit_test(test_same_id_again),    cmocka_unit_test(test_replace),
        cmocka_unit_test(test_replace_rejected), cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
