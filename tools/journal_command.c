/* `causeway journal`: checks, prints and executes a journal offline, with public keys alone. */
#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "replication/io/monotonic.h"
#include "replication/key_store.h"
#include "tools/attestation.h"
#include "tools/command_text.h"
#include "tools/human.h"
#include "tools/journal_evidence.h"
#include "tools/journal_execution.h"
#include "tools/journal_walk.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/subcommands.h"

#define JOURNAL_COMMAND_KEYS_MAX   64u
#define JOURNAL_COMMAND_PATH_BYTES 1024u
#define JOURNAL_COMMAND_HEX_BYTES  (2 * SEGMENT_HASH_BYTES + 1)

struct journal_command {
    const char *name;
    const char *config;
    const char *cluster;
    const char *key;
    const char *keys;
    const char *attestation_path;
    const char *attestation_key; /* Path. */
    uint64_t from;
    uint64_t to;
    bool segments_only;
    bool json;
    bool dump;
    struct attestation_search search;    /* Where attestation_path is given. */
    struct journal_execution *execution; /* Of `execute` alone. */
    enum status executed;
    struct config_tuning tuning;
    char directory[JOURNAL_COMMAND_PATH_BYTES];
    struct segment_verifier verifiers[JOURNAL_COMMAND_KEYS_MAX];
    uint32_t verifier_count;
    struct progress progress;
};

static void journal_command_hex(char text[static JOURNAL_COMMAND_HEX_BYTES], const uint8_t *bytes,
                                size_t count)
{
    ASSERT(count <= SEGMENT_HASH_BYTES);
    (void)sodium_bin2hex(text, JOURNAL_COMMAND_HEX_BYTES, bytes, count);
}

/* One public key, as 64 hexadecimal digits. */
static bool journal_command_key(struct journal_command *command, const char *text)
{
    uint8_t public_key[crypto_sign_PUBLICKEYBYTES];
    if (command->verifier_count == JOURNAL_COMMAND_KEYS_MAX) {
        (void)options_wrong(command->name, "more than %u public keys", JOURNAL_COMMAND_KEYS_MAX);
        return false;
    }
    if (key_store_parse(public_key, text) != STATUS_OK) {
        (void)options_wrong(command->name, "a public key has 64 hexadecimal digits, not '%s'",
                            text);
        return false;
    }
    key_store_verifier_of(&command->verifiers[command->verifier_count++], public_key);
    return true;
}

/* A file with a key on each line: what `causeway keygen` writes to FILE.pub will do. */
static bool journal_command_keys(struct journal_command *command, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        (void)options_failed(command->name, "cannot read the public keys in %s", path);
        return false;
    }
    char line[256];
    bool right = true;
    while (right && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, " \t\r\n#")] = '\0';
        right = line[0] == '\0' || journal_command_key(command, line);
    }
    (void)fclose(file);
    if (right && command->verifier_count == 0) {
        (void)options_wrong(command->name, "%s has no public key", path);
        right = false;
    }
    return right;
}

/* `given` may be the journal's directory, the data directory around it, or the site's. */
static bool journal_command_directory(struct journal_command *command, const char *given)
{
    static const char *const below[] = {"", "/" SITE_JOURNAL_DIRECTORY,
                                        "/data/" SITE_JOURNAL_DIRECTORY};
    for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
        char id[JOURNAL_COMMAND_PATH_BYTES + 16];
        int bytes =
            snprintf(command->directory, sizeof command->directory, "%s%s", given, below[i]);
        if (bytes < 0 || (size_t)bytes >= sizeof command->directory) {
            break;
        }
        (void)snprintf(id, sizeof id, "%s/journal.id", command->directory);
        if (access(id, F_OK) == 0) {
            return true;
        }
    }
    (void)options_failed(command->name, "%s holds no journal (no journal.id in it or in its %s)",
                         given, SITE_JOURNAL_DIRECTORY);
    return false;
}

static void journal_command_progress(struct journal_command *command, uint64_t done, uint64_t about)
{
    if (!command->progress.on) {
        return;
    }
    uint64_t now_ns = monotonic_now_ns();
    if (progress_due(&command->progress, now_ns)) {
        progress_line(&command->progress, now_ns, "%s of about %s segments",
                      human_number(done).text, human_number(about).text);
    }
}

static bool journal_command_wanted(const struct journal_command *command, uint64_t log_index)
{
    return log_index >= command->from && log_index <= command->to;
}

static void journal_command_executed(void *context, uint16_t shard_id,
                                     const struct segment *segment, uint64_t event_hash)
{
    const struct journal_command *command = context;
    if (journal_command_wanted(command, segment->log_index)) {
        printf(command->json ? "{\"segment\":%llu,\"shard\":%u,\"term\":%llu,\"commands\":%u,"
                               "\"event_hash\":\"%016" PRIx64 "\"}\n"
                             : "segment=%llu shard=%u term=%llu commands=%u event_hash=%016" PRIx64
                               "\n",
               (unsigned long long)segment->log_index, (unsigned)shard_id,
               (unsigned long long)segment->term, segment->command_count, event_hash);
    }
}

static void journal_command_segment(void *context, const struct journal_reader_segment *found,
                                    uint64_t done, uint64_t about)
{
    struct journal_command *command = context;
    const struct segment *segment = &found->segment;
    journal_command_progress(command, done, about);
    if (command->attestation_path != NULL) {
        attestation_search_segment(&command->search, found);
    }
    if (command->execution != NULL && command->executed == STATUS_OK) {
        command->executed = journal_execution_segment(command->execution, found->shard_id, segment);
    }
    if (!command->dump || !journal_command_wanted(command, segment->log_index)) {
        return;
    }
    char chain[JOURNAL_COMMAND_HEX_BYTES];
    char key[JOURNAL_COMMAND_HEX_BYTES];
    journal_command_hex(chain, segment->chain_hash, SEGMENT_HASH_BYTES);
    journal_command_hex(key, segment->key_id, SEGMENT_KEY_ID_BYTES);
    if (command->json) {
        printf("{\"segment\":%llu,\"shard\":%u,\"term\":%llu,\"flags\":%u,"
               "\"first_command\":%llu,\"commands\":%u,\"raw_bytes\":%u,\"stored_bytes\":%u,"
               "\"codec\":%u,\"key\":\"%s\",\"chain\":\"%s\",\"in_ring\":%s}\n",
               (unsigned long long)segment->log_index, (unsigned)found->shard_id,
               (unsigned long long)segment->term, (unsigned)segment->flags,
               (unsigned long long)segment->first_command_sequence, segment->command_count,
               segment->raw_bytes, segment->stored_bytes, (unsigned)segment->codec, key, chain,
               found->in_ring ? "true" : "false");
        return;
    }
    printf("segment=%llu shard=%u term=%llu flags=%u first_command=%llu commands=%u raw_bytes=%u "
           "stored_bytes=%u codec=%u key=%s chain=%s place=%s\n",
           (unsigned long long)segment->log_index, (unsigned)found->shard_id,
           (unsigned long long)segment->term, (unsigned)segment->flags,
           (unsigned long long)segment->first_command_sequence, segment->command_count,
           segment->raw_bytes, segment->stored_bytes, (unsigned)segment->codec, key, chain,
           found->in_ring ? "ring" : "store");
}

static void journal_command_line(void *context, const struct journal_walk_command *found)
{
    const struct journal_command *command = context;
    if (command->execution != NULL && command->executed == STATUS_OK) {
        journal_execution_command(command->execution, found->command);
    }
    if (!command->dump || command->segments_only ||
        !journal_command_wanted(command, found->segment->segment.log_index)) {
        return;
    }
    char line[COMMAND_TEXT_BYTES];
    (void)command_text(line, found->command_sequence, found->command, command->json);
    (void)puts(line);
}

static json_t *journal_command_json_shards(const struct journal_walk_result *result)
{
    json_t *shards = json_array();
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        const struct journal_tail *tail = &result->tails[i];
        if (tail->last_log_index == 0) {
            continue;
        }
        char chain[JOURNAL_COMMAND_HEX_BYTES];
        journal_command_hex(chain, tail->last_chain_hash, SEGMENT_HASH_BYTES);
        (void)json_array_append_new(
            shards,
            json_pack("{s:i, s:I, s:I, s:I, s:I, s:s}", "shard", (int)i + 1, "first_log_index",
                      (json_int_t)tail->first_log_index, "last_log_index",
                      (json_int_t)tail->last_log_index, "last_term", (json_int_t)tail->last_term,
                      "next_command", (json_int_t)tail->next_command_sequence, "chain", chain));
    }
    return shards;
}

static void journal_command_print_json(const struct journal_command *command,
                                       const struct journal_walk_result *result, const char *error)
{
    json_t *object = json_pack("{s:b, s:s, s:I, s:I, s:I, s:o}", "verified", error == NULL, "site",
                               result->site, "segments", (json_int_t)result->segments, "commands",
                               (json_int_t)result->commands, "bytes", (json_int_t)result->bytes,
                               "shards", journal_command_json_shards(result));
    if (error != NULL) {
        (void)json_object_set_new(object, "error", json_string(error));
    } else if (command->attestation_path != NULL) {
        (void)json_object_set_new(object, "attestation", attestation_search_json(&command->search));
    }
    (void)json_dumpf(object, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(object);
}

static void journal_command_print(const struct journal_command *command,
                                  const struct journal_walk_result *result)
{
    printf("journal of site %s: verified, %s segments, %s commands, %s", result->site,
           human_number(result->segments).text, human_number(result->commands).text,
           human_bytes(result->bytes).text);
    if (result->commands > 0) {
        printf(" (%.1f bytes a command)", (double)result->bytes / (double)result->commands);
    }
    printf("\n");
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        const struct journal_tail *tail = &result->tails[i];
        if (tail->last_log_index == 0) {
            continue;
        }
        char chain[JOURNAL_COMMAND_HEX_BYTES];
        journal_command_hex(chain, tail->last_chain_hash, SEGMENT_HASH_BYTES);
        printf("shard %u: log index %llu to %llu, term %llu, next command %llu, chain %s\n", i + 1,
               (unsigned long long)tail->first_log_index, (unsigned long long)tail->last_log_index,
               (unsigned long long)tail->last_term, (unsigned long long)tail->next_command_sequence,
               chain);
    }
    if (command->attestation_path != NULL) {
        attestation_search_print(&command->search);
    }
}

/* Engines for `execute`, as large as those of the site. */
static int journal_command_engines(struct journal_command *command)
{
    struct config *config = malloc(sizeof *config);
    char error[CONFIG_ERROR_BYTES] = "no memory";
    enum status status = config == NULL ? STATUS_FULL : config_read(config, command->config, error);
    if (status == STATUS_OK) {
        command->tuning = config->tuning;
        const struct journal_execution_options options = {.tuning = &command->tuning,
                                                          .context = command,
                                                          .executed = journal_command_executed};
        status = journal_execution_create(&command->execution, &options);
    }
    free(config);
    return status == STATUS_OK ? OPTIONS_EXIT_DONE : options_failed(command->name, "%s", error);
}

static int journal_command_walk(struct journal_command *command)
{
    const struct journal_walk_options options = {.config_path = command->config,
                                                 .directory = command->directory[0] == '\0'
                                                                  ? NULL
                                                                  : command->directory,
                                                 .cluster = command->cluster,
                                                 .verifiers = command->verifiers,
                                                 .verifier_count = command->verifier_count,
                                                 .context = command,
                                                 .segment = journal_command_segment,
                                                 .command = journal_command_line};
    struct journal_walk_result result;
    char error[JOURNAL_WALK_ERROR_BYTES];
    /* A dump on a terminal is its own progress. */
    bool prints = command->dump || command->execution != NULL;
    bool quiet = command->json || (prints && isatty(STDOUT_FILENO) == 1);
    progress_start(&command->progress, quiet ? PROGRESS_OFF : PROGRESS_TERMINAL);
    enum status status = journal_walk(&options, &result, error);
    if (command->execution != NULL && command->executed == STATUS_OK) {
        journal_execution_end(command->execution);
    }
    progress_end(&command->progress);
    bool whole = status == STATUS_OK;
    if (whole && command->attestation_path != NULL) {
        static_assert(JOURNAL_WALK_ERROR_BYTES >= ATTESTATION_ERROR_BYTES, "a sentence fits");
        status = attestation_search_end(&command->search, error);
    }
    if (command->json && !prints) {
        journal_command_print_json(command, &result, status == STATUS_OK ? NULL : error);
    } else if (status == STATUS_OK && !prints) {
        journal_command_print(command, &result);
    }
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return options_failed(command->name, "the output could not be written");
    }
    if (status != STATUS_OK && whole) {
        return options_failed(command->name, "the journal is verified, but %s", error);
    }
    if (status != STATUS_OK) {
        return options_failed(command->name, "%s (before it: %s segments, %s commands)", error,
                              human_number(result.segments).text,
                              human_number(result.commands).text);
    }
    if (command->executed != STATUS_OK) {
        return options_failed(command->name,
                              command->executed == STATUS_NOT_FOUND
                                  ? "this journal was trimmed: what it began with is not there, so "
                                    "it cannot be executed from its beginning"
                                  : "no memory for an engine");
    }
    return OPTIONS_EXIT_DONE;
}

/* What lies beside the journal: its directory is the one that `given` holds, or `given` itself,
 * which may have come without a journal. */
static int journal_command_evidence(struct journal_command *command, const char *given)
{
    static const char *const below[] = {"/" SITE_EVIDENCE_DIRECTORY,
                                        "/data/" SITE_EVIDENCE_DIRECTORY,
                                        "/../" SITE_EVIDENCE_DIRECTORY, ""};
    struct journal_evidence_options options = {.verifiers = command->verifiers,
                                               .verifier_count = command->verifier_count};
    if (command->cluster != NULL) {
        options.cluster_id = segment_cluster_id(command->cluster);
    }
    for (size_t i = 0; given != NULL && options.directory == NULL; i++) {
        ASSERT(i < sizeof below / sizeof below[0]);
        bool last = i + 1 == sizeof below / sizeof below[0];
        int bytes =
            snprintf(command->directory, sizeof command->directory, "%s%s", given, below[i]);
        if (bytes < 0 || (size_t)bytes >= sizeof command->directory || access(given, F_OK) != 0) {
            return options_failed(command->name, "there is no %s", given);
        }
        if (last || access(command->directory, F_OK) == 0) {
            options.directory = command->directory;
        }
    }
    return journal_evidence_list(&options, command->config, command->json);
}

/* What an operator attested, and who he is. Reads both files. */
static int journal_command_attestation(struct journal_command *command, const char *verb)
{
    char error[ATTESTATION_ERROR_BYTES];
    if (command->attestation_path == NULL && command->attestation_key == NULL) {
        return OPTIONS_EXIT_DONE;
    }
    if (command->attestation_path == NULL || strcmp(verb, "verify") != 0) {
        return options_wrong(command->name,
                             "--attestation FILE goes with 'verify', --attestation-key with it");
    }
    if (attestation_search_begin(&command->search, command->attestation_path,
                                 command->attestation_key, error) != STATUS_OK) {
        return options_failed(command->name, "%s", error);
    }
    return OPTIONS_EXIT_DONE;
}

/* Whose keys and which journal. */
static int journal_command_begin(struct journal_command *command, char **operands, int count)
{
    command->dump = strcmp(operands[0], "dump") == 0;
    bool execute = strcmp(operands[0], "execute") == 0;
    bool evidence = strcmp(operands[0], "evidence") == 0;
    if (!command->dump && !execute && !evidence && strcmp(operands[0], "verify") != 0) {
        return options_wrong(command->name,
                             "it can 'verify', 'dump', 'execute' or list 'evidence', not '%s'",
                             operands[0]);
    }
    if (execute && command->config == NULL) {
        return options_wrong(command->name, "'execute' needs --config FILE of the site: sizes of "
                                            "the market decide outcomes");
    }
    if (sodium_init() < 0) {
        return options_failed(command->name, "libsodium does not start: no source of randomness");
    }
    if ((command->key != NULL && !journal_command_key(command, command->key)) ||
        (command->keys != NULL && !journal_command_keys(command, command->keys))) {
        return OPTIONS_EXIT_USAGE;
    }
    if (command->config == NULL && (command->verifier_count == 0 || command->cluster == NULL)) {
        return options_wrong(command->name, "whose signatures count? Give --config FILE of the "
                                            "site, or --key or --keys with --cluster");
    }
    if (count < 2 && command->config == NULL) {
        return options_wrong(command->name, "DIR is missing: where is the journal?");
    }
    int exit_status = journal_command_attestation(command, operands[0]);
    if (exit_status != OPTIONS_EXIT_DONE) {
        return exit_status;
    }
    if (evidence && (command->from != 0 || command->to != UINT64_MAX || command->segments_only)) {
        return options_wrong(command->name, "--from, --to and --segments are not of 'evidence'");
    }
    if (evidence) {
        return journal_command_evidence(command, count == 2 ? operands[1] : NULL);
    }
    if (count == 2 && !journal_command_directory(command, operands[1])) {
        return OPTIONS_EXIT_FAILED;
    }
    if (execute) {
        exit_status = journal_command_engines(command);
    }
    if (exit_status == OPTIONS_EXIT_DONE) {
        exit_status = journal_command_walk(command);
    }
    journal_execution_destroy(command->execution);
    return exit_status;
}

/* Parse into `command`, which holds the defaults, and do it. */
static int journal_command_run(struct journal_command *command, int argc, char **argv)
{
    const struct option_row rows[] = {
        {"config", 'c', OPTION_TEXT, &command->config, "FILE",
         "The site's configuration: its journal, cluster and public keys.", 0, 0, NULL},
        {"cluster", 0, OPTION_TEXT, &command->cluster, "NAME",
         "The cluster's name, which every signature covers.", 0, 0, NULL},
        {"key", 0, OPTION_TEXT, &command->key, "HEX",
         "A public key that counts, instead of the configuration's.", 0, 0, NULL},
        {"keys", 0, OPTION_TEXT, &command->keys, "FILE",
         "Public keys that count, one a line, instead of the configuration's.", 0, 0, NULL},
        {"attestation", 0, OPTION_TEXT, &command->attestation_path, "FILE",
         "verify: what an operator attested in a quorum repair must stand in this journal.", 0, 0,
         NULL},
        {"attestation-key", 0, OPTION_TEXT, &command->attestation_key, "FILE",
         "Public key of the operator who signed it (default: a site's of the shard).", 0, 0, NULL},
        {"from", 0, OPTION_COUNT, &command->from, "N", "Print from this log index on (default 1).",
         0, 0, NULL},
        {"to", 0, OPTION_COUNT, &command->to, "N", "Print up to this log index (default the last).",
         0, 0, NULL},
        {"segments", 0, OPTION_FLAG, &command->segments_only, NULL,
         "Dump segments without their commands.", 0, 0, NULL},
        {"json", 0, OPTION_FLAG, &command->json, NULL,
         "verify: one JSON object; the others: one a line. No progress.", 0, 0, NULL},
    };
    const struct options_command table = {
        .name = command->name,
        .operands = "verify|dump|execute|evidence [DIR]",
        .operands_min = 1,
        .operands_max = 2,
        .summary =
            "Check the journal of a stopped site, or print it: hash, chain and signature of every\n"
            "segment, with public keys alone, and every command in it; or execute it all once\n"
            "more and print the event hash behind each segment, equal wherever it is done (an\n"
            "uncommitted tail included). DIR is the site's, its "
            "data\n"
            "or its journal directory; without it, the configuration's. Changes nothing. Exit\n"
            "status 1 when anything does not hold: the first bad place is named, and what it "
            "means.\n"
            "A journal that was trimmed is checked from its oldest segment on.\n"
            "A tail that was cut off cleanly cannot be seen in the journal itself: compare the\n"
            "last log index and chain hash with those that were noted elsewhere.\n"
            "'evidence' lists tails that this site had in its journal, that were never committed\n"
            "and that it dropped: shard, log indexes, term, who signed, and whether each still\n"
            "proves itself. The site may run meanwhile; DIR may be a copy of them.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0],
        .examples = "  causeway journal verify --config site.yaml\n"
                    "  causeway journal verify /backup/site --cluster demo --keys trusted.pub\n"
                    "  causeway journal verify --config site.yaml --attestation attestation.txt\n"
                    "  causeway journal dump --config site.yaml --from 10 --to 12 --json\n"
                    "  causeway journal execute --config site.yaml --json\n"
                    "  causeway journal evidence --config site.yaml\n"};
    int operand;
    switch (options_parse(&table, argc, argv, &operand)) {
    case OPTIONS_HELP:
        return OPTIONS_EXIT_DONE;
    case OPTIONS_WRONG:
        return OPTIONS_EXIT_USAGE;
    case OPTIONS_GO:
        break;
    }
    return journal_command_begin(command, argv + operand, argc - operand);
}

int journal_command_main(int argc, char **argv)
{
    struct journal_command *command = calloc(1, sizeof *command); /* Too large for a stack. */
    if (command == NULL) {
        return options_failed("journal", "no memory");
    }
    command->name = "journal";
    command->to = UINT64_MAX;
    int exit_status = journal_command_run(command, argc, argv);
    free(command);
    return exit_status;
}
