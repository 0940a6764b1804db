/* A block of 4 KiB with a magic and a checksum: what the journal's small fixed files are made of
 * (journal.id, the first block of wal.ring, the slots of store.head). Pure but for the hash.
 * Layout: protocol.md, "Journal", 1. */
#ifndef REPLICATION_JOURNAL_BLOCK_H
#define REPLICATION_JOURNAL_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

#define JOURNAL_BLOCK_BYTES       4096u
#define JOURNAL_BLOCK_HASH_BYTES  16u
#define JOURNAL_BLOCK_MAGIC_BYTES 8u
#define JOURNAL_BLOCK_BODY_AT     24u

/* Zero a block but for the magic, whose last character is the version. */
void journal_block_init(uint8_t block[static JOURNAL_BLOCK_BYTES], const char *magic);
/* Put the checksum over everything behind it. */
void journal_block_seal(uint8_t block[static JOURNAL_BLOCK_BYTES]);
/* STATUS_BAD_CHECKSUM, STATUS_BAD_FORMAT (another kind of block), STATUS_BAD_VERSION. */
MUST_USE enum status journal_block_check(const uint8_t block[static JOURNAL_BLOCK_BYTES],
                                         const char *magic);

/* BLAKE2b-128 of `bytes` at `data`. */
void journal_block_hash(uint8_t hash[static JOURNAL_BLOCK_HASH_BYTES], const void *data,
                        size_t bytes);

#endif
