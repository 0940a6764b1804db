/* A small market for tests of doors and sites, made over the administration port: firm ACME,
 * instrument TEST (4 decimals, tick 0.01) and a handful of sessions with one password. */
#ifndef TESTS_SUPPORT_TEST_MARKET_H
#define TESTS_SUPPORT_TEST_MARKET_H

#include "tests/support/site_process.h"

#define TEST_MARKET_PASSWORD "secret"

/* The sessions: ALICE, BOB, CAROL, DAVE, ERIN, FRANK, GRACE, HEIDI, IVAN, JUDY. Asserts that it
 * succeeds. */
void test_market_apply(const struct site_process *site);

/* Firm, instrument and one session of another name on another shard. */
void test_market_apply_to(const struct site_process *site, uint16_t shard_id, const char *session);

/* Instrument `symbol` with tick 0.01 as in TEST but with these bounds of price; one more session.
 * Both assert that they succeed; firm ACME must be there. */
void test_market_instrument(const struct site_process *site, const char *symbol, int64_t price_min,
                            int64_t price_max);
void test_market_session(const struct site_process *site, const char *name);
/* A session whose open orders are canceled so long after a disconnect. */
void test_market_session_grace(const struct site_process *site, const char *name,
                               uint32_t grace_ms);
void test_market_firm(const struct site_process *site);

/* What the site's administration port wants to see. */
void test_market_token(const struct site_process *site, char token[static 128]);

/* A JSON text from GET `path` (/status, /market), in malloc()ed memory. */
char *test_market_get(const struct site_process *site, const char *path);

/* One administrative command of shard 1; returns the HTTP status. `object` is its JSON.
 */
int test_market_command(const struct site_process *site, const char *type, uint32_t version,
                        const char *object);

#endif
