#include "replication/journal_error.h"

#include <stdarg.h>
#include <stdio.h>

#include "matching/base/assertion.h"

void journal_error_set(struct journal_error *error, const char *format, ...)
{
    ASSERT(format != NULL);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    ASSERT(length > 0);
}
