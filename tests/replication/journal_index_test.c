#include "replication/journal_index.h"

#include <stdlib.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_seed.h"

#define MODEL_MAX 65536u

static struct journal_index *index_make(void)
{
    struct journal_index *index = calloc(1, sizeof *index);
    assert_non_null(index);
    index->positions = malloc(JOURNAL_INDEX_MAX * sizeof index->positions[0]);
    assert_non_null(index->positions);
    return index;
}

static void index_free(struct journal_index *index)
{
    free(index->positions);
    free(index);
}

/* Against a plain table of what should be there. */
static void test_model(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    struct journal_index *index = index_make();
    uint64_t *model = calloc(MODEL_MAX, sizeof *model); /* Position by log index; 0: not there. */
    assert_non_null(model);
    uint64_t last = 0;
    uint64_t position = 1;
    uint64_t released = 0;
    for (uint32_t i = 0; i < 200000 && last + 1 < MODEL_MAX; i++) {
        uint64_t dice = random_below(&random, 100);
        if (dice < 90 && !journal_index_full(index)) {
            model[++last] = position;
            journal_index_add(index, last, position);
            position += 1 + random_below(&random, 5);
        } else if (dice < 92 && last > 0) {
            uint64_t back = random_below(&random, last < 30 ? last : 30);
            for (uint64_t at = last - back + 1; at <= last; at++) {
                model[at] = 0;
            }
            last -= back;
            journal_index_cut(index, last);
        } else if (dice < 93) {
            released += random_below(&random, position - released);
            journal_index_release(index, released);
        }
        for (uint32_t look = 0; look < 4; look++) {
            uint64_t at = 1 + random_below(&random, last + 5);
            uint64_t found;
            bool there = at < MODEL_MAX && model[at] != 0 && model[at] >= released;
            assert_int_equal(journal_index_find(index, at, &found), there);
            if (there) {
                assert_true(found == model[at]);
            }
        }
    }
    index_free(index);
    free(model);
}

static void test_bound(void **state)
{
    (void)state;
    struct journal_index *index = index_make();
    for (uint64_t at = 5; at < 5 + JOURNAL_INDEX_MAX; at++) {
        assert_false(journal_index_full(index));
        journal_index_add(index, at, at * 8);
    }
    assert_true(journal_index_full(index));
    uint64_t position;
    assert_true(journal_index_find(index, 5, &position) && position == 40);
    assert_false(journal_index_find(index, 4, &position));
    assert_false(journal_index_find(index, 5 + JOURNAL_INDEX_MAX, &position));
    journal_index_release(index, 41);
    assert_false(journal_index_full(index));
    assert_false(journal_index_find(index, 5, &position));
    assert_true(journal_index_find(index, 6, &position));
    /* A base empties it; the next log index may be any. */
    journal_index_cut(index, 0);
    assert_false(journal_index_find(index, 6, &position));
    journal_index_add(index, 99999, 7);
    assert_true(journal_index_find(index, 99999, &position) && position == 7);
    index_free(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_model),
        cmocka_unit_test(test_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
