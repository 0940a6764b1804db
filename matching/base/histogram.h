/* Distribution of durations in bounded memory: counts in buckets whose width grows with the value,
 * so that every value keeps three significant digits (the design of HdrHistogram, G. Tene,
 * hdrhistogram.org). 0 ns .. one hour; longer values count as one hour, and are counted apart.
 *
 * No allocation, no clock: recording is a few instructions. One thread owns a histogram; others are
 * merged into it. A struct of all zeros is an empty histogram. */
#ifndef MATCHING_BASE_HISTOGRAM_H
#define MATCHING_BASE_HISTOGRAM_H

#include <stdint.h>

/* Below this, each value has its own bucket; above, an octave has half as many. 2,048 is the power
 * of two next to 2,000: a bucket is then at most 1/1,024 of its values wide. */
#define HISTOGRAM_LINEAR      2048u
#define HISTOGRAM_LINEAR_BITS 11u
#define HISTOGRAM_NS_MAX      (UINT64_C(3600) * 1000000000)
#define HISTOGRAM_OCTAVES     31u /* Up to 2^42 ns, which is above one hour. */
#define HISTOGRAM_BUCKETS     (HISTOGRAM_LINEAR + HISTOGRAM_OCTAVES * (HISTOGRAM_LINEAR / 2))

#define HISTOGRAM_MILLION 1000000u

/* 264 KiB: never on a stack. */
struct histogram {
    uint64_t count;
    uint64_t count_beyond; /* Of those, longer than HISTOGRAM_NS_MAX. */
    uint64_t min_ns;       /* Exact; 0 when empty. */
    uint64_t max_ns;       /* Exact, but at most HISTOGRAM_NS_MAX. */
    uint64_t sum_low_ns;   /* 128 bits in two halves. */
    uint64_t sum_high_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_reset(struct histogram *histogram);

void histogram_record(struct histogram *histogram, uint64_t value_ns);

/* `target` then is as if everything recorded in `source` had been recorded in it as well. */
void histogram_merge(struct histogram *target, const struct histogram *source);

/* Smallest value that at least `millionths` of all values do not exceed, as the upper end of its
 * bucket (never above max_ns): 500,000 is the median, 1,000,000 the maximum. 0 when empty. Asserts:
 * millionths <= HISTOGRAM_MILLION. */
uint64_t histogram_percentile(const struct histogram *histogram, uint32_t millionths);

/* Rounded down; 0 when empty. */
uint64_t histogram_mean(const struct histogram *histogram);

/* How many values are at most `value_ns`, values of its own bucket included. */
uint64_t histogram_count_to(const struct histogram *histogram, uint64_t value_ns);

#endif
