/* Parameters of the flow generator from a recorded day, as Farmer, Patelli and Zovko measured them
 * ("The predictive power of zero intelligence in financial markets", PNAS 102, 2005).
 *
 * The day is converted (lobster.h) and replayed in a plain book. From five minutes after its first
 * row on, by when the book has filled:
 *   enter_rate        entered orders a second, less replaces
 *   take_rate         incoming orders that traded, a second
 *   replace_fraction  cancels directly followed by an entry of the same side and time, of all
 *   cancel_rate       cancels / (mean number of open orders * seconds)
 *   live_mean, spread_ticks_mean   weighted by time
 *   enter_lots, take_lots          the middles of FLOW_SIZES equally large classes of what was seen
 *   band_ticks        the one number that is not measured but adjusted: the paper takes the density
 *                     of orders near the best prices from a quantile of their distances, but orders
 *                     lie far denser near the touch than an even band has them. Here the band is
 * the one with which the generator has the day's mean spread, found by bisection. Rounded to four
 * digits. */
#ifndef TOOLS_FLOW_FIT_H
#define TOOLS_FLOW_FIT_H

#include <stdio.h>

#include "matching/base/status.h"
#include "tools/flow.h"
#include "tools/lobster.h"

/* Fits `fitted` (all but name, start_price included: the first mid price, rounded to a tick) to the
 * day in `path`, whose ticks are `tick_size`. Statuses and message as lobster_load();
 * STATUS_BAD_FORMAT also when the day is too short or too thin. */
MUST_USE enum status flow_fit(struct flow_parameters *fitted, const char *path, int64_t tick_size,
                              char message[static LOBSTER_MESSAGE_MAX]);

/* Time-weighted mean spread that the generator has with `parameters`, in ticks. */
double flow_fit_spread(const struct flow_parameters *parameters, uint64_t seed, uint64_t actions);

/* As an initialiser in C, the way flow_fitted.c has it. */
void flow_fit_print(FILE *file, const struct flow_parameters *fitted);

#endif
