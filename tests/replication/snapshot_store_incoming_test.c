/* Fetching snapshots from another site: in any order, over restarts, with bad pieces in between. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replication/journal_file.h"
#include "replication/snapshot_store.h"
#include "tests/support/cmocka_all.h"
#include "tests/support/test_paths.h"
#include "tests/support/test_seed.h"

#define CLUSTER UINT64_C(0x1122334455667788)
#define CHUNK   ((size_t)SNAPSHOT_CHUNK_BYTES)
#define LARGE   (6 * CHUNK + 12345)
#define INDEX   UINT64_C(30)

static char root[TEST_PATH_BYTES];
static char directories[2][TEST_PATH_BYTES + 16];
static struct segment_signer signers[2];
static struct segment_verifier verifiers[2];
static struct snapshot_store *stores[2]; /* The second one fetches from the first. */
static struct snapshot_source *source;
static struct replica_position position;
static struct random random_numbers;
static uint8_t *content; /* LARGE bytes. */
static uint8_t *piece;   /* A chunk. */

static enum status open_store(uint32_t site, uint32_t verifier_count)
{
    struct snapshot_store_options options = {.directory = directories[site],
                                             .cluster_id = CLUSTER,
                                             .signer = &signers[site],
                                             .verifiers = verifiers,
                                             .verifier_count = verifier_count};
    return snapshot_store_open(&stores[site], &options);
}

static void write_snapshot(uint64_t log_index)
{
    struct snapshot_manifest facts = {
        .shard_id = 1,
        .position = {.log_index = log_index, .term = 2, .chain_hash = {(uint8_t)log_index}},
        .next_command_sequence = 1};
    position = facts.position;
    assert_int_equal(snapshot_store_write_begin(stores[0], &facts), STATUS_OK);
    assert_int_equal(snapshot_store_write_part(stores[0], "engine"), STATUS_OK);
    assert_int_equal(snapshot_store_write(stores[0], content, LARGE), STATUS_OK);
    assert_int_equal(snapshot_store_write_part(stores[0], "nothing"), STATUS_OK);
    assert_int_equal(snapshot_store_write_part(stores[0], "streams"), STATUS_OK);
    assert_int_equal(snapshot_store_write(stores[0], content + 1, CHUNK), STATUS_OK);
    assert_int_equal(snapshot_store_write_commit(stores[0]), STATUS_OK);
}

static int set_up(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    test_seed(&random_numbers);
    test_paths_make(root, "snapshot_incoming");
    for (uint32_t site = 0; site < 2; site++) {
        (void)snprintf(directories[site], sizeof directories[site], "%s/site-%u", root, site);
        assert_int_equal(crypto_sign_keypair(verifiers[site].public_key, signers[site].secret_key),
                         0);
        segment_key_id(verifiers[site].key_id, verifiers[site].public_key);
        memcpy(signers[site].key_id, verifiers[site].key_id, sizeof signers[site].key_id);
        assert_int_equal(open_store(site, 2), STATUS_OK);
    }
    content = malloc(LARGE);
    piece = malloc(CHUNK);
    assert_true(content != NULL && piece != NULL);
    for (size_t i = 0; i < LARGE; i++) {
        content[i] = (uint8_t)random_u64(&random_numbers);
    }
    write_snapshot(INDEX);
    assert_int_equal(snapshot_store_source(stores[0], 1, INDEX, &source), STATUS_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    snapshot_store_source_close(source);
    snapshot_store_close(stores[0]);
    snapshot_store_close(stores[1]);
    free(content);
    free(piece);
    test_paths_remove(root);
    return 0;
}

static struct snapshot_incoming *start(void)
{
    struct snapshot_incoming *incoming = NULL;
    assert_int_equal(snapshot_store_incoming(stores[1], 1, &position, &incoming), STATUS_OK);
    assert_non_null(incoming);
    return incoming;
}

/* Ask for what stands there and take it; `bytes_max` as a link may allow. */
static enum status fetch(struct snapshot_incoming *incoming, uint64_t offset, uint32_t bytes_max)
{
    uint32_t bytes = 0;
    uint64_t total = 0;
    assert_int_equal(snapshot_store_source_serve(source, offset, piece, bytes_max, &bytes, &total),
                     STATUS_OK);
    assert_true(bytes > 0 && bytes <= bytes_max);
    return snapshot_store_incoming_take(incoming, offset, piece, bytes, total);
}

/* Up to `pieces` pieces of what is missing, from random places on. Returns how many there were. */
static uint32_t fetch_some(struct snapshot_incoming *incoming, uint32_t pieces)
{
    uint32_t count = 0;
    for (; count < pieces; count++) {
        uint64_t wanted = 0;
        uint32_t bytes_max = 0;
        uint64_t from = random_below(&random_numbers, LARGE + 2 * CHUNK);
        if (!snapshot_store_incoming_next(incoming, from, &wanted, &bytes_max) &&
            !snapshot_store_incoming_next(incoming, 0, &wanted, &bytes_max)) {
            break;
        }
        assert_int_equal(fetch(incoming, wanted, bytes_max), STATUS_OK);
        assert_int_equal(fetch(incoming, wanted, bytes_max), STATUS_OK); /* Twice is fine. */
    }
    return count;
}

static void check_fetched(void)
{
    struct snapshot_source *fetched = NULL;
    assert_int_equal(snapshot_store_source(stores[1], 1, INDEX, &fetched), STATUS_OK);
    uint8_t *other = malloc(CHUNK);
    assert_non_null(other);
    uint64_t total = 1;
    for (uint64_t offset = 0; offset < total;) {
        uint32_t bytes = 0;
        uint32_t other_bytes = 0;
        assert_int_equal(snapshot_store_source_serve(source, offset, piece, SNAPSHOT_CHUNK_BYTES,
                                                     &bytes, &total),
                         STATUS_OK);
        assert_int_equal(snapshot_store_source_serve(fetched, offset, other, SNAPSHOT_CHUNK_BYTES,
                                                     &other_bytes, &total),
                         STATUS_OK);
        assert_int_equal(bytes, other_bytes);
        assert_memory_equal(piece, other, bytes);
        offset += bytes;
    }
    uint32_t bytes = 0;
    assert_int_equal(snapshot_store_source_serve(fetched, total, other, 1, &bytes, &total),
                     STATUS_BAD_ARGUMENT);
    free(other);
    snapshot_store_source_close(fetched);
}

static void test_in_any_order(void **state)
{
    (void)state;
    struct snapshot_incoming *incoming = start();
    uint64_t bytes = 1;
    uint64_t total = 1;
    snapshot_store_incoming_progress(incoming, &bytes, &total);
    assert_int_equal(bytes, 0);
    assert_int_equal(total, 0);
    assert_int_equal(snapshot_store_incoming_finish(incoming), STATUS_NOT_YET);
    assert_int_equal(fetch_some(incoming, 100), 1 + 7 + 1);
    snapshot_store_incoming_progress(incoming, &bytes, &total);
    assert_int_equal(bytes, total);
    assert_true(total > LARGE + CHUNK);
    uint64_t log_indexes[SNAPSHOT_KEPT_MAX];
    assert_int_equal(snapshot_store_list(stores[1], 1, log_indexes), 0);
    assert_int_equal(snapshot_store_incoming_finish(incoming), STATUS_OK);
    check_fetched();
    assert_int_equal(snapshot_store_incoming(stores[1], 1, &position, &incoming), STATUS_EXISTS);
    assert_null(incoming);
}

/* A manifest in pieces as small as they come. */
static void test_a_manifest_in_pieces(void **state)
{
    (void)state;
    struct snapshot_incoming *incoming = start();
    uint64_t wanted = 0;
    uint32_t bytes_max = 0;
    while (snapshot_store_incoming_next(incoming, 0, &wanted, &bytes_max) &&
           wanted < SNAPSHOT_MANIFEST_HEADER_BYTES + 8 * SNAPSHOT_MANIFEST_HASH_BYTES) {
        assert_int_equal(bytes_max, SNAPSHOT_CHUNK_BYTES);
        assert_int_equal(fetch(incoming, wanted, 1 + (uint32_t)random_below(&random_numbers, 99)),
                         STATUS_OK);
        uint64_t next = 0;
        assert_true(snapshot_store_incoming_next(incoming, 0, &next, &bytes_max));
        assert_true(next > wanted);
        if (next < SNAPSHOT_MANIFEST_HEADER_BYTES + 8 * SNAPSHOT_MANIFEST_HASH_BYTES) {
            assert_int_equal(snapshot_store_incoming_take(incoming, wanted, piece, 1, 1),
                             STATUS_BAD_FORMAT); /* It stands there already. */
        }
    }
    assert_int_equal(fetch_some(incoming, 100), 8);
    assert_int_equal(snapshot_store_incoming_finish(incoming), STATUS_OK);
    check_fetched();
}

/* Restarts lose at most the manifest that is not whole; what rotted meanwhile is fetched again. */
static void test_goes_on_after_restarts(void **state)
{
    (void)state;
    uint32_t fetched = 0;
    for (uint32_t i = 0; i < 4; i++) {
        struct snapshot_incoming *incoming = start();
        fetched += fetch_some(incoming, 2);
        snapshot_store_incoming_close(incoming);
        snapshot_store_close(stores[1]);
        assert_int_equal(open_store(1, 2), STATUS_OK);
    }
    assert_int_equal(fetched, 8);
    char path[JOURNAL_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/incoming-1-00000000000000000030/engine.part",
                   directories[1]);
    int file = open(path, O_RDWR | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, "rot", 3, 0), 3); /* In a chunk that is here, or not yet. */
    assert_int_equal(pwrite(file, "more", 4, (off_t)LARGE + 100), 4);
    assert_int_equal(close(file), 0);
    struct snapshot_incoming *incoming = start();
    fetched = fetch_some(incoming, 100);
    assert_true(fetched == 1 || fetched == 2);
    assert_int_equal(snapshot_store_incoming_finish(incoming), STATUS_OK);
    check_fetched();
}

static void test_bad_pieces_change_nothing(void **state)
{
    (void)state;
    struct snapshot_incoming *incoming = start();
    size_t manifest = SNAPSHOT_MANIFEST_HEADER_BYTES + 8 * SNAPSHOT_MANIFEST_HASH_BYTES;
    uint64_t total = manifest + LARGE + CHUNK;
    assert_int_equal(snapshot_store_incoming_take(incoming, manifest, content, 100, total),
                     STATUS_BAD_FORMAT); /* Not yet. */
    assert_int_equal(fetch_some(incoming, 1), 1);
    assert_int_equal(snapshot_store_incoming_take(incoming, manifest, content, 100, total),
                     STATUS_BAD_FORMAT); /* Not a whole chunk. */
    assert_int_equal(snapshot_store_incoming_take(incoming, manifest + 1, content + 1, CHUNK - 1,
                                                  total),
                     STATUS_BAD_FORMAT);
    assert_int_equal(snapshot_store_incoming_take(incoming, total, content, 1, total),
                     STATUS_BAD_FORMAT);
    assert_int_equal(snapshot_store_incoming_take(incoming, UINT64_MAX, content, 1, total),
                     STATUS_BAD_FORMAT);
    assert_int_equal(snapshot_store_incoming_take(incoming, manifest, content + 1,
                                                  SNAPSHOT_CHUNK_BYTES, total),
                     STATUS_BAD_CHECKSUM);
    uint64_t bytes = 0;
    snapshot_store_incoming_progress(incoming, &bytes, &total);
    assert_int_equal(bytes, manifest);
    assert_int_equal(snapshot_store_incoming_finish(incoming), STATUS_NOT_YET);
    assert_int_equal(fetch_some(incoming, 100), 8);
    assert_int_equal(snapshot_store_incoming_finish(incoming), STATUS_OK);
    check_fetched();
}

/* The header alone says whether it is worth fetching. */
static void test_manifests_that_are_not_believed(void **state)
{
    (void)state;
    uint32_t bytes = 0;
    uint64_t total = 0;
    assert_int_equal(snapshot_store_source_serve(source, 0, piece, SNAPSHOT_MANIFEST_HEADER_BYTES,
                                                 &bytes, &total),
                     STATUS_OK);
    static const struct {
        size_t at;
        enum status status;
    } cases[] = {{0, STATUS_BAD_FORMAT},     {4, STATUS_BAD_VERSION},
                 {20, STATUS_FOREIGN},       {80, STATUS_BAD_SIGNATURE},
                 {2402, STATUS_UNKNOWN_KEY}, {2420, STATUS_BAD_SIGNATURE}};
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct snapshot_incoming *incoming = start();
        piece[cases[i].at] ^= 0x40;
        assert_int_equal(snapshot_store_incoming_take(incoming, 0, piece, bytes, total),
                         cases[i].status);
        piece[cases[i].at] ^= 0x40;
        assert_int_equal(snapshot_store_incoming_take(incoming, 0, piece, bytes, total + 1),
                         STATUS_BAD_FORMAT);
        assert_int_equal(snapshot_store_incoming_take(incoming, 0, piece, bytes, total), STATUS_OK);
        snapshot_store_incoming_drop(incoming);
    }
    /* Of another place than was asked for, however well it is signed. */
    struct snapshot_incoming *incoming = NULL;
    struct replica_position other = position;
    other.chain_hash[5] ^= 1;
    assert_int_equal(snapshot_store_incoming(stores[1], 1, &other, &incoming), STATUS_OK);
    assert_int_equal(fetch(incoming, 0, SNAPSHOT_CHUNK_BYTES), STATUS_BAD_CHAIN);
    snapshot_store_incoming_drop(incoming);
    /* Signed by a site that is no member here. */
    snapshot_store_close(stores[1]);
    struct segment_verifier first = verifiers[0];
    verifiers[0] = verifiers[1];
    assert_int_equal(open_store(1, 1), STATUS_OK);
    incoming = start();
    assert_int_equal(fetch(incoming, 0, SNAPSHOT_CHUNK_BYTES), STATUS_UNKNOWN_KEY);
    snapshot_store_incoming_drop(incoming);
    verifiers[0] = first;
}

/* What an earlier process fetched of another snapshot at this index is not taken for this one. */
static void test_leftovers_of_another(void **state)
{
    (void)state;
    struct snapshot_incoming *incoming = start();
    assert_int_equal(fetch_some(incoming, 4), 4);
    snapshot_store_incoming_close(incoming);
    struct replica_position other = position;
    other.chain_hash[9] ^= 1;
    assert_int_equal(snapshot_store_incoming(stores[1], 1, &other, &incoming), STATUS_OK);
    uint64_t bytes = 1;
    uint64_t total = 0;
    snapshot_store_incoming_progress(incoming, &bytes, &total);
    assert_int_equal(bytes, 0);
    snapshot_store_incoming_drop(incoming);
    char path[JOURNAL_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/incoming-1-00000000000000000030", directories[1]);
    assert_false(journal_file_exists(path));
}

static void test_cleaned(void **state)
{
    (void)state;
    char path[JOURNAL_PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/incoming-1-00000000000000000030", directories[1]);
    struct snapshot_incoming *incoming = start();
    snapshot_store_incoming_close(incoming);
    assert_int_equal(snapshot_store_incoming_clean(stores[1], 2, 0), STATUS_OK);
    assert_int_equal(snapshot_store_incoming_clean(stores[1], 1, 30), STATUS_OK);
    assert_true(journal_file_exists(path));
    assert_int_equal(snapshot_store_incoming_clean(stores[1], 1, 31), STATUS_OK);
    assert_false(journal_file_exists(path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_manifest_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_goes_on_after_restarts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_pieces_change_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_manifests_that_are_not_believed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leftovers_of_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cleaned, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
