/* A scenario carried out: sites made and started, clients trading, the timeline happening, then
 * everything settled, read again and checked. What is told of it stands in drill_story.h. */
#ifndef TOOLS_DRILL_PLAY_H
#define TOOLS_DRILL_PLAY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "matching/base/limits.h"
#include "matching/base/status.h"
#include "tools/drill_check.h"
#include "tools/drill_desk.h"
#include "tools/drill_fleet.h"
#include "tools/drill_leaders.h"
#include "tools/drill_losses.h"
#include "tools/drill_moments.h"
#include "tools/progress.h"
#include "tools/scenario.h"

struct drill_play_options {
    const struct scenario *scenario;
    const char *directory;
    uint64_t seed;
    uint64_t losses; /* With so many leaders of shards lost the flow ends; 0: when it should. */
    bool loopback;   /* No namespaces, even where they are allowed. */
    const volatile sig_atomic_t *interrupted;
};

enum drill_play_end {
    DRILL_PLAY_DONE,        /* Carried to its end; whether it passed is another question. */
    DRILL_PLAY_INTERRUPTED, /* Ctrl-C. */
    DRILL_PLAY_FAILED,      /* error says why. */
};

struct drill_play {
    struct drill_play_options options;
    struct drill_fleet fleet;
    const char *endpoints[SITES_MAX]; /* The sites' doors. */
    struct drill_desk *desks[SHARDS_MAX];
    struct drill_desk_view views[SHARDS_MAX];
    struct drill_moment moments[SCENARIO_FAULTS_MAX];
    uint32_t moment_count;
    uint64_t start_ns; /* The first order. */
    uint64_t held_ns;  /* So much later than the timeline says: harm waited (scenario.patient). */
    uint64_t held_since_ns;   /* It waits since then; 0: it does not. */
    uint64_t losses_asked_ns; /* When the logs were last asked how many leaders are lost. */
    uint64_t end_ns;          /* Everything settled. */
    uint16_t surviving;
    uint64_t recovery_ns; /* The longest of all. */
    struct drill_leaders leaders;
    bool leaders_told; /* The logs say who led. */
    uint16_t moved;    /* Shards that had another leader than at first. */
    struct drill_losses losses;
    struct drill_hashes hashes;
    struct drill_check check;
    struct progress progress;
    char error[DRILL_PLACE_ERROR_BYTES];
};

/* From nothing to the check. Call drill_play_close() whatever the end. The process must have one
 * thread, and lives in the clients' namespace from then on. */
MUST_USE enum drill_play_end drill_play_run(struct drill_play *play,
                                            const struct drill_play_options *options);
void drill_play_close(struct drill_play *play);

/* Whether those shards moved, and only those, that the scenario expects to. True when it expects
 * nothing, or nobody told who led. */
bool drill_play_moved_as_expected(const struct drill_play *play);

/* Whether everything that was to be proved, and what the scenario expects, holds. */
bool drill_play_passed(const struct drill_play *play);

#endif
