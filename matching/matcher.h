/* Matches the incoming order against the book, fill by fill (rules.md 4). */
#ifndef MATCHING_MATCHER_H
#define MATCHING_MATCHER_H

#include "matching/market.h"

/* Trade market->incoming as far as it goes; then its rest rests or is canceled. STATUS_MORE: the
 * batch is full, call again with an empty one. Asserts: open lots are left when called first. */
MUST_USE enum status matcher_run(struct market *market);

#endif
