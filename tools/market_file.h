/* A market file (YAML, tools/market.md): what the market of each shard should look like.
 *
 * Prices and quantities are decimals, read exactly. Everything wrong is named with its line;
 * unknown keys, things given twice and values out of range are errors. */
#ifndef TOOLS_MARKET_FILE_H
#define TOOLS_MARKET_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/soupbin.h"
#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "matching/command.h"

#define MARKET_FILE_ERROR_BYTES 768u

struct market_file_instrument {
    struct command_instrument terms;
    bool state_given; /* Else a new one opens, and one that is there stays as it is. */
};

struct market_file_session {
    struct command_session terms; /* Without salt, hash and their cost. */
    bool password_given;
    uint8_t password[SOUPBIN_PASSWORD_BYTES]; /* Padded with spaces. */
};

struct market_file_shard {
    uint16_t shard_id;
    bool day_end_given;
    bool reopen_given;
    struct command_shard terms; /* What is not given is zero. */
    struct command_firm *firms;
    uint32_t firm_count;
    struct market_file_instrument *instruments;
    uint32_t instrument_count;
    struct market_file_session *sessions;
    uint32_t session_count;
};

struct market_file {
    struct market_file_shard shards[SHARDS_MAX];
    uint32_t shard_count;
};

/* STATUS_NOT_FOUND, STATUS_DENIED, STATUS_BAD_FORMAT, STATUS_FULL with a sentence in `error`; then
 * there is nothing to free. Passwords stand in the result: free it soon. */
MUST_USE enum status market_file_read(struct market_file *file, const char *path,
                                      char error[static MARKET_FILE_ERROR_BYTES]);
/* Wipes the passwords, too. */
void market_file_free(struct market_file *file);

#endif
