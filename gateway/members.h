/* Members: sites that joined after the genesis, as this site knows them, and the keys that it has
 * trusted.
 *
 * Who is a member is in each shard's log (placement.h); there a site is a place, a key, a journal
 * and a provider's number. Its name and its addresses are known from here. What an operator adds at
 * one site is told to every other over the links (news), whenever two of them connect and whenever
 * it changes, so that a site that was away learns of those that joined meanwhile from anyone it
 * still knows. Kept in the data directory, read with the configuration (protocol.md, "Members").
 *
 * Of two lines for one place the one with the higher version stands, of equal ones that with the
 * greater incarnation: all sites come to the same. The line of this site itself comes from its own
 * file, or the genesis, and then stands always; what the log says of a place is not changed by
 * anybody's word (members_view.h).
 * Loop thread only, or tools. */
#ifndef GATEWAY_MEMBERS_H
#define GATEWAY_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/config.h"
#include "gateway/members_view.h"
#include "matching/base/status.h"
#include "replication/journal_error.h"
#include "replication/link_wire.h"
#include "replication/placement.h"

/* Of the news: nine sites with all their addresses. */
#define MEMBERS_TEXT_BYTES_MAX LINK_WIRE_NEWS_BYTES_MAX
#define MEMBERS_ERROR_BYTES    JOURNAL_ERROR_BYTES

/* Name of a site, or "none" for 0, or "unknown". */
const char *members_name_of(const struct config_site sites[static SITES_MAX], uint8_t site_id);

/* One site as JSON. NULL without memory. */
json_t *members_site_json(const struct config_site *site, uint8_t site_id);

/* Read what members_site_json() wrote; of a site of the genesis, too. False: a field is wrong. */
bool members_site_read(const json_t *object, struct config_site *site, uint8_t *site_id);

/* The same as a text of at most MEMBERS_TEXT_BYTES_MAX, to be free()d; NULL without memory. */
char *members_text(const struct config *config);

/* Take in what another site or a tool says, as far as `view` lets it (members_view_judge()).
 * `*changed`: something was new. STATUS_BAD_FORMAT changes nothing. STATUS_DENIED, else
 * STATUS_NOT_YET: that was said of a line at least; the others are taken. */
MUST_USE enum status members_merge(struct config *config, const struct members_view *view,
                                   const char *text, size_t text_bytes, bool *changed);

/* Keep the keys of a placement's members. True: one was new. When there are too many the oldest
 * goes that neither this placement nor `view` names. */
bool members_trust(struct config *config, const struct members_view *view,
                   const struct placement *placement);

/* A site's configuration and its members: config_read_joined(), members_load(). */
MUST_USE enum status members_read(struct config *config, const char *path,
                                  char error[static MEMBERS_ERROR_BYTES]);

/* Read the file of config->data into `sites` and `keys`, which hold the genesis; nothing when there
 * is none. Then find out who this site is: STATUS_NOT_FOUND when nobody has its name.
 * STATUS_BAD_FORMAT, STATUS_DENIED. `error` gets a sentence. */
MUST_USE enum status members_load(struct config *config, char error[static MEMBERS_ERROR_BYTES]);
/* Write it, durable. STATUS_IO and others. */
MUST_USE enum status members_save(const struct config *config,
                                  char error[static MEMBERS_ERROR_BYTES]);

#endif
