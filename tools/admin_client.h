/* Talks to a site's administration port (gateway/protocol.md, 5) with the token of its data
 * directory. One connection, kept open; one request at a time. */
#ifndef TOOLS_ADMIN_CLIENT_H
#define TOOLS_ADMIN_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/config.h"
#include "matching/base/status.h"

#define ADMIN_CLIENT_ERROR_BYTES 1024u

struct admin_client;

/* Where the port is and which token it wants: from the site's configuration file. Connects to
 * nothing yet. `config` may be NULL, else it gets a copy. On failure `error` holds a sentence. */
MUST_USE enum status admin_client_open(struct admin_client **client, const char *config_path,
                                       struct config *config,
                                       char error[static ADMIN_CLIENT_ERROR_BYTES]);
void admin_client_close(struct admin_client *client);

struct admin_client_answer {
    long http_status;
    json_t *json; /* The caller's to json_decref(). */
};

/* GET `path` when `body` is NULL, else POST it (it stays the caller's). While nobody answers in
 * time, or the answer says that the same request may succeed later, asks again until `patience_ns`
 * have passed: for commands this is safe, their request id makes them happen once.
 * STATUS_OK: an answer, whatever its HTTP status. STATUS_CLOSED, STATUS_TIMEOUT, STATUS_BAD_FORMAT:
 * none, and admin_client_error() says why. */
MUST_USE enum status admin_client_ask(struct admin_client *client, const char *path,
                                      const json_t *body, uint64_t patience_ns,
                                      struct admin_client_answer *answer);

/* A sentence about the last call that did not return STATUS_OK. */
const char *admin_client_error(const struct admin_client *client);

/* "error" of an answer, or a sentence about its HTTP status. */
const char *admin_client_complaint(const struct admin_client_answer *answer);

#endif
