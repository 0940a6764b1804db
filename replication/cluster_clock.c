#include "replication/cluster_clock.h"

#include <string.h>

#include "matching/base/assertion.h"

#define MILLION 1000000u

static_assert(CLUSTER_CLOCK_SAMPLE_NS_MAX <= UINT64_MAX / CLUSTER_CLOCK_DRIFT_PPM,
              "an age times the drift fits");
static_assert(MILLION % CLUSTER_CLOCK_SLEW_PPM == 0, "a step is a division");
static_assert(CLUSTER_CLOCK_SLEW_PPM < MILLION, "time never stands still while it is slewed back");

/* Sums that stop at the ends of their range. */
static int64_t clock_add(int64_t one, int64_t other)
{
    int64_t sum;
    if (!__builtin_add_overflow(one, other, &sum)) {
        return sum;
    }
    return other > 0 ? INT64_MAX : INT64_MIN;
}

static int64_t clock_subtract(int64_t one, int64_t other)
{
    int64_t difference;
    if (!__builtin_sub_overflow(one, other, &difference)) {
        return difference;
    }
    return other < 0 ? INT64_MAX : INT64_MIN;
}

/* Both are times, so their difference fits. */
static int64_t clock_offset(uint64_t wall_ns, uint64_t monotonic_ns)
{
    ASSERT(wall_ns <= INT64_MAX);
    ASSERT(monotonic_ns <= INT64_MAX);
    return (int64_t)wall_ns - (int64_t)monotonic_ns;
}

void cluster_clock_begin(struct cluster_clock *clock, uint8_t own_site_id, uint64_t now_ns,
                         uint64_t last_stamp_ns)
{
    ASSERT(own_site_id >= 1);
    ASSERT(own_site_id <= SITES_MAX);
    memset(clock, 0, sizeof *clock);
    clock->own_site_id = own_site_id;
    clock->updated_ns = now_ns;
    clock->correction_ns =
        clock_offset(last_stamp_ns < INT64_MAX ? last_stamp_ns : INT64_MAX, now_ns);
}

/* What a sample supports `age_ns` later: the two clocks may have run apart since. */
static struct cluster_clock_interval clock_aged(const struct cluster_clock_sample *sample,
                                                uint64_t now_ns)
{
    ASSERT(now_ns >= sample->sent_ns);
    ASSERT(now_ns - sample->sent_ns <= CLUSTER_CLOCK_SAMPLE_NS_MAX);
    /* Rounded up: the wider one is right. */
    int64_t drift_ns =
        (int64_t)((now_ns - sample->sent_ns) * CLUSTER_CLOCK_DRIFT_PPM / MILLION + 1);
    return (struct cluster_clock_interval){clock_subtract(sample->interval.low_ns, drift_ns),
                                           clock_add(sample->interval.high_ns, drift_ns)};
}

static bool clock_fresh(const struct cluster_clock_sample *sample, uint64_t now_ns)
{
    return sample->known && now_ns - sample->sent_ns <= CLUSTER_CLOCK_SAMPLE_NS_MAX;
}

void cluster_clock_sample(struct cluster_clock *clock, uint8_t site_id, uint64_t sent_ns,
                          uint64_t received_ns, uint64_t wall_ns)
{
    ASSERT(site_id >= 1 && site_id <= SITES_MAX);
    ASSERT(site_id != clock->own_site_id);
    ASSERT(received_ns <= INT64_MAX);
    struct cluster_clock_sample *sample = &clock->samples[site_id - 1];
    if (sent_ns > received_ns || received_ns - sent_ns > CLUSTER_CLOCK_SAMPLE_NS_MAX ||
        wall_ns == 0 || wall_ns > INT64_MAX) {
        sample->known = false;
        return;
    }
    struct cluster_clock_sample new = {
        true, sent_ns, {clock_offset(wall_ns, received_ns), clock_offset(wall_ns, sent_ns)}};
    if (clock_fresh(sample, received_ns)) {
        struct cluster_clock_interval old = clock_aged(sample, received_ns);
        bool excludes = new.interval.low_ns > old.high_ns || new.interval.high_ns < old.low_ns;
        int64_t old_width_ns = clock_subtract(old.high_ns, old.low_ns);
        if (!excludes && new.interval.high_ns - new.interval.low_ns > old_width_ns) {
            return;
        }
    }
    *sample = new;
}

/* ---- Agreement ---- */

/* What each voter supports now; the others support nothing. */
struct clock_support {
    struct cluster_clock_interval of_site[SITES_MAX];
    uint16_t voters; /* With something to say. */
};

static void clock_collect(const struct cluster_clock *clock, uint64_t now_ns, int64_t own_ns,
                          uint16_t voters, struct clock_support *support)
{
    int64_t tolerance_ns = (int64_t)CLUSTER_CLOCK_TOLERANCE_NS;
    support->voters = 0;
    for (; voters != 0; voters = (uint16_t)(voters & (voters - 1u))) {
        uint32_t at = (uint32_t)__builtin_ctz(voters);
        const struct cluster_clock_sample *sample = &clock->samples[at];
        bool own = at + 1u == clock->own_site_id;
        if (!own && !clock_fresh(sample, now_ns)) {
            continue;
        }
        struct cluster_clock_interval interval = {own_ns, own_ns};
        if (!own) {
            interval = clock_aged(sample, now_ns);
        }
        support->of_site[at].low_ns = clock_subtract(interval.low_ns, tolerance_ns);
        support->of_site[at].high_ns = clock_add(interval.high_ns, tolerance_ns);
        support->voters = (uint16_t)(support->voters | 1u << at);
    }
}

static uint16_t clock_supporters(const struct clock_support *support, int64_t value_ns)
{
    uint16_t supporters = 0;
    for (uint16_t voters = support->voters; voters != 0;
         voters = (uint16_t)(voters & (voters - 1u))) {
        uint32_t at = (uint32_t)__builtin_ctz(voters);
        const struct cluster_clock_interval *interval = &support->of_site[at];
        if (value_ns >= interval->low_ns && value_ns <= interval->high_ns) {
            supporters = (uint16_t)(supporters | 1u << at);
        }
    }
    ASSERT((supporters & ~support->voters) == 0);
    return supporters;
}

static uint32_t clock_count(uint16_t sites)
{
    uint32_t count = 0;
    for (; sites != 0; sites = (uint16_t)(sites & (sites - 1u))) {
        count++;
    }
    ASSERT(count <= SITES_MAX);
    return count;
}

static uint64_t clock_distance(int64_t one, int64_t other)
{
    return one < other ? (uint64_t)other - (uint64_t)one : (uint64_t)one - (uint64_t)other;
}

static bool clock_majority(uint16_t supporters, uint32_t voter_count)
{
    return clock_count(supporters) * 2 > voter_count;
}

/* Take what is nearer to the own wall clock, of two the lower, if a majority supports it. */
static void clock_weigh(struct cluster_clock *clock, const struct clock_support *support,
                        int64_t own_ns, uint32_t voter_count, int64_t candidate_ns)
{
    uint64_t distance = clock_distance(candidate_ns, own_ns);
    uint64_t best_distance = clock_distance(clock->agreed_ns, own_ns);
    if (clock->agrees && (distance > best_distance ||
                          (distance == best_distance && candidate_ns >= clock->agreed_ns))) {
        return;
    }
    uint16_t supporters = clock_supporters(support, candidate_ns);
    if (clock_majority(supporters, voter_count)) {
        clock->agrees = true;
        clock->agreed_ns = candidate_ns;
        clock->supporters = supporters;
    }
}

/* The correction nearest to the own wall clock that a majority of all voters supports: the own one,
 * or an end of somebody's interval. Of two the lower. */
static void clock_agree(struct cluster_clock *clock, const struct clock_support *support,
                        int64_t own_ns, uint32_t voter_count)
{
    clock->agrees = false;
    clock->agreed_ns = 0;
    clock->supporters = 0;
    clock_weigh(clock, support, own_ns, voter_count, own_ns);
    clock->outside = false;
    if (clock->agrees) {
        return; /* Nothing is nearer: mostly, the own wall clock has a majority's support. */
    }
    for (uint16_t voters = support->voters; voters != 0;
         voters = (uint16_t)(voters & (voters - 1u))) {
        const struct cluster_clock_interval *interval = &support->of_site[__builtin_ctz(voters)];
        clock_weigh(clock, support, own_ns, voter_count, interval->low_ns);
        clock_weigh(clock, support, own_ns, voter_count, interval->high_ns);
    }
    clock->outside = clock->agrees && clock->agreed_ns != own_ns;
}

/* Who would not be outside in turn. */
static void clock_find_heirs(struct cluster_clock *clock, const struct clock_support *support,
                             uint32_t voter_count)
{
    clock->heirs = 0;
    uint16_t others = (uint16_t)(support->voters & ~(1u << (clock->own_site_id - 1)));
    for (; others != 0; others = (uint16_t)(others & (others - 1u))) {
        uint32_t at = (uint32_t)__builtin_ctz(others);
        const struct cluster_clock_interval *interval = &support->of_site[at];
        int64_t middle_ns = interval->low_ns / 2 + interval->high_ns / 2;
        if (clock_majority(clock_supporters(support, middle_ns), voter_count)) {
            clock->heirs = (uint16_t)(clock->heirs | 1u << at);
        }
    }
}

void cluster_clock_update(struct cluster_clock *clock, uint64_t now_ns, uint64_t wall_ns,
                          uint16_t voters)
{
    ASSERT(now_ns >= clock->updated_ns);
    ASSERT(now_ns <= INT64_MAX);
    ASSERT(voters != 0 && voters < 1u << SITES_MAX);
    int64_t own_ns = clock_offset(wall_ns < INT64_MAX ? wall_ns : INT64_MAX, now_ns);
    struct clock_support support;
    clock_collect(clock, now_ns, own_ns, voters, &support);
    clock_agree(clock, &support, own_ns, clock_count(voters));
    clock_find_heirs(clock, &support, clock_count(voters));
    int64_t step_ns = (int64_t)((now_ns - clock->updated_ns) / (MILLION / CLUSTER_CLOCK_SLEW_PPM));
    clock->updated_ns = now_ns;
    if (!clock->agrees) {
        return;
    }
    bool alone = voters == 1u << (clock->own_site_id - 1);
    bool jump = alone || !clock->settled;
    clock->settled = true;
    int64_t forward_ns = jump ? INT64_MAX : clock_add(clock->correction_ns, step_ns);
    int64_t back_ns = clock_subtract(clock->correction_ns, step_ns);
    if (clock->agreed_ns > clock->correction_ns) {
        clock->correction_ns = clock->agreed_ns < forward_ns ? clock->agreed_ns : forward_ns;
    } else {
        clock->correction_ns = clock->agreed_ns > back_ns ? clock->agreed_ns : back_ns;
    }
}

uint64_t cluster_clock_stamp_ns(const struct cluster_clock *clock, uint64_t now_ns,
                                uint64_t last_stamp_ns)
{
    ASSERT(now_ns >= clock->updated_ns);
    ASSERT(now_ns <= INT64_MAX);
    int64_t time_ns = clock_add((int64_t)now_ns, clock->correction_ns);
    uint64_t stamp_ns = time_ns > 1 ? (uint64_t)time_ns : 1;
    return stamp_ns > last_stamp_ns ? stamp_ns : last_stamp_ns;
}
