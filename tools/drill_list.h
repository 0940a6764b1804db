/* What there is to drill. */
#ifndef TOOLS_DRILL_LIST_H
#define TOOLS_DRILL_LIST_H

#include <stdio.h>

#include "matching/base/status.h"

/* A line for each scenario of scenario_directory(), sorted: name and title; the reason where one
 * cannot be read. STATUS_NOT_FOUND: there is no such directory, or nothing in it.
 * STATUS_BAD_FORMAT: one could not be read. */
MUST_USE enum status drill_list(FILE *out);

#endif
