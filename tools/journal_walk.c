#include "tools/journal_walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/members.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "matching/command_columns.h"
#include "replication/codec.h"
#include "replication/key_store.h"

#define JOURNAL_WALK_CODEC_LEVEL 1 /* Only reads: any level will do. */

struct journal_walk_state {
    struct config config;
    struct segment_verifier verifiers[SITES_MAX + CONFIG_KEYS_MAX];
    char directory[CONFIG_PATH_BYTES + 32];
    struct journal_reader_options reader_options;
    struct journal_reader *reader;
    struct codec_context *codec;
    struct command_columns_scratch *scratch;
    uint8_t *raw;
    struct command *commands;
};

/* Where the journal is and whose keys count. */
static enum status journal_walk_where(struct journal_walk_state *state,
                                      const struct journal_walk_options *options, char *error)
{
    struct journal_reader_options *reader = &state->reader_options;
    if (options->config_path != NULL) {
        static_assert(JOURNAL_WALK_ERROR_BYTES >= MEMBERS_ERROR_BYTES, "a sentence fits");
        enum status status = members_read(&state->config, options->config_path, error);
        if (status != STATUS_OK) {
            return status;
        }
        (void)snprintf(state->directory, sizeof state->directory, "%s/" SITE_JOURNAL_DIRECTORY,
                       state->config.data);
        const struct config *config = &state->config;
        for (uint32_t i = 0; i < config->genesis_count; i++) {
            key_store_verifier_of(&state->verifiers[i], config->genesis[i].public_key);
        }
        /* Where the journal has been trimmed its beginning does not vouch for later members. */
        for (uint32_t i = 0; i < config->key_count; i++) {
            key_store_verifier_of(&state->verifiers[config->genesis_count + i], config->keys[i]);
        }
        reader->directory = state->directory;
        reader->verifiers = state->verifiers;
        reader->verifier_count = config->genesis_count + config->key_count;
        reader->cluster_id = segment_cluster_id(state->config.cluster);
    }
    if (options->directory != NULL) {
        reader->directory = options->directory;
    }
    if (options->cluster != NULL) {
        reader->cluster_id = segment_cluster_id(options->cluster);
    }
    if (options->verifier_count > 0) {
        reader->verifiers = options->verifiers;
        reader->verifier_count = options->verifier_count;
    }
    ASSERT(reader->directory != NULL);
    return STATUS_OK;
}

static enum status journal_walk_open(struct journal_walk_state *state,
                                     const struct journal_walk_options *options, char *error)
{
    enum status status = journal_walk_where(state, options, error);
    if (status != STATUS_OK) {
        return status;
    }
    state->scratch = calloc(1, command_columns_scratch_bytes());
    state->raw = malloc(SEGMENT_RAW_BYTES_MAX);
    state->commands = calloc(SEGMENT_COMMANDS_MAX, sizeof state->commands[0]);
    if (state->scratch == NULL || state->raw == NULL || state->commands == NULL ||
        codec_create(&state->codec, JOURNAL_WALK_CODEC_LEVEL) != STATUS_OK) {
        (void)snprintf(error, JOURNAL_WALK_ERROR_BYTES, "no memory to read a journal");
        return STATUS_FULL;
    }
    struct journal_error text = {""};
    status = journal_reader_open(&state->reader, &state->reader_options, &text);
    if (status != STATUS_OK) {
        (void)snprintf(error, JOURNAL_WALK_ERROR_BYTES, "%s", text.text);
    }
    return status;
}

static void journal_walk_close(struct journal_walk_state *state)
{
    if (state->reader != NULL) {
        journal_reader_close(state->reader);
    }
    if (state->codec != NULL) {
        codec_destroy(state->codec);
    }
    free(state->commands);
    free(state->raw);
    free(state->scratch);
    free(state);
}

/* Decode a verified segment's commands. */
static enum status journal_walk_segment(struct journal_walk_state *state,
                                        const struct journal_walk_options *options,
                                        const struct journal_reader_segment *found)
{
    const struct segment *segment = &found->segment;
    if (segment->command_count == 0) {
        return STATUS_OK;
    }
    enum status status = codec_decompress(state->codec, state->raw, segment->raw_bytes,
                                          segment->codec, segment->payload, segment->stored_bytes);
    if (status == STATUS_OK) {
        status =
            command_columns_unpack(state->commands, segment->command_count, state->raw,
                                   segment->raw_bytes, segment->base_timestamp_ns, state->scratch);
    }
    if (status != STATUS_OK || options->command == NULL) {
        return status;
    }
    for (uint32_t i = 0; i < segment->command_count; i++) {
        struct journal_walk_command command = {.segment = found,
                                               .command_sequence =
                                                   segment->first_command_sequence + i,
                                               .command = &state->commands[i]};
        options->command(options->context, &command);
    }
    return STATUS_OK;
}

static enum status journal_walk_all(struct journal_walk_state *state,
                                    const struct journal_walk_options *options,
                                    struct journal_walk_result *result, char *error)
{
    uint64_t about = journal_reader_stored(state->reader);
    struct journal_error text = {""};
    for (;;) {
        struct journal_reader_segment found;
        enum status status = journal_reader_next(state->reader, &found, &text);
        for (uint16_t i = 0; i < SHARDS_MAX; i++) {
            result->tails[i] = *journal_reader_tail(state->reader, (uint16_t)(i + 1));
        }
        if (status == STATUS_NOT_FOUND) {
            return STATUS_OK;
        }
        if (status != STATUS_OK) {
            (void)snprintf(error, JOURNAL_WALK_ERROR_BYTES, "%s", text.text);
            return status;
        }
        if (options->segment != NULL) {
            options->segment(options->context, &found, result->segments, about);
        }
        status = journal_walk_segment(state, options, &found);
        if (status != STATUS_OK) {
            (void)snprintf(error, JOURNAL_WALK_ERROR_BYTES,
                           "log index %" PRIu64
                           " of shard %u is signed and whole, but its commands "
                           "cannot be decoded (%s): it was made by another version, or by a bug",
                           found.segment.log_index, (unsigned)found.shard_id, status_text(status));
            return status;
        }
        result->segments++;
        result->commands += found.segment.command_count;
        result->bytes += segment_bytes(&found.segment);
    }
}

enum status journal_walk(const struct journal_walk_options *options,
                         struct journal_walk_result *result,
                         char error[static JOURNAL_WALK_ERROR_BYTES])
{
    memset(result, 0, sizeof *result);
    struct journal_walk_state *state = calloc(1, sizeof *state);
    if (state == NULL) {
        (void)snprintf(error, JOURNAL_WALK_ERROR_BYTES, "no memory to read a journal");
        return STATUS_FULL;
    }
    enum status status = journal_walk_open(state, options, error);
    if (status == STATUS_OK) {
        (void)snprintf(result->site, sizeof result->site, "%s", journal_reader_site(state->reader));
        status = journal_walk_all(state, options, result, error);
    }
    journal_walk_close(state);
    return status;
}
