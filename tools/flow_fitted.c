/* What flow_fit.h measured on the two trading days of LOBSTER's sample files (NASDAQ, 2012-06-21):
 * GOOG in the best 10 levels, 09:30 to 16:00; AAPL in the best 50 levels, 09:30 to 10:30. Prices in
 * 1/10,000 dollar, ticks of one cent.
 *
 * To fit again, with the files in place: build/tests/tools/flow_fit_test prints these initialisers,
 * and says whether they are still what the days give. */
#include "matching/base/assertion.h"
#include "tools/flow.h"

static const struct flow_parameters parameters[FLOW_FITTED_COUNT] = {
    {
        .name = "GOOG",
        .enter_rate = 2.988,
        .take_rate = 0.2532,
        .cancel_rate = 0.02419,
        .replace_fraction = 0.06604,
        .live_mean = 122,
        .spread_ticks_mean = 26.65,
        .band_ticks = 435,
        .tick_size = 100,
        .start_price = 5776200,
        .enter_lots = {1,   4,   5,   5,   6,   7,   8,   8,   9,   9,   9,   9,   10,
                       10,  10,  10,  10,  10,  10,  11,  11,  11,  12,  12,  12,  13,
                       14,  15,  25,  50,  100, 100, 100, 100, 100, 100, 100, 100, 100,
                       100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100,
                       100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 200, 227},
        .take_lots = {1,   1,   1,   2,   3,   4,   5,   6,   7,   9,   10,  10,  11,
                      13,  15,  18,  20,  22,  25,  28,  32,  36,  40,  45,  50,  52,
                      59,  64,  70,  75,  82,  89,  93,  97,  98,  100, 100, 100, 100,
                      100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100,
                      100, 100, 100, 110, 130, 165, 200, 200, 200, 214, 300, 500},
    },
    {
        .name = "AAPL",
        .enter_rate = 11.11,
        .take_rate = 0.861,
        .cancel_rate = 0.1098,
        .replace_fraction = 0.09214,
        .live_mean = 104.1,
        .spread_ticks_mean = 18.69,
        .band_ticks = 343,
        .tick_size = 100,
        .start_price = 5873000,
        .enter_lots = {1,   4,   8,   10,  12,  17,  18,  18,  18,  18,  18,   18,  18,
                       19,  20,  20,  22,  22,  23,  23,  30,  50,  100, 100,  100, 100,
                       100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100,  100, 100,
                       100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100,  100, 100,
                       100, 100, 100, 100, 100, 200, 200, 200, 200, 425, 1000, 1000},
        .take_lots = {1,   1,   2,   3,   4,   8,   9,   10,  14,  17,  18,  20,  21,
                      25,  28,  32,  37,  42,  49,  50,  54,  60,  69,  76,  81,  89,
                      95,  99,  100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100,
                      100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 103,
                      119, 143, 159, 190, 200, 200, 200, 200, 255, 300, 400, 800},
    },
};

const struct flow_parameters *flow_fitted(uint32_t index)
{
    ASSERT(index < FLOW_FITTED_COUNT);
    ASSERT(parameters[index].enter_rate > 0.0);
    return &parameters[index];
}
