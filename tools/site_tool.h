/* What the parts of `causeway site` share: who is a member, who votes, who leads. */
#ifndef TOOLS_SITE_TOOL_H
#define TOOLS_SITE_TOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/site_desk.h"
#include "tools/site_join.h"
#include "tools/site_view.h"

struct site_tool {
    struct site_desk desk;
    struct site_join join; /* Of `add`, */
    struct site_view view; /* which finds a place in this: site_desk_newest(). */
    FILE *progress;
    uint64_t until_ns;
    uint64_t patience_ns;
    uint64_t commit_providers; /* 0: as it is. */
    uint64_t only_shard;       /* 0: all. */
    const char *instead_of;
    const char *prefer;
    const char *confirm; /* Of `recover`. */
    const char *key_path;
    const char *override;
    uint32_t waived_rules;
    bool replace;
    bool dry_run;
    char **names; /* Operands behind the verb. */
    uint32_t name_count;
    uint64_t epoch_said; /* Of the progress printed last. */
};

struct site_verb {
    const char *name;
    uint32_t operands_max;
    /* Write what the verb makes of a membership. False: it says why it cannot. */
    bool (*target)(struct site_tool *tool, const struct site_view *view, struct placement *target);
};

/* site_tool_target.c: the verbs' targets; false: they have said why not. */
bool site_tool_target_add(struct site_tool *tool, const struct site_view *view,
                          struct placement *target);
bool site_tool_target_promote(struct site_tool *tool, const struct site_view *view,
                              struct placement *target);
bool site_tool_target_remove(struct site_tool *tool, const struct site_view *view,
                             struct placement *target);
/* What every verb may ask for besides. */
bool site_tool_target(struct site_tool *tool, const struct site_verb *verb,
                      const struct site_view *view, const struct placement *now,
                      struct placement *target);
/* The id of a member with this name; 0: it has said that there is none. */
uint8_t site_tool_target_member(const struct site_view *view, const struct placement *placement,
                                const char *name);

/* site_tool_plan.c: show the change, propose it, see it through; hand a shard over. False: they
 * have said what is wrong. */
bool site_tool_plan(struct site_tool *tool, const struct site_verb *verb, uint16_t shard_id);
bool site_tool_plan_transfer(struct site_tool *tool, uint16_t shard_id);
/* Which of the sites leads; waits while leadership moves between them. */
bool site_tool_plan_leader(struct site_tool *tool, uint16_t shard_id, uint32_t *leader);

#endif
