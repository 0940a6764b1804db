/* Whether an ASSERT stops the process: the call is made in a child. */
#ifndef TESTS_SUPPORT_ASSERTS_H
#define TESTS_SUPPORT_ASSERTS_H

#include <stdbool.h>

/* Call `function(argument)` in a child process; true when it ends by SIGABRT. What it says on
 * stderr is dropped. */
bool asserts_stop(void (*function)(void *argument), void *argument);

#endif
