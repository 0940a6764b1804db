#include "replication/commit.h"

#include "tests/support/cmocka_all.h"

static void check(const uint64_t *matched, uint32_t voter_count, uint64_t term_log_index,
                  uint64_t before, uint64_t expected)
{
    struct commit commit = {.voter_count = voter_count, .term_log_index = term_log_index};
    for (uint32_t voter = 0; voter < voter_count; voter++) {
        commit.matched_log_index[voter] = matched[voter];
    }
    assert_int_equal(commit_log_index(&commit, before), expected);
}

static void test_one_site_commits_what_it_has(void **state)
{
    (void)state;
    check((const uint64_t[]){7}, 1, 1, 0, 7);
    check((const uint64_t[]){7}, 1, 7, 0, 7);
}

static void test_only_the_own_term_is_counted(void **state)
{
    (void)state;
    check((const uint64_t[]){7}, 1, 8, 0, 0);
    check((const uint64_t[]){8}, 1, 8, 0, 8); /* And all before it with it. */
    check((const uint64_t[]){9, 5, 5}, 3, 6, 2, 2);
}

static void test_a_majority_is_needed(void **state)
{
    (void)state;
    check((const uint64_t[]){9, 0, 0}, 3, 1, 0, 0);
    check((const uint64_t[]){9, 4, 0}, 3, 1, 0, 4);
    check((const uint64_t[]){0, 4, 6}, 3, 1, 0, 4); /* The leader's own disk is not a must. */
    check((const uint64_t[]){9, 4}, 2, 1, 0, 4);
    check((const uint64_t[]){9, 9, 3, 2}, 4, 1, 0, 3);
    check((const uint64_t[]){9, 8, 7, 6, 5}, 5, 1, 0, 7);
}

static void test_it_never_falls(void **state)
{
    (void)state;
    check((const uint64_t[]){3}, 1, 1, 5, 5);
    check((const uint64_t[]){9, 4, 0}, 3, 1, 6, 6);
}

/* Providers of the voters as a word, 'A' is 1. */
static void check_providers(const uint64_t *matched, const char *providers,
                            uint32_t commit_providers, uint64_t expected)
{
    struct commit commit = {.term_log_index = 1, .commit_providers = commit_providers};
    for (; providers[commit.voter_count] != '\0'; commit.voter_count++) {
        commit.matched_log_index[commit.voter_count] = matched[commit.voter_count];
        commit.provider_id[commit.voter_count] = (uint8_t)(providers[commit.voter_count] - 'A' + 1);
    }
    assert_int_equal(commit_log_index(&commit, 0), expected);
}

static void test_a_majority_must_span_providers(void **state)
{
    (void)state;
    check_providers((const uint64_t[]){9, 9, 4}, "AAB", 1, 9);
    check_providers((const uint64_t[]){9, 9, 4}, "AAB", 2, 4);
    check_providers((const uint64_t[]){9, 8, 7, 6, 5}, "AAABC", 2, 6);
    check_providers((const uint64_t[]){9, 8, 7, 6, 5}, "AAABC", 3, 5);
    check_providers((const uint64_t[]){9, 8, 7, 6, 5}, "ABABA", 3, 0);
    check_providers((const uint64_t[]){0, 8, 8}, "ABC", 2, 8);
    check_providers((const uint64_t[]){0, 0, 8}, "ABC", 1, 0); /* Still a majority. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_site_commits_what_it_has),
        cmocka_unit_test(test_only_the_own_term_is_counted),
        cmocka_unit_test(test_a_majority_is_needed),
        cmocka_unit_test(test_a_majority_must_span_providers),
        cmocka_unit_test(test_it_never_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
