/* The page of a drill: one HTML file with everything in it, pictures too. */
#ifndef TOOLS_DRILL_PAGE_H
#define TOOLS_DRILL_PAGE_H

#include "matching/base/status.h"
#include "tools/drill_play.h"

/* Write the page; `pictures` are PNG files, one of each shard, or NULL where there is none.
 * STATUS_IO. */
MUST_USE enum status drill_page(const struct drill_play *play, const char *path,
                                const char *const *pictures);

#endif
