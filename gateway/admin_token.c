#include "gateway/admin_token.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "matching/base/assertion.h"

#define ADMIN_TOKEN_SCHEME "Bearer "

static enum status admin_token_open(int *file, const char *path, char *error, size_t error_bytes)
{
    *file = open(path, O_RDONLY | O_CLOEXEC);
    if (*file < 0) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        (void)snprintf(error, error_bytes,
                       absent ? "%s is missing: `causeway init` makes it"
                              : "%s cannot be read by this user",
                       path);
        return absent ? STATUS_NOT_FOUND : STATUS_DENIED;
    }
    struct stat about;
    if (fstat(*file, &about) != 0 || (about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        (void)snprintf(error, error_bytes,
                       "%s can be read by others: run `chmod 600` on it, and make a new token if "
                       "somebody may have seen this one",
                       path);
        (void)close(*file);
        return STATUS_DENIED;
    }
    return STATUS_OK;
}

enum status admin_token_read(char text[static ADMIN_TOKEN_BYTES_MAX + 1], const char *path,
                             char *error, size_t error_bytes)
{
    int file = -1;
    enum status status = admin_token_open(&file, path, error, error_bytes);
    if (status != STATUS_OK) {
        return status;
    }
    char found[ADMIN_TOKEN_BYTES_MAX + 2];
    ssize_t bytes = read(file, found, sizeof found);
    (void)close(file);
    size_t length = bytes > 0 ? (size_t)bytes : 0;
    if (length > 0 && found[length - 1] == '\n') {
        length--;
    }
    bool right = length >= ADMIN_TOKEN_BYTES_MIN && length <= ADMIN_TOKEN_BYTES_MAX;
    for (size_t i = 0; right && i < length; i++) {
        right = found[i] > ' ' && found[i] <= '~';
    }
    if (right) {
        memcpy(text, found, length);
        text[length] = '\0';
    } else {
        (void)snprintf(error, error_bytes,
                       "%s must hold one line of %u to %u printable characters without spaces",
                       path, ADMIN_TOKEN_BYTES_MIN, ADMIN_TOKEN_BYTES_MAX);
    }
    sodium_memzero(found, sizeof found);
    return right ? STATUS_OK : STATUS_BAD_FORMAT;
}

static void admin_token_hash(uint8_t hash[static 32], const struct admin_token *token,
                             const char *text)
{
    int failed = crypto_generichash(hash, sizeof token->hash, (const uint8_t *)text, strlen(text),
                                    token->key, sizeof token->key);
    ASSERT(failed == 0);
}

void admin_token_set(struct admin_token *token, const char *text)
{
    ASSERT(strlen(text) >= ADMIN_TOKEN_BYTES_MIN);
    ASSERT(strlen(text) <= ADMIN_TOKEN_BYTES_MAX);
    randombytes_buf(token->key, sizeof token->key);
    admin_token_hash(token->hash, token, text);
}

bool admin_token_matches(const struct admin_token *token, const char *authorization)
{
    size_t scheme = strlen(ADMIN_TOKEN_SCHEME);
    if (authorization == NULL || strncmp(authorization, ADMIN_TOKEN_SCHEME, scheme) != 0 ||
        strlen(authorization + scheme) > ADMIN_TOKEN_BYTES_MAX) {
        return false;
    }
    uint8_t hash[sizeof token->hash];
    admin_token_hash(hash, token, authorization + scheme);
    return sodium_memcmp(hash, token->hash, sizeof hash) == 0;
}
