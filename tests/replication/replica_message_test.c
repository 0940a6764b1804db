#include "replication/replica_message.h"

#include <string.h>

#include "tests/support/cmocka_all.h"

static struct replica_entry entries[3];

static struct replica_message append(void)
{
    memset(entries, 0, sizeof entries);
    entries[0].position = (struct replica_position){.log_index = 5, .term = 3};
    entries[1].position = (struct replica_position){.log_index = 6, .term = 4};
    entries[1].kind = REPLICA_ENTRY_OPENING;
    entries[2].position = (struct replica_position){.log_index = 7, .term = 4};
    return (struct replica_message){.type = REPLICA_APPEND,
                                    .from_site_id = 2,
                                    .to_site_id = 1,
                                    .term = 4,
                                    .position = {.log_index = 4, .term = 3},
                                    .entries = entries,
                                    .entry_count = 3};
}

static void test_a_good_message_passes(void **state)
{
    (void)state;
    struct replica_message message = append();
    assert_true(replica_message_valid(&message));
}

#define CHECK_BAD(change)                                                                          \
    do {                                                                                           \
        struct replica_message message = append();                                                 \
        change;                                                                                    \
        assert_false(replica_message_valid(&message));                                             \
    } while (0)

static void test_each_field_is_checked(void **state)
{
    (void)state;
    static const struct placement placement;
    CHECK_BAD(message.type = 0);
    CHECK_BAD(message.type = REPLICA_MESSAGE_TYPE_COUNT);
    CHECK_BAD(message.type = REPLICA_VOTE); /* With entries. */
    CHECK_BAD(message.from_site_id = 0);
    CHECK_BAD(message.from_site_id = SITES_MAX + 1);
    CHECK_BAD(message.to_site_id = 0);
    CHECK_BAD(message.to_site_id = 2);
    CHECK_BAD(message.to_site_id = SITES_MAX + 1);
    CHECK_BAD(message.term = 0);
    CHECK_BAD(message.term = UINT64_MAX);
    CHECK_BAD(message.term = UINT64_MAX / 2 + 1);
    CHECK_BAD(message.term = 3); /* Below its entries'. */
    CHECK_BAD(message.position.term = 5);
    CHECK_BAD(message.position.term = 0);
    CHECK_BAD(message.position.log_index = 0);
    CHECK_BAD(message.position.log_index = UINT64_MAX);
    CHECK_BAD(message.wall_ns = 1); /* Only replies carry a clock. */
    CHECK_BAD(message.entries = NULL);
    CHECK_BAD(message.entry_count = REPLICA_BATCH_ENTRIES_MAX + 1);
    CHECK_BAD(entries[0].position.log_index = 6);
    CHECK_BAD(entries[2].position.log_index = 6);
    CHECK_BAD(entries[0].position.term = 2);
    CHECK_BAD(entries[2].position.term = 3);
    CHECK_BAD(entries[1].kind = REPLICA_ENTRY_COMMANDS); /* A term opens with its segment. */
    CHECK_BAD(entries[2].kind = REPLICA_ENTRY_OPENING);
    CHECK_BAD(entries[2].kind = REPLICA_ENTRY_KIND_COUNT);
    CHECK_BAD(entries[2].kind = REPLICA_ENTRY_PLACEMENT);
    CHECK_BAD(entries[2].placement = &placement);
    CHECK_BAD(entries[2].kind = REPLICA_ENTRY_PLACEMENT; entries[2].placement = &placement);
}

/* Two logs cannot differ before their first segment. */
static void test_there_is_one_beginning(void **state)
{
    (void)state;
    struct replica_message message = append();
    message.entry_count = 0;
    message.position = (struct replica_position){0};
    assert_true(replica_message_valid(&message));
    message.position.chain_hash[REPLICA_HASH_BYTES - 1] = 1;
    assert_false(replica_message_valid(&message));
}

static void test_chains_are_compared_whole(void **state)
{
    (void)state;
    struct replica_position one = {0};
    for (uint32_t at = 0; at < REPLICA_HASH_BYTES; at++) {
        struct replica_position other = one;
        assert_true(replica_message_same_chain(&one, &other));
        other.chain_hash[at] ^= 1;
        assert_false(replica_message_same_chain(&one, &other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_message_passes),
        cmocka_unit_test(test_each_field_is_checked),
        cmocka_unit_test(test_there_is_one_beginning),
        cmocka_unit_test(test_chains_are_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
