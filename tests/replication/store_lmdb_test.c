#include "replication/store_lmdb.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "matching/base/random.h"
#include "replication/store_env.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/store_fixture.h"
#include "tests/support/test_seed.h"

static struct store_fixture fixture;
static char env_path[JOURNAL_PATH_BYTES];
static char head_path[JOURNAL_PATH_BYTES];

static void make(void)
{
    store_fixture_make(&fixture, "store_lmdb");
    assert_int_equal(journal_file_path(env_path, fixture.base.directory, STORE_ENV_NAME,
                                       &fixture.error),
                     STATUS_OK);
    assert_int_equal(journal_file_path(head_path, fixture.base.directory, STORE_HEAD_NAME,
                                       &fixture.error),
                     STATUS_OK);
}

static int setup(void **state)
{
    (void)state;
    make();
    assert_int_equal(store_fixture_open(&fixture), STATUS_OK);
    store_fixture_start(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    store_fixture_free(&fixture);
    return 0;
}

static void fill(uint64_t frames, uint32_t payload_bytes)
{
    for (uint64_t i = 0; i < frames; i++) {
        uint64_t salt = fixture.states[0].tail.last_log_index + 1;
        store_fixture_segment(&fixture, 1, payload_bytes, salt);
        (void)store_fixture_frame(&fixture);
    }
    assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
}

static uint8_t *slurp(const char *path, size_t *bytes)
{
    struct stat found;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(fstat(descriptor, &found), 0);
    *bytes = (size_t)found.st_size;
    uint8_t *content = malloc(*bytes);
    assert_non_null(content);
    assert_true(read(descriptor, content, *bytes) == (ssize_t)*bytes);
    assert_int_equal(close(descriptor), 0);
    return content;
}

static void spill(const char *path, const uint8_t *content, size_t bytes)
{
    int descriptor = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_true(write(descriptor, content, bytes) == (ssize_t)bytes);
    assert_int_equal(close(descriptor), 0);
}

/* An older copy of one of the two files: each is told by the other. */
static void test_rolled_back(void **state)
{
    (void)state;
    size_t env_bytes;
    size_t head_bytes;
    fill(5, 1000);
    store_fixture_close(&fixture);
    uint8_t *env = slurp(env_path, &env_bytes);
    uint8_t *head = slurp(head_path, &head_bytes);
    assert_int_equal(store_fixture_open(&fixture), STATUS_OK);
    store_fixture_start(&fixture);
    for (int i = 0; i < 4; i++) {
        fill(1, 1000);
    }
    store_fixture_close(&fixture);
    size_t newer_bytes;
    uint8_t *newer = slurp(env_path, &newer_bytes);

    spill(env_path, env, env_bytes);
    assert_int_equal(store_fixture_open(&fixture), STATUS_DAMAGED);
    assert_non_null(strstr(fixture.error.text, "lost commits"));
    assert_null(fixture.store);
    spill(head_path, head, head_bytes);
    assert_int_equal(store_fixture_open(&fixture), STATUS_OK); /* Both: cannot be told here. */
    store_fixture_close(&fixture);
    spill(env_path, newer, newer_bytes);
    assert_int_equal(store_fixture_open(&fixture), STATUS_DAMAGED);
    assert_non_null(strstr(fixture.error.text, "old copy"));
    free(env);
    free(head);
    free(newer);
}

static void test_foreign_and_missing(void **state)
{
    (void)state;
    store_fixture_close(&fixture);
    fixture.id.incarnation[0] ^= 1;
    assert_int_equal(store_fixture_open(&fixture), STATUS_FOREIGN);
    assert_non_null(strstr(fixture.error.text, "another journal"));
    fixture.id.incarnation[0] ^= 1;
    assert_int_equal(unlink(head_path), 0);
    assert_int_equal(store_fixture_open(&fixture), STATUS_NOT_FOUND);
    assert_non_null(strstr(fixture.error.text, STORE_HEAD_NAME));
}

#define FULL_BYTES 600000u

/* A store that is nearly full takes nothing in until something is trimmed, and then goes on. */
static void test_full(void **state)
{
    (void)state;
    struct store_progress progress;
    uint64_t frames = 0;
    for (;;) {
        uint64_t salt = fixture.states[0].tail.last_log_index + 1;
        store_fixture_segment(&fixture, 1, FULL_BYTES, salt);
        store_publish(fixture.store, store_fixture_frame(&fixture));
        frames++;
        store_progress(fixture.store, &progress);
        while (!progress.full && fixture.wal.persisted_position - progress.position > 1000000) {
            store_progress(fixture.store, &progress);
        }
        assert_int_equal(progress.status, STATUS_OK);
        wal_release(&fixture.wal, progress.position);
        if (progress.full) {
            break;
        }
    }
    assert_true(progress.used_bytes > fixture.id.store_bytes / 10 * 9);
    assert_true(progress.used_bytes <= fixture.id.store_bytes);
    assert_true(frames > fixture.id.store_bytes / 10 * 9 / (FULL_BYTES + 10000));
    uint64_t kept = fixture.states[0].tail.last_log_index - 4;
    store_trim(fixture.store, 1, kept);
    assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
    store_fixture_check(&fixture, 1, kept, FULL_BYTES, kept);
    store_progress(fixture.store, &progress);
    assert_false(progress.full);
    /* Far beyond its size, with trimming. */
    for (uint64_t i = 0; i < 2 * frames; i++) {
        fill(1, FULL_BYTES);
        store_trim(fixture.store, 1, fixture.states[0].tail.last_log_index - 20);
    }
    store_progress(fixture.store, &progress);
    assert_true(progress.used_bytes < fixture.id.store_bytes / 2);
}

/* Any write error is final, has its sentence, and wakes the loop. */
static void test_write_error(void **state)
{
    (void)state;
    struct rlimit before;
    fill(3, 1000);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct stat found;
    assert_int_equal(stat(env_path, &found), 0);
    struct rlimit small = {.rlim_cur = (rlim_t)found.st_size + 300000, .rlim_max = before.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (int i = 0; i < 5; i++) {
        store_fixture_segment(&fixture, 1, 200000, 1);
        (void)store_fixture_frame(&fixture);
    }
    enum status status = store_fixture_store(&fixture); /* Waits to be woken. */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_NO_SPACE);
    assert_non_null(strstr(store_error(fixture.store), STORE_ENV_NAME));
    assert_int_equal(store_fixture_store(&fixture), STATUS_NO_SPACE);
    store_fixture_close(&fixture);
    assert_int_equal(store_fixture_open(&fixture), STATUS_OK);
    assert_true(fixture.store->states[0].tail.last_log_index == 3);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Commits follow time and fill level, never single frames: one at most in 10 ms while the ring is
 * nearly empty. */
static void test_not_woken_by_frames(void **state)
{
    (void)state;
    struct store_progress before;
    struct store_progress after;
    store_progress(fixture.store, &before);
    uint64_t start_ns = now_ns();
    for (uint64_t i = 0; i < 40; i++) {
        store_fixture_vote(&fixture, 1, i + 1);
        (void)store_fixture_frame(&fixture);
        assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
    }
    store_progress(fixture.store, &after);
    uint64_t elapsed_ms = (now_ns() - start_ns) / 1000000;
    assert_true(after.commits - before.commits <= elapsed_ms / 10 + 2);
    assert_true(after.commits - before.commits >= 40);
}

/* The fill level does wake it: an eighth of the ring is stored long before anybody waits for it. */
static void test_woken_by_level(void **state)
{
    (void)state;
    struct store_progress progress;
    store_want(fixture.store);
    while (fixture.wal.persisted_position < fixture.wal.image.ring_bytes / 4) {
        store_fixture_segment(&fixture, 1, 600000, 1);
        store_publish(fixture.store, store_fixture_frame(&fixture));
    }
    struct timespec until;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &until), 0);
    until.tv_sec += 60;
    assert_int_equal(sem_timedwait(&fixture.woken, &until), 0);
    store_progress(fixture.store, &progress);
    assert_true(progress.position > 0);
}

enum outcome { OUTCOME_RIGHT, OUTCOME_NAMED, OUTCOME_WRONG, OUTCOME_CRASHED };

/* cmocka catches these and would go on with the tests, in the child: it would take the directory
 * away from the parent. */
static void crash_in_earnest(void)
{
    static const int signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS};
    for (size_t at = 0; at < sizeof signals / sizeof signals[0]; at++) {
        (void)signal(signals[at], SIG_DFL);
    }
}

/* In a process of its own: LMDB checks no pages and may crash on them. */
static enum outcome read_damaged(uint64_t segments)
{
    enum outcome outcome = OUTCOME_RIGHT;
    if (store_fixture_open(&fixture) != STATUS_OK) {
        return fixture.error.text[0] != 0 ? OUTCOME_NAMED : OUTCOME_WRONG;
    }
    for (uint64_t i = 1; i <= segments; i++) {
        size_t bytes;
        uint64_t last_timestamp_ns;
        struct journal_fixture again = fixture.base;
        enum status status = store_read(fixture.store, 1, i, fixture.base.bytes, SEGMENT_BYTES_MAX,
                                        &bytes, &last_timestamp_ns);
        if (status != STATUS_OK) {
            outcome = OUTCOME_NAMED;
            continue;
        }
        struct journal_tail tail;
        journal_tail_init(&tail);
        tail.last_log_index = i - 1;
        tail.next_command_sequence = 1 + 3 * (i - 1);
        struct segment found;
        if (segment_open(&found, fixture.base.bytes, bytes) != STATUS_OK) {
            return OUTCOME_WRONG;
        }
        memcpy(tail.last_chain_hash, found.previous_chain_hash, SEGMENT_HASH_BYTES);
        again.bytes = malloc(SEGMENT_BYTES_MAX);
        if (again.bytes == NULL) {
            return OUTCOME_WRONG;
        }
        journal_fixture_seal(&again, 1, &tail, 1, 100 + (uint32_t)i * 37, i);
        bool same = segment_bytes(&again.segment) == bytes &&
                    memcmp(again.bytes, fixture.base.bytes, bytes) == 0 &&
                    last_timestamp_ns == journal_fixture_time(i, i);
        free(again.bytes);
        if (!same) {
            return OUTCOME_WRONG;
        }
    }
    return outcome;
}

static void test_flipped_bits(void **state)
{
    (void)state;
    struct random random;
    uint32_t counts[4] = {0};
    test_seed(&random);
    for (uint64_t i = 1; i <= 80; i++) {
        store_fixture_segment(&fixture, 1, 100 + (uint32_t)i * 37, i);
        (void)store_fixture_frame(&fixture);
        if (i % 20 == 0) {
            assert_int_equal(store_fixture_store(&fixture), STATUS_OK);
        }
    }
    store_fixture_close(&fixture);
    size_t bytes;
    uint8_t *content = slurp(env_path, &bytes);
    for (uint32_t i = 0; i < 300; i++) {
        uint64_t at = random_below(&random, bytes);
        uint8_t bit = (uint8_t)(1u << random_below(&random, 8));
        content[at] ^= bit;
        spill(env_path, content, bytes);
        content[at] ^= bit;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct rlimit none = {0};
            (void)setrlimit(RLIMIT_CORE, &none);
            (void)close(STDERR_FILENO);
            crash_in_earnest();
            _exit((int)read_damaged(80));
        }
        int result;
        assert_int_equal(waitpid(child, &result, 0), child);
        uint32_t kind = WIFEXITED(result) ? (uint32_t)WEXITSTATUS(result) : OUTCOME_CRASHED;
        assert_true(kind <= OUTCOME_CRASHED);
        counts[kind]++;
        if (kind == OUTCOME_WRONG) {
            fail_msg("wrong bytes after a flip of %02x at %llu", bit, (unsigned long long)at);
        }
    }
    free(content);
    print_message("%u right, %u named, %u crashed\n", counts[OUTCOME_RIGHT], counts[OUTCOME_NAMED],
                  counts[OUTCOME_CRASHED]);
    assert_true(counts[OUTCOME_NAMED] > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rolled_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_and_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_write_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_woken_by_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(test_woken_by_level, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flipped_bits, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
