#include "matching/base/assertion.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void assertion_fail(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "level=fatal event=assertion-failed at=%s:%d condition=\"%s\"\n", file,
                  line, condition);
    abort();
}
