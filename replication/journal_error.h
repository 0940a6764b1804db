/* A sentence for the operator: what is wrong with a journal and what to do. The last one set
 * counts.
 */
#ifndef REPLICATION_JOURNAL_ERROR_H
#define REPLICATION_JOURNAL_ERROR_H

#define JOURNAL_ERROR_BYTES 1024u

struct journal_error {
    char text[JOURNAL_ERROR_BYTES]; /* Ends with a zero; longer sentences are cut. */
};

void journal_error_set(struct journal_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
