/* What a drill of several sites tells: text for people, report.json for scripts, report.html with
 * pictures for whoever wants to keep it. */
#ifndef TOOLS_DRILL_STORY_H
#define TOOLS_DRILL_STORY_H

#include <stdbool.h>

#include "matching/base/status.h"
#include "tools/drill_play.h"

/* After drill_play_run() has ended well. Writes into the run directory, and to stdout: the text, or
 * with `json` the report. A picture that cannot be drawn (no gnuplot) is said, and no failure.
 * STATUS_IO: a file cannot be written. */
MUST_USE enum status drill_story(struct drill_play *play, bool json);

#endif
