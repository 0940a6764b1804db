#include "replication/io/pages.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/random.h"
#include "tests/support/cmocka_all.h"

#define HUGE_BYTES  ((size_t)2 << 20)
#define LARGE_BYTES ((size_t)16 << 20) /* From here on they are used. */

static bool is_zero(const uint8_t *bytes, size_t count)
{
    return bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0;
}

/* How much this process has mapped. */
static size_t mapped_pages(void)
{
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu", &pages), 1);
    (void)fclose(file);
    return pages;
}

/* Every byte is there and zero, whatever the size, and large ones begin at a huge page. */
static void test_sizes_around_pages(void **state)
{
    static const size_t sizes[] = {1,
                                   4095,
                                   4096,
                                   4097,
                                   LARGE_BYTES,
                                   LARGE_BYTES - 1,
                                   LARGE_BYTES + 1,
                                   LARGE_BYTES + HUGE_BYTES + 7};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *memory = pages_take(sizes[i]);
        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % (sizes[i] < LARGE_BYTES ? 4096 : HUGE_BYTES), 0);
        assert_true(sizes[i] == 1 ? memory[0] == 0 : is_zero(memory, sizes[i]));
        memset(memory, 0xA5, sizes[i]);
        assert_int_equal(memory[sizes[i] - 1], 0xA5);
        pages_give(memory, sizes[i]);
    }
}

/* All goes back, also what lay beside it for the sake of its place. */
static void test_everything_goes_back(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 7);
    size_t before = mapped_pages();
    for (int round = 0; round < 100; round++) {
        size_t sizes[4];
        uint8_t *memory[4];
        for (int i = 0; i < 4; i++) {
            sizes[i] = 1 + random_u64(&random) % (2 * LARGE_BYTES);
            memory[i] = pages_take(sizes[i]);
            assert_non_null(memory[i]);
            memory[i][sizes[i] - 1] = 1;
        }
        for (int i = 0; i < 4; i++) {
            assert_int_equal(memory[i][sizes[i] - 1], 1);
            pages_give(memory[i], sizes[i]);
        }
    }
    assert_true(mapped_pages() <= before + 16);
}

static void test_nothing_and_too_much(void **state)
{
    (void)state;
    pages_give(NULL, 4096);
    assert_null(pages_take((size_t)1 << 60));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_around_pages),
        cmocka_unit_test(test_everything_goes_back),
        cmocka_unit_test(test_nothing_and_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
