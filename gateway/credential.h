/* Checks passwords against their Argon2id hashes, off the loop thread: one check costs milliseconds
 * on purpose. What was found right once is remembered under a keyed hash, so that a storm of
 * reconnecting clients costs microseconds each. Passwords are wiped as soon as they have been
 * looked at. */
#ifndef GATEWAY_CREDENTIAL_H
#define GATEWAY_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/soupbin.h"
#include "matching/base/status.h"
#include "matching/command.h"
#include "replication/io/io.h"

/* Cost of the hashes that our tools make: about 2 ms and 1 MiB here. SoupBinTCP passwords have at
 * most 10 characters: use random ones. Each record carries its own cost, so a higher one needs no
 * new program. */
#define CREDENTIAL_OPERATIONS     2u
#define CREDENTIAL_MEMORY_KIB     1024u
#define CREDENTIAL_OPERATIONS_MAX 16u
#define CREDENTIAL_MEMORY_KIB_MAX 65536u

struct credential {
    uint32_t hash_operations;
    uint32_t hash_memory_kib;
    uint8_t salt[CREDENTIAL_SALT_BYTES];
    uint8_t hash[CREDENTIAL_HASH_BYTES];
};

/* Argon2id of a password, padded with spaces, with the cost and salt of `credential`; sets its
 * hash. STATUS_BAD_ARGUMENT: a cost out of range; STATUS_FULL: no memory for it. Any thread. */
MUST_USE enum status credential_hash(struct credential *credential,
                                     const uint8_t password[static SOUPBIN_PASSWORD_BYTES]);

struct credential_worker;

/* Starts the thread. `requests_max` (a power of two) checks may wait; `io` is woken when one is
 * done. */
MUST_USE enum status credential_start(struct credential_worker **worker, struct io *io,
                                      uint32_t requests_max);
void credential_stop(struct credential_worker *worker);

struct credential_request {
    uint64_t ticket; /* The caller's; comes back with the result. */
    struct credential credential;
    uint8_t password[SOUPBIN_PASSWORD_BYTES];
};

struct credential_result {
    uint64_t ticket;
    bool right;
};

/* Loop thread. Queue a check and wipe request->password. STATUS_FULL: too many wait; nothing
 * queued. */
MUST_USE enum status credential_submit(struct credential_worker *worker,
                                       struct credential_request *request);
/* Loop thread. STATUS_NOT_YET: no result waits. */
MUST_USE enum status credential_take(struct credential_worker *worker,
                                     struct credential_result *result);

#endif
