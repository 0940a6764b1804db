#include "matching/base/status.h"

#include "matching/base/assertion.h"

const char *status_text(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return "ok";
    case STATUS_MORE:
        return "more";
    case STATUS_NOT_YET:
        return "not-yet";
    case STATUS_FULL:
        return "full";
    case STATUS_SHORT:
        return "short";
    case STATUS_BAD_FORMAT:
        return "bad-format";
    case STATUS_BAD_VERSION:
        return "bad-version";
    case STATUS_BAD_CHECKSUM:
        return "bad-checksum";
    case STATUS_BAD_SIGNATURE:
        return "bad-signature";
    case STATUS_BAD_CHAIN:
        return "bad-chain";
    case STATUS_BAD_ARGUMENT:
        return "bad-argument";
    case STATUS_UNKNOWN_KEY:
        return "unknown-key";
    case STATUS_NOT_FOUND:
        return "not-found";
    case STATUS_EXISTS:
        return "exists";
    case STATUS_IN_USE:
        return "in-use";
    case STATUS_DAMAGED:
        return "damaged";
    case STATUS_FOREIGN:
        return "foreign";
    case STATUS_DENIED:
        return "denied";
    case STATUS_NO_SPACE:
        return "no-space";
    case STATUS_IO:
        return "io";
    case STATUS_CLOSED:
        return "closed";
    case STATUS_TIMEOUT:
        return "timeout";
    case STATUS_COUNT:
        break;
    }
    ASSERT(false);
    return "";
}
