#include "replication/journal_block.h"

#include <sodium.h>
#include <string.h>

#include "matching/base/assertion.h"

void journal_block_hash(uint8_t hash[static JOURNAL_BLOCK_HASH_BYTES], const void *data,
                        size_t bytes)
{
    ASSERT(data != NULL);
    int result = crypto_generichash(hash, JOURNAL_BLOCK_HASH_BYTES, data, bytes, NULL, 0);
    ASSERT(result == 0);
}

void journal_block_init(uint8_t block[static JOURNAL_BLOCK_BYTES], const char *magic)
{
    ASSERT(strlen(magic) == JOURNAL_BLOCK_MAGIC_BYTES);
    memset(block, 0, JOURNAL_BLOCK_BYTES);
    memcpy(block + JOURNAL_BLOCK_HASH_BYTES, magic, JOURNAL_BLOCK_MAGIC_BYTES);
}

void journal_block_seal(uint8_t block[static JOURNAL_BLOCK_BYTES])
{
    journal_block_hash(block, block + JOURNAL_BLOCK_HASH_BYTES,
                       JOURNAL_BLOCK_BYTES - JOURNAL_BLOCK_HASH_BYTES);
}

enum status journal_block_check(const uint8_t block[static JOURNAL_BLOCK_BYTES], const char *magic)
{
    ASSERT(strlen(magic) == JOURNAL_BLOCK_MAGIC_BYTES);
    uint8_t hash[JOURNAL_BLOCK_HASH_BYTES];
    journal_block_hash(hash, block + JOURNAL_BLOCK_HASH_BYTES,
                       JOURNAL_BLOCK_BYTES - JOURNAL_BLOCK_HASH_BYTES);
    if (memcmp(hash, block, JOURNAL_BLOCK_HASH_BYTES) != 0) {
        return STATUS_BAD_CHECKSUM;
    }
    const uint8_t *found = block + JOURNAL_BLOCK_HASH_BYTES;
    if (memcmp(found, magic, JOURNAL_BLOCK_MAGIC_BYTES - 1) != 0) {
        return STATUS_BAD_FORMAT;
    }
    return found[7] == (uint8_t)magic[7] ? STATUS_OK : STATUS_BAD_VERSION;
}
