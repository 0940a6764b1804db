/* pages_take() and pages_give() of replication/io/pages.h, replaced for the simulator, which is
 * linked with this: it starts sites so often that the system would spend a tenth of a run on giving
 * it the memory of markets and taking it back. */
#ifndef TESTS_SIM_SIM_PAGES_H
#define TESTS_SIM_SIM_PAGES_H

/* Give what nobody holds back to the system. */
void sim_pages_trim(void);

#endif
