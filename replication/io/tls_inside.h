/* What tls.c and tls_context.c share. */
#ifndef REPLICATION_IO_TLS_INSIDE_H
#define REPLICATION_IO_TLS_INSIDE_H

#include <openssl/ssl.h>

#include "replication/io/tls.h"

struct tls_context {
    SSL_CTX *ssl_context;
    BIO_METHOD *memory_method;
    uint64_t records_per_key_max;
};

struct tls {
    struct tls_context *context;
    SSL *ssl; /* NULL when stopped. */
    struct stream *stream;
    struct tls_judge judge;
    const uint8_t *input;
    uint32_t input_bytes;
    uint64_t handshake_bytes;
    uint64_t records; /* Written under the present key. */
    bool established;
    bool refused; /* The judge said no. */
    uint8_t peer_key[TLS_KEY_BYTES];
    char reason[TLS_REASON_BYTES];
};

/* ---- tls.c: OpenSSL's calls back ---- */

int tls_memory_read(BIO *bio, char *target, int bytes_max);
int tls_memory_write(BIO *bio, const char *source, int bytes);
int tls_verify(X509_STORE_CTX *store, void *unused);

#endif
