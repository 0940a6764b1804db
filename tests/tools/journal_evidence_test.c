/* Kept tails are judged by what they say of themselves: by their bytes, keys and names alone. */
#include "tools/journal_evidence.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/site_evidence.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/tail_segments.h"
#include "tests/support/test_paths.h"

#define SITES      2u
#define PIECES_MAX 16u

static char directory[TEST_PATH_BYTES];
static struct segment_signer signers[SITES];
static struct segment_verifier verifiers[SITES];
static struct journal_evidence_piece pieces[PIECES_MAX];
static uint32_t piece_count;
static struct journal_evidence_result result;
static struct tail_segments tail;

static int setup(void **state)
{
    (void)state;
    test_paths_make(directory, "journal_evidence");
    for (uint8_t at = 0; at < SITES; at++) {
        tail_segments_signer(&signers[at], &verifiers[at], (uint8_t)(at + 1));
    }
    tail = (struct tail_segments){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_paths_remove(directory);
    return 0;
}

static void path_of(char path[static 2 * TEST_PATH_BYTES], const char *name)
{
    (void)snprintf(path, 2 * TEST_PATH_BYTES, "%s/%s", directory, name);
}

static void write_file(const char *name, const uint8_t *bytes, size_t count)
{
    char path[2 * TEST_PATH_BYTES];
    path_of(path, name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, bytes, count), count);
    assert_int_equal(close(file), 0);
}

/* The name of all of `tail`, whose first segment has this log index. */
static const char *name_of(uint64_t first_log_index)
{
    static char name[SITE_EVIDENCE_NAME_BYTES];
    site_evidence_name(name, first_log_index, &tail.last);
    return name;
}

static void on_piece(void *context, const struct journal_evidence_piece *piece)
{
    assert_ptr_equal(context, &piece_count);
    assert_true(piece_count < PIECES_MAX);
    pieces[piece_count++] = *piece;
}

static struct journal_evidence_options options_of(uint32_t verifier_count)
{
    return (struct journal_evidence_options){.directory = directory,
                                             .cluster_id =
                                                 segment_cluster_id(TAIL_SEGMENTS_CLUSTER),
                                             .verifiers = verifiers,
                                             .verifier_count = verifier_count,
                                             .context = &piece_count,
                                             .piece = on_piece};
}

static void read_with(const struct journal_evidence_options *options)
{
    char error[JOURNAL_EVIDENCE_ERROR_BYTES];
    piece_count = 0;
    assert_int_equal(journal_evidence_read(options, &result, error), STATUS_OK);
}

static void read_all(void)
{
    const struct journal_evidence_options options = options_of(SITES);
    read_with(&options);
}

/* Two leaders' segments in one tail are two pieces; the oldest log index comes first, numbers as
 * numbers. */
static void test_every_piece_is_listed(void **state)
{
    (void)state;
    tail_segments_seal(&tail, 100, 9, 1, &signers[0]);
    write_file(name_of(100), tail.bytes, tail.begins[1]);
    tail = (struct tail_segments){0};
    tail_segments_seal(&tail, 20, 3, 1, &signers[0]);
    tail_segments_seal(&tail, 20, 3, 1, &signers[0]);
    tail_segments_seal(&tail, 20, 4, 1, &signers[1]);
    write_file(name_of(20), tail.bytes, tail.begins[3]);
    write_file("shard-1-fenced-8.engine", tail.bytes, 11);
    write_file("new-shard-1", tail.bytes, 300); /* Being written. */
    read_all();
    assert_int_equal(piece_count, 4);
    assert_int_equal(pieces[1].first_log_index, 20);
    assert_int_equal(pieces[1].last_log_index, 21);
    assert_int_equal(pieces[1].term, 3);
    assert_int_equal(pieces[1].segments, 2);
    assert_int_equal(pieces[1].commands, 4);
    assert_int_equal(pieces[1].bytes, tail.begins[2]);
    assert_int_equal(pieces[1].sealed_ns, TAIL_SEGMENTS_TIME_NS);
    assert_true(pieces[1].kept_ns > TAIL_SEGMENTS_TIME_NS);
    assert_memory_equal(pieces[1].key_id, verifiers[0].key_id, SEGMENT_KEY_ID_BYTES);
    assert_int_equal(pieces[2].first_log_index, 22);
    assert_int_equal(pieces[2].term, 4);
    assert_memory_equal(pieces[2].key_id, verifiers[1].key_id, SEGMENT_KEY_ID_BYTES);
    assert_int_equal(pieces[3].first_log_index, 100);
    for (uint32_t at = 1; at < 4; at++) {
        assert_true(pieces[at].tail);
        assert_int_equal(pieces[at].shard_id, 1);
        assert_int_equal(pieces[at].status, STATUS_OK);
    }
    assert_false(pieces[0].tail);
    assert_string_equal(pieces[0].file, "shard-1-fenced-8.engine");
    assert_int_equal(pieces[0].bytes, 11);
    assert_int_equal(result.files, 2);
    assert_int_equal(result.pieces, 3);
    assert_int_equal(result.other, 1);
    assert_int_equal(result.segments, 4);
    assert_int_equal(result.bad, 0);
}

/* No byte of a tail may change unseen. */
static void test_every_changed_byte_is_found(void **state)
{
    (void)state;
    tail_segments_seal(&tail, 20, 3, 1, &signers[0]);
    tail_segments_seal(&tail, 20, 3, 1, &signers[0]);
    const char *name = name_of(20);
    for (size_t at = 0; at < tail.begins[2]; at++) {
        tail.bytes[at] ^= (uint8_t)(1u << at % 8);
        write_file(name, tail.bytes, tail.begins[2]);
        read_all();
        tail.bytes[at] ^= (uint8_t)(1u << at % 8);
        if (result.bad == 0) {
            fail_msg("byte %zu may change", at);
        }
    }
    write_file(name, tail.bytes, tail.begins[2]);
    read_all();
    assert_int_equal(result.bad, 0);
}

/* Nor be cut off, whole segments included, at either end; nor be called something else. */
static void test_what_is_missing_is_found(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < 3; at++) {
        tail_segments_seal(&tail, 20, 3, 1, &signers[0]);
    }
    const char *name = name_of(20);
    for (size_t bytes = 0; bytes < tail.begins[3]; bytes += 4) {
        write_file(name, tail.bytes, bytes);
        read_all();
        assert_int_equal(result.bad, 1);
    }
    write_file(name, tail.bytes, tail.begins[2]);
    read_all();
    assert_int_equal(pieces[0].status, STATUS_SHORT);
    assert_int_equal(pieces[0].bad_log_index, 0);
    write_file(name, tail.bytes + tail.begins[1], tail.begins[3] - tail.begins[1]);
    read_all();
    assert_int_equal(pieces[0].status, STATUS_SHORT);
    /* One out of the middle. */
    struct tail_segments gap = tail;
    memmove(gap.bytes + gap.begins[1], tail.bytes + tail.begins[2],
            tail.begins[3] - tail.begins[2]);
    write_file(name, gap.bytes, tail.begins[2]);
    read_all();
    assert_int_equal(pieces[0].status, STATUS_BAD_CHAIN);
    assert_int_equal(pieces[0].bad_log_index, 22);
    write_file("shard-1-index-20-22-term-3-0000000000000000.segments", tail.bytes, tail.begins[3]);
    write_file(name, tail.bytes, tail.begins[3]);
    read_all();
    assert_int_equal(result.files, 2);
    assert_int_equal(result.bad, 1);
}

static void test_keys_and_cluster_count(void **state)
{
    (void)state;
    tail_segments_seal(&tail, 20, 3, 1, &signers[1]);
    write_file(name_of(20), tail.bytes, tail.begins[1]);
    struct journal_evidence_options options = options_of(1);
    read_with(&options);
    assert_int_equal(pieces[0].status, STATUS_UNKNOWN_KEY);
    assert_int_equal(pieces[0].bad_log_index, 20);
    options = options_of(SITES);
    options.cluster_id++;
    read_with(&options);
    assert_int_equal(pieces[0].status, STATUS_FOREIGN);
    read_all();
    assert_int_equal(pieces[0].status, STATUS_OK);
}

static void test_without_a_directory_there_is_none(void **state)
{
    (void)state;
    char error[JOURNAL_EVIDENCE_ERROR_BYTES];
    char path[2 * TEST_PATH_BYTES];
    struct journal_evidence_options options = options_of(SITES);
    path_of(path, "nowhere");
    options.directory = path;
    read_with(&options);
    assert_int_equal(piece_count, 0);
    assert_int_equal(result.files, 0);
    write_file("nowhere", tail.bytes, 1);
    assert_int_equal(journal_evidence_read(&options, &result, error), STATUS_NOT_FOUND);
    assert_non_null(strstr(error, path));
}

#define evidence_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    if (sodium_init() < 0) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        evidence_test(test_every_piece_is_listed),
        evidence_test(test_every_changed_byte_is_found),
        evidence_test(test_what_is_missing_is_found),
        evidence_test(test_keys_and_cluster_count),
        evidence_test(test_without_a_directory_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
