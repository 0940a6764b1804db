/* The administration port: HTTP/1.1 on listen.admin, for operators, their scripts and Prometheus.
 *
 *   GET  /status    JSON: what this site and its shards do
 *   GET  /metrics   the same as Prometheus text
 *   GET  /market    JSON: instruments, firms, sessions with their versions (token)
 *   GET  /membership JSON: members and plans of each shard, in full, for tools
 *   POST /membership JSON: a change of membership or leadership, begun (token)
 *   POST /command   JSON: one administrative command, answered when it has been executed (token)
 *
 * The token stands in a file of the data directory and is sent as "Authorization: Bearer TOKEN".
 * Fields: protocol.md, "Administration port". One thread serves all connections; it asks the
 * loop thread through admin_link.h. An answer that does not come in time is 503: a command may then
 * still be executed, and sent again with the same request id it is executed at most once. */
#ifndef GATEWAY_ADMIN_H
#define GATEWAY_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/admin_link.h"
#include "matching/base/status.h"

#define ADMIN_EXCHANGES_MAX   16u    /* HTTP requests under way. Beyond: 503 at once. */
#define ADMIN_CONNECTIONS_MAX 64u    /* Beyond: closed at once. */
#define ADMIN_BODY_BYTES_MAX  16384u /* Of POST /command. Beyond: 413. */
#define ADMIN_TIMEOUT_MS      5000u
#define ADMIN_ERROR_BYTES     512u

struct admin;

struct admin_options {
    const char *endpoint;    /* Numeric "address:port"; port 0: any free one. */
    const char *token_path;  /* Must be readable for its owner only. */
    struct admin_link *link; /* Outlives the thread. */
    uint32_t timeout_ms;     /* From request to answer; 0: ADMIN_TIMEOUT_MS. */
};

/* Listen and start the thread. On failure `error` holds a sentence: STATUS_IN_USE (the port),
 * STATUS_BAD_ARGUMENT (the address), STATUS_NOT_FOUND, STATUS_DENIED, STATUS_BAD_FORMAT (the
 * token's file), STATUS_FULL. */
MUST_USE enum status admin_start(struct admin **admin, const struct admin_options *options,
                                 char error[static ADMIN_ERROR_BYTES]);
/* Ends the thread; HTTP requests under way get 503. Before io_destroy(). */
void admin_stop(struct admin *admin);
uint16_t admin_port(const struct admin *admin);

#endif
