#include "matching/matcher.h"

#include "tests/support/cmocka_all.h"
#include "tests/support/market_fixture.h"

static struct market_fixture fixture;

static int set_up(void **state)
{
    (void)state;
    struct engine_limits limits = market_fixture_limits();
    market_fixture_open(&fixture, &limits, EVENT_BATCH_MIN);
    market_fixture_trade(&fixture);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    market_fixture_close(&fixture);
    return 0;
}

static void enter(uint32_t session, uint32_t reference, uint8_t side, uint64_t lots, int64_t price,
                  uint8_t time_in_force)
{
    market_fixture_enter(&fixture, session, reference, side, lots, price, time_in_force);
}

/* rules.md 4.1, 4.2: best price first, then the oldest; a partial fill keeps its place. */
static void test_price_time_priority(void **state)
{
    (void)state;
    enter(1, 1, SIDE_SELL, 10, 510, TIF_GTC);
    enter(1, 2, SIDE_SELL, 10, 505, TIF_GTC);
    enter(2, 1, SIDE_SELL, 10, 505, TIF_GTC);
    market_fixture_forget(&fixture);
    enter(2, 2, SIDE_BUY, 4, 505, TIF_IOC);
    enter(2, 3, SIDE_BUY, 20, 510, TIF_GTC);
    market_fixture_expect(
        &fixture,
        "accepted state=L session=2 sequence=3 reference=2 instrument=1 lots=4 price=505 order=4 "
        "side=1 tif=3 kind=1 symbol=ABC\n"
        "executed reason=1 session=1 sequence=4 reference=2 instrument=1 lots=4 match=1 price=505\n"
        "executed reason=2 session=2 sequence=4 reference=2 instrument=1 lots=4 match=1 price=505\n"
        "accepted state=L session=2 sequence=5 reference=3 instrument=1 lots=20 price=510 order=5 "
        "side=1 tif=2 kind=1 symbol=ABC\n"
        "executed reason=1 session=1 sequence=5 reference=2 instrument=1 lots=6 match=2 price=505\n"
        "executed reason=2 session=2 sequence=6 reference=3 instrument=1 lots=6 match=2 price=505\n"
        "executed reason=1 session=2 sequence=7 reference=1 instrument=1 lots=10 match=3 "
        "price=505\n"
        "executed reason=2 session=2 sequence=8 reference=3 instrument=1 lots=10 match=3 "
        "price=505\n"
        "executed reason=1 session=1 sequence=6 reference=1 instrument=1 lots=4 match=4 price=510\n"
        "executed reason=2 session=2 sequence=9 reference=3 instrument=1 lots=4 match=4 "
        "price=510\n");
}

/* rules.md 4.3: what is left of an IOC or market order is canceled, of others it rests. */
static void test_what_is_left(void **state)
{
    (void)state;
    enter(1, 1, SIDE_SELL, 10, 500, TIF_GTC);
    market_fixture_forget(&fixture);
    enter(2, 1, SIDE_BUY, 15, 500, TIF_IOC);
    enter(2, 2, SIDE_BUY, 15, 500, TIF_IOC);
    enter(2, 3, SIDE_BUY, 15, 500, TIF_DAY);
    enter(1, 2, SIDE_SELL, 5, 495, TIF_IOC);
    market_fixture_expect(
        &fixture,
        "accepted state=L session=2 sequence=2 reference=1 instrument=1 lots=15 price=500 order=2 "
        "side=1 tif=3 kind=1 symbol=ABC\n"
        "executed reason=1 session=1 sequence=3 reference=1 instrument=1 lots=10 match=1 "
        "price=500\n"
        "executed reason=2 session=2 sequence=3 reference=1 instrument=1 lots=10 match=1 "
        "price=500\n"
        "canceled reason=2 session=2 sequence=4 reference=1 instrument=1 lots=5\n"
        "accepted state=L session=2 sequence=5 reference=2 instrument=1 lots=15 price=500 order=3 "
        "side=1 tif=3 kind=1 symbol=ABC\n"
        "canceled reason=2 session=2 sequence=6 reference=2 instrument=1 lots=15\n"
        "accepted state=L session=2 sequence=7 reference=3 instrument=1 lots=15 price=500 order=4 "
        "side=1 tif=1 kind=1 symbol=ABC\n"
        "accepted state=L session=1 sequence=4 reference=2 instrument=1 lots=5 price=495 order=5 "
        "side=2 tif=3 kind=1 symbol=ABC\n"
        "executed reason=1 session=2 sequence=8 reference=3 instrument=1 lots=5 match=2 price=500\n"
        "executed reason=2 session=1 sequence=5 reference=2 instrument=1 lots=5 match=2 "
        "price=500\n");
}

/* rules.md 4.4: a market order takes any price. */
static void test_market_orders(void **state)
{
    (void)state;
    enter(1, 1, SIDE_BUY, 10, 500, TIF_GTC);
    enter(1, 2, SIDE_BUY, 10, 5, TIF_GTC);
    market_fixture_forget(&fixture);
    struct command command = market_fixture_order(&fixture, 2, 1, SIDE_SELL_SHORT, 25, 0, TIF_IOC);
    command.body.order.kind = ORDER_MARKET;
    market_fixture_apply(&fixture, &command);
    market_fixture_expect(
        &fixture,
        "accepted state=L session=2 sequence=2 reference=1 instrument=1 lots=25 order=3 side=3 "
        "tif=3 kind=2 symbol=ABC\n"
        "executed reason=1 session=1 sequence=4 reference=1 instrument=1 lots=10 match=1 "
        "price=500\n"
        "executed reason=2 session=2 sequence=3 reference=1 instrument=1 lots=10 match=1 "
        "price=500\n"
        "executed reason=1 session=1 sequence=5 reference=2 instrument=1 lots=10 match=2 price=5\n"
        "executed reason=2 session=2 sequence=4 reference=1 instrument=1 lots=10 match=2 price=5\n"
        "canceled reason=2 session=2 sequence=5 reference=1 instrument=1 lots=5\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_price_time_priority, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_market_orders, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
