/* A directory of a test's own with small text files in it. */
#ifndef TESTS_SUPPORT_TEXT_FIXTURE_H
#define TESTS_SUPPORT_TEXT_FIXTURE_H

#include <stdbool.h>

#include "tests/support/test_paths.h"

struct text_fixture {
    char directory[TEST_PATH_BYTES];
    char path[TEST_PATH_BYTES + 64]; /* Of the file written last. */
};

void text_fixture_make(struct text_fixture *fixture);
void text_fixture_remove(struct text_fixture *fixture);

/* Writes `text` to a file of this name; its path is then fixture->path. */
void text_fixture_write(struct text_fixture *fixture, const char *name, const char *text);

/* Whether two files have the same bytes. */
bool text_fixture_equal(const char *left, const char *right);

/* Runs a program with its arguments (ending with NULL), output to /dev/null; whether it ended well.
 */
bool text_fixture_run(const char *const *arguments);

#endif
