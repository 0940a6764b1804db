#include "gateway/block_file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"
#include "tests/support/test_seed.h"

#define SESSION_ID   9u
#define BLOCK_EVENTS 5u
#define PAYLOAD_MAX  64u

struct fixture {
    char directory[TEST_PATH_BYTES];
    char path[TEST_PATH_BYTES + 16];
    struct block_file file;
    struct block_chain chain;
    uint64_t last_offset;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    test_paths_make(fixture->directory, "block-file");
    (void)snprintf(fixture->path, sizeof fixture->path, "%s/blocks", fixture->directory);
    fixture->file.file = -1;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    block_file_close(&fixture->file);
    test_paths_remove(fixture->directory);
    free(fixture);
    return 0;
}

static uint32_t payload_bytes(uint64_t block)
{
    return (uint32_t)(1 + block * 7 % PAYLOAD_MAX);
}

/* Block `block` (from 0) of a chain: five events, a payload that tells the number. */
static enum status append(struct fixture *fixture, uint64_t block)
{
    uint8_t bytes[sizeof(struct block_header) + PAYLOAD_MAX];
    memset(bytes, (int)(block & 0xFF), sizeof bytes);
    struct block_header header = {.first_sequence = 1 + block * BLOCK_EVENTS,
                                  .session_id = SESSION_ID,
                                  .event_count = BLOCK_EVENTS,
                                  .stored_bytes = payload_bytes(block),
                                  .raw_bytes = 1000};
    return block_file_append(&fixture->file, &fixture->chain, &header, bytes,
                             &fixture->last_offset);
}

static enum status read_block(struct fixture *fixture, uint64_t sequence)
{
    uint64_t offset = fixture->last_offset;
    struct block_header header;
    enum status status = block_file_find(&fixture->file, SESSION_ID, sequence, &offset, &header);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t block = (sequence - 1) / BLOCK_EVENTS;
    assert_int_equal(header.first_sequence, 1 + block * BLOCK_EVENTS);
    assert_int_equal(header.event_count, BLOCK_EVENTS);
    assert_int_equal(header.stored_bytes, payload_bytes(block));
    uint8_t payload[PAYLOAD_MAX];
    status = block_file_payload(&fixture->file, offset, &header, payload);
    for (uint32_t index = 0; status == STATUS_OK && index < header.stored_bytes; index++) {
        assert_int_equal(payload[index], block & 0xFF);
    }
    return status;
}

/* A search visits at most 99 blocks, so a chain of 20,000 shows that it does not walk. */
static void test_every_block_of_a_long_chain_is_found(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(block_file_create(&fixture->file, fixture->path, UINT64_C(1) << 30),
                     STATUS_OK);
    for (uint64_t block = 0; block < 20000; block++) {
        assert_int_equal(append(fixture, block), STATUS_OK);
        assert_int_equal(read_block(fixture, 1 + block * BLOCK_EVENTS / 3), STATUS_OK);
        assert_in_range(fixture->chain.tree_count, 1, 15);
    }
    for (uint64_t sequence = 1; sequence <= UINT64_C(20000) * BLOCK_EVENTS; sequence += 3) {
        assert_int_equal(read_block(fixture, sequence), STATUS_OK);
    }
}

static void flip(const struct fixture *fixture, uint64_t offset, uint8_t bits)
{
    uint8_t byte = 0;
    assert_int_equal(pread(fixture->file.file, &byte, 1, (off_t)offset), 1);
    byte ^= bits;
    assert_int_equal(pwrite(fixture->file.file, &byte, 1, (off_t)offset), 1);
}

/* Oldest first, each header is spoiled as soon as it was read: no second look at it. */
static void test_a_walk_reads_each_header_once(void **state)
{
    struct fixture *fixture = *state;
    static bool spoiled[5000];
    assert_int_equal(block_file_create(&fixture->file, fixture->path, 1 << 30), STATUS_OK);
    for (uint64_t block = 0; block < 5000; block++) {
        assert_int_equal(append(fixture, block), STATUS_OK);
    }
    struct block_walk walk = {.step_count = 0};
    memset(spoiled, 0, sizeof spoiled);
    for (uint64_t block = 0; block < 5000; block++) {
        const struct block_step *found = NULL;
        assert_int_equal(block_file_walk(&fixture->file, &walk, SESSION_ID,
                                         (block + 1) * BLOCK_EVENTS - block % BLOCK_EVENTS,
                                         fixture->last_offset, &found),
                         STATUS_OK);
        assert_int_equal(found->header.first_sequence, 1 + block * BLOCK_EVENTS);
        assert_in_range(walk.step_count, 1, 3 * 13); /* 13 trees. */
        for (uint32_t index = 0; index < walk.step_count; index++) {
            const struct block_step *step = &walk.steps[index];
            uint64_t number = (step->header.first_sequence - 1) / BLOCK_EVENTS;
            if (!spoiled[number]) {
                spoiled[number] = true;
                flip(fixture, step->offset, 1);
            }
        }
    }
    for (uint64_t block = 0; block < 5000; block++) {
        assert_true(spoiled[block]);
    }
}

/* Any order, a chain that grows, and another chain between. */
static void test_a_walk_finds_what_a_search_finds(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(block_file_create(&fixture->file, fixture->path, 1 << 30), STATUS_OK);
    struct block_walk walk = {.step_count = 0};
    struct random random;
    test_seed(&random);
    for (uint64_t block = 0; block < 1000; block++) {
        uint64_t other_offset = fixture->last_offset;
        assert_int_equal(append(fixture, block), STATUS_OK);
        for (uint32_t round = 0; round < 4; round++) {
            bool other = other_offset != 0 && random_below(&random, 8) == 0;
            uint64_t events = (block + (other ? 0 : 1)) * BLOCK_EVENTS;
            uint64_t sequence = 1 + random_below(&random, events);
            const struct block_step *found = NULL;
            struct block_header header;
            uint64_t offset = other ? other_offset : fixture->last_offset;
            assert_int_equal(block_file_walk(&fixture->file, &walk, SESSION_ID, sequence, offset,
                                             &found),
                             STATUS_OK);
            assert_int_equal(
                block_file_find(&fixture->file, SESSION_ID, sequence, &offset, &header), STATUS_OK);
            assert_int_equal(found->offset, offset);
            assert_memory_equal(&found->header, &header, sizeof header);
        }
    }
    const struct block_step *found = NULL;
    assert_int_equal(block_file_walk(&fixture->file, &walk, SESSION_ID, 1000 * BLOCK_EVENTS + 1,
                                     fixture->last_offset, &found),
                     STATUS_DAMAGED);
    assert_int_equal(block_file_walk(&fixture->file, &walk, SESSION_ID + 1, 1, fixture->last_offset,
                                     &found),
                     STATUS_DAMAGED);
    assert_int_equal(block_file_walk(&fixture->file, &walk, SESSION_ID, 1, 0, &found),
                     STATUS_DAMAGED);
}

static void test_any_flipped_byte_is_found(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(block_file_create(&fixture->file, fixture->path, 1 << 20), STATUS_OK);
    uint64_t offset = fixture->file.bytes;
    for (uint64_t block = 0; block < 6; block++) {
        assert_int_equal(append(fixture, block), STATUS_OK);
    }
    uint64_t end = offset;
    for (uint64_t block = 0; block < 6; block++) {
        end += sizeof(struct block_header) + payload_bytes(block);
        for (; offset < end; offset++) {
            uint8_t bits = (uint8_t)(1u << (offset & 7));
            flip(fixture, offset, bits);
            assert_int_equal(read_block(fixture, 1 + block * BLOCK_EVENTS), STATUS_DAMAGED);
            flip(fixture, offset, bits);
            assert_int_equal(read_block(fixture, 1 + block * BLOCK_EVENTS), STATUS_OK);
        }
    }
    assert_int_equal(end, fixture->file.bytes);
}

/* A whole, sound block in the place of another one is damage as well. */
static void test_a_moved_block_is_found(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(block_file_create(&fixture->file, fixture->path, 1 << 20), STATUS_OK);
    assert_int_equal(append(fixture, 0), STATUS_OK);
    uint64_t first = fixture->last_offset;
    /* 64 blocks on, payloads have the same size again. */
    for (uint64_t block = 1; block <= 64; block++) {
        assert_int_equal(append(fixture, block), STATUS_OK);
    }
    uint8_t bytes[sizeof(struct block_header) + 1];
    assert_int_equal(pread(fixture->file.file, bytes, sizeof bytes, (off_t)first), sizeof bytes);
    assert_int_equal(pwrite(fixture->file.file, bytes, sizeof bytes, (off_t)fixture->last_offset),
                     sizeof bytes);
    assert_int_equal(read_block(fixture, 1), STATUS_DAMAGED);
    assert_int_equal(read_block(fixture, 64 * BLOCK_EVENTS), STATUS_DAMAGED);
}

static void test_another_session_and_a_cut_file_are_damage(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(block_file_create(&fixture->file, fixture->path, 1 << 20), STATUS_OK);
    assert_int_equal(append(fixture, 0), STATUS_OK);
    struct block_header header;
    uint64_t offset = fixture->last_offset;
    assert_int_equal(block_file_find(&fixture->file, SESSION_ID + 1, 1, &offset, &header),
                     STATUS_DAMAGED);
    offset = fixture->last_offset; /* Beyond the block: nobody wrote that. */
    assert_int_equal(block_file_find(&fixture->file, SESSION_ID, 6, &offset, &header),
                     STATUS_DAMAGED);
    assert_int_equal(read_block(fixture, 1), STATUS_OK);
    for (uint64_t cut = 1; cut <= sizeof(struct block_header) + 1; cut++) {
        assert_int_equal(ftruncate(fixture->file.file, (off_t)(fixture->file.bytes - cut)), 0);
        assert_int_equal(read_block(fixture, 1), STATUS_DAMAGED);
    }
}

static void test_limit_and_full_disk(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(block_file_create(&fixture->file, fixture->path, 63), STATUS_NO_SPACE);
    assert_int_equal(fixture->file.file, -1);
    /* Room for the title and one block of one byte. */
    assert_int_equal(block_file_create(&fixture->file, fixture->path, 64 + 65), STATUS_OK);
    assert_int_equal(append(fixture, 0), STATUS_OK);
    assert_int_equal(append(fixture, 64), STATUS_NO_SPACE);
    assert_int_equal(fixture->chain.tree_count, 1);
    assert_int_equal(read_block(fixture, 1), STATUS_OK);
    block_file_close(&fixture->file);

    memset(&fixture->chain, 0, sizeof fixture->chain);
    assert_int_equal(block_file_create(&fixture->file, fixture->path, 1 << 20), STATUS_OK);
    assert_int_equal(append(fixture, 0), STATUS_OK);
    /* The system itself refuses, in the middle of a write: a file size limit answers like a full
     * disk, only with a signal besides. */
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit limit = {.rlim_cur = fixture->file.bytes + 30, .rlim_max = before.rlim_max};
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    enum status status = append(fixture, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, STATUS_NO_SPACE);
    assert_int_equal(fixture->chain.tree_count, 1);
    assert_int_equal(read_block(fixture, 1), STATUS_OK);
}

static void test_only_a_regular_file_is_replaced(void **state)
{
    struct fixture *fixture = *state;
    char other[TEST_PATH_BYTES + 32];
    (void)snprintf(other, sizeof other, "%s/none/blocks", fixture->directory);
    assert_int_equal(block_file_create(&fixture->file, other, 1 << 20), STATUS_NOT_FOUND);
    assert_int_equal(block_file_create(&fixture->file, fixture->directory, 1 << 20),
                     STATUS_BAD_ARGUMENT);
    assert_int_equal(block_file_create(&fixture->file, "/dev/null", 1 << 20), STATUS_BAD_ARGUMENT);
    (void)snprintf(other, sizeof other, "%s/link", fixture->directory);
    assert_int_equal(symlink(fixture->path, other), 0);
    assert_int_equal(block_file_create(&fixture->file, other, 1 << 20), STATUS_BAD_ARGUMENT);

    int file = open(fixture->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    assert_int_equal(ftruncate(file, 100000), 0);
    assert_int_equal(close(file), 0);
    assert_int_equal(block_file_create(&fixture->file, fixture->path, 1 << 20), STATUS_OK);
    struct stat found;
    assert_int_equal(stat(fixture->path, &found), 0);
    assert_int_equal(found.st_size, 64);
    assert_int_equal(found.st_mode & 0777, 0600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_block_of_a_long_chain_is_found, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_walk_reads_each_header_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_walk_finds_what_a_search_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_any_flipped_byte_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_moved_block_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_session_and_a_cut_file_are_damage, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_limit_and_full_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_only_a_regular_file_is_replaced, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
