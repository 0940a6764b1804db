/* The operator's bearer token: read from its file, kept as a hash only, compared in constant time.
 */
#ifndef GATEWAY_ADMIN_TOKEN_H
#define GATEWAY_ADMIN_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "matching/base/status.h"

#define ADMIN_TOKEN_BYTES_MIN 16u
#define ADMIN_TOKEN_BYTES_MAX 128u

struct admin_token {
    uint8_t key[32]; /* Random a process: hashes of guesses tell nothing. */
    uint8_t hash[32];
};

/* Read the token's text: one line of printable characters without spaces. STATUS_NOT_FOUND,
 * STATUS_DENIED (not readable, or readable for others than its owner), STATUS_BAD_FORMAT; `error`
 * gets a sentence. `text` is the caller's to wipe. */
MUST_USE enum status admin_token_read(char text[static ADMIN_TOKEN_BYTES_MAX + 1], const char *path,
                                      char *error, size_t error_bytes);

void admin_token_set(struct admin_token *token, const char *text);

/* Whether an Authorization header (or NULL) carries the token. Time does not depend on where a
 * guess differs. */
bool admin_token_matches(const struct admin_token *token, const char *authorization);

#endif
