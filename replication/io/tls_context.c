/* What all connections of a site share: the certificate, and how strict TLS is. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

#include "matching/base/assertion.h"
#include "replication/io/tls_inside.h"

#define TLS_RECORDS_PER_KEY      (UINT64_C(1) << 23)
#define TLS_CERTIFICATE_LIST_MAX 4096 /* Bytes of a peer's certificates; ours has 300. */

/* A certificate has dates, but nobody looks at them: no two clocks need to agree. */
static X509 *context_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    if (certificate == NULL) {
        return NULL;
    }
    X509_NAME *name = X509_get_subject_name(certificate);
    bool made =
        X509_set_version(certificate, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
        ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), "19700101000000Z") == 1 &&
        ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), "99991231235959Z") == 1 &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"causeway", -1,
                                   -1, 0) == 1 &&
        X509_set_issuer_name(certificate, name) == 1 && X509_set_pubkey(certificate, key) == 1 &&
        X509_sign(certificate, key, NULL) > 0;
    if (!made) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static bool context_identity(SSL_CTX *ssl_context, const uint8_t *seed)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, TLS_KEY_BYTES);
    X509 *certificate = key == NULL ? NULL : context_certificate(key);
    bool used = certificate != NULL && SSL_CTX_use_certificate(ssl_context, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(ssl_context, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return used;
}

static bool context_rules(SSL_CTX *ssl_context)
{
    (void)SSL_CTX_set_options(ssl_context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                               SSL_OP_NO_COMPRESSION |
                                               SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_mode(ssl_context,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ssl_context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(ssl_context, TLS_CERTIFICATE_LIST_MAX);
    SSL_CTX_set_verify(ssl_context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ssl_context, tls_verify, NULL);
    return SSL_CTX_set_min_proto_version(ssl_context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl_context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_num_tickets(ssl_context, 0) == 1 &&
           SSL_CTX_set_ciphersuites(ssl_context,
                                    "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           SSL_CTX_set1_groups_list(ssl_context, "X25519") == 1 &&
           SSL_CTX_set1_sigalgs_list(ssl_context, "ed25519") == 1 &&
           SSL_CTX_set1_client_sigalgs_list(ssl_context, "ed25519") == 1;
}

static long memory_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0; /* Nothing is held back, nothing else is offered. */
}

static int memory_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static bool context_memory(struct tls_context *context)
{
    context->memory_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "causeway");
    return context->memory_method != NULL &&
           BIO_meth_set_read(context->memory_method, tls_memory_read) == 1 &&
           BIO_meth_set_write(context->memory_method, tls_memory_write) == 1 &&
           BIO_meth_set_ctrl(context->memory_method, memory_control) == 1 &&
           BIO_meth_set_create(context->memory_method, memory_create) == 1;
}

enum status tls_context_create(struct tls_context **context, const struct tls_options *options,
                               char reason[static TLS_REASON_BYTES])
{
    ASSERT(options->seed != NULL);
    *context = NULL;
    struct tls_context *made = calloc(1, sizeof *made);
    if (made == NULL) {
        (void)snprintf(reason, TLS_REASON_BYTES, "no memory");
        return STATUS_FULL;
    }
    made->records_per_key_max =
        options->records_per_key_max == 0 ? TLS_RECORDS_PER_KEY : options->records_per_key_max;
    /* The machine's configuration of OpenSSL changes nothing here: both ends must agree. */
    ERR_clear_error();
    bool good = OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1;
    made->ssl_context = good ? SSL_CTX_new(TLS_method()) : NULL;
    good = made->ssl_context != NULL && context_memory(made) && context_rules(made->ssl_context) &&
           context_identity(made->ssl_context, options->seed);
    if (!good) {
        const char *text = ERR_reason_error_string(ERR_peek_last_error());
        (void)snprintf(reason, TLS_REASON_BYTES, "OpenSSL: %s", text == NULL ? "no memory" : text);
        tls_context_destroy(made);
        return STATUS_FULL;
    }
    *context = made;
    return STATUS_OK;
}

void tls_context_destroy(struct tls_context *context)
{
    if (context != NULL) {
        SSL_CTX_free(context->ssl_context);
        BIO_meth_free(context->memory_method);
        free(context);
    }
}
