#include "replication/journal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/random.h"
#include "replication/store_head.h"
#include "replication/wal.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/test_seed.h"

#define KILLS_DEFAULT 40u
#define KILL_SHARDS   2u

static struct journal_fixture fixture;

static int setup(void **state)
{
    (void)state;
    journal_fixture_make(&fixture, "journal_open");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    journal_fixture_free(&fixture);
    return 0;
}

static void open_journal(void)
{
    enum status status = journal_fixture_open(&fixture);
    if (status != STATUS_OK) {
        fail_msg("journal_open: %s: %s", status_text(status), journal_error(fixture.journal));
    }
}

/* Refused, with a sentence that contains `sentence`; nothing can be done with it but close it. */
static void check_refused(enum status expected, const char *sentence)
{
    enum status status = journal_fixture_open(&fixture);
    if (status != expected || strstr(journal_error(fixture.journal), sentence) == NULL) {
        fail_msg("%s: %s", status_text(status), journal_error(fixture.journal));
    }
    assert_false(journal_writable(fixture.journal));
    journal_fixture_close(&fixture);
}

static void in_directory(char path[static JOURNAL_PATH_BYTES], const char *name)
{
    struct journal_error error;
    assert_int_equal(journal_file_path(path, fixture.directory, name, &error), STATUS_OK);
}

static void flip(const char *name, off_t offset)
{
    char path[JOURNAL_PATH_BYTES];
    uint8_t byte;
    in_directory(path, name);
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(pread(descriptor, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(descriptor, &byte, 1, offset), 1);
    assert_int_equal(close(descriptor), 0);
}

static void test_others(void **state)
{
    (void)state;
    fixture.options.cluster_id++;
    check_refused(STATUS_FOREIGN, "another cluster");
    fixture.options.cluster_id--;
    (void)snprintf(fixture.options.site, sizeof fixture.options.site, "gcp-use4");
    check_refused(STATUS_FOREIGN, "aws-use1, not of site gcp-use4");
    (void)snprintf(fixture.options.site, sizeof fixture.options.site, JOURNAL_FIXTURE_SITE);
    open_journal();
}

static void test_in_use(void **state)
{
    (void)state;
    open_journal();
    struct journal *other;
    assert_int_equal(journal_open(&other, fixture.io, &fixture.options), STATUS_IN_USE);
    assert_non_null(strstr(journal_error(other), "another process"));
    journal_close(other);
    assert_int_equal(journal_fixture_append(&fixture, 1, 10, 1), STATUS_OK);
    journal_fixture_persist(&fixture); /* The first one has not noticed anything. */
}

static void test_missing_files(void **state)
{
    (void)state;
    static const char *const names[] = {JOURNAL_ID_NAME, WAL_NAME, "store.mdb", STORE_HEAD_NAME};
    for (uint32_t i = 0; i < 4; i++) {
        char path[JOURNAL_PATH_BYTES];
        char away[JOURNAL_PATH_BYTES];
        in_directory(path, names[i]);
        in_directory(away, "away");
        assert_int_equal(rename(path, away), 0);
        check_refused(STATUS_NOT_FOUND, i == 0 ? "there is no journal" : names[i]);
        struct stat found;
        assert_int_equal(stat(path, &found), -1); /* Nothing was made in its place. */
        assert_int_equal(rename(away, path), 0);
    }
    open_journal();
}

/* Files of another journal, made for the same site. */
static void test_mixed_incarnations(void **state)
{
    (void)state;
    char text[JOURNAL_ERROR_BYTES];
    struct journal_fixture other = fixture;
    test_paths_make(other.directory, "journal_open");
    other.options.directory = other.directory;
    assert_int_equal(journal_create(&other.options, text, sizeof text), STATUS_OK);
    static const char *const names[] = {WAL_NAME, "store.mdb", STORE_HEAD_NAME};
    for (uint32_t i = 0; i < 3; i++) {
        char ours[JOURNAL_PATH_BYTES];
        char away[JOURNAL_PATH_BYTES];
        char theirs[2 * JOURNAL_PATH_BYTES];
        in_directory(ours, names[i]);
        in_directory(away, "away");
        (void)snprintf(theirs, sizeof theirs, "%s/%s", other.directory, names[i]);
        assert_int_equal(rename(ours, away), 0);
        assert_int_equal(rename(theirs, ours), 0);
        check_refused(STATUS_FOREIGN, "another journal");
        assert_int_equal(rename(ours, theirs), 0);
        assert_int_equal(rename(away, ours), 0);
    }
    open_journal();
    test_paths_remove(other.directory);
}

static void test_damaged_files(void **state)
{
    (void)state;
    open_journal();
    for (uint64_t i = 1; i <= 6; i++) {
        assert_int_equal(journal_fixture_append(&fixture, 1, 100, i), STATUS_OK);
        journal_fixture_persist(&fixture);
    }
    journal_fixture_store(&fixture);
    journal_fixture_close(&fixture);
    flip(JOURNAL_ID_NAME, 40);
    check_refused(STATUS_DAMAGED, JOURNAL_ID_NAME);
    flip(JOURNAL_ID_NAME, 40);
    flip(WAL_NAME, 40);
    check_refused(STATUS_DAMAGED, "first block");
    flip(WAL_NAME, 40);
    flip(STORE_HEAD_NAME, 40);
    flip(STORE_HEAD_NAME, JOURNAL_BLOCK_BYTES + 40);
    check_refused(STATUS_DAMAGED, STORE_HEAD_NAME);
    flip(STORE_HEAD_NAME, 40);
    flip(STORE_HEAD_NAME, JOURNAL_BLOCK_BYTES + 40);
    /* The newest frame is in the store, and gone from the ring: the disk loses what it has promised
     * to keep. Frame 7 holds segment 6, frame 1 is the start's. */
    flip(WAL_NAME, WAL_HEADER_BYTES + 6 * WAL_ALIGNMENT_BYTES + 80);
    check_refused(STATUS_DAMAGED, "newest one here is 6");
    flip(WAL_NAME, WAL_HEADER_BYTES + 6 * WAL_ALIGNMENT_BYTES + 80);
    open_journal();
    for (uint64_t i = 1; i <= 6; i++) {
        journal_fixture_check(&fixture, 1, i, 100, i);
    }
}

/* As a user who may not: root becomes nobody, in a process of its own. */
static void test_denied(void **state)
{
    (void)state;
    assert_int_equal(chmod(fixture.directory, 0500), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
            _exit(1);
        }
        enum status status = journal_fixture_open(&fixture);
        bool told = strstr(journal_error(fixture.journal), "read and write") != NULL;
        _exit(status == STATUS_DENIED && told ? 0 : 2);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(chmod(fixture.directory, 0700), 0);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

/* What the working process tells its parent, which outlives it. */
struct shared {
    _Atomic uint64_t appended[KILL_SHARDS]; /* Set before the append. */
    _Atomic uint64_t persisted[KILL_SHARDS];
    _Atomic uint64_t term;
    _Atomic uint64_t vote_asked;
    _Atomic uint32_t ready;
};

static uint32_t kill_bytes(uint64_t log_index)
{
    return (uint32_t)(log_index * 7919 % 4000);
}

static _Noreturn void kill_child(struct shared *shared, uint32_t writes_in_flight)
{
    struct io_options options = {.handles_max = 64,
                                 .receive_buffer_bytes = 4096,
                                 .receive_buffer_count = 8};
    if (io_create(&fixture.io, &options) != STATUS_OK) {
        _exit(10);
    }
    fixture.options.wal_writes_in_flight = writes_in_flight;
    if (journal_fixture_open(&fixture) != STATUS_OK) {
        (void)fprintf(stderr, "child: %s\n", journal_error(fixture.journal));
        _exit(11);
    }
    atomic_store(&shared->ready, 1);
    for (uint64_t turn = 0;; turn++) {
        for (uint16_t shard_id = 1; shard_id <= KILL_SHARDS; shard_id++) {
            struct journal_tail tail;
            journal_appended(fixture.journal, shard_id, &tail);
            uint64_t next = tail.last_log_index + 1;
            if (!journal_writable(fixture.journal)) {
                continue;
            }
            atomic_store(&shared->appended[shard_id - 1], next);
            if (journal_fixture_append(&fixture, shard_id, kill_bytes(next), next) != STATUS_OK) {
                _exit(12);
            }
            struct journal_tail durable = tail;
            journal_persisted(fixture.journal, shard_id, &durable);
            if (durable.last_log_index > 300 + durable.first_log_index &&
                journal_trim(fixture.journal, shard_id, durable.last_log_index - 200) !=
                    STATUS_OK) {
                _exit(13);
            }
        }
        if (turn % 50 == 0) {
            uint64_t term = atomic_load(&shared->vote_asked) + 1;
            atomic_store(&shared->vote_asked, term);
            if (journal_vote(fixture.journal, 1, term, 2) != STATUS_OK) {
                _exit(14);
            }
        }
        if (journal_flush(fixture.journal) != STATUS_OK ||
            journal_fixture_turn(&fixture, 1000000) != STATUS_OK) {
            _exit(15);
        }
        struct journal_tail tail;
        for (uint16_t shard_id = 1; shard_id <= KILL_SHARDS; shard_id++) {
            journal_persisted(fixture.journal, shard_id, &tail);
            atomic_store(&shared->persisted[shard_id - 1], tail.last_log_index);
        }
        journal_persisted(fixture.journal, 1, &tail);
        atomic_store(&shared->term, tail.term);
    }
}

/* All that was acknowledged is there and right; nothing is there that was never appended. */
static void check_after_kill(struct shared *shared)
{
    open_journal();
    for (uint16_t shard_id = 1; shard_id <= KILL_SHARDS; shard_id++) {
        struct journal_tail tail;
        journal_persisted(fixture.journal, shard_id, &tail);
        assert_true(tail.last_log_index >= atomic_load(&shared->persisted[shard_id - 1]));
        assert_true(tail.last_log_index <= atomic_load(&shared->appended[shard_id - 1]));
        assert_true(tail.last_log_index - tail.first_log_index < 1000);
        for (uint64_t at = tail.first_log_index; at <= tail.last_log_index; at++) {
            journal_fixture_check(&fixture, shard_id, at, kill_bytes(at), at);
        }
        if (shard_id == 1) {
            assert_true(tail.term >= atomic_load(&shared->term));
            assert_true(tail.term <= atomic_load(&shared->vote_asked));
        }
    }
    journal_fixture_close(&fixture);
}

static void test_kill(void **state)
{
    (void)state;
    struct random random;
    test_seed(&random);
    const char *asked = getenv("KILLS");
    uint64_t kills = asked == NULL ? KILLS_DEFAULT : strtoull(asked, NULL, 10);
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    uint64_t commits = 0;
    for (uint64_t i = 0; i < kills; i++) {
        uint64_t before = atomic_load(&shared->persisted[0]);
        uint64_t wanted = before + random_below(&random, 400);
        uint32_t writes_in_flight = 1 + (uint32_t)random_below(&random, 4);
        atomic_store(&shared->ready, 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            kill_child(shared, writes_in_flight);
        }
        int result = 0;
        while (atomic_load(&shared->ready) == 0 || atomic_load(&shared->persisted[0]) < wanted) {
            if (waitpid(child, &result, WNOHANG) == child) {
                fail_msg("the child ended by itself: %x", result);
            }
        }
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_true(WIFSIGNALED(result));
        check_after_kill(shared);
        commits++;
    }
    print_message("%llu kills, %llu segments acknowledged\n", (unsigned long long)commits,
                  (unsigned long long)(atomic_load(&shared->persisted[0]) +
                                       atomic_load(&shared->persisted[1])));
    assert_int_equal(munmap(shared, sizeof *shared), 0);
}

/* A command of the shell, which finds $IMAGE and $PLACE in its environment; says nothing. */
static int shell(const char *command)
{
    char quiet[256];
    int length = snprintf(quiet, sizeof quiet, "exec >/dev/null 2>&1; %s", command);
    assert_true(length > 0 && (size_t)length < sizeof quiet);
    return system(quiet);
}

/* A file system of its own, to be filled up, with a ballast that can be thrown off. Needs root and
 * a loop device. */
static bool mount_small(void)
{
    char image[JOURNAL_PATH_BYTES];
    char place[JOURNAL_PATH_BYTES];
    in_directory(image, "image");
    in_directory(place, "mounted");
    assert_int_equal(setenv("IMAGE", image, 1), 0);
    assert_int_equal(setenv("PLACE", place, 1), 0);
    return geteuid() == 0 && mkdir(place, 0700) == 0 &&
           shell("truncate -s 64M \"$IMAGE\" && mkfs.ext4 -q -m 0 \"$IMAGE\" && "
                 "mount -o loop \"$IMAGE\" \"$PLACE\" && "
                 "head -c 20000000 /dev/zero >\"$PLACE\"/ballast") == 0;
}

/* Append until the journal refuses. */
static enum status fill(struct journal_fixture *full, uint64_t *last)
{
    for (;;) {
        enum status status = journal_fixture_append(full, 1, 200000, *last + 1);
        if (status == STATUS_OK) {
            (*last)++;
            status = journal_flush(full->journal);
        }
        if (status == STATUS_OK || status == STATUS_FULL) {
            status = journal_fixture_turn(full, 1000000);
        }
        if (status != STATUS_OK) {
            return status;
        }
    }
}

/* What happens while the disk is full and after; no assertion, so that it is always unmounted. */
struct filled {
    char text[JOURNAL_ERROR_BYTES];
    enum status created;
    enum status filled;
    enum status again;
    enum status after;
    uint64_t acknowledged;
    uint64_t found;
    uint64_t readable;
};

static void fill_disk(struct journal_fixture *full, struct filled *seen)
{
    uint64_t last = 0;
    struct journal_tail tail;
    seen->created = journal_create(&full->options, seen->text, sizeof seen->text);
    if (seen->created != STATUS_OK) {
        return;
    }
    if (journal_fixture_open(full) == STATUS_OK) {
        seen->filled = fill(full, &last);
        journal_persisted(full->journal, 1, &tail);
        seen->acknowledged = tail.last_log_index;
        (void)snprintf(seen->text, sizeof seen->text, "%s", journal_error(full->journal));
    }
    journal_fixture_close(full);
    seen->again = journal_fixture_open(full); /* What is in the ring has no room in the store. */
    journal_fixture_close(full);
    if (shell("rm \"$PLACE\"/ballast") != 0) {
        return;
    }
    seen->after = journal_fixture_open(full);
    if (seen->after == STATUS_OK) {
        journal_persisted(full->journal, 1, &tail);
        seen->found = tail.last_log_index;
        for (uint64_t at = 1; at <= tail.last_log_index; at++) {
            size_t bytes;
            enum status status =
                journal_read(full->journal, 1, at, full->bytes, SEGMENT_BYTES_MAX, &bytes);
            seen->readable += status == STATUS_OK ? 1 : 0;
        }
    }
    journal_fixture_close(full);
}

static void test_disk_full(void **state)
{
    (void)state;
    if (!mount_small()) {
        (void)shell("umount \"$PLACE\"");
        print_message("skipped: no loop mount here (needs root, mkfs.ext4 and a loop device)\n");
        skip();
    }
    struct filled seen = {.created = STATUS_COUNT, .after = STATUS_COUNT};
    struct journal_fixture full = fixture;
    full.options.directory = getenv("PLACE");
    full.options.verifiers = &full.verifier;
    fill_disk(&full, &seen);
    assert_int_equal(shell("umount \"$PLACE\""), 0);

    assert_int_equal(seen.created, STATUS_OK);
    assert_int_equal(seen.filled, STATUS_NO_SPACE);
    assert_non_null(strstr(seen.text, "free space"));
    assert_int_equal(seen.again, STATUS_NO_SPACE);
    assert_true(seen.acknowledged > 50);
    assert_int_equal(seen.after, STATUS_OK);
    assert_true(seen.found >= seen.acknowledged);
    assert_true(seen.readable == seen.found);
}

/* A limit on the size of files, as an operator's shell may have set it. */
static void test_size_limit(void **state)
{
    (void)state;
    struct rlimit before;
    uint64_t last = 0;
    open_journal();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 12 << 20, .rlim_max = before.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum status status = fill(&fixture, &last);
    struct journal_tail durable;
    journal_persisted(fixture.journal, 1, &durable);
    assert_int_equal(status, STATUS_NO_SPACE);
    assert_non_null(strstr(journal_error(fixture.journal), "limit"));
    assert_true(durable.last_log_index > 20);
    journal_fixture_close(&fixture);
    check_refused(STATUS_NO_SPACE, "limit");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    open_journal();
    struct journal_tail tail;
    journal_persisted(fixture.journal, 1, &tail);
    assert_true(tail.last_log_index >= durable.last_log_index);
    for (uint64_t at = 1; at <= tail.last_log_index; at++) {
        journal_fixture_check(&fixture, 1, at, 200000, at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_in_use, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mixed_incarnations, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
        cmocka_unit_test_setup_teardown(test_disk_full, setup, teardown),
        cmocka_unit_test_setup_teardown(test_size_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
