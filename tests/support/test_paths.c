#include "tests/support/test_paths.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "matching/base/assertion.h"

void test_paths_build(char path[static TEST_PATH_BYTES])
{
    ssize_t bytes = readlink("/proc/self/exe", path, TEST_PATH_BYTES - 1);
    ASSERT(bytes > 0);
    path[bytes] = '\0';
    /* BUILD/tests/room/x_test or BUILD/bench/x_bench: the last of these ends BUILD. */
    char *end = NULL;
    static const char *const marks[] = {"/tests/", "/bench/"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        for (char *at = path; (at = strstr(at, marks[i])) != NULL; at++) {
            end = at > end ? at : end;
        }
    }
    ASSERT(end != NULL);
    *end = '\0';
}

void test_paths_make(char path[static TEST_PATH_BYTES], const char *name)
{
    char base[TEST_PATH_BYTES];
    const char *chosen = getenv("TEST_DIR");
    if (chosen != NULL && chosen[0] != '\0') {
        (void)snprintf(base, sizeof base, "%s", chosen);
    } else {
        test_paths_build(base);
    }
    int bytes = snprintf(path, TEST_PATH_BYTES, "%s/%s-XXXXXX", base, name);
    ASSERT(bytes > 0);
    ASSERT((size_t)bytes < TEST_PATH_BYTES);
    ASSERT(mkdtemp(path) != NULL);
}

static int test_paths_remove_one(const char *path, const struct stat *status, int type,
                                 struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void test_paths_remove(const char *path)
{
    ASSERT(strlen(path) > 1);
    (void)nftw(path, test_paths_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool test_paths_shared(char path[static TEST_PATH_BYTES], const char *file)
{
    const char *chosen = getenv("CAUSEWAY_SHARED");
    (void)snprintf(path, TEST_PATH_BYTES, "%s/%s", chosen != NULL ? chosen : "../shared", file);
    return access(path, R_OK) == 0;
}
