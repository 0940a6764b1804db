#include "replication/store_facts.h"

#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"

#define STORE_FACTS_HASH_BYTES JOURNAL_BLOCK_HASH_BYTES
#define STORE_FACTS_BODY_AT    (STORE_FACTS_HASH_BYTES + 8u)

static_assert(STORE_FACTS_SHARD_BYTES == STORE_FACTS_BODY_AT + 2 * JOURNAL_TAIL_BYTES,
              "the layout is the format");
static_assert(STORE_FACTS_PLACE_BYTES ==
                  STORE_FACTS_BODY_AT + WAL_KEY_BYTES + 3 * 8 + WAL_HASH_BYTES + WAL_NONCE_BYTES,
              "the layout is the format");

static_assert(STORE_FACTS_REPAIR_BYTES == STORE_FACTS_BODY_AT + 16 + JOURNAL_REPAIR_BYTES,
              "the layout is the format");

void store_facts_init(struct store_facts *facts, const uint8_t incarnation[static WAL_KEY_BYTES])
{
    ASSERT(facts != NULL);
    memset(facts, 0, sizeof *facts);
    memcpy(facts->incarnation, incarnation, WAL_KEY_BYTES);
    facts->commit_number = 1;
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        journal_tail_init(&facts->states[i].tail);
        journal_tail_init(&facts->states[i].base);
    }
}

void store_facts_head(const struct store_facts *facts, struct store_head_facts *head)
{
    ASSERT(facts->commit_number > 0);
    uint8_t records[SHARDS_MAX][STORE_FACTS_SHARD_BYTES];
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        store_facts_shard_store(records[i], facts, i);
    }
    *head = (struct store_head_facts){.commit_number = facts->commit_number,
                                      .frame_number = facts->place.number};
    memcpy(head->incarnation, facts->incarnation, WAL_KEY_BYTES);
    memcpy(head->frame_hash, facts->place.hash, WAL_HASH_BYTES);
    journal_block_hash(head->digest, records, sizeof records);
}

/* Version and checksum, in front of everything. */
static void store_facts_seal(uint8_t *record, size_t record_bytes)
{
    bytes_store_le64(record + STORE_FACTS_HASH_BYTES, STORE_FACTS_VERSION);
    journal_block_hash(record, record + STORE_FACTS_HASH_BYTES,
                       record_bytes - STORE_FACTS_HASH_BYTES);
}

static enum status store_facts_check(const uint8_t *record, size_t record_bytes)
{
    uint8_t hash[STORE_FACTS_HASH_BYTES];
    journal_block_hash(hash, record + STORE_FACTS_HASH_BYTES,
                       record_bytes - STORE_FACTS_HASH_BYTES);
    if (memcmp(hash, record, STORE_FACTS_HASH_BYTES) != 0) {
        return STATUS_BAD_CHECKSUM;
    }
    return bytes_load_le64(record + STORE_FACTS_HASH_BYTES) == STORE_FACTS_VERSION
               ? STATUS_OK
               : STATUS_BAD_VERSION;
}

void store_facts_place_store(uint8_t target[static STORE_FACTS_PLACE_BYTES],
                             const struct store_facts *facts, uint64_t ring_bytes)
{
    ASSERT(ring_bytes > 0);
    ASSERT(facts->commit_number > 0);
    uint8_t *body = target + STORE_FACTS_BODY_AT;
    memcpy(body, facts->incarnation, WAL_KEY_BYTES);
    bytes_store_le64(body + 16, facts->commit_number);
    bytes_store_le64(body + 24, facts->place.number);
    bytes_store_le64(body + 32, facts->place.position % ring_bytes);
    memcpy(body + 40, facts->place.hash, WAL_HASH_BYTES);
    memcpy(body + 56, facts->place.start_nonce, WAL_NONCE_BYTES);
    store_facts_seal(target, STORE_FACTS_PLACE_BYTES);
}

enum status store_facts_place_load(struct store_facts *facts,
                                   const uint8_t source[static STORE_FACTS_PLACE_BYTES])
{
    enum status status = store_facts_check(source, STORE_FACTS_PLACE_BYTES);
    if (status != STATUS_OK) {
        return status;
    }
    const uint8_t *body = source + STORE_FACTS_BODY_AT;
    memcpy(facts->incarnation, body, WAL_KEY_BYTES);
    facts->commit_number = bytes_load_le64(body + 16);
    facts->place.number = bytes_load_le64(body + 24);
    facts->place.position = bytes_load_le64(body + 32);
    memcpy(facts->place.hash, body + 40, WAL_HASH_BYTES);
    memcpy(facts->place.start_nonce, body + 56, WAL_NONCE_BYTES);
    return facts->commit_number > 0 ? STATUS_OK : STATUS_BAD_FORMAT;
}

void store_facts_shard_store(uint8_t target[static STORE_FACTS_SHARD_BYTES],
                             const struct store_facts *facts, uint32_t index)
{
    ASSERT(index < SHARDS_MAX);
    uint8_t *body = target + STORE_FACTS_BODY_AT;
    journal_tail_store(body, &facts->states[index].tail);
    journal_tail_store(body + JOURNAL_TAIL_BYTES, &facts->states[index].base);
    store_facts_seal(target, STORE_FACTS_SHARD_BYTES);
}

enum status store_facts_shard_load(struct store_facts *facts, uint32_t index,
                                   const uint8_t source[static STORE_FACTS_SHARD_BYTES])
{
    ASSERT(index < SHARDS_MAX);
    enum status status = store_facts_check(source, STORE_FACTS_SHARD_BYTES);
    if (status != STATUS_OK) {
        return status;
    }
    const uint8_t *body = source + STORE_FACTS_BODY_AT;
    struct journal_state *state = &facts->states[index];
    status = journal_tail_load(&state->tail, body);
    if (status == STATUS_OK) {
        status = journal_tail_load(&state->base, body + JOURNAL_TAIL_BYTES);
    }
    return status;
}

void store_facts_repair_store(uint8_t target[static STORE_FACTS_REPAIR_BYTES],
                              const struct journal_repair *repair)
{
    ASSERT(repair->state > JOURNAL_REPAIR_NONE);
    ASSERT(repair->state <= JOURNAL_REPAIR_JOINED);
    uint8_t *body = target + STORE_FACTS_BODY_AT;
    memset(body, 0, 16);
    bytes_store_le64(body, repair->generation);
    body[8] = repair->state;
    memcpy(body + 16, repair->record, JOURNAL_REPAIR_BYTES);
    store_facts_seal(target, STORE_FACTS_REPAIR_BYTES);
}

enum status store_facts_repair_load(struct journal_repair *repair,
                                    const uint8_t source[static STORE_FACTS_REPAIR_BYTES])
{
    static const uint8_t zeros[7];
    enum status status = store_facts_check(source, STORE_FACTS_REPAIR_BYTES);
    if (status != STATUS_OK) {
        return status;
    }
    const uint8_t *body = source + STORE_FACTS_BODY_AT;
    repair->generation = bytes_load_le64(body);
    repair->state = body[8];
    memcpy(repair->record, body + 16, JOURNAL_REPAIR_BYTES);
    bool good = repair->generation > 0 && repair->state > JOURNAL_REPAIR_NONE &&
                repair->state <= JOURNAL_REPAIR_JOINED &&
                memcmp(body + 9, zeros, sizeof zeros) == 0;
    return good ? STATUS_OK : STATUS_BAD_FORMAT;
}
