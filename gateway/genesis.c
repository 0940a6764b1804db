#include "gateway/genesis.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "replication/placement.h"

#define GENESIS_WORDS_MAX 7u

/* What a line's words are called; the first two name the line. */
static const char *const genesis_site_words[GENESIS_WORDS_MAX] = {NULL,         NULL,   "name",
                                                                  "provider",   "role", "key",
                                                                  "incarnation"};
static const char *const genesis_shard_words[GENESIS_WORDS_MAX] = {
    NULL, NULL, "name", "commit_providers", "prefer", "override", NULL};

/* ---- The text ---- */

static void genesis_add(struct genesis *genesis, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void genesis_add(struct genesis *genesis, const char *format, ...)
{
    size_t used = strlen(genesis->text);
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(genesis->text + used, GENESIS_TEXT_BYTES - used, format, arguments);
    va_end(arguments);
    ASSERT(bytes >= 0);
    ASSERT((size_t)bytes < GENESIS_TEXT_BYTES - used); /* SITES_MAX and SHARDS_MAX bound it. */
}

static void genesis_add_site(struct genesis *genesis, const struct config_site *site,
                             uint32_t site_id)
{
    char key[2 * sizeof site->public_key + 1];
    char incarnation[2 * sizeof site->incarnation + 1] = "-";
    (void)sodium_bin2hex(key, sizeof key, site->public_key, sizeof site->public_key);
    if (site->incarnation_set) {
        (void)sodium_bin2hex(incarnation, sizeof incarnation, site->incarnation,
                             sizeof site->incarnation);
    }
    genesis_add(genesis, "site %u %s %s %s %s %s\n", site_id, site->name, site->provider,
                site->role == CONFIG_VOTER ? "voter" : "learner", key, incarnation);
}

static void genesis_add_shard(struct genesis *genesis, const struct config *config, uint32_t index)
{
    const struct config_shard *shard = &config->shards[index];
    ASSERT(shard->prefer_count >= 1);
    genesis_add(genesis, "shard %u %s %u ", shard->id, shard->name, shard->commit_providers);
    for (uint32_t at = 0; at < shard->prefer_count; at++) {
        genesis_add(genesis, "%s%s", at == 0 ? "" : ",", config->genesis[shard->prefer[at]].name);
    }
    const char *before = " ";
    for (enum placement_rule rule = PLACEMENT_GOOD; rule < PLACEMENT_RULE_COUNT; rule++) {
        if ((shard->waived_rules >> rule & 1u) != 0) {
            genesis_add(genesis, "%s%s", before, placement_rule_name(rule));
            before = ",";
        }
    }
    genesis_add(genesis, shard->waived_rules == 0 ? " -\n" : "\n");
}

void genesis_seal(struct genesis *genesis)
{
    ASSERT(genesis->text[0] != '\0');
    int result = crypto_generichash(genesis->hash, GENESIS_HASH_BYTES,
                                    (const uint8_t *)genesis->text, strlen(genesis->text), NULL, 0);
    ASSERT(result == 0);
}

void genesis_of(struct genesis *genesis, const struct config *config)
{
    ASSERT(config->genesis_count >= 1);
    ASSERT(config->shard_count >= 1);
    genesis->text[0] = '\0';
    genesis_add(genesis, "causeway genesis 1\ncluster %s\n", config->cluster);
    for (uint32_t at = 0; at < config->genesis_count; at++) {
        genesis_add_site(genesis, &config->genesis[at], at + 1);
    }
    for (uint32_t at = 0; at < config->shard_count; at++) {
        genesis_add_shard(genesis, config, at);
    }
    genesis_seal(genesis);
}

/* ---- What differs ---- */

struct genesis_word {
    const char *text; /* No zero at its end; never NULL. */
    size_t bytes;     /* 0: there is none. */
};

/* The words of the line that begins at `text`; returns where the next one begins. */
static const char *genesis_split(struct genesis_word words[static GENESIS_WORDS_MAX],
                                 const char *text)
{
    for (uint32_t at = 0; at < GENESIS_WORDS_MAX; at++) {
        text += *text == ' ' ? 1 : 0;
        words[at] = (struct genesis_word){text, strcspn(text, " \n")};
        text += words[at].bytes;
    }
    text += strcspn(text, "\n");
    return *text == '\n' ? text + 1 : text;
}

static bool genesis_word_is(const struct genesis_word *word, const struct genesis_word *other)
{
    return word->bytes == other->bytes && memcmp(word->text, other->text, word->bytes) == 0;
}

static bool genesis_word_says(const struct genesis_word *word, const char *text)
{
    return word->bytes == strlen(text) && memcmp(word->text, text, word->bytes) == 0;
}

/* Two lines of one site, one shard or the cluster. */
static void genesis_tell_field(const struct genesis_word began[static GENESIS_WORDS_MAX],
                               const struct genesis_word now[static GENESIS_WORDS_MAX],
                               char difference[static GENESIS_DIFFERENCE_BYTES])
{
    bool of_site = genesis_word_says(&now[0], "site");
    const char *const *names = of_site ? genesis_site_words : genesis_shard_words;
    uint32_t at = 2;
    while (at < GENESIS_WORDS_MAX - 1 && genesis_word_is(&began[at], &now[at])) {
        at++;
    }
    if (!genesis_word_is(&began[1], &now[1]) || names[at] == NULL) {
        (void)snprintf(difference, GENESIS_DIFFERENCE_BYTES,
                       "the %.*s is `%.*s`, but was `%.*s` in the beginning", (int)now[0].bytes,
                       now[0].text, (int)now[1].bytes, now[1].text, (int)began[1].bytes,
                       began[1].text);
        return;
    }
    (void)snprintf(difference, GENESIS_DIFFERENCE_BYTES,
                   "%s %.*s (%.*s) has the %s `%.*s`, but began with `%.*s`",
                   of_site ? "site" : "shard", (int)began[1].bytes, began[1].text,
                   (int)began[2].bytes, began[2].text, names[at], (int)now[at].bytes, now[at].text,
                   (int)began[at].bytes, began[at].text);
}

static void genesis_tell(const struct genesis_word began[static GENESIS_WORDS_MAX],
                         const struct genesis_word now[static GENESIS_WORDS_MAX],
                         char difference[static GENESIS_DIFFERENCE_BYTES])
{
    bool began_site = genesis_word_says(&began[0], "site");
    bool now_site = genesis_word_says(&now[0], "site");
    bool more = began[0].bytes == 0 || (now_site && !began_site);
    bool fewer = now[0].bytes == 0 || (began_site && !now_site);
    if (!more && !fewer) {
        genesis_tell_field(began, now, difference);
        return;
    }
    const struct genesis_word *words = more ? now : began;
    (void)snprintf(difference, GENESIS_DIFFERENCE_BYTES, "%.*s %.*s (%.*s) %s", (int)words[0].bytes,
                   words[0].text, (int)words[1].bytes, words[1].text, (int)words[2].bytes,
                   words[2].text,
                   more ? "stands there, but was not there in the beginning"
                        : "is not there, but was in the beginning");
}

bool genesis_equal(const struct genesis *began, const struct genesis *now,
                   char difference[static GENESIS_DIFFERENCE_BYTES])
{
    difference[0] = '\0';
    bool equal = strcmp(began->text, now->text) == 0;
    const char *began_text = began->text;
    const char *now_text = now->text;
    ASSERT(equal == (memcmp(began->hash, now->hash, GENESIS_HASH_BYTES) == 0));
    while (!equal && difference[0] == '\0') {
        struct genesis_word began_words[GENESIS_WORDS_MAX];
        struct genesis_word now_words[GENESIS_WORDS_MAX];
        const char *began_next = genesis_split(began_words, began_text);
        const char *now_next = genesis_split(now_words, now_text);
        size_t bytes = (size_t)(began_next - began_text);
        if (bytes != (size_t)(now_next - now_text) || memcmp(began_text, now_text, bytes) != 0) {
            genesis_tell(began_words, now_words, difference);
        }
        began_text = began_next;
        now_text = now_next;
    }
    return equal;
}
