#include "tools/drill_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "matching/base/assertion.h"
#include "matching/base/limits.h"
#include "tools/free_port.h"

#define DRILL_MARK           ".causeway-drill" /* Only what has this is ever emptied. */
#define DRILL_FIRM           "CWAY"
#define DRILL_PASSWORD_BYTES 10
#define DRILL_ARGUMENTS_MAX  14
#define DRILL_NAME_BYTES     32u
#define DRILL_ENDPOINT_BYTES 64u

/* "DIRECTORY/NAME". */
static enum status drill_join(char target[static DRILL_PLACE_PATH_BYTES], const char *directory,
                              const char *name, char *error)
{
    int bytes = snprintf(target, DRILL_PLACE_PATH_BYTES, "%s/%s", directory, name);
    if (bytes < 0 || (size_t)bytes >= DRILL_PLACE_PATH_BYTES) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "the path of the run directory is too long");
        return STATUS_BAD_ARGUMENT;
    }
    return STATUS_OK;
}

static int drill_remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    return walk->level == 0 ? 0 : remove(path);
}

/* Empty it if a drill made it; leave it if it is empty; refuse it otherwise. */
static enum status drill_empty(const char *directory, char *error)
{
    char mark[DRILL_PLACE_PATH_BYTES];
    enum status status = drill_join(mark, directory, DRILL_MARK, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (access(mark, F_OK) == 0) {
        (void)nftw(directory, drill_remove_one, 16, FTW_DEPTH | FTW_PHYS);
        return STATUS_OK;
    }
    DIR *stream = opendir(directory);
    if (stream == NULL) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "cannot read %s: %s", directory,
                       strerror(errno));
        return STATUS_DENIED;
    }
    uint32_t entries = 0;
    while (readdir(stream) != NULL) {
        entries++;
    }
    (void)closedir(stream);
    if (entries > 2) { /* More than . and .. */
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES,
                       "%s holds something that no drill made: name another directory", directory);
        return STATUS_EXISTS;
    }
    return STATUS_OK;
}

static enum status drill_directory(struct drill_place *place, const char *directory, char *error)
{
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "cannot make %s: %s", directory,
                       strerror(errno));
        return errno == ENOSPC ? STATUS_NO_SPACE : STATUS_DENIED;
    }
    char *whole = realpath(directory, NULL);
    if (whole == NULL || strlen(whole) >= DRILL_PLACE_PATH_BYTES) {
        free(whole);
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "cannot use %s as a directory", directory);
        return STATUS_BAD_ARGUMENT;
    }
    (void)snprintf(place->directory, sizeof place->directory, "%s", whole);
    free(whole);
    enum status status = drill_empty(place->directory, error);
    if (status != STATUS_OK) {
        return status;
    }
    char mark[DRILL_PLACE_PATH_BYTES];
    status = drill_join(mark, place->directory, DRILL_MARK, error);
    int fd = status == STATUS_OK ? open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "cannot write in %s: %s", place->directory,
                       strerror(errno));
        return STATUS_DENIED;
    }
    (void)close(fd);
    return STATUS_OK;
}

/* This program and causewayd beside it. */
static enum status drill_programs(struct drill_place *place, char *error)
{
    ssize_t bytes = readlink("/proc/self/exe", place->tool, sizeof place->tool - 1);
    if (bytes <= 0) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "cannot find this program's own path");
        return STATUS_IO;
    }
    place->tool[bytes] = '\0';
    char *slash = strrchr(place->tool, '/');
    ASSERT(slash != NULL);
    *slash = '\0';
    enum status status = drill_join(place->program, place->tool, "causewayd", error);
    *slash = '/';
    if (status == STATUS_OK && access(place->program, X_OK) != 0) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "%s is not there: build or install it too",
                       place->program);
        status = STATUS_NOT_FOUND;
    }
    return status;
}

enum status drill_place_tool(const struct drill_place *place, const char *const arguments[],
                             char error[static DRILL_PLACE_ERROR_BYTES])
{
    char path[DRILL_PLACE_PATH_BYTES];
    enum status status = drill_join(path, place->directory, "tool.log", error);
    if (status != STATUS_OK) {
        return status;
    }
    FILE *log = fopen(path, "w+e");
    pid_t pid = log != NULL ? fork() : -1;
    if (pid == 0) {
        char *copy[DRILL_ARGUMENTS_MAX + 2] = {strdup(place->tool)};
        for (int i = 0; i < DRILL_ARGUMENTS_MAX && arguments[i] != NULL; i++) {
            copy[i + 1] = strdup(arguments[i]);
        }
        (void)dup2(fileno(log), STDOUT_FILENO);
        (void)dup2(fileno(log), STDERR_FILENO);
        (void)execv(place->tool, copy);
        _exit(127);
    }
    int ended = -1;
    if (pid < 0 || waitpid(pid, &ended, 0) != pid || ended != 0) {
        char line[DRILL_PLACE_ERROR_BYTES / 2] = "";
        char last[DRILL_PLACE_ERROR_BYTES / 2] = "no output";
        if (log != NULL) {
            rewind(log);
            while (fgets(line, sizeof line, log) != NULL) {
                line[strcspn(line, "\n")] = '\0';
                (void)snprintf(last, sizeof last, "%s", line);
            }
        }
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "`causeway %s` failed: %s", arguments[0],
                       last);
        status = STATUS_IO;
    }
    if (log != NULL) {
        (void)fclose(log);
    }
    return status;
}

enum status drill_place_make(struct drill_place *place, const char *directory,
                             char error[static DRILL_PLACE_ERROR_BYTES])
{
    memset(place, 0, sizeof *place);
    enum status status = drill_programs(place, error);
    if (status == STATUS_OK) {
        status = drill_directory(place, directory, error);
    }
    return status == STATUS_OK ? drill_join(place->market, place->directory, "market.yaml", error)
                               : status;
}

enum status drill_place_site_make(const struct drill_place *place, struct drill_place_site *site,
                                  const char *name, const char *provider, const char *ouch,
                                  const char *admin, const char *wal,
                                  char error[static DRILL_PLACE_ERROR_BYTES])
{
    char log[DRILL_NAME_BYTES + 8];
    ASSERT(strlen(name) < DRILL_NAME_BYTES);
    (void)snprintf(log, sizeof log, "%s.log", name);
    enum status status = drill_join(site->directory, place->directory, name, error);
    if (status == STATUS_OK) {
        status = drill_join(site->config, site->directory, "site.yaml", error);
    }
    if (status == STATUS_OK) {
        status = drill_join(site->log, place->directory, log, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    char ouch_here[DRILL_ENDPOINT_BYTES];
    char admin_here[DRILL_ENDPOINT_BYTES];
    uint32_t port = 0;
    (void)snprintf(ouch_here, sizeof ouch_here, "127.0.0.1:%u", free_port(&port));
    (void)snprintf(admin_here, sizeof admin_here, "127.0.0.1:%u", free_port(&port));
    const char *const arguments[] = {"init",
                                     site->directory,
                                     "--cluster=" DRILL_PLACE_CLUSTER,
                                     "--site",
                                     name,
                                     "--provider",
                                     provider,
                                     "--ouch",
                                     ouch != NULL ? ouch : ouch_here,
                                     "--admin",
                                     admin != NULL ? admin : admin_here,
                                     wal != NULL ? "--wal" : NULL,
                                     wal,
                                     NULL};
    return drill_place_tool(place, arguments, error);
}

/* "123.4500" from 1234500 and 4. */
static void drill_decimal(FILE *file, const char *key, int64_t value, uint32_t decimals)
{
    ASSERT(value >= 0);
    int64_t unit = 1;
    for (uint32_t i = 0; i < decimals; i++) {
        unit *= 10;
    }
    (void)fprintf(file, "        %s: %" PRId64, key, value / unit);
    if (decimals > 0) {
        (void)fprintf(file, ".%0*" PRId64, (int)decimals, value % unit);
    }
    (void)fputc('\n', file);
}

static void drill_password(FILE *file)
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
    for (int i = 0; i < DRILL_PASSWORD_BYTES; i++) {
        (void)fputc(letters[randombytes_uniform(sizeof letters - 1)], file);
    }
}

static void drill_shard_write(FILE *file, const struct drill_shard *shard, uint32_t shard_id)
{
    ASSERT(shard->instrument_count > 0);
    ASSERT(shard->session_count > 0);
    (void)fprintf(file,
                  "  - id: %u\n    firms:\n      - {name: " DRILL_FIRM "}\n    instruments:\n",
                  shard_id);
    for (uint32_t i = 0; i < shard->instrument_count; i++) {
        const struct drill_instrument *one = &shard->instruments[i];
        (void)fprintf(file, "      - symbol: %s\n        price_decimals: %u\n", one->symbol,
                      one->price_decimals);
        (void)fprintf(file, "        quantity_decimals: %u\n", one->quantity_decimals);
        drill_decimal(file, "tick", one->tick_size, one->price_decimals);
        drill_decimal(file, "price_min", one->price_min, one->price_decimals);
        drill_decimal(file, "price_max", one->price_max, one->price_decimals);
        drill_decimal(file, "quantity_max", (int64_t)one->quantity_max, one->quantity_decimals);
    }
    (void)fputs("    sessions:\n", file);
    for (uint32_t i = 0; i < shard->session_count; i++) {
        (void)fprintf(file, "      - {name: S%05u, firm: " DRILL_FIRM ", password: \"",
                      shard->session_first + i);
        drill_password(file);
        (void)fputs("\", open_orders_max: 1000000}\n", file);
    }
}

enum status drill_place_market(const struct drill_place *place, const struct drill_shard *shards,
                               uint32_t shard_count, char error[static DRILL_PLACE_ERROR_BYTES])
{
    ASSERT(shard_count > 0);
    ASSERT(shard_count <= SHARDS_MAX);
    int fd = open(place->market, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "cannot write %s: %s", place->market,
                       strerror(errno));
        return STATUS_DENIED;
    }
    (void)fputs("shards:\n", file);
    for (uint32_t i = 0; i < shard_count; i++) {
        drill_shard_write(file, &shards[i], i + 1);
    }
    if (fclose(file) != 0) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "cannot write %s: %s", place->market,
                       strerror(errno));
        return STATUS_NO_SPACE;
    }
    return STATUS_OK;
}
