/* Who is a member of each shard, how far each is, and what the loss of any one would mean: the JSON
 * of GET /membership, and what GET /status has of it. Pure but for jansson's memory; each makes a
 * new object, NULL without memory. Fields: protocol.md, "Membership". */
#ifndef GATEWAY_ADMIN_MEMBERSHIP_H
#define GATEWAY_ADMIN_MEMBERSHIP_H

#include <jansson.h>

#include "gateway/admin_message.h"

json_t *admin_membership_json(const struct admin_site *site, const struct admin_shard *shards);

/* Of one shard, for people: members with names, roles and, at the leader, how far they are; what
 * single losses would do. */
json_t *admin_membership_status(const struct admin_site *site, const struct admin_shard *shard);

#endif
