/* The sites that an operator's command may ask, and which of them leads which shard now. */
#ifndef TOOLS_SITE_DESK_H
#define TOOLS_SITE_DESK_H

#include <stdint.h>

#include "gateway/admin_change.h"
#include "matching/base/status.h"
#include "tools/admin_client.h"
#include "tools/site_view.h"

#define SITE_DESK_ERROR_BYTES (ADMIN_CLIENT_ERROR_BYTES + 256u)

#define SITE_DESK_COMMAND  "site" /* Of `causeway`, for messages. */
#define SITE_DESK_ASK_NS   UINT64_C(2000000000)
#define SITE_DESK_PAUSE_MS 50 /* Between two looks. */

struct site_desk {
    struct admin_client *clients[SITES_MAX];
    struct config *configs; /* Of the sites' files; `count` of them. */
    struct site_view views[SITES_MAX];
    bool heard[SITES_MAX];                         /* Its view is of the last site_desk_look(). */
    char errors[SITES_MAX][SITE_DESK_ERROR_BYTES]; /* Of who was not heard: why. */
    uint32_t count;
    char error[SITE_DESK_ERROR_BYTES];
};

/* `paths`: configuration files of sites of one cluster, with commas. On failure `error` holds a
 * sentence, and site_desk_close() is still to be called. */
MUST_USE enum status site_desk_open(struct site_desk *desk, const char *paths);
void site_desk_close(struct site_desk *desk);

/* Ask every site anew, each for so long. STATUS_CLOSED: none answered, `error` says why of the last
 * one. */
MUST_USE enum status site_desk_look(struct site_desk *desk, uint64_t patience_ns);

/* Whether the last look heard every site. */
bool site_desk_all_heard(const struct site_desk *desk);

/* Index of any site that was heard. Asserts that there is one. */
uint32_t site_desk_any(const struct site_desk *desk);
/* Index of the site that leads a shard. STATUS_NOT_FOUND: none that was heard, and `error` names
 * who does, as far as anybody knows. STATUS_NOT_YET: so one of these sites is named, which does not
 * say so itself: leadership moves, look again. */
MUST_USE enum status site_desk_leader(struct site_desk *desk, uint16_t shard_id, uint32_t *index);
/* What a site says of a shard. */
const struct site_view_shard *site_desk_shard(const struct site_desk *desk, uint32_t index,
                                              uint16_t shard_id);

/* What all that were heard know together: of each shard what its leader says, else who knows the
 * newest membership; of each place its newest site. `view` points into `desk`. */
void site_desk_newest(const struct site_desk *desk, struct site_view *view);

/* Have a site do something. STATUS_OK: done or begun; STATUS_NOT_YET: refused for now, the same may
 * succeed later; STATUS_DENIED: refused. Then `error` says why, and `verdict` (NULL: nobody asks)
 * which rule of placement it was. */
MUST_USE enum status site_desk_change(struct site_desk *desk, uint32_t index,
                                      const struct admin_change *change, uint64_t patience_ns,
                                      struct placement_verdict *verdict);

#endif
