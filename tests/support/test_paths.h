/* Where a test finds the programs it tests, room for its files, and the shared data. */
#ifndef TESTS_SUPPORT_TEST_PATHS_H
#define TESTS_SUPPORT_TEST_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#define TEST_PATH_BYTES 512u

/* The build directory that this test was built in, absolute. */
void test_paths_build(char path[static TEST_PATH_BYTES]);

/* A new, empty directory on a real disk, for this test alone. */
void test_paths_make(char path[static TEST_PATH_BYTES], const char *name);
/* Remove it and all in it. */
void test_paths_remove(const char *path);

/* The shared data of development and CI: $CAUSEWAY_SHARED, or ../shared beside the checkout. False
 * when it is not there; tests on it then print "skipped: no data". */
bool test_paths_shared(char path[static TEST_PATH_BYTES], const char *file);

#endif
