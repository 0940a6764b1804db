/* What is asked, in which order, and when it is complete. */
#include "gateway/admin_gather.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/cmocka_all.h"

/* A pretended market: `counts` objects of each kind in each shard. */
struct market {
    uint32_t shard_count;
    uint32_t counts[ADMIN_COMMAND + 1];
    enum status fail_status; /* For requests of fail_kind. */
    enum admin_kind fail_kind;
};

static void answer_one(const struct market *market, const struct admin_request *request,
                       struct admin_answer *answer)
{
    memset(answer, 0, sizeof *answer);
    answer->kind = request->kind;
    if (market->fail_status != STATUS_OK && request->kind == market->fail_kind) {
        answer->status = market->fail_status;
        return;
    }
    if (request->kind == ADMIN_SITE) {
        answer->body.site.shard_count = market->shard_count;
    } else if (request->kind == ADMIN_SHARD) {
        answer->body.shard.shard_id = request->shard_id;
    } else if (request->object_id > market->counts[request->kind]) {
        answer->status = STATUS_NOT_FOUND;
    } else if (request->kind == ADMIN_INSTRUMENT) {
        answer->body.instrument.instrument_id = request->object_id;
        memset(answer->body.instrument.terms.symbol, 'A', SYMBOL_BYTES);
        answer->body.instrument.terms.state = TRADING_OPEN;
    } else if (request->kind == ADMIN_FIRM) {
        answer->body.firm.firm_id = request->object_id;
        memset(answer->body.firm.name, 'F', FIRM_NAME_BYTES);
    } else {
        answer->body.session.session_id = request->object_id;
        memset(answer->body.session.name, 'S', SESSION_NAME_BYTES);
        memset(answer->body.session.firm, 'F', FIRM_NAME_BYTES);
    }
}

/* Asks and answers until done; returns how many requests it took. */
static uint32_t run(struct admin_gather *gather, const struct market *market)
{
    uint32_t asked = 0;
    static struct admin_request requests[ADMIN_GATHER_WINDOW];
    while (!gather->done) {
        uint32_t count = 0;
        while (count < ADMIN_GATHER_WINDOW && admin_gather_next(gather, &requests[count])) {
            count++;
        }
        assert_int_not_equal(count, 0);
        struct admin_request more;
        assert_false(admin_gather_next(gather, &more));
        for (uint32_t i = 0; i < count && !gather->done; i++) {
            struct admin_answer answer;
            answer_one(market, &requests[i], &answer);
            admin_gather_answer(gather, &answer);
        }
        asked += count;
    }
    return asked;
}

static void status_asks_site_and_each_shard(void **state)
{
    (void)state;
    struct market market = {.shard_count = 3};
    static struct admin_gather gather;
    admin_gather_begin(&gather, ADMIN_GATHER_STATUS, NULL, 0);
    assert_int_equal(run(&gather, &market), 4);
    assert_int_equal(gather.status, STATUS_OK);
    for (uint16_t i = 0; i < 3; i++) {
        assert_int_equal(gather.shards[i].shard_id, i + 1);
    }
    admin_gather_end(&gather);
}

static void lists_are_complete_at_every_length(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0,
                                       1,
                                       ADMIN_GATHER_WINDOW - 1,
                                       ADMIN_GATHER_WINDOW,
                                       ADMIN_GATHER_WINDOW + 1,
                                       3 * ADMIN_GATHER_WINDOW};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct market market = {
            .shard_count = 2,
            .counts = {
                [ADMIN_INSTRUMENT] = lengths[i], [ADMIN_FIRM] = 1, [ADMIN_SESSION] = lengths[i]}};
        static struct admin_gather gather;
        admin_gather_begin(&gather, ADMIN_GATHER_MARKET, NULL, 0);
        (void)run(&gather, &market);
        assert_int_equal(gather.status, STATUS_OK);
        assert_int_equal(json_array_size(gather.market), 2);
        for (size_t shard = 0; shard < 2; shard++) {
            json_t *object = json_array_get(gather.market, shard);
            json_t *sessions = json_object_get(object, "sessions");
            assert_int_equal(json_array_size(json_object_get(object, "instruments")), lengths[i]);
            assert_int_equal(json_array_size(json_object_get(object, "firms")), 1);
            assert_int_equal(json_array_size(sessions), lengths[i]);
            for (size_t at = 0; at < lengths[i]; at++) {
                json_t *id = json_object_get(json_array_get(sessions, at), "id");
                assert_int_equal(json_integer_value(id), at + 1);
            }
        }
        admin_gather_end(&gather);
    }
}

static void failure_ends_it(void **state)
{
    (void)state;
    struct market market = {.shard_count = 1,
                            .counts = {[ADMIN_FIRM] = 5},
                            .fail_kind = ADMIN_FIRM,
                            .fail_status = STATUS_TIMEOUT};
    static struct admin_gather gather;
    admin_gather_begin(&gather, ADMIN_GATHER_MARKET, NULL, 0);
    (void)run(&gather, &market);
    assert_int_equal(gather.status, STATUS_TIMEOUT);
    struct admin_request request;
    assert_false(admin_gather_next(&gather, &request));
    admin_gather_end(&gather);
    admin_gather_end(&gather);
}

static void command_is_asked_once(void **state)
{
    (void)state;
    struct command command = {.type = COMMAND_FIRM_SET, .input_number = 7};
    static struct admin_gather gather;
    admin_gather_begin(&gather, ADMIN_GATHER_COMMAND, &command, 3);
    struct admin_request request;
    assert_true(admin_gather_next(&gather, &request));
    assert_int_equal(request.shard_id, 3);
    assert_memory_equal(&request.command, &command, sizeof command);
    assert_false(admin_gather_next(&gather, &request));
    struct admin_answer answer = {.kind = ADMIN_COMMAND, .body.event.match_number = 7};
    admin_gather_answer(&gather, &answer);
    assert_true(gather.done);
    assert_int_equal(gather.event.match_number, 7);
    admin_gather_end(&gather);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_asks_site_and_each_shard),
        cmocka_unit_test(lists_are_complete_at_every_length),
        cmocka_unit_test(failure_ends_it),
        cmocka_unit_test(command_is_asked_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
