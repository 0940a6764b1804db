#include "gateway/site_failure.h"

#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"

#define SITE_FAILURE_ADVICE                                                                        \
    "; 'causeway journal verify --config FILE' with this site's configuration changes nothing "    \
    "and "                                                                                         \
    "shows how much of its journal is whole"

static_assert(SITE_FAILURE_BYTES >= JOURNAL_ERROR_BYTES + sizeof SITE_FAILURE_ADVICE,
              "a journal's sentence fits with the advice");

bool site_failure_is_damage(enum status status)
{
    ASSERT(status != STATUS_OK);
    switch (status) {
    case STATUS_SHORT:
    case STATUS_BAD_FORMAT:
    case STATUS_BAD_CHECKSUM:
    case STATUS_BAD_SIGNATURE:
    case STATUS_BAD_CHAIN:
    case STATUS_UNKNOWN_KEY:
    case STATUS_DAMAGED:
        return true;
    case STATUS_OK:
    case STATUS_MORE:
    case STATUS_NOT_YET:
    case STATUS_FULL:
    case STATUS_BAD_VERSION:
    case STATUS_BAD_ARGUMENT:
    case STATUS_NOT_FOUND:
    case STATUS_EXISTS:
    case STATUS_IN_USE:
    case STATUS_FOREIGN:
    case STATUS_DENIED:
    case STATUS_NO_SPACE:
    case STATUS_IO:
    case STATUS_CLOSED:
    case STATUS_TIMEOUT:
        return false;
    case STATUS_COUNT:
        break;
    }
    ASSERT(false);
    return false;
}

void site_failure_journal(char error[static SITE_FAILURE_BYTES], enum status status,
                          const char *found)
{
    ASSERT(found != NULL);
    ASSERT(found != error);
    const char *advice = site_failure_is_damage(status) ? SITE_FAILURE_ADVICE : "";
    int room = (int)(SITE_FAILURE_BYTES - 1 - strlen(advice));
    if (found[0] == '\0') {
        (void)snprintf(error, SITE_FAILURE_BYTES, "the journal failed (%s)%s", status_text(status),
                       advice);
    } else {
        (void)snprintf(error, SITE_FAILURE_BYTES, "%.*s%s", room, found, advice);
    }
}
