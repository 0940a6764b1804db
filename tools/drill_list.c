#include "tools/drill_list.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "matching/base/assertion.h"
#include "tools/scenario.h"

#define DRILL_LIST_PATH_BYTES 1024u

static int drill_list_is_scenario(const struct dirent *entry)
{
    const char *ending = strrchr(entry->d_name, '.');
    return ending != NULL && ending != entry->d_name && strcmp(ending, ".yaml") == 0;
}

static enum status drill_list_one(FILE *out, struct scenario *scenario, const char *directory,
                                  const char *name)
{
    char path[DRILL_LIST_PATH_BYTES];
    char error[SCENARIO_ERROR_BYTES];
    int bytes = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (bytes < 0 || (size_t)bytes >= sizeof path) {
        return STATUS_BAD_FORMAT;
    }
    enum status status = scenario_read(scenario, path, error);
    if (status == STATUS_OK) {
        (void)fprintf(out, "  %-18s %s\n", scenario->name, scenario->title);
    } else {
        (void)fprintf(out, "  %-18s cannot be read: %s\n", scenario->name, error);
    }
    return status;
}

enum status drill_list(FILE *out)
{
    ASSERT(out != NULL);
    char directory[DRILL_LIST_PATH_BYTES];
    struct dirent **entries = NULL;
    int count = -1;
    if (scenario_directory(directory, sizeof directory) == STATUS_OK) {
        count = scandir(directory, &entries, drill_list_is_scenario, alphasort);
    }
    struct scenario *scenario = malloc(sizeof *scenario);
    enum status result = count > 0 && scenario != NULL ? STATUS_OK : STATUS_NOT_FOUND;
    for (int i = 0; i < count; i++) {
        if (scenario != NULL) {
            enum status status = drill_list_one(out, scenario, directory, entries[i]->d_name);
            result = status == STATUS_OK ? result : STATUS_BAD_FORMAT;
        }
        free(entries[i]);
    }
    free(entries);
    free(scenario);
    return result;
}
