/* An event as one line of text, for tests that compare whole lists of events. */
#ifndef TESTS_SUPPORT_EVENT_TEXT_H
#define TESTS_SUPPORT_EVENT_TEXT_H

#include <stddef.h>

#include "matching/event.h"

#define EVENT_TEXT_BYTES 400u

/* The type, then `field=value` for every field that is not zero, in the order of event.h; strings
 * without their padding. `since_ns` is taken off the timestamp. Asserts: bytes beyond what the type
 * carries, and reserved ones, are zero. Returns the length. */
size_t event_text(char target[static EVENT_TEXT_BYTES], const struct event *event,
                  uint64_t since_ns);

#endif
