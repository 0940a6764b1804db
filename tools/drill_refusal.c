#include "tools/drill_refusal.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/site_child.h"

#define DRILL_REFUSAL_LINE_BYTES 2048u
#define DRILL_REFUSAL_LIMIT_MS   60000u

/* Copies a configuration without its overrides; `*left_out`: how many there were. */
static bool drill_refusal_copy(const char *from, const char *to, uint32_t *left_out)
{
    static const char begin[] = ", override: [";
    char line[DRILL_REFUSAL_LINE_BYTES];
    FILE *source = fopen(from, "re");
    FILE *target = source == NULL ? NULL : fopen(to, "we");
    *left_out = 0;
    while (target != NULL && fgets(line, sizeof line, source) != NULL) {
        char *at = strstr(line, begin);
        const char *end = at == NULL ? NULL : strchr(at + sizeof begin - 1, ']');
        if (end != NULL) {
            memmove(at, end + 1, strlen(end + 1) + 1);
            *left_out += 1;
        }
        (void)fputs(line, target);
    }
    bool whole = source != NULL && target != NULL && ferror(source) == 0 && ferror(target) == 0;
    if (source != NULL) {
        (void)fclose(source);
    }
    return (target == NULL || fclose(target) == 0) && whole;
}

/* What stands between the quotes of error="..." where causewayd denies a placement: it may fail to
 * start for other reasons as well, and those are no refusal. */
static bool drill_refusal_sentence(const char *line, char sentence[static DRILL_REFUSAL_BYTES])
{
    static const char key[] = " event=cannot-start status=denied error=\"";
    static const char reason[] = " cannot keep what is promised: ";
    const char *at = strstr(line, key);
    if (at == NULL) {
        return false;
    }
    at += sizeof key - 1;
    (void)snprintf(sentence, DRILL_REFUSAL_BYTES, "%.*s", (int)strcspn(at, "\""), at);
    return strstr(sentence, reason) != NULL;
}

enum status drill_refusal_see(const char *program, const char *directory, const char *config,
                              char sentence[static DRILL_REFUSAL_BYTES],
                              char error[static DRILL_PLACE_ERROR_BYTES])
{
    char copy[DRILL_PLACE_PATH_BYTES + 16];
    char log[DRILL_PLACE_PATH_BYTES + 16];
    char line[DRILL_REFUSAL_LINE_BYTES];
    struct site_child child;
    uint32_t left_out;
    ASSERT(strlen(directory) < DRILL_PLACE_PATH_BYTES);
    (void)snprintf(copy, sizeof copy, "%s/refused.yaml", directory);
    (void)snprintf(log, sizeof log, "%s/refused.log", directory);
    if (!drill_refusal_copy(config, copy, &left_out)) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "%.200s cannot be copied", config);
        return STATUS_IO;
    }
    if (left_out == 0) {
        return STATUS_NOT_FOUND;
    }
    site_child_init(&child, program, copy, log);
    if (site_child_start(&child) != STATUS_OK) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES, "%.200s cannot be started", program);
        return STATUS_IO;
    }
    enum status status = site_child_wait(&child, DRILL_REFUSAL_LIMIT_MS);
    site_child_kill(&child);
    site_child_last_words(&child, line, sizeof line);
    if (status != STATUS_CLOSED || child.exit_status == 0 ||
        !drill_refusal_sentence(line, sentence)) {
        (void)snprintf(error, DRILL_PLACE_ERROR_BYTES,
                       "a placement that has to be overridden was not refused: %.200s", log);
        return STATUS_EXISTS;
    }
    return STATUS_OK;
}
