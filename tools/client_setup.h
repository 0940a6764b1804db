/* What every trading command needs first: where the exchange is, and which sessions and instruments
 * there are, from a site's configuration and a market file. */
#ifndef TOOLS_CLIENT_SETUP_H
#define TOOLS_CLIENT_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/config.h"
#include "matching/base/status.h"
#include "tools/market_file.h"
#include "tools/ouch_client.h"

#define CLIENT_SETUP_ERROR_BYTES 1024u

struct client_setup_options {
    const char *connect;     /* "address:port", or NULL: listen.ouch of the configuration. */
    const char *config_path; /* site.yaml, or NULL. */
    const char *market_path; /* Sessions with passwords, and instruments. */
    uint16_t shard_id;       /* Whose; 0: the file's first. */
};

struct client_setup {
    char endpoint[CONFIG_ENDPOINT_BYTES];
    struct market_file market;
    const struct market_file_shard *shard; /* A client trades on one. */
    uint8_t (*symbols)[SYMBOL_BYTES];      /* Of its instruments, in the file's order. */
};

/* STATUS_BAD_ARGUMENT: neither a configuration nor an address, no market file, or one without the
 * shard or its instruments; otherwise what the readers say. `error` gets a sentence; then nothing
 * is open. */
MUST_USE enum status client_setup_open(struct client_setup *setup,
                                       const struct client_setup_options *options,
                                       char error[static CLIENT_SETUP_ERROR_BYTES]);
/* Wipes the passwords. */
void client_setup_close(struct client_setup *setup);

/* A client with the first `session_count` sessions that have passwords. `options` lacks endpoint
 * and sessions_max. STATUS_BAD_ARGUMENT: there are not so many; otherwise as ouch_client_create().
 */
MUST_USE enum status client_setup_client(const struct client_setup *setup,
                                         struct ouch_client_options options, uint32_t session_count,
                                         struct ouch_client **client,
                                         char error[static CLIENT_SETUP_ERROR_BYTES]);

/* Index of the instrument named `symbol` (not padded); STATUS_NOT_FOUND. */
MUST_USE enum status client_setup_instrument(const struct client_setup *setup, const char *symbol,
                                             uint32_t *instrument);

#endif
