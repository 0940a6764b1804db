/* TLS 1.3 between two sites that know each other's keys.
 *
 * Both ends present a certificate that is made from their Ed25519 key at start and signed with it.
 * Nobody looks at names, dates or signers in it: an end is who it says exactly when its key is one
 * that the other end accepts, and it proves that it holds the key. So there is no authority, no
 * name service and no clock to trust. No earlier session is resumed, no ticket given, no data sent
 * early, nothing negotiated anew; recorded bytes are of no use to anybody.
 *
 * OpenSSL reads from and writes to memory: what the stream received, and the stream's room. Nothing
 * here blocks or waits. OpenSSL takes memory of its own for each connection, some 50 KiB, from
 * tls_start() to tls_stop(). One loop thread; a context may be shared by those of one thread. */
#ifndef REPLICATION_IO_TLS_H
#define REPLICATION_IO_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "matching/base/status.h"
#include "replication/io/stream.h"

#define TLS_KEY_BYTES    32u
#define TLS_REASON_BYTES 128u
/* Plain bytes of one record; each costs 22 bytes more. */
#define TLS_RECORD_BYTES 16384u
/* Room that the stream needs at least, so that handshake and alerts always fit. */
#define TLS_STREAM_BYTES_MIN 32768u
/* Bytes that a peer may send before it has proved its key. */
#define TLS_HANDSHAKE_BYTES_MAX 16384u

struct tls_context;
struct tls;

struct tls_options {
    const uint8_t *seed; /* TLS_KEY_BYTES: of the Ed25519 key (RFC 8032). Copied. */
    /* Records under one key before the sender takes another one; 0: 2^23, a third of what RFC 8446
     * (5.5) allows AES-GCM. */
    uint64_t records_per_key_max;
};

/* Asked in the handshake whether this public key belongs to an expected peer; nothing is proved yet
 * then. Must not touch the tls. */
struct tls_judge {
    void *context;
    bool (*accepts)(void *context, const uint8_t public_key[static TLS_KEY_BYTES]);
};

/* Make the certificate. STATUS_FULL: OpenSSL could not; `reason` says what. */
MUST_USE enum status tls_context_create(struct tls_context **context,
                                        const struct tls_options *options,
                                        char reason[static TLS_REASON_BYTES]);
/* After all that were made of it. NULL is fine. */
void tls_context_destroy(struct tls_context *context);

/* STATUS_FULL without memory. */
MUST_USE enum status tls_create(struct tls **tls, struct tls_context *context);
void tls_destroy(struct tls *tls); /* NULL is fine. */

/* Begin on an open stream, as the end that dialled or the one that was. `judge` is copied.
 * STATUS_FULL without memory. */
MUST_USE enum status tls_start(struct tls *tls, struct stream *stream, bool dialled,
                               const struct tls_judge *judge);
/* Forget the connection; say goodbye before, if there is room and it has come so far. */
void tls_stop(struct tls *tls);

/* Bytes that the stream received; they stay the caller's and must all be taken, by
 * tls_handshake() and tls_read() until STATUS_NOT_YET, before the next ones come. */
void tls_input(struct tls *tls, const uint8_t *data, uint32_t data_bytes);

/* Go on with the handshake; flushes nothing. STATUS_OK: done, the peer has proved its key (as far
 * as the dialling end knows; the other end may still refuse this one's, which tls_read() then
 * tells). STATUS_NOT_YET: more input is wanted. Else it has failed, tls_reason() says why, and an
 * alert may be in the stream's room:
 * STATUS_UNKNOWN_KEY     the judge does not accept the key, or it is no Ed25519 key;
 * STATUS_DENIED          the peer refuses us;
 * STATUS_BAD_SIGNATURE   the peer does not hold the key that it shows;
 * STATUS_BAD_FORMAT      no TLS 1.3 handshake, or more of it than TLS_HANDSHAKE_BYTES_MAX. */
MUST_USE enum status tls_handshake(struct tls *tls);
/* The key that was accepted, after STATUS_OK. */
void tls_peer_key(const struct tls *tls, uint8_t public_key[static TLS_KEY_BYTES]);

/* Plain bytes that have come. STATUS_NOT_YET: no more now. STATUS_CLOSED: the peer said goodbye.
 * STATUS_DENIED: it refuses us. STATUS_BAD_CHECKSUM: changed, replayed or forged bytes.
 * STATUS_BAD_FORMAT: no TLS. */
MUST_USE enum status tls_read(struct tls *tls, uint8_t *target, uint32_t bytes_max,
                              uint32_t *bytes);
/* Encrypt into the stream's room: `*bytes` of those given, a record at most. STATUS_NOT_YET: no
 * room. Else it has failed as tls_read() does. */
MUST_USE enum status tls_write(struct tls *tls, const uint8_t *source, uint32_t bytes_max,
                               uint32_t *bytes);

/* Why the last call failed, in OpenSSL's words; until tls_start(). */
const char *tls_reason(const struct tls *tls);

#endif
