#include "replication/io/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/io/tls_inside.h"

#define TLS_OVERHEAD_BYTES 64u  /* Header and tag of a record, and more. */
#define TLS_RESERVE_BYTES  512u /* Room that data leaves for alerts and changes of keys. */
static_assert(TLS_STREAM_BYTES_MIN > TLS_RECORD_BYTES + TLS_OVERHEAD_BYTES + TLS_RESERVE_BYTES,
              "a whole record fits");

/* ---- OpenSSL's calls back ---- */

int tls_memory_read(BIO *bio, char *target, int bytes_max)
{
    struct tls *tls = BIO_get_data(bio);
    ASSERT(bytes_max >= 0);
    BIO_clear_retry_flags(bio);
    if (tls->input_bytes == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    uint32_t bytes =
        (uint32_t)bytes_max < tls->input_bytes ? (uint32_t)bytes_max : tls->input_bytes;
    memcpy(target, tls->input, bytes);
    tls->input += bytes;
    tls->input_bytes -= bytes;
    return (int)bytes;
}

int tls_memory_write(BIO *bio, const char *source, int bytes)
{
    struct tls *tls = BIO_get_data(bio);
    ASSERT(bytes >= 0);
    BIO_clear_retry_flags(bio);
    uint32_t room_bytes;
    uint8_t *room = stream_room(tls->stream, &room_bytes);
    if (room_bytes < (uint32_t)bytes) {
        BIO_set_retry_write(bio);
        return -1;
    }
    memcpy(room, source, (size_t)bytes);
    stream_filled(tls->stream, (uint32_t)bytes);
    return bytes;
}

/* In place of a check against authorities: the key counts, and nothing else. */
int tls_verify(X509_STORE_CTX *store, void *unused)
{
    (void)unused;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    ASSERT(ssl != NULL);
    struct tls *tls = SSL_get_app_data(ssl);
    ASSERT(tls != NULL);
    EVP_PKEY *key = X509_get0_pubkey(X509_STORE_CTX_get0_cert(store));
    size_t key_bytes = TLS_KEY_BYTES;
    bool accepted = key != NULL && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 &&
                    EVP_PKEY_get_raw_public_key(key, tls->peer_key, &key_bytes) == 1 &&
                    key_bytes == TLS_KEY_BYTES &&
                    tls->judge.accepts(tls->judge.context, tls->peer_key);
    tls->refused = !accepted;
    X509_STORE_CTX_set_error(store, accepted ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return accepted ? 1 : 0;
}

/* ---- Life ---- */

enum status tls_create(struct tls **tls, struct tls_context *context)
{
    ASSERT(context != NULL);
    struct tls *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return STATUS_FULL;
    }
    made->context = context;
    *tls = made;
    return STATUS_OK;
}

void tls_destroy(struct tls *tls)
{
    if (tls != NULL) {
        SSL_free(tls->ssl);
        free(tls);
    }
}

enum status tls_start(struct tls *tls, struct stream *stream, bool dialled,
                      const struct tls_judge *judge)
{
    ASSERT(tls->ssl == NULL);
    ASSERT(stream->half_bytes >= TLS_STREAM_BYTES_MIN);
    *tls = (struct tls){.context = tls->context, .stream = stream, .judge = *judge};
    ERR_clear_error();
    SSL *ssl = SSL_new(tls->context->ssl_context);
    BIO *bio = BIO_new(tls->context->memory_method);
    if (ssl == NULL || bio == NULL) {
        SSL_free(ssl);
        (void)BIO_free(bio);
        (void)snprintf(tls->reason, sizeof tls->reason, "no memory");
        return STATUS_FULL;
    }
    BIO_set_data(bio, tls);
    SSL_set_bio(ssl, bio, bio); /* Takes the one reference there is, for both directions. */
    (void)SSL_set_app_data(ssl, tls);
    if (dialled) {
        SSL_set_connect_state(ssl);
    } else {
        SSL_set_accept_state(ssl);
    }
    tls->ssl = ssl;
    return STATUS_OK;
}

void tls_stop(struct tls *tls)
{
    if (tls->ssl == NULL) {
        return;
    }
    tls->input_bytes = 0;
    if (tls->established && tls->stream->state == STREAM_OPEN) {
        ERR_clear_error();
        (void)SSL_shutdown(tls->ssl); /* Only an attempt: the peer also sees the end itself. */
    }
    SSL_free(tls->ssl);
    tls->ssl = NULL;
    tls->established = false;
}

void tls_input(struct tls *tls, const uint8_t *data, uint32_t data_bytes)
{
    ASSERT(tls->input_bytes == 0);
    ASSERT(data_bytes > 0);
    tls->input = data;
    tls->input_bytes = data_bytes;
    if (!tls->established) {
        tls->handshake_bytes += data_bytes;
    }
}

const char *tls_reason(const struct tls *tls)
{
    return tls->reason;
}

void tls_peer_key(const struct tls *tls, uint8_t public_key[static TLS_KEY_BYTES])
{
    ASSERT(tls->established);
    memcpy(public_key, tls->peer_key, TLS_KEY_BYTES);
}

/* ---- Bytes ---- */

static enum status tls_fail(struct tls *tls, enum status status, const char *text)
{
    (void)snprintf(tls->reason, sizeof tls->reason, "%s", text);
    tls->established = false; /* No goodbye after a failure. */
    return status;
}

/* What the outcome of a call of OpenSSL's means; `result` <= 0. */
static enum status tls_outcome(struct tls *tls, int result)
{
    int error = SSL_get_error(tls->ssl, result);
    if (error == SSL_ERROR_WANT_READ) {
        return STATUS_NOT_YET;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        return tls_fail(tls, STATUS_CLOSED, "the peer said goodbye");
    }
    if (error == SSL_ERROR_WANT_WRITE) {
        /* Data leaves room for the few bytes of an answer: somebody floods us with questions. */
        return tls_fail(tls, STATUS_BAD_FORMAT, "too many questions");
    }
    if (tls->refused) {
        return tls_fail(tls, STATUS_UNKNOWN_KEY, "the peer's key is not one that is expected");
    }
    unsigned long code = ERR_peek_last_error();
    const char *text = ERR_reason_error_string(code);
    text = text == NULL ? "the bytes are no TLS" : text;
    int number = ERR_GET_REASON(code);
    if (number >= SSL_AD_REASON_OFFSET) {
        return tls_fail(tls, STATUS_DENIED, text); /* An alert of the peer's. */
    }
    switch (number) {
    case SSL_R_BAD_SIGNATURE:
        return tls_fail(tls, STATUS_BAD_SIGNATURE, text);
    case SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC:
        return tls_fail(tls, STATUS_BAD_CHECKSUM, text);
    default:
        return tls_fail(tls, STATUS_BAD_FORMAT, text);
    }
}

enum status tls_handshake(struct tls *tls)
{
    ASSERT(tls->ssl != NULL);
    ASSERT(!tls->established);
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result != 1) {
        enum status status = tls_outcome(tls, result);
        if (status == STATUS_BAD_CHECKSUM) {
            status = STATUS_BAD_FORMAT; /* Before anything was agreed. */
        }
        if (status == STATUS_NOT_YET && tls->handshake_bytes > TLS_HANDSHAKE_BYTES_MAX) {
            return tls_fail(tls, STATUS_BAD_FORMAT, "the handshake is too long");
        }
        return status;
    }
    ASSERT(!tls->refused);
    ASSERT(SSL_version(tls->ssl) == TLS1_3_VERSION);
    tls->established = true;
    return STATUS_OK;
}

enum status tls_read(struct tls *tls, uint8_t *target, uint32_t bytes_max, uint32_t *bytes)
{
    ASSERT(tls->established);
    ASSERT(bytes_max > 0);
    size_t count = 0;
    ERR_clear_error();
    int result = SSL_read_ex(tls->ssl, target, bytes_max, &count);
    if (result != 1) {
        enum status status = tls_outcome(tls, result);
        ASSERT(status != STATUS_NOT_YET || tls->input_bytes == 0);
        return status;
    }
    ASSERT(count > 0);
    ASSERT(count <= bytes_max);
    *bytes = (uint32_t)count;
    return STATUS_OK;
}

enum status tls_write(struct tls *tls, const uint8_t *source, uint32_t bytes_max, uint32_t *bytes)
{
    ASSERT(tls->established);
    ASSERT(bytes_max > 0);
    uint32_t room_bytes;
    (void)stream_room(tls->stream, &room_bytes);
    if (room_bytes <= TLS_OVERHEAD_BYTES + TLS_RESERVE_BYTES) {
        return STATUS_NOT_YET;
    }
    uint32_t most_bytes = room_bytes - TLS_OVERHEAD_BYTES - TLS_RESERVE_BYTES;
    most_bytes = most_bytes < TLS_RECORD_BYTES ? most_bytes : TLS_RECORD_BYTES;
    most_bytes = most_bytes < bytes_max ? most_bytes : bytes_max;
    ERR_clear_error();
    if (tls->records >= tls->context->records_per_key_max) {
        if (SSL_key_update(tls->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1) {
            return tls_fail(tls, STATUS_BAD_FORMAT, "no further key is to be had");
        }
        tls->records = 0;
    }
    size_t count = 0;
    int result = SSL_write_ex(tls->ssl, source, most_bytes, &count);
    if (result != 1) {
        enum status status = tls_outcome(tls, result); /* Without memory: there is room. */
        ASSERT(status != STATUS_NOT_YET);
        return status;
    }
    ASSERT(count == most_bytes);
    tls->records++;
    *bytes = most_bytes;
    return STATUS_OK;
}
