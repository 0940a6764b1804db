/* When a site begins to serve clients, and of which shards. Loop thread only. */
#ifndef GATEWAY_SITE_SERVING_H
#define GATEWAY_SITE_SERVING_H

#include "gateway/site_inside.h"

/* Once every shard has been current here: report who was logged on before, open the doors. Not all
 * at one moment: under load some shard always has something under way, here as at sites that serve.
 * A shard that waits for room for evidence may wait for long: once others are current it comes
 * later, and its market is closed until then. STATUS_*: what io_listen() says, with a sentence. */
MUST_USE enum status site_serving_begin(struct site *site, char error[static SITE_ERROR_BYTES]);

/* Once a turn: the markets of shards that come later. Nothing before the doors are open. */
void site_serving_late(struct site *site);

#endif
