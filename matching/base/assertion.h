/* Assertions stay on in production: they guard against programmer errors only.
 *
 * Never ASSERT on what a client, a peer or a disk sent: the same bytes reach every replica and
 * would stop them all. Decoders turn bad bytes into a status instead. */
#ifndef MATCHING_BASE_ASSERTION_H
#define MATCHING_BASE_ASSERTION_H

#include <assert.h>
#include <stdbool.h>

/* Writes one line to stderr and aborts the process. Any thread. */
_Noreturn void assertion_fail(const char *condition, const char *file, int line);

#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            assertion_fail(#condition, __FILE__, __LINE__);                                        \
        }                                                                                          \
    } while (false)

#endif
