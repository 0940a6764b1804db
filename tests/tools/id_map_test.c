#include "tools/id_map.h"

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

static void test_ids_get_dense_indexes(void **state)
{
    (void)state;
    struct id_map map = {.count = 0};
    uint32_t index = 99;
    assert_false(id_map_find(&map, 0, &index));
    /* Neighbours, multiples of a power of two, and ids that differ in their highest bits only. */
    for (uint64_t kind = 0; kind < 3; kind++) {
        for (uint64_t number = 0; number < 3000; number++) {
            uint64_t id = kind == 0 ? number : kind == 1 ? number << 40 | 7 : ~(number << 50);
            uint32_t before = map.count;
            bool known = id_map_find(&map, id, &index);
            uint32_t expected = known ? index : before;
            assert_int_equal(id_map_put(&map, id, &index), STATUS_OK);
            assert_int_equal(index, expected);
            assert_int_equal(map.count, before + (known ? 0 : 1));
            assert_int_equal(map.ids[index], id);
        }
    }
    for (uint32_t at = 0; at < map.count; at++) {
        assert_true(id_map_find(&map, map.ids[at], &index));
        assert_int_equal(index, at);
    }
    assert_false(id_map_find(&map, 12345678, &index));
    assert_true(map.count > 6000);
    id_map_destroy(&map);
    assert_false(id_map_find(&map, 1, &index));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ids_get_dense_indexes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
