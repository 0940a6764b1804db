#include "gateway/credential.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/arena.h"
#include "matching/base/assertion.h"
#include "matching/base/ring.h"

#define CREDENTIAL_CACHE_SLOTS 16384u /* A power of two; a collision only costs a second check. */

struct credential_worker {
    struct ring requests;
    struct ring results;
    struct io *io;
    pthread_t thread;
    pthread_mutex_t mutex; /* Only for sleeping; the rings carry the data. */
    pthread_cond_t work;
    atomic_bool stop;
    uint32_t waiting_count; /* Loop thread: submitted, result not yet taken. */
    uint32_t requests_max;
    /* The worker thread's: keyed hashes of (credential, password) pairs found right. */
    uint8_t cache_key[crypto_generichash_KEYBYTES];
    uint8_t (*cache)[crypto_generichash_BYTES];
    void *memory;
};

enum status credential_hash(struct credential *credential,
                            const uint8_t password[static SOUPBIN_PASSWORD_BYTES])
{
    static_assert(CREDENTIAL_SALT_BYTES == crypto_pwhash_SALTBYTES, "Argon2id's salt");
    static_assert(CREDENTIAL_MEMORY_KIB * 1024u >= crypto_pwhash_MEMLIMIT_MIN, "libsodium's bound");
    if (credential->hash_operations == 0 ||
        credential->hash_operations > CREDENTIAL_OPERATIONS_MAX ||
        credential->hash_memory_kib < 8 ||
        credential->hash_memory_kib > CREDENTIAL_MEMORY_KIB_MAX) {
        return STATUS_BAD_ARGUMENT;
    }
    char text[SOUPBIN_PASSWORD_BYTES];
    memcpy(text, password, sizeof text);
    int failed =
        crypto_pwhash(credential->hash, CREDENTIAL_HASH_BYTES, text, sizeof text, credential->salt,
                      credential->hash_operations, (size_t)credential->hash_memory_kib * 1024,
                      crypto_pwhash_ALG_ARGON2ID13);
    sodium_memzero(text, sizeof text);
    return failed == 0 ? STATUS_OK : STATUS_FULL;
}

static bool credential_check(struct credential_worker *worker, struct credential_request *request)
{
    uint8_t digest[crypto_generichash_BYTES];
    crypto_generichash_state state;
    crypto_generichash_init(&state, worker->cache_key, sizeof worker->cache_key, sizeof digest);
    crypto_generichash_update(&state, (const uint8_t *)&request->credential,
                              sizeof request->credential);
    crypto_generichash_update(&state, request->password, sizeof request->password);
    crypto_generichash_final(&state, digest, sizeof digest);
    uint32_t slot = (uint32_t)(digest[0] | digest[1] << 8) & (CREDENTIAL_CACHE_SLOTS - 1);
    if (sodium_memcmp(worker->cache[slot], digest, sizeof digest) == 0) {
        return true;
    }
    struct credential computed = request->credential;
    if (credential_hash(&computed, request->password) != STATUS_OK) {
        return false;
    }
    bool right = sodium_memcmp(computed.hash, request->credential.hash, sizeof computed.hash) == 0;
    if (right) {
        memcpy(worker->cache[slot], digest, sizeof digest);
    }
    return right;
}

static void *credential_run(void *argument)
{
    struct credential_worker *worker = argument;
    for (;;) {
        struct credential_request request;
        (void)pthread_mutex_lock(&worker->mutex);
        enum status status;
        while ((status = ring_pop(&worker->requests, &request)) == STATUS_NOT_YET &&
               !atomic_load(&worker->stop)) {
            (void)pthread_cond_wait(&worker->work, &worker->mutex);
        }
        (void)pthread_mutex_unlock(&worker->mutex);
        if (status == STATUS_NOT_YET) {
            return NULL;
        }
        struct credential_result result = {.ticket = request.ticket,
                                           .right = credential_check(worker, &request)};
        sodium_memzero(&request, sizeof request);
        /* At most requests_max are under way, and the ring has room for all of them. */
        enum status pushed = ring_push(&worker->results, &result);
        ASSERT(pushed == STATUS_OK);
        io_wake(worker->io);
    }
}

static enum status credential_allocate(struct credential_worker *worker, uint32_t requests_max)
{
    size_t bytes =
        requests_max * (sizeof(struct credential_request) + sizeof(struct credential_result)) +
        CREDENTIAL_CACHE_SLOTS * sizeof worker->cache[0] + 4096;
    bytes = (bytes + 63) & ~(size_t)63;
    worker->memory = aligned_alloc(64, bytes);
    if (worker->memory == NULL) {
        return STATUS_FULL;
    }
    memset(worker->memory, 0, bytes);
    struct arena arena;
    arena_init(&arena, worker->memory, bytes);
    worker->cache = arena_take(&arena, CREDENTIAL_CACHE_SLOTS, sizeof worker->cache[0], 64);
    if (worker->cache == NULL ||
        ring_init(&worker->requests, &arena, requests_max, sizeof(struct credential_request)) !=
            STATUS_OK ||
        ring_init(&worker->results, &arena, requests_max, sizeof(struct credential_result)) !=
            STATUS_OK) {
        return STATUS_FULL;
    }
    arena_seal(&arena);
    worker->requests.wipe_on_pop = true;
    /* Passwords pass through here: keep them out of swap where the system lets us. */
    (void)sodium_mlock(worker->memory, bytes);
    randombytes_buf(worker->cache_key, sizeof worker->cache_key);
    /* All-zero slots must not look like a remembered digest: fill them with noise. */
    randombytes_buf(worker->cache, CREDENTIAL_CACHE_SLOTS * sizeof worker->cache[0]);
    return STATUS_OK;
}

enum status credential_start(struct credential_worker **worker, struct io *io,
                             uint32_t requests_max)
{
    ASSERT(io != NULL);
    ASSERT(requests_max > 0);

    struct credential_worker *made = aligned_alloc(64, (sizeof *made + 63) & ~(size_t)63);
    if (made == NULL) {
        return STATUS_FULL;
    }
    memset(made, 0, sizeof *made);
    made->io = io;
    made->requests_max = requests_max;
    if (credential_allocate(made, requests_max) != STATUS_OK) {
        goto fail_memory;
    }
    if (pthread_mutex_init(&made->mutex, NULL) != 0) {
        goto fail_memory;
    }
    if (pthread_cond_init(&made->work, NULL) != 0) {
        goto fail_mutex;
    }
    if (pthread_create(&made->thread, NULL, credential_run, made) != 0) {
        goto fail_condition;
    }
    *worker = made;
    return STATUS_OK;

fail_condition:
    (void)pthread_cond_destroy(&made->work);
fail_mutex:
    (void)pthread_mutex_destroy(&made->mutex);
fail_memory:
    free(made->memory);
    free(made);
    return STATUS_FULL;
}

void credential_stop(struct credential_worker *worker)
{
    (void)pthread_mutex_lock(&worker->mutex);
    atomic_store(&worker->stop, true);
    (void)pthread_cond_signal(&worker->work);
    (void)pthread_mutex_unlock(&worker->mutex);
    (void)pthread_join(worker->thread, NULL);
    (void)pthread_cond_destroy(&worker->work);
    (void)pthread_mutex_destroy(&worker->mutex);
    sodium_memzero(worker->requests.elements,
                   worker->requests.capacity * worker->requests.element_bytes);
    sodium_memzero(worker->cache_key, sizeof worker->cache_key);
    free(worker->memory);
    free(worker);
}

enum status credential_submit(struct credential_worker *worker, struct credential_request *request)
{
    if (worker->waiting_count == worker->requests_max) {
        return STATUS_FULL;
    }
    enum status status = ring_push(&worker->requests, request);
    ASSERT(status == STATUS_OK);
    sodium_memzero(request->password, sizeof request->password);
    worker->waiting_count++;
    (void)pthread_mutex_lock(&worker->mutex);
    (void)pthread_cond_signal(&worker->work);
    (void)pthread_mutex_unlock(&worker->mutex);
    return STATUS_OK;
}

enum status credential_take(struct credential_worker *worker, struct credential_result *result)
{
    enum status status = ring_pop(&worker->results, result);
    if (status == STATUS_OK) {
        ASSERT(worker->waiting_count > 0);
        worker->waiting_count--;
    }
    return status;
}
