/* JSON that the administration port and its clients write. Pure but for jansson's memory. Fields:
 * protocol.md, "Administration port". */
#ifndef GATEWAY_ADMIN_JSON_H
#define GATEWAY_ADMIN_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/admin_message.h"

/* Words of administrative command types and trading states; NULL for any other value. */
const char *admin_json_type_text(uint8_t type);
const char *admin_json_state_text(uint8_t state);

/* Body of POST /command (admin_read.h reads it). NULL without memory. Asserts: an administrative
 * type. */
json_t *admin_json_from_command(const struct command *command, uint16_t shard_id);

/* Each makes a new object; NULL without memory. */
json_t *admin_json_status(const struct admin_site *site, const struct admin_shard *shards);
json_t *admin_json_shard_terms(const struct admin_shard *shard);
json_t *admin_json_instrument(const struct engine_instrument *instrument);
json_t *admin_json_firm(const struct engine_firm *firm);
json_t *admin_json_session(const struct engine_session *session);
json_t *admin_json_administration(const struct event *event);

/* "done", "unchanged", "conflict", "invalid", "unknown", "full", "busy"; and the HTTP status that
 * goes with it. NULL and 500 for a value that is none. */
const char *admin_json_result(uint8_t administration_result, unsigned *http_status);

/* A name without the spaces behind it; `target` has bytes + 1. */
void admin_json_unpad(char *target, const uint8_t *padded, size_t bytes);

#endif
