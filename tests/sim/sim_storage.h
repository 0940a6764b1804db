/* What is below gateway/block_file.h, replaced for the simulator, which is linked with this:
 * session streams in memory. Their files made a tenth of a run of calls into the system. Nothing of
 * them outlives a process, in a site as here: they are made anew from journal or snapshot. */
#ifndef TESTS_SIM_SIM_STORAGE_H
#define TESTS_SIM_SIM_STORAGE_H

/* Give memory that no file has back to the system. */
void sim_storage_trim(void);

#endif
