/* Large pieces of memory that a process takes at its start: tables that are read and written all
 * over. On huge pages where the system gives them (2 MiB on x86-64 and arm64 alike): each access to
 * another 4 KiB page may cost a walk through the page tables, and the first one a fault, which
 * together were a quarter of an order's processor time at three sites. Any thread. */
#ifndef REPLICATION_IO_PAGES_H
#define REPLICATION_IO_PAGES_H

#include <stddef.h>

/* `bytes` (at least 1) of zeros at a multiple of 4096; NULL: there is no memory. What is never
 * touched costs none, to a huge page exactly from 16 MiB on, else to a small one. */
void *pages_take(size_t bytes);

/* Give back what pages_take() gave for the same `bytes`. NULL is fine. */
void pages_give(void *memory, size_t bytes);

#endif
