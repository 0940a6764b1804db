/* A tear or damage: what a start makes of a ring with one unreadable frame, without the store's
 * help. journal_recovery_test.c goes through all states at random; here are the two that must not
 * be taken for each other. */
#include <stdlib.h>
#include <string.h>

#include "replication/journal_inside.h"
#include "replication/journal_recovery.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/io_memory.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/store_memory.h"

enum { FRAMES = 5 };

static uint8_t *content;
static struct journal_fixture fixture;
static uint64_t offsets[FRAMES]; /* Of the frames, one segment each, in the file. */

/* Open the ring that stands in `content` with an empty store: what survives a crash of a process
 * whose store had taken in nothing. */
static enum status start(bool new_ring)
{
    journal_fixture_make_memory(&fixture, content, store_memory_create());
    if (new_ring) {
        journal_fixture_ring(&fixture, content);
    }
    return journal_fixture_open(&fixture);
}

/* Killed: nobody waits for what is in flight. */
static void end(void)
{
    io_memory_drop(fixture.io);
    for (uint32_t at = 0; at < WAL_WRITES_IN_FLIGHT_MAX; at++) {
        fixture.journal->wal.writes[at].number = 0;
    }
    journal_fixture_free(&fixture);
}

/* A ring with FRAMES frames behind the start's own, each durable before the next was written. */
static int setup(void **state)
{
    (void)state;
    content = malloc(WAL_BYTES_MIN);
    assert_non_null(content);
    assert_int_equal(start(true), STATUS_OK);
    for (uint32_t at = 0; at < FRAMES; at++) {
        assert_int_equal(journal_fixture_append(&fixture, 1, 500, at), STATUS_OK);
        assert_int_equal(journal_flush(fixture.journal), STATUS_OK);
        assert_int_equal(io_memory_pending(fixture.io), 1);
        offsets[at] = io_memory_write(fixture.io, 0)->offset;
        io_memory_finish(fixture.io, 0);
        assert_int_equal(journal_fixture_turn(&fixture, 0), STATUS_OK);
    }
    end();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(content);
    content = NULL;
    return 0;
}

static uint64_t persisted(void)
{
    struct journal_tail tail;
    journal_persisted(fixture.journal, 1, &tail);
    return tail.last_log_index;
}

static void test_a_whole_ring_is_read_to_its_end(void **state)
{
    (void)state;
    assert_int_equal(start(false), STATUS_OK);
    assert_int_equal(persisted(), FRAMES);
    for (uint32_t at = 0; at < FRAMES; at++) {
        journal_fixture_check(&fixture, 1, at + 1, 500, at);
    }
    end();
}

/* Nothing says that the last one was ever durable, so nobody has acknowledged it: the ring ends
 * before it. */
static void test_the_last_frame_may_be_torn(void **state)
{
    (void)state;
    content[offsets[FRAMES - 1] + 300] ^= 1;
    assert_int_equal(start(false), STATUS_OK);
    assert_int_equal(persisted(), FRAMES - 1);
    end();
}

/* A later frame knows that each of these was durable: it may have been acknowledged, so this site
 * must neither vote nor go on from before it. */
static void test_a_frame_that_was_durable_is_no_tear(void **state)
{
    (void)state;
    for (uint32_t at = 0; at + 1 < FRAMES; at++) {
        content[offsets[at] + 300] ^= 1;
        assert_int_equal(start(false), STATUS_DAMAGED);
        assert_non_null(strstr(journal_error(fixture.journal), "cannot be read, but frame"));
        end();
        content[offsets[at] + 300] ^= 1;
    }
}

#define tear_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        tear_test(test_a_whole_ring_is_read_to_its_end),
        tear_test(test_the_last_frame_may_be_torn),
        tear_test(test_a_frame_that_was_durable_is_no_tear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
