#include "replication/wal_chain.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "replication/wal_record.h"
#include "tests/support/cmocka_all.h"

#define RING_BYTES ((uint64_t)4 * WAL_FRAME_BYTES_MAX)

static uint8_t *ring;
static struct wal_image image;

static int setup(void **state)
{
    (void)state;
    ring = calloc(1, RING_BYTES);
    image = (struct wal_image){.ring = ring, .ring_bytes = RING_BYTES};
    memset(image.key, 9, sizeof image.key);
    return ring == NULL || sodium_init() < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    free(ring);
    return 0;
}

/* A frame behind `place`, with a vote or a start in it; `place` moves behind it. */
struct made {
    uint8_t nonce;
    enum wal_record_type first;
    enum wal_record_type second; /* 0: none. */
    uint64_t persisted_number;
};

static uint32_t put_record(uint8_t *target, enum wal_record_type type)
{
    struct wal_record record = {.type = type};
    if (type == WAL_RECORD_VOTE) {
        record.shard_id = 1;
        record.term = 5;
    }
    wal_record_store(target, 64, &record);
    return wal_record_bytes(&record);
}

static void put(struct wal_place *place, const struct made *made)
{
    uint64_t start = wal_chain_start(&image, place->position);
    uint8_t *target = ring + start % RING_BYTES;
    struct wal_frame frame = {.number = place->number + 1,
                              .persisted_number = made->persisted_number};
    uint8_t *records = target + WAL_FRAME_HEADER_BYTES;
    frame.records_bytes = put_record(records, made->first);
    if (made->second != 0) {
        frame.records_bytes += put_record(records + frame.records_bytes, made->second);
    }
    memcpy(frame.previous_hash, place->hash, WAL_HASH_BYTES);
    memset(frame.start_nonce, made->nonce, WAL_NONCE_BYTES);
    wal_frame_seal(&frame, target, WAL_ALIGNMENT_BYTES, image.key);
    place->number = frame.number;
    place->position = start + WAL_ALIGNMENT_BYTES;
    memcpy(place->hash, frame.hash, WAL_HASH_BYTES);
    memcpy(place->start_nonce, frame.start_nonce, WAL_NONCE_BYTES);
}

static enum status next(struct wal_place *place)
{
    struct wal_frame frame;
    const uint8_t *records;
    return wal_chain_next(&image, place, &frame, &records);
}

static void test_follow(void **state)
{
    (void)state;
    struct wal_place end = {0};
    put(&end, &(struct made){.nonce = 1, .first = WAL_RECORD_START});
    put(&end, &(struct made){.nonce = 1, .first = WAL_RECORD_VOTE, .persisted_number = 1});
    put(&end, &(struct made){.nonce = 2,
                             .first = WAL_RECORD_START,
                             .second = WAL_RECORD_VOTE,
                             .persisted_number = 2});
    struct wal_place place = {0};
    struct wal_place trusted = {0};
    for (uint64_t number = 1; number <= 3; number++) {
        struct wal_frame frame;
        const uint8_t *records;
        assert_int_equal(next(&place), STATUS_OK);
        assert_true(place.number == number);
        wal_chain_trusted(&image, &trusted, &frame, &records);
        assert_memory_equal(&trusted, &place, sizeof place);
    }
    assert_memory_equal(&place, &end, sizeof place);
    assert_int_equal(next(&place), STATUS_NOT_FOUND);
    assert_memory_equal(&place, &end, sizeof place); /* It has not moved. */
}

/* A frame of an earlier life in the place of the next one: number and hash are right, but it
 * continues another frame. */
static void test_other_life_is_not_followed(void **state)
{
    (void)state;
    struct wal_place fork = {0};
    put(&fork, &(struct made){.nonce = 1, .first = WAL_RECORD_START});
    struct wal_place old = fork;
    put(&old, &(struct made){.nonce = 1, .first = WAL_RECORD_VOTE});
    put(&old, &(struct made){.nonce = 1, .first = WAL_RECORD_VOTE, .persisted_number = 1});
    struct wal_place new = fork;
    put(&new, &(struct made){.nonce = 2, .first = WAL_RECORD_START, .persisted_number = 1});
    struct wal_place place = {0};
    assert_int_equal(next(&place), STATUS_OK);
    assert_int_equal(next(&place), STATUS_OK);
    assert_memory_equal(&place, &new, sizeof place);
    assert_int_equal(next(&place), STATUS_NOT_FOUND); /* old's third frame stands there, whole. */
}

/* A frame of an earlier lap in the place of the next one. */
static void test_other_lap_is_not_followed(void **state)
{
    (void)state;
    struct wal_place place = {0};
    put(&place, &(struct made){.nonce = 1, .first = WAL_RECORD_START});
    struct wal_place first = place;
    put(&place, &(struct made){.nonce = 1, .first = WAL_RECORD_VOTE});
    struct wal_place lap = {.number = 900, .position = RING_BYTES};
    memset(lap.start_nonce, 1, sizeof lap.start_nonce);
    put(&lap, &(struct made){.nonce = 1, .first = WAL_RECORD_VOTE, .persisted_number = 890});
    assert_true(lap.position % RING_BYTES == first.position);
    assert_int_equal(next(&lap), STATUS_NOT_FOUND);
}

/* The nonce changes with START and only with it: also for one that knows key and chain. */
static void test_nonce_rule(void **state)
{
    (void)state;
    static const struct {
        struct made made;
        enum status status;
    } cases[] = {
        {{.nonce = 1, .first = WAL_RECORD_VOTE}, STATUS_OK},
        {{.nonce = 2, .first = WAL_RECORD_START}, STATUS_OK},
        {{.nonce = 2, .first = WAL_RECORD_VOTE}, STATUS_DAMAGED},
        {{.nonce = 1, .first = WAL_RECORD_START}, STATUS_DAMAGED},
        {{.nonce = 2, .first = WAL_RECORD_VOTE, .second = WAL_RECORD_START}, STATUS_DAMAGED},
        {{.nonce = 1, .first = WAL_RECORD_VOTE, .second = WAL_RECORD_START}, STATUS_DAMAGED},
        {{.nonce = 2, .first = WAL_RECORD_START, .second = WAL_RECORD_START}, STATUS_DAMAGED},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wal_place place = {0};
        put(&place, &(struct made){.nonce = 1, .first = WAL_RECORD_START});
        struct wal_place end = place;
        put(&end, &cases[i].made);
        struct wal_place before = place;
        assert_int_equal(next(&place), cases[i].status);
        if (cases[i].status != STATUS_OK) {
            assert_memory_equal(&place, &before, sizeof place);
        }
    }
}

static void test_bad_record_is_damage(void **state)
{
    (void)state;
    struct wal_place place = {0};
    struct wal_frame frame = {.number = 1, .records_bytes = 48};
    memset(frame.start_nonce, 1, sizeof frame.start_nonce);
    (void)put_record(ring + WAL_FRAME_HEADER_BYTES, WAL_RECORD_START);
    memset(ring + WAL_FRAME_HEADER_BYTES + 16, 0x77, 32);
    wal_frame_seal(&frame, ring, WAL_ALIGNMENT_BYTES, image.key);
    assert_int_equal(next(&place), STATUS_DAMAGED);
    assert_true(place.number == 0);
}

static void test_start(void **state)
{
    (void)state;
    uint64_t last = RING_BYTES - WAL_FRAME_BYTES_MAX;
    assert_true(wal_chain_start(&image, 0) == 0);
    assert_true(wal_chain_start(&image, last) == last);
    assert_true(wal_chain_start(&image, last + 4096) == RING_BYTES);
    assert_true(wal_chain_start(&image, RING_BYTES - 4096) == RING_BYTES);
    assert_true(wal_chain_start(&image, RING_BYTES) == RING_BYTES);
    assert_true(wal_chain_start(&image, 7 * RING_BYTES + last + 4096) == 8 * RING_BYTES);
}

static void test_survey(void **state)
{
    (void)state;
    struct wal_survey survey;
    wal_chain_survey(&image, &survey);
    assert_true(survey.newest_number == 0 && survey.persisted_number == 0);
    static const struct {
        uint64_t number;
        uint64_t position;
        uint64_t persisted_number;
    } cases[] = {{50, 0, 45}, {99, 1 << 20, 90}, {98, 2 << 20, 93}, {30, 3 << 20, 29}};
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wal_place place = {.number = cases[i].number - 1, .position = cases[i].position};
        put(&place, &(struct made){.nonce = 1,
                                   .first = WAL_RECORD_VOTE,
                                   .persisted_number = cases[i].persisted_number});
    }
    wal_chain_survey(&image, &survey);
    assert_true(survey.newest_number == 99);
    assert_true(survey.persisted_number == 93);
    assert_true(survey.claimant_number == 98);
    assert_true(survey.claimant_position == 2 << 20);
    /* What is not whole says nothing. */
    ring[(2 << 20) + WAL_FRAME_HEADER_BYTES] ^= 1;
    wal_chain_survey(&image, &survey);
    assert_true(survey.newest_number == 99 && survey.persisted_number == 90);
    ring[(1 << 20) + 3] ^= 1;
    wal_chain_survey(&image, &survey);
    assert_true(survey.newest_number == 50 && survey.persisted_number == 45);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_follow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_life_is_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_lap_is_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nonce_rule, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_record_is_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start, setup, teardown),
        cmocka_unit_test_setup_teardown(test_survey, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
