/* Quorum repair by an operator (replication/repair.h): `causeway site recover`. Tells what is left,
 * what is provably safe and what is not, has the operator attest that the others are off, and takes
 * every survivor through promise and activation. Killed anywhere, it goes on when it is run again.
 */
#ifndef TOOLS_SITE_RECOVER_H
#define TOOLS_SITE_RECOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/site_desk.h"

#define SITE_RECOVER_TEXT_BYTES 512u

struct site_recover_options {
    const char *key_path; /* Signs the attestation; NULL: the first site's own key. */
    const char *confirm;  /* What would be typed; NULL: it is asked for on `in`. */
    FILE *in;
    uint64_t only_shard; /* 0: all. */
    uint64_t patience_ns;
    bool dry_run;
};

/* The sites of `desk` are the survivors: unless every one of them answers, nothing is done. Returns
 * an exit status of options.h. */
int site_recover_run(struct site_desk *desk, const struct site_recover_options *options);

/* What the operator must type: "NAME, NAME are off for good", "everybody is on" where nobody is
 * off. */
void site_recover_sentence(char text[static SITE_RECOVER_TEXT_BYTES], const struct site_view *view,
                           uint16_t attested);

#endif
