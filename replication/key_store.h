/* A site's signing key: made, kept in a file that only its owner can read, held in memory that is
 * locked and guarded.
 *
 * The secret file holds one line, "causeway-secret-key-1 " and the seed as 64 hexadecimal digits.
 * Beside it stands FILE.pub with the public key as 64 digits: what goes into the configuration of
 * every site. Blocking; for start-up and tools. `error` gets a sentence: what is wrong and what to
 * do. */
#ifndef REPLICATION_KEY_STORE_H
#define REPLICATION_KEY_STORE_H

#include <stdint.h>

#include "matching/base/status.h"
#include "replication/segment.h"

#define KEY_STORE_ERROR_BYTES 512u
#define KEY_STORE_HEX_BYTES   (2 * crypto_sign_PUBLICKEYBYTES + 1) /* With the final zero. */

/* Make a key pair and write both files, durable when it returns: the secret one with mode 0600, the
 * public one with 0644. STATUS_EXISTS when either is there already (a key is never overwritten),
 * STATUS_NOT_FOUND when the directory is not, STATUS_DENIED, STATUS_NO_SPACE, STATUS_IO; then
 * neither is left behind. */
MUST_USE enum status key_store_create(const char *path,
                                      uint8_t public_key[static crypto_sign_PUBLICKEYBYTES],
                                      char error[static KEY_STORE_ERROR_BYTES]);

/* Read a secret file. STATUS_NOT_FOUND; STATUS_DENIED when it cannot be read, or when it belongs to
 * or can be read by others; STATUS_BAD_FORMAT; STATUS_FULL when memory cannot be had. `*signer` is
 * NULL then. */
MUST_USE enum status key_store_read(struct segment_signer **signer, const char *path,
                                    char error[static KEY_STORE_ERROR_BYTES]);

/* Wipe and free; NULL is fine. */
void key_store_release(struct segment_signer *signer);

/* What others need to know to verify this signer. */
void key_store_verifier(struct segment_verifier *verifier, const struct segment_signer *signer);

/* The same from a public key, as the configuration has it. */
void key_store_verifier_of(struct segment_verifier *verifier,
                           const uint8_t public_key[static crypto_sign_PUBLICKEYBYTES]);

/* Public keys as text: exactly 64 hexadecimal digits. STATUS_BAD_FORMAT. */
MUST_USE enum status key_store_parse(uint8_t public_key[static crypto_sign_PUBLICKEYBYTES],
                                     const char *text);
void key_store_print(char text[static KEY_STORE_HEX_BYTES],
                     const uint8_t public_key[static crypto_sign_PUBLICKEYBYTES]);

/* Read FILE.pub (its own name, not the secret's). STATUS_NOT_FOUND, STATUS_DENIED,
 * STATUS_BAD_FORMAT. */
MUST_USE enum status key_store_read_public(uint8_t public_key[static crypto_sign_PUBLICKEYBYTES],
                                           const char *path,
                                           char error[static KEY_STORE_ERROR_BYTES]);

#endif
