#include "matching/base/histogram.h"

#include <assert.h>
#include <string.h>

#include "matching/base/assertion.h"

static_assert(HISTOGRAM_NS_MAX < UINT64_C(1) << (HISTOGRAM_LINEAR_BITS + HISTOGRAM_OCTAVES),
              "every value has a bucket");
static_assert(HISTOGRAM_LINEAR == 1u << HISTOGRAM_LINEAR_BITS, "shifts instead of divisions");

static uint32_t bucket_of(uint64_t value_ns)
{
    ASSERT(value_ns <= HISTOGRAM_NS_MAX);
    if (value_ns < HISTOGRAM_LINEAR) {
        return (uint32_t)value_ns;
    }
    uint32_t shift = 64 - HISTOGRAM_LINEAR_BITS - (uint32_t)__builtin_clzll(value_ns);
    uint32_t bucket = shift * (HISTOGRAM_LINEAR / 2) + (uint32_t)(value_ns >> shift);
    ASSERT(bucket < HISTOGRAM_BUCKETS);
    return bucket;
}

/* Highest value that a bucket holds. */
static uint64_t bucket_end(uint32_t bucket)
{
    ASSERT(bucket < HISTOGRAM_BUCKETS);
    if (bucket < HISTOGRAM_LINEAR) {
        return bucket;
    }
    uint32_t shift = bucket / (HISTOGRAM_LINEAR / 2) - 1;
    uint64_t base = bucket % (HISTOGRAM_LINEAR / 2) + HISTOGRAM_LINEAR / 2;
    return ((base + 1) << shift) - 1;
}

void histogram_reset(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

static void sum_add(struct histogram *histogram, uint64_t low, uint64_t high)
{
    histogram->sum_low_ns += low;
    histogram->sum_high_ns += high + (histogram->sum_low_ns < low ? 1 : 0);
}

void histogram_record(struct histogram *histogram, uint64_t value_ns)
{
    if (value_ns > HISTOGRAM_NS_MAX) {
        value_ns = HISTOGRAM_NS_MAX;
        histogram->count_beyond++;
    }
    if (histogram->count == 0 || value_ns < histogram->min_ns) {
        histogram->min_ns = value_ns;
    }
    if (value_ns > histogram->max_ns) {
        histogram->max_ns = value_ns;
    }
    histogram->count++;
    histogram->buckets[bucket_of(value_ns)]++;
    sum_add(histogram, value_ns, 0);
    ASSERT(histogram->min_ns <= histogram->max_ns);
}

void histogram_merge(struct histogram *target, const struct histogram *source)
{
    ASSERT(target != source);
    if (source->count == 0) {
        return;
    }
    if (target->count == 0 || source->min_ns < target->min_ns) {
        target->min_ns = source->min_ns;
    }
    if (source->max_ns > target->max_ns) {
        target->max_ns = source->max_ns;
    }
    target->count += source->count;
    target->count_beyond += source->count_beyond;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        target->buckets[bucket] += source->buckets[bucket];
    }
    sum_add(target, source->sum_low_ns, source->sum_high_ns);
    ASSERT(target->count >= source->count);
}

uint64_t histogram_percentile(const struct histogram *histogram, uint32_t millionths)
{
    ASSERT(millionths <= HISTOGRAM_MILLION);
    /* The product below stays within 64 bits: five months of ten million values a second. */
    ASSERT(histogram->count < UINT64_C(1) << 44);
    if (histogram->count == 0) {
        return 0;
    }
    uint64_t rank = (histogram->count * millionths + HISTOGRAM_MILLION - 1) / HISTOGRAM_MILLION;
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->buckets[bucket];
        if (seen >= rank && seen > 0) {
            uint64_t end = bucket_end(bucket);
            return end < histogram->max_ns ? end : histogram->max_ns;
        }
    }
    ASSERT(false);
    return 0;
}

uint64_t histogram_mean(const struct histogram *histogram)
{
    if (histogram->count == 0) {
        return 0;
    }
    __extension__ typedef unsigned __int128 uint128;
    uint128 sum = (uint128)histogram->sum_high_ns << 64 | histogram->sum_low_ns;
    uint64_t mean = (uint64_t)(sum / histogram->count);
    ASSERT(mean >= histogram->min_ns);
    ASSERT(mean <= histogram->max_ns);
    return mean;
}

uint64_t histogram_count_to(const struct histogram *histogram, uint64_t value_ns)
{
    uint32_t last = bucket_of(value_ns < HISTOGRAM_NS_MAX ? value_ns : HISTOGRAM_NS_MAX);
    uint64_t count = 0;
    for (uint32_t bucket = 0; bucket <= last; bucket++) {
        count += histogram->buckets[bucket];
    }
    ASSERT(count <= histogram->count);
    return count;
}
