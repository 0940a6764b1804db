#include "tools/chaos.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/random.h"

#define CHAOS_MS             UINT64_C(1000000)
#define CHAOS_PROVIDERS      3u
#define CHAOS_START_NS       (500 * CHAOS_MS)  /* Before the first harm. */
#define CHAOS_END_NS         (2000 * CHAOS_MS) /* After the last one is over. */
#define CHAOS_INTERVAL_NS    (200 * CHAOS_MS)  /* From one harm to the next, on average. */
#define CHAOS_GRACE_NS       (200 * CHAOS_MS)  /* For who comes back, before it counts as well. */
#define CHAOS_ROUND_TRIP_NS  (2 * CHAOS_MS)
#define CHAOS_LONGEST_MILLE  900u /* So many of a thousand harms hit who has been well longest. */
#define CHAOS_TWO_MILLE      800u /* So many hit two sites, where two are a minority. */
#define CHAOS_HASTY_MILLE    200u /* So many do not wait for the end of the one before. */
#define CHAOS_STEP_OCTAVES   23u  /* Clocks jump by 1 ms to 2.3 h. */
#define CHAOS_ENTRIES_A_HARM 6u   /* Two sites, three entries each, at most. */
#define CHAOS_CARDS          20u

/* How often of CHAOS_CARDS, and how long it lasts. */
struct chaos_kind {
    enum scenario_fault_kind kind;
    bool all; /* Hits all sites. */
    uint32_t cards;
    uint64_t shortest_ns;
    uint64_t longest_ns;
};

static const struct chaos_kind chaos_kinds[] = {
    {SCENARIO_KILL, false, 7, 20 * CHAOS_MS, 400 * CHAOS_MS},
    {SCENARIO_KILL, true, 1, 20 * CHAOS_MS, 300 * CHAOS_MS},
    {SCENARIO_STOP, false, 5, 100 * CHAOS_MS, 600 * CHAOS_MS},
    {SCENARIO_CUT, false, 3, 100 * CHAOS_MS, 600 * CHAOS_MS},
    {SCENARIO_RESTART, false, 1, 0, 0},
    {SCENARIO_FILL_DISK, false, 1, 500 * CHAOS_MS, 1000 * CHAOS_MS},
    {SCENARIO_DEGRADE, false, 1, 300 * CHAOS_MS, 1000 * CHAOS_MS},
    {SCENARIO_STEP_CLOCK, false, 1, 0, 0},
};

struct chaos {
    struct scenario *scenario;
    struct random random;
    uint64_t busy_until_ns[SITES_MAX]; /* Harmed, or just back. */
    uint16_t last;                     /* Those that were harmed last: others lead now. */
    uint8_t deck[CHAOS_CARDS];         /* Indexes of chaos_kinds. */
    bool two[CHAOS_CARDS];             /* Whether the card hits two sites, where it may. */
    uint32_t dealt;                    /* Of the deck. */
    bool hasty;                        /* Whether the harm being dealt waits for nothing. */
};

static void chaos_places(struct scenario *scenario, const struct chaos_options *options)
{
    static const char *const providers[CHAOS_PROVIDERS] = {"alpha", "beta", "gamma"};
    for (uint32_t i = 0; i < CHAOS_PROVIDERS; i++) {
        (void)snprintf(scenario->regions[i], sizeof scenario->regions[i], "%s", providers[i]);
    }
    (void)snprintf(scenario->regions[CHAOS_PROVIDERS], sizeof scenario->regions[0], "%s",
                   SCENARIO_CLIENTS_LABEL);
    scenario->region_count = CHAOS_PROVIDERS + 1;
    scenario->client_region = CHAOS_PROVIDERS;
    for (uint32_t one = 0; one < scenario->region_count; one++) {
        for (uint32_t other = 0; other < scenario->region_count; other++) {
            scenario->round_trip_ns[one][other] =
                one == other ? CHAOS_ROUND_TRIP_NS / 4 : CHAOS_ROUND_TRIP_NS;
        }
    }
    scenario->site_count = options->site_count;
    for (uint32_t i = 0; i < options->site_count; i++) {
        struct scenario_site *site = &scenario->sites[i];
        site->region = (uint8_t)(i % CHAOS_PROVIDERS);
        site->role = CONFIG_VOTER;
        (void)snprintf(site->provider, sizeof site->provider, "%s", providers[site->region]);
        (void)snprintf(site->name, sizeof site->name, "%s-%u", providers[site->region],
                       i / CHAOS_PROVIDERS + 1);
    }
    scenario->shard_count = options->shard_count;
    for (uint32_t i = 0; i < options->shard_count; i++) {
        struct scenario_shard *shard = &scenario->shards[i];
        (void)snprintf(shard->name, sizeof shard->name, "S%u", i + 1);
        shard->commit_providers = 2;
        shard->prefer_count = options->site_count;
        for (uint32_t at = 0; at < options->site_count; at++) {
            shard->prefer[at] = (uint8_t)((i + at) % options->site_count);
        }
    }
}

static uint64_t chaos_between(struct chaos *chaos, uint64_t from, uint64_t to)
{
    ASSERT(from <= to);
    return from + random_below(&chaos->random, to - from + 1);
}

/* Into the order of time. */
static void chaos_add(struct chaos *chaos, const struct scenario_fault *fault)
{
    struct scenario *scenario = chaos->scenario;
    ASSERT(scenario->fault_count < SCENARIO_FAULTS_MAX);
    ASSERT(fault->at_ns < scenario->duration_ns);
    uint32_t at = scenario->fault_count++;
    while (at > 0 && scenario->faults[at - 1].at_ns > fault->at_ns) {
        scenario->faults[at] = scenario->faults[at - 1];
        at--;
    }
    scenario->faults[at] = *fault;
}

/* Kinds come as from a deck of cards, shuffled anew when all have been dealt: a short run sees
 * every kind. */
static void chaos_shuffle(struct chaos *chaos)
{
    uint32_t count = 0;
    for (size_t kind = 0; kind < sizeof chaos_kinds / sizeof chaos_kinds[0]; kind++) {
        for (uint32_t i = 0; i < chaos_kinds[kind].cards; i++) {
            ASSERT(count < CHAOS_CARDS);
            chaos->deck[count++] = (uint8_t)kind;
        }
    }
    ASSERT(count == CHAOS_CARDS);
    for (uint32_t i = 0; i < CHAOS_CARDS; i++) {
        chaos->two[i] = random_below(&chaos->random, 1000) < CHAOS_TWO_MILLE;
    }
    for (uint32_t i = CHAOS_CARDS - 1; i > 0; i--) {
        uint32_t other = (uint32_t)random_below(&chaos->random, i + 1);
        uint8_t card = chaos->deck[i];
        chaos->deck[i] = chaos->deck[other];
        chaos->deck[other] = card;
    }
    chaos->dealt = 0;
}

/* What ends it, `lasts_ns` later. */
static void chaos_undo(struct chaos *chaos, const struct scenario_fault *fault,
                       enum scenario_fault_kind kind, uint64_t lasts_ns, const char *what,
                       const char *name)
{
    struct scenario_fault undo = *fault;
    undo.kind = kind;
    undo.undoes = true;
    undo.at_ns += lasts_ns;
    (void)snprintf(undo.say, sizeof undo.say, "%s %s", name, what);
    chaos_add(chaos, &undo);
}

static int64_t chaos_step(struct chaos *chaos)
{
    uint64_t step_ns = CHAOS_MS << random_below(&chaos->random, CHAOS_STEP_OCTAVES + 1);
    return random_below(&chaos->random, 2) == 0 ? (int64_t)step_ns : -(int64_t)step_ns;
}

/* One site is harmed, behind another one at the same moment if it is `next`; returns when that is
 * over. */
static uint64_t chaos_harm(struct chaos *chaos, const struct chaos_kind *kind, uint32_t site,
                           bool next, uint64_t at_ns)
{
    const char *name = chaos->scenario->sites[site].name;
    uint16_t all = (uint16_t)((2u << chaos->scenario->site_count) - 1);
    uint64_t lasts_ns = chaos_between(chaos, kind->shortest_ns, kind->longest_ns);
    const char *what = "is killed";
    struct scenario_fault fault = {.at_ns = at_ns, .kind = kind->kind, .hasty = chaos->hasty};
    fault.who = (uint16_t)(1u << site);
    if (kind->kind == SCENARIO_KILL) {
        chaos_undo(chaos, &fault, SCENARIO_START, lasts_ns, "is started", name);
    } else if (kind->kind == SCENARIO_STOP) {
        what = "is frozen";
        chaos_undo(chaos, &fault, SCENARIO_CONTINUE, lasts_ns, "goes on", name);
    } else if (kind->kind == SCENARIO_RESTART) {
        what = "is restarted";
    } else if (kind->kind == SCENARIO_FILL_DISK) {
        what = "has a full disk";
        chaos_undo(chaos, &fault, SCENARIO_FREE_DISK, lasts_ns, "has room again", name);
        lasts_ns += 100 * CHAOS_MS;
        chaos_undo(chaos, &fault, SCENARIO_START, lasts_ns, "is started", name);
    } else if (kind->kind == SCENARIO_STEP_CLOCK) {
        what = "has a clock that jumps";
        fault.step_ns = chaos_step(chaos);
    } else {
        bool cut = kind->kind == SCENARIO_CUT;
        fault.from = fault.who;
        fault.to = all;
        fault.who = 0;
        fault.one_way = random_below(&chaos->random, 4) == 0;
        if (!cut) {
            fault.strain = (struct scenario_strain){.delay_ns = 20 * CHAOS_MS,
                                                    .jitter_ns = 20 * CHAOS_MS,
                                                    .loss_ppm = 50000};
        }
        what = !cut ? "loses and delays packets" : fault.one_way ? "is not heard" : "is cut off";
        chaos_undo(chaos, &fault, cut ? SCENARIO_HEAL : SCENARIO_RESTORE, lasts_ns,
                   "is heard as usual", name);
    }
    fault.hasty = fault.hasty || next;
    (void)snprintf(fault.say, sizeof fault.say, "%s %s", name, what);
    chaos_add(chaos, &fault);
    return at_ns + lasts_ns + CHAOS_GRACE_NS;
}

/* A site that is well and was not harmed last time, mostly the one that has been well for longest:
 * it leads most. site_count: none. */
static uint32_t chaos_victim(struct chaos *chaos, uint64_t at_ns)
{
    uint32_t count = chaos->scenario->site_count;
    uint32_t first = (uint32_t)random_below(&chaos->random, count);
    bool longest = random_below(&chaos->random, 1000) < CHAOS_LONGEST_MILLE;
    uint32_t victim = count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t site = (first + i) % count;
        bool may = chaos->busy_until_ns[site] <= at_ns && (chaos->last >> site & 1) == 0;
        if (may && (victim == count ||
                    (longest && chaos->busy_until_ns[site] < chaos->busy_until_ns[victim]))) {
            victim = site;
        }
    }
    return victim;
}

static void chaos_kill_all(struct chaos *chaos, const struct chaos_kind *kind, uint64_t at_ns)
{
    uint32_t count = chaos->scenario->site_count;
    struct scenario_fault fault = {.at_ns = at_ns, .kind = SCENARIO_KILL};
    uint64_t lasts_ns = chaos_between(chaos, kind->shortest_ns, kind->longest_ns);
    fault.who = (uint16_t)((1u << count) - 1);
    (void)snprintf(fault.say, sizeof fault.say, "all are killed");
    chaos_undo(chaos, &fault, SCENARIO_START, lasts_ns, "are started", "all");
    chaos_add(chaos, &fault);
    for (uint32_t i = 0; i < count; i++) {
        chaos->busy_until_ns[i] = at_ns + lasts_ns + 2 * CHAOS_GRACE_NS;
    }
}

/* What happens at one moment; returns the earliest for the next. */
static uint64_t chaos_moment(struct chaos *chaos, uint64_t at_ns)
{
    uint32_t count = chaos->scenario->site_count;
    uint32_t minority = (count - 1) / 2;
    uint32_t busy = 0;
    uint16_t hit = 0;
    uint64_t ends_ns = UINT64_MAX;
    for (uint32_t i = 0; i < count; i++) {
        busy += chaos->busy_until_ns[i] > at_ns;
        if (chaos->busy_until_ns[i] > at_ns && chaos->busy_until_ns[i] < ends_ns) {
            ends_ns = chaos->busy_until_ns[i];
        }
    }
    if (chaos->dealt == CHAOS_CARDS) {
        chaos_shuffle(chaos);
    }
    const struct chaos_kind *kind = &chaos_kinds[chaos->deck[chaos->dealt]];
    bool two = minority >= 2 && chaos->two[chaos->dealt];
    uint32_t well = kind->all ? minority : 1u + two; /* So many more of a minority must be. */
    if (busy + well > minority) {
        ASSERT(busy > 0);
        return ends_ns;
    }
    chaos->dealt++;
    if (kind->all) {
        chaos_kill_all(chaos, kind, at_ns);
        return at_ns;
    }
    chaos->hasty = random_below(&chaos->random, 1000) < CHAOS_HASTY_MILLE;
    for (uint32_t i = 0; i < 1u + two; i++) {
        uint32_t site = chaos_victim(chaos, at_ns);
        if (site == count) {
            break;
        }
        chaos->busy_until_ns[site] = chaos_harm(chaos, kind, site, i > 0, at_ns);
        hit = (uint16_t)(hit | 1u << site);
    }
    chaos->last = hit;
    return at_ns;
}

void chaos_make(struct scenario *scenario, const struct chaos_options *options)
{
    ASSERT(options->site_count >= CHAOS_SITES_MIN && options->site_count <= SITES_MAX);
    ASSERT(options->site_count % 2 == 1);
    ASSERT(options->shard_count > 0 && options->shard_count <= SHARDS_MAX);
    ASSERT(options->duration_ns >= CHAOS_DURATION_NS);
    ASSERT(options->duration_ns <= SCENARIO_DURATION_MAX);
    struct chaos chaos = {.scenario = scenario, .dealt = CHAOS_CARDS};
    random_seed(&chaos.random, options->seed);
    memset(scenario, 0, sizeof *scenario);
    (void)snprintf(scenario->name, sizeof scenario->name, "chaos");
    (void)snprintf(scenario->title, sizeof scenario->title, "Chaos at %u sites",
                   options->site_count);
    (void)snprintf(scenario->about, sizeof scenario->about,
                   "Sites are killed, frozen, cut off, their disks full, their clocks wrong, at "
                   "random, one after the other and together. Seed %llu repeats what happens when.",
                   (unsigned long long)options->seed);
    scenario->duration_ns = options->duration_ns;
    scenario->line = (struct wan_line){.jitter_ns = CHAOS_MS / 5};
    scenario->sessions = options->sessions;
    scenario->instruments = 1;
    scenario->patient = true; /* A slow machine sees less harm, not a quorum that is never there. */
    scenario->small = true;   /* More starts in the same time. */
    scenario->rate = options->rate;
    chaos_places(scenario, options);
    uint64_t interval_ns =
        options->duration_ns / (SCENARIO_FAULTS_MAX / CHAOS_ENTRIES_A_HARM) * 2 + 1;
    interval_ns = interval_ns > CHAOS_INTERVAL_NS ? interval_ns : CHAOS_INTERVAL_NS;
    uint64_t at_ns = CHAOS_START_NS;
    uint64_t last_ns = options->duration_ns - CHAOS_END_NS;
    while (at_ns < last_ns && scenario->fault_count + CHAOS_ENTRIES_A_HARM <= SCENARIO_FAULTS_MAX) {
        uint64_t free_ns = chaos_moment(&chaos, at_ns);
        at_ns = free_ns > at_ns
                    ? free_ns
                    : at_ns + chaos_between(&chaos, interval_ns / 2, interval_ns + interval_ns / 2);
    }
}
