#include "tests/sim/sim_signature.h"

#include <dlfcn.h>
#include <sodium.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "matching/base/random.h"

typedef int (*sign_function)(unsigned char *, unsigned long long *, const unsigned char *,
                             unsigned long long, const unsigned char *);
typedef int (*verify_function)(const unsigned char *, const unsigned char *, unsigned long long,
                               const unsigned char *);

static struct {
    bool real;
    sign_function sign;
    verify_function verify;
    struct random random;
} signature;

static const char *signature_random_name(void)
{
    return "simulated";
}

static uint32_t signature_random(void)
{
    return (uint32_t)random_u64(&signature.random);
}

static void signature_random_bytes(void *const target, const size_t bytes)
{
    uint8_t *to = target;
    for (size_t at = 0; at < bytes; at++) {
        to[at] = (uint8_t)random_u64(&signature.random);
    }
}

static struct randombytes_implementation signature_source = {
    .implementation_name = signature_random_name,
    .random = signature_random,
    .buf = signature_random_bytes,
};

static void *signature_find(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    ASSERT(found != NULL);
    return found;
}

void sim_signature_start(void)
{
    void *found = signature_find("crypto_sign_detached");
    memcpy(&signature.sign, &found, sizeof found);
    found = signature_find("crypto_sign_verify_detached");
    memcpy(&signature.verify, &found, sizeof found);
    sim_signature_seed(1, false);
    int result = randombytes_set_implementation(&signature_source);
    ASSERT(result == 0);
    result = sodium_init();
    ASSERT(result >= 0);
}

void sim_signature_seed(uint64_t seed, bool real)
{
    ASSERT(signature.sign != NULL);
    random_seed(&signature.random, seed);
    signature.real = real;
}

static void signature_make(uint8_t target[static crypto_sign_BYTES], const uint8_t *message,
                           unsigned long long message_bytes, const uint8_t *public_key)
{
    int result = crypto_generichash(target, crypto_sign_BYTES, message, message_bytes, public_key,
                                    crypto_sign_PUBLICKEYBYTES);
    ASSERT(result == 0);
}

/* In libsodium's place, for all that is linked statically. */
int crypto_sign_detached(unsigned char *sig, unsigned long long *siglen_p, const unsigned char *m,
                         unsigned long long mlen, const unsigned char *sk)
{
    if (signature.real) {
        return signature.sign(sig, siglen_p, m, mlen, sk);
    }
    ASSERT(siglen_p == NULL);
    /* The public key is the second half of a secret key. */
    signature_make(sig, m, mlen, sk + crypto_sign_SEEDBYTES);
    return 0;
}

int crypto_sign_verify_detached(const unsigned char *sig, const unsigned char *m,
                                unsigned long long mlen, const unsigned char *pk)
{
    if (signature.real) {
        return signature.verify(sig, m, mlen, pk);
    }
    uint8_t expected[crypto_sign_BYTES];
    signature_make(expected, m, mlen, pk);
    return memcmp(expected, sig, sizeof expected) == 0 ? 0 : -1;
}
