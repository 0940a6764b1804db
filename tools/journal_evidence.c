#include "tools/journal_evidence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/members.h"
#include "gateway/site_evidence.h"
#include "gateway/site_files.h"
#include "matching/base/assertion.h"
#include "replication/journal_file.h"
#include "replication/key_store.h"
#include "tools/command_text.h"
#include "tools/human.h"
#include "tools/options.h"

#define EVIDENCE_NS_A_S        UINT64_C(1000000000)
#define EVIDENCE_TIME_BYTES    48u
#define EVIDENCE_HEX_BYTES     (2 * SEGMENT_KEY_ID_BYTES + 1)
#define EVIDENCE_VERIFIERS_MAX (2 * SITES_MAX + CONFIG_KEYS_MAX)

/* ---- One file ---- */

struct evidence_reader {
    const struct journal_evidence_options *options;
    struct journal_evidence_result *result;
    struct journal_evidence_piece piece; /* Being gathered; no segments: none yet. */
    uint64_t first_log_index;            /* Of the file. */
    struct segment last;                 /* Likewise, as far as it was read. */
    uint8_t buffer[SEGMENT_BYTES_MAX];
};

static void evidence_give(struct evidence_reader *reader)
{
    const struct journal_evidence_piece *piece = &reader->piece;
    struct journal_evidence_result *result = reader->result;
    result->pieces += piece->tail;
    result->other += !piece->tail;
    result->segments += piece->segments;
    result->commands += piece->commands;
    result->bytes += piece->bytes;
    result->bad += piece->status != STATUS_OK;
    reader->options->piece(reader->options->context, piece);
}

static void evidence_bad(struct journal_evidence_piece *piece, enum status status,
                         uint64_t log_index)
{
    if (piece->status == STATUS_OK) {
        piece->status = status;
        piece->bad_log_index = log_index;
    }
}

/* What one segment says of itself, and whether it continues the one before it. */
static enum status evidence_check(const struct evidence_reader *reader,
                                  const struct segment *segment)
{
    const struct segment *before = &reader->last;
    bool first = reader->first_log_index == 0;
    enum status status =
        segment_verify_chain(segment, reader->options->cluster_id,
                             first ? segment->shard_id : before->shard_id,
                             first ? segment->log_index - 1 : before->log_index,
                             first ? segment->previous_chain_hash : before->chain_hash);
    if (status == STATUS_OK) {
        status = segment_verify_payload(segment);
    }
    if (status == STATUS_OK) {
        status = segment_verify_signature(segment, reader->buffer, reader->options->verifiers,
                                          reader->options->verifier_count);
    }
    return status;
}

static void evidence_segment(struct evidence_reader *reader, const struct segment *segment)
{
    struct journal_evidence_piece *piece = &reader->piece;
    bool other = piece->term != segment->term ||
                 memcmp(piece->key_id, segment->key_id, sizeof piece->key_id) != 0;
    if (piece->segments > 0 && other) { /* Another leader's. */
        evidence_give(reader);
        piece->segments = piece->commands = piece->bytes = 0;
        piece->status = STATUS_OK;
    }
    if (piece->segments == 0) {
        piece->shard_id = segment->shard_id;
        piece->first_log_index = segment->log_index;
        piece->term = segment->term;
        piece->sealed_ns = segment->base_timestamp_ns;
        memcpy(piece->key_id, segment->key_id, sizeof piece->key_id);
    }
    enum status status = evidence_check(reader, segment);
    if (status != STATUS_OK) {
        evidence_bad(piece, status, segment->log_index);
    }
    piece->last_log_index = segment->log_index;
    piece->segments++;
    piece->commands += segment->command_count;
    piece->bytes += segment_bytes(segment);
    if (reader->first_log_index == 0) {
        reader->first_log_index = segment->log_index;
    }
    reader->last = *segment;
    reader->last.payload = NULL; /* The buffer is used again. */
}

/* What could be read is judged; what cannot be a segment is bad whatever it was. */
static void evidence_tail(struct evidence_reader *reader, int file)
{
    struct journal_evidence_piece *piece = &reader->piece;
    off_t offset = 0;
    ssize_t bytes;
    enum status status = STATUS_OK;
    while (status == STATUS_OK &&
           (bytes = pread(file, reader->buffer, sizeof reader->buffer, offset)) > 0) {
        struct segment segment;
        status = segment_open(&segment, reader->buffer, (size_t)bytes);
        if (status == STATUS_OK) {
            evidence_segment(reader, &segment);
            offset += (off_t)segment_bytes(&segment);
        }
    }
    if (status != STATUS_OK || bytes < 0) {
        evidence_bad(piece, bytes < 0 ? STATUS_IO : status, reader->last.log_index + 1);
    }
    char name[SITE_EVIDENCE_NAME_BYTES] = "";
    if (reader->first_log_index > 0 && reader->first_log_index <= reader->last.log_index) {
        site_evidence_name(name, reader->first_log_index, &reader->last);
    }
    if (strcmp(name, piece->file) != 0) { /* Whole segments are missing, or it is another's. */
        evidence_bad(piece, STATUS_SHORT, 0);
    }
    reader->result->files++;
    evidence_give(reader);
}

static enum status evidence_file(struct evidence_reader *reader, const char *directory,
                                 const char *name, struct journal_error *error)
{
    char path[JOURNAL_PATH_BYTES];
    struct stat found;
    enum status status = journal_file_path(path, directory, name, error);
    if (status != STATUS_OK) {
        return status;
    }
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &found) != 0) {
        int error_number = errno;
        if (file >= 0) {
            (void)close(file);
        }
        return error_number == ENOENT ? STATUS_OK /* Taken away meanwhile. */
                                      : journal_file_failed(error, "read", path, error_number);
    }
    reader->first_log_index = 0;
    reader->last = (struct segment){0};
    reader->piece = (struct journal_evidence_piece){.tail = site_evidence_is_named(name),
                                                    .kept_ns = (uint64_t)found.st_mtim.tv_sec *
                                                                   EVIDENCE_NS_A_S +
                                                               (uint64_t)found.st_mtim.tv_nsec};
    (void)snprintf(reader->piece.file, sizeof reader->piece.file, "%s", name);
    if (reader->piece.tail) {
        evidence_tail(reader, file);
    } else if (S_ISREG(found.st_mode)) {
        reader->piece.bytes = (uint64_t)found.st_size;
        evidence_give(reader);
    }
    (void)close(file);
    return STATUS_OK;
}

/* ---- All of them ---- */

/* What begins so is being written. */
static int evidence_is_listed(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strncmp(entry->d_name, "new-", 4) != 0;
}

enum status journal_evidence_read(const struct journal_evidence_options *options,
                                  struct journal_evidence_result *result,
                                  char error[static JOURNAL_EVIDENCE_ERROR_BYTES])
{
    ASSERT(options->piece != NULL);
    *result = (struct journal_evidence_result){0};
    struct journal_error why = {""};
    struct dirent **entries = NULL;
    enum status status = STATUS_OK;
    struct evidence_reader *reader = calloc(1, sizeof *reader); /* Too large for a stack. */
    int count = scandir(options->directory, &entries, evidence_is_listed, versionsort);
    if (reader == NULL) {
        journal_error_set(&why, "no memory to read segments");
        status = STATUS_FULL;
    } else if (count < 0 && errno != ENOENT) {
        status = journal_file_failed(&why, "read the directory", options->directory, errno);
    }
    for (int at = 0; at < count; at++) {
        if (status == STATUS_OK) {
            reader->options = options;
            reader->result = result;
            status = evidence_file(reader, options->directory, entries[at]->d_name, &why);
        }
        free(entries[at]);
    }
    free(entries);
    free(reader);
    if (status != STATUS_OK) {
        static_assert(JOURNAL_EVIDENCE_ERROR_BYTES >= JOURNAL_ERROR_BYTES, "a sentence fits");
        (void)snprintf(error, JOURNAL_EVIDENCE_ERROR_BYTES, "%s", why.text);
    }
    return status;
}

/* ---- As an operator sees them ---- */

struct evidence_printer {
    bool json;
    struct config config; /* No sites: not known who has which key. */
    char directory[CONFIG_PATH_BYTES + 32];
    struct segment_verifier verifiers[EVIDENCE_VERIFIERS_MAX];
};

/* The site whose key it is, or the key's id. */
static const char *evidence_signer(const struct evidence_printer *printer,
                                   const uint8_t key_id[static SEGMENT_KEY_ID_BYTES],
                                   char hex[static EVIDENCE_HEX_BYTES])
{
    for (uint32_t at = 0; at < printer->config.site_count; at++) {
        uint8_t id[SEGMENT_KEY_ID_BYTES];
        const struct config_site *site = &printer->config.sites[at];
        segment_key_id(id, site->public_key);
        if (site->name[0] != '\0' && memcmp(id, key_id, sizeof id) == 0) {
            return site->name;
        }
    }
    return sodium_bin2hex(hex, EVIDENCE_HEX_BYTES, key_id, SEGMENT_KEY_ID_BYTES);
}

/* Why a piece does not verify; NULL: it does. */
static const char *evidence_why(const struct journal_evidence_piece *piece)
{
    if (piece->status == STATUS_OK) {
        return NULL;
    }
    return piece->bad_log_index == 0 ? "not-what-its-name-says" : status_text(piece->status);
}

static void evidence_print_json(const struct evidence_printer *printer,
                                const struct journal_evidence_piece *piece, const char *kept)
{
    char hex[EVIDENCE_HEX_BYTES];
    char sealed[EVIDENCE_TIME_BYTES];
    command_text_time(sealed, sizeof sealed, piece->sealed_ns);
    json_t *object =
        json_pack("{s:s, s:s, s:I, s:s}", "file", piece->file, "kind",
                  piece->tail ? "tail" : "other", "bytes", (json_int_t)piece->bytes, "kept", kept);
    if (piece->tail) {
        json_t *tail = json_pack("{s:i, s:I, s:I, s:I, s:s, s:I, s:I, s:s, s:b, s:s*}", "shard",
                                 (int)piece->shard_id, "first_log_index",
                                 (json_int_t)piece->first_log_index, "last_log_index",
                                 (json_int_t)piece->last_log_index, "term", (json_int_t)piece->term,
                                 "signer", evidence_signer(printer, piece->key_id, hex), "segments",
                                 (json_int_t)piece->segments, "commands",
                                 (json_int_t)piece->commands, "sealed", sealed, "verified",
                                 piece->status == STATUS_OK, "why", evidence_why(piece));
        (void)json_object_update(object, tail);
        json_decref(tail);
    }
    if (piece->status != STATUS_OK && piece->bad_log_index > 0) {
        (void)json_object_set_new(object, "bad_log_index",
                                  json_integer((json_int_t)piece->bad_log_index));
    }
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)puts("");
    json_decref(object);
}

static void evidence_print(void *context, const struct journal_evidence_piece *piece)
{
    const struct evidence_printer *printer = context;
    char hex[EVIDENCE_HEX_BYTES];
    char sealed[EVIDENCE_TIME_BYTES];
    char kept[EVIDENCE_TIME_BYTES];
    command_text_time(sealed, sizeof sealed, piece->sealed_ns);
    command_text_time(kept, sizeof kept, piece->kept_ns);
    if (printer->json) {
        evidence_print_json(printer, piece, kept);
        return;
    }
    printf("file=%s kind=%s bytes=%" PRIu64 " kept=%s ", piece->file,
           piece->tail ? "tail" : "other", piece->bytes, kept);
    if (!piece->tail) {
        printf("verified=unsigned\n");
        return;
    }
    printf("shard=%u log_index=%" PRIu64 "-%" PRIu64 " term=%" PRIu64 " signer=%s segments=%" PRIu64
           " commands=%" PRIu64 " sealed=%s verified=%s",
           (unsigned)piece->shard_id, piece->first_log_index, piece->last_log_index, piece->term,
           evidence_signer(printer, piece->key_id, hex), piece->segments, piece->commands, sealed,
           piece->status == STATUS_OK ? "yes\n" : "NO");
    if (piece->status != STATUS_OK) {
        printf(" why=%s bad_log_index=%" PRIu64 "\n", evidence_why(piece), piece->bad_log_index);
    }
}

/* Keys, cluster and place as the site's own files say. */
static enum status evidence_of_config(struct evidence_printer *printer, const char *config_path,
                                      struct journal_evidence_options *options, char *error)
{
    static_assert(JOURNAL_EVIDENCE_ERROR_BYTES >= MEMBERS_ERROR_BYTES, "a sentence fits");
    const struct config *config = &printer->config;
    enum status status = members_read(&printer->config, config_path, error);
    if (status != STATUS_OK) {
        return status;
    }
    (void)snprintf(printer->directory, sizeof printer->directory, "%s/" SITE_EVIDENCE_DIRECTORY,
                   config->data);
    uint32_t count = 0;
    for (uint32_t at = 0; at < config->genesis_count; at++) {
        key_store_verifier_of(&printer->verifiers[count++], config->genesis[at].public_key);
    }
    for (uint32_t at = 0; at < config->site_count; at++) {
        if (config->sites[at].name[0] != '\0') {
            key_store_verifier_of(&printer->verifiers[count++], config->sites[at].public_key);
        }
    }
    for (uint32_t at = 0; at < config->key_count; at++) {
        key_store_verifier_of(&printer->verifiers[count++], config->keys[at]);
    }
    if (options->directory == NULL) {
        options->directory = printer->directory;
    }
    if (options->cluster_id == 0) {
        options->cluster_id = segment_cluster_id(config->cluster);
    }
    if (options->verifier_count == 0) {
        options->verifiers = printer->verifiers;
        options->verifier_count = count;
    }
    return STATUS_OK;
}

int journal_evidence_list(const struct journal_evidence_options *options, const char *config_path,
                          bool json)
{
    struct journal_evidence_options complete = *options;
    struct journal_evidence_result result;
    char error[JOURNAL_EVIDENCE_ERROR_BYTES] = "no memory";
    struct evidence_printer *printer = calloc(1, sizeof *printer);
    enum status status = printer == NULL ? STATUS_FULL : STATUS_OK;
    if (status == STATUS_OK && config_path != NULL) {
        status = evidence_of_config(printer, config_path, &complete, error);
    }
    if (status == STATUS_OK) {
        ASSERT(complete.directory != NULL && complete.verifier_count > 0);
        printer->json = json;
        complete.context = printer;
        complete.piece = evidence_print;
        status = journal_evidence_read(&complete, &result, error);
    }
    if (status == STATUS_OK && !json) {
        printf(
            "evidence in %s: %s tail%s that %s never committed, %s segments, %s commands, %s%s\n",
            complete.directory, human_number(result.files).text, result.files == 1 ? "" : "s",
            result.files == 1 ? "was" : "were", human_number(result.segments).text,
            human_number(result.commands).text, human_bytes(result.bytes).text,
            result.pieces == 0 ? ""
            : result.bad == 0  ? ": all verified"
                               : "");
    }
    free(printer);
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return options_failed("journal", "the output could not be written");
    }
    if (status != STATUS_OK) {
        return options_failed("journal", "%s", error);
    }
    return result.bad == 0
               ? OPTIONS_EXIT_DONE
               : options_failed("journal",
                                "%s of %s pieces of evidence do not verify: whoever changed them, "
                                "they prove nothing any more",
                                human_number(result.bad).text, human_number(result.pieces).text);
}
