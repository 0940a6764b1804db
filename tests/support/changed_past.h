/* A stopped site that begins with another past than the others: its engine computes other events
 * from then on. */
#ifndef TESTS_SUPPORT_CHANGED_PAST_H
#define TESTS_SUPPORT_CHANGED_PAST_H

#include "tests/support/site_process.h"

/* What stands in the newest snapshot of shard 1, with one more command executed, takes its place,
 * signed by that site. Each `request_id` makes another past. Two snapshots are there before. */
void changed_past_make(const struct site_process *site, uint64_t request_id);

#endif
