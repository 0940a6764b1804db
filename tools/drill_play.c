#include "tools/drill_play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"
#include "tools/drill_operate.h"
#include "tools/human.h"
#include "tools/pause.h"

#define DRILL_PLAY_NS_A_S     UINT64_C(1000000000)
#define DRILL_PLAY_TURN_NS    UINT64_C(10000000)
#define DRILL_PLAY_WINDOW     256u
#define DRILL_PLAY_SEAT_NS    UINT64_C(30000000000)  /* For the preferred ones to lead. */
#define DRILL_PLAY_HOLD_NS    UINT64_C(20000000000)  /* Harm waits at most. */
#define DRILL_PLAY_BACK_NS    UINT64_C(1200000000)   /* Likewise, who comes back from it. */
#define DRILL_PLAY_SEAT_TURNS 20u                    /* Logs are read every so many. */
#define DRILL_PLAY_LOSSES_NS  UINT64_C(500000000)    /* Likewise, where losses end the flow. */
#define DRILL_PLAY_LEVEL_NS   UINT64_C(120000000000) /* For all to have executed everything. */

static enum drill_play_end drill_play_fail(struct drill_play *play, const char *sentence)
{
    (void)snprintf(play->error, sizeof play->error, "%s", sentence);
    return DRILL_PLAY_FAILED;
}

/* Sessions and rate are dealt out over the shards. */
static enum drill_play_end drill_play_desks(struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    struct drill_shard shards[SHARDS_MAX];
    uint32_t session_first = 0;
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        play->endpoints[i] = play->fleet.sites[i].ouch;
    }
    for (uint32_t i = 0; i < scenario->shard_count; i++) {
        uint32_t sessions = scenario->sessions / scenario->shard_count +
                            (i < scenario->sessions % scenario->shard_count);
        uint64_t rate = scenario->rate / scenario->shard_count;
        struct drill_desk_options options = {.shard_id = (uint16_t)(i + 1),
                                             .session_count = sessions,
                                             .instrument_count = scenario->instruments,
                                             .rate = scenario->rate > 0 && rate == 0 ? 1 : rate,
                                             .window = DRILL_PLAY_WINDOW,
                                             .seed = play->options.seed + i,
                                             .market_path = play->fleet.place.market,
                                             .endpoints = play->endpoints,
                                             .endpoint_count = scenario->site_count,
                                             .namespace_fd = drill_fleet_clients(&play->fleet)};
        if (drill_desk_create(&play->desks[i], &options) != STATUS_OK) {
            return drill_play_fail(play, "no memory for the clients");
        }
        shards[i] = (struct drill_shard){.session_first = session_first, .session_count = sessions};
        shards[i].instrument_count = drill_desk_instruments(play->desks[i], &shards[i].instruments);
        session_first += sessions;
    }
    return drill_place_market(&play->fleet.place, shards, scenario->shard_count, play->error) ==
                   STATUS_OK
               ? DRILL_PLAY_DONE
               : DRILL_PLAY_FAILED;
}

static void drill_play_show(struct drill_play *play, uint64_t now_ns, const char *phase)
{
    if (!progress_due(&play->progress, now_ns)) {
        return;
    }
    uint64_t acknowledged = 0;
    uint64_t executions = 0;
    uint64_t moves = 0;
    uint64_t p99_ns = 0;
    for (uint32_t i = 0; i < play->options.scenario->shard_count; i++) {
        const struct drill_desk_view *view = &play->views[i];
        acknowledged += view->counts.acknowledged;
        executions += view->counts.executions;
        moves += view->counts.moves;
        p99_ns = view->latency_p99_ns > p99_ns ? view->latency_p99_ns : p99_ns;
    }
    const char *said = play->moment_count == 0
                           ? phase
                           : play->options.scenario->faults[play->moment_count - 1].say;
    uint64_t since_ns = play->start_ns == 0 ? 0 : now_ns - play->start_ns;
    progress_line(&play->progress, now_ns,
                  "%5.1f s  %s orders acknowledged, %s executions, p99 %s, %s moves; %s",
                  (double)since_ns / 1e9, human_number(acknowledged).text,
                  human_number(executions).text, human_duration(p99_ns).text,
                  human_number(moves).text, said);
}

/* A short while passes; sites and clients are looked at. */
static enum drill_play_end drill_play_turn(struct drill_play *play, bool sites, const char *phase)
{
    pause_ns(DRILL_PLAY_TURN_NS);
    uint64_t now_ns = monotonic_now_ns();
    if (*play->options.interrupted != 0) {
        return DRILL_PLAY_INTERRUPTED;
    }
    if (sites && (drill_fleet_tick(&play->fleet, now_ns) != STATUS_OK ||
                  drill_operate_look(&play->fleet) != STATUS_OK)) {
        return drill_play_fail(play, play->fleet.error);
    }
    for (uint32_t i = 0; i < play->options.scenario->shard_count; i++) {
        drill_desk_look(play->desks[i], &play->views[i]);
        if (play->views[i].failed) {
            return drill_play_fail(play, play->views[i].error);
        }
    }
    drill_play_show(play, now_ns, phase);
    return DRILL_PLAY_DONE;
}

/* Ask all desks to come to a phase, and wait until they have. */
static enum drill_play_end drill_play_phase(struct drill_play *play, enum drill_desk_phase phase,
                                            const char *words)
{
    uint32_t count = play->options.scenario->shard_count;
    for (uint32_t i = 0; i < count; i++) {
        drill_desk_ask(play->desks[i], phase, play->surviving);
    }
    for (;;) {
        enum drill_play_end end = drill_play_turn(play, true, words);
        uint32_t there = 0;
        for (uint32_t i = 0; i < count; i++) {
            there += play->views[i].reached >= phase;
        }
        if (end != DRILL_PLAY_DONE || there == count) {
            return end;
        }
    }
}

static enum drill_play_end drill_play_prepare(struct drill_play *play)
{
    const struct drill_play_options *options = &play->options;
    if (drill_fleet_make(&play->fleet, options->scenario, options->directory, options->seed,
                         options->loopback) != STATUS_OK) {
        return drill_play_fail(play, play->fleet.error);
    }
    if (play->fleet.wan == NULL) {
        (void)fprintf(stderr,
                      "drill: all sites on loopback, without delays and without what happens to "
                      "lines: %s\n",
                      play->fleet.reason);
    }
    enum drill_play_end end = drill_play_desks(play);
    if (end != DRILL_PLAY_DONE) {
        return end;
    }
    if (drill_fleet_start(&play->fleet) != STATUS_OK ||
        drill_fleet_market(&play->fleet) != STATUS_OK) {
        return drill_play_fail(play, play->fleet.error);
    }
    for (uint32_t i = 0; i < options->scenario->shard_count; i++) {
        if (drill_desk_start(play->desks[i]) != STATUS_OK) {
            return drill_play_fail(play, "no thread for the clients");
        }
    }
    play->surviving = drill_fleet_wanted(&play->fleet);
    return drill_play_phase(play, DRILL_DESK_CONNECT, "sessions log on");
}

/* Those that should run serve, and every shard has acknowledged since something happened last. */
static bool drill_play_well(struct drill_play *play)
{
    bool well = drill_fleet_whole(&play->fleet);
    uint64_t last_ns = play->moment_count == 0 ? 0 : play->moments[play->moment_count - 1].at_ns;
    for (uint32_t i = 0; i < play->options.scenario->shard_count; i++) {
        well = well && play->views[i].acknowledged_ns > last_ns;
    }
    return well;
}

/* Whether a fault that is due has to wait, with all that come after it, until what the one before
 * has cost is over: not for ever, as it may be what is waited for. Who is frozen or cut off comes
 * back when others have taken over; clients at that site may be all that still waits. */
static bool drill_play_hold(struct drill_play *play, const struct scenario_fault *fault,
                            uint64_t now_ns)
{
    bool back = fault->kind == SCENARIO_CONTINUE || fault->kind == SCENARIO_HEAL;
    bool waits = play->options.scenario->patient && !fault->hasty && (back || !fault->undoes);
    uint64_t limit_ns = back ? DRILL_PLAY_BACK_NS : DRILL_PLAY_HOLD_NS;
    bool longer = play->held_since_ns == 0 || now_ns - play->held_since_ns < limit_ns;
    if (waits && longer && !drill_play_well(play)) {
        play->held_since_ns = play->held_since_ns == 0 ? now_ns : play->held_since_ns;
        return true;
    }
    if (play->held_since_ns != 0) {
        play->held_ns += now_ns - play->held_since_ns;
        play->held_since_ns = 0;
    }
    return false;
}

/* What is due of the timeline. */
static enum drill_play_end drill_play_happen(struct drill_play *play, uint64_t now_ns)
{
    const struct scenario *scenario = play->options.scenario;
    while (play->moment_count < scenario->fault_count &&
           play->start_ns + scenario->faults[play->moment_count].at_ns + play->held_ns <= now_ns) {
        const struct scenario_fault *fault = &scenario->faults[play->moment_count];
        if (drill_play_hold(play, fault, now_ns)) {
            break;
        }
        struct drill_moment *moment = &play->moments[play->moment_count++];
        uint32_t left_out = play->fleet.faults_left_out;
        moment->at_ns = now_ns;
        bool operated = fault->kind == SCENARIO_TRANSFER || fault->kind == SCENARIO_RECOVER;
        if ((operated ? drill_operate(&play->fleet, fault)
                      : drill_fleet_fault(&play->fleet, fault, now_ns)) != STATUS_OK) {
            return drill_play_fail(play, play->fleet.error);
        }
        moment->left_out = play->fleet.faults_left_out > left_out;
    }
    return DRILL_PLAY_DONE;
}

/* The time is over before a timeline that waited is: who was taken away comes back all the same. */
static enum drill_play_end drill_play_undo(struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    for (uint32_t i = play->moment_count; i < scenario->fault_count; i++) {
        const struct scenario_fault *fault = &scenario->faults[i];
        if (fault->undoes && !drill_lines_concerns(fault->kind) &&
            drill_fleet_fault(&play->fleet, fault, monotonic_now_ns()) != STATUS_OK) {
            return drill_play_fail(play, play->fleet.error);
        }
    }
    return DRILL_PLAY_DONE;
}

static int64_t drill_play_utc_offset_ns(void)
{
    struct timespec utc;
    (void)clock_gettime(CLOCK_REALTIME, &utc);
    return (int64_t)utc.tv_sec * (int64_t)DRILL_PLAY_NS_A_S + utc.tv_nsec -
           (int64_t)monotonic_now_ns();
}

/* Who led when, so far. The wall clock of this machine has not moved; a site's may have, and then
 * its word falls out of the drill's time. */
static void drill_play_read_leaders(struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    play->leaders.count = 0;
    for (uint32_t i = 0; i < scenario->site_count; i++) {
        enum status status =
            drill_leaders_read(&play->leaders, scenario, (uint8_t)i, play->fleet.sites[i].place.log,
                               drill_play_utc_offset_ns());
        (void)status; /* Never started: it has led nothing. */
    }
    drill_leaders_sort(&play->leaders);
    play->leaders_told = play->leaders.count > 0;
}

/* Where harm does not wait, a drill begins when every shard is led from where it should be:
 * leadership that comes home while orders flow would pass for what a harm has done. Goes on without
 * when it takes too long, or nobody tells who leads. */
static enum drill_play_end drill_play_seat(struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    uint64_t limit_ns = monotonic_now_ns() + DRILL_PLAY_SEAT_NS;
    enum drill_play_end end = DRILL_PLAY_DONE;
    bool seated = false;
    while (!seated && end == DRILL_PLAY_DONE && monotonic_now_ns() < limit_ns) {
        seated = true;
        drill_play_read_leaders(play);
        for (uint32_t shard = 0; shard < scenario->shard_count && play->leaders_told; shard++) {
            seated = seated && drill_leaders_at(&play->leaders, shard, monotonic_now_ns()) ==
                                   scenario->shards[shard].prefer[0];
        }
        for (uint32_t i = 0; i < DRILL_PLAY_SEAT_TURNS && !seated && end == DRILL_PLAY_DONE; i++) {
            end = drill_play_turn(play, true, "leaders take their seats");
        }
    }
    return end;
}

/* Whether orders have flowed for long enough: until the time is over, or enough leaders are lost.
 */
static bool drill_play_over(struct drill_play *play, uint64_t now_ns)
{
    const struct scenario *scenario = play->options.scenario;
    uint64_t wanted = scenario->patient ? play->options.losses : 0; /* Else nothing is undone. */
    if (wanted > 0 && now_ns - play->losses_asked_ns >= DRILL_PLAY_LOSSES_NS) {
        play->losses_asked_ns = now_ns;
        drill_play_read_leaders(play);
        drill_moments_losses(scenario, play->moments, play->moment_count, &play->leaders,
                             &play->losses);
    }
    return now_ns >= play->start_ns + scenario->duration_ns ||
           (wanted > 0 && play->losses.count >= wanted);
}

static enum drill_play_end drill_play_trade(struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    enum drill_play_end end = scenario->patient ? DRILL_PLAY_DONE : drill_play_seat(play);
    if (end == DRILL_PLAY_DONE) {
        end = drill_play_phase(play, DRILL_DESK_TRADE, "order flow begins");
    }
    play->start_ns = monotonic_now_ns();
    while (end == DRILL_PLAY_DONE && !drill_play_over(play, monotonic_now_ns())) {
        end = drill_play_happen(play, monotonic_now_ns());
        if (end == DRILL_PLAY_DONE) {
            end = drill_play_turn(play, true, "trading");
        }
    }
    if (end == DRILL_PLAY_DONE && scenario->patient) {
        end = drill_play_undo(play);
    }
    if (end == DRILL_PLAY_DONE &&
        (drill_fleet_calm(&play->fleet, monotonic_now_ns()) != STATUS_OK ||
         drill_operate_wait(&play->fleet) != STATUS_OK)) {
        end = drill_play_fail(play, play->fleet.error);
    }
    if (end == DRILL_PLAY_DONE) {
        play->surviving = drill_fleet_wanted(&play->fleet);
        end = drill_play_phase(play, DRILL_DESK_SETTLE, "everything is being answered");
    }
    play->end_ns = monotonic_now_ns();
    return end;
}

/* What each harm cost each shard: until the next harm, or the end. */
static void drill_play_recoveries(struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    for (uint32_t i = 0; i < play->moment_count; i++) {
        struct drill_moment *moment = &play->moments[i];
        uint64_t until_ns =
            drill_moments_until_ns(scenario, play->moments, play->moment_count, i, play->end_ns);
        for (uint32_t shard = 0;
             shard < scenario->shard_count && drill_moments_harm(&scenario->faults[i]); shard++) {
            const struct drill_desk_gap *gaps;
            uint32_t count = drill_desk_gaps(play->desks[shard], &gaps);
            uint64_t recovery_ns = drill_desk_recovery_ns(gaps, count, moment->at_ns, until_ns);
            moment->recovery_ns[shard] = recovery_ns;
            moment->courses[shard] =
                drill_leaders_course(&play->leaders, shard, moment->at_ns, until_ns);
            play->recovery_ns = recovery_ns > play->recovery_ns ? recovery_ns : play->recovery_ns;
        }
    }
    drill_moments_losses(scenario, play->moments, play->moment_count, &play->leaders,
                         &play->losses);
}

/* Which shards have had another leader than at first. */
static void drill_play_leaders(struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    const struct drill_leaders *leaders = &play->leaders;
    drill_play_read_leaders(play);
    for (uint32_t shard = 0; shard < scenario->shard_count; shard++) {
        uint8_t first = drill_leaders_at(leaders, shard, play->start_ns);
        for (uint32_t i = 0; i < leaders->count; i++) {
            const struct drill_leaders_change *change = &leaders->changes[i];
            bool other = change->leader == change->site && change->leader != first;
            if (change->shard == shard && other && change->at_ns > play->start_ns &&
                change->at_ns < play->end_ns) {
                play->moved = (uint16_t)(play->moved | 1u << shard);
            }
        }
    }
}

static enum drill_play_end drill_play_prove(struct drill_play *play)
{
    uint32_t count = play->options.scenario->shard_count;
    enum drill_play_end end =
        drill_play_phase(play, DRILL_DESK_READ, "every stream is read again at every site");
    if (end != DRILL_PLAY_DONE) {
        return end;
    }
    /* Who does not come to the same place in time differs for the check. */
    (void)!drill_hashes_ask(&play->hashes, &play->fleet, play->surviving, DRILL_PLAY_LEVEL_NS);
    for (uint32_t i = 0; i < count; i++) {
        drill_desk_look(play->desks[i], &play->views[i]);
        drill_desk_ask(play->desks[i], DRILL_DESK_END, 0);
        drill_desk_join(play->desks[i]);
    }
    uint16_t well = drill_fleet_stop(&play->fleet);
    if (drill_check_take(&play->check, &play->fleet, play->desks, &play->hashes, play->surviving,
                         well) != STATUS_OK) {
        return drill_play_fail(play, "no memory to check the journals");
    }
    drill_play_leaders(play);
    drill_play_recoveries(play);
    return DRILL_PLAY_DONE;
}

enum drill_play_end drill_play_run(struct drill_play *play,
                                   const struct drill_play_options *options)
{
    ASSERT(options->scenario->shard_count > 0);
    ASSERT(options->interrupted != NULL);
    memset(play, 0, sizeof *play);
    play->options = *options;
    progress_start(&play->progress, PROGRESS_LINES);
    enum drill_play_end end = drill_play_prepare(play);
    if (end == DRILL_PLAY_DONE) {
        end = drill_play_trade(play);
    }
    if (end == DRILL_PLAY_DONE) {
        end = drill_play_prove(play);
    }
    progress_end(&play->progress);
    return end;
}

void drill_play_close(struct drill_play *play)
{
    progress_end(&play->progress);
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        drill_desk_destroy(play->desks[i]);
        play->desks[i] = NULL;
    }
    drill_fleet_close(&play->fleet);
}

bool drill_play_moved_as_expected(const struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    ASSERT(scenario != NULL);
    return !scenario->moves_given || !play->leaders_told || play->moved == scenario->moves;
}

bool drill_play_passed(const struct drill_play *play)
{
    const struct scenario *scenario = play->options.scenario;
    bool passed = drill_check_holds(&play->check, scenario) && drill_play_moved_as_expected(play) &&
                  (scenario->recovery_ns == 0 || play->recovery_ns <= scenario->recovery_ns);
    for (uint32_t i = 0; i < scenario->shard_count; i++) {
        const struct trader_counts *counts = &play->views[i].counts;
        passed = passed && counts->acknowledged > 0 && counts->wrong_bytes == 0 &&
                 counts->wrong_starts == 0 && counts->not_ouch == 0;
    }
    return passed;
}
