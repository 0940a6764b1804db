#include "tests/sim/sim_sodium.h"

#include <dlfcn.h>
#include <sodium.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/bytes.h"
#include "matching/base/checksum.h"
#include "matching/base/random.h"

#define HASH_LANES 4u

typedef int (*sign_function)(unsigned char *, unsigned long long *, const unsigned char *,
                             unsigned long long, const unsigned char *);
typedef int (*hash_function)(unsigned char *, size_t, const unsigned char *, unsigned long long,
                             const unsigned char *, size_t);
typedef int (*verify_function)(const unsigned char *, const unsigned char *, unsigned long long,
                               const unsigned char *);

static struct {
    bool real;
    hash_function hash;
    sign_function sign;
    verify_function verify;
    struct random random;
} sodium;

static const char *sodium_random_name(void)
{
    return "simulated";
}

static uint32_t sodium_random(void)
{
    return (uint32_t)random_u64(&sodium.random);
}

static void sodium_random_bytes(void *const target, const size_t bytes)
{
    uint8_t *to = target;
    for (size_t at = 0; at < bytes; at++) {
        to[at] = (uint8_t)random_u64(&sodium.random);
    }
}

static struct randombytes_implementation sodium_source = {
    .implementation_name = sodium_random_name,
    .random = sodium_random,
    .buf = sodium_random_bytes,
};

static void *sodium_find(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    ASSERT(found != NULL);
    return found;
}

void sim_sodium_start(void)
{
    void *found = sodium_find("crypto_generichash");
    memcpy(&sodium.hash, &found, sizeof found);
    found = sodium_find("crypto_sign_detached");
    memcpy(&sodium.sign, &found, sizeof found);
    found = sodium_find("crypto_sign_verify_detached");
    memcpy(&sodium.verify, &found, sizeof found);
    sim_sodium_seed(1, false);
    int result = randombytes_set_implementation(&sodium_source);
    ASSERT(result == 0);
    result = sodium_init();
    ASSERT(result >= 0);
}

void sim_sodium_seed(uint64_t seed, bool real)
{
    ASSERT(sodium.hash != NULL);
    ASSERT(sodium.sign != NULL);
    random_seed(&sodium.random, seed);
    sodium.real = real;
}

/* 32 bytes at a time in four lanes, each a multiply-mix hash of its words
 * (matching/base/checksum.h).
 */
static void hash_absorb(uint64_t lanes[static HASH_LANES], const uint8_t *bytes, size_t count)
{
    size_t position = 0;
    for (; count - position >= HASH_LANES * 8; position += HASH_LANES * 8) {
        for (uint32_t lane = 0; lane < HASH_LANES; lane++) {
            lanes[lane] =
                checksum_mix(lanes[lane], bytes_load_le64(bytes + position + (size_t)lane * 8));
        }
    }
    lanes[0] = checksum_bytes(lanes[0], bytes + position, count - position);
    lanes[1] = checksum_mix(lanes[1], count);
}

static void hash_make(uint8_t *target, size_t target_bytes, const uint8_t *bytes, size_t count,
                      const uint8_t *key, size_t key_bytes)
{
    uint64_t lanes[HASH_LANES] = {CHECKSUM_SEED, CHECKSUM_SEED + 1, CHECKSUM_SEED + 2,
                                  CHECKSUM_SEED + 3};
    ASSERT(target_bytes % 8 == 0);
    if (key_bytes > 0) {
        hash_absorb(lanes, key, key_bytes);
    }
    hash_absorb(lanes, bytes, count);
    uint64_t all = target_bytes;
    for (uint32_t lane = 0; lane < HASH_LANES; lane++) {
        all = checksum_mix(all, lanes[lane]);
    }
    for (size_t at = 0; at < target_bytes; at += 8) {
        all = checksum_mix(all, at);
        bytes_store_le64(target + at, all);
    }
}

/* In libsodium's place, for all that is linked statically. */
int crypto_generichash(unsigned char *out, size_t outlen, const unsigned char *in,
                       unsigned long long inlen, const unsigned char *key, size_t keylen)
{
    if (sodium.real) {
        return sodium.hash(out, outlen, in, inlen, key, keylen);
    }
    hash_make(out, outlen, in, inlen, key, keylen);
    return 0;
}

int crypto_sign_detached(unsigned char *sig, unsigned long long *siglen_p, const unsigned char *m,
                         unsigned long long mlen, const unsigned char *sk)
{
    if (sodium.real) {
        return sodium.sign(sig, siglen_p, m, mlen, sk);
    }
    ASSERT(siglen_p == NULL);
    /* The public key is the second half of a secret key. */
    hash_make(sig, crypto_sign_BYTES, m, mlen, sk + crypto_sign_SEEDBYTES,
              crypto_sign_PUBLICKEYBYTES);
    return 0;
}

int crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m,
                                unsigned long long mlen, const unsigned char *pk)
{
    if (sodium.real) {
        return sodium.verify(sig, m, mlen, pk);
    }
    uint8_t expected[crypto_sign_BYTES];
    hash_make(expected, sizeof expected, m, mlen, pk, crypto_sign_PUBLICKEYBYTES);
    return memcmp(expected, sig, sizeof expected) == 0 ? 0 : -1;
}
