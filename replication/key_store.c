#include "replication/key_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matching/base/assertion.h"

#define SECRET_PREFIX       "causeway-secret-key-1 "
#define SECRET_PREFIX_BYTES (sizeof SECRET_PREFIX - 1)
#define HEX_DIGITS          ((size_t)KEY_STORE_HEX_BYTES - 1)
#define SECRET_FILE_BYTES   (SECRET_PREFIX_BYTES + HEX_DIGITS + 1)
#define PUBLIC_FILE_BYTES   (HEX_DIGITS + 1)
#define PATH_BYTES_MAX      1024u

static_assert(crypto_sign_SEEDBYTES == crypto_sign_PUBLICKEYBYTES, "both are 64 digits");

static enum status key_store_errno(int number)
{
    switch (number) {
    case EEXIST:
        return STATUS_EXISTS;
    case ENOENT:
    case ENOTDIR:
        return STATUS_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return STATUS_DENIED;
    case ENOSPC:
    case EDQUOT:
        return STATUS_NO_SPACE;
    default:
        return STATUS_IO;
    }
}

static enum status key_store_say(char error[static KEY_STORE_ERROR_BYTES], const char *what,
                                 const char *path, int number)
{
    enum status status = key_store_errno(number);
    const char *advice = status == STATUS_EXISTS
                             ? "a key is never overwritten; move the old one away first"
                             : strerror(number);
    (void)snprintf(error, KEY_STORE_ERROR_BYTES, "cannot %s %s: %s", what, path, advice);
    return status;
}

/* Create, write and sync one file. On any error the file is gone again, unless it was there. */
static enum status key_store_write(const char *path, mode_t mode, const char *text,
                                   size_t text_bytes, char error[static KEY_STORE_ERROR_BYTES])
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (file < 0) {
        return key_store_say(error, "create", path, errno);
    }
    size_t written = 0;
    int number = fchmod(file, mode) == 0 ? 0 : errno; /* Whatever the umask says. */
    while (number == 0 && written < text_bytes) {
        ssize_t bytes = write(file, text + written, text_bytes - written);
        if (bytes >= 0) {
            written += (size_t)bytes;
        } else if (errno != EINTR) {
            number = errno;
        }
    }
    if (number == 0 && fsync(file) != 0) {
        number = errno;
    }
    if (close(file) != 0 && number == 0) {
        number = errno;
    }
    if (number != 0) {
        (void)unlink(path);
        return key_store_say(error, "write", path, number);
    }
    return STATUS_OK;
}

/* Make the names in the directory of `path` durable. */
static enum status key_store_sync_directory(const char *path,
                                            char error[static KEY_STORE_ERROR_BYTES])
{
    char directory[PATH_BYTES_MAX];
    (void)snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (slash == NULL) {
        (void)snprintf(directory, sizeof directory, ".");
    } else {
        slash[slash == directory ? 1 : 0] = '\0';
    }
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0) {
        return key_store_say(error, "open", directory, errno);
    }
    int number = fsync(file) == 0 ? 0 : errno;
    (void)close(file);
    return number == 0 ? STATUS_OK : key_store_say(error, "sync", directory, number);
}

enum status key_store_create(const char *path,
                             uint8_t public_key[static crypto_sign_PUBLICKEYBYTES],
                             char error[static KEY_STORE_ERROR_BYTES])
{
    char public_path[PATH_BYTES_MAX];
    int length = snprintf(public_path, sizeof public_path, "%s.pub", path);
    if (length < 0 || (size_t)length >= sizeof public_path) {
        (void)snprintf(error, KEY_STORE_ERROR_BYTES, "the path of the key is too long");
        return STATUS_NOT_FOUND;
    }
    if (sodium_init() < 0) {
        (void)snprintf(error, KEY_STORE_ERROR_BYTES, "no secure random numbers here");
        return STATUS_IO;
    }
    uint8_t seed[crypto_sign_SEEDBYTES];
    uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
    char text[SECRET_FILE_BYTES + 1] = SECRET_PREFIX;
    randombytes_buf(seed, sizeof seed);
    (void)crypto_sign_seed_keypair(public_key, secret_key, seed);
    (void)sodium_bin2hex(text + SECRET_PREFIX_BYTES, sizeof text - SECRET_PREFIX_BYTES, seed,
                         sizeof seed);
    text[SECRET_FILE_BYTES - 1] = '\n';
    enum status status = key_store_write(path, 0600, text, SECRET_FILE_BYTES, error);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(secret_key, sizeof secret_key);
    sodium_memzero(text, sizeof text);
    if (status != STATUS_OK) {
        return status;
    }
    char public_text[KEY_STORE_HEX_BYTES];
    key_store_print(public_text, public_key);
    public_text[HEX_DIGITS] = '\n';
    status = key_store_write(public_path, 0644, public_text, PUBLIC_FILE_BYTES, error);
    if (status != STATUS_OK) {
        (void)unlink(path);
        return status;
    }
    status = key_store_sync_directory(path, error);
    if (status != STATUS_OK) {
        (void)unlink(public_path);
        (void)unlink(path);
    }
    return status;
}

/* Read a file of exactly `text_bytes`. */
static enum status key_store_load(int file, const char *path, char *text, size_t text_bytes,
                                  char error[static KEY_STORE_ERROR_BYTES])
{
    struct stat state;
    if (fstat(file, &state) != 0) {
        return key_store_say(error, "look at", path, errno);
    }
    if (!S_ISREG(state.st_mode) || (size_t)state.st_size != text_bytes) {
        (void)snprintf(error, KEY_STORE_ERROR_BYTES,
                       "%s is not a key file: it must be made by causeway keygen", path);
        return STATUS_BAD_FORMAT;
    }
    size_t done = 0;
    while (done < text_bytes) {
        ssize_t bytes = read(file, text + done, text_bytes - done);
        if (bytes == 0) {
            (void)snprintf(error, KEY_STORE_ERROR_BYTES, "%s changes while it is read", path);
            return STATUS_BAD_FORMAT;
        }
        if (bytes > 0) {
            done += (size_t)bytes;
        } else if (errno != EINTR) {
            return key_store_say(error, "read", path, errno);
        }
    }
    return STATUS_OK;
}

/* 64 digits, neither more nor other characters. */
static enum status key_store_unhex(uint8_t *bytes, const char *digits)
{
    size_t count = 0;
    const char *end = NULL;
    if (sodium_hex2bin(bytes, crypto_sign_PUBLICKEYBYTES, digits, HEX_DIGITS, NULL, &count, &end) !=
            0 ||
        count != crypto_sign_PUBLICKEYBYTES || end != digits + HEX_DIGITS) {
        return STATUS_BAD_FORMAT;
    }
    return STATUS_OK;
}

/* A secret that others can read, or wrote, is no secret. */
static enum status key_store_check_private(int file, const char *path,
                                           char error[static KEY_STORE_ERROR_BYTES])
{
    struct stat state;
    if (fstat(file, &state) != 0) {
        return key_store_say(error, "look at", path, errno);
    }
    if (state.st_uid != geteuid()) {
        (void)snprintf(error, KEY_STORE_ERROR_BYTES,
                       "%s belongs to user %u, but this process runs as user %u: give it the file",
                       path, (unsigned)state.st_uid, (unsigned)geteuid());
        return STATUS_DENIED;
    }
    if ((state.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        (void)snprintf(error, KEY_STORE_ERROR_BYTES,
                       "%s is open to others (mode %04o): make a new key if they may have read it, "
                       "and run chmod 600 %s",
                       path, (unsigned)state.st_mode & 07777u, path);
        return STATUS_DENIED;
    }
    return STATUS_OK;
}

enum status key_store_read(struct segment_signer **signer, const char *path,
                           char error[static KEY_STORE_ERROR_BYTES])
{
    *signer = NULL;
    if (sodium_init() < 0) {
        (void)snprintf(error, KEY_STORE_ERROR_BYTES, "no secure random numbers here");
        return STATUS_IO;
    }
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return key_store_say(error, "open", path, errno);
    }
    char text[SECRET_FILE_BYTES];
    uint8_t seed[crypto_sign_SEEDBYTES];
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    struct segment_signer *made = NULL;
    enum status status = key_store_check_private(file, path, error);
    if (status == STATUS_OK) {
        status = key_store_load(file, path, text, sizeof text, error);
    }
    (void)close(file);
    if (status != STATUS_OK) {
        goto done;
    }
    if (memcmp(text, SECRET_PREFIX, SECRET_PREFIX_BYTES) != 0 ||
        text[SECRET_FILE_BYTES - 1] != '\n' ||
        key_store_unhex(seed, text + SECRET_PREFIX_BYTES) != STATUS_OK) {
        (void)snprintf(error, KEY_STORE_ERROR_BYTES,
                       "%s does not hold a secret key: it must be made by causeway keygen", path);
        status = STATUS_BAD_FORMAT;
        goto done;
    }
    made = sodium_malloc(sizeof *made);
    if (made == NULL) {
        (void)snprintf(error, KEY_STORE_ERROR_BYTES, "no locked memory for the key");
        status = STATUS_FULL;
        goto done;
    }
    (void)crypto_sign_seed_keypair(public_key, made->secret_key, seed);
    segment_key_id(made->key_id, public_key);
    (void)sodium_mprotect_readonly(made);
    *signer = made;

done:
    sodium_memzero(text, sizeof text);
    sodium_memzero(seed, sizeof seed);
    return status;
}

void key_store_release(struct segment_signer *signer)
{
    sodium_free(signer); /* Wipes. */
}

void key_store_verifier(struct segment_verifier *verifier, const struct segment_signer *signer)
{
    (void)crypto_sign_ed25519_sk_to_pk(verifier->public_key, signer->secret_key);
    memcpy(verifier->key_id, signer->key_id, sizeof verifier->key_id);
}

void key_store_verifier_of(struct segment_verifier *verifier,
                           const uint8_t public_key[static crypto_sign_PUBLICKEYBYTES])
{
    memcpy(verifier->public_key, public_key, sizeof verifier->public_key);
    segment_key_id(verifier->key_id, public_key);
}

enum status key_store_parse(uint8_t public_key[static crypto_sign_PUBLICKEYBYTES], const char *text)
{
    return strlen(text) == HEX_DIGITS ? key_store_unhex(public_key, text) : STATUS_BAD_FORMAT;
}

void key_store_print(char text[static KEY_STORE_HEX_BYTES],
                     const uint8_t public_key[static crypto_sign_PUBLICKEYBYTES])
{
    (void)sodium_bin2hex(text, KEY_STORE_HEX_BYTES, public_key, crypto_sign_PUBLICKEYBYTES);
}

enum status key_store_read_public(uint8_t public_key[static crypto_sign_PUBLICKEYBYTES],
                                  const char *path, char error[static KEY_STORE_ERROR_BYTES])
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return key_store_say(error, "open", path, errno);
    }
    char text[PUBLIC_FILE_BYTES];
    enum status status = key_store_load(file, path, text, sizeof text, error);
    (void)close(file);
    if (status == STATUS_OK &&
        (text[PUBLIC_FILE_BYTES - 1] != '\n' || key_store_unhex(public_key, text) != STATUS_OK)) {
        (void)snprintf(error, KEY_STORE_ERROR_BYTES,
                       "%s does not hold a public key: 64 hexadecimal digits and a line end", path);
        status = STATUS_BAD_FORMAT;
    }
    return status;
}
