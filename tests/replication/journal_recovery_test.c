#include "replication/journal_recovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/random.h"
#include "replication/journal_inside.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/io_memory.h"
#include "tests/support/journal_fixture.h"
#include "tests/support/store_memory.h"
#include "tests/support/test_seed.h"

/* Crash states looked at; STATES in the environment sets another number. */
#define STATES_DEFAULT 20000u
#define SHARDS_USED    3u
#define HISTORY        64u /* More than frames in flight. */
#define SECTORS_MAX    (WAL_WRITES_IN_FLIGHT_MAX * (WAL_FRAME_BYTES_MAX / IO_MEMORY_SECTOR_BYTES))

/* A journal at work, and a second copy of its file in which crash states are set up. */
static struct world {
    struct random random;
    struct journal_fixture live;
    struct store *store;
    uint8_t *content;                                  /* What is durable. */
    uint8_t *scratch;                                  /* The same, between two looks. */
    struct journal_tail history[HISTORY][SHARDS_USED]; /* After each frame. */
    uint64_t closed_number;
    uint64_t salt;
    uint64_t states;
    uint64_t opens;
    uint64_t lives;
    uint64_t dropped; /* States in which frames in flight were not accepted. */
} world;

static uint64_t below(uint64_t bound)
{
    return random_below(&world.random, bound);
}

static void remember(void)
{
    struct journal *journal = world.live.journal;
    if (journal->wal.closed.number == world.closed_number) {
        return;
    }
    /* What the journal itself noted at the end of the frame; checked against what was appended. */
    world.closed_number = journal->wal.closed.number;
    for (uint32_t i = 0; i < SHARDS_USED; i++) {
        world.history[world.closed_number % HISTORY][i] =
            journal->shards[i].closed[world.closed_number % WAL_WRITES_IN_FLIGHT_MAX];
    }
}

static void start_life(struct store *store)
{
    journal_fixture_make_memory(&world.live, world.content, store);
    world.live.options.wal_writes_in_flight = 1 + (uint32_t)below(WAL_WRITES_IN_FLIGHT_MAX);
    world.store = store;
    enum status status = journal_fixture_open(&world.live);
    if (status != STATUS_OK) {
        fail_msg("open: %s: %s", status_text(status), journal_error(world.live.journal));
    }
    const struct wal *wal = &world.live.journal->wal;
    memcpy(world.scratch, world.content, WAL_BYTES_MIN);
    world.closed_number = wal->closed.number;
    for (uint32_t i = 0; i < SHARDS_USED; i++) {
        world.history[world.closed_number % HISTORY][i] =
            world.live.journal->shards[i].appended.tail;
    }
    world.lives++;
}

static void end_life(void)
{
    io_memory_drop(world.live.io);
    for (uint32_t i = 0; i < WAL_WRITES_IN_FLIGHT_MAX; i++) {
        world.live.journal->wal.writes[i].number = 0; /* Dead: nobody waits for them. */
    }
    journal_fixture_free(&world.live);
}

static void world_setup(void)
{
    memset(&world, 0, sizeof world);
    test_seed(&world.random);
    world.content = malloc(WAL_BYTES_MIN);
    world.scratch = malloc(WAL_BYTES_MIN);
    assert_non_null(world.content);
    assert_non_null(world.scratch);
    struct journal_fixture blank;
    struct store *store = store_memory_create();
    journal_fixture_make_memory(&blank, world.content, store);
    journal_fixture_ring(&blank, world.content);
    journal_fixture_free(&blank);
    start_life(store);
}

static void world_free(void)
{
    end_life();
    free(world.content);
    free(world.scratch);
}

/* One random step of the work. */
static void step_append(void)
{
    static const uint32_t sizes[] = {0, 40, 300, 900, 3800, 9000};
    uint16_t shard_id = (uint16_t)(1 + below(SHARDS_USED));
    uint32_t bytes = sizes[below(6)];
    if (below(200) == 0) {
        bytes = 200000;
    }
    enum status status = journal_fixture_append(&world.live, shard_id, bytes, world.salt++);
    assert_true(status == STATUS_OK || status == STATUS_FULL);
    remember();
}

static void step_vote(void)
{
    uint16_t shard_id = (uint16_t)(1 + below(SHARDS_USED));
    struct journal_tail tail;
    journal_appended(world.live.journal, shard_id, &tail);
    assert_int_equal(journal_vote(world.live.journal, shard_id, tail.term + 1,
                                  (uint8_t)below(SITES_MAX)),
                     STATUS_OK);
    remember();
}

static void step_cut(void)
{
    uint16_t shard_id = (uint16_t)(1 + below(SHARDS_USED));
    struct journal_tail tail;
    journal_appended(world.live.journal, shard_id, &tail);
    uint64_t count = tail.last_log_index + 1 - tail.first_log_index;
    if (count < 2) {
        return;
    }
    uint64_t back = below(count < 6 ? count - 1 : 5);
    enum status status = journal_truncate(world.live.journal, shard_id, tail.last_log_index - back);
    assert_true(status == STATUS_OK || status == STATUS_FULL);
    remember();
}

static void step_base(void)
{
    uint16_t shard_id = (uint16_t)(1 + below(SHARDS_USED));
    struct journal_tail tail;
    journal_appended(world.live.journal, shard_id, &tail);
    tail.last_log_index += 1 + below(10);
    tail.last_term += 1;
    tail.next_command_sequence += below(1000);
    memset(tail.last_chain_hash, (int)(1 + below(255)), SEGMENT_HASH_BYTES);
    enum status status = journal_base(world.live.journal, shard_id, &tail);
    assert_true(status == STATUS_OK || status == STATUS_FULL);
    remember();
}

static void step_trim(void)
{
    uint16_t shard_id = (uint16_t)(1 + below(SHARDS_USED));
    struct journal_tail tail;
    struct journal_tail appended;
    journal_persisted(world.live.journal, shard_id, &tail);
    journal_appended(world.live.journal, shard_id, &appended);
    uint64_t last = tail.last_log_index < appended.last_log_index ? tail.last_log_index
                                                                  : appended.last_log_index;
    if (last > 40 && tail.first_log_index < last - 40) {
        assert_int_equal(journal_trim(world.live.journal, shard_id, last - 30), STATUS_OK);
    }
}

static void step_disk(void)
{
    uint32_t pending = io_memory_pending(world.live.io);
    if (pending > 0) {
        uint32_t index = (uint32_t)below(pending);
        const struct io_memory_write *write = io_memory_write(world.live.io, index);
        uint64_t offset = write->offset;
        uint32_t bytes = write->bytes;
        io_memory_finish(world.live.io, index);
        memcpy(world.scratch + offset, world.content + offset, bytes);
    }
    assert_int_equal(journal_fixture_turn(&world.live, 0), STATUS_OK);
}

/* Tails are equal but for what has been trimmed. */
static void check_tails(const struct journal_tail *found, const struct journal_tail *expected)
{
    assert_true(found->last_log_index == expected->last_log_index);
    assert_true(found->last_term == expected->last_term);
    assert_memory_equal(found->last_chain_hash, expected->last_chain_hash, SEGMENT_HASH_BYTES);
    assert_true(found->next_command_sequence == expected->next_command_sequence);
    assert_true(found->last_timestamp_ns == expected->last_timestamp_ns);
    assert_true(found->term == expected->term);
    assert_int_equal(found->voted_site_id, expected->voted_site_id);
}

static struct journal_recovery recovery;
static struct journal_error error;

static void step(void)
{
    uint64_t dice = below(100);
    if (dice < 40) {
        step_append();
    } else if (dice < 44) {
        step_vote();
    } else if (dice < 47) {
        step_cut();
    } else if (dice < 48) {
        step_base();
    } else if (dice < 52) {
        step_trim();
    } else if (dice < 70) {
        assert_int_equal(journal_flush(world.live.journal), STATUS_OK);
        remember();
    } else if (dice < 94) {
        step_disk();
    } else {
        (void)store_memory_advance(world.store, (uint32_t)below(30));
        assert_int_equal(journal_poll(world.live.journal), STATUS_OK);
    }
    /* What it calls persisted is what stands in the frames that are. */
    uint64_t number = world.live.journal->wal.persisted_number;
    for (uint16_t i = 0; i < SHARDS_USED; i++) {
        struct journal_tail tail;
        journal_persisted(world.live.journal, (uint16_t)(i + 1), &tail);
        check_tails(&tail, &world.history[number % HISTORY][i]);
    }
}

/* Recovery of the scratch file over `store`, to its end. */
static enum status run(const struct store *store)
{
    struct wal_image image = {.ring = world.scratch + WAL_HEADER_BYTES,
                              .ring_bytes = WAL_BYTES_MIN - WAL_HEADER_BYTES};
    memcpy(image.key, world.live.parts.id.incarnation, WAL_KEY_BYTES);
    struct journal_recovery_options options = {.image = &image,
                                               .path = "wal.ring",
                                               .cluster_id = JOURNAL_FIXTURE_CLUSTER,
                                               .verifiers = &world.live.verifier,
                                               .verifier_count = 1};
    struct wal_place place = *store_memory_place(store);
    place.position %= image.ring_bytes;
    journal_recovery_init(&recovery, &options, &place, store_memory_states(store));
    enum status status = STATUS_OK;
    while (status == STATUS_OK) {
        struct wal_record record;
        struct segment segment;
        status = journal_recovery_next(&recovery, &record, &segment, &error);
    }
    return status;
}

static void check_states(uint64_t number)
{
    assert_true(recovery.place.number == number);
    for (uint32_t i = 0; i < SHARDS_USED; i++) {
        check_tails(&recovery.states[i].tail, &world.history[number % HISTORY][i]);
    }
}

/* A crash state: the number of the last frame that recovery accepts. */
static uint64_t recover(const struct store *store)
{
    enum status status = run(store);
    if (status != STATUS_NOT_FOUND) {
        fail_msg("recovery: %s: %s", status_text(status), error.text);
    }
    uint64_t number = recovery.place.number;
    /* What it accepts is what the journal held after one of its frames, and not less than what it
     * had acknowledged. */
    assert_true(number >= world.live.journal->wal.persisted_number);
    assert_true(number <= world.live.journal->wal.closed.number);
    check_states(number);
    return number;
}

/* The crash state that is being looked at: which sectors of the writes in flight are in the file.
 */
static struct {
    bool in_file[SECTORS_MAX];
    uint32_t count;
} sectors;

static void scratch_apply(bool (*choose)(uint32_t sector))
{
    sectors.count = 0;
    for (uint32_t w = 0; w < io_memory_pending(world.live.io); w++) {
        const struct io_memory_write *write = io_memory_write(world.live.io, w);
        for (uint32_t s = 0; s < write->bytes / IO_MEMORY_SECTOR_BYTES; s++) {
            bool in_file = choose(sectors.count);
            sectors.in_file[sectors.count++] = in_file;
            if (in_file) {
                io_memory_apply(write, s, world.scratch);
            }
        }
    }
}

static void scratch_restore(void)
{
    for (uint32_t w = 0; w < io_memory_pending(world.live.io); w++) {
        const struct io_memory_write *write = io_memory_write(world.live.io, w);
        memcpy(world.scratch + write->offset, world.content + write->offset, write->bytes);
    }
}

static uint64_t blocks_mask;
static uint64_t odds;

/* Whole pages, as a disk with 4 KiB sectors writes them. */
static bool choose_block(uint32_t sector)
{
    return ((blocks_mask >> (sector / 8 % 64)) & 1) != 0;
}

static bool choose_sector(uint32_t sector)
{
    (void)sector;
    return below(16) < odds;
}

static void look(bool (*choose)(uint32_t sector))
{
    scratch_apply(choose);
    if (recover(world.store) < world.live.journal->wal.closed.number) {
        world.dropped++;
    }
    scratch_restore();
    world.states++;
}

/* All crash states of this moment, or a sample where there are too many. */
static void look_around(void)
{
    uint32_t blocks = 0;
    for (uint32_t w = 0; w < io_memory_pending(world.live.io); w++) {
        blocks += io_memory_write(world.live.io, w)->bytes / 4096;
    }
    if (blocks <= 4) {
        for (blocks_mask = 0; blocks_mask < UINT64_C(1) << blocks; blocks_mask++) {
            look(choose_block);
        }
    } else {
        for (uint32_t i = 0; i < 8; i++) {
            blocks_mask = random_u64(&world.random);
            look(choose_block);
        }
    }
    for (uint32_t i = 0; i < 4 && blocks > 0; i++) {
        odds = 1 + below(15);
        look(choose_sector);
    }
}

/* Every segment of a shard can be read and chains up to the tail. */
static void check_segments(struct journal_fixture *fixture, uint16_t shard_id)
{
    struct journal_tail tail;
    uint8_t chain[SEGMENT_HASH_BYTES];
    journal_persisted(fixture->journal, shard_id, &tail);
    for (uint64_t at = tail.first_log_index; at <= tail.last_log_index; at++) {
        size_t bytes;
        struct segment segment;
        assert_int_equal(journal_read(fixture->journal, shard_id, at, fixture->bytes,
                                      SEGMENT_BYTES_MAX, &bytes),
                         STATUS_OK);
        assert_int_equal(segment_open(&segment, fixture->bytes, bytes), STATUS_OK);
        assert_int_equal(segment_verify_payload(&segment), STATUS_OK);
        assert_true(segment.log_index == at);
        if (at > tail.first_log_index) {
            assert_memory_equal(segment.previous_chain_hash, chain, SEGMENT_HASH_BYTES);
        }
        memcpy(chain, segment.chain_hash, SEGMENT_HASH_BYTES);
    }
    if (tail.first_log_index <= tail.last_log_index) {
        assert_memory_equal(chain, tail.last_chain_hash, SEGMENT_HASH_BYTES);
    }
}

static void check_journal(struct journal_fixture *fixture, uint64_t number)
{
    for (uint16_t shard_id = 1; shard_id <= SHARDS_USED; shard_id++) {
        struct journal_tail tail;
        journal_persisted(fixture->journal, shard_id, &tail);
        check_tails(&tail, &world.history[number % HISTORY][shard_id - 1]);
        check_segments(fixture, shard_id);
    }
}

/* Of the sectors that the dead process had in flight and that the new one could read, any may still
 * be lost by a power cut: all but those that the new one has written itself. */
static void scratch_lose(const struct io *io)
{
    uint32_t sector = 0;
    for (uint32_t w = 0; w < io_memory_pending(world.live.io); w++) {
        const struct io_memory_write *write = io_memory_write(world.live.io, w);
        for (uint32_t s = 0; s < write->bytes / IO_MEMORY_SECTOR_BYTES; s++, sector++) {
            uint64_t offset = write->offset + s * IO_MEMORY_SECTOR_BYTES;
            if (sectors.in_file[sector] && !io_memory_wrote_now(io, offset) && below(2) == 0) {
                memcpy(world.scratch + offset, world.content + offset, IO_MEMORY_SECTOR_BYTES);
            }
        }
    }
}

/* A process starts on a crash state; the power fails after some of its start-up's writes, or right
 * after it. What was durable, and what it has counted, is still there then. */
static void look_start(void)
{
    odds = 8 + below(9);
    scratch_apply(choose_sector);
    uint64_t number = recover(world.store);
    uint64_t least = world.live.journal->wal.persisted_number;
    struct store *store = store_memory_clone(world.store);
    struct journal_fixture next;
    journal_fixture_make_memory(&next, world.scratch, store);
    io_memory_faults(next.io)->write_now_allowed =
        below(2) == 0 ? UINT32_MAX : (uint32_t)below(WAL_WRITES_IN_FLIGHT_MAX + 2);
    enum status status = journal_fixture_open(&next);
    bool counted = status == STATUS_OK;
    if (counted) {
        assert_true(next.journal->wal.persisted_number == number + 1);
        check_journal(&next, number);
        least = number;
    } else {
        assert_int_equal(status, STATUS_IO); /* The power failed. */
    }
    struct store *kept = store_memory_clone(store);
    scratch_lose(next.io);
    journal_fixture_free(&next);

    struct journal_fixture after;
    journal_fixture_make_memory(&after, world.scratch, kept);
    status = journal_fixture_open(&after);
    if (status != STATUS_OK) {
        fail_msg("second start: %s: %s", status_text(status), journal_error(after.journal));
    }
    /* Its own first frame, and that of the one before if it came so far, hold nothing. */
    uint64_t found = after.journal->wal.persisted_number - 1 - (counted ? 1 : 0);
    assert_true(found >= least);
    assert_true(found <= number);
    check_journal(&after, found);
    journal_fixture_free(&after);
    memcpy(world.scratch, world.content, WAL_BYTES_MIN);
    world.opens++;
}

/* The process dies, and the next one lives on with what a crash state has left. */
static void next_life(void)
{
    odds = below(17);
    scratch_apply(choose_sector);
    uint64_t number = recover(world.store);
    struct journal_tail expected[SHARDS_USED];
    memcpy(expected, world.history[number % HISTORY], sizeof expected);
    struct store *store = store_memory_clone(world.store);
    memcpy(world.content, world.scratch, WAL_BYTES_MIN);
    end_life();
    start_life(store);
    assert_true(world.closed_number == number + 1);
    for (uint32_t i = 0; i < SHARDS_USED; i++) {
        check_tails(&world.live.journal->shards[i].persisted, &expected[i]);
    }
}

static void test_every_crash_state(void **state)
{
    (void)state;
    const char *asked = getenv("STATES");
    uint64_t states_max = asked == NULL ? STATES_DEFAULT : strtoull(asked, NULL, 10);
    world_setup();
    while (world.states < states_max) {
        step();
        if (io_memory_pending(world.live.io) > 0 && below(8) == 0) {
            look_around();
        }
        if (below(60) == 0) {
            look_start();
        }
        if (below(150) == 0) {
            next_life();
        }
    }
    print_message(
        "%llu crash states, %llu starts with a power cut, %llu lives, %llu frames, frames "
        "dropped in %llu states\n",
        (unsigned long long)world.states, (unsigned long long)world.opens,
        (unsigned long long)world.lives, (unsigned long long)world.closed_number,
        (unsigned long long)world.dropped);
    assert_true(world.dropped > states_max / 20);
    assert_true(world.lives > 2);
    world_free();
}

/* Work without cuts until `frames` more are persisted; scratch follows. */
static void work(uint64_t frames)
{
    uint64_t end = world.live.journal->wal.closed.number + frames;
    while (world.live.journal->wal.persisted_number < end) {
        step_append();
        assert_int_equal(journal_flush(world.live.journal), STATUS_OK);
        remember();
        step_disk();
    }
    while (io_memory_pending(world.live.io) > 0) {
        step_disk();
    }
}

/* Where a frame stands in the file, by walking over the journal's own memory. */
static struct frame_place {
    uint64_t number;
    uint64_t offset;
    uint32_t used_bytes;
    uint32_t bytes;
    uint64_t persisted_number;
} frames[HISTORY];

static uint32_t find_frames(const struct wal_place *from)
{
    const struct wal_image *image = &world.live.journal->wal.image;
    struct wal_place place = *from;
    uint32_t count = 0;
    while (place.number < world.live.journal->wal.closed.number) {
        struct wal_frame frame;
        const uint8_t *records;
        assert_int_equal(wal_chain_next(image, &place, &frame, &records), STATUS_OK);
        assert_true(count < HISTORY);
        frames[count++] = (struct frame_place){
            .number = frame.number,
            .offset = (uint64_t)(records - image->ring) + WAL_HEADER_BYTES - WAL_FRAME_HEADER_BYTES,
            .used_bytes = WAL_FRAME_HEADER_BYTES + frame.records_bytes,
            .bytes = wal_frame_bytes(&frame),
            .persisted_number = frame.persisted_number,
        };
    }
    return count;
}

/* One bit is wrong. What recovery may then say is known exactly. */
static void check_flip(uint32_t f, uint32_t byte, uint32_t bit, uint64_t proven)
{
    uint64_t newest = world.live.journal->wal.closed.number;
    uint64_t stored = store_memory_place(world.store)->number;
    uint8_t *target = world.scratch + frames[f].offset + byte;
    *target ^= (uint8_t)(1u << bit);
    enum status status = run(world.store);
    *target ^= (uint8_t)(1u << bit);
    if (byte >= frames[f].used_bytes || frames[f].number <= stored) {
        assert_int_equal(status, STATUS_NOT_FOUND);
        check_states(newest);
    } else if (frames[f].number <= proven) {
        char named[32];
        assert_int_equal(status, STATUS_DAMAGED);
        (void)snprintf(named, sizeof named, "frame %llu ", (unsigned long long)frames[f].number);
        assert_non_null(strstr(error.text, named));
        (void)snprintf(named, sizeof named, "byte %llu ", (unsigned long long)frames[f].offset);
        assert_non_null(strstr(error.text, named));
    } else {
        /* The stated limit: nothing that can be read says that this frame was durable. */
        assert_int_equal(status, STATUS_NOT_FOUND);
        check_states(frames[f].number - 1);
    }
}

static void test_every_flip(void **state)
{
    (void)state;
    world_setup();
    work(12);
    struct wal_place from = *store_memory_place(world.store);
    (void)store_memory_advance(world.store, 5);
    uint32_t count = find_frames(&from);
    assert_true(count > 12);
    uint64_t flips = 0;
    for (uint32_t f = 0; f < count; f++) {
        /* The last frame that knows most is the one flipped itself, or another. */
        uint64_t proven = 0;
        for (uint32_t other = 0; other < count; other++) {
            if (other != f && frames[other].persisted_number > proven) {
                proven = frames[other].persisted_number;
            }
        }
        uint32_t byte = 0;
        while (byte < frames[f].bytes) {
            if (byte < WAL_FRAME_HEADER_BYTES) {
                for (uint32_t bit = 0; bit < 8; bit++, flips++) {
                    check_flip(f, byte, bit, proven);
                }
                byte++;
            } else {
                check_flip(f, byte, (uint32_t)below(8), proven);
                flips++;
                byte += 1 + (uint32_t)below(13);
            }
        }
    }
    print_message("%llu bits flipped in %u frames\n", (unsigned long long)flips, count);
    assert_true(flips > 10000);
    world_free();
}

/* LMDB that fell back to an older state, while the ring has gone on by more than a lap: the frames
 * in between are nowhere. */
static void test_gap(void **state)
{
    (void)state;
    world_setup();
    work(20);
    (void)store_memory_advance(world.store, UINT32_MAX);
    struct store *old = store_memory_clone(world.store);
    uint64_t laps_end = 2 * world.live.journal->wal.image.ring_bytes;
    while (world.live.journal->wal.closed.position < laps_end) {
        work(10);
        (void)store_memory_advance(world.store, UINT32_MAX);
    }
    work(3);
    assert_int_equal(run(old), STATUS_DAMAGED);
    assert_non_null(strstr(error.text, "cannot be read, but frame"));
    assert_int_equal(run(world.store), STATUS_NOT_FOUND);
    store_close(old);
    world_free();
}

/* The ring's file put back from an older copy, beside the newer store. */
static void test_old_ring(void **state)
{
    (void)state;
    world_setup();
    work(20);
    (void)store_memory_advance(world.store, UINT32_MAX);
    uint8_t *old = malloc(WAL_BYTES_MIN);
    assert_non_null(old);
    memcpy(old, world.content, WAL_BYTES_MIN);
    work(20);
    (void)store_memory_advance(world.store, UINT32_MAX);
    assert_int_equal(run(world.store), STATUS_NOT_FOUND);
    memcpy(world.scratch, old, WAL_BYTES_MIN);
    assert_int_equal(run(world.store), STATUS_DAMAGED);
    assert_non_null(strstr(error.text, "old copy"));
    memset(world.scratch + WAL_HEADER_BYTES, 0, WAL_BYTES_MIN - WAL_HEADER_BYTES);
    assert_int_equal(run(world.store), STATUS_DAMAGED);
    free(old);
    world_free();
}

static void append_durably(uint64_t count)
{
    for (uint64_t at = 0; at < count; at++) {
        assert_int_equal(journal_fixture_append(&world.live, 1, 40, world.salt++), STATUS_OK);
    }
    assert_int_equal(journal_flush(world.live.journal), STATUS_OK);
    while (io_memory_pending(world.live.io) > 0) {
        step_disk();
        assert_int_equal(journal_flush(world.live.journal), STATUS_OK);
    }
}

/* The store is behind when the log is cut, and is trimmed beyond that place for the sake of what
 * came after: neither is damage, whoever takes in the cut, a start or the store. */
static void test_a_cut_below_what_is_trimmed(void **state)
{
    (void)state;
    world_setup();
    append_durably(20);
    (void)store_memory_advance(world.store, UINT32_MAX);
    assert_int_equal(journal_truncate(world.live.journal, 1, 5), STATUS_OK);
    append_durably(15);
    assert_int_equal(journal_trim(world.live.journal, 1, 10), STATUS_OK);
    assert_true(store_memory_states(world.store)[0].tail.first_log_index == 10);
    assert_true(store_memory_states(world.store)[0].tail.last_log_index == 20);
    assert_int_equal(run(world.store), STATUS_NOT_FOUND);
    assert_true(recovery.states[0].tail.first_log_index == 5);
    assert_true(recovery.states[0].tail.last_log_index == 19);
    (void)store_memory_advance(world.store, UINT32_MAX);
    assert_true(store_memory_states(world.store)[0].tail.last_log_index == 19);
    struct journal_tail tail;
    journal_persisted(world.live.journal, 1, &tail);
    assert_true(tail.first_log_index == 10 && tail.last_log_index == 19);
    world_free();
}

/* Recovery believes no segment that a key nobody knows has signed, nor one that was changed before
 * the frame was sealed. */
static void test_segments_are_verified(void **state)
{
    (void)state;
    world_setup();
    struct journal_fixture *live = &world.live;
    struct segment_signer honest = live->signer;
    for (int kind = 0; kind < 3; kind++) {
        struct journal_tail tail;
        struct store *before = store_memory_clone(world.store);
        journal_appended(live->journal, 1, &tail);
        if (kind == 0) {
            memset(live->signer.key_id, 0xEE, sizeof live->signer.key_id);
        } else if (kind == 1) {
            live->signer.secret_key[0] ^= 1;
        }
        journal_fixture_seal(live, 1, &tail, 1, 100, 1);
        live->signer = honest;
        if (kind == 2) {
            live->bytes[SEGMENT_HEADER_BYTES + 50] ^= 1;
        }
        assert_int_equal(journal_append(live->journal, live->bytes, &live->segment, 1), STATUS_OK);
        assert_int_equal(journal_flush(live->journal), STATUS_OK);
        step_disk();
        enum status status = run(before);
        assert_int_equal(status, kind == 0   ? STATUS_UNKNOWN_KEY
                                 : kind == 1 ? STATUS_BAD_SIGNATURE
                                             : STATUS_BAD_CHECKSUM);
        assert_non_null(strstr(error.text, "log index"));
        assert_non_null(strstr(error.text, status_text(status)));
        store_close(before);
        (void)store_memory_advance(world.store, UINT32_MAX);
    }
    world_free();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_crash_state),
        cmocka_unit_test(test_every_flip),
        cmocka_unit_test(test_a_cut_below_what_is_trimmed),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_old_ring),
        cmocka_unit_test(test_segments_are_verified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
