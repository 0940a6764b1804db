#include "matching/grace.h"

#include "matching/base/limits.h"
#include "matching/timer.h"

/* Periods taken out in one step: well below a millisecond. */
#define GRACE_STEP 1024u

size_t grace_bytes(uint32_t sessions_max)
{
    size_t each = sizeof(struct grace_period) + sizeof(bool) + sizeof(uint32_t);
    return ((size_t)sessions_max + 1) * each + 3 * (size_t)64;
}

enum status grace_create(struct grace *grace, struct arena *arena, uint32_t sessions_max)
{
    ASSERT(sessions_max > 0);
    ASSERT(sessions_max <= SESSIONS_MAX);
    size_t slots = (size_t)sessions_max + 1;
    *grace = (struct grace){.sessions_max = sessions_max};
    grace->periods = arena_take(arena, slots, sizeof(struct grace_period), 64);
    grace->over = arena_take(arena, slots, sizeof(bool), 64);
    grace->places = arena_take(arena, slots, sizeof(uint32_t), 64);
    bool taken = grace->periods != NULL && grace->over != NULL && grace->places != NULL;
    return taken ? STATUS_OK : STATUS_FULL;
}

/* Does the period of the one session end before that of the other? */
static bool grace_before(const struct grace *grace, uint32_t session_id, uint32_t other_id)
{
    uint64_t ends_ns = grace->periods[session_id].ends_ns;
    uint64_t other_ns = grace->periods[other_id].ends_ns;
    return ends_ns != other_ns ? ends_ns < other_ns : session_id < other_id;
}

static void grace_put(struct grace *grace, uint32_t place, uint32_t session_id)
{
    ASSERT(place >= 1);
    ASSERT(place <= grace->count);
    grace->places[place] = session_id;
    grace->periods[session_id].place = place;
}

/* The session goes to `place`, or up from there. */
static void grace_rise(struct grace *grace, uint32_t place, uint32_t session_id)
{
    while (place > 1 && grace_before(grace, session_id, grace->places[place / 2])) {
        grace_put(grace, place, grace->places[place / 2]);
        place /= 2;
    }
    grace_put(grace, place, session_id);
}

/* The session goes to `place`, or down from there. */
static void grace_sink(struct grace *grace, uint32_t place, uint32_t session_id)
{
    for (uint32_t below = 2 * place; below <= grace->count; below = 2 * place) {
        if (below < grace->count &&
            grace_before(grace, grace->places[below + 1], grace->places[below])) {
            below++;
        }
        if (!grace_before(grace, grace->places[below], session_id)) {
            break;
        }
        grace_put(grace, place, grace->places[below]);
        place = below;
    }
    grace_put(grace, place, session_id);
}

void grace_start(struct grace *grace, uint32_t session_id, uint64_t ends_ns, uint32_t length_ms)
{
    ASSERT(!grace_runs(grace, session_id));
    ASSERT(grace->over_count == 0);
    ASSERT(grace->count < grace->sessions_max);
    grace->periods[session_id] = (struct grace_period){.ends_ns = ends_ns, .length_ms = length_ms};
    grace->count++;
    grace_rise(grace, grace->count, session_id);
}

/* Take out what stands at `place`; the last one fills the gap. */
static void grace_take(struct grace *grace, uint32_t place)
{
    ASSERT(place <= grace->count);
    uint32_t session_id = grace->places[place];
    uint32_t last_id = grace->places[grace->count];
    ASSERT(grace->periods[session_id].place == place);
    grace->periods[session_id] = (struct grace_period){.place = 0};
    grace->count--;
    if (last_id == session_id) {
        return;
    }
    if (place > 1 && grace_before(grace, last_id, grace->places[place / 2])) {
        grace_rise(grace, place, last_id);
    } else {
        grace_sink(grace, place, last_id);
    }
}

void grace_stop(struct grace *grace, uint32_t session_id)
{
    ASSERT(grace->over_count == 0);
    if (grace_runs(grace, session_id)) {
        grace_take(grace, grace->periods[session_id].place);
    }
    ASSERT(!grace_runs(grace, session_id));
}

bool grace_next(const struct grace *grace, uint64_t *ends_ns)
{
    ASSERT(ends_ns != NULL);
    if (grace->count == 0) {
        return false;
    }
    ASSERT(grace->periods[grace->places[1]].place == 1);
    *ends_ns = grace->periods[grace->places[1]].ends_ns;
    return true;
}

void grace_restart(struct grace *grace, uint64_t now_ns)
{
    ASSERT(grace->over_count == 0);
    for (uint32_t place = 1; place <= grace->count; place++) {
        struct grace_period *period = &grace->periods[grace->places[place]];
        ASSERT(period->place == place);
        period->ends_ns = timer_later_ns(now_ns, period->length_ms);
    }
    for (uint32_t place = grace->count / 2; place >= 1; place--) {
        grace_sink(grace, place, grace->places[place]);
    }
}

enum status grace_collect(struct grace *grace, uint64_t now_ns)
{
    ASSERT(grace->count + grace->over_count <= grace->sessions_max);
    for (uint32_t i = 0; i < GRACE_STEP; i++) {
        uint64_t ends_ns = 0;
        if (!grace_next(grace, &ends_ns) || ends_ns > now_ns) {
            return STATUS_OK;
        }
        /* The heap ends one place earlier now; what is over begins there. */
        uint32_t session_id = grace->places[1];
        uint32_t freed = grace->count;
        grace_take(grace, 1);
        grace->places[freed] = session_id;
        grace->over[session_id] = true;
        grace->over_count++;
    }
    return STATUS_MORE;
}

void grace_forget(struct grace *grace)
{
    ASSERT(grace->count + grace->over_count <= grace->sessions_max);
    for (uint32_t i = 0; i < grace->over_count; i++) {
        grace->over[grace_over_session(grace, i)] = false;
    }
    grace->over_count = 0;
}
