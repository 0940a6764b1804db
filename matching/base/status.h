/* Operating errors: one list for the whole tree.
 *
 * A status says what happened to a call, never what the market decided: business outcomes are
 * events with a reason (matching/event.h), and programmer errors stop the process (assertion.h). */
#ifndef MATCHING_BASE_STATUS_H
#define MATCHING_BASE_STATUS_H

#define MUST_USE __attribute__((warn_unused_result))

enum status {
    STATUS_OK = 0,
    STATUS_MORE,          /* Done in part: call the matching resume function for the rest. */
    STATUS_NOT_YET,       /* Nothing to give now; later input may change that. */
    STATUS_FULL,          /* A bound of limits.h or of the configuration is reached. */
    STATUS_SHORT,         /* The bytes end before the item does: more may complete it. */
    STATUS_BAD_FORMAT,    /* The bytes can never be a valid item. */
    STATUS_BAD_VERSION,   /* A valid item of a version that this program does not speak. */
    STATUS_BAD_CHECKSUM,  /* Bytes differ from what was written. */
    STATUS_BAD_SIGNATURE, /* Not signed by the key that it names. */
    STATUS_BAD_CHAIN,     /* Does not continue what stands before it. */
    STATUS_BAD_ARGUMENT,  /* The caller's user asked for something that does not exist or fit. */
    STATUS_UNKNOWN_KEY,   /* Signed by a key that nobody vouches for. */
    STATUS_NOT_FOUND,     /* No such thing. */
    STATUS_EXISTS,        /* There is one already. */
    STATUS_IN_USE,        /* Another process or connection holds it. */
    STATUS_DAMAGED,       /* Data that was durable is unreadable: not a tear, never skipped. */
    STATUS_FOREIGN,       /* Belongs to another cluster, site or incarnation. */
    STATUS_DENIED,        /* Not allowed to this user or process. */
    STATUS_NO_SPACE,      /* The disk is full. */
    STATUS_IO,            /* The operating system reported an error. */
    STATUS_CLOSED,        /* The other end is gone. */
    STATUS_TIMEOUT,       /* It did not happen in time. */
    STATUS_COUNT
};

/* A short English word for logs, for example "bad-chain". Static storage; never NULL. */
const char *status_text(enum status status);

#endif
